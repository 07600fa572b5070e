"""The PyTorch twin: the identical model, loss and optimizer, weights copied both ways,
and records of what PyTorch did.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord
from refnet.activations import ACTIVATIONS, Activation, LeakyReLU
from refnet.checks import Array, matrix, named
from refnet.losses import LOG_FLOOR, LOSSES, Loss
from refnet.network import Network
from refnet.optimizers import OPTIMIZERS, Optimizer


class Heaviside(nn.Module):
    """a = 1 for z > 0, else 0."""

    def forward(self, z: Tensor) -> Tensor:
        """A step, through which autograd sends no gradient."""
        return torch.heaviside(z, torch.zeros((), dtype=z.dtype))


class HalfSquaredError(nn.Module):
    """C = sum (a - y)^2 / (2 n), which torch.nn does not have."""

    def forward(self, a: Tensor, y: Tensor) -> Tensor:
        """Refuses to broadcast, where torch would warn."""
        if a.shape != y.shape:
            raise ValueError(
                f"HalfSquaredError: prediction {tuple(a.shape)} and y {tuple(y.shape)} differ in "
                f"shape; refusing to broadcast"
            )
        return 0.5 * ((a - y) ** 2).sum() / len(a)


class CrossEntropy(nn.Module):
    """C = -sum y log a / n on probabilities: torch.nn.NLLLoss of log(a), with refnet's
    floor under the value alone.
    """

    def forward(self, a: Tensor, y: Tensor) -> Tensor:
        """Labels pick their probability before the logarithm, so that an unlabelled
        zero does no harm.
        """
        picked = a.gather(1, y[:, None]) if y.ndim == 1 else a
        log_a = picked.log()
        log_a.data.clamp_(min=LOG_FLOOR)  # behind autograd's back: the gradient stays 1 / a
        return -(log_a if y.ndim == 1 else y * log_a).sum() / len(a)


MODULES: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "heaviside": Heaviside,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "softmax": nn.Softmax,
}
TORCH_LOSSES: dict[str, type[nn.Module]] = {
    "mse": nn.MSELoss,
    "half_squared_error": HalfSquaredError,
    "mae": nn.L1Loss,
    "cross_entropy": CrossEntropy,
    "softmax_cross_entropy": nn.CrossEntropyLoss,
    "binary_cross_entropy": nn.BCELoss,
    "sigmoid_cross_entropy": nn.BCEWithLogitsLoss,
}
TORCH_OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
HYPERPARAMETERS = {
    "sgd": ("lr", "momentum", "dampening", "nesterov", "weight_decay"),
    "adagrad": ("lr", "lr_decay", "initial_accumulator_value", "eps", "weight_decay"),
    "rmsprop": ("lr", "alpha", "eps", "momentum", "centered", "weight_decay"),
    "adam": ("lr", "betas", "eps", "amsgrad", "weight_decay"),
    "adamw": ("lr", "betas", "eps", "amsgrad", "weight_decay"),
}
# torch's SGD does not count its steps
_steps: WeakKeyDictionary[torch.optim.Optimizer, int] = WeakKeyDictionary()


def twin(net: Network) -> nn.Sequential:
    """The identical PyTorch model: for each layer an nn.Linear and its activation's
    module, with the same weights.

    torch's global random generator is not moved.

    Shapes: as the network's; nn.Linear.weight is W.
    Errors: TypeError for an activation that torch has no module of here.
    """
    if not isinstance(net, Network):
        raise TypeError(f"twin: net has type {type(net).__name__}, expected Network")
    return _sequential([(layer.activation, layer.W, layer.b) for layer in net.layers])


def copy_to_torch(net: Network, model: nn.Module) -> None:
    """Write the network's weights into the model, in place.
    Errors: ValueError where a shape or dtype differs.
    """
    with torch.no_grad():
        for parameter, array in zip(_parameters(model, net), _arrays(net), strict=True):
            parameter.copy_(_tensor(array))


def copy_from_torch(model: nn.Module, net: Network) -> None:
    """Write the model's weights into the network, in place.
    Errors: ValueError where a shape or dtype differs.
    """
    net.parameters[:] = _vector(_parameters(model, net))


def twin_loss(loss: str | Loss) -> nn.Module:
    """The PyTorch loss of the same value and gradient.
    Errors: ValueError for an unknown name, TypeError for a loss of your own.
    """
    loss = named("loss", Loss, LOSSES, loss)
    if loss.name not in TORCH_LOSSES or type(loss) is not LOSSES[loss.name]:
        raise TypeError(
            f"twin_loss: loss has {loss!r}, expected one of "
            f"{', '.join(kind.__name__ for kind in LOSSES.values())}"
        )
    return TORCH_LOSSES[loss.name]()


def twin_optimizer(optimizer: str | Optimizer, model: nn.Module) -> torch.optim.Optimizer:
    """The PyTorch optimizer of the same rule, hyper-parameters and state.

    Errors: ValueError for an unknown name or a state of another length, TypeError for
        an optimizer of your own.
    """
    optimizer = named("optimizer", Optimizer, OPTIMIZERS, optimizer)
    if type(optimizer) is not OPTIMIZERS.get(optimizer.name):
        raise TypeError(
            f"twin_optimizer: optimizer has {optimizer!r}, expected one of "
            f"{', '.join(TORCH_OPTIMIZERS)}"
        )
    state = optimizer.state
    return _optimizer(
        optimizer.name,
        optimizer.hyperparameters,
        list(model.parameters()),
        state.pop("steps"),
        state,
    )


def record_torch(
    model: nn.Sequential,
    x: ArrayLike,
    y: ArrayLike,
    torch_loss: nn.Module,
    torch_optimizer: torch.optim.Optimizer,
) -> StepRecord:
    """Take one training step with PyTorch and record it: z, a and delta by retained
    gradients. Model and optimizer advance.

    The model may be your own nn.Sequential of nn.Linear and known activations; the loss
    and the optimizer those that `twin_loss` and `twin_optimizer` give, or your own of
    the same kinds.

    Shapes: x (n, fan_in), y as the loss wants it.
    Errors: TypeError for a module, loss or optimizer that refnet has no counterpart of;
        ValueError for settings it has none of.
    """
    pairs = _layers(model)
    parameters = [p for linear, _ in pairs for p in (linear.weight, linear.bias)]
    spec = _spec(pairs, torch_loss, torch_optimizer, parameters)
    loss = LOSSES[spec.loss]()
    x = matrix("record_torch: x", x, np.dtype(spec.dtype), ("n", spec.sizes[0])).copy()
    y = loss.targets(y, len(x), spec.sizes[-1], np.dtype(spec.dtype)).copy()
    before = _snapshot(parameters, torch_optimizer)

    trace: list[tuple[Tensor, Tensor]] = []
    a = _tensor(x)
    for linear, activation in pairs:
        z = linear(a)
        z.retain_grad()
        a = activation(z.clone())  # a clone, so that an in-place activation leaves z to be read
        trace.append((z, a))
    torch_optimizer.zero_grad()
    value = torch_loss(a, _tensor(y))
    torch.autograd.backward(value)
    layers = tuple(
        LayerRecord(*(_array(t) for t in (z, a, z.grad, linear.weight.grad, linear.bias.grad)))
        for (z, a), (linear, _) in zip(trace, pairs, strict=True)
    )
    torch_optimizer.step()
    _steps[torch_optimizer] = spec.step
    after = _snapshot(parameters, torch_optimizer)
    if spec.optimizer != "sgd":  # torch makes these vectors at the first step; they start from zero
        fresh = {
            name: np.zeros_like(vector)
            for name, vector in after.state.items()
            if name not in before.state
        }
        before = replace(before, state={**before.state, **fresh})
    return StepRecord(spec, x, y, before, layers, float(value.detach()), after)


def restate(record: StepRecord) -> StepRecord:
    """Every equation of the record computed once more by PyTorch *from the record's own
    inputs*.

    z from its a_prev, W and b; a from its z; BP1 from its z^L; BP2 from its delta
    above; BP3 and BP4 from its delta; the step from its gradients and state. So nothing
    is inherited, and what differs differs by this equation's rounding alone.

    Errors: ValueError where the record does not show what an equation reads.
    """
    spec, shown = record.spec, record.layers
    if (
        record.loss is None
        or record.after is None
        or any(v is None for layer in shown for v in vars(layer).values())
    ):
        raise ValueError("restate: record has quantities that are not shown, expected a whole one")
    modules = [_module(ACTIVATIONS[name](**parameters)) for name, parameters in spec.activations]
    loss, y = TORCH_LOSSES[spec.loss](), _tensor(record.y)
    layers = []
    for i, layer in enumerate(shown):
        a_prev = _tensor(record.x if i == 0 else shown[i - 1].a)
        W, b = (_tensor(p).requires_grad_() for p in (record.before.W[i], record.before.b[i]))
        z = nn.functional.linear(a_prev, W, b)
        torch.autograd.backward(z, _tensor(layer.delta))  # BP3 and BP4
        z_own = _tensor(layer.z).requires_grad_()
        a = modules[i](z_own.clone())
        # behind autograd's back: what comes next reads the recorded a
        recomputed, a.data[:] = _array(a), _tensor(layer.a)
        if i == len(shown) - 1:
            torch.autograd.backward(loss(a, y))
        else:
            torch.autograd.backward(
                a, _tensor(shown[i + 1].delta) @ _tensor(record.before.W[i + 1])
            )
        layers.append(
            LayerRecord(_array(z), recomputed, *(_array(t) for t in (z_own.grad, W.grad, b.grad)))
        )
    value = float(loss(_tensor(shown[-1].a), y))
    parameters = [
        _tensor(p).requires_grad_()
        for pair in zip(record.before.W, record.before.b, strict=True)
        for p in pair
    ]
    for p, gradient in zip(
        parameters, [g for layer in shown for g in (layer.dW, layer.db)], strict=True
    ):
        p.grad = _tensor(gradient)
    optimizer = _optimizer(
        spec.optimizer, spec.hyperparameters, parameters, spec.step - 1, record.before.state
    )
    optimizer.step()
    return replace(record, layers=tuple(layers), loss=value, after=_snapshot(parameters, optimizer))


def restart(record: StepRecord) -> StepRecord:
    """The record's whole step taken once more by PyTorch, from the weights and the
    state that the record starts with.

    Errors: as record_torch.
    """
    spec, before = record.spec, record.before
    activations = [ACTIVATIONS[name](**parameters) for name, parameters in spec.activations]
    model = _sequential(list(zip(activations, before.W, before.b, strict=True)))
    optimizer = _optimizer(
        spec.optimizer, spec.hyperparameters, list(model.parameters()), spec.step - 1, before.state
    )
    return record_torch(model, record.x, record.y, TORCH_LOSSES[spec.loss](), optimizer)


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread while the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def threads() -> int:
    """How many threads PyTorch uses."""
    return torch.get_num_threads()


def predict(model: nn.Module, x: Array) -> Array:
    """The model's output activations, (n, fan_out), for x in any floating dtype."""
    with torch.no_grad():
        return _array(model(_tensor(x).to(next(model.parameters()).dtype)))


