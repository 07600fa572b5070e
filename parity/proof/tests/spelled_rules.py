"""Every right way to write an update rule.

A rule takes flat vectors: theta, g, the state, the hyper-parameters, the step number,
and which entries belong to a W. It returns the new theta and the new state.
"""

import numpy as np


def decayed(theta, g, h):
    """d = g + weight_decay theta."""
    return g + h["weight_decay"] * theta if h["weight_decay"] else g.copy()


def plain_mean(m, d, beta):
    """beta m + (1 - beta) d."""
    return beta * m + (1.0 - beta) * d


def lerp(m, d, beta):
    """From m towards d, from the nearer end."""
    w = 1.0 - beta
    return m + w * (d - m) if w < 0.5 else d - (d - m) * (1.0 - w)


def mean_square(v, d, beta):
    """beta v + (1 - beta) d^2."""
    return beta * v + (1.0 - beta) * (d * d)


def product_of_three(v, d, beta):
    """beta v + ((1 - beta) d) d."""
    return v * beta + (1.0 - beta) * d * d


def sgd(theta, g, state, h, t, weights, minus=lambda theta, lr, v: theta - lr * v):
    """Momentum as PyTorch has it."""
    d = decayed(theta, g, h)
    if not h["momentum"]:
        return minus(theta, h["lr"], d), {}
    v = (
        h["momentum"] * state["momentum_buffer"] + (1.0 - h["dampening"]) * d
        if "momentum_buffer" in state
        else d
    )
    return minus(theta, h["lr"], d + h["momentum"] * v if h["nesterov"] else v), {
        "momentum_buffer": v
    }


def adagrad(
    theta,
    g,
    state,
    h,
    t,
    weights,
    quotient=lambda lr, d, D: lr * d / D,
    root=lambda v, eps: np.sqrt(v) + eps,
):
    """The sum of squares."""
    d = decayed(theta, g, h)
    v = state["sum"] + d * d
    return theta - quotient(h["lr"] / (1.0 + (t - 1) * h["lr_decay"]), d, root(v, h["eps"])), {
        "sum": v
    }


def rmsprop(
    theta,
    g,
    state,
    h,
    t,
    weights,
    square=mean_square,
    mean=plain_mean,
    root=lambda v, eps: np.sqrt(v) + eps,
):
    """The running mean of squares, centered or not, with momentum or not."""
    d, new = decayed(theta, g, h), {}
    v = new["square_avg"] = square(state["square_avg"], d, h["alpha"])
    if h["centered"]:
        m = new["grad_avg"] = mean(state["grad_avg"], d, h["alpha"])
        v = np.maximum(v - m * m, 0.0)
    q = d / root(v, h["eps"])
    if h["momentum"]:
        q = new["momentum_buffer"] = h["momentum"] * state["momentum_buffer"] + q
    return theta - h["lr"] * q, new


def corrected(m, v, h, t):
    """The step as the paper has it: both means corrected."""
    beta1, beta2 = h["betas"]
    return h["lr"] * (m / (1.0 - beta1**t)) / (np.sqrt(v / (1.0 - beta2**t)) + h["eps"])


def folded(m, v, h, t):
    """The step with the corrections taken into lr and the root, as PyTorch has it."""
    beta1, beta2 = h["betas"]
    return (h["lr"] / (1.0 - beta1**t)) * m / (np.sqrt(v) / (1.0 - beta2**t) ** 0.5 + h["eps"])


def rescaled(m, v, h, t):
    """The step with both corrections in lr, and eps rescaled to match."""
    root = (1.0 - h["betas"][1] ** t) ** 0.5
    return (h["lr"] * root / (1.0 - h["betas"][0] ** t)) * m / (np.sqrt(v) + h["eps"] * root)


def adam(theta, g, state, h, t, weights, move=corrected, square=mean_square, mean=plain_mean):
    """Adam, with the weight decay in the gradient."""
    d, new = decayed(theta, g, h), {}
    m = new["exp_avg"] = mean(state["exp_avg"], d, h["betas"][0])
    v = new["exp_avg_sq"] = square(state["exp_avg_sq"], d, h["betas"][1])
    if h["amsgrad"]:
        v = new["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], v)
    return theta - move(m, v, h, t), new


def adamw(theta, g, state, h, t, weights, shrink=lambda theta, rate: (1.0 - rate) * theta, **forms):
    """Adam, with the weight decay on the parameters, before the step."""
    rate = h["lr"] * h["weight_decay"]
    return adam(shrink(theta, rate), g, state, {**h, "weight_decay": 0.0}, t, weights, **forms)


def form(rule, **forms):
    """The rule with parts of it written in another way."""
    return lambda *given: rule(*given, **forms)


RULE_FORMS = {
    "sgd": {
        "plain": sgd,
        "(-lr v) + theta": form(sgd, minus=lambda theta, lr, v: (-lr * v) + theta),
        "in place": form(
            sgd,
            minus=lambda theta, lr, v: np.subtract(
                theta, np.multiply(v, lr), out=np.empty_like(theta)
            ),
        ),
    },
    "adagrad": {
        "plain": adagrad,
        "lr (d / D)": form(adagrad, quotient=lambda lr, d, D: lr * (d / D)),
        "(lr / D) d": form(adagrad, quotient=lambda lr, d, D: lr / D * d),
        "power": form(adagrad, root=lambda v, eps: eps + v**0.5),
    },
    "rmsprop": {
        "plain": rmsprop,
        "lerp": form(rmsprop, mean=lerp),
        "product of three": form(rmsprop, square=product_of_three),
    },
    **{
        rule.__name__: {
            "plain": rule,
            "folded": form(rule, move=folded),
            "rescaled": form(rule, move=rescaled, mean=lerp),
            "product of three": form(rule, move=folded, square=product_of_three, mean=lerp),
        }
        for rule in (adam, adamw)
    },
}
RULE_FORMS["adamw"]["theta - rate theta"] = form(
    adamw, shrink=lambda theta, rate: theta - rate * theta, move=folded
)
