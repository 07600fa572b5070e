"""Mistakes in the output layer's delta: its sign, its factors and its divisor."""

from parity.mistakes.conditions import (
    BY_ENTRIES,
    BY_SAMPLES,
    LOGITS,
    both,
    is_curved,
    is_fused,
    is_last,
    is_pulled,
    pulled,
    terms,
    trained_by,
)
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import Numbers, StepProgram
from parity.proof import formulas

OUTPUT_DELTA = Catalogue()
bug = OUTPUT_DELTA.add


def _probability(s: StepProgram, l: int) -> Numbers:
    """What a loss that is fused with its activation compares with the targets."""
    if s.spec.loss == LOGITS:
        return formulas.softmax(s.z(l))
    return s.z(l).sigmoid() if s.spec.loss == "sigmoid_cross_entropy" else s.a(l)


# output delta: its sign and its derivative


@bug("BP1", "delta^L = -dC/da * f'(z), as of y - a")
def output_delta_negated(s: StepProgram, l: int, right: Numbers) -> Numbers:
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
def output_derivative_missing(s: StepProgram, l: int, right: Numbers) -> Numbers:
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
def output_derivative_twice(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The derivative of the output's activation is multiplied in twice.

    The chain rule has one factor for each function, and there is one activation between
    z and a.
    """
    return s.pullback(l, right())


@bug("BP1", "delta^L = (p - y) * p * (1 - p) / n", where=is_fused)
def output_derivative_extra(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The difference p - y is multiplied by the derivative of the activation once more.

    It already is the derivative with respect to z: that factor has cancelled against
    the 1/p of the cross-entropy.
    """
    p = _probability(s, l)
    return right() * (p * (1.0 - p))


@bug("BP1", "delta^L = -(y / p) / n", where=lambda spec, l: spec.loss == "cross_entropy")
def cross_entropy_without_jacobian(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The output's delta is the derivative -y/p of the cross-entropy with respect to p.

    To get from there to z, it must still go through the derivative of the activation,
    and for softmax with cross-entropy the product is p - y.
    """
    return -s.targets / s.a(l) / s.n


@bug("BP1", "delta^L = (p - label) / n", where=trained_by("cross_entropy", LOGITS))
def labels_not_one_hot(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The number of the class is subtracted from all outputs, as if it were a value to
    be met. A label says which output should be 1, so 1 is to be subtracted from that
    output alone.
    """
    return (_probability(s, l) - s.y.reshape(-1, 1)) / s.n if s.y.ndim == 1 else right()


@bug("BP1", "delta^L = 1/(n k) * f'(z)", "cotangent", where=both(trained_by("mae"), is_last))
def absolute_error_without_sign(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The derivative of the absolute error is taken as 1 everywhere.

    It is the sign of a - y: for predictions that are too small the cost falls as they
    grow.
    """
    return abs(right())


@bug(
    "BP1", "delta^L = (a - y) / (n k) * f'(z)", "cotangent", where=both(trained_by("mae"), is_last)
)
def absolute_error_as_squared(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The error itself stands where its sign belongs, as for squares.

    The absolute error has the same slope for small and large errors, so its derivative
    is -1 or 1.
    """
    return (s.a(l) - s.y) / terms(s)


# output delta: its divisor


@bug("BP1", "delta^L = n times the right one", hidden=("one sample",))
def not_averaged(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The output's delta is not divided by the number of samples, though the loss is a
    mean. All gradients are n times too large, and the step grows with the batch size.
    """
    return right() * s.n


@bug("BP1", "delta^L = n k times the right one", where=trained_by(*BY_ENTRIES))
def not_averaged_at_all(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided neither by the number of samples nor by that of the
    outputs. The loss is the mean over both, so every gradient is n k times too large.
    """
    return right() * terms(s)


@bug(
    "BP1", "delta^L = k times the right one", where=trained_by(*BY_ENTRIES), hidden=("one output",)
)
def averaged_over_samples_only(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided by the number of samples, but not by that of the
    outputs. The loss is a mean over both, so this is the gradient of k times the loss.
    """
    return right() * s.k


@bug("BP1", "delta^L = 1/k of the right one", where=trained_by(*BY_SAMPLES), hidden=("one output",))
def averaged_over_outputs_too(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided by the number of outputs as well as of samples.

    This loss is a sum over the outputs, averaged over the samples alone, so every
    gradient is k times too small.
    """
    return right() / s.k


@bug("BP1", "delta^L = 1/n of the right one", hidden=("one sample",))
def averaged_twice(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided by the number of samples twice.

    One division comes from the mean in the loss; with the second, steps shrink as the
    batch grows.
    """
    return right() / s.n


@bug("BP1", "delta^L = n/k times the right one", where=trained_by(*BY_SAMPLES))
def divided_by_outputs(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided by the number of outputs in place of the number of
    samples. The loss is the mean over samples, so n belongs there; the wrong axis of
    the array was counted.
    """
    return right() * (s.n / s.k)


@bug("BP1", "delta^L = n/m times the right one, for m inputs")
def divided_by_inputs(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The output's delta is divided by the number of inputs in place of the number of
    samples. Both are lengths of x, but only the samples are what the loss averages
    over.
    """
    return right() * (s.n / float(s.spec.sizes[0]))


@bug("BP1", "delta^L = 1/2 of the right one", where=trained_by("mse"))
def half_the_gradient(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The derivative of (a - y)^2 is written as a - y.

    The 2 that comes down from the exponent is missing, and the loss has no 1/2 that
    would cancel it.
    """
    return right() * 0.5


@bug("BP1", "delta^L = 2 times the right one", where=trained_by("half_squared_error"))
def twice_the_gradient(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The output's delta has a factor 2 that has already cancelled.

    The derivative of 1/2 (a - y)^2 is a - y.
    """
    return right() * 2.0
