"""The sections about a penalty and about clipping: P, P' added to the gradients, and by
how much they are shortened before the step.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from refnet.checks import Array
from refnet.clipping import TINY, ClipNorm, Clipping
from refnet.explanation.figures import total
from refnet.explanation.lines import Lines
from refnet.explanation.parts import Formula, Line, Part, Section, Words
from refnet.layer import Dense
from refnet.passes import Gradients
from refnet.regularisers import Penalty


def regularised(
    layers: Sequence[Dense],
    gradients: Gradients,
    penalty: Penalty | None,
    clipping: Clipping | None,
) -> tuple[Gradients, Gradients]:
    """The gradients of the loss with those of the penalty, and what of these is left
    for the step.
    """
    whole = gradients if penalty is None else Gradients(penalty.added(layers, gradients))
    return whole, whole if clipping is None else clipping.clipped(whole)


def penalty_section(story: Lines) -> Iterator[Section]:
    """P of each W, and of each b that it reaches, and the cost with all of them."""
    penalty = story.step.penalty
    if penalty is None:
        return
    values = {
        name: penalty.value(theta) for name, theta in penalised(penalty, story.step.net.layers)
    }
    lines = (story.line(f"P({name})", "", value) for name, value in values.items())
    summed = total(map(story.show, [story.step.cost, *values.values()]))
    words = Words(f"The cost is the loss and the penalty {penalty!r} together.")
    parts: list[Part] = [words, *lines, story.line("C + sum of P", summed, story.whole_cost)]
    yield Section("The penalty", tuple(parts), tuple(_formulas(penalty, "P")))


def slope_section(story: Lines, l: int) -> Iterator[Section]:
    """P' of one layer, and dW and db with it."""
    penalty = story.step.penalty
    if penalty is None:
        return
    parts: list[Part] = []
    gradients = {"W": story.whole[l - 1].dW, "b": story.whole[l - 1].db}
    for name, theta in penalised(penalty, [story.step.net.layers[l - 1]], first=l):
        gradient = gradients[name[0]]
        parts.append(story.array(f"P'({name})", penalty.gradient(theta)))
        if gradient is not None:
            parts.append(story.array(f"d{name} + P'({name})", gradient))
    title = f"The gradient of the penalty in layer {l}"
    yield Section(title, tuple(parts), tuple(_formulas(penalty, "dP/dW")))


def clip_section(story: Lines) -> Iterator[Section]:
    """The norm of the whole gradient and the share of it that is left, or how many of
    its entries are cut.
    """
    clipping = story.step.clipping
    if clipping is None:
        return
    vector = story.whole.vector.astype(np.float64)
    by_norm = isinstance(clipping, ClipNorm)
    parts = (_norm if by_norm else _cut)(story, clipping.limit, vector)
    yield Section("Clipping", tuple(parts), (BY_NORM if by_norm else BY_VALUE,))


BY_NORM = Formula(
    "g := g min(1, c / (|g| + 1e-6))",
    "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks "
    "(2013), algorithm 1",
)
BY_VALUE = Formula(
    "g := min(max(g, -c), c)",
    "Mikolov, Statistical language models based on neural networks (2012), section 3.2.2",
)


def _norm(story: Lines, limit: float, vector: Array) -> Iterator[Part]:
    norm = float(np.linalg.norm(vector))
    yield Words("The norm is that of dW and db of all layers together.")
    yield story.line("|g|", "", norm)
    substituted = f"min(1, {story.show(limit)}/({story.show(norm)} + {story.show(TINY)}))"
    share = min(1.0, limit / (norm + TINY))
    yield Line("min(1, c/(|g| + 1e-6))", substituted, story.show(share))


def _cut(story: Lines, limit: float, vector: Array) -> Iterator[Part]:
    beyond = int((np.abs(vector) > limit).sum())
    c = story.show(limit)
    yield Words(
        f"{beyond} of {vector.size} entries lie outside [-{c}, {c}] and are cut to its ends."
    )


def penalised(
    penalty: Penalty, layers: Sequence[Dense], first: int = 1
) -> Iterator[tuple[str, Array]]:
    """Each W and b that is penalised, by its name."""
    for l, layer in enumerate(layers, start=first):
        yield from zip((f"W^{l}", f"b^{l}"), penalty.penalised(layer), strict=False)


def _formulas(penalty: Penalty, name: str) -> Iterator[Formula]:
    if name in penalty.formulas:
        yield Formula(penalty.formulas[name], penalty.source)
