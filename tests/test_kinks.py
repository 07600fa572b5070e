"""gradient_check at kinks: what one side tells is judged, and what is wrong there is
found; the rest is counted.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import refnet
from refnet import (
    MAE,
    MSE,
    CrossEntropy,
    Dense,
    Elementwise,
    LeakyReLU,
    Network,
    ReLU,
    SoftmaxCrossEntropy,
    gradient_check,
    mlp,
)
from refnet.differences.quotients import LADDER, Point, difference
from refnet.losses import LOSSES

XOR = [[0, 0], [0, 1], [1, 0], [1, 1]]
# every loss, with the outputs that it fits; a loss on values has kinked ones too
PAIRS = [
    (name, output.name)
    for name, loss in LOSSES.items()
    for output in loss.outputs or (refnet.Identity, refnet.Tanh, ReLU, LeakyReLU)
]


def xor(loss, **settings):
    """A network on XOR with he_normal weights and zero biases, so that every unit is at
    its kink for row (0, 0); and the targets.
    """
    columns = 2 if issubclass(LOSSES[loss], CrossEntropy | SoftmaxCrossEntropy) else 1
    net = mlp([2, 3, columns], **{"hidden": "relu", "init": "he_normal", **settings})
    return net, XOR, [0, 1, 1, 0] if columns == 2 else [[0], [1], [1], [0]]


def judged(check):
    """How many entries of each array were judged, of how many."""
    return [(array.judged, array.entries) for array in check.arrays]


def off(check):
    """The arrays with a wrong entry."""
    return [array.name for array in check.arrays if array.off]


def one_unit(z, activation, w=1.0):
    """x = 1 through a unit with this z and activation, then a weight w: every entry of
    layer 1 moves z alike.
    """
    return Network([Dense([[z]], [0.0], activation), Dense([[w]], [0.5])])


# right gradients


@pytest.mark.parametrize(("loss", "output"), PAIRS)
@pytest.mark.parametrize("hidden", ["relu", "leaky_relu"])
def test_xor_with_zero_biases_passes(loss, output, hidden):
    """Row (0, 0) has every hidden unit at its kink. From the left each bias is judged;
    but behind a kinked output a bias of layer 1 moves that output's z too, which may go
    up.
    """
    for seed in range(3):
        net, x, y = xor(loss, output=output, hidden=hidden, seed=seed)
        check = gradient_check(net, x, y, loss)
        assert check.passed, check
        # MAE has its own kink there where a = b = 0 = y
        if loss != "mae" and output not in ("relu", "leaky_relu"):
            assert judged(check) == [(array.entries, array.entries) for array in check.arrays]


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize("slope", [0.0, 0.25, -2.0, 1.0])
def test_the_left_slope_is_told_from_the_left(slope, zero):
    """With z = 0 and C = (slope z + 1/2 - y)^2, dC/db = 2 (1/2 - y) slope, for y = 1
    -slope.
    """
    net = Network([Dense([[3.0]], [zero], LeakyReLU(slope)), Dense([[1.0]], [0.5])])
    check = gradient_check(net, [[zero]], [[1.0]], "mse")
    assert check.passed
    b = check.arrays[1]
    assert (b.name, b.judged, b.analytic) == ("db1", 1, -slope)
    assert abs(b.numeric + slope) <= b.error


@pytest.mark.parametrize("hidden", ["relu", "leaky_relu"])
@pytest.mark.parametrize("z", [2.0**-k * sign for k in (6, 12, 14, 30, 60) for sign in (1, -1)])
def test_beside_a_kink_the_side_that_leads_away_tells(hidden, z):
    """However near a kink z lies, steps away from it stay on the branch of z."""
    check = gradient_check(one_unit(z, hidden), [[1.0]], [[1.0]], "mse")
    assert check.passed, check
    assert judged(check) == [(1, 1)] * 4


def test_a_kink_within_the_first_steps_is_stepped_around():
    """A unit 2^-6 from its kink is judged by the smaller steps of the ladder."""
    net = Network([Dense([[1.0]], [2.0**-6], "relu"), Dense([[2.0]], [0.0], "tanh")])
    check = gradient_check(net, [[0.0]], [[1.0]], "mse")
    assert [array.judged for array in check.arrays] == [1, 1, 1, 1]
    assert check.passed


def test_two_units_and_two_samples_at_their_kinks():
    """All weights and biases of both units move every z at a kink in one direction:
    lowering them tells the derivative.
    """
    below = Dense([[1.0, -1.0], [1.0, -1.0]], [0.0, 0.0], "relu")
    net = Network([below, Dense([[1.0, 2.0]], [0.0])])
    check = gradient_check(net, [[1.0, 1.0], [2.0, 2.0], [3.0, 1.0]], [[1.0], [2.0], [3.0]], "mse")
    assert check.passed
    assert judged(check) == [(4, 4), (2, 2), (2, 2), (1, 1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-30, 1e-6, 1e6])
def test_weights_of_any_size_pass(size, dtype):
    """Weights and inputs may be small or large: no right gradient at a kink is off."""
    net, x, y = xor("mse", output="identity", dtype=dtype)
    net.parameters[:] *= size
    assert gradient_check(net, x, y, "mse").passed
    assert gradient_check(net, np.multiply(x, size), y, "mse").passed


ZEROS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0])


@settings(max_examples=30)
@given(
    data=st.data(),
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    rows=st.integers(1, 4),
    pair=st.sampled_from(PAIRS),
    seed=st.integers(0, 2**16),
)
def test_no_right_gradient_is_off_wherever_zeros_stand(data, sizes, rows, pair, seed):
    """Inputs and biases of few values put many z at or near a kink, and outputs at
    their targets.
    """
    loss, output = pair
    kinds = st.sampled_from(["relu", "leaky_relu", "tanh"])
    hidden = [data.draw(kinds) for _ in sizes[2:]]
    net = mlp(sizes, hidden, output, init=refnet.HeNormal(), seed=seed)
    for layer in net.layers:
        layer.b[:] = data.draw(arrays(float, layer.b.shape, elements=ZEROS))
        layer.W[:] = data.draw(arrays(float, layer.W.shape, elements=ZEROS) | st.just(layer.W))
    x = data.draw(arrays(float, (rows, sizes[0]), elements=ZEROS))
    on_classes = issubclass(LOSSES[loss], CrossEntropy | SoftmaxCrossEntropy)
    y = (
        np.zeros(rows, int)
        if on_classes
        else data.draw(arrays(float, (rows, sizes[-1]), elements=st.sampled_from([0.0, 1.0, 0.5])))
    )
    check = gradient_check(net, x, y, loss)
    assert off(check) == [], check
    assert check.passed == (check.judged > 0)


# wrong gradients


class HalvedReLU(ReLU):
    """f' = 1/2 for z > 0, which is wrong."""

    def derivative(self, z, a):
        return super().derivative(z, a) / 2.0


