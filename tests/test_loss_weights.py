"""Weights of rows, classes and outputs in the losses: against loops over plain numbers,
and against rows that are repeated.
"""

import math
from itertools import product

import numpy as np
import pytest

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
from refnet.losses import LOSSES

K = 4
WEIGHT = (0.5, 2.0, 0.0, 1.25)
POSITIVE = (3.0, 0.25, 1.5, 1.0)
# units in the last place of NumPy's exp and log twice, and the roundings of a term: T,
# its quotient by D, its product and what test_losses.py allows for
UNITS = 2 * 4 + 8 + 8


def on_classes(kind):
    return kind in (CrossEntropy, SoftmaxCrossEntropy)


def settings_of(kind):
    """Every setting of a loss, each with each."""
    if on_classes(kind):
        grid = {"weight": WEIGHT, "ignore_index": 1, "label_smoothing": 0.25, "reduction": "sum"}
    elif kind is SigmoidCrossEntropy:
        grid = {"weight": WEIGHT, "pos_weight": POSITIVE, "reduction": "sum"}
    elif kind is BinaryCrossEntropy:
        grid = {"weight": WEIGHT, "reduction": "sum"}
    else:
        grid = {"reduction": "sum"}
    for chosen in product((False, True), repeat=len(grid)):
        yield {name: grid[name] for name, here in zip(grid, chosen, strict=True) if here}


EVERY = [kind(**settings) for kind in LOSSES.values() for settings in settings_of(kind)]
# with distributions a label cannot be ignored
CASES = [
    (loss, labels)
    for loss in EVERY
    for labels in ((True, False) if on_classes(type(loss)) else (False,))
    if labels or getattr(loss, "ignore_index", None) is None
]
cases = pytest.mark.parametrize(("loss", "labels"), CASES, ids=repr)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
kinds = pytest.mark.parametrize("kind", LOSSES.values())


def sample(loss, labels, dtype="float64", rows=6, seed=0):
    """A prediction, targets and weights of rows, of which one is 0 and one 1."""
    rng = np.random.default_rng(seed)
    a, y = rng.normal(0.0, 2.0, (2, rows, K))
    if loss.reads == "probabilities":
        a = Softmax().value(a) if on_classes(type(loss)) else Sigmoid().value(a)
    if on_classes(type(loss)):
        y = Softmax().value(y)
    elif loss.reads != "values":
        y = rng.uniform(0.0, 1.0, y.shape)
    y = np.array([0, 1, 3, 2, 1, 3])[:rows] if labels else y.astype(dtype)
    s = np.array([0.0, 1.0, 0.5, 3.0, 2.25, 1.5])[:rows]
    return a.astype(dtype), y, s.astype(dtype)


def weighted_targets(loss, y, i, j, s):
    """T1 and T0 of an entry, or T and nothing, or s and nothing."""
    weight = 1.0 if getattr(loss, "weight", None) is None else loss.weight[j]
    if on_classes(type(loss)):
        is_label = np.ndim(y) == 1
        if is_label and y[i] == loss.ignore_index:
            return 0.0, 0.0
        y_ij, eps = float(y[i] == j) if is_label else float(y[i][j]), loss.label_smoothing
        return s * weight * ((1 - eps) * y_ij + eps / K), 0.0
    if loss.reads == "values":
        return s, 0.0
    positive = 1.0 if getattr(loss, "pos_weight", None) is None else loss.pos_weight[j]
    return s * weight * positive * float(y[i][j]), s * weight * (1 - float(y[i][j]))


def divisor(loss, y, weights):
    """D."""
    if loss.reduction == "sum":
        return 1.0
    if on_classes(type(loss)) and np.ndim(y) == 1:
        kept = [
            (s, label) for s, label in zip(weights, y, strict=True) if label != loss.ignore_index
        ]
        return math.fsum(s * (1.0 if loss.weight is None else loss.weight[l]) for s, l in kept)
    per_row = 1 if on_classes(type(loss)) or type(loss) is HalfSquaredError else K
    return per_row * math.fsum(weights)


