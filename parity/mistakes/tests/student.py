"""A student's program in plain NumPy that knows nothing of the catalogue. Each of its
functions can be exchanged for a wrong one that was published.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

GRADIENTS = ("dW", "db", "W", "b")
EVERYTHING = ("z", "a", "loss", "delta", *GRADIENTS)


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
    """f'(z) of the elementwise activations, in terms of a = f(z)."""
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
    """The functions of a step; layers count from 0."""

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
    rule: Callable | None = None  # (net, theta, g, what this theta keeps) to the new theta
    step: Callable = step
    update: Callable = update


@dataclass
class Net:
    """What the program holds in memory: lists with an array per layer, and in `kept`
    what stays from step to step.
    """

    do: Program
    W: list
    b: list
    kept: dict = field(default_factory=dict)

    def read(self, given):
        """Take the inputs of one step."""
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
        """Take one step; returns the arrays that it computed."""
        self.read(given)
        self.do.begin(self)
        for l in range(len(self.W)):
            self.z[l] = self.do.z(self, l)
            self.a[l] = self.do.a(self, l)
        loss = {("loss", len(self.W)): np.asarray(self.do.cost(self))}
        self.do.backward(self)
        # copied before the update, which may write into them
        passes = self.copies("z", "a", "delta", "dW", "db")
        self.do.update(self)
        return loss | passes | self.copies("W", "b")

    def copies(self, *names):
        """These arrays as they are now, by name and layer, which counts from 1 here."""
        return {
            (name, l): array.copy()
            for name in names
            for l, array in enumerate(getattr(self, name), 1)
        }

    def below(self, l):
        """The activations of the layer below, or x."""
        return self.a[l - 1] if l else self.x


@np.errstate(all="ignore")
def trained(inputs, shown=EVERYTHING, **exchanged):
    """The run of a program with these functions exchanged, on the inputs of another
    run. It shows these quantities alone.
    """
    net = Net(Program(**exchanged), [W.copy() for W in inputs.W], [b.copy() for b in inputs.b])
    steps = [(given, net.take(given)) for given in inputs.steps]
    seen = (
        replace(given, arrays={key: array for key, array in arrays.items() if key[0] in shown})
        for given, arrays in steps
    )
    return replace(inputs, steps=tuple(seen))
