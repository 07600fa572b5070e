"""The allowed error of each number of a step: those of refnet and of the page's engine
are within it, and little else is.
"""

import json

import numpy as np
import pytest

import parity
import refnet
from parity.page.bounds import step_bounds
from parity.page.tests.beside import answered, pairs


def steps():
    """Networks with data, by their names; the optimizer is a fresh one each time."""
    rng = np.random.default_rng(2)
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    xor = refnet.mlp([2, 3, 1], hidden="tanh", output="sigmoid", seed=0)
    yield "xor", xor, x, x[:, :1] != x[:, 1:], "binary_cross_entropy", refnet.SGD(lr=0.5)
    digits = refnet.mlp([64, 30, 10], hidden="sigmoid", output="softmax", seed=0)
    pixels, labels = rng.integers(0, 17, (32, 64)) / 16, rng.integers(0, 10, 32)
    yield "digits", digits, pixels, labels, "cross_entropy", refnet.SGD(lr=0.5, momentum=0.9)
    layers = [
        refnet.Dense(rng.normal(size=(3, 2)), None, "tanh"),
        refnet.Dense(rng.normal(size=(2, 3)), rng.normal(size=2), "identity"),
    ]
    part = refnet.Network(layers)
    # where a gradient is 0, rounding decides about the step of Adam
    yield "no biases", part, x[1:], x[1:], "mse", refnet.Adam(lr=0.1)


STEPS = {name: step for name, *step in steps()}


def computed(net, x, y, loss, optimizer):
    """What refnet's step comes to, by the names of the bounds."""
    net = net.copy()
    record = parity.record_refnet(net, x, y, loss, optimizer)
    layers = {
        name: [getattr(layer, name) for layer in record.layers]
        for name in ("z", "a", "delta", "dW", "db")
    }
    after = {"W": [layer.W for layer in net.layers], "b": [layer.b for layer in net.layers]}
    return {"C": record.loss, **layers, **after}


@pytest.mark.parametrize("name", STEPS)
def test_refnet_is_far_within_and_the_engine_too(tmp_path, name):
    """Two right programs differ by less than both may, and neither by nothing."""
    net, x, y, loss, optimizer = STEPS[name]
    fresh = type(optimizer)(**optimizer.hyperparameters)
    allowed = step_bounds(net, x, y, loss, fresh)
    own = computed(net, x, y, loss, fresh)
    (page,) = answered(tmp_path, "numbers.js", [as_program(net, x, y, loss, optimizer)])
    gaps = []
    for (refnet_s, bound), (page_s, _) in zip(
        pairs(own, allowed), pairs(page, allowed), strict=True
    ):
        assert refnet_s.shape == page_s.shape == bound.shape
        assert (np.abs(page_s - refnet_s) <= bound).all()
        gaps.append(np.abs(page_s - refnet_s).max())
    assert max(gaps) > 0


def as_program(net, x, y, loss, optimizer):
    """A step as the engine is given it."""
    settings = {**optimizer.hyperparameters}
    return {
        "layers": [
            {
                "W": layer.W.tolist(),
                "b": None if layer.b is None else layer.b.tolist(),
                "activation": layer.activation.name,
            }
            for layer in net.layers
        ],
        "x": np.asarray(x, float).tolist(),
        "y": np.asarray(y).tolist() if y.ndim == 1 else np.asarray(y, float).tolist(),
        "loss": loss,
        "lr": settings.pop("lr"),
        "optimizer": {"name": optimizer.name, "settings": settings},
    }


@pytest.mark.parametrize("name", STEPS)
def test_bounds_are_small_and_short(name):
    """Not one hides half of the digits of its array, and three digits say each."""
    net, x, y, loss, optimizer = STEPS[name]
    allowed = step_bounds(net, x, y, loss, optimizer)
    fresh = type(optimizer)(**optimizer.hyperparameters)
    for array, bound in pairs(computed(net, x, y, loss, fresh), allowed):
        assert bound.max() <= 2.0**-26 * np.abs(array).max()
        assert all(float(f"{each:.2e}") == each for each in bound.ravel())
    assert json.loads(json.dumps(allowed, allow_nan=False)) == allowed


def test_a_later_step_starts_from_the_state():
    """The bounds are those of the step that the optimizer takes next, and nothing is
    changed by asking for them.
    """
    net, x, y, loss, _ = STEPS["xor"]
    net, optimizer = net.copy(), refnet.Adam(lr=0.1)
    first = step_bounds(net, x, y, loss, optimizer)
    for _ in range(2):
        parity.record_refnet(net, x, y, loss, optimizer)
    start, state = net.parameters.copy(), {key: np.copy(v) for key, v in optimizer.state.items()}
    third = step_bounds(net, x, y, loss, optimizer)
    assert np.array_equal(net.parameters, start)
    assert all(np.array_equal(optimizer.state[key], vector) for key, vector in state.items())
    assert third["W"] != first["W"]
    # the same averages in a first step would be corrected otherwise
    restarted = refnet.Adam(lr=0.1)
    restarted.state = {**optimizer.state, "steps": 0}
    assert step_bounds(net, x, y, loss, restarted)["W"] != third["W"]


def test_what_cannot_be_trained_is_refused():
    """As refnet refuses it."""
    net, x, y, _, optimizer = STEPS["xor"]
    with pytest.raises(ValueError, match="input has shape"):
        step_bounds(net, x[:, :1], y, "mse", optimizer)
    with pytest.raises(ValueError, match="SoftmaxCrossEntropy"):
        step_bounds(net, x, y, "softmax_cross_entropy", optimizer)
