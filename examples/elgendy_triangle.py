"""Elgendy, Deep Learning for Vision Systems, sections 2.1.3 and 2.2: dots that no line
separates, and what two and three perceptrons make of them.

    python examples/elgendy_triangle.py [SECTION ...] [--plot DIR]

The text shows its dots only as drawings; the dots here are of the same kind, and drawn
from a seed.
"""

from functools import cache

import numpy as np

import refnet
from lesson import Claim, Expected, run
from refnet.forms import perceptron

TITLE = "Elgendy, Deep Learning for Vision Systems, sections 2.1.3 and 2.2: more perceptrons"
# the triangle of figure 2.9: p is inside where every row of EDGES p + INSIDE is > 0
EDGES = np.array([[0, 5], [-4, -3], [4, -3]])  # normals of its edges, all of length 5
INSIDE = 200
APART = 12  # any two dots, so that a picture shows each
SEED = 100  # one of 400 tried in which the lines pass well clear of the dots


def on_a_line(point, points):
    """Whether a point lies on a line through two of the points."""
    if len(points) < 2:
        return False
    away = np.array(points) - point
    cross = np.outer(away[:, 0], away[:, 1]) - np.outer(away[:, 1], away[:, 0])
    return bool((cross[np.triu_indices(len(points), 1)] == 0).any())


@cache
def triangle():
    """24 dark dots in a triangle and 24 light ones around it, at whole numbers, in
    random order, no three of them on one line.
    """
    dots, room = [], {0: 24, 1: 24}
    for point in np.random.default_rng(SEED).integers(-100, 101, (2000, 2)):
        depth = (EDGES @ point + INSIDE).min() / 5
        dark = int(depth > 0)
        if (
            room[dark]
            and depth > -50
            and abs(depth) > 10
            and all(np.hypot(*(point - p)) > APART for p, _ in dots)
            and not on_a_line(point, [p for p, _ in dots])
        ):
            dots.append((point, dark))
            room[dark] -= 1
    return np.array([point for point, _ in dots]), np.array([dark for _, dark in dots])


@cache
def splits():
    """Every way in which one straight line can split the points, as rows of 0 and 1:
    n (n - 1) + 2 of them (Cover, 1965).

    Each line can be moved until it runs through two points without passing over a
    third. Those two may then lie on either side of it.
    """
    x, _ = triangle()
    i, j = np.triu_indices(len(x), 1)
    along, to = x[j] - x[i], x[None] - x[i][:, None]
    side = along[:, None, 0] * to[:, :, 1] - along[:, None, 1] * to[:, :, 0] > 0
    rows, ways = np.arange(len(i)), []
    for first, second in ((0, 0), (0, 1), (1, 0), (1, 1)):
        way = side.copy()
        way[rows, i], way[rows, j] = first, second
        ways += [way, ~way]
    return np.unique(np.concatenate(ways), axis=0)


@cache
def best_line():
    """The fewest mistakes of any line, and the labels that such a line gives: of all
    these lines, the one that is farthest from the dots.
    """
    _, dark = triangle()
    mistakes = (splits() != dark).sum(axis=1)
    ways = splits()[mistakes == mistakes.min()]
    return int(mistakes.min()), max(ways, key=lambda way: widest(tuple(way))[2])


@cache
def best_two_lines():
    """The fewest mistakes of any two lines whose outputs a third perceptron combines,
    and the labels that such lines give: of all these pairs, the one that is farthest
    from the dots.

    It is enough to try AND and NOT AND: swapping the sides of a line is another split,
    and covers the other combinations.
    """
    _, dark = triangle()
    ways = splits().astype(np.float32)
    on_light, on_dark = ways[:, dark == 0], ways[:, dark == 1]
    both = on_light @ on_light.T + dark.sum() - on_dark @ on_dark.T
    not_both = len(dark) - both
    pairs = splits()[np.argwhere(both == both.min())]
    pair = max(pairs, key=lambda pair: min(widest(tuple(way))[2] for way in pair))
    return int(min(both.min(), not_both.min())), pair


@cache
def widest(way):
    """The line in the middle of the widest gap between the points labelled 1 and those
    labelled 0: weights of length 1, bias, half the gap.
    """
    x, _ = triangle()
    ones = np.array(way, dtype=bool)
    i, j = np.triu_indices(len(x), 1)
    between = (x[j] - x[i]).astype(float)
    same = ones[i] == ones[j]
    # the gap lies along an edge of one side, or between a point of each side
    w = np.where(same[:, None], between[:, ::-1] * [1, -1], between)
    w = np.concatenate([w, -w]) / np.tile(np.hypot(*between.T), 2)[:, None]
    up, down = (x[ones] @ w.T).min(axis=0), (x[~ones] @ w.T).max(axis=0)
    k = (up - down).argmax()
    return w[k], -(up[k] + down[k]) / 2, (up[k] - down[k]) / 2


