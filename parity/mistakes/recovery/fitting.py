"""Which formulas give an array that is off: candidates on plain numbers, beside what is
shown.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from parity.mistakes.conditions import anywhere, is_fused
from parity.mistakes.mistake import Mistake
from parity.mistakes.program import StepProgram
from parity.mistakes.recovery.evaluation import evaluate
from parity.mistakes.recovery.expression import Expression, as_expression, node, replaced
from parity.mistakes.recovery.formula import Formula, Reading
from parity.mistakes.recovery.parts import UPDATE
from parity.mistakes.recovery.right import Key, key_of
from parity.mistakes.recovery.scalars import Atoms, atoms
from parity.mistakes.rules import STATE
from parity.mistakes.search.judging import Station, as_shown
from parity.mistakes.search.replay import Placed, Run, run_of, showing, simulate, steps
from parity.mistakes.search.suspects import WALK
from parity.mistakes.search.trials import Effort
from parity.mistakes.slots import Numbers, Part, Quantity, is_decoupled
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
# formulas that take as long as one for which the steps are run again, where all that is
# made on the way is shown; and arrays that are not, which take as long as one formula
REPLAYED = 5
HIDDEN = 4
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
        change = np.abs(self.got - self.before)
        return float(change[self._known_entries].max(initial=0.0))

    @cached_property
    def _known_entries(self) -> Array:
        """Which entries are numbers."""
        return np.isfinite(self.got)

    @cached_property
    def tolerance(self) -> float:
        """What a formula that fits leaves at most."""
        eps = float(np.finfo(self.run.spec.dtype).eps)
        largest = float(np.abs(self.got[self._known_entries]).max(initial=0.0))
        return max(self._fit * self.size, 64 * eps * largest)

    @property
    def _fit(self) -> float:
        return FITS if self.run.spec.dtype == "float64" else 1e-3

    @cached_property
    def missing(self) -> float:
        """What the right formula leaves."""
        return self.leaves(self.right)

    def atoms(self, slot: str) -> Atoms:
        """The numbers that its program has at hand in a slot."""
        return atoms(self._base, self.off.layer, of_update=slot in UPDATE)

    @cached_property
    def replayed(self) -> int:
        """Formulas that take as long as one for which the steps are run again."""
        on_the_way = [each for each in self._base.walk() if each[0] in WALK]
        ran = self.run.steps[: self.off.step + 1]
        hidden = sum(each not in step.arrays for step in ran for each in on_the_way)
        return REPLAYED + hidden // HIDDEN

    def inputs(self, slot: str) -> tuple[str, ...]:
        """The new vectors of the state that one of them is made of."""
        return self._base.rule.inputs(slot, self._base.h()) if slot in self._base.keeps() else ()

    @property
    def spec(self) -> Spec:
        """What its step was asked to do."""
        return self.run.steps[self.off.step].spec

    def leaves(self, array: Array | None) -> float:
        """How far an array is from the one that is shown; inf where it is none, or its
        entries are no numbers in other places.
        """
        known = self._known_entries
        if array is None or array.shape != self.got.shape or (np.isfinite(array) != known).any():
            return np.inf
        return float(np.abs(self.got[known] - array[known]).max(initial=0.0))

    def fits(self, array: Array | None) -> bool:
        """Whether a formula gives the array that is shown."""
        left = self.leaves(array)
        self.tried += 1
        if left <= self.tolerance and left <= self.missing / CHANGED:
            return True
        self.nearest = min(self.nearest, left)
        return False

    def gives(self, place: Place, tree: Expression) -> bool:
        """Whether the array comes of this formula in a place. One with entries that are
        no numbers does, where the formula is the right one as long as all are small.
        """
        if not self.fits(self.array(place, tree)):
            return False
        tame = self._tame
        return tame is None or tame.leaves(tame.array(place, tree)) <= tame.tolerance

    @np.errstate(all="ignore")
    def comes_of(self, formula: Formula) -> bool:
        """Whether it is the array of a program with a formula, wherever that can
        stand.
        """
        if not self.effort.takes(self.replayed):
            return False
        try:
            if not self.fits(self.beside(formula).right):
                return False
            tame = self._tame
            return tame is None or tame.leaves(tame.beside(formula).right) <= tame.tolerance
        except KeyError:
            return False

    def beside(self, formula: Formula) -> "Target":
        """The same array, and a program with this formula too."""
        placed = Placed(formula.mistake, self.run.layers(formula.mistake))
        other = Target(self.run, [*self.others, placed], self.off, self.effort)
        other._tame = self._tame and self._tame.beside(formula)
        return other

    @cached_property
    def _tame(self) -> "Target | None":
        """What the program makes of it so far from small numbers, where entries are no
        numbers.
        """
        if self._known_entries.all():
            return None
        small = replace(
            self.run,
            W=tuple(map(_small, self.run.W)),
            b=tuple(map(_small, self.run.b)),
            steps=tuple(replace(step, x=_small(step.x)) for step in self.run.steps),
        )
        shown = {name for step in self.run.steps for name, _ in step.arrays}
        tamed = run_of(simulate(small, self.others))
        return Target(showing(tamed, *shown), self.others, self.off, self.effort)

    @np.errstate(all="ignore")
    def array(self, place: Place, tree: Expression) -> Array | None:
        """What the array is with this formula in a place; None where it does not fit
        the shapes.
        """
        fork = self._fork(place.slot)
        if not self.effort.takes(1 if fork else self.replayed):
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
        return self._made([*self.others, Placed(wrong, place.layers)])

    def _made(self, placed: Sequence[Placed]) -> Array:
        """The array of a program with these mistakes, run from the start."""
        step = next(islice(steps(self.run, placed, _plain, known=self._known), self.off.step, None))
        return np.asarray(step.make(self.off.where).value)

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
        if slot in ("pullback", "cotangent") and is_fused(self.spec, l):
            return None  # its f' has cancelled
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
        if slot in STATE and slot not in s.keeps(part):
            return None
        if slot == "decay" and is_decoupled(s.spec):
            return None  # its rule asks for it only where it is another

        def go_on(result: Numbers) -> Numbers:
            if slot == "step":
                return result
            branch = s.branched(slot, part, result, lambda quantity: quantity[0] in WALK)
            return branch.make(self.off.where)

        return Fork(Reading(s, slot, part, None, partial(s.run, slot, part)), go_on)


def _small(array: Array) -> Array:
    """The same array with a largest entry of 1."""
    return array / max(float(np.abs(array).max(initial=0.0)), 1.0)


def _plain(array: Array) -> Plain:
    return Plain(np.asarray(array, float))
