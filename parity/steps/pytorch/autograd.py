"""Functions of tensors as functions of arrays, their derivatives by autograd, and the
steps of an optimizer.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

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
            return to_array(_tensor(function(*map(to_tensor, arrays))))

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
        value = _tensor(function(leaf.clone(), *map(to_tensor, others)))
        torch.autograd.backward(value, to_tensor(g).to(value.dtype).reshape(value.shape))
        return to_array(leaf.grad)

    gradient.__name__ = _name(function)
    return gradient


class AutogradLayer:
    """A module with a weight and a bias by these names, which autograd differentiates.

    Shapes: x (n, fan_in), delta (n, fan_out), dW and db as weight and bias.
    Torch: module(x).backward(delta).
    """

    def __init__(self, module: nn.Module, names: tuple[str, str]) -> None:
        self._module, self._names = module, names
        self._x, self._z = torch.empty(0), torch.empty(0)
        self._parameters: list[nn.Parameter] = []
        self.dW: Array | None = None
        self.db: Array | None = None

    def begin(self, weight: Array, bias: Array | None) -> None:
        """Write its parameters."""
        W, b = nn.Parameter(to_tensor(weight)), None if bias is None else to_tensor(bias)
        self._parameters = [W, *([] if b is None else [nn.Parameter(b)])]
        for name, parameter in zip(self._names, self._parameters, strict=False):
            setattr(self._module, name, parameter)

    def forward(self, x: Array) -> Array:
        """z of x."""
        self._x = to_tensor(x).requires_grad_()
        self._z = self._module(self._x)
        return to_array(self._z)

    def backward(self, delta: Array) -> Array:
        """dC/dx; dC/dW and dC/db are its dW and db then."""
        torch.autograd.backward(self._z, to_tensor(delta))
        self.dW, self.db = [*(to_array(each.grad) for each in self._parameters), None][:2]
        return to_array(self._x.grad)


def steps_of(kind: Callable[..., Optimizer], settings: Mapping[str, Any]) -> OfArrays:
    """The steps of a fresh optimizer: from arrays, their gradients and the settings of
    a step, to the arrays after it.

    Torch: group["lr"] = lr; optimizer.step().
    """
    parameters: list[nn.Parameter] = []
    optimizers: list[Optimizer] = []

    def step(
        thetas: Sequence[Array], gradients: Sequence[Array], h: Mapping[str, Any], t: int
    ) -> list[Array]:
        if not optimizers:
            parameters.extend(nn.Parameter(to_tensor(theta)) for theta in thetas)
            optimizers.append(kind(parameters, **settings))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = to_tensor(gradient)
        for group in optimizers[0].param_groups:
            group["lr"] = h["lr"]
        optimizers[0].step()
        return [to_array(parameter) for parameter in parameters]

    return step


def _tensor(value: Any) -> Tensor:
    """What a function of tensors returned. Errors: TypeError where it is none."""
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise TypeError(
            f"has type {kind}, expected a tensor: a function without a derivative is one of "
            f"PyTorch's tensors"
        )
    return value


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
