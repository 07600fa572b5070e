"""The page says whether its own numbers are those that refnet computed."""

import json
import re

import pytest

from parity.page.bounds import scene_bounds
from parity.page.tests.steps_told import STEPS, step
from refnet.explanation.page import page_of

AGREED = ("each is within what rounding allows", "all agree in the digits shown")


def written(folder, scenes):
    """A page with these scenes."""
    file = folder / "page.html"
    file.write_text(page_of(scenes), encoding="utf-8")
    return file


def said(page):
    """What the panel says, and whether as an alarm."""
    panel = page.locator("#compare p")
    return panel.text_content(), panel.get_attribute("role") == "alert"


def scene(name, **changes):
    """A scene of its own name."""
    return step(name, **changes).scene() | {"title": name}


def nudged(numbers, by):
    """The first number that is not 0 in nested lists, changed by that share."""
    if not isinstance(numbers, list):
        return numbers * (1 + by) if numbers else None
    for i, each in enumerate(numbers):
        changed = nudged(each, by)
        if changed is not None:
            return [*numbers[:i], changed, *numbers[i + 1 :]]
    return None


@pytest.mark.parametrize("bounded", [False, True])
def test_every_number_of_refnet_s_is_that_of_the_page(tmp_path, opened, bounded):
    """In the digits that are shown, or within the bounds that parity derives."""
    scenes = [scene(name) for name in STEPS]
    if bounded:  # a step without a rate is none that parity judges
        steps = [each for each in scenes if each["lr"] is not None]
        scenes = [each | {"allowed": scene_bounds(each)} for each in steps]
    page = opened(written(tmp_path, scenes))
    for i, each in enumerate(scenes):
        page.get_by_role("combobox", name="Example").select_option(str(i))
        says, alarmed = said(page)
        count = len(re.findall(r"\d[\d.e+-]*", json.dumps(each["refnet"])))
        assert AGREED[0 if bounded else 1] in says, each["title"]
        assert f"its {count:,} numbers are in this file" in says
        assert not alarmed


@pytest.mark.parametrize(("bounded", "by"), [(False, 1e-2), (True, 1e-12)])
def test_a_number_that_differs_is_said(tmp_path, opened, bounded, by):
    """Each array of refnet's, one after the other: the page then seems to be wrong."""
    right = scene("XOR")
    right = right | {"allowed": scene_bounds(right)} if bounded else right
    scenes = [
        right | {"refnet": right["refnet"] | {name: nudged(numbers, by)}, "title": name}
        for name, numbers in right["refnet"].items()
    ]
    page = opened(written(tmp_path, scenes))
    for i, name in enumerate(right["refnet"]):
        page.get_by_role("combobox", name="Example").select_option(str(i))
        says, alarmed = said(page)
        where = "C" if name == "C" else f"{name.replace('delta', 'δ')}1"
        assert says == f"Not the same: {where} of this page differs from refnet's."
        assert alarmed


def test_numbers_of_float32_are_not_compared(tmp_path, opened):
    """The page computes in float64."""
    page = opened(written(tmp_path, [scene("XOR", net=STEPS["XOR"][0].astype("float32"))]))
    says, alarmed = said(page)
    assert says == (
        "refnet computed this step in float32, and the page in float64: their numbers are not "
        "compared."
    )
    assert not alarmed
