"""Losses: values and gradients against loops over plain numbers, and what each loss
refuses to read.
"""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    HalfSquaredError,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
)
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES

# units in the last place that NumPy's own accuracy tests allow its exp and log; math's
# functions stay below one
ULP = 4
# eps per term: at most two such functions and eight further roundings, here and in the
# test
UNITS = 2 * ULP + 8
EPS = math.ulp(1.0)
ON_CLASSES = (CrossEntropy(), SoftmaxCrossEntropy())
EVERY = tuple(kind() for kind in LOSSES.values())
ON_VALUES = tuple(loss for loss in EVERY if loss.reads == "values")
BINARY = (BinaryCrossEntropy(), SigmoidCrossEntropy())

every = pytest.mark.parametrize("loss", EVERY, ids=repr)
on_classes = pytest.mark.parametrize("loss", ON_CLASSES, ids=repr)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def sentence(text):
    """The whole message, word for word."""
    return f"^{re.escape(text)}$"


def softplus(z):
    """log(1 + exp(z)) without overflow."""
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def terms(loss, a, y):
    """Per entry of one row: its term of C, the sum of sizes that rounding acts on
    there, its dC/da, and likewise; all before the 1/n.

    The losses on logits write a term through z itself, so |z| (or the distance from the
    largest, and log k) is in its size.
    """
    k, top = len(a), max(a)
    exps = [math.exp(p - top) for p in a]
    for p, t, e in zip(a, y, exps, strict=True):
        match loss.name:
            case "mse":
                yield (p - t) ** 2 / k, (p - t) ** 2 / k, 2 * (p - t) / k, 2 * abs(p - t) / k
            case "half_squared_error":
                yield (p - t) ** 2 / 2, (p - t) ** 2 / 2, p - t, abs(p - t)
            case "mae":
                yield abs(p - t) / k, abs(p - t) / k, ((p > t) - (p < t)) / k, 1 / k
            case "cross_entropy":
                yield -t * math.log(p), abs(t * math.log(p)), -t / p, t / p
            case "softmax_cross_entropy":
                log_sum, q = math.log(math.fsum(exps)), e / math.fsum(exps)
                size = 1 + math.log(k) + top - p
                yield t * (log_sum - (p - top)), t * size, q - t, q * size + t
            case "binary_cross_entropy":
                term = -(t * math.log(p) + (1 - t) * math.log(1 - p)) / k
                yield (
                    term,
                    term + (1 - t) / k,
                    ((1 - t) / (1 - p) - t / p) / k,
                    ((1 - t) / (1 - p) + t / p) / k,
                )
            case "sigmoid_cross_entropy":
                q = math.exp(min(p, 0.0)) / (1 + math.exp(-abs(p)))
                yield (
                    (t * softplus(-p) + (1 - t) * softplus(p)) / k,
                    (1 + 2 * abs(p)) / k,
                    (q - t) / k,
                    (q + t) / k,
                )
            case _:
                raise AssertionError(f"tests/test_losses.py: terms has no case for {loss}")


def plain(loss, a, y):
    """C, its bound, dC/da, and its bound, for lists of rows."""
    n, k = len(a), len(a[0])
    rows = [list(terms(loss, p, t)) for p, t in zip(a, y, strict=True)]
    value, size = (math.fsum(entry[i] for row in rows for entry in row) / n for i in (0, 1))
    gradient, sizes = ([[entry[i] / n for entry in row] for row in rows] for i in (2, 3))
    return value, (n * k + UNITS) * size, np.array(gradient), (k + UNITS) * np.array(sizes)


def sample(loss, dtype="float64", rows=5, columns=3, seed=0):
    """A prediction and targets that the loss can read, both read-only: whatever writes
    into them raises.
    """
    rng = np.random.default_rng(seed)
    a, y = rng.normal(0.0, 2.0, (2, rows, columns))
    if loss.reads == "probabilities":
        a = Softmax().value(a) if loss in ON_CLASSES else Sigmoid().value(a)
    if loss in ON_CLASSES:
        y = Softmax().value(y)
    elif loss in BINARY:
        y = rng.uniform(0.0, 1.0, y.shape)
        y[0] = rng.integers(0, 2, columns)
    a, y = a.astype(dtype), y.astype(dtype)
    a.flags.writeable = y.flags.writeable = False
    return a, y


