"""Tests of the tests: two records that agree, some quantity made wrong, and the
comparison must say which; and the bound that it rests on.

What is allowed is taken from the comparison itself and met to the last place; that it
is neither too small nor twice too large is shown by programs that do all that rounding
may do, each time to the same side.
"""

import copy
import re
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refnet
from parity import CASES, Agreement, Difference, certify, compare, compare_restated, restate
from parity.experiments.sweep import side_by_side
from parity.proof.agreement import agree
from parity.proof.statements import statements
from parity.steps.cases import DTYPES, Case
from parity.steps.record import LayerRecord, Snapshot, record_refnet
from refnet import EQUATIONS, Dense, Network
from refnet.optimizers import OPTIMIZERS

ADAPTIVE = [
    ("adam", {"lr": 0.1, "amsgrad": True}),
    ("sgd", {"momentum": 0.9, "dampening": 0.5}),
    ("rmsprop", {"centered": True, "momentum": 0.9}),
    ("adagrad", {"lr": 0.1}),
]
SQUARE = [
    Case("optimizer", (4, 4, 4), ("tanh",), "identity", "mse", "values", rule, given, 5, dtype)
    for i, (dtype, (rule, given)) in enumerate(product(DTYPES, ADAPTIVE))
    if i not in (5, 7)  # both dtypes of two rules, one of the others
]
# two hidden layers, one layer and one row, then square layers before every kind of
# state
CHOSEN = [
    *(case for case in CASES if case.sizes == (5, 7, 2, 3) and case.settings == {"momentum": 0.9}),
    *(
        case
        for case in CASES
        if case.sizes == (2, 3) and case.optimizer == "adam" and case.settings == {"lr": 0.01}
    ),
    *(case for case in CASES if case.sizes == (4, 4, 4) and case.batch == 32),
    *SQUARE,
]
TABLE = {case.id: case for case in CHOSEN}
ANY = next(name for name, case in TABLE.items() if case.settings.get("amsgrad"))  # float64
FEW = [case.id for case in (*SQUARE[:4], CHOSEN[1])]
# in order of computation
VECTORS = (
    "square_avg",
    "grad_avg",
    "momentum_buffer",
    "exp_avg",
    "exp_avg_sq",
    "max_exp_avg_sq",
    "sum",
)
everywhere = pytest.mark.parametrize("name", TABLE)
# every kind of state, one layer and three, in either dtype
SIX = [case.id for case in (CHOSEN[0], CHOSEN[3], SQUARE[1], *SQUARE[3:])]
on_six = pytest.mark.parametrize("name", SIX)


@cache
def records(name):
    """The records of refnet and of its twin, step by step from equal weights."""
    return list(side_by_side(TABLE[name]))


@cache
def pair(name, step=-1):
    """The certificates of a step of both; they agree."""
    ours, theirs = map(certify, records(name)[step])
    assert agree(ours, theirs).passed
    return ours, theirs


def places(record):
    """Equation, layer and quantity of everything that a step computes, in order of
    computation.
    """
    last = len(record.layers)
    kept = [key for key in VECTORS if key in record.after.state]
    yield from [(quantity, i, quantity) for i in range(1, last + 1) for quantity in ("z", "a")]
    yield "C", None, "loss"
    for i in range(last, 0, -1):
        yield from [("BP1" if i == last else "BP2", i, "delta"), ("BP3", i, "db"), ("BP4", i, "dW")]
    yield from [
        ("step", i, f"{key} of {name}")
        for i in range(1, last + 1)
        for name in ("W", "b")
        for key in kept
    ]
    yield from [("step", i, name) for i in range(1, last + 1) for name in ("W", "b")]


def told_apart(name, record):
    """Every place on two of FEW; on the others, of the same network and data but
    another rule, those of the step.
    """
    return [place for place in places(record) if place[0] == "step" or name in (ANY, FEW[-1])]


def part(record, layer, name):
    """Where W or b of a layer stands in the flat vectors of the state."""
    sizes = [
        array.size for pair in zip(record.before.W, record.before.b, strict=True) for array in pair
    ]
    at = 2 * (layer - 1) + (name == "b")
    return slice(sum(sizes[:at]), sum(sizes[: at + 1]))


