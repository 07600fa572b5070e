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
    assert [*to_state_dict(net)] == wanted


def test_arrays_are_copies():
    """What is done to a state_dict does not reach the network."""
    net = refnet.mlp([2, 1])
    before = net.parameters.copy()
    for array in to_state_dict(net).values():
        np.add(array, 1.0, out=array)
    assert (net.parameters == before).all()


W, b = np.ones((3, 2)), np.zeros(3)


@pytest.mark.parametrize(
    ("state", "hidden", "sentence"),
    [
        ({"0.running_mean": b}, [], "state has '0.running_mean', expected the weight and the"),
        ({"0.bias": b}, [], "state has 0.bias, expected 0.weight"),
        ({}, [], "state has 0 arrays, expected at least one weight"),
        ({"0.weight": W, "2.weight": W.T}, [], "hidden has 0 activations, expected 1, one per"),
    ],
)
def test_what_is_no_network_is_refused(state, hidden, sentence):
    """A sentence says what does not belong to linear layers."""
    with pytest.raises(ValueError, match=re.escape(f"from_state_dict: {sentence}")):
        from_state_dict(state, hidden, "identity")


def test_what_is_no_state_dict_is_refused():
    """A list of arrays has no names."""
    with pytest.raises(
        TypeError, match=r"^from_state_dict: state has type list, expected Mapping$"
    ):
        from_state_dict([W, b], [], "identity")
