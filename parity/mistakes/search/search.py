"""The search for the mistakes that explain what a program shows: which programs of the
catalogue its arrays can come of.

Every mistake, in whatever layers it can stand, is tried where the first array is off:
on plain numbers first, and those that come nearest on bounded ones; where none fits, a
formula is looked for. What explains it lets the walk go on to the next; what spoils an
array that was explained is not followed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from parity.mistakes.catalogue.factors import FACTORS
from parity.mistakes.catalogue.index import CATALOGUE
from parity.mistakes.search.candidates import Candidate, candidates, furthest
from parity.mistakes.search.judging import Station, half_agrees, judged
from parity.mistakes.search.presentation import Presentation, presented
from parity.mistakes.search.replay import Run
from parity.mistakes.search.suspects import WALK, Program, Suspect, placed
from parity.mistakes.search.trials import Trials

# rounds of the walk: each explains one more run, or sets one quantity aside. For the
# mistakes of a single run one is enough (all 35); more are for programs whose runs need
# different mistakes, and for arrays that nothing explains
ROUNDS = 12
# runs of different kinds, none of which anything explains, before an array is called
# unknown: a mistake that explains most runs need not explain the first
DIFFERENT = 3
# made of the same delta, or by the same update
PARTNERS = {"db": "dW", "dW": "db", "W": "b", "b": "W"}


class Unknown(NamedTuple):
    """An array that nothing explains, its run, and the runs in which that quantity is
    the first to be off; and `beside` it db or b, where those of the same layer are off
    too: then what both are made of is wrong.
    """

    run: Run
    station: Station
    numbers: tuple[int, ...]
    beside: Station | None = None


class Search:
    """The walk through the runs of one program.

    What it comes to: the `program` with the mistakes that explain them, beyond those
    that are `right` by declaration; of each the ids that are `alike`; how quantities
    are `presented` that should be shown otherwise, and in which runs; the arrays that
    are `unknown`; or that float32's rounding explains everything, `single`. `trials`
    are the runs without what is unknown, as they should have been shown. Without the
    `catalogue`, only what stands in none explains anything.
    """

    def __init__(self, runs: Sequence[Run], right: Program, *, catalogue: bool = True) -> None:
        self.trials = Trials(runs, catalogue=catalogue)
        self.right, self.program = right, right
        self.alike: dict[Suspect, tuple[str, ...]] = {}
        self.presented: list[tuple[Presentation, tuple[int, ...]]] = []
        self.unknown: list[Unknown] = []
        self.single = False

    def walk(self) -> None:
        """Mistake by mistake, until every run is explained or nothing fits any more;
        but digits that are lost are no mistake.
        """
        slight = self._slight()
        if slight is not None:
            if not self._is_conventional():
                self.unknown.append(slight)
            return
        stuck: list[int] = []  # runs that nothing explains with the program as it is
        for _ in range(ROUNDS):
            off = self.trials.off(self.program)
            if not off:
                break
            number = self._next(off, stuck)
            if number is None:
                if not self._presented(stuck) and not self._goes_on_without(stuck[0], off):
                    break
                stuck = []
            elif ways := candidates(self.trials, number, self.program):
                self._adopt(ways)
                stuck = []
            elif self.program == self.right and not self.unknown and self._single_precision():
                self.single = True
                break
            else:
                stuck.append(number)

    def _next(self, off: dict[int, Station], stuck: Sequence[int]) -> int | None:
        """The run with the mistake that comes first, and of those what shows least; of
        other kinds than those that are stuck. None where there is none.
        """
        kinds = {self._kind(i, off) for i in stuck}
        left = [i for i in off if self._kind(i, off) not in kinds]
        if not left or len(stuck) == DIFFERENT:
            return None
        return min(
            left, key=lambda i: (_place(off[i]), len(self.trials.runs[i].steps[0].arrays), i)
        )

    def _kind(self, number: int, off: dict[int, Station]) -> tuple[object, ...]:
        spec = self.trials.runs[number].spec
        return spec.loss, spec.optimizer, spec.activations[-1][0], off[number].quantity

    def _adopt(self, ways: Sequence[Candidate]) -> None:
        best, *rest = ways
        self.program += best.added
        self.trials.effort.starts_again()
        self.alike |= {suspect: _alike(suspect, best, rest) for suspect in best.added}

    def _is_conventional(self) -> bool:
        """Whether every run is right by conventions, which are then in the program."""
        while off := self.trials.off(self.program):
            ways = candidates(self.trials, next(iter(off)), self.program, conventions=True)
            if not ways:
                self.program, self.alike = self.right, {}
                return False
            self._adopt(ways)
        return True

    def _presented(self, stuck: Sequence[int]) -> bool:
        """Note a quantity that is shown otherwise than it should be, and go on with
        what should have been shown.
        """
        explained = set(range(len(self.trials.runs))) - set(self.trials.off(self.program))
        for number in stuck:
            for way in presented(self.trials, number, self.program):
                corrected = map(way.corrected, self.trials.runs)
                trials = self.trials.of(corrected)
                if all(trials.first_off(i, self.program) is None for i in explained):
                    off = tuple(self.trials.off(self.program))
                    self.presented.append((way, off))
                    self.trials = trials
                    return True
        return False

    def _goes_on_without(self, number: int, off: dict[int, Station]) -> bool:
        """Note an array that nothing explains and set it aside; False where it is no
        number, as then is all that is made of it.
        """
        run = self.trials.runs[number]
        station, program = self._stuck(number, off)
        same = tuple(i for i in off if off[i].quantity == off[number].quantity)
        self.unknown.append(Unknown(run, station, same))
        if not np.isfinite(run.steps[station.step].arrays.get(station.where, np.zeros(()))).all():
            return False
        before = self.trials
        self.trials = before.without([station.quantity], number, self.program, off)
        partner = PARTNERS.get(station.quantity)
        beside = self.trials.first_off(number, program)
        if partner and beside and beside.where == (partner, station.layer):
            if ways := candidates(self.trials, number, program):
                self._adopt(ways)
                return True
            # both are made of what is wrong: delta, or what the update is given
            self.unknown[-1] = self.unknown[-1]._replace(beside=beside)
            both = [station.quantity, partner]
            self.trials = before.without(both, number, self.program, off)
        return True

    def _stuck(self, number: int, off: dict[int, Station]) -> tuple[Station, Program]:
        """The array that nothing explains: the first, where all is right without it, or
        one further on, with mistakes on the way to it; and the program with those.
        """
        first = off[number]
        aside = self.trials.without([first.quantity], number, self.program)
        if aside.first_off(number, self.program) is None:
            return first, self.program
        program = furthest(self.trials, number, self.program)
        return self.trials.first_off(number, program) or first, program

    def _slight(self) -> Unknown | None:
        """The first array that is off, where the first half of all digits agrees
        everywhere.
        """
        first = self.trials.off(self.right)
        runs = {i: self.trials.runs[i] for i in first}
        # before the rest is judged, which takes as long as all the others
        if not all(half_agrees(runs[i], off) for i, off in first.items()):
            return None
        off = [
            (run, station)
            for run in runs.values()
            for station in judged(run, placed(run, self.right), whole=True)
            if station.off
        ]
        slight = off and all(half_agrees(run, station) for run, station in off)
        return Unknown(*off[0], tuple(first)) if slight else None

    def _single_precision(self) -> bool:
        """Whether a run in float64 is right but for the rounding of float32: by bounds
        that leave less than half of the digits nothing is cleared, but numbers that
        float32 has.
        """
        doubles = [run for run in self.trials.runs if run.spec.dtype == "float64"]
        pairs = [
            (run, double.off, single)
            for run in doubles
            for double, single in zip(
                judged(run, placed(run, self.right), whole=True),
                judged(run, placed(run, self.right), dtype="float32", whole=True),
                strict=True,
            )
        ]
        return bool(pairs) and not any(
            single.off or (off and single.vague and not _is_single(run, single))
            for run, off, single in pairs
        )


def _is_single(run: Run, station: Station) -> bool:
    """Whether float32 has all numbers of an array."""
    array = run.steps[station.step].arrays[station.where]
    return bool((array == array.astype(np.float32)).all())


def _place(station: Station) -> tuple[int, int]:
    """Where an array comes in the order of computation."""
    return station.step, WALK.get(station.quantity, len(WALK))


def _alike(suspect: Suspect, best: Candidate, rest: Sequence[Candidate]) -> tuple[str, ...]:
    """The ids of what explains as many runs in its place, with everything else the
    same.
    """
    others = set(best.added) - {suspect}
    instead = (
        set(candidate.added) - others
        for candidate in rest
        if candidate.explained == best.explained and others <= set(candidate.added)
    )
    equal = {each.mistake for added in instead if len(added) == 1 for each in added}
    known = (*CATALOGUE, *FACTORS) if suspect.mistake in FACTORS else CATALOGUE
    return tuple(each.id for each in known if each in equal - {suspect.mistake})
