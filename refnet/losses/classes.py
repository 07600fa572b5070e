"""Losses for class targets: cross-entropy on probabilities and on logits; one_hot."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Activation, Identity, Sigmoid, Softmax
from refnet.checks import (
    Array,
    class_labels,
    distributions,
    float_dtype,
    integer,
    matrix,
    number,
    real_array,
    within_unit_interval,
)
from refnet.flags import quiet_where_finite
from refnet.losses.loss import (
    LOG_FLOOR,
    Loss,
    as_row,
    positive,
    ratio,
    reduction_of,
    scalar,
    weights_of,
)


class _ClassLoss(Loss):
    """A loss whose targets are integer labels (n,) or distributions (n, k) over the k
    classes.

    With weights the targets are T_ij = s_i w_j ((1 - eps) y_ij + eps/k), for the weight
    s_i of a row, w_j of a class, and the label smoothing eps; T is 0 in a row whose
    label is `ignore_index`. D is the sum of the s_i, with labels that of s_i w_(y_i).
    """

    weight: tuple[float, ...] | None = None
    ignore_index: int | None = None
    label_smoothing: float = 0.0
    defaults: ClassVar[Mapping[str, Any]] = {
        "weight": None,
        "ignore_index": None,
        "reduction": "mean",
        "label_smoothing": 0.0,
    }

    def __init__(
        self,
        weight: ArrayLike | None = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        self.weight = weights_of(str(self), "weight", weight)
        self.ignore_index = ignore_index
        if ignore_index is not None:
            # any integer: -100 is what PyTorch takes by default
            self.ignore_index = integer(str(self), "ignore_index", ignore_index, low=-(2**31))
        self.reduction = reduction_of(str(self), reduction)
        self.label_smoothing = _share(str(self), "label_smoothing", label_smoothing)

    def total_weight(self, y: Array, sample_weight: Array | None = None) -> float:
        """What the mean divides by: the sum of the weights of the rows, with labels
        each times the weight of its class.
        """
        if y.ndim == 2 or (self.weight is None and self.ignore_index is None):
            return super().total_weight(y, sample_weight)
        return positive(self, self._of_labels(y, sample_weight).sum())

    def _of_labels(self, y: Array, sample_weight: Array | None) -> Array:
        """s_i w_(y_i) of each row, 0 where the label is ignored."""
        ignored = self._ignored(y)
        weights = 1.0 if self.weight is None else np.asarray(self.weight)[np.where(ignored, 0, y)]
        given = np.ones(len(y)) if sample_weight is None else sample_weight
        return np.where(ignored, 0.0, given * weights).astype(given.dtype, copy=False)

    def _ignored(self, y: Array) -> Array:
        return np.zeros(len(y), bool) if self.ignore_index is None else y == self.ignore_index

    def _is_plain(self, sample_weight: Array | None) -> bool:
        """Whether T is y, and D is n but for the reduction."""
        return sample_weight is None and self._plain

    @cached_property
    def _plain(self) -> bool:
        return not self.settings.keys() - {"reduction"}

    def _weighted(self, y: Array, a: Array, sample_weight: Array | None) -> Array:
        """T."""
        T, dtype, rows = self._distribution(y, a), a.real.dtype, sample_weight
        if self.label_smoothing:
            T = (1.0 - self.label_smoothing) * T + self.label_smoothing / a.shape[1]
        weight = as_row(self, "weight", self.weight, a)
        T = T if weight is None else T * weight
        if y.ndim == 1 and self.ignore_index is not None:
            counted = ~self._ignored(y)
            rows = counted.astype(dtype) if rows is None else rows * counted
        return T if rows is None else T * rows[:, np.newaxis]

    def _distribution(self, y: Array, a: Array) -> Array:
        """Labels as one-hot rows, an ignored one as any; distributions as they are."""
        if y.ndim == 1 and self.ignore_index is not None:
            y = np.where(self._ignored(y), 0, y)
        return as_distribution(y, a)

    def targets(self, y: ArrayLike, rows: int, width: int, dtype: np.dtype[Any]) -> Array:
        """Labels as integers, distributions in `dtype`."""
        where = f"{self}: y"
        given = real_array(where, y)
        as_row(self, "weight", self.weight, np.empty((0, width)))
        if given.shape == (rows,):
            return class_labels(where, given, width, self.ignore_index)
        if given.shape != (rows, width):
            raise ValueError(
                f"{where} has shape {given.shape}, expected labels ({rows},) or distributions "
                f"({rows}, {width})"
            )
        coarsest = max(np.finfo(kind).eps for kind in (dtype, given.dtype) if kind.kind == "f")
        return distributions(where, matrix(where, y, dtype, (rows, width)), float(coarsest))

    def _refuse_broadcast(self, a: Array, y: Array) -> None:
        if y.shape != a.shape[:1]:
            super()._refuse_broadcast(a, y)


class CrossEntropy(_ClassLoss):
    """C = -sum y log a / n, dC/da = -y / (a n); with labels, -log of the probability of
    the label.

    The value counts log 0 as -100. The gradient is the mathematical one, unbounded as a
    goes to 0.

    Shapes: a (n, k) probabilities; y (n,) labels or (n, k) distributions; the gradient
        is (n, k).
    Torch: torch.nn.NLLLoss of torch.log(a), which has no floor under the value.
    Errors: ValueError where shapes differ, a is outside [0, 1], or the gradient needs
        1 / 0.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.1.1.
    """

    name: ClassVar[str] = "cross_entropy"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum y log a / n",
        "dC/da": "dC/da = -y / (a n)",
    }
    source: ClassVar[str] = "Goodfellow, Bengio and Courville, Deep Learning, section 6.2.1.1"
    reads: ClassVar[str] = "probabilities"
    outputs: ClassVar[tuple[type[Activation], ...]] = (Softmax, Sigmoid)
    meant: ClassVar[dict[str, str]] = {"identity": "SoftmaxCrossEntropy"}

    @quiet_where_finite
    def value(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C = -sum T max(log a, -100) / D."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        log_a = np.maximum(np.log(a), LOG_FLOOR)  # log 0 = -inf becomes -100
        T = y if self._is_plain(sample_weight) else self._weighted(y, a, sample_weight)
        return scalar(-expected(log_a, T) / self._divisor(y, sample_weight))

    @quiet_where_finite
    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da = -T / (a D), 0 where T = 0."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        T = self._weighted(y, a, sample_weight)
        return -ratio(self, T, a) / self._divisor(y, sample_weight)


class SoftmaxCrossEntropy(_ClassLoss):
    """C = -sum y log softmax(z) / n, dC/dz = (softmax(z) - y) / n: cross-entropy on
    logits.

    Shapes: z (n, k) logits; y (n,) labels or (n, k) distributions; the gradient is (n,
        k).
    Torch: torch.nn.CrossEntropyLoss.
    Errors: ValueError where shapes differ.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.2.3.
    """

    name: ClassVar[str] = "softmax_cross_entropy"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum y log softmax(z) / n",
        "dC/dz": "dC/dz = (softmax(z) - y) / n",
    }
    source: ClassVar[str] = "Goodfellow, Bengio and Courville, Deep Learning, section 6.2.2.3"
    reads: ClassVar[str] = "logits"
    outputs: ClassVar[tuple[type[Activation], ...]] = (Identity,)
    meant: ClassVar[dict[str, str]] = {"softmax": "CrossEntropy", "sigmoid": "BinaryCrossEntropy"}

    @quiet_where_finite
    def value(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C = sum T (log sum exp s - s) / D, with s = z - max z."""
        self._refuse_broadcast(z, y)
        s = z - z.max(axis=1, keepdims=True)
        T = y if self._is_plain(sample_weight) else self._weighted(y, z, sample_weight)
        log_total = np.log(np.exp(s).sum(axis=1, keepdims=True))
        return scalar(expected(log_total - s, T) / self._divisor(y, sample_weight))

    @quiet_where_finite
    def gradient(self, z: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/dz = (softmax(z) sum_j T_ij - T) / D."""
        self._refuse_broadcast(z, y)
        p, T = Softmax().value(z), self._weighted(y, z, sample_weight)
        if not self._is_plain(sample_weight):
            p = p * T.sum(axis=1, keepdims=True)
        return (p - T) / self._divisor(y, sample_weight)


def _share(where: str, name: str, given: float) -> float:
    """A number in [0, 1]."""
    share = number(where, name, given, low=0.0)
    if share > 1.0:
        raise ValueError(f"{where}: {name} has {given}, expected a number in [0, 1]")
    return share


def one_hot(labels: ArrayLike, classes: int, dtype: Any = "float64") -> Array:
    """y_ij = 1 where j is the label of row i, else 0: class targets for a loss that
    reads values.

    Shapes: labels (n,) to (n, classes).
    Torch: torch.nn.functional.one_hot, in floating point.
    Errors: TypeError for labels that are not integers, ValueError for a label out of
        range.
    Source: Bishop, Pattern Recognition and Machine Learning, section 4.1.3 (1-of-K
        coding).
    """
    given = real_array("one_hot: labels", labels)
    if given.ndim != 1:
        raise ValueError(f"one_hot: labels has shape {given.shape}, expected (n,)")
    classes = integer("one_hot", "classes", classes, low=1)
    result = np.zeros((len(given), classes), float_dtype("one_hot: dtype", dtype))
    result[np.arange(len(given)), class_labels("one_hot: labels", given, classes)] = 1.0
    return result


def as_distribution(y: Array, a: Array) -> Array:
    """Labels as one-hot rows of the shape of a; distributions as they are."""
    # a may be complex, in gradient_check's complex step; y is real
    return one_hot(y, a.shape[1], a.real.dtype) if y.ndim == 1 else y


def expected(t: Array, y: Array) -> Any:
    """Sum over rows of sum over classes of y_j t_j; with labels, the sum of the entries
    at the labels.
    """
    return (
        t[np.arange(len(t)), class_labels("y", y, t.shape[1])].sum()
        if y.ndim == 1
        else (y * t).sum()
    )
