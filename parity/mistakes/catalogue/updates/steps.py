"""Mistakes in the step itself, in every update rule."""

import numpy as np

from parity.mistakes.conditions import has_biases
from parity.mistakes.mistake import NO_BIASES, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import updated, uses
from parity.mistakes.slots import Numbers, Part
from parity.proof import formulas
from parity.rounding.bounded import positive

STEPS = Catalogue()
bug = STEPS.add


@bug(
    id="step-uphill",
    equation="step",
    formula="theta = theta + lr g",
    happens="The step is added instead of subtracted.",
    why="The gradient points to where the cost grows, so the network climbs away from the minimum.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    # right() = kept - step, so this is kept + step
    return formulas.kept(s.spec.optimizer, s.h(part), s.start(part)) * 2.0 - right()


@bug(
    id="weights-never-updated",
    equation="step",
    formula="theta = theta",
    happens="The step never reaches the network: its W and b stay as they are, as when a copy of "
    "them is updated.",
    why="Whatever the gradients are, a network learns only by what is written back into it.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return s.start(part)


@bug(
    id="bias-never-updated",
    equation="step",
    formula="b = b",
    happens="Only W is updated, and b keeps its first value.",
    why="The bias is a parameter like the weights and has a gradient of its own: without it no "
    "unit can move its threshold.",
    where=has_biases,
    declare=NO_BIASES,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return s.start(part) if part.name == "b" else right()


@bug(
    id="only-last-layer-updated",
    equation="step",
    formula="theta^l = theta^l for l < L",
    happens="A hidden layer is left out of the update.",
    why="It keeps its random weights, so the layers above can only learn from random features.",
    where=lambda spec, l: l < len(spec.sizes) - 1,
    hidden=("one layer",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return s.start(part)


@bug(
    id="lr-missing",
    equation="step",
    formula="theta = theta - g",
    happens="The step is taken without the learning rate, as if lr were 1.",
    why="The gradient says which way is down, not how far down the slope goes: without a small lr "
    "the step overshoots the minimum.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, lr=1.0)


@bug(
    id="lr-twice",
    equation="step",
    formula="theta = theta - lr^2 g",
    happens="The step is multiplied by the learning rate twice, for example once in the gradient "
    "and once in the update.",
    why="The step then shrinks with the square of lr, so training is far slower than lr suggests.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, lr=s.lr(part) * s.lr(part))


@bug(
    id="step-averaged",
    equation="step",
    formula="theta = theta - lr g / n",
    happens="The step is divided by the number of samples, though the gradient is an average "
    "already.",
    why="The mean over the samples is part of the loss: to divide again makes the step n times "
    "too short.",
    hidden=("one sample",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, lr=s.lr(part) / s.n)


@bug(
    id="step-taken-twice",
    equation="step",
    formula="theta = theta - 2 lr g",
    happens="The same gradient is subtracted twice, as when the update is called in two places.",
    why="A gradient holds for the weights that it was computed at, and the second step is taken "
    "from others.",
    where=uses("sgd", momentum=False, weight_decay=False),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, lr=2.0 * s.lr(part))


@bug(
    id="lr-of-the-first-step",
    equation="step",
    formula="theta = theta - lr_1 g, lr_1 from the first step",
    happens="Every step is taken with the learning rate of the first one.",
    why="A schedule that lowers the rate then has no effect, because the rule reads its rate once "
    "and never again.",
    hidden=("a constant learning rate", "the first step alone"),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    first = s
    while first.previous is not None:
        first = first.previous
    return updated(s, part, lr=first.lr(part))


@bug(
    id="lr-of-the-step-before",
    equation="step",
    formula="theta = theta - lr_(t-1) g",
    happens="Each step is taken with the learning rate of the step before.",
    why="The schedule is then one step late, as when the rate is set after the update instead of "
    "before it.",
    hidden=("a constant learning rate", "the first step alone"),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, lr=s.previous.lr(part) if s.previous else s.lr(part))


@bug(
    id="bias-at-twice-the-rate",
    equation="step",
    formula="b = b - 2 lr db",
    happens="The biases are updated with twice the learning rate of the weights.",
    why="The gradients give every parameter the same rate; the custom of Caffe, twice the rate "
    "for biases, has to be meant.",
    where=has_biases,
    declarable=True,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, lr=2.0 * s.lr(part)) if part.name == "b" else right()


@bug(
    id="weights-truncated",
    equation="step",
    formula="theta = trunc(theta - lr g)",
    happens="The new weights lose everything behind the decimal point, as in an array of integers.",
    why="A step of less than 1 is then lost or rounded towards zero: W and b must be arrays of "
    "floats from the start.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _truncated(right())


def _truncated(x: Numbers) -> Numbers:
    # rounding can move x across the nearest integer alone; `positive` bounds both cases
    near = np.rint(x.value)
    toward = np.sign(near)
    return positive((near - x) * toward, near - toward, near)


@bug(
    id="lr-not-a-number",
    equation="step",
    formula="theta = theta - NaN g",
    happens="Every parameter is NaN after the first step, as when the learning rate was never set.",
    why="NaN times anything is NaN, and from the weights it spreads to everything that is "
    "computed next.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return s.start(part) * float("nan")
