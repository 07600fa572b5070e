"""What somebody's `run` gives back, read as plain arrays: whatever is returned, the
reading ends with arrays and problems.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from parity.checking.declaration import KNOWN, Declaration
from parity.checking.tasks import Task
from parity.mistakes.mistake import WRONG
from parity.mistakes.search.replay import Run
from refnet.checks import Array

LISTS = ("z", "a", "delta", "dW", "db", "W", "b")  # one array per layer
KEYS = ("output", "loss", *LISTS)
# entries of an array, 8 MB of float64: what no task has, unless wider layers than a
# thousand are declared; and then, so many times what the task's largest array has
LARGEST, WIDER = 10**6, 2
PER_LAYER = "a list of one array per layer"
# step from 0 on, key of the dict, layer from 1 on; the output and the loss are those of
# layer 0
Key: TypeAlias = tuple[int, str, int]


class Problem(NamedTuple):
    """What `run` does or has, and what was expected, before any number is judged."""

    verdict: str
    got: str
    expected: str = ""
    advice: str = ""
    detail: str = ""  # may differ from task to task
    where: str = "run"


class Unreadable(Exception):
    """A problem with what a function returned, after which nothing of it can be
    judged.
    """

    def __init__(self, where: str, got: str, expected: str, advice: str = "") -> None:
        super().__init__(f"{where}: {got}, expected {expected}")
        self.problem = Problem(WRONG, got, expected, advice, where=where)


Read: TypeAlias = "tuple[Key, Array] | Problem"


def read(returned: Any, task: Task, arrays: dict[Key, Array]) -> list[Problem]:
    """Copies of the arrays of every step, by step, key and layer, into `arrays`, and
    what cannot be read. What a generator showed stays there if it raises.
    """
    count = len(task.inputs.steps)
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
        problems += _changed_later(steps[:count], arrays, task)
    return problems


def _wrong(got: str, expected: str, advice: str = "") -> Problem:
    return Problem(WRONG, got, expected, advice)


def kind_of(value: Any) -> str:
    """A value's type, as it is read."""
    return "None" if value is None else f"something of type {type(value).__name__}"


def _step(step: Any, number: int, task: Task) -> Iterator[Read]:
    """What one of the dicts shows."""
    if not isinstance(step, Mapping):
        yield _wrong(f"returned {kind_of(step)} for a step", "a dict")
        return
    for name, value in step.items():
        if name not in KEYS:
            yield _wrong(f"a step has the key {name!r}", f"keys among {', '.join(KEYS)}")
        elif value is not None:
            yield from _entries(number, name, value, task)


def _entries(number: int, name: str, value: Any, task: Task) -> Iterator[Read]:
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
            array = _array(name, entry, _largest(task))
            yield array if isinstance(array, Problem) else ((number, name, layer), array)


def per_layer(value: Any) -> list[Any] | None:
    """What a list, a tuple or an array of objects holds; None for anything else."""
    is_list = isinstance(value, list | tuple)
    is_list |= isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.ndim > 0
    return list(value) if is_list else None


def _array(name: str, value: Any, largest: int) -> Array | Problem:
    """A copy as an array of real numbers."""
    try:
        array = np.asarray(value).copy()
        # an array of objects may hold numbers alone
        array = array.astype(np.float64) if array.dtype.kind == "O" else array
    except Exception as error:  # noqa: BLE001 - whatever __array__ of somebody's class raises
        has = f"{kind_of(value)} that is no array ({type(error).__name__})"
        return _wrong(f"{name} has {has}", "real numbers")
    real = array.dtype.kind in "biuf"
    if not real or array.size > largest:
        has = f"shape {array.shape}" if real else f"dtype {array.dtype}"
        return _wrong(f"{name} has {has}", "an array of real numbers, as small as the task's")
    # longdouble has other bits on every platform, and the judge calculates with float64
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array


def _largest(task: Task) -> int:
    """More entries than an array of the task may have."""
    rows = max(task.sizes[1:] + tuple(len(step.x) for step in task.inputs.steps))
    return max(LARGEST, WIDER * rows * max(task.sizes))


def _changed_later(steps: list[Any], arrays: dict[Key, Array], task: Task) -> list[Problem]:
    """Remove the arrays that a later step overwrote: what they showed is lost, so it
    cannot be judged.
    """
    lost = [key for key in arrays if key[0] + 1 < len(steps) and _again(steps, key, task)]
    for key in lost:
        del arrays[key]
    return [
        _wrong(
            f"{name} is the same array in several steps, and so shows only the last of them",
            f"a copy for each, as in [array.copy() for array in {name}]",
        )
        for name in dict.fromkeys(name for _, name, _ in lost)
    ]


def _again(steps: list[Any], key: Key, task: Task) -> bool:
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
    given = getattr(task.inputs, name)[layer - 1] if name in ("W", "b") else None
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


def differing(one: dict[Key, Array], other: dict[Key, Array]) -> list[str]:
    """The keys under which two calls show other arrays, in the first half of their
    digits; threads may add up in another order.
    """
    names = [
        key[1]
        for key in one.keys() | other.keys()
        if key not in one or key not in other or differ(one[key], other[key])
    ]
    return [name for name in KEYS if name in names]


