"""The constant of a program, read off its numbers: what must c be, so that an array is
the one that is shown.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from parity.mistakes.catalogue.constants import Family
from parity.mistakes.mistake import CONVENTION
from parity.mistakes.search.judging import Station, explains, plain_numbers
from parity.mistakes.search.replay import Placed, Run
from parity.mistakes.search.suspects import Program, Suspect, extents, may_explain, placed
from refnet.checks import Array

# steps of the secant method. A constant that enters linearly needs one, an eps inside a
# log three
STEPS = 6
# what is left over, as a share of the difference that the constant makes: a constant
# that is not the right one leaves as much as there was; an eps of 1e-3 in a
# denominator, the most there may be, leaves 1e-2 after the first step
LEFT = 0.05
# significant digits of constants that people write; 17 are all that a float has
DIGITS = (1, 2, 3, 4, 17)


def with_constants(
    run: Run, program: Program, off: Station, families: Sequence[Family]
) -> Iterator[Suspect]:
    """The entries of families, in whatever layers they can stand, of which an array
    that is off can come, with the numbers that it takes.
    """
    others = placed(run, program)
    for family in families:
        entry = family.at(family.near[1])
        # one number has room for any constant: a loss tells of its own formula alone
        if (off.quantity == "loss") != ("C" in entry.slots) or not may_explain(run, entry, off):
            continue
        # layers that are the same here may be others in deeper networks
        solved: dict[frozenset[int], float | None] = {}
        for extent in extents(run) if family.verdict != CONVENTION else ("everywhere",):
            layers = Suspect(entry, extent).placed(run).layers
            if layers and layers not in solved:
                solved[layers] = _constant(run, others, off, family, extent)
            c = solved.get(layers)
            if c is not None:
                yield Suspect(family.at(c), extent)


def _constant(
    run: Run, others: Sequence[Placed], off: Station, family: Family, extent: str
) -> float | None:
    """The number, as short as possible, with which the array that is off comes of the
    family's entry.
    """

    def with_it(c: float) -> list[Placed]:
        return [*others, Suspect(family.at(c), extent).placed(run)]

    got = run.steps[off.step].arrays[off.where]
    c = _solved(got, lambda c: plain_numbers(run, with_it(c), off), family.near)
    if c is None:
        return None
    # by one number alone, only a short constant is none by chance
    numbers = DIGITS if got.size > 1 else DIGITS[:-1]
    shorter = dict.fromkeys(float(f"{c:.{digits - 1}e}") for digits in numbers)
    least, most = family.limits
    possible = (each for each in shorter if least <= each <= most)
    return next((each for each in possible if explains(run, with_it(each), off)), None)


def _solved(
    got: Array, array: Callable[[float], Array | None], near: tuple[float, float]
) -> float | None:
    """c by the secant method, in the sense of least squares over the entries, until it
    comes no nearer; None where no c fits.
    """
    before, c = near
    old, new = array(before), array(c)
    if old is None or new is None or old.shape != got.shape or not np.isfinite(got).all():
        return None
    for _ in range(STEPS):
        slope = (new - old) / (c - before)
        change = _least_squares(slope, got - new)
        if change is None:
            return None
        left = np.abs(got - new - slope * change).max()
        if not left <= LEFT * np.abs(slope).max() * max(abs(c + change), abs(change)):
            return None
        nearer = array(c + change)
        if nearer is None or not np.abs(got - nearer).max() < np.abs(got - new).max():
            break
        before, old, c, new = c, new, c + change, nearer
    return c


def _least_squares(slope: Array, gap: Array) -> float | None:
    """The number by which the slope comes nearest to the gap; None where it is none."""
    size = float((slope * slope).sum())
    change = float((slope * gap).sum()) / size if size else np.nan
    return change if np.isfinite(change) else None
