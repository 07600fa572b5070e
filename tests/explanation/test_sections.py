"""One quantity of an explanation at a time: sections that print, and those that `only`
picks.
"""

import re

import numpy as np
import pytest

import refnet


def explained(**given):
    """A step of a network with two hidden layers."""
    net = refnet.mlp([2, 3, 2, 1], "tanh", "identity", seed=1)
    return refnet.explain(net, [[0.5, -1.0]], [[1.0]], "mse", 0.1, **given)


def test_a_section_prints_as_it_does_among_the_others():
    """The whole text is the title and the sections."""
    explanation = explained(weight=(1, 0, 0))
    title = f"{explanation.title}\n{'=' * len(explanation.title)}"
    assert "\n\n".join([title, *map(str, explanation.sections)]) == str(explanation)


def test_a_section_is_found_by_label_and_layer():
    """As the docstring of explain says."""
    (section,) = (s for s in explained().sections if s.label == "BP2" and s.layer == 1)
    assert str(section).startswith("BP2: hidden delta, layer 1\n--------")
    assert "\n  delta^1_1 = dC/da^1_1 * f'(z^1_1) = " in str(section)


def test_a_section_in_a_notebook_is_open():
    """By itself it is what it is among the others."""
    explanation = explained()
    alone = explanation.sections[3]._repr_html_()
    (body,) = re.findall(r"<details[^>]*>(.*)</details>", alone, re.DOTALL)
    assert body in explanation._repr_html_()
    assert " open>" in alone


@pytest.mark.parametrize(
    ("quantity", "layer", "sections"),
    [
        ("BP2", None, [("BP2", 2), ("BP2", 1)]),
        ("BP2", 1, [("BP2", 1)]),
        ("delta", None, [("BP1", 3), ("BP2", 2), ("BP2", 1)]),
        ("delta", 3, [("BP1", 3)]),
        ("dW", np.int64(2), [("BP4", 2)]),
        ("z", 1, [("z", 1)]),
        ("loss", None, [("C", 0)]),
        ("C", 0, [("C", 0)]),
        ("W", 3, [("step", 3)]),
        ("state", 3, [("step", 3)]),
    ],
)
def test_only_one_quantity(quantity, layer, sections):
    """By the label of its equation or by its name."""
    explanation = explained()
    some = explanation.only(quantity, layer)
    assert [(section.label, section.layer) for section in some.sections] == sections
    assert some.title == explanation.title
    for section in some.sections:
        assert section in explanation.sections
        assert str(section) in str(some)
    headings = len(re.findall(r"^## ", some.markdown(), re.MULTILINE))
    assert headings == some.latex().count(r"\subsection*{") == len(sections)


THERE = "z, a, C, BP1, BP2, BP3, BP4, step, or what one writes"
WRONG = {
    "label": (
        ("BP5",),
        ValueError,
        f"only: quantity has 'BP5', expected one of {THERE}",
    ),
    "not here": (
        ("a_prev",),
        ValueError,
        f"only: quantity has 'a_prev', expected one of {THERE}",
    ),
    "empty": (
        ("",),
        ValueError,
        f"only: quantity has '', expected one of {THERE}",
    ),
    "layer": (
        ("BP2", 3),
        ValueError,
        "only: layer has 3, expected one of 1, 2 for BP2",
    ),
    "no layer": (("C", 1), ValueError, "only: layer has 1, expected one of 0 for C"),
    "negative": (("z", -1), ValueError, "only: layer has -1, expected an integer >= 0"),
    "kind": (("z", 1.0), TypeError, "only: layer has type float, expected an integer"),
    "kind of label": (
        (2,),
        ValueError,
        f"only: quantity has 2, expected one of {THERE}",
    ),
}


@pytest.mark.parametrize(("asked", "kind", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_not_there_is_refused(asked, kind, sentence):
    """With what there is."""
    with pytest.raises(kind, match=f"^{re.escape(sentence)}$"):
        explained().only(*asked)


def test_without_an_update_there_is_no_step_to_pick():
    """It is not among what there is."""
    net = refnet.mlp([1, 1], output="identity")
    explanation = refnet.explain(net, [[1.0]], [[1.0]], "mse")
    with pytest.raises(ValueError, match="'step', expected one of z, a, C, BP1, BP3, BP4, or"):
        explanation.only("step")
