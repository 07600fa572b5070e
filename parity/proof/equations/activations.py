"""Equation a, and how a gradient comes back through f in BP1 and BP2: for each
activation the exact value and its bound.

Notation: u is the unit of the dtype, lam its smallest normal number, E the error of an
elementary function in units of u, r the roundings of a hyper-parameter. Bounds are
counts of roundings (Higham 2002, section 3.1).

The exact f' is computed from the recorded a, which most programs read. A program that
computes a from z once more may round it differently; the term with kappa = 2 E allows
for that. The recorded z is the exact input of f', so it is known on which side of a
kink it lies.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from parity.proof.equations.kinds import ActivationEntry, Summed
from parity.proof.equations.shared import sigmoid, softmax, softmax_error
from parity.rounding.claim import CONVENTION, INACCURATE, Claim, Other, claim, near, size
from parity.rounding.formats import Format
from refnet.checks import Array

_PRODUCT = (
    "delta = g f', where g is off by error(g) and f' by u e: |computed - g f'| <= [error(g) |f'| + "
    "(|g| + error(g)) u (|f'| + e)] (1 + 20 u) + lam (2 (|g| + error(g)) + 1). The product with an "
    "f' of 0 or 1 is exact. error(g) is a bound to all orders, so 20 u has to cover only products "
    "of two roundings of f': it has at most kappa + 4 = 20 of them, as E is at most 8."
)


class _Elementwise(ActivationEntry):
    """delta = g f', the product of a computed g and a computed f'."""

    slope_derivation: ClassVar[str]
    rounds: ClassVar[bool] = True  # the product with f' is rounded

    @property
    def pullback_derivation(self) -> str:
        return f"{_PRODUCT} {self.slope_derivation}"

    @abstractmethod
    def derivative(self, fmt: Format, z: Array, a: Array) -> tuple[Array, Array]:
        """f' in the wider format, and its error in units of u."""

    def kinks(self, z: Array) -> Sequence[tuple[float, Array]]:
        """Other values that f' takes by convention, and where."""
        return ()

    def pullback(self, fmt: Format, g: Summed, z: Array, a: Array) -> Claim:
        slope, off = self.derivative(fmt, z, a)
        exact = g.value * slope
        bound = self._bound(fmt, g, size(slope), off)

        def convention(value: float, where: Array) -> Other:
            at_kink = np.full_like(g.value, value)
            fits = near(
                fmt,
                np.where(where, g.value * at_kink, exact),
                np.where(where, self._bound(fmt, g, size(at_kink), off), bound),
            )
            ours = float(slope[where].flat[0])
            return Other(CONVENTION, f"{self.name}'(0) = {value:g} instead of {ours:g}", fits)

        def others() -> list[Other]:
            return [convention(*kink) for kink in self.kinks(z)]

        return claim(fmt, exact, bound, g.judged, others)

    def _bound(self, fmt: Format, g: Summed, slope: Array, off: Array) -> Array:
        error = g.error(fmt)
        magnitude = size(g.value) + error
        first_order = error * slope + magnitude * fmt.unit * (self.rounds * slope + off)
        return (
            first_order * (1.0 + 20.0 * fmt.unit) + fmt.tiny * (2.0 * magnitude + 1.0) * self.rounds
        )


class Identity(_Elementwise):
    """f(z) = z."""

    name = "identity"
    source = "Goodfellow, Bengio and Courville, Deep Learning, section 6.2.2.1"
    rounds = False

    value_derivation = "a = z to the bit: nothing is rounded."

    def value(self, fmt: Format, z: Array) -> Claim:
        return claim(fmt, fmt.widen(z), 0.0)

    slope_derivation = "f' = 1."

    def derivative(self, fmt: Format, z: Array, a: Array) -> tuple[Array, Array]:
        return np.ones(z.shape, fmt.wide), np.zeros(z.shape)


class Heaviside(_Elementwise):
    """f(z) = 1 for z > 0, else 0."""

    name = "heaviside"
    source = "Rosenblatt, The perceptron (1958)"
    rounds = False

    value_derivation = (
        "a = 1 for z > 0, else 0, exactly: a comparison does not round. Other values at z = 0 are "
        "conventions."
    )

    def value(self, fmt: Format, z: Array) -> Claim:
        exact = fmt.widen(z > 0.0)

        def others() -> list[Other]:
            return [
                Other(
                    CONVENTION,
                    f"heaviside(0) = {value:g} instead of 0",
                    near(fmt, np.where(z == 0.0, value, exact), 0.0),
                )
                for value in (0.5, 1.0)
            ]

        return claim(fmt, exact, 0.0, np.isfinite(z), others)

    slope_derivation = "f' = 0 wherever it exists."

    def derivative(self, fmt: Format, z: Array, a: Array) -> tuple[Array, Array]:
        return np.zeros(z.shape, fmt.wide), np.zeros(z.shape)


