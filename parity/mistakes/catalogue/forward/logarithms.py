"""Logarithms that leave the range of floats: log 0, and e^z that overflows inside one.

Each is the right formula, plus 0 times the naive one. That is the right number wherever
the naive one is a number, and none elsewhere, whatever else a program has in its cost.
"""

from collections.abc import Callable
from typing import TypeAlias

from parity.mistakes.conditions import BY_SAMPLES, LOGARITHMIC, LOGITS, trained_by
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.proof import formulas

LOGARITHMS = Catalogue()
bug = LOGARITHMS.add


def probabilities(s: StepProgram) -> Numbers:
    """The probabilities of which the loss takes logarithms: the outputs, or what it
    makes of logits. Shapes: (n, k).
    """
    a = s.a(s.L)
    if s.spec.loss == "sigmoid_cross_entropy":
        return a.sigmoid()
    return formulas.softmax(a) if s.spec.loss == LOGITS else a


Change: TypeAlias = Callable[[Numbers], Numbers]


def minus_log(
    s: StepProgram, log: Change = lambda p: p.log(), rest: Change | None = None
) -> Numbers:
    """A cross-entropy by the textbook's formula, with log(p) as given, and rest(p) for
    log(1 - p) where that is given. Shapes: ().
    """
    p, t = probabilities(s), s.weighing()
    if s.spec.loss in BY_SAMPLES:
        return (log(p) * -t.yes).sum() / t.D
    log_rest = rest(p) if rest else log(1.0 - p)
    return (log(p) * -t.yes - log_rest * t.no).sum() / t.D


@bug(
    id="loss-overflow",
    equation="C",
    formula="C = mean(log(1 + e^z) - y z)",
    happens="The binary cross-entropy of logits takes e^z, or e^-z, of whatever size z has.",
    why="The formula is right on paper, but e^z overflows for large z (beyond 88 in float32, 709 "
    "in float64), and the loss is infinite; max(z, 0) + log(1 + e^-|z|) is the same and does not.",
    where=trained_by("sigmoid_cross_entropy"),
    hidden=("moderate weighted inputs",),
    acts_last=True,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    z = s.a(l)
    return right() + ((z.exp() + 1.0).log() + ((-z).exp() + 1.0).log()).sum() * 0.0


def _divided(s: StepProgram, l: int, right: Numbers) -> Numbers:
    p = probabilities(s)
    if s.spec.loss not in BY_SAMPLES:
        variance = p * (1.0 - p)
        return right() + variance / variance * 0.0
    each = p.lift(s.each_counted().yes) / p * 0.0
    elementwise = s.f(l)[0] == "sigmoid"
    return right() + (each if elementwise else each.sum(axis=1, keepdims=True))


@bug(
    id="log-of-zero",
    equation="C",
    formula="C = -mean of y log p, dC/dp = -y / p, or for two classes -mean(y log p + (1 - y) "
    "log(1 - p)), dC/dp = (p - y) / (p (1 - p))",
    happens="The cross-entropy, or its gradient, is computed by the textbook's formula as it "
    "stands: it takes log 0, or divides by 0.",
    why="Every e^z is finite there, but where a probability rounds to exactly 0 or 1, log 0 is "
    "infinite, and 0 times log 0, like 0/0 in the gradient, is not a number.",
    where=trained_by(*LOGARITHMIC),
    hidden=("unsaturated outputs",),
    also={"BP1": _divided},
    acts_last=True,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() + minus_log(s) * 0.0
