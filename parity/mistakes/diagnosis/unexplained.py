"""The finding for an array that nothing in the catalogue explains, with what can be
told about it; and for one that is shown as another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from parity.mistakes.catalogue.constants import FAMILIES
from parity.mistakes.catalogue.precision import PRECISION
from parity.mistakes.catalogue.variants import ONE_WAY
from parity.mistakes.diagnosis.evidence import in_layers
from parity.mistakes.diagnosis.finding import IMPRECISE, UNEXPLAINED, Finding, in_words
from parity.mistakes.diagnosis.naming import expected, in_common, names_of
from parity.mistakes.mistake import WRONG, Mistake
from parity.mistakes.search.constants import with_constants
from parity.mistakes.search.equality import equals
from parity.mistakes.search.judging import Station, explains, half_agrees, judged
from parity.mistakes.search.presentation import Presentation
from parity.mistakes.search.replay import LAYER
from parity.mistakes.search.search import Search, Unknown
from parity.mistakes.search.suspects import Suspect, placed
from parity.mistakes.slots import Part
from parity.rounding.formats import FORMATS
from parity.rounding.precision import coarser
from refnet.checks import Array
from refnet.equations import EQUATIONS


class Entry(NamedTuple):
    """The array that is off, as it is shown and as the right rule has it; weights by
    the step that they take. It may be `turned` in the program.
    """

    got: Array
    right: Station  # with what is right at the worst entry
    name: str
    base: Array | float = 0.0
    turned: bool = False
    changes: bool = False  # whether it is told by how much it changes

    def its_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape as the program has it."""
        column = self.turned and self.right.quantity in ("b", "db") and len(shape) == 1
        return (*shape, 1) if column else self.its_place(shape)

    def its_place(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """The place of a number as the program has it."""
        return index[::-1] if self.turned and self.right.quantity not in ("b", "db") else index


def unexplained(search: Search, unknown: Unknown, tasks: Sequence[str] = ()) -> Finding:
    """The finding for an array that nothing in the catalogue explains."""
    run, station = unknown.run, unknown.station
    label = _label(unknown, len(run.spec.sizes) - 1)
    slight = half_agrees(run, station)
    entry = _entry_of(search, unknown)
    coarse = _coarser_factors(search) if slight and search.trials.catalogue else None
    layers = _layers(search, unknown)
    of_layers = "" if label == "C" else f" of {in_layers(layers)}"
    off = dict.fromkeys(unknown.numbers, station)
    common = in_common(search.trials.runs, off) if len(tasks) == len(search.trials.runs) else ""
    return Finding(
        coarse.id if coarse else "",
        IMPRECISE if slight else WRONG,
        formula=coarse.formula if coarse else "",
        where=", ".join(filter(None, (f"{label} ({EQUATIONS[label].name}){of_layers}", common))),
        got=f"{_what_it_has(entry, station)} in step {station.step + 1}",
        expected=f"{_what_it_should_have(entry)}, by {expected(label, run.spec)}",
        happens=_how_slight(coarse) if slight else UNEXPLAINED,
        evidence=tuple(_hints(search, unknown, entry)),
        measured=(f"{station.quantity} is off by {station.used:.2g} bounds",)
        if np.isfinite(station.used)
        else (),
        equation=label,
        equations=(label,),
        layers=layers,
        tasks=names_of(unknown.numbers, tasks),
    )


def _coarser_factors(search: Search) -> Mistake | None:
    """The precision that products in every layer have the factors in, if that explains
    all that is off.
    """
    for mistake in (*PRECISION.by_id.values(), *ONE_WAY):
        program = (*search.right, Suspect(mistake))
        if not search.trials.off(program):
            return mistake
    return None


def _how_slight(coarse: Mistake | None) -> str:
    half = "At least half of the digits agree."
    return f"{coarse.happens} {half}" if coarse else half


def misshown(way: Presentation, numbers: Sequence[int], tasks: Sequence[str] = ()) -> Finding:
    """The finding for a quantity that is right, but shown as something else."""
    return Finding(
        "",
        WRONG,
        where=f"what is shown as {in_words(way.quantities)}",
        got=way.got,
        expected=way.expected,
        equations=tuple(label for label in EQUATIONS if _shows(label, way.quantities)),
        tasks=names_of(numbers, tasks),
    )


def _shows(label: str, quantities: Sequence[str]) -> bool:
    """Whether an equation writes one of these quantities that are shown."""
    return any({"output": "a"}.get(each, each) in EQUATIONS[label].writes for each in quantities)


# what is shown, and what should be


def _entry_of(search: Search, unknown: Unknown) -> Entry:
    """The array beside what the right rule gives, whatever mistakes stand before it."""
    run, station = unknown.run, unknown.station
    got = run.steps[station.step].arrays[station.where]
    right = next(
        (
            each
            for each in judged(run, placed(run, search.right), whole=True)
            if (each.step, each.where) == (station.step, station.where) and each.off
        ),
        station,
    )
    turned = station.quantity in run.turned
    if station.quantity not in ("W", "b"):
        return Entry(got, right, station.quantity, turned=turned)
    before = run.steps[station.step - 1].arrays if station.step else {}
    part = Part(station.quantity, station.layer)
    base = before.get(station.where, None if station.step else run.parts[part])
    if base is None or base.shape != got.shape:
        return Entry(got, right, station.quantity, turned=turned)
    return Entry(got, right, station.quantity, base, turned, changes=True)


def _what_it_has(entry: Entry, station: Station) -> str:
    if station.shape is not None:
        return f"{station.quantity} has shape {entry.its_shape(entry.got.shape)}"
    return _said(entry, entry.right.got)


def _what_it_should_have(entry: Entry) -> str:
    right = entry.right
    if right.shape is not None:
        return f"shape {entry.its_shape(right.shape)}"
    return f"{'a change of ' if entry.changes else ''}{_step_of(entry, right.expected)!r}"


def _said(entry: Entry, number: float | None) -> str:
    index = entry.its_place(entry.right.entry)
    at = f"[{', '.join(map(str, index))}]" if index else ""
    verb = "changes by" if entry.changes else "="
    return f"{entry.name}{at} {verb} {_step_of(entry, number)!r}"


def _step_of(entry: Entry, number: float | None) -> float:
    base = np.broadcast_to(entry.base, entry.got.shape)[entry.right.entry]
    return float((number or 0.0) - base)


def _label(unknown: Unknown, depth: int) -> str:
    station = unknown.station
    delta = "BP1" if station.layer == depth else "BP2"
    own = {
        "a_prev": "dropout",
        "z": "z",
        "a": "a",
        "loss": "C",
        "db": "BP3",
        "dW": "BP4",
        "delta": delta,
    }
    return delta if _is_of_delta(unknown) else own.get(station.quantity, "step")


def _is_of_delta(unknown: Unknown) -> bool:
    """Whether dW and db are both off, and delta is not shown, of which they are
    made.
    """
    arrays = unknown.run.steps[unknown.station.step].arrays
    return (
        unknown.beside is not None
        and unknown.station.quantity in ("dW", "db")
        and unknown.station.shape is None
        and not any(name == "delta" for name, _ in arrays)
    )


def _layers(search: Search, unknown: Unknown) -> tuple[int, ...]:
    """The layers in which this quantity is off in this step: of weights all, of what is
    made on the way the first alone, for the others may come of it.
    """
    run, station = unknown.run, unknown.station
    if station.quantity in (*LAYER, "loss"):
        return (station.layer,)
    off = [
        each.layer
        for each in judged(run, placed(run, search.right), whole=True)
        if each.off and each.step == station.step and each.quantity == station.quantity
    ]
    return tuple(sorted({station.layer, *off}))


# what can be told


def _hints(search: Search, unknown: Unknown, entry: Entry) -> Iterator[str]:
    """What is conspicuous about an array that is off."""
    got, station = entry.got, entry.right
    if _is_of_delta(unknown):
        yield (
            f"dW and db of layer {unknown.station.layer} are both off, so it is delta, which is "
            f"not shown, and of which both are made."
        )
    if not np.isfinite(got).all():
        yield f"{int(np.isfinite(got).sum())} of its {got.size} numbers are finite."
    elif not got.any():
        yield "Every number of it is zero."
    elif got.size > 1 and (got == got.flat[0]).all():
        yield "All of its numbers are the same."
    elif station.shape is None:
        yield from _how_far(entry)
        yield from _few_bits(search, unknown)
    yield from _likeness(search, unknown)


def _few_bits(search: Search, unknown: Unknown) -> Iterator[str]:
    """The coarsest format that has all numbers of the array, where they need it: those
    of whole numbers need none.
    """
    run, station = unknown.run, unknown.station
    got = run.steps[station.step].arrays[station.where]
    for precision in reversed([*coarser(FORMATS[run.spec.dtype])]):
        half = replace(precision, bits=precision.bits // 2)
        if (precision.rounded(got) == got).all() and not (half.rounded(got) == got).all():
            yield f"It has only numbers of {precision.name}, as if results were rounded to it."
            return


def _how_far(entry: Entry) -> Iterator[str]:
    """How many numbers of an array are off, and the one that is furthest off."""
    got, station = entry.got, entry.right
    off = got.size - station.fitting
    if got.size > 1:
        count = "All" if off == got.size else f"{off} of"
        are = "is" if off == 1 else "are"
        yield f"{count} its {got.size} numbers {are} off by more than rounding allows."
    right = _step_of(entry, station.expected)
    if right and np.isfinite(station.used):
        ratio = _step_of(entry, station.got) / right
        # where six digits of the ratio are those of 1, the difference says more
        times = f"{ratio:.6g} times" if f"{ratio:.6g}" != "1" else f"off by {abs(ratio - 1):.1g} of"
        yield f"{'The one above' if got.size > 1 else 'It'} is {times} what it should be."


def _likeness(search: Search, unknown: Unknown) -> Iterator[str]:
    """Which entry of the catalogue would explain it, or which other array it equals."""
    run, station = unknown.run, unknown.station
    entry = next(_alone(search, unknown), "") if search.trials.catalogue else ""
    if entry:
        yield entry
        return
    names = [*equals(run, placed(run, search.right), station)]
    if names:
        yield f"Its numbers are those that {in_words(names, 'or')} should have."


def _alone(search: Search, unknown: Unknown) -> Iterator[str]:
    """The constants, and the formats of factors, that would explain this array."""
    run, station = unknown.run, unknown.station
    if station.shape is None and np.isfinite(run.steps[station.step].arrays[station.where]).all():
        for constant in with_constants(run, search.right, station, FAMILIES):
            yield f"This array alone fits {constant.mistake.formula}."
    for mistake in PRECISION.by_id.values():
        if explains(run, placed(run, (*search.right, Suspect(mistake))), station):
            yield f"In this array, {mistake.happens[:1].lower()}{mistake.happens[1:]}"
