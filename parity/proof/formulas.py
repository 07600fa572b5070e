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
from parity.rounding.bounded import Bounded, positive
from refnet.checks import Array
from refnet.losses import LOG_FLOOR

# computes what depends on hyper-parameters alone in longdouble, so that it adds no
# error that counts
ONE = np.longdouble(1)
Parameters = Mapping[str, float]
Divisor: TypeAlias = Callable[[Bounded, float], Bounded]
Corrections: TypeAlias = Callable[[Mapping[str, Any], int], tuple[Any, Any]]


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


def cost(loss: str, a: Bounded, y: Array) -> Bounded:
    """C of the output a. Shapes: a (n, k), y as the loss wants it, C ()."""
    n, N = float(a.shape[0]), float(a.value.size)
    y = y if y.ndim == 1 else a.format.widen(y)
    return COSTS[loss](a, y, n, N)


# from a, y, and the numbers of rows and of entries
COSTS: dict[str, Callable[[Bounded, Array, float, float], Bounded]] = {
    "mse": lambda a, y, n, N: squares(a, y) / N,
    "half_squared_error": lambda a, y, n, N: squares(a, y) / (2.0 * n),
    "mae": lambda a, y, n, N: abs(a - y).sum() / N,
    "cross_entropy": lambda a, y, n, N: expected_log(a, distribution(y, a.value)) / n,
    "softmax_cross_entropy": lambda a, y, n, N: (
        (log_softmax(a) * -distribution(y, a.value)).sum() / n
    ),
    "binary_cross_entropy": lambda a, y, n, N: (
        (expected_log(a, y) + expected_log(1.0 - a, 1.0 - y)) / N
    ),
    "sigmoid_cross_entropy": lambda a, y, n, N: (
        (positive(a, a * (1.0 - y), a * -y) + (-abs(a)).exp().log1p()).sum() / N
    ),
}


def output_delta(loss: str, f: tuple[str, Parameters], z: Bounded, a: Bounded, y: Array) -> Bounded:
    """BP1. Shapes: z, a and delta (n, k)."""
    if is_fused(loss, f[0]):
        return fused_delta(loss, f[0], z, a, y)
    return pull_back(*f, loss_gradient(loss, a, y), z, a)


def is_fused(loss: str, activation: str) -> bool:
    """Whether the pole of dC/da cancels against f', so that delta has a formula of its
    own.
    """
    return (loss, activation) in FUSED


def fused_delta(loss: str, activation: str, z: Bounded, a: Bounded, y: Array) -> Bounded:
    """BP1 where the pole has cancelled. Shapes: z, a and delta (n, k)."""
    n, N = float(a.shape[0]), float(np.prod(a.shape))
    return FUSED[loss, activation](z, a, y, n, N)


# from z, a, y, and the numbers of rows and of entries
FUSED: dict[tuple[str, str], Callable[[Bounded, Bounded, Array, float, float], Bounded]] = {
    ("cross_entropy", "softmax"): lambda z, a, y, n, N: excess(a, y) / n,
    ("cross_entropy", "sigmoid"): lambda z, a, y, n, N: (1.0 - a) * -distribution(y, a.value) / n,
    ("softmax_cross_entropy", "identity"): lambda z, a, y, n, N: excess(softmax(z), y) / n,
    ("binary_cross_entropy", "sigmoid"): lambda z, a, y, n, N: (a - y) / N,
    ("sigmoid_cross_entropy", "identity"): lambda z, a, y, n, N: (z.sigmoid() - y) / N,
}


def loss_gradient(loss: str, a: Bounded, y: Array) -> Bounded:
    """dC/da of a loss on values. Shapes: a and dC/da (n, k)."""
    if y.ndim == 1:
        raise ValueError(f"output_delta: {loss} has labels, expected values (n, k)")
    return GRADIENTS[loss](a - y, float(a.shape[0]), float(np.prod(a.shape)))


# from e = a - y, and the numbers of rows and of entries
GRADIENTS: dict[str, Callable[[Bounded, float, float], Bounded]] = {
    "mse": lambda e, n, N: e * 2.0 / N,
    "half_squared_error": lambda e, n, N: e / n,
    "mae": lambda e, n, N: positive(e, 1.0, positive(-e, -1.0, 0.0)) / N,
}


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


def excess(p: Bounded, y: Array) -> Bounded:
    """p Y - y, with Y = sum y, which is 1 up to rounding."""
    Y = distribution(y, p.value)
    return p * p.format.widen(Y).sum(axis=1, keepdims=True) - Y


def squares(a: Bounded, y: Array) -> Bounded:
    e = a - y
    return (e * e).sum()


def expected_log(a: Bounded, y: Array) -> Bounded:
    """-sum y log a, where 0 log 0 = 0."""
    counts = y > 0.0
    return (a[counts].log().maximum(LOG_FLOOR) * -y[counts]).sum()
