"""Initializers: shape, range and moments of what they draw, and in which order they
draw it.
"""

import math
import re

import numpy as np
import pytest

import refnet
from refnet import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Normal,
    TorchLinear,
    Uniform,
    Zeros,
)
from refnet.initializers import INITIALIZERS

# far apart, so that one taken for the other, or for their sum, is far off
FAN_OUT, FAN_IN = 4001, 11

# what W is drawn from, and b, or 0.0 where it starts at zero; uniform(low, high) or
# normal(mean, standard deviation)
DRAWN = [
    (Uniform(), ("uniform", 0.0, 1.0), ("uniform", 0.0, 1.0)),
    (Uniform(-3.0, 0.5), ("uniform", -3.0, 0.5), ("uniform", -3.0, 0.5)),
    (Normal(), ("normal", 0.0, 1.0), ("normal", 0.0, 1.0)),
    (Normal(2.0, 0.1), ("normal", 2.0, 0.1), ("normal", 2.0, 0.1)),
    (
        TorchLinear(),
        ("uniform", -1 / math.sqrt(FAN_IN), 1 / math.sqrt(FAN_IN)),
        ("uniform", -1 / math.sqrt(FAN_IN), 1 / math.sqrt(FAN_IN)),
    ),
    (
        GlorotUniform(),
        ("uniform", -math.sqrt(6 / (FAN_IN + FAN_OUT)), math.sqrt(6 / (FAN_IN + FAN_OUT))),
        0.0,
    ),
    (GlorotNormal(), ("normal", 0.0, math.sqrt(2 / (FAN_IN + FAN_OUT))), 0.0),
    (HeUniform(), ("uniform", -math.sqrt(6 / FAN_IN), math.sqrt(6 / FAN_IN)), 0.0),
    (HeNormal(), ("normal", 0.0, math.sqrt(2 / FAN_IN)), 0.0),
]
EVERY = [Zeros(), Constant(), *(init for init, _, _ in DRAWN)]

every = pytest.mark.parametrize("init", EVERY, ids=repr)
drawn = pytest.mark.parametrize(
    ("init", "weight", "bias"), DRAWN, ids=[repr(init) for init, _, _ in DRAWN]
)


def follows(sample, law):
    """Whether mean and variance are within six standard errors of the law's, and a
    uniform sample fills its range and no more.

    The variance of a sample's variance is (mu4 - sigma^4) / N, with mu4 / sigma^4 = 9/5
    for the uniform law and 3 for the normal one. N entries leave the outer 20/N of a
    uniform range empty with probability exp(-20).
    """
    kind, first, second = law
    mean, deviation, kurtosis = (
        ((first + second) / 2, (second - first) / math.sqrt(12), 9 / 5)
        if kind == "uniform"
        else (first, second, 3)
    )
    good = abs(sample.mean() - mean) <= 6 * deviation / math.sqrt(sample.size)
    good &= abs(sample.var() / deviation**2 - 1) <= 6 * math.sqrt((kurtosis - 1) / sample.size)
    if kind == "uniform":
        margin = 20 / sample.size * (second - first)
        good &= (
            sample.min() >= first
            and sample.max() < second
            and np.ptp(sample) >= second - first - 2 * margin
        )
    return good


def draw(init, seed=0, fan_out=FAN_OUT, fan_in=FAN_IN):
    """W and b of one layer."""
    return init(np.random.default_rng(seed), fan_out, fan_in)


@every
def test_shapes_are_those_of_torch_linear(init):
    """W is (fan_out, fan_in), b is (fan_out,), both in float64."""
    W, b = draw(init, fan_out=3, fan_in=5)
    assert (W.shape, b.shape) == ((3, 5), (3,))
    assert W.dtype == b.dtype == np.float64


@drawn
def test_weights_and_biases_follow_their_law(init, weight, bias):
    """A large draw has the law's range, mean and variance; a bias that is to start at
    zero does.
    """
    W, b = draw(init)
    assert follows(W, weight)
    assert follows(b, bias) if bias else not b.any()


@pytest.mark.parametrize(
    "law",
    [
        ("uniform", 0.0, 1.1),
        ("uniform", -0.1, 1.0),
        ("normal", 0.5, 0.3),
        ("normal", 0.45, math.sqrt(1 / 12)),
    ],
)
def test_a_wrong_law_is_noticed(law):
    """The comparison that the test above rests on refuses a law that is a tenth off."""
    W, _ = draw(Uniform())
    assert follows(W, ("uniform", 0.0, 1.0))
    assert not follows(W, law)


