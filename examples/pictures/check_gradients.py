"""The picture of the gradient check: the error of three methods by their step."""

from check_gradients import METHODS, STEPS, THUMB, errors
from refnet.plot.style import LINES, MARKERS, sheet


def draw_valley():
    """The error of the three methods as a function of the step."""
    figure, ax = sheet(width=6.8, height=4.3)
    # where two methods have the same error, the hollow marker lies over the full one
    looks = {"markersize": 3.5}, {"markersize": 6, "markerfacecolor": "none", "zorder": 3}
    for method, line, marker, look in zip(
        METHODS, LINES, MARKERS, (looks[0], looks[1], looks[0]), strict=False
    ):
        ax.loglog(STEPS, errors()[method], linestyle=line, marker=marker, label=method, **look)
    ax.axhline(THUMB, color="0.5", linewidth=0.8, linestyle=":", label="rule of thumb")
    ax.set(
        xlabel="step $h$",
        ylabel=r"error of the differences, $|n - g| \,/\, |g|$",
        title="Rounding on the left, truncation on the right",
    )
    figure.legend(loc="outside right center")
    return figure


PICTURES = {"check_gradients_step": draw_valley}
