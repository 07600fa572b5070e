"""Each of the things that somebody's code may do wrong is a finding with a sentence."""

import re
from pathlib import Path

import numpy as np
import pytest

from parity.checking.checker import check
from parity.checking.program import guarded
from parity.checking.tests.programs import PLAIN, everything, gradients, sentences, spoiled, train
from parity.mistakes.diagnosis.finding import Finding


def test_a_mistake_is_named_and_explained(monkeypatch):
    """The diagnosis is that of the whole: sentence, evidence, sources."""
    report = check(
        spoiled(lambda shown: [s | {"delta": [2 * d for d in s["delta"]]} for s in shown]), **PLAIN
    )
    assert not report.passed
    assert report.findings[0].equation in ("BP1", "BP2")
    finding = Finding(
        "a-b",
        "wrong",
        where="BP9",
        formula="x = 1",
        expected="x = 2",
        happens="It happens.",
        why="It is wrong.",
        evidence=("Seen here.",),
        measured=("3 bounds off",),
        sources=("https://x",),
        alike=("c-d", "e-f"),
    )
    monkeypatch.setattr(
        "parity.checking.verdict.judgement.diagnose_runs",
        lambda runs, conventions, tasks, *, explain: [finding],
    )
    report = check(train, **PLAIN)
    verdict, *lines = str(report).splitlines()
    assert verdict.startswith("WRONG. train: 1 finding, in ")
    plain = [
        "1. a-b",
        "   Where:     BP9",
        "   You have:  x = 1",
        "   Expected:  x = 2",
        "   Why:       It happens. It is wrong.",
        "   Evidence:  Seen here. What was shown cannot tell it from c-d or e-f.",
    ]
    tried = [
        "",
        "Tried: 1, 2 and 3 hidden layers; 1, 5, 7, 11 and 13 samples; 3 and 7 steps; hidden",
        "sigmoid; output sigmoid; mse; sgd; float64.",
    ]
    assert lines == plain + tried
    assert [*report.lines(verbose=True)] == [
        verdict,
        *plain,
        "   Measured:  3 bounds off",
        "   Published: https://x",
        *tried,
    ]


def no_activation_derivative(case):
    """A real mistake, from the gradients on: the deltas of the hidden layers lack
    f'(z).
    """
    W, b, shown = case.W, case.b, []
    for x, y, lr in case.steps:
        step = gradients(W, b, x, y)
        a, delta = [x, *step["a"]], step["delta"][-1:]
        for l in range(len(W) - 1, 0, -1):
            delta.insert(0, delta[0] @ W[l])
        dW, db = (
            [d.T @ a_prev for d, a_prev in zip(delta, a, strict=False)],
            [d.sum(0) for d in delta],
        )
        W = [w - lr * g for w, g in zip(W, dW, strict=True)]
        b = [c - lr * g for c, g in zip(b, db, strict=True)]
        shown.append({"delta": delta, "dW": dW, "db": db, "W": W, "b": b})
    return shown


@pytest.mark.parametrize("keys", [("delta",), ("dW",), ("W", "b")])
def test_a_real_mistake_is_found_however_little_is_shown(keys):
    """By its name in the catalogue, also from the weights alone."""
    report = check(
        lambda case: [{key: step[key] for key in keys} for step in no_activation_derivative(case)],
        **PLAIN,
    )
    assert [finding.bug for finding in report.findings] == ["hidden-derivative-missing"]


def fail(kind, *words):
    """A `run` that raises."""

    def run(case):
        raise kind(*words)

    return run


WANT = "expected one dict for each step"
LINE = fail.__code__.co_firstlineno + 4


@pytest.mark.parametrize(
    ("kind", "words"),
    [(ZeroDivisionError, "by 0"), (SystemExit, "3"), (GeneratorExit, ""), (RecursionError, "")],
)
def test_an_exception_is_a_finding(kind, words):
    """With its type, its line and its message, once for all tasks."""
    finding = check(fail(kind, words), **PLAIN).findings[0]
    place = f"{Path(__file__).name}, line {LINE}"
    assert (finding.verdict, finding.sentence) == (
        "wrong",
        f"run: raised {kind.__name__} in {place}, {WANT}",
    )
    tasks, *message = finding.evidence
    assert re.fullmatch(r"In the tasks '.+', '.+', '.+' and \d+ more\.", tasks)
    assert message == ([f"The message: {words}"] if words else [])


def test_an_interruption_is_no_finding():
    """Ctrl-C ends the check."""
    with pytest.raises(KeyboardInterrupt):
        check(fail(KeyboardInterrupt), **PLAIN)


