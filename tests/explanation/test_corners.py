"""The smallest and largest networks and numbers, and what cannot be explained."""

import re

import numpy as np
import pytest

import refnet
from refnet.explanation import computed
from refnet.explanation.typesetting import WIDTH


def test_width_one_and_one_layer():
    """The smallest network of all."""
    text = str(
        refnet.explain(
            refnet.Network([refnet.Dense([[2.0]], [1.0])]),
            [[3.0]],
            [[5.0]],
            "mse",
            0.25,
            weight=(1, 0, 0),
        )
    )
    assert "  z^1_1 = 3*2 + 1 = 7\n" in text
    assert "  delta^1_1 = dC/da^1_1 * f'(z^1_1) = 4*1 = 4\n" in text
    assert "  dW^1_1,1 = 4*3 = 12\n" in text
    assert "  W^1_1,1 := 2 - 0.25*12 = -1\n" in text


def test_wide_arrays_of_long_numbers_fit(results):
    """Eight columns of 17 digits go over several lines of a terminal, and are read back
    as they are.
    """
    net, x = refnet.mlp([8, 8], output="tanh", seed=5), np.random.default_rng(5).normal(size=(2, 8))
    text = str(refnet.explain(net, x, 0.0 * x, "mse", 0.1, digits=17))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert results(text)["x"] == x.tolist()


def test_an_activation_that_states_no_formula():
    """Its numbers are shown without a formula: one that it inherits would be about
    another function.
    """

    class Sigmoid_2(refnet.Sigmoid):
        def __init__(self):
            vars(self)["note"] = "a parameter that is no number"

        def value(self, z):
            return 2.0 * super().value(z)

        def derivative(self, z, a):
            return a * (1.0 - a / 2.0)

    net = refnet.Network([refnet.Dense([[1.0]], [0.0], Sigmoid_2())])
    explanation = refnet.explain(net, [[0.0]], [[0.0]], "mse", 0.1, weight=(1, 0))
    text = str(explanation)
    assert "  Layer 1: 1 input, 1 unit, Sigmoid_2\n" in text
    assert r"Layer 1: 1 input, 1 unit, Sigmoid\_2" in explanation.latex()
    assert "\n  a^1_1 = 1\n" in text
    assert "\n  f'(z^1_1) = 0.5\n" in text
    assert "exp" not in text


def test_parameters_of_an_activation_are_given():
    """The slope that stands in the formula, and the formula's branch for the z at
    hand.
    """
    net = refnet.Network([refnet.Dense([[1.0]], [0.0], refnet.LeakyReLU(0.25))])
    text = str(refnet.explain(net, [[-2.0]], [[0.0]], "mse", 0.1))
    assert "  Layer 1: 1 input, 1 unit, LeakyReLU (slope = 0.25)\n" in text
    assert "  a^1_1 = 0.25*(-2) = -0.5\n" in text


def test_a_batch_on_disk(tmp_path):
    """Targets of another dtype, memory-mapped, are rounded once, as for a step."""
    net, rng = refnet.mlp([3, 2], output="tanh", seed=1, dtype="float32"), np.random.default_rng(1)
    x, y = (
        np.memmap(tmp_path / name, dtype="float64", mode="w+", shape=(4, k))
        for name, k in (("x", 3), ("y", 2))
    )
    x[:], y[:] = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    step = computed(net, x, y, refnet.MSE(), 0.1)
    assert step.x.dtype == step.y.dtype == step.grad_output.dtype == "float32"
    assert step.cost == net.loss_and_gradients(x, y, "mse")[0]


def test_labels_are_said_to_count_from_0():
    """Subscripts count from 1, labels from 0, so the text names the output of a
    label; of more than 8 labels it gives only the number.
    """
    net, rng = refnet.mlp([2, 3], seed=1), np.random.default_rng(1)
    text = str(refnet.explain(net, [[1, 2]], [2], "cross_entropy", 1))
    assert "  y = [2]\n  y is a label. Labels count from 0: label 2 means output 3.\n" in text
    text = str(refnet.explain(net, rng.normal(size=(9, 2)), [1] * 9, "cross_entropy", 1))
    assert "  y holds 9 labels. Labels count from 0: label 1 means output 2.\n" in text
    assert "  y = " not in text
    text = str(refnet.explain(net, rng.normal(size=(8, 2)), [1] * 8, "cross_entropy", 1))
    assert "  y = [1  1  1  1  1  1  1  1]\n  y holds 8 labels. Labels count from 0:" in text


@pytest.mark.parametrize("many", [1, 2])
def test_one_is_no_plural(many):
    """One row, input or unit is written without an s, two with it."""
    s = "" if many == 1 else "s"
    net, x = refnet.mlp([many, many, 1], "tanh", "tanh"), np.ones((many, many))
    text = str(refnet.explain(net, x, np.zeros((many, 1)), "mse", 0.1))
    assert f", a batch of n = {many} row{s}, the loss MSE" in text
    assert f"\n  Layer 1: {many} input{s}, {many} unit{s}, Tanh\n" in text
    assert f"\n  Layer 2: {many} input{s}, 1 unit, Tanh\n" in text