def entry(loss, row, j, y_ij, yes, no, T_row):
    """The term of C, the size that rounding acts on there, dC/da and its size, all
    before the division by D.
    """
    p, top = row[j], max(row)
    log_sum = math.log(math.fsum(math.exp(each - top) for each in row))
    e, q = p - y_ij, math.exp(p - top - log_sum)
    match loss.name:
        case "mse":
            return yes * e * e, yes * e * e, 2 * yes * e, 2 * yes * abs(e)
        case "half_squared_error":
            return yes * e * e / 2, yes * e * e / 2, yes * e, yes * abs(e)
        case "mae":
            return yes * abs(e), yes * abs(e), yes * ((e > 0) - (e < 0)), yes
        case "cross_entropy":
            return -yes * math.log(p), -yes * math.log(p), -yes / p, yes / p
        case "softmax_cross_entropy":
            size = 1 + math.log(K) + top - p
            return yes * (log_sum - (p - top)), yes * size, q * T_row - yes, q * T_row * size + yes
        case "binary_cross_entropy":
            term = -(yes * math.log(p) + no * math.log(1 - p))
            return term, term + no, no / (1 - p) - yes / p, no / (1 - p) + yes / p
        case "sigmoid_cross_entropy":
            q = math.exp(min(p, 0.0)) / (1 + math.exp(-abs(p)))
            soft = math.log1p(math.exp(-abs(p)))
            term = yes * (max(-p, 0.0) + soft) + no * (max(p, 0.0) + soft)
            return term, (yes + no) * (1 + 2 * abs(p)), (yes + no) * q - yes, (yes + no) * q + yes
    raise AssertionError(f"tests/test_loss_weights.py: entry has no case for {loss}")


def by_hand(loss, a, y, weights):
    """C, its bound, dC/da and its bound, in units of eps, by loops."""
    n, D, value, size = len(a), divisor(loss, y, weights), [], []
    gradient, sizes = np.zeros((2, n, K))
    for i, row in enumerate(a.tolist()):
        pairs = [weighted_targets(loss, y, i, j, weights[i]) for j in range(K)]
        T_row = math.fsum(yes for yes, _ in pairs)
        for j, (yes, no) in enumerate(pairs):
            y_ij = float(y[i][j]) if np.ndim(y) == 2 else 0.0
            term, term_size, gradient[i, j], sizes[i, j] = entry(loss, row, j, y_ij, yes, no, T_row)
            value.append(term)
            size.append(term_size)
    # D is a sum of n, a row of k, C of n k
    bound = (n * K + n + UNITS) * math.fsum(size) / D
    return math.fsum(value) / D, bound, gradient / D, (n + K + UNITS) * sizes / D


# by hand


@kinds
def test_every_setting_of_every_loss_is_tried(kind):
    """The grid above has each of them, at another value than by default."""
    tried = set().union(*settings_of(kind))
    says = f"tests/test_loss_weights.py: settings_of lacks settings of {kind.__name__}"
    assert tried == set(kind.defaults), says


@dtypes
@cases
@pytest.mark.parametrize("with_weights", [True, False], ids=["s", "no s"])
def test_value_and_gradient_are_those_of_plain_loops(loss, labels, with_weights, dtype):
    """Each setting, and each with each, with weights of the rows and without: C and
    dC/da are the sums of T and their quotients by D, within the roundings of each.
    """
    a, y, s = sample(loss, labels, dtype)
    s = s if with_weights else None
    weights = [1.0] * len(a) if s is None else s.tolist()
    eps = float(np.finfo(dtype).eps)
    value, value_bound, gradient, gradient_bound = by_hand(loss, a, y, weights)
    assert abs(loss.value(a, y, s) - value) <= eps * value_bound
    assert (np.abs(loss.gradient(a, y, s) - gradient) <= eps * gradient_bound).all()


@dtypes
@cases
def test_nothing_is_promoted(loss, labels, dtype):
    """C is a Python float, dC/da has shape and dtype of a, also with weights of float64
    in a network of float32.
    """
    a, y, s = sample(loss, labels, dtype)
    for weights in (None, s, s.astype("float64")):
        gradient = loss.gradient(a, y, weights)
        assert type(loss.value(a, y, weights)) is float
        assert (gradient.shape, gradient.dtype) == (a.shape, a.dtype)


@cases
def test_what_is_given_is_not_written(loss, labels):
    """a, y and the weights keep their bits."""
    arrays = sample(loss, labels)
    for array in arrays:
        array.flags.writeable = False
    before = [array.tobytes() for array in arrays]
    loss.value(*arrays)
    loss.gradient(*arrays)
    assert [array.tobytes() for array in arrays] == before


@cases
def test_terms_and_divisor_are_those_of_the_formulas(loss, labels):
    """What explain shows for T (or T_1 and T_0, or s) and D is what stands in C."""
    a, y, s = sample(loss, labels)
    first, *second = loss.terms(a, y, s).values()
    for i, j in np.ndindex(a.shape):
        yes, no = weighted_targets(loss, y, i, j, s[i].item())
        known = np.broadcast_to(first, a.shape)[i, j], second[0][i, j] if second else 0.0
        # four factors, one of them a sum, here and there
        for here, there in zip(known, (yes, no), strict=True):
            assert abs(here - there) <= 10 * math.ulp(1.0) * there
    D = divisor(loss, y, s.tolist())
    assert abs(loss.D(a, y, s) - D) <= len(s) * math.ulp(1.0) * D


