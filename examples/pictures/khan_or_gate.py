"""The pictures of Khan's OR gate: its graph for one example and for all four, and the
training.
"""

import numpy as np
from matplotlib.patches import FancyBboxPatch

import refnet
from khan_or_gate import END, FLAT, X, Y, neuron, plane, trained, worked
from lesson import side_by_side
from refnet.plot.style import BLUE, RED, sheet

HALF_SQUARE = r"$\frac{1}{2}(\hat{y} - y)^2$"
LEFT, TOP = 0.5, 4.7  # where the leaves of the graph stand, and how high the first one
APART = 0.08  # half the distance of the two arrows of a wire


def draw_by_hand():
    """(0, 0) forward and backward, before and after the step of the bias."""
    figure, panels = sheet(2, 1, width=12.5, height=4.2)
    linear = worked(1)[1]
    after = worked(1, (linear.b - linear.db).item())
    titles = (
        "$x = (0, 0)$, label 0: the weights get no gradient, the bias does",
        r"after one step, $b \leftarrow b - \partial L/\partial b$: output and loss fall",
    )
    for axes, (chain, linear), title in zip(panels, (worked(1), after), titles, strict=True):
        (w1, w2), (dw1, dw2), b, db = linear.W[0], linear.dW[0], linear.b.item(), linear.db.item()
        leaves = [
            ("x_1", "0", "", ""),
            ("w_1", f"{w1:g}", f"{dw1:g}", r"$\partial z/\partial w_1 = x_1 = 0$"),
            ("x_2", "0", "", ""),
            ("w_2", f"{w2:g}", f"{dw2:g}", r"$\partial z/\partial w_2 = x_2 = 0$"),
            ("b", f"{b:g}", f"{db:.3f}", r"$\partial z/\partial b = 1$"),
        ]
        draw_graph(axes, chain, leaves, ("z = Wx + b", "z", "", r"\hat{y}", "L"), HALF_SQUARE)
        axes.set(title=title)
    return figure


def draw_batch():
    """All four rows at once."""
    figure, axes = sheet(width=12.5, height=4.2)
    chain, linear = worked(4)
    leaves = [
        ("X", "0 0 1 1\n0 1 0 1", "", ""),
        ("W", side_by_side(linear.W, 1), side_by_side(linear.dW), "$U X^T$"),
        ("b", "0", side_by_side(linear.db), r"columns of $U$, summed"),
    ]
    names = ("Z = WX + b", "Z", "$U$ = ", r"\hat{Y}", r"\mathrm{Cost}")
    draw_graph(axes, chain, leaves, names, r"$\frac{1}{2m}\Sigma(\hat{y}_i - y_i)^2$")
    axes.set(title="all four rows at once, a column each: $W$ and $b$ get sums over the columns")
    return figure


def draw_graph(axes, chain, leaves, names, formula):
    """The graph: values above the arrows that lead right, gradients below those that
    lead left, local gradients in the gates.
    """
    sums, z_name, upstream, y_name, cost = names
    axes.set(xlim=(0, 17), ylim=(-0.3, 5.5))
    axes.axis("off")
    (z, out, loss), (dz, dout, _), y = chain.values, chain.upstream, 2.6
    gate(axes, (2.9, 5.4), y, 5.5, f"linear\n${sums}$", "", raised=2.25)
    for place, leaf in zip(np.linspace(TOP, 0.35, len(leaves)), leaves, strict=True):
        draw_leaf(axes, place, *leaf)
    wire(axes, 5.4, 8.6, y, f"${z_name}$ = {side_by_side(z)}", upstream + side_by_side(dz))
    gate(axes, (8.6, 10.4), y, 2.2, "sigmoid", columns(out * (1 - out)))
    wire(axes, 10.4, 13.5, y, f"${y_name}$ = {side_by_side(out)}", side_by_side(dout))
    gate(axes, (13.5, 15.3), y, 2.2, formula, columns(dout))
    wire(axes, 15.3, 16.9, y, f"${cost}$ = {loss:.3f}", "1")
    labels = f"label{'s' if out.size > 1 else ''} {' '.join(map(str, Y[: out.size, 0]))}"
    axes.text(14.4, 4.35, labels, ha="center", va="bottom")
    arrow(axes, (14.4, 4.3), (14.4, 3.75), BLUE, "-")
    axes.text(8.6, 0.55, "solid, to the right: the values, forward", color=BLUE)
    axes.text(8.6, 0.05, "dashed, to the left: the gradients, upstream times local", color=RED)


