"""The tasks that somebody's program is given: small trainings, as plain arrays in the
layout that the program declares.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from parity.checking.declaration import Declaration
from parity.checking.edges import edges
from parity.checking.plan import planned
from parity.mistakes.probes import PROBES
from parity.mistakes.search.replay import Run, run_of_case
from parity.steps.cases import Case
from refnet.checks import Array


class TaskStep(NamedTuple):
    """What one training step is given."""

    x: Array
    y: Array
    lr: float


@dataclass(frozen=True, eq=False)
class Task:
    """One small training that `run` is given: names, and plain arrays in the declared
    layout, which `run` may keep and change.

    activations    one name per layer
    slopes         the slope of leaky_relu where a layer has it, else None
    optimizer      a name
    settings       its hyper-parameters without lr, named as in torch.optim
    W, b           where the training starts: one array per layer
    steps          (x, y, lr) of each step
    inputs         the same in parity's own layout
    edge           of what floats can hold, where it goes to one, in words
    """

    name: str
    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    slopes: tuple[float | None, ...]
    loss: str
    optimizer: str
    settings: dict[str, Any]
    W: list[Array]
    b: list[Array]
    steps: list[TaskStep]
    dtype: str
    inputs: Run = field(repr=False)
    edge: str = ""

    def __str__(self) -> str:
        return self.name


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
        spec.optimizer,
        settings,
        W,
        b,
        steps,
        spec.dtype,
        run,
        edge,
    )


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
    if declared.targets == "one_hot" and y.ndim == 1:
        y = np.eye(run.spec.sizes[-1], dtype=run.spec.dtype)[y]
    return _turned(y, declared.samples == "columns")


def tasks_for(declared: Declaration, cases: Any = None, *, hard: bool = False) -> list[Task]:
    """The tasks for a program with this declaration; or, where `cases` are given, those
    tasks, cases of the table or probes by name.

    Errors: ValueError where there is none, or no probe of that name.
    """
    runs = _own(declared, hard) if cases is None else [*_given(cases, declared)]
    if not runs:
        raise ValueError(
            "declaration: leaves no task, expected a loss that some declared output activation "
            "stands before"
        )
    return [task_of(name, run, declared, edge) for name, run, edge in runs]


Named: TypeAlias = tuple[str, Run, str]  # a run with its name and its edge


def _own(declared: Declaration, hard: bool) -> list[Named]:
    probes = [*(("", probe) for probe in planned(declared)), *(edges(declared) if hard else [])]
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
            raise ValueError(
                f"cases: has {each!r}, expected a Task, a Case or one of {', '.join(probes)}"
            )
