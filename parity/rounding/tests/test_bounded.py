"""In exact arithmetic, whatever is admitted stays admitted, and what may not be finite
has an infinite error.
"""

import operator
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.rounding.bounded import Bounded, positive
from parity.rounding.formats import FORMATS
from parity.rounding.tests.entries import (
    DOMAIN,
    FUNCTIONS,
    OPERATIONS,
    admits,
    admits_program,
    arithmetics,
    entries,
    every_arithmetic,
    every_format,
    every_function,
    every_operation,
    five_shares,
    inflation,
    moderate,
    moved,
    pairs,
    rational,
    real,
    representable,
    rounded_arithmetics,
    rows_and_columns,
    several,
    shares,
    stacked,
    three_and_a_floor,
)

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


@every_arithmetic
@pytest.mark.parametrize(("name", "center"), [("log", 1), ("log1p", 0), ("tanh", 0)])
def test_an_error_too_small_to_be_rounded_up_is_not_lost_at_a_zero(name, center, fmt, rounded):
    """Below the smallest normal number a bound cannot be widened by a part of itself:
    log(1 - 5e-324) is a little further from 0 than 5e-324.
    """
    exact, _ = FUNCTIONS[name]
    for multiple in (1, 2, 7, 2.0**40):
        error = fmt.wide.type(5e-324) * fmt.wide.type(multiple)
        x = Bounded(fmt.widen(center), error, fmt, rounded)
        result = getattr(x, name)()
        assert all(admits(result, exact(real(moved(x, end)))) for end in (-1, 1))


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


@every_arithmetic
@pytest.mark.parametrize("floor", [-100.0, 0.0, 3.0])
def test_a_floor_in_the_middle_leaves_the_upper_half(floor, fmt, rounded):
    """max(x, floor) of x within 1 of the floor is from the floor to 1 above it, and the
    bound is no wider but for its own roundings.
    """
    x = Bounded(floor, 1.0, fmt, rounded).maximum(floor)
    low, high = (rational(x.value.item()) + s * rational(x.error.item()) for s in (-1, 1))
    room = Fraction(float(inflation(fmt) - 1)) * (abs(Fraction(floor)) + 1)
    assert Fraction(floor) - room <= low <= Fraction(floor)
    assert Fraction(floor) + 1 <= high <= Fraction(floor) + 1 + room


# Shapes


@every_arithmetic
@pytest.mark.parametrize("shape", [(3,), (1, 3), (2, 1), ()], ids=str)
def test_an_error_of_a_row_or_a_column_is_that_of_each_entry(shape, fmt, rounded):
    """It is stored for each entry, and every operation makes of it what it makes of
    errors given one by one; one that is infinite or NaN is so in its own entries alone.
    """
    value = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]], fmt.dtype)
    error = np.linspace(2.0**-6, 2.0**-4, prod(shape)).reshape(shape)
    for spoilt in (None, np.inf, np.nan):
        if spoilt:
            error.flat[-1] = spoilt
        short = Bounded(value, error, fmt, rounded)
        whole = Bounded(value, np.array(np.broadcast_to(error, value.shape)), fmt, rounded)
        assert np.isinf(short.error).tolist() == (~np.isfinite(whole.error)).tolist()
        for make in (
            lambda x: x,
            lambda x: x.T @ x,
            lambda x: x.sum(axis=0) * x.max(axis=1).reshape(2, 1),
            lambda x: positive(x, x.exp(), x / 3.0),
            lambda x: (x - 1.0)[1:],
        ):
            one, other = make(short), make(whole)
            assert one.value.shape == one.error.shape == other.error.shape
            assert one.value.tolist() == other.value.tolist()
            assert one.error.tolist() == other.error.tolist()


def test_an_error_of_more_entries_than_numbers_is_of_as_many():
    """One number, or one row of them, known to within several errors."""
    x = Bounded(np.ones(2), np.array([[1.0, 2.0], [3.0, 4.0]]), FORMATS["float64"])
    assert x.value.tolist() == [[1.0, 1.0]] * 2
    assert x.error.tolist() == [[1.0, 2.0], [3.0, 4.0]]


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
    with pytest.raises(ValueError, match=r"Bounded: error has -2\.0, expected at least 0"):
        Bounded(np.ones(2), np.array([1.0, -2.0]), FORMATS["float64"])
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
            match=r"Bounded @: operands have shapes \(2, 3\) and .*, "
            r"expected \(n, k\) and \(k, m\)",
        ):
            _ = x @ other