def snapshot_value(record, when, layer, quantity):
    """W, b or a part of a vector of the state, before or after the step; None where
    there is no such vector yet.
    """
    shown, (key, _, name) = getattr(record, when), quantity.rpartition(" of ")
    array = getattr(shown, name)[layer - 1]
    if not key:
        return array
    return (
        shown.state[key][part(record, layer, name)].reshape(array.shape)
        if key in shown.state
        else None
    )


def value(record, place):
    """What the record shows at a place."""
    equation, layer, quantity = place
    if quantity == "loss":
        return np.asarray(record.loss)
    return (
        snapshot_value(record, "after", layer, quantity)
        if equation == "step"
        else getattr(record.layers[layer - 1], quantity)
    )


def put(record, place, new, when="after"):
    """A copy of the record that shows something else there."""
    equation, layer, quantity = place
    if quantity == "loss":
        return replace(record, loss=new)
    if equation != "step":
        layers = list(record.layers)
        layers[layer - 1] = replace(layers[layer - 1], **{quantity: new})
        return replace(record, layers=tuple(layers))
    shown, (key, _, name) = getattr(record, when), quantity.rpartition(" of ")
    if key:
        vector = shown.state[key].copy()
        vector[part(record, layer, name)] = new.ravel()
        return replace(record, **{when: replace(shown, state={**shown.state, key: vector})})
    arrays = list(getattr(shown, name))
    arrays[layer - 1] = new
    return replace(record, **{when: replace(shown, **{name: tuple(arrays)})})


def showing(certificate, change):
    """The certificate of a record that shows `change(i, array)` in its i-th place and
    is the same in all others.
    """
    changed = tuple(replace(s, got=change(i, s.got)) for i, s in enumerate(certificate.statements))
    return replace(certificate, statements=changed)


def halves(certificate):
    """Every other place, then those between: what is wrong in one half must not be told
    of the other.
    """
    count = len(certificate.statements)
    return [set(range(start, count, 2)) for start in (0, 1)]


def with_entry(array, index, new):
    """A copy of the array with another entry."""
    changed = np.array(array)
    changed[index] = new
    return changed


def some_index(array, rng):
    """Any index of the array."""
    return tuple(int(rng.integers(n)) for n in np.shape(array))


def failing(agreement):
    """The numbers of the places that do not agree."""
    return {i for i, d in enumerate(agreement.differences) if not d.passed}


def where(difference):
    """Equation, layer and quantity."""
    return difference.equation, difference.layer, difference.quantity


def found(agreement):
    """Where the first difference is, and its kind; nothing that passes."""
    assert not agreement.passed
    return where(agreement.first), agreement.first.kind


# What is off, however little, in any place


def around(expected, allowed, sign):
    """The last number of the dtype that is within `allowed` of `expected` on that side,
    and the next one, in exact arithmetic.
    """
    start, allowed, away = (
        Fraction(float(expected)),
        Fraction(allowed),
        np.full_like(expected, sign * np.inf),
    )
    last = expected.dtype.type(float(start + sign * allowed))
    while abs(Fraction(float(last)) - start) > allowed:
        last = np.nextafter(last, expected)
    while abs(Fraction(float(np.nextafter(last, away))) - start) <= allowed:
        last = np.nextafter(last, away)
    return last, np.nextafter(last, away)


