"""The pictures of Khan's learning rates: descent on a parabola, on the OR gate, and the
curve of the loss.
"""

from itertools import pairwise

import numpy as np

from khan_learning_rates import CURVATURE, RATES, by_bias, descend, loss_at
from khan_or_gate import trained
from refnet.plot.style import BLUE, GREEN, LINES, RED, sheet


def draw_parabolas():
    """The four learning rates of the text."""
    figure, axes = sheet(2, 2)
    for panel, alpha, steps in zip(axes.flat, RATES, (25, 5, 25, 3), strict=True):
        draw_descent(panel, descend(alpha, steps), alpha)
    figure.suptitle("Gradient descent on $L = b^2/16$ from $b = 1$ at four learning rates")
    return figure


def draw_descent(axes, path, alpha):
    """The parabola, and an arrow for each step."""
    reach = 1.15 * np.abs(path).max()
    draw_path(axes, path, (-reach, reach))
    start, end = loss_at(path[[0, -1]])
    axes.plot(path[0], start, "s", color=RED, markersize=8, label=f"start, $L$ = {start:.4f}")
    label = f"after {len(path) - 1} steps, $L$ = {end:.{1 if end > 1 else 6}f}"
    axes.plot(path[-1], end, "D", color="black", markersize=5, label=label)
    factor = f"{1 - alpha * CURVATURE:.12g}"
    axes.set(title=rf"$\alpha$ = {alpha:g}: $b$ times {factor} in each step", xlabel="$b$")
    axes.set(ylabel="$L$")
    axes.legend(loc="upper center")
    if reach > 100:  # the whole path is too wide to show the first steps
        inset = axes.inset_axes([0.43, 0.34, 0.3, 0.33])
        draw_path(inset, path[:3], (-12, 31))
        inset.set_title("the first two steps", fontsize=8)
        inset.tick_params(labelsize=7)


def draw_path(axes, path, ends):
    """The parabola between two ends, and the steps on it."""
    line = np.linspace(*ends, 200)
    axes.plot(line, loss_at(line), color=BLUE)
    for start, end in pairwise(path):
        if abs(end - start) > (ends[1] - ends[0]) / 2000:  # else too short for an arrow
            style = {"arrowstyle": "->", "color": GREEN, "lw": 1.4}
            axes.annotate("", (end, loss_at(end)), (start, loss_at(start)), arrowprops=style)
    axes.plot(path, loss_at(path), "o", color=GREEN, markersize=4)


def draw_or_gate():
    """The cost of the OR gate at five learning rates."""
    figure, axes = sheet(width=6.4, height=4.4)
    for alpha, style in zip((0.5, 1.0, 5.0, 50.0, 500.0), LINES, strict=False):
        cost = trained(alpha, 1000)[1]
        axes.plot(np.arange(1, len(cost)), cost[1:], linestyle=style, label=f"{alpha:g}")
    axes.set(title=r"The OR gate: $\alpha$ = 50 does not diverge, 500 gets stuck")
    axes.set(xlabel="epoch", ylabel="Cost", xscale="log", yscale="log")
    axes.legend(title=r"$\alpha$")
    return figure


def draw_loss_curve():
    """The loss over b, and its slopes over the output."""
    figure, (left, right) = sheet(1, 2)
    b, out, loss, slope = by_bias()
    steepest = slope.argmax()
    left.plot(b, loss, color=BLUE, label=r"$\sigma(b)^2/2$")
    left.plot(0, 0.125, "o", color="black", label="$b = 0$, $L = 0.125$")
    left.set(title="The loss for (0, 0) over $b$: an S, not a U", xlabel="$b$", ylabel="$L$")
    right.plot(out, slope, color=BLUE, label=r"$\partial L/\partial b$, of the neuron")
    right.plot(out, out, "--", color=RED, label=r"$\partial L/\partial\hat{y}$")
    label = rf"steepest, at $\hat{{y}}$ = {out[steepest]:.2f}"
    right.plot(out[steepest], slope[steepest], "o", color="black", label=label)
    right.set(title="Label 0: the slopes over the output", ylabel="slope")
    right.set(xlabel=r"output $\hat{y}$ (0 is right, 1 is most incorrect)")
    for axes in (left, right):
        axes.legend(loc="upper left")
    return figure


PICTURES = {
    "khan_learning_rates": draw_parabolas,
    "khan_or_gate_rates": draw_or_gate,
    "khan_loss_curve": draw_loss_curve,
}
