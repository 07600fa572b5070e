"""One entry of an array by the right formula, worked out in numbers."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from parity.mistakes.functions import RIGHT
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers, Part, Quantity
from parity.proof import formulas
from parity.rounding.plain import Plain
from refnet.activations import ACTIVATIONS, Elementwise
from refnet.checks import Array
from refnet.explanation.figures import product, total
from refnet.losses import LOSSES

TERMS = 8  # of a sum, more than which nobody adds up by hand
DIGITS = 5
Index = tuple[int, ...]


class Line(NamedTuple):
    """A line of a sum by hand, and the number that it comes to."""

    text: str
    value: float


def by_hand(step: StepProgram, quantity: Quantity, index: Index) -> list[Line]:
    """The entry of this array as the right formula makes it of what the step has, line
    by line; [] where it takes more than `TERMS` terms, or has no short form.
    """
    name, l = quantity
    if name in ("W", "b"):
        return [*_update(step, Part(name, l), index)]
    return [*BY_HAND[name](step, l, index)] if name in BY_HAND else []


def number(value: Any) -> str:
    """A number as it stands in a sum."""
    return f"{float(value) + 0.0:.{DIGITS}g}"  # without the sign of a zero


def at(index: Index) -> str:
    """The place of an entry, "" for a number."""
    return f"[{', '.join(map(str, index))}]" if index else ""


def _sum(name: str, terms: list[str], value: float) -> Iterator[Line]:
    if len(terms) <= TERMS:
        yield Line(f"{name} = {total(terms)} = {number(value)}", value)


def _products(one: Array, other: Array) -> list[str]:
    return [product(number(a), number(b)) for a, b in zip(one, other, strict=True)]


def _masked_input(s: StepProgram, l: int, index: Index) -> Iterator[Line]:
    mask, a = s.mask(l), s.a(l - 1).value[index]
    if mask is not None:
        factors = product(number(a), number(mask[index]))
        value = a * mask[index]
        yield Line(f"a_prev^{l}{at(index)} = {factors} = {number(value)}", value)


def _weighted_input(s: StepProgram, l: int, index: Index) -> Iterator[Line]:
    i, j = index
    a, W, b = s.a_prev(l).value[i], s.start(Part("W", l)).value[j], s.start(Part("b", l)).value[j]
    added = [number(b)] if s.has_bias(l) else []
    return _sum(f"z^{l}{at(index)}", [*_products(a, W), *added], a @ W + b)


def _activation(s: StepProgram, l: int, index: Index) -> Iterator[Line]:
    name, parameters = s.f(l)
    if _is_elementwise(name):
        z = s.z(l).value[index]
        a = _one(formulas.activate(name, parameters, _single(z)))
        yield Line(f"a^{l}{at(index)} = {name}({number(z)}) = {number(a)}", a)


def _cost(s: StepProgram, l: int, index: Index) -> Iterator[Line]:
    if s.spec.penalty is not None:  # a sum over all weights besides
        return
    cost = _one(formulas.cost(s.spec.loss, s.a(l), s.weighing()))
    yield Line(f"C = {number(cost)}{_rule(s, 'C')}", cost)


def _delta(s: StepProgram, l: int, index: Index) -> Iterator[Line]:
    return (_output_delta if l == s.L else _hidden_delta)(s, l, index)


def _output_delta(s: StepProgram, l: int, index: Index) -> Iterator[Line]:
    """Where delta is a product of two derivatives, or the loss states its formula."""
    name, loss = s.f(l)[0], s.spec.loss
    if formulas.is_fused(loss, name):
        delta = formulas.fused_delta(loss, name, s.z(l), s.a(l), s.weighing()).value[index]
        if "dC/dz" in LOSSES[loss].formulas:
            yield Line(f"delta^{l}{at(index)} = {number(delta)}{_rule(s, 'dC/dz')}", delta)
    elif _is_elementwise(name):
        g = formulas.loss_gradient(loss, s.a(l), s.weighing()).value[index]
        yield Line(f"dC/da^{l}{at(index)} = {number(g)}{_rule(s, 'dC/da')}", g)
        yield from _through(s, l, index, g)


def _rule(s: StepProgram, left: str) -> str:
    """What the loss states, with its counts; "" where it states nothing, as of its
    weights.
    """
    rule = LOSSES[s.spec.loss].formulas.get(left)
    if not rule or s.spec.loss_settings or s.sample_weight is not None:
        return ""
    counts = {"n": s.n, "k": s.k}
    values = (f"{letter} = {counts[letter]:.0f}" for letter in re.findall(r"\b[nk]\b", rule))
    return f", by {rule}, where {' and '.join(values)}"


def _hidden_delta(s: StepProgram, l: int, index: Index) -> Iterator[Line]:
    i, j = index
    delta, W = s.delta(l + 1).value[i], s.start(Part("W", l + 1)).value[:, j]
    name = f"(delta^{l + 1} W^{l + 1}){at(index)}"
    lines = [*_sum(name, _products(delta, W), delta @ W)]
    if lines and _is_elementwise(s.f(l)[0]):
        yield from lines
        g, mask = delta @ W, s.mask(l + 1)
        if mask is not None:
            left, g = product(number(g), number(mask[index])), g * mask[index]
            yield Line(f"dC/da^{l}{at(index)} = {left} = {number(g)}", g)
        yield from _through(s, l, index, g)


def _through(s: StepProgram, l: int, index: Index, g: float) -> Iterator[Line]:
    """From dC/da to dC/dz, through an elementwise f."""
    name, parameters = s.f(l)
    z, a = (_single(array.value[index]) for array in (s.z(l), s.a(l)))
    slope = _one(formulas.pull_back(name, parameters, _single(1.0), z, a))
    rule = ACTIVATIONS[name].formulas.get("f'", "")
    yield Line(f"f'(z^{l}){at(index)} = {number(slope)}{f', by {rule}' if rule else ''}", slope)
    factors = product(number(g), number(slope))
    yield Line(f"delta^{l}{at(index)} = {factors} = {number(g * slope)}", g * slope)


def _bias_gradient(s: StepProgram, l: int, index: Index) -> Iterator[Line]:
    if s.has("slope", Part("b", l)):
        return iter(())
    delta = s.delta(l).value[:, index[0]]
    return _sum(f"db^{l}{at(index)}", [*map(number, delta)], delta.sum())


def _weight_gradient(s: StepProgram, l: int, index: Index) -> Iterator[Line]:
    if s.has("slope", Part("W", l)):
        return iter(())
    j, k = index
    delta, a = s.delta(l).value[:, j], s.a_prev(l).value[:, k]
    return _sum(f"dW^{l}{at(index)}", _products(delta, a), delta @ a)


def _update(s: StepProgram, part: Part, index: Index) -> Iterator[Line]:
    """Gradient descent without a state; another rule has too many steps."""
    plain = s.spec.optimizer == "sgd" and s.spec.clip is None
    if plain and not s.h(part)["momentum"] and not s.h(part)["weight_decay"]:
        where = f"{part.layer}{at(index)}"
        old, g = s.start(part).value[index], RIGHT["gradient"](s, part).value[index]
        numbers = f"{number(old)} - {product(number(s.lr(part)), number(g))}"
        new = old - s.lr(part) * g
        name = part.name
        yield Line(f"{name}^{where} - lr d{name}^{where} = {numbers} = {number(new)}", new)


def _is_elementwise(name: str) -> bool:
    return issubclass(ACTIVATIONS[name], Elementwise)


def _single(value: float) -> Numbers:
    return Plain(np.array([[value]]))


def _one(numbers: Numbers) -> float:
    return float(numbers.value.item())


BY_HAND: dict[str, Callable[[StepProgram, int, Index], Iterator[Line]]] = {
    "a_prev": _masked_input,
    "z": _weighted_input,
    "a": _activation,
    "loss": _cost,
    "delta": _delta,
    "db": _bias_gradient,
    "dW": _weight_gradient,
}
