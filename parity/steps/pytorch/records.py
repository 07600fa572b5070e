"""Records of what PyTorch does in one training step."""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from parity.steps.pytorch.counterparts import (
    HYPERPARAMETERS,
    MODULES,
    TORCH_LOSSES,
    TORCH_OPTIMIZERS,
)
from parity.steps.pytorch.tensors import to_array, to_tensor, to_vector
from parity.steps.pytorch.twins import optimizer_of, sequential, steps_taken
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord
from refnet.activations import ACTIVATIONS
from refnet.checks import matrix
from refnet.losses import LOSSES


def record_torch(
    model: nn.Sequential,
    x: ArrayLike,
    y: ArrayLike,
    torch_loss: nn.Module,
    torch_optimizer: torch.optim.Optimizer,
) -> StepRecord:
    """The record of one training step that PyTorch takes here; model and optimizer
    advance. Every delta is the gradient that autograd retains for z.

    The model may be any nn.Sequential of nn.Linear and known activations, a `twin` or
    your own; so may the loss and the optimizer.

    Shapes: x (n, fan_in), y as the loss wants it.
    Torch: optimizer.zero_grad(), loss.backward(), optimizer.step().
    Errors: TypeError for a module, loss or optimizer that refnet has no counterpart of;
        ValueError for settings it has none of, and for unusable x or y.
    """
    pairs = _layers(model)
    parameters = [p for linear, _ in pairs for p in (linear.weight, linear.bias)]
    spec = _spec(pairs, torch_loss, torch_optimizer, parameters)
    loss = LOSSES[spec.loss]()
    x = matrix("record_torch: x", x, np.dtype(spec.dtype), ("n", spec.sizes[0])).copy()
    y = loss.targets(y, len(x), spec.sizes[-1], np.dtype(spec.dtype)).copy()
    before = snapshot_of(parameters, torch_optimizer)

    trace = _trace(pairs, to_tensor(x))
    a = trace[-1][1]
    torch_optimizer.zero_grad()
    value = torch_loss(a, to_tensor(y))
    torch.autograd.backward(value)
    layers = tuple(
        LayerRecord(*(to_array(t) for t in (z, a, z.grad, linear.weight.grad, linear.bias.grad)))
        for (z, a), (linear, _) in zip(trace, pairs, strict=True)
    )
    torch_optimizer.step()
    steps_taken[torch_optimizer] = spec.step
    after = snapshot_of(parameters, torch_optimizer)
    if spec.optimizer != "sgd":  # whose first step takes the gradient in place of zeros
        before = _with_zeros(before, after)
    return StepRecord(spec, x, y, before, layers, float(value.detach()), after)


def _trace(pairs: Sequence[tuple[nn.Linear, nn.Module]], a: Tensor) -> list[tuple[Tensor, Tensor]]:
    """z and a of every layer; z retains its gradient."""
    trace = []
    for linear, activation in pairs:
        z = linear(a)
        z.retain_grad()
        a = activation(z.clone())  # a clone, as an in-place activation would overwrite z
        trace.append((z, a))
    return trace


def _with_zeros(before: Snapshot, after: Snapshot) -> Snapshot:
    """The start of the step, with zeros for the vectors that torch makes in it."""
    fresh = {
        name: np.zeros_like(vector)
        for name, vector in after.state.items()
        if name not in before.state
    }
    return replace(before, state={**before.state, **fresh})


def restart(record: StepRecord) -> StepRecord:
    """The record of the same whole step taken by PyTorch, from the weights, the state,
    x and y that the given record starts with; for `compare`.

    Torch: as record_torch.
    Errors: as record_torch.
    """
    spec, before = record.spec, record.before
    activations = [ACTIVATIONS[name](**parameters) for name, parameters in spec.activations]
    model = sequential(list(zip(activations, before.W, before.b, strict=True)))
    optimizer = optimizer_of(
        spec.optimizer, spec.hyperparameters, list(model.parameters()), spec.step - 1, before.state
    )
    return record_torch(model, record.x, record.y, TORCH_LOSSES[spec.loss](), optimizer)


def _layers(model: nn.Sequential) -> list[tuple[nn.Linear, nn.Module]]:
    """Each nn.Linear with the activation behind it, nn.Identity where there is none."""
    if type(model) is not nn.Sequential:  # a subclass may have a forward of its own
        raise TypeError(
            f"record_torch: model has type {type(model).__name__}, expected an nn.Sequential of "
            f"nn.Linear and activations"
        )
    pairs: list[tuple[nn.Linear, nn.Module]] = []
    linear: nn.Linear | None = None  # waits for its activation
    for module in model:
        _check_module(module, after_linear=linear is not None)
        if linear is not None:
            follows = not isinstance(module, nn.Linear)
            pairs.append((linear, module if follows else nn.Identity()))
            linear = None
        if isinstance(module, nn.Linear):
            linear = module
    if linear is not None:
        pairs.append((linear, nn.Identity()))
    if len({id(linear) for linear, _ in pairs}) < len(pairs):
        raise ValueError(
            "record_torch: model has the same nn.Linear in two places, expected a layer of its "
            "own in each"
        )
    return pairs