def test_what_is_not_supported_is_left_out():
    """NotImplementedError is no mistake, but that nothing at all is supported is
    one.
    """

    def run(case):
        if case.optimizer != "sgd" or case.settings["momentum"]:
            raise NotImplementedError
        return everything(case)

    report = check(run)
    assert report.findings == ()
    assert report.passed
    assert not report.strictly_passed
    assert report.verdict.startswith("RIGHT, as far as tried: run: ")
    assert report.strict_verdict() == f"{report.verdict}; --strict asks for all that is declared"
    assert {"adam", "rmsprop", "adagrad", "adamw", "sgd with nesterov"} <= set(report.untried)
    assert "sgd with weight_decay" not in report.untried
    assert all("Adam" not in name for name in report.tasks)
    said = " ".join(str(report).split())
    assert " Not tried: " in said
    count = len(report.tasks) + len(report.unsupported)
    assert (
        f" run raised NotImplementedError in {len(report.unsupported)} of {count} tasks: " in said
    )


def test_what_nothing_is_shown_of_is_not_judged():
    """Neither right nor wrong, and the verdict says why."""
    nothing = check(fail(NotImplementedError), **PLAIN)
    assert (nothing.findings, nothing.judged, nothing.passed) == ((), False, False)
    assert nothing.verdict == "NOT JUDGED. run: run raised NotImplementedError in all of 8 tasks"
    empty = check(lambda case: [{} for _ in case.steps], **PLAIN)
    assert empty.verdict == (
        "NOT JUDGED. <lambda>: shows nothing, no gradient and no weight; show dW and db, or W and "
        "b after each step"
    )


RETURNED = {
    "a dict": (
        lambda shown: shown[0],
        "run: returned something of type dict, expected 3 dicts, one for each step",
    ),
    "a number": (
        lambda shown: 3.0,
        "run: returned something of type float, expected 3 dicts, one for each step",
    ),
    "too few": (
        lambda shown: shown[:2],
        "run: returned 2 dicts, expected 3 dicts, one for each step",
    ),
    "too many": (
        lambda shown: [*shown, *shown],
        "run: returned more than 3 dicts, expected 3 dicts, one for each step",
    ),
    "lists": (
        lambda shown: [[1]] * len(shown),
        "run: returned something of type list for a step, expected a dict",
    ),
}


@pytest.mark.parametrize("change", RETURNED)
def test_what_is_no_list_of_dicts_is_a_finding(change):
    """What was returned and what was expected is said, and what can be judged is."""
    change_steps, sentence = RETURNED[change]
    verdict, said = sentences(spoiled(change_steps))[0]
    assert (verdict, said.startswith(sentence)) == ("wrong", True)
    assert len(sentences(spoiled(change_steps))) == 1


def test_a_generator_without_end_is_a_finding():
    """It is asked for one dict too many, and no more."""

    def run(case):
        for number in range(100):
            assert number < 5
            yield {}

    assert sentences(run)[0] == (
        "wrong",
        "run: returned more than 3 dicts, expected 3 dicts, one for each step",
    )


def test_none_returned_is_a_finding():
    """As where the return is forgotten."""
    assert sentences(lambda case: None) == [
        ("wrong", "run: returned None, expected 3 dicts, one for each step")
    ]


