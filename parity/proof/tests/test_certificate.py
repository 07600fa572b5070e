"""Certificates are judged: what is wrong has its name and its place, what PyTorch does
otherwise has its own, and silence is no pass.
"""

import io
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

import refnet
from parity.proof.certificate import Certificate, Result, certify, judge
from parity.proof.equations.losses import BCE_FLOOR
from parity.proof.statements import statements
from parity.rounding.claim import Other, claim, near
from parity.rounding.formats import FORMATS
from parity.steps.cases import CASES, DTYPES, RULES, Case
from parity.steps.pytorch import CrossEntropy, record_torch
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord, record_refnet
from refnet.checks import place

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
SHOWN = ("z", "a", "delta", "dW", "db")
NOT_FINITE = (np.nan, np.inf, -np.inf)
DEEP = Case(
    "",
    (5, 4, 3, 2),
    ("tanh", "sigmoid"),
    "identity",
    "mse",
    "values",
    "adam",
    {"amsgrad": True, "weight_decay": 0.1},
    batch=6,
)


def recorded(case, steps=1, net=None, data=None):
    """The last of the case's first steps by refnet, where given from another network or
    on other x and y.
    """
    net, loss, optimizer = net or case.network(), case.make_loss(), case.make_optimizer()
    for _, (x, y, optimizer.lr) in zip(range(steps), case.steps(), strict=False):
        record = record_refnet(net, *(data or (x, y)), loss, optimizer)
    return record


@cache
def good(dtype="float64"):
    """A record of which everything holds: three layers, Adam with amsgrad and weight
    decay, second step.
    """
    return recorded(replace(DEEP, dtype=dtype), 2)


def shown(record, quantity, layer=None):
    """The array of a quantity: z to db, loss, W and b after the step, "exp_avg of W" of
    the new state.
    """
    if quantity == "loss":
        return np.array(record.loss)
    if quantity in SHOWN:
        return getattr(record.layers[layer - 1], quantity)
    if quantity in ("W", "b"):
        return getattr(record.after, quantity)[layer - 1]
    name, _, of = quantity.partition(" of ")
    return record.after.state[name][where(record, of, layer)].reshape(
        getattr(record.after, of)[layer - 1].shape
    )


def where(record, of, layer):
    """Where a W or b stands in a flat vector."""
    before = record.before
    start = sum(
        W.size + b.size for W, b in zip(before.W[: layer - 1], before.b[: layer - 1], strict=True)
    )
    start += before.W[layer - 1].size if of == "b" else 0
    return slice(start, start + getattr(before, of)[layer - 1].size)


def rewritten(record, quantity, layer, array):
    """The record with another array in the place of a quantity; None does not show
    it.
    """
    if quantity == "loss":
        return replace(record, loss=None if array is None else float(array))
    if quantity in SHOWN:
        layers = list(record.layers)
        layers[layer - 1] = replace(layers[layer - 1], **{quantity: array})
        return replace(record, layers=tuple(layers))
    if quantity in ("W", "b"):
        arrays = list(getattr(record.after, quantity))
        arrays[layer - 1] = array
        return replace(record, after=replace(record.after, **{quantity: tuple(arrays)}))
    name, _, of = quantity.partition(" of ")
    state = dict(record.after.state)
    if array is None:
        del state[name]
    else:
        state[name] = state[name].copy()
        state[name][where(record, of, layer)] = array.ravel()
    return replace(record, after=replace(record.after, state=state))


def with_entry(record, quantity, layer, index, number):
    """The record with another number in one entry."""
    array = shown(record, quantity, layer).copy()
    array[index] = number
    return rewritten(record, quantity, layer, array)


def result_of(cert, quantity, layer=None):
    """The result about one quantity of a layer."""
    (found,) = [r for r in cert.results if (r.quantity, r.layer) == (quantity, layer)]
    return found


def statuses(cert):
    """(quantity, layer): status."""
    return {(r.quantity, r.layer): r.status for r in cert.results}


def everything(record):
    """(quantity, layer) of all that a record shows, in order of computation."""
    return [(s.quantity, s.layer) for s in statements(record)]


# what is right


@in_both_dtypes
def test_a_right_step_passes(dtype):
    """Everything is passed, nothing broken, and the verdict counts the arrays and names
    the one that used most of its bound.
    """
    cert = certify(good(dtype))
    assert cert.passed
    assert cert.broken == ()
    assert len(cert.results) == len(cert.statements) == 3 * (5 + 2 * 4) + 1
    assert {r.status for r in cert.results} == {"passed"}
    worst = cert.worst
    assert worst.used == max(r.used for r in cert.results)
    at = f"({worst.equation}, {worst.quantity} of layer {worst.layer})"
    assert (
        cert.verdict
        == f"Every equation holds: 40 arrays, at most {worst.used:.2g} of a bound used {at}"
    )
    assert str(cert).splitlines()[0] == cert.verdict


def test_results_come_in_order_of_computation():
    """Forward from the first layer on, the cost, backward from the last one, the state
    of every W and b, then W and b.
    """
    forward = [(name, layer) for layer in (1, 2, 3) for name in ("z", "a")]
    backward = [(name, layer) for layer in (3, 2, 1) for name in ("delta", "db", "dW")]
    keys = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    state = [(f"{key} of {name}", layer) for layer in (1, 2, 3) for name in "Wb" for key in keys]
    parameters = [(name, layer) for layer in (1, 2, 3) for name in "Wb"]
    assert [(r.quantity, r.layer) for r in certify(good()).results] == [
        *forward,
        ("loss", None),
        *backward,
        *state,
        *parameters,
    ]
    labels = [r.equation for r in certify(good()).results]
    assert list(dict.fromkeys(labels)) == ["z", "a", "C", "BP1", "BP3", "BP4", "BP2", "step"]


def test_a_result_is_what_its_statement_says():
    """got, expected and allowed are those of the entry with the largest share, and used
    is their ratio.
    """
    cert = certify(good())
    for result, statement in zip(cert.results, cert.statements, strict=True):
        claim = statement.claim
        share = claim.share(statement.got)
        assert result.used == share.max() == share[result.index]
        assert (result.got, result.expected) == (
            float(statement.got[result.index]),
            float(claim.exact[result.index]),
        )
        assert result.allowed == claim.bound[result.index] * (1.0 + claim.slack)


def test_no_case_is_too_long_to_be_sharp():
    """Bounds of sums grow with n: no case of the table has more than 64 rows."""
    assert max(case.batch for case in CASES) <= 64
    assert max(len(x) for case in CASES for x, _, _ in case.steps()) <= 64


# shares and claims


@in_both_dtypes
def test_a_share_is_of_the_bound_and_its_slack(dtype):
    """The gap over bound (1 + slack): 1 passes, a bound of 0 takes equality alone, what
    is not finite is inf, what is not judged 0.
    """
    fmt = FORMATS[dtype]
    unit = 2.0 * fmt.unit
    made = claim(
        fmt,
        np.ones(7),
        np.array([unit, unit, 0.0, 0.0, unit, unit, unit]),
        np.array([True] * 6 + [False]),
    )
    got = np.array([1.0 + unit, 1.0 - 4 * unit, 1.0, 1.0 + unit, np.nan, -np.inf, np.nan], dtype)
    assert made.share(got).tolist() == [
        1.0 / (1.0 + fmt.slack),
        4.0 / (1.0 + fmt.slack),
        0.0,
        np.inf,
        np.inf,
        np.inf,
        0.0,
    ]


@in_both_dtypes
def test_what_reaches_the_largest_number_is_not_judged(dtype):
    """An entry is judged while |exact| + bound is below the largest number, and exact
    is a number at all.
    """
    fmt = FORMATS[dtype]
    exact = np.array(
        [
            fmt.largest * (1.0 - fmt.unit),
            -fmt.largest * (1.0 - fmt.unit),
            fmt.largest,
            np.inf,
            np.nan,
        ],
        fmt.wide,
    )
    assert claim(fmt, exact, 0.0).judged.tolist() == [True, True, False, False, False]
    assert claim(fmt, exact, fmt.largest * fmt.unit).judged.tolist() == [False] * 5
    assert claim(fmt, exact[:2], np.array([np.inf, np.nan])).judged.tolist() == [False, False]


@in_both_dtypes
def test_near_is_within_the_bound_and_its_slack(dtype):
    """Another value fits within bound (1 + slack) of it; NaN fits nothing."""
    fmt = FORMATS[dtype]
    unit = 2.0 * fmt.unit
    fits = near(fmt, np.ones(4), unit)
    assert fits(np.array([1.0 + unit, 1.0 - unit, 1.0 + 2.0 * unit, np.nan], dtype)).tolist() == [
        True,
        True,
        False,
        False,
    ]


# the order of the checks


MALFORMED = [
    *((name, layer) for layer in (1, 2, 3) for name in SHOWN),
    *((name, layer) for layer in (1, 3) for name in ("W", "b")),
]


@pytest.mark.parametrize(("quantity", "layer"), MALFORMED)
@pytest.mark.parametrize("fault", ["shape", "dtype"])
def test_a_malformed_array_is_wrong_and_named(quantity, layer, fault):
    """Another shape or dtype is wrong whatever the values are, says what was expected,
    and what reads the array is not judged.
    """
    record = good()
    array = shown(record, quantity, layer)
    bad = array[None] if fault == "shape" else array.astype(np.float32)
    want = (
        f"shape {bad.shape}, expected {array.shape}"
        if fault == "shape"
        else "dtype float32, expected float64"
    )
    cert = certify(rewritten(record, quantity, layer, bad))
    (broken,) = cert.broken
    assert (broken.quantity, broken.layer, broken.status, broken.note, broken.used) == (
        quantity,
        layer,
        "wrong",
        want,
        np.inf,
    )
    assert str(broken) == f"{broken.where}: {quantity} has {want}" == cert.verdict
    assert silent(cert) == readers(quantity, layer)
    assert not cert.passed


