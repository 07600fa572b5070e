"""What the restatements share: a gradient on its way, exact sigmoid and softmax, the
inputs of one update, and what an entry of a rule is.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from parity.rounding.claim import (
    Claim,
    claim,
    size,
)
from parity.rounding.formats import Format
from refnet.checks import Array


@dataclass(frozen=True)
class Cotangent:
    """dC/da as it comes to an activation: its exact value, and what a program may have
    made of it.

    Its sum of |terms| is `terms`, on which it did `roundings` roundings and as many
    underflows as `underflows` says.
    """

    value: Array
    terms: Array
    roundings: float
    underflows: float
    judged: Any = True

    def error(self, fmt: Format) -> Array:
        """roundings u terms + underflows lam."""
        return self.roundings * fmt.unit * self.terms + self.underflows * fmt.tiny


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z) in the wider format, also where e^-z overflows."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-z))


def softmax(z: Array) -> tuple[Array, Array, Array]:
    """a, s = z - max z, and the sum of e^s of each row, in the wider format."""
    with np.errstate(invalid="ignore"):  # a z that is not finite is not judged
        s = z - z.max(axis=1, keepdims=True)
        e = np.exp(s)
        total = e.sum(axis=1, keepdims=True)
        return e / total, s, total


def softmax_error(fmt: Format, a: Array, s: Array) -> Array:
    """The relative error of a softmax: |s_j| + Sbar + 2 E_exp + k + 2, in units of
    u.
    """
    return np.abs(s) + (a * np.abs(s)).sum(axis=1, keepdims=True) + 2.0 * fmt.exp + a.shape[1] + 2.0


JEANNEROD_RUMP = "Jeannerod and Rump (2013), SIAM J. Matrix Anal. Appl. 34(2)"


def distribution(y: Array, a: Array) -> Array:
    """Targets as (n, k): labels as rows with a single 1."""
    if y.ndim == 2:
        return y
    rows = np.zeros(a.shape, a.dtype)
    rows[np.arange(len(y)), y] = 1.0
    return rows


DOUBLE = 2.0**-53


@dataclass(frozen=True)
class Update:
    """What one step reads and writes of one W or b: hyper-parameters, step number,
    theta, g, and the state before and after.
    """

    fmt: Format
    hyperparameters: dict[str, Any]
    t: int
    theta: Array
    g: Array
    old: dict[str, Array]
    new: dict[str, Array]

    def __getitem__(self, name: str) -> Any:
        return self.hyperparameters[name]

    @property
    def decayed(self) -> "tuple[Array, Array]":
        """d = g + weight_decay theta in the wider format, and its error u |d| + (1 + r)
        u |wd theta| + lam; g itself without decay.
        """
        fmt, decay = self.fmt, self["weight_decay"]
        if not decay:
            return fmt.widen(self.g), np.zeros(self.g.shape)
        added = decay * fmt.widen(self.theta)
        d = fmt.widen(self.g) + added
        return d, fmt.unit * (size(d) + (1.0 + fmt.scalar) * size(added)) + fmt.tiny

    def rounded(self, *names: str) -> "Update | None":
        """The same with these hyper-parameters rounded to float32, as a program that
        keeps them in float32 has them.
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
    """One update rule: what each vector of the state and the parameters must be.

    Each derivation is text, as `parity.entries()` lists it.
    """

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
        """The vectors of the *new* state that this one is made of."""
        return ()

    @abstractmethod
    def vector(self, step: Update, name: str) -> Claim:
        """The new vector of that name, from the old state and what `inputs` says of the
        new one.
        """

    @abstractmethod
    def vector_derivation(self, name: str) -> str:
        """Why the bound of that vector holds."""

    @abstractmethod
    def parameters(self, step: Update) -> Claim:
        """The new theta, from the recorded new state."""


def bias_correction(beta: float, t: int, unit: float = DOUBLE) -> tuple[Any, float]:
    """bc = 1 - beta^t, and its relative error; not as it stands, for that loses digits
    where beta^t is near 1.
    """
    bc = -np.expm1(t * np.log1p(-(1 - np.longdouble(beta))))
    power = 1 - bc
    return bc, unit * (2.0 * float(power / bc) * (t > 1 or unit > DOUBLE) + 1.0)


def update_claim(
    step: Update, exact: Array, bound: Array, *on_the_way: Array, others: Any = tuple
) -> Claim:
    """A claim about one vector, not judged where d or a number on the way to it may
    overflow.
    """
    fmt = step.fmt
    judged = size(step.g) + step["weight_decay"] * size(step.theta) < fmt.largest
    for number in on_the_way:
        judged = judged & (size(number) < fmt.largest)
    return claim(fmt, exact, bound * (1.0 + 30.0 * fmt.unit), judged, others)


def to_float32(given: Any) -> Any:
    return (
        tuple(float(np.float32(b)) for b in given)
        if isinstance(given, tuple | list)
        else float(np.float32(given))
    )
