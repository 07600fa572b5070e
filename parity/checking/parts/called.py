"""One of somebody's functions, called on copies of arrays; what it returns is read as
an array of the shape that is wanted.
"""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import ismethod
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np

from parity.checking.program.given import Array
from parity.checking.program.guarded import message_of, place_of
from parity.checking.program.origin import attribute
from parity.checking.program.outcome import Problem, Unreadable
from parity.checking.program.reading import LARGEST, array_of, kind_of

Shape: TypeAlias = tuple[int, ...]
# where functions are called for their owner, who does not look for a mistake there
PARITY = Path(__file__).parents[2]
OURS = (PARITY / "checking" / "parts", PARITY / "steps" / "pytorch")


class Called:
    """A function in its role, as in "derivative".

    Of its arguments it may change the one that it `spends`: dC/da is of no use any
    more, once it has gone backward.
    """

    def __init__(self, role: str, function: Callable[..., Any], spends: int | None = None) -> None:
        name = named(function, role)
        self.where = role if name == role else f"{role} ({name})"
        self._function, self._spends = function, spends

    def __call__(self, *given: Any, want: str, **named: Any) -> Any:
        """What it returns.

        Errors: Unreadable where it raises an exception, but for NotImplementedError,
            and where it changes what others still read.
        """
        copies = [_copy(each) for each in given]
        kept = [each for i, each in enumerate(copies) if i != self._spends]
        before = [*map(_bytes, kept)]
        returned = self.called(*copies, want=want, **named)
        if before != [*map(_bytes, kept)]:
            raise Unreadable(self.where, "changes an array that it is given", "arrays to read")
        return returned

    def called(self, *given: Any, want: str, **named: Any) -> Any:
        """The same without copies: what it is given, it may change."""
        try:
            return self._function(*given, **named)
        except NotImplementedError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's may raise anything
            got = f"raised {place_of(_beyond_here(error))}"
            raise Unreadable(self.where, got, want, detail=message_of(error)) from None

    def array(self, *given: Any, shapes: Sequence[Shape]) -> Array:
        """What it returns as an array of one of these shapes; () is a number."""
        return self.read(self(*given, want=in_words(shapes)), *shapes)

    def read(self, value: Any, *shapes: Shape, name: str = "") -> Array:
        """Something that it returned, as an array of one of these shapes.

        Errors: Unreadable where it is none.
        """
        verb, want = f"{name} is" if name else "returned", in_words(shapes)
        if value is None:  # which NumPy would read as NaN
            raise Unreadable(self.where, f"{verb} {kind_of(value)}", want)
        array = array_of("it", value, LARGEST)
        if isinstance(array, Problem):
            got = array.got.removeprefix("it has ")
            raise Unreadable(self.where, f"{verb} {got}", want, array.advice)
        same = [shape for shape in shapes if _is_as_large(array, shape)]
        if not same:
            raise Unreadable(self.where, f"{verb} {in_words([array.shape])}", want)
        return array.reshape(same[0])


def _is_as_large(array: Array, shape: Shape) -> bool:
    """Whether it has the shape, or is a row or a column in the place of a vector, or an
    array of one entry in that of a number.
    """
    one_row = array.ndim == 2 and 1 in array.shape and len(shape) == 1
    return array.shape == shape or (array.size == prod(shape) and (one_row or not shape))


def named(function: Any, otherwise: str) -> str:
    """The name of a function or an object; that of a lambda is none."""
    if isinstance(function, partial):
        return named(function.func, otherwise)
    if ismethod(function):
        return f"{type(function.__self__).__name__}.{function.__name__}"
    name = attribute(function, "__name__") or type(function).__name__
    return name if isinstance(name, str) and name.isidentifier() else otherwise


def in_words(shapes: Sequence[Shape]) -> str:
    """As in "an array of shape (5, 3)"."""
    return " or ".join(f"an array of shape {shape}" if shape else "one number" for shape in shapes)


def _copy(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.ndarray) else value


def _bytes(value: Any) -> bytes:
    return value.tobytes() if isinstance(value, np.ndarray) else b""


def _beyond_here(error: BaseException) -> BaseException:
    """The exception without the frames through which the function was called."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace):
        trace = trace.tb_next
    return error.with_traceback(trace)


def _is_ours(trace: TracebackType) -> bool:
    return Path(trace.tb_frame.f_code.co_filename).parent in OURS
