"""Mistakes in the momentum of SGD and of RMSprop."""

from typing import Any

from parity.mistakes.conditions import both, has_biases
from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import MOMENTUM_RULES, new_averages, updated, uses
from parity.mistakes.slots import Numbers, Part
from parity.proof import formulas
from parity.proof.formulas import ONE

MOMENTUM = Catalogue()
bug = MOMENTUM.add

WITH_MOMENTUM = uses(*MOMENTUM_RULES, momentum=True)
HEAVY_BALL = uses("sgd", momentum=True, nesterov=False)
NESTEROV = uses("sgd", momentum=True, nesterov=True)


def _is_first(s: StepProgram, part: Part) -> bool:
    return s.old("momentum_buffer", part) is None


def _pushed(s: StepProgram, part: Part) -> Numbers:
    """What is added to the velocity."""
    if s.spec.optimizer == "rmsprop":
        return formulas.quotient(s.h(part), s.decayed(part), new_averages(s, part))
    return (
        s.decayed(part) if _is_first(s, part) else s.decayed(part) * (ONE - s.h(part)["dampening"])
    )


def _velocity(s: StepProgram, part: Part, mu: Any, pushed: Numbers) -> Numbers:
    """mu v + pushed; v is 0 before the first step."""
    return pushed if _is_first(s, part) else s.old("momentum_buffer", part) * mu + pushed


