"""Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
(adventuresinmachinelearning), sections 4 to 4.4: the error, gradient descent in one and
in two dimensions, and the cost function.

    python examples/thomas_descent.py [SECTION ...] [--plot DIR]
"""

from functools import cache
from string import ascii_lowercase

import numpy as np

import refnet
from lesson import Claim, Expected, Printed, Same, run
from thomas_forward import X, three_three_one

TITLE = "Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 4 to 4.4"
START, GAMMA, PRECISION = 6.0, 0.01, 1e-5
MINIMUM = 9 / 4  # where f'(x) = x^2 (4 x - 9) changes its sign
P1, RATE, STEPS = np.array([3.0, 2.0]), 0.8, 6
COST = "half_squared_error"
SAMPLES = np.array([X, [-1.0, 0.5, 1.0]]), np.array([[1.0], [0.0]])


def f(x):
    """The curve of section 4.1."""
    return x**4 - 3 * x**3 + 2


def df(x):
    """Its derivative."""
    return 4 * x**3 - 9 * x**2


@cache
def descent(x=START, gamma=GAMMA, precision=PRECISION, limit=1000):
    """Every x, up to the first step that is no longer than the precision."""
    xs = [x]
    while len(xs) <= limit:
        xs.append(xs[-1] - gamma * df(xs[-1]))
        if abs(xs[-1] - xs[-2]) <= precision:
            break
    return np.array(xs)


def bowl(p):
    """A curve for section 4.4, of points in the rows of p."""
    return np.square(p) @ np.array([0.35, 0.175])


def bowl_derivative(p):
    """The partial derivatives with respect to x_1 and x_2."""
    return np.array([0.7, 0.35]) * p


@cache
def bowl_path():
    """p_1, p_2, ... on the bowl."""
    points = [P1]
    for _ in range(STEPS):
        points.append(points[-1] - RATE * bowl_derivative(points[-1]))
    return np.array(points)


def gradient_descent():
    """An error, a target, and a step size that is too large."""
    yield Printed("the error abs(2 - 5), its L^1 norm", "3", np.linalg.norm([2 - 5], ord=1))
    b = refnet.one_hot([ascii_lowercase.index("b")], len(ascii_lowercase))[0]
    yield Printed("target vector of a letter: dimensions", "26", b.size)
    yield Printed("the target of b, its first two and its last", "(0, 1, 0)", b[[0, 1, -1]])
    yield (
        "A step is w_new = w_old - alpha * gradient. With the curve of section 4.1, from 2.3 with "
        "alpha = 0.1:"
    )
    last = descent(2.3, 0.1)[-2:]
    yield Claim(
        "if alpha is too large, the solution bounces on either side of the minimum",
        f"{last[0]:.2f} and {last[1]:.2f} after 999 and 1000 steps, the minimum is at 2.25",
        min(last) < MINIMUM < max(last) and np.ptp(last) > 0.1,
    )


def simple_example():
    """f(x) = x^4 - 3 x^3 + 2 from x = 6, and what the precision bounds."""
    x, h = np.array([-1.0, 1.0, 3.0]), 1e-5
    yield "f(x) = x^4 - 3 x^3 + 2 has the gradient f'(x) = 4 x^3 - 9 x^2:"
    yield Same("f' at -1, 1, 3, and as measured", (f(x + h) - f(x - h)) / (2 * h), df(x), 6)
    yield Printed("exact minimum", "2.25", max(np.roots([4, -9, 0, 0]).real))
    xs = descent()
    off, step = MINIMUM - xs[-1], xs[-1] - xs[-2]
    yield Printed("the local minimum occurs at", "2.249965", xs[-1])
    yield Claim(
        "which agrees with the exact solution within the precision, 0.00001",
        f"{off:.7f} off",
        abs(off) <= PRECISION,
        erratum="thomas-precision",
    )
    curvature = 12 * MINIMUM**2 - 18 * MINIMUM
    share = GAMMA * curvature  # of the distance that a step goes, near the minimum
    yield (
        f"The precision bounds the last step, {step:.7f}, not the distance that is left. Near the "
        f"minimum f'(x) is f'' (x - 2.25), with f'' = {curvature:g}. So a step goes gamma f'' = "
        f"{share:.4f} of the distance, and leaves 1 - {share:.4f} = {1 - share:.4f} of it:"
    )
    ratio = (1 - share) / share
    yield Expected("distance left / last step", f"{ratio:.2f}", off / step)
    closer = descent(precision=PRECISION / ratio)
    yield (
        f"To end within 0.00001 the precision has to be {PRECISION / ratio:.2g}. That takes "
        f"{len(closer) - len(xs)} more steps, and x is {MINIMUM - closer[-1]:.2g} off."
    )
    by_error = int(np.flatnonzero(np.abs(np.diff(f(xs))) <= PRECISION)[0]) + 1
    yield (
        f"Section 4 names another limit, on the change in the error. By that one the descent "
        f"would stop at step {by_error}, not {len(xs) - 1}, and {MINIMUM - xs[by_error]:.4f} off."
    )
    yield (
        f"At x = 6 the slope is {df(START):g}, so the first step leaps over the minimum to "
        f"{xs[1]:.2f}; the others come back from the left. With gamma = 1/90 it would leap to x = "
        f"{START - df(START) / 90:g}, where the slope is 0, and stay there."
    )


