"""check: is somebody's backpropagation right, and where it is not, which mistake is it.

`run(case)` is given a small training, a `Task`: names, plain arrays, a few steps of x,
y and a learning rate that changes. It returns one dict per step with whatever it has:
"output", "loss", "dW", "db", "W", "b" (after the step), and if it can "z", "a" and
"delta". The less it shows, the more is inferred.

>>> import parity
>>> parity.assert_correct(run)  # in a test suite; one test each: cases_for
"""

from collections.abc import Callable, Iterable
from typing import Any

from parity.checking.calling import calls
from parity.checking.calling.calls import Program
from parity.checking.calling.first_calls import Known, learn
from parity.checking.process.peer import Peer, command_peer, python_peer, words_of
from parity.checking.process.pipes import Clock, Ended
from parity.checking.program.origin import beside
from parity.checking.program.outcome import Outcome, Problem, Unusable
from parity.checking.program.text import LONGEST, printable
from parity.checking.tasks.declaration import (
    Declaration,
    Undeclared,
    declaration_of,
    declaration_with,
    ignored,
)
from parity.checking.tasks.task import Task, tasks_for
from parity.checking.verdict.judgement import report
from parity.checking.verdict.report import CheckReport
from parity.steps.cases import Case
from refnet.checks import flag, integer

Cases = Task | Case | str | Iterable[Task | Case | str]


def check(
    run: Program,
    cases: Cases | None = None,
    *,
    hard: bool = False,
    explain: bool = False,
    seed: int = 0,
    **declared: Any,
) -> CheckReport:
    """Run the program on the tasks in this process, and judge what it shows.

    An endless loop is not ended: `parity check` does that.

    The tasks try all that is declared, unless `cases` are given: tasks, cases of the
    table or names of probes. `hard` adds tasks at the edge of what floats can hold; to
    `explain` is to show what is wrong in numbers, in finding.example. Another `seed`
    draws other numbers.
    What the program supports and how it lays out its arrays is given by keyword, or as
    attributes of `run`, or as names in its module: see `Declaration`.

    report.passed says whether it is right; report.findings what is wrong and which
    conventions it has, each with its tasks (finding.tasks), what those have in common
    (finding.where), what the program computes (finding.formula) and what to declare if
    it is meant (finding.declare); report.tried and report.untried what that covers.

    Errors: ValueError for an unknown name, for a mistake among the conventions, where
    too little is declared, or for a negative seed; TypeError where `run` cannot be
    called, or `hard` or `explain` is neither True nor False.
    """
    if not callable(run):
        raise TypeError(f"check: run has type {type(run).__name__}, expected a function")
    hard, explain = flag("check", "hard", hard), flag("check", "explain", explain)
    seed = integer("check", "seed", seed, 0)
    name = getattr(run, "__name__", type(run).__name__)
    declaration, notes = declaration_of(run, **declared), ignored(beside(run))
    return _checked(name, run, declaration, notes, cases, hard=hard, explain=explain, seed=seed)


def assert_correct(
    run: Program,
    cases: Cases | None = None,
    *,
    hard: bool = False,
    strict: bool = False,
    seed: int = 0,
    **declared: Any,
) -> None:
    """`check` for a test suite. Where it is `strict`, conventions that are not
    declared, lost digits, and what was declared and not tried fail, too.

    Errors: AssertionError with the report where it is not shown to be right: where it
    is wrong, or not judged. The errors of `check`.
    """
    __tracebackhide__ = True  # a failure shows the report, and no frame of ours
    strict = flag("assert_correct", "strict", strict)
    try:
        checked = check(run, cases, hard=hard, seed=seed, **declared)
    except Undeclared as error:  # whose sentence is enough
        raise error.with_traceback(None) from None
    if not (checked.strictly_passed if strict else checked.passed):
        raise AssertionError(str(checked))


def cases_for(
    run: Callable[..., Any], *, hard: bool = False, seed: int = 0, **declared: Any
) -> list[Task]:
    """The tasks of `check`, to parametrise a test with: pass each of them to
    `assert_correct`.
    """
    hard, seed = flag("cases_for", "hard", hard), integer("cases_for", "seed", seed, 0)
    known = learn(run, declaration_of(run, **declared), hard=hard, seed=seed)
    return tasks_for(known.declared, hard=hard, seed=seed)


def check_command(
    target: str,
    *,
    command: bool = False,
    hard: bool = False,
    timeout: float = 60.0,
    explain: bool = False,
    seed: int = 0,
    on_task: Callable[[str, int, int], object] = lambda name, number, count: None,
    **declared: Any,
) -> CheckReport:
    """`check` of FILE_OR_MODULE[:NAME], or of a program in any language that a
    `command` starts, in a process of its own, which is ended when its time is up.

    `on_task` hears each task before it is done: its name, its number, and how many
    there are.

    Errors: Unusable where there is no such program, or where it cannot be judged by
    what it declares.
    """
    clock = Clock(timeout)
    peer = command_peer(words_of(target), clock) if command else python_peer(target, clock)
    try:
        with peer:
            return _checked(
                printable(target[: 5 * LONGEST]),
                peer,
                declaration_with(peer.said, declared),
                ignored(peer.looks),
                hard=hard,
                explain=explain,
                seed=seed,
                on_task=on_task,
            )
    except Undeclared as error:
        raise Unusable(str(error)) from None


def _checked(
    name: str,
    run: Program,
    declared: Declaration,
    notes: Iterable[Problem],
    cases: Cases | None = None,
    *,
    hard: bool,
    explain: bool,
    seed: int,
    on_task: Callable[[str, int, int], object] = lambda name, number, count: None,
) -> CheckReport:
    """The report on a program here, or in a process of its own; where that ends before
    its tasks do, on those that it has done.
    """
    known, problems = Known(declared, declared), [*notes]
    asked: list[Task] = []
    outcomes: list[Outcome] = []
    try:
        known = learn(run, declared, cases, hard=hard, seed=seed)
        asked = tasks_for(known.declared, cases, hard=hard, seed=seed) if known.judged else []
        for number, task in enumerate(asked, start=1):
            on_task(task.name, number, len(asked))
            outcomes.append(calls.outcome(run, task, known.fits))
    except Ended as end:
        problems.insert(0, end.problem)
    return report(
        name,
        known.declared,
        known.fits,
        asked[: len(outcomes)],
        outcomes,
        [*problems, *known.problems],
        unanswered=asked[len(outcomes) :],
        chosen=cases is not None or not known.judged,
        explain=explain,
        by_lines=isinstance(run, Peer) and run.by_lines,
    )
