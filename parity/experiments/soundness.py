"""Soundness: does a right implementation ever break a bound of the certificate, and how
much of each bound is used?

Random training runs, from ordinary numbers to saturated, tiny, huge and subnormal ones.
Each step is taken by refnet, running on freely, and by PyTorch from the same weights,
state and learning rate; both records are certified.
"""

import multiprocessing
import os
import re
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from parity.cases import DTYPES, TRAINABLE, outputs_of, targets_of
from parity.certificate import NOT_JUDGED, NOT_SHOWN, certify
from parity.record import StepRecord, record_refnet
from parity.torch_twin import (
    copy_to_torch,
    one_thread,
    record_torch,
    twin,
    twin_loss,
    twin_optimizer,
)
from refnet import Activation, Dense, LeakyReLU, Network, Optimizer
from refnet.activations import ACTIVATIONS
from refnet.checks import Array
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

COLUMNS = tuple(f"{side} {dtype}" for side in ("refnet", "torch") for dtype in DTYPES)
PAIRS = tuple((loss, output) for loss in LOSSES for output in outputs_of(loss))
SLOPES = (0.01, 0.2, 0.3, 1 / 3, 1.0, 1.5, 0.0, -0.25, 1e-6)
# of numbers, given a power of ten
KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int], float], Array]] = {
    "ordinary": lambda rng, shape, power: rng.normal(size=shape) * 10.0**power,
    # column by column
    "mixed": lambda rng, shape, power: (
        rng.normal(size=shape) * 10.0 ** (power * rng.uniform(-1, 1, shape[1]))
    ),
    # these and halves meet exactly: z = 0, a = y
    "whole": lambda rng, shape, _: rng.integers(-2, 3, shape).astype(float),
    "halves": lambda rng, shape, _: rng.integers(-4, 5, shape) / 2,
    "bits": lambda rng, shape, _: rng.integers(0, 2, shape).astype(float),
    "zeros": lambda _, shape, __: np.zeros(shape),
}
# the vectors of state that hold means of squares
SQUARES = ("sum", "square_avg", "exp_avg_sq", "max_exp_avg_sq")
SPECIAL = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    37.5,
    -37.5,
    90.0,
    -90.0,
    750.0,
    -750.0,
    1e4,
    -1e4,
    1e-8,
    -1e-30,
    1e-40,
    -1e-310,
    5e-324,
)
# powers of ten of x and of y - a; a gradient is their product, and finite
EXTREME = {"float64": 75.0, "float32": 15.0}
CHUNK = 10  # runs handed to a process together
KEPT = 100  # sentences of broken bounds; the rest is counted
REFUSED = "expected finite|finite reciprocal"  # refnet's words for a step that it does not take
UNFIT = "between 0 and 1"  # PyTorch's, where NaN reaches its loss
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Numbers(NamedTuple):
    """What an array is drawn from: numbers of a kind at a power of ten, where `special`
    some of them exchanged for special ones.
    """

    kind: str
    power: float
    special: bool

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Array:
        """An array (rows, columns)."""
        array = KINDS[self.kind](rng, shape, self.power).astype(dtype)
        for _ in range(int(rng.integers(1, 4)) * self.special):
            array.flat[rng.integers(array.size)] = _pick(rng, SPECIAL)
        return array


