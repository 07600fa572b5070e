"""What the mean of a loss with weights divides by: the number of samples, or the
weights of all targets, or all rows where some are ignored.

Where cost and gradient agree it is a convention, as other libraries have others.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from parity.mistakes.conditions import (
    averages,
    both,
    sums,
    trained_by,
    with_settings,
    without_settings,
)
from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.proof.weighing import ON_CLASSES, ON_OUTPUTS, OVER_OUTPUTS, Weighing

MEANS = Catalogue()
bug = MEANS.add

Divisor: TypeAlias = Callable[[StepProgram], Any]
IGNORING = both(with_settings("ignore_index"), without_settings("weight"), averages)
OF_TARGETS = both(
    trained_by(*ON_CLASSES, *ON_OUTPUTS), with_settings("weight", "pos_weight"), averages
)


def rows_that_count(s: StepProgram) -> float:
    """The number of rows that are not ignored, times the outputs where the mean is over
    them too.
    """
    ignored = s.spec.loss_settings.get("ignore_index")
    rows = float(len(s.y) if s.y.ndim == 2 or ignored is None else (s.y != ignored).sum())
    return rows * (s.k if s.spec.loss in OVER_OUTPUTS else 1.0)


def all_rows(s: StepProgram) -> Any:
    """What the mean divides by where the ignored rows count too."""
    return s.weighed(s.labels, ignore_index=None).D


def _all_weights(s: StepProgram) -> Any:
    """The weights of all targets."""
    t = s.weighed(s.y, label_smoothing=None)
    yes = s.a(s.L).lift(t.yes)
    return (yes if t.no is None else yes + t.no).sum()


def _divided(D: Divisor) -> Callable[..., Weighing]:
    """The loss with another divisor."""
    return lambda s, l, right: replace(right(), D=D(s))


def divided_alone(D: Divisor) -> Callable[..., Numbers]:
    """The cost alone, or the gradient alone, with another divisor."""

    def scaled(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
        return right() * s.weighing().D / D(s)

    return scaled


bug(
    id="weighted-mean-by-n",
    equation="C",
    formula="C = sum w_i C_i / n, and delta^L to match",
    happens="The weighted errors are summed and divided by the number of samples, as Keras has it.",
    why="PyTorch divides by the sum of the weights. The gradient belongs to this cost, so nothing "
    "is wrong: with the same lr a step is another multiple in each batch.",
    slots=("weighing",),
    where=averages,
    verdict=CONVENTION,
    of_weights=True,
)(_divided(rows_that_count))

bug(
    id="weighted-cost-by-n",
    equation="C",
    formula="C = sum w_i C_i / n",
    happens="The reported loss divides the weighted errors by the number of samples, the gradient "
    "by the sum of their weights.",
    why="The two differ by a factor that changes with each batch; a mean of weighted errors "
    "divides by the sum of the weights in both.",
    where=averages,
    of_weights=True,
)(divided_alone(rows_that_count))

bug(
    id="mean-by-all-weights",
    equation="C",
    formula="C = sum T (-log p) / sum T, and delta^L to match",
    happens="The mean divides by the sum of the weights of all targets.",
    why="PyTorch does so with labels alone: with distributions, or outputs of yes or no, it "
    "divides by the number of samples or entries. The gradient belongs to this cost, so nothing "
    "is wrong.",
    slots=("weighing",),
    where=both(
        trained_by(*ON_CLASSES, *ON_OUTPUTS), with_settings("weight", "pos_weight"), averages
    ),
    verdict=CONVENTION,
)(_divided(_all_weights))

bug(
    id="ignored-rows-in-the-mean",
    equation="C",
    formula="C = sum of the C_i that count / n, and delta^L to match",
    happens="The mean divides by the number of all samples, those with ignored labels too.",
    why="PyTorch divides by the number of those that count. The gradient belongs to this cost, so "
    "nothing is wrong: with the same lr a step is shorter the more labels are ignored.",
    slots=("weighing",),
    where=IGNORING,
    verdict=CONVENTION,
)(_divided(all_rows))

bug(
    id="ignored-rows-in-the-mean-of-the-cost",
    equation="C",
    formula="C = sum of the C_i that count / n",
    happens="The reported loss divides by the number of all samples, the gradient by the number of "
    "those whose labels count.",
    why="The two differ by a factor that changes with each batch, so the gradient is not that of "
    "the reported loss.",
    where=IGNORING,
)(divided_alone(all_rows))

bug(
    id="loss-averaged",
    equation="C",
    formula="C = mean of the errors, and delta^L to match",
    happens="The cost is a mean, where a sum was asked for.",
    why="The gradient belongs to this cost, so nothing is wrong: with the same lr a step is as "
    "many times shorter as the mean has terms.",
    slots=("weighing",),
    where=sums,
    verdict=CONVENTION,
)(_divided(lambda s: s.weighed(s.y, reduction="mean").D))
