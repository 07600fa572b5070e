"""Regularisers: what keeps weights small, and what keeps units from relying on each
other.

A penalty P(theta) is added to the cost: C = loss + sum over layers of P(W). Its
gradient is added to dW, so that the reported loss, the gradient and the step belong to
one cost. The weight decay of an optimizer is added within the step, and reported
nowhere. Dropout multiplies what a layer reads by a random mask, in training alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from refnet.backprop import LayerGradient, LayerTrace, Masks
from refnet.blockwise import blocks
from refnet.checks import Array, counted, fitting, flag, matrix, named, number, only_number, place
from refnet.layer import Dense, title


class Penalty(ABC):
    """C = loss + sum over layers of P(W), and of P(b) where `biases` is True; then
    dC/dW = dloss/dW + P'(W).

    Shapes: theta is a W or a b; its gradient has the same shape; P is a scalar.
    Torch: added to the loss by hand, before backward().
    Errors: ValueError where a strength is negative or not finite, or where a penalty of
        one's own gives a gradient of another shape or dtype; TypeError where its value
        is no number.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 7.1.
    """

    name: ClassVar[str]
    formulas: ClassVar[dict[str, str]] = {}
    source: ClassVar[str] = ""
    biases: bool = False

    @staticmethod
    def of(given: "str | Penalty | None") -> "Penalty | None":
        """The penalty of that name, or the one that was given."""
        return None if given is None else named("penalty", Penalty, PENALTIES, given)

    @abstractmethod
    def value(self, theta: Array) -> float:
        """P(theta)."""

    @abstractmethod
    def gradient(self, theta: Array) -> Array:
        """P'(theta)."""

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by its name, as plain data."""
        return dict(vars(self))

    def cost(self, layers: Sequence[Dense]) -> float:
        """The sum over all layers, first to last."""
        total = 0.0
        for layer in layers:
            for theta in self.penalised(layer):
                total += only_number(f"{type(self).__name__}: value", self.value(theta))
        return total

    def added(
        self, layers: Sequence[Dense], gradients: Sequence[LayerGradient]
    ) -> list[LayerGradient]:
        """The gradients with P'(W) added to every dW, and P'(b) to every db where
        biases are penalised.
        """
        return [
            gradient._replace(
                dW=self._with_gradient(gradient.dW, layer.W),
                db=gradient.db
                if not self.biases or layer.b is None or gradient.db is None
                else self._with_gradient(gradient.db, layer.b),
            )
            for layer, gradient in zip(layers, gradients, strict=True)
        ]

    def _with_gradient(self, g: Array, theta: Array) -> Array:
        return g + fitting(type(self).__name__, "gradient", self.gradient(theta), g)

    def penalised(self, layer: Dense) -> Iterator[Array]:
        """The arrays of a layer that it penalises."""
        yield layer.W
        if self.biases and layer.b is not None:
            yield layer.b

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *self.settings.items()))

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{type(self).__name__}({settings})"


class L2(Penalty):
    """P(W) = strength/2 sum W^2, P'(W) = strength W.

    Shapes: W (fan_out, fan_in), P a scalar.
    Torch: loss + strength/2 * W.square().sum(); one step of SGD without momentum with
        weight_decay=strength on the weights alone is the same.
    Dialect: Keras's L2(c) has no 1/2, so it is L2(2 c) here; scikit-learn's alpha and
        Nielsen's lambda are divided by the number of rows as well.
    Errors: ValueError for a strength < 0, TypeError where it is no number.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 7.1.1.
    """

    name: ClassVar[str] = "l2"
    formulas: ClassVar[dict[str, str]] = {
        "P": "P(W) = strength/2 sum W^2",
        "dP/dW": "dP/dW = strength W",
    }
    source: ClassVar[str] = "Goodfellow, Bengio and Courville, Deep Learning, section 7.1.1"

    def __init__(self, strength: float = 1e-4, biases: bool = False) -> None:
        self.strength = number("L2", "strength", strength, low=0.0)
        self.biases = flag("L2", "biases", biases)

    def value(self, theta: Array) -> float:
        """P = strength/2 sum theta^2."""
        flat = theta.ravel()
        return 0.5 * self.strength * np.dot(flat, flat).item()

    def gradient(self, theta: Array) -> Array:
        """P' = strength theta."""
        return self.strength * theta


class L1(Penalty):
    """P(W) = strength sum |W|, P'(W) = strength sign(W), with sign(0) = 0.

    Shapes: W (fan_out, fan_in), P a scalar.
    Torch: loss + strength * W.abs().sum(), the same subgradient at 0.
    Errors: ValueError for a strength < 0, TypeError where it is no number.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 7.1.2.
    """

    name: ClassVar[str] = "l1"
    formulas: ClassVar[dict[str, str]] = {
        "P": "P(W) = strength sum |W|",
        "dP/dW": "dP/dW = strength sign(W)",
    }
    source: ClassVar[str] = "Goodfellow, Bengio and Courville, Deep Learning, section 7.1.2"

    def __init__(self, strength: float = 1e-4, biases: bool = False) -> None:
        self.strength = number("L1", "strength", strength, low=0.0)
        self.biases = flag("L1", "biases", biases)

    def value(self, theta: Array) -> float:
        """P = strength sum |theta|."""
        # |theta| = sign(theta) theta; in blocks, which take no more memory than one
        flat = blocks(theta.ravel())
        return self.strength * sum(np.dot(np.sign(block), block).item() for (block,) in flat)

    def gradient(self, theta: Array) -> Array:
        """P' = strength sign(theta)."""
        return self.strength * np.sign(theta)


