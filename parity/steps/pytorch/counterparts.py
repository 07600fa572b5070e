"""What PyTorch has for each activation, loss, penalty, optimizer and way of clipping of
refnet; what it lacks is written here.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from refnet.activations import ACTIVATIONS, Activation, LeakyReLU
from refnet.losses import LOG_FLOOR


class Heaviside(nn.Module):
    """a = 1 for z > 0, else 0."""

    def forward(self, z: Tensor) -> Tensor:
        """The step function; autograd sends no gradient through it."""
        return torch.heaviside(z, torch.zeros((), dtype=z.dtype))


class FixedDropout(nn.Module):
    """Drops by the same mask each time, where nn.Dropout(p) draws one."""

    def __init__(self, p: float, mask: Tensor) -> None:
        super().__init__()
        self.p, self.mask = p, mask

    def forward(self, a: Tensor) -> Tensor:
        """a * m, as nn.Dropout multiplies."""
        return a * self.mask


class HalfSquaredError(nn.Module):
    """C = sum (a - y)^2 / (2 n), which torch.nn does not have; with reduction="none" a
    number for each row.
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, a: Tensor, y: Tensor) -> Tensor:
        """C, refusing to broadcast where torch would only warn."""
        if a.shape != y.shape:
            raise ValueError(
                f"HalfSquaredError: prediction {tuple(a.shape)} and y {tuple(y.shape)} differ in "
                f"shape; refusing to broadcast"
            )
        squares = (a - y) ** 2
        if self.reduction == "none":
            return 0.5 * squares.sum(dim=1)
        return 0.5 * squares.sum() / (len(a) if self.reduction == "mean" else 1)


class CrossEntropy(nn.Module):
    """C = -sum y log a / n on probabilities: torch.nn.NLLLoss of log(a), with refnet's
    floor under the value alone, and the settings of torch.nn.CrossEntropyLoss.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index, self.reduction = ignore_index, reduction
        self.label_smoothing = label_smoothing

    def forward(self, a: Tensor, y: Tensor) -> Tensor:
        """C, from labels (n,) or distributions (n, k)."""
        counted = y != self.ignore_index if y.ndim == 1 else torch.ones(len(y), dtype=torch.bool)
        y = torch.where(counted, y, 0) if y.ndim == 1 else y
        terms = self._terms(a, y, counted)
        if self.reduction == "none":
            return -terms.sum(dim=1)
        if self.reduction == "sum":
            return -terms.sum()
        if y.ndim == 2 or (self.weight is None and counted.all()):
            return -terms.sum() / len(a)
        return -terms.sum() / self._weights(a)[y[counted]].sum()

    def _terms(self, a: Tensor, y: Tensor, counted: Tensor) -> Tensor:
        """T log a, or with labels the terms that are not 0."""
        if self.weight is None and not self.label_smoothing and counted.all():
            # before the logarithm, so that a probability of 0 off the label is none
            return _log(a.gather(1, y[:, None])) if y.ndim == 1 else y * _log(a)
        eps, k = self.label_smoothing, a.shape[1]
        hot = functional.one_hot(y, k).to(a.dtype) if y.ndim == 1 else y
        T = ((1 - eps) * hot + eps / k) * self._weights(a) * counted[:, None]
        return T * _log(torch.where(T > 0, a, 1.0))  # likewise

    def _weights(self, a: Tensor) -> Any:
        return a.new_ones(a.shape[1]) if self.weight is None else self.weight


def _log(a: Tensor) -> Tensor:
    """log a with the floor, which autograd does not see: the gradient stays 1 / a."""
    log_a = a.log()
    log_a.data.clamp_(min=LOG_FLOOR)
    return log_a


def _l1(theta: Tensor, strength: float) -> Tensor:
    return strength * theta.abs().sum()


def _l2(theta: Tensor, strength: float) -> Tensor:
    return strength / 2 * theta.square().sum()


def _elastic_net(theta: Tensor, l1: float, l2: float) -> Tensor:
    return _l1(theta, l1) + _l2(theta, l2)


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
# P of a W or a b, from the penalty's settings but `biases`
TORCH_PENALTIES: dict[str, Callable[..., Tensor]] = {
    "l1": _l1,
    "l2": _l2,
    "elastic_net": _elastic_net,
}
TORCH_CLIPPINGS: dict[str, Callable[..., Any]] = {
    "norm": nn.utils.clip_grad_norm_,
    "value": nn.utils.clip_grad_value_,
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


def module_of(activation: Activation) -> nn.Module:
    """The module of the same function; TypeError for an activation of your own."""
    if activation.name not in MODULES or type(activation) is not ACTIVATIONS[activation.name]:
        raise TypeError(
            f"twin: activation has {activation!r}, expected one of {', '.join(MODULES)}"
        )
    if isinstance(activation, LeakyReLU):
        return nn.LeakyReLU(activation.slope)
    return nn.Softmax(dim=1) if activation.name == "softmax" else MODULES[activation.name]()
