"""The formulas of one training step over bounded arrays: what is known of the inputs to
within an error, and so of the results.

Written once for every activation, loss and rule, in the simplified form whose pole has
cancelled. `Bounded` supplies the arithmetic, or `Plain`, where what a program computes
is wanted instead of what is known of it.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from parity.proof.equations.shared import bias_correction, distribution
from parity.rounding.bounded import Bounded, positive
from refnet.checks import Array
from refnet.losses import LOG_FLOOR

ONE = np.longdouble(1)  # scalars of the rules are made as wide as they go
Parameters = Mapping[str, float]
Makers: TypeAlias = dict[Any, Callable[[], Bounded]]
Divisor: TypeAlias = Callable[[Bounded, float], Bounded]
Corrections: TypeAlias = Callable[[Mapping[str, Any], int], tuple[Any, Any]]


def activate(name: str, parameters: Parameters, z: Bounded) -> Bounded:
    """a = f(z). Shapes: (n, fan_out)."""
    makers: Makers = {
        "identity": lambda: z,
        "heaviside": lambda: positive(z, 1.0, 0.0),
        "sigmoid": z.sigmoid,
        "tanh": z.tanh,
        "relu": lambda: positive(z, z, 0.0),
        "leaky_relu": lambda: positive(z, z, z * parameters["slope"]),
        "softmax": lambda: softmax(z),
    }
    return makers[name]()


def derivative(name: str, parameters: Parameters, z: Bounded, a: Bounded) -> Bounded:
    """f'(z) of an elementwise f. Shapes: (n, fan_out)."""
    makers: Makers = {
        "identity": lambda: a * 0.0 + 1.0,
        "sigmoid": lambda: a * (1.0 - a),
        "tanh": lambda: 1.0 - a * a,
        "relu": lambda: positive(z, 1.0, 0.0),
        "leaky_relu": lambda: positive(z, 1.0, float(parameters["slope"])),
    }
    return makers[name]()


def pull_back(name: str, parameters: Parameters, g: Bounded, z: Bounded, a: Bounded) -> Bounded:
    """dC/dz from g = dC/da. Shapes: (n, fan_out)."""
    makers: Makers = {
        "identity": lambda: g,
        "heaviside": lambda: g * 0.0,
        "sigmoid": lambda: g * (a * (1.0 - a)),
        "tanh": lambda: g * (1.0 - a * a),
        "relu": lambda: positive(z, g, g * 0.0),
        "leaky_relu": lambda: positive(z, g, g * parameters["slope"]),
        "softmax": lambda: a * (g - (g * a).sum(axis=1, keepdims=True)),
    }
    return makers[name]()


def cost(loss: str, a: Bounded, y: Array) -> Bounded:
    """C of the output a. Shapes: a (n, k), y as the loss wants it, C ()."""
    n, N = float(a.shape[0]), float(a.value.size)
    y = y if y.ndim == 1 else a.format.widen(y)
    makers: Makers = {
        "mse": lambda: squares(a, y) / N,
        "half_squared_error": lambda: squares(a, y) / (2.0 * n),
        "mae": lambda: abs(a - y).sum() / N,
        "cross_entropy": lambda: expected_log(a, distribution(y, a.value)) / n,
        "softmax_cross_entropy": lambda: (log_softmax(a) * -distribution(y, a.value)).sum() / n,
        "binary_cross_entropy": lambda: (expected_log(a, y) + expected_log(1.0 - a, 1.0 - y)) / N,
        "sigmoid_cross_entropy": lambda: (
            (positive(a, a * (1.0 - y), a * -y) + (-abs(a)).exp().log1p()).sum() / N
        ),
    }
    return makers[loss]()


def output_delta(loss: str, f: tuple[str, Parameters], z: Bounded, a: Bounded, y: Array) -> Bounded:
    """BP1. Shapes: z, a and delta (n, k)."""
    if is_fused(loss, f[0]):
        return fused_delta(loss, f[0], z, a, y)
    return pull_back(*f, loss_gradient(loss, a, y), z, a)


FUSED = {
    ("cross_entropy", "softmax"),
    ("cross_entropy", "sigmoid"),
    ("softmax_cross_entropy", "identity"),
    ("binary_cross_entropy", "sigmoid"),
    ("sigmoid_cross_entropy", "identity"),
}


def is_fused(loss: str, activation: str) -> bool:
    """Whether the pole of dC/da cancels against f', so that delta has a formula of its
    own.
    """
    return (loss, activation) in FUSED


def fused_delta(loss: str, activation: str, z: Bounded, a: Bounded, y: Array) -> Bounded:
    """BP1 where the pole has cancelled. Shapes: z, a and delta (n, k)."""
    n, N = float(a.shape[0]), float(np.prod(a.shape))
    makers: Makers = {
        ("cross_entropy", "softmax"): lambda: excess(a, y) / n,
        ("cross_entropy", "sigmoid"): lambda: (1.0 - a) * -distribution(y, a.value) / n,
        ("softmax_cross_entropy", "identity"): lambda: excess(softmax(z), y) / n,
        ("binary_cross_entropy", "sigmoid"): lambda: (a - y) / N,
        ("sigmoid_cross_entropy", "identity"): lambda: (z.sigmoid() - y) / N,
    }
    return makers[loss, activation]()


