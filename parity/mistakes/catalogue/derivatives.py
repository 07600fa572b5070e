"""Mistakes in the deltas: the output layer's, the activations' derivatives, and the way
down through the weights.
"""

import numpy as np

from parity import formulas
from parity.bounded import positive
from parity.mistake import Catalogue
from parity.places import (
    BY_ENTRIES,
    BY_SAMPLES,
    LOGITS,
    above,
    below,
    both,
    has,
    is_curved,
    is_fused,
    is_hidden,
    is_inner,
    is_last,
    is_pulled,
    is_square,
    is_wide,
    pulled,
    terms,
    trained_by,
)
from parity.program import Numbers, Part, Step
from parity.record import Spec

DELTA = Catalogue()
bug = DELTA.add


def _probability(s: Step, l: int) -> Numbers:
    """What a loss that is fused with its activation compares with the targets."""
    if s.spec.loss == LOGITS:
        return formulas.softmax(s.z(l))
    return s.z(l).sigmoid() if s.spec.loss == "sigmoid_cross_entropy" else s.a(l)


def _same_width_above(spec: Spec, l: int) -> bool:
    return is_hidden(spec, l) and is_square(spec, l + 1)


def _other_above(spec: Spec, l: int) -> bool:
    return is_hidden(spec, l) and spec.activations[l - 1] != spec.activations[l]


def _other_below(spec: Spec, l: int) -> bool:
    return is_inner(spec, l) and spec.activations[l - 1] != spec.activations[l - 2]


def _deeper(spec: Spec, l: int) -> bool:
    """Two layers below the output, whose delta fits that of the layer above."""
    return l + 1 < len(spec.sizes) - 1 and spec.sizes[l + 1] == spec.sizes[-1]


# output delta: its sign and its derivative


