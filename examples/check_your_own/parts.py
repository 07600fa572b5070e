"""Parts alone, as the files of a library have them: an activation, a loss, a layer and
an optimizer. Each is judged in a training that is right otherwise.

To see what parity says of them: python parts.py
In a test suite: python -m pytest parts.py
"""

import numpy as np
import pytest

import parity


class Sigmoid:
    def forward(self, z):
        self.a = 0.5 * (1 + np.tanh(0.5 * z))  # 1 / (1 + e^-z), which does not overflow
        return self.a

    def backward(self, g):
        return g * self.a * (1 - self.a)


class SoftmaxCrossEntropy:
    """Of logits and labels."""

    def forward(self, z, labels):
        shifted = z - z.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        self.p, self.y = np.exp(log_p), np.eye(z.shape[1], dtype=z.dtype)[labels]
        return -log_p[np.arange(len(z)), labels].mean()

    def backward(self):
        return (self.p - self.y) / len(self.y)


class Dense:
    def __init__(self, inputs, outputs):
        self.W, self.b = np.zeros((outputs, inputs)), np.zeros(outputs)

    def forward(self, x):
        self.x = x
        return x @ self.W.T + self.b

    def backward(self, delta):
        self.dW, self.db = delta.T @ self.x, delta.sum(axis=0)
        return delta @ self.W


class Adam:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps, self.t = params, lr, betas, eps, 0
        self.m, self.v = ([np.zeros_like(array) for array in params] for _ in range(2))

    def step(self, gradients):
        self.t += 1
        (beta1, beta2), t = self.betas, self.t
        for i, g in enumerate(gradients):
            self.m[i] = beta1 * self.m[i] + (1 - beta1) * g
            self.v[i] = beta2 * self.v[i] + (1 - beta2) * g * g
            m, v = self.m[i] / (1 - beta1**t), self.v[i] / (1 - beta2**t)
            self.params[i] -= self.lr * m / (np.sqrt(v) + self.eps)


CHECKS = {
    "Sigmoid": lambda: parity.check_activation(Sigmoid(), like="sigmoid"),
    "SoftmaxCrossEntropy": lambda: parity.check_loss(
        SoftmaxCrossEntropy(), like="softmax_cross_entropy", targets="labels"
    ),
    "Dense": lambda: parity.check_linear(Dense(4, 3)),
    "Adam": lambda: parity.check_optimizer(Adam, like="adam"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_part(name):
    report = CHECKS[name]()
    assert report.passed, str(report)


if __name__ == "__main__":
    for check in CHECKS.values():
        print(check(), end="\n\n")
