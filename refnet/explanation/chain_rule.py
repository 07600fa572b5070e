"""The section about one weight: its derivative by the chain rule, path by path."""

from collections.abc import Iterator, Sequence
from itertools import chain, count, pairwise
from math import isfinite

from refnet.explanation.figures import product, total
from refnet.explanation.lines import ComputedStep
from refnet.explanation.parts import Formula, Line, Part, Section, Words
from refnet.explanation.paths import (
    Path,
    Paths,
    Weight,
    downwards,
    exact_sum,
    followed,
    last_factor,
    local_derivatives,
    mixes,
    steps_down,
)
from refnet.explanation.telling import Story


def weight_section(story: Story, weight: Weight) -> Section:
    """The chain rule for one weight: the general sum, the paths with their numbers,
    their sum, and the entry from BP4 or BP3.
    """
    paths = followed(story.step, weight)
    label, symbol = (
        ("BP3", f"db^{weight.layer}") if weight.column is None else ("BP4", f"dW^{weight.layer}")
    )
    entry = weight.entry_of(story.step.gradients[weight.layer - 1])
    parts: tuple[Part, ...] = (
        Words(_who(weight)),
        Words(_how_many(story.step, weight, paths)),
        *_path_lines(story, weight, paths),
        *_sums(story, weight, paths),
        Words(
            f"{label} finds this number without walking a path{_apart(story, paths.sum, entry)}:"
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
    layers = range(depth, weight.layer - 1, -1)
    for l, i, j in zip(layers, named[::2], named[1::2], strict=True):
        stations += [f"a^{l}_{i}", f"z^{l}_{j}"]
    return [f"d{above}/d{below}" for above, below in pairwise([*stations, weight.symbol])]


def _numbers(step: ComputedStep, weight: Weight, path: Path) -> list[float]:
    """The factors of a path as numbers, in the same order."""
    depth, row = len(step.net.layers), path.row
    numbers = [float(step.grad_output[row, path.units[0]])]
    for l, i, j in zip(downwards(step, weight), path.units[::2], path.units[1::2], strict=True):
        local = local_derivatives(step, l, row)
        numbers.append(float(local[i] if local.ndim == 1 else local[i, j]))
        if l > weight.layer:
            numbers.append(float(steps_down(step, l, row)[path.units[2 * (depth - l) + 2], j]))
    return [*numbers, last_factor(step, weight, row)]


def _chain_rule(step: ComputedStep, weight: Weight) -> Formula:
    """dC/dweight as the sum over all paths, with a letter for each unit that varies."""
    over = "rows and paths" if len(step.x) > 1 else "paths"
    factors = " * ".join(_factors(weight, len(step.net.layers), _lettered_units(step, weight)))
    source = (
        "Nielsen, Neural Networks and Deep Learning, chapter 2, Backpropagation: the big picture"
    )
    return Formula(f"dC/d{weight.symbol} = sum over {over} of {factors}", source)


def _lettered_units(step: ComputedStep, weight: Weight) -> list[int | str]:
    """The units of any path, a^l and z^l of each layer downwards: the weight's own row
    at its z, else a letter. An elementwise f has one unit for both.
    """
    units: list[int | str] = []
    letters = _letters()
    for l in downwards(step, weight):
        own = l == weight.layer
        if mixes(step, l):
            units += [next(letters), weight.row if own else next(letters)]
        else:
            units += [weight.row if own else next(letters)] * 2
    return units


def _letters() -> Iterator[str]:
    """i, j, ..., v, i2, j2, ..., without l, which is a layer, n, the rows, and o, which
    looks like 0.
    """
    for again in chain([""], count(2)):
        yield from (f"{letter}{again}" for letter in "ijkmpqrstuv")


def _how_many(step: ComputedStep, weight: Weight, paths: Paths) -> str:
    if paths.count == 1:
        return "There is one path from C to this weight."
    choices, notes = [(len(step.x), "rows of the batch")], ""
    for l in downwards(step, weight):
        dense = step.net.layers[l - 1]
        if mixes(step, l):
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
        kept = exact_sum([path.product for path in paths.kept])
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