@pytest.mark.parametrize(("name", "step"), [(name, -1 if name in SIX else 0) for name in TABLE])
def test_the_last_number_within_what_is_allowed_passes_and_the_next_fails(name, step):
    """In every place, an entry as far off as is allowed passes, and one last place
    further fails, is named with its index, and alone.
    """
    ours, theirs = pair(name, step)
    rng = np.random.default_rng(len(name))
    indices = [some_index(s.got, rng) for s in ours.statements]
    probe = agree(
        showing(ours, lambda i, array: with_entry(array, indices[i], 2 * array[indices[i]] + 1)),
        theirs,
    )
    assert [d.index for d in probe.differences] == indices
    expected = [s.got[index] for s, index in zip(theirs.statements, indices, strict=True)]
    ends = [
        around(entry, d.allowed, rng.choice([-1, 1]))
        for entry, d in zip(expected, probe.differences, strict=True)
    ]
    for outside in halves(ours):
        moved = showing(
            ours,
            lambda i, array, outside=outside: with_entry(array, indices[i], ends[i][i in outside]),
        )
        agreement = agree(moved, theirs)
        assert failing(agreement) == outside
        for i in outside:
            d = agreement.differences[i]
            assert (where(d), d.kind, d.index) == (
                list(places(theirs.record))[i],
                "value",
                indices[i],
            )
            assert (d.got, d.expected, d.allowed) == (
                ends[i][1],
                expected[i],
                probe.differences[i].allowed,
            )


FAULTS = {
    "zero": np.zeros_like,
    "sign flipped": np.negative,
    "doubled": lambda right: 2 * right,
    "shifted by one entry": lambda right: np.roll(right, 1),
    "divided by its rows": lambda right: right / np.prod(right.shape[:1]),
    "transposed": lambda right: (
        right.T if right.ndim == 2 and right.shape == right.T.shape else right
    ),
    "rows reversed": lambda right: right[::-1] if right.ndim else right,
    "rounded to half its digits": lambda right: right.astype(
        {8: "float32", 4: "float16"}[right.dtype.itemsize]
    ),
}


@on_six
def test_a_wrong_array_fails_and_no_other(name):
    """Whole arrays of the wrong value fail in every place, each alone, whichever of the
    two records has them.
    """
    ours, theirs = pair(name)
    for fault in FAULTS.values():
        for chosen in halves(ours):
            wrong = showing(
                ours,
                lambda i, array, c=chosen, f=fault: (
                    f(array).astype(array.dtype) if i in c else array
                ),
            )
            off = {i for i in chosen if (wrong.statements[i].got != ours.statements[i].got).any()}
            for agreement in (agree(wrong, theirs), agree(theirs, wrong)):
                assert failing(agreement) == off
                assert {agreement.differences[i].kind for i in off} <= {"value"}


@everywhere
def test_a_step_not_taken_or_taken_twice_fails(name):
    """W, b or a vector of the state left as it was, or moved twice as far, fails."""
    ours, theirs = pair(name)
    taken = {i: place for i, place in enumerate(places(ours.record)) if place[0] == "step"}
    before = {i: snapshot_value(ours.record, "before", *place[1:]) for i, place in taken.items()}
    for wrong in (lambda i, array: before[i], lambda i, array: 2 * array - before[i]):
        changed = showing(
            ours, lambda i, array, wrong=wrong: wrong(i, array) if i in taken else array
        )
        assert failing(agree(changed, theirs)) == set(taken)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@on_six
def test_nothing_that_is_not_finite_passes(name, bad):
    """One NaN or infinity fails in its place, whichever side has it; the same on both
    sides is no agreement.
    """
    rng = np.random.default_rng(len(name))
    ours, theirs = pair(name)
    indices = [some_index(s.got, rng) for s in ours.statements]
    for chosen in halves(ours):
        mine, other = (
            showing(
                side,
                lambda i, array, chosen=chosen: (
                    with_entry(array, indices[i], bad) if i in chosen else array
                ),
            )
            for side in (ours, theirs)
        )
        for agreement in (agree(mine, theirs), agree(ours, other), agree(mine, other)):
            assert failing(agreement) == chosen
            assert {agreement.differences[i].kind for i in chosen} == {"finiteness"}
            assert agreement.worst == np.inf


SHAPES = [
    lambda right: right[None],
    lambda right: right[..., None],
    lambda right: np.broadcast_to(right, (2, *right.shape)),
    lambda right: right.T,
    np.ravel,
    lambda right: right[0] if right.ndim else right,
    lambda right: right[:0] if right.ndim else right,
    lambda right: right[:1] if right.ndim else right,
]


