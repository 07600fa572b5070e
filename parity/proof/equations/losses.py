"""Equations C and BP1: for each loss its value, and for each pair of loss and output
activation the output delta, with bounds.

Every pair is judged against the simplified formula, in which the pole of dC/da has
cancelled against f', with the sizes of the terms of the formula that is not simplified:
written out, it loses nothing until a probability rounds to 0 or 1.

Notation: u, lam, E and r as in the entries of the activations; n rows, k outputs, N = n
k. Sums of N terms of any order are off by at most (N - 1) u sum |terms| (Jeannerod and
Rump, Improved error bounds for inner products in floating-point arithmetic, 2013).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from parity.proof.equations.activations import ActivationEntry
from parity.proof.equations.shared import (
    JEANNEROD_RUMP,
    Cotangent,
    distribution,
    sigmoid,
    softmax,
    softmax_error,
)
from parity.rounding.claim import CONVENTION, WRONG, Claim, Other, claim, near, size
from parity.rounding.formats import Format
from refnet.checks import Array
from refnet.losses import LOG_FLOOR

# what torch.nn.BCELoss divides by where a (1 - a) is less: a float in C++, in float64
# too
BCE_FLOOR = float(np.float32(1e-12))


class LossEntry(ABC):
    """One loss: C = loss(a, y), and the output delta behind each of its output
    activations.

    Each derivation is text, as `parity.entries()` lists it; it stands above the method
    whose bound it derives.
    """

    label: ClassVar[str] = "C"
    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ("a", "y")
    writes: ClassVar[str] = "loss"
    source: ClassVar[str] = JEANNEROD_RUMP
    formula: ClassVar[str]
    value_derivation: ClassVar[str]

    @abstractmethod
    def value(self, fmt: Format, a: Array, y: Array) -> Claim:
        """C, a claim of shape ()."""

    @abstractmethod
    def output_delta(self, fmt: Format, f: ActivationEntry, z: Array, a: Array, y: Array) -> Claim:
        """BP1: delta^L = dC/da pulled back through f, from the recorded z^L and a^L."""

    @abstractmethod
    def output_delta_derivation(self, f: ActivationEntry) -> str:
        """Why the bound of the output delta behind f holds."""


class _ValueLoss(LossEntry):
    """A loss on values: g = dC/da, pulled back through any activation."""

    roundings: ClassVar[float]  # of g
    gradient_derivation: ClassVar[str]

    @abstractmethod
    def gradient(self, fmt: Format, e: Array) -> Array:
        """dC/da in the wider format, from e = a - y."""

    def kinks(self, fmt: Format, e: Array) -> Sequence[tuple[str, Array]]:
        """Other gradients that are conventions."""
        return ()

    def output_delta_derivation(self, f: ActivationEntry) -> str:
        """The gradient of the loss, and the pullback of f."""
        return f"{self.formula} {self.gradient_derivation} {f.pullback_derivation}"

    def output_delta(self, fmt: Format, f: ActivationEntry, z: Array, a: Array, y: Array) -> Claim:
        e = fmt.widen(a) - fmt.widen(y)
        judged = 4.0 * size(e) < fmt.largest

        def pulled(g: Array) -> Claim:
            return f.pullback(fmt, Cotangent(g, size(g), self.roundings, 1.0, judged), z, a)

        main = pulled(self.gradient(fmt, e))

        def others() -> list[Other]:
            found = [
                Other(CONVENTION, note, near(fmt, at.exact, at.bound))
                for note, g in self.kinks(fmt, e)
                for at in [pulled(g)]
            ]
            return [*main.others(), *found]

        return Claim(main.exact, main.bound, main.judged, main.slack, main.reason, others)


class MSE(_ValueLoss):
    """C = sum (a - y)^2 / N."""

    name = "mse"
    formula = (
        "C = sum (a - y)^2 / N: two roundings of each term (the difference and the square), N - 1 "
        "of the sum, the division, the rest spare. g = 2 (a - y) / N: five roundings."
    )

    value_derivation = "Within (N + 4) u C + 2 lam."

    def value(self, fmt: Format, a: Array, y: Array) -> Claim:
        total = ((fmt.widen(a) - fmt.widen(y)) ** 2).sum()
        return _positive(fmt, total / a.size, a.size + 4.0, total)

    gradient_derivation = "2 (a - y) / N."
    roundings = 5.0

    def gradient(self, fmt: Format, e: Array) -> Array:
        return 2.0 * e / e.size


class HalfSquaredError(_ValueLoss):
    """C = sum (a - y)^2 / (2 n)."""

    name = "half_squared_error"
    formula = "C = sum (a - y)^2 / (2 n), counted as the MSE; g = (a - y) / n: four roundings."

    value_derivation = "Within (N + 4) u C + 2 lam."

    def value(self, fmt: Format, a: Array, y: Array) -> Claim:
        total = ((fmt.widen(a) - fmt.widen(y)) ** 2).sum()
        return _positive(fmt, total / (2 * len(a)), a.size + 4.0, total)

    gradient_derivation = "(a - y) / n."
    roundings = 4.0

    def gradient(self, fmt: Format, e: Array) -> Array:
        return e / len(e)


class MAE(_ValueLoss):
    """C = sum |a - y| / N."""

    name = "mae"
    formula = (
        "C = sum |a - y| / N: one rounding less per term than the MSE. g = sign(a - y) / N: three "
        "roundings. The sign is exact: a difference of floats is zero only where they are equal."
    )

    value_derivation = "Within (N + 2) u C + 2 lam."

    def value(self, fmt: Format, a: Array, y: Array) -> Claim:
        total = np.abs(fmt.widen(a) - fmt.widen(y)).sum()
        return _positive(fmt, total / a.size, a.size + 2.0, total)

    gradient_derivation = "sign(a - y) / N, with sign(0) = 0."
    roundings = 3.0

    def gradient(self, fmt: Format, e: Array) -> Array:
        return np.sign(e) / e.size

    def kinks(self, fmt: Format, e: Array) -> Sequence[tuple[str, Array]]:
        """sign(0) = 1 or -1."""
        if not (e == 0.0).any():
            return ()
        return [
            (
                f"sign(0) = {s:+g} instead of 0",
                np.where(e == 0.0, fmt.wide.type(s), np.sign(e)) / e.size,
            )
            for s in (1.0, -1.0)
        ]


def _positive(fmt: Format, exact: Any, roundings: float, total: Any) -> Claim:
    """A sum of terms >= 0 over a count: every rounding is relative to the result."""
    return claim(
        fmt, exact, roundings * fmt.unit * size(exact) + 2.0 * fmt.tiny, size(total) < fmt.largest
    )


class CrossEntropy(LossEntry):
    """C = -sum y max(log a, -100) / n on probabilities."""

    name = "cross_entropy"
    formula = (
        "C = -sum y max(log a, -100) / n on probabilities; with labels a sum of n terms, else of N."
    )

    value_derivation = "Within (terms + 3 + E_log) u sum |y log a| / n + lam."

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
        """Behind softmax (a_j Y - y_j) / n, Y = sum y = 1 up to rounding; behind
        sigmoid -y (1 - a) / n.
        """
        return (
            self._behind_softmax(fmt, z, a, y)
            if f.name == "softmax"
            else self._behind_sigmoid(fmt, a, distribution(y, a))
        )

    def output_delta_derivation(self, f: ActivationEntry) -> str:
        """The one of the two."""
        return (
            self.behind_softmax_derivation
            if f.name == "softmax"
            else self.behind_sigmoid_derivation
        )

    behind_softmax_derivation = (
        "(a_j Y - y_j) / n within (u [(k + 8) (y_j + a_j Y) + 2 E_softmax,j a_j Y] + a_j |Y - 1|) "
        "/ n + 2 lam. Written out, -y_i / (a_i n) is two roundings, its product with a_i a third, "
        "the sum of k such products k, the difference and the product with a_j two, and one more "
        "is spare for 1 / n made beforehand; a_j once more from z is another softmax. The textbook "
        "has a - y, which is a Y - y but for |Y - 1|."
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
        rows = np.asarray((counts & (a <= 4.0 * fmt.tiny)).any(axis=1, keepdims=True))
        return claim(fmt, (at - Y) / n, bound, others=_through_log(rows))

    behind_sigmoid_derivation = (
        "-y (1 - a) / n within u [8 y (1 - a) / n + 2 E_sig a y / n] + 2 lam. Written out, -y / (a "
        "n) is two roundings, 1 - a one, two products two, a division by n made beforehand one, "
        "and two are spare; an a once more from z is off by E_sig u a, which 1 - a inherits as it "
        "is."
    )

    def _behind_sigmoid(self, fmt: Format, a: Array, Y: Array) -> Claim:
        exact = -fmt.widen(Y) * (1.0 - fmt.widen(a)) / len(a)
        bound = (
            fmt.unit * (8.0 * size(exact) + 2.0 * fmt.sigmoid * size(a * Y) / len(a))
            + 2.0 * fmt.tiny
        )
        return claim(fmt, exact, bound, others=_through_log(a <= 4.0 * fmt.tiny))


def _through_log(where: Array) -> Callable[[], list[Other]]:
    """What autograd makes of log a where 1 / a overflows, be it multiplied by y = 0:
    infinity or NaN.
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
    formula = (
        "C = -sum (y max(log a, -100) + (1 - y) max(log(1 - a), -100)) / N on probabilities; 1 - a "
        "is rounded before its log."
    )

    value_derivation = (
        "Within u [(N + 5 + E_log) sum (y |log a| + (1 - y) |log(1 - a)|) + sum (1 - y)] / N + lam."
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
            "Behind sigmoid (a - y) / N, within u [10 (y (1 - a) + (1 - y) a) + 2 E_sig a] / N + 2 "
            "lam. Written out, (y / a - (1 - y) / (1 - a)) a (1 - a) / N has the terms y (1 - a) "
            "and (1 - y) a, each of ten roundings: 1 - y, 1 - a, a quotient, the difference, 1 - a "
            "again, two products, 1 / N and its product, and one spare. An a once more from z: 2 "
            "E_sig u a."
        )

    def output_delta(self, fmt: Format, f: ActivationEntry, z: Array, a: Array, y: Array) -> Claim:
        wide, N = fmt.widen(a), a.size
        exact = (wide - y) / N
        terms = size(y) * size(1.0 - wide) + size(1.0 - y) * size(a)
        bound = fmt.unit * (10.0 * terms + 2.0 * fmt.sigmoid * size(a)) / N + 2.0 * fmt.tiny

        def others() -> list[Other]:
            product = wide * (1.0 - wide)
            faded = exact * product / np.maximum(product, fmt.wide.type(BCE_FLOOR))
            # eight operations, and the floor's own rounding
            off = 14.0 * fmt.unit * size(faded) + 2.0 * fmt.tiny
            close = near(fmt, faded, off)
            note = (
                f"divided by {BCE_FLOOR:g} where a (1 - a) is less, as torch.nn.BCELoss does; "
                f"logits have no such limit"
            )
            return [
                Other(WRONG, note, lambda got: (product < BCE_FLOOR) & close(got), "BCELoss clamp")
            ]

        return claim(fmt, exact, bound, others=others)


