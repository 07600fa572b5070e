"""The equations are judged: every bound refuses what is off by two of it and takes
every right way to write its equation.

`run` is backpropagation in plain NumPy in which each equation can be exchanged for
another form of it, or for a mistake.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import mpmath
import numpy as np
import pytest

import refnet
from parity.mistakes.replay import judged, run_of, showing
from parity.proof.certificate import certify, judge
from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.entries import entries
from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.equations.shared import Update
from parity.proof.equations.sums import bias_gradient, hidden_delta, weight_gradient, weighted_input
from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.statements import statements
from parity.rounding.formats import FORMATS
from parity.steps.cases import CASES, DTYPES, PAIRS, RULES, TRAINABLE, Case, outputs_of, targets_of
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord, record_refnet
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


# backpropagation as somebody else writes it


@dataclass(frozen=True)
class Program:
    """One function for each equation.

    `rule` works on flat vectors; `weights` says which of their entries belong to a W.
    """

    z: Callable = lambda a_prev, W, b: a_prev @ W.T + b
    a: Callable = lambda f, z: f.value(z)
    cost: Callable = lambda loss, a, y: loss.value(a, y)
    bp1: Callable = lambda loss, f, z, a, y: f.pullback(loss.gradient(a, y), z, a)
    bp2: Callable = lambda f, z, a, above, W_above, W_updated: f.pullback(above @ W_above, z, a)
    bp3: Callable = lambda delta: delta.sum(axis=0)
    bp4: Callable = lambda delta, a_prev: delta.T @ a_prev
    # (theta, g, state, hyper-parameters, t, weights) to the new theta and state
    rule: Callable | None = None


def run(case, steps=2, scale=1.0, targets=None, start=None, **exchanged):
    """The records of the case's first steps as the program with these functions takes
    them; `start` sets theta.
    """
    program = Program(**exchanged)
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    optimizer.bind(net)
    theta = net.parameters.copy() if start is None else start(net.parameters.copy())
    state = {name: vector.copy() for name, vector in optimizer.state.items() if name != "steps"}
    shapes = [array.shape for layer in net.layers for array in (layer.W, layer.b)]
    weights = np.concatenate([np.full(np.prod(shape), len(shape) == 2) for shape in shapes])
    functions = [layer.activation for layer in net.layers]
    activations = tuple((f.name, f.parameters) for f in functions)
    records = []
    for t, (drawn, given, lr) in enumerate(case.steps(), start=1):
        if t > steps:
            break
        x = (drawn * scale).astype(case.dtype)
        y = given if targets is None else targets(net, x, given)
        h = {**optimizer.hyperparameters, "lr": lr}
        before = Snapshot(*parts(theta, shapes), dict(state))
        with np.errstate(all="ignore"):
            layers, value = passes(program, before, functions, x, y, loss, lr)
            g = np.concatenate([p.ravel() for layer in layers for p in (layer.dW, layer.db)])
            theta, state = (program.rule or RULE_FORMS[case.optimizer]["plain"])(
                theta, g, state, h, t, weights
            )
        spec = Spec(case.sizes, activations, case.loss, case.optimizer, h, t, case.dtype)
        records.append(
            StepRecord(
                spec,
                x,
                y,
                before,
                layers,
                float(value),
                Snapshot(*parts(theta, shapes), dict(state)),
            )
        )
    return records


def parts(theta, shapes):
    """Every W and every b of the flat vector, as copies."""
    arrays = np.split(theta.copy(), np.cumsum([np.prod(shape) for shape in shapes])[:-1])
    shaped = [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]
    return tuple(shaped[::2]), tuple(shaped[1::2])


def passes(program, before, functions, x, y, loss, lr):
    """Forward and backward: what each layer did, and the cost."""
    trace, a = [], x
    for W, b, f in zip(before.W, before.b, functions, strict=True):
        z = program.z(a, W, b)
        trace.append((a, z, a := program.a(f, z)))
    delta, layers = None, []
    for i, (a_prev, z, a_own) in reversed(list(enumerate(trace))):
        if delta is None:
            delta = program.bp1(loss, functions[i], z, a_own, y)
        else:
            W_above = before.W[i + 1]
            delta = program.bp2(functions[i], z, a_own, delta, W_above, W_above - lr * layers[0].dW)
        layers.insert(
            0, LayerRecord(z, a_own, delta, program.bp4(delta, a_prev), program.bp3(delta))
        )
    return tuple(layers), program.cost(loss, a, y)


# every right way to write an equation


def in_order(terms):
    """The sum over the first axis, one term after the other."""
    total = terms[0].copy()
    for term in terms[1:]:
        total += term
    return total


def with_column_of_ones(a_prev, W, b):
    """The bias as the weight of an input that is always 1."""
    return (
        np.hstack([a_prev, np.ones((len(a_prev), 1), a_prev.dtype)]) @ np.hstack([W, b[:, None]]).T
    )


Z_FORMS = {
    "dot": lambda a_prev, W, b: np.dot(a_prev, W.T) + b,
    "einsum": lambda a_prev, W, b: np.einsum("nk,jk->nj", a_prev, W) + b,
    "columns": lambda a_prev, W, b: (W @ a_prev.T + b[:, None]).T,
    "in order": lambda a_prev, W, b: (
        in_order([a_prev[:, k, None] * W[:, k] for k in range(W.shape[1])]) + b
    ),
    "backwards": lambda a_prev, W, b: (
        in_order([a_prev[:, k, None] * W[:, k] for k in reversed(range(W.shape[1]))]) + b
    ),
    "bias first": lambda a_prev, W, b: in_order(
        [np.tile(b, (len(a_prev), 1)), *(a_prev[:, k, None] * W[:, k] for k in range(W.shape[1]))]
    ),
    "ones": with_column_of_ones,
    "in float64": lambda a_prev, W, b: (a_prev.astype(float) @ W.T.astype(float) + b).astype(
        W.dtype
    ),
}
BP3_FORMS = {
    "ones": lambda delta: np.ones(len(delta), delta.dtype) @ delta,
    "in order": in_order,
    "backwards": lambda delta: in_order(delta[::-1]),
    "sorted": lambda delta: in_order(np.sort(delta, axis=0)),
    "einsum": lambda delta: np.einsum("nj->j", delta),
    "n times the mean": lambda delta: (
        delta.mean(axis=0) * len(delta) if len(delta) in (1, 2, 4) else delta.sum(axis=0)
    ),
}
BP4_FORMS = {
    "dot": lambda delta, a_prev: np.dot(delta.T, a_prev),
    "transposed": lambda delta, a_prev: (a_prev.T @ delta).T,
    "einsum": lambda delta, a_prev: np.einsum("nj,nk->jk", delta, a_prev),
    "outer products": lambda delta, a_prev: in_order(
        [np.outer(d, a) for d, a in zip(delta, a_prev, strict=True)]
    ),
    "backwards": lambda delta, a_prev: in_order(
        [np.outer(d, a) for d, a in zip(delta[::-1], a_prev[::-1], strict=True)]
    ),
}


def exp_over_one_plus(z):
    """e^z / (1 + e^z), for z that do not overflow."""
    return np.exp(z) / (1.0 + np.exp(z))


def both_sides(z):
    """The sigmoid through e^-|z|, which never overflows."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0 / (1.0 + e), e / (1.0 + e)).astype(z.dtype)


def exp_over_sum(z):
    """e^z / sum e^z, for z that do not overflow."""
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def times_reciprocal(z):
    """e^s times the reciprocal of its sum, added up in order."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e * (1.0 / in_order(e.T)[:, None])


def tanh_one_by_one(z):
    """The C library's tanh."""
    return np.array([[np.tanh(float(entry)) for entry in row] for row in z], z.dtype)


VALUE_FORMS = {
    "identity": {"copy": lambda z: z.copy(), "1 z": lambda z: 1.0 * z},
    "sigmoid": {
        "e^z / (1 + e^z)": exp_over_one_plus,
        "both sides": both_sides,
        "power": lambda z: (1.0 + np.exp(-z)) ** -1.0,
    },
    "tanh": {"one by one": tanh_one_by_one, "odd": lambda z: np.copysign(np.tanh(np.abs(z)), z)},
    "relu": {
        "where": lambda z: np.where(z > 0.0, z, z.dtype.type(0.0)),
        "product": lambda z: z * (z > 0.0),
        "half of z + |z|": lambda z: (z + np.abs(z)) / 2.0,
    },
    "leaky_relu": {
        "maximum": lambda z: np.maximum(z, 0.01 * z),
        "product": lambda z: z * np.where(z > 0.0, z.dtype.type(1.0), z.dtype.type(0.01)),
        "sum": lambda z: np.maximum(z, 0.0) + 0.01 * np.minimum(z, 0.0),
    },
    "softmax": {"e^z / sum": exp_over_sum, "reciprocal": times_reciprocal},
}
SLOPES = {  # f' from z and from a
    "identity": {"1": lambda z, a: np.ones_like(z)},
    "sigmoid": {
        "a (1 - a)": lambda z, a: a * (1.0 - a),
        "a - a^2": lambda z, a: a - a**2,
        "of z": lambda z, a: both_sides(z) * (1.0 - both_sides(z)),
        "e / (1 + e)^2": lambda z, a: np.exp(-np.abs(z)) / (1.0 + np.exp(-np.abs(z))) ** 2,
        "sigmoid(z) sigmoid(-z)": lambda z, a: both_sides(z) * both_sides(-z),
    },
    "tanh": {
        "1 - a^2": lambda z, a: 1.0 - a**2,
        "(1 - a) (1 + a)": lambda z, a: (1.0 - a) * (1.0 + a),
        "of z": lambda z, a: 1.0 - np.tanh(z) ** 2,
    },
    "relu": {
        "z > 0": lambda z, a: (z > 0.0).astype(z.dtype),
        "a > 0": lambda z, a: (a > 0.0).astype(z.dtype),
        "heaviside": lambda z, a: np.heaviside(z, z.dtype.type(0.0)),
    },
    "leaky_relu": {
        "z > 0": lambda z, a: np.where(z > 0.0, z.dtype.type(1.0), z.dtype.type(0.01)),
        "a > 0": lambda z, a: np.where(a > 0.0, z.dtype.type(1.0), z.dtype.type(0.01)),
    },
}