def draw_leaf(axes, y, name, value, gradient, local):
    """A weight or an input: a circle, its wire, and what it is multiplied by."""
    axes.scatter(LEFT, y, s=620, facecolor="white", edgecolor=BLUE, zorder=2)
    axes.text(LEFT, y, f"${name}$", ha="center", va="center")
    wire(axes, LEFT + 0.42, 2.9, y, value, gradient)
    if gradient:
        axes.text(3.05, y, local, va="center", fontsize=9, color=RED)


def columns(values):
    """A local gradient as text, two values in a line."""
    words = side_by_side(values).split()
    return "local:\n" + "\n".join(" ".join(words[i : i + 2]) for i in range(0, len(words), 2))


def gate(axes, sides, y, height, name, local, raised=0.55):
    """A box: its name, and its local gradient below."""
    left, right = sides
    box = FancyBboxPatch(
        (left, y - height / 2),
        right - left,
        height,
        boxstyle="round,pad=0,rounding_size=0.2",
        facecolor="#F3F3F3",
        edgecolor="black",
        zorder=0,
    )
    axes.add_patch(box)
    middle = (left + right) / 2
    axes.text(middle, y + raised, name, ha="center", va="center", weight="bold", fontsize=9)
    axes.text(middle, y - 0.45, local, ha="center", va="center", fontsize=9, color=RED)


def wire(axes, left, right, y, value, gradient):
    """The value forward, and below it the gradient backward, if any."""
    up = APART if gradient else 0
    arrow(axes, (left, y + up), (right, y + up), BLUE, "-")
    middle = (left + right) / 2
    axes.text(middle, y + up + 0.1, value, ha="center", va="bottom", color=BLUE, fontsize=9)
    if gradient:
        arrow(axes, (right, y - APART), (left, y - APART), RED, "--")
        axes.text(middle, y - 0.2, gradient, ha="center", va="top", color=RED, fontsize=9)


def arrow(axes, start, end, colour, line):
    """From one point to another, edge to edge."""
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.5, "ls": line, "shrinkA": 0}
    axes.annotate("", end, start, arrowprops=style | {"shrinkB": 0})


def draw_training():
    """The cost on two pairs of axes, and the boundary before and after."""
    net, cost = trained()
    figure, ((plain, logs), (first, last)) = sheet(2, 2, width=5.0, height=4.0)
    for axes, scale in ((plain, "linear"), (logs, "log")):
        refnet.plot.learning_curves(cost[1:], axes)
        for epoch, marker in ((FLAT, "s"), (END, "o")):
            label = f"{cost[epoch]:.5f} after {epoch:,}"
            axes.plot(epoch, cost[epoch], marker, color="black", label=label)
        axes.set(xlabel="epoch", ylabel="Cost", xscale=scale, yscale=scale)
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(
            handles[1:], labels[1:], loc="upper right" if scale == "linear" else "lower left"
        )
    plain.set(title="The Cost looks flat after 3,000 epochs")
    logs.set(title="The same with logarithmic axes: it still falls")
    for axes, trained_or_not, title in (
        (first, neuron(), "The decision boundary before training"),
        (last, net, f"The decision boundary after {END:,} epochs"),
    ):
        refnet.plot.decision_boundary(
            trained_or_not, X, Y[:, 0], axes, levels=(), margin=0.5, size=90
        )
        axes.set(title=title, aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
        axes.get_legend().remove()
    line, outputs = plane(net)
    for level, style in ((0.1, ":"), (0.5, "-"), (0.9, "--")):
        last.contour(line, line, outputs, [level], colors="black", linestyles=style)
        last.plot([], [], style, color="black", label=f"output {level}")
    handles, labels = last.get_legend_handles_labels()
    labels = [f"label {it}" if it in "01" else it for it in labels]
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


PICTURES = {
    "khan_graph_by_hand": draw_by_hand,
    "khan_graph_batch": draw_batch,
    "khan_training": draw_training,
}
