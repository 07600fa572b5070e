"""What a search tries beside the catalogue: its mistakes in programs of another form,
and other activations in the place of those that were asked for.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from parity.mistakes.catalogue.factors import NAMED, OF_COSTS
from parity.mistakes.catalogue.index import BY_ID, CATALOGUE, OWN_COSTS
from parity.mistakes.catalogue.precision import OF_PRODUCTS, name_of, rounding
from parity.mistakes.conditions import Place, is_fused, is_last
from parity.mistakes.mistake import Mistake
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers, Part
from parity.proof import formulas
from parity.rounding.precision import Precision
from parity.steps.cases import TRAINABLE
from parity.steps.record import Spec
from refnet.losses import LOSSES

# A loss whose delta keeps the factor f' of any output activation.
KEEPS_DERIVATIVE = "mse"


# dC/da of the losses on probabilities, with the pole that p - y has cancelled
CROSS_ENTROPIES: dict[str, Callable[[StepProgram, Numbers], Numbers]] = {
    "cross_entropy": lambda s, a: -s.weighing().yes / a / s.weighing().D,
    "binary_cross_entropy": lambda s, a: (
        (formulas.times(a, s.weighing().both) - s.weighing().yes) / (a * (1.0 - a)) / s.weighing().D
    ),
}


def _chained(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
    """The output delta as dC/da * f'(z), where others write p - y; of a loss on logits,
    p - y is dC/da itself.
    """
    if not is_fused(s.spec, l):
        return right()
    with_pole = CROSS_ENTROPIES.get(s.spec.loss)
    return s.pullback(l, with_pole(s, s.a(l)) if with_pole else right())


def _unfused(mistake: Mistake) -> Mistake:
    """A mistake in f' as it stands in a program that multiplies by f' whatever the
    loss: then it spoils the output delta of a cross-entropy too.
    """

    def stands(spec: Spec, l: int) -> bool:
        return mistake.stands(replace(spec, loss=KEEPS_DERIVATIVE) if is_last(spec, l) else spec, l)

    return replace(mistake, slots={**mistake.slots, "BP1": _chained}, stands=stands)


UNFUSED = tuple(_unfused(mistake) for mistake in CATALOGUE if set(mistake.slots) == {"pullback"})


def _is_other(name: str) -> Place:
    """Layers with another activation; but what a loss on logits reads has none."""
    return lambda spec, l: (
        spec.activations[l - 1][0] != name
        and not (is_last(spec, l) and LOSSES[spec.loss].reads == "logits")
    )


def _substitute(name: str, *, derivative: bool) -> Mistake:
    """Another activation than the one that was asked for, with its own derivative or
    with the derivative of the right one.
    """

    def activation(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
        return formulas.activate(name, PARAMETERS.get(name, {}), s.z(l))

    def pullback(s: StepProgram, l: int, g: Numbers, right: Callable[[], Numbers]) -> Numbers:
        return formulas.pull_back(name, PARAMETERS.get(name, {}), g, s.z(l), s.a(l))

    own = "its own" if derivative else "that of the one declared"
    return Mistake(
        id=f"activation is {name}"
        if derivative
        else f"activation is {name}, its derivative is not",
        equation="a",
        formula=f"a = {name}(z)",
        happens=f"The activation is {name}, and the derivative is {own}.",
        why="The task asks for another activation, by its name in case.activations.",
        slots={"a": activation} | ({"pullback": pullback, "BP1": _chained} if derivative else {}),
        stands=_is_other(name),
    )


# the default slope, as a program has it that knows of no other
PARAMETERS = {"leaky_relu": {"slope": 0.01}}
SUBSTITUTES = tuple(
    _substitute(name, derivative=derivative) for derivative in (True, False) for name in TRAINABLE
)

# Conventions of the catalogue with another factor than the 1/n that they are known for.


def _moved(words: str, factor: Callable[[StepProgram], float], *, late: bool) -> Mistake:
    """A factor of the output delta that stands in dW and db instead, or in the
    update.
    """

    def times(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
        return right() * factor(s)

    def divided(s: StepProgram, where: Any, right: Callable[[], Numbers]) -> Numbers:
        return right() * (1.0 / factor(s))

    convention = BY_ID["averaged-in-the-update" if late else "averaged-in-the-gradients"]
    place = "the update" if late else "dW and db"
    return replace(
        convention,
        formula=f"delta^L = {words} times PyTorch's, and {place} divided by {words}",
        happens=f"A factor of the deltas stands in {place} instead.",
        why="It may stand anywhere on the way: the steps are the same.",
        slots={"BP1": times}
        | ({"gradient": divided} if late else {"BP3": divided, "BP4": divided}),
        hidden=(),
    )


def _averaged_late(cost: Mistake) -> Mistake:
    """A cost that is a sum, whose gradient the update divides by n."""

    def divided(s: StepProgram, part: Part, right: Callable[[], Numbers]) -> Numbers:
        return right() / s.n

    return replace(
        cost,
        formula=f"{cost.formula}, theta = theta - lr g / n",
        why=f"{cost.why} The update divides by n, as another lr would.",
        slots={**cost.slots, "gradient": divided},
        stands=lambda spec, l: cost.stands(spec, len(spec.sizes) - 1),
    )


MOVED = tuple(
    _moved(words, factor, late=late)
    for words, factor in {**NAMED, **OF_COSTS}.items()
    if words in ("n k", "k", "1/2", "k/2", "n/2", "n k/2", "-1")
    for late in (False, True)
    if not (late and words == "-1")
)
OVER_SAMPLES = ("loss-summed", "loss-per-output", "loss-half-sum", "loss-half-per-output")
SUMMED = tuple(_averaged_late(cost) for cost in OWN_COSTS if cost.id.startswith(OVER_SAMPLES))

# Products of coarser factors on the way forward alone, or on the way back.


def _one_way(precision: Precision, *, forward: bool) -> Mistake:
    whole, r = BY_ID[name_of(precision)], rounding(precision)
    formula = (
        f"z = r(a_prev) r(W)^T + b, {r}; BP2 and BP4 with all their bits"
        if forward
        else f"dW = r(delta)^T r(a_prev), {r}; BP2 alike, z with all its bits"
    )
    slots = {name: wrong for name, wrong in whole.slots.items() if (name == "z") == forward}
    way = "forward" if forward else "back"
    return replace(
        whole,
        equation="z" if forward else "BP4",
        formula=formula,
        happens=f"{whole.happens[:-1]}, on the way {way} alone.",
        slots=slots,
    )


ONE_WAY = tuple(
    _one_way(precision, forward=forward) for precision in OF_PRODUCTS for forward in (True, False)
)
