"""The exercises in examples/exercises: unfilled they say what is to be written, the
solutions are right, and the usual mistakes are named as the README says.
"""

import ast
import re
import sys

import pytest

import parity
from parity.checking.program import loading
from parity.mistakes.catalogue.index import BY_ID
from parity.tests.command import run
from parity.tests.lessons.scripts import FOLDER, in_a_checkout

EXERCISES = FOLDER / "exercises"
SOLUTIONS = EXERCISES / "solutions"
pytestmark = in_a_checkout

# exercise: its blank, the equation in the message, and what is usual in the blank
BLANKS = {
    "1_forward": ("forward", "z and a"),
    "2_output_delta": ("output_delta", "BP1"),
    "3_hidden_delta": ("hidden_delta", "BP2"),
    "4_bias_gradient": ("bias_gradient", "BP3"),
    "5_weight_gradient": ("weight_gradient", "BP4"),
    "6_update": ("update", "the update"),
}
LAYERWISE = "return {}, {}".format(
    "[w - {} for w, dw in zip(W, dW, strict=True)]", "[v - {} for v, dv in zip(b, db, strict=True)]"
)
MISTAKES = {  # exercise: the mistakes of the README, each made in the blank
    "1_forward": {
        "bias-forgotten": "z = a_prev @ W.T; return z, sigmoid(z)",
        "bias-subtracted": "z = a_prev @ W.T - b; return z, sigmoid(z)",
        "activation-forgotten": "z = a_prev @ W.T + b; return z, z",
        "activation-twice": "z = a_prev @ W.T + b; return z, sigmoid(sigmoid(z))",
        "sigmoid-without-minus": "z = a_prev @ W.T + b; return z, sigmoid(-z)",
    },
    "2_output_delta": {
        "output-derivative-missing": "return (a - y) / len(y)",
        "output-delta-negated": "return (y - a) / len(y) * sigmoid_derivative(z)",
        "not-averaged": "return (a - y) * sigmoid_derivative(z)",
        "averaged-over-outputs-too": "return (a - y) / y.size * sigmoid_derivative(z)",
        "twice-the-gradient": "return 2 * (a - y) / len(y) * sigmoid_derivative(z)",
        "derivative-at-a": "return (a - y) / len(y) * sigmoid_derivative(a)",
    },
    "3_hidden_delta": {
        "hidden-derivative-missing": "return delta_above @ W_above",
        "derivative-at-a": "return delta_above @ W_above * tanh_derivative(a)",
        "tanh-derivative-not-squared": "return delta_above @ W_above * (1 - a)",
        "sigmoid-derivative-everywhere": "return delta_above @ W_above * a * (1 - a)",
        "hidden-delta-negated": "return -delta_above @ W_above * tanh_derivative(z)",
        "averaged-again-below": "return delta_above @ W_above * tanh_derivative(z) / len(z)",
    },
    "4_bias_gradient": {
        "db-averaged": "return delta.mean(axis=0)",
        "db-summed-over-all": "return np.full(delta.shape[1], delta.sum())",
        "db-not-summed": "return delta",
        "db-last-sample-only": "return delta[-1]",
        "db-zero": "return 0 * delta[0]",
    },
    "5_weight_gradient": {
        "dW-transposed": "return a_prev.T @ delta",
        "dW-averaged": "return delta.T @ a_prev / len(delta)",
        "dW-negated": "return -delta.T @ a_prev",
        "dW-last-sample-only": "return np.outer(delta[-1], a_prev[-1])",
        "dW-without-a-prev": "return delta.T @ np.ones_like(a_prev)",
    },
    "6_update": {
        "step-uphill": LAYERWISE.format("-lr * dw", "-lr * dv"),
        "lr-missing": LAYERWISE.format("dw", "dv"),
        "lr-twice": LAYERWISE.format("lr * lr * dw", "lr * lr * dv"),
        "weights-never-updated": "return list(W), list(b)",
        "bias-never-updated": LAYERWISE.format("lr * dw", "0 * dv"),
        "only-last-layer-updated": (
            "return [*W[:-1], W[-1] - lr * dW[-1]], [*b[:-1], b[-1] - lr * db[-1]]"
        ),
    },
}
every_exercise = pytest.mark.parametrize("name", BLANKS)


def text_of(folder, name):
    return (folder / f"{name}.py").read_text(encoding="utf-8")


