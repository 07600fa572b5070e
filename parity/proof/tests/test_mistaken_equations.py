"""A mistake in an equation is refused at that equation, as wrong."""

from dataclasses import replace

import numpy as np
import pytest

from parity.proof.certificate import certify
from parity.proof.tests.programs import assert_passes, in_both_dtypes, run
from parity.proof.tests.spelled_rules import adagrad, adam, adamw, folded, form, rmsprop, sgd
from parity.proof.tests.spellings import SLOPES, exp_over_sum, one_hot
from parity.steps.cases import Case


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
