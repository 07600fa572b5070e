"""mlp: a multilayer perceptron from its sizes, with weights drawn from a seed; and a
network over a vector that exists.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from refnet.activations import ACTIVATIONS, Activation
from refnet.checks import Array, as_dtype, counted, flag, float_dtype, integer, named, number
from refnet.frames import Columns
from refnet.initializers import INITIALIZERS, Initializer
from refnet.layer import Dense, Kind
from refnet.network import Network


def mlp(
    sizes: Sequence[int],
    hidden: str | Activation | Sequence[str | Activation] = "sigmoid",
    output: str | Activation = "softmax",
    init: str | Initializer = "torch_linear",
    seed: int = 0,
    dtype: Any = "float64",
    bias: bool = True,
    dropout: float | Sequence[float] = 0.0,
    input_dropout: float = 0.0,
) -> Network:
    """A multilayer perceptron: `sizes` [64, 30, 10] is 64 inputs, 30 hidden units, 10
    outputs.

    `hidden` is one activation for all hidden layers, or a list with one for each. The
    same seed draws the same numbers in both dtypes, rounded in float32; PyTorch's own
    numbers, init=TorchLinear(generator="torch"), are others in each dtype. `bias=False`
    leaves out every b. `dropout` is the probability with which an output of a hidden
    layer is dropped in training, one for all hidden layers or a list with one for each,
    and `input_dropout` that of an input.

    Shapes: x (n, sizes[0]) to (n, sizes[-1]).
    Torch: torch.nn.Sequential; `parity.twin(net)` builds the identical one.
    Errors: ValueError for sizes below 1, unknown names, or a list `hidden` of the wrong
        length; TypeError for the wrong kind.
    Source: Rumelhart, Hinton and Williams, Learning representations by back-propagating
        errors (1986).
    """
    widths = _widths(sizes)
    activations = activations_of("mlp", hidden, output, len(widths) - 2)
    kind = float_dtype("mlp: dtype", dtype)
    initializer = named("initializer", Initializer, INITIALIZERS, init)
    drops = [input_dropout, *_drops(dropout, len(widths) - 2)]
    has_bias = flag("mlp", "bias", bias)
    rng = initializer.seeded(integer("mlp", "seed", seed, low=0), kind)
    layers = []
    for (fan_in, fan_out), f, drop in zip(pairwise(widths), activations, drops, strict=True):
        W, b = (
            initializer(rng, fan_out, fan_in)
            if has_bias
            else (initializer.weights_alone(rng, fan_out, fan_in), None)
        )
        biases = None if b is None else as_dtype("mlp: b", b, kind)
        layers.append(Dense(as_dtype("mlp: W", W, kind), biases, f, drop))
    return Network(layers)


def network_over(
    parameters: Array, kinds: Sequence[Kind], columns: Columns | None = None
) -> Network:
    """A network of these layers over this very vector, finite or not, as pickle makes
    it.
    """
    net = Network.__new__(Network)
    net.__setstate__({"parameters": parameters, "kinds": kinds, "columns": columns})
    return net


def _widths(sizes: Sequence[int]) -> list[int]:
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        raise TypeError(
            f"mlp: sizes has type {type(sizes).__name__}, expected a sequence of integers"
        )
    widths = [integer("mlp", f"sizes[{i}]", size, low=1) for i, size in enumerate(sizes)]
    if len(widths) < 2:
        raise ValueError(
            f"mlp: sizes has {counted(len(widths), 'entry', 'entries')}, expected at least 2 "
            f"(inputs and outputs)"
        )
    return widths


def _drops(dropout: float | Sequence[float], layers: int) -> list[float]:
    """The probability of each hidden layer, of which there are `layers`."""
    # text is a sequence too, of its letters
    each = (
        list(dropout)
        if isinstance(dropout, Sequence | np.ndarray) and not isinstance(dropout, str)
        else [dropout] * layers
    )
    if len(each) != layers:
        raise ValueError(
            f"mlp: dropout has {counted(len(each), 'number')}, expected {layers}, one per hidden "
            f"layer"
        )
    return [number("mlp", "dropout", each_one, low=0.0, below=1.0) for each_one in each]


def activations_of(
    where: str,
    hidden: str | Activation | Sequence[str | Activation],
    output: str | Activation,
    layers: int,
) -> list[Activation]:
    """The activation of each hidden layer, of which there are `layers`, and of the
    output.
    """
    if not isinstance(hidden, str | Activation | Iterable):
        raise TypeError(
            f"{where}: hidden has type {type(hidden).__name__}, expected a name, an Activation, "
            f"or a list of them"
        )
    each = [hidden] * layers if isinstance(hidden, str | Activation) else list(hidden)
    if len(each) != layers:
        raise ValueError(
            f"{where}: hidden has {counted(len(each), 'activation')}, expected {layers}, one per "
            f"hidden layer"
        )
    return [named("activation", Activation, ACTIVATIONS, given) for given in (*each, output)]