class ReLUOneAtZero(ReLU):
    """f' = 1 for z >= 0, another convention."""

    def derivative(self, z, a):
        return (z >= 0.0).astype(z.dtype)


class ReLUHalfAtZero(ReLU):
    """f'(0) = 1/2, another convention."""

    def derivative(self, z, a):
        return np.heaviside(z, 0.5)


class ReLUByDivision(ReLU):
    """f' = a / z, which is 0 / 0 at 0."""

    def derivative(self, z, a):
        with np.errstate(invalid="ignore"):
            return a / z


class FlatReLU(ReLU):
    """f' = 0, which is wrong."""

    def derivative(self, z, a):
        return np.zeros_like(z)


class LeakyOneAtZero(LeakyReLU):
    """f' = 1 for z >= 0, another convention."""

    def derivative(self, z, a):
        return np.where(z >= 0.0, 1.0, self.slope)


class LeakyWithoutSlope(LeakyReLU):
    """f' = 0 for z <= 0, which is wrong."""

    def derivative(self, z, a):
        return (z > 0.0).astype(z.dtype)


@pytest.mark.parametrize(("loss", "output"), [pair for pair in PAIRS if "relu" not in pair[1]])
@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        (HalvedReLU(), ("dW1", "db1")),
        (FlatReLU(), ("dW1", "db1")),
        (ReLUByDivision(), ("dW1", "db1")),
        # at the kinks a_prev is 0, so that dW1 is right
        (ReLUOneAtZero(), ("db1",)),
        (ReLUHalfAtZero(), ("db1",)),
        (LeakyOneAtZero(), ("db1",)),
        (LeakyWithoutSlope(), ("dW1", "db1")),
    ],
    ids=repr,
)
def test_a_wrong_derivative_is_found_at_the_kinks(wrong, names, loss, output):
    """On XOR, where each hidden unit is at its kink in one row of four, every wrong
    derivative is off, and in the right arrays.
    """
    net, x, y = xor(loss, output=output, hidden=wrong)
    net.layers[1].b[:] = [0.25, -0.5][: len(net.layers[1].b)]  # not yet fitting row (0, 0)
    check = gradient_check(net, x, y, loss)
    assert not check.passed
    assert off(check) == list(names), check


