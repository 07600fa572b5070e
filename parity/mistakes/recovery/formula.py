"""A formula that a program may have in the place of the right one, as a mistake that
can be judged beside those of the catalogue.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np

from parity.mistakes.conditions import is_fused, trained_with
from parity.mistakes.mistake import Mistake, Wrong
from parity.mistakes.program import StepProgram
from parity.mistakes.recovery.evaluation import Memo, array, evaluate
from parity.mistakes.recovery.expression import (
    Expression,
    count,
    replaced,
)
from parity.mistakes.recovery.parts import LAYERS, UPDATE, read
from parity.mistakes.recovery.right import (
    A_PREV,
    CHANGE,
    OF_EVERY,
    WHOLE,
    Key,
    key_of,
    trees,
)
from parity.mistakes.rules import STATE
from parity.mistakes.slots import Numbers, Part
from parity.proof import formulas
from parity.steps.record import Spec

# the slots that formulas are recovered for, and the equation of each
LABELS = {"z": "z", "a": "a", "C": "C", "cotangent": "BP1", "pullback": "BP1", "BP1": "BP1"}
LABELS |= {"BP2": "BP2", "BP3": "BP3", "BP4": "BP4", **dict.fromkeys(UPDATE, "step")}


@dataclass(frozen=True, eq=False)
class Recovered(Mistake):
    """A mistake that no catalogue has: it is what its formula says."""

    of: "Formula | None" = None


@dataclass(frozen=True)
class Formula:
    """One of the forms of a slot's right formula, with edits: a subtree and what stands
    in its place.

    `key` is the activation, the loss or the rule that it is of, or begins so; None for
    all of which the formulas have these subtrees. `part` is W or b, where it is of one
    of them alone. `cost` says how far it is from the right one. Those `beside` it stand
    with it in other slots, for the same key and part.
    """

    slot: str
    form: int  # of `trees`; -1 for what the slot makes, whatever it is
    edits: tuple[tuple[Expression, Expression], ...]
    cost: int
    key: Key | None = None
    part: str = ""
    constant: float | None = None
    beside: tuple["Formula", ...] = ()

    @property
    def all(self) -> tuple["Formula", ...]:
        """It and those beside it, each as if it were alone."""
        # each of a key of its own, as far as this one goes
        others = (
            replace(each, key=self.key and each.key and each.key[: len(self.key)], part=self.part)
            for each in self.beside
        )
        return (replace(self, beside=()), *others)

    @cached_property
    def mistake(self) -> Mistake:
        """The mistake of a program with this formula."""
        return _mistake(self)

    def tree(self, key: Key) -> Expression | None:
        """The formula of an activation, a loss or a rule; None where it is of
        others.
        """
        return _tree(self, key)


@lru_cache(maxsize=4096)
def _tree(formula: Formula, key: Key) -> Expression | None:
    """The tree of a formula for this key."""
    if formula.key is not None and key[: len(formula.key)] != formula.key:
        return None
    tree = form(formula.slot, formula.form, key)
    for old, new in formula.edits:
        if tree is None or not count(tree, old):
            return None
        tree = replaced(tree, old, new)
    return tree


def form(slot: str, number: int, key: Key) -> Expression | None:
    """One form of the right formula, None where a network has none of this number."""
    if number < 0:
        return OF_EVERY[slot]
    forms = trees(slot, key)
    return forms[number] if number < len(forms) else None


class Reading:
    """What the leaves of a slot's formula are in one place of a step."""

    def __init__(
        self,
        s: StepProgram,
        slot: str,
        where: int | Part,
        given: Numbers | None,
        right: Callable[[], Numbers],
    ) -> None:
        self.s, self.slot, self.where, self.given, self.right = s, slot, where, given, right
        self.memo: Memo = {}

    def of(self, tree: Expression) -> Numbers:
        """What a formula gives here; one number stands for every entry.

        Errors: ValueError or IndexError where the shapes do not fit.
        """
        result, shape = evaluate(tree, self, self.memo), _shape(self)
        if not hasattr(result, "value"):
            result = self.s.x.lift(np.asarray(float(result)))
        if result.shape != shape and result.value.size == 1:
            result = result.reshape() + np.zeros(shape)
        if result.shape != shape:
            raise ValueError(f"formula: an array has shape {result.shape}, expected {shape}")
        return result

    def __call__(self, tree: Expression) -> Any:
        """A leaf, or what depends on the network."""
        if tree.op == "name":
            if tree is WHOLE:
                return self.right()
            if tree is CHANGE and isinstance(self.where, Part):
                return self.s.start(self.where) - self.right()
            if tree is A_PREV and self.slot in ("z", "BP4"):
                return self.s.a_prev(_layer(self.where))
            return read(tree, self.s, self.where, self.given)
        return _BY_NETWORK[tree.op](self, tree)

    def f(self, whose: str) -> tuple[str, Any]:
        """The activation of a layer."""
        l = LAYERS[whose](self.s, _layer(self.where))
        if not 1 <= l <= self.s.L:
            raise IndexError(f"formula: there is no layer {l}")
        return self.s.f(l)


