"""Backpropagation in plain NumPy, as a good student writes it: one operation after the
other. It is right; its mutants are not.

Layers count from 1; entry 0 of a list is of no layer, and a[0] is x.
"""

from typing import Any, TypeAlias

import numpy as np

from refnet.checks import Array

Kept: TypeAlias = dict[str, Any]
Settings: TypeAlias = dict[str, Any]

# activations and their derivatives


def identity(z: Array, slope: Any) -> Array:
    return z


def sigmoid(z: Array, slope: Any) -> Array:
    return 1 / (1 + np.exp(-z))


def tanh(z: Array, slope: Any) -> Array:
    return np.tanh(z)


def relu(z: Array, slope: Any) -> Array:
    return np.maximum(z, 0)


def leaky_relu(z: Array, slope: Any) -> Array:
    return np.where(z > 0, z, slope * z)


def softmax(z: Array, slope: Any) -> Array:
    shifted = z - np.max(z, axis=1, keepdims=True)
    e = np.exp(shifted)
    return e / np.sum(e, axis=1, keepdims=True)


def identity_prime(z: Array, a: Array, slope: Any) -> Array:
    return np.ones_like(z)


def sigmoid_prime(z: Array, a: Array, slope: Any) -> Array:
    return a * (1 - a)


def tanh_prime(z: Array, a: Array, slope: Any) -> Array:
    return 1 - a**2


def relu_prime(z: Array, a: Array, slope: Any) -> Array:
    return np.where(z > 0, 1.0, 0.0)


def leaky_relu_prime(z: Array, a: Array, slope: Any) -> Array:
    return np.where(z > 0, 1.0, slope)


ACTIVATIONS: dict[str, tuple[Any, Any]] = {
    "identity": (identity, identity_prime),
    "sigmoid": (sigmoid, sigmoid_prime),
    "tanh": (tanh, tanh_prime),
    "relu": (relu, relu_prime),
    "leaky_relu": (leaky_relu, leaky_relu_prime),
    "softmax": (softmax, None),
}


def pullback(name: str, slope: Any, g: Array, z: Array, a: Array) -> Array:
    """dC/dz from g = dC/da."""
    if name == "softmax":
        projected = np.sum(g * a, axis=1, keepdims=True)
        return a * (g - projected)
    return g * ACTIVATIONS[name][1](z, a, slope)


# losses


def mse(a: Array, y: Array) -> Any:
    return np.mean((a - y) ** 2)


def half_squared_error(a: Array, y: Array) -> Any:
    n = len(a)
    return np.sum((a - y) ** 2) / (2 * n)


def mae(a: Array, y: Array) -> Any:
    return np.mean(np.abs(a - y))


def cross_entropy(a: Array, y: Array) -> Any:
    n = len(a)
    return -np.sum(y * np.log(a)) / n


def softmax_cross_entropy(a: Array, y: Array) -> Any:
    n = len(a)
    shifted = a - np.max(a, axis=1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.sum(y * (shifted - log_sum)) / n


def binary_cross_entropy(a: Array, y: Array) -> Any:
    return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))


def sigmoid_cross_entropy(a: Array, y: Array) -> Any:
    return np.mean(np.maximum(a, 0) - a * y + np.log1p(np.exp(-np.abs(a))))


COSTS = {
    "mse": mse,
    "half_squared_error": half_squared_error,
    "mae": mae,
    "cross_entropy": cross_entropy,
    "softmax_cross_entropy": softmax_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
}


# dC/da of the losses on values


def mse_gradient(a: Array, y: Array) -> Array:
    return 2 * (a - y) / a.size


def half_squared_error_gradient(a: Array, y: Array) -> Array:
    n = len(a)
    return (a - y) / n


def mae_gradient(a: Array, y: Array) -> Array:
    return np.sign(a - y) / a.size


GRADIENTS = {
    "mse": mse_gradient,
    "half_squared_error": half_squared_error_gradient,
    "mae": mae_gradient,
}


# dC/dz of the cross-entropies, with their activation


def cross_entropy_delta(name: str, z: Array, a: Array, y: Array) -> Array:
    n = len(a)
    if name == "sigmoid":
        return -y * (1 - a) / n
    return (a * np.sum(y, axis=1, keepdims=True) - y) / n


def softmax_cross_entropy_delta(name: str, z: Array, a: Array, y: Array) -> Array:
    n = len(a)
    return (softmax(z, None) - y) / n


def binary_cross_entropy_delta(name: str, z: Array, a: Array, y: Array) -> Array:
    return (a - y) / a.size


def sigmoid_cross_entropy_delta(name: str, z: Array, a: Array, y: Array) -> Array:
    return (sigmoid(z, None) - y) / a.size


DELTAS = {
    "cross_entropy": cross_entropy_delta,
    "softmax_cross_entropy": softmax_cross_entropy_delta,
    "binary_cross_entropy": binary_cross_entropy_delta,
    "sigmoid_cross_entropy": sigmoid_cross_entropy_delta,
}


# update rules: theta is a W or a b, g its gradient, kept what it keeps between steps