# repeated rows


def tripled(a, y, s):
    """The rows, each as often as it counts."""
    times = s.astype(int)
    return np.repeat(a, times, axis=0), np.repeat(y, times, axis=0)


@cases
def test_a_row_of_weight_2_equals_the_row_given_twice(loss, labels):
    """Where 1/D is exact the sum of the gradients of the copies is the gradient of the
    row, bit for bit; C is that of all copies within the roundings of both.
    """
    a, y, _ = sample(loss, labels, rows=5)
    # 8 rows in all; with class weights, or ignored labels, D is another number
    s = np.array([2.0, 1.0, 2.0, 1.0, 2.0])
    many_a, many_y = tripled(a, y, s)
    gradient, copies = loss.gradient(a, y, s), loss.gradient(many_a, many_y)
    firsts = np.cumsum(s.astype(int)) - s.astype(int)
    if set(loss.settings) <= {"reduction"} and not (on_classes(type(loss)) and not labels):
        assert np.array_equal(gradient, copies[firsts] * s[:, np.newaxis])
    eps = math.ulp(1.0)
    _, bound, _, sizes = by_hand(loss, a, y, s.tolist())
    _, many_bound, _, many_sizes = by_hand(loss, many_a, many_y, [1.0] * 8)
    assert abs(loss.value(many_a, many_y) - loss.value(a, y, s)) <= eps * (bound + many_bound)
    allowed = eps * (sizes + many_sizes[firsts] * s[:, np.newaxis])
    assert (np.abs(gradient - copies[firsts] * s[:, np.newaxis]) <= allowed).all()


@cases
@dtypes
def test_weights_scaled_by_a_power_of_2_change_no_bit_of_a_mean(loss, labels, dtype):
    """The mean divides by the sum of the weights before they are used, so that 2^60 s
    and 2^-60 s give the bits of s, and nothing overflows or underflows on the way.
    """
    a, y, s = sample(loss, labels, dtype)
    if loss.reduction == "sum":
        assert loss.value(a, y, 2.0 * s) == 2.0 * loss.value(a, y, s)
        return
    value, gradient = loss.value(a, y, s), loss.gradient(a, y, s)
    for scale in (2.0**60, 2.0**-60):
        assert loss.value(a, y, scale * s) == value
        assert loss.gradient(a, y, scale * s).tobytes() == gradient.tobytes()


@kinds
def test_weights_of_1_change_no_bit_of_the_gradient(kind):
    """In a batch of 8 rows, of which 1/8 is exact, a gradient with all weights 1 is the
    gradient without; with labels and values.
    """
    loss = kind()
    a, y, _ = sample(loss, labels=on_classes(kind))
    a, y = np.concatenate([a, a])[:8], np.concatenate([y, y])[:8]
    assert np.array_equal(loss.gradient(a, y, np.ones(8)), loss.gradient(a, y))


@cases
def test_a_row_of_weight_0_has_no_gradient(loss, labels):
    """Also where its probability is 0, which would be refused with a weight."""
    a, y, s = sample(loss, labels)
    if loss.reads == "probabilities":
        a[0] = np.eye(K)[1]
    assert (loss.gradient(a, y, s)[0] == 0.0).all()
    assert math.isfinite(loss.value(a, y, s))


@pytest.mark.parametrize("kind", [CrossEntropy, SoftmaxCrossEntropy])
@pytest.mark.parametrize("ignored", [-100, 2, 7])
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_ignored_rows_are_as_if_they_were_not_there(kind, ignored, smoothing):
    """A label that is ignored, a class or none, leaves the others as they are alone,
    and has no gradient.
    """
    loss = kind(WEIGHT, ignored, label_smoothing=smoothing)
    alone = kind(WEIGHT, label_smoothing=smoothing)
    a, _, s = sample(loss, labels=True)
    y, kept = np.array([ignored, 1, 3, ignored, 0, 1]), [1, 2, 4, 5]
    _, bound, _, sizes = by_hand(loss, a, y, s.tolist())
    eps, gradient = math.ulp(1.0), loss.gradient(a, y, s)
    assert abs(loss.value(a, y, s) - alone.value(a[kept], y[kept], s[kept])) <= 2 * eps * bound
    near = np.abs(gradient[kept] - alone.gradient(a[kept], y[kept], s[kept]))
    assert (near <= 2 * eps * sizes[kept]).all()
    assert not gradient[[0, 3]].any()