# every loss is known


def public_kinds(kind=refnet.Loss):
    """The losses of refnet, whether a table has them or not."""
    for sub in kind.__subclasses__():
        if sub.__module__.startswith("refnet.") and not sub.__name__.startswith("_"):
            yield sub
        yield from public_kinds(sub)


@pytest.mark.parametrize("kind", [*public_kinds()], ids=lambda kind: kind.__name__)
def test_every_loss_is_in_every_list_of_losses(kind):
    """By its name in the table, by its class in what the packages export and say."""
    name, room = kind.__name__, "refnet/losses/__init__.py"
    assert LOSSES.get(kind.name) is kind, f"{room}: LOSSES has no entry for {name}"
    assert name in refnet.losses.__all__, f"{room}: __all__ has no {name}"
    assert re.search(rf"\b{name}\b", refnet.losses.__doc__), f"{room}: the map has no {name}"
    assert name in refnet.__all__, f"refnet/__init__.py: __all__ has no {name}"


# values and gradients


def room_of(loss):
    """The file of a loss."""
    return f"{type(loss).__module__.replace('.', '/')}.py"


@pytest.mark.parametrize("loss", ON_VALUES, ids=repr)
def test_a_loss_says_where_its_gradient_has_kinks(loss):
    """Where dC/da or its slope jumps, at a multiple of 1/4, is in `kinks`: a difference
    of C says nothing there.
    """
    e, h = np.arange(-16, 17) / 4.0, 2.0**-10
    far_below, below, above, far_above = (
        np.array([loss.gradient(np.array([[at]]), np.zeros((1, 1))).item() for at in e + step])
        for step in (-2 * h, -h, h, 2 * h)
    )
    # 1/2 is far above what a smooth dC/da changes by within h, and below a jump of 1
    bent = np.abs((far_above - above) - (below - far_below)) / h > 0.5
    kinks = tuple(e[(np.abs(above - below) > 0.5) | bent].tolist())
    says = f"{room_of(loss)}: {loss}.kinks has {loss.kinks}, expected {kinks}"
    assert loss.kinks == kinks, says


@dtypes
@every
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 5), (7, 1), (5, 3)])
def test_value_and_gradient_are_those_of_plain_loops(loss, rows, columns, dtype):
    """C and dC/da equal sums over Python floats, within the roundings of a term and of
    the sum.
    """
    a, y = sample(loss, dtype, rows, columns)
    eps = float(np.finfo(dtype).eps)
    value, value_bound, gradient, gradient_bound = plain(loss, a.tolist(), y.tolist())
    assert abs(loss.value(a, y) - value) <= eps * value_bound
    assert (np.abs(loss.gradient(a, y) - gradient) <= eps * gradient_bound).all()


def test_the_losses_that_the_complex_step_applies_to():
    """All but those whose value is made of |a - y| or |z|."""
    assert {each.name for each in EVERY if not each.analytic} == {"mae", "sigmoid_cross_entropy"}


@every
def test_a_loss_says_whether_the_complex_step_applies(loss):
    """Where it is analytic, Im C(a + ih) / h along the signs of dC/da is the sum of
    their sizes; a loss that is not analytic has mostly 0 there.
    """
    if loss.analytic:
        a, y = sample(loss)
        gradient, h = loss.gradient(a, y), 1e-100
        step = loss.value(a + 1j * h * np.sign(gradient), y)
        expected = np.abs(gradient).sum()
        says = f"{room_of(loss)}: {loss}.analytic should be False"
        assert expected / 2.0 < np.imag(step) / h < 2.0 * expected, says


@dtypes
@every
def test_a_value_is_a_python_float_and_a_gradient_keeps_its_dtype(loss, dtype):
    """C is a Python float, which promotes nothing, and dC/da has shape and dtype of
    a.
    """
    a, y = sample(loss, dtype)
    gradient = loss.gradient(a, y)
    assert type(loss.value(a, y)) is float
    assert (gradient.shape, gradient.dtype) == (a.shape, a.dtype)