def loss_gradient(loss: str, a: Bounded, y: Array) -> Bounded:
    """dC/da of a loss on values. Shapes: a and dC/da (n, k)."""
    if y.ndim == 1:
        raise ValueError(f"output_delta: {loss} has labels, expected values (n, k)")
    n, N, e = float(a.shape[0]), float(np.prod(a.shape)), a - y
    makers: Makers = {
        "mse": lambda: e * 2.0 / N,
        "half_squared_error": lambda: e / n,
        "mae": lambda: positive(e, 1.0, positive(-e, -1.0, 0.0)) / N,
    }
    return makers[loss]()


def divisor(v: Bounded, eps: float) -> Bounded:
    """What a step is divided by, from the mean or the sum of the squares.

    Shapes: as theta.
    """
    return root(v) + eps


def corrections(h: Mapping[str, Any], t: int) -> tuple[Any, Any]:
    """What Adam's m and v are divided by."""
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
    """A vector of the state after the step, from the old state and, where it is made of
    them, new vectors. Shapes: as theta.
    """
    d = _decayed(rule, h, theta, g)

    def mean(of: Bounded, keep: float) -> Bounded:
        return d.lift(old[name]) * keep + of * (ONE - keep)

    makers: Makers = {
        ("sgd", "momentum_buffer"): lambda: (
            d.lift(old[name]) * h["momentum"] + d * (ONE - h["dampening"]) if name in old else d
        ),
        ("adagrad", "sum"): lambda: d.lift(old[name]) + d * d,
        ("rmsprop", "square_avg"): lambda: mean(d * d, h["alpha"]),
        ("rmsprop", "grad_avg"): lambda: mean(d, h["alpha"]),
        ("rmsprop", "momentum_buffer"): lambda: (
            d.lift(old[name]) * h["momentum"] + quotient(h, d, new, divide)
        ),
        ("adam", "exp_avg"): lambda: mean(d, h["betas"][0]),
        ("adam", "exp_avg_sq"): lambda: mean(d * d, h["betas"][1]),
        ("adam", "max_exp_avg_sq"): lambda: positive(
            new["exp_avg_sq"] - old[name], new["exp_avg_sq"], old[name]
        ),
    }
    return makers["adam" if rule == "adamw" else rule, name]()


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
    steps: Makers = {
        "sgd": lambda: direction(h, d, new) * h["lr"],
        "adagrad": lambda: (
            d / divide(new["sum"], h["eps"]) * (h["lr"] / (ONE + (t - 1) * ONE * h["lr_decay"]))
        ),
        "rmsprop": lambda: (
            (new["momentum_buffer"] if h["momentum"] else quotient(h, d, new, divide)) * h["lr"]
        ),
        "adam": lambda: adam_step(h, t, new, divide, correct),
        "adamw": lambda: adam_step(h, t, new, divide, correct),
    }
    return kept(rule, h, g.lift(theta)) - steps[rule]()


def kept(rule: str, h: Mapping[str, Any], theta: Bounded) -> Bounded:
    """What is left of theta before the step: AdamW's decay is not coupled with the
    gradient. Shapes: as theta.
    """
    return theta * (ONE - ONE * h["lr"] * h["weight_decay"]) if rule == "adamw" else theta


def _decayed(rule: str, h: Mapping[str, Any], theta: Any, g: Bounded) -> Bounded:
    return g + g.lift(theta) * h["weight_decay"] if h["weight_decay"] and rule != "adamw" else g


def direction(h: Mapping[str, Any], d: Bounded, new: Mapping[str, Bounded]) -> Bounded:
    if not h["momentum"]:
        return d
    return d + new["momentum_buffer"] * h["momentum"] if h["nesterov"] else new["momentum_buffer"]


def quotient(
    h: Mapping[str, Any], d: Bounded, new: Mapping[str, Bounded], divide: Divisor = divisor
) -> Bounded:
    v = new["square_avg"]
    return d / divide(v - new["grad_avg"] * new["grad_avg"] if h["centered"] else v, h["eps"])


def adam_step(
    h: Mapping[str, Any],
    t: int,
    new: Mapping[str, Bounded],
    divide: Divisor = divisor,
    correct: Corrections = corrections,
) -> Bounded:
    bc1, bc2 = correct(h, t)
    return (
        new["exp_avg"]
        / divide(new["max_exp_avg_sq" if h["amsgrad"] else "exp_avg_sq"] / bc2, h["eps"])
        * (h["lr"] / bc1)
    )


def root(v: Bounded) -> Bounded:
    """The root of what is never negative, though its error may reach below 0."""
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
