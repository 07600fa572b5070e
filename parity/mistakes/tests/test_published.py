"""The mistakes that people published, written a second time as a student writes a
network, and every one of them diagnosed by name.

Below is a program in plain NumPy that knows nothing of the catalogue. Each of its
functions can be exchanged for the published wrong one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.catalogue.published import FALSE_ALARMS, PUBLISHED
from parity.mistakes.diagnosis import diagnose_runs
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.probes import PROBES, Probe
from parity.steps.cases import Case

GRADIENTS = ("dW", "db", "W", "b")
EVERYTHING = ("z", "a", "loss", "delta", *GRADIENTS)


# a student's program


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def activate(name, z, slope=0.01):
    return {
        "identity": lambda: z,
        "sigmoid": lambda: sigmoid(z),
        "tanh": lambda: np.tanh(z),
        "relu": lambda: np.maximum(z, 0),
        "leaky_relu": lambda: np.where(z > 0, z, slope * z),
        "softmax": lambda: softmax(z),
    }[name]()


def derivative(name, a, slope=0.01):
    """f'(z) of the elementwise activations, made of a = f(z)."""
    return {
        "identity": lambda: np.ones_like(a),
        "sigmoid": lambda: a * (1 - a),
        "tanh": lambda: 1 - a**2,
        "relu": lambda: (a > 0).astype(a.dtype),
        "leaky_relu": lambda: np.where(a > 0, 1, slope).astype(a.dtype),
    }[name]()


def pull_back(net, l, g):
    """dC/dz from dC/da."""
    name, parameters = net.f[l]
    if name == "softmax":
        p = net.a[l]
        return np.stack(
            [(np.diag(row) - np.outer(row, row)) @ g_row for row, g_row in zip(p, g, strict=True)]
        )
    return g * derivative(name, net.a[l], **parameters)


def cost(net):
    a, y, n = net.a[-1], net.y, net.n
    with np.errstate(all="ignore"):
        return {
            "mse": lambda: np.mean((a - y) ** 2),
            "half_squared_error": lambda: np.sum((a - y) ** 2) / (2 * n),
            "mae": lambda: np.mean(np.abs(a - y)),
            "cross_entropy": lambda: -np.sum(np.where(y > 0, y * np.log(a), 0)) / n,
            "softmax_cross_entropy": lambda: -np.sum(y * log_softmax(a)) / n,
            "binary_cross_entropy": lambda: (
                -np.mean(
                    np.where(y > 0, y * np.log(a), 0) + np.where(y < 1, (1 - y) * np.log(1 - a), 0)
                )
            ),
            "sigmoid_cross_entropy": lambda: np.mean(
                np.maximum(a, 0) - a * y + np.log1p(np.exp(-np.abs(a)))
            ),
        }[net.loss]()


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def cost_slope(net):
    """dC/da of the losses on values."""
    e = net.a[-1] - net.y
    return {
        "mse": lambda: 2 * e / e.size,
        "half_squared_error": lambda: e / net.n,
        "mae": lambda: np.sign(e) / e.size,
    }[net.loss]()


def probabilities(net):
    """What a cross-entropy compares with the targets."""
    logits = {"softmax_cross_entropy": softmax, "sigmoid_cross_entropy": sigmoid}
    return logits[net.loss](net.z[-1]) if net.loss in logits else net.a[-1]


def output_delta(net):
    if "entropy" in net.loss:
        return (probabilities(net) - net.y) / (
            net.n if net.loss in ("cross_entropy", "softmax_cross_entropy") else net.y.size
        )
    return net.do.pull_back(net, net.last, net.do.cost_slope(net))


def gradients_of(net, l):
    net.delta[l] = net.do.output_delta(net) if l == net.last else net.do.hidden_delta(net, l)
    net.db[l], net.dW[l] = net.do.db(net, l), net.do.dW(net, l)


def backward(net):
    for l in reversed(range(len(net.W))):
        gradients_of(net, l)


def sgd(net, theta, g, kept):
    mu, damping = net.h["momentum"], 1 - net.h["dampening"]
    if mu:
        kept["v"] = mu * kept["v"] + damping * g if "v" in kept else g
        g = g + mu * kept["v"] if net.h["nesterov"] else kept["v"]
    return theta - net.lr * g


def adagrad(net, theta, g, kept):
    kept["sum"] = kept.get("sum", net.h["initial_accumulator_value"]) + g**2
    return theta - net.lr / (1 + (net.t - 1) * net.h["lr_decay"]) * g / (
        np.sqrt(kept["sum"]) + net.h["eps"]
    )


def rmsprop(net, theta, g, kept):
    rho = net.h["alpha"]
    kept["v"] = rho * kept.get("v", 0) + (1 - rho) * g**2
    return theta - net.lr * g / (np.sqrt(kept["v"]) + net.h["eps"])


def moments(net, g, kept):
    beta1, beta2 = net.h["betas"]
    kept["m"] = beta1 * kept.get("m", 0) + (1 - beta1) * g
    kept["v"] = beta2 * kept.get("v", 0) + (1 - beta2) * g**2
    return kept["m"], kept["v"]


def adam(net, theta, g, kept):
    (m, v), (beta1, beta2) = moments(net, g, kept), net.h["betas"]
    return theta - net.lr * (m / (1 - beta1**net.t)) / (
        np.sqrt(v / (1 - beta2**net.t)) + net.h["eps"]
    )


def adamw(net, theta, g, kept):
    return adam(net, theta * (1 - net.lr * net.h["weight_decay"]), g, kept)


RULES = {"sgd": sgd, "adagrad": adagrad, "rmsprop": rmsprop, "adam": adam, "adamw": adamw}


def decayed(net, name, theta, g):
    return g if net.optimizer == "adamw" else g + net.h["weight_decay"] * theta


def step(net, name, l):
    theta, g = getattr(net, name)[l], getattr(net, "d" + name)[l]
    rule = net.do.rule or RULES[net.optimizer]
    return rule(net, theta, net.do.decayed(net, name, theta, g), net.kept.setdefault((name, l), {}))


