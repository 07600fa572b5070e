"""Numbers of the command line, refused where they are out of range."""

import argparse
import math
from typing import Any


def seconds(text: str) -> float:
    """A time."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"has {text}, expected a number of seconds above 0")
    return value


def integer(low: int, high: int) -> Any:
    """A parser of integers from low to high."""

    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"has {value}, expected an integer from {low} to {high}"
            )
        return value

    parse.__name__ = "integer"
    return parse


def add_jobs(parser: Any, what: str) -> None:
    """The option that says how many processes work side by side."""
    parser.add_argument(
        "--jobs",
        type=integer(1, 1000),
        metavar="N",
        help=f"how many {what}; the results are the same",
    )
