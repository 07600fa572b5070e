"""certify: every equation of every layer of one training step, judged against its derived bound."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from parity.claim import CONVENTION, INACCURATE, PASSED, WRONG, Claim
from parity.equations import Statement, statements
from parity.record import StepRecord
from parity.update_entries import RULE_ENTRIES
from refnet.activations import ACTIVATIONS
from refnet.checks import Array, place
from refnet.equations import EQUATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

NOT_JUDGED, NOT_SHOWN, WIRING = "not judged", "not shown", "wiring"
BROKEN = (WRONG, CONVENTION, INACCURATE)


@dataclass(frozen=True)
class Result:
    """What became of one array: the largest share of its bound that an entry used, and that entry.

    `status` is "passed", "wrong", "convention" (right elsewhere, by another convention), "inaccurate formula" (right but for avoidable
    rounding), "not judged" (rounding bounds say nothing here; `note` tells why) or "not shown". `deviation` names the deviation of PyTorch
    that a wrong result is.
    """

    equation: str  # a label of refnet.EQUATIONS, or "wiring"
    layer: int | None
    quantity: str
    entry: str
    used: float
    index: tuple[int, ...] = ()
    got: float | None = None
    expected: float | None = None
    allowed: float | None = None
    status: str = PASSED
    note: str = ""
    deviation: str = ""

    @property
    def broken(self) -> bool:
        """Whether it is wrong, another convention, or an inaccurate formula."""
        return self.status in BROKEN

    @property
    def where(self) -> str:
        """BP4 (weight gradient) of layer 1."""
        name = f" ({EQUATIONS[self.equation].name})" if self.equation in EQUATIONS else ""
        return f"{self.equation}{name}" + ("" if self.layer is None else f" of layer {self.layer}")

    def __str__(self) -> str:
        if self.got is None and self.broken:
            return f"{self.where}: {self.quantity} has {self.note}"
        note = f" ({self.note})" if self.note else ""
        if self.got is None:
            return f"{self.where}: {self.quantity} is {self.status}{note}"
        at = f" at {place(self.index)}" if self.index else ""
        share = f"{self.used:.3g} times" if self.used > 1.0 else f"{self.used:.2g} of"
        allowed = f"{share} the {self.allowed:.2g} that rounding allows"
        verdict = f"; {self.status}{note}" if self.status != PASSED or note else ""
        return f"{self.where}: {self.quantity} has {self.got!r}{at}, expected {self.expected!r}: {allowed}{verdict}"


@dataclass(frozen=True)
class Certificate:
    """The results of one step, in order of computation, and the statements that they judge."""

    record: StepRecord = field(repr=False)
    results: tuple[Result, ...]
    statements: tuple[Statement, ...] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether every equation of every layer was shown, judged and kept its bound."""
        return all(result.status == PASSED for result in self.results)

    @property
    def broken(self) -> tuple[Result, ...]:
        """The results that are wrong, another convention, or an inaccurate formula, in order of computation: the first is the root."""
        return tuple(result for result in self.results if result.broken)

    @property
    def worst(self) -> Result:
        """The result that used most of its bound."""
        return max(self.results, key=lambda result: result.used)

    @property
    def verdict(self) -> str:
        """The first sentence: what is wrong and where, or that nothing is."""
        if self.broken:
            first, *more = self.broken
            return f"{first}" + (f"; {len(more)} more result{'s' if len(more) > 1 else ''} broken" if more else "")
        counts = {status: sum(result.status == status for result in self.results) for status in (PASSED, NOT_JUDGED, NOT_SHOWN)}
        rest = ", ".join(f"{count} {status}" for status, count in counts.items() if count and status != PASSED)
        if not counts[PASSED]:
            return f"Nothing passed: {rest}"
        at = f"{self.worst.equation}, {self.worst.quantity}" + ("" if self.worst.layer is None else f" of layer {self.worst.layer}")
        held = f"holds: {counts[PASSED]} arrays, at most {self.worst.used:.2g} of a bound used ({at})"
        return f"What was judged {held}; {rest}" if rest else f"Every equation {held}"

    def table(self) -> list[list[str]]:
        """Layers by equations: the largest share of a bound used, with a mark where it is broken (!), not judged (?) or not shown (-)."""
        labels = list(EQUATIONS)
        rows = [["layer", *labels]]
        for layer in range(1, len(self.record.spec.sizes)):
            last = layer == len(self.record.spec.sizes) - 1
            rows.append([f"{layer}", *(self._cell(label, None if label == "C" and last else layer) for label in labels)])
        return rows

    def _cell(self, label: str, layer: int | None) -> str:
        found = [r for r in self.results if (r.equation, r.layer) == (label, layer)]
        if not found:
            return ""
        used = max(r.used for r in found)
        if any(r.broken for r in found):
            return f"{used:.2g}!"
        if any(r.status == NOT_SHOWN for r in found):
            return "-"
        silent = any(r.status == NOT_JUDGED for r in found)
        return "?" if silent and all(r.got is None for r in found) else f"{used:.2f}{'?' * silent}"

    def __str__(self) -> str:
        rows = self.table()
        widths = [max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0]))]
        lines = ["".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([self.verdict, "share of each bound used:", *lines, *(f"  {result}" for result in self.broken[1:])])

    def __rich__(self) -> Any:
        """The same for rich: red where broken, yellow where not judged."""
        from rich.console import Group  # noqa: PLC0415 - rich calls this, so it is there
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        head, *rows = self.table()
        table = Table(*head, box=None, header_style="bold")
        for row in rows:
            table.add_row(*(Text(cell, "bold red" if "!" in cell else "yellow" if cell.endswith("?") else "") for cell in row))
        sentence = Text(self.verdict, "bold red" if self.broken else "bold green" if self.passed else "bold yellow")
        return Group(sentence, table, *(Text(f"  {result}", "red") for result in self.broken[1:]))


def certify(record: StepRecord, previous: StepRecord | None = None) -> Certificate:
    """Judge every equation of every layer of one step from the record's own inputs; with `previous`, also that it starts where that ended.

    Errors: ValueError where the record is unusable: an unknown name, a pair of loss and output that do not belong together, arrays
        missing or of another shape in x, y or the start of the step.
    """
    check_usable(record)
    wiring = [] if previous is None else list(_wiring(record, previous))
    found = tuple(statements(record))
    return Certificate(record, (*wiring, *(judge(statement) for statement in found)), found)


def judge(statement: Statement) -> Result:
    """The result of one statement: shape and dtype first, then finiteness and values against the bound, then what else fits."""
    blank = Result(statement.equation, statement.layer, statement.quantity, statement.entry, 0.0)
    if statement.malformed:
        return replace(blank, used=np.inf, status=WRONG, note=statement.malformed)
    if statement.got is None:
        return replace(blank, status=NOT_SHOWN)
    if statement.claim is None:
        return replace(blank, status=NOT_JUDGED, note=f"reads {statement.missing}, which is not shown")
    claim, got = statement.claim, statement.got
    share = claim.share(got)
    off = share > 1.0
    if off.any():
        return _broken(blank, claim, got, share, off)
    result = _at(blank, claim, got, share)
    if claim.judged.all():
        return result
    left = int(claim.judged.size - claim.judged.sum())
    return replace(result, status=NOT_JUDGED, note=f"{claim.reason} in {left} of {claim.judged.size} entries")


def _broken(blank: Result, claim: Claim, got: Array, share: Array, off: Array) -> Result:
    """What is off by more than its bound: something that people write, as far as that explains it."""
    used = []
    left = off
    for other in claim.others():
        explained = left & other.fits(got)
        if explained.any():
            used.append(other)
            left = left & ~explained
    notes = "; ".join(other.note for other in used)
    if left.any() or not used:
        return replace(_at(blank, claim, got, np.where(left, share, 0.0)), status=WRONG, note=f"elsewhere {notes}" if notes else "")
    worst = max(used, key=lambda other: (PASSED, INACCURATE, CONVENTION, WRONG).index(other.status))
    share = np.minimum(share, 1.0) if worst.status == PASSED else share
    return replace(_at(blank, claim, got, share), status=worst.status, note=notes, deviation=worst.deviation)


def _at(blank: Result, claim: Claim, got: Array, share: Array) -> Result:
    """The result with its worst entry."""
    index = tuple(int(i) for i in np.unravel_index(int(share.argmax()), share.shape))
    return replace(
        blank,
        used=float(share[index]),
        index=index,
        got=float(got[index]),
        expected=float(claim.exact[index]),
        allowed=float(claim.bound[index] * (1.0 + claim.slack)),
    )


def _wiring(record: StepRecord, previous: StepRecord) -> Iterator[Result]:
    """A step starts from the weights and the state that the last one wrote, to the bit."""
    if previous.after is None:
        yield Result(WIRING, None, "start", "", 0.0, status=NOT_SHOWN, note="the step before does not show what it wrote")
        return
    for name in ("W", "b"):
        for i, (now, then) in enumerate(zip(getattr(record.before, name), getattr(previous.after, name), strict=True), start=1):
            yield _same(i, f"{name} before", now, then)
    for name, vector in record.before.state.items():
        if name in previous.after.state:
            yield _same(None, f"{name} before", vector, previous.after.state[name])


def _same(layer: int | None, quantity: str, now: Array, then: Array) -> Result:
    blank = Result(WIRING, layer, quantity, "", 0.0)
    if now.shape == then.shape and now.dtype == then.dtype and np.array_equal(now, then):
        return blank
    return replace(blank, used=np.inf, status=WRONG, note="other values than the step before wrote")


def check_usable(record: StepRecord) -> None:
    """Refuse with a ValueError a record of which nothing can be judged."""
    spec, depth, n = record.spec, len(record.spec.sizes) - 1, len(record.x)
    _known("loss", spec.loss, LOSSES)
    _known("optimizer", spec.optimizer, OPTIMIZERS)
    _known("dtype", spec.dtype, ("float32", "float64"))
    for name, _ in spec.activations:
        _known("activation", name, ACTIVATIONS)
    for what, count in (("activations", spec.activations), ("layers", record.layers), ("W", record.before.W), ("b", record.before.b)):
        if len(count) != depth:
            raise ValueError(f"certify: record has {len(count)} {what}, expected {depth} as its sizes {spec.sizes}")
    name, parameters = spec.activations[-1]
    loss = LOSSES[spec.loss]()
    loss.check_output(ACTIVATIONS[name](**parameters))
    _fits("x", record.x, (n, spec.sizes[0]), spec.dtype)
    loss.targets(record.y, n, spec.sizes[-1], np.dtype(spec.dtype))
    for i, (into, out) in enumerate(zip(spec.sizes, spec.sizes[1:], strict=False)):
        _fits(f"W of layer {i + 1} before the step", record.before.W[i], (out, into), spec.dtype)
        _fits(f"b of layer {i + 1} before the step", record.before.b[i], (out,), spec.dtype)
    total = sum(W.size + b.size for W, b in zip(record.before.W, record.before.b, strict=True))
    for name, vector in record.before.state.items():
        _fits(f"{name} before the step", vector, (total,), spec.dtype)
    for name in RULE_ENTRIES[spec.optimizer]().keeps(spec.hyperparameters):
        if name not in record.before.state and not (name == "momentum_buffer" and spec.optimizer == "sgd" and spec.step == 1):
            raise ValueError(f"certify: state before step {spec.step} has no {name}, expected it: {spec.optimizer} reads it")
    if record.after is not None and not len(record.after.W) == len(record.after.b) == depth:
        raise ValueError(f"certify: record has {len(record.after.W)} W and {len(record.after.b)} b after the step, expected {depth}")


def _known(kind: str, name: str, known: Any) -> None:
    if name not in known:
        raise ValueError(f"certify: {kind} has {name!r}, expected one of {', '.join(known)}")


def _fits(what: str, array: Array, shape: tuple[int, ...], dtype: str) -> None:
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"certify: {what} has {array.dtype} {array.shape}, expected {dtype} {shape}")
