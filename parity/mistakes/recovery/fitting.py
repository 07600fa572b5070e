"""Which formulas give an array that is off: candidates on plain numbers, beside what is
shown.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from parity.mistakes.conditions import anywhere
from parity.mistakes.mistake import Mistake
from parity.mistakes.program import Numbers, Part, Quantity, StepProgram
from parity.mistakes.recovery.evaluation import evaluate
from parity.mistakes.recovery.expression import Expression, as_expression, node, replaced
from parity.mistakes.recovery.formula import UPDATE, Reading
from parity.mistakes.recovery.right import Key, key_of
from parity.mistakes.recovery.scalars import Atoms, atoms
from parity.mistakes.rules import STATE
from parity.mistakes.search.judging import Station, as_shown
from parity.mistakes.search.replay import Placed, Run, steps
from parity.mistakes.search.suspects import WALK
from parity.mistakes.search.trials import Effort
from parity.rounding.plain import Plain
from parity.steps.record import Spec
from refnet.checks import Array

FREE = node("free")
# a formula fits where it leaves at most this share of the array's largest entry: far
# more than rounding, far less than chance
FITS = 1e-7
# a formula that fits leaves at most this share of what the right one leaves
CHANGED = 16
STEPS = 12
# a step of the secant method is worth it where it leaves at most this share
PROMISING = 0.7
# formulas that take as long as one for which the steps are run again
REPLAYED = 5
BACK = ("cotangent", "pullback", "BP1", "BP2")
MADE = {"z": "z", "a": "a", "C": "loss", "BP3": "db", "BP4": "dW"}


class Place(NamedTuple):
    """A slot, what its formula depends on there, and the layers in which it is
    another.
    """

    slot: str
    key: Key
    layers: frozenset[int]


class Fork(NamedTuple):
    """Where a slot's result goes: the base step, and the way to the array."""

    reading: Reading
    go_on: Callable[[Numbers], Numbers]


