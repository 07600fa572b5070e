"""Equations C and BP1 of the cross-entropies of classes: on probabilities, on logits.

Every pair of loss and output is judged against the simplified formula, in which the
pole of dC/da has cancelled against f', but with the sizes of the terms of the formula
that is not simplified. So a program that multiplies dC/da by f' passes too: it loses
nothing until a probability rounds to 0 or 1.

No divisor carries an error: a is the recorded number, and 1 - a, one rounding of it, is
off by a share of itself, as a (1 - a) is. So each quotient costs its rounding and those
shares, however small the divisor. An a that is computed once more from z counts where
it is multiplied, not where it divides: y / a and f' are of the same a, and their pole
cancels.

Notation: as in the entries of the losses.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from parity.proof.equations.kinds import ActivationEntry, LossEntry
from parity.proof.equations.shared import softmax, softmax_error
from parity.proof.equations.weights import (
    CLASS_WEIGHTS,
    Classes,
    of_classes,
)
from parity.rounding.claim import CONVENTION, WRONG, Claim, Other, claim, near, size
from parity.rounding.formats import Format
from refnet.checks import Array
from refnet.losses import LOG_FLOOR


class _ClassLoss(LossEntry):
    """A loss on classes: T in place of y, D in place of n."""

    weights_derivation = CLASS_WEIGHTS

    def weighed(self, fmt: Format, a: Array, y: Array, s: Array | None) -> Classes:
        """T and D."""
        return of_classes(fmt, self.settings, s, y, a)


class CrossEntropy(_ClassLoss):
    """C = -sum y max(log a, -100) / n on probabilities."""

    name = "cross_entropy"

    value_derivation = (
        "C = -sum y max(log a, -100) / n on probabilities within (terms + 3 + E_log) u sum |y log "
        "a| / n + lam, of n terms with labels, else of N: the error of log, the product, terms - 1 "
        "additions and the division; two are spare."
    )

    def value(self, fmt: Format, a: Array, y: Array, s: Array | None = None) -> Claim:
        w = self.weighed(fmt, a, y, s)
        terms = len(a) if w.is_label else a.size

        def at(floor: float) -> tuple[Any, Any]:
            cost = -log(fmt.widen(a), floor)
            C = (w.T * cost)[w.T > 0.0].sum() / w.D  # 0 log 0 = 0
            bound = (terms + 3.0 + fmt.log + w.of_D) * fmt.unit * size(C) + fmt.tiny
            return C, bound + w.of_cost(cost)

        def others() -> list[Other]:
            return [
                Other(CONVENTION, f"log has no floor at {LOG_FLOOR:g}", near(fmt, *at(-np.inf)))
            ]

        return claim(fmt, *at(LOG_FLOOR), others=others)

    def output_delta(
        self,
        fmt: Format,
        f: ActivationEntry,
        z: Array,
        a: Array,
        y: Array,
        s: Array | None = None,
    ) -> Claim:
        w = self.weighed(fmt, a, y, s)
        if f.name == "softmax":
            return self._behind_softmax(fmt, z, a, w, y.ndim == 1)
        return self._behind_sigmoid(fmt, a, w)

    def output_delta_derivation(self, f: ActivationEntry) -> str:
        return (
            self.behind_softmax_derivation
            if f.name == "softmax"
            else self.behind_sigmoid_derivation
        )

    behind_softmax_derivation = (
        "delta_j = (a_j Y - y_j) / n, Y = sum y, within (u [(k + 8) (y_j + a_j Y) + 2 E_softmax,j "
        "a_j Y] + a_j |Y - 1|) / n + 2 lam. As dC/da pulled back through softmax: -y_i / a_i / n "
        "takes three roundings with 1 / n computed first, its product with a_i one, the sum over i "
        "k - 1, the difference and the product with a_j one each; three are spare. 2 E_softmax "
        "allows for an a computed once more from z, and |Y - 1| for the textbook's a - y, as Y is "
        "1 only up to rounding."
    )

    def _behind_softmax(
        self, fmt: Format, z: Array, a: Array, w: Classes, with_labels: bool
    ) -> Claim:
        k, T = a.shape[1], w.T
        wide, total = fmt.widen(a), fmt.widen(T).sum(axis=1, keepdims=True)
        at = wide * total
        off = 2.0 * softmax_error(fmt, wide, softmax(fmt.widen(z))[1])
        bound = (
            fmt.unit * size((k + 8.0 + w.of_D) * (T + at) + off * at)
            + size(a) * size(total - w.whole)
            + w.spread(a)
        ) / size(w.D) + 2.0 * fmt.tiny
        # autograd multiplies a row that does not count by 0 after its logarithm
        counts = (T > 0.0) | (total == 0.0) if with_labels else np.full(a.shape, True)
        rows = np.asarray((counts & _overflows_log(fmt, a, w)).any(axis=1, keepdims=True))
        return claim(fmt, (at - T) / w.D, bound + w.underflow, others=_through_log(rows))

    behind_sigmoid_derivation = (
        "delta = -y (1 - a) / n within u [8 y (1 - a) / n + 2 E_sigmoid a y / n] + 2 lam. As dC/da "
        "times f': -y / a / n takes three roundings with 1 / n computed first, 1 - a one, and two "
        "products; two are spare. 2 E_sigmoid allows for an a computed once more from z, whose "
        "error 1 - a inherits."
    )

    def _behind_sigmoid(self, fmt: Format, a: Array, w: Classes) -> Claim:
        exact, D = -fmt.widen(w.T) * (1.0 - fmt.widen(a)) / w.D, size(w.D)
        bound = (
            fmt.unit * ((8.0 + w.of_D) * size(exact) + 2.0 * fmt.sigmoid * size(a * w.T) / D)
            + 2.0 * fmt.tiny
        )
        off = w.error * size(1.0 - fmt.widen(a)) / D + w.underflow
        return claim(fmt, exact, bound + off, others=_through_log(_overflows_log(fmt, a, w)))


def _overflows_log(fmt: Format, a: Array, w: Classes) -> Array:
    """Where 1 / a may overflow, or T / a of a T above 1: below lam / 4 as written; 4
    lam leaves room for a program that flushes to zero or has rounded a differently.
    """
    return np.asarray(a <= 4.0 * fmt.tiny * np.maximum(1.0, w.T))


def _through_log(where: Array) -> Callable[[], list[Other]]:
    """What autograd returns for log a where 1 / a overflows, even times y = 0: infinity
    or NaN.
    """
    note = (
        "-y / a overflows at a probability of about 0, as PyTorch's gradient of log does; logits "
        "have no such limit"
    )
    return lambda: [Other(WRONG, note, lambda got: where & ~np.isfinite(got), "log of zero")]


class SoftmaxCrossEntropy(_ClassLoss):
    """C = sum y (log sum e^z - z) / n on logits."""

    name = "softmax_cross_entropy"

    value_derivation = (
        "C = sum y (log sum e^z - z) / n on logits, as L - s with s = z - max z and L = log sum "
        "e^s, or as max z + L - z. A row is off by at most u sum y (Sbar + E_exp + k [k > 1] + "
        "E_log L + |s| + (L - s) + 2 |max z + L| + |z|): the errors of the sum, of its log, and of "
        "both ways of writing the difference. Product, additions and division cost (terms + 4) u n "
        "C, three of them spare."
    )

    def value(self, fmt: Format, a: Array, y: Array, s: Array | None = None) -> Claim:
        k, w = a.shape[1], self.weighed(fmt, a, y, s)
        z = fmt.widen(a)
        p, below, total = softmax(z)
        L = np.log(total)
        mean = (p * np.abs(below)).sum(axis=1, keepdims=True)
        top = np.abs(z.max(axis=1, keepdims=True) + L)
        off = (
            mean
            + fmt.exp
            + (k if k > 1 else 0.0)
            + fmt.log * L
            + np.abs(below)
            + (L - below)
            + 2.0 * top
            + np.abs(z)
        )
        value = (w.T * (L - below)).sum()
        roundings = (len(a) if w.is_label else a.size) + 4.0 + w.of_D
        bound = fmt.unit * (size((w.T * off).sum()) + roundings * size(value)) / size(w.D)
        judged = (size(value) < fmt.largest) & (2.0 * size(z).max() < fmt.largest)
        return claim(fmt, value / w.D, bound + fmt.tiny + w.of_cost(L - below), judged)

    def output_delta_derivation(self, f: ActivationEntry) -> str:
        return (
            "delta_j = (p_j Y - y_j) / n, p = softmax(z), Y = sum y, within (u [(k + 5) (y_j + p_j "
            "Y) + E p_j Y] + p_j |Y - 1|) / n + lam. E = 2 |s_j| + Sbar + 2 E_exp + k + 4 + (2 + "
            "E_log) L is the error of softmax, also as e^(s - L), where L and s - L are rounded as "
            "well. Y takes k - 1 roundings, its product and the difference one each, the quotient "
            "by n two; two are spare."
        )

    def output_delta(
        self,
        fmt: Format,
        f: ActivationEntry,
        z: Array,
        a: Array,
        y: Array,
        s: Array | None = None,
    ) -> Claim:
        k, w = a.shape[1], self.weighed(fmt, a, y, s)
        p, below, total = softmax(fmt.widen(z))
        L, whole = np.log(total), fmt.widen(w.T).sum(axis=1, keepdims=True)
        # also as e^(log softmax)
        off = np.abs(below) + softmax_error(fmt, p, below) + 2.0 + (2.0 + fmt.log) * L
        at = size(p * whole)
        bound = (
            fmt.unit * ((k + 5.0 + w.of_D) * (size(w.T) + at) + size(off) * at)
            + size(p) * size(whole - w.whole)
            + w.spread(p)
        ) / size(w.D) + fmt.tiny
        return claim(fmt, (p * whole - w.T) / w.D, bound + w.underflow)


def log(a: Array, floor: float) -> Array:
    """log a, never below the floor."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(np.log(a), floor)
