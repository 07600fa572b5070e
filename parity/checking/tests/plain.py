"""A right program in plain NumPy, which stands beside a file that is checked, too."""

import numpy as np

PLAIN = {"activations": "sigmoid", "losses": "mse", "optimizers": "sgd", "settings": ()}


def sigmoid(z):
    """The activation of every layer."""
    return 1 / (1 + np.exp(-z))


def gradients(W, b, x, y):
    """A right program: z and a, the mean squared error, deltas and gradients."""
    a, z = [x], []
    for w, c in zip(W, b, strict=True):
        z.append(a[-1] @ w.T + c)
        a.append(sigmoid(z[-1]))
    delta = [2 * (a[-1] - y) / y.size * a[-1] * (1 - a[-1])]
    for l in range(len(W) - 1, 0, -1):
        delta.insert(0, delta[0] @ W[l] * a[l] * (1 - a[l]))
    dW = [d.T @ a_prev for d, a_prev in zip(delta, a[:-1], strict=True)]
    loss = np.mean((a[-1] - y) ** 2)
    return {
        "output": a[-1],
        "loss": loss,
        "z": z,
        "a": a[1:],
        "delta": delta,
        "dW": dW,
        "db": [d.sum(0) for d in delta],
    }


def train(case):
    """A right `run` that shows everything, as a list of dicts."""
    W, b, shown = case.W, case.b, []
    for x, y, lr in case.steps:
        step = gradients(W, b, x, y)
        W = [w - lr * g for w, g in zip(W, step["dW"], strict=True)]
        b = [c - lr * g for c, g in zip(b, step["db"], strict=True)]
        shown.append(step | {"W": W, "b": b})
    return shown
