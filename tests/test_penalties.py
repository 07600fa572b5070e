"""Penalties: by hand, by other formulas, in the cost, the gradients and the steps of
`fit`, and the fast form against the teaching form, bit for bit.
"""

import tracemalloc
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import refnet
from refnet.blockwise import BLOCK
from refnet.fast.penalties import FORMS
from refnet.fast.workspace import Workspace
from refnet.regularisers import PENALTIES, Penalty

DTYPES = ("float64", "float32")
EACH = [
    kind(**settings, biases=biases)
    for kind, settings in (
        (refnet.L1, {"strength": 0.3}),
        (refnet.L2, {"strength": 0.7}),
        (refnet.ElasticNet, {"l1": 0.3, "l2": 0.7}),
    )
    for biases in (False, True)
]
each_penalty = pytest.mark.parametrize("penalty", EACH, ids=repr)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
# both zeros, the smallest number, and squares that underflow or overflow
SPECIAL = (0.0, -0.0, 5e-324, -5e-324, 1e-200, 1.5, -2.0, 1e200, -1e300)


def parts(penalty):
    """The strengths of |theta| and of theta^2 / 2."""
    settings = penalty.settings
    if isinstance(penalty, refnet.ElasticNet):
        return settings["l1"], settings["l2"]
    strength = settings["strength"]
    return (strength, 0.0) if isinstance(penalty, refnet.L1) else (0.0, strength)


def batch(dtype="float64", rows=6):
    """A network with a zero and a negative zero among its weights, x and y."""
    rng = np.random.default_rng(3)
    net = refnet.mlp((4, 5, 3), "tanh", "identity", seed=2, dtype=dtype)
    net.layers[0].W[1, :2], net.layers[1].b[:2] = (0.0, -0.0), (-0.0, 0.25)
    return net, rng.normal(size=(rows, 4)).astype(dtype), rng.normal(size=(rows, 3)).astype(dtype)


def test_every_penalty_is_tried():
    """A new one is added above, and has a form in place."""
    assert {type(penalty) for penalty in EACH} == {*PENALTIES.values()} == {*FORMS}
    assert all(kind.name == name for name, kind in PENALTIES.items())


def test_values_and_gradients_by_hand():
    """theta = (1, -2, 0): sum |theta| = 3, sum theta^2 = 5, signs 1, -1 and 0."""
    theta = np.array([[1.0, -2.0, 0.0]])
    assert refnet.L1(0.5).value(theta) == 1.5
    assert refnet.L2(0.5).value(theta) == 1.25
    assert refnet.ElasticNet(0.5, 0.25).value(theta) == 1.5 + 0.625
    assert refnet.L1(0.5).gradient(theta).tolist() == [[0.5, -0.5, 0.0]]
    assert refnet.L2(0.5).gradient(theta).tolist() == [[0.5, -1.0, 0.0]]
    assert refnet.ElasticNet(0.5, 0.25).gradient(theta).tolist() == [[0.75, -1.0, 0.0]]


@each_penalty
@given(
    theta=arrays.arrays(
        np.float64, arrays.array_shapes(max_dims=2), elements=st.integers(-8, 8).map(float)
    )
)
def test_a_value_is_the_exact_sum(penalty, theta):
    """Of integers nothing is rounded but the strengths' products and their sum: each is
    that of exact fractions, rounded once.
    """
    l1, l2 = parts(penalty)
    sizes = sum(abs(Fraction(t)) for t in theta.ravel().tolist())
    squares = sum(Fraction(t) ** 2 for t in theta.ravel().tolist())
    exact = [float(Fraction(l1) * sizes), float(Fraction(0.5 * l2) * squares)]
    assert penalty.value(theta) == sum(exact)


@each_penalty
def test_the_gradient_is_the_slope_of_the_value(penalty):
    """Between -t and t, on either side of the kink, where P is at most quadratic: a
    central difference with powers of two is exact.
    """
    quick = type(penalty)(*(0.5,) * (len(penalty.settings) - 1))
    for t in (1.0, -1.0, 3.0, -0.5):
        h = 0.25
        slope = (quick.value(np.array([t + h])) - quick.value(np.array([t - h]))) / (2 * h)
        assert quick.gradient(np.array([t])).tolist() == [slope]
    assert quick.gradient(np.zeros(1)).tolist() == [0.0]


