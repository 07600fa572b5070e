"""Losses for yes-or-no targets: binary cross-entropy on probabilities and on logits."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Activation, Identity, Sigmoid
from refnet.checks import (
    Array,
    numbers_of_classes,
    within_unit_interval,
)
from refnet.flags import quiet_where_finite
from refnet.losses.loss import (
    LOG_FLOOR,
    Loss,
    as_row,
    ratio,
    reduction_of,
    row_counts,
    scalar,
    weights_of,
)


class _BinaryLoss(Loss):
    """A loss whose targets are probabilities (n, k); each output answers its own
    yes-or-no question.

    With weights a "yes" counts T1_ij = s_i w_j p_j y_ij and a "no" T0_ij = s_i w_j (1 -
    y_ij), for the weight s_i of a row, w_j of an output and p_j (`pos_weight`) of its
    "yes". D is k times the sum of the s_i, whatever w and p are.
    """

    targets_like_outputs: ClassVar[bool] = True
    averages_outputs: ClassVar[bool] = True
    weight: tuple[float, ...] | None = None
    pos_weight: tuple[float, ...] | None = None

    def is_plain(self, sample_weight: Array | None = None) -> bool:
        """Whether T1 is y, T0 is 1 - y, and D is n k."""
        return super().is_plain(sample_weight) and self.weighs_alike

    @property
    def weighs_alike(self) -> bool:
        """Whether every output, and its yes and its no, counts alike."""
        return self.weight is None and self.pos_weight is None

    def columns(self, width: int, dtype: np.dtype[Any]) -> tuple[Array, ...]:
        """w_j p_j and w_j of each output; no w_j where all are 1, and nothing where all
        p_j are 1 too.
        """
        weight, pos_weight = (as_row(self, name, width, dtype) for name in ("weight", "pos_weight"))
        if weight is None:
            return () if pos_weight is None else (pos_weight,)
        return weight if pos_weight is None else weight * pos_weight, weight

    def _weighted(self, y: Array) -> tuple[Array, Array]:
        """T1 and T0 without the weights of the rows."""
        columns = self.columns(y.shape[1], y.dtype)
        if not columns:
            return y, 1.0 - y
        yes, *no = columns
        return y * yes, (1.0 - y) * no[0] if no else 1.0 - y

    def terms(self, a: Array, y: Array, sample_weight: Array | None = None) -> dict[str, Array]:
        """T1 and T0."""
        yes, no = self._weighted(y)
        rows = row_counts(a, sample_weight)[:, np.newaxis]
        return {"T_1": yes * rows, "T_0": no * rows}

    def targets(self, y: ArrayLike, rows: int, width: int, dtype: np.dtype[Any]) -> Array:
        """Probabilities (n, k) in `dtype`."""
        self.columns(width, dtype)  # refuses those that do not fit
        if width == 1:  # text may stand for the two classes
            y = numbers_of_classes(f"{self}: y", y, 2)
        return within_unit_interval(f"{self}: y", super().targets(y, rows, width, dtype))


class BinaryCrossEntropy(_BinaryLoss):
    """C = -sum (y log a + (1 - y) log(1 - a)) / (n k),
    dC/da = ((1 - y) / (1 - a) - y / a) / (n k).

    With weights s of the rows and w of the outputs C = -sum (T_1 log a + T_0 log(1 -
    a)) / D; dC/da = (T_0 / (1 - a) - T_1 / a) / D; T_1 = s w y; T_0 = s w (1 - y); D =
    k sum s, whatever w is. With reduction="sum" D = 1.

    The value counts log 0 as -100. The gradient is the mathematical one, unbounded as a
    goes to 0 where y > 0, and to 1 where y < 1.

    Shapes: a (n, k) probabilities, y (n, k) in [0, 1]; sample_weight (n,), weight (k,);
        the gradient is (n, k).
    Torch: torch.nn.BCELoss(weight, reduction), whose gradient divides by max(a (1 - a),
        1e-12) and so fades from a (1 - a) < 1e-12 on, and whose mean divides by n k,
        also where its weight is (n, 1) and counts rows.
    Dialect: Keras and PyTorch divide by the number of rows, not by the sum of their
        weights; scikit-learn as here.
    Errors: ValueError where shapes differ, a or y is outside [0, 1], the gradient needs
        1 / 0, or the weights of a batch have the sum 0.
    Source: Bishop, Pattern Recognition and Machine Learning, equation 4.90.
    """

    name: ClassVar[str] = "binary_cross_entropy"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum (y log a + (1 - y) log(1 - a)) / (n k)",
        "dC/da": "dC/da = ((1 - y) / (1 - a) - y / a) / (n k)",
    }
    weighted: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum (T_1 log a + T_0 log(1 - a)) / D",
        "dC/da": "dC/da = (T_0 / (1 - a) - T_1 / a) / D",
        "T_1": "T_1 = s w y",
        "T_0": "T_0 = s w (1 - y)",
        "D": "D = k sum s",
    }
    source: ClassVar[str] = "Bishop, Pattern Recognition and Machine Learning, equation 4.90"
    reads: ClassVar[str] = "probabilities"
    outputs: ClassVar[tuple[type[Activation], ...]] = (Sigmoid,)
    meant: ClassVar[dict[str, str]] = {"identity": "SigmoidCrossEntropy", "softmax": "CrossEntropy"}
    defaults: ClassVar[Mapping[str, Any]] = {"weight": None, "reduction": "mean"}

    def __init__(self, weight: ArrayLike | None = None, reduction: str = "mean") -> None:
        self.weight = weights_of(str(self), "weight", weight)
        self.reduction = reduction_of(str(self), reduction)

    @quiet_where_finite
    def value(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C = -sum (T1 max(log a, -100) + T0 max(log(1 - a), -100)) / D."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        # log 0 = -inf, which the floor raises to -100
        log_a = np.maximum(np.log(a), LOG_FLOOR)
        log_rest = np.maximum(np.log(1.0 - a), LOG_FLOOR)
        yes, no = self._weighted(y)
        each = yes * log_a + no * log_rest
        if self.is_plain(sample_weight):
            return scalar(-each.sum() / a.size)
        return scalar(-np.dot(each.sum(axis=1), self.shares(a, y, sample_weight)))

    @quiet_where_finite
    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da = (T0 / (1 - a) - T1 / a) / D."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        yes, no = self._weighted(y)
        if self.is_plain(sample_weight):
            return (ratio(self, no, 1.0 - a) - ratio(self, yes, a)) / a.size
        share = self.shares(a, y, sample_weight)[:, np.newaxis]
        return ratio(self, no * share, 1.0 - a) - ratio(self, yes * share, a)


class SigmoidCrossEntropy(_BinaryLoss):
    """C = -sum (y log sigmoid(z) + (1 - y) log sigmoid(-z)) / (n k),
    dC/dz = (sigmoid(z) - y) / (n k): binary cross-entropy on logits.

    With weights s of the rows, w of the outputs and pos_weight of their yes C = -sum
    (T_1 log sigmoid(z) + T_0 log sigmoid(-z)) / D; dC/dz = ((T_1 + T_0) sigmoid(z) -
    T_1) / D; T_1 = s w pos_weight y; T_0 = s w (1 - y); D = k sum s, whatever w and
    pos_weight are. With reduction="sum" D = 1.

    Shapes: z (n, k) logits, y (n, k) in [0, 1]; sample_weight (n,), weight and
        pos_weight (k,); the gradient is (n, k).
    Torch: torch.nn.BCEWithLogitsLoss(weight, reduction, pos_weight), whose mean divides
        by n k, also where its weight is (n, 1) and counts rows.
    Dialect: TensorFlow's weighted_cross_entropy_with_logits has the same pos_weight;
        Keras and PyTorch divide by the number of rows, not by the sum of their weights;
        scikit-learn as here.
    Errors: ValueError where shapes differ, y is outside [0, 1], or the weights of a
        batch have the sum 0.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 3, equations 57 to 61.
    """

    name: ClassVar[str] = "sigmoid_cross_entropy"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum (y log sigmoid(z) + (1 - y) log sigmoid(-z)) / (n k)",
        "dC/dz": "dC/dz = (sigmoid(z) - y) / (n k)",
    }
    weighted: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum (T_1 log sigmoid(z) + T_0 log sigmoid(-z)) / D",
        "dC/dz": "dC/dz = ((T_1 + T_0) sigmoid(z) - T_1) / D",
        "T_1": "T_1 = s w pos_weight y",
        "T_0": "T_0 = s w (1 - y)",
        "D": "D = k sum s",
    }
    source: ClassVar[str] = (
        "Nielsen, Neural Networks and Deep Learning, chapter 3, equations 57 to 61"
    )
    reads: ClassVar[str] = "logits"
    outputs: ClassVar[tuple[type[Activation], ...]] = (Identity,)
    meant: ClassVar[dict[str, str]] = {"sigmoid": "BinaryCrossEntropy", "softmax": "CrossEntropy"}
    defaults: ClassVar[Mapping[str, Any]] = {
        "weight": None,
        "reduction": "mean",
        "pos_weight": None,
    }
    # C is analytic in z, but the stable form of it below, with |z|, is not
    analytic: ClassVar[bool] = False

    def __init__(
        self,
        weight: ArrayLike | None = None,
        reduction: str = "mean",
        pos_weight: ArrayLike | None = None,
    ) -> None:
        self.weight = weights_of(str(self), "weight", weight)
        self.reduction = reduction_of(str(self), reduction)
        self.pos_weight = weights_of(str(self), "pos_weight", pos_weight)

    @quiet_where_finite
    def value(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C = sum (max(z, 0) - z y + log(1 + exp(-|z|))) / (n k); with weights of
        outputs the sum of T0 max(z, 0) + T1 max(-z, 0)
        + (T0 + T1) log(1 + exp(-|z|)), over D.
        """
        self._refuse_broadcast(z, y)
        each = self._costs(z, y)
        if self.is_plain(sample_weight):
            return scalar(each.sum() / z.size)
        return scalar(np.dot(each.sum(axis=1), self.shares(z, y, sample_weight)))

    def _costs(self, z: Array, y: Array) -> Array:
        """Of each output of each row, before its share."""
        soft = np.log1p(np.exp(-np.abs(z)))
        if self.weighs_alike:
            return np.maximum(z, 0.0) - z * y + soft
        yes, no = self._weighted(y)
        above = np.maximum(z, 0.0)
        below = above - z  # max(-z, 0)
        return no * above + yes * below + (no + yes) * soft

    @quiet_where_finite
    def gradient(self, z: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/dz = ((T0 + T1) sigmoid(z) - T1) / D."""
        self._refuse_broadcast(z, y)
        p, (yes, no) = Sigmoid().value(z), self._weighted(y)
        if self.is_plain(sample_weight):
            return (p - y) / z.size
        share = self.shares(z, y, sample_weight)[:, np.newaxis]
        return (p - y if self.weighs_alike else (no + yes) * p - yes) * share
