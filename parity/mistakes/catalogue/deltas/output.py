"""Mistakes in the output layer's delta: its sign, its factors and its divisor."""

from parity.mistakes.conditions import (
    BY_ENTRIES,
    BY_SAMPLES,
    LOGITS,
    averages,
    both,
    differs_when_squared,
    is_curved,
    is_fused,
    is_last,
    is_pulled,
    plain_targets,
    samples,
    terms,
    trained_by,
)
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.proof import formulas

OUTPUT_DELTA = Catalogue()
bug = OUTPUT_DELTA.add


def _probability(s: StepProgram, l: int) -> Numbers:
    """What a cross-entropy compares with the targets."""
    if s.spec.loss == LOGITS:
        return formulas.softmax(s.z(l))
    return s.z(l).sigmoid() if s.spec.loss == "sigmoid_cross_entropy" else s.a(l)


# output delta: its sign and its derivative


@bug(
    id="output-delta-negated",
    equation="BP1",
    formula="delta^L = -dC/da * f'(z), as from y - a",
    happens="The output's delta has the wrong sign, as when target minus prediction meets an "
    "update that subtracts.",
    why="Every gradient is computed from it, so each step makes the cost larger.",
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return -right()


@bug(
    id="output-derivative-missing",
    equation="BP1",
    formula="delta^L = dC/da",
    happens="The output's delta is the derivative of the loss alone, without that of the "
    "activation.",
    why="The activation's derivative cancels only in pairs such as softmax with cross-entropy; "
    "with this loss the chain rule needs f'(z).",
    where=both(is_pulled, is_curved),
    hidden=("softmax with cross-entropy",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.cotangent(l)


@bug(
    id="output-derivative-twice",
    equation="BP1",
    formula="delta^L = dC/da * f'(z) * f'(z)",
    happens="The delta is multiplied by the derivative of the output's activation twice.",
    why="The chain rule has one factor for each function, and there is one activation between z "
    "and a.",
    where=both(is_pulled, differs_when_squared),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.pullback(l, right())


@bug(
    id="output-derivative-extra",
    equation="BP1",
    formula="delta^L = (p - y) * p * (1 - p) / n",
    happens="The difference p - y is multiplied by the derivative of the activation once more.",
    why="It already is the derivative with respect to z: that factor has cancelled against the "
    "1/p of the cross-entropy.",
    where=is_fused,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    p = _probability(s, l)
    return right() * (p * (1.0 - p))


@bug(
    id="cross-entropy-without-jacobian",
    equation="BP1",
    formula="delta^L = -(y / p) / n",
    happens="The output's delta is the derivative -y/p of the cross-entropy with respect to p.",
    why="To get to z, the chain rule multiplies it by the derivative of the activation; for "
    "softmax with cross-entropy the product is p - y.",
    where=trained_by("cross_entropy"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return -s.weighing().yes / s.a(l) / terms(s)


@bug(
    id="labels-not-one-hot",
    equation="BP1",
    formula="delta^L = (p - label) / n",
    happens="The number of the class is subtracted from all outputs, as if it were a target value.",
    why="A label says which output should be 1, so 1 is subtracted from that output alone.",
    where=both(trained_by("cross_entropy", LOGITS), plain_targets),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    if s.y.ndim != 1 or s.sample_weight is not None:
        return right()
    return (_probability(s, l) - s.y.reshape(-1, 1)) / terms(s)


@bug(
    id="absolute-error-without-sign",
    equation="BP1",
    formula="delta^L = 1/(n k) * f'(z)",
    happens="The derivative of the absolute error is taken as 1 everywhere.",
    why="It is the sign of a - y: where a prediction is too small, the cost falls as the "
    "prediction grows.",
    slots=("cotangent",),
    where=both(trained_by("mae"), is_last),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return abs(right())


@bug(
    id="absolute-error-as-squared",
    equation="BP1",
    formula="delta^L = (a - y) / (n k) * f'(z)",
    happens="The error itself stands in place of its sign, as for the squared error.",
    why="The absolute error has the same slope for small and large errors, so its derivative is "
    "-1 or 1.",
    slots=("cotangent",),
    where=both(trained_by("mae"), is_last),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return formulas.times(s.a(l) - s.y, s.weighing().rows) / terms(s)


# output delta: its divisor


@bug(
    id="not-averaged",
    equation="BP1",
    formula="delta^L = n times the right one",
    happens="The output's delta is not divided by the number of samples, though the loss is a "
    "mean.",
    why="All gradients are n times too large, and the step grows with the batch size.",
    where=averages,
    hidden=("one sample",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * samples(s)


@bug(
    id="not-averaged-at-all",
    equation="BP1",
    formula="delta^L = n k times the right one",
    happens="The output's delta is divided neither by the number of samples nor by the number of "
    "outputs.",
    why="The loss is the mean over both, so every gradient is n k times too large.",
    where=both(trained_by(*BY_ENTRIES), averages),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * terms(s)


@bug(
    id="averaged-over-samples-only",
    equation="BP1",
    formula="delta^L = k times the right one",
    happens="The output's delta is divided by the number of samples, but not by that of the "
    "outputs.",
    why="The loss is a mean over both, so this is the gradient of k times the loss.",
    where=both(trained_by(*BY_ENTRIES), averages),
    hidden=("one output",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * s.k


@bug(
    id="averaged-over-outputs-too",
    equation="BP1",
    formula="delta^L = 1/k of the right one",
    happens="The output's delta is divided by the number of outputs as well as of samples.",
    why="This loss is a sum over the outputs, averaged over the samples alone, so every gradient "
    "is k times too small.",
    where=both(trained_by(*BY_SAMPLES), averages),
    hidden=("one output",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() / s.k


@bug(
    id="averaged-twice",
    equation="BP1",
    formula="delta^L = 1/n of the right one",
    happens="The output's delta is divided by the number of samples twice.",
    why="One division comes from the mean in the loss; with the second, steps shrink as the batch "
    "grows.",
    where=averages,
    hidden=("one sample",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() / s.n


@bug(
    id="divided-by-outputs",
    equation="BP1",
    formula="delta^L = n/k times the right one",
    happens="The output's delta is divided by the number of outputs in place of the number of "
    "samples.",
    why="The loss is the mean over samples, so n belongs there; the wrong axis of the array was "
    "counted.",
    where=both(trained_by(*BY_SAMPLES), averages),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * (samples(s) / s.k)


@bug(
    id="divided-by-inputs",
    equation="BP1",
    formula="delta^L = n/m times the right one, for m inputs",
    happens="The output's delta is divided by the number of inputs in place of the number of "
    "samples.",
    why="Both are lengths of x, but the loss averages over the samples alone.",
    where=averages,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * (samples(s) / float(s.spec.sizes[0]))


@bug(
    id="half-the-gradient",
    equation="BP1",
    formula="delta^L = 1/2 of the right one",
    happens="The derivative of (a - y)^2 is written as a - y.",
    why="The 2 that comes down from the exponent is missing, and the loss has no 1/2 that would "
    "cancel it.",
    where=trained_by("mse"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * 0.5


@bug(
    id="twice-the-gradient",
    equation="BP1",
    formula="delta^L = 2 times the right one",
    happens="The output's delta has a factor 2 that has already cancelled.",
    why="The derivative of 1/2 (a - y)^2 is a - y.",
    where=trained_by("half_squared_error"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * 2.0
