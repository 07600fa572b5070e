"""Equation step of the adaptive rules: Adagrad, RMSprop, Adam and AdamW.

Notation and counts are those of the entries of the updates.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from parity.proof.equations.kinds import RuleEntry, Update
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
        "theta' within u |theta'| + u (E_sqrt + 3 + r + r eps / D) |q| + 3 u53 |q| [lr_decay] + "
        "clr E_d / D + lam (2 + clr + (1 + |q|) / D): the root, the sum with eps, the product and "
        "the quotient; clr and eps rounded r times; three operations of clr in double."
    )

    def parameters(self, step: Update) -> Claim:
        fmt, (d, off) = step.fmt, step.decayed
        clr = np.longdouble(step["lr"]) / (1 + (step.t - 1) * np.longdouble(step["lr_decay"]))
        D = np.sqrt(fmt.widen(step.new["sum"])) + step["eps"]
        q = fmt.wide.type(clr) * d / D
        exact = fmt.widen(step.theta) - q
        per_q = fmt.unit * (fmt.sqrt + 3.0 + fmt.scalar + fmt.scalar * step["eps"] / size(D)) + (
            3.0 * DOUBLE if step["lr_decay"] else 0.0
        )
        underflow = fmt.tiny * (2.0 + float(clr) + (1.0 + size(q)) / size(D))
        bound = fmt.unit * size(exact) + per_q * size(q) + float(clr) * off / size(D) + underflow
        return update_claim(step, exact, bound, float(clr) * size(d))


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
        return (_mean_square if name == "square_avg" else _mean)(step, name, "alpha")

    def vector_derivation(self, name: str) -> str:
        buffer = (
            f"buf' within u |buf'| + (1 + r) u |mu buf| + E_q + 2 lam. {self.quotient_derivation}"
        )
        return {"square_avg": MEAN_SQUARE, "grad_avg": MEAN, "momentum_buffer": buffer}[name]

    def _buffer(self, step: Update) -> Claim:
        fmt, (q, off, _, others) = step.fmt, self._quotient(step)
        kept = step["momentum"] * fmt.widen(step.old["momentum_buffer"])
        exact = kept + q
        bound = fmt.unit * (size(exact) + (1.0 + fmt.scalar) * size(kept)) + off + 2.0 * fmt.tiny
        return update_claim(step, exact, bound, size(kept) + size(q), others=others)

    parameters_derivation = (
        "theta' within u |theta'| + (1 + r) u |lr q| + lr E_q + lam (2 + 1 / D): the difference, "
        "the product, and the error of q. With momentum the recorded buf' takes q's place and has "
        "no error."
    )

    def parameters(self, step: Update) -> Claim:
        fmt = step.fmt
        if step["momentum"]:
            q, off, lost, others = (
                fmt.widen(step.new["momentum_buffer"]),
                np.zeros(step.g.shape),
                np.zeros(()),
                tuple,
            )
        else:
            q, off, D, others = self._quotient(step)
            lost = fmt.tiny / D  # as (lr d) / D, where an underflow of lr d is not scaled by lr
        moved = step["lr"] * q
        exact = fmt.widen(step.theta) - moved
        bound = (
            fmt.unit * (size(exact) + (1.0 + fmt.scalar) * size(moved))
            + step["lr"] * off
            + lost
            + 2.0 * fmt.tiny
        )
        return update_claim(
            step, exact, bound, moved, q, step["lr"] * size(step.decayed[0]), others=others
        )

    quotient_derivation = (
        "q is off by E_q = u (E_sqrt + 2 + r eps / D) |q| + E_d / D + lam (1 + (2 + |q|) / D): the "
        "root, the sum with eps, the quotient. Centered, the variance v' - mean'^2 is off by u "
        "(|v' - mean'^2| + mean'^2) + lam; E_q then adds how far q changes over that interval, "
        "where a negative variance counts as 0."
    )

    def _quotient(self, step: Update) -> tuple[Array, Array, Array, Any]:
        """q, E_q, D, and what else people write here."""
        fmt, (d, off) = step.fmt, step.decayed
        v = fmt.widen(step.new["square_avg"])
        width, others = np.zeros(v.shape), tuple
        if step["centered"]:
            v, width, others = self._variance(step, d)
        D = np.sqrt(v) + step["eps"]
        q = d / D
        reached = size(q) + width
        per_q = fmt.unit * (fmt.sqrt + 2.0 + fmt.scalar * step["eps"] / size(D))
        underflow = fmt.tiny * (1.0 + (2.0 + reached) / size(D))
        return q, per_q * reached + width + off / size(D) + underflow, size(D), others

    def _variance(self, step: Update, d: Array) -> tuple[Array, Array, Any]:
        """The variance, how far q changes over the interval in which it may come out,
        and the mistake of taking the root of a negative one.
        """
        fmt = step.fmt
        mean = fmt.widen(step.new["grad_avg"])
        variance = fmt.less_square(step.new["square_avg"], step.new["grad_avg"])
        blur = fmt.unit * (size(variance) + size(mean) ** 2) + fmt.tiny
        at, low, high = (
            np.abs(d) / (np.sqrt(np.maximum(w, 0.0)) + step["eps"])
            for w in (variance, variance - blur, variance + blur)
        )
        width = np.maximum(size(low - at), size(at - high))
        return np.maximum(variance, 0.0), width, _negative_variance(variance < blur)


def _negative_variance(where: Array) -> Any:
    """The NaN of a negative variance, by the name of PyTorch's deviation."""
    note = (
        "the root of a variance that rounding made negative, as in "
        "torch.optim.RMSprop(centered=True); take max(v - mean^2, 0)"
    )
    return lambda: [Other(WRONG, note, lambda got: where & np.isnan(got), "centered RMSprop")]


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
            _mean(step, name, "betas", 0)
            if name == "exp_avg"
            else _mean_square(step, name, "betas", 1)
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
        "theta' within u |theta'| + |q| [u ((E_sqrt + 1) s / D + 4 + 2 r) + (e2 / 2 + u53) s / D + "
        "e1 + u53] and underflow: the root and the quotient by bc2, which act on the share s / D "
        "of the divisor; the sum with eps, the product, the quotient and one to spare; lr / bc1 "
        "and eps rounded r times; the errors of bc1 and bc2, which the root halves. Where 0 < v' / "
        "bc2 < lam the quotient by bc2 has lost digits, and the change of q over v' / bc2 +- lam "
        "is added."
    )

    def parameters(self, step: Update) -> Claim:
        exact, bound = self._moved(step, DOUBLE)
        bc1, _ = bias_correction(step["betas"][0], step.t)
        numerator = float(np.longdouble(step["lr"]) / bc1) * size(step.new["exp_avg"])

        def others() -> Sequence[Other]:
            rough = step.rounded("betas")
            if rough is None:
                return ()
            fits = near(step.fmt, *self._moved(rough, step.fmt.unit))
            return [Other(INACCURATE, _ROUGH.format("betas"), fits)]

        return update_claim(step, exact, bound, numerator, others=others)

    def _moved(self, step: Update, scalar_unit: float) -> tuple[Array, Array]:
        """theta' and its bound; `scalar_unit` is the unit in which bc1 and bc2 are
        computed.
        """
        fmt, r, (beta1, beta2) = step.fmt, step.fmt.scalar, step["betas"]
        bc1, bc1_error = bias_correction(beta1, step.t, scalar_unit)
        bc2, bc2_error = bias_correction(beta2, step.t, scalar_unit)
        rate = fmt.wide.type(np.longdouble(step["lr"]) / bc1)
        m = fmt.widen(step.new["exp_avg"])
        v = fmt.widen(step.new["max_exp_avg_sq" if step["amsgrad"] else "exp_avg_sq"])
        v = v / fmt.wide.type(bc2)
        root = np.sqrt(v)
        divisor = root + step["eps"]
        q = rate * m / divisor
        theta, theta_error = self._shrunk(step)
        exact = theta - q
        root_share = size(root / divisor)
        per_q = (
            fmt.unit * ((fmt.sqrt + 1.0) * root_share + 4.0 + 2.0 * r)
            + (bc2_error / 2.0 + DOUBLE) * root_share
            + bc1_error
            + DOUBLE
        )
        width = _width_of_lost_digits(step, rate * m, v, q)
        underflow = fmt.tiny * (
            3.0 + float(rate) * (1.0 + 1.0 / size(divisor)) + (1.0 + size(q)) / size(divisor)
        )
        error_of_q = per_q * (size(q) + width) + width
        return exact, fmt.unit * size(exact) + error_of_q + theta_error + underflow


