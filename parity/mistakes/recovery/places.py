"""Where a formula may be another: the right ones, and what may stand in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from parity.mistakes.conditions import is_fused
from parity.mistakes.recovery.edits import Edit
from parity.mistakes.recovery.expression import Expression, name
from parity.mistakes.recovery.fitting import Place, Target
from parity.mistakes.recovery.formula import Formula
from parity.mistakes.recovery.parts import LAST, LINES, NOW, UPDATE, of_weighing, parts_of
from parity.mistakes.recovery.right import (
    OF_EVERY,
    WEIGHED,
    Key,
    elsewhere,
    key_of,
    once_more,
    trees,
)
from parity.mistakes.rules import STATE


class Grown(NamedTuple):
    """A right formula in its place, what may stand in it, and the others that are right
    with another activation, loss or setting, or written in another form.
    """

    place: Place
    form: int
    tree: Expression
    parts: tuple[Expression, ...]
    others: tuple[Expression, ...]


def changed(grown: Grown, before: Sequence[Edit], constant: float | None = None) -> Formula:
    """The formula with these edits."""
    return Formula(
        grown.place.slot,
        grown.form,
        tuple((edit.old, edit.new) for edit in before),
        sum(edit.cost for edit in before),
        grown.place.key,
        constant=constant,
    )


def places(target: Target, slots: Iterable[str]) -> Iterator[Grown]:
    """The right formulas of these slots, in the layers that it is made in."""
    spec, l = target.spec, target.off.layer
    depth = len(spec.sizes) - 1
    on_the_way = target.off.quantity in ("delta", "db", "dW")
    for slot in slots:
        if on_the_way and slot == ("BP2" if l == depth else "BP1"):
            continue  # of another layer, whose delta is right
        if on_the_way and slot in ("pullback", "cotangent") and is_fused(spec, l):
            continue  # its f' has cancelled
        quick = target.is_quick(slot)
        if quick:
            keys = {key_of(slot, spec, l): frozenset([l])}
        elif slot in UPDATE:
            keys = {key_of(slot, spec, l): frozenset(range(1, depth + 1))}
        else:
            keys = {}
            for layer in range(1, depth + 1):
                key = key_of(slot, spec, layer)
                keys[key] = keys.get(key, frozenset()) | {layer}
        for key, layers in _among(keys, depth, quick):
            parts = parts_of(_table(slot, key))
            if WEIGHED in key:
                parts = (*parts, *of_weighing(spec.loss))
            if slot in LINES:
                parts = (*parts, *_states(target, slot))
            if (quick or slot == "gradient") and slot in OF_EVERY:
                others = once_more(slot, key)
                yield Grown(Place(slot, key, layers), -1, OF_EVERY[slot], parts, others)
            for number, tree in enumerate(trees(slot, key)):
                others = (*elsewhere(slot, key), *trees(slot, key)[1:]) if not number else ()
                yield Grown(Place(slot, key, layers), number, tree, parts, others)


def _among(
    keys: Mapping[Key, frozenset[int]], depth: int, quick: bool
) -> Iterator[tuple[Key, frozenset[int]]]:
    """The layers in which a formula may be another: all of the same kind, or the first,
    the last or the hidden ones among them.
    """
    ends = [frozenset({1}), frozenset({depth}), frozenset(range(1, depth))]
    for some in [frozenset(range(1, depth + 1)), *([] if quick else ends)]:
        for key, layers in keys.items():
            if layers & some and (len(some) == depth or layers & some < layers):
                yield key, layers & some


def _table(slot: str, key: tuple[object, ...]) -> str:
    return "output cotangent" if slot == "cotangent" and key[:1] != ("hidden",) else slot


def _states(target: Target, slot: str) -> Iterator[Expression]:
    """The vectors of the state at hand: the old ones, and the new ones that are made by
    then.
    """
    keeps = [key for key in STATE if trees(key, key_of(key, target.spec, 1))]
    new = keeps if slot == "step" else target.inputs(slot)
    # those made of no others, in their order, so that none is made of itself
    before = (
        [key for key in keeps[: keeps.index(slot)] if not target.inputs(key)]
        if slot in keeps
        else []
    )
    yield from (name(key, "", LAST) for key in keeps)
    yield from (name(key, "", NOW) for key in dict.fromkeys([*new, *before]))
