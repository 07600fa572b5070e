"""Elgendy, Deep Learning for Vision Systems, section 2.6: brute force, learning rates,
and batch, mini-batch and stochastic gradient descent.

    python examples/elgendy_descent.py [--plot DIR]
"""

from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np

import refnet
from printed import Printed, run

TITLE = "Elgendy, Deep Learning for Vision Systems, §2.6: gradient descent"
YEAR = {"365.25 days": Fraction(36525 * 864), "365 days": Fraction(36500 * 864)}  # in seconds
RATES = {
    5: "descends",
    10: "oscillates, descends",
    Fraction(100, 9): "oscillates for ever",
    12: "climbs",
}
NOISE = 0.1  # standard deviation of the noise in the made-up prices
STARTS = np.random.default_rng(263).uniform(0.0, 6.0, 200)  # the first weight of 200 runs
# batch size, epochs
WAYS = {
    "batch": (None, 150),
    "mini-batch 256": (256, 40),
    "mini-batch 32": (32, 5),
    "stochastic": (1, 1),
}


def story():
    yield from brute_force()
    yield from one_step()
    yield from many_starts()
    yield from small_rates()
    yield from three_ways()
    yield from updates_and_epochs()


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
    """The 4-5-1 network of fig. 2.28."""
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
    return np.array(
        refnet.fit(
            price_network(), *prices(), loss="mse", optimizer=refnet.SGD(lr=0.2), epochs=steps + 1
        ).loss
    )


def brute_force():
    """How long brute force would take, and how long descent takes."""
    net = price_network()
    edges = [layer.W.size for layer in net.layers]
    seconds = Fraction(10**75, 93 * 10**15)
    years = [
        f"{float(s / year):.3g}"
        for s in (seconds, Fraction(108 * 10**56))
        for year in YEAR.values()
    ]
    yield "The 4-5-1 network of fig. 2.28. Brute force tries 1,000 values for each weight."
    yield Printed("§2.6.1", "edges into the hidden layer, and out of it", "20, 5", edges)
    yield Printed("§2.6.1", "weights", "25", sum(edges))
    yield Printed(
        "§2.6.1",
        "weight variables, counted as in §2.2.3",
        "25",
        net.parameters.size,
        erratum="elgendy-biases-left-out",
    )
    yield Printed(
        "§2.6.1", "combinations of 25 weights", "10^75", f"10^{len(str(1000 ** sum(edges))) - 1}"
    )
    yield Printed("§2.6.1", "seconds at 93e15 a second", "1.08e58", float(seconds))
    yield Printed(
        "§2.6.1",
        "years",
        "3.42e50",
        float(seconds / YEAR["365.25 days"]),
        erratum="elgendy-rounded-years",
    )
    yield (
        f"Years of 365.25 and of 365 days: the exact quotient gives {years[0]} and {years[1]}, the "
        f"rounded 1.08e58 gives {years[2]} and {years[3]}. With the biases there are "
        f"10^{len(str(1000**net.parameters.size)) - 1} combinations, and each costs more than one "
        f"operation."
    )
    better = int(np.argmax(descended() < guessed()[-1]))
    yield (
        f"On made-up prices the best of {len(guessed())} random draws has an MSE of "
        f"{guessed()[-1]:.4f}. Gradient descent is below that after {better} steps, and at "
        f"{descended()[-1]:.4f} after {len(descended()) - 1}. The noise in the prices alone has a "
        f"variance of {NOISE**2:g}."
    )


def dE(w):
    """dE/dw of E = (0.3 w - 0.8)^2, the squared error of the perceptron of section
    2.5.6.
    """
    return 2 * Fraction(3, 10) * (Fraction(3, 10) * w - Fraction(8, 10))


def descend(lr, steps=8, w=Fraction(0)):
    """The weights of w := w - lr dE/dw, in exact fractions."""
    path = [w]
    for _ in range(steps):
        path.append(path[-1] - lr * dE(path[-1]))
    return path