@pytest.mark.parametrize("wrong", [ReLUOneAtZero(), ReLUHalfAtZero(), ReLUByDivision()], ids=repr)
def test_a_wrong_derivative_is_found_where_all_is_at_a_kink(wrong):
    """One unit at its kink: W and b are judged from the left alone."""
    check = gradient_check(one_unit(0.0, wrong), [[1.0]], [[1.0]], "mse")
    assert off(check) == ["dW1", "db1"]


# what is not judged


def test_the_units_beside_one_at_its_kink_are_judged():
    """z = 0 in one of two units, for x and for -x: no side has both samples on the left
    for its weights, lowering its bias has; the other unit has no kink near.
    """
    below = Dense([[1.0, -1.0], [1.0, 1.0]], [0.0, 0.0], "relu")
    net = Network([below, Dense([[1.0, 2.0]], [0.0])])
    check = gradient_check(net, [[1.0, 1.0], [-1.0, -1.0]], [[1.0], [2.0]], "mse")
    assert judged(check) == [(2, 4), (2, 2), (2, 2), (1, 1)]
    assert check.passed


def test_a_weight_that_moves_two_samples_apart_is_not_judged():
    """x = 1 and x = -1 move z to both sides of the kink, whichever way w goes; b moves
    both down.
    """
    net = Network([Dense([[0.0]], [0.0], "relu"), Dense([[1.0]], [0.5])])
    check = gradient_check(net, [[1.0], [-1.0]], [[1.0], [0.25]], "mse")
    assert judged(check) == [(0, 1), (1, 1), (1, 1), (1, 1)]
    assert check.passed
    assert (check.judged, check.unjudged, check.entries) == (3, 1, 4)
    assert check.arrays[0].unjudged == 1
    assert not check.arrays[0].passed
    assert not check.arrays[0].off


def test_a_unit_that_moves_another_over_its_kink_is_not_judged():
    """Down in layer 1 is up in layer 2, behind a negative weight and a slope: neither
    side has both on the left.
    """
    layers = [Dense([[0.0]], [0.0], "leaky_relu"), Dense([[-1.0]], [0.0], "leaky_relu")]
    check = gradient_check(Network([*layers, Dense([[1.0]], [0.5])]), [[1.0]], [[1.0]], "mse")
    assert judged(check) == [(0, 1), (0, 1), (1, 1), (1, 1), (1, 1), (1, 1)]
    assert check.passed


def test_the_kink_of_mae_is_no_branch():
    """Where a = y sign(0) = 0 is the slope of neither branch: that output's entries are
    counted, the other output's judged.
    """
    net = Network([Dense([[1.0], [2.0]], [0.0, 0.0])])
    check = gradient_check(net, [[1.0]], [[1.0, 1.0]], "mae")
    assert judged(check) == [(1, 2), (1, 2)]
    assert check.passed