def by_jacobian(g, z, a):
    """A row's dC/da times diag(a) - a a^T."""
    return np.array([(np.diag(p) - np.outer(p, p)) @ row for row, p in zip(g, a, strict=True)])


PULLBACKS = {
    **{
        name: {form: lambda g, z, a, slope=slope: g * slope(z, a) for form, slope in forms.items()}
        for name, forms in SLOPES.items()
    },
    "softmax": {
        "a (g - sum)": lambda g, z, a: a * (g - (g * a).sum(axis=1, keepdims=True)),
        "a g - a sum": lambda g, z, a: a * g - a * np.einsum("nk,nk->n", g, a)[:, None],
        "Jacobian": by_jacobian,
    },
}
GRADIENTS = {  # dC/da of a loss on values
    "mse": {
        "2 e / N": lambda e: 2.0 * e / e.size,
        "e (2 / N)": lambda e: e * (2.0 / e.size),
        "2 (e / N)": lambda e: 2.0 * (e / e.size),
        "2 e / k / n": lambda e: 2.0 * e / e.shape[1] / len(e),
    },
    "half_squared_error": {"e / n": lambda e: e / len(e), "1 / n e": lambda e: 1.0 / len(e) * e},
    "mae": {
        "sign / N": lambda e: np.sign(e) / e.size,
        "1 / N sign": lambda e: 1.0 / e.size * np.sign(e),
        "where": lambda e: np.where(e > 0.0, e.dtype.type(1.0), e.dtype.type(-1.0)) / e.size,
    },
}


def one_hot(y, a):
    """Targets as distributions."""
    return y if y.ndim == 2 else refnet.one_hot(y, a.shape[1], a.dtype)


def unfused_ce(y, a):
    """-y / a / n."""
    return -one_hot(y, a) / a / len(a)


def unfused_bce(y, a):
    """The textbook's difference of two quotients."""
    return ((1.0 - y) / (1.0 - a) - y / a) / a.size


DELTA_FORMS = {  # of the losses whose pole cancels, from (z, a, y)
    ("cross_entropy", "softmax"): {
        "(a - y) / n": lambda z, a, y: (a - one_hot(y, a)) / len(a),
        "a / n - y / n": lambda z, a, y: a / len(a) - one_hot(y, a) / len(a),
        "(a sum y - y) / n": lambda z, a, y: (
            (a * one_hot(y, a).sum(axis=1, keepdims=True) - one_hot(y, a)) / len(a)
        ),
        "unfused": lambda z, a, y: PULLBACKS["softmax"]["a (g - sum)"](unfused_ce(y, a), z, a),
        "unfused, Jacobian": lambda z, a, y: by_jacobian(unfused_ce(y, a), z, a),
    },
    ("cross_entropy", "sigmoid"): {
        "-y (1 - a) / n": lambda z, a, y: -one_hot(y, a) * (1.0 - a) / len(a),
        "unfused": lambda z, a, y: unfused_ce(y, a) * (a * (1.0 - a)),
        "unfused, f' of z": lambda z, a, y: unfused_ce(y, a) * SLOPES["sigmoid"]["of z"](z, a),
    },
    ("binary_cross_entropy", "sigmoid"): {
        "(a - y) / N": lambda z, a, y: (a - y) / a.size,
        "unfused": lambda z, a, y: unfused_bce(y, a) * (a * (1.0 - a)),
        "unfused, one quotient": lambda z, a, y: (
            (a - y) / (a * (1.0 - a)) / a.size * (a * (1.0 - a))
        ),
        "unfused, f' of z": lambda z, a, y: unfused_bce(y, a) * SLOPES["sigmoid"]["of z"](z, a),
    },
    ("softmax_cross_entropy", "identity"): {
        "softmax - y": lambda z, a, y: (refnet.Softmax().value(z) - one_hot(y, a)) / len(a),
        "e^z / sum - y": lambda z, a, y: (exp_over_sum(z) - one_hot(y, a)) / len(a),
        "softmax sum y - y": lambda z, a, y: (
            (times_reciprocal(z) * one_hot(y, a).sum(axis=1, keepdims=True) - one_hot(y, a))
            / len(a)
        ),
        "exp log softmax - y": lambda z, a, y: (np.exp(log_softmax(z)) - one_hot(y, a)) / len(a),
    },
    ("sigmoid_cross_entropy", "identity"): {
        "sigmoid - y": lambda z, a, y: (both_sides(z) - y) / a.size,
        "e^z / (1 + e^z) - y": lambda z, a, y: (exp_over_one_plus(z) - y) / a.size,
        "1 / N (sigmoid - y)": lambda z, a, y: 1.0 / a.size * (1.0 / (1.0 + np.exp(-z)) - y),
    },
}


def log_softmax(z):
    """s - log sum e^s."""
    s = z - z.max(axis=1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=1, keepdims=True))


def log_sum_exp(z):
    """max z + log sum e^s, as a row's number."""
    return (
        z.max(axis=1, keepdims=True)
        + np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    )[:, 0]


COST_FORMS = {
    "mse": {
        "mean": lambda a, y: ((a - y) ** 2).mean(),
        "mean of means": lambda a, y: ((a - y) ** 2).mean(axis=1).mean(),
        "in order": lambda a, y: in_order(np.square(a - y).ravel()) / a.size,
        "norm": lambda a, y: np.dot((a - y).ravel(), (a - y).ravel()) / a.size,
    },
    "half_squared_error": {
        "half of the sum": lambda a, y: 0.5 * ((a - y) ** 2).sum() / len(a),
        "mean of rows": lambda a, y: (0.5 * (a - y) ** 2).sum(axis=1).mean(),
        "in order": lambda a, y: in_order(np.square(a - y).ravel()) / (2 * len(a)),
    },
    "mae": {
        "mean": lambda a, y: np.abs(a - y).mean(),
        "in order": lambda a, y: in_order(np.abs(a - y).ravel()) / a.size,
        "signs": lambda a, y: (np.sign(a - y) * (a - y)).sum() / a.size,
    },
    "cross_entropy": {
        "y log a": lambda a, y: -(one_hot(y, a) * np.log(a)).sum() / len(a),
        "mean of rows": lambda a, y: -(one_hot(y, a) * np.log(a)).sum(axis=1).mean(),
        "in order": lambda a, y: -in_order((one_hot(y, a) * np.log(a)).sum(axis=1)) / len(a),
    },
    "binary_cross_entropy": {
        "mean": lambda a, y: -(y * np.log(a) + (1.0 - y) * np.log(1.0 - a)).mean(),
        "log1p": lambda a, y: -(y * np.log(a) + (1.0 - y) * np.log1p(-a)).sum() / a.size,
        "two sums": lambda a, y: (
            (-(y * np.log(a)).sum() - ((1.0 - y) * np.log(1.0 - a)).sum()) / a.size
        ),
    },
    "softmax_cross_entropy": {
        "log softmax": lambda z, y: -(one_hot(y, z) * log_softmax(z)).sum() / len(z),
        "log sum exp - z_y": lambda z, y: (
            (one_hot(y, z) * (log_sum_exp(z)[:, None] - z)).sum() / len(z)
        ),
        "in order": lambda z, y: -in_order((one_hot(y, z) * log_softmax(z)).sum(axis=1)) / len(z),
    },
    "sigmoid_cross_entropy": {
        "max(z, 0) - z y": lambda z, y: (
            np.maximum(z, 0.0) - z * y + np.log1p(np.exp(-np.abs(z)))
        ).mean(),
        "(1 - y) z + softplus(-z)": lambda z, y: (
            (1.0 - y) * z + np.maximum(-z, 0.0) + np.log1p(np.exp(-np.abs(z)))
        ).mean(),
        "logaddexp": lambda z, y: (np.logaddexp(0.0, z).astype(z.dtype) - z * y).sum() / z.size,
    },
}


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


def assert_passes(records):
    """Every equation of every record holds; and nothing is accused where gradients and
    weights alone are shown.
    """
    for record in records:
        cert = certify(record)
        assert cert.passed, str(cert)
    # the deeper of the networks, or an update
    if len(records[0].spec.sizes) == 4 or len(records) > 1:
        off = [
            station
            for station in judged(showing(run_of(records), "dW", "db", "W", "b"))
            if station.off
        ]
        assert not off, off


def cases(hidden=("tanh",), output="identity", loss="mse", dtype="float64", **given):
    """Networks of two layers and of three, with every kind of targets that the loss
    takes.
    """
    for targets in targets_of(loss):
        for sizes, functions, batch in (((7, 5, 3), hidden, 11), ((2, 3, 1, 4), hidden * 2, 4)):
            yield Case(
                "", sizes, functions, output, loss, targets, batch=batch, dtype=dtype, **given
            )


SUMS = (
    [("z", name) for name in Z_FORMS]
    + [("bp3", name) for name in BP3_FORMS]
    + [("bp4", name) for name in BP4_FORMS]
)


