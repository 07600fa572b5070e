"""The pictures of descent: converged and diverged, mini-batches, and two ways down."""

import numpy as np

from mlfromscratch_descent import (
    CONVERGES,
    DIVERGES,
    LOCAL,
    SLOW,
    C,
    descend,
    descended,
    one_neuron,
)
from mlfromscratch_forward import sigma, training_rows
from refnet.plot.style import BLACK, BLUE, GREEN, RED, SURFACE, sheet


def draw_converged():
    """The four runs on C(x): to each of the minima, not there yet, and away."""
    figure, axes = sheet(1, 3, width=4.3, height=4.3)
    close, away, cost = axes
    runs = (
        (close, CONVERGES, BLUE, "o", "-", "converged to the global minimum"),
        (close, LOCAL, GREEN, "^", "--", "converged to a local minimum"),
        (close, SLOW, BLACK, "s", ":", "not there yet"),
        (away, DIVERGES, RED, "D", "-.", "diverged"),
    )
    for on, low, high in ((close, -2.3, 3.1), (away, -9.5, 13)):
        x = np.linspace(low, high, 400)
        on.plot(x, C(x), color="0.65")
    for on, run, colour, marker, line, name in runs:
        path = descend(*run)
        every = 6 if marker == "s" else 1
        style = {"color": colour, "marker": marker, "linestyle": line, "markerfacecolor": "white"}
        on.plot(path, C(path), **style, markevery=every, label=rf"{name}, $\eta = {run[1]:g}$")
        cost.plot(C(path)[: SLOW[2] + 1], **style, markevery=6 if len(path) > 6 else 1)
    places = (((12, -4), "left"), ((-12, -6), "right"), ((-12, -4), "right"))
    path = descend(*DIVERGES)
    for x, (offset, side) in zip(path, places, strict=True):
        style = {"textcoords": "offset points", "ha": side, "color": RED}
        away.annotate(f"$C = {C(x):g}$", (x, C(x)), offset, **style)
    close.set(title="Down to a minimum", xlabel="weight $x$", ylabel="cost $C$", ylim=(0, 7))
    away.set(title="Away from all of them", xlabel="weight $x$", ylabel="cost $C$", yscale="log")
    cost.set(title="The cost of all four runs", xlabel="step", ylabel="cost $C$", yscale="log")
    cost.set_xticks(range(0, SLOW[2] + 1, 6))
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def draw_minibatches():
    """The cost where weights are initialised once, and where anew for each batch."""
    figure, axes = sheet(width=6.4, height=4.2)
    anew = descended(again=True)[1]
    axes.plot(anew, ":", color=RED, linewidth=1, label="anew for each mini-batch")
    axes.plot(descended()[1], color=BLUE, linewidth=2, label="once, before the first")
    axes.set(title="Weights that start anew with each mini-batch never learn", ylim=(0, 0.85))
    axes.set(xlabel="mini-batch", ylabel="cost $C$ of all training rows")
    axes.legend(title="weights and biases are initialised", loc="upper right")
    return figure


def draw_paths():
    """The way of one neuron's weight and bias, over the cost of all rows."""
    figure, axes = sheet(width=7.2, height=5.2)
    stochastic, batch = one_neuron(4, 6), one_neuron(None, 168)
    x, y = training_rows()
    w, b = np.linspace(-5, 11, 81), np.linspace(-8, 4, 61)
    outputs = sigma(w[:, None] * x[:, 2] + b[:, None, None])
    costs = np.mean((outputs - y[:, 2]) ** 2, axis=-1) / 2
    heights = axes.contourf(w, b, costs, levels=16, cmap=SURFACE)
    figure.colorbar(heights, label="cost $C$ of all training rows")
    axes.plot(
        *stochastic.T,
        ".-",
        color=RED,
        linewidth=0.8,
        markersize=4,
        label=f"mini-batches of 4, {len(stochastic) - 1} steps",
    )
    axes.plot(
        *batch.T, "--", color="white", linewidth=2.5, label=f"all rows, {len(batch) - 1} steps"
    )
    axes.plot(*stochastic[0], "s", color="white", markeredgecolor=BLUE, markersize=9, label="start")
    axes.set(
        title="All rows: a smooth way down; mini-batches of 4: a jagged one",
        xlabel="weight $w$",
        ylabel="bias $b$",
    )
    axes.legend(loc="lower left", facecolor="0.6")
    return figure


PICTURES = {
    "mlfromscratch_converged": draw_converged,
    "mlfromscratch_minibatches": draw_minibatches,
    "mlfromscratch_paths": draw_paths,
}
