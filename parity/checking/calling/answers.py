"""What somebody's program shows, compared between two calls, and as runs in one
layout.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from parity.checking.program.outcome import WRONG, Key, Outcome, Problem
from parity.checking.program.reading import KEYS
from parity.checking.tasks.declaration import KNOWN, Declaration
from parity.checking.tasks.task import Task
from parity.mistakes.search.replay import Run
from refnet.checks import Array


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


def with_beside(run: Run, outcome: Outcome) -> Run:
    """The run of a part with the arrays that the rest of the program makes of it."""
    steps = []
    for number, step in enumerate(run.steps):
        rest = {
            (name, layer): array
            for (at, name, layer), array in outcome.beside.items()
            if at == number
        }
        taken = frozenset(rest) if outcome.apart else step.taken
        steps.append(replace(step, arrays={**rest, **step.arrays}, taken=taken))
    return replace(run, steps=tuple(steps))


def _other_way_round(name: str, shape: tuple[int, ...], declared: Declaration) -> Problem:
    kind, value = (
        ("layout", declared.layout) if name in ("W", "dW") else ("samples", declared.samples)
    )
    other = next(each for each in KNOWN[kind] if each != value)
    return Problem(
        WRONG,
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


_DIFFERS = Problem(
    WRONG,
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
