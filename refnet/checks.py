"""Checks of arguments and of the numbers of a step, and their error sentences:
*where: what has got, expected want*.

No check changes its argument; it returns the argument itself where that already fits.
"""

from collections.abc import Callable, Iterator, Mapping
from math import inf, isfinite
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
T = TypeVar("T")

# entries checked at a time, 2 MiB in float64, so that a check never holds a whole
# memory-mapped array
CHUNK = 2**18


def number(
    where: str, name: str, value: object, low: float = -np.inf, below: float = np.inf
) -> float:
    """`value` as a Python float with low <= value < below. (A NumPy float64 would
    promote float32 arrays.)
    """
    if isinstance(value, bool | np.bool) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise TypeError(f"{where}: {name} has type {type(value).__name__}, expected a number")
    try:
        result = float(value)
    except OverflowError:  # an int beyond every float
        result = inf
    if not isfinite(result) or not low <= result < below:
        bounds = [f">= {low:g}"] * (low > -np.inf) + [f"< {below:g}"] * (below < np.inf)
        raise ValueError(
            f"{where}: {name} has {value}, expected a finite number {' and '.join(bounds)}".rstrip()
        )
    return result


def flag(where: str, name: str, value: object) -> bool:
    """`value` as a Python bool. Numbers are refused, 0 and 1 too, as `number` and
    `integer` refuse booleans; so is text, of which "False" would be true.
    """
    if not isinstance(value, bool | np.bool):
        raise TypeError(f"{where}: {name} has {value!r}, expected True or False")
    return bool(value)


