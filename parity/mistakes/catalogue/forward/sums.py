"""Mistakes in the weighted input z."""

from parity.mistakes.conditions import has_biases, is_square
from parity.mistakes.mistake import NO_BIASES, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers

SUMS = Catalogue()
bug = SUMS.add


@bug(
    id="bias-forgotten",
    equation="z",
    formula="z = a_prev W^T",
    happens="The weighted input leaves the bias out.",
    why="Every unit's threshold then stays at 0, so the layer can only draw boundaries through "
    "the origin, however well b is trained.",
    where=has_biases,
    hidden=("zero biases",),
    declare=NO_BIASES,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.a_prev(l) @ s.W(l).T


@bug(
    id="weights-transposed-forward",
    equation="z",
    formula="z = a_prev W + b",
    happens="The inputs are multiplied by W instead of its transpose, which works only where W is "
    "square.",
    why="Row j of W holds the weights of unit j; here z_j is made of column j, which holds one "
    "weight of each unit.",
    where=is_square,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.a_prev(l) @ s.W(l) + s.b(l)


@bug(
    id="bias-added-twice",
    equation="z",
    formula="z = a_prev W^T + 2 b",
    happens="The bias is added twice, as when the matrix product already contains it.",
    why="The unit then works with twice its bias, while db is the gradient for a bias that is "
    "added once.",
    where=has_biases,
    hidden=("zero biases",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() + s.b(l)


@bug(
    id="bias-subtracted",
    equation="z",
    formula="z = a_prev W^T - b",
    happens="The bias is subtracted like a threshold.",
    why="With that sign its gradient is minus the sum of delta, so with the usual db each step "
    "moves it the wrong way.",
    where=has_biases,
    hidden=("zero biases",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.a_prev(l) @ s.W(l).T - s.b(l)