class Elastic(MSE):
    """e^2 / 2 up to |e| = 1, then a straight line: the slope of dC/da jumps there."""

    kinks = (-1.0, 1.0)

    def value(self, a, y):
        """C."""
        e = np.abs(a - y)
        return float(np.where(e < 1.0, e**2 / 2.0, e - 0.5).mean())

    def gradient(self, a, y):
        """dC/da."""
        return np.clip(a - y, -1.0, 1.0) / a.size


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_kink_of_a_loss_may_lie_anywhere(side):
    """Near a jump of the slope of dC/da the difference is far off and looks exact; the
    steps across it are dropped.
    """
    for distance in 2.0 ** -np.arange(2.0, 20.0):
        net = Network([Dense([[0.7]], [0.1], "tanh"), Dense([[1.3]], [side * (1.0 - distance)])])
        y = net.predict([[0.5]]) - side * (1.0 - distance)
        check = gradient_check(net, [[0.5]], y, Elastic())
        assert check.passed, check
        assert check.unjudged == 0
    net = Network([Dense([[1.0], [2.0]], [0.0, 0.0])])
    check = gradient_check(net, [[1.0]], [[1.0 - side, 1.5]], Elastic())
    assert judged(check) == [(1, 2), (1, 2)]


class Hinge(Elementwise):
    """max(z, 0) with f'(0) = 1, its own convention, which it does not state."""

    name, analytic, kink = "hinge", False, True

    def value(self, z):
        return np.maximum(z, 0.0)

    def derivative(self, z, a):
        return (z >= 0.0).astype(z.dtype)


def test_a_convention_that_is_not_known_is_not_judged():
    """An activation of one's own may take another slope at its kink; beside it, it is
    judged.
    """
    check = gradient_check(one_unit(0.0, Hinge()), [[1.0]], [[1.0]], "mse")
    assert judged(check) == [(0, 1), (0, 1), (1, 1), (1, 1)]
    assert judged(gradient_check(one_unit(1e-9, Hinge()), [[1.0]], [[1.0]], "mse")) == [(1, 1)] * 4


def test_where_nothing_was_judged_nothing_has_passed():
    """A perfect fit by MAE has no derivative anywhere: not failed, not passed."""
    check = gradient_check(Network([Dense([[1.0]], [0.0])]), [[1.0]], [[1.0]], "mae")
    assert check.judged == 0
    assert not check.passed
    assert off(check) == []
    assert str(check).startswith(
        "gradient check (central): nothing judged; 2 of 2 entries not judged\n"
    )
    assert str(check).count("<- nothing judged") == 2


class NanMAE(MAE):
    """MAE whose gradient is 0 / 0 where a = y."""

    def gradient(self, a, y):
        with np.errstate(invalid="ignore"):
            return (a - y) / np.abs(a - y) / a.size


def test_what_is_not_finite_is_off_judged_or_not():
    """A gradient that is NaN at the kink never passes, though no difference tells what
    it should be.
    """
    net = Network([Dense([[1.0], [2.0]], [0.0, 0.0])])
    check = gradient_check(net, [[1.0]], [[1.0, 1.0]], NanMAE())
    assert not check.passed
    assert off(check) == ["dW1", "db1"]
    assert [array.index for array in check.arrays] == [(0, 0), (0,)]
    assert "FAILED" in str(check)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_found_beside_what_is_judged(value, monkeypatch):
    """Of two outputs the second is at MAE's kink, and its bias alone has a gradient
    that is not finite: it is the worst entry, though not judged.
    """
    backward = refnet.network.backward

    def spoiled(*arguments):
        gradients = backward(*arguments)
        gradients[0].db[1] = value
        return gradients

    monkeypatch.setattr(refnet.network, "backward", spoiled)
    net = Network([Dense([[1.0], [2.0]], [0.0, 0.0])])
    check = gradient_check(net, [[1.0]], [[5.0, 2.0]], "mae")
    assert judged(check) == [(1, 2), (1, 2)]
    assert off(check) == ["db1"]
    assert check.arrays[1].index == (1,)
    assert not check.passed


