"""Both formulas in numbers for one case: as data, and as a page of a textbook."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap

from parity.mistakes.diagnosis.example.by_hand import Index, at, number
from parity.mistakes.diagnosis.example.matrices import (
    COLUMNS,
    DIGITS,
    ROWS,
    Block,
    Matrix,
    block,
    is_cut,
    side_by_side,
    writer,
)

MORE_DIGITS = 6  # where the first DIGITS of both are the same
INDENT = "   "


@dataclass(frozen=True)
class Example:
    """The case with the fewest numbers in which a finding shows.

    task, step, layer   which it is; steps and layers count from 1
    equation            the label of the equation in refnet.EQUATIONS
    setting             the network, the rows and the rule, in words
    reads               what the equation reads
    yours               what the program has
    right               what the right formula makes of the same inputs
    shown               whether the program shows it; else it is worked out from the
                        formula that explains the program
    off                 which entries differ by more than rounding allows; () where the
                        shapes differ
    changes             whether ratio and difference are of what the step adds
    ratio               yours / right, where it is one for all entries
    difference          yours - right, where it is one for all entries, but no ratio
    entry               the entry that is worked out, and furthest off
    by_hand             it, by the right formula, line by line
    """

    task: str
    step: int
    layer: int
    equation: str
    setting: str
    reads: tuple[Matrix, ...]
    yours: Matrix
    right: Matrix
    shown: bool
    off: tuple[tuple[bool, ...], ...] = ()
    changes: bool = False
    ratio: float | None = None
    difference: float | None = None
    entry: Index = ()
    by_hand: tuple[str, ...] = ()

    @property
    def is_visible(self) -> bool:
        """Whether the first digits of both differ."""
        write = writer((self.yours, self.right))
        return _written(self.yours, write) != _written(self.right, write)

    def lines(self, width: int) -> Iterator[str]:
        """The case as it is read, at most `width` columns wide."""
        inner = width - 2 * len(INDENT)
        cut = [is_cut(each) for each in (*self._inputs(inner), *self._results(inner))]
        yield from _wrapped(self._place(any(cut)), width, INDENT)
        yield ""
        yield from _indented(side_by_side([*self._inputs(inner)], inner))
        yield ""
        yield from _indented(side_by_side([*self._results(inner)], inner))
        yield ""
        yield from _wrapped(" ".join(self._comparison()), width, INDENT)
        if self.by_hand:
            yield ""
            yield from self._worked_out(width)

    def _place(self, cut: bool) -> str:
        task = f" of {self.task!r}" if self.task else ""
        corner = f" Of larger matrices a part of at most {ROWS} x {COLUMNS} is shown."
        return (
            f"In numbers, for step {self.step}{task}, layer {self.layer}: {self.setting}."
            f"{corner if cut else ''}"
        )

    def _inputs(self, width: int) -> Iterator[Block]:
        for each in self.reads:
            yield block(each.symbol, each, writer([each]), width)

    def _results(self, width: int) -> Iterator[Block]:
        digits = DIGITS if self.is_visible else MORE_DIGITS
        write, symbol = writer((self.yours, self.right), digits), self.right.symbol
        some = not all(map(all, self.off))
        marked = self.off if some else ()
        row, column = (0, 0, *self.entry)[-2:]
        within = row, column
        for whose, each in (("your", self.yours), ("the right", self.right)):
            heading = f"{whose} {symbol}"
            yield block(heading, each, write, width, marked=marked, within=within)

    def _comparison(self) -> Iterator[str]:
        if not self.shown:
            yield "Yours is not shown, but worked out from your formula."
        count, size = sum(map(sum, self.off)), self.right.size
        if not self.off:
            yield "The shapes differ."
        elif size == 1:
            yield "They differ."
        else:
            some = f"The entries with a star differ, {count} of {size}."
            yield "All entries differ." if count == size else some
        yield from self._relation()
        if self.off and not self.is_visible:
            yield f"They differ by less than {MORE_DIGITS} digits show."

    def _relation(self) -> Iterator[str]:
        what = "It" if self.right.size == 1 else "Each of yours"
        if self.ratio is not None:
            times = f"{number(self.ratio)} times"
            yield (
                f"{what} changes by {times} as much as it should."
                if self.changes
                else f"{what} is {times} the right one."
            )
        if self.difference is not None:
            yield f"{what} is the right one plus {number(self.difference)}."

    def _worked_out(self, width: int) -> Iterator[str]:
        symbol = f"{self.right.symbol}{at(self.entry)}"
        yield from _wrapped(f"By hand, {symbol} by the right formula:", width, INDENT)
        for line in self.by_hand:
            yield from _wrapped(line, width, INDENT * 2, INDENT * 4)
        yours = self._yours_at(self.entry)
        if yours is not None:
            yield from _wrapped(f"Your program has {number(yours)} there.", width, INDENT)

    def _yours_at(self, index: Index) -> float | None:
        """The entry of the program's array; None where the shapes differ."""
        if not self.off:
            return None
        row, column = (0, 0, *index)[-2:]
        return self.yours.rows[row][column]


def _written(matrix: Matrix, write: Callable[[float], str]) -> list[str]:
    return [write(each) for row in matrix.rows for each in row]


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"{INDENT * 2}{line}".rstrip() for line in lines)


def _wrapped(text: str, width: int, first: str, later: str = "") -> list[str]:
    """The text in lines; an operator stays with what follows it."""
    held = text
    for operator in ("=", "+", "-", "*"):
        held = held.replace(f" {operator} ", f" {operator}\0")
    return [
        line.replace("\0", " ")
        for line in wrap(
            held,
            width,
            initial_indent=first,
            subsequent_indent=later or first,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]
