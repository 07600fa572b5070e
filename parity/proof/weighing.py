"""What a loss compares its outputs with, and what it divides by, in numbers of any
kind: T and D of weights and settings, computed once for the cost and its gradient.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from parity.proof.equations.shared import distribution
from refnet.checks import Array

Numbers: TypeAlias = Any  # Bounded, Plain, or an array that is exact
# the losses that are a mean over the outputs too
OVER_OUTPUTS = ("mse", "mae", "binary_cross_entropy", "sigmoid_cross_entropy")
ON_CLASSES = ("cross_entropy", "softmax_cross_entropy")
ON_OUTPUTS = ("binary_cross_entropy", "sigmoid_cross_entropy")


@dataclass(frozen=True)
class Weighing:
    """The targets of a loss with their weights, and its divisor.

    `yes` are the targets: values y, T of classes, or T1 of outputs of yes or no, whose
    T0 is `no`; `both` is T0 + T1, or None where that is 1. `rows` is what stands before
    each row of a loss on values, None where that is 1.

    Shapes: yes, no and both (n, k), rows (n, 1), D ().
    """

    yes: Numbers
    D: Numbers
    no: Numbers = None
    both: Numbers = None
    rows: Numbers = None


def weighed(
    loss: str,
    a: Numbers,
    y: Array,
    settings: Mapping[str, Any] | None = None,
    rows: Array | None = None,
) -> Weighing:
    """T and D of the outputs a with these settings of the loss, and weights of the
    rows.

    Shapes: a (n, k), y as the loss wants it, rows (n,).
    """
    settings = settings or {}
    if loss in ON_CLASSES:
        return _of_classes(a, y, settings, rows)
    count = float(a.shape[0]) * (float(a.shape[1]) if loss in OVER_OUTPUTS else 1.0)
    D = _divisor(a, settings, rows, count)
    if loss in ON_OUTPUTS:
        return _of_outputs(a, a.format.widen(y), D, settings, rows)
    return Weighing(y, D, rows=None if rows is None else _column(a, rows))


def _of_classes(a: Numbers, y: Array, settings: Mapping[str, Any], rows: Array | None) -> Weighing:
    counts = np.full(len(y), True) if y.ndim == 2 else y != settings.get("ignore_index")
    T: Numbers = distribution(y if counts.all() else np.where(counts, y, 0), a.value)
    eps, w = settings.get("label_smoothing"), settings.get("weight")
    labels, each = T, rows if counts.all() else counts if rows is None else rows * counts
    if eps:
        T = a.lift(T) * (1.0 - eps) + eps / float(a.shape[1])
    if w is not None:
        T = a.lift(T) * np.asarray(w)
    if each is not None:
        T = a.lift(T) * _column(a, each)
    if y.ndim == 2 or w is None:
        return Weighing(T, _divisor(a, settings, each, float(len(y))))
    of_labels = a.lift(labels) * np.asarray(w)
    of_labels = of_labels if each is None else of_labels * _column(a, each)
    return Weighing(T, 1.0 if settings.get("reduction") == "sum" else of_labels.sum())


def _of_outputs(
    a: Numbers, y: Array, D: Numbers, settings: Mapping[str, Any], rows: Array | None
) -> Weighing:
    w, p = settings.get("weight"), settings.get("pos_weight")
    yes: Numbers = y
    no: Numbers = 1.0 - y
    both: Numbers = None
    if p is not None:
        yes = a.lift(yes) * np.asarray(p)
        both = yes + no
    of_outputs = None if w is None else a.lift(np.asarray(w))
    for factor in (of_outputs, None if rows is None else _column(a, rows)):
        if factor is not None:
            yes, no = a.lift(yes) * factor, a.lift(no) * factor
            both = factor if both is None else both * factor
    return Weighing(yes, D, no, both)


def _divisor(a: Numbers, settings: Mapping[str, Any], rows: Array | None, count: float) -> Numbers:
    """D: the count of all terms, or the sum of the weights of the rows times the
    outputs.
    """
    if settings.get("reduction") == "sum":
        return 1.0
    if rows is None:
        return count
    total = a.lift(a.format.widen(rows)).sum()
    outputs = count / float(len(rows))
    return total if outputs == 1.0 else total * outputs


def _column(a: Numbers, rows: Array) -> Numbers:
    return a.lift(a.format.widen(rows)[:, np.newaxis])
