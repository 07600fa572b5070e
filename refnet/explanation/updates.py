"""The sections about the update: each parameter after the step, the state of the
optimizer, and the cost.
"""

from collections.abc import Iterator
from math import isfinite

import numpy as np

from refnet.checks import Array
from refnet.explanation.figures import product, total
from refnet.explanation.lines import Lines
from refnet.explanation.parts import Formula, Part, Section, Words
from refnet.network import Network

DESCENT = Formula(
    "theta := theta - lr dC/dtheta",
    "SGD without momentum, whose u is $lr dC/dtheta$ without a state; Nielsen, Neural Networks "
    "and Deep Learning, chapter 1, "
    "equations 16 and 17",
)


def taken_by(story: Lines, loss: str) -> str:
    """The loss, and what takes the step with it."""
    if story.step.lr is None:
        return f"and {loss}; no step is taken"
    return f"{loss}, and gradient descent with lr = {story.show(story.step.lr)}"


def update_sections(story: Lines) -> Iterator[Section]:
    """The step of each layer, and the cost after it; none without an update."""
    after, cost_after, lr = story.step.after, story.step.cost_after, story.step.lr
    if after is None or cost_after is None or lr is None:
        return
    for l in range(1, story.depth + 1):
        yield _update(story, l, after, lr)
    yield _cost_after(story, cost_after, lr)


def _update(story: Lines, l: int, after: Network, lr: float) -> Section:
    """The step of W and, where there is one, b."""
    old, new, gradient = story.step.net.layers[l - 1], after.layers[l - 1], story.stepped_by[l - 1]
    arrays = [(f"W^{l}", old.W, gradient.dW, new.W)]
    if old.b is not None and gradient.db is not None and new.b is not None:
        arrays.append((f"b^{l}", old.b, gradient.db, new.b))
    if story.few(3 * sum(was.size for _, was, *_ in arrays), l):
        parts = [line for array in arrays for line in _entries(story, lr, *array)]
    else:
        parts = [
            story.array(name, now, f"{was.shape} - {story.show(lr)} * {d.shape}")
            for name, was, d, now in arrays
        ]
    return story.section("step", l, parts, DESCENT)


def _entries(
    story: Lines, lr: float, symbol: str, old: Array, gradient: Array, new: Array
) -> Iterator[Part]:
    """Each entry after the step."""
    for index in np.ndindex(old.shape):
        move = product(story.show(lr), story.show(gradient[index]))
        unit = ",".join(str(i + 1) for i in index)
        yield story.line(
            f"{symbol}_{unit}", total([story.show(old[index]), f"-{move}"]), new[index], ":="
        )


def _cost_after(story: Lines, after: float, lr: float) -> Section:
    """The cost before and after the step, and their difference to first order."""
    before = story.whole_cost
    vector, move = (g.vector.astype(np.float64) for g in (story.whole, story.stepped_by))
    square = float(np.dot(vector, move))
    parts: list[Part] = [story.line("C before", "", before), story.line("C after", "", after)]
    if isfinite(after - before):
        parts.append(story.line("C after - C before", "", after - before))
    if isfinite(square):
        parts.append(Words("To first order, for a small lr, the step changes C by"))
        parts.append(
            story.line(
                "-lr |dC/dtheta|^2" if story.step.clipping is None else "-lr dC/dtheta g",
                product(f"-{story.show(lr)}", story.show(square)),
                -lr * square,
            )
        )
    return Section("The cost after the step", tuple(parts))
