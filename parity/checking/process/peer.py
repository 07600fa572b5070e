"""A program in a process of its own, that is given tasks and answers."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from parity.checking.process.description import DRIVER, Description, read_description
from parity.checking.process.pipes import Clock, Ended, Process
from parity.checking.process.received import ALL_SAID, SAID, Received
from parity.checking.program import driver
from parity.checking.program.given import GivenTask
from parity.checking.program.lines import task_lines
from parity.checking.program.outcome import PROGRAM, Outcome, Unusable
from parity.checking.program.text import first_line, printable

# this parity, wherever it lies, without a way for the program to what lies beside it;
# and it leaves no compiled files behind, which may be older than their source
FIND = (
    "import sys; sys.path.insert(0, sys.argv[1]); from parity.checking.program import driver; "
    "sys.path.append(sys.path.pop(0)); driver.main(*sys.argv[2:])"
)
COMMAND = [sys.executable, "-B", "-P", "-c", FIND, str(Path(driver.__file__).parents[3])]


class Peer(AbstractContextManager["Peer"]):
    """A program at the other end of two pipes: `perform` is its `run`.

    said      what it declares
    looks     what looks as if it declared something
    by_lines  whether it is spoken to in lines, and so spoken of: it is no Python file
    adapted   "db" or "b" of a program that was adapted: see `adapted`
    """

    def __init__(
        self,
        command: Sequence[str],
        clock: Clock,
        description: Description,
        running: Process | None = None,
    ) -> None:
        self._command, self._clock = command, clock
        self._description, self._running = description, running
        self.said, self.looks = description.said, description.looks
        self.__name__ = description.function or PROGRAM
        self.by_lines = not description.function
        self.adapted = description.adapted

    def perform(self, task: GivenTask) -> Outcome:
        """What becomes of a task. Errors: Ended where the process gives no answer."""
        is_new = self._running is None
        process = self._running = self._running or Process(self._command, self._clock)
        process.write(b"".join(task_lines(task, raw=self._description.raw)))
        if not self._description.many:
            process.close_input()
        answer = Received(task, process, SAID if self.by_lines else ALL_SAID)
        try:
            with self._clock.running():
                answer.read()
                if not self._description.many:
                    answer.read_on()
            if not self._description.many:
                self.close()
            return answer.outcome()
        except Ended as end:
            if end.status == 0 and answer.is_empty and not is_new:
                self.close()  # it wanted no more than one task
                return self.perform(task)
            end.task = task.name
            end.message = end.message or answer.progress
            if end.advice and self.by_lines:
                end.advice += "; what is printed has to be flushed, and each step ends with done"
            raise

    def close(self) -> None:
        """End the process."""
        if self._running:
            self._running.close()
        self._running = None

    def __exit__(self, *error: object) -> None:
        self.close()


def python_peer(target: str, clock: Clock) -> Peer:
    """The Python program in FILE_OR_MODULE[:NAME].
    Errors: Unusable where it cannot be imported.
    """

    command = [*COMMAND, target]
    process = Process(command, clock)
    try:
        with clock.running():
            return Peer(command, clock, read_description(process, target, DRIVER), process)
    except BaseException as error:
        process.close()
        if isinstance(error, Ended):
            raise Unusable(f"{printable(target)}: importing it {_in_words(error)}") from None
        raise


def words_of(command: str) -> list[str]:
    """A command and its arguments, as a shell reads them.
    Errors: Unusable where there is none.
    """
    try:
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise Unusable(f"check: --exec has {command!r}: {str(error).lower()}") from None
    if not words:
        raise Unusable("check: --exec has '', expected a command")
    return words


def command_peer(command: Sequence[str], clock: Clock) -> Peer:
    """The program that a command starts.
    Errors: Unusable where there is none, or where it does not describe itself.
    """
    _check_that_it_can_be_run(command[0])
    where = first_line(" ".join((*command, "--describe")))
    process = Process([*command, "--describe"], clock)
    try:
        process.close_input()
        with clock.running():
            return Peer(command, clock, read_description(process, where))
    except Ended as end:
        raise Unusable(f"{where}: {_in_words(end)}") from None
    finally:
        process.close()


def _check_that_it_can_be_run(program: str) -> None:
    """Errors: Unusable, with what was probably meant."""
    if shutil.which(program):
        return
    name, file = first_line(program), Path(program)
    if not file.is_file():
        raise Unusable(f"{name}: there is no such program; it is not run by a shell")
    if os.access(file, os.X_OK):
        raise Unusable(f"{name}: is not on the path, expected ./{name}")
    raise Unusable(f"{name}: is no program, expected one, as in chmod +x {name} or node {name}")


def _in_words(end: Ended) -> str:
    """How it ended, with what it last said of it."""
    said = [text for text in (end.message, end.advice) if text]
    return end.how + (f" ({'; '.join(said)})" if said else "")
