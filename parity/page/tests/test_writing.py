"""The whole page: each example has the bounds of its numbers, and each mistake shows
somewhere.
"""

import json
import re

import numpy as np
import pytest

from parity.page.entries import SWITCHED, entries, script
from parity.page.tests.beside import answered, pairs
from parity.page.writing import examples, page_text
from refnet.explanation.page import page_of

EXAMPLES = examples()


@pytest.mark.parametrize("scene", EXAMPLES, ids=[scene["title"] for scene in EXAMPLES])
def test_every_number_of_an_example_has_its_bound(tmp_path, scene):
    """The engine's own is within it of refnet's, and it hides less than half of the
    digits of its array.
    """
    theirs, allowed = scene["refnet"], scene["allowed"]
    assert allowed.keys() == theirs.keys()
    (page,) = answered(tmp_path, "numbers.js", [scene])
    for (array, bound), (own, _) in zip(pairs(theirs, allowed), pairs(page, allowed), strict=True):
        assert own.shape == array.shape == bound.shape
        assert (np.abs(own - array) <= bound).all()
        assert bound.max() <= 2.0**-26 * np.abs(array).max()


# what a reader chooses, where a mistake cannot stand in the examples as they are
CHOICES = (
    {},
    {"activation": "relu"},
    {"optimizer": {"name": "sgd", "settings": {"momentum": 0.9}}},
    {"optimizer": {"name": "adam", "settings": {}}},
    {"output": "softmax", "loss": "cross_entropy"},
)


def chosen(scene, activation=None, output=None, **other):
    """Four rows of the scene with other activations, or another loss or optimizer."""
    *hidden, last = scene["layers"]
    layers = [{**layer, "activation": activation or layer["activation"]} for layer in hidden]
    layers.append({**last, "activation": output or last["activation"]})
    return {**scene, "layers": layers, "x": scene["x"][:4], "y": scene["y"][:4], **other}


def test_every_mistake_shows_in_an_example(tmp_path):
    """Fifteen do as they are, the others when an activation, a loss or an optimizer is
    chosen.
    """
    programs = [chosen(scene, **each) for each in CHOICES for scene in EXAMPLES]
    answers = answered(tmp_path, "steps.js", programs)
    as_they_are = answers[: len(EXAMPLES)]
    assert {name for name in SWITCHED if not any(each[name]["shows"] for each in as_they_are)} == {
        "softmax-diagonal-only",
        "relu-mask-on-gradient",
        "momentum-without-effect",
        "momentum-as-average",
        "adam-without-correction",
    }
    assert all(any(each[name]["shows"] for each in answers) for name in SWITCHED)


def test_the_page_has_all_of_it():
    """The examples, what is said of the mistakes, and their script, which refnet's page
    does without.
    """
    text = page_text(EXAMPLES)
    data = re.search(r"<script[^>]*application/json[^>]*>(.*?)</script>", text, re.DOTALL)[1]
    whole = json.loads(data)
    sizes = [(2, 3, 1), (2, 2, 2), (64, 30, 10)]
    assert whole["mistakes"] == entries(sizes)
    assert [each["allowed"] for each in whole["scenes"]] == [each["allowed"] for each in EXAMPLES]
    assert script() in text
    assert script() not in page_of(EXAMPLES)
