"""The case table: architecture x activation x loss x optimizer x dtype x batch; and the
parts that a step may have besides: weights, penalties, clipping, dropout, no biases.

A case draws its own network and data from its seed.

Layer sizes are distinct primes, so that a transposed or misplaced array does not fit.
Some cases have the sizes at which mistakes hide: width 1, batch 1, one layer, square
layers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any

import numpy as np

from parity.steps.record import Given, Objective
from refnet.activations import ACTIVATIONS, LeakyReLU
from refnet.building import mlp
from refnet.checks import Array
from refnet.clipping import Clipping
from refnet.initializers import Normal
from refnet.losses import LOSSES, Loss
from refnet.network import Network
from refnet.optimizers import OPTIMIZERS, Optimizer
from refnet.regularisers import L1, L2, ElasticNet, Penalty

# the learning rate of each step, as a multiple of the first: optimizers that agree at a
# constant rate differ where it changes
RATES = (1.0, 0.5, 2.0, 0.25, 1.5)
TRAINABLE = tuple(name for name, kind in ACTIVATIONS.items() if kind.trainable)
DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Case:
    """One row of the table: a network, a loss with the targets it is tried with, an
    optimizer, a dtype and a batch size.

    Shapes: x (batch, sizes[0]); y (batch,) for labels, otherwise (batch, sizes[-1]).
    """

    group: str  # "pair", "optimizer", "architecture", "part" or "probe"
    sizes: tuple[int, ...] = (7, 5, 3)
    hidden: tuple[str, ...] = ("tanh",)
    output: str = "identity"
    loss: str = "softmax_cross_entropy"
    targets: str = "labels"  # "labels", "distributions", "probabilities" or "values"
    optimizer: str = "sgd"
    settings: dict[str, Any] = field(default_factory=dict)
    batch: int = 11
    dtype: str = "float64"
    seed: int = 0
    slope: float = 0.01  # of leaky ReLU
    # standard deviation of the weights and biases
    deviation: float = 0.6
    loss_settings: dict[str, Any] = field(default_factory=dict)
    weighted: bool = False  # whether the rows have weights
    penalty: Penalty | None = None
    clip: tuple[str, float] | None = None  # ("norm", limit) or ("value", limit)
    dropout: tuple[float, ...] = ()  # on the input of each layer
    bias: bool = True
    count: int | None = None  # of steps, where it is not the group's
    last: int | None = None  # samples in the last batch, where it is smaller

    @property
    def id(self) -> str:
        """A readable name: 7-5-3 tanh identity, softmax_cross_entropy on labels,
        sgd(momentum=0.9), n 11, float64.
        """
        seed = f", seed {self.seed}" if self.seed else ""
        last = f" and {self.last}" if self.last else ""
        steps = f", {self.count} steps" if self.count else ""
        return (
            f"{self._net}, {self._loss} on {self.targets}, {self._rule}{self._extras}, n "
            f"{self.batch}{last}{steps}, {self.dtype}{seed}"
        )

    @property
    def _loss(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in self.loss_settings.items())
        weighted = "weighted " if self.weighted else ""
        return f"{weighted}{self.loss}{f'({settings})' if settings else ''}"

    @property
    def _extras(self) -> str:
        """What the case has beside a network, a loss and a rule."""
        clip = None if self.clip is None else f"clip_{self.clip[0]}={self.clip[1]}"
        drop = f"dropout {self.dropout}" if self.dropout else None
        bias = None if self.bias else "no biases"
        extras = (self.penalty, clip, drop, bias)
        return "".join(f", {extra}" for extra in extras if extra is not None)

    @property
    def has_parts(self) -> bool:
        """Whether it has more than a network, a loss and a rule."""
        regularised = self.penalty is not None or self.clip is not None or bool(self.dropout)
        return regularised or bool(self.loss_settings) or self.weighted or not self.bias

    @property
    def row(self) -> str:
        """The row of the printed table that the case counts in."""
        return {
            "pair": f"{self.output} x {self.loss}",
            "optimizer": self._rule,
            "part": f"{self._loss}{self._extras}",
        }.get(self.group, self._net)

    @property
    def _net(self) -> str:
        return (
            f"{'-'.join(map(str, self.sizes))} "
            f"{'-'.join((*dict.fromkeys(self.hidden), self.output))}"
        )

    @property
    def _rule(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{self.optimizer}({settings})"

    def network(self) -> Network:
        """The network, its weights and biases drawn from a normal distribution, so that
        no W is symmetric and no b is zero.
        """
        *hidden, output = (
            LeakyReLU(self.slope) if name == "leaky_relu" else name
            for name in (*self.hidden, self.output)
        )
        drop_input, *drops = self.dropout or (0.0,) * (len(self.sizes) - 1)
        return mlp(
            self.sizes,
            hidden,
            output,
            init=Normal(std=self.deviation),
            seed=self.seed + sum(self.sizes),
            dtype=self.dtype,
            bias=self.bias,
            dropout=drops,
            input_dropout=drop_input,
        )

    def make_loss(self) -> Loss:
        """The loss."""
        return LOSSES[self.loss](**self.loss_settings)

    @property
    def objective(self) -> Objective:
        """The loss, the penalty and the clipping."""
        return Objective(self.make_loss(), self.penalty, Clipping.of(**self.clipping))

    @property
    def clipping(self) -> dict[str, float | None]:
        """clip_norm and clip_value, as fit and record_refnet take them."""
        given = {} if self.clip is None else {f"clip_{self.clip[0]}": self.clip[1]}
        return {"clip_norm": None, "clip_value": None, **given}

    def make_optimizer(self) -> Optimizer:
        """The optimizer, fresh."""
        return OPTIMIZERS[self.optimizer](**self.settings)

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rate of each step as a multiple of the first: five steps where
        an optimizer is tried, three in a probe, otherwise two, or as many as are asked
        for.
        """
        usual = {"optimizer": 5, "probe": 3}.get(self.group, 2)
        return tuple(islice(cycle(RATES), self.count or usual))

    def steps(self) -> Iterator[tuple[Array, Array, float]]:
        """x, y and the learning rate of each step."""
        rng = np.random.default_rng([self.seed, self.batch, *self.sizes])
        lr = self.make_optimizer().lr
        for number, rate in enumerate(self.rates, start=1):
            batch = (self.last or self.batch) if number == len(self.rates) else self.batch
            yield (
                rng.normal(size=(batch, self.sizes[0])).astype(self.dtype),
                self._targets(rng, batch).astype(_target_dtype(self)),
                lr * rate,
            )

    def given(self) -> Iterator[Given]:
        """x, y, the weights of the rows and the masks of dropout of each step."""
        net, rng = self.network(), np.random.default_rng([self.seed, self.batch, 7])
        for x, y, _ in self.steps():
            # between 1/2 and 2, and one row that does not count where there are several
            weights = (2.0 ** rng.uniform(-1.0, 1.0, len(x))).astype(self.dtype)
            weights[1:2] = 0.0
            masks = net.draw_masks(len(x), rng)
            yield Given(x, y, weights if self.weighted else None, masks)

    def asked(self, given: Given) -> dict[str, Any]:
        """What a step is asked for beside x, y, the loss and the optimizer, as
        record_refnet takes it.
        """
        asked = {"sample_weight": given.sample_weight, "penalty": self.penalty, **self.clipping}
        return {**asked, "masks": given.masks}

    def _targets(self, rng: np.random.Generator, batch: int) -> Array:
        shape = (batch, self.sizes[-1])
        if self.targets == "labels":
            labels = rng.integers(0, shape[1], shape[0])
            labels[2::4] = self.loss_settings.get("ignore_index", labels[2::4])
            return labels
        if self.targets == "distributions":
            return rng.dirichlet(np.ones(shape[1]), shape[0])
        if self.targets == "probabilities":
            return np.where(rng.random(shape) < 0.5, rng.integers(0, 2, shape), rng.random(shape))
        return rng.normal(size=shape)