@each_penalty
@each_dtype
def test_the_cost_and_the_gradients_have_it(penalty, dtype):
    """C is the loss and P of each W; dW has P'(W) added, db where biases have it too;
    the deltas have nothing of it.
    """
    net, x, y = batch(dtype)
    plain, without = net.loss_and_gradients(x, y, "mse")
    value, gradients = net.loss_and_gradients(x, y, "mse", penalty=penalty)
    penalised = [
        theta
        for layer in net.layers
        for theta in ([layer.W, layer.b] if penalty.biases else [layer.W])
    ]
    added = 0.0
    for theta in penalised:
        added += penalty.value(theta)
    assert value == plain + added
    for layer, before, after in zip(net.layers, without, gradients, strict=True):
        assert after.delta.tobytes() == before.delta.tobytes()
        assert after.dW.tobytes() == (before.dW + penalty.gradient(layer.W)).tobytes()
        b_part = penalty.gradient(layer.b) if penalty.biases else 0.0 * layer.b
        assert np.array_equal(after.db, before.db + b_part)
        assert after.dW.dtype == dtype
    back = net.backward(net.forward(x), "mse", y, penalty=penalty)
    assert back.vector.tobytes() == gradients.vector.tobytes()


@each_penalty
@each_dtype
def test_in_place_it_has_the_bits_of_the_teaching_form(penalty, dtype):
    """Value and gradients, with zeros of both signs, numbers whose squares underflow or
    overflow, and arrays of more than one block.
    """
    units = 2 * BLOCK // np.dtype(dtype).itemsize // 64 + 3
    net = refnet.mlp((64, units, 2), "tanh", "identity", seed=2, dtype=dtype)
    with np.errstate(all="ignore"):
        net.layers[1].W.ravel()[: len(SPECIAL)] = SPECIAL
        net.layers[0].b[:4] = SPECIAL[:4]
    rng = np.random.default_rng(5)
    x, y = (rng.normal(size=(3, k)).astype(dtype) for k in (64, 2))
    workspace = Workspace(net, refnet.MSE(), 3, penalty)
    with np.errstate(all="ignore"):
        value, gradients = net.loss_and_gradients(x, y, "mse", penalty=penalty)
        for _ in range(2):  # what is spare in the first step is so in the second
            fast, in_place = workspace.loss_and_gradients(x, y)
            assert np.float64(fast).tobytes() == np.float64(value).tobytes()
            assert in_place.vector.tobytes() == gradients.vector.tobytes()


class Cubes(refnet.Penalty):
    """P = strength sum |theta|^3 / 3, somebody's own."""

    name = "cubes"

    def __init__(self, strength=0.1, biases=False):
        self.strength, self.biases = strength, biases

    def value(self, theta):
        """strength/3 sum |theta|^3."""
        return self.strength / 3 * np.sum(np.abs(theta) ** 3)

    def gradient(self, theta):
        """strength theta |theta|."""
        return self.strength * theta * np.abs(theta)


class Stretched(refnet.L2):
    """An L2 of one's own, of what is penalised in a way of its own."""

    def penalised(self, layer):
        """Twice W."""
        yield from (layer.W, layer.W)


@pytest.mark.parametrize("penalty", [Cubes(), Cubes(biases=True), Stretched(0.5)], ids=repr)
def test_one_of_ones_own_is_computed_by_its_methods(penalty):
    """In place too, whatever class it is derived from."""
    net, x, y = batch()
    value, gradients = net.loss_and_gradients(x, y, "mse", penalty=penalty)
    fast, in_place = Workspace(net, refnet.MSE(), 6, penalty).loss_and_gradients(x, y)
    assert (fast, in_place.vector.tobytes()) == (value, gradients.vector.tobytes())


