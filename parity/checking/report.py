"""What a check found, as it is read: verdict, findings, and what they rest on."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from parity.checking.answers import KEYS
from parity.mistakes.catalogue.index import FACTORS
from parity.mistakes.diagnosis import Finding

WRONG, CONVENTION, NOTE = "wrong", "convention", "note"
NAMED = 3  # tasks named in a sentence
CONSTANT = {factor.id for factor in FACTORS}


@dataclass(frozen=True)
class CheckReport:
    """What a check found: findings in the order in which they are best read, and what
    they rest on.

    `tasks` are the names of what ran, `unsupported` of what raised NotImplementedError,
    `shown` the quantities that were judged.
    """

    name: str
    findings: tuple[Finding, ...]
    tasks: tuple[str, ...]
    unsupported: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    arrays: int = 0
    # arrays of which nothing could be said: rounding alone may take half of their
    # digits
    unjudged: int = 0

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong; other conventions, lost digits and notes are said,
        but pass.
        """
        return not any(finding.verdict == WRONG for finding in self.findings)

    @property
    def strictly_passed(self) -> bool:
        """Whether it follows PyTorch's conventions and loses no digits, either."""
        return all(finding.verdict == NOTE for finding in self.findings)

    @property
    def conventions(self) -> tuple[Finding, ...]:
        """What is right by another convention than PyTorch's."""
        return tuple(finding for finding in self.findings if finding.verdict == CONVENTION)

    @property
    def verdict(self) -> str:
        """All of it in one sentence."""
        rest = [finding.verdict for finding in self.findings if finding.verdict != WRONG]
        others = [_count(rest.count(kind), each) for kind, each in _OTHERS.items() if kind in rest]
        if self.unjudged and self.unjudged == self.arrays:
            return (
                f"NOT JUDGED. {self.name}: {_count(self.arrays, 'array')} of "
                f"{_count(len(self.tasks), 'task')}, too little to judge by"
            )
        if not self.passed:
            wrong = _count(sum(finding.verdict == WRONG for finding in self.findings), "finding")
            return (
                f"WRONG. {self.name}: {', '.join([wrong, *others])}, in "
                f"{_count(len(self.tasks), 'task')}"
            )
        judged = (
            f"{_count(self.arrays - self.unjudged, 'array')} of {_count(len(self.tasks), 'task')}"
        )
        return (
            f"RIGHT. {self.name}: {judged}, each within what rounding "
            f"allows{''.join(f', {each}' for each in others)}"
        )

    def lines(self) -> Iterator[str]:
        """The verdict, and what it rests on."""
        yield self.verdict
        for number, finding in enumerate(self.findings, start=1):
            yield f"{number}. {_SAID.get(finding.verdict, '')}{finding.sentence}"
            yield from (f"   {line}" for line in _details(finding))
        if self.unjudged:
            told = (
                "rounding alone may take half of the digits; show more of each step, or check in "
                "float64"
            )
            yield f"Not judged: {_count(self.unjudged, 'array')}, where {told}"
        if self.unsupported:
            yield (
                f"Not supported (NotImplementedError), and so not tried: {some(self.unsupported)}"
            )
        hidden = [name for name in KEYS[1:] if name not in self.shown]
        if hidden:
            yield f"Not shown, and so judged by what comes of it alone: {', '.join(hidden)}"

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return {**asdict(self), "passed": self.passed, "verdict": self.verdict}

    def __str__(self) -> str:
        return "\n".join(self.lines())


_OTHERS = {CONVENTION: "other convention", "imprecise": "loss of digits", NOTE: "note"}
_SAID = {
    CONVENTION: "Another convention, which is not wrong: ",
    "imprecise": "Digits are lost: ",
    NOTE: "Note: ",
}


def _count(number: int, noun: str) -> str:
    plural = noun.replace("loss ", "losses ") if noun.startswith("loss ") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def some(names: Sequence[str]) -> str:
    """The first names, and how many there are besides."""
    more = len(names) - NAMED
    return ", ".join(map(repr, names[:NAMED])) + (f" and {more} more" if more > 0 else "")


def _details(finding: Finding) -> Iterator[str]:
    yield from finding.evidence
    if finding.alike:
        yield f"What was shown cannot tell it from: {', '.join(finding.alike)}"
    if finding.sources:
        yield f"Others have made it: {', '.join(finding.sources)}"
    if finding.bug:
        where = "A constant factor" if finding.bug in CONSTANT else "In the catalogue"
        yield f"{where}: {finding.bug}"
