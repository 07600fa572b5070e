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
from typing import NamedTuple, TypeAlias

import numpy as np

from refnet.checks import Array
from refnet.layer import Dense
from refnet.losses import Loss

# of dropout, on what each layer reads: 0 or 1 / (1 - p), None where nothing is dropped;
# empty without dropout
Masks: TypeAlias = Sequence[Array | None]


class LayerTrace(NamedTuple):
    """What one layer computed on the way forward.

    Shapes: a_prev (n, fan_in), z and a (n, fan_out).
    Torch: the input of torch.nn.Linear, its output, and the activation's output.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equation 25.
    """

    a_prev: Array
    z: Array
    a: Array


class LayerGradient(NamedTuple):
    """What one layer computed on the way back: dC/dz, dC/dW and dC/db.

    Shapes: delta (n, fan_out), dW (fan_out, fan_in), db (fan_out,).
    Torch: the .grad of z (after z.retain_grad()), weight and bias.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equations BP1 to BP4.
    """

    delta: Array
    dW: Array
    db: Array | None


def forward(layers: Sequence[Dense], x: Array, masks: Masks = ()) -> list[LayerTrace]:
    """z and a of every layer, first to last.

        z^l = a^(l-1) (W^l)^T + b^l, with a^0 = x
        a^l = f(z^l)

    With dropout a layer reads a^(l-1) * m^l, which is its a_prev.

    Shapes: x (n, fan_in of the first layer); a^L (n, fan_out of the last); the mask m
        of a layer as its input, or None.
    Torch: calling a torch.nn.Sequential.
    Errors: none of its own; Network.forward checks x.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equation 25.
    """
    trace = []
    a = x
    for layer, mask in zip(layers, masks or [None] * len(layers), strict=True):
        a_prev = masked(a, mask)
        z = np.dot(a_prev, layer.W.T)
        z = z if layer.b is None else z + layer.b
        a = layer.activation.value(z)
        trace.append(LayerTrace(a_prev, z, a))
    return trace


def backward(
    layers: Sequence[Dense],
    trace: Sequence[LayerTrace],
    loss: Loss,
    y: Array,
    masks: Masks = (),
) -> list[LayerGradient]:
    """delta, dW and db of every layer, computed last to first, returned first to last.

        BP1  delta^L = pullback(dC/da^L, z^L, a^L)
        BP2  delta^l = pullback(delta^(l+1) W^(l+1), z^l, a^l)
        BP3  db^l = sum of delta^l over rows
        BP4  dW^l = (delta^l)^T a^(l-1)

    With dropout BP2 reads (delta^(l+1) W^(l+1)) * m^(l+1), by the mask of the way
    forward. A layer without biases has no db.

    Shapes: y as the loss wants it; every delta, dW and db as in LayerGradient.
    Torch: loss(model(x), y).backward().
    Errors: ValueError where a cross-entropy on probabilities would divide by 0 or
        overflow; Network.backward checks the trace and y.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equations BP1 to BP4.
    """
    gradients = []
    masks = masks or [None] * len(layers)
    for i in reversed(range(len(layers))):
        f, (a_prev, z, a) = layers[i].activation, trace[i]
        if i == len(layers) - 1:
            delta = f.pullback(loss.gradient(a, y), z, a)  # BP1
        else:
            g = masked(np.dot(delta, layers[i + 1].W), masks[i + 1])
            delta = f.pullback(g, z, a)  # BP2
        db = None if layers[i].b is None else delta.sum(axis=0)  # BP3
        dW = np.dot(delta.T, a_prev)  # BP4
        gradients.append(LayerGradient(delta, dW, db))
    return gradients[::-1]


def masked(array: Array, mask: Array | None) -> Array:
    """array * mask; the array itself where nothing is dropped."""
    return array if mask is None else array * mask
