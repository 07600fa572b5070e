"""Mistakes in what a loss is weighed by: smoothed labels, and weights of classes, of
positive targets and of rows. They stand in the cost and in its gradient alike, or in
the cost alone.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from parity.mistakes.conditions import (
    Place,
    both,
    is_last,
    is_wide,
    trained_by,
    with_settings,
)
from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.proof import formulas
from parity.proof.weighing import ON_CLASSES, Weighing, weighed

WEIGHTS = Catalogue()
bug = WEIGHTS.add

Other: TypeAlias = Callable[[StepProgram], Weighing]
Right: TypeAlias = Callable[[], Weighing]
SMOOTHED = with_settings("label_smoothing")
WEIGHTED = with_settings("weight")
POSITIVE = with_settings("pos_weight")


def in_cost(other: Other) -> Callable[..., Numbers]:
    """The cost of other targets, or with another divisor."""

    def cost(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
        return formulas.cost(s.spec.loss, s.a(l), other(s))

    return cost


def without(*names: str) -> Other:
    """The targets without some of the settings."""
    off: dict[str, Any] = dict.fromkeys(names)
    return lambda s: s.weighed(s.y, **off)


def without_rows(s: StepProgram) -> Weighing:
    """The targets without the weights of the rows."""
    return s.weighed(s.y, rows=False)


# what is not there at all


def _forgotten(name: str, setting: str, formula: str, what: str, where: Place) -> None:
    """Enter a setting that the program does not know."""
    bug(
        id=f"{name}-forgotten",
        equation="C",
        formula=f"{formula}, and delta^L to match",
        happens=f"Neither the cost nor its gradient has {what}.",
        why="The task asks for them by the settings of its loss, and the program learns something "
        "else.",
        slots=("weighing",),
        where=where,
    )(lambda s, l, right: without(setting)(s))


_forgotten("smoothing", "label_smoothing", "T = y, without eps", "smoothed labels", SMOOTHED)
_forgotten(
    "class-weights", "weight", "T = y, without w", "the weights of classes or outputs", WEIGHTED
)
_forgotten(
    "pos-weight", "pos_weight", "T1 = y, without p", "the weights of the positive targets", POSITIVE
)


@bug(
    id="sample-weights-forgotten",
    equation="C",
    formula="C = mean of the C_i, without s_i, and delta^L to match",
    happens="Neither the cost nor its gradient has the weights of the samples.",
    why="The task gives a weight for each sample, and the program counts them all alike.",
    slots=("weighing",),
    of_weights=True,
)
def _(s: StepProgram, l: int, right: Right) -> Weighing:
    return without_rows(s) if s.sample_weight is not None else right()


@bug(
    id="ignored-labels-counted",
    equation="C",
    formula="C = mean of all C_i, and delta^L to match",
    happens="Samples whose label is to be ignored count as samples of that class.",
    why="Such a label says that the class is not known: the sample has no cost and no gradient.",
    slots=("weighing",),
    where=with_settings("ignore_index"),
)
def _(s: StepProgram, l: int, right: Right) -> Weighing:
    is_class = 0 <= s.spec.loss_settings["ignore_index"] < s.k
    return s.weighed(s.y, ignore_index=None) if is_class else right()


# label smoothing


Share: TypeAlias = Callable[[float, float], float]


def _smoothed(label: Share, others: Share) -> Callable[..., Weighing]:
    """T of so much for the label and for every other class, from eps and k."""

    def weighing(s: StepProgram, l: int, right: Right) -> Weighing:
        eps, k, a = float(s.spec.loss_settings["label_smoothing"]), s.k, s.a(l)
        hard = a.lift(s.weighed(s.y, label_smoothing=None).yes)
        even = a.lift(s.weighed(s.y, label_smoothing=1.0).yes) * k
        T = hard * (label(eps, k) - others(eps, k)) + even * others(eps, k)
        return replace(right(), yes=T)

    return weighing


bug(
    id="smoothing-over-the-others",
    equation="C",
    formula="T = 1 - eps for the label, eps / (k - 1) for the others, and delta^L to match",
    happens="Label smoothing spreads eps over the other k - 1 classes, and leaves the label 1 - "
    "eps.",
    why="Papers write it so, such as He et al., Bag of Tricks for Image Classification (2019); "
    "PyTorch spreads eps over all k classes, so that the label has 1 - eps + eps / k.",
    slots=("weighing",),
    where=both(SMOOTHED, is_last, is_wide),
    verdict=CONVENTION,
)(_smoothed(lambda eps, k: 1.0 - eps, lambda eps, k: eps / (k - 1.0)))

bug(
    id="smoothing-not-subtracted",
    equation="C",
    formula="T = y + eps / k, and delta^L to match",
    happens="Label smoothing adds eps / k to every class, and the label keeps its 1.",
    why="The targets of a sample then sum to 1 + eps: smoothing moves eps from the label to all "
    "classes, and adds none.",
    slots=("weighing",),
    where=SMOOTHED,
)(_smoothed(lambda eps, k: 1.0 + eps / k, lambda eps, k: eps / k))

bug(
    id="smoothing-in-the-gradient-alone",
    equation="C",
    formula="C = -sum y log p / n, without eps",
    happens="The reported loss is that of the labels as they are, while the gradient smooths them.",
    why="The two belong to different functions: the gradient is 0 where the smoothed loss is "
    "least, and the reported one is not least there.",
    where=SMOOTHED,
)(in_cost(without("label_smoothing")))


# weights of classes and of outputs


@bug(
    id="class-weights-squared",
    equation="C",
    formula="T_ij = w_j^2 y_ij, and delta^L to match",
    happens="The weight of a class, or of an output, is multiplied twice.",
    why="The loss has it already: once more makes heavy classes heavier, and the mean still "
    "divides by the weights themselves.",
    slots=("weighing",),
    where=WEIGHTED,
)
def _(s: StepProgram, l: int, right: Right) -> Weighing:
    t, w = right(), np.asarray(s.spec.loss_settings["weight"])
    return replace(t, **{name: formulas.times(s.a(l).lift(each), w) for name, each in _sides(t)})


def _sides(t: Weighing) -> list[tuple[str, Any]]:
    """What there is of T, T0, and T0 + T1."""
    sides = {"yes": t.yes, "no": t.no, "both": t.both}
    return [(name, each) for name, each in sides.items() if each is not None]


@bug(
    id="class-weights-of-the-prediction",
    equation="C",
    formula="T_i = w_(argmax p_i) y_i, D = sum w_(argmax p_i), and delta^L to match",
    happens="A sample has the weight of the class that the network predicts.",
    why="The weight belongs to the class that is right, which does not change while the network "
    "learns.",
    slots=("weighing",),
    where=both(trained_by(*ON_CLASSES), WEIGHTED),
)
def _(s: StepProgram, l: int, right: Right) -> Weighing:
    if s.y.ndim == 2:
        return right()
    w, a = np.asarray(s.spec.loss_settings["weight"]), s.a(l)
    rows = w[a.value.argmax(axis=1)]
    rows = rows if s.sample_weight is None else rows * s.sample_weight
    return weighed(s.spec.loss, a, s.y, {**s.spec.loss_settings, "weight": None}, rows)


bug(
    id="class-weights-in-the-gradient-alone",
    equation="C",
    formula="C = -sum y log p / n, without w",
    happens="The reported loss is that without weights of classes or outputs, while the gradient "
    "has them.",
    why="The two belong to different functions: a step that makes the weighted loss smaller may "
    "make the reported one larger.",
    where=WEIGHTED,
)(in_cost(without("weight")))


# weights of positive targets


def _weighed_negatives(s: StepProgram, l: int, right: Right) -> Weighing:
    t, p = s.weighed(s.y, pos_weight=None), np.asarray(s.spec.loss_settings["pos_weight"])
    no = s.a(l).lift(t.no) * p
    return replace(right(), yes=t.yes, no=no, both=no + t.yes)


@bug(
    id="pos-weight-on-both",
    equation="C",
    formula="C = -mean p (y log a + (1 - y) log(1 - a)), and delta^L to match",
    happens="The weight of the positive targets multiplies both terms of the cross-entropy.",
    why="Then it weighs the output as a whole, as `weight` does, and positive targets count no "
    "more than negative ones.",
    slots=("weighing",),
    where=POSITIVE,
)
def _(s: StepProgram, l: int, right: Right) -> Weighing:
    t, a = s.weighed(s.y, pos_weight=None), s.a(l)
    p = a.lift(np.asarray(s.spec.loss_settings["pos_weight"]))
    every = p if t.both is None else a.lift(t.both) * p
    return replace(right(), yes=a.lift(t.yes) * p, no=a.lift(t.no) * p, both=every)


bug(
    id="pos-weight-on-the-negatives",
    equation="C",
    formula="C = -mean (y log a + p (1 - y) log(1 - a)), and delta^L to match",
    happens="The weight of the positive targets multiplies the term of the negative ones.",
    why="A weight above 1 is for positive targets that are rare; here it makes them count even "
    "less.",
    slots=("weighing",),
    where=POSITIVE,
)(_weighed_negatives)

bug(
    id="pos-weight-in-the-gradient-alone",
    equation="C",
    formula="C = -mean (y log a + (1 - y) log(1 - a)), without p",
    happens="The reported loss is that without the weight of the positive targets, while the "
    "gradient has it.",
    why="The two belong to different functions: the reported loss is not what the steps make "
    "smaller.",
    where=POSITIVE,
)(in_cost(without("pos_weight")))


# weights of rows

bug(
    id="sample-weights-in-the-gradient-alone",
    equation="C",
    formula="C = mean of the C_i, without s_i",
    happens="The reported loss is that without the weights of the samples, while the gradient has "
    "them.",
    why="The two belong to different functions: the reported loss is not what the steps make "
    "smaller.",
    of_weights=True,
)(in_cost(without_rows))