def _width_of_lost_digits(step: Update, numerator: Array, v: Array, q: Array) -> Array:
    """How far q changes over v +- lam where 0 < v < lam, as v has lost digits there."""
    fmt = step.fmt
    lost = (v > 0.0) & (v < fmt.tiny)
    low, high = (
        size(numerator / (np.sqrt(np.maximum(v + off, 0.0)) + step["eps"]) - q)
        for off in (-fmt.tiny, fmt.tiny)
    )
    return np.where(lost, np.maximum(low, high), 0.0)


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


_ROUGH = "{} rounded to float32 before 1 - beta; make scalars in double"


MEAN = (
    "m' = beta m + w d, w = 1 - beta, within u |m'| + u max(plain, lerp) + w E_d + 3 lam. As "
    "written: plain = (1 + r) beta |m| + (2 + r) w |d|. As an interpolation: lerp = (3 + r) w |d - "
    "m| for w < 1/2, computed as m + w (d - m), otherwise (3 + r) beta |d - m| + (1 + r) w |d - "
    "m|, computed as d - (d - m) (1 - w). Neither is always the larger."
)


def _mean(step: Update, name: str, decay: str, which: int | None = None) -> Claim:
    """m' = beta m + (1 - beta) d."""

    def at(step: Update) -> tuple[Array, Array]:
        fmt, (d, off), beta = step.fmt, step.decayed, _pick(step[decay], which)
        m, w, r = fmt.widen(step.old[name]), abs(1.0 - beta), step.fmt.scalar
        exact = beta * m + (fmt.wide.type(1.0) - fmt.wide.type(beta)) * d
        plain = (1.0 + r) * beta * size(m) + (2.0 + r) * w * size(d)
        lerp = ((3.0 + r) * (w if w < 0.5 else beta) + (1.0 + r) * w * (w >= 0.5)) * size(d - m)
        return exact, fmt.unit * (size(exact) + np.maximum(plain, lerp)) + w * off + 3.0 * fmt.tiny

    apart = size(step.decayed[0] - step.fmt.widen(step.old[name]))
    return update_claim(step, *at(step), apart, others=lambda: _rough(step, decay, at))


