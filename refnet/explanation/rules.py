"""What an optimizer does to each W and b in one step: its formulas, what their letters
stand for, and what they come to.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from refnet.checks import Array
from refnet.explanation.arithmetic import value
from refnet.explanation.lines import ComputedStep
from refnet.optimizers import SGD, Optimizer

SIDES = re.compile(r"(\w+) (:?=) (.+)")


class Assignment(NamedTuple):
    """One formula for one W or b: its sides, what stands for the letters, and the
    result. The right side is "" where the optimizer states none.
    """

    left: str
    relation: str
    right: str
    letters: Mapping[str, Array | float]
    value: Array


class Parameter(NamedTuple):
    """A W or b, and all that becomes of it, in order; it comes last itself."""

    symbol: str
    formulas: Sequence[str]
    assignments: Sequence[Assignment]

    @property
    def size(self) -> int:
        """How many entries it has."""
        return self.assignments[-1].value.size


def is_gradient_descent(rule: Optimizer) -> bool:
    """Whether it is theta := theta - lr dC/dtheta."""
    return type(rule) is SGD and not rule.momentum and not rule.weight_decay


def lettered(rule: Optimizer) -> dict[str, Array]:
    """The vectors of the state by their letters; one without a letter has its name."""
    letters = {name: letter for letter, name in rule.letters.items()}
    return {letters.get(name, name): v for name, v in rule.state.items() if name != "steps"}


def numbers_of(rule: Optimizer) -> dict[str, float]:
    """The hyper-parameters by their names in the formulas, betas as beta1 and beta2,
    and t, the number of the step.
    """
    numbers: dict[str, float] = {"t": rule.state["steps"] + 1}
    for name, setting in rule.hyperparameters.items():
        if isinstance(setting, tuple):
            numbers |= {f"{name[:-1]}{i}": each for i, each in enumerate(setting, start=1)}
        elif isinstance(setting, int | float) and not isinstance(setting, bool):
            numbers[name] = setting
    return numbers


def parameters(step: ComputedStep, l: int) -> Iterator[Parameter]:
    """W of a layer and, where there is one, b."""
    rule, ruled, after = step.optimizer, step.optimizer_after, step.after
    if rule is None or ruled is None or after is None:
        return
    gradient = (step.stepped or step.gradients).vector
    # d is the gradient where no formula makes another one of it
    given = {**lettered(rule), "g": gradient, "d": gradient, "theta": step.net.parameters}
    results = {**lettered(ruled), "theta": after.parameters}
    for name in parts_of(step, gradient, l):
        before, new = (
            {letter: parts_of(step, vector, l)[name] for letter, vector in vectors.items()}
            for vectors in (given, results)
        )
        decays = rule.weight_decay > 0.0 and (name == "W" or rule.decay_biases)
        formulas = rule.next_formulas(decays=decays)
        letters: dict[str, Array | float] = {**numbers_of(rule), **before}
        yield Parameter(f"{name}^{l}", formulas, [*_assigned(formulas, letters, new)])


def parts_of(step: ComputedStep, vector: Array, l: int) -> dict[str, Array]:
    """What a flat vector has in the place of W and, where there is one, of b."""
    _, W, b = step.gradients.over(vector)[l - 1]
    return {"W": W} if b is None else {"W": W, "b": b}


def _assigned(
    formulas: Sequence[str], letters: Mapping[str, Array | float], results: Mapping[str, Array]
) -> Iterator[Assignment]:
    """Each formula with what its letters are by then; what no formula is stated for
    comes after them.
    """
    left = dict(results)
    for formula in formulas:
        name, relation, right = SIDES.findall(formula)[0]
        result = left.pop(name) if name in left else value(right, letters)
        yield Assignment(name, relation, right, letters, result)
        letters = {**letters, name: result}
    for name, result in left.items():
        yield Assignment(name, ":=", "", letters, result)
