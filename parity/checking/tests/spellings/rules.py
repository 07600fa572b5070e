"""The same updates by other formulas.

Every program here has tanh layers below a linear one, under half the squared error.
"""

import numpy as np

from parity.checking.tests.spellings.spelling import Spellings

RULES = Spellings()


def gradients(theta, x, y):
    """Of theta = [W1, b1, W2, b2, ...], in the same order."""
    a, last = [x], len(theta) // 2
    for l in range(last):
        z = a[l] @ theta[2 * l].T + theta[2 * l + 1]
        a.append(z if l == last - 1 else np.tanh(z))
    delta, g = (a[-1] - y) / len(y), []
    for l in reversed(range(last)):
        g = [delta.T @ a[l], delta.sum(axis=0), *g]
        delta = delta @ theta[2 * l] * (1 - a[l] ** 2)
    return g


def trained(rule):
    """run(case) by rule(p, g, lr, t, kept, h), which returns the new p: `kept` is the
    dictionary of one p, and t counts the steps from 1 on.
    """

    def run(case):
        theta = [p.copy() for both in zip(case.W, case.b, strict=True) for p in both]
        memories = [{} for _ in theta]
        for t, (x, y, lr) in enumerate(case.steps, start=1):
            g = gradients(theta, x, y)
            theta = [
                rule(p.copy(), d.copy(), lr, t, kept, case.settings)
                for p, d, kept in zip(theta, g, memories, strict=True)
            ]
            yield {"dW": g[::2], "db": g[1::2], "W": theta[::2], "b": theta[1::2]}

    return run


def enter(optimizer, *settings, follows=()):
    """Enter a rule for an optimizer with these settings."""

    def entered(rule):
        RULES.add(
            name=rule.__name__.replace("_", " "),
            activations="tanh",
            outputs="identity",
            losses="half_squared_error",
            optimizers=optimizer,
            settings=settings,
            follows=follows,
        )(trained(rule))
        return rule

    return entered


# gradient descent


@enter("sgd", "weight_decay")
def decay_as_shrinking(p, g, lr, t, kept, h):
    return p * (1 - lr * h["weight_decay"]) - lr * g


@enter("sgd", "momentum", "dampening", "weight_decay", "nesterov")
def everything_in_place(p, g, lr, t, kept, h):
    g += h["weight_decay"] * p
    if h["momentum"] and t == 1:
        kept["v"] = g.copy()
    elif h["momentum"]:
        kept["v"] *= h["momentum"]
        kept["v"] += (1 - h["dampening"]) * g
    if h["momentum"]:
        g = g + h["momentum"] * kept["v"] if h["nesterov"] else kept["v"]
    np.subtract(p, np.multiply(lr, g), out=p)
    return p


@enter("sgd", "momentum")
def momentum_of_the_whole_history(p, g, lr, t, kept, h):
    past = kept.setdefault("past", [])
    past.append(g)
    return p - lr * sum(h["momentum"] ** age * d for age, d in enumerate(reversed(past)))


@enter("sgd", "momentum", follows=("momentum-with-lr-inside",))
def heavy_ball(p, g, lr, t, kept, h):
    before = kept.get("p", p)
    kept["p"] = p
    return p - lr * g + h["momentum"] * (p - before)


@enter("sgd", "momentum", follows=("momentum-with-lr-inside",))
def the_rate_in_the_velocity(p, g, lr, t, kept, h):
    kept["v"] = h["momentum"] * kept.get("v", 0) - lr * g
    return p + kept["v"]


@enter("sgd", "momentum", "nesterov", follows=("momentum-with-lr-inside",))
def nesterov_for_the_looked_ahead_weights(p, g, lr, t, kept, h):
    mu, old = h["momentum"], kept.get("v", 0)
    kept["v"] = mu * old - lr * g
    return p - mu * old + (1 + mu) * kept["v"] if h["nesterov"] else p + kept["v"]


@enter("sgd", "momentum", follows=("momentum-as-average",))
def velocity_as_an_average(p, g, lr, t, kept, h):
    mu = h["momentum"]
    kept["v"] = mu * kept.get("v", 0) + (1 - mu) * g
    return p - lr * kept["v"]


@enter("sgd", "weight_decay", follows=("decay-not-on-b",))
def decay_of_matrices_alone(p, g, lr, t, kept, h):
    return p - lr * (g + h["weight_decay"] * p * (p.ndim == 2))


@enter(
    "sgd",
    "momentum",
    "weight_decay",
    follows=("decay-not-on-b", "momentum-with-lr-inside"),
)
def two_conventions_together(p, g, lr, t, kept, h):
    decay = h["weight_decay"] if p.ndim == 2 else 0
    kept["v"] = h["momentum"] * kept.get("v", 0) + lr * (g + decay * p)
    return p - kept["v"]


# Adam


def moments(g, kept, h):
    """m and v."""
    beta1, beta2 = h["betas"]
    kept["m"] = beta1 * kept.get("m", 0) + (1 - beta1) * g
    kept["v"] = beta2 * kept.get("v", 0) + (1 - beta2) * g**2
    return kept["m"], kept["v"]


def corrections(t, h):
    """1 - beta1^t and 1 - beta2^t."""
    return 1 - h["betas"][0] ** t, 1 - h["betas"][1] ** t


