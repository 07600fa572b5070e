"""Equations z, BP2, BP3 and BP4: sums of products; and the products of dropout.

|fl(x . y) - x . y| <= k u |x| . |y| for k terms in any order, blocked or not, with FMA
or without, and for any k; a sum of n terms is off by at most (n - 1) u sum |x|. Each
product may underflow, which costs lam more.

The derivation above each function is plain text; `parity.entries()` lists it.

Source: Jeannerod and Rump, Improved error bounds for inner products in floating-point
    arithmetic, SIAM J. Matrix Anal. Appl. 34(2), 2013.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from parity.proof.equations.kinds import ActivationEntry, Summed
from parity.proof.equations.penalties import Slope
from parity.proof.equations.products import Factors, excess, product_claim
from parity.rounding.claim import WRONG, Claim, Doubt, Other, claim, near, size
from parity.rounding.formats import Format
from parity.rounding.independent import FEW, ORDERS, root_mean_square, roundings
from refnet.checks import Array

# of a program that multiplies by the mask there is one; another divides by 1 - p, which
# it rounds, and so is the mask that it shows
MASKING = 3.0
MASKED_INPUT = (
    "a_prev = a m within 3 u |a m| + lam, for the mask m as it is recorded. A program that "
    "multiplies by m rounds once. One that divides a by 1 - p rounds 1 - p and the quotient, and "
    "the recorded m = 1/(1 - p) has been rounded too. An entry that is dropped is exactly 0."
)


def masked_input(fmt: Format, a: Array, mask: Array) -> Claim:
    """a_prev = a m, what dropout leaves of the input."""
    exact = fmt.widen(a) * fmt.widen(mask)
    bound = MASKING * fmt.unit * size(exact) + fmt.tiny * (mask != 0.0)
    return claim(fmt, exact, bound)


WEIGHTED_INPUT = (
    "z = a_prev W^T + b within (k + 1) (u (|a_prev| |W|^T + |b|) + lam): k products and the bias. "
    "Without biases it is k (u |a_prev| |W|^T + lam)."
)


def weighted_input(fmt: Format, a_prev: Array, W: Array, b: Array | None) -> Claim:
    """z = a_prev W^T + b, or without b where a layer has no biases."""

    def claimed(z: Summed, _: Any) -> Claim:
        return _sum_claim(fmt, z)

    return product_claim(fmt, Factors(a_prev, W.T, b), claimed)


HIDDEN_DELTA = (
    "g = delta_above W_above within m (u |delta_above| |W_above| + lam), a sum of m products, "
    "pulled back through f. With dropout g is multiplied by the mask m of the layer above, which "
    "makes it m g within |m| ((m' + 3) u |delta_above| |W_above| + m' lam) + lam, for m' products."
)


def hidden_delta(
    fmt: Format,
    f: ActivationEntry,
    delta_above: Array,
    W_above: Array,
    z: Array,
    a: Array,
    mask_above: Array | None = None,
) -> Claim:
    """BP2: delta = delta_above W_above pulled back through f; with dropout the product
    is multiplied by the mask first.
    """

    def claimed(g: Summed, some: Any) -> Claim:
        judged = 2.0 * g.terms < fmt.largest  # a factor 2 for partial sums that are rounded up
        g = replace(g, judged=judged)
        if mask_above is None:
            return f.pullback(fmt, g, z[some], a[some])
        mask = mask_above[some]
        by_mask = f.pullback(fmt, _masked(fmt, g, mask), z[some], a[some])
        if f.mixes:
            return by_mask

        def others() -> Iterator[Other]:
            kept = _masked(fmt, g, np.full_like(mask, mask.max()))
            yield from by_mask.others()
            yield _redrawn(fmt, f.pullback(fmt, kept, z[some], a[some]))

        return replace(by_mask, others=others)

    return product_claim(fmt, Factors(delta_above, W_above), claimed, whole_rows=f.mixes)


def _redrawn(fmt: Format, kept: Claim) -> Other:
    """All entries are as if dropped, or as if kept, where the mask says otherwise."""
    fits = near(fmt, kept.exact, kept.bound)

    def all_or_none(got: Array) -> Array:
        either = (got == 0.0) | fits(got) | ~kept.judged
        return np.full(got.shape, bool(either.all()))

    return Other(WRONG, "of another mask than on the way forward", all_or_none)


def _masked(fmt: Format, g: Summed, mask: Array) -> Summed:
    """m g. The product may underflow, and an underflow of g is multiplied by m."""
    m = size(mask)
    underflows = g.underflows * m + 1.0 * (m > 0.0)
    judged = g.judged & (2.0 * m * g.terms < fmt.largest)
    value = g.value * fmt.widen(mask)
    return Summed(value, m * g.terms, g.roundings + MASKING, underflows, judged)


BIAS_GRADIENT = (
    "db = sum of delta over n rows within (n - 1) u sum |delta|: n - 1 additions, which cannot "
    "underflow. One row is exact."
)


def bias_gradient(fmt: Format, delta: Array, slope: Slope | None = None) -> Claim:
    """BP3: db = sum of delta over the rows, with that of a penalty."""
    terms, n = size(delta).sum(axis=0), len(delta)
    db = Summed(fmt.widen(delta).sum(axis=0), terms, n - 1.0, 0.0)
    worst = _sum_claim(fmt, db, slope)

    def doubt(got: Array) -> Doubt:
        error = root_mean_square(got - worst.exact, worst.bound)
        if error <= ORDERS * max(_of_sums(delta, worst, slope)):
            return Doubt()
        few = roundings(db.value, terms, np.count_nonzero(delta, axis=0))
        return excess(worst, got, _sum_claim(fmt, replace(db, roundings=few), slope))

    return worst if n <= FEW else replace(worst, doubt=doubt)


def _of_sums(delta: Array, worst: Claim, slope: Slope | None) -> Iterator[float]:
    """How far off the sum is by NumPy, and row by row from either end."""
    exact = worst.exact if slope is None else worst.exact - slope.value
    ends = (np.add.accumulate(delta[::step])[-1] for step in (1, -1))
    return (root_mean_square(got - exact, worst.bound) for got in (delta.sum(axis=0), *ends))


WEIGHT_GRADIENT = "dW = delta^T a_prev within n (u |delta|^T |a_prev| + lam): n products."


def weight_gradient(fmt: Format, delta: Array, a_prev: Array, slope: Slope | None = None) -> Claim:
    """BP4: dW = delta^T a_prev, with that of a penalty."""

    def claimed(dW: Summed, some: Any) -> Claim:
        return _sum_claim(fmt, dW, slope, some)

    return product_claim(fmt, Factors(delta.T, a_prev), claimed)


def _sum_claim(
    fmt: Format, s: Summed, slope: Slope | None = None, some: Any = slice(None)
) -> Claim:
    if slope is not None:
        return slope.added_to(fmt, s, some)
    return claim(fmt, s.value, s.error(fmt), s.terms < fmt.largest)
