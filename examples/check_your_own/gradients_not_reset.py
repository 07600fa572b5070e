"""The arrays of the gradients are set to zero only once, and every backward pass adds
to them.

Re-created from oysteijo/simd_neuralnet.
https://github.com/oysteijo/simd_neuralnet/commit/099a3c0

parity says about it:

    BP4 (weight gradient) and BP3 (bias gradient) of layers 1 and 2:
    dW = dW_previous + delta^T a_prev, expected dW^l = (delta^l)^T a^(l-1). The
    gradients are added to those of the steps before. A gradient belongs to the weights
    and the batch of its own step, so the store must be set to 0 before each backward
    pass.
"""

import numpy as np

import parity


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Network:
    def __init__(self, W, b):
        self.W, self.b = [array.copy() for array in W], [array.copy() for array in b]
        self.dW = [np.zeros_like(array) for array in W]
        self.db = [np.zeros_like(array) for array in b]

    def predict(self, x):
        self.a = [x]
        for W, b in zip(self.W, self.b, strict=True):
            self.a.append(sigmoid(self.a[-1] @ W.T + b))
        return self.a[-1]

    def backpropagate(self, y):
        error = 2 * (self.a[-1] - y) / y.size
        for l in range(len(self.W) - 1, -1, -1):
            delta = error * self.a[l + 1] * (1 - self.a[l + 1])
            self.dW[l] += delta.T @ self.a[l]
            self.db[l] += delta.sum(axis=0)
            error = delta @ self.W[l]

    def step(self, lr):
        for array, gradient in zip(self.W + self.b, self.dW + self.db, strict=True):
            array[...] -= lr * gradient


# for parity: what the network can do, and how to train it

activations = outputs = "sigmoid"
losses = "mse"
optimizers, settings = "sgd", ()


def run(case):
    net = Network(case.W, case.b)
    for x, y, lr in case.steps:
        output = net.predict(x)
        net.backpropagate(y)
        net.step(lr)
        yield {"output": output, "dW": net.dW, "db": net.db, "W": net.W, "b": net.b}


if __name__ == "__main__":
    print(parity.check(run))
