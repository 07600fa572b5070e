"""The running means of d and of its square, which the adaptive rules keep.

Notation and counts are those of the entries of the updates.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from parity.proof.equations.kinds import Update
from parity.proof.equations.shared import update_claim
from parity.rounding.claim import INACCURATE, Claim, Other, near, size
from refnet.checks import Array

ROUGH = "{} rounded to float32 before 1 - beta; make scalars in double"

MEAN = (
    "m' = beta m + w d, w = 1 - beta, within u |m'| + u max(plain, lerp) + w E_d + 3 lam. As "
    "written: plain = (1 + r) beta |m| + (2 + r) w |d|. As an interpolation: lerp = (3 + r) w |d - "
    "m| for w < 1/2, computed as m + w (d - m), otherwise (3 + r) beta |d - m| + (1 + r) w |d - "
    "m|, computed as d - (d - m) (1 - w). Neither is always the larger."
)


def mean(step: Update, name: str, decay: str, which: int | None = None) -> Claim:
    """m' = beta m + (1 - beta) d."""

    def at(step: Update) -> tuple[Array, Array]:
        fmt, (d, off), beta = step.fmt, step.decayed, _pick(step[decay], which)
        m, w, r = fmt.widen(step.old[name]), abs(1.0 - beta), step.fmt.scalar
        exact = beta * m + (fmt.wide.type(1.0) - fmt.wide.type(beta)) * d
        plain = (1.0 + r) * beta * size(m) + (2.0 + r) * w * size(d)
        lerp = ((3.0 + r) * (w if w < 0.5 else beta) + (1.0 + r) * w * (w >= 0.5)) * size(d - m)
        return exact, fmt.unit * (size(exact) + np.maximum(plain, lerp)) + w * off + 3.0 * fmt.tiny

    apart = size(step.decayed[0] - step.fmt.widen(step.old[name]))
    return update_claim(step, *at(step), apart, others=lambda: _rough(step, decay, at))


MEAN_SQUARE = (
    "v' = beta v + w d^2, w = 1 - beta, within u v' + (1 + r) u beta v + (3 + r) u w d^2 + w (2 "
    "|d| E_d + E_d^2) + 3 lam: the sum, the product, the square with its product and 1 - beta, and "
    "the error of d."
)


def mean_square(step: Update, name: str, decay: str, which: int | None = None) -> Claim:
    """v' = beta v + (1 - beta) d^2."""

    def at(step: Update) -> tuple[Array, Array]:
        fmt, (d, off), beta = step.fmt, step.decayed, _pick(step[decay], which)
        kept, w, r = beta * fmt.widen(step.old[name]), abs(1.0 - beta), step.fmt.scalar
        added = (fmt.wide.type(1.0) - fmt.wide.type(beta)) * (d * d)
        exact = kept + added
        own = fmt.unit * (size(exact) + (1.0 + r) * size(kept) + (3.0 + r) * size(added))
        return exact, own + w * (2.0 * size(d) * off + off**2) + 3.0 * fmt.tiny

    return update_claim(
        step, *at(step), step.decayed[0] ** 2, others=lambda: _rough(step, decay, at)
    )


def _rough(step: Update, decay: str, at: Any) -> Sequence[Other]:
    """The same claim with a decay that was rounded to float32 first."""
    rough = step.rounded(decay)
    if rough is None:
        return ()
    return [Other(INACCURATE, ROUGH.format(decay), near(step.fmt, *at(rough)))]


def _pick(given: Any, which: int | None) -> float:
    """alpha, or one of the two betas."""
    return float(given if which is None else given[which])