def update(net):
    for l in range(len(net.W)):
        net.W[l], net.b[l] = net.do.step(net, "W", l), net.do.step(net, "b", l)


@dataclass(frozen=True)
class Program:
    """One function for everything that a step does; layers count from 0."""

    begin: Callable = lambda net: None
    z: Callable = lambda net, l: net.below(l) @ net.W[l].T + net.b[l]
    a: Callable = lambda net, l: activate(net.f[l][0], net.z[l], **net.f[l][1])
    cost: Callable = cost
    cost_slope: Callable = cost_slope
    pull_back: Callable = pull_back
    output_delta: Callable = output_delta
    hidden_delta: Callable = lambda net, l: net.do.pull_back(
        net, l, net.delta[l + 1] @ net.W[l + 1]
    )
    db: Callable = lambda net, l: net.delta[l].sum(axis=0)
    dW: Callable = lambda net, l: net.delta[l].T @ net.below(l)
    backward: Callable = backward
    decayed: Callable = decayed
    rule: Callable | None = None  # (net, theta, g, what is kept for this theta) to the new theta
    step: Callable = step
    update: Callable = update


@dataclass
class Net:
    """What the program holds in memory.

    Lists go by layer; `kept` is what stays from step to step.
    """

    do: Program
    W: list
    b: list
    kept: dict = field(default_factory=dict)

    def read(self, given):
        """What is given for one step."""
        spec = given.spec
        self.f, self.loss, self.optimizer, self.h, self.t = (
            spec.activations,
            spec.loss,
            spec.optimizer,
            spec.hyperparameters,
            spec.step,
        )
        self.x, self.n, self.last, self.lr = (
            given.x.copy(),
            len(given.x),
            len(self.W) - 1,
            self.h["lr"],
        )
        self.y = given.y if given.y.ndim > 1 else np.eye(spec.sizes[-1], dtype=spec.dtype)[given.y]
        self.z, self.a, self.delta, self.dW, self.db = ([None] * len(self.W) for _ in range(5))

    def take(self, given):
        """One step, and everything that it made."""
        self.read(given)
        self.do.begin(self)
        for l in range(len(self.W)):
            self.z[l] = self.do.z(self, l)
            self.a[l] = self.do.a(self, l)
        made = {("loss", len(self.W)): np.asarray(self.do.cost(self))}
        self.do.backward(self)
        made |= self.copies("z", "a", "delta", "dW", "db")
        self.do.update(self)
        return made | self.copies("W", "b")

    def copies(self, *names):
        """These arrays as they are now, by name and layer; layers count from 1 in a
        run.
        """
        return {
            (name, l): array.copy()
            for name in names
            for l, array in enumerate(getattr(self, name), 1)
        }

    def below(self, l):
        """The activations of the layer below, x under the first."""
        return self.a[l - 1] if l else self.x


@np.errstate(all="ignore")
def trained(inputs, shown=EVERYTHING, **exchanged):
    """The run of a program with these functions on the inputs of another one, as far as
    it is shown.
    """
    net = Net(Program(**exchanged), [W.copy() for W in inputs.W], [b.copy() for b in inputs.b])
    steps = [(given, net.take(given)) for given in inputs.steps]
    seen = (
        replace(given, arrays={key: array for key, array in arrays.items() if key[0] in shown})
        for given, arrays in steps
    )
    return replace(inputs, steps=tuple(seen))


# the mistakes, as their authors made them


def forward_of(name, f):
    """The forward pass with another form of one activation."""
    return lambda net, l: (
        f(net, l) if net.f[l][0] == name else activate(net.f[l][0], net.z[l], **net.f[l][1])
    )


def backward_of(name, f):
    """The backward pass with another form of one activation."""
    return lambda net, l, g: f(net, l, g) if net.f[l][0] == name else pull_back(net, l, g)


def tanh_of_the_output(net, l, g):
    """Neuron by neuron, sample by sample."""
    slopes = [[1 - np.tanh(output) ** 2 for output in sample] for sample in net.a[l]]
    return g * np.array(slopes, g.dtype)


def activated_again(net, l, g):
    s = sigmoid(net.a[l])
    return g * s * (1 - s)


def tanh_d(net, l, g):
    x = net.z[l]
    return g * (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)


def constant_below_zero(net, l, g):
    return np.where(net.z[l] > 0, g, net.f[l][1]["slope"])


def current_function_on_the_layer_below(net, l):
    g = net.delta[l + 1] @ net.W[l + 1]
    name, parameters = net.f[l + 1]
    return g * derivative(name, net.a[l], **parameters)


def output_neurons_first(net):
    """Plain lists: every weight of a layer is stepped before the layer below asks for
    it.
    """
    for l in reversed(range(len(net.W))):
        gradients_of(net, l)
        for j, weights in enumerate(net.W[l]):
            net.b[l][j] -= net.lr * net.db[l][j]
            for k in range(len(weights)):
                weights[k] -= net.lr * net.dW[l][j, k]


def step_by_step(net):
    """Layer by layer from the top: gradients, then at once `w += -lr ...`."""
    for l in reversed(range(len(net.W))):
        gradients_of(net, l)
        net.W[l] += -net.lr * net.dW[l]
        net.b[l] += -net.lr * net.db[l]


def errors_after_the_update(net):
    """The Toy Neural Network: errors = W^T errors, of the W that has just been
    updated.
    """
    errors = net.do.cost_slope(net)
    for l in reversed(range(len(net.W))):
        net.delta[l] = pull_back(net, l, errors)
        net.dW[l], net.db[l] = net.do.dW(net, l), net.do.db(net, l)
        net.W[l] = net.W[l] - net.lr * net.dW[l]
        net.b[l] = net.b[l] - net.lr * net.db[l]
        errors = (net.W[l].T @ net.delta[l].T).T


