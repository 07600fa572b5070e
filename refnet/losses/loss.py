"""What every loss shares: what it reads, and which output layers it fits."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Activation
from refnet.checks import Array, finite, fitting, matrix, only_number, real_array

LOG_FLOOR = -100.0  # a loss on probabilities counts log 0 as this, as torch.nn.BCELoss does


class Loss(ABC):
    """C = loss(a, y), a scalar, and dC/da: a mean over the rows, or with
    reduction="sum" their sum.

    With a weight s_i for each row, C = sum s_i C_i / D for the costs C_i of the rows: D
    is the sum of the s_i, so that a weight of 2 equals the row given twice, and 1 for a
    sum.

    Shapes: a is (n, k); y is (n, k), or (n,) where the loss takes labels; sample_weight
        is (n,); the gradient is (n, k).
    Torch: the loss modules of torch.nn; (module(reduction="none") * s).sum() / s.sum()
        where there are weights.
    Dialect: scikit-learn's sample_weight divides by the sum of the weights too; Keras
        divides by the number of rows, as does (module(reduction="none") * s).mean().
    Errors: ValueError where a and y differ in shape, the output layer does not fit, or
        the weights of a batch have the sum 0.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.
    """

    name: ClassVar[str]
    # for refnet.explain: formulas by their left side (C, dC/da or dC/dz) and their
    # source; explain reads those of the class itself: a subclass may compute another
    formulas: ClassVar[Mapping[str, str]] = {}
    # the same where rows or columns have weights, with what T and D are
    weighted: ClassVar[Mapping[str, str]] = {}
    source: ClassVar[str] = ""
    reads: ClassVar[str]
    # the output activations it fits; empty: every trainable one
    outputs: ClassVar[tuple[type[Activation], ...]]
    meant: ClassVar[dict[str, str]] = {}  # output activation -> the loss that was probably meant
    averages_outputs: ClassVar[bool] = False  # each row has a mean over its outputs
    analytic: ClassVar[bool] = True  # C continues to complex a, so the complex step applies
    # every setting, and what it is where it is not given
    defaults: ClassVar[Mapping[str, Any]] = {"reduction": "mean"}
    # targets are (n, k) and nothing else, so that fit takes (n,) for one output
    targets_like_outputs: ClassVar[bool] = False
    kinks: ClassVar[tuple[float, ...]] = ()  # where dC/da, or its slope, jumps: values of a - y

    reduction: str = "mean"

    @abstractmethod
    def value(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C."""

    @abstractmethod
    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that are not those by default, by torch's names, as plain
        data.
        """
        return {
            name: getattr(self, name)
            for name, default in self.defaults.items()
            if getattr(self, name) != default
        }

    def total_weight(self, y: Array, sample_weight: Array | None = None) -> float:
        """What the mean divides by for each output: the number of rows, or the sum of
        their weights.
        """
        return len(y) if sample_weight is None else positive(self, sample_weight.sum())

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
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"{type(self).__name__}({settings})" if settings else str(self)

    def __str__(self) -> str:
        return type(self).__name__

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.settings == getattr(other, "settings", None)

    def __hash__(self) -> int:
        return hash((type(self), *self.settings.items()))

    def columns(self, width: int, dtype: np.dtype[Any]) -> tuple[Array, ...]:
        """What the settings give each of the k outputs, in `dtype`; nothing where they
        give none anything.
        """
        return ()

    def is_plain(self, sample_weight: Array | None = None) -> bool:
        """Whether every row and every output counts alike, and C is a mean."""
        return sample_weight is None and self.reduction == "mean"

    def shares(self, a: Array, y: Array, sample_weight: Array | None) -> Array:
        """s_i / D of each row: (n,)."""
        rows = row_counts(a, sample_weight)
        if self.reduction == "sum":
            return rows
        outputs = a.shape[1] if self.averages_outputs else 1
        return rows / divisor(self, self.total_weight(y, sample_weight), outputs, rows.dtype)

    def terms(self, a: Array, y: Array, sample_weight: Array | None = None) -> dict[str, Array]:
        """What the weights and settings make of y, by the letters of `weighted`: the s
        of each row here.
        """
        return {"s": row_counts(a, sample_weight)[:, np.newaxis]}

    def D(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """What the sum over the rows is divided by; 1 where C is a sum."""
        total = 1.0 if self.reduction == "sum" else self.total_weight(y, sample_weight)
        averaged = self.averages_outputs and self.reduction == "mean"
        return total * a.shape[1] if averaged else total

    def _refuse_broadcast(self, a: Array, y: Array) -> None:
        if a.shape != y.shape:
            raise ValueError(
                f"{self}: prediction {a.shape} and y {y.shape} differ in shape; refusing to "
                f"broadcast"
            )


class _Checked(Loss):
    """What `checked` gives."""

    def __init__(self, loss: Loss, sample_weight: Array | None) -> None:
        self._loss = loss
        # a loss of one's own need not know of weights
        self._weights = () if sample_weight is None else (sample_weight,)

    def value(self, a: Array, y: Array, sample_weight: Array | None = None) -> float:
        """C."""
        return only_number(f"{self._loss}: value", self._loss.value(a, y, *self._weights))

    def gradient(self, a: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """dC/da."""
        return fitting(self._loss, "gradient", self._loss.gradient(a, y, *self._weights), a)


def checked(loss: Loss, sample_weight: Array | None = None) -> Loss:
    """The loss of rows with these weights, of one's own too, whose C is refused where
    it is no number, and whose dC/da where it does not fit on a: nothing is broadcast or
    promoted in silence.
    """
    if sample_weight is not None:
        takes_weights(loss)
    return _Checked(loss, sample_weight)


def takes_weights(loss: Loss) -> None:
    """Refuse a loss of one's own whose methods know nothing of weights."""
    for name in ("value", "gradient"):
        parameters = inspect.signature(getattr(loss, name)).parameters.values()
        if not any(map(_takes_a_third, parameters)):
            shown = [f"*, {x.name}" if x.kind is x.KEYWORD_ONLY else x.name for x in parameters]
            raise TypeError(
                f"{loss}: {name} takes ({', '.join(shown)}), expected (a, y, "
                f"sample_weight=None), as sample_weight is given"
            )


