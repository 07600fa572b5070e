"""The same costs and output deltas by other formulas.

Every program here has tanh in its hidden layers.
"""

import numpy as np

from parity.checking.tests.spellings.spelling import Spellings

LOSSES = Spellings()


def trained(output, cost, delta):
    """run(case) with output(z) in the last layer, cost(z, a, y) and delta(z, a, y)."""

    def run(case):
        W, b = list(case.W), list(case.b)
        for x, y, lr in case.steps:
            below = [x]
            for w, c in zip(W[:-1], b[:-1], strict=True):
                below.append(np.tanh(below[-1] @ w.T + c))
            z = below[-1] @ W[-1].T + b[-1]
            a = output(z)
            d, dW, db = delta(z, a, y), [], []
            for l in reversed(range(len(W))):
                dW, db = [d.T @ below[l], *dW], [d.sum(axis=0), *db]
                d = d @ W[l] * (1 - below[l] ** 2)
            W = [w - lr * g for w, g in zip(W, dW, strict=True)]
            b = [c - lr * g for c, g in zip(b, db, strict=True)]
            yield {"output": a, "loss": cost(z, a, y), "dW": dW, "db": db, "W": W, "b": b}

    return run


def enter(name, output, cost, delta, **declared):
    """A program of this name."""
    LOSSES.add(name=name, activations="tanh", **declared)(trained(output, cost, delta))


def identity(z):
    """A copy."""
    return z.copy()


def softmax(z):
    """A row's maximum is subtracted first."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_softmax(z):
    """z - log sum e^z."""
    top = z.max(axis=1, keepdims=True)
    return z - top - np.log(np.exp(z - top).sum(axis=1, keepdims=True))


def sigmoid(z):
    """1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-z))


def picked(p, y):
    """The entries at the labels."""
    return p[np.arange(len(y)), y]


def less_one_at_the_labels(z, a, y):
    """Softmax, less 1 at each label, over n."""
    p = softmax(z)
    p[np.arange(len(y)), y] -= 1
    p /= len(y)
    return p


def through_the_jacobian(z, a, y):
    """Softmax's Jacobian, times -y / p."""
    J = np.einsum("ni,ij->nij", a, np.eye(a.shape[1])) - np.einsum("ni,nj->nij", a, a)
    return np.matmul(J, (-y / a)[:, :, None])[:, :, 0] / len(y)


def by_log_sum_exp(z, y):
    """log sum e^z - z at the label, sample by sample."""
    top = z.max(axis=1)
    return top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - np.sum(y * z, axis=1)


# probabilities of classes

PROBABILITIES = {"outputs": "softmax", "losses": "cross_entropy"}
enter(
    "softmax less one-hot",
    softmax,
    lambda z, a, y: -np.sum(y * np.log(a)) / len(y),
    lambda z, a, y: (a - y) / len(y),
    targets="one_hot",
    **PROBABILITIES,
)
enter(
    "Jacobian of softmax, times -y / p",
    softmax,
    lambda z, a, y: -np.mean(np.log((a * y).sum(axis=1))),
    through_the_jacobian,
    targets="one_hot",
    **PROBABILITIES,
)
enter(
    "softmax in log space",
    lambda z: np.exp(log_softmax(z)),
    lambda z, a, y: -np.mean(np.sum(y * log_softmax(z), axis=1)),
    lambda z, a, y: (np.exp(log_softmax(z)) * y.sum(axis=1, keepdims=True) - y) / len(y),
    targets="distributions",
    **PROBABILITIES,
)
enter(
    "labels by np.eye",
    softmax,
    lambda z, a, y: -np.log(picked(a, y)).mean(),
    lambda z, a, y: a / len(y) - np.eye(a.shape[1])[y] / len(y),
    targets="labels",
    **PROBABILITIES,
)

# logits

LOGITS = {"outputs": "identity", "losses": "softmax_cross_entropy"}
enter(
    "less one at the labels",
    identity,
    lambda z, a, y: -np.log(picked(softmax(z), y)).sum() / len(y),
    less_one_at_the_labels,
    targets="labels",
    **LOGITS,
)
enter(
    "log-sum-exp",
    identity,
    lambda z, a, y: by_log_sum_exp(z, y).mean(),
    lambda z, a, y: (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) - y) / len(z),
    targets="one_hot",
    **LOGITS,
)
enter(
    "logaddexp.reduce",
    identity,
    lambda z, a, y: np.mean(np.logaddexp.reduce(z, axis=1) - picked(z, y)),
    lambda z, a, y: np.divide(
        np.exp(log_softmax(z)) - (np.arange(z.shape[1]) == y[:, None]), len(y)
    ),
    targets="labels",
    **LOGITS,
)

# yes or no

BINARY = {"outputs": "sigmoid", "losses": "binary_cross_entropy"}
enter(
    "a - y of the sigmoid",
    sigmoid,
    lambda z, a, y: -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a)),
    lambda z, a, y: (a - y) / y.size,
    **BINARY,
)
enter(
    "two quotients, times a (1 - a)",
    sigmoid,
    lambda z, a, y: -np.average(np.log(a) * y + np.log1p(-a) * (1 - y)),
    lambda z, a, y: (-y / a + (1 - y) / (1 - a)) / y.size * (a * (1 - a)),
    **BINARY,
)
enter(
    "one quotient, times a (1 - a)",
    sigmoid,
    lambda z, a, y: (np.logaddexp(0, -z) + (1 - y) * z).mean(),
    lambda z, a, y: (a - y) / (a * (1 - a)) * sigmoid(z) * (1 - sigmoid(z)) / y.size,
    **BINARY,
)
enter(
    "softplus of logits",
    identity,
    lambda z, a, y: np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))),
    lambda z, a, y: (np.exp(z) / (1 + np.exp(z)) - y) / z.size,
    losses="sigmoid_cross_entropy",
    outputs="identity",
)

# values

enter(
    "half of a norm",
    sigmoid,
    lambda z, a, y: 0.5 * np.linalg.norm(a - y) ** 2 / len(y),
    lambda z, a, y: (a - y) / len(y) * sigmoid(z) * (1 - sigmoid(z)),
    outputs="sigmoid",
    losses="half_squared_error",
)
enter(
    "mean of means",
    identity,
    lambda z, a, y: np.mean(
        [np.mean([(s - t) ** 2 for s, t in zip(*r, strict=True)]) for r in zip(a, y, strict=True)]
    ),
    lambda z, a, y: np.stack([2 / len(y) * (s - t) / len(t) for s, t in zip(a, y, strict=True)]),
    outputs="identity",
    losses="mse",
)
enter(
    "squares multiplied out",
    identity,
    lambda z, a, y: ((a * a).sum() - 2 * (a * y).sum() + (y * y).sum()) / y.size,
    lambda z, a, y: (a - y + a - y) / y.size,
    outputs="identity",
    losses="mse",
)
enter(
    "signs of errors",
    identity,
    lambda z, a, y: np.sum(np.sign(a - y) * (a - y)) / y.size,
    lambda z, a, y: np.sign(a - y) / y.size,
    outputs="identity",
    losses="mae",
)
enter(
    "errors over their sizes",
    identity,
    lambda z, a, y: np.sqrt((a - y) ** 2).mean(),
    lambda z, a, y: (a - y) / np.abs(a - y) / y.size,
    outputs="identity",
    losses="mae",
)
