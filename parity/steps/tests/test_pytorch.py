"""The PyTorch twin is identical, independent, and transferred in mid-run."""

import subprocess
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import parity
import refnet
from parity import (
    compare,
    copy_from_torch,
    copy_to_torch,
    record_refnet,
    record_torch,
    twin,
    twin_loss,
    twin_optimizer,
)
from parity.steps.cases import RULES
from parity.steps.tests.twins import DTYPES, dtypes, sentence, weights
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

MODULES = {
    "identity": "Identity()",
    "heaviside": "Heaviside()",
    "sigmoid": "Sigmoid()",
    "tanh": "Tanh()",
    "relu": "ReLU()",
    "leaky_relu": "LeakyReLU(negative_slope=0.01)",
    "softmax": "Softmax(dim=1)",
}
HERE = "parity/steps/tests/test_pytorch.py"
LOSS_MODULES = {  # None: torch has none
    "mse": nn.MSELoss,
    "half_squared_error": None,
    "mae": nn.L1Loss,
    "cross_entropy": None,
    "softmax_cross_entropy": nn.CrossEntropyLoss,
    "binary_cross_entropy": nn.BCELoss,
    "sigmoid_cross_entropy": nn.BCEWithLogitsLoss,
}
SPECIAL = (0.0, -0.0, 5e-324, -1e-310, 1e-40, 1.0, -1.5, 3e38, -1e300)


@dtypes
@pytest.mark.parametrize(("name", "text"), MODULES.items(), ids=MODULES)
def test_twin_is_a_sequential_of_linear_and_activation(name, text, dtype):
    """Each layer is an nn.Linear of the same bits and the activation's own module, with
    its settings.
    """
    net = refnet.mlp([5, 3, 2], name, name, seed=1, dtype=dtype)
    model = twin(net)
    assert type(model) is nn.Sequential
    assert [type(module) for module in model[::2]] == [nn.Linear, nn.Linear]
    for layer, linear, module in zip(net.layers, model[::2], model[1::2], strict=True):
        assert linear.weight.dtype == linear.bias.dtype == DTYPES[dtype]
        assert linear.weight.requires_grad
        assert linear.bias.requires_grad
        assert linear.weight.detach().numpy().tobytes() == layer.W.tobytes()
        assert linear.bias.detach().numpy().tobytes() == layer.b.tobytes()
        assert repr(module) == text
        assert type(module).__module__.startswith("torch.nn.") or name == "heaviside"
    assert (
        nn.utils.parameters_to_vector(model.parameters()).detach().numpy().tobytes()
        == net.parameters.tobytes()
    )


def test_twin_keeps_the_slope_and_refuses_an_activation_of_one_s_own():
    """A slope goes along; a subclass may compute anything and is refused by name."""

    class Own(refnet.Tanh):
        pass

    assert twin(refnet.mlp([2, 3], output=refnet.LeakyReLU(0.25)))[1].negative_slope == 0.25
    known = ", ".join(ACTIVATIONS)
    with pytest.raises(
        TypeError, match=sentence(f"twin: activation has {Own()!r}, expected one of {known}")
    ):
        twin(refnet.mlp([2, 3], output=Own()))


def test_twin_does_not_move_the_global_random_generator():
    """nn.Linear draws its weights when it is made; the twin has its weights from the
    network and draws nothing.
    """
    before = torch.get_rng_state()
    twin(refnet.mlp([5, 3, 2]))
    assert torch.equal(torch.get_rng_state(), before)


@dtypes
def test_each_owns_its_weights(dtype):
    """Writing into network or twin, or training either, leaves the other alone; a copy
    in either direction shares nothing.
    """
    net = refnet.mlp([3, 2], "tanh", "identity", dtype=dtype)
    model = twin(net)
    for write in (lambda: copy_to_torch(net, model), lambda: copy_from_torch(model, net)):
        write()
        kept = weights(model)
        net.parameters[:] = 7.0
        assert weights(model) == kept
        with torch.no_grad():
            model[0].weight.zero_()
        assert (net.parameters == 7.0).all()


@dtypes
@settings(max_examples=30)
@given(data=st.data())
def test_copies_are_bit_for_bit(dtype, data):
    """There and back, every weight keeps its bits: signed zeros, subnormals and the
    largest numbers among them.
    """
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=2, max_size=5))
    numbers = st.sampled_from(SPECIAL) | st.floats(allow_nan=False, allow_infinity=False, width=32)
    net = refnet.mlp(sizes, dtype=dtype)
    with np.errstate(over="ignore"):
        net.parameters[:] = data.draw(
            st.lists(numbers, min_size=net.parameters.size, max_size=net.parameters.size)
        )
    other, vector = refnet.mlp(sizes, seed=9, dtype=dtype), net.parameters
    model = twin(other)
    copy_to_torch(net, model)
    assert (
        nn.utils.parameters_to_vector(model.parameters()).detach().numpy().tobytes()
        == vector.tobytes()
    )
    copy_from_torch(model, other)
    assert other.parameters.tobytes() == vector.tobytes()
    assert other.parameters.base is None
    assert all(np.shares_memory(other.parameters, layer.W) for layer in other.layers)


