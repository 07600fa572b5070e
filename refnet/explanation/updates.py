"""The sections about the update: each parameter after the step, the state of the
optimizer, and the cost.
"""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

import numpy as np

from refnet.checks import Array
from refnet.explanation.figures import product
from refnet.explanation.formulas import operands, substituted
from refnet.explanation.lines import Lines
from refnet.explanation.parts import Formula, Line, Part, Section, Words
from refnet.explanation.regularised import penalised
from refnet.explanation.rules import (
    Assignment,
    Parameter,
    is_gradient_descent,
    lettered,
    numbers_of,
    parameters,
    parts_of,
)
from refnet.network import Network
from refnet.optimizers import Optimizer
from refnet.optimizers.optimizer import DECAYED

DESCENT = Formula(
    "theta := theta - lr dC/dtheta",
    "SGD without momentum, whose u is $lr dC/dtheta$ without a state; Nielsen, Neural Networks "
    "and Deep Learning, chapter 1, "
    "equations 16 and 17",
)


def taken_by(story: Lines) -> str:
    """The loss, and what takes the step with it."""
    rule, loss = story.step.optimizer, f"the loss {story.step.loss!r}"
    if rule is None:
        return f"and {loss}. No step is taken, as there is neither an lr nor an optimizer"
    if is_gradient_descent(rule):
        return f"{loss}, and gradient descent with lr = {story.show(rule.lr)}"
    return f"{loss}, and the optimizer `{rule!r}`, for which it is step t = {numbers_of(rule)['t']}"


def given_state(story: Lines) -> Iterator[Part]:
    """What the optimizer has kept of the steps before."""
    rule, ruled = story.step.optimizer, story.step.optimizer_after
    if rule is None or ruled is None:
        return
    kept, keeps = lettered(rule), lettered(ruled)
    if keeps:
        names = (f"${letter}$ as `{rule.letters.get(letter, letter)}`" for letter in keeps)
        start = (
            f" There is no ${letter}$ before the first step."
            for letter in keeps
            if letter not in kept
        )
        yield Words(f"In its state the optimizer keeps {', '.join(names)}.{''.join(start)}")
    for letter, vector in kept.items():
        if vector.min() == vector.max():
            yield story.line(letter, "", vector[0])
        else:
            yield from _by_layer(story, letter, vector)


def _by_layer(story: Lines, letter: str, vector: Array) -> Iterator[Part]:
    for l in range(1, story.depth + 1):
        for name, values in parts_of(story.step, vector, l).items():
            yield story.array(f"{letter}({name}^{l})", values)


def update_sections(story: Lines) -> Iterator[Section]:
    """The step of each layer, and the cost after it; none without an update."""
    rule, after, cost = story.step.optimizer, story.step.after, story.step.cost_after
    if rule is None or after is None or cost is None:
        return
    for l in range(1, story.depth + 1):
        yield _update(story, rule, l)
    yield _cost_after(story, rule, after, cost)


def _update(story: Lines, rule: Optimizer, l: int) -> Section:
    """All that becomes of W and, where there is one, b."""
    each = [*parameters(story.step, l)]
    most = max(max(1, operands(done.right)) for one in each for done in one.assignments)
    in_numbers = story.few(most * sum(one.size for one in each), l)
    shown = _entries if in_numbers else _arrays
    lines = [part for one in each for part in shown(story, one)]
    return story.section("step", l, [*_about(story, rule, each, l), *lines], *_stated(rule, each))


def _stated(rule: Optimizer, each: Sequence[Parameter]) -> Iterator[Formula]:
    """The formulas of the optimizer, its source after the last one."""
    if is_gradient_descent(rule):
        yield DESCENT
        return
    kind = type(rule)
    source = "; ".join(filter(None, [kind.__name__, vars(kind).get("source", "")]))
    formulas = [*dict.fromkeys(formula for one in each for formula in one.formulas)]
    if not formulas:
        yield Formula(vars(kind).get("equation", ""), source)
    for i, formula in enumerate(formulas, start=1):
        yield Formula(formula, source if i == len(formulas) else "")


