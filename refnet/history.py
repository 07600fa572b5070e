"""What `fit` did: its steps and epochs, as callbacks get them, and their history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from refnet import notebook
from refnet.checks import Array, counted
from refnet.passes import Gradients, Trace


class Step(NamedTuple):
    """One step of `fit`, as `on_step` gets it, after the update.

    The arrays are valid during the call: copy what you keep. x and y cannot be written
    into, as they may be the arrays that were given to `fit`. `before` is the flat
    parameter vector before the update. The gradients are those of the loss with its
    penalty, before they are clipped; the trace has the masks of dropout.
    """

    epoch: int  # from 1 on
    batch: int  # from 1 on, within the epoch
    x: Array
    y: Array
    trace: Trace
    loss: float
    gradients: Gradients
    lr: float
    before: Array
    sample_weight: Array | None = None


class Epoch(NamedTuple):
    """One epoch of `fit`, as `on_epoch` gets it.

    `loss` is the mean over the rows, each with the weight that the loss gives it, or
    with reduction="sum" the sum of what the steps give; it has the penalty, and
    `validation_loss` has none. `accuracy` is the share of the rows that
    Network.classify gives their label, where the targets are classes, whatever their
    weights and without those ignored. Each batch is taken before its own update.
    """

    number: int  # from 1 on
    of: int
    loss: float
    lr: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None  # where the targets are classes
    accuracy: float | None = None


class Reached(NamedTuple):
    """How far a training came: what `fit` goes on from, given its history."""

    seed: int
    shuffle: bool
    generator: Mapping[str, Any]  # the state of its bit generator after the last epoch
    optimizer: Any
    steps: int  # the optimizer's


@dataclass
class History:
    """What `fit` did: one Epoch each, and why it ended.

    Given to `fit` as `resume`, it is where a training goes on. For that, `reached`
    keeps the state of the generator and the optimizer itself; a network and its history
    that are saved in a file together, or pickled, go on in another process.
    """

    epochs: list[Epoch] = field(default_factory=list)
    stopped: str = "all epochs done"
    reached: Reached | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return (
            f"<History of {counted(len(self.epochs), 'epoch')}, last loss "
            f"{self.loss[-1] if self.epochs else None}; {self.stopped}>"
        )

    @property
    def loss(self) -> list[float]:
        """The training loss of each epoch."""
        return [epoch.loss for epoch in self.epochs]

    @property
    def accuracy(self) -> list[float | None]:
        """The training accuracy of each epoch, None where targets are no classes."""
        return [epoch.accuracy for epoch in self.epochs]

    @property
    def validation_loss(self) -> list[float | None]:
        """The validation loss of each epoch, None without validation."""
        return [epoch.validation_loss for epoch in self.epochs]

    @property
    def validation_accuracy(self) -> list[float | None]:
        """The validation accuracy of each epoch, None without validation or where
        targets are no classes.
        """
        return [epoch.validation_accuracy for epoch in self.epochs]

    @property
    def lr(self) -> list[float]:
        """The learning rate of each epoch."""
        return [epoch.lr for epoch in self.epochs]

    def going_on(self, epochs: int) -> "History":
        """A history that starts with these epochs, of which there will be `epochs`
        more.
        """
        of = len(self.epochs) + epochs
        return History([epoch._replace(of=of) for epoch in self.epochs])

    def _repr_html_(self) -> str:
        losses: dict[str, Sequence[float | None]] = {
            "loss": self.loss,
            "validation_loss": self.validation_loss,
        }
        return notebook.framed(
            notebook.heading(f"{self!r}"[1:-1]), self._ends(), notebook.curves(losses)
        )

    def _ends(self) -> str:
        """The first and the last epochs as a table of HTML."""
        count, ends = len(self.epochs), notebook.ENDS
        last = self.epochs[max(ends, count - ends) :]
        shown = History([*self.epochs[:ends], *last]).table()
        rows = [[_short(cell) for cell in row.values()] for row in shown]
        if count > len(rows):
            rows.insert(ends, ["..."] * len(rows[0]))
        return notebook.table([*shown[0]], rows, len(rows), words=()) if shown else ""

    def table(self) -> list[dict[str, float | None]]:
        """A dict for each epoch, for `pandas.DataFrame(history.table())`: epoch, loss,
        accuracy, lr, validation_loss and validation_accuracy, without those that are
        None in every epoch.
        """
        rows = [{name: getattr(epoch, shown) for name, shown in _TABLE} for epoch in self.epochs]
        given = {name for row in rows for name, value in row.items() if value is not None}
        return [{name: row[name] for name in row if name in given} for row in rows]


# the columns of a table, and the fields of Epoch that they show
_TABLE = (
    ("epoch", "number"),
    ("loss", "loss"),
    ("accuracy", "accuracy"),
    ("lr", "lr"),
    ("validation_loss", "validation_loss"),
    ("validation_accuracy", "validation_accuracy"),
)


def _short(cell: float | None) -> str:
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
