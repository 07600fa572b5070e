"""Records of what PyTorch does in one training step."""

import inspect
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from parity.steps.pytorch.chains import Chain, chain_of, check_chain, dtype_of
from parity.steps.pytorch.counterparts import TORCH_LOSSES
from parity.steps.pytorch.optimizers import (
    grouped,
    optimizer_of,
    rule_of,
    snapshot_of,
    steps_of,
    steps_taken,
)
from parity.steps.pytorch.tensors import to_array, to_tensor
from parity.steps.pytorch.twins import sequential
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord
from refnet.activations import ACTIVATIONS
from refnet.checks import real_array
from refnet.losses import LOSSES


def record_torch(
    model: nn.Module,
    x: ArrayLike,
    y: ArrayLike,
    torch_loss: nn.Module,
    torch_optimizer: torch.optim.Optimizer,
) -> StepRecord:
    """The record of one training step that PyTorch takes here; model and optimizer
    advance. Every delta is the gradient that autograd retains for z.

    The model may be a `twin`, an nn.Sequential or an nn.Module with a forward of its
    own: a chain of nn.Linear, known activations (modules, functions or methods) and
    what changes nothing, such as nn.Flatten in front and nn.Dropout after model.eval().
    It is checked to give bitwise what the chain gives that was read of it.

    Shapes: x (n, fan_in), or any (n, ...) for a model that flattens it; y as the loss
        wants it.
    Torch: optimizer.zero_grad(), loss.backward(), optimizer.step().
    Errors: TypeError for a module, loss or optimizer that refnet has no counterpart of;
        ValueError for settings it has none of, for a forward that is no chain, and for
        unusable x or y.
    """
    x = real_array("record_torch: x", x)
    shape = x.shape
    chain = chain_of("record_torch", model, shape[0] if shape else 1)
    parameters, pairs = chain.parameters, chain.pairs
    spec = _spec(chain, torch_loss, torch_optimizer)
    loss = LOSSES[spec.loss]()
    x = chain.rows("record_torch: x", x, spec.dtype)
    check_chain("record_torch", model, chain, x, shape)
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
    parameters = list(model.parameters())
    optimizer = optimizer_of(
        spec.optimizer, parameters, grouped(spec, parameters), spec.step - 1, before.state
    )
    return record_torch(model, record.x, record.y, TORCH_LOSSES[spec.loss](), optimizer)


def _spec(chain: Chain, loss: nn.Module, optimizer: torch.optim.Optimizer) -> Spec:
    """What is asked for; refuses settings that refnet has no counterpart of."""
    dtype = dtype_of("record_torch", chain.parameters)
    if not all(p.requires_grad for p in chain.parameters):
        raise ValueError(
            "record_torch: model has frozen parameters, expected requires_grad=True for all of them"
        )
    name, hyperparameters, groups = rule_of(optimizer, chain.parameters)
    return Spec(
        chain.sizes,
        chain.activations,
        _loss_name(loss),
        name,
        hyperparameters,
        steps_of(optimizer) + 1,
        dtype,
        groups,
    )


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
