"""gradient_check: backpropagation compared with differences of the cost, whose own
error is estimated.

Central differences D(h) = (C(theta + h) - C(theta - h)) / 2h are off by c h^2 + ... and
by rounding of about e / h. Richardson's extrapolation over a ladder of steps h removes
the powers of h one after the other. The error that is left is estimated as the distance
between the last two extrapolations plus the rounding of C; a sum of k terms is off by
up to k u times the sum of their sizes. The gradient is rounded too. Where its terms
cancel (p - y of a saturated output), that is a large share of it.

The complex step, Im C(theta + ih) / h, subtracts nothing, so h can be as small as
1e-100. It needs activations and a loss that are analytic.

Where C has a kink within h (ReLU at z = 0, MAE at a = y), a difference says nothing
about the derivative. These steps are dropped, and an entry without any step left counts
as not judged. So does every entry where a loss on probabilities counts log 0 as its
floor: there its value is flat and its gradient is not.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Activation, Elementwise, Identity
from refnet.backprop import LayerTrace, forward
from refnet.checks import Array
from refnet.layer import Dense
from refnet.losses import LOG_FLOOR, BinaryCrossEntropy, Loss, one_hot
from refnet.network import Network
from refnet.passes import Gradients, Trace

# Steps h, each a quarter of the one before, so h^2 falls by 16. Measured on 4-5-3
# networks of sigmoid and tanh, a step below 2^-11 no longer lowers the estimated error;
# the last one serves where a kink is near.
LADDER = tuple(2.0**-k for k in (5, 7, 9, 11, 13))
# about 1e-100: its square vanishes beside any number, and it is far from underflow
COMPLEX_STEP = 2.0**-333
UNIT = 2.0**-53  # half the distance from 1.0 to the next float64


@dataclass(frozen=True)
class ArrayCheck:
    """One parameter array and its worst entry: where |analytic - numeric| is the
    largest share of the estimated error.
    """

    name: str  # "dW1"
    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float  # of the difference itself, with the gradient's own rounding, estimated
    judged: int
    entries: int

    @property
    def share(self) -> float:
        """|analytic - numeric| / error: above 1, the two disagree."""
        gap = abs(self.analytic - self.numeric)
        return 0.0 if gap == 0.0 else gap / self.error if self.error else float("inf")

    @property
    def passed(self) -> bool:
        """Whether at least one entry was judged, and the worst is within its estimated
        error; NaN is not.
        """
        return self.judged > 0 and self.share <= 1.0


@dataclass(frozen=True)
class GradientCheck:
    """The result of gradient_check: an ArrayCheck for every W and b."""

    arrays: tuple[ArrayCheck, ...]
    method: str

    @property
    def passed(self) -> bool:
        """Whether every array passed."""
        return all(array.passed for array in self.arrays)

    def __str__(self) -> str:
        rows = [f"gradient check ({self.method}): {'passed' if self.passed else 'FAILED'}"]
        rows += [
            f"{'array':<6}{'entry':>12}{'analytic':>24}{'numeric':>24}{'error':>10}{'judged':>14}"
        ]
        for a in self.arrays:
            verdict = "" if a.passed else "  <- off" if a.judged else "  <- nothing judged"
            entry = str(list(a.index))
            rows.append(
                f"{a.name:<6}{entry:>12}{a.analytic:>24.15e}{a.numeric:>24.15e}{a.error:>10.1e}"
                f"{f'{a.judged}/{a.entries}':>14}{verdict}"
            )
        return "\n".join(rows)


def gradient_check(
    net: Network, x: ArrayLike, y: ArrayLike, loss: str | Loss, method: str = "central"
) -> GradientCheck:
    """Compare dC/dtheta from BP1 to BP4 with differences of C, entry by entry, in a
    float64 copy of the network.

    `method` is "central" or "complex". A check takes about ten forward passes per
    parameter (complex: one).

    Shapes: x (n, fan_in); y as the loss wants it.
    Torch: torch.autograd.gradcheck, which compares with a fixed tolerance.
    Errors: ValueError or TypeError for unusable input, an unknown method, or "complex"
        where an activation or the loss is not analytic.
    Source: Ridders, Accurate computation of F'(x) and F'(x)F''(x) (1982); Squire and
        Trapp, Using complex variables to estimate derivatives of real functions (1998).
    """
    net = net.astype(np.float64)
    loss = net.trainable_with(loss)
    x = np.ascontiguousarray(net.check_inputs(x), np.float64)
    y = net.check_targets(loss, y, len(x))
    if method not in ("central", "complex"):
        raise ValueError(f"gradient_check: method has {method!r}, expected 'central' or 'complex'")
    trace = net.forward(x)
    gradients = net.backward(trace, loss, y)
    rounding = _rounding_of_gradient(net, trace, y, loss, gradients)
    # the complex step computes the same sums another way, so it is off by as much
    if method == "complex":
        numeric, error = _complex_step(net, x, y, loss), rounding
    else:
        numeric, error = _central(
            net, x, y, loss, _rounding_of_cost(net, trace, y, loss, gradients)
        )
    error = error + (np.inf if _on_the_floor(trace.output, y, loss) else rounding)
    return GradientCheck(tuple(_arrays(net, gradients.vector, numeric, error)), method)


def _arrays(net: Network, analytic: Array, numeric: Array, error: Array) -> Iterator[ArrayCheck]:
    """The check of each W and b, from the flat vectors of all entries."""
    start = 0
    for layer, dense in enumerate(net.layers, start=1):
        for name, array in ((f"dW{layer}", dense.W), (f"db{layer}", dense.b)):
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
    those whose error is finite. A gap that is NaN is the worst.
    """
    gap, judged = np.abs(analytic - numeric), np.isfinite(error)
    exact = np.where(gap == 0.0, 0.0, np.inf)  # where no error is allowed
    share = np.divide(gap, error, out=exact, where=error > 0.0)
    share = np.where(judged, np.where(np.isnan(share), np.inf, share), -1.0)
    return int(np.argmax(share)), int(judged.sum())


