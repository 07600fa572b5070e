"""What a formula comes to: its arithmetic, entry by entry, on arrays and numbers."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from refnet.checks import Array
from refnet.explanation.formulas import substituted

OPERATORS: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {"sqrt": np.sqrt, "max": np.maximum}


def value(formula: str, letters: Mapping[str, Array | float]) -> Array:
    """The right side of a formula with these letters, in the dtype of their arrays.

    Errors: ValueError where it has another letter or more than arithmetic.

    >>> letters = {"m": np.array([0.5, 1.0]), "beta1": 0.5, "t": 2}
    >>> value("m / (1 - beta1^t)", letters).tolist()
    [0.6666666666666666, 1.3333333333333333]
    """
    # with products written out it is Python's arithmetic
    text = substituted(formula, {letter: letter for letter in letters})
    if not text:
        known = ", ".join(letters)
        raise ValueError(f"formula: {formula!r} has another letter, expected some of {known}")
    return np.asarray(_value(ast.parse(text.replace("^", "**"), mode="eval").body, letters))


def _value(node: ast.expr, letters: Mapping[str, Array | float]) -> Any:
    match node:
        case ast.Constant(number):
            return number
        case ast.Name(letter):
            return letters[letter]
        case ast.BinOp(left, sign, right):
            return OPERATORS[type(sign)](_value(left, letters), _value(right, letters))
        case ast.Call(ast.Name(name), arguments) if name in FUNCTIONS:
            return FUNCTIONS[name](*(_value(argument, letters) for argument in arguments))
    raise ValueError(f"formula: has {ast.unparse(node)}, expected + - * / ^, sqrt or max")
