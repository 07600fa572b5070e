"""Optimizers as objects: in place, in the network's dtype, resumable, bound to one
network, and what they refuse.
"""

import copy
import importlib
import pickle
import pkgutil
import re
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet import optimizers
from refnet.optimizers import OPTIMIZERS, SECOND_MOMENTS

CASES = {
    "sgd": (refnet.SGD, {}),
    "momentum": (refnet.SGD, {"momentum": 0.9, "dampening": 0.5}),
    "nesterov": (refnet.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.3}),
    "adagrad": (
        refnet.Adagrad,
        {"lr_decay": 0.2, "weight_decay": 0.3, "initial_accumulator_value": 0.1, "eps": 0.01},
    ),
    "rmsprop": (refnet.RMSprop, {}),
    "centered": (
        refnet.RMSprop,
        {"alpha": 0.8, "eps": 0.01, "weight_decay": 0.3, "momentum": 0.7, "centered": True},
    ),
    "adam": (refnet.Adam, {}),
    "amsgrad": (
        refnet.Adam,
        {"betas": (0.8, 0.5), "eps": 0.01, "weight_decay": 0.3, "amsgrad": True},
    ),
    "adamw": (refnet.AdamW, {}),
}
every_rule = pytest.mark.parametrize(("kind", "settings"), CASES.values(), ids=CASES)


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


def network(dtype="float64"):
    return refnet.mlp([2, 3, 2], hidden="tanh", output="identity", dtype=dtype)


def gradient(*entries):
    return SimpleNamespace(vector=np.array(entries))


def gradients(steps, dtype="float64"):
    rng = np.random.default_rng(5)
    return [SimpleNamespace(vector=rng.standard_normal(17).astype(dtype)) for _ in range(steps)]


def run(optimizer, net, some):
    for g in some:
        optimizer.step(net, g)
    return optimizer, net


def bits(optimizer, net):
    """Everything that a step changes, bit for bit."""
    return net.parameters.tobytes(), {
        name: np.asarray(value).tobytes() for name, value in optimizer.state.items()
    }


def one(theta=1.0, dtype="float64"):
    """A network of one weight and one bias, both theta."""
    return refnet.Network([refnet.Dense(np.array([[theta]], dtype), np.array([theta], dtype))])


@every_rule
def test_step_writes_in_place(kind, settings):
    """The parameter vector, every W and b, and every vector of the state are the same
    arrays after a step; the gradient is untouched.
    """

    def held():
        arrays = [value for name, value in optimizer.state.items() if name != "steps"]
        return [
            net.parameters,
            *(array for layer in net.layers for array in (layer.W, layer.b)),
            *arrays,
        ]

    first, second = gradients(2)
    optimizer, net = run(kind(**settings), network(), [first])
    before, given_bits = held(), second.vector.tobytes()
    optimizer.step(net, second)
    assert all(a is b for a, b in zip(before, held(), strict=True))
    assert all(
        np.shares_memory(array, net.parameters)
        for layer in net.layers
        for array in (layer.W, layer.b)
    )
    assert second.vector.tobytes() == given_bits


def test_gradients_of_a_network_step_its_layers():
    """With gradients from the network itself, plain SGD is W := W - lr dW and
    b := b - lr db, layer by layer.
    """
    net, rng = network(), np.random.default_rng(3)
    _, grads = net.loss_and_gradients(
        rng.standard_normal((5, 2)), rng.standard_normal((5, 2)), "mse"
    )
    expected = [
        (layer.W - 0.1 * g.dW, layer.b - 0.1 * g.db)
        for layer, g in zip(net.layers, grads, strict=True)
    ]
    refnet.SGD(lr=0.1).step(net, grads)
    for layer, (W, b) in zip(net.layers, expected, strict=True):
        assert (layer.W.tobytes(), layer.b.tobytes()) == (W.tobytes(), b.tobytes())


