"""What a model's forward does, read as a list of modules: torch.fx writes the calls
down, and a function or a method of a tensor becomes the module of the same name.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from parity.steps.pytorch.counterparts import MODULES


def modules_of(where: str, model: nn.Module, rows: int) -> list[nn.Module]:
    """The modules that x passes on its way through the model, one after another, of an
    x with as many rows.

    Errors: TypeError for a function or a method that is not known, ValueError where
        forward is no chain, and where a module has hooks.
    """
    for module in model.modules():
        _check_unchanged(where, module)
    if is_own_way(model):
        return _traced(where, model, rows)
    return [part for part in _flat(model) if type(part) is not nn.Identity]


def parameters_of(where: str, model: nn.Module) -> list[nn.Parameter]:
    """The model's parameters in the order in which forward reads them; those that it
    does not read as a module's come last.

    Errors: ValueError where it cannot be followed.
    """
    defined = list(nn.Module.parameters(model))
    if not is_own_way(model):
        return defined
    calls = [node for node in _graph(where, model, 2).nodes if node.op == "call_module"]
    read = [p for node in calls for p in model.get_submodule(node.target).parameters()]
    return list(dict.fromkeys([*read, *defined]))  # each once


def is_own_way(model: nn.Module) -> bool:
    """Whether the way through the model is said by a forward that is not torch's."""
    if _is_part(model):
        return False
    return type(model) is not nn.Sequential or any(is_own_way(module) for module in model)


def _is_part(module: nn.Module) -> bool:
    """Whether this is a module of torch's, or of a class made from one, that is one
    part of a network; nn.Sequential and what only holds others are not.
    """
    holders = (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict)
    kinds = (kind for kind in type(module).__mro__ if kind not in holders)
    return type(module) in MODULES.values() or any(
        kind.__module__.startswith("torch.nn.") for kind in kinds
    )


def _flat(model: nn.Module) -> list[nn.Module]:
    if isinstance(model, nn.Sequential):
        return [part for module in model for part in _flat(module)]
    return [model]


def _check_unchanged(where: str, module: nn.Module) -> None:
    """Refuse a module that does something else than its class says."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    if any(getattr(module, kind) for kind in kinds):
        raise ValueError(
            f"{where}: {type(module).__name__} has hooks, expected none: they may change what "
            f"passes"
        )
    if "forward" in vars(module):
        raise ValueError(
            f"{where}: {type(module).__name__} has another forward than its class, expected that"
        )


class _Passing(fx.Proxy):
    """Stands for x while forward is written down; it knows how many rows x has."""

    def __len__(self) -> int:
        if _is_number(self.node):
            raise TypeError("len() of a shape")
        rows: int = self.tracer.rows  # type: ignore[attr-defined]
        return rows


class _Tracer(fx.Tracer):
    """Goes into what holds other modules, and not into the parts of a network."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _is_part(m)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Passing(node, self)


def _graph(where: str, model: nn.Module, rows: int) -> fx.Graph:
    """The calls of forward, in order."""
    try:
        return _Tracer(rows).trace(model)
    except Exception as error:  # forward is somebody's own and may raise anything
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"{where}: {type(model).__name__}.forward has a way that cannot be followed "
            f"({reason}), expected the same calls for every x"
        ) from error


def _traced(where: str, model: nn.Module, rows: int) -> list[nn.Module]:
    """The modules in the order in which forward calls them."""
    name = type(model).__name__
    modules = []
    end: fx.Node | None = None
    for node in _graph(where, model, rows).nodes:
        if node.op == "placeholder":
            if end is not None:
                raise ValueError(f"{where}: {name}.forward has several inputs, expected x alone")
            end = node
        elif not _is_number(node):
            _check_chained(where, name, node, end)
            if node.op != "output":
                modules.append(_module(where, model, node, end))
            end = node
    return [module for module in modules if type(module) is not nn.Identity]


