"""Right programs that keep a sign or an average in another place than PyTorch does:
conventions, each of which alone would be a mistake.
"""

from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import Numbers, Part, StepProgram

CONVENTIONS = Catalogue()


def _divided(s: StepProgram, where: int | Part, right: Numbers) -> Numbers:
    return right() / s.n


@CONVENTIONS.add(
    "BP1", "delta^L = y - a and theta = theta + lr dW", "BP1", "gradient", verdict=CONVENTION
)
def gradients_negated_and_added(s: StepProgram, where: int | Part, right: Numbers) -> Numbers:
    """The error is the target minus the output, so every gradient has the opposite
    sign, and the update adds where others subtract. The two signs cancel: to climb -C
    is to descend C.
    """
    return -right()


@CONVENTIONS.add(
    "BP1",
    "delta^L = a - y, dW = delta^T a_prev / n, db = (sum of delta) / n",
    hidden=("one sample",),
    verdict=CONVENTION,
    also={"BP3": _divided, "BP4": _divided},
)
def averaged_in_the_gradients(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The deltas are those of the single samples, and the average is taken in dW and
    db. The 1/n of the loss may stand anywhere on the way: dW and db are the same, each
    delta is n times PyTorch's.
    """
    return right() * s.n


@CONVENTIONS.add(
    "BP1",
    "delta^L = a - y and theta = theta - lr dW / n",
    hidden=("one sample",),
    verdict=CONVENTION,
    also={"gradient": _divided},
)
def averaged_in_the_update(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradients are summed over the samples, and the update divides by their
    number. The 1/n of the loss may stand anywhere on the way: the weights are the same,
    the deltas and gradients are n times PyTorch's.
    """
    return right() * s.n