def test_a_probability_on_the_floor_is_not_substituted():
    """log 0 counts as -100, which -log(0) would not say; and 0 log 0 = 0."""
    net = refnet.Network([refnet.Dense([[1.0], [-1.0]], [0.0, 0.0], "softmax")])
    text = str(refnet.explain(net, [[400.0]], [0], "cross_entropy", 0.1))
    assert "\n  C = 0\n" in text
    assert "log(" not in text


def test_a_saturated_output_is_not_substituted(mazur):
    """dC/da reads 0/0 there; the text says what that counts as.

    An output of 1 does not count where nothing is divided by 1 - a.
    """
    net = refnet.Network([refnet.Dense([[1.0], [1.0], [-50.0]], [0.0, 0.0, 0.0], "sigmoid")])
    text = str(refnet.explain(net, [[40.0]], [[1, 1, 0]], "binary_cross_entropy", 0.1))
    assert (
        "has been rounded to 0 or 1, the formula may read 0/0, which counts as 0.\n  dC/da^1_1 = "
        "-0.3333\n" in text
    )
    assert "/(1 - 1)" not in text
    net = refnet.Network([refnet.Dense([[0.0], [0.0]], [1000.0, 1.0], "softmax")])
    text = str(refnet.explain(net, [[1.0]], [0], "cross_entropy", 0.1))
    assert "\n  dC/da^1_1 = -1/(1*1) = -1\n  dC/da^1_2 = 0\n" in text
    assert "rounded to 0 or 1" not in str(refnet.explain(*mazur(), "mse", 0.1))


def test_softmax_of_large_logits():
    """exp(1000) is beyond a calculator, so it is said how the quotient is found; also
    where the loss applies softmax.
    """
    layer, note = (
        refnet.Dense([[0.0], [0.0]], [1000.0, 999.0]),
        "the largest z of the row is subtracted first",
    )
    text = str(refnet.explain(refnet.Network([layer]), [[1.0]], [0], "softmax_cross_entropy", 0.1))
    assert note in " ".join(text.split())
    assert "exp(1000)/(exp(1000) + exp(999)) = 0.7311\n" in text
    assert note not in " ".join(
        str(refnet.explain(refnet.mlp([2, 2], seed=1), [[1, 2]], [0], "cross_entropy", 1)).split()
    )


BEYOND = (
    "Some numbers are beyond the range of floats: inf stands for one that is too large, nan for "
    "one without a value, such as inf - inf."
)


def test_numbers_beyond_the_range_of_floats(mazur):
    """A cost beyond every float before and after the step, and paths that overflow
    where BP4 does not: they are shown, and nothing is computed from them.
    """
    below = refnet.Dense([[0.0]], [0.0])
    net = refnet.Network([below, refnet.Dense([[1e150], [-1e150]], [1e155, 1e155])])
    text = " ".join(
        str(
            refnet.explain(
                net, [[1e5]], [[0.0, 0.0]], "half_squared_error", 1e-200, weight=(1, 0, 0)
            )
        ).split()
    )
    assert BEYOND in text
    assert text.partition(" The cost after the step ")[2].startswith(
        "----------------------- C before = inf C after = inf One weight"
    )
    assert (
        "dC/dW^1_1,1 = inf - inf = nan BP4 finds this number without walking a path and without "
        "leaving the range of floats:" in text
    )
    with pytest.raises(FloatingPointError, match="layer 1: gradient of W has inf"):
        refnet.explain(
            refnet.Network([refnet.Dense([[1.0]], [0.0])]), [[1e200]], [[1.0]], "mse", 1e-200
        )
    assert BEYOND not in " ".join(
        str(refnet.explain(*mazur(), "mse", 0.1, weight=(1, 0, 0))).split()
    )


TOO_LARGE = {
    "path": (
        [refnet.Dense([[0.0]], [0.0]), refnet.Dense([[1e305], [-1e305]], [1.0, 1.0])],
        [[1e5]],
        [[0.0, 0.0]],
        r" = inf - inf = nan",
    ),
    "entry": (
        [refnet.Dense([[1e300]], [0.0], "sigmoid")],
        [[0.0], [1e10]],
        [[0.0], [0.0]],
        r"z\^1 = \[ +0\]\s+\[inf\]",
    ),
    "norm": (
        [refnet.Dense([[1e200] * 9], [0.0])],
        [[0.0] * 9],
        [[0.0]],
        r"W\^1: .* norm inf, entries",
    ),
}


