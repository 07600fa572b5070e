"""What runs in the process of a Python program: it reads tasks from standard input,
calls the program, and writes what it shows to standard output, as PROTOCOL.md says.
"""

import os
import sys
from collections.abc import Iterable
from typing import BinaryIO

from parity.checking.program.adapters import adapted
from parity.checking.program.guarded import guarded_call
from parity.checking.program.hiding import hide
from parity.checking.program.lines import answer_lines, description_lines, read_task
from parity.checking.program.loading import load
from parity.checking.program.origin import beside, declared, name_of
from parity.checking.program.outcome import Unusable
from parity.checking.program.text import printable


def main(target: str) -> None:
    """Describe the program in FILE_OR_MODULE[:NAME], then do one task after the
    other.
    """
    own = os.getpid()
    tasks, answers = _pipes()
    hide()
    try:
        program, names = load(target)
    except Unusable as error:
        _say(answers, [f"unusable {printable(str(error))}\n".encode()])
        os._exit(0)
    if os.getpid() != own:  # a process that the program has split off, and left here
        os._exit(0)
    said, looks = declared(program, names), beside(program, names)
    _say(answers, description_lines(name_of(program), adapted(program), said, looks))
    while (task := read_task(tasks)) is not None:
        outcome = guarded_call(program, task)
        if os.getpid() != own:
            os._exit(0)
        # on a line of its own, whatever the program may have written there
        _say(answers, [b"\n", *answer_lines(outcome, len(task.steps))])
    os._exit(0)  # a usual exit would wait for the threads that the program left behind


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes, where what the program reads and prints does not get at them."""
    tasks, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return tasks, answers


def _say(answers: BinaryIO, lines: Iterable[bytes]) -> None:
    answers.write(b"".join(lines))
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
