"""One submission: a program that was checked, or why it could not be."""

import re
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

from parity.checking.verdict.report import CheckReport
from parity.mistakes.diagnosis.finding import IMPRECISE, WIDTH, Finding
from parity.mistakes.mistake import CONVENTION, WRONG

# in a file or a task, which may be another one for each
PLACE = re.compile(r" in [^,]+, line \d+| in the task '[^']*'")
LONGEST = 160  # characters of a reason in a table; the report has all of it
# the words of a verdict, in the order in which they are counted
WORDS = ("RIGHT", "WRONG", "NOT JUDGED", "UNUSABLE")


@dataclass(frozen=True)
class Submission:
    """What became of one program of a class.

    name       as it is printed
    report     what the check found; None where it could not be checked
    unusable   why it could not; "" where it was
    strict     whether it has to pass strictly
    bug        the traceback of a mistake of parity's own; "" where there was none
    """

    name: str
    report: CheckReport | None = None
    unusable: str = ""
    strict: bool = False
    bug: str = ""

    @property
    def word(self) -> str:
        """Its verdict in a word or two."""
        if self.report is None:
            return "UNUSABLE"
        if self.passed:
            return "RIGHT"
        return "WRONG" if self.report.judged else "NOT JUDGED"

    @property
    def passed(self) -> bool:
        """Whether it is right."""
        if self.report is None:
            return False
        return self.report.strictly_passed if self.strict else self.report.passed

    @property
    def verdict(self) -> str:
        """Its verdict in one sentence."""
        if self.report is None:
            return f"UNUSABLE. {self.unusable}"
        return self.report.strict_verdict() if self.strict else self.report.verdict

    @property
    def points(self) -> int:
        """Which share of what was asked for holds, in per cent."""
        return 0 if self.report is None else self.report.points.percent

    @property
    def lost(self) -> str:
        """What has cost it points."""
        return self.report.points.reasons if self.report else ""

    @property
    def mistakes(self) -> tuple[Finding, ...]:
        """What is wrong with it."""
        return self._findings(WRONG)

    @property
    def conventions(self) -> tuple[Finding, ...]:
        """What it does otherwise than PyTorch, and may."""
        return self._findings(CONVENTION)

    @property
    def reason(self) -> str:
        """Why it has no verdict, or does not pass where no mistake stands in it."""
        if self.report is None:
            place, _, sentence = self.unusable.partition(": ")
            return sentence if place.endswith(self.name) else self.unusable
        if self.report.judged and not self.passed and not self.mistakes:
            return self._strictly_missing(self.report)
        return "" if self.report.judged else self.report.reason

    def _strictly_missing(self, report: CheckReport) -> str:
        """What --strict does not let pass."""
        besides = [label(each) for each in (*self.conventions, *self._findings(IMPRECISE))]
        missing = [f"not tried: {each}" for each in report.untried]
        return f"--strict: {', '.join([*besides, *missing])}"

    def _findings(self, verdict: str) -> tuple[Finding, ...]:
        findings = self.report.findings if self.report else ()
        return tuple(finding for finding in findings if finding.verdict == verdict)

    @property
    def notes(self) -> str:
        """What is wrong with it, or why it is not judged, on one line."""
        mistakes = ", ".join(dict.fromkeys(map(label, self.mistakes)))
        return mistakes or shorten(self.reason, LONGEST, placeholder=" ...", break_on_hyphens=False)

    def in_a_table(self, *, points: bool) -> str:
        """The same; with `points`, what has cost them, where nothing else says it."""
        return self.notes or (self.lost if points else "")

    def lines(
        self, width: int = WIDTH, *, points: bool = False, verbose: bool = False
    ) -> list[str]:
        """The report on it, and its `points`; below an empty line, its verdict."""
        lines: list[str] = []
        if self.report is not None:
            _, *lines = self.report.lines(width, verbose=verbose)
            lines += ["", str(self.report.points)] if points else []
        return [*lines, "", self.verdict]

    def as_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        if self.report is None:
            return {"name": self.name, **unusable_as_json(self.unusable)}
        verdict = {"passed": self.passed, "verdict": self.verdict}
        return {**self.report.as_json(), "name": self.name, **verdict}


def unusable_as_json(sentence: str) -> dict[str, Any]:
    """What cannot be checked, as plain data."""
    verdict = {"passed": False, "judged": False, "verdict": f"UNUSABLE. {sentence}"}
    return {**verdict, "unusable": sentence, "points": 0}


def label(finding: Finding) -> str:
    """A finding by its id in the catalogue, or by what kind of thing it is; outside of
    the equations, by what the program does.
    """
    if finding.bug or finding.equation:
        return finding.bug or f"{finding.heading[:1].lower()}{finding.heading[1:]}"
    return PLACE.sub("", f"{finding.where}: {finding.got}")
