"""A class at the command line: what is declared for all, progress, and files."""

import argparse
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from parity.checking.grading.targets import is_folder, left_out, submissions
from parity.checking.program.names import KINDS
from parity.checking.program.outcome import Unusable
from parity.checking.program.text import printable
from parity.mistakes.diagnosis.finding import some
from parity.screen import Screen


def declared(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is declared by options, before all that files declare.
    Errors: Unusable where that is nothing that can be declared.
    """
    given = {name: getattr(arguments, name) for name in KINDS}
    room = import_module("parity.checking.tasks.declaration")
    try:
        room.declaration(**given)
    except room.Undeclared as error:
        raise Unusable(str(error)) from None
    return given


def graded(screen: Screen, arguments: argparse.Namespace, options: dict[str, Any]) -> Any:
    """The report of a class; each submission is a line when it is done."""
    targets = submissions(arguments.programs)
    folders = [printable(each) for each in arguments.programs if is_folder(each)]
    count = f"{len(targets)} submission{'' if len(targets) == 1 else 's'}"
    screen.line(f"{count}{f' in {folders[0]}' if len(folders) == 1 else ''}")
    if others := left_out(arguments.programs):
        screen.line(f"left out: {some(others)}")
    with screen.submissions(len(targets)) as tell:
        return import_module("parity.checking.grading.grade").grade(
            targets,
            jobs=arguments.jobs,
            strict=arguments.strict,
            on_done=lambda each: tell(f"{each.word:<10}  {each.name}  {each.notes}".rstrip()),
            **options,
        )


def files(done: Sequence[Any], arguments: argparse.Namespace) -> tuple[tuple[Path, str], ...]:
    """What is to be written of these submissions, besides the JSON."""
    if not (arguments.csv or arguments.html):
        return ()
    report = import_module("parity.checking.grading.summary").ClassReport((*done,))
    written = []
    if arguments.csv:
        written.append(
            (arguments.csv, import_module("parity.checking.grading.table").csv_of(report))
        )
    if arguments.html:
        page = import_module("parity.checking.grading.page").html_of
        text = page(report, points=arguments.points, verbose=arguments.verbose)
        written.append((arguments.html, text))
    return tuple(written)
