"""Khan, Nothing but NumPy: Understanding & Creating Neural Networks with Computational
Graphs from Scratch: learning rates, and the curves of Loss and Cost.

The text draws descent at four learning rates on a curve that it does not state. Here it
is the parabola L = b^2 / 16: its slope at the start b = 1 is the text's first gradient,
0.125. Then comes the OR gate itself, whose curve is no parabola. The sections are the
text's headings; khan_or_gate.py has what else stands below them.

    python examples/khan_learning_rates.py [SECTION ...] [--plot DIR]
"""

from functools import cache

import numpy as np

from khan_or_gate import LOSS, TITLE, X, Y, neuron, sigmoid, trained
from lesson import Claim, Expected, run, side_by_side

# L = CURVATURE b^2 / 2: descent approaches the minimum for learning rates below
# 2 / CURVATURE = 16
CURVATURE = 0.125
RATES = (0.5, 5.0, 5e-10, 50.0)
NEAR = 0.01  # "at the minimum": |b| below this


def loss_at(b):
    """L on the parabola."""
    return CURVATURE * b**2 / 2


def descend(alpha, steps, b=1.0):
    """b before each step down the parabola, and after the last one."""
    path = [b]
    for _ in range(steps):
        path.append(path[-1] - alpha * CURVATURE * path[-1])
    return np.array(path)


def loss_curve():
    """The loss of one example as a function of the bias."""
    b, out, loss, slope = by_bias()
    yield (
        "The Loss for (0, 0), label 0, as a function of b is sigma(b)^2 / 2. Its slope is\n"
        "  dL/db = y_hat * y_hat (1 - y_hat)\n"
        "This is no parabola: the sigmoid comes before the square."
    )
    yield Claim(
        "the Loss curve is u-shaped",
        f"rises from {loss[0]:.0e} to {loss[-1]:.2f} on b = {b[0]:g} to {b[-1]:g}, and never falls",
        bool((np.diff(loss) < 0).any()),
        erratum="khan-u-shape",
    )
    steepest = slope.argmax()
    yield Claim(
        "the steeper the slope, the more incorrect the prediction",
        f"steepest, {slope.max():.3f}, at output {out[steepest]:.2f}; {slope[-1]:.0e} at "
        f"{out[-1]:.5f}",
        steepest == len(out) - 1,
        erratum="khan-steepest",
    )
    yield (
        "As a function of the output the sentence is right: dL/dy_hat = y_hat is largest where "
        "the output is worst. But dL/db is that times sigma', which is almost 0 there."
    )


@cache
def by_bias():
    """The first example for many biases: b, its output, its loss and dL/db."""
    b = np.linspace(-10, 10, 2001)
    out = sigmoid(b)
    return b, out, out**2 / 2, out * out * (1 - out)


def learning_rate():
    """The four learning rates on the parabola, annealing, and the OR gate."""
    alphas = np.array([0.5, 0.9, 2.0, 3.0])
    y_hat = sigmoid(0.0)
    dL_db = y_hat * y_hat * (1 - y_hat)  # of the example (0, 0), at b = 0
    yield (
        f"The text also names learning rates of 0.5, 0.9, 2 and 3. From b = 0, where the gradient "
        f"is {dL_db}, they lead to b = {side_by_side(-alphas * dL_db, 4)}."
    )
    yield "On the parabola L = b^2 / 16, from b = 1, where dL/db = b / 8 is the text's 0.125:"
    walked = [int(np.argmax(np.abs(descend(alpha, 200)) < NEAR)) for alpha in (0.5, 5.0)]
    yield Claim(
        "at 0.5 many steps, at 5 the minimum is reached much faster",
        f"{walked[0]} and {walked[1]} steps until |b| < {NEAR}",
        walked[1] < walked[0],
    )
    steps = np.abs(np.diff(descend(5.0, 5)))
    yield Claim(
        "the steps keep getting smaller near the minimum",
        side_by_side(steps[:4], 4),
        (np.diff(steps) < 0).all(),
    )
    tiny = np.log(NEAR) / np.log1p(-5e-10 * CURVATURE)
    yield Claim("5e-10 takes numerous steps", f"{tiny:.1e} of them", tiny > walked[0])
    wild = descend(50.0, 20)
    yield Claim(
        "50 overshoots again and again",
        f"b = {side_by_side(wild[:4], 2)}",
        (wild[1:] * wild[:-1] < 0).all(),
    )
    losses = loss_at(wild)
    yield Claim(
        "and the Loss increases after each cycle",
        f"L = {side_by_side(losses[:4], 2)}",
        (np.diff(losses) > 0).all(),
    )
    yield from annealing()
    yield from on_the_or_gate()


