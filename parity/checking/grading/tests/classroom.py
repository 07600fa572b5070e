"""A class that hands in: right programs, and programs with a mistake of the catalogue,
each as the text of a file, with what is expected of it.

`python -m parity.checking.grading.tests.classroom FOLDER N` writes N of them.
"""

import sys
from itertools import islice
from pathlib import Path
from typing import NamedTuple

ACTIVATIONS = {
    "sigmoid": ("1 / (1 + np.exp(-z))", "a * (1 - a)"),
    "tanh": ("np.tanh(z)", "1 - a**2"),
    "relu": ("np.maximum(z, 0)", "np.where(z > 0, 1.0, 0.0)"),
}
# the cost, and the number by which its gradient is divided
LOSSES = {
    "mse": ("np.mean((a[-1] - y) ** 2)", "(2 * (a[-1] - y) / y.size)"),
    "half_squared_error": ("np.sum((a[-1] - y) ** 2) / (2 * len(y))", "((a[-1] - y) / len(y))"),
}
PROGRAM = """
import numpy as np

activations, losses, optimizers, settings = "{f}", "{loss}", "sgd", ()


def f(z):
    return {value}


def slope(z, a):
    return {slope}


def run(case):
    W, b, shown = case.W, case.b, []
    for x, y, lr in case.steps:
        a, z = [x], []
        for w, c in zip(W, b):
            z.append(a[-1] @ w.T + c)
            a.append(f(z[-1]))
        loss = {cost}
        delta = [{gradient} * slope(z[-1], a[-1])]
        for l in range(len(W) - 1, 0, -1):
            delta.insert(0, (delta[0] @ W[l]) * slope(z[l - 1], a[l]))
        dW = [d.T @ below for d, below in zip(delta, a)]
        db = [d.sum(axis=0) for d in delta]
        W = [w - lr * g for w, g in zip(W, dW)]
        b = [c - lr * g for c, g in zip(b, db)]
        shown.append(dict(output=a[-1], loss=loss, delta=delta, dW=dW, db=db, W=W, b=b))
    return shown
"""


class Kind(NamedTuple):
    """What becomes of the right program: a text of it that is another one, the verdict
    that this has, and the mistake.
    """

    old: str = ""
    new: str = ""
    word: str = "RIGHT"
    mistake: str = ""


class HandedIn(NamedTuple):
    """A file, and what is expected of it."""

    name: str
    text: str
    kind: Kind


RIGHT = {
    "right": Kind(),
    "with einsum": Kind("d.T @ below", "np.einsum('ni,nj->ij', d, below)"),
    "in place": Kind("W = [w - lr * g for w, g in", "W = [np.subtract(w, lr * g) for w, g in"),
    "by ones": Kind("d.sum(axis=0)", "np.ones(len(d)) @ d"),
}
WRONG = {
    "no hidden slope": Kind(" * slope(z[l - 1], a[l])", "", "WRONG", "hidden-derivative-missing"),
    "no slope at the end": Kind(" * slope(z[-1], a[-1])", "", "WRONG", "output-derivative-missing"),
    "uphill": Kind("w - lr * g for w", "w + lr * g for w", "WRONG", "step of W times -1"),
    "mean of db": Kind("d.sum(axis=0)", "d.mean(axis=0)", "WRONG", "db-averaged"),
    "sum of all": Kind(
        "d.sum(axis=0)", "d.sum() * np.ones(d.shape[1])", "WRONG", "db-summed-over-all"
    ),
    "y - a": Kind("(a[-1] - y) /", "(y - a[-1]) /", "WRONG", "output-delta-negated"),
    "no update of b": Kind("c - lr * g for c", "c for c", "WRONG", "bias-never-updated"),
    "weights first": Kind(
        "(delta[0] @ W[l])",
        "(delta[0] @ (W[l] - lr * delta[0].T @ a[l]))",
        "WRONG",
        "updated-weights",
    ),
    "raises": Kind(
        "loss = ", "raise ValueError(z)\n        loss = ", "WRONG", "run: raised ValueError"
    ),
    "outputs alone": Kind(
        "loss=loss, delta=delta, dW=dW, db=db, W=W, b=b", "loss=loss", "NOT JUDGED"
    ),
    "syntax": Kind("def run(case):", "def run(case)", "UNUSABLE"),
}


def programs():
    """Files without end: every kind with every activation and loss, right ones in
    turn with the others.
    """
    number = 0
    while True:
        for i in range(len(ACTIVATIONS) * len(LOSSES)):
            f, loss = [*ACTIVATIONS][i % len(ACTIVATIONS)], [*LOSSES][i // len(ACTIVATIONS)]
            for kinds in (RIGHT, WRONG):
                name = [*kinds][(number // 2) % len(kinds)]
                yield handed_in(f"{number:03} {name}, {f}, {loss}.py", kinds[name], f, loss)
                number += 1


def handed_in(name, kind, f="sigmoid", loss="mse"):
    """One file."""
    value, slope = ACTIVATIONS[f]
    cost, gradient = LOSSES[loss]
    text = PROGRAM.format(f=f, loss=loss, value=value, slope=slope, cost=cost, gradient=gradient)
    if kind.old not in text:
        raise ValueError(f"{name}: {kind.old!r} does not stand in the program")
    return HandedIn(name, text.replace(kind.old, kind.new, 1) if kind.old else text, kind)


def write(folder, files):
    """Write files into a folder."""
    for each in files:
        (Path(folder) / each.name).write_text(each.text, encoding="utf-8")


if __name__ == "__main__":
    write(sys.argv[1], islice(programs(), int(sys.argv[2])))
