"""What is explained of mutants and of entries of the catalogue: what is found is tried
on runs that nobody has searched.
"""

from dataclasses import replace
from inspect import getsource

import numpy as np
import pytest

from parity.experiments.mutations.explained import Explained, explained, searched
from parity.experiments.mutations.families import TRAINING, UNSEEN, inputs
from parity.experiments.mutations.mechanical import right_program
from parity.experiments.mutations.mechanical.mutant_report import (
    EQUAL,
    NO_NUMBERS,
    RAISES,
    SHOWINGS,
    MutantReport,
    Row,
)
from parity.experiments.mutations.mechanical.mutant_score import measure
from parity.experiments.mutations.mechanical.mutants import Mutant
from parity.experiments.mutations.recovery_report import Recovered, RecoveryReport
from parity.experiments.mutations.recovery_score import recovered, right_run
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.search.replay import run_of, simulate

SOURCE = getsource(right_program)
EVERYTHING, GRADIENTS = SHOWINGS


def mutant(before, after):
    """The right program with one line of it written otherwise."""
    assert SOURCE.count(before) == 1
    return Mutant("", 0, f"{before} -> {after}", SOURCE.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after", "apart"),
    [
        ("net.delta[l].T @ net.a[l - 1]", "net.delta[l] @ net.a[l - 1]", RAISES),
        ("np.sum(net.delta[l], axis=0)", "np.sum(net.delta[l], axis=1)", RAISES),
        (
            "np.sum(net.delta[l], axis=0)",
            "np.sum(net.delta[l], axis=0, keepdims=True)",
            RAISES,
        ),
        ("np.sign(a - y) / a.size", "np.log(a - y) / a.size", NO_NUMBERS),
        ("np.mean(np.abs(a - y))", "np.mean(np.abs(y - a))", EQUAL),
    ],
)
def test_what_no_formula_can_tell_is_set_apart(before, after, apart):
    """A program that raises, has other shapes or no numbers, or does the same."""
    assert [row.apart for row in measure(mutant(before, after))] == [apart, apart]


def test_a_mutant_that_the_catalogue_has_is_rightly_explained():
    """The program that is found gives its numbers everywhere, with each showing."""
    rows = measure(mutant("theta - lr * g\n\n\ndef adagrad", "theta + lr * g\n\n\ndef adagrad"))
    assert [row.apart for row in rows] == ["", ""]
    for row in rows:
        assert row.result.rightly
        assert set(row.result.ids) == {"step-uphill"}
        assert any("theta + lr g" in sentence for sentence in row.result.said)


def broken(probe, name):
    """A probe by a program with an entry of the catalogue."""
    run = inputs(probe)
    return run_of(simulate(run, [(BY_ID[name], BY_ID[name].layers(run.spec))]))


def test_what_is_found_is_refuted_by_a_run_where_it_does_not_stand():
    """The same finding is right or wrong by what the program does elsewhere."""
    training, elsewhere = [broken(TRAINING[0], "db-averaged")], UNSEEN[1]
    agrees = explained(training, [broken(elsewhere, "db-averaged")])
    assert (agrees.rightly, agrees.refuted, agrees.status) == (True, "", "right")
    differs = explained(training, [broken(elsewhere, "db-averaged"), right_run(elsewhere)])
    assert differs.wholly
    assert not differs.rightly
    assert differs.status == "WRONGLY EXPLAINED"
    assert differs.refuted.startswith("db of layer 3 in step 1 is off with 4-3-2-2 tanh-tanh-sigm")


def test_a_right_program_is_neither_caught_nor_explained():
    """Where nothing is off, nothing is said."""
    nothing = explained([right_run(TRAINING[0])], [right_run(UNSEEN[0])])
    assert (nothing.caught, nothing.rightly, nothing.said) == (False, False, ())
    assert nothing.status == "NOT CAUGHT"


def test_an_array_that_nothing_explains_is_not_explained():
    """Numbers of no formula are caught, and that is all."""
    run = right_run(TRAINING[0])
    shown = run.steps[0].arrays
    noise = shown["z", 1] + np.random.default_rng(0).normal(size=shown["z", 1].shape)
    first = replace(run.steps[0], arrays=shown | {("z", 1): noise})
    result = explained([replace(run, steps=(first, *run.steps[1:]))], [right_run(UNSEEN[0])])
    assert (result.caught, result.wholly, result.status) == (True, False, "NOT EXPLAINED")


RIGHT = Explained(True, True, "", False, ("x",), ("BP4: dW",))


def rows(result, apart=""):
    """A mutant with each showing."""
    return tuple(Row("f, line 1: a -> b", showing, apart, result) for showing in SHOWINGS)


def test_the_report_counts_what_is_rightly_explained_and_fails_for_what_escapes():
    """What is set apart is counted by itself; what is not rightly explained is told
    with what was said instead.
    """
    wrong = replace(RIGHT, refuted="dW is off")
    report = MutantReport((*rows(RIGHT), *rows(wrong), *rows(None, RAISES)))
    assert report.passed
    assert report.counts(EVERYTHING) == {"mutants": 2, "caught": 2, "explained": 2, "rightly": 1}
    assert report.verdict.startswith("everything shown: 1 of 2 mutants rightly explained (50.0%)")
    text = "\n".join(report.lines())
    assert (
        text.count("WRONGLY EXPLAINED: f, line 1: a -> b\n      BP4: dW\n      but dW is off") == 2
    )
    assert f"    1 {RAISES}" in text
    assert "right: f" not in text
    assert "\n".join(report.lines(verbose=True)).count("  right: f, line 1") == 2
    assert report.as_json()["apart"][GRADIENTS] == {RAISES: 1}
    assert [row["rightly"] for row in report.as_json()["rows"]] == [True, False, True, False]
    escaped = replace(RIGHT, caught=False)
    assert not MutantReport((*rows(RIGHT), *rows(escaped))).passed
    assert not MutantReport(()).passed


def test_the_catalogue_can_be_left_out(monkeypatch):
    """The search is told so."""
    given = []

    class Searched:
        def __init__(self, runs, right, **options):
            given.append(options)

        def walk(self):
            """Nothing."""

    monkeypatch.setattr("parity.experiments.mutations.explained.Search", Searched)
    searched([])
    searched([], catalogue=False)
    assert given == [{"catalogue": True}, {"catalogue": False}]


@pytest.mark.parametrize("name", ["db-averaged", "softmax-overflow"])
def test_an_entry_is_searched_where_it_shows(name):
    """Its runs to learn from have it, and so have the unseen ones; what shows only at
    the edge of floats is searched there.
    """
    result = recovered(BY_ID[name], catalogue=True)
    assert result is not None
    assert result.rightly
    assert result.ids[0] == name


def test_the_report_of_entries_says_what_each_is_called():
    """What is right comes first; it fails where nothing is shown, or one escapes."""
    entry = BY_ID["db-averaged"]
    unknown = replace(RIGHT, wholly=False, said=("BP3: db",))
    report = RecoveryReport((Recovered(entry, unknown), Recovered(entry, RIGHT)))
    assert report.passed
    assert report.verdict == (
        "without the catalogue: 1 of 2 entries rightly explained (50.0%), 1 explained, 2 caught; "
        "0 not shown in these runs"
    )
    assert [line.partition(":")[0] for line in report.lines()][1::2] == ["right", "NOT EXPLAINED"]
    assert [row["id"] for row in report.as_json()["rows"]] == ["db-averaged"] * 2
    assert not RecoveryReport((Recovered(entry, None),)).passed
    assert not RecoveryReport((Recovered(entry, replace(RIGHT, caught=False)),)).passed
