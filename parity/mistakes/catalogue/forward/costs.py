"""Costs of one's own: the declared loss by another average or without its 1/2, with the
gradient that belongs to it. None of them is wrong.
"""

from collections.abc import Callable
from typing import Any

from parity.mistakes.conditions import (
    BY_ENTRIES,
    BY_SAMPLES,
    Place,
    averages,
    both,
    samples,
    terms,
    trained_by,
)
from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers

COSTS = Catalogue()

ENTRIES, SAMPLES = trained_by(*BY_ENTRIES), trained_by(*BY_SAMPLES)
SQUARES, HALF_SQUARES = trained_by("mse"), trained_by("half_squared_error")


def own_cost(
    name: str,
    formula: str,
    happens: str,
    factor: tuple[str, Callable[[StepProgram], Any]],
    where: Place = averages,
    **fields: Any,
) -> None:
    """Enter a cost that is the declared loss times a factor, in words and as a number;
    its gradient is so many times as large too.
    """
    times, number = factor

    def scaled(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
        return right() * number(s)

    COSTS.add(
        id=name,
        equation="C",
        formula=f"C = {formula}, and delta^L to match",
        happens=happens,
        why=f"The gradient belongs to this cost, so nothing is wrong. With n samples and k "
        f"outputs both are {times}, and with the same lr so is a step of plain gradient descent.",
        slots=("C", "BP1"),
        where=both(where, averages),
        verdict=CONVENTION,
        **fields,
    )(scaled)


# n samples, k outputs; what the errors are, with or without a 1/2, stays as declared

own_cost(
    "loss-summed",
    "sum of the errors",
    "The cost is the sum over all samples and outputs, not their mean.",
    ("n k times PyTorch's (n times where that is a mean over samples alone)", terms),
)
own_cost(
    "loss-per-sample",
    "sum of the errors / n",
    "The cost adds up the outputs of a sample, and is the mean over the samples alone.",
    ("k times PyTorch's", lambda s: s.k),
    ENTRIES,
    hidden=("one output",),
)
own_cost(
    "loss-per-output",
    "sum of the errors / k",
    "The cost adds up the samples, and is the mean over the outputs alone.",
    (
        "n times PyTorch's (n/k times where that is a mean over samples alone)",
        lambda s: terms(s) / s.k,
    ),
)
own_cost(
    "loss-averaged-over-outputs",
    "sum of the errors / (n k)",
    "The cost is a mean over the outputs as well as over the samples.",
    ("1/k times PyTorch's", lambda s: 1.0 / s.k),
    SAMPLES,
    hidden=("one output",),
)

# with a 1/2 where the declared loss has none

own_cost(
    "loss-half-mean",
    "1/2 sum of (a - y)^2 / (n k)",
    "The cost is half of the mean squared error, so that the 2 of the derivative cancels.",
    ("1/2 times PyTorch's", lambda s: 0.5),
    SQUARES,
)
own_cost(
    "loss-half-sum",
    "1/2 sum of (a - y)^2",
    "The cost is half of the sum of the squares over all samples and outputs.",
    ("n k/2 times PyTorch's", lambda s: terms(s) * 0.5),
    SQUARES,
)
own_cost(
    "loss-half-per-sample",
    "1/2 sum of (a - y)^2 / n",
    "The cost is half of the sum of the squares over the outputs, averaged over the samples.",
    ("k/2 times PyTorch's", lambda s: 0.5 * s.k),
    SQUARES,
    declare="losses = 'half_squared_error'",
)
own_cost(
    "loss-half-per-output",
    "1/2 sum of (a - y)^2 / k",
    "The cost is half of the sum of the squares over the samples, averaged over the outputs.",
    ("n/2 times PyTorch's", lambda s: samples(s) * 0.5),
    SQUARES,
)

# without the 1/2 of the declared loss

own_cost(
    "loss-without-half",
    "sum of (a - y)^2 / n",
    "The cost has no 1/2 in front of the squares, and the gradient keeps the 2.",
    ("2 times PyTorch's", lambda s: 2.0),
    HALF_SQUARES,
)
own_cost(
    "loss-summed-without-half",
    "sum of (a - y)^2",
    "The cost is the sum of the squares over all samples and outputs, without a 1/2.",
    ("2 n times PyTorch's", lambda s: samples(s) * 2.0),
    HALF_SQUARES,
)
own_cost(
    "loss-averaged-without-half",
    "sum of (a - y)^2 / (n k)",
    "The cost is the mean of the squares over all samples and outputs, without a 1/2.",
    ("2/k times PyTorch's", lambda s: 2.0 / s.k),
    HALF_SQUARES,
    declare="losses = 'mse'",
)
own_cost(
    "loss-per-output-without-half",
    "sum of (a - y)^2 / k",
    "The cost is the sum of the squares over the samples, averaged over the outputs, without a "
    "1/2.",
    ("2 n/k times PyTorch's", lambda s: samples(s) * 2.0 / s.k),
    HALF_SQUARES,
)
