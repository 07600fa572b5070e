"""What is seen and where: a stage's picture, the focus, refusals, a small screen."""

import pytest
from playwright.sync_api import expect

from parity.page.tests.browser import axe
from parity.page.tests.steps_told import STEPS, page_with_steps
from refnet import SGD


@pytest.fixture
def file(tmp_path):
    """The page of XOR, a 2-3-1 network whose rate is 1."""
    return page_with_steps(tmp_path, "XOR")


def choose(page, key):
    """Opens the stage with this key."""
    keys = page.evaluate("[...document.querySelectorAll('#jump option')].length")
    for i in range(keys):
        page.locator("#jump").select_option(index=i)
        if page.locator("#stage h3").get_attribute("data-key") == key:
            return
    raise AssertionError(key)


# of each column of the picture: what stands below its title, and the numbers in it
PICTURE = """() => [...document.querySelectorAll("#network .layer")].map((layer) => [
  layer.querySelectorAll(".name")[1].textContent,
  [...layer.querySelectorAll(".held")].map((held) => held.textContent),
])"""


SCALE = """() => {
  const picture = document.querySelector("#network svg");
  return picture.getBoundingClientRect().width / picture.viewBox.baseVal.width;
}"""


def picture(page):
    """Its columns: input, layer 1, layer 2, cost."""
    return page.evaluate(PICTURE)


def shown(array):
    """Numbers as they stand in a unit."""
    return [f"{number:.3g}" for number in array]


def test_the_picture_holds_what_has_been_computed_and_nothing_later(file, opened):
    """And of a layer what the stage reads of it: BP4 reads a below and delta above."""
    page = opened(file)
    net, x, y, loss, _ = STEPS["XOR"]
    trace = net.forward(x)
    cost, gradients = net.loss_and_gradients(x, y, loss)
    z1, a1, a2 = trace[0].z[0], trace[0].a[0], trace[1].a[0]
    delta2 = gradients[1].delta[0]
    columns = {
        "given": [("Tanh", []), ("Sigmoid", []), ("C", [])],
        "z1": [("Tanh, z", z1), ("Sigmoid", []), ("C", [])],
        "a2": [("Tanh, a", a1), ("Sigmoid, a", a2), ("C", [])],
        "BP42": [("Tanh, a", a1), ("Sigmoid, δ", delta2), ("C", [cost])],
    }
    for key, wanted in columns.items():
        choose(page, key)
        assert picture(page) == [[name, shown(held)] for name, held in [("x", x[0]), *wanted]]


def test_the_picture_after_the_step_is_that_of_the_new_weights(file, opened):
    """A layer has them from its update on."""
    page = opened(file)
    biases = "[...document.querySelectorAll('#network .bias')].map((each) => each.textContent)"
    old, x, y, loss, lr = STEPS["XOR"]
    new = old.copy()
    SGD(lr=lr).step(new, new.loss_and_gradients(x, y, loss)[1])
    for key, first, second in [("BP41", old, old), ("step1", new, old), ("step2", new, new)]:
        choose(page, key)
        numbers = [each.removeprefix("b ") for each in page.evaluate(biases)]
        assert numbers == shown([*first.layers[0].b, *second.layers[1].b])
    choose(page, "after")
    assert picture(page)[-1] == ["C", shown([new.loss_and_gradients(x, y, loss)[0]])]


def test_no_action_loses_the_focus(file, opened):
    """Where its button is hidden or cannot be pressed any more, another one has it."""
    page = opened(file)
    choose(page, "step2")
    page.locator("#next").press("Enter")
    expect(page.locator("#back")).to_be_focused()
    page.locator("#jump").select_option(index=1)
    page.locator("#back").press("Enter")
    expect(page.locator("#next")).to_be_focused()
    page.locator("#follow").press("Enter")
    expect(page.locator("#follow-layer")).to_be_focused()
    page.locator("#follow-none").press("Enter")
    expect(page.locator("#follow")).to_be_focused()


def test_a_refusal_is_seen_wherever_it_happens(file, opened):
    """Until something else is done."""
    page = opened(file)
    page.locator("#edit input").nth(-2).fill("much")
    page.keyboard.press("Enter")
    alert = page.locator("#train [role=alert]")
    expect(alert).to_be_in_viewport(ratio=1)
    page.locator("#next").click()
    expect(alert).to_be_empty()


# what a screen reader is given to say from here on
SAID = """() => {
  window.said = [];
  for (const element of document.querySelectorAll("[role=status], [role=alert], output")) {
    const watch = new MutationObserver(() => said.push(element.textContent));
    watch.observe(element, { childList: true, characterData: true, subtree: true });
  }
}"""


def test_what_a_screen_reader_says_it_says_once(file, opened):
    """And nothing of what is as it was."""
    page = opened(file)
    page.evaluate(SAID)
    acts = {
        "#next": ["z: weighted input, layer 1"],
        "#train-10": ["10 steps taken", "after step 10: C = 0.6837"],
        "#follow": [],
        "#rewind": ["0 steps taken", "after step 0: C = 0.7314"],
    }
    for button, sentences in acts.items():
        page.locator(button).click()
        assert page.evaluate("said.splice(0)") == sentences
    page.get_by_label("Learning rate, lr").fill("fast")
    page.keyboard.press("Enter")
    refusal = 'Learning rate, lr has "fast", expected a number from 0 on.'
    assert page.evaluate("said.splice(0)") == [refusal]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_small_screen_all_can_be_read_and_reached(file, opened, scheme):
    """Nothing but the picture is wider than the screen; it is scrolled to what takes
    part.
    """
    page = opened(file, viewport={"width": 360, "height": 780}, color_scheme=scheme)
    page.locator("#follow").click()
    choose(page, "BP12")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == 360
    for part in page.locator("#network .layer.part").all():
        box = part.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    # text of 13 pixels has 9.75 then; widths are laid out in 64ths of a pixel
    assert round(page.evaluate(SCALE), 2) == 0.75
    assert axe(page) == []
