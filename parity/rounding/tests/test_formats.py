"""The wider format: what rounding costs in each dtype, and products that are exact to
twice float64's precision.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from parity.rounding.formats import FORMATS, dot2

# dtype: unit, smallest normal, largest, roundings of a hyper-parameter; in units, the
# errors of exp, log, tanh, sqrt and sigmoid
DOCUMENTED = {
    "float64": (2.0**-53, 2.0**-1022, (2.0 - 2.0**-52) * 2.0**1023, 0, 2.0, 4.0, 8.0, 2.0, 4.0),
    "float32": (2.0**-24, 2.0**-126, (2.0 - 2.0**-23) * 2.0**127, 1, 6.0, 8.0, 8.0, 2.0, 8.0),
}
# entries are spread over 10^-s to 10^s; more would underflow in a product's rest
SPREAD = (0, 8, 60)
in_both_dtypes = pytest.mark.parametrize("dtype", FORMATS)


def fractions(A):
    """Every entry of a matrix as the rational number that it is."""
    return [[Fraction(float(x)) for x in row] for row in A]


def products(A, B):
    """The entries of A B and of |A| |B|, exactly."""
    columns = list(zip(*fractions(B), strict=True))
    for i, row in enumerate(fractions(A)):
        for j, column in enumerate(columns):
            terms = [a * b for a, b in zip(row, column, strict=True)]
            yield (i, j), sum(terms), sum(map(abs, terms))


@np.errstate(all="ignore")  # BLAS may leave flags behind finite products
def matrices(seed, k, spread, dtype="float64"):
    """A (4, k) and B (k, 3), each entry at a power of ten of its own; the first two
    rows of A cancel against B's columns.
    """
    rng = np.random.default_rng(seed)
    A, B = (
        rng.normal(size=shape) * 10.0 ** rng.uniform(-spread, spread, shape)
        for shape in ((4, k), (k, 3))
    )
    if k > 1:
        A[:2, -1] = -(A[:2, :-1] @ B[:-1, :1])[:, 0] / B[-1, 0]
    return A.astype(dtype), B.astype(dtype)


@in_both_dtypes
def test_a_format_says_what_rounding_does(dtype):
    """Unit, smallest and largest number are IEEE's, the errors of elementary functions
    those that libraries document.
    """
    fmt = FORMATS[dtype]
    assert (
        fmt.unit,
        fmt.tiny,
        fmt.largest,
        fmt.scalar,
        fmt.exp,
        fmt.log,
        fmt.tanh,
        fmt.sqrt,
        fmt.sigmoid,
    ) == DOCUMENTED[dtype]
    assert fmt.dtype == np.dtype(dtype)
    one = fmt.dtype.type(1.0)
    assert one + fmt.dtype.type(fmt.unit) == one != one + fmt.dtype.type(2.0 * fmt.unit)


def test_the_slack_is_the_wider_format_s_own_rounding():
    """A bound widens by the ratio of the two units: 2^-29 in float32, and all of itself
    where longdouble is no wider than float64.
    """
    assert FORMATS["float32"].slack == 2.0**-29
    assert FORMATS["float64"].slack == float(np.finfo(np.longdouble).eps) / 2.0 / 2.0**-53
    assert replace(FORMATS["float64"], wide=np.dtype(np.float64)).slack == 1.0
    for fmt in FORMATS.values():
        own, both = fmt.units
        assert own.dtype == both.dtype == fmt.wide
        assert (own, both) == (np.finfo(fmt.wide).eps / 2, np.finfo(fmt.wide).eps / 2 + fmt.unit)


@in_both_dtypes
def test_widening_is_exact(dtype):
    """The same numbers come back from the wider format, and lists of Python numbers go
    into it.
    """
    fmt = FORMATS[dtype]
    given = np.array([0.1, -0.0, np.inf, fmt.largest, fmt.tiny / 4], dtype)
    assert fmt.widen(given).dtype == fmt.wide
    assert fmt.widen(given).astype(dtype).tobytes() == given.tobytes()
    assert fmt.widen([True, False]).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("spread", SPREAD)
@pytest.mark.parametrize("k", [1, 2, 3, 17, 100])
def test_dot2_is_as_good_as_twice_the_precision(k, spread):
    """high + low is off by at most (k u / (1 - k u))^2 |A| |B|, as Ogita, Rump and
    Oishi prove, whatever cancels.
    """
    gamma = Fraction(k, 2**53) / (1 - Fraction(k, 2**53))
    for seed in range(3):
        A, B = matrices(seed, k, spread)
        high, low = dot2(A, B)
        for index, exact, size in products(A, B):
            assert abs(Fraction(high[index]) + Fraction(low[index]) - exact) <= gamma**2 * size


def test_dot2_of_one_product_and_of_two_numbers_is_exact():
    """A product, and a sum of two numbers, are split without error, where float64 alone
    would round them.
    """
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 1)), rng.normal(size=(1, 60)) * 1e9
    high, low = dot2(a, b)
    assert all(Fraction(high[i]) + Fraction(low[i]) == exact for i, exact, _ in products(a, b))
    assert (low != 0.0).any()
    pairs = np.hstack([a, b.T])
    high, low = dot2(pairs, np.ones((2, 1)))
    assert all(
        Fraction(high[i]) + Fraction(low[i]) == exact
        for i, exact, _ in products(pairs, np.ones((2, 1)))
    )
    assert (low != 0.0).any()


@np.errstate(all="ignore")  # BLAS may leave flags behind finite products
def test_dot2_sees_what_float64_loses():
    """1e16 + 1 - 1e16 is 1, and (1 + e)^2 - 1 - 2 e is e^2, where a plain product has
    0.
    """
    e = 2.0**-40
    A = np.array([[1e16, 1.0, -1e16], [1.0 + e, -1.0, -2.0 * e]])
    B = np.array([[1.0, 1.0 + e], [1.0, 1.0], [1.0, 1.0]])
    high, low = dot2(A, B)
    assert (high + low)[0, 0] == 1.0
    assert (high + low)[1, 1] == e**2
    assert np.dot(A, B)[1, 1] != e**2


@in_both_dtypes
def test_a_variance_keeps_what_a_square_would_lose(dtype):
    """(1 + 2 e) - (1 + e)^2 is -e^2, which a rounded square would leave out."""
    fmt, e = FORMATS[dtype], float(np.finfo(dtype).eps)
    v, m = (np.array([1.0 + times * e], dtype) for times in (2.0, 1.0))
    assert fmt.less_square(v, m).tolist() == [-(e**2)]


@in_both_dtypes
@pytest.mark.parametrize("k", [1, 3, 40])
def test_a_wide_product_is_off_by_the_slack_at_most(dtype, k):
    """The wider format's product is within slack k u |A| |B| of the exact one, of
    matrices in any layout.
    """
    fmt = FORMATS[dtype]
    for seed in range(3):
        A, B = matrices(seed, k, 3, dtype)
        wide = fmt.dot(A, np.asfortranarray(B))
        assert wide.dtype == fmt.wide
        for index, exact, size in products(A, B):
            high = float(wide[index])
            got = Fraction(high) + Fraction(float(wide[index] - fmt.wide.type(high)))
            assert abs(got - exact) <= Fraction(fmt.slack) * Fraction(fmt.unit) * (k + 1) * size


@in_both_dtypes
def test_a_wide_product_of_huge_numbers_is_silent(dtype):
    """A product that overflows in float64 warns of nothing, and is not finite; an empty
    sum is zero.
    """
    fmt = FORMATS[dtype]
    huge = np.full((2, 2), fmt.largest, dtype)
    assert np.isfinite(fmt.dot(huge, huge)).all() == (dtype == "float32")
    assert fmt.dot(np.ones((2, 0), dtype), np.ones((0, 3), dtype)).tolist() == [[0.0] * 3] * 2