def shallow_copy(net):
    """The new layers are a copy of a list of dictionaries, which are still the old
    ones.
    """
    layers = [{"weights": W, "bias": b} for W, b in zip(net.W, net.b, strict=True)]
    layers_new = np.copy(layers)
    for l in reversed(range(len(layers))):
        net.delta[l] = (
            output_delta(net)
            if l == net.last
            else pull_back(net, l, net.delta[l + 1] @ layers[l + 1]["weights"])
        )
        net.dW[l], net.db[l] = net.delta[l].T @ net.below(l), net.delta[l].sum(axis=0)
        layers_new[l]["weights"] = layers_new[l]["weights"] - net.lr * net.dW[l]
        layers_new[l]["bias"] = layers_new[l]["bias"] - net.lr * net.db[l]
    net.W, net.b = (
        [layer["weights"] for layer in layers_new],
        [layer["bias"] for layer in layers_new],
    )


def nothing_left(net):
    """The update where `backward` has made it."""


UPDATED = {
    "lists": {"backward": output_neurons_first, "update": nothing_left},
    "in place": {"backward": step_by_step, "update": nothing_left},
    "errors": {"backward": errors_after_the_update, "update": nothing_left},
    "shared": {"backward": shallow_copy, "update": nothing_left},
}


def weights_alone(net):
    for l in range(len(net.W)):
        net.W[l] = net.do.step(net, "W", l)


def first_parameter_of_each_layer(net):
    for l in range(len(net.W)):
        parameters = (("W", net.W), ("b", net.b))
        for i in range(min(len(parameters), 1)):
            name, arrays = parameters[i]
            arrays[l] = net.do.step(net, name, l)


def everywhere(array, number):
    """A number where an array belongs, which NumPy subtracts from every entry."""
    return np.full_like(array, number)


def broadcast_gradient(net):
    e = net.a[-1] - net.y.ravel()
    return (2 * e / e.size).sum(axis=1, keepdims=True)


# softmax


def quotient_rule(net, l, g):
    """(e^z / S)' = (e^z S - e^z e^z) / S^2, with respect to its own z."""
    e = np.exp(net.z[l])
    S = e.sum(axis=1, keepdims=True)
    return g * (e * S - e * e) / S**2


def equivalent_to_the_sigmoid(net, l, g):
    signal = softmax(net.z[l])
    return g * (signal - signal**2)


def jacobian_in_a_loop(net, l, g):
    """gradient[i] is assigned for every j, so the last j remains; and x is the input of
    the softmax.
    """
    gradient = np.empty_like(g)
    for row, x, s in zip(gradient, net.z[l], net.a[l], strict=True):
        for i in range(len(x)):
            for j in range(len(x)):
                row[i] = s[i] * (1 - x[i]) if i == j else -s[i] * x[j]
    return g * gradient


def softmax_of_dA(net, l, g):
    made = []
    for dA, s in zip(g, softmax(g), strict=True):
        made.append((np.diag(s) - np.outer(s, s)) @ dA)
    return np.stack(made)


def as_softmax(f):
    """The program with another softmax, in its last layer or in its loss."""
    return {
        "a": forward_of("softmax", lambda net, l: f(net.z[l])),
        "cost": lambda net: (
            cost(net)
            if net.loss != "softmax_cross_entropy"
            else -np.sum(net.y * np.log(f(net.z[-1]))) / net.n
        ),
        "output_delta": lambda net: (
            (f(net.z[-1]) - net.y) / net.n if "entropy" in net.loss else output_delta(net)
        ),
    }


