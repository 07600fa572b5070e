"""The style of the pictures: colours that everybody can tell apart, and shapes that
carry the same information; figures that a notebook shows.

The colours are those of Okabe and Ito, Color Universal Design (2008).
"""

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from refnet.network import Network

# matplotlib's, which is not imported for its types
Axes: TypeAlias = Any
Figure: TypeAlias = Any

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#000000",
)
COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)))
MARKERS = ("o", "^", "s", "D", "v", "P", "*", "X")
CLASSES = (RED, BLUE, GREEN, ORANGE, PURPLE, SKY, BLACK)
SURFACE = "cividis"  # heights: the lighter the larger, in grey too
PALENESS = 0.8  # of what lies below points: how far it is from its colour to white


def sheet(
    rows: int = 1, columns: int = 1, width: float = 5.2, height: float = 3.9, **kinds: Any
) -> tuple[Figure, Any]:
    """A figure that a notebook shows, and its axes as `Figure.subplots` returns them.

    `width` and `height` are those of one of the axes, in inches.

    Errors: ModuleNotFoundError without matplotlib.
    """
    try:
        from matplotlib import figure as figures  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError as error:
        if f"{error.name}".partition(".")[0] != "matplotlib":
            raise
        command = 'python -m pip install "refnet[plot]"'
        raise ModuleNotFoundError(
            f"refnet.plot needs matplotlib: {command}", name="matplotlib"
        ) from None
    figure: Any = figures.Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, **kinds)
    for each in np.ravel(axes):
        each.set_prop_cycle(color=COLOURS)
    figure._repr_png_ = partial(_png, figure)
    return figure, axes


def _png(figure: Figure) -> bytes:
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def drawn_on(where: str, axes: Axes | None) -> Any:
    """The axes that were given, or new ones that a notebook shows."""
    if axes is None:
        figure, new = sheet()
        new._repr_png_ = partial(_png, figure)
        return new
    if not hasattr(axes, "get_xaxis_transform"):
        raise TypeError(f"{where}: axes has type {type(axes).__name__}, expected matplotlib's Axes")
    return axes


def drawable(where: str, net: Network) -> Network:
    """The network, refused where a parameter is not finite."""
    bad = np.flatnonzero(~np.isfinite(net.parameters))
    if bad.size:
        layer, name, index = net.entry(int(bad[0]))
        raise ValueError(
            f"{where}: {name} of layer {layer} has {net.parameters[bad[0]]} at {list(index)}, "
            f"expected finite values"
        )
    return net


def freest(axes: Axes) -> list[str]:
    """The colours, those first that the fewest lines on the axes have."""
    taken = [f"{line.get_color()}" for line in axes.lines]
    return sorted(COLOURS, key=taken.count)


def count_from_1(axes: Axes) -> None:
    """Let the axis of epochs or layers have whole numbers alone, unless it has ticks of
    the caller's.
    """
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - an optional extra

    locator = axes.xaxis.get_major_locator()
    if isinstance(locator, MaxNLocator):
        locator.set_params(integer=True, min_n_ticks=1)


def pale(colour: str) -> list[float]:
    """Red, green and blue of a colour, as light as what lies below points."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return [part + (1.0 - part) * PALENESS for part in parts]


def points(axes: Axes, x: ArrayLike, labels: ArrayLike, names: Sequence[str], **style: Any) -> None:
    """Rows in two dimensions, a colour and a marker for each class.

    Shapes: x (n, 2), labels (n,) integers, names one for each class.
    """
    x, labels = np.asarray(x), np.asarray(labels)
    for label, name in enumerate(names):
        rows = x[labels == label]
        axes.scatter(
            rows[:, 0],
            rows[:, 1],
            c=CLASSES[label % len(CLASSES)],
            marker=MARKERS[label % len(MARKERS)],
            edgecolors="white",
            linewidths=0.6,
            label=name,
            zorder=3,
            **style,
        )