@on_six
def test_the_shape_comes_before_the_value(name):
    """Right numbers in another shape fail, axes added, dropped or swapped, rows
    missing, however well they would broadcast.
    """
    ours, theirs = pair(name)
    for reshaped in SHAPES:
        for chosen in halves(ours):
            other = {
                i
                for i in chosen
                if reshaped(ours.statements[i].got).shape != ours.statements[i].got.shape
            }
            wrong = showing(
                ours, lambda i, array, other=other, f=reshaped: f(array) if i in other else array
            )
            agreement = agree(wrong, theirs)
            assert failing(agreement) == other
            for i in other:
                d = agreement.differences[i]
                assert (d.kind, d.got, d.expected) == (
                    "shape",
                    wrong.statements[i].got.shape,
                    theirs.statements[i].got.shape,
                )


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int64", "complex128", "object"]
)
@on_six
def test_the_dtype_comes_before_the_value(name, dtype):
    """Right numbers in another dtype fail: a float32 network that went through float64
    is not the same network.
    """
    ours, theirs = pair(name)
    for chosen in halves(ours):
        wrong = showing(
            ours, lambda i, array, chosen=chosen: array.astype(dtype) if i in chosen else array
        )
        other = {i for i in chosen if ours.statements[i].got.dtype != dtype}
        agreement = agree(wrong, theirs)
        assert failing(agreement) == other
        assert {agreement.differences[i].kind for i in other} <= {"dtype"}


# Which place of a record is told


@pytest.mark.parametrize("name", FEW)
def test_every_place_of_a_record_is_read(name):
    """A record that shows the wrong sign anywhere differs there first; one that shows
    nothing, there alone; what reads it is open.
    """
    ours, expected = pair(name)[0].record, pair(name)[1]
    theirs = expected.record
    for place in told_apart(name, theirs):
        assert found(agree(certify(put(ours, place, -value(ours, place))), expected)) == (
            place,
            "value",
        )
        if " of " not in place[2] and place[0] != "step":
            agreement = agree(certify(put(ours, place, None)), expected)
            assert found(agreement) == (place, "not shown")
            assert len(failing(agreement)) == 1
            assert (agreement.unjudged > 0) == (place[2] != "loss")
    assert found(compare(replace(ours, after=None), theirs)) == (
        next(p for p in places(theirs) if p[0] == "step"),
        "not shown",
    )


@pytest.mark.parametrize("name", [case.id for case in SQUARE])
def test_a_vector_of_the_state_is_told_whole(name):
    """A vector of the state that is missing, of another length or of another dtype
    fails as such, in every layer, first in layer 1.
    """
    ours, theirs = pair(name)[0].record, pair(name)[1]
    for key, vector in ours.after.state.items():
        state = {other: vector for other, vector in ours.after.state.items() if other != key}
        wrongs = [
            ("not shown", state),
            *(
                (kind, {**state, key: wrong})
                for kind, wrong in (
                    ("shape", vector[:-1]),
                    ("shape", vector[None]),
                    ("dtype", vector.astype("float16")),
                )
            ),
        ]
        for kind, changed in wrongs:
            wrong = certify(replace(ours, after=replace(ours.after, state=changed)))
            for agreement in (agree(wrong, theirs), agree(theirs, wrong)):
                assert found(agreement) == (("step", 1, f"{key} of W"), kind)
                assert {d.quantity for d in agreement.differences if d.kind == kind} == {
                    f"{key} of W",
                    f"{key} of b",
                }


@settings(max_examples=20)
@given(st.data())
def test_the_first_in_order_of_computation_is_named(data):
    """However many quantities of a record are wrong, in whatever way, the first one
    computed is named.
    """
    ours, theirs = (certificate.record for certificate in pair(ANY))
    order = list(places(theirs))
    wrong = data.draw(st.sets(st.sampled_from(range(len(order))), min_size=1))
    for i in wrong:
        right, is_part = value(theirs, order[i]), " of " in order[i][2]
        others = (
            []
            if is_part or order[i][0] == "step"
            else [None, *([right[None], right.astype("float16")] if right.ndim else [])]
        )
        ours = put(ours, order[i], data.draw(st.sampled_from([-right, right * np.nan, *others])))
    agreement = compare(ours, theirs)
    assert [where(d) for d in agreement.differences] == order
    assert agreement.first is agreement.differences[min(wrong)]
    assert {d.equation for d in agreement.differences} == set(EQUATIONS)


