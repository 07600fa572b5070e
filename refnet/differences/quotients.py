"""Difference quotients of C, extrapolated, with the error that is left.

Central differences D(h) = (C(theta + h) - C(theta - h)) / 2h are off by c h^2 + ... and
by rounding of about e / h. Richardson's extrapolation over a ladder of steps h removes
the powers of h one after the other. The error that is left is estimated as the largest
distance to the extrapolations beside it, plus the rounding of C. That supposes steps
small beside what C curves in, so they shrink where they would move a z of a sigmoid,
say, too far.

Where C has a kink within h (ReLU at z = 0, MAE at a = y), a central difference says
nothing about the derivative, and such a step is dropped. Where no step is left, one
side may still tell: ReLU'(0) = 0 is the slope of the branch z <= 0, so backpropagation
gives the one-sided derivative towards a side on which every z at its kink goes down or
stays. The same holds beside a kink, towards the side that leads away from it. One-sided
differences are off by c h + ..., all powers of h, and are extrapolated likewise. Where
neither side stays on the branches that the gradient takes, nothing tells the
derivative. That is so wherever a moving a is equal to y in MAE, as sign(0) = 0 is the
slope of neither branch.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial
from math import inf, isfinite, nan
from typing import NamedTuple

import numpy as np

from refnet.activations import Identity
from refnet.backprop import LayerTrace
from refnet.checks import Array
from refnet.differences.objective import Objective
from refnet.differences.rounding import of_value
from refnet.losses import Loss
from refnet.network import Network

# Steps h, each a quarter of the one before, so h^2 falls by 16. Measured on 4-5-3
# networks of sigmoid and tanh, a step below 2^-11 no longer lowers the estimated error;
# the last one serves where a kink is near.
LADDER = tuple(2.0**-k for k in (5, 7, 9, 11, 13))
# How far a step may move a z of a curved function. The Taylor series of tanh, sigmoid
# and softmax end no nearer than pi/2 away; within a third of that they converge fast.
REACH = 0.5


class Point(NamedTuple):
    """C where one parameter has another value, its rounding, the branch of each kinked
    function, and each z of a curved one.
    """

    cost: float
    rounding: float
    branches: list[Array]
    curved: list[Array]


class Difference(NamedTuple):
    """A derivative by differences, and its estimated error: inf where none tells it."""

    derivative: float
    error: float


def by_differences(
    net: Network, x: Array, objective: Objective, rounding: float
) -> tuple[Array, Array]:
    """Numeric derivative and its estimated error for every parameter; `rounding` is
    that of C.
    """
    theta = net.parameters
    here = objective.cost(net.layers, objective.forward(net.layers, x)[-1].a)

    def point(i: int, value: float) -> Point:
        old, theta[i] = theta[i], value
        trace = objective.forward(net.layers, x)
        cost = objective.cost(net.layers, trace[-1].a)
        corners = objective.corners(net.layers)
        theta[i] = old
        # a larger C rounds more
        more = of_value(trace[-1].a, max(0.0, abs(cost) - abs(here)))
        branches = [*_branches(net, trace, objective), *corners]
        return Point(cost, rounding + more, branches, _curved(net, trace, objective.loss))

    numeric, error = np.empty_like(theta), np.empty_like(theta)
    for i in range(theta.size):
        numeric[i], error[i] = difference(partial(point, i), float(theta[i]))
    return numeric, error


def difference(point: Callable[[float], Point], at: float) -> Difference:
    """dC by central differences, else by those of the side that tells it better."""
    probe = cache(lambda value: _Probe(value, point(value)))
    home, scale = probe(at), _scale(probe, at)
    ahead = [probe(at + scale * h) for h in LADDER]
    behind = [probe(at - scale * h) for h in LADDER]
    central = _extrapolated(home, zip(behind, ahead, strict=True), 16)
    if isfinite(central.error):
        return central
    sides = (_extrapolated(home, ((home, end) for end in side), 4) for side in (ahead, behind))
    return min(sides, key=lambda side: side.error)


class _Probe(NamedTuple):
    at: float
    point: Point

    def continues(self, home: "_Probe") -> bool:
        """Whether C is smooth from `home` to here, as far as both show."""
        pairs = zip(self.point.branches, home.point.branches, strict=True)
        return isfinite(self.point.cost) and all(np.array_equal(a, b) for a, b in pairs)

    def within_reach(self, home: "_Probe") -> bool:
        """Whether no z of a curved function moved further than its series reaches."""
        pairs = zip(self.point.curved, home.point.curved, strict=True)
        return all(bool(((np.abs(a - b) <= REACH) | (a == b)).all()) for a, b in pairs)


def _scale(probe: Callable[[float], _Probe], at: float) -> float:
    """A power of 4 that brings the largest step within reach, 1 where it is."""
    home, scale = probe(at), 1.0
    # it ends: a step too small to move the parameter is within reach, but for NaN
    while isfinite(home.point.cost) and not all(
        probe(at + step * scale).within_reach(home) for step in (LADDER[0], -LADDER[0])
    ):
        scale /= 4.0
    return scale


def _extrapolated(home: _Probe, pairs: Iterable[tuple[_Probe, _Probe]], factor: int) -> Difference:
    """The best extrapolation of the quotients of pairs whose steps fall by 4, of which
    the leading error falls by `factor`.
    """
    # four extrapolations weigh rounding by (f^j + 1) / (f^j - 1) each: by 1.15 in all
    # for f = 16, by 1.97 for f = 4
    weight = 1.15 if factor == 16 else 1.97
    best, above = Difference(nan, inf), list[float]()
    for low, high in pairs:
        width = high.at - low.at  # 0 where the parameter is too large for the step
        if width == 0.0 or not (low.continues(home) and high.continues(home)):
            # a kink within this step is within the larger ones too, seen there or not
            best, above = Difference(nan, inf), []
            continue
        row = [(high.point.cost - low.point.cost) / width]
        rounding = weight * (low.point.rounding + high.point.rounding) / abs(width)
        for j, before in enumerate(above, start=1):
            row.append((factor**j * row[-1] - before) / (factor**j - 1))
            # two quotients may agree by chance, and be off: two extrapolations must too
            if j < len(above):
                left = max(abs(row[-1] - near) for near in (row[-2], before, above[j]))
                best = min(best, Difference(row[-1], left + rounding), key=lambda d: d.error)
        above = row
    return best


def _branches(net: Network, trace: list[LayerTrace], objective: Objective) -> list[Array]:
    """On which branch of its kinked function each number lies; the kink itself belongs
    to the branch whose slope the gradient takes there, else to none.
    """
    branches: list[Array] = [
        step.z > 0.0 if layer.activation.kink_from_left else np.sign(step.z)
        for layer, step in zip(net.layers, trace, strict=True)
        if layer.activation.kink
    ]
    kinks = objective.loss.kinks
    return [*branches, *(np.sign(trace[-1].a - objective.y - kink) for kink in kinks)]


def _curved(net: Network, trace: list[LayerTrace], loss: Loss) -> list[Array]:
    """Each z of a function that is no polynomial: sigmoid, softmax, those of a loss."""
    curved = [
        step.z
        for layer, step in zip(net.layers, trace, strict=True)
        if not (layer.activation.kink or isinstance(layer.activation, Identity))
    ]
    return [*curved, trace[-1].a] if loss.reads == "logits" else curved
