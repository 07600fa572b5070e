"""Loss functions: the cost C, its gradient dC/da, and the 1/n.

Nothing downstream divides.

`value(a, y)` is C and `gradient(a, y)` is dC/da, where `a` is the output of the
network. A loss says what it reads there: *values* (any trainable output),
*probabilities* (a softmax or sigmoid output) or *logits* (an identity output, the loss
applying softmax or sigmoid itself, which stays accurate where a probability would round
to 0 or 1).

Class targets are integer labels (n,) or distributions (n, k).
"""

from abc import ABC, abstractmethod
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

LOG_FLOOR = -100.0  # a loss on probabilities counts log 0 as this, as torch.nn.BCELoss does


class Loss(ABC):
    """C = loss(a, y), a scalar, and dC/da.

    Shapes: a is (n, k); y is (n, k), or (n,) where the loss takes labels; the gradient
        is (n, k).
    Torch: the loss modules of torch.nn with reduction="mean".
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.
    """

    name: ClassVar[str]
    reads: ClassVar[str]
    # the output activations it can stand behind; empty: every trainable one
    outputs: ClassVar[tuple[type[Activation], ...]]
    meant: ClassVar[dict[str, str]] = {}  # output activation -> the loss that was probably meant
    analytic: ClassVar[bool] = True  # C continues to complex a, so the complex step applies
    kink: ClassVar[bool] = False  # dC/da jumps at a = y

    @abstractmethod
    def value(self, a: Array, y: Array) -> float:
        """C."""

    @abstractmethod
    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da."""

    def check_output(self, output: Activation) -> None:
        """Refuse with a ValueError an output activation whose values this loss does not
        read.
        """
        if self.outputs and not isinstance(output, self.outputs):
            want = " or ".join(kind.__name__ for kind in self.outputs)
            other = self.meant.get(output.name)
            hint = f"; with {type(output).__name__} you probably mean {other}" if other else ""
            raise ValueError(
                f"{self}: reads {self.reads}, but the output layer has {type(output).__name__}, "
                f"expected {want}{hint}"
            )

    def targets(self, y: ArrayLike, rows: int, width: int, dtype: np.dtype[Any]) -> Array:
        """`y` as `value` and `gradient` want it, in `dtype`; ValueError or TypeError
        where it does not fit.
        """
        return matrix(f"{self}: y", y, dtype, (rows, width))

    def __repr__(self) -> str:
        return type(self).__name__

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def _refuse_broadcast(self, a: Array, y: Array) -> None:
        if a.shape != y.shape:
            raise ValueError(
                f"{self}: prediction {a.shape} and y {y.shape} differ in shape; refusing to "
                f"broadcast"
            )


class _ValueLoss(Loss):
    """A loss that compares whatever the network puts out with target values (n, k)."""

    reads: ClassVar[str] = "values"
    outputs: ClassVar[tuple[type[Activation], ...]] = ()


class MSE(_ValueLoss):
    """C = sum (a - y)^2 / (n k), dC/da = 2 (a - y) / (n k).

    Shapes: a, y and the gradient are (n, k).
    Torch: torch.nn.MSELoss, which averages over samples and outputs.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 5.1.4.
    Errors: ValueError where a and y differ in shape.
    """

    name: ClassVar[str] = "mse"

    def value(self, a: Array, y: Array) -> float:
        """C = sum (a - y)^2 / (n k)."""
        self._refuse_broadcast(a, y)
        e = (a - y).ravel()
        return _scalar(np.dot(e, e) / e.size)

    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da = 2 (a - y) / (n k)."""
        self._refuse_broadcast(a, y)
        return (a - y) * (2.0 / a.size)


