"""Functions of tensors as functions of arrays, and their derivatives by autograd."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from parity.steps.pytorch.tensors import to_array, to_tensor
from refnet.checks import Array

OfTensors: TypeAlias = Callable[..., Any]
OfArrays: TypeAlias = Callable[..., Any]


def forward(function: OfTensors) -> OfArrays:
    """The function of arrays.

    Torch: function(*tensors) under torch.no_grad.
    """

    def value(*arrays: Array) -> Array:
        with torch.no_grad():
            return to_array(function(*map(to_tensor, arrays)))

    value.__name__ = _name(function)
    return value


def pullback(function: OfTensors) -> OfArrays:
    """dC/dx of its first array x, from g = dC/df and all that it is given.

    Shapes: g as the value, dC/dx as x.
    Torch: x.grad after function(x, ...).backward(g).
    """

    def gradient(g: Array, x: Array, *others: Array) -> Array:
        leaf = to_tensor(x).requires_grad_()
        # a clone, as a function in place may not write into a leaf
        value = function(leaf.clone(), *map(to_tensor, others))
        torch.autograd.backward(value, to_tensor(g).to(value.dtype).reshape(value.shape))
        return to_array(leaf.grad)

    gradient.__name__ = _name(function)
    return gradient


def gradients(function: Callable[[], Tensor], g: Array, leaves: list[Tensor]) -> list[Array]:
    """dC/dp of each leaf p, from g = dC/df.

    Shapes: g as the value, dC/dp as p.
    Torch: p.grad after function().backward(g).
    """
    for leaf in leaves:
        leaf.grad = None
    torch.autograd.backward(function(), to_tensor(g))
    return [to_array(leaf.grad) for leaf in leaves]


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
