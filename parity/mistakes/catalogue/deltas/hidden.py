"""Mistakes on the way down through the weights, from one delta to the next."""

from parity.mistakes.conditions import (
    above,
    both,
    is_curved,
    is_hidden,
    is_pulled,
    is_square,
    is_stepped_alone,
    is_wide,
    same_width_above,
)
from parity.mistakes.functions import masked
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers, Part
from parity.steps.record import Spec

HIDDEN_DELTA = Catalogue()
bug = HIDDEN_DELTA.add


def _deeper(spec: Spec, l: int) -> bool:
    """Two layers below the output, whose delta fits that of the layer above."""
    return l + 1 < len(spec.sizes) - 1 and spec.sizes[l + 1] == spec.sizes[-1]


@bug(
    id="hidden-weights-transposed",
    equation="BP2",
    formula="delta^l = delta^(l+1) (W^(l+1))^T * f'(z)",
    happens="The delta goes down through the transpose of W, which works only where W is square.",
    why="Forward, unit i reaches unit j by W_ji, so the error of unit j must come back to unit i "
    "by that same weight.",
    slots=("cotangent",),
    where=same_width_above,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return masked(s, l + 1, s.delta(l + 1) @ s.W(l + 1).T)


@bug(
    id="updated-weights",
    equation="BP2",
    formula="delta^l = delta^(l+1) W_new^(l+1) * f'(z)",
    happens="The delta goes down through weights that this step has already changed.",
    why="The gradient is taken at the weights that made the prediction: all deltas come first, "
    "then the updates.",
    slots=("cotangent",),
    where=both(is_hidden, is_stepped_alone),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return masked(s, l + 1, s.delta(l + 1) @ s.new(Part("W", l + 1)))


@bug(
    id="delta-above-without-its-derivative",
    equation="BP2",
    formula="delta^l = dC/da^(l+1) W^(l+1) * f'(z)",
    happens="The error of the next layer's outputs goes down instead of its delta.",
    why="The activation of that layer stands between its a and its z, so its f' belongs in the "
    "product as well.",
    slots=("cotangent",),
    where=above(both(is_curved, is_pulled)),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return masked(s, l + 1, s.cotangent(l + 1) @ s.W(l + 1))


@bug(
    id="own-weights",
    equation="BP2",
    formula="delta^l = delta^(l+1) W^l * f'(z)",
    happens="The delta goes down through the layer's own weights instead of those of the next "
    "layer.",
    why="The outputs of layer l reach the cost through W of layer l+1; its own W lies on the "
    "other side of its activation.",
    slots=("cotangent",),
    where=both(is_square, same_width_above),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return masked(s, l + 1, s.delta(l + 1) @ s.W(l))


@bug(
    id="weights-normalised",
    equation="BP2",
    formula="delta^l = delta^(l+1) W^(l+1) / (row sums of W^(l+1)) * f'(z)",
    happens="The error of a unit is split among its inputs in proportion to their weights.",
    why="That looks fair, but the chain rule multiplies by the weight itself, and a sum of "
    "weights may be close to 0.",
    slots=("cotangent",),
    where=is_hidden,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    W = s.W(l + 1)
    return masked(s, l + 1, s.delta(l + 1) @ (W / W.sum(axis=1, keepdims=True)))


@bug(
    id="one-path-only",
    equation="BP2",
    formula="delta^l = delta_k^(l+1) W_k^(l+1) * f'(z), for the last unit k alone",
    happens="Only the last unit of the next layer sends its error down, as when a loop assigns "
    "instead of adding.",
    why="A hidden unit acts on the cost through every unit above it, and the chain rule sums over "
    "these paths.",
    slots=("cotangent",),
    where=above(is_wide),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return masked(s, l + 1, s.delta(l + 1)[:, -1:] @ s.W(l + 1)[-1:, :])


@bug(
    id="paths-averaged",
    equation="BP2",
    formula="delta^l = delta^(l+1) W^(l+1) * f'(z) / (units of layer l+1)",
    happens="The errors that come from the units above are averaged.",
    why="The chain rule sums over all paths; with the average, the deltas shrink from layer to "
    "layer on the way down.",
    slots=("cotangent",),
    where=above(is_wide),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() / float(s.spec.sizes[l + 1])


@bug(
    id="delta-of-the-output",
    equation="BP2",
    formula="delta^l = delta^L W^(l+1) * f'(z)",
    happens="Every hidden layer receives the delta of the output layer.",
    why="With more than one hidden layer, the error must come down layer by layer, through all "
    "the weights and activations between.",
    slots=("cotangent",),
    where=_deeper,
    hidden=("one hidden layer",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return masked(s, l + 1, s.delta(s.L) @ s.W(l + 1))


@bug(
    id="hidden-delta-zero",
    equation="BP2",
    formula="delta^l = 0",
    happens="No error reaches the hidden layer.",
    why="Its weights stay as they are, and only the layers above it learn, from random features.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * 0.0


@bug(
    id="hidden-delta-negated",
    equation="BP2",
    formula="delta^l = -delta^(l+1) W^(l+1) * f'(z)",
    happens="The hidden delta has the wrong sign.",
    why="The sign of a - y is already in the delta above, and nothing on the way down changes it "
    "but the weights and f'.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return -right()


@bug(
    id="averaged-again-below",
    equation="BP2",
    formula="delta^l = delta^(l+1) W^(l+1) * f'(z) / n",
    happens="The hidden delta is divided by the number of samples, although the delta above it "
    "already was.",
    why="One division is in the loss; each further one makes the layers below it learn n times "
    "more slowly.",
    hidden=("one sample",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() / s.n