def test_a_method_that_somebody_replaced_is_called(monkeypatch):
    """While a class is watched, as with activations and losses."""
    net, x, y = batch()
    penalty = refnet.L2(0.5)
    workspace = Workspace(net, refnet.MSE(), 6, penalty)
    assert workspace.is_current()
    monkeypatch.setattr(refnet.L2, "gradient", lambda self, theta: theta * 0.0 + 1.0)
    assert not workspace.is_current()
    expected = net.loss_and_gradients(x, y, "mse", penalty=penalty)[1].vector
    fast = Workspace(net, refnet.MSE(), 6, penalty).loss_and_gradients(x, y)[1].vector
    assert fast.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("own", "error", "message"),
    [
        ({"gradient": lambda self, theta: theta[0]}, ValueError, r"Own: gradient has \(4,\)"),
        (
            {"gradient": lambda self, theta: theta * 1j},
            ValueError,
            r"Own: gradient has \(5, 4\) complex128, expected \(5, 4\) float64$",
        ),
        ({"value": lambda self, theta: theta}, ValueError, r"Own: value has shape \(5, 4\)"),
        ({"value": lambda self, theta: "P"}, TypeError, r"Own: value has type str, expected a"),
    ],
)
def test_one_of_ones_own_that_does_not_fit_is_refused(own, error, message):
    """By its name, in both forms."""
    net, x, y = batch()
    penalty = type("Own", (Cubes,), own)()
    with pytest.raises(error, match=message):
        net.loss_and_gradients(x, y, "mse", penalty=penalty)
    with pytest.raises(error, match=message):
        refnet.fit(net, x, y, loss="mse", optimizer="sgd", epochs=1, penalty=penalty)


@each_penalty
@each_dtype
def test_fit_steps_by_it_and_reports_it(penalty, dtype):
    """The weights and the history of fit are those of the teaching form's steps."""
    net, x, y = batch(dtype)
    by_hand, optimizer, losses = net.copy(), refnet.SGD(0.1, 0.9), []
    for _ in range(3):
        value, gradients = by_hand.loss_and_gradients(x, y, "mse", penalty=penalty)
        optimizer.step(by_hand, gradients)
        rows = refnet.MSE().total_weight(y, None)
        losses.append(value * rows / rows)  # a mean over all rows
    history = refnet.fit(
        net, x, y, loss="mse", optimizer=refnet.SGD(0.1, 0.9), epochs=3, penalty=penalty
    )
    assert net.parameters.tobytes() == by_hand.parameters.tobytes()
    assert history.loss == losses


def test_fit_shows_the_same_whoever_looks_on():
    """With on_step the gradients that it gets have the penalty, and the steps are the
    same.
    """
    (net, x, y), seen = batch(), []
    watched, given_to_fit = net.copy(), {"loss": "mse", "epochs": 2, "penalty": "l1"}
    refnet.fit(net, x, y, optimizer=refnet.SGD(0.1), **given_to_fit)
    refnet.fit(watched, x, y, optimizer=refnet.SGD(0.1), on_step=seen.append, **given_to_fit)
    assert watched.parameters.tobytes() == net.parameters.tobytes()
    start = batch()[0]
    value, gradients = start.loss_and_gradients(x, y, "mse", penalty="l1")
    assert (seen[0].loss, seen[0].gradients.vector.tobytes()) == (value, gradients.vector.tobytes())


def test_validation_has_the_loss_alone():
    """A penalty belongs to what is trained."""
    net, x, y = batch()
    history = refnet.fit(
        net, x, y, loss="mse", optimizer="sgd", epochs=1, validation=(x, y), penalty=refnet.L2(10.0)
    )
    assert history.validation_loss == [refnet.MSE().value(net.predict(x), y)]


@pytest.mark.parametrize(("strength", "lr", "dtype"), [*product((0.01, 0.3), (0.1, 0.5), DTYPES)])
def test_l2_is_weight_decay_on_the_weights_alone(strength, lr, dtype):
    """L2(c) with plain SGD takes the steps of weight_decay=c without biases: to the
    bit, as both add c theta to the gradient, and then lr times the sum is subtracted.
    """
    net, x, y = batch(dtype)
    decayed = net.copy()
    refnet.fit(
        net, x, y, loss="mse", optimizer=refnet.SGD(lr), epochs=4, penalty=refnet.L2(strength)
    )
    rule = refnet.SGD(lr, weight_decay=strength, decay_biases=False)
    refnet.fit(decayed, x, y, loss="mse", optimizer=rule, epochs=4)
    assert net.parameters.tobytes() == decayed.parameters.tobytes()


def test_a_penalty_of_0_changes_no_number():
    """Only the sign of a zero: -0.0 + 0.0 is 0.0."""
    net, x, y = batch()
    value, gradients = net.loss_and_gradients(x, y, "mse")
    for penalty in (refnet.L1(0.0), refnet.L2(0.0), refnet.ElasticNet(0.0, 0.0)):
        same, others = net.loss_and_gradients(x, y, "mse", penalty=penalty)
        assert same == value
        assert np.array_equal(others.vector, gradients.vector)