def _check_chained(where: str, name: str, node: fx.Node, end: fx.Node | None) -> None:
    """Each call reads what the last one gave, and nothing else."""
    if node.op == "output" and node.args[0] is not end:
        raise ValueError(
            f"{where}: {name}.forward has several outputs, or one that is not its last call's, "
            f"expected the last call's alone"
        )
    read = [given for given in node.all_input_nodes if not _is_number(given)]
    if node.op == "get_attr":
        raise TypeError(
            f"{where}: {name}.forward has self.{node.target}, expected no parameters and buffers "
            f"but through its nn.Linear, called as modules"
        )
    if read != [end]:
        raise ValueError(
            f"{where}: {name}.forward has {_called(node)} of {_listed(read)}, expected a chain: "
            f"each call of what the last one gave"
        )


def _listed(nodes: list[fx.Node]) -> str:
    return " and ".join(node.name for node in nodes) or "nothing"


_SIZES = {operator.getitem, operator.mul, operator.floordiv, operator.sub, operator.add}


def _is_number(node: fx.Node) -> bool:
    """Whether this is a size of x, or made of sizes."""
    if node.op == "call_method":
        return node.target in ("size", "dim", "numel")
    if node.op != "call_function":
        return False
    if node.target is getattr:
        return node.args[1] in ("shape", "ndim")
    return node.target in _SIZES and all(_is_number(given) for given in node.all_input_nodes)


def _called(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else node.target.__name__


def _module(where: str, model: nn.Module, node: fx.Node, end: fx.Node | None) -> nn.Module:
    """The module that is called, or the one of the function or method that is called of
    what the last call gave.
    """
    if node.op == "call_module":
        return model.get_submodule(str(node.target))
    known = FUNCTIONS if node.op == "call_function" else METHODS
    name = _called(node)
    settings = [given for given in node.args if given is not end]
    named = {key: given for key, given in node.kwargs.items() if given is not end}
    try:
        return known[node.target](*settings, **named)
    except (KeyError, TypeError) as error:
        words = "" if isinstance(error, KeyError) else " with arguments that are not known"
        raise TypeError(
            f"{where}: model has {name}{words}, expected nn.Linear, each followed by at most one "
            f"of {', '.join(kind.__name__ for kind in MODULES.values())}"
        ) from None


def _relu(inplace: bool = False) -> nn.Module:
    return nn.ReLU()


def _leaky_relu(negative_slope: float = 0.01, inplace: bool = False) -> nn.Module:
    return nn.LeakyReLU(negative_slope)


def _sigmoid() -> nn.Module:
    return nn.Sigmoid()


def _tanh() -> nn.Module:
    return nn.Tanh()


def _softmax(dim: int | None = None, _stacklevel: int = 3, dtype: None = None) -> nn.Module:
    if dtype is not None:
        raise TypeError("softmax in another dtype")
    return nn.Softmax(dim)


def _dropout(p: float = 0.5, training: bool = True, inplace: bool = False) -> nn.Module:
    return nn.Dropout(p).train(training)


def _flatten(start_dim: int = 0, end_dim: int = -1) -> nn.Module:
    return nn.Flatten(start_dim, end_dim)


def _reshape(*shape: Any) -> nn.Module:
    """To two sizes: with as many rows as before this is nn.Flatten, and with another
    number the model gives something else than the chain.
    """
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    if len(sizes) != 2 or not all(isinstance(size, int | fx.Node) for size in sizes):
        raise TypeError("not two sizes")
    return nn.Flatten()


# by what is called: from its arguments but x, the module
FUNCTIONS: dict[Any, Callable[..., nn.Module]] = {
    torch.relu: _relu,
    functional.relu: _relu,
    functional.leaky_relu: _leaky_relu,
    torch.sigmoid: _sigmoid,
    torch.tanh: _tanh,
    torch.softmax: _softmax,
    functional.softmax: _softmax,
    functional.dropout: _dropout,
    torch.flatten: _flatten,
    torch.reshape: _reshape,
    **dict.fromkeys((torch.relu_, functional.relu_), _relu),
    torch.sigmoid_: _sigmoid,
    torch.tanh_: _tanh,
}
METHODS: dict[Any, Callable[..., nn.Module]] = {
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "softmax": _softmax,
    "flatten": _flatten,
    "view": _reshape,
    "reshape": _reshape,
    "relu_": _relu,
    "sigmoid_": _sigmoid,
    "tanh_": _tanh,
}
