"""Published mistakes in the update rules, written as their authors wrote them."""

import numpy as np

from parity.mistakes.tests.student import decayed, moments


def old_velocity(net, theta, g, kept):
    mu = net.h["momentum"]
    v = kept.get("v", np.zeros_like(g))
    kept["v"] = mu * v + (1 - mu) * g
    return theta - (1 - mu) * net.lr * v


def first_velocity(net, theta, g, kept):
    kept["v"] = net.h["momentum"] * kept["v"] - net.lr * g if "v" in kept else -g
    return theta + kept["v"]


def look_ahead(net):
    """The weights are moved on by mu v before the pass, and stay there."""
    for name in ("W", "b"):
        for l in range(len(net.W)):
            v = net.kept.setdefault((name, l), {}).get("v", 0)
            getattr(net, name)[l] = getattr(net, name)[l] + net.h["momentum"] * v


def whole_velocity(net, theta, g, kept):
    kept["v"] = net.h["momentum"] * kept.get("v", 0) - net.lr * g
    return theta + kept["v"]


def plus_velocity(net, theta, g, kept):
    kept["v"] = net.h["momentum"] * kept.get("v", 0) + g
    return theta - net.lr * g + net.lr * net.h["momentum"] * kept["v"]


def uncorrected_adamw(net, theta, g, kept):
    m, v = moments(net, g, kept)
    theta = theta * (1 - net.lr * net.h["weight_decay"])
    return theta - net.lr * m / (np.sqrt(v) + net.h["eps"])


def t_from(start):
    """Adam with a count of its own."""

    def rule(net, theta, g, kept):
        kept["t"] = kept.get("t", start - 1) + 1
        (m, v), (beta1, beta2) = moments(net, g, kept), net.h["betas"]
        m_hat, v_hat = (
            m / np.float64(1 - beta1 ** kept["t"]),
            v / np.float64(1 - beta2 ** kept["t"]),
        )
        return theta - net.lr * m_hat / (np.sqrt(v_hat) + net.h["eps"])

    return rule


def recursive_rate(net, theta, g, kept):
    """eta, a and b each made of its own last value, as the documentation had it."""
    beta1, beta2 = net.h["betas"]
    kept["a"] = (beta1 * kept.get("a", 0) + (1 - beta1) * g) / (1 - beta1)
    kept["b"] = (beta2 * kept.get("b", 0) + (1 - beta2) * g**2) / (1 - beta2)
    kept["eta"] = kept.get("eta", 1.0) * (1 - beta2) ** 0.5 / (1 - beta1)
    return theta - net.lr * kept["eta"] * kept["a"] / (np.sqrt(kept["b"]) + net.h["eps"])


def complemented(net, theta, g, kept):
    """What is called beta is what the new gradient is weighted with."""
    beta1, beta2 = net.h["betas"]
    kept["m"] = (1 - beta1) * kept.get("m", 0) + beta1 * g
    kept["v"] = (1 - beta2) * kept.get("v", 0) + beta2 * g**2
    m_hat, v_hat = kept["m"] / (1 - (1 - beta1) ** net.t), kept["v"] / (1 - (1 - beta2) ** net.t)
    return theta - net.lr * m_hat / (np.sqrt(v_hat) + net.h["eps"])


def complemented_in_averages(net, theta, g, kept):
    beta1, beta2 = net.h["betas"]
    kept["m"] = beta1 * g + (1 - beta1) * kept.get("m", 0)
    kept["v"] = beta2 * g**2 + (1 - beta2) * kept.get("v", 0)
    rate = net.lr / (1 - beta1**net.t)
    return theta - rate * kept["m"] / (np.sqrt(kept["v"] / (1 - beta2**net.t)) + net.h["eps"])


def epsilon_outside(net, theta, g, kept):
    (m, v), (beta1, beta2) = moments(net, g, kept), net.h["betas"]
    rate = net.lr * np.sqrt(1 - beta2**net.t) / (1 - beta1**net.t)
    return theta - float(rate) * m / (np.sqrt(v) + net.h["eps"])


def rate_in_the_gradient(net, theta, g, kept):
    (m, v), (beta1, beta2) = moments(net, net.lr * g, kept), net.h["betas"]
    return theta - m / (1 - beta1**net.t) / (np.sqrt(v / (1 - beta2**net.t)) + net.h["eps"])


def beta_squared(net, theta, g, kept):
    (m, v), (beta1, beta2) = moments(net, g, kept), net.h["betas"]
    return theta - net.lr * m / (1 - beta1**2) / (np.sqrt(v / (1 - beta2**2)) + net.h["eps"])


def undamped(net, theta, g, kept):
    kept["v"] = net.h["alpha"] * kept.get("v", 0) + g**2
    return theta - net.lr * g / (np.sqrt(kept["v"]) + net.h["eps"])


def weights_decay(net, name, theta, g):
    return decayed(net, name, theta, g) if name == "W" else g


def coupled(net, name, theta, g):
    return g + net.h["weight_decay"] * theta
