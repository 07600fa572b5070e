"""Initializers: where W and b start.

Called with (rng, fan_out, fan_in), they return (W, b), W drawn before b: in float64, or
in the network's dtype where PyTorch's own numbers are drawn.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar

import numpy as np

from refnet.checks import Array, flag, number
from refnet.generators import TorchGenerator


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

    def weights_alone(self, rng: "np.random.Generator", fan_out: int, fan_in: int) -> Array:
        """W alone, of a layer without biases. An initializer that draws b overrides
        this, so that no number is drawn for a b that is not there.
        """
        return self(rng, fan_out, fan_in)[0]

    def seeded(self, seed: int, dtype: "np.dtype[Any]") -> Any:
        """The generator that `mlp` makes of its seed and passes on, layer by layer."""
        return np.random.default_rng(seed)


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
        W = self.weights_alone(rng, fan_out, fan_in)
        return W, rng.uniform(self.low, self.high, fan_out)

    def weights_alone(self, rng: "np.random.Generator", fan_out: int, fan_in: int) -> Array:
        """W, and no b."""
        return rng.uniform(self.low, self.high, (fan_out, fan_in))


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
        W = self.weights_alone(rng, fan_out, fan_in)
        return W, rng.normal(self.mean, self.std, fan_out)

    def weights_alone(self, rng: "np.random.Generator", fan_out: int, fan_in: int) -> Array:
        """W, and no b."""
        return rng.normal(self.mean, self.std, (fan_out, fan_in))


@dataclass(frozen=True)
class TorchLinear(Initializer):
    """W and b uniform in +-1/sqrt(fan_in): how a new torch.nn.Linear starts.

    The distribution is torch's. So are the numbers with generator="torch": to the bit
    those of torch.manual_seed(seed) and then torch.nn.Linear, layer by layer from the
    inputs on, in either dtype. Else they are NumPy's.

    Shapes: W (fan_out, fan_in), b (fan_out,).
    Torch: torch.nn.Linear.reset_parameters (kaiming_uniform_ with a = sqrt(5), which
        comes to the same range).
    Dialect: PyTorch's numbers differ by rounding from machine to machine. On Linux and
        x86-64, where it uses AVX2 or AVX512, product and sum of x (high - low) + low
        are one fused multiply-add, fused=True; where it uses neither, as under
        ATEN_CPU_CAPABILITY=default, they are rounded one by one, fused=False (measured
        with PyTorch 2.13.0; torch.backends.cpu.get_cpu_capability() says which; no
        other system was tried). On a GPU it draws from another generator. Its float64
        numbers are other numbers, not the float32 ones unrounded, and of a seed it
        takes the low 32 bits.
    Errors: ValueError for another generator, and in mlp for PyTorch's from a seed of
        2^64 on; TypeError where generator is no text or fused no boolean.
    Source: PyTorch issue 57109; PyTorch 2.13, torch/nn/init.py (kaiming_uniform_).
    """

    name: ClassVar[str] = "torch_linear"
    generator: str = "numpy"
    fused: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.generator, str):
            kind = type(self.generator).__name__
            raise TypeError(f"TorchLinear: generator has type {kind}, expected 'numpy' or 'torch'")
        if self.generator not in ("numpy", "torch"):
            raise ValueError(
                f"TorchLinear: generator has {self.generator!r}, expected 'numpy' or 'torch'"
            )
        flag("TorchLinear", "fused", self.fused)

    def __call__(
        self, rng: "np.random.Generator", fan_out: int, fan_in: int
    ) -> tuple[Array, Array]:
        """(W, b)."""
        W = self.weights_alone(rng, fan_out, fan_in)
        bound = self._bounds(fan_in)[1]
        return W, rng.uniform(-bound, bound, fan_out)

    def weights_alone(self, rng: "np.random.Generator", fan_out: int, fan_in: int) -> Array:
        """W, and no b."""
        bound = self._bounds(fan_in)[0]
        return rng.uniform(-bound, bound, (fan_out, fan_in))

    def seeded(self, seed: int, dtype: "np.dtype[Any]") -> Any:
        """PyTorch's generator, or NumPy's."""
        if self.generator == "numpy":
            return super().seeded(seed, dtype)
        if not 0 <= seed < 2**64:
            raise ValueError(f"TorchLinear: seed has {seed}, expected an integer in [0, 2^64)")
        return TorchGenerator(seed, dtype, fused=self.fused)

    def _bounds(self, fan_in: int) -> tuple[float, float]:
        """1/sqrt(fan_in) for W and for b, with PyTorch's numbers as it computes each:
        the last bits differ.
        """
        if self.generator == "numpy":
            return 1.0 / fan_in**0.5, 1.0 / fan_in**0.5
        gain = sqrt(2.0 / (1 + sqrt(5) ** 2))
        return sqrt(3.0) * (gain / sqrt(fan_in)), 1 / sqrt(fan_in)


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
