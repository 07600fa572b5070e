"""The pictures of section 2.3: all functions of table 2.1, what a network without them
learns, and the sigmoid as a probability and as tanh.
"""

import numpy as np

from elgendy_activations import AGES, TABLE, linear_learning, probability, sigmoid, slope, tanh
from refnet.plot.style import BLACK, BLUE, LINES, RED, sheet

EQUATIONS = {
    "identity": r"$f(x) = x$",
    "step": r"$f(x) = 0$ if $x \leq 0$, else $1$",
    "sigmoid": r"$\sigma(x) = 1 / (1 + e^{-x})$",
    "softmax of (x, 0)": r"$\sigma(x_j) = e^{x_j} / \Sigma_i\,e^{x_i}$",
    "tanh": r"$\tanh(x) = (e^x - e^{-x}) / (e^x + e^{-x})$",
    "ReLU": r"$f(x) = \max(0, x)$",
    "leaky ReLU": r"$f(x) = \max(0.01\,x, x)$",
}
HEIGHTS = {
    "identity": (-3.2, 4.2),
    "tanh": (-1.15, 1.75),
    "ReLU": (-0.6, 4.2),
    "leaky ReLU": (-0.6, 4.2),
}
BENT = ("step", "ReLU", "leaky ReLU")  # whose f or f' jumps at 0


def draw_activations():
    """All seven with their derivatives, and the slopes far out."""
    z = np.linspace(-6, 6, 601)
    figure, panels = sheet(2, 4, width=3.5, height=3.3)
    for axes, (name, f) in zip(panels.flat, TABLE.items(), strict=False):
        # two lines where it jumps, so that none is drawn through the jump
        for part in (z < 0, z > 0) if name in BENT else (np.ones(z.shape, bool),):
            axes.plot(z[part], f(z[part]), color=BLUE)
            axes.plot(z[part], slope(name, z[part]), color=RED, linestyle="--")
        axes.axhline(0, color=BLACK, linewidth=0.5, zorder=1)
        title = "softmax of $(x, 0)$" if name.startswith("softmax") else name
        axes.set(
            title=f"{title}\n{EQUATIONS[name]}",
            xlabel="$x$",
            ylabel="$f$, $f'$",
            ylim=HEIGHTS.get(name, (-0.1, 1.55)),
        )
        axes.legend(axes.lines[:2], ("$f(x)$", "$f'(x)$"), loc="upper left")
    draw_slopes(panels.flat[-1])
    return figure


def draw_slopes(axes):
    """The slopes far from zero, on a logarithmic scale."""
    far = np.linspace(-12, 12, 241)
    for name, style in zip(("sigmoid", "tanh", "ReLU"), LINES, strict=False):
        slopes = slope(name, far)
        axes.semilogy(far[slopes > 0], slopes[slopes > 0], linestyle=style, label=name)
    axes.set(
        title="slope far from zero\n(ReLU below zero: 0)",
        xlabel="$x$",
        ylabel="$f'$, logarithmic",
        ylim=(1e-11, 30),
    )
    axes.legend(loc="lower center")


def draw_linear():
    """A network without activation functions learns: cost and gradient of each step."""
    cost, norm = linear_learning()
    figure, axes = sheet(width=6.4)
    axes.semilogy(cost, color=BLUE, label="cost $C$")
    axes.semilogy(norm, color=RED, linestyle="--", label=r"norm of the gradient, $\|\nabla C\|$")
    axes.set(
        title="Without activations a network learns $y = 4 x_1 - x_2 + 3$",
        xlabel="step",
        ylabel="cost, norm (logarithmic)",
    )
    axes.legend()
    return figure


def draw_sigmoid():
    """The sidebar's probabilities against age, and tanh beside the sigmoid."""
    figure, (left, right) = sheet(1, 2)
    ages, (young, old) = np.linspace(0, 80, 321), AGES
    p = (ages - young) / (old - young)
    z = 8 * p - 4  # the sigmoid is 0.02 and 0.98 where the line is 0 and 1
    left.plot(ages, p, linestyle=LINES[0], label="straight line")
    for epsilon, style in ((1.0, LINES[1]), (0.01, LINES[2])):
        label = rf"$e^z / (e^z + {epsilon:g})$"
        left.plot(ages, probability(z, epsilon), linestyle=style, label=label)
    left.axhspan(0, 1, color="0.93", zorder=0)
    left.set(
        title=r"A line is no probability; $\varepsilon$ shifts the sigmoid",
        xlabel="age in years",
        ylabel="$p$",
        xlim=(0, 80),
        ylim=(-0.6, 2.3),
    )
    left.legend(loc="upper left")
    t = np.linspace(-6, 6, 401)
    right.plot(t, tanh(t), linestyle=LINES[0], label=r"$\tanh(z)$")
    right.plot(t, sigmoid(t), linestyle=LINES[1], label=r"$\sigma(z)$")
    right.plot(t, sigmoid(t) - 0.5, linestyle=LINES[2], label=r"$\sigma(z) - 0.5$: shifted")
    right.plot(
        t[::20],
        2 * sigmoid(2 * t[::20]) - 1,
        "o",
        color=BLACK,
        markersize=4,
        label=r"$2\,\sigma(2 z) - 1$",
    )
    right.set(
        title="tanh is the sigmoid scaled and shifted",
        xlabel="$z$",
        ylabel="$f(z)$",
        ylim=(-1.15, 1.15),
    )
    right.legend(loc="lower right")
    return figure


PICTURES = {
    "elgendy_activations": draw_activations,
    "elgendy_linear": draw_linear,
    "elgendy_sigmoid": draw_sigmoid,
}
