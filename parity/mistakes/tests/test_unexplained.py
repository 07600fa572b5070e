"""A finding for an array that nothing explains: changes beside changes, the right
rule's numbers, what it is like, and what it is made of.
"""

import re
from dataclasses import replace

import numpy as np
import pytest

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.diagnosis.unexplained import Entry, misshown, unexplained
from parity.mistakes.probes import PROBES
from parity.mistakes.search.judging import Station
from parity.mistakes.search.presentation import PRESENTATIONS
from parity.mistakes.search.replay import Placed, run_of, run_of_case, showing, simulate
from parity.mistakes.search.search import Search, Unknown
from parity.mistakes.search.suspects import Suspect
from parity.mistakes.tests.near import by_change
from parity.mistakes.tests.tasks import BASE, EVERYTHING, GRADIENTS, NAMES, changed, program

NOISE = np.random.default_rng(4).normal(size=(16, 16))


def noisy(run, *wheres, number=0):
    """The run with numbers in these arrays that nothing explains."""
    return changed(
        run,
        lambda where, a: (
            NOISE[: a.shape[0], : a.shape[-1]].reshape(a.shape)
            if where in wheres and a.ndim == 2
            else NOISE[0, : a.size].reshape(a.shape)
            if where in wheres
            else a
        ),
        number,
    )


def only(run, *shown, **what):
    """The one finding about a run."""
    (finding,) = diagnose_runs([showing(run, *shown)], **what)
    return finding


def said_of(run, where, used=np.inf, number=0, *, catalogue=True, **station):
    """The finding for an array, whatever else there is."""
    search = Search([run], (), catalogue=catalogue)
    entry = Station(number, *where, used, **station)
    return unexplained(search, Unknown(run, entry, (0,)), ("one",))


def test_a_step_is_compared_as_a_change():
    """W less what it was before the step, in the first step and in a later one, with
    the ratio of the two changes.
    """
    run = run_of(simulate(run_of_case(replace(BASE, count=3))))
    for number in (0, 1, 2):
        before = run.W[1] if number == 0 else run.steps[number - 1].arrays["W", 2]
        right = run.steps[number].arrays["W", 2] - before
        wild = before + right * (1 + np.arange(16).reshape(4, 4))
        spoiled = changed(run, lambda where, a, w=wild: w if where == ("W", 2) else a, number)
        finding = said_of(spoiled, ("W", 2), number=number)
        got, at = re.fullmatch(
            rf"W\[(\d, \d)\] changes by (\S+) in step {number + 1}", finding.got
        ).group(2, 1)
        index = tuple(map(int, at.split(", ")))
        assert float(got) == (wild - before)[index]
        wanted, rule = finding.expected.removeprefix("a change of ").split(", by ")
        assert by_change(float(wanted), right[index], before)
        assert rule == "theta := theta - lr g"
        times = 1 + np.arange(16).reshape(4, 4)[index]
        assert f"The one above is {times} times what it should be." in finding.evidence
        assert "15 of its 16 numbers are off by more than rounding allows." in finding.evidence


def test_a_sign_and_a_rate_are_named_by_the_change():
    """Uphill in one layer of one task only, which no entry explains in the others."""
    run = program("5 samples")
    away = changed(
        run, lambda where, a: 2 * run.W[1] - a if where == ("W", 2) else a
    )  # the others go downhill
    finding = said_of(away, ("W", 2))
    assert "It" not in finding.evidence[0]
    assert any("-1 times what it should be" in sentence for sentence in finding.evidence)
    assert any(s.startswith("This array alone fits ") for s in finding.evidence)


def test_without_the_catalogue_nothing_is_said_of_it():
    """Neither which of its constants fits one array, nor which format of the factors
    one or all of them.
    """
    run = program("5 samples")
    away = changed(run, lambda where, a: 2 * run.W[1] - a if where == ("W", 2) else a)
    rounded = program("8 samples", "products-in-bfloat16")
    for shown, where, said in ((away, ("W", 2), "fits"), (rounded, ("dW", 2), "factors")):
        assert said in said_of(shown, where).evidence[-1]
        assert said not in " ".join(said_of(shown, where, catalogue=False).evidence)
    bug = BY_ID["products-in-tf32"]
    single = run_of_case(replace(BASE, dtype="float32"))
    single = run_of(simulate(single, [Placed(bug, bug.layers(single.spec))]))
    assert only(single, *GRADIENTS).bug == bug.id
    finding = only(single, *GRADIENTS, catalogue=False)
    assert (finding.bug, finding.formula) == ("", "")
    assert (finding.verdict, finding.happens) == ("imprecise", "At least half of the digits agree.")