def _without_lr_on_v(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """theta + v, for a v that contains -lr; with Nesterov theta + mu v - lr g."""
    v = s.state("momentum_buffer", part)
    return s.start(part) + (
        v * s.h(part)["momentum"] - s.decayed(part) * s.lr(part) if s.h(part).get("nesterov") else v
    )


@bug(
    id="momentum-with-lr-inside",
    equation="step",
    formula="v = mu v - lr g, theta = theta + v",
    happens="The learning rate is multiplied into the velocity, as in the original papers and in "
    "Keras.",
    why="While lr is constant that is the same as PyTorch's v = mu v + g with the step lr v; when "
    "lr changes, here the old gradients keep the old rate.",
    slots=("momentum_buffer",),
    where=WITH_MOMENTUM,
    hidden=("a constant learning rate", "the first step alone"),
    verdict=CONVENTION,
    also={"step": _without_lr_on_v},
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _velocity(s, part, s.h(part)["momentum"], _pushed(s, part) * -s.lr(part))


@bug(
    id="momentum-without-effect",
    equation="step",
    formula="v = 0, theta = theta - lr g",
    happens="The velocity is always 0, so each step is taken along this step's gradient alone.",
    why="Momentum needs a memory that lasts from step to step; the difference of two names for "
    "one array is always 0.",
    slots=("momentum_buffer",),
    where=WITH_MOMENTUM,
    hidden=("no momentum",),
    also={"step": lambda s, part, right: updated(s, part, momentum=0.0)},
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * 0.0


@bug(
    id="momentum-old-velocity",
    equation="step",
    formula="theta = theta - lr v_old",
    happens="The step is taken along the velocity from before this gradient was added.",
    why="Each gradient then arrives one step late, and the first step does nothing at all.",
    where=uses(*MOMENTUM_RULES, momentum=True, nesterov=False),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(
        s,
        part,
        new={
            **{key: s.state(key, part) for key in s.keeps(part)},
            "momentum_buffer": _velocity_before(s, part),
        },
    )


def _velocity_before(s: StepProgram, part: Part) -> Numbers:
    return s.start(part) * 0.0 if _is_first(s, part) else s.old("momentum_buffer", part)


@bug(
    id="momentum-old-velocity-damped-twice",
    equation="step",
    formula="theta = theta - (1 - mu) lr v_old, v = mu v + (1 - mu) g",
    happens="The step is taken along the old velocity, and both the gradient and the step are "
    "multiplied by 1 - mu.",
    why="Each gradient arrives one step late and is multiplied by 1 - mu twice; once would make v "
    "an average of gradients.",
    slots=("momentum_buffer",),
    where=HEAVY_BALL,
    also={
        "step": lambda s, part, right: (
            s.start(part) - _velocity_before(s, part) * (s.lr(part) * (ONE - s.h(part)["momentum"]))
        )
    },
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _velocity(
        s, part, s.h(part)["momentum"], s.decayed(part) * (ONE - s.h(part)["momentum"])
    )


@bug(
    id="momentum-first-step-without-lr",
    equation="step",
    formula="v = -g first, then v = mu v - lr g; theta = theta + v",
    happens="The velocity starts as the whole gradient, and only later gradients are multiplied "
    "by lr.",
    why="The first step is 1/lr times too long, and the velocity carries it on into the next ones.",
    slots=("momentum_buffer",),
    where=HEAVY_BALL,
    also={"step": lambda s, part, right: s.start(part) + s.state("momentum_buffer", part)},
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return (
        -s.decayed(part)
        if _is_first(s, part)
        else _velocity(s, part, s.h(part)["momentum"], _pushed(s, part) * -s.lr(part))
    )


@bug(
    id="momentum-on-weights",
    equation="step",
    formula="theta = mu theta - lr g",
    happens="The factor mu multiplies the weights instead of the last step.",
    why="That is not momentum but a strong weight decay: the weights lose the share 1 - mu in "
    "every step.",
    where=HEAVY_BALL,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return s.start(part) * s.h(part)["momentum"] - s.decayed(part) * s.lr(part)


@bug(
    id="momentum-as-average",
    equation="step",
    formula="v = mu v + (1 - mu) g",
    happens="The velocity is a running average of the gradients, with weights mu and 1 - mu from "
    "the first step on.",
    why="PyTorch adds the gradient whole, so its steps grow up to 1/(1 - mu) times as long with "
    "the same lr.",
    slots=("momentum_buffer",),
    where=uses("sgd", momentum=True),
    hidden=("no momentum",),
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _velocity(
        s, part, s.h(part)["momentum"], s.decayed(part) * (ONE - s.h(part)["momentum"])
    )


@bug(
    id="velocity-as-gradient-sum",
    equation="step",
    formula="v = v + g",
    happens="The velocity is not multiplied by mu before the gradient is added.",
    why="Without that friction nothing is ever forgotten, and the weights swing from one side of "
    "the valley to the other for ever.",
    slots=("momentum_buffer",),
    where=uses("sgd", momentum=True),
    hidden=("the first step alone",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _velocity(s, part, 1.0, _pushed(s, part))


@bug(
    id="momentum-sign",
    equation="step",
    formula="v = g - mu v",
    happens="The old velocity is subtracted from the gradient instead of added.",
    why="Gradients that agree from step to step then cancel each other, where momentum ought to "
    "add them up.",
    slots=("momentum_buffer",),
    where=uses("sgd", momentum=True),
    hidden=("the first step alone", "no momentum"),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _velocity(s, part, -s.h(part)["momentum"], _pushed(s, part))


@bug(
    id="momentum-not-on-b",
    equation="step",
    formula="b = b - lr g, v for W only",
    happens="The biases are updated without momentum, and only W has a velocity.",
    why="The rule is the same for every parameter, and b has to learn like W.",
    where=both(WITH_MOMENTUM, has_biases),
    hidden=("no momentum",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, momentum=0.0) if part.name == "b" else right()


@bug(
    id="dampening-ignored",
    equation="step",
    formula="v = mu v + g, dampening ignored",
    happens="The gradient is added to the velocity whole, although a dampening is set.",
    why="It should be multiplied by 1 - dampening from the second step on, so the steps grow too "
    "long.",
    slots=("momentum_buffer",),
    where=uses("sgd", momentum=True, dampening=True),
    hidden=("the first step alone",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _velocity(s, part, s.h(part)["momentum"], s.decayed(part))


@bug(
    id="momentum-first-step-damped",
    equation="step",
    formula="v = (1 - dampening) g in the first step",
    happens="The very first gradient is dampened like all others, as from a velocity of zeros.",
    why="PyTorch has no velocity at that point and takes the first gradient whole.",
    slots=("momentum_buffer",),
    where=uses("sgd", momentum=True, dampening=True),
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * (ONE - s.h(part)["dampening"]) if _is_first(s, part) else right()


@bug(
    id="nesterov-without-effect",
    equation="step",
    formula="theta = theta - lr v, v = mu v + g",
    happens="The step is that of plain momentum, although Nesterov's is switched on.",
    why="Nesterov's step looks ahead: it goes along g + mu v with the new velocity v.",
    where=NESTEROV,
    hidden=("no momentum",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, nesterov=False)


@bug(
    id="nesterov-sign",
    equation="step",
    formula="theta = theta - lr (g - mu v)",
    happens="The look-ahead term mu v has the wrong sign in the step.",
    why="Nesterov's step goes along g + mu v; with the minus it brakes where it should run ahead.",
    where=NESTEROV,
    hidden=("no momentum",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return s.start(part) - (
        s.decayed(part) - s.state("momentum_buffer", part) * s.h(part)["momentum"]
    ) * s.lr(part)


def _inside(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _velocity(s, part, s.h(part)["momentum"], s.decayed(part) * -s.lr(part))


def _ahead(s: StepProgram, part: Part) -> Numbers:
    """theta + mu v, with the v from before the step."""
    return (
        s.start(part)
        if _is_first(s, part)
        else s.start(part) + s.old("momentum_buffer", part) * s.h(part)["momentum"]
    )


@bug(
    id="nesterov-at-the-look-ahead",
    equation="step",
    formula="g at theta + mu v; v = mu v - lr g, theta = theta + v",
    happens="The gradient is taken where the velocity will carry the weights, as the method was "
    "first written.",
    why="PyTorch keeps the looked-ahead weights instead and takes the gradient at those: while lr "
    "is constant, that is the same path in other variables.",
    slots=("read",),
    where=NESTEROV,
    hidden=("no momentum",),
    verdict=CONVENTION,
    also={
        "momentum_buffer": _inside,
        "step": lambda s, part, right: s.start(part) + s.state("momentum_buffer", part),
    },
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _ahead(s, part)


@bug(
    id="nesterov-look-ahead-kept",
    equation="step",
    formula="theta = theta + mu v, g there; v = mu v - lr g, theta = theta + v",
    happens="The weights are moved ahead by mu v to take the gradient, and the whole new velocity "
    "is added on top.",
    why="The look-ahead is then walked twice, because the new v has mu v in it already.",
    slots=("read",),
    where=NESTEROV,
    hidden=("no momentum",),
    also={
        "momentum_buffer": _inside,
        "step": lambda s, part, right: _ahead(s, part) + s.state("momentum_buffer", part),
    },
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _ahead(s, part)
