"""The masks of dropout, drawn into an array that is kept."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from refnet.checks import Array
from refnet.layer import Dense

NUMBERS = 2**13  # drawn at a time; as float64 they fill 64 KiB


class _Piece(NamedTuple):
    """Some entries of a mask, and the numbers that they are made of."""

    numbers: Array
    p: float
    scale: Any  # 1 / (1 - p), in the network's dtype
    mask: Array


class _Batch(NamedTuple):
    """The masks of a batch, and which of their entries are drawn together."""

    masks: tuple[Array | None, ...]
    runs: list[tuple[Array, list[_Piece]]]


class KeptMasks:
    """The masks of all layers for batches of up to `rows` rows, in one vector, layer
    after layer: their numbers are drawn together, as a call costs more than they do.
    """

    def __init__(self, layers: Sequence[Dense], rows: int) -> None:
        self._layers = layers
        self._vector = np.empty(sum(_sizes(layers, rows)), layers[0].W.dtype)
        self._numbers = np.empty(min(self._vector.size, NUMBERS))
        self._batches: dict[int, _Batch] = {}  # by number of rows, sliced once

    def draw(self, rows: int, rng: "np.random.Generator") -> tuple[Array | None, ...]:
        """What Network.draw_masks draws, valid until the next are drawn.

        Shapes: (n, fan_in) for each layer, or None.
        """
        masks, runs = self._batches.get(rows) or self._batch(rows)
        for numbers, pieces in runs:
            rng.random(out=numbers)
            for drawn, p, scale, mask in pieces:
                np.greater_equal(drawn, p, out=mask)
                np.multiply(mask, scale, out=mask)
        return masks

    def _batch(self, rows: int) -> _Batch:
        ends = np.cumsum([0, *_sizes(self._layers, rows)]).tolist()
        masks = tuple(
            self._vector[start:end].reshape(rows, layer.fan_in) if layer.dropout else None
            for layer, (start, end) in zip(self._layers, pairwise(ends), strict=True)
        )
        runs = [
            (self._numbers[: end - start], [*self._pieces(ends, start, end)])
            for start, end in _runs(ends[-1])
        ]
        self._batches[rows] = _Batch(masks, runs)
        return self._batches[rows]

    def _pieces(self, ends: Sequence[int], first: int, last: int) -> Iterator[_Piece]:
        """What each layer has of the entries from first to last."""
        for layer, (start, end) in zip(self._layers, pairwise(ends), strict=True):
            low, high = max(start, first), min(end, last)
            if low < high:
                scale = layer.W.dtype.type(1.0 / (1.0 - layer.dropout))
                numbers = self._numbers[low - first : high - first]
                yield _Piece(numbers, layer.dropout, scale, self._vector[low:high])


def _sizes(layers: Sequence[Dense], rows: int) -> list[int]:
    """How many entries the mask of each layer has."""
    return [rows * layer.fan_in if layer.dropout else 0 for layer in layers]


def _runs(total: int) -> Iterator[tuple[int, int]]:
    """Runs of NUMBERS entries."""
    return ((start, min(start + NUMBERS, total)) for start in range(0, total, NUMBERS))
