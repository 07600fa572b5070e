"""diagnose: which catalogued mistake explains what a program shows.

The programs of the catalogue are run beside the shown one, in order of computation, and what is shown takes the place of what they
predict. So a consequence is never taken for its root: the first array that cannot come of the program is where a mistake is looked for, and
with the mistake in place the walk goes on to the next. A mistake that explains every array of every run is named; where several do, they
are named together, for nothing that was shown can tell them apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np

from parity.bugs import BY_ID, CATALOGUE, FACTORS, sources
from parity.certificate import Certificate, Result, certify
from parity.claim import CONVENTION as OTHER
from parity.claim import INACCURATE
from parity.mistake import CONVENTION, WRONG, Mistake
from parity.program import Quantity
from parity.record import StepRecord
from parity.simulation import LAYER, Placed, Run, Station, distance, explains, hiding, judged, run_of, taking
from refnet.checks import place
from refnet.equations import EQUATIONS
from refnet.optimizers import OPTIMIZERS

IMPRECISE = "imprecise"
JUDGED_OF_RANKED = 16  # programs are run on plain numbers first; of those that come nearest so many are judged
DEPTH = 3  # mistakes at once in one place of the walk
BEAM = 4  # ways that are followed further
ROUNDS = 6  # mistakes at once in all


@dataclass(frozen=True)
class Finding:
    """What is the matter. `bug` is the catalogue's id, "" where nothing in it fits; `verdict` "wrong", "convention" or "imprecise".

    `alike` are other entries that explain what was shown as well, `evidence` the arrays that speak for it, one sentence each.
    """

    bug: str
    verdict: str
    sentence: str
    equation: str = ""
    layers: tuple[int, ...] = ()
    evidence: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    formula: str = ""
    alike: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.sentence


def diagnose(record: StepRecord | Sequence[StepRecord]) -> list[Finding]:
    """What is wrong with a step, or with the consecutive steps of a run: most upstream first; [] where every equation holds.

    Errors: ValueError or TypeError where a record is unusable.
    """
    records = [record] if isinstance(record, StepRecord) else list(record)
    certificates = [certify(each, previous) for each, previous in zip(records, [None, *records], strict=False)]
    broken = [result for certificate in certificates for result in certificate.broken]
    if not broken and _whole(certificates):
        return []
    named = [_certified(result) for result in _first_of_each(broken) if result.status in (OTHER, INACCURATE) or result.deviation]
    left = [result for result in broken if result.status not in (OTHER, INACCURATE) and not result.deviation]
    found = diagnose_runs([run_of(records)]) if left or not _whole(certificates) else []
    if left and not found:
        found = [_off_by_rounding(left[0])]
    return _without_repeats([*found, *named])


def diagnose_runs(runs: Sequence[Run], conventions: Sequence[str] = ()) -> list[Finding]:
    """What is wrong with one program, of which several runs are shown: most upstream first; [] where all of them can come of a right one.

    `conventions` are the ids of what counts as right.

    Errors: ValueError for an id that is not in the catalogue.
    """
    for name in conventions:
        if name not in BY_ID:
            raise ValueError(f"diagnose: convention has {name!r}, expected an id of the catalogue")
    return _Search(runs, tuple(Chosen(BY_ID[name]) for name in conventions)).findings()


def _whole(certificates: Sequence[Certificate]) -> bool:
    """Whether every array was shown and judged."""
    return all(certificate.passed or certificate.broken for certificate in certificates)


def _first_of_each(broken: Sequence[Result]) -> list[Result]:
    """Of each note on each equation the first result."""
    return list({(result.equation, result.note): result for result in reversed(broken)}.values())[::-1]


def _certified(result: Result) -> Finding:
    """What the certificate itself has a name for."""
    verdict = {OTHER: CONVENTION, INACCURATE: IMPRECISE}.get(result.status, WRONG)
    layers = () if result.layer is None else (result.layer,)
    return Finding("", verdict, f"{result.where}: {result.quantity} is {result.note}.", result.equation, layers, (str(result),))


def _off_by_rounding(result: Result) -> Finding:
    sentence = f"{result}; the formula is right, but it loses more than rounding must"
    return Finding("", IMPRECISE, sentence, result.equation, () if result.layer is None else (result.layer,), (str(result),))


def _without_repeats(findings: Sequence[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))


class Chosen(NamedTuple):
    """A mistake, the layers of each network in which it is thought to stand, of those in which it can, and in which networks."""

    mistake: Mistake
    kind: str = "everywhere"  # or "last", "hidden", "first", "layer 2"
    scope: tuple[str, str] | None = None  # in all networks, or those with this "optimizer" or this "loss"

    def placed(self, run: Run) -> Placed:
        """The layers in the network of a run."""
        depth = len(run.spec.sizes) - 1
        here = self.scope is None or getattr(run.spec, self.scope[0]) == self.scope[1]
        layers = self.mistake.layers(run.spec) if here else frozenset()
        among = {"everywhere": layers, "last": {depth}, "hidden": set(range(1, depth)), "first": {1}}
        return self.mistake, layers & frozenset(among.get(self.kind) or {int(self.kind.partition(" ")[2] or 0)})


Program: TypeAlias = tuple[Chosen, ...]


class Candidate(NamedTuple):
    """Mistakes that explain a run, and how many of the runs they explain."""

    added: Program
    explained: int


class _Search:
    """The walk through the runs of one program."""

    def __init__(self, runs: Sequence[Run], right: Program) -> None:
        self.runs, self.right = list(runs), right
        self._judged: dict[tuple[int, Program], list[Station] | None] = {}

    def findings(self) -> list[Finding]:
        """Mistake by mistake, until every run is explained or nothing fits any more."""
        program = self.right
        alike: dict[Chosen, tuple[str, ...]] = {}
        found: list[Finding] = []
        for _ in range(ROUNDS):
            off = self._off(program)
            if not off:
                break
            number = min(off, key=lambda i: (self._depth_of(off[i]), len(self.runs[i].steps[0].arrays), i))
            candidates = self._candidates(number, program)
            if not candidates and program == self.right and not found and self._single_precision():
                return [_SINGLE]
            if not candidates:
                station = self._stuck(number, program)
                arrays = self.runs[number].steps[station.step].arrays
                found.append(_unknown(self.runs[number], station, arrays))
                if not np.isfinite(arrays.get(station.where, np.zeros(()))).all():
                    break  # what is made of it is no number, either
                self._set_aside(number, program, station.quantity)
                continue
            best, *rest = candidates
            program += best.added
            alike |= {chosen: _alike(chosen, best, rest) for chosen in best.added}
        named = (self._finding(chosen, program, alike[chosen]) for chosen in program[len(self.right) :])
        return sorted([*(finding for finding in named if finding), *found], key=lambda finding: list(EQUATIONS).index(finding.equation))

    def _set_aside(self, number: int, program: Program, quantity: str) -> None:
        """Go on without a quantity that nothing explains: with what was shown of it or as if it were hidden, whichever comes further."""
        shown = self.runs

        def comes_to(runs: list[Run]) -> float:
            self.runs = runs
            self._judged.clear()
            return np.inf if self._first_off(number, program) is None else self._reached(number, program)

        ways = [[taking(run, quantity) for run in shown], [hiding(run, quantity) for run in shown]]
        comes_to(max(ways, key=comes_to))

    def _off(self, program: Program) -> dict[int, Station]:
        """Of each run that the program cannot explain, the first array."""
        first = {i: self._first_off(i, program) for i in range(len(self.runs))}
        return {i: station for i, station in first.items() if station is not None}

    def _first_off(self, number: int, program: Program) -> Station | None:
        stations = self._stations(number, program)
        if stations is None:
            return Station(0, "", 0, np.inf)
        return stations[-1] if stations and stations[-1].off else None

    def _stations(self, number: int, program: Program) -> list[Station] | None:
        """The arrays of a run up to the first that is off; None where the program does not fit its shapes."""
        run = self.runs[number]
        key = (number, tuple(chosen for chosen in program if chosen.placed(run)[1]))
        if key not in self._judged:
            try:
                self._judged[key] = judged(run, self._placed(run, program))
            except (ValueError, IndexError):
                self._judged[key] = None
        return self._judged[key]

    @staticmethod
    def _placed(run: Run, program: Program) -> list[Placed]:
        return [chosen.placed(run) for chosen in program]

    def _depth_of(self, station: Station) -> tuple[int, int]:
        order = {name: i for i, name in enumerate((*LAYER[:2], "loss", "delta", "db", "dW"))}
        return station.step, order.get(station.quantity, len(order))

    def _single_precision(self) -> bool:
        """Whether a run in float64 is right but for the rounding of float32."""
        doubles = [(run, self._placed(run, self.right)) for run in self.runs if run.spec.dtype == "float64"]
        pairs = [
            (double.off, single)
            for run, placed in doubles
            for double, single in zip(judged(run, placed, whole=True), judged(run, placed, dtype="float32", whole=True), strict=True)
        ]
        return bool(pairs) and not any(single.off or (off and single.vague) for off, single in pairs)

    # candidates

    def _candidates(self, number: int, program: Program) -> list[Candidate]:
        """What explains a run, with the mistakes found so far, and spoils none: the fewest mistakes, most runs, then the likeliest."""
        explained = set(range(len(self.runs))) - set(self._off(program))
        for search in (self._one_by_one, self._at_once):
            found = search(number, program)
            for scope in (None, *((name, getattr(self.runs[number].spec, name)) for name in ("optimizer", "loss"))):
                scoped = [tuple(chosen._replace(scope=scope) for chosen in added) for added in found]
                kept = [added for added in scoped if all(self._first_off(i, program + added) is None for i in explained)]
                fewest = min((len(added) for added in kept), default=0)
                scored = [Candidate(added, self._count(program + added)) for added in kept if len(added) == fewest]
                if scored:
                    return sorted(scored, key=lambda each: (-each.explained, *map(_unlikeliness, each.added)))
        return []

    def _count(self, program: Program) -> int:
        return sum(self._first_off(i, program) is None for i in range(len(self.runs)))

    def _one_by_one(self, number: int, program: Program) -> list[Program]:
        """Mistakes that each explain the first array that is off and so let the walk go on, until it comes to the end."""
        for further in self._paths(number, program):
            done = [path for path in further if self._first_off(number, program + path) is None]
            if done:
                return done
        return []

    def _paths(self, number: int, program: Program) -> Iterator[list[Program]]:
        """One mistake, two, three, each further than the one before; those that come furthest go on."""
        paths: list[Program] = [()]
        for _ in range(DEPTH):
            paths = [(*path, chosen) for path in paths for chosen in self._moving_on(number, program + path)]
            yield paths
            paths = sorted(paths, key=lambda path: (-self._reached(number, program + path), -self._everywhere(program + path)))[:BEAM]

    def _stuck(self, number: int, program: Program) -> Station:
        """The array that nothing explains: the first, where all is right without it, or one further on, with mistakes on the way to it."""
        first = self._off(program)[number]
        before = self.runs
        self._set_aside(number, program, first.quantity)
        alone = self._first_off(number, program) is None
        self.runs = before
        self._judged.clear()
        paths = () if alone else [path for further in self._paths(number, program) for path in further]
        off = [(self._reached(number, program + path), station) for path in paths if (station := self._first_off(number, program + path))]
        return max(off, key=lambda each: each[0])[1] if off else first

    def _everywhere(self, program: Program) -> int:
        """How far it comes in all the runs."""
        return sum(self._reached(i, program) for i in range(len(self.runs)))

    def _reached(self, number: int, program: Program) -> int:
        stations = self._stations(number, program) or []
        return len(stations) - bool(stations and stations[-1].off)

    def _moving_on(self, number: int, program: Program) -> Iterator[Chosen]:
        """What explains the first array that is off, and nothing before it is off then."""
        off = self._first_off(number, program)
        if off is not None and off.quantity:
            here = self._reached(number, program)  # as many arrays come before it
            ways = [(chosen,) for chosen in _choices(self.runs, number, off) if chosen not in program]
            for (chosen,) in self._explaining(number, program, off, ways):
                if self._first_off(number, (*program, chosen)) is None or self._reached(number, (*program, chosen)) > here:
                    yield chosen

    def _at_once(self, number: int, program: Program) -> list[Program]:
        """Two mistakes that only together explain the first array that is off, as where nothing but weights is shown."""
        off = self._first_off(number, program)
        if off is None or not off.quantity:
            return []
        everywhere = [chosen for chosen in _choices(self.runs, number, off) if chosen.kind == "everywhere" and chosen.mistake in CATALOGUE]
        ways = self._explaining(number, program, off, list(combinations(everywhere, 2)))
        return [pair for pair in ways if self._first_off(number, program + pair) is None]

    def _explaining(self, number: int, program: Program, off: Station, ways: Sequence[Program]) -> Iterator[Program]:
        """Of the ways that come nearest to an array those that it can really come of."""
        run = self.runs[number]
        placed = self._placed(run, program)
        here: dict[tuple[Placed, ...], list[Program]] = {}  # ways that are the same in this run may part in others
        for way in ways:
            here.setdefault(tuple(self._placed(run, way)), []).append(way)
        near = {each: distance(run, [*placed, *each], off) for each in here}
        for each in sorted(here, key=near.__getitem__)[:JUDGED_OF_RANKED]:
            if near[each] < np.inf and explains(run, [*placed, *each], off):
                yield from here[each]

    # findings

    def _finding(self, chosen: Chosen, program: Program, alike: tuple[str, ...]) -> Finding | None:
        """What is said of a mistake; None where everything is explained without it, since what spoke for it was set aside."""
        mistake = chosen.mistake
        without = tuple(each for each in program if each != chosen)
        number = next((i for i in self._off(without) if chosen.placed(self.runs[i])[1]), None)
        if number is None:
            return None
        run = self.runs[number]
        layers = tuple(sorted(chosen.placed(run)[1]))
        labels = _labels(mistake, layers, len(run.spec.sizes) - 1)
        where = " and ".join(f"{label} ({EQUATIONS[label].name})" for label in labels)
        where += f" of {_layers(layers)}" if labels != ["C"] and mistake.verdict != CONVENTION else ""
        where += f" with {chosen.scope[1]}" if chosen.scope else ""
        sentence = f"{where}: {mistake.formula}, expected {_expected(labels[0], run)}. {mistake.happens} {mistake.why}"
        seen = self._first_off(number, without)
        evidence = tuple(self._evidence(replace(run, steps=run.steps[: seen.step + 1] if seen else run.steps), program, without))
        return Finding(mistake.id, mistake.verdict, sentence, labels[0], layers, evidence, sources(mistake.id), mistake.formula, alike)

    def _evidence(self, run: Run, program: Program, without: Program) -> Iterator[str]:
        """The arrays, up to the first step in which it shows, that the program explains and that it does not explain without the mistake."""
        try:
            off = [s for s in judged(run, self._placed(run, without), whole=True) if s.off]
        except (ValueError, IndexError):
            off = []
        used = {(s.step, s.quantity, s.layer): s.used for s in judged(run, self._placed(run, program), whole=True)}
        for quantity in dict.fromkeys(s.quantity for s in off):
            mine = [s for s in off if s.quantity == quantity]
            share = max(used.get((s.step, s.quantity, s.layer), np.inf) for s in mine)
            worst = max(s.used for s in mine)
            if share <= 1.0:
                layers = "" if quantity == "loss" else f" of {_layers(sorted({s.layer for s in mine}))}"
                beyond = "is no number, or of another shape, there" if np.isinf(worst) else f"is off by {worst:.2g} bounds otherwise"
                yield f"{quantity}{layers} is what this formula gives, within {max(share, 0.01):.0%} of its bound; it {beyond}"


def _labels(mistake: Mistake, layers: Sequence[int], depth: int) -> list[str]:
    """The equations that a mistake breaks in these layers: its own first, but a delta's by where it stands."""
    if mistake.equation in ("BP1", "BP2"):
        deltas = [label for label, here in (("BP1", depth in layers), ("BP2", min(layers, default=depth) < depth)) if here]
        return deltas if mistake.slots.keys() <= {"cotangent", "pullback", "BP1", "BP2"} and deltas else [mistake.equation]
    both = mistake.equation in ("BP3", "BP4") and {"BP3", "BP4"} <= mistake.slots.keys()
    return ["BP4", "BP3"] if both else [mistake.equation]


