"""Equation step of the adaptive rules: Adagrad, RMSprop, Adam and AdamW.

Notation and counts are those of the entries of the updates.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from parity.proof.equations.divisors import QUOTIENT, Divisor
from parity.proof.equations.kinds import RuleEntry, Update
from parity.proof.equations.means import MEAN, MEAN_SQUARE, ROUGH, mean, mean_square
from parity.proof.equations.shared import DOUBLE, bias_correction, update_claim
from parity.rounding.claim import INACCURATE, WRONG, Claim, Other, claim, near, size
from refnet.checks import Array


class Adagrad(RuleEntry):
    """Steps divided by the root of the sum of all squares."""

    name = "adagrad"
    source = "Higham 2002, section 3.1; Duchi, Hazan and Singer (2011)"
    formula = (
        "v := v + d^2; theta := theta - q, q = clr d / D, D = sqrt v' + eps, clr = lr / (1 + (t - "
        "1) lr_decay)."
    )

    def start(self, hyperparameters: dict[str, Any]) -> float:
        """initial_accumulator_value."""
        return float(hyperparameters["initial_accumulator_value"])

    def keeps(self, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def vector_derivation(self, name: str) -> str:
        return (
            "v' within u v' + u d^2 + 2 |d| E_d + E_d^2 + 2 lam: the sum, the square, and the "
            "error of d."
        )

    def vector(self, step: Update, name: str) -> Claim:
        fmt, (d, off) = step.fmt, step.decayed
        exact = fmt.widen(step.old[name]) + d * d
        bound = (
            fmt.unit * (size(exact) + size(d) ** 2) + 2.0 * size(d) * off + off**2 + 2.0 * fmt.tiny
        )
        return update_claim(step, exact, bound, d * d)

    parameters_derivation = (
        "theta' within u |theta'| + [u (E_sqrt + 3 + r + r eps / D) + 3 u53 [lr_decay]] Q + clr "
        "width + lam (2 + clr + (1 + Q) / D), Q = |q| + clr width the step that is reached: the "
        "root, the sum with eps, the product and the quotient; clr and eps rounded r times; three "
        f"operations of clr in double; and width of d / D, E_n = E_d. {QUOTIENT}"
    )

    def parameters(self, step: Update) -> Claim:
        fmt, (d, off), eps = step.fmt, step.decayed, step["eps"]
        clr = np.longdouble(step["lr"]) / (1 + (step.t - 1) * np.longdouble(step["lr_decay"]))
        by = Divisor.of(fmt, fmt.widen(step.new["sum"]), eps)
        q = fmt.wide.type(clr) * d / by.D
        exact, width = fmt.widen(step.theta) - q, float(clr) * by.width(d, off)
        reached = size(q) + width
        per_q = fmt.unit * (fmt.sqrt + 3.0 + fmt.scalar + fmt.scalar * eps / by.least) + (
            3.0 * DOUBLE if step["lr_decay"] else 0.0
        )
        lost = fmt.tiny * (2.0 + float(clr)) + fmt.tiny / by.least * (1.0 + reached)
        bound = fmt.unit * size(exact) + per_q * reached + width + lost
        return update_claim(step, exact, bound, float(clr) * size(d), reason=by.reason)


class RMSprop(RuleEntry):
    """Steps divided by the root of a running mean of squares, or of a variance."""

    name = "rmsprop"
    source = (
        "Higham 2002, section 3.1; Tieleman and Hinton, lecture 6.5 (2012); Graves (2013), "
        "equations 38 to 45"
    )
    formula = (
        "v := alpha v + (1 - alpha) d^2; q = d / D, D = sqrt v' + eps, centered sqrt(v' - "
        "mean'^2) + eps; theta := theta - lr q. With momentum buf := mu buf + q and theta := theta "
        "- lr buf'."
    )

    def keeps(self, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        names = ("square_avg", "grad_avg", "momentum_buffer")
        return tuple(
            n
            for n, kept in zip(
                names, (True, hyperparameters["centered"], hyperparameters["momentum"]), strict=True
            )
            if kept
        )

    def inputs(self, vector: str, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        """buf reads the new means."""
        return self.keeps(hyperparameters)[:-1] if vector == "momentum_buffer" else ()

    def vector(self, step: Update, name: str) -> Claim:
        if name == "momentum_buffer":
            return self._buffer(step)
        return (mean_square if name == "square_avg" else mean)(step, name, "alpha")

    def vector_derivation(self, name: str) -> str:
        buffer = (
            f"buf' within u |buf'| + (1 + r) u |mu buf| + E_q + 2 lam. {self.quotient_derivation}"
        )
        return {"square_avg": MEAN_SQUARE, "grad_avg": MEAN, "momentum_buffer": buffer}[name]

    def _buffer(self, step: Update) -> Claim:
        fmt, (q, off, by) = step.fmt, self._quotient(step)
        kept = step["momentum"] * fmt.widen(step.old["momentum_buffer"])
        exact = kept + q
        bound = fmt.unit * (size(exact) + (1.0 + fmt.scalar) * size(kept)) + off + 2.0 * fmt.tiny
        reached = size(kept) + size(q) + off
        return update_claim(
            step, exact, bound, reached, others=lambda: self._roots(step), reason=by.reason
        )

    parameters_derivation = (
        "theta' within u |theta'| + (1 + r) u |lr q| + lr E_q + lam (2 + 1 / D-): the difference, "
        "the product, the error of q, and an underflow of lr d where that is divided by D. With "
        "momentum the recorded buf' takes q's place and has no error."
    )

    def parameters(self, step: Update) -> Claim:
        if step["momentum"]:
            buf = step.fmt.widen(step.new["momentum_buffer"])
            return self._moved(step, buf, np.zeros(buf.shape), 0.0)
        q, off, by = self._quotient(step)
        # as (lr d) / D, where an underflow of lr d is not scaled by lr
        lost = step.fmt.tiny / by.least
        return self._moved(step, q, off, lost, others=lambda: self._roots(step), reason=by.reason)

    def _moved(self, step: Update, q: Array, off: Array, lost: Any, **more: Any) -> Claim:
        """theta - lr q of a q that is off by `off`."""
        fmt, lr = step.fmt, step["lr"]
        moved = lr * q
        exact = fmt.widen(step.theta) - moved
        bound = (
            fmt.unit * (size(exact) + (1.0 + fmt.scalar) * size(moved))
            + lr * off
            + lost
            + 2.0 * fmt.tiny
        )
        return update_claim(
            step, exact, bound, moved, size(q) + off, lr * size(step.decayed[0]), **more
        )

    quotient_derivation = (
        "q = d / D is off by E_q = width + u (E_sqrt + 2 + r eps / D-) (|q| + width) + lam (1 + (2 "
        "+ |q| + width) / D-): width with E_n = E_d, the root, the sum with eps, the quotient. "
        "Centered, the variance v' - mean'^2 may be anything within u (|v' - mean'^2| + (1 + u) "
        "mean'^2) + lam, where a negative one counts as 0; so where v' and mean'^2 cancel, D may "
        f"be anything down to eps, and q anything up to (|d| + E_d) / eps. {QUOTIENT}"
    )

    def _quotient(self, step: Update) -> tuple[Array, Array, Divisor]:
        """q, E_q, and the divisor."""
        fmt, (d, off), by = step.fmt, step.decayed, self._divisor(step)
        q, width = d / by.D, by.width(d, off)
        reached = size(q) + width
        per_q = fmt.unit * (fmt.sqrt + 2.0 + fmt.scalar * step["eps"] / by.least)
        lost = fmt.tiny + fmt.tiny / by.least * (2.0 + reached)
        return q, per_q * reached + width + lost, by

    def _divisor(self, step: Update) -> Divisor:
        if not step["centered"]:
            return Divisor.of(step.fmt, step.fmt.widen(step.new["square_avg"]), step["eps"])
        exact, blur = self._variance(step)
        variance = np.maximum(exact, 0.0)
        return Divisor.of(
            step.fmt,
            variance,
            step["eps"],
            np.minimum(blur, variance),
            np.maximum(exact + blur, 0.0) - variance,
        )

    def _variance(self, step: Update) -> tuple[Array, Array]:
        """v' - mean'^2, and how far a program's may be from it."""
        fmt = step.fmt
        exact = fmt.less_square(step.new["square_avg"], step.new["grad_avg"])
        square = size(step.new["grad_avg"]) ** 2
        # not to first order: what follows from the interval is not proportional to it
        rounded = fmt.unit * (size(exact) + (1.0 + fmt.unit) * square)
        return exact, (1.0 + fmt.slack) * rounded + fmt.tiny

    def _roots(self, step: Update) -> Sequence[Other]:
        """The mistake of taking the root of a negative variance."""
        if not step["centered"]:
            return ()
        exact, blur = self._variance(step)
        return [_negative_variance(exact < blur)]


