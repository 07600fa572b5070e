"""The bounds of losses with weights, and their truth, on numbers that one can follow by
hand.
"""

from dataclasses import replace
from functools import cache

import mpmath
import numpy as np
import pytest

from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.tests.known import ARITHMETICS, Known, in_every_arithmetic
from parity.proof.tests.test_bounds_by_hand import OPERATIONS
from parity.proof.tests.test_truth_by_hand import by_hand
from parity.proof.tests.truth import truth
from refnet.losses import LOSSES


def weights(*rows, known):
    """Weights of rows, in the dtype."""
    return np.array(rows, known.dtype)


def on_values(known):
    """C and BP1 with weights of rows: D is 4 or 2.5, the products may lose 12 lam."""
    fmt, of, u, lam = known.fmt, known.of, known.u, known.lam
    mse, mae, half = (LOSS_ENTRIES[name]() for name in ("mse", "mae", "half_squared_error"))
    once, twice = weights(2, known=known), weights(2, 0.5, known=known)
    lost = 12 * lam * (1 + mpmath.mpf(1) / 4)
    yield "C mse", mse.value(fmt, of([3, 5]), of([1, 1]), once), 8 * u * 10 + 2 * lam + 6 * lost
    yield "C mae", mae.value(fmt, of([3, 5]), of([1, 1]), once), 6 * u * 3 + 2 * lam + 4 * lost
    claim = half.value(fmt, of([3], [5]), of([1], [1]), twice)
    lost = 12 * lam * (1 + mpmath.mpf(2) / 5)
    yield "C half_squared_error", claim, 9 * u * mpmath.mpf(16) / 5 + 2 * lam + 6 * lost
    for entry, g, roundings in ((mse, 4, 7), (half, 2, 6), (mae, 1, 5)):
        delta = entry.output_delta(fmt, known.function["identity"], of([3]), of([3]), of([1]), once)
        yield f"BP1 {entry.name}", delta, (roundings * u * g + 19 * lam) * (1 + 20 * u)


def on_classes(known):
    """C and BP1 with weights of classes: the targets are 2 and 0, or 2 and 1; D is
    their sum.
    """
    fmt, of, u, lam, r, E = known.fmt, known.of, known.u, known.lam, known.r, known.E
    Elog, log, half = known.Elog, mpmath.log, mpmath.mpf("0.5")
    ce, s_ce = (LOSS_ENTRIES[name](weight=(2.0, 4.0)) for name in CLASS_LOSSES)
    claim = ce.value(
        fmt, of([0.5, 0.5], [0.25, 0.75]), np.array([0, 0]), weights(1, 0.5, known=known)
    )
    errors = (u * (2 + r) * 4 + (24 + 36) * lam) * log(2) / 3 + 16 * lam / 3
    want = (2 + 3 + Elog + 2 + r) * u * 4 * log(2) / 3 + lam + errors
    yield "C cross_entropy", claim, want
    e0, e1 = 2 * u * (1 + r) + 24 * lam, 40 * lam
    spread, label, zeros = e0 + (e0 + e1) / 2, np.array([0]), of([0, 0])
    delta = ce.output_delta(fmt, known.function["softmax"], zeros, of([0.5, 0.5]), label)
    want = (u * ((11 + r) * 3 + 2 * (2 * E + 4)) + spread) / 2 + 2 * lam + 6 * lam
    yield "BP1 cross_entropy", delta, want
    delta = s_ce.output_delta(fmt, known.function["identity"], zeros, zeros, label)
    want = (u * ((8 + r) * 3 + 2 * E + 6 + (2 + Elog) * log(2)) + spread) / 2 + lam + 6 * lam
    yield "BP1 softmax_cross_entropy", delta, want
    ce = LOSS_ENTRIES["cross_entropy"](weight=(2.0,))
    delta = ce.output_delta(fmt, known.function["sigmoid"], of([-1]), of([0.25]), of([1]))
    want = u * (12 + (E + 2)) + 2 * lam + (2 * u * (1 + r) + 24 * lam) * 3 * half / 2 + 8 * lam
    yield "BP1 cross_entropy + sigmoid", delta, want


