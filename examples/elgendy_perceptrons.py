"""Elgendy, Deep Learning for Vision Systems, sections 2.1 and 2.2: one perceptron, what
it cannot do, and two and three of them.

    python examples/elgendy_perceptrons.py [--plot DIR]

The text shows its data only in figures; the points here are drawn from seeds, and are
of the same kind.
"""

import re
from functools import cache
from itertools import pairwise

import numpy as np

import refnet
from printed import Printed, run
from refnet.forms import perceptron

TITLE = "Elgendy, Deep Learning for Vision Systems, §2.1 and §2.2: perceptrons"
# cm and years: features that lie around zero are learned in a few epochs
MIDDLE = np.array([170.0, 17.0])
EDGES = np.array([[0, 5], [-4, -3], [4, -3]])  # normals, of length 5, of the triangle of figure 2.9
INSIDE = 200  # a point p lies inside where EDGES p + INSIDE > 0, in every row
NUMBER = ("no", "one", "two", "three")
NEW = (150, 12)  # the player to be judged
# as the text prints it, below a sentence that says height and weight
EQUATION = "z = height w1 + age w2 + b"


@cache
def players():
    """40 players in whole cm and years, accepted (1) or not (0), none of them near the
    line height + 5 age = 255.
    """
    rng = np.random.default_rng(0)
    drawn = np.column_stack([rng.integers(140, 200, 400), rng.integers(10, 24, 400)])
    above = (drawn - MIDDLE) @ [1, 5]
    clear = np.flatnonzero(np.abs(above) >= 10)[:40]
    return drawn[clear], (above[clear] > 0).astype(int)


@cache
def learned():
    """The perceptron's own learning rule on the players."""
    x, accepted = players()
    return perceptron.learn(x - MIDDLE, accepted)


@cache
def boundary():
    """The learned line for height and age as they are: weights, bias."""
    found = learned()
    return found.w, found.b - found.w @ MIDDLE


def lines_of_orders(orders=100):
    """How many different lines the rule finds on the same players, shown to it in
    different orders.
    """
    x, accepted = players()
    rng = np.random.default_rng(1)
    rows = (rng.permutation(len(x)) for _ in range(orders))
    found = [perceptron.learn(x[order] - MIDDLE, accepted[order]) for order in rows]
    return len({tuple(np.round([*line.w, line.b] / np.hypot(*line.w), 12)) for line in found})


def fewest_through_origin(x, labels):
    """The line through (0, 0) with the fewest mistakes: weights, mistakes.

    Turning a line changes them only where it meets a point.
    """
    angles = np.sort((np.arctan2(x[:, 1], x[:, 0]) + np.pi / 2) % np.pi)
    between = (angles + np.append(angles[1:], angles[0] + np.pi)) / 2
    turned = np.concatenate([between, between + np.pi])
    w = np.column_stack([np.cos(turned), np.sin(turned)])
    mistakes = ((x @ w.T > 0) != labels[:, None]).sum(axis=0)
    return w[mistakes.argmin()], int(mistakes.min())


def on_a_line(point, points):
    """Whether a point lies on the line through some two of the points."""
    if len(points) < 2:
        return False
    away = np.array(points) - point
    cross = np.outer(away[:, 0], away[:, 1]) - np.outer(away[:, 1], away[:, 0])
    return bool((cross[np.triu_indices(len(points), 1)] == 0).any())


@cache
def triangle():
    """24 dark dots in a triangle and 24 light ones around it, in shuffled order, at
    whole numbers, no three of them on one line.
    """
    found, room = [], {0: 24, 1: 24}
    for point in np.random.default_rng(1).integers(-100, 101, (2000, 2)):
        depth = (EDGES @ point + INSIDE).min() / 5
        dark = int(depth > 0)
        if (
            room[dark]
            and depth > -50
            and abs(depth) > 10
            and not on_a_line(point, [p for p, _ in found])
        ):
            found.append((point, dark))
            room[dark] -= 1
    return np.array([point for point, _ in found]), np.array([dark for _, dark in found])


