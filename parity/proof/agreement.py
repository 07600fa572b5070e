"""Agreement of two records of the same step, in the two ways that follow from rounding.

*From equal inputs* (`compare_restated`): another program computes every equation of one
record once more from the record's own inputs. Each side is within its bound of the
exact value, so the two are at most the sum of the two bounds apart.

*From equal weights* (`compare`): two programs took the whole step, each on its own
numbers. Differences grow from equation to equation; the running bound follows them.

The certificate is the proof; agreement is what the eye wants beside it. Shape, dtype
and finiteness are compared first; NaN equals nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from parity.proof.certificate import Certificate, certify, judge
from parity.proof.record_checks import check_usable
from parity.proof.running import RunningBound
from parity.proof.statements import Statement, statements
from parity.steps.record import LayerRecord, StepRecord, compared
from refnet import notebook
from refnet.checks import Array, place
from refnet.equations import EQUATIONS


@dataclass(frozen=True)
class Difference:
    """How far one array differs between two records, at the entry that uses most of
    what rounding allows: `used` is the share of `allowed`; above 1 they disagree.
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
    blame: str = ""  # which of the two records breaks its own bound
    # entries with an infinite bound, as where a gradient that is nothing but rounding
    # is divided by its own size
    unjudged: int = 0

    @property
    def passed(self) -> bool:
        """Whether no entry differs by more than is allowed; False for a NaN."""
        return self.used <= 1.0

    def __str__(self) -> str:
        where = f"{self.equation} ({EQUATIONS[self.equation].name})" + (
            "" if self.layer is None else f" of layer {self.layer}"
        )
        if self.kind != "value":
            kind = "" if self.kind == "not shown" else f"{self.kind} "
            return f"{where}: {self.quantity} has {kind}{self.got}, expected {self.expected}"
        at = f" at {place(self.index)}" if self.index else ""
        apart = f"within {self.allowed:.2g}; it is off by {self.used:.3g} times that"
        return (
            f"{where}: {self.quantity}{at} is {self.got!r}, expected {self.expected!r} "
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
        """How many entries of all arrays have an infinite bound."""
        return sum(d.unjudged for d in self.differences)

    @property
    def first(self) -> Difference | None:
        """The first array that does not agree: the place of the mistake."""
        return next((d for d in self.differences if not d.passed), None)

    @property
    def worst(self) -> float:
        """The largest share of what is allowed; infinite where a shape, dtype or
        finiteness differs.
        """
        used = [d.used for d in self.differences]
        return float("inf") if any(np.isnan(used)) else max(used)

    def _repr_html_(self) -> str:
        apart = [each for each in self.differences if not each.passed]
        return notebook.framed(
            notebook.verdict(self, False if apart else self.passed or None),
            notebook.sentences(apart[1:], len(apart) - 1, "array"),
        )

    def __str__(self) -> str:
        silent = f"; {self.unjudged} entries not judged" if self.unjudged else ""
        return (
            f"agree: the largest difference is {self.worst:.2g} of what rounding allows{silent}"
            if self.first is None
            else str(self.first)
        )


def compare(got: StepRecord, expected: StepRecord) -> Agreement:
    """The agreement of two records of the same step from equal weights and state: every
    array of `got` differs from that of `expected` by at most the running bound.

    What `got` does not show does not pass; `expected` must show everything.

    Errors: ValueError where the two are not records of the same step: another network,
        loss, optimizer, step, data, weights or state; ValueError or TypeError for a
        record that `certify` refuses.
    """
    _check_comparable(got, expected)
    return agree(certify(got), certify(expected))


def agree(got: Certificate, expected: Certificate) -> Agreement:
    """`compare` for two records that are certified already."""
    _check_comparable(got.record, expected.record)
    _check_start(got.record, expected.record)
    running = RunningBound(expected.record)
    pairs = zip(got.statements, expected.statements, strict=True)
    return Agreement(
        tuple(_difference(mine, other, running.allow(mine, other)) for mine, other in pairs)
    )


def compare_restated(record: StepRecord, restated: StepRecord) -> Agreement:
    """The agreement of a record with its own equations as another program computed them
    from the record's own inputs (`restate` lets PyTorch do so): every array differs by
    at most the sum of the two bounds.

    Errors: ValueError where the two are not records of the same step; ValueError or
        TypeError for a record that `certify` refuses.
    """
    _check_comparable(record, restated)
    for each in (record, restated):
        check_usable(each)
    running = RunningBound(record, inherits=False)
    # The other program read the record's layers but its own new state, so the claims
    # are made from these; what they judge is what it computed.
    claims = statements(replace(restated, layers=record.layers, loss=record.loss))
    computed = statements(restated)
    others = (
        replace(claim, got=given.got, malformed=given.malformed)
        for claim, given in zip(claims, computed, strict=True)
    )
    pairs = zip(statements(record), others, strict=True)
    return Agreement(
        tuple(_difference(mine, other, running.allow(other, mine)) for mine, other in pairs)
    )


def _check_comparable(got: StepRecord, expected: StepRecord) -> None:
    grouped = got.spec.groups or expected.spec.groups
    for name in vars(expected.spec):
        if grouped and name in ("hyperparameters", "groups"):
            continue  # groups may be put together in several ways: below, part by part
        mine, other = compared(got.spec, name), compared(expected.spec, name)
        if mine != other:
            raise ValueError(f"compare: {name} has {mine}, expected {other}")
    for name, layer in expected.spec.parts if grouped else ():
        given, due = got.spec.settings_of(name, layer), expected.spec.settings_of(name, layer)
        if given != due:
            raise ValueError(f"compare: {name} of layer {layer} has {given}, expected {due}")
    data = {
        name: (getattr(got, name), getattr(expected, name)) for name in ("x", "y", "sample_weight")
    }
    pairs = zip(got.masks, expected.masks, strict=False)
    data |= {f"mask of layer {l}": pair for l, pair in enumerate(pairs, start=1)}
    for name, (mine, other) in data.items():
        # an array and None are not equal
        if not np.array_equal(mine, other):
            raise ValueError(
                f"compare: {name} differs between the two records, expected the same data"
            )
    if (
        expected.loss is None
        or expected.after is None
        or any(getattr(layer, name) is None for layer, name in _shown_by(expected))
    ):
        raise ValueError(
            "compare: the second record has quantities that are not shown, expected a whole one"
        )


def _shown_by(record: StepRecord) -> Iterator[tuple[LayerRecord, str]]:
    """The arrays of its layers that a whole record shows."""
    for l, layer in enumerate(record.layers, start=1):
        has = {"db": record.spec.has_bias(l), "a_prev": record.mask(l) is not None}
        yield from ((layer, name) for name in vars(layer) if has.get(name, True))


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
    """The difference of one array: kind and finiteness first, then the numbers."""
    equal = Difference(expected.equation, expected.layer, expected.quantity, 0.0)
    mine, other = got.got, expected.got
    if mine is None or other is None:
        words = ("nothing to show" if array is None else "a value" for array in (mine, other))
        return _refused(equal, "not shown", *words)
    if mine.shape != other.shape:
        return _refused(equal, "shape", mine.shape, other.shape)
    if mine.dtype != other.dtype:
        return _refused(equal, "dtype", mine.dtype, other.dtype)
    if not (np.isfinite(mine).all() and np.isfinite(other).all()):
        return _refused(equal, "finiteness", _finiteness(mine), _finiteness(other))
    if allowed is None:
        return replace(equal, unjudged=mine.size)
    return _measured(equal, mine, other, allowed, got, expected)


def _refused(equal: Difference, kind: str, mine: object, other: object) -> Difference:
    return replace(equal, used=float("inf"), got=mine, expected=other, kind=kind)


def _measured(
    equal: Difference,
    mine: Array,
    other: Array,
    allowed: Array,
    got: Statement,
    expected: Statement,
) -> Difference:
    """The difference at the entry that uses most of what is allowed."""
    with np.errstate(all="ignore"):  # a difference that overflows is infinitely wrong
        gap = np.abs(mine.astype(np.longdouble) - other).astype(np.float64)
        used = np.where(gap == 0.0, 0.0, np.where(np.isinf(allowed), 0.0, gap / allowed))
    index = tuple(int(i) for i in np.unravel_index(int(used.argmax()), used.shape))
    worst = float(used[index])
    return replace(
        equal,
        used=worst,
        index=index,
        got=mine[index].item(),
        expected=other[index].item(),
        allowed=float(allowed[index]),
        blame=_blame(got, expected) if worst > 1.0 else "",
        unjudged=int(np.isinf(allowed).sum()),
    )


def _blame(got: Statement, expected: Statement) -> str:
    """Which record is off: each against the exact value of its own inputs."""
    results = {"first": judge(got), "second": judge(expected)}
    faults = [
        f"the {name} record is off by {result.used:.3g} times its own bound"
        if result.allowed
        else f"the {name} record is not what its own numbers give"
        for name, result in results.items()
        if result.broken
    ]
    if not faults:
        return "; each record is within its own bound, so they part at an earlier equation"
    return "; " + " and ".join(faults)


def _finiteness(array: Array) -> str:
    finite = int(np.isfinite(array).sum())
    return (
        "all entries finite" if finite == array.size else f"{finite} of {array.size} entries finite"
    )
