"""A broken program trains on handwritten digits: nobody looks for a mistake that still
learns.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.mistake import Mistake
from parity.mistakes.probes import Probe
from parity.mistakes.search.replay import Placed, Run, Shown, run_of_case, steps
from parity.rounding.plain import Plain
from parity.steps.cases import Case
from parity.steps.record import Spec
from refnet.checks import Array

SIZES = (64, 30, 30, 10)
EPOCHS, BATCH = 20, 32  # two thirds of the main job's epochs, on its mini-batches
DEVIATION = 0.2  # of the first weights: 1/sqrt(fan_in) is 0.125 for 64 inputs, 0.18 for 30
# of plain SGD: of a third of it, it and three times it, the one by which every right
# network learns (accuracies of the first network of each loss: mse 87.2, 88.3, 8.3 %;
# half_squared_error 68.2, 93.9, 96.9; mae 31.3, 40.5, 39.8; the rest 96.2 to 97.4)
RATES = {
    "mse": 0.7,
    "half_squared_error": 0.5,
    "mae": 5.0,
    "binary_cross_entropy": 3.0,
    "sigmoid_cross_entropy": 3.0,
}
RATE = 0.3  # of plain SGD with the other losses
# in a probe they are larger, so that three steps show what each of them does
MILD = {"lr": 0.01, "lr_decay": 1e-3, "weight_decay": 1e-3}


class Accuracies(NamedTuple):
    """The share of test images labelled right by the broken network and by the right
    one; None where there is none.
    """

    broken: float | None = None
    right: float | None = None


@dataclass(frozen=True)
class Kind:
    """What a network for the digits takes from a probe: all but its sizes and data."""

    hidden: tuple[str, ...]
    output: str
    loss: str
    targets: str
    optimizer: str
    settings: tuple[tuple[str, Any], ...]  # sorted, so that it can be hashed
    slope: float

    @classmethod
    def of(cls, case: Case) -> "Kind":
        """The kind of a probe's case, with two hidden layers."""
        return cls(
            (case.hidden * 2 or ("tanh", "tanh"))[:2],
            case.output,
            case.loss,
            case.targets,
            case.optimizer,
            tuple(sorted(case.settings.items())),
            case.slope,
        )

    def case(self) -> Case:
        """A case of this kind for the digits."""
        return Case(
            "probe",
            SIZES,
            self.hidden,
            self.output,
            self.loss,
            self.targets,
            self.optimizer,
            self._milder(),
            BATCH,
            slope=self.slope,
            deviation=DEVIATION,
        )

    def _milder(self) -> dict[str, Any]:
        """The settings at which the right network learns."""
        settings = dict(self.settings)
        kept = {"lr"} if self.optimizer in ("sgd", "adagrad") else set()
        settings |= {name: mild for name, mild in MILD.items() if name in {*settings} - kept}
        if self.optimizer == "sgd":
            # momentum sums up 1 / (1 - momentum) steps
            momentum = settings.get("momentum", 0.0)
            settings["lr"] = RATES.get(self.loss, RATE) * (1.0 - momentum)
        if self.optimizer == "adagrad":
            settings["initial_accumulator_value"] = 0.0
        return settings


def accuracies(mistake: Mistake, probe: Probe) -> Accuracies:
    """Train the broken network and the right one; nothing without scikit-learn."""
    try:
        _split()
    except ModuleNotFoundError:
        return Accuracies()
    kind = Kind.of(probe.case)
    try:
        broken = _accuracy(kind, mistake.id)
    except ValueError:  # a bias that has grown a row for each sample fits one size of batch alone
        broken = None
    return Accuracies(broken, _right_accuracy(kind))


@cache
def _split() -> Any:
    return import_module("parity.experiments.job.digits").load()


@cache
def _right_accuracy(kind: Kind) -> float | None:
    return _accuracy(kind, "")


@np.errstate(all="ignore")
def _accuracy(kind: Kind, mistake: str) -> float | None:
    """Train as the probe would, and label the test images by the largest output of the
    broken network; None where the mistake cannot stand in it.
    """
    run = run_of_case(kind.case(), 1)
    placed: list[Placed] = []
    if mistake:
        layers = BY_ID[mistake].layers(run.spec)
        if not layers:
            return None
        placed = [Placed(BY_ID[mistake], layers)]
    return float(np.mean(_labels(run, placed, kind.targets) == _split().labels_test))


def _labels(run: Run, placed: list[Placed], targets: str) -> Array:
    """Train on mini-batches; the test images are the batch of one more step."""
    split, spec = _split(), run.spec
    batches = [(split.x[rows], split.labels[rows]) for rows in _mini_batches(len(split.x))]
    shown = tuple(
        _shown(spec, t, *batch, targets)
        for t, batch in enumerate([*batches, (split.x_test, split.labels_test)], start=1)
    )
    labels = np.empty(0)
    for step in steps(replace(run, steps=shown), placed, Plain):
        labels = np.nan_to_num(step.a(step.L).value).argmax(axis=1)
        for part in step.parts:
            step.new(part)  # it is computed on demand: asked for last, every step would recurse
    return labels


def _mini_batches(rows: int) -> Iterator[Array]:
    rng = np.random.default_rng(0)
    for _ in range(EPOCHS):
        order = rng.permutation(rows)
        yield from (order[i : i + BATCH] for i in range(0, rows - BATCH + 1, BATCH))


def _shown(spec: Spec, step: int, x: Array, labels: Array, targets: str) -> Shown:
    y = labels if targets == "labels" else np.eye(SIZES[-1])[labels]
    return Shown(replace(spec, step=step), x, y, {})
