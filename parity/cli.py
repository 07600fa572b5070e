"""The command line: `parity` runs the main job.

Exit status 0: right. 1: wrong. 2: unusable input.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from parity.checking.adapters import Unusable
from parity.mistakes.finding import WIDTH
from parity.screen import Screen, environment, header, width
from parity.steps.cases import CASES

RIGHT, WRONG, UNUSABLE = 0, 1, 2
NEEDED = {
    "torch": ("PyTorch", "parity"),
    "sklearn": ("scikit-learn", "parity"),
    "matplotlib": ("matplotlib", "plot"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    arguments = _parser().parse_args(given)
    try:
        return _perform(arguments)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in NEEDED:
            raise
        name, extra = NEEDED[package]
        return _unusable(
            f'parity {arguments.command} needs {name}: python -m pip install "refnet[{extra}]"'
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
    """Print the environment, do what the command says, print its verdict and write what
    it found.
    """
    twins = import_module("parity.steps.pytorch") if arguments.torch else None
    import_module(arguments.room)  # what is missing is said before anything is printed
    if getattr(arguments, "init", None) is not None:
        return _begin(arguments.init)
    plot = getattr(arguments, "plot", None)
    if plot is not None:
        formats = import_module("parity.experiments.figure").formats()
        if plot.suffix.lower() not in formats:
            return _unusable(
                f"{plot}: format has {plot.suffix!r}, expected one of {', '.join(formats)}"
            )
    for file in (arguments.json, plot):
        if file:
            _check_writable(file)
    screen = Screen(quiet=arguments.quiet)
    with twins.one_thread() if twins else nullcontext(), _one_blas_thread():
        for line in header(twins.threads() if twins else None):
            screen.line(line)
        text, passed, found = arguments.perform(screen, arguments)
        screen.line()
        screen.verdict(text, passed=passed)
    if arguments.json:
        found = {"passed": passed, "verdict": text, "environment": environment(), **found}
        arguments.json.write_text(
            json.dumps(_finite(found), indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
    return RIGHT if passed else WRONG


def _check_writable(file: Path) -> None:
    """Better refused now than after the work; nothing is left behind. Errors:
    OSError.
    """
    new = not file.exists()
    file.open("a", encoding="utf-8").close()
    if new:
        file.unlink()


Performed = tuple[str, bool, dict[str, Any]]


def run(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """The main job: digits side by side, the sweep of the case table."""
    try:
        found = import_module("parity.experiments.main_job").run(
            screen, arguments.seed, arguments.epochs, CASES, verbose=arguments.verbose
        )
    except FloatingPointError as refusal:  # a step that refnet refuses to take
        return f"DISAGREE. refnet refuses a step: {refusal}", False, {}
    if arguments.plot is not None:
        import_module("parity.experiments.figure").draw(found, arguments.plot)
    return found.verdict, found.problem is None, found.as_json()


def soundness(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """Random runs of both sides: how many bounds are broken, and how much of them is
    used.
    """
    with screen.progress("runs", arguments.cases) as advance:
        report = import_module("parity.experiments.soundness").soundness(
            arguments.cases, arguments.seed, advance
        )
    return _told(screen, report)


def power(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """Injected scale errors: the smallest that is noticed, by these bounds and by
    others' tolerances.
    """
    with screen.progress("nets", arguments.nets) as advance:
        report = import_module("parity.experiments.power").power(
            arguments.nets, arguments.seed, advance
        )
    return _told(screen, report)


def check(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """Somebody's backpropagation: is it right, and if not, which mistake is it."""
    options = {
        "hard": arguments.hard,
        "timeout": arguments.timeout,
        "conventions": arguments.conventions,
    }
    report = import_module("parity.checking.checker").check_command(arguments.target, **options)
    verdict, *lines = report.lines(width(WIDTH), verbose=arguments.verbose)
    _print(screen, lines)
    passed = report.strictly_passed if arguments.strict else report.passed
    if passed != report.passed:
        verdict = f"WRONG by --strict. {verdict}"
    return verdict, passed, report.as_json()