@cache
def joined(lines):
    """A network of perceptrons: each hidden neuron draws a line, and the output neuron
    fires where all of them do.
    """
    x, _ = triangle()
    ways = (
        (EDGES @ x.T + INSIDE > 0).astype(int)
        if lines == 3
        else best_two_lines()[1]
        if lines == 2
        else [best_line()[1]]
    )
    hidden = [widest(tuple(way))[:2] for way in ways]
    W, b = [w for w, _ in hidden], [b for _, b in hidden]
    return refnet.Network(
        [refnet.Dense(W, b, "heaviside"), refnet.Dense([[1] * lines], [0.5 - lines], "heaviside")]
    )


def mistakes_of(net):
    """How many dots a network gives the wrong colour."""
    x, dark = triangle()
    return int((net.classify(x) != dark).sum())


@cache
def trained(lines):
    """A network with so many sigmoid neurons in its hidden layer, trained by gradient
    descent.
    """
    x, dark = triangle()
    net = refnet.mlp([2, lines, 1], hidden="sigmoid", output="sigmoid", seed=0)
    refnet.fit(
        net,
        x / 50,
        dark[:, None],
        loss="binary_cross_entropy",
        optimizer=refnet.Adam(lr=0.1),
        epochs=800,
    )
    net.layers[0].W[:] /= 50  # it was trained on x / 50, and is used on x
    return net


def no_line():
    """Section 2.1.3, figure 2.8: data that no line separates, and two lines."""
    x, dark = triangle()
    proof = perceptron.learn(x, dark)
    yield (
        f"{dark.sum()} dark dots in a triangle, {len(dark) - dark.sum()} light ones around it, as "
        f"in figure 2.8. The rule of section 2.1.2 stops in epoch {proof.epochs} "
        f"with a proof. Write a dark dot as (x1, x2, 1), a light one as (-x1, -x2, -1). If a line "
        f"separated them, the product of each with (w1, w2, b) would be above 0, and so would "
        f"that of any sum of them. But the last {proof.counts.sum()} mistakes add up to 0:"
    )
    signed = np.where(dark == 1, 1, -1)[:, None] * np.column_stack([x, np.ones(len(x))])
    yield Expected("the sum of these mistakes", "(0, 0, 0)", (proof.counts @ signed).astype(int))
    fewest, two = best_line()[0], best_two_lines()[0]
    yield Claim(
        "a single line will not separate (figure 2.8)",
        f"{fewest} of {len(x)} wrong by the best of {len(splits())}",
        fewest > 0,
    )
    yield Claim("two lines are definitely better", f"{two} wrong by the best pair", two < fewest)
    yield Claim("with two lines some are still wrong", f"{two} wrong by the best pair", two > 0)
    yield (
        f"A line can split {len(x)} dots in {len(splits())} ways, and all of them were tried, "
        f"alone and in pairs, however a third perceptron combines the two."
    )


def multilayer_perceptrons():
    """Section 2.2, figure 2.9: a triangle by three lines."""
    x, _ = triangle()
    net = joined(3)
    yield "Three hidden neurons draw a line each. The output fires where all three do."
    yield Claim(
        "three lines do the job", f"{mistakes_of(net)} of {len(x)} wrong", not mistakes_of(net)
    )
    hidden = len(net.layers) - 1
    yield Claim(
        "figure 2.9 has first, second and last layers (section 2.4.2)",
        f"{hidden} hidden layer of {net.sizes[1]} neurons",
        hidden > 1,
        erratum="elgendy-figure-2-9",
    )
    by_descent = [mistakes_of(trained(lines)) for lines in (1, 2, 3)]
    yield (
        f"These weights were set by hand. Gradient descent with sigmoid neurons, from one start "
        f"each, gets {by_descent[0]}, {by_descent[1]} and {by_descent[2]} dots wrong with one, two "
        f"and three hidden neurons."
    )


SECTIONS = {
    "2.1.3 Is one neuron enough to solve complex problems?": no_line,
    "2.2 Multilayer perceptrons": multilayer_perceptrons,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