def over_all(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def overflowing(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def python_sum(z):
    """Python's sum adds up the rows of an array: over the batch."""
    return np.exp(z) / sum(np.exp(z))


def cost_of_softmax_twice(net):
    return -np.sum(net.y * np.log(softmax(softmax(net.z[-1])))) / net.n


def delta_of_softmax_twice(net):
    p = softmax(net.z[-1])
    g = (softmax(p) - net.y) / net.n
    return p * (g - (g * p).sum(axis=1, keepdims=True))


# what is kept too long


def buffer(net):
    """backprop adds to a buffer that was zero when it was made."""
    backward(net)
    for l in range(len(net.W)):
        for name in ("dW", "db"):
            g = net.kept.setdefault((name, l), np.zeros_like(getattr(net, name)[l]))
            g += getattr(net, name)[l]
            getattr(net, name)[l] = g


def without_zero_grad(net):
    """Every backward pass adds to `grad`, None before the first."""
    backward(net)
    for l in range(len(net.W)):
        for name in ("dW", "db"):
            grad = net.kept.get(("grad", name, l))
            net.kept["grad", name, l] = (
                getattr(net, name)[l] if grad is None else grad + getattr(net, name)[l]
            )
            getattr(net, name)[l] = net.kept["grad", name, l]


def without_zero_grad_by_sample(net):
    """The same with a backward pass for each sample, whose gradients are meant to add
    up over one batch.
    """
    backward(net)
    grads = net.kept.setdefault(
        "grads", [[np.zeros_like(W), np.zeros_like(b)] for W, b in zip(net.W, net.b, strict=True)]
    )
    for l in range(len(net.W)):
        for delta, below in zip(net.delta[l], net.below(l), strict=True):
            grads[l][0] += np.outer(delta, below)
            grads[l][1] += delta
        net.dW[l], net.db[l] = grads[l]


def templates(net):
    """The lists of zeros to begin a batch with are not copied."""
    backward(net)
    weight_templates = net.kept.setdefault("weights", [np.zeros_like(W) for W in net.W])
    bias_templates = net.kept.setdefault("biases", [np.zeros_like(b) for b in net.b])
    weight_updates, bias_updates = weight_templates, bias_templates
    for l in range(len(net.W)):
        weight_updates[l] += net.dW[l]
        bias_updates[l] += net.db[l]
    net.dW, net.db = list(weight_updates), list(bias_updates)


def fed_back(net):
    """dW += delta a + LR dW."""
    backward(net)
    for l in range(len(net.W)):
        for name in ("dW", "db"):
            dW = net.kept.get((name, l), 0)
            dW = dW + getattr(net, name)[l] + net.lr * dW
            net.kept[name, l] = getattr(net, name)[l] = dW


def copies_updated(net):
    weights = [array.copy() for array in (*net.W, *net.b)]
    for i, g in enumerate((*net.dW, *net.db)):
        weights[i] -= net.lr * g


def velocity_of_an_alias(net):
    """The velocity is theta minus the theta of before, of which the copy was none."""
    for name, arrays in (("W", net.W), ("b", net.b)):
        for l in range(len(arrays)):
            before = net.kept.setdefault((name, l), arrays[l])
            velocity = arrays[l] - before
            arrays[l] -= net.lr * getattr(net, "d" + name)[l]
            arrays[l] += net.h["momentum"] * velocity


def into_integers(net, name, l):
    """The array was made of integers, so what is written into it is cut."""
    theta = getattr(net, name)[l].astype(int)
    theta[...] = step(net, name, l)
    return theta.astype(net.x.dtype)


def upside_down(net, l):
    z = net.z[l]
    return (np.exp(z) + np.exp(-z)) / (np.exp(z) - np.exp(-z))


def leaky_after_relu(net, l):
    """x = relu(x), and then there is nothing below 0 for the slope."""
    x = np.maximum(net.z[l], 0)
    return x - net.f[l][1]["slope"] * np.maximum(-x, 0)


# update rules


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


class Entry(NamedTuple):
    """Where a mistake is shown, and the functions that make it."""

    probes: tuple[str, ...]
    exchanged: dict[str, Callable]


def entry(*probes, **exchanged):
    return Entry(probes, exchanged)


SQUARES = "softmax and squares"
MISTAKES = {
    "hidden-delta-grokking50": entry(
        "square layers", hidden_delta=lambda net, l: net.delta[l + 1] @ net.W[l + 1]
    ),
    "hardcoded-derivative-ttezel": entry(
        "mixed activations", pull_back=lambda net, l, g: g * net.a[l] * (1 - net.a[l])
    ),
    "double-tanh-neural2d40": entry("all tanh", pull_back=tanh_of_the_output),
    "double-activation-skynet": entry("XOR", pull_back=backward_of("sigmoid", activated_again)),
    "wrong-layer-activation-unda": entry(
        "square layers", "rectifiers", hidden_delta=current_function_on_the_layer_below
    ),
    "tanh-z2-dennybritz3": entry(
        "tanh and softmax",
        hidden_delta=lambda net, l: (
            (1 - np.tanh(net.z[l + 1]) ** 2) * (net.delta[l + 1] @ net.W[l + 1])
        ),
    ),
    "outer-transposed-grokking22": entry(
        "square layers", dW=lambda net, l: sum(map(np.outer, net.below(l), net.delta[l]))
    ),
    "own-output-in-dW-filipe": entry(
        "square layers",
        dW=lambda net, l: everywhere(net.W[l], net.delta[l].ravel() @ net.a[l].ravel()),
    ),
    "dW-uses-layer0-ralampay22": entry(
        "square layers", dW=lambda net, l: (net.x.T @ net.delta[l]).T
    ),
    "updated-w-joelgrus31": entry("square layers", **UPDATED["lists"]),
    "updated-w-botacademy": entry("square layers", **UPDATED["in place"]),
    "updated-w-codingtrain72": entry("one sample", **UPDATED["errors"]),
    "shallow-copy-botacademy": entry("classes as probabilities", **UPDATED["shared"]),
    "bias-sum-all-botacademy": entry(
        "classes as probabilities", db=lambda net, l: everywhere(net.b[l], np.sum(net.delta[l]))
    ),
    "sign-tutorial-pytorch1871": entry(
        "classes", rule=lambda net, theta, g, kept: theta + net.lr * g
    ),
    "sign-nll-gradient-cs231n": entry(
        "binary", output_delta=lambda net: (net.y - sigmoid(net.z[-1])) / net.y.size
    ),
    "sign-delta3-dennybritz11": entry(
        "classes as probabilities", output_delta=lambda net: (net.y - net.a[-1]) / net.n
    ),
    "bias-never-mattm5": entry("square layers", update=weights_alone),
    "bias-rbm-openann76": entry("square layers", db=lambda net, l: np.zeros_like(net.b[l])),
    "bias-lr-matconvnet197": entry("rectifiers", update=first_parameter_of_each_layer),
    "bias-scalar-sum-rasbt5": entry(
        "softmax regression", db=lambda net, l: everywhere(net.b[l], -np.sum(-net.delta[l]))
    ),
    "bias-from-dW-rowsum-dlnlp64": entry(
        "rectifiers", db=lambda net, l: np.sum(net.delta[l].T @ net.below(l), axis=1)
    ),
    "bias-no-batch-sum-mlpack3679": entry("one output", db=lambda net, l: net.delta[l]),
    "bias-rebind-jimfleming1": entry("mixed activations", db=lambda net, l: 1 * net.delta[l]),
    "bias-broadcast-nd4j2424": entry(
        "classes", db=lambda net, l: np.ones_like(net.b[l]) * net.delta[l]
    ),
    "batch-div-twice-graphsage12": entry(
        "binary",
        cost=lambda net: cost(net) / net.n,
        output_delta=lambda net: output_delta(net) / net.n,
    ),
    "batch-div-twice-coiltraine37": entry(
        "absolute error",
        cost=lambda net: cost(net) / net.n,
        cost_slope=lambda net: cost_slope(net) / net.n,
    ),
    "bias-div-twice-dl4j366": entry("classes", db=lambda net, l: net.delta[l].mean(axis=0)),
    "slices-vs-size-dl4j1452": entry(
        "one sample", output_delta=lambda net: output_delta(net) * net.n / net.x.shape[1]
    ),
    "mae-n-simd57e94ab": entry(
        "absolute error",
        cost_slope=lambda net: np.where(net.a[-1] > net.y, 1.0, -1.0).astype(net.y.dtype),
    ),
    "regressor-outputs-sklearn8349": entry(
        "mixed activations", cost_slope=lambda net: cost_slope(net) * net.y.shape[1]
    ),
    "no-average-hunkim173": entry(
        "XOR with cross-entropy", output_delta=lambda net: net.a[-1] - net.y
    ),
    "sum-loss-jax3113": entry(
        "classes",
        cost=lambda net: -np.sum(net.y * log_softmax(net.a[-1])),
        output_delta=lambda net: softmax(net.a[-1]) - net.y,
    ),
    "one-over-m-twice-dlai63071": entry(
        "binary as probabilities",
        hidden_delta=lambda net, l: (
            1 / net.n * (net.delta[l + 1] @ net.W[l + 1]) * (1 - net.a[l] ** 2)
        ),
    ),
    "divide-by-classes-zidvn": entry(
        "one sample of four classes",
        cost=lambda net: -np.sum(net.y * np.log(net.a[-1])) / net.y.shape[1],
    ),
    "half-dlib1169": entry(
        "mixed activations", cost_slope=lambda net: -(net.y - net.a[-1]) / net.y.size
    ),
    "jacobian-diag-libnd4j440": entry(
        SQUARES, pull_back=backward_of("softmax", lambda net, l, g: g * net.a[l] * (1 - net.a[l]))
    ),
    "jacobian-diag-seblague5": entry(
        SQUARES,
        pull_back=backward_of("softmax", quotient_rule),
    ),
    "softmax-1-minus-neuroph37": entry(
        SQUARES, pull_back=backward_of("softmax", lambda net, l, g: g * (1.0 * (1 - net.a[l])))
    ),
    "softmax-sigmoid-deriv-jorgenkg6": entry(
        SQUARES, pull_back=backward_of("softmax", equivalent_to_the_sigmoid)
    ),
    "jacobian-overwritten-so40575841": entry(
        SQUARES, pull_back=backward_of("softmax", jacobian_in_a_loop)
    ),
    "softmax-of-gradient-offlinew": entry(SQUARES, pull_back=backward_of("softmax", softmax_of_dA)),
    "softmax-all-elements-nd4j44": entry("classes", SQUARES, **as_softmax(over_all)),
    "softmax-all-utensor171": entry(
        "classes as probabilities", **as_softmax(lambda z: np.exp(z) / np.sum(np.exp(z)))
    ),
    "softmax-builtin-sum-so76473561": entry("classes as probabilities", **as_softmax(python_sum)),
    "softmax-overflow-simd-c18e9a9": entry(
        "huge logits as probabilities", "huge logits", **as_softmax(overflowing)
    ),
    "fused-derivative-aprilann5": entry(
        SQUARES, pull_back=backward_of("softmax", lambda net, l, g: g)
    ),
    "log0-tinydnn410": entry(
        "sure of it",
        "binary as probabilities",
        cost=lambda net: np.mean(-net.y * np.log(net.a[-1]) - (1 - net.y) * np.log(1 - net.a[-1])),
        output_delta=lambda net: (
            (net.a[-1] - net.y)
            / (net.a[-1] * (1 - net.a[-1]))
            * net.a[-1]
            * (1 - net.a[-1])
            / net.y.size
        ),
    ),
    "clip-kills-gradient-dqn46": entry(
        "one output",
        "mixed activations",
        cost=lambda net: np.mean(np.clip(net.a[-1] - net.y, -1, 1) ** 2),
        cost_slope=lambda net: (
            2 * (net.a[-1] - net.y) * (np.abs(net.a[-1] - net.y) <= 1) / net.y.size
        ),
    ),
    "softmax-twice-2": entry(
        "classes", cost=cost_of_softmax_twice, output_delta=delta_of_softmax_twice
    ),
    "softmax-twice-3": entry(
        "classes",
        "more samples than inputs, more inputs than classes",
        a=forward_of("identity", lambda net, l: softmax(net.z[l])),
        cost=cost_of_softmax_twice,
        output_delta=delta_of_softmax_twice,
    ),
    "grad-not-zeroed-simd-099a3c0": entry("mixed activations", backward=buffer),
    "dw-plus-lr-codeproject": entry("XOR", backward=fed_back),
    "zero-grad-tennis7": entry("mixed activations", backward=without_zero_grad),
    "zero-grad-torchforge71": entry("classes", backward=without_zero_grad_by_sample),
    "template-alias-offlinew": entry("all tanh", backward=templates),
    "optimizer-on-copy-nntrainer242": entry("mixed activations", update=copies_updated),
    "deepcopy-drmad6": entry("momentum", update=velocity_of_an_alias),
    "relu-ge-grokking13": entry(
        "rectifiers", pull_back=backward_of("relu", lambda net, l, g: g * (net.a[l] >= 0))
    ),
    "relu-mask-inverted-simd76ae42b": entry(
        "rectifiers", pull_back=backward_of("relu", lambda net, l, g: np.where(net.a[l] <= 0, g, 0))
    ),
    "relu-mask-on-gradient-dlbook127": entry(
        "rectifiers", pull_back=backward_of("relu", lambda net, l, g: np.maximum(g, 0))
    ),
    "leaky-constant-zig5": entry(
        "rectifiers", pull_back=backward_of("leaky_relu", constant_below_zero)
    ),
    "leaky-alpha-dl4j8178": entry(
        "rectifiers",
        pull_back=backward_of("leaky_relu", lambda net, l, g: np.where(net.z[l] < 0, 0.01 * g, g)),
    ),
    "leaky-forward-tflearn784": entry(
        "rectifiers",
        a=forward_of("leaky_relu", leaky_after_relu),
    ),
    "tanh-d-andersbll4": entry("all tanh", pull_back=backward_of("tanh", tanh_d)),
    "tanh-half-hips317": entry(
        "all tanh",
        a=forward_of("tanh", lambda net, l: (1 - np.exp(-net.z[l])) / (1 + np.exp(-net.z[l]))),
    ),
    "int-weights-tdlearn": entry("whole numbers", step=into_integers),
    "l2-sign-andersbll4": entry(
        "weight decay", decayed=lambda net, name, theta, g: g - net.h["weight_decay"] * theta
    ),
    "l2-ones-column-jwarmenhoven3": entry(
        "weight decay",
        decayed=lambda net, name, theta, g: (
            g + net.h["weight_decay"] * (theta if name == "W" else np.ones_like(theta))
        ),
    ),
    "l2-bias-forgotten-burton9": entry("weight decay", decayed=weights_decay),
    "l2-factor2-jingting3": entry(
        "weight decay", decayed=lambda net, name, theta, g: g + net.h["weight_decay"] / 2 * theta
    ),
    "l2-ignored-adam-paddle5836": entry(
        "Adam with weight decay", decayed=lambda net, name, theta, g: g
    ),
    "momentum-stale-mdenil4": entry("momentum", rule=old_velocity),
    "momentum-init-matrixslow17": entry("momentum", rule=first_velocity),
    "momentum-on-weights-ralampay": entry(
        "momentum", rule=lambda net, theta, g, kept: net.h["momentum"] * theta - net.lr * g
    ),
    "nesterov-twice-simd17": entry("Nesterov momentum", begin=look_ahead, rule=whole_velocity),
    "nesterov-sign-paddle12231": entry("Nesterov momentum", rule=plus_velocity),
    "adam-missing-micrograd2e": entry("AdamW", rule=uncorrected_adamw),
    "adam-t1-cs231n179": entry("Adam", rule=t_from(2)),
    "adam-recursive-eta-pennylane1929": entry("Adam", rule=recursive_rate),
    "adam-beta-inverted-blocks1159": entry("Adam", rule=complemented),
    "adam-beta-inconsistent-skip82": entry("Adam", rule=complemented_in_averages),
    "adam-t0-burn630": entry("Adam", rule=t_from(0)),
    "adam-eps-scaled-pytorch22628": entry("Adam", rule=epsilon_outside),
    "adam-lr-cancels-unda": entry("Adam", rule=rate_in_the_gradient),
    "adam-doc-npfl114": entry("Adam", rule=beta_squared),
    "rmsprop-avg-devinterview1": entry("RMSprop", rule=undamped),
    "adamw-basicmodel2": entry("AdamW", decayed=coupled, rule=adam),
    "lr-undefined-shiffman12": entry("XOR", rule=lambda net, theta, g, kept: theta - g * np.nan),
    "broadcast-tchrs510": entry(
        "one output",
        cost=lambda net: np.mean((net.a[-1] - net.y.ravel()) ** 2),
        cost_slope=broadcast_gradient,
    ),
    "gradcheck-partial-bighuang10": entry(
        "binary as probabilities",
        dW=lambda net, l: (2 if l == 1 else 1) * net.delta[l].T @ net.below(l),
        db=lambda net, l: (4 if l == 0 else 1) * net.delta[l].sum(axis=0),
    ),
    "tanh-upside-down-fastbook273": entry("all tanh", a=forward_of("tanh", upside_down)),
}


# what was taken for a mistake, and is none


def cross_entropy_cost(net):
    """As in network2: the terms 0 log 0 are set to 0."""
    a, y = net.a[-1], net.y
    return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a))) / y.size


