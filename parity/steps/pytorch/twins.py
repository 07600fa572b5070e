"""The identical PyTorch model, loss and optimizer, and weights copied both ways."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from parity.steps.pytorch.chains import chain_of, check_chain, dtype_of
from parity.steps.pytorch.counterparts import TORCH_LOSSES, TORCH_OPTIMIZERS, module_of
from parity.steps.pytorch.forwards import parameters_of
from parity.steps.pytorch.objectives import loss_module
from parity.steps.pytorch.optimizers import optimizer_of
from parity.steps.pytorch.tensors import to_array, to_tensor, to_vector
from refnet.activations import Activation
from refnet.checks import Array, float_dtype, instance, named
from refnet.layer import Dense
from refnet.losses import LOSSES, Loss
from refnet.network import Network
from refnet.optimizers import OPTIMIZERS, Optimizer


def twin(net: Network) -> nn.Sequential:
    """The identical PyTorch model: for each layer an nn.Linear and its activation's
    module, with copies of the network's W and b; in front of a layer that drops an
    nn.Dropout, which draws masks of its own.

    torch's global random generator is not moved.

    Shapes: nn.Linear.weight is W (fan_out, fan_in), nn.Linear.bias is b (fan_out,), or
        None.
    Torch: torch.nn.Sequential of torch.nn.Dropout, torch.nn.Linear and activation
        modules.
    Errors: TypeError if net is no Network, and for an activation of your own.
    """
    instance("twin", "net", net, Network)
    return nn.Sequential(*_modules(net.layers))


def copy_to_torch(net: Network, model: nn.Module) -> None:
    """Write the network's weights into the model's parameters, in place.

    Shapes: the model's parameters in the order of its forward are the network's W1, b1,
        W2, ...
    Torch: torch.Tensor.copy_ under torch.no_grad.
    Errors: TypeError if net is no Network; ValueError where the number of parameters, a
        shape or a dtype differs, or where the forward cannot be followed. Then nothing
        is written.
    """
    with torch.no_grad():
        for parameter, array in zip(_parameters(model, net), _arrays(net), strict=True):
            parameter.copy_(to_tensor(array))


def copy_from_torch(model: nn.Module, net: Network) -> None:
    """Write the model's parameters into the network's weights, in place.

    Shapes: the model's parameters in the order of its forward are the network's W1, b1,
        W2, ...
    Torch: torch.nn.utils.parameters_to_vector gives the same flat order.
    Errors: TypeError if net is no Network; ValueError where the number of parameters, a
        shape or a dtype differs, or where the forward cannot be followed. Then nothing
        is written.
    """
    net.parameters[:] = to_vector(_parameters(model, net))


def network_of(model: nn.Module) -> Network:
    """The identical refnet network: a layer for each nn.Linear, in the order of the
    forward, with its activation and copies of its W and b. nn.Dropout in training mode
    is the dropout of the layer behind it; after model.eval() nothing is dropped.

    Shapes: W (fan_out, fan_in) is nn.Linear.weight, b (fan_out,) is nn.Linear.bias.
    Torch: the model may be what `record_torch` takes; `twin` is the way back.
    Errors: as record_torch has them of a model.
    """
    chain = chain_of("network_of", model)
    dtype = dtype_of("network_of", chain.parameters)
    # any x shows a forward that does more than was read of it
    x = np.linspace(-1.0, 1.0, 2 * chain.sizes[0], dtype=dtype).reshape(2, -1)
    check_chain("network_of", model, chain, x, x.shape)
    drops = chain.dropout or (0.0,) * len(chain.links)
    layers = zip(chain.links, chain.of_refnet(), drops, strict=True)
    return Network([_dense(link.linear, f, p) for link, f, p in layers])


def _dense(linear: nn.Linear, activation: Activation, p: float) -> Dense:
    b = None if linear.bias is None else to_array(linear.bias)
    return Dense(to_array(linear.weight), b, activation, p)


def twin_loss(loss: str | Loss, dtype: Any = "float64") -> nn.Module:
    """The PyTorch loss of the same value and gradient, with the same settings.

    The weights of a loss are tensors in `dtype`, which must be the model's, as PyTorch
    wants it; `module.to(torch.float32)` converts them later.

    Torch: MSELoss, L1Loss, CrossEntropyLoss, BCELoss, BCEWithLogitsLoss; the two losses
        that torch.nn lacks are modules written with its operations.
    Errors: ValueError for an unknown name, TypeError for a loss of your own.
    """
    loss = named("loss", Loss, LOSSES, loss)
    if loss.name not in TORCH_LOSSES or type(loss) is not LOSSES[loss.name]:
        raise TypeError(
            f"twin_loss: loss has {loss!r}, expected one of "
            f"{', '.join(kind.__name__ for kind in LOSSES.values())}"
        )
    kind = float_dtype("twin_loss: dtype", dtype)
    return loss_module(loss.name, loss.settings, kind.name)


def twin_optimizer(optimizer: str | Optimizer, model: nn.Module) -> torch.optim.Optimizer:
    """The PyTorch optimizer of the same rule for the model's parameters, with the same
    hyper-parameters and a copy of the state; without decay of the biases, these are a
    group of their own.

    Shapes: each flat vector of the state is cut into the shapes of the parameters.
    Torch: torch.optim.SGD, Adagrad, RMSprop, Adam, AdamW.
    Errors: ValueError for an unknown name or a state of another length, TypeError for
        an optimizer of your own.
    """
    optimizer = named("optimizer", Optimizer, OPTIMIZERS, optimizer)
    ours = type(optimizer) is OPTIMIZERS.get(optimizer.name)
    if not ours or optimizer.name not in TORCH_OPTIMIZERS:
        raise TypeError(
            f"twin_optimizer: optimizer has {optimizer!r}, expected one of "
            f"{', '.join(TORCH_OPTIMIZERS)}"
        )
    state, parameters = optimizer.state, parameters_of("twin_optimizer", model)
    groups = [*_groups(optimizer, parameters)]
    return optimizer_of(optimizer.name, parameters, groups, state.pop("steps"), state)


def _groups(
    optimizer: Optimizer, parameters: Sequence[nn.Parameter]
) -> Iterator[tuple[Sequence[nn.Parameter], dict[str, Any]]]:
    """All parameters, or those that decay and the biases, with their settings."""
    settings = optimizer.hyperparameters
    if optimizer.decay_biases or not optimizer.weight_decay:
        yield parameters, settings
        return
    weights, biases = ([p for p in parameters if p.ndim == n] for n in (2, 1))
    yield weights, settings
    yield biases, {**settings, "weight_decay": 0.0}


def predict(model: nn.Module, x: Array) -> Array:
    """The model's output activations in evaluation, (n, fan_out), for x in any floating
    dtype.
    """
    with torch.no_grad(), _evaluating(model):
        return to_array(model(to_tensor(x).to(next(model.parameters()).dtype)))


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode while the block runs, so that nothing is
    dropped.
    """
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def linear_of(W: Array, b: Array | None) -> nn.Linear:
    """An nn.Linear with copies of these; torch's global random generator is not
    moved.
    """
    # without memory, so that no weights are drawn from torch's global generator
    linear = nn.Linear(W.shape[1], W.shape[0], bias=b is not None, device="meta")
    linear.weight = nn.Parameter(to_tensor(W))
    if b is not None:
        linear.bias = nn.Parameter(to_tensor(b))
    return linear


def _modules(layers: Iterable[Dense]) -> Iterator[nn.Module]:
    for layer in layers:
        if layer.dropout:
            yield nn.Dropout(layer.dropout)
        yield linear_of(layer.W, layer.b)
        yield module_of(layer.activation)


def _parameters(model: nn.Module, net: Network) -> list[nn.Parameter]:
    """The model's parameters; ValueError for another layout than the network's."""
    instance("copy", "net", net, Network)
    parameters = parameters_of("copy", model) if isinstance(model, nn.Module) else []
    want = [(array.shape, array.dtype.name) for array in _arrays(net)]
    got = [(tuple(p.shape), str(p.dtype).removeprefix("torch.")) for p in parameters]
    if got != want:
        raise ValueError(f"copy: model has the parameters {got}, expected {want}")
    return parameters


def _arrays(net: Network) -> list[Array]:
    pairs = ((layer.W, layer.b) for layer in net.layers)
    return [array for pair in pairs for array in pair if array is not None]
