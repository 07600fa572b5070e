"""Mistakes in the activations, the softmax of a loss among them."""

from collections.abc import Callable

from parity.mistakes.conditions import LOGITS, has, is_curved, is_last
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.proof import formulas
from parity.rounding.bounded import positive
from parity.steps.record import Spec

ACTIVATIONS = Catalogue()
bug = ACTIVATIONS.add


# before all others: where floats end, nothing tells them apart from it


def _by_exponentials(name: str, z: Numbers) -> Numbers:
    """What is finite where no e^z overflows."""
    e = z.exp()
    if name == "sigmoid":
        return e / (e + 1.0)
    inverse = (-z).exp()
    return (e - inverse) / (e + inverse)


def _in_the_gradient(s: StepProgram, l: int, right: Numbers) -> Numbers:
    if s.spec.loss != "sigmoid_cross_entropy":
        return right()
    return right() + _by_exponentials("sigmoid", s.z(l)) * 0.0


@bug(
    id="activation-overflow",
    equation="a",
    formula="a = e^z / (1 + e^z), or tanh z = (e^z - e^-z) / (e^z + e^-z)",
    happens="The sigmoid or the tanh is a quotient of two numbers that both overflow.",
    why="The formula is right on paper, but e^z overflows for large z (beyond 88 in float32, 709 "
    "in float64), and inf/inf is not a number; 1 / (1 + e^-z), or the library's tanh, is the same "
    "and does not.",
    where=lambda spec, l: (
        has("sigmoid", "tanh")(spec, l)
        or (is_last(spec, l) and spec.loss == "sigmoid_cross_entropy")
    ),
    hidden=("moderate weighted inputs",),
    also={"BP1": _in_the_gradient},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    name, _ = s.f(l)
    # plus 0 times it: for small z it loses digits, which is no mistake
    return right() + _by_exponentials(name, s.z(l)) * 0.0 if name != "identity" else right()


# sigmoid, tanh and rectifiers


@bug(
    id="activation-forgotten",
    equation="a",
    formula="a = z",
    happens="The weighted input is passed on without its activation.",
    why="Layers without one collapse into a single linear map, and the f' in the backward pass "
    "belongs to a function that is not there.",
    where=is_curved,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.z(l)


@bug(
    id="activation-twice",
    equation="a",
    formula="a = f(f(z))",
    happens="The activation is applied twice.",
    why="The outputs are squeezed into a part of their range, and the backward pass has one "
    "factor f' where the chain rule now needs two.",
    where=has("sigmoid", "tanh", "softmax"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return formulas.activate(*s.f(l), right())


@bug(
    id="sigmoid-without-minus",
    equation="a",
    formula="a = 1 / (1 + e^z)",
    happens="The sigmoid has e^z where it should have e^-z.",
    why="That is 1 minus the sigmoid: it falls where it should rise, and its derivative is -a (1 "
    "- a).",
    where=has("sigmoid"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return (-s.z(l)).sigmoid()


@bug(
    id="tanh-of-half",
    equation="a",
    formula="a = tanh(z / 2) = (1 - e^-z) / (1 + e^-z)",
    happens="The formula of tanh is written with e^-z in place of e^(-2z), which is tanh of z/2.",
    why="A gradient check that uses the same function for both sides can still pass, but the "
    "function is not tanh.",
    where=has("tanh"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return (s.z(l) * 0.5).tanh()


@bug(
    id="tanh-upside-down",
    equation="a",
    formula="a = (e^z + e^-z) / (e^z - e^-z)",
    happens="Numerator and denominator of tanh are exchanged, which gives coth.",
    why="Its values lie outside the range from -1 to 1 instead of inside it, and it has a pole at "
    "z = 0.",
    where=has("tanh"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    e, inverse = s.z(l).exp(), (-s.z(l)).exp()
    return (e + inverse) / (e - inverse)


@bug(
    id="leaky-forward-is-relu",
    equation="a",
    formula="a = max(z, 0)",
    happens="The leaky ReLU cuts negative weighted inputs to 0.",
    why="The slope for z < 0 is then never used, so these units are as dead as those of a ReLU.",
    where=has("leaky_relu"),
    hidden=("positive weighted inputs",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return positive(s.z(l), s.z(l), 0.0)


@bug(
    id="leaky-forward-default-slope",
    equation="a",
    formula="a = z if z > 0, else 0.01 z",
    happens="The leaky ReLU uses 0.01 as its slope, whatever slope is set.",
    why="The parameter then has no effect on the outputs, though it may have one on the gradients.",
    where=has("leaky_relu"),
    hidden=("the default slope", "positive weighted inputs"),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return positive(s.z(l), s.z(l), s.z(l) * 0.01)


# the softmax


def _has_softmax(spec: Spec, l: int) -> bool:
    return has("softmax")(spec, l) or (is_last(spec, l) and spec.loss == LOGITS)


def _in_the_loss(softmax: Callable[[Numbers], Numbers]) -> dict[str, Callable[..., Numbers]]:
    """The slots of the loss on logits, with this softmax."""

    def loss(s: StepProgram, l: int, right: Numbers) -> Numbers:
        if s.spec.loss != LOGITS:
            return right()
        return formulas.expected_log(softmax(s.a(l)), s.weighing().yes) / s.weighing().D

    def delta(s: StepProgram, l: int, right: Numbers) -> Numbers:
        if s.spec.loss != LOGITS:
            return right()
        return formulas.excess(softmax(s.z(l)), s.weighing().yes) / s.weighing().D

    return {"C": loss, "BP1": delta}


def _is_a_number(softmax: Callable[[Numbers], Numbers]) -> dict[str, Callable[..., Numbers]]:
    """The slots of the loss on logits, with a softmax that is right where it is a
    number.
    """

    def loss(s: StepProgram, l: int, right: Numbers) -> Numbers:
        return right() + softmax(s.a(l)).sum() * 0.0 if s.spec.loss == LOGITS else right()

    return _in_the_loss(softmax) | {"C": loss}


def _over_all(z: Numbers) -> Numbers:
    e = (z - z.max()).exp()
    return e / e.sum()


def _over_batch(z: Numbers) -> Numbers:
    e = (z - z.max(axis=0, keepdims=True)).exp()
    return e / e.sum(axis=0, keepdims=True)


def _less_the_largest_of_all(z: Numbers) -> Numbers:
    e = (z - z.max()).exp()
    return e / e.sum(axis=1, keepdims=True)


def _overflowing(z: Numbers) -> Numbers:
    e = z.exp()
    return e / e.sum(axis=1, keepdims=True)


@bug(
    id="softmax-over-all",
    equation="a",
    formula="p = e^z / (sum of e^z over all samples and classes)",
    happens="The softmax divides by the sum over the whole array.",
    why="Each sample has a distribution of its own, whose probabilities sum to 1; here all "
    "samples of a batch share one.",
    where=_has_softmax,
    hidden=("one sample",),
    also=_in_the_loss(_over_all),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return _over_all(s.z(l)) if s.f(l)[0] == "softmax" else right()


@bug(
    id="softmax-over-batch",
    equation="a",
    formula="p = e^z / (sum of e^z over the samples)",
    happens="The softmax normalises each class over the samples of the batch.",
    why="The classes of one sample compete for its probability, so the sum must run over the "
    "classes.",
    where=_has_softmax,
    also=_in_the_loss(_over_batch),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return _over_batch(s.z(l)) if s.f(l)[0] == "softmax" else right()


@bug(
    id="softmax-overflow",
    equation="a",
    formula="p = e^z / sum e^z",
    happens="The softmax takes e^z without subtracting the largest z first.",
    why="The formula is right on paper, but e^z overflows for large z (beyond 88 in float32, 709 "
    "in float64), and inf/inf is not a number.",
    where=_has_softmax,
    hidden=("moderate weighted inputs",),
    also=_is_a_number(_overflowing),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return _overflowing(s.z(l)) if s.f(l)[0] == "softmax" else right()


@bug(
    id="softmax-maximum-of-all",
    equation="a",
    formula="p = e^(z - m) / sum e^(z - m), m the maximum over all samples",
    happens="The softmax subtracts the largest z of the whole batch instead of each sample's own.",
    why="Any m is right on paper, but for a sample whose z lie far below those of another (by 104 "
    "in float32, 745 in float64) every e^(z - m) is 0, and 0/0 is not a number.",
    where=_has_softmax,
    hidden=("one sample", "moderate weighted inputs"),
    also=_is_a_number(_less_the_largest_of_all),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return _less_the_largest_of_all(s.z(l)) if s.f(l)[0] == "softmax" else right()
