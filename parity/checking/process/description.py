"""What a program says of itself, before it is given anything."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from parity.checking.process.pipes import Ended, Process
from parity.checking.process.received import CHATTER, SHORTEST
from parity.checking.program.lines import VERSION
from parity.checking.program.names import KINDS
from parity.checking.program.origin import NEARLY, Beside
from parity.checking.program.outcome import Unusable
from parity.checking.program.text import LONGEST, first_line

DRIVER = ("function", "beside")  # what parity's own driver says, and nobody else
WORDS = 100  # of a line that are read
LINE = 100  # characters that a line counts for besides those that it has
MANY = {"many": True, "each": False}  # tasks, by one process


@dataclass
class Description:
    """What a program declares, by name, and what looks as if it did.

    many      whether one process takes all tasks
    raw       whether it takes arrays as bytes
    function  the function that is called, of a program in Python
    adapted   "db" or "b" of one that was adapted: see `adapted`
    """

    said: dict[str, Any] = field(default_factory=dict)
    looks: list[Beside] = field(default_factory=list)
    many: bool = False
    raw: bool = False
    function: str = ""
    adapted: str = ""


def read_description(process: Process, where: str, more: Collection[str] = ()) -> Description:
    """The description that a process prints, up to the line `done` or its end; with
    `more` names that parity's own driver alone has.
    Errors: Unusable where there is none; Ended where it does not come to that.
    """
    description, version = Description(), ""
    for line in _lines(process):
        name, *values = [first_line(word) for word in line.split()[:WORDS]] or [""]
        if name == "unusable":
            raise Unusable(first_line(line.partition(" ")[2], 5 * LONGEST))
        if name == "parity" and len(values) == 1:
            version = f"{name} {values[0]}"
        elif name in KINDS:
            description.said[name] = _value(name, values)
        elif name in NEARLY:
            description.looks.append(Beside(name, NEARLY[name], "line", tuple(values)))
        elif name in DRIVER and name not in more:
            continue
        elif name == "beside" and len(values) > 2 and len(description.looks) < WORDS:
            beside, meant, kind, *texts = values
            description.looks.append(Beside(beside, meant, kind, (*texts,)))
        elif name == "function" and values:
            description.function, description.adapted = (*values, "")[:2]
        elif name == "tasks" and values:
            description.many = MANY.get(values[0], False)
        elif name == "arrays":
            description.raw = values == ["raw"]
    if version != VERSION:
        has = f"has the line {version!r}" if version else f"has no line {VERSION!r}"
        want = "" if version else ", and what it can do: parity/checking/PROTOCOL.md"
        raise Unusable(f"{where}: {has}, expected {VERSION!r}{want}")
    return description


def _lines(process: Process) -> Iterator[str]:
    """The lines up to `done`, or to a clean end."""
    characters = 0
    while characters < CHATTER:
        try:
            line = process.line(SHORTEST).decode(errors="backslashreplace").strip(" \t\ufeff")
        except Ended as end:
            if end.status == 0:
                return
            raise
        characters += len(line) + LINE
        if line == "done":
            return
        yield line
    raise Ended(f"printed more than {CHATTER:,} characters")


def _value(name: str, values: list[str]) -> Any:
    """The value of a declaration, as it would stand in a file; what is none is left as
    it is, for it is refused by its name.
    """
    kind = KINDS[name]
    if kind in ("names", "dtype"):
        return tuple(values)
    if kind == "integers":
        return tuple(_read_as(int, each) for each in values)
    value = " ".join(values)
    if kind == "flag":
        return {"0": False, "1": True, "False": False, "True": True}.get(value, value)
    return value if kind == "name" else _read_as({"integer": int}.get(kind, float), value)


def _read_as(kind: Callable[[str], Any], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text
