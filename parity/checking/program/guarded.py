"""One guarded call of somebody's function: whatever it does but hang or end the
process, there is an outcome.
"""

import io
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path
from sysconfig import get_path
from typing import Any

from parity.checking.program.given import Array, GivenTask
from parity.checking.program.outcome import (
    NOTE,
    WRONG,
    Key,
    Outcome,
    Problem,
    Refusal,
    Unreadable,
)
from parity.checking.program.reading import read
from parity.checking.program.text import first_line, printable

Function = Callable[[Any], Any]
HERE = Path(__file__).parent
STANDARD = get_path("stdlib")


def guarded_call(run: Function, task: GivenTask) -> Outcome:
    """One call, whose exceptions and attempts to exit are problems."""
    inputs, heard = _inputs(task), _Heard()
    start = {"W": [array.copy() for array in task.W], "b": [array.copy() for array in task.b]}
    arrays: dict[Key, Array] = {}
    problems: list[Problem] = []
    raised = False
    try:
        with redirect_stdout(heard):
            problems = read(run(task), task, start, arrays)
    except NotImplementedError as error:
        return refused(error)
    except Unreadable as error:
        problems = [error.problem]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - somebody's code may raise or exit
        raised = True
        got, message = f"raised {place_of(error)}", message_of(error)
        problems = [Problem(WRONG, got, "one dict for each step", detail=message)]
    return Outcome(arrays, (*problems, *_changed(inputs), *heard.problem()), raised=raised)


def refused(error: NotImplementedError) -> Outcome:
    """That a task is not supported, or that something is still to be written."""
    return Outcome({}, supported=False, refusal=Refusal(_line_of(error), message_of(error)))


def place_of(error: BaseException) -> str:
    """Type and place of an exception."""
    place = _line_of(error)
    return printable(type(error).__name__) + (f" in {place}" if place else "")


def _line_of(error: BaseException) -> str:
    """The innermost line that is neither parity's nor a library's, with its file; of a
    line that Python cannot read, that line.
    """
    frames = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent != HERE and not frame.filename.startswith("<")
    ]
    own = [(name, line) for name, line in frames if not _is_library(name)] or frames
    if isinstance(error, SyntaxError) and error.filename and not error.filename.startswith("<"):
        own = [(error.filename, error.lineno)]
    return printable(f"{Path(own[-1][0]).name}, line {own[-1][1]}") if own else ""


def _is_library(name: str) -> bool:
    """Whether a file is Python's own, or installed."""
    return "site-packages" in name or Path(name).is_relative_to(STANDARD)


def message_of(error: BaseException) -> str:
    """The first line of an exception's message."""
    try:
        # the message of a line that cannot be read names its place once more
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        return first_line(str(text))
    except Exception:  # noqa: BLE001 - the message is somebody's code too
        return ""


def _inputs(task: GivenTask) -> dict[str, list[tuple[Array, bytes]]]:
    """The data that a program is given, with their bytes before the call."""
    given = {"x": [step.x for step in task.steps], "y": [step.y for step in task.steps]}
    return {name: [(array, array.tobytes()) for array in arrays] for name, arrays in given.items()}


def _changed(inputs: dict[str, list[tuple[Array, bytes]]]) -> Iterator[Problem]:
    """Data that the call has changed."""
    for name, arrays in inputs.items():
        if any(array.tobytes() != before for array, before in arrays):
            got = f"{name} of the task has other numbers after the call"
            yield Problem(WRONG, got, "an input that is only read")


class _Beginning(io.RawIOBase):
    """Bytes of which the beginning is kept: a line; a program may print without end."""

    def __init__(self) -> None:
        self.kept = b""

    def write(self, printed: Any) -> int:
        """Keep what is still of the beginning."""
        self.kept = (self.kept + bytes(printed))[:80]
        return len(printed)

    def writable(self) -> bool:
        """It can be printed to."""
        return True

    def fileno(self) -> int:
        """Where another program prints that is given this one's output."""
        if sys.__stdout__ is None:
            raise io.UnsupportedOperation("fileno")
        return sys.__stdout__.fileno()


class _Heard(io.TextIOWrapper):
    """Standard output of which the beginning is kept."""

    def __init__(self) -> None:
        self._beginning = _Beginning()
        super().__init__(
            io.BufferedWriter(self._beginning, 1), "utf-8", "backslashreplace", write_through=True
        )

    @property
    def text(self) -> str:
        """What was printed."""
        with suppress(ValueError):  # the program has closed it
            self.flush()
        return self._beginning.kept.decode(errors="backslashreplace")

    def problem(self) -> Iterator[Problem]:
        """That something was printed, and how it begins."""
        if self.text.strip():
            first = first_line(self.text.strip())
            yield Problem(NOTE, f"printed {first!r}", "nothing on standard output")