MEAN_SQUARE = (
    "v' = beta v + w d^2, w = 1 - beta, within u v' + (1 + r) u beta v + (3 + r) u w d^2 + w (2 "
    "|d| E_d + E_d^2) + 3 lam: the sum, the product, the square with its product and 1 - beta, and "
    "the error of d."
)


def _mean_square(step: Update, name: str, decay: str, which: int | None = None) -> Claim:
    """v' = beta v + (1 - beta) d^2."""

    def at(step: Update) -> tuple[Array, Array]:
        fmt, (d, off), beta = step.fmt, step.decayed, _pick(step[decay], which)
        kept, w, r = beta * fmt.widen(step.old[name]), abs(1.0 - beta), step.fmt.scalar
        added = (fmt.wide.type(1.0) - fmt.wide.type(beta)) * (d * d)
        exact = kept + added
        own = fmt.unit * (size(exact) + (1.0 + r) * size(kept) + (3.0 + r) * size(added))
        return exact, own + w * (2.0 * size(d) * off + off**2) + 3.0 * fmt.tiny

    return update_claim(
        step, *at(step), step.decayed[0] ** 2, others=lambda: _rough(step, decay, at)
    )


def _rough(step: Update, decay: str, at: Any) -> Sequence[Other]:
    """The same claim with a decay that was rounded to float32 first."""
    rough = step.rounded(decay)
    if rough is None:
        return ()
    return [Other(INACCURATE, _ROUGH.format(decay), near(step.fmt, *at(rough)))]


def _pick(given: Any, which: int | None) -> float:
    """alpha, or one of the two betas."""
    return float(given if which is None else given[which])
