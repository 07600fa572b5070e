"""When to stop: the rule that `fit` asks after each epoch, and two such rules."""

from typing import Protocol, runtime_checkable

from refnet.checks import Array, counted, integer, number
from refnet.history import Epoch
from refnet.network import Network


@runtime_checkable
class Stop(Protocol):
    """A rule that stops `fit`: asked after each epoch, and called at the end."""

    def start(self, validated: bool) -> None:
        """Called before the first epoch."""

    def reason(self, net: Network, epoch: Epoch) -> str | None:
        """Why to stop now, or None to go on."""

    def finish(self, net: Network) -> None:
        """Called at the end: after the last epoch, or where an exception ends `fit`."""


class EarlyStopping:
    """Stop when the validation loss has not fallen below its best by more than
    min_delta for `patience` epochs; restore the best weights, also where training
    diverges. A training that is resumed is watched anew: the best of earlier epochs is
    forgotten.

    Shapes: scalars; patience in epochs.
    Torch: none.
    Errors: ValueError for patience < 1, min_delta < 0, or `fit` without validation.
    Source: Prechelt, Early stopping - but when? (1998).
    """

    def __init__(self, patience: int = 10, min_delta: float = 0.0) -> None:
        self.patience = integer("EarlyStopping", "patience", patience, low=1)
        self.min_delta = number("EarlyStopping", "min_delta", min_delta, low=0.0)

    def start(self, validated: bool) -> None:
        """Forget an earlier training."""
        if not validated:
            raise ValueError("EarlyStopping: fit has no validation, expected validation=(x, y)")
        self.best, self.best_epoch, self._epochs = float("inf"), 0, 0
        self._weights: Array | None = None

    def reason(self, net: Network, epoch: Epoch) -> str | None:
        """Why to stop now, or None to go on."""
        if self._epochs == 0:  # a resumed training is numbered on
            self.best_epoch = epoch.number - 1
        self._epochs += 1
        if epoch.validation_loss is not None and epoch.validation_loss < self.best - self.min_delta:
            self.best, self.best_epoch = epoch.validation_loss, epoch.number
            self._weights = net.parameters.copy()
        if epoch.number - self.best_epoch >= self.patience:
            if self._weights is None:
                return f"validation loss never finite in {counted(self._epochs, 'epoch')}"
            ago = counted(self.patience, "epoch")
            return f"validation loss best at epoch {self.best_epoch}, {ago} ago"
        return None

    def finish(self, net: Network) -> None:
        """Put the best weights back, in place."""
        if self._weights is not None:
            net.parameters[:] = self._weights


class Precision:
    """Stop when the training loss changed by less than `threshold` from one epoch to
    the next. A training that is resumed is watched anew, from its second epoch on.

    Shapes: scalars, in units of the loss.
    Torch: none.
    Errors: ValueError for threshold < 0.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
        (adventuresinmachinelearning), section 4.1.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = number("Precision", "threshold", threshold, low=0.0)

    def start(self, validated: bool) -> None:
        """Forget an earlier training."""
        self._last: float | None = None

    def reason(self, net: Network, epoch: Epoch) -> str | None:
        """Why to stop now, or None to go on."""
        last, self._last = self._last, epoch.loss
        if last is not None and abs(epoch.loss - last) < self.threshold:
            return f"loss changed by {abs(epoch.loss - last):.3g}, less than {self.threshold:g}"
        return None

    def finish(self, net: Network) -> None:
        """Nothing to do."""
