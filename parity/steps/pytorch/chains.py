"""A model as a chain: each nn.Linear in the order of the forward, with the activation
behind it, and the dropout in front of it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from parity.steps.pytorch.counterparts import MODULES
from parity.steps.pytorch.forwards import is_own_way, modules_of
from parity.steps.pytorch.tensors import to_array, to_tensor
from refnet.activations import ACTIVATIONS, Activation
from refnet.checks import Array, matrix

FRONT = (nn.Linear, nn.Dropout)  # what a layer begins with


class Link(NamedTuple):
    """A layer: its nn.Linear, the activation behind it, and what drops its inputs, if
    something does.
    """

    linear: nn.Linear
    activation: nn.Module
    drop: Any = None

    def forward(self, a: Tensor) -> Tensor:
        """The layer's output."""
        given = a if self.drop is None else self.drop(a)
        output: Tensor = self.activation(self.linear(given))
        return output

    @property
    def parameters(self) -> dict[str, Tensor]:
        """W and, where it has biases, b."""
        pairs = {"W": self.linear.weight, "b": self.linear.bias}
        return {name: p for name, p in pairs.items() if p is not None}


class Chain(NamedTuple):
    """What x passes, layer after layer; whether it is laid out in rows (n, fan_in)
    first, whatever its shape.
    """

    links: Sequence[Link]
    flattens: bool = False

    @property
    def sizes(self) -> tuple[int, ...]:
        """fan_in of the first layer, then fan_out of every layer."""
        linears = [link.linear for link in self.links]
        return (linears[0].in_features, *(linear.out_features for linear in linears))

    @property
    def parameters(self) -> list[Tensor]:
        """W1, b1, W2, ...; a layer without biases has no b."""
        return [p for link in self.links for p in link.parameters.values()]

    @property
    def names(self) -> list[str]:
        """Their names: "W1", "b1", "W2", ..."""
        return [f"{name}{i}" for i, link in enumerate(self.links, 1) for name in link.parameters]

    @property
    def biases(self) -> tuple[bool, ...]:
        """Whether each layer has any; empty where every one has."""
        each = tuple("b" in link.parameters for link in self.links)
        return () if all(each) else each

    @property
    def dropout(self) -> tuple[float, ...]:
        """The probability of each layer's input; empty where nothing is dropped."""
        each = tuple(0.0 if link.drop is None else float(link.drop.p) for link in self.links)
        return each if any(each) else ()

    @property
    def activations(self) -> tuple[tuple[str, dict[str, float]], ...]:
        """refnet's name of each activation, and its parameters."""
        kinds = {kind: name for name, kind in MODULES.items()}
        return tuple(
            (
                kinds[type(module)],
                {"slope": module.negative_slope} if isinstance(module, nn.LeakyReLU) else {},
            )
            for _, module, _ in self.links
        )

    def of_refnet(self) -> list[Activation]:
        """The activations of refnet."""
        return [ACTIVATIONS[name](**parameters) for name, parameters in self.activations]

    def rows(self, where: str, x: Array, dtype: str) -> Array:
        """A copy of x in rows (n, fan_in)."""
        if self.flattens and x.ndim > 2 and x.size:
            x = x.reshape(len(x), -1)
        return matrix(where, x, np.dtype(dtype), ("n", self.sizes[0])).copy()


