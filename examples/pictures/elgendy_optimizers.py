"""The pictures of the variations of gradient descent: the path of each on the map of
the error, and the error after each step.
"""

import numpy as np

from elgendy_descent import A, error, solution
from elgendy_optimizers import RATE, RULES, path, settled
from refnet.plot.style import BLACK, LINES, RED, sheet

SHOWN = 150  # steps of each path


def draw_paths():
    """The path of each rule from A."""
    figure, axes = sheet(2, 3, width=3.7, height=3.5, sharex=True, sharey=True)
    w, b = np.meshgrid(np.linspace(-1.5, 4.6, 90), np.linspace(-1.4, 4.4, 90))
    E, best = error(w, b), solution()
    for ax, rule in zip(np.ravel(axes), RULES, strict=True):
        ax.contour(w, b, E, np.geomspace(0.3, E.max(), 11), colors="silver", linewidths=0.8)
        ax.plot(*path(rule)[: SHOWN + 1].T, "o-", color=RED, linewidth=0.9, markersize=2.2)
        ax.plot(*best, "*", color=BLACK, markersize=13, markerfacecolor="white", zorder=4)
        ax.annotate("A", A, (-4, 6), textcoords="offset points", fontsize=11)
        steps = settled(rule)
        reached = f"within 1 % after {steps} steps" if steps else "not settled within 1 %"
        ax.set_title(f"{rule}:\n{reached}", fontsize=10)
        ax.set(xlabel="weight $w$", ylabel="bias $b$")
    figure.suptitle(
        rf"The first {SHOWN} steps from A, $\alpha$ = {RATE}; the star is the minimum", fontsize=11
    )
    return figure


def draw_errors():
    """The error above its minimum, after each step."""
    figure, ax = sheet(width=7.6, height=4.2)
    least = error(*solution())
    # without the line of short dots, which looks like that of dots
    for rule, line in zip(RULES, (*LINES[:5], LINES[6]), strict=True):
        ax.semilogy(error(*path(rule).T)[: SHOWN + 1] - least, linestyle=line, label=rule)
    ax.axhline(0.01 * least, color="0.5", linewidth=0.8, label="1 % of the minimum")
    ax.set(
        title=rf"Six rules on one error surface, $\alpha$ = {RATE}",
        xlabel="step",
        ylabel=r"$E - E_{\min}$",
        ylim=(1e-8, None),
    )
    figure.legend(loc="outside right center", fontsize=9)
    return figure


PICTURES = {"elgendy_optimizers": draw_paths, "elgendy_optimizers_error": draw_errors}
