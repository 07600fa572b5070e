"""Records of what PyTorch does in one training step."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from parity.steps.pytorch.chains import Chain, Link, chain_of, check_chain, dtype_of
from parity.steps.pytorch.counterparts import FixedDropout, module_of
from parity.steps.pytorch.objectives import (
    check_penalty,
    clip,
    cost,
    loss_module,
    loss_of,
    penalised,
)
from parity.steps.pytorch.optimizers import (
    grouped,
    optimizer_of,
    rule_of,
    snapshot_of,
    steps_of,
    steps_taken,
)
from parity.steps.pytorch.tensors import to_array, to_tensor
from parity.steps.pytorch.twins import linear_of
from parity.steps.record import (
    Given,
    LayerRecord,
    Objective,
    Snapshot,
    Spec,
    StepRecord,
)
from refnet.activations import ACTIVATIONS
from refnet.checks import Array, real_array, row_weights
from refnet.clipping import Clipping
from refnet.losses import LOSSES
from refnet.regularisers import PENALTIES, Penalty


def record_torch(
    model: nn.Module,
    x: ArrayLike,
    y: ArrayLike,
    torch_loss: nn.Module,
    torch_optimizer: torch.optim.Optimizer,
    *,
    sample_weight: ArrayLike | None = None,
    penalty: str | Penalty | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> StepRecord:
    """The record of one training step that PyTorch takes here; model and optimizer
    advance. Every delta is the gradient that autograd retains for z.

    The model may be a `twin`, an nn.Sequential or an nn.Module with a forward of its
    own: a chain of nn.Linear, known activations (modules, functions or methods) and
    what changes nothing, such as nn.Flatten in front and nn.Dropout after model.eval().
    It is checked to give bitwise what the chain gives that was read of it. nn.Dropout
    in training mode stands in front of an nn.Linear, and the mask that it draws is
    recorded.

    With `sample_weight` the loss is the weighted mean of what the module gives for each
    row; a penalty is added to it, and the gradients are clipped before the step.

    Shapes: x (n, fan_in), or any (n, ...) for a model that flattens it; y as the loss
        wants it; sample_weight (n,).
    Torch: optimizer.zero_grad(), loss.backward(), torch.nn.utils.clip_grad_norm_ or
        clip_grad_value_, optimizer.step().
    Errors: TypeError for a module, loss or optimizer that refnet has no counterpart of;
        ValueError for settings it has none of, for a forward that is no chain, and for
        unusable x, y or sample_weight.
    """
    x = real_array("record_torch: x", x)
    shape = x.shape
    chain = chain_of("record_torch", model, shape[0] if shape else 1)
    dtype, penalty = dtype_of("record_torch", chain.parameters), Penalty.of(penalty)
    check_penalty(penalty)
    loss = loss_of(torch_loss, y, dtype)
    spec = _spec(
        chain, Objective(loss, penalty, Clipping.of(clip_norm, clip_value)), torch_optimizer
    )
    x = chain.rows("record_torch: x", x, dtype)
    check_chain("record_torch", model, chain, x, shape)
    if sample_weight is not None:
        where = "record_torch: sample_weight"
        sample_weight = row_weights(where, sample_weight, len(x), np.dtype(dtype))
    given = _given(spec, x, y, sample_weight)
    return _recorded(chain, spec, given, torch_loss, torch_optimizer)


def restart(record: StepRecord) -> StepRecord:
    """The record of the same whole step taken by PyTorch, from the weights, the state,
    x and y, the weights of the rows and the masks of dropout that the given record
    starts with; for `compare`.

    Torch: as record_torch.
    Errors: as record_torch; ValueError where a mask is not shown.
    """
    spec = record.spec
    chain = Chain(list(_links(record)))
    rule = optimizer_of(
        spec.optimizer,
        chain.parameters,
        grouped(spec, chain.parameters),
        spec.step - 1,
        record.before.state,
    )
    x = chain.rows("restart: x", record.x, spec.dtype)
    module = loss_module(spec.loss, spec.loss_settings, spec.dtype)
    given = _given(spec, x, record.y, record.sample_weight)
    return _recorded(chain, _spec(chain, _objective(spec), rule), given, module, rule)


def _links(record: StepRecord) -> Iterator[Link]:
    """The layers before the step, with the masks of the record."""
    spec, layers = record.spec, range(len(record.layers))
    drops = spec.dropout or [0.0 for _ in layers]
    masks = record.masks or [None for _ in layers]
    for i, (name, parameters), W, b in zip(
        layers, spec.activations, record.before.W, record.before.b, strict=True
    ):
        linear = linear_of(W, b if spec.has_bias(i + 1) else None)
        if drops[i] and masks[i] is None:
            raise ValueError(
                f"restart: record shows no mask of layer {i + 1}, expected it: its inputs are "
                f"dropped"
            )
        drop = FixedDropout(drops[i], to_tensor(masks[i])) if drops[i] else None
        yield Link(linear, module_of(ACTIVATIONS[name](**parameters)), drop)


def _objective(spec: Spec) -> Objective:
    """The loss, the penalty and the clipping of a spec."""
    loss = LOSSES[spec.loss](**spec.loss_settings)
    penalty = None if spec.penalty is None else PENALTIES[spec.penalty[0]](**spec.penalty[1])
    limits = {} if spec.clip is None else {f"clip_{spec.clip[0]}": spec.clip[1]}
    return Objective(loss, penalty, Clipping.of(**limits))


def _recorded(
    chain: Chain,
    spec: Spec,
    given: Given,
    torch_loss: nn.Module,
    torch_optimizer: torch.optim.Optimizer,
) -> StepRecord:
    """The record of the step that is taken here."""
    x, y, weights, _ = given
    before = snapshot_of(spec, chain.parameters, torch_optimizer)
    trace = _trace(chain.links, to_tensor(x))
    torch_optimizer.zero_grad()
    value = penalised(cost(torch_loss, trace[-1].a, to_tensor(y), weights), spec, chain.links)
    torch.autograd.backward(value)
    layers = tuple(map(_layer, trace, chain.links))
    clip(spec, chain.parameters)
    torch_optimizer.step()
    steps_taken[torch_optimizer] = spec.step
    after = snapshot_of(spec, chain.parameters, torch_optimizer)
    if spec.optimizer != "sgd":  # whose first step takes the gradient in place of zeros
        before = _with_zeros(before, after)
    masks = tuple(None if each.mask is None else to_array(each.mask) for each in trace)
    return StepRecord(
        spec, x, y, before, layers, value.item(), after, weights, masks if chain.dropout else ()
    )


def _given(spec: Spec, x: Array, y: ArrayLike, sample_weight: Array | None) -> Given:
    """Copies of x, y and the weights of the rows, in the dtype of the step. The weights
    of a batch of fit may all be 0, where the loss is a sum.
    """
    loss, dtype = LOSSES[spec.loss](**spec.loss_settings), np.dtype(spec.dtype)
    targets = loss.targets(y, len(x), spec.sizes[-1], dtype).copy()
    weights = None if sample_weight is None else np.array(sample_weight, dtype)
    if loss.reduction == "mean":  # PyTorch's would be NaN where no row counts
        loss.total_weight(targets, weights)
    return Given(x, targets, weights)


class _Traced(NamedTuple):
    """What a layer read and computed."""

    a_prev: Tensor
    z: Tensor
    a: Tensor
    mask: Tensor | None


def _trace(links: Sequence[Link], a: Tensor) -> list[_Traced]:
    """What each layer reads, z, which retains its gradient, a, and the mask."""
    trace = []
    for link in links:
        a_prev, mask = (a, None) if link.drop is None else _dropped(link.drop, a)
        z = link.linear(a_prev)
        z.retain_grad()
        a = link.activation(z.clone())  # a clone, as an in-place activation would overwrite z
        trace.append(_Traced(a_prev, z, a, mask))
    return trace


def _dropped(drop: nn.Module, a: Tensor) -> tuple[Tensor, Tensor]:
    """What is left of a, and the mask by which it was multiplied: that is drawn once
    more, of ones, from where torch's random generator stood.
    """
    with torch.random.fork_rng(devices=[]):
        mask = drop(torch.ones_like(a))
    left = drop(a.clone())  # a clone, as nn.Dropout(inplace=True) would overwrite a
    if to_array(left).tobytes() != to_array(a * mask).tobytes():
        raise ValueError(
            f"record_torch: {drop} has given something else than its input times a mask, expected "
            f"that"
        )
    return left, mask


def _layer(traced: _Traced, link: Link) -> LayerRecord:
    bias = link.linear.bias
    z, a, delta, dW = map(to_array, (traced.z, traced.a, traced.z.grad, link.linear.weight.grad))
    db = None if bias is None else to_array(bias.grad)
    a_prev = None if traced.mask is None else to_array(traced.a_prev)
    return LayerRecord(z, a, delta, dW, db, a_prev)


def _with_zeros(before: Snapshot, after: Snapshot) -> Snapshot:
    """The start of the step, with zeros for the vectors that torch makes in it."""
    fresh = {
        name: np.zeros_like(vector)
        for name, vector in after.state.items()
        if name not in before.state
    }
    return replace(before, state={**before.state, **fresh})


def _spec(chain: Chain, objective: Objective, optimizer: torch.optim.Optimizer) -> Spec:
    """What is asked for; refuses settings that refnet has no counterpart of."""
    if not all(p.requires_grad for p in chain.parameters):
        raise ValueError(
            "record_torch: model has frozen parameters, expected requires_grad=True for all of them"
        )
    dtype = dtype_of("record_torch", chain.parameters)
    parameters = dict(zip(chain.names, chain.parameters, strict=True))
    name, hyperparameters, groups = rule_of(optimizer, parameters)
    return Spec(
        chain.sizes,
        chain.activations,
        objective.loss.name,
        name,
        hyperparameters,
        steps_of(optimizer) + 1,
        dtype,
        groups,
        **objective.settings(dtype),
        dropout=chain.dropout,
        biases=chain.biases,
    )
