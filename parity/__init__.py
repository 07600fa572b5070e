"""parity: the proof that a backpropagation is right.

It judges every equation of every layer of a training step from the step's own numbers,
against a bound that follows from rounding; it builds the PyTorch twin of a refnet
network, copies the weights, and shows that both hold and agree. On the command line:
`parity`. The wings, each importing only those above it:

    steps          one training step as data, by refnet and by PyTorch
    rounding       what rounding may do to a number
    screen         lines and progress on the terminal
    processes      work that processes do side by side, here or on other machines
    proof          is this step right: certificates, and agreement of two sides
    mistakes       which mistake is it: the catalogue and the diagnosis
    checking       somebody else's program: tasks, answers, verdict
    page           mistakes and bounds for the page that steps through backpropagation
    experiments    the figures of the READMEs
    bench          how long a training step takes
    cli            the command line

To pytest, which rewrites what brings a plugin: PYTEST_DONT_REWRITE, as nothing asserts.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parity.checking.checker import assert_correct, cases_for, check
    from parity.checking.parts.activation import check_activation
    from parity.checking.parts.linear import check_linear
    from parity.checking.parts.loss import check_loss
    from parity.checking.parts.optimizer import check_optimizer
    from parity.checking.program.adapters import from_gradient, from_step
    from parity.checking.program.given import TaskStep
    from parity.checking.tasks.task import Task
    from parity.checking.verdict.report import CheckReport
    from parity.mistakes.diagnosis.diagnosis import diagnose
    from parity.mistakes.diagnosis.finding import Finding
    from parity.proof.agreement import Agreement, Difference, compare, compare_restated
    from parity.proof.certificate import Certificate, certify
    from parity.proof.equations.entries import entries
    from parity.proof.result import Result
    from parity.steps.cases import CASES, Case
    from parity.steps.pytorch import (
        copy_from_torch,
        copy_to_torch,
        network_of,
        record_torch,
        restart,
        restate,
        twin,
        twin_loss,
        twin_optimizer,
    )
    from parity.steps.record import (
        FitRecorder,
        LayerRecord,
        Snapshot,
        Spec,
        StepRecord,
        record_refnet,
    )

# where each name comes from, when it is asked for: a program that is checked has this
# package in its process, and needs little of it
_ROOMS = {
    "checking.checker": ("assert_correct", "cases_for", "check"),
    "checking.parts.activation": ("check_activation",),
    "checking.parts.linear": ("check_linear",),
    "checking.parts.loss": ("check_loss",),
    "checking.parts.optimizer": ("check_optimizer",),
    "checking.program.adapters": ("from_gradient", "from_step"),
    "checking.program.given": ("TaskStep",),
    "checking.verdict.report": ("CheckReport",),
    "checking.tasks.task": ("Task",),
    "mistakes.diagnosis.diagnosis": ("diagnose",),
    "mistakes.diagnosis.finding": ("Finding",),
    "proof.agreement": ("Agreement", "Difference", "compare", "compare_restated"),
    "proof.certificate": ("Certificate", "certify"),
    "proof.equations.entries": ("entries",),
    "proof.result": ("Result",),
    "steps.cases": ("CASES", "Case"),
    "steps.pytorch": (
        "copy_from_torch",
        "copy_to_torch",
        "network_of",
        "record_torch",
        "restart",
        "restate",
        "twin",
        "twin_loss",
        "twin_optimizer",
    ),
    "steps.record": (
        "FitRecorder",
        "LayerRecord",
        "Snapshot",
        "Spec",
        "StepRecord",
        "record_refnet",
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "CASES",
    "Agreement",
    "Case",
    "Certificate",
    "CheckReport",
    "Difference",
    "Finding",
    "FitRecorder",
    "LayerRecord",
    "Result",
    "Snapshot",
    "Spec",
    "StepRecord",
    "Task",
    "TaskStep",
    "assert_correct",
    "cases_for",
    "certify",
    "check",
    "check_activation",
    "check_linear",
    "check_loss",
    "check_optimizer",
    "compare",
    "compare_restated",
    "copy_from_torch",
    "copy_to_torch",
    "diagnose",
    "entries",
    "from_gradient",
    "from_step",
    "network_of",
    "record_refnet",
    "record_torch",
    "restart",
    "restate",
    "twin",
    "twin_loss",
    "twin_optimizer",
]


def __getattr__(name: str) -> Any:
    """A public name, whose room is imported when it is asked for; PyTorch is needed for
    those of its room alone.
    """
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'parity' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"parity.{_ROOM_OF[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f'parity.{name} needs PyTorch: python -m pip install -e ".[parity]"', name="torch"
        ) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
