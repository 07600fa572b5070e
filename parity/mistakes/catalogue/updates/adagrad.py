"""Mistakes that Adagrad alone can have."""

from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import kept_on, updated, uses, vectors
from parity.mistakes.slots import Numbers, Part

ADAGRAD = Catalogue()
bug = ADAGRAD.add


@bug(
    id="adagrad-lr-decay-from-one",
    equation="step",
    formula="rate = lr / (1 + t lr_decay)",
    happens="Adagrad's rate has decayed in the first step already.",
    why="In step t it is lr / (1 + (t - 1) lr_decay), so that the first step is taken with the "
    "rate that was asked for.",
    where=uses("adagrad", lr_decay=True),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, t=s.t + 1)


@bug(
    id="adagrad-lr-decay-ignored",
    equation="step",
    formula="rate = lr, whatever lr_decay",
    happens="Adagrad's rate does not decay, although lr_decay is set.",
    why="In step t it should be lr / (1 + (t - 1) lr_decay).",
    where=uses("adagrad", lr_decay=True),
    hidden=("the first step alone",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, lr_decay=0.0)


@vectors(
    ADAGRAD,
    id="adagrad-sum-from-zero",
    formula="v = g^2 in the first step",
    happens="Adagrad's sum of squares starts at 0, although another start value is set.",
    why="The start value holds back the first steps, which are about lr long in every direction "
    "without it.",
    keys=("sum",),
    where=uses("adagrad", initial_accumulator_value=True),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(s, key, part, old=s.start(part) * 0.0 if s.t == 1 else s.old(key, part))
