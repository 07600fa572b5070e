"""The case with the fewest numbers in which a finding shows, worked out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice

import numpy as np

from parity.mistakes.diagnosis.example.by_hand import Index, by_hand
from parity.mistakes.diagnosis.example.cases import STATE, Case, cases_of, shape, states
from parity.mistakes.diagnosis.example.example import Example
from parity.mistakes.diagnosis.example.matrices import Matrix, matrix_of
from parity.mistakes.mistake import CONVENTION
from parity.mistakes.search.judging import as_shown, lifted, off_entries
from parity.mistakes.search.replay import Run, steps
from parity.mistakes.search.search import Search, Unknown
from parity.mistakes.search.suspects import Program, Suspect, placed
from parity.mistakes.slots import Numbers, Part, Quantity
from parity.rounding.bounded import Bounded
from parity.rounding.plain import Plain
from refnet.checks import Array
from refnet.equations import EQUATIONS


def example_of(
    search: Search, suspect: Suspect, label: str, tasks: Sequence[str] = ()
) -> Example | None:
    """The case that shows a mistake that explains a program: an array of the equation
    with this label, or else the first that is off without it, or the state of the rule;
    None where no numbers show it.
    """
    off = search.trials.off(tuple(each for each in search.program if each != suspect))
    right = _right(search)
    runs = search.trials.runs

    def cases(names: Callable[[Run], Sequence[str]]) -> Iterator[Case]:
        for i in off:
            layers = sorted(suspect.placed(runs[i]).layers)
            yield from cases_of(runs[i], _name(tasks, i), names(runs[i]), layers)

    written = [name for name in EQUATIONS[label].writes if name != "state"]
    first = (
        Case(runs[i], _name(tasks, i), each.step, each.where)
        for i, each in off.items()
        if each.quantity
    )
    sources = (cases(lambda run: written), first, cases(states))
    examples = (smallest(source, search.program, right) for source in sources)
    return next((example for example in examples if example), None)


def example_of_unknown(
    search: Search, unknown: Unknown, runs: Sequence[Run], tasks: Sequence[str] = ()
) -> Example | None:
    """The case that shows an array that nothing explains, as it is shown in the `runs`
    of the program.
    """
    station, first = unknown.station, unknown.numbers[0]
    at_first = Case(unknown.run, _name(tasks, first), station.step, station.where)
    if search.presented or not station.quantity:  # the runs are not as they were shown
        return smallest([at_first], search.program, _right(search))
    cases = (
        case
        for i in unknown.numbers
        for case in cases_of(
            runs[i],
            _name(tasks, i),
            [station.quantity],
            range(1, len(runs[i].spec.sizes)),
        )
        if case.quantity in runs[i].steps[case.step].arrays
    )
    return smallest(cases, search.program, _right(search))


def _right(search: Search) -> Program:
    """The conventions that the program follows, declared or not, and no mistake."""
    return tuple(
        each
        for each in search.program
        if each in search.right or each.mistake.verdict == CONVENTION
    )


def _name(tasks: Sequence[str], number: int) -> str:
    return tasks[number] if number < len(tasks) else ""


def smallest(cases: Iterable[Case], program: Program, right: Program) -> Example | None:
    """Of the cases in which what the program has is not what the `right` one makes of
    the same inputs, the one with the fewest numbers; where the first digits of both
    differ, if there is such a case.
    """
    whole: dict[int, Passed] = {}
    slight = None
    for case in sorted(cases, key=lambda each: each.size):
        passed = whole.setdefault(id(case.run), Passed(case.run, program))
        example = Worked(case, passed, right).example
        if example is not None and example.is_visible:
            return example
        slight = slight or example
    return slight


class Passed:
    """A run with what the program has computed where it is not shown."""

    def __init__(self, run: Run, program: Program) -> None:
        self.run = run
        self.steps = [*steps(run, placed(run, program), _plain, known=self._shown)]

    def _shown(self, number: int, quantity: Quantity) -> Plain | None:
        array = self.run.steps[number].arrays.get(quantity)
        if array is None or array.shape != shape(self.run, number, quantity):
            return None
        return _plain(array) if np.isfinite(array).all() else None


def _plain(array: Array) -> Plain:
    return Plain(np.asarray(array, float))


class Worked:
    """A case beside what the right formula makes of the inputs that the program has."""

    def __init__(self, case: Case, passed: Passed, right: Program) -> None:
        self.case, self.passed, self.program = case, passed, right
        self.step = passed.steps[case.step]
        self.lift = lifted(case.run.spec.dtype)

    @property
    def example(self) -> Example | None:
        """The example; None where nothing differs, or it cannot be worked out."""
        try:
            with np.errstate(all="ignore"):
                return self._example() if self._differs else None
        except (ValueError, IndexError):  # a wrong form that does not fit these shapes
            return None

    @cached_property
    def _yours(self) -> Array:
        shown = self.case.run.steps[self.case.step].arrays.get(self.case.quantity)
        return self.step.make(self.case.quantity).value if shown is None else shown

    @cached_property
    def _right(self) -> Bounded:
        def known(number: int, quantity: Quantity) -> Numbers | None:
            written = quantity == self.case.quantity or (
                self.case.label == "step" and (quantity[0] in ("W", "b") or STATE in quantity[0])
            )
            if number == self.case.step and written:
                return None
            return as_shown(quantity, self.passed.steps[number].make(quantity).value, self.lift)

        run = self.case.run
        programs = steps(run, placed(run, self.program), self.lift, known=known)
        right: Bounded = next(islice(programs, self.case.step, None)).make(self.case.quantity)
        return right

    @cached_property
    def _off(self) -> Array | None:
        """Which entries differ; None where the shapes do."""
        if self._yours.shape != self._right.shape:
            return None
        return off_entries(self._yours, self._right, self.case.quantity)

    @property
    def _differs(self) -> bool:
        return bool(np.isfinite(self._right.value).all()) and (
            self._off is None or bool(self._off.any())
        )

    def _example(self) -> Example:
        case, (name, layer) = self.case, self.case.quantity
        symbol = "C" if name == "loss" else _symbol(name, layer)
        symbol = f"new {symbol}" if case.label == "step" else symbol
        off, entry = self._off, self._entry()
        right = np.asarray(self._right.value, float)
        ratio, difference = self._relation()
        return Example(
            case.task,
            case.step + 1,
            layer,
            case.label,
            _setting(case),
            tuple(self._inputs()),
            matrix_of(symbol, self._yours),
            matrix_of(symbol, right),
            case.quantity in case.run.steps[case.step].arrays,
            () if off is None else tuple(tuple(map(bool, row)) for row in np.atleast_2d(off)),
            case.label == "step",
            ratio,
            difference,
            entry,
            self._by_hand(entry),
        )

    def _by_hand(self, entry: Index) -> tuple[str, ...]:
        """The entry by hand, where that is what is right: a convention that the program
        follows may be in the way.
        """
        lines = by_hand(self.step, self.case.quantity, entry)
        if not lines:
            return ()
        array = np.array(self._right.value)
        array[entry] = lines[-1].value
        differs = off_entries(array, self._right, self.case.quantity).any()
        return () if differs else tuple(line.text for line in lines)

    def _inputs(self) -> Iterator[Matrix]:
        s, (name, _) = self.step, self.case.quantity
        for read, layer in self.case.reads:
            if read == "y":
                yield matrix_of("y", self.case.run.steps[self.case.step].y)
            elif read in ("W", "b"):
                yield matrix_of(_symbol(read, layer), s.start(Part(read, layer)).value)
            elif read == "a" and layer == 0:
                yield matrix_of("x", s.x.value)
            else:
                yield matrix_of(_symbol(read, layer), s.make((read, layer)).value)
        if self.case.label == "step":
            yield from self._state(Part(name.rpartition(STATE)[2], self.case.quantity[1]))

    def _state(self, part: Part) -> Iterator[Matrix]:
        """The vectors of the rule's state before the step."""
        for key in self.step.keeps(part):
            old = self.step.old(key, part)
            if old is not None:
                yield matrix_of(f"{key} of {_symbol(*part)}", old.value)

    def _entry(self) -> Index:
        """The entry that is furthest off; of two shapes, the first of the right one."""
        right = self._right.value
        if self._off is None or not right.ndim:
            return (0,) * right.ndim
        gaps = np.where(self._off, np.abs(self._yours - right), -1.0)
        gaps = np.where(np.isnan(gaps), np.inf, gaps)
        return tuple(int(i) for i in np.unravel_index(int(gaps.argmax()), gaps.shape))

    def _relation(self) -> tuple[float | None, float | None]:
        """yours / right, or yours - right, where one number fits all entries; of
        weights, of what the step adds.
        """
        got, right, quantity = self._yours, self._right, self.case.quantity
        if self._off is None or not np.isfinite(got).all():
            return None, None
        base: Bounded | float = 0.0
        if self.case.label == "step" and STATE not in quantity[0]:
            base = self.lift(self.step.start(Part(*quantity)).value)
        added, yours = right - base, self.lift(got) - base
        largest = np.unravel_index(int(np.abs(added.value).argmax()), got.shape)
        if added.value[largest]:
            ratio = yours[largest] / added[largest]
            if not off_entries(got, base + added * ratio, quantity).any():
                return float(ratio.value), None
        difference = yours[largest] - added[largest]
        if got.size > 1 and not off_entries(got, right + difference, quantity).any():
            return None, float(difference.value)
        return None, None


def _symbol(name: str, layer: int) -> str:
    key, of, part = name.rpartition(STATE)
    return f"{key}{of}{part}^{layer}"


def _setting(case: Case) -> str:
    """What the numbers depend on besides."""
    spec, rows = case.run.steps[case.step].spec, len(case.run.steps[case.step].x)
    counted = f"{rows} row{'s' if rows > 1 else ''}"
    words = [f"a {'-'.join(map(str, spec.sizes))} network", counted]
    name, parameters = spec.activations[case.quantity[1] - 1]
    if case.label in ("a", "BP1", "BP2"):
        words.append(", ".join([name, *(f"{key} = {v:g}" for key, v in parameters.items())]))
    if case.label in ("C", "BP1"):
        words.append(spec.loss)
    if case.label == "step":
        settings = (
            f"{key} = {value:g}" if isinstance(value, float) else f"{key} = {value}"
            for key, value in spec.settings_of(case.quantity[0][-1], case.quantity[1]).items()
            if value
        )
        words += [spec.optimizer, *settings]
    return ", ".join(words)