@dataclass(frozen=True)
class Run:
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
    repeats: bool  # the same batch at every step

    @property
    def id(self) -> str:
        """A readable name: random_run(7): <Network 3-2 (tanh), float64>, mse on values,
        n 11, x whole 1e0, SGD(...) after 0 steps.
        """
        data = (
            f"{self.loss} on {self.targets}, n {self.batch}, x {self.inputs.kind} "
            f"1e{self.inputs.power:.0f}"
        )
        return (
            f"random_run({self.seed}): {self.network()!r}, {data}, {self.optimizer()!r} after "
            f"{self.past} steps"
        )

    def network(self) -> Network:
        """The network, fresh."""
        rng, layers = np.random.default_rng([self.seed, 1]), []
        for (fan_in, fan_out), activation in zip(
            pairwise(self.sizes), self.activations, strict=True
        ):
            W, b = (
                self.weights.draw(rng, shape, self.dtype)
                for shape in ((fan_out, fan_in), (1, fan_out))
            )
            layers.append(Dense(W, b[0], activation))
        return Network(layers)

    def optimizer(self) -> Optimizer:
        """The optimizer, fresh; where it has a past, with vectors as gradients of one
        size leave them.
        """
        made, probe = (OPTIMIZERS[self.rule](self.rates[0], **self.settings) for _ in range(2))
        if self.past:
            probe.bind(net := self.network())
            names = {
                *probe.state,
                *(["momentum_buffer"] if self.settings.get("momentum") else []),
            } - {"steps"}
            rng = np.random.default_rng([self.seed, 2])
            mean, size = rng.normal(size=net.parameters.size), 10.0 ** rng.uniform(-20, 2)
            square = (mean**2 + rng.random(mean.size)) * size**2
            made.state = {
                "steps": self.past,
                **{name: square if name in SQUARES else mean * size for name in sorted(names)},
            }
        return made

    def steps(self) -> Iterator[tuple[Array, Array, float]]:
        """x, y and the learning rate of each step."""
        for number, rate in enumerate(self.rates):
            rng = np.random.default_rng([self.seed, 3, 0 if self.repeats else number])
            yield (
                self.inputs.draw(rng, (self.batch, self.sizes[0]), self.dtype),
                self._targets(rng, (self.batch, self.sizes[-1])),
                rate,
            )

    def _targets(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        if self.targets == "labels":
            return rng.integers(0, shape[1], shape[0])
        if self.targets == "values":
            return self.values.draw(rng, shape, self.dtype)
        if self.targets == "probabilities":
            hard, soft = KINDS["bits"](rng, shape, 0.0), rng.random(shape)
        else:
            hard = np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]
            soft = rng.dirichlet([_pick(rng, (0.05, 1.0, 9.0))] * shape[1], shape[0])
        return np.where(rng.random((shape[0], 1)) < _pick(rng, (0.0, 0.5, 1.0)), hard, soft).astype(
            self.dtype
        )


def random_run(seed: int) -> Run:
    """A run from its seed alone: any depth, width, activation, pair, optimizer and
    dtype, and a share of extreme numbers.
    """
    rng = np.random.default_rng([seed, 0])
    dtype, (loss, output), rule = (
        _pick(rng, DTYPES),
        _pick(rng, PAIRS),
        _pick(rng, tuple(OPTIMIZERS)),
    )
    names = [_pick(rng, TRAINABLE) for _ in range(rng.integers(0, 4))] + [output]
    sizes = [_size(rng, 20) for _ in names] + [100 if rng.random() < 0.02 else _size(rng, 20)]
    special, extreme = bool(rng.random() < 0.25), rng.random() < 0.15
    weights, inputs, values = (_numbers(rng, special=special) for _ in range(3))
    return Run(
        seed=seed,
        dtype=dtype,
        sizes=tuple(sizes),
        activations=tuple(
            LeakyReLU(_pick(rng, SLOPES)) if name == "leaky_relu" else ACTIVATIONS[name]()
            for name in names
        ),
        loss=loss,
        targets=_pick(rng, targets_of(loss)),
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
        past=_pick(rng, (0,) * 7 + (1, 30, 10_000)),
        repeats=bool(rng.random() < 0.4),
    )


def _pick(rng: np.random.Generator, options: Any) -> Any:
    return options[rng.integers(len(options))]


def _power(rng: np.random.Generator, low: float, high: float) -> float:
    return float(10.0 ** rng.uniform(low, high))


def _size(rng: np.random.Generator, most: int) -> int:
    """From 1 to `most`, small ones more often."""
    return int(1 + most * rng.random() ** 2)


def _numbers(rng: np.random.Generator, *, special: bool) -> Numbers:
    """Ordinary ones more often than not."""
    kind = "ordinary" if rng.random() < 0.6 else _pick(rng, tuple(KINDS))
    return Numbers(
        kind, float(rng.uniform(-6, 3.5) if rng.random() < 0.2 else rng.uniform(-1, 0.3)), special
    )


def _settings(rng: np.random.Generator, rule: str) -> dict[str, Any]:
    """The hyper-parameters beside lr."""
    flag, eps = bool(rng.random() < 0.5), _pick(rng, (1e-8, _power(rng, -30, -3)))
    momentum, dampening, beta1, beta2 = (
        float(_pick(rng, (0.0, 0.4, 0.5, 0.9, 0.99, 0.999, rng.random()))) for _ in range(4)
    )
    own: dict[str, dict[str, Any]] = {
        "sgd": {
            "momentum": momentum,
            "dampening": 0.0 if flag else dampening,
            "nesterov": flag and momentum > 0.0,
        },
        "adagrad": {
            "lr_decay": _pick(rng, (0.0, 0.01, 1.0)),
            "initial_accumulator_value": _pick(rng, (0.0, 0.1, 1e-12)),
            "eps": eps,
        },
        "rmsprop": {
            "alpha": _pick(rng, (beta1, float(rng.uniform(0.3, 0.99)))),
            "eps": eps,
            "momentum": momentum,
            "centered": flag,
        },
        "adam": {"betas": (beta1, beta2), "eps": eps, "amsgrad": flag},
    }
    return {**own[rule.removesuffix("w")], "weight_decay": _pick(rng, (0.0, _power(rng, -6, 0)))}


