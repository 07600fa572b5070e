"""A process of somebody else's, and its pipes: what comes out of them is read in limits
of length and time, and all that the process has started ends with it.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Thread
from typing import IO, Any

from parity.checking.program.outcome import WRONG, Problem, Unusable
from parity.checking.program.text import first_line

CHUNK = 2**16  # bytes, what a pipe of Linux holds
AHEAD = 16  # chunks that are read before they are asked for
LAST_WORDS = 4000  # bytes of standard error that are kept
# how a line begins that says why a program ended, in Python, JavaScript, Rust and Java
ERROR = re.compile(r"^[\w.]*(Error|Exception)\b|\bpanicked\b")
# seconds in which a process has to be gone after it is told so, and pipes to be empty
# after their process has ended
PATIENCE = 1.0
CLOSED = "closed its standard output"
LOADED = 10  # times that, where a machine has much else to do
SUPERVISOR = Path(__file__).with_name("supervisor.py")  # not imported: it is Linux's alone
SIGNALS = {each.value: each.name for each in signal.Signals}


class Ended(Exception):
    """The process gives no more answers: `how` it ended, what it last said of it, and
    its exit status where it has ended by itself.
    """

    def __init__(
        self, how: str, message: str = "", advice: str = "", status: int | None = None
    ) -> None:
        super().__init__(how)
        self.how, self.message, self.advice, self.status = how, message, advice, status
        self.task = ""

    @property
    def problem(self) -> Problem:
        """What is said of it."""
        got = f"{self.how} in the task {self.task!r}"
        return Problem(WRONG, got, "an answer for each step", self.advice, self.message)


class Clock:
    """The time that a program has for all that it does: it runs while an answer is
    waited for and read.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.left, self._since = seconds, seconds, 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """The time of the block counts."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        now = time.monotonic()
        self.left -= now - self._since
        self._since = now

    def wait(self, queue: "Queue[bytes]", longest: float) -> bytes:
        """What comes next. Errors: Empty where nothing comes."""
        self._take()
        return queue.get(timeout=max(0.0, min(self.left, longest)))


class Process:
    """A command at work, with pipes to its standard input, output and error."""

    def __init__(self, command: Sequence[str], clock: Clock) -> None:
        self._clock = clock
        self._popen = _started(command)
        self._out: Queue[bytes] = Queue(AHEAD)
        self._to_write: Queue[bytes] = Queue()
        self._last_words, self._buffer = b"", bytearray()
        self._is_open, self._has_ended = True, False
        for work, pipe in (
            (self._read, self._popen.stdout),
            (self._write, self._popen.stdin),
            (self._listen, self._popen.stderr),
        ):
            self._begin(work, pipe)

    def _begin(self, work: Callable[..., None], pipe: IO[bytes] | None) -> None:
        try:
            Thread(target=work, args=(pipe,), daemon=True).start()
        except RuntimeError as error:  # the system allows no more of them
            self.close()
            raise Unusable(f"{error}") from None

    # in threads of their own: whatever is full or empty, nobody waits for the other

    def _read(self, pipe: IO[bytes]) -> None:
        while chunk := os.read(pipe.fileno(), CHUNK):
            while self._is_open:
                with suppress(Full):
                    self._out.put(chunk, timeout=PATIENCE)
                    break
        while self._is_open:
            with suppress(Full):
                self._out.put(b"", timeout=PATIENCE)
                break
        pipe.close()

    def _write(self, pipe: IO[bytes]) -> None:
        with suppress(OSError), pipe:  # that nobody reads is seen by the answers
            while given := self._to_write.get():
                pipe.write(given)
                pipe.flush()

    def _listen(self, pipe: IO[bytes]) -> None:
        while chunk := os.read(pipe.fileno(), CHUNK):
            self._last_words = (self._last_words + chunk)[-LAST_WORDS:]
        pipe.close()

    # what parity says and hears

    def write(self, given: bytes) -> None:
        """Hand something over, whenever the process reads it."""
        self._to_write.put(given)

    def close_input(self) -> None:
        """Say that no more comes."""
        self._to_write.put(b"")

    def line(self, longest: int) -> bytes:
        """The next line, without its end.
        Errors: Ended where there is none, or where it is longer than that.
        """
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > longest:
                break
            chunk = self._next()
            if not chunk and self._buffer:
                end = len(self._buffer)  # a last line without an end
                break
            if not chunk:
                raise self._end()
            self._buffer += chunk
        if not 0 <= end <= longest:
            raise Ended(f"printed a line of more than {longest:,} characters")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def exactly(self, count: int) -> bytes:
        """The next bytes, so many. Errors: Ended where there are fewer."""
        while len(self._buffer) < count:
            chunk = self._next()
            if not chunk:
                raise self._end()
            self._buffer += chunk
        read = bytes(self._buffer[:count])
        del self._buffer[:count]
        return read

    def _next(self) -> bytes:
        """What comes next, b"" for the end. Errors: Ended where the time is up."""
        was_over = False
        while self._clock.left > 0 and not self._has_ended:
            try:
                chunk = self._clock.wait(self._out, PATIENCE)
            except Empty:
                is_over = self._popen.poll() is not None
                self._has_ended = is_over and was_over  # others hold the pipe, and say nothing
                was_over = is_over
            else:
                self._has_ended = not chunk
                return chunk
        if self._has_ended:
            return b""
        raise Ended(
            f"did not come to an end within {self._clock.seconds:g} seconds",
            advice="--timeout says how long it may take",
        )

    def _end(self) -> Ended:
        """How it ended, now that nothing more comes from it."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(PATIENCE)
        status = self._popen.poll()
        if status is None:
            return Ended(CLOSED)
        how = "ended the process"
        if status < 0:
            how = f"died of {SIGNALS.get(-status, f'signal {-status}')}"
        elif status:
            how = f"ended the process with exit status {status}"
        return Ended(how, self._message(), status=status)

    def _message(self) -> str:
        """The line of standard error that says why: one with an error in it, else the
        last.
        """
        lines = self._last_words.decode(errors="backslashreplace").strip().splitlines()
        errors = [line for line in lines if ERROR.search(line)]
        return first_line((errors or lines or [""])[-1].strip())

    def close(self) -> None:
        """End it, and all that it has started."""
        self._is_open = False
        self.close_input()
        if sys.platform == "linux":
            with suppress(ProcessLookupError):
                os.kill(self._popen.pid, signal.SIGCONT)  # the program may have stopped it
            self._popen.terminate()  # the supervisor, which ends the others
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(LOADED * PATIENCE)
                return
        _kill(self._popen)
        self._popen.wait()


def _started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """The process. Errors: Unusable where there is no such program."""
    # one thread, unless the caller wants more: the arrays of the tasks are tiny; and
    # pictures without a window, for nobody is there to close it
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **os.environ}
    settings: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    settings |= {"env": {**environment, "MPLBACKEND": "Agg"}, "start_new_session": True}
    # without what lies beside it, and without what is installed
    supervised = [sys.executable, "-I", "-S", str(SUPERVISOR), str(os.getpid()), *command]
    started = supervised if sys.platform == "linux" else command
    try:
        return subprocess.Popen(started, **settings)  # noqa: S603 - to run it is the task
    except OSError as error:
        raise Unusable(f"{first_line(command[0])}: {error.strerror}") from None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill the process, and its process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):
        process.kill()  # there is no such call on Windows; or the group is gone
