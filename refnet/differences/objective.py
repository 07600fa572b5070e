"""What is differentiated: a loss on given targets, with the weights of the rows, the
penalty and the masks that belong to one step.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from refnet.backprop import LayerTrace, Masks, forward
from refnet.checks import Array
from refnet.losses import Loss
from refnet.losses.loss import takes_weights
from refnet.regularisers import L1, ElasticNet, Penalty


class Objective(NamedTuple):
    """C of a trace: the loss of its output, and the penalty on the weights."""

    loss: Loss
    y: Array
    sample_weight: Array | None = None
    penalty: Penalty | None = None
    masks: Masks = ()

    def checked(self) -> "Objective":
        """Itself, where the loss knows of the weights."""
        if self.sample_weight is not None:
            takes_weights(self.loss)
        return self

    def forward(self, layers: Sequence[Any], x: Array) -> list[LayerTrace]:
        """The trace of these layers, with the masks."""
        return forward(layers, x, self.masks)

    def cost(self, layers: Sequence[Any], output: Array) -> Any:
        """C; of complex layers too."""
        return self.value(output) + self.penalty_of(layers)

    def value(self, output: Array) -> Any:
        """The loss."""
        # a loss of one's own need not know of weights
        return self.loss.value(output, self.y, *self._weights)

    def gradient(self, output: Array) -> Array:
        """dC/da."""
        return self.loss.gradient(output, self.y, *self._weights)

    def penalty_of(self, layers: Sequence[Any]) -> Any:
        """The sum of the penalties of all layers; 0 without one."""
        penalty = self.penalty
        if penalty is None:
            return 0.0
        return sum(penalty.value(each) for layer in layers for each in penalty.penalised(layer))

    @property
    def has_corners(self) -> bool:
        """Whether the penalty has a kink where a weight is 0."""
        return isinstance(self.penalty, L1 | ElasticNet)

    def corners(self, layers: Sequence[Any]) -> list[Array]:
        """The signs of the weights, where the penalty has a kink at 0."""
        if self.penalty is None or not self.has_corners:
            return []
        return [np.sign(each) for layer in layers for each in self.penalty.penalised(layer)]

    @property
    def _weights(self) -> tuple[Array, ...]:
        return () if self.sample_weight is None else (self.sample_weight,)
