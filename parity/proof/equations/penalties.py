"""The penalty of a cost: P in C, and P' in BP4, and in BP3 where biases are penalised.

Every penalty is c1 sum |theta| + c2/2 sum theta^2, of all N numbers that it penalises.

Notation: u, lam and r as in the entries of the activations.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from parity.proof.equations.kinds import Summed
from parity.rounding.claim import CONVENTION, Claim, Other, claim, near, size
from parity.rounding.formats import Format
from refnet.checks import Array

# what a spec says of a penalty: its name and its settings
Given = tuple[str, Mapping[str, Any]]

# the two strengths, from the settings
STRENGTHS: dict[str, Callable[[Mapping[str, Any]], tuple[float, float]]] = {
    "l1": lambda h: (h["strength"], 0.0),
    "l2": lambda h: (0.0, h["strength"]),
    "elastic_net": lambda h: (h["l1"], h["l2"]),
}
PENALTY = (
    "With a penalty C = loss + P, P = c1 sum |theta| + c2/2 sum theta^2 over N numbers in m "
    "arrays, within the bound of the loss, (N + 3 + r) u P + (2 + c2) N lam, and m u (|loss| + "
    "P): the squares, N - 1 additions in any order, the product with a strength that is rounded r "
    "times, and one to spare; then m additions to the loss. With both strengths P rounds once "
    "more."
)
SLOPE = (
    "With a penalty dW = delta^T a_prev + P', P' = c1 sign(W) + c2 W, sign(0) = 0, within (n + 1) "
    "u (|delta|^T |a_prev| + |P'|) + n lam, and r u c1 + (1 + r) u |c2 W| + lam: P' is one more "
    "term, and has products of its own. With both strengths it is two terms."
)
BIAS_SLOPE = (
    "Where a penalty reaches biases, db = sum of delta + P'(b), and P' is one more term, or two, "
    "as in BP4."
)


def strengths(penalty: Given) -> tuple[float, float]:
    """c1 and c2."""
    name, settings = penalty
    c1, c2 = STRENGTHS[name](settings)
    return float(c1), float(c2)


def reaches_biases(penalty: Given) -> bool:
    """Whether biases are penalised too."""
    return bool(penalty[1]["biases"])


def penalised(penalty: Given | None, name: str) -> bool:
    """Whether every W, or every b, is penalised."""
    return penalty is not None and (name == "W" or reaches_biases(penalty))


def with_penalty(fmt: Format, loss: Claim, penalty: Given, thetas: Sequence[Array]) -> Claim:
    """C = loss + P, from what is claimed of the loss and from all that is penalised."""
    (c1, c2), r = strengths(penalty), fmt.scalar
    flat = fmt.widen(np.concatenate([theta.ravel() for theta in thetas]))
    sizes, squares = np.abs(flat).sum(), (flat * flat).sum()
    exact = (c1 * sizes if c1 else 0.0) + (0.5 * c2 * squares if c2 else 0.0)
    roundings = flat.size + 3.0 + r + (c1 > 0.0 < c2)
    own = roundings * fmt.unit * size(exact) + flat.size * (2.0 + c2) * fmt.tiny
    joined = len(thetas) * fmt.unit * (size(loss.exact) + size(exact))
    fits = (size(sizes) < fmt.largest or not c1) and (size(squares) < fmt.largest or not c2)

    def others() -> Iterator[Other]:
        for other in loss.others():
            yield Other(other.status, other.note, _less(other, exact, off), other.deviation)

    off = own + joined
    bound = loss.bound + off
    return claim(fmt, loss.exact + exact, bound, loss.judged & fits, others, loss.reason)


def _less(other: Other, exact: Any, off: Any) -> Callable[[Array], Array]:
    """Whether the loss is what the other formula gives, once P is taken off, which is
    off itself.
    """
    ends = (exact - off, exact, exact + off)
    return lambda got: np.any([other.fits(got - end) for end in ends], axis=0)


class Slope(NamedTuple):
    """P' of a W or a b: its exact value, the sum of the sizes of its terms, how far off
    these may be, and how many terms it has; theta and c1 for the kink.

    Shapes: as theta.
    """

    value: Array
    terms: Array
    off: Array
    summands: int
    theta: Array
    c1: float

    @classmethod
    def of(cls, fmt: Format, penalty: Given, theta: Array) -> "Slope":
        """Of a theta that is penalised."""
        (c1, c2), r, wide = strengths(penalty), fmt.scalar, fmt.widen(theta)
        signs, drawn = c1 * np.sign(wide), c2 * wide
        off = fmt.unit * (r * size(signs) + (1.0 + r) * size(drawn)) + fmt.tiny
        summands = max((c1 > 0.0) + (c2 > 0.0), 1)
        return cls(signs + drawn, size(signs) + size(drawn), off, summands, theta, c1)

    def added_to(self, fmt: Format, s: Summed, some: Any = slice(None)) -> Claim:
        """The claim of a sum with these entries of P' added."""
        value, terms = s.value + self.value[some], s.terms + self.terms[some]
        bound = Summed(value, terms, s.roundings + self.summands, s.underflows)
        allowed, zero = bound.error(fmt) + self.off[some], self.theta[some] == 0.0

        def others() -> Iterator[Other]:
            for sign in (1.0, -1.0) if self.c1 and zero.any() else ():
                at_zero = np.where(zero, sign * self.c1, 0.0)
                # an entry without a kink has nothing to do with it
                fits = near(fmt, value + at_zero, np.where(zero, allowed, np.nan))
                yield Other(CONVENTION, f"sign(0) = {sign:+g} instead of 0", fits)

        return claim(fmt, value, allowed, terms < fmt.largest, others)