class HalfSquaredError(_ValueLoss):
    """C = sum (a - y)^2 / (2 n), dC/da = (a - y) / n: half the squared distance, summed
    over outputs, averaged over samples.

    Shapes: a, y and the gradient are (n, k).
    Torch: none; 0.5 * ((a - y) ** 2).sum() / n. Equal to k / 2 times torch.nn.MSELoss.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2, equation 26.
    Errors: ValueError where a and y differ in shape.
    """

    name: ClassVar[str] = "half_squared_error"

    def value(self, a: Array, y: Array) -> float:
        """C = sum (a - y)^2 / (2 n)."""
        self._refuse_broadcast(a, y)
        e = (a - y).ravel()
        return _scalar(np.dot(e, e) / (2 * len(a)))

    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da = (a - y) / n."""
        self._refuse_broadcast(a, y)
        return (a - y) / len(a)


class MAE(_ValueLoss):
    """C = sum |a - y| / (n k), dC/da = sign(a - y) / (n k), with sign(0) = 0.

    Shapes: a, y and the gradient are (n, k).
    Torch: torch.nn.L1Loss, the same subgradient at 0.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.1.2.
    Errors: ValueError where a and y differ in shape.
    """

    name: ClassVar[str] = "mae"
    analytic: ClassVar[bool] = False
    kink: ClassVar[bool] = True

    def value(self, a: Array, y: Array) -> float:
        """C = sum |a - y| / (n k)."""
        self._refuse_broadcast(a, y)
        return _scalar(np.abs(a - y).sum() / a.size)

    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da = sign(a - y) / (n k)."""
        self._refuse_broadcast(a, y)
        return np.sign(a - y) / a.size


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
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.1.1.
    Errors: ValueError where shapes differ, a is outside [0, 1], or the gradient needs
        1 / 0.
    """

    name: ClassVar[str] = "cross_entropy"
    reads: ClassVar[str] = "probabilities"
    outputs: ClassVar[tuple[type[Activation], ...]] = (Softmax, Sigmoid)
    meant: ClassVar[dict[str, str]] = {"identity": "SoftmaxCrossEntropy"}

    def value(self, a: Array, y: Array) -> float:
        """C = -sum y max(log a, -100) / n."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        with np.errstate(divide="ignore"):  # log 0 = -inf, which the floor then raises
            log_a = np.maximum(np.log(a), LOG_FLOOR)
        return _scalar(-_expected(log_a, y) / len(a))

    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da = -y / (a n), 0 where y = 0."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        return -_ratio(self, _as_distribution(y, a), a) / len(a)


class SoftmaxCrossEntropy(_ClassLoss):
    """C = -sum y log softmax(z) / n, dC/dz = (softmax(z) - y) / n: cross-entropy on
    logits.

    Shapes: z (n, k) logits; y (n,) labels or (n, k) distributions; the gradient is (n,
        k).
    Torch: torch.nn.CrossEntropyLoss.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.2.3.
    Errors: ValueError where shapes differ.
    """

    name: ClassVar[str] = "softmax_cross_entropy"
    reads: ClassVar[str] = "logits"
    outputs: ClassVar[tuple[type[Activation], ...]] = (Identity,)
    meant: ClassVar[dict[str, str]] = {"softmax": "CrossEntropy", "sigmoid": "BinaryCrossEntropy"}

    def value(self, z: Array, y: Array) -> float:
        """C = sum y (log sum exp s - s) / n, with s = z - max z."""
        self._refuse_broadcast(z, y)
        s = z - z.max(axis=1, keepdims=True)
        return _scalar(_expected(np.log(np.exp(s).sum(axis=1, keepdims=True)) - s, y) / len(z))

    def gradient(self, z: Array, y: Array) -> Array:
        """dC/dz = (softmax(z) - y) / n."""
        self._refuse_broadcast(z, y)
        return (Softmax().value(z) - _as_distribution(y, z)) / len(z)


class _BinaryLoss(Loss):
    """A loss whose targets are probabilities (n, k), each output a question of its
    own.
    """

    def targets(self, y: ArrayLike, rows: int, width: int, dtype: np.dtype[Any]) -> Array:
        """Probabilities (n, k) in `dtype`."""
        return within_unit_interval(f"{self}: y", super().targets(y, rows, width, dtype))


class BinaryCrossEntropy(_BinaryLoss):
    """C = -sum (y log a + (1 - y) log(1 - a)) / (n k),
    dC/da = ((1 - y) / (1 - a) - y / a) / (n k).

    The value counts log 0 as -100. The gradient is the mathematical one, unbounded as a
    goes to the wrong end.

    Shapes: a (n, k) probabilities, y (n, k) in [0, 1]; the gradient is (n, k).
    Torch: torch.nn.BCELoss, whose gradient divides by max(a (1 - a), 1e-12) and so
        fades from a (1 - a) < 1e-12 on.
    Source: Bishop, Pattern Recognition and Machine Learning, equation 4.90.
    Errors: ValueError where shapes differ, a or y is outside [0, 1], or the gradient
        needs 1 / 0.
    """

    name: ClassVar[str] = "binary_cross_entropy"
    reads: ClassVar[str] = "probabilities"
    outputs: ClassVar[tuple[type[Activation], ...]] = (Sigmoid,)
    meant: ClassVar[dict[str, str]] = {"identity": "SigmoidCrossEntropy", "softmax": "CrossEntropy"}

    def value(self, a: Array, y: Array) -> float:
        """C = -sum (y max(log a, -100) + (1 - y) max(log(1 - a), -100)) / (n k)."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        with np.errstate(divide="ignore"):  # log 0 = -inf, which the floor then raises
            log_a, log_rest = (
                np.maximum(np.log(a), LOG_FLOOR),
                np.maximum(np.log(1.0 - a), LOG_FLOOR),
            )
        return _scalar(-(y * log_a + (1.0 - y) * log_rest).sum() / a.size)

    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da = ((1 - y) / (1 - a) - y / a) / (n k)."""
        self._refuse_broadcast(a, y)
        within_unit_interval(f"{self}: prediction", a)
        return (_ratio(self, 1.0 - y, 1.0 - a) - _ratio(self, y, a)) / a.size


