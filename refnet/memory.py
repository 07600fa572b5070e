"""Room: temporaries in blocks that stay in the first-level cache, whatever the size of the arrays."""

from collections.abc import Iterable, Iterator, Sequence

from refnet.checks import Array

BLOCK = 2**14  # bytes of one temporary; an expression has up to four at a time


def blocks(*arrays: Array) -> Iterable[Sequence[Array]]:
    """Contiguous arrays of one size and dtype: as they are where they are small, else flat, in runs of BLOCK bytes."""
    first = arrays[0]
    return (arrays,) if first.nbytes <= BLOCK else _runs(arrays, BLOCK // first.itemsize)


def _runs(arrays: Sequence[Array], entries: int) -> Iterator[Sequence[Array]]:
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, entries):
        yield [array[start : start + entries] for array in flat]
