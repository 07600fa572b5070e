"""Training on the page is training with refnet: the weights, the costs and the next
step are equal in all digits that are shown.
"""

import pytest
from playwright.sync_api import expect

import refnet
from parity.page.tests import reading
from parity.page.tests.steps_told import STEPS, page_with_steps, step
from refnet.explanation.figures import shown

# Shown, and so compared. After 110 steps the page is up to 1e-14 of a number away from
# refnet: on a processor with another exp one of ten million has another last digit.
DIGITS = 7
RULES = {
    "SGD": refnet.SGD,
    "SGD with momentum": lambda lr: refnet.SGD(lr, momentum=0.9),
    "SGD, Nesterov": lambda lr: refnet.SGD(lr, momentum=0.9, nesterov=True),
    "Adam": refnet.Adam,
}
TAKEN = (1, 10, 100, 1)  # by the buttons


class Training:
    """A step's network as refnet trains it."""

    def __init__(self, name, rule="SGD", lr=None):
        net, self.x, self.y, self.loss, rate, *_ = STEPS[name]
        self.net, self.optimizer = net.copy(), RULES[rule](rate if lr is None else lr)
        self.costs = [self.cost()]

    def cost(self):
        """As it is now."""
        return self.net.loss_and_gradients(self.x, self.y, self.loss)[0]

    def take(self, count):
        """That many steps."""
        for _ in range(count):
            gradients = self.net.loss_and_gradients(self.x, self.y, self.loss)[1]
            self.optimizer.step(self.net, gradients)
            self.costs.append(self.cost())


def weights(page):
    """All W and b in the page's fields, as they are shown."""
    fields = page.locator("#edit input[aria-label^='W of'], #edit input[aria-label^='b of']")
    return fields.evaluate_all("(fields) => fields.map((field) => field.value)")


def costs(page):
    """The steps and costs of the curve, from the table beside it."""
    return page.locator("table.costs tbody").evaluate(
        "(body) => [...body.rows].map((row) => [...row.cells].map((cell) => cell.textContent))"
    )


def agree(page, training, first=0):
    """The page shows the weights and the costs of the training."""
    assert weights(page) == [shown(each, DIGITS) for each in training.net.parameters.tolist()]
    expected = [[str(i), shown(C, DIGITS)] for i, C in enumerate(training.costs)]
    assert costs(page) == expected[first:]
    taken = len(training.costs) - 1
    says = f"{taken} step{'' if taken == 1 else 's'} taken"
    expect(page.locator("#steps")).to_have_text(says)
    last = shown(training.costs[-1], DIGITS)
    expect(page.locator("#train .value")).to_have_text(f"after step {taken}: C = {last}")


def press(page, name):
    """A button of the panel that trains."""
    page.locator("#train").get_by_role("button", name=name, exact=True).click()


def take(page, count):
    """That many steps by their button."""
    press(page, "1 step" if count == 1 else f"{count} steps")


@pytest.mark.parametrize("rule", RULES)
def test_steps_are_those_of_refnet_s_optimizers(tmp_path, opened, rule):
    """1, 10 and 100 of them; and in the numbers of the next one, the state is right."""
    page = opened(page_with_steps(tmp_path, "XOR", digits=DIGITS))
    training = Training("XOR", rule, lr=0.1)
    page.get_by_label("Learning rate, lr").fill("0.1")
    page.get_by_role("combobox", name="optimizer").select_option(rule)
    agree(page, training)
    for count in TAKEN:
        take(page, count)
        training.take(count)
        agree(page, training)
    following = {"net": training.net, "digits": DIGITS, "lr": None}
    reading.check(page, step("XOR", **following, optimizer=training.optimizer))


@pytest.mark.parametrize("name", [name for name in STEPS if name not in {"wide", "no rate", "XOR"}])
def test_every_network_trains_as_with_refnet(tmp_path, opened, name):
    """Its activations and its loss, with labels, with rows, without biases."""
    page = opened(page_with_steps(tmp_path, name, digits=DIGITS))
    training = Training(name)
    for count in (10, 100):
        take(page, count)
        training.take(count)
        agree(page, training)