def test_the_expected_number_is_the_right_rule_s_whatever_stands_before_it():
    """Not that of the mistakes that explain the arrays on the way."""
    mistaken = program("5 samples", "db-averaged")
    run = noisy(mistaken, ("W", 1))
    search = Search([showing(run, *GRADIENTS)], ())
    search.program = (Suspect(BY_ID["db-averaged"]),)
    shown = search.trials.runs[0]
    off = search.trials.first_off(0, search.program)
    assert off.where == ("W", 1)
    finding = unexplained(search, Unknown(shown, off, (0,)))
    at = tuple(map(int, re.search(r"\[(\d), (\d)\]", finding.got).groups()))
    dW, lr = shown.steps[0].arrays["dW", 1], shown.spec.hyperparameters["lr"]
    wanted = float(finding.expected.removeprefix("a change of ").split(", by ")[0])
    assert by_change(wanted, -lr * dW[at], run.W[0])
    # where another hypothesis has another number, it is the right one's that is said
    lied = off._replace(expected=1e3)
    assert unexplained(search, Unknown(shown, lied, (0,))).expected == finding.expected


def test_weights_that_are_off_name_all_layers_and_others_the_first():
    """What is made on the way may come of the first."""
    run = noisy(program("5 samples"), ("W", 1), ("W", 3), ("dW", 1), ("dW", 3))
    assert said_of(showing(run, "W", "b"), ("W", 1)).layers == (1, 3)
    assert said_of(showing(run, "dW", "db"), ("dW", 3)).layers == (3,)


@pytest.mark.parametrize(
    ("where", "label", "of_layers"),
    [
        (("z", 1), "z", " of layer 1"),
        (("a", 2), "a", " of layer 2"),
        (("loss", 3), "C", ""),
        (("delta", 3), "BP1", " of layer 3"),
        (("delta", 1), "BP2", " of layer 1"),
        (("db", 2), "BP3", " of layer 2"),
        (("dW", 2), "BP4", " of layer 2"),
        (("W", 2), "step", " of layer 2"),
        (("b", 1), "step", " of layer 1"),
    ],
)
def test_the_equation_is_that_of_the_array(where, label, of_layers):
    """And its layer, but for the cost."""
    run = noisy(showing(program("5 samples"), *EVERYTHING), where)
    finding = said_of(run, where)
    assert finding.equation == label
    assert re.fullmatch(rf"{label} \([a-z ]+\){of_layers}", finding.where)
    assert finding.verdict == "wrong"
    assert finding.tasks == ("one",)


@pytest.mark.parametrize(("layer", "label"), [(1, "BP2"), (3, "BP1")])
def test_where_db_and_dW_are_off_it_is_about_delta(layer, label):
    """That of the output, or a hidden one."""
    run = noisy(program("5 samples"), ("db", layer), ("dW", layer))
    finding = only(run, "dW", "db")
    assert (finding.equation, finding.layers) == (label, (layer,))
    assert finding.evidence[0] == (
        f"dW and db of layer {layer} are both off, so it is delta, which is not shown, and of "
        f"which both are made."
    )


def test_it_is_about_delta_behind_a_convention_too():
    """An eps in the loss comes first, and is no mistake."""
    run = probe_with("binary as probabilities", "eps-in-the-log")
    shown = showing(noisy(run, ("db", 2), ("dW", 2)), "loss", "dW", "db")
    own, finding = sorted(diagnose_runs([shown]), key=lambda each: each.verdict)
    assert (own.bug, own.verdict) == ("eps-in-the-log", "convention")
    assert (finding.bug, finding.equation, finding.layers) == ("", "BP1", (2,))


def probe_with(name, bug):
    """The first step of a probe by a program with an entry of the catalogue."""
    run = next(probe for probe in PROBES if probe.name == name).run()
    step, *_ = simulate(run, [(BY_ID[bug], BY_ID[bug].layers(run.spec))])
    return run_of([step])


