"""Parts with hyper-parameters of their own: the right program takes each part's own, so
that it is not accused, and a mistake is named in such a run, too.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity import certify, diagnose
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.search.replay import records_of, run_of, run_of_case, showing, simulate, steps
from parity.proof.equations.updates import RULE_ENTRIES
from parity.rounding.plain import Plain
from parity.steps.cases import Case

# of every rule: what one W and one b have besides, which the others have not
APART = {
    "sgd": ({"momentum": 0.9, "nesterov": True}, {"momentum": 0.5}),
    "adagrad": ({"lr_decay": 0.1, "initial_accumulator_value": 0.3}, {"eps": 1e-3}),
    "rmsprop": ({"momentum": 0.9, "centered": True}, {"alpha": 0.9}),
    "adam": ({"amsgrad": True}, {"betas": (0.8, 0.95)}),
    "adamw": ({"amsgrad": True}, {"betas": (0.8, 0.95)}),
}
GROUPED = ("W1", "b2")


def grouped(rule, dtype="float64"):
    """The inputs of four steps in which W1 and b2 have other settings, with a decay and
    another rate; it starts as the rule does.
    """
    case = Case("probe", (5, 4, 3), optimizer=rule, batch=7, dtype=dtype, count=4)
    run = run_of_case(case)
    rates = ({"lr": 0.03, "weight_decay": 0.2}, {"lr": 0.007})
    groups = tuple(
        ((part,), {**rate, **apart})
        for part, rate, apart in zip(GROUPED, rates, APART[rule], strict=True)
    )
    steps = tuple(replace(step, spec=replace(step.spec, groups=groups)) for step in run.steps)
    return replace(run, state={}, steps=steps)


rules = pytest.mark.parametrize("rule", APART)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@rules
def test_a_right_run_with_groups_is_right(rule, dtype):
    """The program's own steps are certified, and not accused by the search, whatever
    of them is shown.
    """
    records = simulate(grouped(rule, dtype))
    for record, previous in zip(records, [None, *records], strict=False):
        certificate = certify(record, previous)
        assert certificate.passed, str(certificate)
    run = run_of(records)
    assert diagnose_runs([run]) == []
    assert diagnose_runs([showing(run, "W", "b")]) == []
    assert diagnose_runs([showing(run, "dW", "db", "W", "b")]) == []
    assert len(list(records_of(run))) == len(records)


@rules
def test_what_makes_it_right_are_the_groups(rule):
    """With the settings of the others, a step is wrong where the group stands."""
    record = simulate(grouped(rule))[0]
    for left, part in enumerate(GROUPED):
        spec = replace(record.spec, groups=(record.spec.groups[1 - left],))
        known = RULE_ENTRIES[rule]()
        keeps = {key for each in spec.parts for key in known.keeps(spec.settings_of(*each))}
        start, end = (
            replace(at, state={key: at.state[key] for key in keeps if key in at.state})
            for at in (record.before, record.after)
        )
        other = replace(record, spec=spec, before=start, after=end)
        broken = [result for result in certify(other).broken if result.equation == "step"]
        assert {f"{result.quantity[-1]}{result.layer}" for result in broken} == {part}


MISTAKES = {
    "decay-ignored": "sgd",
    "decay-halved": "adam",
    "lr-missing": "rmsprop",
    "step-uphill": "adagrad",
    "adam-without-correction": "adamw",
    "nesterov-without-effect": "sgd",
    "momentum-without-effect": "rmsprop",
}


@pytest.mark.parametrize("bug", MISTAKES)
def test_a_mistake_is_named_in_a_run_with_groups(bug):
    """Also where the setting that it needs is on in a group alone."""
    run = grouped(MISTAKES[bug])
    records = simulate(run, [(BY_ID[bug], BY_ID[bug].layers(run.spec))])
    findings = diagnose(records)
    assert [finding.bug for finding in findings] == [bug]
    (explained,) = diagnose_runs([run_of(records)], explain=True)
    assert explained.bug == bug
    assert explained.example is not None
    assert ("weight_decay theta" in explained.expected) == (MISTAKES[bug] != "adamw")


def test_a_vector_is_read_where_it_is_kept():
    """What stands in the state for a part that does not keep the vector is not judged;
    where a part keeps it, it is.
    """
    record = simulate(grouped("sgd"))[-1]
    assert set(record.after.state) == {"momentum_buffer"}
    starts = np.cumsum([0, 20, 4, 12])  # W1, b1, W2, b2
    for name, start in zip(("W1", "b1", "W2", "b2"), starts, strict=True):
        vector = record.after.state["momentum_buffer"].copy()
        assert (vector[start] != 0.0) == (name in GROUPED)
        vector[start] += 1.0
        changed = replace(record, after=replace(record.after, state={"momentum_buffer": vector}))
        assert certify(changed).passed == (name not in GROUPED)
        if name not in GROUPED:
            assert diagnose_runs([run_of([changed])]) == []


def test_what_is_kept_of_some_parts_is_shown_and_asked_for_of_these():
    """A run shows the vector of no other part, and its program makes none."""
    run = run_of(simulate(grouped("rmsprop")))
    kept = {f"momentum_buffer of {name}{l}" for name, l in (("W", 1),)}
    for step, program in zip(run.steps, steps(run, [], Plain), strict=True):
        for quantities in (step.arrays, program.walk()):
            vectors = {f"{name}{l}" for name, l in quantities if name.startswith("momentum")}
            assert vectors == kept


def test_a_start_is_judged_where_the_vector_is_kept():
    """Before the first step, other values than the rule's count where a part keeps the
    vector.
    """
    record = simulate(grouped("rmsprop"))[0]
    for name, start in (("W1", 0), ("b1", 20)):
        vector = np.zeros_like(record.before.state["momentum_buffer"])
        vector[start] = 1.0
        state = {**record.before.state, "momentum_buffer": vector}
        changed = replace(record, before=replace(record.before, state=state))
        wired = [each for each in certify(changed).broken if each.equation == "wiring"]
        assert [each.quantity for each in wired] == ["momentum_buffer before"] * (name == "W1")


def test_a_vector_reads_what_its_own_settings_say():
    """W1's velocity is made of two other vectors, which must be shown; no other part
    has one.
    """
    record = simulate(grouped("rmsprop"))[-1]
    shown = {key: v for key, v in record.after.state.items() if key != "square_avg"}
    hidden = replace(record, after=replace(record.after, state=shown))
    (velocity,) = (r for r in certify(hidden).results if r.quantity == "momentum_buffer of W")
    assert (velocity.layer, velocity.status) == (1, "not judged")
