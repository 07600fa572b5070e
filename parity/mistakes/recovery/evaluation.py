"""What a tree gives: its operations on numbers of any kind.

Arrays are Plain or Bounded. Scalars are longdouble, so that what depends on settings
alone adds no error that counts.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from parity.mistakes.recovery.expression import Detail, Expression, Read
from parity.mistakes.slots import Numbers
from parity.proof import formulas
from parity.rounding.bounded import positive

Memo = dict[Expression, Any]


def evaluate(tree: Expression, read: Read, memo: Memo) -> Numbers:
    """The numbers of a tree, whose names `read` reads; what is in the memo is not
    computed again.

    Errors: ValueError or IndexError where the shapes do not fit, or a name means
    nothing here.
    """
    if tree not in memo:
        operation = OPERATIONS.get(tree.op)
        memo[tree] = (
            read(tree)
            if operation is None
            else operation(tree.detail, *(evaluate(part, read, memo) for part in tree.parts))
        )
    return memo[tree]


def _is_scalar(x: Any) -> bool:
    return not hasattr(x, "value")


def array(x: Any) -> Any:
    """An operand that has to be an array.

    Errors: ValueError for a number.
    """
    if _is_scalar(x):
        raise ValueError("formula: a scalar stands where an array is due")
    return x


def _function(name: str, of_scalar: Callable[[Any], Any]) -> Callable[..., Numbers]:
    def operation(detail: Detail, x: Any) -> Numbers:
        return of_scalar(x) if _is_scalar(x) else getattr(x, name)()

    return operation


def _added(detail: Detail, x: Any, y: Any) -> Numbers:
    return y + x if _is_scalar(x) else x + y


def _subtracted(detail: Detail, x: Any, y: Any) -> Numbers:
    return -y + x if _is_scalar(x) else x - y


def _times(detail: Detail, x: Any, y: Any) -> Numbers:
    return y * x if _is_scalar(x) else x * y


def _divided(detail: Detail, x: Any, y: Any) -> Numbers:
    return y.lift(x) / y if _is_scalar(x) and not _is_scalar(y) else x / y


def _matrices(detail: Detail, A: Any, B: Any) -> Numbers:
    if array(A).value.ndim != 2 or array(B).value.ndim != 2:
        raise ValueError("formula: the operands of a matrix product are no matrices")
    return A @ B


def _power(detail: Detail, x: Any, y: Any) -> Numbers:
    """x^y; of arrays with a sign, the sign of x times |x|^y where y is no whole
    number.
    """
    if not _is_scalar(y):
        raise ValueError("formula: an array stands in an exponent")
    if _is_scalar(x):
        return x**y
    exponent = float(y)
    if exponent.is_integer() and 1 <= exponent <= 4:
        result = x
        for _ in range(int(exponent) - 1):
            result = result * x
        return result
    if exponent == 0.5:
        return formulas.root(x)
    return (x.maximum(0.0).log() * exponent).exp()


def _along(name: str) -> Callable[..., Numbers]:
    def operation(detail: Detail, x: Any) -> Numbers:
        axis, keepdims = detail
        if axis is not None and axis >= array(x).value.ndim:
            raise ValueError("formula: an array without this axis")
        return getattr(array(x), name)(axis=axis, keepdims=keepdims)

    return operation


def _mean(detail: Detail, x: Any) -> Numbers:
    total = _along("sum")(detail, x)
    count = x.value.size if detail[0] is None else x.shape[detail[0]]
    return total * (1.0 / max(count, 1))


def _rows(detail: Detail, x: Any) -> Numbers:
    """The same array with zeros in all rows but these."""
    start, end, stride = detail
    chosen = np.zeros((array(x).shape[0], *[1] * (x.value.ndim - 1)))
    chosen[start:end:stride] = 1.0
    if x.value.ndim < 2 or chosen.all():
        raise ValueError("formula: these are all the rows")
    return x * chosen


def _units(detail: Detail, x: Any) -> Numbers:
    """The same array with zeros in all units but these."""
    start, end, stride = detail
    chosen = np.zeros(array(x).shape[-1])
    chosen[start:end:stride] = 1.0
    return x * chosen


def _flipped(detail: Detail, x: Any) -> Numbers:
    return array(x)[
        tuple(slice(None, None, -1 if i == detail[0] else 1) for i in range(x.value.ndim))
    ]


def _rolled(detail: Detail, x: Any) -> Numbers:
    """Each row, or each unit, where the next one is due."""
    axis, shift = detail
    if array(x).value.ndim <= axis:
        raise ValueError("formula: an array without this axis")
    order = np.roll(np.arange(x.shape[axis]), shift)
    return x[order] if axis == 0 else x[:, order]


def _where(detail: Detail, z: Any, a: Any, b: Any) -> Numbers:
    return positive(array(z), *(z.lift(float(c)) if _is_scalar(c) else c for c in (a, b)))


def _sign(detail: Detail, x: Any) -> Numbers:
    return np.sign(x) if _is_scalar(x) else positive(x, 1.0, positive(-x, -1.0, 0.0))


def _maximum(detail: Detail, x: Any, floor: Any) -> Numbers:
    if _is_scalar(x):
        return max(x, floor) if _is_scalar(floor) else array(x)
    if _is_scalar(floor):
        return x.maximum(float(floor)) if float(floor) else positive(x, x, 0.0)
    return positive(x - floor, x, floor)


def _minimum(detail: Detail, x: Any, ceiling: Any) -> Numbers:
    return -_maximum(detail, -x, -ceiling)


def _clipped(detail: Detail, x: Any, limit: Any) -> Numbers:
    return _maximum(detail, _minimum(detail, array(x), limit), -limit)


def _norm(detail: Detail, x: Any) -> Numbers:
    return formulas.root((array(x) * x).sum(axis=detail[0], keepdims=detail[0] is not None))


def _softmax(detail: Detail, z: Any) -> Numbers:
    if array(z).value.ndim != 2:
        raise ValueError("formula: softmax of what is no matrix")
    return formulas.softmax(z) if detail != (0,) else formulas.softmax(z.T).T


OPERATIONS: dict[str, Callable[..., Numbers]] = {
    "number": lambda detail: np.longdouble(detail[0]),
    "+": _added,
    "-": _subtracted,
    "*": _times,
    "/": _divided,
    "@": _matrices,
    "**": _power,
    "T": lambda detail, x: array(x).T,
    "negative": lambda detail, x: -x,
    "abs": lambda detail, x: abs(x),
    "square": lambda detail, x: x * x,
    "ones": lambda detail, x: array(x) * 0.0 + 1.0,
    "sign": _sign,
    "exp": _function("exp", np.exp),
    "log": _function("log", np.log),
    "log1p": _function("log1p", np.log1p),
    "tanh": _function("tanh", np.tanh),
    "sigmoid": _function("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    "sqrt": lambda detail, x: np.sqrt(x) if _is_scalar(x) else formulas.root(x),
    "softmax": _softmax,
    "sum": _along("sum"),
    "mean": _mean,
    "max": _along("max"),
    "norm": _norm,
    "rows": _rows,
    "units": _units,
    "flipped": _flipped,
    "rolled": _rolled,
    "maximum": _maximum,
    "minimum": _minimum,
    "clip": _clipped,
    "positive": _where,
    ">": lambda detail, x, y: array(x).value > (float(y) if _is_scalar(y) else y.value),
    "entries": lambda detail, x, chosen: array(x)[chosen],
}
