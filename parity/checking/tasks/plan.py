"""The plan: which small trainings try everything that a program declares.

A task has one value of each axis:

axis    what it is                        where nothing is declared
shape   layers and their widths           1, 2, 3 hidden layers; square; one output
course  samples in a batch, and steps     1, 5, 11 and then 7, 13 samples; 3, 7 steps
hidden  the activation that comes first   each of them
ending  output activation, loss, targets  all that go together
rule    optimizer and settings            each plain, with each setting, with all
dtype   float64 or float32                float64

Each task takes of each axis a value that no task had, so that after as many tasks as
the longest axis has values, nothing is left; and then the one that has met the task's
other values least, so that none stands with the same others only.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, islice, permutations
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from parity.checking.tasks import axes
from parity.checking.tasks.axes import Course, Ending, Hidden, Rule, Shape
from parity.checking.tasks.declaration import Declaration
from parity.mistakes.probes import Probe
from parity.mistakes.search.replay import Run
from parity.steps.cases import Case
from refnet.network import Gradients

# tasks, where one activation, loss and rule are declared: with five courses and five
# shapes, fewer leave most of them unmet
FEWEST = 8
SLOPE = 0.2  # of leaky_relu: another one than the default 0.01, and far from 0 and 1
# seeds that are tried for numbers in which every layer has a gradient: a network of
# relu with one output has none for half of the single samples
TRIES, APART = 20, 100
SEEDS = TRIES * APART  # that a task may take: with another seed of the user's, none comes again


Place: TypeAlias = tuple[int, int]  # number of an axis, and of one of its values


class Row(NamedTuple):
    """One task of the plan."""

    shape: Shape
    course: Course
    hidden: Hidden
    ending: Ending
    rule: Rule
    dtype: str


def planned(declared: Declaration, seed: int = 0) -> list[Probe]:
    """The plan of a declaration, in the numbers of a seed; [] where no declared output
    activation stands before a declared loss.
    """
    every = axes_of(declared)
    if not all(every):
        return []
    rows = _lengthened([Row(*row) for row in covering(every, FEWEST, _fits)])
    names = _unique([_name(row, every) for row in rows])
    optimizers = [row.rule.optimizer for row in rows]
    return [
        _probe(
            names[number],
            row,
            seed * SEEDS + number,
            optimizers[:number].count(optimizers[number]),
            declared,
        )
        for number, row in enumerate(rows)
    ]


def axes_of(declared: Declaration) -> list[list[Any]]:
    """The values of each axis: of shapes and endings those that go with any of the
    others, if there are any.
    """
    shapes, endings = axes.shapes(declared), axes.endings(declared)
    some = [shape for shape in shapes if any(learns(shape, ending) for ending in endings)]
    useful = [ending for ending in endings if any(learns(shape, ending) for shape in shapes)]
    return [
        some or shapes,
        axes.courses(declared),
        axes.hidden(declared),
        useful or endings,
        axes.rules(declared),
        [*declared.dtype],
    ]


def learns(shape: Shape, ending: Ending) -> bool:
    """Whether there is anything to learn: of one class alone, everything is certain."""
    return shape.sizes[-1] > 1 or not axes.chooses(ending.output, ending.loss)


def _fits(value: Any, row: Sequence[Any]) -> bool:
    """Whether a value goes with those that the row has already."""
    return not isinstance(value, Ending) or learns(row[0], value)


def covering(
    every: Sequence[Sequence[Any]], fewest: int, fits: Callable[[Any, Sequence[Any]], bool]
) -> list[list[Any]]:
    """Rows with one value of each axis, at least so many, until every value stands in
    one. Where none of an axis fits, any does.
    """
    rows: list[list[Any]] = []
    uses, meetings = Counter[Place](), Counter[tuple[Place, Place]]()
    left = {(axis, i) for axis, values in enumerate(every) for i in range(len(values))}
    while left or len(rows) < fewest:
        row: list[Place] = []
        for axis, values in enumerate(every):
            before = [every[a][i] for a, i in row]
            places = [(axis, i) for i in range(len(values))]
            fitting = [place for place in places if fits(values[place[1]], before)]
            row.append(min(fitting or places, key=partial(_wear, uses, meetings, row)))
        left -= {*row}
        uses.update(row)
        meetings.update(permutations(row, 2))
        rows.append([every[axis][i] for axis, i in row])
    return rows


def _wear(
    uses: Counter[Place], meetings: Counter[tuple[Place, Place]], row: list[Place], place: Place
) -> tuple[bool, int, int]:
    """Whether a value was ever taken, how often it has met those of the row, and how
    often it was taken.
    """
    return uses[place] > 0, sum(meetings[place, other] for other in row), uses[place]


def _lengthened(rows: Sequence[Row]) -> list[Row]:
    """The rows, in which every optimizer that remembers its steps has a long task."""
    remembering = [row for row in rows if row.rule.remembers]
    had = {row.rule.optimizer for row in remembering if (row.course.steps or 0) >= axes.LONG}
    short: dict[str, Row] = {}
    for row in remembering:
        if row.rule.optimizer not in had:
            short.setdefault(row.rule.optimizer, row)
    return [
        row._replace(course=axes.lengthened(row.course)) if row in short.values() else row
        for row in rows
    ]


# from a row to a task


def _name(row: Row, every: Sequence[Sequence[Any]]) -> str:
    """What the task is for: its values of the axes that have several."""
    several: list[Any] = [
        value for value, values in zip(row, every, strict=True) if len(values) > 1
    ]
    words = [value if isinstance(value, str) else value.words for value in several]
    return ", ".join(dict.fromkeys(words))


def _unique(names: Sequence[str]) -> list[str]:
    """The names, in which one that was there before gets a number."""
    so_far = [names[: i + 1].count(name) for i, name in enumerate(names)]
    return [f"{name} ({n})" if n > 1 else name for name, n in zip(names, so_far, strict=True)]


def _probe(name: str, row: Row, number: int, before: int, declared: Declaration) -> Probe:
    """The case of a row, in numbers in which something can be seen; `before` are the
    rows above it with its optimizer.
    """
    case = _at_another_rate(case_of(row), before)
    seeds = range(number, number + TRIES * APART, APART)
    alive = (replace(case, seed=seed) for seed in seeds)
    case = next((each for each in alive if _is_alive(each)), replace(case, seed=number))
    return Probe(name, case, partial(edited, row.rule.edit, declared.bias))


# times the rule's own, in turn: a rate or a decay that stands in the program is then
# not that of every task
RATES = (1.0, 0.6, 0.8)


def _at_another_rate(case: Case, before: int) -> Case:
    times = RATES[before % len(RATES)]
    given = {name: case.settings[name] for name in ("lr", "weight_decay") if name in case.settings}
    scaled = {name: value * times for name, value in given.items()}
    return replace(case, settings=case.settings | scaled)


def case_of(row: Row) -> Case:
    """A row as a case."""
    between = len(row.shape.sizes) - 2
    # z grows with the root of fan_in: a standard deviation of 0.6 is the table's for up
    # to 4 inputs, and beyond that z has to stay where sigmoids have digits
    deviation = 0.6 * min(1.0, math.sqrt(4 / max(row.shape.sizes[:-1])))
    return Case(
        "probe",
        sizes=row.shape.sizes,
        hidden=tuple(islice(cycle(row.hidden.names), between)),
        output=row.ending.output,
        loss=row.ending.loss,
        targets=row.ending.targets,
        optimizer=row.rule.optimizer,
        settings=row.rule.settings,
        batch=row.course.batch,
        dtype=row.dtype,
        slope=SLOPE,
        deviation=deviation,
        count=row.course.steps,
        last=row.course.last,
    )


def _is_alive(case: Case) -> bool:
    """Whether the weights of every layer have a gradient by each of the batches, and
    some have one behind the first step: where relu is 0 from there on, a right program
    seems to show its last weights in every step.
    """
    net, loss = case.network(), case.make_loss()
    start = (net.loss_and_gradients(x, y, loss)[1] for x, y, _ in case.steps())
    if not all(each.dW.any() for gradients in start for each in gradients):
        return False
    _, *later = _trained(case)
    return not later or any(each.dW.any() for gradients in later for each in gradients)


def _trained(case: Case) -> Iterator[Gradients]:
    """The gradients of each step of a training."""
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    for x, y, lr in case.steps():
        gradients = net.loss_and_gradients(x, y, loss)[1]
        yield gradients
        optimizer.lr = lr
        optimizer.step(net, gradients)


def edited(edit: Callable[[Run], Run], bias: bool, run: Run) -> Run:
    """The run, where there are no biases with those at zero, and with this change."""
    return edit(run if bias else replace(run, b=tuple(map(np.zeros_like, run.b))))