class NoArray:
    """Something whose conversion fails."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError


PER_LAYER = "expected a list of one array per layer (None where one is not shown)"
NUMBERS = "expected an array of real numbers, as small as the task's"
ENTRIES = {
    "unknown key": (
        {"grads": 1},
        "a step has the key 'grads', expected keys among output, loss, z, a, delta, dW, db, W, b",
    ),
    "array for list": ({"dW": np.zeros((2, 2))}, f"dW has something of type ndarray, {PER_LAYER}"),
    "length": ({"db": [1, 2, 3, 4, 5]}, f"db is a list of length 5, {PER_LAYER}"),
    "text": ({"loss": "much"}, f"loss has dtype <U4, {NUMBERS}"),
    "complex": ({"loss": 1j}, f"loss has dtype complex128, {NUMBERS}"),
    "ragged": (
        {"output": [[1.0], [1.0, 2.0]]},
        "output has something of type list that is no array (ValueError), expected real numbers",
    ),
    "no array": (
        {"loss": NoArray()},
        "loss has something of type NoArray that is no array (RuntimeError), expected real numbers",
    ),
    "huge": ({"output": np.zeros(10**6 + 1)}, f"output has shape (1000001,), {NUMBERS}"),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_that_cannot_be_read_is_a_finding(entry):
    """The rest is judged, and is right."""
    wrong, sentence = ENTRIES[entry]
    assert sentences(spoiled(lambda shown: [step | wrong for step in shown])) == [
        ("wrong", f"run: {sentence}")
    ]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_numbers_that_are_none_are_wrong(value):
    """NaN, infinity and nonsense in a gradient."""

    def spoil(shown):
        shown[0]["dW"][0] = np.full_like(shown[0]["dW"][0], value)

    report = check(spoiled(spoil), **PLAIN)
    assert not report.passed
    assert "dW" in str(report)


def not_summed(case):
    """db with a row for each sample, which makes a matrix of b."""
    W, b = case.W, case.b
    for x, y, lr in case.steps:
        step = gradients(W, b, x, y)
        W = [w - lr * g for w, g in zip(W, step["dW"], strict=True)]
        b = [c - lr * g for c, g in zip(b, step["delta"], strict=True)]
        yield step | {"db": step["delta"], "W": W, "b": b}


def test_a_wrong_shape_is_wrong():
    """One that the catalogue explains, and one that nothing does."""
    assert [finding.bug for finding in check(not_summed, **PLAIN).findings] == ["db-not-summed"]
    (finding,) = check(
        spoiled(lambda shown: [{"z": [np.zeros((2, 2, 2)) for _ in s["z"]]} for s in shown]),
        **PLAIN,
    ).findings
    assert finding.got == "z has shape (2, 2, 2) in step 1"
    assert re.match(r"shape \(\d, \d\), by z\^l = ", finding.expected)


def test_a_mutated_input_is_a_finding():
    """Data that are scaled in place will be scaled again; weights may be stepped in
    place.
    """

    def scaling(case):
        shown = train(case)
        for step in case.steps:
            step.x[:] *= 2
        return shown

    want = "has other numbers after the call, expected an input that is only read"
    assert sentences(scaling) == [("wrong", f"run: x of the task {want}")]

    def in_place(case):
        for step, (_, _, lr) in zip(train(case), case.steps, strict=True):
            for w, c, g, d in zip(case.W, case.b, step["dW"], step["db"], strict=True):
                np.subtract(w, lr * g, out=w)
                np.subtract(c, lr * d, out=c)
            yield step | {"W": case.W, "b": case.b}

    assert sentences(in_place) == []


def test_the_lists_of_a_task_are_its_own():
    """Steps may be taken off the list, and weights put into it."""

    def run(case):
        while case.steps:
            x, y, lr = case.steps.pop(0)
            step = gradients(case.W, case.b, x, y)
            case.W[:] = [w - lr * g for w, g in zip(case.W, step["dW"], strict=True)]
            case.b[:] = [c - lr * g for c, g in zip(case.b, step["db"], strict=True)]
            yield step | {"W": case.W, "b": case.b}

    assert sentences(run) == []


def test_arrays_that_are_overwritten_later_are_a_finding():
    """A list of dicts that all show the same array shows only its last numbers; the
    steps before are not judged by them.
    """

    def run(case):
        W, b, shown = [w.copy() for w in case.W], [c.copy() for c in case.b], []
        for x, y, lr in case.steps:
            step = gradients(W, b, x, y)
            for w, c, g, d in zip(W, b, step["dW"], step["db"], strict=True):
                np.subtract(w, lr * g, out=w)
                np.subtract(c, lr * d, out=c)
            shown.append({"dW": step["dW"], "W": W, "b": b})
        return shown

    shared = (
        "is the same array in several steps, and so shows only the last of them, expected a copy "
        "for each, as in"
    )
    assert sentences(run) == [
        ("wrong", f"run: {name} {shared} [array.copy() for array in {name}]") for name in ("W", "b")
    ]


def test_weights_that_are_never_updated_are_a_mistake_of_their_own():
    """The same array in every step, because nothing was done to it."""
    report = check(
        lambda case: [
            gradients(case.W, case.b, x, y) | {"W": case.W, "b": case.b} for x, y, _ in case.steps
        ],
        **PLAIN,
    )
    assert [finding.bug for finding in report.findings] == ["weights-never-updated"]


def test_two_calls_must_agree():
    """What is drawn, or kept from an earlier call, shows."""
    rng = np.random.default_rng(0)
    drawn = sentences(spoiled(lambda shown: [step | {"loss": rng.normal()} for step in shown]))
    assert drawn[0] == (
        "wrong",
        (
            "run: a second call with the same task gives another loss, expected the same numbers; "
            "does it keep anything from one call to the next, or draw random numbers?"
        ),
    )


def test_what_is_printed_is_a_note():
    """It makes nothing wrong, but it is said, and does not get out."""

    def run(case):
        print("epoch 1\nepoch 2" + "." * 10**5)
        return train(case)

    assert sentences(run) == [
        ("note", "run: printed 'epoch 1', expected nothing on standard output")
    ]
    assert check(run, **PLAIN).strictly_passed
    assert "\n1. A note\n   Where:     run\n   You have:  printed 'epoch 1'\n" in str(
        check(run, **PLAIN)
    )
    heard = guarded._Heard()
    print("." * 10**5, file=heard)
    assert len(heard.text) < 100  # of what is printed without end, the rest is not kept


def test_an_output_that_is_not_the_last_activation_is_wrong():
    """Where both are shown, they are the same."""
    verdicts = sentences(
        spoiled(lambda shown: [step | {"output": step["output"] + 1} for step in shown])
    )
    assert verdicts == [
        (
            "wrong",
            (
                "run: output has other numbers than the last array of a, expected the same, for "
                "the "
                "output is the last activation"
            ),
        )
    ]