@dataclass
class Examined:
    """What the certificates of one run came to, or of many."""

    counts: Counter[str] = field(default_factory=Counter)
    deviations: Counter[str] = field(default_factory=Counter)  # PyTorch's named ones, in arrays
    # by entry and column
    shares: defaultdict[tuple[str, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    broken: list[str] = field(default_factory=list)  # a sentence for each, the first KEPT of them

    def judge(self, run: Run, side: str, record: StepRecord, previous: StepRecord | None) -> None:
        """Certify a record and count what comes of it."""
        certificate = certify(record, previous)
        named = [
            result.deviation
            for result in certificate.broken
            if side == "torch" and result.deviation
        ]
        self.deviations.update(named)
        self.counts[f"{side} deviates"] += bool(named)
        for result in certificate.results:
            silent = result.status in (NOT_JUDGED, NOT_SHOWN)
            self.counts[result.status if silent else "arrays"] += 1
            if not silent and not result.broken:
                self.shares[
                    f"{result.equation} {result.entry}".rstrip(), f"{side} {run.dtype}"
                ].append(result.used)
            elif result.broken and result.deviation not in named:
                self.counts[f"{side} broken"] += 1
                self.broken.append(
                    f"random_run({run.seed}), step {record.spec.step - run.past}, {side}: "
                    f"{result}; {run.id}"
                )
        del self.broken[KEPT:]

    def merge(self, other: "Examined") -> None:
        """Add what came of later runs."""
        self.counts.update(other.counts)
        self.deviations.update(other.deviations)
        self.broken = [*self.broken, *other.broken][:KEPT]
        for key, used in other.shares.items():
            self.shares[key] += used


def examine(run: Run) -> Examined:
    """Take the run on both sides and certify every record.

    A step that refnet refuses ends it; PyTorch takes that step alone.
    """
    found = Examined(Counter(runs=1))
    net, optimizer, previous = run.network(), run.optimizer(), None
    optimizer.bind(net)
    model, torch_loss = twin(net), twin_loss(run.loss)
    for x, y, lr in run.steps():
        optimizer.lr = lr
        copy_to_torch(net, model)
        torch_optimizer = twin_optimizer(optimizer, model)
        ours = _unless(REFUSED, record_refnet, net, x, y, run.loss, optimizer)
        theirs = _unless(
            UNFIT if ours is None else None, record_torch, model, x, y, torch_loss, torch_optimizer
        )
        found.counts.update(steps=1, refused=ours is None, unrecorded=theirs is None)
        if theirs is not None:
            found.judge(run, "torch", theirs, None)
        if ours is None:
            break
        found.judge(run, "refnet", ours, previous)
        previous = ours
    return found


def _unless(words: str | None, record: Callable[..., StepRecord], *given: Any) -> StepRecord | None:
    """The record, or None where it is refused in these words."""
    try:
        return record(*given)
    except (FloatingPointError, RuntimeError, ValueError) as refusal:
        if words is None or not re.search(words, str(refusal)):
            raise
        return None


class Row(NamedTuple):
    """One line of the table: shares of an entry's bound, that of the worst entry of
    each array.
    """

    entry: str
    arrays: int
    median: float  # this and the next: the worst of the four columns
    most: float  # 99 % of the arrays use no more
    largest: tuple[float, ...]  # by column

    @classmethod
    def of(cls, entry: str, columns: list[list[float]]) -> "Row":
        """The row of an entry, given the shares of each column."""
        median, most = (
            max(float(np.quantile(used, part)) for used in columns if used) for part in (0.5, 0.99)
        )
        return cls(
            entry,
            sum(map(len, columns)),
            median,
            most,
            tuple(max(used, default=0.0) for used in columns),
        )

    def __str__(self) -> str:
        largest = "".join(
            f"{share:>{width}.3f}"
            for share, width in zip(self.largest, (12, 8, 12, 8), strict=True)
        )
        return f"{self.entry:<38}{self.arrays:>10,}{self.median:>9.4f}{self.most:>9.4f}{largest}"


@dataclass(frozen=True)
class Report:
    """What all runs came to."""

    found: Examined

    @property
    def passed(self) -> bool:
        """Whether something was judged and no bound was broken, by refnet at all or by
        PyTorch outside its named deviations.
        """
        return self.found.counts["arrays"] > 0 and not self.found.broken

    @property
    def rows(self) -> list[Row]:
        """The table of shares."""
        shares = self.found.shares
        return [
            Row.of(entry, [shares.get((entry, column), []) for column in COLUMNS])
            for entry in sorted({entry for entry, _ in shares})
        ]

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
        counts = self.found.counts
        ours, theirs = (
            f"{counts[side] or 'no'} bound{'s' * (counts[side] > 1)} broken"
            for side in ("refnet broken", "torch broken")
        )
        size = f"{counts['runs']:,} runs, {counts['steps']:,} steps, {counts['arrays']:,} arrays"
        return (
            f"{size}: {ours} by refnet; {theirs} by PyTorch, beside {counts['torch deviates']:,} "
            f"records with named deviations"
        )

    def lines(self) -> list[str]:
        """The report as plain text."""
        counts, rows = self.found.counts, self.rows
        left = (
            f"{counts['refused']:,} steps refused by refnet, {counts['unrecorded']:,} of them by "
            f"PyTorch too"
        )
        deviations = sorted(self.found.deviations.items())
        named = [
            f"named deviation of PyTorch, {name}: {count:,} array{'s' * (count > 1)}"
            for name, count in deviations
        ]
        more = counts["refnet broken"] + counts["torch broken"] - len(self.found.broken)
        # without the equalities
        used = sorted((max(row.largest), row.entry) for row in rows if any(row.largest))
        return [
            self.verdict,
            f"{left}; {counts[NOT_JUDGED]:,} arrays not judged, {counts[NOT_SHOWN]:,} not shown",
            *named,
            *self.found.broken,
            *([f"... and {more:,} more"] if more else []),
            (
                "share of its bound that the worst entry of an array uses, 1 being all of it: "
                "median "
                "and 99 % over arrays, in the worst of"
            ),
            "the four columns; largest of all arrays, by side and dtype",
            f"{'equation and entry':<38}{'arrays':>10}{'median':>9}{'99 %':>9}{'refnet f64':>12}{'f32':>8}{'torch f64':>12}{'f32':>8}",
            *map(str, rows),
            *(f"used least: {entry}, {share:.3g} of its bound" for share, entry in used[:1]),
            *(f"used most: {entry}, {share:.3g} of its bound" for share, entry in used[-1:]),
        ]

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        found, rows = self.found, [row._asdict() for row in self.rows]
        told = {
            "passed": self.passed,
            "verdict": self.verdict,
            "broken": found.broken,
            "shares": rows,
        }
        return {**told, "counts": dict(found.counts), "deviations": dict(found.deviations)}


def soundness(
    cases: int,
    seed: int = 0,
    on_run: Callable[[], object] = lambda: None,
    workers: int | None = None,
) -> Report:
    """Examine the runs of `cases` consecutive seeds from `seed` times 10^9 on.

    `on_run` is called after each of them.

    `workers` processes share the work, by default one for each processor; 1 means this
    process. The report does not depend on them.
    """
    seeds, total = range(seed * 10**9, seed * 10**9 + cases), Examined()
    chunks = [seeds[start : start + CHUNK] for start in range(0, cases, CHUNK)]
    with _mapping(min(workers or os.cpu_count() or 1, len(chunks))) as mapped:
        for found in mapped(_examine_all, chunks):
            total.merge(found)
            for _ in range(found.counts["runs"]):
                on_run()
    return Report(total)


def _examine_all(seeds: range) -> Examined:
    total = Examined()
    with one_thread():
        for seed in seeds:
            total.merge(examine(random_run(seed)))
    return total


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[..., Iterable[Examined]]]:
    """The map of this process, or of a pool of processes of one thread each, which
    leave Ctrl-C to this one.
    """
    if workers <= 1:
        yield map
        return
    before = {name: os.environ[name] for name in ONE_THREAD if name in os.environ}
    # a process reads it when it starts, before anything else can limit its threads
    os.environ.update(ONE_THREAD)
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        signal.signal,
        (signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)
        for name in ONE_THREAD:
            os.environ.pop(name)
        os.environ.update(before)