def test_a_malformed_shape_comes_before_its_dtype_and_its_values():
    """Of several faults the shape is named, then the dtype, then NaN."""
    record, z = good(), good().layers[0].z
    for bad, want in (
        (np.full((1, 2), np.nan, np.float32), "shape (1, 2), expected (6, 4)"),
        (np.full(z.shape, np.nan, np.float32), "dtype float32, expected float64"),
        (np.full(z.shape, np.nan), "nan at row 0, column 0"),
        (z.T, "shape (4, 6), expected (6, 4)"),
        (z.astype(int), "dtype int64, expected float64"),
    ):
        assert certify(rewritten(record, "z", 1, bad)).verdict.startswith(
            f"z (weighted input) of layer 1: z has {want}"
        )


@pytest.mark.parametrize("fault", ["shape", "dtype"])
def test_a_malformed_state_is_wrong_and_named(fault):
    """A vector of the new state in another shape or dtype is wrong for every W and b,
    and what is made of it is not judged.
    """
    record = good()
    vector = record.after.state["exp_avg_sq"]
    bad = vector[:-1] if fault == "shape" else vector.astype(np.float32)
    want = (
        f"shape ({vector.size - 1},), expected ({vector.size},)"
        if fault == "shape"
        else "dtype float32, expected float64"
    )
    cert = certify(
        replace(
            record, after=replace(record.after, state={**record.after.state, "exp_avg_sq": bad})
        )
    )
    assert [(r.quantity, r.layer) for r in cert.broken] == [
        (f"exp_avg_sq of {name}", layer) for layer in (1, 2, 3) for name in "Wb"
    ]
    assert {r.note for r in cert.broken} == {want}
    made_of_it = {
        (quantity.format(name), layer)
        for quantity in ("max_exp_avg_sq of {}", "{}")
        for layer in (1, 2, 3)
        for name in "Wb"
    }
    assert silent(cert) == made_of_it
    assert (
        result_of(cert, "W", 1).note
        == "reads exp_avg_sq after the step, which is not shown as it must be"
    )


