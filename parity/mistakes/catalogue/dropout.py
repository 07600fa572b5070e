"""Mistakes with dropout: its scale, where the mask stands, and which mask comes back.

A step is given its masks, m = 0 or 1 / (1 - p); keep is 0 where a mask is 0, else 1.
"""

from collections.abc import Callable
from functools import partial

from parity.mistakes.conditions import above, both, has, is_last, is_square
from parity.mistakes.mistake import CONVENTION, Catalogue
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.proof import formulas
from parity.steps.record import Spec
from refnet.checks import Array

DROPOUT = Catalogue()

DROPPED, BACK = ("dropped",), ("cotangent",)
Other = Callable[[Array, float], Array]


def drops(spec: Spec, l: int) -> bool:
    """A layer that drops inputs."""
    return bool(spec.dropout and spec.dropout[l - 1])


def drops_unevenly(spec: Spec, l: int) -> bool:
    """A layer that drops inputs with another probability than it keeps them."""
    return drops(spec, l) and spec.dropout[l - 1] != 0.5


def drops_any(spec: Spec, l: int) -> bool:
    """The last layer of a network that drops anything."""
    return is_last(spec, l) and any(spec.dropout)


def _keep(mask: Array) -> Array:
    return (mask != 0.0).astype(mask.dtype)


def _ahead(other: Other, s: StepProgram, l: int, right: Numbers) -> Numbers:
    """a_prev with another mask, where the layer drops anything."""
    mask = s.mask(l)
    return right() if mask is None else s.a(l - 1) * other(mask, s.spec.dropout[l - 1])


def _back(other: Other, s: StepProgram, l: int, right: Numbers) -> Numbers:
    """dC/da with another mask of the layer above, where that drops anything."""
    mask = s.mask(l + 1) if l < s.L else None
    if mask is None:
        return right()
    return (s.delta(l + 1) @ s.W(l + 1)) * other(mask, s.spec.dropout[l])


def _anywhere(spec: Spec, l: int) -> bool:
    """A layer that drops inputs, or one whose outputs are dropped."""
    return drops(spec, l) or above(drops)(spec, l)


def _uneven(spec: Spec, l: int) -> bool:
    return drops_unevenly(spec, l) or above(drops_unevenly)(spec, l)


DROPOUT.add(
    id="dropout-scaled-in-evaluation",
    equation="dropout",
    formula="a_prev = a * keep, and BP2 with the same; W is multiplied by 1 - p in evaluation",
    happens="What is kept is not divided by 1 - p in training, neither on the way forward nor on "
    "the way back.",
    why="That is dropout as Srivastava et al. describe it, right as long as evaluation multiplies "
    "by 1 - p; PyTorch divides in training, so that evaluation does nothing.",
    slots=DROPPED,
    where=_anywhere,
    verdict=CONVENTION,
    also={"cotangent": partial(_back, lambda mask, p: _keep(mask))},
)(partial(_ahead, lambda mask, p: _keep(mask)))

DROPOUT.add(
    id="dropout-scale-missing-forward",
    equation="dropout",
    formula="a_prev = a * keep, while BP2 has keep / (1 - p)",
    happens="What is kept is divided by 1 - p on the way back alone.",
    why="The delta then is that of another network than the one that made the prediction.",
    slots=DROPPED,
    where=both(drops, lambda spec, l: l > 1),
)(partial(_ahead, lambda mask, p: _keep(mask)))

DROPOUT.add(
    id="dropout-scale-missing-backward",
    equation="BP2",
    formula="delta^l = (delta^(l+1) W^(l+1)) * keep * f'(z), without 1 / (1 - p)",
    happens="On the way back the delta is dropped where the activation was, but not divided by "
    "1 - p as that was.",
    why="The factor 1 / (1 - p) stands between a and z, so the chain rule multiplies by it too.",
    slots=BACK,
    where=above(drops),
)(partial(_back, lambda mask, p: _keep(mask)))

DROPOUT.add(
    id="dropout-divided-by-p",
    equation="dropout",
    formula="a_prev = a * keep / p",
    happens="What is kept is divided by the probability with which it is dropped.",
    why="An entry is kept with the probability 1 - p, and divided by that its expected value is a.",
    slots=DROPPED,
    where=_uneven,
    also={"cotangent": partial(_back, lambda mask, p: _keep(mask) / mask.dtype.type(p))},
)(partial(_ahead, lambda mask, p: _keep(mask) / mask.dtype.type(p)))

DROPOUT.add(
    id="dropout-multiplied-in-training",
    equation="dropout",
    formula="a_prev = a * keep (1 - p)",
    happens="What is kept is multiplied by 1 - p in training, where it should be divided by it.",
    why="To multiply by 1 - p is what evaluation does where training does not divide. Here it "
    "makes small what dropout has already made smaller.",
    slots=DROPPED,
    where=_anywhere,
    also={"cotangent": partial(_back, lambda mask, p: _keep(mask) * mask.dtype.type(1.0 - p))},
)(partial(_ahead, lambda mask, p: _keep(mask) * mask.dtype.type(1.0 - p)))

DROPOUT.add(
    id="dropout-applied-twice",
    equation="dropout",
    formula="a_prev = a * m * m",
    happens="The mask is applied twice, so what is kept is divided by (1 - p)^2.",
    why="One division makes the expected value that of a; a second one makes it too large.",
    slots=DROPPED,
    where=drops,
)(partial(_ahead, lambda mask, p: mask * mask))