def test_weights_of_distributions_divide_by_the_rows_alone():
    """With labels D has the weights of the classes in it, with distributions it has
    not, as torch's CrossEntropyLoss; so one-hot rows cost another number.
    """
    a = np.full((2, K), 0.25)
    labels = np.array([0, 1])
    loss = CrossEntropy(WEIGHT)
    assert loss.value(a, labels) == (0.5 + 2.0) * math.log(4.0) / (0.5 + 2.0)
    assert loss.value(a, refnet.one_hot(labels, K)) == (0.5 + 2.0) * math.log(4.0) / 2


def test_the_means_of_the_binary_losses_divide_by_all_outputs():
    """Whatever the weights of the outputs are, D is n k, as torch's BCELoss has it."""
    a, y = np.full((2, K), 0.5), np.ones((2, K))
    assert BinaryCrossEntropy(WEIGHT).value(a, y) == 2 * sum(WEIGHT) * math.log(2.0) / (2 * K)
    z, loss = np.zeros((2, K)), SigmoidCrossEntropy(WEIGHT, pos_weight=[2.0] * K)
    assert loss.gradient(z, y).tolist() == [[-0.5 * 2.0 * w / (2 * K) for w in WEIGHT]] * 2


def test_a_sum_has_no_divisor():
    """reduction="sum" is the mean times D: n k, n or the sum of the weights."""
    a, y = np.array([[1.0, 2.0], [0.0, 4.0]]), np.zeros((2, 2))
    assert MSE("sum").value(a, y) == 1.0 + 4.0 + 16.0
    assert HalfSquaredError("sum").value(a, y, np.array([2.0, 1.0])) == (2.0 * 5.0 + 16.0) / 2
    assert MAE("sum").gradient(a, y, np.array([2.0, 1.0])).tolist() == [[2.0, 2.0], [0.0, 1.0]]


# by differences


@cases
def test_gradient_check_passes_with_weights(loss, labels):
    """dW and db of a step with weights of rows and each setting are what differences of
    C say, entry by entry; by the complex step too where that applies.
    """
    output = {"logits": "identity", "values": "tanh", "probabilities": "sigmoid"}[loss.reads]
    net = refnet.mlp([3, K], output=output, init=refnet.Normal(std=0.7), seed=4)
    x = np.random.default_rng(5).normal(size=(6, 3))
    _, y, s = sample(loss, labels)
    for method in ("central", "complex") if loss.analytic else ("central",):
        check = refnet.gradient_check(net, x, y, loss, method, sample_weight=s)
        assert check.passed, str(check)
        assert check.unjudged == 0


def test_gradient_check_sees_a_mean_by_the_number_of_rows():
    """A loss that divides by n in its gradient and by D in its value fails."""

    class ByRows(SoftmaxCrossEntropy):
        def gradient(self, z, y, sample_weight=None):
            by_weights = super().gradient(z, y, sample_weight)
            return by_weights * self.D(z, y, sample_weight) / len(z)

    net, x = refnet.mlp([2, K], output="identity"), np.eye(6, 2)
    _, y, s = sample(ByRows(WEIGHT), labels=True)
    assert not refnet.gradient_check(net, x, y, ByRows(WEIGHT), sample_weight=s).passed
    assert refnet.gradient_check(net, x, y, SoftmaxCrossEntropy(WEIGHT), sample_weight=s).passed


PENALTIES = [None, refnet.L2(1e9), "l1", refnet.ElasticNet(0.1, 0.2, biases=True)]


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_gradient_check_passes_with_penalty_and_masks(penalty, dropout):
    """C with its penalty, of what the masks leave over; also where the penalty is all
    but the whole of it.
    """
    net = refnet.mlp([3, 5, K], hidden="tanh", output="identity", dropout=dropout)
    x = np.random.default_rng(5).normal(size=(6, 3))
    _, y, s = sample(SoftmaxCrossEntropy(), labels=True)
    given = {"sample_weight": s, "penalty": penalty}
    given["masks"] = net.draw_masks(6, np.random.default_rng(1))
    smooth = penalty is None or isinstance(penalty, refnet.L2)
    for method in ("central", "complex") if smooth else ("central",):
        check = refnet.gradient_check(net, x, y, SoftmaxCrossEntropy(), method, **given)
        assert check.passed, str(check)


def test_the_complex_step_refuses_a_penalty_with_kinks():
    """|W| is not analytic."""
    with pytest.raises(
        ValueError,
        match=r"^gradient_check: complex step has the penalty L1\(strength=0.0001, "
        r"biases=False\), expected an analytic one; use method='central'$",
    ):
        refnet.gradient_check(refnet.mlp([1, 1]), [[1.0]], [[1.0]], "mse", "complex", penalty="l1")
