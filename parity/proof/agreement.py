"""Agreement of two records of the same step, in the two ways that follow from rounding.

*From equal inputs* (`compare_restated`): every equation of one record is computed once
more by another program from the record's own inputs. Each side is within its bound of
the exact value, so the two are at most the sum of the two bounds apart.

*From equal weights* (`compare`): two programs took the whole step, each on its own
numbers. The local bounds of both, at the numbers that each had, are carried once
through |W|, f' and the rest by `Bounded`, which gives the running bound of every
quantity. Over many steps it would grow without limit, so the two start from equal
weights at each step.

The certificate is the proof; agreement is what the eye wants beside it. Shape, dtype
and finiteness come first; NaN equals nothing.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from parity.proof import formulas
from parity.proof.certificate import Certificate, certify, judge
from parity.proof.record_checks import check_usable
from parity.proof.statements import Statement, statements
from parity.rounding.bounded import Bounded
from parity.rounding.claim import size
from parity.rounding.formats import FORMATS
from parity.steps.record import StepRecord
from refnet.checks import Array, place
from refnet.equations import EQUATIONS


@dataclass(frozen=True)
class Difference:
    """How far one array is apart in two records: the largest share of what is allowed,
    and that entry.
    """

    equation: str  # a label of refnet.EQUATIONS
    layer: int | None  # from 1 on; None for the cost
    quantity: str
    used: float
    index: tuple[int, ...] = ()
    got: object = None
    expected: object = None
    allowed: float = 0.0
    kind: str = "value"  # or "shape", "dtype", "finiteness", "not shown"
    blame: str = ""  # which of the two keeps its own bound
    # entries of which nothing can be said, as where a gradient that is all rounding is
    # divided by its own size
    unjudged: int = 0

    @property
    def passed(self) -> bool:
        """Whether no entry is apart by more than is allowed; a NaN is."""
        return self.used <= 1.0

    def __str__(self) -> str:
        where = f"{self.equation} ({EQUATIONS[self.equation].name})" + (
            "" if self.layer is None else f" of layer {self.layer}"
        )
        if self.kind != "value":
            kind = "" if self.kind == "not shown" else f"{self.kind} "
            return f"{where}: {self.quantity} has {kind}{self.got}, expected {self.expected}"
        at = f" at {place(self.index)}" if self.index else ""
        apart = f"{self.used:.3g} times the {self.allowed:.2g} that rounding allows"
        return (
            f"{where}: {self.quantity} has {self.got!r}{at}, expected {self.expected!r}: "
            f"{apart}{self.blame}"
        )


@dataclass(frozen=True)
class Agreement:
    """The differences of every array, in order of computation."""

    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether every entry of every array was judged and agrees."""
        return self.first is None and self.unjudged == 0

    @property
    def unjudged(self) -> int:
        """How many entries of all arrays nothing can be said of."""
        return sum(d.unjudged for d in self.differences)

    @property
    def first(self) -> Difference | None:
        """The first array that does not agree: the place of the mistake."""
        return next((d for d in self.differences if not d.passed), None)

    @property
    def worst(self) -> float:
        """The largest share of what is allowed; infinite where something else than a
        value differs.
        """
        used = [d.used for d in self.differences]
        return float("inf") if any(np.isnan(used)) else max(used)

    def __str__(self) -> str:
        silent = f"; {self.unjudged} entries not judged" if self.unjudged else ""
        return (
            f"agree, at most {self.worst:.2g} of what rounding allows{silent}"
            if self.first is None
            else str(self.first)
        )


def compare(got: StepRecord, expected: StepRecord) -> Agreement:
    """Two records of the same step from equal weights and state: every array within the
    running bound.

    `got` may leave quantities out, which then do not pass; `expected` is whole.

    Errors: ValueError where the two are not records of the same step: another network,
        loss, optimizer, step, data, weights or state.
    """
    _check_comparable(got, expected)
    return agree(certify(got), certify(expected))


def agree(got: Certificate, expected: Certificate) -> Agreement:
    """The same of two certified records."""
    _check_comparable(got.record, expected.record)
    _check_start(got.record, expected.record)
    running = _Running(expected.record)
    pairs = zip(got.statements, expected.statements, strict=True)
    return Agreement(
        tuple(_difference(mine, other, running.allow(mine, other)) for mine, other in pairs)
    )


