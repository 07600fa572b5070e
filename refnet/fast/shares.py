"""What each row of a batch counts for in C, in place, and matrices part by part."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from refnet.blockwise import BLOCK
from refnet.checks import Array
from refnet.fast.inplace import PerRow
from refnet.losses import Loss
from refnet.losses.loss import divisor, positive

# bytes of a part of a matrix: up to seven temporaries of that size at a time
TILE = BLOCK // 2
Weights: TypeAlias = Array | None  # of the rows
Weighted: TypeAlias = tuple[float, float]  # C, and what its mean divides by for each output


def shares_into(loss: Loss, s: Weights, per_row: PerRow, outputs: int = 1) -> float:
    """top = s / D, and the sum of the s; top = s for a sum, whose D is 1."""
    top = per_row.top
    if s is None:
        top[...] = 1.0
        s = top
        total = float(len(top))
    else:
        total = 1.0 if loss.reduction == "sum" else positive(loss, np.add.reduce(s))
    if loss.reduction == "sum":
        top[...] = s
        return 1.0
    np.divide(s, divisor(loss, total, outputs, top.dtype), out=top)
    return total


def shares_of_classes_into(loss: Any, y: Array, s: Weights, per_row: PerRow, spare: Array) -> float:
    """top = s / D where y holds labels: s_i w_(y_i) / D where a row has one target
    alone; `spare` is for a number of each row.
    """
    top = per_row.top
    top[...] = 1.0 if s is None else s
    if loss.ignore_index is not None:
        np.multiply(top, np.not_equal(y, loss.ignore_index, out=spare), out=top)
    weighted = top
    if loss.weight is not None:
        # mode "clip" takes any class of a label that is ignored
        out = top if loss.picks(y) else spare
        weighted = np.multiply(per_row.columns[0].take(y, out=spare, mode="clip"), top, out=out)
    if loss.reduction == "sum":
        return 1.0
    total = positive(loss, np.add.reduce(weighted))
    np.divide(top, total, out=top)
    return total


def at_labels_into(loss: Any, y: Array, width: int, per_row: PerRow) -> Array:
    """Where the labels stand in the flat array; of an ignored one, any class."""
    at = per_row.at
    if loss.ignore_index is None:
        return np.add(per_row.start, y, out=at)
    np.minimum(np.maximum(y, 0, out=at), width - 1, out=at)
    return np.add(per_row.start, at, out=at)


def tiles(columns: tuple[Array, ...], *arrays: Array) -> Iterable[tuple[Any, ...]]:
    """Parts of at most TILE bytes of some matrices, and of the columns, which come
    first; an array of numbers for each row is cut by its rows alone.
    """
    first = arrays[0]
    return ((columns, *arrays),) if first.nbytes <= TILE else _cut(columns, arrays)


def _cut(columns: tuple[Array, ...], arrays: tuple[Array, ...]) -> Iterator[tuple[Any, ...]]:
    height, width = arrays[0].shape
    across = min(width, TILE // arrays[0].itemsize)
    down = TILE // arrays[0].itemsize // across
    for row in range(0, height, down):
        for column in range(0, width, across):
            rows, here = slice(row, row + down), slice(column, column + across)
            yield (
                tuple(each[here] for each in columns),
                *(a[rows, here] if a.shape[1:] == (width,) else a[rows] for a in arrays),
            )
