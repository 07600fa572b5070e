"""Equations C and BP1 of the cross-entropies of outputs that each answer yes or no, on
probabilities and on logits.

They are judged as those of classes are: against the formula in which the pole of dC/da
has cancelled, with the sizes of the terms of the one in which it has not.

Notation: as in the entries of the losses.
"""

from typing import Any

import numpy as np

from parity.proof.equations.cross_entropies import log
from parity.proof.equations.kinds import ActivationEntry, LossEntry
from parity.proof.equations.shared import sigmoid
from parity.proof.equations.weights import OUTPUT_WEIGHTS, Outputs, of_outputs
from parity.rounding.claim import CONVENTION, WRONG, Claim, Other, claim, near, size
from parity.rounding.formats import Format
from refnet.checks import Array
from refnet.losses import LOG_FLOOR

# what torch.nn.BCELoss divides by where a (1 - a) is less; a float in its C++ code, so
# for float64 tensors too
BCE_FLOOR = float(np.float32(1e-12))


class _OutputLoss(LossEntry):
    """A loss on outputs of yes or no: T1 and T0 in place of y and 1 - y, D of N."""

    def weighed(self, fmt: Format, a: Array, s: Array | None) -> Outputs:
        """The factors of T1 and T0, and D."""
        return of_outputs(fmt, self.settings, s, a)


class BinaryCrossEntropy(_OutputLoss):
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

    weights_derivation = (
        f"{OUTPUT_WEIGHTS} The value costs c + E_D roundings more; so does each term of the delta, "
        "and 3 + c of (T0 + T1) a and T1 where a program multiplies them before it subtracts. An "
        "underflow costs 4 lam (1 + s) (1 + w), before D and after it."
    )

    def value(self, fmt: Format, a: Array, y: Array, s: Array | None = None) -> Claim:
        w = self.weighed(fmt, a, s)

        def at(floor: float) -> tuple[Any, Any]:
            wide, Y = fmt.widen(a), fmt.widen(y)
            terms = np.where(Y > 0.0, -Y * log(wide, floor), 0.0) + np.where(
                Y < 1.0, (Y - 1.0) * _log1p(-wide, floor), 0.0
            )
            terms = np.where(w.each > 0.0, w.each * terms, 0.0)
            total, rounded = terms.sum(), size(w.each * (1.0 - Y)).sum()
            roundings = a.size + 5.0 + fmt.log + w.roundings
            bound = fmt.unit * (roundings * size(total) + rounded) / size(w.D) + fmt.tiny
            return total / w.D, bound + a.size * w.underflow * -LOG_FLOOR

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

    def output_delta(
        self,
        fmt: Format,
        f: ActivationEntry,
        z: Array,
        a: Array,
        y: Array,
        s: Array | None = None,
    ) -> Claim:
        wide, w = fmt.widen(a), self.weighed(fmt, a, s)
        exact = w.each * (wide - y) / w.D
        terms = size(y) * size(1.0 - wide) + size(1.0 - y) * size(a)
        off = size(w.each) * ((10.0 + w.roundings) * terms + 2.0 * fmt.sigmoid * size(a))
        bound = fmt.unit * (off + _multiplied_first(w, a, y)) / size(w.D) + 2.0 * fmt.tiny
        bound = bound + w.underflow

        def others() -> list[Other]:
            product = wide * (1.0 - wide)
            faded = exact * product / np.maximum(product, fmt.wide.type(BCE_FLOOR))
            # eight operations and the floor's own rounding are at most 10 u; four to
            # spare, as this decides only under which name it fails
            off = (14.0 + w.roundings) * fmt.unit * size(faded) + 2.0 * fmt.tiny
            fits = near(fmt, faded, off)
            note = (
                f"divided by {BCE_FLOOR:g} where a (1 - a) is less, as torch.nn.BCELoss does; "
                f"logits have no such limit"
            )
            return [
                Other(WRONG, note, lambda got: (product < BCE_FLOOR) & fits(got), "BCELoss clamp")
            ]

        return claim(fmt, exact, bound, others=others)


