"""The fast form: the equations of backprop.py in preallocated arrays.

Read backprop.py first; `fit` runs this.

Every array of a step is allocated once, for the largest batch, and written with `out=`.
Each line does what the line of the same label does in backprop.py, in the same order of
operations, so both give the same bits. W, b, dW and db are views of two flat vectors,
`net.parameters` and `gradients.vector`, so an optimizer updates all layers at once.
"""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from refnet.activations import Activation, Identity
from refnet.backprop import LayerGradient, LayerTrace, Masks, masked
from refnet.blockwise import broadcast_into
from refnet.checks import Array, counted
from refnet.fast.dropout import KeptMasks
from refnet.fast.inplace import (
    PullbackInto,
    ValueInto,
    any_loss,
    loss_into,
    pullback_into,
    value_into,
)
from refnet.fast.penalties import penalised, penalty_into
from refnet.fast.room import Room, make_room
from refnet.fast.weighted import weighted_into
from refnet.fast.written import as_written
from refnet.layer import Dense, views
from refnet.losses import Loss
from refnet.network import Network
from refnet.passes import Gradients, Trace
from refnet.regularisers import Penalty


class LayerBuffers(NamedTuple):
    """One layer and the arrays it writes for a batch of n rows: z, a and delta (n,
    fan_out), dW (fan_out, fan_in), db (fan_out,); with dropout a_prev (n, fan_in).
    """

    W: Array
    b: Array | None
    activation: Activation
    value_into: ValueInto
    pullback_into: PullbackInto
    z: Array
    a: Array
    delta: Array
    dW: Array
    db: Array | None
    a_prev: Array | None  # the masked input
    room: Room


_NONE = repeat(None)
# the products are asked of the arrays: np.dot(a, b, out=c) first asks each argument
# whether it has a dot of its own, which takes 4 % of a step at 64-30-10 with 32 rows


def forward_into(layers: Sequence[LayerBuffers], x: Array, masks: Masks = ()) -> None:
    """z and a of every layer, first to last."""
    a = x
    for layer, mask in zip(layers, masks or _NONE):  # noqa: B905 - _NONE has no end
        a_prev = a if mask is None else np.multiply(a, mask, out=layer.a_prev)
        a_prev.dot(layer.W.T, out=layer.z)
        if layer.b is not None:
            broadcast_into(np.add, layer.z, layer.b, layer.z)
        layer.value_into(layer.activation, layer.z, layer.a, layer.room)
        a = layer.a


def backward_into(layers: Sequence[LayerBuffers], x: Array, masks: Masks = ()) -> None:
    """delta, dW and db of every layer, last to first. The delta of the last layer
    comes with dC/da in it.
    """
    below: list[Any] = [x, *[layer.a for layer in layers]]
    if masks:
        pairs = zip(layers, masks, below, strict=False)
        below = [a if mask is None else layer.a_prev for layer, mask, a in pairs]
    for i in reversed(range(len(layers))):
        layer, a_prev = layers[i], below[i]
        z, a, delta = layer.z, layer.a, layer.delta
        if i == len(layers) - 1:
            layer.pullback_into(layer.activation, delta, z, a, layer.room)  # BP1
        else:
            layers[i + 1].delta.dot(layers[i + 1].W, out=delta)
            mask = masks[i + 1] if masks else None
            if mask is not None:
                np.multiply(delta, mask, out=delta)
            layer.pullback_into(layer.activation, delta, z, a, layer.room)  # BP2
        if layer.db is not None:
            np.add.reduce(delta, axis=0, out=layer.db)  # BP3
        delta.T.dot(a_prev, out=layer.dW)  # BP4


class FlatGradients(Gradients):
    """Gradients whose `vector` is the memory that dW and db are views of."""

    _vector: Array

    @classmethod
    def around(cls, vector: Array, layers: Iterable[LayerGradient]) -> "FlatGradients":
        """The gradients of the layers, whose dW and db are views of `vector`."""
        gradients = cls(layers)
        gradients._vector = vector
        return gradients

    @property
    def vector(self) -> Array:
        """dC/dtheta, flat, in the order of Network.parameters: not a copy."""
        return self._vector

    def copied(self) -> Gradients:
        """The same numbers, which the next step does not overwrite."""
        new = Gradients(
            layer._replace(delta=layer.delta.copy()) for layer in self.over(self._vector.copy())
        )
        new.input_mask = None if self.input_mask is None else self.input_mask.copy()
        return new


class Batch(NamedTuple):
    """The first n rows of a workspace's buffers, for a batch of n rows."""

    layers: list[LayerBuffers]
    gradients: FlatGradients


