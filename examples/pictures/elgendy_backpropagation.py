"""The picture of section 2.7: all paths of figure 2.36, and what each of them adds."""

from itertools import product

from matplotlib.lines import Line2D

from elgendy_backpropagation import EDGES, formula_path, network, paths
from refnet.plot.style import BLACK, BLUE, RED, sheet


def draw():
    """The formula's path among all paths, and what each contributes."""
    figure, (left, right) = sheet(1, 2, width=5.8, height=4.4)
    draw_network(left)
    draw_effects(right)
    return figure


def height(size, k):
    """The height of node k in a column of nodes."""
    return (size - 1) / 2 - k


def draw_network(axes):
    """All paths of w_13, and the one of the formula."""
    sizes = network().sizes
    for l in range(4):
        for j, k in product(range(sizes[l]), range(sizes[l + 1])):
            reaches = l > 1 or (l, j) == (1, 2) or (l, j, k) == (0, 0, 2)
            if (j + 1, k + 1) == EDGES[l]:
                style = {"color": RED, "lw": 3.5, "zorder": 3}
            elif reaches:
                style = {"color": BLUE, "lw": 1.3, "ls": "--", "zorder": 2}
            else:
                style = {"color": "lightgray", "lw": 1.0, "ls": ":", "zorder": 1}
            axes.plot((l, l + 1), (height(sizes[l], j), height(sizes[l + 1], k)), **style)
    for l, size in enumerate(sizes):
        at = [height(size, j) for j in range(size)]
        axes.scatter([l] * size, at, s=420, c="white", edgecolors="black", zorder=4)
        for j in range(size):
            name = f"$x_{j + 1}$" if l == 0 else f"{j + 1}"
            axes.text(l, at[j], name, ha="center", va="center", zorder=5)
        axes.text(l, -2.2, f"layer {l}" if l else "input", ha="center")
    axes.axis("off")
    axes.set(
        title="Paths from $w_{13}^{(1)}$ to the error (figure 2.36)",
        xlim=(-0.4, 4.4),
        ylim=(-2.5, 3.0),
    )
    kinds = [
        Line2D([], [], color=RED, lw=3.5),
        Line2D([], [], color=BLUE, ls="--"),
        Line2D([], [], color="lightgray", ls=":"),
    ]
    names = ["the formula's path", f"the other {len(paths()) - 1}", "not on a path"]
    axes.legend(kinds, names, loc="upper center", ncols=3, fontsize="small", frameon=False)


def draw_effects(axes):
    """What each path adds, and the whole gradient."""
    for (k, m), effect in paths().items():
        chosen = (k, m) == formula_path()
        bar = axes.barh(
            f"3-{k + 1}-{m + 1}",
            effect,
            color=RED if chosen else BLUE,
            hatch="" if chosen else "//",
            edgecolor="white",
        )
        axes.bar_label(bar, fmt="%.5f", padding=4, fontsize="small")
    bar = axes.barh("sum of all", sum(paths().values()), color=BLACK)
    axes.bar_label(bar, fmt="%.5f", padding=4, fontsize="small")
    axes.axvline(0.0, color="black", lw=0.8)
    axes.invert_yaxis()
    axes.set(
        title=r"What each path adds to $dE / dw_{13}^{(1)}$",
        xlabel="product of the factors of the path",
        ylabel="nodes of layers 1-2-3 on the path",
        xlim=(-0.025, 0.013),
    )


PICTURES = {"elgendy_paths": draw}
