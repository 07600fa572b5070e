"""Elgendy, Deep Learning for Vision Systems, section 2.1: one perceptron, its weights,
its bias, its step, and how it learns.

    python examples/elgendy_perceptrons.py [SECTION ...] [--plot DIR]

The text shows its data only as a drawing; the players here are of the same kind, and
drawn from a seed.
"""

from functools import cache

import numpy as np

from lesson import Claim, Printed, Same, run
from refnet.forms import perceptron

TITLE = "Elgendy, Deep Learning for Vision Systems, section 2.1: understanding perceptrons"
# cm and years, subtracted: features around zero are learned in a few epochs
MIDDLE = np.array([170.0, 17.0])
NEW = np.array([150, 12])  # the player to be judged, in cm and years
# the text prints it below a sentence that says height and weight
EQUATION = "z = height w1 + age w2 + b"


@cache
def players():
    """40 players in whole cm and years, accepted (1) or not (0). None is near the line
    between the two, height + 5 age = 255.
    """
    rng = np.random.default_rng(0)
    drawn = np.column_stack([rng.integers(140, 200, 400), rng.integers(10, 24, 400)])
    above = (drawn - MIDDLE) @ [1, 5]
    clear = np.flatnonzero(np.abs(above) >= 10)[:40]
    return drawn[clear], (above[clear] > 0).astype(int)


@cache
def learned():
    """The players' line, found by trial and error: w, b, the mistakes of each epoch,
    and by how much each correction changed the z of the player it was made for.
    """
    given, y = players()
    x = given - MIDDLE
    w, b, mistakes, changes = np.zeros(2), 0.0, [], []
    while not mistakes or mistakes[-1]:
        mistakes.append(0)
        for x_i, y_i in zip(x, y, strict=True):
            z = w @ x_i + b  # step 1: predict
            y_hat = step_function(z)
            error = y_i - y_hat  # step 2: compare
            w, b = w + error * x_i, b + error  # step 3: update
            if error:
                mistakes[-1] += 1
                changes.append(error * (w @ x_i + b - z))
    return w, b, mistakes, changes


@cache
def boundary():
    """The learned line for height and age as they are: weights, bias."""
    w, b, *_ = learned()
    return w, b - w @ MIDDLE


def step_function(z):
    """The text's code, for one number."""
    return 0 if z <= 0 else 1


def lines_of_orders(orders=100):
    """How many different lines the rule finds when it sees the same players in
    different orders.
    """
    x, accepted = players()
    rng = np.random.default_rng(1)
    rows = (rng.permutation(len(x)) for _ in range(orders))
    lines = [perceptron.learn(x[order] - MIDDLE, accepted[order]) for order in rows]
    # equal lines may have weights of different length
    return len({tuple(np.round([*line.w, line.b] / np.hypot(*line.w), 12)) for line in lines})


def fewest_through_origin(x, labels):
    """The line through (0, 0) with the fewest mistakes: weights, mistakes.

    The mistakes of a turning line change only where it meets a point, so one line
    between each two neighbouring points is enough.
    """
    angles = np.sort((np.arctan2(x[:, 1], x[:, 0]) + np.pi / 2) % np.pi)
    between = (angles + np.append(angles[1:], angles[0] + np.pi)) / 2
    turned = np.concatenate([between, between + np.pi])
    w = np.column_stack([np.cos(turned), np.sin(turned)])
    mistakes = ((x @ w.T > 0) != labels[:, None]).sum(axis=0)
    return w[mistakes.argmin()], int(mistakes.min())


def connection_weights():
    """The house: size, neighborhood and number of rooms, by one unit each."""
    w = np.array([8.0, 4.0, 2.0])
    effect = np.eye(3) @ w  # of each feature by one unit
    yield Printed("weights of size, neighborhood, rooms", "8, 4, and 2", effect)
    yield Claim(
        "size has double the effect of neighborhood",
        f"{effect[0]:g} / {effect[1]:g} = {effect[0] / effect[1]:g}",
        effect[0] == 2 * effect[1],
    )
    yield Claim(
        "neighborhood has double the effect of rooms",
        f"{effect[1]:g} / {effect[2]:g} = {effect[1] / effect[2]:g}",
        effect[1] == 2 * effect[2],
    )
    yield (
        "Weights can be compared only where the units of the features can: 8 per square metre and "
        "2 per room cannot."
    )