@in_both_dtypes
@pytest.mark.parametrize(("equation", "name"), SUMS, ids=lambda part: part)
def test_every_order_of_a_sum_passes(equation, name, dtype):
    """z, BP3 and BP4 hold in whatever order, layout or width their products are added
    up.
    """
    written = {"z": Z_FORMS, "bp3": BP3_FORMS, "bp4": BP4_FORMS}[equation][name]
    for case in cases(dtype=dtype):
        assert_passes(run(case, 1, **{equation: written}))


@in_both_dtypes
@pytest.mark.parametrize("name", TRAINABLE)
def test_every_way_to_write_an_activation_passes(name, dtype):
    """f holds through e^z, e^-z or e^-|z|, with one division or a reciprocal, for small
    and for large z.
    """
    for written in VALUE_FORMS[name].values():
        for scale in (1e-3, 8.0):
            for case in cases((name,), name, dtype=dtype):
                exchanged = {"a": lambda f, z, written=written: written(z)}
                assert_passes(run(case, 1, scale, **exchanged))


@in_both_dtypes
@pytest.mark.parametrize("name", TRAINABLE)
def test_every_way_to_write_a_derivative_passes(name, dtype):
    """BP2 holds with f' from a, from z once more, or by the Jacobian, for small and for
    large z.
    """
    for pull in PULLBACKS[name].values():
        for scale in (1e-3, 8.0):
            for case in cases((name,), dtype=dtype):
                exchanged = {"bp2": lambda f, z, a, above, W, _, pull=pull: pull(above @ W, z, a)}
                assert_passes(run(case, 1, scale, **exchanged))


@in_both_dtypes
@pytest.mark.parametrize("loss", GRADIENTS)
def test_every_way_to_write_an_output_delta_on_values_passes(loss, dtype):
    """BP1 holds for each way to write dC/da, with f' from a and from z."""
    for k, output in enumerate(outputs_of(loss)):
        pulls = [*PULLBACKS[output].values()]
        for i, gradient in enumerate(GRADIENTS[loss].values()):
            for j, pull in enumerate((pulls[0], pulls[(i + 1) % len(pulls)])):
                # now on one network, now on the other
                for case in [*cases(output=output, loss=loss, dtype=dtype)][(i + j + k) % 2 :: 2]:
                    exchanged = {
                        "bp1": lambda _, f, z, a, y, gradient=gradient, pull=pull: pull(
                            gradient(a - y), z, a
                        )
                    }
                    assert_passes(run(case, 1, 4.0, **exchanged))


@in_both_dtypes
@pytest.mark.parametrize("pair", DELTA_FORMS, ids=" behind ".join)
def test_every_way_to_write_an_output_delta_passes(pair, dtype):
    """BP1 holds fused and unfused, with labels and with distributions."""
    for written in DELTA_FORMS[pair].values():
        for scale in (1.0, 4.0):
            for case in cases(output=pair[1], loss=pair[0], dtype=dtype):
                exchanged = {"bp1": lambda _, f, z, a, y, written=written: written(z, a, y)}
                assert_passes(run(case, 1, scale, **exchanged))


@in_both_dtypes
@pytest.mark.parametrize("loss", COST_FORMS)
def test_every_way_to_write_a_cost_passes(loss, dtype):
    """C holds in every order of its sum, and through each stable form of its
    logarithms.
    """
    for written in COST_FORMS[loss].values():
        for k, output in enumerate(outputs_of(loss)):
            # on both networks, then on either
            for case in [*cases(output=output, loss=loss, dtype=dtype)][k % 2 :: 2 if k else 1]:
                exchanged = {"cost": lambda _, a, y, written=written: written(a, y)}
                assert_passes(run(case, 1, **exchanged))


@in_both_dtypes
@pytest.mark.parametrize("rule", RULE_FORMS)
def test_every_way_to_write_a_rule_passes(rule, dtype):
    """The step holds for every setting of the case table with plain means or lerp,
    corrections in the means or folded, in any grouping.
    """
    for written in RULE_FORMS[rule].values():
        for case in RULES:
            if case.optimizer == rule and len(case.sizes) < 4:
                assert_passes(run(replace(case, dtype=dtype), 3, rule=written))


def test_every_entry_has_other_ways_to_write_it():
    """The tables of forms reach every activation that can be trained, every loss and
    every rule.
    """
    assert set(VALUE_FORMS) == set(PULLBACKS) == set(TRAINABLE)
    assert set(COST_FORMS) == set(LOSSES)
    on_values = {(loss, output) for loss in GRADIENTS for output in TRAINABLE}
    assert {(loss, output) for loss in LOSSES for output in outputs_of(loss)} == {
        *DELTA_FORMS
    } | on_values
    assert set(RULE_FORMS) == set(OPTIMIZERS)


# mistakes


def first_broken(records):
    """The first result of the first record that is broken."""
    return next(result for record in records for result in certify(record).broken)


def t_as(count):
    """Adam that takes t for something else."""
    return lambda theta, g, state, h, t, weights: adam(theta, g, state, h, count(t), weights)


def with_settings(rule, **settings):
    """The rule with other settings than it was given."""
    return lambda theta, g, state, h, t, weights: rule(
        theta, g, state, {**h, **settings}, t, weights
    )


def weights_only(rule):
    """The weight decay does not reach the biases."""

    def stepped(theta, g, state, h, t, weights):
        decays = (h["weight_decay"], 0.0)
        (decayed_theta, new), (bare, other) = (
            rule(theta, g, state, {**h, "weight_decay": w}, t, weights) for w in decays
        )
        return np.where(weights, decayed_theta, bare), {
            name: np.where(weights, new[name], other[name]) for name in new
        }

    return stepped


def decay_after_the_step(theta, g, state, h, t, weights):
    """AdamW that shrinks the moved parameters."""
    moved, new = adam(theta, g, state, {**h, "weight_decay": 0.0}, t, weights)
    return moved * (1.0 - h["lr"] * h["weight_decay"]), new


def coupled_decay(theta, g, state, h, t, weights):
    """AdamW that takes the decay into the gradient."""
    return adam(theta, g, state, h, t, weights)


def old_buffer(theta, g, state, h, t, weights):
    """Nesterov that looks ahead with the buffer of the step before."""
    v = state.get("momentum_buffer", np.zeros_like(g))
    return theta - h["lr"] * (g + h["momentum"] * v), {"momentum_buffer": h["momentum"] * v + g}


def lr_in_the_buffer(theta, g, state, h, t, weights):
    """Sutskever's momentum: the buffer holds steps, not gradients."""
    v = h["momentum"] * state.get("momentum_buffer", np.zeros_like(g)) + h["lr"] * g
    return theta - v, {"momentum_buffer": v}


def forgets_the_buffer(theta, g, state, h, t, weights):
    """A fresh buffer in each step."""
    return sgd(theta, g, {}, h, t, weights)


def maximum_of_corrected(theta, g, state, h, t, weights):
    """amsgrad that takes the maximum after bias correction."""
    moved, new = adam(theta, g, state, h, t, weights)
    bc2 = 1.0 - h["betas"][1] ** t
    top = np.maximum(state["max_exp_avg_sq"], new["exp_avg_sq"] / bc2)
    return moved, {**new, "max_exp_avg_sq": top}


def unsquared(v, d, beta):
    """|d| for d^2."""
    return beta * v + (1.0 - beta) * np.abs(d)


def last_sample(delta, a_prev):
    """The gradient of the last sample alone."""
    return np.outer(delta[-1], a_prev[-1])


def squared_error_summed(loss, a, y):
    """A sum where a mean belongs."""
    return loss.value(a, y) * a.size


HIDDEN = Case("", (7, 5, 3), ("sigmoid",), "sigmoid", "mse", "values", batch=11)
CLASSES = Case("", (7, 5, 3), ("tanh",), "identity", "softmax_cross_entropy", batch=11)
SQUARE = Case("", (4, 4, 4), ("tanh",), "identity", "mse", "values", batch=11)
DECAY = {"lr": 0.1, "weight_decay": 0.1}


def with_rule(optimizer, **settings):
    """A case with this optimizer."""
    return Case(
        "", (3, 7, 2), ("sigmoid",), "identity", "mse", "values", optimizer, settings, batch=5
    )


