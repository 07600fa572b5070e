"""The examples of `python -m refnet`: XOR, a published worked example, and handwritten
digits.
"""

from collections.abc import Iterator
from importlib.resources import files

import numpy as np

from refnet.activations import Sigmoid
from refnet.building import mlp
from refnet.checks import Array
from refnet.explanation import explain
from refnet.explanation.page import Scene
from refnet.layer import Dense
from refnet.network import Network

XOR = (
    "Exclusive or: the output shall be 1 where one of the two inputs is, and 0 otherwise. No "
    "network without a hidden layer can do it. Take 100 steps and look at what the hidden units "
    "have become."
)
WORKED = (
    "The numbers of Matt Mazur, A Step by Step Backpropagation Example (2015), which steps the "
    "weights but not the biases."
)
DIGITS = (
    "The first 32 images of the test set of Optical Recognition of Handwritten Digits by E. "
    "Alpaydin and C. Kaynak, UCI Machine Learning Repository (1998), "
    "https://doi.org/10.24432/C50P49, under CC BY 4.0, "
    "https://creativecommons.org/licenses/by/4.0/; the counts of 0 to 16 dark pixels are divided "
    "by 16."
)


def scenes() -> list[Scene]:
    """What there is to choose from."""
    return [*_scenes()]


def _scenes() -> Iterator[Scene]:
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    net = mlp([2, 3, 1], hidden="tanh", output="sigmoid", seed=1)
    told = explain(net, x, y, "binary_cross_entropy", lr=1.0)
    # the inputs of row 1 are 0, so its products with the weights show nothing
    yield told.scene(XOR) | {"title": "XOR, learnt by a 2-3-1 network", "row": 1}

    f = Sigmoid()
    hidden = Dense(np.array([[0.15, 0.20], [0.25, 0.30]]), np.array([0.35, 0.35]), f)
    output = Dense(np.array([[0.40, 0.45], [0.50, 0.55]]), np.array([0.60, 0.60]), f)
    worked = explain(
        Network([hidden, output]),
        [[0.05, 0.10]],
        [[0.01, 0.99]],
        "half_squared_error",
        lr=0.5,
        weight=(2, 0, 0),
    )
    yield worked.scene(WORKED) | {"title": "A worked example: one step of a 2-2-2 network"}

    images, labels = first_digits()
    net = mlp([64, 30, 10], hidden="sigmoid", output="identity", seed=0)
    told = explain(net, images, labels, "softmax_cross_entropy", lr=0.5)
    yield told.scene(DIGITS) | {"title": "Handwritten digits: a batch through a 64-30-10 network"}


def first_digits() -> tuple[Array, Array]:
    """32 images of 8 x 8 pixels from 0 to 1, and the digits that they show."""
    text = files(__package__).joinpath("digits.txt").read_text(encoding="utf-8")
    table = np.array([line.split() for line in text.splitlines()], int)
    return table[:, :-1] / 16.0, table[:, -1]