def sgd(theta: Array, g: Array, kept: Kept, lr: float, h: Settings, t: int) -> Array:
    g = g + h["weight_decay"] * theta
    if h["momentum"]:
        v = g
        if "v" in kept:
            v = h["momentum"] * kept["v"] + (1 - h["dampening"]) * g
        kept["v"] = v
        g = g + h["momentum"] * v if h["nesterov"] else v
    return theta - lr * g


def adagrad(theta: Array, g: Array, kept: Kept, lr: float, h: Settings, t: int) -> Array:
    g = g + h["weight_decay"] * theta
    total = kept.get("total", h["initial_accumulator_value"]) + g**2
    kept["total"] = total
    rate = lr / (1 + (t - 1) * h["lr_decay"])
    return theta - rate * g / (np.sqrt(total) + h["eps"])


def rmsprop(theta: Array, g: Array, kept: Kept, lr: float, h: Settings, t: int) -> Array:
    rho = h["alpha"]
    g = g + h["weight_decay"] * theta
    v = rho * kept.get("v", 0.0) + (1 - rho) * g**2
    kept["v"] = v
    if h["centered"]:
        mean = rho * kept.get("mean", 0.0) + (1 - rho) * g
        kept["mean"] = mean
        v = v - mean**2
    change = g / (np.sqrt(v) + h["eps"])
    if h["momentum"]:
        change = h["momentum"] * kept.get("change", 0.0) + change
        kept["change"] = change
    return theta - lr * change


def adam(theta: Array, g: Array, kept: Kept, lr: float, h: Settings, t: int) -> Array:
    g = g + h["weight_decay"] * theta
    return moved(theta, g, kept, lr, h, t)


def adamw(theta: Array, g: Array, kept: Kept, lr: float, h: Settings, t: int) -> Array:
    theta = theta - lr * h["weight_decay"] * theta
    return moved(theta, g, kept, lr, h, t)


def moved(theta: Array, g: Array, kept: Kept, lr: float, h: Settings, t: int) -> Array:
    beta1, beta2 = h["betas"]
    m = beta1 * kept.get("m", 0.0) + (1 - beta1) * g
    v = beta2 * kept.get("v", 0.0) + (1 - beta2) * g**2
    kept["m"] = m
    kept["v"] = v
    if h["amsgrad"]:
        v = np.maximum(kept.get("largest", 0.0), v)
        kept["largest"] = v
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + h["eps"])


RULES = {"sgd": sgd, "adagrad": adagrad, "rmsprop": rmsprop, "adam": adam, "adamw": adamw}


class Network:
    """What the program holds: lists with an entry per layer. `slopes` are those of
    leaky ReLU.
    """

    def __init__(
        self,
        W: list[Any],
        b: list[Any],
        names: list[str],
        slopes: list[Any],
        loss: str,
        optimizer: str,
    ) -> None:
        self.L = len(W) - 1
        self.W, self.b, self.names, self.slopes = W, b, names, slopes
        self.loss, self.optimizer = loss, optimizer
        self.z, self.a, self.delta = _empty(W), _empty(W), _empty(W)
        self.dW, self.db = _empty(W), _empty(W)
        self.kept_W: list[Kept] = [{} for each in W]
        self.kept_b: list[Kept] = [{} for each in b]
        self.cost: Any = None


def _empty(W: list[Any]) -> list[Any]:
    return [None] * len(W)


def forward(net: Network, x: Array) -> None:
    net.a[0] = x
    for l in range(1, net.L + 1):
        net.z[l] = net.a[l - 1] @ net.W[l].T + net.b[l]
        net.a[l] = ACTIVATIONS[net.names[l]][0](net.z[l], net.slopes[l])


def output_delta(net: Network, y: Array) -> Array:
    L = net.L
    z, a = net.z[L], net.a[L]
    if net.loss in DELTAS:
        return DELTAS[net.loss](net.names[L], z, a, y)
    g = GRADIENTS[net.loss](a, y)
    return pullback(net.names[L], net.slopes[L], g, z, a)


def hidden_delta(net: Network, l: int) -> Array:
    g = net.delta[l + 1] @ net.W[l + 1]
    return pullback(net.names[l], net.slopes[l], g, net.z[l], net.a[l])


def backward(net: Network, y: Array) -> None:
    net.cost = COSTS[net.loss](net.a[net.L], y)
    for l in range(net.L, 0, -1):
        if l == net.L:
            net.delta[l] = output_delta(net, y)
        else:
            net.delta[l] = hidden_delta(net, l)
        net.db[l] = np.sum(net.delta[l], axis=0)
        net.dW[l] = net.delta[l].T @ net.a[l - 1]


def update(net: Network, lr: float, h: Settings, t: int) -> None:
    rule = RULES[net.optimizer]
    for l in range(1, net.L + 1):
        net.W[l] = rule(net.W[l], net.dW[l], net.kept_W[l], lr, h, t)
        net.b[l] = rule(net.b[l], net.db[l], net.kept_b[l], lr, h, t)


def train_step(net: Network, x: Array, y: Array, lr: float, h: Settings, t: int) -> None:
    forward(net, x)
    backward(net, y)
    update(net, lr, h, t)
