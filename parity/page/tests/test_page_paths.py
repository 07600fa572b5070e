"""One weight is followed along all its paths, as refnet tells them."""

import re

import pytest
from playwright.sync_api import expect

from parity.page.tests import reading
from parity.page.tests.steps_told import STEPS, page_with_steps, step
from refnet.explanation.parts import Line

FIELDS = ("layer", "unit", "from input")


def follow(page, place):
    """Choose a weight, or a bias where there is no column."""
    start = page.get_by_role("button", name="Follow a weight")
    if start.is_visible():
        start.click()
    layer, row, *column = place
    page.get_by_role("combobox", name="layer", exact=True).select_option(f"layer {layer}")
    page.get_by_role("combobox", name="unit", exact=True).select_option(f"unit {row + 1}")
    source = f"input {column[0] + 1}" if column else "its bias"
    page.get_by_role("combobox", name="from input", exact=True).select_option(source)


def lines(page):
    """The paths, and their sum, as they are seen."""
    read = "(all) => all.map((each) => each.textContent.replaceAll(/\\s/g, ''))"
    paths = page.locator("#paths ol li").evaluate_all(read)
    (summed,) = page.locator("#paths p.line").evaluate_all(read)
    return sorted(re.sub(r"^row\d+:", "", path) for path in paths), terms(summed)


def terms(summed):
    """The terms of a sum in any order: refnet's is that of the units."""
    symbol, total, *result = summed.split("=")
    minus = reading.SIGNS["-"]
    return symbol, sorted(total.replace(minus, f"+{minus}").strip("+").split("+")), result


def told(explanation):
    """The same of what refnet tells."""
    *_, section = explanation.sections
    said = [part for part in section.parts if isinstance(part, Line)]
    paths = [line for line in said if line.symbol.startswith("path")]
    (summed,) = (line for line in said if line.symbol.startswith("dC/d"))
    return (
        sorted(reading.seen(" = ".join(line.sides)) for line in paths),
        terms(reading.seen(f"{summed.symbol} = {' = '.join(summed.sides)}")),
    )


@pytest.mark.parametrize(
    ("name", "places"),
    {
        "Mazur": [(2, 0, 0), (1, 0, 0), (1, 1, 1), (1, 1), (2, 1)],
        "no biases": [(1, 2, 1), (2, 1, 2)],
        "a softmax in the middle": [(1, 2, 0), (2, 1)],
    }.items(),
)
def test_every_path_is_that_of_refnet(tmp_path, opened, name, places):
    """To weights and biases of each layer, and their sum is dC/dW."""
    page = opened(page_with_steps(tmp_path, name, weight=None))
    for place in places:
        follow(page, place)
        assert lines(page) == told(step(name, weight=place))


def test_a_page_opens_with_the_weight_that_explain_followed(tmp_path, opened):
    """And lets it go."""
    page = opened(page_with_steps(tmp_path, "Mazur"))
    assert lines(page)[1] == told(step("Mazur"))[1]
    page.get_by_role("button", name="Follow none").click()
    expect(page.locator("#paths ol")).to_have_count(0)
    assert page.locator("#network .path, #network .mark").count() == 0


def test_a_weight_is_followed_by_a_click_on_its_line(tmp_path, opened):
    """And its paths are marked in the network: every line and unit from it to C."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    page.locator("#network .pick", has_text="W^1_2,1 =").click(force=True)
    values = [page.get_by_role("combobox", name=name, exact=True) for name in FIELDS]
    assert [value.input_value() for value in values] == ["0", "1", "0"]
    titles = page.locator("#network .pick:has(.path) title").all_text_contents()
    assert [title.partition(" = ")[0] for title in titles] == ["W^1_2,1", "W^2_1,2"]
    assert page.locator("#network circle.mark").count() == 2


def test_the_paths_follow_what_is_edited(tmp_path, opened):
    """As everything else."""
    page = opened(page_with_steps(tmp_path, "Mazur"))
    net = STEPS["Mazur"][0].copy()
    page.get_by_label("W of layer 2, row 1, column 1", exact=True).fill("-3")
    page.keyboard.press("Tab")
    net.layers[1].W[0, 0] = -3.0
    assert lines(page) == told(step("Mazur", net=net))
