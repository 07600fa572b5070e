"""A class as a table of a spreadsheet."""

import csv
import io
from collections.abc import Iterable

from parity.checking.grading.submission import Submission, label
from parity.checking.grading.summary import ClassReport
from parity.checking.program.text import printable
from parity.mistakes.diagnosis.finding import Finding

COLUMNS = ("name", "verdict", "passed", "points", "lost", "mistakes", "conventions", "reason")
# how a cell begins that a spreadsheet takes for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(report: ClassReport) -> str:
    """The text of a CSV file: a row for each submission, below a row of headings."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(map(_row, report.submissions))
    return text.getvalue()


def _row(each: Submission) -> list[str | int]:
    return [
        _cell(each.name),
        each.word,
        "yes" if each.passed else "no",
        each.points,
        _cell(each.lost),
        _cell(_labels(each.mistakes)),
        _cell(_labels(each.conventions)),
        _cell(each.reason),
    ]


def _labels(findings: Iterable[Finding]) -> str:
    return "; ".join(dict.fromkeys(map(label, findings)))


def _cell(text: str) -> str:
    """The text as a spreadsheet shows it, and computes nothing."""
    return f"'{printable(text)}" if text.startswith(FORMULA) else printable(text)
