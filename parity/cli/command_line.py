"""The command line: `parity` runs the main job.

Exit status 0: right. 1: wrong. 2: unusable input.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from parity.checking.program.outcome import Unusable
from parity.cli.arguments import parser
from parity.cli.commands import begin
from parity.screen import Screen, environment, header

RIGHT, WRONG, UNUSABLE = 0, 1, 2
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
    arguments = parser().parse_args(given)
    try:
        return _perform(arguments)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in NEEDED:
            raise
        name, extra = NEEDED[package]
        return _unusable(
            f'parity {arguments.command} needs {name}: python -m pip install -e ".[{extra}]"'
        )
    except BrokenPipeError:  # nobody reads on, as in `parity | head`
        # for the interpreter's last flush
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        return UNUSABLE
    except Unusable as error:
        return _unusable(str(error))
    except OSError as error:
        return _unusable(f"{error.filename or arguments.json}: {error.strerror}")


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
    for file in (arguments.json, plot):
        if file:
            _check_writable(file)
    screen = Screen(quiet=arguments.quiet)
    with twins.one_thread() if twins else nullcontext(), _one_blas_thread():
        # a check depends on no library but NumPy, and its reader asked about a program
        if arguments.command != "check" or arguments.verbose:
            for line in header(twins.threads() if twins else None):
                screen.line(line)
        text, passed, results = arguments.perform(screen, arguments)
        screen.line()
        screen.verdict(text, passed=passed)
    if arguments.json:
        whole = {"passed": passed, "verdict": text, "environment": environment(), **results}
        arguments.json.write_text(
            json.dumps(_finite(whole), indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
    return RIGHT if passed else WRONG


def _check_writable(file: Path) -> None:
    """Refuse a file now rather than after the work; nothing is left behind.

    Errors: OSError.
    """
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


def _unusable(sentence: str) -> int:
    print(f"parity: {sentence}", file=sys.stderr)
    return UNUSABLE