@on_classes
def test_labels_are_their_one_hot_distributions(loss):
    """Labels give the gradient of their one-hot rows bit for bit, and the value up to
    the order of a sum of n k terms.
    """
    a, _ = sample(loss, rows=6, columns=4)
    labels = np.array([0, 3, 1, 2, 3, 0])
    y = refnet.one_hot(labels, 4)
    assert np.array_equal(loss.gradient(a, labels), loss.gradient(a, y))
    assert abs(loss.value(a, labels) - loss.value(a, y)) <= a.size * EPS * loss.value(a, y)


@on_classes
@pytest.mark.parametrize("kind", ["uint8", "int16", "uint64", ">i4", list])
def test_labels_may_be_integers_of_any_kind(loss, kind):
    """A label is the same class in every integer dtype, and an index in NumPy's own."""
    labels = np.array([0, 199, 150, 3])
    given_y = labels.tolist() if kind is list else labels.astype(kind)
    targets = loss.targets(given_y, 4, 200, np.dtype("float64"))
    assert targets.tolist() == labels.tolist()
    assert targets.dtype == np.intp


@every
def test_the_batch_twice_has_half_the_gradient_in_each_row(loss):
    """The 1/n halves exactly when the batch is doubled, and the value, a mean, changes
    by the order of its sum only.
    """
    a, y = sample(loss)
    twice_a, twice_y = np.concatenate([a, a]), np.concatenate([y, y])
    half = loss.gradient(a, y) / 2.0
    assert np.array_equal(loss.gradient(twice_a, twice_y), np.concatenate([half, half]))
    _, bound, _, _ = plain(loss, twice_a.tolist(), twice_y.tolist())
    assert abs(loss.value(twice_a, twice_y) - loss.value(a, y)) <= bound * EPS


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 99))
def test_mse_is_two_kths_of_the_half_squared_error(rows, columns, seed):
    """MSE = 2/k HalfSquaredError, in value and gradient: five roundings at most between
    the two, half an eps each.
    """
    a, y = sample(MSE(), rows=rows, columns=columns, seed=seed)
    value, gradient = (
        2.0 / columns * HalfSquaredError().value(a, y),
        2.0 / columns * HalfSquaredError().gradient(a, y),
    )
    assert abs(MSE().value(a, y) - value) <= 2.5 * EPS * value
    assert (np.abs(MSE().gradient(a, y) - gradient) <= 2.5 * EPS * np.abs(gradient)).all()


def test_mae_has_no_slope_where_the_prediction_is_right():
    """The sign of 0 is 0, as torch's L1Loss has it."""
    a, y = np.array([[1.0, -0.0, 2.0, 5.0]]), np.array([[1.0, 0.0, 3.0, 1.0]])
    assert MAE().gradient(a, y).tolist() == [[0.0, 0.0, -0.25, 0.25]]
    assert MAE().value(a, y) == (1.0 + 4.0) / 4.0


def test_softmax_cross_entropy_is_cross_entropy_of_a_softmax():
    """Value and delta agree: log a has the error of a, and both deltas are (a - y)/n
    made of terms a/n and y/n, k + 6 units of them.
    """
    z, y = sample(SoftmaxCrossEntropy())
    a = Softmax().value(z)
    _, own, _, _ = plain(SoftmaxCrossEntropy(), z.tolist(), y.tolist())
    assert abs(CrossEntropy().value(a, y) - SoftmaxCrossEntropy().value(z, y)) <= 2 * own * EPS
    delta = Softmax().pullback(CrossEntropy().gradient(a, y), z, a)
    assert (
        np.abs(delta - SoftmaxCrossEntropy().gradient(z, y))
        <= (z.shape[1] + 6) * EPS * (a + y) / len(z)
    ).all()


def test_sigmoid_cross_entropy_is_binary_cross_entropy_of_a_sigmoid():
    """Value and delta agree: 1 - a, which rounds, divides the error of a there; the
    deltas are y (1 - a) and (1 - y) a, 8 units of them.
    """
    z, y = sample(SigmoidCrossEntropy())
    a = Sigmoid().value(z)
    _, own, _, _ = plain(SigmoidCrossEntropy(), z.tolist(), y.tolist())
    lost = (ULP + 3) * (y + (1.0 - y) / (1.0 - a)).sum() / z.size
    assert (
        abs(BinaryCrossEntropy().value(a, y) - SigmoidCrossEntropy().value(z, y))
        <= (2 * own + lost) * EPS
    )
    delta = Sigmoid().pullback(BinaryCrossEntropy().gradient(a, y), z, a)
    assert (
        np.abs(delta - SigmoidCrossEntropy().gradient(z, y))
        <= 8 * EPS * (y * (1.0 - a) + (1.0 - y) * a) / z.size
    ).all()


