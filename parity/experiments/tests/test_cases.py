"""The case table as tests, and what the table itself must contain."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from parity import Result, certify, compare_restated, restate
from parity.experiments.job.sweep import CaseOutcome, StepOutcome, side_by_side, sweep
from parity.proof.agreement import Agreement, Difference
from parity.rounding.claim import PASSED
from parity.steps.cases import (
    ARCHITECTURES,
    CASES,
    DTYPES,
    PAIRS,
    PARTS,
    RATES,
    RULES,
    TRAINABLE,
    Case,
)
from refnet.activations import ACTIVATIONS
from refnet.clipping import CLIPPINGS
from refnet.equations import EQUATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS
from refnet.regularisers import PENALTIES


def check(outcome: CaseOutcome) -> None:
    """Every array of every step is judged and holds on both sides, and agrees; the
    failure names case, step, side, equation and layer.
    """
    assert outcome.passed, str(outcome)
    assert len(outcome.steps) == (5 if outcome.case.group == "optimizer" else 2)
    equations = set(EQUATIONS) - ({"BP2"} if len(outcome.case.sizes) == 2 else set())
    equations -= set() if any(outcome.case.dropout) else {"dropout"}
    equations -= set() if outcome.case.bias else {"BP3"}
    for i, step in enumerate(outcome.steps):
        ours, theirs = (
            [(r.equation, r.layer, r.quantity) for r in results]
            for results in (step.ours, step.theirs)
        )
        stateful = bool(outcome.case.make_optimizer()._kept) and outcome.case.optimizer != "sgd"
        # a first step starts from the rule's own state
        assert ("wiring" in {which[0] for which in ours}) is (i > 0 or stateful)
        ours, theirs = (
            [which for which in side if which[0] != "wiring"] for side in (ours, theirs)
        )
        assert ours == theirs
        assert {equation for equation, _, _ in theirs} == equations
        assert {r.status for r in (*step.ours, *step.theirs)} == {PASSED}
        assert all(
            r.used <= 1.0 and (r.equation == "wiring" or np.isfinite(r.allowed))
            for r in (*step.ours, *step.theirs)
        )
        assert [(d.equation, d.layer, d.quantity) for d in step.agreement.differences] == theirs
        assert all(
            d.passed and d.kind == "value" and np.isfinite(d.allowed)
            for d in step.agreement.differences
        )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_equation_holds_on_both_sides_and_the_two_agree(case):
    """Five steps with a changing learning rate: outputs, gradients, state and weights
    of refnet and PyTorch hold, and agree.
    """
    (outcome,) = sweep([case])
    check(outcome)


@pytest.mark.parametrize(
    "case",
    [replace(case, seed=1 + i % 3) for i, case in enumerate(CASES[::23])],
    ids=lambda case: case.id,
)
def test_other_seeds_hold_and_agree(case):
    """Nothing hangs on the weights and data of one seed."""
    (outcome,) = sweep([case])
    check(outcome)


def test_every_allowed_pair_stands_in_the_table():
    """Each loss stands behind every output that it reads, under every trainable hidden
    activation.
    """
    allowed = {
        (loss, output)
        for loss, kind in LOSSES.items()
        for output, activation in ACTIVATIONS.items()
        if activation.trainable and (not kind.outputs or issubclass(activation, kind.outputs))
    }
    assert {(case.loss, case.output, case.hidden) for case in PAIRS} == {
        (*pair, (hidden,)) for pair in allowed for hidden in TRAINABLE
    }


def test_every_rule_stands_in_the_table_with_each_of_its_settings():
    """Each optimizer is there plainly, and each of its settings departs from its
    default somewhere.
    """
    for name, kind in OPTIMIZERS.items():
        default = kind().hyperparameters
        given = [case.make_optimizer().hyperparameters for case in RULES if case.optimizer == name]
        unvaried = {
            key for key in default if all(settings[key] == default[key] for settings in given)
        }
        # lr varies from step to step; these four keep their default in a float
        # comparison of no interest, or have only one sensible value
        assert unvaried <= {"lr", "eps", "alpha", "betas"}, (name, unvaried)


def test_layer_sizes_are_distinct_primes_or_a_place_where_mistakes_hide():
    """No array of an ordinary case fits where another belongs."""
    for case in (*PAIRS, *RULES):
        assert len(set(case.sizes)) == len(case.sizes)
        assert all(size > 1 and all(size % k for k in range(2, size)) for size in case.sizes)
    shapes = {case.sizes for case in ARCHITECTURES}
    assert any(len(sizes) == 2 for sizes in shapes), "one layer"
    assert any(1 in sizes[1:-1] for sizes in shapes), "width 1"
    assert any(len(set(sizes)) == 1 and len(sizes) > 2 for sizes in shapes), "square layers"
    assert {case.batch for case in ARCHITECTURES} >= {1, 2}


def test_no_batch_is_long():
    """The bound of a sum grows with its rows, and what it can see shrinks: no case has
    more than 64 of them.
    """
    assert max(case.batch for case in CASES) <= 64


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", PARTS, ids=lambda case: case.row)
def test_each_equation_of_a_part_agrees_with_pytorch_s_own(case, dtype):
    """Also where PyTorch computes every equation of either record from the record's own
    numbers.
    """
    for pair in side_by_side(replace(case, dtype=dtype)):
        for record in pair:
            agreement = compare_restated(record, restate(record))
            assert agreement.passed, str(agreement)


def test_every_part_stands_in_the_table():
    """Each setting of each loss, weights of rows and a sum of each loss, each penalty,
    on biases too, both ways of clipping, dropout and no biases.
    """
    for name, kind in LOSSES.items():
        cases = [case for case in PARTS if case.loss == name]
        assert {key for case in cases for key in case.loss_settings} == set(kind.defaults), name
        assert {case.weighted for case in cases} == {True, False}
    penalties = [case.penalty for case in PARTS if case.penalty is not None]
    assert {penalty.name for penalty in penalties} == set(PENALTIES)
    assert {penalty.biases for penalty in penalties} == {True, False}
    assert {case.clip[0] for case in PARTS if case.clip is not None} == set(CLIPPINGS)
    dropping = [case for case in PARTS if any(case.dropout)]
    assert {bool(case.dropout[0]) for case in dropping} == {True, False}
    assert {case.bias for case in dropping} == {True, False}
    assert {len(case.sizes) for case in PARTS if not case.bias} >= {3, 4}


def test_every_part_does_something():
    """A limit clips, another one does not; masks drop some inputs and no others; labels
    are ignored, and some are not; a row of weight 0 counts nothing.
    """
    clipped = set()
    for case in PARTS:
        (ours, _), *_ = side_by_side(case)
        if case.clip is not None:
            g = np.concatenate([layer.dW.ravel() for layer in ours.layers])
            size = np.linalg.norm(g) if case.clip[0] == "norm" else abs(g).max()
            clipped.add((case.clip[0], bool(size > case.clip[1])))
        masks = [mask for mask in ours.masks if mask is not None]
        assert len(masks) == sum(p > 0.0 for p in case.dropout)
        assert all((mask == 0.0).any() and (mask > 1.0).any() for mask in masks)
        if (label := case.loss_settings.get("ignore_index")) is not None:
            assert set(ours.y == label) == {True, False}
        if case.weighted:
            assert sorted(ours.sample_weight)[:2] > [0.0, 0.0]
            assert not ours.layers[-1].delta[ours.sample_weight == 0.0].any()
    assert clipped == {("norm", True), ("norm", False), ("value", True)}


@pytest.mark.parametrize("case", CASES[::17], ids=lambda case: case.id)
def test_no_case_has_a_blind_spot(case):
    """Weights are asymmetric, biases are not zero, no two steps share data, and the
    learning rate changes.
    """
    for layer in case.network().layers:
        assert layer.b is None or (layer.b != 0).all()
        if layer.fan_in == layer.fan_out > 1:
            assert not np.array_equal(layer.W, layer.W.T)
    xs = [x for x, _, _ in case.steps()]
    assert not np.array_equal(xs[0], xs[1])
    assert len(set(RATES)) == len(RATES) == 5


def test_ids_are_unique():
    """A failure names exactly one case."""
    assert len({case.id for case in CASES}) == len(CASES)


def eps_variants(record):
    """The new parameters, flat and in wide numbers, where eps stands elsewhere: by the
    place of it.
    """
    h, t, state = (
        record.spec.hyperparameters,
        record.spec.step,
        {k: v.astype(np.longdouble) for k, v in record.after.state.items()},
    )
    theta, g = (
        np.concatenate([np.ravel(part) for pair in pairs for part in pair]).astype(np.longdouble)
        for pairs in (
            zip(record.before.W, record.before.b, strict=True),
            ((layer.dW, layer.db) for layer in record.layers),
        )
    )
    eps = np.longdouble(h["eps"])
    if record.spec.optimizer != "adam":
        v = state["sum" if record.spec.optimizer == "adagrad" else "square_avg"]
        return {"inside the root": theta - h["lr"] * g / np.sqrt(v + eps)}
    m, v = state["exp_avg"], state["exp_avg_sq"]
    bc1, bc2 = (1 - np.longdouble(beta) ** t for beta in h["betas"])
    return {
        "inside the root": theta - h["lr"] / bc1 * m / np.sqrt(v / bc2 + eps),
        "inside the root, squared": theta - h["lr"] / bc1 * m / np.sqrt(v / bc2 + eps**2),
        "before the bias correction": theta - h["lr"] * np.sqrt(bc2) / bc1 * m / (np.sqrt(v) + eps),
    }


def split(vector, like):
    """A flat vector as the W and b of a snapshot."""
    arrays, start = {"W": [], "b": []}, 0
    for pair in zip(like.W, like.b, strict=True):
        for name, array in zip("Wb", pair, strict=True):
            arrays[name].append(
                vector[start : start + array.size].reshape(array.shape).astype(array.dtype)
            )
            start += array.size
    return replace(like, W=tuple(arrays["W"]), b=tuple(arrays["b"]))


def visible_places(ours, theirs):
    """The places of eps that move a parameter by more than both bounds; where one does,
    the certificate refuses it.
    """
    mine, other = (
        [s for s in certify(record).statements if s.quantity in ("W", "b")]
        for record in (ours, theirs)
    )
    both = np.concatenate(
        [
            sum(s.claim.bound * (1.0 + s.claim.slack) for s in pair).ravel()
            for pair in zip(mine, other, strict=True)
        ]
    )
    right = np.concatenate([s.claim.exact.ravel() for s in mine])
    for place, theta in eps_variants(ours).items():
        if (np.abs(theta.astype(ours.spec.dtype) - right) > both).any():
            assert {
                result.equation
                for result in certify(replace(ours, after=split(theta, ours.after))).broken
            } == {"step"}
            yield place


PROBES = [  # eps is as large as the gradients, or the least of many gradients is as small as eps
    case
    for case in RULES
    if (case.optimizer == "adam" and case.settings.get("eps") == 0.001)
    or (
        (case.optimizer, case.settings) in (("adagrad", {"lr": 0.1}), ("rmsprop", {}))
        and case.batch > 1
    )
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", PROBES, ids=lambda case: case.id)
def test_the_place_of_eps_is_visible(case, dtype):
    """In some step each other place of eps moves a parameter by more than both bounds,
    in float32 as in float64.
    """
    seen = {
        place
        for pair in side_by_side(replace(case, dtype=dtype))
        for place in visible_places(*pair)
    }
    assert seen == set(eps_variants(next(side_by_side(case))[0]))


def test_both_sides_take_the_steps_of_the_case():
    """Data and learning rate of each step are the case's, and the twin starts from
    refnet's weights and state.
    """
    case = Case("", optimizer="adam")
    for (x, y, lr), (ours, theirs) in zip(case.steps(), side_by_side(case), strict=True):
        assert ours.spec == theirs.spec
        assert ours.spec.hyperparameters["lr"] == lr
        for record in (ours, theirs):
            assert np.array_equal(record.x, x)
            assert np.array_equal(record.y, y)
        starts = [
            (*start.W, *start.b, *start.state.values()) for start in (ours.before, theirs.before)
        ]
        assert all(np.array_equal(mine, other) for mine, other in zip(*starts, strict=True))


def test_a_wrong_pytorch_is_named(monkeypatch):
    """A derivative that is wrong on PyTorch's side is found there, and the case ends
    with the step that shows it.
    """
    monkeypatch.setattr(torch.nn.Tanh, "forward", lambda self, z: torch.tanh(z) + (z - z.detach()))
    (outcome,) = sweep([Case("")])
    assert str(outcome).startswith(
        f"{outcome.case.id}: step 1, PyTorch: BP2 (hidden delta) of layer 1 is wrong: delta at "
    )
    assert (outcome.passed, len(outcome.steps)) == (False, 1)


@pytest.mark.parametrize("layer", [1, 2])
def test_weights_changed_between_the_steps_are_noticed(monkeypatch, layer):
    """A bias moved by one last place from outside, between two steps of a case, breaks
    the wiring of its layer.
    """
    real = sweep.__globals__["record_refnet"]

    def record_refnet(net, *given, **asked):
        record = real(net, *given, **asked)
        net.layers[layer - 1].b[0] = np.nextafter(net.layers[layer - 1].b[0], np.inf)
        return record

    monkeypatch.setattr("parity.experiments.job.sweep.record_refnet", record_refnet)
    (outcome,) = sweep([Case("")])
    assert outcome.first == (
        2,
        f"refnet: wiring of layer {layer}: b before has other values than the step before wrote",
    )


def test_what_is_not_judged_is_no_proof():
    """A result that is neither wrong nor passed, on either side, is a problem in words;
    so are two that part, after the certificates.
    """
    (outcome,) = sweep([Case("")])
    step = outcome.steps[-1]
    silent = replace(step.theirs[0], status="not judged", note="overflow")
    for side, name in (("ours", "refnet"), ("theirs", "PyTorch")):
        left = replace(step, **{side: (*getattr(step, side), silent)})
        assert (left.passed, left.problem) == (False, f"{name}: {silent}")
    difference = Difference("BP4", 2, "dW", 1.5, (0, 1), 2.0, 1.0, 0.75)
    apart = replace(step, agreement=Agreement((difference,)))
    assert (apart.passed, apart.problem) == (False, f"they part: {difference}")
    assert replace(apart, ours=(silent,)).problem == f"refnet: {silent}"
    assert replace(step, agreement=None).passed


def test_the_worst_shares_are_the_largest_of_each_side():
    """Of a step: over its results and differences; of a case: over its steps, each side
    by itself.
    """

    def outcome(ours, theirs, apart):
        results = [Result("z", 1, "z", "", used) for used in (0.0, ours, theirs)]
        return StepOutcome(
            (*results[:2], results[0]), results[::2], Agreement((Difference("z", 1, "z", apart),))
        )

    assert outcome(0.5, 0.25, 0.125).worst == (0.5, 0.25, 0.125)
    assert replace(outcome(0.5, 0.25, 0.125), agreement=None).worst == (0.5, 0.25, 0.0)
    assert CaseOutcome(Case(""), (outcome(0.5, 0.25, 0.0), outcome(0.25, 0.75, 0.125))).worst == (
        0.5,
        0.75,
        0.125,
    )


def test_a_case_that_holds_says_so():
    """In words: its id, and that every equation holds."""
    (outcome,) = sweep([Case("")])
    assert str(outcome) == f"{outcome.case.id}: every equation holds"
    assert outcome.first is None