@cache
def splits():
    """Every way in which one straight line can split the points, a row of 0 and 1 each:
    n (n - 1) + 2 of them (Cover, 1965).

    Each line can be moved, without passing over a point, until it runs through two;
    those two can fall on either side of it.
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
    """The fewest mistakes of any one line, and the labels that a line with so few
    gives.
    """
    _, dark = triangle()
    mistakes = (splits() != dark).sum(axis=1)
    return int(mistakes.min()), splits()[mistakes.argmin()]


@cache
def best_two_lines():
    """The fewest mistakes of any two lines whose outputs a third perceptron joins, and
    what two such lines give.

    Of two outputs that third one can learn: both, or not both. Either line may have its
    sides swapped, which covers the other joins.
    """
    _, dark = triangle()
    ways = splits().astype(np.float32)
    on_light, on_dark = ways[:, dark == 0], ways[:, dark == 1]
    both = on_light @ on_light.T + dark.sum() - on_dark @ on_dark.T
    not_both = len(dark) - both
    first, second = np.unravel_index(both.argmin(), both.shape)
    return int(min(both.min(), not_both.min())), splits()[[first, second]]


@cache
def widest(way):
    """The line in the middle of the widest gap between the points labelled 1 and those
    labelled 0: weights of length 1, bias, half gap.
    """
    x, _ = triangle()
    ones = np.array(way, dtype=bool)
    i, j = np.triu_indices(len(x), 1)
    between = (x[j] - x[i]).astype(float)
    same = ones[i] == ones[j]
    # along an edge of one side, or from side to side
    w = np.where(same[:, None], between[:, ::-1] * [1, -1], between)
    w = np.concatenate([w, -w]) / np.tile(np.hypot(*between.T), 2)[:, None]
    up, down = (x[ones] @ w.T).min(axis=0), (x[~ones] @ w.T).max(axis=0)
    k = (up - down).argmax()
    return w[k], -(up[k] + down[k]) / 2, (up[k] - down[k]) / 2


@cache
def joined(lines):
    """A network of perceptrons: hidden neurons that each draw one line, and one that
    fires where all of them do.
    """
    x, _ = triangle()
    if lines == 3:
        ways = (EDGES @ x.T + INSIDE > 0).astype(int)
        hidden = [perceptron.learn(x, way)[:2] for way in ways]
    else:
        ways = [best_line()[1]] if lines == 1 else best_two_lines()[1]
        hidden = [widest(tuple(way))[:2] for way in ways]
    W, b = [w for w, _ in hidden], [b for _, b in hidden]
    return refnet.Network(
        [refnet.Dense(W, b, "heaviside"), refnet.Dense([[1] * lines], [0.5 - lines], "heaviside")]
    )


def in_words_and_figure(z):
    """The step of section 2.1.1 and figure 2.5."""
    return 1 if z >= 0 else 0


def in_code_and_table(z):
    """The step of the code beside it and of table 2.1."""
    return 0 if z <= 0 else 1


def mistakes_of(net):
    """How many of the dots a network gives the wrong colour."""
    x, dark = triangle()
    return int((net.classify(x) != dark).sum())


@cache
def trained(lines):
    """A network with as many sigmoid neurons in its hidden layer, trained by gradient
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
    net.layers[0].W[:] /= 50  # for the dots as they are
    return net


def story():
    """What the text prints of perceptrons, and what becomes of it here."""
    yield from weighted_sums()
    yield from one_perceptron()
    yield from more_perceptrons()


def weighted_sums():
    """Section 2.1.1: weights, the bias, and the step."""
    # each feature by one unit
    effect = perceptron.weighted_sum(np.array([8.0, 4.0, 2.0]), 0.0, np.eye(3))
    double = ["double" if a == 2 * b else f"{a / b:g} times" for a, b in pairwise(effect)]
    yield Printed("§2.1.1", "weights of size, neighborhood, rooms", "8, 4, and 2", effect)
    yield Printed("§2.1.1", "size against neighborhood", "double", double[0])
    yield Printed("§2.1.1", "neighborhood against rooms", "double", double[1])
    yield (
        "The weights compare the features only where a unit of each means as much: 8 per square "
        "metre and 2 per room do not."
    )
    x, accepted = players()
    w, b = boundary()
    same = np.array_equal(
        np.column_stack([x, np.ones(len(x))]) @ [*w, b], perceptron.weighted_sum(w, b, x)
    )
    _, wrong = fewest_through_origin(x, accepted)
    yield Printed(
        "§2.1.1",
        "bias as the weight of an input that is 1",
        "an extra weight",
        "an extra weight" if same else "another sum",
    )
    yield Printed(
        "§2.1.1",
        "separating with a line through (0, 0)",
        "not possible",
        "possible" if wrong == 0 else "not possible",
    )
    meets = "b" if -b / w[1] == b else f"-b / w2 = {-b / w[1]:g}, b = {b:g}"
    yield Printed(
        "§2.1.1", "where the line meets the second axis", "b", meets, "elgendy-bias-intercept"
    )
    yield (
        f"The best line through the origin has {wrong} of the {len(x)} players below on the "
        f"wrong side."
    )
    yield Printed("fig. 2.5", "step at z = 0, text and figure", "1", in_words_and_figure(0))
    yield Printed("§2.1.1", "step at z = 0, code and table 2.1", "0", in_code_and_table(0))
    differ = [z for z in (-1, 0, 1) if in_words_and_figure(z) != in_code_and_table(z)]
    alike = f"not at z = {', '.join(map(str, differ))}" if differ else "the same"
    yield Printed("§2.1.1", "the two steps", "the same", alike, "elgendy-step-at-zero")
    yield f"refnet's step is {perceptron.step_function(0)} at z = 0, as the code's is."


