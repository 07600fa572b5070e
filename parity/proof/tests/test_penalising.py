"""Penalties and clipping over bounded and over plain numbers: what they admit, by exact
fractions.
"""

from fractions import Fraction

import numpy as np
import pytest

from parity.proof import penalising
from parity.proof.equations.clipping import TINY
from parity.rounding.bounded import Bounded
from parity.rounding.formats import FORMATS
from parity.rounding.plain import Plain
from parity.steps.cases import DTYPES

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
THETA = (1.5, -2.0, 0.0, 0.25)
PENALTIES = {
    "l1": (("l1", {"strength": 0.3}), 0.3, 0.0),
    "l2": (("l2", {"strength": 0.7}), 0.0, 0.7),
    "elastic_net": (("elastic_net", {"l1": 0.3, "l2": 0.7}), 0.3, 0.7),
}
each_penalty = pytest.mark.parametrize(("penalty", "c1", "c2"), PENALTIES.values(), ids=PENALTIES)


def bounded(entries, dtype, error=0.0):
    """These numbers, each known to within the error, as a program of the dtype has
    them.
    """
    return Bounded(np.array(entries, dtype), np.asarray(error), FORMATS[dtype], rounded=True)


def admits(numbers, exact):
    """Whether each exact number is admitted."""
    pairs = zip(numbers.value.ravel(), numbers.error.ravel(), exact, strict=True)
    return all(
        abs(Fraction(*value.as_integer_ratio()) - want) <= Fraction(*error.as_integer_ratio())
        for value, error, want in pairs
    )


@each_penalty
@in_both_dtypes
def test_a_penalty_admits_its_exact_value_and_slope(penalty, c1, c2, dtype):
    """And what a program of the dtype computes."""
    exact, c1, c2 = [Fraction(t) for t in THETA], Fraction(c1), Fraction(c2)
    value = sum(c1 * abs(t) + c2 / 2 * t * t for t in exact)
    slopes = [c1 * ((t > 0) - (t < 0)) + c2 * t for t in exact]
    plain = Plain(np.array(THETA, dtype))
    for of, want in ((penalising.penalty_value, [value]), (penalising.penalty_slope, slopes)):
        numbers, computed = of(penalty, bounded(THETA, dtype)), of(penalty, plain).value
        assert admits(numbers, want)
        assert admits(numbers, [Fraction(float(entry)) for entry in computed.ravel()])
        assert computed.dtype == dtype
        # within a thousandth: a bound that admits everything says nothing
        assert (1000 * numbers.error <= np.abs(numbers.value) + (numbers.value == 0)).all()


def test_the_sign_at_0_may_be_another():
    """1, -1 or 0 of exactly 0, and any of them where it may have either sign."""
    for at_zero in (0.0, 1.0, -1.0):
        signs = penalising.sign(bounded(THETA, "float64"), at_zero)
        assert signs.value.tolist() == [1.0, -1.0, at_zero, 1.0]
        assert not signs.error.any()
    unsure = penalising.sign(bounded([1e-9], "float64", 1e-8))
    assert admits(unsure, [1])
    assert admits(unsure, [-1])


@in_both_dtypes
def test_the_norm_admits_both_orders(dtype):
    """Flat, and as the norm of norms, in the dtype; of (3, 4) and 12 it is 13."""
    parts = [np.array(part, dtype) for part in ((3.0, 4.0), (12.0,))]
    numbers = penalising.norm([bounded(part, dtype) for part in parts])
    assert admits(numbers, [13])
    rng = np.random.default_rng(0)
    for _ in range(50):
        parts = [rng.normal(size=n).astype(dtype) for n in (7, 3, 1)]
        numbers = penalising.norm([bounded(part, dtype) for part in parts])
        flat = np.sqrt(sum((part * part).sum() for part in parts))
        nested = np.sqrt(sum(np.sqrt((part * part).sum()) ** 2 for part in parts))
        for computed in (flat, nested):
            assert admits(numbers, [Fraction(float(computed))])


@in_both_dtypes
@pytest.mark.parametrize("limit", [0.0, 2.5, 5.0, 20.0])
def test_clipped_gradients_admit_the_exact_ones(limit, dtype):
    """By the norm, which is 5, and by the value."""
    gradients = {"W": bounded([3.0], dtype), "b": bounded([-4.0], dtype)}
    share = min(Fraction(1), Fraction(limit) / (5 + Fraction(TINY)))
    for part, entry in (("W", 3), ("b", -4)):
        assert admits(penalising.clipped(("norm", limit), gradients, part), [share * entry])
        cut = max(min(Fraction(entry), Fraction(limit)), -Fraction(limit))
        assert admits(penalising.clipped(("value", limit), gradients, part), [cut])


def test_a_share_that_may_be_on_either_side_of_1_admits_both():
    """What may be 7/8 or 5/4 is clipped to 7/8 or to 1."""
    share = penalising.at_most_1(bounded([1.0625], "float64", 0.1875))
    for exact in (Fraction(7, 8), Fraction(1)):
        assert admits(share, [exact])
    assert not admits(share, [Fraction(11, 10)])
