"""The mean over shards of a batch of their own means, though they differ in size: over
processes, as DistributedDataParallel averages gradients, or over micro-batches that are
accumulated.
"""

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import Any, TypeAlias

import numpy as np

from parity.mistakes.catalogue.deltas.weights import in_gradient
from parity.mistakes.conditions import averages, both, without_settings
from parity.mistakes.mistake import Catalogue, Mistake
from parity.mistakes.program import StepProgram
from parity.proof.weighing import Weighing
from refnet.checks import Array

SHARDS = Catalogue()
bug = SHARDS.add

Split: TypeAlias = Callable[[int], Array]  # n to the number of each row's shard
IN_TWO = "rows split in two"


def _micro_batches(m: int) -> Split:
    """m rows each, and in the last one the rest, as a DataLoader has them."""
    return lambda n: np.arange(n) // m


def _chunks(k: int) -> Split:
    """Equal parts, and in the last one the rest, as torch.chunk has them."""
    return lambda n: np.arange(n) // ceil(n / k)


def _parts(k: int) -> Split:
    """k parts that differ by one row at most, as np.array_split has them."""
    return lambda n: np.sort(np.arange(n) % k)


def _in_turn(k: int) -> Split:
    """Every k-th row, as DistributedSampler deals them out."""
    return lambda n: np.arange(n) % k


# those of real programs; where n is small, some are the same
SPLITS: dict[str, Split] = {
    IN_TWO: _parts(2),
    **{f"rows split in {k} as evenly as can be": _parts(k) for k in (3, 4)},
    **{f"rows in {k} chunks, the last one smaller": _chunks(k) for k in (3, 4)},
    **{f"micro-batches of {m} rows": _micro_batches(m) for m in (2, 3, 4, 8)},
    **{f"rows dealt out to {k} in turn": _in_turn(k) for k in (2, 3, 4)},
}


def _without_sizes(split: Split) -> Callable[[StepProgram], Weighing]:
    """The weights of the rows in such a mean: n / (k m) in a shard of m rows."""

    def weighing(s: StepProgram) -> Weighing:
        if s.sample_weight is not None:
            return s.weighed(s.y)
        shards = split(int(s.n))
        sizes = np.bincount(shards)
        # whole numbers, so that nothing is rounded here
        whole = float(np.lcm.reduce(sizes))
        t = s.weighed_by(whole / sizes[shards])
        return replace(t, D=s.weighed(s.y).D / s.n * (len(sizes) * whole))

    return weighing


def _everywhere(split: Split) -> Callable[..., Any]:
    other = _without_sizes(split)
    return lambda s, l, right: other(s)


PLACE = both(averages, without_settings("weight", "ignore_index"))

bug(
    id="shards-averaged-without-sizes",
    equation="BP1",
    formula=f"dC/dtheta = 1/k sum over k shards of dC_shard/dtheta, {IN_TWO}",
    happens="Each shard of the batch has the gradient of its own mean, and the mean of these is "
    "taken though the shards differ in size: a row of a small one counts more.",
    why="The mean over all rows is the mean of the shards' means weighted by their sizes: multiply "
    "each shard's loss by its rows and k / n, or sum the losses and divide by n once.",
    where=PLACE,
    hidden=("one sample", "an even number of samples"),
)(in_gradient(_without_sizes(SPLITS[IN_TWO])))

bug(
    id="shards-averaged-without-sizes-in-the-cost-too",
    equation="C",
    formula=f"C = 1/k sum over k shards of C_shard, {IN_TWO}, and delta^L to match",
    happens="Cost and gradient are the mean over shards of their own means though they differ in "
    "size: a row of a small one counts more.",
    why="Which rows count more is an accident of how they were dealt out; the mean over all rows "
    "weights the means of the shards by their sizes.",
    slots=("weighing",),
    where=PLACE,
    hidden=("one sample", "an even number of samples"),
    declarable=True,
)(_everywhere(SPLITS[IN_TWO]))


def _split_otherwise(mistake: Mistake, words: str, split: Split) -> Mistake:
    """The same mistake with other shards."""
    slots = (
        {"BP1": in_gradient(_without_sizes(split))}
        if "BP1" in mistake.slots
        else {"weighing": _everywhere(split)}
    )
    return replace(mistake, formula=mistake.formula.replace(IN_TWO, words), slots=slots, hidden=())


OTHER_SPLITS = tuple(
    _split_otherwise(mistake, words, split)
    for words, split in SPLITS.items()
    for mistake in SHARDS.by_id.values()
    if words != IN_TWO
)