@enter("adam")
def adam_as_in_the_paper(p, g, lr, t, kept, h):
    m, v = moments(g, kept, h)
    first, second = corrections(t, h)
    m_hat, v_hat = m / first, v / second
    return p - lr * m_hat / (np.sqrt(v_hat) + h["eps"])


@enter("adam", "weight_decay", "amsgrad")
def adam_as_in_pytorch(p, g, lr, t, kept, h):
    m, v = moments(g + h["weight_decay"] * p, kept, h)
    first, second = corrections(t, h)
    if h["amsgrad"]:
        v = kept["most"] = np.maximum(kept.get("most", 0), v)
    return p - lr / first * (m / (v**0.5 / second**0.5 + h["eps"]))


@enter("adam")
def adam_with_both_corrections_in_the_rate(p, g, lr, t, kept, h):
    m, v = moments(g, kept, h)
    first, second = corrections(t, h)
    rate = lr * np.sqrt(second) / first
    return p - rate * m / (np.sqrt(v) + h["eps"] * np.sqrt(second))


@enter("adam")
def adam_by_running_products(p, g, lr, t, kept, h):
    (beta1, beta2), zero = h["betas"], np.zeros_like(p)
    m, v, power1, power2 = kept.get("all", (zero, zero, 1.0, 1.0))
    m, v = m + (1 - beta1) * (g - m), v + (1 - beta2) * (g * g - v)
    power1, power2 = power1 * beta1, power2 * beta2
    kept["all"] = m, v, power1, power2
    p -= lr * (m / (1 - power1)) / (np.sqrt(v / (1 - power2)) + h["eps"])
    return p


@enter("adam")
def adam_as_weighted_averages_of_the_history(p, g, lr, t, kept, h):
    past = kept.setdefault("past", [])
    past.append(g)
    ages = np.arange(len(past))[::-1]
    m, v = (
        np.average(np.power(past, n), axis=0, weights=beta**ages)
        for n, beta in enumerate(h["betas"], start=1)
    )
    return p - lr * m / (np.sqrt(v) + h["eps"])


@enter("adam", follows=("adam-epsilon-hat",))
def adam_with_epsilon_hat(p, g, lr, t, kept, h):
    m, v = moments(g, kept, h)
    first, second = corrections(t, h)
    return p - lr * np.sqrt(second) / first * m / (np.sqrt(v) + h["eps"])


@enter("adam", follows=("eps-inside-the-root",))
def adam_with_eps_in_the_root(p, g, lr, t, kept, h):
    m, v = moments(g, kept, h)
    first, second = corrections(t, h)
    return p - lr * (m / first) / np.sqrt(v / second + h["eps"])


@enter("adamw", "weight_decay")
def adamw_that_shrinks_first(p, g, lr, t, kept, h):
    m, v = moments(g, kept, h)
    first, second = corrections(t, h)
    p *= 1 - lr * h["weight_decay"]
    return p - lr * (m / first) / (np.sqrt(v / second) + h["eps"])


@enter("adamw", "weight_decay")
def adamw_as_one_sum(p, g, lr, t, kept, h):
    m, v = moments(g, kept, h)
    first, second = corrections(t, h)
    return p - lr * ((m / first) / (np.sqrt(v / second) + h["eps"]) + h["weight_decay"] * p)


# a rate for each parameter


@enter("rmsprop", "weight_decay", "momentum", "centered")
def rmsprop_by_differences(p, g, lr, t, kept, h):
    zero, rest = np.zeros_like(p), 1 - h["alpha"]
    g = g + h["weight_decay"] * p
    v, mean, buffer = kept.get("all", (zero, zero, zero))
    v = v + rest * (g * g - v)
    mean = mean + rest * (g - mean) if h["centered"] else zero
    buffer = h["momentum"] * buffer + g * (1 / (np.sqrt(v - mean**2) + h["eps"]))
    kept["all"] = v, mean, buffer
    return p - lr * buffer


@enter("rmsprop", "weight_decay")
def rmsprop_that_keeps_the_root(p, g, lr, t, kept, h):
    g = g + h["weight_decay"] * p
    alpha, root = h["alpha"], kept.get("root", 0)
    kept["root"] = np.hypot(np.sqrt(alpha) * root, np.sqrt(1 - alpha) * g)
    return p - lr / (kept["root"] + h["eps"]) * g


@enter("adagrad", "weight_decay", "lr_decay", "initial_accumulator_value")
def adagrad_of_the_whole_history(p, g, lr, t, kept, h):
    past = kept.setdefault("past", [])
    past.append(g + h["weight_decay"] * p)
    start = h["initial_accumulator_value"]
    D = np.sqrt(start + np.sum(np.square(past), axis=0)) + h["eps"]
    return p - lr / (1 + (t - 1) * h["lr_decay"]) / D * past[-1]


@enter("adagrad", "weight_decay", "lr_decay", "initial_accumulator_value")
def adagrad_that_keeps_the_norm(p, g, lr, t, kept, h):
    g = g + h["weight_decay"] * p
    kept["norm"] = np.hypot(kept.get("norm", np.sqrt(h["initial_accumulator_value"])), g)
    return p - lr * g / (kept["norm"] + h["eps"]) / (1 + (t - 1) * h["lr_decay"])
