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
# where f'(x) = x^2 (4 x - 9) changes its sign, and f'' there
MINIMUM, CURVATURE = 9 / 4, 12 * (9 / 4) ** 2 - 18 * (9 / 4)
P1, RATE = np.array([3.0, 2.0]), 0.8
COST = "half_squared_error"
SAMPLES = np.array([X, [-1.0, 0.5, 1.0]]), np.array([[1.0], [0.0]])


def f(x):
    """f(x) = x^4 - 3 x^3 + 2."""
    return x**4 - 3 * x**3 + 2


def df(x):
    """f'(x) = 4 x^3 - 9 x^2."""
    return 4 * x**3 - 9 * x**2


@cache
def descent(precision=PRECISION, gamma=GAMMA, start=START, at_most=1000):
    """Every x of gradient descent on f, until a step is not longer than the
    precision.
    """
    x_old, xs = np.inf, [start]
    while abs(xs[-1] - x_old) > precision and len(xs) <= at_most:
        x_old = xs[-1]
        xs.append(x_old - gamma * df(x_old))
    return np.array(xs)


def gradient_descent():
    """An error, a target, and a step that is too large."""
    yield Printed("abs(2 - 5), the L1 norm of the error", "3", np.linalg.norm([2.0 - 5.0], ord=1))
    x, out, y = 1.0, 2.0, 2.0
    yield Claim(
        "the error is between the input and the desired output",
        f"x = 1, output 2, wanted 2: {abs(x - y):g} by the input, {abs(out - y):g} by the output",
        abs(x - y) == abs(out - y),
        erratum="thomas-input-error",
    )
    target = refnet.one_hot([ascii_lowercase.index("b")], len(ascii_lowercase))[0]
    yield Printed("dimensions of the target for a letter", "26", target.size)
    yield Printed("the target for b: first, second, last", "(0, 1, 0)", target[[0, 1, -1]])
    ends = descent(gamma=0.1, start=2.3)[-2:]
    yield Claim(
        "too large a step size bounces on either side of the minimum",
        f"{ends[0]:.3f}, {ends[1]:.3f} after 1,000 steps of 0.1 from 2.3",
        min(ends) < MINIMUM - PRECISION < MINIMUM + PRECISION < max(ends),
    )


def simple_example():
    """x^4 - 3 x^3 + 2 from 6, and what the precision bounds."""
    whole = np.arange(-5.0, 6.0)
    yield Same(
        "f'(x) = 4x^3 - 9x^2, by NumPy", np.poly1d([1, -3, 0, 0, 2]).deriv()(whole), df(whole)
    )
    yield Printed("the exact minimum", "2.25", MINIMUM)
    xs = descent()
    yield Printed("the local minimum occurs at", "2.249965", xs[-1])
    yield Claim(
        "it agrees with the exact solution within the precision 0.00001",
        f"it is {MINIMUM - xs[-1]:.7f} off",
        abs(MINIMUM - xs[-1]) <= PRECISION,
        erratum="thomas-precision",
    )
    last, kept = abs(xs[-1] - xs[-2]), 1 - GAMMA * CURVATURE
    ratio = kept / (1 - kept)
    yield (
        f"The precision bounds the length of the last step, not the error. Near the minimum every "
        f"step goes gamma f'' = {1 - kept:.4f} of the distance and leaves {kept:.4f} of it, so "
        f"after a last step of {last:.3g} the distance is {ratio:.3f} times as long:"
    )
    yield Expected("distance left by this step", f"{last * ratio:.6f}", MINIMUM - xs[-1])
    longer = descent(PRECISION / ratio)
    by_error = int(np.flatnonzero(np.abs(np.diff(f(xs))) <= PRECISION)[0]) + 1
    yield (
        f"To end within 0.00001 takes a precision of {PRECISION / ratio:.2g}, and "
        f"{len(longer) - len(xs)} more steps. Section 4 speaks of the change in the error: by that "
        f"rule the descent would stop at step {by_error}, not {len(xs) - 1}, and "
        f"{MINIMUM - xs[by_error]:.4f} off.\n"
        f"It starts at 6, where the slope is {df(START):g}: the first step leaps over the minimum "
        f"to {xs[1]:.4g}, the other {len(xs) - 2} come back from the left. With gamma = 1/90 it "
        f"would land on {START - df(START) / 90:g}, where the slope is 0, and stay there."
    )


