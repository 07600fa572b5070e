"""The PyTorch twin: identical, independent, transferred in mid-run; records of what
PyTorch did, and of models of one's own.
"""

import copy
import re
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
    compare_restated,
    copy_from_torch,
    copy_to_torch,
    record_refnet,
    record_torch,
    restart,
    restate,
    twin,
    twin_loss,
    twin_optimizer,
)
from parity.steps.cases import CASES, RULES
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

DTYPES = {"float64": torch.float64, "float32": torch.float32}
MODULES = [
    "Identity()",
    "Heaviside()",
    "Sigmoid()",
    "Tanh()",
    "ReLU()",
    "LeakyReLU(negative_slope=0.01)",
    "Softmax(dim=1)",
]
# None: torch has none
LOSS_MODULES = (
    nn.MSELoss,
    None,
    nn.L1Loss,
    None,
    nn.CrossEntropyLoss,
    nn.BCELoss,
    nn.BCEWithLogitsLoss,
)
SPECIAL = (0.0, -0.0, 5e-324, -1e-310, 1e-40, 1.0, -1.5, 3e38, -1e300)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def weights(model):
    """The model's parameters to the bit."""
    return [p.detach().numpy().tobytes() for p in model.parameters()]


def bits(record):
    """All that a record shows, to the bit."""
    started, ended = (
        [
            [array.tobytes() for array in (*at.W, *at.b)],
            {name: vector.tobytes() for name, vector in at.state.items()},
        ]
        for at in (record.before, record.after)
    )
    layers = [array.tobytes() for layer in record.layers for array in vars(layer).values()]
    return record.spec, record.x.tobytes(), record.y.tobytes(), started, layers, record.loss, ended


def sentence(text):
    """The whole message, word for word."""
    return f"^{re.escape(text)}$"


@dtypes
@pytest.mark.parametrize(("name", "text"), [*zip(ACTIVATIONS, MODULES, strict=True)])
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
    known = "identity, heaviside, sigmoid, tanh, relu, leaky_relu, softmax"
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


@pytest.mark.parametrize(("kind", "expected"), [*zip(LOSSES.values(), LOSS_MODULES, strict=True)])
def test_twin_loss_is_torch_s_own(kind, expected):
    """Each loss has the module of the same name in torch where there is one, with
    torch's default settings; a subclass is refused.
    """

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


def seeded(*modules, dtype="float64"):
    """An nn.Sequential of one's own with weights drawn from a seed."""
    model = nn.Sequential(*modules).to(DTYPES[dtype])
    count = sum(p.numel() for p in model.parameters())
    nn.utils.vector_to_parameters(
        torch.tensor(np.random.default_rng(3).normal(0.0, 0.6, count), dtype=DTYPES[dtype]),
        model.parameters(),
    )
    return model


