"""The formulas of which an array that is off can come: one edit from the right one, one
number that only the program knows, or two edits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from parity.mistakes.conditions import is_fused
from parity.mistakes.recovery.edits import Edit, edited, from_right
from parity.mistakes.recovery.expression import (
    ZERO,
    Expression,
    count,
    name,
    node,
    replaced,
    subtrees,
    tidied,
)
from parity.mistakes.recovery.fitting import FREE, REPLAYED, Place, Target, solved
from parity.mistakes.recovery.formula import UPDATE, Formula
from parity.mistakes.recovery.parts import LAST, NOW, is_number, parts_of
from parity.mistakes.recovery.right import OF_EVERY, Key, key_of, trees
from parity.mistakes.recovery.scalars import recognised
from parity.mistakes.rules import STATE
from refnet.checks import Array

# formulas that fit, of which so many are judged with bounds
JUDGED = 4
# and so many of the nearest to the right one tried on other arrays before
TRIED_ON_WITNESSES = 200
# second edits that are tried in each place
PAIRS = 6000
# where the limit of what is clipped is looked for
LIMITS = (1.0, 0.1, 0.02, 0.004)
# what a term may be added to, beside the whole formula
ADDED = ("name", "+", "-")


class Grown(NamedTuple):
    """A right formula in its place, and what may stand in it."""

    place: Place
    form: int
    tree: Expression
    parts: tuple[Expression, ...]


def single(target: Target, witnesses: Sequence[Target], places: Iterable[Grown]) -> list[Formula]:
    """The formulas one edit from the right one, or with one number of the program's
    own, that give the array; the nearest to the right one first.
    """
    fitting: list[Formula] = []
    # what is tried quickly first: where it fits all witnesses, there is no need of more
    for grown in sorted(places, key=lambda each: not target.is_quick(each.place.slot)):
        if not target.is_quick(grown.place.slot) and _is_settled(fitting, witnesses):
            break
        fitting += _edited(target, grown)
        fitting += _with_numbers(target, witnesses, grown)
    return _ranked(fitting, witnesses)


def _is_settled(fitting: Sequence[Formula], witnesses: Sequence[Target]) -> bool:
    return bool(witnesses) and any(
        all(_fits(formula, witness) for witness in witnesses) for formula in fitting[:JUDGED]
    )


def double(target: Target, witnesses: Sequence[Target], places: Iterable[Grown]) -> list[Formula]:
    """The formulas two edits from the right one, or one and a factor; where some are
    tried quickly, no others.
    """
    fitting: list[Formula] = []
    every = [*places]
    quick = [each for each in every if target.is_quick(each.place.slot)]
    for grown in quick or every:
        fitting += _edited_twice(target, witnesses, grown)
    return _ranked(fitting, witnesses)


def _edited(target: Target, grown: Grown) -> Iterator[Formula]:
    for edit, tree in from_right(grown.tree, grown.parts):
        if target.fits(target.array(grown.place, tree)):
            yield _formula(grown, [edit])


def _formula(grown: Grown, before: Sequence[Edit], constant: float | None = None) -> Formula:
    return Formula(
        grown.place.slot,
        grown.form,
        tuple((edit.old, edit.new) for edit in before),
        sum(edit.cost for edit in before),
        None if grown.form < 0 else grown.place.key,
        constant=constant,
    )


def _with_numbers(target: Target, witnesses: Sequence[Target], grown: Grown) -> Iterator[Formula]:
    """With a factor, a term or a power somewhere that is a number."""
    for edit, near in _free(grown):
        yield from _solved(target, witnesses, grown, [], edit, near)


def _solved(
    target: Target,
    witnesses: Sequence[Target],
    grown: Grown,
    before: Sequence[Edit],
    edit: Edit,
    near: tuple[float, float],
) -> Iterator[Formula]:
    tree = grown.tree
    for each in (*before, edit):
        tree = replaced(tree, each.old, each.new)
    c = solved(target, grown.place, tree, near)
    if c is None or c == near[0]:
        return
    scale = _scale(target, grown, edit)
    known = [(target, c * scale)]
    for witness in witnesses:
        other = solved(witness, grown.place, tree, (c, c * 1.01 + 0.01))
        if other is not None:
            known.append((witness, other * _scale(witness, grown, edit)))
    # another loss or rule may have another number
    slot, key = grown.place.slot, grown.place.key
    same = [(each, c) for each, c in known if key_of(slot, each.spec, each.off.layer) == key]
    numbers = dict.fromkeys(
        number
        for some in (known, same or known)
        for number in recognised([c for _, c in some], [each.atoms for each, _ in some])
    )
    for number, cost in numbers:
        new = number if _is_scaled(edit) else tidied(replaced(edit.new, FREE, number))
        whole = replaced(replaced(tree, edit.new, FREE), FREE, new)
        if new is not edit.old and target.fits(target.array(grown.place, whole)):
            constant = number.detail[0] if number.op == "number" else None
            total = Edit(edit.old, new, edit.cost + cost - 1)
            yield _formula(grown, [*before, total], constant)


def _scale(target: Target, grown: Grown, edit: Edit) -> float:
    """What the factor is a factor of, where that is a number: then the product is
    recognised.
    """
    return target.number(grown.place, edit.old) if _is_scaled(edit) else 1.0


def _is_scaled(edit: Edit) -> bool:
    """Whether it is a number times what is free."""
    return is_number(edit.old) and edit.new is node("*", edit.old, FREE)


def _free(grown: Grown) -> Iterator[tuple[Edit, tuple[float, float]]]:
    """The places for a number, and where it is looked for first."""
    arrays = [part for part in grown.parts if not is_number(part)]
    for here in dict.fromkeys(subtrees(grown.tree)):
        if here.op in (">", "entries"):
            continue
        if here is ZERO:  # what is left out, as of a rectifier
            yield from ((Edit(here, node("*", FREE, part), 2), (0.0, 0.01)) for part in arrays)
            continue
        yield Edit(here, node("*", here, FREE), 2), (1.0, 1.01)
        if here.op == "positive":
            yield Edit(here, node("maximum", here.parts[0], FREE), 2), (-0.01, 0.01)
        if not is_number(here):
            if here is not grown.tree:  # an array of equal numbers says nothing
                yield Edit(here, FREE, 2), (0.37, 0.59)
            yield Edit(here, node("+", here, FREE), 3), (0.0, 0.01)
            for part in arrays if here is grown.tree or here.op in ADDED else ():
                yield Edit(here, node("+", here, node("*", FREE, part)), 3), (0.0, 0.01)
            yield Edit(here, node("**", here, FREE), 3), (1.0, 1.01)
            if here is grown.tree or here.op == "-":
                for limit in LIMITS:
                    yield Edit(here, node("clip", here, FREE), 3), (limit, 1.1 * limit)


def _edited_twice(target: Target, witnesses: Sequence[Target], grown: Grown) -> Iterator[Formula]:
    left = PAIRS // (1 if target.is_quick(grown.place.slot) else REPLAYED)
    arrays = []
    for first, tree in from_right(grown.tree, grown.parts):
        array = target.array(grown.place, tree)
        fits_shape = array is not None and array.shape == target.got.shape
        arrays.append((first, tree, array if fits_shape else None))
    for first, tree, array in arrays:
        if array is not None and _is_multiple(target, array):
            yield from _times_a_number(target, witnesses, grown, first, tree)
    firsts = [(first, tree, array is not None) for first, tree, array in arrays if first.cost == 1]
    for most, some in ((1, firsts), (2, [each for each in firsts if each[2]])):
        for first, tree, _ in some:
            for second, whole in edited(tree, grown.parts, most):
                left -= 1
                if left <= 0:
                    return
                if target.fits(target.array(grown.place, whole)):
                    yield _formula(grown, [first, second])


@np.errstate(all="ignore")
def _is_multiple(target: Target, array: Array) -> bool:
    """Whether the array that is shown is one number times this one."""
    change, got = array - target.before, target.got - target.before
    size = float((change * change).sum())
    if not size or got.size < 2:
        return False
    c = float((change * got).sum()) / size
    return bool(np.abs(got - c * change).max() <= target.tolerance) and abs(c) > 1e-9


def _times_a_number(
    target: Target,
    witnesses: Sequence[Target],
    grown: Grown,
    first: Edit,
    tree: Expression,
) -> Iterator[Formula]:
    root = tree
    if grown.place.slot == "step" and tree.op == "-":
        root = tree.parts[1]
    if count(tree, root) == 1:
        edit = Edit(root, node("*", root, FREE), 2)
        yield from _solved(target, witnesses, grown, [first], edit, (1.0, 1.01))


def _ranked(fitting: Sequence[Formula], witnesses: Sequence[Target]) -> list[Formula]:
    """The formulas that fit most witnesses, of those the nearest to the right one."""
    nearest = sorted(dict.fromkeys(fitting), key=lambda each: (each.cost, _length(each)))
    nearest = nearest[:TRIED_ON_WITNESSES]
    fits = {each: sum(_fits(each, witness) for witness in witnesses) for each in nearest}
    return sorted(nearest, key=lambda each: (-fits[each], each.cost))[:JUDGED]


def _length(formula: Formula) -> int:
    return sum(1 for _, new in formula.edits for _ in subtrees(new))


def _fits(formula: Formula, witness: Target) -> bool:
    for grown in places(witness, [formula.slot]):
        tree = formula.tree(grown.place.key) if grown.form == formula.form else None
        if tree is not None and witness.fits(witness.array(grown.place, tree)):
            return True
    return False


# where a formula may be another


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
            keys = {}
            for layer in range(1, depth + 1):
                key = key_of(slot, spec, layer)
                keys[key] = keys.get(key, frozenset()) | {layer}
        for key, layers in _among(keys, depth, quick):
            parts = parts_of(_table(slot, key))
            if slot in UPDATE:
                parts = (*parts, *_states(target, slot))
            for number, tree in enumerate(trees(slot, key)):
                yield Grown(Place(slot, key, layers), number, tree, parts)
            if quick and slot in OF_EVERY:
                yield Grown(Place(slot, key, layers), -1, OF_EVERY[slot], parts)


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
    return "output cotangent" if slot == "cotangent" and key != ("hidden",) else slot


def _states(target: Target, slot: str) -> Iterator[Expression]:
    """The vectors of the state at hand: the old ones, and the new ones that are made by
    then.
    """
    keeps = [key for key in STATE if trees(key, key_of(key, target.spec, 1))]
    new = keeps if slot == "step" else target.inputs(slot)
    yield from (name(key, "", LAST) for key in keeps)
    yield from (name(key, "", NOW) for key in new)
