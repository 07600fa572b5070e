"""Equations z, BP2, BP3 and BP4: sums of products.

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
from parity.proof.equations.products import Factors, excess, product_claim
from parity.rounding.claim import Claim, Doubt, claim, size
from parity.rounding.formats import Format
from parity.rounding.independent import FEW, ORDERS, root_mean_square, roundings
from refnet.checks import Array

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
    "pulled back through f."
)


def hidden_delta(
    fmt: Format, f: ActivationEntry, delta_above: Array, W_above: Array, z: Array, a: Array
) -> Claim:
    """BP2: delta = delta_above W_above pulled back through f."""

    def claimed(g: Summed, some: Any) -> Claim:
        judged = 2.0 * g.terms < fmt.largest  # a factor 2 for partial sums that are rounded up
        return f.pullback(fmt, replace(g, judged=judged), z[some], a[some])

    return product_claim(fmt, Factors(delta_above, W_above), claimed, whole_rows=f.mixes)


BIAS_GRADIENT = (
    "db = sum of delta over n rows within (n - 1) u sum |delta|: n - 1 additions, which cannot "
    "underflow. One row is exact."
)


def bias_gradient(fmt: Format, delta: Array) -> Claim:
    """BP3: db = sum of delta over the rows."""
    terms, n = size(delta).sum(axis=0), len(delta)
    db = Summed(fmt.widen(delta).sum(axis=0), terms, n - 1.0, 0.0)
    worst = _sum_claim(fmt, db)

    def doubt(got: Array) -> Doubt:
        error = root_mean_square(got - worst.exact, worst.bound)
        if error <= ORDERS * max(_of_sums(delta, worst)):
            return Doubt()
        few = roundings(db.value, terms, np.count_nonzero(delta, axis=0))
        return excess(worst, got, _sum_claim(fmt, replace(db, roundings=few)))

    return worst if n <= FEW else replace(worst, doubt=doubt)


def _of_sums(delta: Array, worst: Claim) -> Iterator[float]:
    """How far off the sum is by NumPy, and row by row from either end."""
    ends = (np.add.accumulate(delta[::step])[-1] for step in (1, -1))
    return (root_mean_square(got - worst.exact, worst.bound) for got in (delta.sum(axis=0), *ends))


WEIGHT_GRADIENT = "dW = delta^T a_prev within n (u |delta|^T |a_prev| + lam): n products."


def weight_gradient(fmt: Format, delta: Array, a_prev: Array) -> Claim:
    """BP4: dW = delta^T a_prev."""

    def claimed(dW: Summed, _: Any) -> Claim:
        return _sum_claim(fmt, dW)

    return product_claim(fmt, Factors(delta.T, a_prev), claimed)


def _sum_claim(fmt: Format, s: Summed) -> Claim:
    return claim(fmt, s.value, s.error(fmt), s.terms < fmt.largest)
