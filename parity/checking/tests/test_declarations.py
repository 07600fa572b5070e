"""What is declared wrongly, or not at all, is said; an adapter, or a test suite, asks
in one line.
"""

import sys
from functools import partial

import numpy as np
import pytest

import parity
from parity.checking.checker import assert_correct, cases_for, check
from parity.checking.program import loading
from parity.checking.program.adapters import from_gradient, from_step
from parity.checking.tests.programs import (
    LAYOUTS,
    PLAIN,
    everything,
    gradients,
    sentences,
    spoiled,
    train,
    turned,
)
from parity.checking.verdict.report import CheckReport
from parity.mistakes.diagnosis.finding import Finding


def fail(kind, *words):
    """A `run` that raises."""

    def run(case):
        raise kind(*words)

    return run


# wrong declarations


@pytest.mark.parametrize(("layout", "samples"), LAYOUTS[1:])
def test_a_program_in_another_layout_is_told_which(layout, samples):
    """One that cannot run in the declared layout is run in its own, and its numbers are
    judged in that.
    """

    def run(case):
        x, y, _ = case.steps[0]
        if samples == "columns":
            assert x.shape[0] == case.sizes[0]
            x, y = x.T, y.T
        for w, into in zip(case.W, case.sizes, strict=False):
            assert w.shape[0 if layout == "in_out" else 1] == into
        assert x.shape[1] == case.sizes[0]
        return list(turned(layout, samples, case))

    has = "raises an exception with layout = 'out_in', samples = 'rows', as declared or by default"
    fits = f"layout = '{layout}', samples = '{samples}'"
    want = f"but none with {fits}; declare {fits}"
    assert sentences(run) == [("wrong", f"run: {has}, {want}")]
    # the first task is square
    assert sentences(run, losses="half_squared_error")[0] == ("wrong", f"run: {has}, {want}")


def test_gradients_the_other_way_round_are_told_so_once():
    """All of dW in the other layout is a matter of layout, in the square layers too,
    and not a wrong equation.
    """
    verdicts = sentences(
        spoiled(lambda shown: [step | {"dW": [g.T for g in step["dW"]]} for step in shown])
    )
    judged = "it is judged as layout = 'in_out', which can be declared"
    assert verdicts == [
        ("wrong", f"run: dW has shape (4, 6), expected (6, 4) by layout = 'out_in'; {judged}")
    ]
    verdicts = sentences(
        spoiled(lambda shown: [step | {"z": [z.T for z in step["z"]]} for step in shown])
    )
    judged = "it is judged as samples = 'columns', which can be declared"
    assert verdicts == [
        ("wrong", f"run: z has shape (6, 5), expected (5, 6) by samples = 'rows'; {judged}")
    ]


def test_another_dtype_is_noted():
    """float64 from a float32 program is judged by float32's precision; float32 from a
    float64 program has lost its digits.
    """
    report = check(everything, "mixed activations", dtype="float32")
    assert report.findings == ()

    def cast(dtype, case):
        for step in train(case):
            yield {
                key: [each.astype(dtype) for each in step[key]] for key in ("dW", "db", "W", "b")
            }

    wide = sentences(partial(cast, "float64"), dtype="float32")
    assert wide == [
        (
            "note",
            (
                "run: dW, db, W, b: dtype is float64, expected float32; it is judged by the "
                "precision of float32"
            ),
        )
    ]
    narrow = check(partial(cast, "float32"), **PLAIN)
    assert (
        narrow.findings[-1].sentence
        == "run: dW, db, W, b: dtype is float32, expected float64; it is judged by the precision "
        "of float64"
    )
    assert len(narrow.findings) > 1


def test_conventions_are_said_and_pass_or_are_declared(monkeypatch):
    """A convention passes, but not strictly; declared, it counts as right; and one that
    is not followed is noted.
    """
    other, lost = (
        Finding("c-1", "convention", where="C", formula="C = the sum"),
        Finding("", "imprecise", where="z", got="z[0] = 1.0"),
    )

    def diagnose(runs, conventions, tasks, *, explain):
        return [] if "decay-not-on-b" in conventions else [lost, other]

    monkeypatch.setattr("parity.checking.verdict.judgement.diagnose_runs", diagnose)
    report = check(train, **PLAIN)
    assert (report.passed, report.strictly_passed, report.conventions) == (True, False, (other,))
    assert "\n1. c-1 (another convention, which is not wrong)\n   Where:     C\n" in str(report)
    assert "\n2. Digits are lost\n   Where:     z\n   You have:  z[0] = 1.0" in str(report)
    assert report.verdict.endswith(
        "each within what rounding allows, but for 1 loss of digits; 1 other convention"
    )
    assert check(train, conventions="decay-not-on-b", **PLAIN).findings == ()


