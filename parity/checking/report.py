"""The report of a check: its verdict, its findings, and what it did not cover."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any

from parity.checking.answers import KEYS
from parity.mistakes.diagnosis.finding import IMPRECISE, NOTE, WIDTH, Finding, in_words
from parity.mistakes.mistake import CONVENTION, WRONG

NAMED = 3  # tasks named in a sentence


@dataclass(frozen=True)
class CheckReport:
    """The findings of a check, what is wrong first, and what they cover.

    name           the program
    tasks          the names of the tasks that ran
    unsupported    the names of those for which `run` raised NotImplementedError
    shown          the quantities that were shown in any task
    arrays         how many arrays were shown in all
    unjudged       how many of them cannot be judged: rounding alone may take half of
                   their digits
    """

    name: str
    findings: tuple[Finding, ...]
    tasks: tuple[str, ...]
    unsupported: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    arrays: int = 0
    unjudged: int = 0

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong: other conventions, lost digits and notes pass."""
        return not any(finding.verdict == WRONG for finding in self.findings)

    @property
    def strictly_passed(self) -> bool:
        """Whether it passes, follows PyTorch's conventions and loses no digits."""
        return all(finding.verdict == NOTE for finding in self.findings)

    @property
    def conventions(self) -> tuple[Finding, ...]:
        """The findings that are right by another convention than PyTorch's."""
        return tuple(finding for finding in self.findings if finding.verdict == CONVENTION)

    @property
    def verdict(self) -> str:
        """The whole report in one sentence."""
        kinds = [finding.verdict for finding in self.findings]
        others = [_count(kinds.count(kind), noun) for kind, noun in _NOUNS.items() if kind in kinds]
        if self.unjudged and self.unjudged == self.arrays:
            return (
                f"NOT JUDGED. {self.name}: {_count(self.arrays, 'array')} of "
                f"{_count(len(self.tasks), 'task')}, too little to judge by"
            )
        if not self.passed:
            counts = ", ".join([_count(kinds.count(WRONG), "finding"), *others])
            return f"WRONG. {self.name}: {counts}, in {_count(len(self.tasks), 'task')}"
        arrays = _count(self.arrays - self.unjudged, "array")
        judged = f"{arrays} of {_count(len(self.tasks), 'task')}"
        within = "each within what rounding allows"
        lost = kinds.count(IMPRECISE)
        if lost:
            within += f", but for {_count(lost, _NOUNS[IMPRECISE])}"
        besides = [_count(kinds.count(kind), _NOUNS[kind]) for kind in BESIDES if kind in kinds]
        return "; ".join([f"RIGHT. {self.name}: {judged}, {within}", *besides])

    def lines(self, width: int = WIDTH, *, verbose: bool = False) -> Iterator[str]:
        """The verdict on one line, then the findings and what they rest on, at most
        `width` columns wide.

        Where it is `verbose`, the exact figures and the published sources too.
        """
        yield self.verdict
        for number, finding in enumerate(self.findings, start=1):
            if number > 1:
                yield ""
            yield f"{number}. {finding.heading}"
            yield from finding.lines(width, verbose=verbose)
        limits = [*self._limits()]
        if limits and self.findings:
            yield ""
        for sentence in limits:
            yield from wrap(sentence, width, break_long_words=False, break_on_hyphens=False)

    def _limits(self) -> Iterator[str]:
        """What the verdict does not cover."""
        if self.unjudged:
            yield (
                f"Not judged: {_count(self.unjudged, 'array')}, where rounding alone may take half "
                f"of the digits; show more of each step, or check in float64"
            )
        if self.unsupported:
            yield (f"Not tried, because run raised NotImplementedError: {some(self.unsupported)}")
        hidden = [name for name in KEYS[1:] if name not in self.shown]
        if hidden:
            yield (
                f"Not shown by your program: {', '.join(hidden)}. A mistake there is found only "
                f"where it changes something that is shown."
            )

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        findings = [finding.as_json() for finding in self.findings]
        verdict = {"passed": self.passed, "verdict": self.verdict}
        return {**asdict(self), "findings": findings, **verdict}

    def __str__(self) -> str:
        return "\n".join(self.lines())


BESIDES = (CONVENTION, NOTE)  # what is no exception to rounding
_NOUNS = {CONVENTION: "other convention", IMPRECISE: "loss of digits", NOTE: "note"}


def _count(number: int, noun: str) -> str:
    plural = noun.replace("loss ", "losses ") if noun.startswith("loss ") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def some(names: Sequence[str]) -> str:
    """The first names, and how many there are besides."""
    more = len(names) - NAMED
    return in_words([*map(repr, names[:NAMED]), *([f"{more} more"] if more > 0 else [])])
