"""Bounds carried through formulas: in exact arithmetic, whatever is admitted stays
admitted, and the bounds are no wider than their terms.

Results are judged as fractions, those of functions with 350 digits; float programs as
NumPy runs them.
"""

import operator
from dataclasses import replace
from fractions import Fraction
from functools import cache, reduce
from itertools import product

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.rounding.bounded import Bounded, positive
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


# Soundness


@settings(max_examples=80)
@given(arithmetics.flatmap(pairs), shares, shares)
def test_an_operation_on_what_is_admitted_is_admitted(operands, s, t):
    """x' + y', and so on, lies within the bound of x + y, for x' and y' anywhere within
    theirs and at the corners.
    """
    for (symbol, operation), (share, other) in product(
        OPERATIONS.items(), ((s, t), *product((-1, 1), repeat=2))
    ):
        result, a, b = operation(*operands), moved(operands[0], share), moved(operands[1], other)
        assert admits(result, operation(a, b)) if symbol != "/" or b else np.isinf(result.error), (
            symbol
        )


@settings(max_examples=80)
@given(rounded_arithmetics.flatmap(pairs), shares, shares)
def test_an_operation_s_rounding_is_admitted(operands, s, t):
    """What a float program makes of numbers within the bounds of x and y lies within
    the bound of x + y, and so on.
    """
    x, y = map(representable, operands, (s, t))
    for symbol, operation in OPERATIONS.items():
        with np.errstate(all="ignore"):
            program = operation(x, y)
        assert admits_program(operation(*operands), program), symbol


@settings(max_examples=80)
@given(arithmetics.flatmap(lambda a: entries(*a)), shares)
def test_a_function_of_what_is_admitted_is_admitted(x, s):
    """f(x') lies within the bound of f(x) for x' anywhere within that of x and at the
    corners; outside f's domain that is infinite.
    """
    for (name, (exact, _)), share in product(FUNCTIONS.items(), (s, -1, 1)):
        result, a = getattr(x, name)(), moved(x, share)
        if np.isfinite(result.error):
            assert name not in DOMAIN or DOMAIN[name](a), name
            assert admits(result, exact(real(a))), name


@settings(max_examples=80)
@given(rounded_arithmetics.flatmap(lambda a: entries(*a)), shares)
def test_a_function_s_rounding_is_admitted(x, s):
    """What a float program computes as f of a number within the bound of x lies within
    the bound of f(x).
    """
    a = representable(x, s)
    for name, (_, programs) in FUNCTIONS.items():
        for program in programs:
            with np.errstate(all="ignore"):
                value = program(a)
            assert admits_program(getattr(x, name)(), value), name


@given(arithmetics.flatmap(rows_and_columns), five_shares)
def test_a_product_and_a_sum_of_what_is_admitted_are_admitted(lists, shares):
    """Exact products of rows and columns, and exact sums, lie within their bounds."""
    (row, column), k = lists, len(lists[0])
    A, B = stacked(row, 1, k), stacked(column, k, 1)
    a, b = (
        [moved(x, s) for x, s in zip(part, order, strict=False)]
        for part, order in ((row, shares), (column, shares[::-1]))
    )
    assert admits(A @ B, sum(map(operator.mul, a, b)))
    assert admits(A.sum(), sum(a))


@every_format
@every_operation
def test_an_operation_s_bound_pays_for_its_own_rounding(symbol, fmt):
    """Where errors that fill the wider format are all there is, also of tiny numbers,
    the bound is no smaller than the corners are away.
    """
    operation, rng, third = OPERATIONS[symbol], np.random.default_rng(16), fmt.widen(1) / 3
    for one, two, three, small in zip(
        *(fmt.widen(rng.uniform(1, 2, (4, 60))) * third), strict=True
    ):
        for x_scale, y_scale in ((1.0, 1.0), (2.0**-1040, 2.0**-828)):
            x = Bounded(
                small * x_scale * (fmt.unit if x_scale == 1 else 1), one * (x_scale == 1), fmt
            )
            y = Bounded(two * y_scale, two * three / 2 * y_scale, fmt)
            result = operation(x, y)
            assert all(
                admits(result, operation(moved(x, s), moved(y, t)))
                for s, t in product((-1, 1), repeat=2)
            )


