"""diagnose: which catalogued mistake explains what a program shows.

The programs of the catalogue run beside the one that is shown, in order of computation,
and go on with what is shown in place of what they predict. So no consequence is taken
for the root: a mistake is looked for where the first array cannot be what the program
computes, and with the mistake in place the walk goes on to the next. A mistake that
explains every array of every run is named; where several do, they are named together,
for nothing that was shown can tell them apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from parity.mistakes.catalogue.index import BY_ID, sources
from parity.mistakes.diagnosis.evidence import compared, in_layers, measured, plainly
from parity.mistakes.diagnosis.finding import IMPRECISE, UNEXPLAINED, Finding
from parity.mistakes.mistake import CONVENTION, WRONG, Mistake
from parity.mistakes.search.judging import Station, half_agrees, judged
from parity.mistakes.search.replay import Run, run_of
from parity.mistakes.search.search import Search
from parity.mistakes.search.suspects import Suspect
from parity.proof.certificate import Certificate, Result, certify
from parity.rounding.claim import CONVENTION as OTHER
from parity.rounding.claim import INACCURATE
from parity.steps.record import StepRecord
from refnet.checks import Array
from refnet.equations import EQUATIONS
from refnet.optimizers import OPTIMIZERS


def diagnose(record: StepRecord | Sequence[StepRecord]) -> list[Finding]:
    """What is wrong with a step, or with the consecutive steps of a run, in order of
    computation; [] where every equation holds.

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
    searched = diagnose_runs([run_of(records)]) if left or not _whole(certificates) else []
    if left and not searched:
        searched = [_off_by_rounding(left[0])]
    return list(dict.fromkeys([*wired, *searched, *named]))


def diagnose_runs(runs: Sequence[Run], conventions: Sequence[str] = ()) -> list[Finding]:
    """What is wrong with the program that did these runs, in order of computation; []
    where a right program may have done them.

    `conventions` are the ids of conventions that count as right.

    Errors: ValueError for an id that is not in the catalogue.
    """
    for name in conventions:
        if name not in BY_ID:
            raise ValueError(f"diagnose: convention has {name!r}, expected an id of the catalogue")
    search = Search(runs, tuple(Suspect(BY_ID[name]) for name in conventions))
    search.walk()
    if search.single:
        return [_SINGLE]
    named = (_named(search, suspect) for suspect in search.program[len(search.right) :])
    findings = [
        *(finding for finding in named if finding),
        *(_unknown(run, station) for run, station in search.unknown),
    ]
    return sorted(findings, key=lambda finding: list(EQUATIONS).index(finding.equation))


def _whole(certificates: Sequence[Certificate]) -> bool:
    """Whether every array was shown and judged."""
    return all(certificate.passed or certificate.broken for certificate in certificates)


def _first_of_each(broken: Sequence[Result]) -> list[Result]:
    """The first result with each note on each equation."""
    first: dict[tuple[str, str], Result] = {}
    for result in broken:
        first.setdefault((result.equation, result.note), result)
    return list(first.values())


def _certified(result: Result) -> Finding:
    """Something for which the certificate itself has a name."""
    verdict = {OTHER: CONVENTION, INACCURATE: IMPRECISE}.get(result.status, WRONG)
    got, expected = _numbers(result)
    return Finding(
        "",
        verdict,
        where=result.where,
        got=f"{result.quantity} is {result.note}",
        evidence=(f"{got}, expected {expected}.",) if expected else (),
        measured=(str(result),),
        equation=result.equation,
        layers=_layer_of(result),
    )


def _off_by_rounding(result: Result) -> Finding:
    """An array that no formula of the catalogue explains better than the right one."""
    got, expected = _numbers(result)
    return Finding(
        "",
        IMPRECISE,
        where=result.where,
        got=got,
        expected=expected,
        happens="The formula is right, but it loses more digits than rounding must.",
        measured=(str(result),),
        equation=result.equation,
        layers=_layer_of(result),
    )


def _miswired(result: Result) -> Finding:
    """A step that does not start where the one before it ended, or changed its data."""
    got, expected = _numbers(result)
    return Finding(
        "",
        WRONG,
        where=result.where,
        got=got,
        expected=expected,
        measured=(str(result),),
        layers=_layer_of(result),
    )


def _numbers(result: Result) -> tuple[str, str]:
    """What a result has, and the number that was expected, "" where it is none."""
    if result.got is None:
        return f"{result.quantity} has {result.note}", ""
    return _entry(result.quantity, result.got, result.index), f"{result.expected!r}"


def _entry(quantity: str, number: float | None, index: tuple[int, ...]) -> str:
    at = f"[{', '.join(map(str, index))}]" if index else ""
    return f"{quantity}{at} = {number!r}"


def _layer_of(result: Result) -> tuple[int, ...]:
    return () if result.layer is None else (result.layer,)


# a mistake that has a name


