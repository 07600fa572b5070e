"""Mistakes in the momentum, of SGD and of RMSprop, and in what every rule keeps from
step to step.
"""

from typing import Any

from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import Numbers, Part, StepProgram
from parity.mistakes.rules import STATE, has_state, kept_on, updated, uses, vectors
from parity.proof import formulas
from parity.proof.formulas import ONE
from parity.steps.record import Spec

MOMENTUM = Catalogue()
bug = MOMENTUM.add

WITH_MOMENTUM = uses("sgd", "rmsprop", momentum=True)
HEAVY_BALL = uses("sgd", momentum=True, nesterov=False)
NESTEROV = uses("sgd", momentum=True, nesterov=True)


def _is_first(s: StepProgram, part: Part) -> bool:
    return s.old("momentum_buffer", part) is None


def _pushed(s: StepProgram, part: Part) -> Numbers:
    """What is added to the velocity."""
    if s.spec.optimizer == "rmsprop":
        return formulas.quotient(
            s.h,
            s.decayed(part),
            {key: s.state(key, part) for key in s.keeps if key != "momentum_buffer"},
        )
    return s.decayed(part) if _is_first(s, part) else s.decayed(part) * (ONE - s.h["dampening"])


def _velocity(s: StepProgram, part: Part, mu: Any, pushed: Numbers) -> Numbers:
    """mu v + what is pushed; v is 0 before the first step."""
    return pushed if _is_first(s, part) else s.old("momentum_buffer", part) * mu + pushed


