"""How a number is shown, and sums and products of shown numbers."""

from collections.abc import Iterable
from math import floor, log10

EXACT = 17  # significant digits with which every float64 is read back exactly


def shown(value: float, digits: int) -> str:
    """`value` with that many significant digits. Just below 1 it gets more, so that
    1 - value has them too, and "1" stands for nothing but 1.
    """
    gap = 1.0 - abs(value)
    if 0.0 < gap < 0.1:
        digits = max(digits, min(EXACT, digits - 1 - floor(log10(gap))))
    text = f"{value:.{digits}g}"
    while abs(float(text)) == 1.0 != abs(value):
        digits += 1
        text = f"{value:.{digits}g}"
    return "0" if text == "-0" else text


def product(*factors: str) -> str:
    """The factors with * between them, negative ones after the first in brackets."""
    return "*".join(
        [
            factors[0],
            *(f"({factor})" if factor.startswith("-") else factor for factor in factors[1:]),
        ]
    )


def total(terms: Iterable[str]) -> str:
    """The terms with + between them, or - where one starts with a minus."""
    first, *others = terms
    return first + "".join(
        f" - {term[1:]}" if term.startswith("-") else f" + {term}" for term in others
    )
