"""How a number is shown, and sums and products of shown numbers."""

from collections.abc import Iterable


def shown(value: float, digits: int) -> str:
    """`value` with that many significant digits, more where it would read 1 and is not: 1 - a is to stay visible."""
    text = f"{value:.{digits}g}"
    while abs(float(text)) == 1.0 != abs(value):
        digits += 1
        text = f"{value:.{digits}g}"
    return "0" if text == "-0" else text


def product(*factors: str) -> str:
    """The factors with * between them, negative ones after the first in brackets."""
    return "*".join([factors[0], *(f"({factor})" if factor.startswith("-") else factor for factor in factors[1:])])


def total(terms: Iterable[str]) -> str:
    """The terms with + between them, or - where one starts with a minus."""
    first, *others = terms
    return first + "".join(f" - {term[1:]}" if term.startswith("-") else f" + {term}" for term in others)