def sigmoid_prime_of_outputs(x):
    return x * (1 - x)


def d_sigmoid_of_the_outputs(net, l, g):
    """Mapped over the matrix of the outputs, number by number."""
    return g * np.array([[x * (1 - x) for x in row] for row in net.a[l]], g.dtype)


def zeroed_where_the_output_is_zero(net, l, g):
    delta = g.copy()
    delta[net.a[l] == 0] = 0
    return delta


def one_array_more(net):
    """The activations begin with x, and so the deltas have an entry for it that nobody
    fills.
    """
    activations, deltas = [net.x, *net.a], [None] * (len(net.a) + 1)
    deltas[-1] = output_delta(net)
    for l in range(len(net.W) - 1, 0, -1):
        deltas[l] = pull_back(net, l - 1, deltas[l + 1] @ net.W[l])
    net.delta = deltas[1:]
    net.dW = [delta.T @ a for delta, a in zip(net.delta, activations, strict=False)]
    net.db = [delta.sum(axis=0) for delta in net.delta]


def through_a_reference(net):
    """`errors` is the stored array under a second name."""
    neuron_errors = [np.zeros_like(a) for a in net.a]
    for l in reversed(range(len(neuron_errors))):
        errors = neuron_errors[l]
        errors[:] = (
            output_delta(net)
            if l == net.last
            else pull_back(net, l, neuron_errors[l + 1] @ net.W[l + 1])
        )
    net.delta = neuron_errors
    for l in range(len(net.W)):
        net.dW[l], net.db[l] = net.do.dW(net, l), net.do.db(net, l)


