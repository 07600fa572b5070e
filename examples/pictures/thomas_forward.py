"""The picture of Thomas' sections 2.1 and 2.3: the sigmoid, its weight and its bias."""

from refnet.plot.style import COLOURS, LINES, sheet
from thomas_forward import BIASES, GRID, WEIGHTS, f, half_on


def draw_node():
    """One node: alone, with three weights, with three biases."""
    figure, axes = sheet(1, 3, width=4.2, sharey=True)
    axes[0].plot(GRID, f(GRID))
    for k, w in enumerate(WEIGHTS):
        style = {"color": COLOURS[k], "linestyle": LINES[k]}
        axes[1].plot(GRID, f(w * GRID), label=f"$w = {w:g}$", **style)
    for k, b in enumerate(BIASES):
        style = {"color": COLOURS[k], "linestyle": LINES[k]}
        axes[2].plot(GRID, f(5 * GRID + b), label=f"$b = {b:g}$", **style)
        axes[2].plot(half_on(5.0, b), 0.5, "o", color=COLOURS[k])
    titles = (
        "sigmoid: $f(x) = 1 / (1 + e^{-x})$",
        "the weight sets how steep: $f(wx)$",
        "the bias sets where: $f(5x + b)$ is 1/2 at $-b/5$",
    )
    for panel, title in zip(axes, titles, strict=True):
        panel.set(title=title, xlabel="$x$", ylabel="$h$")
    axes[1].legend(loc="upper left")
    axes[2].legend(loc="center right")
    return figure


PICTURES = {"thomas_node": draw_node}
