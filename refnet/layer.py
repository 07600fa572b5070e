"""Dense: one fully connected layer, as data."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refnet import notebook
from refnet.activations import ACTIVATIONS, Activation, Identity
from refnet.checks import (
    Array,
    finite,
    float_dtype,
    named,
    number,
    real_array,
)


@dataclass(frozen=True, eq=False)
class Dense:
    """a = f(a_prev W^T + b).

    Lists of numbers are converted to float64; an activation may be given by name.
    Without biases b is None. In training each input is dropped with probability
    `dropout`, and the others are divided by 1 - dropout: a_prev * m, with m = 0 or
    1 / (1 - dropout).

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.Dropout(dropout), torch.nn.Linear(fan_in, fan_out, bias=b is not
        None), then the activation's module.
    Dialect: Srivastava et al. multiply W by 1 - dropout in evaluation, where PyTorch
        and this divide in training ("inverted" dropout).
    Errors: ValueError where the shapes do not fit, an entry is not finite or dropout is
        outside [0, 1); TypeError for a dtype that is not real.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equation 25;
        Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, Dropout: a simple
        way to prevent neural networks from overfitting (2014), section 4.
    """

    W: Array
    b: Array | None
    activation: Activation = field(default_factory=Identity)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        W = real_array("Dense: W", self.W)
        dtype = float_dtype("Dense: dtype of W", W.dtype if W.dtype.kind == "f" else "float64")
        if W.ndim != 2 or 0 in W.shape:
            raise ValueError(
                f"Dense: W has shape {W.shape}, expected (fan_out, fan_in) with both at least 1"
            )
        b = None if self.b is None else _biases(self.b, W, dtype)
        f = named("activation", Activation, ACTIVATIONS, self.activation)
        _set(
            self,
            W=finite("Dense: W", W.astype(dtype, copy=False)),
            b=b,
            activation=f,
            dropout=number("Dense", "dropout", self.dropout, low=0.0, below=1.0),
        )

    @property
    def kind(self) -> "Kind":
        """What this layer is, without its numbers."""
        return Kind(self.W.shape, self.b is not None, self.activation, self.dropout)

    @property
    def fan_out(self) -> int:
        """Number of units."""
        return int(self.W.shape[0])

    @property
    def fan_in(self) -> int:
        """Number of inputs of each unit."""
        return int(self.W.shape[1])


def title(number: int, layer: Dense) -> str:
    """How an error names a layer, which counts from 1: Dense 2 (W 5x3)."""
    return f"Dense {number} (W {layer.fan_out}x{layer.fan_in})"


_HEAD = ("layer", "units", "activation", "output shape", "parameters", "drops inputs")


def _rows(layers: Sequence[Dense]) -> Iterator[tuple[str, str, str, str, str, str]]:
    """What a table says of the input, and of each layer."""
    yield "input", f"{layers[0].fan_in}", "", _shape(layers[0].fan_in), "", ""
    for i, layer in enumerate(layers, start=1):
        count = layer.W.size + (0 if layer.b is None else layer.b.size)
        drops = f"{layer.dropout:g}" if layer.dropout else ""
        kind, shape = type(layer.activation).__name__, _shape(layer.fan_out)
        yield f"{i}", f"{layer.fan_out}", kind, shape, f"{count}", drops


def _shape(units: int) -> str:
    """What a layer puts out for n rows."""
    return f"(n, {units})"


def table(layers: Sequence[Dense], parameters: int) -> str:
    """A row for each layer, with the shape of its output for n rows, and the total of
    the parameters.
    """
    width = 14 if any(layer.dropout for layer in layers) else 0
    return "\n".join(
        f"{name:<6}{units:>7}  {kind:<12}{shape:<14}{count:>10}{drops[:width]:>{width}}".rstrip()
        for name, units, kind, shape, count, drops in (
            _HEAD,
            *_rows(layers),
            ("total", "", "", "", f"{parameters}", ""),
        )
    )


def table_of(layers: Sequence[Dense]) -> str:
    """The rows as HTML."""
    width = 6 if any(layer.dropout for layer in layers) else 5
    shown = (row[:width] for row in _rows(layers))
    return notebook.table(_HEAD[:width], shown, 1 + len(layers), "layer", words=(0, 2, 3))


class Kind(NamedTuple):
    """What a layer is, without its numbers."""

    shape: tuple[int, int]  # of W
    has_bias: bool
    activation: Activation
    dropout: float


def views(vector: Array, kinds: Iterable[Kind]) -> Iterator[tuple[Array, Array | None]]:
    """W (fan_out, fan_in) and b (fan_out,) of each layer, or dW and db, as views of a
    flat vector; None for the b of a layer without biases.
    """
    start = 0
    for (fan_out, fan_in), has_bias, *_ in kinds:
        middle = start + fan_out * fan_in
        end = middle + fan_out * has_bias
        yield (
            vector[start:middle].reshape(fan_out, fan_in),
            vector[middle:end] if has_bias else None,
        )
        start = end


def unchecked(W: Array, b: Array | None, kind: Kind) -> Dense:
    """A layer of these very arrays, finite or not: weights that have diverged can still
    be copied and looked at.
    """
    layer = object.__new__(Dense)
    _set(layer, W=W, b=b, activation=kind.activation, dropout=kind.dropout)
    return layer


def _set(layer: Dense, **fields: object) -> None:
    for name, value in fields.items():
        object.__setattr__(layer, name, value)


def _biases(given: ArrayLike, W: Array, dtype: np.dtype[Any]) -> Array:
    """b of a layer with this W, in its dtype."""
    b, where = real_array("Dense: b", given), f"Dense (W {W.shape[0]}x{W.shape[1]}): b has"
    if b.shape != W.shape[:1]:
        raise ValueError(f"{where} shape {b.shape}, expected ({W.shape[0]},)")
    is_float_array = isinstance(given, np.ndarray) and b.dtype.kind == "f"
    if is_float_array and b.dtype.newbyteorder("=") != dtype:
        raise TypeError(f"{where} dtype {b.dtype}, expected {dtype} as W")
    return finite("Dense: b", b.astype(dtype, copy=False))