def _named(search: Search, suspect: Suspect) -> Finding | None:
    """The finding for a mistake of the catalogue; None where everything is explained
    without it, because the array that needed it was set aside later.
    """
    mistake, trials = suspect.mistake, search.trials
    without = tuple(each for each in search.program if each != suspect)
    off = {i: off for i, off in trials.off(without).items() if suspect.placed(trials.runs[i])[1]}
    if not off:
        return None
    number, first = next(iter(off.items()))
    run = trials.runs[number]
    layers = tuple(sorted(suspect.placed(run)[1]))
    labels = _labels(mistake, layers, len(run.spec.sizes) - 1)
    until_it_shows = replace(run, steps=run.steps[: first.step + 1])
    comparisons = compared(until_it_shows, search.program, without)
    others = [each for each in without if each not in search.right]
    among_others = any(other.placed(run)[1] for other in others)
    return Finding(
        mistake.id,
        mistake.verdict,
        where=_place(suspect, labels, layers),
        formula=mistake.formula,
        expected=_expected(labels[0], run),
        happens=mistake.happens,
        why=mistake.why,
        evidence=tuple(
            plainly([each for group in comparisons for each in group], among_others=among_others)
        ),
        measured=tuple(map(measured, comparisons)),
        alike=search.alike[suspect],
        equation=labels[0],
        layers=layers,
        sources=sources(mistake.id),
    )


def _place(suspect: Suspect, labels: Sequence[str], layers: Sequence[int]) -> str:
    """The equations that are broken and in which layers; and with which optimizer or
    loss, where it is only with one.
    """
    equations = " and ".join(f"{label} ({EQUATIONS[label].name})" for label in labels)
    everywhere = labels == ["C"] or suspect.mistake.verdict == CONVENTION
    return (
        equations
        + ("" if everywhere else f" of {in_layers(layers)}")
        + (f" with {suspect.scope[1]}" if suspect.scope else "")
    )


def _labels(mistake: Mistake, layers: Sequence[int], depth: int) -> list[str]:
    """The equations that a mistake breaks in these layers: its own first, but a delta's
    by where it stands.
    """
    slots = mistake.slots.keys()
    if mistake.equation in ("BP1", "BP2") and slots <= {"cotangent", "pullback", "BP1", "BP2"}:
        output, hidden = depth in layers, any(layer < depth for layer in layers)
        return ["BP1"] * output + ["BP2"] * hidden or [mistake.equation]
    if mistake.equation in ("BP3", "BP4") and {"BP3", "BP4"} <= slots:
        return ["BP4", "BP3"]
    return [mistake.equation]


def _expected(label: str, run: Run) -> str:
    """The right formula; for the update, the optimizer's own."""
    if label != "step":
        return EQUATIONS[label].formula
    return OPTIMIZERS[run.spec.optimizer].equation


_SINGLE = Finding(
    "",
    IMPRECISE,
    where="every equation",
    got="holds to float32's precision",
    expected="float64's",
    happens="Digits are lost, as where numbers go through float32, where a small constant is added "
    "inside a log, or where gradients are differences of the cost.",
)


# a mistake that has none


def _unknown(run: Run, station: Station) -> Finding:
    """The finding for an array that nothing in the catalogue explains."""
    label = _label(station, len(run.spec.sizes) - 1)
    layer = "" if label == "C" else f" of layer {station.layer}"
    got = run.steps[station.step].arrays.get(station.where)
    slight = half_agrees(run, station)
    return Finding(
        "",
        IMPRECISE if slight else WRONG,
        where=f"{label} ({EQUATIONS[label].name}){layer}",
        got=f"{_what_it_has(got, station)} in step {station.step + 1}",
        expected=f"{_what_it_should_have(station)}, by {_expected(label, run)}",
        happens="At least half of the digits agree." if slight else UNEXPLAINED,
        evidence=tuple(_hints(got, station)),
        measured=(f"{station.quantity} is off by {station.used:.2g} bounds",)
        if np.isfinite(station.used)
        else (),
        equation=label,
        layers=(station.layer,),
    )


def _what_it_has(got: Array | None, station: Station) -> str:
    if got is not None and station.shape is not None:
        return f"{station.quantity} has shape {got.shape}"
    return _entry(station.quantity, station.got, station.entry)


def _what_it_should_have(station: Station) -> str:
    return f"{station.expected!r}" if station.shape is None else f"shape {station.shape}"


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


def _hints(got: Array | None, station: Station) -> Iterator[str]:
    """What is conspicuous about an array that is off."""
    if got is None:
        return
    if not np.isfinite(got).all():
        yield f"{int(np.isfinite(got).sum())} of its {got.size} numbers are finite."
    elif not got.any():
        yield "Every number of it is zero."
    elif got.size > 1 and (got == got.flat[0]).all():
        yield "All of its numbers are the same."
    elif station.shape is None:
        yield from _how_far(got, station)


def _how_far(got: Array, station: Station) -> Iterator[str]:
    """How many numbers of an array are off, and the one that is furthest off."""
    off = got.size - station.fitting
    if got.size > 1:
        count = "All" if off == got.size else f"{off} of"
        are = "is" if off == 1 else "are"
        yield f"{count} its {got.size} numbers {are} off by more than rounding allows."
    if station.expected and np.isfinite(station.used):
        ratio = (station.got or 0.0) / station.expected
        # where six digits of the ratio are those of 1, the difference says more
        times = f"{ratio:.6g} times" if f"{ratio:.6g}" != "1" else f"off by {abs(ratio - 1):.1g} of"
        yield f"{'The one above' if got.size > 1 else 'It'} is {times} what it should be."


def vague(runs: Sequence[Run], conventions: Sequence[str] = ()) -> int:
    """How many of the shown arrays cannot be judged: rounding alone may take half of
    their digits.
    """
    right = [Suspect(BY_ID[name]) for name in conventions]
    return sum(
        station.vague
        for run in runs
        for station in judged(run, [suspect.placed(run) for suspect in right])
    )
