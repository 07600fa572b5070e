"""One weight's derivative by the chain rule, summed over all paths from C down to it.

A path goes through one unit of each layer above, and through two where f mixes the
units of a row, as softmax does: a^L_i, z^L_j. There are as many as the widths multiply
to, so nobody walks them all. What is kept at each unit on the way down are the largest
products that arrive there and the sum of the others; the next factor multiplies both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum, isfinite
from typing import NamedTuple

import numpy as np

from refnet.activations import Elementwise
from refnet.checks import Array
from refnet.explanation.figures import product, total
from refnet.explanation.lines import Step
from refnet.explanation.parts import Formula, Line, Part, Section, Words
from refnet.explanation.telling import Story

ALL = 12  # as many paths are all told, of more the largest FEW
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
        return _sum([*(path.product for path in self.kept), self.rest])


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


def followed(step: Step, weight: Weight) -> Paths:
    """All paths to the weight, from every row of the batch."""
    rows = len(step.x)
    count = rows * _paths_per_row(step, weight.layer)
    keep = ALL if count <= ALL else FEW
    found: list[Path] = []
    rest, live = [], 0
    for row in range(rows):
        arrivals = _down(step, weight, row, keep, count)
        last = float(_last_factor(step, weight, row))
        products = arrivals.products[0] * last
        found += [
            Path(row, tuple(map(int, u)), float(p))
            for u, p in zip(arrivals.units[0], products, strict=True)
        ]
        rest.append(float(arrivals.rest[0]) * last)
        live += int(arrivals.live[0]) * (last != 0.0)
    if count <= ALL:
        return Paths(count, live, tuple(sorted(found)), 0.0)
    found.sort(key=lambda path: -abs(path.product))
    return Paths(
        count, live, tuple(found[:keep]), _sum([*(path.product for path in found[keep:]), *rest])
    )


def _sum(terms: Sequence[float]) -> float:
    """The exact sum rounded once; inf or nan where terms, or sums of some, leave the
    range.
    """
    try:
        return fsum(terms)
    except (OverflowError, ValueError):
        return sum(terms)


def _paths_per_row(step: Step, layer: int) -> int:
    count = 1
    for l in range(len(step.net.layers), layer - 1, -1):
        dense = step.net.layers[l - 1]
        mixes = not isinstance(dense.activation, Elementwise)
        count *= (dense.fan_out if mixes else 1) * (dense.fan_out if l > layer else 1)
    return count


def _down(step: Step, weight: Weight, row: int, keep: int, count: int) -> _Arrivals:
    """What arrives at the z that the weight leads to."""
    depth = len(step.net.layers)
    units, _ = _wanted(step, weight, depth)
    grad_a = step.grad_output[row, units].astype(np.float64)
    ones = np.ones(len(units), np.int64 if count < 2**63 else object)
    arrivals = _Arrivals(
        grad_a[:, None], units[:, None, None], np.zeros_like(grad_a), ones * (grad_a != 0.0)
    )
    for l in range(depth, weight.layer - 1, -1):
        local, (at_a, at_z) = local_derivatives(step, l, row), _wanted(step, weight, l)
        arrivals = (
            arrivals.straight(local[at_a])
            if local.ndim == 1
            else arrivals.through(local.T, at_z, keep)
        )
        if l > weight.layer:
            at_a, _ = _wanted(step, weight, l - 1)
            arrivals = arrivals.through(step.net.layers[l - 1].W.T.astype(np.float64), at_a, keep)
    return arrivals


def _wanted(step: Step, weight: Weight, l: int) -> tuple[Array, Array]:
    """The units a^l and z^l that paths to the weight go through: in its own layer one
    z, and one a unless f mixes the units.
    """
    dense = step.net.layers[l - 1]
    at_z = np.array([weight.row]) if l == weight.layer else np.arange(dense.fan_out)
    return at_z if isinstance(dense.activation, Elementwise) else np.arange(dense.fan_out), at_z


def local_derivatives(step: Step, l: int, row: int) -> Array:
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


def _last_factor(step: Step, weight: Weight, row: int) -> float:
    """dz^l_row/dweight: the input of the weight, or 1 for a bias."""
    return (
        1.0
        if weight.column is None
        else float(step.trace[weight.layer - 1].a_prev[row, weight.column])
    )


# The section about it


def weight_section(story: Story, weight: Weight) -> Section:
    """The chain rule for one weight: the general sum, the paths with their numbers,
    their sum, and the entry from BP4 or BP3.
    """
    paths = followed(story.step, weight)
    label, symbol = (
        ("BP3", f"db^{weight.layer}") if weight.column is None else ("BP4", f"dW^{weight.layer}")
    )
    gradient = story.step.gradients[weight.layer - 1]
    entry = (
        gradient.db[weight.row] if weight.column is None else gradient.dW[weight.row, weight.column]
    )
    parts: tuple[Part, ...] = (
        Words(_who(weight)),
        Words(_how_many(story.step, weight, paths)),
        *_path_lines(story, weight, paths),
        *_sums(story, weight, paths),
        Words(
            f"{label} finds this number without walking a "
            f"path{_apart(story, paths.sum, float(entry))}:"
        ),
        story.line(f"{symbol}_{weight.index}", "", entry),
        Words(_moral(paths)),
    )
    return Section(
        f"One weight: ${weight.symbol}$ by the chain rule",
        parts,
        (_chain_rule(story.step, weight),),
    )


def _apart(story: Story, walked: float, entry: float) -> str:
    """How far the two are apart, where it can be seen."""
    if not isfinite(walked):
        return " and without leaving the range of floats"
    if story.show(walked) == story.show(entry):
        return ""
    apart = story.show(abs(entry - walked))
    return (
        f" but for rounding, as it adds in another order and in {story.step.net.dtype}; here the "
        f"two differ by {apart}"
    )


def _factors(weight: Weight, depth: int, units: Sequence[int | str]) -> list[str]:
    """The names of a path's factors; its units are numbers from 0 on, or letters in the
    general formula.
    """
    named = [unit + 1 if isinstance(unit, int) else unit for unit in units]
    stations = ["C"]
    for l, (i, j) in zip(
        range(depth, weight.layer - 1, -1), zip(named[::2], named[1::2], strict=True), strict=True
    ):
        stations += [f"a^{l}_{i}", f"z^{l}_{j}"]
    return [f"d{above}/d{below}" for above, below in pairwise([*stations, weight.symbol])]


def _numbers(step: Step, weight: Weight, path: Path) -> list[float]:
    """The factors of a path as numbers, in the same order."""
    depth, row = len(step.net.layers), path.row
    numbers = [float(step.grad_output[row, path.units[0]])]
    for l, (i, j) in zip(
        range(depth, weight.layer - 1, -1),
        zip(path.units[::2], path.units[1::2], strict=True),
        strict=True,
    ):
        local = local_derivatives(step, l, row)
        numbers.append(float(local[i] if local.ndim == 1 else local[i, j]))
        if l > weight.layer:
            numbers.append(float(step.net.layers[l - 1].W[j, path.units[2 * (depth - l) + 2]]))
    return [*numbers, _last_factor(step, weight, row)]


def _chain_rule(step: Step, weight: Weight) -> Formula:
    depth = len(step.net.layers)
    letters = iter(
        [f"{letter}{again}" for again in ("", *range(2, depth + 2)) for letter in "ijkmpqrstuv"]
    )
    units: list[int | str] = []
    for l in range(depth, weight.layer - 1, -1):
        mixes = not isinstance(step.net.layers[l - 1].activation, Elementwise)
        above: int | str = weight.row if l == weight.layer and not mixes else next(letters)
        units += [above, above if not mixes else weight.row if l == weight.layer else next(letters)]
    over = "rows and paths" if len(step.x) > 1 else "paths"
    factors = " * ".join(_factors(weight, depth, units))
    source = (
        "Nielsen, Neural Networks and Deep Learning, chapter 2, Backpropagation: the big picture"
    )
    return Formula(f"dC/d{weight.symbol} = sum over {over} of {factors}", source)


def _how_many(step: Step, weight: Weight, paths: Paths) -> str:
    if paths.count == 1:
        return "There is one path from C to this weight."
    choices, notes = [(len(step.x), "rows of the batch")], ""
    for l in range(len(step.net.layers), weight.layer - 1, -1):
        dense = step.net.layers[l - 1]
        if not isinstance(dense.activation, Elementwise):
            choices.append((dense.fan_out, f"units $a^{l}$"))
            notes += (
                f" {type(dense.activation).__name__} makes each $a^{l}$ from every $z^{l}$ of "
                f"its row, so that paths part there too."
            )
        if l > weight.layer:
            choices.append((dense.fan_out, f"units $z^{l}$"))
    product_of_choices = " times ".join(f"{n} {what}" for n, what in choices if n > 1)
    if paths.live < paths.count:
        notes += f" Along {paths.count - paths.live} of them a factor is 0."
    return f"There are {paths.count} paths from C to this weight: {product_of_choices}.{notes}"


def _who(weight: Weight) -> str:
    layer, row = weight.layer, weight.row
    if weight.column is None:
        return (
            f"$b^{layer}_{row + 1}$ is the bias of unit {row + 1} of layer {layer}, "
            f"`net.layers[{layer - 1}].b[{row}]`."
        )
    place = f"`net.layers[{layer - 1}].W[{row}, {weight.column}]`"
    return (
        f"${weight.symbol}$ is the weight to unit {row + 1} of layer {layer} from its input "
        f"{weight.column + 1}, {place}."
    )


def _path_lines(story: Story, weight: Weight, paths: Paths) -> Iterator[Part]:
    depth = len(story.step.net.layers)
    if len(paths.kept) < paths.count:
        yield Words(
            f"The {len(paths.kept)} largest by size:"
            if paths.live
            else f"{len(paths.kept)} of them:"
        )
    for number, path in enumerate(paths.kept, start=1):
        of = f" (row {path.row + 1})" if len(story.step.x) > 1 else ""
        names = " * ".join(_factors(weight, depth, path.units))
        numbers = product(*map(story.show, _numbers(story.step, weight, path))).replace("*", " * ")
        yield Line(f"path {number}{of}", numbers, story.show(path.product), chain=names)


def _sums(story: Story, weight: Weight, paths: Paths) -> Iterator[Part]:
    if len(paths.kept) < paths.count:
        kept = _sum([path.product for path in paths.kept])
        yield story.line(
            f"these {len(paths.kept)}", total(story.show(path.product) for path in paths.kept), kept
        )
        yield story.line(f"the other {paths.count - len(paths.kept)}", "", paths.rest)
        yield story.line(
            f"dC/d{weight.symbol}", total([story.show(kept), story.show(paths.rest)]), paths.sum
        )
    else:
        yield story.line(
            f"dC/d{weight.symbol}",
            total(story.show(path.product) for path in paths.kept),
            paths.sum,
        )


def _moral(paths: Paths) -> str:
    if paths.count == 1:
        return "With one path, its product is the gradient."
    if paths.live == 0:
        return (
            "No path is without a factor 0, so to first order a change of this weight alone does "
            "not change C."
        )
    if paths.live == 1:
        return "One path alone is without a factor 0, so its product is the gradient."
    along = (
        f"all {paths.count} paths"
        if paths.live == paths.count
        else f"the {paths.live} paths without a factor 0"
    )
    return (
        f"A single path is not the gradient: the weight acts on C along {along}, and the "
        f"gradient is their sum. "
        "Backpropagation adds up at each unit what arrives there and passes the sum on once, so "
        "its work grows with the number of "
        "weights, not of paths."
    )
