"""What each row of a batch counts for in C, in place, and matrices part by part."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from refnet.blockwise import BLOCK
from refnet.checks import Array
from refnet.fast.room import Room
from refnet.losses import Loss
from refnet.losses.loss import divisor, positive

# bytes of a part of a matrix: up to seven temporaries of that size at a time
TILE = BLOCK // 2
Weights: TypeAlias = Array | None  # of the rows
Weighted: TypeAlias = tuple[float, float]  # C, and what its mean divides by for each output


def shares_into(loss: Loss, s: Weights, room: Room, outputs: int = 1) -> float:
    """share = s / D, and the sum of the s; share = s for a sum, whose D is 1."""
    share, counts = room.share, room.one if s is None else s
    if loss.reduction == "sum":
        share[...] = counts
        return 1.0
    total = float(len(share)) if s is None else positive(loss, np.add.reduce(s))
    np.divide(counts, divisor(loss, total, outputs, share.dtype), out=share)
    return total


def shares_of_classes_into(loss: Any, y: Array, s: Weights, room: Room) -> float:
    """share = s / D where y holds labels: s_i w_(y_i) / D where a row has one target
    alone; `picked` is overwritten.
    """
    share, picked = room.share, room.picked
    share[...] = 1.0 if s is None else s
    if loss.ignore_index is not None:
        np.multiply(share, np.not_equal(y, loss.ignore_index, out=picked), out=share)
    weighted = share
    if loss.weight is not None:
        # mode "clip" takes any class of a label that is ignored
        out = share if loss.picks(y) else picked
        weighted = np.multiply(room.columns[0].take(y, out=picked, mode="clip"), share, out=out)
    if loss.reduction == "sum":
        return 1.0
    total = positive(loss, np.add.reduce(weighted))
    np.divide(share, total, out=share)
    return total


def at_labels_into(loss: Any, y: Array, width: int, room: Room) -> Array:
    """Where the labels stand in the flat array; of an ignored one, any class."""
    at = room.at
    if loss.ignore_index is None:
        return np.add(room.start, y, out=at)
    np.minimum(np.maximum(y, 0, out=at), width - 1, out=at)
    return np.add(room.start, at, out=at)


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
