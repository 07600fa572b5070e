"""Mistakes in the gradients of W and b, also those that earlier steps leave behind."""

from parity.mistakes.conditions import (
    below,
    is_curved,
    is_inner,
    is_square,
    is_wide,
    trained_with,
)
from parity.mistakes.mistake import NO_BIASES, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers, Part
from parity.steps.record import Spec

GRADIENT = Catalogue()
bug = GRADIENT.add


def _as_wide_as_x(spec: Spec, l: int) -> bool:
    return is_inner(spec, l) and spec.sizes[l - 1] == spec.sizes[0]


def _keeps_no_state(spec: Spec, l: int) -> bool:
    """Layers trained by plain gradient descent, whose state is empty."""
    return spec.optimizer == "sgd" and trained_with(momentum=False)(spec, l)


def _accumulated(s: StepProgram, l: int, right: Numbers, name: str, factor: float) -> Numbers:
    """The gradient plus `factor` times that of the step before."""
    return right() + getattr(s.previous, name)(l) * factor if s.previous else right()


# the gradient of W


@bug(
    id="dW-transposed",
    equation="BP4",
    formula="dW = a_prev^T delta",
    happens="The outer product of delta and a_prev is taken the wrong way round, which fits only "
    "where W is square.",
    why="Entry (j, k) belongs to the weight from unit k to unit j: its row is the unit of delta, "
    "its column the unit of a_prev.",
    where=is_square,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right().T


@bug(
    id="gradients-not-reset",
    equation="BP4",
    formula="dW = dW_previous + delta^T a_prev",
    happens="The gradients are added to those of the steps before.",
    why="A gradient belongs to the weights and the batch of its own step, so the store must be "
    "set to 0 before each backward pass.",
    hidden=("the first step alone",),
    also={"BP3": lambda s, l, right: _accumulated(s, l, right, "db", 1.0)},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return _accumulated(s, l, right, "dW", 1.0)


@bug(
    id="gradients-not-reset-and-fed-back",
    equation="BP4",
    formula="dW = (1 + lr) dW_previous + delta^T a_prev",
    happens="The gradients are never reset, and the learning rate feeds them back into themselves "
    "as if it were a momentum.",
    why="Old gradients then grow from step to step instead of fading, and the weights run away.",
    hidden=("the first step alone",),
    also={"BP3": lambda s, l, right: _accumulated(s, l, right, "db", 1.0 + s.lr(Part("b", l)))},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return _accumulated(s, l, right, "dW", 1.0 + s.lr(Part("W", l)))


@bug(
    id="gradients-of-the-step-before",
    equation="BP4",
    formula="dW = dW_previous",
    happens="The gradients are those of the step before, as when the update comes before the "
    "backward pass.",
    why="They were computed at other weights and on another batch.",
    hidden=("the first step alone",),
    also={"BP3": lambda s, l, right: s.previous.db(l) if s.previous else right()},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.previous.dW(l) if s.previous else right()


@bug(
    id="dW-averaged",
    equation="BP4",
    formula="dW = delta^T a_prev / n, with 1/n in delta already",
    happens="The gradient of W is divided by the number of samples, and delta was already.",
    why="The mean in the loss brings one 1/n, which stands in either place, but not in both.",
    hidden=("one sample",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() / s.n


@bug(
    id="dW-scaled",
    equation="BP4",
    formula="dW = 2 delta^T a_prev",
    happens="The gradient of W carries a factor 2 that belongs to another formula.",
    why="The derivative of z with respect to a weight is a_prev, and the factors of the loss are "
    "all in delta.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * 2.0


@bug(
    id="dW-negated",
    equation="BP4",
    formula="dW = -delta^T a_prev",
    happens="The gradient of W has the wrong sign.",
    why="It is delta times a_prev, without a minus: the minus of gradient descent is in the "
    "update already.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return -right()


@bug(
    id="dW-last-sample-only",
    equation="BP4",
    formula="dW = delta_n^T a_prev_n, for the last sample n alone",
    happens="Only the last sample of the batch enters the gradient of W, as when a loop assigns "
    "instead of adding.",
    why="The cost is a mean over the samples, so its gradient is a sum over all of them.",
    hidden=("one sample",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.delta(l)[-1:].T @ s.a_prev(l)[-1:]


@bug(
    id="dW-without-a-prev",
    equation="BP4",
    formula="dW_jk = sum of delta_j",
    happens="The gradient of W leaves the inputs of the layer out.",
    why="A weight acts on z in proportion to the input that it multiplies, so a_prev is a factor "
    "of its gradient; only the bias has an input that is always 1.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    # W times 0 gives the sum the shape of W, here and below
    return s.W(l) * 0.0 + s.delta(l).sum(axis=0).reshape(-1, 1)


@bug(
    id="dW-from-x",
    equation="BP4",
    formula="dW = delta^T x",
    happens="The inputs of the network stand where those of the layer belong.",
    why="The weights of a deeper layer multiply the activations of the layer below it, not x.",
    where=_as_wide_as_x,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.delta(l).T @ s.x


@bug(
    id="dW-from-z",
    equation="BP4",
    formula="dW = delta^T z_prev",
    happens="The weighted inputs of the layer below stand where its activations belong.",
    why="What W multiplied in the forward pass is a_prev, so that is the derivative of z with "
    "respect to W.",
    where=below(is_curved),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.delta(l).T @ s.z(l - 1)


@bug(
    id="dW-from-own-a",
    equation="BP4",
    formula="dW_jk = sum over samples and units of delta a",
    happens="The delta is multiplied by the layer's own outputs, which gives one number for the "
    "whole of W.",
    why="The inputs of the layer belong there, and an outer product, so that each weight has its "
    "own gradient.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.W(l) * 0.0 + (s.delta(l) * s.a(l)).sum()


@bug(
    id="dW-from-W",
    equation="BP4",
    formula="dW_jk = W_jk sum of delta_j",
    happens="The delta is multiplied by the weights instead of the inputs.",
    why="In z = W a_prev + b, the derivative with respect to W is a_prev; W is the derivative "
    "with respect to a_prev.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.W(l) * s.delta(l).sum(axis=0).reshape(-1, 1)


@bug(
    id="dW-mean-over-inputs",
    equation="BP4",
    formula="dW = delta^T a_prev / (number of inputs)",
    happens="The gradient of W is divided by the number of inputs of the layer.",
    why="The weighted input is a sum over them, not a mean, so its derivative has no such factor.",
    where=lambda spec, l: spec.sizes[l - 1] > 1,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() / float(s.spec.sizes[l - 1])


@bug(
    id="dW-zero",
    equation="BP4",
    formula="dW = 0",
    happens="The gradient of W is 0 throughout, as when it is made of zeros and never filled.",
    why="The layer's weights then stay at their random start, though its delta is right.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * 0.0


# the gradient of b


@bug(
    id="db-averaged",
    equation="BP3",
    formula="db = mean of delta",
    happens="The gradient of b is the mean of delta over the samples.",
    why="The 1/n of the loss is in delta already, so b needs the sum, as W has it in its matrix "
    "product.",
    hidden=("one sample",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() / s.n


@bug(
    id="db-summed-over-all",
    equation="BP3",
    formula="db_j = sum over samples and units of delta",
    happens="The sum for b runs over the units too, so that all of them get the same number.",
    why="Each bias acts on its own unit alone, so the sum is over the samples only.",
    where=is_wide,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.b(l) * 0.0 + s.delta(l).sum()


@bug(
    id="db-not-summed",
    equation="BP3",
    formula="db = delta",
    happens="The gradient of b is delta itself, with a row for each sample.",
    why="All samples share one bias, so their rows must be added up; NumPy lets b grow into a "
    "matrix instead.",
    where=_keeps_no_state,  # a vector of a state has no room for the rows of db
    hidden=("one sample",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.delta(l) if s.n > 1 else right()


@bug(
    id="db-zero",
    equation="BP3",
    formula="db = 0",
    happens="The gradient of b is 0 throughout.",
    why="The bias is a parameter like any weight, whose input is always 1, and its gradient is "
    "the sum of delta.",
    declare=NO_BIASES,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * 0.0


@bug(
    id="db-from-dW",
    equation="BP3",
    formula="db = row sums of dW",
    happens="The gradient of b is summed from the rows of dW.",
    why="Each entry of dW already contains an input; the bias has the input 1, so its gradient is "
    "made of delta alone.",
    hidden=("rows of x that sum to 1",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.dW(l).sum(axis=1)


@bug(
    id="db-from-a",
    equation="BP3",
    formula="db = sum of a",
    happens="The activations are summed for b, where delta should be.",
    why="A gradient says how the cost changes, and a does not even depend on the targets.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.a(l).sum(axis=0)


@bug(
    id="db-scaled",
    equation="BP3",
    formula="db = 4 sum of delta",
    happens="The gradient of b carries a factor 4 that belongs to another formula.",
    why="The derivative of z with respect to b is 1, and the factors of the loss are all in delta.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * 4.0


@bug(
    id="db-negated",
    equation="BP3",
    formula="db = -sum of delta",
    happens="The gradient of b has the wrong sign.",
    why="It is the sum of delta, without a minus: z grows with b as it does with any weighted "
    "input.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return -right()


@bug(
    id="db-last-sample-only",
    equation="BP3",
    formula="db = delta of the last sample",
    happens="Only the last sample of the batch enters the gradient of b, as when a loop assigns "
    "instead of adding.",
    why="The cost is a mean over the samples, so its gradient is a sum over all of them.",
    hidden=("one sample",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.delta(l)[-1]
