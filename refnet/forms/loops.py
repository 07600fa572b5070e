"""Index by index: every sum a loop, every product of two numbers in sight.

    here             Thomas                                      refnet.backprop
    h[l], z[l]       h^(l), z^(l): the nodes of layer l, where   a, z of Dense l - 1
                     layer 1 is the input
    layers[l - 1]    W^(l), b^(l), in which w_ij leads from      Dense l
                     node j of layer l to node i of layer l + 1
    delta[l][j]      delta_j^(l) = dJ/dz_j^(l) of one sample,    m delta
                     without the 1/m

Nothing is vectorised: all samples, all i, all j, one after the other. Thomas's nodes
all have biases; a layer without them has no b_i^(l) here.

Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
    (adventuresinmachinelearning), sections 3.2 and 4.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from refnet.checks import Array
from refnet.flags import quiet_where_finite
from refnet.forms.contract import Numbered, Worked, examples, inputs, slope, stacked
from refnet.layer import Dense
from refnet.losses import Loss
from refnet.network import Network


@quiet_where_finite
def feed_forward(net: Network, x: ArrayLike) -> Array:
    """h_i^(l+1) = f(sum over j of w_ij^(l) h_j^(l) + b_i^(l)), layer by layer, node by
    node: the output.

    Shapes: x (m, fan_in of the first layer) to (m, fan_out of the last).
    Torch: model(x).
    Errors: ValueError or TypeError where x does not fit or an activation is not
        elementwise.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 3
        and 3.2.
    """
    return stacked([propagate(net.layers, sample)[0] for sample in inputs(net, x)])[-1]


def propagate(layers: Sequence[Dense], x: Array) -> tuple[Numbered, Numbered]:
    """z_i^(l+1) = sum over j of w_ij^(l) h_j^(l) + b_i^(l), h_i^(l+1) = f(z_i^(l+1)): h
    and z of one sample, unchecked.

    Shapes: x (fan_in of the first layer,); h[l] and z[l] (nodes of layer l,).
    Torch: the modules one after the other.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, section 3.2.
    """
    h, z = {1: x}, {}
    for l, layer in enumerate(layers, start=1):
        W, b, node_in = layer.W, layer.b, h[l]
        h[l + 1], z[l + 1] = (np.zeros(layer.fan_out, W.dtype) for _ in range(2))
        for i in range(layer.fan_out):
            f_sum = 0.0
            for j in range(layer.fan_in):
                f_sum += W[i][j] * node_in[j]
            z[l + 1][i] = f_sum if b is None else f_sum + b[i]  # z
            h[l + 1][i] = layer.activation.value(_one_node(z[l + 1], i))[0, 0]  # a
    return h, z


def backpropagate(
    layers: Sequence[Dense], h: Numbered, z: Numbered, y: Array, c: float
) -> Numbered:
    """delta_i^(n_l) = -c (y_i - h_i^(n_l)) f'(z_i^(n_l)); delta_j^(l) = (sum over i of
    w_ij^(l) delta_i^(l+1)) f'(z_j^(l)).

    Shapes: y (nodes of the last layer,); delta[l] (nodes of layer l,) for l from 2 on.
    Torch: the gradient of z, of the loss of this sample alone.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 4.5
        and 4.6, where c is 1.
    """
    last = len(layers) + 1  # n_l
    delta = {l: np.zeros_like(z[l]) for l in z}
    for i in range(len(y)):
        f_prime = slope(layers[-1], _one_node(z[last], i), _one_node(h[last], i))[0, 0]
        delta[last][i] = -c * (y[i] - h[last][i]) * f_prime  # BP1
    for l in range(last - 1, 1, -1):
        W = layers[l - 1].W
        for j in range(len(z[l])):
            weighted = 0.0
            for i in range(len(z[l + 1])):
                weighted += W[i][j] * delta[l + 1][i]
            # BP2
            delta[l][j] = (
                weighted * slope(layers[l - 2], _one_node(z[l], j), _one_node(h[l], j))[0, 0]
            )
    return delta


def partials(h: Numbered, delta: Numbered) -> tuple[list[Array], list[Array]]:
    """dJ/dw_ij^(l) = h_j^(l) delta_i^(l+1) and dJ/db_i^(l) = delta_i^(l+1) of one
    sample, for each l.

    Shapes: as W (fan_out, fan_in) and b (fan_out,) of each layer.
    Torch: the .grad of weight and bias, of the loss of this sample alone.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 4.5
        and 4.6.
    """
    dW, db = [], []
    for l in range(1, len(h)):
        dW.append(np.zeros((len(h[l + 1]), len(h[l])), h[l].dtype))
        db.append(np.zeros_like(h[l + 1]))
        for i in range(len(h[l + 1])):
            db[-1][i] = delta[l + 1][i]  # BP3
            for j in range(len(h[l])):
                dW[-1][i][j] = h[l][j] * delta[l + 1][i]  # BP4
    return dW, db


@quiet_where_finite
def gradient(net: Network, x: ArrayLike, y: ArrayLike, loss: str | Loss) -> Worked:
    """J(w,b) = 1/m sum over samples of c/2 sum over i of (y_i - h_i^(n_l))^2, and the
    mean of each partial derivative.

    Shapes: x (m, fan_in of the first layer), y (m, fan_out of the last).
    Torch: loss(model(x), y).backward(), then the .grad of every parameter.
    Errors: ValueError or TypeError where x, y, the loss or an activation does not fit.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 4.2
        and 4.8.
    """
    x, y, c = examples(net, x, y, loss)
    m = len(x)
    h, z = zip(*(propagate(net.layers, x[k]) for k in range(m)), strict=True)
    delta = [backpropagate(net.layers, h[k], z[k], y[k], c) for k in range(m)]
    dW, db = zip(*(partials(h[k], delta[k]) for k in range(m)), strict=True)
    a = stacked(h)
    J = net.dtype.type(0)
    for k, i in np.ndindex(y.shape):
        J += c / 2 * (y[k, i] - a[-1][k, i]) ** 2  # C
    each = range(len(net.layers))
    return Worked(
        float(J / m),
        stacked(z),
        a,
        tuple(rows / m for rows in stacked(delta)),
        tuple(mean([sample[l] for sample in dW]) for l in each),
        tuple(
            None if net.layers[l].b is None else mean([sample[l] for sample in db]) for l in each
        ),
    )


def mean(samples: Sequence[Array]) -> Array:
    """1/m sum over samples, entry by entry.

    Shapes: m arrays of any shape, to one of it.
    Torch: torch.stack(samples).mean(dim=0).
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, section 4.8.
    """
    average = np.zeros_like(samples[0])
    for index in np.ndindex(average.shape):
        for sample in samples:
            average[index] += sample[index]
        average[index] /= len(samples)
    return average


def _one_node(vector: Array, i: int) -> Array:
    """Entry i as the (1, 1) array that an activation takes."""
    return vector[i : i + 1, np.newaxis]