def _begin(file: Path) -> int:
    """Write an adapter to start from, where there is no file yet. Errors: OSError."""
    with file.open("x", encoding="utf-8") as new:
        new.write(
            Path(__file__)
            .with_name("checking")
            .joinpath("adapter.py.txt")
            .read_text(encoding="utf-8")
        )
    print(
        f"{file} is written, with a network that is right. Put yours in its place, then: parity "
        f"check {file}"
    )
    return RIGHT


def bugs(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """The mutation score of the catalogue, or of some of its mistakes, which are then
    explained.
    """
    catalogue = import_module("parity.mistakes.catalogue.index").BY_ID
    for name in arguments.ids:
        if name not in catalogue:
            near = get_close_matches(name, catalogue, cutoff=0.0)
            raise Unusable(
                f"bugs: ID has {name!r}, expected a name of the catalogue, such as "
                f"{', '.join(near)}"
            )
        for line in catalogue[name].lines():
            screen.line(line)
        screen.line()
    chosen = [catalogue[name] for name in arguments.ids or catalogue]
    with screen.progress("mistakes", len(chosen)) as advance:
        report = import_module("parity.experiments.mutation_score").score(
            chosen, on_progress=advance
        )
    return _told(screen, report)


def bench(screen: Screen, arguments: argparse.Namespace) -> Performed:
    """How long a step and a training take, beside PyTorch, JAX, scikit-learn and
    loops.
    """
    room = import_module("parity.bench.benchmark")
    try:
        found = room.run(screen, room.QUICK if arguments.quick else room.FULL, arguments.seed)
    except FloatingPointError as refusal:  # a step that refnet refuses to take
        return f"WRONG. {refusal}", False, {}
    if arguments.plot is not None:
        import_module("parity.bench.figure").draw(found, arguments.plot)
    return found.verdict, found.passed, found.as_json()


def _told(screen: Screen, report: Any) -> Performed:
    """A report's lines, the first of which is the verdict and comes last."""
    verdict, *lines = report.lines()
    _print(screen, lines)
    return verdict, report.passed, report.as_json()


def _print(screen: Screen, lines: Sequence[str]) -> None:
    screen.line()
    for line in lines:
        screen.line(line)


def _finite(value: Any) -> Any:
    """The same with null for infinities and NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="parity",
        description="Proof that refnet's backpropagation and PyTorch's are the same.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"refnet {environment()['refnet']}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    told = "train digits side by side and go through the case table (the default)"
    job = _command(commands, "run", run, told, "of split, weights and batches")
    job.add_argument(
        "--epochs",
        type=_integer(1, 10**6),
        default=30,
        metavar="N",
        help="of the digits (default 30)",
    )
    job.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the growth curve and the shares of bounds into FILE (png, svg, pdf)",
    )
    job.add_argument(
        "--verbose", action="store_true", help="print every epoch and every row of the case table"
    )
    told = "certify random training runs of refnet and PyTorch and count broken bounds"
    sound = _command(commands, "soundness", soundness, told, "of the runs")
    sound.add_argument(
        "--cases",
        type=_integer(1, 10**9),
        default=2000,
        metavar="N",
        help="how many runs (default 2000)",
    )
    strong = _command(
        commands,
        "power",
        power,
        "find the smallest error that is noticed, beside others' tolerances",
        "of the networks",
    )
    strong.add_argument(
        "--nets",
        type=_integer(1, 10**6),
        default=200,
        metavar="N",
        help="how many networks (default 200)",
    )
    _bench_options(commands)
    told = "put every catalogued mistake into a right program and measure who notices it"
    score = _command(commands, "bugs", bugs, told)
    score.set_defaults(torch=False)
    score.add_argument(
        "ids",
        nargs="*",
        metavar="ID",
        help="measure and explain these mistakes alone (default the whole catalogue)",
    )
    _check_options(commands)
    parser.epilog = f"`parity` alone is `parity run`:\n\n{job.format_help()}"
    return parser


MEASURED = """
Measure how long a training step takes, on one thread, the sides in turns, medians of 9,
after every side was shown to take the right step:

  steps      refnet, PyTorch in eager mode, JAX compiled (where it is installed) and the
             matrix products alone; and a step inside `fit` and inside PyTorch's plain
             loop, both with shuffling, gathering and history; eight nets, float32 and
             float64
  others     the same with momentum, Adam, tanh and sigmoid
  digits     whole trainings by `fit`, PyTorch, scikit-learn's MLPClassifier and JAX, as
             many steps of the same rule
  loops      a tutorial's loops over samples and over weights against `fit` and matrices
  growth     time and peak memory of `fit` by width, depth, batch, rows and steps, with
             fitted exponents
  threads    a step with one BLAS thread and with a pool of them, on the idle and on the
             busy machine

A step is: batch ready, forward, value of the loss, backward, update. It takes about five
minutes, with --quick about one.
"""


def _bench_options(commands: Any) -> None:
    """The command that measures time."""
    parser = _command(
        commands,
        "bench",
        bench,
        "measure time and memory beside PyTorch, JAX and scikit-learn",
        "of data and weights",
    )
    parser.description, parser.formatter_class = MEASURED, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="measure less, and more coarsely")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the steps and what grows into FILE (png, svg, pdf)",
    )


def _check_options(commands: Any) -> None:
    """The command that judges somebody else's program: it needs neither PyTorch nor a
    seed.
    """
    told = (
        "find out whether somebody's backpropagation is right, and which mistake it has where it "
        "is not"
    )
    parser = _command(commands, "check", check, told)
    parser.set_defaults(torch=False)
    which = parser.add_mutually_exclusive_group(required=True)
    target = (
        "a Python file or a module, and the function in it (default run, else gradient or step)"
    )
    which.add_argument("target", nargs="?", metavar="FILE_OR_MODULE[:NAME]", help=target)
    which.add_argument(
        "--init",
        type=Path,
        metavar="FILE",
        help="write a commented adapter into FILE, to start from",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="when to end it (default 60)",
    )
    told = "what it does on purpose in another way than PyTorch, by names of the catalogue"
    parser.add_argument(
        "--conventions", type=lambda text: tuple(text.split(",")), metavar="ID[,ID]", help=told
    )
    parser.add_argument(
        "--hard", action="store_true", help="add tasks at the edge of what floats can hold"
    )
    parser.add_argument(
        "--strict", action="store_true", help="let other conventions and lost digits count as wrong"
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="print the exact figures, and where others published the same mistake",
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"has {text}, expected a number of seconds above 0")
    return value


_ROOMS = {  # of each command, imported before anything is printed
    "run": "parity.experiments.main_job",
    "soundness": "parity.experiments.soundness",
    "power": "parity.experiments.power",
    "bugs": "parity.experiments.mutation_score",
    "bench": "parity.bench.benchmark",
    "check": "parity.checking.checker",
}


def _command(
    commands: Any, name: str, perform: Callable[..., Performed], told: str, seeds: str = ""
) -> argparse.ArgumentParser:
    """A command, with what all of them take, and a seed where it draws anything."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=told, description=f"{told[0].upper()}{told[1:]}."
    )
    parser.set_defaults(
        perform=perform,
        torch=True,
        room=_ROOMS[name],
    )
    if seeds:
        parser.add_argument(
            "--seed",
            type=_integer(0, 2**32 - 1),
            default=0,
            metavar="N",
            help=f"{seeds} (default 0)",
        )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found to FILE")
    parser.add_argument("--quiet", action="store_true", help="print the verdict alone")
    return parser


def _integer(low: int, high: int) -> Any:
    """A parser of integers from low to high."""

    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"has {value}, expected an integer from {low} to {high}"
            )
        return value

    parse.__name__ = "integer"
    return parse


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