def _expected(label: str, run: Run) -> str:
    """The right formula: of the update, the rule's own."""
    if label != "step":
        return EQUATIONS[label].formula
    formula, more, *_ = (OPTIMIZERS[run.spec.optimizer].__doc__ or "").split("\n\n")
    return " ".join(f"{formula} {more if more.lstrip().startswith('Without') else ''}".split()).removesuffix(".")


def _alike(chosen: Chosen, best: Candidate, rest: Sequence[Candidate]) -> tuple[str, ...]:
    """The ids of what explains as many runs in its place, with everything else the same."""
    others = set(best.added) - {chosen}
    equal = (
        set(candidate.added) - others for candidate in rest if candidate.explained == best.explained and others <= set(candidate.added)
    )
    named = {each.mistake for instead in equal if len(instead) == 1 for each in instead} - {chosen.mistake}
    known = (*CATALOGUE, *FACTORS) if chosen.mistake in FACTORS else CATALOGUE
    return tuple(mistake.id for mistake in known if mistake in named)


def _unlikeliness(chosen: Chosen) -> tuple[bool, bool, bool, int]:
    """Conventions before mistakes, the catalogue before factors, everywhere before somewhere, and by the catalogue's order."""
    order = ORDER.get(chosen.mistake.id, len(ORDER))
    return chosen.mistake.verdict != CONVENTION, chosen.mistake not in CATALOGUE, chosen.kind != "everywhere", order


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
WALK = {name: i for i, name in enumerate(("z", "a", "loss", "delta", "db", "dW"))}  # later ones are the update's


