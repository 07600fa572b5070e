"""What a forward and a backward pass over a network compute: Trace and Gradients."""

from typing import Protocol, runtime_checkable

import numpy as np

from refnet.backprop import LayerGradient, LayerTrace
from refnet.checks import Array, instance
from refnet.flags import quiet_where_finite
from refnet.layer import Dense


@runtime_checkable
class _Network(Protocol):
    @property
    def layers(self) -> tuple[Dense, ...]: ...


class Trace(tuple[LayerTrace, ...]):
    """What the forward pass computed: one LayerTrace(a_prev, z, a) per layer.

    Shapes: as in LayerTrace; `output` is (n, fan_out of the last layer).
    Torch: the tensors that pass between the modules of a torch.nn.Sequential.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equation 25.
    """

    __slots__ = ()

    @property
    def output(self) -> Array:
        """a^L, the output of the network."""
        return self[-1].a


class Gradients(tuple[LayerGradient, ...]):
    """What the backward pass computed: one LayerGradient(delta, dW, db) per layer.

    Shapes: as in LayerGradient; `vector` is (number of parameters,).
    Torch: the .grad of the parameters after backward().
    Errors: TypeError where dC/dx is asked for with what is no Network.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equations BP1 to BP4.
    """

    __slots__ = ()

    @property
    def vector(self) -> Array:
        """dC/dtheta, flat, in the order of Network.parameters: a new vector of dW and
        db as they are now.
        """
        return np.concatenate([part for layer in self for part in (layer.dW.ravel(), layer.db)])

    @quiet_where_finite
    def wrt_input(self, net: _Network) -> Array:
        """dC/dx = delta^1 W^1.

        Ask before the optimizer steps: it uses the network's W as it stands.

        Shapes: (n, fan_in of the first layer).
        Torch: x.grad, where x requires it.
        Errors: TypeError if net is no Network.
        """
        instance("Gradients.wrt_input", "net", net, _Network)
        return np.dot(self[0].delta, net.layers[0].W)