DROPOUT.add(
    id="dropout-twice-backward",
    equation="BP2",
    formula="delta^l = (delta^(l+1) W^(l+1)) * m * m * f'(z)",
    happens="On the way back the mask is applied twice.",
    why="The activation was multiplied by the mask once, so its derivative is the mask, once.",
    slots=BACK,
    where=above(drops),
)(partial(_back, lambda mask, p: mask * mask))

DROPOUT.add(
    id="dropout-forgotten",
    equation="dropout",
    formula="a_prev = a, and BP2 without a mask",
    happens="Nothing is dropped in training, as in evaluation.",
    why="A network in evaluation mode trains without dropout; the mode is set before the step.",
    slots=DROPPED,
    where=_anywhere,
    also={"cotangent": partial(_back, lambda mask, p: mask * 0.0 + 1.0)},
)(lambda s, l, right: s.a(l - 1))

DROPOUT.add(
    id="dropout-forgotten-backward",
    equation="BP2",
    formula="delta^l = delta^(l+1) W^(l+1) * f'(z), without the mask",
    happens="The delta goes back through units that were dropped on the way forward.",
    why="A dropped unit did not act on the cost, so its delta is 0; a kept one acted 1 / (1 - p) "
    "times as much.",
    slots=BACK,
    where=above(drops),
)(partial(_back, lambda mask, p: mask * 0.0 + 1.0))


@DROPOUT.add(
    id="dropout-mask-of-the-last-step",
    equation="BP2",
    formula="delta^l = (delta^(l+1) W^(l+1)) * m_last * f'(z), with the mask of the last step",
    happens="The way back has the mask of the step before.",
    why="The units that were dropped on the way forward of this step are those without a delta: "
    "the mask is drawn anew in each step, and kept until its way back.",
    slots=BACK,
    where=above(drops),
    hidden=("the first step alone",),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    last = None if s.previous is None else s.previous.mask(l + 1)
    g = s.delta(l + 1) @ s.W(l + 1)
    return right() if last is None or last.shape != g.shape else g * last


@DROPOUT.add(
    id="dropout-mask-of-another-layer",
    equation="BP2",
    formula="delta^l = (delta^(l+1) W^(l+1)) * m^l * f'(z), with the layer's own mask",
    happens="The delta of a layer is multiplied by the mask on the input of that layer, not by "
    "that on its output.",
    why="The delta of layer l comes from layer l+1, through the mask between the two.",
    slots=BACK,
    where=both(both(drops, is_square), above(drops)),
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    mask = s.mask(l)
    return right() if mask is None else (s.delta(l + 1) @ s.W(l + 1)) * mask


DROPOUT.add(
    id="dropout-one-mask-for-all",
    equation="dropout",
    formula="a_prev = a * m_1, with the mask of the first sample for all samples",
    happens="All samples of a batch lose the same units.",
    why="Each sample has a mask of its own: that is what keeps units from relying on each other "
    "in every sample.",
    slots=DROPPED,
    where=_anywhere,
    hidden=("one sample",),
    also={"cotangent": partial(_back, lambda mask, p: mask[:1])},
)(partial(_ahead, lambda mask, p: mask[:1]))


@DROPOUT.add(
    id="gradient-from-undropped-inputs",
    equation="BP4",
    formula="dW = delta^T a, with the a of the layer below, not what dropout left of it",
    happens="The weights of dropped inputs get a gradient too.",
    why="What W multiplied on the way forward is the masked input; a weight of a dropped input "
    "did not act on the cost.",
    where=drops,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.delta(l).T @ s.a(l - 1)


_bends = has("sigmoid", "tanh", "softmax")
_drops_bent_outputs = both(above(drops), _bends)


def _unmasked(s: StepProgram, l: int, right: Numbers) -> Numbers:
    return s.a(l - 1) if l > 1 and _drops_bent_outputs(s.spec, l - 1) else right()


@DROPOUT.add(
    id="dropout-before-the-activation",
    equation="a",
    formula="a = f(z * m), and a_prev = a",
    happens="The mask multiplies the weighted input, not the activation.",
    why="The activation of a dropped z is f(0), which is 1/2 for a sigmoid; and that of a z made "
    "larger is not the activation made larger.",
    where=lambda spec, l: (
        _drops_bent_outputs(spec, l) or (l > 1 and _drops_bent_outputs(spec, l - 1))
    ),
    also={"dropped": _unmasked},
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    if not _drops_bent_outputs(s.spec, l):
        return right()
    return formulas.activate(*s.f(l), s.z(l) * s.mask(l + 1))


@DROPOUT.add(
    id="cost-without-dropout",
    equation="C",
    formula="C = loss(a, y), with the a of a forward pass without masks",
    happens="The cost is that of the network in evaluation, the gradients those of training.",
    why="What the step makes smaller is the cost of the network with its masks. The cost without "
    "them may be shown beside it, but it is another number.",
    where=drops_any,
    declarable=True,
)
def _(s: StepProgram, l: int, right: Numbers) -> Numbers:
    a = s.x
    for layer in range(1, s.L + 1):
        z = a @ s.W(layer).T
        a = formulas.activate(*s.f(layer), z + s.b(layer) if s.has_bias(layer) else z)
    return formulas.cost(s.spec.loss, a, s.weighing())