# where rounding on the way to a bound is magnified: x, and the part of the way to the
# edge that the error reaches
REGIMES = {
    "exp": (lambda r: r * 680, lambda x, r: 2 * r),
    "log": (lambda r: np.exp(30 * r), lambda x, r: x * (1 - np.exp(-30 * r))),
    "log1p": (lambda r: np.expm1(20 * r), lambda x, r: (1 + x) * (1 - np.exp(-30 * r))),
    "tanh": (lambda r: 300 * r, lambda x, r: 2 * r * abs(x)),
    "sqrt": (lambda r: np.exp(30 * r), lambda x, r: x * (1 - np.exp(-60 * r))),
    "sigmoid": (lambda r: 600 * r, lambda x, r: 2 * r * abs(x)),
}


@every_format
@every_function
def test_a_function_s_bound_pays_for_its_own_rounding(name, fmt):
    """Where f is steep, far out or near the edge of its domain, the bound is computed
    no smaller than the ends are away.
    """
    (center, reach), (exact, _) = REGIMES[name], FUNCTIONS[name]
    for r, s in np.random.default_rng(14).uniform((-1, 0), 1, (60, 2)):
        value = fmt.widen(center(fmt.widen(r)))
        x = Bounded(value, reach(value, fmt.widen(s)), fmt)
        result = getattr(x, name)()
        assert np.isfinite(result.error)
        assert all(admits(result, exact(real(moved(x, end)))) for end in (-1, 1))


@every_arithmetic
def test_a_floor_s_bound_pays_for_its_own_rounding(fmt, rounded):
    """What lies at either end of x, or at the floor as a program reads it, is admitted
    after the floor, however close the three are.
    """
    third = fmt.widen(1) / 3
    for floor in (0.0, 0.1, 1.0):
        near = [
            fmt.widen(floor),
            fmt.widen(floor) - third,
            *fmt.widen(np.random.default_rng(15).uniform(-1, 1, 30)) * third,
        ]
        for value, error in product(near, (0.0, third, third * fmt.unit, third * fmt.unit**2)):
            x = Bounded(value, error, fmt, rounded)
            for read, end in product(
                {floor, float(fmt.dtype.type(floor))} if rounded else {floor}, (-1, 1)
            ):
                assert admits(x.maximum(floor), max(moved(x, end), Fraction(read)))


@every_format
def test_an_error_too_small_for_float64_is_not_lost_in_a_product(fmt):
    """Errors are multiplied in float64: 2^-1076 times 2^1000 is 2^-76 all the same,
    where the wider format has such numbers.
    """
    small = Bounded(
        np.zeros((1, 1)), np.full((1, 1), fmt.wide.type(2.0**-1000) * fmt.wide.type(2.0**-76)), fmt
    )
    assert (
        rational((small @ np.full((1, 1), 2.0**1000)).error.item())
        >= rational(small.error.item()) * 2**1000
    )


@every_format
def test_flushing_to_zero_is_admitted(fmt):
    """A program may put 0 for a result below the smallest normal number, and in each
    product that a sum adds up.
    """
    small, root = (
        Bounded(np.full((1, 3), x), 0.0, fmt, True) for x in (0.99 * fmt.tiny, 0.99 * fmt.tiny**0.5)
    )
    flushed = [
        root * root,
        small * 1.0,
        root / (1 / root.value),
        root @ root.T,
        small.tanh(),
        small.log1p(),
    ]
    logarithm = Bounded(np.log(0.99 * fmt.tiny), 0.0, fmt, True)
    for result in (*flushed, logarithm.exp(), logarithm.sigmoid()):
        assert np.all(result.value > fmt.tiny / 2)
        assert np.all(result.value <= result.error)


def fused(terms):
    """The sum of a b of float64 numbers, each product and addition rounded together."""
    return reduce(
        lambda total, ab: float(rational(total) + rational(ab[0]) * rational(ab[1])), terms, 0.0
    )


def totals(terms):
    """A sum as programs add it up: from either end, in pairs, and as NumPy does."""
    halves = [terms[0::2], terms[1::2]] if len(terms) > 1 else [terms]
    orders = terms, terms[::-1], [reduce(operator.add, half) for half in halves]
    return [*(reduce(operator.add, order) for order in orders), np.array(terms).sum()]


