"""The numbers of the page are the network's own, bit for bit, and those that refnet
computed; what the page cannot compute is refused before anything is written.
"""

import json
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import refnet
from refnet.explanation.page import scenes
from refnet.explanation.page.scenes import NUMBERS
from refnet.optimizers import OPTIMIZERS

X, Y = np.array([[0.5, -1.0], [0.25, 2.0], [0.1, 0.3]]), np.array([[1.0], [0.0], [1.0]])


def network(dtype="float64", **given):
    """A small one, whose layers differ in all their sizes."""
    return refnet.mlp([2, 3, 1], hidden="tanh", output="sigmoid", seed=1, dtype=dtype, **given)


def read(explanation):
    """The scene of an explanation, as the page reads it from its file."""
    pattern = r'<script type="application/json" id="data">(.*?)</script>'
    (text,) = re.findall(pattern, explanation.html(), re.DOTALL)
    (scene,) = json.loads(text)["scenes"]
    return scene


def bits(array):
    """Every bit of its float64 numbers, and its shape."""
    array = np.asarray(array, np.float64)
    return array.shape, array.tobytes()


def is_same(lists, arrays):
    """Whether lists have these arrays, bit for bit; None stands for none."""
    return len(lists) == len(arrays) and all(
        one is None if array is None else bits(one) == bits(array)
        for one, array in zip(lists, arrays, strict=True)
    )


# numbers

numbers = st.floats(allow_nan=False, allow_infinity=False)
units = st.floats(-1.0, 1.0)


@given(numbers, units, units, units)
@example(-0.0, -0.0, -0.0, -0.0)
@example(5e-324, -5e-324, 1.0, 0.0)
@example(-1.7976931348623157e308, 0.1, 1.0, 0.3)
def test_every_number_is_read_back(weight, bias, x, y):
    """-0.0, subnormals and the largest of all too."""
    net = refnet.Network([refnet.Dense([[weight]], [bias])])
    scene = read(refnet.explain(net, [[x]], [[y]], "mae"))
    (layer,) = scene["layers"]
    assert is_same([layer["W"], layer["b"]], [[[weight]], [bias]])
    assert is_same([scene["x"], scene["y"]], [[[x]], [[y]]])
    assert bits(scene["refnet"]["z"]) == bits([net.forward([[x]])[0].z])


def test_the_network_and_the_batch_are_there():
    """With activations, their slopes, the loss, and what is followed."""
    net = refnet.Network(
        [
            refnet.Dense(np.arange(6.0).reshape(3, 2) / 7, None, refnet.LeakyReLU(0.2)),
            refnet.Dense(np.arange(6.0).reshape(2, 3) / 11, [0.1, -0.3], "softmax"),
        ]
    )
    scene = read(refnet.explain(net, X, [1, 0, 1], "cross_entropy", 0.3, (2, 1, 0), digits=6))
    below, above = scene["layers"]
    assert is_same([below["W"], below["b"]], [net.layers[0].W, None])
    assert is_same([above["W"], above["b"]], [net.layers[1].W, net.layers[1].b])
    assert [below["activation"], below["slope"]] == ["leaky_relu", 0.2]
    assert above["activation"] == "softmax"
    assert is_same([scene["x"]], [X])
    assert scene["y"] == [1, 0, 1]
    assert [scene["loss"], scene["lr"], scene["digits"]] == ["cross_entropy", 0.3, 6]
    assert scene["weight"] == [1, 1, 0]
    assert scene["optimizer"]["name"] == "sgd"


def test_a_bias_is_followed_without_a_column():
    """And nothing where nothing was asked for."""
    given = (network(), X, Y, "mse", 0.1)
    assert read(refnet.explain(*given, weight=(1, 2)))["weight"] == [0, 2, None]
    assert read(refnet.explain(*given))["weight"] is None


