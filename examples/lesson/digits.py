"""Numbers with as many digits, and the punctuation, of a text."""

import re
from typing import Any

import numpy as np

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")


def as_printed(values: Any, printed: str, more: int = 0) -> str:
    """The values in the place of the numbers of a printed text, each written like the
    number whose place it takes, or with some more digits.
    """
    given = np.ravel(values).tolist()
    count = len(NUMBER.findall(printed))
    if count != len(given):
        raise ValueError(f"got has {len(given)} numbers, expected {count} as in {printed!r}")
    following = iter(given)
    return NUMBER.sub(lambda number: as_written(next(following), number[0], more), printed)


def as_written(value: float, printed: str, more: int = 0) -> str:
    """The value in the notation of a printed number, with as many digits after the
    point, or some more.
    """
    mantissa, power, _ = printed.partition("e")
    whole, point, decimals = mantissa.partition(".")
    digits = len(decimals) + more * (not float(value).is_integer())
    text = (
        f"{value:.{digits}{'e' if power else 'f'}}"
        if digits or power or isinstance(value, float)
        else str(value)
    )
    if not float(text):
        text = text.removeprefix("-")  # -0.0001 with three digits is 0.000
    if power:
        text = re.sub(r"e([-+])0*(?=\d)", lambda sign: "e" + sign[1].replace("+", ""), text)
    if whole in ("", "-", "+"):
        text = re.sub(r"^(-?)0\.", r"\1.", text)
    if point and "." not in text:
        text += "."
    return f"+{text}" if printed[0] == "+" and text[0] != "-" else text


def side_by_side(values: Any, digits: int = 3) -> str:
    """Numbers in a line of text, each with so many digits after the point."""
    return " ".join(f"{value:.{digits}f}" for value in np.ravel(values))
