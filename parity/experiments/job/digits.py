"""The main job's first half: refnet and its twin train the same network on real
handwritten digits, on the same mini-batches, side by side.

`fit` trains refnet; its `on_step` hook hands every mini-batch to the twin. Neither is
ever corrected towards the other, and every step of both is certified. PyTorch takes
each step once more from refnet's weights, and the gaps between the two are measured; in
the first steps they are also compared within running bounds, and the difference of the
two that train on freely is the growth curve.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from parity.experiments.job.gaps import gaps_between
from parity.experiments.job.sweep import StepOutcome, outcome_of
from parity.proof.certificate import certify
from parity.steps.pytorch import predict, record_torch, restart, twin, twin_loss, twin_optimizer
from parity.steps.record import FitRecorder, StepRecord
from refnet.building import mlp
from refnet.checks import Array
from refnet.history import Epoch
from refnet.losses import SoftmaxCrossEntropy
from refnet.network import Network
from refnet.optimizers import SGD, Optimizer
from refnet.training import fit

SIZES = (64, 30, 10)
BATCH = 32
EPOCHS = 30
# steps of the growth curve, and of those that are compared from equal weights within
# running bounds, which takes 15 ms a step
GROWTH = 100


class Split(NamedTuple):
    """The digits, 60 % to train on and 40 % to test on, scaled to mean 0 and variance 1
    on the training part.
    """

    x: Array
    labels: Array
    x_test: Array
    labels_test: Array


@dataclass
class Trained:
    """The two trained networks, and every epoch and step on the way."""

    split: Split
    net: Network
    model: Any
    epochs: list["EpochPair"] = field(default_factory=list)
    steps: list[StepOutcome] = field(default_factory=list)
    # the largest weight difference of the free-running two after each step
    growth: list[float] = field(default_factory=list)

    @property
    def first(self) -> tuple[int, str] | None:
        """The first step, from 1 on, where something is wrong, and what."""
        return next(
            ((i, step.problem) for i, step in enumerate(self.steps, start=1) if step.problem), None
        )

    @property
    def weight_difference(self) -> float:
        """The largest difference of any weight or bias after training."""
        pairs = zip(self.net.layers, list(self.model.children())[::2], strict=True)
        gaps = [
            (layer.W - linear.weight.detach().numpy(), layer.b - linear.bias.detach().numpy())
            for layer, linear in pairs
        ]
        return max(float(np.abs(gap).max()) for pair in gaps for gap in pair)

    @property
    def same_labels(self) -> bool:
        """Whether both give every test image the same label."""
        return bool(
            np.array_equal(
                self.net.classify(self.split.x_test), _labels(self.model, self.split.x_test)
            )
        )

    @property
    def accuracy(self) -> float:
        """refnet's share of test images labelled right."""
        return self.net.accuracy(self.split.x_test, self.split.labels_test)


class EpochPair(NamedTuple):
    """One epoch of both: the mean training loss, and the accuracy on the test part
    afterwards.
    """

    number: int
    of: int
    loss: float
    twin_loss: float
    accuracy: float
    twin_accuracy: float


def load(seed: int = 0) -> Split:
    """scikit-learn's 1,797 digits of 8x8 pixels, split at random by the seed, scaled by
    the training part's mean and deviation.

    Source: Alpaydin and Kaynak, Optical recognition of handwritten digits, UCI machine
        learning repository (1998).
    """
    x, labels = load_digits(return_X_y=True)
    x, x_test, labels, labels_test = train_test_split(x, labels, test_size=0.4, random_state=seed)
    scaler = StandardScaler().fit(x)
    return Split(scaler.transform(x), labels, scaler.transform(x_test), labels_test)


def train(
    seed: int = 0,
    epochs: int = EPOCHS,
    on_epoch: Callable[[EpochPair], object] | None = None,
    dtype: str = "float64",
    optimizer: Optimizer | None = None,
) -> Trained:
    """Train both from the same weights on the same mini-batches, certifying every
    equation of every step.

    Shapes: 64 inputs, 30 tanh units, 10 logits; mini-batches of 32.
    """
    split = load(seed)
    net = mlp(SIZES, hidden="tanh", output="identity", init="torch_linear", seed=seed, dtype=dtype)
    loss, optimizer = SoftmaxCrossEntropy(), optimizer or SGD(lr=0.3)
    trained = Trained(split, net, twin(net))
    lockstep = _Lockstep(trained, twin_loss(loss), twin_optimizer(optimizer, trained.model))

    def finish_epoch(epoch: Epoch) -> None:
        trained.epochs.append(lockstep.pair(epoch))
        if on_epoch is not None:
            on_epoch(trained.epochs[-1])

    fit(
        net,
        split.x,
        split.labels,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=BATCH,
        seed=seed,
        on_step=FitRecorder(net, loss, optimizer, lockstep),
        on_epoch=finish_epoch,
    )
    return trained


class _Lockstep:
    """Gives the twin each mini-batch that refnet has just taken, and certifies the two
    steps.
    """

    def __init__(self, trained: Trained, loss: Any, optimizer: Any) -> None:
        self._trained, self._loss, self._optimizer = trained, loss, optimizer
        self._previous: tuple[StepRecord | None, StepRecord | None] = (None, None)
        self._total, self._rows = 0.0, 0

    def __call__(self, ours: StepRecord) -> None:
        self._optimizer.param_groups[0]["lr"] = ours.spec.hyperparameters["lr"]
        theirs = record_torch(self._trained.model, ours.x, ours.y, self._loss, self._optimizer)
        mine, other = (
            certify(record, previous)
            for record, previous in zip((ours, theirs), self._previous, strict=True)
        )
        free = outcome_of(mine, other, equal_start=False)
        restarted = restart(ours)
        outcome = replace(free, gaps=gaps_between(ours, restarted))
        if len(self._trained.steps) < GROWTH:
            equal = outcome_of(mine, certify(restarted))
            outcome = replace(equal, theirs=free.theirs + equal.theirs)
            self._trained.growth.append(self._trained.weight_difference)
        self._trained.steps.append(outcome)
        self._previous = (ours, theirs)
        self._total += (theirs.loss or 0.0) * len(ours.x)
        self._rows += len(ours.x)

    def pair(self, epoch: Epoch) -> EpochPair:
        """The epoch that refnet has just ended, and the twin's."""
        mean, self._total, self._rows = self._total / self._rows, 0.0, 0
        split, model = self._trained.split, self._trained.model
        accuracy = float(np.mean(_labels(model, split.x_test) == split.labels_test))
        return EpochPair(epoch.number, epoch.of, epoch.loss, mean, self._trained.accuracy, accuracy)


def _labels(model: Any, x: Array) -> Array:
    return predict(model, x).argmax(axis=1)