def _takes_a_third(parameter: inspect.Parameter) -> bool:
    """Whether weights after a and y go into this parameter."""
    by_place = parameter.kind is not parameter.KEYWORD_ONLY
    is_weights = parameter.name == "sample_weight" and by_place
    return is_weights or parameter.kind is parameter.VAR_POSITIONAL


def reduction_of(where: str, given: object) -> str:
    """ "mean" or "sum"."""
    if given not in ("mean", "sum"):
        raise ValueError(f"{where}: reduction has {given!r}, expected 'mean' or 'sum'")
    return str(given)


def weights_of(where: str, name: str, given: ArrayLike | None) -> tuple[float, ...] | None:
    """Weights >= 0 of the classes or outputs as plain numbers; None where there are
    none.
    """
    if given is None:
        return None
    array = np.asarray(real_array(f"{where}: {name}", given), np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{where}: {name} has shape {array.shape}, expected (k,)")
    if (finite(f"{where}: {name}", array) < 0).any():
        raise ValueError(f"{where}: {name} has {array.min():g}, expected weights >= 0")
    return tuple(array.tolist())


def as_row(where: Loss, name: str, width: int, dtype: np.dtype[Any]) -> Array | None:
    """The setting of that name as the weights of the k columns; None where there are
    none.
    """
    weights: tuple[float, ...] | None = getattr(where, name)
    if weights is None:
        return None
    if len(weights) != width:
        raise ValueError(
            f"{where}: {name} has shape ({len(weights)},), expected ({width},), one for each output"
        )
    if max(weights) > float(np.finfo(dtype).max):  # not rounded to dtype, with a warning
        raise ValueError(
            f"{where}: {name} has {max(weights):g}, expected weights that {dtype} can hold"
        )
    return np.asarray(weights, dtype)


def row_counts(a: Array, sample_weight: Array | None) -> Array:
    """The weight of each row, 1 where none is given, in the dtype of a."""
    # a may be complex, in gradient_check's complex step
    dtype = a.real.dtype
    return np.ones(len(a), dtype) if sample_weight is None else np.asarray(sample_weight, dtype)


def positive(where: Loss, total: Any) -> float:
    """The sum of weights as a Python float, where a mean can be divided by it."""
    if not 0.0 < total < np.inf:
        hint = (
            "scale the weights down"
            if total > 0.0
            else "leave such rows out, take larger batches, or reduction='sum'"
        )
        raise ValueError(
            f"{where}: weights of the rows have the sum {total:g}, expected a finite sum > 0; "
            f"{hint}"
        )
    return float(total)


def divisor(where: Loss, total: float, outputs: int, dtype: np.dtype[Any]) -> float:
    """D: the sum of the weights times the outputs over which each row has a mean."""
    return total if outputs == 1 else positive(where, dtype.type(total) * outputs)


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