@bug("BP1", "delta^L = -dC/da * f'(z), as of y - a")
def output_delta_negated(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta has the wrong sign, as when target minus prediction meets an
    update that subtracts. Every gradient is made of it, so each step makes the cost
    larger.
    """
    return -right()


@bug(
    "BP1",
    "delta^L = dC/da",
    where=both(is_pulled, is_curved),
    hidden=("softmax with cross-entropy",),
)
def output_derivative_missing(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta is the derivative of the loss alone, without that of the
    activation. They cancel only in pairs like softmax with cross-entropy; for this loss
    the chain rule still asks for f'(z).
    """
    return s.cotangent(l)


@bug(
    "BP1",
    "delta^L = dC/da * f'(z) * f'(z)",
    where=pulled("sigmoid", "tanh", "leaky_relu", "softmax"),
)
def output_derivative_twice(s: Step, l: int, right: Numbers) -> Numbers:
    """The derivative of the output's activation is multiplied in twice.

    The chain rule has one factor for each function, and there is one activation between
    z and a.
    """
    return s.pullback(l, right())


@bug("BP1", "delta^L = (p - y) * p * (1 - p) / n", where=is_fused)
def output_derivative_extra(s: Step, l: int, right: Numbers) -> Numbers:
    """The difference p - y is multiplied by the derivative of the activation once more.

    It already is the derivative with respect to z: that factor has cancelled against
    the 1/p of the cross-entropy.
    """
    p = _probability(s, l)
    return right() * (p * (1.0 - p))


@bug("BP1", "delta^L = -(y / p) / n", where=lambda spec, l: spec.loss == "cross_entropy")
def cross_entropy_without_jacobian(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta is the derivative -y/p of the cross-entropy with respect to p.

    To get from there to z, it must still go through the derivative of the activation,
    and for softmax with cross-entropy the product is p - y.
    """
    return -s.targets / s.a(l) / s.n


@bug("BP1", "delta^L = (p - label) / n", where=trained_by("cross_entropy", LOGITS))
def labels_not_one_hot(s: Step, l: int, right: Numbers) -> Numbers:
    """The number of the class is subtracted from all outputs, as if it were a value to
    be met. A label says which output should be 1, so 1 is to be subtracted from that
    output alone.
    """
    return (_probability(s, l) - s.y.reshape(-1, 1)) / s.n if s.y.ndim == 1 else right()


@bug("BP1", "delta^L = 1/(n k) * f'(z)", "cotangent", where=both(trained_by("mae"), is_last))
def absolute_error_without_sign(s: Step, l: int, right: Numbers) -> Numbers:
    """The derivative of the absolute error is taken as 1 everywhere.

    It is the sign of a - y: for predictions that are too small the cost falls as they
    grow.
    """
    return abs(right())


@bug(
    "BP1", "delta^L = (a - y) / (n k) * f'(z)", "cotangent", where=both(trained_by("mae"), is_last)
)
def absolute_error_as_squared(s: Step, l: int, right: Numbers) -> Numbers:
    """The error itself stands where its sign belongs, as for squares.

    The absolute error has the same slope for small and large errors, so its derivative
    is -1 or 1.
    """
    return (s.a(l) - s.y) / terms(s)


# output delta: its divisor


@bug("BP1", "delta^L = n times the right one", hidden=("one sample",))
def not_averaged(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta is not divided by the number of samples, though the loss is a
    mean. All gradients are n times too large, and the step grows with the batch size.
    """
    return right() * s.n


@bug("BP1", "delta^L = n k times the right one", where=trained_by(*BY_ENTRIES))
def not_averaged_at_all(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided neither by the number of samples nor by that of the
    outputs. The loss is the mean over both, so every gradient is n k times too large.
    """
    return right() * terms(s)


@bug(
    "BP1", "delta^L = k times the right one", where=trained_by(*BY_ENTRIES), hidden=("one output",)
)
def averaged_over_samples_only(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided by the number of samples, but not by that of the
    outputs. The loss is a mean over both, so this is the gradient of k times the loss.
    """
    return right() * s.k


@bug("BP1", "delta^L = 1/k of the right one", where=trained_by(*BY_SAMPLES), hidden=("one output",))
def averaged_over_outputs_too(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided by the number of outputs as well as of samples.

    This loss is a sum over the outputs, averaged over the samples alone, so every
    gradient is k times too small.
    """
    return right() / s.k


@bug("BP1", "delta^L = 1/n of the right one", hidden=("one sample",))
def averaged_twice(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided by the number of samples twice.

    One division comes from the mean in the loss; with the second, steps shrink as the
    batch grows.
    """
    return right() / s.n


@bug("BP1", "delta^L = n/k times the right one", where=trained_by(*BY_SAMPLES))
def divided_by_outputs(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided by the number of outputs in place of the number of
    samples. The loss is the mean over samples, so n belongs there; the wrong axis of
    the array was counted.
    """
    return right() * (s.n / s.k)


@bug("BP1", "delta^L = n/m times the right one, for m inputs")
def divided_by_inputs(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided by the number of inputs in place of the number of
    samples. Both are lengths of x, but only the samples are what the loss averages
    over.
    """
    return right() * (s.n / float(s.spec.sizes[0]))


@bug("BP1", "delta^L = 1/2 of the right one", where=trained_by("mse"))
def half_the_gradient(s: Step, l: int, right: Numbers) -> Numbers:
    """The derivative of (a - y)^2 is written as a - y.

    The 2 that comes down from the exponent is missing, and the loss has no 1/2 that
    would cancel it.
    """
    return right() * 0.5


@bug("BP1", "delta^L = 2 times the right one", where=trained_by("half_squared_error"))
def twice_the_gradient(s: Step, l: int, right: Numbers) -> Numbers:
    """The output's delta has a factor 2 that has already cancelled.

    The derivative of 1/2 (a - y)^2 is a - y.
    """
    return right() * 2.0


# the activation's derivative


@bug("BP2", "delta^l = delta^(l+1) W^(l+1)", where=is_curved)
def hidden_derivative_missing(s: Step, l: int, right: Numbers) -> Numbers:
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
def sigmoid_derivative_everywhere(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
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
def tanh_derivative_everywhere(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The factor 1 - a^2 is used whatever the activation.

    It is the derivative of tanh; each activation has its own, which for the sigmoid is
    a (1 - a).
    """
    return g * (1.0 - s.a(l) * s.a(l))


@bug("BP2", "delta = dC/da * [z > 0]", "pullback", where=pulled("sigmoid", "tanh", "identity"))
def relu_derivative_everywhere(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The gradient is passed on where z > 0 and stopped elsewhere, whatever the
    activation. That is the derivative of the ReLU; other activations learn for z < 0
    too.
    """
    return positive(s.z(l), g, 0.0)


@bug("BP2", "delta = dC/da * f'(a)", "pullback", where=pulled("sigmoid", "tanh"))
def derivative_at_a(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
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
def derivative_of_z_for_a(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The formula of the derivative in terms of a is fed with z.

    In a (1 - a) and 1 - a^2 the a stands for f(z), so the activation must be applied
    first.
    """
    return formulas.pull_back(*s.f(l), g, s.z(l), s.z(l))


@bug("BP2", "delta = dC/da * a", "pullback", where=pulled("sigmoid"))
def sigmoid_derivative_without_one_minus(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The sigmoid itself stands in for its derivative.

    The derivative is a (1 - a): small at both ends, not only where a is near 0.
    """
    return g * s.a(l)


@bug("BP2", "delta = dC/da * (1 - a)", "pullback", where=pulled("sigmoid"))
def sigmoid_derivative_one_minus_only(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The derivative of the sigmoid is written as 1 - a.

    The derivative is a (1 - a): small at both ends, not only where a is near 1.
    """
    return g * (1.0 - s.a(l))


@bug("BP2", "delta = dC/da * tanh(z)", "pullback", where=pulled("tanh"))
def tanh_derivative_is_tanh(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The function called the derivative of tanh returns tanh.

    The derivative is 1 - tanh^2: 1 at z = 0, where tanh is 0, and never negative.
    """
    return g * s.a(l)


@bug("BP2", "delta = dC/da * (1 - a)", "pullback", where=pulled("tanh"))
def tanh_derivative_not_squared(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The square in 1 - a^2 is missing.

    For negative a this factor is larger than 1, though tanh is nowhere steeper than 1.
    """
    return g * (1.0 - s.a(l))


@bug("BP2", "delta = dC/da", "pullback", where=pulled("relu"), hidden=("positive weighted inputs",))
def relu_derivative_always_1(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The derivative of the ReLU is 1 for dead units too, as when the test is a >= 0,
    which always holds. A unit with z < 0 stays at 0 when its weights change a little,
    so no gradient may pass through it.
    """
    return g


@bug("BP2", "delta = dC/da * [z <= 0]", "pullback", where=pulled("relu"))
def relu_mask_inverted(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The gradient passes through the dead units and is stopped at the active ones.

    The ReLU's derivative is 1 where z > 0 and 0 where z < 0, not the other way round.
    """
    return positive(s.z(l), 0.0, g)


@bug("BP2", "delta = max(dC/da, 0)", "pullback", where=pulled("relu"))
def relu_mask_on_gradient(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
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
def leaky_slope_for_gradient(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
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
def leaky_default_slope(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
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
def leaky_slope_forgotten(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The leaky ReLU is differentiated like the plain one.

    For z < 0 it has a slope, so that a unit can recover; here no gradient reaches it.
    """
    return positive(s.z(l), g, 0.0)


@bug(
    "BP2",
    "delta^l = delta^(l+1) W^(l+1) * f'(z) * f'(z)",
    where=has("sigmoid", "tanh", "leaky_relu", "softmax"),
)
def hidden_derivative_twice(s: Step, l: int, right: Numbers) -> Numbers:
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
def derivative_of_the_layer_above(s: Step, l: int, right: Numbers) -> Numbers:
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
def derivative_of_the_layer_below(s: Step, l: int, right: Numbers) -> Numbers:
    """The derivative is that of the previous layer's activation.

    A loop that runs backwards is easily off by one: a^l came out of f of layer l, so f'
    is that of layer l.
    """
    return formulas.pull_back(*s.f(l - 1), s.cotangent(l), s.z(l), s.a(l))


@bug(
    "BP2",
    "delta^l = delta^(l+1) W^(l+1) * f'(z^(l+1))",
    where=both(_same_width_above, has("sigmoid", "tanh", "relu", "leaky_relu")),
)
def derivative_at_z_above(s: Step, l: int, right: Numbers) -> Numbers:
    """The derivative is evaluated at the weighted inputs of the next layer, which fits
    only where both layers are equally wide. The activation of layer l was applied to
    z^l, so that is where its slope is asked for.
    """
    z = s.z(l + 1)
    return formulas.pull_back(*s.f(l), s.cotangent(l), z, formulas.activate(*s.f(l), z))


# the derivative of the softmax


def _diagonal_delta(s: Step, l: int, right: Numbers) -> Numbers:
    fused = (s.spec.loss, s.f(l)[0]) == ("cross_entropy", "softmax")
    return (s.a(l) - 1.0) * s.targets / s.n if fused else right()


@bug(
    "BP1",
    "delta = dC/da * p * (1 - p)",
    "pullback",
    where=has("softmax"),
    also={"BP1": _diagonal_delta},
)
def softmax_diagonal_only(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
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
def softmax_one_minus(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
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
def softmax_jacobian_overwritten(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
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
def softmax_of_the_gradient(s: Step, l: int, g: Numbers, right: Numbers) -> Numbers:
    """The softmax in its derivative is computed from the incoming gradient.

    The derivative is taken at the point where the function was evaluated, which is z.
    """
    p = formulas.softmax(g)
    return p * (g - (g * p).sum(axis=1, keepdims=True))


# the way down through the weights


@bug("BP2", "delta^l = delta^(l+1) (W^(l+1))^T * f'(z)", "cotangent", where=_same_width_above)
def hidden_weights_transposed(s: Step, l: int, right: Numbers) -> Numbers:
    """The delta goes down through the transpose of W, which only a square W lets pass.

    Forward, unit i reaches unit j by W_ji, so the error of unit j must come back to
    unit i by that same weight.
    """
    return s.delta(l + 1) @ s.W(l + 1).T


@bug("BP2", "delta^l = delta^(l+1) W_new^(l+1) * f'(z)", "cotangent", where=is_hidden)
def updated_weights(s: Step, l: int, right: Numbers) -> Numbers:
    """The delta goes down through weights that this step has already changed.

    The gradient is taken at the weights that made the prediction: all deltas come
    first, then the updates.
    """
    return s.delta(l + 1) @ s.new(Part("W", l + 1))


@bug(
    "BP2",
    "delta^l = dC/da^(l+1) W^(l+1) * f'(z)",
    "cotangent",
    where=above(both(is_curved, is_pulled)),
)
def delta_above_without_its_derivative(s: Step, l: int, right: Numbers) -> Numbers:
    """What goes down is the error of the next layer's outputs, not its delta.

    Between a and z of that layer stands its activation, so its f' belongs into the
    product as well.
    """
    return s.cotangent(l + 1) @ s.W(l + 1)


@bug(
    "BP2",
    "delta^l = delta^(l+1) W^l * f'(z)",
    "cotangent",
    where=both(is_square, _same_width_above),
)
def own_weights(s: Step, l: int, right: Numbers) -> Numbers:
    """The delta goes down through the layer's own weights instead of those of the next
    layer. The outputs of layer l reach the cost through W of layer l+1; its own W lies
    on the other side of its activation.
    """
    return s.delta(l + 1) @ s.W(l)


@bug(
    "BP2",
    "delta^l = delta^(l+1) W^(l+1) / (row sums of W^(l+1)) * f'(z)",
    "cotangent",
    where=is_hidden,
)
def weights_normalised(s: Step, l: int, right: Numbers) -> Numbers:
    """The error of a unit is split among its inputs in proportion to their weights.

    That looks fair, but the chain rule multiplies by the weight itself, and a sum of
    weights may be close to 0.
    """
    W = s.W(l + 1)
    return s.delta(l + 1) @ (W / W.sum(axis=1, keepdims=True))


@bug(
    "BP2",
    "delta^l = delta_k^(l+1) W_k^(l+1) * f'(z), for the last unit k alone",
    "cotangent",
    where=above(is_wide),
)
def one_path_only(s: Step, l: int, right: Numbers) -> Numbers:
    """Only the last unit of the next layer sends its error down, as when a loop assigns
    instead of adding. A hidden unit acts on the cost through every unit above it, and
    the chain rule sums over these paths.
    """
    return s.delta(l + 1)[:, -1:] @ s.W(l + 1)[-1:, :]


@bug(
    "BP2",
    "delta^l = delta^(l+1) W^(l+1) * f'(z) / (units of layer l+1)",
    "cotangent",
    where=above(is_wide),
)
def paths_averaged(s: Step, l: int, right: Numbers) -> Numbers:
    """The errors that come from the units above are averaged.

    The chain rule sums over all paths, so each layer makes this delta too small once
    more.
    """
    return right() / float(s.spec.sizes[l + 1])


@bug(
    "BP2",
    "delta^l = delta^L W^(l+1) * f'(z)",
    "cotangent",
    where=_deeper,
    hidden=("one hidden layer",),
)
def delta_of_the_output(s: Step, l: int, right: Numbers) -> Numbers:
    """Every hidden layer receives the delta of the output layer.

    With more than one hidden layer, the error must come down layer by layer, through
    all the weights and activations between.
    """
    return s.delta(s.L) @ s.W(l + 1)


@bug("BP2", "delta^l = 0")
def hidden_delta_zero(s: Step, l: int, right: Numbers) -> Numbers:
    """No error reaches the hidden layer.

    Its weights stay as they are, and only the layers above it learn, from random
    features.
    """
    return right() * 0.0


@bug("BP2", "delta^l = -delta^(l+1) W^(l+1) * f'(z)")
def hidden_delta_negated(s: Step, l: int, right: Numbers) -> Numbers:
    """The hidden delta has the wrong sign.

    The sign of a - y is already in the delta above, and nothing on the way down changes
    it but the weights and f'.
    """
    return -right()


@bug("BP2", "delta^l = delta^(l+1) W^(l+1) * f'(z) / n", hidden=("one sample",))
def averaged_again_below(s: Step, l: int, right: Numbers) -> Numbers:
    """The hidden delta is divided by the number of samples, and the delta above it was
    already. One division is in the loss; each further one makes the layers below it
    learn n times more slowly.
    """
    return right() / s.n