def error(w):
    """E(w)."""
    return (Fraction(3, 10) * w - Fraction(8, 10)) ** 2


def behaviour(path):
    """Whether a path changes sides, and whether its error falls."""
    errors = [error(w) for w in path]
    sides = {(a - Fraction(8, 3)) * (b - Fraction(8, 3)) < 0 for a, b in pairwise(path)}
    falls = errors[-1] < errors[0]
    return (
        f"{'oscillates' if sides == {True} else 'stays on its side'}, "
        f"{'descends' if falls else 'never descends'}"
    )


def one_step():
    """Learning rates on a parabola."""
    yield (
        "Descent on E(w) = (0.3 w - 0.8)^2 from w = 0, in exact arithmetic. The curvature of E is "
        "0.18, and 2 / curvature = 100/9 = 11.11:"
    )
    for lr in (Fraction(1, 10), *RATES):
        path = descend(lr)
        errors = " ".join(f"{float(error(path[k])):.4f}" for k in (0, 1, 2, 8))
        yield f"  lr {float(lr):>5.2f}  {behaviour(path):<27}  E after 0, 1, 2, 8 steps: {errors}"
    yield Printed(
        "fig. 2.32",
        "a very large learning rate",
        "oscillates, never descends",
        behaviour(descend(12)),
    )
    first = float(descend(Fraction(1, 10))[1])
    yield Printed(
        "§2.6.2",
        "size of the first step at learning rate 0.1",
        "0.1",
        first,
        erratum="elgendy-step-size",
    )
    yield (
        "A step is lr |dE/dw| long. On a squared error the steps get shorter towards the minimum "
        "by themselves; on |0.3 w - 0.8| each one is 0.3 lr long. With lr > 11.11 the squared "
        "error grows without bound."
    )


@cache
def waves():
    """30 points of a sine with noise. The model is sin(w x), whose MSE has many
    valleys.
    """
    rng = np.random.default_rng(233)
    x = rng.uniform(0.0, 4.0, 30)
    return x, np.sin(2.0 * x) + 0.3 * rng.normal(size=30)


def wave_error(w):
    """The MSE of sin(w x) for each w."""
    x, y = waves()
    return np.mean((np.sin(np.multiply.outer(w, x)) - y) ** 2, axis=-1)


@cache
def lowest_valley():
    """The valley of the global minimum: the crest on its left, the minimum, the crest
    on its right.
    """
    w = np.linspace(-0.5, 6.5, 7001)
    e = wave_error(w)
    crests = w[1:-1][(e[1:-1] > e[:-2]) & (e[1:-1] > e[2:])]
    best = w[e.argmin()]
    return crests[crests < best].max(), best, crests[crests > best].min()


@cache
def ends(lr, steps, stochastic, seed=264):
    """Where descent from each start ends: over all rows, or stochastic over one row
    that each step draws.
    """
    x, y = waves()
    w = STARTS.copy()
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        rows = rng.integers(len(x), size=(len(w), 1)) if stochastic else np.arange(len(x))[None]
        wx = w[:, None] * x[rows]
        w -= lr * np.mean(2.0 * (np.sin(wx) - y[rows]) * np.cos(wx) * x[rows], axis=1)
    return w


def reached(lr, steps, stochastic, seed=264):
    """How many of the starts end in the valley of the global minimum."""
    return inside(ends(lr, steps, stochastic, seed))


def inside(w):
    """How many of the weights lie in that valley."""
    left, _, right = lowest_valley()
    return int(np.sum((left < w) & (w < right)))


def more_or(first, then):
    """The word more, or both counts where the second is not larger."""
    return "more" if then > first else f"{first}, then {then}"


