"""The parts of formulas: the arrays and numbers that a program has at hand, how each is
read off a step, and which may stand in which equation.

A new slot, or an array that programs may confuse with another, is a row here; a new
activation, loss or rule needs none.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from parity.mistakes.conditions import is_stepped_alone
from parity.mistakes.program import StepProgram
from parity.mistakes.recovery.expression import Expression, name
from parity.mistakes.rules import STATE
from parity.mistakes.slots import Numbers, Part
from parity.proof import formulas
from parity.proof.weighing import ON_CLASSES, ON_OUTPUTS
from refnet.checks import Array

# which layer an array is of, counted from the layer of the equation, or from an end
LAYERS: dict[str, Callable[[StepProgram, int], int]] = {
    "l": lambda s, l: l,
    "l-1": lambda s, l: l - 1,
    "l+1": lambda s, l: l + 1,
    "1": lambda s, l: 1,
    "L": lambda s, l: s.L,
}
# which moment it is of: this step, the last one, the start, or after this update
NOW, LAST, INITIAL, UPDATED = "", "last", "0", "new"


def _cotangent(s: StepProgram, l: int) -> Numbers:
    """dC/da of a layer.

    Errors: ValueError for a loss whose gradient has a formula with f' alone.
    """
    if l == s.L and s.spec.loss not in formulas.GRADIENTS:
        raise ValueError(f"formula: {s.spec.loss} has no dC/da of its own")
    return s.cotangent(l)


def _mask(s: StepProgram, l: int) -> Numbers:
    """The mask of dropout on what a layer reads.

    Errors: ValueError where it drops nothing.
    """
    mask = s.mask(l)
    if mask is None:
        raise ValueError(f"formula: layer {l} drops nothing")
    return s.x.lift(mask)


OF_LAYER: dict[str, Callable[[StepProgram, int], Numbers]] = {
    "a": lambda s, l: s.a(l),
    "z": lambda s, l: s.z(l),
    "delta": lambda s, l: s.delta(l),
    "dC/da": _cotangent,
    "db": lambda s, l: s.db(l),
    "dW": lambda s, l: s.dW(l),
    "W": lambda s, l: s.W(l),
    "b": lambda s, l: s.b(l),
    "mask": _mask,
}
OF_PART: dict[str, Callable[[StepProgram, Part], Numbers]] = {
    "theta": lambda s, part: s.start(part),
    "g": lambda s, part: s.clipped(part),
    "d": lambda s, part: s.decayed(part),
    "step": lambda s, part: s.new(part) - s.start(part),
}
SCALARS: dict[str, Callable[[StepProgram, int], Any]] = {
    "n": lambda s, l: s.n,
    "k": lambda s, l: s.k,
    "inputs": lambda s, l: s.spec.sizes[0],
    "N": lambda s, l: s.n * s.k,
    "t": lambda s, l: s.t,
    "L": lambda s, l: s.L,
    "l": lambda s, l: l,
    "fan_in": lambda s, l: s.spec.sizes[l - 1],
    "fan_out": lambda s, l: s.spec.sizes[l],
    # what there is not is no number either: a NaN would explain any other NaN
    "fan_out_above": lambda s, l: s.spec.sizes[l + 1],
    "slope": lambda s, l: s.f(l)[1]["slope"],
    "lr of step 1": lambda s, l: float(first(s).h()["lr"]),
    "lr of the last step": lambda s, l: float((s.previous or s).h()["lr"]),
    "beta1": lambda s, l: s.h()["betas"][0],
    "beta2": lambda s, l: s.h()["betas"][1],
}
# the slots of an update, and those of its rule's own lines
LINES = ("decayed", *STATE, "step")
UPDATE = ("gradient", "decay", *LINES)
# which of them a factor may be made of: an update knows no units, and nothing else the
# number of the step
OF_UPDATES = ("n", "t", "lr of step 1", "lr of the last step", "beta1", "beta2")
OF_LAYERS = ("n", "k", "N", "inputs", "L", "l", "fan_in", "fan_out", "fan_out_above", "slope")
# settings of rules that are numbers; a new one is read without a row
SETTINGS = (
    *("lr", "momentum", "dampening", "weight_decay", "lr_decay", "alpha", "eps"),
    "initial_accumulator_value",
)

# settings that people take into a cost or a gradient
IN_GRADIENTS = ("lr", "momentum", "weight_decay")
# numbers of the whole network
OF_NETWORK: dict[str, Callable[[StepProgram], Numbers]] = {
    "W2": lambda s: _squares(s, "W"),
    "theta2": lambda s: _squares(s, "W") + _squares(s, "b"),
}

# the targets with their weights, and what the loss divides by
OF_WEIGHING: dict[str, Callable[[StepProgram], Any]] = {
    "T": lambda s: s.x.lift(s.weighing().yes),
    "T1": lambda s: s.x.lift(s.weighing().yes),
    "T0": lambda s: s.x.lift(s.weighing().no),
    "s": lambda s: _or_one(s, s.weighing().rows),
    "D": lambda s: _or_one(s, s.weighing().D),
}
# what may stand in the place of an array, slot by slot: kind, layer, moment
_FORWARD = (("a", "l-1", NOW), ("z", "l-1", NOW), ("a", "l-1", LAST), ("x", "1", NOW))
_W = (
    *(("W", l, NOW) for l in ("l", "l-1", "l+1", "1", "L")),
    *(("W", l, when) for l in ("l", "l+1") for when in (LAST, INITIAL)),
)
_b = (
    *(("b", l, NOW) for l in ("l", "l-1", "l+1", "1", "L")),
    *(("b", "l", when) for when in (LAST, INITIAL)),
)
_OUTPUT = (
    *(("a", "l", NOW), ("z", "l", NOW), ("y", "L", NOW)),
    *(("a", "l-1", NOW), ("z", "l-1", NOW), ("a", "l", LAST), ("z", "l", LAST)),
    ("label", "L", NOW),
)
_BACK = (
    *(("delta", "l+1", NOW), ("delta", "L", NOW), ("delta", "l+1", LAST), ("delta", "l", LAST)),
    ("dC/da", "l+1", NOW),
    *(("a", "l+1", NOW), ("z", "l+1", NOW), ("a", "l", NOW), ("z", "l", NOW), ("a", "l-1", NOW)),
)
_UPDATE = (
    *(("theta", "", NOW), ("theta", "", INITIAL), ("theta", "", LAST)),
    *(("g", "", NOW), ("g", "", LAST), ("step", "", LAST)),
)
MAY_STAND: dict[str, tuple[tuple[str, str, str], ...]] = {
    "z": (*_FORWARD, *_W, *_b),
    "a": (("z", "l", NOW), ("a", "l-1", NOW), ("z", "l-1", NOW), ("a", "l", LAST)),
    "C": (*_OUTPUT, ("W2", "", NOW), ("theta2", "", NOW)),
    "BP1": _OUTPUT,
    "output cotangent": _OUTPUT,
    "cotangent": (*_BACK, *_W, ("W", "l+1", UPDATED), ("dW", "l+1", NOW)),
    "pullback": (
        *(("g", "l", NOW), ("a", "l", NOW), ("z", "l", NOW), ("a", "l-1", NOW)),
        *(("z", "l-1", NOW), ("a", "l+1", NOW), ("z", "l+1", NOW), ("delta", "l+1", NOW)),
        *(("a", "l", LAST), ("z", "l", LAST), ("delta", "l", LAST), ("y", "L", NOW)),
    ),
    "BP2": _BACK,
    "BP3": (
        *(("delta", "l", NOW), ("delta", "l+1", NOW), ("delta", "L", NOW), ("delta", "l", LAST)),
        *(("a", "l", NOW), ("z", "l", NOW), ("b", "l", NOW), ("db", "l", LAST)),
        *(("db", "l+1", NOW), ("a", "l-1", NOW), ("dW", "l", NOW)),
    ),
    "BP4": (
        *(("delta", "l", NOW), ("delta", "l+1", NOW), ("delta", "L", NOW), ("delta", "l", LAST)),
        *(("a", "l-1", NOW), ("z", "l-1", NOW), ("a", "l", NOW), ("z", "l", NOW)),
        *(("a", "l-1", LAST), ("x", "1", NOW), ("W", "l", NOW), ("dW", "l", LAST)),
    ),
    "gradient": _UPDATE[:3],
    "decay": _UPDATE,
    "decayed": _UPDATE,
    **dict.fromkeys((*STATE, "step"), (("d", "", NOW), *_UPDATE)),
}


# the numbers that may be written where an array is due
NUMBERS = ("n", "k", "slope")
NUMBERS_OF_UPDATES = ("lr", "t", *SETTINGS[1:7], "beta1", "beta2")


def parts_of(slot: str) -> tuple[Expression, ...]:
    """What may stand in a slot's formula, as leaves: arrays, and numbers after them."""
    numbers = NUMBERS_OF_UPDATES if slot in UPDATE else NUMBERS
    return (*(name(*each) for each in MAY_STAND[slot]), *map(scalar, numbers))


