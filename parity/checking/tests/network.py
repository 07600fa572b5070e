"""One little network in plain NumPy, each part of which can be exchanged: the programs
that others write are variants of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from parity.mistakes.tests.near import by_rounding

SIGMOID = {"activations": "sigmoid", "outputs": "sigmoid", "losses": "mse"}
SGD = {"optimizers": "sgd", "settings": ()}
PLAIN = {**SIGMOID, **SGD}
HALF = {**PLAIN, "losses": "half_squared_error"}
BINARY = {**PLAIN, "losses": "binary_cross_entropy"}
CLASSES = {
    **SGD,
    "activations": "tanh",
    "outputs": "softmax",
    "losses": "cross_entropy",
    "targets": "one_hot",
}


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


F = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "identity": lambda z: z,
    "softmax": softmax,
}
SLOPE = {  # f'(z), from a
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a * a,
    "identity": np.ones_like,
}


class Step:
    """One step of a training: what it is given, and what is computed of it so far.

    a[l] is the activation of layer l, and a[0] is x; z, delta, W and b begin with those
    of layer 1.
    """

    def __init__(self, case, number, given, W, b):
        self.case, self.number, self.W, self.b = case, number, W, b
        self.x, self.y, self.lr = given
        self.z, self.a, self.delta = [], [self.x], []
        self.n, self.k, self.L = len(self.x), case.sizes[-1], len(W)

    @property
    def output(self):
        return self.a[-1]

    @cached_property
    def error(self):
        """a - y of the output."""
        return self.output - self.y

    def slope(self, l):
        """f'(z) of layer l."""
        return SLOPE[self.case.activations[l - 1]](self.a[l])

    def setting(self, name):
        """A setting of the optimizer, 0 where it has none of that name."""
        return self.case.settings.get(name, 0)


def cost(s):
    """The declared loss."""
    a, y = s.output, s.y
    return {
        "mse": lambda: np.mean(s.error**2),
        "half_squared_error": lambda: np.sum(s.error**2) / (2 * s.n),
        "cross_entropy": lambda: -np.sum(y * np.log(a)) / s.n,
        "binary_cross_entropy": lambda: -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a)),
    }[s.case.loss]()


def output_delta(s):
    """BP1 of the declared loss."""
    return {
        "mse": lambda: 2 * s.error / s.y.size * s.slope(s.L),
        "half_squared_error": lambda: s.error / s.n * s.slope(s.L),
        "cross_entropy": lambda: s.error / s.n,
        "binary_cross_entropy": lambda: s.error / s.y.size,
    }[s.case.loss]()


def hidden_delta(s, l):
    """BP2 of layer l, while s.delta begins with that of the layer above."""
    return s.delta[0] @ s.W[l] * s.slope(l)


def sgd(s, p, g, kept):
    """p after the step: gradient descent, with momentum."""
    g = g + s.setting("weight_decay") * p
    mu = s.setting("momentum")
    kept["v"] = mu * kept.get("v", 0) + g
    return p - s.lr * (g + mu * kept["v"] if s.setting("nesterov") else kept["v"])


def adam(s, p, g, kept):
    """p after a step of Adam."""
    (first, second), t = s.case.settings["betas"], s.number
    kept["m"] = first * kept.get("m", 0) + (1 - first) * g
    kept["v"] = second * kept.get("v", 0) + (1 - second) * g * g
    m, v = kept["m"] / (1 - first**t), kept["v"] / (1 - second**t)
    return p - s.lr * m / (np.sqrt(v) + s.case.settings["eps"])


def rule(s, p, g, kept):
    """p after a step of the declared optimizer."""
    return {"sgd": sgd, "adam": adam}[s.case.optimizer](s, p, g, kept)


def plain(s, p, g, kept):
    """p after the step by the gradient as it is, with momentum alone."""
    kept["v"] = s.setting("momentum") * kept.get("v", 0) + g
    return p - s.lr * kept["v"]


