"""Whole training of the handwritten digits: `fit`, PyTorch's loop, scikit-learn's
MLPClassifier, and JAX where it is installed, each epoch compiled as a whole beforehand.
All take as many steps of the same rule, and tell their last loss and their accuracy
afterwards.
"""

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from parity.bench.sides import jax as jax_side
from parity.bench.sides import torch as torch_side
from parity.bench.sides.setting import Setting
from parity.bench.tables.steps import fastest_form
from parity.bench.timing import Timing, interleaved
from parity.experiments.job.digits import BATCH, SIZES, Split, load
from parity.steps.pytorch import predict
from refnet.checks import Array
from refnet.training import fit

LR = 0.1  # by 5 epochs every side labels 93 to 95 % of the test images right
COMPILED = "JAX, compiled"  # each epoch as a whole


class End(NamedTuple):
    """How a training ended."""

    loss: float  # the mean of the last epoch
    accuracy: float  # on the test part
    steps: int


Trainer: TypeAlias = Callable[[Setting, Split, int], End]


class Trainings(NamedTuple):
    """The trainings of every side, in one dtype."""

    dtype: str
    epochs: int
    images: int
    form: str  # of PyTorch's optimizer
    timings: dict[str, Timing]
    ends: dict[str, End]

    @property
    def problem(self) -> str:
        """A side that took another number of steps than asked for, or ""."""
        want = self.epochs * math.ceil(self.images / BATCH)
        wrong = [
            f"{name} took {end.steps} steps, expected {want}"
            for name, end in self.ends.items()
            if end.steps != want
        ]
        return f"digits, {self.dtype}: {wrong[0]}" if wrong else ""

    def ratio(self, name: str) -> float:
        """How many times as long as `fit`."""
        return self.timings[name].median / self.timings["fit"].median

    def lines(self) -> list[str]:
        """A line for each."""
        return [
            f"{name:<16}{self.dtype:<8}{timing.median * 1e3:>10.1f} "
            f"ms{self.ratio(name):>8.2f}"
            f"{self.ends[name].loss:>12.6f}{self.ends[name].accuracy:>12.2%}"
            f"{self.ends[name].steps:>8}"
            f"{f'   {self.form}' if name == 'PyTorch' else ''}"
            for name, timing in self.timings.items()
        ]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        sides = {
            name: {**timing.as_json(), **self.ends[name]._asdict()}
            for name, timing in self.timings.items()
        }
        return {
            "dtype": self.dtype,
            "epochs": self.epochs,
            "images": self.images,
            "form": self.form,
            "sides": sides,
        }


HEAD = (
    f"{'':<16}{'dtype':<8}{'time':>13}{'/ fit':>8}{'last loss':>12}{'accuracy':>12}{'steps':>8}"
    f"   form of PyTorch"
)


def trainings(
    dtype: str, epochs: int, repeats: int, seconds: float, seed: int, images: int | None = None
) -> Trainings:
    """Time them in turns; each repeat starts anew, from drawing the weights on.

    `images` are the first so many.
    """
    split = load(seed)
    split = Split(
        split.x[:images].astype(dtype),
        split.labels[:images],
        split.x_test.astype(dtype),
        split.labels_test,
    )
    setting = Setting(SIZES, BATCH, dtype, lr=LR, seed=seed)
    form = fastest_form(
        [torch_side.torch_step(setting, form) for form in torch_side.FORMS], seconds
    ).form
    ends: dict[str, End] = {}

    def keeping(name: str, train: Trainer) -> Callable[[], object]:
        def side() -> None:
            ends[name] = train(setting, split, epochs)

        return side

    known: dict[str, Trainer] = {
        "fit": _refnet,
        "PyTorch": partial(_torch, form=form),
        "scikit-learn": _sklearn,
    }
    if jax_side.jax() is not None:
        known[COMPILED] = partial(_jax, train=jax_side.jax_trainer(setting, split.x, split.labels))
    timings = interleaved(
        {name: keeping(name, train) for name, train in known.items()}, repeats, seconds
    )
    return Trainings(dtype, epochs, len(split.x), form, timings, ends)


def _refnet(setting: Setting, split: Split, epochs: int) -> End:
    net, optimizer = setting.network(), setting.optimizer()
    history = fit(
        net,
        split.x,
        split.labels,
        loss=setting.loss(),
        optimizer=optimizer,
        epochs=epochs,
        batch_size=BATCH,
        seed=setting.seed,
    )
    return End(
        history.loss[-1], net.accuracy(split.x_test, split.labels_test), optimizer.state["steps"]
    )


def _torch(setting: Setting, split: Split, epochs: int, form: str) -> End:
    losses, model = torch_side.train(setting, split.x, split.labels, epochs, form)
    right = predict(model, split.x_test).argmax(axis=1) == split.labels_test
    return End(losses[-1], float(np.mean(right)), len(losses) * math.ceil(len(split.x) / BATCH))


def _jax(
    setting: Setting,
    split: Split,
    epochs: int,
    train: Callable[[int], tuple[list[float], list[tuple[Array, Array]]]],
) -> End:
    losses, layers = train(epochs)
    net = setting.network()
    net.parameters[:] = np.concatenate([array.ravel() for layer in layers for array in layer])
    return End(
        losses[-1],
        net.accuracy(split.x_test, split.labels_test),
        len(losses) * math.ceil(len(split.x) / BATCH),
    )


def _sklearn(setting: Setting, split: Split, epochs: int) -> End:
    """Without momentum, weight decay or early stopping.

    It counts the rows it has seen, in batches of the same size.
    """
    model = MLPClassifier(
        hidden_layer_sizes=SIZES[1:-1],
        activation="relu",
        solver="sgd",
        alpha=0.0,
        batch_size=BATCH,
        learning_rate_init=setting.lr,
        max_iter=epochs,
        random_state=setting.seed,
        tol=0.0,
        momentum=0.0,
        nesterovs_momentum=False,
        n_iter_no_change=epochs + 1,
    )
    with warnings.catch_warnings():
        # it always ends after max_iter epochs, and warns of it
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(split.x, split.labels)
    whole = model.t_ == model.n_iter_ * len(split.x)
    steps = model.n_iter_ * math.ceil(len(split.x) / BATCH) if whole else model.t_
    return End(
        float(model.loss_curve_[-1]), float(model.score(split.x_test, split.labels_test)), steps
    )