def of_weighing(loss: str) -> tuple[Expression, ...]:
    """What may stand in the formulas of a loss with settings, as leaves."""
    kinds = ("T1", "T0") if loss in ON_OUTPUTS else ("T",) if loss in ON_CLASSES else ("s",)
    return tuple(name(kind, "L", NOW) for kind in kinds)


def scalar(kind: str) -> Expression:
    """A number of the step or of its settings, as a leaf."""
    return name(kind, "", "")


# every setting of a rule, as a leaf
RATES = tuple(scalar(kind) for kind in (*SETTINGS, "beta1", "beta2"))


def is_number(tree: Expression) -> bool:
    """Whether a tree gives a number, not an array."""
    if tree.op == "name":
        return tree.detail[0] in SCALARS or tree.detail[0] in SETTINGS
    if tree.op in ("sum", "mean", "max", "norm"):
        return False
    return all(map(is_number, tree.parts))


def first(s: StepProgram) -> StepProgram:
    """The first step of the run."""
    while s.previous is not None:
        s = s.previous
    return s


def read(leaf: Expression, s: StepProgram, where: int | Part, given: Numbers | None) -> Any:
    """What a leaf is in a step, in a layer or for a part; `given` is what the slot was
    called with.

    Errors: ValueError or IndexError where there is no such array.
    """
    kind, whose, when = leaf.detail
    l = where.layer if isinstance(where, Part) else where
    if kind in SCALARS or kind in SETTINGS:
        try:
            return np.longdouble(SCALARS[kind](s, l) if kind in SCALARS else s.h()[kind])
        except KeyError:
            raise ValueError(f"formula: {kind} is a setting of others") from None
    if kind in OF_NETWORK:
        return OF_NETWORK[kind](s)
    if whose:
        return _of_layer(s, l, kind, whose, when, given)
    if isinstance(where, Part):
        return _of_part(s, where, kind, when)
    raise ValueError(f"formula: {kind} is not read here")


