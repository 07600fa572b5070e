"""A claim: what an equation says one array must be, and how far rounding may have taken
a correct program from it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.rounding.formats import Format
from refnet.checks import Array

OVERFLOW = "overflow"
PASSED, WRONG, CONVENTION, INACCURATE = "passed", "wrong", "convention", "inaccurate formula"


@dataclass(frozen=True)
class Other:
    """Something else that people write in this place: entries that are off the claim
    but `fits` here have a name.

    `status` is what that makes of them, `deviation` the name under which PyTorch itself
    does it.
    """

    status: str
    note: str
    fits: Callable[[Array], Array]
    deviation: str = ""


@dataclass(frozen=True)
class Claim:
    """got is right where |got - exact| <= bound; `judged` is False where rounding
    bounds say nothing, for the given `reason`.

    Shapes: exact (in the wider format), bound (float64) and judged have the shape of
        the array that is judged.
    """

    exact: Array
    bound: Array
    judged: Array
    slack: float
    reason: str = OVERFLOW
    others: Callable[[], Sequence[Other]] = field(default=tuple)

    def share(self, got: Array) -> Array:
        """|got - exact| as a share of what is allowed: above 1 is off; inf where got is
        not finite; 0 where nothing is judged.
        """
        with np.errstate(all="ignore"):
            gap = np.abs(got - self.exact).astype(np.float64)
            allowed = self.bound * (1.0 + self.slack)
            share = np.where(gap == 0.0, 0.0, gap / allowed)
        return np.where(self.judged, np.where(np.isfinite(got), share, np.inf), 0.0)


def claim(
    fmt: Format,
    exact: Any,
    bound: Any,
    judged: Any = True,
    others: Callable[[], Sequence[Other]] = tuple,
    reason: str = OVERFLOW,
) -> Claim:
    """A claim, not judged where exact + bound reaches the largest number of the dtype,
    nor where an input is not finite.
    """
    exact = np.asarray(exact, fmt.wide)
    bound = np.asarray(bound, np.float64)
    if bound.shape != exact.shape:
        bound = np.broadcast_to(bound, exact.shape)
    with np.errstate(all="ignore"):
        within = np.abs(exact) + bound < fmt.largest  # NaN is not
    return Claim(exact, bound, within & judged, fmt.slack, reason, others)


def near(fmt: Format, exact: Any, bound: Any) -> Callable[[Array], Array]:
    """Whether an entry is as near to another exact value as rounding allows there; near
    to an infinite one is that one alone.
    """
    exact, bound = np.asarray(exact, fmt.wide), np.asarray(bound)

    def fits(got: Array) -> Array:
        close = np.isfinite(exact) & (np.abs(got - exact) <= bound * (1.0 + fmt.slack))
        return close | (got == exact)

    return fits


def size(array: Any) -> Array:
    """|array| in float64, in which bounds are computed; their own rounding is far below
    `slack`.
    """
    return np.abs(np.asarray(array, np.float64))
