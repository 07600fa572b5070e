"""Mistakes in Adam's averages, their betas, and AMSGrad's maximum."""

from functools import partial
from typing import Any

from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import ADAM_RULES, averaged, kept_on, updated, uses, vectors
from parity.mistakes.slots import Numbers, Part
from parity.proof import formulas
from parity.proof.formulas import ONE
from parity.rounding.bounded import positive

ADAM_AVERAGES = Catalogue()
bug = ADAM_AVERAGES.add
ADAM = uses(*ADAM_RULES)
AMSGRAD = uses(*ADAM_RULES, amsgrad=True)
averages = partial(vectors, ADAM_AVERAGES, where=ADAM)


def _swapped(s: StepProgram, part: Part) -> tuple[Any, Any]:
    beta1, beta2 = s.h(part)["betas"]
    return beta2, beta1


def _complemented(s: StepProgram, part: Part) -> tuple[Any, Any]:
    beta1, beta2 = s.h(part)["betas"]
    return ONE - beta1, ONE - beta2


@averages(
    id="adam-betas-swapped",
    formula="m = beta2 m + (1 - beta2) g, v = beta1 v + (1 - beta1) g^2",
    happens="Adam's two betas have changed places.",
    why="The gradients are then averaged over as many steps as their squares should be, so the "
    "direction of the step is out of date and its scale jumps about.",
    keys=("exp_avg", "exp_avg_sq"),
    also={"step": lambda s, part, right: updated(s, part, betas=_swapped(s, part))},
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(s, key, part, betas=_swapped(s, part))


@averages(
    id="adam-betas-complemented",
    formula="m = (1 - beta1) m + beta1 g, v = (1 - beta2) v + beta2 g^2",
    happens="Adam's betas are taken as the share of the new value instead of the share that is "
    "kept, as in the first version of the paper.",
    why="With the usual values the averages then forget nearly everything in each step.",
    keys=("exp_avg", "exp_avg_sq"),
    also={"step": lambda s, part, right: updated(s, part, betas=_complemented(s, part))},
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(s, key, part, betas=_complemented(s, part))


@averages(
    id="adam-betas-complemented-in-averages",
    formula="m = (1 - beta1) m + beta1 g, v = (1 - beta2) v + beta2 g^2, both corrected by "
    "1 - beta^t",
    happens="The averages take the share beta of the new value and keep the share 1 - beta, while "
    "the bias correction uses beta as it is meant.",
    why="So they forget too fast, and are corrected for a start that they have left behind.",
    keys=("exp_avg", "exp_avg_sq"),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(s, key, part, betas=_complemented(s, part))


@averages(
    id="adam-undamped-averages",
    formula="m = beta1 m + g, v = beta2 v + g^2",
    happens="Adam's averages add the whole new value, without the factor 1 - beta.",
    why="The weights of an average must add up to 1: these sums grow 1/(1 - beta) times as large.",
    keys=("exp_avg", "exp_avg_sq"),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    d = s.decayed(part)
    return averaged(s, key, part, d if key == "exp_avg" else d * d, share=1.0)


@averages(
    id="adam-m-not-averaged",
    formula="m = g",
    happens="Adam's m is this step's gradient, not an average.",
    why="Momentum is lost, and the bias correction, made for an average that starts at 0, "
    "lengthens the first steps.",
    keys=("exp_avg",),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return s.decayed(part) * 1.0


@averages(
    id="adam-v-from-m",
    formula="v = beta2 v + (1 - beta2) m^2",
    happens="Adam's v averages the squares of m instead of the squares of the gradient.",
    why="Gradients that change their sign cancel in m, so v no longer tells how large they are.",
    keys=("exp_avg_sq",),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    m = s.state("exp_avg", part)
    return averaged(s, key, part, m * m)


@bug(
    id="adam-lr-cancels",
    equation="step",
    formula="theta = theta - m / (sqrt(v) + eps), m and v of lr g",
    happens="The learning rate multiplies the gradient instead of the step.",
    why="Adam divides by the size of the gradients, so lr cancels: every step is about as long as "
    "with lr = 1, whatever lr is.",
    slots=("decayed",),
    where=ADAM,
    also={"step": lambda s, part, right: updated(s, part, lr=1.0)},
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * s.lr(part)


@bug(
    id="amsgrad-without-effect",
    equation="step",
    formula="v^ = v / (1 - beta2^t), without the maximum",
    happens="The step is plain Adam's, although AMSGrad is switched on.",
    why="AMSGrad divides by the largest v so far, so that no step grows because v has forgotten a "
    "large gradient.",
    where=AMSGRAD,
    hidden=("the first step alone",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, amsgrad=False)


@averages(
    id="amsgrad-forgets-maximum",
    formula="v^ = max(v_old, v) / (1 - beta2^t)",
    happens="AMSGrad's maximum is taken over the last two v alone.",
    why="It must be the largest v of all steps: here it falls again as soon as v does.",
    keys=("max_exp_avg_sq",),
    where=AMSGRAD,
    hidden=("the first step alone",),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    old, new = s.old("exp_avg_sq", part), s.state("exp_avg_sq", part)
    return positive(new - old, new, old)


def _corrected_before(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, correct=lambda h, t: (formulas.corrections(h, t)[0], 1.0))


@averages(
    id="amsgrad-after-correction",
    formula="v^ = max(v^_old, v / (1 - beta2^t))",
    happens="AMSGrad's maximum is taken over the corrected v.",
    why="PyTorch takes it over v itself and corrects the maximum with this step's factor, so the "
    "two differ from the second step on.",
    keys=("max_exp_avg_sq",),
    where=AMSGRAD,
    hidden=("the first step alone",),
    verdict=CONVENTION,
    also={"step": _corrected_before},
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    old, new = (
        s.old(key, part),
        s.state("exp_avg_sq", part) / formulas.corrections(s.h(part), s.t)[1],
    )
    return positive(new - old, new, old)


@averages(
    id="amsgrad-keeps-the-minimum",
    formula="v^ = min(v^_old, v) / (1 - beta2^t)",
    happens="AMSGrad keeps the smallest v so far in place of the largest.",
    why="The divisor can then only shrink, so one small gradient makes all later steps long: the "
    "maximum is there to prevent that.",
    keys=("max_exp_avg_sq",),
    where=AMSGRAD,
    hidden=("the first step alone",),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    new = s.state("exp_avg_sq", part)
    # the first v is the smallest so far
    return new * 1.0 if s.t == 1 else positive(new - s.old(key, part), s.old(key, part), new)
