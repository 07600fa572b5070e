"""Mistakes in the quotient that the adaptive rules step by: squares, root and eps."""

from functools import partial
from typing import Any

from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import (
    ADAM_RULES,
    ADAPTIVE_RULES,
    averaged,
    new_averages,
    quotients,
    uses,
    vectors,
)
from parity.mistakes.slots import Numbers, Part
from parity.proof import formulas

QUOTIENTS = Catalogue()
ANY = uses(*ADAPTIVE_RULES)
SQUARES = ("sum", "square_avg", "exp_avg_sq", "max_exp_avg_sq")
quotient = partial(quotients, QUOTIENTS, where=ANY)


@quotient(
    id="eps-inside-the-root",
    formula="theta = theta - lr ... / sqrt(v + eps)",
    happens="The small eps is added to v under the root, as in Keras's RMSprop and in some "
    "textbooks.",
    why="PyTorch adds it after the root is taken, where the same number has far less effect.",
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    return {"divide": lambda v, eps: formulas.root(v + eps)}


@quotient(
    id="adam-epsilon-hat",
    formula="theta = theta - lr m / (1 - beta1^t) sqrt(1 - beta2^t) / (sqrt(v) + eps)",
    happens="The small eps is added to the root of v before v is corrected, the paper's epsilon "
    "hat, as in Keras and scikit-learn.",
    why="PyTorch adds it to the root of the corrected v; its eps counts far less in the first "
    "steps.",
    where=uses(*ADAM_RULES),
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    return {"eps": s.h(part)["eps"] / formulas.corrections(s.h(part), s.t)[1] ** 0.5}


@quotient(
    id="eps-missing",
    formula="theta = theta - lr ... / sqrt(v)",
    happens="Nothing is added to the root of v before it divides.",
    why="A parameter whose gradient was always 0, such as a weight from a dead unit, is then "
    "divided 0 by 0 and becomes NaN.",
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    return {"divide": lambda v, eps: formulas.root(v)}


@quotient(
    id="root-missing",
    formula="theta = theta - lr ... / (v + eps)",
    happens="The step is divided by the mean or the sum of the squares without taking the root.",
    why="Units no longer cancel: a gradient ten times as large makes a step ten times as short.",
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    return {"divide": lambda v, eps: v + eps}


@quotient(
    id="old-squares",
    formula="theta = theta - lr ... / (sqrt(v_old) + eps)",
    happens="The step is divided by the mean or the sum of the squares from before this gradient "
    "was added.",
    why="In the first step that is the start value, mostly 0, so only eps is left to hold the "
    "step back.",
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    before = {
        key: s.decayed(part).lift(s.old(key, part)) for key in s.keeps(part) if key in SQUARES
    }
    return {"new": {**new_averages(s, part), **before}}


@vectors(
    QUOTIENTS,
    id="squares-missing",
    formula="v = ... + |g|",
    happens="The size of the gradient is summed or averaged instead of its square.",
    why="The root that is taken later belongs to squares: the root of a size gives every step the "
    "wrong scale.",
    keys=("sum", "square_avg", "exp_avg_sq"),
    where=ANY,
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    size = abs(s.decayed(part))
    return size + s.old(key, part) if key == "sum" else averaged(s, key, part, size)