def _without_lr_on_v(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """theta + v, for a v that has the rate and the sign of the step in it; with
    Nesterov theta + mu v - lr g.
    """
    v = s.state("momentum_buffer", part)
    return s.start(part) + (
        v * s.h["momentum"] - s.decayed(part) * s.lr if s.h.get("nesterov") else v
    )


@bug(
    "step",
    "v = mu v - lr g, theta = theta + v",
    "momentum_buffer",
    where=WITH_MOMENTUM,
    hidden=("constant learning rate", "first step"),
    verdict=CONVENTION,
    also={"step": _without_lr_on_v},
)
def momentum_with_lr_inside(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The learning rate is multiplied into the velocity, as in the original papers and
    in Keras. While lr is constant that is the same as PyTorch's v = mu v + g with the
    step lr v; when lr changes, here the old steps keep the old rate.
    """
    return _velocity(s, part, s.h["momentum"], _pushed(s, part) * -s.lr)


@bug(
    "step",
    "v = 0, theta = theta - lr g",
    "momentum_buffer",
    where=WITH_MOMENTUM,
    hidden=("no momentum",),
    also={"step": lambda s, part, right: updated(s, part, momentum=0.0)},
)
def momentum_without_effect(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The velocity is always 0, so each step is taken along this step's gradient alone.

    Momentum needs a memory that lives on from step to step: what is computed as the
    difference of two names for one array is 0.
    """
    return right() * 0.0


@bug(
    "step", "theta = theta - lr v_old", where=uses("sgd", "rmsprop", momentum=True, nesterov=False)
)
def momentum_old_velocity(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The step is taken along the velocity from before this gradient was added.

    Each gradient then arrives one step late, and the first step does nothing at all.
    """
    return updated(
        s,
        part,
        new={
            **{key: s.state(key, part) for key in s.keeps},
            "momentum_buffer": _velocity_before(s, part),
        },
    )


def _velocity_before(s: StepProgram, part: Part) -> Numbers:
    return s.start(part) * 0.0 if _is_first(s, part) else s.old("momentum_buffer", part)


@bug(
    "step",
    "theta = theta - (1 - mu) lr v_old, v = mu v + (1 - mu) g",
    "momentum_buffer",
    where=HEAVY_BALL,
    also={
        "step": lambda s, part, right: (
            s.start(part) - _velocity_before(s, part) * (s.lr * (ONE - s.h["momentum"]))
        )
    },
)
def momentum_old_velocity_damped_twice(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The step is taken along the old velocity, and both the gradient and the step are
    multiplied by 1 - mu. The gradient arrives one step late, and is weighted down twice
    where once would make v an average of gradients.
    """
    return _velocity(s, part, s.h["momentum"], s.decayed(part) * (ONE - s.h["momentum"]))


@bug(
    "step",
    "v = -g first, then v = mu v - lr g; theta = theta + v",
    "momentum_buffer",
    where=HEAVY_BALL,
    also={"step": lambda s, part, right: s.start(part) + s.state("momentum_buffer", part)},
)
def momentum_first_step_without_lr(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The velocity starts as the whole gradient, and only later gradients are
    multiplied by lr. The first step is 1/lr times too long, and the velocity carries it
    on into the next ones.
    """
    return (
        -s.decayed(part)
        if _is_first(s, part)
        else _velocity(s, part, s.h["momentum"], _pushed(s, part) * -s.lr)
    )


@bug("step", "theta = mu theta - lr g", where=HEAVY_BALL)
def momentum_on_weights(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The factor mu multiplies the weights instead of the last step.

    That is no momentum but a strong weight decay: what was learned shrinks by 1 - mu in
    every step.
    """
    return s.start(part) * s.h["momentum"] - s.decayed(part) * s.lr


@bug(
    "step",
    "v = mu v + (1 - mu) g",
    "momentum_buffer",
    where=uses("sgd", momentum=True),
    hidden=("no momentum",),
    verdict=CONVENTION,
)
def momentum_as_average(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The velocity is a running average of the gradients, with weights mu and 1 - mu
    from the first step on. PyTorch adds the gradient whole, so its steps grow up to
    1/(1 - mu) times as long with the same lr.
    """
    return _velocity(s, part, s.h["momentum"], s.decayed(part) * (ONE - s.h["momentum"]))


@bug(
    "step", "v = v + g", "momentum_buffer", where=uses("sgd", momentum=True), hidden=("first step",)
)
def velocity_as_gradient_sum(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The velocity is not multiplied by mu before the gradient is added.

    Without that friction nothing is ever forgotten, and the weights swing from one side
    of the valley to the other for ever.
    """
    return _velocity(s, part, 1.0, _pushed(s, part))


@bug(
    "step",
    "v = g - mu v",
    "momentum_buffer",
    where=uses("sgd", momentum=True),
    hidden=("first step", "no momentum"),
)
def momentum_sign(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The old velocity is subtracted from the gradient instead of added.

    Gradients that agree from step to step then cancel each other, where momentum ought
    to add them up.
    """
    return _velocity(s, part, -s.h["momentum"], _pushed(s, part))


@bug("step", "b = b - lr g, v for W only", where=WITH_MOMENTUM, hidden=("no momentum",))
def momentum_not_on_b(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The biases are updated without momentum, and only W has a velocity.

    The rule is the same for every parameter, and b has to learn like W.
    """
    return updated(s, part, momentum=0.0) if part.name == "b" else right()


@bug(
    "step",
    "v = mu v + g, dampening ignored",
    "momentum_buffer",
    where=uses("sgd", momentum=True, dampening=True),
    hidden=("first step",),
)
def dampening_ignored(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The gradient is added to the velocity whole, although a dampening is set.

    It should be multiplied by 1 - dampening from the second step on, so the steps grow
    too long.
    """
    return _velocity(s, part, s.h["momentum"], s.decayed(part))


@bug(
    "step",
    "v = (1 - dampening) g in the first step",
    "momentum_buffer",
    where=uses("sgd", momentum=True, dampening=True),
    verdict=CONVENTION,
)
def momentum_first_step_damped(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The very first gradient is dampened like all others, as from a velocity of zeros.

    PyTorch, which has no velocity then, takes the first gradient whole.
    """
    return right() * (ONE - s.h["dampening"]) if _is_first(s, part) else right()


@bug("step", "theta = theta - lr v, v = mu v + g", where=NESTEROV, hidden=("no momentum",))
def nesterov_without_effect(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The step is that of plain momentum, although Nesterov's is asked for.

    Nesterov's step looks ahead: it goes along g + mu v with the new velocity v.
    """
    return updated(s, part, nesterov=False)


@bug("step", "theta = theta - lr (g - mu v)", where=NESTEROV, hidden=("no momentum",))
def nesterov_sign(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The look-ahead term mu v has the wrong sign in the step.

    Nesterov's step goes along g + mu v; with the minus it brakes where it should run
    ahead.
    """
    return (
        s.start(part)
        - (s.decayed(part) - s.state("momentum_buffer", part) * s.h["momentum"]) * s.lr
    )


def _inside(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _velocity(s, part, s.h["momentum"], s.decayed(part) * -s.lr)


def _ahead(s: StepProgram, part: Part) -> Numbers:
    """theta + mu v, with the v from before the step."""
    return (
        s.start(part)
        if _is_first(s, part)
        else s.start(part) + s.old("momentum_buffer", part) * s.h["momentum"]
    )


@bug(
    "step",
    "g at theta + mu v; v = mu v - lr g, theta = theta + v",
    "read",
    where=NESTEROV,
    hidden=("no momentum",),
    verdict=CONVENTION,
    also={
        "momentum_buffer": _inside,
        "step": lambda s, part, right: s.start(part) + s.state("momentum_buffer", part),
    },
)
def nesterov_at_the_look_ahead(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The gradient is taken where the velocity will carry the weights, as the method
    was first written. PyTorch keeps the looked-ahead weights instead and takes the
    gradient at those: while lr is constant, the same path by other names.
    """
    return _ahead(s, part)


@bug(
    "step",
    "theta = theta + mu v, g there; v = mu v - lr g, theta = theta + v",
    "read",
    where=NESTEROV,
    hidden=("no momentum",),
    also={
        "momentum_buffer": _inside,
        "step": lambda s, part, right: _ahead(s, part) + s.state("momentum_buffer", part),
    },
)
def nesterov_look_ahead_kept(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The weights are moved ahead by mu v to take the gradient, and the whole new
    velocity is added on top. The look-ahead is then walked twice, because the new v has
    mu v in it already.
    """
    return _ahead(s, part)


# state


@vectors(
    "v = start value before every step",
    *STATE,
    catalogue=MOMENTUM,
    where=has_state,
    hidden=("first step",),
)
def state_not_kept(s: StepProgram, key: str, part: Part) -> Numbers:
    """The velocity and the averages start anew in every step, as when the optimizer is
    made inside the loop. They are the rule's memory: without it momentum has no effect,
    and an average is of one gradient only.
    """
    return kept_on(
        s,
        key,
        part,
        old=None if s.spec.optimizer == "sgd" else s.start(part) * 0.0 + s.rule.start(s.h),
    )


def _layers_alike(spec: Spec, l: int) -> bool:
    return len(set(spec.sizes)) == 1 and len(spec.sizes) > 2 and has_state(spec, l)


@vectors(
    "v^l = mu v^(l+1) + g^l: one vector for all layers",
    *STATE,
    catalogue=MOMENTUM,
    where=_layers_alike,
    hidden=("one layer",),
)
def state_shared_between_layers(s: StepProgram, key: str, part: Part) -> Numbers:
    """All layers write into the same velocity or averages, as when these are stored
    under a name that every layer has. Each parameter needs its own: here the gradients
    of one layer steer the steps of the next.
    """
    below = Part(part.name, part.layer - 1)
    return kept_on(
        s, key, part, old=s.state(key, below) if below.layer else s.old(key, Part(part.name, s.L))
    )
