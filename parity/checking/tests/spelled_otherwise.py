"""A right program for whatever a task asks for, each formula of which is spelled in
another way than in refnet.
"""

import numpy as np

from parity.checking.tests.spellings import rules
from refnet import one_hot


def log_sum(z):
    """log of the sum of e^z over each row."""
    return np.logaddexp.reduce(z, axis=1, keepdims=True)


def sigmoid(z, slope=None):
    return (1 + np.tanh(z / 2)) / 2


def softmax(z, slope=None):
    return np.exp(z - log_sum(z))


VALUE = {
    "identity": lambda z, slope: z + 0,
    "sigmoid": sigmoid,
    "tanh": lambda z, slope: 2 / (1 + np.exp(-2 * z)) - 1,
    "relu": lambda z, slope: (z + np.abs(z)) / 2,
    "leaky_relu": lambda z, slope: np.maximum(z, 0) + slope * np.minimum(z, 0),
    "softmax": softmax,
}
SLOPE = {
    "identity": lambda z, slope: np.ones_like(z),
    "sigmoid": lambda z, slope: 1 / (2 + np.exp(z) + np.exp(-z)),
    "tanh": lambda z, slope: 1 / np.cosh(z) ** 2,
    "relu": lambda z, slope: np.heaviside(z, z.dtype.type(0)),
    "leaky_relu": lambda z, slope: np.where(z > 0, 1, slope).astype(z.dtype),
}


def jacobian(name, slope, z):
    """da/dz of each sample. Shapes: (n, k, k)."""
    if name != "softmax":
        return SLOPE[name](z, slope)[:, :, None] * np.eye(z.shape[1], dtype=z.dtype)
    a = softmax(z)
    return a[:, :, None] * (np.eye(z.shape[1], dtype=z.dtype) - a[:, None, :])


def log(a):
    return np.maximum(np.log(a), -100)


def quotient(y, a):
    return np.divide(y, a, out=np.zeros_like(a), where=y > 0)


COST = {  # of the outputs and the targets, before the mean
    "mse": lambda a, y: np.vdot(a - y, a - y),
    "half_squared_error": lambda a, y: np.vdot(a, a) / 2 - np.vdot(a, y) + np.vdot(y, y) / 2,
    "mae": lambda a, y: np.sum(np.maximum(a, y) - np.minimum(a, y)),
    "cross_entropy": lambda a, y: -np.vdot(y, log(a)),
    "softmax_cross_entropy": lambda z, y: -np.vdot(y, z - log_sum(z)),
    "binary_cross_entropy": lambda a, y: -np.vdot(y, log(a)) - np.vdot(1 - y, log(1 - a)),
    "sigmoid_cross_entropy": lambda z, y: np.sum(np.logaddexp(0, z) - y * z),
}
GRADIENT = {
    "mse": lambda a, y: (a - y) + (a - y),
    "half_squared_error": lambda a, y: -(y - a),
    "mae": lambda a, y: (a > y).astype(a.dtype) - (a < y),
    "cross_entropy": lambda a, y: -quotient(y, a),
    "softmax_cross_entropy": lambda z, y: softmax(z) - y,
    "binary_cross_entropy": lambda a, y: (a - y) / (a - a * a),
    "sigmoid_cross_entropy": lambda z, y: (1 - y) - sigmoid(-z),
}
OVER_OUTPUTS = ("mse", "mae", "binary_cross_entropy", "sigmoid_cross_entropy")


def adamw(p, g, lr, t, kept, h):
    """The decay and the move as one sum."""
    m, v = rules.moments(g, kept, h)
    first, second = rules.corrections(t, h)
    if h["amsgrad"]:
        v = kept["most"] = np.maximum(kept.get("most", 0), v)
    return p - lr * (m / first / (np.sqrt(v / second) + h["eps"]) + h["weight_decay"] * p)


RULES = {
    "sgd": rules.everything_in_place,
    "adagrad": rules.adagrad_of_the_whole_history,
    "rmsprop": rules.rmsprop_by_differences,
    "adam": rules.adam_as_in_pytorch,
    "adamw": adamw,
}


@np.errstate(all="ignore")
def passes(case, W, b, x, y):
    """Everything but the update."""
    a, z, J = [x], [], []
    for l, (name, slope) in enumerate(zip(case.activations, case.slopes, strict=True)):
        z.append(np.einsum("ik,jk->ij", a[-1], W[l]) + b[l])
        a.append(VALUE[name](z[-1], slope))
        J.append(jacobian(name, slope, z[-1]))
    y = one_hot(y, case.sizes[-1]).astype(x.dtype) if y.ndim == 1 else y
    count = a[-1].size if case.loss in OVER_OUTPUTS else len(x)
    delta, g = [], GRADIENT[case.loss](a[-1], y) / count
    for l in reversed(range(len(W))):
        delta.insert(0, np.einsum("ij,ijk->ik", g, J[l]))
        g = np.einsum("ij,jk->ik", delta[0], W[l])
    return {
        "z": z,
        "a": a[1:],
        "output": a[-1],
        "loss": COST[case.loss](a[-1], y) / count,
        "delta": delta,
        "dW": [np.einsum("ij,ik->jk", d, below) for d, below in zip(delta, a[:-1], strict=True)],
        "db": [np.ones(len(d), d.dtype) @ d for d in delta],
    }


def train(case):
    """A right `run` that shows everything."""
    rule, (W, b) = RULES[case.optimizer], (case.W, case.b)
    of_W, of_b = [{} for _ in W], [{} for _ in b]
    for t, (x, y, lr) in enumerate(case.steps, start=1):
        step = passes(case, W, b, x, y)
        W, moved = (
            [
                rule(p.copy(), g.copy(), lr, t, kept, case.settings)
                for p, g, kept in zip(*each, strict=True)
            ]
            for each in ((W, step["dW"], of_W), (b, step["db"], of_b))
        )
        b = moved if case.bias else b
        yield step | {"W": W, "b": b}
