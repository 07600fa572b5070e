"""Models as people write them: a forward of one's own is read, recorded and certified,
and what is no chain of known parts is refused by name.
"""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import refnet
from parity import (
    certify,
    compare,
    copy_from_torch,
    copy_to_torch,
    diagnose,
    network_of,
    record_torch,
    restart,
    twin,
    twin_optimizer,
)
from parity.steps.tests.twins import DTYPES, dtypes, sentence, weights
from refnet.activations import ACTIVATIONS

RNG = np.random.default_rng(4)
IMAGES, LABELS = RNG.normal(size=(5, 1, 2, 4)), np.array([0, 2, 1, 1, 0])
LOSS = nn.CrossEntropyLoss()


class Net(nn.Module):
    """Two layers of one width, so that a wrong order has the right shapes; they are
    defined in another order than the forward has.
    """

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(8, 3)
        self.fc2 = nn.Linear(8, 8)
        self.fc1 = nn.Linear(8, 8)
        self.act, self.same, self.drop = nn.ReLU(), nn.Identity(), nn.Dropout(0.2)
        self.scale = 2.0


def net_of(forward, *, dtype="float64", training=False):
    """A Net with this forward, with weights drawn from a seed."""
    model = type("Own", (Net,), {"forward": forward})().to(DTYPES[dtype]).train(training)
    count = sum(p.numel() for p in model.parameters())
    numbers = np.random.default_rng(3).normal(0.0, 0.6, count)
    nn.utils.vector_to_parameters(torch.tensor(numbers, dtype=DTYPES[dtype]), model.parameters())
    return model


def reused(self, x):
    """One nn.ReLU in two places, and an nn.Identity."""
    x = torch.flatten(x, 1)
    return self.out(self.same(self.act(self.fc2(self.act(self.same(self.fc1(x)))))))


def of_functions(self, x):
    """Functions of torch.nn.functional, as tutorials write them."""
    x = functional.relu(self.fc1(x.view(-1, 8)), inplace=True)
    x = functional.dropout(x, training=self.training)
    return self.out(functional.leaky_relu(self.fc2(self.drop(x)), 0.1))


def of_methods(self, x):
    """Methods of a tensor, and the number of rows by its size."""
    x = x.view(x.size(0), -1)
    return self.out(self.fc2(self.fc1(x).tanh()).sigmoid().flatten(1))


def by_length(self, x):
    """Functions of torch, and the number of rows by len."""
    x = torch.reshape(x, (len(x), -1))
    return self.out(torch.tanh(self.fc2(torch.sigmoid(self.fc1(x)))))


def by_shape(self, x):
    """The sizes by x.shape, keywords, and every other layer linear."""
    x = x.reshape(x.shape[0], x.shape[-3] * x.shape[-2] * x.shape[-1])
    return self.out(input=self.fc2(torch.relu(input=self.fc1(x))))


def in_place(self, x):
    """Functions and methods that write into what they are given."""
    x = functional.relu_(self.fc1(x.flatten(1)))
    return self.out(self.fc2(x).tanh_())


TAKEN = {  # the forward, and the activations that it has
    reused: ("relu", "relu", "identity"),
    of_functions: ("relu", "leaky_relu", "identity"),
    of_methods: ("tanh", "sigmoid", "identity"),
    by_length: ("sigmoid", "tanh", "identity"),
    in_place: ("relu", "tanh", "identity"),
    by_shape: ("relu", "identity", "identity"),
}
taken = pytest.mark.parametrize("forward", TAKEN, ids=lambda forward: forward.__name__)