class SigmoidCrossEntropy(_OutputLoss):
    """C = sum t / N on logits, t = max(z, 0) - z y + log(1 + e^-|z|)."""

    name = "sigmoid_cross_entropy"

    value_derivation = (
        "C = sum t / N on logits, t = max(z, 0) - z y + log(1 + e^-|z|), within u [sum (3 |z| "
        "max(y, 1 - y) + 2 |z| + (E_exp + E_log + 2) log1p(e^-|z|)) + (N + 4) sum t] / N + lam. "
        "The terms in |z| allow for the other stable forms, which cancel."
    )

    weights_derivation = (
        f"{OUTPUT_WEIGHTS} With T1 and T0, t = T0 max(z, 0) + T1 max(-z, 0) + (T0 + T1) log(1 + "
        "e^-|z|) is also written as w s ((1 - y) z + q (log(1 + e^-|z|) + max(-z, 0))), q = 1 + (p "
        "- 1) y, whose terms cancel, as those of the delta do where a program has (T0 + T1) p - "
        "T1. So M = T0 + T1 + w s (1 + |p - 1| y) is the size of what is added up to T0 + T1 "
        "(without pos_weight T0 + T1 is known to be w s, and M is that), and a term costs (3 + c) "
        "M (|z| + log(1 + e^-|z|)) more in C, (3 + c) (M p + T1) in delta, and E_D each. An "
        "underflow costs 4 lam (1 + s) (1 + w) (1 + p), before D and after it."
    )

    def value(self, fmt: Format, a: Array, y: Array, s: Array | None = None) -> Claim:
        z, N, w = fmt.widen(a), a.size, self.weighed(fmt, a, s)
        soft = np.log1p(np.exp(-np.abs(z)))
        above, of_0 = z * (1.0 - fmt.widen(y)), w.each * (1.0 - y)
        linear = w.each * np.where(z > 0.0, above, -z * (w.yes * y))
        total = (linear + w.both(y) * soft).sum()
        off = (3.0 * np.maximum(w.each * w.yes * y, of_0) + 2.0 * w.both(y)) * np.abs(z)
        off = off + (fmt.exp + fmt.log + 2.0) * w.both(y) * soft
        off = (
            size(off.sum()) + (_spelled_roundings(w) * w.spelled(y) * size(np.abs(z) + soft)).sum()
        )
        bound = fmt.unit * (off + (N + 4.0 + w.of_D) * size(total)) / size(w.D) + fmt.tiny
        lost = N * w.underflow * (1.0 + size(z).max())
        return claim(fmt, total / w.D, bound + lost, size(total) < fmt.largest)

    def output_delta_derivation(self, f: ActivationEntry) -> str:
        return (
            "delta = (p - y) / N, p = sigmoid(z), within u [E_sigmoid p + 4 (y (1 - p) + (1 - y) "
            "p)] / N + lam: the error of the sigmoid, a difference and a quotient; two are spare "
            "for forms that compute 1 - y or 1 / N first."
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
        p, w = sigmoid(fmt.widen(z)), self.weighed(fmt, a, s)
        exact = w.each * _excess(p, y, w.yes) / w.D
        terms = size(w.yes) * size(y) * size(1.0 - p) + size(1.0 - y) * size(p)
        off = fmt.sigmoid * size(w.both(y) * p) + (4.0 + w.roundings) * size(w.each) * terms
        bound = fmt.unit * (off + _multiplied_first(w, p, y)) / size(w.D) + fmt.tiny
        return claim(fmt, exact, bound + w.underflow)


def _excess(p: Array, y: Array, yes: Any) -> Array:
    """p - y, with "yes" counted so often (1 - y) p - yes y (1 - p)."""
    if np.ndim(yes) == 0:
        return p - y
    wide = np.asarray(y, p.dtype)
    return (1.0 - wide) * p - yes * wide * (1.0 - p)


def _spelled_roundings(w: Outputs) -> float:
    """3 + c where a program adds up T0 and T1 itself; none without weights."""
    return 0.0 if w.is_plain else 3.0 + w.factors


def _multiplied_first(w: Outputs, p: Array, y: Array) -> Any:
    """What (T0 + T1) p - T1 costs more than a difference that is multiplied."""
    if w.is_plain:
        return 0.0
    return _spelled_roundings(w) * (w.spelled(y) * size(p) + size(w.each * w.yes * y))


def _log1p(a: Array, floor: float) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(np.log1p(a), floor)