def _choices(runs: Sequence[Run], number: int, off: Station) -> Iterator[Chosen]:
    """Every mistake, wherever it can stand, that may have to do with the array of a run that is off."""
    run = runs[number]
    depth = len(run.spec.sizes) - 1
    kinds = ("everywhere", "last", "hidden", "first", *(f"layer {l}" for l in range(2, depth)))
    for mistake in (*CATALOGUE, *FACTORS):
        if not any(_reaches(run, slot, off) for slot in mistake.slots) or not _settled(run, mistake):
            continue
        seen: set[tuple[frozenset[int], ...]] = set()
        for kind in kinds if mistake.verdict != CONVENTION else kinds[:1]:  # half a convention is a mistake
            chosen = Chosen(mistake, kind)
            layers = tuple(chosen.placed(each)[1] for each in runs)
            if layers[number] and layers not in seen:
                seen.add(layers)
                yield chosen


def _settled(run: Run, mistake: Mistake) -> bool:
    """Whether a convention that the update makes good can be seen to be made good: where no weights are shown, it is no excuse."""
    made_good = any(slot not in MAKES for slot in mistake.slots)
    return mistake.verdict != CONVENTION or not made_good or any(name in ("W", "b") for step in run.steps for name, _ in step.arrays)


def _reaches(run: Run, slot: str, off: Station) -> bool:
    """Whether what the slot makes is the array that is off, or came before it and is not shown."""
    made = MAKES.get(slot)
    if made is None:  # the update, and what it reads
        return slot == "read" or off.step > 0 or off.quantity not in WALK
    later = off.step == 0 and off.quantity in WALK and WALK[made[0]] > WALK[off.quantity]
    return not later and (off.quantity in made or not _always_shown(run, made[0]))


