"""Weights are kept in a file and come back from it; any other file is refused in a
sentence, and changes nothing.
"""

import json

import numpy as np
import pytest
from playwright.sync_api import expect

from parity.page.tests import reading
from parity.page.tests.steps_told import STEPS, page_with_steps, step
from refnet import Dense, Network


def saved(page):
    """What the button writes."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save weights").click()
    assert download.value.suggested_filename == "weights.json"
    return json.loads(download.value.path().read_text(encoding="utf-8"))


def load(page, text):
    """A file with this text is chosen."""
    file = {"name": "weights.json", "mimeType": "application/json", "buffer": text.encode()}
    page.get_by_label("Load weights").set_input_files(file)


def layers_of(net):
    """The layers of a file."""
    return [
        {
            "activation": layer.activation.name,
            "slope": layer.activation.parameters.get("slope", 0),
            "W": layer.W.tolist(),
            "b": None if layer.b is None else layer.b.tolist(),
        }
        for layer in net.layers
    ]


def file_of(net, **changes):
    """The text of a file with the weights of a network."""
    return json.dumps(
        {"format": "refnet weights", "version": 1, "layers": layers_of(net)} | changes
    )


@pytest.mark.parametrize("name", ["XOR", "relu and leaky relu", "no biases"])
def test_a_file_has_every_number_in_full(tmp_path, opened, name):
    """As the network has it, with its activations."""
    page = opened(page_with_steps(tmp_path, name))
    net = STEPS[name][0]
    expected = {"format": "refnet weights", "version": 1, "layers": layers_of(net)}
    assert saved(page) == expected


def test_what_was_saved_comes_back(tmp_path, opened):
    """After more training; and a rewind comes back to it, too."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    page.get_by_role("button", name="10 steps", exact=True).click()
    kept = saved(page)
    told = reading.stages(page)
    page.get_by_role("button", name="100 steps", exact=True).click()
    load(page, json.dumps(kept))
    expect(page.locator("#steps")).to_have_text("0 steps taken")
    assert saved(page) == kept
    assert reading.stages(page) == told
    page.get_by_role("button", name="1 step", exact=True).click()
    page.get_by_role("button", name="Rewind").click()
    assert saved(page) == kept


def test_the_weights_of_another_network_are_taken(tmp_path, opened):
    """With its activations."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    rng = np.random.default_rng(5)
    hidden = Dense(rng.normal(size=(3, 2)), rng.normal(size=3), "relu")
    net = Network([hidden, Dense(rng.normal(size=(1, 3)), [0.5], "sigmoid")])
    load(page, file_of(net))
    expect(page.locator("#steps")).to_have_text("0 steps taken")
    expect(page.get_by_label("W of layer 2, row 1, column 1", exact=True)).to_have_value(
        f"{net.layers[1].W[0, 0]:.4g}"
    )
    reading.check(page, step("XOR", net=net))


def wrong_files():
    """Texts that are no weights for the network of XOR, and what is said."""
    net = STEPS["XOR"][0]

    def changed(layer, **changes):
        layers = layers_of(net)
        layers[layer] |= changes
        return file_of(net, layers=layers)

    other = 'The file has other content, expected format "refnet weights", version 1.'
    known = "identity, sigmoid, tanh, relu, leaky_relu, softmax"
    return {
        "": "The file has no JSON, expected weights that this page has saved.",
        '{"format"': "The file has no JSON, expected weights that this page has saved.",
        "null": other,
        "[1, 2]": other,
        file_of(net, format="weights"): other,
        file_of(net, version=2): other,
        file_of(net, layers=5): other,
        file_of(net, layers=[]): "The file has 0 layers, expected 2.",
        file_of(STEPS["Mazur"][0]): "Layer 1 of the file has a W of 2 x 2, expected 3 x 2.",
        changed(0, W=[[1, 2], [3, 4], [5]]): (
            "Layer 1 of the file has no W of numbers, expected 3 x 2."
        ),
        changed(1, W=[[1, "2", 3]]): "Layer 2 of the file has no W of numbers, expected 1 x 3.",
        file_of(net).replace("[[", "[[1e999, ", 1): (
            "Layer 1 of the file has no W of numbers, expected 3 x 2."
        ),
        changed(0, b=[1, 2]): "Layer 1 of the file has another b, expected 3 numbers.",
        changed(1, b=None): "Layer 2 of the file has another b, expected 1 numbers.",
        changed(0, activation="swish"): (
            f'Layer 1 of the file has the activation "swish", expected one of {known}.'
        ),
        file_of(net, layers=[None, None]): (
            "Layer 1 of the file has no W of numbers, expected 3 x 2."
        ),
    }


def test_any_other_file_is_refused_in_a_sentence(tmp_path, opened):
    """And the next right one takes the sentence away."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    alert = page.locator("#edit [role=alert]").first
    for text, sentence in wrong_files().items():
        load(page, text)
        expect(alert).to_have_text(sentence.replace(" x ", f" {reading.TIMES} "))
        reading.check(page, step("XOR"))
    load(page, file_of(STEPS["XOR"][0]))
    expect(alert).to_be_empty()
