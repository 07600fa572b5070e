"""One edit of a formula: a subtree is exchanged for another, by the productions of the
grammar, for an array or a number that is at hand, or for what is right elsewhere.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import NamedTuple

from parity.mistakes.recovery.expression import (
    ONE,
    ZERO,
    Expression,
    as_expression,
    count,
    everywhere,
    node,
    replaced,
)
from parity.mistakes.recovery.parts import is_number
from parity.mistakes.recovery.productions import AROUND, INSTEAD

# of the arrays at hand so many, the nearest, are tried as a factor or a divisor
FACTORS = 8
# how near to 0 and 1 people let a probability come
LIMITS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)


class Edit(NamedTuple):
    """A subtree, wherever it stands, and what stands in its place; and how far that is
    from what was there: 1 for what is easily confused, 2 for what was put in.
    """

    old: Expression
    new: Expression
    cost: int


@lru_cache(maxsize=256)
def from_right(
    tree: Expression, parts: tuple[Expression, ...], others: tuple[Expression, ...] = ()
) -> tuple[tuple[Edit, Expression], ...]:
    """Every formula that is one edit from a right one, or one of the `others` that are
    right elsewhere: each is asked for often.
    """
    elsewhere = ((_between(tree, other), other) for other in others if other is not tree)
    return (*elsewhere, *edited(tree, parts))


def _between(tree: Expression, other: Expression) -> Edit:
    """The smallest edit that makes another formula of this one."""
    old, new = tree, other
    while old.op == new.op and old.detail == new.detail and len(old.parts) == len(new.parts):
        unlike = [(x, y) for x, y in zip(old.parts, new.parts, strict=True) if x is not y]
        if len(unlike) != 1 or count(tree, unlike[0][0]) != 1:
            break
        ((old, new),) = unlike
    # what stands for the whole is not right elsewhere, but made of what is right here
    return Edit(old, new, 1 if tree.op == "name" else 0)


def edited(
    tree: Expression, parts: tuple[Expression, ...], most: int = 2
) -> Iterator[tuple[Edit, Expression]]:
    """Every formula that is one edit from this, with `parts` at hand, of those that
    cost at most so much.
    """
    for edit in _edits(tree, parts, most):
        yield edit, replaced(tree, edit.old, edit.new)


def _edits(tree: Expression, parts: tuple[Expression, ...], most: int) -> Iterator[Edit]:
    seen = set()
    for path, here in _places(tree):
        for new, cost in _instead(here, parts, most):
            if new is here:
                continue
            edit = _at(tree, path, new, cost)
            if edit not in seen:
                seen.add(edit)
                yield edit
            if count(tree, here) > 1 and Edit(here, new, cost) not in seen:
                seen.add(Edit(here, new, cost))
                yield Edit(here, new, cost)
    yield Edit(tree, ZERO, 1)
    unbounded = everywhere(tree, "maximum", lambda each: each.parts[0])
    whole = everywhere(unbounded, "entries", lambda each: each.parts[0])
    yield from (
        Edit(tree, each, 1) for each in dict.fromkeys((unbounded, whole)) if each is not tree
    )
    for limit in LIMITS if most > 1 else ():
        limited = everywhere(tree, "log", partial(_limited, limit))
        if limited is not tree:
            yield Edit(tree, limited, 2)
    if most > 1 and tree.op != "name":
        yield from (Edit(tree, part, 2) for part in parts if not is_number(part))


def _limited(limit: float, log: Expression) -> Expression:
    """The logarithm of a probability that is kept from 0 and 1."""
    below = node("minimum", log.parts[0], as_expression(1.0 - limit))
    return node("log", node("maximum", below, as_expression(limit)))


def _places(tree: Expression) -> Iterator[tuple[tuple[int, ...], Expression]]:
    if tree.op == ">":  # says which entries count, and is no number
        return
    yield (), tree
    for i, part in enumerate(tree.parts):
        yield from (((i, *path), here) for path, here in _places(part))


def _at(tree: Expression, path: tuple[int, ...], new: Expression, cost: int) -> Edit:
    """The edit in one place: of the smallest subtree around it that stands nowhere
    else.
    """
    around = [tree]
    for i in path:
        around.append(around[-1].parts[i])
    start = max(i for i, each in enumerate(around) if i == 0 or count(tree, each) == 1)
    return Edit(around[start], _with(around[start], path[start:], new), cost)


def _with(tree: Expression, path: tuple[int, ...], new: Expression) -> Expression:
    if not path:
        return new
    i, *rest = path
    return tree.with_part(i, _with(tree.parts[i], tuple(rest), new))


def _instead(
    here: Expression, parts: tuple[Expression, ...], most: int
) -> Iterator[tuple[Expression, int]]:
    """What may stand in the place of a subtree, and its cost."""
    if here.op in INSTEAD:
        yield from ((new, 1) for new in INSTEAD[here.op](here))
    if is_number(here):
        if here.op == "name":
            yield from ((node(op, here, ONE), 1) for op in "+-")
            yield node("-", ONE, here), 1
        if most > 1:
            yield from ((part, 2) for part in parts if not is_number(part))
        return
    if here.op == "name":
        costs = ((part, 2 if is_number(part) else 1) for part in parts)
        yield from ((part, cost) for part, cost in costs if cost <= most)
    if most == 1:
        return
    if here.op != "name":
        yield from ((part, 2) for part in parts if is_number(part))
    for wrap in AROUND:
        yield wrap(here), 2
    for part in [part for part in parts if not is_number(part)][:FACTORS]:
        yield here * part, 2
        yield node("/", here, part), 2
