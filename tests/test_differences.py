"""gradient_check: it passes what is right, and fails, in the right place, what is one
part in a million wrong.
"""

import re
from itertools import cycle

import numpy as np
import pytest

import refnet
from refnet import (
    MSE,
    CrossEntropy,
    Dense,
    Network,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
    gradient_check,
    mlp,
)
from refnet.losses import LOSSES

SLIP = 1.000001
METHODS = ("central", "complex")
methods = pytest.mark.parametrize("method", METHODS)


def sentence(text):
    """The whole message, word for word."""
    return f"^{re.escape(text)}$"


def problem(loss, seed=0, rows=4, columns=2, **settings):
    """A 3-5-4-2 network, x, and targets that the loss takes."""
    rng = np.random.default_rng(seed)
    net = mlp([3, 5, 4, columns], seed=seed, **{"hidden": ["tanh", "sigmoid"], **settings})
    on_classes = loss in ("cross_entropy", "softmax_cross_entropy") or isinstance(
        loss, CrossEntropy | SoftmaxCrossEntropy
    )
    y = rng.integers(0, columns, rows) if on_classes else rng.uniform(size=(rows, columns))
    return net, rng.normal(size=(rows, 3)), y


def off(check):
    """The arrays that did not pass."""
    return [array.name for array in check.arrays if not array.passed]


# right gradients pass


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("loss", "output"),
    [
        *((name, kind.outputs[0].name) for name, kind in LOSSES.items() if kind.outputs),
        *zip(
            (name for name, kind in LOSSES.items() if not kind.outputs),
            cycle(("relu", "tanh", "sigmoid")),
            strict=False,
        ),
        ("cross_entropy", "sigmoid"),
    ],
)
def test_right_gradients_pass(loss, output, dtype):
    """Every entry of every array is judged, and none is further off than the error of
    its difference.
    """
    net, x, y = problem(loss, output=output, dtype=dtype)
    check = gradient_check(net, x, y, loss)
    assert check.passed, check
    assert [(array.name, array.judged, array.entries) for array in check.arrays] == [
        (name, size, size)
        for name, size in (("dW1", 15), ("db1", 5), ("dW2", 20), ("db2", 4), ("dW3", 8), ("db3", 2))
    ]


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("mse", "tanh"),
        ("half_squared_error", "softmax"),
        ("cross_entropy", "softmax"),
        ("softmax_cross_entropy", "identity"),
        ("binary_cross_entropy", "sigmoid"),
    ],
)
def test_right_gradients_pass_the_complex_step(loss, output):
    """Where all is analytic the complex step agrees too, and its error is nearer to the
    last digit than a difference's.
    """
    net, x, y = problem(loss, output=output)
    exact, central = (
        gradient_check(net, x, y, loss, method=method) for method in ("complex", "central")
    )
    assert exact.passed, exact
    assert all(
        one.error < other.error for one, other in zip(exact.arrays, central.arrays, strict=True)
    )


@methods
def test_what_is_compared_is_the_float64_gradient(method):
    """A float32 network is checked as its float64 copy: each entry shown is that of BP3
    and BP4 there.
    """
    net, x, y = problem("mse", output="tanh", dtype="float32")
    _, gradients = net.astype("float64").loss_and_gradients(x, y, "mse")
    for array in gradient_check(net, x, y, "mse", method=method).arrays:
        layer = gradients[int(array.name[2:]) - 1]
        assert array.analytic == getattr(layer, array.name[:2])[array.index]


def test_the_network_is_left_as_it_was():
    """The check moves the parameters of a copy, not those given."""
    net, x, y = problem("mse", output="tanh")
    before = net.parameters.copy()
    gradient_check(net, x, y, "mse")
    gradient_check(net, x, y, "mse", method="complex")
    assert np.array_equal(net.parameters, before)


# wrong gradients fail


