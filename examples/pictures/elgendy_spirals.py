"""The pictures of section 2.2: figure 2.10 with its hidden features, the cost by the
number of neurons, and the curves that tell when to stop.
"""

import numpy as np

import refnet
from elgendy_spirals import (
    GRID,
    PLANE,
    WIDTHS,
    costs,
    figure_2_10,
    not_stopped,
    stopped_early,
    trained,
    wrong,
)
from refnet.plot.style import BLACK, BLUE, RED, SURFACE, sheet


def draw_spirals():
    """The outputs of the neurons of each layer, as functions on the plane."""
    x, y = figure_2_10()
    net = trained((9, 9))
    first, second, _ = net.forward(PLANE)
    figure, (left, middle, right) = sheet(1, 3, width=4.4, height=5.3)
    for axes, layer, title in (
        (left, first, "layer 1: straight edges"),
        (middle, second, "layer 2: shapes"),
    ):
        axes.imshow(tiles(layer.a), cmap=SURFACE, vmin=-1, vmax=1, origin="lower")
        axes.contour(tiles(layer.z), [0.0], colors="white", linewidths=1.2)
        axes.set_title(f"{title}\nyellow: $a = 1$, blue: $a = -1$, line: $z = 0$")
        axes.axis("off")
    figure.get_layout_engine().set(w_pad=0.12)
    names = ("spiral 0", "spiral 1")
    refnet.plot.decision_boundary(net, x, y, right, names=names, size=22)
    right.set(title=f"output\n{wrong(net)} of {len(x)} wrong", aspect="equal")
    right.legend(loc="lower right", framealpha=1)
    return figure


def tiles(layer, gap=6):
    """Nine functions on the grid as one image, three by three, with gaps of NaN."""
    side = len(GRID)
    whole = np.full((3 * side + 2 * gap, 3 * side + 2 * gap), np.nan)
    for k, feature in enumerate(layer.T):
        top, start = (k // 3) * (side + gap), (k % 3) * (side + gap)
        whole[top : top + side, start : start + side] = feature.reshape(side, side)
    return whole


def draw_widths():
    """The cost on training and held-out rows, a dot for each start, and their mean."""
    figure, axes = sheet()
    for column, (name, colour, marker, line) in enumerate(
        (("training rows", BLUE, "o", "-"), ("held-out rows", RED, "^", "--"))
    ):
        ends = np.array([costs(units)[:, column] for units in WIDTHS])
        axes.plot(WIDTHS, ends, marker, color=colour, markersize=4, alpha=0.6)
        axes.plot(WIDTHS, ends.mean(axis=1), line, color=colour, marker=marker, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(WIDTHS, WIDTHS)
    axes.set(
        title="60 rows, about every fifth label wrong",
        xlabel="neurons in the hidden layer",
        ylabel="cross-entropy after training",
    )
    axes.legend(loc="upper left")
    return figure


def draw_epochs():
    """Accuracy and loss of the network that is too large, on training and validation
    rows.
    """
    _, history = not_stopped()
    best, _ = stopped_early()
    figure, (left, right) = sheet(1, 2)
    for axes, name in ((left, "accuracy"), (right, "loss")):
        refnet.plot.learning_curves(history, axes, quantity=name)
        axes.axvline(best, color=BLACK, linestyle=":", label=f"early stopping keeps epoch {best}")
        axes.set(title=f"{name} of the 2-32-32-1 network")
    left.legend(loc="lower right", framealpha=1)
    right.legend(loc="upper left", framealpha=1)
    return figure


PICTURES = {
    "elgendy_spirals": draw_spirals,
    "elgendy_widths": draw_widths,
    "elgendy_epochs": draw_epochs,
}