@dtypes
@taken
def test_a_forward_of_one_s_own_is_recorded_and_certified(forward, dtype):
    """Its layers stand in the order of the forward, x in rows, and the weights after
    the step are those that a plain step of the model itself leaves.
    """
    model = net_of(forward, dtype=dtype)
    plain = copy.deepcopy(model)
    recorded, by_hand = (
        torch.optim.Adam(each.parameters(), weight_decay=0.1) for each in (model, plain)
    )
    previous = None
    for _ in range(3):
        record = record_torch(model, IMAGES, LABELS, LOSS, recorded)
        by_hand.zero_grad()
        output = plain(torch.tensor(IMAGES, dtype=DTYPES[dtype]))
        LOSS(output, torch.tensor(LABELS)).backward()
        by_hand.step()
        assert weights(model) == weights(plain)
        assert record.layers[-1].a.tobytes() == output.detach().numpy().tobytes()
        assert record.x.tobytes() == IMAGES.reshape(5, 8).astype(dtype).tobytes()
        assert tuple(name for name, _ in record.spec.activations) == TAKEN[forward]
        assert certify(record, previous).passed
        assert compare(restart(record), record).passed
        assert diagnose(record) == []
        previous = record
    W = [linear.weight.detach().numpy() for linear in (model.fc1, model.fc2, model.out)]
    assert [mine.tobytes() for mine in record.after.W] == [array.tobytes() for array in W]


@dtypes
@pytest.mark.parametrize(
    "forward", [reused, of_functions, of_methods, by_length], ids=lambda forward: forward.__name__
)
def test_network_of_is_the_same_network(forward, dtype):
    """Its weights are copies in the order of the forward, its activations the model's,
    and its twin gives what the model gives, to the bit.
    """
    model = net_of(forward, dtype=dtype)
    net = network_of(model)
    assert isinstance(net, refnet.Network)
    assert tuple(layer.activation.name for layer in net.layers) == TAKEN[forward]
    assert net.dtype == dtype
    x = torch.tensor(IMAGES, dtype=DTYPES[dtype])
    assert twin(net)(x.flatten(1)).detach().numpy().tobytes() == (
        model(x).detach().numpy().tobytes()
    )
    kept = weights(model)
    net.parameters[:] = 0.0
    assert weights(model) == kept


def test_network_of_has_the_settings_of_the_activations():
    """A slope goes along, and every activation comes back from its twin."""
    slopes = [f.activation.parameters for f in network_of(net_of(of_functions)).layers]
    assert slopes == [{}, {"slope": 0.1}, {}]
    for name in ACTIVATIONS:
        net = refnet.mlp([3, 5, 2], name, "identity", seed=2)
        back = network_of(twin(net))
        assert [layer.activation.name for layer in back.layers] == [name, "identity"]
        assert back.parameters.tobytes() == net.parameters.tobytes()


@taken
def test_copies_go_in_the_order_of_the_forward(forward):
    """There and back, and an optimizer's state goes along in the same order."""
    model, net = net_of(forward), refnet.mlp([8, 8, 8, 3], seed=6)
    wanted = [linear.weight for linear in (model.fc1, model.fc2, model.out)]
    copy_to_torch(net, model)
    assert [W.detach().numpy().tobytes() for W in wanted] == [
        layer.W.tobytes() for layer in net.layers
    ]
    other = refnet.mlp([8, 8, 8, 3])
    copy_from_torch(model, other)
    assert other.parameters.tobytes() == net.parameters.tobytes()
    optimizer = refnet.SGD(momentum=0.9)
    optimizer.state = {"steps": 1, "momentum_buffer": np.arange(float(net.parameters.size))}
    theirs = twin_optimizer(optimizer, model)
    first = theirs.state[model.fc1.weight]["momentum_buffer"]
    assert first.numpy().tobytes() == np.arange(64.0).tobytes()


def test_a_sequential_takes_what_changes_nothing():
    """nn.Flatten in front, nn.Identity anywhere, nn.Dropout that drops nothing, and
    nn.Sequential in itself, of a class of one's own or not.
    """

    class Block(nn.Sequential):
        pass

    model = nn.Sequential(
        nn.Flatten(),
        nn.Identity(),
        Block(nn.Linear(8, 5), nn.Identity(), nn.Tanh(), nn.Identity()),
        nn.Dropout(0.0),
        nn.Sequential(nn.Linear(5, 3), nn.Flatten()),
    ).double()
    record = record_torch(model, IMAGES, LABELS, LOSS, torch.optim.SGD(model.parameters()))
    assert record.spec.activations == (("tanh", {}), ("identity", {}))
    assert certify(record).passed
    bare = nn.Linear(8, 3)
    flat = IMAGES.reshape(5, 8)
    record = record_torch(bare, flat, LABELS, LOSS, torch.optim.SGD(bare.parameters()))
    assert record.spec.sizes == (8, 3)
    assert certify(record).passed


