"""The pictures of Thomas' section 5: a digit, the scaled pixels, the cost curves."""

import numpy as np

from refnet.plot.style import BLACK, BLUE, RED, sheet
from thomas_digits import ITERATIONS, digits, scaler, trained


def draw_digit():
    """The image of a 1, and all scaled values."""
    figure, (image, values) = sheet(1, 2, width=4.6, height=3.6)
    image.imshow(digits().images[1], cmap="gray")
    image.set(title="digits.images[1], a 1 in 8 x 8 pixels")
    image.axis("off")
    x = scaler().transform(digits().data).ravel()
    values.hist(x, bins=np.arange(-3.5, 43), color=BLUE)
    for edge in (-2, 2):
        label = "$-2$ and $2$" if edge == 2 else None
        values.axvline(edge, color=RED, linestyle="--", label=label)
    values.set(title=f"scaled pixels: {np.mean(abs(x) <= 2):.1%} within $-2$ and $2$")
    values.set(xlabel="scaled value", ylabel="number of pixels", yscale="log")
    values.legend()
    return figure


def draw_cost():
    """The curve that is plotted, and the J that is minimised."""
    done = trained()
    figure, axes = sheet(width=6.4, height=4.2)
    label = r"mean of $\|y - h\|$, as plotted"
    axes.semilogy(done.norms, color=RED, linestyle="--", label=label)
    label = r"$J$, mean of $\frac{1}{2}\|y - h\|^2$"
    axes.semilogy(done.J, color=BLUE, label=label)
    axes.axvline(ITERATIONS, color=BLACK, linestyle=":", label="the text stops at 3,000")
    axes.set(title="digits, 64-30-10: $J$ still falls where the text stops", ylim=(0.03, 6))
    axes.set(xlabel="iteration", ylabel="cost of the training rows")
    axes.legend(loc="upper right")
    return figure


PICTURES = {"thomas_digit": draw_digit, "thomas_cost": draw_cost}
