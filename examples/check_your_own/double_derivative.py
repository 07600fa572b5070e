"""The derivative of tanh is written as a function of z, but it is called with the
output, tanh(z).

Re-created from davidrmiller/neural2d, where each transfer function has its derivative
beside it, and each layer keeps its output. https://github.com/davidrmiller/neural2d/issues/40

parity says about it:

    BP1 (output delta) and BP2 (hidden delta) of layers 1 and 2: delta = dC/da * f'(a),
    expected delta^L = dC/da^L * f'(z^L). The derivative is evaluated at a, though it
    belongs to z: the activation is applied twice. Such a derivative never vanishes at
    saturation, since a stays between -1 and 1.
"""

import numpy as np

import parity


def transfer(x):
    return np.tanh(x)


def transfer_derivative(x):
    return 1 - np.tanh(x) ** 2


class Layer:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def feed_forward(self, inputs):
        self.inputs = inputs
        self.output = transfer(inputs @ self.W.T + self.b)
        return self.output

    def back_propagate(self, error):
        self.gradient = error * transfer_derivative(self.output)
        return self.gradient @ self.W

    def update(self, lr):
        self.W = self.W - lr * self.gradient.T @ self.inputs
        self.b = self.b - lr * self.gradient.sum(axis=0)


# for parity: what the layers can do, and how to train them

activations = outputs = "tanh"
losses = "mse"
optimizers, settings = "sgd", ()


def run(case):
    net = [Layer(W, b) for W, b in zip(case.W, case.b, strict=True)]
    for x, y, lr in case.steps:
        a = x
        for layer in net:
            a = layer.feed_forward(a)
        error = 2 * (a - y) / y.size
        for layer in reversed(net):
            error = layer.back_propagate(error)
        for layer in net:
            layer.update(lr)
        yield {
            "output": a,
            "delta": [layer.gradient for layer in net],
            "W": [layer.W for layer in net],
            "b": [layer.b for layer in net],
        }


if __name__ == "__main__":
    print(parity.check(run))
