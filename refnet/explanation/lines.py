"""The lines of an explanation: formulas with the numbers of one step for their
letters.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from refnet.activations import Activation, Elementwise
from refnet.checks import Array
from refnet.clipping import Clipping
from refnet.equations import EQUATIONS
from refnet.explanation.figures import product, shown
from refnet.explanation.formulas import (
    applied_by,
    formula_of,
    numbers_of,
    right_side,
    substituted,
)
from refnet.explanation.parts import Formula, Grid, Line, Part, Section, Summary, Words
from refnet.losses import LOG_FLOOR, Loss
from refnet.network import Network
from refnet.optimizers import Optimizer
from refnet.passes import Gradients, Trace
from refnet.regularisers import Penalty

# The largest equation that is written in numbers, and the largest array that is shown.
# Both are a choice: 8 columns of 4 digits fit the 100 columns of the plain text.
NUMBERS = 64
COLUMNS = 8
SHIFTED = (
    "A calculator may fail at such an exp; the largest $z$ of the row is subtracted first, which "
    "leaves the quotient as it is."
)


class ComputedStep(NamedTuple):
    """One training step with all that it computes: what the story tells. Without an
    update lr, the optimizer and what comes after the step are None.
    """

    net: Network
    x: Array
    y: Array
    loss: Loss
    trace: Trace
    gradients: Gradients
    grad_output: Array  # dC/da^L
    cost: float
    sample_weight: Array | None = None
    penalty: Penalty | None = None
    clipping: Clipping | None = None
    whole: Gradients | None = None  # with those of the penalty
    stepped: Gradients | None = None  # what is left of them for the step
    lr: float | None = None
    optimizer: Optimizer | None = None  # a copy, with the state before the step
    optimizer_after: Optimizer | None = None  # the copy that took it
    after: Network | None = None
    cost_after: float | None = None  # with the penalty


class Lines:
    """The parts of the sections about one step; every number has `digits` significant
    digits.
    """

    def __init__(self, step: ComputedStep, digits: int) -> None:
        self.step = step
        self.digits = digits
        self.depth = len(step.net.layers)
        self.rows = len(step.x)

    @property
    def whole(self) -> Gradients:
        """The gradients with those of the penalty."""
        return self.step.whole or self.step.gradients

    @property
    def stepped_by(self) -> Gradients:
        """The gradients that the step takes, clipped if they are."""
        return self.step.stepped or self.step.gradients

    @property
    def whole_cost(self) -> float:
        """The loss with the penalty."""
        penalty = self.step.penalty
        return self.step.cost + (penalty.cost(self.step.net.layers) if penalty else 0.0)

    def mask(self, l: int) -> Array | None:
        """The mask of dropout on what layer l reads; None where nothing is dropped."""
        masks = self.step.trace.masks
        return masks[l - 1] if masks else None

    # The parts

    def show(self, value: Any) -> str:
        """The number with the digits asked for."""
        return shown(float(value), self.digits)

    def line(self, symbol: str, substitution: str, value: Any, relation: str = "=") -> Line:
        """One number with its formula."""
        return Line(symbol, substitution, self.show(value), relation=relation)

    def array(self, symbol: str, values: Array, shapes: str = "") -> Part:
        """The entries of a small array; the shape, norm and range of a large one."""
        table = values if values.ndim == 2 else values[None, :]
        if table.size <= NUMBERS and table.shape[1] <= COLUMNS:
            return Grid(symbol, tuple(tuple(self.show(v) for v in row) for row in table))
        norm = float(np.linalg.norm(table.astype(np.float64)))
        return Summary(
            symbol,
            shapes,
            str(values.shape),
            self.show(norm),
            self.show(table.min()),
            self.show(table.max()),
        )

    def few(self, numbers: int, layer: int) -> bool:
        """Whether an equation is written in numbers: at most 64 of them, in a layer of
        at most 8 units.
        """
        return numbers <= NUMBERS and self.step.net.sizes[layer] <= COLUMNS

    def in_numbers(
        self, layer: int, lines: Iterable[Part], numbers: int, arrays: Sequence[Part]
    ) -> tuple[Part, ...]:
        """Row 1 as `lines`, where it takes few `numbers`, and all rows as `arrays`,
        where there are several rows or too many numbers.
        """
        if not self.few(numbers, layer):
            return tuple(arrays)
        if self.rows == 1:
            return tuple(lines)
        return (
            Words(
                f"Row 1 of the batch, in numbers; then all {self.rows} rows, one below the other."
            ),
            *lines,
            *arrays,
        )

    def section(self, label: str, layer: int, parts: Iterable[Part], *formulas: Formula) -> Section:
        """The section of an equation, its own formula first."""
        equation = EQUATIONS[label]
        title = f"{label}: {equation.name}{f', layer {layer}' if layer else ''}"
        first = Formula(equation.formula, equation.source, equation.latex)
        return Section(
            title,
            tuple(parts),
            (first, *(formula for formula in formulas if formula.plain)),
            label,
            layer,
        )

    # Numbers in the place of letters

    def products(self, some: Array, others: Array) -> list[str]:
        """The product of each pair, in numbers."""
        return [product(self.show(a), self.show(b)) for a, b in zip(some, others, strict=True)]

    def values(self, f: Activation, z: Array, a: Array, symbol: str) -> Iterator[Part]:
        """The units of row 1: f(z) with its number."""
        formula = formula_of(f, "f")
        if not isinstance(f, Elementwise) and abs(z[0]).max() > np.log(np.finfo(z.dtype).max):
            yield Words(SHIFTED)
        for j in range(z.shape[1]):
            right = right_side(formula, z[0, j], z.shape[1])
            yield self.line(
                symbol.format(j + 1), substituted(right, self.letters(f, z[0], a[0], j)), a[0, j]
            )

    def letters(self, f: Activation, z: Array, a: Array, j: int) -> dict[str, str]:
        """What the letters of an activation's formulas stand for at unit j of a row."""
        units = {
            f"{name}_{i + 1}": self.show(v)
            for name, row in (("z", z), ("a", a))
            for i, v in enumerate(row)
        }
        here = {"z": z[j], "z_j": z[j], "a": a[j], "a_j": a[j], **numbers_of(f)}
        return units | {name: self.show(v) for name, v in here.items()}

    @property
    def counts(self) -> dict[str, str]:
        """The letters n and k."""
        return {"n": str(self.rows), "k": str(self.step.net.sizes[-1])}

    @property
    def targets(self) -> Array:
        """y as one row of numbers for each sample; zeros where a label is ignored."""
        y, width = self.step.y, self.step.net.sizes[-1]
        return (y[:, None] == np.arange(width)).astype(float) if y.ndim == 1 else y

    def letters_of_loss(self, row: int, j: int) -> dict[str, str]:
        """What the letters of the loss' formulas stand for at unit j of a row; p and q
        are softmax(z), or sigmoid(z) and sigmoid(-z).
        """
        a, inner = self.step.trace.output, applied_by(self.step.loss)
        letters = {"a": self.show(a[row, j]), "y": self.show(self.targets[row, j]), **self.counts}
        if inner:
            letters |= {
                "p": self.show(inner.value(a)[row, j]),
                "q": self.show(inner.value(-a)[row, j]),
            }
        return letters

    def on_the_floor(self) -> bool:
        """Whether a probability in C is so small that the loss counts its logarithm as
        LOG_FLOOR.
        """
        a, inner = self.step.trace.output, applied_by(self.step.loss)
        if self.step.loss.reads == "values":
            return False
        p = inner.value(a) if inner else a
        return bool(min(p.min(), 1.0 - p.max()) <= np.exp(LOG_FLOOR))
