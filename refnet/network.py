"""Network: layers over one flat parameter vector, of which every W and b is a view."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from refnet import notebook
from refnet.backprop import LayerTrace, Masks, backward, forward
from refnet.checks import (
    Array,
    as_dtype,
    class_labels,
    counted,
    fitting,
    float_dtype,
    instance,
    integer,
    matrix,
    named,
    numbers_of_classes,
    place,
    row_weights,
)
from refnet.flags import quiet_where_finite
from refnet.frames import Columns, array_of, named_columns
from refnet.layer import Dense, Kind, table, table_of, title, unchecked, views
from refnet.losses import LOSSES, Loss, checked
from refnet.passes import Gradients, Trace
from refnet.regularisers import Penalty, checked_masks, draw_masks, masks_of

__all__ = ["Gradients", "Network", "Trace"]


class Network:
    """A feed-forward network: a^l = f^l(a^(l-1) (W^l)^T + b^l) for each of its layers.

    The arrays of the given layers are copied into one flat vector, `parameters`: W1 row
    by row, b1, W2, b2, ...; a layer without biases has no b. Each `layers[i].W` and
    `.b` is a view of it, also in a copy, a deep copy and after pickling.

    Shapes: x (n, fan_in of the first layer) to (n, fan_out of the last).
    Torch: torch.nn.Sequential of torch.nn.Linear and activation modules; `parameters`
        is torch.nn.utils.parameters_to_vector of it.
    Errors: ValueError where a layer does not fit on the one below; TypeError where
        dtypes differ.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2.
    """

    _parameters: Array
    _layers: tuple[Dense, ...]
    _columns: Columns | None = None

    def __init__(self, layers: Iterable[Dense]) -> None:
        if isinstance(layers, Dense) or not isinstance(layers, Iterable):
            raise TypeError(
                f"Network: layers has type {type(layers).__name__}, expected a sequence of Dense"
            )
        given = tuple(layers)
        if not given:
            raise ValueError("Network: has 0 layers, expected at least one")
        _check_layers(given)
        parts = (part for layer in given for part in (layer.W, layer.b) if part is not None)
        self._lay_over(
            np.concatenate([part.ravel() for part in parts]), [layer.kind for layer in given]
        )

    def _lay_over(self, parameters: Array, kinds: Sequence[Kind]) -> None:
        """Make `parameters` the vector of this network, and every W and b a view of
        it.
        """
        # the optimizer writes the vector, backprop reads W and b: they share its memory
        pairs = views(parameters, kinds)
        self._parameters = parameters
        self._layers = tuple(
            unchecked(W, b, kind) for (W, b), kind in zip(pairs, kinds, strict=True)
        )

    def _over(self, parameters: Array) -> "Network":
        """A network of the same layers over another vector."""
        new = object.__new__(type(self))
        # as pickle would, so that what a subclass keeps comes along
        new.__setstate__({**self.__getstate__(), "parameters": parameters})
        return new

    def __getstate__(self) -> dict[str, Any]:
        # the vector alone: pickled views would come back as arrays of their own
        state = {"parameters": self.parameters, "kinds": [layer.kind for layer in self.layers]}
        return state if self._columns is None else {**state, "columns": self._columns}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._lay_over(state["parameters"], state["kinds"])
        self._columns = state.get("columns")

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The layers, first to last; W and b are views of `parameters`."""
        return self._layers

    @property
    def parameters(self) -> Array:
        """The flat parameter vector. Write into it with
        `net.parameters[:] = vector`.
        """
        return self._parameters

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self._parameters.dtype

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units per layer, the input first: (64, 30, 10)."""
        return (self.layers[0].fan_in, *(layer.fan_out for layer in self.layers))

    @property
    def columns(self) -> Columns | None:
        """The column names of the frame that `fit` was given as x, None where it was
        given an array. A frame with other columns, or in another order, is refused from
        then on; plain arrays are taken. Set it to None to forget them.
        """
        return self._columns

    @columns.setter
    def columns(self, names: Iterable[Any] | None) -> None:
        self._columns = named_columns("Network: columns", names, self.sizes[0])

    @quiet_where_finite
    def forward(self, x: ArrayLike, masks: Masks = ()) -> Trace:
        """Every z and a; with the masks of `draw_masks` as in training with dropout,
        without them as in evaluation.

        Shapes: x (n, fan_in); a mask as the input of its layer.
        Torch: model(x), after model.train() or model.eval().
        Errors: ValueError or TypeError where x or masks do not fit or are not finite,
            or a mask has other entries than 0 and 1 / (1 - p).
        """
        x = np.ascontiguousarray(self.check_inputs(x), self.dtype)
        masks = checked_masks(self.layers, masks, len(x))
        trace = forward(self.layers, x, masks)
        for layer, step in zip(self.layers, trace, strict=True):
            fitting(type(layer.activation).__name__, "value", step.a, step.z)
        return Trace.of(trace, masks)

    def draw_masks(self, rows: int, rng: "np.random.Generator") -> tuple[Array | None, ...]:
        """The masks of dropout for a batch of n rows: each entry 0 with the probability
        p of its layer, else 1 / (1 - p); None for a layer that drops nothing, and no
        masks at all where none does.

        For each entry, layer by layer and row by row, one number of `rng.random` is
        drawn, a multiple of 2^-53 in [0, 1); where it is less than p the entry is 0. So
        networks in float32 and float64 drop the same entries.

        Shapes: (n, fan_in) for each layer.
        Torch: what torch.nn.Dropout draws in training, from other random numbers.
        Errors: ValueError for rows < 1, TypeError where rng is no
            numpy.random.Generator.
        """
        instance("Network.draw_masks", "rng", rng, np.random.Generator)
        return draw_masks(self.layers, integer("Network.draw_masks", "rows", rows, low=1), rng)

    @quiet_where_finite
    def backward(
        self,
        trace: Sequence[LayerTrace],
        loss: str | Loss,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        penalty: str | Penalty | None = None,
    ) -> Gradients:
        """delta, dW and db of every layer, with the masks that the trace was made with;
        a penalty adds its gradient to dW.

        Shapes: y as the loss wants it; sample_weight (n,).
        Torch: loss.backward().
        Errors: ValueError or TypeError where loss, y, sample_weight or penalty does not
            fit, or the trace is of another network or has lost its masks.
        """
        loss = self.trainable_with(loss)
        if len(trace) != len(self.layers):
            raise ValueError(
                f"Network: trace has {counted(len(trace), 'layer')}, expected "
                f"{len(self.layers)}, of this network's own forward"
            )
        for i, (layer, step) in enumerate(zip(self.layers, trace, strict=True), start=1):
            if not isinstance(step, LayerTrace) or step.z.shape[1] != layer.fan_out:
                is_trace = isinstance(step, LayerTrace)
                got = f"z {step.z.shape}" if is_trace else f"type {type(step).__name__}"
                raise ValueError(
                    f"{title(i, layer)}: trace has {got}, expected z (n, {layer.fan_out}), of "
                    f"this network's own forward"
                )
        targets = self._targets(loss, y, len(trace[-1].a))
        weights = self.check_weights(sample_weight, len(trace[-1].a))
        return self._gradients(trace, checked(loss, weights), targets, Penalty.of(penalty))

    @quiet_where_finite
    def loss_and_gradients(
        self,
        x: ArrayLike,
        y: ArrayLike,
        loss: str | Loss,
        sample_weight: ArrayLike | None = None,
        penalty: str | Penalty | None = None,
        masks: Masks = (),
    ) -> tuple[float, Gradients]:
        """C and its gradients: the loss, each row counted as often as its weight says,
        and the penalty on the weights, in training with these masks of dropout.

        Shapes: x (n, fan_in), y as the loss wants it, sample_weight (n,), a mask as the
            input of its layer.
        Errors: as forward and backward.
        """
        loss, penalty = self.trainable_with(loss), Penalty.of(penalty)
        trace = self.forward(x, masks)
        targets = self._targets(loss, y, len(trace.output))
        weighted = checked(loss, self.check_weights(sample_weight, len(trace.output)))
        value = weighted.value(trace.output, targets)
        value = value if penalty is None else value + penalty.cost(self.layers)
        return value, self._gradients(trace, weighted, targets, penalty)

    @quiet_where_finite
    def predict(self, x: ArrayLike) -> Array:
        """The output activations.

        Shapes: x (n, fan_in) to (n, fan_out).
        Torch: model(x).
        Errors: as forward.
        """
        return self.forward(x).output

    def classify(self, x: ArrayLike) -> Array:
        """The label of each row: the column of the largest output; with one output, 1
        where z > 0 (a sigmoid above 1/2), else 0.

        Shapes: x (n, fan_in) to (n,).
        Torch: model(x).argmax(dim=1).
        Errors: as forward.
        """
        top = self.forward(x)[-1]
        return top.a.argmax(axis=1) if top.a.shape[1] > 1 else (top.z[:, 0] > 0).astype(np.intp)

    def accuracy(self, x: ArrayLike, labels: ArrayLike) -> float:
        """The share of rows whose label `classify` finds.

        Shapes: x (n, fan_in), labels (n,) integers.
        Errors: as forward; ValueError or TypeError for other labels.
        """
        classes = max(2, self.sizes[-1])  # a single output tells 0 from 1
        predicted = self.classify(x)
        given = numbers_of_classes("accuracy: labels", labels, classes)
        if given.shape != predicted.shape:
            raise ValueError(
                f"accuracy: labels has shape {given.shape}, expected {predicted.shape}"
            )
        return float(np.mean(predicted == class_labels("accuracy: labels", given, classes)))

    def check_inputs(self, x: ArrayLike, columns: Columns | None = None) -> Array:
        """`x`, finite and (n, fan_in), in the network's dtype unless it lies on disk;
        ValueError or TypeError otherwise, also for a frame of other columns than these,
        by default the network's own.
        """
        where = f"{title(1, self.layers[0])}: input"
        array = array_of(where, x, columns or self.columns)
        return matrix(where, array, self.dtype, ("n", self.sizes[0]))

    def check_weights(self, sample_weight: ArrayLike | None, rows: int) -> Array | None:
        """`sample_weight` as (n,) finite numbers >= 0, in the network's dtype; None
        where there is none. ValueError or TypeError otherwise.
        """
        if sample_weight is None:
            return None
        return row_weights("sample_weight", sample_weight, rows, self.dtype)

    def check_targets(self, loss: Loss, y: ArrayLike, rows: int) -> Array:
        """`y` as the loss wants it for this network's outputs, likewise."""
        return loss.targets(y, rows, self.sizes[-1], self.dtype)

    def trainable_with(self, loss: str | Loss) -> Loss:
        """The loss, where this network can learn from it; ValueError where its output
        or an activation does not fit.
        """
        loss = named("loss", Loss, LOSSES, loss)
        for i, layer in enumerate(self.layers, start=1):
            if not layer.activation.trainable:
                name = type(layer.activation).__name__
                raise ValueError(
                    f"{title(i, layer)}: activation has {name}, expected a trainable one: its "
                    f"derivative is zero everywhere"
                )
        loss.check_output(self.layers[-1].activation)
        return loss

    def entry(self, index: int) -> tuple[int, str, tuple[int, ...]]:
        """The place of entry `index` of the flat vector: the layer from 1 on, "W" or
        "b", and the index in it.
        """
        if not 0 <= index < self.parameters.size:
            raise IndexError(
                f"Network: entry has {index}, expected 0 to {self.parameters.size - 1}"
            )
        for i, layer in enumerate(self.layers, start=1):
            for name, array in (("W", layer.W), ("b", layer.b)):
                if array is None:
                    continue
                if index < array.size:
                    return i, name, tuple(int(k) for k in np.unravel_index(index, array.shape))
                index -= array.size
        raise AssertionError("unreachable: the layers cover the vector")

    def summary(self) -> str:
        """A table of the layers: units, activation, shape of the output for n rows,
        number of parameters, and their total; with dropout, how many of its inputs a
        layer drops.
        """
        return table(self.layers, self.parameters.size)

    def copy(self) -> "Network":
        """An equal network over a vector of its own."""
        return self.astype(self.dtype)

    def astype(self, dtype: Any) -> "Network":
        """A network over a vector of its own, in float32 or float64."""
        kind = float_dtype("Network.astype: dtype", dtype)
        parameters = as_dtype("Network.astype: parameters", self.parameters, kind).copy()
        lost = np.flatnonzero(np.isfinite(self.parameters) & ~np.isfinite(parameters))
        if lost.size:
            layer, name, index = self.entry(int(lost[0]))
            entry = f"{self.parameters[lost[0]]} at {place(index)}"
            raise ValueError(
                f"Network.astype: {name} of layer {layer} has {entry}, expected a number that "
                f"{kind} can hold"
            )
        return self._over(parameters)

    def _gradients(
        self,
        trace: Sequence[LayerTrace],
        loss: Loss,
        targets: Array,
        penalty: Penalty | None,
    ) -> Gradients:
        masks = masks_of(self.layers, trace)
        gradients = backward(self.layers, trace, loss, targets, masks)
        gradients = gradients if penalty is None else penalty.added(self.layers, gradients)
        # last to first, as they were computed: one that does not fit spoils those below
        for layer, step, gradient in reversed([*zip(self.layers, trace, gradients, strict=True)]):
            fitting(type(layer.activation).__name__, "pullback", gradient.delta, step.z)
        result = Gradients(gradients)
        result.input_mask = masks[0] if masks else None
        return result

    def _targets(self, loss: Loss, y: ArrayLike, rows: int) -> Array:
        targets = self.check_targets(loss, y, rows)
        return targets if targets.ndim == 1 else np.ascontiguousarray(targets, self.dtype)

    def __copy__(self) -> "Network":
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Network":
        # through memo, so that an optimizer copied with the network stays bound to it
        return self._over(deepcopy(self.parameters, memo))

    def __repr__(self) -> str:
        kinds = ", ".join(layer.activation.name for layer in self.layers)
        drops = [f"{layer.dropout:g}" for layer in self.layers]
        dropout = f"; dropout {', '.join(drops)}" if any(x.dropout for x in self.layers) else ""
        return f"<Network {'-'.join(map(str, self.sizes))} ({kinds}{dropout}), {self.dtype}>"

    def _repr_html_(self) -> str:
        size = counted(self.parameters.size, "parameter")
        columns = f"; columns {notebook.named(self.columns, 'column')}" if self.columns else ""
        return notebook.framed(
            notebook.heading(f"{self!r}"[1:-1]),
            table_of(self.layers),
            notebook.sentence(f"{size}{columns}"),
        )


def _check_layers(layers: Sequence[Dense]) -> None:
    """Refuse a layer that is no Dense, has another dtype, or does not fit below."""
    for i, layer in enumerate(layers, start=1):
        if not isinstance(layer, Dense):
            raise TypeError(f"Network: layer {i} has type {type(layer).__name__}, expected Dense")
        if layer.W.dtype != layers[0].W.dtype:
            raise TypeError(
                f"{title(i, layer)}: has dtype {layer.W.dtype}, expected {layers[0].W.dtype} "
                f"as layer 1"
            )
    for i, (below, layer) in enumerate(pairwise(layers), start=2):
        if layer.fan_in != below.fan_out:
            raise ValueError(
                f"{title(i, layer)}: W has fan_in {layer.fan_in}, expected {below.fan_out}, "
                f"the units of layer {i - 1}"
            )
