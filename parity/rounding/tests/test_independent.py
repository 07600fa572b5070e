"""What independent roundings do to a whole array, by hand and by experiment."""

import math

import numpy as np
import pytest

from parity.rounding.independent import (
    CHANCE,
    DEVIATIONS,
    chance,
    distinct,
    root_mean_square,
    roundings,
    term_by_term,
)


def test_the_chance_is_that_of_eight_deviations():
    """The minimum over s of (1 - 2 s)^(-1/2) e^(-s t^2), on a grid."""
    s = np.linspace(0.001, 0.4999, 100_000)
    least = (np.exp(-s * DEVIATIONS**2) / np.sqrt(1 - 2 * s)).min()
    assert CHANCE <= least < CHANCE * (1 + 1e-6)


@pytest.mark.parametrize("dependent", [False, True])
def test_mean_squares_are_beyond_a_bound_no_oftener_than_it_says(dependent):
    """Of 20,000 arrays of normal errors, or of one error many times over."""
    rng = np.random.default_rng(3)
    errors = rng.normal(size=(20_000, 1 if dependent else 5))
    squares = (errors**2).mean(axis=1)
    for t in (1.5, 2.0, 3.0):
        assert (squares > t**2).mean() <= t * math.exp(-(t**2 - 1) / 2)


def test_roundings_are_the_root_of_the_terms_at_the_largest_partial_sum():
    """Terms of one sign reach their sum, of both signs half of their sizes."""
    one_sign, both, none = roundings(
        np.array([6.0, 0.0, 0.0]), np.array([6.0, 6.0, 0.0]), np.array([97.0, 97.0, 0.0])
    )
    assert (one_sign, both, none) == (DEVIATIONS * 10.0, DEVIATIONS * 5.0, 0.0)


def test_a_root_mean_square_is_in_units_of_what_is_allowed():
    """Where nothing is allowed nothing is counted."""
    error, allowed = np.array([3.0, 4.0, 1.0]), np.array([1.0, 1.0, 0.0])
    assert root_mean_square(error, allowed) == math.sqrt((9 + 16) / 3)
    assert root_mean_square(np.zeros(0), np.zeros(0)) == 0.0


def test_errors_of_independent_signs_seldom_go_along():
    """Hoeffding's bound, on 20,000 arrays of random signs; against it is no evidence,
    and neither is nothing.
    """
    rng = np.random.default_rng(5)
    other = rng.normal(size=30)
    chances = [chance(rng.choice((-1.0, 1.0), 30), other) for _ in range(20_000)]
    for p in (0.3, 0.1, 0.01):
        assert np.mean(np.less_equal(chances, p)) <= p
    assert chance(other, other) == math.exp(-15)
    assert chance(-other, other) == chance(other, 0 * other) == 1.0


def test_a_sum_term_by_term_rounds_after_each():
    """1 + 2^-24 is 1 in float32, however often; from the other end it is not lost."""
    A, B = np.ones((1, 9), np.float32), np.full((9, 2), 2.0**-24, np.float32)
    B[0] = 1.0
    assert term_by_term(A, B).tolist() == [[1.0, 1.0]]
    assert term_by_term(A, B[::-1]).tolist() == [[1.0 + 2.0**-21, 1.0 + 2.0**-21]]
    assert term_by_term(A, B).dtype == np.float32


def test_distinct_entries_are_each_magnitude_once():
    """Equal rows have equal errors."""
    array = np.array([[1.0, 2.0], [1.0, 2.0], [-2.0, 3.0]])
    assert distinct(array).tolist() == [[True, True], [False, False], [False, True]]