def dropping(self, x):
    """Drops even after model.eval(), what an activation reads."""
    return self.out(torch.relu(functional.dropout(self.fc1(x))))


def skipping(self, x):
    """Adds what goes in to what comes out."""
    x = torch.relu(self.fc1(x))
    return self.out(x + self.fc2(x))


def forking(self, x):
    """Takes another way for another x."""
    x = self.fc1(x)
    return self.out(x if x.sum() > 0 else torch.relu(x))


def twofold(self, x):
    """Two outputs."""
    x = self.fc1(x)
    return self.out(x), x


def sideways(self, x):
    """A layer whose output nobody reads."""
    self.fc2(x)
    return self.out(self.fc1(x))


def shared(self, x):
    """One layer in two places."""
    return self.out(self.fc1(self.fc1(x)))


def unread(self, x):
    """A layer is left out."""
    return self.out(self.fc1(x))


def logarithmic(self, x):
    """log_softmax, as for NLLLoss."""
    return functional.log_softmax(self.out(self.fc2(self.fc1(x))), dim=1)


def by_its_weight(self, x):
    """The layer's arrays in place of the layer."""
    return self.out(self.fc2(functional.linear(x, self.fc1.weight, self.fc1.bias)))


def turned(self, x):
    """Softmax along the samples."""
    return self.out(self.fc2(self.fc1(x).softmax(0)))


def in_float64(self, x):
    """A softmax that is computed in another dtype."""
    return self.out(self.fc2(functional.softmax(self.fc1(x), 1, dtype=torch.float64)))


def in_three(self, x):
    """To three sizes."""
    return self.out(self.fc2(self.fc1(x).view(-1, 2, 4).flatten(1)))


def by_its_rank(self, x):
    """len of a shape, which is no number of rows."""
    return self.out(self.fc2(self.fc1(x.reshape(len(x.size()), -1))))


def patched(self, x):
    """Softmax in halves of a row."""
    return self.out(self.fc2(self.fc1(x).view(-1, 4).softmax(1).view(-1, 8)))


def unlearned(self, x):
    """A layer that the gradient does not reach."""
    with torch.no_grad():
        x = self.fc1(x)
    return self.out(self.fc2(x))


def of_two(self, x, y):
    """Two inputs."""
    return self.out(self.fc2(self.fc1(x)))


def long(self, x):
    """Two activations in a row."""
    return self.out(self.fc2(torch.tanh(torch.relu(self.fc1(x)))))


KNOWN = (
    "expected nn.Linear, each followed by at most one of Identity, Heaviside, Sigmoid, Tanh, ReLU, "
    "LeakyReLU, Softmax"
)
REFUSED = {
    dropping: "Dropout stands in front of ReLU in training mode, expected it in front of an "
    "nn.Linear, or model.eval() and F.dropout with training=self.training",
    skipping: "Own.forward has add of relu and fc2, expected a chain: each call of what the last "
    "one gave",
    forking: "Own.forward has a way that cannot be followed (symbolically traced variables cannot "
    "be used as inputs to control flow), expected the same calls for every x",
    twofold: "Own.forward has several outputs, or one that is not its last call's, expected the "
    "last call's alone",
    sideways: "Own.forward has fc1 of x, expected a chain: each call of what the last one gave",
    shared: "model has the same nn.Linear in two places, expected a layer of its own in each",
    unread: "model has fc2.weight, fc2.bias, expected no parameters that its forward does not read",
    logarithmic: f"model has log_softmax, {KNOWN}",
    by_its_weight: "Own.forward has self.fc1.weight, expected no parameters and buffers but "
    "through its nn.Linear, called as modules",
    turned: "nn.Softmax has dim=0, expected dim=1, along the classes",
    in_float64: f"model has softmax with arguments that are not known, {KNOWN}",
    in_three: f"model has view with arguments that are not known, {KNOWN}",
    by_its_rank: "Own.forward has a way that cannot be followed (len() of a shape), expected the "
    "same calls for every x",
    patched: "Own.forward has another output than its nn.Linear and activations one after "
    "another, expected the same to the bit",
    unlearned: "Own.forward has another gradient than its nn.Linear and activations one after "
    "another, expected the same to the bit",
    of_two: "Own.forward has several inputs, expected x alone",
    long: f"model has Tanh, {KNOWN}",
}


