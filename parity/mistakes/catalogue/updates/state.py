"""Mistakes in the state that update rules keep from step to step."""

from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import STATE, has_state, kept_on, vectors
from parity.mistakes.slots import Numbers, Part
from parity.steps.record import Spec

KEPT = Catalogue()


@vectors(
    KEPT,
    id="state-not-kept",
    formula="v = start value before every step",
    happens="The velocity and the averages start anew in every step, as when the optimizer is "
    "made inside the loop.",
    why="They are the rule's memory: without it momentum has no effect, and an average is of one "
    "gradient only.",
    keys=STATE,
    where=has_state,
    hidden=("the first step alone",),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(
        s,
        key,
        part,
        old=None if s.spec.optimizer == "sgd" else s.start(part) * 0.0 + s.rule.start(s.h(part)),
    )


def _layers_alike(spec: Spec, l: int) -> bool:
    return len(set(spec.sizes)) == 1 and len(spec.sizes) > 2 and has_state(spec, l)


@vectors(
    KEPT,
    id="state-shared-between-layers",
    formula="v^l = mu v^(l-1) + g^l: one vector for all layers",
    happens="All layers write into the same velocity or averages, as when these are stored under "
    "a name that every layer has.",
    why="Each parameter needs its own: here the gradients of one layer steer the steps of the "
    "next.",
    keys=STATE,
    where=_layers_alike,
    hidden=("one layer",),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    # the layers are stepped in order: each reads what the one below it has just written
    below = Part(part.name, part.layer - 1)
    return kept_on(
        s, key, part, old=s.state(key, below) if below.layer else s.old(key, Part(part.name, s.L))
    )
