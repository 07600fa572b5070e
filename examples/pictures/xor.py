"""The pictures of XOR: what three networks compute, and the loss of all starts."""

from matplotlib.lines import Line2D

import refnet
from refnet.plot.style import BLACK, BLUE, RED, sheet
from xor import EPOCHS, LEARNED, STARTS, STUCK, WIDTHS, XOR, X, longer, starts


def draw_regions():
    """The outputs of two learned networks and a stuck one over the plane."""
    named = {f"2-{units}-1, learned": starts(units)[0][0].net for units in WIDTHS[:2]} | {
        "2-2-1, stuck": longer().net
    }
    figure, axes = sheet(1, 3, 3.7, 4.0, sharey=True)
    for ax, (title, net) in zip(axes, named.items(), strict=True):
        refnet.plot.decision_boundary(net, X, XOR, ax, levels=(0.1, 0.9), margin=0.5, size=70)
        ax.set(title=title, aspect="equal")
        ax.get_legend().remove()
    figure.legend(*axes[0].get_legend_handles_labels(), title="label", loc="outside right center")
    figure.suptitle("Probability of label 1", fontsize=11)
    return figure


def draw_starts():
    """The loss of all starts of 2-2-1 and 2-3-1."""
    figure, axes = sheet(1, 2, sharey=True)
    for ax, units in zip(axes, WIDTHS, strict=False):
        learned, stuck = starts(units)
        for group, colour, line in ((learned, BLUE, "-"), (stuck, RED, "--")):
            for start in group:
                ax.plot(
                    range(1, len(start.loss) + 1),
                    start.loss,
                    color=colour,
                    linestyle=line,
                    linewidth=0.7,
                    alpha=0.6,
                )
        ax.axhline(STUCK, color=BLACK, linestyle=":", linewidth=1)
        ax.set(
            title=f"2-{units}-1: {len(learned)} of {STARTS} starts learn XOR",
            xlabel="epoch",
            ylabel="loss",
        )
        ax.set(xlim=(0, EPOCHS), ylim=(0, None))
        keys = [
            Line2D([], [], color=colour, linestyle=line)
            for colour, line in ((BLUE, "-"), (RED, "--"), (BLACK, ":"))
        ]
        ax.legend(keys, [f"learned, to {LEARNED}", "stuck", "ln 2 / 2"], loc="upper right")
    return figure


PICTURES = {"xor_regions": draw_regions, "xor_starts": draw_starts}