@given(rounded_arithmetics.flatmap(rows_and_columns), five_shares)
def test_a_product_s_and_a_sum_s_rounding_is_admitted_in_any_order(lists, shares):
    """What float programs add up, from either end, in pairs, by BLAS or with fused
    multiply-add, lies within the bound.
    """
    (row, column), k = lists, len(lists[0])
    A, B = stacked(row, 1, k), stacked(column, k, 1)
    a, b = (
        [representable(x, s) for x, s in zip(part, order, strict=False)]
        for part, order in ((row, shares), (column, shares[::-1]))
    )
    with np.errstate(all="ignore"):
        dots, sums = (
            [*totals(list(map(operator.mul, a, b))), np.dot(np.array(a), np.array(b))],
            totals(a),
        )
        if A.format.dtype == np.float64 and np.isfinite((A @ B).error).all():
            dots.append(np.float64(fused(zip(a, b, strict=True))))
    assert all(admits_program(A @ B, dot) for dot in dots)
    assert all(admits_program(A.sum(), total) for total in sums)


@given(arithmetics.flatmap(three_and_a_floor), five_shares)
def test_what_is_chosen_or_moved_about_stays_admitted(drawn, shares):
    """-x, |x|, the maximum of several and of x and a floor are exact: what they make of
    numbers admitted is admitted.
    """
    ((row,), floor) = drawn
    x, a = stacked(row, 3), list(map(moved, row, shares))
    assert admits(x.max(), max(a))
    for corners in product((-1, 1), repeat=3):
        assert admits(x.max(), max(map(moved, row, corners)))
    one = row[0]
    for exact in (a[0], moved(one, -1), moved(one, 1)):
        assert admits(-one, -exact)
        assert admits(abs(one), abs(exact))
        assert admits(one.maximum(floor), max(exact, rational(floor)))


@given(arithmetics.flatmap(lambda a: several(a, 3)), shares, shares, shares)
def test_a_choice_by_sign_admits_what_either_sign_gives(drawn, s, t, r):
    """a' where z' > 0, else b', lies within the bound for every z', a' and b'
    admitted.
    """
    ((z, a, b),) = drawn
    for share in (s, -1, 1):
        exact = moved(a, t) if moved(z, share) > 0 else moved(b, r)
        assert admits(positive(z, a, b), exact)


# The terms of each bound

# the slope's logarithm grows by at most 2 and 1 times the error
STEEPER = {"tanh": lambda error: mp.exp(2 * error), "sigmoid": mp.exp}
INFLATION = 64  # roundings of the wider format: more than there are in any of these bounds


def inflation(fmt):
    """What a bound's own roundings may come to, in the wider format."""
    return 1 + INFLATION * fmt.wide.type(fmt.slack * fmt.unit)


def assert_no_wider(result, center, corners, roundings, steeper=1):
    """The bound is what the corners are away, and the roundings of the largest of them,
    and no more.
    """
    inherited = max(abs(corner - center) for corner in corners) * steeper
    terms = (
        inherited + roundings * real(result.unit) * (abs(center) + inherited) + real(result.tiny)
    )
    assert real(result.error) <= terms * real(inflation(result.format))


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


def nonnegative(fmt, rounded, seed):
    """The magnitudes of forty such entries."""
    return [abs(x) for x in moderate(fmt, rounded, seed)]


@every_arithmetic
@every_operation
def test_an_operation_s_bound_is_no_wider_than_its_terms(symbol, fmt, rounded):
    """What the corners of x and y are away, one rounding of the largest, and underflow:
    nothing else is in the bound.
    """
    operation = OPERATIONS[symbol]
    for x, y in zip(moderate(fmt, rounded, 1), moderate(fmt, rounded, 2), strict=True):
        corners = [real(operation(moved(x, s), moved(y, t))) for s, t in product((-1, 1), repeat=2)]
        assert_no_wider(operation(x, y), real(operation(moved(x, 0), moved(y, 0))), corners, 1)


