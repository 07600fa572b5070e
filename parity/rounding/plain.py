"""Plain numbers with the operations of `Bounded`: the same formulas then give the
numbers that a program of the dtype computes.

No error is carried. NumPy rounds every operation in the dtype of the array on the left;
scalars are rounded into it first.
"""

from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from parity.rounding.precision import Precision

Array: TypeAlias = NDArray[Any]
Operand: TypeAlias = "Plain | Array | float | np.floating[Any]"
Axis: TypeAlias = int | tuple[int, ...] | None


class Plain:
    """An array of one dtype in the place of a bounded array.

    Shapes: any.
    """

    __slots__ = ("value",)
    __array_ufunc__: ClassVar[None] = None  # an ndarray on the left leaves the operation to us

    def __init__(self, value: Array) -> None:
        self.value = value

    @property
    def format(self) -> "Plain":
        """Itself, as formulas widen constants by their format: here `widen` keeps the
        dtype.
        """
        return self

    def widen(self, array: Any) -> Array:
        """The same numbers in the dtype."""
        return np.asarray(array).astype(self.value.dtype, copy=False)

    def lift(self, other: Operand) -> "Plain":
        """The other operand in the same arithmetic."""
        return other if isinstance(other, Plain) else Plain(self.widen(other))

    def _read(self, other: Operand) -> Any:
        if isinstance(other, Plain):
            return other.value
        return other if isinstance(other, float) else self.widen(other)

    def __add__(self, other: Operand) -> "Plain":
        return Plain(self.value + self._read(other))

    def __sub__(self, other: Operand) -> "Plain":
        return Plain(self.value - self._read(other))

    def __mul__(self, other: Operand) -> "Plain":
        return Plain(self.value * self._read(other))

    def __truediv__(self, other: Operand) -> "Plain":
        return Plain(self.value / self._read(other))

    def __matmul__(self, other: Operand) -> "Plain":
        return Plain(np.dot(self.value, self._read(other)))

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Operand) -> "Plain":
        return Plain(self._read(other) - self.value)

    def __rtruediv__(self, other: Operand) -> "Plain":
        return Plain(self._read(other) / self.value)

    def __rmatmul__(self, other: Operand) -> "Plain":
        return Plain(np.dot(self._read(other), self.value))

    def __neg__(self) -> "Plain":
        return Plain(-self.value)

    def __abs__(self) -> "Plain":
        return Plain(np.abs(self.value))

    def exp(self) -> "Plain":
        """e^x."""
        return Plain(np.exp(self.value))

    def log(self) -> "Plain":
        """log x."""
        return Plain(np.log(self.value))

    def log1p(self) -> "Plain":
        """log(1 + x)."""
        return Plain(np.log1p(self.value))

    def tanh(self) -> "Plain":
        """tanh x."""
        return Plain(np.tanh(self.value))

    def sigmoid(self) -> "Plain":
        """1 / (1 + e^-x)."""
        return Plain(1 / (1 + np.exp(-self.value)))

    def sqrt(self) -> "Plain":
        """The root of x."""
        return Plain(np.sqrt(self.value))

    def sum(self, axis: Axis = None, keepdims: bool = False) -> "Plain":
        """The sum over an axis, or over all."""
        return Plain(np.asarray(self.value.sum(axis, keepdims=keepdims)))

    def max(self, axis: Axis = None, keepdims: bool = False) -> "Plain":
        """The maximum over an axis, or over all."""
        return Plain(np.asarray(self.value.max(axis, keepdims=keepdims)))

    def maximum(self, floor: float) -> "Plain":
        """max(x, floor)."""
        return Plain(np.maximum(self.value, floor))

    def where_positive(self, a: Operand, b: Operand) -> "Plain":
        """a where x > 0, else b."""
        return Plain(np.where(self.value > 0, self.lift(a).value, self.lift(b).value))

    def coarsened(self, precision: Precision) -> "Plain":
        """The numbers rounded to fewer bits."""
        return Plain(precision.rounded(self.value))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.value.shape

    @property
    def T(self) -> "Plain":
        """The transpose."""
        return Plain(self.value.T)

    def reshape(self, *shape: int) -> "Plain":
        """The same entries in another shape."""
        return Plain(self.value.reshape(shape))

    def __getitem__(self, index: Any) -> "Plain":
        return Plain(self.value[index])