@pytest.mark.parametrize("dampening", [0.0, 0.5])
def test_first_momentum_is_the_gradient(dampening):
    """The first v is g itself, undampened, in an array of its own."""
    optimizer, (g,) = refnet.SGD(momentum=0.9, dampening=dampening), gradients(1)
    optimizer.step(network(), g)
    assert optimizer.state["momentum_buffer"].tobytes() == g.vector.tobytes()
    assert not np.shares_memory(optimizer.state["momentum_buffer"], g.vector)


@pytest.mark.parametrize("settings", [{"momentum": 0.5}, {"momentum": 0.5, "nesterov": True}])
def test_zero_gradient_moves_with_momentum(settings):
    """After g = 1, a zero gradient still moves theta by lr v, v = 1/2, and with the
    Nesterov lookahead by half of that; binary is exact.
    """
    optimizer, net = refnet.SGD(lr=0.25, **settings), one(0.0)
    run(optimizer, net, [gradient(1.0, 1.0)])
    before = net.parameters[0]
    run(optimizer, net, [gradient(0.0, 0.0)])
    assert before - net.parameters[0] == (0.0625 if optimizer.nesterov else 0.125)


def test_zero_gradient_without_memory_moves_nothing():
    """Plain SGD leaves every bit where the gradient is zero, and weight decay alone
    shrinks theta, biases too.
    """
    assert run(refnet.SGD(lr=0.5), one(3.0), [gradient(0.0, 0.0)])[1].parameters.tolist() == [
        3.0,
        3.0,
    ]
    assert run(refnet.SGD(lr=0.5, weight_decay=0.5), one(3.0), [gradient(0.0, 0.0)])[
        1
    ].parameters.tolist() == [2.25, 2.25]


