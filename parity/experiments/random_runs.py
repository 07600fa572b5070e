"""Random training runs, each from its seed alone.

Most are of ordinary numbers, some of saturated, tiny, huge and subnormal ones. In a
share of the runs the hyper-parameters stand in corners of their ranges, where a
variance cancels, a divisor vanishes or a mean never moves; and a few have sums so long
that their worst case is not a likely one. A share has parts besides: weights, a
penalty, clipping, dropout, no biases.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from typing import Any

import numpy as np

from parity.experiments.random_numbers import KINDS, Numbers, pick
from parity.experiments.random_parts import IGNORED, Parts, random_clip, random_parts
from parity.steps.cases import DTYPES, TRAINABLE, outputs_of, targets_of
from refnet import Activation, Dense, LeakyReLU, Network, Optimizer
from refnet.activations import ACTIVATIONS
from refnet.checks import Array
from refnet.losses import LOSSES, Loss
from refnet.optimizers import OPTIMIZERS, SECOND_MOMENTS

PAIRS = tuple((loss, output) for loss in LOSSES for output in outputs_of(loss))
SLOPES = (0.01, 0.2, 0.3, 1 / 3, 1.0, 1.5, 0.0, -0.25, 1e-6)
NEAR_ONE = (0.999, 1.0 - 2.0**-12, 1.0 - 2.0**-24, 1.0 - 2.0**-53)
# what a hyper-parameter is exchanged for in a corner, more often where more may break
CORNERS: dict[str, tuple[Any, ...]] = {
    "momentum": (*NEAR_ONE, 1.0),
    "dampening": (*NEAR_ONE, 1.0),
    "alpha": (*(0.0, 1e-8, 1e-3) * 3, *NEAR_ONE, 1.0),
    "centered": (True,),
    "betas": (
        *((0.0, 0.0), (0.0, 0.999), (0.9, 0.0), (1e-8, 1e-3)) * 2,
        *product(NEAR_ONE[1:], repeat=2),
    ),
    "eps": (0.0, 0.0, 1e-12, 1e-8, 1e-3),
    "lr_decay": (1e-8, 1e3),
    "initial_accumulator_value": (0.0, 1e3),
    "weight_decay": (0.3, 1.0),
}
CORNERED = 0.4  # of the runs; the majority is ordinary
PARTED = 0.35  # of the runs
LONG = 0.02  # of the runs
# terms of their sums, by the power of ten
TERMS = {"float32": (2.0, 3.6), "float64": (2.0, 2.7)}  # those of float64 take their time
# the variance of RMSprop has the most corners
CORNERED_RULES = (*OPTIMIZERS, "rmsprop", "rmsprop")
# powers of ten of x and of y - a; a gradient is their product, 10^150 or 10^30, which
# is finite; in float64 its square is finite too
EXTREME = {"float64": 75.0, "float32": 15.0}


@dataclass(frozen=True)
class RandomRun:
    """A random training run. `random_run` makes it from its seed alone."""

    seed: int
    dtype: str
    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: str
    targets: str  # as in the case table
    weights: Numbers
    inputs: Numbers
    values: Numbers  # of targets that are values
    batch: int
    rule: str
    settings: dict[str, Any]
    rates: tuple[float, ...]  # the learning rate of each step
    past: int  # steps that the optimizer has behind it
    spread: float  # of its gradients in those steps, in units of their mean
    repeats: bool  # the same batch at every step
    parts: Parts = field(default_factory=Parts)

    @property
    def id(self) -> str:
        """A readable name: random_run(7): <Network 3-2 (tanh), float64>, mse on values,
        n 11, x whole 1e0, SGD(...) after 0 steps.
        """
        data = (
            f"{self.loss} on {self.targets}, n {self.batch}, x {self.inputs.kind} "
            f"1e{self.inputs.power:.0f}"
        )
        parts = f", {self.parts}" if self.has_parts else ""
        return (
            f"random_run({self.seed}): {self.network()!r}, {data}, {self.optimizer()!r} after "
            f"{self.past} steps{parts}"
        )

    @property
    def has_parts(self) -> bool:
        """Whether the run has anything beside a network, a loss and a rule."""
        return self.parts != Parts()

    def make_loss(self) -> Loss:
        """The loss with its settings."""
        return LOSSES[self.loss](**self.parts.loss_settings)

    def network(self) -> Network:
        """The network, fresh."""
        rng, layers = np.random.default_rng([self.seed, 1]), []
        biases = self.parts.biases or [True for _ in self.activations]
        drops = self.parts.dropout or [0.0 for _ in self.activations]
        for (fan_in, fan_out), activation, has_bias, p in zip(
            pairwise(self.sizes), self.activations, biases, drops, strict=True
        ):
            W, b = (
                self.weights.draw(rng, shape, self.dtype)
                for shape in ((fan_out, fan_in), (1, fan_out))
            )
            layers.append(Dense(W, b[0] if has_bias else None, activation, p))
        return Network(layers)

    def optimizer(self) -> Optimizer:
        """The optimizer, fresh; where it has a past, with vectors as gradients of one
        size leave them.
        """
        optimizer, probe = (OPTIMIZERS[self.rule](self.rates[0], **self.settings) for _ in range(2))
        if self.past:
            probe.bind(net := self.network())
            names = {
                *probe.state,
                *(["momentum_buffer"] if self.settings.get("momentum") else []),
            } - {"steps"}
            rng = np.random.default_rng([self.seed, 2])
            mean, size = rng.normal(size=net.parameters.size), 10.0 ** rng.uniform(-20, 2)
            square = (mean**2 + self.spread * rng.random(mean.size)) * size**2
            optimizer.state = {
                "steps": self.past,
                **{
                    name: square if name in SECOND_MOMENTS else mean * size
                    for name in sorted(names)
                },
            }
        return optimizer

    def steps(self) -> Iterator[tuple[Array, Array, float]]:
        """x, y and the learning rate of each step."""
        for number, rate in enumerate(self.rates):
            rng = np.random.default_rng([self.seed, 3, 0 if self.repeats else number])
            yield (
                self.inputs.draw(rng, (self.batch, self.sizes[0]), self.dtype),
                self._targets(rng, (self.batch, self.sizes[-1])),
                rate,
            )

    def asked(self) -> Iterator[dict[str, Any]]:
        """What each step has besides, as record_refnet takes it: also the masks."""
        net = self.network()
        for number in range(len(self.rates)):
            rng = np.random.default_rng([self.seed, 7, number])
            yield {
                "sample_weight": self.parts.row_weights(rng, self.batch, self.dtype),
                "penalty": self.parts.penalty,
                **self.parts.clipping,
                "masks": net.draw_masks(self.batch, rng),
            }

    def _targets(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        if self.targets == "labels":
            labels = rng.integers(0, shape[1], shape[0])
            if self.parts.loss_settings.get("ignore_index") == IGNORED:
                labels[rng.random(shape[0]) < 0.3] = IGNORED
            return labels
        if self.targets == "values":
            return self.values.draw(rng, shape, self.dtype)
        if self.targets == "probabilities":
            hard, soft = KINDS["bits"](rng, shape, 0.0), rng.random(shape)
        else:
            hard = np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]
            soft = rng.dirichlet([pick(rng, (0.05, 1.0, 9.0))] * shape[1], shape[0])
        return np.where(rng.random((shape[0], 1)) < pick(rng, (0.0, 0.5, 1.0)), hard, soft).astype(
            self.dtype
        )


def random_run(seed: int) -> RandomRun:
    """A run from its seed alone: any depth, width, activation, pair, optimizer and
    dtype, and a share of extreme numbers and of corners.
    """
    run = ordinary_run(seed)
    rng = np.random.default_rng([seed, 4])
    if rng.random() < CORNERED:
        run = _cornered(rng, run)
    rng = np.random.default_rng([seed, 5])
    run = _lengthened(rng, run) if rng.random() < LONG else run
    rng = np.random.default_rng([seed, 6])
    return _parted(rng, run) if rng.random() < PARTED else run


def ordinary_run(seed: int) -> RandomRun:
    """The same before any of it is moved to a corner."""
    rng = np.random.default_rng([seed, 0])
    dtype, (loss, output), rule = (
        pick(rng, DTYPES),
        pick(rng, PAIRS),
        pick(rng, tuple(OPTIMIZERS)),
    )
    names = [pick(rng, TRAINABLE) for _ in range(rng.integers(0, 4))] + [output]
    sizes = [_size(rng, 20) for _ in names] + [100 if rng.random() < 0.02 else _size(rng, 20)]
    special, extreme = bool(rng.random() < 0.25), rng.random() < 0.15
    weights, inputs, values = (_numbers(rng, special=special) for _ in range(3))
    return RandomRun(
        seed=seed,
        dtype=dtype,
        sizes=tuple(sizes),
        activations=tuple(
            LeakyReLU(pick(rng, SLOPES)) if name == "leaky_relu" else ACTIVATIONS[name]()
            for name in names
        ),
        loss=loss,
        targets=pick(rng, targets_of(loss)),
        weights=weights,
        inputs=Numbers("mixed", EXTREME[dtype], special) if extreme else inputs,
        values=Numbers("mixed", EXTREME[dtype], special) if extreme else values,
        batch=int(rng.integers(65, 201)) if rng.random() < 0.03 else _size(rng, 64),
        rule=rule,
        settings=_settings(rng, rule),
        rates=tuple(
            float(rng.random() > 0.01) * _power(rng, -12 if rng.random() < 0.1 else -5, 1)
            for _ in range(rng.integers(1, 5))
        ),
        past=pick(rng, (0,) * 7 + (1, 30, 10_000)),
        spread=1.0,
        repeats=bool(rng.random() < 0.4),
    )


def _cornered(rng: np.random.Generator, run: RandomRun) -> RandomRun:
    """The run with some of its hyper-parameters in a corner, often on numbers that are
    level, on the same batch again, and of so many parameters that rare roundings occur.
    """
    rule = pick(rng, CORNERED_RULES)
    settings = {
        name: pick(rng, CORNERS[name]) if name in CORNERS and rng.random() < 0.6 else value
        for name, value in _settings(rng, rule).items()
    }
    if settings.get("nesterov"):
        settings["dampening"] = 0.0
    sizes = run.sizes
    if rng.random() < 0.3:
        sizes = (*(int(size) for size in rng.integers(24, 65, len(sizes) - 1)), sizes[-1])
    level = Numbers("level", float(pick(rng, (0.0, -1.0))), special=False)
    return replace(
        run,
        sizes=sizes,
        rule=rule,
        settings=settings,
        inputs=level if rng.random() < 0.5 else run.inputs,
        rates=(0.0,) * len(run.rates) if rng.random() < 0.15 else run.rates,
        repeats=run.repeats or bool(rng.random() < 0.5),
        spread=float(pick(rng, (1.0, 1e-6, 0.0))),
    )


def _lengthened(rng: np.random.Generator, run: RandomRun) -> RandomRun:
    """The run with sums of many terms: of its inputs, of the units above them, or of
    its samples.
    """
    many = int(_power(rng, *TERMS[run.dtype]))
    of_units = ("units",) if len(run.sizes) > 2 else ()
    where = pick(rng, ("inputs", "samples", *of_units))
    if where == "samples":
        return replace(run, batch=many, sizes=tuple(min(size, 8) for size in run.sizes))
    first = (many,) if where == "inputs" else (16, many)
    return replace(run, sizes=(*first, *run.sizes[len(first) :]), batch=min(run.batch, 16))


def _parted(rng: np.random.Generator, run: RandomRun) -> RandomRun:
    """The run with parts besides."""
    run = replace(run, parts=random_parts(rng, run.loss, run.targets, run.sizes))
    if rng.random() < 0.5:
        clip = random_clip(rng, _first_gradient(run))
        run = replace(run, parts=replace(run.parts, clip=clip))
    return run


def _first_gradient(run: RandomRun) -> Array:
    """The gradient of the first step, NaN where it is refused."""
    net, (x, y, _), asked = run.network(), next(run.steps()), next(run.asked())
    s, penalty, masks = (asked[name] for name in ("sample_weight", "penalty", "masks"))
    with np.errstate(all="ignore"), suppress(ValueError, FloatingPointError):
        return net.loss_and_gradients(x, y, run.make_loss(), s, penalty, masks)[1].vector
    return np.full(1, np.nan)


def _power(rng: np.random.Generator, low: float, high: float) -> float:
    return float(10.0 ** rng.uniform(low, high))


def _size(rng: np.random.Generator, most: int) -> int:
    """From 1 to `most`, small ones more often."""
    return int(1 + most * rng.random() ** 2)


def _numbers(rng: np.random.Generator, *, special: bool) -> Numbers:
    """Ordinary ones more often than not."""
    kind = "ordinary" if rng.random() < 0.6 else pick(rng, tuple(KINDS))
    return Numbers(
        kind, float(rng.uniform(-6, 3.5) if rng.random() < 0.2 else rng.uniform(-1, 0.3)), special
    )


def _settings(rng: np.random.Generator, rule: str) -> dict[str, Any]:
    """The hyper-parameters beside lr."""
    flag, eps = bool(rng.random() < 0.5), pick(rng, (1e-8, _power(rng, -30, -3)))
    momentum, dampening, beta1, beta2 = (
        float(pick(rng, (0.0, 0.4, 0.5, 0.9, 0.99, 0.999, rng.random()))) for _ in range(4)
    )
    own: dict[str, dict[str, Any]] = {
        "sgd": {
            "momentum": momentum,
            "dampening": 0.0 if flag else dampening,
            "nesterov": flag and momentum > 0.0,
        },
        "adagrad": {
            "lr_decay": pick(rng, (0.0, 0.01, 1.0)),
            "initial_accumulator_value": pick(rng, (0.0, 0.1, 1e-12)),
            "eps": eps,
        },
        "rmsprop": {
            "alpha": pick(rng, (beta1, float(rng.uniform(0.3, 0.99)))),
            "eps": eps,
            "momentum": momentum,
            "centered": flag,
        },
        "adam": {"betas": (beta1, beta2), "eps": eps, "amsgrad": flag},
    }
    return {**own[rule.removesuffix("w")], "weight_decay": pick(rng, (0.0, _power(rng, -6, 0)))}
