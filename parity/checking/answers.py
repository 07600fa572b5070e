"""What somebody's `run` gives back, read as plain arrays: whatever is returned, the
reading ends with arrays and sentences.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from parity.checking.declaration import KNOWN, Declaration
from parity.checking.tasks import Task
from parity.mistakes.replay import Run
from refnet.checks import Array

LISTS = ("z", "a", "delta", "dW", "db", "W", "b")  # one array per layer
KEYS = ("output", "loss", *LISTS)
LARGEST = 10**6  # entries of an array that can be meant
# step from 0 on, key of the dict, layer from 1 on; the output and the loss are those of
# layer 0
Key = tuple[int, str, int]


class Problem(NamedTuple):
    """What a task brought to light before any number was looked at."""

    verdict: str
    sentence: str
    detail: str = ""  # what may be another in each task


def read(returned: Any, task: Task) -> tuple[dict[Key, Array], list[Problem]]:
    """Copies of the arrays of every step, by step, key and layer; a generator's as they
    come.
    """
    count, given = len(task.inputs.steps), list[Any]()
    found: dict[Key, Array] = {}
    problems: list[Problem] = []
    want = f"expected {count} dicts, one for each step"
    if isinstance(returned, Mapping | str) or not hasattr(returned, "__iter__"):
        return {}, [_wrong(f"run: returned {_kind(returned)}, {want}")]
    for number, step in enumerate(islice(returned, count + 1)):
        given.append(step)
        if number < count:
            found.update(_step(step, number, task, problems))
    if len(given) != count:
        problems.append(
            _wrong(
                f"run: returned {len(given) if len(given) < count else f'more than {count}'} "
                f"dicts, {want}"
            )
        )
    if not isinstance(returned, Iterator):
        problems += _changed_later(given[:count], found, task)
    return found, problems


def _wrong(sentence: str) -> Problem:
    return Problem("wrong", sentence)


def _kind(value: Any) -> str:
    return "None" if value is None else f"something of type {type(value).__name__}"


def _step(
    step: Any, number: int, task: Task, problems: list[Problem]
) -> Iterator[tuple[Key, Array]]:
    """What one of the dicts shows; what cannot be read goes to the problems."""
    if not isinstance(step, Mapping):
        problems.append(_wrong(f"run: returned {_kind(step)} for a step, expected a dict"))
        return
    for name, value in step.items():
        if name not in KEYS:
            problems.append(
                _wrong(f"run: a step has the key {name!r}, expected keys among {', '.join(KEYS)}")
            )
        elif value is not None:
            yield from _entries(number, name, value, task, problems)


def _entries(
    number: int, name: str, value: Any, task: Task, problems: list[Problem]
) -> Iterator[tuple[Key, Array]]:
    depth = len(task.sizes) - 1
    layers = (
        enumerate(value, start=1)
        if name in LISTS and isinstance(value, list | tuple)
        else [(0, value)]
    )
    if name in LISTS and (not isinstance(value, list | tuple) or len(value) != depth):
        has = f"{len(value)} entries" if isinstance(value, list | tuple) else _kind(value)
        problems.append(
            _wrong(
                f"run: {name} has {has}, expected a list of one array per layer (None where one "
                f"is not shown)"
            )
        )
        return
    for layer, entry in layers:
        array = None if entry is None else _array(name, entry, problems)
        if array is not None:
            yield (number, name, layer), array


def _array(name: str, value: Any, problems: list[Problem]) -> Array | None:
    """A copy as an array of real numbers, or a problem."""
    try:
        array = np.asarray(value).copy()
    except Exception as error:  # noqa: BLE001 - whatever __array__ of somebody's class raises
        problems.append(
            _wrong(
                f"run: {name} has {_kind(value)} that is no array ({type(error).__name__}), "
                f"expected real numbers"
            )
        )
        return None
    if array.dtype.kind not in "biuf" or array.size > LARGEST:
        has = f"dtype {array.dtype}" if array.dtype.kind not in "biuf" else f"shape {array.shape}"
        problems.append(
            _wrong(
                f"run: {name} has {has}, expected an array of real numbers, as small as the task's"
            )
        )
        return None
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array


def _changed_later(steps: list[Any], found: dict[Key, Array], task: Task) -> list[Problem]:
    """Arrays that were shown and then overwritten by a later step: what they showed is
    lost, so it is not judged.
    """
    lost = [key for key in found if key[0] + 1 < len(steps) and _again(steps, key, task)]
    for key in lost:
        del found[key]
    names = list(dict.fromkeys(name for _, name, _ in lost))
    told = (
        "is the same array in several steps, and so shows only the last of them, expected a copy "
        "for each, as in"
    )
    return [_wrong(f"run: {name} {told} [array.copy() for array in {name}]") for name in names]


def _again(steps: list[Any], key: Key, task: Task) -> bool:
    """Whether a later step shows the very array, which is not merely as it was
    given.
    """
    number, name, layer = key
    if not layer:
        return False
    here, there = (_at(steps[i], name, layer) for i in (number, number + 1))
    if not (
        isinstance(here, np.ndarray) and isinstance(there, np.ndarray) and _same_memory(here, there)
    ):
        return False
    given = getattr(task.inputs, name)[layer - 1] if name in ("W", "b") else None
    return given is None or not any(
        np.array_equal(here, each) for each in (given, given.T, given.reshape(-1, 1))
    )


def _same_memory(here: Array, there: Array) -> bool:
    """Whether they are views of the same entries; of one another's neighbours they may
    well be.
    """
    first, second = (array.__array_interface__ for array in (here, there))
    return all(first[key] == second[key] for key in ("data", "strides", "shape"))


def _at(step: Any, name: str, layer: int) -> Any:
    value = step.get(name) if isinstance(step, Mapping) else None
    return value[layer - 1] if isinstance(value, list | tuple) and len(value) >= layer else None


def differing(one: dict[Key, Array], other: dict[Key, Array]) -> list[str]:
    """The keys under which two calls show other arrays, in the first half of their
    digits; threads may add up in another order.
    """
    names = [
        key[1]
        for key in one.keys() | other.keys()
        if key not in one or key not in other or _differ(one[key], other[key])
    ]
    return [name for name in KEYS if name in names]


def _differ(one: Array, other: Array) -> bool:
    if one.shape != other.shape:
        return True
    known = np.isfinite(one)
    if (known != np.isfinite(other)).any():
        return True
    first, second = one[known].astype(float), other[known].astype(float)
    half = np.sqrt(np.finfo(one.dtype if one.dtype.kind == "f" else float).eps)
    return bool(np.abs(first - second).max(initial=0.0) > half * np.abs(first).max(initial=0.0))


def fitted(
    tasks: Sequence[Task], shown: Sequence[dict[Key, Array]], declared: Declaration
) -> tuple[list[Run], list[Problem]]:
    """The runs that the arrays show, turned as declared; where every shape says
    otherwise, as the shapes say, which is a problem.
    """
    turned = {"W", "dW"} if declared.layout == "in_out" else set[str]()
    turned |= {"output", "z", "a", "delta"} if declared.samples == "columns" else set()
    problems = []
    for name in KEYS[2:] + KEYS[:1]:
        against = _against(name, name in turned, tasks, shown)
        if against is not None:
            turned ^= {name}
            problems.append(
                _wrong(
                    f"run: {name} has shape {against}, expected {against[::-1]} by "
                    f"{_option(name, declared)}"
                )
            )
    return [
        _run(task, arrays, turned, problems) for task, arrays in zip(tasks, shown, strict=True)
    ], problems


def _option(name: str, declared: Declaration) -> str:
    kind, value = (
        ("layout", declared.layout) if name in ("W", "dW") else ("samples", declared.samples)
    )
    other = next(each for each in KNOWN[kind] if each != value)
    return f"{kind} = {value!r}; it is judged as {kind} = {other!r}, which can be declared"


def _against(
    name: str, turn: bool, tasks: Sequence[Task], shown: Sequence[dict[Key, Array]]
) -> tuple[int, ...] | None:
    """The first shape that is the other way round than declared, where none is as
    declared.
    """
    found = None
    for task, arrays in zip(tasks, shown, strict=True):
        for (number, key, layer), array in arrays.items():
            want = _shape(task, number, key, layer)[:: -1 if turn else 1]
            if (
                key == name
                and len(want) == 2
                and want[0] != want[1]
                and array.shape in (want, want[::-1])
            ):
                if array.shape == want:
                    return None
                found = found or array.shape
    return found


def _shape(task: Task, number: int, name: str, layer: int) -> tuple[int, ...]:
    """What parity expects, samples in rows and W as (fan_out, fan_in)."""
    out = task.sizes[layer or -1]
    if name in ("W", "dW"):
        return out, task.sizes[layer - 1]
    if name in ("b", "db"):
        return (out,)
    return () if name == "loss" else (len(task.inputs.steps[number].x), out)


def _run(task: Task, arrays: dict[Key, Array], turned: set[str], problems: list[Problem]) -> Run:
    """The task's inputs with what was shown; the output is the activation of the last
    layer, and has to be the one that is shown.
    """
    steps: list[dict[tuple[str, int], Array]] = [{} for _ in task.steps]
    for (number, name, layer), array in arrays.items():
        if name != "output":
            fit = (
                _flat(array, _shape(task, number, name, layer))
                if name in ("loss", "b", "db")
                else array.T
                if name in turned
                else array
            )
            steps[number][name, layer or len(task.sizes) - 1] = fit.astype(np.float64)
    for (number, name, _), array in arrays.items():
        if name == "output":
            output = (array.T if name in turned else array).astype(np.float64)
            last = steps[number].setdefault(("a", len(task.sizes) - 1), output)
            if _differ(last, output) and _DIFFERS not in problems:
                problems.append(_DIFFERS)
    return replace(
        task.inputs,
        steps=tuple(replace(s, arrays=a) for s, a in zip(task.inputs.steps, steps, strict=True)),
    )


_DIFFERS = _wrong(
    "run: output has other numbers than the last array of a, expected the same, for the output "
    "is the last activation"
)


def _flat(array: Array, shape: tuple[int, ...]) -> Array:
    """A row or column as a vector, an array of one entry as a number."""
    flat = array.ndim == 2 and 1 in array.shape if shape else True
    return array.reshape(shape) if flat and array.size == int(np.prod(shape)) else array