OTHER = {
    "layer missing": twin(refnet.mlp([5, 2])),
    "layer too many": twin(refnet.mlp([3, 5, 2, 2])),
    "width": twin(refnet.mlp([3, 7, 2])),
    "transposed": nn.Sequential(nn.Linear(5, 3), nn.Linear(2, 5)).double(),  # with as many numbers
    "dtype": twin(refnet.mlp([3, 5, 2], dtype="float32")),
}


@pytest.mark.parametrize("other", OTHER)
def test_copies_refuse_another_layout(other):
    """Another shape, though of equally many numbers, or another dtype is refused both
    ways with nothing written.
    """
    net, model = refnet.mlp([3, 5, 2], "tanh"), OTHER[other]
    kept, vector = weights(model), net.parameters.copy()
    got = [(tuple(p.shape), str(p.dtype).removeprefix("torch.")) for p in model.parameters()]
    want = [((5, 3), "float64"), ((5,), "float64"), ((2, 5), "float64"), ((2,), "float64")]
    for write in (lambda: copy_to_torch(net, model), lambda: copy_from_torch(model, net)):
        with pytest.raises(
            ValueError, match=sentence(f"copy: model has the parameters {got}, expected {want}")
        ):
            write()
    assert (weights(model), net.parameters.tobytes()) == (kept, vector.tobytes())


@pytest.mark.parametrize("name", LOSSES)
def test_twin_loss_is_torch_s_own(name):
    """Each loss has the module of the same name in torch where there is one, with
    torch's default settings; a subclass is refused.
    """

    assert name in LOSS_MODULES, f"{HERE}: LOSS_MODULES has no entry for {name!r}"
    kind, expected = LOSSES[name], LOSS_MODULES[name]

    class Own(kind):
        pass

    module = twin_loss(kind())
    if expected is not None:
        assert type(module) is expected
        assert (
            module.reduction,
            getattr(module, "weight", None),
            getattr(module, "label_smoothing", 0.0),
        ) == ("mean", None, 0.0)
    known = ", ".join(kind.__name__ for kind in LOSSES.values())
    with pytest.raises(
        TypeError, match=sentence(f"twin_loss: loss has Own, expected one of {known}")
    ):
        twin_loss(Own())


def test_the_twin_of_the_half_squared_error_refuses_to_broadcast():
    """(n, 1) against (n,) is refused where torch would warn and go on."""
    with pytest.raises(
        ValueError,
        match=sentence(
            "HalfSquaredError: prediction (3, 1) and y (3,) differ in shape; refusing to broadcast"
        ),
    ):
        twin_loss(refnet.HalfSquaredError())(torch.zeros(3, 1), torch.zeros(3))


@dtypes
@pytest.mark.parametrize(
    "case", [case for case in RULES if len(case.sizes) == 3], ids=lambda case: case.row
)
def test_optimizers_are_transferred_in_mid_run(case, dtype):
    """After three steps of refnet, settings, vectors and step count go to torch to the
    bit; torch goes on, each step as refnet's.
    """
    case = replace(case, dtype=dtype)
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    for x, y, lr in list(case.steps())[:3]:
        optimizer.lr = lr
        record_refnet(net, x, y, loss, optimizer)
    model = twin(net)
    torch_optimizer = twin_optimizer(optimizer, model)
    assert type(torch_optimizer) is getattr(torch.optim, type(optimizer).__name__)
    (group,) = torch_optimizer.param_groups
    assert {name: group[name] for name in optimizer.hyperparameters} == optimizer.hyperparameters
    vectors = {name: vector.copy() for name, vector in optimizer.state.items() if name != "steps"}
    for name, vector in vectors.items():
        parts = [torch_optimizer.state[p][name].numpy().ravel() for p in model.parameters()]
        assert np.concatenate(parts).tobytes() == vector.tobytes()
    for number, (x, y, lr) in enumerate(islice(replace(case, seed=1).steps(), 3), start=4):
        optimizer.lr = group["lr"] = lr
        copy_from_torch(model, net)
        theirs = record_torch(model, x, y, twin_loss(loss), torch_optimizer)
        assert theirs.spec.step == number
        # they share no memory
        assert number > 4 or all(
            np.array_equal(optimizer.state[name], vector) for name, vector in vectors.items()
        )
        agreement = compare(record_refnet(net, x, y, loss, optimizer), theirs)
        assert agreement.passed, f"step {number}: {agreement}"
        optimizer.state = {"steps": number, **theirs.after.state}
    assert number == 6


