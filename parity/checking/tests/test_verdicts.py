"""RIGHT means tried, NOT JUDGED says why, and what is declared on purpose is said."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from parity.checking.checker import assert_correct, cases_for, check
from parity.checking.parts.activation import check_activation
from parity.checking.program.outcome import Outcome, Problem
from parity.checking.tasks.declaration import declaration
from parity.checking.tests.programs import PLAIN, everything, gradients, spoiled, train
from parity.checking.verdict.judgement import report
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.search.replay import simulate
from parity.tests.command import run as parity

# of the conventions that may be declared, in the order of the catalogue
FIRST = next(bug.id for bug in BY_ID.values() if bug.declarable)


def refusing(*, unless):
    """A right `run` that raises NotImplementedError unless this holds."""

    def run(case):
        if not unless(case):
            raise NotImplementedError
        return everything(case)

    return run


# RIGHT


def test_what_is_refused_is_named_and_fails_strictly():
    """The verdict says that not all was tried, and the report what was not."""
    optimizers = {**PLAIN, "optimizers": ("sgd", "adam"), "settings": ("momentum", "amsgrad")}
    run = refusing(unless=lambda case: not case.settings.get("amsgrad"))
    checked = check(run, **optimizers)
    assert (checked.passed, checked.strictly_passed) == (True, False)
    assert checked.untried == ("adam with amsgrad",)
    assert checked.verdict.startswith("RIGHT, as far as tried: run: ")
    assert "\nNot tried: adam with amsgrad.\n" in str(checked)
    assert checked.tried.optimizers == {"sgd": ("momentum",), "adam": ()}
    assert_correct(run, **optimizers)
    with pytest.raises(AssertionError, match=r"^RIGHT, as far as tried: "):
        assert_correct(run, strict=True, **optimizers)
    assert_correct(everything, strict=True, **optimizers)


def test_what_no_task_can_try_is_named():
    """A loss that only classes have, before one output; an output that no declared loss
    allows; a setting that no declared optimizer has.
    """
    checked = check(
        everything,
        sizes=(3, 4, 1),
        activations="tanh",
        outputs=("sigmoid", "identity", "relu"),
        losses=("binary_cross_entropy", "softmax_cross_entropy"),
        optimizers="sgd",
        settings=("momentum", "centered"),
    )
    assert checked.passed
    assert checked.untried == (
        "identity as output",
        "relu as output",
        "softmax_cross_entropy",
        "centered",
    )


def test_what_shows_nothing_of_its_steps_is_not_tried():
    """Under one of the optimizers, nothing or the gradients of the first step alone: of
    these the update has no part.
    """
    optimizers = {**PLAIN, "optimizers": ("sgd", "adam")}

    def silent(case):
        return everything(case) if case.optimizer == "sgd" else [{} for _ in case.steps]

    def at_first(case):
        first, *later = everything(case)
        if case.optimizer == "sgd":
            return [first, *later]
        return [{"dW": first["dW"], "db": first["db"]}, *({} for _ in later)]

    for run in (silent, at_first):
        checked = check(run, **optimizers)
        assert checked.verdict.startswith("RIGHT, as far as tried: ")
        assert "adam" in checked.untried
        assert [*checked.tried.optimizers] == ["sgd"]


def test_chosen_tasks_need_not_try_all():
    """One of them is right strictly, as each test of a suite asks."""
    task = cases_for(everything, **PLAIN)[0]
    assert_correct(everything, task, strict=True, optimizers=("sgd", "adam"))


# NOT JUDGED


def showing(*keys):
    """The right program, which shows these alone."""
    return spoiled(lambda shown: [{key: step[key] for key in keys} for step in shown])


def first_alone(case):
    """Right, in one task."""
    if case.name != cases_for(everything, **PLAIN)[0].name:
        raise NotImplementedError
    return everything(case)


def first_step_alone(case):
    """The gradients from before any update."""
    first, *later = everything(case)
    return [{"dW": first["dW"], "db": first["db"]}, *({} for _ in later)]


NOT_JUDGED = {
    "one step": (first_step_alone, PLAIN, "shows a part of the first step alone; show dW and db"),
    "outputs": (showing("output"), PLAIN, "shows output alone, no gradient and no weight; show dW"),
    "loss and z": (
        showing("loss", "z"),
        PLAIN,
        "shows loss and z alone, no gradient and no weight",
    ),
    "one task": (first_alone, PLAIN, "shows gradients or weights in 1 of 8 tasks; declare what"),
    "one class": (
        everything,
        {**PLAIN, "losses": "softmax_cross_entropy", "sizes": (3, 4, 1)},
        "of one class alone every output is 1, so that errors cannot show",
    ),
    "width 1": (
        everything,
        {**PLAIN, "sizes": (1, 1, 1)},
        "every layer has one unit, so that sums and transposes cannot show",
    ),
}


@pytest.mark.parametrize("why", NOT_JUDGED)
def test_what_cannot_be_judged_says_why(why):
    """In its verdict; it passes nowhere, and is not called wrong."""
    run, declared, reason = NOT_JUDGED[why]
    checked = check(run, **declared)
    assert checked.findings == ()
    assert (checked.judged, checked.passed, checked.strictly_passed) == (False, False, False)
    assert checked.verdict.startswith(f"NOT JUDGED. {run.__name__}: {reason}")
    assert checked.as_json()["judged"] is False
    with pytest.raises(AssertionError, match=r"^NOT JUDGED"):
        assert_correct(run, **declared)


def test_gradients_that_are_all_zero_are_not_judged():
    """As where every output is dead."""
    task = cases_for(everything, **PLAIN, outputs="relu")[0]
    *b, last = task.inputs.b
    *W, last_W = task.inputs.W
    inputs = replace(task.inputs, W=(*W, 0 * last_W), b=(*b, 0 * last - 1))

    def run(case):
        return [{"dW": [layer.dW for layer in r.layers]} for r in simulate(case.inputs)]

    checked = check(run, replace(task, inputs=inputs))
    assert checked.verdict == "NOT JUDGED. run: every gradient is 0"


def test_what_is_wrong_is_wrong_however_little_is_shown():
    """An output that is off, and one task of many."""

    def off(case):
        for step in first_alone(case):
            yield step | {"a": [2 * a for a in step["a"]]}

    for run in (spoiled(lambda shown: [{"output": 2 * s["output"]} for s in shown]), off):
        checked = check(run, **PLAIN)
        assert (checked.judged, checked.passed) == (True, False)
        assert checked.verdict.startswith("WRONG. ")


def test_an_exception_of_what_shows_no_gradient_is_a_note():
    """Of outputs that are right, up to the exception, nobody can say more."""

    def run(case):
        yield {"output": train(case)[0]["output"]}
        raise ZeroDivisionError

    checked = check(run, **PLAIN)
    assert checked.verdict.startswith("NOT JUDGED. run: shows output alone, ")
    assert [finding.verdict for finding in checked.findings] == ["note"]

    def showing_gradients(case):
        yield train(case)[0]
        raise ZeroDivisionError

    assert check(showing_gradients, **PLAIN).verdict.startswith("WRONG. ")


def test_the_command_exits_1_and_writes_that_it_is_not_judged(tmp_path):
    """The JSON tells it from wrong."""
    file, found = tmp_path / "net.py", tmp_path / "found.json"
    file.write_text(
        "activations = losses = None\ndef run(case):\n    raise NotImplementedError\n",
        encoding="utf-8",
    )
    status, out, _ = parity("check", str(file), "--json", str(found))
    assert status == 1
    assert out.splitlines()[-1].startswith(f"NOT JUDGED. {file}: run raised NotImplementedError ")
    written = json.loads(found.read_text(encoding="utf-8"))
    assert (written["passed"], written["judged"], written["tasks"]) == (False, False, [])


BLANK = """
activations, outputs, losses, optimizers = "tanh", "identity", "mse", "sgd"

