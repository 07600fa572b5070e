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
    real_array,
    within_unit_interval,
)
from refnet.flags import quiet_where_finite
from refnet.losses.loss import LOG_FLOOR, Loss, ratio, scalar


class _ClassLoss(Loss):
    """A loss whose targets are integer labels (n,) or distributions (n, k) over the k
    classes.
    """

    def targets(self, y: ArrayLike, rows: int, width: int, dtype: np.dtype[Any]) -> Array:
        """Labels as integers, distributions in `dtype`."""
        where = f"{self}: y"
        given = real_array(where, y)
        if given.shape == (rows,):
            return class_labels(where, given, width)
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
    def value(self, a: Array, y: Array) -> float:
        """C = -sum y max(log a, -100) / n."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        log_a = np.maximum(np.log(a), LOG_FLOOR)  # log 0 = -inf becomes -100
        return scalar(-expected(log_a, y) / len(a))

    @quiet_where_finite
    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da = -y / (a n), 0 where y = 0."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        return -ratio(self, as_distribution(y, a), a) / len(a)


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
    def value(self, z: Array, y: Array) -> float:
        """C = sum y (log sum exp s - s) / n, with s = z - max z."""
        self._refuse_broadcast(z, y)
        s = z - z.max(axis=1, keepdims=True)
        return scalar(expected(np.log(np.exp(s).sum(axis=1, keepdims=True)) - s, y) / len(z))

    @quiet_where_finite
    def gradient(self, z: Array, y: Array) -> Array:
        """dC/dz = (softmax(z) - y) / n."""
        self._refuse_broadcast(z, y)
        return (Softmax().value(z) - as_distribution(y, z)) / len(z)


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
