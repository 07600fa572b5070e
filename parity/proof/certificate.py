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
from parity.proof.result import NOT_JUDGED, NOT_SHOWN, WIRING, Result
from parity.proof.statements import Statement, statements
from parity.rounding.claim import CONVENTION, IMPRECISE, INACCURATE, PASSED, WRONG, Claim
from parity.steps.record import StepRecord, compared
from refnet import notebook
from refnet.checks import Array
from refnet.equations import EQUATIONS, PLAIN

# of a cell of the table, by its mark
_COLOURS = {"!": "bold red", "~": "yellow", "?": "yellow"}


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
        """Whether every array was shown and judged, and is within its bound."""
        return all(result.status == PASSED for result in self.results)

    @property
    def broken(self) -> tuple[Result, ...]:
        """The results that are wrong, follow another convention or use an inaccurate
        formula, in order of computation: the first is the root.
        """
        return tuple(result for result in self.results if result.broken)

    @property
    def imprecise(self) -> tuple[Result, ...]:
        """The results that are within the worst case of rounding, and lost more digits
        than independent roundings do: right, but for digits.
        """
        return tuple(result for result in self.results if result.status == IMPRECISE)

    @property
    def worst(self) -> Result:
        """The result that used most of its bound."""
        return max(self.results, key=lambda result: result.used)

    @property
    def verdict(self) -> str:
        """What is wrong first and where, or that nothing is, in a sentence or two."""
        if self.broken:
            return self._listed(self.broken, "broken")
        passed = sum(result.status == PASSED for result in self.results)
        silent = self._silent_words()
        if not passed:
            return f"No equation could be judged: {silent}."
        arrays = "1 array is" if passed == 1 else f"{passed} arrays are"
        if self.imprecise:
            return self._listed(self.imprecise, "imprecise")
        if silent:
            return f"What was judged holds: {arrays} {self._closest_words()}. Not passed: {silent}."
        return f"Every equation holds: {'all ' * (passed > 1)}{arrays} {self._closest_words()}."

    def _listed(self, results: tuple[Result, ...], kind: str) -> str:
        """The case, the first of the results, and how many more there are."""
        spec, (first, *more) = self.record.spec, results
        case = f"{'-'.join(map(str, spec.sizes))}, {spec.loss}, {spec.optimizer}, {spec.dtype}"
        count = "1 more result is" if len(more) == 1 else f"{len(more)} more results are"
        tail = f". {count} {kind}" if more else ""
        return f"{case}, step {spec.step}: {first}{tail}."

    def _closest_words(self) -> str:
        worst = self.worst
        layer = "" if worst.layer is None else f" of layer {worst.layer}"
        name = f"{worst.quantity}{layer} ({worst.equation})"
        return f"within what rounding allows; the closest, {name}, uses {worst.used:.2g} of it"

    def _silent_words(self) -> str:
        counts = {
            status: sum(result.status == status for result in self.results)
            for status in (NOT_JUDGED, NOT_SHOWN)
        }
        return ", ".join(f"{count} {status}" for status, count in counts.items() if count)

    @property
    def _further(self) -> tuple[Result, ...]:
        """What the verdict counts without saying it."""
        return (*self.broken, *self.imprecise)[1:]

    def table(self) -> list[list[str]]:
        """Layers by equations: the largest share used of what rounding allows, with a
        mark where it is broken (!), imprecise (~), not judged (?) or not shown (-).
        """
        shown = {result.equation for result in self.results}
        labels = [label for label in EQUATIONS if label in PLAIN or label in shown]
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
        results = [r for r in self.results if (r.equation, r.layer) == (label, layer)]
        if not results:
            return ""
        used = max(r.used for r in results)
        if any(r.broken for r in results):
            return f"{used:.2g}!"
        if any(r.status == IMPRECISE for r in results):
            return f"{used:.2f}~"
        if any(r.status == NOT_SHOWN for r in results):
            return "-"
        silent = any(r.status == NOT_JUDGED for r in results)
        no_number = all(r.got is None for r in results)
        return "?" if silent and no_number else f"{used:.2f}{'?' * silent}"

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
                "largest share used of what rounding allows:",
                *lines,
                *(f"  {result}" for result in self._further),
            ]
        )

    def _repr_html_(self) -> str:
        head, *rows = self.table()
        cells = ([notebook.Strong(c) if "!" in c else c for c in row] for row in rows)
        marks = {"!": "broken", "~": "imprecise", "?": "not judged", "-": "not shown"}
        text = "".join(cell for row in rows for cell in row)
        key = ", ".join(f"{mark} {words}" for mark, words in marks.items() if mark in text)
        return notebook.framed(
            notebook.verdict(self.verdict, False if self.broken else self.passed or None),
            notebook.sentence(f"largest share used of what rounding allows{key and f' ({key})'}:"),
            notebook.table(head, cells, len(rows), "layer", words=()),
            notebook.sentences(self._further, len(self._further), "result"),
        )

    def __rich__(self) -> Any:
        """The same for rich: red where broken, yellow where imprecise or not judged."""
        from rich.console import Group  # noqa: PLC0415 - rich calls this, so it is there
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        head, *rows = self.table()
        table = Table(*head, box=None, header_style="bold")
        for row in rows:
            table.add_row(
                *(
                    Text(
                        cell,
                        "bold red"
                        if "!" in cell
                        else "yellow"
                        if cell.endswith(("?", "~"))
                        else "",
                    )
                    for cell in row
                )
            )
        sentence = Text(
            self.verdict,
            "bold red" if self.broken else "bold green" if self.passed else "bold yellow",
        )
        return Group(sentence, table, *(Text(f"  {result}", "red") for result in self._further))