def cost_function():
    """J of one sample and of m samples; half a square, a norm, and a mean."""
    y = np.array([[1.0], [0.0], [1.0], [0.0]])
    h = np.array([[0.8], [0.3], [0.6], [0.5]])
    J = np.sum((y - h) ** 2, axis=1) / 2
    yield (
        "Four samples with one output: y = 1, 0, 1, 0 and h = 0.8, 0.3, 0.6, 0.5. Each costs J = "
        "1/2 ||y - h||^2:"
    )
    yield Expected("J of the four", "0.020, 0.045, 0.080, 0.125", J)
    m = len(y)
    mean = J.sum() / m
    yield Same(
        "their mean, refnet's half_squared_error", refnet.HalfSquaredError().value(h, y), mean
    )
    yield (
        f"The text calls it mean squared error, as many do; without the 1/2 that would be "
        f"{2 * mean:.4f}, refnet's mse of one output. The 1/2 tidies up the derivative, -(y - h)."
    )
    yield Claim(
        "1/m times the sum from z = 0 to m is the mean",
        f"{J.sum() / (m - 1):.4f} with m = 3; the mean of z = 0, 1, 2, 3 is {mean:.4f}",
        J.sum() / (m - 1) == mean,
        erratum="thomas-sum-from-0",
    )
    e = np.array([3.0, 4.0])
    norm = np.sqrt(np.sum(e**2))
    yield Claim(
        "the L^2 norm of the error is known as the sum-of-squares error",
        f"norm {norm:g}, sum of squares {norm**2:g} for (3, 4)",
        norm == norm**2,
        erratum="thomas-norm",
    )


def in_neural_networks():
    """One bias: a step with the derivative of J(w, b), and with that of one sample."""
    net, (x, y) = three_three_one(), SAMPLES
    dJ_db = [net.loss_and_gradients([x[z]], [y[z]], COST)[1][1].db[0] for z in range(2)]
    mean = net.loss_and_gradients(x, y, COST)[1][1].db[0]
    yield (
        f"The network of section 3.1 with two samples: x = (1.5, 2, 3) and y = 1, x = (-1, 0.5, 1) "
        f"and y = 0. dJ/db_1^(2) is {dJ_db[0]:.4f} for the first alone, {dJ_db[1]:.4f} for the "
        f"second."
    )
    yield Same("dJ(w,b)/db_1^(2), the mean of the two", sum(dJ_db) / 2, mean)
    yield Claim(
        "the derivatives are those of the single sample cost function",
        f"{dJ_db[0]:.4f} of one sample, {mean:.4f} of J(w,b), which is in the equation",
        np.isclose(dJ_db[0], mean),
        erratum="thomas-one-sample",
    )


def two_dimensions():
    """A bowl whose derivative at p_1 is the text's."""
    yield (
        "The text gives a derivative without its function. One that has it at p_1 = (3, 2) is:\n"
        "  f(x) = 0.35 x_1^2 + 0.175 x_2^2\n"
        "  df/dx = [0.7 x_1, 0.35 x_2]"
    )
    yield Printed("the derivative at p_1", "[2.1, 0.7]", bowl_derivative(P1))
    h = 1e-3 * np.eye(2)
    measured = (bowl(P1 + h) - bowl(P1 - h)) / 2e-3
    yield Same("the same, as measured axis by axis", measured, bowl_derivative(P1), 8)
    yield Printed("the partial derivative with respect to x_1", "[2.1]", bowl_derivative(P1)[:1])
    path = bowl_path()
    points = "\n".join(
        f"  p_{k} = ({p[0]:.3f}, {p[1]:.3f})   f = {bowl(p):.4f}" for k, p in enumerate(path[:3], 1)
    )
    yield f"Step by step with step size {RATE}:\n{points}"
    yield (
        f"After {STEPS} steps f is {bowl(path[-1]):.4f}. Each step starts at a right angle to the "
        f"contour line it is on."
    )


SECTIONS = {
    "4 Gradient descent and optimisation": gradient_descent,
    "4.1 A simple example in code": simple_example,
    "4.2 The cost function": cost_function,
    "4.3 Gradient descent in neural networks": in_neural_networks,
    "4.4 A two dimensional gradient descent example": two_dimensions,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
