"""Learning-rate schedules: the learning rate of each epoch, from the one the optimizer
started with.

A schedule is any callable (lr, epoch) -> lr, with epochs counted from 0. `fit` asks it
before each epoch.
"""

from dataclasses import dataclass
from math import cos, inf, pi

from refnet.checks import integer, number


@dataclass(frozen=True)
class ConstantLR:
    """lr_e = lr.

    Shapes: scalars; e in epochs.
    Torch: no scheduler (torch.optim.lr_scheduler.ConstantLR with factor 1).
    Source: Robbins and Monro, A stochastic approximation method (1951), for why one
        decreases it.
    """

    def __call__(self, lr: float, epoch: int) -> float:
        """The learning rate of the epoch."""
        return lr


@dataclass(frozen=True)
class StepLR:
    """lr_e = lr gamma^floor(e / step_size).

    Shapes: scalars; e and step_size in epochs.
    Torch: torch.optim.lr_scheduler.StepLR.
    Errors: ValueError for step_size < 1 or gamma < 0.
    Source: He, Zhang, Ren and Sun, Deep residual learning (2016), section 3.4 (divided
        by 10 at plateaus).
    """

    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        integer("StepLR", "step_size", self.step_size, low=1)
        object.__setattr__(self, "gamma", number("StepLR", "gamma", self.gamma, low=0.0))

    def __call__(self, lr: float, epoch: int) -> float:
        """The learning rate of the epoch."""
        return lr * _power(self.gamma, epoch // self.step_size)


@dataclass(frozen=True)
class ExponentialLR:
    """lr_e = lr gamma^e.

    Shapes: scalars; e in epochs.
    Torch: torch.optim.lr_scheduler.ExponentialLR.
    Errors: ValueError for gamma < 0.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 8.3.1.
    """

    gamma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", number("ExponentialLR", "gamma", self.gamma, low=0.0))

    def __call__(self, lr: float, epoch: int) -> float:
        """The learning rate of the epoch."""
        return lr * _power(self.gamma, epoch)


@dataclass(frozen=True)
class CosineLR:
    """lr_e = lr_min + (lr - lr_min) (1 + cos(pi e / epochs)) / 2, falling to lr_min at
    e = epochs.

    Shapes: scalars; e and epochs in epochs.
    Torch: torch.optim.lr_scheduler.CosineAnnealingLR(T_max=epochs, eta_min=lr_min).
    Errors: ValueError for epochs < 1 or lr_min < 0.
    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts
        (2017), equation 5.
    """

    epochs: int
    lr_min: float = 0.0

    def __post_init__(self) -> None:
        integer("CosineLR", "epochs", self.epochs, low=1)
        object.__setattr__(self, "lr_min", number("CosineLR", "lr_min", self.lr_min, low=0.0))

    def __call__(self, lr: float, epoch: int) -> float:
        """The learning rate of the epoch."""
        return self.lr_min + (lr - self.lr_min) * (1.0 + cos(pi * epoch / self.epochs)) / 2.0


@dataclass(frozen=True)
class InverseTimeLR:
    """lr_e = lr / (1 + decay e), the 1/t schedule.

    Shapes: scalars; e in epochs.
    Torch: torch.optim.lr_scheduler.LambdaLR(lambda e: 1 / (1 + decay * e)).
    Errors: ValueError for decay < 0.
    Source: Robbins and Monro, A stochastic approximation method (1951).
    """

    decay: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay", number("InverseTimeLR", "decay", self.decay, low=0.0))

    def __call__(self, lr: float, epoch: int) -> float:
        """The learning rate of the epoch."""
        return lr / (1.0 + self.decay * epoch)


def _power(gamma: float, exponent: int) -> float:
    """gamma^exponent, infinite where that overflows; the optimizer then refuses it."""
    try:
        return float(gamma**exponent)
    except OverflowError:
        return inf
