"""The picture of Thomas' section 4.6: three output deltas travel back to one hidden
node, each through its weight, and are added up there.
"""

import numpy as np
from matplotlib.patches import Circle

from refnet.plot.style import BLACK, BLUE, RED, sheet
from thomas_backpropagation import X, f_deriv, feed_forward, three_outputs

HIDDEN, OUTPUTS = np.array([1.0, 0.0]), [np.array([7.4, y]) for y in (2.6, 0.0, -2.6)]
RADIUS, APART = 0.62, 0.09  # of a node; half the distance of the two arrows of a link


def worked():
    """h, z, the weights and targets, the output deltas, and what each sends back to
    node 1 of layer 2.
    """
    net, y = three_outputs()
    h, z = feed_forward(net, X)
    w, delta = net.layers[1].W[:, 0], -(y - h[3]) * f_deriv(z[3])
    return h, z, w, y, delta, w * delta


def draw_deltas():
    """The network, and the sum as bars."""
    figure, (network, bars) = sheet(1, 2, width=6.2, height=4.9, width_ratios=(2, 1))
    draw_network(network)
    draw_sum(bars)
    return figure


def draw_network(axes):
    """Node 1 of layer 2, the three outputs, and two arrows for each link."""
    h, z, w, y, delta, terms = worked()
    node(axes, HIDDEN, r"$h_1^{(2)}$" + f"\n{h[2][0]:.3f}")
    for i, place in enumerate(OUTPUTS):
        k = i + 1
        node(axes, place, rf"$h_{k}^{{(3)}}$" + f"\n{h[3][i]:.3f}")
        link(
            axes,
            place,
            rf"$w_{{{k}1}}^{{(2)}} = {w[i]:g}$",
            rf"$w_{{{k}1}}^{{(2)}}\,\delta_{k}^{{(3)}} = {terms[i]:.4f}$",
        )
        right = place + np.array([0.85, 0.0])
        axes.text(right[0], right[1] + 0.27, f"$y_{k} = {y[i]:g}$", color=BLUE, va="center")
        text = rf"$\delta_{k}^{{(3)}} = {delta[i]:.4f}$"
        axes.text(right[0], right[1] - 0.27, text, color=RED, va="center")
    total = terms.sum()
    slope = f_deriv(z[2][0])
    lines = (
        r"$\delta_1^{(2)} = \left(\sum_i\, w_{i1}^{(2)}\,\delta_i^{(3)}\right) f'(z_1^{(2)})$",
        rf"$= {total:.4f} \cdot {slope:.4f}$",
        rf"$= {total * slope:.5f}$",
    )
    for line, height in zip(lines, (-2.05, -2.75, -3.3), strict=True):
        left = -0.3 if line is lines[0] else 0.35
        axes.text(left, height, line, color=RED, va="center", fontsize=11)
    axes.text(-0.3, 3.15, "blue, solid: forward", color=BLUE)
    axes.text(-0.3, 2.7, "red, dashed: backward", color=RED)
    axes.set(xlim=(-0.4, 10.4), ylim=(-3.6, 3.5), aspect="equal")
    axes.set(title="Each output sends its delta back through its weight")
    axes.axis("off")


def node(axes, place, text):
    """A circle, with its name and its value."""
    axes.add_patch(Circle(place, RADIUS, facecolor="white", edgecolor=BLACK, lw=1.4, zorder=2))
    axes.text(*place, text, ha="center", va="center", fontsize=10, linespacing=1.3)


def link(axes, output, forward, backward):
    """The weight above the arrow that leads right, what goes back below the one that
    leads left.
    """
    along = (output - HIDDEN) / np.linalg.norm(output - HIDDEN)
    up = np.array([-along[1], along[0]])
    ends = HIDDEN + along * (RADIUS + 0.05), output - along * (RADIUS + 0.05)
    middle = ends[0] + 0.57 * (ends[1] - ends[0])
    angle = {
        "rotation": np.degrees(np.arctan2(along[1], along[0])),
        "transform_rotates_text": True,
        "rotation_mode": "anchor",
        "ha": "center",
    }
    for side, (start, end), colour, line, text, where in (
        (1, ends, BLUE, "-", forward, "bottom"),
        (-1, ends[::-1], RED, "--", backward, "top"),
    ):
        style = {"arrowstyle": "-|>", "color": colour, "lw": 1.6, "ls": line}
        style |= {"shrinkA": 0, "shrinkB": 0}
        shift = side * APART * up
        axes.annotate("", end + shift, start + shift, arrowprops=style)
        axes.text(*middle + 1.7 * shift, text, color=colour, va=where, **angle)


def draw_sum(axes):
    """The three terms, each from where the one before it ends; their sum; delta."""
    _, z, _, _, _, terms = worked()
    ends = terms.cumsum()
    total, starts = ends[-1], ends - terms
    got = total * f_deriv(z[2][0])
    heights, bottoms = [*terms, total, got], [*starts, 0, 0]
    names = [rf"$w_{{{k}1}}^{{(2)}}\delta_{k}^{{(3)}}$" for k in (1, 2, 3)]
    styles = [{"facecolor": "white", "edgecolor": RED, "hatch": "///"}] * 3
    styles += [{"facecolor": RED, "edgecolor": RED}] * 2
    for k, (height, bottom, style) in enumerate(zip(heights, bottoms, styles, strict=True)):
        axes.bar(k, height, 0.62, bottom, linewidth=1.2, **style)
        side, where = (1, "bottom") if height > 0 else (-1, "top")
        end = bottom + height + side * 0.0008
        axes.text(k, end, f"${height:.4f}$", ha="center", va=where, fontsize=9)
    for k, end in enumerate(ends):
        axes.plot([k - 0.31, k + 1.31], [end, end], ":", color=BLACK, linewidth=0.9)
    axes.axhline(0, color=BLACK, linewidth=0.8)
    axes.set_xticks(range(5), [*names, "sum", r"$\delta_1^{(2)}$"])
    axes.set(title="Node 1 adds them up, times $f'$", xlabel="what comes back", ylabel="value")
    axes.set(ylim=(min(ends) - 0.008, 0.012))


PICTURES = {"thomas_deltas": draw_deltas}
