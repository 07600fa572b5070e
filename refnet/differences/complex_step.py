"""The complex step, Im C(theta + ih) / h.

It subtracts nothing, so h can be as small as 1e-100. It needs activations and a loss
that are analytic.
"""

from typing import NamedTuple

import numpy as np

from refnet.activations import Activation
from refnet.checks import Array
from refnet.differences.objective import Objective
from refnet.layer import views
from refnet.network import Network

# about 1e-100: its square vanishes beside any number, and it is far from underflow
STEP = 2.0**-333


def by_complex_step(net: Network, x: Array, objective: Objective) -> Array:
    """Im C(theta + ih) / h for every parameter; only rounding makes it inexact."""
    for i, layer in enumerate(net.layers, start=1):
        if not layer.activation.analytic:
            kind = type(layer.activation).__name__
            raise ValueError(
                f"gradient_check: complex step has {kind} in layer {i}, expected analytic "
                f"activations; use method='central'"
            )
    if not objective.loss.analytic or objective.has_corners:
        what = "penalty" if objective.loss.analytic else "loss"
        raise ValueError(
            f"gradient_check: complex step has the {what} {getattr(objective, what)}, expected an "
            f"analytic one; use method='central'"
        )
    theta = net.parameters.astype(np.complex128)
    kinds = [layer.kind for layer in net.layers]
    pairs = zip(views(theta, kinds), kinds, strict=True)
    layers = [_Layer(W, b, kind.activation) for (W, b), kind in pairs]
    numeric = np.empty_like(net.parameters)
    for i in range(theta.size):
        theta[i] += 1j * STEP
        output = objective.forward(layers, x.astype(np.complex128))[-1].a
        numeric[i] = np.imag(objective.cost(layers, output)) / STEP
        theta[i] = theta[i].real
    return numeric


class _Layer(NamedTuple):
    W: Array
    b: Array | None
    activation: Activation