def _central(net: Network, x: Array, y: Array, loss: Loss, rounding: float) -> tuple[Array, Array]:
    """Numeric derivative and its estimated error for every parameter; the error is inf
    where no step of the ladder is free of kinks.
    """
    theta = net.parameters

    def cost(i: int, value: float) -> tuple[float, list[Array]]:
        old, theta[i] = theta[i], value
        trace = forward(net.layers, x)
        theta[i] = old
        return loss.value(trace[-1].a, y), _sides(net, trace, loss, y)

    numeric, error = np.full_like(theta, np.nan), np.full_like(theta, np.inf)
    for i in range(theta.size):
        numeric[i], error[i] = _extrapolate(partial(cost, i), float(theta[i]), rounding)
    return numeric, error


def _extrapolate(
    cost: Callable[[float], tuple[float, list[Array]]], at: float, rounding: float
) -> tuple[float, float]:
    _, home = cost(at)
    best, error = float("nan"), float("inf")
    above: list[float] = []
    for h in LADDER:
        (high, side_high), (low, side_low) = cost(at + h), cost(at - h)
        if not (_same(home, side_high) and _same(home, side_low)):
            continue
        width = (at + h) - (at - h)
        row = [(high - low) / width]
        for j, before in enumerate(above, start=1):
            row.append((16**j * row[-1] - before) / (16**j - 1))
            estimate = max(abs(row[-1] - row[-2]), abs(row[-1] - before)) + 2.0 * rounding / width
            if estimate < error:
                best, error = row[-1], estimate
        above = row
    return best, error


def _complex_step(net: Network, x: Array, y: Array, loss: Loss) -> Array:
    """Im C(theta + ih) / h for every parameter; only rounding makes it inexact."""
    for i, layer in enumerate(net.layers, start=1):
        if not layer.activation.analytic:
            kind = type(layer.activation).__name__
            raise ValueError(
                f"gradient_check: complex step has {kind} in layer {i}, expected analytic "
                f"activations; use method='central'"
            )
    if not loss.analytic:
        raise ValueError(
            f"gradient_check: complex step has the loss {loss}, expected an analytic one; use "
            f"method='central'"
        )
    theta = net.parameters.astype(np.complex128)
    layers = _complex_layers(net, theta)
    numeric = np.empty_like(net.parameters)
    for i in range(theta.size):
        theta[i] += 1j * COMPLEX_STEP
        output = forward(layers, x.astype(np.complex128))[-1].a  # type: ignore[arg-type]
        value: Any = loss.value(output, y)
        numeric[i] = value.imag / COMPLEX_STEP
        theta[i] = theta[i].real
    return numeric


class _ComplexLayer(NamedTuple):
    W: Array
    b: Array
    activation: Activation


def _complex_layers(net: Network, theta: Array) -> list[_ComplexLayer]:
    layers, start = [], 0
    for layer in net.layers:
        W = theta[start : start + layer.W.size].reshape(layer.W.shape)
        start += layer.W.size + layer.b.size
        layers.append(_ComplexLayer(W, theta[start - layer.b.size : start], layer.activation))
    return layers


