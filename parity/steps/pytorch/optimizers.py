"""An optimizer of PyTorch: its rule, the hyper-parameters of each W and b, its steps
and its state, and one made of these.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from parity.steps.pytorch.counterparts import HYPERPARAMETERS, TORCH_OPTIMIZERS
from parity.steps.pytorch.tensors import to_array, to_tensor, to_vector
from parity.steps.record import Snapshot, Spec
from refnet.checks import Array

Settings = dict[str, Any]
Groups = tuple[tuple[tuple[str, ...], Settings], ...]

# the steps that each optimizer has taken, as torch's SGD does not count its own
steps_taken: WeakKeyDictionary[torch.optim.Optimizer, int] = WeakKeyDictionary()
# the rules that divide lr by another number before they multiply by it
_DIVIDES_LR = ("adam", "adamw")


def rule_of(
    optimizer: torch.optim.Optimizer, by_name: Mapping[str, Tensor]
) -> tuple[str, Settings, Groups]:
    """refnet's name of the optimizer, the hyper-parameters of its first group, and the
    groups of W and b that have others; the parameters go by their names, W1, b1, W2,
    ...
    """
    names = {kind: name for name, kind in TORCH_OPTIMIZERS.items()}
    if type(optimizer) not in names:
        known = ", ".join(kind.__name__ for kind in names)
        raise TypeError(
            f"record_torch: optimizer has {type(optimizer).__name__}, expected one of {known}"
        )
    groups = optimizer.param_groups
    # torch refuses a parameter in two groups itself
    if {id(p) for group in groups for p in group["params"]} != {id(p) for p in by_name.values()}:
        raise ValueError(
            "record_torch: optimizer has other parameters than the model's, expected all of them"
        )
    name = names[type(optimizer)]
    first, *others = (_settings(optimizer, name, group) for group in groups)
    apart = []
    for group, settings in zip(groups[1:], others, strict=True):
        members = {id(p) for p in group["params"]}
        parts = tuple(part for part, p in by_name.items() if id(p) in members)
        differing = {key: value for key, value in settings.items() if value != first[key]}
        if parts and differing:
            apart.append((parts, differing))
    return name, first, tuple(apart)


def _settings(optimizer: torch.optim.Optimizer, name: str, group: Mapping[str, Any]) -> Settings:
    """The hyper-parameters of one group, as Python's own numbers."""
    settings = ("maximize", "differentiable", *["decoupled_weight_decay"] * (name == "adam"))
    for setting in settings:
        if group.get(setting):
            raise ValueError(f"record_torch: optimizer has {setting}=True, expected False")
    starts = "initial_accumulator_value"
    if starts in group and group[starts] != optimizer.defaults[starts]:
        raise ValueError(
            f"record_torch: optimizer has {starts}={group[starts]} in a group, expected "
            f"{optimizer.defaults[starts]} as torch starts from"
        )
    hyperparameters = {key: group[key] for key in HYPERPARAMETERS[name]}
    for key, value in hyperparameters.items():
        several = value if isinstance(value, tuple | list) else (value,)
        if key != "lr" and any(isinstance(each, Tensor) for each in several):
            raise TypeError(f"record_torch: optimizer has a tensor for {key}, expected a number")
    return {**hyperparameters, "lr": _rate(name, group["lr"], group["params"])}


def _rate(name: str, lr: float | Tensor, parameters: Sequence[Tensor]) -> float:
    """lr as a number. Adam divides lr by 1 - beta1^t, a tensor in its own dtype: where
    the parameters have more digits, torch loses them.
    """
    if isinstance(lr, Tensor) and name in _DIVIDES_LR and parameters:
        needed = parameters[0].dtype
        if not lr.is_floating_point() or torch.finfo(lr.dtype).eps > torch.finfo(needed).eps:
            kind, wanted = (str(each).removeprefix("torch.") for each in (lr.dtype, needed))
            raise TypeError(
                f"record_torch: optimizer has a {kind} tensor for lr, expected a {wanted} one, as "
                f"the model, or a number"
            )
    return float(lr)


