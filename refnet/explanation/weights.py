"""The lines about weights: of rows, and of classes or outputs as a loss has them."""

import re
from collections.abc import Iterator

import numpy as np

from refnet.checks import Array
from refnet.explanation.figures import product, total
from refnet.explanation.formulas import formula_of, readable, right_side, stated, substituted
from refnet.explanation.lines import COLUMNS, Lines
from refnet.explanation.parts import Formula, Part

LETTERS = ("T", "T_1", "T_0")  # of targets with their weights


class WeightedLines(Lines):
    """The parts about a step whose rows or outputs do not all count alike."""

    @property
    def has_weights(self) -> bool:
        """Whether something counts otherwise than in a plain mean."""
        return not self.step.loss.is_plain(self.step.sample_weight)

    @property
    def stated_in(self) -> str:
        """The field of the formulas of the loss: others hold where something has a
        weight.
        """
        return "weighted" if self.has_weights else "formulas"

    def weighted(self) -> dict[str, Array]:
        """What the weights make of the targets, by letter: (n, k) each."""
        step = self.step
        terms = step.loss.terms(step.trace.output, step.y, step.sample_weight)
        return {name: np.broadcast_to(each, self.targets.shape) for name, each in terms.items()}

    def letters_of_loss(self, row: int, j: int) -> dict[str, str]:
        """Those of a plain loss, and of T and D where something has a weight."""
        letters = super().letters_of_loss(row, j)
        return letters | (self.letters_of_weights(row, j) if self.has_weights else {})

    def letters_of_weights(self, row: int, j: int) -> dict[str, str]:
        """What T and D, and what is in them, stand for at unit j of a row."""
        step, terms = self.step, self.weighted()
        letters = {"D": self.show(step.loss.D(step.trace.output, step.y, step.sample_weight))}
        for name, each in terms.items():
            letters[name] = self.show(each[row, j])
            letters |= {f"{name}_{i + 1}": self.show(v) for i, v in enumerate(each[row])}
        s = 1.0 if step.sample_weight is None else step.sample_weight[row]
        letters["s"] = self.show(s)
        for name, letter in (("weight", "w"), ("pos_weight", "pos_weight")):
            given = getattr(step.loss, name, None)
            letters[letter] = self.show(1.0 if given is None else given[j])
        return letters | {"eps": self.show(getattr(step.loss, "label_smoothing", 0.0))}

    @property
    def counted(self) -> Array:
        """Which labels are not ignored."""
        ignored = getattr(self.step.loss, "ignore_index", None)
        y = self.step.y
        return np.ones(len(y), bool) if ignored is None else y != ignored

    def stated_weights(self) -> Iterator[Formula]:
        """What T and D of a loss are, where something has a weight."""
        if self.has_weights:
            for left in LETTERS:
                yield stated(self.step.loss, left, "weighted")
            yield self.stated_divisor()

    def stated_divisor(self) -> Formula:
        """What D is here."""
        stated_D = stated(self.step.loss, "D", "weighted")
        if not stated_D.plain or (self.step.loss.reduction == "mean" and not self.at_labels):
            return stated_D
        right = "sum over rows of s w" if self.step.loss.reduction == "mean" else "1"
        return Formula(f"D = {right}", stated_D.source)

    @property
    def at_labels(self) -> bool:
        """Whether a row counts as the weight of its label says."""
        return self.step.y.ndim == 1 and getattr(self.step.loss, "weight", None) is not None

    def weights_in_numbers(self) -> Iterator[Part]:
        """T of row 1, or s, and D."""
        step, terms = self.step, self.weighted()
        if not self.has_weights or not formula_of(step.loss, "D", "weighted"):
            return
        counts = step.y.ndim == 2 or self.counted[0]
        if self.few(5 * step.trace.output.shape[1], self.depth):
            for left in LETTERS:
                right = right_side(formula_of(step.loss, left, "weighted"))
                for j in range(step.trace.output.shape[1] if right else 0):
                    # where the label is ignored the formula does not hold
                    number = substituted(right, self.letters_of_loss(0, j)) if counts else ""
                    name = f"{left}_{j + 1}" if left == "T" else f"{left},{j + 1}"
                    yield self.line(name, number, terms[left][0, j])
        D = step.loss.D(step.trace.output, step.y, step.sample_weight)
        yield self.line("D", self.summed_weights(), D)

    def summed_weights(self) -> str:
        """D as a sum over the rows; "" where that is long, or D is 1."""
        step, loss = self.step, self.step.loss
        if loss.reduction == "sum" or self.rows > COLUMNS:
            return ""
        s = np.ones(self.rows) if step.sample_weight is None else step.sample_weight
        weight = getattr(loss, "weight", None)
        each = [self.show(v) for v in s]
        if step.y.ndim == 1:
            rows = [(self.show(v), int(label)) for v, label in zip(s, step.y, strict=True)]
            each = [
                v if weight is None else product(v, self.show(weight[label]))
                for (v, label), counts in zip(rows, self.counted, strict=True)
                if counts
            ]
        if not loss.averages_outputs:
            return total(each)
        summed = f"({total(each)})" if len(each) > 1 else each[0]
        return product(self.counts["k"], summed)

    def cost_in_numbers(self) -> str:
        """C as the sum over all rows; "" where that is long, or a logarithm counts as
        LOG_FLOOR.
        """
        match = re.fullmatch(
            r"C = (-?)sum (.+) / (\([^()]+\)|\w)",
            stated(self.step.loss, "C", self.stated_in).plain,
        )
        entries = self.counted_entries()
        if (
            not match
            or not self.few(2 * self.step.trace.output.size, self.depth)
            or self.on_the_floor()
        ):
            return ""
        terms = [substituted(readable(match[2]), self.letters_of_loss(r, j)) for r, j in entries]
        summed = terms[0] if len(terms) == 1 else f"({total(terms)})"
        below = substituted(match[3], self.letters_of_loss(0, 0))
        return f"{match[1]}{summed}/{below}" if all(terms) else ""

    def counted_entries(self) -> list[tuple[int, ...]]:
        """The row and output of each term of C: with labels those that
        have a target."""
        if self.step.y.ndim == 2:
            return [*np.ndindex(self.step.y.shape)]
        # the loss itself says what it makes of labels
        targets = self.weighted().get("T", self.targets)
        return [(int(r), int(j)) for r, j in np.argwhere(targets > 0)]
