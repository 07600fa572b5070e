"""The picture of shards of different sizes: how far the average of means is off."""

from distributed import SHARDS, averaged, off
from refnet.plot.style import LINES, MARKERS, sheet


def draw_sizes():
    """How far the usual form is off, by the rows of the last process."""
    figure, ax = sheet()
    left = range(1, 9)
    for name, marker, line in zip(SHARDS, MARKERS, LINES, strict=False):
        full = SHARDS[name][:-1]
        errors = [off(averaged((*full, m)), averaged((sum(full) + m,))) for m in left]
        ax.plot(left, errors, marker=marker, linestyle=line, label=name)
    ax.set(
        xlabel="rows of the last process, where the others have 8",
        ylabel="off, in per cent of the gradient",
        title="The average of gradients that are means",
    )
    ax.legend()
    return figure


PICTURES = {"distributed_sizes": draw_sizes}
