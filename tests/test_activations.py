"""Activations: values against plain mathematics, derivatives against differences,
pullbacks against written-out Jacobians.
"""

import cmath
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet import Heaviside, Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from refnet.activations import ACTIVATIONS

# units in the last place that NumPy's own accuracy tests allow its exp and tanh; math's
# functions stay below one
ULP = 4
STEP = 2.0**-333  # of the complex step, which subtracts nothing
DTYPES = ("float32", "float64")
SMOOTH = (Identity(), Sigmoid(), Tanh())
PIECEWISE = (ReLU(), LeakyReLU(), LeakyReLU(slope=3.0), LeakyReLU(slope=-2.0))
TRAINABLE_ELEMENTWISE = (*SMOOTH, *PIECEWISE)
ELEMENTWISE = (*TRAINABLE_ELEMENTWISE, Heaviside())
EVERY = (*ELEMENTWISE, Softmax())

every = pytest.mark.parametrize("f", EVERY, ids=repr)
elementwise = pytest.mark.parametrize("f", ELEMENTWISE, ids=repr)
trainable = pytest.mark.parametrize("f", [*TRAINABLE_ELEMENTWISE, Softmax()], ids=repr)
trainable_elementwise = pytest.mark.parametrize("f", TRAINABLE_ELEMENTWISE, ids=repr)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def decay(z):
    """exp(-|z|), which cannot overflow."""
    return math.exp(-abs(z))


def plain_value(f, z):
    """f(z) in Python floats."""
    return {
        "identity": lambda: z,
        "heaviside": lambda: 1.0 if z > 0.0 else 0.0,
        "sigmoid": lambda: (1.0 if z > 0.0 else decay(z)) / (1.0 + decay(z)),
        "tanh": lambda: math.tanh(z),
        "relu": lambda: max(z, 0.0),
        "leaky_relu": lambda: z if z > 0.0 else f.slope * z,
    }[f.name]()


def plain_derivative(f, z):
    """f'(z) in Python floats, written through z alone."""
    return {
        "identity": lambda: 1.0,
        "sigmoid": lambda: decay(z) / (1.0 + decay(z)) ** 2,
        "tanh": lambda: 4.0 * decay(2.0 * z) / (1.0 + decay(2.0 * z)) ** 2,
        "relu": lambda: 1.0 if z > 0.0 else 0.0,
        "leaky_relu": lambda: 1.0 if z > 0.0 else f.slope,
    }[f.name]()


def value_bound(f, a, eps, tiny):
    """Sigmoid: exp, sum and quotient, here and in the test.

    LeakyReLU: its slope and its product. The others are exact.
    """
    units = {"sigmoid": ULP + 1 + 2, "tanh": ULP + 1, "leaky_relu": 1}.get(f.name, 0)
    return units * (eps * abs(a) + tiny)


def derivative_bound(f, a, eps, tiny):
    """The bound of a, carried through a (1 - a) or 1 - a^2, plus one unit for each
    operation, here and in the test.
    """
    own = value_bound(f, a, eps, tiny)
    return {
        "sigmoid": own + 6 * eps * abs(a) + tiny,
        "tanh": 2 * abs(a) * own + 3 * eps + 6 * eps * a * a,
        "leaky_relu": eps * abs(getattr(f, "slope", 0.0)),
    }.get(f.name, 0.0)


def points(dtype):
    """Signed zeros, subnormals, the smallest normal numbers, saturated and moderate
    ones.
    """
    kind = np.finfo(dtype)
    special = np.array(
        [
            0.0,
            kind.smallest_subnormal,
            kind.tiny,
            kind.eps,
            0.5,
            1.0,
            20.0,
            90.0,
            104.0,
            710.0,
            746.0,
            1e4,
        ],
        dtype,
    )
    return np.concatenate(
        [special, -special, np.random.default_rng(1).normal(0.0, 5.0, 500).astype(dtype)]
    )


def matrix(rng, dtype, rows=5, columns=4, size=3.0):
    """A read-only matrix: whatever writes into it raises."""
    z = rng.normal(0.0, size, (rows, columns)).astype(dtype)
    z.flags.writeable = False
    return z