LAYER = nn.Linear(3, 2).double()
KNOWN = (
    "expected nn.Linear, each followed by at most one of Identity, Heaviside, Sigmoid, Tanh, "
    "ReLU, LeakyReLU, Softmax"
)
KINDS = (
    "MSELoss, HalfSquaredError, L1Loss, CrossEntropy, CrossEntropyLoss, BCELoss, BCEWithLogitsLoss"
)
OTHERS = "optimizer has other parameters than the model's, expected all of them in one group"
REFUSED = [  # what is exchanged, and the sentence
    (
        {"model": LAYER},
        "model has type Linear, expected an nn.Sequential of nn.Linear and activations",
    ),
    (
        {"model": nn.Sequential(nn.Linear(3, 2, bias=False))},
        "nn.Linear has bias=False, expected a bias",
    ),
    (
        {"model": nn.Sequential(LAYER, nn.Softmax(dim=0))},
        "nn.Softmax has dim=0, expected dim=1, along the classes",
    ),
    ({"model": nn.Sequential(LAYER, nn.Dropout(0.5))}, f"model has Dropout, {KNOWN}"),
    ({"model": nn.Sequential(LAYER, nn.GELU())}, f"model has GELU, {KNOWN}"),
    ({"model": nn.Sequential(LAYER, nn.ReLU(), nn.ReLU())}, f"model has ReLU, {KNOWN}"),
    ({"model": nn.Sequential(nn.Flatten(), LAYER)}, f"model has Flatten, {KNOWN}"),
    (
        {"loss": nn.CrossEntropyLoss(reduction="sum")},
        "CrossEntropyLoss has reduction=sum, expected mean",
    ),
    ({"loss": nn.MSELoss(reduction="none")}, "MSELoss has reduction=none, expected mean"),
    (
        {"loss": nn.CrossEntropyLoss(label_smoothing=0.1)},
        "CrossEntropyLoss has label_smoothing=0.1, expected 0.0",
    ),
    (
        {"loss": nn.CrossEntropyLoss(ignore_index=1)},
        "CrossEntropyLoss has ignore_index=1, expected -100",
    ),
    ({"loss": nn.BCELoss(torch.ones(2))}, f"BCELoss has weight={torch.ones(2)}, expected None"),
    (
        {"loss": nn.BCEWithLogitsLoss(pos_weight=torch.ones(2))},
        f"BCEWithLogitsLoss has pos_weight={torch.ones(2)}, expected None",
    ),
    ({"loss": nn.HuberLoss()}, f"loss has HuberLoss, expected one of {KINDS}"),
    (
        {"rule": torch.optim.Rprop},
        "optimizer has Rprop, expected one of SGD, Adagrad, RMSprop, Adam, AdamW",
    ),
    (
        {"rule": lambda given: torch.optim.SGD(given, maximize=True)},
        "optimizer has maximize=True, expected False",
    ),
    ({"rule": lambda given: torch.optim.SGD(LAYER.parameters())}, OTHERS),
    ({"rule": lambda given: torch.optim.SGD(given[:1])}, OTHERS),
    ({"rule": lambda given: torch.optim.SGD([*given, *LAYER.parameters()])}, OTHERS),
    (
        {"rule": lambda given: torch.optim.SGD([{"params": given[:1]}, {"params": given[1:]}])},
        OTHERS,
    ),
    (
        {
            "rule": lambda given: torch.optim.SGD(
                [{"params": given}, {"params": [*LAYER.parameters()]}]
            )
        },
        OTHERS,
    ),
]


class OwnForward(nn.Sequential):
    """A model that takes another way through its layers."""


REFUSED += [
    (
        {"model": OwnForward(LAYER)},
        "model has type OwnForward, expected an nn.Sequential of nn.Linear and activations",
    ),
    (
        {"model": nn.Sequential(nn.Linear(3, 2).half())},
        "model has dtype float16, expected float32 or float64",
    ),
    (
        {"model": nn.Sequential(nn.Linear(3, 2).requires_grad_(False))},
        "model has frozen parameters, expected requires_grad=True for all of them",
    ),
    (
        {"rule": lambda given: torch.optim.SGD(given, differentiable=True)},
        "optimizer has differentiable=True, expected False",
    ),
    (
        {"rule": lambda given: torch.optim.SGD(given, lr=torch.tensor(0.1))},
        "optimizer has a tensor for lr, expected a number: torch would round it to float32",
    ),
    ({"x": np.ones((2, 4))}, "x has shape (2, 4), expected (n, 3)"),
    ({"x": np.full((2, 3), np.nan)}, "x has nan at row 0, column 0, expected finite values"),
]


@pytest.mark.parametrize(("changed", "text"), REFUSED, ids=[text[:30] for _, text in REFUSED])
def test_record_torch_refuses_what_refnet_has_no_counterpart_of(changed, text):
    """Modules, losses, optimizers and settings without a counterpart are refused by
    name, with no weight changed.
    """
    model = changed.get("model", seeded(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)))
    optimizer = changed.get("rule", torch.optim.SGD)(list(model.parameters()))
    kept = weights(model)
    with pytest.raises((TypeError, ValueError), match=sentence(f"record_torch: {text}")):
        record_torch(
            model,
            changed.get("x", np.ones((2, 3))),
            [0, 1],
            changed.get("loss", nn.CrossEntropyLoss()),
            optimizer,
        )
    assert weights(model) == kept


