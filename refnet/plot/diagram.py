"""A network with its weights: as nodes and edges, or as matrices."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from refnet.checks import counted, instance
from refnet.network import Network
from refnet.plot.style import BLACK, BLUE, RED, Axes, drawable, drawn_on

NODES, DEPTH = 12, 8  # units of a layer, and layers, up to which they are drawn as nodes
NAMES = 10  # matrices side by side up to which each has its name and shape
LONGEST = 24  # characters of the name of a column


def weights(net: Network, axes: Axes | None = None, *, x: ArrayLike | None = None) -> Axes:
    """A network with its weights. Up to 12 units in each of up to 8 layers: a node for
    each unit and an edge for each weight, the wider the larger |w|, blue for w > 0, red
    and hollow for w < 0; in a node its bias, or with a row `x` the value a that it has
    for it. A larger network: each W as an image, of which all have one scale.

    Shapes: x (fan_in,) or (1, fan_in).
    Torch: none; parity.network_of(model) makes a Network of a model.
    Errors: TypeError where net is no Network; ValueError where a parameter is not
        finite, x does not fit or is more than one row, or the network is too large for
        nodes and x is given; ModuleNotFoundError without matplotlib.
    Source: Rumelhart, Hinton and Williams, Learning representations by back-propagating
        errors (1986), figures 1 and 4.
    """
    net = drawable("weights", instance("weights", "net", net, Network))
    small = max(net.sizes) <= NODES and len(net.layers) <= DEPTH
    if x is not None and not small:
        raise ValueError(
            f"weights: x has values for nodes, expected none: a network is drawn with nodes up to "
            f"{NODES} units in each of {DEPTH} layers"
        )
    texts = _biases(net) if x is None else _activations_for(net, x)
    axes = drawn_on("weights", axes)
    if small:
        _nodes(axes, net, texts)
        axes.set_title(f"in the nodes {'b' if x is None else 'a'}; wider edge, larger |w|")
    else:
        _matrices(axes, net)
        axes.set_title("the weights of each layer: a row for each unit")
    axes.axis("off")
    return axes


def _biases(net: Network) -> list[list[str]]:
    """What stands in the nodes: the number of an input, the bias of a unit."""
    inputs = [f"{k + 1}" for k in range(net.sizes[0])]
    units = ([] if layer.b is None else [f"{b:.2g}" for b in layer.b] for layer in net.layers)
    return [inputs, *units]


def _activations_for(net: Network, x: ArrayLike) -> list[list[str]]:
    """The same with the values for one row."""
    row = np.atleast_2d(np.asarray(x))
    if len(row) != 1:
        raise ValueError(f"weights: x has {counted(len(row), 'row')}, expected 1")
    trace = net.forward(row)
    columns = (trace[0].a_prev[0], *(l.a[0] for l in trace))
    return [[f"{a:.2f}" if abs(a) < 1000 else f"{a:.2g}" for a in column] for column in columns]


def _nodes(axes: Any, net: Network, texts: list[list[str]]) -> None:
    _edges(axes, net)
    most = max(net.sizes)
    wide = min(32.0, 180.0 / most)
    for l, units in enumerate(net.sizes):
        heights = [_height(units, k) for k in range(units)]
        axes.scatter([l] * units, heights, s=wide**2, c="white", edgecolors=BLACK, zorder=2)
        for text, height in zip(texts[l], heights, strict=False):
            # inside the node: a number takes less than 3/4 of its font for a character
            font = min(9, wide / 0.75 / len(text))
            look = {"ha": "center", "va": "center", "fontsize": font}
            axes.text(l, height, text, zorder=3, **look)
        name = f"layer {l}\n{net.layers[l - 1].activation.name}" if l else "input"
        axes.text(l, -most / 2 - 0.2, name, ha="center", va="top", fontsize=9)
    for k, name in enumerate(net.columns or ()):
        _name(axes, f"{name}", _height(net.sizes[0], k), -wide / 2 - 3)
    axes.set(ylim=(-most / 2 - 0.9, most / 2 + 0.1 * (most + 2)))  # the legend is above
    axes.margins(x=0.12)


def _name(axes: Any, name: str, height: float, beside: float) -> None:
    """Of a column, so many points beside its node. A dollar in it is a dollar."""
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
    look = {"ha": "right", "va": "center", "fontsize": 9, "parse_math": False}
    axes.annotate(name, (0, height), (beside, 0), textcoords="offset points", **look)


def _height(units: int, k: int) -> float:
    """Of node k in a column of nodes."""
    return (units - 1) / 2 - k


def _edges(axes: Any, net: Network) -> None:
    """A line for each weight that is not 0; in a negative one a thinner, white one."""
    largest = max(float(np.abs(layer.W).max()) for layer in net.layers)
    widest = min(5.0, 24.0 / max(net.sizes))
    for l, layer in enumerate(net.layers):
        for (j, k), w in np.ndenumerate(layer.W):
            ends = _height(layer.fan_in, k), _height(layer.fan_out, j)
            if w:
                _edge(axes, (l, l + 1), ends, float(w) / largest, widest)
    (above,) = axes.plot([], [], color=BLUE, linewidth=4)
    below = tuple(axes.plot([], [], color=c, linewidth=w)[0] for c, w in ((RED, 4), ("white", 2)))
    look = {"frameon": False, "loc": "upper right", "fontsize": 8, "ncols": 2}
    axes.legend([above, below], ["w > 0", "w < 0"], **look)


def _edge(
    axes: Any, x: tuple[int, int], y: tuple[float, float], share: float, widest: float
) -> None:
    """An edge of so large a share of the largest weight."""
    width = 0.8 + widest * abs(share)
    axes.plot(x, y, color=BLUE if share > 0 else RED, linewidth=width, zorder=1)
    if share < 0:
        axes.plot(x, y, color="white", linewidth=width / 2, zorder=1)


def _matrices(axes: Any, net: Network) -> None:
    """An image of each W, in a square each, as one layer may be far wider than
    another.
    """
    largest = max(float(np.abs(layer.W).max()) for layer in net.layers) or 1.0
    for l, layer in enumerate(net.layers):
        image = axes.imshow(
            layer.W,
            cmap="RdBu",
            vmin=-largest,
            vmax=largest,
            aspect="auto",
            interpolation="nearest",
            extent=(1.2 * l, 1.2 * l + 1, 0, 1),
        )
        shape = f"$W^{{{l + 1}}}$\n{layer.fan_out} x {layer.fan_in}"
        if len(net.layers) <= NAMES or l in (0, len(net.layers) - 1):
            axes.text(1.2 * l + 0.5, -0.04, shape, ha="center", va="top", fontsize=9)
    axes.set(xlim=(-0.05, 1.2 * len(net.layers) - 0.15), ylim=(-0.25, 1.05))
    axes.figure.colorbar(image, ax=axes, label="weight")
