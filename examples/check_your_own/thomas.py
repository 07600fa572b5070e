"""The training of Thomas' Neural Networks Tutorial, section 4.9, in our own spelling:
one sample after the other, capital deltas that add up its gradients, a step with their
mean. Layers are counted from 1, which is the input; arrays stand in dictionaries by
layer.

parity says about it that it is right.
"""

import numpy as np

import parity


def f(z):
    return 1 / (1 + np.exp(-z))


def f_deriv(z):
    return f(z) * (1 - f(z))


def feed_forward(x, W, b):
    h, z = {1: x}, {}
    for l in W:
        z[l + 1] = W[l].dot(h[l]) + b[l]
        h[l + 1] = f(z[l + 1])
    return h, z


def deltas(y, h, z, W):
    """dJ/dz of each layer but the first, for J of one sample, from the output down."""
    n_l = len(h)
    delta = {n_l: -(y - h[n_l]) * f_deriv(z[n_l])}
    for l in range(n_l - 1, 1, -1):
        delta[l] = W[l].T.dot(delta[l + 1]) * f_deriv(z[l])
    return delta


def iteration(W, b, x, y, alpha):
    """One step, in place. It returns what it computed, for parity to look at."""
    m, J, seen = len(x), 0.0, {"z": [], "a": [], "delta": []}
    tri_W = {l: np.zeros_like(W[l]) for l in W}
    tri_b = {l: np.zeros_like(b[l]) for l in b}
    for x_i, y_i in zip(x, y, strict=True):
        h, z = feed_forward(x_i, W, b)
        delta = deltas(y_i, h, z, W)
        J += 1 / 2 * np.sum((y_i - h[len(h)]) ** 2)
        for l in W:
            tri_W[l] += np.outer(delta[l + 1], h[l])
            tri_b[l] += delta[l + 1]
        seen["z"].append([z[l + 1] for l in W])
        seen["a"].append([h[l + 1] for l in W])
        seen["delta"].append([delta[l + 1] / m for l in W])
    for l in W:
        W[l] -= alpha * (tri_W[l] / m)
        b[l] -= alpha * (tri_b[l] / m)
    # parity wants a layer's samples as the rows of an array
    rows = {name: [np.array(it) for it in zip(*lists, strict=True)] for name, lists in seen.items()}
    return rows | {
        "loss": J / m,
        "dW": [tri_W[l] / m for l in W],
        "db": [tri_b[l] / m for l in b],
        "W": [W[l].copy() for l in W],
        "b": [b[l].copy() for l in b],
    }


# for parity: what the training can do, and how to run it

activations = outputs = "sigmoid"
losses = "half_squared_error"
optimizers, settings = "sgd", ()


def run(case):
    W = {l: w.copy() for l, w in enumerate(case.W, start=1)}
    b = {l: bias.copy() for l, bias in enumerate(case.b, start=1)}
    return [iteration(W, b, x, y, alpha) for x, y, alpha in case.steps]


if __name__ == "__main__":
    print(parity.check(run))
