"""The formulas of one training step over bounded arrays: from inputs known to within an
error to results known to within an error.

Written once for every activation, loss and rule, in the simplified form whose pole has
cancelled. The arithmetic is that of `Bounded`; with `Plain` in its place the same
formulas give the numbers that a program computes.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from parity.proof.equations.shared import bias_correction, distribution
from parity.proof.weighing import Weighing, weighed
from parity.rounding.bounded import Bounded, positive
from refnet.checks import Array
from refnet.losses import LOG_FLOOR

# computes what depends on hyper-parameters alone in longdouble, so that it adds no
# error that counts
ONE = np.longdouble(1)
Parameters = Mapping[str, float]
Divisor: TypeAlias = Callable[[Bounded, float], Bounded]
Corrections: TypeAlias = Callable[[Mapping[str, Any], int], tuple[Any, Any]]


def masked(array: Bounded, mask: Array) -> Bounded:
    """array * m, with dropout. Shapes: (n, fan_in)."""
    return array * mask


def activate(name: str, parameters: Parameters, z: Bounded) -> Bounded:
    """a = f(z). Shapes: (n, fan_out)."""
    return VALUES[name](parameters, z)


VALUES: dict[str, Callable[[Parameters, Bounded], Bounded]] = {
    "identity": lambda p, z: z,
    "heaviside": lambda p, z: positive(z, 1.0, 0.0),
    "sigmoid": lambda p, z: z.sigmoid(),
    "tanh": lambda p, z: z.tanh(),
    "relu": lambda p, z: positive(z, z, 0.0),
    "leaky_relu": lambda p, z: positive(z, z, z * p["slope"]),
    "softmax": lambda p, z: softmax(z),
}


def pull_back(name: str, parameters: Parameters, g: Bounded, z: Bounded, a: Bounded) -> Bounded:
    """dC/dz from g = dC/da. Shapes: (n, fan_out)."""
    return PULLBACKS[name](parameters, g, z, a)


PULLBACKS: dict[str, Callable[[Parameters, Bounded, Bounded, Bounded], Bounded]] = {
    "identity": lambda p, g, z, a: g,
    "heaviside": lambda p, g, z, a: g * 0.0,
    "sigmoid": lambda p, g, z, a: g * (a * (1.0 - a)),
    "tanh": lambda p, g, z, a: g * (1.0 - a * a),
    "relu": lambda p, g, z, a: positive(z, g, g * 0.0),
    "leaky_relu": lambda p, g, z, a: positive(z, g, g * p["slope"]),
    "softmax": lambda p, g, z, a: a * (g - (g * a).sum(axis=1, keepdims=True)),
}


def cost(loss: str, a: Bounded, y: Array | Weighing) -> Bounded:
    """C of the output a. Shapes: a (n, k), y as the loss wants it, or weighed, C ()."""
    return COSTS[loss](a, _weighed(loss, a, y))


# from a, and the targets with their weights
COSTS: dict[str, Callable[[Bounded, Weighing], Bounded]] = {
    "mse": lambda a, t: squares(a, t) / t.D,
    "half_squared_error": lambda a, t: squares(a, t) / (2.0 * t.D),
    "mae": lambda a, t: times(abs(a - t.yes), t.rows).sum() / t.D,
    "cross_entropy": lambda a, t: expected_log(a, t.yes) / t.D,
    "softmax_cross_entropy": lambda a, t: (log_softmax(a) * -t.yes).sum() / t.D,
    "binary_cross_entropy": lambda a, t: (
        (expected_log(a, t.yes) + expected_log(1.0 - a, t.no)) / t.D
    ),
    "sigmoid_cross_entropy": lambda a, t: (
        (positive(a, a * t.no, a * -t.yes) + times((-abs(a)).exp().log1p(), t.both)).sum() / t.D
    ),
}


def output_delta(
    loss: str, f: tuple[str, Parameters], z: Bounded, a: Bounded, y: Array | Weighing
) -> Bounded:
    """BP1. Shapes: z, a and delta (n, k)."""
    if is_fused(loss, f[0]):
        return fused_delta(loss, f[0], z, a, y)
    return pull_back(*f, loss_gradient(loss, a, y), z, a)


def is_fused(loss: str, activation: str) -> bool:
    """Whether the pole of dC/da cancels against f', so that delta has a formula of its
    own.
    """
    return (loss, activation) in FUSED


def fused_delta(loss: str, activation: str, z: Bounded, a: Bounded, y: Array | Weighing) -> Bounded:
    """BP1 where the pole has cancelled. Shapes: z, a and delta (n, k)."""
    return FUSED[loss, activation](z, a, _weighed(loss, a, y))


# from z, a, and the targets with their weights
FUSED: dict[tuple[str, str], Callable[[Bounded, Bounded, Weighing], Bounded]] = {
    ("cross_entropy", "softmax"): lambda z, a, t: excess(a, t.yes) / t.D,
    ("cross_entropy", "sigmoid"): lambda z, a, t: (1.0 - a) * -t.yes / t.D,
    ("softmax_cross_entropy", "identity"): lambda z, a, t: excess(softmax(z), t.yes) / t.D,
    ("binary_cross_entropy", "sigmoid"): lambda z, a, t: (times(a, t.both) - t.yes) / t.D,
    ("sigmoid_cross_entropy", "identity"): lambda z, a, t: (
        (times(z.sigmoid(), t.both) - t.yes) / t.D
    ),
}


def loss_gradient(loss: str, a: Bounded, y: Array | Weighing) -> Bounded:
    """dC/da of a loss on values. Shapes: a and dC/da (n, k)."""
    t = _weighed(loss, a, y)
    if t.yes.ndim == 1:
        raise ValueError(f"output_delta: {loss} has labels, expected values (n, k)")
    return GRADIENTS[loss](a - t.yes, t)


# from e = a - y, and the targets with their weights
GRADIENTS: dict[str, Callable[[Bounded, Weighing], Bounded]] = {
    "mse": lambda e, t: times(e * 2.0, t.rows) / t.D,
    "half_squared_error": lambda e, t: times(e, t.rows) / t.D,
    "mae": lambda e, t: times(positive(e, 1.0, positive(-e, -1.0, 0.0)), t.rows) / t.D,
}


def _weighed(loss: str, a: Bounded, y: Array | Weighing) -> Weighing:
    """Targets with their weights; as they are where none are given."""
    return y if isinstance(y, Weighing) else weighed(loss, a, y)


def divisor(v: Bounded, eps: float) -> Bounded:
    """What a step is divided by, from the mean or the sum of the squares.

    Shapes: as theta.
    """
    return root(v) + eps


def corrections(h: Mapping[str, Any], t: int) -> tuple[Any, Any]:
    """bc1 and bc2, by which Adam's m and v are divided."""
    (bc1, _), (bc2, _) = (bias_correction(beta, t) for beta in h["betas"])
    return bc1, bc2


