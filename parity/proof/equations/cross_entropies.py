"""Equations C and BP1 of the cross-entropies, on probabilities and on logits.

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
from parity.proof.equations.shared import distribution, sigmoid, softmax, softmax_error
from parity.rounding.claim import CONVENTION, WRONG, Claim, Other, claim, near, size
from parity.rounding.formats import Format
from refnet.checks import Array
from refnet.losses import LOG_FLOOR

# what torch.nn.BCELoss divides by where a (1 - a) is less; a float in its C++ code, so
# for float64 tensors too
BCE_FLOOR = float(np.float32(1e-12))


class CrossEntropy(LossEntry):
    """C = -sum y max(log a, -100) / n on probabilities."""

    name = "cross_entropy"

    value_derivation = (
        "C = -sum y max(log a, -100) / n on probabilities within (terms + 3 + E_log) u sum |y log "
        "a| / n + lam, of n terms with labels, else of N: the error of log, the product, terms - 1 "
        "additions and the division; two are spare."
    )

    def value(self, fmt: Format, a: Array, y: Array) -> Claim:
        Y = distribution(y, a)

        def at(floor: float) -> tuple[Any, Any]:
            total = (Y * -_log(fmt.widen(a), floor))[Y > 0.0].sum()  # 0 log 0 = 0
            terms = len(a) if y.ndim == 1 else a.size
            return total / len(a), (terms + 3.0 + fmt.log) * fmt.unit * size(
                total / len(a)
            ) + fmt.tiny

        def others() -> list[Other]:
            return [
                Other(CONVENTION, f"log has no floor at {LOG_FLOOR:g}", near(fmt, *at(-np.inf)))
            ]

        return claim(fmt, *at(LOG_FLOOR), others=others)

    def output_delta(self, fmt: Format, f: ActivationEntry, z: Array, a: Array, y: Array) -> Claim:
        return (
            self._behind_softmax(fmt, z, a, y)
            if f.name == "softmax"
            else self._behind_sigmoid(fmt, a, distribution(y, a))
        )

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

    def _behind_softmax(self, fmt: Format, z: Array, a: Array, y: Array) -> Claim:
        (n, k), Y = a.shape, distribution(y, a)
        wide, total = fmt.widen(a), fmt.widen(Y).sum(axis=1, keepdims=True)
        at = wide * total
        off = 2.0 * softmax_error(fmt, wide, softmax(fmt.widen(z))[1])
        bound = (
            fmt.unit * size((k + 8.0) * (Y + at) + off * at) + size(a) * size(total - 1.0)
        ) / n + 2.0 * fmt.tiny
        counts = Y > 0.0 if y.ndim == 1 else np.full(a.shape, True)
        rows = np.asarray((counts & _overflows_log(fmt, a)).any(axis=1, keepdims=True))
        return claim(fmt, (at - Y) / n, bound, others=_through_log(rows))

    behind_sigmoid_derivation = (
        "delta = -y (1 - a) / n within u [8 y (1 - a) / n + 2 E_sigmoid a y / n] + 2 lam. As dC/da "
        "times f': -y / a / n takes three roundings with 1 / n computed first, 1 - a one, and two "
        "products; two are spare. 2 E_sigmoid allows for an a computed once more from z, whose "
        "error 1 - a inherits."
    )

    def _behind_sigmoid(self, fmt: Format, a: Array, Y: Array) -> Claim:
        exact = -fmt.widen(Y) * (1.0 - fmt.widen(a)) / len(a)
        bound = (
            fmt.unit * (8.0 * size(exact) + 2.0 * fmt.sigmoid * size(a * Y) / len(a))
            + 2.0 * fmt.tiny
        )
        return claim(fmt, exact, bound, others=_through_log(_overflows_log(fmt, a)))


def _overflows_log(fmt: Format, a: Array) -> Array:
    """Where 1 / a may overflow: below lam / 4 as written; 4 lam leaves room for a
    program that flushes to zero or has rounded a differently.
    """
    return np.asarray(a <= 4.0 * fmt.tiny)


def _through_log(where: Array) -> Callable[[], list[Other]]:
    """What autograd returns for log a where 1 / a overflows, even times y = 0: infinity
    or NaN.
    """
    note = (
        "-y / a overflows at a probability of about 0, as PyTorch's gradient of log does; logits "
        "have no such limit"
    )
    return lambda: [Other(WRONG, note, lambda got: where & ~np.isfinite(got), "log of zero")]


class BinaryCrossEntropy(LossEntry):
    """C = -sum (y max(log a, -100) + (1 - y) max(log(1 - a), -100)) / N on
    probabilities.
    """

    name = "binary_cross_entropy"

    value_derivation = (
        "C = -sum (y max(log a, -100) + (1 - y) max(log(1 - a), -100)) / N on probabilities within "
        "u [(N + 5 + E_log) sum (y |log a| + (1 - y) |log(1 - a)|) + sum (1 - y)] / N + lam: the "
        "error of log, 1 - y, a product, the sum of the two terms, N - 1 additions and the "
        "division; two are spare. 1 - a is rounded before its log, which costs 1 - y."
    )

    def value(self, fmt: Format, a: Array, y: Array) -> Claim:

        def at(floor: float) -> tuple[Any, Any]:
            wide, Y = fmt.widen(a), fmt.widen(y)
            terms = np.where(Y > 0.0, -Y * _log(wide, floor), 0.0) + np.where(
                Y < 1.0, (Y - 1.0) * _log1p(-wide, floor), 0.0
            )
            total = terms.sum()
            bound = (
                fmt.unit * ((a.size + 5.0 + fmt.log) * size(total) + size(1.0 - Y).sum()) / a.size
                + fmt.tiny
            )
            return total / a.size, bound

        def others() -> list[Other]:
            return [
                Other(CONVENTION, f"log has no floor at {LOG_FLOOR:g}", near(fmt, *at(-np.inf)))
            ]

        return claim(fmt, *at(LOG_FLOOR), others=others)

    def output_delta_derivation(self, f: ActivationEntry) -> str:
        return (
            "delta = (a - y) / N within u [10 (y (1 - a) + (1 - y) a) + 2 E_sigmoid a] / N + 2 "
            "lam. As dC/da times f', (y / a - (1 - y) / (1 - a)) a (1 - a) / N has the terms y (1 "
            "- a) and (1 - y) a. Each takes at most nine roundings: 1 - y, 1 - a, a quotient, the "
            "difference, 1 - a again, two products, 1 / N and its product; one is spare. 2 "
            "E_sigmoid allows for an a computed once more from z."
        )

    def output_delta(self, fmt: Format, f: ActivationEntry, z: Array, a: Array, y: Array) -> Claim:
        wide, N = fmt.widen(a), a.size
        exact = (wide - y) / N
        terms = size(y) * size(1.0 - wide) + size(1.0 - y) * size(a)
        bound = fmt.unit * (10.0 * terms + 2.0 * fmt.sigmoid * size(a)) / N + 2.0 * fmt.tiny

        def others() -> list[Other]:
            product = wide * (1.0 - wide)
            faded = exact * product / np.maximum(product, fmt.wide.type(BCE_FLOOR))
            # eight operations and the floor's own rounding are at most 10 u; four to
            # spare, as this decides only under which name it fails
            off = 14.0 * fmt.unit * size(faded) + 2.0 * fmt.tiny
            fits = near(fmt, faded, off)
            note = (
                f"divided by {BCE_FLOOR:g} where a (1 - a) is less, as torch.nn.BCELoss does; "
                f"logits have no such limit"
            )
            return [
                Other(WRONG, note, lambda got: (product < BCE_FLOOR) & fits(got), "BCELoss clamp")
            ]

        return claim(fmt, exact, bound, others=others)


class SoftmaxCrossEntropy(LossEntry):
    """C = sum y (log sum e^z - z) / n on logits."""

    name = "softmax_cross_entropy"

    value_derivation = (
        "C = sum y (log sum e^z - z) / n on logits, as L - s with s = z - max z and L = log sum "
        "e^s, or as max z + L - z. A row is off by at most u sum y (Sbar + E_exp + k [k > 1] + "
        "E_log L + |s| + (L - s) + 2 |max z + L| + |z|): the errors of the sum, of its log, and of "
        "both ways of writing the difference. Product, additions and division cost (terms + 4) u n "
        "C, three of them spare."
    )

    def value(self, fmt: Format, a: Array, y: Array) -> Claim:
        (n, k), Y = a.shape, distribution(y, a)
        z = fmt.widen(a)
        p, s, total = softmax(z)
        L = np.log(total)
        mean = (p * np.abs(s)).sum(axis=1, keepdims=True)
        top = np.abs(z.max(axis=1, keepdims=True) + L)
        off = (
            mean
            + fmt.exp
            + (k if k > 1 else 0.0)
            + fmt.log * L
            + np.abs(s)
            + (L - s)
            + 2.0 * top
            + np.abs(z)
        )
        value = (Y * (L - s)).sum()
        terms = n if y.ndim == 1 else a.size
        bound = fmt.unit * (size((Y * off).sum()) + (terms + 4.0) * size(value)) / n + fmt.tiny
        return claim(
            fmt, value / n, bound, (size(value) < fmt.largest) & (2.0 * size(z).max() < fmt.largest)
        )

    def output_delta_derivation(self, f: ActivationEntry) -> str:
        return (
            "delta_j = (p_j Y - y_j) / n, p = softmax(z), Y = sum y, within (u [(k + 5) (y_j + p_j "
            "Y) + E p_j Y] + p_j |Y - 1|) / n + lam. E = 2 |s_j| + Sbar + 2 E_exp + k + 4 + (2 + "
            "E_log) L is the error of softmax, also as e^(s - L), where L and s - L are rounded as "
            "well. Y takes k - 1 roundings, its product and the difference one each, the quotient "
            "by n two; two are spare."
        )

    def output_delta(self, fmt: Format, f: ActivationEntry, z: Array, a: Array, y: Array) -> Claim:
        (n, k), Y = a.shape, distribution(y, a)
        p, s, total = softmax(fmt.widen(z))
        L, weight = np.log(total), fmt.widen(Y).sum(axis=1, keepdims=True)
        # also as e^(log softmax)
        off = np.abs(s) + softmax_error(fmt, p, s) + 2.0 + (2.0 + fmt.log) * L
        at = size(p * weight)
        bound = (
            fmt.unit * ((k + 5.0) * (size(Y) + at) + size(off) * at) + size(p) * size(weight - 1.0)
        ) / n + fmt.tiny
        return claim(fmt, (p * weight - Y) / n, bound)


class SigmoidCrossEntropy(LossEntry):
    """C = sum t / N on logits, t = max(z, 0) - z y + log(1 + e^-|z|)."""

    name = "sigmoid_cross_entropy"

    value_derivation = (
        "C = sum t / N on logits, t = max(z, 0) - z y + log(1 + e^-|z|), within u [sum (3 |z| "
        "max(y, 1 - y) + 2 |z| + (E_exp + E_log + 2) log1p(e^-|z|)) + (N + 4) sum t] / N + lam. "
        "The terms in |z| allow for the other stable forms, which cancel."
    )

    def value(self, fmt: Format, a: Array, y: Array) -> Claim:
        z, N = fmt.widen(a), a.size
        soft = np.log1p(np.exp(-np.abs(z)))
        total = (np.where(z > 0.0, z * (1.0 - fmt.widen(y)), -z * y) + soft).sum()
        off = (3.0 * np.maximum(y, 1.0 - y) + 2.0) * np.abs(z) + (fmt.exp + fmt.log + 2.0) * soft
        bound = fmt.unit * (size(off.sum()) + (N + 4.0) * size(total)) / N + fmt.tiny
        return claim(fmt, total / N, bound, size(total) < fmt.largest)

    def output_delta_derivation(self, f: ActivationEntry) -> str:
        return (
            "delta = (p - y) / N, p = sigmoid(z), within u [E_sigmoid p + 4 (y (1 - p) + (1 - y) "
            "p)] / N + lam: the error of the sigmoid, a difference and a quotient; two are spare "
            "for forms that compute 1 - y or 1 / N first."
        )

    def output_delta(self, fmt: Format, f: ActivationEntry, z: Array, a: Array, y: Array) -> Claim:
        p, N = sigmoid(fmt.widen(z)), a.size
        terms = size(y) * size(1.0 - p) + size(1.0 - y) * size(p)
        return claim(
            fmt, (p - y) / N, fmt.unit * (fmt.sigmoid * size(p) + 4.0 * terms) / N + fmt.tiny
        )


def _log(a: Array, floor: float) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(np.log(a), floor)


def _log1p(a: Array, floor: float) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(np.log1p(a), floor)