@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.sizes == (4, 4, 4)])
def test_swapped_layers_are_named(name):
    """Equal shapes in the wrong order fail at the first quantity of layer 1."""
    ours, theirs = (certificate.record for certificate in pair(name))
    assert found(compare(replace(ours, layers=ours.layers[::-1]), theirs)) == (
        ("z", 1, "z"),
        "value",
    )
    after = replace(ours.after, W=ours.after.W[::-1])
    assert found(compare(replace(ours, after=after), theirs)) == (("step", 1, "W"), "value")


# Programs that go through the equations one by one


def order_of(record, quantity):
    """What is made of the new state comes after it: vectors, vectors made of vectors,
    parameters.
    """
    key = quantity.rpartition(" of ")[0]
    if quantity in ("W", "b"):
        return 3
    return (
        0
        if not key
        else 1
        + (
            key == "max_exp_avg_sq"
            or (record.spec.optimizer, key) == ("rmsprop", "momentum_buffer")
        )
    )


def replayed(record, choose):
    """The record of a program that gives `choose(statement)` for each statement, and
    goes on from what it gave.
    """
    record = copy.deepcopy(record)
    for stage in range(4):
        for statement in statements(record):
            if order_of(record, statement.quantity) == stage:
                chosen = choose(statement)
                if statement.quantity == "loss":
                    record = replace(record, loss=float(chosen))
                else:
                    statement.got[...] = chosen  # what follows reads the same array
    return record


