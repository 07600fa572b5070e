"""What an entry of an activation, of a loss and of an update rule is, and its inputs: a
gradient on its way down, and the numbers of one update.

An entry states what a correct program computes, as a claim: an exact value in the wider
format and a bound. Its derivations are plain text beside the methods whose bounds they
derive; `parity.entries()` lists them.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from parity.rounding.claim import Claim, size
from parity.rounding.formats import Format
from refnet.checks import Array

JEANNEROD_RUMP = "Jeannerod and Rump (2013), SIAM J. Matrix Anal. Appl. 34(2)"


@dataclass(frozen=True)
class Summed:
    """A sum on its way into an equation, such as dC/da on its way down to an
    activation: its exact value, and how far a program's may be from it.

    A program adds up terms whose sizes add up to `terms`. It rounds `roundings` times
    and may underflow `underflows` times. `judged` is False where it may overflow.
    """

    value: Array
    terms: Array
    roundings: float | Array
    underflows: float | Array
    judged: Any = True

    def error(self, fmt: Format) -> Array:
        """roundings u terms + underflows lam."""
        return self.roundings * fmt.unit * self.terms + self.underflows * fmt.tiny


class ActivationEntry(ABC):
    """One activation: a = f(z), and delta = dC/da pulled back to dC/dz."""

    label: ClassVar[str] = "a"
    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ("z",)
    writes: ClassVar[str] = "a"
    mixes: ClassVar[bool] = False  # a_j depends on every z of its row
    source: ClassVar[str]
    value_derivation: ClassVar[str]

    def __init__(self, **parameters: float) -> None:
        self.parameters = parameters

    @abstractmethod
    def value(self, fmt: Format, z: Array) -> Claim:
        """a = f(z)."""

    @abstractmethod
    def pullback(self, fmt: Format, g: Summed, z: Array, a: Array) -> Claim:
        """dC/dz_j = sum over i of dC/da_i da_i/dz_j."""

    @property
    @abstractmethod
    def pullback_derivation(self) -> str:
        """Why the bound of the pullback holds."""


class LossEntry(ABC):
    """One loss: C = loss(a, y), and the output delta behind each of its output
    activations; with weights s of the rows where there are any.
    """

    label: ClassVar[str] = "C"
    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ("a", "y")
    writes: ClassVar[str] = "loss"
    source: ClassVar[str] = JEANNEROD_RUMP
    value_derivation: ClassVar[str]
    weights_derivation: ClassVar[str]  # what settings and weights add to the bounds

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    @abstractmethod
    def value(self, fmt: Format, a: Array, y: Array, s: Array | None = None) -> Claim:
        """C, a claim of shape ()."""

    @abstractmethod
    def output_delta(
        self,
        fmt: Format,
        f: ActivationEntry,
        z: Array,
        a: Array,
        y: Array,
        s: Array | None = None,
    ) -> Claim:
        """BP1: delta^L = dC/da pulled back through f, from the recorded z^L and a^L."""

    @abstractmethod
    def output_delta_derivation(self, f: ActivationEntry) -> str:
        """Why the bound of the output delta behind f holds."""


@dataclass(frozen=True)
class Update:
    """What one step reads and writes of one W or b: hyper-parameters, step number,
    theta, g, and the state before and after; and how far g may be off, where it has
    been clipped.
    """

    fmt: Format
    hyperparameters: dict[str, Any]
    t: int
    theta: Array
    g: Array
    old: dict[str, Array]
    new: dict[str, Array]
    off: Array | float = 0.0

    def __getitem__(self, name: str) -> Any:
        return self.hyperparameters[name]

    @property
    def decayed(self) -> tuple[Array, Array]:
        """d = g + weight_decay theta in the wider format, and its error u |d| + (1 + r)
        u |wd theta| + lam, and that of g; g itself without decay.
        """
        fmt, decay = self.fmt, self["weight_decay"]
        if not decay:
            return fmt.widen(self.g), np.zeros(self.g.shape) + self.off
        added = decay * fmt.widen(self.theta)
        d = fmt.widen(self.g) + added
        own = fmt.unit * (size(d) + (1.0 + fmt.scalar) * size(added)) + fmt.tiny
        return d, own + self.off

    def rounded(self, *names: str) -> "Update | None":
        """The same update with these hyper-parameters rounded to float32, as some
        float32 programs keep them; None in float64.
        """
        if self.fmt.dtype != np.float32:
            return None
        return replace(
            self,
            hyperparameters={
                **self.hyperparameters,
                **{name: to_float32(self[name]) for name in names},
            },
        )


class RuleEntry(ABC):
    """One update rule: what each vector of the state and the parameters must be."""

    label: ClassVar[str] = "step"
    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ("W", "b", "dW", "db", "state")
    writes: ClassVar[tuple[str, ...]] = ("W", "b", "state")
    source: ClassVar[str]
    formula: ClassVar[str]
    parameters_derivation: ClassVar[str]

    def start(self, hyperparameters: dict[str, Any]) -> float:
        """What every vector of the state is filled with before the first step."""
        return 0.0

    @abstractmethod
    def keeps(self, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        """The vectors of the state that the rule keeps with these hyper-parameters, in
        order of computation.
        """

    def inputs(self, vector: str, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        """The vectors of the *new* state from which this one is computed."""
        return ()

    @abstractmethod
    def vector(self, step: Update, name: str) -> Claim:
        """The new vector of that name, from the old state and the new vectors that
        `inputs` names.
        """

    @abstractmethod
    def vector_derivation(self, name: str) -> str:
        """Why the bound of that vector holds."""

    @abstractmethod
    def parameters(self, step: Update) -> Claim:
        """The new theta, from the recorded new state."""


def to_float32(given: Any) -> Any:
    return (
        tuple(float(np.float32(b)) for b in given)
        if isinstance(given, tuple | list)
        else float(np.float32(given))
    )
