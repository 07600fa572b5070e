"""Elgendy, Deep Learning for Vision Systems, sections 2.6.1 and 2.6.2: brute force, and
gradient descent: the direction of a step, and its size.

    python examples/elgendy_descent.py [SECTION ...] [--plot DIR]

The pitfalls at the end of section 2.6.2 stand in elgendy_batches.py, its calculus
refresher in elgendy_derivatives.py.
"""

from functools import cache

import numpy as np

import refnet
from lesson import Claim, Expected, Printed, Same, run, side_by_side

TITLE = (
    "Elgendy, Deep Learning for Vision Systems, chapter 2, Deep learning and neural networks: "
    "2.6.1 and 2.6.2, brute force and gradient descent"
)
X, GOAL = 0.3, 0.8  # input and label of the perceptron of section 2.5.6
RATES = (0.01, 0.1, 1.0, 5.0, 10.0, 100 / 9, 12.0)
NOISE = 0.1  # standard deviation of the noise in the made-up prices
A = np.array([-1.0, 3.5])  # where descent on the error mountain starts: w, b
RATE, STEPS = 0.05, 150  # of the descent from A


def squared_error(w):
    """E(w) of the perceptron of section 2.5.6, with its error squared."""
    return (w * X - GOAL) ** 2


def slope(w):
    """dE/dw of it."""
    return 2 * (w * X - GOAL) * X


def descend(alpha, steps, w=0.0):
    """The weights of descent on it, the first one and one after each step."""
    path = [w]
    for _ in range(steps):
        path.append(path[-1] - alpha * slope(path[-1]))
    return np.array(path)


@cache
def line():
    """1,000 points along y = 2 x + 1: x and y, (1000,) each."""
    rng = np.random.default_rng(265)
    x = rng.uniform(-1.0, 3.0, (1000, 1))
    return x.ravel(), (2.0 * x + 1.0 + rng.normal(0.0, 0.5, x.shape)).ravel()


def error(w, b):
    """E(w, b), the MSE over all points of the line."""
    x, y = line()
    y_hat = np.multiply.outer(w, x) + np.asarray(b)[..., None]
    return np.mean((y_hat - y) ** 2, axis=-1)


def gradient(theta):
    """dE/dw and dE/db at theta = (w, b)."""
    (x, y), (w, b) = line(), theta
    y_hat = w * x + b
    return np.array([np.mean(2 * (y_hat - y) * x), np.mean(2 * (y_hat - y))])


@cache
def solution():
    """The weight and bias of least squares."""
    x, y = line()
    return np.linalg.lstsq(np.column_stack([x, np.ones_like(x)]), y, rcond=None)[0]


def neuron():
    """A linear neuron with the weight and the bias of point A."""
    return refnet.Network([refnet.Dense(A[None, :1], A[1:], "identity")])


@cache
def path():
    """Batch gradient descent from A: w and b before the first and after each step."""
    theta = [A]
    for _ in range(STEPS):
        theta.append(theta[-1] - RATE * gradient(theta[-1]))
    return np.array(theta)


@cache
def prices():
    """Four scaled features of 200 made-up houses, and prices in hundred thousands: a
    smooth function of the features, and noise.
    """
    rng = np.random.default_rng(261)
    x = rng.uniform(-1.0, 1.0, (200, 4))
    y = 3.0 + x @ [1.0, 0.6, -0.4, 0.3] + x[:, 0] * x[:, 2] + rng.normal(0.0, NOISE, 200)
    return x, y[:, None]


def price_network():
    """The 4-5-1 network of figure 2.28."""
    return refnet.mlp([4, 5, 1], hidden="sigmoid", output="identity", seed=261)


@cache
def guessed(tries=3000):
    """The lowest MSE so far after each random draw of weights and biases in [-3, 3)."""
    net, (x, y) = price_network(), prices()
    rng = np.random.default_rng(262)
    losses = []
    for _ in range(tries):
        net.parameters[:] = rng.uniform(-3.0, 3.0, net.parameters.size)
        losses.append(refnet.MSE().value(net.predict(x), y))
    return np.minimum.accumulate(losses)


@cache
def descended(steps=3000):
    """The MSE before each step of batch gradient descent, and after the last one."""
    optimizer = refnet.SGD(lr=0.2)
    history = refnet.fit(
        price_network(), *prices(), loss="mse", optimizer=optimizer, epochs=steps + 1
    )
    return np.array(history.loss)


