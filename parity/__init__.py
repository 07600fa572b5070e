"""parity: the proof that a backpropagation is right.

It judges every equation of every layer of a training step from the step's own numbers,
against a bound that follows from rounding; it builds the PyTorch twin of a refnet
network, copies the weights, and shows that both hold and agree. On the command line:
`parity`.

    record        StepRecord: all that one training step did        cases        the case table
    exact         the wider format that exact values are in         claim        an exact value and its bound
    equations     the eight equations restated, with bounds, and their entries: activation_entries, loss_entries, update_entries
    certificate   certify: which equation of which layer holds      truth        the same in 50 digits, entry by entry
    bounded       arrays that carry an error bound                  formulas     the formulas over such arrays
    agreement     two records from equal inputs or equal weights    torch_twin   the identical PyTorch model
    plain         numbers without a bound, for the same formulas     program      a training step of exchangeable equations
    mistake       a wrong form of an equation, in words and code     bugs         the catalogue of them, from the files *_bugs
    published     where they were published                          probes       small runs in which every one of them shows
    simulation    a shown run beside the catalogue's programs        search       which of them explain it
    diagnosis     diagnose: which mistake explains a record, in words     score        the mutation score: who notices which mistake
    task          what somebody's program is given                  answer       what it gives back, as plain arrays
    sandbox       where its code runs                               implementation   check: is it right, and if not, what is wrong
    digits        both train on handwritten digits                  sweep        both go through the case table
    soundness     random runs: is any bound broken                  power        the smallest error that is noticed
    timing        sides in turns, medians, exponents      bench          the benchmark; figure: bench_figure
    bench_setting the same task for every side            bench_judge    does a side take the right step
    bench_numpy   refnet's step, `fit`, the products      bench_torch, bench_jax   the others' steps
    bench_steps   a row of the table of steps             bench_digits   whole trainings of digits
    bench_loops   a tutorial's loops                      bench_growth   time and memory by size
    bench_threads one BLAS thread and a pool of them
    job           the main job          figure   its picture        report       what is printed       cli   the command line
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from parity.agreement import Agreement, Difference, compare, compare_restated
from parity.cases import CASES, Case
from parity.certificate import Certificate, Result, certify
from parity.diagnosis import Finding, diagnose
from parity.equations import entries
from parity.implementation import CheckReport, assert_correct, cases_for, check
from parity.record import FitRecorder, LayerRecord, Snapshot, Spec, StepRecord, record_refnet
from parity.sandbox import from_gradient, from_step
from parity.task import Task, TaskStep

if TYPE_CHECKING:
    from parity.torch_twin import (
        copy_from_torch,
        copy_to_torch,
        record_torch,
        restart,
        restate,
        twin,
        twin_loss,
        twin_optimizer,
    )

_TORCH = (
    "copy_from_torch",
    "copy_to_torch",
    "record_torch",
    "restart",
    "restate",
    "twin",
    "twin_loss",
    "twin_optimizer",
)

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
    "compare",
    "compare_restated",
    "copy_from_torch",
    "copy_to_torch",
    "diagnose",
    "entries",
    "from_gradient",
    "from_step",
    "record_refnet",
    "record_torch",
    "restart",
    "restate",
    "twin",
    "twin_loss",
    "twin_optimizer",
]


def __getattr__(name: str) -> Any:
    """The names that need PyTorch, which is imported when the first of them is asked
    for.
    """
    if name not in _TORCH:
        raise AttributeError(f"module 'parity' has no attribute {name!r}")
    try:
        return getattr(import_module("parity.torch_twin"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f'parity.{name} needs PyTorch: python -m pip install "refnet[parity]"', name="torch"
        ) from None
