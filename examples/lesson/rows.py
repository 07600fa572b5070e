"""The rows of the tables: what a text prints or claims, beside what is computed here.

A row has the heads and the widths of its columns, and knows whether it is as expected:
whether the text is right, or is off just where an erratum says so.
"""

from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap
from typing import Any, ClassVar

import numpy as np

from lesson.digits import as_printed, side_by_side

WIDTH = 80  # of the screen
INDENT, GAP = "  ", "  "
FIGURE, CLAIM = (39, 17, 18), (44, 32)  # with indent and gaps, WIDTH columns


@dataclass(frozen=True)
class Row:
    """What all rows have."""

    heads: ClassVar[tuple[str, ...]]
    widths: ClassVar[tuple[int, ...]]

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in the columns."""
        raise NotImplementedError

    @property
    def as_expected(self) -> bool:
        """Whether it is what the script says it is."""
        raise NotImplementedError

    @property
    def notes(self) -> list[str]:
        """What stands below the row, a line each."""
        return [] if self.as_expected else ["<- NOT EXPECTED"]

    def lines(self) -> list[str]:
        """The row in its table: a line, or several where a cell is long."""
        cells = zip(self.cells, self.widths, strict=True)
        columns = [
            wrap(cell, width, break_long_words=False, break_on_hyphens=False)
            for cell, width in cells
        ]
        rows = zip_longest(*columns, fillvalue="")
        return [side(row, self.widths) for row in rows] + [INDENT * 3 + it for it in self.notes]


def side(cells: tuple[str, ...], widths: tuple[int, ...]) -> str:
    """The cells side by side, each in its column."""
    columns = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return INDENT + GAP.join(columns).rstrip()


@dataclass(frozen=True, kw_only=True)
class Judged(Row):
    """A row of something that a text has.

    `erratum` is its name in ERRATA.md where the text is off. `chance` is the reason
    where the text's figure is one draw of many.
    """

    erratum: str = ""
    chance: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the text is right."""
        raise NotImplementedError

    @property
    def as_expected(self) -> bool:
        return bool(self.chance) or self.agrees is not bool(self.erratum)

    @property
    def notes(self) -> list[str]:
        erratum = [f"erratum {self.erratum}"] if self.erratum else []
        chance = [f"by chance: {self.chance}"] if self.chance else []
        return [*erratum, *chance, *super().notes]


@dataclass(frozen=True)
class Printed(Judged):
    """A figure as the text prints it, and the same figure as computed here.

    `got` is a number, or an array with a number for each one that is printed.
    """

    what: str
    printed: str
    got: Any
    heads = ("", "the text", "computed")
    widths = FIGURE

    @property
    def agrees(self) -> bool:
        """Whether the text prints the computed value, to its last digit."""
        return as_printed(self.got, self.printed) == self.printed

    @property
    def shown(self) -> str:
        """The computed value as the text would write it; with three more digits where
        the text has another one.
        """
        return as_printed(self.got, self.printed, more=0 if self.agrees else 3)

    @property
    def cells(self) -> tuple[str, ...]:
        return self.what, self.printed, self.shown


@dataclass(frozen=True)
class Expected(Printed):
    """A figure that no text prints, but that is known beforehand."""

    heads = ("", "expected", "computed")


@dataclass(frozen=True)
class Claim(Judged):
    """Something that the text says in words, whether it holds, and the numbers that
    show it.
    """

    claim: str
    shown: str
    holds: bool
    heads = ("claim", "computed")
    widths = CLAIM

    @property
    def agrees(self) -> bool:
        return bool(self.holds)

    @property
    def cells(self) -> tuple[str, ...]:
        return self.claim, self.shown


@dataclass(frozen=True)
class Copy(Claim):
    """A formula as our copy of the text has it; a letter may have been lost in that."""

    heads = ("our copy reads", "computed")


@dataclass(frozen=True)
class Same(Row):
    """Two ways to the same numbers, equal to so many digits after the point."""

    what: str
    one: Any
    other: Any
    digits: int = 12
    heads = ("", "", "largest difference")
    widths = FIGURE

    @property
    def difference(self) -> float:
        """The largest one; arrays of two shapes are not compared."""
        one, other = np.asarray(self.one, dtype=float), np.asarray(self.other, dtype=float)
        return float(np.abs(one - other).max()) if one.shape == other.shape else np.inf

    @property
    def as_expected(self) -> bool:
        return self.difference < 0.5 * 10.0**-self.digits  # false of NaN, too

    @property
    def cells(self) -> tuple[str, ...]:
        numbers = side_by_side(self.other, 4)
        short = numbers if len(numbers) <= self.widths[1] else ""
        return self.what, short, f"{self.difference:.1g}"