def integer(where: str, name: str, value: object, low: int) -> int:
    """`value` as a Python int >= low."""
    if isinstance(value, bool | np.bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{where}: {name} has type {type(value).__name__}, expected an integer")
    if value < low:
        raise ValueError(f"{where}: {name} has {value}, expected an integer >= {low}")
    return int(value)


def float_dtype(where: str, dtype: Any) -> np.dtype[Any]:
    """float32 or float64, in the machine's own byte order."""
    try:
        kind = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        raise TypeError(f"{where} has {dtype!r}, expected 'float32' or 'float64'") from None
    if kind not in (np.float32, np.float64):
        raise TypeError(f"{where} has {kind}, expected float32 or float64")
    return kind


def instance(where: str, name: str, value: object, kind: type[T]) -> T:
    """`value`, which must be an object of the class `kind` or of a subclass. A private
    protocol, _Network, stands for the class of that name.
    """
    # a class has all that a protocol asks for
    if isinstance(value, kind) and not isinstance(value, type):
        return value
    shown = f"class {value.__name__}" if isinstance(value, type) else f"type {type(value).__name__}"
    raise TypeError(f"{where}: {name} has {shown}, expected {kind.__name__.removeprefix('_')}")


def named(kind: str, base: type[T], known: Mapping[str, type[T]], given: object) -> T:
    """An object of the base class: `given` itself, or a new one where it is the name
    of a known class.
    """
    if isinstance(given, base):
        return given
    if isinstance(given, str):
        if given not in known:
            raise ValueError(f"{kind}: name has {given!r}, expected one of {', '.join(known)}")
        return known[given]()
    shown = given.__name__ if isinstance(given, type) else repr(given)
    raise TypeError(
        f"{kind}: has {shown}, expected an object or one of the names {', '.join(known)}"
    )


def real_array(where: str, values: ArrayLike) -> Array:
    """`values` as an array of real numbers: booleans, integers or floats of any width.
    Objects, text, complex numbers and sparse matrices are refused.
    """
    _refuse_sparse(where, values)
    if np.ma.is_masked(values):
        raise ValueError(f"{where} has masked entries, expected every entry given")
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(
            f"{where} has rows of different lengths, expected a rectangular array"
        ) from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{where} has dtype {array.dtype}, expected real numbers")
    return array


def _refuse_sparse(where: str, values: object) -> None:
    # by what all of SciPy's have, as SciPy is not imported
    if hasattr(values, "toarray") and (hasattr(values, "tocsr") or hasattr(values, "nnz")):
        raise TypeError(
            f"{where} is sparse ({type(values).__name__}), expected a dense array: "
            f"{_argument(where)}.toarray()"
        )


def _argument(where: str) -> str:
    """What the caller's argument is called, which `where` ends with: x is the input of
    a layer.
    """
    name = where.rsplit(maxsplit=1)[-1]
    return "x" if name == "input" else name


def as_dtype(where: str, array: Array, dtype: np.dtype[Any], first_row: int = 0) -> Array:
    """`array` in `dtype`: floats rounded once, booleans and integers exactly or not at
    all. It is part of a larger one that has `first_row` rows before it.
    """
    with np.errstate(all="ignore"):  # an overflow becomes inf, which finite() reports
        converted = array.astype(dtype, copy=False)
    if array.dtype.kind in "iu" and array.size:
        exact = 2 ** (np.finfo(dtype).nmant + 1)
        if int(array.max()) > exact or int(array.min()) < -exact:
            for index in np.ndindex(array.shape):
                if int(array[index]) != int(converted[index]):
                    at = place((first_row + index[0], *index[1:]))
                    raise ValueError(
                        f"{where} has {array[index]} at {at}, expected integers that {dtype} "
                        f"holds exactly"
                    )
    return converted


def place(index: tuple[int, ...]) -> str:
    """An index in words: row, then column."""
    return (
        ", ".join(f"{axis} {i}" for axis, i in zip(("row", "column", "axis"), index, strict=False))
        or "its only entry"
    )


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 layer", "2 layers"; `plural` where it takes more than
    an s.
    """
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def chunks(array: Array) -> Iterator[tuple[int, Array]]:
    """Runs of rows of about CHUNK entries, each with the index of its first row."""
    rows = max(1, CHUNK * len(array) // max(1, array.size))
    for start in range(0, len(array), rows):
        yield start, array[start : start + rows]


def finite(where: str, array: Array, dtype: np.dtype[Any] | None = None) -> Array:
    """`array`, refused where an entry is not finite, before or after conversion to
    `dtype`; it is checked part by part.
    """
    for start, given in chunks(array):
        part = given if dtype is None else as_dtype(where, given, dtype, start)
        good = np.isfinite(part)
        if not good.all():
            index = tuple(int(i) for i in np.argwhere(~good)[0])
            raise ValueError(
                f"{where} has {part[index]} at {place((start + index[0], *index[1:]))}, expected "
                f"finite values"
            )
    return array


def squares_are_finite(vector: Array) -> bool:
    """A cheap test in one pass: a finite sum of squares has finite terms. A sum that
    overflows proves nothing.
    """
    return isfinite(vector.dot(vector))


def refuse_nonfinite(
    what: str, vector: Array, entry: Callable[[int], tuple[int, str, tuple[int, ...]]]
) -> None:
    """Refuse the first entry of a flat vector that is not finite; `entry` tells its
    layer, array and index.
    """
    bad = np.flatnonzero(~np.isfinite(vector))
    if bad.size:
        layer, array, index = entry(int(bad[0]))
        raise FloatingPointError(
            f"layer {layer}: {what} of {array} has {vector[bad[0]]} at {list(index)}, expected "
            f"finite values; no parameter was changed"
        )


def fitting(whose: object, what: str, given: ArrayLike, like: Array) -> Array:
    """`given`, what a method of one's own returned, as an array; refused where its
    shape is not that of `like`, or where the dtype of `like` cannot hold its numbers
    exactly.
    """
    array = np.asarray(given)
    holds = array.dtype == like.dtype or np.can_cast(array.dtype, like.dtype, "safe")
    if array.shape != like.shape or not holds:
        raise ValueError(
            f"{whose}: {what} has {array.shape} {array.dtype}, expected {like.shape} {like.dtype}"
        )
    return array


def only_number(where: str, given: object) -> float:
    """`given`, what a method of one's own returned, as a Python float, finite or
    not.
    """
    array = np.asarray(given)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{where} has type {type(given).__name__}, expected a number")
    if array.shape != ():
        raise ValueError(f"{where} has shape {array.shape}, expected a single number")
    return float(array)


def matrix(
    where: str, values: ArrayLike, dtype: np.dtype[Any], expected: tuple[int | str, int]
) -> Array:
    """`values` as a finite array of the shape `expected`, (n, width), in `dtype`; the
    text "n" stands for any number of rows from 1 on.

    A memory-mapped array is checked part by part and returned as it is: its reader
    converts it batch by batch. Any other array comes back C-contiguous, as products of
    other layouts may differ in the last bits.
    """
    array = real_array(where, values)
    want = f"({expected[0]}, {expected[1]})"
    if array.ndim != 2 or array.shape[1] != expected[1] or expected[0] not in ("n", len(array)):
        raise ValueError(f"{where} has shape {array.shape}, expected {want}")
    if len(array) == 0:
        raise ValueError(f"{where} has shape {array.shape}, expected {want} with at least one row")
    if isinstance(values, np.memmap):
        return finite(where, array, dtype)
    return finite(where, np.ascontiguousarray(as_dtype(where, array, dtype)))


def row_weights(where: str, values: ArrayLike, rows: int, dtype: np.dtype[Any]) -> Array:
    """`values` as finite weights >= 0, one for each row and not all of them 0, in
    `dtype`.
    """
    array = real_array(where, values)
    if array.shape != (rows,):
        raise ValueError(f"{where} has shape {array.shape}, expected ({rows},)")
    weights = np.ascontiguousarray(finite(where, as_dtype(where, array, dtype)))
    if (weights < 0).any():
        row = int(np.flatnonzero(weights < 0)[0])
        raise ValueError(f"{where} has {weights[row]:g} at row {row}, expected weights >= 0")
    if not weights.any():
        raise ValueError(f"{where} has the sum 0, expected at least one weight > 0")
    return weights


def within_unit_interval(where: str, array: Array) -> Array:
    """`array`, refused where an entry is outside [0, 1]."""
    for start, part in chunks(array):
        # .real, as gradient_check's complex step adds a tiny imaginary part
        bad = (part.real < 0) | (part.real > 1)
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            raise ValueError(
                f"{where} has {part[index]:g} at {place((start + index[0], *index[1:]))}, "
                f"expected values in [0, 1]"
            )
    return array


def distributions(where: str, array: Array, eps: float) -> Array:
    """`array`, refused where a row is no distribution: entries in [0, 1] that sum to 1
    up to rounding. `eps` is that of the coarsest dtype they passed through.

    With k rounded entries and a sum of k terms the sum is off by at most
    k u + (k - 1) u, where u = eps / 2, and that is less than k eps.
    """
    within_unit_interval(where, array)
    slack = array.shape[1] * eps
    for start, part in chunks(array):
        total = part.sum(axis=1)
        bad = np.flatnonzero(abs(total - 1) > slack)
        if bad.size:
            at = f"at row {start + bad[0]}"
            raise ValueError(
                f"{where} has the sum {total[bad[0]]:.8g} {at}, expected 1 (each row a "
                f"distribution)"
            )
    return array


def numbers_of_classes(where: str, values: ArrayLike, classes: int) -> Array:
    """`values` as an array of real numbers; where they are text, the sentence says how
    to number the classes.
    """
    try:
        return real_array(where, values)
    except TypeError:
        array = np.asarray(values)
        if not _has_text(array):
            raise
    name = _argument(where)
    raise TypeError(
        f"{where} has labels of dtype {array.dtype}, expected integers 0 to {classes - 1}: "
        f"classes, {name} = numpy.unique({name}, return_inverse=True)"
    )


def _has_text(array: Array) -> bool:
    """Whether it is of text, or of objects with text among them, as pandas has it."""
    if array.dtype.kind == "O":
        return any(isinstance(entry, str) for entry in array.flat)
    return array.dtype.kind in "UST"


def _whole(array: Array) -> bool:
    """Whether every entry is an integer, in a dtype of floats."""
    return bool((np.isfinite(array) & (array == np.floor(array))).all())


def class_labels(where: str, array: Array, classes: int, ignored: int | None = None) -> Array:
    """`array`, refused where an entry is no integer in 0..classes-1, nor the one that
    is ignored.
    """
    if array.dtype.kind not in "biu":
        remedy = f": {_argument(where)}.astype(int)" if _whole(array) else ""
        raise TypeError(f"{where} has labels of dtype {array.dtype}, expected integers{remedy}")
    bad = np.flatnonzero(((array < 0) | (array >= classes)) & (array != ignored))
    if bad.size:
        raise ValueError(
            f"{where} has label {array[bad[0]]} at row {bad[0]}, expected 0 to {classes - 1}"
        )
    return array.astype(np.intp, copy=False)
