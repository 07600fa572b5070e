"""Equation step: for each optimizer every vector of its state, and the new parameters,
with bounds.

Each is judged from what was recorded: the new state from the old one and the gradient,
the new parameters from the *new* state, so that no error is inherited. A
hyper-parameter is the real number that its Python float is. What is made of such
numbers alone (1 - beta, beta^t, lr / bc) is computed in double and rounded once into
the dtype: r = 1 for float32, 0 for float64.

Notation: u, lam, E and r as in the entries of the activations; v = u53 is the unit of
double. theta, g and every vector of the state have the shape of one W or b. Bounds are
first-order counts of roundings (Higham 2002, section 3.1), times 1 + 30 u for the rest.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from parity.claim import CONVENTION, INACCURATE, PASSED, WRONG, Claim, Other, claim, near, size
from parity.exact import Format
from refnet.checks import Array

DOUBLE = 2.0**-53


@dataclass(frozen=True)
class Update:
    """What one step reads and writes of one W or b: hyper-parameters, step number,
    theta, g, and the state before and after.
    """

    fmt: Format
    hyperparameters: dict[str, Any]
    t: int
    theta: Array
    g: Array
    old: dict[str, Array]
    new: dict[str, Array]

    def __getitem__(self, name: str) -> Any:
        return self.hyperparameters[name]

    @property
    def decayed(self) -> "tuple[Array, Array]":
        """d = g + weight_decay theta in the wider format, and its error u |d| + (1 + r)
        u |wd theta| + lam; g itself without decay.
        """
        fmt, decay = self.fmt, self["weight_decay"]
        if not decay:
            return fmt.widen(self.g), np.zeros(self.g.shape)
        added = decay * fmt.widen(self.theta)
        d = fmt.widen(self.g) + added
        return d, fmt.unit * (size(d) + (1.0 + fmt.scalar) * size(added)) + fmt.tiny

    def rounded(self, *names: str) -> "Update | None":
        """The same with these hyper-parameters rounded to float32, as a program that
        keeps them in float32 has them.
        """
        if self.fmt.dtype != np.float32:
            return None
        return replace(
            self,
            hyperparameters={
                **self.hyperparameters,
                **{name: _to_float32(self[name]) for name in names},
            },
        )


class RuleEntry(ABC):
    """One update rule: what each vector of the state and the parameters must be."""

    label: ClassVar[str] = "step"
    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ("W", "b", "dW", "db", "state")
    writes: ClassVar[tuple[str, ...]] = ("W", "b", "state")
    source: ClassVar[str]

    def start(self, hyperparameters: dict[str, Any]) -> float:
        """What every vector of the state is filled with before the first step."""
        return 0.0

    @abstractmethod
    def keeps(self, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        """The vectors of the state that the rule keeps with these hyper-parameters, in
        order of computation.
        """

    def inputs(self, vector: str, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        """The vectors of the *new* state that this one is made of."""
        return ()

    @abstractmethod
    def vector(self, step: Update, name: str) -> Claim:
        """The new vector of that name, from the old state and what `inputs` says of the
        new one.
        """

    def vector_told(self, name: str) -> tuple[Any, ...]:
        """What else has the derivation of that vector in its docstring."""
        return ()

    @abstractmethod
    def parameters(self, step: Update) -> Claim:
        """The new theta, from the recorded new state."""


class SGD(RuleEntry):
    """buf := d, then mu buf + (1 - tau) d; theta := theta - lr v, v = d, buf, or d + mu
    buf with Nesterov.
    """

    name = "sgd"
    source = "Higham 2002, section 3.1; Sutskever, Martens, Dahl and Hinton (2013)"

    def keeps(self, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if hyperparameters["momentum"] else ()

    def vector(self, step: Update, name: str) -> Claim:
        """First d itself; then within u |buf'| + (1 + r) u |mu buf| + |1 - tau|
        E_d + [tau] (2 + r) u |(1 - tau) d| + 2 lam.
        """
        fmt, (d, off) = step.fmt, step.decayed
        if name not in step.old:
            return _claim(step, d, off, others=lambda: self._dampened_first(step))
        kept, share = step["momentum"] * fmt.widen(step.old[name]), 1.0 - step["dampening"]
        exact = kept + (fmt.wide.type(1.0) - fmt.wide.type(step["dampening"])) * d
        bound = (
            fmt.unit * (size(exact) + (1.0 + fmt.scalar) * size(kept))
            + abs(share) * off
            + 2.0 * fmt.tiny
        )
        if step["dampening"]:
            bound = bound + (2.0 + fmt.scalar) * fmt.unit * abs(share) * size(d)

        def others() -> Sequence[Other]:
            whole = Other(
                PASSED,
                "the first d taken whole, as PyTorch does where there is no buffer yet",
                near(fmt, d, off),
            )
            return [whole] if step.t == 1 and not kept.any() else ()

        return _claim(step, exact, bound, size(d) + size(kept), others=others)

    def _dampened_first(self, step: Update) -> Sequence[Other]:
        (d, off), share = step.decayed, abs(1.0 - step["dampening"])
        fits = near(
            step.fmt,
            (1.0 - step["dampening"]) * d,
            share * (off + 4.0 * step.fmt.unit * size(d)) + 2.0 * step.fmt.tiny,
        )
        return [
            Other(
                CONVENTION,
                "the first step dampened, as from a buffer of zeros; PyTorch takes d whole",
                fits,
            )
        ]

    def parameters(self, step: Update) -> Claim:
        """Within u |theta'| + (1 + r) u |lr v| + lr E_v + 2 lam."""
        fmt, (v, off) = step.fmt, step.decayed
        reached = size(v)
        if step["momentum"]:
            buf = fmt.widen(step.new["momentum_buffer"])
            if step["nesterov"]:
                ahead = step["momentum"] * buf
                reached = size(v) + size(ahead)
                v = v + ahead
                off = off + fmt.unit * (size(v) + (1.0 + fmt.scalar) * size(ahead))
            else:
                v, off = buf, np.zeros(buf.shape)
        moved = step["lr"] * v
        exact = fmt.widen(step.theta) - moved
        bound = (
            fmt.unit * (size(exact) + (1.0 + fmt.scalar) * size(moved))
            + step["lr"] * off
            + 2.0 * fmt.tiny
        )

        def others() -> Sequence[Other]:
            if step["momentum"] or not step["weight_decay"]:
                return ()
            kept = (1.0 - step["lr"] * step["weight_decay"]) * fmt.widen(step.theta)
            fits = near(fmt, exact, bound + (2.0 + fmt.scalar) * fmt.unit * size(kept))
            return [
                Other(
                    PASSED,
                    "as (1 - lr weight_decay) theta - lr g: algebraically equal, other rounding",
                    fits,
                )
            ]

        return _claim(step, exact, bound, reached, moved, others=others)