@pytest.mark.parametrize("bias", [True, False])
def test_what_refnet_computed_is_there(bias):
    """All of a step, as computing it once more gives it."""
    net = network(bias=bias)
    scene = read(refnet.explain(net, X, Y, "binary_cross_entropy", 0.5))["refnet"]
    trace = net.forward(X)
    cost, gradients = net.loss_and_gradients(X, Y, "binary_cross_entropy")
    assert is_same([scene["C"]], [cost])
    assert is_same(scene["z"], [layer.z for layer in trace])
    assert is_same(scene["a"], [layer.a for layer in trace])
    assert is_same(scene["delta"], [each.delta for each in gradients])
    assert is_same(scene["dW"], [each.dW for each in gradients])
    assert is_same(scene["db"], [each.db for each in gradients])
    refnet.SGD(lr=0.5).step(net, gradients)
    assert is_same(scene["W"], [layer.W for layer in net.layers])
    assert is_same(scene["b"], [layer.b for layer in net.layers])
    assert (scene["b"] == [None, None]) != bias


def test_the_page_is_that_of_the_step_however_late_it_is_made():
    """The network goes on, and the arrays of the batch are used for others."""
    net, rule, x, y = network(), refnet.Adam(0.1), X.copy(), Y.copy()
    explanation = refnet.explain(net, x, y, "mse", optimizer=rule)
    before = explanation.html()
    rule.step(net, net.loss_and_gradients(x, y, "mse")[1])
    x += 1.0
    y += 1.0
    assert explanation.html() == before


def test_without_a_step_there_is_none():
    """Neither an lr, nor what becomes of W and b."""
    scene = read(refnet.explain(network(), X, Y, "mse"))
    assert scene["lr"] is None
    assert [*scene["refnet"]] == ["C", "z", "a", "delta", "dW", "db"]


def test_a_float32_network_is_widened():
    """Its numbers are float64 of the same value, and refnet's own are left out: those
    of the page are more exact.
    """
    net = network("float32")
    scene = read(refnet.explain(net, X, Y, "mse", 0.1, optimizer="adam"))
    assert scene["dtype"] == "float32"
    assert scene["refnet"] is None
    wide = net.astype("float64")
    for read_layer, layer in zip(scene["layers"], wide.layers, strict=True):
        assert is_same([read_layer["W"], read_layer["b"]], [layer.W, layer.b])
    assert is_same([scene["x"], scene["y"]], [X.astype("float32"), Y])
    assert bits(scene["x"]) != bits(X)


# optimizers

RULES = {
    "momentum": (refnet.SGD(0.1, momentum=0.9), {"v": "momentum_buffer"}),
    "adagrad": (refnet.Adagrad(0.1), {"squares": "sum"}),
    "rmsprop": (
        refnet.RMSprop(0.1, momentum=0.5, centered=True),
        {"squares": "square_avg", "mean": "grad_avg", "v": "momentum_buffer"},
    ),
    "adam": (
        refnet.Adam(0.1, amsgrad=True),
        {"m": "exp_avg", "v": "exp_avg_sq", "vMax": "max_exp_avg_sq"},
    ),
    "adamw": (refnet.AdamW(0.1), {"m": "exp_avg", "v": "exp_avg_sq"}),
}


def test_every_rule_is_tried():
    """Of those that keep anything."""
    assert {rule.name for rule, _ in RULES.values()} == {*OPTIMIZERS}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", RULES)
def test_the_state_is_laid_out_as_the_network(name, bias):
    """Under the engine's names: for each layer W and, where there is one, b."""
    given, names = RULES[name]
    rule, net = type(given)(**given.hyperparameters), network(bias=bias)
    fresh = read(refnet.explain(net, X, Y, "mse", optimizer=rule))["optimizer"]
    assert fresh["state"] == {}
    for _ in range(2):
        rule.step(net, net.loss_and_gradients(X, Y, "mse")[1])
    scene = read(refnet.explain(net, X, Y, "mse", optimizer=rule))
    optimizer = scene["optimizer"]
    assert [optimizer["name"], scene["lr"]] == [rule.name, 0.1]
    settings = {**optimizer["settings"], "lr": scene["lr"]}
    assert settings == json.loads(json.dumps(rule.hyperparameters))
    assert optimizer["state"].pop("t") == 2
    assert {*optimizer["state"]} == {*names}
    for key, kept in names.items():
        like = net.copy()
        like.parameters[:] = rule.state[kept]
        for part, layer in zip(optimizer["state"][key], like.layers, strict=True):
            assert is_same(part, [layer.W, layer.b] if bias else [layer.W])


