"""The clipped gradient, which the update reads.

Notation: u, E, lam and r as in the entries of the activations.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity.proof.equations.kinds import Update
from parity.rounding.claim import CONVENTION, WRONG, Claim, Other, near, size
from parity.rounding.formats import Format
from refnet.checks import Array

TINY = 1e-6  # what PyTorch adds to the norm
CLIPPED = (
    "Where g is clipped, g' stands in its place, and its error is added to that of d. By norm: g' "
    "= share g, share = min(1, c / (|g| + 1e-6)), |g| over all N entries in m arrays, within (E_s "
    "+ u) |g'| + lam, where E_s = ((N + m)/2 + 2 E_sqrt + 6 + 2 r) u + lam' / (|g| + 1e-6) is the "
    "error of the share. The sum of N squares is off by N u in any order, and its root by half of "
    "that; as the norm of m norms it is off by one root and m/2 more. Then come the sum with 1e-6 "
    "and the quotient, two numbers that are rounded r times, and four to spare, as for a norm "
    "that is taken of g / max |g|. Squares that underflow take at most lam' = 2 (N + m) lam / "
    "(|g| + sqrt((N + m) lam)) from the norm. The minimum is continuous: where the share may be on "
    "either side of 1, it is within its error of min(1, share), and where it is above 1 by more, "
    "g' = g. By value: g' = min(max(g, -c), c), exactly, but for c, which is rounded r times."
)
DEVIATION = "clip_norm of an overflow"
OVERFLOW_NOTE = (
    "the squares of the gradient overflow, so that its norm is inf and the gradient 0, as in "
    "torch.nn.utils.clip_grad_norm_; take the norm of g / max |g|"
)
WITHOUT_TINY = "clipped to c / |g|, as Keras and textbooks do; PyTorch adds 1e-6 to the norm"


@dataclass(frozen=True)
class Clipped:
    """A g that has been clipped, and how far a program's may be from it; `status` and
    `note` where it is not PyTorch's.

    Shapes: as g, in the wider format and in float64.
    """

    g: Array
    off: Array
    status: str = ""
    note: str = ""
    deviation: str = ""


class Clipping:
    """What a spec asks for, ("norm", c) or ("value", c), of all gradients of a step."""

    def __init__(self, fmt: Format, clip: tuple[str, float], gradients: Sequence[Array]) -> None:
        self._fmt, (self._name, self._limit) = fmt, clip
        self._count = sum(g.size for g in gradients) + len(gradients)
        with np.errstate(all="ignore"):
            squares = [(fmt.widen(g) ** 2).sum() for g in gradients]
        self._square = sum(squares, start=fmt.wide.type(0.0))

    @property
    def reads_all(self) -> bool:
        """Whether the gradient of every W and b takes part."""
        return self._name == "norm"

    def clipped(self, g: Array) -> Clipped:
        """The clipped gradient of one W or b."""
        return self._shortened(g, TINY) if self.reads_all else self._cut(g)

    def others(self, g: Array) -> Iterator[Clipped]:
        """What else is written there."""
        if not self.reads_all:
            return
        other = self._shortened(g, 0.0)
        yield Clipped(other.g, other.off, CONVENTION, WITHOUT_TINY)
        if self._square * (1.0 + self._count * self._fmt.unit) >= self._fmt.largest:
            nothing = np.zeros(g.shape)
            yield Clipped(self._fmt.widen(nothing), nothing, WRONG, OVERFLOW_NOTE, DEVIATION)

    def _shortened(self, g: Array, tiny: float) -> Clipped:
        fmt, wide = self._fmt, self._fmt.widen(g)
        norm = np.sqrt(self._square)
        if not norm + tiny:
            return Clipped(wide, np.zeros(g.shape))
        share, error = fmt.wide.type(self._limit) / (norm + tiny), self._error(norm, norm + tiny)
        if share * (1.0 - error) >= 1.0:
            return Clipped(wide, np.zeros(g.shape))
        short = np.minimum(share, 1.0) * wide
        return Clipped(short, (float(share) * error) * size(g) + fmt.unit * size(short) + fmt.tiny)

    def _error(self, norm: Any, divisor: Any) -> float:
        """How far off the share may be, as a share of it."""
        fmt, lost = self._fmt, self._count * self._fmt.tiny
        roundings = self._count / 2.0 + 2.0 * fmt.sqrt + 6.0 + 2.0 * fmt.scalar
        underflow = 2.0 * lost / (float(norm) + np.sqrt(lost))
        return roundings * fmt.unit + underflow / float(divisor)

    def _cut(self, g: Array) -> Clipped:
        fmt, limit = self._fmt, self._limit
        rounded = fmt.scalar * fmt.unit * limit
        at_limit = size(g) >= limit - rounded
        return Clipped(np.clip(fmt.widen(g), -limit, limit), np.where(at_limit, rounded, 0.0))


def clipped_claim(
    clipping: Clipping | None, update: Update, claimed: Callable[[Update], Claim]
) -> Claim:
    """What is claimed of an update by the clipped gradient, if it is clipped."""
    if clipping is None:
        return claimed(update)

    def of(clipped: Clipped) -> Claim:
        return claimed(replace(update, g=clipped.g, off=clipped.off))

    def others() -> Iterator[Other]:
        yield from main.others()
        for each in clipping.others(update.g):
            other = of(each)
            fits = near(update.fmt, other.exact, other.bound)
            yield Other(each.status, each.note, fits, each.deviation)

    main = of(clipping.clipped(update.g))
    return replace(main, others=others)
