"""Exercise 2: BP1, the delta of the output layer.

Three neurons with a sigmoid learn AND, OR and NAND, by gradient descent on half the
squared error. The forward pass is that of exercise 1. Write `output_delta`, then

    parity check examples/exercises/2_output_delta.py
    python examples/exercises/2_output_delta.py
"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_derivative(z):
    """f'(z)."""
    return sigmoid(z) * (1 - sigmoid(z))


def forward(W, b, a_prev):
    """z and a of the layer."""
    z = a_prev @ W.T + b
    a = sigmoid(z)
    return z, a


def cost(a, y):
    """C: half the squared error, a mean over the n rows."""
    return np.sum((a - y) ** 2) / (2 * len(y))


def output_delta(z, a, y):
    """delta^L = dC/dz^L, from z and a of the layer and the targets y, all of shape
    (n, fan_out). C is that of `cost`.

    Returns delta, of shape (n, fan_out).
    """
    raise NotImplementedError("BP1 is to be written: delta^L = ..., shape (n, fan_out)")


def step(W, b, x, y, lr):
    """One step of gradient descent: all that it computes, and the new W and b."""
    z, a = forward(W, b, x)
    delta = output_delta(z, a, y)  # BP1
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
sizes = (4, 3)


def run(case):
    W, b = case.W[0], case.b[0]
    for x, y, lr in case.steps:
        shown = step(W, b, x, y, lr)
        W, b = shown["W"][0], shown["b"][0]
        yield shown


if __name__ == "__main__":
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0, 0, 1], [0, 1, 1], [0, 1, 1], [1, 1, 0]])  # AND, OR, NAND
    W, b = train(np.zeros((3, 2)), np.zeros(3), x, y, lr=2.0, steps=2000)
    _, a = forward(W, b, x)
    print("AND, OR and NAND of the four rows, after 2,000 steps:")
    print(a.round(2))
