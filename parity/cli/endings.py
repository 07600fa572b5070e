"""The ways in which the command line can be ended, and what it prints to can fail."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# what ends a command politely, on systems that have it
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

CHILD = getattr(signal, "SIGCHLD", signal.SIGTERM)


class Terminated(BaseException):
    """A signal asks for the end; no handler of other errors is meant."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While it lasts, a signal that would end this process raises Terminated instead,
    so that what it has started is ended, too. One that is ignored, as by nohup, stays
    so.
    """

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # one is enough
        raise Terminated(number)

    # only there may a handler be set
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(CHILD) is signal.SIG_IGN:
        signal.signal(CHILD, signal.SIG_DFL)  # or nobody could say how a program ended
    usual = [each for each in ENDING if is_main and signal.getsignal(each) is signal.SIG_DFL]
    try:
        for each in usual:
            signal.signal(each, end)
        yield
    finally:
        for each in usual:
            signal.signal(each, signal.SIG_DFL)


def escape_what_cannot_be_encoded() -> None:
    """Print characters that the encoding of a stream does not have as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Print to nowhere from now on: the interpreter flushes once more at its end."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