def differ(one: Array, other: Array) -> bool:
    """Whether two arrays differ in the first half of their digits."""
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
        shape = _against(name, name in turned, tasks, shown)
        if shape is not None:
            turned ^= {name}
            problems.append(_other_way_round(name, shape, declared))
    both = list(zip(tasks, shown, strict=True))
    if any(_output_differs(task, arrays, turned) for task, arrays in both):
        problems.append(_DIFFERS)
    return [_run(task, arrays, turned) for task, arrays in both], problems


def _other_way_round(name: str, shape: tuple[int, ...], declared: Declaration) -> Problem:
    kind, value = (
        ("layout", declared.layout) if name in ("W", "dW") else ("samples", declared.samples)
    )
    other = next(each for each in KNOWN[kind] if each != value)
    return _wrong(
        f"{name} has shape {shape}",
        f"{shape[::-1]} by {kind} = {value!r}",
        f"it is judged as {kind} = {other!r}, which can be declared",
    )


def _against(
    name: str, turn: bool, tasks: Sequence[Task], shown: Sequence[dict[Key, Array]]
) -> tuple[int, ...] | None:
    """The first shape that is the other way round than declared, where none is as
    declared.
    """
    shapes = [
        (array.shape, _shape(task, number, key, layer)[:: -1 if turn else 1])
        for task, arrays in zip(tasks, shown, strict=True)
        for (number, key, layer), array in arrays.items()
        if key == name
    ]
    # a square says nothing, nor does what is no matrix
    telling = [(has, want) for has, want in shapes if len(want) == 2 and want[0] != want[1]]
    if any(has == want for has, want in telling):
        return None
    return next((has for has, want in telling if has == want[::-1]), None)


def _shape(task: Task, number: int, name: str, layer: int) -> tuple[int, ...]:
    """What parity expects, samples in rows and W as (fan_out, fan_in)."""
    out = task.sizes[layer or -1]
    if name in ("W", "dW"):
        return out, task.sizes[layer - 1]
    if name in ("b", "db"):
        return (out,)
    return () if name == "loss" else (len(task.inputs.steps[number].x), out)


def _run(task: Task, arrays: dict[Key, Array], turned: set[str]) -> Run:
    """The task's inputs with what was shown; the output is the activation of the last
    layer.
    """
    depth = len(task.sizes) - 1
    steps: list[dict[tuple[str, int], Array]] = [{} for _ in task.inputs.steps]
    for key, array in arrays.items():
        number, name, layer = key
        if name != "output":
            steps[number][name, layer or depth] = _as_judged(task, key, array, turned)
    for number, output, _ in _outputs(task, arrays, turned):
        steps[number].setdefault(("a", depth), output)
    columns = ("b", "db") if "a" in turned else ()
    return replace(
        task.inputs,
        steps=tuple(replace(s, arrays=a) for s, a in zip(task.inputs.steps, steps, strict=True)),
        turned=frozenset((*turned, *columns)),
    )


def _as_judged(task: Task, key: Key, array: Array, turned: set[str]) -> Array:
    """Samples in rows, W as (fan_out, fan_in), b as a vector, the loss as a number."""
    _, name, _ = key
    if name in ("loss", "b", "db"):
        array = _flat(array, _shape(task, *key))
        if name == "db" and array.size == 1 and not _is_of_the_other_end(task, key, array):
            array = np.full(_shape(task, *key), array.item())  # as NumPy subtracts it
    elif name in turned:
        array = array.T
    return array.astype(np.float64)


def _is_of_the_other_end(task: Task, key: Key, array: Array) -> bool:
    """Whether one number is the array of a layer of one unit, counted from the end."""
    return array.ndim > 0 and task.sizes[-key[2]] == 1


def _outputs(
    task: Task, arrays: dict[Key, Array], turned: set[str]
) -> Iterator[tuple[int, Array, Array | None]]:
    """Of each step that shows an output: its number, the output, and the last array of
    a where that is shown too.
    """
    for key, array in arrays.items():
        number, name, _ = key
        if name == "output":
            last = number, "a", len(task.sizes) - 1
            a = _as_judged(task, last, arrays[last], turned) if last in arrays else None
            yield number, _as_judged(task, key, array, turned), a


def _output_differs(task: Task, arrays: dict[Key, Array], turned: set[str]) -> bool:
    return any(
        a is not None and differ(a, output) for _, output, a in _outputs(task, arrays, turned)
    )


_DIFFERS = _wrong(
    "output has other numbers than the last array of a",
    "the same, for the output is the last activation",
)


def _flat(array: Array, shape: tuple[int, ...]) -> Array:
    """A row or a column as a vector, an array of one entry as a number; anything else
    as it is, to be judged by its shape.
    """
    one_row = array.ndim == 2 and 1 in array.shape
    fits = array.size == int(np.prod(shape)) and (one_row or not shape)
    return array.reshape(shape) if fits else array