class ElasticNet(Penalty):
    """P(W) = l1 sum |W| + l2/2 sum W^2, P'(W) = l1 sign(W) + l2 W, with sign(0) = 0.

    Shapes: W (fan_out, fan_in), P a scalar.
    Torch: loss + l1 * W.abs().sum() + l2/2 * W.square().sum().
    Errors: ValueError for a strength < 0, TypeError where it is no number.
    Source: Zou and Hastie, Regularization and variable selection via the elastic net
        (2005).
    """

    name: ClassVar[str] = "elastic_net"
    formulas: ClassVar[dict[str, str]] = {
        "P": "P(W) = l1 sum |W| + l2/2 sum W^2",
        "dP/dW": "dP/dW = l1 sign(W) + l2 W",
    }
    source: ClassVar[str] = (
        "Zou and Hastie, Regularization and variable selection via the elastic net (2005)"
    )

    def __init__(self, l1: float = 1e-4, l2: float = 1e-4, biases: bool = False) -> None:
        self.l1 = number("ElasticNet", "l1", l1, low=0.0)
        self.l2 = number("ElasticNet", "l2", l2, low=0.0)
        self.biases = flag("ElasticNet", "biases", biases)

    def value(self, theta: Array) -> float:
        """P = l1 sum |theta| + l2/2 sum theta^2."""
        return L1(self.l1).value(theta) + L2(self.l2).value(theta)

    def gradient(self, theta: Array) -> Array:
        """P' = l1 sign(theta) + l2 theta."""
        return self.l1 * np.sign(theta) + self.l2 * theta


PENALTIES: dict[str, type[Penalty]] = {kind.name: kind for kind in (L1, L2, ElasticNet)}


def draw_masks(
    layers: Sequence[Dense], rows: int, rng: "np.random.Generator"
) -> tuple[Array | None, ...]:
    """The masks of dropout on what each layer reads: 0 with its probability p, else
    1 / (1 - p), first layer first, row by row.

    A number of rng.random is drawn for each entry, a multiple of 2^-53 in [0, 1), and
    the entry is 0 where it is less than p: so p is right to 2^-53, and both dtypes drop
    the same entries. None for a layer that drops nothing, and no masks at all where
    none does.
    """
    if not any(layer.dropout for layer in layers):
        return ()
    return tuple(
        mask_of(rng.random((rows, layer.fan_in)), layer.dropout, layer.W.dtype)
        if layer.dropout
        else None
        for layer in layers
    )


def mask_of(drawn: Array, p: float, dtype: np.dtype[Any]) -> Array:
    """1 / (1 - p) where a number drawn from [0, 1) is at least p, else 0."""
    return (drawn >= p) * dtype.type(1.0 / (1.0 - p))


def checked_masks(layers: Sequence[Dense], masks: Masks, rows: int) -> Masks:
    """A mask for each layer that drops inputs, in the network's dtype, and None for
    each other; refused otherwise. No masks at all mean that nothing is dropped.
    """
    if not isinstance(masks, Sequence):
        raise TypeError(
            f"Network: masks has type {type(masks).__name__}, expected a sequence with one per "
            f"layer"
        )
    if masks and len(masks) != len(layers):
        raise ValueError(
            f"Network: masks has {counted(len(masks), 'entry', 'entries')}, expected "
            f"{len(layers)}, one per layer"
        )
    named = [(title(i, layer), layer) for i, layer in enumerate(layers, start=1)]
    pairs = zip(named, masks, strict=False)
    return tuple(_checked_mask(where, layer, mask, rows) for (where, layer), mask in pairs)


def masks_of(layers: Sequence[Dense], trace: Sequence[LayerTrace]) -> Masks:
    """The masks that a trace keeps. A list of its layers keeps none, and is refused
    where one of them has read a masked input.
    """
    masks: Masks = getattr(trace, "masks", ())
    if masks:
        return masks
    for i, (below, step) in enumerate(pairwise(trace), start=2):
        is_masked = layers[i - 1].dropout and step.a_prev is not below.a
        if is_masked and not np.array_equal(step.a_prev, below.a, equal_nan=True):
            raise ValueError(
                f"{title(i, layers[i - 1])}: trace has a masked input but no masks, expected the "
                f"Trace of this network's own forward, which keeps them"
            )
    return masks


def _checked_mask(where: str, layer: Dense, mask: Any, rows: int) -> Array | None:
    """The mask of one layer."""
    if (mask is None) == (layer.dropout == 0.0):
        if mask is None:
            return None
        checked = matrix(f"{where}: mask", mask, layer.W.dtype, (rows, layer.fan_in))
        _refuse_unscaled(f"{where}: mask", np.asarray(mask), layer.dropout)
        return checked
    got = "None" if mask is None else f"type {type(mask).__name__}"
    want = f"shape ({rows}, {layer.fan_in})" if mask is None else "None"
    raise ValueError(f"{where}: mask has {got}, expected {want} with dropout {layer.dropout:g}")


def _refuse_unscaled(where: str, mask: Array, p: float) -> None:
    """Refuse an entry that is neither 0 nor 1 / (1 - p), up to the roundings of p, of
    1 - p and of the quotient in the dtype of the mask: u p / (1 - p) + 2 u of it, which
    is at most eps / (1 - p).
    """
    scale, eps = 1.0 / (1.0 - p), np.finfo(mask.dtype if mask.dtype.kind == "f" else float).eps
    bad = np.argwhere((mask != 0) & ~(np.abs(mask - scale) <= eps * scale * scale))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        note = "; it is not scaled" if (mask[tuple(bad.T)] == 1).all() else ""
        raise ValueError(
            f"{where} has {mask[index]:g} at {place(index)}, expected 0 or 1 / (1 - {p:g}) = "
            f"{scale:g}{note}"
        )
