"""A student's first network: sigmoid layers, half the squared error, gradient descent.

parity says about it that it is right.
"""

import numpy as np

import parity


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Network:
    def __init__(self, W, b):
        self.W, self.b = list(W), list(b)

    def forward(self, x):
        """The activations of all layers, x first."""
        a = [x]
        for W, b in zip(self.W, self.b, strict=True):
            a.append(sigmoid(a[-1] @ W.T + b))
        return a

    def backward(self, a, y):
        """The deltas of all layers, with the mean over the samples in them."""
        delta = [(a[-1] - y) / len(y) * a[-1] * (1 - a[-1])]
        for l in range(len(self.W) - 1, 0, -1):
            delta.insert(0, delta[0] @ self.W[l] * a[l] * (1 - a[l]))
        return delta

    def train(self, x, y, lr):
        """One step. It returns all that it computed, so that parity can look at it."""
        a = self.forward(x)
        delta = self.backward(a, y)
        dW = [d.T @ a_prev for d, a_prev in zip(delta, a[:-1], strict=True)]
        db = [d.sum(axis=0) for d in delta]
        self.W = [W - lr * g for W, g in zip(self.W, dW, strict=True)]
        self.b = [b - lr * g for b, g in zip(self.b, db, strict=True)]
        loss = np.sum((a[-1] - y) ** 2) / (2 * len(y))
        return {
            "loss": loss,
            "a": a[1:],
            "delta": delta,
            "dW": dW,
            "db": db,
            "W": self.W,
            "b": self.b,
        }


# for parity: what the network can do, and how to train it

activations = outputs = "sigmoid"
losses = "half_squared_error"
optimizers, settings = "sgd", ()


def run(case):
    net = Network(case.W, case.b)
    return [net.train(x, y, lr) for x, y, lr in case.steps]


if __name__ == "__main__":
    print(parity.check(run))