@pytest.mark.parametrize("forward", REFUSED, ids=lambda forward: forward.__name__)
def test_what_is_no_chain_of_known_parts_is_refused(forward):
    """The sentence names the part, whether a record or a network is asked for, and no
    weight has changed.
    """
    model = net_of(forward)
    optimizer, kept = torch.optim.SGD(model.parameters()), weights(model)
    for where, ask in (
        ("record_torch", lambda: record_torch(model, np.ones((2, 8)), [0, 1], LOSS, optimizer)),
        ("network_of", lambda: network_of(model)),
    ):
        with pytest.raises((TypeError, ValueError), match=sentence(f"{where}: {REFUSED[forward]}")):
            ask()
    assert weights(model) == kept


def test_a_shared_weight_is_refused():
    """Two layers with one W have one gradient for both."""
    model = net_of(reused)
    model.fc2.weight = model.fc1.weight
    text = (
        "record_torch: model has the same nn.Linear in two places, expected a layer of its own in "
        "each"
    )
    optimizer = torch.optim.SGD(model.parameters())
    with pytest.raises(ValueError, match=sentence(text)):
        record_torch(model, IMAGES, LABELS, LOSS, optimizer)


def test_dropout_twice_in_training_mode_is_refused():
    """Two masks on one input are no layer of refnet's; model.eval() turns both off."""
    model = net_of(of_functions, training=True)
    optimizer = torch.optim.SGD(model.parameters())
    with pytest.raises(ValueError, match=r"^record_torch: Dropout stands in front of Dropout in "):
        record_torch(model, IMAGES, LABELS, LOSS, optimizer)
    assert certify(record_torch(model.eval(), IMAGES, LABELS, LOSS, optimizer)).passed


def test_a_module_that_was_changed_is_refused():
    """A hook on any module, and a forward that is put in place of the class's."""
    model = net_of(reused)
    optimizer = torch.optim.SGD(model.parameters())
    handle = model.register_forward_hook(lambda *_: None)
    text = "record_torch: Own has hooks, expected none: they may change what passes"
    with pytest.raises(ValueError, match=sentence(text)):
        record_torch(model, IMAGES, LABELS, LOSS, optimizer)
    handle.remove()
    model.fc1.forward = lambda x: 2.0 * x
    text = "record_torch: Linear has another forward than its class, expected that"
    with pytest.raises(ValueError, match=sentence(text)):
        record_torch(model, IMAGES, LABELS, LOSS, optimizer)


def test_x_has_the_shape_that_the_model_takes():
    """A model that flattens takes any rows of as many numbers, another one a matrix."""
    model, flat = net_of(by_shape), net_of(lambda self, x: self.out(self.fc2(self.fc1(x))))
    for each, x, text in (
        (model, IMAGES[:, 0, :, :3], r"x has shape \(5, 6\), expected \(n, 8\)$"),
        (flat, IMAGES, r"x has shape \(5, 1, 2, 4\), expected \(n, 8\)$"),
        (model, IMAGES.reshape(5, 8), r"x has shape \(5, 8\), expected one that the model takes"),
        (net_of(of_functions), IMAGES[:0], r"x has shape \(0, 1, 2, 4\), expected \(n, 8\)$"),
    ):
        optimizer = torch.optim.SGD(each.parameters())
        with pytest.raises(ValueError, match=f"^record_torch: {text}"):
            record_torch(each, x, LABELS[: len(x)], LOSS, optimizer)
