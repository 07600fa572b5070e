"""Between parity and somebody's program, on Linux: it starts the program, and when that
ends, or parity does, it ends all that the program has started, in whatever session.

Linux hands the orphans below a process to that process, where it asks for them, and
sends it a signal when its own parent dies. So this is a process of its own, which needs
nothing but Python's standard library.

Source: Linux manual pages, prctl(2), PR_SET_CHILD_SUBREAPER and PR_SET_PDEATHSIG.
"""

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
NOT_STARTED = 127  # the exit status of a shell that finds no such program
ENDING = {signal.SIGTERM, signal.SIGHUP, signal.SIGINT}  # parity wants no more, or is gone
HEARD = {*ENDING, signal.SIGCHLD}
PATIENCE = 5.0  # seconds in which what is killed has to be gone
prctl = ctypes.CDLL(None).prctl


def main(parent: int, command: list[str]) -> None:
    """Run the command, and end as it does."""
    for each in HEARD:  # whoever started parity may have had them ignored
        signal.signal(each, signal.SIG_DFL)
    # blocked, and waited for: nothing happens between two lines of this file
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    alive = os.getppid() == parent  # it may have died before it could be asked
    status = _wait(_start(command, before - HEARD)) if alive else 0
    _end_all()
    _end_as(status)


def _start(command: list[str], mask: set[int]) -> int:
    """The process of the command, at the head of a session of its own."""
    child = os.fork()
    if child == 0:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores
            os.setsid()
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            os.execvp(command[0], command)  # noqa: S606 - to run it is the task
        except OSError as error:
            os.write(2, os.fsencode(f"{command[0]}: {error.strerror}\n"))
        finally:
            os._exit(NOT_STARTED)
    for pipe in (0, 1):  # or its end would not be seen
        os.close(pipe)
    return child


def _wait(child: int) -> int:
    """The status of the child, 0 where it is not waited for any more; what else has
    ended is buried on the way.
    """
    while signal.sigwait(HEARD) == signal.SIGCHLD:
        for ended, status in _ended():
            if ended == child:
                return status
    return 0


def _ended() -> Iterator[tuple[int, int]]:
    """The children that have ended, orphans among them, and their status.
    Errors: ChildProcessError where there is no child at all.
    """
    while (ended := os.waitpid(-1, os.WNOHANG))[0]:
        yield ended


def _end_all() -> None:
    """Kill all that descends from here, until there is nobody left: then no orphan can
    come, either.
    """
    late = time.monotonic() + PATIENCE
    while time.monotonic() < late:
        for process, group in _descendants():
            _kill(os.kill, process)
            # at once, so that none is missed that is just being started; but not this
            # process's own group, which a child has for a moment
            _kill(os.killpg, group)
        try:
            for _ in _ended():
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def _kill(kill: Callable[[int, int], None], number: int) -> None:
    try:
        if number != os.getpid():
            kill(number, signal.SIGKILL)
    except OSError:  # it is gone, or somebody else's by now
        return


def _descendants() -> list[tuple[int, int]]:
    """The processes below this one, each with its group."""
    numbers = (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208
    lines = {number: line for number in numbers if (line := _parent_and_group(number))}
    below: list[tuple[int, int]] = []
    generation = [os.getpid()]
    while generation:
        generation = [number for number, (parent, _) in lines.items() if parent in generation]
        below += [(number, lines[number][1]) for number in generation]
    return below


def _parent_and_group(number: int) -> tuple[int, int] | None:
    """Those of a process, by its line in /proc; None where it is gone."""
    try:
        with open(f"/proc/{number}/stat", "rb") as line:  # noqa: PTH123 - no more imports
            # a program's name, in brackets, may have blanks and brackets of its own
            _, parent, group = line.read().rpartition(b")")[2].split()[:3]
    except (OSError, ValueError):
        return None
    return int(parent), int(group)


def _end_as(status: int) -> None:
    """End as the program has ended, so that whoever waits can say how."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