def test_where_delta_is_shown_and_right_it_is_not_accused():
    """Nor where dW alone is off."""
    run = noisy(program("8 samples"), ("db", 2), ("dW", 2))
    shown = diagnose_runs([showing(run, "delta", "dW", "db")])
    assert [each.equation for each in shown] == ["BP3"]
    assert not any("delta, which is not shown" in s for each in shown for s in each.evidence)
    alone = only(noisy(program("8 samples"), ("dW", 2)), "dW", "db")
    assert (alone.equation, alone.layers) == ("BP4", (2,))


# what can be told


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (lambda a: 0 * a, "Every number of it is zero."),
        (lambda a: 0 * a + 0.7, "All of its numbers are the same."),
        (lambda a: np.where(a > 0, np.nan, a), r"\d+ of its 16 numbers are finite\."),
        (lambda a: a.T, r"Its numbers are those that the transpose of dW of layer 2 should have\."),
        (lambda a: 3.25 * a, r"This array alone fits dW = 3.25 times the right one\."),
    ],
)
def test_what_is_conspicuous_is_said(array, sentence):
    """Zeros, one number, no numbers, the numbers of another, a constant."""
    run = changed(program("5 samples"), lambda w, a: array(a) if w == ("dW", 2) else a)
    finding = said_of(showing(run, "delta", "dW"), ("dW", 2))
    assert any(re.fullmatch(sentence, each) for each in finding.evidence), finding.evidence


def test_another_shape_is_all_that_is_said_of_it():
    """Not how far its numbers are off; weights of another shape are not subtracted."""
    run = changed(program("5 samples"), lambda w, a: a[:, :1] if w[0] in ("dW", "W") else a)
    for where in (("dW", 2), ("W", 2)):
        finding = said_of(showing(run, where[0]), where, shape=(4, 4))
        assert finding.got == f"{where[0]} has shape (4, 1) in step 1"
        assert finding.expected.startswith("shape (4, 4), by ")
        assert finding.evidence == ()
        assert finding.measured == ()


def test_half_of_the_digits_are_lost_and_not_wrong():
    """As by differences of the cost."""
    run = changed(program("5 samples"), lambda w, a: a + 1e-10 if w == ("dW", 1) else a)
    finding = only(run, "dW", "db")
    assert (finding.verdict, finding.happens) == ("imprecise", "At least half of the digits agree.")


def test_the_tasks_have_something_in_common():
    """In which nothing explains it; unless nobody knows their names."""
    names = ("8 samples", "Adam")
    runs = [showing(program(name), "dW", "db") for name in names]
    runs[-1] = noisy(runs[-1], ("dW", 3))
    (finding,) = diagnose_runs(runs, (), names)
    assert finding.where == "BP4 (weight gradient) of layer 3, only with adam"
    assert finding.tasks == ("Adam",)
    (finding,) = diagnose_runs(runs)
    assert (finding.where, finding.tasks) == ("BP4 (weight gradient) of layer 3", ())


def test_a_place_is_that_of_the_program_s_own_layout():
    """Transposed, and a column for biases."""
    W = Entry(NOISE, Station(0, "dW", 1, 2.0, (3, 5)), "dW", turned=True)
    assert (W.its_place((3, 5)), W.its_shape((4, 2))) == ((5, 3), (2, 4))
    b = Entry(NOISE[0], Station(0, "db", 1, 2.0, (3,)), "db", turned=True)
    assert (b.its_place((3,)), b.its_shape((4,))) == ((3,), (4, 1))
    plain = W._replace(turned=False)
    assert (plain.its_place((3, 5)), plain.its_shape((4, 2))) == ((3, 5), (4, 2))


def test_what_is_shown_otherwise_names_it():
    """Without an equation."""
    way = PRESENTATIONS[0]
    finding = misshown(way, (0, 2), NAMES)
    assert (finding.verdict, finding.bug, finding.equation) == ("wrong", "", "")
    assert finding.sentence == f"what is shown as z: {way.got}, expected {way.expected}"
    assert finding.tasks == (NAMES[0], NAMES[2])
