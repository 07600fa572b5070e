"""certify: every equation of every layer of one training step, judged against its
derived bound.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

import numpy as np

from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.record_checks import check_usable
from parity.proof.statements import Statement, statements
from parity.rounding.claim import CONVENTION, INACCURATE, PASSED, WRONG, Claim
from parity.steps.record import StepRecord
from refnet.checks import Array, place
from refnet.equations import EQUATIONS

NOT_JUDGED, NOT_SHOWN, WIRING = "not judged", "not shown", "wiring"
BROKEN = (WRONG, CONVENTION, INACCURATE)


@dataclass(frozen=True)
class Result:
    """What became of one array: the largest share of its bound that an entry used, and
    that entry.

    `status` is "passed", "wrong", "convention" (right elsewhere, by another
    convention), "inaccurate formula" (right but for avoidable rounding), "not judged"
    (rounding bounds say nothing here; `note` tells why) or "not shown". `deviation`
    names the deviation of PyTorch that a wrong result is.
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
        allowed = (
            f"{share} the {self.allowed:.2g} that rounding allows"
            if self.allowed
            else "to be equal, for nothing is rounded here"
        )
        verdict = f"; {self.status}{note}" if self.status != PASSED or note else ""
        return (
            f"{self.where}: {self.quantity} has {self.got!r}{at}, expected {self.expected!r}: "
            f"{allowed}{verdict}"
        )