# what is refused


class MySigmoid(refnet.Sigmoid):
    """It has the name of refnet's own."""


class MyMSE(refnet.MSE):
    """So has this."""


class MySGD(refnet.SGD):
    """And this."""


def dropped():
    """A network that drops inputs, and masks of it."""
    net = network(dropout=0.5)
    return {"net": net, "masks": net.draw_masks(len(X), np.random.default_rng(0))}


HAS = "Explanation.html: the step has {}, expected none: the page does not compute them; print, "
HAS += "markdown and latex tell it"
TYPE = "Explanation.html: {} has type {}, expected refnet's own "
OWN = refnet.Network([refnet.Dense([[1.0, 1.0]], [0.0], MySigmoid())])
FAR = refnet.Network([refnet.Dense([[1e200, 1e200]], [0.0])])
DECAYING = refnet.SGD(0.1, weight_decay=0.1, decay_biases=False)
REFUSED = {
    "loss settings": ({"loss": refnet.MSE("sum")}, HAS.format("settings of the loss")),
    "rows": ({"sample_weight": [1.0, 2.0, 3.0]}, HAS.format("sample_weight")),
    "masks": (dropped(), HAS.format("masks")),
    "penalty": ({"penalty": refnet.L2(0.1)}, HAS.format("a penalty")),
    "norm": ({"clip_norm": 1.0}, HAS.format("clipping")),
    "value": ({"clip_value": 1.0}, HAS.format("clipping")),
    "decay": ({"lr": None, "optimizer": DECAYING}, HAS.format("biases that do not decay")),
    "activation": ({"net": OWN}, TYPE.format("activation", "MySigmoid") + "Identity, "),
    "loss": ({"loss": MyMSE()}, TYPE.format("loss", "MyMSE") + "MSE, "),
    "rule": ({"lr": None, "optimizer": MySGD(0.1)}, TYPE.format("optimizer", "MySGD") + "SGD, "),
    "cost": ({"net": FAR, "lr": None}, "Explanation.html: C has inf, expected a finite value"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_page_cannot_compute_is_refused(name, tmp_path):
    """By a sentence, and neither written nor put in the place of what is there; as
    text it is told.
    """
    given, sentence = REFUSED[name]
    given = {"net": network(), "x": X, "y": Y, "loss": "mse", "lr": 0.1} | given
    explanation = refnet.explain(**given)
    path = tmp_path / "step.html"
    path.write_text("what was here")
    kind = TypeError if " has type " in sentence else ValueError
    for attempt in (lambda: explanation.html(path), explanation.scene):
        with pytest.raises(kind, match=f"^{re.escape(sentence)}"):
            attempt()
    assert path.read_text() == "what was here"
    assert str(explanation)


def test_an_infinity_is_refused_by_its_place():
    """JSON has none."""
    net = refnet.Network([refnet.Dense([[0.0]], [0.0]), refnet.Dense([[1e200]], [1e200])])
    explanation = refnet.explain(net, [[1.0]], [[0.0]], "mse")
    sentence = "Explanation.html: delta of layer 1 has inf at row 0, column 0, expected finite"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        explanation.html()


def test_a_large_network_is_refused(monkeypatch):
    """Its parameters and inputs are counted: 13 and 6 here."""
    assert NUMBERS == 200_000
    explanation = refnet.explain(network(), X, Y, "mse", 0.1)
    monkeypatch.setattr(scenes, "NUMBERS", 19)
    assert explanation.html()
    monkeypatch.setattr(scenes, "NUMBERS", 18)
    sentence = "Explanation.html: the network and the batch have 19 numbers, expected at most 18"
    with pytest.raises(ValueError, match=sentence):
        explanation.html()