@dtypes
@pytest.mark.parametrize(
    ("loss", "y", "value", "gradient"),
    [
        (SoftmaxCrossEntropy(), [[0, 1]], 1e4, [[1.0, -1.0]]),
        (SoftmaxCrossEntropy(), [[1, 0]], 0.0, [[0.0, 0.0]]),
        (SigmoidCrossEntropy(), [[0, 1]], (5e3 + 5e3) / 2, [[1.0 / 2, -1.0 / 2]]),
        (SigmoidCrossEntropy(), [[1, 0]], 0.0, [[0.0, 0.0]]),
    ],
)
def test_losses_on_logits_stay_exact_where_probabilities_round(loss, y, value, gradient, dtype):
    """Logits of 5000 and -5000 cost what they are off by, with the gradient of a
    certainty, and no warning (here an error).
    """
    z, targets = np.array([[5e3, -5e3]], dtype), np.array(y, dtype)
    assert loss.value(z, targets) == value
    assert loss.gradient(z, targets).tolist() == gradient


# the ends of [0, 1]


@dtypes
@pytest.mark.parametrize(
    ("loss", "a", "y", "expected"),
    [
        (CrossEntropy(), [[0.0, 1.0]], [0], 100.0),
        (CrossEntropy(), [[0.0, 1.0]], [[1.0, 0.0]], 100.0),
        (CrossEntropy(), [[0.0, 1.0]], [1], 0.0),
        (BinaryCrossEntropy(), [[0.0]], [[1.0]], 100.0),
        (BinaryCrossEntropy(), [[1.0]], [[0.0]], 100.0),
        (BinaryCrossEntropy(), [[1.0, 0.0]], [[1.0, 0.0]], 0.0),
    ],
)
def test_the_logarithm_of_zero_counts_as_minus_a_hundred(loss, a, y, expected, dtype):
    """A probability of exactly zero costs 100, as in torch's BCELoss, and nothing where
    its target is zero.
    """
    targets = np.array(y) if np.ndim(y) == 1 else np.array(y, dtype)
    assert loss.value(np.array(a, dtype), targets) == expected


def test_the_floor_is_under_the_value_only():
    """At a = 1e-50 the value is 100 for log a = -115, and the gradient is still
    -1/a.
    """
    a, y = np.array([[1e-50]]), np.array([[1.0]])
    for loss in (CrossEntropy(), BinaryCrossEntropy()):
        assert loss.value(a, y) == 100.0
        assert loss.gradient(a, y).tolist() == [[-1.0 / 1e-50]]


def test_a_class_without_target_has_no_gradient():
    """Cross-entropy's gradient is 0 where y = 0, even at a = 0."""
    assert CrossEntropy().gradient(
        np.array([[0.0, 0.5, 0.5]]), np.array([[0.0, 1.0, 0.0]])
    ).tolist() == [[0.0, -2.0, 0.0]]
    assert BinaryCrossEntropy().gradient(
        np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])
    ).tolist() == [[0.5, -0.5]]


@pytest.mark.parametrize(
    ("loss", "a", "y", "probability", "at", "other"),
    [
        (
            CrossEntropy(),
            [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]],
            [0, 2],
            "0",
            "row 1, class 2",
            "SoftmaxCrossEntropy",
        ),
        (
            CrossEntropy(),
            [[0.0, 1.0], [1.0, 0.0]],
            [[0.5, 0.5], [0.5, 0.5]],
            "0",
            "row 0, class 0",
            "SoftmaxCrossEntropy",
        ),
        (
            CrossEntropy(),
            [[5e-324, 1.0]],
            [0],
            "4.94066e-324",
            "row 0, class 0",
            "SoftmaxCrossEntropy",
        ),
        (
            BinaryCrossEntropy(),
            [[0.5, 0.0]],
            [[1.0, 1.0]],
            "0",
            "row 0, class 1",
            "SigmoidCrossEntropy",
        ),
        (
            BinaryCrossEntropy(),
            [[0.5], [1.0]],
            [[1.0], [0.0]],
            "0",
            "row 1, class 0",
            "SigmoidCrossEntropy",
        ),
    ],
)
def test_a_probability_that_rules_its_target_out_has_no_gradient(
    loss, a, y, probability, at, other
):
    """Where dC/da would be infinite the loss says where, and which loss on logits has
    no such limit.
    """
    text = (
        f"{loss}: probability given to the target has {probability} at {at}, expected one with a "
        f"finite reciprocal; "
    )
    with pytest.raises(ValueError, match=sentence(f"{text}{other} on logits has no such limit")):
        loss.gradient(np.array(a), np.array(y))


