"""All submissions of a class, each checked in a process of its own."""

import traceback
from collections.abc import Callable, Generator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from parity.checking.checker import check_command
from parity.checking.grading.submission import Submission
from parity.checking.grading.summary import ClassReport
from parity.checking.grading.targets import short_names, submissions
from parity.checking.program.outcome import Unusable
from parity.processes import cluster
from parity.processes.jobs import cores
from parity.processes.pool import Work, mapped

OURS = "this is a mistake of parity's own; please report it: "


class Given(NamedTuple):
    """One submission of a class, by its number."""

    number: int
    target: str
    name: str


Judged: TypeAlias = tuple[int, Submission]


def grade(
    programs: Sequence[str],
    *,
    jobs: int | None = 1,
    strict: bool = False,
    on_done: Callable[[Submission], object] = lambda submission: None,
    **options: Any,
) -> ClassReport:
    """`check_command` of each program with these options, by so many processes; None
    for one for each core, or as many as a backend of joblib has that somebody has set.

    `on_done` hears each submission as it is done. Where it is `strict`, a submission
    has to pass strictly.
    """
    named = zip(programs, short_names(programs), strict=True)
    given = [Given(number, *each) for number, each in enumerate(named)]
    done: dict[int, Submission] = {}
    work = partial(judge, strict=strict, **options)
    with closing(_rounds(work, given, jobs)) as rounds:
        for number, submission in rounds:
            done[number] = submission
            on_done(submission)
    return ClassReport(tuple(done[each.number] for each in given))


def _rounds(work: Work, given: Sequence[Given], jobs: int | None) -> Generator[Judged, None, None]:
    """Each submission with its number, as it is done, here or where a backend of joblib
    has its processes.
    """
    joblib = cluster.backend() if jobs != 1 else None
    if joblib is not None:
        return cluster.spread(joblib, work, given, jobs)
    return _rounds_here(work, given, jobs or cores())


def _rounds_here(work: Work, given: Sequence[Given], jobs: int) -> Generator[Judged, None, None]:
    """Each submission with its number, as it is done. Where a process of the pool has
    died, the others are given to a new one: those last that it was at work with, for
    one of them may have killed it; and one by one, where that brings nothing more.
    """
    rest, processes = [*given], min(jobs, len(given)) if jobs > 1 else 0
    while rest:
        before = {each.number for each in rest}
        with closing(mapped(work, rest, processes)) as answers, suppress(BrokenProcessPool):
            for answer in filter(None, answers):
                before.discard(answer[0])
                yield answer
        left = [each for each in rest if each.number in before]
        helps = len(left) < len(rest)
        if not helps and processes <= 1:
            lost, *left = left
            yield lost.number, Submission(lost.name, unusable=_died(lost))
        rest = [*left[processes:], *left[:processes]] if helps else left
        processes = processes if helps else 1


def _died(given: Given) -> str:
    return f"{given.name}: the process that judged it has died or was ended; check it alone"


def judge(given: Given, *, strict: bool, **options: Any) -> Judged:
    """One submission, with its number."""
    try:
        submissions([given.target])  # refuses a folder without any
        report = check_command(given.target, **options)
    except Unusable as error:
        return given.number, Submission(given.name, unusable=str(error))
    except OSError as error:  # as when there can be no more processes
        sentence = f"{given.name}: {error.strerror or error}"
        return given.number, Submission(given.name, unusable=sentence)
    except Exception as error:  # noqa: BLE001 - the others are judged all the same
        said = traceback.format_exception_only(error)[-1].strip()
        ours = f"{given.name}: {OURS}{said}"
        return given.number, Submission(given.name, unusable=ours, bug=traceback.format_exc())
    return given.number, Submission(given.name, report, strict=strict)
