"""Mistakes in the rules that scale each step by the gradients so far: Adagrad, RMSprop,
Adam and AdamW.
"""

from collections.abc import Callable
from typing import Any

from parity.mistakes.conditions import Place
from parity.mistakes.mistake import CONVENTION, Catalogue, Wrong
from parity.mistakes.program import Numbers, Part, StepProgram
from parity.mistakes.rules import ADAPTIVE_RULES, kept_on, updated, uses, vectors
from parity.proof import formulas
from parity.proof.formulas import ONE
from parity.rounding.bounded import positive

ADAPTIVE = Catalogue()
bug = ADAPTIVE.add

SQUARES = ("sum", "square_avg", "exp_avg_sq", "max_exp_avg_sq")
ANY = uses(*ADAPTIVE_RULES)
RMSPROP, ADAM = uses("rmsprop"), uses("adam", "adamw")
AMSGRAD = uses("adam", "adamw", amsgrad=True)


def quotients(
    *, where: Place = ANY, **fields: Any
) -> Callable[[Callable[[StepProgram, Part], dict[str, Any]]], Wrong]:
    """A decorator that enters a mistake in the quotient that is the step, or goes into
    RMSprop's velocity. The function returns what differs from the right rule.
    """

    def entered(other: Callable[[StepProgram, Part], dict[str, Any]]) -> Wrong:
        def step(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            return (
                right()
                if s.spec.optimizer == "rmsprop" and s.h["momentum"]
                else updated(s, part, **other(s, part))
            )

        def velocity(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            return kept_on(s, "momentum_buffer", part, **other(s, part))

        return bug(equation="step", where=where, also={"momentum_buffer": velocity}, **fields)(step)

    return entered


def corrected(**fields: Any) -> Callable[[Callable[..., tuple[Any, Any]]], Wrong]:
    """A decorator that enters a mistake in Adam's bias correction. The function returns
    what m and v are divided by.
    """

    def entered(correct: Callable[..., tuple[Any, Any]]) -> Wrong:
        def step(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            return updated(s, part, correct=correct)

        return bug(equation="step", where=ADAM, **fields)(step)

    return entered


def new_state(s: StepProgram, part: Part) -> dict[str, Numbers]:
    """The vectors of the state after the step that the step reads."""
    return {key: s.state(key, part) for key in s.keeps if key != "momentum_buffer"}


def decay_rate(s: StepProgram, key: str) -> float:
    """The share of an average that is kept in each step."""
    return float(
        s.h["alpha"] if s.spec.optimizer == "rmsprop" else s.h["betas"][key == "exp_avg_sq"]
    )


def averaged(s: StepProgram, key: str, part: Part, what: Numbers, share: Any = None) -> Numbers:
    """The running average of something else, or with another share of what is new."""
    keep = decay_rate(s, key)
    return what.lift(s.old(key, part)) * keep + what * (ONE - keep if share is None else share)


# Adam's bias correction


@corrected(
    id="adam-without-correction",
    formula="theta = theta - lr m / (sqrt(v) + eps)",
    happens="Adam's moving averages are used as they are.",
    why="They start at 0 and are too small at first, v far more than m: without the correction "
    "the first steps are several times too long.",
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return 1.0, 1.0


@corrected(
    id="adam-correction-without-power",
    formula="m^ = m / (1 - beta1), v^ = v / (1 - beta2)",
    happens="Adam's bias correction divides by 1 - beta in every step, as if t stayed 1.",
    why="The averages fill up from step to step, so the correction must fade: it is 1 - beta^t in "
    "step t.",
    hidden=("first step",),
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return formulas.corrections(h, 1)


@corrected(
    id="adam-correction-squared",
    formula="m^ = m / (1 - beta1^2), v^ = v / (1 - beta2^2)",
    happens="Adam's bias correction divides by 1 - beta^2 in every step.",
    why="The exponent is the number of the step, so 1 - beta^2 is right in the second one alone.",
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return formulas.corrections(h, 2)


@corrected(
    id="adam-t-one-ahead",
    formula="m^ = m / (1 - beta1^(t+1)), v^ = v / (1 - beta2^(t+1))",
    happens="Adam's bias correction counts the steps from 2, because t starts at 1 and is "
    "increased before it is used.",
    why="After the first step the averages hold one gradient only, so t must be 1 there.",
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return formulas.corrections(h, t + 1)


@corrected(
    id="adam-t-from-zero",
    formula="m^ = m / (1 - beta1^(t-1)), v^ = v / (1 - beta2^(t-1))",
    happens="Adam's bias correction counts the steps from 0.",
    why="In the first step 1 - beta^0 = 0 is divided by, and the weights become NaN.",
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return formulas.corrections(h, t - 1)


@corrected(
    id="adam-correction-of-m-only",
    formula="m^ = m / (1 - beta1^t), v^ = v",
    happens="Adam's bias correction is applied to m, but not to v.",
    why="Both averages start at 0, and an uncorrected v is too small for a long time: the steps "
    "are far too long.",
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return formulas.corrections(h, t)[0], 1.0


@corrected(
    id="adam-correction-of-v-only",
    formula="m^ = m, v^ = v / (1 - beta2^t)",
    happens="Adam's bias correction is applied to v, but not to m.",
    why="Both averages start at 0, and with an uncorrected m the first steps are too short.",
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return 1.0, formulas.corrections(h, t)[1]


@corrected(
    id="adam-corrections-swapped",
    formula="m^ = m / (1 - beta2^t), v^ = v / (1 - beta1^t)",
    happens="Adam's m is corrected with beta2 and v with beta1.",
    why="Each average must be corrected with the beta that it was made with, or the correction "
    "does not cancel its start at 0.",
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return formulas.corrections(h, t)[::-1]


@bug(
    id="adam-t-per-parameter",
    equation="step",
    formula="m^ = m / (1 - beta1^t'), where t' counts the arrays stepped so far",
    happens="Adam's t is increased for every W and every b instead of once in a step.",
    why="The exponent of the bias correction then runs ahead, and the averages are used nearly "
    "uncorrected.",
    where=ADAM,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    arrays = list(s.parts)
    return updated(s, part, t=(s.t - 1) * len(arrays) + arrays.index(part) + 1)


@bug(
    id="adam-correction-kept",
    equation="step",
    formula="m = m / (1 - beta1^t), v = v / (1 - beta2^t), both kept",
    happens="Adam's corrected averages are written back over the averages.",
    why="The next step then averages on from them and corrects once more what is corrected "
    "already: the correction is for the step alone.",
    where=ADAM,
    also={
        "exp_avg": lambda s, part, right: right() / formulas.corrections(s.h, s.t)[0],
        "exp_avg_sq": lambda s, part, right: right() / formulas.corrections(s.h, s.t)[1],
    },
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, correct=lambda h, t: (1.0, 1.0))


@bug(
    id="adam-rate-recursive",
    equation="step",
    formula="m and v divided by 1 - beta; lr_t = lr_(t-1) sqrt(1 - beta2) / (1 - beta1)",
    happens="Adam's correction factor is multiplied into the rate of the step before, and the "
    "averages are divided by 1 - beta besides.",
    why="The factor belongs to the rate that was asked for: multiplied up, it lets the rate run "
    "away.",
    where=ADAM,
    also={
        "exp_avg": lambda s, part, right: right() / formulas.corrections(s.h, 1)[0],
        "exp_avg_sq": lambda s, part, right: right() / formulas.corrections(s.h, 1)[1],
    },
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    bc1, bc2 = formulas.corrections(s.h, 1)
    return updated(s, part, lr=s.lr * (bc2**0.5 / bc1) ** s.t, correct=lambda h, t: (1.0, 1.0))


# Adam's betas and averages


def averages(*, where: Place = ADAM, **fields: Any) -> Callable[[Wrong], Wrong]:
    """A decorator that enters a mistake in vectors of the state, by default Adam's."""
    return vectors(ADAPTIVE, where=where, **fields)


def _swapped(s: StepProgram) -> tuple[Any, Any]:
    return s.h["betas"][1], s.h["betas"][0]


def _complemented(s: StepProgram) -> tuple[Any, Any]:
    return ONE - s.h["betas"][0], ONE - s.h["betas"][1]


@averages(
    id="adam-betas-swapped",
    formula="m = beta2 m + (1 - beta2) g, v = beta1 v + (1 - beta1) g^2",
    happens="Adam's two betas have changed places.",
    why="The gradients are then averaged over as many steps as their squares should be, so the "
    "direction of the step is out of date and its scale jumps about.",
    keys=("exp_avg", "exp_avg_sq"),
    also={"step": lambda s, part, right: updated(s, part, betas=_swapped(s))},
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(s, key, part, betas=_swapped(s))


@averages(
    id="adam-betas-complemented",
    formula="m = (1 - beta1) m + beta1 g, v = (1 - beta2) v + beta2 g^2",
    happens="Adam's betas are taken for the share of what is new instead of what is kept, as in "
    "the first version of the paper.",
    why="With the usual values the averages then forget nearly everything in each step.",
    keys=("exp_avg", "exp_avg_sq"),
    also={"step": lambda s, part, right: updated(s, part, betas=_complemented(s))},
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(s, key, part, betas=_complemented(s))


@averages(
    id="adam-betas-complemented-in-averages",
    formula="m = (1 - beta1) m + beta1 g, v = (1 - beta2) v + beta2 g^2, both corrected by "
    "1 - beta^t",
    happens="The averages give beta to what is new and 1 - beta to what is kept, while the bias "
    "correction reads beta the right way round.",
    why="So they forget too fast, and are corrected for a start that they have left behind.",
    keys=("exp_avg", "exp_avg_sq"),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(s, key, part, betas=_complemented(s))


@averages(
    id="adam-undamped-averages",
    formula="m = beta1 m + g, v = beta2 v + g^2",
    happens="Adam's averages take in what is new whole, without the factor 1 - beta.",
    why="The weights of an average must add up to 1: these sums grow to 1/(1 - beta) times the "
    "size.",
    keys=("exp_avg", "exp_avg_sq"),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    d = s.decayed(part)
    return averaged(s, key, part, d if key == "exp_avg" else d * d, share=1.0)


@averages(
    id="adam-m-not-averaged",
    formula="m = g",
    happens="Adam's m is this step's gradient and no average.",
    why="Momentum is lost, and the bias correction, made for an average that starts at 0, "
    "lengthens the first steps.",
    keys=("exp_avg",),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return s.decayed(part) * 1.0


@averages(
    id="adam-v-from-m",
    formula="v = beta2 v + (1 - beta2) m^2",
    happens="Adam's v averages the squares of m instead of the gradient's.",
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
    "with lr = 1, whatever was asked for.",
    slots=("decayed",),
    where=ADAM,
    also={"step": lambda s, part, right: updated(s, part, lr=1.0)},
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * s.lr


@bug(
    id="amsgrad-without-effect",
    equation="step",
    formula="v^ = v / (1 - beta2^t), without the maximum",
    happens="The step is plain Adam's, although AMSGrad is asked for.",
    why="AMSGrad divides by the largest v so far, so that no step grows because v has forgotten a "
    "large gradient.",
    where=AMSGRAD,
    hidden=("first step",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, amsgrad=False)


@averages(
    id="amsgrad-forgets-maximum",
    formula="v^ = max(v_old, v) / (1 - beta2^t)",
    happens="AMSGrad's maximum is taken of the last two v alone.",
    why="It must be the largest v of all steps: here it falls again as soon as v does.",
    keys=("max_exp_avg_sq",),
    where=AMSGRAD,
    hidden=("first step",),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    old, new = s.old("exp_avg_sq", part), s.state("exp_avg_sq", part)
    return positive(new - old, new, old)


def _corrected_before(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, correct=lambda h, t: (formulas.corrections(h, t)[0], 1.0))


@averages(
    id="amsgrad-after-correction",
    formula="v^ = max(v^_old, v / (1 - beta2^t))",
    happens="AMSGrad's maximum is taken of the corrected v.",
    why="PyTorch takes it of v as it is and corrects the maximum with this step's factor, so the "
    "two part from the second step on.",
    keys=("max_exp_avg_sq",),
    where=AMSGRAD,
    hidden=("first step",),
    verdict=CONVENTION,
    also={"step": _corrected_before},
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    old, new = s.old(key, part), s.state("exp_avg_sq", part) / formulas.corrections(s.h, s.t)[1]
    return positive(new - old, new, old)


# the quotient


@quotients(
    id="eps-inside-the-root",
    formula="theta = theta - lr ... / sqrt(v + eps)",
    happens="The small eps is added to v under the root, as in Keras's RMSprop and in some "
    "textbooks.",
    why="PyTorch adds it to the root, so the same eps weighs far less there.",
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    return {"divide": lambda v, eps: formulas.root(v + eps)}


@quotients(
    id="adam-epsilon-hat",
    formula="theta = theta - lr m / (1 - beta1^t) sqrt(1 - beta2^t) / (sqrt(v) + eps)",
    happens="The small eps is added to the root of v before v is corrected, the paper's epsilon "
    "hat, as in Keras and scikit-learn.",
    why="PyTorch adds it to the root of the corrected v; its eps counts far less in the first "
    "steps.",
    where=ADAM,
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    return {"eps": s.h["eps"] / formulas.corrections(s.h, s.t)[1] ** 0.5}


@quotients(
    id="eps-missing",
    formula="theta = theta - lr ... / sqrt(v)",
    happens="Nothing is added to the root of v before it divides.",
    why="A parameter whose gradient was always 0, such as a weight from a dead unit, is then "
    "divided 0 by 0 and becomes NaN.",
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    return {"divide": lambda v, eps: formulas.root(v)}


@quotients(
    id="root-missing",
    formula="theta = theta - lr ... / (v + eps)",
    happens="The step is divided by the mean or the sum of the squares without taking the root.",
    why="Units no longer cancel: a gradient ten times as large makes a step ten times as short.",
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    return {"divide": lambda v, eps: v + eps}


@quotients(
    id="old-squares",
    formula="theta = theta - lr ... / (sqrt(v_old) + eps)",
    happens="The step is divided by the mean or the sum of the squares from before this gradient "
    "was added.",
    why="In the first step that is the start value, mostly 0, so only eps is left to hold the "
    "step back.",
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    before = {key: s.decayed(part).lift(s.old(key, part)) for key in s.keeps if key in SQUARES}
    return {"new": {**new_state(s, part), **before}}


@averages(
    id="squares-missing",
    formula="v = ... + |g|",
    happens="The size of the gradient is summed or averaged instead of its square.",
    why="The root that is taken later makes sense of squares only: it now gives the wrong scale "
    "to every step.",
    keys=("sum", "square_avg", "exp_avg_sq"),
    where=ANY,
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    size = abs(s.decayed(part))
    return size + s.old(key, part) if key == "sum" else averaged(s, key, part, size)


# Adagrad


@bug(
    id="adagrad-lr-decay-from-one",
    equation="step",
    formula="rate = lr / (1 + t lr_decay)",
    happens="Adagrad's rate has decayed in the first step already.",
    why="In step t it is lr / (1 + (t - 1) lr_decay), so that the first step is taken with the "
    "rate that was asked for.",
    where=uses("adagrad", lr_decay=True),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, t=s.t + 1)


@bug(
    id="adagrad-lr-decay-ignored",
    equation="step",
    formula="rate = lr, whatever lr_decay",
    happens="Adagrad's rate does not decay, although lr_decay is set.",
    why="In step t it should be lr / (1 + (t - 1) lr_decay).",
    where=uses("adagrad", lr_decay=True),
    hidden=("first step",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, lr_decay=0.0)


@averages(
    id="adagrad-sum-from-zero",
    formula="v = g^2 in the first step",
    happens="Adagrad's sum of squares starts at 0, although another start value is set.",
    why="The start value holds back the first steps, which are about lr long in every direction "
    "without it.",
    keys=("sum",),
    where=uses("adagrad", initial_accumulator_value=True),
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(s, key, part, old=s.start(part) * 0.0 if s.t == 1 else s.old(key, part))


# RMSprop


@averages(
    id="rmsprop-undamped-average",
    formula="v = alpha v + g^2",
    happens="RMSprop's average takes in the new square whole, without the factor 1 - alpha.",
    why="The weights of an average must add up to 1: this sum grows to 1/(1 - alpha) times the "
    "size, and the steps shrink by the root of that.",
    keys=("square_avg",),
    where=RMSPROP,
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return averaged(s, key, part, s.decayed(part) * s.decayed(part), share=1.0)


@averages(
    id="rmsprop-decay-swapped",
    formula="v = (1 - alpha) v + alpha g^2",
    happens="RMSprop's averages give alpha to what is new and 1 - alpha to what is kept.",
    why="With alpha near 1 they forget nearly everything in each step, and the step is hardly "
    "more than the sign of the gradient.",
    keys=("square_avg", "grad_avg"),
    where=RMSPROP,
)
def _(s: StepProgram, key: str, part: Part) -> Numbers:
    return kept_on(s, key, part, alpha=ONE - s.h["alpha"])


@quotients(
    id="rmsprop-not-centered",
    formula="theta = theta - lr g / (sqrt(v) + eps), not centered",
    happens="RMSprop divides by the root of the mean square, although the centered form is asked "
    "for.",
    why="Centered, the square of the mean gradient is subtracted first, which leaves the variance.",
    where=uses("rmsprop", centered=True),
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    return {"centered": False}


@quotients(
    id="rmsprop-mean-not-squared",
    formula="theta = theta - lr g / (sqrt(v - mean) + eps)",
    happens="The mean gradient itself is subtracted from the mean square, not its square.",
    why="A variance is the mean of the squares less the square of the mean, and this difference "
    "can even be negative.",
    where=uses("rmsprop", centered=True),
)
def _(s: StepProgram, part: Part) -> dict[str, Any]:
    new = new_state(s, part)
    return {"centered": False, "new": {**new, "square_avg": new["square_avg"] - new["grad_avg"]}}