def cost_function():
    """J of one sample and of all, its norm, and the 1/m."""
    e = np.array([3.0, 4.0])
    norm, sse = np.linalg.norm(e), sum(e**2)
    yield Claim(
        "the double bars are the L2 norm, or the sum-of-squares error",
        f"{norm:g} and {sse:g} for the error (3, 4)",
        norm == sse,
        erratum="thomas-norm",
    )
    h, y = np.random.default_rng(0).random((2, 4, 1))
    J_z = np.sum((y - h) ** 2, axis=1) / 2  # of each sample
    J = J_z.sum() / len(J_z)
    yield Same("J of four samples, refnet's", refnet.HalfSquaredError().value(h, y), J)
    yield (
        f"The text calls J the mean squared error, as many do. With the 1/2 it is half of what "
        f"refnet.MSE and PyTorch's MSELoss compute: {J:.4f} and {refnet.MSE().value(h, y):.4f}."
    )
    m = len(J_z) - 1
    yield Claim(
        "1/m times a sum from z = 0 to m is the mean",
        f"m = {m}: {J_z.sum() / m:.4f}, the mean is {J_z.mean():.4f}",
        J_z.sum() / m == J_z.mean(),
        erratum="thomas-sum-from-0",
    )


def descent_in_networks():
    """Whose derivative is in a step."""
    net, (x, y) = three_three_one(), SAMPLES
    one, mean = (net.loss_and_gradients(x[:n], y[:n], COST)[1][1].db[0] for n in (1, 2))
    yield Claim(
        "a step takes the derivatives of the single sample cost function",
        f"dJ/db_1^(2) is {one:.4f} for one sample, {mean:.4f} for the mean of two",
        one == mean,
        erratum="thomas-one-sample",
    )


def bowl(p):
    """Our curve for section 4.4: 0.35 x_1^2 + 0.175 x_2^2. Each row of p is a point."""
    return np.square(p) @ np.array([0.35, 0.175])


def bowl_slope(p):
    """Both partial derivatives of it: (0.7 x_1, 0.35 x_2)."""
    return np.array([0.7, 0.35]) * p


@cache
def bowl_path():
    """p1, p2, ... on the bowl."""
    points = [P1]
    for _ in range(6):
        points.append(points[-1] - RATE * bowl_slope(points[-1]))
    return np.array(points)


def two_dimensions():
    """A bowl whose slope at p1 is the text's."""
    path = bowl_path()
    yield (
        "The text gives a slope without its function. One that has this slope at p1 = (3, 2) is\n"
        "  0.35 x_1^2 + 0.175 x_2^2"
    )
    yield Printed("derivative at p1", "[2.1, 0.7]", bowl_slope(P1))
    yield Printed("partial derivative with respect to x_1", "[2.1]", bowl_slope(P1)[:1])
    points = ", ".join(f"p{k} = ({p[0]:.3g}, {p[1]:.3g})" for k, p in enumerate(path[:3], start=1))
    yield (
        f"With step size {RATE}: {points}. The error falls from {bowl(P1):.3g} to "
        f"{bowl(path[-1]):.2g} in {len(path) - 1} steps."
    )


SECTIONS = {
    "4 Gradient descent and optimisation": gradient_descent,
    "4.1 A simple example in code": simple_example,
    "4.2 The cost function": cost_function,
    "4.3 Gradient descent in neural networks": descent_in_networks,
    "4.4 A two dimensional gradient descent example": two_dimensions,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
