"""Bounds are no wider than their terms, and programs use them."""

import operator
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import product

import numpy as np
import pytest

from parity.rounding.bounded import Bounded, positive
from parity.rounding.tests.entries import (
    DOMAIN,
    FUNCTIONS,
    OPERATIONS,
    admits,
    every_arithmetic,
    every_format,
    every_function,
    every_operation,
    inflation,
    moderate,
    moved,
    mp,
    rational,
    real,
    stacked,
)

# The terms of each bound

# the slope's logarithm grows by at most 2 and 1 times the error
STEEPER = {"tanh": lambda error: mp.exp(2 * error), "sigmoid": mp.exp}


def assert_no_wider(result, center, corners, roundings, steeper=1):
    """The bound is what the corners are away, and the roundings of the largest of them,
    and no more.
    """
    inherited = max(abs(corner - center) for corner in corners) * steeper
    terms = (
        inherited + roundings * real(result.unit) * (abs(center) + inherited) + real(result.tiny)
    )
    assert real(result.error) <= terms * real(inflation(result.format))


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