def many_starts():
    """From which starts stochastic descent reaches the global minimum."""
    best = lowest_valley()[1]
    began, ended = inside(STARTS), reached(0.01, 30000, True)
    yield (
        f"A curve like fig. 2.33: the MSE of sin(w x) on 30 points, lowest at w = {best:.3f}. "
        f"{began} of {len(STARTS)} random starts lie in the valley of that minimum. How many end "
        f"there? (At a tenth of the learning rate descent takes ten times the steps.)"
    )
    reached_from = (
        "from every start" if ended == len(STARTS) else f"from {ended} of {len(STARTS)} starts"
    )
    yield Printed(
        "§2.6.3",
        "global minimum, stochastic, lr 0.01",
        "from every start",
        reached_from,
        erratum="elgendy-many-starts",
    )
    yield Printed(
        "§2.6.3",
        "starting points of one run of it",
        "many",
        count_of_starts(),
        erratum="elgendy-many-starts",
    )


def small_rates():
    """Whether a lower learning rate reaches the global minimum from more starts."""
    batch = [reached(lr, steps, False) for lr, steps in ((0.1, 200), (0.01, 2000))]
    one_row = [reached(lr, steps, True) for lr, steps in ((0.1, 3000), (0.01, 30000))]
    yield Printed(
        "§2.6.5",
        "batch descent at lr 0.1, at lr 0.01",
        "more",
        more_or(*batch),
        erratum="elgendy-small-rate",
    )
    yield Printed(
        "§2.6.5",
        "stochastic descent at lr 0.1, at lr 0.01",
        "more",
        more_or(*one_row),
        erratum="elgendy-small-rate",
    )
    counts = [one_row[0], *(reached(0.1, 3000, True, seed) for seed in (1, 2, 3))]
    yield (
        f"With four draws of the rows, stochastic descent at 0.1 ends there from {min(counts)} to "
        f"{max(counts)} of {len(STARTS)} starts. One run is one path: large steps along random "
        f"rows carry it out of a valley, small ones keep it where it started. To start many times "
        f"and keep the best is another method, random restarts. It helps batch descent as well."
    )


@cache
def line():
    """1,000 points along y = 2 x + 1."""
    rng = np.random.default_rng(265)
    x = rng.uniform(-1.0, 3.0, (1000, 1))
    return x, 2.0 * x + 1.0 + rng.normal(0.0, 0.5, x.shape)


@cache
def trajectory(way, seed=1):
    """The weight and bias of one linear neuron before and after each step, (steps, 2)
    each, and how many rows each step takes. The learning rate is 0.05.
    """
    net = refnet.Network([refnet.Dense([[-1.0]], [3.5], "identity")])
    before, after, rows = [], [], []

    def keep(step):
        before.append(step.before.copy())
        after.append(net.parameters.copy())
        rows.append(len(step.x))

    size, epochs = WAYS[way]
    refnet.fit(
        net,
        *line(),
        loss="mse",
        optimizer=refnet.SGD(lr=0.05),
        epochs=epochs,
        batch_size=size,
        seed=seed,
        on_step=keep,
    )
    return np.array(before), np.array(after), rows


def line_error(parameters):
    """The MSE over all points for each row (w, b)."""
    x, y = line()
    return np.mean((x * parameters[:, 0] + parameters[:, 1] - y) ** 2, axis=0)


@cache
def solution():
    """The weight and bias of least squares."""
    x, y = line()
    return np.linalg.lstsq(np.hstack([x, np.ones_like(x)]), y, rcond=None)[0].ravel()


def updates(way, seed=1):
    """The number of updates after which the MSE is first within 1 % of its minimum."""
    return 1 + int(
        np.argmax(line_error(trajectory(way, seed)[1]) < 1.01 * line_error(solution()[None]))
    )


def detour(way):
    """The length of a path, divided by the straight distance between its ends."""
    points = trajectory(way)[1]
    return np.linalg.norm(np.diff(points, axis=0), axis=1).sum() / np.linalg.norm(
        points[-1] - points[0]
    )