@every_arithmetic
@every_function
def test_a_function_s_bound_is_no_wider_than_its_terms(name, fmt, rounded):
    """What the ends of x are away, the function's own error at the larger, and
    underflow: nothing else is in the bound.
    """
    exact, roundings = FUNCTIONS[name][0], getattr(fmt, "log" if name == "log1p" else name)
    for x in (nonnegative if name in DOMAIN else moderate)(fmt, rounded, 3):
        steeper = STEEPER[name](real(x.error)) if name in STEEPER else 1
        assert_no_wider(
            getattr(x, name)(),
            exact(real(moved(x, 0))),
            [exact(real(moved(x, s))) for s in (-1, 1)],
            roundings,
            steeper,
        )


@every_arithmetic
@pytest.mark.parametrize("k", [1, 2, 40])
def test_a_product_s_and_a_sum_s_bound_is_no_wider_than_its_terms(k, fmt, rounded):
    """|A| eB + eA |B| + eA eB, k u of the largest |A| |B| and k tiny; the sum of errors
    and n - 1 roundings of the largest sum.
    """
    x, y = moderate(fmt, rounded, 4)[:k], moderate(fmt, rounded, 5)[:k]
    dot, total = stacked(x, 1, k) @ stacked(y, k, 1), stacked(x, k).sum()
    (a, ea), (b, eb) = (
        ([abs(moved(i, 0)) for i in part], [rational(i.error) for i in part]) for part in (x, y)
    )
    inherited = sum(a[i] * eb[i] + ea[i] * b[i] + ea[i] * eb[i] for i in range(k))
    largest = sum((a[i] + ea[i]) * (b[i] + eb[i]) for i in range(k))
    terms = inherited + k * rational(dot.unit) * largest + k * rational(dot.tiny)
    # what errors are multiplied in
    in_float64 = 1 + 2 * (k + 1) * rational(np.finfo(np.float64).eps)
    assert rational(dot.error.item()) <= terms * in_float64 * rational(inflation(fmt)) ** k
    terms = sum(ea) + (k - 1) * rational(total.unit) * sum(map(operator.add, a, ea))
    assert rational(total.error) <= terms * rational(inflation(fmt)) ** k
    # as many roundings as there are terms along the axis
    several = stacked(x * 3, 3, k).sum(axis=1).error
    assert np.all(np.abs(several - total.error) <= total.error * (inflation(fmt) ** k - 1))


@every_format
def test_what_is_exact_costs_nothing(fmt):
    """-x, |x|, a floor not reached, transposing, indexing and reshaping leave the error
    as it is, and zeros multiply to exact zeros.
    """
    x = stacked(moderate(fmt, True, 6), 5, 8)
    for same in (-x, abs(x), x.maximum(-1e6)):
        assert np.array_equal(same.error, x.error)
    assert np.array_equal(x.T.error, x.error.T)
    assert np.array_equal(x[:, 2:].error, x.error[:, 2:])
    assert np.array_equal(x.reshape(8, 5).error, x.error.reshape(8, 5))
    zeros = Bounded(np.zeros((8, 3)), 0.0, fmt, True)
    for nothing in (
        x @ zeros,
        x[:, :3] * zeros[:5],
        zeros[:5] / x[:, :3],
        zeros.sum(),
        zeros.tanh(),
        zeros.log1p(),
        zeros.sqrt(),
        x * 0.0,
    ):
        assert not nothing.value.any()
        assert not nothing.error.any()


@every_format
def test_the_maximum_is_as_uncertain_as_what_may_be_largest(fmt):
    """3 known to within 1/4 stays that beside 1 that may be 2; beside 1 that may be 4
    it may be 1 more; a floor of 0 is not gone below.
    """

    def near(*errors):
        return Bounded(np.array([3.0, 1.0]), np.array(errors), fmt)

    for entries, error in ((near(0.25, 1.0), 0.25), (near(0.25, 3.0), 1.0), (near(0.0, 1.0), 0.0)):
        assert error <= entries.max().error <= error * inflation(fmt)
    floored = near(4.0, 0.5).maximum(0.0)
    assert np.array_equal(floored.value - floored.error, [0.0, 0.5])
    assert np.all((floored.value + floored.error) / [7.0, 1.5] <= inflation(fmt))
    assert np.array_equal((-near(0.25, 1.0)).maximum(0.0).error, [0.0, 0.0])


