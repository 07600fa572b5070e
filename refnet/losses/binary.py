"""Losses for yes-or-no targets: binary cross-entropy on probabilities and on logits."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Activation, Identity, Sigmoid
from refnet.checks import (
    Array,
    within_unit_interval,
)
from refnet.flags import quiet_where_finite
from refnet.losses.loss import LOG_FLOOR, Loss, ratio, scalar


class _BinaryLoss(Loss):
    """A loss whose targets are probabilities (n, k); each output answers its own
    yes-or-no question.
    """

    def targets(self, y: ArrayLike, rows: int, width: int, dtype: np.dtype[Any]) -> Array:
        """Probabilities (n, k) in `dtype`."""
        return within_unit_interval(f"{self}: y", super().targets(y, rows, width, dtype))


class BinaryCrossEntropy(_BinaryLoss):
    """C = -sum (y log a + (1 - y) log(1 - a)) / (n k),
    dC/da = ((1 - y) / (1 - a) - y / a) / (n k).

    The value counts log 0 as -100. The gradient is the mathematical one, unbounded as a
    goes to 0 where y > 0, and to 1 where y < 1.

    Shapes: a (n, k) probabilities, y (n, k) in [0, 1]; the gradient is (n, k).
    Torch: torch.nn.BCELoss, whose gradient divides by max(a (1 - a), 1e-12) and so
        fades from a (1 - a) < 1e-12 on.
    Errors: ValueError where shapes differ, a or y is outside [0, 1], or the gradient
        needs 1 / 0.
    Source: Bishop, Pattern Recognition and Machine Learning, equation 4.90.
    """

    name: ClassVar[str] = "binary_cross_entropy"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum (y log a + (1 - y) log(1 - a)) / (n k)",
        "dC/da": "dC/da = ((1 - y) / (1 - a) - y / a) / (n k)",
    }
    source: ClassVar[str] = "Bishop, Pattern Recognition and Machine Learning, equation 4.90"
    reads: ClassVar[str] = "probabilities"
    outputs: ClassVar[tuple[type[Activation], ...]] = (Sigmoid,)
    meant: ClassVar[dict[str, str]] = {"identity": "SigmoidCrossEntropy", "softmax": "CrossEntropy"}

    @quiet_where_finite
    def value(self, a: Array, y: Array) -> float:
        """C = -sum (y max(log a, -100) + (1 - y) max(log(1 - a), -100)) / (n k)."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        # log 0 = -inf, which the floor raises to -100
        log_a = np.maximum(np.log(a), LOG_FLOOR)
        log_rest = np.maximum(np.log(1.0 - a), LOG_FLOOR)
        return scalar(-(y * log_a + (1.0 - y) * log_rest).sum() / a.size)

    @quiet_where_finite
    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da = ((1 - y) / (1 - a) - y / a) / (n k)."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        return (ratio(self, 1.0 - y, 1.0 - a) - ratio(self, y, a)) / a.size


class SigmoidCrossEntropy(_BinaryLoss):
    """C = -sum (y log sigmoid(z) + (1 - y) log sigmoid(-z)) / (n k),
    dC/dz = (sigmoid(z) - y) / (n k): binary cross-entropy on logits.

    Shapes: z (n, k) logits, y (n, k) in [0, 1]; the gradient is (n, k).
    Torch: torch.nn.BCEWithLogitsLoss.
    Errors: ValueError where shapes differ or y is outside [0, 1].
    Source: Nielsen, Neural Networks and Deep Learning, chapter 3, equations 57 to 61.
    """

    name: ClassVar[str] = "sigmoid_cross_entropy"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum (y log sigmoid(z) + (1 - y) log sigmoid(-z)) / (n k)",
        "dC/dz": "dC/dz = (sigmoid(z) - y) / (n k)",
    }
    source: ClassVar[str] = (
        "Nielsen, Neural Networks and Deep Learning, chapter 3, equations 57 to 61"
    )
    reads: ClassVar[str] = "logits"
    outputs: ClassVar[tuple[type[Activation], ...]] = (Identity,)
    meant: ClassVar[dict[str, str]] = {"sigmoid": "BinaryCrossEntropy", "softmax": "CrossEntropy"}
    # C is analytic in z, but the stable form of it below, with |z|, is not
    analytic: ClassVar[bool] = False

    @quiet_where_finite
    def value(self, z: Array, y: Array) -> float:
        """C = sum (max(z, 0) - z y + log(1 + exp(-|z|))) / (n k)."""
        self._refuse_broadcast(z, y)
        return scalar((np.maximum(z, 0.0) - z * y + np.log1p(np.exp(-np.abs(z)))).sum() / z.size)

    @quiet_where_finite
    def gradient(self, z: Array, y: Array) -> Array:
        """dC/dz = (sigmoid(z) - y) / (n k)."""
        self._refuse_broadcast(z, y)
        return (Sigmoid().value(z) - y) / z.size
