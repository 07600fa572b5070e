"""The pictures of Thomas' sections 4.1 and 4.4: descent on a curve and in a bowl."""

from itertools import pairwise

import numpy as np

from refnet.plot.style import BLACK, BLUE, ORANGE, RED, sheet
from thomas_descent import MINIMUM, PRECISION, RATE, START, bowl, bowl_path, descent, f


def draw_descent():
    """The path on the curve; the step and the distance of each iteration."""
    xs = descent()
    figure, (curve, fall) = sheet(1, 2)
    grid = np.linspace(-0.6, 3.1, 200)
    curve.plot(grid, f(grid), color=BLUE, label="$f(x) = x^4 - 3x^3 + 2$")
    style = {"color": RED, "markersize": 5, "label": f"steps 1 to {len(xs) - 1}"}
    curve.plot(xs[1:], f(xs[1:]), "o", **style)
    style = {"color": BLACK, "markersize": 14, "markeredgewidth": 2, "label": "minimum, $x = 2.25$"}
    curve.plot(MINIMUM, f(MINIMUM), "+", **style)
    curve.annotate(
        rf"step 1, from $x = {START:g}$, $f(x) = {f(START):g}$",
        (xs[1], f(xs[1])),
        (0.45, 3.6),
        arrowprops={"arrowstyle": "->", "shrinkB": 5},
    )
    curve.set(title=r"descent with step size $\gamma = 0.01$", xlabel="$x$", ylabel="$f(x)$")
    curve.set(ylim=(-7.5, 10.5))
    curve.legend(loc="upper center")
    counted = np.arange(1, len(xs))
    fall.semilogy(counted, abs(xs[1:] - MINIMUM), color=BLUE, label="distance from 2.25")
    fall.semilogy(counted, abs(np.diff(xs)), "--", color=RED, label="length of the step")
    fall.axhline(PRECISION, color=ORANGE, linestyle=":", linewidth=2, label="precision 0.00001")
    fall.set(title="the step is below the precision first")
    fall.set(xlabel="step", ylabel="in units of $x$")
    fall.legend()
    return figure


def draw_contours():
    """Steps from p_1, each across the contour it starts from."""
    path = bowl_path()
    figure, axes = sheet(width=6.2, height=4.4)
    one, two = np.meshgrid(np.linspace(-1.0, 3.6, 120), np.linspace(-1.0, 2.8, 120))
    levels = np.sort([*bowl(path[:4]), 0.04, 2.2])
    heights = bowl(np.stack([one, two], axis=-1))
    lines = axes.contour(one, two, heights, levels=levels, colors=BLUE, linewidths=1.2)
    below = -np.minimum(0.6, np.sqrt(levels / 0.7))  # where no path is
    places = np.column_stack([np.sqrt((levels - 0.175 * below**2) / 0.35), below])
    axes.clabel(lines, fmt="%.2f", fontsize=8, manual=[tuple(place) for place in places])
    style = {"arrowstyle": "-|>", "color": RED, "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
    for k, (here, there) in enumerate(pairwise(path), start=1):
        axes.annotate("", there, here, arrowprops=style)
        if k < 4:
            axes.text(here[0] + 0.02, here[1] + 0.2, f"$p_{k}$", fontsize=12)
    axes.plot(*path[:4].T, "o", color=RED, markersize=4)
    style = {"color": BLACK, "markersize": 12, "markeredgewidth": 2, "label": "minimum"}
    axes.plot(0, 0, "+", **style)
    figure.legend(loc="outside lower center")
    axes.set(
        title=rf"$0.35\,x_1^2 + 0.175\,x_2^2$: derivative $[2.1, 0.7]$ at $p_1$, step size {RATE}",
        xlabel="$x_1$",
        ylabel="$x_2$",
        aspect="equal",
    )
    return figure


PICTURES = {"thomas_descent": draw_descent, "thomas_contours": draw_contours}
