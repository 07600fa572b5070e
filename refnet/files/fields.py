"""Checks of the values that JSON has: each returns its value, or refuses it with a
ValueError *what has got, expected want*.

Python's True is 1 and 1.0, and JSON's true is neither.
"""

from collections.abc import Sequence
from math import inf, isfinite
from typing import Any, NoReturn

SHOWN = 60  # characters of a value in a sentence
NOT_FINITE = ("inf", "-inf", "nan")  # JSON has no such numbers: they stand there as text


def refuse(what: str, value: object, want: str) -> NoReturn:
    """Refuse a value, of which the sentence shows the start."""
    text = repr(value)
    got = text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
    raise ValueError(f"{what} has {got}, expected {want}")


def record(what: str, value: object, names: Sequence[str]) -> dict[str, Any]:
    """An object with exactly these names."""
    if not isinstance(value, dict):
        refuse(what, value, f"the fields {', '.join(names)}")
    if {*value} != {*names}:
        refuse(what, [*value], f"the fields {', '.join(names)}")
    return value


def listed(what: str, value: object, length: int | None = None) -> list[Any]:
    """A list, of this length."""
    if not isinstance(value, list):
        refuse(what, value, "a list")
    if length not in (None, len(value)):
        raise ValueError(f"{what} has length {len(value)}, expected {length}")
    return value


def text(what: str, value: object) -> str:
    """A text."""
    return value if isinstance(value, str) else refuse(what, value, "text")


def truth(what: str, value: object) -> bool:
    """true or false."""
    return value if isinstance(value, bool) else refuse(what, value, "true or false")


def whole(what: str, value: object, low: int = 0, below: float = inf) -> int:
    """An integer, low <= value < below."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value < below:
        bounds = f">= {low}" if below == inf else f"from {low} to {int(below) - 1}"
        refuse(what, value, f"an integer {bounds}")
    return value


def real(what: str, value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(what, value, "a number")
    try:
        number = float(value)
    except OverflowError:  # an int beyond every float
        number = inf
    return number if isfinite(number) else refuse(what, value, "a finite number")


def any_real(what: str, value: object) -> float:
    """A number, finite or not."""
    return float(value) if value in NOT_FINITE else real(what, value)


def written(value: float) -> float | str:
    """How `any_real` reads a number."""
    return value if isfinite(value) else str(value)