def few_weights():
    """Brute force over one weight, and over two."""
    yield (
        "With one weight the error is a curve (figure 2.26), with two it is a surface (figure "
        "2.27). Here one weight: the perceptron of section 2.5.6, with its error squared, "
        "E = (0.3 w - 0.8)^2. And two: a linear neuron with a weight w and a bias b, which "
        "learns 1,000 made-up points along a line. We try 1,000 values for each:"
    )
    w = np.linspace(-2.0, 8.0, 1000)
    best = w[np.argmin(squared_error(w))]
    half = (w[1] - w[0]) / 2
    yield Claim(
        "brute force works in theory: one weight",
        f"w = {best:.3f}, exactly {GOAL / X:.3f}",
        abs(best - GOAL / X) <= half,
    )
    x, y = line()
    w, b = np.meshgrid(np.linspace(-5.0, 5.0, 1000), np.linspace(-5.0, 5.0, 1000))
    # E = mean (w x + b - y)^2, multiplied out
    E = w**2 * np.mean(x**2) + b**2 + np.mean(y**2)
    E += 2 * (w * b * np.mean(x) - w * np.mean(x * y) - b * np.mean(y))
    at = np.argmin(E)
    found = np.array([w.flat[at], b.flat[at]])
    # along the flat valley the best pair may be a few values of the grid off
    yield Claim(
        "and two weights",
        f"(w, b) = {side_by_side(found)}, exactly {side_by_side(solution())}",
        np.abs(found - solution()).max() < 0.05,
    )
    yield f"That took {E.size:,} pairs. Each further weight takes 1,000 times as many."


def brute_force():
    """How long brute force would take on a network with one hidden layer."""
    yield "The 4-5-1 network of figure 2.28, again with 1,000 values for each weight."
    net = price_network()
    edges = [layer.W.size for layer in net.layers]
    yield Printed("weights into the hidden layer, and out", "20, 5", edges)
    yield Printed("weights", "25", sum(edges))
    yield Printed(
        "weights to adjust, with the biases",
        "25",
        net.parameters.size,
        erratum="elgendy-biases-left-out",
    )
    combinations = 1000 ** sum(edges)
    yield Printed("combinations, 1,000^25", "1e75", float(combinations))
    yield Printed("seconds, at 93e15 operations a second", "1.08e58", combinations / 93e15)
    yield Printed("these 1.08e58 seconds in years", "3.42e50", 1.08e58 / (365.25 * 24 * 60 * 60))
    yield (
        f"With the biases there are {1000.0**net.parameters.size:.0e} combinations, and each one "
        f"costs more than one operation. A smart algorithm on made-up prices of 200 houses:"
    )
    better = int(np.argmax(descended() < guessed()[-1]))
    yield Claim(
        "brute force is not the answer",
        f"E {guessed()[-1]:.4f} by {len(guessed())} random draws; descent is below that after "
        f"{better} steps, and at {descended()[-1]:.4f} after {len(descended()) - 1}",
        better < len(guessed()) and descended()[-1] < guessed()[-1],
    )
    yield f"The noise in the prices alone has a variance of {NOISE**2:g}."


def batch_descent():
    """The slope at a point, and steps down the curve (figures 2.29 and 2.30)."""
    yield "On the curve E = (0.3 w - 0.8)^2 from w = 0:"
    w, h = 0.0, 1e-4
    dE_dw = 2 * (w * X - GOAL) * X
    rise = squared_error(w + h) - squared_error(w - h)
    yield Expected("dE/dw = 2 (0.3 w - 0.8) 0.3", "-0.48", dE_dw)
    yield Same("rise of E over run, 2e-4 wide", rise / (2 * h), dE_dw, 9)
    E = squared_error(descend(alpha=1.0, steps=50))
    yield Claim(
        "we take steps down the curve until we reach the minimum error",
        f"E {side_by_side(E[:4], 4)}, and {E[-1]:.0e} after {len(E) - 1} steps",
        bool(np.all(np.diff(E) < 0)) and E[-1] < 1e-6,
    )


def mountain():
    """Descent on the surface over two weights (figure 2.31)."""
    w, b = path().T
    yield (
        f"The neuron with two weights on its 1,000 points. Point A is w = {A[0]:g}, b = {A[1]:g}; "
        f"the learning rate is {RATE}. After some of the steps:"
    )
    E = error(w, b)
    yield f"  {'step':>6}{'w':>9}{'b':>9}{'E':>9}"
    for step in (0, 1, 2, 10, 50, STEPS):
        yield f"  {step:>6}{w[step]:>9.4f}{b[step]:>9.4f}{E[step]:>9.4f}"
    yield Claim(
        "a series of steps down the curve", f"{STEPS} of them", bool((np.diff(E) < 0).all())
    )
    least = error(*solution())
    yield Claim(
        "until we get the minimum error",
        f"{E[-1]:.4f}; by least squares {least:.4f}",
        E[-1] < 1.01 * least,
    )
    net, (x, y), theta = neuron(), line(), [A]
    refnet.fit(
        net,
        x[:, None],
        y[:, None],
        loss="mse",
        optimizer=refnet.SGD(lr=RATE),
        epochs=STEPS,
        on_step=lambda step: theta.append(net.parameters.copy()),
    )
    yield Same("w and b after each step, refnet", theta, path())


