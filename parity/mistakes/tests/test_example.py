"""Both formulas in numbers for one small case: which case it is, that its numbers are
what they are said to be, and how it is read.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.diagnosis.example.matrices import block, matrix_of, side_by_side, writer
from parity.mistakes.search.judging import SPELLED
from parity.mistakes.search.replay import run_of, run_of_case, showing, simulate
from parity.mistakes.search.scopes import Scope
from parity.mistakes.tests.tasks import BASE, EVERYTHING, GRADIENTS, NAMES, changed, programs
from refnet.equations import EQUATIONS

FEW = ("5 samples", "8 samples", "momentum")


def examples(*bugs, names=FEW, shown=EVERYTHING):
    """The examples of what is said of a program with these mistakes."""
    runs = programs(*bugs, names=names, shown=shown)
    return [each.example for each in diagnose_runs(runs, (), names, explain=True)]


def array(matrix):
    """The numbers of a matrix in its own shape."""
    return np.array(matrix.rows).reshape(matrix.shape)


def test_a_page_of_a_textbook():
    """The smallest task, what is read, both results, and one entry by hand."""
    (example,) = examples("db-averaged")
    assert "\n".join(example.lines(60)) == PAGE


PAGE = """\
   In numbers, for step 1 of '5 samples', layer 3: a 3-4-4-2
   network, 5 rows.

      delta^3 (5 x 2)
      [-0.03253   0.07350]
      [-0.16597   0.12930]
      [ 0.09327  -0.06523]
      [-0.45077   0.08916]
      [-0.16384   0.47612]

      your db^3 (2)          the right db^3 (2)
      [-0.14397   0.14057]   [-0.71985   0.70286]

   All entries differ. Each of yours is 0.2 times the right
   one.

   By hand, db^3[0] by the right formula:
      db^3[0] = -0.032534 - 0.16597 + 0.09327 - 0.45077
            - 0.16384 = -0.71985
   Your program has -0.14397 there."""


@pytest.mark.parametrize(
    ("bug", "label", "of_inputs"),
    [
        ("bias-forgotten", "z", lambda a, W, b: a @ W.T + b),
        ("dW-from-own-a", "BP4", lambda delta, a: delta.T @ a),
        ("derivative-at-a", "BP2", lambda delta, W, z, a: delta @ W * (1 - a * a)),
        ("loss-halved", "C", lambda a, y: np.mean((a - y) ** 2)),
    ],
)
@pytest.mark.parametrize("shown", [EVERYTHING, ("loss", *GRADIENTS)])
def test_the_right_result_is_what_its_inputs_give(bug, label, of_inputs, shown):
    """A reader who computes it again from the matrices gets the right one, and by hand
    the same number.
    """
    (example,) = examples(bug, names=("8 samples",), shown=shown)
    assert example.equation == label
    again = of_inputs(*map(array, example.reads))
    right, yours = array(example.right), array(example.yours)
    roundings = SPELLED * np.finfo(float).eps
    assert np.abs(again - right).max() <= roundings * np.abs(right).max()
    assert (np.array(example.off).reshape(right.shape) == (yours != right)).all()
    if label != "C":
        assert example.by_hand[-1].endswith(f"= {right[example.entry]:.5g}")


def test_inputs_have_the_names_that_the_equation_reads():
    """With layers in place of l."""
    (example,) = examples("derivative-at-a", names=("8 samples",))
    assert [each.symbol for each in example.reads] == ["delta^2", "W^2", "z^1", "a^1"]
    assert EQUATIONS["BP2"].reads == ("delta", "W", "z", "a")
    (example,) = examples("dW-averaged", names=("8 samples",))
    assert [each.symbol for each in example.reads] == ["delta^2", "a^1"]


def test_what_is_not_shown_is_said_to_be_worked_out():
    """delta of the program's own formula, where dW and db alone are shown."""
    (shown,) = examples("derivative-at-a", names=("8 samples",))
    (hidden,) = examples("derivative-at-a", names=("8 samples",), shown=GRADIENTS)
    assert (shown.shown, hidden.shown) == (True, False)
    assert "not shown" in "\n".join(hidden.lines(88))
    assert "not shown" not in "\n".join(shown.lines(88))
    # the same program: what is worked out is what it would have shown
    gap = np.abs(array(shown.yours) - array(hidden.yours)).max()
    assert gap <= SPELLED * np.finfo(float).eps * np.abs(array(shown.yours)).max()


def test_two_mistakes_have_an_example_each():
    """Each beside the right formula, of the inputs that the program itself has."""
    labels = [each.equation for each in examples("derivative-at-a", "dW-averaged")]
    assert labels == ["BP2", "BP4"]


def test_a_step_has_the_state_and_the_settings_of_its_rule():
    """And is compared by how much it changes."""
    (example,) = examples(("lr-twice", Scope("optimizer", "adam")), names=NAMES)
    symbols = [each.symbol.partition("^")[0] for each in example.reads]
    assert symbols == ["b", "db", "exp_avg of b", "exp_avg_sq of b"]
    assert "adam, lr = 0.1, betas = (0.7, 0.9), eps = 0.01" in example.setting
    assert example.changes
    assert "changes by" in "\n".join(example.lines(88))


