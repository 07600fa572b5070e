"""The picture of the ladder from Thomas' network to 97 %."""

import numpy as np

from refnet.plot.style import BLACK, BLUE, ORANGE, sheet
from thomas_digits import right_in_percent, trained
from thomas_ladder import ladder


def draw_ladder():
    """The accuracy of each seed, and the mean, for each rung."""
    before = "the text: full batch, 3,000 iterations", [right_in_percent(trained().net) / 100]
    figure, axes = sheet(width=7.4, height=4.8)
    names = []
    for k, (change, accuracies) in enumerate([before, *ladder()]):
        percent, once = 100 * np.array(accuracies), k == 1
        name = change.replace("1/sqrt(fan_in)", r"$1/\sqrt{\mathrm{fan\_in}}$")
        names.append(f"+ {name}" if k else name)
        above = np.linspace(-0.3, 0.04, len(percent)) if len(percent) > 1 else [-0.13]
        style = {"color": BLUE, "markersize": 5, "label": "one seed" if once else None}
        axes.plot(percent, k + np.array(above), "o", **style)
        style = {"color": BLACK, "markersize": 6, "label": "mean" if once else None}
        axes.plot(percent.mean(), k + 0.3, "^", **style)
        axes.axhline(k + 0.5, color=BLACK, linewidth=0.3, zorder=0)
    axes.axvspan(97, 98.2, color=ORANGE, alpha=0.3, linewidth=0, zorder=0, label="above 97 %")
    axes.set(xlim=(85.8, 98.2), ylim=(-0.5, 6.5))
    axes.set_yticks(range(len(names)), names)
    axes.set(title="a ladder to 97 %, on the same test rows")
    axes.set(xlabel="accuracy on the 719 test rows, %", ylabel="what each rung changes")
    axes.invert_yaxis()
    axes.legend(loc="lower left", ncols=3)
    return figure


PICTURES = {"thomas_97": draw_ladder}
