"""The picture of the notation: 4-5-4-3, with one activation and one weight named."""

from matplotlib.patches import Circle

from refnet.plot.style import BLACK, BLUE, RED, sheet

SIZES, RADIUS, WIDE = (4, 5, 4, 3), 0.33, 3.0


def draw_notation():
    """Where a_2^(1) stands, what it is computed from, and what w_2,3^(2) joins."""
    figure, axes = sheet(width=9.6, height=5.2)
    at = {
        (layer, k): (WIDE * layer, (size - 1) / 2 - k)
        for layer, size in enumerate(SIZES)
        for k in range(size)
    }
    for (layer, k), start in at.items():
        for j in range(SIZES[layer + 1] if layer + 1 < len(SIZES) else 0):
            end = at[layer + 1, j]
            style = {"color": "0.82", "linewidth": 0.8, "zorder": 1}
            if (layer, j) == (0, 2):
                style = {"color": BLUE, "linewidth": 2.2, "zorder": 2}
            if (layer, j, k) == (1, 2, 3):
                style = {"color": RED, "linewidth": 3, "linestyle": "--", "zorder": 2}
            axes.plot(*zip(start, end, strict=True), **style)
    for (layer, k), (x, y) in at.items():
        edge = {(1, 2): BLUE, (1, 3): RED, (2, 2): RED}.get((layer, k), BLACK)
        wide = 1 if edge == BLACK else 2.5
        axes.add_patch(Circle((x, y), RADIUS, fc="white", ec=edge, lw=wide, zorder=3))
        axes.text(x, y, f"$a_{k}^{{({layer})}}$", ha="center", va="center", fontsize=12, zorder=4)
    for layer, name in enumerate(("input", "hidden", "hidden", "output")):
        axes.text(WIDE * layer, 2.62, f"layer {layer}: {name}", ha="center", fontsize=11)
    below = {"ha": "center", "va": "top", "fontsize": 12}
    axes.text(
        0.5 * WIDE,
        -2.55,
        r"$a_2^{(1)} = \sigma\left(\sum_k w_{2,k}^{(1)}\, a_k^{(0)} + b_2^{(1)}\right)$"
        "\nblue, solid: the four weights",
        color=BLUE,
        **below,
    )
    axes.text(
        1.9 * WIDE,
        -2.55,
        "$w_{2,3}^{(2)}$\nred, dashed: to neuron 2 of layer 2,\nfrom neuron 3 of layer 1",
        color=RED,
        **below,
    )
    axes.set(xlim=(-0.9, 3 * WIDE + 0.9), ylim=(-3.9, 2.95), aspect="equal")
    axes.set_title("Neurons and layers count from 0; a weight is named to, from")
    axes.axis("off")
    return figure


PICTURES = {"mlfromscratch_notation": draw_notation}