def _sides(net: Network, trace: Sequence[LayerTrace], loss: Loss, y: Array) -> list[Array]:
    """On which side of its kinks each number lies."""
    sides = [
        np.sign(step.z)
        for layer, step in zip(net.layers, trace, strict=True)
        if layer.activation.kink
    ]
    return [*sides, *(np.sign(trace[-1].a - y - kink) for kink in loss.kinks)]


def _same(some: list[Array], others: list[Array]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def _on_the_floor(a: Array, y: Array, loss: Loss) -> bool:
    """Whether C counts the logarithm of a probability as LOG_FLOOR."""
    if loss.reads != "probabilities":
        return False
    counts = one_hot(y, a.shape[1]) > 0 if y.ndim == 1 else y > 0
    return bool((a[counts] <= np.exp(LOG_FLOOR)).any())


def _rounding_of_cost(
    net: Network, trace: Trace, y: Array, loss: Loss, gradients: Gradients
) -> float:
    """How far rounding can move C, to first order: by delta dz over all z, by dC/da da
    over all a, and by the loss' own sum.
    """
    output = trace.output
    own = abs(loss.value(output, y)) + (
        2.0 * float(np.abs(output).sum()) / len(output) if loss.reads == "logits" else 0.0
    )
    # a sum of k terms takes k roundings; 8 more allow for those within f, and 16 for
    # those within the loss, where exp and log are off by a few units in the last place
    total = (output.size + 16) * own
    grad_a = np.zeros_like(output) if loss.reads == "logits" else np.abs(loss.gradient(output, y))
    for i in reversed(range(len(trace))):
        layer, step = net.layers[i], trace[i]
        size = np.dot(np.abs(step.a_prev), np.abs(layer.W).T) + np.abs(layer.b)
        total += (layer.fan_in + 8) * float(
            (np.abs(gradients[i].delta) * size).sum()
        ) + 8.0 * float((grad_a * np.abs(step.a)).sum())
        grad_a = np.abs(np.dot(gradients[i].delta, layer.W))
    return float(UNIT * total)


def _rounding_of_gradient(
    net: Network, trace: Trace, y: Array, loss: Loss, gradients: Gradients
) -> Array:
    """How far rounding can move each entry of dW and db: the sum of its |terms|, times
    the roundings along a path.
    """
    roundings = (
        2.0
        * UNIT
        * (sum(layer.fan_in + layer.fan_out + 20 for layer in net.layers) + len(trace.output))
    )
    sizes = []
    delta = _size_of_output_delta(net.layers[-1], trace[-1], y, loss, gradients[-1].delta)
    for i in reversed(range(len(trace))):
        if i < len(trace) - 1:
            delta = _size_of_pullback(
                net.layers[i], np.dot(delta, np.abs(net.layers[i + 1].W)), trace[i]
            )
        sizes += [delta.sum(axis=0), np.dot(delta.T, np.abs(trace[i].a_prev)).ravel()]
    return roundings * np.concatenate(sizes[::-1])


def _size_of_output_delta(
    layer: Dense, step: LayerTrace, y: Array, loss: Loss, delta: Array
) -> Array:
    """The sums of |terms| of delta^L: a + y for a - y; for a probability p + y for
    p - y, which is at most 2, over the rows.
    """
    rows, a = len(step.a), step.a
    if loss.reads == "values":
        return _size_of_pullback(
            layer, np.abs(loss.gradient(np.abs(a) + np.abs(y), np.zeros_like(a))), step
        )
    size = np.abs(delta) + 2.0 / rows
    # log(1 - a) magnifies the rounding of an a near 1, where y < 1
    if isinstance(loss, BinaryCrossEntropy):
        size += (1.0 - y) / np.maximum(1.0 - a, UNIT) / rows
    return size


def _size_of_pullback(layer: Dense, grad_a: Array, step: LayerTrace) -> Array:
    """The sums of |terms| of dC/dz: those of a (g - sum g a) for softmax, of g f'
    otherwise, where f' = a - a^2 or 1 - a^2 cancels.
    """
    a = np.abs(step.a)
    if not isinstance(layer.activation, Elementwise):
        return a * (grad_a + (grad_a * a).sum(axis=1, keepdims=True))
    straight = layer.activation.kink or isinstance(layer.activation, Identity)
    return grad_a * (np.abs(layer.activation.derivative(step.z, step.a)) + (0.0 if straight else a))
