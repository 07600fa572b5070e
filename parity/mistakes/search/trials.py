"""The runs of one program beside the catalogue's programs."""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from parity.mistakes.search.judging import Station, judged
from parity.mistakes.search.replay import Run, hiding, taking
from parity.mistakes.search.suspects import Program, Suspect, may_explain, placed, suspects

if TYPE_CHECKING:
    from parity.mistakes.mistake import Mistake

# formulas that are tried for one program, counted by their time: some 20 us
FORMULAS = 100_000


class Nearest(NamedTuple):
    """How far the nearest other formula is from an array, as a share of its largest
    entry, and of how many that were tried.
    """

    share: float
    tried: int
    station: Station


class Effort:
    """How many formulas may still be tried for one program, so that what nothing
    explains takes its time, too; and what was beside those that were found.
    """

    def __init__(self, most: int = FORMULAS) -> None:
        self.most = self.left = most
        self.beside: dict[Mistake, Nearest] = {}

    def takes(self, formulas: int) -> bool:
        """Whether so many may be tried; they then are."""
        self.left -= formulas
        return self.left >= 0

    def starts_again(self) -> None:
        """Give back what was taken: something is explained."""
        self.left = self.most


class Trials:
    """The runs of one program beside the catalogue's programs: each pair is judged
    once. Without the `catalogue`, its entries, their variants, and its families and
    factors explain nothing.
    """

    def __init__(
        self, runs: Iterable[Run], *, catalogue: bool = True, effort: Effort | None = None
    ) -> None:
        self.runs, self.catalogue = tuple(runs), catalogue
        self.effort = effort or Effort()
        self._suspects: dict[int, list[Suspect]] = {}
        self._may_explain: dict[tuple[int, str, bool], list[Suspect]] = {}
        self.remembered: dict[tuple[object, int, Program], list[Program]] = {}
        self._stations: dict[tuple[int, Program], list[Station] | None] = {}

    def of(self, runs: Iterable[Run]) -> "Trials":
        """Other runs of the same program, with what is left of the effort."""
        return Trials(runs, catalogue=self.catalogue, effort=self.effort)

    def suspects(self, number: int, off: Station) -> list[Suspect]:
        """Every mistake, wherever it can stand, that may have to do with the array of a
        run that is off.
        """
        if not self.catalogue:
            return []
        key = number, off.quantity, off.step > 0
        if number not in self._suspects:
            self._suspects[number] = [*suspects(self.runs, number)]
        if key not in self._may_explain:
            run = self.runs[number]
            self._may_explain[key] = [
                each for each in self._suspects[number] if may_explain(run, each.mistake, off)
            ]
        return self._may_explain[key]

    def off(self, program: Program) -> dict[int, Station]:
        """Of each run that the program cannot explain, the first array."""
        first = {i: self.first_off(i, program) for i in range(len(self.runs))}
        return {i: station for i, station in first.items() if station is not None}

    def first_off(self, number: int, program: Program) -> Station | None:
        """The first array of a run that the program cannot explain."""
        stations = self._judged(number, program)
        if stations is None:
            return Station(0, "", 0, np.inf)
        return stations[-1] if stations and stations[-1].off else None

    def reached(self, number: int, program: Program) -> int:
        """How many arrays of a run the program explains before the first that is
        off.
        """
        stations = self._judged(number, program) or []
        return len(stations) - bool(stations and stations[-1].off)

    def reached_in_all(self, program: Program) -> int:
        """How many it explains in all the runs."""
        return sum(self.reached(i, program) for i in range(len(self.runs)))

    def explained(self, program: Program) -> int:
        """How many of the runs the program explains as a whole."""
        return sum(self.first_off(i, program) is None for i in range(len(self.runs)))

    def without(
        self,
        quantities: Sequence[str],
        number: int,
        program: Program,
        among: Iterable[int] | None = None,
    ) -> "Trials":
        """The same runs, in which quantities that nothing explains are no longer
        judged, in all of them or in some: taken as they are, or as if they were hidden,
        whichever lets the program come further.
        """
        chosen = set(range(len(self.runs)) if among is None else among)

        def comes_to(trials: Trials) -> float:
            whole = trials.first_off(number, program) is None
            return np.inf if whole else trials.reached(number, program)

        ways = (
            self.of(
                reduce(aside, quantities, run) if i in chosen else run
                for i, run in enumerate(self.runs)
            )
            for aside in (taking, hiding)
        )
        return max(ways, key=comes_to)

    def _judged(self, number: int, program: Program) -> list[Station] | None:
        """The arrays of a run up to the first that is off; None where the program does
        not fit its shapes.
        """
        run = self.runs[number]
        # what stands nowhere in this run makes no other program of it
        key = number, tuple(suspect for suspect in program if suspect.placed(run).layers)
        if key not in self._stations:
            try:
                self._stations[key] = judged(run, placed(run, program))
            except (ValueError, IndexError):
                self._stations[key] = None
        return self._stations[key]


def remembered(
    source: Callable[[Trials, int, Program], Iterable[Program]],
) -> Callable[[Trials, int, Program], list[Program]]:
    """A search that is done once for each run and program: several ask for it."""

    def once(trials: Trials, number: int, program: Program) -> list[Program]:
        key = source, number, program
        if key not in trials.remembered:
            trials.remembered[key] = list(source(trials, number, program))
        return trials.remembered[key]

    return once
