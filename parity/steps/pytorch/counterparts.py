"""What PyTorch has for each activation, loss and optimizer of refnet; the three that it
lacks are written here.
"""

import torch
from torch import Tensor, nn

from refnet.activations import ACTIVATIONS, Activation, LeakyReLU
from refnet.losses import LOG_FLOOR


class Heaviside(nn.Module):
    """a = 1 for z > 0, else 0."""

    def forward(self, z: Tensor) -> Tensor:
        """The step function; autograd sends no gradient through it."""
        return torch.heaviside(z, torch.zeros((), dtype=z.dtype))


class HalfSquaredError(nn.Module):
    """C = sum (a - y)^2 / (2 n), which torch.nn does not have."""

    def forward(self, a: Tensor, y: Tensor) -> Tensor:
        """C, refusing to broadcast where torch would only warn."""
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
        """C, from labels (n,) or distributions (n, k)."""
        # before the logarithm, so that a probability of 0 off the label does no harm
        picked = a.gather(1, y[:, None]) if y.ndim == 1 else a
        log_a = picked.log()
        log_a.data.clamp_(min=LOG_FLOOR)  # unseen by autograd, so the gradient stays 1 / a
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


def module_of(activation: Activation) -> nn.Module:
    """The module of the same function; TypeError for an activation of your own."""
    if activation.name not in MODULES or type(activation) is not ACTIVATIONS[activation.name]:
        raise TypeError(
            f"twin: activation has {activation!r}, expected one of {', '.join(MODULES)}"
        )
    if isinstance(activation, LeakyReLU):
        return nn.LeakyReLU(activation.slope)
    return nn.Softmax(dim=1) if activation.name == "softmax" else MODULES[activation.name]()
