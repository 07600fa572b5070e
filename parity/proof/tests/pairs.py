"""Two records of one step that agree, their places, and the same with something else in
a place.
"""

import copy
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

from parity import certify
from parity.experiments.job.sweep import side_by_side
from parity.proof.agreement import agree
from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.statements import statements
from parity.proof.tests.truth import RULES
from parity.steps.cases import DTYPES, PLAIN, Case

ADAPTIVE = [
    ("adam", {"lr": 0.1, "amsgrad": True}),
    ("sgd", {"momentum": 0.9, "dampening": 0.5}),
    ("rmsprop", {"centered": True, "momentum": 0.9}),
    ("adagrad", {"lr": 0.1}),
]
SQUARE = [
    Case("optimizer", (4, 4, 4), ("tanh",), "identity", "mse", "values", rule, given, 5, dtype)
    for dtype, (rule, given) in product(DTYPES, ADAPTIVE)
    if dtype == DTYPES[0] or rule in ("adam", "rmsprop")  # both dtypes of two rules
]
# two hidden layers, one layer and one row, then square layers before every kind of
# state
CHOSEN = [
    *(case for case in PLAIN if case.sizes == (5, 7, 2, 3) and case.settings == {"momentum": 0.9}),
    *(
        case
        for case in PLAIN
        if case.sizes == (2, 3) and case.optimizer == "adam" and case.settings == {"lr": 0.01}
    ),
    *(case for case in PLAIN if case.sizes == (4, 4, 4) and case.batch == 32),
    *SQUARE,
]
TABLE = {case.id: case for case in CHOSEN}
ANY = next(name for name, case in TABLE.items() if case.settings.get("amsgrad"))  # float64
FEW = [case.id for case in (*SQUARE[:4], CHOSEN[1])]
# every vector that a rule can keep
VECTORS = {vector for vectors in RULES.values() for vector in vectors} - {"theta"}
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
    kept = [key for key in RULES[record.spec.optimizer] if key in record.after.state]
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
    """Every other place, then those between: a mistake in one half must not be blamed
    on the other.
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


def disagreement(agreement):
    """Where the first difference is, and its kind; nothing that passes."""
    assert not agreement.passed
    return where(agreement.first), agreement.first.kind


def order_of(record, quantity):
    """What reads the new state comes after it: vectors, vectors that read vectors,
    parameters.
    """
    key = quantity.rpartition(" of ")[0]
    if quantity in ("W", "b"):
        return 3
    if not key:
        return 0
    spec = record.spec
    return 2 if RULE_ENTRIES[spec.optimizer]().inputs(key, spec.hyperparameters) else 1


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
