"""gradient_check: the analytic gradient beside the numeric one, entry by entry."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike

from refnet import notebook
from refnet.backprop import Masks
from refnet.checks import Array, counted, instance
from refnet.differences import rounding
from refnet.differences.complex_step import by_complex_step
from refnet.differences.objective import Objective
from refnet.differences.quotients import by_differences
from refnet.losses import LOG_FLOOR, Loss
from refnet.network import Network
from refnet.regularisers import Penalty

HEAD = ("array", "entry", "analytic", "numeric", "error", "judged")


@dataclass(frozen=True)
class ArrayCheck:
    """One parameter array and its worst entry: where |analytic - numeric| is the
    largest share of the estimated error, or the gradient is not finite.
    """

    name: str  # "dW1"
    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float  # of the difference itself, with the gradient's own rounding, estimated
    judged: int
    entries: int

    @property
    def unjudged(self) -> int:
        """How many entries no difference tells."""
        return self.entries - self.judged

    @property
    def share(self) -> float:
        """|analytic - numeric| / error: above 1, the two disagree."""
        gap = abs(self.analytic - self.numeric)
        return 0.0 if gap == 0.0 else gap / self.error if self.error else float("inf")

    @property
    def off(self) -> bool:
        """Whether an entry is wrong: further off than its estimated error, or, judged
        or not, no finite number.
        """
        return not isfinite(self.analytic) or (self.judged > 0 and not self.share <= 1.0)

    @property
    def passed(self) -> bool:
        """Whether at least one entry was judged, and none is off."""
        return self.judged > 0 and not self.off


@dataclass(frozen=True)
class GradientCheck:
    """The result of gradient_check: an ArrayCheck for every W and b."""

    arrays: tuple[ArrayCheck, ...]
    method: str

    @property
    def entries(self) -> int:
        """How many entries all arrays have."""
        return sum(array.entries for array in self.arrays)

    @property
    def judged(self) -> int:
        """How many of them were judged."""
        return sum(array.judged for array in self.arrays)

    @property
    def unjudged(self) -> int:
        """How many were not, because no difference tells their derivative."""
        return self.entries - self.judged

    @property
    def passed(self) -> bool:
        """Whether at least one entry was judged, and no array is off. It says nothing
        about entries that were not judged.
        """
        return self.judged > 0 and not any(array.off for array in self.arrays)

    def __str__(self) -> str:
        rows = (HEAD, *map(_row, self.arrays))
        return "\n".join([self._verdict(), *map(_line, rows)])

    def _repr_html_(self) -> str:
        off = any(array.off for array in self.arrays)
        rows = (_in_bold(_row(array)) for array in self.arrays)
        return notebook.framed(
            notebook.verdict(self._verdict(), False if off else self.passed or None),
            notebook.table((*HEAD, ""), rows, len(self.arrays), "array", words=(0, 1, 6)),
        )

    def _verdict(self) -> str:
        off = any(array.off for array in self.arrays)
        verdict = "FAILED" if off else "passed" if self.judged else "nothing judged"
        some = f"; {self.unjudged} of {counted(self.entries, 'entry', 'entries')} not judged"
        return f"gradient check ({self.method}): {verdict}{some if self.unjudged else ''}"


def _row(array: ArrayCheck) -> tuple[str, ...]:
    """The cells of an array below those of HEAD, and what is to be said besides."""
    flag = "off" if array.off else "" if array.judged else "nothing judged"
    entry, judged = str(list(array.index)), f"{array.judged}/{array.entries}"
    numbers = f"{array.analytic:.15e}", f"{array.numeric:.15e}", f"{array.error:.1e}"
    return (array.name, entry, *numbers, judged, flag)


def _line(cells: tuple[str, ...]) -> str:
    name, entry, analytic, numeric, error, judged, *flags = cells
    flag = f"  <- {flags[0]}" if any(flags) else ""
    return f"{name:<6}{entry:>12}{analytic:>24}{numeric:>24}{error:>10}{judged:>14}{flag}"


def _in_bold(cells: tuple[str, ...]) -> tuple[str, ...]:
    """The cells; all in bold where something is to be said besides."""
    return tuple(map(notebook.Strong, cells)) if cells[-1] else cells


@np.errstate(all="ignore")  # what is not finite stands in the report
def gradient_check(
    net: Network,
    x: ArrayLike,
    y: ArrayLike,
    loss: str | Loss,
    method: str = "central",
    *,
    sample_weight: ArrayLike | None = None,
    penalty: str | Penalty | None = None,
    masks: Masks = (),
) -> GradientCheck:
    """dC/dtheta = lim (C(theta + h) - C(theta - h)) / 2h for h to 0: compare what BP1
    to BP4 give with differences of C, entry by entry, in a float64 copy of the network.

    `method` is "central" or "complex". A check takes about ten forward passes per
    parameter (complex: one). An entry at a kink of C is judged by differences to one
    side, where that side has every z at its kink on the branch z <= 0, whose slope is
    ReLU'(0) = 0 and LeakyReLU'(0) = slope. Other entries at a kink are not judged, nor
    are any where a loss on probabilities counts log 0 as its floor: the value is flat
    there, and the gradient is not. `passed` is about the entries that were judged, and
    False where none was; a gradient that is not finite never passes.

    C is that of a training step: with the weights of the rows, the penalty and the
    masks of dropout that are given.

    Shapes: x (n, fan_in); y as the loss wants it; sample_weight (n,); a mask as the
        input of its layer.
    Torch: torch.autograd.gradcheck, which compares with a fixed tolerance and fails a
        right gradient at a kink.
    Errors: ValueError or TypeError for unusable input, an unknown method, or "complex"
        where an activation, the loss or the penalty is not analytic.
    Source: Ridders, Accurate computation of F'(x) and F'(x)F''(x) (1982); Squire and
        Trapp, Using complex variables to estimate derivatives of real functions (1998).
    """
    net = instance("gradient_check", "net", net, Network).astype(np.float64)
    loss = net.trainable_with(loss)
    x = np.ascontiguousarray(net.check_inputs(x), np.float64)
    y = net.check_targets(loss, y, len(x))
    if method not in ("central", "complex"):
        raise ValueError(f"gradient_check: method has {method!r}, expected 'central' or 'complex'")
    weights = net.check_weights(sample_weight, len(x))
    trace = net.forward(x, masks)
    objective = Objective(loss, y, weights, Penalty.of(penalty), trace.masks).checked()
    gradients = net.backward(trace, loss, y, weights, objective.penalty)
    own = rounding.of_gradient(net, trace, objective, gradients)
    # the complex step computes the same sums another way, so it is off by as much
    if method == "complex":
        numeric, error = by_complex_step(net, x, objective), own
    else:
        of_cost = rounding.of_cost(net, trace, objective, gradients)
        numeric, error = by_differences(net, x, objective, of_cost)
    error = error + (np.inf if _on_the_floor(trace.output, objective) else own)
    return GradientCheck(tuple(_arrays(net, gradients.vector, numeric, error)), method)


def _arrays(net: Network, analytic: Array, numeric: Array, error: Array) -> Iterator[ArrayCheck]:
    """The check of each W and b, from the flat vectors of all entries."""
    start = 0
    for layer, dense in enumerate(net.layers, start=1):
        for name, array in ((f"dW{layer}", dense.W), (f"db{layer}", dense.b)):
            if array is None:
                continue
            part = slice(start, start + array.size)
            worst, judged = _worst(analytic[part], numeric[part], error[part])
            yield ArrayCheck(
                name,
                tuple(int(i) for i in np.unravel_index(worst, array.shape)),
                float(analytic[start + worst]),
                float(numeric[start + worst]),
                float(error[start + worst]),
                judged,
                array.size,
            )
            start += array.size


def _worst(analytic: Array, numeric: Array, error: Array) -> tuple[int, int]:
    """The entry whose gap is the largest share of its error, and how many were judged:
    those whose error is finite. A gradient that is not finite is the worst.
    """
    gap, judged = np.abs(analytic - numeric), np.isfinite(error)
    exact = np.where(gap == 0.0, 0.0, np.inf)  # where no error is allowed
    share = np.divide(gap, error, out=exact, where=error > 0.0)
    share = np.where(judged, np.where(np.isnan(share), np.inf, share), -1.0)
    share = np.where(np.isfinite(analytic), share, np.inf)
    return int(np.argmax(share)), int(judged.sum())


def _on_the_floor(a: Array, objective: Objective) -> bool:
    """Whether C counts the logarithm of a probability as LOG_FLOOR."""
    if objective.loss.reads != "probabilities":
        return False
    return bool((a[rounding.wanted(a, objective) > 0.0] <= np.exp(LOG_FLOOR)).any())