def weighted_sum_function():
    """z = sum of x_i w_i + b, term by term and as a product."""
    x, _ = players()
    w, b = boundary()
    terms = x[:, 0] * w[0] + x[:, 1] * w[1] + b  # z = x1 w1 + x2 w2 + b
    yield f"The sum for {len(x)} players, with the weights that section 2.1.2 finds:"
    yield Same("z, x @ w + b", x @ w + b, terms, digits=9)
    yield Same("z, refnet", perceptron.weighted_sum(w, b, x), terms, digits=9)


def bias():
    """The bias as a weight and as a point on an axis, and lines without it."""
    x, accepted = players()
    w, b = boundary()
    z = np.column_stack([x, np.ones(len(x))]) @ [*w, b]
    yield "An extra input that is always 1 makes the bias an extra weight."
    yield Same("z, with the extra input", z, x @ w + b, digits=9)
    _, wrong = fewest_through_origin(x, accepted)
    yield Claim(
        "a line through (0, 0) cannot separate",
        f"the best one has {wrong} of {len(x)} on its wrong side",
        wrong > 0,
    )
    yield (
        "In y = m x + b the bias b is where the line meets the vertical axis. The line of a "
        "perceptron is where its z is 0:\n"
        "  x1 w1 + x2 w2 + b = 0\n"
        "Where x1 = 0, x2 is -b / w2."
    )
    meets = -b / w[1]
    yield Claim(
        "the bias is the line's point on the axis",
        f"the point {meets:g}, b {b:g}",
        meets == b,
        erratum="elgendy-bias-intercept",
    )


def step_activation_function():
    """The step function at z = 0, in words and in code."""
    yield Printed("code and table 2.1: step(0)", "0", step_function(0))
    yield Printed(
        "words and figure 2.5: step(0)", "1", step_function(0), erratum="elgendy-step-at-zero"
    )
    z = np.array([-2.0, -1.0, 0.0, 3.0])
    yield Same(
        "step at -2, -1, 0, 3, refnet", perceptron.step_function(z), [step_function(it) for it in z]
    )


def how_it_learns():
    """Section 2.1.2: predict, compare, update, repeat."""
    given, accepted = players()
    w, b, mistakes, changes = learned()
    yield (
        f"{len(given)} players, accepted or not. For each player in turn:\n"
        "  z = w @ x + b;  y_hat = 1 if z > 0 else 0\n"
        "  error = y - y_hat\n"
        "  w = w + error * x;  b = b + error\n"
        f"x is height - {MIDDLE[0]:g} and age - {MIDDLE[1]:g}."
    )
    yield Claim(
        "too high a prediction gets lower, and too low a one higher",
        f"z moves by {min(changes):g} or more",
        min(changes) > 0,
    )
    yield Claim(
        "repeated until the error is close to zero",
        f"{', then '.join(map(str, mistakes))} mistakes in an epoch",
        mistakes[-1] == 0,
    )
    found = perceptron.learn(given - MIDDLE, accepted)
    yield Same("w, refnet", found.w, w)
    yield Same("b, refnet", found.b, b)
    raw = perceptron.learn(given, accepted)
    yield (
        f"On height and age as they are, the same rule still makes {raw.mistakes[-1]} mistakes in "
        f"epoch {raw.epochs}: subtracting the middle helps. For them the line found above is\n"
        f"  z = {boundary()[0][0]:g} height + {boundary()[0][1]:g} age - {-boundary()[1]:g}"
    )


def one_neuron():
    """Section 2.1.3, figure 2.7: data that a line separates."""
    x, accepted = players()
    w, b = boundary()
    z = w @ NEW + b
    yield Claim(
        "the two features are height and weight",
        f"{EQUATION} is {z:g} for ({NEW[0]}, {NEW[1]})",
        "weight" in EQUATION,
        erratum="elgendy-height-weight",
    )
    yield Claim(
        "150 cm and 12 years: below the line",
        f"z = {z:g} is below 0",
        z < 0,
    )
    mistakes = int(((x @ w + b > 0) != accepted).sum())
    yield Claim(
        "linearly separable (figure 2.7)",
        f"{mistakes} of {len(x)} players on the wrong side",
        mistakes == 0,
    )
    different = lines_of_orders()
    yield Claim(
        "training finds the line that best separates",
        f"{different} lines from 100 orders of the rows",
        different == 1,
        erratum="elgendy-best-line",
    )


SECTIONS = {
    "2.1.1 Connection weights": connection_weights,
    "2.1.1 Weighted sum function": weighted_sum_function,
    "2.1.1 What is a bias in the perceptron, and why do we add it?": bias,
    "2.1.1 Step activation function": step_activation_function,
    "2.1.2 How does the perceptron learn?": how_it_learns,
    "2.1.3 Is one neuron enough to solve complex problems?": one_neuron,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
