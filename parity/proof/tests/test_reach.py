"""What is allowed is neither too small nor twice too large for programs that do all
that rounding may do, each time to the same side.
"""

from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise
from types import SimpleNamespace

import numpy as np
import pytest

import refnet
from parity import certify, compare, compare_restated
from parity.experiments.job.sweep import side_by_side
from parity.proof.agreement import agree
from parity.proof.statements import statements
from parity.proof.tests.pairs import (
    SQUARE,
    VECTORS,
    disagreement,
    order_of,
    put,
    replayed,
    rounded,
    where,
)
from parity.steps.cases import PLAIN as PLAIN_CASES
from parity.steps.cases import Case
from parity.steps.record import LayerRecord, Snapshot, record_refnet
from refnet import Dense, Network
from refnet.equations import PLAIN
from refnet.optimizers import OPTIMIZERS


def end(statement, sign):
    """The last number of the dtype on that side that the statement's own bound
    admits.
    """
    claim, middle = statement.claim, rounded(statement)
    reached = (claim.exact + sign * claim.bound * (1.0 + claim.slack)).astype(middle.dtype)
    for _ in range(2):
        reached = np.where(claim.share(reached) <= 1.0, reached, np.nextafter(reached, middle))
    return np.where(claim.share(reached) <= 1.0, reached, middle)


def away_from(other):
    """The end of each bound that lies farther from what the other record shows."""
    shown = {(s.equation, s.layer, s.quantity): s.got for s in statements(other)}

    def choose(statement):
        low, high, there = (
            end(statement, -1),
            end(statement, 1),
            shown[statement.equation, statement.layer, statement.quantity],
        )
        return np.where(np.abs(high - there) >= np.abs(low - there), high, low)

    return choose


