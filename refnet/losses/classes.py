"""Losses for class targets: cross-entropy on probabilities and on logits; one_hot."""

from collections.abc import Mapping
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
    numbers_of_classes,
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
    row_counts,
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
        rows = np.ones(len(y)) if sample_weight is None else sample_weight
        return positive(self, self._of_labels(rows, y).sum())

    def is_plain(self, sample_weight: Array | None = None) -> bool:
        """Whether T is y and D is n."""
        return (
            super().is_plain(sample_weight)
            and self.weight is None
            and self.ignore_index is None
            and not self.label_smoothing
        )

    def picks(self, y: Array) -> bool:
        """Whether each row has a target for its label alone, which its share carries:
        labels without smoothing.
        """
        return y.ndim == 1 and not self.label_smoothing

    def columns(self, width: int, dtype: np.dtype[Any]) -> tuple[Array, ...]:
        """w_j, w_j (1 - eps) and w_j eps/k of each class; nothing where T is y."""
        if self.weight is None and not self.label_smoothing:
            return ()
        weight = as_row(self, "weight", width, dtype)
        weight = np.ones(width, dtype) if weight is None else weight
        eps = self.label_smoothing
        return weight, weight * (1.0 - eps), weight * (eps / width)

    def shares(self, a: Array, y: Array, sample_weight: Array | None) -> Array:
        """s_i / D of each row; s_i w_(y_i) / D where it has one target alone."""
        if y.ndim == 2:
            return super().shares(a, y, sample_weight)
        rows = row_counts(a, sample_weight)
        weighted = self._of_labels(rows, y)
        rows = weighted if self.picks(y) else self._of_counted(rows, y)
        return rows if self.reduction == "sum" else rows / positive(self, weighted.sum())

    def terms(self, a: Array, y: Array, sample_weight: Array | None = None) -> dict[str, Array]:
        """T."""
        rows = row_counts(a, sample_weight)
        if y.ndim == 1:
            rows = self._of_labels(rows, y) if self.picks(y) else self._of_counted(rows, y)
        return {"T": self._distribution(y, a) * rows[:, np.newaxis]}

    def _of_labels(self, rows: Array, y: Array) -> Array:
        """s_i w_(y_i) of each row, 0 where the label is ignored."""
        if self.weight is not None:
            # also of an ignored label, whose product is 0 below
            rows = np.asarray(self.weight, rows.dtype).take(y, mode="clip") * rows
        return self._of_counted(rows, y)

    def _of_counted(self, rows: Array, y: Array) -> Array:
        """The weights of the rows, 0 where the label is ignored."""
        return rows if self.ignore_index is None else rows * (y != self.ignore_index)

    def _labels(self, y: Array, width: int) -> Array:
        """The labels, and any class in the place of one that is ignored."""
        return y if self.ignore_index is None else np.clip(y, 0, width - 1)

    def _distribution(self, y: Array, a: Array) -> Array:
        """w_j ((1 - eps) y_ij + eps/k): T without the weights of the rows; y itself, or
        one-hot labels, where it has none.
        """
        distribution = as_distribution(self._labels(y, a.shape[1]) if y.ndim == 1 else y, a)
        columns = self.columns(a.shape[1], a.real.dtype)
        if self.picks(y) or not columns:
            return distribution
        _, hit, off = columns
        return distribution * hit + off

    def _expected(self, t: Array, y: Array) -> Array:
        """The sum over classes of w_j ((1 - eps) y_ij + eps/k) t_ij of each row."""
        if y.ndim == 2:
            return (t * self._distribution(y, t)).sum(axis=1)
        labels = self._labels(y, t.shape[1])
        picked = t[np.arange(len(t)), labels]
        if self.picks(y):
            return picked
        _, hit, off = self.columns(t.shape[1], t.real.dtype)
        return np.dot(t, off) + hit[labels] * picked

    def _sums(self, y: Array, a: Array) -> Array | None:
        """The sum over classes of w_j ((1 - eps) y_ij + eps/k) of each row; None where
        it is 1.
        """
        if y.ndim == 1 and (self.picks(y) or self.weight is None):
            return None
        columns = self.columns(a.shape[1], a.real.dtype)
        if not columns:
            return y.sum(axis=1)
        _, hit, off = columns
        each = hit[self._labels(y, len(hit))] if y.ndim == 1 else np.dot(y, hit)
        return each + off.sum()

    def targets(self, y: ArrayLike, rows: int, width: int, dtype: np.dtype[Any]) -> Array:
        """Labels as integers, distributions in `dtype`."""
        where = f"{self}: y"
        given = numbers_of_classes(where, y, width)
        as_row(self, "weight", width, dtype)
        if given.shape == (rows,):
            return self._checked_labels(where, given, width)
        if given.shape != (rows, width):
            raise ValueError(
                f"{where} has shape {given.shape}, expected labels ({rows},) or distributions "
                f"({rows}, {width})"
            )
        # a negative one, such as the -100 of PyTorch's default, is no class
        if self.ignore_index is not None and self.ignore_index >= 0:
            raise ValueError(
                f"{where} has distributions, expected labels ({rows},), as ignore_index is "
                f"{self.ignore_index}"
            )
        coarsest = max(np.finfo(kind).eps for kind in (dtype, given.dtype) if kind.kind == "f")
        return distributions(where, matrix(where, y, dtype, (rows, width)), float(coarsest))

    def _checked_labels(self, where: str, given: Array, width: int) -> Array:
        labels = class_labels(where, given, width, self.ignore_index)
        ignored = False if self.ignore_index is None else (labels == self.ignore_index).all()
        if ignored and self.reduction == "mean":
            raise ValueError(
                f"{where} has the label {self.ignore_index} in every row, which is ignored, "
                f"expected at least one other"
            )
        return labels

    def _refuse_broadcast(self, a: Array, y: Array) -> None:
        if y.shape != a.shape[:1]:
            super()._refuse_broadcast(a, y)