def _sequential(layers: Sequence[tuple[Activation, Array, Array]]) -> nn.Sequential:
    """An nn.Linear with its activation's module for each (activation, W, b); torch's
    global random generator is not moved.
    """
    modules: list[nn.Module] = []
    for activation, W, b in layers:
        # made without memory, for its own weights are not drawn but given
        linear = nn.Linear(W.shape[1], W.shape[0], device="meta")
        linear.weight, linear.bias = nn.Parameter(_tensor(W)), nn.Parameter(_tensor(b))
        modules += [linear, _module(activation)]
    return nn.Sequential(*modules)


def _module(activation: Activation) -> nn.Module:
    if activation.name not in MODULES or type(activation) is not ACTIVATIONS[activation.name]:
        raise TypeError(
            f"twin: activation has {activation!r}, expected one of {', '.join(MODULES)}"
        )
    if isinstance(activation, LeakyReLU):
        return nn.LeakyReLU(activation.slope)
    return nn.Softmax(dim=1) if activation.name == "softmax" else MODULES[activation.name]()


def _optimizer(
    name: str,
    hyperparameters: dict[str, Any],
    parameters: list[Tensor],
    steps: int,
    state: dict[str, Array],
) -> torch.optim.Optimizer:
    count = sum(p.numel() for p in parameters)
    for key, vector in state.items():
        if vector.shape != (count,):
            raise ValueError(
                f"twin_optimizer: state {key} has shape {vector.shape}, expected ({count},) as "
                f"the model's parameters"
            )
    made = TORCH_OPTIMIZERS[name](parameters, **hyperparameters)
    _steps[made] = steps
    if steps or state:
        start = 0
        for p in parameters:
            part = slice(start, start := start + p.numel())
            made.state[p] = {
                key: _tensor(vector[part]).reshape(p.shape) for key, vector in state.items()
            }
            if name != "sgd":
                made.state[p]["step"] = torch.tensor(float(steps))
    return made