def rounded(statement):
    """The exact value, rounded once."""
    return statement.claim.exact.astype(statement.got.dtype)


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
    assert {label for label, _ in used} == set(EQUATIONS)
    assert {quantity for _, quantity in used} > set(VECTORS)
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
    steps = [taken_by_three(case, -(i % 2)) for i, case in enumerate([*CASES[::29], *SQUARE])]
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
            assert found(agreement) == (("step", 1, "W"), "value")
        else:
            assert agreement.first is None
            assert {d.quantity: d.unjudged for d in agreement.differences if d.unjudged} == {
                "W": 1,
                "b": 1,
            }
            assert str(agreement).endswith("; 2 entries not judged")
        assert found(compare(put(record, ("step", 1, "W"), np.full((1, 1), np.nan)), record)) == (
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
        assert found(compare(put(record, place, largest), put(record, place, -largest))) == (
            place,
            "value",
        )


# Who is off

# the latter where nothing is rounded
OFF = r"is (off by [\d.e+]+ of its own bounds|not what its own numbers give)"
INHERITED = "; each keeps its own bound, so an equation before this one parts them"


def unlike(place, fault):
    """What a program gives that is wrong in one place and right, from its own numbers,
    in all others.
    """
    return lambda s: fault(rounded(s)) if (s.equation, s.layer, s.quantity) == place else rounded(s)


@pytest.mark.parametrize("name", [ANY, FEW[-1]])
def test_a_mistake_is_named_where_it_is_made_whatever_inherits_it(name):
    """What follows a mistake differs as well, but there each side keeps its own bounds,
    and it is told so.
    """
    right = pair(name)[0].record
    theirs, parts = certify(replayed(right, rounded)), 0
    for place in places(right):
        if place[0] != "step" or name == ANY:
            agreement = agree(
                certify(replayed(right, unlike(place, lambda array: 2 * array))), theirs
            )
            first, *others = (d for d in agreement.differences if not d.passed)
            assert where(first) == place
            assert re.search(f"; the first {OFF}$", str(first))
            assert {d.blame for d in others} <= {INHERITED}
            parts += len(others)
    assert parts > len(list(places(right)))


def test_both_or_the_second_may_be_off():
    """The sentence says who is off, the first, the second or both, and by how much of
    its own bounds.
    """
    ours, theirs = pair(ANY)
    mine, other = (
        showing(ours, lambda _, array: 2 * array),
        showing(theirs, lambda _, array: 3 * array),
    )
    for agreement, told in (
        (agree(mine, theirs), f"the first {OFF}"),
        (agree(ours, other), f"the second {OFF}"),
        (agree(mine, other), f"the first {OFF} and the second {OFF}"),
    ):
        assert failing(agreement) == set(range(len(ours.statements)))
        assert all(re.fullmatch(f"[^;]*; {told}", str(d)) for d in agreement.differences)


@pytest.mark.parametrize("name", FEW[1:])
def test_from_equal_inputs_only_the_record_is_off(name):
    """A wrong quantity of a record is named first, with what the record did not make of
    it; PyTorch is never said to be off.
    """
    ours, _ = pair(name)
    for place in told_apart(name, ours.record):
        wrong = put(ours.record, place, 2 * value(ours.record, place))
        agreement, results = compare_restated(wrong, restate(wrong)), certify(wrong).results
        assert found(agreement) == (place, "value")
        before_the_step = {i for i, result in enumerate(results) if result.equation != "step"}
        assert failing(agreement) & before_the_step == {
            i for i in before_the_step if results[i].broken
        }
        for i in failing(agreement):
            assert re.fullmatch(
                f"; the first {OFF}" if results[i].broken else INHERITED,
                agreement.differences[i].blame,
            )


# What is refused


@pytest.mark.parametrize(
    "field", ["sizes", "activations", "loss", "optimizer", "hyperparameters", "step", "dtype"]
)
@pytest.mark.parametrize("comparison", [compare, compare_restated])
def test_records_of_different_steps_are_refused(field, comparison):
    """Another network, loss, optimizer, learning rate, step or dtype is no disagreement
    but a mistake of the asker.
    """
    ours, theirs = records(ANY)[-1]
    want = f"compare: {field} has other, expected {getattr(theirs.spec, field)}"
    with pytest.raises(ValueError, match=f"^{re.escape(want)}$"):
        comparison(replace(ours, spec=replace(ours.spec, **{field: "other"})), theirs)


@pytest.mark.parametrize("data", ["x", "y"])
@pytest.mark.parametrize("comparison", [compare, compare_restated])
def test_records_of_different_data_are_refused(data, comparison):
    """One ulp in one entry is other data, and NaN is not the same data as itself."""
    ours, theirs = records(ANY)[-1]
    right = getattr(theirs, data)
    ulp, nan = (
        with_entry(right, (0, 0), entry) for entry in (np.nextafter(right[0, 0], 9), np.nan)
    )
    for mine, other in ((ulp, right), (right[:-1], right), (right[:, :1], right), (nan, nan)):
        with pytest.raises(
            ValueError,
            match=f"^compare: {data} differs between the two records, expected the same data$",
        ):
            comparison(replace(ours, **{data: mine}), replace(theirs, **{data: other}))


@on_six
def test_records_from_different_starts_are_refused(name):
    """One ulp in one weight or in one entry of the state before the step, or a vector
    that only one has, is another start.
    """
    ours, theirs = records(name)[-1]
    rng = np.random.default_rng(len(name))
    started = [
        (f"{name} of layer {i}", ("step", i, name))
        for i in range(1, len(ours.layers) + 1)
        for name in ("W", "b")
    ]
    started += [("state", place) for place in places(ours) if " of " in place[2]]
    for told, place in started:
        right = snapshot_value(ours, "before", *place[1:])
        other = with_entry(
            right, index := some_index(right, rng), np.nextafter(right[index], np.inf)
        )
        tail = "expected equal state" if told == "state" else "expected equal weights"
        for two in (
            (put(ours, place, other, "before"), theirs),
            (ours, put(theirs, place, other, "before")),
        ):
            with pytest.raises(
                ValueError,
                match=f"^compare: {told} differs before the step, {tail}: bring the two together "
                f"first$",
            ):
                compare(*two)
    vector = np.zeros(part(ours, len(ours.layers), "b").stop, ours.spec.dtype)
    more = replace(
        ours, before=replace(ours.before, state={**ours.before.state, "a_vector": vector})
    )
    for two in ((more, theirs), (theirs, more)):
        with pytest.raises(
            ValueError, match=r"^certify: state has 'a_vector', expected .+, which .+ keeps$"
        ):
            compare(*two)


@pytest.mark.parametrize("comparison", [compare, compare_restated])
def test_records_of_the_wrong_make_are_refused(comparison):
    """What is compared with is whole, and both have as many layers as their spec."""
    ours, theirs = records(ANY)[-1]
    partial = [put(theirs, place, None) for place in places(theirs) if place[0] != "step"] + [
        replace(theirs, after=None)
    ]
    for record in partial:
        with pytest.raises(
            ValueError,
            match=r"^compare: the second record has quantities that are not shown, expected a "
            r"whole one$",
        ):
            comparison(ours, record)
    for layers in (ours.layers[:1], ours.layers * 2, ()):
        for two in ((replace(ours, layers=layers), theirs), (ours, replace(theirs, layers=layers))):
            with pytest.raises(
                ValueError,
                match=rf"^certify: record has {len(layers)} layers, expected 2 as its sizes \(4, "
                rf"4, 4\)$",
            ):
                comparison(*two)
    for told, W, b in (("1 W", 1, 2), ("1 b", 2, 1), ("3 W", 3, 2)):
        after = replace(ours.after, W=(ours.after.W * 2)[:W], b=ours.after.b[:b])
        for two in ((replace(ours, after=after), theirs), (ours, replace(theirs, after=after))):
            with pytest.raises(
                ValueError,
                match=rf"^certify: record has {told} after the step, expected 2 as its sizes \(4, "
                rf"4, 4\)$",
            ):
                comparison(*two)


# What is said


@pytest.mark.parametrize("name", [ANY, FEW[-1]])
def test_sentences_have_the_house_form(name):
    """Every difference says *where: what has got, expected want* in one line; the
    agreement says its first, or its worst.
    """
    ours, theirs = pair(name)
    assert re.fullmatch(
        r"agree, at most [\d.e-]+ of what rounding allows", str(agree(ours, theirs))
    )
    number, at = r"-?[\d.e+-]+", r"( at row \d+(, column \d+)?)?"
    apart = f"({number}|inf) times the {number} that rounding allows; the first {OFF}"
    kinds = {
        "finiteness 0 of .*, expected all entries finite": lambda right: right * np.nan,
        "shape .*, expected .*": lambda right: right[None],
        "dtype float16, expected float.*": lambda right: right.astype("float16"),
        f"{number}{at}, expected {number}: {apart}": lambda right: -right,
        "nothing to show, expected a value": None,
    }
    for told, fault in kinds.items():
        absent = replace(
            ours.record,
            layers=tuple(LayerRecord() for _ in ours.record.layers),
            loss=None,
            after=None,
        )
        agreement = (
            compare(absent, theirs.record)
            if fault is None
            else agree(showing(ours, lambda _, array, f=fault: f(array)), theirs)
        )
        for d, (label, layer, quantity), right in zip(
            agreement.differences, places(ours.record), theirs.statements, strict=True
        ):
            start = re.escape(
                f"{label} ({EQUATIONS[label].name}){f' of layer {layer}' if layer else ''}: "
                f"{quantity} has "
            )
            assert re.fullmatch(start + told, str(d))
            assert (
                d.kind != "value" or str(d).count("row") + str(d).count("column") == right.got.ndim
            )
        assert str(agreement) == str(agreement.differences[0])
        assert (
            agreement.worst == np.inf
            or agreement.worst == max(d.used for d in agreement.differences) > 1.0
        )


def test_a_nan_does_not_pass():
    """A comparison with NaN is false, so it is passing that is stated, not failing; the
    worst of shares with a NaN is infinite.
    """
    agreement = Agreement((Difference("z", 1, "z", 0.0), Difference("a", 1, "a", float("nan"))))
    assert not agreement.passed
    assert agreement.first is agreement.differences[1]
    assert agreement.worst == np.inf
