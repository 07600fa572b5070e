"""Tasks at the edge of what floats can hold: many right programs fail them, for want of
digits.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from parity.checking.axes import Ending
from parity.checking.declaration import Declaration
from parity.checking.plan import Row, axes_of, case_of, edited, learns
from parity.mistakes.probes import Probe, sure
from parity.mistakes.search.replay import Run
from parity.steps.cases import Case

# standard deviation of the weights: the largest |z| are beyond 1e4 then, and exp
# overflows from 710 on
HUGE = 2000.0
FAR = 1000  # beyond 710, and so near that z keeps four digits in float32


def edges(declared: Declaration) -> list[Probe]:
    """The hard tasks of a declaration: for each of its endings, what a program fails
    that does not think of the edge.
    """
    shapes, courses, hidden, endings, rules, dtypes = axes_of(declared)
    return [
        Probe(
            f"{words}, {ending.words}" + (f", {dtype}" if len(dtypes) > 1 else ""),
            change(case_of(Row(shape, courses[0], hidden[0], ending, rules[0], dtype))),
            partial(edited, edit, declared.bias),
        )
        for ending in endings
        for shape in [next((each for each in shapes if learns(each, ending)), shapes[0])]
        for words, change, edit in _edges(ending)
        for dtype in dtypes
    ]


Edge = tuple[str, Callable[[Case], Case], Callable[[Run], Run]]


def _edges(ending: Ending) -> Iterator[Edge]:
    """What overflows or saturates with this ending: in words, by another case, and by
    another run.
    """
    is_softmax = "softmax" in (ending.output, ending.loss.removesuffix("_cross_entropy"))
    if is_softmax:
        yield f"logits around {FAR}", _same, far_out
    # behind probabilities that are exactly 0, cross entropy has no gradient
    if ending.loss == "sigmoid_cross_entropy" or (is_softmax and ending.loss != "cross_entropy"):
        yield "huge logits", partial(replace, deviation=HUGE), _same
    if ending.loss == "binary_cross_entropy":
        yield "sure of it", _same, certain


def _same(value: Any) -> Any:
    return value


def far_out(run: Run) -> Run:
    """The run in which all logits of a sample are far from 0, but not from each
    other.
    """
    *W, last_W = run.W
    *b, last_b = run.b
    if any(each.any() for each in run.b):
        return replace(run, b=(*b, last_b + last_b.dtype.type(FAR)))
    return replace(run, W=(*W, last_W + last_W.dtype.type(FAR)))


def certain(run: Run) -> Run:
    """The run with targets of 1 and outputs that round to 1; without biases, by large
    weights.
    """
    saturated = sure(run)
    if any(each.any() for each in run.b):
        return saturated
    large = tuple(W * W.dtype.type(FAR) for W in saturated.W)
    return replace(saturated, W=large, b=run.b)