@pytest.mark.parametrize("method", ["value", "gradient"])
@pytest.mark.parametrize("loss", [CrossEntropy(), BinaryCrossEntropy()], ids=repr)
@pytest.mark.parametrize("outside", [1.5, -0.25])
def test_probabilities_lie_between_zero_and_one(loss, outside, method):
    """A loss on probabilities refuses a prediction that is none."""
    with pytest.raises(
        ValueError,
        match=sentence(
            f"{loss}: prediction has {outside:g} at row 0, column 1, expected values in [0, 1]"
        ),
    ):
        getattr(loss, method)(np.array([[0.5, outside]]), np.array([[0.5, 0.5]]))


# what a loss refuses


@pytest.mark.parametrize("method", ["value", "gradient"])
@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (loss, y)
        for loss in EVERY
        for y in ((8,), (7,), (8, 2))
        if y != (8,) or loss not in ON_CLASSES
    ],
)
def test_a_column_is_not_broadcast(loss, y, method):
    """(8, 1) against (8,) would broadcast to (8, 8); the loss refuses to."""
    with pytest.raises(
        ValueError,
        match=sentence(
            f"{loss}: prediction (8, 1) and y {y} differ in shape; refusing to broadcast"
        ),
    ):
        getattr(loss, method)(np.full((8, 1), 0.5), np.ones(y, int if len(y) == 1 else float))


READS = {
    "CrossEntropy": ("probabilities", "Softmax or Sigmoid", {"Identity": "SoftmaxCrossEntropy"}),
    "SoftmaxCrossEntropy": (
        "logits",
        "Identity",
        {"Softmax": "CrossEntropy", "Sigmoid": "BinaryCrossEntropy"},
    ),
    "BinaryCrossEntropy": (
        "probabilities",
        "Sigmoid",
        {"Identity": "SigmoidCrossEntropy", "Softmax": "CrossEntropy"},
    ),
    "SigmoidCrossEntropy": (
        "logits",
        "Identity",
        {"Softmax": "CrossEntropy", "Sigmoid": "BinaryCrossEntropy"},
    ),
}


def refusal(loss, output):
    """The sentence that refuses this pair, or None where the pair is allowed."""
    if output == "Heaviside":
        return (
            "Dense 1 (W 3x2): activation has Heaviside, expected a trainable one: its derivative "
            "is zero everywhere"
        )
    reads, want, meant = READS.get(str(loss), ("values", output, {}))
    if output in want.split(" or "):
        return None
    hint = f"; with {output} you probably mean {meant[output]}" if output in meant else ""
    return f"{loss}: reads {reads}, but the output layer has {output}, expected {want}{hint}"


@every
@pytest.mark.parametrize("output", list(ACTIVATIONS))
def test_every_pair_of_loss_and_output_works_or_is_refused_by_name(loss, output):
    """A loss stands behind the outputs it can read; behind another it names the pair
    that was probably meant.
    """
    net = refnet.mlp([2, 3], output=output, init=refnet.Constant(0.25, 0.5))
    x, y = [[0.5, 1.0]], [[0.25, 0.5, 0.25]]
    text = refusal(loss, type(ACTIVATIONS[output]()).__name__)
    if text is None:
        value, gradients = net.loss_and_gradients(x, y, loss)
        assert math.isfinite(value)
        assert np.isfinite(gradients.vector).all()
    else:
        with pytest.raises(ValueError, match=sentence(text)):
            net.loss_and_gradients(x, y, loss)


