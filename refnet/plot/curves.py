"""Curves: what happens from epoch to epoch, and from layer to layer."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from refnet.backprop import LayerGradient
from refnet.checks import Array
from refnet.history import History
from refnet.plot.style import COLOURS, LINES, MARKERS, Axes, count_from_1, drawn_on, freest


def learning_curves(
    history: Any, axes: Axes | None = None, *, quantity: str = "loss", label: str = ""
) -> Axes:
    """The loss of each epoch, in training a solid line and in validation a dashed one;
    with quantity="accuracy" the accuracy. A second history on the same axes takes other
    colours: `label` says which is which, and lets both of its lines have one colour.

    `history` is a History, an estimator with `history_` or with scikit-learn's
    `loss_curve_`, or the losses themselves. A value that is not finite leaves a gap; a
    line ends with a dot, and what stands alone is one.

    Shapes: a value for each epoch, from 1 on.
    Torch: none.
    Errors: TypeError for what has no history, ValueError where it has no epochs or not
        this quantity; ModuleNotFoundError without matplotlib.
    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), section 7.8.
    """
    training, validation = _values(history, quantity)
    axes = drawn_on("learning_curves", axes)
    colour, other = freest(axes)[:2]
    _curve(axes, training, color=colour, label=label or "training", linestyle="-")
    if validation is not None:
        if label:
            other, label = colour, f"{label}, "
        _curve(axes, validation, color=other, label=f"{label}validation", linestyle="--")
    axes.set(title=f"{quantity} by epoch", xlabel="epoch", ylabel=quantity)
    count_from_1(axes)
    axes.legend()
    return axes


def _curve(axes: Axes, values: Sequence[float | None], **style: Any) -> None:
    """A line over the epochs, with a dot at the end of each of its pieces."""
    heights = _heights(values)
    shown = np.isfinite(heights)
    ends = shown & ~np.append(shown[1:], False)
    epochs, drawn = np.arange(1, len(heights) + 1), np.where(shown, heights, np.nan)
    axes.plot(epochs, drawn, marker=".", markevery=ends.tolist(), **style)


def _heights(values: Sequence[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], float)


def _values(history: Any, quantity: str) -> tuple[Sequence[Any], Sequence[Any] | None]:
    """The quantity in training and in validation, None without."""
    if quantity not in ("loss", "accuracy"):
        raise ValueError(
            f"learning_curves: quantity has {quantity!r}, expected 'loss' or 'accuracy'"
        )
    own = getattr(history, "history_", None)
    history = history if own is None else own
    if isinstance(history, History):
        training, validation = (getattr(history, f"{v}{quantity}") for v in ("", "validation_"))
    else:
        training, validation = _losses(getattr(history, "loss_curve_", history), quantity), ()
    if not len(training):
        raise ValueError("learning_curves: history has 0 epochs, expected at least one")
    if all(value is None for value in training):
        raise ValueError(f"learning_curves: history has no {quantity}, expected targets of classes")
    given = any(value is not None for value in validation)
    return training, validation if given else None


def _losses(values: Any, quantity: str) -> Sequence[Any]:
    if not _in_a_row(values):
        raise TypeError(
            f"learning_curves: history has type {type(values).__name__}, expected a History, an "
            f"estimator with history_ or loss_curve_, or a sequence of losses"
        )
    if quantity != "loss":
        raise ValueError(f"learning_curves: history has losses alone, expected one with {quantity}")
    return values


def _in_a_row(values: Any) -> bool:
    """Whether they are real numbers, or None, in one dimension."""
    try:
        return np.ndim(values) == 1 == _heights(values).ndim
    except (TypeError, ValueError):  # text, complex numbers, rows of different lengths
        return False


def deltas(
    gradients: Sequence[LayerGradient], axes: Axes | None = None, *, label: str = ""
) -> Axes:
    """The size of delta in each layer, sqrt(mean of delta^2), on a logarithmic scale:
    gradients that vanish or explode are a line that falls or rises towards layer 1. A
    layer whose delta is 0 in all its entries is a cross at the bottom. More of them on
    the same axes take the next colour and marker: `label` says which is which.

    Shapes: a LayerGradient for each layer, delta (n, fan_out).
    Torch: the .grad of each z, after z.retain_grad().
    Errors: TypeError for what are no gradients, ValueError where there are none or a
        delta is not finite; ModuleNotFoundError without matplotlib.
    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward
        neural networks (2010), section 4.2; Nielsen, Neural Networks and Deep Learning,
        chapter 5.
    """
    sizes = np.array([*_sizes(gradients)])
    axes = drawn_on("deltas", axes)
    layers, shown = np.arange(1, len(sizes) + 1), sizes > 0.0
    count = sum(line.get_linestyle() != "None" for line in axes.lines)  # without crosses
    colour, marker = COLOURS[count % len(COLOURS)], MARKERS[count % len(MARKERS)]
    line = LINES[count % len(LINES)]
    axes.plot(
        layers,
        np.where(shown, sizes, np.nan),
        color=colour,
        marker=marker,
        linestyle=line,
        label=label or "delta",
    )
    if not shown.all():
        bottom: Any = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        at = layers[~shown]
        text = f"{label}, exactly 0" if label else "exactly 0"
        axes.plot(at, [0.0] * len(at), "x", color=colour, label=text, **bottom)
    if shown.any():
        axes.set_yscale("log")
    count_from_1(axes)
    axes.set(
        title="size of delta by layer", xlabel="layer", ylabel=r"$\sqrt{\mathrm{mean}\ \delta^2}$"
    )
    axes.legend()
    return axes


def _sizes(gradients: Any) -> Iterator[float]:
    if not isinstance(gradients, Sequence) or not all(hasattr(g, "delta") for g in gradients):
        raise TypeError(
            f"deltas: gradients has type {type(gradients).__name__}, expected what "
            f"Network.backward returns"
        )
    if not gradients:
        raise ValueError("deltas: gradients has 0 layers, expected at least one")
    for l, gradient in enumerate(gradients, start=1):
        delta = np.asarray(gradient.delta, float)
        largest = float(np.abs(delta).max())
        if not np.isfinite(largest):
            raise ValueError(f"deltas: delta of layer {l} has {largest}, expected finite values")
        # a square of a vanishing delta would be 0
        scaled = delta / largest if largest else delta
        yield largest * float(np.sqrt(np.mean(scaled * scaled)))