def test_rewind_comes_back_to_the_same_start(tmp_path, opened):
    """Each time, and with the state of the optimizer at its start, too."""
    page = opened(page_with_steps(tmp_path, "XOR", digits=DIGITS))
    page.get_by_role("combobox", name="optimizer").select_option("Adam")
    training = Training("XOR", "Adam")
    training.take(10)
    for _ in range(2):
        agree(page, Training("XOR", "Adam"))
        take(page, 10)
        agree(page, training)
        press(page, "Rewind")
    agree(page, Training("XOR", "Adam"))
    reading.check(page, step("XOR", digits=DIGITS, lr=None, optimizer=refnet.Adam(1.0)))


def test_rewind_keeps_what_was_edited_before_the_first_step(tmp_path, opened):
    """And forgets what was edited after it."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    net = STEPS["XOR"][0].copy()
    field = page.get_by_label("W of layer 1, row 1, column 1", exact=True)
    field.fill("2")
    page.keyboard.press("Tab")
    net.layers[0].W[0, 0] = 2.0
    take(page, 1)
    field.fill("3")
    page.keyboard.press("Tab")
    press(page, "Rewind")
    reading.check(page, step("XOR", net=net))


def test_the_curve_begins_again_where_the_cost_is_another_one(tmp_path, opened):
    """After an edit: the costs before it are those of something else."""
    page = opened(page_with_steps(tmp_path, "XOR", digits=DIGITS))
    training = Training("XOR")
    take(page, 10)
    training.take(10)
    page.get_by_role("combobox", name="optimizer").select_option("SGD with momentum")
    training.optimizer = RULES["SGD with momentum"](1.0)
    agree(page, training, first=10)
    take(page, 1)
    training.take(1)
    agree(page, training, first=10)


def test_the_cost_of_each_step_is_read_off_the_curve(tmp_path, opened):
    """With the keys, in words."""
    page = opened(page_with_steps(tmp_path, "XOR", digits=DIGITS))
    training = Training("XOR")
    take(page, 10)
    training.take(10)
    slider = page.get_by_label("Step of the curve")
    slider.focus()
    page.keyboard.press("Home")
    for taken, C in enumerate(training.costs):
        says = f"after step {taken}: C = {shown(C, DIGITS)}"
        expect(slider).to_have_attribute("aria-valuetext", says)
        expect(page.locator("#train .value")).to_have_text(says)
        page.keyboard.press("ArrowRight")


def test_steps_of_one_row_at_a_time_go_through_the_rows(tmp_path, opened):
    """The first row again after the last one."""
    page = opened(page_with_steps(tmp_path, "XOR", digits=DIGITS))
    page.get_by_role("combobox", name="rows", exact=True).select_option("one row at a time")
    net, x, y, loss, lr = STEPS["XOR"]
    net, optimizer = net.copy(), refnet.SGD(lr)
    take(page, 10)
    for i in range(10):
        row = slice(i % 4, i % 4 + 1)
        optimizer.step(net, net.loss_and_gradients(x[row], y[row], loss)[1])
    assert weights(page) == [shown(each, DIGITS) for each in net.parameters.tolist()]
    expect(page.get_by_role("combobox", name="row that is shown")).to_have_value("2")


def test_a_step_beyond_the_range_of_floats_is_refused(tmp_path, opened):
    """The last finite weights stay."""
    page = opened(page_with_steps(tmp_path, "relu and leaky relu"))
    page.get_by_label("Learning rate, lr").fill("1e300")
    take(page, 100)
    alert = page.locator("#train [role=alert]")
    expect(alert).to_contain_text("would make a weight infinite: lr is too large.")
    assert not {"inf", "-inf", "nan"} & {*weights(page)}
    press(page, "Rewind")
    expect(alert).to_be_empty()


def test_an_optimizer_of_its_own_goes_on_from_its_state(tmp_path, opened):
    """A page that is made in the middle of a training."""
    training = Training("XOR", "Adam", lr=0.1)
    training.take(3)
    following = {"net": training.net, "digits": DIGITS, "lr": None}
    file = page_with_steps(tmp_path, "XOR", **following, optimizer=training.optimizer)
    page = opened(file)
    reading.check(page, step("XOR", **following, optimizer=training.optimizer))
    training.costs = training.costs[-1:]
    for _ in range(2):
        agree(page, training)
        take(page, 10)
        training.take(10)
        agree(page, training)
        press(page, "Rewind")
        training = Training("XOR", "Adam", lr=0.1)
        training.take(3)
        training.costs = training.costs[-1:]