def certify(record: StepRecord, previous: StepRecord | None = None) -> Certificate:
    """The certificate of one training step: every equation of every layer holds up to
    rounding, or the first that does not.

    Each equation is judged from the record's own inputs, so no error is inherited. With
    `previous` the step must also start from the weights and the state which that record
    ends with; a first step must start from the state that its rule starts from.

    Errors: ValueError or TypeError where nothing can be judged: an unknown name, a loss
        behind an output that it does not allow, or x, y or an array from before the
        step missing or of another shape or dtype.
    Source: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.1;
        `parity.entries()` names that of each bound.
    """
    check_usable(record)
    wiring = _start(record) if previous is None else _wiring(record, previous)
    # kept: `agree` reads the claims once more, and they are most of the work
    stated = tuple(statements(record))
    return Certificate(record, (*wiring, *(judge(statement) for statement in stated)), stated)


@np.errstate(all="ignore")  # what is not judged may overflow, and a bound be subnormal
def judge(statement: Statement) -> Result:
    """The result of one statement: shape and dtype first, then every number against its
    bound, then whether a known other formula explains what is off.
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
    result = _at(blank, claim, got, share)
    doubt = claim.doubt(got)
    if doubt.note:
        return replace(result, status=IMPRECISE, note=doubt.note, factors=doubt.factors)
    return _unless_unjudged(claim, result)


def _unless_unjudged(claim: Claim, result: Result) -> Result:
    """The result; one that passed is not judged where an entry of it was not."""
    unjudged = int(claim.judged.size - claim.judged.sum())
    if not unjudged or result.status != PASSED:
        return result
    note = f"{claim.reason} in {unjudged} of {claim.judged.size} entries"
    return replace(
        result, status=NOT_JUDGED, note=f"{note}; {result.note}" if result.note else note
    )


def _broken(blank: Result, claim: Claim, got: Array, share: Array, off: Array) -> Result:
    """The result where entries are off by more than their bounds: wrong, unless every
    one of them is what another formula gives that people write here.
    """
    explanations = []
    unexplained = off
    for other in claim.others():
        explained = unexplained & other.fits(got)
        if explained.any():
            explanations.append(other)
            unexplained = unexplained & ~explained
    notes = "; ".join(other.note for other in explanations)
    if unexplained.any() or not explanations:
        return replace(
            _at(blank, claim, got, np.where(unexplained, share, 0.0)),
            status=WRONG,
            note=f"elsewhere {notes}" if notes else "",
        )
    mildest_first = (PASSED, INACCURATE, CONVENTION, WRONG)
    worst = max(explanations, key=lambda other: mildest_first.index(other.status))
    share = np.minimum(share, 1.0) if worst.status == PASSED else share
    return _unless_unjudged(
        claim,
        replace(
            _at(blank, claim, got, share),
            status=worst.status,
            note=notes,
            deviation=worst.deviation,
            factors=worst.factors,
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
    """Before a first step, every vector of the state is filled with the value that the
    rule starts from, rounded once into the dtype.
    """
    spec, rule = record.spec, RULE_ENTRIES[record.spec.optimizer]()
    sizes = [getattr(record.before, name)[layer - 1].size for name, layer in spec.parts]
    for name, vector in record.before.state.items() if spec.step == 1 else ():
        note = ""
        cuts = np.split(vector, np.cumsum(sizes)[:-1])
        for part, values in zip(spec.parts, cuts, strict=True):
            settings = spec.settings_of(*part)
            start = rule.start(settings)
            if name in rule.keeps(settings) and (values != values.dtype.type(start)).any():
                note = f"other values than {start:g}, from which {spec.optimizer} starts"
        yield _wired(None, f"{name} before", note)


def _wiring(record: StepRecord, previous: StepRecord) -> Iterator[Result]:
    """The step is the next one of the same run, and starts from the weights and the
    state that the last one wrote, to the bit.
    """
    yield from _same_run(record, previous)
    due = previous.spec.step + 1
    note = "" if record.spec.step == due else f"{record.spec.step}, expected {due}"
    yield _wired(None, "step number", note)
    if previous.after is None:
        yield _unseen(None, "start")
        return
    for name in ("W", "b"):
        pairs = zip_longest(getattr(record.before, name), getattr(previous.after, name))
        for i, (now, then) in enumerate(pairs, start=1):
            if name == "b" and not record.spec.has_bias(i):
                continue
            yield _same(i, f"{name} before", now, then)
    now_state, then_state = record.before.state, previous.after.state
    for name in now_state | then_state:
        yield _same(None, f"{name} before", now_state.get(name), then_state.get(name))


def _same_run(record: StepRecord, previous: StepRecord) -> Iterator[Result]:
    """A broken result for every setting that has changed; lr may."""
    names = (
        *("sizes", "activations", "biases", "dropout", "loss", "loss_settings"),
        *("penalty", "clip", "optimizer", "dtype"),
    )
    for name in names:
        mine, other = compared(record.spec, name), compared(previous.spec, name)
        if mine != other:
            yield _wired(None, name, f"{mine}, expected {other} as in the step before")
    pairs = [
        (record.spec.settings_of(*part), previous.spec.settings_of(*part))
        for part in record.spec.parts
    ]
    for name in record.spec.hyperparameters:
        if name != "lr" and any(now[name] != before.get(name) for now, before in pairs):
            note = "another value than in the step before; only lr may change"
            yield _wired(None, name, note)


def _same(layer: int | None, quantity: str, now: Array | None, then: Array | None) -> Result:
    if then is None:
        return _unseen(layer, quantity)
    if now is None:
        return _wired(layer, quantity, "nothing, expected what the step before wrote")
    # bytes, so that -0.0 is not 0.0 and a NaN equals itself
    if now.shape == then.shape and now.dtype == then.dtype and now.tobytes() == then.tobytes():
        return _wired(layer, quantity)
    return _wired(layer, quantity, "other values than the step before wrote")


def _wired(layer: int | None, quantity: str, fault: str = "") -> Result:
    """A result about the wiring: wrong where there is a fault."""
    if not fault:
        return Result(WIRING, layer, quantity, "", 0.0)
    return Result(WIRING, layer, quantity, "", np.inf, status=WRONG, note=fault)


def _unseen(layer: int | None, quantity: str) -> Result:
    note = "the step before does not show what it wrote"
    return Result(WIRING, layer, quantity, "", 0.0, status=NOT_SHOWN, note=note)
