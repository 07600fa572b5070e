"""Losses on values: mean and half squared error, and absolute error."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from refnet.activations import Activation
from refnet.checks import Array
from refnet.flags import quiet_where_finite
from refnet.losses.loss import Loss, reduction_of, scalar


class _ValueLoss(Loss):
    """A loss that compares the outputs of the network with target values (n, k)."""

    reads: ClassVar[str] = "values"
    outputs: ClassVar[tuple[type[Activation], ...]] = ()
    targets_like_outputs: ClassVar[bool] = True

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction_of(str(self), reduction)


class MSE(_ValueLoss):
    """C = sum (a - y)^2 / (n k), dC/da = 2 (a - y) / (n k).

    With weights s of the rows C = sum s (a - y)^2 / D; dC/da = 2 s (a - y) / D; D = k
    sum s. With reduction="sum" D = 1.

    Shapes: a, y and the gradient are (n, k); sample_weight (n,).
    Torch: torch.nn.MSELoss(reduction), which averages over samples and outputs; weights
        by hand.
    Dialect: with reduction="sum_over_batch_size" Keras divides by the number of rows,
        not by the sum of their weights.
    Errors: ValueError where a and y differ in shape, or the weights of a batch have the
        sum 0.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 5.1.4.
    """

    name: ClassVar[str] = "mse"
    averages_outputs: ClassVar[bool] = True
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = sum (a - y)^2 / (n k)",
        "dC/da": "dC/da = 2 (a - y) / (n k)",
    }
    weighted: ClassVar[Mapping[str, str]] = {
        "C": "C = sum s (a - y)^2 / D",
        "dC/da": "dC/da = 2 s (a - y) / D",
        "D": "D = k sum s",
    }
    source: ClassVar[str] = "Goodfellow, Bengio and Courville, Deep Learning, section 5.1.4"

    @quiet_where_finite
    def value(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C = sum s (a - y)^2 / D."""
        self._refuse_broadcast(a, y)
        e = a - y
        if self.is_plain(sample_weight):
            return scalar(_sum_of_squares(e) / a.size)
        return scalar(np.dot((e * e).sum(axis=1), self.shares(a, y, sample_weight)))

    @quiet_where_finite
    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da = 2 s (a - y) / D."""
        self._refuse_broadcast(a, y)
        if self.is_plain(sample_weight):
            return (a - y) * (2.0 / a.size)
        share = self.shares(a, y, sample_weight)
        return (a - y) * (2.0 * share)[:, np.newaxis]


class HalfSquaredError(_ValueLoss):
    """C = sum (a - y)^2 / (2 n), dC/da = (a - y) / n: half the squared distance, summed
    over outputs, averaged over samples.

    With weights s of the rows C = sum s (a - y)^2 / (2 D); dC/da = s (a - y) / D; D =
    sum s. With reduction="sum" D = 1.

    Shapes: a, y and the gradient are (n, k); sample_weight (n,).
    Torch: none; 0.5 * ((a - y) ** 2).sum() / n. Equal to k / 2 times torch.nn.MSELoss,
        and with reduction="sum" to half of it.
    Errors: ValueError where a and y differ in shape, or the weights of a batch have the
        sum 0.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equation 26.
    """

    name: ClassVar[str] = "half_squared_error"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = sum (a - y)^2 / (2 n)",
        "dC/da": "dC/da = (a - y) / n",
    }
    weighted: ClassVar[Mapping[str, str]] = {
        "C": "C = sum s (a - y)^2 / (2 D)",
        "dC/da": "dC/da = s (a - y) / D",
        "D": "D = sum s",
    }
    source: ClassVar[str] = "Nielsen, Neural Networks and Deep Learning, chapter 2, equation 26"

    @quiet_where_finite
    def value(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C = sum s (a - y)^2 / (2 D)."""
        self._refuse_broadcast(a, y)
        e = a - y
        if self.is_plain(sample_weight):
            return scalar(_sum_of_squares(e) / (2 * len(a)))
        return scalar(np.dot((e * e).sum(axis=1), 0.5 * self.shares(a, y, sample_weight)))

    @quiet_where_finite
    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da = s (a - y) / D."""
        self._refuse_broadcast(a, y)
        if self.is_plain(sample_weight):
            return (a - y) / len(a)
        return (a - y) * self.shares(a, y, sample_weight)[:, np.newaxis]


class MAE(_ValueLoss):
    """C = sum |a - y| / (n k), dC/da = sign(a - y) / (n k), with sign(0) = 0.

    With weights s of the rows C = sum s |a - y| / D; dC/da = s sign(a - y) / D; D = k
    sum s. With reduction="sum" D = 1.

    Shapes: a, y and the gradient are (n, k); sample_weight (n,).
    Torch: torch.nn.L1Loss(reduction), the same subgradient at 0; weights by hand.
    Errors: ValueError where a and y differ in shape, or the weights of a batch have the
        sum 0.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.1.2.
    """

    name: ClassVar[str] = "mae"
    averages_outputs: ClassVar[bool] = True
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = sum |a - y| / (n k)",
        "dC/da": "dC/da = sign(a - y) / (n k)",
    }
    weighted: ClassVar[Mapping[str, str]] = {
        "C": "C = sum s |a - y| / D",
        "dC/da": "dC/da = s sign(a - y) / D",
        "D": "D = k sum s",
    }
    source: ClassVar[str] = "Goodfellow, Bengio and Courville, Deep Learning, section 6.2.1.2"
    analytic: ClassVar[bool] = False
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    @quiet_where_finite
    def value(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C = sum s |a - y| / D."""
        self._refuse_broadcast(a, y)
        size = np.abs(a - y)
        if self.is_plain(sample_weight):
            return scalar(size.sum() / a.size)
        return scalar(np.dot(size.sum(axis=1), self.shares(a, y, sample_weight)))

    @quiet_where_finite
    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da = s sign(a - y) / D."""
        self._refuse_broadcast(a, y)
        if self.is_plain(sample_weight):
            return np.sign(a - y) / a.size
        share = self.shares(a, y, sample_weight)
        return np.sign(a - y) * share[:, np.newaxis]


def _sum_of_squares(e: Array) -> Any:
    flat = e.ravel()
    return np.dot(flat, flat)