def errors_of_the_target(net):
    return (net.y - net.a[-1]) * 2 / net.y.size


def added(net, theta, g, kept):
    theta = theta.copy()
    theta += net.lr * g
    return theta


def change_of_variables(net, theta, g, kept):
    """Sutskever's v for the looked-ahead weights."""
    mu, old = net.h["momentum"], kept.get("v", 0)
    kept["v"] = mu * old - net.lr * g
    return theta - mu * old + (1 + mu) * kept["v"]


def axpy(x, value, other):
    """x:add(value, other)."""
    x += value * other
    return x


def of_log_softmax_twice(net):
    return -np.sum(net.y * log_softmax(log_softmax(net.a[-1]))) / net.n


def where_the_class_is_1(net):
    return -np.log(np.where(net.y == 1, net.a[-1], 1 - net.a[-1])).mean()


def zeroed_by_the_trainer(net):
    """Sample by sample: the gradient of a layer's inputs is overwritten, those of the
    parameters add up.
    """
    backward(net)
    for l in range(len(net.W)):
        net.dW[l], net.db[l] = np.zeros_like(net.W[l]), np.zeros_like(net.b[l])
    for i in range(net.n):
        for l in range(len(net.W)):
            net.dW[l] += np.outer(net.delta[l][i], net.below(l)[i])
            net.db[l] += net.delta[l][i]


