"""Elgendy, Deep Learning for Vision Systems, sections 2.6.2 to 2.6.5: local minima, and
batch, mini-batch and stochastic gradient descent.

    python examples/elgendy_batches.py [SECTION ...] [--plot DIR]
"""

from functools import cache

import numpy as np

import refnet
from elgendy_descent import RATE, A, error, line, neuron, solution
from lesson import Claim, Printed, Same, run

TITLE = (
    "Elgendy, Deep Learning for Vision Systems, chapter 2, Deep learning and neural networks: "
    "2.6.2 to 2.6.5, batch, mini-batch and stochastic gradient descent"
)
STARTS = np.random.default_rng(263).uniform(0.0, 6.0, 200)  # the first weight of 200 runs
DRAWS = (264, 1, 2, 3)  # seeds of the rows that stochastic descent draws
SEEDS = range(1, 11)  # of the order of the rows
# batch size, epochs
WAYS = {
    "batch": (None, 150),
    "mini-batch 256": (256, 40),
    "mini-batch 32": (32, 5),
    "stochastic": (1, 1),
}


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
def turns():
    """The minima and the crests of that error, from left to right."""
    w = np.linspace(-0.5, 6.5, 7001)
    rises = np.diff(wave_error(w)) > 0
    return w[1:-1][~rises[:-1] & rises[1:]], w[1:-1][rises[:-1] & ~rises[1:]]


@cache
def lowest_valley():
    """The valley of the global minimum: the crest on its left, the minimum, the crest
    on its right.
    """
    minima, crests = turns()
    best = minima[wave_error(minima).argmin()]
    return crests[crests < best].max(), best, crests[crests > best].min()


@cache
def ends(alpha, steps, stochastic, seed=DRAWS[0]):
    """Where descent from each start ends: over all rows, or stochastic over one row
    that each step draws.
    """
    x, y = waves()
    w = STARTS.copy()
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        rows = rng.integers(len(x), size=(len(w), 1)) if stochastic else np.arange(len(x))[None]
        wx = w[:, None] * x[rows]
        dE_dw = np.mean(2.0 * (np.sin(wx) - y[rows]) * np.cos(wx) * x[rows], axis=1)
        w -= alpha * dE_dw
    return w


def inside(w):
    """How many of the weights lie in the lowest valley."""
    left, _, right = lowest_valley()
    return int(np.sum((left < w) & (w < right)))


def reached(alpha, steps, stochastic, seed=DRAWS[0]):
    """How many of the starts end in the valley of the global minimum."""
    return inside(ends(alpha, steps, stochastic, seed))


@cache
def trajectory(way, seed=1):
    """The neuron's w and b before the first and after each step, and how many rows each
    step takes.
    """
    net, theta, rows = neuron(), [A], []

    def keep(step):
        theta.append(net.parameters.copy())
        rows.append(len(step.x))

    size, epochs = WAYS[way]
    x, y = line()
    refnet.fit(
        net,
        x[:, None],
        y[:, None],
        loss="mse",
        optimizer=refnet.SGD(lr=RATE),
        epochs=epochs,
        batch_size=size,
        seed=seed,
        on_step=keep,
    )
    return np.array(theta), rows


def updates(way, seed=1):
    """The number of updates after which E is first within 1 % of its minimum."""
    over = error(*trajectory(way, seed)[0].T) / error(*solution())
    return int(np.argmax(over < 1.01))


def epochs(way, seed=1):
    """The number of epochs after which it is."""
    rows, count = trajectory(way, seed)[1], len(line()[0])
    return sum(rows[: updates(way, seed)]) / count


def detour(way):
    """The length of a path, divided by the straight distance between its ends."""
    theta = trajectory(way)[0]
    steps = np.linalg.norm(np.diff(theta, axis=0), axis=1)
    return steps.sum() / np.linalg.norm(theta[-1] - theta[0])


def pitfalls():
    """Local minima (figure 2.33), and how many rows a step takes."""
    minima, _ = turns()
    E = wave_error(minima)
    left, best, right = lowest_valley()
    yield (
        f"A curve like figure 2.33: the MSE of sin(w x) on 30 made-up points. The global minimum "
        f"is at w = {best:.3f}; its valley goes from {left:.3f} to {right:.3f}."
    )
    yield Claim(
        "many local minima",
        f"{len(minima)}, with E from {E.min():.3f} to {E.max():.3f}",
        len(minima) > 1,
    )
    w = ends(0.1, 200, stochastic=False)
    farthest = STARTS.argmax()
    yield Claim(
        "from the right, descent reaches a local minimum that is not the lowest",
        f"from w = {STARTS[farthest]:.2f} to {w[farthest]:.2f}, with E "
        f"{wave_error(w[farthest]):.3f}",
        wave_error(w[farthest]) > wave_error(best) + 0.1,
    )
    _, rows = trajectory("batch")
    yield Claim(
        "batch descent sums over all records to take one step",
        f"{min(rows)} of {len(line()[0])} rows in each of {len(rows)} steps",
        {*rows} == {len(line()[0])},
    )