# what is done: (case, equations exchanged, the equation that breaks first, its quantity
# and layer)
MISTAKES = {
    "bias forgotten": (HIDDEN, {"z": lambda a_prev, W, b: a_prev @ W.T}, "z", "z", 1),
    "W transposed": (SQUARE, {"z": lambda a_prev, W, b: a_prev @ W + b}, "z", "z", 1),
    "bias twice": (HIDDEN, {"z": lambda a_prev, W, b: a_prev @ W.T + b + b}, "z", "z", 1),
    "double sigmoid": (HIDDEN, {"a": lambda f, z: f.value(f.value(z))}, "a", "a", 1),
    "double softmax": (
        Case("", (7, 5, 3), ("tanh",), "softmax", "cross_entropy", batch=11),
        {"a": lambda f, z: f.value(f.value(z)) if f.name == "softmax" else f.value(z)},
        "a",
        "a",
        2,
    ),
    "softmax over the batch": (
        Case("", (7, 5, 3), ("tanh",), "softmax", "cross_entropy", batch=11),
        {"a": lambda f, z: f.value(z.T).T if f.name == "softmax" else f.value(z)},
        "a",
        "a",
        2,
    ),
    "another slope": (
        replace(HIDDEN, hidden=("leaky_relu",)),
        {"a": lambda f, z: np.where(z > 0.0, z, 0.2 * z) if f.name == "leaky_relu" else f.value(z)},
        "a",
        "a",
        1,
    ),
    "cost summed": (HIDDEN, {"cost": squared_error_summed}, "C", "loss", None),
    "half the cost": (
        HIDDEN,
        {"cost": lambda loss, a, y: loss.value(a, y) / 2.0},
        "C",
        "loss",
        None,
    ),
    "cost of the classes only": (
        CLASSES,
        {"cost": lambda loss, a, y: -a[np.arange(len(a)), y].mean()},
        "C",
        "loss",
        None,
    ),
    "gradient summed": (
        HIDDEN,
        {"bp1": lambda loss, f, z, a, y: f.pullback(loss.gradient(a, y) * len(a), z, a)},
        "BP1",
        "delta",
        2,
    ),
    "mean over samples only": (
        HIDDEN,
        {"bp1": lambda loss, f, z, a, y: f.pullback(loss.gradient(a, y) * a.shape[1], z, a)},
        "BP1",
        "delta",
        2,
    ),
    "without the 2": (
        HIDDEN,
        {"bp1": lambda loss, f, z, a, y: f.pullback(loss.gradient(a, y) / 2.0, z, a)},
        "BP1",
        "delta",
        2,
    ),
    "y - a": (
        HIDDEN,
        {"bp1": lambda loss, f, z, a, y: f.pullback(loss.gradient(y, a), z, a)},
        "BP1",
        "delta",
        2,
    ),
    "output without f'": (
        HIDDEN,
        {"bp1": lambda loss, f, z, a, y: loss.gradient(a, y)},
        "BP1",
        "delta",
        2,
    ),
    "softmax - y of softmax": (
        CLASSES,
        {"bp1": lambda loss, f, z, a, y: (exp_over_sum(exp_over_sum(z)) - one_hot(y, a)) / len(a)},
        "BP1",
        "delta",
        2,
    ),
    "sigmoid' of a": (
        HIDDEN,
        {"bp2": lambda f, z, a, above, W, _: above @ W * SLOPES["sigmoid"]["of z"](a, a)},
        "BP2",
        "delta",
        1,
    ),
    "hidden without f'": (
        HIDDEN,
        {"bp2": lambda f, z, a, above, W, _: above @ W},
        "BP2",
        "delta",
        1,
    ),
    "tanh' as tanh": (
        CLASSES,
        {"bp2": lambda f, z, a, above, W, _: above @ W * np.tanh(z)},
        "BP2",
        "delta",
        1,
    ),
    "softmax' as a (1 - a)": (
        replace(HIDDEN, hidden=("softmax",)),
        {"bp2": lambda f, z, a, above, W, _: above @ W * (a * (1.0 - a))},
        "BP2",
        "delta",
        1,
    ),
    "through updated weights": (
        HIDDEN,
        {"bp2": lambda f, z, a, above, _, W: f.pullback(above @ W, z, a)},
        "BP2",
        "delta",
        1,
    ),
    "through W transposed": (
        SQUARE,
        {"bp2": lambda f, z, a, above, W, _: f.pullback(above @ W.T, z, a)},
        "BP2",
        "delta",
        1,
    ),
    "db a mean": (HIDDEN, {"bp3": lambda delta: delta.mean(axis=0)}, "BP3", "db", 2),
    "db of the last sample": (HIDDEN, {"bp3": lambda delta: delta[-1]}, "BP3", "db", 2),
    "dW divided by n twice": (
        HIDDEN,
        {"bp4": lambda delta, a_prev: delta.T @ a_prev / len(delta)},
        "BP4",
        "dW",
        2,
    ),
    "dW of the last sample": (HIDDEN, {"bp4": last_sample}, "BP4", "dW", 2),
    "dW transposed": (SQUARE, {"bp4": lambda delta, a_prev: a_prev.T @ delta}, "BP4", "dW", 2),
    "dW zero": (
        HIDDEN,
        {"bp4": lambda delta, a_prev: np.zeros_like(delta.T @ a_prev)},
        "BP4",
        "dW",
        2,
    ),
    "uphill": (
        HIDDEN,
        {"rule": form(sgd, minus=lambda theta, lr, v: theta + lr * v)},
        "step",
        "W",
        1,
    ),
    "nothing moved": (
        HIDDEN,
        {"rule": form(sgd, minus=lambda theta, lr, v: theta.copy())},
        "step",
        "W",
        1,
    ),
    "lr of the first step": (HIDDEN, {"rule": with_settings(sgd, lr=0.1)}, "step", "W", 1),
    "decay with the wrong sign": (
        with_rule("sgd", **DECAY),
        {"rule": with_settings(sgd, weight_decay=-0.1)},
        "step",
        "W",
        1,
    ),
    "no decay": (
        with_rule("sgd", **DECAY),
        {"rule": with_settings(sgd, weight_decay=0.0)},
        "step",
        "W",
        1,
    ),
    "decay not on biases": (with_rule("sgd", **DECAY), {"rule": weights_only(sgd)}, "step", "b", 1),
    "Adam's decay not on biases": (
        with_rule("adam", **DECAY),
        {"rule": weights_only(adam)},
        "step",
        "exp_avg of b",
        1,
    ),
    "AdamW's decay not on biases": (
        with_rule("adamw", **DECAY),
        {"rule": weights_only(adamw)},
        "step",
        "b",
        1,
    ),
    "AdamW's decay after the step": (
        with_rule("adamw", **DECAY),
        {"rule": decay_after_the_step},
        "step",
        "W",
        1,
    ),
    "AdamW's decay in the gradient": (
        with_rule("adamw", **DECAY),
        {"rule": coupled_decay},
        "step",
        "exp_avg of W",
        1,
    ),
    "t from 0 on": (
        with_rule("adam", lr=0.1),
        {"rule": t_as(lambda t: max(t - 1, 1))},
        "step",
        "W",
        1,
    ),
    "t from 2 on": (with_rule("adam", lr=0.1), {"rule": t_as(lambda t: t + 1)}, "step", "W", 1),
    "t always 1": (with_rule("adam", lr=0.1), {"rule": t_as(lambda t: 1)}, "step", "W", 1),
    "no bias correction": (
        with_rule("adam", lr=0.1),
        {"rule": t_as(lambda t: 10**6)},
        "step",
        "W",
        1,
    ),
    "betas exchanged": (
        with_rule("adam", lr=0.1),
        {"rule": with_settings(adam, betas=(0.999, 0.9))},
        "step",
        "exp_avg of W",
        1,
    ),
    "v of |g|": (
        with_rule("adam", lr=0.1),
        {"rule": form(adam, square=unsquared)},
        "step",
        "exp_avg_sq of W",
        1,
    ),
    "maximum after correction": (
        with_rule("adam", lr=0.1, amsgrad=True),
        {"rule": maximum_of_corrected},
        "step",
        "max_exp_avg_sq of W",
        1,
    ),
    "the root forgotten": (
        with_rule("adam", lr=0.1),
        {"rule": form(adam, move=lambda m, v, h, t: folded(m, v**2, h, t))},
        "step",
        "W",
        1,
    ),
    "Nesterov missing": (
        with_rule("sgd", momentum=0.9, nesterov=True),
        {"rule": with_settings(sgd, nesterov=False)},
        "step",
        "W",
        1,
    ),
    "Nesterov with the old buffer": (
        with_rule("sgd", momentum=0.9, nesterov=True),
        {"rule": old_buffer},
        "step",
        "W",
        1,
    ),
    "lr in the buffer": (
        with_rule("sgd", momentum=0.9),
        {"rule": lr_in_the_buffer},
        "step",
        "momentum_buffer of W",
        1,
    ),
    "buffer forgotten": (
        with_rule("sgd", momentum=0.9),
        {"rule": forgets_the_buffer},
        "step",
        "momentum_buffer of W",
        1,
    ),
    "RMSprop not centered": (
        with_rule("rmsprop", centered=True, alpha=0.9),
        {
            "rule": lambda theta, g, state, h, t, weights: (
                rmsprop(theta, g, state, {**h, "centered": False}, t, weights)[0],
                rmsprop(theta, g, state, h, t, weights)[1],
            )
        },
        "step",
        "W",
        1,
    ),
    "RMSprop's lr in the buffer": (
        with_rule("rmsprop", momentum=0.9),
        {
            "rule": lambda theta, g, state, h, t, weights: rmsprop(
                theta, h["lr"] * g, state, h, t, weights
            )
        },
        "step",
        "square_avg of W",
        1,
    ),
    "Adagrad forgets": (
        with_rule("adagrad", lr=0.1),
        {
            "rule": lambda theta, g, state, h, t, weights: adagrad(
                theta, g, {"sum": 0.0 * g}, h, t, weights
            )
        },
        "step",
        "sum of W",
        1,
    ),
    "lr_decay from t": (
        with_rule("adagrad", lr=0.1, lr_decay=0.1),
        {
            "rule": lambda theta, g, state, h, t, weights: adagrad(
                theta, g, state, h, t + 1, weights
            )
        },
        "step",
        "W",
        1,
    ),
}


@in_both_dtypes
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_at_its_equation(mistake, dtype):
    """The first result that is broken is that of the equation with the mistake, and it
    is called wrong.
    """
    case, exchanged, equation, quantity, layer = MISTAKES[mistake]
    case = replace(case, dtype=dtype)
    result = first_broken(run(case, 3, **exchanged))
    assert (result.equation, result.quantity, result.layer, result.status, result.deviation) == (
        equation,
        quantity,
        layer,
        "wrong",
        "",
    )


