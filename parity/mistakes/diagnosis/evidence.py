"""What a finding rests on: the arrays that come of a program with the mistake, and do
not come of it without; in exact figures and in plain words.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from parity.mistakes.diagnosis.finding import in_words
from parity.mistakes.search.judging import SPELLED, Station, judged
from parity.mistakes.search.replay import Run
from parity.mistakes.search.suspects import Program, placed
from parity.mistakes.slots import Quantity
from refnet.checks import Array


class Comparison(NamedTuple):
    """An array that is off without the mistake, and is explained with it."""

    array: Array
    without: Station
    with_it: Station


def compared(run: Run, program: Program, without: Program) -> list[list[Comparison]]:
    """The arrays of the run, those of each quantity together, that the program explains
    and that it does not explain without the mistake.
    """
    try:
        off = [s for s in judged(run, placed(run, without), whole=True) if s.off]
        by_it = {(s.step, s.where): s for s in judged(run, placed(run, program), whole=True)}
    except (ValueError, IndexError):  # shapes that do not fit leave nothing to compare
        return []
    groups: dict[str, list[Comparison]] = {}
    for s in off:
        array = run.steps[s.step].arrays[s.where]
        groups.setdefault(s.quantity, []).append(Comparison(array, s, by_it[s.step, s.where]))
    return [group for group in groups.values() if not any(each.with_it.off for each in group)]


def measured(group: Sequence[Comparison]) -> str:
    """How far the arrays of a quantity are off, as shares of what rounding allows."""
    share = max(each.with_it.used for each in group)
    worst = max(each.without.used for each in group)
    if any(not np.isfinite(each.array).all() for each in group):
        fits, otherwise = "where it is NaN or infinite", "is not so otherwise"
    elif any(each.without.shape is not None for each in group):
        fits, otherwise = _within(share), "has another shape otherwise"
    elif np.isinf(worst):
        fits, otherwise = _within(share), "differs otherwise, where nothing is rounded"
    else:
        fits, otherwise = _within(share), f"is off by {worst:.2g} bounds otherwise"
    return f"{_arrays(group)} is what this formula gives, {fits}; it {otherwise}"


def _within(share: float) -> str:
    # 0 % would say that nothing was rounded
    return f"within {max(share, 0.01):.0%} of its bound"


def plainly(comparisons: Sequence[Comparison], *, among_others: bool = False) -> Iterator[str]:
    """What the comparisons show, in sentences that count the numbers; `among_others`
    where the program has other mistakes too, with and without this one.
    """
    finite = [each for each in comparisons if np.isfinite(each.array).all()]
    same_shape = [each for each in finite if each.without.shape is None]
    other_shape = [each for each in finite if each.without.shape is not None]
    not_finite = [each for each in comparisons if not np.isfinite(each.array).all()]
    other = "a program without this one" if among_others else "the right formula"
    if same_shape:
        by_other = sum(each.without.fitting for each in same_shape)
        one = sum(each.array.size for each in same_shape) == 1
        fits = "does not fit" if one else f"fits {by_other or 'none'} of them"
        yield _sentence(same_shape, f"{_fit(same_shape, among_others)}; {other} {fits}")
    if other_shape:
        yield _sentence(
            other_shape, f"{_fit(other_shape, among_others)}; {other} has another shape"
        )
    if not_finite:
        count = sum(np.count_nonzero(~np.isfinite(each.array)) for each in not_finite)
        total = sum(each.array.size for each in not_finite)
        what = f"{count} of the {total} numbers of {_arrays(not_finite)} are NaN or infinite"
        if total == 1:
            what = f"{_one(not_finite)} is NaN or infinite"
        formulas = _formulas(among_others)
        yield _sentence(not_finite, f"{what}, as by {formulas}; {other} gives something else")


def _formulas(among_others: bool) -> str:
    return "this formula, with the other findings," if among_others else "this formula"


def _fit(comparisons: Sequence[Comparison], among_others: bool) -> str:
    """all 24 numbers of dW of layer 1 fit this formula to the last digits"""
    fits = f"{_formulas(among_others)} {_how_well(comparisons)}"
    total, arrays = sum(each.array.size for each in comparisons), _arrays(comparisons)
    if total > 1:
        return f"all {total} numbers of {arrays} fit {fits}"
    return f"{_one(comparisons)} fits {fits}"


def _one(comparisons: Sequence[Comparison]) -> str:
    arrays = _arrays(comparisons)
    return "the loss" if arrays == "loss" else f"the one number of {arrays}"


def _how_well(comparisons: Sequence[Comparison]) -> str:
    """To the last digits, where they really agree; a bound may allow for more."""
    if any(each.with_it.vague for each in comparisons):
        return "as far as rounding lets one see"
    close = all(_agree(each.array, each.with_it.gap) for each in comparisons)
    return "to the last digits" if close else "within what rounding allows"


def _agree(array: Array, gap: float) -> bool:
    """Whether it differs by no more than the roundings that another spelling of the
    formula is allowed, of its largest entry.
    """
    unit = np.finfo(np.result_type(array, np.float32)).eps / 2
    return bool(gap <= SPELLED * unit * np.abs(array).max(initial=0.0))


def _sentence(comparisons: Sequence[Comparison], text: str) -> str:
    """With a capital and a full stop, and the step where it is not the first."""
    step = comparisons[0].without.step  # the first that shows it, for all of them
    text = f"in step {step + 1}, {text}" if step else text
    return f"{text[0].upper()}{text[1:]}."


def _arrays(comparisons: Sequence[Comparison]) -> str:
    """db and dW of layers 1 and 2: quantities of the same layers are named together."""
    layers: dict[str, tuple[int, ...]] = {}
    for each in comparisons:
        quantity, layer = each.without.where
        layers[quantity] = (*layers.get(quantity, ()), layer)
    quantities: dict[str, list[str]] = {}
    for quantity, among in layers.items():
        where = "" if quantity == "loss" else f" of {in_layers(sorted(among))}"
        quantities.setdefault(where, []).append(quantity)
    return " and ".join(f"{in_words(names)}{where}" for where, names in quantities.items())


def in_place(where: Quantity) -> str:
    """db of layer 2."""
    quantity, layer = where
    return "the loss" if quantity == "loss" else f"{quantity} of {in_layers([layer])}"


def in_layers(layers: Sequence[int]) -> str:
    """layers 1 and 2."""
    return f"layer{'s' if len(layers) > 1 else ''} {in_words([*map(str, layers)])}"
