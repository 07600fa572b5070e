"""What a reader changes is followed by everything that depends on it: the page tells
the step that refnet tells of the changed network.
"""

import numpy as np
from playwright.sync_api import expect

import refnet
from parity.page.tests import reading
from parity.page.tests.steps_told import STEPS, page_with_steps, step
from refnet import Dense, Network


def enter(page, label, text):
    """Type into a field, and leave it."""
    page.get_by_label(label, exact=True).fill(text)
    page.keyboard.press("Tab")


def chosen(page, name):
    """A list to choose from."""
    return page.get_by_role("combobox", name=name, exact=True)


def with_entry(array, index, value):
    """The array with another entry."""
    changed = np.array(array, float)
    changed[index] = value
    return changed


def with_activation(net, layer, activation):
    """The network with another activation in a layer."""
    layers = [*net.layers]
    layers[layer] = Dense(layers[layer].W, layers[layer].b, activation)
    return Network(layers)


def test_every_number_that_is_edited_is_followed(tmp_path, opened):
    """A weight, a bias, an input, a target and the rate, one after the other."""
    page = opened(page_with_steps(tmp_path, "Mazur"))
    net, x, y, *_ = STEPS["Mazur"]
    net = net.copy()
    enter(page, "W of layer 1, row 2, column 1", "-1.5")
    net.layers[0].W[1, 0] = -1.5
    reading.check(page, step("Mazur", net=net))
    enter(page, "b of layer 2, row 1, column 2", "1e-3")
    net.layers[1].b[1] = 1e-3
    reading.check(page, step("Mazur", net=net))
    enter(page, "x, row 1, column 2", "2,5")  # as half of the world writes it
    x = with_entry(x, (0, 1), 2.5)
    reading.check(page, step("Mazur", net=net, x=x))
    enter(page, "y, row 1, column 1", " -0.25 ")
    y = with_entry(y, (0, 0), -0.25)
    reading.check(page, step("Mazur", net=net, x=x, y=y))
    enter(page, "Learning rate, lr", "10")
    reading.check(page, step("Mazur", net=net, x=x, y=y, lr=10.0))


def test_a_label_that_is_edited_is_followed(tmp_path, opened):
    """And what is no label is refused."""
    page = opened(page_with_steps(tmp_path, "logits, labels"))
    enter(page, "y, row 1, column 1", "0")
    reading.check(page, step("logits, labels", y=[0, 0, 1]))
    for wrong in ("3", "-1", "0.5"):
        enter(page, "y, row 1, column 1", wrong)
        refusal = f'y, row 1, column 1 has "{wrong}", expected a whole number from 0 to 2.'
        expect(page.locator("#train [role=alert]")).to_have_text(refusal)
        reading.check(page, step("logits, labels", y=[0, 0, 1]))


def test_what_is_no_number_is_refused_in_a_sentence(tmp_path, opened):
    """Nothing is changed, and the next right one takes the sentence away."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    alert = page.locator("#train [role=alert]")
    for label, wrong, expected in (
        ("W of layer 1, row 1, column 1", "", "a number"),
        ("W of layer 1, row 1, column 1", "one", "a number"),
        ("x, row 4, column 1", "1e999", "a number"),
        ("y, row 4, column 1", "NaN", "a number"),
        ("Learning rate, lr", "-1", "a number from 0 on"),
    ):
        enter(page, label, wrong)
        expect(alert).to_have_text(f'{label} has "{wrong}", expected {expected}.')
        reading.check(page, step("XOR"))
    enter(page, "Learning rate, lr", "0.5")
    expect(alert).to_be_empty()
    assert page.locator("[aria-invalid=true]").count() == 0
    reading.check(page, step("XOR", lr=0.5))


def test_a_target_that_the_loss_cannot_judge_is_said(tmp_path, opened):
    """A probability above 1, a distribution that sums to something else."""
    page = opened(page_with_steps(tmp_path, "XOR", "softmax, rows as targets"))
    alert = page.locator("#train [role=alert]")
    enter(page, "y, row 2, column 1", "1.5")
    expect(alert).to_have_text("Row 2 of y has 1.5, expected 0 to 1.")
    enter(page, "y, row 2, column 1", "1")
    expect(alert).to_be_empty()
    page.get_by_label("Example").select_option("softmax, rows as targets")
    alert = page.locator("#train [role=alert]")
    enter(page, "y, row 3, column 1", "0.5")
    expect(alert).to_have_text("Row 3 of y sums to 1.5, expected 1.")
    enter(page, "y, row 3, column 3", "0.5")
    expect(alert).to_be_empty()


def test_a_field_shows_few_digits_and_all_of_them_while_it_is_edited(tmp_path, opened):
    """So that nothing is lost by looking at it."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    weight = STEPS["XOR"][0].layers[0].W[0, 1]
    field = page.get_by_label("W of layer 1, row 1, column 2", exact=True)
    expect(field).to_have_value(f"{weight:.4g}")
    field.focus()
    assert float(field.input_value()) == weight
    page.keyboard.press("Tab")
    expect(field).to_have_value(f"{weight:.4g}")
    reading.check(page, step("XOR"))


