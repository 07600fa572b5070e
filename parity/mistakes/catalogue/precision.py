"""Matrix products of factors in a coarser format than the numbers that they make."""

from collections.abc import Callable
from functools import partial

from parity.mistakes.functions import masked
from parity.mistakes.mistake import Catalogue, Wrong
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.rounding.precision import PRECISIONS, Precision

PRECISION = Catalogue()
# a cast to float32 loses digits everywhere, not in products alone
OF_PRODUCTS = tuple(each for each in PRECISIONS if each.name != "float32")


def name_of(precision: Precision) -> str:
    """The id of the entry with factors in this precision."""
    return f"products-{'cut-to' if precision.cut else 'in'}-{precision.name.lower()}"


def rounding(precision: Precision) -> str:
    """What r does to a number, as it stands behind a formula."""
    way = "cut to" if precision.cut else "rounded to"
    return f"r: {way} the {precision.bits} bits of {precision.name}"


def _weighted_input(r: Precision, s: StepProgram, l: int, right: Wrong) -> Numbers:
    return s.a_prev(l).coarsened(r) @ s.W(l).coarsened(r).T + s.b(l)


def _cotangent(r: Precision, s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
    if l == s.L:
        return right()
    return masked(s, l + 1, s.delta(l + 1).coarsened(r) @ s.W(l + 1).coarsened(r))


def _weight_gradient(r: Precision, s: StepProgram, l: int, right: Wrong) -> Numbers:
    return s.delta(l).coarsened(r).T @ s.a_prev(l).coarsened(r)


for precision in OF_PRODUCTS:
    PRECISION.add(
        id=name_of(precision),
        equation="z",
        formula=f"z = r(a_prev) r(W)^T + b, {rounding(precision)}; BP2 and BP4 alike",
        happens=f"The factors of the matrix products are {precision}.",
        why="The sums keep all their digits, but of each product only the first "
        f"{precision.bits + 1} bits are right.",
        also={
            "cotangent": partial(_cotangent, precision),
            "BP4": partial(_weight_gradient, precision),
        },
    )(partial(_weighted_input, precision))