def chain_of(where: str, model: nn.Module, rows: int = 2) -> Chain:
    """The chain that the model is.

    Errors: TypeError for a module, function or method that refnet has no counterpart
        of; ValueError for settings it has none of, and where forward is no chain.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"{where}: model has type {type(model).__name__}, expected an nn.Module of nn.Linear "
            f"and activations"
        )
    modules = modules_of(where, model, rows)
    links = _links(where, [each for each in modules if not _is_passed_over(where, each)])
    _check_layers(where, model, links)
    first = modules.index(links[0].linear)
    return Chain(links, any(isinstance(module, nn.Flatten) for module in modules[:first]))


def _links(where: str, modules: Sequence[nn.Module]) -> list[Link]:
    """The layers, each of the modules around its nn.Linear."""
    around = [None, *modules, None]
    triples = list(zip(around, modules, around[2:], strict=False))
    for before, module, after in triples:
        _check_module(where, module, before, after)
    return [
        Link(
            module,
            nn.Identity() if after is None or isinstance(after, FRONT) else after,
            before if isinstance(before, nn.Dropout) else None,
        )
        for before, module, after in triples
        if isinstance(module, nn.Linear)
    ]


def check_chain(where: str, model: nn.Module, chain: Chain, x: Array, shape: Sequence[int]) -> None:
    """Refuse a model that does not give bitwise what its chain gives for x, which has
    come in this shape, and the same gradients: then its forward does more than was read
    of it.
    """
    if not is_own_way(model):
        return

    def through(a: Tensor) -> Tensor:
        for link in chain.links:
            a = link.forward(a)
        return a

    parameters = [p for p in chain.parameters if p.requires_grad]
    try:
        given = _passed(model, x.reshape(shape), parameters)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"{where}: x has shape {tuple(shape)}, expected one that the model takes ({reason})"
        ) from error
    for what, mine, chained in zip(
        ("output", *["gradient"] * len(parameters)),
        given,
        _passed(through, x, parameters),
        strict=True,
    ):
        if mine != chained:
            raise ValueError(
                f"{where}: {type(model).__name__}.forward has another {what} than its nn.Linear "
                f"and activations one after another, expected the same to the bit"
            )


def _passed(
    forward: Callable[[Tensor], Tensor], x: Array, parameters: Sequence[Tensor]
) -> list[object]:
    """The output for x, and the gradients of a sum of it with unequal factors, all to
    the bit; None where there is no gradient. torch's random generator is not moved.
    """
    with torch.random.fork_rng(devices=[]):  # dropout draws the same mask each time
        output = forward(to_tensor(x))
    gradients: Sequence[Tensor | None] = [None] * len(parameters)
    if output.requires_grad:
        factors = torch.linspace(1.0, 2.0, output.numel(), dtype=output.dtype)
        total = (output * factors.reshape(output.shape)).sum()
        gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    # bytes, so that -0.0 is not 0.0 and a NaN equals itself
    return [
        None if tensor is None else (tensor.shape, to_array(tensor).tobytes())
        for tensor in (output, *gradients)
    ]


def dtype_of(where: str, parameters: Sequence[Tensor]) -> str:
    """float32 or float64, which all parameters must have."""
    dtypes = sorted({str(p.dtype).removeprefix("torch.") for p in parameters})
    if dtypes not in (["float32"], ["float64"]):
        raise TypeError(
            f"{where}: model has dtype {' and '.join(dtypes)}, expected float32 or float64"
        )
    return dtypes[0]


def _is_passed_over(where: str, module: nn.Module) -> bool:
    """Whether a module changes no number; refuses a setting by which it does."""
    if type(module) is nn.Dropout:
        return not (module.training and module.p)
    if type(module) is nn.Flatten:
        if (module.start_dim, module.end_dim) != (1, -1):
            raise ValueError(
                f"{where}: nn.Flatten has start_dim={module.start_dim}, end_dim={module.end_dim}, "
                f"expected 1 and -1: a row for each sample"
            )
        return True
    return False


def _check_module(
    where: str, module: nn.Module, before: nn.Module | None, after: nn.Module | None
) -> None:
    """Refuse a module that refnet has no counterpart of in this place."""
    if type(module) is nn.Linear:
        return
    if type(module) is nn.Dropout:
        _check_dropout(where, module, after)
    elif not isinstance(before, nn.Linear) or type(module) not in MODULES.values():
        known = ", ".join(kind.__name__ for kind in MODULES.values())
        raise TypeError(
            f"{where}: model has {type(module).__name__}, expected nn.Linear, each followed "
            f"by at most one of {known}"
        )
    elif isinstance(module, nn.Softmax) and module.dim not in (1, -1):
        raise ValueError(
            f"{where}: nn.Softmax has dim={module.dim}, expected dim=1, along the classes"
        )


def _check_dropout(where: str, module: nn.Dropout, after: nn.Module | None) -> None:
    """In training mode it drops what an nn.Linear reads, and not all of it."""
    if not isinstance(after, nn.Linear):
        place = "behind the last layer" if after is None else f"in front of {type(after).__name__}"
        raise ValueError(  # noqa: TRY004 - it stands in a wrong place
            f"{where}: Dropout stands {place} in training mode, expected it in front of an "
            f"nn.Linear, or model.eval() and F.dropout with training=self.training"
        )
    if module.p >= 1.0:
        raise ValueError(f"{where}: Dropout has p={module.p}, expected p < 1")


def _check_layers(where: str, model: nn.Module, links: Sequence[Link]) -> None:
    """At least one layer, each its own, each of the width of the one below, and no
    parameters but theirs.
    """
    linears = [link.linear for link in links]
    if not linears:
        raise ValueError(f"{where}: model has no nn.Linear, expected at least one")
    parameters = [p for link in links for p in link.parameters.values()]
    read = {id(p) for p in parameters}
    if len(read) < len(parameters):
        raise ValueError(
            f"{where}: model has the same nn.Linear in two places, expected a layer of its own in "
            f"each"
        )
    for i, linear in enumerate(linears[1:], start=1):
        if linear.in_features != linears[i - 1].out_features:
            raise ValueError(
                f"{where}: nn.Linear {i + 1} has in_features={linear.in_features}, expected "
                f"{linears[i - 1].out_features} as the one below gives"
            )
    unread = [name for name, p in model.named_parameters() if id(p) not in read]
    if unread:
        raise ValueError(
            f"{where}: model has {', '.join(unread)}, expected no parameters that its forward "
            f"does not read"
        )
