"""The first calls of a program: what it is that is judged.

A program may work in another layout than the declared one, have no biases, or train
from weights of its own; and a `gradient` or a `step` cannot be told which activations
and which loss are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from parity.checking.calling.calls import Program, layout_of, layouts, telling
from parity.checking.calling.combinations import completed
from parity.checking.calling.reliance import Reliance
from parity.checking.process.peer import Peer
from parity.checking.program.adapters import adapted
from parity.checking.program.outcome import Problem
from parity.checking.tasks.declaration import Declaration
from parity.checking.tasks.task import Task, tasks_for
from parity.mistakes.diagnosis.finding import NOTE
from parity.mistakes.mistake import WRONG

SAME = "the same numbers come whatever {} is"


@dataclass(frozen=True)
class Known:
    """What is known of a program before it is judged.

    declared    what it declares, and what of it is found out
    fits        the same in the layout in which it works
    problems    what is said of it
    judged      whether what it shows can be judged by what it is given
    """

    declared: Declaration
    fits: Declaration
    problems: tuple[Problem, ...] = ()
    judged: bool = True


def learn(
    run: Program,
    declared: Declaration,
    cases: Any = None,
    *,
    hard: bool = False,
    seed: int = 0,
) -> Known:
    """What the first calls of a program show.

    Errors: ValueError where it cannot be told what is asked for, declares too little,
    and shows nothing that fits.
    """
    notes: list[Problem] = []
    if cases is None and adapted(run):
        declared, notes = completed(run, declared)
    task = telling(tasks_for(declared, cases, hard=hard, seed=seed))
    reliance = _reliance(run, task, layout_of(run, task, declared))
    fits = reliance.declared
    own = [] if reliance.is_right() else [*_of_its_own(reliance)]
    if own or not declared.bias:
        return Known(declared, fits, (*notes, *own), judged=not own)
    biases = [*_without_biases(run, reliance)]
    if any(problem.verdict == NOTE for problem in biases):
        declared, fits = (replace(each, bias=False) for each in (declared, fits))
    return Known(declared, fits, (*notes, *biases))


def _reliance(run: Program, task: Task, fits: Declaration) -> Reliance:
    """What it shows in the layout in which it works; behind the protocol an array has
    no shape, so that no exception says that the layout is another one.
    """
    first = Reliance(run, task, fits)
    if first.is_right() or not (isinstance(run, Peer) and run.by_lines):
        return first
    others = (Reliance(run, task, each) for each in layouts(fits)[1:])
    return next((other for other in others if other.shown and other.is_right()), first)


def _of_its_own(reliance: Reliance) -> Iterator[Problem]:
    """That it trains from weights, or on data, that are not those of the task."""
    start = "a training that starts from case.{}"
    if reliance.ignores("data"):
        got = "the same numbers come whatever x and y are"
        yield Problem(WRONG, got, "a training on the x and y of case.steps", where="x, y")
    elif reliance.ignores("W"):
        yield Problem(WRONG, SAME.format("case.W"), start.format("W"), where="W")
    elif reliance.has_biases_of_its_own():
        yield Problem(WRONG, SAME.format("case.b"), start.format("b"), where="b")


def _without_biases(run: Program, reliance: Reliance) -> Iterator[Problem]:
    """That it has no biases, or does not say how they change."""
    name = adapted(run)
    hidden = not reliance.shows("b", "db")
    if reliance.is_right() and not (hidden and name):
        return
    shows = f"shows None for {name}" if hidden and name else SAME.format("case.b")
    if reliance.ignores("b"):
        if not reliance.steps_biases() and not reliance.is_right():
            got = f"{shows}: judged as a network without biases, as bias = False says"
            yield Problem(NOTE, got, where=_name(run))
    elif hidden and name and reliance.shown:
        yield Problem(
            WRONG,
            f"{shows}, but with other biases it shows other numbers",
            "one array per layer",
            where=_name(run),
        )


def _name(run: Program) -> str:
    return getattr(run, "__name__", "run")