class ReLU(_Elementwise):
    """f(z) = max(z, 0)."""

    name = "relu"
    source = "Nair and Hinton, Rectified linear units improve restricted Boltzmann machines (2010)"
    rounds = False

    value_derivation = "a = max(z, 0), exactly: a comparison does not round."

    def value(self, fmt: Format, z: Array) -> Claim:
        return claim(fmt, np.maximum(fmt.widen(z), 0.0), 0.0)

    slope_derivation = "f' = 1 for z > 0, else 0."

    def derivative(self, fmt: Format, z: Array, a: Array) -> tuple[Array, Array]:
        return fmt.widen(z > 0.0), np.zeros(z.shape)

    def kinks(self, z: Array) -> Sequence[tuple[float, Array]]:
        """ReLU'(0) = 1, or the 1/2 of max(z, 0)."""
        where = z == 0.0
        return [(1.0, where), (0.5, where)] if where.any() else ()


class LeakyReLU(_Elementwise):
    """f(z) = z for z > 0, else slope z."""

    name = "leaky_relu"
    source = (
        "Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models "
        "(2013)"
    )

    @property
    def slope(self) -> float:
        """f'(z) for z <= 0."""
        return self.parameters["slope"]

    value_derivation = (
        "a = z exactly for z > 0, else slope z within (1 + r) u |a| + lam: one product, and r "
        "roundings of the slope."
    )

    def value(self, fmt: Format, z: Array) -> Claim:
        wide = fmt.widen(z)
        exact = np.where(z > 0.0, wide, self.slope * wide)
        bound = np.where(z > 0.0, 0.0, (1.0 + fmt.scalar) * fmt.unit * size(exact) + fmt.tiny)
        return claim(fmt, exact, bound)

    slope_derivation = "f' = 1 for z > 0, else slope, rounded r times."

    def derivative(self, fmt: Format, z: Array, a: Array) -> tuple[Array, Array]:
        slope = np.where(z > 0.0, fmt.wide.type(1.0), fmt.wide.type(self.slope))
        return slope, np.where(z > 0.0, 0.0, fmt.scalar * abs(self.slope))

    def kinks(self, z: Array) -> Sequence[tuple[float, Array]]:
        """LeakyReLU'(0) = 1, or the middle of the two sides."""
        where = z == 0.0
        return [(1.0, where), (0.5 + 0.5 * self.slope, where)] if where.any() else ()


class Sigmoid(_Elementwise):
    """f(z) = 1 / (1 + exp(-z))."""

    name = "sigmoid"
    source = (
        "Higham 2002, section 3.1; Nielsen, Neural Networks and Deep Learning, chapter 1, "
        "equation 3"
    )

    value_derivation = (
        "a = 1 / (1 + e^-z) within (E_exp + 2) u a + lam: the error of exp, an addition of "
        "positive numbers and a division; e^z / (1 + e^z) has no more. Where e^-z overflows, a "
        "program returns 0 for a number below lam."
    )

    def value(self, fmt: Format, z: Array) -> Claim:
        exact = sigmoid(fmt.widen(z))

        def others() -> list[Other]:
            # (1 + tanh(z / 2)) / 2 is off by a share of 1, not of a: the error of tanh,
            # the addition, and three to spare, as this decides only under which name it
            # fails
            through_tanh = near(fmt, exact, fmt.unit * (fmt.tanh + 4.0))
            return [
                Other(
                    INACCURATE,
                    "sigmoid through tanh, (1 + tanh(z / 2)) / 2, cancels where z is far below 0",
                    through_tanh,
                )
            ]

        return claim(fmt, exact, fmt.sigmoid * fmt.unit * size(exact) + fmt.tiny, others=others)

    slope_derivation = (
        "f' = a (1 - a) is off by u e, e = 4 f' + kappa a |1 - 2 a| + kappa^2 u a^2, kappa = 2 E: "
        "the difference, the product and two to spare, and what changes if a is computed once more."
    )

    def derivative(self, fmt: Format, z: Array, a: Array) -> tuple[Array, Array]:
        wide, at = fmt.widen(a), size(a)
        slope, kappa = wide * (1.0 - wide), 2.0 * fmt.sigmoid
        first_order = 4.0 * size(slope) + kappa * at * np.abs(1.0 - 2.0 * at)
        return slope, first_order + kappa**2 * fmt.unit * at**2