MISFITS = {
    ON_CLASSES: [
        ([0, 3], ValueError, "y has label 3 at row 1, expected 0 to 2"),
        ([-1, 0], ValueError, "y has label -1 at row 0, expected 0 to 2"),
        ([0.0, 1.0], TypeError, "y has labels of dtype float64, expected integers: y.astype(int)"),
        ([0], ValueError, "y has shape (1,), expected labels (2,) or distributions (2, 3)"),
        (
            [[1], [0]],
            ValueError,
            "y has shape (2, 1), expected labels (2,) or distributions (2, 3)",
        ),
        (
            [[0.75, 0, 0], [1, 0, 0]],
            ValueError,
            "y has the sum 0.75 at row 0, expected 1 (each row a distribution)",
        ),
        (
            [[1, 0, 0], [2, -1, 0]],
            ValueError,
            "y has 2 at row 1, column 0, expected values in [0, 1]",
        ),
    ],
    BINARY: [
        (
            [[1, 0, 1], [0, 1.5, 1]],
            ValueError,
            "y has 1.5 at row 1, column 1, expected values in [0, 1]",
        ),
        (
            [[1, 0, 1], [-0.5, 1, 1]],
            ValueError,
            "y has -0.5 at row 1, column 0, expected values in [0, 1]",
        ),
    ],
    (*ON_VALUES, *BINARY): [([[1], [2]], ValueError, "y has shape (2, 1), expected (2, 3)")],
}


@pytest.mark.parametrize(
    ("loss", "y", "error", "text"),
    [(loss, *row) for few, rows in MISFITS.items() for loss in few for row in rows],
)
def test_targets_that_do_not_fit_are_refused(loss, y, error, text):
    """Targets are labels in range, rows that sum to one, probabilities or values; the
    sentence names the first that is not.
    """
    output = {
        "logits": "identity",
        "values": "tanh",
        "probabilities": "softmax" if loss in ON_CLASSES else "sigmoid",
    }[loss.reads]
    with pytest.raises(error, match=sentence(f"{loss}: {text}")):
        refnet.mlp([2, 3], output=output).loss_and_gradients([[0, 1], [1, 0]], y, loss)


def test_a_float32_distribution_fits_a_float64_network():
    """Rows that sum to one in float32 are distributions in a float64 network; rows of
    float64 that far off are none.
    """
    y = Softmax().value(np.random.default_rng(3).normal(0.0, 1.0, (40, 3)).astype("float32"))
    exact = y.astype("float64")
    off = np.flatnonzero(np.abs(exact.sum(axis=1) - 1.0) > 3 * EPS)[0]
    net, x = refnet.mlp([2, 3]), np.zeros((40, 2))
    assert net.loss_and_gradients(x, y, "cross_entropy")[0] == CrossEntropy().value(
        net.predict(x), exact
    )
    with pytest.raises(
        ValueError,
        match=rf"^CrossEntropy: y has the sum .* at row {off}, expected 1 \(each row a "
        rf"distribution\)$",
    ):
        net.loss_and_gradients(x, exact, "cross_entropy")


# one_hot


def test_one_hot_marks_the_label():
    """Row i has its 1 in the column of label i, in the dtype asked for."""
    assert refnet.one_hot([1, 0, 2], 3).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert refnet.one_hot([1], 2, "float32").dtype == np.float32


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        ([[1]], ValueError, "one_hot: labels has shape (1, 1), expected (n,)"),
        ([0, 2], ValueError, "one_hot: labels has label 2 at row 1, expected 0 to 1"),
        (
            [0.0],
            TypeError,
            "one_hot: labels has labels of dtype float64, expected integers: labels.astype(int)",
        ),
    ],
)
def test_one_hot_refuses_what_is_no_label(labels, error, text):
    """Labels are integers from 0 to classes - 1, in one row."""
    with pytest.raises(error, match=sentence(text)):
        refnet.one_hot(labels, 2)


@pytest.mark.parametrize(
    ("classes", "error", "text"),
    [
        (0, ValueError, "one_hot: classes has 0, expected an integer >= 1"),
        (2.0, TypeError, "one_hot: classes has type float, expected an integer"),
        (True, TypeError, "one_hot: classes has type bool, expected an integer"),
    ],
)
def test_one_hot_refuses_what_is_no_number_of_classes(classes, error, text):
    """The number of classes is an integer from 1 on, also where there is no label."""
    with pytest.raises(error, match=sentence(text)):
        refnet.one_hot(np.zeros(0, int), classes)
