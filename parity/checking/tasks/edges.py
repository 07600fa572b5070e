"""Tasks at the edge of what floats can hold: many right programs fail them, for want of
digits.

Each goes to one edge alone, so that what fails there can be told by where it fails:
where exp overflows no probability is 0, and where one is 0 no exp overflows.

edge                       what fails there
logits around 1000         e^z, which overflows
samples far apart          e^(z - m), where m is the maximum of another sample
a class without a chance   log 0, and a division by 0
sigmoids of 1, sure of it  the same, of 1 - a
huge logits                all of it, and e^z in hidden layers
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from parity.checking.tasks.axes import Ending, Hidden, Shape
from parity.checking.tasks.declaration import Declaration
from parity.checking.tasks.extremes import (
    FAR,
    chanceless,
    far_above,
    far_apart,
    far_out,
    saturated,
)
from parity.checking.tasks.plan import Row, axes_of, case_of, edited, learns
from parity.mistakes.probes import Probe
from parity.mistakes.search.replay import Run
from parity.steps.cases import Case

# standard deviation of the weights: the largest |z| are beyond 1e4 then, and exp
# overflows from 710 on
HUGE = 2000.0


def _same(value: Any) -> Any:
    return value


class Edge(NamedTuple):
    """An edge in words, and how a run or a case is brought to it."""

    words: str
    edit: Callable[[Run], Run] = _same
    change: Callable[[Case], Case] = _same


AROUND = Edge(f"logits around {FAR}", far_out)
AROUND_AND_SURE = AROUND._replace(edit=far_above)
SAMPLES_APART = Edge("samples far apart", far_apart)
NO_CHANCE = Edge("a class without a chance", partial(chanceless, chosen=False))
NO_CHANCE_CHOSEN = NO_CHANCE._replace(edit=partial(chanceless, chosen=True))
HUGE_LOGITS = Edge("huge logits", change=partial(replace, deviation=HUGE))
SATURATED_LOGITS = Edge("sigmoids of 1", partial(saturated, sure=False))
SURE = Edge("sure of it", partial(saturated, sure=True))
HIDDEN_APART = Edge("a hidden softmax of samples far apart", partial(far_apart, layer=1))
OF_EXPONENTIALS = ("sigmoid", "tanh", "softmax")
OF_SEVERAL_SAMPLES = (SAMPLES_APART, HIDDEN_APART)

# where a hard task stands, and the edges that it may be brought to
Place: TypeAlias = tuple[Shape, Hidden, Ending, list[Edge]]


def edges(declared: Declaration, seed: int = 0) -> list[tuple[str, Probe]]:
    """The hard tasks of a declaration, each with the words of its edge: for each of its
    endings, and for the first layer, what a program fails that does not think of the
    edge.
    """
    shapes, courses, hidden, endings, rules, dtypes = axes_of(declared)
    places = [
        *_of_endings(shapes, hidden, endings, declared.bias),
        *_of_hidden(shapes, hidden, endings),
    ]
    return [
        (
            edge.words,
            Probe(
                f"{edge.words}, {ending.words}" + (f", {dtype}" if len(dtypes) > 1 else ""),
                edge.change(
                    replace(
                        case_of(Row(shape, courses[0], first, ending, rules[0], dtype)), seed=seed
                    )
                ),
                partial(edited, edge.edit, declared.bias),
            ),
        )
        for shape, first, ending, its_edges in places
        for edge in its_edges
        if courses[0].batch > 1 or edge not in OF_SEVERAL_SAMPLES
        for dtype in dtypes
    ]


def _of_endings(
    shapes: list[Shape], hidden: list[Hidden], endings: list[Ending], bias: bool
) -> Iterator[Place]:
    for ending in endings:
        shape = next((each for each in shapes if learns(each, ending)), shapes[0])
        yield shape, hidden[0], ending, [*_edges(ending, shape.sizes[-1], bias)]


def _of_hidden(shapes: list[Shape], hidden: list[Hidden], endings: list[Ending]) -> Iterator[Place]:
    """A network for each activation of exponentials, which its first layer has."""
    shape, ending = next(
        ((s, e) for e in endings for s in shapes if s.sizes[1:-1] and learns(s, e)), (None, None)
    )
    for first in hidden:
        name = first.names[0]
        if shape and ending and name in OF_EXPONENTIALS:
            around = Edge(f"a hidden {name} around {FAR}", partial(far_out, layer=1))
            apart = [HIDDEN_APART] if name == "softmax" else []
            yield shape, first, ending, [around, *apart]


def _edges(ending: Ending, classes: int, bias: bool) -> Iterator[Edge]:
    """What overflows or saturates with this ending."""
    output, loss = ending.output, ending.loss
    is_softmax = "softmax" in (output, loss.removesuffix("_cross_entropy"))
    if is_softmax:
        yield from (AROUND, SAMPLES_APART)
    # without biases some sigmoids are 0, and behind those a target of 1 has no gradient
    elif output == "sigmoid" and bias:
        yield AROUND_AND_SURE if loss == "binary_cross_entropy" else AROUND
    if loss == "softmax_cross_entropy" and classes > 1:
        yield NO_CHANCE_CHOSEN
    if loss == "cross_entropy" and classes > 1:
        yield NO_CHANCE
    # behind probabilities that are exactly 0, cross entropy has no gradient
    if loss == "sigmoid_cross_entropy" or (is_softmax and loss != "cross_entropy"):
        yield HUGE_LOGITS
    if loss == "sigmoid_cross_entropy":
        yield SATURATED_LOGITS
    if loss == "binary_cross_entropy":
        yield SURE
