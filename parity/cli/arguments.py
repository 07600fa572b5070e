"""The commands of the command line and their options, with their help."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from parity.checking.program.text import printable
from parity.cli import commands as do
from parity.cli.check_options import add_check_options
from parity.cli.commands import Performed
from parity.cli.ranges import add_jobs, integer
from parity.screen import environment


class Parser(argparse.ArgumentParser):
    """A parser whose errors can be printed, whatever the arguments have in them."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, with exit status 2."""
        quotes = "; a command with arguments stands in quotes" if "--exec" in message else ""
        super().error(printable(message) + quotes)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    whole = Parser(
        prog="parity",
        description="Prove that the backpropagation of refnet and of PyTorch agree, and judge that "
        "of others.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"refnet {environment()['refnet']}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")
    job = _run_options(commands)
    _soundness_options(commands)
    _power_options(commands)
    _bench_options(commands)
    _bugs_options(commands)
    _check_options(commands)
    _vectors_options(commands)
    _page_options(commands)
    whole.epilog = f"`parity` alone is `parity run`:\n\n{job.format_help()}"
    return whole


def _run_options(commands: Any) -> argparse.ArgumentParser:
    """The main job."""
    summary = "train on digits side by side with PyTorch, then go through the case table (default)"
    parser = _command(commands, "run", do.run, summary, "of the split, the weights and the batches")
    parser.add_argument(
        "--epochs",
        type=integer(1, 10**6),
        default=30,
        metavar="N",
        help="epochs of training on the digits (default 30)",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw how the weights part, and the share of each bound, into FILE (png, svg, pdf)",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="print every epoch and every row of the case table"
    )
    return parser


def _soundness_options(commands: Any) -> None:
    """The command that looks for a broken bound."""
    summary = "train random networks on both sides and count the bounds that are broken"
    parser = _command(commands, "soundness", do.soundness, summary, "of the random trainings")
    parser.add_argument(
        "--cases",
        type=integer(1, 10**9),
        default=2000,
        metavar="N",
        help="how many trainings (default 2000)",
    )
    add_jobs(parser, "trainings are examined at once (default: one for each core)")


def _power_options(commands: Any) -> None:
    """The command that looks for the smallest error noticed."""
    summary = "find the smallest error that is noticed, here and by the tolerances of others"
    parser = _command(commands, "power", do.power, summary, "of the random networks")
    parser.add_argument(
        "--nets",
        type=integer(1, 10**6),
        default=200,
        metavar="N",
        help="how many networks (default 200)",
    )


def _bugs_options(commands: Any) -> None:
    """The command that measures the catalogue."""
    summary = "put every mistake of the catalogue into a right program and see who notices it"
    parser = _command(commands, "bugs", do.bugs, summary)
    parser.set_defaults(torch=False)
    parser.add_argument(
        "ids",
        nargs="*",
        metavar="ID",
        help="explain and measure these mistakes alone (default: all, which takes minutes)",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--list", action="store_true", help="list the catalogue, and measure nothing"
    )
    instead.add_argument(
        "--without-catalogue",
        action="store_true",
        help="measure of how many entries the formula is found without the catalogue, so that it "
        "gives their numbers in runs that were not searched; print what is said of each",
    )
    instead.add_argument(
        "--mutants",
        action="store_true",
        help="measure the same of mechanical mutants of a right program; print those of which "
        "something else is said (takes minutes)",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="with --mutants, print what is said of each"
    )
    add_jobs(parser, "mistakes are measured at once (default: one for each core, where that pays)")


MEASURED = """
Measure how long a training step takes: on one thread where nothing else is said, the
sides taking turns, medians of 9 repeats. Before it is timed, every side is shown to take
the right step.

  steps      refnet, PyTorch in eager mode, JAX compiled (where it is installed), the
             matrix products alone as refnet asks for them, and the floor: the same
             products, each in its fastest form, as asked or transposed; and a step
             inside `fit` and inside PyTorch's plain loop, both with shuffling,
             gathering and history; eight nets, float32 and float64
  others     the same with momentum, Adam, tanh and sigmoid
  digits     whole trainings by `fit`, PyTorch, scikit-learn's MLPClassifier and JAX, as
             many steps of the same rule
  loops      a tutorial's loops over samples and over weights against `fit` and matrices
  growth     time and peak memory of `fit` by width, depth, batch, rows and steps, with
             fitted exponents
  threads    a step with one BLAS thread and with a pool of them, on an idle and on a
             busy machine
  wide       wide layers with two threads for every side, in a process of its own

A step is: forward, value of the loss, backward, update; the batch is ready. All of it
takes about five minutes, with --quick about one.
"""


def _bench_options(commands: Any) -> None:
    """The command that measures time."""
    parser = _command(
        commands,
        "bench",
        do.bench,
        "measure time and memory beside PyTorch, JAX and scikit-learn",
        "of the data and the weights",
    )
    parser.description, parser.formatter_class = MEASURED, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="measure less, in about a minute")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the times of a step and the growth into FILE (png, svg, pdf)",
    )


