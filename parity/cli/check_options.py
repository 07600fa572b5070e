"""The options of `parity check`, with their help."""

import argparse
from pathlib import Path

from parity.cli.declarations import add_declarations
from parity.cli.ranges import add_jobs, seconds

VERDICTS = """
The last line has the verdict:

  RIGHT                    all that the file declares was tried, and every array that can
                           be judged is what its formula gives, up to rounding
  RIGHT, as far as tried   so is what was tried; the rest is listed as "Not tried"
  WRONG                    something that is shown is not what it should be
  NOT JUDGED               too little is shown or answered; the line says what is missing

A convention is right in another way than PyTorch's, and passes. Where a finding ends with
a line to declare, put that line into the file if you mean what it says.

Points are the share, in per cent and rounded down, of these that hold:

  equations   z, a, C, BP1 to BP4 and step, as far as the tasks have them. One holds where
              it was judged, and no mistake stands in it; C where the loss is shown. NaN
              and inf that nothing explains judge nothing
  settings    each activation, output, loss, dtype and optimizer, and each setting of an
              optimizer. One holds where a task with it was judged, and no mistake stands
              in all of its tasks and in no others; with an optimizer, its settings fall
  an answer   to every task: not where one raises, hangs or has another form than asked

What was asked for and refused, not shown or not judged does not hold. A right program
that shows its loss has 100; one of which fewer than three tasks are judged, or no
equation holds, has 0. Conventions cost nothing.

Of a class, a folder's files are all that end in .py but those that begin with _ or a dot;
what else lies there, such as notebooks and folders, is named and left out. The time of
--timeout is that of each submission, the seed is the same for all. What no option says, a
file may narrow: where it declares batch = 1, no other is tried but by --batch any.

Exit status: 0 right, 1 wrong or not judged (by --strict, see there, too), 2 unusable. Of a
class: 0 where all are right, 2 where not one can be checked, else 1.
"""


def add_check_options(parser: argparse.ArgumentParser) -> None:
    """Which programs are checked, how, and where the results go."""
    parser.epilog, parser.formatter_class = VERDICTS, argparse.RawDescriptionHelpFormatter
    _which(parser)
    _how(parser)
    _class_options(parser)
    add_declarations(parser)


def _which(parser: argparse.ArgumentParser) -> None:
    """What is checked, or begun."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "programs",
        nargs="*",
        default=[],
        metavar="FILE_OR_MODULE[:NAME]",
        help="a Python file or a module, and the function in it (default run, else gradient or "
        "step); several of them, or a folder of such files, are a class",
    )
    which.add_argument(
        "--exec",
        dest="command_line",
        metavar="COMMAND",
        help='a program in any language, by the command that starts it, as in "node net.js": '
        "parity/checking/PROTOCOL.md says what it reads and prints",
    )
    which.add_argument(
        "--init",
        type=Path,
        metavar="FILE",
        help="write a commented program into FILE, to start from: .py, .c or .js",
    )


def _how(parser: argparse.ArgumentParser) -> None:
    """What is looked for, and what is printed of it."""
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long the program may take in all (default 60)",
    )
    parser.add_argument(
        "--hard", action="store_true", help="add tasks at the edge of what floats can hold"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="show what is wrong in numbers: in the smallest task that has it, what the equation "
        "reads, your result and the right one side by side, and one entry by hand",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="fail for conventions that are not declared, for lost digits, and for what is "
        "declared and not tried",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="print the exact figures, where others published the same mistake, and the versions; "
        "of a class, every report",
    )
    parser.add_argument(
        "--points",
        action="store_true",
        help="print which share of what was asked for holds, in per cent (see Points)",
    )


def _class_options(parser: argparse.ArgumentParser) -> None:
    """What a class takes, and what it is written into."""
    group = parser.add_argument_group("a class")
    add_jobs(group, "submissions are judged at once (default: one for each core)")
    group.add_argument(
        "--csv", type=Path, metavar="FILE", help="write a table into FILE, a row per submission"
    )
    group.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write a page into FILE: who has which mistake, how common each is, every report",
    )
