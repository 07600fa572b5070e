"""What every form is given, and what it shows of one forward and backward pass."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Activation, Elementwise
from refnet.checks import Array, instance, named
from refnet.layer import Dense
from refnet.losses import LOSSES, MSE, HalfSquaredError, Loss
from refnet.network import Network

# arrays by the number of their layer, as the texts count: the input is layer 1
Numbered = dict[int, Array]


class Worked(NamedTuple):
    """The numbers of one pass: C, then z, a, delta = dC/dz, dW = dC/dW and db = dC/db
    of each layer, first to last; None for the db of a layer without biases.

    The 1/m of the mean over m rows is in delta, dW and db, as in refnet: delta equals
    torch's gradient of z. In refnet and graph it enters with the output delta. The
    forms loops and accumulated compute without it, as their texts do, and divide every
    delta, dW and db by m at the end. Where m is no power of two, their delta has one
    rounding more than refnet's, which parity's bounds do not allow for: BP2 or BP3 may
    exceed them. So parity certifies these two where the division is exact.

    Shapes: z, a, delta are (m, fan_out); dW (fan_out, fan_in); db (fan_out,).
    Torch: loss, module outputs, and the .grad of z, weight and bias after
        loss.backward().
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2.
    """

    loss: float
    z: tuple[Array, ...]
    a: tuple[Array, ...]
    delta: tuple[Array, ...]
    dW: tuple[Array, ...]
    db: tuple[Array | None, ...]


def curvature(loss: str | Loss, width: int) -> float:
    """c in J = c/2 ||y - h||^2 of one example, so that dJ/dh = -c (y - h): 1 for
    HalfSquaredError, 2 / width for MSE.

    Shapes: width is the number of outputs, k.
    Torch: none; the factor by which torch.nn.MSELoss over one row differs from half the
        squared distance.
    Errors: ValueError for every other loss, TypeError where it is none.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, section 4.2,
        for c = 1.
    """
    loss = named("loss", Loss, LOSSES, loss)
    if type(loss) is HalfSquaredError:
        return 1.0
    if type(loss) is MSE:
        return 2.0 / width
    raise ValueError(f"forms: loss has {loss}, expected HalfSquaredError or MSE")


def elementwise(where: str, activation: Activation) -> Elementwise:
    """The activation, where it works on one node at a time, h_i = f(z_i).

    Shapes: f takes and gives arrays of any shape.
    Torch: the elementwise activation modules of torch.nn.
    Errors: ValueError for an activation that mixes nodes, such as Softmax.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, section 2.1.
    """
    if isinstance(activation, Elementwise):
        return activation
    raise ValueError(
        f"{where}: activation has {type(activation).__name__}, expected an elementwise one: its "
        f"outputs depend on the other nodes of the layer"
    )


def slope(layer: Dense, z: Array, h: Array) -> Array:
    """f'(z), from z or from h = f(z).

    Shapes: z, h and the result have the same shape.
    Torch: the gradient of activation(z).sum() in z.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, section 4.5.
    """
    return cast("Elementwise", layer.activation).derivative(z, h)


def stacked(samples: Sequence[Numbered]) -> tuple[Array, ...]:
    """The vectors of m samples as the rows of one array for each layer after the input.

    Shapes: m times (nodes,) to (m, nodes), for each layer.
    Torch: torch.stack.
    Source: Khan, Nothing but NumPy, cost function, on vectorized computations; rows
        here, columns there.
    """
    return tuple(np.stack([sample[l] for sample in samples]) for l in sorted(samples[0]) if l > 1)


def inputs(net: Network, x: ArrayLike) -> Array:
    """x as a form reads it, for a network whose activations are elementwise.

    Shapes: x (m, fan_in of the first layer).
    Torch: none.
    Errors: ValueError or TypeError where net, x or an activation does not fit.
    Source: as Network.
    """
    instance("forms", "net", net, Network)
    for i, layer in enumerate(net.layers, start=1):
        elementwise(f"Dense {i} (W {layer.fan_out}x{layer.fan_in})", layer.activation)
    return np.ascontiguousarray(net.check_inputs(x), net.dtype)


def examples(
    net: Network, x: ArrayLike, y: ArrayLike, loss: str | Loss
) -> tuple[Array, Array, float]:
    """x, y and c, as a form reads them to learn from m examples.

    Shapes: x (m, fan_in of the first layer), y (m, fan_out of the last).
    Torch: none.
    Errors: ValueError or TypeError where an argument or an activation does not fit.
    Source: as Network and `curvature`.
    """
    c = curvature(loss, instance("forms", "net", net, Network).sizes[-1])
    x = inputs(net, x)
    y = net.check_targets(net.trainable_with(loss), y, len(x))
    return x, np.ascontiguousarray(y, net.dtype), c
