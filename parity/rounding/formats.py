"""What rounding does in each dtype that is judged, and the wider format in which the
exact values are computed.

A float32 record is judged in float64. A float64 record is judged in numpy.longdouble,
its matrix products by Dot2, which is as good as twice float64's precision whatever the
entries. Where longdouble is no wider than float64 (Windows, ARM macOS) an exact value
may be off by as much as the program's, so `slack` doubles a float64 bound: sound
everywhere, sharper where the hardware allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from refnet.checks import Array

SPLITTER = 2.0**27 + 1.0  # Veltkamp's constant 2^s + 1, s = 27 of 53 bits rounded up


@dataclass(frozen=True)
class Format:
    """What rounding does in one dtype: |fl(x op y) - (x op y)| <= unit |x op y|, and at
    most `tiny` more where the result underflows.

    The errors of elementary functions are in units of `unit`; one ulp is up to two of
    them. They are what vector libraries document, not what one machine was seen to do.

    Source: Higham, Accuracy and Stability of Numerical Algorithms (2002), sections 2.1
        and 2.2; NumPy's documented 2.52 ulp for exp and 3.83 ulp for log in float32; 4
        ulp for tanh, as vector libraries promise.
    """

    dtype: np.dtype[Any]
    wide: np.dtype[Any]
    unit: float
    tiny: float  # the smallest normal number: flushing to zero and underflow cost no more
    largest: float
    # roundings of a hyper-parameter, a Python float: one into float32, none into
    # float64
    scalar: int
    exp: float
    log: float  # and log1p
    tanh: float
    # PyTorch's vectorised root is not correctly rounded: up to 1.5 measured in float32
    sqrt: float = 2.0

    @property
    def sigmoid(self) -> float:
        """1 / (1 + exp(-z)): the error of exp, an addition and a division."""
        return self.exp + 2.0

    @cached_property
    def slack(self) -> float:
        """How far the exact value may itself be off, as a share of the bound: it takes
        the same roundings with the wider format's unit.
        """
        return float(np.finfo(self.wide).eps) / 2.0 / self.unit

    @cached_property
    def units(self) -> tuple[Any, Any]:
        """The unit of the wider format, and that with the dtype's unit added, both as
        numbers of the wider format.
        """
        return self.wide.type(self.unit * self.slack), self.wide.type(
            self.unit * (self.slack + 1.0)
        )

    def widen(self, array: Any) -> Array:
        """The same numbers in the wider format. Shapes: any."""
        return np.asarray(array).astype(self.wide, copy=False)

    def dot(self, A: Array, B: Array) -> Array:
        """A B in the wider format. Shapes: A (n, k), B (k, m) in the dtype to (n,
        m).
        """
        if self.dtype == np.float32:
            with np.errstate(all="ignore"):  # BLAS may leave flags behind finite products
                return np.dot(A.astype(self.wide), B.astype(self.wide))
        high, low = dot2(A, B)
        return self.widen(high) + low

    def less_square(self, v: Array, m: Array) -> Array:
        """v - m^2 in the wider format, with m^2 unrounded, so that little is lost where
        the two nearly cancel. Shapes: any, equal.
        """
        square, rest = (
            two_product(m, m) if self.dtype == np.float64 else (m.astype(self.wide) ** 2, 0.0)
        )
        return (self.widen(v) - square) - rest


def _format(dtype: type[Any], wide: type[Any], **errors: Any) -> Format:
    info = np.finfo(dtype)
    return Format(
        np.dtype(dtype),
        np.dtype(wide),
        float(info.eps) / 2.0,
        float(info.tiny),
        float(info.max),
        **errors,
    )


# Measured on x86-64 with NumPy and PyTorch, the larger of the two, beside the constant:
# float64 exp 1.2 of 2, log and log1p 2.0 of 4, tanh 1.6 of 8; float32 exp 3.5 of 6, log
# 4.5 of 8, tanh 1.8 of 8 (12 million points in float64, every 16th number of float32).
FORMATS = {
    "float64": _format(np.float64, np.longdouble, scalar=0, exp=2.0, log=4.0, tanh=8.0),
    "float32": _format(np.float32, np.float64, scalar=1, exp=6.0, log=8.0, tanh=8.0),
}


def dot2(A: Array, B: Array) -> tuple[Array, Array]:
    """A B of float64 matrices as an unevaluated sum high + low, off by about k^2 u^2
    |A| |B|.

    Each product and each sum is split into what float64 keeps and the exact rest; the
    rests are added up separately.

    Shapes: A (n, k), B (k, m) to two of (n, m).
    Source: Ogita, Rump and Oishi, Accurate sum and dot product (2005), algorithm 5.3
        (Dot2); Dekker's TwoProduct, Knuth's TwoSum.
    """
    with np.errstate(all="ignore"):  # what overflows is not finite, and is not judged
        A_parts, B_parts = (A, *_split(A)), (B, *_split(B))
        high, low = np.zeros((A.shape[0], B.shape[1])), np.zeros((A.shape[0], B.shape[1]))
        for i in range(A.shape[1]):
            product, rest = _product_of(
                [part[:, i, None] for part in A_parts], [part[None, i, :] for part in B_parts]
            )
            # Knuth's TwoSum: in this order the rest of the sum is exact
            total = high + product
            other = total - high
            low += ((high - (total - other)) + (product - other)) + rest
            high = total
    return high, low


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """a b of float64 arrays, entry by entry, as product + rest exactly (Dekker's
    TwoProduct). Shapes: a and b broadcast.
    """
    with np.errstate(all="ignore"):
        return _product_of((a, *_split(a)), (b, *_split(b)))


def _product_of(a: Sequence[Array], b: Sequence[Array]) -> tuple[Array, Array]:
    """Dekker's TwoProduct of numbers given as (whole, high half, low half)."""
    product = a[0] * b[0]
    return product, a[2] * b[2] - (((product - a[1] * b[1]) - a[2] * b[1]) - a[1] * b[2])


def _split(A: Array) -> tuple[Array, Array]:
    """Two halves of at most 26 bits that add up to A exactly (Veltkamp), so that
    products of halves are exact.
    """
    # the rounding of `scaled` does the splitting, so nothing may be simplified here; it
    # overflows above 2^996, where the entry is then not judged
    scaled = SPLITTER * A
    high = scaled - (scaled - A)
    return high, A - high
