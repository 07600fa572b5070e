"""Mistakes in the rules that scale each step by the gradients so far: Adagrad, RMSprop,
Adam and AdamW.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

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
    formula: str, **rest: Any
) -> Callable[[Callable[[StepProgram, Part], dict[str, Any]]], Wrong]:
    """Enter a mistake in the quotient that is the step, or goes into RMSprop's
    velocity: what is other about it than in the right rule.
    """

    def enter(other: Callable[[StepProgram, Part], dict[str, Any]]) -> Wrong:
        def step(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            return (
                right()
                if s.spec.optimizer == "rmsprop" and s.h["momentum"]
                else updated(s, part, **other(s, part))
            )

        def pushed(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            return kept_on(s, "momentum_buffer", part, **other(s, part))

        return bug("step", formula, **{"where": ANY, "also": {"momentum_buffer": pushed}, **rest})(
            wraps(other)(step)
        )

    return enter


def corrected(formula: str, **rest: Any) -> Callable[[Callable[..., tuple[Any, Any]]], Wrong]:
    """Enter a mistake in Adam's bias correction: what m and v are divided by."""

    def enter(correct: Callable[..., tuple[Any, Any]]) -> Wrong:
        def step(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            return updated(s, part, correct=correct)

        return bug("step", formula, **{"where": ADAM, **rest})(wraps(correct)(step))

    return enter


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


@corrected("theta = theta - lr m / (sqrt(v) + eps)")
def adam_without_correction(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    """Adam's moving averages are used as they are.

    They start at 0 and are too small at first, v far more than m: without the
    correction the first steps are several times too long.
    """
    return 1.0, 1.0


@corrected("m^ = m / (1 - beta1), v^ = v / (1 - beta2)", hidden=("first step",))
def adam_correction_without_power(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    """Adam's bias correction divides by 1 - beta in every step, as if t stayed 1.

    The averages fill up from step to step, so the correction must fade: it is
    1 - beta^t in step t.
    """
    return formulas.corrections(h, 1)


@corrected("m^ = m / (1 - beta1^2), v^ = v / (1 - beta2^2)")
def adam_correction_squared(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    """Adam's bias correction divides by 1 - beta^2 in every step.

    The exponent is the number of the step, so 1 - beta^2 is right in the second one
    alone.
    """
    return formulas.corrections(h, 2)


@corrected("m^ = m / (1 - beta1^(t+1)), v^ = v / (1 - beta2^(t+1))")
def adam_t_one_ahead(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    """Adam's bias correction counts the steps from 2, because t starts at 1 and is
    increased before it is used. After the first step the averages hold one gradient
    only, so t must be 1 there.
    """
    return formulas.corrections(h, t + 1)


@corrected("m^ = m / (1 - beta1^(t-1)), v^ = v / (1 - beta2^(t-1))")
def adam_t_from_zero(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    """Adam's bias correction counts the steps from 0.

    In the first step 1 - beta^0 = 0 is divided by, and the weights become NaN.
    """
    return formulas.corrections(h, t - 1)


@corrected("m^ = m / (1 - beta1^t), v^ = v")
def adam_correction_of_m_only(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    """Adam's bias correction is applied to m, but not to v.

    Both averages start at 0, and an uncorrected v is too small for a long time: the
    steps are far too long.
    """
    return formulas.corrections(h, t)[0], 1.0


@corrected("m^ = m, v^ = v / (1 - beta2^t)")
def adam_correction_of_v_only(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    """Adam's bias correction is applied to v, but not to m.

    Both averages start at 0, and with an uncorrected m the first steps are too short.
    """
    return 1.0, formulas.corrections(h, t)[1]


@corrected("m^ = m / (1 - beta2^t), v^ = v / (1 - beta1^t)")
def adam_corrections_swapped(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    """Adam's m is corrected with beta2 and v with beta1.

    Each average must be corrected with the beta that it was made with, or the
    correction does not cancel its start at 0.
    """
    return formulas.corrections(h, t)[::-1]


@bug("step", "m^ = m / (1 - beta1^t'), where t' counts the arrays stepped so far", where=ADAM)
def adam_t_per_parameter(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """Adam's t is increased for every W and every b instead of once in a step.

    The exponent of the bias correction then runs ahead, and the averages are used
    nearly uncorrected.
    """
    arrays = list(s.parts)
    return updated(s, part, t=(s.t - 1) * len(arrays) + arrays.index(part) + 1)


@bug(
    "step",
    "m = m / (1 - beta1^t), v = v / (1 - beta2^t), both kept",
    where=ADAM,
    also={
        "exp_avg": lambda s, part, right: right() / formulas.corrections(s.h, s.t)[0],
        "exp_avg_sq": lambda s, part, right: right() / formulas.corrections(s.h, s.t)[1],
    },
)
def adam_correction_kept(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """Adam's corrected averages are written back over the averages.

    The next step then averages on from them and corrects once more what is corrected
    already: the correction is for the step alone.
    """
    return updated(s, part, correct=lambda h, t: (1.0, 1.0))


@bug(
    "step",
    "m and v divided by 1 - beta; lr_t = lr_(t-1) sqrt(1 - beta2) / (1 - beta1)",
    where=ADAM,
    also={
        "exp_avg": lambda s, part, right: right() / formulas.corrections(s.h, 1)[0],
        "exp_avg_sq": lambda s, part, right: right() / formulas.corrections(s.h, 1)[1],
    },
)
def adam_rate_recursive(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """Adam's correction factor is multiplied into the rate of the step before, and the
    averages are divided by 1 - beta besides. The factor belongs to the rate that was
    asked for: multiplied up, it lets the rate run away.
    """
    bc1, bc2 = formulas.corrections(s.h, 1)
    return updated(s, part, lr=s.lr * (bc2**0.5 / bc1) ** s.t, correct=lambda h, t: (1.0, 1.0))


# Adam's betas and averages


def averages(formula: str, *keys: str, **rest: Any) -> Callable[[Wrong], Wrong]:
    """Enter a mistake in these vectors of the state."""
    return vectors(formula, *keys, catalogue=ADAPTIVE, **{"where": ADAM, **rest})


def _swapped(s: StepProgram) -> tuple[Any, Any]:
    return s.h["betas"][1], s.h["betas"][0]


def _complemented(s: StepProgram) -> tuple[Any, Any]:
    return ONE - s.h["betas"][0], ONE - s.h["betas"][1]


@averages(
    "m = beta2 m + (1 - beta2) g, v = beta1 v + (1 - beta1) g^2",
    "exp_avg",
    "exp_avg_sq",
    also={"step": lambda s, part, right: updated(s, part, betas=_swapped(s))},
)
def adam_betas_swapped(s: StepProgram, key: str, part: Part) -> Numbers:
    """Adam's two betas have changed places.

    The gradients are then averaged over as many steps as their squares should be, so
    the direction of the step is out of date and its scale jumps about.
    """
    return kept_on(s, key, part, betas=_swapped(s))


@averages(
    "m = (1 - beta1) m + beta1 g, v = (1 - beta2) v + beta2 g^2",
    "exp_avg",
    "exp_avg_sq",
    also={"step": lambda s, part, right: updated(s, part, betas=_complemented(s))},
)
def adam_betas_complemented(s: StepProgram, key: str, part: Part) -> Numbers:
    """Adam's betas are taken for the share of what is new instead of what is kept, as
    in the first version of the paper. With the usual values the averages then forget
    nearly everything in each step.
    """
    return kept_on(s, key, part, betas=_complemented(s))


@averages(
    "m = (1 - beta1) m + beta1 g, v = (1 - beta2) v + beta2 g^2, both corrected by 1 - beta^t",
    "exp_avg",
    "exp_avg_sq",
)
def adam_betas_complemented_in_averages(s: StepProgram, key: str, part: Part) -> Numbers:
    """The averages give beta to what is new and 1 - beta to what is kept, while the
    bias correction reads beta the right way round. So they forget too fast, and are
    corrected for a start that they have left behind.
    """
    return kept_on(s, key, part, betas=_complemented(s))


@averages("m = beta1 m + g, v = beta2 v + g^2", "exp_avg", "exp_avg_sq")
def adam_undamped_averages(s: StepProgram, key: str, part: Part) -> Numbers:
    """Adam's averages take in what is new whole, without the factor 1 - beta.

    The weights of an average must add up to 1: these sums grow to 1/(1 - beta) times
    the size.
    """
    d = s.decayed(part)
    return averaged(s, key, part, d if key == "exp_avg" else d * d, share=1.0)


@averages("m = g", "exp_avg")
def adam_m_not_averaged(s: StepProgram, key: str, part: Part) -> Numbers:
    """Adam's m is this step's gradient and no average.

    Momentum is lost, and the bias correction, made for an average that starts at 0,
    lengthens the first steps.
    """
    return s.decayed(part) * 1.0


@averages("v = beta2 v + (1 - beta2) m^2", "exp_avg_sq")
def adam_v_from_m(s: StepProgram, key: str, part: Part) -> Numbers:
    """Adam's v averages the squares of m instead of the gradient's.

    Gradients that change their sign cancel in m, so v no longer tells how large they
    are.
    """
    m = s.state("exp_avg", part)
    return averaged(s, key, part, m * m)


@bug(
    "step",
    "theta = theta - m / (sqrt(v) + eps), m and v of lr g",
    "decayed",
    where=ADAM,
    also={"step": lambda s, part, right: updated(s, part, lr=1.0)},
)
def adam_lr_cancels(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The learning rate multiplies the gradient instead of the step.

    Adam divides by the size of the gradients, so lr cancels: every step is about as
    long as with lr = 1, whatever was asked for.
    """
    return right() * s.lr


@bug("step", "v^ = v / (1 - beta2^t), without the maximum", where=AMSGRAD, hidden=("first step",))
def amsgrad_without_effect(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """The step is plain Adam's, although AMSGrad is asked for.

    AMSGrad divides by the largest v so far, so that no step grows because v has
    forgotten a large gradient.
    """
    return updated(s, part, amsgrad=False)


@averages(
    "v^ = max(v_old, v) / (1 - beta2^t)", "max_exp_avg_sq", where=AMSGRAD, hidden=("first step",)
)
def amsgrad_forgets_maximum(s: StepProgram, key: str, part: Part) -> Numbers:
    """AMSGrad's maximum is taken of the last two v alone.

    It must be the largest v of all steps: here it falls again as soon as v does.
    """
    old, new = s.old("exp_avg_sq", part), s.state("exp_avg_sq", part)
    return positive(new - old, new, old)


def _corrected_before(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, correct=lambda h, t: (formulas.corrections(h, t)[0], 1.0))


@averages(
    "v^ = max(v^_old, v / (1 - beta2^t))",
    "max_exp_avg_sq",
    where=AMSGRAD,
    hidden=("first step",),
    verdict=CONVENTION,
    also={"step": _corrected_before},
)
def amsgrad_after_correction(s: StepProgram, key: str, part: Part) -> Numbers:
    """AMSGrad's maximum is taken of the corrected v.

    PyTorch takes it of v as it is and corrects the maximum with this step's factor, so
    the two part from the second step on.
    """
    old, new = s.old(key, part), s.state("exp_avg_sq", part) / formulas.corrections(s.h, s.t)[1]
    return positive(new - old, new, old)


# the quotient


@quotients("theta = theta - lr ... / sqrt(v + eps)", verdict=CONVENTION)
def eps_inside_the_root(s: StepProgram, part: Part) -> dict[str, Any]:
    """The small eps is added to v under the root, as in Keras's RMSprop and in some
    textbooks. PyTorch adds it to the root, so the same eps weighs far less there.
    """
    return {"divide": lambda v, eps: formulas.root(v + eps)}


@quotients(
    "theta = theta - lr m / (1 - beta1^t) sqrt(1 - beta2^t) / (sqrt(v) + eps)",
    where=ADAM,
    verdict=CONVENTION,
)
def adam_epsilon_hat(s: StepProgram, part: Part) -> dict[str, Any]:
    """The small eps is added to the root of v before v is corrected, the paper's
    epsilon hat, as in Keras and scikit-learn. PyTorch adds it to the root of the
    corrected v; its eps counts far less in the first steps.
    """
    return {"eps": s.h["eps"] / formulas.corrections(s.h, s.t)[1] ** 0.5}


@quotients("theta = theta - lr ... / sqrt(v)")
def eps_missing(s: StepProgram, part: Part) -> dict[str, Any]:
    """Nothing is added to the root of v before it divides.

    A parameter whose gradient was always 0, such as a weight from a dead unit, is then
    divided 0 by 0 and becomes NaN.
    """
    return {"divide": lambda v, eps: formulas.root(v)}


@quotients("theta = theta - lr ... / (v + eps)")
def root_missing(s: StepProgram, part: Part) -> dict[str, Any]:
    """The step is divided by the mean or the sum of the squares without taking the
    root. Units no longer cancel: a gradient ten times as large makes a step ten times
    as short.
    """
    return {"divide": lambda v, eps: v + eps}


@quotients("theta = theta - lr ... / (sqrt(v_old) + eps)")
def old_squares(s: StepProgram, part: Part) -> dict[str, Any]:
    """The step is divided by the mean or the sum of the squares from before this
    gradient was added. In the first step that is the start value, mostly 0, so only eps
    is left to hold the step back.
    """
    before = {key: s.decayed(part).lift(s.old(key, part)) for key in s.keeps if key in SQUARES}
    return {"new": {**new_state(s, part), **before}}


@averages("v = ... + |g|", "sum", "square_avg", "exp_avg_sq", where=ANY)
def squares_missing(s: StepProgram, key: str, part: Part) -> Numbers:
    """The size of the gradient is summed or averaged instead of its square.

    The root that is taken later makes sense of squares only: it now gives the wrong
    scale to every step.
    """
    size = abs(s.decayed(part))
    return size + s.old(key, part) if key == "sum" else averaged(s, key, part, size)


# Adagrad


@bug("step", "rate = lr / (1 + t lr_decay)", where=uses("adagrad", lr_decay=True))
def adagrad_lr_decay_from_one(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """Adagrad's rate has decayed in the first step already.

    In step t it is lr / (1 + (t - 1) lr_decay), so that the first step is taken with
    the rate that was asked for.
    """
    return updated(s, part, t=s.t + 1)


@bug(
    "step",
    "rate = lr, whatever lr_decay",
    where=uses("adagrad", lr_decay=True),
    hidden=("first step",),
)
def adagrad_lr_decay_ignored(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    """Adagrad's rate does not decay, although lr_decay is set.

    In step t it should be lr / (1 + (t - 1) lr_decay).
    """
    return updated(s, part, lr_decay=0.0)


@averages("v = g^2 in the first step", "sum", where=uses("adagrad", initial_accumulator_value=True))
def adagrad_sum_from_zero(s: StepProgram, key: str, part: Part) -> Numbers:
    """Adagrad's sum of squares starts at 0, although another start value is set.

    The start value holds back the first steps, which are about lr long in every
    direction without it.
    """
    return kept_on(s, key, part, old=s.start(part) * 0.0 if s.t == 1 else s.old(key, part))


# RMSprop


@averages("v = alpha v + g^2", "square_avg", where=RMSPROP)
def rmsprop_undamped_average(s: StepProgram, key: str, part: Part) -> Numbers:
    """RMSprop's average takes in the new square whole, without the factor 1 - alpha.

    The weights of an average must add up to 1: this sum grows to 1/(1 - alpha) times
    the size, and the steps shrink by the root of that.
    """
    return averaged(s, key, part, s.decayed(part) * s.decayed(part), share=1.0)


@averages("v = (1 - alpha) v + alpha g^2", "square_avg", "grad_avg", where=RMSPROP)
def rmsprop_decay_swapped(s: StepProgram, key: str, part: Part) -> Numbers:
    """RMSprop's averages give alpha to what is new and 1 - alpha to what is kept.

    With alpha near 1 they forget nearly everything in each step, and the step is hardly
    more than the sign of the gradient.
    """
    return kept_on(s, key, part, alpha=ONE - s.h["alpha"])


@quotients(
    "theta = theta - lr g / (sqrt(v) + eps), not centered", where=uses("rmsprop", centered=True)
)
def rmsprop_not_centered(s: StepProgram, part: Part) -> dict[str, Any]:
    """RMSprop divides by the root of the mean square, although the centered form is
    asked for. Centered, the square of the mean gradient is subtracted first, which
    leaves the variance.
    """
    return {"centered": False}


@quotients("theta = theta - lr g / (sqrt(v - mean) + eps)", where=uses("rmsprop", centered=True))
def rmsprop_mean_not_squared(s: StepProgram, part: Part) -> dict[str, Any]:
    """The mean gradient itself is subtracted from the mean square, not its square.

    A variance is the mean of the squares less the square of the mean, and this
    difference can even be negative.
    """
    new = new_state(s, part)
    return {"centered": False, "new": {**new, "square_avg": new["square_avg"] - new["grad_avg"]}}
