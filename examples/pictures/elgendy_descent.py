"""The pictures of section 2.6, its first half: brute force beside descent, the error as
a mountain, and learning rates.
"""

import numpy as np

from elgendy_descent import (
    GOAL,
    RATE,
    STEPS,
    A,
    X,
    descend,
    descended,
    error,
    guessed,
    path,
    price_network,
    solution,
    squared_error,
)
from refnet.plot.style import BLACK, RED, SURFACE, sheet

ERROR = r"$E(w, b) = \frac{1}{N} \sum_{i=1}^{N} (w x_i + b - y_i)^2$"
MARKED = (0, 1, 2, 3, 5, 10, 20, 40, STEPS)  # steps of the path that have a dot
BEHAVIOUR = {
    5.0: "descends",
    10.0: "changes sides, descends",
    100 / 9: "changes sides for ever",
    12.0: "climbs",
}


def draw_brute_force():
    """The lowest error so far of random draws and of descent."""
    figure, axes = sheet()
    axes.loglog(
        np.arange(1, len(guessed()) + 1),
        guessed(),
        "--",
        drawstyle="steps-post",
        label="random draws: the best so far",
    )
    axes.loglog(np.arange(1, len(descended()) + 1), descended(), label="gradient descent")
    axes.set(
        title=f"Prices of houses by {price_network().parameters.size} parameters (figure 2.28)",
        xlabel="number of times the error was computed",
        ylabel="mean squared error $E$",
    )
    axes.legend(loc="lower left")
    return figure


def surface(limits, points):
    """A grid of weights and biases, and the error on it."""
    (left, right), (low, high) = limits
    w, b = np.meshgrid(np.linspace(left, right, points), np.linspace(low, high, points))
    return w, b, error(w, b)


def draw_mountain():
    """Figure 2.31: descent from A on the surface, and on its map."""
    figure, (flat, map_) = sheet(1, 2, 5.4, 4.8)
    flat.remove()
    mountain = figure.add_subplot(1, 2, 1, projection="3d", computed_zorder=False)
    (w, b), E = path().T, error(*path().T)
    grid = surface(((-1.3, 3.2), (-0.5, 4.0)), 60)
    mountain.plot_surface(*grid, cmap=SURFACE, alpha=0.75, linewidth=0)
    mountain.plot(w, b, E + 0.3, "-", color=RED, linewidth=2, zorder=3)
    marked = list(MARKED)
    mountain.plot(w[marked], b[marked], E[marked] + 0.3, "o", color=RED, markersize=4, zorder=4)
    mountain.text(A[0], A[1], E[0] + 2.0, "A", fontsize=12, zorder=5)
    best = solution()
    mountain.plot(*best[:, None], [error(*best) + 0.3], "*", color=BLACK, markersize=12, zorder=5)
    mountain.set(title=ERROR, xlabel="weight $w$", ylabel="bias $b$", zlabel="error $E$")
    mountain.view_init(elev=42, azim=-38)
    mountain.set_box_aspect(None, zoom=0.95)

    grid = surface(((-1.5, 3.6), (-0.4, 4.2)), 90)
    levels = np.geomspace(0.3, grid[2].max(), 11)
    map_.contour(*grid, levels, cmap=SURFACE, linewidths=0.9)
    map_.plot(w, b, "-", color=RED, linewidth=1.6)
    map_.plot(w[marked], b[marked], "o", color=RED, markersize=4.5, label="some of its steps")
    map_.plot(*best, "*", color=BLACK, markersize=13, label="minimum")
    map_.annotate("A", A, (-12, -14), textcoords="offset points", fontsize=12)
    map_.set(
        title=rf"The same path from above, $\alpha$ = {RATE}",
        xlabel="weight $w$",
        ylabel="bias $b$",
    )
    map_.legend(loc="lower left")
    return figure


def draw_rates():
    """Figure 2.32: four learning rates on one parabola."""
    figure, axes = sheet(2, 2, width=4.2, height=3.2, sharex=True, sharey=True)
    w = np.linspace(-2.7, 8.0, 200)
    for plot, (alpha, behaviour) in zip(np.ravel(axes), BEHAVIOUR.items(), strict=True):
        steps = descend(alpha, steps=5)
        plot.plot(w, squared_error(w), color="gray")
        plot.plot(steps, squared_error(steps), "o--", color=RED)
        for k, name in enumerate("ABC"):
            if np.all(np.abs(steps[:k] - steps[k]) > 0.5):  # its place is still free
                at, side = steps[k], np.sign(steps[k] - GOAL / X)
                plot.annotate(
                    name,
                    (at, squared_error(at)),
                    (12 * side, -6),
                    textcoords="offset points",
                    ha="center",
                )
        plot.set(title=rf"$\alpha$ = {alpha:.4g}: {behaviour}", ylim=(-0.1, 2.6))
        plot.set(xlabel="weight $w$", ylabel="$E = (0.3\\, w - 0.8)^2$")
    return figure


PICTURES = {
    "elgendy_brute_force": draw_brute_force,
    "elgendy_surface": draw_mountain,
    "elgendy_learning_rates": draw_rates,
}
