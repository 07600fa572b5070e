"""Losses on values: mean and half squared error, and absolute error."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from refnet.activations import Activation
from refnet.checks import (
    Array,
)
from refnet.flags import quiet_where_finite
from refnet.losses.loss import Loss, scalar


class _ValueLoss(Loss):
    """A loss that compares the outputs of the network with target values (n, k)."""

    reads: ClassVar[str] = "values"
    outputs: ClassVar[tuple[type[Activation], ...]] = ()


class MSE(_ValueLoss):
    """C = sum (a - y)^2 / (n k), dC/da = 2 (a - y) / (n k).

    Shapes: a, y and the gradient are (n, k).
    Torch: torch.nn.MSELoss, which averages over samples and outputs.
    Errors: ValueError where a and y differ in shape.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 5.1.4.
    """

    name: ClassVar[str] = "mse"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = sum (a - y)^2 / (n k)",
        "dC/da": "dC/da = 2 (a - y) / (n k)",
    }
    source: ClassVar[str] = "Goodfellow, Bengio and Courville, Deep Learning, section 5.1.4"

    @quiet_where_finite
    def value(self, a: Array, y: Array) -> float:
        """C = sum (a - y)^2 / (n k)."""
        self._refuse_broadcast(a, y)
        e = (a - y).ravel()
        return scalar(np.dot(e, e) / e.size)

    @quiet_where_finite
    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da = 2 (a - y) / (n k)."""
        self._refuse_broadcast(a, y)
        return (a - y) * (2.0 / a.size)


class HalfSquaredError(_ValueLoss):
    """C = sum (a - y)^2 / (2 n), dC/da = (a - y) / n: half the squared distance, summed
    over outputs, averaged over samples.

    Shapes: a, y and the gradient are (n, k).
    Torch: none; 0.5 * ((a - y) ** 2).sum() / n. Equal to k / 2 times torch.nn.MSELoss.
    Errors: ValueError where a and y differ in shape.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equation 26.
    """

    name: ClassVar[str] = "half_squared_error"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = sum (a - y)^2 / (2 n)",
        "dC/da": "dC/da = (a - y) / n",
    }
    source: ClassVar[str] = "Nielsen, Neural Networks and Deep Learning, chapter 2, equation 26"

    @quiet_where_finite
    def value(self, a: Array, y: Array) -> float:
        """C = sum (a - y)^2 / (2 n)."""
        self._refuse_broadcast(a, y)
        e = (a - y).ravel()
        return scalar(np.dot(e, e) / (2 * len(a)))

    @quiet_where_finite
    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da = (a - y) / n."""
        self._refuse_broadcast(a, y)
        return (a - y) / len(a)


class MAE(_ValueLoss):
    """C = sum |a - y| / (n k), dC/da = sign(a - y) / (n k), with sign(0) = 0.

    Shapes: a, y and the gradient are (n, k).
    Torch: torch.nn.L1Loss, the same subgradient at 0.
    Errors: ValueError where a and y differ in shape.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.1.2.
    """

    name: ClassVar[str] = "mae"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = sum |a - y| / (n k)",
        "dC/da": "dC/da = sign(a - y) / (n k)",
    }
    source: ClassVar[str] = "Goodfellow, Bengio and Courville, Deep Learning, section 6.2.1.2"
    analytic: ClassVar[bool] = False
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    @quiet_where_finite
    def value(self, a: Array, y: Array) -> float:
        """C = sum |a - y| / (n k)."""
        self._refuse_broadcast(a, y)
        return scalar(np.abs(a - y).sum() / a.size)

    @quiet_where_finite
    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da = sign(a - y) / (n k)."""
        self._refuse_broadcast(a, y)
        return np.sign(a - y) / a.size