def compare_restated(record: StepRecord, restated: StepRecord) -> Agreement:
    """A record against every one of its equations as another program computed it from
    the record's own inputs: twice its bound.

    Errors: ValueError where the two are not records of the same step.
    """
    _check_comparable(record, restated)
    for each in (record, restated):
        check_usable(each)
    running = _Running(record, inherits=False)
    # the other's inputs, and the new state that it made
    read = statements(replace(restated, layers=record.layers, loss=record.loss))
    shown = statements(restated)
    others = (
        replace(claimed, got=given.got, malformed=given.malformed)
        for claimed, given in zip(read, shown, strict=True)
    )
    pairs = zip(statements(record), others, strict=True)
    return Agreement(
        tuple(_difference(mine, other, running.allow(other, mine)) for mine, other in pairs)
    )


def _check_comparable(got: StepRecord, expected: StepRecord) -> None:
    for name, value in vars(expected.spec).items():
        if getattr(got.spec, name) != value:
            raise ValueError(f"compare: {name} has {getattr(got.spec, name)}, expected {value}")
    for name, mine, other in (("x", got.x, expected.x), ("y", got.y, expected.y)):
        if not np.array_equal(mine, other):
            raise ValueError(
                f"compare: {name} differs between the two records, expected the same data"
            )
    if (
        expected.loss is None
        or expected.after is None
        or any(v is None for layer in expected.layers for v in vars(layer).values())
    ):
        raise ValueError(
            "compare: the second record has quantities that are not shown, expected a whole one"
        )


def _check_start(got: StepRecord, expected: StepRecord) -> None:
    for name in ("W", "b"):
        for i, (mine, other) in enumerate(
            zip(getattr(got.before, name), getattr(expected.before, name), strict=True), start=1
        ):
            if not np.array_equal(mine, other):
                where = f"compare: {name} of layer {i} differs before the step"
                raise ValueError(f"{where}, expected equal weights: bring the two together first")
    mine, other = got.before.state, expected.before.state
    if mine.keys() != other.keys() or not all(
        np.array_equal(mine[name], other[name]) for name in mine
    ):
        raise ValueError(
            "compare: state differs before the step, expected equal state: bring the two "
            "together first"
        )


def _difference(got: Statement, expected: Statement, allowed: Array | None) -> Difference:
    def refused(kind: str, mine: object, other: object) -> Difference:
        return Difference(
            expected.equation,
            expected.layer,
            expected.quantity,
            float("inf"),
            (),
            mine,
            other,
            0.0,
            kind,
        )

    a, b = got.got, expected.got
    if a is None or b is None:
        return refused(
            "not shown", *("nothing to show" if array is None else "a value" for array in (a, b))
        )
    if a.shape != b.shape:
        return refused("shape", a.shape, b.shape)
    if a.dtype != b.dtype:
        return refused("dtype", a.dtype, b.dtype)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return refused("finiteness", _finiteness(a), _finiteness(b))
    if allowed is None:
        return Difference(
            expected.equation, expected.layer, expected.quantity, 0.0, unjudged=a.size
        )
    with np.errstate(all="ignore"):  # a difference that overflows is infinitely wrong
        gap = np.abs(a.astype(np.longdouble) - b).astype(np.float64)
        used = np.where(gap == 0.0, 0.0, np.where(np.isinf(allowed), 0.0, gap / allowed))
    index = tuple(int(i) for i in np.unravel_index(int(used.argmax()), used.shape))
    worst = float(used[index])
    blame = _blame(got, expected) if worst > 1.0 else ""
    found = Difference(
        expected.equation,
        expected.layer,
        expected.quantity,
        worst,
        index,
        a[index].item(),
        b[index].item(),
    )
    return replace(
        found, allowed=float(allowed[index]), blame=blame, unjudged=int(np.isinf(allowed).sum())
    )


def _blame(got: Statement, expected: Statement) -> str:
    """Who is off: each side against the exact value of its own inputs."""
    judged = (("first", judge(got)), ("second", judge(expected)))
    told = [
        f"the {name} is off by {result.used:.3g} of its own bounds"
        if result.allowed
        else f"the {name} is not what its own numbers give"
        for name, result in judged
        if result.broken
    ]
    return "; " + (
        " and ".join(told)
        if told
        else "each keeps its own bound, so an equation before this one parts them"
    )


def _finiteness(array: Array) -> str:
    finite = int(np.isfinite(array).sum())
    return (
        "all entries finite" if finite == array.size else f"{finite} of {array.size} entries finite"
    )


