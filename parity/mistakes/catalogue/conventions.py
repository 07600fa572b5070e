"""Right programs that keep a sign or an average in another place than PyTorch does,
have no biases, or another slope at a kink: conventions.
"""

from collections.abc import Callable

from parity.mistakes.conditions import has_biases, pulled
from parity.mistakes.mistake import CONVENTION, NO_BIASES, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import uses
from parity.mistakes.slots import Numbers, Part
from parity.rounding.bounded import positive

CONVENTIONS = Catalogue()


def _divided(s: StepProgram, where: int | Part, right: Numbers) -> Numbers:
    return right() / s.n


@CONVENTIONS.add(
    id="gradients-negated-and-added",
    equation="BP1",
    formula="delta^L = y - a and theta = theta + lr dW",
    happens="The error is the target minus the output, so every gradient has the opposite sign, "
    "and the update adds where others subtract.",
    why="The two signs cancel: to climb -C is to descend C.",
    slots=("BP1", "gradient"),
    verdict=CONVENTION,
)
def _(s: StepProgram, where: int | Part, right: Numbers) -> Numbers:
    return -right()


@CONVENTIONS.add(
    id="averaged-in-the-gradients",
    equation="BP1",
    formula="delta^L = a - y, dW = delta^T a_prev / n, db = (sum of delta) / n",
    happens="The deltas are those of the single samples, and the average is taken in dW and db.",
    why="The 1/n of the loss may stand anywhere on the way: dW and db are the same, each delta is "
    "n times PyTorch's.",
    hidden=("one sample",),
    verdict=CONVENTION,
    also={"BP3": _divided, "BP4": _divided},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * s.n


@CONVENTIONS.add(
    id="averaged-in-the-update",
    equation="BP1",
    formula="delta^L = a - y and theta = theta - lr dW / n",
    happens="The gradients are summed over the samples, and the update divides by their number.",
    why="The 1/n of the loss may stand anywhere on the way: the weights are the same, the deltas "
    "and gradients are n times PyTorch's.",
    hidden=("one sample",),
    verdict=CONVENTION,
    also={"gradient": _divided},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() * s.n


@CONVENTIONS.add(
    id="no-biases",
    equation="z",
    formula="z = a_prev W^T, db = 0, and b is never stepped",
    happens="The network has no biases: they take no part in z, have no gradient, and are never "
    "updated.",
    why="A network may do without them, as long as it does so everywhere; PyTorch calls it "
    "bias=False.",
    where=has_biases,
    verdict=CONVENTION,
    declare=NO_BIASES,
    also={
        "BP3": lambda s, l, right: s.b(l) * 0.0,
        "step": lambda s, part, right: s.start(part) if part.name == "b" else right(),
    },
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.a_prev(l) @ s.W(l).T


def _at_zero(s: StepProgram, l: int, g: Numbers, times: Callable[[float], float]) -> Numbers:
    """The pullback of a rectifier whose slope at exactly 0 is made of that below 0."""
    below = float(s.f(l)[1].get("slope", 0.0))
    return positive(s.z(l), g, positive(-s.z(l), g * below, g * times(below)))


@CONVENTIONS.add(
    id="slope-one-at-zero",
    equation="BP2",
    formula="f'(0) = 1",
    happens="Where a rectifier's weighted input is exactly 0, its derivative is 1, as by the test "
    "z >= 0.",
    why="There is a kink at 0, and every slope between those beside it is one there. PyTorch takes "
    "that from below.",
    slots=("pullback",),
    where=pulled("relu", "leaky_relu"),
    hidden=("no weighted input of exactly 0",),
    verdict=CONVENTION,
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return _at_zero(s, l, g, lambda below: 1.0)


@CONVENTIONS.add(
    id="slope-halfway-at-zero",
    equation="BP2",
    formula="f'(0) = (f'(0-) + f'(0+)) / 2",
    happens="Where a rectifier's weighted input is exactly 0, its derivative is the mean of those "
    "on both sides, as by the maximum of 0 and z in JAX and PyTorch.",
    why="There is a kink at 0, and every slope between those beside it is one there. PyTorch's "
    "ReLU takes that from below.",
    slots=("pullback",),
    where=pulled("relu", "leaky_relu"),
    hidden=("no weighted input of exactly 0",),
    verdict=CONVENTION,
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return _at_zero(s, l, g, lambda below: (1.0 + below) / 2)


def _velocity(s: StepProgram, part: Part, of: Numbers) -> Numbers:
    """momentum^2 times the velocity before the step, in the numbers of `of`."""
    before, mu = s.old("momentum_buffer", part), float(s.h(part)["momentum"])
    return of * 0.0 if before is None else before * (mu * mu)


def _with_velocity(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    g = right()
    return g * (1.0 + float(s.h(part)["momentum"])) + _velocity(s, part, g)


def _without_velocity(s: StepProgram, part: Part, right: Numbers) -> Numbers:
    shown = right()
    return (shown - _velocity(s, part, shown)) / (1.0 + float(s.h(part)["momentum"]))


@CONVENTIONS.add(
    id="gradients-shown-with-velocity",
    equation="BP4",
    formula="dW = g + momentum v, and db likewise, once the step is taken",
    happens="The gradients are read after a step of Nesterov's momentum, which has added momentum "
    "v to them in place.",
    why="The step itself is right: PyTorch's optimizers do so with foreach=True. Read before the "
    "step, they are the gradients.",
    where=uses("sgd", momentum=True, nesterov=True, weight_decay=False),
    verdict=CONVENTION,
    also={
        "BP3": lambda s, l, right: _with_velocity(s, Part("b", l), right),
        "gradient": _without_velocity,
    },
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return _with_velocity(s, Part("W", l), right)