class SlippedTanh(Tanh):
    """tanh with a derivative that is one part in a million too large."""

    def derivative(self, z, a):
        """f' = (1 - a^2), nearly."""
        return super().derivative(z, a) * SLIP


class FlatSigmoid(Sigmoid):
    """sigmoid whose derivative was forgotten."""

    def derivative(self, z, a):
        """f' = 1, which is wrong."""
        return np.ones_like(z)


class SlopedReLU(ReLU):
    """ReLU that lets the gradient of inactive units through."""

    def derivative(self, z, a):
        """f' = 1, which is wrong for z < 0."""
        return np.ones_like(z)


class DoubledMSE(MSE):
    """MSE whose gradient has the 2 twice."""

    def gradient(self, a, y):
        """dC/da = 4 (a - y) / (n k), which is wrong."""
        return 2.0 * super().gradient(a, y)


class SampleMSE(MSE):
    """MSE whose value is a mean over samples and outputs, its gradient over samples
    alone.
    """

    def gradient(self, a, y):
        """dC/da = 2 (a - y) / n, which is wrong for k > 1."""
        return a.shape[1] * super().gradient(a, y)


class NanMSE(MSE):
    """MSE whose gradient is no number."""

    def gradient(self, a, y):
        """dC/da = NaN."""
        return np.full_like(a, np.nan)


class ZeroMSE(MSE):
    """MSE whose gradient is zero."""

    def gradient(self, a, y):
        """dC/da = 0, which is wrong."""
        return np.zeros_like(a)


@methods
@pytest.mark.parametrize(
    ("hidden", "names"),
    [
        ([SlippedTanh(), "sigmoid"], ["dW1", "db1"]),
        (["tanh", SlippedTanh()], ["dW1", "db1", "dW2", "db2"]),
        ([FlatSigmoid(), "tanh"], ["dW1", "db1"]),
        (["tanh", FlatSigmoid()], ["dW1", "db1", "dW2", "db2"]),
    ],
    ids=repr,
)
def test_a_wrong_derivative_is_found_below_its_layer(hidden, names, method):
    """A derivative that is wrong, be it by 1e-6, fails the layer it stands in and those
    below, not those above.
    """
    net, x, y = problem("cross_entropy", hidden=hidden)
    check = gradient_check(net, x, y, "cross_entropy", method=method)
    assert off(check) == names, check
    assert not check.passed


def test_an_open_relu_is_found():
    """A ReLU that passes the gradient of inactive units fails."""
    net, x, y = problem("mse", hidden=["tanh", SlopedReLU()], output="identity")
    assert off(gradient_check(net, x, y, "mse")) == ["dW1", "db1", "dW2", "db2"]


@methods
@pytest.mark.parametrize(
    "loss", [DoubledMSE(), SampleMSE(), NanMSE(), ZeroMSE()], ids=lambda loss: type(loss).__name__
)
def test_a_wrong_loss_gradient_is_found_everywhere(loss, method):
    """A loss whose gradient is not that of its value fails every array; NaN is no
    agreement.
    """
    net, x, y = problem("mse", output="tanh")
    assert off(gradient_check(net, x, y, loss, method=method)) == [
        "dW1",
        "db1",
        "dW2",
        "db2",
        "dW3",
        "db3",
    ]


@pytest.mark.parametrize(
    ("method", "slip"),
    [("central", SLIP), ("complex", 1.0 + 2.0**-33), ("central", np.nan), ("complex", np.nan)],
)
@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("part", ["dW", "db"])
def test_one_wrong_entry_is_named(part, layer, method, slip, monkeypatch):
    """Of all arrays the one with the wrong entry fails, and the entry shown is that
    one; the complex step sees one part in 2^33.
    """
    backward = refnet.network.backward

    def slipped(*arguments):
        gradients = backward(*arguments)
        getattr(gradients[layer], part).flat[-1] *= slip
        return gradients

    monkeypatch.setattr(refnet.network, "backward", slipped)
    net, x, y = problem("cross_entropy")
    check = gradient_check(net, x, y, "cross_entropy", method=method)
    last = tuple(size - 1 for size in getattr(net.layers[layer], part[1:]).shape)
    assert [(array.name, array.index) for array in check.arrays if not array.passed] == [
        (f"{part}{layer + 1}", last)
    ]


