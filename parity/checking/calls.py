"""One guarded call of somebody's function: whatever it does but hang or end the
process, there is an outcome.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import TextIOBase
from itertools import pairwise
from pathlib import Path
from sysconfig import get_path
from typing import Any

from parity.checking.answers import Key, Problem, Unreadable, differing, read
from parity.checking.declaration import Declaration
from parity.checking.tasks import Task, task_of
from refnet.checks import Array

Program = Callable[[Task], Any]
HERE = Path(__file__).parent
STANDARD = get_path("stdlib")


@dataclass(frozen=True)
class Outcome:
    """What became of one task: the arrays that `run` showed, and the problems with the
    call itself; whether the task is supported, and whether `run` raised an exception.
    """

    arrays: dict[Key, Array]
    problems: tuple[Problem, ...] = ()
    supported: bool = True
    raised: bool = False


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
    first, second = (call(run, task_of(task.name, task.inputs, declared)) for _ in range(2))
    others = differing(first.arrays, second.arrays)
    if others or first.supported != second.supported:
        problem = Problem(
            "wrong",
            f"a second call with the same task gives another {', '.join(others)}",
            "the same numbers",
            "does it keep anything from one call to the next, or draw random numbers?",
        )
        return replace(first, problems=(*first.problems, problem))
    return first


def call(run: Program, task: Task) -> Outcome:
    """One call, whose exceptions and attempts to exit are problems."""
    inputs, heard = _inputs(task), _Heard()
    arrays: dict[Key, Array] = {}
    problems: list[Problem] = []
    raised = False
    try:
        with redirect_stdout(heard):
            problems = read(run(task), task, arrays)
    except NotImplementedError:
        return Outcome({}, supported=False)
    except Unreadable as error:
        problems = [error.problem]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - somebody's code may raise or exit
        raised = True
        got, message = f"raised {place_of(error)}", message_of(error)
        problems = [Problem("wrong", got, "one dict for each step", detail=message)]
    return Outcome(arrays, (*problems, *_changed(inputs), *heard.problem()), raised=raised)


def place_of(error: BaseException) -> str:
    """Type and place of an exception: the innermost line that is neither parity's nor a
    library's; of a line that Python cannot read, that line.
    """
    frames = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent != HERE and not frame.filename.startswith("<")
    ]
    own = [(name, line) for name, line in frames if not _is_library(name)] or frames
    if isinstance(error, SyntaxError) and error.filename and not error.filename.startswith("<"):
        own = [(error.filename, error.lineno)]
    return type(error).__name__ + (f" in {Path(own[-1][0]).name}, line {own[-1][1]}" if own else "")


def _is_library(name: str) -> bool:
    """Whether a file is Python's own, or installed."""
    return "site-packages" in name or Path(name).is_relative_to(STANDARD)


def message_of(error: BaseException) -> str:
    """The first line of an exception's message."""
    try:
        # the message of a line that cannot be read names its place once more
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        # some messages hold whole arrays, or what no terminal can print
        return str(text).partition("\n")[0][:200].encode(errors="backslashreplace").decode()
    except Exception:  # noqa: BLE001 - the message is somebody's code too
        return ""


def _inputs(task: Task) -> dict[str, list[tuple[Array, bytes]]]:
    """The data that a program is given, with their bytes before the call."""
    given = {"x": [step.x for step in task.steps], "y": [step.y for step in task.steps]}
    return {name: [(array, array.tobytes()) for array in arrays] for name, arrays in given.items()}


def _changed(inputs: dict[str, list[tuple[Array, bytes]]]) -> Iterator[Problem]:
    """Data that the call has changed."""
    for name, arrays in inputs.items():
        if any(array.tobytes() != before for array, before in arrays):
            got = f"{name} of the task has other numbers after the call"
            yield Problem("wrong", got, "an input that is only read")


class _Heard(TextIOBase):
    """Standard output of which the beginning is kept."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text = (self.text + text)[:80]  # a line; a program may print without end
        return len(text)

    def writable(self) -> bool:
        return True

    def problem(self) -> Iterator[Problem]:
        """That something was printed, and how it begins."""
        lines = self.text.strip().splitlines()
        if lines:
            yield Problem("note", f"printed {lines[0]!r}", "nothing on standard output")
