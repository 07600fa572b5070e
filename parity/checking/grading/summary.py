"""The report of a class: who is right, who has which mistake, how common each is."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any
from unicodedata import east_asian_width

from parity.checking.grading.common import Common, common
from parity.checking.grading.submission import WORDS, Submission
from parity.mistakes.diagnosis.finding import NARROWEST, WIDTH

LONGEST = 32  # characters of a name in a table; a longer one takes a line of its own
GAP = "  "


@dataclass(frozen=True)
class ClassReport:
    """What became of all submissions of a class, in their order."""

    submissions: tuple[Submission, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many submissions have each verdict."""
        words = [each.word for each in self.submissions]
        return {word: words.count(word) for word in WORDS}

    @property
    def passed(self) -> bool:
        """Whether all are right."""
        return all(each.passed for each in self.submissions)

    @property
    def usable(self) -> bool:
        """Whether any of them could be checked."""
        return any(each.report is not None for each in self.submissions)

    @property
    def verdict(self) -> str:
        """How many are right, and how many are not, in one sentence."""
        right, *others = self.counts.items()
        count = len(self.submissions)
        are = "is" if right[1] == 1 else "are"
        rest = ", ".join(f"{number} {word.lower()}" for word, number in others if number)
        return f"{right[1]} of {count} {are} right{f'; {rest}' if rest else ''}"

    @property
    def common(self) -> list[Common]:
        """Its mistakes, the most common first."""
        return common(self.submissions)

    @property
    def bugs(self) -> list[str]:
        """The tracebacks of mistakes of parity's own."""
        return [each.bug for each in self.submissions if each.bug]

    def lines(
        self, width: int = WIDTH, *, points: bool = False, verbose: bool = False
    ) -> Iterator[str]:
        """The verdict, a table of the submissions, and one of the mistakes, at most
        `width` columns wide.

        With `points`, those too; where it is `verbose`, every report before.
        """
        width = max(width, NARROWEST)
        yield self.verdict
        if verbose:
            for each in self.submissions:
                yield from (each.name, "", *each.lines(width, points=points, verbose=True), "")
        header = ["name", "verdict", *(["points"] if points else []), "mistakes"]
        rows = [self._row(each, points) for each in self.submissions]
        yield from _table([header, *rows], width)
        if self.common:
            yield ""
            mistakes = [[str(len(each.holders)), each.label, each.text] for each in self.common]
            yield from _table([["how many", "mistake", "what it is"], *mistakes], width)

    @staticmethod
    def _row(submission: Submission, points: bool) -> list[str]:
        number = [str(submission.points)] if points else []
        return [submission.name, submission.word, *number, submission.in_a_table(points=points)]

    def as_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "counts": {word.lower().replace(" ", "_"): n for word, n in self.counts.items()},
            "submissions": [each.as_json() for each in self.submissions],
            "mistakes": [each._asdict() for each in self.common],
        }


def _breadth(text: str) -> int:
    """The columns of a terminal that it takes; letters of East Asia take two."""
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def _table(rows: list[list[str]], width: int) -> Iterator[str]:
    """Rows with their columns below one another, the last of which is wrapped."""
    *columns, _ = zip(*rows, strict=True)
    widths = [min(max(map(_breadth, column)), LONGEST) for column in columns]
    indent = " " * sum(size + len(GAP) for size in widths)
    for *cells, last in rows:
        padded = (
            cell + " " * (size - _breadth(cell)) for cell, size in zip(cells, widths, strict=True)
        )
        start = "".join(f"{cell}{GAP}" for cell in padded)
        if _breadth(start) > len(indent):
            yield start.rstrip()
            start = indent
        room = max(width, len(indent) + NARROWEST)
        yield from wrap(
            last,
            room,
            initial_indent=start,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [start.rstrip()]
