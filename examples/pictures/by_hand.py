"""The pictures of Mazur's example: the two paths of w1, and the error of all rounds."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from by_hand import ROUNDS, E_o1, E_o2, E_total, X, gradients, learned, network
from refnet.plot.style import BLACK, BLUE, RED, sheet

RADIUS, WIDE, HIGH = 0.52, 3.6, 2.6
ON_THE_PATHS = {(0, 0, 0), (1, 0, 0), (1, 1, 0)}  # w1, w5 and w7: layer, to, from


def draw_paths():
    """The network with its numbers, and both paths from w1 to the error."""
    net = network()
    values = [X[0], *(step.a[0] for step in net.forward(X))]
    figure, axes = sheet(width=12, height=5.2)
    for layer, dense in enumerate(net.layers):
        for j, k in np.ndindex(dense.W.shape):
            name = f"w_{4 * layer + 2 * j + k + 1}"
            text = (
                f"${name} = {dense.W[j, k]:.2f}$\n"
                rf"$\partial E/\partial {name} = {gradients()[layer].dW[j, k]:.6f}$"
            )
            on_path = (layer, j, k) in ON_THE_PATHS
            edge(axes, (layer, k), (layer + 1, j), text, on_path)
    for layer, letter in enumerate("iho"):
        for k, value in enumerate(values[layer]):
            delta = rf"$\delta = {gradients()[layer - 1].delta[0, k]:.4f}$" if layer else ""
            node(axes, layer, -HIGH * k, f"{letter}_{k + 1}", value, delta)
    for k, error in enumerate((E_o1, E_o2)):
        axes.plot([2 * WIDE, 2.75 * WIDE], [-HIGH * k, -HIGH / 2], color=RED, lw=3.5, zorder=1)
        label(axes, 2.4 * WIDE, (-0.27, -0.73)[k] * HIGH, f"$E_{{o{k + 1}}} = {error:.4f}$")
    node(axes, 2.75, -HIGH / 2, r"E", E_total, "")
    bias = "  ".join(f"$b_{i + 1} = {layer.b[0]:.2f}$" for i, layer in enumerate(net.layers))
    axes.text(-RADIUS, -HIGH - 0.85, f"$E$ is the total error;  {bias}")
    keys = [Line2D([], [], color=RED, linewidth=3.5), Line2D([], [], color="0.6", linewidth=1)]
    axes.legend(
        keys,
        ["both paths from $w_1$ to $E$", "the other weights"],
        loc="lower right",
        frameon=False,
    )
    axes.set_title(
        r"Two paths from $w_1$ to $E$: $\dfrac{\partial E}{\partial w_1} = "
        r"(\delta_{o1}\, w_5 + \delta_{o2}\, w_7)\; out_{h1}\,(1 - out_{h1})\; i_1 = "
        f"{gradients()[0].dW[0, 0]:.9f}$",
        fontsize=13,
        pad=12,
    )
    axes.set(xlim=(-0.7, 2.75 * WIDE + 0.7), ylim=(-HIGH - 1.0, 0.65), aspect="equal")
    axes.axis("off")
    return figure


def edge(axes, start, end, text, on_path):
    """A weight as a line, thick on the paths, and what belongs to it."""
    (x0, y0), (x1, y1) = ((WIDE * layer, -HIGH * k) for layer, k in (start, end))
    style = {"color": RED, "linewidth": 3.5} if on_path else {"color": "0.6", "linewidth": 1}
    axes.plot([x0, x1], [y0, y1], **style, zorder=1)
    part = 0.5 if y0 == y1 else 0.31  # crossing lines: where they are still apart
    label(axes, x0 + part * (x1 - x0), y0 + part * (y1 - y0), text)


def label(axes, x, y, text):
    """Words on a line, which is interrupted there."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axes.text(x, y, text, ha="center", va="center", fontsize=10, bbox=box, zorder=2)


def node(axes, layer, y, name, value, delta):
    """A circle with the unit's name, value and delta."""
    x = WIDE * layer
    axes.add_patch(Circle((x, y), RADIUS, facecolor="white", ec=BLUE, lw=1.5, zorder=3))
    lines = [f"${name}$", f"${value:.4f}$", *([delta] if delta else [])]
    text = "\n".join(lines)
    axes.text(x, y, text, ha="center", va="center", fontsize=10, color=BLACK, zorder=4)


def draw_error():
    """The error in 10,000 rounds, and how far the mistaken update is off."""
    errors, mistaken = (np.array(learned(ROUNDS, late=late)[1]) for late in (False, True))
    rounds = 1 + np.arange(ROUNDS)
    figure, (left, right) = sheet(1, 2)
    left.loglog(rounds, errors, color=BLUE)
    left.set(title="One example, learned by heart", xlabel="round", ylabel="error before the round")
    right.semilogx(rounds, 100 * (mistaken / errors - 1), color=RED)
    right.axhline(0, color="0.6", linewidth=0.8)
    right.set(
        title="The mistaken update, beside the right one",
        xlabel="round",
        ylabel="error, % above or below the right one",
    )
    return figure


PICTURES = {"by_hand_paths": draw_paths, "by_hand_error": draw_error}
