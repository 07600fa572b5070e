"""Mistakes in what the gradient of a loss is weighed by, where the cost is right."""

from collections.abc import Callable
from typing import Any

import numpy as np

from parity.mistakes.catalogue.forward.means import (
    IGNORING,
    all_rows,
    divided_alone,
    rows_that_count,
)
from parity.mistakes.catalogue.forward.weights import (
    POSITIVE,
    SMOOTHED,
    WEIGHTED,
    Other,
    without,
    without_rows,
)
from parity.mistakes.conditions import (
    LOGITS,
    Place,
    averages,
    both,
    has,
    is_fused,
    is_last,
    trained_by,
    with_settings,
)
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.proof import formulas
from parity.steps.record import Spec

WEIGHTED_DELTA = Catalogue()
bug = WEIGHTED_DELTA.add


def in_gradient(other: Other) -> Callable[..., Numbers]:
    """The output delta of other targets."""

    def delta(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
        if formulas.is_fused(s.spec.loss, s.f(l)[0]):
            return formulas.fused_delta(s.spec.loss, s.f(l)[0], s.z(l), s.a(l), other(s))
        return s.pullback(l, formulas.loss_gradient(s.spec.loss, s.a(l), other(s)))

    return delta


bug(
    id="smoothing-in-the-cost-alone",
    equation="BP1",
    formula="delta^L = (p - y) / n, without eps",
    happens="The gradient is that of the labels as they are, while the reported loss smooths them.",
    why="The smoothed loss has T = (1 - eps) y + eps / k in place of y, in its gradient too: "
    "without it the network goes on towards p = y.",
    where=SMOOTHED,
)(in_gradient(without("label_smoothing")))

bug(
    id="class-weights-in-the-cost-alone",
    equation="BP1",
    formula="delta^L = (p - y) / n, without w",
    happens="The gradient has no weights of classes or outputs, while the reported loss has them.",
    why="The weights are there to change what is learned, and only the gradient does that.",
    where=WEIGHTED,
)(in_gradient(without("weight")))

bug(
    id="pos-weight-in-the-cost-alone",
    equation="BP1",
    formula="delta^L = (p - y) / (n k), without pos_weight",
    happens="The gradient has no weight of the positive targets, while the reported loss has it.",
    why="The weight is there to change what is learned, and only the gradient does that.",
    where=POSITIVE,
)(in_gradient(without("pos_weight")))

bug(
    id="sample-weights-in-the-cost-alone",
    equation="BP1",
    formula="delta^L = dC/da * f'(z), without s_i",
    happens="The gradient has no weights of the samples, while the reported loss has them.",
    why="The weights are there to change what is learned, and only the gradient does that.",
    of_weights=True,
)(in_gradient(without_rows))

bug(
    id="weighted-gradient-by-n",
    equation="BP1",
    formula="delta^L = D/n times the right one, D = sum w_i",
    happens="The gradient divides the weighted errors by the number of samples, the reported loss "
    "by the sum of their weights.",
    why="The two differ by a factor that changes with each batch; a mean of weighted errors "
    "divides by the sum of the weights in both.",
    where=averages,
    of_weights=True,
)(divided_alone(rows_that_count))

bug(
    id="ignored-rows-in-the-mean-of-the-gradient",
    equation="BP1",
    formula="delta^L = D/n times the right one, D = how many labels count",
    happens="The gradient divides by the number of all samples, the reported loss by the number of "
    "those whose labels count.",
    why="The two differ by a factor that changes with each batch, so the gradient is not that of "
    "the reported loss.",
    where=IGNORING,
)(divided_alone(all_rows))


def _by_softmax(spec: Spec, l: int) -> bool:
    return is_last(spec, l) and is_fused(spec, l) and (spec.loss == LOGITS or _softmax(spec, l))


_softmax: Place = has("softmax")


def _probabilities(s: StepProgram, l: int) -> Numbers:
    return formulas.softmax(s.z(l)) if s.spec.loss == LOGITS else s.a(l)


@bug(
    id="ignored-rows-in-the-gradient",
    equation="BP1",
    formula="delta^L = p / D in the rows that are ignored",
    happens="The targets of an ignored row are 0, and its delta is p - 0.",
    why="A row that is ignored has no cost, so no gradient: p must be left out as well as y.",
    where=both(with_settings("ignore_index"), _by_softmax),
)
def _(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
    if s.y.ndim == 2:
        return right()
    ignored = (s.y == s.spec.loss_settings["ignore_index"]).astype(float)[:, np.newaxis]
    return right() + _probabilities(s, l) * ignored / s.weighing().D


@bug(
    id="class-weights-on-y-alone",
    equation="BP1",
    formula="delta^L = (p - w y) / D",
    happens="The weight of the class multiplies y, and p has none.",
    why="The weight stands before the whole cost of a sample, so before the whole difference: w (p "
    "- y).",
    where=both(WEIGHTED, _by_softmax),
)
def _(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
    t, unweighted = s.weighing(), s.weighed(s.y, weight=None)
    whole = s.a(l).lift(unweighted.yes).sum(axis=1, keepdims=True)
    return (_probabilities(s, l) * whole - t.yes) / t.D


@bug(
    id="pos-weight-on-y-alone",
    equation="BP1",
    formula="delta^L = (p - pos_weight y) / (n k)",
    happens="The weight of the positive targets multiplies y, and p has none.",
    why="The term of a positive target is -w log p, whose derivative is w (p - 1): the weight "
    "multiplies p too.",
    where=both(POSITIVE, trained_by("sigmoid_cross_entropy")),
)
def _(s: StepProgram, l: int, right: Callable[[], Any]) -> Numbers:
    t, p = s.weighing(), s.z(l).sigmoid()
    return (formulas.times(p, s.weighed(s.y, pos_weight=None).both) - t.yes) / t.D
