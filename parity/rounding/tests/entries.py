"""Entries of a Bounded, any or moderate, and what they admit: results are judged as
fractions, those of functions with 350 digits.
"""

import operator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import product

import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

from parity.rounding.bounded import Bounded
from parity.rounding.formats import FORMATS

mp = mpmath.MPContext()
# so that log(1 + float64's smallest normal number) has more digits than the wider
# format
mp.dps = 350

# where longdouble is no wider than float64
NARROW = replace(FORMATS["float64"], wide=np.dtype(np.float64))
ARITHMETICS = list(product((*FORMATS.values(), NARROW), (False, True)))
every_format = pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS)
names = [f"{fmt.dtype}-in-{fmt.wide}{'-rounded' * rounded}" for fmt, rounded in ARITHMETICS]
every_arithmetic = pytest.mark.parametrize(("fmt", "rounded"), ARITHMETICS, ids=names)

OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
FUNCTIONS = {  # with 350 digits, and as programs have them
    "exp": (mp.exp, (np.exp,)),
    "log": (mp.log, (np.log,)),
    "log1p": (mp.log1p, (np.log1p,)),
    "tanh": (mp.tanh, (np.tanh,)),
    "sqrt": (mp.sqrt, (np.sqrt,)),
    "sigmoid": (
        lambda x: 1 / (1 + mp.exp(-x)),
        (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(min(x, 0)) / (1 + np.exp(-abs(x)))),
    ),
}
DOMAIN = {"log": lambda x: x > 0, "log1p": lambda x: x > -1, "sqrt": lambda x: x >= 0}
every_operation = pytest.mark.parametrize("symbol", OPERATIONS)
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def rational(number):
    """A float of any width as the fraction it is."""
    return Fraction(*np.asarray(number)[()].as_integer_ratio())


def real(number):
    """A float or a fraction with 350 digits."""
    exact = number if isinstance(number, Fraction) else rational(number)
    return mp.mpf(exact.numerator) / exact.denominator


def admits(bounded, number):
    """Whether the one entry of `bounded` admits the number, a Fraction or an mpf; an
    infinite error admits all.
    """
    assert bounded.value.size == 1
    value, error = bounded.value.item(0), bounded.error.item(0)
    exact = rational if isinstance(number, Fraction) else real
    return bool(np.isinf(error)) or abs(number - exact(value)) <= exact(error)


def admits_program(bounded, number):
    """Whether the one entry of `bounded` admits what a program gave; what is not finite
    only where the error is infinite.
    """
    return (
        admits(bounded, rational(number))
        if np.isfinite(number)
        else bool(np.isinf(bounded.error).all())
    )


def moved(bounded, share):
    """The number at this share, -1 to 1, of the one entry's error."""
    return rational(bounded.value) + Fraction(share) * rational(bounded.error)


def representable(bounded, share):
    """A number of the dtype that the one entry admits, at this share of its error where
    there is one.
    """
    exact, dtype = moved(bounded, share), bounded.format.dtype.type
    number = (
        dtype(np.longdouble(exact.numerator) / np.longdouble(exact.denominator))
        if abs(exact) < bounded.format.largest
        else np.inf
    )
    return (
        number
        if np.isfinite(number) and admits(bounded, rational(number))
        else dtype(bounded.value[()])
    )


@cache  # a strategy made anew for every draw takes longer than the test
def numbers(fmt):
    """Floats of the dtype: any, of moderate size, and those at which arithmetic
    turns.
    """
    info, width = np.finfo(fmt.dtype), 8 * fmt.dtype.itemsize
    small = info.smallest_subnormal
    turns = [
        0,
        small,
        info.tiny,
        info.tiny - small,
        info.eps,
        1,
        1 - info.eps / 2,
        1 + info.eps,
        88,
        709,
        info.max**0.5,
        info.max,
    ]
    finite = st.floats(width=width, allow_nan=False, allow_infinity=False)
    return (
        finite
        | st.floats(-40, 40, width=width)
        | st.sampled_from([float(sign * number) for number in turns for sign in (1, -1)])
    )


@cache
def entries(fmt, rounded):
    """One entry: a number of the dtype, or in propagation also one that fills the wider
    format, and none, some or much error.
    """
    relative = st.just(0.0) | st.floats(0, 2) | st.floats(0, 2 * fmt.unit)
    absolute = st.just(0.0) | st.sampled_from([0.0, fmt.tiny, 1e-3, 1.0])

    def entry(x, divisor, share, error):
        center = fmt.widen(x) / divisor
        # an error that overflows admits everything, at once
        reach = share * min(abs(center), fmt.largest / 4)
        return Bounded(center, reach + error, fmt, rounded)

    return st.builds(
        entry, numbers(fmt), st.just(1) if rounded else st.sampled_from([1, 3]), relative, absolute
    )


@cache
def several(arithmetic, length, count=1):
    """`count` lists of as many entries."""
    return st.tuples(*[st.lists(entries(*arithmetic), min_size=length, max_size=length)] * count)


@cache
def three_and_a_floor(arithmetic):
    """A list of three entries, and a number."""
    return st.tuples(several(arithmetic, 3), numbers(arithmetic[0]))


@cache
def pairs(arithmetic):
    """Two entries."""
    return st.tuples(entries(*arithmetic), entries(*arithmetic))


@cache
def rows_and_columns(arithmetic):
    """Two lists of one to five entries."""
    return st.one_of([several(arithmetic, k, 2) for k in range(1, 6)])


arithmetics = st.sampled_from(ARITHMETICS)
rounded_arithmetics = st.sampled_from([(fmt, rounded) for fmt, rounded in ARITHMETICS if rounded])
shares = st.sampled_from([-1.0, 1.0]) | st.floats(-1, 1)
five_shares = st.lists(shares, min_size=5, max_size=5)


def stacked(parts, *shape):
    """Single entries as one array."""
    value, error = ([getattr(part, name)[()] for part in parts] for name in ("value", "error"))
    return replace(parts[0], value=np.reshape(value, shape), error=np.reshape(error, shape))


INFLATION = 64  # roundings of the wider format: more than there are in any of these bounds


def inflation(fmt):
    """What a bound's own roundings may come to, in the wider format."""
    return 1 + INFLATION * fmt.wide.type(fmt.slack * fmt.unit)


def moderate(fmt, rounded, seed):
    """Forty entries of either sign, known exactly, or to within a unit, a thousandth,
    or a fifth of themselves.
    """
    rng = np.random.default_rng(seed)
    x = (rng.uniform(0.25, 4.0, 40) * rng.choice([-1, 1], 40)).astype(fmt.dtype)
    return [
        Bounded(v, share * abs(v), fmt, rounded)
        for v, share in zip(x, rng.choice([0, fmt.unit, 1e-3, 0.2], 40), strict=True)
    ]
