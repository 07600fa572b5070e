"""Matrices in text, side by side, as far as the width goes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap
from typing import TypeAlias

import numpy as np

from refnet.checks import Array

# what is read at a glance; a larger matrix is shown by its corner
ROWS, COLUMNS = 8, 6
DIGITS = 5  # of the largest number, so that four are right after a sum by hand
GAP = 3  # columns between two matrices
LONGEST = 6  # digits before or behind the point, beyond which powers of ten are shorter
Rows: TypeAlias = tuple[tuple[float, ...], ...]
Block: TypeAlias = list[str]


@dataclass(frozen=True)
class Matrix:
    """An array with its symbol; a vector is one row, and so is a number.

    `shape` is that of the array itself.
    """

    symbol: str
    shape: tuple[int, ...]
    rows: Rows

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return sum(map(len, self.rows))

    @property
    def dimensions(self) -> str:
        """Its shape as a textbook writes it; "" for a number."""
        return f"({' x '.join(map(str, self.shape))})" if self.shape else ""


def matrix_of(symbol: str, array: Array) -> Matrix:
    """An array as a matrix."""
    rows = array.reshape(array.shape[0], -1) if array.ndim > 2 else np.atleast_2d(array)
    numbers = tuple(tuple(float(number) for number in row) for row in rows)
    return Matrix(symbol, tuple(int(size) for size in array.shape), numbers)


def writer(matrices: Iterable[Matrix], digits: int = DIGITS) -> Callable[[float], str]:
    """How the numbers of these matrices are written, all with the same digits behind
    the point: the largest has `digits` in all.
    """
    numbers = np.array([number for each in matrices for row in each.rows for number in row])
    sizes = np.abs(numbers[np.isfinite(numbers)])
    if (sizes == sizes.round()).all() and (sizes < 10.0**LONGEST).all():
        return lambda number: _without_sign_of_zero(f"{number:.0f}")
    power = int(np.floor(np.log10(sizes.max())))
    if not -LONGEST < power < LONGEST:
        return lambda number: f"{number:.{digits - 1}e}"
    behind = max(digits - 1 - power, 1)
    return lambda number: _without_sign_of_zero(f"{number:.{behind}f}")


def _without_sign_of_zero(text: str) -> str:
    return text.removeprefix("-") if not text.strip("-0.") else text


def block(
    heading: str,
    matrix: Matrix,
    write: Callable[[float], str],
    width: int,
    *,
    marked: Sequence[Sequence[bool]] = (),
    within: tuple[int, int] = (0, 0),
) -> Block:
    """A matrix in brackets below its heading: the first rows and columns, or those up
    to the entry that is to be `within`, as many as are shown and fit the width, with
    dots for what is left out; the `marked` numbers have a star.
    """
    texts = [
        [write(number) + _star(marked, i, j) for j, number in enumerate(row)]
        for i, row in enumerate(matrix.rows)
    ]
    wide = max((len(text) for row in texts for text in row), default=0)
    across = max(1, min(COLUMNS, (width - len("[...    ...]")) // (wide + 2)))
    top, left = max(0, within[0] + 1 - ROWS), max(0, within[1] + 1 - across)
    lines = []
    for row in texts[top : top + ROWS]:
        cells = [f"{text:>{wide}}" for text in row[left : left + across]]
        before, after = ["..."] * (left > 0), ["..."] * (len(row) > left + across)
        lines.append(f"[{'  '.join([*before, *cells, *after])}]")
    above, below = [" ..."] * (top > 0), [" ..."] * (len(texts) > top + ROWS)
    return [*wrap(f"{heading} {matrix.dimensions}", width), *above, *lines, *below]


def _star(marked: Sequence[Sequence[bool]], i: int, j: int) -> str:
    if not marked:
        return ""
    return "*" if marked[i][j] else " "


def is_cut(lines: Block) -> bool:
    """Whether a part of the matrix is left out."""
    return any("..." in line for line in lines)


def side_by_side(blocks: Sequence[Block], width: int) -> Iterator[str]:
    """The blocks from left to right, and in further rows where they do not fit."""
    row: list[Block] = []
    for each in blocks:
        if row and sum(_wide(other) + GAP for other in row) + _wide(each) > width:
            yield from _joined(row)
            yield ""
            row = []
        row.append(each)
    yield from _joined(row)


def _wide(lines: Block) -> int:
    return max(map(len, lines))


def _joined(row: Sequence[Block]) -> Iterator[str]:
    for lines in zip_longest(*row, fillvalue=""):
        texts = (f"{line:<{_wide(each)}}" for line, each in zip(lines, row, strict=True))
        yield (" " * GAP).join(texts).rstrip()
