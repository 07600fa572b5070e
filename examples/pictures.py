"""The style of the pictures: colours that everybody can tell apart, and shapes that
carry the same information.

The colours are those of Okabe and Ito, Color Universal Design (2008).
"""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#000000",
)
COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)))
MARKERS = ("o", "^", "s", "D")
SHADES = ListedColormap(["#F6D9C4", "#CFE3F1"])  # class 0, class 1: pale RED and BLUE
SURFACE = "cividis"
DPI = 110


def sheet(
    rows: int = 1, columns: int = 1, width: float = 5.2, height: float = 3.9, **kinds: Any
) -> tuple[Figure, Any]:
    """A figure, and its axes as `Figure.subplots` returns them.

    `width` and `height` are those of one of the axes, in inches.
    """
    with mpl.rc_context({"axes.prop_cycle": mpl.cycler(color=COLOURS)}):
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        axes = figure.subplots(rows, columns, **kinds)
    return figure, axes


def classes(
    axes: Any, x: Any, labels: Any, names: tuple[str, ...] = ("0", "1"), **style: Any
) -> None:
    """Points in two dimensions, a colour and a shape for each class."""
    for label, name in enumerate(names):
        points = x[labels == label]
        colour, marker = (RED, BLUE, GREEN, ORANGE)[label], MARKERS[label]
        axes.scatter(
            points[:, 0],
            points[:, 1],
            c=colour,
            marker=marker,
            edgecolors="white",
            linewidths=0.6,
            label=name,
            zorder=3,
            **style,
        )


def save(figure: Figure, folder: Path, name: str) -> Path:
    """Write the figure into a folder as PNG; the folder is created where needed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=DPI)
    return path
