"""How many jobs share a piece of work, and their results in the order of the work."""

import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from functools import partial
from typing import Any

from parity.processes import cluster
from parity.processes.pool import Work, mapped

DIED = (
    "jobs: one of the processes has died or was ended, expected all to last; where memory runs "
    "out, ask for fewer"
)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def shared(
    work: Work, given: Sequence[Any], jobs: int | None, *, most: int | None = None
) -> Generator[Any, None, None]:
    """What the work makes of each that is given, in some order.

    So many jobs share it, by default one for each core, but at `most` so many as are
    worth it; and no more than there is work for. One is this process. Where somebody
    has set a backend of joblib, such as Dask's, that is where they run, as many as it
    has by default.

    Close it: that ends the processes. Errors: BrokenProcessPool where one has died; and
    what the work raises.
    """
    joblib = cluster.backend()
    if joblib is not None and jobs != 1:
        return cluster.spread(joblib, work, given, jobs)
    worth = cores() if most is None else min(most, cores())
    many = min(jobs or worth, len(given))
    return mapped(work, given, many if many > 1 else 0)


def in_order(
    work: Work, given: Sequence[Any], jobs: int | None, *, most: int | None = None
) -> Generator[Any, None, None]:
    """The same, in the order of what is given: nobody sees how many there were.

    Errors: ChildProcessError where a process has died; and what the work raises.
    """
    done: dict[int, Any] = {}
    numbered = shared(partial(_numbered, work), [*enumerate(given)], jobs, most=most)
    with closing(numbered) as answers:
        for number in range(len(given)):
            while number not in done:
                done.update([_next(answers)])
            yield done.pop(number)


def _next(answers: Iterator[Any]) -> tuple[int, Any]:
    """An answer with its number; one that was told to stop gives None."""
    with suppress(BrokenProcessPool, StopIteration):
        answer: tuple[int, Any] | None = next(answers)
        if answer is not None:
            return answer
    raise ChildProcessError(DIED)


def _numbered(work: Work, given: tuple[int, Any]) -> tuple[int, Any]:
    number, each = given
    return number, work(each)
