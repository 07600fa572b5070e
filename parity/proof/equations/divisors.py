"""A quotient whose divisor, the root of a running mean and eps, is known to a program
only as well as it rounds.
"""

from dataclasses import dataclass

import numpy as np

from parity.rounding.claim import OVERFLOW, size
from parity.rounding.formats import Format
from refnet.checks import Array

VANISHES = "a divisor that may be 0"
QUIETLY = np.errstate(all="ignore")  # a quotient by 0 is not judged

QUOTIENT = (
    "A quotient q = n / D, D = sqrt v + eps, whose n is off by E_n: before it rounds the root, a "
    "program may have any v from least v to largest v, so any D from D- = sqrt(least v) + eps to "
    "D+ = sqrt(largest v) + eps, and q comes out at most (|n| + E_n) / D- and at least (|n| - E_n) "
    "/ D+. Width is the larger distance from |q|: |n| (D - D-) / (D D-) + E_n / D-, or |n| (D+ - "
    "D) / (D D+) + E_n / D+. It is a theorem to all orders, also where D- is a small part of D. "
    "What is rounded then counts at what is reached, |q| + width, and an underflow at D-. Where v "
    "is recorded, D- = D = D+ and width is E_n / D: dividing by D loses nothing. An eps below lam "
    "is anything from 0 to eps + lam. Where D- is 0, a right program may come to n / 0 or 0 / 0, "
    "and nothing is judged."
)


@dataclass(frozen=True)
class Divisor:
    """D = sqrt v + eps, and how far a program's may lie from it before it rounds the
    root.

    Shapes: as v; D in the wider format, the others in float64.
    """

    D: Array
    least: Array  # D-
    below: Array  # D - D-
    above: Array  # D+ - D

    @classmethod
    @QUIETLY
    def of(
        cls,
        fmt: Format,
        v: Array,
        eps: float,
        below: Array | float = 0.0,
        above: Array | float = 0.0,
    ) -> "Divisor":
        """From a v >= 0 in the wider format, of which a program may have anything from
        v - below, which is >= 0, to v + above.
        """
        root, low, high = (np.sqrt(w) for w in (v, np.maximum(v - below, 0.0), v + above))
        faint = 0.0 < eps < fmt.tiny
        D = root + eps
        return cls(
            D,
            size(low + eps * (not faint)),
            # sqrt v - sqrt w = (v - w) / (sqrt v + sqrt w): nothing cancels
            _share(below, root + low) + eps * faint,
            _share(above, root + high) + fmt.tiny * faint,
        )

    @QUIETLY
    def width(self, n: Array, off: Array | float = 0.0) -> Array:
        """How far |n| / D may be from a program's, whose n is off by `off`."""
        at_least = size(n) / self.least * (self.below / size(self.D)) + off / self.least
        most = size(self.D) + self.above
        # above / most, also where both are infinite
        at_most = size(n) / size(self.D) / (1.0 + size(self.D) / self.above) + off / most
        return np.maximum(at_least, at_most)

    def share_of_root(self, eps: float) -> Array:
        """The largest share of the divisor that its root has, sqrt(largest v) / D+."""
        return 1.0 - eps / (size(self.D) + self.above)

    @property
    def reason(self) -> str:
        """Why a quotient by it is not judged, where it is not."""
        return VANISHES if (self.least == 0.0).any() else OVERFLOW


def _share(part: Array | float, of: Array) -> Array:
    """part / of; nothing of nothing is nothing, and infinity stays."""
    # in the wider format: a part of a number near lam would lose digits in float64
    part = np.broadcast_to(np.asarray(part, of.dtype), of.shape)
    return size(np.where((part == 0.0) | np.isinf(part), part, part / of))
