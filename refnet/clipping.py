"""Clipping: a gradient made shorter before the step."""

from abc import ABC, abstractmethod
from math import isfinite, sqrt
from typing import ClassVar

import numpy as np

from refnet.blockwise import blocks
from refnet.checks import Array, number, squares_are_finite
from refnet.passes import Gradients

TINY = 1e-6  # what torch.nn.utils.clip_grad_norm_ adds to the norm


class Clipping(ABC):
    """g := clip(g), for the flat gradient g of all layers. A g that is not finite stays
    as it is, and the step refuses it by name.

    Shapes: g is (number of parameters,).
    Torch: torch.nn.utils, which clips an infinite entry to a finite one, or makes all
        others 0.
    Errors: ValueError where two ways of clipping are asked for.
    Source: Goodfellow, Bengio and Courville, Deep Learning, section 10.11.1.
    """

    name: ClassVar[str]
    limit: float

    @staticmethod
    def of(clip_norm: float | None = None, clip_value: float | None = None) -> "Clipping | None":
        """What fit's clip_norm or clip_value asks for; one of them at most."""
        if clip_norm is not None and clip_value is not None:
            raise ValueError(
                "fit: clip_norm and clip_value are both given, expected one of them: which comes "
                "first would matter"
            )
        if clip_norm is not None:
            return ClipNorm(clip_norm)
        return None if clip_value is None else ClipValue(clip_value)

    @abstractmethod
    def clip_into(self, g: Array) -> None:
        """Overwrite g with the clipped g."""

    def clipped(self, gradients: Gradients) -> Gradients:
        """The gradients with dW and db clipped, in new arrays; the deltas are those of
        before.
        """
        vector = np.array(gradients.vector)  # a workspace's is not a copy
        with np.errstate(all="ignore"):  # an overflow of the squares says nothing
            self.clip_into(vector)
        return gradients.over(vector)

    def __repr__(self) -> str:
        return f"clip_{self.name}={self.limit}"


class ClipNorm(Clipping):
    """g := g min(1, limit / (|g| + 1e-6)), with |g| the Euclidean norm over all layers.

    Where the squares overflow, |g| is m sqrt(sum (g/m)^2) with the largest entry m.

    Shapes: g is (number of parameters,).
    Torch: torch.nn.utils.clip_grad_norm_(parameters, limit), which makes g 0 where its
        squares overflow.
    Dialect: Keras's clipnorm takes the norm of each array by itself, its
        global_clipnorm that of all; neither adds 1e-6.
    Errors: ValueError for a limit < 0.
    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural
        networks (2013), algorithm 1.
    """

    name: ClassVar[str] = "norm"

    def __init__(self, limit: float) -> None:
        self.limit = number("clip_norm", "limit", limit, low=0.0)

    def clip_into(self, g: Array) -> None:
        """Overwrite g with the clipped g."""
        square = float(np.dot(g, g))
        if not isfinite(square):
            self._clip_large(g)
            return
        share = self.limit / (sqrt(square) + TINY)
        if share < 1.0:
            g *= share

    def _clip_large(self, g: Array) -> None:
        """The same where the squares overflow, beside which 1e-6 is nothing."""
        largest = max(abs(float(g.max())), abs(float(g.min())))
        if not isfinite(largest):
            return
        # g/m has no entry above 1, so that its squares do not overflow
        root = sqrt(sum(float(np.dot(b / largest, b / largest)) for (b,) in blocks(g)))
        share = self.limit / root
        if share < largest:
            g /= largest
            g *= share


class ClipValue(Clipping):
    """g := min(max(g, -limit), limit), entry by entry.

    Shapes: g is (number of parameters,).
    Torch: torch.nn.utils.clip_grad_value_(parameters, limit).
    Errors: ValueError for a limit < 0.
    Source: Mikolov, Statistical language models based on neural networks (2012),
        section 3.2.2.
    """

    name: ClassVar[str] = "value"

    def __init__(self, limit: float) -> None:
        self.limit = number("clip_value", "limit", limit, low=0.0)

    def clip_into(self, g: Array) -> None:
        """Overwrite g with the clipped g."""
        # an overflow of the squares proves nothing, an entry that is not finite all
        if squares_are_finite(g) or np.isfinite(g).all():
            np.minimum(g, self.limit, out=g)
            np.maximum(g, -self.limit, out=g)


CLIPPINGS: dict[str, type[Clipping]] = {kind.name: kind for kind in (ClipNorm, ClipValue)}