def _check_options(commands: Any) -> None:
    """The command that judges somebody else's program: it does not need PyTorch."""
    summary = (
        "find out whether somebody's backpropagation is right, and which mistake it has where it "
        "is not"
    )
    parser = _command(commands, "check", do.check, summary, "of the tasks' numbers")
    parser.set_defaults(torch=False)
    add_check_options(parser)


VECTORS = """
Each file is a small training: its inputs, what a right program computes in each step, and
the allowed error of each number, which is derived from rounding. The README that is
written beside them says how they are read; nothing is started, and any language will do.
"""


def _vectors_options(commands: Any) -> None:
    """The command that writes the test vectors."""
    summary = "write test vectors: small trainings as files, with the allowed error of each number"
    parser = _command(commands, "vectors", do.vectors, summary)
    parser.epilog, parser.formatter_class = VECTORS, argparse.RawDescriptionHelpFormatter
    parser.set_defaults(torch=False)
    parser.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="a folder, which is new, empty, or has these files already",
    )


PAGE = """
Examples to choose from, weights and data to edit, and mistakes of the catalogue to switch
on: the page shows what each changes, what a gradient check sees of it and what parity
says. The file needs no server and no network, and can be passed on.
"""


def _page_options(commands: Any) -> None:
    """The command that writes the page."""
    summary = "write a page that steps through backpropagation, with mistakes to switch on"
    parser = _command(commands, "page", do.page, summary)
    parser.epilog, parser.formatter_class = PAGE, argparse.RawDescriptionHelpFormatter
    parser.set_defaults(torch=False)
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        default=Path("backpropagation.html"),
        metavar="FILE",
        help="where it is written (default backpropagation.html, in this folder)",
    )
    parser.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        help="open it in the browser (default: on a terminal)",
    )


_ROOMS = {  # of each command, imported before anything is printed
    "run": "parity.experiments.job.main_job",
    "soundness": "parity.experiments.soundness",
    "power": "parity.experiments.power",
    "bugs": "parity.experiments.mutations.mutation_score",
    "bench": "parity.bench.benchmark",
    "check": "parity.checking.checker",
    "vectors": "parity.checking.vectors.files",
    "page": "parity.page.writing",
}


def _command(
    commands: Any, name: str, perform: Callable[..., Performed], summary: str, seeds: str = ""
) -> argparse.ArgumentParser:
    """A command with the options that all of them take, and a seed where it draws
    anything.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    parser.set_defaults(perform=perform, torch=True, room=_ROOMS[name])
    if seeds:
        parser.add_argument(
            "--seed",
            type=integer(0, 2**32 - 1),  # what scikit-learn takes
            default=0,
            metavar="N",
            help=f"seed {seeds} (default 0)",
        )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE")
    parser.add_argument("--quiet", action="store_true", help="print the last line alone")
    return parser
