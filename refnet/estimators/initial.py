"""Where the weights of an estimator start: W and b uniform in +- bound, as scikit-learn
draws them, so that the same `random_state` gives the same numbers.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from refnet.activations import Activation, Sigmoid
from refnet.building import network_over
from refnet.layer import Dense, Kind
from refnet.network import Network


def drawn(kinds: Sequence[Kind], activation: Activation, dtype: np.dtype[Any], rng: Any) -> Network:
    """A network of these layers, whose numbers `rng`, a numpy.random.RandomState, draws
    in float64; `activation` is that of the last hidden layer, whose bound the output
    layer has too.
    """
    layers = []
    for i, kind in enumerate(kinds):
        f = kind.activation if i < len(kinds) - 1 else activation
        fan_out, fan_in = kind.shape
        bound = bound_of(f, fan_in, fan_out)
        # scikit-learn's layout is (fan_in, fan_out)
        W = rng.uniform(-bound, bound, (fan_in, fan_out)).T.astype(dtype)
        b = rng.uniform(-bound, bound, fan_out).astype(dtype)
        layers.append(Dense(W, b, kind.activation, kind.dropout))
    return Network(layers)


def bound_of(f: Activation, fan_in: int, fan_out: int) -> float:
    """sqrt(6 / (fan_in + fan_out)), with 2 for 6 where a sigmoid follows.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward
        neural networks (2010), equation 16; the 2 is scikit-learn's.
    """
    return sqrt((2.0 if isinstance(f, Sigmoid) else 6.0) / (fan_in + fan_out))


def ending_in(net: Network, output: Activation) -> Network:
    """The same network with another activation of the output, over the same vector:
    what trains the one trains the other.
    """
    kinds = [layer.kind for layer in net.layers]
    last = kinds[-1]._replace(activation=output)
    return network_over(net.parameters, [*kinds[:-1], last])
