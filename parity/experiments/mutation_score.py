"""The mutation score: every catalogued mistake is put into a right program, layer by
layer, and it is measured who notices.

A *site* is a probe, a layer and a dtype in which a mistake can stand and makes a
difference beyond rounding. At every site the step is certified; beside it stand what
others would have seen: np.allclose and torch.testing.assert_close, given the right
arrays, and a gradient check by central differences of the program's own cost, as it is
taught, which asks for 1e-7. Last, the broken program trains on handwritten digits: a
mistake that still learns is one that nobody looks for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from parity.mistakes.catalogue.index import BY_ID, CATALOGUE
from parity.mistakes.diagnosis import diagnose_runs
from parity.mistakes.judging import judged
from parity.mistakes.mistake import CONVENTION, Mistake
from parity.mistakes.probes import PROBES, Probe
from parity.mistakes.program import Part
from parity.mistakes.replay import Placed, Run, Shown, run_of, run_of_case, simulate, steps
from parity.proof.certificate import certify
from parity.rounding.plain import Plain
from parity.steps.cases import DTYPES, Case
from parity.steps.record import StepRecord
from refnet.checks import Array

GRADIENT_CHECK = 1e-7  # |g - numeric| / (|g| + |numeric|), as courses ask for
STEP = 1e-5  # of its central differences
CLOSE = {  # rtol and atol by default
    "numpy.allclose": {"float64": (1e-5, 1e-8), "float32": (1e-5, 1e-8)},
    "torch assert_close": {"float64": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5)},
}
EPOCHS, BATCH = 20, 32  # on the digits
# of plain SGD there
RATES = {
    "mse": 0.7,
    "half_squared_error": 0.5,
    "mae": 5.0,
    "binary_cross_entropy": 3.0,
    "sigmoid_cross_entropy": 3.0,
}
MILD = {"lr": 0.01, "lr_decay": 1e-3, "weight_decay": 1e-3}  # what the probes have in excess


@dataclass(frozen=True)
class Site:
    """A mistake in one layer of one probe: the equation that is broken first, its
    share, and which others noticed.
    """

    probe: str
    layer: int
    dtype: str
    equation: str  # "" where no equation is broken
    used: float
    noticed: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """What became of one mistake."""

    mistake: Mistake
    sites: tuple[Site, ...]
    # the share of probes in which the check fails; None where there is nothing to check
    gradient_check: float | None
    # what it is diagnosed as where it stands in every layer, with what cannot be told
    # apart
    diagnosis: tuple[str, ...]
    accuracy: float | None
    right_accuracy: float | None

    @property
    def caught(self) -> int:
        """At how many sites an equation is broken."""
        return sum(bool(site.equation) for site in self.sites)

    @property
    def passed(self) -> bool:
        """Whether it is caught wherever it makes a difference, in both dtypes, and
        diagnosed as itself or its class.
        """
        dtypes = {site.dtype for site in self.sites}
        return (
            dtypes == set(DTYPES)
            and self.caught == len(self.sites)
            and self.mistake.id in self.diagnosis
        )

    def share(self, tool: str) -> float:
        """The share of the sites at which a tool notices."""
        return sum(tool in site.noticed for site in self.sites) / max(len(self.sites), 1)

    @property
    def equations(self) -> tuple[str, ...]:
        """The equations that catch it, the most frequent first."""
        found = [site.equation for site in self.sites if site.equation]
        return tuple(sorted(dict.fromkeys(found), key=lambda label: -found.count(label)))

    @property
    def bounds(self) -> float:
        """By how many bounds it is off, the median over the float64 sites."""
        used = [site.used for site in self.sites if site.dtype == "float64" and site.equation]
        return float(np.median(used)) if used else 0.0

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "id": self.mistake.id,
            "verdict": self.mistake.verdict,
            "sites": len(self.sites),
            "caught": self.caught,
            "equations": list(self.equations),
            "bounds": self.bounds if np.isfinite(self.bounds) else None,
            **{tool: self.share(tool) for tool in CLOSE},
            "gradient check": self.gradient_check,
            "diagnosis": list(self.diagnosis),
            "digits": self.accuracy,
            "digits, right": self.right_accuracy,
        }

    def __str__(self) -> str:
        shares = "".join(f"{share:>9.0%}" for share in map(self.share, CLOSE))
        check = "-" if self.gradient_check is None else f"{self.gradient_check:.0%}"
        digits = (
            "" if self.accuracy is None else f"{self.accuracy:>8.1%} of {self.right_accuracy:.1%}"
        )
        bounds = "no number" if np.isinf(self.bounds) else f"{self.bounds:.1e}"
        kind = " (convention)" if self.mistake.verdict == CONVENTION else ""
        caught = f"{self.caught}/{len(self.sites)}"
        return (
            f"{self.mistake.id + kind:<50}{caught:>9}  "
            f"{' '.join(self.equations):<10}{bounds:>10}{shares}{check:>9}{digits}"
        )


@dataclass(frozen=True)
class Report:
    """The score of the whole catalogue, and of correct code."""

    rows: tuple[Row, ...]
    accused: tuple[str, ...]  # right runs that were called wrong

    @property
    def passed(self) -> bool:
        """Whether every mistake was caught and named, and nothing right was accused."""
        return not self.accused and all(row.passed for row in self.rows)

    @property
    def verdict(self) -> str:
        """The last line."""
        sites, caught = (
            sum(len(row.sites) for row in self.rows),
            sum(row.caught for row in self.rows),
        )
        named = sum(row.mistake.id in row.diagnosis[:1] for row in self.rows)
        others = ", ".join(f"{tool} {self._mean(tool):.1%}" for tool in CLOSE)
        checks = [row.gradient_check for row in self.rows if row.gradient_check is not None] or [
            np.nan
        ]
        count = f"{len(self.rows)} mistake{'s' if len(self.rows) != 1 else ''}"
        score = (
            f"{count}, {caught:,} of {sites:,} sites caught ({caught / max(sites, 1):.1%}), "
            f"{named} named first"
        )
        right = f"{len(self.accused)} right runs accused"
        return f"{score}; {others}, gradient check {np.mean(checks):.1%}; {self.learning}; {right}"

    @property
    def learning(self) -> str:
        """How many of the broken networks learn nevertheless."""
        trained = [
            row for row in self.rows if row.accuracy is not None and row.right_accuracy is not None
        ]
        silent = sum(
            row.accuracy >= row.right_accuracy - 0.01
            for row in trained
            if row.accuracy and row.right_accuracy
        )
        return (
            f"{silent} of {len(trained)} broken networks label digits as well as the right one, "
            f"or within a point of it"
        )

    def _mean(self, tool: str) -> float:
        return float(np.mean([row.share(tool) for row in self.rows]))

    def lines(self) -> Iterator[str]:
        """The verdict, the table, and what is wrong with it."""
        yield self.verdict
        heads = "".join(f"{tool.split()[-1].split('.')[-1][:8]:>9}" for tool in CLOSE)
        yield f"{'':<50}{'caught':>9}  {'by':<10}{'bounds':>10}{heads}{'gradient':>9}{'digits':>8}"
        for label in dict.fromkeys(row.mistake.equation for row in self.rows):
            yield from (str(row) for row in self.rows if row.mistake.equation == label)
        yield from (
            f"NOT CAUGHT OR NAMED: {row.mistake.id}, diagnosed as {row.diagnosis}"
            for row in self.rows
            if not row.passed
        )
        yield from (f"ACCUSED: {name}" for name in self.accused)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"rows": [row.as_json() for row in self.rows], "accused": list(self.accused)}


def score(
    mistakes: Sequence[Mistake] = CATALOGUE,
    *,
    digits: bool = True,
    on_progress: Callable[[], object] = lambda: None,
) -> Report:
    """Measure each mistake; `on_progress` is called after each.

    Without `digits` nothing is trained.
    """
    rows = []
    for mistake in mistakes:
        rows.append(measure(mistake, digits=digits))
        on_progress()
    accused = [
        f"{probe.name}, {dtype}"
        for probe in PROBES
        for dtype in DTYPES
        if not _is_right(simulate(probe.run(dtype)))
    ]
    return Report(tuple(rows), tuple(accused))


def measure(mistake: Mistake, *, digits: bool = True) -> Row:
    """Put one mistake everywhere it can stand."""
    sites = tuple(
        site for dtype in DTYPES for probe in PROBES for site in _sites(mistake, probe, dtype)
    )
    homes = [probe for probe in PROBES if any(site.probe == probe.name for site in sites)]
    checks = [
        check
        for probe in homes
        if (check := _gradient_check_fails(mistake, probe.run())) is not None
    ]
    found = _diagnosis(mistake, homes[0]) if homes else ()
    accuracies = _accuracies(mistake, homes[0]) if digits and homes else (None, None)
    return Row(mistake, sites, float(np.mean(checks)) if checks else None, found, *accuracies)


def _sites(mistake: Mistake, probe: Probe, dtype: str) -> Iterator[Site]:
    run = probe.run(dtype)
    for layer in sorted(mistake.layers(run.spec)):
        records = _broken(run, mistake, layer)
        if not any(station.off for station in judged(run_of(records))):
            continue  # it makes no difference here
        first = _first_broken(records)
        label, used = ("", 0.0) if first is None else (first.equation, first.used)
        yield Site(
            probe.name,
            layer,
            dtype,
            label,
            used,
            tuple(_noticing(records, _right(probe.name, dtype), dtype)),
        )


def _broken(run: Run, mistake: Mistake, layer: int) -> list[StepRecord]:
    return simulate(run, [(mistake, frozenset({layer}))])


@cache
def _right(name: str, dtype: str) -> list[StepRecord]:
    return simulate(next(probe for probe in PROBES if probe.name == name).run(dtype))


def _first_broken(records: Sequence[StepRecord]) -> Any:
    for record, previous in zip(records, [None, *records], strict=False):
        broken = certify(record, previous).broken
        if broken:
            return broken[0]
    return None


def _is_right(records: Sequence[StepRecord]) -> bool:
    return _first_broken(records) is None and not diagnose_runs([run_of(records)])


def _noticing(
    records: Sequence[StepRecord], right: Sequence[StepRecord], dtype: str
) -> Iterator[str]:
    """Who sees that the outputs, the gradients or the new weights are not the right
    ones.
    """
    pairs = list(zip(_arrays(records), _arrays(right), strict=True))
    for tool, tolerances in CLOSE.items():
        if not all(
            got.shape == want.shape and np.allclose(got, want, *tolerances[dtype])
            for got, want in pairs
        ):
            yield tool


def _arrays(records: Sequence[StepRecord]) -> Iterator[Array]:
    for record in records:
        yield np.asarray(record.layers[-1].a)
        for layer in record.layers:
            yield from (np.asarray(layer.dW), np.asarray(layer.db))
        if record.after is not None:
            yield from (*record.after.W, *record.after.b)


@np.errstate(all="ignore")
def _gradient_check_fails(mistake: Mistake, run: Run) -> bool | None:
    """Whether the program's gradients are not the slopes of its own cost, at its first
    step; None where the cost is no number.
    """
    placed = [(mistake, mistake.layers(run.spec))]
    step = next(steps(run, placed, Plain))
    gradients = np.concatenate([step.gradient(part).value.ravel() for part in step.parts])
    numeric = np.array(
        [
            _slope(run, placed, part, index)
            for part in step.parts
            for index in np.ndindex(step.start(part).shape)
        ]
    )
    if gradients.shape != numeric.shape:
        return True
    size = np.linalg.norm(gradients) + np.linalg.norm(numeric)
    apart = np.linalg.norm(gradients - numeric)
    return None if np.isnan(numeric).any() else bool(not apart <= GRADIENT_CHECK * size)


def _slope(run: Run, placed: Sequence[Placed], part: Part, index: tuple[int, ...]) -> float:
    return (_cost(run, placed, part, index, STEP) - _cost(run, placed, part, index, -STEP)) / (
        2 * STEP
    )


def _cost(
    run: Run, placed: Sequence[Placed], part: Part, index: tuple[int, ...], shift: float
) -> float:
    arrays = list(getattr(run, part.name))
    arrays[part.layer - 1] = array = arrays[part.layer - 1].copy()
    array[index] += shift
    moved = replace(run, W=tuple(arrays)) if part.name == "W" else replace(run, b=tuple(arrays))
    return float(next(steps(moved, placed, Plain)).cost().value)


def _diagnosis(mistake: Mistake, probe: Probe) -> tuple[str, ...]:
    """What the mistake is called, everything shown; empty where more than one thing is
    found.
    """
    run = probe.run()
    found = diagnose_runs([run_of(simulate(run, [(mistake, mistake.layers(run.spec))]))])
    return (found[0].bug, *found[0].alike) if len(found) == 1 else ()


# handwritten digits


def _accuracies(mistake: Mistake, probe: Probe) -> tuple[float | None, float | None]:
    """The share of test images that the broken network labels right after some epochs,
    and the right one. None without scikit-learn.
    """
    try:
        split = _split()
    except ModuleNotFoundError:
        return None, None
    case = probe.case
    settings = tuple(sorted(case.settings.items()))
    hidden = (case.hidden * 2 or ("tanh", "tanh"))[:2]
    home = (hidden, case.output, case.loss, case.targets, case.optimizer, settings, case.slope)
    try:
        return _accuracy(home, mistake.id, split), _right_accuracy(home)
    except ValueError:  # a bias that has grown a row for each sample fits one size of batch alone
        return None, _right_accuracy(home)


@cache
def _right_accuracy(home: tuple[Any, ...]) -> float | None:
    return _accuracy(home, "", _split())


@cache
def _split() -> Any:
    return import_module("parity.experiments.digits").load()


@np.errstate(all="ignore")
def _accuracy(home: tuple[Any, ...], mistake: str, split: Any) -> float | None:
    """Train on mini-batches as the probe would, and label the test images by the
    largest output of the broken network.
    """
    hidden, output, loss, targets, optimizer, settings, slope = home
    given = dict(settings)
    if optimizer == "sgd":
        given["lr"] = RATES.get(loss, 0.3) * (1.0 - given.get("momentum", 0.0))
    given |= {"initial_accumulator_value": 0.0} if optimizer == "adagrad" else {}
    given |= {
        name: mild
        for name, mild in MILD.items()
        if name in given and (name, optimizer) not in (("lr", "sgd"), ("lr", "adagrad"))
    }
    case = Case(
        "probe",
        (64, 30, 30, 10),
        hidden,
        output,
        loss,
        targets,
        optimizer,
        given,
        BATCH,
        slope=slope,
        deviation=0.2,
    )
    run = run_of_case(case, 1)
    placed = [(BY_ID[mistake], BY_ID[mistake].layers(run.spec))] if mistake else []
    if mistake and not placed[0][1]:
        return None
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(split.x)) for _ in range(EPOCHS)]
    batches = [
        order[i : i + BATCH] for order in orders for i in range(0, len(order) - BATCH + 1, BATCH)
    ]
    numbered = enumerate(batches, start=1)
    shown = [
        Shown(replace(run.spec, step=t), split.x[rows], _targets(split.labels[rows], targets), {})
        for t, rows in numbered
    ]
    test = Shown(
        replace(run.spec, step=len(shown) + 1),
        split.x_test,
        _targets(split.labels_test, targets),
        {},
    )
    for step in steps(replace(run, steps=(*shown, test)), placed, Plain):
        labels = np.nan_to_num(step.a(step.L).value).argmax(axis=1)
        for part in step.parts:
            step.new(part)  # now, or the last step would call them all
    return float(np.mean(labels == split.labels_test))


def _targets(labels: Array, kind: str) -> Array:
    return labels if kind == "labels" else np.eye(10)[labels]