def count_of_starts():
    """From how many points stochastic descent starts, in words: each step that does not
    start where the last one ended would be another.
    """
    before, after, _ = trajectory("stochastic")
    places = 1 + int(np.sum(np.any(before[1:] != after[:-1], axis=1)))
    return "one" if places == 1 else "many"


def how_many(rows):
    """The number of rows that every one of the steps took, in words."""
    return {(1,): "one", (len(line()[0]),): "all"}.get(tuple(set(rows)), "others")


def three_ways():
    """The three paths on one cost surface."""
    rows = {way: trajectory(way)[2] for way in WAYS}
    away = np.linalg.norm(trajectory("stochastic")[1][-500:] - solution(), axis=1)
    yield (
        "One linear neuron learns 1,000 points along a line: MSE, learning rate 0.05, from w = -1, "
        "b = 3.5. How long until the MSE is within 1 % of its minimum?"
    )
    for way in WAYS:
        yield (
            f"  {way:<15}{updates(way):>4} updates, {epochs_of(way):>6.2f} epochs; the whole path "
            f"is {detour(way):>5.2f} times the straight one"
        )
    yield (
        f"Stochastic descent does not settle: in its last 500 steps the distance from the minimum "
        f"is {away.min():.4f} to {away.max():.4f}."
    )
    yield Printed("§2.6.2", "rows that each batch step sums over", "all", how_many(rows["batch"]))
    yield Printed(
        "§2.6.3", "rows that each stochastic step sums over", "one", how_many(rows["stochastic"])
    )
    yield Printed(
        "§2.6.5",
        "1,000 samples in batches of 256",
        "256, 256, 256, 232",
        rows["mini-batch 256"][:4],
    )


def epochs_of(way):
    """The number of epochs after which the MSE is first within 1 % of its minimum."""
    return updates(way) / len(list(refnet.minibatches(len(line()[0]), WAYS[way][0], None)))


def updates_and_epochs():
    """How many updates and epochs the ways need, by their batch size."""
    counts = [
        updates(way, seed) for way in ("mini-batch 256", "mini-batch 32") for seed in range(1, 11)
    ]
    fewer = (
        "fewer"
        if max(counts) < updates("batch")
        else f"{min(counts)} to {max(counts)} against {updates('batch')}"
    )
    yield Printed(
        "§2.6.4",
        "iterations of mini-batch against batch",
        "fewer",
        fewer,
        erratum="elgendy-iterations",
    )
    smaller = ("stochastic", "mini-batch 32", "mini-batch 256", "batch")
    epochs = [epochs_of(way) for way in smaller]
    bigger = (
        "faster"
        if epochs == sorted(epochs, reverse=True)
        else ", ".join(f"{count:.2g}" for count in epochs) + " epochs"
    )
    yield Printed(
        "§2.2.4",
        "bigger batches learn: 1, 32, 256, all rows",
        "faster",
        bigger,
        erratum="elgendy-bigger-batches",
    )
    yield (
        "An iteration is one update, as in §2.6.3. Over 10 seeds and two batch sizes mini-batch "
        "descent takes about as many iterations as batch descent. It takes fewer epochs."
    )


def drawings():
    yield "elgendy_brute_force", draw_brute_force
    yield "elgendy_learning_rates", draw_rates
    yield "elgendy_minima", draw_minima
    yield "elgendy_three_ways", draw_ways


def draw_brute_force():
    """The lowest error so far of random draws and of descent."""
    from refnet.plot.style import sheet

    figure, axes = sheet()
    axes.loglog(
        np.arange(1, len(guessed()) + 1),
        guessed(),
        "--",
        drawstyle="steps-post",
        label="random draws: the best so far",
    )
    axes.loglog(np.arange(1, len(descended()) + 1), descended(), label="gradient descent")
    axes.set(title="31 parameters, 200 houses (fig. 2.28)", xlabel="errors computed", ylabel="MSE")
    axes.legend()
    return figure


