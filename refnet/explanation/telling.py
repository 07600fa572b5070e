"""The story of one training step: a section for each equation at each layer, in the
order of computation.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np

from refnet.activations import Elementwise
from refnet.backprop import masked
from refnet.checks import Array, counted
from refnet.explanation.dropout import THROUGH_DROPOUT, masked_input
from refnet.explanation.figures import product, total
from refnet.explanation.formulas import (
    applied_by,
    arguments,
    formula_of,
    named,
    pullback_of,
    readable,
    right_side,
    stated,
    substituted,
)
from refnet.explanation.lines import COLUMNS, NUMBERS
from refnet.explanation.parts import Formula, Line, Part, Section, Summary, Words, beyond
from refnet.explanation.regularised import clip_section, penalty_section, slope_section
from refnet.explanation.updates import given_state, taken_by, update_sections
from refnet.explanation.weights import WeightedLines

SUBSCRIPTS = (
    "Subscripts count from 1: $W^1_2,3$ is the weight to unit 2 of layer 1 from input 3, which "
    "is `net.layers[0].W[1, 2]`. "
    "$a^0$ is x, $delta$ is $dC/dz$, $dW$ is $dC/dW$, and $db$ is $dC/db$."
)
LARGE = (
    f"An equation is written in numbers where it takes at most {NUMBERS} of them in a layer of at "
    f"most {COLUMNS} units, and an array is shown where it has at most {NUMBERS} entries in "
    f"{COLUMNS} columns. A larger array is summed up by its shape, Euclidean norm and range."
)
BEYOND = (
    "Some numbers are beyond the range of floats: inf stands for one that is too large, nan for "
    "one without a value, such as inf - inf."
)
SATURATED = (
    "Where an output has been rounded to 0 or 1, the formula may read 0/0, which counts as 0."
)
UNBIASED = "The layer has no biases, so there is no $b^l$ to add."
THROUGH = Formula(
    "dC/da^l = delta^(l+1) W^(l+1)", "the first half of BP2: the chain rule through $z^(l+1)$"
)


class Story(WeightedLines):
    """The sections about one step."""

    def sections(self, last: Iterable[Section]) -> Iterator[Section]:
        """The whole story, in the order of computation; `last` comes last."""
        sections = [*self.computed(), *last]
        yield self.given([part for section in sections for part in section.parts])
        yield from sections

    def computed(self) -> Iterator[Section]:
        """The sections about what the step computes."""
        for l in range(1, self.depth + 1):
            mask = self.mask(l)
            if mask is not None:
                yield masked_input(self, l, mask)
            yield self.weighted_input(l)
            yield self.activation(l)
        yield self.cost()
        yield from penalty_section(self)
        yield self.output_delta()
        for l in range(self.depth - 1, 0, -1):
            yield self.hidden_delta(l)
        for l in range(self.depth, 0, -1):
            yield from self.bias_gradient(l)
            yield self.weight_gradient(l)
            yield from slope_section(self, l)
        yield from clip_section(self)
        yield from update_sections(self)

    # The sections

    def given(self, others: Sequence[Part]) -> Section:
        """The network and the batch, and how to read them and the `others` below."""
        step = self.step
        sizes = "-".join(map(str, step.net.sizes))
        first = (
            f"A {sizes} network in {step.net.dtype}, a batch of n = "
            f"{counted(self.rows, 'row')}, {taken_by(self)}."
        )
        rounded = (
            f"Everything is computed in full and shown with "
            f"{counted(self.digits, 'significant digit')}, just below 1 with more, so that 1 - a "
            f"has them too. A sum of shown numbers may be off in its last digit, and in all "
            f"digits where its terms cancel. {SUBSCRIPTS}"
        )
        parts: list[Part] = [self.array("x", step.x), *self.given_targets()]
        if step.sample_weight is not None:
            parts.append(self.array("s", step.sample_weight))
        for l, layer in enumerate(step.net.layers, start=1):
            units = f"{counted(layer.fan_in, 'input')}, {counted(layer.fan_out, 'unit')}"
            without = ", without biases" if layer.b is None else ""
            parts += [
                Words(f"Layer {l}: {units}, {named(layer.activation)}{without}"),
                self.array(f"W^{l}", layer.W),
            ]
            if layer.b is not None:
                parts.append(self.array(f"b^{l}", layer.b))
        parts += given_state(self)
        shown = [*parts, *others]
        large, far = any(isinstance(part, Summary) for part in shown), any(map(beyond, shown))
        words = [first, rounded, *[LARGE] * large, *[BEYOND] * far]
        return Section("Given", (*map(Words, words), *parts))

    def given_targets(self) -> Iterator[Part]:
        """y, and which outputs its labels mean."""
        y = self.step.y
        if y.ndim == 2 or y.size <= COLUMNS:
            yield self.array("y", y)
        if y.ndim == 1:
            label = int(y[self.counted][0]) if self.counted.any() else 0
            many = f"y holds {y.size} labels" if y.size > 1 else "y is a label"
            yield Words(f"{many}. Labels count from 0: label {label} means output {label + 1}.")

    def weighted_input(self, l: int) -> Section:
        """z: a sum of products and the bias, where there is one."""
        layer, trace = self.step.net.layers[l - 1], self.step.trace[l - 1]
        biases = [] if layer.b is None else [[self.show(b)] for b in layer.b]
        lines = (
            self.line(
                f"z^{l}_{j + 1}",
                total([*self.products(trace.a_prev[0], layer.W[j]), *bias]),
                trace.z[0, j],
            )
            for j, bias in enumerate(biases or [[]] * layer.fan_out)
        )
        added = "" if layer.b is None else f" + {layer.b.shape}"
        array = self.array(f"z^{l}", trace.z, f"{trace.a_prev.shape} {layer.W.shape}^T{added}")
        parts = self.in_numbers(l, lines, 2 * layer.W.size + len(biases), [array])
        return self.section("z", l, [*[Words(UNBIASED)] * (layer.b is None), *parts])

    def activation(self, l: int) -> Section:
        """a: f of each z."""
        f, trace = self.step.net.layers[l - 1].activation, self.step.trace[l - 1]
        lines = self.values(f, trace.z, trace.a, f"a^{l}_{{}}")
        parts = self.in_numbers(l, lines, arguments(f, trace.z), [self.array(f"a^{l}", trace.a)])
        return self.section("a", l, parts, stated(f, "f"))

    def cost(self) -> Section:
        """C, and the probabilities that a loss on logits makes for itself."""
        z, inner = self.step.trace.output, applied_by(self.step.loss)
        parts: list[Part] = []
        formulas = [stated(self.step.loss, "C", self.stated_in), *self.stated_weights()]
        if inner:
            name, p = f"{inner.name}(z^{self.depth})", inner.value(z)
            parts += self.in_numbers(
                self.depth,
                self.values(inner, z, p, f"{name}_{{}}"),
                arguments(inner, z),
                [self.array(name, p)],
            )
            formulas.append(stated(inner, "f"))
            parts.insert(
                0,
                Words(
                    f"The loss reads logits and applies {inner.name} itself; its z is the output "
                    f"a of the identity."
                ),
            )
        parts += self.weights_in_numbers()
        return self.section(
            "C", 0, [*parts, self.line("C", self.cost_in_numbers(), self.step.cost)], *formulas
        )

    def output_delta(self) -> Section:
        """BP1: dC/da from the loss, then through f."""
        loss, g = self.step.loss, self.step.grad_output
        left = "dC/da" if formula_of(loss, "dC/da", self.stated_in) else "dC/dz"
        formula, width = stated(loss, left, self.stated_in), g.shape[1]
        lines = self.loss_gradient(readable(right_side(formula.plain, terms=width)))
        return self.delta(
            "BP1",
            self.depth,
            self.array(f"dC/da^{self.depth}", g),
            g,
            lines,
            width * (width + 3 if "sum over" in formula.plain else 2),
            formula,
        )

    def loss_gradient(self, right: str) -> Iterator[Part]:
        """dC/da of row 1; a saturated output is not written in numbers, as its 0/0
        counts as 0.
        """
        a, g = self.step.trace.output[0], self.step.grad_output[0]
        saturated = [
            (v == 0.0 or (v == 1.0 and "1 - a" in right))
            and self.step.loss.reads == "probabilities"
            for v in a
        ]
        yield from [Words(SATURATED)] * any(saturated)
        for j, hidden in enumerate(saturated):
            yield self.line(
                f"dC/da^{self.depth}_{j + 1}",
                "" if hidden else substituted(right, self.letters_of_loss(0, j)),
                g[j],
            )

    def hidden_delta(self, l: int) -> Section:
        """BP2: dC/da from the deltas above, then through f."""
        above, W = self.step.gradients[l].delta, self.step.net.layers[l].W
        mask = self.mask(l + 1)
        g = masked(np.dot(above, W), mask)
        sums = [total(self.products(above[0], W[:, k])) for k in range(W.shape[1])]
        if mask is not None:
            sums = [f"({s})*{self.show(kept)}" for s, kept in zip(sums, mask[0], strict=True)]
        lines = (self.line(f"dC/da^{l}_{k + 1}", s, g[0, k]) for k, s in enumerate(sums))
        return self.delta(
            "BP2",
            l,
            self.array(f"dC/da^{l}", g, f"{above.shape} {W.shape}"),
            g,
            lines,
            2 * W.size,
            THROUGH if mask is None else THROUGH_DROPOUT,
        )

    def delta(
        self,
        label: str,
        l: int,
        array_g: Part,
        g: Array,
        lines_g: Iterable[Part],
        numbers_g: int,
        *formulas: Formula,
    ) -> Section:
        """What BP1 and BP2 have in common: g = dC/da comes back through f."""
        f, trace = self.step.net.layers[l - 1].activation, self.step.trace[l - 1]
        array, width = self.array(f"delta^{l}", self.step.gradients[l - 1].delta), g.shape[1]
        if isinstance(f, Elementwise):
            slopes = f.derivative(trace.z, trace.a)
            lines = chain(lines_g, self.slopes(l, slopes), self.scaled(l, g, slopes))
            parts = self.in_numbers(
                l, lines, numbers_g + 3 * width, [array_g, self.array(f"f'(z^{l})", slopes), array]
            )
            return self.section(label, l, parts, *formulas, stated(f, "f'"))
        parts = self.in_numbers(
            l,
            chain(lines_g, self.mixed(l, g)),
            numbers_g + 2 * width * (1 + width),
            [array_g, array],
        )
        words = Words(
            f"{type(f).__name__} mixes the units of a row, so the product with f' becomes a sum "
            f"over all of them."
        )
        pullback = Formula(pullback_of(f), stated(f, "f").source)
        return self.section(label, l, (words, *parts), *formulas, pullback)

    def slopes(self, l: int, slopes: Array) -> Iterator[Line]:
        """f'(z) of row 1."""
        f, trace = self.step.net.layers[l - 1].activation, self.step.trace[l - 1]
        for j, d in enumerate(slopes[0]):
            right = right_side(formula_of(f, "f'"), trace.z[0, j])
            yield self.line(
                f"f'(z^{l}_{j + 1})",
                substituted(right, self.letters(f, trace.z[0], trace.a[0], j)),
                d,
            )

    def scaled(self, l: int, g: Array, slopes: Array) -> Iterator[Line]:
        """delta of row 1 behind an elementwise f."""
        for j, d in enumerate(self.step.gradients[l - 1].delta[0]):
            factors = product(self.show(g[0, j]), self.show(slopes[0, j]))
            yield Line(
                f"delta^{l}_{j + 1}",
                factors,
                self.show(d),
                chain=f"dC/da^{l}_{j + 1} * f'(z^{l}_{j + 1})",
            )

    def mixed(self, l: int, g: Array) -> Iterator[Line]:
        """delta of row 1 behind softmax."""
        f, trace, delta = (
            self.step.net.layers[l - 1].activation,
            self.step.trace[l - 1],
            self.step.gradients[l - 1].delta,
        )
        right = right_side(pullback_of(f), terms=delta.shape[1])
        arriving = {f"dC/da_{i + 1}": self.show(v) for i, v in enumerate(g[0])}
        for j, d in enumerate(delta[0]):
            letters = (
                self.letters(f, trace.z[0], trace.a[0], j)
                | arriving
                | {"dC/da_j": arriving[f"dC/da_{j + 1}"]}
            )
            yield self.line(f"delta^{l}_{j + 1}", substituted(right, letters), d)

    def bias_gradient(self, l: int) -> Iterator[Section]:
        """BP3, where there are biases: a sum over rows."""
        delta, _, db = self.step.gradients[l - 1]
        if db is None:
            return
        lines = (
            self.line(f"db^{l}_{j + 1}", total(map(self.show, delta[:, j])), db[j])
            for j in range(len(db))
        )
        yield self.section(
            "BP3",
            l,
            lines
            if self.few(delta.size, l)
            else [self.array(f"db^{l}", db, f"{delta.shape} summed over rows")],
        )

    def weight_gradient(self, l: int) -> Section:
        """BP4: a sum over rows of products."""
        (delta, dW, _), a_prev = self.step.gradients[l - 1], self.step.trace[l - 1].a_prev
        lines = (
            self.line(
                f"dW^{l}_{j + 1},{k + 1}", total(self.products(delta[:, j], a_prev[:, k])), dW[j, k]
            )
            for j, k in np.ndindex(dW.shape)
        )
        arrays = [self.array(f"dW^{l}", dW, f"{delta.shape}^T {a_prev.shape}")]
        return self.section("BP4", l, lines if self.few(2 * dW.size * self.rows, l) else arrays)
