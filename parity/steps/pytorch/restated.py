"""Every equation of a record computed once more by PyTorch, from the record itself."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from parity.steps.pytorch.counterparts import TORCH_LOSSES, module_of
from parity.steps.pytorch.optimizers import grouped, optimizer_of, snapshot_of
from parity.steps.pytorch.tensors import to_array, to_tensor
from parity.steps.record import LayerRecord, Snapshot, StepRecord
from refnet.activations import ACTIVATIONS


def restate(record: StepRecord) -> StepRecord:
    """The record with every equation computed once more by PyTorch *from the record's
    own inputs*, for `compare_restated`: the two differ by one equation's rounding.

    z from its a_prev, W and b; a from its z; BP1 from its z^L and a^L; BP2 from its
    delta above; BP3 and BP4 from its delta; the step from its gradients and state.

    Errors: ValueError where the record does not show everything.
    """
    if (
        record.loss is None
        or record.after is None
        or any(v is None for layer in record.layers for v in vars(layer).values())
    ):
        raise ValueError("restate: record has quantities that are not shown, expected a whole one")
    loss = TORCH_LOSSES[record.spec.loss]()
    value = float(loss(to_tensor(record.layers[-1].a), to_tensor(record.y)))
    layers = tuple(_layer(record, i, loss) for i in range(len(record.layers)))
    return replace(record, layers=layers, loss=value, after=_after(record))


def _layer(record: StepRecord, i: int, loss: nn.Module) -> LayerRecord:
    """The five arrays of one layer."""
    layer = record.layers[i]
    a_prev = to_tensor(record.x if i == 0 else record.layers[i - 1].a)
    W, b = (to_tensor(p).requires_grad_() for p in (record.before.W[i], record.before.b[i]))
    computed_z = nn.functional.linear(a_prev, W, b)
    torch.autograd.backward(computed_z, to_tensor(layer.delta))  # BP3 and BP4

    name, parameters = record.spec.activations[i]
    z = to_tensor(layer.z).requires_grad_()
    a = module_of(ACTIVATIONS[name](**parameters))(z.clone())
    # What is computed is copied before the recorded a is written over it. Autograd does
    # not see the write, but has saved the same memory, so that f' and the loss read the
    # recorded a. These two lines may not be exchanged.
    computed_a = to_array(a)
    a.data[:] = to_tensor(layer.a)
    if i == len(record.layers) - 1:
        torch.autograd.backward(loss(a, to_tensor(record.y)))  # BP1
    else:
        above, W_above = record.layers[i + 1].delta, record.before.W[i + 1]
        torch.autograd.backward(a, to_tensor(above) @ to_tensor(W_above))  # BP2
    return LayerRecord(
        to_array(computed_z), computed_a, to_array(z.grad), to_array(W.grad), to_array(b.grad)
    )


def _after(record: StepRecord) -> Snapshot:
    """The weights and the state after PyTorch's update."""
    spec, before = record.spec, record.before
    parameters: list[Tensor] = []
    for W, b, layer in zip(before.W, before.b, record.layers, strict=True):
        for array, gradient in ((W, layer.dW), (b, layer.db)):
            parameter = to_tensor(array).requires_grad_()
            parameter.grad = to_tensor(gradient)
            parameters.append(parameter)
    optimizer = optimizer_of(
        spec.optimizer, parameters, grouped(spec, parameters), spec.step - 1, before.state
    )
    optimizer.step()
    return snapshot_of(parameters, optimizer)
