"""diagnose: which catalogued mistake explains what a program shows.

The programs of the catalogue are run beside the shown one, in order of computation, and
what is shown takes the place of what they predict. So a consequence is never taken for
its root: the first array that cannot come of the program is where a mistake is looked
for, and with the mistake in place the walk goes on to the next. A mistake that explains
every array of every run is named; where several do, they are named together, for
nothing that was shown can tell them apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from parity.mistakes.catalogue.index import BY_ID, sources
from parity.mistakes.mistake import CONVENTION, WRONG, Mistake
from parity.mistakes.replay import Run, Station, half_agrees, judged, run_of
from parity.mistakes.search import Chosen, Program, Search
from parity.proof.certificate import Certificate, Result, certify
from parity.rounding.claim import CONVENTION as OTHER
from parity.rounding.claim import INACCURATE
from parity.steps.record import StepRecord
from refnet.checks import place
from refnet.equations import EQUATIONS
from refnet.optimizers import OPTIMIZERS

IMPRECISE = "imprecise"


@dataclass(frozen=True)
class Finding:
    """What is the matter.

    `bug` is the catalogue's id, "" where nothing in it fits; `verdict` "wrong",
    "convention" or "imprecise".

    `alike` are other entries that explain what was shown as well, `evidence` the arrays
    that speak for it, one sentence each.
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
    """What is wrong with a step, or with the consecutive steps of a run: most upstream
    first; [] where every equation holds.

    Errors: ValueError or TypeError where a record is unusable.
    """
    records = [record] if isinstance(record, StepRecord) else list(record)
    certificates = [
        certify(each, previous) for each, previous in zip(records, [None, *records], strict=False)
    ]
    broken = [result for certificate in certificates for result in certificate.broken]
    if not broken and _whole(certificates):
        return []
    named = [
        _certified(result)
        for result in _first_of_each(broken)
        if result.status in (OTHER, INACCURATE) or result.deviation
    ]
    wired = [_miswired(result) for result in broken if result.equation not in EQUATIONS]
    left = [
        result
        for result in broken
        if result.equation in EQUATIONS and result.status == WRONG and not result.deviation
    ]
    found = diagnose_runs([run_of(records)]) if left or not _whole(certificates) else []
    if left and not found:
        found = [_off_by_rounding(left[0])]
    return list(dict.fromkeys([*wired, *found, *named]))


def diagnose_runs(runs: Sequence[Run], conventions: Sequence[str] = ()) -> list[Finding]:
    """What is wrong with one program, of which several runs are shown: most upstream
    first; [] where all of them can come of a right one.

    `conventions` are the ids of what counts as right.

    Errors: ValueError for an id that is not in the catalogue.
    """
    for name in conventions:
        if name not in BY_ID:
            raise ValueError(f"diagnose: convention has {name!r}, expected an id of the catalogue")
    search = Search(runs, tuple(Chosen(BY_ID[name]) for name in conventions))
    search.walk()
    if search.single:
        return [_SINGLE]
    named = (_named(search, chosen) for chosen in search.program[len(search.right) :])
    found = [
        *(finding for finding in named if finding),
        *(_unknown(run, station) for run, station in search.unknown),
    ]
    return sorted(found, key=lambda finding: list(EQUATIONS).index(finding.equation))


def _whole(certificates: Sequence[Certificate]) -> bool:
    """Whether every array was shown and judged."""
    return all(certificate.passed or certificate.broken for certificate in certificates)


def _first_of_each(broken: Sequence[Result]) -> list[Result]:
    """Of each note on each equation the first result."""
    return list({(result.equation, result.note): result for result in reversed(broken)}.values())[
        ::-1
    ]


def _certified(result: Result) -> Finding:
    """What the certificate itself has a name for."""
    verdict = {OTHER: CONVENTION, INACCURATE: IMPRECISE}.get(result.status, WRONG)
    layers = () if result.layer is None else (result.layer,)
    return Finding(
        "",
        verdict,
        f"{result.where}: {result.quantity} is {result.note}.",
        result.equation,
        layers,
        (str(result),),
    )


def _off_by_rounding(result: Result) -> Finding:
    sentence = f"{result}; the formula is right, but it loses more than rounding must"
    return Finding(
        "",
        IMPRECISE,
        sentence,
        result.equation,
        () if result.layer is None else (result.layer,),
        (str(result),),
    )


def _miswired(result: Result) -> Finding:
    return Finding("", WRONG, f"{result}.", "", () if result.layer is None else (result.layer,))