def one_perceptron():
    """Sections 2.1.2 and 2.1.3: the learning rule on players."""
    x, accepted = players()
    raw = perceptron.learn(x, accepted)
    (w1, w2), b = boundary()
    yield (
        f"{len(x)} players. With height - {MIDDLE[0]:g} and age - {MIDDLE[1]:g} the rule makes "
        f"no mistake in epoch {learned().epochs}:\n"
        f"z = {w1:g} height + {w2:g} age - {-b:g}. On height and age as they are it still makes "
        f"{raw.mistakes[-1]} in epoch {raw.epochs}."
    )
    verdict = ("not accepted", "accepted")[int(learned().predict(np.array([NEW]) - MIDDLE)[0])]
    separable = "linearly separable" if learned().separable else "not linearly separable"
    different = lines_of_orders()
    line = "the best line" if different == 1 else f"{different} different lines"
    features = " and ".join(re.findall(r"[a-z]{2,}", EQUATION))
    yield Printed(
        "§2.1.3",
        "the features, by the equation",
        "height and weight",
        features,
        "elgendy-height-weight",
    )
    yield Printed("§2.1.3", "the player of 150 cm and 12 years", "not accepted", verdict)
    yield Printed("fig. 2.7", "the players", "linearly separable", separable)
    at = perceptron.step_function([-1, 1, 3])
    kind = (
        "a linear function"
        if at[1] - at[0] == at[2] - at[1]
        else f"{', '.join(map(str, at))} at z = -1, 1, 3"
    )
    yield Printed("§2.1.3", "the perceptron", "a linear function", kind, "elgendy-linear-function")
    yield Printed(
        "§2.1.3", "what 100 orders of the rows lead to", "the best line", line, "elgendy-best-line"
    )


def more_perceptrons():
    """Section 2.1.3 and figures 2.8 and 2.9: data that need more than one line; what
    section 2.4.2 sees in figure 2.9.
    """
    x, dark = triangle()
    found = perceptron.learn(x, dark)
    yield (
        f"24 dark dots in a triangle, 24 light ones around it. The learning rule stops in epoch "
        f"{found.epochs} with a proof that no line\n"
        "separates them. Write a dot as (x1, x2, 1) if it is dark, as (-x1, -x2, -1) if it is "
        "light. With a line w1, w2, b that separates\n"
        f"them each would have a product with (w1, w2, b) above 0. But the last "
        f"{found.counts.sum()} mistakes, written so, add up to 0:"
    )
    signed = np.where(dark == 1, 1, -1)[:, None] * np.column_stack([x, np.ones(len(x))])
    yield Printed(
        "fig. 2.8",
        "the sum of these mistakes",
        "(0, 0, 0)",
        (found.counts @ signed).astype(int),
        column="expected",
    )
    never = (
        f"{best_line()[0]} mistakes or more"
        if best_line()[0] and found.separable is False
        else "close to zero"
    )
    yield Printed(
        "§2.1.2", "the error in the end", "close to zero", never, "elgendy-error-close-to-zero"
    )
    counts = [mistakes_of(joined(lines)) for lines in (1, 2, 3)]
    yield Printed(
        "fig. 2.8",
        "a single straight line",
        "will not separate",
        "separates" if best_line()[0] == 0 else "will not separate",
    )
    yield Printed(
        "fig. 2.8",
        "two lines",
        "definitely better",
        "definitely better" if counts[1] < counts[0] else "no better",
    )
    yield Printed(
        "fig. 2.8", "two lines, mispredictions", "some", "some" if best_two_lines()[0] else "none"
    )
    yield Printed(
        "fig. 2.9",
        "three lines",
        "do the job",
        "do the job" if counts[2] == 0 else f"{counts[2]} mistakes",
    )
    hidden = len(joined(3).layers) - 1
    layers = "multiple" if hidden > 1 else NUMBER[hidden]
    yield Printed(
        "§2.4.2",
        "fig. 2.9 (repeated as 2.23): hidden layers",
        "multiple",
        layers,
        "elgendy-figure-2-9",
    )
    yield (
        f"Mistakes of one, two, three perceptrons in the hidden layer: {counts[0]}, {counts[1]}, "
        f"{counts[2]} of {len(x)}."
    )
    yield (
        f"Of all {len(splits())} ways to split the dots by a line none has fewer than "
        f"{best_line()[0]}, and of all pairs of them, however\n"
        f"an output perceptron joins the two, none fewer than {best_two_lines()[0]}. With "
        f"sigmoid neurons and gradient descent,\n"
        "from one start each, it is "
        + ", ".join(str(mistakes_of(trained(lines))) for lines in (1, 2, 3))
        + "."
    )


