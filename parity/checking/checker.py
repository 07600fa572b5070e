"""check: is somebody's backpropagation right, and where it is not, which mistake is it.

`run(case)` is given a small training, a `Task`: names, plain arrays, a few steps of x,
y and a learning rate that changes. It returns one dict per step with whatever it has:
"output", "loss", "dW", "db", "W", "b" (after the step), and if it can "z", "a" and
"delta". The less it shows, the more is inferred.

>>> import parity
>>> parity.assert_correct(run)  # in a test suite; one test each: cases_for
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from parity.checking import calls
from parity.checking.answers import fitted
from parity.checking.calls import Program
from parity.checking.coverage import CHANGING, reason_not_to_judge, tried, tries, untried
from parity.checking.declaration import (
    Declaration,
    Undeclared,
    declaration_of,
    declaration_with,
    ignored,
)
from parity.checking.first_calls import Known, learn
from parity.checking.process.peer import Peer, command_peer, python_peer, words_of
from parity.checking.process.pipes import Clock, Ended
from parity.checking.program.origin import beside
from parity.checking.program.outcome import REFUSAL, Outcome, Problem, Unusable
from parity.checking.program.reading import KEYS
from parity.checking.program.text import printable
from parity.checking.report import CheckReport
from parity.checking.tasks import Task, tasks_for
from parity.checking.wording import REFUSES, findings_in_lines
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose_runs, vague
from parity.mistakes.diagnosis.finding import IMPRECISE, NOTE, Finding, in_words, some
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.search.replay import Run, simulate
from parity.mistakes.search.suspects import Suspect
from parity.mistakes.search.trials import Trials
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
    strict = flag("assert_correct", "strict", strict)
    checked = check(run, cases, hard=hard, seed=seed, **declared)
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
                printable(target),
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
    tasks: list[Task] = []
    outcomes: list[Outcome] = []
    try:
        known = learn(run, declared, cases, hard=hard, seed=seed)
        asked = tasks_for(known.declared, cases, hard=hard, seed=seed) if known.judged else []
        for number, task in enumerate(asked, start=1):
            on_task(task.name, number, len(asked))
            outcomes.append(calls.outcome(run, task, known.fits))
            tasks.append(task)
    except Ended as end:
        problems.insert(0, end.problem)
    return report(
        name,
        known.declared,
        known.fits,
        tasks,
        outcomes,
        [*problems, *known.problems],
        chosen=cases is not None or not known.judged,
        explain=explain,
        by_lines=isinstance(run, Peer) and run.by_lines,
    )


# from outcomes to the report


def report(
    name: str,
    declared: Declaration,
    fits: Declaration,
    tasks: Sequence[Task],
    outcomes: Sequence[Outcome],
    problems: Sequence[Problem] = (),
    *,
    chosen: bool = False,
    explain: bool = False,
    by_lines: bool = False,
) -> CheckReport:
    """What these outcomes of these tasks say of a program: read them as runs, find what
    is wrong with those, and put it together with the problems that are of no task.
    Where somebody has `chosen` the tasks, they need not try all that was declared. To
    `explain` is to show what is wrong in numbers, too.
    """
    both = list(zip(tasks, outcomes, strict=True))
    ran = [(task, outcome) for task, outcome in both if outcome.supported]
    refused = [task for task, outcome in both if not outcome.supported]
    answered = [task for task, _ in ran]
    runs, misfits = fitted(answered, [outcome.arrays for _, outcome in ran], fits)
    shown = _shown(outcomes)
    diagnosed = _diagnosed(runs, declared, [task.name for task in answered], explain=explain)
    every = [
        *((problem, "") for problem in (*problems, *_other_layout(declared, fits, by_lines))),
        *_of_calls(both, diagnosed, shown),
        *((problem, "") for problem in (*misfits, *_other_dtype(ran))),
    ]
    findings = [*_grouped(every), *diagnosed]
    is_wrong = any(finding.verdict == WRONG for finding in findings)
    arrays = sum(len(outcome.arrays) for outcome in outcomes)
    unjudged = 0 if is_wrong else vague(runs, declared.followed)
    showing = [task for task, run in zip(answered, runs, strict=True) if is_wrong or tries(run)]
    covered = tried(showing or answered)
    silent = [task for task in answered if task not in showing] if showing else []
    refusal = REFUSES if by_lines else REFUSAL
    first = _undeclared(declared) if is_wrong and answered else ()
    findings = [*first, *_in_order(findings)]
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
        reason=reason_not_to_judge(answered, runs, len(refused), shown, refusal)
        or (_DOUBTFUL if arrays and arrays == unjudged else ""),
        refusal=refusal,
    )


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


def _grouped(problems: Iterable[tuple[Problem, str]]) -> Iterator[Finding]:
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
        yield Finding(
            "",
            problem.verdict,
            where=problem.where,
            got=problem.got,
            expected=problem.expected,
            advice=problem.advice,
            evidence=tuple(evidence),
        )


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


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What is wrong first, notes last."""
    order = (WRONG, CONVENTION, IMPRECISE, NOTE)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.verdict)))