# Use: a bound that nothing comes near to would find nothing wrong


def used(result, program):
    """The largest share of its bound that a program uses."""
    return float(np.max(np.abs(program - result.value) / result.error))


@every_format
@every_operation
def test_an_operation_uses_its_bound(symbol, fmt):
    """Half an ulp is half the bound or more, and as often as not a result is rounded by
    half of that: some of a thousand are.
    """
    rng, operation = np.random.default_rng(7), OPERATIONS[symbol]
    x, y = (rng.uniform(1, 2, (2, 1000)) * rng.choice([-1, 1], (2, 1000))).astype(fmt.dtype)
    assert 1 / 4 < used(operation(Bounded(x, 0, fmt, True), y), operation(x, y)) <= 1


@every_format
@every_function
def test_a_function_uses_its_bound(name, fmt):
    """Whoever computes f must round it: a thousand results use at least a quarter of
    one of the roundings that the bound allows.
    """
    x = np.random.default_rng(8).uniform(0.25, 2, 1000).astype(fmt.dtype)
    roundings = getattr(fmt, "log" if name == "log1p" else name)
    assert (
        1 / (4 * roundings)
        < used(getattr(Bounded(x, 0, fmt, True), name)(), FUNCTIONS[name][1][0](x))
        <= 1
    )


@every_format
@pytest.mark.parametrize("k", [2, 8, 64])
def test_a_product_and_a_sum_use_their_bounds(k, fmt):
    """1 + u + u + ... from the left stays 1, the worst there is: off by k - 1 units, of
    k - 1 or k roundings of 1 + (k - 1) u.
    """
    x = np.array([1.0] + [fmt.unit] * (k - 1)).astype(fmt.dtype)
    total, (program,), ones = (
        Bounded(x, 0, fmt, True),
        {reduce(operator.add, x)},
        np.ones((k, 1), fmt.dtype),
    )
    least = 1 / ((1 + k * fmt.unit) ** 2 * (1 + fmt.slack) * float(inflation(fmt)))
    assert least <= used(total.sum(), program) <= 1
    assert (
        least * (k - 1) / k
        <= used(total.reshape(1, k) @ ones, program) * (1 + k * k * np.finfo(np.float64).eps)
        <= 1
    )


@every_format
def test_a_constant_is_read_rounded(fmt):
    """0.1 costs its distance to the dtype's 0.1, none in float64 or without rounding;
    2.0 and an array of the dtype cost nothing.
    """
    x = Bounded(np.ones(3), 0.0, fmt, True)
    tenth = Fraction(0.1) - rational(fmt.dtype.type(0.1))
    assert rational(x.lift(0.1).error.item()) == abs(tenth)
    assert bool(tenth) == (fmt.dtype == np.float32) == (fmt.scalar == 1)
    assert not x.lift(2.0).error.any()
    assert not x.lift(np.arange(3, dtype=fmt.dtype) / 3).error.any()
    assert not replace(x, rounded=False).lift(0.1).error.any()
    assert admits((x * 0.1)[0], rational(fmt.dtype.type(0.1)))
    assert admits((x * 0.1)[0], Fraction(0.1))


@every_format
def test_an_array_on_the_left_leaves_the_operation_to_the_bound(fmt):
    """y + x, y - x, y * x, y / x and Y @ X with an array or a number y are those of a
    Bounded y.
    """
    x, y = (
        stacked(moderate(fmt, True, 9), 5, 8),
        np.arange(1.0, 41.0).reshape(5, 8).astype(fmt.dtype),
    )
    for operation in OPERATIONS.values():
        for left in (y, 3.0, 3):
            same, other = operation(left, x), operation(Bounded(left, 0.0, fmt, True), x)
            assert np.array_equal(same.value, other.value)
            assert np.array_equal(same.error, other.error)
    same, other = y @ x.T, (x @ y.T).T
    assert np.array_equal(same.value, other.value)
    # the sums of 8 are taken in another order
    assert np.all(np.abs(same.error / other.error - 1) <= 16 * np.finfo(np.float64).eps)