class CrossEntropy(_ClassLoss):
    """C = -sum y log a / n, dC/da = -y / (a n); with labels, -log of the probability of
    the label.

    With weights s of the rows, w of the classes and eps = label_smoothing C = -sum T
    log a / D; dC/da = -T / (a D); T = s w ((1 - eps) y + eps/k), 0 where the label is
    ignore_index; D = sum s, with labels the sum of s w at the labels that count. With
    reduction="sum" D = 1.

    The value counts log 0 as -100. The gradient is the mathematical one, unbounded as a
    goes to 0.

    Shapes: a (n, k) probabilities; y (n,) labels or (n, k) distributions; sample_weight
        (n,), weight (k,); the gradient is (n, k).
    Torch: torch.nn.NLLLoss(weight, ignore_index, reduction) of torch.log(a), which has
        no floor under the value and no label smoothing.
    Dialect: PyTorch's ignore_index is -100 unless another is given; here none is
        ignored. scikit-learn's class_weight and sample_weight divide by the sum of the
        weights too; Keras divides by the number of rows.
    Errors: ValueError where shapes differ, a is outside [0, 1], the gradient needs 1 /
        0, the weights of a batch have the sum 0, or ignore_index is a class and y are
        distributions.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.1.1.
    """

    name: ClassVar[str] = "cross_entropy"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum y log a / n",
        "dC/da": "dC/da = -y / (a n)",
    }
    weighted: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum T log a / D",
        "dC/da": "dC/da = -T / (a D)",
        "T": "T = s w ((1 - eps) y + eps/k)",
        "D": "D = sum s",
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
        if self.is_plain(sample_weight):
            return scalar(-expected(log_a, y) / len(a))
        return scalar(-np.dot(self._expected(log_a, y), self.shares(a, y, sample_weight)))

    @quiet_where_finite
    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da = -T / (a D), 0 where T = 0."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        if self.is_plain(sample_weight):
            return -ratio(self, as_distribution(y, a), a) / len(a)
        share = self.shares(a, y, sample_weight)[:, np.newaxis]
        return -ratio(self, self._distribution(y, a) * share, a)


class SoftmaxCrossEntropy(_ClassLoss):
    """C = -sum y log softmax(z) / n, dC/dz = (softmax(z) - y) / n: cross-entropy on
    logits.

    With weights s of the rows, w of the classes and eps = label_smoothing C = -sum T
    log softmax(z) / D; dC/dz = (softmax(z) sum over i of T_i - T) / D; T = s w ((1 -
    eps) y + eps/k), 0 where the label is ignore_index; D = sum s, with labels the sum
    of s w at the labels that count. With reduction="sum" D = 1.

    Shapes: z (n, k) logits; y (n,) labels or (n, k) distributions; sample_weight (n,),
        weight (k,); the gradient is (n, k).
    Torch: torch.nn.CrossEntropyLoss(weight, ignore_index, reduction, label_smoothing),
        whose mean divides by the sum of the weights of the labels, and by n where y are
        distributions.
    Dialect: PyTorch's ignore_index is -100 unless another is given; here none is
        ignored. Where every label of a batch is ignored, PyTorch's mean is NaN.
        scikit-learn's class_weight and sample_weight divide by the sum of the weights
        too; Keras divides by the number of rows, and smooths labels likewise.
    Errors: ValueError where shapes differ, the weights of a batch have the sum 0, or
        ignore_index is a class and y are distributions.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.2.3.
    """

    name: ClassVar[str] = "softmax_cross_entropy"
    formulas: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum y log softmax(z) / n",
        "dC/dz": "dC/dz = (softmax(z) - y) / n",
    }
    weighted: ClassVar[Mapping[str, str]] = {
        "C": "C = -sum T log softmax(z) / D",
        "dC/dz": "dC/dz = (softmax(z) sum over i of T_i - T) / D",
        "T": "T = s w ((1 - eps) y + eps/k)",
        "D": "D = sum s",
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
        log_total = np.log(np.exp(s).sum(axis=1, keepdims=True))
        if self.is_plain(sample_weight):
            return scalar(expected(log_total - s, y) / len(z))
        return scalar(np.dot(self._costs(log_total, s, y), self.shares(z, y, sample_weight)))

    def _costs(self, log_total: Array, s: Array, y: Array) -> Array:
        """Of each row, before its share."""
        if y.ndim == 2:
            return self._expected(log_total - s, y)
        sums, log_totals = self._sums(y, s), log_total[:, 0]
        return (log_totals if sums is None else log_totals * sums) - self._expected(s, y)

    @quiet_where_finite
    def gradient(self, z: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/dz_j = (softmax(z)_j sum over i of T_i - T_j) / D."""
        self._refuse_broadcast(z, y)
        p = Softmax().value(z)
        if self.is_plain(sample_weight):
            return (p - as_distribution(y, z)) / len(z)
        sums, share = self._sums(y, z), self.shares(z, y, sample_weight)[:, np.newaxis]
        p = p if sums is None else p * sums[:, np.newaxis]
        return (p - self._distribution(y, z)) * share


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
    classes = integer("one_hot", "classes", classes, low=1)
    given = numbers_of_classes("one_hot: labels", labels, classes)
    if given.ndim != 1:
        raise ValueError(f"one_hot: labels has shape {given.shape}, expected (n,)")
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
