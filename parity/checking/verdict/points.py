"""Points: which share of what was asked for holds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from parity.checking.verdict.coverage import ENOUGH, WITH
from parity.checking.verdict.results import TaskResult
from parity.mistakes.diagnosis.finding import Finding, in_words
from parity.mistakes.mistake import WRONG

ANSWERS = "an answer to every task"
# why something does not hold
IS_WRONG, NOT_SHOWN, NOT_JUDGED = "wrong", "not shown", "not judged"


@dataclass(frozen=True)
class Points:
    """What holds of all that the tasks ask for, and what does not.

    The items are

    - the equations, by their labels
    - the settings: each activation, output activation, loss and dtype, each optimizer,
      and each setting of an optimizer
    - an answer to every task, of the form that is asked for

    An equation holds where a task was judged that has it, and no mistake stands in it;
    C only where the loss is shown. Where numbers are NaN or infinite and nobody knows
    why, a task is not judged, for all that is computed from them is so, too.

    A setting holds where a task was judged that has it, and no mistake stands in all of
    its tasks and in no others, be it with one optimizer or with all that have the
    setting; and none of an optimizer that does not hold. A mistake outside the
    equations, such as an exception, costs the answer. Where fewer than three tasks are
    judged, or nothing can be said of the program, nothing holds; and no setting does
    where no equation does. Conventions, lost digits and notes cost nothing.

    holds   the items that hold
    lost    those that do not, and why
    """

    holds: tuple[str, ...]
    lost: dict[str, str]

    @property
    def percent(self) -> int:
        """The share of the items that hold, rounded down: 100 is all of them."""
        count = len(self.holds) + len(self.lost)
        return 100 * len(self.holds) // count if count else 0

    def __str__(self) -> str:
        """Both in one sentence."""
        lost = self.reasons
        return f"Points: {self.percent} of 100{f'. {lost[0].upper()}{lost[1:]}' if lost else ''}"

    @property
    def reasons(self) -> str:
        """What does not hold, and why, on one line; "" where all holds."""
        items_by_reason: dict[str, list[str]] = {}
        for item, why in self.lost.items():
            items_by_reason.setdefault(why, []).append(item)
        return "; ".join(f"{why}: {in_words(items)}" for why, items in items_by_reason.items())


def points(
    results: Sequence[TaskResult], findings: Iterable[Finding], shown: Iterable[str], reason: str
) -> Points:
    """The points of a program by what became of its tasks; `reason` says why nothing
    can be said of it.
    """
    judged = [each for each in results if each.judged]
    mistakes = [finding for finding in findings if finding.verdict == WRONG]
    equations, settings = _asked(results)
    items = [*equations, *settings, ANSWERS]
    if reason or len(judged) < max(1, min(ENOUGH, len(results))):
        return Points((), dict.fromkeys(items, NOT_JUDGED))
    lost = dict(_lost_equations(equations, judged, mistakes, "loss" in {*shown}))
    if len(lost) == len(equations):
        return Points((), {**lost, **dict.fromkeys([*settings, ANSWERS], IS_WRONG)})
    lost |= _lost_settings(settings, judged, mistakes)
    if not all(map(_breaks, mistakes)):
        lost[ANSWERS] = IS_WRONG
    return Points(tuple(item for item in items if item not in lost), lost)


def _asked(results: Iterable[TaskResult]) -> tuple[list[str], list[str]]:
    """The equations and the settings that tasks ask for, each once."""
    results = [*results]
    return (
        [*dict.fromkeys(label for each in results for label in each.equations)],
        [*dict.fromkeys(item for each in results for item in each.settings)],
    )


def _breaks(finding: Finding) -> tuple[str, ...]:
    """The equations in which a mistake stands; () where it is outside of them."""
    return finding.equations or tuple(filter(None, [finding.equation]))


def _lost_equations(
    equations: Iterable[str], judged: Sequence[TaskResult], mistakes: Sequence[Finding], cost: bool
) -> Iterator[tuple[str, str]]:
    tried, _ = _asked(judged)
    for label in equations:
        if any(label in _breaks(mistake) for mistake in mistakes):
            yield label, IS_WRONG
        elif label not in tried:
            yield label, NOT_JUDGED
        elif label == "C" and not cost:
            yield label, NOT_SHOWN


def _lost_settings(
    settings: Iterable[str], judged: Sequence[TaskResult], mistakes: Sequence[Finding]
) -> Iterator[tuple[str, str]]:
    every = {each.task for each in judged}
    places = [every & {*mistake.tasks} for mistake in mistakes]
    apart = [tasks for tasks in places if tasks != every]
    wrong: set[str] = set()
    for item in settings:
        having = _tasks_with(item, judged)
        if not having:
            yield item, NOT_JUDGED
        elif item.partition(WITH)[0] in wrong or any(
            tasks in apart for tasks in (having, _tasks_with(_of_any(item), judged))
        ):
            wrong.add(item)
            yield item, IS_WRONG


def _tasks_with(item: str, judged: Sequence[TaskResult]) -> set[str]:
    """The tasks that have a setting, be it of one optimizer or of any."""
    return {each.task for each in judged if item in (*each.settings, *map(_of_any, each.settings))}


def _of_any(item: str) -> str:
    """The setting of an optimizer without that, any other as it is."""
    return item.rpartition(WITH)[2]