class SigmoidCrossEntropy(_BinaryLoss):
    """C = -sum (y log sigmoid(z) + (1 - y) log sigmoid(-z)) / (n k),
    dC/dz = (sigmoid(z) - y) / (n k): binary cross-entropy on logits.

    Shapes: z (n, k) logits, y (n, k) in [0, 1]; the gradient is (n, k).
    Torch: torch.nn.BCEWithLogitsLoss.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 3, equations 57 to 61.
    Errors: ValueError where shapes differ or y is outside [0, 1].
    """

    name: ClassVar[str] = "sigmoid_cross_entropy"
    reads: ClassVar[str] = "logits"
    outputs: ClassVar[tuple[type[Activation], ...]] = (Identity,)
    meant: ClassVar[dict[str, str]] = {"sigmoid": "BinaryCrossEntropy", "softmax": "CrossEntropy"}
    # as a function it is; the stable form written here, with |z|, is not
    analytic: ClassVar[bool] = False

    def value(self, z: Array, y: Array) -> float:
        """C = sum (max(z, 0) - z y + log(1 + exp(-|z|))) / (n k)."""
        self._refuse_broadcast(z, y)
        return _scalar((np.maximum(z, 0.0) - z * y + np.log1p(np.exp(-np.abs(z)))).sum() / z.size)

    def gradient(self, z: Array, y: Array) -> Array:
        """dC/dz = (sigmoid(z) - y) / (n k)."""
        self._refuse_broadcast(z, y)
        return (Sigmoid().value(z) - y) / z.size


LOSSES: dict[str, type[Loss]] = {
    kind.name: kind
    for kind in (
        MSE,
        HalfSquaredError,
        MAE,
        CrossEntropy,
        SoftmaxCrossEntropy,
        BinaryCrossEntropy,
        SigmoidCrossEntropy,
    )
}


def one_hot(labels: ArrayLike, classes: int, dtype: Any = "float64") -> Array:
    """y_ij = 1 where j is the label of row i, else 0: class targets for a loss that
    reads values.

    Shapes: labels (n,) to (n, classes).
    Torch: torch.nn.functional.one_hot, in floating point.
    Source: Bishop, Pattern Recognition and Machine Learning, section 4.1.3 (1-of-K
        coding).
    Errors: TypeError for labels that are no integers, ValueError for one out of range.
    """
    given = real_array("one_hot: labels", labels)
    if given.ndim != 1:
        raise ValueError(f"one_hot: labels has shape {given.shape}, expected (n,)")
    classes = integer("one_hot", "classes", classes, low=1)
    result = np.zeros((len(given), classes), float_dtype("one_hot: dtype", dtype))
    result[np.arange(len(given)), class_labels("one_hot: labels", given, classes)] = 1.0
    return result


def _scalar(value: Any) -> Any:
    """A NumPy scalar as a Python number; complex stays complex, for the complex
    step.
    """
    return value.item()


def _as_distribution(y: Array, a: Array) -> Array:
    return one_hot(y, a.shape[1], a.real.dtype) if y.ndim == 1 else y


def _expected(t: Array, y: Array) -> Any:
    """Sum over rows of sum over classes of y_j t_j; with labels, the sum of the entries
    at the labels.
    """
    return (
        t[np.arange(len(t)), class_labels("y", y, t.shape[1])].sum()
        if y.ndim == 1
        else (y * t).sum()
    )


def _ratio(where: Loss, y: Array, a: Array) -> Array:
    """y / a, and 0 where y = 0 whatever a is; a ratio that is not finite is refused."""
    with np.errstate(divide="ignore", over="ignore"):
        ratio = np.divide(y, a, out=np.zeros_like(a), where=y > 0.0)
    bad = np.argwhere(~np.isfinite(ratio))
    if len(bad):
        row, column = bad[0]
        hint = "SoftmaxCrossEntropy" if isinstance(where, CrossEntropy) else "SigmoidCrossEntropy"
        raise ValueError(
            f"{where}: probability given to the target has {a[row, column]:g} at row {row}, "
            f"class {column}, expected one with a finite "
            f"reciprocal; {hint} on logits has no such limit"
        )
    return ratio