class Tanh(_Elementwise):
    """f(z) = tanh(z)."""

    name = "tanh"
    source = (
        "Higham 2002, section 3.1; LeCun, Bottou, Orr and Mueller, Efficient BackProp (1998), "
        "section 4.4"
    )

    value_derivation = "a = tanh(z) within E_tanh u |a| + lam, as vector libraries promise."

    def value(self, fmt: Format, z: Array) -> Claim:
        exact = np.tanh(fmt.widen(z))

        def others() -> list[Other]:
            # off by a share of 1, not of a: two sigmoids and four to spare, as this
            # decides only under which name it fails
            through_exp = near(fmt, exact, fmt.unit * (2.0 * fmt.sigmoid + 4.0))
            return [
                Other(
                    INACCURATE,
                    "tanh through exp, such as (e^2z - 1) / (e^2z + 1), cancels where z is near 0",
                    through_exp,
                )
            ]

        return claim(fmt, exact, fmt.tanh * fmt.unit * size(exact) + fmt.tiny, others=others)

    slope_derivation = (
        "f' = 1 - a^2 is off by u e, e = 3 |f'| + a^2 (1 + 2 kappa), kappa = 2 E: three roundings "
        "as (1 - a) (1 + a), fewer as 1 - a^2 but for that of a^2, and what changes if a is "
        "computed once more."
    )

    def derivative(self, fmt: Format, z: Array, a: Array) -> tuple[Array, Array]:
        wide = fmt.widen(a)
        slope = (1.0 - wide) * (1.0 + wide)
        return slope, 3.0 * size(slope) + size(a) ** 2 * (1.0 + 4.0 * fmt.tanh)


class Softmax(ActivationEntry):
    """f(z)_j = e^s_j / sum e^s, s = z - max z, along each row of k."""

    name = "softmax"
    mixes = True
    source = (
        "Higham 2002, sections 3.1 and 4.2; Bridle, Probabilistic interpretation of feedforward "
        "classification outputs (1990)"
    )

    value_derivation = (
        "a_j = e^s_j / sum e^s, s = z - max z, along each row of k, within u a_j (|s_j| + Sbar + 2 "
        "E_exp + k + 2) + lam. s_j is off by u |s_j|, which exp turns into a relative error; in "
        "the sum these average to Sbar = sum_i a_i |s_i| <= log k. Numerator and sum have an E_exp "
        "each, the sum k - 1 roundings and the division one; two are spare."
    )

    def value(self, fmt: Format, z: Array) -> Claim:
        exact, s, total = softmax(fmt.widen(z))
        relative = softmax_error(fmt, exact, s)
        bound = fmt.unit * size(exact * relative) + fmt.tiny

        def others() -> list[Other]:
            # roundings of z - lse counted generously, as this decides only under which
            # name it fails
            lse = np.abs(z.max(axis=1, keepdims=True) + np.log(total))
            worse = (
                relative
                + 4.0 * lse
                + 2.0 * np.abs(s - np.log(total))
                + fmt.log * np.log(total)
                + 4.0
            )
            through_lse = near(fmt, exact, fmt.unit * size(exact * worse) + fmt.tiny)
            return [
                Other(
                    INACCURATE,
                    "softmax as exp(z - log sum exp z), off by |log sum exp z| roundings",
                    through_lse,
                )
            ]

        return claim(fmt, exact, bound, others=others)

    pullback_derivation = (
        "delta_j = a_j (g_j - sum_i g_i a_i) within (roundings of g + k + 6) u a_j (G_j + sum G a) "
        "+ lam (4 + m + 2 G_j + 2 sum G), where g adds up terms of sizes G and may underflow m "
        "times: a product, k - 1 additions, a difference, a product; four are spare."
    )

    def pullback(self, fmt: Format, g: Summed, z: Array, a: Array) -> Claim:
        wide, at = fmt.widen(a), size(a)
        exact = wide * (g.value - (g.value * wide).sum(axis=1, keepdims=True))
        mixed = g.terms + (g.terms * at).sum(axis=1, keepdims=True)
        underflow = 4.0 + g.underflows + 2.0 * g.terms + 2.0 * g.terms.sum(axis=1, keepdims=True)
        # an overflow in one column reaches every column through the sum
        judged = np.broadcast_to(g.judged, a.shape).all(axis=1, keepdims=True)
        return claim(
            fmt,
            exact,
            (g.roundings + a.shape[1] + 6.0) * fmt.unit * at * mixed + fmt.tiny * underflow,
            judged,
        )


ACTIVATION_ENTRIES: dict[str, type[ActivationEntry]] = {
    kind.name: kind for kind in (Identity, Heaviside, Sigmoid, Tanh, ReLU, LeakyReLU, Softmax)
}