def annealing():
    """Where a constant learning rate does not do: one example at a time."""
    yield (
        "Since the steps shrink, changing the learning rate would not be necessary. That is so "
        "where all examples are in each step. One at a time, the examples pull b to and fro: two "
        "examples with the labels 0 and 1, L = (b - y)^2 / 2, whose Cost is lowest at b = 1/2. "
        "From b = 1, 2,000 steps:"
    )
    far = {}
    for name, alphas in (
        ("constant", np.full(2000, 0.5)),
        ("decayed", 1 / np.arange(1, 2001)),
    ):
        b, path = 1.0, []
        for alpha, y in zip(alphas, np.random.default_rng(0).integers(0, 2, 2000), strict=True):
            b = b - alpha * (b - y)
            path.append(b)
        far[name] = np.abs(np.array(path[-100:]) - 0.5).max()
    yield Claim(
        "changing the learning rate is not necessary",
        f"in the last 100 steps b is up to {far['constant']:.2f} off with alpha = 0.5, "
        f"{far['decayed']:.2f} with 1 / step",
        far["constant"] <= far["decayed"],
        erratum="khan-rate-need-not-change",
    )


def on_the_or_gate():
    """The large learning rates on the text's own example."""
    net, cost = trained(50.0)
    rises = int((np.diff(cost) > 0).sum())
    yield (
        f"The text says of its curve that 50 diverges. On its OR gate the Cost rises in {rises} of "
        f"the 5,000 epochs at alpha = 50, and falls to {cost[-1]:.1e} ({trained()[1][-1]:.1e} with "
        f"alpha = 1); the accuracy is {net.accuracy(X, Y[:, 0]):.0%}. It cannot diverge: outputs "
        f"between 0 and 1 keep it below 1/2."
    )
    stuck, cost = trained(500.0, 200)
    largest = np.abs(stuck.loss_and_gradients(X, Y, LOSS)[1].vector).max()
    yield (
        f"But alpha can be too large in another way. At 500 one step takes all outputs to "
        f"{side_by_side(stuck.predict(X))}, where the sigmoid is flat: the largest entry of the "
        f"gradient is {largest:.0e}. One row of the four is wrong by 1, and stays wrong:"
    )
    what = f"alpha = 500, Cost after {len(cost) - 1} epochs: (1/2) / 4"
    yield Expected(what, f"{0.5 / len(X):.3f}", cost[-1])


def cost_curve():
    """The cost of the four rows as a function of b, and of all three parameters."""
    b = by_bias()[0]
    valley = costs(np.stack([np.full_like(b, 0.1), np.full_like(b, 0.6), b], axis=1))
    yield (
        f"The Cost of all four rows as a function of b alone, with the weights 0.1 and 0.6, is a "
        f"valley: its minimum is {valley.min():.4f}, at b = {b[valley.argmin()]:.2f}. Its ends are "
        f"flat. There each row with the wrong output costs (1/2) 1^2 / 4:"
    )
    yield Expected(f"Cost at b = {b[0]:g}, all outputs 0", f"{3 / 8:.3f}", valley[0])
    yield Expected(f"Cost at b = {b[-1]:g}, all outputs 1", f"{1 / 8:.3f}", valley[-1])
    yield (
        "In all three parameters the Cost has no minimum. It keeps falling while the trained "
        "w1, w2 and b are multiplied by 1 to 3:"
    )
    grown = costs(np.linspace(1, 3, 201)[:, None] * trained()[0].parameters)
    yield Claim(
        "the Cost has the same u-shape, with a minimum",
        f"{grown[0]:.0e} falls to {grown[-1]:.0e}, never rises",
        bool((np.diff(grown) > 0).any()),
        erratum="khan-u-shape",
    )
    before, after = neuron().forward(X)[-1], trained()[0].forward(X)[-1]
    to_line = [np.mean((layer.z - Y) ** 2) for layer in (before, after)]
    to_output = [np.mean((layer.a - Y) ** 2) for layer in (before, after)]
    yield Claim(
        "it minimizes the vertical distance between the data points and the line z",
        f"mean squared distance {to_line[0]:.2f} before, {to_line[1]:.1f} after 5000 epochs",
        to_line[1] < to_line[0],
        erratum="khan-distance-to-line",
    )
    yield (
        f"What falls is the distance of the labels from sigma(z): {to_output[0]:.3f} to "
        f"{to_output[1]:.4f}."
    )


def costs(parameters):
    """The cost of the OR gate for each row (w1, w2, b)."""
    z = parameters @ np.append(X.T, np.ones((1, len(X))), axis=0)
    return np.mean((sigmoid(z) - Y[:, 0]) ** 2, axis=1) / 2


SECTIONS = {
    "Loss Function: its curve": loss_curve,
    "Learning Rate": learning_rate,
    "Cost Function: its curve": cost_curve,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
