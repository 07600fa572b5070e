"""x and y, checked, and how they are split into mini-batches."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Sigmoid
from refnet.checks import Array, integer
from refnet.losses import Loss, checked
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
    """x and y, checked, in batches of the network's dtype."""

    def __init__(
        self,
        net: Network,
        loss: Loss,
        x: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        inputs = net.check_inputs(x)
        targets = net.check_targets(loss, y, len(inputs))
        self.rows = len(inputs)
        self._x, self._y = (
            Rows(inputs, net.dtype),
            Rows(targets, targets.dtype if targets.ndim == 1 else net.dtype),
        )
        weights = net.check_weights(sample_weight, self.rows)
        self._weights = None if weights is None else Rows(weights, net.dtype)

    def largest(self, batch_size: int | None) -> int:
        """The rows of the largest batch."""
        return min(batch_size or self.rows, self.rows)

    def minibatches(
        self, batch_size: int | None, rng: "np.random.Generator | None"
    ) -> Iterator[Batch]:
        """x, y and weights of each mini-batch of an epoch, valid until the next one."""
        for rows in minibatches(self.rows, batch_size, rng):
            weights = None if self._weights is None else self._weights[rows]
            yield self._x[rows], self._y[rows], weights

    def judge(self, net: Network, loss: Loss) -> tuple[float, float | None]:
        """The loss and, where the targets are classes, the accuracy of the network on
        all rows.
        """
        x, y = self._x[:], self._y[:]
        labels = _labels(
            y, yes_no=loss.reads != "values" or isinstance(net.layers[-1].activation, Sigmoid)
        )
        # the loss shows an overflow by itself, as inf or nan
        with np.errstate(all="ignore"):
            value = checked(loss).value(net.predict(x), y)
            return value, None if labels is None else net.accuracy(x, labels)


def held_out_data(net: Network, loss: Loss, pair: tuple[ArrayLike, ArrayLike]) -> Data:
    """The validation pair (x, y), checked; its errors start with "validation"."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"fit: validation has type {type(pair).__name__}, expected a pair (x, y)")
    try:
        return Data(net, loss, *pair)
    except (ValueError, TypeError) as error:
        raise type(error)(f"validation: {error}") from error


def _labels(y: Array, yes_no: bool) -> Array | None:
    """The classes that targets mean: labels, one-hot rows, or the 0 and 1 of a single
    output that says yes or no; None where they mean none.
    """
    if y.ndim == 1:
        return y
    if not ((y == 0.0) | (y == 1.0)).all():
        return None
    if y.shape[1] == 1:
        return y[:, 0].astype(np.intp) if yes_no else None
    return y.argmax(axis=1) if (y.sum(axis=1) == 1.0).all() else None
