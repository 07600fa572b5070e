"""Weight decay without biases, in every optimizer."""

import pickle
from copy import deepcopy

import numpy as np
import pytest

import refnet
from refnet.optimizers import OPTIMIZERS

SETTINGS = {"sgd": {"momentum": 0.9}, "rmsprop": {"momentum": 0.9, "centered": True}}
each_rule = pytest.mark.parametrize("name", OPTIMIZERS)


def rule(name, **settings):
    """An optimizer with a state and a decay."""
    given = {"lr": 0.1, "weight_decay": 0.3, **SETTINGS.get(name, {})}
    return OPTIMIZERS[name](**{**given, **settings})


def batch():
    """A network, x and y."""
    rng = np.random.default_rng(3)
    net = refnet.mlp((4, 5, 3), "tanh", "identity", seed=2)
    return net, rng.normal(size=(6, 4)), rng.normal(size=(6, 3))


def trained(optimizer, **other):
    """The network after three steps."""
    net, x, y = batch()
    refnet.fit(net, x, y, loss="mse", optimizer=optimizer, epochs=3, **other)
    return net


@each_rule
def test_biases_step_as_without_decay_and_weights_as_with(name):
    """After one step, in which nothing else could tell them apart: to the bit."""
    nets = {}
    for decay, biases in ((0.3, False), (0.3, True), (0.0, True)):
        nets[decay, biases], x, y = batch()
        gradients = nets[decay, biases].loss_and_gradients(x, y, "mse")[1]
        rule(name, weight_decay=decay, decay_biases=biases).step(nets[decay, biases], gradients)
    without, whole, none = (
        nets[0.3, False].layers,
        nets[0.3, True].layers,
        nets[0.0, True].layers,
    )
    for layer, decayed, plain in zip(without, whole, none, strict=True):
        assert layer.W.tobytes() == decayed.W.tobytes() != plain.W.tobytes()
        assert layer.b.tobytes() == plain.b.tobytes() != decayed.b.tobytes()


@each_rule
def test_in_layers_without_biases_it_is_the_same(name):
    """There, all that is stepped are weights."""
    nets = []
    for biases in (True, False):
        net = refnet.mlp((4, 5, 3), "tanh", "identity", seed=2, bias=False)
        _, x, y = batch()
        optimizer = rule(name, decay_biases=biases)
        refnet.fit(net, x, y, loss="mse", optimizer=optimizer, epochs=2)
        nets.append(net)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


@each_rule
def test_a_plain_optimizer_is_what_it_was(name):
    """The setting is no hyper-parameter, and is shown where it is not by default."""
    plain = rule(name)
    assert "decay_biases" not in plain.hyperparameters
    assert "decay_biases" not in repr(plain)
    without = rule(name, decay_biases=False)
    assert without.hyperparameters == plain.hyperparameters
    assert repr(without) == f"{repr(plain)[:-1]}, decay_biases=False)"
    assert without.decay_biases is False


@each_rule
def test_it_comes_along_in_a_copy(name):
    """Of an optimizer that has stepped, with its network or alone, and of its state."""
    whole = trained(rule(name, decay_biases=False))
    net, x, y = batch()
    optimizer = rule(name, decay_biases=False)
    refnet.fit(net, x, y, loss="mse", optimizer=optimizer, epochs=1)
    pickled = pickle.loads(pickle.dumps((net, optimizer)))  # noqa: S301 - written here
    for net_then, then in (deepcopy((net, optimizer)), pickled):
        refnet.fit(net_then, x, y, loss="mse", optimizer=then, epochs=2)
        assert net_then.parameters.tobytes() == whole.parameters.tobytes()


def test_it_is_fixed_and_a_flag():
    """As every other setting."""
    with pytest.raises(AttributeError, match=r"^SGD: decay_biases is fixed, expected a new"):
        rule("sgd").decay_biases = False
    with pytest.raises(TypeError, match=r"^Adam: decay_biases has 0, expected True or False$"):
        rule("adam", decay_biases=0)


class Bare:
    """What has parameters but no layers."""

    parameters = np.zeros(3)

    def entry(self, index):
        """The place of an entry."""
        return 1, "W", (index,)


def test_it_needs_layers_to_tell_weights_from_biases():
    """A network without them is refused."""
    rule("sgd").bind(Bare())
    with pytest.raises(TypeError, match=r"^SGD: net has type Bare without layers, expected Net"):
        rule("sgd", decay_biases=False).bind(Bare())


def test_a_new_value_that_is_not_finite_is_refused_where_it_stands():
    """AdamW's shrinking grows where lr weight_decay is above 2: in W, not in b."""
    net, x, y = batch()
    net.layers[0].W[1, 2], net.layers[0].b[0] = 1.5e308, 1.5e308
    before = net.parameters.tobytes()
    zero = net.loss_and_gradients(x, y, "mae")[1].over(np.zeros_like(net.parameters))
    optimizer = refnet.AdamW(1.0, weight_decay=3.0, decay_biases=False)
    with pytest.raises(FloatingPointError, match=r"^layer 1: new value of W has -inf at \[1, 2\]"):
        optimizer.step(net, zero)
    assert net.parameters.tobytes() == before
