"""The gradient of the biases is summed without an axis, which gives one number for all
classes.

Re-created from rasbt/stat453-deep-learning-ss21: softmax regression with two inputs and
three classes. https://github.com/rasbt/stat453-deep-learning-ss21/issues/5

Softmax minus one-hot sums to 0 over the classes, so this number is 0 and the biases
never change. A db that is set to zero looks the same, and parity says so. It says about
this program:

    BP3 (bias gradient) of layer 1: db_j = sum over samples and units of delta, expected
    db^l = sum over rows of delta^l. The sum for b runs over the units too, so that all
    of them get the same number. Each bias acts on its own unit alone, so the sum is
    over the samples only.
"""

import numpy as np

import parity


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class SoftmaxRegression:
    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias

    def forward(self, x):
        return softmax(x @ self.weight.T + self.bias)

    def backward(self, x, y, probabilities):
        error = (probabilities - y) / len(y)
        return error.T @ x, np.sum(error)

    def update(self, x, y, lr):
        probabilities = self.forward(x)
        dW, db = self.backward(x, y, probabilities)
        self.weight = self.weight - lr * dW
        self.bias = self.bias - lr * db
        return probabilities


# for parity: what the model can do, and how to train it

activations = outputs = "softmax"
losses = "cross_entropy"
optimizers, settings = "sgd", ()
sizes, targets = (2, 3), "one_hot"


def run(case):
    model = SoftmaxRegression(case.W[0], case.b[0])
    for x, y, lr in case.steps:
        probabilities = model.update(x, y, lr)
        yield {"output": probabilities, "W": [model.weight], "b": [model.bias]}


if __name__ == "__main__":
    print(parity.check(run))
