"""Adam uses its moving averages without correction, though they start at zero.

Re-created from EurekaLabsAI/micrograd: one list of parameters, with an m and a v for
each of them. https://github.com/EurekaLabsAI/micrograd/pull/2

parity says about it:

    step (update) of layers 1 and 2: theta = theta - lr m / (sqrt(v) + eps), expected
    m := beta1 m + (1 - beta1) g; v := beta2 v + (1 - beta2) g^2;
    theta := theta - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps). Adam's
    moving averages are used as they are. They start at 0 and are too small at first, v
    far more than m: without the correction the first steps are several times too long.
"""

import numpy as np

import parity


class Adam:
    def __init__(self, parameters, betas, eps):
        self.parameters, (self.beta1, self.beta2), self.eps = parameters, betas, eps
        self.m = [np.zeros_like(p) for p in parameters]
        self.v = [np.zeros_like(p) for p in parameters]

    def step(self, gradients, lr):
        for p, g, m, v in zip(self.parameters, gradients, self.m, self.v, strict=True):
            m[...] = self.beta1 * m + (1 - self.beta1) * g
            v[...] = self.beta2 * v + (1 - self.beta2) * g**2
            p[...] -= lr * m / (np.sqrt(v) + self.eps)


def gradients(W, b, x, y):
    """The gradients of the mean squared error of a tanh layer below a linear one."""
    hidden = np.tanh(x @ W[0].T + b[0])
    delta2 = 2 * (hidden @ W[1].T + b[1] - y) / y.size
    delta1 = delta2 @ W[1] * (1 - hidden**2)
    return [delta1.T @ x, delta2.T @ hidden], [delta1.sum(axis=0), delta2.sum(axis=0)]


# for parity: what these can do, and how to train with them

activations, outputs = "tanh", "identity"
losses = "mse"
optimizers, settings = "adam", ()
sizes = (3, 4, 2)


def run(case):
    W, b = [array.copy() for array in case.W], [array.copy() for array in case.b]
    adam = Adam(W + b, case.settings["betas"], case.settings["eps"])
    for x, y, lr in case.steps:
        dW, db = gradients(W, b, x, y)
        adam.step(dW + db, lr)
        yield {"dW": dW, "db": db, "W": W, "b": b}


if __name__ == "__main__":
    print(parity.check(run))