CLASS_LOSSES = ("cross_entropy", "softmax_cross_entropy")


def smoothed(known):
    """C with eps 1/2: the targets are 3/4 and 1/4."""
    fmt, of, u, lam, r, E = known.fmt, known.of, known.u, known.lam, known.r, known.E
    entry = LOSS_ENTRIES["softmax_cross_entropy"](label_smoothing=0.5)
    p, L = mpmath.exp(-1) / (1 + mpmath.exp(-1)), mpmath.log(1 + mpmath.exp(-1))
    both = p + E + 2 + known.Elog * L + 2 * L
    T0, T1 = mpmath.mpf("0.75"), mpmath.mpf("0.25")
    C = T0 * (L + 1) + T1 * L
    off = T0 * (both + 1 + (L + 1) + 1) + T1 * (both + L) + 6 * C
    half = mpmath.mpf("0.5")
    e0, e1 = u * ((3 + r) * T0 + (2 + r) * half), u * (3 + r) * T1
    want = u * off + lam + (e0 + 16 * lam) * (L + 1) + (e1 + 16 * lam) * L + 8 * lam
    yield "C softmax_cross_entropy", entry.value(fmt, of([-1, 0]), np.array([0])), want


def on_outputs(known):
    """C and BP1 with weights of outputs, and of "yes"."""
    fmt, of, u, lam, r, E = known.fmt, known.of, known.u, known.lam, known.r, known.E
    Elog, log = known.Elog, mpmath.log
    bce = LOSS_ENTRIES["binary_cross_entropy"](weight=(2.0, 4.0))
    want = u * ((8 + Elog + r) * 6 * log(2) + 4) / 2 + lam + 2 * 80 * lam * 3 / 2 * 100
    yield "C binary_cross_entropy", bce.value(fmt, of([0.5, 0.5]), of([1, 0])), want
    bce = LOSS_ENTRIES["binary_cross_entropy"](weight=(2.0,))
    a, y = mpmath.mpf("0.25"), mpmath.mpf("0.75")
    delta = bce.output_delta(fmt, known.function["sigmoid"], of([-1]), of([a]), of([y]))
    off = 2 * ((11 + r) * (y * (1 - a) + (1 - y) * a) + 2 * (E + 2) * a)
    want = u * (off + (4 + r) * (2 * a + 2 * y)) + 2 * lam + 96 * lam
    yield "BP1 binary_cross_entropy", delta, want
    # T1 = 1, T0 = 3/4; 1 + (p - 1) y has terms of the size 7/4
    entry = LOSS_ENTRIES["sigmoid_cross_entropy"](pos_weight=(4.0,))
    soft, both = log(1 + mpmath.exp(-2)), mpmath.mpf("1.75")
    off = (3 + 2 * both) * 2 + (E + Elog + 2) * both * soft + (4 + r) * 2 * both * (2 + soft)
    want = u * (off + 5 * (mpmath.mpf("1.5") + both * soft)) + lam + 480 * lam
    yield "C sigmoid_cross_entropy", entry.value(fmt, of([2]), of([0.25])), want
    delta = entry.output_delta(fmt, known.function["identity"], of([0]), of([0]), of([0.25]))
    want = u * ((E + 2 + 5 + r) * both / 2 + (4 + r) * (both + 1)) + lam + 160 * lam
    yield "BP1 sigmoid_cross_entropy", delta, want


@cache
def theorems(arithmetic):
    """The claims and the bounds that they should have, by name."""
    known = Known(arithmetic)
    with mpmath.workdps(50):
        return {
            name: (claim, want)
            for part in (on_values, on_classes, smoothed, on_outputs)
            for name, claim, want in part(known)
        }


NAMES = tuple(theorems(next(iter(ARITHMETICS))))


@in_every_arithmetic
@pytest.mark.parametrize("name", NAMES)
def test_a_weighted_bound_is_what_its_theorem_says(name, arithmetic):
    """But for the rounding of float64."""
    claim, want = theorems(arithmetic)[name]
    with mpmath.workdps(50):
        got = mpmath.mpf(float(claim.bound.flat[0]))
        assert abs(got - want) <= OPERATIONS * mpmath.mpf(2) ** -53 * want
    assert claim.judged.all()