@dtypes
@elementwise
def test_values_are_those_of_plain_mathematics(f, dtype):
    """A value equals the formula in Python floats, exactly where nothing rounds, else
    within its few roundings.
    """
    kind = np.finfo(dtype)
    z = points(dtype)
    for x, a in zip(z.tolist(), f.value(z[None])[0].tolist(), strict=True):
        expected = plain_value(f, x)
        assert abs(a - expected) <= value_bound(f, expected, float(kind.eps), float(kind.tiny)), x


@dtypes
@trainable_elementwise
def test_derivatives_are_those_of_plain_mathematics(f, dtype):
    """A derivative, taken from z and a, equals the formula that knows z alone, within
    the rounding of a.
    """
    kind = np.finfo(dtype)
    z = points(dtype)
    for x, got in zip(z.tolist(), f.derivative(z, f.value(z)).tolist(), strict=True):
        allowed = derivative_bound(f, plain_value(f, x), float(kind.eps), float(kind.tiny))
        assert abs(got - plain_derivative(f, x)) <= allowed, x


@pytest.mark.parametrize("f", SMOOTH, ids=repr)
def test_derivative_is_the_complex_step_of_a_plain_formula(f):
    """Im g(z + ih) / h of g in cmath, which knows nothing of f', is the derivative;
    exp, tanh and cosh cost one unit each there.
    """
    g = {"identity": lambda z: z, "sigmoid": lambda z: 1 / (1 + cmath.exp(-z)), "tanh": cmath.tanh}[
        f.name
    ]
    eps = math.ulp(1.0)
    z = np.random.default_rng(2).normal(0.0, 4.0, 400)
    for x, got in zip(z.tolist(), f.derivative(z, f.value(z)).tolist(), strict=True):
        assert (
            abs(got - g(complex(x, STEP)).imag / STEP)
            <= derivative_bound(f, plain_value(f, x), eps, 0.0) + 4 * eps * got
        )


@pytest.mark.parametrize("f", PIECEWISE, ids=repr)
def test_derivative_is_the_central_difference_where_f_is_straight(f):
    """Away from the kink (f(z + h) - f(z - h)) / 2h has no truncation error: with
    dyadic z only slope z rounds.
    """
    h = 2.0**-4
    z = np.random.default_rng(3).integers(1, 64, 200) * np.where(np.arange(200) % 2, 0.25, -0.25)
    difference = (f.value(z + h) - f.value(z - h)) / (2 * h)
    rounding = np.finfo("float64").eps * (np.abs(f.value(z)) + h) / h
    assert (np.abs(difference - f.derivative(z, f.value(z))) <= rounding).all()


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (ReLU(), 0.0),
        (LeakyReLU(), 0.01),
        (LeakyReLU(slope=0.25), 0.25),
        (LeakyReLU(slope=-2.0), -2.0),
    ],
    ids=repr,
)
def test_the_kink_takes_its_left_derivative(f, expected, zero):
    """At 0 and at -0 ReLU has derivative 0 and LeakyReLU its slope."""
    z = np.array([[zero]])
    assert f.derivative(z, f.value(z)).tolist() == [[expected]]
    assert f.pullback(np.array([[3.0]]), z, f.value(z)).tolist() == [[3.0 * expected]]


def test_heaviside_is_zero_at_zero():
    """Heaviside counts both zeros as not firing, and the smallest positive number as
    firing.
    """
    assert Heaviside().value(np.array([[0.0, -0.0, 5e-324, -5e-324]])).tolist() == [
        [0.0, 0.0, 1.0, 0.0]
    ]


@pytest.mark.parametrize("method", ["derivative", "pullback"])
def test_heaviside_refuses_to_be_trained_through(method):
    """Heaviside has no usable derivative and says which activation has one."""
    z = np.ones((1, 1))
    arguments = (z, z) if method == "derivative" else (z, z, z)
    sentence = (
        "Heaviside: derivative is zero everywhere, expected a trainable activation such as Sigmoid"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        getattr(Heaviside(), method)(*arguments)


@every
def test_nan_stays_nan(f):
    """A NaN in z is a NaN in a, and in no other row."""
    a = f.value(np.array([[1.0, np.nan], [1.0, 2.0]]))
    assert np.isnan(a[0, 1])
    assert np.isfinite(a[1]).all()


@dtypes
@every
def test_saturation_warns_of_nothing(f, dtype):
    """At |z| = 1e4 value and pullback are finite and silent (warnings are errors
    here).
    """
    z = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4], [1e4, 1e4, 1e4]], dtype)
    a = f.value(z)
    assert np.isfinite(a).all()
    assert not f.trainable or np.isfinite(f.pullback(np.full_like(z, -3.0), z, a)).all()


