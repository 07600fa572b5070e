"""The search for the mistakes that explain what a program shows: which programs of the
catalogue its arrays can come of.

Every mistake, in whatever layers it can stand, is tried where the first array is off:
on plain numbers first, and those that come nearest on bounded ones. What explains it
lets the walk go on to the next; what spoils an array that was explained is not
followed.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np

from parity.mistakes.catalogue.index import CATALOGUE, FACTORS
from parity.mistakes.judging import Station, distance, explains, half_agrees, judged
from parity.mistakes.mistake import CONVENTION, Mistake
from parity.mistakes.replay import LAYER, Placed, Run, hiding, taking

# programs are run on plain numbers first; of those that come nearest so many are judged
JUDGED_OF_RANKED = 16
DEPTH = 3  # mistakes at once in one place of the walk
BEAM = 4  # ways that are followed further
ROUNDS = 6  # mistakes at once in all


class Chosen(NamedTuple):
    """A mistake, the layers of each network in which it is thought to stand, of those
    in which it can, and in which networks.
    """

    mistake: Mistake
    kind: str = "everywhere"  # or "last", "hidden", "first", "layer 2"
    # in all networks, or those with this "optimizer" or this "loss"
    scope: tuple[str, str] | None = None

    def placed(self, run: Run) -> Placed:
        """The layers in the network of a run."""
        depth = len(run.spec.sizes) - 1
        here = self.scope is None or getattr(run.spec, self.scope[0]) == self.scope[1]
        layers = run.layers(self.mistake) if here else frozenset()
        among = {
            "everywhere": layers,
            "last": {depth},
            "hidden": set(range(1, depth)),
            "first": {1},
        }
        return self.mistake, layers & frozenset(
            among.get(self.kind) or {int(self.kind.partition(" ")[2] or 0)}
        )


Program: TypeAlias = tuple[Chosen, ...]


class Candidate(NamedTuple):
    """Mistakes that explain a run, and how many of the runs they explain."""

    added: Program
    explained: int


class Search:
    """The walk through the runs of one program.

    What it comes to: the `program` with the mistakes found, beyond those that are
    `right` by declaration; of each the ids that are `alike`; the arrays that are
    `unknown`, with their runs; or that float32's rounding explains everything,
    `single`.
    """

    def __init__(self, runs: Sequence[Run], right: Program) -> None:
        self.runs, self.right, self.program = list(runs), right, right
        self.alike: dict[Chosen, tuple[str, ...]] = {}
        self.unknown: list[tuple[Run, Station]] = []
        self.single = False
        self._judged: dict[tuple[int, Program], list[Station] | None] = {}

    def walk(self) -> None:
        """Mistake by mistake, until every run is explained or nothing fits any more;
        but digits that are lost are no mistake.
        """
        slight = self._slight()
        if slight is not None:
            self.unknown.append(slight)
            return
        for _ in range(ROUNDS):
            off = self.off(self.program)
            if not off:
                break
            number = min(
                off, key=lambda i: (self._depth_of(off[i]), len(self.runs[i].steps[0].arrays), i)
            )
            candidates = self._candidates(number, self.program)
            if candidates:
                best, *rest = candidates
                self.program += best.added
                self.alike |= {chosen: _alike(chosen, best, rest) for chosen in best.added}
            elif self.program == self.right and not self.unknown and self._single_precision():
                self.single = True
                break
            elif not self._goes_on_without(number):
                break

    def _goes_on_without(self, number: int) -> bool:
        """Note an array that nothing explains and set it aside; False where it is no
        number, as then is all that is made of it.
        """
        station = self._stuck(number, self.program)
        self.unknown.append((self.runs[number], station))
        if not np.isfinite(
            self.runs[number].steps[station.step].arrays.get(station.where, np.zeros(()))
        ).all():
            return False
        self._set_aside(number, self.program, station.quantity)
        return True

    def _set_aside(self, number: int, program: Program, quantity: str) -> None:
        """Go on without a quantity that nothing explains: with what was shown of it or
        as if it were hidden, whichever comes further.
        """
        shown = self.runs

        def comes_to(runs: list[Run]) -> float:
            self.runs = runs
            self._judged.clear()
            return (
                np.inf
                if self.first_off(number, program) is None
                else self._reached(number, program)
            )

        ways = [[taking(run, quantity) for run in shown], [hiding(run, quantity) for run in shown]]
        comes_to(max(ways, key=comes_to))

    def off(self, program: Program) -> dict[int, Station]:
        """Of each run that the program cannot explain, the first array."""
        first = {i: self.first_off(i, program) for i in range(len(self.runs))}
        return {i: station for i, station in first.items() if station is not None}

    def first_off(self, number: int, program: Program) -> Station | None:
        stations = self._stations(number, program)
        if stations is None:
            return Station(0, "", 0, np.inf)
        return stations[-1] if stations and stations[-1].off else None

    def _stations(self, number: int, program: Program) -> list[Station] | None:
        """The arrays of a run up to the first that is off; None where the program does
        not fit its shapes.
        """
        run = self.runs[number]
        key = (number, tuple(chosen for chosen in program if chosen.placed(run)[1]))
        if key not in self._judged:
            try:
                self._judged[key] = judged(run, self.placed(run, program))
            except (ValueError, IndexError):
                self._judged[key] = None
        return self._judged[key]

    @staticmethod
    def placed(run: Run, program: Program) -> list[Placed]:
        return [chosen.placed(run) for chosen in program]

    def _depth_of(self, station: Station) -> tuple[int, int]:
        order = {name: i for i, name in enumerate((*LAYER[:2], "loss", "delta", "db", "dW"))}
        return station.step, order.get(station.quantity, len(order))

    def _slight(self) -> tuple[Run, Station] | None:
        """The first array that is off, where the first half of all digits agrees
        everywhere.
        """
        first = [(self.runs[i], station) for i, station in self.off(self.right).items()]
        if not all(half_agrees(run, station) for run, station in first):
            return None  # before the rest is judged, which takes as long as all the others
        off = [
            (run, s)
            for run, _ in first
            for s in judged(run, self.placed(run, self.right), whole=True)
            if s.off
        ]
        return off[0] if off and all(half_agrees(run, station) for run, station in off) else None

    def _single_precision(self) -> bool:
        """Whether a run in float64 is right but for the rounding of float32."""
        doubles = [
            (run, self.placed(run, self.right)) for run in self.runs if run.spec.dtype == "float64"
        ]
        pairs = [
            (double.off, single)
            for run, placed in doubles
            for double, single in zip(
                judged(run, placed, whole=True),
                judged(run, placed, dtype="float32", whole=True),
                strict=True,
            )
        ]
        return bool(pairs) and not any(
            single.off or (off and single.vague) for off, single in pairs
        )

    # candidates

    def _candidates(self, number: int, program: Program) -> list[Candidate]:
        """What explains a run, with the mistakes found so far, and spoils none: the
        fewest mistakes, most runs, then the likeliest.
        """
        explained = set(range(len(self.runs))) - set(self.off(program))
        for search in (self._one_by_one, self._at_once):
            found = search(number, program)
            for scope in (
                None,
                *((name, getattr(self.runs[number].spec, name)) for name in ("optimizer", "loss")),
            ):
                scoped = [
                    tuple(chosen._replace(scope=scope) for chosen in added) for added in found
                ]
                kept = [
                    added
                    for added in scoped
                    if all(self.first_off(i, program + added) is None for i in explained)
                ]
                fewest = min((len(added) for added in kept), default=0)
                scored = [
                    Candidate(added, self._count(program + added))
                    for added in kept
                    if len(added) == fewest
                ]
                if scored:
                    return sorted(
                        scored, key=lambda each: (-each.explained, *map(_unlikeliness, each.added))
                    )
        return []

    def _count(self, program: Program) -> int:
        return sum(self.first_off(i, program) is None for i in range(len(self.runs)))

    def _one_by_one(self, number: int, program: Program) -> list[Program]:
        """Mistakes that each explain the first array that is off and so let the walk go
        on, until it comes to the end.
        """
        for further in self._paths(number, program):
            done = [path for path in further if self.first_off(number, program + path) is None]
            if done:
                return done
        return []

    def _paths(self, number: int, program: Program) -> Iterator[list[Program]]:
        """One mistake, two, three, each further than the one before; those that come
        furthest go on.
        """
        paths: list[Program] = [()]
        for _ in range(DEPTH):
            paths = [
                (*path, chosen)
                for path in paths
                for chosen in self._moving_on(number, program + path)
            ]
            yield paths
            paths = sorted(
                paths,
                key=lambda path: (
                    -self._reached(number, program + path),
                    -self._everywhere(program + path),
                ),
            )[:BEAM]

    def _stuck(self, number: int, program: Program) -> Station:
        """The array that nothing explains: the first, where all is right without it, or
        one further on, with mistakes on the way to it.
        """
        first = self.off(program)[number]
        before = self.runs
        self._set_aside(number, program, first.quantity)
        alone = self.first_off(number, program) is None
        self.runs = before
        self._judged.clear()
        paths = (
            () if alone else [path for further in self._paths(number, program) for path in further]
        )
        off = [
            (self._reached(number, program + path), station)
            for path in paths
            if (station := self.first_off(number, program + path))
        ]
        return max(off, key=lambda each: each[0])[1] if off else first

    def _everywhere(self, program: Program) -> int:
        """How far it comes in all the runs."""
        return sum(self._reached(i, program) for i in range(len(self.runs)))

    def _reached(self, number: int, program: Program) -> int:
        stations = self._stations(number, program) or []
        return len(stations) - bool(stations and stations[-1].off)

    def _moving_on(self, number: int, program: Program) -> Iterator[Chosen]:
        """What explains the first array that is off, and nothing before it is off
        then.
        """
        off = self.first_off(number, program)
        if off is not None and off.quantity:
            here = self._reached(number, program)  # as many arrays come before it
            ways = [
                (chosen,) for chosen in _choices(self.runs, number, off) if chosen not in program
            ]
            for (chosen,) in self._explaining(number, program, off, ways):
                if (
                    self.first_off(number, (*program, chosen)) is None
                    or self._reached(number, (*program, chosen)) > here
                ):
                    yield chosen

    def _at_once(self, number: int, program: Program) -> list[Program]:
        """Two mistakes that only together explain the first array that is off, as where
        nothing but weights is shown.
        """
        off = self.first_off(number, program)
        # what shows later only has had a step in which one of them showed alone
        if off is None or not off.quantity or off.step > 0:
            return []
        everywhere = [
            chosen
            for chosen in _choices(self.runs, number, off)
            if chosen.kind == "everywhere" and chosen.mistake in CATALOGUE
        ]
        ways = self._explaining(number, program, off, list(combinations(everywhere, 2)))
        return [pair for pair in ways if self.first_off(number, program + pair) is None]

    def _explaining(
        self, number: int, program: Program, off: Station, ways: Sequence[Program]
    ) -> Iterator[Program]:
        """Of the ways that come nearest to an array those that it can really come
        of.
        """
        run = self.runs[number]
        placed = self.placed(run, program)
        # ways that are the same in this run may part in others
        here: dict[tuple[Placed, ...], list[Program]] = {}
        for way in ways:
            here.setdefault(tuple(self.placed(run, way)), []).append(way)
        near = {each: distance(run, [*placed, *each], off) for each in here}
        for each in sorted(here, key=near.__getitem__)[:JUDGED_OF_RANKED]:
            if near[each] < np.inf and explains(run, [*placed, *each], off):
                yield from here[each]


def _alike(chosen: Chosen, best: Candidate, rest: Sequence[Candidate]) -> tuple[str, ...]:
    """The ids of what explains as many runs in its place, with everything else the
    same.
    """
    others = set(best.added) - {chosen}
    equal = (
        set(candidate.added) - others
        for candidate in rest
        if candidate.explained == best.explained and others <= set(candidate.added)
    )
    named = {each.mistake for instead in equal if len(instead) == 1 for each in instead} - {
        chosen.mistake
    }
    known = (*CATALOGUE, *FACTORS) if chosen.mistake in FACTORS else CATALOGUE
    return tuple(mistake.id for mistake in known if mistake in named)


def _unlikeliness(chosen: Chosen) -> tuple[bool, bool, bool, int]:
    """Conventions before mistakes, the catalogue before factors, everywhere before
    somewhere, and by the catalogue's order.
    """
    order = ORDER.get(chosen.mistake.id, len(ORDER))
    return (
        chosen.mistake.verdict != CONVENTION,
        chosen.mistake not in CATALOGUE,
        chosen.kind != "everywhere",
        order,
    )


ORDER = {mistake.id: i for i, mistake in enumerate(CATALOGUE)}
MAKES = {  # slot: the quantities that it makes, or that are made of what it makes
    "z": ("z",),
    "a": ("a",),
    "C": ("loss",),
    "cotangent": ("delta",),
    "pullback": ("delta",),
    "BP1": ("delta",),
    "BP2": ("delta",),
    "BP3": ("db",),
    "BP4": ("dW",),
}
# later ones are the update's
WALK = {name: i for i, name in enumerate(("z", "a", "loss", "delta", "db", "dW"))}


def _choices(runs: Sequence[Run], number: int, off: Station) -> Iterator[Chosen]:
    """Every mistake, wherever it can stand, that may have to do with the array of a run
    that is off.
    """
    run = runs[number]
    depth = len(run.spec.sizes) - 1
    kinds = ("everywhere", "last", "hidden", "first", *(f"layer {l}" for l in range(2, depth)))
    for mistake in (*CATALOGUE, *FACTORS):
        if not any(_reaches(run, slot, off) for slot in mistake.slots) or not _settled(
            run, mistake
        ):
            continue
        seen: set[tuple[frozenset[int], ...]] = set()
        # half a convention is a mistake
        for kind in kinds if mistake.verdict != CONVENTION else kinds[:1]:
            chosen = Chosen(mistake, kind)
            layers = tuple(chosen.placed(each)[1] for each in runs)
            if layers[number] and layers not in seen:
                seen.add(layers)
                yield chosen


def _settled(run: Run, mistake: Mistake) -> bool:
    """Whether a convention that the update makes good can be seen to be made good:
    where no weights are shown, it is no excuse.
    """
    made_good = any(slot not in MAKES for slot in mistake.slots)
    return (
        mistake.verdict != CONVENTION
        or not made_good
        or any(name in ("W", "b") for step in run.steps for name, _ in step.arrays)
    )


def _reaches(run: Run, slot: str, off: Station) -> bool:
    """Whether what the slot makes is the array that is off, or came before it and is
    not shown.
    """
    made = MAKES.get(slot)
    if made is None:  # the update, and what it reads
        return slot == "read" or off.step > 0 or off.quantity not in WALK
    later = off.step == 0 and off.quantity in WALK and WALK[made[0]] > WALK[off.quantity]
    return not later and (off.quantity in made or not _always_shown(run, made[0]))


def _always_shown(run: Run, name: str) -> bool:
    depth = len(run.spec.sizes) - 1
    layers = range(depth if name == "loss" else 1, depth + 1)
    return all((name, l) in step.arrays for step in run.steps for l in layers)
