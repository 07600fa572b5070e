"""One weight's derivative by the chain rule, summed over all paths from C down to it.

A path goes through one unit of each layer above, and through two where f mixes the
units of a row, as softmax does: a^L_i, z^L_j. There are as many as the widths multiply
to, so nobody walks them all. What is kept at each unit on the way down are the largest
products that arrive there and the sum of the others; the next factor multiplies both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

import numpy as np

from refnet.activations import Elementwise
from refnet.backprop import LayerGradient
from refnet.checks import Array
from refnet.explanation.lines import ComputedStep

ALL = 12  # up to so many paths, each has a line; of more, the FEW largest have one
FEW = 5


@dataclass(frozen=True)
class Weight:
    """A weight, or a bias where there is no column: the layer from 1 on, row and column
    from 0 on.
    """

    layer: int
    row: int
    column: int | None

    @property
    def index(self) -> str:
        """Its subscript, from 1 on."""
        return f"{self.row + 1}" + ("" if self.column is None else f",{self.column + 1}")

    @property
    def symbol(self) -> str:
        """W^1_2,3 or b^1_2."""
        return f"{'b' if self.column is None else 'W'}^{self.layer}_{self.index}"

    def entry_of(self, gradient: LayerGradient) -> float:
        """dC/dweight, as BP4 or BP3 finds it."""
        if self.column is None and gradient.db is not None:
            return float(gradient.db[self.row])
        return float(gradient.dW[self.row, self.column])


class Path(NamedTuple):
    """One path: the row of the batch, the units from a^L down to z^l, and the product
    of its factors.
    """

    row: int
    units: tuple[int, ...]
    product: float


@dataclass(frozen=True)
class Paths:
    """All paths to a weight: how many, how many without a factor 0, those kept one by
    one, and the sum of the others.
    """

    count: int
    live: int
    kept: tuple[Path, ...]
    rest: float

    @property
    def sum(self) -> float:
        """dC/dweight."""
        return exact_sum([*(path.product for path in self.kept), self.rest])


class _Arrivals(NamedTuple):
    """At some units of a layer, for one row: the largest products (units, kept), the
    units behind them, and the sum of the others.

    `live` counts the paths that arrive without a factor 0.
    """

    products: Array
    units: Array
    rest: Array
    live: Array

    def through(self, factors: Array, wanted: Array, keep: int) -> "_Arrivals":
        """One layer on, to the wanted units: `factors` (units below, units here) are
        the derivatives of here by below.
        """
        factors, below = factors[wanted], len(wanted)
        candidates = (factors[:, :, None] * self.products).reshape(below, -1)
        order = np.argsort(-abs(candidates), axis=1, kind="stable")
        best, others = order[:, :keep], order[:, keep:]
        come = self.units.reshape(-1, self.units.shape[2])[best]
        here = np.broadcast_to(wanted[:, None, None], (*best.shape, 1))
        rest = factors @ self.rest + np.take_along_axis(candidates, others, axis=1).sum(axis=1)
        live = np.dot((factors != 0.0).astype(self.live.dtype), self.live)
        return _Arrivals(
            np.take_along_axis(candidates, best, axis=1),
            np.concatenate([come, here], axis=2),
            rest,
            live,
        )

    def straight(self, slopes: Array) -> "_Arrivals":
        """Through an elementwise f: every unit goes on to itself."""
        units = np.concatenate([self.units, self.units[:, :, -1:]], axis=2)
        return _Arrivals(
            self.products * slopes[:, None], units, self.rest * slopes, self.live * (slopes != 0.0)
        )


@np.errstate(all="ignore")  # a product that overflows is shown as inf
def followed(step: ComputedStep, weight: Weight) -> Paths:
    """All paths to the weight, from every row of the batch."""
    rows = len(step.x)
    number = rows * _paths_per_row(step, weight.layer)
    keep = ALL if number <= ALL else FEW
    paths: list[Path] = []
    others, live = [], 0
    for row in range(rows):
        arrivals = _down(step, weight, row, keep, number)
        last = last_factor(step, weight, row)
        paths += [
            Path(row, tuple(map(int, units)), float(product))
            for units, product in zip(arrivals.units[0], arrivals.products[0] * last, strict=True)
        ]
        others.append(float(arrivals.rest[0]) * last)
        live += int(arrivals.live[0]) * (last != 0.0)
    if number <= ALL:
        return Paths(number, live, tuple(sorted(paths)), 0.0)
    paths.sort(key=lambda path: -abs(path.product))
    rest = exact_sum([*(path.product for path in paths[keep:]), *others])
    return Paths(number, live, tuple(paths[:keep]), rest)


def exact_sum(terms: Sequence[float]) -> float:
    """The exact sum rounded once; inf or nan where terms, or sums of some, leave the
    range.
    """
    try:
        return fsum(terms)
    except (OverflowError, ValueError):
        return sum(terms)


def downwards(step: ComputedStep, weight: Weight) -> range:
    """The layers of a path, from the last to that of the weight."""
    return range(len(step.net.layers), weight.layer - 1, -1)


def mixes(step: ComputedStep, l: int) -> bool:
    """Whether f of layer l makes each a from every z of its row."""
    return not isinstance(step.net.layers[l - 1].activation, Elementwise)


def _paths_per_row(step: ComputedStep, layer: int) -> int:
    paths = 1
    for l in range(len(step.net.layers), layer - 1, -1):
        width = step.net.layers[l - 1].fan_out
        paths *= (width if mixes(step, l) else 1) * (width if l > layer else 1)
    return paths


def _down(step: ComputedStep, weight: Weight, row: int, keep: int, number: int) -> _Arrivals:
    """What arrives at the z that the weight leads to; `number` is that of all paths."""
    depth = len(step.net.layers)
    units, _ = _wanted(step, weight, depth)
    grad_a = step.grad_output[row, units].astype(np.float64)
    # paths multiply beyond int64 in a deep network; Python ints count them there
    ones = np.ones(len(units), np.int64 if number < 2**63 else object)
    arrivals = _Arrivals(
        grad_a[:, None], units[:, None, None], np.zeros_like(grad_a), ones * (grad_a != 0.0)
    )
    for l in downwards(step, weight):
        local, (at_a, at_z) = local_derivatives(step, l, row), _wanted(step, weight, l)
        arrivals = (
            arrivals.straight(local[at_a])
            if local.ndim == 1
            else arrivals.through(local.T, at_z, keep)
        )
        if l > weight.layer:
            at_a, _ = _wanted(step, weight, l - 1)
            arrivals = arrivals.through(steps_down(step, l, row), at_a, keep)
    return arrivals


def _wanted(step: ComputedStep, weight: Weight, l: int) -> tuple[Array, Array]:
    """The units a^l and z^l that paths to the weight go through: in its own layer one
    z, and one a unless f mixes the units.
    """
    dense = step.net.layers[l - 1]
    at_z = np.array([weight.row]) if l == weight.layer else np.arange(dense.fan_out)
    return at_z if isinstance(dense.activation, Elementwise) else np.arange(dense.fan_out), at_z


def local_derivatives(step: ComputedStep, l: int, row: int) -> Array:
    """da_i/dz_j of layer l in one row of the batch: f'(z_i) of each unit, or the whole
    (i, j) where f mixes them.
    """
    f, (_, z, a) = step.net.layers[l - 1].activation, step.trace[l - 1]
    if isinstance(f, Elementwise):
        return f.derivative(z[row : row + 1], a[row : row + 1])[0].astype(np.float64)
    width = z.shape[1]
    alone = np.eye(width, dtype=z.dtype)  # the gradient of a_i by itself, pulled back
    return f.pullback(
        alone,
        np.repeat(z[row : row + 1], width, axis=0),
        np.repeat(a[row : row + 1], width, axis=0),
    ).astype(np.float64)


def steps_down(step: ComputedStep, l: int, row: int) -> Array:
    """dz^l_j/da^(l-1)_k in one row of the batch, as (k, j): W transposed, with dropout
    times the mask.
    """
    W, masks = step.net.layers[l - 1].W.astype(np.float64), step.trace.masks
    mask = masks[l - 1] if masks else None
    return W.T if mask is None else W.T * mask[row][:, np.newaxis].astype(np.float64)


def last_factor(step: ComputedStep, weight: Weight, row: int) -> float:
    """dz^l_row/dweight: the input of the weight, or 1 for a bias."""
    return (
        1.0
        if weight.column is None
        else float(step.trace[weight.layer - 1].a_prev[row, weight.column])
    )