@pytest.mark.parametrize("inherited", [False, True])
def test_an_optimizer_of_one_s_own_is_refused(inherited):
    """A subclass may update as it likes and is refused, naming those there are, whether
    or not it has a name of its own.
    """

    class Own(refnet.SGD):
        name = "sgd" if inherited else "own"

    optimizer = Own()
    with pytest.raises(
        TypeError,
        match=sentence(
            f"twin_optimizer: optimizer has {optimizer!r}, expected one of {', '.join(OPTIMIZERS)}"
        ),
    ):
        twin_optimizer(optimizer, twin(refnet.mlp([2, 3])))


@pytest.mark.parametrize(
    "optimizer", [refnet.Adagrad(), refnet.SGD(momentum=0.9), refnet.Adam()], ids=str
)
def test_a_state_set_before_the_first_step_is_transferred(optimizer):
    """Vectors that the user has set go to torch before the first step as well."""
    net = refnet.mlp([2, 3], output="identity")
    optimizer.bind(net)
    optimizer.state = {
        "steps": 0,
        **{name: np.full(net.parameters.size, 2.0) for name in optimizer._kept},
    }
    model, data = twin(net), (np.ones((2, 2)), np.ones((2, 3)))
    theirs = record_torch(model, *data, nn.MSELoss(), twin_optimizer(optimizer, model))
    assert compare(record_refnet(net, *data, "mse", optimizer), theirs).passed


@dtypes
def test_heaviside_is_the_same_forward(dtype):
    """On whole numbers, where z is exact and often 0, refnet and torch give the same
    zeros and ones.
    """
    rng = np.random.default_rng(2)
    net = refnet.mlp([3, 5, 4], "heaviside", "heaviside", dtype=dtype)
    net.parameters[:] = rng.integers(-1, 2, net.parameters.size)
    x = rng.integers(-1, 2, (50, 3)).astype(dtype)
    trace = net.forward(x)
    assert all(
        (layer.z == 0).any()
        and set(np.unique(layer.a)) == {0.0, 1.0}
        and (layer.a == (layer.z > 0)).all()
        for layer in trace
    )
    assert twin(net)(torch.tensor(x)).detach().numpy().tobytes() == trace.output.tobytes()


def test_parity_is_imported_without_torch():
    """Without PyTorch parity compares and records refnet; the names that need it say
    so, with the command that installs it.
    """
    code = """
import sys
sys.modules["torch"] = None
import parity, refnet
net = refnet.mlp([2, 2], output="identity")
record = parity.record_refnet(net, [[1, 2]], [1], "softmax_cross_entropy", refnet.SGD())
assert parity.compare(record, record).passed
for name in parity._ROOMS['steps.pytorch']:
    try:
        getattr(parity, name)
    except ModuleNotFoundError as error:
        print(error, error.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    command = 'python -m pip install -e ".[parity]"'
    assert done.stdout.splitlines() == [
        f"parity.{name} needs PyTorch: {command} torch" for name in parity._ROOMS["steps.pytorch"]
    ]
    assert set(parity._ROOMS["steps.pytorch"]) < set(parity.__all__)
    with pytest.raises(AttributeError, match=sentence("module 'parity' has no attribute 'twins'")):
        _ = parity.twins


def test_names_and_wrong_things_at_the_door():
    """Losses and optimizers go by name as in refnet; what is no network or no model is
    refused by type.
    """
    net = refnet.mlp([2, 2])
    model = twin(net)
    assert isinstance(twin_loss("mse"), nn.MSELoss)
    assert isinstance(twin_optimizer("adam", model), torch.optim.Adam)
    with pytest.raises(
        TypeError, match=sentence("twin: net has type Sequential, expected Network")
    ):
        twin(model)
    with pytest.raises(
        TypeError, match=sentence("copy: net has type Sequential, expected Network")
    ):
        copy_to_torch(model, net)
    optimizer = refnet.SGD(momentum=0.9)
    optimizer.state = {"steps": 1, "momentum_buffer": [1.0]}
    text = (
        "twin_optimizer: state momentum_buffer has shape (1,), expected (6,) as the model's "
        "parameters"
    )
    with pytest.raises(ValueError, match=sentence(text)):
        twin_optimizer(optimizer, model)
