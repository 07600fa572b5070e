"""The pictures of section 2.6, its second half: local minima, and the paths of batch,
mini-batch and stochastic descent.
"""

import numpy as np

from elgendy_batches import (
    STARTS,
    WAYS,
    ends,
    epochs,
    lowest_valley,
    reached,
    trajectory,
    updates,
    wave_error,
)
from elgendy_descent import RATE, A, error, solution
from refnet.plot.style import BLACK, BLUE, GREEN, RED, sheet

SHOWN = 150  # updates of each path


def draw_minima():
    """Figure 2.33: where batch and stochastic descent end."""
    figure, (curve, counts) = sheet(2, 1, width=7.0, height=3.0, sharex=True)
    left, best, right = lowest_valley()
    w = np.linspace(-0.5, 6.5, 500)
    curve.plot(w, wave_error(w), color=BLACK)
    curve.axvspan(left, right, color=GREEN, alpha=0.2, label="batch descent from here ends in it")
    curve.plot(best, wave_error(best), "*", ms=14, color=GREEN, label="global minimum")
    curve.set(
        title=r"Mean squared error of $\hat{y} = \sin(w x)$, as figure 2.33",
        xlabel="weight $w$",
        ylabel="error $E$",
    )
    curve.legend(loc="lower right", fontsize="small")
    kinds = {"batch": (0.1, 200, False), "stochastic": (0.1, 3000, True)}
    bins = np.arange(-0.625, 6.7, 0.25)
    _, _, bars = counts.hist(
        [ends(*kind) for kind in kinds.values()],
        bins,
        color=[BLUE, RED],
        edgecolor="white",
        label=[f"{name}: {reached(*kind)} in the lowest valley" for name, kind in kinds.items()],
    )
    for bar in bars[1]:
        bar.set_hatch("///")
    counts.set(
        title=rf"Where {len(STARTS)} random starts end, $\alpha$ = 0.1",
        xlabel="weight $w$",
        ylabel="number of starts",
    )
    counts.legend(fontsize="small")
    return figure


def draw_ways():
    """Four paths from one start, each on the map of the error."""
    figure, axes = sheet(2, 2, width=4.4, height=3.7, sharex=True, sharey=True)
    w, b = np.meshgrid(np.linspace(-1.4, 3.2, 90), np.linspace(0.0, 4.3, 90))
    E, best = error(w, b), solution()
    for ax, way in zip(np.ravel(axes), WAYS, strict=True):
        ax.contour(w, b, E, np.geomspace(0.3, E.max(), 11), colors="silver", linewidths=0.8)
        theta = trajectory(way)[0][: SHOWN + 1]
        ax.plot(*theta.T, "o-", color=RED, linewidth=0.9, markersize=2.2)
        ax.plot(*best, "*", color=BLACK, markersize=13, markerfacecolor="white", zorder=4)
        ax.annotate("A", A, (-4, 6), textcoords="offset points", fontsize=11)
        ax.set_title(
            f"{way}: within 1 % after\n{updates(way)} updates, {epochs(way):.2f} epochs",
            fontsize=10,
        )
        ax.set(xlabel="weight $w$", ylabel="bias $b$")
    figure.suptitle(
        rf"The first {SHOWN} updates from A, $\alpha$ = {RATE}; the star is the minimum",
        fontsize=11,
    )
    return figure


PICTURES = {"elgendy_minima": draw_minima, "elgendy_three_ways": draw_ways}
