"""Mistakes in the penalty on large weights that a cost has: in its value, in its
gradient, or in both.
"""

from functools import partial

from parity.mistakes.conditions import Place
from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers, Part
from parity.proof import penalising
from parity.proof.equations.penalties import reaches_biases, strengths
from parity.steps.record import Spec

PENALISED = Catalogue()


def _drawn(which: int) -> Place:
    """Networks with a penalty that has a part of this kind: 0 of L1, 1 of L2."""
    return lambda spec, l: spec.penalty is not None and strengths(spec.penalty)[which] > 0.0


def _is_penalised(spec: Spec, l: int) -> bool:
    return spec.penalty is not None


def _spares_biases(spec: Spec, l: int) -> bool:
    return spec.penalty is not None and not reaches_biases(spec.penalty) and spec.has_bias(l)


bug = partial(PENALISED.add, where=_is_penalised, hidden=("no penalty",))


def _strengths(s: StepProgram) -> tuple[float, float]:
    return strengths(s.spec.penalty) if s.spec.penalty else (0.0, 0.0)


def _half_square(s: StepProgram, part: Part) -> Numbers:
    """c2/2 sum theta^2, of a part that is penalised."""
    theta = s.start(part)
    return (theta * theta).sum() * (0.5 * _strengths(s)[1] * s.is_penalised(part))


def _pull(s: StepProgram, part: Part) -> Numbers:
    """c2 theta, of a part that is penalised."""
    return s.start(part) * (_strengths(s)[1] * s.is_penalised(part))


def _with_signs(s: StepProgram, part: Part, right: Numbers, signs: Numbers) -> Numbers:
    """P' with other signs for L1."""
    if not s.is_penalised(part):
        return right()
    return right() + (signs - penalising.sign(s.start(part))) * _strengths(s)[0]


def _as_of_weights(s: StepProgram, part: Part) -> tuple[str, dict[str, object]]:
    name, settings = s.spec.penalty or ("l2", {"strength": 0.0})
    return name, {**settings, "biases": True}


@bug(
    id="penalty-on-biases",
    equation="C",
    formula="C = loss + sum of P(W) + P(b)",
    happens="The penalty is on the biases as well as on the weights.",
    why="Cost and gradients agree, so nothing is wrong; a bias does not make a unit overly "
    "sensitive to its inputs, so most leave it out.",
    slots=("P",),
    where=_spares_biases,
    verdict=CONVENTION,
    also={
        "slope": lambda s, part, right: penalising.penalty_slope(
            _as_of_weights(s, part), s.start(part)
        )
    },
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return penalising.penalty_value(_as_of_weights(s, part), s.start(part))


@bug(
    id="penalty-in-the-cost-alone",
    equation="BP4",
    formula="dW = delta^T a_prev, without P'(W)",
    happens="The penalty is in the cost, but its gradient is missing.",
    why="The steps then make the loss alone smaller: the penalty is reported, and has no effect.",
    slots=("slope",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * 0.0


@bug(
    id="penalty-in-the-gradient-alone",
    equation="C",
    formula="C = loss, without P(W)",
    happens="The gradient of the penalty is added, but the reported cost is without it.",
    why="The cost that is reported is not the one that the steps make smaller: it may grow while "
    "the training does what it should.",
    slots=("P",),
    declarable=True,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() * 0.0


@bug(
    id="penalty-gradient-doubled",
    equation="BP4",
    formula="dW = delta^T a_prev + 2 c W, C = loss + c/2 sum W^2",
    happens="The gradient of c/2 W^2 is 2 c W, twice as large as it should be.",
    why="The 2 that comes from differentiating W^2 cancels against the 1/2: the gradient of c/2 "
    "W^2 is c W.",
    slots=("slope",),
    where=_drawn(1),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() + _pull(s, part)


@bug(
    id="penalty-cost-without-half",
    equation="C",
    formula="C = loss + c sum W^2, dW = delta^T a_prev + c W",
    happens="The cost has c W^2 without the 1/2, and the gradient is that with it.",
    why="The gradient of c W^2 is 2 c W: cost and gradient belong to different penalties.",
    slots=("P",),
    where=_drawn(1),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() + _half_square(s, part)


@bug(
    id="penalty-doubled",
    equation="C",
    formula="C = loss + c sum W^2, dW = delta^T a_prev + 2 c W",
    happens="The penalty is c W^2 without the 1/2, in the cost and in the gradient.",
    why="Keras and many textbooks write it so: the same c then pulls twice as hard as with c/2 "
    "W^2.",
    slots=("P",),
    where=_drawn(1),
    verdict=CONVENTION,
    also={"slope": lambda s, part, right: right() + _pull(s, part)},
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() + _half_square(s, part)


@bug(
    id="penalty-divided-by-n",
    equation="C",
    formula="C = loss + sum of P(W) / n",
    happens="The penalty is divided by the number of samples.",
    why="It is averaged with the loss, as in scikit-learn and Nielsen: the same strength means "
    "less, the more samples there are.",
    slots=("P", "slope"),
    hidden=("no penalty", "one sample"),
    verdict=CONVENTION,
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return right() / s.n


@bug(
    id="penalty-subtracted",
    equation="BP4",
    formula="dW = delta^T a_prev - P'(W)",
    happens="The gradient of the penalty has the wrong sign.",
    why="It then drives the weights away from 0, where the penalty should pull them towards it.",
    slots=("slope",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return -right()


@bug(
    id="penalty-after-the-step",
    equation="C",
    formula="C = loss + sum of P(W) of the new W",
    happens="The reported penalty is that of the weights after the step, while the loss is of the "
    "weights before it.",
    why="Both belong to the weights that the forward pass was made with: so the cost is that of no "
    "network.",
    slots=("P",),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    if s.spec.penalty is None or not s.is_penalised(part):
        return right()
    return penalising.penalty_value(s.spec.penalty, s.new(part))


@bug(
    id="l1-without-sign",
    equation="BP4",
    formula="dW = delta^T a_prev + c",
    happens="The gradient of c |W| is c for every weight, without its sign.",
    why="Below 0, |W| falls where W grows: without the sign, negative weights are pushed away from "
    "0 for ever.",
    slots=("slope",),
    where=_drawn(0),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _with_signs(s, part, right, s.start(part) * 0.0 + 1.0)


@bug(
    id="l1-size-as-gradient",
    equation="BP4",
    formula="dW = delta^T a_prev + c |W|",
    happens="The size |W| itself stands where its gradient should.",
    why="The gradient of |W| is its sign: 1 above 0, -1 below, however large W is.",
    slots=("slope",),
    where=_drawn(0),
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _with_signs(s, part, right, abs(s.start(part)))


at_zero = partial(
    bug,
    equation="BP4",
    slots=("slope",),
    where=_drawn(0),
    hidden=("no penalty", "no weight of exactly 0"),
    verdict=CONVENTION,
    why="There is a kink at 0, and every slope from -1 to 1 is one there. PyTorch takes 0, so that "
    "a weight that is 0 may stay so.",
)


@at_zero(
    id="l1-sign-one-at-zero",
    formula="dW = delta^T a_prev + c sign(W), sign(0) = 1",
    happens="Where a weight is exactly 0, its sign counts as 1, as by the test W >= 0.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _with_signs(s, part, right, penalising.sign(s.start(part), 1.0))


@at_zero(
    id="l1-sign-minus-one-at-zero",
    formula="dW = delta^T a_prev + c sign(W), sign(0) = -1",
    happens="Where a weight is exactly 0, its sign counts as -1, as by the test W > 0.",
)
def _(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    return _with_signs(s, part, right, penalising.sign(s.start(part), -1.0))