@in_both_dtypes
def test_without_the_mistake_all_holds(dtype):
    """Of each case that has a mistake in some equation, the steps without it pass."""
    for case in {case.id: case for case, *_ in MISTAKES.values()}.values():
        assert_passes(run(replace(case, dtype=dtype), 3))


EPS = 1e-3
NEAR_EPS = {"eps": EPS, "lr": EPS}


def near_the_prediction(net, x, y):
    """Targets so near to what the network says that gradients are of the order of
    EPS.
    """
    return (net.predict(x) + 10.0 * EPS * y).astype(net.dtype)


def epsilon_hat(m, v, h, t):
    """Adam's step with eps added before bias correction."""
    beta1, beta2 = h["betas"]
    return (h["lr"] * (1.0 - beta2**t) ** 0.5 / (1.0 - beta1**t)) * m / (np.sqrt(v) + h["eps"])


def inside_the_root(m, v, h, t):
    """Adam's step with eps under the root."""
    beta1, beta2 = h["betas"]
    return h["lr"] * (m / (1.0 - beta1**t)) / np.sqrt(v / (1.0 - beta2**t) + h["eps"])


EPSILONS = {
    f"{rule}, {name}": (with_rule(rule, **NEAR_EPS), form(written, **{part: wrong}))
    for rule, written, part, dialects in (
        ("adam", adam, "move", {"inside the root": inside_the_root, "hat": epsilon_hat}),
        ("adamw", adamw, "move", {"inside the root": inside_the_root, "hat": epsilon_hat}),
        (
            "rmsprop",
            rmsprop,
            "root",
            {"inside the root": lambda v, eps: np.sqrt(v + eps), "none": lambda v, eps: np.sqrt(v)},
        ),
        (
            "adagrad",
            adagrad,
            "root",
            {"inside the root": lambda v, eps: np.sqrt(v + eps), "none": lambda v, eps: np.sqrt(v)},
        ),
    )
    for name, wrong in dialects.items()
}
EPSILONS |= {
    f"{rule.__name__}, none": (with_rule(rule.__name__, **NEAR_EPS), with_settings(rule, eps=0.0))
    for rule in (adam, adamw)
}


@in_both_dtypes
@pytest.mark.parametrize("dialect", EPSILONS)
def test_the_place_of_eps_is_seen(dialect, dtype):
    """Where gradients are of the order of eps, every W and b of every step shows where
    eps is added, in float32 too.
    """
    case, rule = EPSILONS[dialect]
    case = replace(case, dtype=dtype)
    for record in run(case, 3, targets=near_the_prediction, rule=rule):
        sizes = np.concatenate([np.abs(layer.dW).ravel() for layer in record.layers])
        assert EPS / 10.0 < np.median(sizes) < EPS * 10.0
        broken = [
            (result.equation, result.quantity, result.layer, result.status)
            for result in certify(record).broken
        ]
        assert broken == [
            ("step", quantity, layer, "wrong") for layer in (1, 2) for quantity in ("W", "b")
        ]
    assert_passes(run(case, 3, targets=near_the_prediction))


# one entry off


@dataclass(frozen=True)
class Off:
    """One array of a good record, with the claim that is made of it."""

    record: StepRecord
    statement: object

    @property
    def key(self):
        """What must be tried once; BP3 of a single row is exact."""
        s = self.statement
        return (
            s.equation,
            s.layer,
            s.entry,
            s.quantity,
            s.equation == "BP3" and len(self.record.x) == 1,
            self.record.spec.dtype,
        )

    def at(self, share, sign):
        """(index, number): an entry, and a number of its dtype by which it is so many
        bounds off.

        For a share above 1 at least as many bounds; the next number where the bound is
        0. For one below 1 at most as many, or the exact value rounded, where no number
        lies between.
        """
        s, claim = self.statement, self.statement.claim
        rng = np.random.default_rng(s.got.size)
        index = tuple(int(i) for i in rng.choice(np.argwhere(claim.judged))) if s.got.ndim else ()
        exact, gap, kind = (
            claim.exact[index],
            share * claim.bound[index] * (1.0 + claim.slack),
            s.got.dtype.type,
        )
        away = kind(sign * np.inf)
        if gap == 0.0:
            return index, np.nextafter(kind(exact), away) if share > 1.0 else kind(exact)
        got = kind(exact + sign * gap)
        if share > 1.0:
            return index, got if abs(got - exact) >= gap else np.nextafter(got, away)
        got = got if abs(got - exact) <= gap else np.nextafter(got, -away)
        return index, got if abs(got - exact) <= gap else kind(exact)

    def changed(self, index, number):
        """The record with that number in that entry of this array."""
        array = np.array(self.statement.got)
        array[index] = number
        return written(self.record, self.statement.quantity, self.statement.layer, array)


def written(record, quantity, layer, array):
    """The record with another array for one quantity of a layer."""
    if quantity == "loss":
        return replace(record, loss=float(array))
    if quantity in vars(LayerRecord()):
        layers = list(record.layers)
        layers[layer - 1] = replace(layers[layer - 1], **{quantity: array})
        return replace(record, layers=tuple(layers))
    after = record.after
    if quantity in ("W", "b"):
        arrays = list(getattr(after, quantity))
        arrays[layer - 1] = array
        return replace(record, after=replace(after, **{quantity: tuple(arrays)}))
    name, _, of = quantity.partition(" of ")
    vector = after.state[name].copy()
    start = sum(
        W.size + b.size for W, b in zip(after.W[: layer - 1], after.b[: layer - 1], strict=True)
    )
    start += after.W[layer - 1].size if of == "b" else 0
    vector[start : start + array.size] = array.ravel()
    return replace(record, after=replace(after, state={**after.state, name: vector}))


def recorded(case, steps=2):
    """The last of the case's first steps by refnet."""
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    for _, (x, y, optimizer.lr) in zip(range(steps), case.steps(), strict=False):
        record = record_refnet(net, x, y, loss, optimizer)
    return record


def dead_pullback(f, z, a, above, W, _):
    """Through a step no gradient comes."""
    return np.zeros_like(z) if f.name == "heaviside" else f.pullback(above @ W, z, a)


@cache
def every_array(equation, dtype):
    """An Off for each layer, entry and quantity of an equation, from good records."""
    return [off for off in _offs(dtype) if off.statement.equation == equation]


@cache
def _offs(dtype):
    pairs = [
        case for i, case in enumerate(PAIRS) if case.hidden[0] == TRAINABLE[i % len(TRAINABLE)]
    ]
    pairs += [
        Case("", (7, 5, 3), output=output, loss=loss, targets=targets_of(loss)[0])
        for loss in LOSSES
        for output in outputs_of(loss)
    ]
    rules = [case for case in RULES if len(case.sizes) != 3]
    deep = [
        Case(
            "", (5, 3, 7, 2, 3, 5, 2), ("sigmoid", "relu", "tanh", "leaky_relu", "softmax"), batch=2
        ),
        Case(
            "",
            (3, 7, 5, 2, 3, 5, 3),
            ("identity", "softmax", "sigmoid", "tanh", "leaky_relu"),
            "relu",
            "mse",
            "values",
            batch=3,
        ),
        Case("", (3, 2, 2), ("relu",), "relu", "mse", "values", batch=1, seed=2),
    ]
    records = [recorded(replace(case, dtype=dtype)) for case in (*pairs, *rules, *deep)]
    stepped = Case(
        "", (3, 5, 7, 2), ("heaviside", "tanh"), "identity", "mse", "values", dtype=dtype
    )
    records += run(stepped, bp2=dead_pullback)
    found = {}
    for record in records:
        for statement in statements(record):
            assert judge(statement).status == "passed"
            off = Off(record, statement)
            found.setdefault(off.key, off)
    return list(found.values())


EQUATION_LABELS = tuple(refnet.EQUATIONS)


def judged_with(off, index, number):
    """The result of a statement with another number in one entry."""
    array = np.array(off.statement.got)
    array[index] = number
    return judge(replace(off.statement, got=array))


@in_both_dtypes
@pytest.mark.parametrize("equation", EQUATION_LABELS)
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["above", "below"])
def test_two_bounds_off_in_one_entry_is_refused(equation, dtype, sign):
    """The result is broken; it names equation, layer, quantity and entry, and says what
    was got, expected and allowed.
    """
    for off in every_array(equation, dtype):
        index, number = off.at(2.0, sign)
        result, s = judged_with(off, index, number), off.statement
        assert result.broken
        assert (result.equation, result.layer, result.quantity) == (s.equation, s.layer, s.quantity)
        assert (result.entry, result.index) == (s.entry, index)
        assert (result.got, result.expected) == (float(number), float(s.claim.exact[index]))
        assert result.used >= 2.0
        assert result.allowed == s.claim.bound[index] * (1.0 + s.claim.slack)


@in_both_dtypes
@pytest.mark.parametrize("equation", EQUATION_LABELS)
def test_what_is_off_is_the_first_that_is_broken(equation, dtype):
    """The certificate's first broken result is that of the array which is off, now
    above, now below, and all before it has passed.
    """
    for i, off in enumerate(every_array(equation, dtype)):
        index, number = off.at(2.0, (1.0, -1.0)[i % 2])
        cert = certify(off.changed(index, number))
        assert not cert.passed
        first = cert.broken[0]
        assert first == judged_with(off, index, number)
        assert all(
            result.status == "passed" for result in cert.results[: cert.results.index(first)]
        )


@in_both_dtypes
@pytest.mark.parametrize("equation", EQUATION_LABELS)
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["above", "below"])
def test_half_a_bound_off_passes(equation, dtype, sign):
    """An entry that is off by half of its bound, or by what rounding to the dtype
    leaves of that, keeps it.
    """
    for off in every_array(equation, dtype):
        result = judged_with(off, *off.at(0.5, sign))
        assert result.status == "passed", str(result)
        assert result.used <= 1.0