def test_record_torch_refuses_adam_with_decoupled_decay():
    """torch's Adam with decoupled weight decay is AdamW and is refused."""
    optimizer = torch.optim.Adam(LAYER.parameters(), weight_decay=0.5, decoupled_weight_decay=True)
    with pytest.raises(
        ValueError,
        match=sentence("record_torch: optimizer has decoupled_weight_decay=True, expected False"),
    ):
        record_torch(
            nn.Sequential(LAYER), np.ones((2, 3)), [0, 1], nn.CrossEntropyLoss(), optimizer
        )


def test_record_torch_refuses_a_layer_used_twice():
    """One nn.Linear in two places has one gradient for both, and no refnet network is
    like it.
    """
    model = nn.Sequential(square := nn.Linear(3, 3), nn.Tanh(), square)
    text = (
        "record_torch: model has the same nn.Linear in two places, expected a layer of its own "
        "in each"
    )
    with pytest.raises(ValueError, match=sentence(text)):
        record_torch(
            model,
            np.ones((2, 3)),
            [0, 1],
            nn.CrossEntropyLoss(),
            torch.optim.SGD(model.parameters()),
        )


@dtypes
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("foreach", [False, True])
def test_a_model_of_one_s_own_is_recorded_and_agrees(dtype, inplace, foreach):
    """No activation after the last nn.Linear, in-place activations and a fused
    optimizer are recorded, and refnet takes the same steps.
    """
    model = seeded(
        nn.Linear(3, 7), nn.ReLU(inplace=inplace), nn.Linear(7, 5), nn.Linear(5, 2), dtype=dtype
    )
    theirs = torch.optim.SGD(
        model.parameters(), lr=0.2, momentum=0.9, nesterov=True, foreach=foreach
    )
    net, ours = (
        refnet.mlp([3, 7, 5, 2], ["relu", "identity"], "identity", dtype=dtype),
        refnet.SGD(0.2, momentum=0.9, nesterov=True),
    )
    copy_from_torch(model, net)
    rng = np.random.default_rng(6)
    for step in range(1, 4):
        x, y = rng.normal(size=(8, 3)).astype(dtype), rng.integers(0, 2, 8)
        copy_from_torch(model, net)
        record = record_torch(model, x.tolist(), y.tolist(), nn.CrossEntropyLoss(), theirs)
        assert record.spec.step == step
        assert (record.layers[0].z < 0).any(), "z is what it was before the in-place activation"
        agreement = compare(record_refnet(net, x, y, "softmax_cross_entropy", ours), record)
        assert agreement.passed, str(agreement)
        ours.state = {"steps": step, **record.after.state}
        assert compare_restated(record, restate(record)).passed


@dtypes
@pytest.mark.parametrize(
    "case", [case for case in RULES if len(case.sizes) == 4], ids=lambda case: case.row
)
def test_a_step_is_restarted_from_its_record_alone(case, dtype):
    """In mid-run, the step that torch takes from a record is to the bit the one that it
    takes from the network's and optimizer's twins.
    """
    net, loss, optimizer = (
        (case := replace(case, dtype=dtype)).network(),
        case.make_loss(),
        case.make_optimizer(),
    )
    for x, y, lr in list(case.steps())[:3]:
        optimizer.lr = lr
        model = twin(net)
        theirs = record_torch(model, x, y, twin_loss(loss), twin_optimizer(optimizer, model))
        record = record_refnet(net, x, y, loss, optimizer)
        before = bits(record)
        assert bits(restart(record)) == bits(theirs)
        assert bits(record) == before


# by which equations of the layer, the one above (+1) and the one below (-1) each
# quantity is read
READ_BY = {
    "z": {("a", 0)},
    "a": {("z", 1), ("dW", 1), ("delta", 0)},
    "delta": {("db", 0), ("dW", 0), ("delta", -1)},
    "dW": {("W", 0)},
    "db": {("b", 0)},
}


