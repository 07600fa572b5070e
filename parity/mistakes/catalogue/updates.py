"""Mistakes in the step and the weight decay of every update rule.

Those in the momentum and the state are in `momentum_bugs`, those of the adaptive rules
alone in `adaptive_bugs`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from parity.mistakes.mistake import CONVENTION, Catalogue, Wrong
from parity.mistakes.program import Numbers, Part, StepProgram
from parity.mistakes.rules import has_state, updated, uses
from parity.proof import formulas
from parity.proof.formulas import ONE
from parity.rounding.bounded import positive
from parity.steps.record import Spec

UPDATE = Catalogue()
bug = UPDATE.add


# the step


@bug("step", "theta = theta + lr g")
def step_uphill(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The step is added instead of subtracted.

    The gradient points to where the cost grows, so the network climbs away from the
    minimum.
    """
    return formulas.kept(s.spec.optimizer, s.h, s.start(part)) * 2.0 - right()


@bug("step", "theta = theta")
def weights_never_updated(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The step never reaches the network: its W and b stay as they are, as when a copy
    of them is updated. Whatever the gradients are, a network learns only by what is
    written back into it.
    """
    return s.start(part)


@bug("step", "b = b")
def bias_never_updated(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """Only W is updated, and b keeps its first value.

    The bias is a parameter like the weights and has a gradient of its own: without it
    no unit can move its threshold.
    """
    return s.start(part) if part.name == "b" else right()


@bug(
    "step",
    "theta^l = theta^l for l < L",
    where=lambda spec, l: l < len(spec.sizes) - 1,
    hidden=("one layer",),
)
def only_last_layer_updated(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """A hidden layer is left out of the update.

    It keeps its random weights, so the layers above can only learn from random
    features.
    """
    return s.start(part)


@bug("step", "theta = theta - g")
def lr_missing(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The step is taken without the learning rate, as if lr were 1.

    The gradient says which way is down, not how far the slope goes on: without a small
    lr the step overshoots the minimum.
    """
    return updated(s, part, lr=1.0)


@bug("step", "theta = theta - lr^2 g")
def lr_twice(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The learning rate is multiplied in twice, for example once into the gradient and
    once into the step. The step then shrinks with the square of lr, so training is far
    slower than the rate that was asked for.
    """
    return updated(s, part, lr=s.lr * s.lr)


@bug("step", "theta = theta - lr g / n", hidden=("one sample",))
def step_averaged(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The step is divided by the number of samples, though the gradient is an average
    already. The mean over the samples is part of the loss: to divide again makes the
    step n times too short.
    """
    return updated(s, part, lr=s.lr / s.n)


@bug("step", "theta = theta - 2 lr g", where=uses("sgd", momentum=False, weight_decay=False))
def step_taken_twice(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The same gradient is subtracted twice, as when the update is called in two
    places. A gradient holds for the weights that it was computed at, and the second
    step is taken from others.
    """
    return updated(s, part, lr=2.0 * s.lr)


@bug(
    "step",
    "theta = theta - lr_1 g, lr_1 from the first step",
    hidden=("constant learning rate", "first step"),
)
def lr_of_the_first_step(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """Every step is taken with the learning rate of the first one.

    A schedule that lowers the rate has no effect then, because the rule has read its
    rate once and never asks again.
    """
    first = s
    while first.previous is not None:
        first = first.previous
    return updated(s, part, lr=first.lr)


@bug("step", "theta = theta - lr_(t-1) g", hidden=("constant learning rate", "first step"))
def lr_of_the_step_before(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """Each step is taken with the learning rate of the step before.

    The schedule is then one step late, as when the rate is set after the update instead
    of before it.
    """
    return updated(s, part, lr=s.previous.lr if s.previous else s.lr)


@bug("step", "b = b - 2 lr db", verdict=CONVENTION)
def bias_at_twice_the_rate(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The biases are updated with twice the learning rate of the weights.

    That is a custom that came with Caffe; PyTorch steps every parameter with the same
    rate unless it is told otherwise.
    """
    return updated(s, part, lr=2.0 * s.lr) if part.name == "b" else right()


@bug("step", "theta = trunc(theta - lr g)")
def weights_truncated(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The new weights lose everything behind the decimal point, as in an array of
    integers. A step of less than 1 is then lost or rounded towards zero: W and b must
    be arrays of floats from the start.
    """
    return _truncated(right())


def _truncated(x: Numbers) -> Numbers:
    # x may lie on either side of this integer alone, which is what `positive` can bound
    near = np.rint(x.value)
    toward = np.sign(near)
    return positive((near - x) * toward, near - toward, near)


@bug("step", "theta = theta - NaN g")
def lr_not_a_number(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """Every parameter is NaN after the first step, as when the learning rate was never
    set. NaN times anything is NaN, and from the weights it spreads to everything that
    is computed next.
    """
    return s.start(part) * float("nan")


# weight decay


def decays(formula: str, **rest: Any) -> Callable[[Callable[[StepProgram, Part], Numbers]], Wrong]:
    """Enter a mistake in the decay alone, in whatever rule: the function gives what
    stands for weight_decay theta.
    """

    def enter(added: Callable[[StepProgram, Part], Numbers]) -> Wrong:
        def coupled(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            return right() if s.spec.optimizer == "adamw" else s.gradient(part) + added(s, part)

        def decoupled(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            return (
                updated(s, part, weight_decay=0.0) - added(s, part) * s.lr
                if s.spec.optimizer == "adamw"
                else right()
            )

        given = {
            "hidden": ("no weight decay",),
            "where": uses(weight_decay=True),
            "also": {"step": decoupled},
            **rest,
        }
        return bug("step", formula, "decayed", **given)(wraps(added)(coupled))

    return enter


def _of(s: StepProgram, part: Part, times: Any) -> Numbers:
    return s.start(part) * (s.h["weight_decay"] * times)


@decays("theta = theta - lr g, weight_decay ignored")
def decay_ignored(s: StepProgram, part: Part) -> Numbers:
    """The weight decay has no effect.

    With it each step should also pull every parameter towards 0, by lr weight_decay
    theta.
    """
    return _of(s, part, 0.0)


@decays("g = g - weight_decay theta")
def decay_subtracted(s: StepProgram, part: Part) -> Numbers:
    """The weight decay has the wrong sign.

    It then drives every parameter away from 0, faster the larger it is, which is the
    opposite of what a penalty on large weights should do.
    """
    return _of(s, part, -1.0)


@decays("g = g + weight_decay theta for W only", verdict=CONVENTION)
def decay_not_on_b(s: StepProgram, part: Part) -> Numbers:
    """Only W decays, and b is left out.

    Most textbooks do it like this, because a bias cannot make a unit overly sensitive
    to its inputs; PyTorch decays every parameter that it is given.
    """
    return _of(s, part, 1.0 if part.name == "W" else 0.0)


@decays(
    "g = g + weight_decay theta / n", hidden=("no weight decay", "one sample"), verdict=CONVENTION
)
def decay_divided_by_n(s: StepProgram, part: Part) -> Numbers:
    """The weight decay is divided by the number of samples.

    That belongs to a penalty that is averaged with the loss, as scikit-learn has it;
    PyTorch does not divide.
    """
    return _of(s, part, ONE / s.n)


@decays("g = g + 2 weight_decay theta", verdict=CONVENTION)
def decay_doubled(s: StepProgram, part: Part) -> Numbers:
    """The weight decay is twice as strong as PyTorch's.

    It is the gradient of the penalty weight_decay theta^2, while PyTorch's belongs to
    half of that.
    """
    return _of(s, part, 2.0)


@decays("g = g + weight_decay theta / 2")
def decay_halved(s: StepProgram, part: Part) -> Numbers:
    """The weight decay is half as strong as it should be.

    The 2 that comes from differentiating theta^2 was forgotten: the gradient of
    weight_decay theta^2 / 2 is weight_decay theta.
    """
    return _of(s, part, 0.5)


@decays("db = db + weight_decay")
def decay_constant_on_b(s: StepProgram, part: Part) -> Numbers:
    """The weight decay is added to every bias gradient as a constant, as by a column of
    ones where the biases should stand. It then pushes every bias the same way for ever,
    instead of pulling each one towards 0.
    """
    return _of(s, part, 1.0) if part.name == "W" else _of(s, part, 0.0) + s.h["weight_decay"]


@decays("g = g + weight_decay theta for b only")
def decay_only_on_b(s: StepProgram, part: Part) -> Numbers:
    """Only b decays, and W is left out.

    It is the large weights that the decay is there to prevent, so the two are mixed up.
    """
    return _of(s, part, 1.0 if part.name == "b" else 0.0)


@decays("theta = theta - lr (g + lr weight_decay theta)")
def decay_with_lr_twice(s: StepProgram, part: Part) -> Numbers:
    """The weight decay is multiplied by the learning rate before it joins the gradient,
    which is multiplied by it again. The decay then fades with the square of lr and has
    next to no effect when lr is small.
    """
    return _of(s, part, s.lr)


@bug(
    "step",
    "g = g + weight_decay theta before m and v",
    "decayed",
    where=uses("adamw", weight_decay=True),
    hidden=("no weight decay",),
    also={"step": lambda s, part, right: updated(s, part, weight_decay=0.0)},
)
def decay_coupled(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """AdamW's weight decay is added to the gradient, which is how Adam does it.

    The averages then divide it by the size of the gradients: AdamW is there to shrink
    every weight in the same proportion, beside the step.
    """
    return s.gradient(part) + s.start(part) * s.h["weight_decay"]


def _coupling_matters(spec: Spec, l: int) -> bool:
    return (
        spec.optimizer != "adamw"
        and bool(spec.hyperparameters["weight_decay"])
        and has_state(spec, l)
    )


@bug(
    "step",
    "theta = (1 - lr weight_decay) theta - lr ..., g alone in the state",
    "decayed",
    where=_coupling_matters,
    hidden=("no weight decay",),
    also={"step": lambda s, part, right: right() - s.start(part) * (s.h["weight_decay"] * s.lr)},
)
def decay_decoupled(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The weight decay shrinks theta directly and is left out of the velocity or the
    averages. That is AdamW's way: in the other rules the decay is part of the gradient
    and goes where the gradient goes.
    """
    return s.gradient(part)


@bug(
    "step",
    "theta = (1 - lr weight_decay) (theta - lr ...)",
    where=uses("adamw", weight_decay=True),
    hidden=("no weight decay",),
)
def decay_after_the_step(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """AdamW's weight decay is applied to the new weights instead of the old ones.

    The step itself is then shrunk as well: theta should decay first, and the step be
    taken from there.
    """
    return formulas.kept("adamw", s.h, updated(s, part, weight_decay=0.0))


@bug(
    "step",
    "theta = (1 - weight_decay) theta - lr ...",
    where=uses("adamw", weight_decay=True),
    hidden=("no weight decay",),
    verdict=CONVENTION,
)
def decay_without_lr(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """AdamW's weight decay is not multiplied by the learning rate.

    The paper has it so, with a schedule for both beside a fixed rate; PyTorch
    multiplies the decay by lr, so the same number means another strength.
    """
    return updated(s, part, weight_decay=0.0) - s.start(part) * s.h["weight_decay"]
