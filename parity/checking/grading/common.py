"""How common each mistake is in a class."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from parity.checking.grading.submission import Submission, label
from parity.mistakes.diagnosis.finding import Finding


class Common(NamedTuple):
    """A mistake: its id in the catalogue or its kind, the formula or the place, and the
    numbers of the submissions that have it, from 0 on.
    """

    label: str
    text: str
    holders: tuple[int, ...]


def common(submissions: Sequence[Submission]) -> list[Common]:
    """The mistakes of a class, the most common first."""
    first: dict[tuple[str, str], Finding] = {}
    holders: dict[tuple[str, str], list[int]] = {}
    for number, key, finding in _all(submissions):
        first.setdefault(key, finding)
        numbers = holders.setdefault(key, [])
        if number not in numbers:
            numbers.append(number)
    mistakes = [Common(key[0], _text(first[key]), (*numbers,)) for key, numbers in holders.items()]
    return sorted(mistakes, key=lambda each: -len(each.holders))


def _all(submissions: Sequence[Submission]) -> Iterator[tuple[int, tuple[str, str], Finding]]:
    """Every mistake of every submission, with what makes it the same as another one."""
    for number, submission in enumerate(submissions):
        for finding in submission.mistakes:
            # an entry of the catalogue may have other numbers in its formula
            is_nameless = finding.equation and not finding.bug
            key = (label(finding), _text(finding) if is_nameless else "")
            yield number, key, finding


def _text(finding: Finding) -> str:
    """What it computes, or where it stands; outside of the equations, what is expected
    instead.
    """
    wanted = f"expected {finding.expected}" if finding.expected else ""
    return finding.formula or (finding.where if finding.equation else wanted)