@pytest.mark.parametrize(
    "lr",
    [0.1, np.float64(0.1), np.float32(0.1), np.float16(0.5), np.int64(1), 1],
    ids=lambda lr: type(lr).__name__,
)
@every_rule
def test_float32_stays_float32(kind, settings, lr):
    """Whatever kind of number lr is, float32 parameters and state stay float32 and take
    the bits that a Python float gives.
    """
    optimizer, net = run(kind(lr=lr, **settings), network("float32"), gradients(3, "float32"))
    vectors = [
        net.parameters,
        *(value for name, value in optimizer.state.items() if name != "steps"),
    ]
    assert {array.dtype.name for array in vectors} == {"float32"}
    assert type(optimizer.lr) is float
    assert bits(optimizer, net) == bits(
        *run(kind(lr=float(lr), **settings), network("float32"), gradients(3, "float32"))
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bound", [False, True], ids=["before binding", "after binding"])
@every_rule
def test_state_resumes_training(kind, settings, bound, dtype):
    """A new optimizer with the saved state continues on a copy of the network with the
    bits of the uninterrupted run.
    """
    some = gradients(6, dtype)
    optimizer, net = run(kind(**settings), network(dtype), some[:3])
    saved, resumed, continued = copy.deepcopy(optimizer.state), kind(**settings), net.copy()
    run(optimizer, net, some[3:])
    if bound:
        resumed.bind(continued)
    resumed.state = saved
    run(resumed, continued, some[3:])
    assert bits(optimizer, net) == bits(resumed, continued)
    assert resumed.state["steps"] == 6


def test_state_is_live_to_read_and_copied_when_set():
    """What `state` shows is what the next step uses; what it is given stays the
    giver's.
    """
    optimizer, net = run(refnet.SGD(lr=1.0, momentum=0.5), one(0.0), [gradient(0.0, 0.0)])
    optimizer.state["momentum_buffer"][:] = 4.0
    given_state = {"steps": 1, "momentum_buffer": np.array([8.0, 8.0])}
    run(optimizer, net, [gradient(0.0, 0.0)])
    assert net.parameters.tolist() == [-2.0, -2.0]
    optimizer.state = given_state
    run(optimizer, net, [gradient(0.0, 0.0)])
    assert net.parameters.tolist() == [-6.0, -6.0]
    assert given_state["momentum_buffer"].tolist() == [8.0, 8.0]


KEPT = {
    "sgd": [],
    "momentum": ["momentum_buffer"],
    "nesterov": ["momentum_buffer"],
    "adagrad": ["sum"],
    "rmsprop": ["square_avg"],
    "centered": ["square_avg", "grad_avg", "momentum_buffer"],
    "adam": ["exp_avg", "exp_avg_sq"],
    "amsgrad": ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"],
    "adamw": ["exp_avg", "exp_avg_sq"],
}


@pytest.mark.parametrize("name", CASES)
def test_state_has_torch_names(name):
    """The state is the number of steps and one flat vector for each of torch's
    names.
    """
    kind, settings = CASES[name]
    optimizer, net = run(kind(**settings), network(), gradients(2))
    assert sorted(optimizer.state) == sorted(["steps", *KEPT[name]])
    assert optimizer.state["steps"] == 2
    assert {optimizer.state[vector].shape for vector in KEPT[name]} <= {net.parameters.shape}


REFUSED_STATES = [
    ({}, "Adam: state has steps None, expected an integer >= 0"),
    ({"steps": -1}, "Adam: state has steps -1, expected an integer >= 0"),
    ({"steps": True}, "Adam: state has steps True, expected an integer >= 0"),
    ({"steps": 1.0}, "Adam: state has steps 1.0, expected an integer >= 0"),
    ({"steps": 1}, "Adam: state has steps, expected steps, exp_avg, exp_avg_sq"),
    (
        {"steps": 1, "exp_avg": [0, 0]},
        "Adam: state has steps, exp_avg, expected steps, exp_avg, exp_avg_sq",
    ),
    (
        {"steps": 0, "sum": [0, 0]},
        "Adam: state has steps, sum, expected steps, exp_avg, exp_avg_sq",
    ),
    (
        {"steps": 1, "exp_avg": [0], "exp_avg_sq": [0, 0]},
        "Adam: state exp_avg has shape (1,), expected (2,)",
    ),
    (
        {"steps": 1, "exp_avg": [0, 0], "exp_avg_sq": [[0, 0]]},
        "Adam: state exp_avg_sq has shape (1, 2), expected (2,)",
    ),
    (
        {"steps": 1, "exp_avg": [0, np.nan], "exp_avg_sq": [0, 0]},
        "Adam: state exp_avg has nan at row 1, expected finite values",
    ),
]


@pytest.mark.parametrize(("state", "sentence"), REFUSED_STATES)
def test_wrong_state_is_refused(state, sentence):
    """A state that does not fit is refused, and the one at hand stays."""
    optimizer, net = run(refnet.Adam(), one(), [gradient(1.0, 2.0)] * 3)
    before = bits(optimizer, net)
    with refuses(ValueError, sentence):
        optimizer.state = state
    assert bits(optimizer, net) == before


@every_rule
def test_a_state_without_steps_starts_anew(kind, settings):
    """The state of an optimizer that has taken no step is a count alone; one that is
    given it goes on with the bits of a new optimizer.
    """
    some, unused = gradients(4), kind(**settings)
    optimizer, net = run(kind(**settings), network(), some[:2])
    other = net.copy()
    assert unused.state == {"steps": 0}
    optimizer.state = unused.state
    assert bits(*run(optimizer, net, some[2:])) == bits(*run(unused, other, some[2:]))


def test_momentum_is_not_lost_in_silence():
    """After the first step there is a buffer: a state with steps and without it is
    refused, and so is what is no state at all.
    """
    optimizer = refnet.SGD(momentum=0.9)
    with refuses(ValueError, "SGD: state has steps, expected steps, momentum_buffer"):
        optimizer.state = {"steps": 3}
    with refuses(TypeError, "SGD: state has type int, expected a dict of steps and vectors"):
        optimizer.state = 3


@pytest.mark.parametrize("bound_first", [False, True])
def test_state_that_float32_cannot_hold_is_refused(bound_first):
    """A vector that overflows in the network's dtype is refused when it meets the
    network.
    """
    net, optimizer = refnet.mlp([1, 1], dtype="float32"), refnet.SGD(momentum=0.9)
    state = {"steps": 1, "momentum_buffer": [1e300, 0.0]}
    if bound_first:
        optimizer.bind(net)
    else:
        optimizer.state = state
    with refuses(ValueError, "SGD: state momentum_buffer has inf at row 0, expected finite values"):
        if bound_first:
            optimizer.state = state
        else:
            optimizer.bind(net)


def test_one_entry_of_a_state_is_not_set_in_silence():
    """`state[...] = ...` would be lost, so it is refused; a deep copy is a plain
    dict.
    """
    optimizer = refnet.SGD(momentum=0.9)
    with refuses(
        TypeError, "state: entry 'steps' is set alone, expected the whole: optimizer.state = {...}"
    ):
        optimizer.state["steps"] = 100
    assert type(copy.deepcopy(optimizer.state)) is dict


@pytest.mark.parametrize("name", ["momentum", "nesterov", "weight_decay"])
def test_only_lr_changes_between_steps(name):
    """The state belongs to the other settings, which are fixed."""
    optimizer = refnet.SGD()
    want = "expected a new optimizer for another one; only lr changes between steps"
    with pytest.raises(AttributeError, match=f"^SGD: {name} is fixed, {want}$"):
        setattr(optimizer, name, 0.5)


@pytest.mark.parametrize("name", CASES)
def test_the_vectors_that_are_never_negative_are_listed(name):
    """Over steps with gradients of either sign, those and no others stay at 0 or
    above.
    """
    kind, settings = CASES[name]
    optimizer, lowest = kind(**settings), {}
    net = network()
    for g in gradients(4):
        run(optimizer, net, [g])
        for vector in KEPT[name]:
            lowest[vector] = min(lowest.get(vector, 0.0), optimizer.state[vector].min())
    for vector, least in lowest.items():
        has = least == 0.0
        says = f"SECOND_MOMENTS should {'' if has else 'not '}have {vector}"
        assert (vector in SECOND_MOMENTS) == has, f"refnet/optimizers/optimizer.py: {says}"


def test_a_negative_mean_of_squares_is_refused():
    """A second moment below zero has no root."""
    with refuses(
        ValueError, "Adagrad: state sum has -1.0, expected a mean or sum of squares, >= 0"
    ):
        refnet.Adagrad().state = {"steps": 0, "sum": [1.0, -1.0]}


def test_state_of_another_size_is_refused_at_the_first_step():
    """A state set before the network is known is held against it then; the optimizer
    stays free for a network that fits.
    """
    optimizer, net = refnet.Adam(), network()
    with refuses(ValueError, "Adam: state exp_avg has shape (1, 2), expected (parameters,)"):
        optimizer.state = {"steps": 1, "exp_avg": [[0, 0]], "exp_avg_sq": [0, 0]}
    optimizer.state = {"steps": 1, "exp_avg": [0, 0], "exp_avg_sq": [0, 0]}
    with refuses(ValueError, "Adam: state exp_avg has shape (2,), expected (17,)"):
        optimizer.step(net, gradients(1)[0])
    optimizer.step(one(), gradient(1.0, 1.0))
    assert optimizer.state["steps"] == 2


@every_rule
def test_optimizer_belongs_to_its_first_network(kind, settings):
    """Another network is refused, an equal copy too, and nothing moves."""
    (g,) = gradients(1)
    optimizer, net = run(kind(**settings), network(), [g])
    other, before = net.copy(), bits(optimizer, net)
    expected = "expected the one of its first step; make an optimizer for each network"
    with refuses(ValueError, f"{kind.__name__}: got another network, {expected}"):
        optimizer.step(other, g)
    assert bits(optimizer, net) == before
    assert other.parameters.tobytes() == net.parameters.tobytes()


@pytest.mark.parametrize(
    "order", [slice(None), slice(None, None, -1)], ids=["network first", "optimizer first"]
)
@pytest.mark.parametrize(
    "twice",
    [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))],  # noqa: S301 - our own
    ids=["deepcopy", "pickle"],
)
@every_rule
def test_binding_survives_a_copy_of_both(kind, settings, twice, order):
    """Copied together, optimizer and network belong to each other and go on as the
    originals do; the originals are refused to the copy.
    """
    some = gradients(4)
    pair = run(kind(**settings), network(), some[:2])
    copied = twice(pair[order])[order]
    assert bits(*run(*pair, some[2:])) == bits(*run(*copied, some[2:]))
    with pytest.raises(ValueError, match="got another network"):
        copied[0].step(pair[1], some[0])


