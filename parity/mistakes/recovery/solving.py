"""A number that only the program knows: a factor, a term or a power somewhere in a
formula, solved for, and told by what a program has at hand.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from parity.mistakes.recovery.edits import Edit
from parity.mistakes.recovery.expression import (
    ONE,
    ZERO,
    Expression,
    everywhere,
    node,
    replaced,
    subtrees,
    tidied,
)
from parity.mistakes.recovery.fitting import FREE, Place, Target
from parity.mistakes.recovery.formula import Formula
from parity.mistakes.recovery.parts import RATES, is_number
from parity.mistakes.recovery.places import Grown, changed
from parity.mistakes.recovery.right import CHANGE, WHOLE, key_of
from parity.mistakes.recovery.scalars import recognised

STEPS = 12
# a step of the secant method is worth it where it leaves at most this share
PROMISING = 0.7
# where the limit of what is clipped is looked for
LIMITS = (1.0, 0.1, 0.02, 0.004)
# what a term may be added to, beside the whole formula
ADDED = ("name", "+", "-")


def with_numbers(target: Target, witnesses: Sequence[Target], grown: Grown) -> Iterator[Formula]:
    """With a factor, a term or a power somewhere that is a number."""
    for edit, near in _free(grown):
        yield from solved_for(target, witnesses, grown, [], edit, near)


def solved_for(
    target: Target,
    witnesses: Sequence[Target],
    grown: Grown,
    before: Sequence[Edit],
    edit: Edit,
    near: tuple[float, float],
) -> Iterator[Formula]:
    """With the number in the place of what is free in the edit, as the expressions that
    give it in all witnesses.
    """
    tree = grown.tree
    for each in (*before, edit):
        tree = replaced(tree, each.old, each.new)
    c = solved(target, grown.place, tree, near)
    if c is None or c == near[0]:
        return
    factors = [(target, c)]
    for witness in witnesses:
        other = solved(witness, grown.place, tree, (c, c * 1.01 + 0.01))
        if other is not None:
            factors.append((witness, other))
    for number, cost in _told(factors, grown.place):
        yield from _with_number(target, grown, before, edit, tree, number, cost)
    if is_number(edit.old) and edit.new is node("*", edit.old, FREE):
        # the product may be told where the factor is not
        products = [(each, c * each.number(grown.place, edit.old)) for each, c in factors]
        for number, cost in _told(products, grown.place):
            # a setting times a number rather than another number in its place
            unread = number.op == "number" and number is not ONE and edit.old in RATES
            instead = Edit(edit.old, FREE, edit.cost + unread)
            whole = replaced(tree, edit.new, FREE)
            yield from _with_number(target, grown, before, instead, whole, number, cost)


def _told(
    numbers: Sequence[tuple[Target, float]], place: Place
) -> Iterable[tuple[Expression, int]]:
    """What the numbers are, of all witnesses or of those of the same kind: another loss
    or rule may have another one.
    """
    same = [
        each for each in numbers if key_of(place.slot, each[0].spec, each[0].off.layer) == place.key
    ]
    return dict.fromkeys(
        number
        for some in (numbers, same or numbers)
        for number in recognised([c for _, c in some], [each.atoms(place.slot) for each, _ in some])
    )


def _with_number(
    target: Target,
    grown: Grown,
    before: Sequence[Edit],
    edit: Edit,
    tree: Expression,
    number: Expression,
    cost: int,
) -> Iterator[Formula]:
    new = tidied(replaced(edit.new, FREE, number))
    if new is not edit.old and target.gives(grown.place, replaced(tree, edit.new, new)):
        constant = number.detail[0] if number.op == "number" else None
        yield changed(grown, [*before, Edit(edit.old, new, edit.cost + cost - 1)], constant)


def _free(grown: Grown) -> Iterator[tuple[Edit, tuple[float, float]]]:
    """The places for a number, and where it is looked for first."""
    arrays = [part for part in grown.parts if not is_number(part)]
    # a number in each logarithm
    logs = everywhere(grown.tree, "log", lambda log: node("log", log.parts[0] + FREE))
    if logs is not grown.tree:
        yield Edit(grown.tree, logs, 3), (0.0, 1e-6)
    for here in dict.fromkeys(subtrees(grown.tree)):
        if here.op in (">", "entries"):
            continue
        if here is ZERO:  # what is left out, as of a rectifier
            yield from ((Edit(here, node("*", FREE, part), 2), (0.0, 0.01)) for part in arrays)
            continue
        yield Edit(here, node("*", here, FREE), 1 if here in (WHOLE, CHANGE) else 2), (1.0, 1.01)
        if here.op == "positive":
            yield Edit(here, node("maximum", here.parts[0], FREE), 2), (-0.01, 0.01)
        if here.op == "/" and not is_number(here.parts[1]):
            below = node("+", here.parts[1], FREE)
            yield Edit(here, node("/", here.parts[0], below), 3), (0.0, 1e-6)
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


@np.errstate(all="ignore")
def solved(
    target: Target, place: Place, tree: Expression, near: tuple[float, float]
) -> float | None:
    """The number in the place of what is free with which the formula fits; None where
    none does.
    """
    before, c = near
    old, new = target.with_number(place, tree, before), target.with_number(place, tree, c)
    if old is None or new is None or new.shape != target.got.shape or old.shape != new.shape:
        return None
    for _ in range(STEPS):
        slope = (new - old) / (c - before)
        size = float((slope * slope).sum())
        change = float((slope * (target.got - new)).sum()) / size if size else np.nan
        if not np.isfinite(change):
            return None
        left, now = np.abs(target.got - new - slope * change).max(initial=0.0), target.leaves(new)
        if not left <= PROMISING * now:
            break
        nearer = target.with_number(place, tree, c + change)
        if nearer is None or not target.leaves(nearer) < now:
            break
        before, old, c, new = c, new, c + change, nearer
    return c if target.fits(new) else None