class Target:
    """One array that is off, and the program that makes all the others as they are
    shown, on plain numbers.
    """

    def __init__(self, run: Run, others: Sequence[Placed], off: Station, effort: Effort) -> None:
        self.run, self.others, self.off, self.effort = run, tuple(others), off, effort
        self.tried, self.nearest = 0, np.inf
        self.got = run.steps[off.step].arrays[off.where]
        self._forks: dict[str, Fork | None] = {}

    @cached_property
    def right(self) -> Array | None:
        """What the program makes of it so far."""
        with np.errstate(all="ignore"):
            try:
                return self._base.make(self.off.where).value
            except (ValueError, IndexError):
                return None

    @cached_property
    def before(self) -> Array | float:
        """What it is a change of: of W and b, what they were before the step."""
        if self.off.quantity not in ("W", "b"):
            return 0.0
        return self._base.start(Part(self.off.quantity, self.off.layer)).value

    @cached_property
    def size(self) -> float:
        """The largest entry of the array, or of its change."""
        return float(np.abs(self.got - self.before).max(initial=0.0))

    @cached_property
    def tolerance(self) -> float:
        """What a formula that fits leaves at most."""
        eps = float(np.finfo(self.run.spec.dtype).eps)
        return max(self._fit * self.size, 64 * eps * float(np.abs(self.got).max(initial=0.0)))

    @property
    def _fit(self) -> float:
        return FITS if self.run.spec.dtype == "float64" else 1e-3

    @cached_property
    def missing(self) -> float:
        """What the right formula leaves."""
        right = self.right
        if right is None or right.shape != self.got.shape:
            return np.inf
        return float(np.abs(self.got - right).max(initial=0.0))

    @cached_property
    def atoms(self) -> Atoms:
        """The numbers that its program has at hand."""
        return atoms(self._base, self.off.layer)

    def inputs(self, slot: str) -> tuple[str, ...]:
        """The new vectors of the state that one of them is made of."""
        return self._base.rule.inputs(slot, self._base.h) if slot in self._base.keeps else ()

    @property
    def spec(self) -> Spec:
        """What its step was asked to do."""
        return self.run.steps[self.off.step].spec

    def leaves(self, array: Array | None) -> float:
        """How far an array is from the one that is shown; inf where it is none."""
        if array is None or array.shape != self.got.shape:
            return np.inf
        gap = np.abs(self.got - array).max(initial=0.0)
        return float(gap) if np.isfinite(gap) else np.inf

    def fits(self, array: Array | None) -> bool:
        """Whether a formula gives the array that is shown."""
        left = self.leaves(array)
        self.tried += 1
        if left <= self.tolerance and left <= self.missing / CHANGED:
            return True
        self.nearest = min(self.nearest, left)
        return False

    @np.errstate(all="ignore")
    def array(self, place: Place, tree: Expression) -> Array | None:
        """What the array is with this formula in a place; None where it does not fit
        the shapes.
        """
        fork = self._fork(place.slot)
        if not self.effort.takes(1 if fork else REPLAYED):
            return None
        try:
            if fork is None:
                return self._replayed(place, tree)
            return fork.go_on(fork.reading.of(tree)).value
        except (ValueError, IndexError, KeyError):
            return None

    def number(self, place: Place, tree: Expression) -> float:
        """What a number of the formula is here."""
        of_update = place.slot in UPDATE
        where = Part("W", self.off.layer) if of_update else self.off.layer
        reading = Reading(self._base, place.slot, where, None, lambda: None)
        return float(evaluate(tree, reading, {}))

    def is_quick(self, slot: str) -> bool:
        """Whether the array is made of what the slot makes in its layer, with nothing
        in between that has to be run again.
        """
        return self._fork(slot) is not None

    def with_number(self, place: Place, tree: Expression, c: float) -> Array | None:
        """The same, with a number in the place of what is free."""
        fork = self._fork(place.slot)
        known = set(fork.reading.memo) if fork else set()
        array = self.array(place, replaced(tree, FREE, as_expression(c)))
        if fork:  # what depends on the number is not asked for again
            for new in set(fork.reading.memo) - known:
                del fork.reading.memo[new]
        return array

    def _replayed(self, place: Place, tree: Expression) -> Array | None:
        """The array in a run of all the steps up to it."""

        def function(s: StepProgram, where: int | Part, *given: Any) -> Numbers:
            *others, right = given
            layer = where.layer if isinstance(where, Part) else where
            if key_of(place.slot, s.spec, layer) != place.key:
                return right()
            reading = Reading(s, place.slot, where, others[0] if others else None, right)
            try:
                return reading.of(tree)
            except IndexError:  # there is no such layer, or no step before
                return right()

        wrong = Mistake("", "", "", "", "", {place.slot: function}, anywhere)
        placed = [*self.others, Placed(wrong, place.layers)]
        step = next(islice(steps(self.run, placed, _plain, known=self._known), self.off.step, None))
        return step.make(self.off.where).value

    # the base program

    @cached_property
    def _base(self) -> StepProgram:
        return next(islice(self._steps(self._known), self.off.step, None))

    def _steps(self, known: Callable[[int, Quantity], Numbers | None]) -> Iterator[StepProgram]:
        return steps(self.run, self.others, _plain, known=known)

    def _known(self, number: int, quantity: Quantity) -> Numbers | None:
        got = self.run.steps[number].arrays.get(quantity)
        if got is None or (number, quantity) == (self.off.step, self.off.where):
            return None
        return as_shown(quantity, got, _plain)

    def _fork(self, slot: str) -> Fork | None:
        if slot not in self._forks:
            self._forks[slot] = self._forked(slot)
        return self._forks[slot]

    def _forked(self, slot: str) -> Fork | None:
        s, (quantity, l) = self._base, self.off.where
        if MADE.get(slot) == quantity:
            right = partial(s.run, slot, s.L if slot == "C" else l)
            return Fork(Reading(s, slot, l, None, right), lambda result: result)
        if slot in BACK and quantity in ("delta", "db", "dW"):
            return self._back(s, slot, l)
        if slot in UPDATE and quantity in ("W", "b") and (slot == "step" or not self.off.step):
            return self._update(s, slot, Part(quantity, l))
        return None

    def _back(self, s: StepProgram, slot: str, l: int) -> Fork | None:
        last = l == s.L
        if (slot == "BP1") != last and slot in ("BP1", "BP2"):
            return None
        given = s.cotangent(l) if slot == "pullback" else None
        right = partial(s.run, slot, l, *([given] if slot == "pullback" else []))

        def stays(quantity: Quantity) -> bool:
            return quantity[0] in ("z", "a") or (quantity[0] == "delta" and quantity[1] > l)

        def go_on(result: Numbers) -> Numbers:
            delta = s.pullback(l, result) if slot == "cotangent" else result
            if self.off.quantity == "delta":
                return delta
            branch = s.branched("BP1" if last else "BP2", l, delta, stays)
            return branch.make(self.off.where)

        return Fork(Reading(s, slot, l, given, right), go_on)

    def _update(self, s: StepProgram, slot: str, part: Part) -> Fork | None:
        """What stays is the part of the step before the update."""
        if slot in STATE and slot not in s.keeps:
            return None

        def go_on(result: Numbers) -> Numbers:
            if slot == "step":
                return result
            branch = s.branched(slot, part, result, lambda quantity: quantity[0] in WALK)
            return branch.make(self.off.where)

        return Fork(Reading(s, slot, part, None, partial(s.run, slot, part)), go_on)


def _plain(array: Array) -> Plain:
    return Plain(np.asarray(array, float))


# a number that only the program knows


@np.errstate(all="ignore")
def solved(
    target: Target, place: Place, tree: Expression, near: tuple[float, float]
) -> float | None:
    """The number in the place of what is free with which the formula fits; None where
    none does.
    """
    before, c = near
    old, new = target.with_number(place, tree, before), target.with_number(place, tree, c)
    if old is None or new is None or new.shape != target.got.shape or old.shape != new.shape:
        return None
    for _ in range(STEPS):
        slope = (new - old) / (c - before)
        size = float((slope * slope).sum())
        change = float((slope * (target.got - new)).sum()) / size if size else np.nan
        if not np.isfinite(change):
            return None
        left, now = np.abs(target.got - new - slope * change).max(initial=0.0), target.leaves(new)
        if not left <= PROMISING * now:
            break
        nearer = target.with_number(place, tree, c + change)
        if nearer is None or not target.leaves(nearer) < now:
            break
        before, old, c, new = c, new, c + change, nearer
    return c if target.fits(new) else None
