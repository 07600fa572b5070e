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


@pytest.mark.parametrize(
    ("init", "law", "parameters"),
    [
        (Uniform(-3.0, 0.5), "uniform", (-3.0, 0.5)),
        (Normal(2.0, 0.1), "normal", (2.0, 0.1)),
        (TorchLinear(), "uniform", (-1 / 2, 1 / 2)),
        (TorchLinear(generator="torch"), "uniform", (-1 / 2, 1 / 2)),
        (HeNormal(), "normal", (0.0, math.sqrt(2 / 4))),
    ],
    ids=repr,
)
def test_weights_alone_draw_no_number_for_a_bias(init, law, parameters):
    """W of a layer without biases is W of one with them, and the next number drawn is
    the one that b would have had.
    """
    both, alone, plain = (init.seeded(5, np.dtype("float64")) for _ in range(3))
    W = init.weights_alone(alone, 3, 4)
    assert np.array_equal(W, init(both, 3, 4)[0])
    draw_next = getattr(plain, law)
    draw_next(*parameters, (3, 4))
    assert np.array_equal(getattr(alone, law)(*parameters, 2), draw_next(*parameters, 2))


def test_weights_alone_of_an_own_initializer():
    """One's own initializer needs no more than a call: W is what it returns first."""

    class Own(refnet.Initializer):
        def __call__(self, rng, fan_out, fan_in):
            return rng.random((fan_out, fan_in)), rng.random(fan_out)

    W = Own().weights_alone(Own().seeded(4, np.dtype("float64")), 3, 2)
    assert np.array_equal(W, np.random.default_rng(4).random((3, 2)))
    own, rng = refnet.mlp([2, 3], init=Own(), seed=4), np.random.default_rng(4)
    assert np.array_equal(own.parameters, rng.random(9))


# torch.manual_seed(42), then Sequential(Linear(3, 2), Linear(2, 1)), as PyTorch 2.13.0
# gives it on x86-64 with AVX512 or AVX2, and under ATEN_CPU_CAPABILITY=default
PINNED = {
    ("float32", True): (
        "0x1.c40012p-2 0x1.eab4cap-2 -0x1.1501c4p-3 0x1.0f8b68p-1 -0x1.03122cp-3 0x1.dd3334p-4 "
        "-0x1.1fd4fap-2 0x1.5b3496p-2 0x1.3f2712p-1 -0x1.099a0cp-1 0x1.3aaec0p-1"
    ),
    ("float32", False): (
        "0x1.c40010p-2 0x1.eab4c8p-2 -0x1.1501c4p-3 0x1.0f8b68p-1 -0x1.03122cp-3 0x1.dd3330p-4 "
        "-0x1.1fd4fap-2 0x1.5b3498p-2 0x1.3f2712p-1 -0x1.099a0cp-1 0x1.3aaec2p-1"
    ),
    ("float64", True): (
        "-0x1.0538d623a6105p-1 -0x1.026911bc5fddbp-1 -0x1.bd13aca62e983p-2 -0x1.088481046eeebp-1 "
        "0x1.ef22d12dd5705p-6 -0x1.b733451ad85fbp-6 0x1.0d236d32ba1fcp-1 0x1.faf67888fcb51p-2 "
        "-0x1.2d8bfbd543767p-1 -0x1.09ff1ef95c3eap-1 -0x1.f0a3bbdc333c2p-2"
    ),
    ("float64", False): (
        "-0x1.0538d623a6105p-1 -0x1.026911bc5fddbp-1 -0x1.bd13aca62e983p-2 -0x1.088481046eeebp-1 "
        "0x1.ef22d12dd5700p-6 -0x1.b733451ad8600p-6 0x1.0d236d32ba1fbp-1 0x1.faf67888fcb52p-2 "
        "-0x1.2d8bfbd543767p-1 -0x1.09ff1ef95c3eap-1 -0x1.f0a3bbdc333c2p-2"
    ),
}


@pytest.mark.parametrize(("dtype", "fused"), PINNED)
@pytest.mark.parametrize("seed", [42, 2**32 + 42, 2**64 - 2**32 + 42])
def test_the_weights_of_a_torch_seed(seed, dtype, fused):
    """The weights are PyTorch's to the bit, in either dtype and form; of a seed it
    takes the low 32 bits.
    """
    init = TorchLinear(generator="torch", fused=fused)
    net = refnet.mlp([3, 2, 1], init=init, seed=seed, dtype=dtype)
    assert net.dtype == dtype
    assert net.parameters.tolist() == [float.fromhex(v) for v in PINNED[dtype, fused].split()]


def test_the_bounds_of_a_torch_seed_are_torchs_own():
    """W's bound, by way of gain and standard deviation, ends in another last bit than
    1/sqrt(fan_in) in many layers, and each is within its derived distance of it.
    """
    init = TorchLinear(generator="torch")
    weight, bias = zip(*(init._bounds(fan_in) for fan_in in range(1, 1000)), strict=True)
    assert bias == tuple(1 / math.sqrt(fan_in) for fan_in in range(1, 1000))
    differ = [(w, b) for w, b in zip(weight, bias, strict=True) if w != b]
    assert len(differ) > 100
    # to first order the relative errors add up to 7.25 u in W's and 2 u in b's, and u
    # times b is at most its ulp
    assert all(abs(w - b) <= 10 * math.ulp(b) for w, b in differ)


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
            lambda: TorchLinear("jax"),
            ValueError,
            "TorchLinear: generator has 'jax', expected 'numpy' or 'torch'",
        ),
        (
            lambda: TorchLinear(np.random.default_rng(0)),
            TypeError,
            "TorchLinear: generator has type Generator, expected 'numpy' or 'torch'",
        ),
        (
            lambda: TorchLinear("torch", fused=1),
            TypeError,
            "TorchLinear: fused has 1, expected True or False",
        ),
        (
            lambda: refnet.mlp([2, 1], init=TorchLinear("torch"), seed=2**64),
            ValueError,
            "TorchLinear: seed has 18446744073709551616, expected an integer in [0, 2^64)",
        ),
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