def delta(W, a):
    raise NotImplementedError("BP2 is to be written: delta^l = ...")

def gradient(W, b, x, y):
    return delta(W, x), b
"""


def test_what_is_still_to_be_written_is_said_with_its_place(tmp_path):
    """By the command, whose program is in a process of its own, as here."""
    file = tmp_path / "1_net.py"
    file.write_text(BLANK, encoding="utf-8")
    status, out, _ = parity("check", str(file))
    message = "BP2 is to be written: delta^l = ..."
    assert (status, f"\n1_net.py, line 5: {message}\n" in out, "Not tried" in out) == (
        1,
        True,
        False,
    )
    assert out.splitlines()[-1] == (
        f"NOT JUDGED. {file}: run raised NotImplementedError in all of 8 tasks: {message}"
    )

    def delta(case):
        raise NotImplementedError(message)

    (refusal,) = check(delta, **PLAIN).refusals
    assert refusal == (f"test_verdicts.py, line {delta.__code__.co_firstlineno + 1}", message)
    no_message = check(refusing(unless=lambda case: False), **PLAIN)
    assert [message for _, message in no_message.refusals] == [""]
    assert str(no_message).count(f"\n{no_message.refusals[0].place}\n") == 1


def test_what_is_still_to_be_written_in_a_part_is_said():
    """By its name."""

    def derivative(z):
        raise NotImplementedError("f' is to be written")

    checked = check_activation(np.tanh, derivative, like="tanh", hard=False)
    line = derivative.__code__.co_firstlineno + 1
    assert f"\ntest_verdicts.py, line {line}: f' is to be written" in str(checked)


# declared on purpose


def weights_without_decay_on_b(case):
    """Weight decay of W alone."""
    bug = BY_ID["decay-not-on-b"]
    records = simulate(case.inputs, [(bug, bug.layers(case.inputs.spec))])
    return [{"W": list(r.after.W), "b": list(r.after.b)} for r in records]


def test_a_declared_convention_in_use_is_said_and_counts_as_right():
    """As a note; what is declared and makes no difference is not said."""
    decaying = {**PLAIN, "settings": "weight_decay"}
    undeclared = check(weights_without_decay_on_b, **decaying)
    assert (undeclared.passed, undeclared.strictly_passed) == (True, False)
    checked = check(weights_without_decay_on_b, conventions="decay-not-on-b", **decaying)
    assert [(each.verdict, each.sentence) for each in checked.findings] == [
        ("note", f"declared: {BY_ID['decay-not-on-b'].formula}")
    ]
    assert checked.strictly_passed
    assert check(train, conventions="decay-not-on-b", **PLAIN).findings == ()


@pytest.mark.parametrize("bug", BY_ID.values(), ids=lambda bug: bug.id)
def test_conventions_alone_may_be_declared(bug):
    """A mistake is refused by name, and the conventions are listed."""
    if bug.declarable:
        assert declaration(conventions=bug.id).conventions == (bug.id,)
    else:
        message = f"conventions has '{bug.id}', which is a mistake, expected a convention: {FIRST}"
        with pytest.raises(ValueError, match=re.escape(f"declaration: {message}")):
            declaration(conventions=bug.id)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"batch": 0}, "batch has 0, expected an integer >= 1"),
        ({"batch": True}, "batch has True, expected an integer >= 1"),
        ({"batch": (1, 2)}, "batch has (1, 2), expected an integer >= 1"),
        ({"bias": 0}, "bias has 0, expected True or False"),
        ({"same_hidden": "relu"}, "same_hidden has 'relu', expected True or False"),
    ],
)
def test_what_is_no_number_and_no_flag_is_refused(given, sentence):
    """With what it may be."""
    with pytest.raises(ValueError, match=f"^declaration: {re.escape(sentence)}$"):
        declaration(**given)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: check(everything, hard="no"), "check: hard has 'no'"),
        (lambda: check(everything, explain=1), "check: explain has 1"),
        (lambda: cases_for(everything, hard=1), "cases_for: hard has 1"),
        (lambda: assert_correct(everything, strict="yes"), "assert_correct: strict has 'yes'"),
    ],
)
def test_a_switch_that_is_no_boolean_is_refused(call, sentence):
    """As refnet refuses it: text is true whatever it says."""
    with pytest.raises(TypeError, match=f"^{sentence}, expected True or False$"):
        call()


def test_a_report_is_verbose_or_not():
    """So is each of its findings."""
    doubled = spoiled(lambda shown: [step | {"db": [2 * g for g in step["db"]]} for step in shown])
    checked = check(doubled, **PLAIN)
    for part in (checked, *checked.findings):
        sentence = f"{type(part).__name__}.lines: verbose has 'no', expected True or False"
        with pytest.raises(TypeError, match=f"^{sentence}$"):
            next(part.lines(verbose="no"))
    assert checked.findings


# problems of calls


def test_problems_that_differ_in_numbers_alone_are_one():
    """But not those of two lines."""
    tasks = cases_for(everything, **PLAIN)[:4]
    texts = (
        "returned 2 dicts",
        "returned 3 dicts",
        "raised E in a.py, line 3",
        "raised E in a.py, line 4",
    )
    outcomes = [Outcome({}, (Problem("wrong", text, "5 dicts"),)) for text in texts]
    said = declaration(**PLAIN)
    findings = report("run", said, said, tasks, outcomes).findings
    assert [finding.got for finding in findings] == [texts[0], *texts[2:]]
    assert f"'{tasks[0]}' and '{tasks[1]}'" in findings[0].evidence[0]


def test_an_exception_that_a_mistake_leads_to_is_no_second_one():
    """db with a row for each sample makes a matrix of b, which the smaller last batch
    does not fit; an exception that has nothing to do with it is said.
    """

    def not_summed(case, *, also=False):
        W, b = case.W, case.b
        for x, y, lr in case.steps:
            step = gradients(W, b, x, y)
            b = [c - lr * g for c, g in zip(b, step["delta"], strict=True)]
            W = [w - lr * g for w, g in zip(W, step["dW"], strict=True)]
            if also and len(x) == 13:
                raise KeyError
            yield step | {"db": step["delta"], "W": W, "b": b}

    assert [each.bug for each in check(not_summed, **PLAIN).findings] == ["db-not-summed"]
    also = check(lambda case: not_summed(case, also=True), **PLAIN).findings
    assert [each.got.partition(" in ")[0] for each in also] == ["raised KeyError", ""]