@every_arithmetic
def test_shapes_are_numpy_s(fmt, rounded):
    """Sums, maxima, products, indexing, reshaping and broadcasting give the shapes and
    entries that NumPy gives.
    """
    rng = np.random.default_rng(10)
    x, y = (rng.integers(-9, 10, shape).astype(fmt.dtype) for shape in ((5, 7), (7, 3)))
    X, Y = Bounded(x, 0.0, fmt, rounded), Bounded(y, 0.0, fmt, rounded)
    pairs = [
        (X @ Y, x @ y),
        (X.T, x.T),
        (X.reshape(7, 5), x.reshape(7, 5)),
        (X[2, 1:], x[2, 1:]),
        (-X, -x),
        (abs(X), abs(x)),
    ]
    pairs += [
        (X + y[:, 0], x + y[:, 0]),
        (X - X.max(axis=1, keepdims=True), x - x.max(axis=1, keepdims=True)),
        (X * 2.0, x * 2),
    ]
    pairs += [
        (X.sum(axis, keepdims), x.sum(axis, keepdims=keepdims))
        for axis in (None, 0, 1)
        for keepdims in (False, True)
    ]
    pairs += [
        (X.max(axis, keepdims), x.max(axis, keepdims=keepdims))
        for axis in (None, 0, 1)
        for keepdims in (False, True)
    ]
    pairs += [(X.maximum(2.0), np.maximum(x, 2)), (positive(X, X, 0.0), np.maximum(x, 0))]
    pairs += [(positive(X, y[:, 0], -1.0), np.where(x > 0, y[:, 0], -1))]
    for bounded, array in pairs:
        assert bounded.shape == array.shape
        assert bounded.value.dtype == bounded.error.dtype == fmt.wide
        assert np.array_equal(bounded.value, array)


# Kinks


@every_format
def test_a_sign_that_is_known_takes_one_branch(fmt):
    """Where |z| exceeds its error, or has none, the branch not taken adds nothing;
    z = 0 without an error is not positive.
    """
    z = Bounded(np.array([1.0, -1.0, 0.0, -0.0, 0.5]), np.array([0.5, 0.5, 0.0, 0.0, 0.0]), fmt)
    a, b = Bounded(2.0, 0.25, fmt), Bounded(3.0, np.inf, fmt)
    for chosen, value in (
        (positive(z, a, b), [2, 3, 3, 3, 2]),
        (positive(z, b, a), [3, 2, 2, 2, 3]),
    ):
        assert np.array_equal(chosen.value, value)
        assert np.array_equal(chosen.error, np.where(np.array(value) == 2, 0.25, np.inf))


@every_format
def test_a_sign_left_open_covers_both_branches(fmt):
    """Where |z| is within its error, the value follows z and the error reaches the far
    end of either branch.
    """
    z = Bounded(np.array([0.5, -0.5, 0.5, 0.0]), np.array([0.5, 0.75, np.inf, 1e-30]), fmt)
    chosen = positive(z, Bounded(2.0, 0.25, fmt), 3.0)
    assert np.array_equal(chosen.value, [2, 3, 2, 3])
    reach = np.array([1.0, 1.25, 1.0, 1.25])  # from 2 to 3; from 3 to 2 - 1/4
    assert np.all((reach <= chosen.error) & (chosen.error <= reach * inflation(fmt)))


# What is not finite


@given(
    arithmetics.flatmap(lambda a: several(a, 2, 2)),
    st.lists(st.sampled_from([None, np.inf, -np.inf, np.nan]), min_size=8, max_size=8),
)
def test_no_error_is_nan_and_no_value_infinite(lists, spoilt):
    """Whatever is put in, also infinities and NaN as values and as errors, what comes
    out is finite, with a bound that may be infinite.
    """
    x, y = (stacked(part, 2) for part in lists)
    bad = [
        np.where([s is None for s in spoilt[i : i + 2]], 0, np.array(spoilt[i : i + 2], float))
        for i in range(0, 8, 2)
    ]
    x = replace(x, value=x.value + bad[0], error=x.error + np.abs(bad[1]))
    y = replace(y, value=y.value + bad[2], error=y.error + np.abs(bad[3]))
    results = [operation(x, y) for operation in OPERATIONS.values()] + [
        getattr(x, name)() for name in FUNCTIONS
    ]
    results += [
        x.reshape(1, 2) @ y.reshape(2, 1),
        x.sum(),
        x.max(),
        x.maximum(0.0),
        x.maximum(-100.0),
        positive(x, y, 1.0),
        -x,
        abs(x),
    ]
    for result in (x, y, *results):
        assert np.isfinite(result.value).all()
        assert (result.error >= 0).all()


