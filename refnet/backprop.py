"""Backpropagation: the forward pass and the four equations. Read this first.

Rows are samples; n rows, L layers. W (fan_out, fan_in) has the layout of
torch.nn.Linear, as dW has; b and db are (fan_out,), a_prev is (n, fan_in), and z, a and
delta are (n, fan_out).

    textbook (column vectors)                          here
    a^(l-1)                                            a_prev
    z^l = W^l a^(l-1) + b^l                            z = a_prev W^T + b
    a^l = f(z^l)                                       a = f(z)
    BP1  delta^L = dC/da^L * f'(z^L)                   delta = pullback(dC/da, z, a)
    BP2  delta^l = (W^(l+1))^T delta^(l+1) * f'(z^l)   delta = pullback(delta W, z, a)
    BP3  dC/db^l = delta^l                             db = sum of delta over rows
    BP4  dC/dW^l_jk = a^(l-1)_k delta^l_j              dW = delta^T a_prev

delta^l is dC/dz^l. The pullback of an elementwise f is a product with f'(z). The 1/n is
in dC/da, where the loss puts it, so BP3 and BP4 are plain sums.

Source: Nielsen, Neural Networks and Deep Learning, chapter 2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from refnet.checks import Array
from refnet.layer import Dense
from refnet.losses import Loss


class LayerTrace(NamedTuple):
    """What one layer did on the way forward: a_prev (n, fan_in), z, a (n, fan_out)."""

    a_prev: Array
    z: Array
    a: Array


class LayerGradient(NamedTuple):
    """What one layer got on the way back: delta (n, fan_out), dW as W and db as b."""

    delta: Array
    dW: Array
    db: Array


def forward(layers: Sequence[Dense], x: Array) -> list[LayerTrace]:
    """z and a of every layer, first to last.

    Shapes: x (n, fan_in of the first).
    Torch: calling an nn.Sequential.
    """
    trace = []
    a = x
    for layer in layers:
        a_prev = a
        z = np.dot(a_prev, layer.W.T) + layer.b
        a = layer.activation.value(z)
        trace.append(LayerTrace(a_prev, z, a))
    return trace


def backward(
    layers: Sequence[Dense], trace: Sequence[LayerTrace], loss: Loss, y: Array
) -> list[LayerGradient]:
    """delta, dW and db of every layer, first to last.

    Shapes: y as the loss wants it.
    Torch: loss(model(x), y).backward().
    """
    gradients = []
    for i in reversed(range(len(layers))):
        a_prev, z, a = trace[i]
        if i == len(layers) - 1:
            delta = layers[i].activation.pullback(loss.gradient(a, y), z, a)  # BP1
        else:
            delta = layers[i].activation.pullback(np.dot(delta, layers[i + 1].W), z, a)  # BP2
        db = delta.sum(axis=0)  # BP3
        dW = np.dot(delta.T, a_prev)  # BP4
        gradients.append(LayerGradient(delta, dW, db))
    return gradients[::-1]