@pytest.mark.parametrize("quantity", READ_BY)
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_restated_equations_read_the_record_s_own_numbers(quantity, layer):
    """Where one quantity of a record is another, just the equations that read it give
    something else, whatever the others make of it.
    """
    net, rng = (
        refnet.mlp([3, 4, 5, 2], ["tanh", "sigmoid"], "identity", seed=3),
        np.random.default_rng(3),
    )
    record = record_refnet(
        net, rng.normal(size=(6, 3)), rng.integers(0, 2, 6), "softmax_cross_entropy", refnet.Adam()
    )
    layers = list(record.layers)
    layers[layer] = replace(layers[layer], **{quantity: 1.5 * getattr(layers[layer], quantity)})
    shown, other = (
        restate(replace(record, layers=changed)) for changed in (record.layers, tuple(layers))
    )
    changed = {("C", 0)} if shown.loss != other.loss else set()
    for i, (mine, its) in enumerate(zip(shown.layers, other.layers, strict=True)):
        changed |= {
            (name, i)
            for name, array in vars(mine).items()
            if not np.array_equal(array, getattr(its, name))
        }
        changed |= {
            (name, i)
            for name in "Wb"
            if not np.array_equal(*(getattr(record.after, name)[i] for record in (shown, other)))
        }
    readers = {(name, layer + at) for name, at in READ_BY[quantity] if 0 <= layer + at < 3}
    assert changed == readers | ({("C", 0)} if (quantity, layer) == ("a", 2) else set())


@pytest.mark.parametrize("case", [*CASES[::12], *RULES], ids=lambda case: case.id)
def test_recording_changes_no_bit_of_a_step(case):
    """A recorded step leaves the weights that a plain one leaves, stale gradients or
    not: hooks and copies change nothing.
    """
    model, loss, rule = twin(case.network()), twin_loss(case.make_loss()), case.make_optimizer()
    plain = copy.deepcopy(model)
    recorded, by_hand = twin_optimizer(rule, model), twin_optimizer(rule, plain)
    for x, y, lr in case.steps():
        recorded.param_groups[0]["lr"] = by_hand.param_groups[0]["lr"] = lr
        record = record_torch(model, x, y, loss, recorded)
        by_hand.zero_grad()
        output = plain(torch.tensor(x))
        value = loss(output, torch.tensor(y))
        value.backward()
        by_hand.step()
        assert (record.loss, record.layers[-1].a.tobytes()) == (
            value.item(),
            output.detach().numpy().tobytes(),
        )
        assert weights(model) == weights(plain)
        assert [
            W.tobytes() for pair in zip(record.after.W, record.after.b, strict=True) for W in pair
        ] == weights(model)


def test_parity_is_imported_without_torch():
    """Without PyTorch parity compares and records refnet; the names that need it say
    so, with the command that installs it.
    """
    code = """
import sys
sys.modules["torch"] = None
import parity, refnet
record = parity.record_refnet(refnet.mlp([2, 2], output="identity"), [[1, 2]], [1], "softmax_cross_entropy", refnet.SGD())
assert parity.compare(record, record).passed
for name in parity._TORCH:
    try:
        getattr(parity, name)
    except ModuleNotFoundError as error:
        print(error, error.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    command = 'python -m pip install "refnet[parity]"'
    assert done.stdout.splitlines() == [
        f"parity.{name} needs PyTorch: {command} torch" for name in parity._TORCH
    ]
    assert set(parity._TORCH) < set(parity.__all__)
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


@pytest.mark.parametrize(
    "hook", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]
)
def test_record_torch_refuses_hooks(hook):
    """A hook may change what passes, and would be recorded as if it had not."""
    layer = nn.Linear(3, 2)
    getattr(layer, hook)(lambda *given: None)
    with pytest.raises(
        ValueError,
        match=sentence(
            "record_torch: Linear has hooks, expected none: they may change what passes"
        ),
    ):
        record_torch(
            nn.Sequential(layer),
            np.ones((2, 3)),
            [0, 1],
            nn.CrossEntropyLoss(),
            torch.optim.SGD(layer.parameters()),
        )


def test_record_torch_refuses_a_linear_of_one_s_own():
    """A subclass of nn.Linear may compute something else."""

    class Twice(nn.Linear):
        pass

    layer = Twice(3, 2)
    with pytest.raises(TypeError, match=sentence(f"record_torch: model has Twice, {KNOWN}")):
        record_torch(
            nn.Sequential(layer),
            np.ones((2, 3)),
            [0, 1],
            nn.CrossEntropyLoss(),
            torch.optim.SGD(layer.parameters()),
        )