def _of_layer(
    s: StepProgram, l: int, kind: str, whose: str, when: str, given: Numbers | None
) -> Numbers:
    if kind == "y":
        return s.x.lift(s.targets)
    if kind in OF_WEIGHING:
        return OF_WEIGHING[kind](s)
    if kind == "x":
        return s.x
    if kind == "label":
        return s.x.lift(_column(s))
    if kind == "g":
        if given is None:
            raise ValueError("formula: nothing is given here")
        return given
    layer = LAYERS[whose](s, l)
    if not (kind == "a" and layer == 0 and when == NOW) and not 1 <= layer <= s.L:
        raise IndexError(f"formula: there is no layer {layer}")
    if kind in ("b", "db") and not s.has_bias(layer):
        raise ValueError(f"formula: layer {layer} has no biases")
    if when == NOW:
        return OF_LAYER[kind](s, layer)
    if when == INITIAL:
        return first(s).start(Part(kind, layer))
    if when == UPDATED:
        if not is_stepped_alone(s.spec, layer):
            raise ValueError("formula: no part is stepped before all gradients are there")
        return s.new(Part(kind, layer))
    return OF_LAYER[kind](_before(s), layer)


def _column(s: StepProgram) -> Array:
    """The numbers of the classes, as a column.

    Errors: ValueError where the targets are no labels.
    """
    if s.y.ndim != 1:
        raise ValueError("formula: the targets are no labels")
    return np.asarray(s.y, float)[:, np.newaxis]


def _or_one(s: StepProgram, numbers: Any) -> Any:
    """Numbers of the step, a number as the number that it is, and 1 for nothing."""
    if numbers is None or not hasattr(numbers, "value"):
        return np.longdouble(1.0 if numbers is None else numbers)
    return s.x.lift(numbers)


def _squares(s: StepProgram, name: str) -> Numbers:
    squares = [(s.start(p) * s.start(p)).sum() for p in s.parts if p.name == name]
    if not squares:
        raise ValueError(f"formula: the network has no {name}")
    first, *others = squares
    return sum(others, start=first)


def _before(s: StepProgram) -> StepProgram:
    if s.previous is None:
        raise IndexError("formula: there is no step before the first")
    return s.previous


def _of_part(s: StepProgram, part: Part, kind: str, when: str) -> Numbers:
    if kind in STATE:
        if kind not in s.keeps(part):
            raise ValueError(f"formula: {kind} is a state of other rules")
        if when == NOW:
            return s.state(kind, part)
        old = s.old(kind, part)
        return s.start(part) * 0.0 if old is None else old
    if when == INITIAL:
        return first(s).start(part)
    if when == LAST:
        return OF_PART[kind](_before(s), part)
    return OF_PART[kind](s, part)


def leaves(tree: Expression) -> Iterator[Expression]:
    """The names in a tree, each once."""
    if tree.op == "name":
        yield tree
    seen = dict.fromkeys(leaf for part in tree.parts for leaf in leaves(part))
    yield from seen
