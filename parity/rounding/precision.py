"""Numbers rounded to fewer bits, as the factors of matrix products are where speed
counts for more than digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.rounding.formats import Format
from refnet.checks import Array


@dataclass(frozen=True)
class Precision:
    """A format that keeps `bits` bits after the first, the `name` by which people know
    it, and what brings it about. Its exponents are not narrower: nothing overflows.

    Where it is `cut`, numbers are rounded towards zero, as by dropping their last bits;
    else to the nearest, ties to even.
    """

    name: str
    bits: int
    where: str
    cut: bool = False

    def __str__(self) -> str:
        way = "cut" if self.cut else "rounded"
        return f"{way} to {self.bits} bits, as in {self.name} ({self.where})"

    def rounded(self, array: Array) -> Array:
        """The numbers of a float32 or float64 array in this precision, in the array's
        dtype. Shapes: any.
        """
        kept_now, integers = (23, np.uint32) if array.dtype == np.float32 else (52, np.uint64)
        dropped = kept_now - self.bits
        if dropped <= 0:
            return array
        pattern: Any = np.asarray(array, order="C").view(integers)
        last = integers(1 << dropped)  # the last bit that stays
        if not self.cut:
            # half of it, less one bit where it is 0: so a tie carries where it is 1
            pattern = pattern + (last // 2 - 1) + (pattern & last) // last
        kept = (pattern & ~(last - integers(1))).view(array.dtype)
        return np.where(np.isfinite(array), kept, array)


# the float formats that are coarser than float64, and the ways to round into them
PRECISIONS = (
    Precision("float32", 23, "a cast"),
    *(
        Precision(name, bits, where, cut)
        for name, bits, where in (
            ("TF32", 10, '"high" matrix precision on a GPU; float16 has as many'),
            ("bfloat16", 7, '"medium" matrix precision'),
        )
        for cut in (False, True)
    ),
)


def coarser(fmt: Format) -> Iterator[Precision]:
    """The precisions with fewer bits than the dtype, the finest first."""
    return (each for each in PRECISIONS if 2.0 ** -(each.bits + 1) > fmt.unit)