@every_arithmetic
def test_what_may_not_be_finite_has_an_infinite_error(fmt, rounded):
    """A divisor that may be 0, a logarithm of what may not be positive, a root of what
    may be negative, and what is computed from them.
    """
    one, near = Bounded(1.0, 0.0, fmt, rounded), Bounded(1.0, 1.0, fmt, rounded)
    unbounded = [
        one / near,
        one / 0.0,
        (one - 1.0) / 0.0,
        near.log(),
        (-near).log1p(),
        (one - 1.0).log(),
        (-one).log1p(),
        (-one).sqrt(),
    ]
    unbounded += [
        Bounded(0.5, 0.75, fmt, rounded).sqrt(),
        Bounded(np.inf, 0.0, fmt, rounded),
        Bounded(np.nan, 0.0, fmt, rounded),
    ]
    unbounded += [Bounded(1.0, np.nan, fmt, rounded), (one * 1e6).exp().exp(), one.lift(np.inf)]
    for lost in unbounded:
        follow = [
            lost + 1.0,
            lost * 0.0,
            1.0 / lost,
            lost - lost,
            lost / lost,
            lost.reshape(1, 1) @ np.zeros((1, 1)),
            abs(lost),
        ]
        follow += [
            lost.sum(),
            lost.max(),
            lost.maximum(0.0),
            *(getattr(lost, name)() for name in FUNCTIONS),
        ]
        assert all(np.isinf(result.error).all() for result in (lost, *follow))


@every_format
def test_what_the_dtype_may_not_hold_has_an_infinite_error(fmt):
    """Results, and sums on the way to them, that may exceed the dtype's largest number;
    without rounding there is no such number.
    """
    most, part = (
        Bounded([[size, -size]], 0.0, fmt, True) for size in (fmt.largest, fmt.largest / 4)
    )
    beyond = [
        lambda x: x + x,
        lambda x: x * 2.0,
        lambda x: x / 0.5,
        lambda x: x.sum(),
        lambda x: x @ np.ones((2, 1)),
    ]
    for grow in beyond:
        assert np.isinf(grow(most).error).all()
        assert np.isfinite(grow(part).error).all()
        assert np.isfinite(grow(replace(part, rounded=False)).error).all()
    assert np.isinf(Bounded(1.01 * np.log(fmt.largest), 0.0, fmt, True).exp().error)
    assert np.isfinite(Bounded(0.99 * np.log(fmt.largest), 0.0, fmt, True).exp().error)
    assert np.isfinite(replace(most, rounded=False).sum().error)


@every_arithmetic
def test_a_root_down_to_zero_is_bounded(fmt, rounded):
    """The root of a number from 0 on is bounded though its slope is not; that of 0 is
    0; a floor of 0 makes any number such a one.
    """
    touching = Bounded(
        np.array([1.0, 0.0, 2.0**-100]), np.array([1.0, 0.0, 2.0**-100]), fmt, rounded
    ).sqrt()
    exact = np.array([1.0, 0.0, 2.0**-50])  # from sqrt x down to 0
    terms = exact + fmt.sqrt * touching.unit * 2 * exact
    assert np.all((exact <= touching.error) & (touching.error <= terms * inflation(fmt)))
    assert np.isfinite(Bounded(-1e-9, 1e-7, fmt, rounded).maximum(0.0).sqrt().error)


# Tests of the tests, and the refusals


@every_arithmetic
def test_a_result_moved_by_two_bounds_is_outside(fmt, rounded):
    """None of the bounds admits what lies two bounds further from its middle than what
    it does admit.
    """
    x, y = moderate(fmt, rounded, 11)[1], moderate(fmt, rounded, 12)[1]
    results = [operation(x, y) for operation in OPERATIONS.values()] + [
        getattr(abs(x), name)() for name in FUNCTIONS
    ]
    results += [x.reshape(1, 1) @ y.reshape(1, 1), positive(Bounded(0.0, 1.0, fmt, rounded), x, y)]
    for result in results:
        value, error = rational(result.value.item()), rational(result.error.item())
        assert error > 0
        for at in (value, value - error, value + error):
            away = 2 * error if at >= value else -2 * error
            assert admits(result, at)
            assert not admits(result, at + away)
            assert not admits(result, real(at + away))
    assert not admits_program(x, np.nan)
    assert not admits_program(x, np.inf)


