"""What a forward and a backward pass over a network compute: Trace and Gradients."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import numpy as np

from refnet.activations import Identity
from refnet.backprop import LayerGradient, LayerTrace, Masks, masked
from refnet.checks import Array, instance
from refnet.flags import quiet_where_finite
from refnet.layer import Dense, Kind, views


@runtime_checkable
class _Network(Protocol):
    @property
    def layers(self) -> tuple[Dense, ...]: ...


class Trace(tuple[LayerTrace, ...]):  # noqa: SLOT001 - it keeps its masks
    """What the forward pass computed: one LayerTrace(a_prev, z, a) per layer.

    Shapes: as in LayerTrace; `output` is (n, fan_out of the last layer).
    Torch: the tensors that pass between the modules of a torch.nn.Sequential.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equation 25.
    """

    masks: tuple[Array | None, ...] = ()  # of dropout; empty without

    @classmethod
    def of(cls, layers: Iterable[LayerTrace], masks: Masks) -> "Trace":
        """The trace of these layers, with the masks by which they dropped inputs."""
        trace = cls(layers)
        trace.masks = tuple(masks)
        return trace

    @property
    def output(self) -> Array:
        """a^L, the output of the network."""
        return self[-1].a


class Gradients(tuple[LayerGradient, ...]):  # noqa: SLOT001 - it keeps a mask
    """What the backward pass computed: one LayerGradient(delta, dW, db) per layer.

    Shapes: as in LayerGradient; `vector` is (number of parameters,).
    Torch: the .grad of the parameters after backward().
    Errors: TypeError where dC/dx is asked for with what is no Network.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equations BP1 to BP4.
    """

    input_mask: Array | None = None  # of dropout on x

    @property
    def vector(self) -> Array:
        """dC/dtheta, flat, in the order of Network.parameters: a new vector of dW and
        db as they are now.
        """
        parts = (part for layer in self for part in (layer.dW, layer.db) if part is not None)
        return np.concatenate([part.ravel() for part in parts])

    def over(self, vector: Array) -> "Gradients":
        """The same deltas, with dW and db as views of another flat vector."""
        kinds = (Kind(layer.dW.shape, layer.db is not None, Identity(), 0.0) for layer in self)
        pairs = zip(self, views(vector, kinds), strict=True)
        new = Gradients(LayerGradient(layer.delta, *pair) for layer, pair in pairs)
        new.input_mask = self.input_mask
        return new

    @quiet_where_finite
    def wrt_input(self, net: _Network) -> Array:
        """dC/dx = delta^1 W^1, with dropout on x times its mask.

        Ask before the optimizer steps: it uses the network's W as it stands.

        Shapes: (n, fan_in of the first layer).
        Torch: x.grad, where x requires it.
        Errors: TypeError if net is no Network.
        """
        instance("Gradients.wrt_input", "net", net, _Network)
        return masked(np.dot(self[0].delta, net.layers[0].W), self.input_mask)
