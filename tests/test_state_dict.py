"""PyTorch's names of arrays, without PyTorch."""

import re

import numpy as np
import pytest

import refnet
from refnet.formats import from_state_dict, to_state_dict

NETS = [
    refnet.mlp([2, 3, 5, 1], hidden=["tanh", "relu"], output="sigmoid", seed=1),
    refnet.mlp([2, 3, 1], hidden="relu", output="identity", bias=False, dtype="float32"),
    refnet.mlp([7, 1], output=refnet.LeakyReLU(0.25)),
]


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_there_and_back_are_the_same_bits(net):
    """Every W and b comes back as it was, from names alone."""
    *hidden, output = [layer.activation for layer in net.layers]
    again = from_state_dict(to_state_dict(net), hidden, output)
    assert again.parameters.dtype == net.parameters.dtype
    assert again.parameters.tobytes() == net.parameters.tobytes()
    assert [layer.kind for layer in again.layers] == [layer.kind for layer in net.layers]


def test_names_are_those_of_a_sequential():
    """A layer and its activation take a place each, and dropout one in front."""
    net = refnet.mlp([2, 3, 5, 1], dropout=[0.5, 0.0], input_dropout=0.1)
    wanted = ["1.weight", "1.bias", "4.weight", "4.bias", "6.weight", "6.bias"]
    state = to_state_dict(net)
    assert [*state] == wanted
    assert [layer.dropout for layer in from_state_dict(state, "tanh", "softmax").layers] == [
        0.0
    ] * 3


def test_arrays_are_copies():
    """What is done to a state_dict does not reach the network."""
    net = refnet.mlp([2, 1])
    before = net.parameters.copy()
    for array in to_state_dict(net).values():
        np.add(array, 1.0, out=array)
    assert (net.parameters == before).all()


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "encoder.net."])
def test_names_in_front_may_be_any(prefix):
    """As DistributedDataParallel, torch.compile and a model within a model have
    them.
    """
    net = refnet.mlp([2, 3, 1], "tanh", seed=3)
    state = {f"{prefix}{key}": array for key, array in to_state_dict(net).items()}
    again = from_state_dict(state, "tanh", "softmax")
    assert again.parameters.tobytes() == net.parameters.tobytes()


def test_a_layer_alone_has_no_name():
    """The state_dict of an nn.Linear itself."""
    net = from_state_dict({"weight": W, "bias": b}, [], "identity")
    assert net.sizes == (2, 3)


@pytest.mark.parametrize("name", ["{}", "layers.{}.linear", "fc{}", "block.{0}.fc{0}"])
def test_layers_are_taken_by_their_numbers(name):
    """By the alphabet 10 stands before 2, and square layers would fit in any order."""
    net = refnet.mlp([3] * 13, "tanh", "identity", seed=2)
    pairs = ((key.partition("."), array) for key, array in to_state_dict(net).items())
    state = {f"{name.format(place)}.{part}": array for (place, _, part), array in pairs}
    again = from_state_dict({key: state[key] for key in sorted(state)}, "tanh", "identity")
    assert again.parameters.tobytes() == net.parameters.tobytes()


def test_other_names_stay_where_they_are():
    """Only names that differ in numbers alone say which comes first."""
    net = refnet.mlp([2, 2, 2, 2, 2], "tanh", "identity", seed=2)
    arrays, names = [*to_state_dict(net).values()], ["enc.0", "enc.2", "head", "tail"]
    keys = [f"{name}.{part}" for name in names for part in ("weight", "bias")]
    state = dict(zip(keys, arrays, strict=True))
    swapped = {key: state[key] for key in [*keys[2:4], *keys[:2], *keys[4:]]}
    for given in (state, swapped):
        again = from_state_dict(given, "tanh", "identity")
        assert again.parameters.tobytes() == net.parameters.tobytes()


def test_arrays_need_not_be_contiguous():
    """A transposed, a reversed and a read-only array are arrays like any other."""
    net = refnet.mlp([3, 3], output="identity", seed=4)
    W_given, b_given = (array.copy() for array in to_state_dict(net).values())
    W_given.flags.writeable = False
    state = {"0.weight": np.asfortranarray(W_given), "0.bias": b_given[::-1].copy()[::-1]}
    again = from_state_dict(state, [], "identity")
    assert again.parameters.tobytes() == net.parameters.tobytes()
    listed = {key: array.tolist() for key, array in state.items()}
    assert from_state_dict(listed, [], "identity").parameters.tobytes() == net.parameters.tobytes()


class OnDevice:
    """A tensor that takes part in a graph, on another device: no NumPy array yet."""

    def __init__(self, array, *, has_graph=True):
        self.array, self.has_graph = array, has_graph

    def detach(self):
        """Without the graph."""
        return OnDevice(self.array, has_graph=False)

    def cpu(self):
        """What NumPy can read, where there is no graph."""
        return self if self.has_graph else self.array


def test_tensors_may_be_on_any_device():
    """They are copied from there."""
    net = refnet.mlp([2, 3, 1], "tanh", seed=3)
    state = {key: OnDevice(array) for key, array in to_state_dict(net).items()}
    again = from_state_dict(state, "tanh", "softmax")
    assert again.parameters.tobytes() == net.parameters.tobytes()


W, b = np.ones((3, 2)), np.zeros(3)


@pytest.mark.parametrize(
    ("state", "hidden", "sentence"),
    [
        ({"0.running_mean": b}, [], "state has '0.running_mean', expected the weight and the"),
        (
            {"model": {"0.weight": W}},
            [],
            "state has 'model', expected the weight and the bias of linear layers alone: state['m",
        ),
        ({"0.weight_g": b}, [], "state has '0.weight_g', expected the weight and the"),
        ({"0.bias": b}, [], "state has 0.bias, expected 0.weight beside it"),
        (
            {"0.weight": W, "1.weight": b},
            "tanh",
            "1.weight has shape (3,), expected (fan_out, fan_in): a normalization or a",
        ),
        (
            {"0.weight": np.ones((2, 3, 5, 5))},
            [],
            "0.weight has shape (2, 3, 5, 5), expected (fan_out, fan_in): a normalization or a",
        ),
        ({}, [], "state has 0 arrays, expected at least one weight"),
        ({"0.weight": W, "2.weight": W.T}, [], "hidden has 0 activations, expected 1, one per"),
    ],
)
def test_what_is_no_network_is_refused(state, hidden, sentence):
    """A sentence says what does not belong to linear layers."""
    with pytest.raises(ValueError, match=re.escape(f"from_state_dict: {sentence}")):
        from_state_dict(state, hidden, "identity")


@pytest.mark.parametrize("dtype", ["float16", "int8", "bool", "complex64"])
def test_numbers_of_another_dtype_are_refused(dtype):
    """Half of the digits, or a quantized layer without its scale, is no reference."""
    sentence = f"dtype of 0.weight has {dtype}, expected float32 or float64"
    with pytest.raises(TypeError, match=f"^from_state_dict: {sentence}$"):
        from_state_dict({"0.weight": W.astype(dtype)}, [], "identity")


def test_what_is_no_state_dict_is_refused():
    """A list of arrays has no names."""
    with pytest.raises(
        TypeError, match=r"^from_state_dict: state has type list, expected Mapping$"
    ):
        from_state_dict([W, b], [], "identity")
