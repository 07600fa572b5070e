"""The command line.

grading         what a class takes
commands        what each command does
endings         how it can be ended, and what it prints to can fail
declarations    the options that say what a program can do
ranges          numbers, and what is refused of them
check_options   what `parity check` takes
arguments       what each command takes
command_line    from arguments to an exit status
"""

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 130 for Ctrl-C and 70 for a
    mistake of parity's own also while all of it is imported, which takes a while.
    """
    try:
        room = import_module("parity.cli.command_line")
    except KeyboardInterrupt:
        print("parity: interrupted", file=sys.stderr)
        return 130
    except Exception:  # noqa: BLE001 - and whatever it is, it is no verdict
        traceback.print_exc()
        return 70
    status: int = room.main(argv)
    return status
