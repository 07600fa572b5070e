"""How far rounding can move C and its gradient, estimated to first order.

The difference of two costs is no more exact than the costs. The gradient is rounded
too; where its terms cancel (p - y of a saturated output), that is a large share of it.
"""

import numpy as np

from refnet.activations import Elementwise, Identity
from refnet.backprop import LayerTrace
from refnet.checks import Array
from refnet.layer import Dense
from refnet.losses import BinaryCrossEntropy, Loss
from refnet.network import Network
from refnet.passes import Gradients, Trace

UNIT = 2.0**-53  # half the distance from 1.0 to the next float64


def of_cost(net: Network, trace: Trace, y: Array, loss: Loss, gradients: Gradients) -> float:
    """How far rounding can move C, to first order: by delta dz over all z, by dC/da da
    over all a, and by the loss' own sum.
    """
    output = trace.output
    own = abs(loss.value(output, y)) + (
        2.0 * float(np.abs(output).sum()) / len(output) if loss.reads == "logits" else 0.0
    )
    # a sum of k terms takes k roundings; 8 more allow for those within f
    total = 0.0
    grad_a = np.zeros_like(output) if loss.reads == "logits" else np.abs(loss.gradient(output, y))
    for i in reversed(range(len(trace))):
        layer, step = net.layers[i], trace[i]
        size = np.dot(np.abs(step.a_prev), np.abs(layer.W).T)
        size = size if layer.b is None else size + np.abs(layer.b)
        total += (layer.fan_in + 8) * float(
            (np.abs(gradients[i].delta) * size).sum()
        ) + 8.0 * float((grad_a * np.abs(step.a)).sum())
        grad_a = np.abs(np.dot(gradients[i].delta, layer.W))
    return of_value(output, own) + float(UNIT * total)


def of_value(output: Array, size: float) -> float:
    """How far the loss' own sum can move C, where its terms have this size in all."""
    # a sum of k terms takes k roundings; 16 more allow for those within the loss, where
    # exp and log are off by a few units in the last place
    return UNIT * (output.size + 16) * size


def of_gradient(net: Network, trace: Trace, y: Array, loss: Loss, gradients: Gradients) -> Array:
    """How far rounding can move each entry of dW and db: the sum of its |terms|, times
    the roundings along a path.
    """
    roundings = (
        2.0
        * UNIT
        * (sum(layer.fan_in + layer.fan_out + 20 for layer in net.layers) + len(trace.output))
    )
    sizes = []
    delta = _size_of_output_delta(net.layers[-1], trace[-1], y, loss, gradients[-1].delta)
    for i in reversed(range(len(trace))):
        if i < len(trace) - 1:
            delta = _size_of_pullback(
                net.layers[i], np.dot(delta, np.abs(net.layers[i + 1].W)), trace[i]
            )
        sizes += [] if net.layers[i].b is None else [delta.sum(axis=0)]
        sizes += [np.dot(delta.T, np.abs(trace[i].a_prev)).ravel()]
    return roundings * np.concatenate(sizes[::-1])


def _size_of_output_delta(
    layer: Dense, step: LayerTrace, y: Array, loss: Loss, delta: Array
) -> Array:
    """The sums of |terms| of delta^L: a + y for a - y; for a probability p + y for
    p - y, which is at most 2, over the rows.
    """
    rows, a = len(step.a), step.a
    if loss.reads == "values":
        return _size_of_pullback(
            layer, np.abs(loss.gradient(np.abs(a) + np.abs(y), np.zeros_like(a))), step
        )
    size = np.abs(delta) + 2.0 / rows
    # log(1 - a) magnifies the rounding of an a near 1, where y < 1
    if isinstance(loss, BinaryCrossEntropy):
        size += (1.0 - y) / np.maximum(1.0 - a, UNIT) / rows
    return size


def _size_of_pullback(layer: Dense, grad_a: Array, step: LayerTrace) -> Array:
    """The sums of |terms| of dC/dz: those of a (g - sum g a) for softmax, of g f'
    otherwise, where f' = a - a^2 or 1 - a^2 cancels.
    """
    a = np.abs(step.a)
    if not isinstance(layer.activation, Elementwise):
        return a * (grad_a + (grad_a * a).sum(axis=1, keepdims=True))
    straight = layer.activation.kink or isinstance(layer.activation, Identity)
    return grad_a * (np.abs(layer.activation.derivative(step.z, step.a)) + (0.0 if straight else a))
