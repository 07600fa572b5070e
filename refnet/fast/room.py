"""Room for what a step computes on its way: made once, for the largest batch."""

from typing import Any, NamedTuple

import numpy as np

from refnet.checks import Array


class Room(NamedTuple):
    """A few numbers for each row of a batch of n rows, one spare array, and what the
    settings of a loss give each of its k outputs.

    Shapes: (n,) where nothing else is said; the columns are (n, 1) views of top, total
        and share, which broadcast along rows; `spare` is (n, fan_out) of the layer that
        has this room, an array of `columns` (k,); zero, one and rows are ().
    """

    top: Array  # the largest z, or the target of the label
    top_column: Array
    total: Array  # the sum of exp(z - top), its log, or another sum
    total_column: Array
    share: Array  # what the row counts for: s / D
    share_column: Array
    costs: Array  # the row's own part of C
    picked: Array  # the entry at the label
    start: Array  # k times the row: where it starts in the flat array
    at: Array  # where one entry of the row stands in the flat array
    spare: Array  # free between two calls of a loss or pullback; all layers share it
    # in the network's dtype: a Python number is converted anew in every call, which
    # takes as long as the sum of 1,000 entries
    zero: Array
    one: Array
    rows: Array  # n
    columns: tuple[Array, ...] = ()

    def of(self, rows: int, width: int) -> "Room":
        """That of the first rows of a layer with so many outputs."""
        each: dict[str, Any] = {name: getattr(self, name)[:rows] for name in _PER_ROW}
        spare = self.spare[: rows * width].reshape(rows, width)
        return self._replace(**each, spare=spare, rows=np.array(rows, self.one.dtype))


_PER_ROW = (
    *("top", "top_column", "total", "total_column", "share", "share_column"),
    *("costs", "picked", "start", "at"),
)


def make_room(rows: int, widest: int, columns: tuple[Array, ...], outputs: int, dtype: Any) -> Room:
    """That for so many rows of the widest layer, whose spare array is flat."""
    top, total, share, costs, picked = (np.empty(rows, dtype) for _ in range(5))
    return Room(
        top=top,
        top_column=top[:, np.newaxis],
        total=total,
        total_column=total[:, np.newaxis],
        share=share,
        share_column=share[:, np.newaxis],
        costs=costs,
        picked=picked,
        start=np.arange(rows) * outputs,
        at=np.empty(rows, np.intp),
        spare=np.empty(rows * widest, dtype),
        zero=np.zeros((), dtype),
        one=np.ones((), dtype),
        rows=np.array(rows, dtype),
        columns=columns,
    )
