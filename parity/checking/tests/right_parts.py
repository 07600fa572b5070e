"""Parts as people have them: functions, objects that go forward and backward, modules,
and update rules.
"""

import numpy as np
import torch

# all that a test of one mistake needs
QUICK = {"hard": False, "dtype": "float64"}


def sigmoid(z):
    """1 / (1 + e^-z)."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def softmax(z):
    """By the largest z of each row."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def jacobian(z):
    """da_ij/dz_ik of a softmax."""
    p = softmax(z)
    return p[:, :, None] * np.eye(p.shape[1], dtype=p.dtype) - p[:, :, None] * p[:, None, :]


class Tanh:
    """A layer that remembers its activation."""

    def forward(self, z):
        """a = tanh z."""
        self.a = np.tanh(z)
        return self.a

    def backward(self, g):
        """dC/dz."""
        return g * (1 - self.a**2)


class Sigmoid(torch.autograd.Function):
    """With a backward of its own."""

    @staticmethod
    def forward(ctx, z):
        """a."""
        a = torch.sigmoid(z)
        ctx.save_for_backward(a)
        return a

    @staticmethod
    def backward(ctx, g):
        """dC/dz."""
        (a,) = ctx.saved_tensors
        return g * a * (1 - a)


class NeedsTwo(Tanh):
    """One that goes backward with the cache that forward has given."""

    def backward(self, g, *, cache):
        """dC/dz."""


RECTIFIED = {
    "relu": (lambda z: z * (z > 0), lambda z: (z > 0).astype(z.dtype)),
    "identity": (lambda z: z, np.ones_like),
}


LABELS_ALONE = (
    lambda z, y: -np.log(softmax(z)[np.arange(len(z)), y]).mean(),
    lambda z, y: (softmax(z) - np.eye(z.shape[1], dtype=z.dtype)[y]) / len(z),
)


def forward(x, W, b):
    """z."""
    return x @ W.T + b


def backward(x, W, delta):
    """dx, dW and db."""
    return delta @ W, delta.T @ x, delta.sum(axis=0)


class Layer:
    """A layer that keeps W as (fan_in, fan_out)."""

    def __init__(self):
        self.W, self.b = np.zeros((4, 3)), np.zeros(3)

    def forward(self, x):
        """z."""
        self.x = x
        return x @ self.W + self.b

    def backward(self, delta):
        """dx; dW and db are left in the layer."""
        self.dW, self.db = self.x.T @ delta, delta.sum(axis=0)
        return delta @ self.W.T


class Adding(Layer):
    """A layer that adds up its gradients."""

    def zero_grad(self):
        """Begin anew."""
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def backward(self, delta):
        """dx."""
        self.dW += self.x.T @ delta
        self.db += delta.sum(axis=0)
        return delta @ self.W.T


class Turned(torch.nn.Module):
    """A module of W and b."""

    def __init__(self):
        super().__init__()
        self.W = torch.nn.Parameter(torch.zeros(4, 3))
        self.b = torch.nn.Parameter(torch.zeros(3))

    def forward(self, x):
        """z."""
        return x @ self.W + self.b


class ForwardAlone(Layer):
    """A layer that does not go backward."""

    backward = None

    def __init__(self):
        self.W, self.b = [0.0], [0.0]


def momentum_sgd(theta, g, state, lr, momentum, weight_decay=0.0):
    """In place."""
    g = g + weight_decay * theta
    state["v"] = momentum * state["v"] + g if "v" in state else g
    theta -= lr * state["v"]


def adam(theta, g, state, t, lr, beta1, beta2, epsilon):
    """As functional code has it: the state is returned."""
    m, v = state or (0.0, 0.0)
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    u = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return theta - lr * u, (m, v)


class Adam:
    """Fixed betas and eps, all arrays at once."""

    def __init__(self, learning_rate=0.01):
        self.lr, self.t, self.m, self.v = learning_rate, 0, None, None

    def update(self, thetas, gradients):
        """The arrays after the step."""
        self.t += 1
        zeros = [np.zeros_like(theta) for theta in thetas]
        self.m = [0.9 * m + 0.1 * g for m, g in zip(self.m or zeros, gradients, strict=True)]
        self.v = [
            0.999 * v + 0.001 * g * g for v, g in zip(self.v or zeros, gradients, strict=True)
        ]
        bc1, bc2 = 1 - 0.9**self.t, 1 - 0.999**self.t
        return [
            theta - self.lr * (m / bc1) / (np.sqrt(v / bc2) + 1e-8)
            for theta, m, v in zip(thetas, self.m, self.v, strict=True)
        ]


class Momentum:
    """An optimizer that is made with its parameters, and changes them in place."""

    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = params, lr, momentum
        self.v = [np.zeros_like(array) for array in params]

    def step(self, gradients):
        """In place."""
        for array, g, v in zip(self.params, gradients, self.v, strict=True):
            v[...] = self.momentum * v + g
            array[...] = array - self.lr * v


class Failing(torch.optim.SGD):
    """One whose step raises an exception."""

    def step(self, closure=None):
        """None."""
        return 1 / 0


class GradientsFirst:
    """One whose method takes the gradients before the arrays."""

    def __init__(self, lr):
        self.lr = lr

    def update(self, grads, params):
        """In place."""
        for array, g in zip(params, grads, strict=True):
            array[...] = array - self.lr * g


def of_mae(a, y):
    """dC/da of the mean absolute error."""
    return np.sign(a - y) / a.size
