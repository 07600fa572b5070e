"""The picture of section 2.1: the learned line, and the best one without a bias."""

import numpy as np

from elgendy_perceptrons import NEW, boundary, fewest_through_origin, players
from refnet.plot.style import BLACK, BLUE, points, sheet


def draw_players():
    """The learned line, and the best line through the origin."""
    x, accepted = players()
    figure, (left, right) = sheet(1, 2)
    heights = np.array([0.0, 205.0])
    origin, wrong = fewest_through_origin(x, accepted)
    for axes, (w, b) in ((left, boundary()), (right, (origin, 0.0))):
        points(axes, x, accepted, ("not accepted", "accepted"))
        axes.plot(heights, -(w[0] * heights + b) / w[1], color=BLACK, zorder=1)
        axes.set(xlabel="height $x_1$ in cm", ylabel="age $x_2$ in years")
    star = {"color": "white", "markeredgecolor": BLACK, "markersize": 17, "zorder": 4}
    left.plot(*NEW, "*", label=f"new player ({NEW[0]}, {NEW[1]})", **star)
    (w1, w2), b = boundary()
    left.set(
        title=f"The perceptron's line: ${w1:g}\\,x_1 + {w2:g}\\,x_2 - {-b:g} = 0$",
        xlim=(136, 204),
        ylim=(7, 31),
    )
    square = {"color": BLUE, "markeredgecolor": BLACK, "clip_on": False, "zorder": 4}
    right.plot(0, 0, "s", label="origin", **square)
    right.set(
        title=f"Without a bias: {wrong} of {len(x)} on the wrong side",
        xlim=(0, 205),
        ylim=(0, 31),
    )
    left.legend(loc="upper right", framealpha=1)
    right.legend(loc="upper left", framealpha=1)
    return figure


PICTURES = {"elgendy_players": draw_players}
