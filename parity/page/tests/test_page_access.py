"""Who can read the page: in light and in dark, on a telephone and on a wide screen,
with the keyboard alone, with a screen reader, on paper.
"""

import pytest
from playwright.sync_api import expect

from parity.page.tests import reading
from parity.page.tests.browser import axe
from parity.page.tests.steps_told import STEPS, page_with_steps
from parity.page.writing import examples, page_text

NARROW, WIDE = {"width": 360, "height": 740}, {"width": 1920, "height": 1080}
# a large element that scrolls by itself is no matter; the page as a whole must not
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page of `parity page`, with its three examples and all mistakes."""
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(page_text(examples()), encoding="utf-8")
    return file


def press(page, name):
    """A button."""
    page.get_by_role("button", name=name, exact=True).click()


def unfold(page, part):
    """What is folded in a part of the page."""
    for details in page.locator(f"{part} details").all():
        if details.get_attribute("open") is None:
            details.locator("summary").click()


def at_the_start(page):
    """As it opens."""


def in_the_middle(page):
    """After some training, with a weight that is followed, a mistake, an entry that was
    refused, and all that can be unfolded.
    """
    press(page, "10 steps")
    page.get_by_label("Stage", exact=True).select_option("BP2: hidden delta, layer 1")
    press(page, "Follow a weight")
    page.get_by_role("combobox", name="mistake").select_option("hidden-derivative-missing")
    page.get_by_label("W of layer 1, row 1, column 1", exact=True).fill("one")
    page.keyboard.press("Tab")
    unfold(page, "#panels")
    page.get_by_label("Rows of data").fill("1 2")
    press(page, "Use these rows")
    unfold(page, "#train")


def with_large_arrays(page):
    """The digits, whose arrays are pictures."""
    page.get_by_role("combobox", name="Example").select_option("2")
    page.get_by_label("Stage", exact=True).select_option("BP4: weight gradient, layer 1")
    unfold(page, "#panels")


def with_all_stages(page):
    """The whole step of the 2-2-2 network, as it is printed."""
    page.get_by_role("combobox", name="Example").select_option("1")
    unfold(page, "#whole")


MAIN = (in_the_middle, with_large_arrays)
# the others have nothing that is not in these, but for how it is laid out and coloured
STATES = {
    ("light", 360): (at_the_start, *MAIN, with_all_stages),
    ("light", 1920): MAIN,
    ("dark", 360): MAIN,
    ("dark", 1920): (at_the_start, *MAIN, with_all_stages),
}


@pytest.mark.parametrize(("scheme", "width"), STATES)
def test_axe_finds_nothing(file, opened, scheme, width):
    """In none of the page's states."""
    viewport = {360: NARROW, 1920: WIDE}[width]
    page = opened(file, color_scheme=scheme, viewport=viewport)
    for state in STATES[scheme, width]:
        state(page)
        assert axe(page) == [], state.__name__


# the colours of the words in the network, and of what may stand behind them
COLOURS = """() => {
  const style = (selector) => getComputedStyle(document.querySelector(`#network ${selector}`));
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number).slice(0, 3);
  const fill = (selector) => numbers(style(selector).fill);
  const behind = numbers(getComputedStyle(document.getElementById("network")).backgroundColor);
  return {
    words: [".held", ".weight", ".name", ".bias"].map(fill),
    behind: [behind, fill(".ground")],
    units: [...document.querySelectorAll("#network .unit:not(.empty)")].map((unit) => {
      const { fill, fillOpacity } = getComputedStyle(unit);
      return [numbers(fill), Number(fillOpacity)];
    }),
  };
}"""


