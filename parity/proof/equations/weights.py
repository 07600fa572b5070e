"""T and D of a loss with weights, restated: what the outputs are compared with, what
the sum over the rows is divided by, and how far a program's may be from them.

D is a sum of positive numbers, and each T a product of at most four numbers, one of
them a sum of two positive ones: every rounding is relative to the result, and nothing
cancels. So a T that a program spells in another order costs no more, nor weights that
are divided by D before they are used. A weight of a class or of an output and a label
smoothing are real numbers, read rounded once into the dtype (r); the weights of the
rows are numbers of the dtype. Without settings and weights nothing is added anywhere.

Notation: as in the entries of the losses; s_i is the weight of row i.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.proof.equations.shared import distribution
from parity.rounding.claim import size
from parity.rounding.formats import Format
from refnet.checks import Array

Settings = Mapping[str, Any]

ROW_WEIGHTS = (
    "With weights s of the rows, s_i stands before each term of row i, and D = k sum s_i (sum s_i "
    "where the loss is a mean over the samples alone) in place of the count; with reduction sum D "
    "= 1. That is one rounding more for the product with s_i, and E_D = n for D: n - 1 additions "
    "of positive numbers and the product with k."
)
CLASS_WEIGHTS = (
    "With settings, T_ij = s_i w_j ((1 - eps) y_ij + eps / k) stands in place of y_ij, 0 where the "
    "label is ignored, and D in place of n: sum s_i, with labels sum s_i w_(y_i), or 1 for a sum. "
    "T is off by at most E_T = u [c T + (2 + r) eps s_i w_j y_ij] + 4 lam (1 + s_i) (1 + w_j), c = "
    "3 + r with smoothing (1 - eps or eps / k, the product with y, the sum), 1 + r more with class "
    "weights, 1 more with weights of rows; the second term is for 1 - eps (k - 1) / k at the "
    "label. E_T counts times what T is multiplied by. D is off by u E_D D, E_D = n + r: n - 1 "
    "additions of positive numbers, w and its product with s_i; 0 where it counts rows. The two "
    "sums of a smoothed loss that is computed in two parts have positive terms, too."
)
OUTPUT_WEIGHTS = (
    "With settings, T1 = s_i w_j p_j y_ij stands in place of y_ij, T0 = s_i w_j (1 - y_ij) in "
    "place of 1 - y_ij, and D = k sum s_i in place of N, or 1 for a sum. Each T is off by c u T, c "
    "= 1 + r for each of w and p, and 1 for s; D by E_D = n, as n - 1 additions of positive "
    "numbers and the product with k; 0 where it counts entries."
)


@dataclass(frozen=True)
class Weighed:
    """What all losses with weights have: D, its roundings, those of what stands before
    each term, and what their products may lose by underflow.
    """

    D: Any  # in the wider format
    of_D: float  # E_D
    factors: float = 0.0  # c: roundings of the factors of a term
    floor: float = 0.0  # lam times what it may be multiplied by; 0 without weights

    @property
    def roundings(self) -> float:
        """Of D and of the factors."""
        return self.of_D + self.factors

    @property
    def underflow(self) -> Any:
        """What one term may lose, before or after it is divided by D; 0 without
        weights.
        """
        return self.floor * (1.0 + 1.0 / size(self.D))


@dataclass(frozen=True)
class Rows(Weighed):
    """The weights of the rows of a loss on values.

    Shapes: s (n, 1); 1.0 without weights.
    """

    s: Any = 1.0


def of_rows(fmt: Format, settings: Settings, rows: Array | None, count: int, n: int) -> Rows:
    """s and D of a loss whose mean has so many terms of n rows."""
    if rows is None:
        return Rows(_mean(settings, count), 0.0)
    s, (D, of_D) = _column(fmt, rows), _total(fmt, settings, rows, count // n)
    floor = float(4.0 * fmt.tiny * (1.0 + size(s).max()))
    return Rows(D, of_D, 1.0, floor, s)


@dataclass(frozen=True)
class Classes(Weighed):
    """T of a loss on classes, and how far a program's may be from it.

    `whole` is what a program may take for the sum of T over the classes: 1, or s_i; the
    sum itself with class weights.

    Shapes: T and error (n, k), whole (n, 1); error and whole are numbers without
        weights.
    """

    T: Any = None
    error: Any = 0.0
    whole: Any = 1.0
    is_label: bool = False  # one term for each row

    def spread(self, p: Any) -> Any:
        """The errors of T and of p times the sum of T, for each entry."""
        if not self.floor:
            return 0.0
        return self.error + size(p) * self.error.sum(axis=1, keepdims=True)

    def of_cost(self, cost: Any) -> Any:
        """What the errors of T make of the sum of T times these costs."""
        if not self.floor:
            return 0.0
        off = (self.error * size(cost))[self.T > 0.0].sum()
        return (off + self.error.size * self.floor) / size(self.D)


def of_classes(
    fmt: Format, settings: Settings, rows: Array | None, y: Array, like: Array
) -> Classes:
    """T and D of a loss on classes, with what it reads as outputs."""
    Y, labels = _counted(y, settings.get("ignore_index"), like)
    eps, w = float(settings.get("label_smoothing", 0.0)), settings.get("weight")
    is_label = y.ndim == 1 and not eps
    if rows is None and w is None and not eps and labels is None:
        return Classes(_mean(settings, len(y)), 0.0, T=Y, is_label=is_label)
    k, r = like.shape[1], fmt.scalar
    column = np.ones((1, k)) if w is None else fmt.widen(w)[np.newaxis]
    s = _column(fmt, np.ones(len(y)) if rows is None else rows)
    s = s if labels is None else s * labels[:, np.newaxis]
    T = s * column * ((1 - fmt.wide.type(eps)) * Y + fmt.wide.type(eps) / k)
    c = (3.0 + r) * bool(eps) + (1.0 + r) * (w is not None) + (rows is not None)
    lost = 4.0 * fmt.tiny * (1.0 + size(s)) * (1.0 + size(column))
    error = fmt.unit * (c * size(T) + (2.0 + r) * eps * size(s * column * Y)) + lost
    D, of_D = _of_classes(fmt, settings, s, column, Y if y.ndim == 1 else None)
    of_D = 0.0 if rows is None and (w is None or y.ndim == 2) else of_D
    whole = s if w is None else fmt.widen(T).sum(axis=1, keepdims=True)
    return Classes(D, of_D, 0.0, 4.0 * fmt.tiny, T, error, whole, is_label)


def _counted(y: Array, ignored: int | None, like: Array) -> tuple[Array, Array | None]:
    """Targets as distributions, and which labels count; None where all do."""
    if y.ndim == 2 or ignored is None:
        return distribution(y, like), None
    counts = y != ignored
    return distribution(np.where(counts, y, 0), like), counts


def _of_classes(
    fmt: Format, settings: Settings, s: Array, w: Array, labels: Array | None
) -> tuple[Any, float]:
    """D and its roundings: the sum of s_i, with labels of s_i w_(y_i)."""
    if settings.get("reduction") == "sum":
        return fmt.wide.type(1), 0.0
    each = s if labels is None else s * (w * labels).sum(axis=1, keepdims=True)
    return each.sum(dtype=fmt.wide), len(s) + float(fmt.scalar)


@dataclass(frozen=True)
class Outputs(Weighed):
    """The factors of a loss on outputs of yes or no: `each` stands before both terms of
    an entry, `yes` before that of y alone.

    Shapes: each (n, k), yes (1, k); numbers without weights.
    """

    each: Any = 1.0
    yes: Any = 1.0

    @property
    def is_plain(self) -> bool:
        """Whether every entry counts once."""
        return not self.floor

    def both(self, y: Array) -> Any:
        """T0 + T1, which is 1 without weights."""
        if np.ndim(self.yes) == 0:
            return self.each
        wide = np.asarray(y, self.yes.dtype)
        return self.each * (1.0 - wide + self.yes * wide)

    def spelled(self, y: Array) -> Any:
        """The sizes of the numbers of which T0 + T1 may be made, as 1 + (p - 1) y or as
        p y + 1 - y.
        """
        return size(self.both(y)) + size(self.each) * (np.ndim(self.yes) > 0) * (
            1.0 + size(np.abs(self.yes - 1.0) * y)
        )


def of_outputs(fmt: Format, settings: Settings, rows: Array | None, like: Array) -> Outputs:
    """The factors and D of a loss on outputs of yes or no."""
    w, p = settings.get("weight"), settings.get("pos_weight")
    count, k = _mean(settings, like.size), like.shape[1]
    if rows is None and w is None and p is None:
        return Outputs(count, 0.0)
    column, yes = (np.ones((1, k)) if each is None else fmt.widen(each)[None] for each in (w, p))
    s = _column(fmt, np.ones(len(like)) if rows is None else rows)
    D, of_D = (count, 0.0) if rows is None else _total(fmt, settings, rows, k)
    c = (1.0 + fmt.scalar) * ((w is not None) + (p is not None)) + (rows is not None)
    largest = (1.0 + size(s).max()) * (1.0 + size(column).max()) * (1.0 + size(yes).max())
    floor = float(4.0 * fmt.tiny * largest)
    return Outputs(D, of_D, c, floor, fmt.widen(s * column), 1.0 if p is None else yes)


def _column(fmt: Format, rows: Array) -> Array:
    return fmt.widen(rows)[:, np.newaxis]


def _mean(settings: Settings, count: int) -> int:
    return 1 if settings.get("reduction") == "sum" else count


def _total(fmt: Format, settings: Settings, rows: Array, outputs: int) -> tuple[Any, float]:
    """D and its roundings, where each row has a mean over so many outputs."""
    if settings.get("reduction") == "sum":
        return fmt.wide.type(1), 0.0
    return fmt.widen(rows).sum() * outputs, float(len(rows))