def new_state(
    rule: str,
    name: str,
    h: Mapping[str, Any],
    theta: Array,
    g: Bounded,
    old: Mapping[str, Any],
    new: Mapping[str, Bounded],
    divide: Divisor = divisor,
) -> Bounded:
    """A vector of the state after the step, from the old state and, where the rule
    reads them, new vectors. Shapes: as theta.
    """
    d = _decayed(rule, h, theta, g)
    return STATES[rule][name](h, d, old, new, divide)


_State: TypeAlias = Callable[
    [Mapping[str, Any], Bounded, Mapping[str, Any], Mapping[str, Bounded], Divisor], Bounded
]


def _mean(old: Any, of: Bounded, keep: float) -> Bounded:
    """keep old + (1 - keep) of."""
    return of.lift(old) * keep + of * (ONE - keep)


_ADAM: dict[str, _State] = {
    "exp_avg": lambda h, d, old, new, divide: _mean(old["exp_avg"], d, h["betas"][0]),
    "exp_avg_sq": lambda h, d, old, new, divide: _mean(old["exp_avg_sq"], d * d, h["betas"][1]),
    "max_exp_avg_sq": lambda h, d, old, new, divide: positive(
        new["exp_avg_sq"] - old["max_exp_avg_sq"], new["exp_avg_sq"], old["max_exp_avg_sq"]
    ),
}
# rule: vector: from hyper-parameters, d, the old and the new state, and the divisor
STATES: dict[str, dict[str, _State]] = {
    "sgd": {
        "momentum_buffer": lambda h, d, old, new, divide: (
            d.lift(old["momentum_buffer"]) * h["momentum"] + d * (ONE - h["dampening"])
            if "momentum_buffer" in old
            else d
        )
    },
    "adagrad": {"sum": lambda h, d, old, new, divide: d.lift(old["sum"]) + d * d},
    "rmsprop": {
        "square_avg": lambda h, d, old, new, divide: _mean(old["square_avg"], d * d, h["alpha"]),
        "grad_avg": lambda h, d, old, new, divide: _mean(old["grad_avg"], d, h["alpha"]),
        "momentum_buffer": lambda h, d, old, new, divide: (
            d.lift(old["momentum_buffer"]) * h["momentum"] + quotient(h, d, new, divide)
        ),
    },
    "adam": _ADAM,
    "adamw": _ADAM,
}