def test_a_gradient_that_is_zero_is_found_beside_entries_that_should_be():
    """With a column of zeros in x some entries of dW1 are rightly zero, with no error
    to measure by; the others are still found.
    """
    net, x, y = problem("mse", output="tanh")
    x[:, 0] = 0.0
    assert "dW1" in off(gradient_check(net, x, y, ZeroMSE(), method="complex"))


def test_the_extrapolation_removes_the_powers_of_h():
    """Of x + x^3 + x^5 at 0, where nothing rounds, D(h) = 1 + h^2 + h^4: three rungs
    find 1, a fourth is sure of it, a fifth confirms it.
    """
    rounding = 2.0**-60
    derivative, error = refnet.differences.quotients.difference(
        lambda x: refnet.differences.quotients.Point(x + x**3 + x**5, rounding, [], []), 0.0
    )
    assert derivative == 1.0
    assert error == 1.15 * (2 * rounding) / (2 * refnet.differences.quotients.LADDER[4])
    assert 1.14 < np.prod([(16**j + 1) / (16**j - 1) for j in range(1, 5)]) < 1.15


# what it says


def test_the_report_shows_each_array():
    """str() has the verdict, then a line for each array: worst entry, both gradients,
    the error, and how many were judged.
    """
    net, x, y = problem("cross_entropy", hidden=["tanh", SlippedTanh()])
    check = gradient_check(net, x, y, "cross_entropy")
    verdict, head, *rows = str(check).splitlines()
    assert verdict == "gradient check (central): FAILED"
    assert head.split() == ["array", "entry", "analytic", "numeric", "error", "judged"]
    assert [row.split()[0] for row in rows] == ["dW1", "db1", "dW2", "db2", "dW3", "db3"]
    assert [row.endswith("<- off") for row in rows] == [True] * 4 + [False] * 2
    for row, array in zip(rows, check.arrays, strict=True):
        assert f"{list(array.index)}" in row
        assert f"{array.judged}/{array.entries}" in row
        assert f"{array.analytic:.15e}" in row
        assert f"{array.numeric:.15e}" in row
    assert str(gradient_check(*problem("mse", output="tanh"), "mse", method="complex")).startswith(
        "gradient check (complex): passed\n"
    )


def test_a_share_is_the_gap_in_errors():
    """The share is |analytic - numeric| / error: 0 where they are equal, infinite where
    the error is nothing and they are not.
    """

    def array(analytic, numeric, error):
        return refnet.differences.ArrayCheck("db1", (0,), analytic, numeric, error, 1, 1)

    assert array(1.0, 0.5, 0.25).share == 2.0
    assert array(1.0, 1.0, 0.0).share == 0.0
    assert array(1.0, 0.5, 0.0).share == float("inf")
    assert array(1.0, 0.5, 0.5).passed
    assert not array(float("nan"), 0.5, 0.5).passed


# what it refuses


@pytest.mark.parametrize("method", ["forward", "", None])
def test_an_unknown_method_is_refused(method):
    """Only 'central' and 'complex' are known."""
    with pytest.raises(
        ValueError,
        match=sentence(f"gradient_check: method has {method!r}, expected 'central' or 'complex'"),
    ):
        gradient_check(*problem("mse", output="tanh"), "mse", method=method)