def _negative_variance(where: Array) -> Other:
    """The NaN of a negative variance, by the name of PyTorch's deviation."""
    note = (
        "the root of a variance that rounding made negative, as in "
        "torch.optim.RMSprop(centered=True); take max(v - mean^2, 0)"
    )
    return Other(WRONG, note, lambda got: where & np.isnan(got), "centered RMSprop")


class Adam(RuleEntry):
    """The running mean of gradients over the root of that of their squares."""

    name = "adam"
    source = (
        "Higham 2002, section 3.1; Kingma and Ba (2015), algorithm 1; Reddi, Kale and Kumar (2018)"
    )
    formula = (
        "m := beta1 m + (1 - beta1) d; v := beta2 v + (1 - beta2) d^2; theta := theta - q, q = (lr "
        "/ bc1) m' / D, D = s + eps, s = sqrt(v' / bc2), bc_i = 1 - beta_i^t; with amsgrad s reads "
        "the running maximum of v'. bc_i is off by e_i = u53 (2 beta_i^t / bc_i [t > 1] + 1), as "
        "the difference magnifies the last place of pow."
    )

    def keeps(self, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        return (
            "exp_avg",
            "exp_avg_sq",
            *(["max_exp_avg_sq"] if hyperparameters["amsgrad"] else []),
        )

    def inputs(self, vector: str, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        """The running maximum is taken of the new v."""
        return ("exp_avg_sq",) if vector == "max_exp_avg_sq" else ()

    def vector(self, step: Update, name: str) -> Claim:
        step = self._undecayed(step)
        if name == "max_exp_avg_sq":
            return claim(
                step.fmt,
                np.maximum(*(step.fmt.widen(v) for v in (step.old[name], step.new["exp_avg_sq"]))),
                0.0,
            )
        return (
            mean(step, name, "betas", 0)
            if name == "exp_avg"
            else mean_square(step, name, "betas", 1)
        )

    def vector_derivation(self, name: str) -> str:
        maximum = "The larger of the old maximum and v', exactly: a comparison does not round."
        return {"exp_avg": MEAN, "exp_avg_sq": MEAN_SQUARE, "max_exp_avg_sq": maximum}[name]

    def _undecayed(self, step: Update) -> Update:
        return step

    def _shrunk(self, step: Update) -> tuple[Array, Any]:
        """theta before q is subtracted, and its error."""
        return step.fmt.widen(step.theta), 0.0

    parameters_derivation = (
        "theta' within u |theta'| + (|q| + width) [u ((E_sqrt + 1) S + 4 + 2 r) + u53 (S + 1) + e1 "
        "/ (1 - e1)] + width and underflow: the root and the quotient by bc2, which act on the "
        "largest share S of the divisor that its root has; the sum with eps, the product, the "
        "quotient and one to spare; lr / bc1 and eps rounded r times; the error of bc1, which "
        "leaves at least (1 - e1) bc1. Width is that of n = (lr / bc1) m' over v' / bc2 between v' "
        "/ bc2 / (1 + e2) and v' / bc2 / (1 - e2); where it may be below lam and has lost digits, "
        f"from 0 to lam more. Where bc1 or bc2 may be 0 nothing is judged. {QUOTIENT}"
    )

    def parameters(self, step: Update) -> Claim:
        exact, bound, reason = self._moved(step, DOUBLE)
        bc1, bc2 = (bias_correction(beta, step.t)[0] for beta in step["betas"])
        # formed on the way: m' / bc1 or (lr / bc1) m', and v' / bc2
        with np.errstate(over="ignore"):
            m, v = size(step.new["exp_avg"]) / float(bc1), size(self._second(step)) / float(bc2)

        def others() -> Sequence[Other]:
            rough = step.rounded("betas")
            if rough is None:
                return ()
            fits = near(step.fmt, *self._moved(rough, step.fmt.unit)[:2])
            return [Other(INACCURATE, ROUGH.format("betas"), fits)]

        return update_claim(
            step, exact, bound, max(step["lr"], 1.0) * m, v, others=others, reason=reason
        )

    def _second(self, step: Update) -> Array:
        return step.new["max_exp_avg_sq" if step["amsgrad"] else "exp_avg_sq"]

    def _moved(self, step: Update, scalar_unit: float) -> tuple[Array, Array, str]:
        """theta', its bound, and why it is not judged where it is not; `scalar_unit` is
        the unit in which bc1 and bc2 are computed.
        """
        fmt, r, eps = step.fmt, step.fmt.scalar, step["eps"]
        bc1, e1 = bias_correction(step["betas"][0], step.t, scalar_unit)
        rate = fmt.wide.type(np.longdouble(step["lr"]) / bc1)
        n, by = rate * fmt.widen(step.new["exp_avg"]), self._divisor(step, scalar_unit)
        q, width = n / by.D, by.width(n)
        reached = size(q) + width
        theta, theta_error = self._shrunk(step)
        exact, share = theta - q, by.share_of_root(eps)
        per_q = (
            fmt.unit * ((fmt.sqrt + 1.0) * share + 4.0 + 2.0 * r)
            + DOUBLE * (share + 1.0)
            + (e1 / (1.0 - e1) if e1 < 1.0 else np.inf)
        )
        lost = fmt.tiny * (3.0 + float(rate)) + fmt.tiny / by.least * (1.0 + float(rate) + reached)
        bound = fmt.unit * size(exact) + per_q * reached + width + theta_error + lost
        return exact, bound, by.reason

    def _divisor(self, step: Update, scalar_unit: float) -> Divisor:
        """sqrt(v' / bc2) + eps, where bc2 is off by e2; a v' / bc2 that may be below
        lam is anything from 0 to lam more.
        """
        fmt, (_, beta2) = step.fmt, step["betas"]
        bc2, e2 = bias_correction(beta2, step.t, scalar_unit)
        v = fmt.widen(self._second(step)) / fmt.wide.type(bc2)
        faded = (v > 0.0) & (v < fmt.tiny * (1.0 + e2))
        below = np.where(faded, v, v * e2 / (1.0 + e2))
        highest = v * e2 + np.where(faded, fmt.tiny, 0.0)
        above = highest / (1.0 - e2) if e2 < 1.0 else np.where(v > 0.0, np.inf, 0.0)
        return Divisor.of(fmt, v, step["eps"], below, above)


class AdamW(Adam):
    """Adam with the weight decay on theta itself, before the step."""

    name = "adamw"
    source = "Higham 2002, section 3.1; Loshchilov and Hutter (2019), algorithm 2"
    formula = (
        "theta1 = (1 - lr weight_decay) theta; theta := theta1 - q, q as in Adam with d = g. "
        "theta1 is off by (2 + r) u |theta1| + u lr weight_decay |theta|."
    )

    def _undecayed(self, step: Update) -> Update:
        return replace(step, hyperparameters={**step.hyperparameters, "weight_decay": 0.0})

    def _shrunk(self, step: Update) -> tuple[Array, Any]:
        fmt, shrink = step.fmt, np.longdouble(step["lr"]) * np.longdouble(step["weight_decay"])
        if not shrink:
            return super()._shrunk(step)
        theta = fmt.wide.type(1 - shrink) * fmt.widen(step.theta)
        return theta, fmt.unit * (
            (2.0 + fmt.scalar) * size(theta) + float(shrink) * size(step.theta)
        )