def drawings():
    """Figures 2.7 with and without a bias, and 2.8 and 2.9 in one."""
    yield "elgendy_players", draw_players
    yield "elgendy_triangle", draw_triangle


def draw_players():
    """The learned line, and the best one that has to pass through the origin."""
    from pictures import BLACK, BLUE, classes, sheet

    x, accepted = players()
    figure, (left, right) = sheet(1, 2)
    heights = np.array([0.0, 205.0])
    origin, wrong = fewest_through_origin(x, accepted)
    for axes, (w, b) in ((left, boundary()), (right, (origin, 0.0))):
        classes(axes, x, accepted, ("not accepted", "accepted"))
        axes.plot(heights, -(w[0] * heights + b) / w[1], color=BLACK)
        axes.set(xlabel="height in cm", ylabel="age in years")
    left.plot(
        150,
        12,
        "*",
        color="white",
        markeredgecolor=BLACK,
        markersize=17,
        label="new player (150, 12)",
        zorder=4,
    )
    left.set(title="the perceptron's line", xlim=(136, 204), ylim=(8, 30))
    right.plot(
        0, 0, "s", color=BLUE, markeredgecolor=BLACK, label="origin", clip_on=False, zorder=4
    )
    right.set(
        title=f"without a bias: {wrong} of {len(x)} on the wrong side", xlim=(0, 205), ylim=(0, 28)
    )
    left.legend(loc="upper right", framealpha=1)
    right.legend(loc="upper left", framealpha=1)
    return figure


def draw_triangle():
    """What one, two and three perceptrons make of the dots."""
    from pictures import BLACK, LINES, SHADES, classes, sheet

    x, dark = triangle()
    figure, panels = sheet(1, 3, width=4.2, height=4.3)
    grid = np.linspace(-112, 112, 160)
    plane = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    for lines, axes in enumerate(panels, start=1):
        net = joined(lines)
        axes.pcolormesh(
            grid,
            grid,
            net.classify(plane).reshape(160, 160),
            cmap=SHADES,
            vmin=0,
            vmax=1,
            rasterized=True,
        )
        for (w1, w2), b, style in zip(net.layers[0].W, net.layers[0].b, LINES, strict=False):
            axes.plot(*along(w1, w2, b), color=BLACK, linestyle=style)
        classes(axes, x, dark, ("light", "dark"))
        count = (
            f"{NUMBER[lines]} perceptron{'s' * (lines > 1)}: {mistakes_of(net)} of {len(x)} wrong"
        )
        axes.set(
            title=count,
            xlabel="$x_1$",
            ylabel="$x_2$",
            aspect="equal",
            xlim=(-112, 112),
            ylim=(-112, 112),
        )
    panels[0].legend(loc="lower left", framealpha=1)
    return figure


def along(w1, w2, b):
    """The line w1 x1 + w2 x2 + b = 0 as two far points of it: both x1, both x2."""
    foot, way = -b * np.array([w1, w2]) / (w1**2 + w2**2), np.array([-w2, w1]) / np.hypot(w1, w2)
    return np.transpose([foot - 400 * way, foot + 400 * way])


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
