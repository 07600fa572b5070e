"""What is said to a program behind the protocol: in its lines, where a Python file has
names.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from parity.checking.program.names import KINDS
from parity.checking.program.outcome import PROGRAM
from parity.mistakes.diagnosis.finding import Finding

REFUSES = "the program printed unsupported"
NAMED = re.compile(rf"\b({'|'.join(KINDS)}) = (\([^)]*\)|'[^']*'|True|False|\d[\d.e-]*)")
VALUES = re.compile(r"[\w.-]+")
FLAGS = {"True": "1", "False": "0"}


def in_lines(text: str) -> str:
    """The text with each declaration as a line of a description, as in "conventions
    loss-summed", and without the names that a Python function has for its task.
    """
    text = NAMED.sub(_line, text)
    text = re.sub(r"\bcase\.(\w+)", r"\1", text)
    return text.replace("run was given", "the program was given")


def _line(match: re.Match[str]) -> str:
    name, values = match.groups()
    return " ".join((name, *(FLAGS.get(each, each) for each in VALUES.findall(values))))


def findings_in_lines(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same findings, in lines."""
    for each in findings:
        yield replace(
            each,
            where=PROGRAM if each.where == "run" else each.where,
            got=in_lines(each.got),
            expected=in_lines(each.expected),
            advice=in_lines(each.advice),
            declare=in_lines(each.declare),
        )