@pytest.mark.parametrize(
    ("loss", "settings", "has", "want"),
    [
        (
            "mse",
            {"hidden": ["tanh", "relu"], "output": "identity"},
            "ReLU in layer 2",
            "analytic activations",
        ),
        (
            "mse",
            {"hidden": "leaky_relu", "output": "identity"},
            "LeakyReLU in layer 1",
            "analytic activations",
        ),
        ("mae", {"output": "identity"}, "the loss MAE", "an analytic one"),
        (
            "sigmoid_cross_entropy",
            {"output": "identity"},
            "the loss SigmoidCrossEntropy",
            "an analytic one",
        ),
    ],
)
def test_the_complex_step_wants_what_is_analytic(loss, settings, has, want):
    """A kink, or |z| in a loss, is refused by name, with the method that applies."""
    text = f"gradient_check: complex step has {has}, expected {want}; use method='central'"
    with pytest.raises(ValueError, match=sentence(text)):
        gradient_check(*problem(loss, **settings), loss, method="complex")


@pytest.mark.parametrize(
    ("x", "y", "loss", "error", "text"),
    [
        (
            [[1.0]],
            [0],
            "cross_entropy",
            ValueError,
            "Dense 1 (W 3x2): input has shape (1, 1), expected (n, 2)",
        ),
        (
            [[1.0, 2.0]],
            [3],
            "cross_entropy",
            ValueError,
            "CrossEntropy: y has label 3 at row 0, expected 0 to 2",
        ),
        (
            [[1.0, 2.0]],
            [0],
            "hinge",
            ValueError,
            f"loss: name has 'hinge', expected one of {', '.join(LOSSES)}",
        ),
    ],
)
def test_unusable_input_is_refused(x, y, loss, error, text):
    """x, y and the loss are checked as for training."""
    with pytest.raises(error, match=sentence(text)):
        gradient_check(mlp([2, 3]), x, y, loss)


# W, b and activation of one layer, y, the loss, the method: where p - y, 1 - a or the
# value cancels
SATURATED = [
    ([[8.0]], "sigmoid", [[0.0]], "binary_cross_entropy", "complex"),
    ([[40.0]], "sigmoid", [[1.0]], "binary_cross_entropy", "complex"),
    # e^-36.7 is 1.04 2^-53: 1 + e^-z rounds up to 1 + 2^-52, and 1 - a is 1.9 e^-z
    ([[36.7]], "sigmoid", [[0.0]], "binary_cross_entropy", "complex"),
    ([[20.0]], "identity", [[1.0]], "sigmoid_cross_entropy", "central"),
    ([[20.0], [0.0]], "identity", [0], "softmax_cross_entropy", "complex"),
    ([[30.0], [0.0]], "identity", [0], "softmax_cross_entropy", "central"),
]


@pytest.mark.parametrize(("W", "activation", "y", "loss", "method"), SATURATED)
def test_a_saturated_output_is_no_mistake(W, activation, y, loss, method):
    """Where the terms of a right gradient cancel, what is left may be all rounding: it
    is judged by its terms, and passes.
    """
    net = Network([Dense(W, np.zeros(len(W)), activation)])
    check = gradient_check(net, [[1.0]], y, loss, method=method)
    assert check.passed, check
    assert all(array.error >= 0.0 for array in check.arrays)


@pytest.mark.parametrize("power", [1.0, 2.0**20])
@pytest.mark.parametrize("loss", ["mse", "half_squared_error"])
def test_a_perfect_fit_is_no_mistake(loss, power):
    """Where a = y the gradient is zero and the difference is the rounding of w + h,
    half a unit in the last place: it is judged by |a| + |y|, and passes.

    w is the last number below a power of two, p, so that w - h is exact and w + h
    rounds to p + h. The middle of the two is 2^-54 p above w, where the derivative is
    2^-54 p C''.
    """
    w = np.nextafter(power, 0.0)
    check = gradient_check(Network([Dense([[w]], [0.0])]), [[1.0]], [[w]], loss)
    assert [array.analytic for array in check.arrays] == [0.0, 0.0]
    assert all(array.numeric > 0.0 for array in check.arrays)
    assert check.passed, check


