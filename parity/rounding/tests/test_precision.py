"""Numbers rounded to fewer bits, beside what others round into the same formats."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from parity.rounding.bounded import Bounded
from parity.rounding.formats import FORMATS
from parity.rounding.plain import Plain
from parity.rounding.precision import PRECISIONS, Precision, coarser

NEAREST = {each.name: each for each in PRECISIONS if not each.cut}
CUT = {each.name: each for each in PRECISIONS if each.cut}
each_precision = pytest.mark.parametrize(
    "precision", PRECISIONS, ids=lambda each: f"{each.name}-{each.cut}"
)
in_both = pytest.mark.parametrize("dtype", FORMATS)


def numbers(dtype, powers=30):
    """Numbers of all sizes, with some that are halfway between two of eight bits."""
    rng = np.random.default_rng(7)
    some = rng.normal(size=5000) * 10.0 ** rng.integers(-powers, powers, 5000)
    ties = (rng.integers(128, 256, 500) + 0.5) * 2.0 ** rng.integers(-9, 9, 500)
    return np.concatenate([some, ties, -ties]).astype(dtype)


def test_bfloat16_is_rounded_as_by_pytorch():
    """Bit for bit, ties included."""
    x = numbers(np.float32)
    expected = torch.tensor(x).bfloat16().float().numpy()
    np.testing.assert_array_equal(NEAREST["bfloat16"].rounded(x), expected)
    assert (expected != x).any()


def test_tf32_has_the_digits_of_float16():
    """Where float16 has full precision, its digits are those of TF32."""
    x = numbers(np.float32, powers=4)
    x = x[(np.abs(x) > np.finfo(np.float16).tiny) & (np.abs(x) < np.finfo(np.float16).max)]
    expected = x.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(NEAREST["TF32"].rounded(x), expected)
    assert (expected != x).any()


def test_float32_is_a_cast():
    """Of float64, to the nearest."""
    x = numbers(np.float64)
    np.testing.assert_array_equal(NEAREST["float32"].rounded(x), x.astype(np.float32))


@each_precision
@in_both
def test_a_rounded_number_is_the_nearest_of_its_format_or_the_next_to_zero(precision, dtype):
    """It has so many bits, keeps its sign, and is off by at most half of the last one,
    or, where it is cut, by less than one, towards zero.
    """
    x = numbers(dtype)
    rounded = precision.rounded(x)
    assert rounded.dtype == x.dtype
    _, exponent = np.frexp(x.astype(float))
    last = 2.0 ** (exponent - 1 - precision.bits)
    whole = np.ldexp(rounded.astype(float), precision.bits + 1 - exponent)
    if precision.bits < np.finfo(dtype).nmant:
        np.testing.assert_array_equal(whole, np.round(whole))
    off = np.abs(rounded.astype(float) - x)
    assert ((off < last) if precision.cut else (off <= last / 2)).all()
    if precision.cut:
        assert (np.abs(rounded) <= np.abs(x)).all()
    assert (np.signbit(rounded) == np.signbit(x)).all()


@each_precision
@in_both
def test_what_is_no_number_stays_so(precision, dtype):
    """Zeros keep their sign; infinities and NaN stay; a shape of any kind does too."""
    x = np.array([[0.0, -0.0, np.inf], [-np.inf, np.nan, 1.0]], dtype).T
    np.testing.assert_array_equal(precision.rounded(x), x)
    assert np.signbit(precision.rounded(x)[1, 0])
    assert precision.rounded(np.array(-1.5, dtype)).shape == ()


def test_a_tie_goes_to_the_even_one():
    """1 + 2^-8 lies between 1 and 1 + 2^-7; 1 + 3 2^-8 between that and 1 + 2^-6."""
    r = NEAREST["bfloat16"].rounded
    x = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8], np.float32)
    assert r(x).tolist() == [1.0, 1 + 2.0**-6]
    assert CUT["bfloat16"].rounded(x).tolist() == [1.0, 1 + 2.0**-7]


def test_coarser_are_those_with_fewer_bits():
    """Nothing is coarser than itself."""
    assert {each.name for each in coarser(FORMATS["float32"])} == {"TF32", "bfloat16"}
    assert {each.name for each in coarser(FORMATS["float64"])} == {"float32", "TF32", "bfloat16"}
    bits = [each.bits for each in coarser(FORMATS["float64"])]
    assert bits == sorted(bits, reverse=True)


def test_a_precision_says_what_it_is():
    """By its bits and by what brings it about."""
    precision = Precision("bfloat16", 7, "autocast", cut=True)
    assert str(precision) == "cut to 7 bits, as in bfloat16 (autocast)"


@each_precision
@in_both
def test_bounded_numbers_are_rounded_with_all_that_they_admit(precision, dtype):
    """Every number within the bounds is, once rounded, within the new ones; and an
    exact number is exact.
    """
    x, fmt = numbers(dtype, powers=5)[:200], FORMATS[dtype]
    error = np.abs(x.astype(float)) * 2.0**-9
    bounded = Bounded(x, error, fmt, rounded=True).coarsened(precision)
    for shift in (-1.0, -0.3, 0.0, 0.7, 1.0):
        other = (x + shift * error).astype(dtype)
        inside = np.abs(other.astype(fmt.wide) - x) <= error
        off = np.abs(precision.rounded(other).astype(fmt.wide) - bounded.value)
        assert (off <= bounded.error)[inside].all()
    exact = Bounded(x, np.zeros(()), fmt).coarsened(precision)
    assert not exact.error.any()
    np.testing.assert_array_equal(exact.value, precision.rounded(x))
    np.testing.assert_array_equal(Plain(x).coarsened(precision).value, precision.rounded(x))


def test_a_bounded_number_that_straddles_admits_both_sides():
    """1 + 2^-8 give or take a little is 1 or 1 + 2^-7."""
    x = Bounded(np.array([1 + 2.0**-8]), np.array([2.0**-30]), FORMATS["float64"])
    both = x.coarsened(NEAREST["bfloat16"])
    low, high = both.value - both.error, both.value + both.error
    assert (Fraction(float(low[0])), Fraction(float(high[0]))) == (1, 1 + Fraction(1, 128))