def _layers(model: nn.Module) -> list[tuple[nn.Linear, nn.Module]]:
    if type(model) is not nn.Sequential:  # a subclass may have a forward of its own
        raise TypeError(
            f"record_torch: model has type {type(model).__name__}, expected an nn.Sequential of "
            f"nn.Linear and activations"
        )
    pairs: list[tuple[nn.Linear, nn.Module]] = []
    linear: nn.Linear | None = None
    for module in model:
        if _is_hooked(module):
            raise ValueError(
                f"record_torch: {type(module).__name__} has hooks, expected none: they may "
                f"change what passes"
            )
        if type(module) is nn.Linear:
            if module.bias is None:
                raise ValueError("record_torch: nn.Linear has bias=False, expected a bias")
            if linear is not None:
                pairs.append((linear, nn.Identity()))
            linear = module
        elif linear is not None and type(module) in MODULES.values():
            if isinstance(module, nn.Softmax) and module.dim not in (1, -1):
                raise ValueError(
                    f"record_torch: nn.Softmax has dim={module.dim}, expected dim=1, along the "
                    f"classes"
                )
            pairs.append((linear, module))
            linear = None
        else:
            known = ", ".join(kind.__name__ for kind in MODULES.values())
            raise TypeError(
                f"record_torch: model has {type(module).__name__}, expected nn.Linear, each "
                f"followed by at most one of {known}"
            )
    if linear is not None:
        pairs.append((linear, nn.Identity()))
    if len({id(linear) for linear, _ in pairs}) < len(pairs):
        raise ValueError(
            "record_torch: model has the same nn.Linear in two places, expected a layer of its "
            "own in each"
        )
    return pairs


