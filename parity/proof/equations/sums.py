"""Equations z, BP2, BP3 and BP4: sums of products.

|fl(x . y) - x . y| <= k u |x| . |y| for k terms in any order, blocked or not, with FMA
or without, and for any k; a sum of n terms is off by at most (n - 1) u sum |x|. Each
product may underflow, which costs lam more.

The derivation above each function is plain text; `parity.entries()` lists it.

Source: Jeannerod and Rump, Improved error bounds for inner products in floating-point
    arithmetic, SIAM J. Matrix Anal. Appl. 34(2), 2013.
"""

from parity.proof.equations.kinds import ActivationEntry, Cotangent
from parity.rounding.claim import Claim, claim, size
from parity.rounding.formats import Format
from refnet.checks import Array

WEIGHTED_INPUT = (
    "z = a_prev W^T + b within (k + 1) (u (|a_prev| |W|^T + |b|) + lam): k products and the bias."
)


def weighted_input(fmt: Format, a_prev: Array, W: Array, b: Array) -> Claim:
    """z = a_prev W^T + b."""
    terms, k = size(a_prev) @ size(W).T + size(b), W.shape[1]
    return claim(
        fmt,
        fmt.dot(a_prev, W.T) + fmt.widen(b),
        (k + 1.0) * (fmt.unit * terms + fmt.tiny),
        terms < fmt.largest,
    )


HIDDEN_DELTA = (
    "g = delta_above W_above within m (u |delta_above| |W_above| + lam), a sum of m products, "
    "pulled back through f."
)


def hidden_delta(
    fmt: Format, f: ActivationEntry, delta_above: Array, W_above: Array, z: Array, a: Array
) -> Claim:
    """BP2: delta = delta_above W_above pulled back through f."""
    terms, m = size(delta_above) @ size(W_above), float(len(W_above))
    judged = 2.0 * terms < fmt.largest  # a factor 2 for partial sums that are rounded up
    return f.pullback(fmt, Cotangent(fmt.dot(delta_above, W_above), terms, m, m, judged), z, a)


BIAS_GRADIENT = (
    "db = sum of delta over n rows within (n - 1) u sum |delta|: n - 1 additions, which cannot "
    "underflow. One row is exact."
)


def bias_gradient(fmt: Format, delta: Array) -> Claim:
    """BP3: db = sum of delta over the rows."""
    terms = size(delta).sum(axis=0)
    return claim(
        fmt,
        fmt.widen(delta).sum(axis=0),
        (len(delta) - 1.0) * fmt.unit * terms,
        terms < fmt.largest,
    )


WEIGHT_GRADIENT = "dW = delta^T a_prev within n (u |delta|^T |a_prev| + lam): n products."


def weight_gradient(fmt: Format, delta: Array, a_prev: Array) -> Claim:
    """BP4: dW = delta^T a_prev."""
    terms, n = size(delta).T @ size(a_prev), float(len(delta))
    return claim(
        fmt, fmt.dot(delta.T, a_prev), n * (fmt.unit * terms + fmt.tiny), terms < fmt.largest
    )
