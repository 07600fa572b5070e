"""Mistakes in Adam's bias correction, also in AdamW."""

from collections.abc import Callable
from functools import partial
from typing import Any

from parity.mistakes.mistake import CONVENTION, Catalogue, Wrong
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import ADAM_RULES, updated, uses
from parity.mistakes.slots import Numbers, Part
from parity.proof import formulas

ADAM_CORRECTION = Catalogue()
bug = ADAM_CORRECTION.add
ADAM = uses(*ADAM_RULES)
AMSGRAD = uses(*ADAM_RULES, amsgrad=True)


def corrected(**fields: Any) -> Callable[[Callable[..., tuple[Any, Any]]], Wrong]:
    """A decorator that enters a mistake in Adam's bias correction. The function returns
    what m and v are divided by.
    """

    def entered(correct: Callable[..., tuple[Any, Any]]) -> Wrong:
        def step(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            return updated(s, part, correct=correct)

        return bug(**{"equation": "step", "where": ADAM, **fields})(step)

    return entered


amsgrad = partial(corrected, where=AMSGRAD, verdict=CONVENTION)


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
    hidden=("the first step alone",),
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return formulas.corrections(h, 1)


@corrected(
    id="adam-correction-squared",
    formula="m^ = m / (1 - beta1^2), v^ = v / (1 - beta2^2)",
    happens="Adam's bias correction divides by 1 - beta^2 in every step.",
    why="The exponent is the number of the step, so 1 - beta^2 is right in the second step alone.",
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
    why="The first step then divides by 1 - beta^0 = 0, and the weights become NaN.",
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
    happens="Adam's corrected averages are stored in place of the averages.",
    why="The next step then averages corrected values and corrects them again; the correction is "
    "for the step alone.",
    where=ADAM,
    also={
        "exp_avg": lambda s, part, right: right() / formulas.corrections(s.h(part), s.t)[0],
        "exp_avg_sq": lambda s, part, right: right() / formulas.corrections(s.h(part), s.t)[1],
    },
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return updated(s, part, correct=lambda h, t: (1.0, 1.0))


@bug(
    id="adam-rate-recursive",
    equation="step",
    formula="m and v divided by 1 - beta; lr_t = lr_(t-1) sqrt(1 - beta2) / (1 - beta1)",
    happens="Adam's correction factor is multiplied into the rate of the step before, and the "
    "averages are divided by 1 - beta as well.",
    why="The factor belongs to the learning rate that is set: multiplied up from step to step, it "
    "lets the rate run away.",
    where=ADAM,
    also={
        "exp_avg": lambda s, part, right: right() / formulas.corrections(s.h(part), 1)[0],
        "exp_avg_sq": lambda s, part, right: right() / formulas.corrections(s.h(part), 1)[1],
    },
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    bc1, bc2 = formulas.corrections(s.h(part), 1)
    return updated(
        s, part, lr=s.lr(part) * (bc2**0.5 / bc1) ** s.t, correct=lambda h, t: (1.0, 1.0)
    )


# AMSGrad as it was published has no correction


@amsgrad(
    id="amsgrad-without-correction",
    formula="theta = theta - lr m / (sqrt(v^) + eps), v^ = max(v^_old, v)",
    happens="With AMSGrad neither m nor v is corrected, as in the paper.",
    why="The paper's algorithm has no bias correction; PyTorch keeps Adam's, so that its first "
    "steps are shorter.",
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return 1.0, 1.0


@amsgrad(
    id="amsgrad-correction-of-m-only",
    formula="m^ = m / (1 - beta1^t), v^ = max(v^_old, v)",
    happens="With AMSGrad m is corrected and the largest v is taken as it is.",
    why="A maximum is no average that starts at 0, so many leave it alone; PyTorch corrects it "
    "with the factor of this step.",
)
def _(h: dict[str, Any], t: int) -> tuple[Any, Any]:
    return formulas.corrections(h, t)[0], 1.0
