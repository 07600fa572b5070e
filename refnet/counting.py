"""The training accuracy, counted from what the steps compute anyway."""

from collections.abc import Iterator

import numpy as np

from refnet.batches import Batch, Data, minibatches
from refnet.blockwise import BLOCK
from refnet.checks import Array
from refnet.fast.workspace import Workspace

ROWS = BLOCK // np.dtype(np.intp).itemsize  # counted at a time: a block of labels


class Counted:
    """The batches of an epoch, and the share of their rows whose label `classify` finds
    before the update of their own batch; None where the targets are no classes.

    The classes of small batches are kept and compared together, as the labels of many
    are found and counted in little more time than those of one.
    """

    def __init__(
        self,
        data: Data,
        batch_size: int | None,
        rng: "np.random.Generator | None",
        workspace: Workspace,
    ) -> None:
        self._data, self._workspace, self._right = data, workspace, 0
        self._rows = minibatches(data.rows, batch_size, rng)

    def __iter__(self) -> Iterator[Batch]:
        return self._batches() if self._data.labels is None else self._counted(self._data.labels)

    def _batches(self) -> Iterator[Batch]:
        for rows in self._rows:
            yield self._data.batch(rows)

    def _counted(self, labels: Array) -> Iterator[Batch]:
        # in local names, as this is done at each step
        workspace, batch = self._workspace, self._data.batch
        room, waiting, filled = np.empty(ROWS, np.intp), list[slice | Array](), 0
        for rows in self._rows:
            yield batch(rows)  # the step on them has been taken when this goes on
            outputs = workspace.outputs
            end = filled + len(outputs)
            if end > ROWS:
                self._count(waiting, room, labels)
                waiting, filled, end = [], 0, len(outputs)
                if end > ROWS:  # a large one is counted at once
                    self._count_large(rows, outputs, room, labels)
                    continue
            _classes_into(outputs, room[filled:end])
            waiting.append(rows)
            filled = end
        self._count(waiting, room, labels)

    def _count(self, batches: list[slice | Array], classes: Array, labels: Array) -> None:
        for given in _at(labels, batches) if batches else ():
            self._right += int(np.count_nonzero(classes[: len(given)] == given))

    def _count_large(self, rows: slice | Array, outputs: Array, room: Array, labels: Array) -> None:
        start = 0
        for given in _at(labels, [rows]):
            end = start + len(given)
            _classes_into(outputs[start:end], room[: len(given)])
            self._right += int(np.count_nonzero(room[: len(given)] == given))
            start = end

    @property
    def accuracy(self) -> float | None:
        """The share, after the last batch."""
        return None if self._data.labels is None else self._data.share(self._right)


def _classes_into(outputs: Array, classes: Array) -> None:
    """What `classify` finds of each row."""
    if outputs.shape[1] > 1:
        outputs.argmax(axis=1, out=classes)
    else:
        classes[...] = outputs[:, 0] > 0.0


def _at(labels: Array, batches: list[slice | Array]) -> Iterator[Array]:
    """The labels of the rows of some batches, a block at a time."""
    first, last = batches[0], batches[-1]
    if isinstance(first, slice) and isinstance(last, slice):  # in their own order
        of_batches = labels[first.start : last.stop]
        yield from (of_batches[start : start + ROWS] for start in range(0, len(of_batches), ROWS))
        return
    each = [rows for rows in batches if isinstance(rows, np.ndarray)]
    order = each[0] if len(each) == 1 else np.concatenate(each)
    yield from (labels[order[start : start + ROWS]] for start in range(0, len(order), ROWS))
