"""The picture of the calculus refresher: slopes of a polynomial and of the sigmoid."""

import numpy as np

from elgendy_derivatives import f, f_prime, sigmoid_derivative
from refnet.plot.style import BLACK, sheet


def draw():
    """The refresher's curve with its slopes at 2 and 6, and the derivative of the
    sigmoid with and without the chain rule's factor.
    """
    figure, axes = sheet(1, 3, width=4.4)
    draw_slope(axes[0], 2, 3.0)
    draw_slope(axes[1], 6, 7.0)
    x = np.linspace(-6.0, 6.0, 241)
    outside = -((1 + np.exp(-x)) ** -2)
    axes[2].plot(
        x, sigmoid_derivative(x), label=r"$-(1 + e^{-x})^{-2} \cdot (-e^{-x}) = \sigma'(x)$"
    )
    axes[2].plot(x, outside, "--", label=r"$-(1 + e^{-x})^{-2}$: without the inside")
    axes[2].set(title="The sigmoid: outside times inside", xlabel="$x$", ylabel="derivative")
    axes[2].set(ylim=(-1.7, 0.4))
    axes[2].legend(loc="lower left", fontsize="small")
    return figure


def draw_slope(axes, at, end):
    """f, and the line that touches it at a point."""
    x, near = np.linspace(0.0, end, 200), np.linspace(0.8 * at, end, 2)
    axes.plot(x, f(x), label="$f(x)$")
    tangent = f(at) + f_prime(at) * (near - at)
    axes.plot(near, tangent, "--", label=f"slope $f'({at}) = {f_prime(at)}$")
    axes.plot(at, f(at), "o", color=BLACK, zorder=3)
    axes.set(title=f"$f(x) = 10x^5 + 4x^7 + 12x$ at {at}", xlabel="$x$", ylabel="$f(x)$")
    axes.ticklabel_format(style="sci", axis="y", useMathText=True)
    axes.legend(loc="upper left")


PICTURES = {"elgendy_derivatives": draw}
