"""The calls of a program: in which layout it works, and whether it shows the same
twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from parity.checking.calling.answers import differing
from parity.checking.process.peer import Peer
from parity.checking.program.guarded import Function, guarded_call
from parity.checking.program.outcome import WRONG, Outcome, Problem
from parity.checking.tasks.declaration import Declaration
from parity.checking.tasks.task import Task, task_of

# a function here, or a program in a process of its own
Program: TypeAlias = Function | Peer


def call(run: Program, task: Task) -> Outcome:
    """One call: here, or where the program is at work in a process of its own, there.
    Errors: Ended where that process does not answer any more.
    """
    return run.perform(task) if isinstance(run, Peer) else guarded_call(run, task)


def telling(tasks: Sequence[Task]) -> Task:
    """The first task in which an array in the wrong layout cannot pass for right: one
    without square layers, and with another number of samples than any layer has units.
    The first of all where there is none.
    """

    def fits_when_turned(task: Task) -> bool:
        return (
            any(into == out for into, out in pairwise(task.sizes))
            or len(task.inputs.steps[0].x) in task.sizes
        )

    return next((task for task in tasks if not fits_when_turned(task)), tasks[0])


def layout_of(run: Program, task: Task, declared: Declaration) -> Declaration:
    """The declaration, or one with another layout, where `run` raises an exception with
    the declared one and shows arrays with the other.
    """
    if not call(run, task_of(task.name, task.inputs, declared)).raised:
        return declared
    return next((each for each in layouts(declared) if _works(run, task, each)), declared)


def layouts(declared: Declaration) -> list[Declaration]:
    """The declaration with each of the layouts, its own first."""
    each = [
        replace(declared, layout=layout, samples=way)
        for way in ("rows", "columns")
        for layout in ("out_in", "in_out")
    ]
    return [declared, *(other for other in each if other != declared)]


def _works(run: Program, task: Task, declared: Declaration) -> bool:
    shown = call(run, task_of(task.name, task.inputs, declared))
    return shown.supported and not shown.raised and bool(shown.arrays)


def outcome(run: Program, task: Task, declared: Declaration) -> Outcome:
    """The outcome of a call; a second one with equal inputs must show the same."""
    return twice(lambda: call(run, task_of(task.name, task.inputs, declared)))


def twice(perform: Callable[[], Outcome]) -> Outcome:
    """The outcome of a task that is performed; another time it must be the same."""
    first, second = perform(), perform()
    others = differing(first.arrays, second.arrays)
    if others or first.supported != second.supported:
        problem = Problem(
            WRONG,
            f"a second call with the same task gives another {', '.join(others)}",
            "the same numbers",
            "does it keep anything from one call to the next, or draw random numbers?",
        )
        return replace(first, problems=(*first.problems, problem))
    return first
