"""Mistakes on the way down through the weights, from one delta to the next."""

from parity.mistakes.conditions import (
    above,
    both,
    is_curved,
    is_hidden,
    is_pulled,
    is_square,
    is_wide,
    same_width_above,
)
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import Numbers, Part, StepProgram
from parity.steps.record import Spec

HIDDEN_DELTA = Catalogue()
bug = HIDDEN_DELTA.add


def _deeper(spec: Spec, l: int) -> bool:
    """Two layers below the output, whose delta fits that of the layer above."""
    return l + 1 < len(spec.sizes) - 1 and spec.sizes[l + 1] == spec.sizes[-1]


@bug("BP2", "delta^l = delta^(l+1) (W^(l+1))^T * f'(z)", "cotangent", where=same_width_above)
def hidden_weights_transposed(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The delta goes down through the transpose of W, which only a square W lets pass.

    Forward, unit i reaches unit j by W_ji, so the error of unit j must come back to
    unit i by that same weight.
    """
    return s.delta(l + 1) @ s.W(l + 1).T


@bug("BP2", "delta^l = delta^(l+1) W_new^(l+1) * f'(z)", "cotangent", where=is_hidden)
def updated_weights(s: StepProgram, l: int, right: Numbers) -> Numbers:
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
def delta_above_without_its_derivative(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """What goes down is the error of the next layer's outputs, not its delta.

    Between a and z of that layer stands its activation, so its f' belongs into the
    product as well.
    """
    return s.cotangent(l + 1) @ s.W(l + 1)


@bug(
    "BP2",
    "delta^l = delta^(l+1) W^l * f'(z)",
    "cotangent",
    where=both(is_square, same_width_above),
)
def own_weights(s: StepProgram, l: int, right: Numbers) -> Numbers:
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
def weights_normalised(s: StepProgram, l: int, right: Numbers) -> Numbers:
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
def one_path_only(s: StepProgram, l: int, right: Numbers) -> Numbers:
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
def paths_averaged(s: StepProgram, l: int, right: Numbers) -> Numbers:
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
def delta_of_the_output(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """Every hidden layer receives the delta of the output layer.

    With more than one hidden layer, the error must come down layer by layer, through
    all the weights and activations between.
    """
    return s.delta(s.L) @ s.W(l + 1)


@bug("BP2", "delta^l = 0")
def hidden_delta_zero(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """No error reaches the hidden layer.

    Its weights stay as they are, and only the layers above it learn, from random
    features.
    """
    return right() * 0.0


@bug("BP2", "delta^l = -delta^(l+1) W^(l+1) * f'(z)")
def hidden_delta_negated(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The hidden delta has the wrong sign.

    The sign of a - y is already in the delta above, and nothing on the way down changes
    it but the weights and f'.
    """
    return -right()


@bug("BP2", "delta^l = delta^(l+1) W^(l+1) * f'(z) / n", hidden=("one sample",))
def averaged_again_below(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The hidden delta is divided by the number of samples, and the delta above it was
    already. One division is in the loss; each further one makes the layers below it
    learn n times more slowly.
    """
    return right() / s.n
