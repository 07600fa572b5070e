"""A mistake is switched on in the page of `parity page`: what changes in numbers, what
a gradient check sees of it, and what parity says.
"""

import json
import re

import pytest
from playwright.sync_api import expect

from parity.mistakes.catalogue.index import BY_ID
from parity.page.entries import SWITCHED, entries
from parity.page.tests import reading
from parity.page.tests.steps_told import STEPS, step
from parity.page.writing import page_text
from refnet.explanation.figures import shown
from refnet.losses import LOSSES

# a line of the open stage with a number that is off, and what is said to be right
OFF = """(lines) => lines.map((line) => [
  line.dataset.plain, line.querySelector(".right").textContent.replace("right: ", "")])"""
ENABLED = "(options) => options.filter((each) => !each.disabled).map(({ value }) => value)"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """XOR and the 2-2-2 network with all mistakes."""
    scenes = [step(name).scene() | {"title": name} for name in ("XOR", "Mazur")]
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(page_text(scenes), encoding="utf-8")
    return file


@pytest.fixture
def page(file, opened):
    """That page, opened."""
    return opened(file)


def switch(page, mistake):
    """It on, or with "" all off."""
    page.get_by_role("combobox", name="mistake", exact=True).select_option(mistake)


def off(page):
    """Symbol, number and right number of each line of the open stage that is off."""
    pairs = page.locator("#stage .line.off").evaluate_all(OFF)
    return [(plain.split(" ")[0], plain.split(" ")[-1], right) for plain, right in pairs]


def results(key):
    """The right numbers of a stage, by their symbols."""
    (lines,) = (each["lines"] for each in reading.expected(step("XOR")) if each["key"] == key)
    return {line.split(" ")[0]: line.split(" ")[-1] for line in lines}


def test_a_missing_derivative_shows_in_what_depends_on_it(page):
    """BP2 without f': the delta is dC/da, and the gradients below are made of it."""
    switch(page, "hidden-derivative-missing")
    net, x, y, loss, _ = STEPS["XOR"]
    gradients = net.backward(net.forward(x), LOSSES[loss](), y)
    delta = gradients[1].delta @ net.layers[1].W
    page.get_by_label("Stage", exact=True).select_option("BP2: hidden delta, layer 1 (mistaken)")
    right = results("BP21")
    assert off(page) == [
        (name, shown(each, 4), right[name])
        for name, each in zip(("delta^1_1", "delta^1_2", "delta^1_3"), delta[0], strict=True)
    ]
    formula = BY_ID["hidden-derivative-missing"].formula
    expect(page.locator("#stage .wrong")).to_have_text(f"You have: {formula}")
    page.get_by_label("Stage", exact=True).select_option("BP3: bias gradient, layer 1")
    right = results("BP31")
    assert off(page) == [
        (name, shown(each, 4), right[name])
        for name, each in zip(("db^1_1", "db^1_2", "db^1_3"), delta.sum(axis=0), strict=True)
    ]
    for unharmed in ("BP1: output delta, layer 2", "C: cost", "BP4: weight gradient, layer 2"):
        page.get_by_label("Stage", exact=True).select_option(unharmed)
        assert off(page) == []


def possible(page):
    """The mistakes that can stand in the network."""
    return page.locator("#mistake option").evaluate_all(ENABLED)[1:]


def test_every_mistake_that_can_stand_there_is_shown_and_explained(page):
    """What it breaks is marked, with its formula, and parity's words stand there."""
    names = page.locator("#mistake option").evaluate_all("(all) => all.map((each) => each.value)")
    assert names == ["", *SWITCHED]
    said = {entry["id"]: entry for entry in entries([(2, 3, 1), (2, 2, 2)])}
    assert {"bias-forgotten", "hidden-derivative-missing", "step-uphill"} <= {*possible(page)}
    for name in possible(page):
        switch(page, name)
        entry = said[name]
        marked = page.locator("#jump option", has_text="(mistaken)").all_text_contents()
        assert entry["equation"] in {title.partition(":")[0] for title in marked}
        page.get_by_label("Stage", exact=True).select_option(marked[0])
        expect(page.locator("#stage .wrong")).to_have_text(f"You have: {entry['formula']}")
        spoken = page.get_by_role("region", name="What parity says").text_content()
        assert spoken in {each["says"] for each in entry["findings"]}
        assert name in spoken
        panel = page.locator("#mistakes").text_content()
        assert entry["happens"] in panel
        assert entry["why"] in panel
    switch(page, "")
    reading.check(page, step("XOR"))
    assert page.locator(".off, .wrong").count() == 0


