"""The right formula of each slot as a tree: what `parity.proof.formulas` and the right
program compute, recorded by running them over symbols.

The formula of an activation, a loss or a rule is in the grammar as soon as it is in
their tables.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from parity.mistakes.functions import RIGHT
from parity.mistakes.recovery.expression import (
    Expression,
    as_expression,
    name,
    node,
    replaced,
    subtrees,
)
from parity.mistakes.recovery.parts import scalar
from parity.mistakes.rules import STATE
from parity.mistakes.slots import is_decoupled
from parity.proof import formulas
from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.weighing import ON_CLASSES, ON_OUTPUTS, OVER_OUTPUTS, Weighing
from parity.steps.record import Spec
from refnet.optimizers import OPTIMIZERS

# its functions take numbers of any kind: here, trees
_OF_TREES: Any = formulas
# what the slot itself makes rightly, whatever it is
WHOLE = name("right", "", "")
# what a layer reads: with dropout, what that leaves of the a below
A_PREV = name("a", "l-1", "")
Z, A, Y, G = name("z", "l", ""), name("a", "l", ""), name("y", "L", ""), name("g", "l", "")
# by how much the right rule takes a part down, whatever the rule is
CHANGE = name("u", "", "")
THETA, GRADIENT = name("theta", "", ""), name("g", "", "")
DECAYED = name("d", "", "")
# what a slot makes as it is said of every network: the form with the number -1
OF_EVERY = {"C": WHOLE, "BP1": WHOLE, "BP2": WHOLE, "gradient": WHOLE, "step": THETA - CHANGE}
ENTRIES = scalar("N")
# a loss with settings, which says T and D for y and n
WEIGHED = "weighed"
# how a weight decay comes into the gradient that a rule works with
COUPLED, PLAIN = "coupled", "plain"
UNBIASED, DROPPED = "without biases", "dropout above"
# the hidden layer of a network with three, for formulas that count layers
_LAYER, _LAST = 2, 3


class _Symbols:
    """A step whose arrays are leaves: what a right function computes of it is its
    formula.
    """

    L = _LAST

    def __init__(self, *, biased: bool) -> None:
        self._biased = biased

    def has_bias(self, l: int) -> bool:
        return self._biased

    def a_prev(self, l: int) -> Expression:
        return A_PREV

    def h(self, part: object) -> dict[str, Expression]:
        return {"weight_decay": scalar("weight_decay")}

    def start(self, part: object) -> Expression:
        return THETA

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
    weighed = (WEIGHED,) if spec.loss_settings else ()
    if slot == "C":
        return (spec.loss, *weighed)
    if slot == "z":
        return () if spec.has_bias(l) else (UNBIASED,)
    if slot == "BP1":
        return (spec.loss, f, *weighed)
    if slot == "cotangent":
        return (spec.loss, *weighed) if last else ("hidden", *_dropped(spec, l + 1))
    if slot == "BP2":
        return () if last else _dropped(spec, l + 1)
    h = spec.settings_of("W", l)
    if slot in ("gradient", "decay"):
        return (spec.optimizer,)
    if slot == "decayed":
        return spec.optimizer, COUPLED if h["weight_decay"] and not is_decoupled(spec) else PLAIN
    if slot in ("step", *STATE):
        flags = tuple(name for name, value in h.items() if _is_on(value))
        return spec.optimizer, _that_matter(slot, spec.optimizer, flags)
    return ()


def _dropped(spec: Spec, l: int) -> Key:
    """What a formula has to know of the dropout on what a layer reads."""
    return (DROPPED,) if spec.dropout and spec.dropout[l - 1] else ()


@cache
def default_settings(rule: str) -> dict[str, Any]:
    """A rule's settings, as they are where nobody says otherwise."""
    optimizer: Any = OPTIMIZERS[rule]
    return dict(optimizer().hyperparameters)


@cache
def states(rule: str) -> dict[str, Key]:
    """Every vector that a rule may keep, and the key of its formula."""
    on = tuple(default_settings(rule))
    return {slot: (rule, _that_matter(slot, rule, on)) for slot in formulas.STATES[rule]}


@cache
def _that_matter(slot: str, rule: str, on: tuple[str, ...]) -> tuple[str, ...]:
    """The settings of which a slot's formula depends on whether they are on."""
    trees = tuple(_of_update(slot, rule, on))
    return tuple(
        each
        for each in on
        if each != "betas"
        and tuple(_of_update(slot, rule, tuple(other for other in on if other != each))) != trees
    )


def _is_on(value: Any) -> bool:
    return bool(value) if not isinstance(value, tuple) else True


@cache
def elsewhere(slot: str, key: Key) -> tuple[Expression, ...]:
    """What is right in a slot elsewhere: with another activation or loss, or with one
    of the rule's settings switched on or off.
    """
    keys: Iterable[Key] = ()
    of_activation = slot in ("a", "pullback")
    if of_activation:
        keys = ((f,) for f in formulas.VALUES)
    elif slot in ("C", "cotangent", "BP1") and key[:1] != ("hidden",):
        keys = ((loss, *key[1:]) for loss in formulas.COSTS)
    elif slot == "decayed":
        keys = ((*key[:1], how) for how in (COUPLED, PLAIN))
    elif slot in ("step", *STATE):
        keys = _switched(*key)
    # that of an activation is written as f first, whichever it is
    forms = (trees(slot, each)[-1 if of_activation else 0 :] for each in keys)
    return tuple(dict.fromkeys(each[0] for each in forms if each))


