"""From the outcomes of tasks to a report: what is wrong with a program, which
conventions it has, and how much of it can be said.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from parity.checking.calling.answers import fitted, with_beside
from parity.checking.program.outcome import REFUSAL, Outcome, Problem
from parity.checking.program.reading import KEYS
from parity.checking.tasks.declaration import Declaration
from parity.checking.tasks.task import Task
from parity.checking.verdict.coverage import (
    CHANGING,
    is_finite,
    reason_not_to_judge,
    tried,
    tries,
    untried,
)
from parity.checking.verdict.report import CheckReport
from parity.checking.verdict.results import results
from parity.checking.verdict.wording import REFUSES, findings_in_lines
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose_runs, vague
from parity.mistakes.diagnosis.finding import IMPRECISE, NOTE, UNEXPLAINED, Finding, in_words, some
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.search.replay import Run, simulate
from parity.mistakes.search.suspects import Suspect
from parity.mistakes.search.trials import Trials

Placed: TypeAlias = tuple[Finding, Sequence[str]]  # with the names of its tasks


def report(
    name: str,
    declared: Declaration,
    fits: Declaration,
    tasks: Sequence[Task],
    outcomes: Sequence[Outcome],
    problems: Sequence[Problem] = (),
    *,
    unanswered: Sequence[Task] = (),
    chosen: bool = False,
    explain: bool = False,
    by_lines: bool = False,
) -> CheckReport:
    """What these outcomes of these tasks say of a program: read them as runs, find what
    is wrong with those, and put it together with the problems that are of no task.
    The `unanswered` tasks come after these: the program ended in the first of them.
    Where somebody has `chosen` the tasks, they need not try all that was declared. To
    `explain` is to show what is wrong in numbers, too.
    """
    both = list(zip(tasks, outcomes, strict=True))
    ran = [(task, outcome) for task, outcome in both if outcome.supported]
    refused = [task for task, outcome in both if not outcome.supported]
    answered = [task for task, _ in ran]
    runs, misfits = fitted(answered, [outcome.arrays for _, outcome in ran], fits)
    runs = [with_beside(run, each) for run, (_, each) in zip(runs, ran, strict=True)]
    shown = _shown(outcomes)
    diagnosed = _diagnosed(runs, declared, [task.name for task in answered], explain=explain)
    every = [
        *((problem, "") for problem in (*problems, *_other_layout(declared, fits, by_lines))),
        *_of_calls(both, diagnosed, shown),
        *((problem, "") for problem in (*misfits, *_other_dtype(ran))),
    ]
    placed = [*_grouped(every), *((finding, finding.tasks) for finding in diagnosed)]
    is_wrong = any(finding.verdict == WRONG for finding, _ in placed)
    arrays = sum(len(outcome.arrays) for outcome in outcomes)
    unjudged = 0 if is_wrong else vague(runs, declared.followed)
    showing = [task for task, run in zip(answered, runs, strict=True) if is_wrong or tries(run)]
    covered = tried(showing or answered)
    silent = [task for task in answered if task not in showing] if showing else []
    refusal = REFUSES if by_lines else REFUSAL
    refusals = tuple(dict.fromkeys(outcome.refusal for outcome in outcomes if any(outcome.refusal)))
    first = _undeclared(declared) if is_wrong and answered else ()
    placed = [*((finding, ()) for finding in first), *_in_order(placed)]
    findings = [finding for finding, _ in placed]
    return CheckReport(
        name,
        tuple(findings_in_lines(findings) if by_lines else findings),
        tasks=tuple(task.name for task in answered),
        unsupported=tuple(task.name for task in refused),
        shown=shown,
        arrays=arrays,
        unjudged=unjudged,
        tried=covered,
        untried=untried(covered, [*refused, *silent], None if chosen else declared),
        reason=reason_not_to_judge(answered, runs, len(refused), shown, refusal, refusals)
        or (_DOUBTFUL if arrays and arrays == unjudged else ""),
        refusal=refusal,
        refusals=refusals,
        results=results(both, unanswered, [*_judged(answered, runs, findings)], placed),
    )


def _judged(
    tasks: Sequence[Task], runs: Sequence[Run], findings: Sequence[Finding]
) -> Iterator[str]:
    """The names of the tasks that show enough to say what is right and what is wrong:
    behind a NaN that nothing explains, nobody can.
    """
    lost = {name for each in findings if each.happens == UNEXPLAINED for name in each.tasks}
    for task, run in zip(tasks, runs, strict=True):
        if tries(run) and (is_finite(run) or task.name not in lost):
            yield task.name


_DOUBTFUL = "rounding may take half of the digits of every array that is shown"


def _shown(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """The quantities that were shown in any task; the output is the last of a."""
    keys = {key[1] for outcome in outcomes for key in outcome.arrays}
    return tuple(key for key in KEYS if key in keys or (key == "a" and "output" in keys))


def _of_calls(
    both: Iterable[tuple[Task, Outcome]], diagnosed: Sequence[Finding], shown: Sequence[str]
) -> Iterator[tuple[Problem, str]]:
    """The problems with the calls, and the task of each. An exception that a mistake
    leads to is none; and one of a program that shows its outputs alone is a note, for
    of its gradients nobody can say that they are wrong.
    """
    is_note = bool(shown) and not {*shown} & {*CHANGING}
    for task, outcome in both:
        if not (outcome.raised and _would_raise(task.inputs, diagnosed)):
            for problem in outcome.problems:
                verdict = NOTE if outcome.raised and is_note else problem.verdict
                yield problem._replace(verdict=verdict), task.name


def _other_layout(declared: Declaration, fits: Declaration, by_lines: bool) -> Iterator[Problem]:
    if fits != declared:
        has, want = (
            f"layout = {each.layout!r}, samples = {each.samples!r}" for each in (declared, fits)
        )
        wrong, right = ("wrong numbers", "right ones") if by_lines else ("an exception", "none")
        shows = "shows" if by_lines else "raises"
        yield Problem(
            WRONG,
            f"{shows} {wrong} with {has}, as declared or by default, but {right} with {want}",
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


def _would_raise(run: Run, diagnosed: Sequence[Finding]) -> bool:
    """Whether a program with one of these mistakes gets arrays here whose shapes do not
    go together: then an exception is no second mistake.
    """
    mistakes = [BY_ID[each.bug] for each in diagnosed if each.bug in BY_ID]
    for mistake in mistakes:
        try:
            simulate(run, [(mistake, mistake.layers(run.spec))])
        except (ValueError, IndexError):
            return True
    return False


def _grouped(problems: Iterable[tuple[Problem, str]]) -> Iterator[Placed]:
    """A finding for each problem, with the tasks in which it came up. Problems that
    differ in numbers alone are one, for tasks differ in shapes and steps.
    """
    groups: dict[tuple[str, ...], list[tuple[Problem, str]]] = {}
    for problem, task in problems:
        alike = tuple(NUMBER.sub("#", text) for text in problem._replace(detail=""))
        groups.setdefault(alike, []).append((problem, task))
    for places in groups.values():
        problem = places[0][0]
        tasks = list(dict.fromkeys(task for _, task in places if task))
        evidence = []
        if tasks:
            evidence = [f"In the task{'s' if len(tasks) > 1 else ''} {some(tasks)}."]
        if problem.detail:
            evidence.append(f"The message: {problem.detail}")
        finding = Finding(
            "",
            problem.verdict,
            where=problem.where,
            got=problem.got,
            expected=problem.expected,
            advice=problem.advice,
            evidence=tuple(evidence),
        )
        yield finding, tasks


# but not that of a line: two places in a program are two problems
NUMBER = re.compile(r"(?<!line )\b\d+\b")


def _diagnosed(
    runs: Sequence[Run], declared: Declaration, tasks: Sequence[str], *, explain: bool
) -> list[Finding]:
    """The diagnosis, without the declared conventions that it is better without; those
    are named, and those that are in use.
    """
    kept, notes = list(declared.followed), []
    findings = diagnose_runs(runs, kept, tasks, explain=explain) if runs else []
    for name in [name for name in kept if name in declared.conventions] if findings else ():
        others = [each for each in kept if each != name]
        without = diagnose_runs(runs, others, tasks, explain=explain)
        if len(without) < len(findings):
            kept.remove(name)
            findings = without
            got = f"conventions has {name!r}, which run does not follow"
            notes.append(Finding(name, NOTE, where="declaration", got=got))
    declarations = [name for name in kept if name in declared.conventions]
    used = (name for name in declarations if _is_in_use(name, kept, runs))
    notes += [Finding(name, NOTE, where="declared", formula=BY_ID[name].formula) for name in used]
    return [*(_as_declared(finding, declared) for finding in findings), *notes]


def _as_declared(finding: Finding, declared: Declaration) -> Finding:
    """A convention with a constant that was found, as a note where it is declared."""
    if finding.bug in declared.conventions and finding.verdict == CONVENTION:
        return Finding(finding.bug, NOTE, where="declared", formula=finding.formula)
    return finding


def _is_in_use(name: str, conventions: Sequence[str], runs: Sequence[Run]) -> bool:
    """Whether the runs are those of a program that follows this convention, too."""
    with_it = tuple(Suspect(BY_ID[each]) for each in conventions)
    without = tuple(suspect for suspect in with_it if suspect.mistake.id != name)
    trials = Trials(runs)
    return any(
        trials.first_off(i, with_it) is None and trials.first_off(i, without) is not None
        for i in range(len(runs))
    )


def _undeclared(declared: Declaration) -> Iterator[Finding]:
    """What fails may be what nobody said that it can do: that comes before all else."""
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


def _in_order(placed: Iterable[Placed]) -> list[Placed]:
    """What is wrong first, notes last."""
    order = (WRONG, CONVENTION, IMPRECISE, NOTE)
    return sorted(placed, key=lambda each: order.index(each[0].verdict))
