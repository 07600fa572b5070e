"""The penalty of a step and the clipping of its gradient over bounded arrays, or over
plain ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from parity.proof.equations.clipping import TINY
from parity.proof.equations.penalties import Given, strengths
from parity.proof.formulas import root
from parity.rounding.bounded import positive

Numbers: TypeAlias = Any  # Bounded or Plain


def penalty_value(penalty: Given, theta: Numbers) -> Numbers:
    """P = c1 sum |theta| + c2/2 sum theta^2 of one W or b. Shapes: P ()."""
    c1, c2 = strengths(penalty)
    sizes = abs(theta).sum() * c1 if c1 else None
    squares = (theta * theta).sum() * (0.5 * c2) if c2 or not c1 else None
    return sizes if squares is None else squares if sizes is None else sizes + squares


def penalty_slope(penalty: Given, theta: Numbers) -> Numbers:
    """P' = c1 sign(theta) + c2 theta. Shapes: as theta."""
    c1, c2 = strengths(penalty)
    signs = sign(theta) * c1 if c1 else None
    drawn = theta * c2 if c2 or not c1 else None
    return signs if drawn is None else drawn if signs is None else signs + drawn


def sign(theta: Numbers, at_zero: float = 0.0) -> Numbers:
    """1, -1, or what it is at 0. Shapes: as theta."""
    return positive(theta, 1.0, positive(-theta, -1.0, at_zero))


def norm(gradients: Sequence[Numbers]) -> Numbers:
    """|g| over all entries of all gradients, added up in any order or as the norm of
    their norms. Shapes: |g| ().
    """
    squares = [(g * g).sum() for g in gradients]
    norms = [root(each) for each in squares]
    flat = root(total(squares))
    nested = root(total([each * each for each in norms]))
    # a number that is off by as much as either
    return flat + (nested - flat)


def total(numbers: Sequence[Numbers]) -> Numbers:
    """Their sum, first to last."""
    first, *others = numbers
    return sum(others, start=first)


def share(limit: float, length: Numbers, tiny: float = TINY) -> Numbers:
    """min(1, limit / (|g| + 1e-6)). Shapes: ()."""
    return at_most_1(length.lift(limit) / (length + tiny))


def at_most_1(number: Numbers) -> Numbers:
    """min(1, the number)."""
    return -(-number).maximum(-1.0)


def cut(g: Numbers, limit: float) -> Numbers:
    """min(max(g, -limit), limit). Shapes: as g."""
    return -(-g.maximum(-limit)).maximum(-limit)


def clipped(clip: tuple[str, float], gradients: Mapping[Any, Numbers], part: Any) -> Numbers:
    """The gradient of one of the parts as the update reads it. Shapes: as the part."""
    name, limit = clip
    if name == "value":
        return cut(gradients[part], limit)
    return gradients[part] * share(limit, norm(list(gradients.values())))