DEFAULTS = {
    refnet.SGD: {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0},
    refnet.Adagrad: {
        "lr": 0.01,
        "lr_decay": 0.0,
        "initial_accumulator_value": 0.0,
        "eps": 1e-10,
        "weight_decay": 0.0,
    },
    refnet.RMSprop: {
        "lr": 0.01,
        "alpha": 0.99,
        "eps": 1e-8,
        "momentum": 0.0,
        "centered": False,
        "weight_decay": 0.0,
    },
    refnet.Adam: {
        "lr": 0.001,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
        "amsgrad": False,
        "weight_decay": 0.0,
    },
    refnet.AdamW: {
        "lr": 0.001,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
        "amsgrad": False,
        "weight_decay": 0.01,
    },
}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_defaults_are_torch_defaults(kind):
    """Every default is torch's; the learning rate of SGD alone, which torch has
    changed, is refnet's own 0.1.
    """
    assert kind().hyperparameters == {"lr": 0.1, **DEFAULTS[kind]}


def test_gradient_of_another_shape_or_dtype_is_refused():
    """A gradient vector that is not as the parameters is refused, nothing moves."""
    net = one()
    for vector, shown in (
        (np.ones(3), "(3,) float64"),
        (np.ones(2, "float32"), "(2,) float32"),
        (np.ones((2, 1)), "(2, 1) float64"),
    ):
        with refuses(
            ValueError, f"SGD: gradient has {shown}, expected (2,) float64 as the parameters"
        ):
            refnet.SGD().step(net, SimpleNamespace(vector=vector))
    assert net.parameters.tolist() == [1.0, 1.0]


