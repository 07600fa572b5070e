"""In a process of a pool: one piece of work after the other, until the parent wants no
more, or is gone.

A signal that ends the work ends what the work has started, too; the process itself
stays, so that the pool ends in good order.
"""

import os
import signal
import time
from collections.abc import Callable
from threading import Thread
from types import FrameType
from typing import TypeVar

GivenT = TypeVar("GivenT")
DoneT = TypeVar("DoneT")

PATIENCE = 15.0  # seconds in which a piece of work has to come to its end
INTERVAL = 0.1  # seconds between two looks for the parent
# left to the parent, which then asks for the end; not all systems have all of them
LEFT = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
HEARD = {*LEFT, signal.SIGTERM}
# while a process starts, no module comes from the working folder, where somebody's
# program may be named like one
SAFE, OURS = "PYTHONSAFEPATH", "while it starts"


class Stopped(BaseException):
    """The work is not wanted any more; no handler of other errors is meant."""


class Turn:
    """Whether this process is at work, and whether more is wanted of it."""

    def __init__(self) -> None:
        self.at_work = self.over = False

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Let the work in hand be the last, and end it: a handler of signals."""
        was_over, self.over = self.over, True
        if self.at_work and not was_over:
            raise Stopped

    def do(self, work: Callable[[GivenT], DoneT], given: GivenT) -> DoneT | None:
        """A piece of work; None where it is not wanted."""
        try:
            self.at_work = not self.over
            return work(given) if self.at_work else None
        except Stopped:
            return None
        finally:
            self.at_work = False


TURN = Turn()


def begin(parent: int) -> None:
    """What a process of the pool does first."""
    if os.environ.get(SAFE) == OURS:
        os.environ.pop(SAFE)  # it is not for programs
    signal.signal(signal.SIGTERM, TURN.stop)
    for each in LEFT:
        signal.signal(each, signal.SIG_IGN)
    if os.name == "posix":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
        Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    """End this process when its parent has died: the pool would wait for ever."""
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os.kill(os.getpid(), signal.SIGTERM)
    late = time.monotonic() + PATIENCE
    time.sleep(INTERVAL)
    while TURN.at_work and time.monotonic() < late:
        time.sleep(INTERVAL)
    os._exit(1)


def do(work: Callable[[GivenT], DoneT], given: GivenT) -> DoneT | None:
    """A piece of work here; None where it is not wanted any more."""
    return TURN.do(work, given)