def _about(story: Lines, rule: Optimizer, each: Sequence[Parameter], l: int) -> Iterator[Words]:
    """What the letters of the gradient stand for."""
    W, *b = each
    if is_gradient_descent(rule) or not W.formulas:
        return
    penalty, layer = story.step.penalty, story.step.net.layers[l - 1]
    reached = {} if penalty is None else dict(penalised(penalty, [layer], first=l))
    more = {symbol: f" + P'({symbol})" for symbol in reached}
    arrays = " or ".join(f"$d{one.symbol}{more.get(one.symbol, '')}$" for one in each)
    clipped = ", clipped" * (story.step.clipping is not None)
    letter = "g" if W.formulas[0] == DECAYED else "d"
    yield Words(f"Here ${letter}$ is {arrays}{clipped}.")
    if b and [*b[0].formulas] != [*W.formulas]:
        then = ": for them $d$ is $g$" * (letter == "g")
        yield Words(f"Biases do not decay{then}.")


def _entries(story: Lines, one: Parameter) -> Iterator[Line]:
    """Each entry in numbers, with all that comes to it."""
    for index in np.ndindex(one.assignments[-1].value.shape):
        entry = f"{one.symbol}_{','.join(str(i + 1) for i in index)}"
        for done in one.assignments:
            letters = {
                letter: _shown(story, v[index] if isinstance(v, np.ndarray) else v)
                for letter, v in done.letters.items()
            }
            numbers = substituted(done.right, letters)
            yield story.line(_name(done, entry), numbers, done.value[index], done.relation)


def _arrays(story: Lines, one: Parameter) -> Iterator[Part]:
    """Each array, with the shapes of those that it comes from."""
    for done in one.assignments:
        letters = {
            letter: str(v.shape) if isinstance(v, np.ndarray) else _shown(story, v)
            for letter, v in done.letters.items()
        }
        shapes = substituted(done.right, letters).replace("*", " * ")
        yield story.array(_name(done, one.symbol), done.value, shapes)


def _shown(story: Lines, number: Any) -> str:
    """An entry or a hyper-parameter; t in full."""
    return str(number) if isinstance(number, int) else story.show(number)


def _name(done: Assignment, symbol: str) -> str:
    """What a result is called: the parameter itself, or a letter of it."""
    return symbol if done.left == "theta" else f"{done.left}({symbol})"


def _cost_after(story: Lines, rule: Optimizer, after: Network, cost: float) -> Section:
    """The cost before and after the step, and their difference to first order."""
    before = story.whole_cost
    parts: list[Part] = [story.line("C before", "", before), story.line("C after", "", cost)]
    if isfinite(cost - before):
        parts.append(story.line("C after - C before", "", cost - before))
    first_order = _descent if is_gradient_descent(rule) else _move
    return Section("The cost after the step", (*parts, *first_order(story, rule, after)))


def _descent(story: Lines, rule: Optimizer, after: Network) -> Iterator[Part]:
    """By how much C changes to first order, where u is lr times the gradient."""
    square = _dot(story.whole.vector, story.stepped_by.vector)
    if isfinite(square):
        yield Words("To first order, for a small lr, the step changes C by")
        yield story.line(
            "-lr |dC/dtheta|^2" if story.step.clipping is None else "-lr dC/dtheta g",
            product(f"-{story.show(rule.lr)}", story.show(square)),
            -rule.lr * square,
        )


def _move(story: Lines, rule: Optimizer, after: Network) -> Iterator[Part]:
    """The same for any u: what the step has taken off theta."""
    u = story.step.net.parameters.astype(np.float64) - after.parameters
    change = -_dot(story.whole.vector, u)
    if isfinite(change):
        yield Words(
            "To first order, for a small $u$, which is theta before the step minus theta after "
            "it, the step changes C by the sum over all parameters of"
        )
        yield story.line("-dC/dtheta u", "", change)


def _dot(some: Array, others: Array) -> float:
    return float(np.dot(some.astype(np.float64), others.astype(np.float64)))