def readers(quantity, layer):
    """What reads a quantity of the record `good`, which has three layers and Adam with
    amsgrad.
    """
    if quantity == "loss":
        return set()
    made = {f"{key} of {{}}" for key in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")}
    step = {(key.format(quantity[-1]), layer) for key in (*made, "{}")}
    return {
        "z": {("a", layer), ("delta", layer)},
        "a": {("z", layer + 1), ("dW", layer + 1), ("delta", layer)}
        if layer != 3
        else {("loss", None), ("delta", 3)},
        "delta": {("db", layer), ("dW", layer), ("delta", layer - 1)} - {("delta", 0)},
        "dW": step,
        "db": step,
        "W": set(),
        "b": set(),
    }[quantity]


def silent(cert):
    """(quantity, layer) of what is not judged."""
    return {(r.quantity, r.layer) for r in cert.results if r.status == "not judged"}


@pytest.mark.parametrize(("quantity", "layer"), [*MALFORMED, ("loss", None)])
def test_what_is_not_shown_is_never_passed(quantity, layer):
    """It is not shown, what reads it is not judged and says why, and all the rest is
    judged as before.
    """
    cert = certify(rewritten(good(), quantity, layer, None))
    assert not cert.passed
    assert cert.broken == ()
    assert [(r.quantity, r.layer) for r in cert.results if r.status == "not shown"] == [
        (quantity, layer)
    ]
    assert silent(cert) == readers(quantity, layer)
    for r in cert.results:
        if r.status == "not judged":
            name = quantity if r.layer in (layer, None) else f"{quantity} of layer {layer}"
            assert (r.note, r.got, r.used) == (
                f"reads {name}, which is not shown as it must be",
                None,
                0.0,
            )
            assert (
                str(r)
                == f"{r.where}: {r.quantity} is not judged (reads {name}, which is not shown as "
                f"it must be)"
            )
    rest = [r for r in cert.results if r.status == "passed"]
    assert len(rest) == 40 - 1 - len(readers(quantity, layer))
    assert rest == [
        r
        for r in certify(good()).results
        if (r.quantity, r.layer) in {(s.quantity, s.layer) for s in rest}
    ]
    parts = [f"{len(readers(quantity, layer))} not judged"] * bool(readers(quantity, layer))
    assert cert.verdict.startswith(f"What was judged holds: {len(rest)} arrays, at most ")
    assert cert.verdict.endswith("; " + ", ".join([*parts, "1 not shown"]))


def test_what_is_missing_on_all_sides_is_listed():
    """An equation that lacks several inputs names them all."""
    cert = certify(
        replace(
            good(),
            layers=(
                *good().layers[:1],
                replace(good().layers[1], z=None),
                replace(good().layers[2], delta=None),
            ),
        )
    )
    assert (
        result_of(cert, "delta", 2).note
        == "reads delta of layer 3, z, which is not shown as it must be"
    )


def test_a_record_that_shows_nothing_passes_nothing():
    """Without layers, loss and what came after, everything is not shown, and the first
    sentence says so.
    """
    bare = replace(good(), layers=(LayerRecord(),) * 3, loss=None, after=None)
    cert = certify(bare)
    assert {r.status for r in cert.results} == {"not shown"}
    assert not cert.passed
    assert cert.verdict == "Nothing passed: 40 not shown"
    only_weights = certify(replace(bare, after=good().after))
    assert only_weights.verdict == "Nothing passed: 24 not judged, 16 not shown"
    assert not only_weights.passed


def test_without_what_came_after_the_passes_are_still_judged():
    """A record of forward and backward pass alone is judged, and its step is not
    shown.
    """
    cert = certify(replace(good(), after=None))
    assert {r.status for r in cert.results if r.equation != "step"} == {"passed"}
    assert {r.status for r in cert.results if r.equation == "step"} == {"not shown"}
    without = certify(replace(good(), after=replace(good().after, state={})))
    assert {r.status for r in without.results if r.entry == "adam"} == {"not judged"}
    assert {r.status for r in without.results if r.entry.startswith("adam ")} == {"not shown"}


@in_both_dtypes
@pytest.mark.parametrize("number", NOT_FINITE)
def test_what_is_not_finite_never_passes(number, dtype):
    """NaN or infinity in one entry of any quantity is the first broken result, wrong,
    at that entry; NaN does not equal NaN.
    """
    record = good(dtype)
    for quantity, layer in everything(record):
        index = tuple(n - 1 for n in shown(record, quantity, layer).shape)
        cert = certify(with_entry(record, quantity, layer, index, number))
        first = cert.broken[0]
        assert (first.quantity, first.layer, first.index, first.status, first.used) == (
            quantity,
            layer,
            index,
            "wrong",
            np.inf,
        )
        assert not cert.passed
        assert {r.status for r in cert.results[: cert.results.index(first)]} <= {"passed"}
        assert (
            f"{quantity} has {number!r}{f' at {place(index)}' if index else ''}, expected "
            in cert.verdict
        )


@in_both_dtypes
def test_nan_everywhere_passes_nothing_that_reads_it(dtype):
    """Where x is NaN and all that follows too, nothing that reads it is passed or
    wrong: nobody knows.
    """
    record = good(dtype)
    nan = [
        LayerRecord(**{name: np.full_like(getattr(layer, name), np.nan) for name in SHOWN})
        for layer in record.layers
    ]
    state = {name: np.full_like(vector, np.nan) for name, vector in record.after.state.items()}
    after = Snapshot(
        *(
            tuple(np.full_like(p, np.nan) for p in getattr(record.after, name))
            for name in ("W", "b")
        ),
        state,
    )
    cert = certify(
        replace(
            record, x=np.full_like(record.x, np.nan), layers=tuple(nan), loss=np.nan, after=after
        )
    )
    assert {r.status for r in cert.results} == {"not judged"}
    assert cert.verdict == "Nothing passed: 40 not judged"


# verdicts


def with_zeros(hidden, output="identity"):
    """A network whose second hidden unit has z = 0 for every input."""

    def make(dtype):
        net = Case("", (3, 4, 2), (hidden,), output, "mse", "values", dtype=dtype).network()
        net.layers[0].W[1] = 0.0
        net.layers[0].b[1] = 0.0
        return net

    return make


def g_below(record):
    """dC/da of the hidden layer."""
    return record.layers[1].delta @ record.before.W[1]


KINKS = {  # name: the network, f'(0) that somebody else takes, and the note
    "relu 1": ("relu", 1.0, "relu'(0) = 1 instead of 0"),
    "relu 1/2": ("relu", 0.5, "relu'(0) = 0.5 instead of 0"),
    "leaky 1": ("leaky_relu", 1.0, "leaky_relu'(0) = 1 instead of 0.01"),
    "leaky middle": ("leaky_relu", 0.505, "leaky_relu'(0) = 0.505 instead of 0.01"),
}
HIDDEN = Case("", (3, 4, 2), ("relu",), "identity", "mse", "values", batch=5)


def kinked(kink, dtype):
    """A record in which the hidden delta takes another subgradient at z = 0."""
    hidden, slope, _ = KINKS[kink]
    record = recorded(replace(HIDDEN, hidden=(hidden,), dtype=dtype), net=with_zeros(hidden)(dtype))
    delta = record.layers[0].delta.copy()
    delta[:, 1] = g_below(record)[:, 1] * np.array(slope, dtype)
    return rewritten(record, "delta", 1, delta)


@in_both_dtypes
@pytest.mark.parametrize("kink", KINKS)
def test_another_subgradient_is_a_convention(kink, dtype):
    """f'(0) of another convention is no mistake and no pass: it has its name, and only
    where z is 0.
    """
    record = kinked(kink, dtype)
    cert = certify(record)
    first = cert.broken[0]
    assert (first.equation, first.layer, first.status, first.note, first.deviation) == (
        "BP2",
        1,
        "convention",
        KINKS[kink][2],
        "",
    )
    assert first.index[1] == 1
    at = place(first.index)
    assert cert.verdict.startswith(
        f"BP2 (hidden delta) of layer 1: delta has {first.got!r} at {at}, expected "
        f"{first.expected!r}: "
    )
    assert f"convention ({KINKS[kink][2]})" in cert.verdict
    assert not cert.passed
    again = with_entry(record, "delta", 1, (0, 0), record.layers[0].delta[0, 0] + 1)
    first = certify(again).broken[0]
    assert (first.status, first.index, first.note) == (
        "wrong",
        (0, 0),
        f"elsewhere {KINKS[kink][2]}",
    )
    below = tuple(np.argwhere(record.layers[0].z < 0.0)[0])
    everywhere = with_entry(
        record, "delta", 1, below, g_below(record)[below] * np.array(KINKS[kink][1], dtype)
    )
    first = certify(everywhere).broken[0]
    assert (first.status, first.index, first.note) == (
        "wrong",
        below,
        f"elsewhere {KINKS[kink][2]}",
    )
    slightly = with_entry(
        record, "delta", 1, (2, 1), record.layers[0].delta[2, 1] * np.array(1.001, dtype)
    )
    first = certify(slightly).broken[0]
    assert (first.status, first.index, first.note) == (
        "wrong",
        (2, 1),
        f"elsewhere {KINKS[kink][2]}",
    )


@in_both_dtypes
def test_two_conventions_in_one_array_are_both_named(dtype):
    """ReLU'(0) = 1 in one row and 1/2 in another: each entry has its convention, and
    the note has both.
    """
    record = kinked("relu 1", dtype)
    mixed = with_entry(record, "delta", 1, (0, 1), record.layers[0].delta[0, 1] / 2)
    first = certify(mixed).broken[0]
    assert (first.status, first.note) == (
        "convention",
        "relu'(0) = 1 instead of 0; relu'(0) = 0.5 instead of 0",
    )


@in_both_dtypes
@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_another_subgradient_at_the_output_is_a_convention(slope, dtype):
    """BP1 of a loss on values knows the conventions of its output activation too."""
    case = replace(HIDDEN, hidden=("tanh",), output="relu", dtype=dtype)
    net = case.network()
    net.layers[1].W[1] = net.layers[1].b[1] = 0.0
    record = recorded(case, net=net)
    delta = record.layers[1].delta.copy()
    delta[:, 1] = (record.layers[1].a - record.y)[:, 1] * (2.0 / record.y.size) * slope
    first = certify(rewritten(record, "delta", 2, delta)).broken[0]
    assert (first.equation, first.status, first.note) == (
        "BP1",
        "convention",
        f"relu'(0) = {slope:g} instead of 0",
    )


@in_both_dtypes
@pytest.mark.parametrize("output", ["identity", "tanh", "softmax"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_another_sign_of_zero_is_a_convention(sign, output, dtype):
    """MAE's gradient where a = y is 0 here; +1 or -1 is a convention, behind any
    activation.
    """
    case = replace(HIDDEN, output=output, hidden=("tanh",), loss="mae", dtype=dtype)
    x, y, _ = next(case.steps())
    net = case.network()
    a = net.predict(x)
    y[::2, 0] = a[::2, 0]
    record = recorded(case, net=net, data=(x, y))
    top = record.layers[1]
    g = np.where(top.a == y, np.array(sign, dtype), np.sign(top.a - y)) / y.size
    delta = net.layers[1].activation.pullback(g.astype(dtype), top.z, top.a)
    first = certify(rewritten(record, "delta", 2, delta)).broken[0]
    assert (first.equation, first.status, first.note) == (
        "BP1",
        "convention",
        f"sign(0) = {sign:+g} instead of 0",
    )
    first = certify(
        with_entry(rewritten(record, "delta", 2, delta), "delta", 2, (1, 1), 1.0)
    ).broken[0]
    assert (first.status, first.index, first.note) == (
        "wrong",
        (1, 1),
        f"elsewhere sign(0) = {sign:+g} instead of 0",
    )


def by_hand(z, y, output, loss, dtype, delta=None, **changed):
    """One step of one layer with W = 1, b = 0 and lr = 0 whose weighted inputs are
    these, as the textbook takes it.
    """
    z, y = np.array(z, dtype), np.asarray(y)
    y = y if y.ndim == 1 else y.astype(dtype)
    k = z.shape[1]
    with np.errstate(all="ignore"):
        a = refnet.activations.ACTIVATIONS[output]().value(z)
        delta = (a - (y if y.ndim == 2 else np.eye(k)[y])) / len(z) if delta is None else delta
        delta = delta.astype(dtype)
        W, b = np.eye(k, dtype=dtype), np.zeros(k, dtype)
        layer = LayerRecord(
            **{
                "z": z,
                "a": a,
                "delta": delta,
                "dW": delta.T @ z,
                "db": delta.sum(axis=0),
                **changed,
            }
        )
    h = {"lr": 0.0, "momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}
    spec = Spec((k, k), ((output, {}),), loss, "sgd", h, 1, dtype)
    with np.errstate(over="ignore"):
        value = refnet.losses.LOSSES[loss]().value(layer.a, y)
    return StepRecord(
        spec, z, y, Snapshot((W,), (b,), {}), (layer,), value, Snapshot((W,), (b,), {})
    )


@in_both_dtypes
def test_a_logarithm_without_a_floor_is_a_convention(dtype):
    """Cross-entropy beyond 100 in a row, where refnet's log stops at -100, has the name
    of that convention.
    """
    note = "log has no floor at -100"
    a = np.array([[1.0, 1e-44], [0.5, 0.5]], dtype)  # log 1e-44 is about -101
    for loss, output, y, others in (
        ("cross_entropy", "softmax", np.array([1, 0]), np.log(2.0)),
        ("cross_entropy", "softmax", np.eye(2)[[1, 0]], np.log(2.0)),
        ("binary_cross_entropy", "sigmoid", [[1.0, 1.0], [1.0, 1.0]], 2.0 * np.log(2.0)),
    ):
        record = by_hand(np.log(a, dtype=dtype), y, output, loss, dtype, a=a)
        assert result_of(certify(record), "loss").status == "passed"
        count = 2 if output == "softmax" else 4
        unbounded = (-np.log(a[0, 1], dtype="float64") + others) / count
        result = result_of(certify(replace(record, loss=float(unbounded))), "loss")
        assert (result.status, result.note) == ("convention", note)
        result = result_of(certify(replace(record, loss=float(unbounded) * 1.001)), "loss")
        assert (result.status, result.note) == ("wrong", "")
        impossible = with_entry(record, "a", 1, (0, 1), 0.0)
        for value, status in ((np.inf, "convention"), (-np.inf, "wrong"), (np.nan, "wrong")):
            assert result_of(certify(replace(impossible, loss=value)), "loss").status == status
        assert result_of(certify(replace(record, loss=np.inf)), "loss").status == "wrong"


@in_both_dtypes
@pytest.mark.parametrize("value", [0.5, 1.0])
def test_another_step_at_zero_is_a_convention(value, dtype):
    """heaviside(0) = 1/2 or 1 is a convention, any other value is wrong."""
    record = by_hand(
        [[0.0, 1.0, -1.0]], [[0.0, 0.0, 0.0]], "heaviside", "mse", dtype, delta=np.zeros((1, 3))
    )
    assert result_of(certify(record), "a", 1).status == "passed"
    result = result_of(certify(with_entry(record, "a", 1, (0, 0), value)), "a", 1)
    assert (result.status, result.note, result.index) == (
        "convention",
        f"heaviside(0) = {value:g} instead of 0",
        (0, 0),
    )
    assert result_of(certify(with_entry(record, "a", 1, (0, 0), 0.25)), "a", 1).status == "wrong"
    assert result_of(certify(with_entry(record, "a", 1, (0, 2), value)), "a", 1).status == "wrong"


THROUGH_EXP = {
    "(e^2z - 1) / (e^2z + 1)": lambda z: (np.exp(2.0 * z) - 1.0) / (np.exp(2.0 * z) + 1.0),
    "(e^z - e^-z) / (e^z + e^-z)": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "(1 - e^-2z) / (1 + e^-2z)": lambda z: (1.0 - np.exp(-2.0 * z)) / (1.0 + np.exp(-2.0 * z)),
    "2 sigmoid(2z) - 1": lambda z: 2.0 / (1.0 + np.exp(-2.0 * z)) - 1.0,
}
THROUGH_TANH = {
    "(1 + tanh(z / 2)) / 2": lambda z: (1.0 + np.tanh(z / 2.0)) / 2.0,
    "1/2 tanh(z / 2) + 1/2": lambda z: 0.5 * np.tanh(0.5 * z) + 0.5,
}


def through_lse(z):
    """exp(z - log sum exp z)."""
    top = z.max(axis=1, keepdims=True)
    return np.exp(z - (top + np.log(np.exp(z - top).sum(axis=1, keepdims=True))))


NEAR_ZERO, FAR_BELOW, FAR = (
    np.linspace(*ends, 24).reshape(2, 12)
    for ends in ((-3e-5, 4e-5), (-20.0, -5.0), (9000.0, 9003.0))
)
TANH_NOTE = "tanh through exp, such as (e^2z - 1) / (e^2z + 1), cancels where z is near 0"
SIGMOID_NOTE = "sigmoid through tanh, (1 + tanh(z / 2)) / 2, cancels where z is far below 0"
SOFTMAX_NOTE = "softmax as exp(z - log sum exp z), off by |log sum exp z| roundings"
ROUGH = {
    **{f"tanh as {name}": ("tanh", f, NEAR_ZERO, TANH_NOTE) for name, f in THROUGH_EXP.items()},
    **{
        f"sigmoid as {name}": ("sigmoid", f, FAR_BELOW, SIGMOID_NOTE)
        for name, f in THROUGH_TANH.items()
    },
    "softmax through log sum exp": ("softmax", through_lse, FAR, SOFTMAX_NOTE),
}


@in_both_dtypes
@pytest.mark.parametrize("formula", ROUGH)
def test_an_inaccurate_formula_is_named_and_refused(formula, dtype):
    """A form of f that loses digits it need not lose is no pass; an entry off by more
    than that form explains is wrong.
    """
    output, written, z, note = ROUGH[formula]
    record = by_hand(z, np.zeros(z.shape), output, "mse", dtype)
    assert result_of(certify(record), "a", 1).status == "passed"
    rough = rewritten(record, "a", 1, written(record.layers[0].z))
    result = result_of(certify(rough), "a", 1)
    assert (result.status, result.note, result.deviation) == ("inaccurate formula", note, "")
    assert not certify(rough).passed
    result = result_of(
        certify(with_entry(rough, "a", 1, (1, 3), rough.layers[0].a[1, 3] + np.array(1e-3, dtype))),
        "a",
        1,
    )
    assert (result.status, result.index, result.note) == ("wrong", (1, 3), f"elsewhere {note}")


ROUNDED = [
    ("adam", {"lr": 1.0}, "betas", ("exp_avg_sq of W", "W")),
    (
        "adamw",
        {"lr": 1.0, "betas": (0.99, 0.999)},
        "betas",
        ("exp_avg of W", "exp_avg_sq of W", "W"),
    ),
    ("rmsprop", {"alpha": 0.99, "centered": True}, "alpha", ("square_avg of W", "grad_avg of W")),
]


def in_float32(h, name):
    """The hyper-parameter as float32 numbers."""
    return tuple(map(np.float32, h[name])) if isinstance(h[name], tuple) else np.float32(h[name])


@pytest.mark.parametrize(("optimizer", "settings", "name", "quantities"), ROUNDED)
def test_a_hyperparameter_in_float32_is_an_inaccurate_formula(
    optimizer, settings, name, quantities
):
    """1 - beta of a beta rounded to float32 is off by tens of bounds, in the means and
    in Adam's step; it has its name, and no pass.
    """
    case = Case(
        "",
        (3, 4, 2),
        ("sigmoid",),
        "identity",
        "mse",
        "values",
        optimizer,
        settings,
        batch=5,
        dtype="float32",
    )
    record = recorded(case, 2)
    h, t, one = record.spec.hyperparameters, record.spec.step, np.float32(1.0)
    rough = in_float32(h, name)
    for quantity in quantities:
        key, of = quantity.partition(" of ")[0], quantity[-1]
        g, theta = record.layers[0].dW, record.before.W[0]
        state = {
            k: v[where(record, of, 1)].reshape(g.shape) for k, v in record.before.state.items()
        }
        if key == "W":
            beta1, beta2 = rough
            m, v = shown(record, "exp_avg of W", 1), shown(record, "exp_avg_sq of W", 1)
            step = (
                np.float32(h["lr"])
                * (m / (one - beta1**t))
                / (np.sqrt(v / (one - beta2**t)) + np.float32(h["eps"]))
            )
            array = (one - np.float32(h["lr"] * h["weight_decay"])) * theta - step
        else:
            beta = rough[0 if key == "exp_avg" else 1] if isinstance(rough, tuple) else rough
            array = beta * state[key] + (one - beta) * (g * g if "sq" in key else g)
        assert array.dtype == np.float32
        result = result_of(certify(rewritten(record, quantity, 1, array)), quantity, 1)
        note = f"{name} rounded to float32 before 1 - beta; make scalars in double"
        assert (result.status, result.note) == ("inaccurate formula", note), quantity
        spoiled = array.copy()
        spoiled[1, 2] *= np.float32(1.01)
        result = result_of(certify(rewritten(record, quantity, 1, spoiled)), quantity, 1)
        assert (result.status, result.index) == ("wrong", (1, 2)), quantity


DECAYED = Case(
    "",
    (7, 5, 3),
    ("tanh",),
    "identity",
    "mse",
    "values",
    "sgd",
    {"lr": 0.1, "weight_decay": 0.1},
    batch=6,
)


def decoupled(record):
    """The step in the form (1 - lr weight_decay) theta - lr g."""
    h = record.spec.hyperparameters
    W = [
        (1.0 - h["lr"] * h["weight_decay"]) * W - h["lr"] * layer.dW
        for W, layer in zip(record.before.W, record.layers, strict=True)
    ]
    return replace(record, after=replace(record.after, W=tuple(W)))


@in_both_dtypes
def test_the_other_form_of_weight_decay_passes_with_a_note(dtype):
    """(1 - lr weight_decay) theta - lr g rounds otherwise: it passes and says so; more
    than its own bound beyond is wrong.
    """
    note, fmt = (
        "as (1 - lr weight_decay) theta - lr g: algebraically equal, other rounding",
        FORMATS[dtype],
    )
    noted = []
    for seed in range(40):
        record = decoupled(recorded(replace(DECAYED, dtype=dtype, seed=seed)))
        cert = certify(record)
        assert cert.passed
        noted += [(record, r) for r in cert.results if r.note]
    assert noted
    for _, result in noted:
        assert (result.status, result.note, result.used) == ("passed", note, 1.0)
        assert str(result).endswith(
            f" of the {result.allowed:.2g} that rounding allows; passed ({note})"
        )
    record, result = noted[0]
    theta = float(record.before.W[result.layer - 1][result.index])
    shrunk = (2 + fmt.scalar) * fmt.unit * abs(0.99 * theta)
    beyond = result.expected + 2.0 * (result.allowed + shrunk)
    wrong = result_of(
        certify(with_entry(record, "W", result.layer, result.index, beyond)), "W", result.layer
    )
    assert (wrong.status, wrong.index) == ("wrong", result.index)
    coupled = replace(record.spec, hyperparameters={**record.spec.hyperparameters, "momentum": 0.9})
    state = {
        "momentum_buffer": np.concatenate(
            [p.ravel() for layer in record.layers for p in (layer.dW, layer.db)]
        )
    }
    assert not [
        r
        for r in certify(
            replace(record, spec=coupled, after=replace(record.after, state=state))
        ).results
        if r.note
    ]


def test_a_pass_with_a_note_hides_nothing_that_is_not_judged():
    """Where one entry has the other form of weight decay and another one overflows, the
    array is not judged, and the note has both.
    """
    steps = (
        decoupled(recorded(replace(DECAYED, dtype="float32", seed=seed))) for seed in range(40)
    )
    record, noted = next(
        (step, r) for step in steps for r in [result_of(certify(step), "W", 1)] if r.note
    )
    g = record.layers[0].dW
    index = next(i for i in np.ndindex(g.shape) if i != noted.index)
    result = result_of(certify(with_entry(record, "dW", 1, index, np.inf)), "W", 1)
    assert (result.status, result.note) == (
        "not judged",
        f"an input that is not finite in 1 of {g.size} entries; {noted.note}",
    )


@in_both_dtypes
def test_a_dampened_first_step_is_a_convention(dtype):
    """Where there is no buffer yet PyTorch's first one is d whole, and (1 - dampening)
    d is another convention; from a shown buffer of zeros both may be meant.
    """
    record = recorded(
        replace(
            DECAYED,
            settings={"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1},
            dtype=dtype,
        )
    )
    whole = record.after.state["momentum_buffer"]
    assert certify(record).passed
    dampened = replace(record, after=replace(record.after, state={"momentum_buffer": whole / 2}))
    first = certify(dampened).broken[0]
    note = "the first step dampened, as from a buffer of zeros; PyTorch takes d whole"
    assert (first.quantity, first.status, first.note) == (
        "momentum_buffer of W",
        "convention",
        note,
    )
    zeros = replace(record.before, state={"momentum_buffer": np.zeros_like(whole)})
    for either in (record, dampened):
        assert (
            result_of(certify(replace(either, before=zeros)), "momentum_buffer of W", 1).status
            == "passed"
        )
    other = replace(
        record,
        after=replace(record.after, state={"momentum_buffer": whole * np.array(0.501, dtype)}),
    )
    for before in (record.before, zeros):
        assert (
            result_of(certify(replace(other, before=before)), "momentum_buffer of W", 1).status
            == "wrong"
        )


@in_both_dtypes
def test_what_overflows_is_not_judged(dtype):
    """An entry that may overflow is neither passed nor wrong, nor is what reads it; its
    neighbours are judged, and still can be wrong.
    """
    # below 2^996, so that only its own entry is lost in the wider product
    huge = 2.0**990 if dtype == "float64" else 2.0**120
    record = by_hand([[huge, 1.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]], "identity", "mse", dtype)
    W = np.array([[2.0**40, 0.0], [0.0, 1.0]], dtype)
    record = replace(record, before=replace(record.before, W=(W,)))
    z = np.array([[np.inf, 1.0], [2.0**41, 1.0]], dtype)
    with np.errstate(all="ignore"):
        delta = z / 2.0
        layer = LayerRecord(z, z, delta, delta.T @ record.x, delta.sum(axis=0))
        record = replace(
            record,
            layers=(layer,),
            loss=np.inf,
            after=replace(record.after, W=(W - 0.0 * layer.dW,), b=(0.0 * layer.db,)),
        )
    cert = certify(record)
    assert cert.broken == ()
    assert not cert.passed
    entries = {
        "a": "1 of 4",
        "loss": "1 of 1",
        "delta": "1 of 4",
        "db": "1 of 2",
        "dW": "2 of 4",
        "W": "2 of 4",
        "b": "1 of 2",
    }
    reading = {
        quantity: f"an input that is not finite in {count} entries"
        for quantity, count in entries.items()
    }
    assert {r.quantity: r.note for r in cert.results} == {
        "z": "overflow in 1 of 4 entries",
        **reading,
    }
    assert cert.verdict == "Nothing passed: 8 not judged"
    assert all(r.got is not None for r in cert.results)
    first = certify(with_entry(record, "z", 1, (1, 0), 2.0**42)).broken[0]
    assert (first.quantity, first.index, first.status) == ("z", (1, 0), "wrong")
    assert certify(with_entry(record, "z", 1, (0, 0), 0.0)).results[0].status == "not judged"


@pytest.mark.parametrize(
    ("optimizer", "settings", "squares"),
    [
        ("adam", {}, ("exp_avg_sq",)),
        ("adamw", {"amsgrad": True}, ("exp_avg_sq",)),
        ("rmsprop", {"centered": True}, ("square_avg",)),
        ("adagrad", {}, ("sum",)),
    ],
)
def test_a_square_that_overflows_is_not_judged(optimizer, settings, squares):
    """Where g^2 is beyond float32 the mean of squares and the step are not judged in
    that entry, and the other means are.
    """
    case = Case(
        "",
        (3, 4, 2),
        ("sigmoid",),
        "identity",
        "mse",
        "values",
        optimizer,
        settings,
        batch=5,
        dtype="float32",
    )
    record = with_entry(recorded(case), "dW", 1, (0, 1), 1e20)
    cert = certify(record)
    for key in squares:
        result = result_of(cert, f"{key} of W", 1)
        assert (result.status, result.note) == ("not judged", "overflow in 1 of 12 entries")
    others = {
        f"{key} of W"
        for key in record.after.state
        if key not in squares and not key.startswith("max")
    }
    assert all(result_of(cert, quantity, 1).status == "wrong" for quantity in others)
    overflown = with_entry(record, f"{squares[0]} of W", 1, (0, 1), np.inf)
    assert result_of(certify(overflown), f"{squares[0]} of W", 1).status == "not judged"


@in_both_dtypes
def test_the_middle_of_a_step_may_overflow(dtype):
    """|g| + |weight_decay theta| beyond the largest number is not judged, though the
    two cancel; below it is.
    """
    case = replace(DECAYED, settings={"lr": 0.1, "weight_decay": 1.0, "momentum": 1.0}, dtype=dtype)
    record, most = recorded(case, 2), FORMATS[dtype].largest
    W = (record.before.W[0].copy(), record.before.W[1])
    W[0][0, 0] = -0.6 * most
    record = replace(record, before=replace(record.before, W=W))
    result = result_of(
        certify(with_entry(record, "dW", 1, (0, 0), 0.6 * most)), "momentum_buffer of W", 1
    )
    assert (result.status, result.note) == ("not judged", "overflow in 1 of 35 entries")
    result = result_of(
        certify(with_entry(record, "dW", 1, (0, 0), 0.3 * most)), "momentum_buffer of W", 1
    )
    assert (result.status, result.index) == ("wrong", (0, 0))


@in_both_dtypes
def test_something_wrong_is_wrong(dtype):
    """A number off by a thousandth in any quantity is wrong, without a note or the name
    of a deviation.
    """
    record = good(dtype)
    for quantity, layer in everything(record):
        array = shown(record, quantity, layer)
        index = np.unravel_index(np.abs(array).argmax(), array.shape)
        first = certify(with_entry(record, quantity, layer, index, array[index] * 1.001)).broken[0]
        assert (first.quantity, first.layer, first.index) == (quantity, layer, tuple(index))
        inaccurate = first.quantity == "a" and first.status != "wrong"
        assert inaccurate or (first.status, first.note, first.deviation) == ("wrong", "", "")


# what PyTorch does otherwise


def torch_step(z, y, dtype, activation, loss):
    """One step of a PyTorch model of one layer whose weighted inputs are z; lr is 0."""
    z = np.array(z, dtype)
    linear = nn.Linear(z.shape[1], z.shape[1], dtype=getattr(torch, dtype))
    with torch.no_grad():
        linear.weight.copy_(torch.eye(z.shape[1]))
        linear.bias.zero_()
    model = nn.Sequential(linear, activation)
    return record_torch(model, z, np.asarray(y), loss, torch.optim.SGD(model.parameters(), lr=0.0))


def the_deviation(record, deviation, quantity="delta", layer=1):
    """The result in which PyTorch deviates as it is known to; the test fails where it
    no longer does.
    """
    result = result_of(certify(record), quantity, layer)
    repaired = (
        f"PyTorch {torch.__version__} no longer shows the deviation {deviation!r}: strike it "
        f"from the list; {result}"
    )
    assert result.broken, repaired
    assert (result.status, result.deviation) == ("wrong", deviation), repaired
    return result


def others_pass(record, quantity, layer=1):
    """Everything before the deviating quantity has passed."""
    results = certify(record).results
    before = results[: [(r.quantity, r.layer) for r in results].index((quantity, layer))]
    return {r.status for r in before} == {"passed"}


CLAMP_NOTE = (
    "divided by 1e-12 where a (1 - a) is less, as torch.nn.BCELoss does; logits have no such limit"
)
EDGE = -np.log(BCE_FLOOR)  # |z| at which a (1 - a) is BCE_FLOOR, 27.63
CLAMPED = [  # dtype, z, y
    *(("float64", z, y) for z in (-27.7, -28.0, -36.0, -50.0, 27.7, 28.0) for y in (0.0, 1.0)),
    *(("float64", z, 0.0) for z in (36.0, 37.0, 50.0)),
    *(("float32", z, y) for z in (-27.7, -28.0, -50.0) for y in (0.0, 1.0)),
    *(("float32", z, 0.0) for z in (17.0, 28.0)),
]


@pytest.mark.parametrize(("dtype", "z", "y"), CLAMPED)
def test_bceloss_clamps_a_saturated_probability(dtype, z, y):
    """torch.nn.BCELoss behind a sigmoid divides by 1e-12 where a (1 - a) is less:
    wrong, on both sides, and where a is 1.
    """
    record = torch_step([[z]], [[y]], dtype, nn.Sigmoid(), nn.BCELoss())
    result = the_deviation(record, "BCELoss clamp")
    assert (result.equation, result.note, result.index) == ("BP1", CLAMP_NOTE, (0, 0))
    assert others_pass(record, "delta")
    assert certify(record).verdict.endswith(f"; wrong ({CLAMP_NOTE})")


@in_both_dtypes
@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
def test_the_edge_of_bceloss_is_sharp(dtype, y):
    """BCELoss is right down to a (1 - a) = 1e-12, at z = +-27.6, and in float32 above
    where 1 - a is not yet 0; below it deviates.
    """
    assert 27.6 < EDGE < 27.7
    right = (-27.0, -27.6, 27.0, 27.6) if dtype == "float64" else (-27.0, -27.6, 15.0, 16.0)
    assert certify(
        torch_step([[z] for z in right], [[y]] * 4, dtype, nn.Sigmoid(), nn.BCELoss())
    ).passed
    the_deviation(
        torch_step([[-27.6], [-27.7]], [[y]] * 2, dtype, nn.Sigmoid(), nn.BCELoss()),
        "BCELoss clamp",
    )


@in_both_dtypes
def test_logits_have_no_clamp(dtype):
    """BCEWithLogitsLoss is right where BCELoss deviates, also where the sigmoid rounds
    to its label, and past 100.
    """
    z = [[-50.0], [-28.0], [-27.7], [37.43], [28.0], [120.0], [-120.0]]
    for y in (0.0, 1.0, 0.5):
        assert certify(
            torch_step(z, [[y]] * len(z), dtype, nn.Identity(), nn.BCEWithLogitsLoss())
        ).passed


@in_both_dtypes
def test_a_second_error_in_a_clamped_entry_or_beside_it_is_seen(dtype):
    """A thousandth more in the deviating entry, or anything in another entry, is wrong
    and no deviation of PyTorch.
    """
    record = torch_step(
        [[-28.0, 1.0], [0.5, -1.0]], [[1.0, 0.0], [1.0, 0.0]], dtype, nn.Sigmoid(), nn.BCELoss()
    )
    delta = record.layers[0].delta
    assert the_deviation(record, "BCELoss clamp").index == (0, 0)
    result = result_of(
        certify(with_entry(record, "delta", 1, (0, 0), delta[0, 0] * 1.001)), "delta", 1
    )
    assert (result.status, result.index, result.deviation, result.note) == ("wrong", (0, 0), "", "")
    for index in ((0, 1), (1, 0), (1, 1)):
        result = result_of(
            certify(with_entry(record, "delta", 1, index, delta[index] * 1.001)), "delta", 1
        )
        assert (result.status, result.index, result.deviation, result.note) == (
            "wrong",
            index,
            "",
            f"elsewhere {CLAMP_NOTE}",
        )


@in_both_dtypes
def test_an_ordinary_probability_has_no_clamp_to_deviate_by(dtype):
    """Where a (1 - a) is far above 1e-12 an error of twelve units is wrong and no
    deviation, though the clamp's own bound is wider.
    """
    record = torch_step([[-5.0]], [[1.0]], dtype, nn.Sigmoid(), nn.BCELoss())
    fmt, a = FORMATS[dtype], float(record.layers[0].a[0, 0])
    allowed = fmt.unit * (10.0 * (1.0 - a) + 2.0 * fmt.sigmoid * a)
    assert allowed * (1.0 + fmt.slack) < 12.0 * fmt.unit < 14.0 * fmt.unit * (1.0 - a)
    result = result_of(
        certify(with_entry(record, "delta", 1, (0, 0), a - 1.0 - 12.0 * fmt.unit)), "delta", 1
    )
    assert (result.status, result.deviation, result.note) == ("wrong", "", "")


LOG_NOTE = (
    "-y / a overflows at a probability of about 0, as PyTorch's gradient of log does; logits "
    "have no such limit"
)
# -log p whose reciprocal is still a number, and p = 0
GAPS = {"float64": (700.0, 800.0), "float32": (85.0, 110.0)}


@in_both_dtypes
@pytest.mark.parametrize("targets", ["label", "distribution", "soft"])
def test_the_gradient_of_a_logarithm_overflows_behind_softmax(dtype, targets):
    """-y / a of a probability 0 is infinity, and NaN behind softmax's pullback: wrong
    in that row, right where 1 / a is a number.
    """
    near_zero, zero = GAPS[dtype]
    y = {
        "label": [1, 1],
        "distribution": [[0.0, 1.0], [0.0, 1.0]],
        "soft": [[0.5, 0.5], [0.25, 0.75]],
    }[targets]
    y = np.array(y) if targets == "label" else np.array(y, dtype)
    record = torch_step([[near_zero, 0.0], [1.0, 0.0]], y, dtype, nn.Softmax(dim=1), CrossEntropy())
    assert certify(record).passed
    record = torch_step([[1.0, 0.0], [zero, 0.0]], y, dtype, nn.Softmax(dim=1), CrossEntropy())
    result = the_deviation(record, "log of zero")
    assert (result.equation, result.note, result.index[0]) == ("BP1", LOG_NOTE, 1)
    assert others_pass(record, "delta")


@in_both_dtypes
def test_soft_targets_multiply_nothing_with_infinity(dtype):
    """0 log 0 in distributions: the value is right, the gradient 0 * inf = NaN; labels
    pick before the logarithm and are right.
    """
    zero = GAPS[dtype][1]
    z = [[zero, 0.0], [1.0, 0.0]]
    assert certify(torch_step(z, np.array([0, 0]), dtype, nn.Softmax(dim=1), CrossEntropy())).passed
    record = torch_step(
        z, np.array([[1.0, 0.0], [1.0, 0.0]], dtype), dtype, nn.Softmax(dim=1), CrossEntropy()
    )
    result = the_deviation(record, "log of zero")
    assert (result.note, result.index[0], result.expected) == (LOG_NOTE, 0, 0.0)
    assert result_of(certify(record), "loss").status == "passed"
    assert others_pass(record, "delta")


@in_both_dtypes
@pytest.mark.parametrize("y", [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
def test_the_gradient_of_a_logarithm_overflows_behind_sigmoid(dtype, y):
    """-y / a times a (1 - a) of a = 0 is NaN in that entry, and the entries beside it
    are right.
    """
    near_zero, zero = GAPS[dtype]
    y = np.array([y, y], dtype)
    assert certify(
        torch_step([[-near_zero, 2.0], [1.0, 0.0]], y, dtype, nn.Sigmoid(), CrossEntropy())
    ).passed
    record = torch_step([[1.0, 0.0], [-zero, 2.0]], y, dtype, nn.Sigmoid(), CrossEntropy())
    result = the_deviation(record, "log of zero")
    assert (result.equation, result.note, result.index) == ("BP1", LOG_NOTE, (1, 0))
    repaired = with_entry(record, "delta", 1, (1, 0), -y[1, 0] / 2.0)
    assert result_of(certify(repaired), "delta", 1).status == "passed"


@in_both_dtypes
def test_a_second_error_in_a_row_of_infinities_or_beside_it_is_seen(dtype):
    """A finite wrong number in the row, or anything in another row, is wrong and no
    deviation of PyTorch.
    """
    record = torch_step(
        [[1.0, 0.0], [GAPS[dtype][1], 0.0]],
        np.array([1, 1]),
        dtype,
        nn.Softmax(dim=1),
        CrossEntropy(),
    )
    for index in ((1, 0), (1, 1)):
        result = result_of(certify(with_entry(record, "delta", 1, index, 0.25)), "delta", 1)
        assert (result.status, result.index, result.deviation, result.note) == (
            "wrong",
            index,
            "",
            f"elsewhere {LOG_NOTE}",
        )
    for number in (np.nan, record.layers[0].delta[0, 1] * 1.001):
        result = result_of(certify(with_entry(record, "delta", 1, (0, 1), number)), "delta", 1)
        assert (result.status, result.index, result.deviation, result.note) == (
            "wrong",
            (0, 1),
            "",
            f"elsewhere {LOG_NOTE}",
        )
    behind_sigmoid = torch_step(
        [[-GAPS[dtype][1], 2.0]], np.array([[0.5, 0.5]], dtype), dtype, nn.Sigmoid(), CrossEntropy()
    )
    result = result_of(certify(with_entry(behind_sigmoid, "delta", 1, (0, 1), np.nan)), "delta", 1)
    assert (result.status, result.index, result.deviation) == ("wrong", (0, 1), "")


VARIANCE_NOTE = (
    "the root of a variance that rounding made negative, as in "
    "torch.optim.RMSprop(centered=True); take max(v - mean^2, 0)"
)
HEALTHY = [5, 6]  # columns of ordinary gradients
NAN_SEED = 0  # the first of random constant gradients whose variance PyTorch makes negative


@cache
def centered(momentum):
    """The first step after which PyTorch's centered RMSprop has NaN: constant gradients
    of 1e-23 to 1e-20 in float32, two of 1; lr 0.
    """
    rng = np.random.default_rng(NAN_SEED)
    x = (rng.normal(size=(1, 40)) * 10.0 ** rng.uniform(-23, -20, (1, 40))).astype(np.float32)
    x[0, HEALTHY] = 1.0
    linear = nn.Linear(40, 1)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.zero_()
    model = nn.Sequential(linear)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.0, centered=True, momentum=momentum)
    for _ in range(20):
        record = record_torch(model, x, np.ones((1, 1), np.float32), nn.MSELoss(), optimizer)
        if np.isnan(record.after.W[0]).any():
            break
    return record


@pytest.mark.parametrize(("momentum", "quantity"), [(0.0, "W"), (0.9, "momentum_buffer of W")])
def test_centered_rmsprop_takes_the_root_of_a_negative_variance(momentum, quantity):
    """v - mean^2 of constant tiny gradients rounds below zero in float32, and PyTorch's
    step is NaN: wrong, with its name.
    """
    record = centered(momentum)
    result = the_deviation(record, "centered RMSprop", quantity)
    assert (result.equation, result.note, np.isnan(result.got)) == ("step", VARIANCE_NOTE, True)
    assert others_pass(record, quantity)
    assert certify(record).verdict.startswith(
        f"step (update) of layer 1: {quantity} has nan at {place(result.index)}, expected "
    )
    for index, number in (((0, HEALTHY[0]), np.nan), ((0, HEALTHY[0]), 1.0), (result.index, 1.0)):
        other = result_of(certify(with_entry(record, quantity, 1, index, number)), quantity, 1)
        assert (other.status, other.index, other.deviation) == ("wrong", index, "")


# wiring


def two_steps(dtype="float64", **settings):
    """Two steps that follow each other."""
    case = replace(DEEP, dtype=dtype, **settings)
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    return [
        record_refnet(net, x, y, loss, optimizer)
        for (x, y, _), _ in zip(case.steps(), range(2), strict=False)
    ]


def one_bit(array):
    """The array with the last bit of its first entry flipped."""
    other = array.copy()
    other.ravel().view(f"u{array.itemsize}")[0] ^= 1
    return other


@in_both_dtypes
def test_a_step_that_follows_passes(dtype):
    """The step is the next one, weights, biases and state start where the last ended,
    and the wiring comes before the equations.
    """
    first, second = two_steps(dtype)
    cert = certify(second, first)
    assert cert.passed
    wired = [(r.quantity, r.layer) for r in cert.results if r.equation == "wiring"]
    want = [
        ("step number", None),
        *((f"{name} before", layer) for name in "Wb" for layer in (1, 2, 3)),
    ]
    want += [(f"{key} before", None) for key in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")]
    assert wired == [(r.quantity, r.layer) for r in cert.results][: len(wired)] == want
    assert cert.results[len(wired) :] == certify(second).results


@in_both_dtypes
def test_another_start_is_refused(dtype):
    """One bit of one W, b or vector of the state is enough, and is the first thing
    said.
    """
    first, second = two_steps(dtype)
    before = second.before
    for layer in (1, 2, 3):
        for name in ("W", "b"):
            arrays = list(getattr(before, name))
            arrays[layer - 1] = one_bit(arrays[layer - 1])
            cert = certify(replace(second, before=replace(before, **{name: tuple(arrays)})), first)
            want = (
                f"wiring of layer {layer}: {name} before has other values than the step before "
                f"wrote"
            )
            assert cert.verdict.startswith(want)
            assert (cert.broken[0].status, cert.broken[0].used) == ("wrong", np.inf)
            assert not cert.passed
    for name, vector in before.state.items():
        cert = certify(
            replace(second, before=replace(before, state={**before.state, name: one_bit(vector)})),
            first,
        )
        assert cert.verdict.startswith(
            f"wiring: {name} before has other values than the step before wrote"
        )


def test_a_start_of_nan_is_refused():
    """NaN does not equal NaN here either."""
    first, second = two_steps()
    W = (np.full_like(second.before.W[0], np.nan), *second.before.W[1:])
    ended = replace(first, after=replace(first.after, W=W))
    cert = certify(replace(second, before=replace(second.before, W=W)), ended)
    assert not cert.passed


def test_a_previous_step_that_shows_no_end_is_not_passed():
    """Without what the last step wrote, the start is not shown; what is equal otherwise
    stays so.
    """
    first, second = two_steps()
    cert = certify(second, replace(first, after=None))
    assert not cert.passed
    assert [(r.quantity, r.status) for r in cert.results if r.equation == "wiring"] == [
        ("step number", "passed"),
        ("start", "not shown"),
    ]
    assert (
        str(cert.results[1])
        == "wiring: start is not shown (the step before does not show what it wrote)"
    )
    assert cert.verdict.endswith("; 1 not shown")


def test_the_gravest_of_several_explanations_counts():
    """Where entries of one array have different names, the array is the gravest of
    them, and the note has all.
    """
    first = next(statements(good()))
    ranks = ("passed", "inaccurate formula", "convention", "wrong")
    got = first.claim.exact.astype(np.float64)
    entries = np.arange(got.size).reshape(got.shape)
    for less, more in pairwise(ranks):
        for order in ((less, more), (more, less)):
            others = [
                Other(status, status, lambda _, i=i: entries == i) for i, status in enumerate(order)
            ]
            off = got.copy()
            off.flat[:2] += 1.0
            result = judge(
                replace(
                    first, got=off, claim=replace(first.claim, others=lambda others=others: others)
                )
            )
            assert (result.status, result.note) == (more, f"{order[0]}; {order[1]}")


def wiring_of(record, previous):
    """quantity: sentence of the wiring that is not passed."""
    return {
        r.quantity: str(r)
        for r in certify(record, previous).results
        if r.equation == "wiring" and r.status != "passed"
    }


def test_a_zero_of_the_other_sign_is_another_start():
    """Equal to the bit is more than equal."""
    first, second = two_steps()
    zero = np.zeros_like(second.before.b[0])
    ended = replace(first, after=replace(first.after, b=(zero, *first.after.b[1:])))
    for start, want in (
        (zero, {}),
        (
            -zero,
            {"b before": "wiring of layer 1: b before has other values than the step before wrote"},
        ),
    ):
        assert (
            wiring_of(
                replace(second, before=replace(second.before, b=(start, *second.before.b[1:]))),
                ended,
            )
            == want
        )


def test_a_step_that_is_not_counted_is_refused():
    """t must go on by one: a program whose t stays is not certified by a record that
    says so.
    """
    first, second = two_steps()
    for step in (1, 3):
        record = replace(second, spec=replace(second.spec, step=step))
        assert wiring_of(record, first) == {
            "step number": f"wiring: step number has {step}, expected 2"
        }
        assert not certify(record, first).passed


def test_a_forgotten_buffer_is_refused():
    """State that the last step wrote must be there at the next start; what it does not
    show is not shown.
    """
    first, second = two_steps(optimizer="sgd", settings={"momentum": 0.9})
    again = replace(
        second, spec=replace(second.spec, step=1), before=replace(second.before, state={})
    )
    nothing = "wiring: momentum_buffer before has nothing, expected what the step before wrote"
    assert wiring_of(again, first)["momentum_buffer before"] == nothing
    silent_end = replace(first, after=replace(first.after, state={}))
    unseen = (
        "wiring: momentum_buffer before is not shown (the step before does not show what it wrote)"
    )
    assert wiring_of(second, silent_end) == {"momentum_buffer before": unseen}
    assert not certify(second, silent_end).passed


def test_a_step_of_another_network_is_no_previous_step():
    """Layers of other shapes, or another number of them, are another start."""
    _, second = two_steps()
    wider, _ = two_steps(sizes=(5, 4, 3, 3))
    assert set(wiring_of(second, wider)) == {
        "sizes",
        "W before",
        "b before",
        "exp_avg before",
        "exp_avg_sq before",
        "max_exp_avg_sq before",
    }
    shallow, _ = two_steps(sizes=(5, 4, 2), hidden=("tanh",))
    assert not certify(second, shallow).passed
    deeper, _ = two_steps(sizes=(5, 4, 3, 2, 2), hidden=("tanh",) * 3)
    assert not certify(second, deeper).passed


# text


def table(cert):
    """The printed table as cells, without the sentence and the caption."""
    lines = str(cert).splitlines()
    assert lines[1] == "share of each bound used:"
    return [line.split() for line in lines[2 : 3 + len(cert.record.spec.sizes) - 1]]


def test_the_first_sentence_says_what_is_wrong_and_where():
    """Equation, layer, quantity, number, row and column, what was expected and allowed,
    and how much more is broken.
    """
    record = good()
    for quantity, layer, index, at in (
        (
            "dW",
            2,
            (1, 3),
            "BP4 (weight gradient) of layer 2: dW has {} at row 1, column 3, expected {}: ",
        ),
        ("db", 2, (1,), "BP3 (bias gradient) of layer 2: db has {} at row 1, expected {}: "),
        ("loss", None, (), "C (cost): loss has {}, expected {}: "),
        (
            "exp_avg of b",
            3,
            (0,),
            "step (update) of layer 3: exp_avg of b has {} at row 0, expected {}: ",
        ),
        ("b", 1, (2,), "step (update) of layer 1: b has {} at row 2, expected {}: "),
    ):
        expected = float(shown(record, quantity, layer)[index])
        cert = certify(with_entry(record, quantity, layer, index, expected + 1.0))
        first = cert.broken[0]
        share = f"{first.used:.3g} times the {first.allowed:.2g} that rounding allows; wrong"
        more = len(cert.broken) - 1
        tail = f"; {more} more result{'s' if more > 1 else ''} broken" if more else ""
        assert cert.verdict == at.format(repr(expected + 1.0), repr(first.expected)) + share + tail
        assert str(cert).splitlines()[0] == cert.verdict
        assert str(cert).splitlines()[6:] == [f"  {result}" for result in cert.broken[1:]]
    one = certify(with_entry(record, "exp_avg of W", 1, (0, 0), 1.0))
    assert one.verdict.endswith("; 1 more result broken")
    # exp_avg and exp_avg_sq
    assert certify(with_entry(record, "dW", 1, (0, 0), 1.0)).verdict.endswith(
        "; 2 more results broken"
    )


def test_the_table_has_a_row_for_each_layer():
    """A row for each layer, a column for each equation in order; C stands at the last
    layer, BP1 there alone, BP2 everywhere else.
    """
    cert = certify(good())
    head, *rows = cert.table()
    assert head == ["layer", *refnet.EQUATIONS] == table(cert)[0]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    for number, row in enumerate(rows, start=1):
        cells = dict(zip(head, row, strict=True))
        absent = {"C", "BP1"} if number < 3 else {"BP2"}
        assert {label for label, cell in cells.items() if cell == ""} == absent
        for label in set(head[1:]) - absent:
            used = max(
                r.used for r in cert.results if r.equation == label and r.layer in (number, None)
            )
            assert cells[label] == f"{used:.2f}"
    assert [[cell for cell in row if cell] for row in cert.table()] == table(cert)


def test_the_table_marks_what_is_not_passed():
    """! where broken, ? where not judged, - where not shown; what is broken counts more
    than what is silent.
    """
    record = good()
    cells = dict(
        zip(
            *[certify(with_entry(record, "dW", 2, (0, 0), 9.0)).table()[i] for i in (0, 2)],
            strict=True,
        )
    )
    used = result_of(certify(with_entry(record, "dW", 2, (0, 0), 9.0)), "dW", 2).used
    assert cells["BP4"] == f"{used:.2g}!"
    assert cells["step"].endswith("!")
    assert cells["z"][-1].isdigit()
    cells = dict(
        zip(
            *[
                certify(rewritten(record, "dW", 2, record.layers[1].dW.T)).table()[i]
                for i in (0, 2)
            ],
            strict=True,
        )
    )
    assert (cells["BP4"], cells["step"][-1]) == ("inf!", "?")
    cells = dict(
        zip(*[certify(rewritten(record, "dW", 2, None)).table()[i] for i in (0, 2)], strict=True)
    )
    assert (cells["BP4"], cells["step"][-1]) == ("-", "?")
    cells = dict(
        zip(*[certify(replace(record, after=None)).table()[i] for i in (0, 1)], strict=True)
    )
    assert cells["step"] == "-"
    silent_step = dict(
        zip(*[certify(rewritten(record, "delta", 2, None)).table()[i] for i in (0, 2)], strict=True)
    )
    assert (silent_step["BP2"], silent_step["BP3"], silent_step["BP4"]) == ("-", "?", "?")


def rendered(cert):
    """What rich prints, plain and with its colours."""
    pages = []
    for colours in (False, True):
        console = Console(
            file=io.StringIO(),
            width=400,
            force_terminal=colours,
            color_system="standard" if colours else None,
            record=True,
        )
        console.print(cert)
        pages.append(console.export_text(styles=colours))
    return pages


BOLD_RED, BOLD_GREEN, BOLD_YELLOW, RED, YELLOW = (
    "\x1b[1;31m",
    "\x1b[1;32m",
    "\x1b[1;33m",
    "\x1b[31m",
    "\x1b[33m",
)


def test_rich_shows_the_same_words_in_colours():
    """Sentence, cells and further results are those of the plain text: red where
    broken, green where all holds, yellow where not judged.
    """
    record = good()
    right, wrong = certify(record), certify(with_entry(record, "dW", 2, (0, 0), 9.0))
    silent_cert = certify(rewritten(record, "dW", 2, None))
    for cert in (right, wrong, silent_cert):
        plain, _ = rendered(cert)
        words = [line for line in str(cert).splitlines() if line != "share of each bound used:"]
        assert [line.split() for line in plain.splitlines()] == [line.split() for line in words]
    colours = rendered(right)[1]
    assert f"{BOLD_GREEN}{right.verdict}" in colours
    assert "31m" not in colours
    assert "33m" not in colours
    colours = rendered(wrong)[1]
    cell = dict(zip(*[wrong.table()[i] for i in (0, 2)], strict=True))["BP4"]
    assert f"{BOLD_RED}{wrong.verdict}" in colours
    assert f"{BOLD_RED}{cell}" in colours
    assert wrong.broken[1:]
    assert all(f"{RED}  {result}" in colours for result in wrong.broken[1:])
    colours = rendered(silent_cert)[1]
    cell = dict(zip(*[silent_cert.table()[i] for i in (0, 2)], strict=True))["step"]
    assert f"{BOLD_YELLOW}{silent_cert.verdict}" in colours
    assert f"{YELLOW}{cell}" in colours
    assert "31m" not in colours


def test_a_result_speaks_for_itself():
    """A result of its own is a sentence, whatever became of it."""
    some = Result("z", 2, "z", "", 0.25, (1, 0), 1.5, 1.25, 1.0)
    assert (
        str(some)
        == "z (weighted input) of layer 2: z has 1.5 at row 1, column 0, expected 1.25: 0.25 of "
        "the 1 that rounding allows"
    )
    assert str(replace(some, used=3.0, status="wrong")).endswith(
        "expected 1.25: 3 times the 1 that rounding allows; wrong"
    )
    assert str(replace(some, status="not judged", note="overflow in 1 of 2 entries")).endswith(
        "; not judged (overflow in 1 of 2 entries)"
    )
    assert (
        str(Result("C", None, "loss", "mse", 0.0, status="not shown"))
        == "C (cost): loss is not shown"
    )
    assert str(Result("wiring", 1, "W before", "", 0.0)) == "wiring of layer 1: W before is passed"
    for status, broken in (
        ("passed", False),
        ("wrong", True),
        ("convention", True),
        ("inaccurate formula", True),
        ("not judged", False),
    ):
        assert replace(some, status=status).broken == broken
    assert not replace(some, status="not shown").broken


def test_the_verdict_of_silence_beside_a_pass():
    """What was judged holds, and what was not is counted by kind; passed is said only
    of a whole certificate.
    """
    record = good()
    some = Result("z", 1, "z", "", 0.5, (0, 0), 1.0, 1.0, 1.0)
    silent_one, unseen = (
        replace(some, status="not judged"),
        replace(some, status="not shown", got=None),
    )
    cert = Certificate(record, (some, silent_one, silent_one, unseen), ())
    assert (
        cert.verdict
        == "What was judged holds: 1 arrays, at most 0.5 of a bound used (z, z of layer 1); 2 "
        "not judged, 1 not shown"
    )
    assert not cert.passed
    assert Certificate(record, (some,), ()).passed
    assert Certificate(
        record, (replace(some, layer=None, equation="C", quantity="loss"),), ()
    ).verdict.endswith("(C, loss)")


# unusable records


def edited(**changed):
    """The good record with another spec."""
    return replace(good(), spec=replace(good().spec, **changed))


def started(**changed):
    """The good record with another start."""
    return replace(good(), before=replace(good().before, **changed))


KNOWN_LOSSES = (
    "mse, half_squared_error, mae, cross_entropy, softmax_cross_entropy, binary_cross_entropy, "
    "sigmoid_cross_entropy"
)
KNOWN_ACTIVATIONS = "identity, heaviside, sigmoid, tanh, relu, leaky_relu, softmax"


def unusable():
    """A record that cannot be judged, and the sentence that says so."""
    record = good()
    spec, before, state = record.spec, record.before, record.before.state
    softmax = (*spec.activations[:2], ("softmax", {}))
    meant = "with Softmax you probably mean CrossEntropy"
    bce = (
        f"BinaryCrossEntropy: reads probabilities, but the output layer has Softmax, expected "
        f"Sigmoid; {meant}"
    )
    sce = (
        f"SoftmaxCrossEntropy: reads logits, but the output layer has Softmax, expected "
        f"Identity; {meant}"
    )
    return {
        "loss": (edited(loss="l2"), f"certify: loss has 'l2', expected one of {KNOWN_LOSSES}"),
        "optimizer": (
            edited(optimizer="lbfgs"),
            "certify: optimizer has 'lbfgs', expected one of sgd, adagrad, rmsprop, adam, adamw",
        ),
        "dtype": (
            edited(dtype="float16"),
            "certify: dtype has 'float16', expected one of float32, float64",
        ),
        "activation": (
            edited(activations=(("gelu", {}), *spec.activations[1:])),
            f"certify: activation has 'gelu', expected one of {KNOWN_ACTIVATIONS}",
        ),
        "bce behind softmax": (edited(loss="binary_cross_entropy", activations=softmax), bce),
        "double softmax": (edited(loss="softmax_cross_entropy", activations=softmax), sce),
        "activations": (
            edited(activations=spec.activations[:2]),
            "certify: record has 2 activations, expected 3 as its sizes (5, 4, 3, 2)",
        ),
        "sizes": (
            edited(sizes=(5, 4, 2)),
            "certify: record has 3 activations, expected 2 as its sizes (5, 4, 2)",
        ),
        "layers": (
            replace(record, layers=record.layers[:2]),
            "certify: record has 2 layers, expected 3 as its sizes (5, 4, 3, 2)",
        ),
        "W": (
            started(W=before.W[:2]),
            "certify: record has 2 W, expected 3 as its sizes (5, 4, 3, 2)",
        ),
        "b": (
            started(b=(*before.b, before.b[0])),
            "certify: record has 4 b, expected 3 as its sizes (5, 4, 3, 2)",
        ),
        "x": (
            replace(record, x=record.x[:, :4]),
            "certify: x has float64 (6, 4), expected float64 (6, 5)",
        ),
        "x in float32": (
            replace(record, x=record.x.astype(np.float32)),
            "certify: x has float32 (6, 5), expected float64 (6, 5)",
        ),
        "y": (replace(record, y=record.y[:, :1]), "MSE: y has shape (6, 1), expected (6, 2)"),
        "rows of y": (replace(record, y=record.y[:5]), "MSE: y has shape (5, 2), expected (6, 2)"),
        "W's shape": (
            started(W=(before.W[0].T, *before.W[1:])),
            "certify: W of layer 1 before the step has float64 (5, 4), expected float64 (4, 5)",
        ),
        "b's dtype": (
            started(b=(*before.b[:2], before.b[2].astype(np.float32))),
            "certify: b of layer 3 before the step has float32 (2,), expected float64 (2,)",
        ),
        "state's shape": (
            started(state={**state, "exp_avg": state["exp_avg"][:-1]}),
            "certify: exp_avg before the step has float64 (46,), expected float64 (47,)",
        ),
        "no state": (
            started(state={}),
            "certify: state before step 2 has no exp_avg, expected it: adam reads it",
        ),
        "no maximum": (
            started(
                state={name: vector for name, vector in state.items() if name != "max_exp_avg_sq"}
            ),
            "certify: state before step 2 has no max_exp_avg_sq, expected it: adam reads it",
        ),
        "no layer": (
            edited(sizes=(5,)),
            "certify: sizes has (5,), expected at least an input and an output, of 1 or more",
        ),
        "size 0": (
            edited(sizes=(5, 0, 3, 2)),
            (
                "certify: sizes has (5, 0, 3, 2), expected at least an input and an output, of 1 "
                "or "
                "more"
            ),
        ),
        "step": (edited(step=0), "certify: step has 0, expected 1 or more"),
        "setting missing": (
            edited(hyperparameters={"lr": 0.1}),
            "certify: adam has the settings lr, expected lr, betas, eps, amsgrad, weight_decay",
        ),
        "setting unknown": (
            edited(activations=(("tanh", {"slope": 1.0}), *spec.activations[1:])),
            "certify: tanh has the settings slope, expected none",
        ),
        "slope missing": (
            edited(activations=(("leaky_relu", {}), *spec.activations[1:])),
            "certify: leaky_relu has the settings none, expected slope",
        ),
        "setting of another type": (
            edited(hyperparameters={**spec.hyperparameters, "eps": "1e-8"}),
            "Adam: eps has type str, expected a number",
        ),
        "setting out of range": (
            edited(hyperparameters={**spec.hyperparameters, "betas": (0.9, 1.0)}),
            "Adam: betas[1] has 1.0, expected a finite number >= 0 and < 1",
        ),
        "y a list": (
            replace(record, y=record.y.tolist()),
            "certify: y has type list, expected an array",
        ),
        "y in float32": (
            replace(record, y=record.y.astype(np.float32)),
            "certify: y has float32 (6, 2), expected float64 (6, 2)",
        ),
        "W not shown": (
            started(W=(None, *before.W[1:])),
            "certify: W of layer 1 before the step has type NoneType, expected an array",
        ),
        "W after": (
            replace(record, after=replace(record.after, W=record.after.W[:2])),
            "certify: record has 2 W after the step, expected 3 as its sizes (5, 4, 3, 2)",
        ),
    }


@pytest.mark.parametrize("what", unusable())
def test_an_unusable_record_is_refused(what):
    """A ValueError says where it is, what it has and what was expected."""
    record, sentence = unusable()[what]
    with pytest.raises((ValueError, TypeError), match=f"^{re.escape(sentence)}"):
        certify(record)


def test_a_first_step_of_momentum_needs_no_buffer():
    """SGD makes its buffer at the first step; later it is refused without one."""
    case = replace(DEEP, optimizer="sgd", settings={"momentum": 0.9})
    first = recorded(case)
    assert first.before.state == {}
    assert certify(first).passed
    sentence = "certify: state before step 2 has no momentum_buffer, expected it: sgd reads it"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        certify(replace(first, spec=replace(first.spec, step=2)))


def test_every_rule_of_the_case_table_can_be_certified():
    """The last step of every optimizer case passes, each step from the one before
    it.
    """
    for case in RULES[::3]:
        net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
        previous = None
        for x, y, optimizer.lr in case.steps():
            record = record_refnet(net, x, y, loss, optimizer)
            assert certify(record, previous).passed
            previous = record