@every
def test_float32_stays_float32(f):
    """Value, derivative and pullback keep the dtype."""
    z = matrix(np.random.default_rng(4), "float32")
    a = f.value(z)
    assert a.dtype == np.float32
    assert not f.trainable or f.pullback(z, z, a).dtype == np.float32
    assert not f.trainable or isinstance(f, Softmax) or f.derivative(z, a).dtype == np.float32


def test_a_numpy_slope_does_not_promote():
    """LeakyReLU keeps its slope as a Python float, which leaves float32 arrays as they
    are.
    """
    f = LeakyReLU(slope=np.float64(0.3))
    assert type(f.slope) is float
    assert f.value(np.float32([[-1.0]])).dtype == np.float32


@dtypes
@trainable_elementwise
def test_pullback_is_the_product_with_the_derivative(f, dtype):
    """For an elementwise f the pullback is dC/da * f'(z), bit for bit."""
    rng = np.random.default_rng(5)
    z, grad_a = matrix(rng, dtype), matrix(rng, dtype)
    a = f.value(z)
    assert np.array_equal(f.pullback(grad_a, z, a), grad_a * f.derivative(z, a))


@trainable
def test_rows_do_not_mix(f):
    """Changing one row changes no bit of the others, forward or back."""
    rng = np.random.default_rng(6)
    z, grad_a = matrix(rng, "float64"), matrix(rng, "float64")
    other = z.copy()
    other[2, 0] += 1.0
    rest = np.arange(len(z)) != 2
    a, other_a = f.value(z), f.value(other)
    assert np.array_equal(a[rest], other_a[rest])
    assert np.array_equal(f.pullback(grad_a, z, a)[rest], f.pullback(grad_a, other, other_a)[rest])
    assert not np.array_equal(a[2], other_a[2])


# softmax


def plain_softmax(z):
    """exp(z_j) / sum exp(z_i) in Python numbers, real or complex."""
    top = max(z, key=lambda entry: entry.real).real
    e = [cmath.exp(entry - top) for entry in z]
    return [entry / sum(e) for entry in e]


def softmax_units(z):
    """Relative error of softmax in eps: of s = z - max z, of its mean in the sum (at
    most log k), two exp, k terms, here and there.
    """
    s = np.abs(z - z.max(axis=1, keepdims=True))
    return 2 * (s + math.log(z.shape[1]) + 2 * ULP + z.shape[1] + 2)


@dtypes
@pytest.mark.parametrize("columns", [1, 2, 10])
def test_softmax_is_that_of_plain_mathematics(columns, dtype):
    """Softmax equals exp(z_j) / sum exp(z_i) in Python floats, also where exp(z) alone
    would overflow.
    """
    kind = np.finfo(dtype)
    z = np.concatenate(
        [
            matrix(np.random.default_rng(7), dtype, 20, columns),
            matrix(np.random.default_rng(8), dtype, 20, columns, 900.0),
        ]
    )
    expected = np.array([[p.real for p in plain_softmax(row)] for row in z.tolist()])
    allowed = softmax_units(z.astype("float64")) * float(kind.eps) * expected + float(kind.tiny)
    assert (np.abs(Softmax().value(z) - expected) <= allowed).all()


@dtypes
@pytest.mark.parametrize("columns", [1, 2, 3, 10, 200])
def test_softmax_rows_sum_to_one(columns, dtype):
    """A row is off one by at most k - 1 roundings of its sum and one of each quotient,
    u each: less than k eps.
    """
    z = np.random.default_rng(9).normal(0.0, 3.0, (50, columns)).astype(dtype)
    for row in Softmax().value(z).tolist():
        assert abs(math.fsum(row) - 1.0) <= columns * float(np.finfo(dtype).eps)


@given(st.lists(st.integers(-2000, 2000), min_size=1, max_size=6), st.integers(-4000, 4000))
def test_softmax_ignores_a_shift(entries, shift):
    """Adding a constant to a row changes no bit where the sum is exact."""
    z = np.array([entries]) / 64.0
    assert np.array_equal(Softmax().value(z + shift / 64.0), Softmax().value(z))


