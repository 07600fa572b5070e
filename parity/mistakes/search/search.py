"""The search for the mistakes that explain what a program shows: which programs of the
catalogue its arrays can come of.

Every mistake, in whatever layers it can stand, is tried where the first array is off:
on plain numbers first, and those that come nearest on bounded ones. What explains it
lets the walk go on to the next; what spoils an array that was explained is not
followed.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from parity.mistakes.catalogue.index import CATALOGUE, FACTORS
from parity.mistakes.search.judging import Station, distance, explains, half_agrees, judged
from parity.mistakes.search.replay import Placed, Run, hiding, taking
from parity.mistakes.search.suspects import WALK, Program, Suspect, placed, suspects, unlikeliness

# How these were measured: one to three mistakes drawn from the catalogue are put into a
# probe, and gradients and weights are shown, or weights alone. Counted are the programs
# of which all mistakes are named, and no others.

# programs run on plain numbers first, and so many of the nearest are judged with
# bounds, which takes longer. Of 40 single mistakes 16 name all, and 8 lose one; of 50
# pairs 8 name 43, 16 name 44, and 32 name 45 in a tenth more time
JUDGED_OF_RANKED = 16
# mistakes in one run, looked for one after the other. Of 32 pairs and 12 triples a
# depth of 1 names 16, 2 names 28, 3 names 35, and 4 no more
DEPTH = 3
# ways that are followed further at each depth. Of the same 44, 1 names 31, 2 name 34, 4
# name 35, and 8 no more in a sixteenth more time
BEAM = 4
# rounds of the walk: each explains one more run, or sets one quantity aside. For the
# mistakes of a single run one is enough (all 35); more are for programs whose runs need
# different mistakes, and for arrays that nothing explains
ROUNDS = 6


class Trials:
    """The runs of one program beside the catalogue's programs: each pair is judged
    once.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs = tuple(runs)
        self._stations: dict[tuple[int, Program], list[Station] | None] = {}

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

    def without(self, quantity: str, number: int, program: Program) -> "Trials":
        """The same runs, in which a quantity that nothing explains is no longer judged:
        taken as it is, or as if it were hidden, whichever lets the program come
        further.
        """

        def comes_to(trials: Trials) -> float:
            whole = trials.first_off(number, program) is None
            return np.inf if whole else trials.reached(number, program)

        ways = (Trials(aside(run, quantity) for run in self.runs) for aside in (taking, hiding))
        return max(ways, key=comes_to)

    def _judged(self, number: int, program: Program) -> list[Station] | None:
        """The arrays of a run up to the first that is off; None where the program does
        not fit its shapes.
        """
        run = self.runs[number]
        # what stands nowhere in this run makes no other program of it
        key = number, tuple(suspect for suspect in program if suspect.placed(run)[1])
        if key not in self._stations:
            try:
                self._stations[key] = judged(run, placed(run, program))
            except (ValueError, IndexError):
                self._stations[key] = None
        return self._stations[key]


class Search:
    """The walk through the runs of one program.

    What it comes to: the `program` with the mistakes that explain them, beyond those
    that are `right` by declaration; of each the ids that are `alike`; the arrays that
    are `unknown`, with their runs; or that float32's rounding explains everything,
    `single`. `trials` are the runs without what is unknown.
    """

    def __init__(self, runs: Sequence[Run], right: Program) -> None:
        self.trials, self.right, self.program = Trials(runs), right, right
        self.alike: dict[Suspect, tuple[str, ...]] = {}
        self.unknown: list[tuple[Run, Station]] = []
        self.single = False

    def walk(self) -> None:
        """Mistake by mistake, until every run is explained or nothing fits any more;
        but digits that are lost are no mistake.
        """
        slight = self._slight()
        if slight is not None:
            self.unknown.append(slight)
            return
        for _ in range(ROUNDS):
            off = self.trials.off(self.program)
            if not off:
                break
            # the run with the mistake that comes first, and of those what shows least
            number = min(
                off,
                key=lambda i: (_place(off[i]), len(self.trials.runs[i].steps[0].arrays), i),
            )
            ways = candidates(self.trials, number, self.program)
            if ways:
                best, *rest = ways
                self.program += best.added
                self.alike |= {suspect: _alike(suspect, best, rest) for suspect in best.added}
            elif self.program == self.right and not self.unknown and self._single_precision():
                self.single = True
                break
            elif not self._goes_on_without(number):
                break

    def _goes_on_without(self, number: int) -> bool:
        """Note an array that nothing explains and set it aside; False where it is no
        number, as then is all that is made of it.
        """
        run, station = self.trials.runs[number], self._stuck(number)
        self.unknown.append((run, station))
        if not np.isfinite(run.steps[station.step].arrays.get(station.where, np.zeros(()))).all():
            return False
        self.trials = self.trials.without(station.quantity, number, self.program)
        return True

    def _stuck(self, number: int) -> Station:
        """The array that nothing explains: the first, where all is right without it, or
        one further on, with mistakes on the way to it.
        """
        first = self.trials.off(self.program)[number]
        aside = self.trials.without(first.quantity, number, self.program)
        if aside.first_off(number, self.program) is None:
            return first
        paths = [
            self.program + path
            for paths in _paths(self.trials, number, self.program)
            for path in paths
        ]
        off = [path for path in paths if self.trials.first_off(number, path) is not None]
        furthest = max(
            off, key=lambda path: self.trials.reached(number, path), default=self.program
        )
        return self.trials.first_off(number, furthest) or first

    def _slight(self) -> tuple[Run, Station] | None:
        """The first array that is off, where the first half of all digits agrees
        everywhere.
        """
        first = [(self.trials.runs[i], off) for i, off in self.trials.off(self.right).items()]
        # before the rest is judged, which takes as long as all the others
        if not all(half_agrees(run, station) for run, station in first):
            return None
        off = [
            (run, station)
            for run, _ in first
            for station in judged(run, placed(run, self.right), whole=True)
            if station.off
        ]
        return off[0] if off and all(half_agrees(run, station) for run, station in off) else None

    def _single_precision(self) -> bool:
        """Whether a run in float64 is right but for the rounding of float32."""
        doubles = [
            (run, placed(run, self.right))
            for run in self.trials.runs
            if run.spec.dtype == "float64"
        ]
        pairs = [
            (double.off, single)
            for run, right in doubles
            for double, single in zip(
                judged(run, right, whole=True),
                judged(run, right, dtype="float32", whole=True),
                strict=True,
            )
        ]
        # by bounds that leave less than half of the digits nothing is cleared
        return bool(pairs) and not any(
            single.off or (off and single.vague) for off, single in pairs
        )


