"""Soundness: does a right implementation ever break a bound of the certificate, and how
much of each bound is used?

Random training runs, from ordinary numbers to saturated, tiny, huge and subnormal ones.
Each step is taken by refnet, running on freely, and by PyTorch from the same weights,
state and learning rate; both records are certified. A step with weights, a penalty,
clipping, dropout or without biases is taken by `fit` too, by its fast form; PyTorch and
`fit` draw masks of their own.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from parity.experiments.random_runs import RandomRun, random_run
from parity.processes.jobs import in_order
from parity.proof.certificate import certify
from parity.proof.result import NOT_JUDGED, NOT_SHOWN
from parity.rounding.claim import IMPRECISE
from parity.steps.cases import DTYPES
from parity.steps.pytorch import (
    copy_to_torch,
    one_thread,
    record_torch,
    seeded,
    twin,
    twin_loss,
    twin_optimizer,
)
from parity.steps.record import FitRecorder, StepRecord, record_refnet
from refnet.checks import Array
from refnet.losses import Loss
from refnet.network import Network
from refnet.optimizers import Optimizer
from refnet.training import fit

COLUMNS = tuple(f"{side} {dtype}" for side in ("refnet", "torch") for dtype in DTYPES)
CHUNK = 10  # runs handed to a process together, about a second of work
KEPT = 100  # sentences of broken bounds; the rest is counted
# how refnet words the refusal of a step, and PyTorch that of a loss which NaN reaches
NONE_COUNTS = "expected a finite sum > 0|expected at least one other"
REFUSED = f"expected finite|finite reciprocal|{NONE_COUNTS}"
UNFIT = f"between 0 and 1|{NONE_COUNTS}"


@dataclass
class Examined:
    """What certifying one run, or many, gave."""

    counts: Counter[str] = field(default_factory=Counter)
    deviations: Counter[str] = field(default_factory=Counter)  # PyTorch's named ones, in arrays
    # by entry and column
    shares: defaultdict[tuple[str, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    # a sentence for each, and for each that is called imprecise; the first KEPT of them
    broken: list[str] = field(default_factory=list)

    def judge(
        self, run: RandomRun, side: str, record: StepRecord, previous: StepRecord | None
    ) -> None:
        """Certify a record and count its results."""
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
            doubted = result.status == IMPRECISE
            if doubted or (result.broken and result.deviation not in named):
                self.counts["imprecise" if doubted else f"{side} broken"] += 1
                self.broken.append(
                    f"random_run({run.seed}), step {record.spec.step - run.past}, {side}: "
                    f"{result}; {run.id}"
                )
        del self.broken[KEPT:]

    def merge(self, other: "Examined") -> None:
        """Add the results of later runs."""
        self.counts.update(other.counts)
        self.deviations.update(other.deviations)
        self.broken = [*self.broken, *other.broken][:KEPT]
        for key, used in other.shares.items():
            self.shares[key] += used


def examine(run: RandomRun) -> Examined:
    """Take the run on both sides and certify every record.

    A step that refnet refuses ends it; PyTorch takes that step alone.
    """
    examined = Examined(Counter(runs=1))
    net, loss, optimizer, previous = run.network(), run.make_loss(), run.optimizer(), None
    optimizer.bind(net)
    model, torch_loss = twin(net), twin_loss(loss, run.dtype)
    for (x, y, lr), asked in zip(run.steps(), run.asked(), strict=True):
        optimizer.lr = lr
        copy_to_torch(net, model)
        torch_optimizer = twin_optimizer(optimizer, model)
        given, masks = (x, y, loss), asked.pop("masks")
        fast = _unless(REFUSED, _by_fit, net, optimizer, given, asked) if run.has_parts else None
        ours = _unless(REFUSED, record_refnet, net, *given, optimizer, **asked, masks=masks)
        with seeded(run.seed):
            refusal = UNFIT if ours is None else None
            theirs = _unless(
                refusal, record_torch, model, x, y, torch_loss, torch_optimizer, **asked
            )
        examined.counts.update(steps=1, refused=ours is None, unrecorded=theirs is None)
        if theirs is not None:
            examined.judge(run, "torch", theirs, None)
        if ours is None:
            break
        if fast is not None:
            examined.judge(run, "refnet", fast, None)
        examined.judge(run, "refnet", ours, previous)
        previous = ours
    return examined


def _by_fit(
    net: Network, optimizer: Optimizer, given: tuple[Array, Array, Loss], asked: dict[str, Any]
) -> StepRecord:
    """The step that `fit` takes with copies of the network and the optimizer."""
    net, optimizer = deepcopy((net, optimizer))
    x, y, loss = given
    records: list[StepRecord] = []
    objective = {name: value for name, value in asked.items() if name != "sample_weight"}
    recorder = FitRecorder(net, loss, optimizer, records.append, **objective)
    fit(net, x, y, loss=loss, optimizer=optimizer, epochs=1, on_step=recorder, **asked)
    return records[0]


def _unless(
    words: str | None, record: Callable[..., StepRecord], *given: Any, **asked: Any
) -> StepRecord | None:
    """The record, or None where it is refused in these words."""
    try:
        return record(*given, **asked)
    except (FloatingPointError, RuntimeError, ValueError) as refusal:
        if words is None or not re.search(words, str(refusal)):
            raise
        return None


class EntryShares(NamedTuple):
    """One line of the table: how much of its bound the worst entry of an array uses."""

    entry: str
    arrays: int
    median: float  # over the arrays, in the worst of the four columns
    most: float  # so that 99 % of the arrays use no more, likewise
    largest: tuple[float, ...]  # by column

    @classmethod
    def of(cls, entry: str, columns: list[list[float]]) -> "EntryShares":
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
class SoundnessReport:
    """The result of all runs."""

    total: Examined

    @property
    def passed(self) -> bool:
        """Whether something was judged, no bound was broken, by refnet at all or by
        PyTorch outside its named deviations, and nothing was called imprecise.
        """
        return self.total.counts["arrays"] > 0 and not self.total.broken

    @property
    def rows(self) -> list[EntryShares]:
        """The table of shares."""
        shares = self.total.shares
        return [
            EntryShares.of(entry, [shares.get((entry, column), []) for column in COLUMNS])
            for entry in sorted({entry for entry, _ in shares})
        ]

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        counts = self.total.counts
        ours, theirs = (
            f"{counts[side] or 'no'} bound{'s' * (counts[side] > 1)} broken"
            for side in ("refnet broken", "torch broken")
        )
        size = f"{counts['runs']:,} runs, {counts['steps']:,} steps, {counts['arrays']:,} arrays"
        return (
            f"{size}: {ours} by refnet; {theirs} by PyTorch, beside {counts['torch deviates']:,} "
            f"records with named deviations; {counts['imprecise'] or 'none'} called imprecise"
        )

    def lines(self) -> list[str]:
        """The report as plain text."""
        counts, rows = self.total.counts, self.rows
        left = (
            f"{counts['refused']:,} steps refused by refnet, {counts['unrecorded']:,} of them by "
            f"PyTorch too"
        )
        deviations = sorted(self.total.deviations.items())
        named = [
            f"named deviation of PyTorch, {name}: {count:,} array{'s' * (count > 1)}"
            for name, count in deviations
        ]
        faults = ("refnet broken", "torch broken", "imprecise")
        more = sum(counts[fault] for fault in faults) - len(self.total.broken)
        # without the equalities
        used = sorted((max(row.largest), row.entry) for row in rows if any(row.largest))
        return [
            self.verdict,
            f"{left}; {counts[NOT_JUDGED]:,} arrays not judged, {counts[NOT_SHOWN]:,} not shown",
            *named,
            *self.total.broken,
            *([f"... and {more:,} more"] if more else []),
            "Share of its bound that the worst entry of an array uses: median and 99 % over arrays",
            "(the worst of the four columns), then the largest of all arrays, by side and dtype",
            (
                f"{'equation and entry':<38}{'arrays':>10}{'median':>9}{'99 %':>9}"
                f"{'refnet f64':>12}{'f32':>8}{'torch f64':>12}{'f32':>8}"
            ),
            *map(str, rows),
            *(f"used least: {entry}, {share:.3g} of its bound" for share, entry in used[:1]),
            *(f"used most: {entry}, {share:.3g} of its bound" for share, entry in used[-1:]),
        ]

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "passed": self.passed,
            "verdict": self.verdict,
            "broken": self.total.broken,
            "shares": [row._asdict() for row in self.rows],
            "counts": dict(self.total.counts),
            "deviations": dict(self.total.deviations),
        }


def soundness(
    cases: int,
    seed: int = 0,
    on_run: Callable[[], object] = lambda: None,
    jobs: int | None = None,
) -> SoundnessReport:
    """Examine the runs of `cases` consecutive seeds from `seed` times 10^9 on.

    `on_run` is called after each of them.

    So many `jobs` share the work, by default one for each core; 1 means this process.
    The report does not depend on them.
    """
    seeds, total = range(seed * 10**9, seed * 10**9 + cases), Examined()
    chunks = [seeds[start : start + CHUNK] for start in range(0, cases, CHUNK)]
    with closing(in_order(_examine_all, chunks, jobs)) as parts:
        for examined in parts:
            total.merge(examined)
            for _ in range(examined.counts["runs"]):
                on_run()
    return SoundnessReport(total)


def _examine_all(seeds: range) -> Examined:
    total = Examined()
    with one_thread():
        for seed in seeds:
            total.merge(examine(random_run(seed)))
    return total
