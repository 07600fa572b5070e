"""Mistakes in the derivatives of the elementwise activations."""

from parity.mistakes.conditions import (
    ELEMENTWISE,
    Place,
    above,
    below,
    both,
    differs_when_squared,
    has,
    is_curved,
    is_hidden,
    is_inner,
    pulled,
    same_width_above,
)
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.proof import formulas
from parity.rounding.bounded import positive
from parity.steps.record import Spec

DERIVATIVE = Catalogue()
bug = DERIVATIVE.add


# the elementwise activations whose f' depends on z
SLOPED = tuple(name for name in ELEMENTWISE if name != "identity")


def _pulled_by_others(*activations: str) -> Place:
    """Layers with another elementwise activation, whose delta has the factor f'."""
    return pulled(*(name for name in ELEMENTWISE if name not in activations))


def _other_above(spec: Spec, l: int) -> bool:
    return is_hidden(spec, l) and spec.activations[l - 1] != spec.activations[l]


def _other_below(spec: Spec, l: int) -> bool:
    return is_inner(spec, l) and spec.activations[l - 1] != spec.activations[l - 2]


@bug(
    id="hidden-derivative-missing",
    equation="BP2",
    formula="delta^l = delta^(l+1) W^(l+1)",
    happens="The error is passed down through the weights, but not through the activation.",
    why="The chain rule has a factor for each function on the way: between a and z that is f'(z).",
    where=is_curved,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.cotangent(l)


@bug(
    id="sigmoid-derivative-everywhere",
    equation="BP2",
    formula="delta = dC/da * a * (1 - a)",
    happens="The factor a (1 - a) is used whatever the activation.",
    why="It is the derivative of the sigmoid; each activation has its own, which is 1 for a "
    "linear layer.",
    slots=("pullback",),
    where=_pulled_by_others("sigmoid"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return g * (s.a(l) * (1.0 - s.a(l)))


@bug(
    id="tanh-derivative-everywhere",
    equation="BP2",
    formula="delta = dC/da * (1 - a^2)",
    happens="The factor 1 - a^2 is used whatever the activation.",
    why="It is the derivative of tanh; each activation has its own, which for the sigmoid is a (1 "
    "- a).",
    slots=("pullback",),
    where=_pulled_by_others("tanh"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return g * (1.0 - s.a(l) * s.a(l))


@bug(
    id="relu-derivative-everywhere",
    equation="BP2",
    formula="delta = dC/da * [z > 0]",
    happens="The gradient is passed on where z > 0 and stopped elsewhere, whatever the activation.",
    why="That is the derivative of the ReLU; other activations learn for z < 0 too.",
    slots=("pullback",),
    where=_pulled_by_others("relu", "leaky_relu"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return positive(s.z(l), g, 0.0)


@bug(
    id="derivative-at-a",
    equation="BP2",
    formula="delta = dC/da * f'(a)",
    happens="The derivative is evaluated at a, though it belongs to z: the activation is applied "
    "twice.",
    why="Such a derivative never vanishes at saturation, since a stays between -1 and 1.",
    slots=("pullback",),
    where=pulled("sigmoid", "tanh"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    f_of_a = formulas.activate(*s.f(l), s.a(l))
    return formulas.pull_back(*s.f(l), g, s.a(l), f_of_a)


@bug(
    id="derivative-of-z-for-a",
    equation="BP2",
    formula="delta = dC/da * z * (1 - z) for the sigmoid, dC/da * (1 - z^2) for tanh",
    happens="The formula of the derivative in terms of a is given z instead of a.",
    why="In a (1 - a) and 1 - a^2 the a stands for f(z), so the activation must be applied first.",
    slots=("pullback",),
    where=pulled("sigmoid", "tanh"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return formulas.pull_back(*s.f(l), g, s.z(l), s.z(l))


@bug(
    id="sigmoid-derivative-without-one-minus",
    equation="BP2",
    formula="delta = dC/da * a",
    happens="The sigmoid itself stands in for its derivative.",
    why="The derivative is a (1 - a): small at both ends, not only where a is near 0.",
    slots=("pullback",),
    where=pulled("sigmoid"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return g * s.a(l)


@bug(
    id="sigmoid-derivative-one-minus-only",
    equation="BP2",
    formula="delta = dC/da * (1 - a)",
    happens="The derivative of the sigmoid is written as 1 - a.",
    why="The derivative is a (1 - a): small at both ends, not only where a is near 1.",
    slots=("pullback",),
    where=pulled("sigmoid"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return g * (1.0 - s.a(l))


@bug(
    id="tanh-derivative-is-tanh",
    equation="BP2",
    formula="delta = dC/da * tanh(z)",
    happens="The function called the derivative of tanh returns tanh.",
    why="The derivative is 1 - tanh^2: 1 at z = 0, where tanh is 0, and never negative.",
    slots=("pullback",),
    where=pulled("tanh"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return g * s.a(l)


@bug(
    id="tanh-derivative-not-squared",
    equation="BP2",
    formula="delta = dC/da * (1 - a)",
    happens="The square in 1 - a^2 is missing.",
    why="For negative a this factor is larger than 1, though tanh is nowhere steeper than 1.",
    slots=("pullback",),
    where=pulled("tanh"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return g * (1.0 - s.a(l))


@bug(
    id="relu-derivative-always-1",
    equation="BP2",
    formula="delta = dC/da",
    happens="The derivative of the ReLU is 1 for dead units too, as when the test is a >= 0, "
    "which always holds.",
    why="A unit with z < 0 stays at 0 when its weights change a little, so no gradient may pass "
    "through it.",
    slots=("pullback",),
    where=pulled("relu"),
    hidden=("positive weighted inputs",),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return g


@bug(
    id="relu-mask-inverted",
    equation="BP2",
    formula="delta = dC/da * [z <= 0]",
    happens="The gradient passes through the dead units and is stopped at the active ones.",
    why="The ReLU's derivative is 1 where z > 0 and 0 where z < 0, not the other way round.",
    slots=("pullback",),
    where=pulled("relu"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return positive(s.z(l), 0.0, g)


@bug(
    id="relu-mask-on-gradient",
    equation="BP2",
    formula="delta = max(dC/da, 0)",
    happens="The negative entries of the gradient are set to 0 instead of those of the dead units.",
    why="The derivative of the ReLU depends on the sign of z; the gradient may have either sign.",
    slots=("pullback",),
    where=pulled("relu"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return positive(g, g, 0.0)


@bug(
    id="leaky-slope-for-gradient",
    equation="BP2",
    formula="delta = slope where z < 0",
    happens="Where z < 0 the slope itself is passed down.",
    why="It is the derivative of the activation, and the chain rule multiplies it by the gradient "
    "that comes from above.",
    slots=("pullback",),
    where=pulled("leaky_relu"),
    hidden=("positive weighted inputs",),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return positive(s.z(l), g, float(s.f(l)[1]["slope"]))


@bug(
    id="leaky-default-slope",
    equation="BP2",
    formula="delta = 0.01 * dC/da where z < 0",
    happens="The backward pass uses 0.01 as the slope, whatever slope the forward pass has.",
    why="The derivative of slope z is that slope, so both must read the same parameter.",
    slots=("pullback",),
    where=pulled("leaky_relu"),
    hidden=("the default slope", "positive weighted inputs"),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return positive(s.z(l), g, g * 0.01)


@bug(
    id="leaky-slope-forgotten",
    equation="BP2",
    formula="delta = 0 where z < 0",
    happens="The leaky ReLU is differentiated like the plain one.",
    why="For z < 0 it has a slope, so that a unit can recover; here no gradient reaches it.",
    slots=("pullback",),
    where=pulled("leaky_relu"),
    hidden=("positive weighted inputs",),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return positive(s.z(l), g, 0.0)


@bug(
    id="hidden-derivative-twice",
    equation="BP2",
    formula="delta^l = delta^(l+1) W^(l+1) * f'(z) * f'(z)",
    happens="The delta is multiplied by the derivative of the activation twice.",
    why="The chain rule has one factor for each function, and there is one activation between z "
    "and a.",
    where=differs_when_squared,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.pullback(l, right())


@bug(
    id="derivative-of-the-layer-above",
    equation="BP2",
    formula="delta^l = delta^(l+1) W^(l+1) * f'_(l+1)(z^l)",
    happens="The derivative is that of the next layer's activation.",
    why="A loop that runs backwards is easily off by one: a^l came out of f of layer l, so f' is "
    "that of layer l.",
    where=both(_other_above, above(has(*SLOPED))),
    hidden=("equal activations",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return formulas.pull_back(*s.f(l + 1), s.cotangent(l), s.z(l), s.a(l))


@bug(
    id="derivative-of-the-layer-below",
    equation="BP2",
    formula="delta^l = delta^(l+1) W^(l+1) * f'_(l-1)(z^l)",
    happens="The derivative is that of the previous layer's activation.",
    why="A loop that runs backwards is easily off by one: a^l came out of f of layer l, so f' is "
    "that of layer l.",
    where=both(is_hidden, _other_below, below(has(*SLOPED))),
    hidden=("equal activations",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return formulas.pull_back(*s.f(l - 1), s.cotangent(l), s.z(l), s.a(l))


@bug(
    id="derivative-at-z-above",
    equation="BP2",
    formula="delta^l = delta^(l+1) W^(l+1) * f'(z^(l+1))",
    happens="The derivative is evaluated at the weighted inputs of the next layer, which fits "
    "only where both layers are equally wide.",
    why="The activation of layer l was applied to z^l, so f' must be taken at z^l.",
    where=both(same_width_above, has(*SLOPED)),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    z = s.z(l + 1)
    return formulas.pull_back(*s.f(l), s.cotangent(l), z, formulas.activate(*s.f(l), z))
