"""Training steps of small networks, as refnet tells them: each is a scene of a page."""

import numpy as np

import refnet
from refnet import Dense, Network, explain, mlp
from refnet.explanation.page import page_of

XOR = [[0, 0], [0, 1], [1, 0], [1, 1]]
rng = np.random.default_rng(22)
X = rng.normal(size=(3, 3)).round(2)


def mazur():
    """The network of A Step by Step Backpropagation Example."""
    hidden = Dense([[0.15, 0.20], [0.25, 0.30]], [0.35, 0.35], "sigmoid")
    return Network([hidden, Dense([[0.40, 0.45], [0.50, 0.55]], [0.60, 0.60], "sigmoid")])


# the arguments of `explain`
STEPS = {
    "XOR": (
        mlp([2, 3, 1], hidden="tanh", output="sigmoid", seed=1),
        XOR,
        [[0], [1], [1], [0]],
        "binary_cross_entropy",
        1.0,
    ),
    "Mazur": (mazur(), [[0.05, 0.10]], [[0.01, 0.99]], "half_squared_error", 0.5, (2, 0, 0)),
    "softmax, rows as targets": (
        mlp([3, 4, 3], hidden="sigmoid", output="softmax", seed=2),
        X,
        [[1, 0, 0], [0.25, 0.5, 0.25], [0, 0, 1]],
        "cross_entropy",
        0.3,
    ),
    "logits, labels": (
        mlp([3, 4, 3], hidden="tanh", output="identity", seed=3),
        X,
        [2, 0, 1],
        "softmax_cross_entropy",
        0.7,
    ),
    "relu and leaky relu": (
        mlp([2, 5, 3, 2], hidden=["relu", refnet.LeakyReLU(0.2)], output="identity", seed=4),
        [[0.5, -1.5], [2.0, 0.25]],
        [[1.0, -1.0], [0.5, 0.0]],
        "mse",
        0.05,
    ),
    "no biases": (
        mlp([2, 3, 2], hidden="tanh", output="tanh", bias=False, seed=5),
        [[0.3, -0.7]],
        [[0.5, -0.5]],
        "mae",
        0.1,
    ),
    "logits of yes and no": (
        mlp([2, 3], output="identity", seed=6),
        [[1.0, -2.0], [0.5, 3.0]],
        [[1, 0, 1], [0, 0, 1]],
        "sigmoid_cross_entropy",
        2.0,
    ),
    "a softmax in the middle": (
        mlp([2, 3, 2], hidden="softmax", output="sigmoid", seed=7),
        [[1.5, -0.5]],
        [[0.2, 0.9]],
        "half_squared_error",
        1.0,
    ),
    "no rate": (mlp([2, 2, 1], output="tanh", seed=8), [[1.0, 2.0]], [[0.5]], "mse"),
    "wide": (
        mlp([10, 12, 3], hidden="sigmoid", output="softmax", seed=9),
        rng.normal(size=(9, 10)),
        rng.integers(0, 3, 9),
        "cross_entropy",
        0.5,
    ),
}


def step(name, **changes):
    """The explanation of a step, with other arguments in place of its own."""
    names = ("net", "x", "y", "loss", "lr", "weight")
    return explain(**dict(zip(names, STEPS[name], strict=False)) | changes)


def page_with_steps(folder, *names, **changes):
    """A page that has these steps to choose from, by their names."""
    scenes = [step(name, **changes).scene() | {"title": name} for name in names]
    file = folder / "steps.html"
    file.write_text(page_of(scenes), encoding="utf-8")
    return file
