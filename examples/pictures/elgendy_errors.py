"""The picture of section 2.5: the error of one weight, of one price, and of the dog."""

import numpy as np

from elgendy_errors import (
    DOG,
    FIRST,
    IDEAL,
    LATER,
    PRICES,
    cross_entropy,
    error,
    mae,
    mse,
)
from refnet.plot.style import BLACK, BLUE, RED, sheet


def draw():
    """Figure 2.25, the minimum of squared and of absolute errors, and cross-entropy."""
    figure, axes = sheet(1, 3, width=4.6)
    draw_weight(axes[0])
    draw_prices(axes[1])
    draw_cross_entropy(axes[2])
    return figure


def draw_weight(axes):
    """The error against the weight, figure 2.25."""
    w = np.linspace(-1.0, 6.0, 200)
    axes.plot(w, error(w), label=r"$|w \cdot 0.3 - 0.8|$")
    axes.plot(w, error(w) ** 2, "--", label=r"$(w \cdot 0.3 - 0.8)^2$")
    axes.plot(8 / 3, 0.0, "ko", clip_on=False, zorder=3)
    axes.annotate("$w = 8/3$", (8 / 3, 0.0), (0, 48), textcoords="offset points", ha="center")
    axes.set(
        title="Error of one perceptron (figure 2.25)",
        xlabel="weight $w$",
        ylabel="error",
        ylim=(0.0, 1.5),
    )
    axes.legend(loc="upper right")


def draw_prices(axes):
    """MSE and MAE of one prediction for all prices, each as a share of its largest."""
    guesses = np.linspace(100.0, 1000.0, 901)
    kinds = (
        (mse, BLUE, "-", "o", f"MSE: best at the mean, {PRICES.mean():.0f}"),
        (mae, RED, "--", "^", f"MAE: best at the median, {np.median(PRICES):.0f}"),
    )
    for loss, colour, line, mark, name in kinds:
        errors = np.array([loss(guess, PRICES) for guess in guesses])
        errors /= errors.max()
        best = errors.argmin()
        axes.plot(guesses, errors, line, color=colour, label=name)
        axes.plot(guesses[best], errors[best], mark, color=colour, ms=8)
    low = np.full(len(PRICES) - 1, 0.31)
    axes.plot(PRICES[:-1], low, "|", color=BLACK, ms=12, label="the prices (one more at 2400)")
    axes.set(
        title="One outlier (2.5.4)",
        xlabel="the one price predicted",
        ylabel="error / its largest here",
        ylim=(0.26, 1.4),
    )
    axes.legend(fontsize="small", loc="upper left")


def draw_cross_entropy(axes):
    """-log p and the three predictions."""
    p = np.linspace(0.02, 1.0, 200)
    axes.plot(p, -np.log(p), label=r"$-\log(p)$")
    for guess in (FIRST, LATER, IDEAL):
        of_dog = cross_entropy(DOG, guess)
        axes.plot(guess[1], of_dog, "ko", clip_on=False, zorder=3)
        axes.annotate(
            f"{of_dog:.2f}",
            (guess[1], of_dog),
            (0 if of_dog == 0 else 7, 9),
            textcoords="offset points",
            ha="center" if of_dog == 0 else "left",
        )
    axes.set(
        title="Cross-entropy of the dog (2.5.5)",
        xlabel="$p$, the probability given to dog",
        ylabel="error",
        ylim=(0.0, 4.0),
        xlim=(0.0, 1.06),
    )
    axes.legend()


PICTURES = {"elgendy_errors": draw}
