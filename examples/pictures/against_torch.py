"""The picture of refnet beside PyTorch: how their weights part in a training."""

import numpy as np

from against_torch import DTYPES, trained
from refnet.plot.style import BLUE, LINES, RED, sheet


def draw_growth():
    """The weight difference of the two sides during a training."""
    figure, ax = sheet(width=6.4)
    for dtype, line, colour in zip(DTYPES, LINES, (BLUE, RED), strict=False):
        differences = trained(dtype)[2]
        steps = range(1, len(differences) + 1)
        ax.loglog(steps, differences, linestyle=line, color=colour, label=dtype)
        eps = np.finfo(dtype).eps
        name = rf"$\varepsilon$ of {dtype}"
        ax.axhline(eps, linewidth=0.8, linestyle=":", color=colour, label=name)
    ax.set(
        xlabel="step",
        ylabel="largest weight difference",
        title="refnet and PyTorch, trained side by side",
    )
    ax.legend(loc="center right", title=r"$\varepsilon$: from 1 to the next number")
    return figure


PICTURES = {"against_torch_growth": draw_growth}
