"""Every form equals backprop.py where arithmetic is exact, and stands on its own."""

import inspect
import re

import numpy as np
import pytest

import refnet
from refnet import Dense, Network
from refnet.forms import accumulated, contract, graph, loops, perceptron, separation

FORMS = {"loops": loops, "accumulated": accumulated, "graph": graph}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def integers(rng, dtype, sizes, activations):
    """A network of small integers."""

    def draw(*shape):
        return rng.integers(-3, 4, shape).astype(dtype)

    return Network(
        [
            Dense(draw(out, into), draw(out), f)
            for into, out, f in zip(sizes, sizes[1:], activations, strict=False)
        ]
    )


@every_form
@every_dtype
@pytest.mark.parametrize("loss", ["half_squared_error", "mse"])
@pytest.mark.parametrize(
    "activations",
    [
        ("identity",) * 3,
        ("relu", refnet.LeakyReLU(0.5), "identity"),
        (refnet.LeakyReLU(-2.0), "relu", "relu"),
    ],
)
def test_exactly_backprop_on_small_integers(form, dtype, loss, activations):
    """Integers, slopes and divisors that are powers of two: nothing is rounded, in
    whatever order it is added up.
    """
    rng = np.random.default_rng(7)
    net = integers(rng, dtype, (3, 5, 2, 4), activations)
    x, y = rng.integers(-3, 4, (8, 3)), rng.integers(-3, 4, (8, 4))
    worked, trace = form.gradient(net, x, y, loss), net.forward(x)
    value, gradients = net.loss_and_gradients(x, y, loss)
    assert worked.loss == value
    assert any(layer.dW.any() for layer in gradients)
    for name, layers in {
        "z": trace,
        "a": trace,
        "delta": gradients,
        "dW": gradients,
        "db": gradients,
    }.items():
        for array, layer in zip(getattr(worked, name), layers, strict=True):
            assert array.dtype == dtype
            assert np.array_equal(array, getattr(layer, name)), name


@every_dtype
def test_exactly_the_step_of_sgd_on_small_integers(dtype):
    """accumulated.step is W - lr dW, with the cost before it."""
    rng = np.random.default_rng(8)
    net = integers(rng, dtype, (3, 5, 2), ("relu", "identity"))
    other = net.copy()
    x, y = rng.integers(-3, 4, (8, 3)), rng.integers(-3, 4, (8, 2))
    value, gradients = other.loss_and_gradients(x, y, "mse")
    refnet.SGD(lr=0.25).step(other, gradients)
    assert accumulated.step(net, x, y, "mse", 0.25) == value
    assert np.array_equal(net.parameters, other.parameters)
    assert net.parameters.dtype == dtype


def test_feed_forward_index_by_index():
    """Thomas, section 3.2: the 3-3-1 network for x = 1.5, 2, 3, digits cut off after
    four as there; a step function can be fed, too.
    """
    net = Network(
        [
            Dense([[0.2] * 3, [0.4] * 3, [0.6] * 3], [0.8] * 3, "sigmoid"),
            Dense([[0.5] * 3], [0.2], "sigmoid"),
        ]
    )
    h, z = loops.propagate(net.layers, np.array([1.5, 2.0, 3.0]))
    assert [f"{each:.9f}"[:6] for each in (*h[2], *h[3])] == [
        "0.8909",
        "0.9677",
        "0.9909",
        "0.8354",
    ]
    assert sorted(z) == [2, 3]
    assert loops.feed_forward(net, [[1.5, 2.0, 3.0]]).tolist() == [h[3].tolist()]
    steps = Network([Dense([[2, -1]], [0], "heaviside")])
    assert loops.feed_forward(steps, [[1, 1], [1, 2], [1, 3]]).tolist() == [[1.0], [0.0], [0.0]]


def test_the_forms_stand_on_their_own(monkeypatch):
    """They work where the backprop that they are compared with, the losses and the
    pullbacks do not.
    """

    def refuse(*_arguments):
        raise AssertionError("not the form's own")

    for place in (refnet.backprop, refnet.network):
        for name in ("forward", "backward"):
            monkeypatch.setattr(place, name, refuse)
    monkeypatch.setattr(refnet.Elementwise, "pullback", refuse)
    for name in ("value", "gradient"):
        monkeypatch.setattr(refnet.MSE, name, refuse)
    rng = np.random.default_rng(2)
    net = integers(rng, "float64", (3, 5, 2), ("relu", "identity"))
    x, y = rng.integers(-3, 4, (4, 3)), rng.integers(-3, 4, (4, 2))
    with pytest.raises(AssertionError):
        net.loss_and_gradients(x, y, "mse")
    one, other, third = (form.gradient(net, x, y, "mse") for form in FORMS.values())
    assert one.loss == other.loss == third.loss == accumulated.step(net, x, y, "mse", 0.5) > 0.0
    assert all(
        np.array_equal(a, b) and np.array_equal(b, c)
        for a, b, c in zip(one.dW, other.dW, third.dW, strict=True)
    )
    for room in (contract, loops, accumulated, graph, perceptron, separation):
        imported = set(
            re.findall(r"^from refnet\.(\S+) import", inspect.getsource(room), re.MULTILINE)
        )
        assert imported <= {
            "activations",
            "checks",
            "flags",
            "forms.contract",
            "forms.separation",
            "layer",
            "losses",
            "network",
        }