def test_a_weight_too_large_for_the_steps_is_not_judged():
    """1e13 + 2^-5 is 1e13: no difference moves C."""
    check = gradient_check(Network([Dense([[1e13]], [0.0], "tanh")]), [[1e-13]], [[1.0]], "mse")
    assert judged(check) == [(0, 1), (1, 1)]
    assert check.passed


# the differences


def told(cost, branch, rounding):
    """The derivative at 0 of a cost, and its estimated error; `branch` tells where a
    kinked function stands.
    """
    return difference(lambda t: Point(cost(t), rounding, [np.float64(branch(t))], []), 0.0)


def test_the_sides_are_extrapolated_in_all_powers_of_h():
    """To the right of a kink at 0 C is 3 t + t^2 - t^3, of which nothing rounds: D(h) =
    3 + h - h^2, three rungs find 3, a fourth is sure of it, a fifth confirms it. Each
    weighs the rounding of two costs by up to (4 + 1) / (4 - 1) times those of 16, 64
    and 256, which is 1.97.
    """
    derivative, error = told(
        lambda t: 3 * t + t**2 - t**3 if t > 0 else 0.0, lambda t: t >= 0, 2.0**-60
    )
    assert derivative == 3.0
    assert error == 1.97 * (2 * 2.0**-60) / LADDER[4]
    assert 1.96 < np.prod([(4**j + 1) / (4**j - 1) for j in range(1, 5)]) < 1.97


def test_quotients_that_agree_by_chance_are_not_believed():
    """C = t + t^2 (t - h - h/4) has the same one-sided quotient at h and h/4, which is
    not its slope.
    """
    for h in LADDER[:-1]:
        # whatever C is further away, such as not a number
        for far in (np.inf, 2.0 * h):
            derivative, error = told(
                lambda t, h=h, far=far: t + t**2 * (t - 1.25 * h) if t < far else np.nan,
                lambda t: t >= 0,
                2.0**-90,
            )
            assert not abs(derivative - 1.0) > error


def test_a_kink_within_a_step_is_within_the_larger_ones():
    """A branch that ends between two steps and begins again is no ground for a
    quotient across it: the larger steps are dropped, seen or not.
    """
    gap = LADDER[1]
    derivative, error = told(
        lambda t: t if abs(t) < gap else 5.0 * t, lambda t: abs(t) != gap, 2.0**-60
    )
    assert abs(derivative - 1.0) <= error


@pytest.mark.parametrize("output", ["identity", "sigmoid"])
def test_steps_are_small_beside_what_a_function_curves_in(output):
    """With x = 1e6 a step of 2^-13 takes z from 0 to 122, past all of the sigmoid's
    curve, where C looks straight: the steps shrink with what they move.
    """
    loss = "sigmoid_cross_entropy" if output == "identity" else "binary_cross_entropy"
    check = gradient_check(Network([Dense([[0.0]], [0.3], output)]), [[1e6]], [[0.75]], loss)
    assert check.passed, check
    assert judged(check) == [(1, 1), (1, 1)]


def test_a_cost_is_rounded_where_it_is_taken():
    """With w = 1e-9 C is 1e-18, a step away 1e-3: what the steps round is more than
    what C itself does.
    """
    check = gradient_check(Network([Dense([[1e-9]], [0.0])]), [[0.7]], [[0.0]], "mse")
    assert check.passed, check


def test_what_overflows_is_not_judged():
    """Where z is infinite the output is 1 and C is finite; where C is NaN nothing is
    judged. Neither keeps the steps shrinking.
    """
    layers = [Dense([[1e300]], [0.0], "identity"), Dense([[1e300]], [0.0], "sigmoid")]
    with np.errstate(over="ignore"):
        check = gradient_check(Network(layers), [[1.0]], [[0.5]], "mse")
    assert off(check) == []
    lost = Network([Dense([[1e300], [1e300]], [0.0, 0.0]), Dense([[1e300, -1e300]], [0.0], "tanh")])
    with np.errstate(all="ignore"):
        check = gradient_check(lost, [[1.0]], [[0.5]], "mse")
    assert not check.passed
