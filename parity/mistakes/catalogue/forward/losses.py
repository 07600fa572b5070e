"""Mistakes in the loss, and in the gradient where it matches a wrong loss."""

import numpy as np

from parity.mistakes.conditions import (
    BY_ENTRIES,
    BY_SAMPLES,
    LOGARITHMIC,
    LOGITS,
    averages,
    both,
    is_last,
    samples,
    terms,
    trained_by,
)
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.proof import formulas
from parity.proof.weighing import Weighing
from parity.rounding.bounded import positive

LOSSES = Catalogue()
bug = LOSSES.add


@bug(
    id="loss-averaged-twice",
    equation="C",
    formula="C = (mean of the errors) / n, and delta^L to match",
    happens="The loss and its gradient are divided by the number of samples although they are "
    "already averaged over them.",
    why="A mean divides once; with the second division, loss and steps shrink as the batch grows.",
    slots=("C", "BP1"),
    where=averages,
    hidden=("one sample",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() / s.n


@bug(
    id="loss-not-averaged",
    equation="C",
    formula="C = n times the mean",
    happens="The reported loss is not divided by the number of samples.",
    why="It grows with the batch size and no longer belongs to the gradient, which is that of the "
    "mean.",
    where=averages,
    hidden=("one sample",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * samples(s)


@bug(
    id="loss-summed-over-outputs",
    equation="C",
    formula="C = k times the mean",
    happens="The reported loss adds up the outputs of a sample and averages over the samples "
    "alone.",
    why="Some books define it so, but the gradient must then be k times as large too, and "
    "PyTorch's mean is over samples and outputs.",
    where=both(trained_by(*BY_ENTRIES), averages),
    hidden=("one output",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * s.k


@bug(
    id="loss-divided-by-outputs",
    equation="C",
    formula="C = (sum over the samples) / k",
    happens="The sum over the samples is divided by the number of outputs instead of the number "
    "of samples.",
    why="The mean over a batch has as many terms as there are samples; len() of a transposed "
    "array counts the outputs.",
    where=both(trained_by(*BY_SAMPLES), averages),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * (samples(s) / s.k)


@bug(
    id="loss-halved",
    equation="C",
    formula="C = 1/2 mean (a - y)^2",
    happens="The reported mean squared error carries a factor 1/2.",
    why="Textbooks put it there to cancel the 2 of the derivative, but then the gradient has no 2 "
    "either.",
    where=trained_by("mse"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * 0.5


@bug(
    id="half-forgotten",
    equation="C",
    formula="C = sum (a - y)^2 / n",
    happens="The reported loss leaves out the factor 1/2.",
    why="Its gradient is then 2 (a - y), so the reported loss and the delta a - y belong "
    "to different functions.",
    where=trained_by("half_squared_error"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * 2.0


@bug(
    id="loss-rooted",
    equation="C",
    formula="C = sqrt(mean (a - y)^2)",
    happens="The square root of the mean squared error is reported.",
    why="That is another function, whose gradient is that of the mean squared error divided by "
    "twice the root.",
    where=trained_by("mse"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right().sqrt()


@bug(
    id="loss-negated",
    equation="C",
    formula="C = mean of y log a",
    happens="The minus sign in front of the logarithms is missing.",
    why="Logarithms of probabilities are negative, so this loss would have to be maximised, and "
    "it does not belong to the gradient.",
    where=trained_by(*LOGARITHMIC),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return -right()


@bug(
    id="loss-in-bits",
    equation="C",
    formula="C = -mean of y log2 a",
    happens="The loss takes logarithms to base 2.",
    why="The derivative of log2 is 1 / (a ln 2), so the loss is 1.44 times the one whose gradient "
    "is p - y.",
    where=trained_by(*LOGARITHMIC),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() / float(np.log(2.0))


@bug(
    id="negative-class-forgotten",
    equation="C",
    formula="C = -mean of y log a",
    happens="The binary cross-entropy has only the term for class 1.",
    why="Where y is 0, this loss is 0 whatever the network predicts; the right one has the term "
    "(1 - y) log(1 - a) there.",
    where=trained_by("binary_cross_entropy", "sigmoid_cross_entropy"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    # for logits, log sigmoid(z) = -log(1 + e^-z)
    log_a = s.a(l).log() if s.f(l)[0] == "sigmoid" else -((-s.a(l)).exp().log1p())
    return (log_a * -s.weighing().yes).sum() / terms(s)


def _twice_delta(s: StepProgram, l: int, right: Numbers) -> Numbers:
    p, t = formulas.softmax(s.z(l)), s.weighing()
    g = formulas.excess(formulas.softmax(p), t.yes) / t.D
    return formulas.pull_back("softmax", {}, g, s.z(l), p)


@bug(
    id="softmax-twice",
    equation="C",
    formula="C = -mean log softmax(softmax(z)), and delta^L to match",
    happens="The network ends in a softmax, and the loss, which expects logits, applies a second "
    "one.",
    why="The predicted class stays the same, but probabilities taken as logits differ by at most "
    "1, so the loss cannot come near 0 and the network learns slowly.",
    where=trained_by(LOGITS),
    also={"BP1": _twice_delta},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return formulas.cost(LOGITS, formulas.softmax(s.a(l)), s.weighing())


def _shifted(s: StepProgram) -> Weighing:
    if s.y.ndim == 2:
        return s.weighed(np.roll(s.y, -1, axis=1))
    ignored = s.y == s.spec.loss_settings.get("ignore_index")
    return s.weighed(np.where(ignored, s.y, (s.y - 1) % int(s.k)))


def _shifted_delta(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return formulas.output_delta(s.spec.loss, s.f(l), s.z(l), s.a(l), _shifted(s))


@bug(
    id="labels-off-by-one",
    equation="C",
    formula="C = loss(a, y - 1), and delta^L to match",
    happens="The labels are shifted by one class, as when 1 is subtracted from labels that count "
    "from 0.",
    why="NumPy reads the label -1 as the last class without an error, and the network learns a "
    "wrong class for every sample.",
    where=trained_by("cross_entropy", LOGITS),
    also={"BP1": _shifted_delta},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return formulas.cost(s.spec.loss, s.a(l), _shifted(s))


@bug(
    id="softmax-before-the-loss",
    equation="a",
    formula="a^L = softmax(z), then C = -mean log softmax(a)",
    happens="The output layer already has a softmax, and the loss, which expects logits, applies "
    "a second one.",
    why="Probabilities differ by at most 1, so as logits they can never make a sure prediction: "
    "the loss cannot come near 0.",
    where=both(trained_by(LOGITS), is_last),
    also={"BP1": _twice_delta},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return formulas.softmax(s.z(l))


def _broadcast_gradient(s: StepProgram, l: int, right: Numbers) -> Numbers:
    if s.sample_weight is not None:
        return right()
    return (s.a(l) - s.y.T).sum(axis=1, keepdims=True) * 2.0 / (s.n * s.n)


@bug(
    id="targets-broadcast",
    equation="C",
    formula="C = mean over i and j of (a_i - y_j)^2, and dC/da to match",
    happens="Predictions of shape (n, 1) meet targets of shape (n,), which NumPy broadcasts to "
    "all n x n differences.",
    why="So each prediction is compared with every target, and the network learns their mean.",
    where=both(
        trained_by("mse"), averages, lambda spec, l: is_last(spec, l) and spec.sizes[-1] == 1
    ),
    hidden=("one sample",),
    also={"cotangent": _broadcast_gradient},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    if s.sample_weight is not None:
        return right()
    e = s.a(l) - s.y.T
    return (e * e).sum() / (s.n * s.n)


def _clipped_gradient(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return positive(abs(s.a(l) - s.y) - 1.0, 0.0, right())


@bug(
    id="error-clipped",
    equation="C",
    formula="C = mean clip(a - y, -1, 1)^2, and dC/da to match",
    happens="The error is clipped to the range from -1 to 1 before it is squared.",
    why="Beyond 1 the loss is then flat and its gradient 0, so nothing is learned from the worst "
    "predictions.",
    where=both(trained_by("mse"), is_last),
    hidden=("small errors",),
    also={"cotangent": _clipped_gradient},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    # bounded arrays have no minimum: min(x, 1) = -max(-x, -1)
    e = -(-(s.a(l) - s.y).maximum(-1.0)).maximum(-1.0)
    return formulas.times(e * e, s.weighing().rows).sum() / terms(s)
