"""Training: `fit`, its history, and when to stop."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from refnet.backprop import LayerGradient
from refnet.batches import Data, held_out_data
from refnet.checks import Array, counted, flag, instance, integer, named, number, place
from refnet.fast.threads import one_thread_if_small
from refnet.fast.workspace import Workspace
from refnet.losses import Loss
from refnet.network import Network
from refnet.optimizers import OPTIMIZERS, Optimizer
from refnet.passes import Gradients, Trace


class Step(NamedTuple):
    """One step of `fit`, as `on_step` gets it, after the update.

    The arrays are valid during the call: copy what you keep. x and y cannot be written
    into, as they may be the arrays that were given to `fit`. `before` is the flat
    parameter vector before the update.
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
    diverges.

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
        self.best, self.best_epoch = float("inf"), 0
        self._weights: Array | None = None

    def reason(self, net: Network, epoch: Epoch) -> str | None:
        """Why to stop now, or None to go on."""
        if epoch.validation_loss is not None and epoch.validation_loss < self.best - self.min_delta:
            self.best, self.best_epoch = epoch.validation_loss, epoch.number
            self._weights = net.parameters.copy()
        if epoch.number - self.best_epoch >= self.patience:
            if self._weights is None:
                return f"validation loss never finite in {counted(epoch.number, 'epoch')}"
            ago = counted(self.patience, "epoch")
            return f"validation loss best at epoch {self.best_epoch}, {ago} ago"
        return None

    def finish(self, net: Network) -> None:
        """Put the best weights back, in place."""
        if self._weights is not None:
            net.parameters[:] = self._weights


