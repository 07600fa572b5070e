"""Every equation of a record computed once more by PyTorch, from the record itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor, nn

from parity.steps.pytorch.chains import Link
from parity.steps.pytorch.counterparts import module_of
from parity.steps.pytorch.objectives import clip, cost, loss_module, penalised
from parity.steps.pytorch.optimizers import grouped, optimizer_of, snapshot_of
from parity.steps.pytorch.tensors import to_array, to_tensor
from parity.steps.pytorch.twins import linear_of
from parity.steps.record import LayerRecord, Snapshot, StepRecord
from refnet.activations import ACTIVATIONS
from refnet.checks import Array

OfOutput: TypeAlias = Callable[[Tensor], Tensor]


def restate(record: StepRecord) -> StepRecord:
    """The record with every equation computed once more by PyTorch *from the record's
    own inputs*, for `compare_restated`: the two differ by one equation's rounding.

    With dropout a_prev from the a below; z from its a_prev, W and b; a from its z; BP1
    from its z^L and a^L; BP2 from its delta above; BP3 and BP4 from its delta; the step
    from its gradients and state. The weights of the rows and the masks of dropout are
    the record's.

    Errors: ValueError where the record does not show everything.
    """
    if not _shows_everything(record):
        raise ValueError("restate: record has quantities that are not shown, expected a whole one")
    spec, y = record.spec, to_tensor(record.y)
    module = loss_module(spec.loss, spec.loss_settings, spec.dtype)

    def loss(a: Tensor) -> Tensor:
        return cost(module, a, y, record.sample_weight)

    links = _links(record)
    value = penalised(loss(to_tensor(record.layers[-1].a)), spec, links)
    layers = tuple(_layer(record, i, link, loss) for i, link in enumerate(links))
    return replace(record, layers=layers, loss=value.item(), after=_after(record))


def _shows_everything(record: StepRecord) -> bool:
    spec = record.spec
    shown: list[object] = [record.loss, record.after]
    for i, layer in enumerate(record.layers, start=1):
        shown += [each for name, each in vars(layer).items() if _is_due(record, name, i)]
    masks = record.masks or [None for _ in record.layers]
    shown += [mask for mask, p in zip(masks, spec.dropout, strict=False) if p]
    return all(each is not None for each in shown)


def _is_due(record: StepRecord, name: str, layer: int) -> bool:
    """Whether a layer, which counts from 1, has that quantity."""
    has = {"db": record.spec.has_bias(layer), "a_prev": record.mask(layer) is not None}
    return has.get(name, True)


def _links(record: StepRecord) -> list[Link]:
    """The nn.Linear of each layer before the step; activations have no parameters."""
    before, layers = record.before, range(1, len(record.layers) + 1)
    return [
        Link(linear_of(W, b if record.spec.has_bias(i) else None), nn.Identity())
        for i, W, b in zip(layers, before.W, before.b, strict=True)
    ]


def _masked(tensor: Tensor, mask: Array | None) -> Tensor:
    return tensor if mask is None else tensor * to_tensor(mask)


def _layer(record: StepRecord, i: int, link: Link, loss: OfOutput) -> LayerRecord:
    """The arrays of one layer."""
    layer, linear, mask = record.layers[i], link.linear, record.mask(i + 1)
    below = to_tensor(record.x if i == 0 else record.layers[i - 1].a)
    left = None if mask is None else to_array(_masked(below, mask))
    computed_z = linear(below if layer.a_prev is None else to_tensor(layer.a_prev))
    torch.autograd.backward(computed_z, to_tensor(layer.delta))  # BP3 and BP4
    of_penalty = penalised(torch.zeros((), dtype=computed_z.dtype), record.spec, [link])
    if of_penalty.requires_grad:
        torch.autograd.backward(of_penalty)

    name, parameters = record.spec.activations[i]
    z = to_tensor(layer.z).requires_grad_()
    a = module_of(ACTIVATIONS[name](**parameters))(z.clone())
    # What is computed is copied before the recorded a is written over it. Autograd does
    # not see the write, but has saved the same memory, so that f' and the loss read the
    # recorded a. These two lines may not be exchanged.
    computed_a = to_array(a)
    a.data[:] = to_tensor(layer.a)
    if i == len(record.layers) - 1:
        torch.autograd.backward(loss(a))  # BP1
    else:
        above, W_above = record.layers[i + 1].delta, record.before.W[i + 1]
        g = to_tensor(above) @ to_tensor(W_above)
        torch.autograd.backward(a, _masked(g, record.mask(i + 2)))  # BP2
    db = None if linear.bias is None else to_array(linear.bias.grad)
    dW = to_array(linear.weight.grad)
    return LayerRecord(to_array(computed_z), computed_a, to_array(z.grad), dW, db, left)


def _after(record: StepRecord) -> Snapshot:
    """The weights and the state after PyTorch's update."""
    spec, before = record.spec, record.before
    parameters: list[Tensor] = []
    for name, layer in spec.parts:
        parameter = to_tensor(getattr(before, name)[layer - 1]).requires_grad_()
        parameter.grad = to_tensor(getattr(record.layers[layer - 1], f"d{name}"))
        parameters.append(parameter)
    optimizer = optimizer_of(
        spec.optimizer, parameters, grouped(spec, parameters), spec.step - 1, before.state
    )
    clip(spec, parameters)
    optimizer.step()
    return snapshot_of(spec, parameters, optimizer)
