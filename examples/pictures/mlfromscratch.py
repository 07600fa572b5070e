"""The picture of the chain rule: every factor on the way back from C."""

from itertools import pairwise

from matplotlib.patches import Circle

from mlfromscratch import chain_network
from mlfromscratch_forward import sigma
from refnet.plot.style import BLUE, ORANGE, RED, sheet

RADIUS, APART, WEIGHTS = 0.5, 2.15, -2.35
NAMES = ("a0", "z1", "a1", "z2", "a2", "z3", "a3", "C")
AT = {name: APART * i for i, name in enumerate(NAMES)}


def draw_chain():
    """1-1-1-1 with all its numbers: forward in blue, the factors back in red."""
    net, factors = chain_network()
    numbers = {"a0": 0.8}
    for layer, dense in enumerate(net.layers, start=1):
        numbers[f"z{layer}"] = dense.W.item() * numbers[f"a{layer - 1}"]
        numbers[f"a{layer}"] = sigma(numbers[f"z{layer}"])
    numbers["C"] = (numbers["a3"] - 1) ** 2 / 2
    figure, axes = sheet(width=14, height=6.1)
    for name, number in numbers.items():
        node(axes, (AT[name], 0), name, number)
    for left, right in pairwise(NAMES):
        between = RADIUS + 0.06
        arrow(axes, (AT[left] + between, 0.14), (AT[right] - between, 0.14), BLUE)
        if left != "a0":
            arrow(axes, (AT[right] - between, -0.14), (AT[left] + between, -0.14), RED)
            across(axes, AT[left] + APART / 2, right, left, factors)
    products = gradients(factors)
    for layer, dense in enumerate(net.layers, start=1):
        x = AT[f"z{layer}"]
        node(axes, (x, WEIGHTS), f"w{layer}", dense.W.item())
        arrow(axes, (x - 0.14, WEIGHTS + RADIUS + 0.06), (x - 0.14, -RADIUS - 0.06), BLUE)
        arrow(axes, (x + 0.14, -RADIUS - 0.06), (x + 0.14, WEIGHTS + RADIUS + 0.06), RED)
        down(axes, x, layer, factors)
        axes.text(
            x,
            WEIGHTS - 0.72,
            f"${slope('C', f'w{layer}')} = {products[layer - 1]:.6f}$",
            ha="center",
            va="top",
            fontsize=15,
        )
    for left, right, text in (
        ("z3", "C", "for $w^{(3)}$, used again for $w^{(2)}$ and $w^{(1)}$"),
        ("z2", "z3", "new for $w^{(2)}$, used again for $w^{(1)}$"),
        ("z1", "z2", "new for $w^{(1)}$"),
    ):
        brace(axes, AT[left], AT[right], 1.75, text)
    axes.text(AT["a0"] - RADIUS, -1.5, "blue, solid:\nforward", color=BLUE, fontsize=11)
    axes.text(AT["a0"] - RADIUS, -2.6, "red, dashed:\nback", color=RED, fontsize=11)
    axes.set(xlim=(-0.7, AT["C"] + 0.7), ylim=(-3.9, 2.4), aspect="equal")
    axes.set_title(
        "The derivative of $C$ by a weight is the product of all red factors from $C$ to it",
        fontsize=15,
        pad=14,
    )
    axes.axis("off")
    return figure


def gradients(factors):
    """dC/dw of the three layers, each the product of the factors on its way."""
    found, so_far = [], factors["dC/da3"] * factors["da3/dz3"]
    for layer in (3, 2, 1):
        found.append(so_far * factors[f"dz{layer}/dw{layer}"])
        if layer > 1:
            below = layer - 1
            so_far *= factors[f"dz{layer}/da{below}"] * factors[f"da{below}/dz{below}"]
    return found[::-1]


def symbol(name):
    """a1 as mathtext: a with the layer in parentheses above."""
    return name if name == "C" else f"{name[0]}^{{({name[1]})}}"


def slope(above, below):
    """A partial derivative as mathtext."""
    return rf"\dfrac{{\partial {symbol(above)}}}{{\partial {symbol(below)}}}"


def across(axes, x, above, below, factors):
    """A partial derivative over its arrow, and its value."""
    style = {"ha": "center", "va": "bottom", "color": RED, "fontsize": 12.5}
    axes.text(x, 0.24, f"${factors[f'd{above}/d{below}']:.4f}$", **style)
    axes.text(x, 0.56, f"${slope(above, below)}$", **style)


def down(axes, x, layer, factors):
    """The partial derivative beside the arrow to a weight, and its value."""
    name = slope(f"z{layer}", f"w{layer}")
    text = f"${name} = {factors[f'dz{layer}/dw{layer}']:.4f}$"
    axes.text(x + 0.32, WEIGHTS / 2, text, va="center", color=RED, fontsize=12.5)


def node(axes, where, name, number):
    """A circle with a name and a value."""
    axes.add_patch(Circle(where, RADIUS, fc="#F5F5F5", ec="black", zorder=2))
    x, y = where
    style = {"ha": "center", "zorder": 3}
    axes.text(x, y + 0.04, f"${symbol(name)}$", va="bottom", fontsize=14, **style)
    axes.text(x, y - 0.06, f"${number:.4f}$", va="top", fontsize=11, **style)


def arrow(axes, start, end, colour):
    """An arrow from start to end; what goes back is dashed."""
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.6, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style | {"ls": "--" if colour == RED else "-"})


def brace(axes, left, right, y, text):
    """A bracket over some of the factors, and whose they are."""
    ends = [left + 0.12, left + 0.12, right - 0.12, right - 0.12]
    axes.plot(ends, [y - 0.12, y, y, y - 0.12], color=ORANGE, linewidth=2)
    axes.text((left + right) / 2, y + 0.1, text, ha="center", va="bottom", fontsize=12)


PICTURES = {"mlfromscratch_chain": draw_chain}
