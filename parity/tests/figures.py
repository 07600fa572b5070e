"""Published figures as they were printed, where they come from, and the steps that they
are held against.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import parity
import refnet

SIDES = ("refnet", "torch")
MAZUR, SKLEARN, COURSERA = "mazur-2-2-2", "sklearn-test-fit", "coursera-gradient-check"
_FULLY_CONNECTED = "Stanford CS231n, assignment 2, FullyConnectedNets.ipynb"

SOURCES = {
    MAZUR: (
        "Matt Mazur, A Step by Step Backpropagation Example (2015), weights only, biases not "
        "updated; nine significant digits of every "
        "quantity in mcp-tool-shop-org/backprop-trace, fixtures/mazur.golden.jsonl, which prints "
        "the descent direction -dE/d..."
    ),
    "cs231n-affine": f"{_FULLY_CONNECTED}, affine_forward check",
    "cs231n-sgd": (
        "Tyler Yep, edutorch, tests/optim/sgd_test.py, on the inputs of CS231n's checks of the "
        "other rules"
    ),
    "cs231n-sgd-momentum": f"{_FULLY_CONNECTED}, sgd_momentum check",
    "cs231n-rmsprop": f"{_FULLY_CONNECTED}, rmsprop check",
    SKLEARN: (
        "scikit-learn 1.9.1, sklearn/neural_network/tests/test_mlp.py, the comment in test_fit"
    ),
    COURSERA: (
        "deeplearning.ai, Improving Deep Neural Networks, week 1, Gradient Checking assignment"
    ),
    "onnx-momentum": (
        "ONNX, onnx/backend/test/case/node/momentum.py, export_momentum: inputs and rule, the "
        "figures being what they give"
    ),
    "onnx-nesterov": (
        "ONNX, onnx/backend/test/case/node/momentum.py, export_nesterov_momentum: likewise"
    ),
    "onnx-adam": "ONNX, onnx/backend/test/case/node/adam.py, export_adam: likewise",
}
LEFT_OUT = {
    "onnx-adam": (
        "its step T = 0 corrects no bias, and steps here count from t = 1, where the bias is "
        "corrected"
    )
}


def as_printed(value: Any, printed: Any) -> Any:
    """The value rounded to as many digits as the printed figure has, in its notation;
    arrays entry by entry.
    """
    if not isinstance(printed, str):
        return tuple(as_printed(v, p) for v, p in zip(value, printed, strict=True))
    mantissa, exponent, _ = printed.partition("e")
    return f"{value:.{len(mantissa.partition('.')[2])}{exponent or 'f'}}"


def as_numpy_prints(value: Any, printed: Any) -> Any:
    """The value as NumPy prints it: eight decimals, trailing zeros dropped; arrays
    entry by entry.
    """
    if not isinstance(printed, str):
        return tuple(as_numpy_prints(v, p) for v, p in zip(value, printed, strict=True))
    return np.format_float_positional(value, precision=8, unique=False, trim="-")


@dataclass(frozen=True)
class Figure:
    """A published figure, the run that shows it, and where in the record of its step it
    stands.
    """

    example: str
    name: str
    printed: Any
    run: Callable[[str], parity.StepRecord]
    read: Callable[[parity.StepRecord], Any]
    write: Callable[[Any, Any], Any] = as_printed

    def __str__(self) -> str:
        return f"{self.example} {self.name}"


@dataclass(frozen=True)
class Erratum(Figure):
    """A published figure that is off, the right one, and the reason in one sentence."""

    right: Any = None
    because: str = ""


def record(
    side: str, net: refnet.Network, x: Any, y: Any, loss: refnet.Loss, optimizer: refnet.Optimizer
) -> parity.StepRecord:
    """The record of one step, by refnet or by its PyTorch twin; neither sees the
    other.
    """
    if side == "refnet":
        return parity.record_refnet(net, x, y, loss, optimizer)
    model = parity.twin(net)
    return parity.record_torch(
        model, x, y, parity.twin_loss(loss), parity.twin_optimizer(optimizer, model)
    )


def network(W: Any, b: Any, *activations: str) -> refnet.Network:
    """A network of the given weights, biases and activations, layer by layer."""
    return refnet.Network([refnet.Dense(*layer) for layer in zip(W, b, activations, strict=True)])