@methods
def test_a_value_on_its_floor_is_not_judged(method):
    """Below exp(-100) the value of a loss on probabilities is flat and its gradient is
    not: nothing is judged, so nothing passes.
    """
    net = Network([Dense([[120.0], [0.0]], [0.0, 0.0], "softmax")])
    check = gradient_check(net, [[1.0]], [1], "cross_entropy", method=method)
    assert [array.judged for array in check.arrays] == [0, 0]
    assert not check.passed
    assert gradient_check(net, [[1.0]], [0], "cross_entropy", method=method).passed


@methods
@pytest.mark.parametrize(("depth", "judged"), [(99.0, 2), (100.0, 0), (101.0, 0)])
def test_the_floor_begins_at_exp_minus_a_hundred(depth, judged, method):
    """A probability of exp(-99) has a derivative; exp(-100), where the value has its
    kink, and what is below are not judged.
    """
    net = Network([Dense([[depth], [0.0]], [0.0, 0.0], "softmax")])
    # e^0 + e^-depth rounds to 1, so that the probability is e^-depth
    check = gradient_check(net, [[1.0]], [1], "cross_entropy", method=method)
    assert [array.judged for array in check.arrays] == [judged, judged]
    assert check.passed == (judged > 0), check


def test_a_unit_is_what_a_rounding_is_off_by_at_most():
    """1 + u is half-way to the next float64 and rounds to 1; with any more it rounds to
    the next.
    """
    u = refnet.differences.rounding.UNIT
    assert 1.0 + u == 1.0
    assert 1.0 + np.nextafter(u, 1.0) == np.nextafter(1.0, 2.0)


@methods
@pytest.mark.parametrize("seed", range(40))
def test_wild_weights_raise_no_alarm(seed, method):
    """Saturated networks of any activation are not accused: weights of deviation 2 to
    4, softmax between.
    """
    rng = np.random.default_rng(seed)
    hidden = list(rng.choice(["sigmoid", "tanh", "softmax", "identity"], 2))
    net = mlp([2, 4, 3, 2], hidden, "softmax", init=refnet.Normal(std=rng.uniform(2, 4)), seed=seed)
    check = gradient_check(
        net, rng.normal(size=(3, 2)), rng.uniform(size=(3, 2)), "mse", method=method
    )
    assert check.passed, check


@pytest.mark.parametrize("shift", [0.0, 10.0, 20.0, 34.0, 38.0, 60.0])
@pytest.mark.parametrize("labels", [[1, 1], [0, 0]])
@pytest.mark.parametrize(
    ("output", "loss"), [("softmax", "cross_entropy"), ("identity", "softmax_cross_entropy")]
)
def test_a_wrong_derivative_is_found_below_a_confident_output(output, loss, labels, shift):
    """However sure the output is, and wrong, a hidden derivative twice too large is
    found where its gradient is more than rounding.

    The wrong gradient is 2 g. Let d be the difference and e its estimated error where
    all is right: g is within e of d, the derivative itself too. With all terms at most
    twice as large, the wrong one's own difference is within 2 e of the derivative, so
    that 2 g is more than |d| - 5 e away from it, and is found where |d| > 7 e.
    """
    right, wrong = (mlp([2, 3, 2], hidden, output, seed=1) for hidden in ("tanh", DoubledTanh()))
    for net in (right, wrong):
        net.layers[1].b[0] += shift
    x = [[0.3, -0.2], [0.1, 0.5]]
    check = gradient_check(right, x, labels, loss)
    assert check.passed
    visible = [array.name for array in check.arrays[:2] if abs(array.numeric) > 7.0 * array.error]
    assert visible == ["dW1", "db1"] or (labels == [0, 0] and shift > 10.0)
    assert set(visible) <= set(off(gradient_check(wrong, x, labels, loss))) <= {"dW1", "db1"}


class DoubledTanh(Tanh):
    """A tanh whose derivative is twice too large."""

    def derivative(self, z, a):
        """2 f', which is wrong."""
        return 2.0 * super().derivative(z, a)
