"""The report of a check: its verdict, its findings, and what it did not cover."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from textwrap import wrap
from typing import Any

from parity.checking.program.outcome import REFUSAL, Refusal
from parity.checking.program.reading import KEYS
from parity.checking.verdict.coverage import Tried
from parity.checking.verdict.points import Points, points
from parity.checking.verdict.results import TaskResult
from parity.mistakes.diagnosis.finding import IMPRECISE, NOTE, WIDTH, Finding, in_words, some
from parity.mistakes.mistake import CONVENTION, WRONG
from refnet import notebook
from refnet.checks import flag


@dataclass(frozen=True)
class CheckReport:
    """The findings of a check, what is wrong first, and what they cover.

    name           the program
    findings       what is wrong, which conventions it has, lost digits, and notes
    tasks          the names of the tasks that ran
    unsupported    the names of those that the program does not support
    shown          the quantities that were shown in any task
    arrays         how many arrays were shown in all
    unjudged       how many of them cannot be judged: rounding alone may take half of
                   their digits
    tried          what the tasks that ran exercised: depths, batches, steps,
                   activations, outputs, losses, optimizers with settings, dtype
    untried        what was declared, or asked for and refused, and not exercised, by
                   name; () where a right program is RIGHT without "as far as tried"
    reason         why nothing can be said of the program, "" where it is judged
    refusal        what it does with a task that it does not support
    refusals       the places where it does so, with their messages
    showable       the quantities that it could show
    results        what became of each task: right, the findings that stand in it, not
                   judged, not supported, no answer
    """

    name: str
    findings: tuple[Finding, ...]
    tasks: tuple[str, ...]
    unsupported: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    arrays: int = 0
    unjudged: int = 0
    tried: Tried = field(default_factory=Tried)
    untried: tuple[str, ...] = ()
    reason: str = ""
    refusal: str = REFUSAL
    refusals: tuple[Refusal, ...] = ()
    showable: tuple[str, ...] = KEYS[1:]
    results: tuple[TaskResult, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether there is a verdict: something is wrong, or enough was shown."""
        return self._wrong or not self.reason

    @property
    def passed(self) -> bool:
        """Whether it was judged and nothing is wrong: other conventions, lost digits
        and notes pass.
        """
        return self.judged and not self._wrong

    @property
    def strictly_passed(self) -> bool:
        """Whether it passes, follows PyTorch's conventions but for those declared,
        loses no digits, and all that was declared was tried.
        """
        notes = all(finding.verdict == NOTE for finding in self.findings)
        return self.passed and notes and not self.untried

    @property
    def _wrong(self) -> bool:
        return any(finding.verdict == WRONG for finding in self.findings)

    @property
    def conventions(self) -> tuple[Finding, ...]:
        """The findings that are right by another convention than PyTorch's."""
        return tuple(finding for finding in self.findings if finding.verdict == CONVENTION)

    @property
    def points(self) -> Points:
        """Which share of what was asked for holds."""
        return points(self.results, self.findings, self.shown, self.reason)

    @property
    def verdict(self) -> str:
        """The whole report in one sentence."""
        kinds = [finding.verdict for finding in self.findings]
        others = [_count(kinds.count(kind), noun) for kind, noun in _NOUNS.items() if kind in kinds]
        if self._wrong:
            counts = ", ".join([_count(kinds.count(WRONG), "finding"), *others])
            return f"WRONG. {self.name}: {counts}, in {_count(len(self.tasks), 'task')}"
        if self.reason:
            return f"NOT JUDGED. {self.name}: {self.reason}"
        arrays = _count(self.arrays - self.unjudged, "array")
        judged = f"{arrays} of {_count(len(self.tasks), 'task')}"
        within = "each within what rounding allows"
        lost = kinds.count(IMPRECISE)
        if lost:
            within += f", but for {_count(lost, _NOUNS[IMPRECISE])}"
        besides = [_count(kinds.count(kind), _NOUNS[kind]) for kind in BESIDES if kind in kinds]
        right = "RIGHT, as far as tried:" if self.untried else "RIGHT."
        return "; ".join([f"{right} {self.name}: {judged}, {within}", *besides])

    def strict_verdict(self) -> str:
        """The verdict where what passes has to pass strictly."""
        if self.strictly_passed or not self.passed:
            return self.verdict
        if all(finding.verdict == NOTE for finding in self.findings):
            return f"{self.verdict}; --strict asks for all that is declared"
        return f"WRONG by --strict. {self.verdict}"

    def lines(self, width: int = WIDTH, *, verbose: bool = False) -> Iterator[str]:
        """The verdict on one line, then the findings and what they rest on, at most
        `width` columns wide.

        Where it is `verbose`, the exact figures and the published sources too.
        """
        verbose = flag("CheckReport.lines", "verbose", verbose)
        yield self.verdict
        for number, finding in enumerate(self.findings, start=1):
            if number > 1:
                yield ""
            yield f"{number}. {finding.heading}"
            yield from finding.lines(width, verbose=verbose, of_tasks=len(self.tasks))
        limits = [*self._limits()]
        if limits and self.findings:
            yield ""
        for sentence in limits:
            yield from wrap(sentence, width, break_long_words=False, break_on_hyphens=False)

    def _limits(self) -> Iterator[str]:
        """What the verdict covers, and what it does not."""
        declarable = [each for each in self.conventions if each.declare.startswith("conventions")]
        own = dict.fromkeys(each.bug for each in declarable)
        if len(own) > 1:
            in_a_file = " = " in declarable[0].declare
            names = f"= {tuple(own)}" if in_a_file else " ".join(own)
            yield f"If you mean all of these, declare: conventions {names}"
        if self.tasks:
            yield f"Tried: {self.tried}."
        nothing_ran = bool(self.unsupported) and not self.tasks
        if self.untried and not nothing_ran:
            yield f"Not tried: {in_words(self.untried)}."
        if self.unsupported:
            count = f"{len(self.unsupported)} of {len(self.tasks) + len(self.unsupported)} tasks"
            yield f"{self.refusal} in {count}: {some(self.unsupported)}."
            for place, message in self.refusals[:PLACES]:
                yield f"{place}{': ' if message else ''}{message}"
        if nothing_ran:
            yield (
                "Nothing was tried. Write what is still missing; or, where your program cannot do "
                "what a task asks for, declare what it can do."
            )
        if self.unjudged:
            yield (
                f"Not judged: {_count(self.unjudged, 'array')}, where rounding alone may take half "
                f"of the digits; show more of each step, or check in float64"
            )
        hidden = [name for name in self.showable if name not in self.shown]
        if hidden and self.tasks:
            yield (
                f"Not shown by your program: {', '.join(hidden)}. A mistake there is found only "
                f"where it changes something that is shown."
            )

    def _repr_html_(self) -> str:
        verdicts = [finding.verdict for finding in self.findings]
        # what makes it wrong, rather than a note before it
        first = verdicts.index(WRONG) if WRONG in verdicts else 0
        folded = (
            notebook.folded(
                f"{i + 1}. {each.heading}", each.in_html(len(self.tasks)), opened=i == first
            )
            for i, each in enumerate(self.findings)
        )
        limits = [*self._limits()]
        return notebook.framed(
            notebook.verdict(self.verdict, self.passed if self.judged else None),
            notebook.listed(folded, len(self.findings), "finding"),
            notebook.sentences(limits, len(limits), "sentence"),
        )

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        findings = [finding.as_json() for finding in self.findings]
        verdict = {"passed": self.passed, "judged": self.judged, "verdict": self.verdict}
        points = {"points": self.points.percent, "lost": self.points.lost}
        return {**asdict(self), "findings": findings, **verdict, **points}

    def __str__(self) -> str:
        return "\n".join(self.lines())


PLACES = 3  # of refusals that are said
BESIDES = (CONVENTION, NOTE)  # what is no exception to rounding
_NOUNS = {CONVENTION: "other convention", IMPRECISE: "loss of digits", NOTE: "note"}


def _count(number: int, noun: str) -> str:
    plural = noun.replace("loss ", "losses ") if noun.startswith("loss ") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
