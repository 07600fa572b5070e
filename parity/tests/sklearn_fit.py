"""The example in a comment of scikit-learn's tests: its steps, its figures and its
errata.
"""

from functools import cache

import refnet
from parity.tests.figures import SKLEARN, Erratum, Figure, network, record

SKLEARN_X, SKLEARN_Y = [[0.6, 0.8, 0.7]], [[0]]
SKLEARN_LR, SKLEARN_ALPHA = 0.1, 0.1
SKLEARN_DECIMALS = 3  # so many does its test compare


def sklearn_record(side, W, b, weight_decay=0.0):
    """One step of the example from the given weights and biases."""
    net, rule = (
        network(W, b, "sigmoid", "sigmoid"),
        refnet.SGD(lr=SKLEARN_LR, weight_decay=weight_decay),
    )
    return record(side, net, SKLEARN_X, SKLEARN_Y, refnet.BinaryCrossEntropy(), rule)


# scikit-learn's alpha decays the weights alone, divided by the batch size, here 1. Our
# weight_decay decays the biases too. Within one step no new value depends on another:
# all gradients are taken at the old weights. So W of the step with decay and b of the
# step without it are what a step with decay on W alone gives.
_SKLEARN_START = [[[0.1, 0.3, 0.5], [0.2, 0.1, 0.0]], [[0.1, 0.2]]], [[0.1, 0.1], [1.0]]


@cache
def sklearn_weights(side):
    """The step with decay, of which only the weights are used."""
    return sklearn_record(side, *_SKLEARN_START, weight_decay=SKLEARN_ALPHA)


@cache
def sklearn_biases(side):
    """The step without decay, of which everything but the weights is used."""
    return sklearn_record(side, *_SKLEARN_START)


@cache
def sklearn_after(side):
    """The step that follows, from the new weights of the one and the new biases of the
    other.
    """
    return sklearn_record(side, sklearn_weights(side).after.W, sklearn_biases(side).after.b)


def decayed(r):
    """dW1 + alpha W1 as the step had it, in scikit-learn's layout, (fan_in,
    fan_out).
    """
    return (r.before.W[0] - r.after.W[0]).T / SKLEARN_LR


SKLEARN_FIGURES = [
    Figure(SKLEARN, name, printed, run, read)
    for name, printed, run, read in [
        (
            "h",
            ("0.679178699175393", "0.574442516811659"),
            sklearn_biases,
            lambda r: r.layers[0].a[0],
        ),
        ("d21", "0.765", sklearn_biases, lambda r: r.layers[1].delta[0, 0]),
        ("d12", "0.0374", sklearn_biases, lambda r: r.layers[0].delta[0, 1]),
        ("W1grad11", "0.0200", sklearn_weights, lambda r: decayed(r)[0, 0]),
        ("b1grad2", "0.0374", sklearn_biases, lambda r: r.layers[0].db[1]),
        ("b2grad", "0.765", sklearn_biases, lambda r: r.layers[1].db[0]),
        ("new W1_11", "0.098", sklearn_weights, lambda r: r.after.W[0][0, 0]),
        ("new b1_2", "0.09626", sklearn_biases, lambda r: r.after.b[0][1]),
        ("new b2", "0.9235", sklearn_biases, lambda r: r.after.b[1][0]),
        ("h after the step", ("0.677", "0.572"), sklearn_after, lambda r: r.layers[0].a[0]),
        ("o1 after the step", "1.043", sklearn_after, lambda r: r.layers[1].z[0, 0]),
        ("prob after the step", "0.739", sklearn_after, lambda r: r.layers[1].a[0, 0]),
    ]
]
_FEW_DIGITS = "the deltas were rounded to three or four digits before they were used"
_WRONG_INPUT = "the input X3 = 0.7 was taken for 0.6"
SKLEARN_ERRATA = [
    Erratum(SKLEARN, name, printed, run, read, right=right, because=because)
    for name, printed, right, run, read, because in [
        (
            "o1",
            "0.7654329236196236",
            "0.76545202190952",
            sklearn_biases,
            lambda r: r.layers[1].a[0, 0],
            "h was rounded to three digits before it was used",
        ),
        (
            "d11",
            "0.01667",
            "0.01668",
            sklearn_biases,
            lambda r: r.layers[0].delta[0, 0],
            "it was cut off, not rounded",
        ),
        (
            "new W1_12",
            "0.195756",
            "0.195755",
            sklearn_weights,
            lambda r: r.after.W[0][1, 0],
            _FEW_DIGITS,
        ),
        (
            "new W1_21",
            "0.2956664",
            "0.2956657",
            sklearn_weights,
            lambda r: r.after.W[0][0, 1],
            _FEW_DIGITS,
        ),
        (
            "new W1_22",
            "0.096008",
            "0.096006",
            sklearn_weights,
            lambda r: r.after.W[0][1, 1],
            _FEW_DIGITS,
        ),
        (
            "new W1_31",
            "0.4939998",
            "0.49383248",
            sklearn_weights,
            lambda r: r.after.W[0][0, 2],
            _WRONG_INPUT,
        ),
        (
            "new W1_32",
            "-0.002244",
            "-0.00261970",
            sklearn_weights,
            lambda r: r.after.W[0][1, 2],
            _WRONG_INPUT,
        ),
        (
            "new W2_1",
            "0.04706",
            "0.04701",
            sklearn_weights,
            lambda r: r.after.W[1][0, 0],
            _FEW_DIGITS,
        ),
        (
            "new W2_2",
            "0.154089",
            "0.154029",
            sklearn_weights,
            lambda r: r.after.W[1][0, 1],
            _FEW_DIGITS,
        ),
        (
            "new b1_1",
            "0.098333",
            "0.098332",
            sklearn_biases,
            lambda r: r.after.b[0][0],
            _FEW_DIGITS,
        ),
    ]
]
SKLEARN_WRONG_INPUT = [erratum for erratum in SKLEARN_ERRATA if erratum.because == _WRONG_INPUT]