def _target_dtype(case: Case) -> Any:
    return np.intp if case.targets == "labels" else case.dtype


def targets_of(loss: str) -> tuple[str, ...]:
    """The kinds of targets that a loss takes."""
    if loss in ("cross_entropy", "softmax_cross_entropy"):
        return ("labels", "distributions")
    return (
        ("probabilities",)
        if loss in ("binary_cross_entropy", "sigmoid_cross_entropy")
        else ("values",)
    )


def outputs_of(loss: str) -> tuple[str, ...]:
    """The output activations that a loss allows."""
    return tuple(kind.name for kind in LOSSES[loss].outputs) or TRAINABLE


PAIRS = [
    Case("pair", hidden=(hidden,), output=output, loss=loss, targets=targets)
    for loss in LOSSES
    for output in outputs_of(loss)
    for hidden in TRAINABLE
    for targets in targets_of(loss)
]

_RULES: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "dampening": 0.5}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"momentum": 0.9, "weight_decay": 0.1}),
    ("adagrad", {"lr": 0.1}),
    (
        "adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1, "weight_decay": 0.1},
    ),
    ("rmsprop", {}),
    ("rmsprop", {"momentum": 0.9, "weight_decay": 0.1}),
    ("rmsprop", {"centered": True}),
    ("rmsprop", {"centered": True, "momentum": 0.9, "alpha": 0.9}),
    ("adam", {"lr": 0.01}),
    ("adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    ("adam", {"lr": 0.01, "betas": (0.4, 0.9), "eps": 0.001}),
    ("adamw", {"lr": 0.01}),
    ("adamw", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
]
RULES = [
    replace(case, group="optimizer", optimizer=name, settings=settings)
    for name, settings in _RULES
    for case in (
        Case("", (3, 7, 2), hidden=("sigmoid",), output="identity", loss="mse", targets="values"),
        Case(
            "", (5, 7, 2, 3), hidden=("leaky_relu", "tanh"), output="softmax", loss="cross_entropy"
        ),
        Case(
            "",
            (2, 3),
            hidden=(),
            output="sigmoid",
            loss="binary_cross_entropy",
            targets="probabilities",
            batch=1,
        ),
    )
]

ARCHITECTURES = [
    replace(Case("architecture", sizes, hidden), batch=batch)
    for sizes, hidden in (
        ((5, 3), ()),
        ((1, 1, 2), ("sigmoid",)),
        ((3, 1, 2), ("tanh",)),
        ((4, 4, 4), ("leaky_relu",)),
        ((5, 3, 7, 2, 3, 5, 2), ("sigmoid", "relu", "tanh", "leaky_relu", "softmax")),
        ((64, 30, 10), ("sigmoid",)),
    )
    for batch in (1, 2, 32)
]

_WEIGHT = (0.3, 1.7, 1.1)
_OF_LOSSES = {  # a loss, its targets and the output that reads it
    "mse": ("values", "identity"),
    "half_squared_error": ("values", "tanh"),
    "mae": ("values", "identity"),
    "cross_entropy": ("labels", "softmax"),
    "softmax_cross_entropy": ("labels", "identity"),
    "binary_cross_entropy": ("probabilities", "sigmoid"),
    "sigmoid_cross_entropy": ("probabilities", "identity"),
}


def _of_loss(loss: str, targets: str = "", **given: Any) -> Case:
    usual, output = _OF_LOSSES[loss]
    return Case("part", loss=loss, targets=targets or usual, output=output, **given)


_SETTINGS: list[tuple[str, str, dict[str, Any]]] = [
    ("softmax_cross_entropy", "", {"weight": _WEIGHT}),
    ("softmax_cross_entropy", "", {"label_smoothing": 0.1}),
    ("softmax_cross_entropy", "", {"ignore_index": -100}),
    ("softmax_cross_entropy", "distributions", {"weight": _WEIGHT, "label_smoothing": 0.1}),
    ("cross_entropy", "", {"weight": _WEIGHT, "label_smoothing": 0.1, "ignore_index": 1}),
    ("cross_entropy", "distributions", {"weight": _WEIGHT}),
    ("binary_cross_entropy", "", {"weight": _WEIGHT}),
    ("sigmoid_cross_entropy", "", {"pos_weight": _WEIGHT}),
    ("sigmoid_cross_entropy", "", {"weight": _WEIGHT, "pos_weight": (2.3, 0.7, 0.0)}),
]
_PART = Case("part")
_DEEP = Case("part", (5, 7, 2, 3), hidden=("relu", "tanh"))
PARTS = [
    *(_of_loss(loss, targets, loss_settings=given) for loss, targets, given in _SETTINGS),
    *(_of_loss(loss, loss_settings={"reduction": "sum"}) for loss in LOSSES),
    *(_of_loss(loss, weighted=True) for loss in LOSSES),
    *(
        replace(_PART, penalty=penalty)
        for penalty in (
            L1(0.1),
            L2(0.3),
            ElasticNet(0.1, 0.3),
            L1(0.1, biases=True),
            L2(0.3, biases=True),
        )
    ),
    *(replace(_PART, clip=clip) for clip in (("norm", 0.1), ("norm", 10.0), ("value", 0.03))),
    replace(_PART, dropout=(0.0, 0.5)),
    replace(_PART, dropout=(0.2, 0.0)),
    replace(_DEEP, dropout=(0.2, 0.5, 0.3)),
    replace(_DEEP, bias=False, optimizer="sgd", settings={"momentum": 0.9}),
    # all at once
    replace(
        _DEEP,
        loss_settings={"weight": _WEIGHT, "ignore_index": 0, "label_smoothing": 0.2},
        weighted=True,
        penalty=ElasticNet(0.1, 0.3, biases=True),
        clip=("norm", 0.1),
        dropout=(0.2, 0.5, 0.3),
        optimizer="adam",
        settings={"lr": 0.01},
    ),
    replace(
        _of_loss("sigmoid_cross_entropy", weighted=True, bias=False, penalty=L2(0.3)),
        loss_settings={"weight": _WEIGHT, "pos_weight": _WEIGHT, "reduction": "sum"},
        clip=("value", 0.3),
        dropout=(0.2, 0.5),
        optimizer="adamw",
        settings={"lr": 0.01, "weight_decay": 0.1},
    ),
    replace(
        _of_loss("mse", weighted=True, bias=False, penalty=L1(0.1), clip=("norm", 1.0)),
        dropout=(0.2, 0.5),
        optimizer="rmsprop",
        settings={"centered": True, "momentum": 0.9},
    ),
]

PLAIN = tuple(
    replace(case, dtype=dtype) for case in (*PAIRS, *RULES, *ARCHITECTURES) for dtype in DTYPES
)
CASES = (*PLAIN, *(replace(case, dtype=dtype) for case in PARTS for dtype in DTYPES))