def update_grad_input(net, l, grad_output):
    """Of the sigmoid, as torch7 has it."""
    output = net.a[l]
    return (1 - output) * output * grad_output


def errors_led_back(net, l):
    """With columns for samples: who.T is the way back from the outputs."""
    return pull_back(net, l, np.dot(net.W[l + 1].T, net.delta[l + 1].T).T)


def folded(net, theta, g, kept):
    """Adam as the paper ends its section 2: both corrections in the rate, and eps
    scaled along with the root of v.
    """
    (m, v), (beta1, beta2) = moments(net, g, kept), net.h["betas"]
    root = float(np.sqrt(1 - beta2**net.t))
    return theta - net.lr * root / (1 - beta1**net.t) * m / (np.sqrt(v) + net.h["eps"] * root)


RIGHT = {
    "fa-nielsen77": entry(
        "binary as probabilities",
        cost=cross_entropy_cost,
        output_delta=lambda net: (net.a[-1] - net.y) / net.y.size,
    ),
    "fa-packt4": entry("XOR", pull_back=lambda net, l, g: g * sigmoid_prime_of_outputs(net.a[l])),
    "fa-dlt165": entry("one layer", pull_back=lambda net, l, g: g * (net.a[l] * (1 - net.a[l]))),
    "fa-shiffman22": entry(
        "one sample", pull_back=backward_of("sigmoid", d_sigmoid_of_the_outputs)
    ),
    "fa-sklearn14244": entry(
        "rectifiers",
        pull_back=backward_of("relu", zeroed_where_the_output_is_zero),
    ),
    "fa-sklearn8987": entry("mixed activations", backward=one_array_more),
    "fa-accord577": entry("mixed activations", backward=through_a_reference),
    "fa-accord258": entry("all tanh", cost_slope=errors_of_the_target, rule=added),
    "fa-rashid66": entry("XOR", cost_slope=lambda net: (net.y - net.a[-1]) / net.n, rule=added),
    "fa-smile151": entry(
        "classes as probabilities", output_delta=lambda net: (net.y - net.a[-1]) / net.n, rule=added
    ),
    "fa-pytorch44917": entry("momentum at a constant rate", rule=whole_velocity),
    "fa-pytorch5920": entry("Nesterov momentum at a constant rate", rule=change_of_variables),
    "fa-torchoptim57": entry(
        "mixed activations", rule=lambda net, theta, g, kept: axpy(theta, -net.lr, g)
    ),
    "fa-logsoftmax-coteaching4": entry(
        "classes",
        cost=of_log_softmax_twice,
        output_delta=lambda net: (softmax(log_softmax(net.z[-1])) - net.y) / net.n,
    ),
    "fa-zeroinit-nanmnist2": entry("softmax regression from zero"),
    "fa-fastbook515": entry("binary classes", cost=where_the_class_is_1),
    "fa-convnetjs17": entry("classes", backward=zeroed_by_the_trainer),
    "fa-torch7-232": entry("XOR", pull_back=update_grad_input),
    "fa-rashid77": entry(
        "XOR",
        cost_slope=lambda net: -2 * (net.y - net.a[-1]) / (2 * net.n),
        hidden_delta=errors_led_back,
    ),
}
OTHERWISE = {  # right by another convention, or in other words, and nobody's report
    "gradients averaged where they are made": entry(
        "classes",
        "XOR",
        output_delta=lambda net: net.n * output_delta(net),
        db=lambda net, l: 1 / net.n * net.delta[l].sum(axis=0),
        dW=lambda net, l: 1 / net.n * net.delta[l].T @ net.below(l),
    ),
    "gradients averaged in the update": entry(
        "classes",
        "XOR",
        output_delta=lambda net: net.n * output_delta(net),
        rule=lambda net, theta, g, kept: theta - (net.lr / net.n) * g,
    ),
    "the learning rate in the velocity, while it changes": entry("momentum", rule=whole_velocity),
    "Adam's corrections folded into the rate, eps along with them": entry("Adam", rule=folded),
}
CONVENTIONAL = {  # what is said of these, as a convention
    "fa-accord258": "gradients-negated-and-added",
    "fa-rashid66": "gradients-negated-and-added",
    "fa-smile151": "gradients-negated-and-added",
    "gradients averaged where they are made": "averaged-in-the-gradients",
    "gradients averaged in the update": "averaged-in-the-update",
    "the learning rate in the velocity, while it changes": "momentum-with-lr-inside",
}


# where they are shown


def whole_numbers(inputs):
    """Weights and biases as arrays of integers begin."""
    W, b = (tuple(np.rint(3 * array) for array in arrays) for arrays in (inputs.W, inputs.b))
    return replace(inputs, W=W, b=b)


def from_zero(inputs):
    return replace(inputs, W=tuple(0 * W for W in inputs.W), b=tuple(0 * b for b in inputs.b))


def of_two_classes(inputs):
    """Targets that are 0 or 1."""
    return replace(inputs, steps=tuple(replace(step, y=np.round(step.y)) for step in inputs.steps))


def at_a_constant_rate(inputs):
    lr = inputs.spec.hyperparameters["lr"]
    specs = (
        replace(step.spec, hyperparameters={**step.spec.hyperparameters, "lr": lr})
        for step in inputs.steps
    )
    return replace(
        inputs,
        steps=tuple(
            replace(step, spec=spec) for step, spec in zip(inputs.steps, specs, strict=True)
        ),
    )


