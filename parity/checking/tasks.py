"""The tasks that somebody's program is given: small trainings, from the probes and from
what the program declares that it supports.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from parity.checking.declaration import Declaration
from parity.mistakes.probes import PROBES, Probe
from parity.mistakes.search.replay import Run, run_of_case
from parity.steps.cases import Case
from refnet.checks import Array
from refnet.losses import LOSSES

# words in the names of the probes that overflow or saturate: many right programs fail
# them, for want of digits
HARD = ("huge logits", "sure of it")
# tasks. A declaration of one activation, loss and rule leaves 3 or 4, which name the
# catalogue's mistakes as well as 8 do (35 of 40 alone, by gradients and weights); two
# more, of 10 ms each, guard against numbers in which a mistake happens to hide
FEWEST = 6
SLOPE = 0.2  # of leaky_relu: another one than the default 0.01, and far from 0 and 1
# the output activation of a loss that allows several
USUAL = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


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

    def __str__(self) -> str:
        return self.name


def task_of(name: str, run: Run, declared: Declaration) -> Task:
    """The inputs of a run as a task, in fresh arrays."""
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
    )


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
    runs = (
        [each for dtype in declared.dtype for each in _runs(declared, dtype, hard)]
        if cases is None
        else [*_given(cases, declared)]
    )
    if not runs:
        raise ValueError(
            "declaration: leaves no task, expected a loss that some declared output activation "
            "stands before"
        )
    return [task_of(name, run, declared) for name, run in runs]


def _runs(declared: Declaration, dtype: str, hard: bool) -> Iterator[tuple[str, Run]]:
    suffix = f", {dtype}" if len(declared.dtype) > 1 else ""
    for probe in _probes(declared):
        if hard or not is_hard(probe):
            yield probe.name + suffix, probe.run(dtype)


def is_hard(probe: Probe) -> bool:
    """Whether a probe goes to the edge of what floats can hold."""
    return any(words in probe.name for words in HARD)


def _given(cases: Any, declared: Declaration) -> Iterator[tuple[str, Run]]:
    probes = {probe.name: probe for probe in PROBES}
    for each in [cases] if isinstance(cases, Task | Case | str) else cases:
        if isinstance(each, Task):
            yield each.name, each.inputs
        elif isinstance(each, Case):
            yield each.id, run_of_case(each)
        elif each in probes:
            yield each, probes[each].run(declared.dtype[0])
        else:
            raise ValueError(
                f"cases: has {each!r}, expected a Task, a Case or one of {', '.join(probes)}"
            )


def _probes(declared: Declaration) -> list[Probe]:
    """The probes that fit the declaration, and cases for what they leave out: each step
    fills what those before it left.
    """
    fitting = [probe for probe in PROBES if declared.fits(probe.case)]
    rules = {_rule(probe.case): probe for probe in PROBES if declared.knows(probe.case)}
    usual = [probe for probe in fitting if not is_hard(probe)]
    usual += _combinations(declared, usual, rules)
    usual += _activations(declared, usual)
    usual += _shapes(declared, usual)
    usual += _updates(usual, rules)
    usual += _more(usual)
    return usual + [probe for probe in fitting if is_hard(probe)]


Rules: TypeAlias = Mapping[str, Probe]


def _rule(case: Case) -> str:
    return f"{case.optimizer} {case.settings}"


def _typical(had: Sequence[Probe]) -> list[Case]:
    """The cases with hidden layers and with layers of several widths, if there are any,
    else all.
    """
    cases = [probe.case for probe in had]
    return [case for case in cases if case.hidden and len({*case.sizes}) > 1] or cases


def _combinations(declared: Declaration, had: Sequence[Probe], rules: Rules) -> Iterator[Probe]:
    """Every declared loss, and output activation, that no task has."""
    if not rules:
        return
    plain = next(iter(rules.values())).case
    # a network without hidden layers, or with square ones alone, hides too much
    met = [p.case for p in had if declared.sizes or (p.case.hidden and len({*p.case.sizes}) > 1)]
    for loss, output in _pairs(declared):
        if any(
            case.loss == loss and (not declared.outputs or case.output == output) for case in met
        ):
            continue
        for kind in declared.kinds_of(loss):
            case = _case(declared, plain, loss, output, kind)
            if _tells(case):
                yield Probe(f"{output} before {loss} on {kind}", case)


def _pairs(declared: Declaration) -> Iterator[tuple[str, str]]:
    """Every loss with the declared output activations that it allows; where none is
    declared, with one of those that it allows: the usual one, or another for each loss.
    """
    for i, loss in enumerate(declared.losses or LOSSES):
        outputs = declared.outputs_behind(loss)
        if declared.outputs or not outputs:
            yield from ((loss, output) for output in outputs)
        elif USUAL.get(loss) in outputs:
            yield loss, USUAL[loss]
        else:
            yield loss, outputs[i % len(outputs)]


def _activations(declared: Declaration, had: Sequence[Probe]) -> Iterator[Probe]:
    """The declared activations that no task has in its hidden layers."""
    left = [
        name
        for name in declared.activations or ()
        if not any(name in probe.case.hidden for probe in had)
    ]
    for name, case in product(left, _typical(had)[:1]):
        if case.hidden:
            yield Probe(
                f"{name} in hidden layers",
                replace(case, hidden=(name,) * len(case.hidden), slope=0.2),
            )


def _shapes(declared: Declaration, had: Sequence[Probe]) -> Iterator[Probe]:
    """A single sample and square layers, where no task has them yet."""
    for case in _typical(had)[:1]:
        if not any(probe.case.batch == 1 for probe in had):
            yield Probe("one sample", replace(case, batch=1))
        if not declared.sizes and not any(len({*p.case.sizes}) == 1 and p.case.hidden for p in had):
            yield Probe(
                "square layers, hidden ones too", replace(case, sizes=(3,) * len(case.sizes))
            )


def _updates(had: Sequence[Probe], rules: Rules) -> Iterator[Probe]:
    """The update rules that no task has."""
    met = {_rule(probe.case) for probe in had}
    for (rule, probe), case in product(rules.items(), _typical(had)[:1]):
        if rule not in met:
            yield Probe(
                probe.name,
                replace(case, optimizer=probe.case.optimizer, settings=probe.case.settings),
            )


def _more(had: Sequence[Probe]) -> Iterator[Probe]:
    """One of the tasks with other numbers, where there are few."""
    for seed, case in product(range(1, FEWEST - len(had) + 1), _typical(had)[:1]):
        yield Probe(f"seed {seed}", replace(case, seed=seed))


def _case(declared: Declaration, plain: Case, loss: str, output: str, kind: str) -> Case:
    names = declared.activations or ("sigmoid", "tanh")
    width = 2 if kind in ("values", "probabilities") else 3
    sizes = declared.sizes or ((3, 4, 4, width) if len(names) > 1 else (3, 4, width))
    hidden = tuple(names[l % len(names)] for l in range(len(sizes) - 2))
    # z grows with the root of fan_in: a standard deviation of 0.6 is the table's for up
    # to 4 inputs, and beyond that z has to stay where sigmoids have digits
    deviation = 0.6 * min(1.0, math.sqrt(4 / max(sizes[:-1])))
    return replace(
        plain,
        sizes=sizes,
        hidden=hidden,
        output=output,
        loss=loss,
        targets=kind,
        batch=5,
        slope=SLOPE,
        deviation=deviation,
    )


def _tells(case: Case) -> bool:
    """Whether there is anything to learn: of one class alone, everything is certain."""
    return case.sizes[-1] > 1 or (case.output != "softmax" and case.loss != "softmax_cross_entropy")
