"""A part of somebody's program, put in the place of its equations in a step that is
right otherwise, and the report on it.

The step goes on with what the part gives, so that the arrays are those of a program
that has no other mistake: bounds, formulas and names of mistakes are the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from parity.checking.calling.answers import fitted, with_beside
from parity.checking.calling.calls import twice
from parity.checking.program.given import Array
from parity.checking.program.guarded import refused
from parity.checking.program.outcome import Key, Outcome, Problem, Unreadable
from parity.checking.tasks.declaration import Declaration
from parity.checking.tasks.task import Task, task_of, tasks_for
from parity.checking.verdict.coverage import WITH, Tried
from parity.checking.verdict.judgement import report
from parity.checking.verdict.report import CheckReport
from parity.checking.verdict.results import TaskResult
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.conditions import Place, anywhere
from parity.mistakes.mistake import WRONG, Mistake, Wrong
from parity.mistakes.program import StepProgram
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import LAYER, Run, run_of, simulate
from parity.mistakes.slots import Quantity
from parity.rounding.plain import Plain
from refnet.checks import flag, integer

# what is told an array that the part gives, with the step, the quantity and its layer;
# the step goes on with it
Show: TypeAlias = Callable[[StepProgram, Quantity, Array], Plain]
# the functions in the slots of a step, which show what they make
Slots: TypeAlias = Callable[[Show], Mapping[str, Wrong]]
# a run with its name, and in words the edge of what floats can hold to which it goes
Named: TypeAlias = tuple[str, Run, str]
ALWAYS = ("dtype", "edges")  # the fields of Tried that every part has to do with
RUN = Problem("", "").where  # what is said of the whole of a program
WHOLE = (*LAYER, "loss", "W", "b")
WITHOUT_BIASES = tuple(name for name in WHOLE if name not in ("db", "b"))


@dataclass(frozen=True)
class Part:
    """A part, and what is known of it.

    name       what the report calls it
    declared   what it supports
    slots      what stands in the slots of a step, by what is tried apart from all else,
               as a value and its derivative are; "" where all go together
    shows      the quantities that it gives
    equations  the labels of its equations
    covers     the fields of Tried that it has to do with
    stands     the layers in which it stands
    """

    name: str
    declared: Declaration
    slots: Mapping[str, Slots]
    shows: tuple[str, ...]
    equations: tuple[str, ...]
    covers: tuple[str, ...]
    stands: Place = anywhere


def judged_part(part: Part, tasks: Sequence[Task], *, explain: bool) -> CheckReport:
    """The report on a part by these tasks."""
    both = [*_performances(part, tasks)]
    given, outcomes = [task for task, _ in both], [outcome for _, outcome in both]
    whole = report(part.name, part.declared, part.declared, given, outcomes, explain=explain)
    findings = [
        replace(each, where=part.name) if each.where == RUN else each for each in whole.findings
    ]
    tried = Tried(**{name: getattr(whole.tried, name) for name in (*part.covers, *ALWAYS)})
    refusal = whole.refusal.replace(RUN, part.name, 1)
    return replace(
        whole,
        findings=tuple(findings),
        tried=tried,
        showable=part.shows,
        refusal=refusal,
        results=tuple(_of(part, tried, each) for each in whole.results),
        reason=whole.reason.replace(whole.refusal, refusal),
    )


def holds(part: Part, tasks: Sequence[Task]) -> bool:
    """Whether the part is right in all of these tasks, by PyTorch's conventions; where
    it is not, nothing is looked for.
    """
    for task, outcome in _performances(part, tasks):
        (run,), misfits = fitted([task], [outcome.arrays], part.declared)
        wrong = [each for each in (*outcome.problems, *misfits) if each.verdict == WRONG]
        if wrong or any(station.off for station in judged(with_beside(run, outcome))):
            return False
    return True


def is_read(part: Part, tasks: Sequence[Task]) -> bool:
    """Whether all that the part returns can be read."""
    return not any(outcome.problems for _, outcome in _performances(part, tasks))


def tasks_of(part: Part, *, hard: bool, seed: int, more: Iterable[Named] = ()) -> list[Task]:
    """The tasks that its declaration asks for, and some more."""
    return [*tasks_for(part.declared, hard=hard, seed=seed), *as_tasks(more, part.declared)]


def as_tasks(runs: Iterable[Named], declared: Declaration) -> list[Task]:
    """Runs as tasks."""
    return [task_of(name, run, declared, edge) for name, run, edge in runs]


def _performances(part: Part, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
    """What becomes of each task, of each that is tried by itself."""
    for each, slots in part.slots.items():
        for task in tasks:
            perform = partial(_performed, slots, part.stands, task, apart=bool(each))
            yield (replace(task, name=f"{each}, {task.name}") if each else task), twice(perform)


def _of(part: Part, tried: Tried, result: TaskResult) -> TaskResult:
    """What became of a task, as far as the part has to do with it."""
    names = {*tried.activations, *tried.losses, *tried.optimizers, *tried.dtype}
    return replace(
        result,
        equations=tuple(label for label in result.equations if label in part.equations),
        settings=tuple(each for each in result.settings if each.partition(WITH)[0] in names),
    )


def options(where: str, *, explain: bool, seed: int, hard: bool = False) -> None:
    """What the check of any part is told. Errors: TypeError or ValueError."""
    flag(where, "hard", hard)
    flag(where, "explain", explain)
    integer(where, "seed", seed, 0)


def known(where: str, name: str, given: object, names: Sequence[str]) -> None:
    """Errors: ValueError for what is none of these names."""
    if given not in names:
        raise ValueError(f"{where}: {name} has {given!r}, expected one of {', '.join(names)}")


def _performed(slots: Slots, stands: Place, task: Task, *, apart: bool) -> Outcome:
    """What the part gives in a task, beside all that a right program makes."""
    own: dict[Key, Array] = {}

    def show(s: StepProgram, quantity: Quantity, array: Array) -> Plain:
        own[s.t - 1, *quantity] = array
        return Plain(array)

    part = Mistake("", "", "", "", "", slots(show), stands)
    here = [part] if task.bias else [BY_ID["no-biases"], part]
    try:
        records = simulate(task.inputs, [(each, each.layers(task.inputs.spec)) for each in here])
    except NotImplementedError as error:
        return refused(error)
    except Unreadable as error:
        return Outcome({}, (error.problem,))
    return Outcome(own, beside=_beside(run_of(records), own, bias=task.bias), apart=apart)


def _beside(run: Run, own: Mapping[Key, Array], *, bias: bool) -> dict[Key, Array]:
    """What the right program makes that the part does not give."""
    depth = len(run.spec.sizes) - 1
    given = {(number, name, layer or depth) for number, name, layer in own}
    return {
        (number, name, layer): array
        for number, step in enumerate(run.steps)
        for (name, layer), array in step.arrays.items()
        if name in (WHOLE if bias else WITHOUT_BIASES) and (number, name, layer) not in given
    }
