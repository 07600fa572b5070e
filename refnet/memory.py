"""Room: temporaries in blocks that stay in the first-level cache, whatever the size of the arrays."""

from collections.abc import Iterable

from refnet.checks import Array

BLOCK = 2**14  # bytes of one temporary; an expression has up to four at a time


def blocks(*arrays: Array) -> Iterable[tuple[Array, ...]]:
    """Contiguous arrays of one size and dtype: as they are where they are small, else flat, in runs of BLOCK bytes."""
    first = arrays[0]
    if first.nbytes <= BLOCK:
        return (arrays,)
    flat, run = [array.reshape(-1) for array in arrays], BLOCK // first.itemsize
    return (tuple(array[start : start + run] for array in flat) for start in range(0, first.size, run))
