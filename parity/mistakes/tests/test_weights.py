"""Losses with weights: no right program is accused, other mistakes keep their names."""

from dataclasses import replace

import pytest

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.conditions import is_last
from parity.mistakes.diagnosis.diagnosis import diagnose, diagnose_runs
from parity.mistakes.mistake import Mistake
from parity.mistakes.probes import PROBES
from parity.mistakes.search.replay import run_of, showing, simulate
from parity.proof import formulas
from parity.steps.cases import DTYPES, PARTS
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import record_refnet

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
# rows of the case table whose loss has settings or weights of rows, and nothing else
CASES = [
    case
    for case in PARTS
    if (case.loss_settings or case.weighted)
    and case.bias
    and not (case.penalty or case.clip or case.dropout)
]
PROBE = {probe.name: probe for probe in PROBES}


def by_refnet(case):
    """The steps of a case by refnet."""
    net, rest = case.network(), (case.make_loss(), case.make_optimizer())
    for (x, y, lr), given in zip(case.steps(), case.given(), strict=True):
        rest[1].lr = lr
        yield record_refnet(net, x, y, *rest, sample_weight=given.sample_weight)


def by_torch(case):
    """The steps of a case by PyTorch."""
    model = twin(case.network())
    rest = twin_loss(case.make_loss(), case.dtype), twin_optimizer(case.make_optimizer(), model)
    for (x, y, lr), given in zip(case.steps(), case.given(), strict=True):
        rest[1].param_groups[0]["lr"] = lr
        yield record_torch(model, x, y, *rest, sample_weight=given.sample_weight)


@in_both_dtypes
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_no_right_program_is_accused(case, dtype):
    """Neither refnet nor PyTorch, from all arrays or from the gradients alone."""
    for side in (by_refnet, by_torch):
        records = [*side(replace(case, dtype=dtype))]
        assert diagnose(records[0]) == []
        run = run_of(records)
        assert diagnose_runs([run]) == []
        assert diagnose_runs([showing(run, "dW", "db", "W", "b")]) == []


PLAIN = [  # mistakes that need no weights, and where they are made
    ("hidden-derivative-missing", "class weights and smoothing"),
    ("not-averaged", "class weights and smoothing"),
    ("loss-summed", "ignored labels"),
    ("labels-off-by-one", "ignored labels"),
    ("output-delta-negated", "weighted distributions"),
    ("cross-entropy-without-jacobian", "weighted distributions"),
    ("db-averaged", "weighted positive targets"),
    ("loss-halved", "weighted rows"),
    ("half-the-gradient", "summed"),
    ("averaged-in-the-gradients", "weighted rows"),
]


@pytest.mark.parametrize(("mistake", "probe"), PLAIN)
def test_other_mistakes_are_named_beside_weights(mistake, probe):
    """As they are without."""
    run, bug = PROBE[probe].run(), BY_ID[mistake]
    records = simulate(run, [(bug, bug.layers(run.spec))])
    (finding,) = diagnose_runs([run_of(records)])
    assert mistake in (finding.bug, *finding.alike)


def test_what_is_about_weights_is_not_tried_without_them():
    """A run without weights of rows and without settings is no slower for it."""
    plain, weighted = PROBE["mixed activations"].run(), PROBE["weighted rows"].run()
    about = [bug for bug in BY_ID.values() if bug.of_weights]
    assert about
    assert not any(plain.layers(bug) for bug in about)
    assert all(weighted.layers(bug) for bug in about)


def targets_and_rest_exchanged(s, l, right):
    """(p (T0 + T1) - T0) / D."""
    t = s.weighing()
    return (s.z(l).sigmoid() * t.both - t.no) / t.D


def unweighted_in_the_difference(s, l, right):
    """(p sum T - y) / D."""
    t, p = s.weighing(), formulas.softmax(s.z(l))
    return (p * t.yes.sum(axis=1, keepdims=True) - s.targets) / t.D


OF_TARGETS = "T = the targets with their weights, D = what the loss divides by"
OF_OUTPUTS = (
    f"T1 = y with its weights, T0 = 1 - y with its weights, {OF_TARGETS.partition(', ')[2]}"
)
RECOVERED = [
    (
        "weighted positive targets",
        targets_and_rest_exchanged,
        f"delta^L = (sigmoid(z^l) * (T0 + T1) - T0) / D, where {OF_OUTPUTS}",
    ),
    (
        "class weights and smoothing",
        unweighted_in_the_difference,
        f"delta^L = (softmax(z^l) * (sum over units of T) - y) / D, where {OF_TARGETS}",
    ),
]


@pytest.mark.parametrize(("probe", "delta", "said"), RECOVERED)
def test_a_formula_is_recovered_in_what_the_loss_is_weighed_by(probe, delta, said):
    """The catalogue has neither."""
    run = PROBE[probe].run()
    unknown = Mistake("unknown", "BP1", said, "A.", "B.", {"BP1": delta}, is_last)
    (finding,) = diagnose_runs([run_of(simulate(run, [(unknown, unknown.layers(run.spec))]))])
    assert (finding.bug, finding.formula) == ("", said)
