"""Conventions with a number in them that only the program knows: a penalty of its own,
an eps in a logarithm or a denominator, constants of an adaptive rule in the code.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from parity.mistakes.catalogue.constants import Family, Right, Slots, added, decay
from parity.mistakes.catalogue.forward.logarithms import minus_log
from parity.mistakes.conditions import (
    LOGARITHMIC,
    Place,
    both,
    is_fused,
    is_last,
    some_biases,
    trained_by,
)
from parity.mistakes.mistake import CONVENTION, Catalogue, Mistake, Wrong
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import ADAPTIVE_RULES, uses
from parity.mistakes.slots import Numbers
from refnet.losses import LOG_FLOOR


def _penalised(names: tuple[str, ...], steps: Slots, *, by_n: bool = False) -> Slots:
    """c/2 theta^2 in the cost, and its gradient where the steps have it; the strength
    may be divided by n.
    """

    def cost(c: float, s: StepProgram, right: Right) -> Numbers:
        total = right()
        for part in s.parts:
            if part.name in names:
                total = total + (s.start(part) * s.start(part)).sum() * (c / 2)
        return total

    def divided(wrong: Callable[..., Mapping[str, Wrong]], c: float, name: str) -> Wrong:
        return lambda s, *given: wrong(c / s.n if by_n else c)[name](s, *given)

    def slots(c: float) -> Mapping[str, Wrong]:
        def in_cost(s: StepProgram, l: int, right: Right) -> Numbers:
            return cost(c / s.n if by_n else c, s, right)

        return {"C": in_cost, **{name: divided(steps, c, name) for name in steps(c)}}

    return slots


ON_PROBABILITIES = both(trained_by("cross_entropy", "binary_cross_entropy"), is_fused)


# What differs by an eps alone is written as a ratio, so that it acts on another cost of
# one's own, too.


def _log_with_eps(c: float) -> Mapping[str, Wrong]:
    def cost(s: StepProgram, l: int, right: Right) -> Numbers:
        return right() * (minus_log(s, lambda p: (p + c).log()) / minus_log(s))

    return {"C": cost}


def _log_with_eps_and_gradient(c: float) -> Mapping[str, Wrong]:
    def delta(s: StepProgram, l: int, right: Right) -> Numbers:
        return right() * (_with_divisor(s, c, c) / _with_divisor(s, 0.0, 0.0))

    return {**_log_with_eps(c), "BP1": delta}


def _with_divisor(s: StepProgram, of_1: float, of_0: float) -> Numbers:
    """delta^L by the chain rule, with constants added where dC/da divides by p and, for
    two classes, by 1 - p.
    """
    a, t = s.a(s.L), s.each_counted()
    if s.spec.loss == "cross_entropy":
        return s.pullback(s.L, -t.yes / (a + of_1))
    return s.pullback(s.L, t.no / (1.0 - a + of_0) - t.yes / (a + of_1))


def _eps_in_the_denominator(c: float) -> Mapping[str, Wrong]:
    def delta(s: StepProgram, l: int, right: Right) -> Numbers:
        a = s.a(l)
        if s.spec.loss == "cross_entropy":
            return right() * (_with_divisor(s, c, c) / _with_divisor(s, 0.0, 0.0))
        variance = a * (1.0 - a)
        return right() * (variance / (variance + c))

    return {"BP1": delta}


def _eps_in_both_denominators(c: float) -> Mapping[str, Wrong]:
    def delta(s: StepProgram, l: int, right: Right) -> Numbers:
        return right() * (_with_divisor(s, c, c) / _with_divisor(s, 0.0, 0.0))

    return {"BP1": delta}


def _own_penalty(names: tuple[str, ...], in_gradients: bool, by_n: bool) -> Family:
    """A penalty of one's own, in the cost and in the gradients or in the update."""
    theta, strength = "theta" if "b" in names else "W", "{c}/n" if by_n else "{c}"
    where = "dW" if in_gradients else "the update"
    steps = added(names) if in_gradients else decay(names)
    return Family(
        id="penalty-of-its-own",
        equation="C",
        formula=f"C = loss + {strength}/2 sum of {theta}^2, and {strength} {theta} in {where}",
        happens=f"The cost has a penalty of its own on {theta}, and the steps belong to it.",
        why="It is right backpropagation of another cost, whose penalty has the strength "
        f"{strength}.",
        slots=_penalised(names, steps, by_n=by_n),
        where=both(uses(weight_decay=False), some_biases)
        if "b" in names
        else uses(weight_decay=False),
        verdict=CONVENTION,
        acts_last=True,
    )


def _eps_below(formula: str, slots: Slots, where: Place) -> Family:
    """An eps in what the gradient of a cross-entropy divides by."""
    return Family(
        id="eps-in-the-denominator",
        equation="BP1",
        formula=formula,
        happens="A constant of {c} is added to what the gradient of the loss divides by.",
        why="It keeps divisions by 0 out, and hardly changes the gradient elsewhere.",
        slots=slots,
        where=where,
        verdict=CONVENTION,
        near=(0.0, 1e-7),
        limits=(0.0, 1e-3),
    )


