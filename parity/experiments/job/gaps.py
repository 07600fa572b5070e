"""How far refnet and PyTorch are apart after one training step from equal weights: the
largest absolute differences.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from parity.steps.record import StepRecord
from refnet.checks import Array


class Gaps(NamedTuple):
    """The largest absolute difference of each kind of number.

    NaN where it is not defined: an array is not shown or has another shape, or a number
    is not finite.
    """

    outputs: float = 0.0  # a of the last layer
    activations: float = 0.0  # a of every layer
    gradients: float = 0.0  # dW and db of every layer
    weights: float = 0.0  # W and b of every layer after the step


def gaps_between(ours: StepRecord, theirs: StepRecord) -> Gaps:
    """The gaps between two records of the same step."""
    layers = list(zip(ours.layers, theirs.layers, strict=True))
    activations = [_gap(mine.a, other.a) for mine, other in layers]
    gradients = [  # of what there is: a layer without biases has no db
        _gap(*(getattr(record.layers[l - 1], f"d{name}") for record in (ours, theirs)))
        for name, l in ours.spec.parts
    ]
    return Gaps(activations[-1], _most(activations), _most(gradients), _weights(ours, theirs))


def largest(steps: Iterable[Gaps | None]) -> Gaps:
    """The largest gap of each kind over many steps; NaN where one of them is NaN."""
    return Gaps(*map(_most, zip(Gaps(), *(gaps for gaps in steps if gaps), strict=True)))


def _weights(ours: StepRecord, theirs: StepRecord) -> float:
    if ours.after is None or theirs.after is None:
        return math.nan
    mine, others = ((*record.after.W, *record.after.b) for record in (ours, theirs) if record.after)
    return _most(_gap(a, b) for a, b in zip(mine, others, strict=True))


def _gap(mine: Array | None, other: Array | None) -> float:
    if mine is None or other is None or mine.shape != other.shape:
        return math.nan
    # float64 holds the difference of two float32 numbers near each other exactly
    with np.errstate(invalid="ignore", over="ignore"):
        gap = float(np.abs(mine.astype(np.float64) - other.astype(np.float64)).max())
    return gap if math.isfinite(gap) else math.nan


def _most(numbers: Iterable[float]) -> float:
    return float(np.max(list(numbers)))  # Python's max can lose a NaN
