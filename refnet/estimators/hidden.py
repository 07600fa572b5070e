"""Which hidden layer's activations are features, for a Pipeline."""

from refnet.checks import Array, counted, integer
from refnet.network import Network


def features(net: Network, x: Array, where: str, given: int) -> Array:
    """The activations a^l of the hidden layer `given`, without dropout."""
    return net.forward(x)[hidden_layer(net, where, given)].a


def width(net: Network, where: str, given: int) -> int:
    """How many features there are."""
    return net.layers[hidden_layer(net, where, given)].fan_out


def hidden_layer(net: Network, where: str, given: int) -> int:
    """Which layer that is: -1 is the last hidden one, 0 the first."""
    hidden = len(net.layers) - 1
    if not hidden:
        raise ValueError(f"{where}: transform has a network without hidden layers, expected one")
    layer = integer(where, "transform_layer", given, low=-hidden)
    if layer >= hidden:
        raise ValueError(
            f"{where}: transform_layer has {layer}, expected one of "
            f"{counted(hidden, 'hidden layer')}: {-hidden} to {hidden - 1}"
        )
    return layer % hidden