def test_one_entry_off_is_tried_on_every_entry():
    """Every entry of every equation, every quantity of every rule, and layers from the
    first to the sixth are tried.
    """
    tried = {
        off.key
        for dtype in DTYPES
        for label in EQUATION_LABELS
        for off in every_array(label, dtype)
    }
    assert {(label, entry) for label, _, entry, *_ in tried} == {
        (e.label, e.name) for e in entries()
    }
    pairs = {entry for label, _, entry, *_ in tried if label == "BP1"}
    assert pairs == {f"{loss} + {output}" for loss in LOSSES for output in outputs_of(loss)}
    for rule in RULE_ENTRIES.values():
        settings = {"momentum": 0.9, "centered": True, "amsgrad": True}
        names = {f"{name} of {part}" for name in rule().keeps(settings) for part in "Wb"} | {
            "W",
            "b",
        }
        assert names == {
            quantity
            for label, _, entry, quantity, *_ in tried
            if label == "step" and entry.partition(" ")[0] == rule.name
        }
    assert {single for label, *_, single, _ in tried if label == "BP3"} == {True, False}
    for label in ("z", "BP3", "BP4", "step"):
        assert {layer for other, layer, *_ in tried if other == label} >= {1, 2, 3, 4, 5, 6}
    for dtype in DTYPES:
        assert {key[:-1] for key in tried if key[-1] == dtype} == {key[:-1] for key in tried}


def test_a_bound_of_zero_takes_one_value():
    """ReLU, identity, Heaviside and amsgrad's maximum, and BP3 of a single row, allow
    no rounding at all.
    """
    for dtype in DTYPES:
        found = (*every_array("a", dtype), *every_array("step", dtype))
        exact = {off.statement.entry for off in found if not off.statement.claim.bound.any()}
        assert exact == {
            "relu",
            "identity",
            "heaviside",
            "adam max_exp_avg_sq",
            "adamw max_exp_avg_sq",
        }
        delta = np.ones((1, 3), dtype)
        assert not bias_gradient(FORMATS[dtype], delta).bound.any()
        assert bias_gradient(FORMATS[dtype], np.vstack([delta, delta])).bound.all()


# how much of each bound is used


@cache
def shares():
    """(label, entry, dtype): the largest share of its bound that a record of refnet or
    PyTorch uses, and the largest bound.
    """
    found = {}
    for case in (
        case for i, case in enumerate(CASES) if i % (3 if case.group == "optimizer" else 5) == 0
    ):
        net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
        model = twin(net)
        torch_loss, torch_optimizer = twin_loss(loss), twin_optimizer(optimizer, model)
        for _, (x, y, lr) in zip(
            range(1 + (case.group == "optimizer")), case.steps(), strict=False
        ):
            optimizer.lr = torch_optimizer.param_groups[0]["lr"] = lr
            for record in (
                record_refnet(net, x, y, loss, optimizer),
                record_torch(model, x, y, torch_loss, torch_optimizer),
            ):
                for statement in statements(record):
                    key = statement.equation, statement.entry, case.dtype
                    used, bound = found.get(key, (0.0, 0.0))
                    share = statement.claim.share(statement.got)
                    assert share.max() <= 1.0
                    found[key] = (
                        max(used, float(share.max())),
                        max(bound, float(statement.claim.bound.max())),
                    )
    return found


def test_no_bound_is_idle():
    """Every bound of every entry is used to more than a thousandth somewhere, in either
    dtype, but where equality is asked for.
    """
    used = shares()
    assert {key for key, (share, bound) in used.items() if share <= 1e-3 and bound > 0.0} == set()
    met = {(label, entry) for label, entry, _ in used}
    forward_only = {("a", "heaviside"), ("BP2", "heaviside")}  # whose bounds are 0
    assert met | forward_only == {(e.label, e.name) for e in entries()}
    assert {entry for label, entry, _ in used if label == "BP1"} == {
        f"{loss} + {output}" for loss in LOSSES for output in outputs_of(loss)
    }
    for dtype in DTYPES:
        assert {key[:2] for key in used if key[2] == dtype} == {key[:2] for key in used}


def test_the_table_of_entries_is_whole():
    """Every label of refnet's equations has its entries, in order, each with its
    derivation, its source, and what it reads and writes.
    """
    found = entries()
    assert list(dict.fromkeys(entry.label for entry in found)) == list(EQUATION_LABELS)
    names = {
        label: [entry.name for entry in found if entry.label == label] for label in EQUATION_LABELS
    }
    assert names == {
        "z": [""],
        "a": list(ACTIVATIONS),
        "C": list(LOSSES),
        "BP2": list(ACTIVATIONS),
        "BP3": [""],
        "BP4": [""],
        "BP1": [
            f"{loss} + {output}"
            for loss in LOSSES
            for output in ACTIVATIONS
            if output in outputs_of(loss)
        ],
        "step": [
            "sgd momentum_buffer",
            "sgd",
            "adagrad sum",
            "adagrad",
            "rmsprop square_avg",
            "rmsprop grad_avg",
            "rmsprop momentum_buffer",
            "rmsprop",
            *(
                f"{rule}{vector}"
                for rule in ("adam", "adamw")
                for vector in (" exp_avg", " exp_avg_sq", " max_exp_avg_sq", "")
            ),
        ],
    }
    for entry in found:
        # what an abstract method says is no derivation
        assert "dC/dz_j = sum over i" not in entry.derivation
        assert entry.derivation
        assert entry.source
        equation = refnet.EQUATIONS[entry.label]
        assert set(entry.reads) <= {*equation.reads, "state"}
        assert entry.writes == equation.writes


# bounds by hand

OPERATIONS = 60  # more than any bound takes in float64, each within 2^-53


def column(*numbers, dtype):
    """Numbers one below the other."""
    return np.array(numbers, dtype)[:, None]


def entry_of(rule, h, quantity, fmt, theta=3.0, g=0.5, old=(), new=(), t=2):
    """The claim that a rule makes of one number."""
    arrays = [
        {name: np.array([value], fmt.dtype) for name, value in dict(state).items()}
        for state in (old, new)
    ]
    settings = dict.fromkeys(
        ("weight_decay", "momentum", "dampening", "lr_decay", "nesterov", "centered", "amsgrad"), 0
    )
    step = Update(
        fmt,
        {**settings, "lr": 0.5, "eps": 0.125, **h},
        t,
        np.array([theta], fmt.dtype),
        np.array([g], fmt.dtype),
        *arrays,
    )
    made = RULE_ENTRIES[rule]()
    return made.parameters(step) if quantity == "theta" else made.vector(step, quantity)


