"""One entry of an array by the right formula, worked out in numbers."""

from collections.abc import Callable, Iterator

import numpy as np

from parity.mistakes.program import RIGHT, Part, Quantity, StepProgram
from parity.proof import formulas
from parity.rounding.plain import Plain
from refnet.activations import ACTIVATIONS, Elementwise
from refnet.checks import Array
from refnet.explanation.figures import product, shown, total
from refnet.losses import LOSSES

TERMS = 8  # of a sum, more than which nobody adds up by hand
DIGITS = 5
Index = tuple[int, ...]


def by_hand(step: StepProgram, quantity: Quantity, index: Index) -> tuple[str, ...]:
    """The entry of this array as the right formula makes it of what the step has, line
    by line; () where it takes more than `TERMS` terms, or has no short form.
    """
    name, l = quantity
    if name in ("W", "b"):
        return tuple(_update(step, Part(name, l), index))
    return tuple(BY_HAND[name](step, l, index)) if name in BY_HAND else ()


def number(value: float) -> str:
    """A number as it stands in a sum."""
    return shown(float(value), DIGITS)


def at(index: Index) -> str:
    """The place of an entry, "" for a number."""
    return f"[{', '.join(map(str, index))}]" if index else ""


def _sum(name: str, terms: list[str], value: float) -> Iterator[str]:
    if len(terms) <= TERMS:
        yield f"{name} = {total(terms)} = {number(value)}"


def _products(one: Array, other: Array) -> list[str]:
    return [product(number(a), number(b)) for a, b in zip(one, other, strict=True)]


def _weighted_input(s: StepProgram, l: int, index: Index) -> Iterator[str]:
    i, j = index
    a, W, b = s.a(l - 1).value[i], s.start(Part("W", l)).value[j], s.start(Part("b", l)).value[j]
    return _sum(f"z^{l}{at(index)}", [*_products(a, W), number(b)], a @ W + b)


def _activation(s: StepProgram, l: int, index: Index) -> Iterator[str]:
    name, parameters = s.f(l)
    if _is_elementwise(name):
        z = s.z(l).value[index]
        a = formulas.activate(name, parameters, Plain(np.array([[z]]))).value.item()
        yield f"a^{l}{at(index)} = {name}({number(z)}) = {number(a)}"


def _delta(s: StepProgram, l: int, index: Index) -> Iterator[str]:
    return (_output_delta if l == s.L else _hidden_delta)(s, l, index)


def _output_delta(s: StepProgram, l: int, index: Index) -> Iterator[str]:
    """Where delta is a product of two derivatives, or has a formula of its own."""
    name, parameters = s.f(l)
    z, a, loss = s.z(l), s.a(l), s.spec.loss
    stated = LOSSES[loss].formulas
    if formulas.is_fused(loss, name):
        rule = stated.get("dC/dz") or "dC/dz, with the quotients of both derivatives cancelled"
        delta = formulas.fused_delta(loss, name, z, a, s.y).value[index]
        yield f"delta^{l}{at(index)} = {number(delta)}, by {rule}"
    elif _is_elementwise(name):
        g = formulas.loss_gradient(loss, a, s.y).value[index]
        yield f"dC/da^{l}{at(index)} = {number(g)}, by {stated['dC/da']}"
        yield from _through(s, l, index, g)


def _hidden_delta(s: StepProgram, l: int, index: Index) -> Iterator[str]:
    i, j = index
    delta, W = s.delta(l + 1).value[i], s.start(Part("W", l + 1)).value[:, j]
    product_of_both = [
        *_sum(f"(delta^{l + 1} W^{l + 1}){at(index)}", _products(delta, W), delta @ W)
    ]
    yield from product_of_both
    if product_of_both and _is_elementwise(s.f(l)[0]):
        yield from _through(s, l, index, delta @ W)


def _through(s: StepProgram, l: int, index: Index, g: float) -> Iterator[str]:
    """From dC/da to dC/dz, through an elementwise f."""
    name, parameters = s.f(l)
    z, a = (Plain(array.value[index].reshape(1, 1)) for array in (s.z(l), s.a(l)))
    slope = formulas.pull_back(name, parameters, Plain(np.ones((1, 1))), z, a).value.item()
    rule = ACTIVATIONS[name].formulas.get("f'", "")
    yield f"f'(z^{l}){at(index)} = {number(slope)}{f', by {rule}' if rule else ''}"
    yield f"delta^{l}{at(index)} = {product(number(g), number(slope))} = {number(g * slope)}"


def _bias_gradient(s: StepProgram, l: int, index: Index) -> Iterator[str]:
    delta = s.delta(l).value[:, index[0]]
    return _sum(f"db^{l}{at(index)}", [*map(number, delta)], delta.sum())


def _weight_gradient(s: StepProgram, l: int, index: Index) -> Iterator[str]:
    j, k = index
    delta, a = s.delta(l).value[:, j], s.a(l - 1).value[:, k]
    return _sum(f"dW^{l}{at(index)}", _products(delta, a), delta @ a)


def _update(s: StepProgram, part: Part, index: Index) -> Iterator[str]:
    """Gradient descent without a state; another rule has too many steps."""
    if s.spec.optimizer == "sgd" and not s.h["momentum"] and not s.h["weight_decay"]:
        symbol = f"{part.name}^{part.layer}{at(index)}"
        old, g = s.start(part).value[index], RIGHT["gradient"](s, part).value[index]
        move = product(number(s.lr), number(g))
        yield f"{symbol} - lr d{symbol} = {number(old)} - {move} = {number(old - s.lr * g)}"


def _is_elementwise(name: str) -> bool:
    return issubclass(ACTIVATIONS[name], Elementwise)


BY_HAND: dict[str, Callable[[StepProgram, int, Index], Iterator[str]]] = {
    "z": _weighted_input,
    "a": _activation,
    "delta": _delta,
    "db": _bias_gradient,
    "dW": _weight_gradient,
}
