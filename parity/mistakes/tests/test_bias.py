"""Runs of networks in which some layers, or all, have no biases: the right program is
not accused, a mistake is named as in any other run, and what is about biases stands
only where there are some.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity import certify, diagnose
from parity.mistakes.catalogue.constants import FAMILIES
from parity.mistakes.catalogue.index import BY_ID, CATALOGUE
from parity.mistakes.conditions import anywhere
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.diagnosis.example.cases import cases_of
from parity.mistakes.mistake import CONVENTION, Mistake
from parity.mistakes.recovery.expression import name
from parity.mistakes.recovery.parts import read
from parity.mistakes.search.replay import (
    records_of,
    run_of,
    run_of_case,
    showing,
    simulate,
    steps,
)
from parity.mistakes.slots import Part
from parity.rounding.plain import Plain
from parity.steps.cases import RULES, Case

# whether a layer has biases, by its number
PATTERNS = {"none": lambda l: False, "second": lambda l: l == 2, "not the first": lambda l: l > 1}
patterns = pytest.mark.parametrize("has_bias", PATTERNS.values(), ids=PATTERNS)


def unbiased(case, has_bias, count=3):
    """The inputs of a case whose layers have biases where this says so; it starts as
    its rule does.
    """
    run = run_of_case(case, count)
    biases = tuple(map(has_bias, range(1, len(case.sizes))))
    b = tuple(b if has else np.zeros_like(b) for b, has in zip(run.b, biases, strict=True))
    changed = tuple(replace(step, spec=replace(step.spec, biases=biases)) for step in run.steps)
    return replace(run, b=b, state={}, steps=changed)


def deep(optimizer="sgd", **settings):
    """A 5-4-4-3 network on values."""
    return Case(
        "probe",
        (5, 4, 4, 3),
        ("tanh", "sigmoid"),
        output="tanh",
        loss="mse",
        targets="values",
        optimizer=optimizer,
        settings=settings,
        batch=7,
    )


@patterns
@pytest.mark.parametrize("case", RULES[::4], ids=lambda case: case.id)
def test_a_right_run_is_right(case, has_bias):
    """Its own steps are certified whole, and not accused, whatever is shown; they show
    no db and no b of a layer that has none.
    """
    records = simulate(unbiased(case, has_bias))
    for record, previous in zip(records, [None, *records], strict=False):
        certificate = certify(record, previous)
        assert certificate.passed, str(certificate)
    run = run_of(records)
    assert diagnose_runs([run]) == []
    assert diagnose_runs([showing(run, "W", "b")]) == []
    assert diagnose_runs([showing(run, "dW", "db", "W", "b")]) == []
    for program, step, again in zip(steps(run, [], Plain), run.steps, records_of(run), strict=True):
        layers = {l for each, l in step.arrays if each in ("b", "db") or each.endswith(" of b")}
        assert layers == {l for l in range(1, len(case.sizes)) if has_bias(l)}
        assert set(program.walk()) == set(step.arrays)
        assert again.spec == step.spec


MISTAKES = {
    "weights-transposed-forward": {},
    "activation-twice": {},
    "loss-halved": {},
    "output-derivative-missing": {},
    "hidden-derivative-missing": {},
    "hidden-weights-transposed": {},
    "gradients-not-reset": {},
    "dW-from-own-a": {},
    "averaged-in-the-gradients": {},
    "lr-missing": {},
    "step-uphill": {},
    "decay-subtracted": {"weight_decay": 0.2},
    "decay-in-the-gradients": {"weight_decay": 0.2},
    "momentum-sign": {"momentum": 0.9},
}


@patterns
@pytest.mark.parametrize("bug", MISTAKES)
def test_a_mistake_is_named(bug, has_bias):
    """Alone, with an example in numbers, also where its other half, in db, is not
    there.
    """
    run = unbiased(deep(**MISTAKES[bug]), has_bias)
    records = simulate(run, [(BY_ID[bug], BY_ID[bug].layers(run.spec))])
    assert [finding.bug for finding in diagnose(records)] == [bug]
    (explained,) = diagnose_runs([run_of(records)], explain=True)
    assert explained.bug == bug
    assert (explained.example is None) == (explained.verdict == CONVENTION)


ABOUT_BIASES = (
    *("bias-forgotten", "bias-added-twice", "bias-subtracted", "no-biases"),
    *("bias-never-updated", "bias-at-twice-the-rate", "momentum-not-on-b"),
    *("decay-not-on-b", "decay-constant-on-b"),
    *(bug.id for bug in CATALOGUE if set(bug.slots) == {"BP3"}),
)


@pytest.mark.parametrize("bug", ABOUT_BIASES)
def test_a_mistake_about_biases_stands_where_there_are_some(bug):
    """In no layer without them, and in the others as ever."""
    case = deep(momentum=0.9, weight_decay=0.2)
    some, all_of_them = unbiased(case, PATTERNS["second"]), unbiased(case, lambda l: True)
    assert BY_ID[bug].layers(some.spec) == BY_ID[bug].layers(all_of_them.spec) & {2}
    assert BY_ID[bug].layers(unbiased(deep(), PATTERNS["none"]).spec) == frozenset()


def test_a_number_for_all_of_theta_is_one_for_w_where_there_is_no_b():
    """Of two entries that would be the same, the one about W alone is left."""
    spec = unbiased(deep(), PATTERNS["none"]).spec
    with_b = unbiased(deep(), PATTERNS["second"]).spec
    about_b = {each.id for each in FAMILIES if each.at(2.0).layers(with_b)} - {
        each.id for each in FAMILIES if each.at(2.0).layers(spec)
    }
    assert about_b == {
        "factor {c} in db",
        "step of theta times {c}",
        "step of b times {c}",
        "penalty of {c} theta in the gradients",
        "decay of {c} theta in the update",
    }


def test_a_bias_that_is_added_all_the_same():
    """What is no product of W makes z wrong, and there is no b to explain it by."""
    added = Mistake("", "", "", "", "", {"z": lambda s, l, right: right() + 0.25}, anywhere)
    run = unbiased(deep(), PATTERNS["none"])
    records = simulate(run, [(added, {2})])
    assert certify(records[0]).broken[0].quantity == "z"
    finding, *_ = diagnose(records)
    assert (finding.bug, finding.where) == ("", "z (weighted input) of layer 2")


FORMULAS = {
    "half of z": ("z", lambda s, l, right: s.a(l - 1) @ s.W(l).T * 0.5, "0.5"),
    "absolute weights": ("z", lambda s, l, right: s.a(l - 1) @ abs(s.W(l)).T, "|W^l|"),
    "a part of the last dW": (
        "BP4",
        lambda s, l, right: right() + s.previous.dW(l) * 0.9 if s.previous else right(),
        "0.9 dW_last^l",
    ),
}


@pytest.mark.parametrize("wrong", FORMULAS)
def test_a_formula_is_found_without_b(wrong):
    """As nobody has b at hand, no formula reads it."""
    slot, function, says = FORMULAS[wrong]
    mistake = Mistake("", "", "", "", "", {slot: function}, anywhere)
    run = unbiased(deep(), PATTERNS["none"])
    (finding,) = diagnose_runs([run_of(simulate(run, [(mistake, {1, 2, 3})]))])
    assert says in finding.formula
    assert "b^" not in finding.formula + finding.expected


def test_an_example_has_no_array_that_is_not_there():
    """It is chosen among the db that there are, and z of layer 1 reads no b."""
    run = unbiased(deep(), PATTERNS["second"], count=1)
    chosen = cases_of(run, "", ("z", "db", "b", "dW"), (1, 2))
    reads = {case.quantity: case.reads for case in chosen}
    assert [*reads] == [("z", 1), ("z", 2), ("db", 2), ("b", 2), ("dW", 1), ("dW", 2)]
    assert reads["z", 1] == [("a", 0), ("W", 1)]
    assert reads["z", 2] == [("a", 1), ("W", 2), ("b", 2)]


def test_no_formula_reads_what_is_not_there():
    """A leaf for the b or the db of a layer without biases is no array."""
    run = unbiased(deep(), PATTERNS["second"])
    (step, *_) = steps(run, [], Plain)
    for kind in ("b", "db"):
        with pytest.raises(ValueError, match="formula: layer 1 has no biases"):
            read(name(kind, "l", ""), step, 1, None)
        assert read(name(kind, "l", ""), step, 2, None).shape == (4,)
    assert step.start(Part("b", 1)).value.tolist() == [0.0] * 4
