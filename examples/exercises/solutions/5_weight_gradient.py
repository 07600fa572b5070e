"""Exercise 5: BP4, the gradient of the weights.

Three hidden layers of tanh below a sigmoid learn XOR; parity tries networks with one,
two and three. The deltas and the gradient of the biases are given. Write
`weight_gradient`, then

    parity check examples/exercises/5_weight_gradient.py
    python examples/exercises/5_weight_gradient.py
"""

import numpy as np


def tanh_derivative(z):
    """f'(z) of the hidden layers."""
    return 1 - np.tanh(z) ** 2


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_derivative(z):
    """f'(z) of the output layer."""
    return sigmoid(z) * (1 - sigmoid(z))


def forward(W, b, x):
    """z of every layer, and a, with x as the first."""
    z, a = [], [x]
    for l in range(len(W)):
        z.append(a[l] @ W[l].T + b[l])
        a.append(np.tanh(z[l]) if l < len(W) - 1 else sigmoid(z[l]))
    return z, a


def cost(a, y):
    """Half the squared error, a mean over the n rows."""
    return np.sum((a - y) ** 2) / (2 * len(y))


def output_delta(z, a, y):
    """BP1: the delta of the last layer."""
    return (a - y) / len(y) * sigmoid_derivative(z)


def hidden_delta(delta_above, W_above, z, a):
    """BP2: the delta of a hidden layer."""
    return delta_above @ W_above * tanh_derivative(z)


def bias_gradient(delta):
    """BP3: the gradient of the biases of a layer."""
    return delta.sum(axis=0)


def weight_gradient(delta, a_prev):
    """dC/dW^l of a layer l, from its delta (n, fan_out) and a_prev (n, fan_in), which
    is a^(l-1).

    Returns dW, of shape (fan_out, fan_in).
    """
    return delta.T @ a_prev


def step(W, b, x, y, lr):
    """One step of gradient descent: all that it computes, and the new W and b. The
    layers are counted from 0, so z[l] and a[l + 1] are those of layer l.
    """
    z, a = forward(W, b, x)
    delta = [output_delta(z[-1], a[-1], y)]
    for l in range(len(W) - 2, -1, -1):
        delta.insert(0, hidden_delta(delta[0], W[l + 1], z[l], a[l + 1]))
    db = [bias_gradient(d) for d in delta]
    dW = [weight_gradient(d, a_prev) for d, a_prev in zip(delta, a[:-1], strict=True)]
    new_W = [W[l] - lr * dW[l] for l in range(len(W))]
    new_b = [b[l] - lr * db[l] for l in range(len(b))]
    return {
        "z": z,
        "a": a[1:],
        "loss": cost(a[-1], y),
        "delta": delta,
        "dW": dW,
        "db": db,
        "W": new_W,
        "b": new_b,
    }


def train(W, b, x, y, lr, steps):
    """W and b after so many steps."""
    for _ in range(steps):
        shown = step(W, b, x, y, lr)
        W, b = shown["W"], shown["b"]
    return W, b


# for parity: what the network can do, and how to train it

activations, outputs = "tanh", "sigmoid"
losses = "half_squared_error"
optimizers, settings = "sgd", ()


def run(case):
    W, b = case.W, case.b
    for x, y, lr in case.steps:
        shown = step(W, b, x, y, lr)
        W, b = shown["W"], shown["b"]
        yield shown


if __name__ == "__main__":
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0], [1], [1], [0]])  # XOR
    sizes = (2, 4, 4, 3, 1)
    rng = np.random.default_rng(0)
    W = [rng.normal(size=(sizes[l + 1], sizes[l])) for l in range(len(sizes) - 1)]
    b = [np.zeros(size) for size in sizes[1:]]
    W, b = train(W, b, x, y, lr=1.0, steps=2000)
    _, a = forward(W, b, x)
    print("XOR of the four rows, after 2,000 steps:")
    print(a[-1].round(2))
