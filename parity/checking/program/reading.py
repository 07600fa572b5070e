"""What somebody's `run` gives back, read as plain arrays: whatever is returned, the
reading ends with arrays and problems.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from parity.checking.program.given import Array, GivenTask
from parity.checking.program.outcome import WRONG, Key, Problem
from parity.checking.program.text import printable

LISTS = ("z", "a", "delta", "dW", "db", "W", "b")  # one array per layer
KEYS = ("output", "loss", *LISTS)
# entries of an array, 800 kB of float64: what no task has, unless wider layers than
# hundreds are declared; and then, so many times what the task's largest array has
LARGEST, WIDER = 10**5, 2
SMALL = "an array of real numbers, as small as the task's"
PER_LAYER = "a list of one array per layer"
Read: TypeAlias = "tuple[Key, Array] | Problem"
Start: TypeAlias = Mapping[str, list[Array]]  # of "W" and "b", by layer


def read(returned: Any, task: GivenTask, start: Start, arrays: dict[Key, Array]) -> list[Problem]:
    """Copies of the arrays of every step, by step, key and layer, into `arrays`, and
    what cannot be read; `start` are copies of the weights that the program was given.
    What a generator showed stays there if it raises.
    """
    count = len(task.steps)
    want = f"{count} dicts, one for each step"
    if isinstance(returned, Mapping | str) or not hasattr(returned, "__iter__"):
        return [_wrong(f"returned {kind_of(returned)}", want)]
    steps = list[Any]()
    problems: list[Problem] = []
    # one more than wanted, to notice it: a generator may never end
    for number, step in enumerate(islice(returned, count + 1)):
        steps.append(step)
        # copied before the next is asked for: a generator may overwrite what it showed
        for item in _step(step, number, task) if number < count else ():
            if isinstance(item, Problem):
                problems.append(item)
            else:
                arrays[item[0]] = item[1]
    if len(steps) != count:
        many = len(steps) if len(steps) < count else f"more than {count}"
        problems.append(_wrong(f"returned {many} dicts", want))
    if not isinstance(returned, Iterator):
        problems += _changed_later(steps[:count], arrays, start)
    return problems


def _wrong(got: str, expected: str, advice: str = "") -> Problem:
    return Problem(WRONG, got, expected, advice)


def kind_of(value: Any) -> str:
    """A value's type, as it is read."""
    return "None" if value is None else f"something of type {printable(type(value).__name__)}"


def _step(step: Any, number: int, task: GivenTask) -> Iterator[Read]:
    """What one of the dicts shows."""
    if not isinstance(step, Mapping):
        yield _wrong(f"returned {kind_of(step)} for a step", "a dict")
        return
    for name, value in step.items():
        if name not in KEYS:
            yield _wrong(f"a step has the key {name!r}", f"keys among {', '.join(KEYS)}")
        elif value is not None:
            yield from _entries(number, name, value, task)


def _entries(number: int, name: str, value: Any, task: GivenTask) -> Iterator[Read]:
    """The arrays under one key: the output and the loss are single ones."""
    depth = len(task.sizes) - 1
    entries = per_layer(value)
    if name not in LISTS:
        layers = [(0, value)]
    elif entries is not None and len(entries) == depth:
        layers = list(enumerate(entries, start=1))
    else:
        has = f"has {kind_of(value)}" if entries is None else f"is a list of length {len(entries)}"
        yield _wrong(f"{name} {has}", f"{PER_LAYER} (None where one is not shown)")
        return
    for layer, entry in layers:
        if entry is not None:
            array = array_of(name, entry, largest(task))
            yield array if isinstance(array, Problem) else ((number, name, layer), array)


def per_layer(value: Any) -> list[Any] | None:
    """What a list, a tuple or an array of objects holds; None for anything else."""
    is_list = isinstance(value, list | tuple)
    is_list |= isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.ndim > 0
    return list(value) if is_list else None


def array_of(name: str, value: Any, largest: int) -> Array | Problem:
    """A copy as an array of real numbers."""
    try:
        array = np.asarray(value)
        if array.size > largest:  # a view of one number may be that large
            return _wrong(f"{name} has shape {array.shape}", SMALL)
        array = array.copy()
        # an array of objects may hold numbers alone
        array = array.astype(np.float64) if array.dtype.kind == "O" else array
    except Exception as error:  # noqa: BLE001 - whatever __array__ of somebody's class raises
        has = f"{kind_of(value)} that is no array ({type(error).__name__})"
        needs_grad = getattr(value, "requires_grad", None) is True
        advice = "a tensor that needs grad is shown as tensor.detach()" if needs_grad else ""
        return _wrong(f"{name} has {has}", "real numbers", advice)
    if array.dtype.kind not in "biuf":
        return _wrong(f"{name} has dtype {array.dtype}", SMALL)
    # longdouble has other bits on every platform, and the judge calculates with float64
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array


def largest(task: GivenTask) -> int:
    """More entries than an array of the task may have."""
    rows = max(task.sizes[1:] + task.batches)
    return max(LARGEST, WIDER * rows * max(task.sizes))


def _changed_later(steps: list[Any], arrays: dict[Key, Array], start: Start) -> list[Problem]:
    """Remove the arrays that a later step overwrote: what they showed is lost, so it
    cannot be judged.
    """
    lost = [key for key in arrays if key[0] + 1 < len(steps) and _again(steps, key, start)]
    for key in lost:
        del arrays[key]
    return [
        _wrong(
            f"{name} is the same array in several steps, and so shows only the last of them",
            f"a copy for each, as in [array.copy() for array in {name}]",
        )
        for name in dict.fromkeys(name for _, name, _ in lost)
    ]


def _again(steps: list[Any], key: Key, start: Start) -> bool:
    """Whether the next step shows the very same array; but weights that are as they
    were given have never been updated, which is a mistake of another kind.
    """
    number, name, layer = key
    if not layer:
        return False
    here, there = (_at(steps[i], name, layer) for i in (number, number + 1))
    if not (
        isinstance(here, np.ndarray) and isinstance(there, np.ndarray) and _same_memory(here, there)
    ):
        return False
    given = start[name][layer - 1] if name in start else None
    return given is None or not any(
        np.array_equal(here, each) for each in (given, given.T, given.reshape(-1, 1))
    )


def _same_memory(here: Array, there: Array) -> bool:
    """Whether they are views of the same entries. np.shares_memory is no answer: views
    of one history interleave, and share none.
    """
    first, second = (array.__array_interface__ for array in (here, there))
    return all(first[key] == second[key] for key in ("data", "strides", "shape"))


def _at(step: Any, name: str, layer: int) -> Any:
    value = step.get(name) if isinstance(step, Mapping) else None
    return value[layer - 1] if isinstance(value, list | tuple) and len(value) >= layer else None
