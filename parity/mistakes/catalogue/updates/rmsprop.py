"""Mistakes that RMSprop alone can have."""

from typing import Any

from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import averaged, kept_on, new_averages, quotients, uses, vectors
from parity.mistakes.slots import Numbers, Part
from parity.proof.formulas import ONE

RMSPROP = Catalogue()
CENTERED = uses("rmsprop", centered=True)


@vectors(
    RMSPROP,
    id="rmsprop-undamped-average",
    formula="v = alpha v + g^2",
    happens="RMSprop's average adds the whole new square, without the factor 1 - alpha.",
    why="The weights of an average must add up to 1: this sum grows 1/(1 - alpha) times as large, "
    "and the steps shrink by the root of that.",
    keys=("square_avg",),
    where=uses("rmsprop"),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return averaged(s, key, part, s.decayed(part) * s.decayed(part), share=1.0)


@vectors(
    RMSPROP,
    id="rmsprop-decay-swapped",
    formula="v = (1 - alpha) v + alpha g^2",
    happens="RMSprop's averages take the share alpha of the new value and keep the share 1 - "
    "alpha.",
    why="With alpha near 1 they forget nearly everything in each step, and the step is hardly "
    "more than the sign of the gradient.",
    keys=("square_avg", "grad_avg"),
    where=uses("rmsprop"),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(s, key, part, alpha=ONE - s.h(part)["alpha"])


@quotients(
    RMSPROP,
    id="rmsprop-not-centered",
    formula="theta = theta - lr g / (sqrt(v) + eps), not centered",
    happens="RMSprop divides by the root of the mean square, although the centered form is "
    "switched on.",
    why="Centered, the square of the mean gradient is subtracted first, which leaves the variance.",
    where=CENTERED,
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    return {"centered": False}


@quotients(
    RMSPROP,
    id="rmsprop-mean-not-squared",
    formula="theta = theta - lr g / (sqrt(v - mean) + eps)",
    happens="The mean gradient itself is subtracted from the mean square, not its square.",
    why="A variance is the mean of the squares less the square of the mean, and this difference "
    "can even be negative.",
    where=CENTERED,
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    new = new_averages(s, part)
    return {"centered": False, "new": {**new, "square_avg": new["square_avg"] - new["grad_avg"]}}
