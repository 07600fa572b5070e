"""StepRecord: everything that one training step read and wrote, as plain data, by
whichever program.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refnet.checks import Array, instance, named
from refnet.clipping import Clipping
from refnet.history import Step
from refnet.layer import Dense
from refnet.losses import Loss
from refnet.network import Gradients, Network, Trace
from refnet.optimizers import OPTIMIZERS, Optimizer
from refnet.regularisers import Penalty

IGNORED = -100  # the label that PyTorch's losses for classes ignore by default


@dataclass(frozen=True)
class Spec:
    """What a training step was asked to do, as plain data: names are refnet's,
    hyper-parameters have torch's names and this step's lr.

    `groups` says which W and b have other hyper-parameters than the rest, and which:
    ((("b1", "b2"), {"weight_decay": 0.0}), ...); each is in one of them at most.
    `loss_settings` are those of the loss that are not by default. `penalty` is a name
    and its settings, `clip` ("norm", limit) or ("value", limit). `dropout` has the
    probability of each layer's input, and `biases` whether a layer has any; both are
    empty where nothing is dropped, and where every layer has biases.

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
    loss_settings: dict[str, Any] = field(default_factory=dict)
    penalty: tuple[str, dict[str, Any]] | None = None
    clip: tuple[str, float] | None = None
    dropout: tuple[float, ...] = ()
    biases: tuple[bool, ...] = ()

    @property
    def parts(self) -> Iterator[tuple[str, int]]:
        """Every W and b in the order of the flat vectors: ("W", 1), ("b", 1), ("W", 2),
        ...; a layer without biases has no b.
        """
        for layer in range(1, len(self.sizes)):
            yield "W", layer
            if self.has_bias(layer):
                yield "b", layer

    def has_bias(self, layer: int) -> bool:
        """Whether a layer, which counts from 1, has biases."""
        return self.biases[layer - 1] if self.biases else True

    def settings_of(self, name: str, layer: int) -> dict[str, Any]:
        """The hyper-parameters of the W or the b of a layer, which counts from 1."""
        others = (other for parts, other in self.groups if f"{name}{layer}" in parts)
        return {**self.hyperparameters, **next(others, {})}


def compared(spec: Spec, name: str) -> Any:
    """A field of a spec as two records of one run must have it. The label -100, which
    PyTorch ignores by default, says nothing: it stands only where it is ignored.
    """
    value = getattr(spec, name)
    if name != "loss_settings":
        return value
    return {key: each for key, each in value.items() if (key, each) != ("ignore_index", IGNORED)}


@dataclass(frozen=True)
class Snapshot:
    """Every W and b, and the vectors of the optimizer's state, at one moment. The b of
    a layer without biases is 0, and no vector has entries for it.

    Shapes: W (fan_out, fan_in), b (fan_out,); each vector is flat: W1, b1, W2, ...
    Torch: a vector is torch.nn.utils.parameters_to_vector of the optimizer's buffers.
    """

    W: tuple[Array, ...]
    b: tuple[Array, ...]
    state: dict[str, Array]


@dataclass(frozen=True)
class LayerRecord:
    """What one layer computed; None means *not shown*, as db does without biases.

    dW and db are the gradients of the cost with its penalty, before they are clipped.
    a_prev is what dropout leaves of the input: a of the layer below, or x, times the
    mask; None where the layer drops nothing.

    Shapes: z, a and delta (n, fan_out), dW (fan_out, fan_in), db (fan_out,), a_prev (n,
        fan_in).
    Torch: delta is z.grad, dW is linear.weight.grad, db is linear.bias.grad, a_prev the
        output of torch.nn.Dropout.
    """

    z: Array | None = None
    a: Array | None = None
    delta: Array | None = None
    dW: Array | None = None
    db: Array | None = None
    a_prev: Array | None = None


@dataclass(frozen=True)
class StepRecord:
    """One training step: what it was asked to do, x and y, the weights and the state
    before and after, and what every layer computed.

    Everything but spec, x, y and before may be None, which means *not shown* and never
    counts as *passed*. `masks` are those of dropout, on the input of each layer, as
    floats 0 or 1 / (1 - p): None where a layer drops nothing, empty where none does.

    Shapes: x (n, fan_in), y as the loss wants it, sample_weight (n,), a mask (n, fan_in
        of its layer).
    """

    spec: Spec
    x: Array
    y: Array
    before: Snapshot
    layers: tuple[LayerRecord, ...]
    loss: float | None
    after: Snapshot | None
    sample_weight: Array | None = None
    masks: tuple[Array | None, ...] = ()

    def mask(self, layer: int) -> Array | None:
        """The mask of dropout on the input of a layer, which counts from 1."""
        return self.masks[layer - 1] if self.masks else None


