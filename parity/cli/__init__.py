"""The command line.

commands        what each command does
arguments       what each command takes
command_line    from arguments to an exit status
"""

from parity.cli.command_line import main

__all__ = ["main"]
