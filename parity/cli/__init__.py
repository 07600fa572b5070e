"""The command line.

commands        what each command does
endings         how it can be ended, and what it prints to can fail
arguments       what each command takes
command_line    from arguments to an exit status
"""

from parity.cli.command_line import main

__all__ = ["main"]
