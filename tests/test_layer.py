"""Dense: what it takes, what it makes of it, and what it refuses."""

import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from refnet import Dense, Identity, LeakyReLU, Tanh
from refnet.activations import ACTIVATIONS

W32, B32 = np.ones((3, 2), "float32"), np.zeros(3, "float32")


def test_a_layer_knows_its_fans():
    """W is (fan_out, fan_in), as in torch.nn.Linear."""
    layer = Dense(np.ones((3, 2)), np.zeros(3))
    assert (layer.fan_out, layer.fan_in) == (3, 2)


@pytest.mark.parametrize(
    ("W", "b"),
    [
        ([[1, 2]], [3]),
        ([[1.0, 2.0]], [3.0]),
        (np.array([[1, 2]]), np.array([3])),
        ([[True, 2]], (3,)),
    ],
)
def test_numbers_typed_by_hand_become_float64(W, b):
    """Lists, integers and booleans are converted exactly."""
    layer = Dense(W, b)
    assert layer.W.dtype == layer.b.dtype == np.float64
    assert layer.W.tolist() == [[1.0, 2.0]]
    assert layer.b.tolist() == [3.0]


@pytest.mark.parametrize("b", [B32, [0.0, 0.0, 0.0], np.zeros(3, int)])
def test_float32_stays_float32(b):
    """The dtype is that of W; a bias typed by hand follows it."""
    layer = Dense(W32, b)
    assert layer.W.dtype == layer.b.dtype == np.float32


def test_big_endian_arrays_become_native():
    """Arrays in the other byte order have the same numbers in the machine's own."""
    layer = Dense(np.array([[1.5, -2.0]], ">f8"), np.array([0.25], ">f8"))
    assert layer.W.dtype.isnative
    assert layer.b.dtype.isnative
    assert layer.W.tolist() == [[1.5, -2.0]]


def test_an_activation_may_be_given_by_name():
    """A name makes the activation, an object is taken as it is, and without either the
    layer is linear.
    """
    given = LeakyReLU(slope=0.2)
    assert Dense(W32, B32, "tanh").activation == Tanh()
    assert Dense(W32, B32, given).activation is given
    assert Dense(W32, B32).activation == Identity()


def test_a_layer_is_frozen():
    """W, b and activation cannot be replaced: the network's vector would not notice."""
    layer = Dense(W32, B32)
    for name in ("W", "b", "activation"):
        with pytest.raises(FrozenInstanceError, match=f"^cannot assign to field '{name}'$"):
            setattr(layer, name, None)


def test_layers_are_equal_only_to_themselves():
    """Two layers are compared by identity: arrays have no single truth value."""
    layer = Dense(W32, B32)
    assert layer == layer  # noqa: PLR0124 - the point
    assert layer != Dense(W32, B32)


@pytest.mark.parametrize(
    ("W", "b", "text"),
    [
        (
            [1.0, 2.0],
            [0.0],
            "Dense: W has shape (2,), expected (fan_out, fan_in) with both at least 1",
        ),
        (
            np.ones((2, 0)),
            np.ones(2),
            "Dense: W has shape (2, 0), expected (fan_out, fan_in) with both at least 1",
        ),
        (
            np.ones((0, 2)),
            np.ones(0),
            "Dense: W has shape (0, 2), expected (fan_out, fan_in) with both at least 1",
        ),
        (np.ones((3, 2)), np.ones(2), "Dense (W 3x2): b has shape (2,), expected (3,)"),
        (np.ones((3, 2)), np.ones((3, 1)), "Dense (W 3x2): b has shape (3, 1), expected (3,)"),
        ([[1.0, np.nan]], [0.0], "Dense: W has nan at row 0, column 1, expected finite values"),
        ([[1.0], [2.0]], [0.0, -np.inf], "Dense: b has -inf at row 1, expected finite values"),
        (
            [[1.0, 2.0], [3.0]],
            [0.0, 0.0],
            "Dense: W has rows of different lengths, expected a rectangular array",
        ),
        (
            [[1.0]],
            [0.0, [1.0]],
            "Dense: b has rows of different lengths, expected a rectangular array",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(W, b, text):
    """A wrong shape or a number that is not finite is named with its place."""
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        Dense(W, b)


@pytest.mark.parametrize(
    ("W", "b", "text"),
    [
        (W32, np.zeros(3), "Dense (W 3x2): b has dtype float64, expected float32 as W"),
        (W32.astype("float16"), B32, "Dense: dtype of W has float16, expected float32 or float64"),
        (W32.astype("complex64"), B32, "Dense: W has dtype complex64, expected real numbers"),
        (W32.astype(object), B32, "Dense: W has dtype object, expected real numbers"),
        ([["1"]], [0.0], "Dense: W has dtype <U1, expected real numbers"),
        (W32, [None] * 3, "Dense: b has dtype object, expected real numbers"),
    ],
)
def test_kinds_that_do_not_fit_are_refused(W, b, text):
    """Two dtypes in a layer, or one that holds no real float, are named."""
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        Dense(W, b)


KNOWN = ", ".join(ACTIVATIONS)


@pytest.mark.parametrize(
    ("activation", "error", "text"),
    [
        ("gelu", ValueError, f"activation: name has 'gelu', expected one of {KNOWN}"),
        (Tanh, TypeError, f"activation: has Tanh, expected an object or one of the names {KNOWN}"),
        (None, TypeError, f"activation: has None, expected an object or one of the names {KNOWN}"),
    ],
)
def test_an_unknown_activation_is_refused_with_the_known_ones(activation, error, text):
    """An unknown name, a class or None is answered with the list of names."""
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        Dense(W32, B32, activation)