@cache
def once_more(slot: str, key: Key) -> tuple[Expression, ...]:
    """The right delta with a factor f' too many, of any activation; and that of a loss
    of logits behind an activation.
    """
    if slot not in ("BP1", "BP2"):
        return ()
    pull = _OF_TREES.PULLBACKS
    again = [pull[f](_Parameters(), WHOLE, Z, A) for f in pull]
    if key[1:] == ("identity",) and key[0] in _OF_PROBABILITIES:
        (delta, *_) = trees(slot, key)
        for f, activated in _ACTIVATED.items():
            p = activated(Z)
            again.append(pull[f](_Parameters(), replaced(delta, Z, p), Z, p))
            again.append(pull["sigmoid"](_Parameters(), WHOLE, Z, p))
    return tuple(tree for tree in dict.fromkeys(again) if tree is not WHOLE)


def _switched(rule: str, on: tuple[str, ...]) -> Iterator[Key]:
    """A rule without one of its settings, and those that keep the same state."""
    for setting in on:
        if setting not in ("lr", "betas"):
            yield rule, tuple(each for each in on if each != setting)
    for other, states in formulas.STATES.items():
        if other != rule and states is formulas.STATES[rule]:
            yield other, on


@cache
def trees(slot: str, key: Key) -> tuple[Expression, ...]:
    """The forms in which a slot's right formula may be written, the simplest first."""
    forms = [*_trees(slot, key)]
    return tuple(dict.fromkeys([*map(_compact, forms), *forms]))


def _trees(slot: str, key: Key) -> Iterator[Expression]:
    s: Any = _Symbols(biased=key != (UNBIASED,))
    if slot in ("z", "BP3", "BP4", "decay"):
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
        loss, weighing = key[0], _weighing(key)
        yield _simple(_OF_TREES.COSTS[loss](A, weighing))
        yield from _of_logits(loss, weighing)
    elif slot == "BP1" and key[:2] in formulas.FUSED:
        yield _simple(_OF_TREES.FUSED[key[:2]](Z, A, _weighing(key)))
        yield from _chained(key[0], key[1], _weighing(key))
    elif slot == "cotangent" and key[:1] == ("hidden",):
        yield _from_above(key)
    elif slot == "cotangent" and key[0] in formulas.GRADIENTS:
        yield _OF_TREES.GRADIENTS[key[0]](A - Y, _weighing(key))
    elif slot == "BP2":
        yield pulled(_from_above(key), Z)
    elif slot == "decayed":
        yield GRADIENT + THETA * scalar("weight_decay") if COUPLED in key else GRADIENT
    elif slot in ("step", *STATE):
        yield from _of_update(slot, *key)


def _from_above(key: Key) -> Expression:
    """dC/da of a hidden layer."""
    g = name("delta", "l+1", "") @ name("W", "l+1", "")
    return g * name("mask", "l+1", "") if DROPPED in key else g


# losses of logits, and of which probabilities they are which loss
_OF_PROBABILITIES = {
    "softmax_cross_entropy": ("softmax", "cross_entropy"),
    "sigmoid_cross_entropy": ("sigmoid", "binary_cross_entropy"),
}
_ACTIVATED: dict[str, Callable[[Expression], Expression]] = {
    "softmax": lambda z: node("softmax", z),
    "sigmoid": Expression.sigmoid,
}


def _of_logits(loss: str, t: Weighing) -> Iterator[Expression]:
    """The cost of logits as that of their probabilities, and as many write it."""
    if loss in _OF_PROBABILITIES:
        f, other = _OF_PROBABILITIES[loss]
        yield _simple(_OF_TREES.COSTS[other](_ACTIVATED[f](A), t))
    if loss == "sigmoid_cross_entropy" and t.both is None:
        above, rest = node("maximum", A, as_expression(0.0)), (-abs(A)).exp().log1p()
        yield (above - A * Y + rest).sum() / ENTRIES


def _weighing(key: Key) -> Weighing:
    """The targets, and the number of terms of the mean; or those with their weights,
    and what is divided by.
    """
    loss, T, T1, T0 = key[0], *(name(kind, "L", "") for kind in ("T", "T1", "T0"))
    if WEIGHED not in key:
        return Weighing(Y, ENTRIES if loss in OVER_OUTPUTS else scalar("n"), 1.0 - Y)
    D = name("D", "L", "")
    if loss in ON_OUTPUTS:
        return Weighing(T1, D, T0, T0 + T1)
    if loss in ON_CLASSES:
        return Weighing(T, D)
    return Weighing(Y, D, rows=name("s", "L", ""))


def _activated(z: Expression, whose: str = "l") -> Expression:
    return node("f", z, detail=(whose,))


def pulled(g: Expression, z: Expression, whose: str = "l") -> Expression:
    """g through the f of a layer at z: g * f'(z)."""
    return node("pull", g, z, detail=(whose,))


def _chained(loss: str, f: str, t: Weighing) -> Iterator[Expression]:
    """A delta with its pole left in, as two formulas one after the other."""
    gradients = {
        "cross_entropy": -(t.yes / A) / t.D,
        "binary_cross_entropy": (_OF_TREES.times(A, t.both) - t.yes) / (A * (1.0 - A)) / t.D,
    }
    if loss in gradients:
        yield pulled(gradients[loss], Z)
        yield _OF_TREES.PULLBACKS[f](_Parameters(), gradients[loss], Z, A)
    elif loss in _OF_PROBABILITIES and f == "identity":
        f, other = _OF_PROBABILITIES[loss]
        p = _ACTIVATED[f](Z)
        yield _OF_TREES.PULLBACKS[f](_Parameters(), replaced(gradients[other], A, p), Z, p)


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
