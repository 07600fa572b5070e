"""Elgendy, Deep Learning for Vision Systems, sections 2.1 and 2.2: one perceptron, what
it cannot do, and what two and three of them can.

    python examples/elgendy_perceptrons.py [--plot DIR]

The text shows its data only as drawings; the points here are of the same kind, and
drawn from seeds.
"""

import re
from functools import cache
from itertools import pairwise

import numpy as np

import refnet
from printed import Printed, run
from refnet.forms import perceptron

TITLE = "Elgendy, Deep Learning for Vision Systems, §2.1 and §2.2: perceptrons"
# cm and years, subtracted: features around zero are learned in a few epochs
MIDDLE = np.array([170.0, 17.0])
# the triangle of figure 2.9: p is inside where every row of EDGES p + INSIDE is > 0
EDGES = np.array([[0, 5], [-4, -3], [4, -3]])  # normals of its edges, all of length 5
INSIDE = 200
NUMBER = ("no", "one", "two", "three")
NEW = (150, 12)  # the player to be judged
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
    """What the perceptron's learning rule finds for the players."""
    x, accepted = players()
    return perceptron.learn(x - MIDDLE, accepted)


@cache
def boundary():
    """The learned line for height and age as they are: weights, bias."""
    line = learned()
    return line.w, line.b - line.w @ MIDDLE


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
    for point in np.random.default_rng(1).integers(-100, 101, (2000, 2)):
        depth = (EDGES @ point + INSIDE).min() / 5
        dark = int(depth > 0)
        if (
            room[dark]
            and depth > -50
            and abs(depth) > 10
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
    """The fewest mistakes of any line, and the labels that such a line gives."""
    _, dark = triangle()
    mistakes = (splits() != dark).sum(axis=1)
    return int(mistakes.min()), splits()[mistakes.argmin()]


@cache
def best_two_lines():
    """The fewest mistakes of any two lines whose outputs a third perceptron combines,
    and the labels that such lines give.

    It is enough to try AND and NOT AND: swapping the sides of a line is another split,
    and covers the other combinations.
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
    """The step function of section 2.1.1 and figure 2.5."""
    return 1 if z >= 0 else 0


def in_code_and_table(z):
    """The step function of the code beside it, and of table 2.1."""
    return 0 if z <= 0 else 1


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


def story():
    """What the text says of perceptrons, section by section."""
    yield from weighted_sums()
    yield from one_perceptron()
    yield from no_line()
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
        "Weights can be compared only where the units of the features can: 8 per square metre and "
        "2 per room cannot."
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
    yield (f"The best line through the origin has {wrong} of {len(x)} players on the wrong side.")
    yield Printed("fig. 2.5", "step at z = 0, text and figure", "1", in_words_and_figure(0))
    yield Printed("§2.1.1", "step at z = 0, code and table 2.1", "0", in_code_and_table(0))
    differ = [z for z in (-1, 0, 1) if in_words_and_figure(z) != in_code_and_table(z)]
    alike = f"not at z = {', '.join(map(str, differ))}" if differ else "the same"
    yield Printed("§2.1.1", "the two steps", "the same", alike, "elgendy-step-at-zero")
    yield f"refnet's step is {perceptron.step_function(0)} at z = 0, like that of the code."


def one_perceptron():
    """Sections 2.1.2 and 2.1.3: the learning rule on players."""
    x, accepted = players()
    raw = perceptron.learn(x, accepted)
    (w1, w2), b = boundary()
    yield (
        f"{len(x)} players. On height - {MIDDLE[0]:g} and age - {MIDDLE[1]:g} the learning rule "
        f"makes no mistake in epoch {learned().epochs}: z = {w1:g} height + {w2:g} age - {-b:g}. "
        f"On the raw height and age it still makes {raw.mistakes[-1]} mistakes in epoch "
        f"{raw.epochs}."
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


def no_line():
    """Section 2.1.2 and figure 2.8: data that no line separates."""
    x, dark = triangle()
    rule = perceptron.learn(x, dark)
    yield (
        f"24 dark dots in a triangle, 24 light ones around it. The learning rule stops in epoch "
        f"{rule.epochs} with a proof that no line separates them. Write a dark dot as (x1, x2, 1), "
        f"a light one as (-x1, -x2, -1). If a line w1, w2, b separated them, the product of each "
        f"with (w1, w2, b) would be above 0. But the last {rule.counts.sum()} mistakes, written "
        f"this way, add up to 0:"
    )
    signed = np.where(dark == 1, 1, -1)[:, None] * np.column_stack([x, np.ones(len(x))])
    yield Printed(
        "fig. 2.8",
        "the sum of these mistakes",
        "(0, 0, 0)",
        (rule.counts @ signed).astype(int),
        column="expected",
    )
    never = (
        f"{best_line()[0]} mistakes or more"
        if best_line()[0] and rule.separable is False
        else "close to zero"
    )
    yield Printed(
        "§2.1.2", "the error in the end", "close to zero", never, "elgendy-error-close-to-zero"
    )


def more_perceptrons():
    """Section 2.1.3 and figures 2.8 and 2.9: one line, two and three; and what section
    2.4.2 says of figure 2.9.
    """
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
    by_descent = ", ".join(str(mistakes_of(trained(lines))) for lines in (1, 2, 3))
    yield (
        f"With one, two and three perceptrons in the hidden layer {counts[0]}, {counts[1]} and "
        f"{counts[2]} of {len(triangle()[0])} dots are wrong. A line can split the dots in "
        f"{len(splits())} ways. None of them makes fewer than {best_line()[0]} mistakes, and no "
        f"pair of them fewer than {best_two_lines()[0]}, however an output perceptron combines "
        f"the two. Sigmoid neurons and gradient descent, from one start each, make {by_descent} "
        f"mistakes."
    )


def drawings():
    """Figure 2.7 with and without a bias, and figures 2.8 and 2.9 in one."""
    yield "elgendy_players", draw_players
    yield "elgendy_triangle", draw_triangle


def draw_players():
    """The learned line, and the best line through the origin."""
    from refnet.plot.style import BLACK, BLUE, points, sheet

    x, accepted = players()
    figure, (left, right) = sheet(1, 2)
    heights = np.array([0.0, 205.0])
    origin, wrong = fewest_through_origin(x, accepted)
    for axes, (w, b) in ((left, boundary()), (right, (origin, 0.0))):
        points(axes, x, accepted, ("not accepted", "accepted"))
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
    from refnet.plot.style import BLACK, LINES, sheet

    x, dark = triangle()
    figure, panels = sheet(1, 3, width=4.2, height=4.3)
    for lines, axes in enumerate(panels, start=1):
        net = joined(lines)
        refnet.plot.decision_boundary(net, x, dark, axes, names=("light", "dark"), margin=0.15)
        for (w1, w2), b, style in zip(net.layers[0].W, net.layers[0].b, LINES, strict=False):
            axes.plot(*along(w1, w2, b), color=BLACK, linestyle=style)
        axes.get_legend().remove()
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
    """Two distant points of the line w1 x1 + w2 x2 + b = 0: both x1, both x2."""
    foot, direction = (
        -b * np.array([w1, w2]) / (w1**2 + w2**2),
        np.array([-w2, w1]) / np.hypot(w1, w2),
    )
    return np.transpose([foot - 400 * direction, foot + 400 * direction])


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
