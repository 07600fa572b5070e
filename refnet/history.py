"""What `fit` did: its steps and epochs, as callbacks get them, and their history."""

from dataclasses import dataclass, field
from typing import NamedTuple

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

    `loss` is the mean over the rows, each batch taken before its own update.
    """

    number: int  # from 1 on
    of: int
    loss: float
    lr: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None  # where the targets are classes


@dataclass
class History:
    """What `fit` did: one Epoch each, and why it ended."""

    epochs: list[Epoch] = field(default_factory=list)
    stopped: str = "all epochs done"

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
