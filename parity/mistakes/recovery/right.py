"""The right formula of each slot as a tree: what `parity.proof.formulas` and the right
program compute, recorded by running them over symbols.

The formula of an activation, a loss or a rule is in the grammar as soon as it is in
their tables.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from parity.mistakes.program import RIGHT
from parity.mistakes.recovery.expression import Expression, name, node, replaced, subtrees
from parity.mistakes.recovery.parts import scalar
from parity.mistakes.rules import STATE
from parity.proof import formulas
from parity.proof.equations.updates import RULE_ENTRIES
from parity.steps.record import Spec

# its functions take numbers of any kind: here, trees
_OF_TREES: Any = formulas
# what the slot itself makes rightly, whatever it is
WHOLE = name("right", "", "")
Z, A, Y, G = name("z", "l", ""), name("a", "l", ""), name("y", "L", ""), name("g", "l", "")
# by how much the right rule takes a part down, whatever the rule is
CHANGE = name("u", "", "")
THETA, GRADIENT = name("theta", "", ""), name("g", "", "")
DECAYED = name("d", "", "")
# what a slot makes as it is said of every network: the form with the number -1
OF_EVERY = {"C": WHOLE, "BP1": WHOLE, "BP2": WHOLE, "step": THETA - CHANGE}
ENTRIES = scalar("N")
# the hidden layer of a network with three, for formulas that count layers
_LAYER, _LAST = 2, 3


class _Symbols:
    """A step whose arrays are leaves: what a right function computes of it is its
    formula.
    """

    L = _LAST

    def __getattr__(self, kind: str) -> Any:
        return lambda l: name(kind, _named(l), "")


def _named(l: int) -> str:
    return {_LAYER - 1: "l-1", _LAYER: "l", _LAYER + 1: "l+1"}[l]


Key = tuple[Any, ...]


def key_of(slot: str, spec: Spec, l: int) -> Key:
    """What a slot's formula depends on in a network: its activation, loss or rule."""
    f = spec.activations[l - 1][0]
    last = l == len(spec.sizes) - 1
    if slot in ("a", "pullback"):
        return (f,)
    if slot == "C":
        return (spec.loss,)
    if slot == "BP1":
        return (spec.loss, f)
    if slot == "cotangent":
        return (spec.loss,) if last else ("hidden",)
    if slot in ("decayed", "step", *STATE):
        h = spec.hyperparameters
        flags = tuple(name for name, value in h.items() if _is_on(value))
        return (spec.optimizer, flags)
    return ()


def _is_on(value: Any) -> bool:
    return bool(value) if not isinstance(value, tuple) else True


@cache
def trees(slot: str, key: Key) -> tuple[Expression, ...]:
    """The forms in which a slot's right formula may be written, the simplest first."""
    forms = [*_trees(slot, key)]
    return tuple(dict.fromkeys([*map(_compact, forms), *forms]))


def _trees(slot: str, key: Key) -> Iterator[Expression]:
    s: Any = _Symbols()
    if slot in ("z", "BP3", "BP4"):
        yield RIGHT[slot](s, _LAYER)
    elif slot == "a":
        (f,) = key
        yield _activated(Z)
        yield _OF_TREES.VALUES[f](_Parameters(), Z)
    elif slot == "pullback":
        (f,) = key
        yield pulled(G, Z)
        yield _OF_TREES.PULLBACKS[f](_Parameters(), G, Z, A)
    elif slot == "C":
        (loss,) = key
        yield _simple(_OF_TREES.COSTS[loss](A, Y, scalar("n"), ENTRIES))
    elif slot == "BP1" and key in formulas.FUSED:
        yield _simple(_OF_TREES.FUSED[key](Z, A, Y, scalar("n"), ENTRIES))
        yield from _chained(*key)
    elif slot == "cotangent" and key == ("hidden",):
        yield name("delta", "l+1", "") @ name("W", "l+1", "")
    elif slot == "cotangent" and key[0] in formulas.GRADIENTS:
        yield _OF_TREES.GRADIENTS[key[0]](A - Y, scalar("n"), ENTRIES)
    elif slot in ("decayed", "step", *STATE):
        yield from _of_update(slot, *key)