class Precision:
    """Stop when the training loss changed by less than `threshold` from one epoch to
    the next.

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


def fit(
    net: Network,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | Loss,
    optimizer: str | Optimizer,
    epochs: int,
    batch_size: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    schedule: Callable[[float, int], float] | None = None,
    stop: Stop | Sequence[Stop] | None = None,
    on_step: Callable[[Step], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> History:
    """Gradient descent: for each epoch and mini-batch, forward, BP1 to BP4, one step of
    the optimizer.

    batch_size None is batch gradient descent, never shuffled; 1 is stochastic gradient
    descent; the last batch of an epoch may be smaller and is averaged over its own
    rows. Everything is checked before the first step. `schedule` sets the learning rate
    of each epoch; afterwards the optimizer has the one it started with.

    Besides x and y in the network's dtype, memory holds the gradient, the optimizer's
    state, one batch with its z, a and delta, an index per row, a chunk of x while it is
    checked, and for validation one forward pass of all its rows. x may be a
    numpy.memmap larger than memory; it is read and converted batch by batch.

    Where every product of a step is small, BLAS gets one thread until fit returns, if
    threadpoolctl is installed and no environment variable such as OPENBLAS_NUM_THREADS
    sets a number. With another number of threads the last bits may differ.

    Shapes: x (n, fan_in); y as the loss wants it; validation (x, y) alike.
    Torch: the usual loop: zero_grad, forward, loss, backward, step.
    Errors: ValueError or TypeError for unusable input, with nothing changed;
        FloatingPointError or ValueError at a step that would not be finite, naming
        epoch and batch, with the parameters as they were before that step, or as `stop`
        puts them back.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, the backpropagation
        algorithm.
    """
    loss = _trainable(net, loss)
    optimizer = named("optimizer", Optimizer, OPTIMIZERS, optimizer)
    epochs = integer("fit", "epochs", epochs, low=1)
    batch_size = None if batch_size is None else integer("fit", "batch_size", batch_size, low=1)
    shuffle = flag("fit", "shuffle", shuffle)
    rng = np.random.default_rng(integer("fit", "seed", seed, low=0)) if shuffle else None
    data = Data(net, loss, x, y)
    held_out = None if validation is None else held_out_data(net, loss, validation)
    _check_calls(schedule=schedule, on_step=on_step, on_epoch=on_epoch)
    rules = _started(stop, validated=held_out is not None)
    optimizer.bind(net)
    workspace = Workspace(net, loss, data.largest(batch_size))
    history = History()
    with (
        one_thread_if_small(net, data.largest(batch_size)),
        _finished(rules, net),
        _lr_put_back(optimizer) as lr,
    ):
        for e in range(epochs):
            optimizer.lr = lr if schedule is None else schedule(lr, e)
            if on_epoch is not None and not workspace.is_current():
                workspace = Workspace(net, loss, data.largest(batch_size))
            batches = data.minibatches(batch_size, rng)
            total = _steps(net, optimizer, workspace, batches, e + 1, on_step)
            judged = held_out.judge(net, loss) if held_out else ()
            epoch = Epoch(e + 1, epochs, total / data.rows, optimizer.lr, *judged)
            history.epochs.append(epoch)
            if on_epoch is not None:
                on_epoch(epoch)
            reasons = _reasons(rules, net, epoch)
            if reasons:
                history.stopped = "; ".join(reasons)
                break
    return history


def _trainable(net: Network, loss: str | Loss) -> Loss:
    """The loss, where the network can learn from it and has finite weights."""
    instance("fit", "net", net, Network)
    bad = np.flatnonzero(~np.isfinite(net.parameters))
    if bad.size:
        layer, name, index = net.entry(int(bad[0]))
        entry = f"{net.parameters[bad[0]]} at {place(index)}"
        raise ValueError(
            f"fit: {name} of layer {layer} has {entry}, expected finite weights to start from"
        )
    return net.trainable_with(loss)


@contextmanager
def _finished(rules: Sequence[Stop], net: Network) -> Iterator[None]:
    """Every rule finished, after an exception too: the best weights come back."""
    try:
        yield
    finally:
        for rule in rules:
            rule.finish(net)


@contextmanager
def _lr_put_back(optimizer: Optimizer) -> Iterator[float]:
    lr = optimizer.lr
    try:
        yield lr
    finally:
        optimizer.lr = lr


def _check_calls(**calls: object) -> None:
    for name, call in calls.items():
        # a schedule's class is callable too, but gives a schedule, no learning rate
        is_class = isinstance(call, type) and name == "schedule"
        if call is not None and (not callable(call) or is_class):
            shown = (
                f"class {getattr(call, '__name__', '')}"
                if is_class
                else f"type {type(call).__name__}"
            )
            raise TypeError(
                f"fit: {name} has {shown}, expected a "
                f"callable{' (lr, epoch) -> lr' if name == 'schedule' else ''}"
            )


def _started(stop: Stop | Sequence[Stop] | None, validated: bool) -> list[Stop]:
    rules = [] if stop is None else list(stop) if isinstance(stop, Sequence) else [stop]
    for rule in rules:
        if not isinstance(rule, Stop) or isinstance(rule, type):
            raise TypeError(
                f"fit: stop has {rule!r}, expected an EarlyStopping(...), a Precision(...) or "
                f"the like"
            )
        rule.start(validated=validated)
    return rules


def _reasons(rules: Sequence[Stop], net: Network, epoch: Epoch) -> list[str]:
    """Why to stop, from each rule that says so."""
    # every rule is asked, also after a first reason: it keeps count
    reasons = [rule.reason(net, epoch) for rule in rules]
    return [reason for reason in reasons if reason is not None]


_STEP = Optimizer.step  # before anybody can replace it


def _steps(
    net: Network,
    optimizer: Optimizer,
    workspace: Workspace,
    batches: Iterator[tuple[Array, Array]],
    epoch: int,
    on_step: Callable[[Step], object] | None,
) -> float:
    """Take a step on each batch, and return the sum over rows of the losses before
    them.
    """
    own_step = getattr(optimizer.step, "__func__", None) is not _STEP
    if on_step is None and not own_step:
        return _steps_in_place(net, optimizer, workspace, batches, epoch)
    return _steps_on_copies(net, optimizer, workspace, batches, epoch, on_step)


def _steps_in_place(
    net: Network,
    optimizer: Optimizer,
    workspace: Workspace,
    batches: Iterator[tuple[Array, Array]],
    epoch: int,
) -> float:
    """The steps where nobody looks on: the update overwrites the gradient."""
    total = 0.0
    # once for all steps; the optimizer refuses by name what is not finite
    with np.errstate(all="ignore"):
        for batch, (x, y) in enumerate(batches, start=1):
            try:
                loss, gradients = workspace.loss_and_gradients(x, y)
                optimizer.step_into(net, gradients.vector)
            except (FloatingPointError, ValueError) as error:
                raise _at(epoch, batch, error) from error
            total += loss * len(x)
    return total


def _steps_on_copies(
    net: Network,
    optimizer: Optimizer,
    workspace: Workspace,
    batches: Iterator[tuple[Array, Array]],
    epoch: int,
    on_step: Callable[[Step], object] | None,
) -> float:
    """The steps where `on_step` or an optimizer's own `step` looks on: they get
    gradients that the next step does not overwrite.
    """
    total = 0.0
    for batch, (x, y) in enumerate(batches, start=1):
        try:
            # not around the optimizer: its own step may want NumPy's warnings
            with np.errstate(all="ignore"):
                loss, gradients = workspace.loss_and_gradients(x, y)
            copies = Gradients(LayerGradient(*map(np.copy, layer)) for layer in gradients)
            before = net.parameters.copy()
            optimizer.step(net, copies)
        except (FloatingPointError, ValueError) as error:
            raise _at(epoch, batch, error) from error
        if on_step is not None:
            seen_x, seen_y = _read_only(x), _read_only(y)
            trace = workspace.trace(seen_x)
            on_step(Step(epoch, batch, seen_x, seen_y, trace, loss, copies, optimizer.lr, before))
        total += loss * len(x)
    return total


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _at(epoch: int, batch: int, error: Exception) -> Exception:
    """The same error, which says where it happened."""
    return type(error)(f"epoch {epoch}, batch {batch}: {error}")
