"""All submissions of a class, each checked in a process of its own."""

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

from parity.checking.checker import check_command
from parity.checking.grading.pool import mapped
from parity.checking.grading.submission import Submission
from parity.checking.grading.summary import ClassReport
from parity.checking.grading.targets import short_names
from parity.checking.program.outcome import Unusable

DIED = "a process that judges has died, as where there is too little memory; check it alone"
STOPPED = "the process that judged it was told to stop; check it alone"
OURS = "this is a mistake of parity's own; please report it: "


class Given(NamedTuple):
    """One submission of a class, by its number."""

    number: int
    target: str
    name: str


def grade(
    programs: Sequence[str],
    *,
    jobs: int = 1,
    strict: bool = False,
    on_done: Callable[[Submission], object] = lambda submission: None,
    **options: Any,
) -> ClassReport:
    """`check_command` of each program with these options, by so many processes.

    `on_done` hears each submission as it is done. Where it is `strict`, a submission
    has to pass strictly.
    """
    named = zip(programs, short_names(programs), strict=True)
    given = [Given(number, *each) for number, each in enumerate(named)]
    done: dict[int, Submission] = {}
    work = partial(judge, strict=strict, **options)
    try:
        with closing(mapped(work, given, min(jobs, len(given)))) as answers:
            for number, submission in filter(None, answers):
                done[number] = submission
                on_done(submission)
        missing = STOPPED
    except BrokenProcessPool:
        missing = DIED
    for each in given:
        if each.number not in done:
            done[each.number] = Submission(each.name, unusable=f"{each.name}: {missing}")
            on_done(done[each.number])
    return ClassReport(tuple(done[each.number] for each in given))


def judge(given: Given, *, strict: bool, **options: Any) -> tuple[int, Submission]:
    """One submission, with its number."""
    try:
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