def direction():
    """All directions around A, and the gradient."""
    yield "From A we look at all directions around, one for each degree, a step of 0.001 long:"
    degrees = np.arange(360)
    w = A[0] + 0.001 * np.cos(np.radians(degrees))
    b = A[1] + 0.001 * np.sin(np.radians(degrees))
    deepest = degrees[np.argmin(error(w, b))]
    dE_dw, dE_db = gradient(A)
    downhill = np.degrees(np.arctan2(-dE_db, -dE_dw)) % 360
    yield Claim(
        "the derivative gives the direction of the deepest descent",
        f"-(dE/dw, dE/db) = {side_by_side([-dE_dw, -dE_db])}, at {downhill:.1f} degrees; the "
        f"deepest is at {deepest}",
        abs(downhill - deepest) <= 0.5,
    )


def step_size():
    """Learning rates on a parabola (figure 2.32)."""
    yield (
        "On E = (0.3 w - 0.8)^2 from w = 0. A step is alpha |dE/dw| long, so steps of one "
        "learning rate get shorter towards the minimum. For each learning rate alpha, the length "
        "of the first two steps, and E after some:"
    )
    yield f"  {'alpha':>6}{'step 1':>10}{'step 2':>10}{'E after 1':>12}{'2':>10}{'8':>10}"
    for alpha in RATES:
        w = descend(alpha, steps=8)
        lengths, E = np.abs(np.diff(w)), squared_error(w)
        yield (
            f"  {alpha:>6.2f}{lengths[0]:>10.4f}{lengths[1]:>10.4f}{E[1]:>12.4f}{E[2]:>10.4f}"
            f"{E[8]:>10.4f}"
        )
    small, usual, large = (squared_error(descend(alpha, 8))[-1] for alpha in (0.1, 1.0, 5.0))
    yield Claim(
        "a larger learning rate learns faster, smaller steps mean slower learning",
        f"E after 8 steps: {small:.3f} at 0.1, {usual:.3f} at 1, {large:.0e} at 5",
        small > usual > large,
    )
    w = descend(12.0, steps=8)
    sides, E = np.sign(w - GOAL / X), squared_error(w)
    yield Claim(
        "a very large one leads to the other side, and back",
        f"at 12, w is {side_by_side(w[:4], 2)}; the minimum {GOAL / X:.2f}",
        bool((sides[1:] == -sides[:-1]).all()),
    )
    yield Claim(
        "the error will keep oscillating and will never descend",
        f"at 12, E is {side_by_side(E[:4])}",
        bool((np.diff(E) > 0).all()),
    )
    steps = {
        alpha: np.argmax(squared_error(descend(alpha, 10_000)) < 1e-6) for alpha in (0.01, 1.0)
    }
    yield Claim(
        "a very small one will get to the minimum, but it takes longer",
        f"E < 1e-6 after {steps[0.01]} steps at 0.01, {steps[1.0]} at 1",
        steps[0.01] > steps[1.0] > 0,
    )
    curvature = 2 * X**2
    yield (
        f"The limit is 2 / E'' = 2 / {curvature:g} = {2 / curvature:.2f}: there E stays as it is. "
        f"Below it the error descends, even where w changes sides as at 10; above it E grows "
        f"without bound."
    )


def one_step():
    """The change of each weight in one step from A."""
    yield "The first step from A:"
    alpha, (w, b), (x, y) = RATE, A, line()
    y_hat = w * x + b
    dE_dw, dE_db = np.mean(2 * (y_hat - y) * x), np.mean(2 * (y_hat - y))
    delta_w, delta_b = -alpha * dE_dw, -alpha * dE_db
    w_next, b_next = w + delta_w, b + delta_b
    net = neuron()
    _, gradients = net.loss_and_gradients(x[:, None], y[:, None], "mse")
    refnet.SGD(lr=alpha).step(net, gradients)
    yield Same("dE/dw, dE/db, refnet", gradients.vector, [dE_dw, dE_db])
    yield Same("next w and b, refnet", net.parameters, [w_next, b_next])
    E, down, up = error(w, b), error(w_next, b_next), error(w - delta_w, b - delta_b)
    yield Claim(
        "the minus sign, because the derivative is the slope in the upward direction",
        f"E {E:.4f} becomes {down:.4f}; with a plus {up:.4f}",
        down < E < up,
    )


SECTIONS = {
    "2.6.1 What is optimization?": few_weights,
    "2.6.1 What is optimization? Brute force": brute_force,
    "2.6.2 Batch gradient descent": batch_descent,
    "2.6.2 How does gradient descent work?": mountain,
    "2.6.2 The direction (gradient)": direction,
    "2.6.2 The step size (learning rate)": step_size,
    "2.6.2 Putting direction and step together": one_step,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
