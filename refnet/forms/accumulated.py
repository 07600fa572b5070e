"""Sample by sample: the gradients of each example are added up in capital deltas, and
one step is taken with their mean.

    here             Thomas
    h[l], z[l]       h^(l), z^(l): the nodes of layer l, where layer 1 is the input
    layers[l - 1]    W^(l), b^(l), from layer l to layer l + 1
    delta[l]         delta^(l) = dJ/dz^(l) of one sample, without the 1/m
    tri_W, tri_b     Delta W, Delta b: sums over the m samples, one for each layer

Khan's first way of batch descent has W, b and delta for these, and capital deltas for
the sums.

A loop over the samples, with matrix products within each: the time of an iteration is
proportional to m.

Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
    (adventuresinmachinelearning), sections 4.7 to 4.9 and 5.4; Khan, Nothing but NumPy:
    Understanding & Creating Neural Networks with Computational Graphs from Scratch, on
    the cost function.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refnet.checks import Array, number, refuse_nonfinite
from refnet.flags import quiet_where_finite
from refnet.forms.contract import Numbered, Worked, examples, slope, stacked
from refnet.layer import Dense
from refnet.losses import Loss
from refnet.network import Network


class Sample(NamedTuple):
    """J(W, b, x, y) = c/2 ||y - h^(n_l)||^2 of one sample, with the h, z and delta of
    its layers, by their number.

    Shapes: J a number; h[l], z[l], delta[l] (nodes of layer l,).
    Torch: none.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, section 4.2.
    """

    J: float
    h: Numbered
    z: Numbered
    delta: Numbered


def propagate(layers: Sequence[Dense], x: Array) -> tuple[Numbered, Numbered]:
    """z^(l+1) = W^(l) h^(l) + b^(l), h^(l+1) = f(z^(l+1)): h and z of one sample,
    unchecked.

    Shapes: x (fan_in of the first layer,); h[l] and z[l] (nodes of layer l,).
    Torch: the modules one after the other.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 3.4
        and 5.4.
    """
    h, z = {1: x}, {}
    for l, layer in enumerate(layers, start=1):
        z[l + 1] = np.dot(layer.W, h[l])
        z[l + 1] = z[l + 1] if layer.b is None else z[l + 1] + layer.b  # z
        h[l + 1] = layer.activation.value(z[l + 1])  # a
    return h, z


def backpropagate(
    layers: Sequence[Dense], h: Numbered, z: Numbered, y: Array, c: float
) -> Numbered:
    """delta^(n_l) = -c (y - h^(n_l)) * f'(z^(n_l)); delta^(l) = ((W^(l))^T
    delta^(l+1)) * f'(z^(l)).

    Shapes: y (nodes of the last layer,); delta[l] (nodes of layer l,) for l from 2 on.
    Torch: the gradient of z, of the loss of this sample alone.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 4.7
        and 5.4, where c is 1.
    """
    last = len(layers) + 1  # n_l
    delta = {last: -c * (y - h[last]) * slope(layers[-1], z[last], h[last])}  # BP1
    for l in range(last - 1, 1, -1):
        delta[l] = np.dot(layers[l - 1].W.T, delta[l + 1]) * slope(layers[l - 2], z[l], h[l])  # BP2
    return delta


def samples(layers: Sequence[Dense], x: Array, y: Array, c: float) -> Iterator[Sample]:
    """J = c/2 ||y - h^(n_l)||^2, h, z and delta of one sample after the other,
    unchecked.

    Shapes: x (m, fan_in of the first layer), y (m, fan_out of the last).
    Torch: backward() of each row's loss.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, section 4.9,
        steps 2a to 2c.
    """
    for x_sample, y_sample in zip(x, y, strict=True):
        h, z = propagate(layers, x_sample)
        error = y_sample - h[len(layers) + 1]
        # C
        yield Sample(c / 2 * np.dot(error, error), h, z, backpropagate(layers, h, z, y_sample, c))


def accumulate(
    layers: Sequence[Dense], worked: Iterable[Sample]
) -> tuple[float, list[Array], list[Array | None]]:
    """Delta W^(l) := Delta W^(l) + delta^(l+1) (h^(l))^T, Delta b^(l) := Delta
    b^(l) + delta^(l+1): the sum of J, and these sums. A layer without biases has no
    Delta b.

    Shapes: Delta W as W (fan_out, fan_in), Delta b as b (fan_out,).
    Torch: what .grad adds up over several backward() without zero_grad().
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, section 4.8,
        and 4.9, steps 1 and 2d.
    """
    J = 0.0
    tri_W, tri_b = (
        [np.zeros_like(layer.W) for layer in layers],
        [None if layer.b is None else np.zeros_like(layer.b) for layer in layers],
    )
    for sample in worked:
        J += sample.J
        for l in range(len(layers), 0, -1):
            # BP4
            tri_W[l - 1] += np.dot(sample.delta[l + 1][:, np.newaxis], sample.h[l][np.newaxis, :])
            if (total := tri_b[l - 1]) is not None:
                total += sample.delta[l + 1]  # BP3
    return J, tri_W, tri_b


@quiet_where_finite
def gradient(net: Network, x: ArrayLike, y: ArrayLike, loss: str | Loss) -> Worked:
    """dJ/dW^(l) = 1/m Delta W^(l), dJ/db^(l) = 1/m Delta b^(l).

    Shapes: x (m, fan_in of the first layer), y (m, fan_out of the last).
    Torch: loss(model(x), y).backward(), then the .grad of every parameter.
    Errors: ValueError or TypeError where x, y, the loss or an activation does not fit.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 4.8
        and 4.9.
    """
    x, y, c = examples(net, x, y, loss)
    m, worked = len(x), list(samples(net.layers, x, y, c))
    J, tri_W, tri_b = accumulate(net.layers, worked)
    _, h, z, delta = zip(*worked, strict=True)
    return Worked(
        float(J / m),
        stacked(z),
        stacked(h),
        tuple(rows / m for rows in stacked(delta)),
        tuple(total / m for total in tri_W),
        tuple(None if total is None else total / m for total in tri_b),
    )


def step(net: Network, x: ArrayLike, y: ArrayLike, loss: str | Loss, lr: float) -> float:
    """W^(l) := W^(l) - lr (1/m Delta W^(l)), b^(l) := b^(l) - lr (1/m Delta b^(l)), in
    place; the cost before it.

    Shapes: x (m, fan_in of the first layer), y (m, fan_out of the last).
    Torch: a step of torch.optim.SGD(lr=lr).
    Errors: ValueError or TypeError where an argument does not fit; FloatingPointError,
        with the network as it was, where a new value would not be finite.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, section 4.9,
        step 3.
    """
    alpha = number("accumulated.step", "lr", lr, low=0.0)
    x, y, c = examples(net, x, y, loss)
    with np.errstate(all="ignore"):  # an overflow is refused by name
        return step_into(net, x, y, c, alpha)


def step_into(net: Network, x: Array, y: Array, c: float, lr: float) -> float:
    """W^(l) := W^(l) - lr (1/m Delta W^(l)), b^(l) := b^(l) - lr (1/m Delta b^(l)), of
    x and y that have been checked.

    Shapes: x (m, fan_in of the first layer), y (m, fan_out of the last), of the
        network's dtype.
    Torch: a step of torch.optim.SGD(lr=lr).
    Errors: FloatingPointError, with the network as it was, where a new value would not
        be finite.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, section 4.9.
    """
    m = len(x)
    J, tri_W, tri_b = accumulate(net.layers, samples(net.layers, x, y, c))
    stepped = [
        (theta, theta - lr * (total / m))
        for layer, total_W, total_b in zip(net.layers, tri_W, tri_b, strict=True)
        for theta, total in ((layer.W, total_W), (layer.b, total_b))
        if theta is not None and total is not None
    ]  # step
    # before anything is written, so that the network stays as it was
    refuse_nonfinite("new value", np.concatenate([new.ravel() for _, new in stepped]), net.entry)
    for theta, new in stepped:
        theta[...] = new
    return float(J / m)