class Adagrad(RuleEntry):
    """v := v + d^2; theta := theta - q, q = clr d / D, D = sqrt v' + eps,
    clr = lr / (1 + (t - 1) lr_decay).
    """

    name = "adagrad"
    source = "Higham 2002, section 3.1; Duchi, Hazan and Singer (2011)"

    def start(self, hyperparameters: dict[str, Any]) -> float:
        """initial_accumulator_value."""
        return float(hyperparameters["initial_accumulator_value"])

    def keeps(self, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def vector(self, step: Update, name: str) -> Claim:
        """Within u v' + u d^2 + 2 |d| E_d + E_d^2 + 2 lam."""
        fmt, (d, off) = step.fmt, step.decayed
        exact = fmt.widen(step.old[name]) + d * d
        bound = (
            fmt.unit * (size(exact) + size(d) ** 2) + 2.0 * size(d) * off + off**2 + 2.0 * fmt.tiny
        )
        return _claim(step, exact, bound, d * d)

    def parameters(self, step: Update) -> Claim:
        """Within u |theta'| + u (E_sqrt + 3 + r + r eps / D) |q| + 3 v |q|
        [lr_decay] + clr E_d / D + lam (2 + clr + (1 + |q|) / D).
        """
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
        return _claim(step, exact, bound, float(clr) * size(d))


class RMSprop(RuleEntry):
    """v := alpha v + (1 - alpha) d^2; q = d / D, D = sqrt v' + eps, centered
    sqrt(v' - mean'^2) + eps; theta := theta - lr q.

    With momentum buf := mu buf + q and theta := theta - lr buf'.
    """

    name = "rmsprop"
    source = (
        "Higham 2002, section 3.1; Tieleman and Hinton, lecture 6.5 (2012); Graves (2013), "
        "equations 38 to 45"
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
        """buf is made of the new means."""
        return self.keeps(hyperparameters)[:-1] if vector == "momentum_buffer" else ()

    def vector(self, step: Update, name: str) -> Claim:
        """The running means, and buf within u |buf'| + (1 + r) u |mu buf| + E_q."""
        if name == "momentum_buffer":
            return self._buffer(step)
        return (_mean_square if name == "square_avg" else _mean)(step, name, "alpha")

    def vector_told(self, name: str) -> tuple[Any, ...]:
        """The mean, the mean square, or the quotient that buf adds up."""
        return ({"square_avg": _mean_square, "grad_avg": _mean}.get(name, self._quotient),)

    def _buffer(self, step: Update) -> Claim:
        fmt, (q, off, _, others) = step.fmt, self._quotient(step)
        kept = step["momentum"] * fmt.widen(step.old["momentum_buffer"])
        exact = kept + q
        bound = fmt.unit * (size(exact) + (1.0 + fmt.scalar) * size(kept)) + off + 2.0 * fmt.tiny
        return _claim(step, exact, bound, size(kept) + size(q), others=others)

    def parameters(self, step: Update) -> Claim:
        """Within u |theta'| + (1 + r) u |lr q| + lr E_q + lam (2 + 1 / D); with
        momentum buf' for q, which has no error of its own.
        """
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
        return _claim(
            step, exact, bound, moved, q, step["lr"] * size(step.decayed[0]), others=others
        )

    def _quotient(self, step: Update) -> tuple[Array, Array, Array, Any]:
        """q, E_q, D and what else fits: E_q = u (E_sqrt + 2 + r eps / D)
        |q| + E_d / D + lam (1 + (2 + |q|) / D).

        Centered, E_q has the width of q over the variance besides: v' - mean'^2 is off
        by u (|v' - mean'^2| + mean'^2) + lam, and what falls below zero counts as zero.
        """
        fmt, (d, off) = step.fmt, step.decayed
        v = fmt.widen(step.new["square_avg"])
        width, others = np.zeros(v.shape), tuple
        if step["centered"]:
            mean = fmt.widen(step.new["grad_avg"])
            variance = fmt.less_square(step.new["square_avg"], step.new["grad_avg"])
            blur = fmt.unit * (size(variance) + size(mean) ** 2) + fmt.tiny
            at, low, high = (
                np.abs(d) / (np.sqrt(np.maximum(w, 0.0)) + step["eps"])
                for w in (variance, variance - blur, variance + blur)
            )
            width = np.maximum(size(low - at), size(at - high))
            v, others = np.maximum(variance, 0.0), _negative_variance(variance < blur)
        D = np.sqrt(v) + step["eps"]
        q = d / D
        reached = size(q) + width
        per_q = fmt.unit * (fmt.sqrt + 2.0 + fmt.scalar * step["eps"] / size(D))
        return (
            q,
            per_q * reached + width + off / size(D) + fmt.tiny * (1.0 + (2.0 + reached) / size(D)),
            size(D),
            others,
        )


def _negative_variance(where: Array) -> Any:
    note = (
        "the root of a variance that rounding made negative, as in "
        "torch.optim.RMSprop(centered=True); take max(v - mean^2, 0)"
    )
    return lambda: [Other(WRONG, note, lambda got: where & np.isnan(got), "centered RMSprop")]


class Adam(RuleEntry):
    """m := beta1 m + (1 - beta1) d; v := beta2 v + (1 - beta2) d^2; theta := theta - q,
    q = (lr / bc1) m' / D, D = s + eps, s = sqrt(v' / bc2), bc = 1 - beta^t; with
    amsgrad the running maximum of v' for v'.

    pow's last place is magnified by beta^t / bc: e = v (2 beta^t / bc [t > 1] + 1).
    """

    name = "adam"
    source = (
        "Higham 2002, section 3.1; Kingma and Ba (2015), algorithm 1; Reddi, Kale and Kumar (2018)"
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
        """The running means; the running maximum exactly."""
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

    def vector_told(self, name: str) -> tuple[Any, ...]:
        """The mean or the mean square."""
        return {"exp_avg": (_mean,), "exp_avg_sq": (_mean_square,)}.get(name, ())

    def _undecayed(self, step: Update) -> Update:
        return step

    def _shrunk(self, step: Update) -> tuple[Array, Any]:
        """What theta is before the step, and the error of that."""
        return step.fmt.widen(step.theta), 0.0

    def parameters(self, step: Update) -> Claim:
        """Within u |theta'| + |q| [u ((E_sqrt + 1) s / D + 4 + 2 r) + (e2 / 2 + v)
        s / D + e1 + v] and underflow.

        Where 0 < v' / bc2 < lam, the quotient has lost digits, and the change of q over
        v' / bc2 +- lam is added.
        """
        exact, bound = self._moved(step, DOUBLE)
        ahead = float(
            np.longdouble(step["lr"]) / bias_correction(step["betas"][0], step.t)[0]
        ) * size(step.new["exp_avg"])

        def others() -> Sequence[Other]:
            rough = step.rounded("betas")
            if rough is None:
                return ()
            return [
                Other(
                    INACCURATE,
                    _ROUGH.format("betas"),
                    near(step.fmt, *self._moved(rough, step.fmt.unit)),
                )
            ]

        return _claim(step, exact, bound, ahead, others=others)

    def _moved(self, step: Update, scalar_unit: float) -> tuple[Array, Array]:
        fmt, (beta1, beta2) = step.fmt, step["betas"]
        (bc1, e1), (bc2, e2) = (
            bias_correction(beta, step.t, scalar_unit) for beta in (beta1, beta2)
        )
        rate = fmt.wide.type(np.longdouble(step["lr"]) / bc1)
        m = fmt.widen(step.new["exp_avg"])
        v = fmt.widen(
            step.new["max_exp_avg_sq" if step["amsgrad"] else "exp_avg_sq"]
        ) / fmt.wide.type(bc2)
        s = np.sqrt(v)
        D = s + step["eps"]
        q = rate * m / D
        theta, off = self._shrunk(step)
        exact = theta - q
        part, r = size(s / D), fmt.scalar
        per_q = (
            fmt.unit * ((fmt.sqrt + 1.0) * part + 4.0 + 2.0 * r)
            + (e2 / 2.0 + DOUBLE) * part
            + e1
            + DOUBLE
        )
        lost = (v > 0.0) & (v < fmt.tiny)
        ends = (np.sqrt(np.maximum(v + w, 0.0)) + step["eps"] for w in (-fmt.tiny, fmt.tiny))
        width = np.where(lost, np.maximum(*(size(rate * m / end - q) for end in ends)), 0.0)
        underflow = fmt.tiny * (
            3.0 + float(rate) * (1.0 + 1.0 / size(D)) + (1.0 + size(q)) / size(D)
        )
        return exact, fmt.unit * size(exact) + per_q * (size(q) + width) + width + off + underflow


class AdamW(Adam):
    """theta := (1 - lr weight_decay) theta - q, q as Adam's with d = g: (2 + r) u
    |theta1| + u lr wd |theta| more.
    """

    name = "adamw"
    source = "Higham 2002, section 3.1; Loshchilov and Hutter (2019), algorithm 2"

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


def bias_correction(beta: float, t: int, unit: float = DOUBLE) -> tuple[Any, float]:
    """bc = 1 - beta^t, and its relative error; not as it stands, for that loses digits
    where beta^t is near 1.
    """
    bc = -np.expm1(t * np.log1p(-(1 - np.longdouble(beta))))
    power = 1 - bc
    return bc, unit * (2.0 * float(power / bc) * (t > 1 or unit > DOUBLE) + 1.0)


def _mean(step: Update, name: str, decay: str, which: int | None = None) -> Claim:
    """m' = beta m + w d, w = 1 - beta: within u |m'| + u max(plain, lerp) + w E_d + 3
    lam.

    plain = (1 + r) beta |m| + (2 + r) w |d|; lerp is (3 + r) w |d - m| as m + w (d - m)
    for w < 1/2, otherwise, as d - (d - m) (1 - w), (3 + r) beta |d - m| + (1 + r) w
    |d - m|. Neither plain nor lerp is always the larger.
    """

    def at(step: Update) -> tuple[Array, Array]:
        fmt, (d, off), beta = step.fmt, step.decayed, _pick(step[decay], which)
        m, w, r = fmt.widen(step.old[name]), abs(1.0 - beta), step.fmt.scalar
        exact = beta * m + (fmt.wide.type(1.0) - fmt.wide.type(beta)) * d
        plain = (1.0 + r) * beta * size(m) + (2.0 + r) * w * size(d)
        lerp = ((3.0 + r) * (w if w < 0.5 else beta) + (1.0 + r) * w * (w >= 0.5)) * size(d - m)
        return exact, fmt.unit * (size(exact) + np.maximum(plain, lerp)) + w * off + 3.0 * fmt.tiny

    apart = size(step.decayed[0] - step.fmt.widen(step.old[name]))
    return _claim(step, *at(step), apart, others=lambda: _rough(step, decay, at))


def _mean_square(step: Update, name: str, decay: str, which: int | None = None) -> Claim:
    """v' = beta v + (1 - beta) d^2: within u v' + (1 + r) u beta v + (3 + r) u w
    d^2 + w (2 |d| E_d + E_d^2) + 3 lam.
    """

    def at(step: Update) -> tuple[Array, Array]:
        fmt, (d, off), beta = step.fmt, step.decayed, _pick(step[decay], which)
        kept, w, r = beta * fmt.widen(step.old[name]), abs(1.0 - beta), step.fmt.scalar
        added = (fmt.wide.type(1.0) - fmt.wide.type(beta)) * (d * d)
        exact = kept + added
        own = fmt.unit * (size(exact) + (1.0 + r) * size(kept) + (3.0 + r) * size(added))
        return exact, own + w * (2.0 * size(d) * off + off**2) + 3.0 * fmt.tiny

    return _claim(step, *at(step), step.decayed[0] ** 2, others=lambda: _rough(step, decay, at))


def _rough(step: Update, decay: str, at: Any) -> Sequence[Other]:
    rough = step.rounded(decay)
    return (
        ()
        if rough is None
        else [Other(INACCURATE, _ROUGH.format(decay), near(step.fmt, *at(rough)))]
    )


def _claim(
    step: Update, exact: Array, bound: Array, *on_the_way: Array, others: Any = tuple
) -> Claim:
    """A claim about one vector, not judged where d or a number on the way to it may
    overflow.
    """
    fmt = step.fmt
    judged = size(step.g) + step["weight_decay"] * size(step.theta) < fmt.largest
    for number in on_the_way:
        judged = judged & (size(number) < fmt.largest)
    return claim(fmt, exact, bound * (1.0 + 30.0 * fmt.unit), judged, others)


def _pick(given: Any, which: int | None) -> float:
    return float(given if which is None else given[which])


def _to_float32(given: Any) -> Any:
    return (
        tuple(float(np.float32(b)) for b in given)
        if isinstance(given, tuple | list)
        else float(np.float32(given))
    )


RULE_ENTRIES: dict[str, type[RuleEntry]] = {
    kind.name: kind for kind in (SGD, Adagrad, RMSprop, Adam, AdamW)
}