def _always_shown(run: Run, name: str) -> bool:
    depth = len(run.spec.sizes) - 1
    wanted: list[Quantity] = [(name, depth)] if name == "loss" else [(name, l) for l in range(1, depth + 1)]
    return all(quantity in step.arrays for step in run.steps for quantity in wanted)


_SINGLE = Finding(
    "",
    IMPRECISE,
    "Every equation holds to float32's precision, but not to float64's: digits are lost, as where numbers go through float32, where a small "
    "constant is added inside a log, or where gradients are differences of the cost.",
)


def _unknown(run: Run, station: Station, arrays: dict[Quantity, np.ndarray]) -> Finding:
    """What can be told of an array that nothing in the catalogue explains."""
    label = _label(station, len(run.spec.sizes) - 1)
    where = f"{label} ({EQUATIONS[label].name})" + ("" if label == "C" else f" of layer {station.layer}")
    if station.note:
        told = f"{station.quantity} {station.note}"
    else:
        at = f" at {place(station.entry)}" if station.entry else ""
        told = f"{station.quantity} has {station.got!r}{at}, expected {station.expected!r}"
    got = arrays.get(station.where)
    verdict = IMPRECISE if got is not None and _half_agrees(got, station, run.spec.dtype) else WRONG
    ending = "and at least half of the digits agree" if verdict == IMPRECISE else "and no catalogued mistake explains it"
    sentence = f"{where}: {told} in step {station.step + 1}, {ending}."
    return Finding("", verdict, sentence, label, (station.layer,), tuple(_hints(got, station)))


