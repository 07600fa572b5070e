"""Arrays that carry an error bound: a formula, written once, also computes the bound of
its result.

Two uses. *Propagation*: if x is known to within an error, f(x) is known to within the
error that f makes of it; so the errors of one equation are carried through the
equations above it, with the magnitudes that occurred. *Rounding*: each operation adds
what a program of the dtype may lose in it; so a variant of an equation, right or wrong,
is judged by the bound of its own formula.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from parity.rounding.formats import Format
from parity.rounding.precision import Precision

Array: TypeAlias = NDArray[Any]
Operand: TypeAlias = "Bounded | Array | float | np.floating[Any]"
Axis: TypeAlias = int | tuple[int, ...] | None

FLOAT64 = np.finfo(np.float64)
# a number that overflows or leaves its domain gets an infinite error, not a warning
quietly = np.errstate(all="ignore")


@dataclass(frozen=True, eq=False)
class Bounded:
    """Every number x with |x - value| <= error, entry by entry.

    An operation on such numbers gives |f(x) - f(value)| for every x admitted, second
    order included, and adds, in units of u:

        + -              |result|
        * /              |result|, and tiny
        A @ B            k |A| |B|, and k tiny, for inner dimension k, in any order of
                         summation, with or without FMA
        sum of n         (n - 1) sum |x|
        exp log log1p tanh sigmoid sqrt
                         E_f |f|, and tiny where f can underflow; E_f is the format's
        - abs max maximum positive .T [] reshape
                         nothing

    each at the largest magnitudes that the errors admit. `tiny` covers underflow and
    flushing to zero. It is not added where a factor is exactly 0, so a dead unit stays
    exactly 0. In propagation u is the unit of the wider format, in which `value` itself
    is computed; with `rounded` the dtype's unit is added.

    `value` is always finite and `error` never NaN. A number that is not finite becomes
    0 with an infinite error. A number too large for the dtype has an infinite error
    too, and so has every result of such numbers, except of a branch that is not taken.
    Bounds are themselves rounded, so each is widened by more roundings of the wider
    format than it took, which is negligible.

    An array or a Python float counts as exact. With `rounded` a program may read it
    rounded once into the dtype, and both numbers are admitted: 0.1 costs |0.1 -
    float32(0.1)| in float32; 2.0 and any array of the dtype cost nothing.

    Shapes: value any, error as value or broadcast to it; both are stored in the wider
        format.
    Errors: ValueError for a negative error, for operands of different formats, and for
        a matrix product of operands that are no matrices or do not fit.
    Source: Higham, Accuracy and Stability of Numerical Algorithms (2002), sections 2.2
        and 3.1; Jeannerod and Rump, Improved error bounds for inner products in
        floating-point arithmetic (2013), for k u where the textbooks have k u / (1 - k
        u).
    """

    value: Array
    error: Array
    format: Format
    rounded: bool = False

    __array_ufunc__: ClassVar[None] = None  # an ndarray on the left leaves the operation to us

    def __post_init__(self) -> None:
        value, error = self.format.widen(self.value), self.format.widen(self.error)
        if (error < 0).any():
            raise ValueError(f"Bounded: error has {error.min()}, expected at least 0")
        if error.shape == () != value.shape:
            error = np.full(value.shape, error)  # ten times as fast as a broadcast
        elif value.shape != error.shape:
            value, error = np.broadcast_arrays(value, error)
        self._keep(value, error)

    def _keep(self, value: Array, error: Array) -> None:
        known = np.isfinite(value) & (error == error)  # noqa: PLR0124 - NaN is not itself
        if not known.all():
            value, error = np.where(known, value, 0), np.where(known, error, np.inf)
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "error", error)

    @property
    def unit(self) -> Any:
        """The relative error of one rounding, as a number of the wider format, in which
        1 + unit is not 1.
        """
        return self.format.units[self.rounded]

    @property
    def tiny(self) -> float:
        """The largest error by underflow: here, as errors are multiplied in float64,
        and in a program of the dtype.
        """
        return float(FLOAT64.tiny) + self.format.tiny * self.rounded

    @property
    def reach(self) -> Array:
        """The largest magnitude admitted, |value| + error."""
        return np.abs(self.value) + self.error

    @property
    def _wide_unit(self) -> Any:
        return self.format.units[False]

    @quietly
    def lift(self, other: Operand) -> "Bounded":
        """The other operand in the same arithmetic: an array or a Python float as the
        exact number it is.
        """
        if isinstance(other, Bounded):
            # identity is the quick test, and nearly always decides
            same = other.format is self.format or other.format == self.format
            if not same or other.rounded != self.rounded:
                raise ValueError(
                    f"Bounded: operand has {other.arithmetic}, expected {self.arithmetic}"
                )
            return other
        value = self.format.widen(other)
        read = value.astype(self.format.dtype) if self.rounded else value
        return self.like(value=value, error=np.abs(value - read))

    @property
    def arithmetic(self) -> str:
        """The dtype, and whether its rounding is counted."""
        return f"{self.format.dtype} {'with' if self.rounded else 'without'} rounding"

    def like(self, value: Array, error: Array | None = None) -> "Bounded":
        """Other numbers in the same arithmetic; by default with the same error."""
        # Past the checks of __init__, which cost more than the operation: the arrays
        # are in the wider format and of one shape, and no error is negative.
        result = object.__new__(Bounded)
        object.__setattr__(result, "format", self.format)
        object.__setattr__(result, "rounded", self.rounded)
        result._keep(value, self.error if error is None else error)
        return result

    def _computed(
        self,
        value: Array,
        error: Array,
        roundings: float = 1,
        size: Array | None = None,
        underflow: Any = 0.0,
    ) -> "Bounded":
        """The result of an operation: its inherited error, its roundings of terms of
        this size, underflow, and the roundings of the bound itself.
        """
        # no operation below takes more than 32 operations besides its own roundings to
        # compute its bound
        size = np.abs(value) + error if size is None else size
        error = (error + roundings * self.unit * size + underflow) * (
            1 + (roundings + 32) * self._wide_unit
        )
        overflows = size * (1 + roundings * self.unit) > (
            self.format.largest if self.rounded else np.inf
        )
        return self.like(
            value=value, error=np.where(overflows, np.inf, error) if overflows.any() else error
        )

    @quietly
    def __add__(self, other: Operand) -> "Bounded":
        x, y = self, self.lift(other)
        return self._computed(x.value + y.value, x.error + y.error)

    @quietly
    def __mul__(self, other: Operand) -> "Bounded":
        x, y = self, self.lift(other)
        error = np.abs(x.value) * y.error + x.error * y.reach
        return self._computed(
            x.value * y.value, error, underflow=self.tiny * ((x.reach > 0) & (y.reach > 0))
        )

    @quietly
    def __truediv__(self, other: Operand) -> "Bounded":
        x, y = self, self.lift(other)
        q, room, underflow = x.value / y.value, np.abs(y.value) - y.error, self.tiny * (x.reach > 0)
        # x'/y' - q = (dx - q dy) / y'; q dy might underflow, q (dy / y') does not
        error = x.error / room + np.abs(q) * (y.error / room)
        return self._computed(q, np.where(room > 0, error, np.inf), underflow=underflow)

    @quietly
    def __matmul__(self, other: Operand) -> "Bounded":
        A, B = self, self.lift(other)
        if A.value.ndim != 2 or B.value.ndim != 2 or A.shape[1] != B.shape[0]:
            raise ValueError(
                f"Bounded @: operands have shapes {A.shape} and {B.shape}, expected (n, k) and "
                f"(k, m)"
            )
        error = _product(np.abs(A.value), B.error) + _product(A.error, B.reach)
        underflow = self.tiny * _product(A.reach > 0, B.reach > 0)
        return self._computed(
            A.value @ B.value, error, A.shape[1], _product(A.reach, B.reach), underflow
        )

    def __neg__(self) -> "Bounded":
        return self.like(value=-self.value)

    def __abs__(self) -> "Bounded":
        return self.like(value=np.abs(self.value))

    def __sub__(self, other: Operand) -> "Bounded":
        return self + -self.lift(other)

    def __radd__(self, other: Operand) -> "Bounded":
        return self.lift(other) + self

    def __rsub__(self, other: Operand) -> "Bounded":
        return self.lift(other) - self

    def __rmul__(self, other: Operand) -> "Bounded":
        return self.lift(other) * self

    def __rtruediv__(self, other: Operand) -> "Bounded":
        return self.lift(other) / self

    def __rmatmul__(self, other: Operand) -> "Bounded":
        return self.lift(other) @ self

    @quietly
    def exp(self) -> "Bounded":
        """e^x: moves by at most e^(x + error) (1 - e^-error)."""
        highest = np.nextafter(self.value + self.error, np.inf)
        error = np.exp(highest) * -np.expm1(-self.error)
        return self._computed(np.exp(self.value), error, self.format.exp, underflow=self.tiny)

    @quietly
    def log(self) -> "Bounded":
        """log x: moves by at most log(x / (x - error)); infinite where x may not be
        positive.
        """
        room = self.value - self.error
        error = np.where(room > 0, np.log1p(self.error / room), np.inf)
        # near x = 1 the bound itself may fall below the smallest normal number
        underflow = float(FLOAT64.tiny) * (self.error > 0)
        return self._computed(np.log(self.value), error, self.format.log, underflow=underflow)

    @quietly
    def log1p(self) -> "Bounded":
        """log(1 + x): as log of 1 + x; infinite where that may not be positive."""
        # a lower bound, whatever the roundings of 1 + x
        room = (1 + self.value) * (1 - 4 * self._wide_unit) - self.error
        error = np.where(room > 0, np.log1p(self.error / room), np.inf)
        return self._computed(
            np.log1p(self.value), error, self.format.log, underflow=self.tiny * (self.reach > 0)
        )

    @quietly
    def tanh(self) -> "Bounded":
        """tanh x: moves by at most error / cosh^2, its steepest slope."""
        error = self.error / np.cosh(self._nearest_zero) ** 2
        return self._computed(
            np.tanh(self.value), error, self.format.tanh, underflow=self.tiny * (self.reach > 0)
        )

    @quietly
    def sigmoid(self) -> "Bounded":
        """1 / (1 + e^-x), from whichever formula: moves by at most error / (4
        cosh^2(x / 2)), its steepest slope.
        """
        error = self.error / (2 * np.cosh(self._nearest_zero / 2)) ** 2
        return self._computed(
            1 / (1 + np.exp(-self.value)), error, self.format.sigmoid, underflow=self.tiny
        )

    @property
    def _nearest_zero(self) -> Array:
        """The smallest |x| admitted, where tanh and sigmoid are steepest."""
        return np.maximum(np.abs(self.value) - self.error, 0)

    @quietly
    def sqrt(self) -> "Bounded":
        """The root of x: moves by at most sqrt x - sqrt(x - error), also down to 0;
        infinite where x may be negative.
        """
        room = self.value - self.error
        error = np.where(self.error > 0, self.error / (np.sqrt(self.value) + np.sqrt(room)), 0)
        return self._computed(
            np.sqrt(self.value), np.where(room >= 0, error, np.inf), self.format.sqrt
        )

    @quietly
    def sum(self, axis: Axis = None, keepdims: bool = False) -> "Bounded":
        """The sum over an axis, or over all."""
        value, error, size = (
            np.asarray(x.sum(axis, keepdims=keepdims)) for x in (self.value, self.error, self.reach)
        )
        return self._computed(value, error, self.value.size // max(value.size, 1) - 1, size)

    @quietly
    def max(self, axis: Axis = None, keepdims: bool = False) -> "Bounded":
        """The maximum over an axis, or over all: off by the error of the largest entry,
        or by as much as another entry may exceed it.
        """
        largest = self.value.max(axis, keepdims=True)
        below, inflation = largest - self.value, 4 * self._wide_unit
        error = ((self.error - below * (1 - inflation)) * (1 + inflation)).max(
            axis, keepdims=keepdims
        )
        return self.like(value=largest.max(axis, keepdims=keepdims), error=error)

    @quietly
    def maximum(self, floor: float) -> "Bounded":
        """max(x, floor): where x may lie on either side, the numbers from the floor up
        to the largest x are admitted.
        """
        c = self.lift(floor)
        high = np.nextafter(self.value + self.error, np.inf)
        straddles = (self.value - self.error < c.value) & (c.value < high)
        half = (high - c.value) / 2
        # c + half is exact at a floor of 0
        slop = 4 * self._wide_unit * (np.abs(c.value) + half) * (c.value != 0)
        error = (
            np.where(straddles, half + slop, np.where(self.value >= c.value, self.error, 0))
            + c.error
        )
        return self.like(
            value=np.where(straddles, c.value + half, np.maximum(self.value, c.value)), error=error
        )

    @quietly
    def where_positive(self, a: Operand, b: Operand) -> "Bounded":
        """`positive(self, a, b)`."""
        a, b = self.lift(a), self.lift(b)
        above, either = self.value > 0, (self.error > 0) & (np.abs(self.value) <= self.error)
        value = np.where(above, a.value, b.value)
        farther = np.maximum(
            a.error + np.abs(a.value - value), b.error + np.abs(b.value - value)
        ) * (1 + 4 * self.unit)
        return self.like(
            value=value, error=np.where(either, farther, np.where(above, a.error, b.error))
        )

    @quietly
    def coarsened(self, precision: Precision) -> "Bounded":
        """The numbers rounded to fewer bits: between those of the least and of the
        largest one, for rounding keeps the order.
        """
        low, high = (
            self.format.widen(precision.rounded(end.astype(self.format.dtype)))
            for end in (self.value - self.error, self.value + self.error)
        )
        return self.like(value=(low + high) / 2, error=(high - low) / 2)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of value and error."""
        return self.value.shape

    @property
    def T(self) -> "Bounded":
        """The transpose."""
        return self.like(value=self.value.T, error=self.error.T)

    def reshape(self, *shape: int) -> "Bounded":
        """The same entries in another shape."""
        return self.like(value=self.value.reshape(shape), error=self.error.reshape(shape))

    def __getitem__(self, index: Any) -> "Bounded":
        return self.like(value=self.value[index], error=self.error[index])


def positive(z: Any, a: Any, b: Any) -> Any:
    """a where z > 0, else b.

    Where z may have either sign, the value follows z.value and the error covers both
    branches. A z of exactly 0 is not positive. Shapes: z, a, b broadcast.
    """
    return z.where_positive(a, b)


def _product(A: Array, B: Array) -> Array:
    """An upper bound on A B of nonnegative A (n, k) and B (k, m), but for underflow: a
    product in float64 of operands rounded up.
    """
    return _up(A) @ _up(B) * (1 + (A.shape[1] + 1) * float(FLOAT64.eps))


def _up(A: Array) -> Array:
    """A in float64, rounded up."""
    if np.can_cast(A.dtype, np.float64):
        return A.astype(np.float64, copy=False)
    rounded = A.astype(np.float64)
    return np.where(rounded < A, np.nextafter(rounded, np.inf), rounded)