def case(*sizes, **what):
    return Case("probe", sizes, **{"loss": "mse", "targets": "values", "batch": 4, **what})


XOR = case(2, 2, 1, hidden=("sigmoid",), output="sigmoid", loss="half_squared_error")
OWN = (
    Probe("XOR", XOR),
    Probe(
        "XOR with cross-entropy", replace(XOR, loss="binary_cross_entropy", targets="probabilities")
    ),
    Probe("all tanh", case(3, 4, 3, 2, hidden=("tanh", "tanh"), output="tanh")),
    Probe(
        "tanh and softmax", case(2, 3, 3, output="softmax", loss="cross_entropy", targets="labels")
    ),
    Probe(
        "softmax regression", case(4, 3, hidden=(), loss="softmax_cross_entropy", targets="labels")
    ),
    Probe(
        "one sample of four classes",
        case(3, 4, output="softmax", hidden=(), loss="cross_entropy", targets="labels", batch=1),
    ),
    Probe("whole numbers", case(3, 4, 2), whole_numbers),
    Probe(
        "Adam with weight decay",
        case(3, 4, 2, optimizer="adam", settings={"lr": 0.1, "weight_decay": 0.3, "eps": 0.01}),
    ),
)
STANDARD = {probe.name: probe for probe in PROBES}
EDITED = (
    Probe("softmax regression from zero", OWN[4].case, from_zero),
    Probe("binary classes", STANDARD["binary as probabilities"].case, of_two_classes),
    *(
        Probe(f"{name} at a constant rate", STANDARD[name].case, at_a_constant_rate)
        for name in ("momentum", "Nesterov momentum")
    ),
)
INPUTS = {probe.name: probe for probe in (*PROBES, *OWN, *EDITED)}


@cache
def inputs(name, dtype="float64", steps=3):
    run = INPUTS[name].run(dtype)
    return replace(run, steps=run.steps[:steps])


@cache
def findings(name, shown):
    where, exchanged = (MISTAKES | RIGHT | OTHERWISE)[name]
    return diagnose_runs([trained(inputs(probe), shown, **exchanged) for probe in where])


# the tests

MAPPED = {each.name: each.bugs for each in PUBLISHED if each.bugs}
ALARMS = {each.name: each for each in FALSE_ALARMS if not each.out}
IN_THE_LOSS_ALONE = ("divide-by-classes-zidvn",)  # its gradients are right
BOTH = pytest.mark.parametrize("shown", [EVERYTHING, GRADIENTS], ids=["everything", "gradients"])


def first_ids(name, shown):
    """As many of the first findings as there are mistakes."""
    return {finding.bug for finding in findings(name, shown)[: len(MAPPED[name])]}


def test_every_published_mistake_that_is_mapped_is_made_here():
    assert MISTAKES.keys() == MAPPED.keys()
    assert RIGHT.keys() == ALARMS.keys()


@BOTH
@pytest.mark.parametrize(
    "where",
    sorted({probe for each in (MISTAKES | RIGHT | OTHERWISE).values() for probe in each.probes}),
)
def test_nothing_is_said_of_the_right_program(where, shown):
    assert diagnose_runs([trained(inputs(where), shown)]) == []


@BOTH
@pytest.mark.parametrize("where", ["mixed activations", "classes", "rectifiers", "Adam"])
def test_nothing_is_said_of_the_right_program_in_float32(where, shown):
    assert diagnose_runs([trained(inputs(where, "float32"), shown)]) == []


@pytest.mark.parametrize("name", MISTAKES)
def test_a_published_mistake_is_named_where_everything_is_shown(name):
    assert first_ids(name, EVERYTHING) == set(MAPPED[name])


@pytest.mark.parametrize("name", [name for name in MISTAKES if name not in IN_THE_LOSS_ALONE])
def test_a_published_mistake_is_named_or_cannot_be_told_apart_where_gradients_and_weights_are_shown(
    name,
):
    first, *_ = findings(name, GRADIENTS)
    assert first_ids(name, GRADIENTS) | set(first.alike) >= set(MAPPED[name])


def test_published_mistakes_are_named_first_where_gradients_and_weights_are_shown():
    seen = [name for name in MISTAKES if name not in IN_THE_LOSS_ALONE]
    others = {
        name: findings(name, GRADIENTS)[0].bug
        for name in seen
        if first_ids(name, GRADIENTS) != set(MAPPED[name])
    }
    assert len(others) <= 0.05 * len(seen), (
        f"published: {len(others)} of {len(seen)} mistakes are named otherwise: {others}"
    )


@BOTH
def test_no_published_mistake_is_cleared_as_a_convention(shown):
    """But for those that the catalogue itself calls so."""
    wrong = [
        name
        for name in MISTAKES
        if WRONG in {BY_ID[bug].verdict for bug in MAPPED[name]} and name not in IN_THE_LOSS_ALONE
    ]
    assert [name for name in wrong if findings(name, shown)[0].verdict != WRONG] == []


@pytest.mark.parametrize("name", IN_THE_LOSS_ALONE)
def test_a_mistake_in_the_loss_alone_leaves_the_gradients_right(name):
    assert findings(name, GRADIENTS) == []


@BOTH
@pytest.mark.parametrize("name", [*RIGHT, *OTHERWISE])
def test_what_is_right_is_not_called_wrong(name, shown):
    said = findings(name, shown)
    assert all(finding.verdict == CONVENTION for finding in said)
    assert {finding.bug for finding in said} <= {CONVENTIONAL.get(name)}


@pytest.mark.parametrize("name", CONVENTIONAL)
def test_another_convention_is_named(name):
    assert [finding.bug for finding in findings(name, EVERYTHING)] == [CONVENTIONAL[name]]


@pytest.mark.parametrize("alarm", FALSE_ALARMS, ids=lambda alarm: alarm.name)
def test_a_false_alarm_is_explained(alarm):
    assert all(sentence.endswith(".") for sentence in (alarm.claim, alarm.why))
    assert alarm.url.startswith("https://")
