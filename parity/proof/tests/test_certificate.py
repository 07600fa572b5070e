"""A certificate passes what is right, passes nothing that is malformed, not shown or
not finite, and names it in order of computation.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity.proof.certificate import certify
from parity.proof.tests.certified import (
    CASE,
    NOT_FINITE,
    SHOWN,
    everything,
    good,
    in_both_dtypes,
    result_of,
    rewritten,
    shown,
    with_entry,
)
from parity.rounding.claim import claim, near
from parity.rounding.formats import FORMATS
from parity.steps.cases import CASES
from parity.steps.record import LayerRecord, Snapshot
from refnet.checks import place

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
    name = f"{worst.quantity} of layer {worst.layer} ({worst.equation})"
    assert cert.verdict == (
        "Every equation holds: all 40 arrays are within what rounding allows; the closest, "
        f"{name}, uses {worst.used:.2g} of it."
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
    limits = claim(
        fmt,
        np.ones(7),
        np.array([unit, unit, 0.0, 0.0, unit, unit, unit]),
        np.array([True] * 6 + [False]),
    )
    got = np.array([1.0 + unit, 1.0 - 4 * unit, 1.0, 1.0 + unit, np.nan, -np.inf, np.nan], dtype)
    assert limits.share(got).tolist() == [
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
    assert str(broken) == f"{broken.where}: {quantity} has {want}"
    assert cert.verdict == f"{CASE}: {broken}."
    assert silent(cert) == readers(quantity, layer)
    assert not cert.passed


def test_a_malformed_shape_comes_before_its_dtype_and_its_values():
    """Of several faults the shape is named, then the dtype, then NaN."""
    record, z = good(), good().layers[0].z
    for bad, want in (
        (np.full((1, 2), np.nan, np.float32), ": z has shape (1, 2), expected (6, 4)"),
        (np.full(z.shape, np.nan, np.float32), ": z has dtype float32, expected float64"),
        (np.full(z.shape, np.nan), " is wrong: z at row 0, column 0 is nan, expected "),
        (z.T, ": z has shape (4, 6), expected (6, 4)"),
        (z.astype(int), ": z has dtype int64, expected float64"),
    ):
        verdict = certify(rewritten(record, "z", 1, bad)).verdict
        assert verdict.startswith(f"{CASE}: z (weighted input) of layer 1{want}")


@pytest.mark.parametrize("fault", ["shape", "dtype"])
def test_a_malformed_state_is_wrong_and_named(fault):
    """A vector of the new state in another shape or dtype is wrong for every W and b,
    and what reads it is not judged.
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
    state = {f"{key} of {{}}" for key in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")}
    step = {(key.format(quantity[-1]), layer) for key in (*state, "{}")}
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
    assert cert.verdict.startswith(f"What was judged holds: {len(rest)} arrays are within what ")
    assert cert.verdict.endswith(". Not passed: " + ", ".join([*parts, "1 not shown"]) + ".")


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
    assert cert.verdict == "No equation could be judged: 40 not shown."
    only_weights = certify(replace(bare, after=good().after))
    assert only_weights.verdict == "No equation could be judged: 24 not judged, 16 not shown."
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
        at = f" at {place(index)}" if index else ""
        assert f": {quantity}{at} is {number!r}, expected " in cert.verdict


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
    assert cert.verdict == "No equation could be judged: 40 not judged."
