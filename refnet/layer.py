"""Dense: one fully connected layer, as data."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from refnet.activations import ACTIVATIONS, Activation, Identity
from refnet.checks import (
    Array,
    finite,
    float_dtype,
    named,
    real_array,
)


@dataclass(frozen=True, eq=False)
class Dense:
    """a = f(a_prev W^T + b).

    Lists of numbers are converted to float64; an activation may be given by name.

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.Linear(fan_in, fan_out), then the activation's module.
    Errors: ValueError where the shapes do not fit or an entry is not finite; TypeError
        for a dtype that is not real.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equation 25.
    """

    W: Array
    b: Array
    activation: Activation = field(default_factory=Identity)

    def __post_init__(self) -> None:
        W, b = real_array("Dense: W", self.W), real_array("Dense: b", self.b)
        dtype = float_dtype("Dense: dtype of W", W.dtype if W.dtype.kind == "f" else "float64")
        if W.ndim != 2 or 0 in W.shape:
            raise ValueError(
                f"Dense: W has shape {W.shape}, expected (fan_out, fan_in) with both at least 1"
            )
        if b.shape != W.shape[:1]:
            raise ValueError(
                f"Dense (W {W.shape[0]}x{W.shape[1]}): b has shape {b.shape}, expected "
                f"({W.shape[0]},)"
            )
        if (
            isinstance(self.b, np.ndarray)
            and b.dtype.kind == "f"
            and b.dtype.newbyteorder("=") != dtype
        ):
            raise TypeError(
                f"Dense (W {W.shape[0]}x{W.shape[1]}): b has dtype {b.dtype}, expected {dtype} as W"
            )
        object.__setattr__(self, "W", finite("Dense: W", W.astype(dtype, copy=False)))
        object.__setattr__(self, "b", finite("Dense: b", b.astype(dtype, copy=False)))
        object.__setattr__(
            self, "activation", named("activation", Activation, ACTIVATIONS, self.activation)
        )

    @property
    def fan_out(self) -> int:
        """Number of units."""
        return int(self.W.shape[0])

    @property
    def fan_in(self) -> int:
        """Number of inputs of each unit."""
        return int(self.W.shape[1])


def views(vector: Array, shapes: Iterable[tuple[int, int]]) -> Iterator[tuple[Array, Array]]:
    """W (fan_out, fan_in) and b (fan_out,) of each layer, or dW and db, as views of a
    flat vector.
    """
    start = 0
    for fan_out, fan_in in shapes:
        middle = start + fan_out * fan_in
        end = middle + fan_out
        yield vector[start:middle].reshape(fan_out, fan_in), vector[middle:end]
        start = end


def unchecked(W: Array, b: Array, activation: Activation) -> Dense:
    """A layer of these very arrays, finite or not: weights that have diverged can still
    be copied and looked at.
    """
    layer = object.__new__(Dense)
    for name, value in (("W", W), ("b", b), ("activation", activation)):
        object.__setattr__(layer, name, value)
    return layer
