"""The command line: `parity` runs the main job.

Exit status 0: right. 1: not shown to be right. 2: unusable input. Whatever else comes
is none of the three: 70 for a mistake of parity's own, 128 and the number of a signal
where that ended it.
"""

import argparse
import json
import math
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from parity.checking.program.outcome import Unusable
from parity.checking.program.text import printable
from parity.cli.arguments import parser
from parity.cli.commands import Performed, begin
from parity.cli.endings import (
    Terminated,
    drop_output,
    ended_by_signals,
    escape_what_cannot_be_encoded,
)
from parity.screen import OUTPUT, Screen, environment, header, naming

RIGHT, WRONG, UNUSABLE = 0, 1, 2
LONGEST = 2000  # characters of a sentence
WRITTEN = ("csv", "html")  # options that name a file, besides those of every command
BUG = 70  # as sysexits.h has it, so that a mistake of parity is never a verdict
# a check depends on no library but NumPy, and its reader asked about a program; vectors
# are copies, and a page is the same everywhere
PLAIN = ("check", "vectors", "page")
NEEDED = {  # the module: its package's name, and the extra of refnet that installs it
    "torch": ("PyTorch", "parity"),
    "sklearn": ("scikit-learn", "parity"),
    "matplotlib": ("matplotlib", "plot"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    if sys.stdout is None:
        return _unusable("standard output is closed, expected somewhere to print to")
    escape_what_cannot_be_encoded()
    try:
        with ended_by_signals():
            return _run(given)
    except BrokenPipeError:  # nobody reads on, as in `parity | head`
        drop_output()
        return UNUSABLE
    except OSError as error:
        if error.filename == OUTPUT:
            drop_output()
        place = f"{error.filename}: " if error.filename else ""
        return _unusable(f"{place}{error.strerror or error}")
    except Unusable as error:
        return _unusable(str(error))
    except KeyboardInterrupt:
        return _unusable("interrupted", 128 + signal.SIGINT)
    except Terminated as end:
        return _unusable(f"ended by {end.signal.name}", 128 + end.signal)
    except Exception:  # noqa: BLE001 - and whatever it is, it is no verdict
        traceback.print_exc()
        return _unusable("this is a mistake of parity's own; please report it", BUG)


def _run(given: Sequence[str]) -> int:
    """Parse the arguments and do what they say, until all of it is printed."""
    try:
        return _done(parser().parse_args(given))
    finally:
        with naming(OUTPUT):
            sys.stdout.flush()


def _done(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; a package that is missing is said by its name."""
    try:
        return _perform(arguments)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in NEEDED:
            raise
        name, extra = NEEDED[package]
        raise Unusable(
            f'parity {arguments.command} needs {name}: python -m pip install -e ".[{extra}]"'
        ) from None


def _perform(arguments: argparse.Namespace) -> int:
    """Print the environment, do what the command says, print its verdict and write the
    results.
    """
    twins = import_module("parity.steps.pytorch") if arguments.torch else None
    import_module(arguments.room)  # what is missing is said before anything is printed
    if getattr(arguments, "init", None) is not None:
        begin(arguments.init)
        return RIGHT
    plot = getattr(arguments, "plot", None)
    if plot is not None:
        formats = import_module("parity.experiments.job.figure").formats()
        if plot.suffix.lower() not in formats:
            return _unusable(
                f"{plot}: format has {plot.suffix!r}, expected one of {', '.join(formats)}"
            )
    for file in (arguments.json, plot, *(getattr(arguments, name, None) for name in WRITTEN)):
        if file:
            _check_writable(file)
    screen = Screen(quiet=arguments.quiet)
    with twins.one_thread() if twins else nullcontext(), _one_blas_thread():
        if arguments.command not in PLAIN or getattr(arguments, "verbose", False):
            for line in header(twins.threads() if twins else None):
                screen.line(line)
        done = arguments.perform(screen, arguments)
        if done.text:
            screen.line()
            screen.verdict(done.text, passed=done.passed)
    _write(done, arguments.json)
    if done.error is not None:
        raise done.error
    return RIGHT if done.passed else WRONG


def _write(done: Performed, file: Path | None) -> None:
    """Write the results, each text at once. Errors: OSError."""
    written = [*done.files]
    if file:
        whole = {"passed": done.passed, "verdict": done.text, "environment": environment()}
        text = json.dumps(_finite({**whole, **done.results}), indent=1, allow_nan=False)
        written.append((file, f"{text}\n"))
    for place, text in written:
        with naming(place):
            place.write_text(text, encoding="utf-8", newline="")


def _check_writable(file: Path) -> None:
    """Refuse a file now rather than after the work; nothing is left behind.

    Errors: OSError.
    """
    if file.is_fifo():  # whoever reads it would take this for the end
        return
    new = not file.exists()
    file.open("a", encoding="utf-8").close()
    if new:
        file.unlink()


def _finite(value: Any) -> Any:
    """The same with null for infinities and NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _one_blas_thread() -> Any:
    """Two pools of threads on two cores are slower than one thread each, at these
    sizes.
    """
    try:
        return import_module("threadpoolctl").threadpool_limits(limits=1)
    except ModuleNotFoundError:
        return nullcontext()


def _unusable(sentence: str, status: int = UNUSABLE) -> int:
    if sys.stderr is not None:
        with suppress(OSError):  # nobody can be told
            print(f"parity: {printable(sentence[:LONGEST])}", file=sys.stderr)
    return status
