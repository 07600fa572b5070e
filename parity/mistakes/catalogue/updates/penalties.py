"""The weight decay as the penalty that it comes from, in the cost and in the gradients
that are shown: it follows whatever the decay is, of W alone, divided by n, doubled.
"""

from parity.mistakes.conditions import both
from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.rules import uses
from parity.mistakes.slots import Numbers, Part, is_decoupled

PENALTIES = Catalogue()
bug = PENALTIES.add
DECAYING = uses(weight_decay=True)


def _penalty(s: StepProgram) -> Numbers:
    """The sum of theta times its decay over all parts."""
    first, *others = ((s.start(part) * s.decay(part)).sum() for part in s.parts)
    return sum(others, start=first)


@bug(
    id="penalty-in-the-cost",
    equation="C",
    formula="C = loss + 1/2 weight_decay sum of theta^2",
    happens="The reported cost contains the penalty on large weights whose gradient is the weight "
    "decay.",
    why="It belongs to the steps that are taken, so nothing is wrong: PyTorch takes the same "
    "steps, and reports the loss without the penalty.",
    where=DECAYING,
    hidden=("no weight decay",),
    verdict=CONVENTION,
    acts_last=True,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() + _penalty(s) * 0.5


@bug(
    id="penalty-without-half",
    equation="C",
    formula="C = loss + weight_decay sum of theta^2",
    happens="The reported cost contains the penalty without the 1/2 that belongs to the weight "
    "decay.",
    why="The gradient of this penalty is 2 weight_decay theta, but the steps are taken with "
    "weight_decay theta: loss and steps belong to different costs.",
    where=DECAYING,
    hidden=("no weight decay",),
    acts_last=True,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return right() + _penalty(s)


def _with_decay(s: StepProgram, l: int, right: Numbers, name: str) -> Numbers:
    part = Part(name, l)
    return right() + s.decay(part) * (1.0 / s.taken(part))


@bug(
    id="decay-in-the-gradients",
    equation="BP4",
    formula="dW = delta^T a_prev + weight_decay W, db = (sum of delta) + weight_decay b",
    happens="The gradients that are shown contain the weight decay already, and the update adds "
    "no more.",
    why="The sum is the same in either place: PyTorch's optimizer adds the weight decay to the "
    "gradient that it is given, and so do these lines before it.",
    where=both(DECAYING, lambda spec, l: not is_decoupled(spec)),
    hidden=("no weight decay",),
    verdict=CONVENTION,
    acts_last=True,
    also={
        "BP3": lambda s, l, right: _with_decay(s, l, right, "b"),
        "decayed": lambda s, part, right: s.clipped(part),
    },
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return _with_decay(s, l, right, "W")