def _place(station: Station) -> tuple[int, int]:
    """Where an array comes in the order of computation."""
    return station.step, WALK.get(station.quantity, len(WALK))


# candidates


class Candidate(NamedTuple):
    """Mistakes that explain a run, and how many of the runs they explain."""

    added: Program
    explained: int


def candidates(trials: Trials, number: int, program: Program) -> list[Candidate]:
    """What explains a run, with the mistakes of the program so far, and spoils none:
    the fewest mistakes, most runs, then the likeliest.
    """
    explained = set(range(len(trials.runs))) - set(trials.off(program))
    spec = trials.runs[number].spec
    for explaining in (_one_by_one, _at_once):
        ways = explaining(trials, number, program)
        # in all networks, or else in those alone that have the same optimizer or loss
        for scope in (None, ("optimizer", spec.optimizer), ("loss", spec.loss)):
            scoped = (tuple(each._replace(scope=scope) for each in way) for way in ways)
            kept = [
                way
                for way in scoped
                if all(trials.first_off(i, program + way) is None for i in explained)
            ]
            if kept:
                fewest = min(map(len, kept))
                best = [way for way in kept if len(way) == fewest]
                return sorted(
                    (Candidate(way, trials.explained(program + way)) for way in best),
                    key=lambda each: (-each.explained, *map(unlikeliness, each.added)),
                )
    return []


def _one_by_one(trials: Trials, number: int, program: Program) -> list[Program]:
    """Mistakes that each explain the first array that is off and so let the walk go on,
    until it comes to the end.
    """
    for paths in _paths(trials, number, program):
        done = [path for path in paths if trials.first_off(number, program + path) is None]
        if done:
            return done
    return []


def _paths(trials: Trials, number: int, program: Program) -> Iterator[list[Program]]:
    """One mistake, two, three, each further than the one before; those that come
    furthest go on.
    """

    def shortfall(path: Program) -> tuple[int, int]:
        extended = program + path
        return -trials.reached(number, extended), -trials.reached_in_all(extended)

    paths: list[Program] = [()]
    for _ in range(DEPTH):
        paths = [
            (*path, suspect)
            for path in paths
            for suspect in _moving_on(trials, number, program + path)
        ]
        yield paths
        paths = sorted(paths, key=shortfall)[:BEAM]


def _moving_on(trials: Trials, number: int, program: Program) -> Iterator[Suspect]:
    """What explains the first array that is off, and nothing before it is off then."""
    off = trials.first_off(number, program)
    if off is None or not off.quantity:
        return
    here = trials.reached(number, program)  # as many arrays come before it
    ways = [(each,) for each in suspects(trials.runs, number, off) if each not in program]
    for (suspect,) in _explaining(trials.runs[number], program, off, ways):
        extended = (*program, suspect)
        if trials.first_off(number, extended) is None or trials.reached(number, extended) > here:
            yield suspect


def _at_once(trials: Trials, number: int, program: Program) -> list[Program]:
    """Two mistakes that only together explain the first array that is off, as where
    nothing but weights is shown.
    """
    off = trials.first_off(number, program)
    # what shows later only has had a step in which one of them showed alone
    if off is None or not off.quantity or off.step > 0:
        return []
    everywhere = [
        suspect
        for suspect in suspects(trials.runs, number, off)
        if suspect.extent == "everywhere" and suspect.mistake in CATALOGUE
    ]
    pairs = list(combinations(everywhere, 2))
    ways = _explaining(trials.runs[number], program, off, pairs)
    return [pair for pair in ways if trials.first_off(number, program + pair) is None]


def _explaining(
    run: Run, program: Program, off: Station, ways: Sequence[Program]
) -> Iterator[Program]:
    """Of the ways that come nearest to an array those that it can really come of."""
    others = placed(run, program)
    # ways that are the same in this run may part in others
    same: dict[tuple[Placed, ...], list[Program]] = {}
    for way in ways:
        same.setdefault(tuple(placed(run, way)), []).append(way)
    near = {each: distance(run, [*others, *each], off) for each in same}
    for each in sorted(same, key=near.__getitem__)[:JUDGED_OF_RANKED]:
        if near[each] < np.inf and explains(run, [*others, *each], off):
            yield from same[each]


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