class Workspace:
    """All arrays of a training step of `net` on `loss`, for batches of up to `rows`
    rows.

    Nothing is checked here: x and y come checked and in the network's dtype, as `fit`
    passes them. What it returns is valid until the next batch, and the gradient until
    the optimizer steps, which overwrites it. NumPy warns of an overflow, unless
    np.errstate tells it not to.
    """

    def __init__(
        self,
        net: Network,
        loss: Loss,
        rows: int,
        penalty: Penalty | None = None,
    ) -> None:
        self._rows, self._loss, self._penalty, self._net = rows, loss, penalty, net
        self._masks: Masks = ()
        has_dropout = any(layer.dropout for layer in net.layers)
        self._kept_masks = KeptMasks(net.layers, rows) if has_dropout else None
        self._loss_into = loss_into(loss, net.layers[-1].activation)
        self._weighted_into = weighted_into(loss, net.layers[-1].activation)
        self._is_plain = self._loss_into is not any_loss
        self.total_weight = 0.0  # of the rows of the last batch, by which a mean divides
        self._gradient = np.empty_like(net.parameters)
        each = views(self._gradient, (layer.kind for layer in net.layers))
        columns = loss.columns(net.sizes[-1], net.dtype)
        whole = make_room(rows, max(net.sizes[1:]), columns, net.sizes[-1], net.dtype)
        self._layers = [
            _buffers(layer, dW, db, rows, whole)
            for layer, (dW, db) in zip(net.layers, each, strict=True)
        ]
        self._penalty_into = penalty_into(penalty)
        self._penalised = [] if penalty is None else penalised(penalty, self._layers)
        self._batches: dict[int, Batch] = {}  # by number of rows, sliced once
        # what `classify` looks at in the last step: the outputs, or z of a single one
        self.outputs, self._judges_z = np.empty((0, 0)), net.sizes[-1] == 1

    @property
    def draws_masks(self) -> bool:
        """Whether any layer drops inputs."""
        return self._kept_masks is not None

    def draw_masks(self, rows: int, rng: "np.random.Generator") -> Masks:
        """The masks that Network.draw_masks draws, valid until the next are drawn."""
        return () if self._kept_masks is None else self._kept_masks.draw(rows, rng)

    def loss_and_gradients(
        self, x: Array, y: Array, sample_weight: Array | None = None, masks: Masks = ()
    ) -> tuple[float, FlatGradients]:
        """C and its gradients, as Network.loss_and_gradients gives them.

        Shapes: x (n, fan_in), y as the loss wants it, sample_weight (n,), a mask as the
            input of its layer.
        """
        rows = len(x)
        layers, gradients = self._batches.get(rows) or self._batch(rows)
        self._masks, gradients.input_mask = masks, masks[0] if masks else None
        forward_into(layers, x, masks)
        # writes dC/da into delta, where backward_into expects it
        last = layers[-1]
        self.outputs = last.z if self._judges_z else last.a
        if sample_weight is None and self._is_plain:
            self.total_weight = rows
            value = self._loss_into(self._loss, last.a, y, last.delta, last.room)
        else:
            given = self._loss, last.a, y, last.delta, last.room, sample_weight
            value, self.total_weight = self._weighted_into(*given)
        backward_into(layers, x, masks)
        if self._penalty is not None:
            value += self._penalise(self._penalty, gradients)
        return value, gradients

    def _penalise(self, penalty: Penalty, gradients: FlatGradients) -> float:
        """P, with its gradient added to dW, and to db where it has biases too."""
        if self._penalty_into is not None:
            return self._penalty_into(penalty, self._penalised)
        layers = self._net.layers
        for written, added in zip(gradients, penalty.added(layers, gradients), strict=True):
            written.dW[...] = added.dW
            if written.db is not None:
                written.db[...] = added.db
        return penalty.cost(layers)

    def trace(self, x: Array) -> Trace:
        """What the last step computed on its way forward from x."""
        layers = self._batches[len(x)].layers
        below = [x, *(layer.a for layer in layers[:-1])]
        masks = self._masks or [None] * len(layers)
        return Trace.of(
            (
                LayerTrace(masked(a_prev, mask), layer.z, layer.a)
                for a_prev, mask, layer in zip(below, masks, layers, strict=True)
            ),
            self._masks,
        )

    def is_current(self) -> bool:
        """Whether what it computes in place is still what the classes compute: nobody
        has replaced a method of theirs since it was made.
        """
        last = self._layers[-1].activation
        kept = (self._loss_into, self._weighted_into, self._penalty_into)
        now = loss_into(self._loss, last), weighted_into(self._loss, last)
        return kept == (*now, penalty_into(self._penalty)) and all(
            layer.value_into is value_into(layer.activation)
            and layer.pullback_into is pullback_into(layer.activation)
            for layer in self._layers
        )

    def _batch(self, rows: int) -> Batch:
        if rows > self._rows:
            raise ValueError(
                f"Workspace: x has {counted(rows, 'row')}, expected at most {self._rows}"
            )
        layers = [
            layer._replace(
                z=layer.z[:rows],
                a=layer.a[:rows],
                delta=layer.delta[:rows],
                a_prev=None if layer.a_prev is None else layer.a_prev[:rows],
                room=layer.room.of(rows, layer.z.shape[1]),
            )
            for layer in self._layers
        ]
        gradients = FlatGradients.around(
            self._gradient, (LayerGradient(layer.delta, layer.dW, layer.db) for layer in layers)
        )
        self._batches[rows] = Batch(layers, gradients)
        return self._batches[rows]


def _buffers(layer: Dense, dW: Array, db: Array | None, rows: int, whole: Room) -> LayerBuffers:
    f = layer.activation
    z, delta = (np.empty((rows, layer.fan_out), layer.W.dtype) for _ in range(2))
    # f(z) = z needs no memory of its own
    a = z if type(f) is Identity and as_written(f) else np.empty_like(z)
    a_prev = np.empty((rows, layer.fan_in), z.dtype) if layer.dropout else None
    forms = value_into(f), pullback_into(f)
    return LayerBuffers(layer.W, layer.b, f, *forms, z, a, delta, dW, db, a_prev, whole)
