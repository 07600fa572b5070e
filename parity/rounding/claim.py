"""A claim: what an equation says one array must be, and how far rounding may have taken
a correct program from it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from parity.rounding.formats import Format
from refnet.checks import Array

OVERFLOW = "overflow"
PASSED, WRONG, CONVENTION, INACCURATE = "passed", "wrong", "convention", "inaccurate formula"
IMPRECISE = "imprecise"


@dataclass(frozen=True)
class Other:
    """Another formula that people write in this place. Entries that break the claim but
    fit this formula get its `status` and its `note`.

    `fits` says of each entry whether it does; `deviation` is the name under which
    PyTorch itself computes it so, `factors` the coarser ones of a product.
    """

    status: str
    note: str
    fits: Callable[[Array], Array]
    deviation: str = ""
    factors: str = ""


class Doubt(NamedTuple):
    """Why an array that holds is imprecise all the same, "" where it is not, and the
    coarser factors that it is made of, where those are known.
    """

    note: str = ""
    factors: str = ""


@dataclass(frozen=True)
class Claim:
    """What an equation says about one array: |got - exact| <= bound (1 + slack), entry
    by entry. Where `judged` is False rounding bounds say nothing, for the given
    `reason`.

    `others` are what entries that break the claim may fit. `doubt` is asked about an
    array that holds.

    Shapes: exact (in the wider format), bound (float64) and judged have the shape of
        the array.
    """

    exact: Array
    bound: Array
    judged: Array
    slack: float
    reason: str = OVERFLOW
    others: Callable[[], Iterable[Other]] = field(default=tuple)
    doubt: Callable[[Array], Doubt] = field(default=lambda got: Doubt())

    def share(self, got: Array) -> Array:
        """|got - exact| as a share of what is allowed: above 1 is wrong, as is inf
        where got is not finite; 0 where an entry is not judged.
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
    others: Callable[[], Iterable[Other]] = tuple,
    reason: str = OVERFLOW,
) -> Claim:
    """A claim that is not judged where exact + bound reaches the largest number of the
    dtype, nor where an input is not finite.
    """
    exact = np.asarray(exact, fmt.wide)
    bound = np.asarray(bound, np.float64)
    if bound.shape != exact.shape:
        bound = np.broadcast_to(bound, exact.shape)
    with np.errstate(all="ignore"):
        within = np.abs(exact) + bound < fmt.largest  # False for NaN, too
    return Claim(exact, bound, within & judged, fmt.slack, reason, others)


def near(fmt: Format, exact: Any, bound: Any) -> Callable[[Array], Array]:
    """A test of each entry: is it within bound (1 + slack) of another exact value, or
    equal to it where that is infinite. An infinite bound fits nothing else.
    """
    exact, bound = np.asarray(exact, fmt.wide), np.asarray(bound)
    known = np.isfinite(exact) & np.isfinite(bound)

    def fits(got: Array) -> Array:
        close = known & (np.abs(got - exact) <= bound * (1.0 + fmt.slack))
        return close | (got == exact)

    return fits


def size(array: Any) -> Array:
    """|array| in float64, in which bounds are computed.

    A bound takes a few dozen operations, so its own rounding is some 1e-14 of it, far
    less than `slack`: 4.9e-4 in float64 judged in 64 bits, 1.9e-9 in float32.
    """
    return np.abs(np.asarray(array, np.float64))
