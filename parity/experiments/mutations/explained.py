"""Whether a program is explained by its runs, and whether rightly so: whether the
program that was found gives the numbers of runs that the search has not seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

import numpy as np

from parity.mistakes.diagnosis.naming import merged, named
from parity.mistakes.diagnosis.unexplained import misshown, unexplained
from parity.mistakes.mistake import CONVENTION
from parity.mistakes.search.judging import HALF, Station, judged
from parity.mistakes.search.replay import Run
from parity.mistakes.search.search import Search
from parity.mistakes.search.suspects import placed


@dataclass(frozen=True)
class Explained:
    """What a search came to.

    caught        something is off
    wholly        nothing is left unexplained
    refuted       the first array of an unseen run that the program found does not
                  give, in words; "" where it gives all of them
    conventional  by conventions alone, which are not wrong
    ids           of the catalogue, of what is in the program found; "" for a formula
    said          what it is, sentence by sentence
    """

    caught: bool
    wholly: bool
    refuted: str
    conventional: bool
    ids: tuple[str, ...]
    said: tuple[str, ...]

    @property
    def rightly(self) -> bool:
        """Whether the program found is the program, as far as anybody can see."""
        return self.caught and self.wholly and not self.refuted

    @property
    def status(self) -> str:
        """What it comes to, in a word or two."""
        if not self.caught:
            return "NOT CAUGHT"
        if not self.wholly:
            return "NOT EXPLAINED"
        return "WRONGLY EXPLAINED" if self.refuted else "right"

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "rightly": self.rightly}


def explained(runs: Sequence[Run], unseen: Sequence[Run], *, catalogue: bool = True) -> Explained:
    """Search in some runs of a program, and try what is found on others."""
    search = searched(runs, catalogue=catalogue)
    added = search.program[len(search.right) :]
    caught = bool(added or search.presented or search.unknown or search.single)
    wholly = caught and not (search.unknown or search.single or search.trials.off(search.program))
    return Explained(
        caught,
        wholly,
        next(_refutations(search, unseen), "") if wholly else "",
        wholly
        and not search.presented
        and all(each.mistake.verdict == CONVENTION for each in added),
        tuple(each.mistake.id for each in added),
        tuple(_said(search)),
    )


def searched(runs: Sequence[Run], *, catalogue: bool = True) -> Search:
    """The search through these runs, done; or by the grammar alone."""
    search = Search(runs, (), catalogue=catalogue)
    search.walk()
    return search


def _refutations(search: Search, unseen: Sequence[Run]) -> Iterator[str]:
    """The arrays, first of each run, that the program found does not give."""
    for run in unseen:
        shown = reduce(lambda each, way: way[0].corrected(each), search.presented, run)
        try:
            stations = judged(shown, placed(shown, search.program))
        except (ValueError, IndexError):
            yield f"its shapes do not fit {_words(run)}"
            continue
        yield from (
            f"{_place(each)} with {_words(run)}" for each in stations if _is_other(shown, each)
        )


def _is_other(run: Run, station: Station) -> bool:
    """Whether an array is not what the program found gives. Where rounding may take
    half of the digits, the numbers that it gives still have to be these.
    """
    array = run.steps[station.step].arrays[station.where]
    half = HALF[run.spec.dtype] * np.abs(array).max(initial=0.0)
    return station.off or bool(station.vague and station.gap > half)


def _place(station: Station) -> str:
    what = "is off" if station.off else "cannot be judged"
    return f"{station.quantity} of layer {station.layer} in step {station.step + 1} {what}"


def _words(run: Run) -> str:
    """What an unseen run has that may matter."""
    spec = run.spec
    settings = ", ".join(f"{name}={value}" for name, value in spec.hyperparameters.items() if value)
    names = "-".join(name for name, _ in spec.activations)
    sizes = "-".join(map(str, spec.sizes))
    return f"{sizes} {names}, {spec.loss}, {spec.optimizer}({settings}), n {len(run.steps[0].x)}"


def _said(search: Search) -> Iterator[str]:
    findings = [named(search, each) for each in search.program[len(search.right) :]]
    yield from (
        f"{each.where}: {each.formula or each.got}"
        for each in (
            *merged([finding for finding in findings if finding]),
            *(misshown(each, numbers) for each, numbers in search.presented),
            *(unexplained(search, each) for each in search.unknown),
        )
    )
