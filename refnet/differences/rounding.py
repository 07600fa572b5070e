"""How far rounding can move C and its gradient, estimated to first order.

The difference of two costs is no more exact than the costs. The gradient is rounded
too; where its terms cancel (p - y of a saturated output), that is a large share of it.
"""

import numpy as np

from refnet.activations import Elementwise, Identity
from refnet.backprop import LayerGradient, LayerTrace, masked
from refnet.checks import Array
from refnet.differences.objective import Objective
from refnet.layer import Dense
from refnet.losses import BinaryCrossEntropy
from refnet.losses.classes import as_distribution
from refnet.losses.loss import row_counts
from refnet.network import Network
from refnet.passes import Gradients, Trace
from refnet.regularisers import Penalty

UNIT = 2.0**-53  # half the distance from 1.0 to the next float64


def of_cost(net: Network, trace: Trace, objective: Objective, gradients: Gradients) -> float:
    """How far rounding can move C, to first order: by delta dz over all z, by dC/da da
    over all a, and by the sums of the loss and of the penalty.
    """
    output, on_logits = trace.output, objective.loss.reads == "logits"
    own = abs(objective.cost(net.layers, output)) + (
        2.0 * float((_shares(output, objective) * np.abs(output)).sum()) if on_logits else 0.0
    )
    # a sum of k terms takes k roundings; 8 more allow for those within f
    total = 0.0
    grad_a = np.zeros_like(output) if on_logits else np.abs(objective.gradient(output))
    for i in reversed(range(len(trace))):
        layer, step = net.layers[i], trace[i]
        size = np.dot(np.abs(step.a_prev), np.abs(layer.W).T)
        size = size if layer.b is None else size + np.abs(layer.b)
        total += (layer.fan_in + 8) * float(
            (np.abs(gradients[i].delta) * size).sum()
        ) + 8.0 * float((grad_a * np.abs(step.a)).sum())
        grad_a = np.abs(np.dot(gradients[i].delta, layer.W))
    return of_value(output, own) + float(UNIT * total) + _of_penalty(net, objective)


def _of_penalty(net: Network, objective: Objective) -> float:
    """How far the sum over the parameters can move the penalty."""
    return UNIT * (net.parameters.size + 8) * abs(objective.penalty_of(net.layers))


def of_value(output: Array, size: float) -> float:
    """How far the loss' own sum can move C, where its terms have this size in all."""
    # a sum of k terms takes k roundings; 16 more allow for those within the loss, where
    # exp and log are off by a few units in the last place
    return UNIT * (output.size + 16) * size


def of_gradient(net: Network, trace: Trace, objective: Objective, gradients: Gradients) -> Array:
    """How far rounding can move each entry of dW and db: the sum of its |terms|, times
    the roundings along a path.
    """
    roundings = (
        2.0
        * UNIT
        * (sum(layer.fan_in + layer.fan_out + 20 for layer in net.layers) + len(trace.output))
    )
    sizes = []
    delta = _size_of_output_delta(net.layers[-1], trace[-1], objective, gradients[-1].delta)
    masks = objective.masks or [None] * len(trace)
    for i in reversed(range(len(trace))):
        if i < len(trace) - 1:
            grad_a = masked(np.dot(delta, np.abs(net.layers[i + 1].W)), masks[i + 1])
            delta = _size_of_pullback(net.layers[i], grad_a, trace[i])
        sizes += [] if net.layers[i].b is None else [delta.sum(axis=0)]
        sizes += [np.dot(delta.T, np.abs(trace[i].a_prev)).ravel()]
    return roundings * (np.concatenate(sizes[::-1]) + _sizes_of_penalty(net, objective.penalty))


def _sizes_of_penalty(net: Network, penalty: Penalty | None) -> Array | float:
    """What a penalty adds to each entry of dW and db; 0 without one."""
    if penalty is None:
        return 0.0
    none = [
        LayerGradient(step.W, 0.0 * step.W, None if step.b is None else 0.0 * step.b)
        for step in net.layers
    ]
    return np.abs(Gradients(penalty.added(net.layers, none)).vector)


def _size_of_output_delta(
    layer: Dense, step: LayerTrace, objective: Objective, delta: Array
) -> Array:
    """The sums of |terms| of delta^L: a + y for a - y; for a probability p + y for
    p - y, which is at most 2, times what a row counts for.
    """
    a, y = step.a, objective.y
    if objective.loss.reads == "values":
        sizes = objective._replace(y=np.zeros_like(a)).gradient(np.abs(a) + np.abs(y))
        return _size_of_pullback(layer, np.abs(sizes), step)
    shares = _shares(a, objective)
    size = np.abs(delta) + 2.0 * shares
    # log(1 - a) magnifies the rounding of an a near 1, where y < 1
    if isinstance(objective.loss, BinaryCrossEntropy):
        size += (1.0 - y) / np.maximum(1.0 - a, UNIT) * shares
    return size


def _shares(a: Array, objective: Objective) -> Array:
    """What each row counts for in C where its outputs are no values: all that its
    outputs are compared with, over D.
    """
    loss, y, s = objective.loss, objective.y, objective.sample_weight
    terms = loss.terms(a, y, s)
    known = sum(each.sum(axis=1, keepdims=True) for each in terms.values())
    return np.asarray(np.maximum(known, row_counts(a, s)[:, np.newaxis]) / loss.D(a, y, s))


def wanted(a: Array, objective: Objective) -> Array:
    """What the probability of each output is compared with."""
    terms = objective.loss.terms(a, objective.y, objective.sample_weight)
    known = terms.get("T", terms.get("T_1"))
    return as_distribution(objective.y, a) if known is None else known


def _size_of_pullback(layer: Dense, grad_a: Array, step: LayerTrace) -> Array:
    """The sums of |terms| of dC/dz: those of a (g - sum g a) for softmax, of g f'
    otherwise, where f' = a - a^2 or 1 - a^2 cancels.
    """
    a = np.abs(step.a)
    if not isinstance(layer.activation, Elementwise):
        return a * (grad_a + (grad_a * a).sum(axis=1, keepdims=True))
    straight = layer.activation.kink or isinstance(layer.activation, Identity)
    return grad_a * (np.abs(layer.activation.derivative(step.z, step.a)) + (0.0 if straight else a))