DRIVEN = [
    *SQUARE,
    *(
        Case(
            "",
            sizes,
            hidden,
            output,
            loss,
            targets,
            "sgd",
            {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
            batch,
            dtype,
        )
        for batch, dtype in ((1, "float64"), (7, "float32"))
        for sizes, hidden, output, loss, targets in (
            ((3, 1, 2), ("sigmoid",), "softmax", "cross_entropy", "distributions"),
            ((3, 2, 2), ("relu",), "sigmoid", "binary_cross_entropy", "probabilities"),
            ((2, 3, 2), ("softmax",), "identity", "softmax_cross_entropy", "labels"),
            ((2, 2, 1), ("leaky_relu",), "identity", "sigmoid_cross_entropy", "probabilities"),
            ((2, 2, 2), ("tanh",), "leaky_relu", "mae", "values"),
            ((2, 2, 2), ("identity",), "sigmoid", "cross_entropy", "labels"),
            ((1, 1, 1, 1), ("identity", "sigmoid"), "tanh", "half_squared_error", "values"),
        )
    ),
]
DRIVEN = {case.id: case for case in DRIVEN}


@cache
def driven(name):
    """Two records of the second step of a case, each within its own bounds, that use
    them to come as far apart as they can.
    """
    start = [ours for ours, _ in side_by_side(DRIVEN[name])][1]
    rng = np.random.default_rng(len(name))
    one = replayed(
        start, lambda statement: end(statement, rng.choice([-1, 1], statement.got.shape))
    )
    other = replayed(start, away_from(one))
    one = replayed(start, away_from(other))
    return certify(one), certify(other)


def most_used(agreements):
    """Of every equation and quantity the largest share of what is allowed."""
    used = {}
    for d in (d for agreement in agreements for d in agreement.differences):
        kind = d.equation, d.quantity.rpartition(" of ")[0] or d.quantity
        used[kind] = max(used.get(kind, 0.0), d.used)
    assert {label for label, _ in used} == set(PLAIN)
    unseen = VECTORS - {quantity for _, quantity in used}
    assert not unseen, f"parity/proof/tests/pairs.py: ADAPTIVE has no rule with {', '.join(unseen)}"
    return used


@pytest.mark.parametrize("name", DRIVEN)
def test_two_right_programs_agree_though_they_come_as_far_apart_as_their_bounds_admit(name):
    """Each equation off by its whole bound, always to the side where the two part: both
    are certified, and they agree either way.
    """
    one, other = driven(name)
    assert one.passed, one.verdict
    assert other.passed, other.verdict
    for agreement in (agree(one, other), agree(other, one)):
        assert agreement.passed, str(agreement)


def test_the_running_bound_is_not_twice_as_wide_as_it_must_be():
    """Of every quantity there is one that such programs bring more than half as far
    apart as is allowed.
    """
    used = most_used(agree(*driven(name)) for name in DRIVEN)
    assert {kind: share for kind, share in used.items() if share <= 0.5} == {}


def opposite(record):
    """Another program's results from the record's own inputs, each at the far end of
    its bound; the new weights from its new state.
    """
    other, choose = record, away_from(record)
    for stage in range(4):
        for statement in statements(replace(other, layers=record.layers)):
            if order_of(record, statement.quantity) == stage:
                chosen = choose(statement)
                place = statement.equation, statement.layer, statement.quantity
                other = put(other, place, float(chosen) if place[2] == "loss" else chosen)
    return other


def test_from_equal_inputs_the_allowance_is_twice_the_bound():
    """Results at either end of every bound agree, and of every quantity some use more
    than nine tenths of what is allowed.
    """
    records = [driven(name)[0].record for name in DRIVEN]
    agreements = [compare_restated(record, opposite(record)) for record in records]
    assert all(agreement.passed for agreement in agreements)
    assert {kind: share for kind, share in most_used(agreements).items() if share <= 0.9} == {}


def backwards(A, B):
    """A B, summed up from the last term to the first."""
    return sum(
        (np.outer(A[:, k], B[k]) for k in reversed(range(len(B)))),
        np.zeros((len(A), B.shape[1]), A.dtype),
    )


def in_another_order(net, x, y, loss, optimizer):
    """The record of a step with refnet's equations, every sum of products taken
    backwards.
    """
    layers, trace, a = [], [], x
    for layer in net.layers:
        z = backwards(a, layer.W.T) + layer.b
        trace.append((a, z, a := layer.activation.value(z)))
    back = loss.gradient(a, y)
    for layer, (a_prev, z, out) in zip(net.layers[::-1], trace[::-1], strict=True):
        delta = layer.activation.pullback(back, z, out)
        dW, db = backwards(delta.T, a_prev), backwards(np.ones((1, len(x)), x.dtype), delta)[0]
        layers.insert(0, LayerRecord(z, out, delta, dW, db))
        back = backwards(delta, layer.W)
    optimizer.step(
        net,
        SimpleNamespace(
            vector=np.concatenate([g.ravel() for shown in layers for g in (shown.dW, shown.db)])
        ),
    )
    W, b = ([getattr(layer, name).copy() for layer in net.layers] for name in ("W", "b"))
    state = {key: vector.copy() for key, vector in optimizer.state.items() if key != "steps"}
    return tuple(layers), loss.value(a, y), Snapshot(tuple(W), tuple(b), state)


def taken_by_three(case, step):
    """The certificates of what refnet, PyTorch and refnet's equations with backward
    sums make of a step.
    """
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    ours, theirs = list(side_by_side(case))[step]
    start = Network(
        [
            Dense(W, b, layer.activation)
            for W, b, layer in zip(ours.before.W, ours.before.b, net.layers, strict=True)
        ]
    )
    rule = type(optimizer)(**ours.spec.hyperparameters)
    rule.state = {"steps": ours.spec.step - 1, **ours.before.state}
    layers, value, after = in_another_order(start, ours.x, ours.y, loss, rule)
    return tuple(
        map(certify, (ours, theirs, replace(ours, layers=layers, loss=value, after=after)))
    )


def test_three_right_programs_agree_and_use_what_is_allowed():
    """refnet, PyTorch and sums taken backwards agree, each with each; of every equation
    some use a thousandth of what is allowed.
    """
    steps = [taken_by_three(case, -(i % 2)) for i, case in enumerate([*PLAIN_CASES[::29], *SQUARE])]
    agreements = [agree(*two) for three in steps for two in combinations(three, 2)]
    assert [str(agreement) for agreement in agreements if not agreement.passed] == []
    assert {kind: share for kind, share in most_used(agreements).items() if share <= 1e-3} == {}


# How far the bound reaches


def chain(depth, **settings):
    """A record of weights 1, no biases and identity: every layer of one unit hands on
    what it gets.
    """
    net = refnet.mlp([1] * (depth + 1), "identity", "identity")
    net.parameters[:] = np.tile([1.0, 0.0], depth)
    return record_refnet(net, [[1.0]], [[0.5]], "mse", refnet.SGD(**settings))


def allowed(record, quantity):
    """What is allowed of a quantity of one entry, layer by layer."""
    return [d.allowed for d in compare(record, record).differences if d.quantity == quantity]


def test_the_bound_grows_with_the_layers_that_come_before():
    """Where every layer is alike, z may differ by as much more in each, and delta by
    more in each layer below.
    """
    # delta from the last layer down
    z, delta = (allowed(chain(9), quantity) for quantity in ("z", "delta"))
    assert all(
        number * z[0] <= here < (number + 1) * z[0] for number, here in enumerate(z, start=1)
    )
    assert all(above < below for above, below in pairwise(delta))


def test_the_bound_does_not_grow_with_the_steps_before():
    """A thousandth step from equal weights allows what a first one does."""
    record = chain(3, lr=0.0)
    later = replace(record, spec=replace(record.spec, step=1000))
    assert [d.allowed for d in compare(later, later).differences] == [
        d.allowed for d in compare(record, record).differences
    ]


@pytest.mark.parametrize("rule", ["adam", "adagrad", "rmsprop"])
def test_where_the_state_says_nothing_nothing_is_judged(rule):
    """A gradient that is all rounding, divided by its own size, may step either way:
    its W is not judged, which is no agreement; its certificate judges it, and so does
    the comparison where eps keeps the divisor from 0.
    """
    net = refnet.mlp([1, 1], output="identity")
    for eps in (0.0, 1e-8):
        net.parameters[:] = 0.0
        data = (
            ([[1.0], [1.0]], [[1.0], [-1.0]])
            if eps
            else ([[1.0], [1.0]], [[1.0], [-1.0 + 2.0**-52]])
        )
        record = record_refnet(net, *data, "mse", OPTIMIZERS[rule](eps=eps))
        other = put(record, ("step", 1, "W"), np.ones((1, 1)))
        assert [where(r) for r in certify(other).broken] == [("step", 1, "W")]
        agreement = compare(other, record)
        assert not agreement.passed
        if eps:
            assert disagreement(agreement) == (("step", 1, "W"), "value")
        else:
            assert agreement.first is None
            assert {d.quantity: d.unjudged for d in agreement.differences if d.unjudged} == {
                "W": 1,
                "b": 1,
            }
            assert str(agreement).endswith("; 2 entries not judged")
        assert disagreement(
            compare(put(record, ("step", 1, "W"), np.full((1, 1), np.nan)), record)
        ) == (
            ("step", 1, "W"),
            "finiteness",
        )


def test_a_difference_too_large_for_the_dtype_fails():
    """Finite numbers whose difference is not finite, or whose square is not, are
    compared like any others.
    """
    record = chain(2)
    largest = np.full((1, 1), np.finfo("float64").max)
    for place in (("z", 1, "z"), ("BP4", 2, "dW"), ("step", 1, "W")):
        assert disagreement(compare(put(record, place, largest), put(record, place, -largest))) == (
            place,
            "value",
        )


def test_what_the_judge_cannot_compute_is_not_judged():
    """Where the exact value overflows and what two programs have does not, nothing is
    said of that array: neither that the two agree, nor that they do not.
    """
    huge = 2.0**1000  # its halves, in products to twice the precision, are not finite
    dense = Dense(np.array([[1.0 / huge]]), np.zeros(1), "identity")
    record = record_refnet(
        Network([dense]), [[huge]], [[0.0]], "half_squared_error", refnet.SGD(lr=0.0)
    )
    assert record.layers[0].z[0, 0] == 1.0
    for other in (record, put(record, ("z", 1, "z"), np.full((1, 1), 2.0))):
        agreement = compare(other, record)
        (z,) = (d for d in agreement.differences if d.quantity == "z")
        assert (z.unjudged, z.used) == (1, 0.0)
        assert not agreement.passed