@dtypes
def test_softmax_pullback_is_the_dense_jacobian_product(dtype):
    """dC/dz_j is the sum over i of dC/da_i a_i ([i = j] - a_j), within k + 6 units of
    its terms.
    """
    rng = np.random.default_rng(10)
    z, grad_a = matrix(rng, dtype, 6, 5), matrix(rng, dtype, 6, 5)
    a = Softmax().value(z)
    for p, g, got in zip(
        a.tolist(), grad_a.tolist(), Softmax().pullback(grad_a, z, a).tolist(), strict=True
    ):
        for j in range(5):
            terms = [g[i] * p[i] * ((i == j) - p[j]) for i in range(5)]
            size = p[j] * (abs(g[j]) + sum(abs(g[i]) * p[i] for i in range(5)))
            assert abs(got[j] - math.fsum(terms)) <= (5 + 6) * float(np.finfo(dtype).eps) * size


def test_softmax_pullback_is_a_complex_step():
    """Sum over i of dC/da_i Im softmax_i(z + ih e_j) / h is the pullback, within the
    rounding of each probability in it.
    """
    rng = np.random.default_rng(11)
    z, grad_a = matrix(rng, "float64", 6, 4), matrix(rng, "float64", 6, 4)
    a = Softmax().value(z)
    got = Softmax().pullback(grad_a, z, a)
    allowed = (
        softmax_units(z).max()
        * math.ulp(1.0)
        * a
        * (np.abs(grad_a) + (np.abs(grad_a) * a).sum(axis=1, keepdims=True))
    )
    for i, j in np.ndindex(z.shape):
        moved = plain_softmax(
            [complex(entry, STEP * (k == j)) for k, entry in enumerate(z[i].tolist())]
        )
        numeric = math.fsum(
            g * p.imag / STEP for g, p in zip(grad_a[i].tolist(), moved, strict=True)
        )
        assert abs(got[i, j] - numeric) <= 3 * allowed[i, j]


def test_softmax_passes_no_constant_back():
    """A constant gradient over the outputs comes back as zero: the sum of a row cannot
    change. k + 2 units of it are rounding.
    """
    z = matrix(np.random.default_rng(12), "float64", 6, 5)
    a = Softmax().value(z)
    assert (
        np.abs(Softmax().pullback(np.full_like(z, 7.0), z, a)) <= (5 + 2) * math.ulp(1.0) * 7.0 * a
    ).all()


# what an activation says of itself


def test_every_activation_is_among_those_tested():
    """Each is tested above, and its name makes the class it names."""
    tested = {type(f) for f in EVERY}
    lacking = [kind.__name__ for kind in ACTIVATIONS.values() if kind not in tested]
    assert not lacking, f"tests/test_activations.py: SMOOTH, PIECEWISE and EVERY lack {lacking}"
    assert all(ACTIVATIONS[f.name] is type(f) for f in EVERY)


def test_an_activation_says_what_can_be_done_with_it():
    """Only Heaviside is not trainable, the rectifiers have a kink, and the complex step
    applies to none of these three.
    """
    assert {f.name for f in EVERY if not f.trainable} == {"heaviside"}
    assert {f.name for f in EVERY if f.kink} == {"relu", "leaky_relu"}
    assert {f.name for f in EVERY if not f.analytic} == {"heaviside", "relu", "leaky_relu"}


def test_parameters_are_plain_data():
    """Only LeakyReLU needs a number besides z."""
    assert LeakyReLU(slope=0.2).parameters == {"slope": 0.2}
    assert all(f.parameters == {} for f in EVERY if not isinstance(f, LeakyReLU))


@pytest.mark.parametrize(
    ("slope", "error", "sentence"),
    [
        (math.nan, ValueError, "LeakyReLU: slope has nan, expected a finite number"),
        (math.inf, ValueError, "LeakyReLU: slope has inf, expected a finite number"),
        (-math.inf, ValueError, "LeakyReLU: slope has -inf, expected a finite number"),
        ("0.1", TypeError, "LeakyReLU: slope has type str, expected a number"),
        (True, TypeError, "LeakyReLU: slope has type bool, expected a number"),
    ],
)
def test_a_slope_is_a_finite_number(slope, error, sentence):
    """LeakyReLU refuses a slope that is no finite number."""
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        LeakyReLU(slope=slope)