def _named(search: Search, chosen: Chosen) -> Finding | None:
    """What is said of a mistake; None where everything is explained without it, since
    what spoke for it was set aside.
    """
    mistake = chosen.mistake
    without = tuple(each for each in search.program if each != chosen)
    number = next((i for i in search.off(without) if chosen.placed(search.runs[i])[1]), None)
    if number is None:
        return None
    run = search.runs[number]
    layers = tuple(sorted(chosen.placed(run)[1]))
    labels = _labels(mistake, layers, len(run.spec.sizes) - 1)
    where = " and ".join(f"{label} ({EQUATIONS[label].name})" for label in labels)
    where += f" of {_layers(layers)}" if labels != ["C"] and mistake.verdict != CONVENTION else ""
    where += f" with {chosen.scope[1]}" if chosen.scope else ""
    sentence = (
        f"{where}: {mistake.formula}, expected {_expected(labels[0], run)}. {mistake.happens} "
        f"{mistake.why}"
    )
    seen = search.first_off(number, without)
    so_far = replace(run, steps=run.steps[: seen.step + 1] if seen else run.steps)
    evidence = tuple(_evidence(search, so_far, without))
    words = mistake.id, mistake.verdict, sentence
    return Finding(
        *words,
        labels[0],
        layers,
        evidence,
        sources(mistake.id),
        mistake.formula,
        search.alike[chosen],
    )


def _evidence(search: Search, run: Run, without: Program) -> Iterator[str]:
    """The arrays, up to the first step in which it shows, that the program explains and
    that it does not explain without the mistake.
    """
    try:
        off = [s for s in judged(run, search.placed(run, without), whole=True) if s.off]
        used = {
            (s.step, s.quantity, s.layer): s.used
            for s in judged(run, search.placed(run, search.program), whole=True)
        }
    except (ValueError, IndexError):  # shapes that do not fit leave nothing to compare
        return
    for quantity in dict.fromkeys(s.quantity for s in off):
        mine = [s for s in off if s.quantity == quantity]
        share = max(used.get((s.step, s.quantity, s.layer), np.inf) for s in mine)
        worst = max(s.used for s in mine)
        if share <= 1.0:
            layers = "" if quantity == "loss" else f" of {_layers(sorted({s.layer for s in mine}))}"
            beyond = (
                "is no number, or of another shape, there"
                if np.isinf(worst)
                else f"is off by {worst:.2g} bounds otherwise"
            )
            yield (
                f"{quantity}{layers} is what this formula gives, within {max(share, 0.01):.0%} "
                f"of its bound; it {beyond}"
            )


def _labels(mistake: Mistake, layers: Sequence[int], depth: int) -> list[str]:
    """The equations that a mistake breaks in these layers: its own first, but a delta's
    by where it stands.
    """
    if mistake.equation in ("BP1", "BP2"):
        deltas = [
            label
            for label, here in (
                ("BP1", depth in layers),
                ("BP2", min(layers, default=depth) < depth),
            )
            if here
        ]
        return (
            deltas
            if mistake.slots.keys() <= {"cotangent", "pullback", "BP1", "BP2"} and deltas
            else [mistake.equation]
        )
    both = mistake.equation in ("BP3", "BP4") and {"BP3", "BP4"} <= mistake.slots.keys()
    return ["BP4", "BP3"] if both else [mistake.equation]


def _expected(label: str, run: Run) -> str:
    """The right formula: of the update, the rule's own."""
    if label != "step":
        return EQUATIONS[label].formula
    return OPTIMIZERS[run.spec.optimizer].equation


_SINGLE = Finding(
    "",
    IMPRECISE,
    "Every equation holds to float32's precision, but not to float64's: digits are lost, as "
    "where numbers go through float32, where a "
    "small constant is added inside a log, or where gradients are differences of the cost.",
)


def _unknown(run: Run, station: Station) -> Finding:
    """What can be told of an array that nothing in the catalogue explains."""
    label = _label(station, len(run.spec.sizes) - 1)
    where = f"{label} ({EQUATIONS[label].name})" + (
        "" if label == "C" else f" of layer {station.layer}"
    )
    if station.note:
        told = f"{station.quantity} {station.note}"
    else:
        at = f" at {place(station.entry)}" if station.entry else ""
        told = f"{station.quantity} has {station.got!r}{at}, expected {station.expected!r}"
    got = run.steps[station.step].arrays.get(station.where)
    verdict = IMPRECISE if half_agrees(run, station) else WRONG
    ending = (
        "and at least half of the digits agree"
        if verdict == IMPRECISE
        else "and no catalogued mistake explains it"
    )
    sentence = f"{where}: {told} in step {station.step + 1}, {ending}."
    return Finding("", verdict, sentence, label, (station.layer,), tuple(_hints(got, station)))


def _label(station: Station, depth: int) -> str:
    own = {
        "z": "z",
        "a": "a",
        "loss": "C",
        "db": "BP3",
        "dW": "BP4",
        "delta": "BP1" if station.layer == depth else "BP2",
    }
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
    """How many of the shown arrays nothing can be said of: rounding alone may take half
    of their digits.
    """
    right = [Chosen(BY_ID[name]) for name in conventions]
    return sum(
        station.vague
        for run in runs
        for station in judged(run, [chosen.placed(run) for chosen in right])
    )


def _layers(layers: Sequence[int]) -> str:
    *most, last = map(str, layers)
    return f"layers {', '.join(most)} and {last}" if most else f"layer {last}"