def test_a_penalty_beyond_the_floats_is_refused_at_the_step():
    """Its value may be inf, as that of a loss; a gradient of inf is refused by name."""
    net, x, y = batch()
    net.layers[0].W[2, 3] = 1e200
    penalty = refnet.L2(1e200)
    with np.errstate(over="ignore"):
        assert net.loss_and_gradients(x, y, "mse", penalty=penalty)[0] == np.inf
    message = r"^epoch 1, batch 1: layer 1: gradient of W has inf at \[2, 3\], expected finite"
    with pytest.raises(FloatingPointError, match=message):
        refnet.fit(net, x, y, loss="mse", optimizer="sgd", epochs=1, penalty=penalty)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: refnet.L2(-1.0), ValueError, r"^L2: strength has -1.0, expected a finite number"),
        (lambda: refnet.L1("much"), TypeError, r"^L1: strength has type str, expected a number$"),
        (lambda: refnet.L1(True), TypeError, r"^L1: strength has type bool, expected a number$"),
        (lambda: refnet.ElasticNet(l2=np.nan), ValueError, r"^ElasticNet: l2 has nan, expected"),
        (lambda: refnet.ElasticNet(-0.1), ValueError, r"^ElasticNet: l1 has -0.1, expected"),
        (lambda: refnet.L2(biases=1), TypeError, r"^L2: biases has 1, expected True or False$"),
        (
            lambda: Penalty.of("l3"),
            ValueError,
            r"^penalty: name has 'l3', expected one of l1, l2, elastic_net$",
        ),
        (
            lambda: Penalty.of(0.01),
            TypeError,
            r"^penalty: has 0.01, expected an object or one of the names l1, l2, elastic_net$",
        ),
        (lambda: Penalty.of(refnet.L2), TypeError, r"^penalty: has L2, expected an object"),
    ],
)
def test_unusable_penalties_are_refused(make, error, message):
    """With what they have and what is expected."""
    with pytest.raises(error, match=message):
        make()


def test_a_penalty_is_plain_data():
    """Equal where kind and settings are, with a repr that says both."""
    assert refnet.L2(0.5) == refnet.L2(0.5) != refnet.L2(0.5, biases=True)
    assert refnet.L2(0.5) != refnet.L1(0.5)
    assert len({refnet.L2(0.5), refnet.L2(0.5), refnet.L1(0.5)}) == 2
    for penalty in EACH:
        assert type(penalty)(**penalty.settings) == penalty
    assert repr(refnet.L2(0.5)) == "L2(strength=0.5, biases=False)"
    assert Penalty.of("elastic_net") == refnet.ElasticNet()
    assert Penalty.of(None) is None


@each_penalty
@each_dtype
def test_in_place_it_takes_no_more_memory_than_a_step_may(penalty, dtype):
    """At most 64 KiB at a time beside what is allocated once, for arrays of 2 MiB."""
    net = refnet.mlp((512, 512, 2), "tanh", "identity", seed=2, dtype=dtype)
    rng = np.random.default_rng(5)
    x, y = (rng.normal(size=(3, k)).astype(dtype) for k in (512, 2))
    workspace = Workspace(net, refnet.MSE(), 3, penalty)
    workspace.loss_and_gradients(x, y)
    tracemalloc.start()
    try:
        workspace.loss_and_gradients(x, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 4 * BLOCK


@each_penalty
def test_the_gradient_check_has_it(penalty):
    """Every entry is judged but those that stand on a kink; a wrong P' is found."""
    net, x, y = batch()
    report = refnet.gradient_check(net, x, y, "mse", penalty=penalty)
    has_kink = not isinstance(penalty, refnet.L2)
    # two weights of exactly 0, and a bias
    on_kinks = (2 + penalty.biases) * has_kink
    text = f"passed; {on_kinks} of 43 entries not judged" if on_kinks else "passed\n"
    assert text in str(report)
    wrong = type("Wrong", (type(penalty),), {"gradient": lambda self, theta: 0.0 * theta})
    settings = {**penalty.settings}
    assert not refnet.gradient_check(net, x, y, "mse", penalty=wrong(**settings)).passed