def documented(dtype):
    """name, a claim, and the bound that the theorem gives for its first entry."""
    fmt = FORMATS[dtype]
    u, lam, r, E, Elog, v53 = (
        mpmath.mpf(fmt.unit),
        mpmath.mpf(fmt.tiny),
        fmt.scalar,
        fmt.exp,
        fmt.log,
        mpmath.mpf(2) ** -53,
    )
    exp, log, sqrt = mpmath.exp, mpmath.log, mpmath.sqrt

    def of(*rows):
        return np.array(rows, dtype)

    function = {
        name: kind(**({"slope": 0.25} if name == "leaky_relu" else {}))
        for name, kind in ACTIVATION_ENTRIES.items()
    }
    loss = {name: kind() for name, kind in LOSS_ENTRIES.items()}
    # sums of products
    yield "z", weighted_input(fmt, of([3, -5]), of([2, 7]), of(11)), 3 * (u * 52 + lam)
    yield "z of zeros", weighted_input(fmt, of([0, 0]), of([0, 0]), of(0)), 3 * lam
    yield "BP3", bias_gradient(fmt, column(3, -5, 2, dtype=dtype)), 2 * u * 10
    yield (
        "BP4",
        weight_gradient(fmt, column(3, -5, dtype=dtype), column(2, 7, dtype=dtype)),
        2 * (u * 41 + lam),
    )
    yield (
        "BP4 of zeros",
        weight_gradient(fmt, column(0, 0, dtype=dtype), column(0, 0, dtype=dtype)),
        2 * lam,
    )
    # a
    yield "sigmoid", function["sigmoid"].value(fmt, of([0])), (E + 2) * u / 2 + lam
    yield "sigmoid of nothing", function["sigmoid"].value(fmt, of([-1000])), lam
    yield "tanh", function["tanh"].value(fmt, of([0.5])), 8 * u * mpmath.tanh(0.5) + lam
    yield "tanh of zero", function["tanh"].value(fmt, of([0])), lam
    yield "leaky below", function["leaky_relu"].value(fmt, of([-8])), (1 + r) * u * 2 + lam
    yield "leaky above", function["leaky_relu"].value(fmt, of([8])), 0
    p = exp(-1) / (1 + exp(-1))
    yield "softmax", function["softmax"].value(fmt, of([-1, 0])), u * p * (1 + p + 2 * E + 4) + lam
    # C
    yield "mse", loss["mse"].value(fmt, of([3, 5]), of([1, 1])), 6 * u * 10 + 2 * lam
    yield (
        "half",
        loss["half_squared_error"].value(fmt, of([3], [5]), of([1], [1])),
        6 * u * 5 + 2 * lam,
    )
    yield "mae", loss["mae"].value(fmt, of([3, 5]), of([1, 1])), 4 * u * 3 + 2 * lam
    yield "mse of zero", loss["mse"].value(fmt, of([3]), of([3])), 2 * lam
    quarters = of([0.5, 0.5], [0.25, 0.75])
    yield (
        "ce, labels",
        loss["cross_entropy"].value(fmt, quarters, np.array([0, 0])),
        (5 + Elog) * u * 1.5 * log(2) + lam,
    )
    yield (
        "ce, rows",
        loss["cross_entropy"].value(fmt, quarters, of([1, 0], [1, 0])),
        (7 + Elog) * u * 1.5 * log(2) + lam,
    )
    yield (
        "bce",
        loss["binary_cross_entropy"].value(fmt, of([0.5, 0.5]), of([1, 0])),
        u * ((7 + Elog) * 2 * log(2) + 1) / 2 + lam,
    )
    L = log(1 + exp(-1))
    s_ce = loss["softmax_cross_entropy"]
    off = p + E + 2 + Elog * L + 1 + (L + 1) + 2 * L + 1
    yield "softmax ce", s_ce.value(fmt, of([-1, 0]), np.array([0])), u * (off + 5 * (L + 1)) + lam
    off = p + E + 2 + Elog * L + 1 + (L + 1) + 2 * (3 + L) + 2
    yield "softmax ce, rows", s_ce.value(fmt, of([2, 3]), of([1, 0])), u * (off + 6 * (L + 1)) + lam
    soft = log(1 + exp(-2))
    sigmoid_ce = u * ((3 * 0.75 + 2) * 2 + (E + Elog + 2) * soft + 5 * (2 * 0.75 + soft)) + lam
    yield "sigmoid ce", loss["sigmoid_cross_entropy"].value(fmt, of([2]), of([0.25])), sigmoid_ce
    # BP1
    for name, g, roundings in (("mse", 4, 5), ("half_squared_error", 2, 4), ("mae", 1, 3)):
        delta = loss[name].output_delta(fmt, function["identity"], of([3]), of([3]), of([1]))
        yield f"BP1 {name}", delta, (roundings * u * g + lam) * (1 + 20 * u)
    a, y = mpmath.mpf("0.25"), mpmath.mpf("0.75")
    error, magnitude = 5 * u + lam, 1 + 5 * u + lam
    e = 4 * a * (1 - a) + 2 * (E + 2) * a * (1 - 2 * a) + (2 * (E + 2)) ** 2 * u * a**2
    want = (error * a * (1 - a) + magnitude * u * (a * (1 - a) + e)) * (1 + 20 * u) + lam * (
        2 * magnitude + 1
    )
    yield (
        "BP1 mse + sigmoid",
        loss["mse"].output_delta(fmt, function["sigmoid"], of([-1]), of([a]), of([y])),
        want,
    )
    delta = loss["binary_cross_entropy"].output_delta(
        fmt, function["sigmoid"], of([-1]), of([a]), of([y])
    )
    yield "BP1 bce", delta, u * (10 * (y * (1 - a) + (1 - y) * a) + 2 * (E + 2) * a) + 2 * lam
    delta = loss["cross_entropy"].output_delta(fmt, function["sigmoid"], of([-1]), of([a]), of([1]))
    yield "BP1 ce + sigmoid", delta, u * (8 * (1 - a) + 2 * (E + 2) * a) + 2 * lam
    halves, zeros = of([0.5, 0.5], [0.5, 0.5]), of([0, 0], [0, 0])
    for rows, Y, y0 in (
        (np.array([0, 0]), 1, 1),
        (of([0.5, 0.25], [0, 1]), mpmath.mpf("0.75"), mpmath.mpf("0.5")),
    ):
        delta = loss["cross_entropy"].output_delta(fmt, function["softmax"], zeros, halves, rows)
        yield (
            f"BP1 ce + softmax, sum {Y}",
            delta,
            (u * (10 * (y0 + Y / 2) + 2 * (2 * E + 4) * Y / 2) + abs(Y - 1) / 2) / 2 + 2 * lam,
        )
        delta, two = s_ce.output_delta(fmt, function["identity"], zeros, zeros, rows), log(2)
        want = (
            u * (7 * (y0 + Y / 2) + (2 * E + 6 + (2 + Elog) * two) * Y / 2) + abs(Y - 1) / 2
        ) / 2 + lam
        yield f"BP1 softmax ce, sum {Y}", delta, want
    tall = s_ce.output_delta(fmt, function["identity"], of([-1, 0]), of([-1, 0]), np.array([1]))
    yield "BP1 softmax ce, s", tall, u * (7 * p + (2 + p + 2 * E + 6 + (2 + Elog) * L) * p) + lam
    delta = loss["sigmoid_cross_entropy"].output_delta(
        fmt, function["identity"], of([0, 0]), of([0, 0]), of([0.25, 1])
    )
    yield "BP1 sigmoid ce", delta, u * ((E + 2) / 2 + 4 * 0.5) / 2 + lam
    # BP2: g = 3 * 2 - 5 * 7 = -29 of terms 41
    above, W = of([3, -5]), column(2, 7, dtype=dtype)
    error = 2 * u * 41 + 2 * lam
    magnitude = 29 + error
    a = mpmath.mpf("0.25")
    for name, slope, e, rounds in (
        ("identity", 1, 0, 0),
        (
            "sigmoid",
            a * (1 - a),
            4 * a * (1 - a) + 2 * (E + 2) * a * (1 - 2 * a) + (2 * (E + 2)) ** 2 * u * a**2,
            1,
        ),
        ("tanh", 1 - a**2, 3 * (1 - a**2) + a**2 * (1 + 4 * 8), 1),
        ("relu", 1, 0, 0),
    ):
        want = (error * slope + magnitude * u * (rounds * slope + e)) * (
            1 + 20 * u
        ) + rounds * lam * (2 * magnitude + 1)
        yield f"BP2 {name}", hidden_delta(fmt, function[name], above, W, of([1]), of([a])), want
    leaky = (error / 4 + magnitude * u * (1 + r) / 4) * (1 + 20 * u) + lam * (2 * magnitude + 1)
    yield (
        "BP2 leaky",
        hidden_delta(fmt, function["leaky_relu"], above, W, of([-1]), of([-0.25])),
        leaky,
    )
    W = column(2, 7, dtype=dtype)
    zeros, saturated = column(0, 0, dtype=dtype), 41 * 2 * u + 2 * lam + 29
    yield (
        "BP2 identity of zeros",
        hidden_delta(fmt, function["identity"], above, zeros, of([0]), of([0])),
        2 * lam * (1 + 20 * u),
    )
    yield (
        "BP2 sigmoid, f' = 0",
        hidden_delta(fmt, function["sigmoid"], above, W, of([-800]), of([0])),
        lam * (2 * saturated + 1),
    )
    W = of([2, 1], [7, 1])
    yield (
        "BP2 softmax, a = 0",
        hidden_delta(fmt, function["softmax"], above, W, of([-800, 0]), of([0, 1])),
        lam * (4 + 2 + 2 * 41 + 2 * 49),
    )
    want = (2 + 2 + 6) * u * a * (41 + 41 * a + 8 * 3 * a) + lam * (4 + 2 + 2 * 41 + 2 * 49)
    yield (
        "BP2 softmax",
        hidden_delta(fmt, function["softmax"], above, W, of([0, 0]), of([0.25, 0.75])),
        want,
    )
    # the step: theta 3, g 1/2, lr 1/2, eps 1/8, t 2
    late = 1 + 30 * u
    Ed = u * (2 + (1 + r) * mpmath.mpf("1.5")) + lam  # of d = 1/2 + 3/2
    decay = {"weight_decay": 0.5}
    yield "sgd", entry_of("sgd", {}, "theta", fmt), late * (u * 2.75 + (1 + r) * u / 4 + 2 * lam)
    yield (
        "sgd, decay",
        entry_of("sgd", decay, "theta", fmt),
        late * (u * 2 + (1 + r) * u + Ed / 2 + 2 * lam),
    )
    kept, moved = {"momentum_buffer": 4.0}, {"momentum_buffer": 2.0}
    yield (
        "sgd first buf",
        entry_of("sgd", {"momentum": 0.5, **decay}, "momentum_buffer", fmt),
        late * Ed,
    )
    want = late * (4 * u + (1 + r) * u * 2 + Ed + 2 * lam)
    yield (
        "sgd buf",
        entry_of("sgd", {"momentum": 0.5, **decay}, "momentum_buffer", fmt, old=kept),
        want,
    )
    dampened = late * (u * 2.5 + (1 + r) * u * 2 + Ed / 4 + (2 + r) * u / 4 * 2 + 2 * lam)
    yield (
        "sgd buf, dampened",
        entry_of(
            "sgd", {"momentum": 0.5, "dampening": 0.75, **decay}, "momentum_buffer", fmt, old=kept
        ),
        dampened,
    )
    yield (
        "sgd, momentum",
        entry_of("sgd", {"momentum": 0.5}, "theta", fmt, new=moved),
        late * (2 * u + (1 + r) * u + 2 * lam),
    )
    ahead = late * (u * 1.5 + (1 + r) * u * 1.5 + (u * 3 + Ed + (1 + r) * u) / 2 + 2 * lam)
    yield (
        "sgd, nesterov",
        entry_of("sgd", {"momentum": 0.5, "nesterov": True, **decay}, "theta", fmt, new=moved),
        ahead,
    )
    yield (
        "adagrad sum",
        entry_of("adagrad", {}, "sum", fmt, old={"sum": 1.0}),
        late * (u * 1.25 + u * 0.25 + 2 * lam),
    )
    yield (
        "adagrad sum, decay",
        entry_of("adagrad", decay, "sum", fmt, old={"sum": 1.0}),
        late * (u * 5 + u * 4 + 4 * Ed + Ed**2 + 2 * lam),
    )
    D = mpmath.mpf("0.625")  # of v = 1/4
    q, lr = D**-1 / 4, mpmath.mpf("0.5")
    underflow = lam * (2 + lr + (1 + q) / D)
    per_q = u * (2 + 3 + r + r * mpmath.mpf("0.125") / D)
    yield (
        "adagrad",
        entry_of("adagrad", {}, "theta", fmt, new={"sum": 0.25}),
        late * (u * (3 - q) + per_q * q + underflow),
    )
    lr, q = lr / 2, q / 2
    want = late * (
        u * (3 - 4 * q) + (per_q + 3 * v53) * 4 * q + lr * Ed / D + lam * (2 + lr + (1 + 4 * q) / D)
    )
    yield (
        "adagrad, lr_decay",
        entry_of("adagrad", {"lr_decay": 1.0, **decay}, "theta", fmt, new={"sum": 0.25}),
        want,
    )
    q = mpmath.mpf("0.5") / D
    Eq = u * (2 + 2 + r * mpmath.mpf("0.125") / D) * q + lam * (1 + (2 + q) / D)
    want = late * (u * (3 - q / 2) + (1 + r) * u * q / 2 + Eq / 2 + 2 * lam)
    yield "rmsprop", entry_of("rmsprop", {}, "theta", fmt, new={"square_avg": 0.25}), want
    buffer = entry_of(
        "rmsprop",
        {"momentum": 0.5},
        "momentum_buffer",
        fmt,
        old={"momentum_buffer": 4.0},
        new={"square_avg": 0.25},
    )
    yield "rmsprop buf", buffer, late * (u * (2 + q) + (1 + r) * u * 2 + Eq + 2 * lam)
    yield (
        "rmsprop, momentum",
        entry_of("rmsprop", {"momentum": 0.5}, "theta", fmt, new=moved),
        late * (2 * u + (1 + r) * u + 2 * lam),
    )
    blur = u * (mpmath.mpf("0.25") + 1) + lam  # of v - mean^2 = 5/4 - 1
    width = 0.5 / (sqrt(0.25 - blur) + 0.125) - q
    Eq = (
        u * (4 + r * mpmath.mpf("0.125") / D) * (q + width)
        + width
        + lam * (1 + (2 + q + width) / D)
    )
    want = late * (u * (3 - q / 2) + (1 + r) * u * q / 2 + Eq / 2 + 2 * lam)
    yield (
        "rmsprop, centered",
        entry_of(
            "rmsprop", {"centered": True}, "theta", fmt, new={"square_avg": 1.25, "grad_avg": 1.0}
        ),
        want,
    )
    betas = {"betas": (0.75, 0.75)}
    for rule in ("adam", "adamw"):
        # plain: (1 + r) 3 + (2 + r) / 8; lerp: (3 + r) 3.5 / 4
        mean = entry_of(rule, betas, "exp_avg", fmt, old={"exp_avg": 4.0})
        plain, nearer = (
            (1 + r) * mpmath.mpf(3) + (2 + r) * mpmath.mpf("0.125"),
            (3 + r) * mpmath.mpf("0.875"),
        )
        yield f"{rule} m", mean, late * (u * (3.125 + max(plain, nearer)) + 3 * lam)
        square = entry_of(rule, betas, "exp_avg_sq", fmt, old={"exp_avg_sq": 4.0})
        yield (
            f"{rule} v",
            square,
            late * (u * (3.0625 + (1 + r) * 3 + (3 + r) / mpmath.mpf(16)) + 3 * lam),
        )
        yield (
            f"{rule} v of zeros",
            entry_of(rule, betas, "exp_avg_sq", fmt, g=0.0, old={"exp_avg_sq": 0.0}),
            late * 3 * lam,
        )
    low = entry_of("adam", {"betas": (0.25, 0.75)}, "exp_avg", fmt, g=-8.0, old={"exp_avg": 4.0})
    plain, further = (1 + r) + (2 + r) * 6, (3 + r) * 3 + (1 + r) * 9
    yield "adam m, beta below 1/2", low, late * (u * (5 + max(plain, further)) + 3 * lam)
    d2 = entry_of("adam", {**betas, **decay}, "exp_avg_sq", fmt, old={"exp_avg_sq": 4.0})
    yield (
        "adam v, decay",
        d2,
        late * (u * (4 + (1 + r) * 3 + (3 + r)) + (4 * Ed + Ed**2) / 4 + 3 * lam),
    )
    d1 = entry_of("adam", {**betas, **decay}, "exp_avg", fmt, old={"exp_avg": 4.0})
    yield (
        "adam m, decay",
        d1,
        late
        * (
            u * (3.5 + max((1 + r) * 3 + (2 + r) / mpmath.mpf(2), (3 + r) / mpmath.mpf(2)))
            + Ed / 4
            + 3 * lam
        ),
    )
    for rule, t in (("adam", 1), ("adam", 2), ("adamw", 2)):
        b1, b2 = mpmath.mpf("0.5") ** t, mpmath.mpf("0.75") ** t
        s = sqrt(0.25 / (1 - b2))
        D, rate = s + 0.125, mpmath.mpf("0.5") / (1 - b1)
        q = rate / 2 / D
        e1, e2 = (v53 * (2 * b / (1 - b) * (t > 1) + 1) for b in (b1, b2))
        theta = mpmath.mpf(3) * (mpmath.mpf("0.75") if rule == "adamw" else 1)
        shrunk = u * ((2 + r) * theta + 0.75) if rule == "adamw" else 0
        per_q = u * (3 * s / D + 4 + 2 * r) + (e2 / 2 + v53) * s / D + e1 + v53
        want = late * (
            u * abs(theta - q) + per_q * q + shrunk + lam * (3 + rate * (1 + 1 / D) + (1 + q) / D)
        )
        settings = {"betas": (0.5, 0.75), **(decay if rule == "adamw" else {})}
        moved = entry_of(
            rule, settings, "theta", fmt, new={"exp_avg": 0.5, "exp_avg_sq": 0.25}, t=t
        )
        yield f"{rule}, t {t}", moved, want

    v = fmt.tiny / 8.0  # v' / bc2 in the subnormal range: q over it, give or take lam
    s, rate = sqrt(v / mpmath.mpf("0.4375")), mpmath.mpf("0.5") / mpmath.mpf("0.75")
    e1, e2 = (v53 * (2 * b / (1 - b) + 1) for b in (mpmath.mpf("0.25"), mpmath.mpf("0.5625")))
    eps = 2.0 ** (-520 if dtype == "float64" else -70)
    faded = entry_of(
        "adam",
        {"betas": (0.5, 0.75), "eps": eps},
        "theta",
        fmt,
        theta=0.0,
        new={"exp_avg": 1.0, "exp_avg_sq": v},
    )
    D = s + eps
    q = rate / D
    width = max(
        abs(rate / (sqrt(w) + eps) - q) for w in (mpmath.mpf(0), v / mpmath.mpf("0.4375") + lam)
    )
    per_q = u * (3 * s / D + 4 + 2 * r) + (e2 / 2 + v53) * s / D + e1 + v53
    want = late * (
        u * q + per_q * (q + width) + width + lam * (3 + rate * (1 + 1 / D) + (1 + q) / D)
    )
    yield "adam, v below the smallest", faded, want