@dataclass(frozen=True)
class Network:
    """run(case), in which any part may be another function; and what it shows."""

    shows: tuple[str, ...] = ("output", "loss", "dW", "db", "W", "b")
    sum: Callable[..., Any] = lambda s, l: s.a[-1] @ s.W[l - 1].T + s.b[l - 1]
    activation: Callable[..., Any] = lambda s, l: F[s.case.activations[l - 1]](s.z[-1])
    cost: Callable[..., Any] = cost
    output_delta: Callable[..., Any] = output_delta
    hidden_delta: Callable[..., Any] = hidden_delta
    dW: Callable[..., Any] = lambda s, l: s.delta[l - 1].T @ s.a[l - 1]
    db: Callable[..., Any] = lambda s, l: s.delta[l - 1].sum(axis=0)
    rule: Callable[..., Any] = rule
    shown: Callable[..., Any] = lambda s, arrays: arrays

    def __call__(self, case):
        W, b = case.W, case.b
        kept_of_W, kept_of_b = [{} for _ in W], [{} for _ in b]
        for number, given in enumerate(case.steps, start=1):
            s = Step(case, number, given, W, b)
            dW, db = self.gradients(s)
            W = [self.rule(s, *each) for each in zip(s.W, dW, kept_of_W, strict=True)]
            b = [self.rule(s, *each) for each in zip(s.b, db, kept_of_b, strict=True)]
            arrays = {"z": s.z, "a": s.a[1:], "delta": s.delta, "output": s.output}
            arrays |= {"loss": self.cost(s), "dW": dW, "db": db, "W": W, "b": b}
            yield self.shown(s, {name: arrays[name] for name in self.shows})

    def gradients(self, s):
        """dW and db, by a forward and a backward pass."""
        layers = range(1, s.L + 1)
        for l in layers:
            s.z.append(self.sum(s, l))
            s.a.append(self.activation(s, l))
        s.delta.append(self.output_delta(s))
        for l in reversed(layers[:-1]):
            s.delta.insert(0, self.hidden_delta(s, l))
        return [self.dW(s, l) for l in layers], [self.db(s, l) for l in layers]


RIGHT = Network()


@dataclass(frozen=True)
class Accumulating(Network):
    """The network that adds up the gradients of micro-batches, each of its own mean, by
    their weights.

    `weight` is what a part of m rows of n counts, where there are k parts.
    """

    rows: int = 4
    weight: Callable[..., Any] = lambda m, n, k: m / n

    def gradients(self, s):
        """dW and db, by a pass over each part; and one over all rows for the output."""
        whole = super().gradients(s)
        starts = range(0, s.n, self.rows)
        totals = [[np.zeros_like(array) for array in arrays] for arrays in whole]
        for start in starts:
            rows = slice(start, start + self.rows)
            part = Step(s.case, s.number, (s.x[rows], s.y[rows], s.lr), s.W, s.b)
            weight = self.weight(part.n, s.n, len(starts))
            for total, arrays in zip(totals, super().gradients(part), strict=True):
                for l, array in enumerate(arrays):
                    total[l] += weight * array
        return totals


def differing(network, tasks):
    """The names of the tasks in which it shows other numbers than the right one."""
    right = Network(network.shows)
    return [task.name for task in tasks if not _same(network(task), right(task))]


def _same(one, other):
    return all(
        np.shape(here) == np.shape(there) and by_rounding(here, there)
        for step, right in zip(one, other, strict=True)
        for name in right
        for here, there in zip(_arrays(step[name]), _arrays(right[name]), strict=True)
    )


def _arrays(value):
    return value if isinstance(value, list) else [value]


# variants of the cost

SQUARES = {  # the cost, and its gradient by a; k outputs, n samples
    "the sum": (lambda s: np.sum(s.error**2), lambda s: 2 * s.error),
    "a sample's sum": (lambda s: np.sum(s.error**2) / s.n, lambda s: 2 * s.error / s.n),
    "an output's sum": (lambda s: np.sum(s.error**2) / s.k, lambda s: 2 * s.error / s.k),
    "the mean": (lambda s: np.mean(s.error**2), lambda s: 2 * s.error / s.y.size),
    "half of the sum": (lambda s: np.sum(s.error**2) / 2, lambda s: s.error),
    "half of a sample's sum": (lambda s: np.sum(s.error**2) / 2 / s.n, lambda s: s.error / s.n),
    "half of an output's sum": (lambda s: np.sum(s.error**2) / 2 / s.k, lambda s: s.error / s.k),
    "half of the mean": (lambda s: np.mean(s.error**2) / 2, lambda s: s.error / s.y.size),
}


def of_squares(name, **parts):
    """The network that trains this cost."""
    cost, gradient = SQUARES[name]
    return Network(cost=cost, output_delta=lambda s: gradient(s) * s.slope(s.L), **parts)


def strength(s):
    return s.setting("weight_decay")


def penalised(cost, dW, db=lambda s: 0, rule=plain):
    """The network with cost(s) times the squares of W, and of b where db(s) is not 0,
    and with dW(s) W and db(s) b in its gradients.
    """

    def penalty(s):
        squares = sum(np.sum(w * w) for w in s.W)
        return cost(s) * (squares + (sum(np.sum(c * c) for c in s.b) if db(s) else 0))

    return Network(
        cost=lambda s: RIGHT.cost(s) + penalty(s),
        dW=lambda s, l: RIGHT.dW(s, l) + dW(s) * s.W[l - 1],
        db=lambda s, l: RIGHT.db(s, l) + db(s) * s.b[l - 1],
        rule=rule,
    )


def log_of(change):
    """A cross-entropy that takes the logarithm of another probability."""
    return Network(cost=lambda s: -np.sum(s.y * np.log(change(s.output))) / s.n)
