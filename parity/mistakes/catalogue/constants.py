"""Mistakes with a number in them that only the program knows: a factor, a learning
rate, the strength of a penalty. A search reads it off the numbers.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias

from parity.mistakes.catalogue.factors import SCALED
from parity.mistakes.conditions import (
    Place,
    anywhere,
    both,
    some_biases,
)
from parity.mistakes.mistake import WRONG, Mistake, Wrong, layers_with
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import MOMENTUM_RULES, updated, uses
from parity.mistakes.slots import Numbers, Part

Right: TypeAlias = Callable[[], Numbers]
Slots: TypeAlias = Callable[[float], Mapping[str, Wrong]]


@dataclass(frozen=True, eq=False)
class Family:
    """An entry of the catalogue for each number c; {c} stands for it in the words.

    `near` are two numbers around which it is looked for, `limits` those between which
    it makes sense.
    """

    id: str
    equation: str
    formula: str
    happens: str
    why: str
    slots: Slots = field(repr=False)
    where: Place = field(default=anywhere, repr=False)
    verdict: str = WRONG
    near: tuple[float, float] = (0.0, 1.0)
    limits: tuple[float, float] = (-math.inf, math.inf)
    acts_last: bool = False

    def at(self, c: float) -> Mistake:
        """The entry for one number, the same object each time."""
        return _at(self, c)


@cache
def _at(family: Family, c: float) -> Mistake:
    def filled(text: str) -> str:
        # where six digits read 1, those that differ are what matters
        number = f"{c:.6g}" if f"{c:.6g}" != "1" else repr(c)
        added = f"- {number[1:]}" if c < 0 else f"+ {number}"
        return text.replace("+ {c}", added).replace("{c}", number)

    slots = family.slots(c)
    return Mistake(
        filled(family.id),
        family.equation,
        filled(family.formula),
        filled(family.happens),
        filled(family.why),
        slots,
        both(layers_with(slots), family.where),
        verdict=family.verdict,
        acts_last=family.acts_last,
        constant=c,
    )


def _scaled(slot: str, quantity: str) -> Family:
    def slots(c: float) -> Mapping[str, Wrong]:
        return {slot: lambda s, l, right: right() * c}

    every = quantity if slot == "C" else f"Every entry of {quantity}"
    return Family(
        id=f"factor {{c}} in {quantity}",
        equation=slot,
        formula=f"{quantity} = {{c}} times the right one",
        happens=f"{every} is {{c}} times what it should be, whatever the numbers of samples and "
        "outputs.",
        why="All is right but for this: look for a constant factor.",
        slots=slots,
    )


def _step_times(names: tuple[str, ...], theta: str) -> Family:
    """The whole step of these parts, multiplied by a number."""

    def slots(c: float) -> Mapping[str, Wrong]:
        def step(s: StepProgram, part: Part, right: Right) -> Numbers:
            start = s.start(part)
            return start + (right() - start) * c if part.name in names else right()

        return {"step": step}

    return Family(
        id=f"step of {theta} times {{c}}",
        equation="step",
        formula=f"the step of {theta} = {{c}} times the right one",
        happens=f"Every step of {theta} is {{c}} times what it should be.",
        why="All is right but for this: look for a factor in the update; a negative one is a wrong "
        "sign, which goes uphill.",
        slots=slots,
        where=some_biases if "b" in names else anywhere,
    )


def _lr(c: float) -> Mapping[str, Wrong]:
    return {"step": lambda s, part, right: updated(s, part, lr=c)}


def added(names: tuple[str, ...]) -> Slots:
    """c theta added to the gradients of these parts."""

    def gradient(c: float, name: str) -> Wrong:
        def with_theta(s: StepProgram, l: int, right: Right) -> Numbers:
            part = Part(name, l)
            return right() + s.start(part) * (c / s.taken(part))

        return with_theta

    slots = {"W": "BP4", "b": "BP3"}
    return lambda c: {slots[name]: gradient(c, name) for name in names}


def decay(names: tuple[str, ...]) -> Slots:
    """c theta added to what the update rule is given."""

    def decayed(c: float, s: StepProgram, part: Part, right: Right) -> Numbers:
        return right() + s.start(part) * c if part.name in names else right()

    return lambda c: {"decayed": lambda s, part, right: decayed(c, s, part, right)}


def _setting(name: str) -> Slots:
    return lambda c: {"settings": lambda s, right: {**right(), name: c}}


FAMILIES = (
    *(_scaled(slot, quantity) for slot, quantity in SCALED.items()),
    _step_times(("W", "b"), "theta"),
    _step_times(("W",), "W"),
    _step_times(("b",), "b"),
    Family(
        id="lr is {c}",
        equation="step",
        formula="lr is {c} whatever the task says",
        happens="The steps are those of a learning rate of {c}, not of the one that is given.",
        why="Each step has a learning rate of its own, the third of (x, y, lr).",
        slots=_lr,
    ),
    Family(
        id="momentum is {c}",
        equation="step",
        formula="momentum is {c} whatever the task says",
        happens="The steps are those of a momentum of {c}, not of the one that is given.",
        why="The settings of a task say which momentum it has, and it is 0 where they say nothing.",
        slots=_setting("momentum"),
        where=uses(*MOMENTUM_RULES),
        limits=(0.0, 1.0),
    ),
    Family(
        id="weight_decay is {c}",
        equation="step",
        formula="weight_decay is {c} whatever the task says",
        happens="The steps are those of a weight decay of {c}, not of the one that is given.",
        why="The settings of a task say which weight decay it has.",
        slots=_setting("weight_decay"),
        where=uses(weight_decay=True),
    ),
    Family(
        id="decay times {c}",
        equation="step",
        formula="g = g + {c} weight_decay theta",
        happens="The weight decay is {c} times what it should be.",
        why="It is weight_decay theta, the gradient of weight_decay theta^2 / 2: look for a factor "
        "or a sign.",
        slots=lambda c: {"decay": lambda s, part, right: right() * c},
        where=uses(weight_decay=True),
    ),
    Family(
        id="penalty of {c} W in dW",
        equation="BP4",
        formula="dW = delta^T a_prev + {c} W",
        happens="The gradient of W has a penalty of {c} W in it, a weight decay that was not asked "
        "for.",
        why="It is the gradient of a penalty of {c}/2 sum of W^2, which the declared loss does not "
        "have.",
        slots=added(("W",)),
    ),
    Family(
        id="penalty of {c} theta in the gradients",
        equation="BP4",
        formula="dW = delta^T a_prev + {c} W, db = (sum of delta) + {c} b",
        happens="The gradients have a penalty of {c} theta in them, a weight decay that was not "
        "asked for.",
        why="It is the gradient of a penalty of {c}/2 sum of theta^2, which the declared loss does "
        "not have.",
        slots=added(("W", "b")),
        where=some_biases,
    ),
    Family(
        id="decay of {c} W in the update",
        equation="step",
        formula="W = W - lr (dW + {c} W)",
        happens="The update has a weight decay of {c} that was not asked for.",
        why="The settings of a task say which weight decay it has, and it is 0 where they say "
        "nothing.",
        slots=decay(("W",)),
        where=uses(weight_decay=False),
    ),
    Family(
        id="decay of {c} theta in the update",
        equation="step",
        formula="theta = theta - lr (g + {c} theta)",
        happens="The update has a weight decay of {c} that was not asked for.",
        why="The settings of a task say which weight decay it has, and it is 0 where they say "
        "nothing.",
        slots=decay(("W", "b")),
        where=both(uses(weight_decay=False), some_biases),
    ),
)