def test_every_activation_is_followed(tmp_path, opened):
    """In a hidden layer; the others, too, are told in their formulas."""
    page = opened(page_with_steps(tmp_path, "relu and leaky relu"))
    net = STEPS["relu and leaky relu"][0]
    for activation in ("sigmoid", "softmax", "leaky_relu", "identity"):
        chosen(page, "activation of layer 1").select_option(activation)
        net = with_activation(net, 0, activation)
        reading.check(page, step("relu and leaky relu", net=net))


def test_every_output_has_the_losses_that_refnet_trains_it_with(tmp_path, opened):
    """No others can be chosen; and the last of them is followed."""
    page = opened(page_with_steps(tmp_path, "softmax, rows as targets"))
    net, possible = STEPS["softmax, rows as targets"][0], set()
    outputs = page.locator("#activation-2 option").evaluate_all(VALUES)
    for output in outputs:
        chosen(page, "activation of layer 2").select_option(output)
        net = with_activation(net, 1, output)
        fitting = page.locator("#loss option:enabled").evaluate_all(VALUES)
        possible |= {(output, loss) for loss in fitting}
        chosen(page, "loss").select_option(fitting[-1])
        reading.check(page, step("softmax, rows as targets", net=net, loss=fitting[-1]))
    assert possible == {pair for pair in pairs() if takes(*pair)}


VALUES = "(options) => options.map(({ value }) => value)"


def pairs():
    """Every trainable activation with every loss."""
    kinds = refnet.activations.ACTIVATIONS
    return [
        (output, loss)
        for output in kinds
        if kinds[output].trainable
        for loss in refnet.losses.LOSSES
    ]


def takes(output, loss):
    """Whether refnet trains such a network."""
    try:
        refnet.mlp([3, 3], output=output, seed=0).trainable_with(loss)
    except ValueError:
        return False
    return True


def test_one_row_at_a_time_is_a_batch_of_one(tmp_path, opened):
    """The row that is shown; with all rows again, that row's numbers and all sums."""
    page = opened(page_with_steps(tmp_path, "XOR"))
    _, x, y, *_ = STEPS["XOR"]
    chosen(page, "row that is shown").select_option("row 3")
    first = step("XOR", x=[x[i] for i in (2, 0, 1, 3)], y=[y[i] for i in (2, 0, 1, 3)])
    told = {each["key"]: each["lines"] for each in reading.expected(first)}
    for stage in reading.stages(page):
        if stage["key"] in {"z1", "a1", "z2", "a2", "BP12", "BP21"}:
            assert stage["lines"] == told[stage["key"]]
            assert stage["words"][0].startswith("Row3ofthebatch")
    chosen(page, "rows").select_option("one row at a time")
    reading.check(page, step("XOR", x=[x[2]], y=[y[2]]))
    chosen(page, "rows").select_option("all rows, summed")
    chosen(page, "row that is shown").select_option("row 1")
    reading.check(page, step("XOR"))


def test_data_of_ones_own_are_taken(tmp_path, opened):
    """A row for each sample; what is none is refused, and changes nothing."""
    page = opened(page_with_steps(tmp_path, "XOR", "logits, labels"))
    page.get_by_text("Data of your own").click()
    rows, use = page.get_by_label("Rows of data"), page.get_by_role("button", name="Use these rows")
    rows.fill("0.5 1 1\n\n-1; 2; 0\n")
    use.click()
    reading.check(page, step("XOR", x=[[0.5, 1], [-1, 2]], y=[[1], [0]]))
    alert = page.locator("#own [role=alert]")
    for wrong, sentence in (
        ("", "The data have no row, expected at least one."),
        ("1 2", 'Row 1 has "1 2", expected 3 numbers.'),
        ("1 2 0\n1 2 3 4", 'Row 2 has "1 2 3 4", expected 3 numbers.'),
        ("1 x 0", 'Row 1 has "1 x 0", expected 3 numbers.'),
    ):
        rows.fill(wrong)
        use.click()
        expect(alert).to_have_text(sentence)
        reading.check(page, step("XOR", x=[[0.5, 1], [-1, 2]], y=[[1], [0]]))
    page.get_by_label("Example").select_option("logits, labels")
    page.get_by_text("Data of your own").click()
    rows.fill("1 2 3 3")
    use.click()
    expect(page.locator("#own [role=alert]")).to_have_text(
        "Row 1 has the label 3, expected 0 to 2."
    )
    rows.fill("1 2 3 2")
    use.click()
    reading.check(page, step("logits, labels", x=[[1, 2, 3]], y=[2]))


def test_an_entry_of_a_large_array_is_edited_by_its_place(tmp_path, opened):
    """The picture of a matrix has a field for the entry that is chosen."""
    page = opened(page_with_steps(tmp_path, "wide"))
    net = STEPS["wide"][0].copy()
    enter(page, "W of layer 1: row", "12")
    enter(page, "W of layer 1: column", "3")
    field = page.get_by_label("W of layer 1: the entry", exact=True)
    assert float(field.input_value()) == net.layers[0].W[11, 2]
    enter(page, "W of layer 1: the entry", "7")
    net.layers[0].W[11, 2] = 7.0
    reading.check(page, step("wide", net=net))
    enter(page, "W of layer 1: row", "13")
    expect(page.locator("#train [role=alert]")).to_have_text(
        'W of layer 1: row has "13", expected a whole number from 1 to 12.'
    )