def new_parameters(
    rule: str,
    h: Mapping[str, Any],
    t: int,
    theta: Array,
    g: Bounded,
    new: Mapping[str, Bounded],
    divide: Divisor = divisor,
    correct: Corrections = corrections,
) -> Bounded:
    """theta after the step, from the new state. Shapes: as theta."""
    d = _decayed(rule, h, theta, g)
    return kept(rule, h, g.lift(theta)) - STEPS[rule](h, t, d, new, divide, correct)


_Step: TypeAlias = Callable[
    [Mapping[str, Any], int, Bounded, Mapping[str, Bounded], Divisor, Corrections], Bounded
]
# rule: what is subtracted from theta
STEPS: dict[str, _Step] = {
    "sgd": lambda h, t, d, new, divide, correct: direction(h, d, new) * h["lr"],
    "adagrad": lambda h, t, d, new, divide, correct: (
        d / divide(new["sum"], h["eps"]) * (h["lr"] / (ONE + (t - 1) * ONE * h["lr_decay"]))
    ),
    "rmsprop": lambda h, t, d, new, divide, correct: (
        (new["momentum_buffer"] if h["momentum"] else quotient(h, d, new, divide)) * h["lr"]
    ),
    "adam": lambda h, t, d, new, divide, correct: adam_step(h, t, new, divide, correct),
    "adamw": lambda h, t, d, new, divide, correct: adam_step(h, t, new, divide, correct),
}


def kept(rule: str, h: Mapping[str, Any], theta: Bounded) -> Bounded:
    """theta before the step; AdamW decays it here, the other rules through the
    gradient.

    Shapes: as theta.
    """
    return theta * (ONE - ONE * h["lr"] * h["weight_decay"]) if rule == "adamw" else theta


def _decayed(rule: str, h: Mapping[str, Any], theta: Any, g: Bounded) -> Bounded:
    return g + g.lift(theta) * h["weight_decay"] if h["weight_decay"] and rule != "adamw" else g


def direction(h: Mapping[str, Any], d: Bounded, new: Mapping[str, Bounded]) -> Bounded:
    """v of theta := theta - lr v in gradient descent."""
    if not h["momentum"]:
        return d
    return d + new["momentum_buffer"] * h["momentum"] if h["nesterov"] else new["momentum_buffer"]


def quotient(
    h: Mapping[str, Any], d: Bounded, new: Mapping[str, Bounded], divide: Divisor = divisor
) -> Bounded:
    """q = d / D of RMSprop."""
    v = new["square_avg"]
    return d / divide(v - new["grad_avg"] * new["grad_avg"] if h["centered"] else v, h["eps"])


def adam_step(
    h: Mapping[str, Any],
    t: int,
    new: Mapping[str, Bounded],
    divide: Divisor = divisor,
    correct: Corrections = corrections,
) -> Bounded:
    """q = (lr / bc1) m' / D of Adam."""
    bc1, bc2 = correct(h, t)
    return (
        new["exp_avg"]
        / divide(new["max_exp_avg_sq" if h["amsgrad"] else "exp_avg_sq"] / bc2, h["eps"])
        * (h["lr"] / bc1)
    )


def root(v: Bounded) -> Bounded:
    """The root of a v that is never negative, though its error may reach below 0."""
    return v.maximum(0.0).sqrt()


def softmax(z: Bounded) -> Bounded:
    e = (z - z.max(axis=1, keepdims=True)).exp()
    return e / e.sum(axis=1, keepdims=True)


def log_softmax(z: Bounded) -> Bounded:
    s = z - z.max(axis=1, keepdims=True)
    return s - s.exp().sum(axis=1, keepdims=True).log()


def excess(p: Bounded, T: Any) -> Bounded:
    """p S - T, with S = sum T, which is 1 up to rounding where nothing has weights."""
    T = T if hasattr(T, "format") else p.format.widen(distribution(T, p.value))
    return p * T.sum(axis=1, keepdims=True) - T


def squares(a: Bounded, t: Weighing) -> Bounded:
    """sum s (a - y)^2."""
    e = a - t.yes
    return times(e * e, t.rows).sum()


def times(of: Bounded, factor: Any) -> Bounded:
    """The numbers times a factor; as they are where there is none."""
    return of if factor is None else of * factor


def expected_log(a: Bounded, T: Any) -> Bounded:
    """-sum T log a, where 0 log 0 = 0."""
    counts = getattr(T, "value", T) > 0.0
    return (a[counts].log().maximum(LOG_FLOOR) * -T[counts]).sum()