@cache
def theorems(dtype):
    """The same by name, in 50 digits."""
    with mpmath.workdps(50):
        found = [(name, made, mpmath.mpf(want)) for name, made, want in documented(dtype)]
    assert len({name for name, *_ in found}) == len(found)
    return {name: (made, want) for name, made, want in found}


BY_HAND = [*theorems("float64")]


@in_both_dtypes
@pytest.mark.parametrize("name", BY_HAND)
def test_a_bound_is_what_its_theorem_says(name, dtype):
    """On numbers that one can follow by hand the bound is the documented expression,
    but for the rounding of float64.
    """
    made, want = theorems(dtype)[name]
    with mpmath.workdps(50):
        got = mpmath.mpf(float(made.bound.flat[0]))
        # centered: a wide difference
        off = (
            mpmath.mpf(FORMATS[dtype].slack)
            if "centered" in name
            else OPERATIONS * mpmath.mpf(2) ** -53
        )
        assert abs(got - want) <= off * want
    assert made.judged.all()


@in_both_dtypes
def test_what_overflows_on_the_way_is_not_judged(dtype):
    """Terms that are beyond the largest number are not judged, though their sum is far
    below; half of them is judged.
    """
    fmt = FORMATS[dtype]
    identity, factor = ACTIVATION_ENTRIES["identity"](), np.array([[2.0**40, -(2.0**40)]], dtype)
    with np.errstate(all="ignore"):
        for share, judged in ((0.6, False), (0.2, True)):
            big = np.full((1, 2), share * fmt.largest / 2.0**40, dtype)
            for made in (
                weighted_input(fmt, big, factor, np.zeros(1, dtype)),
                hidden_delta(fmt, identity, big, factor.T, big[:, :1], big[:, :1]),
                bias_gradient(fmt, (big * factor).T),
                weight_gradient(fmt, big.T, factor.T),
            ):
                assert made.judged.all() == judged
        for name in ("mse", "half_squared_error", "mae"):
            for share, judged in ((0.3, False), (0.2, True)):
                a = np.full((5, 1), share * fmt.largest, dtype)
                assert (
                    LOSS_ENTRIES[name]()
                    .output_delta(fmt, identity, a, a, np.zeros_like(a))
                    .judged.all()
                    == judged
                )