@dataclass(frozen=True)
class Certificate:
    """The results of one step, in order of computation, and the statements that they
    judge.
    """

    record: StepRecord = field(repr=False)
    results: tuple[Result, ...]
    statements: tuple[Statement, ...] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether every equation of every layer was shown, judged and kept its
        bound.
        """
        return all(result.status == PASSED for result in self.results)

    @property
    def broken(self) -> tuple[Result, ...]:
        """The results that are wrong, another convention, or an inaccurate formula, in
        order of computation: the first is the root.
        """
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
            return f"{first}" + (
                f"; {len(more)} more result{'s' if len(more) > 1 else ''} broken" if more else ""
            )
        counts = {
            status: sum(result.status == status for result in self.results)
            for status in (PASSED, NOT_JUDGED, NOT_SHOWN)
        }
        rest = ", ".join(
            f"{count} {status}" for status, count in counts.items() if count and status != PASSED
        )
        if not counts[PASSED]:
            return f"Nothing passed: {rest}"
        at = f"{self.worst.equation}, {self.worst.quantity}" + (
            "" if self.worst.layer is None else f" of layer {self.worst.layer}"
        )
        held = (
            f"holds: {counts[PASSED]} arrays, at most {self.worst.used:.2g} of a bound used ({at})"
        )
        return f"What was judged {held}; {rest}" if rest else f"Every equation {held}"

    def table(self) -> list[list[str]]:
        """Layers by equations: the largest share of a bound used, with a mark where it
        is broken (!), not judged (?) or not shown (-).
        """
        labels = list(EQUATIONS)
        rows = [["layer", *labels]]
        for layer in range(1, len(self.record.spec.sizes)):
            last = layer == len(self.record.spec.sizes) - 1
            rows.append(
                [
                    f"{layer}",
                    *(
                        self._cell(label, None if label == "C" and last else layer)
                        for label in labels
                    ),
                ]
            )
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
        lines = [
            "".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join(
            [
                self.verdict,
                "share of each bound used:",
                *lines,
                *(f"  {result}" for result in self.broken[1:]),
            ]
        )

    def __rich__(self) -> Any:
        """The same for rich: red where broken, yellow where not judged."""
        from rich.console import Group  # noqa: PLC0415 - rich calls this, so it is there
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        head, *rows = self.table()
        table = Table(*head, box=None, header_style="bold")
        for row in rows:
            table.add_row(
                *(
                    Text(
                        cell, "bold red" if "!" in cell else "yellow" if cell.endswith("?") else ""
                    )
                    for cell in row
                )
            )
        sentence = Text(
            self.verdict,
            "bold red" if self.broken else "bold green" if self.passed else "bold yellow",
        )
        return Group(sentence, table, *(Text(f"  {result}", "red") for result in self.broken[1:]))


def certify(record: StepRecord, previous: StepRecord | None = None) -> Certificate:
    """Judge every equation of every layer of one step from the record's own inputs;
    with `previous`, also that it starts where that ended.

    A first step starts from the state that its rule starts from.

    Errors: ValueError or TypeError where the record is unusable: an unknown name, a
        pair of loss and output that do not belong together, arrays missing or of
        another shape in x, y or the start of the step.
    """
    check_usable(record)
    wiring = list(_start(record)) if previous is None else list(_wiring(record, previous))
    found = tuple(statements(record))
    return Certificate(record, (*wiring, *(judge(statement) for statement in found)), found)


def judge(statement: Statement) -> Result:
    """The result of one statement: shape and dtype first, then finiteness and values
    against the bound, then what else fits.
    """
    blank = Result(statement.equation, statement.layer, statement.quantity, statement.entry, 0.0)
    if statement.malformed:
        return replace(blank, used=np.inf, status=WRONG, note=statement.malformed)
    if statement.got is None:
        return replace(blank, status=NOT_SHOWN)
    if statement.claim is None:
        return replace(
            blank,
            status=NOT_JUDGED,
            note=f"reads {statement.missing}, which is not shown as it must be",
        )
    claim, got = statement.claim, statement.got
    share = claim.share(got)
    off = share > 1.0
    if off.any():
        return _broken(blank, claim, got, share, off)
    return _unless_unjudged(claim, _at(blank, claim, got, share))


def _unless_unjudged(claim: Claim, result: Result) -> Result:
    """A result that passed has not where an entry could not be judged."""
    left = int(claim.judged.size - claim.judged.sum())
    if not left or result.status != PASSED:
        return result
    note = f"{claim.reason} in {left} of {claim.judged.size} entries"
    return replace(
        result, status=NOT_JUDGED, note=f"{note}; {result.note}" if result.note else note
    )


def _broken(blank: Result, claim: Claim, got: Array, share: Array, off: Array) -> Result:
    """What is off by more than its bound: something that people write, as far as that
    explains it.
    """
    used = []
    left = off
    with np.errstate(all="ignore"):  # what overflows fits nothing
        for other in claim.others():
            explained = left & other.fits(got)
            if explained.any():
                used.append(other)
                left = left & ~explained
    notes = "; ".join(other.note for other in used)
    if left.any() or not used:
        return replace(
            _at(blank, claim, got, np.where(left, share, 0.0)),
            status=WRONG,
            note=f"elsewhere {notes}" if notes else "",
        )
    worst = max(used, key=lambda other: (PASSED, INACCURATE, CONVENTION, WRONG).index(other.status))
    share = np.minimum(share, 1.0) if worst.status == PASSED else share
    return _unless_unjudged(
        claim,
        replace(
            _at(blank, claim, got, share),
            status=worst.status,
            note=notes,
            deviation=worst.deviation,
        ),
    )


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


def _start(record: StepRecord) -> Iterator[Result]:
    """A first step finds every vector of the state filled with what the rule starts
    from, rounded once into the dtype.
    """
    spec = record.spec
    start = RULE_ENTRIES[spec.optimizer]().start(spec.hyperparameters)
    for name, vector in record.before.state.items() if spec.step == 1 else ():
        blank = Result(WIRING, None, f"{name} before", "", 0.0)
        right = (vector == vector.dtype.type(start)).all()
        note = f"other values than {start:g}, from which {spec.optimizer} starts"
        yield blank if right else replace(blank, used=np.inf, status=WRONG, note=note)


def _wiring(record: StepRecord, previous: StepRecord) -> Iterator[Result]:
    """A step is the next one of the same run, and starts from the weights and the state
    that the last one wrote, to the bit.
    """
    for name in ("sizes", "activations", "loss", "optimizer", "dtype"):
        mine, other = getattr(record.spec, name), getattr(previous.spec, name)
        if mine != other:
            yield Result(
                WIRING,
                None,
                name,
                "",
                np.inf,
                status=WRONG,
                note=f"{mine}, expected {other} as in the step before",
            )
    mine, other = record.spec.hyperparameters, previous.spec.hyperparameters
    for name in (key for key in mine if key != "lr" and mine[key] != other.get(key)):
        yield Result(
            WIRING,
            None,
            name,
            "",
            np.inf,
            status=WRONG,
            note="another value than in the step before; only lr may change",
        )
    counted = Result(WIRING, None, "step number", "", 0.0)
    due = previous.spec.step + 1
    yield (
        counted
        if record.spec.step == due
        else replace(counted, used=np.inf, status=WRONG, note=f"{record.spec.step}, expected {due}")
    )
    if previous.after is None:
        yield Result(
            WIRING,
            None,
            "start",
            "",
            0.0,
            status=NOT_SHOWN,
            note="the step before does not show what it wrote",
        )
        return
    for name in ("W", "b"):
        for i, (now, then) in enumerate(
            zip_longest(getattr(record.before, name), getattr(previous.after, name)), start=1
        ):
            yield _same(i, f"{name} before", now, then)
    for name in record.before.state | previous.after.state:
        yield _same(
            None, f"{name} before", record.before.state.get(name), previous.after.state.get(name)
        )


def _same(layer: int | None, quantity: str, now: Array | None, then: Array | None) -> Result:
    blank = Result(WIRING, layer, quantity, "", 0.0)
    if then is None:
        return replace(blank, status=NOT_SHOWN, note="the step before does not show what it wrote")
    if now is None:
        return replace(
            blank, used=np.inf, status=WRONG, note="nothing, expected what the step before wrote"
        )
    if now.shape == then.shape and now.dtype == then.dtype and now.tobytes() == then.tobytes():
        return blank
    return replace(blank, used=np.inf, status=WRONG, note="other values than the step before wrote")
