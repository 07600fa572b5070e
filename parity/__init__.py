"""parity: the proof that a backpropagation is right.

It builds the PyTorch twin of a refnet network, copies the weights, and compares every quantity of every training step in order of
computation, so that the first difference names the equation and the layer. On the command line: `parity`.

    record        StepRecord: all that one training step did          torch_twin   the identical PyTorch model
    agreement     compares two records, equation by equation          cases        the case table
    digits        both train on handwritten digits, step for step     sweep        both go through the case table
    report        what is printed                                     cli          the command line
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from parity.agreement import Agreement, Difference, compare
from parity.cases import CASES, Case
from parity.record import FitRecorder, LayerRecord, Snapshot, Spec, StepRecord, record_refnet

if TYPE_CHECKING:
    from parity.torch_twin import copy_from_torch, copy_to_torch, record_torch, restate, twin, twin_loss, twin_optimizer

_TORCH = ("copy_from_torch", "copy_to_torch", "record_torch", "restate", "twin", "twin_loss", "twin_optimizer")

__all__ = [
    "CASES",
    "Agreement",
    "Case",
    "Difference",
    "FitRecorder",
    "LayerRecord",
    "Snapshot",
    "Spec",
    "StepRecord",
    "compare",
    "copy_from_torch",
    "copy_to_torch",
    "record_refnet",
    "record_torch",
    "restate",
    "twin",
    "twin_loss",
    "twin_optimizer",
]


def __getattr__(name: str) -> Any:
    """The names that need PyTorch, which is imported when the first of them is asked for."""
    if name not in _TORCH:
        raise AttributeError(f"module 'parity' has no attribute {name!r}")
    try:
        return getattr(import_module("parity.torch_twin"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(f'parity.{name} needs PyTorch: python -m pip install "refnet[parity]"', name="torch") from None