def _activated(z: Expression, whose: str = "l") -> Expression:
    return node("f", z, detail=(whose,))


def pulled(g: Expression, z: Expression, whose: str = "l") -> Expression:
    """g through the f of a layer at z: g * f'(z)."""
    return node("pull", g, z, detail=(whose,))


def _chained(loss: str, f: str) -> Iterator[Expression]:
    """A delta with its pole left in, as two formulas one after the other."""
    n, N = scalar("n"), ENTRIES
    gradients = {
        "cross_entropy": -(Y / A) / n,
        "binary_cross_entropy": (A - Y) / (A * (1.0 - A)) / N,
    }
    if loss in gradients:
        yield _OF_TREES.PULLBACKS[f](_Parameters(), gradients[loss], Z, A)


def _compact(tree: Expression) -> Expression:
    """With softmax as one function."""
    for part in {*subtrees(tree)}:
        z = part.parts[0].parts[0].parts[0] if _is_softmax(part) else None
        if z is not None:
            return _compact(replaced(tree, part, node("softmax", z)))
    return tree


def _is_softmax(tree: Expression) -> bool:
    if tree.op != "/" or tree.parts[0].op != "exp" or tree.parts[0].parts[0].op != "-":
        return False
    z = tree.parts[0].parts[0].parts[0]
    symbolic: Any = z
    return tree is _OF_TREES.softmax(symbolic)


def _simple(tree: Expression) -> Expression:
    """With 1 for the sum of targets over the units, which it is."""
    return _without_factor(tree, Y.sum(axis=1, keepdims=True))


def _without_factor(tree: Expression, one: Expression) -> Expression:
    """Without a factor that is 1."""
    if tree.op == "*" and one in tree.parts:
        return tree.parts[0] if tree.parts[1] is one else tree.parts[1]
    parts = tuple(_without_factor(part, one) for part in tree.parts)
    return tree if parts == tree.parts else node(tree.op, *parts, detail=tree.detail)


class _Parameters(Mapping[str, Any]):
    """The parameters of an activation as leaves."""

    def __getitem__(self, key: str) -> Expression:
        return scalar(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Settings(Mapping[str, Any]):
    """The settings of a rule as leaves; those that are off are 0, as in a program that
    asks for them.
    """

    def __init__(self, on: tuple[str, ...]) -> None:
        self.on = on

    def __getitem__(self, key: str) -> Any:
        if key == "betas":
            return scalar("beta1"), scalar("beta2")
        return scalar(key) if key in self.on else 0.0

    def __iter__(self) -> Iterator[str]:
        return iter(self.on)

    def __len__(self) -> int:
        return len(self.on)


def _of_update(slot: str, rule: str, on: tuple[str, ...]) -> Iterator[Expression]:
    h = _Settings(on)
    coupled = "weight_decay" in on and rule != "adamw"
    if slot == "decayed":
        yield GRADIENT + THETA * h["weight_decay"] if coupled else GRADIENT
        return
    # the decay is in d already where the two are coupled
    outside = _Settings(tuple(each for each in on if each != "weight_decay" or rule == "adamw"))
    new = {key: name(key, "", "") for key in STATE}
    old = {key: name(key, "", "last") for key in STATE}
    if slot == "step":
        step = _OF_TREES.STEPS[rule](
            outside, scalar("t"), DECAYED, new, formulas.divisor, _corrected
        )
        yield _OF_TREES.kept(rule, outside, THETA) - step
    elif slot in formulas.STATES[rule] and slot in _keeps(rule, on):
        make = _OF_TREES.STATES[rule][slot]
        later = make(outside, DECAYED, old, new, formulas.divisor)
        first = make(outside, DECAYED, {}, new, formulas.divisor) if rule == "sgd" else later
        yield later if first is later else node("first", first, later)


def _corrected(h: Mapping[str, Any], t: Expression) -> tuple[Expression, Expression]:
    beta1, beta2 = h["betas"]
    return 1.0 - beta1**t, 1.0 - beta2**t


def _keeps(rule: str, on: tuple[str, ...]) -> tuple[str, ...]:
    flags = ("momentum", "centered", "amsgrad", "nesterov")
    return RULE_ENTRIES[rule]().keeps({flag: flag in on for flag in flags})
