"""The picture of figures 2.8 and 2.9: what one, two and three perceptrons make of dots
that no line separates.
"""

import numpy as np

from elgendy_triangle import joined, mistakes_of, triangle
from refnet.plot.style import BLACK, CLASSES, LINES, MARKERS, pale, sheet

LIMIT = 116
NAMES = ("light", "dark")
TITLES = ("One perceptron", "Two perceptrons", "Three perceptrons")


def draw_triangle():
    """The regions, the line of each perceptron, and the dots above them; a ring around
    each dot that is on the wrong side.
    """
    figure, panels = sheet(1, 3, width=4.2, height=4.6)
    for lines, (axes, title) in enumerate(zip(panels, TITLES, strict=True), start=1):
        net, count = joined(lines), len(triangle()[0])
        draw_regions(axes, net)
        draw_dots(axes, net)
        axes.set(
            title=f"{title}: {mistakes_of(net)} of {count} wrong",
            xlabel="$x_1$",
            ylabel="$x_2$",
            aspect="equal",
            xlim=(-LIMIT, LIMIT),
            ylim=(-LIMIT, LIMIT),
        )
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def draw_regions(axes, net):
    """The region where the output fires, shaded, and the line of each hidden neuron."""
    grid = np.linspace(-LIMIT, LIMIT, 400)
    plane = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    fires = net.classify(plane).reshape(400, 400)
    axes.contourf(grid, grid, fires, [-0.5, 0.5, 1.5], colors=[pale(it) for it in CLASSES[:2]])
    for (w1, w2), b, style in zip(net.layers[0].W, net.layers[0].b, LINES, strict=False):
        foot, way = -b * np.array([w1, w2]), np.array([-w2, w1])  # (w1, w2) has length 1
        ends = np.transpose([foot - 400 * way, foot + 400 * way])
        axes.plot(*ends, color=BLACK, linestyle=style, linewidth=1, zorder=1)


def draw_dots(axes, net):
    """The dots, and the rings."""
    x, dark = triangle()
    for label, name in enumerate(NAMES):
        axes.plot(
            *x[dark == label].T,
            MARKERS[label],
            color=CLASSES[label],
            markeredgecolor="white",
            markersize=7,
            label=f"{name} dot",
            zorder=3,
        )
    wrong = net.classify(x) != dark
    axes.plot(
        *x[wrong].T,
        "o",
        markerfacecolor="none",
        markeredgecolor=BLACK,
        markersize=13,
        label="on the wrong side",
        zorder=4,
    )


PICTURES = {"elgendy_triangle": draw_triangle}
