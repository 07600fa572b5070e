"""Equations C and BP1: for each loss its value, and for each pair of loss and output
activation the output delta, with bounds. The losses on values stand here, and the table
of all losses; the cross-entropies have a room of their own.

Notation: u, lam, E and r as in the entries of the activations; n rows, k outputs, N = n
k. Sums of N terms of any order are off by at most (N - 1) u sum |terms| (Jeannerod and
Rump, Improved error bounds for inner products in floating-point arithmetic, 2013).
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from parity.proof.equations.binary import BinaryCrossEntropy, SigmoidCrossEntropy
from parity.proof.equations.cross_entropies import CrossEntropy, SoftmaxCrossEntropy
from parity.proof.equations.kinds import ActivationEntry, LossEntry, Summed
from parity.proof.equations.weights import ROW_WEIGHTS, Rows, of_rows
from parity.rounding.claim import CONVENTION, Claim, Other, claim, near, size
from parity.rounding.formats import Format
from refnet.checks import Array


class _ValueLoss(LossEntry):
    """A loss on values: g = dC/da, pulled back through any activation."""

    roundings: ClassVar[float]  # of g
    over_outputs: ClassVar[bool] = True  # a mean over the outputs too
    gradient_derivation: ClassVar[str]
    weights_derivation = ROW_WEIGHTS

    @abstractmethod
    def gradient(self, e: Array, w: Rows) -> Array:
        """dC/da in the wider format, from e = a - y."""

    def kinks(self, fmt: Format, e: Array, w: Rows) -> Sequence[tuple[str, Array]]:
        """Other gradients that are conventions."""
        return ()

    def weighed(self, fmt: Format, a: Array, s: Array | None) -> Rows:
        """The weights of the rows, and D."""
        n = len(a)
        return of_rows(fmt, self.settings, s, a.size if self.over_outputs else n, n)

    def output_delta_derivation(self, f: ActivationEntry) -> str:
        """The gradient of the loss, and the pullback of f."""
        return f"{self.gradient_derivation} {f.pullback_derivation}"

    def output_delta(
        self,
        fmt: Format,
        f: ActivationEntry,
        z: Array,
        a: Array,
        y: Array,
        s: Array | None = None,
    ) -> Claim:
        e, w = fmt.widen(a) - fmt.widen(y), self.weighed(fmt, a, s)
        # 2 s (a - y), and a factor 2 to spare
        judged = (4.0 * size(e) < fmt.largest) & (4.0 * size(w.s * e) < fmt.largest)
        roundings, underflows = self.roundings + w.roundings, 1.0 + w.underflow / fmt.tiny

        def pulled(g: Array) -> Claim:
            return f.pullback(fmt, Summed(g, size(g), roundings, underflows, judged), z, a)

        main = pulled(self.gradient(e, w))

        def convention(note: str, g: Array) -> Other:
            at_kink = pulled(g)
            return Other(CONVENTION, note, near(fmt, at_kink.exact, at_kink.bound))

        def others() -> list[Other]:
            return [*main.others(), *(convention(*kink) for kink in self.kinks(fmt, e, w))]

        return Claim(main.exact, main.bound, main.judged, main.slack, main.reason, others)


class MSE(_ValueLoss):
    """C = sum (a - y)^2 / N."""

    name = "mse"

    value_derivation = (
        "C = sum (a - y)^2 / N within (N + 4) u C + 2 lam: the difference, whose rounding the "
        "square doubles, the square, N - 1 additions and the division; one is spare."
    )

    def value(self, fmt: Format, a: Array, y: Array, s: Array | None = None) -> Claim:
        w = self.weighed(fmt, a, s)
        each = (fmt.widen(a) - fmt.widen(y)) ** 2
        return _positive(fmt, each, w.D, a.size + 4.0, w)

    gradient_derivation = (
        "g = dC/da = 2 (a - y) / N within 5 u |g| + lam: the difference, and 2 / N computed first "
        "and multiplied; two are spare."
    )
    roundings = 5.0

    def gradient(self, e: Array, w: Rows) -> Array:
        return 2.0 * (w.s * e) / w.D


class HalfSquaredError(_ValueLoss):
    """C = sum (a - y)^2 / (2 n)."""

    name = "half_squared_error"
    over_outputs = False

    value_derivation = (
        "C = sum (a - y)^2 / (2 n) within (N + 4) u C + 2 lam: the roundings of the MSE."
    )

    def value(self, fmt: Format, a: Array, y: Array, s: Array | None = None) -> Claim:
        w = self.weighed(fmt, a, s)
        each = (fmt.widen(a) - fmt.widen(y)) ** 2
        return _positive(fmt, each, 2 * w.D, a.size + 4.0, w)

    gradient_derivation = (
        "g = dC/da = (a - y) / n within 4 u |g| + lam: the difference, and 1 / n computed first "
        "and multiplied; one is spare."
    )
    roundings = 4.0

    def gradient(self, e: Array, w: Rows) -> Array:
        return w.s * e / w.D


class MAE(_ValueLoss):
    """C = sum |a - y| / N."""

    name = "mae"

    value_derivation = (
        "C = sum |a - y| / N within (N + 2) u C + 2 lam: the difference, N - 1 additions and the "
        "division; one is spare."
    )

    def value(self, fmt: Format, a: Array, y: Array, s: Array | None = None) -> Claim:
        w = self.weighed(fmt, a, s)
        each = np.abs(fmt.widen(a) - fmt.widen(y))
        return _positive(fmt, each, w.D, a.size + 2.0, w)

    gradient_derivation = (
        "g = dC/da = sign(a - y) / N, sign(0) = 0, within 3 u |g| + lam: 1 / N computed first and "
        "multiplied; one is spare. The sign is exact, as the difference of two floats is 0 only "
        "where they are equal."
    )
    roundings = 3.0

    def gradient(self, e: Array, w: Rows) -> Array:
        return w.s * np.sign(e) / w.D

    def kinks(self, fmt: Format, e: Array, w: Rows) -> Sequence[tuple[str, Array]]:
        """sign(0) = 1 or -1."""
        if not (e == 0.0).any():
            return ()
        return [
            (
                f"sign(0) = {s:+g} instead of 0",
                w.s * np.where(e == 0.0, fmt.wide.type(s), np.sign(e)) / w.D,
            )
            for s in (1.0, -1.0)
        ]


def _positive(fmt: Format, each: Array, divisor: Any, roundings: float, w: Rows) -> Claim:
    """A sum of weighted terms >= 0 over a count: every rounding is relative to the
    result. It is not judged where a row may overflow, of weight 0 too: 0 times infinity
    is no number.
    """
    total = (w.s * each).sum()
    exact, fits = total / divisor, size(each.sum(axis=1)).max() < fmt.largest
    bound = (roundings + w.roundings) * fmt.unit * size(exact) + 2.0 * fmt.tiny
    lost = roundings * w.underflow  # in each of at most so many terms
    return claim(fmt, exact, bound + lost, fits & (size(total) < fmt.largest))


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
