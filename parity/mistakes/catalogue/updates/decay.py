"""Mistakes in the weight decay, in every update rule."""

from functools import partial

from parity.mistakes.conditions import both, has_biases, some_biases, trained_with
from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import has_state, updated, uses
from parity.mistakes.slots import Numbers, Part, is_decoupled
from parity.proof import formulas
from parity.steps.record import Spec

DECAY = Catalogue()
bug = DECAY.add


DECAYING = uses(weight_decay=True)
decays = partial(
    bug,
    equation="step",
    slots=("decay",),
    where=DECAYING,
    hidden=("no weight decay",),
)


@decays(
    id="decay-ignored",
    formula="theta = theta - lr g, weight_decay ignored",
    happens="The weight decay has no effect.",
    why="Each step should also pull every parameter towards 0, by lr weight_decay theta.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * 0.0


@decays(
    id="decay-subtracted",
    formula="g = g - weight_decay theta",
    happens="The weight decay has the wrong sign.",
    why="It then drives every parameter away from 0, faster the larger it is, which is the "
    "opposite of what a penalty on large weights should do.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return -right()


@decays(
    id="decay-not-on-b",
    formula="g = g + weight_decay theta for W only",
    happens="Only W decays, and b is left out.",
    why="Most textbooks do it like this, because a bias cannot make a unit overly sensitive to "
    "its inputs; PyTorch decays every parameter that it is given.",
    where=both(DECAYING, has_biases),
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * (1.0 if part.name == "W" else 0.0)


@decays(
    id="decay-divided-by-n",
    formula="g = g + weight_decay theta / n",
    happens="The weight decay is divided by the number of samples.",
    why="That belongs to a penalty that is averaged with the loss, as scikit-learn has it; "
    "PyTorch does not divide.",
    hidden=("no weight decay", "one sample"),
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() / s.n


@decays(
    id="decay-doubled",
    formula="g = g + 2 weight_decay theta",
    happens="The weight decay is twice as strong as PyTorch's.",
    why="It is the gradient of the penalty weight_decay theta^2, while PyTorch's belongs to half "
    "of that.",
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * 2.0


@decays(
    id="decay-halved",
    formula="g = g + weight_decay theta / 2",
    happens="The weight decay is half as strong as it should be.",
    why="The 2 that comes from differentiating theta^2 was forgotten: the gradient of "
    "weight_decay theta^2 / 2 is weight_decay theta.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * 0.5


@decays(
    id="decay-constant-on-b",
    formula="db = db + weight_decay",
    happens="The weight decay is added to every bias gradient as a constant, as by a column of "
    "ones in place of the biases.",
    why="It then pushes every bias the same way for ever, instead of pulling each one towards 0.",
    where=both(DECAYING, has_biases),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() if part.name == "W" else right() * 0.0 + s.h(part)["weight_decay"]


@decays(
    id="decay-only-on-b",
    formula="g = g + weight_decay theta for b only",
    happens="Only b decays, and W is left out.",
    why="The decay is there to keep the weights small, so W and b are mixed up.",
    where=both(DECAYING, some_biases),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * (1.0 if part.name == "b" else 0.0)


@decays(
    id="decay-with-lr-twice",
    formula="theta = theta - lr (g + lr weight_decay theta)",
    happens="The weight decay is multiplied by the learning rate before it is added to the "
    "gradient, and again in the step.",
    why="The decay then fades with the square of lr and has next to no effect when lr is small.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * s.lr(part)


@bug(
    id="decay-coupled",
    equation="step",
    formula="g = g + weight_decay theta before m and v",
    happens="AdamW's weight decay is added to the gradient, which is how Adam does it.",
    why="The averages then divide it by the size of the gradients, while AdamW should shrink "
    "every weight by the same share, apart from the step.",
    slots=("decayed",),
    where=uses("adamw", weight_decay=True),
    hidden=("no weight decay",),
    also={"step": lambda s, part, right: updated(s, part, weight_decay=0.0)},
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return s.clipped(part) + s.decay(part)


def _coupling_matters(spec: Spec, l: int) -> bool:
    decays = trained_with(weight_decay=True)
    return not is_decoupled(spec) and decays(spec, l) and has_state(spec, l)


@bug(
    id="decay-decoupled",
    equation="step",
    formula="theta = (1 - lr weight_decay) theta - lr ..., g alone in the state",
    happens="The weight decay shrinks theta directly and is left out of the velocity or the "
    "averages.",
    why="That is AdamW's way: in the other rules the decay is part of the gradient and goes where "
    "the gradient goes.",
    slots=("decayed",),
    where=_coupling_matters,
    hidden=("no weight decay",),
    also={"step": lambda s, part, right: right() - s.decay(part) * s.lr(part)},
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return s.clipped(part)


@bug(
    id="decay-after-the-step",
    equation="step",
    formula="theta = (1 - lr weight_decay) (theta - lr ...)",
    happens="AdamW's weight decay is applied to the new weights instead of the old ones.",
    why="The step itself is then shrunk as well: theta should decay first, and the step be taken "
    "from there.",
    where=uses("adamw", weight_decay=True),
    hidden=("no weight decay",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return formulas.kept("adamw", s.h(part), updated(s, part, weight_decay=0.0))


@bug(
    id="decay-without-lr",
    equation="step",
    formula="theta = (1 - weight_decay) theta - lr ...",
    happens="AdamW's weight decay is not multiplied by the learning rate.",
    why="The paper has it so, with one schedule for both the step and the decay; PyTorch "
    "multiplies the decay by lr, so the same number means another strength.",
    where=uses("adamw", weight_decay=True),
    hidden=("no weight decay",),
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, weight_decay=0.0) - s.decay(part)