class _Running:
    """The running bound: how far any array of another record may be from this one's,
    statement by statement in order of computation.
    """

    def __init__(self, record: StepRecord, inherits: bool = True) -> None:
        self._record, self._format, self._inherits = record, FORMATS[record.spec.dtype], inherits
        self._apart: dict[tuple[str, int | None], Array] = {}

    def allow(self, got: Statement, expected: Statement) -> Array | None:
        """What this equation carries on of the differences before it, and the two local
        bounds.
        """
        if got.claim is None or expected.claim is None or got.got is None or expected.got is None:
            return None
        with np.errstate(all="ignore"):
            carried = self._carry(expected)
            off = size(carried.value - expected.claim.exact) + size(carried.error)
            allowed = off + _local(got) + _local(expected)
        self._apart[expected.quantity, expected.layer] = allowed = np.where(
            np.isnan(allowed), np.inf, allowed
        )
        return allowed

    def _carry(self, statement: Statement) -> Bounded:
        label, layer = statement.equation, statement.layer
        if layer is None:
            return formulas.cost(
                self._record.spec.loss, self._known("a", len(self._record.layers)), self._record.y
            )
        if label == "step":
            return self._update(layer, statement.quantity)
        makers = {
            "z": self._z,
            "a": self._a,
            "BP1": self._output_delta,
            "BP2": self._hidden_delta,
            "BP3": self._db,
            "BP4": self._dW,
        }
        return makers[label](layer)

    def _known(self, quantity: str, layer: int) -> Bounded:
        """An array of this record with how far the other's may be from it."""
        apart = (
            self._apart.get((quantity, layer), np.asarray(np.inf))
            if self._inherits
            else np.zeros(())
        )
        return Bounded(getattr(self._record.layers[layer - 1], quantity), apart, self._format)

    def _below(self, layer: int) -> Bounded:
        return (
            Bounded(self._record.x, np.zeros(()), self._format)
            if layer == 1
            else self._known("a", layer - 1)
        )

    def _z(self, layer: int) -> Bounded:
        before = self._record.before
        return self._below(layer) @ before.W[layer - 1].T + before.b[layer - 1]

    def _a(self, layer: int) -> Bounded:
        return formulas.activate(*self._record.spec.activations[layer - 1], self._known("z", layer))

    def _output_delta(self, layer: int) -> Bounded:
        spec = self._record.spec
        return formulas.output_delta(
            spec.loss,
            spec.activations[-1],
            self._known("z", layer),
            self._known("a", layer),
            self._record.y,
        )

    def _hidden_delta(self, layer: int) -> Bounded:
        g = self._known("delta", layer + 1) @ self._record.before.W[layer]
        return formulas.pull_back(
            *self._record.spec.activations[layer - 1],
            g,
            self._known("z", layer),
            self._known("a", layer),
        )

    def _db(self, layer: int) -> Bounded:
        return self._known("delta", layer).sum(axis=0)

    def _dW(self, layer: int) -> Bounded:
        return self._known("delta", layer).T @ self._below(layer)

    def _update(self, layer: int, quantity: str) -> Bounded:
        name = quantity[-1]  # "W" of "W" and of "exp_avg of W"
        spec, before, g = self._record.spec, self._record.before, self._known(f"d{name}", layer)
        theta, part = getattr(before, name)[layer - 1], self._part(layer, name)
        old = {key: vector[part].reshape(theta.shape) for key, vector in before.state.items()}
        new = {
            key: Bounded(
                vector[part].reshape(theta.shape),
                self._apart[f"{key} of {name}", layer],
                self._format,
            )
            for key, vector in (self._record.after.state if self._record.after else {}).items()
            if (f"{key} of {name}", layer) in self._apart
        }
        if quantity == name:
            return formulas.new_parameters(
                spec.optimizer, spec.hyperparameters, spec.step, theta, g, new
            )
        return formulas.new_state(
            spec.optimizer,
            quantity.removesuffix(f" of {name}"),
            spec.hyperparameters,
            theta,
            g,
            old,
            new,
        )

    def _part(self, layer: int, name: str) -> slice:
        """Where W or b of a layer stands in the flat vectors."""
        sizes = [(into * out, out) for into, out in pairwise(self._record.spec.sizes)]
        start = sum(sum(size) for size in sizes[: layer - 1]) + (
            sizes[layer - 1][0] if name == "b" else 0
        )
        return slice(start, start + sizes[layer - 1][name == "b"])


def _local(statement: Statement) -> Any:
    claim = statement.claim
    return (
        np.inf
        if claim is None
        else np.where(claim.judged, claim.bound * (1.0 + claim.slack), np.inf)
    )
