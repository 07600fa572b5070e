"""check: is somebody's backpropagation right, and where it is not, which mistake is it.

`run(case)` is given a small training, a `Task`: names, plain arrays, a few steps of x,
y and a learning rate that changes. It returns one dict per step with whatever it has:
"output", "loss", "dW", "db", "W", "b" (after the step), and if it can "z", "a" and
"delta". The less it shows, the more is inferred.

>>> import parity
>>> parity.assert_correct(run)  # in a test suite; one test each: cases_for
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from parity.checking import calls, process
from parity.checking.answers import KEYS, Problem, fitted
from parity.checking.calls import Outcome, Program
from parity.checking.declaration import Declaration, declaration_of
from parity.checking.report import CheckReport, some
from parity.checking.tasks import Task, tasks_for
from parity.mistakes.diagnosis.diagnosis import diagnose_runs, vague
from parity.mistakes.diagnosis.finding import IMPRECISE, NOTE, Finding, in_words
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.search.replay import Run
from parity.steps.cases import Case

Cases = Task | Case | str | Iterable[Task | Case | str]


def check(
    run: Program, cases: Cases | None = None, *, hard: bool = False, **declared: Any
) -> CheckReport:
    """Run the program on the tasks in this process, and judge what it shows.

    An endless loop is not ended: `parity check` does that.

    `cases` are tasks, cases of the table or names of probes; `hard` adds tasks at the
    edge of what floats can hold. What the program supports and how it lays out its
    arrays is given by keyword, or as attributes of `run`, or as names in its module.

    Errors: ValueError for an unknown name, TypeError where `run` cannot be called.
    """
    if not callable(run):
        raise TypeError(f"check: run has type {type(run).__name__}, expected a function")
    given = declaration_of(run, **declared)
    tasks = tasks_for(given, cases, hard=hard)
    fits = calls.layout_of(run, calls.telling(tasks), given)
    outcomes = [calls.outcome(run, task, fits) for task in tasks]
    name = getattr(run, "__name__", type(run).__name__)
    return report(name, given, fits, tasks, outcomes)


def assert_correct(
    run: Program, cases: Cases | None = None, *, hard: bool = False, **declared: Any
) -> None:
    """`check` for a test suite.
    Errors: AssertionError with the report where something is wrong.
    """
    checked = check(run, cases, hard=hard, **declared)
    if not checked.passed:
        raise AssertionError(str(checked))


def cases_for(run: Callable[..., Any], *, hard: bool = False, **declared: Any) -> list[Task]:
    """The tasks of `check`, to parametrise a test with: pass each of them to
    `assert_correct`.
    """
    return tasks_for(declaration_of(run, **declared), hard=hard)


def check_command(
    target: str, *, hard: bool = False, timeout: float = 60.0, **declared: Any
) -> CheckReport:
    """`check` of FILE_OR_MODULE[:NAME] in a process of its own, which is ended when its
    time is up.

    Errors: Unusable where there is no such program.
    """
    done = process.perform(target, declared, hard=hard, timeout=timeout)
    finished = [
        (task, outcome)
        for task, outcome in zip(done.tasks, done.outcomes, strict=True)
        if outcome is not None
    ]
    tasks, outcomes = [task for task, _ in finished], [outcome for _, outcome in finished]
    ended = [Problem(WRONG, done.ended, "one dict for each step")] if done.ended else []
    return report(target, done.declared, done.fits, tasks, outcomes, ended)


# from outcomes to the report


def report(
    name: str,
    declared: Declaration,
    fits: Declaration,
    tasks: Sequence[Task],
    outcomes: Sequence[Outcome],
    ended: Sequence[Problem] = (),
) -> CheckReport:
    """What these outcomes of these tasks say of a program: read them as runs, find what
    is wrong with those, and put both together.
    """
    both = list(zip(tasks, outcomes, strict=True))
    tried = [(task, outcome) for task, outcome in both if outcome.supported]
    runs, misfits = fitted(
        [task for task, _ in tried], [outcome.arrays for _, outcome in tried], fits
    )
    shown = {key[1] for _, outcome in tried for key in outcome.arrays}
    calling = [(problem, "") for problem in (*ended, *_other_layout(declared, fits))]
    calling += [(problem, task.name) for task, outcome in both for problem in outcome.problems]
    reading = [*misfits, *_other_dtype(tried)]
    if not shown and not any(problem.verdict == WRONG for problem, _ in calling):
        reading.append(_NOTHING)
    findings = [
        *_grouped([*calling, *((problem, "") for problem in reading)]),
        *_diagnosed(runs, declared),
    ]
    arrays = sum(len(outcome.arrays) for _, outcome in tried)
    unjudged = vague(runs, declared.conventions) if not findings else 0
    if arrays and arrays == unjudged:
        findings = [*_grouped([(_NOTHING, "")])]
    elif any(finding.verdict == WRONG for finding in findings):
        findings += _undeclared(declared)
    return CheckReport(
        name,
        _in_order(findings),
        tasks=tuple(task.name for task, _ in tried),
        unsupported=tuple(task.name for task, outcome in both if not outcome.supported),
        shown=tuple(key for key in KEYS if key in shown or (key == "a" and "output" in shown)),
        arrays=arrays,
        unjudged=unjudged,
    )


_NOTHING = Problem(
    WRONG, "shows nothing that can be judged", f"dicts with keys among {', '.join(KEYS)}"
)


def _other_layout(declared: Declaration, fits: Declaration) -> Iterator[Problem]:
    if fits != declared:
        has, want = (
            f"layout = {each.layout!r}, samples = {each.samples!r}" for each in (declared, fits)
        )
        yield Problem(
            WRONG,
            f"raises an exception with {has}, as declared or by default, but none with {want}",
            advice=f"declare {want}",
        )


def _other_dtype(tried: Sequence[tuple[Task, Outcome]]) -> Iterator[Problem]:
    """A dtype that is not the declared one."""
    dtypes = {
        (task.dtype, str(array.dtype), key[1])
        for task, outcome in tried
        for key, array in outcome.arrays.items()
        if key[1] != "loss"  # a number of Python's, as often as not
    }
    for want in sorted({want for want, _, _ in dtypes}):
        for has in sorted({has for declared, has, _ in dtypes if declared == want != has}):
            names = ", ".join(name for name in KEYS if (want, has, name) in dtypes)
            yield Problem(
                NOTE,
                f"{names}: dtype is {has}",
                want,
                f"it is judged by the precision of {want}",
            )


def _grouped(problems: Iterable[tuple[Problem, str]]) -> Iterator[Finding]:
    """A finding for each problem, with the tasks in which it came up."""
    groups: dict[Problem, list[tuple[str, str]]] = {}
    for problem, task in problems:
        groups.setdefault(problem._replace(detail=""), []).append((task, problem.detail))
    for problem, places in groups.items():
        tasks = list(dict.fromkeys(task for task, _ in places if task))
        evidence = []
        if tasks:
            evidence = [f"In the task{'s' if len(tasks) > 1 else ''} {some(tasks)}."]
        if message := places[0][1]:
            evidence.append(f"The message: {message}")
        yield Finding(
            "",
            problem.verdict,
            where="run",
            got=problem.got,
            expected=problem.expected,
            advice=problem.advice,
            evidence=tuple(evidence),
        )


def _diagnosed(runs: Sequence[Run], declared: Declaration) -> list[Finding]:
    """The diagnosis, without the declared conventions that it is better without; those
    are named.
    """
    kept, unused = list(declared.conventions), []
    findings = diagnose_runs(runs, kept) if runs else []
    for name in declared.conventions if findings else ():
        without = diagnose_runs(runs, [each for each in kept if each != name])
        if len(without) < len(findings):
            kept.remove(name)
            findings = without
            got = f"conventions has {name!r}, which run does not follow"
            unused.append(Finding(name, NOTE, where="declaration", got=got))
    return [*findings, *unused]


def _undeclared(declared: Declaration) -> Iterator[Finding]:
    """What fails may be what nobody said that it can do."""
    names = [
        name for name in ("activations", "losses", "optimizers") if getattr(declared, name) is None
    ]
    if names:
        yield Finding(
            "",
            NOTE,
            where="declaration",
            got=f"{in_words(names)} are not declared, so run was given all of them",
            advice="if it knows only some, say which, as in optimizers = ('sgd',)",
        )


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What is wrong first, notes last."""
    order = (WRONG, CONVENTION, IMPRECISE, NOTE)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.verdict)))
