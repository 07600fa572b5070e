"""Activation functions: what a neuron does to its weighted input, and how a gradient
passes back through it.

`value(z)` is a = f(z). `pullback(grad_a, z, a)` takes dC/da to dC/dz. For an
elementwise f that is a product with `derivative(z, a)`; softmax mixes the columns of a
row and has its own vector-Jacobian product.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from refnet.checks import Array, number
from refnet.flags import quiet_where_finite


class Activation(ABC):
    """a = f(z), applied to each row of z.

    Shapes: z, a, grad_a and the result of every method are (n, fan_out).
    Torch: the activation modules of torch.nn.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2.
    """

    name: ClassVar[str]
    # for refnet.explain: formulas by their left side (f, f', dC/dz) and their source;
    # explain reads those of the class itself: a subclass may compute another f
    formulas: ClassVar[Mapping[str, str]] = {}
    source: ClassVar[str] = ""
    trainable: ClassVar[bool] = True  # a gradient can pass
    analytic: ClassVar[bool] = True  # f continues to complex z, so the complex step applies
    kink: ClassVar[bool] = False  # f' jumps at z = 0
    # f'(0) is by convention the slope of the branch z <= 0
    kink_from_left: ClassVar[bool] = False

    @property
    def parameters(self) -> dict[str, float]:
        """The numbers the function needs besides z, by name."""
        return dict(vars(self))

    @abstractmethod
    def value(self, z: Array) -> Array:
        """a = f(z)."""

    @abstractmethod
    def pullback(self, grad_a: Array, z: Array, a: Array) -> Array:
        """dC/dz_j = sum over i of dC/da_i da_i/dz_j, row by row."""


class Elementwise(Activation):
    """a_j = f(z_j): the Jacobian is diagonal, so the pullback is a product.

    Shapes: z, a, grad_a and the result of every method are (n, fan_out).
    Torch: the elementwise activation modules of torch.nn.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2.
    """

    @abstractmethod
    def derivative(self, z: Array, a: Array) -> Array:
        """f'(z), computed from z or from a = f(z)."""

    @quiet_where_finite
    def pullback(self, grad_a: Array, z: Array, a: Array) -> Array:
        """dC/dz = dC/da * f'(z)."""
        return grad_a * self.derivative(z, a)


@dataclass(frozen=True)
class Identity(Elementwise):
    """f(z) = z, f'(z) = 1.

    Shapes: (n, fan_out) to (n, fan_out); `value` returns z itself.
    Torch: torch.nn.Identity.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 6.2.2.1 (linear
        units).
    """

    name: ClassVar[str] = "identity"
    formulas: ClassVar[Mapping[str, str]] = {"f": "f(z) = z", "f'": "f'(z) = 1"}
    source: ClassVar[str] = (
        "Goodfellow, Bengio and Courville, Deep Learning, section 6.2.2.1 (linear units)"
    )

    def value(self, z: Array) -> Array:
        """a = z."""
        return z

    def derivative(self, z: Array, a: Array) -> Array:
        """f' = 1."""
        return np.ones_like(z)

    def pullback(self, grad_a: Array, z: Array, a: Array) -> Array:
        """dC/dz = dC/da."""
        return grad_a


@dataclass(frozen=True)
class Heaviside(Elementwise):
    """f(z) = 1 for z > 0, else 0.

    Forward only: its derivative is zero everywhere, so no gradient passes through it.

    Shapes: (n, fan_out) to (n, fan_out).
    Torch: torch.heaviside(z, values=0).
    Errors: ValueError where its derivative is asked for.
    Source: Rosenblatt, The perceptron (1958).
    """

    name: ClassVar[str] = "heaviside"
    formulas: ClassVar[Mapping[str, str]] = {"f": "f(z) = 1 for z > 0, else 0"}
    source: ClassVar[str] = "Rosenblatt, The perceptron (1958)"
    trainable: ClassVar[bool] = False
    analytic: ClassVar[bool] = False

    def value(self, z: Array) -> Array:
        """a = 1 for z > 0, else 0; NaN stays NaN."""
        return np.heaviside(z, 0.0)

    def derivative(self, z: Array, a: Array) -> Array:
        """Refused, with a ValueError."""
        raise ValueError(
            "Heaviside: derivative is zero everywhere, expected a trainable activation such as "
            "Sigmoid"
        )


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    """f(z) = 1 / (1 + exp(-z)), f' = a (1 - a).

    Shapes: (n, fan_out) to (n, fan_out).
    Torch: torch.nn.Sigmoid.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 1, equation 3.
    """

    name: ClassVar[str] = "sigmoid"
    formulas: ClassVar[Mapping[str, str]] = {
        "f": "f(z) = 1 / (1 + exp(-z))",
        "f'": "f' = a (1 - a)",
    }
    source: ClassVar[str] = "Nielsen, Neural Networks and Deep Learning, chapter 1, equation 3"

    @quiet_where_finite
    def value(self, z: Array) -> Array:
        """a = 1 / (1 + exp(-z))."""
        # where exp(-z) overflows to inf, 1 / inf = 0 is the sigmoid to within the
        # smallest normal number
        return 1.0 / (1.0 + np.exp(-z))

    @quiet_where_finite
    def derivative(self, z: Array, a: Array) -> Array:
        """f' = a (1 - a)."""
        return a * (1.0 - a)