def _activation(r: Reading, tree: Expression) -> Numbers:
    f, parameters = r.f(*tree.detail)
    return formulas.activate(f, parameters, array(evaluate(tree.parts[0], r, r.memo)))


def _pulled(r: Reading, tree: Expression) -> Numbers:
    f, parameters = r.f(tree.detail[0])
    g, z = (array(evaluate(part, r, r.memo)) for part in tree.parts)
    if g.shape != z.shape:
        raise ValueError("formula: f' has another shape")
    # another layer's f' may be made of this one's a
    own = tree.detail[0] == "l" or tree.detail[1:] == ("a",)
    own = own and tree.parts[1].detail == ("z", "l", "")
    a = r.s.a(_layer(r.where)) if own else formulas.activate(f, parameters, z)
    return formulas.pull_back(f, parameters, g, z, a)


def _first(r: Reading, tree: Expression) -> Numbers:
    first, later = tree.parts
    is_first = isinstance(r.where, Part) and r.s.old(r.slot, r.where) is None
    return evaluate(first if is_first else later, r, r.memo)


_BY_NETWORK = {"f": _activation, "pull": _pulled, "first": _first}


def _layer(where: int | Part) -> int:
    return where.layer if isinstance(where, Part) else where


@cache
def _mistake(formula: Formula) -> Mistake:
    return Recovered(
        id="",
        equation=LABELS[formula.slot],
        formula="",
        happens="",
        why="",
        slots={each.slot: _function(each) for each in formula.all},
        # what is beside it stands where it does
        stands=lambda spec, l: _can_stand(formula, spec, l),
        constant=formula.constant,
        edits=formula.cost,
        of=formula,
    )


def _function(formula: Formula) -> Wrong:
    slot = formula.slot

    def function(s: StepProgram, where: int | Part, *given: Any) -> Numbers:
        *others, right = given
        tree = formula.tree(key_of(slot, s.spec, _layer(where)))
        part = where.name if isinstance(where, Part) else ""
        if tree is None or (formula.part and formula.part != part):
            return right()
        reading = Reading(s, slot, where, others[0] if others else None, right)
        return made_where_it_fits(reading, tree)

    return function


def made_where_it_fits(reading: Reading, tree: Expression) -> Numbers:
    """What a formula gives; where its arrays have other shapes, or there are none, as
    of the step before the first, what is right.
    """
    try:
        return reading.of(tree)
    except (ValueError, IndexError):
        return reading.right()


def _shape(reading: Reading) -> tuple[int, ...]:
    """The shape of what a slot makes."""
    s, slot, where = reading.s, reading.slot, reading.where
    if isinstance(where, Part):
        return tuple(s.start(where).shape)
    sizes = s.spec.sizes[where - 1], s.spec.sizes[where]
    shapes = {"C": (), "BP3": sizes[1:], "BP4": sizes[::-1]}
    return shapes.get(slot, (int(s.n), sizes[1]))


def _can_stand(formula: Formula, spec: Spec, l: int) -> bool:
    last = l == len(spec.sizes) - 1
    if (formula.slot in ("C", "BP1") and not last) or (formula.slot == "BP2" and last):
        return False
    if formula.slot == "cotangent" and is_fused(spec, l):
        return False
    if formula.slot == "decay" and not trained_with(weight_decay=True)(spec, l):
        return False
    if formula.slot in STATE and not trees(formula.slot, key_of(formula.slot, spec, l)):
        return False
    return formula.tree(key_of(formula.slot, spec, l)) is not None