def _half_agrees(got: np.ndarray, station: Station, dtype: str) -> bool:
    """Whether the array is off in the second half of its digits alone, counted from those of its largest entry."""
    if station.note or not np.isfinite(got).all() or station.got is None or station.expected is None:
        return False
    return bool(abs(station.got - station.expected) <= np.sqrt(np.finfo(dtype).eps) * np.abs(got).max(initial=0.0))


def _label(station: Station, depth: int) -> str:
    own = {"z": "z", "a": "a", "loss": "C", "db": "BP3", "dW": "BP4", "delta": "BP1" if station.layer == depth else "BP2"}
    return own.get(station.quantity, "step")


def _hints(got: np.ndarray | None, station: Station) -> Iterator[str]:
    if got is None:
        return
    if not np.isfinite(got).all():
        yield f"{int(np.isfinite(got).sum())} of {got.size} entries are finite"
    elif not got.any():
        yield "every entry is zero"
    elif got.size > 1 and (got == got.flat[0]).all():
        yield "every entry is the same number"
    elif station.expected and np.isfinite(station.used):
        yield f"that entry is {(station.got or 0.0) / station.expected:.6g} times what it should be"


def vague(runs: Sequence[Run], conventions: Sequence[str] = ()) -> int:
    """How many of the shown arrays nothing can be said of: rounding alone may take half of their digits."""
    right = [Chosen(BY_ID[name]) for name in conventions]
    return sum(station.vague for run in runs for station in judged(run, [chosen.placed(run) for chosen in right]))


def _layers(layers: Sequence[int]) -> str:
    *most, last = map(str, layers)
    return f"layers {', '.join(most)} and {last}" if most else f"layer {last}"

