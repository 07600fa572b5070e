"""What became of a program and of one task: the arrays that it showed, and problems."""

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from parity.checking.program.given import Array

# step from 0 on, key of the dict, layer from 1 on; the output and the loss are those of
# layer 0
Key: TypeAlias = tuple[int, str, int]
WRONG, NOTE = "wrong", "note"  # the verdicts of a finding that a problem may have
PROGRAM = "program"  # what one is called that is no function
REFUSAL = "run raised NotImplementedError"  # for a task that is not supported


class Problem(NamedTuple):
    """What `run` does or has, and what was expected, before any number is judged."""

    verdict: str
    got: str
    expected: str = ""
    advice: str = ""
    detail: str = ""  # may differ from task to task
    where: str = "run"


class Unreadable(Exception):
    """A problem with what a function returned, after which nothing of it can be
    judged.
    """

    def __init__(
        self, where: str, got: str, expected: str, advice: str = "", detail: str = ""
    ) -> None:
        super().__init__(f"{where}: {got}, expected {expected}")
        self.problem = Problem(WRONG, got, expected, advice, detail, where)


class Unusable(Exception):
    """There is no program to check: no such file, no such name, or an error when it was
    imported.
    """


class Refusal(NamedTuple):
    """Where a task was refused, as in "net.py, line 7", and the message; "" where there
    is none.
    """

    place: str = ""
    message: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one task: the arrays that `run` showed, and the problems with the
    call itself; whether the task is supported, and how it was refused where it is not;
    and whether `run` raised an exception.

    Of a part of a program, `beside` are the arrays that the rest makes of it, which is
    right; where the part is tried `apart`, they are not judged.
    """

    arrays: dict[Key, Array]
    problems: tuple[Problem, ...] = ()
    supported: bool = True
    raised: bool = False
    beside: dict[Key, Array] = field(default_factory=dict)
    apart: bool = False
    refusal: Refusal = field(default_factory=Refusal)
