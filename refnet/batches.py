"""x and y, checked, and how they are split into mini-batches."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Sigmoid
from refnet.checks import Array, chunks, counted, integer
from refnet.frames import Columns, columns_of
from refnet.losses import Loss, checked
from refnet.losses.loss import takes_weights
from refnet.network import Network


def minibatches(
    rows: int, batch_size: int | None, rng: "np.random.Generator | None"
) -> Iterator[slice | Array]:
    """The rows of each mini-batch of one epoch: every row once, in the order of a
    permutation drawn from `rng`, or in their own order where rng is None.

    The last batch is smaller where batch_size does not divide rows. batch_size None is
    one batch of all rows, never shuffled.

    Shapes: slices, or index vectors (batch_size,).
    Torch: torch.utils.data.DataLoader(shuffle=True, drop_last=False).
    Errors: TypeError or ValueError where rows or batch_size is no integer >= 1, or rng
        no generator.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 8.1.3.
    """
    rows = integer("minibatches", "rows", rows, low=1)
    if rng is not None and not hasattr(rng, "permutation"):
        raise TypeError(
            f"minibatches: rng has type {type(rng).__name__}, expected a numpy.random.Generator "
            f"or None"
        )
    if batch_size is None:
        return iter([slice(0, rows)])
    return _minibatches(rows, integer("minibatches", "batch_size", batch_size, low=1), rng)


def _minibatches(
    rows: int, batch_size: int, rng: "np.random.Generator | None"
) -> Iterator[slice | Array]:
    order = None if rng is None else rng.permutation(rows)
    for start in range(0, rows, batch_size):
        end = min(start + batch_size, rows)
        yield slice(start, end) if order is None else order[start:end]


class Rows:
    """An array read batch by batch, in a dtype: a slice of rows that lie in memory one
    after the other in that dtype is a view; all else is copied into one buffer.
    """

    def __init__(self, array: Array, dtype: np.dtype[Any]) -> None:
        self._array, self._dtype = array.view(), dtype
        self._array.flags.writeable = False  # it may be the user's own
        self._as_is = array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned
        self._room: Array | None = None

    def __getitem__(self, rows: slice | Array) -> Array:
        if isinstance(rows, slice):
            part = self._array[rows]
            return part if self._as_is else self._filled(part)
        if self._as_is:  # mode "clip" writes into out, "raise" into a copy first
            return self._array.take(rows, axis=0, out=self._room_for(len(rows)), mode="clip")
        return self._filled(self._array[rows])

    def _filled(self, part: Array) -> Array:
        room = self._room_for(len(part))
        room[...] = part
        return room

    def _room_for(self, rows: int) -> Array:
        # one buffer for all batches, so each is valid until the next; the first is the
        # largest
        if self._room is None:
            self._room = np.empty((rows, *self._array.shape[1:]), self._dtype)
        return self._room[:rows]


Batch: TypeAlias = tuple[Array, Array, Array | None]  # x, y, and the weights of the rows


class Data:
    """x and y, checked, in batches of the network's dtype. The columns of a frame x are
    compared with `columns`, by default the network's own.
    """

    def __init__(
        self,
        net: Network,
        loss: Loss,
        x: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        columns: Columns | None = None,
    ) -> None:
        inputs = net.check_inputs(x, columns)
        self.rows, self.columns = len(inputs), columns_of(x)
        targets = net.check_targets(loss, _column(net, loss, y, self.rows), self.rows)
        dtype = targets.dtype if targets.ndim == 1 else net.dtype
        self._x, self._y = Rows(inputs, net.dtype), Rows(targets, dtype)
        weights = net.check_weights(sample_weight, self.rows)
        if weights is not None:
            takes_weights(loss)
        self._weights = None if weights is None else Rows(weights, net.dtype)
        # a single output says yes or no, unless it is a value
        yes_no = loss.reads != "values" or isinstance(net.layers[-1].activation, Sigmoid)
        ignored = getattr(loss, "ignore_index", None)
        self.labels = _labels(targets, dtype, yes_no, ignored)
        self._labelled = self.rows if ignored is None else int(np.sum(self.labels != -1))

    def largest(self, batch_size: int | None) -> int:
        """The rows of the largest batch."""
        return min(batch_size or self.rows, self.rows)

    def batch(self, rows: slice | Array) -> Batch:
        """x, y and weights of some rows, valid until the next ones."""
        weights = None if self._weights is None else self._weights[rows]
        return self._x[rows], self._y[rows], weights

    def judge(self, net: Network, loss: Loss) -> tuple[float, float | None]:
        """The loss and, where the targets are classes, the accuracy of the network on
        all rows.
        """
        x, y = self._x[:], self._y[:]
        # the loss shows an overflow by itself, as inf or nan
        with np.errstate(all="ignore"):
            value = checked(loss).value(net.predict(x), y)
            if self.labels is None:
                return value, None
            return value, self.share(int(np.count_nonzero(net.classify(x) == self.labels)))

    def share(self, right: int) -> float | None:
        """The accuracy, where the label of so many rows was found: their share of the
        rows whose label is not ignored; None where every label is.
        """
        return right / self._labelled if self._labelled else None


def held_out_data(
    net: Network, loss: Loss, pair: tuple[ArrayLike, ArrayLike], columns: Columns | None
) -> Data:
    """The validation pair (x, y), checked; its errors start with "validation". A frame
    x must have the columns of the training's.
    """
    if not isinstance(pair, tuple | list):
        raise TypeError(f"fit: validation has type {type(pair).__name__}, expected a pair (x, y)")
    if len(pair) != 2:
        shown = counted(len(pair), "entry", "entries")
        raise TypeError(f"fit: validation has {shown}, expected a pair (x, y)")
    try:
        return Data(net, loss, *pair, columns=columns)
    except (ValueError, TypeError) as error:
        raise type(error)(f"validation: {error}") from error


def _column(net: Network, loss: Loss, y: ArrayLike, rows: int) -> ArrayLike:
    """y (n,) as (n, 1), where the one output has a target for each row."""
    if net.sizes[-1] != 1 or not loss.targets_like_outputs:
        return y
    try:
        array = np.asanyarray(y)  # a masked or memory-mapped array stays one
    except ValueError:  # rows of different lengths, which the loss refuses
        return y
    return array[:, np.newaxis] if array.shape == (rows,) else y


def _labels(y: Array, dtype: np.dtype[Any], yes_no: bool, ignored: int | None) -> Array | None:
    """The classes that targets, read in `dtype`, mean: labels, one-hot rows, or the 0
    and 1 of a single output that says yes or no, with -1 for the label that is ignored;
    None where they mean none.
    """
    if y.ndim == 1:
        labels = y if ignored is None else np.where(y == ignored, -1, y)
        return labels if labels.dtype.kind in "iu" else None
    if y.shape[1] == 1 and not yes_no:
        return None
    labels = np.empty(len(y), np.intp)
    for start, part in chunks(y):
        of_part = _labels_of_rows(part.astype(dtype, copy=False))
        if of_part is None:
            return None
        labels[start : start + len(part)] = of_part
    return labels


def _labels_of_rows(y: Array) -> Array | None:
    """The column of the one 1 of each row of 0 and 1; of a single column, the 0 or
    1.
    """
    ones = y == 1.0
    if not (ones | (y == 0.0)).all():
        return None
    if y.shape[1] == 1:
        return ones[:, 0]
    return ones.argmax(axis=1) if (np.count_nonzero(ones, axis=1) == 1).all() else None