def draw_rates():
    """Fig. 2.32: four learning rates on one parabola."""
    from refnet.plot.style import RED, sheet

    figure, axes = sheet(1, len(RATES), width=3.4, height=3.5)
    w = np.linspace(-2.5, 8.0, 200)
    for plot, (lr, name) in zip(axes, RATES.items(), strict=True):
        steps = np.array([float(point) for point in descend(lr, steps=5)])
        plot.plot(w, (0.3 * w - 0.8) ** 2, color="gray")
        plot.plot(steps, (0.3 * steps - 0.8) ** 2, "o--", color=RED)
        plot.annotate("start", (0.0, 0.64), (-2.3, 0.2), arrowprops={"arrowstyle": "->"})
        plot.set(
            title=f"lr {float(lr):.4g}: {name}",
            xlabel="weight w",
            ylabel="E = (0.3 w - 0.8)$^2$",
            ylim=(-0.08, 2.6),
        )
    return figure


def draw_minima():
    """Fig. 2.33: where batch and stochastic descent end."""
    from refnet.plot.style import BLUE, GREEN, RED, sheet

    figure, (curve, counts) = sheet(2, 1, width=7.0, height=3.0, sharex=True)
    left, best, right = lowest_valley()
    w = np.linspace(-0.5, 6.5, 500)
    curve.plot(w, wave_error(w), color="black")
    curve.axvspan(
        left, right, color=GREEN, alpha=0.2, label="starts from here descend to the global minimum"
    )
    curve.plot(best, wave_error(best), "*", ms=14, color=GREEN, label="global minimum")
    curve.set(title="MSE of sin(w x) (as fig. 2.33)", xlabel="weight w", ylabel="error")
    curve.legend(loc="lower right", fontsize="small")
    kinds = {"batch": (0.1, 200, False), "stochastic": (0.1, 3000, True)}
    labels = [
        f"{name}: {reached(*kind)} of {len(STARTS)} in the lowest valley"
        for name, kind in kinds.items()
    ]
    bins = np.arange(-0.625, 6.7, 0.25)
    _, _, bars = counts.hist(
        [ends(*kind) for kind in kinds.values()],
        bins,
        color=[BLUE, RED],
        edgecolor="white",
        label=labels,
    )
    for bar in bars[1]:
        bar.set_hatch("///")
    counts.set(
        title="Where 200 random starts end, lr 0.1", xlabel="weight w", ylabel="number of starts"
    )
    counts.legend(fontsize="small")
    return figure


def draw_ways():
    """The three paths on the contours of the cost."""
    from refnet.plot.style import BLUE, GREEN, RED, sheet

    figure, axes = sheet(width=7.4, height=5.2)
    w, b = np.meshgrid(np.linspace(-1.3, 3.3, 90), np.linspace(-0.2, 4.2, 90))
    levels = line_error(np.column_stack([w.ravel(), b.ravel()])).reshape(w.shape)
    axes.contour(
        w,
        b,
        levels,
        np.geomspace(levels.min() * 1.05, levels.max(), 14),
        colors="silver",
        linewidths=0.8,
    )
    looks = {
        "stochastic": (RED, "-", 0.6, "s"),
        "mini-batch 32": (GREEN, "--", 1.3, "^"),
        "batch": (BLUE, "-", 2.0, "o"),
    }
    for way, (colour, dashes, width, marker) in looks.items():
        before, after, _ = trajectory(way)
        points = np.vstack([before[:1], after[:150]])
        label = f"{way}: {updates(way)} updates to within 1 %"
        axes.plot(
            *points.T,
            dashes,
            lw=width,
            marker=marker,
            markevery=10,
            ms=5,
            color=colour,
            label=label,
        )
    axes.plot(*solution(), "k*", ms=15, zorder=4, label="minimum")
    axes.set(title="150 updates from the same start, lr 0.05", xlabel="weight w", ylabel="bias b")
    axes.legend()
    return figure


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