def grouped(spec: Spec, parameters: Sequence[Tensor]) -> list[tuple[list[Tensor], Settings]]:
    """The parameters W1, b1, W2, ..., each group with its hyper-parameters: first those
    that are in none.
    """
    by_name = {f"{name}{layer}": p for (name, layer), p in zip(spec.parts, parameters, strict=True)}
    apart = {name for names, _ in spec.groups for name in names}
    rest = tuple(name for name in by_name if name not in apart)
    return [
        ([by_name[name] for name in names], {**spec.hyperparameters, **other})
        for names, other in ((rest, {}), *spec.groups)
    ]


def steps_of(optimizer: torch.optim.Optimizer) -> int:
    """How many steps the optimizer has taken. An SGD that took steps before it was
    first recorded has not counted them; momentum shows that there was at least one.
    """
    states = [
        optimizer.state.get(p, {})
        for group in optimizer.param_groups
        for p in group["params"]
        if type(optimizer) is not torch.optim.SGD or group["momentum"]
    ]
    counts = sorted({_steps_in(state) for state in states})
    if len(counts) > 1:
        raise ValueError(
            f"record_torch: optimizer has taken {' and '.join(map(str, counts))} steps with "
            f"different parameters, expected as many with all of them"
        )
    at_least = counts[0] if counts else 0
    counted = type(optimizer) is not torch.optim.SGD
    return at_least if counted else steps_taken.get(optimizer, at_least)


def _steps_in(state: Mapping[str, Any]) -> int:
    if "step" in state:
        return int(state["step"])
    return int(any(vector is not None for vector in state.values()))


def optimizer_of(
    name: str,
    parameters: Sequence[Tensor],
    groups: Sequence[tuple[Sequence[Tensor], Settings]],
    steps: int,
    state: dict[str, Array],
) -> torch.optim.Optimizer:
    """The optimizer with a state that is given as flat vectors, for these parameters in
    their order; the groups say what each has as hyper-parameters.
    """
    count = sum(p.numel() for p in parameters)
    for key, vector in state.items():
        if vector.shape != (count,):
            raise ValueError(
                f"twin_optimizer: state {key} has shape {vector.shape}, expected ({count},) as "
                f"the model's parameters"
            )
    members = [{"params": list(each), **settings} for each, settings in groups]
    # what torch makes in the constructor reads the settings there alone
    optimizer = TORCH_OPTIMIZERS[name](members, **groups[0][1])
    steps_taken[optimizer] = steps
    # A fresh optimizer keeps torch's empty state, which its first step fills.
    if steps or state:
        start = 0
        for p in parameters:
            part = slice(start, start := start + p.numel())
            optimizer.state[p] = {
                key: to_tensor(vector[part]).reshape(p.shape) for key, vector in state.items()
            }
            if name != "sgd":
                optimizer.state[p]["step"] = torch.tensor(float(steps))
    return optimizer


def snapshot_of(
    spec: Spec, parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer
) -> Snapshot:
    """A copy of every W, b and vector of the state; parameters are W1, b1, W2, ... A
    vector that is not kept of all of them has zeros for the others, and the b of a
    layer without biases is 0.
    """
    by_part = dict(zip(spec.parts, map(to_array, parameters), strict=True))
    layers = range(1, len(spec.sizes))
    return Snapshot(
        tuple(by_part["W", layer] for layer in layers),
        tuple(by_part.get(("b", layer), _zeros(spec, layer)) for layer in layers),
        _vectors(parameters, optimizer),
    )


def _zeros(spec: Spec, layer: int) -> Array:
    return np.zeros(spec.sizes[layer], spec.dtype)


def _vectors(parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Array]:
    """Every vector of the state, flat."""
    states = [optimizer.state.get(p, {}) for p in parameters]
    names = dict.fromkeys(
        key
        for state in states
        for key, value in state.items()
        if key != "step" and value is not None
    )
    return {
        name: to_vector(
            [
                torch.zeros_like(p) if (vector := state.get(name)) is None else vector
                for p, state in zip(parameters, states, strict=True)
            ]
        )
        for name in names
    }
