"""Mistakes in the derivatives of the activations, the softmax's among them."""

import numpy as np

from parity.mistakes.conditions import (
    above,
    below,
    both,
    has,
    is_curved,
    is_hidden,
    is_inner,
    pulled,
    same_width_above,
)
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import Numbers, StepProgram
from parity.proof import formulas
from parity.rounding.bounded import positive
from parity.steps.record import Spec

DERIVATIVE = Catalogue()
bug = DERIVATIVE.add


def _other_above(spec: Spec, l: int) -> bool:
    return is_hidden(spec, l) and spec.activations[l - 1] != spec.activations[l]


def _other_below(spec: Spec, l: int) -> bool:
    return is_inner(spec, l) and spec.activations[l - 1] != spec.activations[l - 2]


@bug("BP2", "delta^l = delta^(l+1) W^(l+1)", where=is_curved)
def hidden_derivative_missing(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The error is passed down through the weights, but not through the activation.

    The chain rule has a factor for each function on the way: between a and z that is
    f'(z).
    """
    return s.cotangent(l)


@bug(
    "BP2",
    "delta = dC/da * a * (1 - a)",
    "pullback",
    where=pulled("tanh", "relu", "leaky_relu", "identity"),
)
def sigmoid_derivative_everywhere(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The factor a (1 - a) is used whatever the activation.

    It is the derivative of the sigmoid; each activation has its own, which is 1 for a
    linear layer.
    """
    return g * (s.a(l) * (1.0 - s.a(l)))


@bug(
    "BP2",
    "delta = dC/da * (1 - a^2)",
    "pullback",
    where=pulled("sigmoid", "relu", "leaky_relu", "identity"),
)
def tanh_derivative_everywhere(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The factor 1 - a^2 is used whatever the activation.

    It is the derivative of tanh; each activation has its own, which for the sigmoid is
    a (1 - a).
    """
    return g * (1.0 - s.a(l) * s.a(l))


@bug("BP2", "delta = dC/da * [z > 0]", "pullback", where=pulled("sigmoid", "tanh", "identity"))
def relu_derivative_everywhere(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The gradient is passed on where z > 0 and stopped elsewhere, whatever the
    activation. That is the derivative of the ReLU; other activations learn for z < 0
    too.
    """
    return positive(s.z(l), g, 0.0)


@bug("BP2", "delta = dC/da * f'(a)", "pullback", where=pulled("sigmoid", "tanh"))
def derivative_at_a(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The derivative is evaluated at a, though it belongs to z: the activation is
    applied twice. Such a derivative never vanishes at saturation, since a stays between
    -1 and 1.
    """
    f_of_a = formulas.activate(*s.f(l), s.a(l))
    return formulas.pull_back(*s.f(l), g, s.a(l), f_of_a)


@bug(
    "BP2",
    "delta = dC/da * z * (1 - z) for the sigmoid, dC/da * (1 - z^2) for tanh",
    "pullback",
    where=pulled("sigmoid", "tanh"),
)
def derivative_of_z_for_a(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The formula of the derivative in terms of a is fed with z.

    In a (1 - a) and 1 - a^2 the a stands for f(z), so the activation must be applied
    first.
    """
    return formulas.pull_back(*s.f(l), g, s.z(l), s.z(l))


@bug("BP2", "delta = dC/da * a", "pullback", where=pulled("sigmoid"))
def sigmoid_derivative_without_one_minus(
    s: StepProgram, l: int, g: Numbers, right: Numbers
) -> Numbers:
    """The sigmoid itself stands in for its derivative.

    The derivative is a (1 - a): small at both ends, not only where a is near 0.
    """
    return g * s.a(l)


@bug("BP2", "delta = dC/da * (1 - a)", "pullback", where=pulled("sigmoid"))
def sigmoid_derivative_one_minus_only(
    s: StepProgram, l: int, g: Numbers, right: Numbers
) -> Numbers:
    """The derivative of the sigmoid is written as 1 - a.

    The derivative is a (1 - a): small at both ends, not only where a is near 1.
    """
    return g * (1.0 - s.a(l))


@bug("BP2", "delta = dC/da * tanh(z)", "pullback", where=pulled("tanh"))
def tanh_derivative_is_tanh(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The function called the derivative of tanh returns tanh.

    The derivative is 1 - tanh^2: 1 at z = 0, where tanh is 0, and never negative.
    """
    return g * s.a(l)


@bug("BP2", "delta = dC/da * (1 - a)", "pullback", where=pulled("tanh"))
def tanh_derivative_not_squared(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The square in 1 - a^2 is missing.

    For negative a this factor is larger than 1, though tanh is nowhere steeper than 1.
    """
    return g * (1.0 - s.a(l))


@bug("BP2", "delta = dC/da", "pullback", where=pulled("relu"), hidden=("positive weighted inputs",))
def relu_derivative_always_1(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The derivative of the ReLU is 1 for dead units too, as when the test is a >= 0,
    which always holds. A unit with z < 0 stays at 0 when its weights change a little,
    so no gradient may pass through it.
    """
    return g


@bug("BP2", "delta = dC/da * [z <= 0]", "pullback", where=pulled("relu"))
def relu_mask_inverted(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The gradient passes through the dead units and is stopped at the active ones.

    The ReLU's derivative is 1 where z > 0 and 0 where z < 0, not the other way round.
    """
    return positive(s.z(l), 0.0, g)


@bug("BP2", "delta = max(dC/da, 0)", "pullback", where=pulled("relu"))
def relu_mask_on_gradient(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The negative entries of the gradient are set to 0 instead of those of the dead
    units. The derivative of the ReLU depends on the sign of z; the gradient may have
    either sign.
    """
    return positive(g, g, 0.0)


@bug(
    "BP2",
    "delta = slope where z < 0",
    "pullback",
    where=pulled("leaky_relu"),
    hidden=("positive weighted inputs",),
)
def leaky_slope_for_gradient(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """Where z < 0 the slope itself is passed down.

    It is the derivative of the activation, and the chain rule multiplies it by the
    gradient that comes from above.
    """
    return positive(s.z(l), g, float(s.f(l)[1]["slope"]))


@bug(
    "BP2",
    "delta = 0.01 * dC/da where z < 0",
    "pullback",
    where=pulled("leaky_relu"),
    hidden=("default slope", "positive weighted inputs"),
)
def leaky_default_slope(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The backward pass uses 0.01 as the slope, whatever slope the forward pass has.

    The derivative of slope z is that slope, so both must read the same parameter.
    """
    return positive(s.z(l), g, g * 0.01)


@bug(
    "BP2",
    "delta = 0 where z < 0",
    "pullback",
    where=pulled("leaky_relu"),
    hidden=("positive weighted inputs",),
)
def leaky_slope_forgotten(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The leaky ReLU is differentiated like the plain one.

    For z < 0 it has a slope, so that a unit can recover; here no gradient reaches it.
    """
    return positive(s.z(l), g, 0.0)


@bug(
    "BP2",
    "delta^l = delta^(l+1) W^(l+1) * f'(z) * f'(z)",
    where=has("sigmoid", "tanh", "leaky_relu", "softmax"),
)
def hidden_derivative_twice(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The derivative of the activation is multiplied in twice.

    The chain rule has one factor for each function, and there is one activation between
    z and a.
    """
    return s.pullback(l, right())


@bug(
    "BP2",
    "delta^l = delta^(l+1) W^(l+1) * f'_(l+1)(z^l)",
    where=both(_other_above, above(has("sigmoid", "tanh", "relu", "leaky_relu"))),
    hidden=("equal activations",),
)
def derivative_of_the_layer_above(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The derivative is that of the next layer's activation.

    A loop that runs backwards is easily off by one: a^l came out of f of layer l, so f'
    is that of layer l.
    """
    return formulas.pull_back(*s.f(l + 1), s.cotangent(l), s.z(l), s.a(l))


@bug(
    "BP2",
    "delta^l = delta^(l+1) W^(l+1) * f'_(l-1)(z^l)",
    where=both(is_hidden, _other_below, below(has("sigmoid", "tanh", "relu", "leaky_relu"))),
    hidden=("equal activations",),
)
def derivative_of_the_layer_below(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The derivative is that of the previous layer's activation.

    A loop that runs backwards is easily off by one: a^l came out of f of layer l, so f'
    is that of layer l.
    """
    return formulas.pull_back(*s.f(l - 1), s.cotangent(l), s.z(l), s.a(l))


@bug(
    "BP2",
    "delta^l = delta^(l+1) W^(l+1) * f'(z^(l+1))",
    where=both(same_width_above, has("sigmoid", "tanh", "relu", "leaky_relu")),
)
def derivative_at_z_above(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The derivative is evaluated at the weighted inputs of the next layer, which fits
    only where both layers are equally wide. The activation of layer l was applied to
    z^l, so that is where its slope is asked for.
    """
    z = s.z(l + 1)
    return formulas.pull_back(*s.f(l), s.cotangent(l), z, formulas.activate(*s.f(l), z))


# the derivative of the softmax


def _diagonal_delta(s: StepProgram, l: int, right: Numbers) -> Numbers:
    fused = (s.spec.loss, s.f(l)[0]) == ("cross_entropy", "softmax")
    return (s.a(l) - 1.0) * s.targets / s.n if fused else right()


@bug(
    "BP1",
    "delta = dC/da * p * (1 - p)",
    "pullback",
    where=has("softmax"),
    also={"BP1": _diagonal_delta},
)
def softmax_diagonal_only(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The softmax is differentiated like a sigmoid, output by output.

    Each p depends on every z, so its derivative is a matrix, and the products -p_i p_j
    beside its diagonal are missing here.
    """
    return g * (s.a(l) * (1.0 - s.a(l)))


@bug(
    "BP1",
    "delta = dC/da * (1 - p)",
    "pullback",
    where=pulled("softmax"),
    hidden=("softmax with cross-entropy",),
)
def softmax_one_minus(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The derivative of the softmax is written as 1 - p.

    That is the derivative of log p with respect to its own z; the softmax has another
    factor p, and terms for every other z.
    """
    return g * (1.0 - s.a(l))


@bug(
    "BP1",
    "delta_i = dC/da_i * p_i * ([i = k] - z_k), with k the last class",
    "pullback",
    where=pulled("softmax"),
    hidden=("softmax with cross-entropy",),
)
def softmax_jacobian_overwritten(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The loop over the columns of the softmax's Jacobian overwrites its result instead
    of adding up, and uses z for p. What is left is the last column, while the chain
    rule sums over all of them.
    """
    last = np.eye(s.a(l).shape[1])[-1]
    return g * (s.a(l) * (last - s.z(l)[:, -1:]))


@bug(
    "BP1",
    "delta = s * (g - sum s g) with s = softmax(g), g = dC/da",
    "pullback",
    where=pulled("softmax"),
    hidden=("softmax with cross-entropy",),
)
def softmax_of_the_gradient(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The softmax in its derivative is computed from the incoming gradient.

    The derivative is taken at the point where the function was evaluated, which is z.
    """
    p = formulas.softmax(g)
    return p * (g - (g * p).sum(axis=1, keepdims=True))