@pytest.mark.parametrize(
    ("init", "fan_out", "fan_in", "law", "parameters"),
    [
        (Uniform(-3.0, 0.5), 4, 3, "uniform", (-3.0, 0.5)),
        (Normal(2.0, 0.1), 4, 3, "normal", (2.0, 0.1)),
        # here and below the fans are such that the root is exact
        (TorchLinear(), 3, 4, "uniform", (-1 / 2, 1 / 2)),
        (GlorotUniform(), 4, 2, "uniform", (-1.0, 1.0)),
        (GlorotNormal(), 5, 3, "normal", (0.0, 1 / 2)),
        (HeUniform(), 5, 6, "uniform", (-1.0, 1.0)),
        (HeNormal(), 5, 8, "normal", (0.0, 1 / 2)),
    ],
    ids=repr,
)
def test_weights_are_drawn_before_biases(init, fan_out, fan_in, law, parameters):
    """The generator's numbers go to W row by row, then to b, and none is drawn for a
    bias of zero.
    """
    rng, own = np.random.default_rng(5), np.random.default_rng(5)
    W, b = init(own, fan_out, fan_in)
    assert np.array_equal(W, getattr(rng, law)(*parameters, (fan_out, fan_in)))
    assert (
        np.array_equal(b, getattr(rng, law)(*parameters, fan_out))
        if b.any()
        else own.bit_generator.state == rng.bit_generator.state
    )


def test_constants_are_constant():
    """Zeros gives zeros; Constant gives 0.5 and 0 unless told otherwise."""
    for init, weight, bias in (
        (Zeros(), 0.0, 0.0),
        (Constant(), 0.5, 0.0),
        (Constant(0.25, -1.0), 0.25, -1.0),
    ):
        W, b = draw(init, fan_out=3, fan_in=2)
        assert set(W.ravel()) == {weight}
        assert set(b) == {bias}


def test_units_that_start_equal_stay_equal():
    """From constant weights every hidden unit gets the same gradient: the symmetry that
    random weights are there to break.
    """
    net = refnet.mlp([3, 4, 1], hidden="relu", output="identity", init=Constant(0.5, 0.25))
    # dyadic numbers: nothing rounds
    _, gradients = net.loss_and_gradients(
        [[1.0, 2.0, -0.5], [0.5, 0.25, 4.0]], [[1.0], [-2.0]], "mse"
    )
    dW = gradients[0].dW
    assert dW.any()
    assert (dW == dW[0]).all()


@pytest.mark.parametrize(
    "init",
    [Uniform(), Normal(), TorchLinear(), GlorotUniform(), GlorotNormal(), HeUniform(), HeNormal()],
    ids=repr,
)
def test_a_seed_gives_the_same_numbers_again(init):
    """The same seed draws the same W and b, another seed draws others."""
    assert np.array_equal(draw(init, seed=3)[0], draw(init, seed=3)[0])
    assert not np.array_equal(draw(init, seed=3)[0], draw(init, seed=4)[0])


@pytest.mark.parametrize("init", list(INITIALIZERS))
def test_float32_is_the_same_draw_rounded(init):
    """A float32 network has the numbers of the float64 one with the same seed, rounded
    once.
    """
    wide, narrow = (
        refnet.mlp([5, 4, 3], init=init, seed=7, dtype=dtype) for dtype in ("float64", "float32")
    )
    assert narrow.dtype == np.float32
    assert np.array_equal(narrow.parameters, wide.parameters.astype("float32"))


def test_a_network_is_drawn_layer_by_layer_from_one_generator():
    """mlp draws W1, b1, W2, b2 from one stream."""
    rng = np.random.default_rng(11)
    stream = [
        part.ravel()
        for fan_out, fan_in in ((4, 5), (3, 4))
        for part in Normal()(rng, fan_out, fan_in)
    ]
    assert np.array_equal(
        refnet.mlp([5, 4, 3], init="normal", seed=11).parameters, np.concatenate(stream)
    )


def test_the_table_of_initializers_knows_every_name():
    """A name at the door makes the class it names."""
    assert set(INITIALIZERS.values()) == {type(init) for init in EVERY}
    assert all(name == kind.name for name, kind in INITIALIZERS.items())


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: Uniform(1.0, 1.0),
            ValueError,
            "Uniform: low has 1.0, expected a finite number < 1",
        ),
        (
            lambda: Uniform(0.0, math.inf),
            ValueError,
            "Uniform: high has inf, expected a finite number",
        ),
        (
            lambda: Normal(0.0, -0.5),
            ValueError,
            "Normal: std has -0.5, expected a finite number >= 0",
        ),
        (lambda: Normal(math.nan), ValueError, "Normal: mean has nan, expected a finite number"),
        (lambda: Constant("half"), TypeError, "Constant: weight has type str, expected a number"),
        (
            lambda: Constant(0.5, math.inf),
            ValueError,
            "Constant: bias has inf, expected a finite number",
        ),
    ],
)
def test_a_law_needs_usable_numbers(make, error, text):
    """An empty range, a negative spread and what is no number are refused when the
    initializer is made.
    """
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        make()
