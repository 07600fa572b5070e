"""Right programs that keep a sign or an average in another place than PyTorch does:
conventions, each of which alone would be a mistake.
"""

from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import Numbers, Part, StepProgram

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