def contrast(one, other):
    """The ratio of WCAG 2.2: of the luminances, each with 0.05 for the light around."""

    def luminance(color):
        parts = [c / 255 for c in color]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(k * c for k, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_numbers_in_the_network_can_be_read(file, opened, scheme):
    """Which axe does not judge: 4.5 to 1, as it asks of all other words."""
    page = opened(file, color_scheme=scheme)
    page.get_by_label("Stage", exact=True).select_option("C: cost")
    seen = page.evaluate(COLOURS)
    held, ground = seen["words"][0], seen["behind"][1]
    assert seen["units"]
    for color, share in seen["units"]:
        mixed = [share * c + (1 - share) * g for c, g in zip(color, ground, strict=True)]
        assert contrast(held, mixed) >= 4.5
    for words in seen["words"]:
        assert min(contrast(words, behind) for behind in seen["behind"]) >= 4.5
    assert contrast((255, 255, 255), (0, 0, 0)) == 21


def test_nothing_is_wider_than_a_telephone(file, opened):
    """At no stage of any example, with what can be unfolded."""
    page = opened(file, viewport=NARROW)
    for example in range(3):
        page.get_by_role("combobox", name="Example").select_option(str(example))
        unfold(page, "body" if example == 0 else "#panels")
        for _ in page.get_by_label("Stage", exact=True).locator("option").all():
            assert page.evaluate(OVERFLOW) == 0, reading.stage(page)["title"]
            page.keyboard.press("ArrowRight")
    page.get_by_role("combobox", name="Example").select_option("0")
    in_the_middle(page)
    assert page.evaluate(OVERFLOW) == 0


# what has the focus, and whether the reader sees that it has
FOCUS = """() => {
  const { activeElement: here } = document;
  const name = here.getAttribute("aria-label") ?? here.labels?.[0]?.firstChild.textContent;
  const { outlineStyle, outlineWidth } = getComputedStyle(here);
  const { width, height, top } = here.getBoundingClientRect();
  return {
    name: name ?? here.textContent.trim(),
    id: here.id,
    isMarked: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
    isOnScreen: width > 0 && height > 0 && top < innerHeight && top > -height,
    isBody: here === document.body,
  };
}"""


def tab_to(page, name):
    """With the tab key, on to an element of this name; each on the way shows that it
    has the focus.
    """
    for _ in range(200):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus["isBody"]:
            continue
        assert focus["isMarked"], focus
        assert focus["isOnScreen"], focus
        if focus["name"] == name:
            return
    raise AssertionError(f"the tab key does not come to {name}")


def test_the_keyboard_is_enough(tmp_path, opened):
    """To go through the stages, edit, train, choose and follow."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    tab_to(page, "To the stage of the step")
    page.keyboard.press("Enter")
    assert page.evaluate(FOCUS)["id"] == "stage"
    page.keyboard.press("ArrowRight")
    assert reading.stage(page)["key"] == "z1"
    page.keyboard.press("Shift+Tab")
    tab_to(page, "1 step")
    page.keyboard.press("Space")
    expect(page.locator("#steps")).to_have_text("1 step taken")
    tab_to(page, "Step of the curve")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#train .value")).to_contain_text("after step 0")
    tab_to(page, "Learning rate, lr")
    page.keyboard.type("0.25")
    tab_to(page, "optimizer")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("combobox", name="optimizer")).to_have_value("momentum")
    expect(page.get_by_label("Learning rate, lr")).to_have_value("0.25")
    tab_to(page, "activation of layer 1")
    page.keyboard.type("Si")
    expect(page.get_by_role("combobox", name="activation of layer 1")).to_have_value("sigmoid")
    tab_to(page, "Follow a weight")
    page.keyboard.press("Enter")
    expect(page.locator("#paths ol li").first).to_be_visible()
    tab_to(page, "W of layer 1, row 1, column 1")
    page.keyboard.type("0.5")
    page.keyboard.press("Tab")
    expect(page.get_by_label("W of layer 1, row 1, column 1", exact=True)).to_have_value("0.5")
    tab_to(page, "Data of your own")
    page.keyboard.press("Enter")
    tab_to(page, "Rows of data")
    page.keyboard.press("Control+A")
    page.keyboard.type("1 1 0")
    tab_to(page, "Use these rows")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="x, row 2, column 1")).to_have_count(0)
    tab_to(page, "All stages, one below the other, as they are printed")
    page.keyboard.press("Enter")
    assert len(reading.stages(page)) == 15


def test_nothing_is_said_by_colour_alone(tmp_path, opened):
    """A weight below 0 is a dashed line, and a number says what a colour does."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    dashes = "(lines) => lines.map((line) => getComputedStyle(line).strokeDasharray !== 'none')"
    assert set(page.locator("#network .line.minus").evaluate_all(dashes)) == {True}
    assert set(page.locator("#network .line.plus").evaluate_all(dashes)) == {False}
    W = [layer.W for layer in STEPS["XOR"][0].layers]
    said = page.locator("#network .pick title").all_text_contents()
    assert said == [
        f"W^{l}_{j + 1},{k + 1} = {value:.3g}"
        for l, array in enumerate(W, start=1)
        for j, row in enumerate(array)
        for k, value in enumerate(row)
    ]


def test_print_has_all_stages_and_nothing_to_press(tmp_path, opened):
    """Whatever was open before; and on the screen it is as it was."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    pages = page.pdf()
    assert pages.startswith(b"%PDF")
    page.emulate_media(media="print")
    articles = page.locator("#stages article")
    expect(articles).to_have_count(15)
    for article in articles.all():
        expect(article).to_be_visible()
    for hidden in ("#steer", "#stage", "#panels", "#scenes", ".skip"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator("#network svg")).to_be_visible()
    page.emulate_media(media="screen")
    expect(page.locator("#stage")).to_be_visible()


def test_the_page_loads_nothing(tmp_path, opened, chromium):
    """Its policy forbids it to."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    policy = page.locator("meta[http-equiv='Content-Security-Policy']").get_attribute("content")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'unsafe-inline'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
    }