@pytest.mark.parametrize(("layers", "x", "y", "place"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_where_only_one_number_is_beyond(layers, x, y, place):
    """A product along a path, an entry of a later row, a norm."""
    text = str(
        refnet.explain(refnet.Network(layers), x, y, "half_squared_error", 1e-9, weight=(1, 0, 0))
    )
    assert re.search(place, text)
    assert BEYOND in " ".join(text.split())


def test_a_weight_given_as_an_array(mazur):
    """Any sequence of integers names it; a network's own indices often come as an
    array.
    """
    net, x, y = mazur()
    given = [
        (1, 0, 1),
        [1, 0, 1],
        np.array([1, 0, 1]),
        np.array([1, 0, 1], "uint8"),
        (np.int64(1), 0, 1),
    ]
    assert len({str(refnet.explain(net, x, y, "mse", 0.1, weight=weight)) for weight in given}) == 1


def test_the_step_says_what_u_is(mazur):
    """The general equation speaks of an optimizer's u, so that of gradient descent
    follows.
    """
    net, x, y = mazur()
    text = " ".join(str(refnet.explain(net, x, y, "mse", 0.1)).split())
    assert (
        "theta := theta - lr dC/dtheta [SGD without momentum, whose u is lr dC/dtheta without a "
        "state; Nielsen, " in text
    )


def test_a_step_too_far():
    """A cost that overflows is shown as inf; a parameter that overflows is refused, as
    by the optimizer.
    """
    net, x, y = refnet.Network([refnet.Dense([[1.0]], [1.0])]), [[1.0]], [[100.0]]
    assert "  C after = inf\n" in str(refnet.explain(net, x, y, "mse", 1e300))
    with pytest.raises(
        FloatingPointError,
        match=re.escape("layer 1: new value of W has inf at [0, 0], expected finite values"),
    ):
        refnet.explain(net, x, y, "mse", 1e308)


WRONG = {
    "layer": (
        {"weight": (3, 0, 0)},
        ValueError,
        "explain: weight has (3, 0, 0), expected a layer from 1 to 2",
    ),
    "layer 0": (
        {"weight": (0, 0, 0)},
        ValueError,
        "explain: weight has (0, 0, 0), expected a layer from 1 to 2",
    ),
    "row": (
        {"weight": (1, 4, 0)},
        ValueError,
        "explain: weight has (1, 4, 0), expected a row from 0 to 3",
    ),
    "column": (
        {"weight": (2, 1, 4)},
        ValueError,
        "explain: weight has (2, 1, 4), expected a column from 0 to 3",
    ),
    "bias": (
        {"weight": (2, 2)},
        ValueError,
        "explain: weight has (2, 2), expected a row from 0 to 1",
    ),
    "entries": (
        {"weight": (1,)},
        ValueError,
        "explain: weight has 1 entry, expected (layer, row, column), or (layer, row) for a bias",
    ),
    "kind": (
        {"weight": 3},
        TypeError,
        "explain: weight has type int, expected (layer, row, column), or (layer, row) for a bias",
    ),
    "text": (
        {"weight": "W11"},
        TypeError,
        "explain: weight has type str, expected (layer, row, column), or (layer, row) for a bias",
    ),
    "float": (
        {"weight": (1, 0.0, 0)},
        TypeError,
        "explain: weight[1] has type float, expected an integer",
    ),
    "negative": (
        {"weight": (1, -1, 0)},
        ValueError,
        "explain: weight[1] has -1, expected an integer >= 0",
    ),
    "digits": ({"digits": 0}, ValueError, "explain: digits has 0, expected an integer >= 1"),
    "lr": ({"lr": -0.1}, ValueError, "explain: lr has -0.1, expected a finite number >= 0"),
    "lr kind": ({"lr": "0.1"}, TypeError, "explain: lr has type str, expected a number"),
    "loss": ({"loss": "l2"}, ValueError, "loss: name has 'l2', expected one of "),
    "pair": (
        {"loss": "softmax_cross_entropy"},
        ValueError,
        "SoftmaxCrossEntropy: reads logits, but the output layer has Softmax, ",
    ),
    "x": (
        {"x": [[1.0, 2.0]]},
        ValueError,
        "Dense 1 (W 4x3): input has shape (1, 2), expected (n, 3)",
    ),
    "y": ({"y": [2]}, ValueError, "CrossEntropy: y has label 2 at row 0, expected 0 to 1"),
}


@pytest.mark.parametrize(("given", "kind", "sentence"), WRONG.values(), ids=WRONG)
def test_bad_input_is_refused(given, kind, sentence):
    """What is not there, and what other doors refuse."""
    right = {"x": [[1.0, 2.0, 3.0]], "y": [1], "loss": "cross_entropy", "lr": 0.1}
    with pytest.raises(
        kind, match=f"^{re.escape(sentence)}{'' if sentence.endswith(' ') else '$'}"
    ):
        refnet.explain(refnet.mlp([3, 4, 2], seed=1), **(right | given))