@dataclass(frozen=True)
class Tanh(Elementwise):
    """f(z) = tanh(z), f' = 1 - a^2.

    Shapes: (n, fan_out) to (n, fan_out).
    Torch: torch.nn.Tanh.
    Source: LeCun, Bottou, Orr and Mueller, Efficient BackProp (1998), section 4.4.
    """

    name: ClassVar[str] = "tanh"
    formulas: ClassVar[Mapping[str, str]] = {"f": "f(z) = tanh(z)", "f'": "f' = 1 - a^2"}
    source: ClassVar[str] = "LeCun, Bottou, Orr and Mueller, Efficient BackProp (1998), section 4.4"

    @quiet_where_finite
    def value(self, z: Array) -> Array:
        """a = tanh(z)."""
        return np.tanh(z)

    @quiet_where_finite
    def derivative(self, z: Array, a: Array) -> Array:
        """f' = 1 - a^2."""
        return 1.0 - a * a


@dataclass(frozen=True)
class ReLU(Elementwise):
    """f(z) = max(z, 0), f' = 1 for z > 0, else 0; so ReLU'(0) = 0.

    Shapes: (n, fan_out) to (n, fan_out).
    Torch: torch.nn.ReLU, which takes the same subgradient at 0 (torch.maximum takes
        1/2).
    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann
        machines (2010).
    """

    name: ClassVar[str] = "relu"
    formulas: ClassVar[Mapping[str, str]] = {
        "f": "f(z) = max(z, 0)",
        "f'": "f' = 1 for z > 0, else 0",
    }
    source: ClassVar[str] = (
        "Nair and Hinton, Rectified linear units improve restricted Boltzmann machines (2010)"
    )
    analytic: ClassVar[bool] = False
    kink: ClassVar[bool] = True
    kink_from_left: ClassVar[bool] = True

    def value(self, z: Array) -> Array:
        """a = max(z, 0); NaN stays NaN."""
        return np.maximum(z, 0.0)

    def derivative(self, z: Array, a: Array) -> Array:
        """f' = 1 for z > 0, else 0."""
        return (z > 0.0).astype(z.dtype)


@dataclass(frozen=True)
class LeakyReLU(Elementwise):
    """f(z) = z for z > 0, else slope z; f' = 1 for z > 0, else slope; so
    LeakyReLU'(0) = slope.

    Shapes: (n, fan_out) to (n, fan_out).
    Torch: torch.nn.LeakyReLU(negative_slope=slope), the same subgradient at 0 and the
        same default 0.01 (Keras: 0.3).
    Errors: TypeError or ValueError where slope is no finite number.
    Source: Maas, Hannun and Ng, Rectifier nonlinearities improve neural network
        acoustic models (2013).
    """

    name: ClassVar[str] = "leaky_relu"
    formulas: ClassVar[Mapping[str, str]] = {
        "f": "f(z) = z for z > 0, else slope z",
        "f'": "f' = 1 for z > 0, else slope",
    }
    source: ClassVar[str] = (
        "Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic "
        "models (2013)"
    )
    analytic: ClassVar[bool] = False
    kink: ClassVar[bool] = True
    kink_from_left: ClassVar[bool] = True
    slope: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "slope", number("LeakyReLU", "slope", self.slope))

    @quiet_where_finite
    def value(self, z: Array) -> Array:
        """a = z for z > 0, else slope z."""
        return np.where(z > 0.0, z, self.slope * z)

    @quiet_where_finite
    def derivative(self, z: Array, a: Array) -> Array:
        """f' = 1 for z > 0, else slope."""
        return np.where(z > 0.0, z.dtype.type(1.0), z.dtype.type(self.slope))


@dataclass(frozen=True)
class Softmax(Activation):
    """f(z)_j = exp(z_j) / sum over i of exp(z_i), along each row.

    Shapes: (n, fan_out) to (n, fan_out); the n Jacobians of (fan_out, fan_out) are
        never formed.
    Torch: torch.nn.Softmax(dim=1).
    Source: Bridle, Probabilistic interpretation of feedforward classification network
        outputs (1990).
    """

    name: ClassVar[str] = "softmax"
    formulas: ClassVar[Mapping[str, str]] = {
        "f": "f(z)_j = exp(z_j) / sum over i of exp(z_i)",
        "dC/dz": "dC/dz_j = a_j (dC/da_j - sum over i of dC/da_i a_i)",
    }
    source: ClassVar[str] = (
        "Bridle, Probabilistic interpretation of feedforward classification network outputs (1990)"
    )

    @quiet_where_finite
    def value(self, z: Array) -> Array:
        """a = exp(s) / sum exp(s), with s = z - max z so that exp cannot overflow."""
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    @quiet_where_finite
    def pullback(self, grad_a: Array, z: Array, a: Array) -> Array:
        """dC/dz_j = a_j (dC/da_j - sum over i of dC/da_i a_i), from da_i/dz_j = a_i
        ([i = j] - a_j).
        """
        return a * (grad_a - (grad_a * a).sum(axis=1, keepdims=True))


ACTIVATIONS: dict[str, type[Activation]] = {
    kind.name: kind for kind in (Identity, Heaviside, Sigmoid, Tanh, ReLU, LeakyReLU, Softmax)
}
