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

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
NOT_STARTED = 127  # the exit status of a shell that finds no such program
PATIENCE = 1.0  # seconds in which what is killed has to be gone
prctl = ctypes.CDLL(None).prctl


class Dismissed(Exception):
    """parity wants no more, or is gone."""


def main(parent: int, command: list[str]) -> None:
    """Run the command, and end as it does."""
    signal.signal(signal.SIGTERM, _dismiss)
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    status = 0
    try:
        if os.getppid() == parent:  # it may have died before it could be asked
            status = _wait(_start(command))
    except Dismissed:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_all()
    _end_as(status)


def _dismiss(number: int, frame: object) -> None:
    raise Dismissed


def _start(command: list[str]) -> int:
    """The process of the command, at the head of a session of its own."""
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores
            os.execvp(command[0], command)  # noqa: S606 - to run it is the task
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(NOT_STARTED)
    for pipe in (0, 1):  # or its end would not be seen
        os.close(pipe)
    return child


def _wait(child: int) -> int:
    """The status of the child; what else has ended is buried on the way."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            return status


def _end_all() -> None:
    """Kill all that descends from here, until there is nothing more."""
    late = time.monotonic() + PATIENCE
    while (living := _descendants()) and time.monotonic() < late:
        for each in living:
            try:
                os.kill(each, signal.SIGKILL)
            except OSError:  # it is gone, or somebody else's by now
                continue
        _bury()
        time.sleep(0.002)


def _bury() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:  # there is nobody left
        return


def _descendants() -> list[int]:
    """The processes below this one."""
    numbers = (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - no more imports
    parents = {number: parent for number in numbers if (parent := _parent(number))}
    below: list[int] = []
    generation = [os.getpid()]
    while generation:
        generation = [child for child, parent in parents.items() if parent in generation]
        below += generation
    return below


def _parent(number: int) -> int:
    """The parent of a process, by its line in /proc; 0 where it is gone."""
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as line:  # noqa: PTH123
            # a program's name, in brackets, may have blanks and brackets of its own
            state, parent = line.read().rpartition(")")[2].split()[:2]
    except OSError:
        return 0
    return 0 if state == "Z" else int(parent)


def _end_as(status: int) -> None:
    """End as the program has ended, so that whoever waits can say how."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
