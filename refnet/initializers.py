"""Initializers: where W and b start.

Called with (rng, fan_out, fan_in), they return (W, b) in float64, W drawn before b.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from refnet.checks import Array, number


class Initializer(ABC):
    """W and b of one layer before training.

    Shapes: W is (fan_out, fan_in), b is (fan_out,).
    Torch: torch.nn.init, applied to the weight and the bias of torch.nn.Linear.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 8.4.
    """

    name: ClassVar[str]

    @abstractmethod
    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""


@dataclass(frozen=True)
class Constant(Initializer):
    """W = weight, b = bias, everywhere. The units of a layer then stay equal for ever:
    this initializer is there to show that.

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.init.constant_.
    Errors: TypeError or ValueError where weight or bias is not a finite number.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 8.4 (why symmetry
        must be broken).
    """

    name: ClassVar[str] = "constant"
    weight: float = 0.5
    bias: float = 0.0

    def __post_init__(self) -> None:
        number("Constant", "weight", self.weight)
        number("Constant", "bias", self.bias)

    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""
        return np.full((fan_out, fan_in), float(self.weight)), np.full(fan_out, float(self.bias))


@dataclass(frozen=True)
class Zeros(Initializer):
    """W = 0, b = 0.

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.init.zeros_.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 8.4 (why symmetry
        must be broken).
    """

    name: ClassVar[str] = "zeros"

    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""
        return np.zeros((fan_out, fan_in)), np.zeros(fan_out)


@dataclass(frozen=True)
class Uniform(Initializer):
    """W and b uniform in [low, high), by default [0, 1).

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.init.uniform_.
    Errors: ValueError unless low < high.
    Source: Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
        (adventuresinmachinelearning), section 5.4.
    """

    name: ClassVar[str] = "uniform"
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        number("Uniform", "low", self.low, below=number("Uniform", "high", self.high))

    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""
        return rng.uniform(self.low, self.high, (fan_out, fan_in)), rng.uniform(
            self.low, self.high, fan_out
        )


@dataclass(frozen=True)
class Normal(Initializer):
    """W and b normal with the given mean and standard deviation.

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.init.normal_.
    Errors: ValueError unless std >= 0.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 1 (mean 0, standard
        deviation 1 for W and b).
    """

    name: ClassVar[str] = "normal"
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        number("Normal", "mean", self.mean)
        number("Normal", "std", self.std, low=0.0)

    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""
        return rng.normal(self.mean, self.std, (fan_out, fan_in)), rng.normal(
            self.mean, self.std, fan_out
        )


@dataclass(frozen=True)
class TorchLinear(Initializer):
    """W and b uniform in +-1/sqrt(fan_in): how a new torch.nn.Linear starts.

    The distribution is torch's, the numbers are NumPy's.

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.Linear.reset_parameters (kaiming_uniform_ with a = sqrt(5), which
        comes to the same range).
    Source: PyTorch issue 57109.
    """

    name: ClassVar[str] = "torch_linear"

    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""
        bound = 1.0 / fan_in**0.5
        return rng.uniform(-bound, bound, (fan_out, fan_in)), rng.uniform(-bound, bound, fan_out)


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """W uniform in +-sqrt(6 / (fan_in + fan_out)), b = 0.

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.init.xavier_uniform_.
    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward
        neural networks (2010), equation 16.
    """

    name: ClassVar[str] = "glorot_uniform"

    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""
        bound = (6.0 / (fan_in + fan_out)) ** 0.5
        return rng.uniform(-bound, bound, (fan_out, fan_in)), np.zeros(fan_out)


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """W normal with standard deviation sqrt(2 / (fan_in + fan_out)), b = 0.

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.init.xavier_normal_.
    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward
        neural networks (2010), equation 12.
    """

    name: ClassVar[str] = "glorot_normal"

    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""
        return rng.normal(0.0, (2.0 / (fan_in + fan_out)) ** 0.5, (fan_out, fan_in)), np.zeros(
            fan_out
        )


@dataclass(frozen=True)
class HeUniform(Initializer):
    """W uniform in +-sqrt(6 / fan_in), b = 0: keeps the variance of the signal through
    ReLU layers.

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.init.kaiming_uniform_(nonlinearity="relu").
    Source: He, Zhang, Ren and Sun, Delving deep into rectifiers (2015), section 2.2.
    """

    name: ClassVar[str] = "he_uniform"

    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""
        bound = (6.0 / fan_in) ** 0.5
        return rng.uniform(-bound, bound, (fan_out, fan_in)), np.zeros(fan_out)


@dataclass(frozen=True)
class HeNormal(Initializer):
    """W normal with standard deviation sqrt(2 / fan_in), b = 0.

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.init.kaiming_normal_(nonlinearity="relu").
    Source: He, Zhang, Ren and Sun, Delving deep into rectifiers (2015), equation 10.
    """

    name: ClassVar[str] = "he_normal"

    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""
        return rng.normal(0.0, (2.0 / fan_in) ** 0.5, (fan_out, fan_in)), np.zeros(fan_out)


INITIALIZERS: dict[str, type[Initializer]] = {
    kind.name: kind
    for kind in (
        Zeros,
        Constant,
        Uniform,
        Normal,
        TorchLinear,
        GlorotUniform,
        GlorotNormal,
        HeUniform,
        HeNormal,
    )
}