def _check_module(module: nn.Module, *, after_linear: bool) -> None:
    """Refuse a module that refnet has no counterpart of in this place."""
    if _is_hooked(module):
        raise ValueError(
            f"record_torch: {type(module).__name__} has hooks, expected none: they may change "
            f"what passes"
        )
    if type(module) is nn.Linear:
        if module.bias is None:
            raise ValueError("record_torch: nn.Linear has bias=False, expected a bias")
    elif not after_linear or type(module) not in MODULES.values():
        known = ", ".join(kind.__name__ for kind in MODULES.values())
        raise TypeError(
            f"record_torch: model has {type(module).__name__}, expected nn.Linear, each followed "
            f"by at most one of {known}"
        )
    elif isinstance(module, nn.Softmax) and module.dim not in (1, -1):
        raise ValueError(
            f"record_torch: nn.Softmax has dim={module.dim}, expected dim=1, along the classes"
        )


def _is_hooked(module: nn.Module) -> bool:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, kind) for kind in kinds)


def _spec(
    pairs: Sequence[tuple[nn.Linear, nn.Module]],
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    parameters: Sequence[Tensor],
) -> Spec:
    """What is asked for; refuses settings that refnet has no counterpart of."""
    kinds = {kind: name for name, kind in MODULES.items()}
    activations = tuple(
        (
            kinds[type(module)],
            {"slope": module.negative_slope} if isinstance(module, nn.LeakyReLU) else {},
        )
        for _, module in pairs
    )
    name, hyperparameters = _rule(optimizer, parameters)
    steps = _steps_of(optimizer, parameters[0])
    sizes = (pairs[0][0].in_features, *(linear.out_features for linear, _ in pairs))
    dtype = _dtype(parameters)
    return Spec(sizes, activations, _loss_name(loss), name, hyperparameters, steps + 1, dtype)


def _steps_of(optimizer: torch.optim.Optimizer, parameter: Tensor) -> int:
    """How many steps the optimizer has taken. An SGD that took steps before it was
    first recorded has not counted them; momentum shows that there was at least one.
    """
    state = optimizer.state.get(parameter, {})
    if "step" in state:
        return int(state["step"])
    at_least = int(any(vector is not None for vector in state.values()))
    return steps_taken.get(optimizer, at_least)


def _dtype(parameters: Sequence[Tensor]) -> str:
    dtypes = sorted({str(p.dtype).removeprefix("torch.") for p in parameters})
    if dtypes not in (["float32"], ["float64"]):
        raise TypeError(
            f"record_torch: model has dtype {' and '.join(dtypes)}, expected float32 or float64"
        )
    if not all(p.requires_grad for p in parameters):
        raise ValueError(
            "record_torch: model has frozen parameters, expected requires_grad=True for all of them"
        )
    return dtypes[0]


def _loss_name(loss: nn.Module) -> str:
    names = {kind: name for name, kind in TORCH_LOSSES.items()}
    if type(loss) not in names:
        raise TypeError(
            f"record_torch: loss has {type(loss).__name__}, expected one of "
            f"{', '.join(kind.__name__ for kind in names)}"
        )
    # what a module is made with, it keeps under the same name, size_average and reduce
    # apart: they are old names of the reduction
    for setting, parameter in inspect.signature(type(loss)).parameters.items():
        want = parameter.default
        if getattr(loss, setting, want) != want:
            raise ValueError(
                f"record_torch: {type(loss).__name__} has {setting}={getattr(loss, setting)}, "
                f"expected {want}"
            )
    return names[type(loss)]


def _rule(
    optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]
) -> tuple[str, dict[str, Any]]:
    """refnet's name of the optimizer, and its hyper-parameters."""
    names = {kind: name for name, kind in TORCH_OPTIMIZERS.items()}
    if type(optimizer) not in names:
        known = ", ".join(kind.__name__ for kind in names)
        raise TypeError(
            f"record_torch: optimizer has {type(optimizer).__name__}, expected one of {known}"
        )
    if len(optimizer.param_groups) != 1 or {id(p) for p in optimizer.param_groups[0]["params"]} != {
        id(p) for p in parameters
    }:
        raise ValueError(
            "record_torch: optimizer has other parameters than the model's, expected all of them "
            "in one group"
        )
    group, name = optimizer.param_groups[0], names[type(optimizer)]
    for setting in (
        "maximize",
        "differentiable",
        *(["decoupled_weight_decay"] if name == "adam" else []),
    ):
        if group.get(setting):
            raise ValueError(f"record_torch: optimizer has {setting}=True, expected False")
    if isinstance(group["lr"], Tensor):
        raise TypeError(
            "record_torch: optimizer has a tensor for lr, expected a number: torch would round "
            "it to float32"
        )
    hyperparameters = {key: group[key] for key in HYPERPARAMETERS[name]}
    return name, {**hyperparameters, "lr": float(group["lr"])}


def snapshot_of(parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer) -> Snapshot:
    """A copy of every W, b and vector of the state; parameters are W1, b1, W2, ..."""
    names = [
        key
        for key, value in optimizer.state.get(parameters[0], {}).items()
        if key != "step" and value is not None
    ]
    return Snapshot(
        tuple(to_array(p) for p in parameters[::2]),
        tuple(to_array(p) for p in parameters[1::2]),
        {name: to_vector([optimizer.state[p][name] for p in parameters]) for name in names},
    )
