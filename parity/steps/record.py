"""StepRecord: everything that one training step read and wrote, as plain data, by
whichever program.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from refnet.checks import Array, instance, named
from refnet.history import Step
from refnet.losses import Loss
from refnet.network import Gradients, Network, Trace
from refnet.optimizers import OPTIMIZERS, Optimizer


@dataclass(frozen=True)
class Spec:
    """What a training step was asked to do, as plain data: names are refnet's,
    hyper-parameters have torch's names and this step's lr.

    `groups` says which W and b have other hyper-parameters than the rest, and which:
    ((("b1", "b2"), {"weight_decay": 0.0}), ...); each is in one of them at most.

    Shapes: sizes (fan_in of the first layer, then fan_out of every layer).
    Torch: torch.optim.Optimizer.param_groups.
    """

    sizes: tuple[int, ...]
    activations: tuple[tuple[str, dict[str, float]], ...]
    loss: str
    optimizer: str
    hyperparameters: dict[str, Any]
    step: int  # from 1 on
    dtype: str
    groups: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = ()

    @property
    def parts(self) -> Iterator[tuple[str, int]]:
        """Every W and b in the order of the flat vectors: ("W", 1), ("b", 1), ("W", 2),
        ...
        """
        return ((name, layer) for layer in range(1, len(self.sizes)) for name in ("W", "b"))

    def settings_of(self, name: str, layer: int) -> dict[str, Any]:
        """The hyper-parameters of the W or the b of a layer, which counts from 1."""
        others = (other for parts, other in self.groups if f"{name}{layer}" in parts)
        return {**self.hyperparameters, **next(others, {})}


@dataclass(frozen=True)
class Snapshot:
    """Every W and b, and the vectors of the optimizer's state, at one moment.

    Shapes: W (fan_out, fan_in), b (fan_out,); each vector is flat: W1, b1, W2, ...
    Torch: a vector is torch.nn.utils.parameters_to_vector of the optimizer's buffers.
    """

    W: tuple[Array, ...]
    b: tuple[Array, ...]
    state: dict[str, Array]


@dataclass(frozen=True)
class LayerRecord:
    """What one layer computed; None means *not shown*.

    Shapes: z, a and delta (n, fan_out), dW (fan_out, fan_in), db (fan_out,).
    Torch: delta is z.grad, dW is linear.weight.grad, db is linear.bias.grad.
    """

    z: Array | None = None
    a: Array | None = None
    delta: Array | None = None
    dW: Array | None = None
    db: Array | None = None


@dataclass(frozen=True)
class StepRecord:
    """One training step: what it was asked to do, x and y, the weights and the state
    before and after, and what every layer computed.

    Everything but spec, x, y and before may be None, which means *not shown* and never
    counts as *passed*.

    Shapes: x (n, fan_in), y as the loss wants it.
    """

    spec: Spec
    x: Array
    y: Array
    before: Snapshot
    layers: tuple[LayerRecord, ...]
    loss: float | None
    after: Snapshot | None


def record_refnet(
    net: Network, x: ArrayLike, y: ArrayLike, loss: str | Loss, optimizer: str | Optimizer
) -> StepRecord:
    """The record of one training step that refnet takes here by its teaching form;
    network and optimizer advance.

    Shapes: x (n, fan_in), y as the loss wants it.
    Torch: record_torch.
    Errors: ValueError or TypeError for unusable input, FloatingPointError for a step
        that would not be finite.
    """
    instance("record_refnet", "net", net, Network)
    loss, optimizer = net.trainable_with(loss), named("optimizer", Optimizer, OPTIMIZERS, optimizer)
    # without warnings: the step itself refuses a number that is not finite
    with np.errstate(all="ignore"):
        trace = net.forward(x)
        targets = net.check_targets(loss, y, len(trace.output))
        # copied before backward and step, as a mistaken one might write into them
        x_given, y_given = trace[0].a_prev.copy(), targets.copy()
        gradients = net.backward(trace, loss, targets)
        value = loss.value(trace.output, targets)
    optimizer.bind(net)
    before = snapshot(net, optimizer)
    optimizer.step(net, gradients)
    return _record(net, loss, optimizer, before, x_given, y_given, trace, gradients, value)


class FitRecorder:
    """Records the steps that `fit` takes by its fast form: pass it as `on_step`; it
    calls `keep` with the StepRecord of each step.

    Loss and optimizer are those given to `fit`; the optimizer must be the same object.

    Errors: TypeError if net is no Network, and for an optimizer given by its name.
    """

    def __init__(
        self,
        net: Network,
        loss: str | Loss,
        optimizer: Optimizer,
        keep: Callable[[StepRecord], object],
    ) -> None:
        instance("FitRecorder", "net", net, Network)
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"FitRecorder: optimizer has type {type(optimizer).__name__}, expected the "
                f"object given to fit"
            )
        self._net, self._loss, self._optimizer, self._keep = (
            net,
            net.trainable_with(loss),
            optimizer,
            keep,
        )
        optimizer.bind(net)
        self._state, self._steps = snapshot(net, optimizer).state, optimizer.state["steps"]

    def __call__(self, step: Step) -> None:
        """Record one step.

        Errors: ValueError where another optimizer took it.
        """
        self._steps += 1
        if self._optimizer.state["steps"] != self._steps:
            counts = f"has taken {self._optimizer.state['steps']} steps, expected {self._steps}"
            raise ValueError(
                f"FitRecorder: {self._optimizer} {counts}; it wants the optimizer of fit"
            )
        # fit hands over the old parameters, but the optimizer has stepped already, so
        # the old state is the one that was kept at the last call
        start = snapshot(_over(self._net, step.before), self._optimizer)
        before = replace(start, state=self._state)
        record = _record(
            self._net,
            self._loss,
            self._optimizer,
            before,
            step.x,
            step.y,
            step.trace,
            step.gradients,
            step.loss,
        )
        self._state = snapshot(self._net, self._optimizer).state
        self._keep(record)


def _over(net: Network, parameters: Array) -> Network:
    """A copy of the network with other parameters."""
    copy = net.copy()
    copy.parameters[:] = parameters
    return copy


def snapshot(net: Network, optimizer: Optimizer) -> Snapshot:
    """A copy of every W, b and vector of the optimizer's state."""
    return Snapshot(
        tuple(layer.W.copy() for layer in net.layers),
        tuple(layer.b.copy() for layer in net.layers),
        {name: vector.copy() for name, vector in optimizer.state.items() if name != "steps"},
    )


def _record(
    net: Network,
    loss: Loss,
    optimizer: Optimizer,
    before: Snapshot,
    x: Array,
    y: Array,
    trace: Trace,
    gradients: Gradients,
    value: float,
) -> StepRecord:
    """The record of a step just taken."""
    spec = Spec(
        net.sizes,
        tuple((layer.activation.name, layer.activation.parameters) for layer in net.layers),
        loss.name,
        optimizer.name,
        optimizer.hyperparameters,
        optimizer.state["steps"],
        str(net.dtype),
    )
    layers = tuple(
        LayerRecord(t.z.copy(), t.a.copy(), g.delta.copy(), g.dW.copy(), g.db.copy())
        for t, g in zip(trace, gradients, strict=True)
    )
    return StepRecord(spec, x.copy(), y.copy(), before, layers, value, snapshot(net, optimizer))
