"""What each command does: it prints on a screen, and returns the last line, whether all
is right, and the results as data.
"""

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from parity.checking import templates
from parity.checking.grading.targets import is_class
from parity.checking.program.outcome import Unusable
from parity.checking.program.text import printable
from parity.cli import grading
from parity.mistakes.diagnosis.finding import WIDTH
from parity.screen import Screen, naming, width
from parity.steps.cases import CASES


class Performed(NamedTuple):
    """What a command has done.

    text      its last line; "" where it has none
    passed    whether all is right
    results   what it came to, as data
    files     the texts that are to be written, by their files
    error     what is raised once all of this is printed and written
    """

    text: str
    passed: bool
    results: dict[str, Any]
    files: tuple[tuple[Path, str], ...] = ()
    error: Exception | None = None


def run(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """The main job: digits side by side, then the case table."""
    try:
        report = import_module("parity.experiments.job.main_job").run(
            screen, arguments.seed, arguments.epochs, CASES, verbose=arguments.verbose
        )
    except FloatingPointError as refusal:  # a step that refnet refuses to take
        return Performed(f"DISAGREE. refnet refuses a step: {refusal}", False, {})
    if arguments.plot is not None:
        import_module("parity.experiments.job.figure").draw(report, arguments.plot)
    return Performed(report.verdict, report.problem is None, report.as_json())


def soundness(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """Random runs of both sides: how many bounds are broken, and the shares used."""
    with screen.progress("runs", arguments.cases) as advance:
        report = import_module("parity.experiments.soundness").soundness(
            arguments.cases, arguments.seed, advance, arguments.jobs
        )
    return _printed(screen, report)


def power(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """Injected scale errors: the smallest that is noticed, by these bounds and by
    others' tolerances.
    """
    with screen.progress("nets", arguments.nets) as advance:
        report = import_module("parity.experiments.power").power(
            arguments.nets, arguments.seed, advance
        )
    return _printed(screen, report)


def check(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """Somebody's backpropagation: is it right, and if not, which mistake is it; or that
    of a whole class.
    """
    try:
        return _check(screen, arguments)
    except Unusable as error:
        room = import_module("parity.checking.grading.submission")
        return Performed("", False, room.unusable_as_json(str(error)), error=error)


def _check(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """The same. Errors: Unusable where there is nothing to check."""
    options = {
        "hard": arguments.hard,
        "explain": arguments.explain,
        "timeout": arguments.timeout,
        "seed": arguments.seed,
        **grading.declared(arguments),
    }
    if arguments.command_line is None and is_class(arguments.programs):
        return _check_class(screen, arguments, options)
    submission = _checked(screen, arguments, options)
    files = grading.files([submission], arguments)
    if submission.report is None:
        results, error = submission.as_json(), Unusable(submission.unusable)
        return Performed("", False, results, files, error)
    *lines, _, verdict = submission.lines(
        width(WIDTH), points=arguments.points, verbose=arguments.verbose
    )
    _print(screen, lines)
    return Performed(verdict, submission.passed, submission.as_json(), files)


def _checked(screen: Screen, arguments: argparse.Namespace, options: dict[str, Any]) -> Any:
    """One program as a submission."""
    is_command = arguments.command_line is not None
    target = arguments.command_line if is_command else arguments.programs[0]
    check_command = import_module("parity.checking.checker").check_command
    kind = import_module("parity.checking.grading.submission").Submission
    try:
        with screen.tasks() as on_task:
            report = check_command(target, command=is_command, on_task=on_task, **options)
    except Unusable as error:
        return kind(printable(target), unusable=str(error))
    return kind(report.name, report, strict=arguments.strict)


def _check_class(
    screen: Screen, arguments: argparse.Namespace, options: dict[str, Any]
) -> Performed:
    """Every submission of a class."""
    report = grading.graded(screen, arguments, options)
    verdict, *lines = report.lines(width(WIDTH), points=arguments.points, verbose=arguments.verbose)
    _print(screen, lines)
    files = grading.files(report.submissions, arguments)
    error: Exception | None = None
    if report.bugs:
        error = RuntimeError("\n".join(report.bugs))
    elif not report.usable:
        error = Unusable(f"check: not one of {len(report.submissions)} submissions can be checked")
    return Performed(verdict, report.passed, report.as_json(), files, error)


def vectors(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """The test vectors, in a folder."""
    files = import_module("parity.checking.vectors.files")
    names, count = files.copy_to(arguments.folder), len(files.vectors())
    _print(screen, names)
    verdict = (
        f"{printable(str(arguments.folder))} has version {files.VERSION} of the test vectors: "
        f"{count} trainings, their schema and a README"
    )
    return Performed(verdict, True, {"version": files.VERSION, "files": names})


def page(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """The page, in a file, and open in the browser where somebody looks."""
    room = import_module("parity.page.writing")
    scenes, file = room.examples(), arguments.file
    with naming(file):
        file.write_text(room.page_text(scenes), encoding="utf-8", newline="")
    wanted = sys.stdout.isatty() if arguments.open is None else arguments.open
    is_open = wanted and import_module("webbrowser").open(file.resolve().as_uri())
    titles, mistakes = [scene["title"] for scene in scenes], [*room.SWITCHED]
    _print(screen, titles)
    verdict = (
        f"{printable(str(file))} has the page: {len(titles)} examples and {len(mistakes)} mistakes "
        f"to switch on; {'the browser has it' if is_open else 'open it in a browser'}"
    )
    results = {"file": str(file.resolve()), "examples": titles, "mistakes": mistakes}
    return Performed(verdict, True, {**results, "opened": is_open})


def begin(file: Path) -> None:
    """Write a program to start from, where there is no file yet. Errors: OSError."""
    command = templates.begin(file)
    print(
        f"{printable(str(file))} is written, with a network that is right. Put yours in its place, "
        f"then: {command}"
    )


def bugs(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """The mutation score of the catalogue, or of some of its mistakes, which are then
    explained; or the list of them; or what is explained without it, of its entries or
    of mechanical mutants.
    """
    if arguments.mutants:
        return _mutants(screen, arguments)
    catalogue = import_module("parity.mistakes.catalogue.index").BY_ID
    for name in arguments.ids:
        if name not in catalogue:
            near = get_close_matches(name, catalogue, cutoff=0.0)
            raise Unusable(
                f"bugs: ID has {name!r}, expected a name of the catalogue, such as "
                f"{', '.join(near)}"
            )
    if arguments.list:
        listed = [catalogue[name] for name in arguments.ids or catalogue]
        for mistake in listed:
            screen.line(mistake.summary)
        entries = {"entries": [mistake.summary for mistake in listed]}
        return Performed(f"{len(listed)} entries; `parity bugs ID` explains one", True, entries)
    if arguments.without_catalogue:
        return _without_catalogue(screen, arguments.ids or [*catalogue], arguments.jobs)
    for name in arguments.ids:
        for line in catalogue[name].lines():
            screen.line(line)
        screen.line()
    ids = arguments.ids or [*catalogue]
    with screen.progress("mistakes", len(ids)) as advance:
        report = import_module("parity.experiments.mutations.mutation_score").score(
            ids, on_progress=advance, jobs=arguments.jobs
        )
    return _printed(screen, report)


def _without_catalogue(screen: Screen, ids: Sequence[str], jobs: int | None) -> Performed:
    """Which of these entries are explained by a formula."""
    room = import_module("parity.experiments.mutations.recovery_score")
    with screen.progress("entries", len(ids)) as advance:
        return _printed(screen, room.recovery_score(ids, on_progress=advance, jobs=jobs))


def _mutants(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """Which mechanical mutants are caught and explained, and how."""
    if arguments.ids:
        raise Unusable("bugs: --mutants has an ID, expected none")
    room = import_module("parity.experiments.mutations.mechanical.mutant_score")
    numbers = room.spread()
    with screen.progress("mutants", len(numbers)) as advance:
        report = room.mutant_score(numbers, on_progress=advance, jobs=arguments.jobs)
    verdict, *lines = report.lines(verbose=arguments.verbose)
    _print(screen, lines)
    return Performed(verdict, report.passed, report.as_json())


def bench(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """How long a step and a training take, beside PyTorch, JAX, scikit-learn and
    loops.
    """
    room = import_module("parity.bench.benchmark")
    try:
        report = room.run(screen, room.QUICK if arguments.quick else room.FULL, arguments.seed)
    except FloatingPointError as refusal:  # a step that refnet refuses to take
        return Performed(f"WRONG. {refusal}", False, {})
    if arguments.plot is not None:
        import_module("parity.bench.figure").draw(report, arguments.plot)
    return Performed(report.verdict, report.passed, report.as_json())


def _printed(screen: Screen, report: Any) -> Performed:
    """A report's lines, the first of which is the verdict and comes last."""
    verdict, *lines = report.lines()
    _print(screen, lines)
    return Performed(verdict, report.passed, report.as_json())


def _print(screen: Screen, lines: Sequence[str]) -> None:
    """Lines below an empty one."""
    screen.line()
    for line in lines:
        screen.line(line)