def blank_of(text, name):
    """The function that is to be written, and the tree that it stands in."""
    tree = ast.parse(text)
    function = BLANKS[name][0]
    (blank,) = (each for each in tree.body if getattr(each, "name", "") == function)
    return blank, tree


def filled(name, body):
    """The exercise with this in its blank, behind the docstring."""
    blank, tree = blank_of(text_of(EXERCISES, name), name)
    blank.body = [blank.body[0], *ast.parse(body).body] if body else blank.body[:1]
    return ast.unparse(tree)


@pytest.fixture
def load(monkeypatch):
    """The function to check in a file."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield lambda file: loading.load(str(file))[0]
    for name in [name for name in sys.modules if name.startswith("checked_")]:
        del sys.modules[name]


def test_every_exercise_has_a_solution():
    """By the same name, in growing order."""
    for folder in (EXERCISES, SOLUTIONS):
        assert sorted(file.stem for file in folder.glob("*.py")) == [*BLANKS]
    assert [name[0] for name in BLANKS] == [*"123456"]


@every_exercise
def test_a_solution_differs_in_the_blank_alone(name):
    """To the comments, and the blank of an exercise has a docstring and a message."""
    exercise, solution = text_of(EXERCISES, name), text_of(SOLUTIONS, name)
    (first, last), (start, end) = (
        (blank.body[1].lineno - 1, blank.end_lineno)
        for blank in (blank_of(text, name)[0] for text in (exercise, solution))
    )
    own, other = exercise.splitlines(), solution.splitlines()
    assert own[:first] == other[:start]
    assert own[last:] == other[end:]
    blank, _ = blank_of(exercise, name)
    assert len(blank.body) == 2
    assert ast.unparse(blank.body[1]).startswith("raise NotImplementedError(")


@every_exercise
def test_an_unfilled_exercise_says_what_is_to_be_written(name):
    """And in which line; it is neither right nor wrong."""
    file = EXERCISES / f"{name}.py"
    status, out, err = run("check", str(file))
    blank, _ = blank_of(text_of(EXERCISES, name), name)
    message = blank.body[1].exc.args[0].value
    assert (status, err) == (1, "")
    assert message.startswith(f"{BLANKS[name][1]} ")
    assert f" {file.name}, line {blank.body[1].lineno}: {message} " in " ".join(out.split())
    last = f"NOT JUDGED. {file}: run raised NotImplementedError in all of 8 tasks: {message}"
    assert out.splitlines()[-1] == last


@every_exercise
def test_a_solution_is_right(load, name):
    """Strictly, and all that can be shown is."""
    report = parity.check(load(SOLUTIONS / f"{name}.py"))
    assert (report.findings, report.untried, report.unjudged) == ((), (), 0)
    assert report.strictly_passed
    assert len(report.tasks) == 8
    assert set(report.showable) - set(report.shown) == set()


@pytest.mark.parametrize(
    ("name", "bug"), [(name, bug) for name in MISTAKES for bug in MISTAKES[name]]
)
def test_a_usual_mistake_is_named(load, tmp_path, name, bug):
    """As it is called in the catalogue. Nothing else is found, but for the exception
    where a transposed array fits square layers alone.
    """
    file = tmp_path / f"{name}.py"
    file.write_text(filled(name, MISTAKES[name][bug]), encoding="utf-8")
    report = parity.check(load(file))
    found = [each for each in report.findings if not each.got.startswith("raised ValueError")]
    assert [(each.bug, each.verdict) for each in found] == [(bug, "wrong")]
    assert (len(found) < len(report.findings)) == (bug == "dW-transposed")


def test_a_blank_that_returns_nothing_is_wrong(load, tmp_path):
    """And says where."""
    file = tmp_path / "4_bias_gradient.py"
    file.write_text(filled("4_bias_gradient", ""), encoding="utf-8")
    report = parity.check(load(file))
    assert not report.passed
    assert report.findings[0].got.startswith("raised TypeError in 4_bias_gradient.py, line ")


def test_the_readme_has_the_hints_that_are_tested():
    """A row for each exercise, with the ids of its usual mistakes, in this order."""
    text = (EXERCISES / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[`(\w+)\.py`\]\(\1\.py\) .*\| (`.*`) \|$", text, re.MULTILINE))
    hints = {name: re.findall(r"`([\w-]+)`", cell) for name, cell in rows.items()}
    assert hints == {name: [*made] for name, made in MISTAKES.items()}
    assert all(bug in BY_ID for made in MISTAKES.values() for bug in made)