# Conventions that a program may have without being asked.
OWN = (
    *(
        _own_penalty(names, in_gradients, by_n)
        for by_n in (False, True)
        for in_gradients in (True, False)
        for names in (("W",), ("W", "b"))
    ),
    Family(
        id="eps-in-the-log",
        equation="C",
        formula="C = -mean of y log(p + {c})",
        happens="A constant of {c} is added to the probabilities inside the logarithm of the "
        "reported loss.",
        why="It keeps log 0 out. The gradient is the one without it, and differs from that with it "
        "by next to nothing.",
        slots=_log_with_eps,
        where=both(trained_by(*LOGARITHMIC), is_last),
        verdict=CONVENTION,
        near=(0.0, 1e-7),
        limits=(0.0, 1e-3),  # beyond that it is another loss
    ),
    Family(
        id="eps-in-the-log",
        equation="C",
        formula="C = -mean of y log(p + {c}), and delta^L to match",
        happens="A constant of {c} is added to the probabilities inside the logarithm of the loss, "
        "and the gradient is that of this loss.",
        why="It keeps log 0 and divisions by 0 out, and the gradient belongs to it.",
        slots=_log_with_eps_and_gradient,
        where=ON_PROBABILITIES,
        verdict=CONVENTION,
        near=(0.0, 1e-7),
        limits=(0.0, 1e-3),
    ),
    _eps_below(
        "dC/da = (a - y) / (a (1 - a) + {c}), or -y / (p + {c})",
        _eps_in_the_denominator,
        ON_PROBABILITIES,
    ),
    _eps_below(
        "dC/da = (1 - y) / (1 - a + {c}) - y / (a + {c})",
        _eps_in_both_denominators,
        both(trained_by("binary_cross_entropy"), is_fused),
    ),
)

# Constants that people write into the code of adaptive rules. PyTorch's own are among
# them, for tasks may have others.
EPS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-10, 1e-12, 1e-15, 1e-16)
BETAS = (
    (0.9, 0.999),
    (0.9, 0.99),
    (0.9, 0.95),
    (0.5, 0.999),
    (0.8, 0.999),
    (0.95, 0.999),
)
ALPHA = (0.99, 0.9, 0.95, 0.999, 0.8, 0.5)


def _in_the_code(rule: str, constants: Mapping[str, Any]) -> Mistake:
    def settings(s: StepProgram, right: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return {**right(), **constants}

    words = " and ".join([f"{name} = {value!r}" for name, value in constants.items()])
    return Mistake(
        id=IN_THE_CODE,
        equation="step",
        formula=f"{words} whatever the task says",
        happens="The constants of the rule are fixed in the code.",
        why="The rule is right, with constants of its own: a task may have others.",
        slots={"settings": settings},
        stands=uses(rule),
        verdict=CONVENTION,
    )


def _guessed() -> Iterator[Mistake]:
    for rule, name, values in (
        ("adam", "betas", BETAS),
        ("adamw", "betas", BETAS),
        ("rmsprop", "alpha", ALPHA),
    ):
        for value in values:
            yield _in_the_code(rule, {name: value})
            yield from (_in_the_code(rule, {name: value, "eps": eps}) for eps in EPS)
    for rule in ADAPTIVE_RULES:
        yield from (_in_the_code(rule, {"eps": eps}) for eps in EPS)


IN_THE_CODE = "constants-in-the-code"


def _clip(p: Numbers, c: float) -> Numbers:
    return -(-p.maximum(c)).maximum(c - 1.0)


def _clipped(c: float) -> Mistake:
    """The least and the largest probability that a logarithm is given."""

    def cost(s: StepProgram, l: int, right: Right) -> Numbers:
        # a limit of 1 - c that rounds to 1 is none, and log 0 is not kept out
        is_limit = np.dtype(s.spec.dtype).type(1.0 - c) < 1.0
        rest = (lambda p: (1.0 - _clip(p, c)).log()) if is_limit else None
        return minus_log(s, lambda p: _clip(p, c).log(), rest)

    return _limited(f"C = -mean of y log(clip(p, {c!r}, 1 - {c!r}))", {"C": cost}, LOGARITHMIC)


def _clipped_output(c: float) -> Mistake:
    """The least and the largest output, which the gradient is made of, too."""

    def output(s: StepProgram, l: int, right: Right) -> Numbers:
        return _clip(right(), c)

    losses = ("cross_entropy", "binary_cross_entropy")
    return _limited(f"a^L = clip(f(z^L), {c!r}, 1 - {c!r})", {"a": output}, losses)


def _clamped() -> Mistake:
    """The least logarithm, of logits too, as PyTorch's BCELoss has it of
    probabilities.
    """

    def cost(s: StepProgram, l: int, right: Right) -> Numbers:
        return minus_log(s, lambda p: p.log().maximum(LOG_FLOOR))

    return _limited(f"C = -mean of y max(log p, {LOG_FLOOR:g})", {"C": cost}, LOGARITHMIC)


def _limited(formula: str, slots: Mapping[str, Wrong], losses: tuple[str, ...]) -> Mistake:
    return Mistake(
        id="probabilities-clipped",
        equation="a" if "a" in slots else "C",
        formula=formula,
        happens="The probabilities, or their logarithms, are kept away from 0 and 1.",
        why="It keeps log 0 out, and changes the loss only where a probability is nearly 0 or 1.",
        slots=slots,
        stands=both(trained_by(*losses), is_last),
        verdict=CONVENTION,
    )


GUESSED = (*_guessed(), *map(_clipped, EPS), _clamped(), *map(_clipped_output, EPS))

# These conventions as entries of the catalogue, with constants that are common.
TYPICAL = Catalogue()
for _entry in (
    OWN[0].at(0.1),
    *(family.at(1e-5) for family in OWN if family.id.startswith("eps")),
    _in_the_code("adam", {"betas": (0.9, 0.999), "eps": 1e-8}),
    _clipped(1e-7),
):
    if _entry.id not in TYPICAL.by_id:
        TYPICAL.enter(_entry)