def test_every_loss_has_its_weighted_bounds_by_hand():
    """Of C, and of the output delta."""
    assert set(NAMES) >= {f"{label} {loss}" for label in ("C", "BP1") for loss in LOSSES}


# the truth


def weighed(loss, settings, rows=None, **given):
    """The record of the other room, with settings of the loss and weights of rows."""
    record = by_hand(loss=loss, **given)
    spec = replace(record.spec, loss_settings=settings)
    return replace(record, spec=spec, sample_weight=None if rows is None else np.array(rows))


# z is (0, 1, -1, 3) in row 1, a (1/4, 1/2, 1/8, 1/8) and (1/2, 0, 1/4, 1); y is (1/2,
# 1/4, 1/2, 1/4) and (1, 0, 1/4, 1/2)
W, S = (2.0, 4.0, 1.0, 0.5), (3.0, 0.25)
SOFT = {"output": "softmax", "y": [3, 0]}
BY_HAND = [
    (weighed("mse", {}, S), (0, 2), 3 * 2 * -0.375 / (4 * 3.25)),
    (weighed("mse", {"reduction": "sum"}, S), (0, 2), 3 * 2 * -0.375),
    (weighed("half_squared_error", {}, S), (1, 3), 0.25 * 0.5 / 3.25),
    (weighed("mae", {}, S), (1, 0), 0.25 * -1 / (4 * 3.25)),
    (weighed("cross_entropy", {"weight": W}, S, **SOFT), (0, 3), 3 * 0.5 * (0.125 - 1) / 2),
    (weighed("cross_entropy", {"weight": W}, **SOFT), (1, 0), 2 * (0.5 - 1) / 2.5),
    (weighed("cross_entropy", {"ignore_index": 3}, **SOFT), (0, 3), 0),
    (weighed("cross_entropy", {"ignore_index": 3}, **SOFT), (1, 0), 0.5 - 1),
    (
        weighed("cross_entropy", {"label_smoothing": 0.5}, **SOFT),
        (0, 3),
        (0.125 - (0.5 + 0.5 / 4)) / 2,
    ),
    (
        weighed("cross_entropy", {"weight": W, "label_smoothing": 0.5}, **SOFT),
        (0, 3),
        # the targets of the row are 1/4, 1/2, 1/8 and 5/16
        (0.125 * (0.25 + 0.5 + 0.125 + 0.3125) - 0.3125) / 2.5,
    ),
    (
        weighed("cross_entropy", {"weight": W}, output="sigmoid"),
        (0, 2),
        -1 * 0.5 * 0.875 / 2,
    ),
    (weighed("softmax_cross_entropy", {"weight": W}, y=[3, 0]), (0, 3), 0.5 * (0.25 - 1) / 2.5),
    (
        weighed("binary_cross_entropy", {"weight": W}, S, output="sigmoid"),
        (0, 1),
        3 * 4 * 0.25 / (4 * 3.25),
    ),
    (
        weighed("sigmoid_cross_entropy", {"weight": W, "pos_weight": (8.0, 1, 1, 1)}),
        (1, 0),
        2 * 8 * (0.5 - 1) / 8,
    ),
]


@pytest.mark.parametrize(("record", "index", "want"), BY_HAND)
def test_truth_is_what_the_hand_works_out(record, index, want):
    """delta, of which Python's arithmetic is exact but for the division by D."""
    got = truth(record, "BP1", 2, "delta", index)
    assert abs(got - mpmath.mpf(want)) <= mpmath.mpf(2) ** -52 * abs(mpmath.mpf(want))


def test_the_truth_of_a_cost_is_that_of_its_rows():
    """The mean of two rows by their weights, 3 and 1/4."""
    for loss in ("mse", "mae", "half_squared_error"):
        alone = [truth(weighed(loss, {}, row), "C", None, "loss", ()) for row in ((1, 0), (0, 1))]
        both = truth(weighed(loss, {}, S), "C", None, "loss", ())
        assert both * 13 == (alone[0] * 12 + alone[1] * 1)
