"""Mistakes in clipping the gradient before a step."""

from collections.abc import Iterable
from functools import partial

from parity.mistakes.conditions import Place, both
from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import updated
from parity.mistakes.slots import Numbers, Part
from parity.proof import penalising
from parity.proof.equations.clipping import TINY
from parity.steps.record import Spec

CLIPPING = Catalogue()


def _clips(*kinds: str) -> Place:
    """Networks whose gradients are clipped so."""
    return lambda spec, l: spec.clip is not None and spec.clip[0] in kinds


def _is_deep(spec: Spec, l: int) -> bool:
    return len(spec.sizes) > 2


def _has_penalty(spec: Spec, l: int) -> bool:
    return spec.penalty is not None


bug = partial(CLIPPING.add, equation="step", hidden=("no clipping",))
of_norm = partial(bug, where=_clips("norm"))


def _norm(s: StepProgram, parts: Iterable[Part]) -> Numbers:
    return penalising.norm([s.gradient(part) for part in parts])


@bug(
    id="clip-forgotten",
    formula="theta = theta - lr g, g not clipped",
    happens="The gradient is not clipped.",
    why="A single steep place then throws the weights far away, which clipping is there to "
    "prevent.",
    slots=("clipped",),
    where=_clips("norm", "value"),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return s.gradient(part)


@of_norm(
    id="clip-per-layer",
    formula="g^l = g^l min(1, c / |g^l|), |g^l| of one layer",
    happens="The gradient of each layer is clipped by the norm of that layer.",
    why="The layers are then shortened by different shares, and the step goes another way: the "
    "norm is that of all gradients together.",
    slots=("norm",),
    where=both(_clips("norm"), _is_deep),
    hidden=("no clipping", "one layer"),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _norm(s, (other for other in s.parts if other.layer == part.layer))


@of_norm(
    id="clip-per-array",
    formula="g = g min(1, c / |g|), |g| of each dW and db",
    happens="Each dW and each db is clipped by its own norm.",
    why="The step then goes another way than the gradient. Keras's clipnorm does so, PyTorch and "
    "global_clipnorm take the norm of all gradients together.",
    slots=("norm",),
    declarable=True,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _norm(s, [part])


@of_norm(
    id="clip-by-the-square",
    formula="g = g min(1, c / sum g^2)",
    happens="The sum of the squares stands where the norm should, without the root.",
    why="The norm is the root of that sum: without it, gradients are shortened by their length "
    "once more.",
    slots=("norm",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * right()


@of_norm(
    id="clip-by-the-largest",
    formula="g = g min(1, c / max |g|)",
    happens="The gradient is divided by its largest entry, not by its norm.",
    why="The norm counts every entry, so the clipped gradient is longer than c.",
    slots=("norm",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    first, *others = (abs(s.gradient(each)).max() for each in s.parts)
    largest = first
    for other in others:
        largest = (other - largest).where_positive(other, largest)
    return largest


@of_norm(
    id="clip-always",
    formula="g = g c / |g|, also where |g| < c",
    happens="The gradient is brought to the length c also where it is shorter.",
    why="Near a minimum, where gradients are small, the steps then stay as long as ever: only what "
    "is longer than c is to be shortened.",
    slots=("share",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    norm = s.norm(part)
    return norm.lift(s.limit) / (norm + TINY)


@of_norm(
    id="clip-without-tiny",
    formula="g = g min(1, c / |g|), without 1e-6",
    happens="Nothing is added to the norm before it divides.",
    why="Keras and textbooks do so; PyTorch adds 1e-6, so that a norm of 0 does not divide, and "
    "gradients come out shorter by as much.",
    slots=("share",),
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return penalising.share(s.limit, s.norm(part), 0.0)


@bug(
    id="clip-before-the-penalty",
    formula="g = clip(dloss/dtheta) + P'",
    happens="The gradient is clipped before that of the penalty is added.",
    why="What is stepped by may then be longer than c: clipping comes last, on the gradient of the "
    "whole cost.",
    slots=("clipped",),
    where=both(_clips("norm", "value"), _has_penalty),
    hidden=("no clipping", "no penalty"),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    of_loss = {each: s.of_loss(each) for each in s.parts}
    short = penalising.clipped(s.spec.clip or ("value", s.limit), of_loss, part)
    return short + s.slope(part)


@bug(
    id="clip-from-above-alone",
    formula="g = min(g, c)",
    happens="Entries above the limit are cut, those below minus the limit are not.",
    why="A gradient may be as steep downwards: it is cut to lie between -c and c.",
    slots=("clipped",),
    where=_clips("value"),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return -(-s.gradient(part)).maximum(-s.limit)


def _stepped(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    moves = {each: s.start(each) - updated(s, each) for each in s.parts}
    return s.start(part) - penalising.clipped(s.spec.clip or ("value", s.limit), moves, part)


@bug(
    id="clip-the-step",
    formula="theta = theta - clip(u), u the step by g itself",
    happens="The step is clipped, not the gradient.",
    why="What the rule keeps from step to step is then made of gradients that were not clipped, "
    "and the limit is on lr times the gradient.",
    slots=("clipped",),
    where=_clips("norm", "value"),
    also={"step": _stepped},
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return s.gradient(part)