def seen_by_the_check(page):
    """What it sees, of each mistake."""
    verdicts = {}
    for name in possible(page):
        switch(page, name)
        verdicts[name] = page.locator("#mistakes .verdict").text_content()
    switch(page, "")
    return {name for name, says in verdicts.items() if says.startswith("It sees the mistake in d")}


@pytest.mark.parametrize("rule", ["SGD with momentum", "Adam"])
def test_a_gradient_check_sees_what_is_no_mistake_of_the_update(page, rule):
    """Gradients that are not set to 0 are right in the first step."""
    page.get_by_role("combobox", name="optimizer").select_option(rule)
    updates = {name for name in possible(page) if BY_ID[name].equation == "step"}
    assert len(updates) > 1
    others = {*possible(page)} - updates
    assert seen_by_the_check(page) == others - {"gradients-not-reset"}
    page.get_by_role("button", name="1 step", exact=True).click()
    assert seen_by_the_check(page) == others


def test_training_goes_on_with_the_mistake(page):
    """And a rewind without it is the right training again."""
    page.get_by_role("button", name="10 steps", exact=True).click()
    right = page.locator("table.costs").text_content()
    page.get_by_role("button", name="Rewind").click()
    switch(page, "step-uphill")
    page.get_by_role("button", name="10 steps", exact=True).click()
    wrong = re.findall(r"C = ([\d.]+)", page.locator("#train .value").text_content())
    assert float(wrong[0]) > float(shown(step("XOR").step.cost, 4))
    switch(page, "")
    page.get_by_role("button", name="Rewind").click()
    page.get_by_role("button", name="10 steps", exact=True).click()
    assert page.locator("table.costs").text_content() == right


def test_a_mistake_that_can_stand_no_more_changes_nothing(page):
    """After another activation is chosen; and it is said."""
    page.get_by_role("combobox", name="activation of layer 1").select_option("relu")
    switch(page, "relu-mask-on-gradient")
    page.get_by_role("combobox", name="activation of layer 1").select_option("tanh")
    expect(page.locator("#mistakes .problem")).to_have_text(
        "It cannot stand in this network: nothing is changed."
    )
    reading.check(page, step("XOR"))


def test_another_example_begins_without_a_mistake(page):
    """As it was made."""
    switch(page, "hidden-derivative-missing")
    page.get_by_role("combobox", name="Example").select_option("Mazur")
    expect(page.get_by_role("combobox", name="mistake", exact=True)).to_have_value("")
    reading.check(page, step("Mazur"))


def test_the_page_of_refnet_has_no_mistakes(tmp_path, opened):
    """They come from parity."""
    step("XOR").html(tmp_path / "plain.html")
    page = opened(tmp_path / "plain.html")
    expect(page.locator("#mistakes")).to_have_count(0)
    assert json.loads(page.locator("#data").text_content())["mistakes"] == []


def test_a_mistake_that_changes_no_number_says_so(page):
    """The last sample alone, where there is but one; with four it shows."""
    mistake = "db-last-sample-only"
    page.locator("#scene").select_option(label="Mazur")
    switch(page, mistake)
    idle = page.locator("#mistakes .unchanged")
    unseen = BY_ID[mistake].unseen
    expect(idle).to_have_text(f"In this step it changes no number. {unseen}")
    page.locator("#scene").select_option(label="XOR")
    switch(page, mistake)
    expect(idle).to_have_count(0)