class SoftmaxCrossEntropy(LossEntry):
    """C = sum y (log sum e^z - z) / n on logits."""

    name = "softmax_cross_entropy"
    formula = (
        "C = sum y (log sum e^z - z) / n on logits, with s = z - max z and L = log sum e^s, or "
        "with max z added back."
    )

    value_derivation = (
        "Per row u sum y (Sbar + E_exp + k [k > 1] + E_log L + |s| + (L - s) + 2 |max z + L| + "
        "|z|), and (terms + 4) u n C of the sum."
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
            "(p_j Y - y_j) / n, p = softmax(z): within (u [(k + 5) (y_j + p_j Y) + E p_j Y] + p_j "
            "|Y - 1|) / n + lam. E = 2 |s_j| + Sbar + 2 E_exp + k + 4 + (2 + E_log) L is a "
            "softmax, be it through e^(s - L), whose s - L and L are rounded once more; k - 1 "
            "roundings are the sum Y, one the product, one the difference, two the quotient by n, "
            "and two are spare."
        )

    def output_delta(self, fmt: Format, f: ActivationEntry, z: Array, a: Array, y: Array) -> Claim:
        (n, k), Y = a.shape, distribution(y, a)
        p, s, total = softmax(fmt.widen(z))
        L, weight = np.log(total), fmt.widen(Y).sum(axis=1, keepdims=True)
        # through log softmax as well
        off = np.abs(s) + softmax_error(fmt, p, s) + 2.0 + (2.0 + fmt.log) * L
        at = size(p * weight)
        bound = (
            fmt.unit * ((k + 5.0) * (size(Y) + at) + size(off) * at) + size(p) * size(weight - 1.0)
        ) / n + fmt.tiny
        return claim(fmt, (p * weight - Y) / n, bound)


class SigmoidCrossEntropy(LossEntry):
    """C = sum t / N on logits, t = max(z, 0) - z y + log(1 + e^-|z|)."""

    name = "sigmoid_cross_entropy"
    formula = (
        "C = sum t / N on logits, t = max(z, 0) - z y + log(1 + e^-|z|); other stable forms cancel "
        "up to 3 |z|."
    )

    value_derivation = (
        "Within u [sum (3 |z| max(y, 1 - y) + 2 |z| + (E_exp + E_log + 2) log1p(e^-|z|)) + (N + 4) "
        "sum t] / N + lam."
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
            "(sigmoid(z) - y) / N, within u [E_sig p + 4 (y (1 - p) + (1 - y) p)] / N + lam. The "
            "sigmoid, then a difference and a quotient by N; two are spare for forms that make 1 - "
            "y or 1 / N beforehand."
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


LOSS_ENTRIES: dict[str, type[LossEntry]] = {
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
