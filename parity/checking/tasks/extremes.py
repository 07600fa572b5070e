"""Runs that are brought to the edge of what floats can hold: what is added to the
weights and the biases, and which targets still have a gradient there.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from parity.mistakes.search.replay import Run, simulate
from refnet.checks import Array

FAR = 1000  # beyond 710, where exp overflows, and so near that z keeps four digits in float32
# between the lowest sample and the highest, which stand at minus and plus the half: e^z
# overflows from 710 on, in float32 from 88, and is 0 from -745 and -104 on
APART = {"float64": 1000, "float32": 160}
# a sigmoid rounds to 1 from 37 on, in float32 from 17; there e^z overflows from 88 on
SATURATED = 60
# the largest target there: the loss is (1 - y) z, which has to be a number of the size
# of z, for some right formulas are off by z's rounding
SUREST = 0.5


def far_out(run: Run, layer: int = 0) -> Run:
    """All weighted inputs of a sample are far from 0, but not from each other: those
    of a layer, by default the last.
    """
    return _plus(run, layer, b=FAR) if _has_biases(run) else _plus(run, layer, W=FAR)


def far_above(run: Run) -> Run:
    """Logits far from 0, and targets of 1."""
    return _with_targets(far_out(run), _ones)


def far_apart(run: Run, layer: int = 0) -> Run:
    """The weighted inputs of a sample, by default those of the last layer, are near
    each other and far from those of other samples.
    """
    inputs = _inputs(run, layer)
    spread = inputs.max(axis=0) - inputs.min(axis=0)
    along = np.where(np.arange(spread.size) == spread.argmax(), 1 / spread.max(), 0.0)
    along *= APART[run.spec.dtype]
    levels = inputs @ along
    middle = (levels.max() + levels.min()) / 2
    return _plus(run, layer, W=along, b=-middle if _has_biases(run) else 0)


def chanceless(run: Run, *, chosen: bool) -> Run:
    """The last class has a probability of 0; it is `chosen` by the target of the first
    sample, or by none.
    """
    last = np.arange(run.spec.sizes[-1]) == run.spec.sizes[-1] - 1
    if _has_biases(run):
        run = _plus(run, b=np.where(last, -FAR, 0))
    else:
        run = _without_signs(run)
        run = _plus(run, W=np.where(last, -FAR / _inputs(run).sum(axis=1).min(), 0)[:, None])
    return _with_targets(run, _with_the_last if chosen else _without_the_last)


def saturated(run: Run, *, sure: bool) -> Run:
    """The sigmoids of the logits round to 1; so are the targets where they are `sure`,
    and none is 1 otherwise.
    """
    if _has_biases(run):
        run = _plus(run, b=SATURATED)
    else:
        run = _without_signs(run)
        *W, last = map(np.abs, run.W)
        largest = (_inputs(run) @ last.T).max()
        run = replace(run, W=(*W, (last * (SATURATED / largest)).astype(last.dtype)))
    return _with_targets(run, _ones if sure else _unsure)


# what a run is made of


def _has_biases(run: Run) -> bool:
    return any(each.any() for each in run.b)


def _inputs(run: Run, layer: int = 0) -> Array:
    """What a layer, by default the last, is given in the first step. Shapes: (n,
    fan_in), float64.
    """
    first = replace(run, steps=run.steps[:1])
    inputs = [first.steps[0].x, *(each.a for each in simulate(first)[0].layers)]
    return np.asarray(inputs[(layer or len(run.W)) - 1], np.float64)


def _plus(run: Run, layer: int = 0, W: Any = 0, b: Any = 0) -> Run:
    """The run with more in the W and the b of a layer, by default the last."""
    index = (layer or len(run.W)) - 1
    return replace(run, W=_increased(run.W, index, W), b=_increased(run.b, index, b))


def _increased(arrays: tuple[Array, ...], index: int, by: Any) -> tuple[Array, ...]:
    more = arrays[index] + np.asarray(by, arrays[index].dtype)
    return (*arrays[:index], more, *arrays[index + 1 :])


def _without_signs(run: Run) -> Run:
    """Nothing that a hidden layer is given or gives is negative."""
    *W, last = run.W
    steps = tuple(replace(step, x=np.abs(step.x)) for step in run.steps)
    return replace(run, W=(*map(np.abs, W), last), steps=steps)


def _with_targets(run: Run, change: Callable[[Array, int], Array]) -> Run:
    """The run with other targets, made of its own and the number of classes."""
    k = run.spec.sizes[-1]
    return replace(run, steps=tuple(replace(step, y=change(step.y, k)) for step in run.steps))


def _ones(y: Array, k: int) -> Array:
    return np.ones_like(y)


def _unsure(y: Array, k: int) -> Array:
    return np.minimum(y, y.dtype.type(SUREST))


def _with_the_last(y: Array, k: int) -> Array:
    """Targets of which the first has the last class, as distributions all have."""
    return y if y.ndim > 1 else np.concatenate([[k - 1], y[1:]]).astype(y.dtype)


def _without_the_last(y: Array, k: int) -> Array:
    """Targets of which none has the last class."""
    if y.ndim == 1:
        return y % (k - 1)
    others = np.where(np.arange(k) < k - 1, y, 0.0)
    return (others / others.sum(axis=1, keepdims=True)).astype(y.dtype)
