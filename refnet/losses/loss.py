"""What every loss shares: what it reads, and which output layers it fits."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Activation
from refnet.checks import Array, fitting, matrix, only_number

LOG_FLOOR = -100.0  # a loss on probabilities counts log 0 as this, as torch.nn.BCELoss does


class Loss(ABC):
    """C = loss(a, y), a scalar, and dC/da.

    Shapes: a is (n, k); y is (n, k), or (n,) where the loss takes labels; the gradient
        is (n, k).
    Torch: the loss modules of torch.nn with reduction="mean".
    Errors: ValueError where a and y differ in shape, or the output layer does not fit.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.
    """

    name: ClassVar[str]
    # for refnet.explain: formulas by their left side (C, dC/da or dC/dz) and their
    # source; explain reads those of the class itself: a subclass may compute another
    formulas: ClassVar[Mapping[str, str]] = {}
    source: ClassVar[str] = ""
    reads: ClassVar[str]
    # the output activations it fits; empty: every trainable one
    outputs: ClassVar[tuple[type[Activation], ...]]
    meant: ClassVar[dict[str, str]] = {}  # output activation -> the loss that was probably meant
    analytic: ClassVar[bool] = True  # C continues to complex a, so the complex step applies
    kinks: ClassVar[tuple[float, ...]] = ()  # where dC/da, or its slope, jumps: values of a - y

    @abstractmethod
    def value(self, a: Array, y: Array) -> float:
        """C."""

    @abstractmethod
    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da."""

    def check_output(self, output: Activation) -> None:
        """Raise a ValueError where this loss does not fit the output activation."""
        if self.outputs and not isinstance(output, self.outputs):
            want = " or ".join(kind.__name__ for kind in self.outputs)
            other = self.meant.get(output.name)
            hint = f"; with {type(output).__name__} you probably mean {other}" if other else ""
            raise ValueError(
                f"{self}: reads {self.reads}, but the output layer has {type(output).__name__}, "
                f"expected {want}{hint}"
            )

    def targets(self, y: ArrayLike, rows: int, width: int, dtype: np.dtype[Any]) -> Array:
        """`y` as `value` and `gradient` read it, in `dtype`; ValueError or TypeError
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


class _Checked(Loss):
    """What `checked` gives."""

    def __init__(self, loss: Loss) -> None:
        self._loss = loss

    def value(self, a: Array, y: Array) -> float:
        """C."""
        return only_number(f"{self._loss}: value", self._loss.value(a, y))

    def gradient(self, a: Array, y: Array) -> Array:
        """dC/da."""
        return fitting(self._loss, "gradient", self._loss.gradient(a, y), a)


def checked(loss: Loss) -> Loss:
    """The loss, of one's own too, whose C is refused where it is no number, and whose
    dC/da where it does not fit on a: nothing is broadcast or promoted in silence.
    """
    return _Checked(loss)


def scalar(value: Any) -> Any:
    """A NumPy scalar as a Python number; complex stays complex, for the complex
    step.
    """
    return value.item()


def ratio(where: Loss, y: Array, a: Array) -> Array:
    """y / a, but 0 where y = 0, also at a = 0; an infinite ratio is refused."""
    quotient = np.divide(y, a, out=np.zeros_like(a), where=y > 0.0)
    bad = np.argwhere(~np.isfinite(quotient))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{where}: probability given to the target has {a[row, column]:g} at row {row}, "
            f"class {column}, expected one with a finite reciprocal; "
            f"{where.meant['identity']} on logits has no such limit"
        )
    return quotient
