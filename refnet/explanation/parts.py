"""What an explanation consists of, as data: sections of parts.

A part holds what is said, not how it looks.

Formulas and symbols are strings in one plain notation: z^2_1 is unit 1 of layer 2,
dC/da^2_1 a partial derivative, * a product.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """A sentence or two; notation stands between dollar signs, code between
    backticks.
    """

    text: str


@dataclass(frozen=True)
class Formula:
    """A general formula with its source, in LaTeX too where that cannot be written from
    the plain one.
    """

    plain: str
    source: str
    latex: str = ""


@dataclass(frozen=True)
class Line:
    """One number: symbol = chain of symbols = the same with numbers = result.

    The two in the middle may be missing.
    """

    symbol: str
    substitution: str
    result: str
    chain: str = ""
    relation: str = "="

    @property
    def sides(self) -> tuple[str, ...]:
        """What is equal to the symbol, each side once."""
        return tuple(
            dict.fromkeys(side for side in (self.chain, self.substitution, self.result) if side)
        )


@dataclass(frozen=True)
class Grid:
    """An array, every entry of it."""

    symbol: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Summary:
    """An array too large to be shown: the shapes it is computed from, its own shape,
    Euclidean norm, and smallest and largest entry.
    """

    symbol: str
    shapes: str
    shape: str
    norm: str
    low: str
    high: str


Part = Words | Formula | Line | Grid | Summary


def beyond(part: Part) -> bool:
    """Whether it shows an infinity or NaN."""
    match part:
        case Line():
            shown = {part.result}
        case Grid():
            shown = {entry for row in part.rows for entry in row}
        case Summary():
            shown = {part.norm, part.low, part.high}
        case _:
            shown = set()
    return not shown.isdisjoint({"inf", "-inf", "nan"})


@dataclass(frozen=True)
class Section:
    """One equation at one layer, or another step of the story: its formulas and their
    numbers. `print` it to read it alone.
    """

    title: str
    parts: tuple[Part, ...]
    formulas: tuple[Formula, ...] = ()
    label: str = ""  # the key in EQUATIONS
    layer: int = 0

    def __str__(self) -> str:
        from refnet.explanation.typesetting import plain_section  # noqa: PLC0415 - it reads parts

        return plain_section(self)

    def _repr_html_(self) -> str:
        from refnet.explanation.typesetting import framed_section  # noqa: PLC0415 - it reads parts

        return framed_section(self)