def _is_hooked(module: nn.Module) -> bool:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, kind) for kind in kinds)


def _spec(
    pairs: Sequence[tuple[nn.Linear, nn.Module]],
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    parameters: Sequence[Tensor],
) -> Spec:
    kinds = {kind: name for name, kind in MODULES.items()}
    activations = tuple(
        (
            kinds[type(module)],
            {"slope": module.negative_slope} if isinstance(module, nn.LeakyReLU) else {},
        )
        for _, module in pairs
    )
    name, hyperparameters = _rule(optimizer, parameters)
    known = optimizer.state.get(parameters[0], {})
    # steps taken before anybody counted
    unseen = int(any(vector is not None for vector in known.values()))
    steps = int(known["step"]) if "step" in known else _steps.get(optimizer, unseen)
    sizes = (pairs[0][0].in_features, *(linear.out_features for linear, _ in pairs))
    dtypes = sorted({str(p.dtype).removeprefix("torch.") for p in parameters})
    if dtypes not in (["float32"], ["float64"]):
        raise TypeError(
            f"record_torch: model has dtype {' and '.join(dtypes)}, expected float32 or float64"
        )
    if not all(p.requires_grad for p in parameters):
        raise ValueError(
            "record_torch: model has frozen parameters, expected requires_grad=True for all of them"
        )
    return Spec(sizes, activations, _loss_name(loss), name, hyperparameters, steps + 1, dtypes[0])


def _loss_name(loss: nn.Module) -> str:
    names = {kind: name for name, kind in TORCH_LOSSES.items()}
    if type(loss) not in names:
        raise TypeError(
            f"record_torch: loss has {type(loss).__name__}, expected one of "
            f"{', '.join(kind.__name__ for kind in names)}"
        )
    plain = {
        "reduction": "mean",
        "weight": None,
        "pos_weight": None,
        "label_smoothing": 0.0,
        "ignore_index": -100,
    }
    for setting, want in plain.items():
        if getattr(loss, setting, want) != want:
            raise ValueError(
                f"record_torch: {type(loss).__name__} has {setting}={getattr(loss, setting)}, "
                f"expected {want}"
            )
    return names[type(loss)]


def _rule(
    optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]
) -> tuple[str, dict[str, Any]]:
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


def _snapshot(parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer) -> Snapshot:
    names = [
        key
        for key, value in optimizer.state.get(parameters[0], {}).items()
        if key != "step" and value is not None
    ]
    return Snapshot(
        tuple(_array(p) for p in parameters[::2]),
        tuple(_array(p) for p in parameters[1::2]),
        {name: _vector([optimizer.state[p][name] for p in parameters]) for name in names},
    )


def _parameters(model: nn.Module, net: Network) -> list[Tensor]:
    """The model's parameters, where they are laid out as the network's."""
    if not isinstance(net, Network):
        raise TypeError(f"copy: net has type {type(net).__name__}, expected Network")
    parameters: list[Tensor] = (
        list(nn.Module.parameters(model)) if isinstance(model, nn.Module) else []
    )
    want = [(array.shape, array.dtype.name) for array in _arrays(net)]
    got = [(tuple(p.shape), str(p.dtype).removeprefix("torch.")) for p in parameters]
    if got != want:
        raise ValueError(f"copy: model has the parameters {got}, expected {want}")
    return parameters


def _arrays(net: Network) -> list[Array]:
    return [array for layer in net.layers for array in (layer.W, layer.b)]


def _tensor(array: Array | None) -> Tensor:
    """A tensor of its own: torch shares memory with an array only where it may
    write.
    """
    return torch.tensor(np.ascontiguousarray(array))


def _array(tensor: Tensor | None) -> Array:
    if tensor is None:  # autograd found no path: an activation like a step lets no gradient through
        raise ValueError(
            "torch: gradient is missing, expected a model that can be trained through every layer"
        )
    return tensor.detach().numpy().copy()


def _vector(tensors: Sequence[Tensor]) -> Array:
    return np.concatenate([t.detach().numpy().ravel() for t in tensors])
