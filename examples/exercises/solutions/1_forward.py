"""Exercise 1: z and a, the forward pass of one layer.

Two neurons with a sigmoid learn AND and OR, by gradient descent on half the squared
error. All is there but the forward pass: write `forward`, then

    parity check examples/exercises/1_forward.py
    python examples/exercises/1_forward.py
"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(W, b, a_prev):
    """z and a of the layer, from W (fan_out, fan_in), b (fan_out,) and a_prev
    (n, fan_in), one example in each row.

    Returns z and a, both of shape (n, fan_out).
    """
    z = a_prev @ W.T + b
    a = sigmoid(z)
    return z, a


def cost(a, y):
    """Half the squared error, a mean over the n rows."""
    return np.sum((a - y) ** 2) / (2 * len(y))


def step(W, b, x, y, lr):
    """One step of gradient descent: all that it computes, and the new W and b."""
    z, a = forward(W, b, x)
    delta = (a - y) / len(y) * a * (1 - a)  # BP1
    db = delta.sum(axis=0)  # BP3
    dW = delta.T @ x  # BP4
    return {
        "z": [z],
        "a": [a],
        "loss": cost(a, y),
        "delta": [delta],
        "dW": [dW],
        "db": [db],
        "W": [W - lr * dW],
        "b": [b - lr * db],
    }


def train(W, b, x, y, lr, steps):
    """W and b after so many steps."""
    for _ in range(steps):
        shown = step(W, b, x, y, lr)
        W, b = shown["W"][0], shown["b"][0]
    return W, b


# for parity: what the network can do, and how to train it

activations = outputs = "sigmoid"
losses = "half_squared_error"
optimizers, settings = "sgd", ()
sizes = (3, 2)


def run(case):
    W, b = case.W[0], case.b[0]
    for x, y, lr in case.steps:
        shown = step(W, b, x, y, lr)
        W, b = shown["W"][0], shown["b"][0]
        yield shown


if __name__ == "__main__":
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0, 0], [0, 1], [0, 1], [1, 1]])  # AND, OR
    W, b = train(np.zeros((2, 2)), np.zeros(2), x, y, lr=2.0, steps=2000)
    _, a = forward(W, b, x)
    print("AND and OR of the four rows, after 2,000 steps:")
    print(a.round(2))
