"""Floating-point flags: what they say of a result, and what only of the way to it.

NumPy warns, or raises where np.seterr tells it to, after an operation that left a flag:
overflow, underflow, division by zero, or an invalid number. A flag may say nothing of
the result: BLAS libraries leave some for lanes of a register that they throw away, a
sigmoid passes by 1 + exp(800) = inf on its way to 0, and exp(-800) is 0 as it should
be. So what refnet computes is looked at, and then its flags.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

Given = ParamSpec("Given")
Result = TypeVar("Result")


def quiet_where_finite(compute: Callable[Given, Result]) -> Callable[Given, Result]:
    """The function without NumPy's warnings and errors where every number that it
    returns is finite.

    Where one is not, it is called once more under the caller's own np.errstate, and
    NumPy says of it what it always says.
    """
    noting = np.errstate(all="call", call=_note)(compute)

    @wraps(compute)
    def quiet(*given: Given.args, **settings: Given.kwargs) -> Result:
        before = _last[0]
        result = noting(*given, **settings)
        # looked at only after a flag: that takes longer than all else here
        if _last[0] is before or _is_finite(result):
            return result
        return compute(*given, **settings)

    return quiet


# the last flag that was noted, as an object of its own: a count could miss one of two
# threads, which makes no object equal to an older one
_last = [object()]


def _note(name: str, flag: int) -> None:
    _last[0] = object()


def _is_finite(result: Any) -> bool:
    """Whether an array, a number, or every one of a tuple of them is finite; a layer
    without biases has None for a gradient of them.
    """
    if isinstance(result, tuple):
        return all(map(_is_finite, result))
    return result is None or bool(np.isfinite(result).all())
