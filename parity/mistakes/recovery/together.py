"""Formulas that are others in several slots of an update at once: a setting that is
taken for another, an average that is made otherwise in all of its vectors, a term that
stands in another line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations

from parity.mistakes.recovery.edits import Edit, from_right
from parity.mistakes.recovery.expression import (
    ONE,
    Expression,
    as_expression,
    count,
    exchanged,
    node,
    replaced,
)
from parity.mistakes.recovery.fitting import Place, Target
from parity.mistakes.recovery.formula import Formula
from parity.mistakes.recovery.parts import LINES, RATES, leaves, scalar
from parity.mistakes.recovery.places import Grown, changed
from parity.mistakes.recovery.proposals import ranked, simplest
from parity.mistakes.recovery.right import GRADIENT, default_settings, trees
from parity.mistakes.recovery.right import states as states_of
from parity.mistakes.rules import STATE

BETAS = scalar("beta1"), scalar("beta2")


def together(
    target: Target, witnesses: Sequence[Target], grown: Sequence[Grown]
) -> Iterator[list[Formula]]:
    """The formulas with changes in several slots that give the array: the same one in
    all, then two that are not alike.
    """
    grown = [each for each in grown if each.place.slot in LINES]
    # the layers do not matter: a formula is tried in all of them
    main = [*{each.place.slot: each for each in reversed(grown) if not each.form}.values()][::-1]
    if not main:
        return
    states = [*_kept_elsewhere(main), *(each for each in main if each.place.slot in STATE)]
    fitting = [
        formula
        for formula in (*_renamed(main, states), *_mirrored(states), *_in_both(main[-1]))
        if target.comes_of(formula)
    ]
    yield ranked(fitting, witnesses)
    yield ranked([*_with_step(target, main, grown)], witnesses)


def _kept_elsewhere(main: Sequence[Grown]) -> Iterator[Grown]:
    """The vectors that the rule keeps with other settings: what is said of its state is
    true of them too.
    """
    rule, kept = main[-1].place.key[0], {each.place.slot for each in main}
    for slot, key in states_of(rule).items():
        if slot not in kept:
            yield Grown(Place(slot, key, frozenset()), 0, trees(slot, key)[0], (), ())


def _renamed(every: Sequence[Grown], states: Sequence[Grown]) -> Iterator[Formula]:
    """A setting in the place of another, two that are exchanged, or the rest to 1: in
    the state alone, or in all lines.
    """
    at_hand = [
        each for each in (*RATES, scalar("t")) if any(each in leaves(grown.tree) for grown in every)
    ]
    exchanges: list[dict[Expression, Expression]] = []
    for rate in at_hand:
        exchanges.append({rate: node("-", ONE, rate)})
        exchanges += ({rate: other} for other in at_hand if other is not rate)
    exchanges += (
        {one: other, other: one} for i, one in enumerate(at_hand) for other in at_hand[:i]
    )
    if {*BETAS} <= {*at_hand}:
        exchanges.append({beta: node("-", ONE, beta) for beta in BETAS})
    exchanges.append(dict(_defaults(every[-1].place.key[0], at_hand)))
    for exchange in exchanges:
        for some in (states, every, every[-1:]):
            yield from _in_all(some, exchange)


def _defaults(rule: str, at_hand: Sequence[Expression]) -> Iterator[tuple[Expression, Expression]]:
    """The rule's own settings, whatever the task says."""
    settings = default_settings(rule)
    betas = settings.get("betas", (None, None))
    usual = {**settings, "beta1": betas[0], "beta2": betas[1]}
    for rate in at_hand:
        value = usual.get(rate.detail[0])
        if value and rate.detail[0] not in ("lr", "weight_decay"):
            yield rate, as_expression(value)


def _in_all(some: Sequence[Grown], exchange: dict[Expression, Expression]) -> Iterator[Formula]:
    trees = {grown: exchanged(grown.tree, exchange) for grown in some}
    formulas = [
        changed(grown, [Edit(grown.tree, tree, 1)])
        for grown, tree in trees.items()
        if tree is not grown.tree
    ]
    if formulas:
        *others, last = formulas
        yield replace(last, beside=tuple(others))


def _in_both(grown: Grown) -> Iterator[Formula]:
    """The same change to what beta1 is for and to what beta2 is for."""
    if not {*BETAS} <= {*leaves(grown.tree)}:
        return
    other = dict(zip(BETAS, BETAS[::-1], strict=True))
    for edit, tree in from_right(grown.tree, grown.parts):
        second = Edit(exchanged(edit.old, other), exchanged(edit.new, other), 0)
        if edit.cost == 1 and second.old is not edit.old and count(tree, second.old):
            yield changed(grown, [edit, second])


def _mirrored(states: Sequence[Grown]) -> Iterator[Formula]:
    """The same change in two vectors of the state that are made alike."""
    for grown, second in permutations(states, 2):
        alike = _alike(grown.tree, second.tree)
        if alike is None:
            continue
        back = {b: a for a, b in alike.items() if b.op == "name"}
        for edit, _ in from_right(grown.tree, grown.parts):
            old, new = (exchanged(each, {**back, **alike}) for each in edit[:2])
            tree = replaced(second.tree, old, new)
            # a vector is not made of itself
            has_parts = {*second.parts, *leaves(second.tree)} >= {*leaves(tree)}
            if edit.cost == 1 and tree is not second.tree and has_parts:
                beside = changed(second, [Edit(old, new, 0)])
                yield replace(changed(grown, [edit]), beside=(beside,))


def _alike(x: Expression, y: Expression) -> dict[Expression, Expression] | None:
    """What stands in one tree where something else does in the other, of trees that are
    alike.
    """
    if x is y:
        return {}
    if x.op == "name":
        return {x: y}
    if x.op != y.op or x.detail != y.detail or len(x.parts) != len(y.parts):
        return None
    pairs: dict[Expression, Expression] = {}
    for one, other in zip(x.parts, y.parts, strict=True):
        below = _alike(one, other)
        if below is None or any(pairs.get(old, new) is not new for old, new in below.items()):
            return None
        pairs |= below
    return pairs


def _with_step(target: Target, main: Sequence[Grown], grown: Sequence[Grown]) -> Iterator[Formula]:
    """A change before the step, and one in it."""
    steps = [each for each in grown if each.place.slot == "step"]
    for before in main:
        if before.place.slot == "step":
            continue
        edits = [edit for edit, _ in from_right(before.tree, before.parts, before.others)]
        edits = [edit for edit in edits if edit.cost <= 1]
        if before.place.slot == "decayed":  # lr taken into the gradient
            edits.append(Edit(GRADIENT, GRADIENT * scalar("lr"), 1))
        for edit in edits:
            first = changed(before, [edit])
            for second in simplest(target.beside(first), steps):
                yield replace(second, beside=(first,), cost=first.cost + second.cost)
