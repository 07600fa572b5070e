"""Arithmetic in blocks that stay in the cache, whatever the size of the arrays."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from refnet.checks import Array

# bytes of one temporary: an expression has up to four of them at a time, which fill the
# 64 KiB that a step may take
BLOCK = 2**14
# bytes of a block where memory for what is computed on the way is there already: Adam
# updates 235,000 numbers in half the time that blocks of 2^14 bytes take, in 0.9 of
# that of 2^17; on 2 million, blocks as large as all of them take 1.2 to 2 times as long
CACHED = 2**19
BUFFERED = 2**13  # entries that NumPy buffers of an array that it broadcasts: np.getbufsize()


def blocks(*arrays: Array, size: int = BLOCK) -> Iterable[Sequence[Array]]:
    """Contiguous arrays of one size and dtype: as they are where they are small, else
    flat, in runs of so many bytes.

    The bits of an elementwise formula are the same either way.
    """
    first = arrays[0]
    return (arrays,) if first.nbytes <= size else _runs(arrays, size // first.itemsize)


def _runs(arrays: Sequence[Array], entries: int) -> Iterator[Sequence[Array]]:
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, entries):
        yield [array[start : start + entries] for array in flat]


class Spare:
    """Memory for a block, made at the first use; a copy or a pickle has none."""

    def __init__(self) -> None:
        self._array: Array = np.empty(0)

    def like(self, block: Array) -> Array:
        """As much as a flat block takes, the same memory each time."""
        if self._array.size < block.size:
            self._array = np.empty_like(block)
        return self._array[: block.size]

    def __reduce__(self) -> tuple[type["Spare"], tuple[()]]:
        return Spare, ()


def broadcast_into(ufunc: Callable[..., Any], array: Array, other: Array, out: Array) -> None:
    """out = ufunc(array, other), where other is a row or a column.

    It takes some rows at a time where NumPy would buffer more than two blocks.

    Shapes: array and out (n, k); other (k,) or (n, 1).
    """
    if array.nbytes <= 2 * BLOCK or array.itemsize * BUFFERED <= 2 * BLOCK:
        ufunc(array, other, out=out)
        return
    rows = max(1, 2 * BLOCK // array[0].nbytes)
    for start in range(0, len(array), rows):
        here = slice(start, start + rows)
        ufunc(array[here], other[here] if other.ndim == 2 else other, out=out[here])