def test_what_is_no_bound_is_refused():
    """A negative error, operands of different arithmetic, and products of what are no
    matrices are refused by name.
    """
    x = Bounded(np.ones((2, 3)), 0.0, FORMATS["float64"])
    with pytest.raises(ValueError, match=r"Bounded: error has -1\.0, expected at least 0"):
        Bounded(1.0, -1.0, FORMATS["float64"])
    with pytest.raises(
        ValueError,
        match="Bounded: operand has float64 with rounding, expected float64 without rounding",
    ):
        _ = x + replace(x, rounded=True)
    with pytest.raises(
        ValueError,
        match="Bounded: operand has float32 without rounding, expected float64 without rounding",
    ):
        positive(x, Bounded(1.0, 0.0, FORMATS["float32"]), 0.0)
    for other in (np.ones((2, 3)), np.ones(3), np.float64(1.0)):
        with pytest.raises(
            ValueError,
            match=r"Bounded @: operands have shapes \(2, 3\) and .*, expected \(n, k\) and \(k, m\)",
        ):
            _ = x @ other


# Formulas


def softmax(z):
    """Of a Bounded z: row by row, shifted by its maximum."""
    e = (z - z.max(axis=1, keepdims=True)).exp()
    return e / e.sum(axis=1, keepdims=True)


def program_softmax(z):
    """The same in NumPy."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def layer(fmt):
    """Inputs, weights, biases and one-hot targets of a layer 5-3 and seven samples."""
    rng = np.random.default_rng(13)
    x, W, b = rng.normal(size=(7, 5)), rng.normal(size=(3, 5)), rng.normal(size=3)
    return [array.astype(fmt.dtype) for array in (x, W, b, np.eye(3)[rng.integers(0, 3, 7)])]


@every_format
def test_a_formula_written_once_bounds_the_programs_of_it(fmt):
    """Softmax cross-entropy's dW over a ReLU: two programs stay within its bound and
    use a thousandth of it; a wrong one does not.
    """
    x, W, b, y = layer(fmt)
    a = positive(z := Bounded(x, 0.0, fmt, True) @ W.T + b, z, 0.0)
    dW = (softmax(a) - y).T @ x / 7.0
    z = x @ W.T + b
    p = program_softmax(np.maximum(z, 0))
    one, other = (
        (p - y).T @ x / fmt.dtype.type(7),
        np.add.reduce((p - y)[:, :, None] * x[:, None, :]) / fmt.dtype.type(7),
    )
    for program in (one, other):
        assert program.dtype == fmt.dtype
        assert 1e-3 < used(dW, program) <= 1
    assert used(dW, ((p - y) / fmt.dtype.type(6)).T @ x) > 1


@every_format
def test_local_bounds_carried_once_hold_what_a_program_computes(fmt):
    """Two layers in propagation, each equation's own error added as it arises: the
    program stays within what has come together.
    """
    x, W, b, _ = layer(fmt)
    u, k = fmt.unit, x.shape[1]
    z = x @ W.T + b
    running = Bounded(x, 0.0, fmt) @ W.T + b
    running += Bounded(
        np.zeros_like(z), (k + 1) * u * (np.abs(x) @ np.abs(W.T) + np.abs(b)) * (1 + fmt.slack), fmt
    )
    a, exact = np.tanh(z), running.tanh()
    exact += Bounded(np.zeros_like(z), fmt.tanh * u * (np.abs(a) + exact.error), fmt)
    second, squares = a @ W, 1 - a * a
    running = exact @ W
    running += Bounded(np.zeros_like(second), 3 * u * (exact.reach @ np.abs(W)).astype(float), fmt)
    assert 1e-3 < used(running, second) <= 1
    assert used(1 - exact * exact, squares) <= 1 + 2 * u / float((1 - exact * exact).error.min())
