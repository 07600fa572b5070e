"""What a finding rests on: the arrays that come of a program with the mistake, and do
not come of it without; in exact figures and in plain words.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from parity.mistakes.diagnosis.finding import in_words
from parity.mistakes.search.judging import Station, judged
from parity.mistakes.search.replay import Run
from parity.mistakes.search.suspects import Program, placed
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


def plainly(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """What the comparisons show, in sentences that count the numbers."""
    finite = [each for each in comparisons if np.isfinite(each.array).all()]
    same_shape = [each for each in finite if each.without.shape is None]
    other_shape = [each for each in finite if each.without.shape is not None]
    not_finite = [each for each in comparisons if not np.isfinite(each.array).all()]
    if same_shape:
        by_right = sum(each.without.fitting for each in same_shape)
        one = sum(each.array.size for each in same_shape) == 1
        fits = "does not fit" if one else f"fits {by_right or 'none'} of them"
        yield _sentence(same_shape, f"{_fit(same_shape)}; the right formula {fits}")
    if other_shape:
        yield _sentence(other_shape, f"{_fit(other_shape)}; the right formula gives another shape")
    if not_finite:
        count = sum(np.count_nonzero(~np.isfinite(each.array)) for each in not_finite)
        total = sum(each.array.size for each in not_finite)
        what = f"{count} of the {total} numbers of {_arrays(not_finite)} are NaN or infinite"
        yield _sentence(not_finite, f"{what}, as this formula makes them; the right one does not")


def _fit(comparisons: Sequence[Comparison]) -> str:
    """all 24 numbers of dW of layer 1 fit this formula to the last digits"""
    # where rounding may take half of the digits, to fit says less
    vague = any(each.with_it.vague for each in comparisons)
    how_well = "as far as rounding lets one see" if vague else "to the last digits"
    total, arrays = sum(each.array.size for each in comparisons), _arrays(comparisons)
    if total > 1:
        return f"all {total} numbers of {arrays} fit this formula {how_well}"
    one = "the loss" if arrays == "loss" else f"the one number of {arrays}"
    return f"{one} fits this formula {how_well}"


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


def in_layers(layers: Sequence[int]) -> str:
    """layers 1 and 2."""
    return f"layer{'s' if len(layers) > 1 else ''} {in_words([*map(str, layers)])}"