def stochastic_descent():
    """One row a step: from which starts it reaches the global minimum, and its path."""
    yield (
        f"On the same curve, {len(STARTS)} random starts; {inside(STARTS)} of them lie in the "
        f"lowest valley. Each step draws one of the 30 rows:"
    )
    slow, fast = (
        [reached(*kind, True, seed) for seed in DRAWS] for kind in ((0.01, 30000), (0.1, 3000))
    )
    yield Claim(
        "it finds the global minimum",
        f"from {slow[0]} of {len(STARTS)} starts at 0.01, from {fast[0]} at 0.1",
        slow[0] == fast[0] == len(STARTS),
        erratum="elgendy-many-starts",
    )
    yield (
        f"With four draws of the rows it ends there from {min(slow)} to {max(slow)} at 0.01, from "
        f"{min(fast)} to {max(fast)} at 0.1. A run starts once; each step goes on from the last. "
        f"Large steps along random rows can leave a valley. To start many times and keep the "
        f"best is another method, random restarts."
    )
    yield (
        f"\nNow one neuron and 1,000 points along a line. It starts at w = {A[0]:g}, b = {A[1]:g}; "
        f"the learning rate is {RATE}. How long until E is within 1 % of its minimum?"
    )
    yield f"  {'':<16}{'updates':>9}{'epochs':>9}{'path / straight path':>23}"
    for way in WAYS:
        yield f"  {way:<16}{updates(way):>9}{epochs(way):>9.2f}{detour(way):>23.2f}"
    theta, rows = trajectory("stochastic")
    yield Claim("each step picks one instance", f"{max(rows)} row a step", {*rows} == {1})
    x, y = line()
    order = next(iter(refnet.minibatches(len(x), 1, np.random.default_rng(1))))
    w, b = A
    e = w * x[order] + b - y[order]
    first = A - RATE * 2 * np.array([np.mean(e * x[order]), np.mean(e)])
    yield Same("w and b after the first row, refnet", theta[1], first)
    yield Claim(
        "the path of batch descent is almost a straight line, that of stochastic descent zigzags",
        f"{detour('batch'):.2f} and {detour('stochastic'):.2f} times the straight one",
        detour("batch") < 1.2 and detour("stochastic") > 5,
    )
    E = error(*theta.T)
    up = int(np.sum(np.diff(E) > 0))
    yield Claim(
        "not every step takes us down the curve",
        f"E rises in {up} of {len(E) - 1} steps",
        up > 0,
    )
    away = np.linalg.norm(theta[-500:] - solution(), axis=1)
    yield Claim(
        "close to the minimum it continues to bounce around",
        f"in the last 500 steps {away.min():.4f} to {away.max():.4f} away",
        away.max() > 10 * away.min(),
    )
    yield Claim(
        "it is a lot faster than batch descent",
        f"{epochs('stochastic'):.3f} against {epochs('batch'):.0f} epochs",
        epochs("stochastic") < epochs("batch") / 10,
    )


def mini_batches():
    """How many updates and epochs mini-batches need."""
    ways = [(way, seed) for way in ("mini-batch 256", "mini-batch 32") for seed in SEEDS]
    counts, passes = [updates(*way) for way in ways], [epochs(*way) for way in ways]
    yield f"The same neuron, by mini-batches of 256 and of 32, in {len(SEEDS)} orders of the rows:"
    yield Claim(
        "converges in fewer iterations than batch descent, as one update is one iteration",
        f"{min(counts)} to {max(counts)} against {updates('batch')}",
        max(counts) < updates("batch"),
        erratum="elgendy-iterations",
    )
    yield Claim(
        "in fewer epochs, because it updates the weights more frequently",
        f"{min(passes):.2f} to {max(passes):.2f} against {epochs('batch'):.0f}",
        max(passes) < epochs("batch"),
    )


def takeaways():
    """Lower learning rates, and the size of a batch."""
    yield f"On the curve with many valleys, all {len(STARTS)} starts, ten times the steps at 0.01:"
    batch = [reached(alpha, steps, False) for alpha, steps in ((0.1, 200), (0.01, 2000))]
    one = [reached(alpha, steps, True) for alpha, steps in ((0.1, 3000), (0.01, 30000))]
    yield Claim(
        "the lower the learning rate, the more guaranteed the minimum error, given "
        "infinite time: batch",
        f"the lowest from {batch[0]} at 0.1, from {batch[1]} at 0.01",
        batch[1] > batch[0],
        erratum="elgendy-small-rate",
    )
    yield Claim(
        "the same: stochastic",
        f"the lowest from {one[0]} at 0.1, from {one[1]} at 0.01",
        one[1] > one[0],
        erratum="elgendy-small-rate",
    )
    settled = ends(0.01, 2000, stochastic=False)
    off = np.abs(settled[:, None] - turns()[0]).min(axis=1).max()
    yield (
        f"A low rate does descend for certain, into a minimum: batch descent at 0.01 ends "
        f"{off:.4f} or less from one. But that is the minimum of the valley where it started, and "
        f"no time leads it out."
    )
    yield "\nThe size of a batch, on the line:"
    yield Printed(
        "1,000 samples, batch_size = 256",
        "256, 256, 256, 232",
        trajectory("mini-batch 256")[1][:4],
    )
    smaller = ("stochastic", "mini-batch 32", "mini-batch 256", "batch")
    passes = [epochs(way) for way in smaller]
    yield Claim(
        "bigger batch sizes learn faster (2.2.4): 1, 32, 256, all",
        f"{', '.join(f'{count:.2g}' for count in passes)} epochs",
        passes == sorted(passes, reverse=True),
        erratum="elgendy-bigger-batches",
    )
    counts = ", ".join(str(updates(way)) for way in smaller)
    yield (
        f"Counted in updates these are {counts}: a larger batch saves few of them, at many more "
        f"rows for each. A computer is quicker over the rows of one batch than row by row, so "
        f"mini-batches are a compromise."
    )


SECTIONS = {
    "2.6.2 Pitfalls of batch gradient descent": pitfalls,
    "2.6.3 Stochastic gradient descent": stochastic_descent,
    "2.6.4 Mini-batch gradient descent": mini_batches,
    "2.6.5 Gradient descent takeaways": takeaways,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
