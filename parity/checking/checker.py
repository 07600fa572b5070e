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
from parity.checking.report import CONVENTION, NOTE, WRONG, CheckReport, some
from parity.checking.tasks import Task, tasks_for
from parity.mistakes.diagnosis import Finding, diagnose_runs, vague
from parity.mistakes.replay import Run
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
    said = declaration_of(run, **declared)
    tasks = tasks_for(said, cases, hard=hard)
    fits = calls.layout_of(run, calls.telling(tasks), said)
    found = [calls.outcome(run, task, fits) for task in tasks]
    return report(getattr(run, "__name__", type(run).__name__), said, fits, tasks, found)


def assert_correct(
    run: Program, cases: Cases | None = None, *, hard: bool = False, **declared: Any
) -> None:
    """`check` for a test suite.
    Errors: AssertionError with the report where something is wrong.
    """
    found = check(run, cases, hard=hard, **declared)
    if not found.passed:
        raise AssertionError(str(found))


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
    came = [
        (task, found)
        for task, found in zip(done.tasks, done.outcomes, strict=True)
        if found is not None
    ]
    ended = [Problem(WRONG, done.ended)] if done.ended else []
    return report(
        target,
        done.declared,
        done.fits,
        [task for task, _ in came],
        [found for _, found in came],
        ended,
    )


def report(
    name: str,
    declared: Declaration,
    fits: Declaration,
    tasks: Sequence[Task],
    outcomes: Sequence[Outcome],
    ended: Sequence[Problem] = (),
) -> CheckReport:
    """What is to be said of these outcomes of these tasks."""
    both = list(zip(tasks, outcomes, strict=True))
    tried = [(task, found) for task, found in both if found.supported]
    problems = [(problem, "") for problem in (*ended, *_other_layout(declared, fits))]
    problems += [(problem, task.name) for task, found in both for problem in found.problems]
    runs, misfits = fitted([task for task, _ in tried], [found.arrays for _, found in tried], fits)
    shown = {key[1] for _, found in tried for key in found.arrays}
    problems += [
        (problem, "") for problem in (*misfits, *_nothing(shown, problems), *_other_dtype(tried))
    ]
    findings = [*_grouped(problems), *_diagnosed(runs, declared)]
    findings += (
        _undeclared(declared) if any(finding.verdict == WRONG for finding in findings) else ()
    )
    names = tuple(task.name for task, _ in tried)
    unsupported = tuple(task.name for task, found in both if not found.supported)
    judged = tuple(name for name in KEYS if name in shown or (name == "a" and "output" in shown))
    counts = (
        sum(len(found.arrays) for _, found in tried),
        vague(runs, declared.conventions) if not findings else 0,
    )
    if counts[0] and counts[0] == counts[1]:
        findings = list(_grouped((problem, "") for problem in _nothing(set(), ())))
    return CheckReport(name, _in_order(findings), names, unsupported, judged, *counts)


def _undeclared(declared: Declaration) -> Iterator[Finding]:
    """What fails may be what nobody said that it can do."""
    names = [
        name for name in ("activations", "losses", "optimizers") if getattr(declared, name) is None
    ]
    if names:
        *most, last = names
        what = f"{', '.join(most)} and {last}" if most else last
        told = f"declaration: says nothing of {what}, so run was given all of them"
        yield Finding(
            "", NOTE, f"{told}; if it knows only some, say which, as in optimizers = ('sgd',)"
        )


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What is wrong first, notes last."""
    order = (WRONG, CONVENTION, "imprecise", NOTE)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.verdict)))


def _other_layout(declared: Declaration, fits: Declaration) -> Iterator[Problem]:
    if fits != declared:
        has, want = (
            f"layout = {each.layout!r}, samples = {each.samples!r}" for each in (declared, fits)
        )
        yield Problem(
            WRONG,
            f"run: raises an exception with {has}, as declared or by default, but none with "
            f"{want}: declare that",
        )


def _nothing(shown: set[str], problems: Sequence[tuple[Problem, str]]) -> Iterator[Problem]:
    if not shown and not any(problem.verdict == WRONG for problem, _ in problems):
        yield Problem(
            WRONG,
            f"run: shows nothing that can be judged, expected dicts with keys among "
            f"{', '.join(KEYS)}",
        )


def _other_dtype(tried: Sequence[tuple[Task, Outcome]]) -> Iterator[Problem]:
    """A dtype that is not the declared one."""
    pairs = {
        (task.dtype, str(a.dtype), key[1])
        for task, found in tried
        for key, a in found.arrays.items()
        if key[1] != "loss"
    }
    for want in sorted({want for want, _, _ in pairs}):
        for has in sorted({has for declared, has, _ in pairs if declared == want != has}):
            names = ", ".join(name for name in KEYS if (want, has, name) in pairs)
            yield Problem(
                NOTE,
                f"run: {names}: dtype is {has}, expected {want}, by whose precision it is judged",
            )


def _grouped(problems: Iterable[tuple[Problem, str]]) -> Iterator[Finding]:
    """A finding for each sentence, with the tasks that it is true of."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for problem, task in problems:
        groups.setdefault((problem.verdict, problem.sentence), []).append((task, problem.detail))
    for (verdict, sentence), found in groups.items():
        tasks = list(dict.fromkeys(task for task, _ in found if task))
        detail = f": {found[0][1]}" if found[0][1] else ""
        yield Finding(
            "", verdict, sentence, evidence=(f"In {some(tasks)}{detail}",) if tasks else ()
        )


def _diagnosed(runs: Sequence[Run], declared: Declaration) -> list[Finding]:
    """The diagnosis, without the declared conventions that it is better without; those
    are named.
    """
    kept, unused = list(declared.conventions), []
    found = diagnose_runs(runs, kept) if runs else []
    for name in declared.conventions if found else ():
        without = diagnose_runs(runs, [each for each in kept if each != name])
        if len(without) < len(found):
            kept.remove(name)
            found = without
            unused.append(
                Finding(
                    name, NOTE, f"declaration: conventions has {name!r}, which run does not follow"
                )
            )
    return [*found, *unused]
