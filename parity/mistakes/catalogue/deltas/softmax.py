"""Mistakes in the derivative of the softmax, which is a matrix."""

import numpy as np

from parity.mistakes.conditions import has, pulled
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.proof import formulas

SOFTMAX = Catalogue()
bug = SOFTMAX.add


def _diagonal_delta(s: StepProgram, l: int, right: Numbers) -> Numbers:
    fused = (s.spec.loss, s.f(l)[0]) == ("cross_entropy", "softmax")
    return (s.a(l) - 1.0) * s.weighing().yes / s.weighing().D if fused else right()


@bug(
    id="softmax-diagonal-only",
    equation="BP1",
    formula="delta = dC/da * p * (1 - p)",
    happens="The softmax is differentiated like a sigmoid, output by output.",
    why="Each p depends on every z, so its derivative is a matrix, and the products -p_i p_j "
    "beside its diagonal are missing here.",
    slots=("pullback",),
    where=has("softmax"),
    also={"BP1": _diagonal_delta},
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return g * (s.a(l) * (1.0 - s.a(l)))


@bug(
    id="softmax-one-minus",
    equation="BP1",
    formula="delta = dC/da * (1 - p)",
    happens="The derivative of the softmax is written as 1 - p.",
    why="That is the derivative of log p with respect to its own z; the softmax has another "
    "factor p, and terms for every other z.",
    slots=("pullback",),
    where=pulled("softmax"),
    hidden=("softmax with cross-entropy",),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    return g * (1.0 - s.a(l))


@bug(
    id="softmax-jacobian-overwritten",
    equation="BP1",
    formula="delta_i = dC/da_i * p_i * ([i = k] - z_k), with k the last class",
    happens="The loop over the columns of the softmax's Jacobian overwrites its result instead of "
    "adding up, and uses z in place of p.",
    why="What is left is the last column, while the chain rule sums over all of them.",
    slots=("pullback",),
    where=pulled("softmax"),
    hidden=("softmax with cross-entropy",),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    last = np.eye(s.a(l).shape[1])[-1]
    return g * (s.a(l) * (last - s.z(l)[:, -1:]))


@bug(
    id="softmax-of-the-gradient",
    equation="BP1",
    formula="delta = s * (g - sum s g) with s = softmax(g), g = dC/da",
    happens="The softmax in its derivative is computed from the incoming gradient.",
    why="The derivative is taken at the point where the function was evaluated, which is z.",
    slots=("pullback",),
    where=pulled("softmax"),
    hidden=("softmax with cross-entropy",),
)
def _(s: StepProgram, l: int, g: Numbers, right: Numbers) -> Numbers:
    p = formulas.softmax(g)
    return p * (g - (g * p).sum(axis=1, keepdims=True))
