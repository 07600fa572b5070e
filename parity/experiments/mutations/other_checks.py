"""What others would notice of a mistake: by comparing with the right arrays within a
tolerance, or by a gradient check.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from parity.mistakes.mistake import Mistake
from parity.mistakes.search.replay import Placed, Run, steps
from parity.mistakes.slots import Part
from parity.rounding.plain import Plain
from parity.steps.record import StepRecord
from refnet.checks import Array

GRADIENT_CHECK = 1e-7  # |g - numeric| / (|g| + |numeric|), as courses ask for
# of its central differences: near the cube root of 2^-53, 4.8e-6, where truncation and
# rounding err alike
STEP = 1e-5
CLOSE = {  # their defaults of rtol and atol
    "numpy.allclose": {"float64": (1e-5, 1e-8), "float32": (1e-5, 1e-8)},
    "torch assert_close": {"float64": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5)},
}


def noticing(
    records: Sequence[StepRecord], right: Sequence[StepRecord], dtype: str
) -> Iterator[str]:
    """The tools that see a difference in the outputs, the gradients or the new
    weights.
    """
    pairs = list(zip(_arrays(records), _arrays(right), strict=True))
    for tool, tolerances in CLOSE.items():
        if not all(
            got.shape == want.shape and np.allclose(got, want, *tolerances[dtype])
            for got, want in pairs
        ):
            yield tool


def _arrays(records: Sequence[StepRecord]) -> Iterator[Array]:
    for record in records:
        yield np.asarray(record.layers[-1].a)
        for layer in record.layers:
            yield from (np.asarray(layer.dW), np.asarray(layer.db))
        if record.after is not None:
            yield from (*record.after.W, *record.after.b)


@np.errstate(all="ignore")
def gradient_check_fails(mistake: Mistake, run: Run) -> bool | None:
    """Whether the gradients of the program's first step fail the check against the
    slopes of its own cost; None where the cost is not a number, and where a right
    program fails, as it does at a kink.
    """
    fails = _fails([Placed(mistake, mistake.layers(run.spec))], run)
    return None if fails and _fails([], run) else fails


def _fails(placed: Sequence[Placed], run: Run) -> bool | None:
    step = next(steps(run, placed, Plain))
    gradients = np.concatenate([step.gradient(part).value.ravel() for part in step.parts])
    numeric = np.array(
        [
            _slope(run, placed, part, index)
            for part in step.parts
            for index in np.ndindex(step.start(part).shape)
        ]
    )
    if gradients.shape != numeric.shape:
        return True
    size = np.linalg.norm(gradients) + np.linalg.norm(numeric)
    apart = np.linalg.norm(gradients - numeric)
    return None if np.isnan(numeric).any() else bool(not apart <= GRADIENT_CHECK * size)


def _slope(run: Run, placed: Sequence[Placed], part: Part, index: tuple[int, ...]) -> float:
    return (_cost(run, placed, part, index, STEP) - _cost(run, placed, part, index, -STEP)) / (
        2 * STEP
    )


def _cost(
    run: Run, placed: Sequence[Placed], part: Part, index: tuple[int, ...], shift: float
) -> float:
    arrays = list(getattr(run, part.name))
    arrays[part.layer - 1] = array = arrays[part.layer - 1].copy()
    array[index] += shift
    moved = replace(run, W=tuple(arrays)) if part.name == "W" else replace(run, b=tuple(arrays))
    return float(next(steps(moved, placed, Plain)).cost().value)