PLACES = [
    *((1, "W", [j, k]) for j in range(3) for k in range(2)),
    *((1, "b", [j]) for j in range(3)),
    *((2, "W", [j, k]) for j in range(2) for k in range(3)),
    *((2, "b", [j]) for j in range(2)),
]


@every_rule
@given(st.integers(0, 16), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_nonfinite_gradient_is_refused_by_its_place(kind, settings, index, value):
    """A gradient that is not finite raises with layer, array and index, and leaves
    parameters and state as they were.
    """
    first, second = gradients(2)
    optimizer, net = run(kind(**settings), network(), [first])
    before, second.vector[index] = bits(optimizer, net), value
    layer, array, place = PLACES[index]
    sentence = (
        f"layer {layer}: gradient of {array} has {value} at {place}, expected finite values; no "
        f"parameter was changed"
    )
    with refuses(FloatingPointError, sentence):
        optimizer.step(net, second)
    assert bits(optimizer, net) == before


OVERFLOWS = {
    "lr": (refnet.SGD(lr=1e300), "float64", 1.0, 1e10, "-inf"),
    "lr beyond float32": (refnet.SGD(lr=1e300), "float32", 1.0, 1.0, "-inf"),
    "sum": (refnet.SGD(lr=1.0), "float64", 1.5e308, -1.5e308, "inf"),
    "sum in float32": (refnet.SGD(lr=1.0), "float32", 3e38, -3e38, "inf"),
    "momentum": (refnet.SGD(lr=1e200, momentum=0.9, nesterov=True), "float64", 1.0, -1e200, "inf"),
    "decay": (refnet.AdamW(lr=1.0, weight_decay=4.0), "float64", 1e308, 1.0, "-inf"),
    "decay in float32": (refnet.AdamW(lr=1.0, weight_decay=4.0), "float32", -3e38, 1.0, "inf"),
    "decay beyond all bounds": (
        refnet.AdamW(lr=1e200, weight_decay=1e200),
        "float64",
        1.0,
        1.0,
        "-inf",
    ),
}


@pytest.mark.parametrize(
    ("optimizer", "dtype", "theta", "g", "value"), OVERFLOWS.values(), ids=OVERFLOWS
)
def test_step_out_of_range_is_refused_with_theta_as_it_was(optimizer, dtype, theta, g, value):
    """A step whose result would not be finite raises with its place, and every
    parameter keeps its bits.
    """
    optimizer, net = copy.deepcopy(optimizer), one(theta, dtype)
    before = net.parameters.tobytes()
    with refuses(
        FloatingPointError,
        f"layer 1: new value of W has {value} at [0, 0], expected finite values; no parameter "
        f"was changed",
    ):
        optimizer.step(net, SimpleNamespace(vector=np.full(2, g, net.dtype)))
    assert net.parameters.tobytes() == before


def test_decay_that_overflows_in_the_gradient_is_refused():
    """Where g + weight_decay theta is not finite, the gradient is named."""
    net = one(1e200)
    with refuses(
        FloatingPointError,
        "layer 1: gradient of W has inf at [0, 0], expected finite values; no parameter "
        "was changed",
    ):
        refnet.SGD(weight_decay=1e200).step(net, gradient(1.0, 1.0))
    assert net.parameters.tolist() == [1e200, 1e200]


@pytest.mark.parametrize(
    ("optimizer", "theta", "g", "expected"),
    [
        (refnet.SGD(lr=1.0), 1e200, -1e200, Fraction(1e200) * 2),
        (refnet.SGD(lr=2.0**-700), 1.0, 2.0**700, Fraction(0)),
        (refnet.SGD(lr=1.0), 1.5e308, 1.5e308, Fraction(0)),
        (
            refnet.AdamW(lr=1.0, weight_decay=4.0, betas=(0.5, 0.5), eps=0.0),
            2.0**1000,
            1.0,
            Fraction(-3) * 2**1000,
        ),
    ],
)
def test_huge_but_finite_steps_are_taken(optimizer, theta, g, expected):
    """Numbers whose squares overflow pass where the new value is finite; each is exact
    in binary.
    """
    net = one(theta)
    copy.deepcopy(optimizer).step(net, gradient(g, g))
    assert [Fraction(value) for value in net.parameters] == [expected, expected]


def test_every_optimizer_of_refnet_is_in_the_table():
    """A class with a name of its own, in whichever module of the package, is known by
    that name and exported.
    """
    for module in pkgutil.iter_modules(optimizers.__path__):
        defined = vars(importlib.import_module(f"refnet.optimizers.{module.name}")).values()
        for kind in defined:
            if (
                isinstance(kind, type)
                and issubclass(kind, refnet.Optimizer)
                and "name" in vars(kind)
            ):
                says = f"has no entry for {kind.__name__}"
                assert OPTIMIZERS.get(kind.name) is kind, (
                    f"refnet/optimizers/__init__.py: OPTIMIZERS {says}"
                )
                assert kind.__name__ in optimizers.__all__, (
                    f"refnet/optimizers/__init__.py: __all__ {says}"
                )


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_every_optimizer_is_tried(kind):
    """The tables of this file have it."""
    says = f"has no entry for {kind.__name__}"
    assert kind in [tried for tried, _ in CASES.values()], f"tests/test_optimizers.py: CASES {says}"
    assert kind in DEFAULTS, f"tests/test_optimizers.py: DEFAULTS {says}"
