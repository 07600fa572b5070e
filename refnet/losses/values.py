"""Losses on values: mean and half squared error, and absolute error."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from refnet.activations import Activation
from refnet.checks import (
    Array,
)
from refnet.flags import quiet_where_finite
from refnet.losses.loss import Loss, reduction_of, scalar


class _ValueLoss(Loss):
    """A loss that compares the outputs of the network with target values (n, k)."""

    reads: ClassVar[str] = "values"
    outputs: ClassVar[tuple[type[Activation], ...]] = ()

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction_of(str(self), reduction)


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
    def value(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C = sum s (a - y)^2 / D."""
        self._refuse_broadcast(a, y)
        return scalar(_squares(a - y, sample_weight) / self._divisor(y, sample_weight, a.shape[1]))

    @quiet_where_finite
    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da = 2 s (a - y) / D."""
        self._refuse_broadcast(a, y)
        D = self._divisor(y, sample_weight, a.shape[1])
        return _weighed(a - y, 2.0 / D if sample_weight is None else sample_weight * (2.0 / D))


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
    def value(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C = sum s (a - y)^2 / (2 D)."""
        self._refuse_broadcast(a, y)
        return scalar(_squares(a - y, sample_weight) / (2 * self._divisor(y, sample_weight)))

    @quiet_where_finite
    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da = s (a - y) / D."""
        self._refuse_broadcast(a, y)
        return _weighed(a - y, sample_weight) / self._divisor(y, sample_weight)


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
    def value(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C = sum s |a - y| / D."""
        self._refuse_broadcast(a, y)
        D = self._divisor(y, sample_weight, a.shape[1])
        return scalar(_weighed(np.abs(a - y), sample_weight).sum() / D)

    @quiet_where_finite
    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da = s sign(a - y) / D."""
        self._refuse_broadcast(a, y)
        return _weighed(np.sign(a - y), sample_weight) / self._divisor(y, sample_weight, a.shape[1])


def _squares(e: Array, sample_weight: Array | None) -> Any:
    """sum s e^2."""
    flat = e.ravel()
    return np.dot(_weighed(e, sample_weight).ravel(), flat)


def _weighed(e: Array, weight: Any) -> Array:
    """Each row of e times its weight; e itself where there is none."""
    if weight is None:
        return e
    return e * (weight[:, np.newaxis] if np.ndim(weight) else weight)
