"""What a network of two inputs says of the plane, and the rows on it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from refnet.checks import (
    Array,
    class_labels,
    counted,
    instance,
    number,
    numbers_of_classes,
    real_array,
)
from refnet.network import Network
from refnet.plot.style import BLACK, CLASSES, Axes, drawable, drawn_on, pale, points

GRID = 200  # steps over the plane in each direction
ROWS = 4096  # of the plane at once: a large network needs little memory


def decision_boundary(
    net: Network,
    x: ArrayLike,
    labels: ArrayLike,
    axes: Axes | None = None,
    *,
    names: Sequence[str] | None = None,
    levels: Sequence[float] = (),
    margin: float = 0.1,
    size: float = 36.0,
) -> Axes:
    """What a network of two inputs says on the plane around the rows x: regions in the
    colours of their classes, the boundary between them as a line, and the rows with a
    colour and a marker for each class.

    With `levels`, such as (0.1, 0.9), of a network with one output also the lines where
    the output has these values: dotted below 1/2, dashed from there on. `names` are
    those of the classes, `margin` is how far the plane goes beyond x, as a share of
    what x takes, and `size` the area of a marker as `Axes.scatter` has it.

    Shapes: x (n, 2), labels (n,) integers, names one for each class.
    Torch: none; parity.network_of(model) makes a Network of a model.
    Errors: TypeError or ValueError where net is no Network of two inputs, x, labels,
        names or levels do not fit or a parameter is not finite; ModuleNotFoundError
        without matplotlib.
    Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning
        (2009), section 2.3.
    """
    net = instance("decision_boundary", "net", net, Network)
    if net.sizes[0] != 2:
        raise ValueError(f"decision_boundary: net has {net.sizes[0]} inputs, expected 2")
    drawable("decision_boundary", net)
    classes_of = max(2, net.sizes[-1])
    x = np.asarray(net.check_inputs(x), float)
    given = numbers_of_classes("decision_boundary: labels", labels, classes_of)
    if given.shape != x.shape[:1]:
        raise ValueError(
            f"decision_boundary: labels has shape {given.shape}, expected {x.shape[:1]}"
        )
    given = class_labels("decision_boundary: labels", given, classes_of)
    names = _names(names, classes_of)
    heights = _levels(levels, net.sizes[-1])
    margin = number("decision_boundary", "margin", margin, 0.0)
    size = number("decision_boundary", "size", size, 0.0)
    axes = drawn_on("decision_boundary", axes)
    one, two = (_line(column, margin) for column in x.T)
    _regions(axes, net, one, two, heights)
    points(axes, x, given, names, s=size)
    inputs, maths = net.columns or ("$x_1$", "$x_2$"), net.columns is None
    axes.set_xlabel(f"{inputs[0]}", parse_math=maths)
    axes.set_ylabel(f"{inputs[1]}", parse_math=maths)
    axes.set(title="decision boundary", xlim=one[[0, -1]], ylim=two[[0, -1]])
    axes.legend()
    return axes


def _names(names: Any, classes: int) -> list[str]:
    """A name for each class."""
    if names is None:
        return [f"{k}" for k in range(classes)]
    if isinstance(names, str) or not hasattr(names, "__len__"):
        raise TypeError(
            f"decision_boundary: names has type {type(names).__name__}, expected a sequence"
        )
    if len(names) != classes:
        raise ValueError(f"decision_boundary: names has {len(names)}, expected {classes}")
    return [f"{name}" for name in names]


def _levels(levels: Any, outputs: int) -> list[float]:
    """Heights of the one output, from low to high."""
    heights = real_array("decision_boundary: levels", levels)
    if heights.ndim != 1:
        raise ValueError(f"decision_boundary: levels has shape {heights.shape}, expected (k,)")
    if heights.size and outputs > 1:
        raise ValueError(
            f"decision_boundary: levels has {counted(heights.size, 'value')}, expected none for "
            f"{outputs} outputs"
        )
    return sorted(float(height) for height in heights)


def _line(column: Array, margin: float) -> Array:
    """Values from a margin below the column to one above it."""
    beyond = margin * (np.ptp(column) or 1.0)
    return np.linspace(column.min() - beyond, column.max() + beyond, GRID + 1)


def _regions(axes: Any, net: Network, one: Array, two: Array, levels: list[float]) -> None:
    """The pale classes, and the lines between them."""
    plane = np.stack(np.meshgrid(one, two), axis=-1).reshape(-1, 2)
    cuts = range(0, len(plane), ROWS)
    tops = [net.forward(plane[i : i + ROWS])[-1] for i in cuts]
    shape = (len(two), len(one), -1)
    z, a = (
        np.concatenate(each).reshape(shape)
        for each in zip(*((t.z, t.a) for t in tops), strict=True)
    )
    # as Network.classify has it
    label = a.argmax(axis=-1) if a.shape[-1] > 1 else (z[..., 0] > 0).astype(int)
    half = (one[1] - one[0]) / 2, (two[1] - two[0]) / 2
    extent = one[0] - half[0], one[-1] + half[0], two[0] - half[1], two[-1] + half[1]
    colours = np.array([pale(CLASSES[k % len(CLASSES)]) for k in range(max(2, a.shape[-1]))])
    axes.imshow(colours[label], extent=extent, origin="lower", aspect="auto", zorder=0)
    if a.shape[-1] == 1:
        _contour(axes, one, two, z[..., 0], 0.0, "-")
        for level in levels:
            lines = _contour(axes, one, two, a[..., 0], level, ":" if level < 0.5 else "--")
            if lines is not None:
                axes.clabel(lines, fontsize=7)
    for k in range(a.shape[-1] - 1):  # the last class has its lines from the others
        ahead = a[..., k] - np.delete(a, k, axis=-1).max(axis=-1)
        _contour(axes, one, two, ahead, 0.0, "-")


def _contour(axes: Any, one: Array, two: Array, height: Array, level: float, line: str) -> Any:
    """The line of that height, or None where there is none."""
    if not height.min() < level < height.max():
        return None
    return axes.contour(
        one, two, height, levels=[level], colors=BLACK, linestyles=line, linewidths=1.2
    )
