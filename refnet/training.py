"""Training: `fit`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import frexp
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refnet.batches import Batch, Data, held_out_data
from refnet.checks import Array, flag, instance, integer, place
from refnet.clipping import Clipping
from refnet.counting import Counted
from refnet.fast.threads import one_thread_if_small
from refnet.fast.workspace import Workspace
from refnet.history import Epoch, History, Reached, Step
from refnet.losses import Loss
from refnet.network import Network
from refnet.optimizers import Optimizer
from refnet.progress import shown
from refnet.regularisers import Penalty
from refnet.resuming import optimizer_of, reached_by
from refnet.stopping import Stop

_Judged = tuple[float | None, float | None]  # loss and accuracy


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
    sample_weight: ArrayLike | None = None,
    penalty: str | Penalty | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    lr: float | None = None,
    resume: History | None = None,
    progress: bool = False,
) -> History:
    """Gradient descent: for each epoch and mini-batch, forward, BP1 to BP4, one step of
    the optimizer.

    batch_size None is batch gradient descent, never shuffled; 1 is stochastic gradient
    descent; the last batch of an epoch may be smaller and is averaged over its own
    rows. Everything is checked before the first step. `schedule` sets the learning rate
    of each epoch; afterwards the optimizer has the one it started with. `lr` is that of
    an optimizer given by name; an optimizer object has its own.

    With `resume`, the history of an earlier fit, training goes on where that ended:
    with its optimizer, the next permutation, the next epoch of the schedule and the
    next number. fit(epochs=3) and then fit(epochs=2, resume=history), all else alike,
    is fit(epochs=5), bit for bit, and so is the history, a new one of all epochs. The
    optimizer is the object of that fit or, given by name, the one that history keeps.
    batch_size may be another one. Rules that stop are started anew.

    `progress` shows the epochs on standard error: rich's bar on a terminal if rich is
    installed, otherwise at most 20 lines.

    A y of shape (n,) is read as (n, 1) by a loss on values or yes-or-no targets where
    the network has one output. x may be a frame of pandas or Polars: the network
    remembers its columns, and refuses a frame that has others, or another order, then
    and later (`net.columns`).

    A row counts as often as its `sample_weight` says, and the mean divides by their
    sum. A `penalty` is added to the cost, and its gradient to dW. `clip_norm` shortens
    the gradient of a step to that length, `clip_value` cuts each of its entries to
    [-clip_value, clip_value]. The masks of dropout are drawn from `seed`, after the
    permutation of their epoch.

    Besides x and y in the network's dtype, memory holds the gradient, the optimizer's
    state and 512 KiB for its step, one batch with its z, a and delta and once more the
    a of the widest layer, an index per row, where y has a column for each class a label
    per row, a chunk of x while it is checked, and for validation one forward pass of
    all its rows. x may be a numpy.memmap larger than memory; it is read and converted
    batch by batch.

    Where every product of a step is small, BLAS gets one thread until fit returns, if
    threadpoolctl is installed and no environment variable such as OPENBLAS_NUM_THREADS
    sets a number. With another number of threads the last bits may differ.

    Shapes: x (n, fan_in); y as the loss wants it; validation (x, y) alike;
        sample_weight (n,).
    Torch: the usual loop: zero_grad, forward, loss, backward, step.
    Errors: ValueError or TypeError for unusable input, with nothing changed;
        FloatingPointError or ValueError at a step that would not be finite, naming
        epoch and batch, with the parameters as they were before that step, or as `stop`
        puts them back.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, the backpropagation
        algorithm.
    """
    loss = _trainable(net, loss)
    epochs = integer("fit", "epochs", epochs, low=1)
    batch_size = None if batch_size is None else integer("fit", "batch_size", batch_size, low=1)
    shuffle = flag("fit", "shuffle", shuffle)
    seed = integer("fit", "seed", seed, low=0)
    rng = np.random.default_rng(seed)
    reached = None if resume is None else reached_by(resume, seed, shuffle)
    optimizer = optimizer_of(optimizer, lr, reached)
    progress = flag("fit", "progress", progress)
    penalty, clipping = Penalty.of(penalty), Clipping.of(clip_norm, clip_value)
    data = Data(net, loss, x, y, sample_weight)
    held_out = None if validation is None else held_out_data(net, loss, validation, data.columns)
    _check_calls(schedule=schedule, on_step=on_step, on_epoch=on_epoch)
    rules = _started(stop, validated=held_out is not None)
    optimizer.bind(net)
    net.columns = data.columns or net.columns
    history = History() if resume is None else resume.going_on(epochs)
    done = len(history.epochs)
    if reached is not None:
        rng.bit_generator.state = reached.generator
    workspace = Workspace(net, loss, data.largest(batch_size), penalty)
    with (
        one_thread_if_small(net, data.largest(batch_size)),
        _finished(rules, net),
        _lr_put_back(optimizer) as own_lr,
        shown(progress, done + 1, done + epochs) as show,
    ):
        for e in range(done, done + epochs):
            optimizer.lr = own_lr if schedule is None else schedule(own_lr, e)
            if on_epoch is not None and not workspace.is_current():
                workspace = Workspace(net, loss, data.largest(batch_size), penalty)
            batches = Counted(data, batch_size, rng if shuffle else None, workspace)
            loop = Loop(net, loss, optimizer, workspace, clipping, rng)
            mean = _steps(loop, iter(batches), e + 1, on_step)
            judged: _Judged = held_out.judge(net, loss) if held_out else (None, None)
            epoch = Epoch(e + 1, done + epochs, mean, optimizer.lr, *judged, batches.accuracy)
            history.epochs.append(epoch)
            show(epoch)
            if on_epoch is not None:
                on_epoch(epoch)
            reasons = _reasons(rules, net, epoch)
            if reasons:
                history.stopped = "; ".join(reasons)
                break
    steps = optimizer.state["steps"]
    history.reached = Reached(seed, shuffle, rng.bit_generator.state, optimizer, steps)
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


class Loop(NamedTuple):
    """What the steps of an epoch work with."""

    net: Network
    loss: Loss
    optimizer: Optimizer
    workspace: Workspace
    clipping: Clipping | None
    rng: "np.random.Generator"


class _Mean:
    """The loss of an epoch: the mean over its rows, each counted as the loss counts it,
    or their sum.
    """

    def __init__(self, loss: Loss) -> None:
        self._is_sum = loss.reduction == "sum"
        self._total = self._weight = 0.0
        self._scale = 1.0  # of the weights: a power of 2, so that no bit depends on it

    def add(self, value: float, weight: float) -> None:
        """Add the loss of a batch whose rows have this weight in all, 1 for a sum."""
        if self._weight == 0.0 and not 2.0**-500 < weight < 2.0**500:
            self._scale = 2.0 ** min(-frexp(weight)[1], 1000)
        scaled = weight * self._scale
        self._total += value * scaled
        self._weight += scaled

    def value(self) -> float:
        """The mean, or the sum."""
        return self._total if self._is_sum else self._total / self._weight


_STEP = Optimizer.step  # before anybody can replace it


def _steps(
    loop: Loop,
    batches: Iterator[Batch],
    epoch: int,
    on_step: Callable[[Step], object] | None,
) -> float:
    """Take a step on each batch, and return the mean of the losses before them."""
    own_step = getattr(loop.optimizer.step, "__func__", None) is not _STEP
    if on_step is None and not own_step:
        return _steps_in_place(loop, batches, epoch)
    return _steps_on_copies(loop, batches, epoch, on_step)


def _steps_in_place(loop: Loop, batches: Iterator[Batch], epoch: int) -> float:
    """The steps where nobody looks on: the update overwrites the gradient."""
    net, loss, optimizer, workspace, clipping, rng = loop
    mean, draws = _Mean(loss), workspace.draws_masks
    # once for all steps; the optimizer refuses by name what is not finite
    with np.errstate(all="ignore"):
        for batch, (x, y, sample_weight) in enumerate(batches, start=1):
            masks = workspace.draw_masks(len(x), rng) if draws else ()
            try:
                value, gradients = workspace.loss_and_gradients(x, y, sample_weight, masks)
                if clipping is not None:
                    clipping.clip_into(gradients.vector)
                optimizer.step_into(net, gradients.vector)
            except (FloatingPointError, ValueError) as error:
                raise _at(epoch, batch, error) from error
            mean.add(value, workspace.total_weight)
    return mean.value()


def _steps_on_copies(
    loop: Loop,
    batches: Iterator[Batch],
    epoch: int,
    on_step: Callable[[Step], object] | None,
) -> float:
    """The steps where `on_step` or an optimizer's own `step` looks on: they get
    gradients that the next step does not overwrite.
    """
    net, loss, optimizer, workspace, clipping, rng = loop
    mean = _Mean(loss)
    for batch, (x, y, sample_weight) in enumerate(batches, start=1):
        masks = workspace.draw_masks(len(x), rng)
        try:
            # not around the optimizer: its own step may want NumPy's warnings
            with np.errstate(all="ignore"):
                value, gradients = workspace.loss_and_gradients(x, y, sample_weight, masks)
                copies = gradients.copied()
                shortened = copies if clipping is None else clipping.clipped(copies)
            before = net.parameters.copy()
            optimizer.step(net, shortened)
        except (FloatingPointError, ValueError) as error:
            raise _at(epoch, batch, error) from error
        if on_step is not None:
            seen_x, seen_y = _read_only(x), _read_only(y)
            trace, lr = workspace.trace(seen_x), optimizer.lr
            weights = None if sample_weight is None else _read_only(sample_weight)
            on_step(Step(epoch, batch, seen_x, seen_y, trace, value, copies, lr, before, weights))
        mean.add(value, workspace.total_weight)
    return mean.value()


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _at(epoch: int, batch: int, error: Exception) -> Exception:
    """The same error, which says where it happened."""
    return type(error)(f"epoch {epoch}, batch {batch}: {error}")