def off_in(change, where=("dW", 1)):
    """The example for a right program with another array in its first step."""
    run = programs(names=("8 samples",), shown=EVERYTHING)[0]
    spoiled = changed(run, lambda each, array: change(array.copy()) if each == where else array)
    (finding,) = [
        each
        for each in diagnose_runs([spoiled], (), ("8 samples",), explain=True)
        if each.equation == "BP4"
    ]
    return finding.example


def one_entry(array):
    array[0, 1] += 1.0
    return array


def test_an_array_that_nothing_explains():
    """Has stars where it differs; one entry is no pattern."""
    example = off_in(one_entry)
    assert np.argwhere(example.off).tolist() == [[0, 1]]
    assert (example.entry, example.ratio, example.difference) == ((0, 1), None, None)
    text = "\n".join(example.lines(88))
    assert text.count("*  ") + text.count("*]") >= 2
    assert f"The entries with a star differ, 1 of {example.right.size}." in text


def test_a_constant_is_said():
    """That of all entries: a factor first, else what is added."""
    roundings = SPELLED * np.finfo(float).eps  # of the right result, in another spelling
    assert abs(off_in(lambda array: array * 3.3).ratio - 3.3) <= 3.3 * roundings
    added = off_in(lambda array: array + 0.7)
    assert added.ratio is None
    assert abs(added.difference - 0.7) <= roundings
    assert "the right one plus 0.7" in "\n".join(added.lines(88))


def test_no_number_and_another_shape():
    """There is something to show, but no entry of the program's own."""
    assert "nan" in "\n".join(off_in(lambda array: array * np.nan).lines(88))
    other = off_in(lambda array: array[:, :1])
    assert (other.off, other.yours.shape) == ((), (*other.right.shape[:1], 1))
    text = "\n".join(other.lines(88))
    assert "The shapes differ." in text
    assert "Your program has" not in text


@pytest.mark.parametrize("width", [40, 60, 88])
@pytest.mark.parametrize("bug", ["derivative-at-a", "dW-averaged", "lr-twice"])
def test_no_line_is_wider_than_asked_for(bug, width):
    """Matrices stand below each other, and the columns that do not fit are left out."""
    for example in examples(bug, names=("1 sample", "Adam")):
        lines = [*example.lines(width)]
        assert max(map(len, lines)) <= width
        assert lines == [line.rstrip() for line in lines]


def test_of_a_large_matrix_a_part_is_shown():
    """With the entry that differs in it."""
    case = replace(BASE, sizes=(12, 9), hidden=(), batch=10)
    right = showing(run_of(simulate(run_of_case(case))), *EVERYTHING)

    def change(where, array):
        array = array.copy()
        if where[0] == "dW":
            array[8, 11] += 1.0
        return array

    finding, *_ = diagnose_runs([changed(right, change)], (), ("large",), explain=True)
    lines = [*finding.example.lines(88)]
    assert "Of larger matrices a part of at most 8 x 6 is shown." in " ".join(
        line.strip() for line in lines[:2]
    )
    assert sum("*]" in line for line in lines) == 2  # the last entry of both
    assert sum(line.startswith("      [...  ") for line in lines) == 2 * 8
    assert (finding.example.entry, finding.example.by_hand) == ((8, 11), ())


def test_nothing_is_worked_out_unless_it_is_asked_for():
    """Nor for what is no mistake."""
    runs = programs("db-averaged", names=FEW)
    assert [each.example for each in diagnose_runs(runs, (), FEW)] == [None]
    convention = programs("loss-summed", names=FEW, shown=EVERYTHING)
    assert [each.example for each in diagnose_runs(convention, (), FEW, explain=True)] == [None]


def test_an_example_is_plain_data():
    """For JSON, with all the numbers."""
    runs = programs("db-averaged", names=FEW)
    (finding,) = diagnose_runs(runs, (), FEW, explain=True)
    data = json.loads(json.dumps(finding.as_json()))["example"]
    assert data["right"]["rows"] == [list(row) for row in finding.example.right.rows]
    assert data["ratio"] == finding.example.ratio


# matrices in text


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([1.0, -2.0, -0.0], ["1", "-2", "0"]),
        ([0.123456, -0.00123456], ["0.12346", "-0.00123"]),
        ([1234.5678, 1.0], ["1234.6", "1.0"]),
        ([1.5e9, -1.0], ["1.5000e+09", "-1.0000e+00"]),
        ([1.5e-9, 0.0], ["1.5000e-09", "0.0000e+00"]),
        ([np.nan, np.inf, 0.5], ["nan", "inf", "0.50000"]),
    ],
)
def test_numbers_of_a_matrix_have_the_same_digits_behind_the_point(numbers, texts):
    """Five in the largest."""
    write = writer([matrix_of("x", np.array(numbers))])
    assert [write(number) for number in numbers] == texts


def test_blocks_go_to_the_next_row_where_they_do_not_fit():
    """From left to right, each with its own height."""
    one, two = (matrix_of("A", np.eye(2)), matrix_of("b", np.array([1.0, 2.0])))
    blocks = [block(each.symbol, each, str, 40) for each in (one, two)]
    assert [*side_by_side(blocks, 40)] == [
        "A (2 x 2)    b (2)",
        "[1.0  0.0]   [1.0  2.0]",
        "[0.0  1.0]",
    ]
    assert [*side_by_side(blocks, 15)] == [*blocks[0], "", *blocks[1]]