def test_a_convention_that_is_not_followed_is_noted(monkeypatch):
    """The program is judged without it."""
    wrong = Finding("", "wrong", where="C", got="something")
    monkeypatch.setattr(
        "parity.checking.verdict.judgement.diagnose_runs",
        lambda runs, conventions, tasks, *, explain: [wrong] * len(conventions),
    )
    report = check(train, conventions=("decay-not-on-b",), **PLAIN)
    assert [(each.verdict, each.sentence) for each in report.findings] == [
        ("note", "declaration: conventions has 'decay-not-on-b', which run does not follow")
    ]


def test_without_declarations_what_fails_may_not_be_supported():
    """A program without declarations is given everything: the note says how to declare
    what it can do.
    """
    report = check(train, "mixed activations", losses="mse")
    assert not report.passed
    sentence = (
        "declaration: activations and optimizers are not declared, so run was given all of them; "
        "if it knows only some, say which, as in optimizers = ('sgd',)"
    )
    assert [(each.verdict, each.sentence) for each in report.findings[:1]] == [("note", sentence)]
    assert all(each.verdict != "note" for each in check(fail(ValueError), **PLAIN).findings)


# adapters and doors


@pytest.mark.parametrize("with_loss", [True, False])
def test_a_gradient_is_enough(with_loss):
    """The steps are taken by parity, also from arrays that the gradient function
    overwrites.
    """

    def gradient(W, b, x, y):
        step = gradients(W, b, x, y)
        for array in (*W, *b):
            array[:] = 0
        return (*([step["loss"]] if with_loss else []), step["dW"], step["db"])

    gradient.activations, gradient.losses = "sigmoid", "mse"
    report = check(from_gradient(gradient))
    assert report.findings == ()
    assert ("loss" in report.shown) == with_loss
    wrong = check(
        from_gradient(
            lambda W, b, x, y: (
                gradients(W, b, x, y)["dW"],
                [2 * g for g in gradients(W, b, x, y)["db"]],
            )
        ),
        **PLAIN,
    )
    assert [finding.equation for finding in wrong.findings] == ["BP3"]


def test_one_trained_step_is_enough():
    """Only the weights after it are seen."""

    def step(W, b, x, y, lr, sign=-1):
        report = gradients(W, b, x, y)
        for array, g in zip((*W, *b), (*report["dW"], *report["db"]), strict=True):
            np.add(array, sign * lr * g, out=array)
        return W, b

    report = check(from_step(step), activations="sigmoid", losses="mse")
    assert (report.findings, report.shown) == ((), ("W", "b"))
    wrong = check(from_step(partial(step, sign=1)), activations="sigmoid", losses="mse")
    assert "step-uphill" in [
        name for finding in wrong.findings for name in (finding.bug, *finding.alike)
    ]


def test_assert_correct_raises_the_report():
    """For a test suite: nothing where it is right, else the report."""
    assert_correct(train, **PLAIN)
    with pytest.raises(
        AssertionError,
        match=r"^WRONG\. run: 1 finding, in \d+ tasks\n1\. A mistake outside the equations\n"
        r"   Where:     run\n   You have:  raised ValueError in ",
    ):
        assert_correct(fail(ValueError), **PLAIN)


@pytest.mark.parametrize("case", cases_for(train, **PLAIN), ids=str)
def test_assert_correct_in_a_parametrised_test(case):
    """One line each."""
    assert_correct(train, case)


def test_the_report_is_plain_data_too():
    """With the verdict and all of the findings."""
    report = check(fail(ValueError), **PLAIN).as_json()
    assert (report["passed"], report["name"], report["findings"][0]["verdict"]) == (
        False,
        "run",
        "wrong",
    )
    assert isinstance(CheckReport("", (), ()).as_json(), dict)


def test_the_front_door_has_all_of_it():
    """parity.check and what goes with it."""
    names = (
        "check",
        "assert_correct",
        "cases_for",
        "from_gradient",
        "from_step",
        "Task",
        "TaskStep",
        "CheckReport",
    )
    assert all(name in parity.__all__ and hasattr(parity, name) for name in names)
    assert parity.check is check


def test_targets_are_split_at_their_last_colon():
    """A file, a module, a path of Windows, each with and without a name."""
    assert loading.split("net.py") == ("net.py", "")
    assert loading.split("net.py:train") == ("net.py", "train")
    assert loading.split("a.b:run") == ("a.b", "run")
    assert loading.split(r"C:\net.py") == (r"C:\net.py", "")
    assert loading.split(r"C:\net.py:run") == (r"C:\net.py", "run")
    assert "parity.checking.calling.calls" in sys.modules
