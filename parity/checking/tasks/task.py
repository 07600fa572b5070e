"""The tasks that somebody's program is given: small trainings, as plain arrays in the
layout that the program declares.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from parity.checking.program.given import Array, GivenTask, TaskStep
from parity.checking.tasks.declaration import Declaration, Undeclared
from parity.checking.tasks.edges import edges
from parity.checking.tasks.plan import planned
from parity.mistakes.probes import PROBES
from parity.mistakes.search.replay import Run, run_of_case
from parity.steps.cases import Case, targets_of


@dataclass(frozen=True, eq=False)
class Task(GivenTask):
    """One small training that `run` is given, and what is known of it here.

    inputs         the same in parity's own layout
    edge           of what floats can hold, where it goes to one, in words
    """

    inputs: Run = field(repr=False)
    edge: str = ""


def task_of(name: str, run: Run, declared: Declaration, edge: str = "") -> Task:
    """The inputs of a run as a task, in fresh arrays."""
    run = _as_declared(run, declared)
    spec, columns = run.spec, declared.samples == "columns"
    slopes = tuple(parameters.get("slope") for _, parameters in spec.activations)
    settings = {name: value for name, value in spec.hyperparameters.items() if name != "lr"}
    steps = [
        TaskStep(_turned(s.x, columns), _targets(s.y, run, declared), s.spec.hyperparameters["lr"])
        for s in run.steps
    ]
    W = [_turned(array, declared.layout == "in_out") for array in run.W]
    b = [array.reshape(-1, 1).copy() if columns else array.copy() for array in run.b]
    names = tuple(name for name, _ in spec.activations)
    return Task(
        name,
        spec.sizes,
        names,
        slopes,
        spec.loss,
        _kind_of(run, declared),
        spec.optimizer,
        settings,
        W,
        b,
        steps,
        spec.dtype,
        declared.layout,
        declared.samples,
        declared.bias,
        run,
        edge,
    )


def _kind_of(run: Run, declared: Declaration) -> str:
    """What y is."""
    if run.steps[0].y.ndim == 1:
        return "one_hot" if declared.targets == "one_hot" else "labels"
    kinds = targets_of(run.spec.loss)
    return "distributions" if "labels" in kinds else kinds[0]


def _as_declared(run: Run, declared: Declaration) -> Run:
    """The run with b at 0 where there are no biases, and with the slope of leaky_relu
    that the code fixes.
    """
    if not declared.bias:
        run = replace(run, b=tuple(map(np.zeros_like, run.b)))
    if declared.slope is None:
        return run
    slope = {"slope": declared.slope}
    activations = tuple((f, slope if own else own) for f, own in run.spec.activations)
    steps = (replace(step, spec=replace(step.spec, activations=activations)) for step in run.steps)
    return replace(run, steps=tuple(steps))


def _turned(array: Array, turn: bool) -> Array:
    return np.array(array.T if turn and array.ndim == 2 else array, order="C")


def _targets(y: Array, run: Run, declared: Declaration) -> Array:
    if _kind_of(run, declared) == "one_hot":
        y = np.eye(run.spec.sizes[-1], dtype=run.spec.dtype)[y]
    return _turned(y, declared.samples == "columns")


def tasks_for(
    declared: Declaration, cases: Any = None, *, hard: bool = False, seed: int = 0
) -> list[Task]:
    """The tasks for a program with this declaration; or, where `cases` are given, those
    tasks, cases of the table or probes by name.

    Errors: ValueError where there is none, or no probe of that name.
    """
    runs = _own(declared, hard, seed) if cases is None else [*_given(cases, declared)]
    if not runs:
        raise Undeclared(
            "declaration: leaves no task, expected a loss that some declared output activation "
            "stands before"
        )
    return [task_of(name, run, declared, edge) for name, run, edge in runs]


Named: TypeAlias = tuple[str, Run, str]  # a run with its name and its edge


def _own(declared: Declaration, hard: bool, seed: int) -> list[Named]:
    at_the_edge = edges(declared, seed) if hard else []
    probes = [*(("", probe) for probe in planned(declared, seed)), *at_the_edge]
    return [(probe.name, probe.run(probe.case.dtype), edge) for edge, probe in probes]


def _given(cases: Any, declared: Declaration) -> Iterator[Named]:
    probes = {probe.name: probe for probe in PROBES}
    for each in [cases] if isinstance(cases, Task | Case | str) else cases:
        if isinstance(each, Task):
            yield each.name, each.inputs, each.edge
        elif isinstance(each, Case):
            yield each.id, run_of_case(each), ""
        elif each in probes:
            yield each, probes[each].run(declared.dtype[0]), ""
        else:
            raise Undeclared(
                f"cases: has {each!r}, expected a Task, a Case or one of {', '.join(probes)}"
            )