def record_refnet(
    net: Network,
    x: ArrayLike,
    y: ArrayLike,
    loss: str | Loss,
    optimizer: str | Optimizer,
    *,
    sample_weight: ArrayLike | None = None,
    penalty: str | Penalty | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    masks: Sequence[Array | None] = (),
) -> StepRecord:
    """The record of one training step that refnet takes here by its teaching form;
    network and optimizer advance. The masks are those of `net.draw_masks`.

    Shapes: x (n, fan_in), y as the loss wants it, sample_weight (n,), a mask as the
        input of its layer.
    Torch: record_torch.
    Errors: ValueError or TypeError for unusable input, FloatingPointError for a step
        that would not be finite.
    """
    instance("record_refnet", "net", net, Network)
    loss, optimizer = net.trainable_with(loss), named("optimizer", Optimizer, OPTIMIZERS, optimizer)
    penalty, clipping = Penalty.of(penalty), Clipping.of(clip_norm, clip_value)
    # without warnings: the step itself refuses a number that is not finite
    with np.errstate(all="ignore"):
        inputs = net.check_inputs(x)
        targets = net.check_targets(loss, y, len(inputs))
        weights = net.check_weights(sample_weight, len(inputs))
        # copied before backward and step, as a mistaken one might write into them
        x_given, y_given, weights_given = map(_copy, (inputs, targets, weights))
        given = Given(x_given, y_given, weights_given, tuple(map(_copy, masks)))
        value, gradients = net.loss_and_gradients(inputs, targets, loss, weights, penalty, masks)
        trace = net.forward(inputs, masks)
        clipped = gradients if clipping is None else clipping.clipped(gradients)
    optimizer.bind(net)
    before = snapshot(net, optimizer)
    optimizer.step(net, clipped)
    step = Taken(given, trace, gradients, value)
    return _record(net, Objective(loss, penalty, clipping), optimizer, before, step)


class Given(NamedTuple):
    """What a step is given: x, y, the weights of the rows, and the masks of dropout."""

    x: Array
    y: Array
    sample_weight: Array | None = None
    masks: tuple[Array | None, ...] = ()


class Objective(NamedTuple):
    """What a step makes smaller: the loss and its penalty; and how its gradient is
    clipped.
    """

    loss: Loss
    penalty: Penalty | None = None
    clipping: Clipping | None = None

    def settings(self, dtype: str) -> dict[str, Any]:
        """What a Spec has of it beside the name of the loss; the weights of a loss as
        its dtype holds them, which are those that a step works with.
        """
        loss, penalty, clipping = self
        return {
            "loss_settings": {name: _held(value, dtype) for name, value in loss.settings.items()},
            "penalty": None if penalty is None else (penalty.name, penalty.settings),
            "clip": None if clipping is None else (clipping.name, clipping.limit),
        }


def _held(value: Any, dtype: str) -> Any:
    return tuple(np.asarray(value, dtype).tolist()) if isinstance(value, tuple) else value


class Taken(NamedTuple):
    """A step that was taken: its inputs, and what it computed."""

    given: Given
    trace: Trace
    gradients: Gradients
    value: float


class FitRecorder:
    """Records the steps that `fit` takes by its fast form: pass it as `on_step`; it
    calls `keep` with the StepRecord of each step.

    Loss, optimizer, penalty and clipping are those given to `fit`; the optimizer must
    be the same object.

    Errors: TypeError if net is no Network, and for an optimizer given by its name.
    """

    def __init__(
        self,
        net: Network,
        loss: str | Loss,
        optimizer: Optimizer,
        keep: Callable[[StepRecord], object],
        *,
        penalty: str | Penalty | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        instance("FitRecorder", "net", net, Network)
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"FitRecorder: optimizer has type {type(optimizer).__name__}, expected the "
                f"object given to fit"
            )
        self._net, self._optimizer, self._keep = net, optimizer, keep
        self._objective = Objective(
            net.trainable_with(loss), Penalty.of(penalty), Clipping.of(clip_norm, clip_value)
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
        given = Given(step.x, step.y, step.sample_weight, step.trace.masks)
        taken = Taken(given, step.trace, step.gradients, step.loss)
        record = _record(self._net, self._objective, self._optimizer, before, taken)
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
        tuple(copied_biases(layer) for layer in net.layers),
        {name: vector.copy() for name, vector in optimizer.state.items() if name != "steps"},
    )


def copied_biases(layer: Dense) -> Array:
    """A copy of b; zeros where a layer has none."""
    return np.zeros_like(layer.W[:, 0]) if layer.b is None else layer.b.copy()


def spec_of(net: Network, objective: Objective, optimizer: Optimizer) -> Spec:
    """What the last step of the optimizer was asked to do."""
    drops = tuple(layer.dropout for layer in net.layers)
    biases = tuple(layer.b is not None for layer in net.layers)
    return Spec(
        net.sizes,
        tuple((layer.activation.name, layer.activation.parameters) for layer in net.layers),
        objective.loss.name,
        optimizer.name,
        optimizer.hyperparameters,
        optimizer.state["steps"],
        str(net.dtype),
        **objective.settings(str(net.dtype)),
        dropout=drops if any(drops) else (),
        biases=() if all(biases) else biases,
        groups=_groups(net, optimizer),
    )


def _groups(net: Network, optimizer: Optimizer) -> tuple[tuple[tuple[str, ...], Any], ...]:
    """That of the biases, where the weight decay leaves them out."""
    if optimizer.decay_biases or not optimizer.weight_decay:
        return ()
    layers = enumerate(net.layers, start=1)
    names = tuple(f"b{l}" for l, layer in layers if layer.b is not None)
    return ((names, {"weight_decay": 0.0}),) if names else ()


def _record(
    net: Network, objective: Objective, optimizer: Optimizer, before: Snapshot, step: Taken
) -> StepRecord:
    """The record of a step just taken."""
    masks = tuple(map(_copy, step.given.masks))
    layers = tuple(
        replace(
            LayerRecord(*map(_copy, (t.z, t.a, g.delta, g.dW, g.db))),
            a_prev=None if mask is None else t.a_prev.copy(),
        )
        for t, g, mask in zip_longest(step.trace, step.gradients, masks)
    )
    spec, after = spec_of(net, objective, optimizer), snapshot(net, optimizer)
    x, y, weights = map(_copy, step.given[:3])
    return StepRecord(spec, x, y, before, layers, step.value, after, weights, masks)


def _copy(array: Any) -> Any:
    return None if array is None else array.copy()
