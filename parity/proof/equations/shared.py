"""What several restatements compute: sigmoid and softmax in the wider format, targets
as distributions, the bias correction, and the claim about one update.
"""

from typing import Any

import numpy as np

from parity.proof.equations.kinds import Update
from parity.rounding.claim import OVERFLOW, Claim, claim, size
from parity.rounding.formats import Format
from refnet.checks import Array
from refnet.losses import one_hot

DOUBLE = 2.0**-53  # the unit of float64, in which scalars are computed


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z) in the wider format, also where e^-z overflows."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-z))


def softmax(z: Array) -> tuple[Array, Array, Array]:
    """a, s = z - max z, and the sum of e^s of each row, in the wider format."""
    with np.errstate(invalid="ignore"):  # a z that is not finite is not judged
        s = z - z.max(axis=1, keepdims=True)
        e = np.exp(s)
        total = e.sum(axis=1, keepdims=True)
        return e / total, s, total


def softmax_error(fmt: Format, a: Array, s: Array) -> Array:
    """The relative error of a softmax: |s_j| + Sbar + 2 E_exp + k + 2, in units of u.

    The derivation is that of the activation's value. The divisor sums positive terms,
    one of them 1, so its error is a share of it and nothing cancels.
    """
    return np.abs(s) + (a * np.abs(s)).sum(axis=1, keepdims=True) + 2.0 * fmt.exp + a.shape[1] + 2.0


def distribution(y: Array, a: Array) -> Array:
    """Targets as distributions (n, k) in a's dtype; labels (n,) become one-hot rows."""
    return y if y.ndim == 2 else one_hot(y, a.shape[1]).astype(a.dtype, copy=False)


def bias_correction(beta: float, t: int, unit: float = DOUBLE) -> tuple[Any, float]:
    """bc = 1 - beta^t and its relative error, unit (2 beta^t / bc [t > 1] + 1).

    pow is off by one last place, at most two units, which the difference from 1
    magnifies by beta^t / bc; one unit more is the rounding of the difference. With
    t = 1 nothing is raised to a power, so beta^1 is exact unless beta was rounded.
    """
    # 1 - beta^t as written would lose digits where beta^t is near 1
    bc = -np.expm1(t * np.log1p(-(1 - np.longdouble(beta))))
    power = 1 - bc
    return bc, unit * (2.0 * float(power / bc) * (t > 1 or unit > DOUBLE) + 1.0)


def update_claim(
    step: Update,
    exact: Array,
    bound: Array,
    *intermediates: Array,
    others: Any = tuple,
    reason: str = OVERFLOW,
) -> Claim:
    """The claim about one vector of an update. It is not judged where d or one of the
    intermediate numbers may overflow; `reason` says why an entry is not.
    """
    fmt = step.fmt
    judged = size(step.g) + step["weight_decay"] * size(step.theta) < fmt.largest
    for number in intermediates:
        judged = judged & (size(number) < fmt.largest)
    # The bounds count roundings to first order: at most 14 in one number (AdamW in
    # float32: 9 of q, 1 of theta', 4 of theta1). Products of two of them add less than
    # that share once more. The error of a bias correction, which may be larger, is
    # counted with two units of pow, of which correct libraries use about one.
    return claim(fmt, exact, bound * (1.0 + 30.0 * fmt.unit), judged, others, reason)
