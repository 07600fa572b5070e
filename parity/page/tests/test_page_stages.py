"""A reader goes through the stages of a step: by buttons, by keys and by the list."""

import pytest
from playwright.sync_api import expect

from parity.page.tests import reading
from parity.page.tests.steps_told import page_with_steps, step
from refnet.equations import EQUATIONS

# XOR through two layers, in the order of computation
STAGES = [
    *("given", "z1", "a1", "z2", "a2", "C", "BP12", "BP21", "BP32", "BP42", "BP31", "BP41"),
    *("step1", "step2", "after"),
]
# what takes part in each in the network: units of layers, weights into layers
TAKES_PART = {
    "given": "the inputs, the weights of layer 1, the weights of layer 2",
    "z1": "the inputs, layer 1, the weights of layer 1",
    "a1": "layer 1",
    "z2": "layer 1, layer 2, the weights of layer 2",
    "a2": "layer 2",
    "C": "layer 2",
    "BP12": "layer 2",
    "BP21": "layer 1, layer 2, the weights of layer 2",
    "BP32": "layer 2",
    "BP42": "layer 1, layer 2, the weights of layer 2",
    "BP31": "layer 1",
    "BP41": "the inputs, layer 1, the weights of layer 1",
    "step1": "the weights of layer 1",
    "step2": "the weights of layer 2",
    "after": "layer 2",
}


@pytest.fixture
def page(tmp_path, opened):
    """The page of XOR, whose rate is 1."""
    return opened(page_with_steps(tmp_path, "XOR"))


# what says which stage is open
OPEN = """() => {
  const at = (id) => document.getElementById(id);
  const heading = document.querySelector("#stage h3");
  return {
    key: heading.dataset.key,
    title: heading.textContent,
    article: at(at("stage").getAttribute("aria-labelledby")).textContent,
    place: at("place").textContent,
    chosen: at("jump").selectedOptions[0].textContent,
    ends: [at("back").disabled, at("next").disabled],
    picture: document.querySelector("#network svg").getAttribute("aria-label"),
  };
}"""


def here(page):
    """The key of the stage that is open, where the whole page agrees on it."""
    seen = page.evaluate(OPEN)
    key, title = seen["key"], seen["title"]
    index = STAGES.index(key)
    assert seen == {
        "key": key,
        "title": title,
        "article": title,
        "place": f"{index + 1} of {len(STAGES)}",
        "chosen": title,
        "ends": [index == 0, index == len(STAGES) - 1],
        "picture": f"A 2-3-1 network at the stage {title}; {TAKES_PART[key]} take part",
    }
    return key


def test_next_goes_through_all_stages_and_back_through_them_again(page):
    """At each one the formula is that of the equation, in MathML, and its numbers are
    refnet's.
    """
    told = {each["key"]: each for each in reading.expected(step("XOR"))}
    for key in STAGES:
        assert here(page) == key
        seen = reading.stage(page)
        assert {**seen, "words": ""} == {**told[key], "words": ""}
        label = key.rstrip("12") if not key.startswith("BP") else key[:3]
        if label in EQUATIONS:
            assert seen["formulas"][0] == EQUATIONS[label].formula
            assert seen["title"].startswith(f"{label}: {EQUATIONS[label].name}")
            namespace = page.locator("#stage .formula > *").first.evaluate("(e) => e.namespaceURI")
            assert namespace == "http://www.w3.org/1998/Math/MathML"
        if key != STAGES[-1]:
            page.get_by_role("button", name="Next").click()
            expect(page.locator("#said")).not_to_be_empty()
            assert page.locator("#said").text_content() == page.locator("#stage h3").text_content()
    for key in reversed(STAGES[:-1]):
        page.get_by_role("button", name="Back").click()
        assert here(page) == key


# what the units of the two layers hold at each stage, and whether C is known by then
HELD = {
    "given": ("", "", ""),
    "z1": ("z", "", ""),
    "a1": ("a", "", ""),
    "z2": ("a", "z", ""),
    "a2": ("a", "a", ""),
    "C": ("a", "a", "C"),
    "BP12": ("a", "delta", "C"),
    **dict.fromkeys(("BP21", "BP32", "BP31", "BP41"), ("delta", "delta", "C")),
    **dict.fromkeys(("step1", "step2"), ("a", "a", "C")),
    "BP42": ("a", "delta", "C"),
}
SHOWN = """(layers) => layers.map((layer) =>
  [...layer.querySelectorAll(".held")].map((held) => held.textContent))"""


def test_the_network_holds_what_is_known_at_each_stage(page):
    """And nothing that comes later, in numbers of refnet's."""
    told = step("XOR").step
    numbers = {
        ("C", 2): [told.cost],
        **{("z", l): passed.z[0] for l, passed in enumerate(told.trace)},
        **{("a", l): passed.a[0] for l, passed in enumerate(told.trace)},
        **{("delta", l): each.delta[0] for l, each in enumerate(told.gradients)},
    }
    for key in STAGES[:-1]:
        layers = page.locator("#network .layer").evaluate_all(SHOWN)
        expected = [numbers.get((what, l), []) for l, what in enumerate(HELD[key])]
        assert layers == [["0", "0"], *([f"{each:.3g}" for each in row] for row in expected)]
        page.keyboard.press("ArrowRight")


def test_arrows_home_and_end_do_the_same(page):
    """Wherever the focus is, but in a field."""
    for key in STAGES[1:]:
        page.keyboard.press("ArrowRight")
        assert here(page) == key
    page.keyboard.press("ArrowRight")
    assert here(page) == "after"
    page.keyboard.press("ArrowLeft")
    assert here(page) == "step2"
    page.keyboard.press("Home")
    assert here(page) == "given"
    page.keyboard.press("ArrowLeft")
    assert here(page) == "given"
    page.keyboard.press("End")
    assert here(page) == "after"
    page.get_by_role("button", name="Back").focus()
    page.keyboard.press("ArrowLeft")
    assert here(page) == "step2"


def test_keys_that_mean_something_else_are_left_alone(page):
    """In a field, and with another key held down."""
    page.keyboard.press("End")
    for key in ("Alt+ArrowLeft", "Shift+ArrowLeft", "Control+Home"):
        page.keyboard.press(key)
        assert here(page) == "after"
    page.get_by_label("Learning rate, lr").focus()
    for key in ("ArrowLeft", "Home"):
        page.keyboard.press(key)
        assert here(page) == "after"


def test_a_stage_is_chosen_from_the_list(page):
    """And Next goes on from it."""
    page.get_by_label("Stage", exact=True).select_option("BP1: output delta, layer 2")
    assert here(page) == "BP12"
    page.get_by_role("button", name="Next").click()
    assert here(page) == "BP21"


def test_a_change_leaves_the_stage_open(page):
    """A reader who trains sees the numbers of the stage move."""
    page.get_by_label("Stage", exact=True).select_option("BP2: hidden delta, layer 1")
    before = reading.stage(page)["lines"]
    page.get_by_role("button", name="1 step", exact=True).click()
    assert here(page) == "BP21"
    assert reading.stage(page)["lines"] != before


def test_without_a_rate_there_is_no_update(tmp_path, opened):
    """Until one is given."""
    page = opened(page_with_steps(tmp_path, "no rate"))
    assert [each["key"] for each in reading.stages(page)][-1] == "BP41"
    assert page.get_by_role("button", name="10 steps", exact=True).is_disabled()
    page.get_by_label("Learning rate, lr").fill("0.25")
    page.keyboard.press("Enter")
    reading.check(page, step("no rate", lr=0.25))
    assert page.get_by_role("button", name="10 steps", exact=True).is_enabled()


def test_without_javascript_the_step_stands_there_as_text(tmp_path, opened):
    """As it is printed."""
    page = opened(page_with_steps(tmp_path, "XOR"), java_script_enabled=False)
    assert page.locator("noscript pre").text_content() == str(step("XOR"))
    assert page.get_by_role("button").count() == 0
