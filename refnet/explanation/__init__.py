"""One training step explained in numbers: equation by equation, in plain text, Markdown
and LaTeX.

    parts          what an explanation is made of
    figures        how a number is shown
    formulas       numbers in the place of letters
    lines          one step's numbers, line by line
    stepping       the step of an optimizer, on a copy
    dropout        the section about a layer that drops inputs
    weights        the lines about weights of rows and classes
    regularised    penalties and clipping
    updates        the step of each layer, and the cost after it
    rules          what an optimizer does to each W and b
    arithmetic     what a formula comes to
    telling        the story of a step
    paths          one weight, summed over all paths
    chain_rule     the section about that weight
    typesetting    plain text, Markdown, LaTeX
    mathml         formulas in MathML
    page           a page that steps through it

>>> import refnet
>>> net = refnet.Network([refnet.Dense([[0.5, -1.0]], [0.25], "sigmoid")])
>>> explanation = refnet.explain(
...     net, [[1.0, 2.0]], [[1.0]], "half_squared_error", lr=0.5
... )
>>> [line for line in str(explanation).splitlines() if line.startswith("  z^1_1")]
['  z^1_1 = 1*0.5 + 2*(-1) + 0.25 = -1.25']
>>> print(explanation.only("BP4").sections[0])
BP4: weight gradient, layer 1
-----------------------------
    dW^l = (delta^l)^T a^(l-1)
        [Nielsen, Neural Networks and Deep Learning, chapter 2, equation BP4]
  dW^1_1,1 = -0.1346*1 = -0.1346
  dW^1_1,2 = -0.1346*2 = -0.2691
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refnet.backprop import Masks
from refnet.checks import counted, instance, integer
from refnet.clipping import Clipping
from refnet.equations import EQUATIONS
from refnet.explanation.chain_rule import weight_section
from refnet.explanation.lines import ComputedStep
from refnet.explanation.page import Scene, page_of
from refnet.explanation.page.scenes import scene_of
from refnet.explanation.parts import Section
from refnet.explanation.paths import Weight
from refnet.explanation.regularised import regularised
from refnet.explanation.stepping import rule_of, stepped
from refnet.explanation.telling import Story
from refnet.explanation.typesetting import LATEX, MARKDOWN, folded, formatted, plain
from refnet.losses import Loss, checked
from refnet.network import Network
from refnet.optimizers import Optimizer
from refnet.regularisers import Penalty


@dataclass(frozen=True)
class Explanation:
    """A training step explained in numbers: `print` it, or write it as `markdown()` or
    `latex()`. All three say the same. `sections` are its parts, which can be printed
    too, and `only` picks some of them.
    """

    title: str
    sections: tuple[Section, ...]
    step: ComputedStep = field(repr=False, compare=False)
    weight: Weight | None = field(default=None, repr=False, compare=False)
    digits: int = field(default=4, repr=False, compare=False)

    def __str__(self) -> str:
        return plain(self.title, self.sections)

    def _repr_html_(self) -> str:
        return folded(self.title, self.sections)

    def only(self, quantity: str, layer: int | None = None) -> "Explanation":
        """The sections about one equation, by its label in `refnet.EQUATIONS`, or about
        a quantity that equations write, such as "delta" or "dW"; in all layers or in
        one.

        Errors: ValueError or TypeError where there is no such section.
        """
        labels = {e.label for e in EQUATIONS.values() if quantity in (e.label, *e.writes)}
        chosen = [section for section in self.sections if section.label in labels]
        if not chosen:
            known = ", ".join(dict.fromkeys(filter(None, (s.label for s in self.sections))))
            raise ValueError(
                f"only: quantity has {quantity!r}, expected one of {known}, or what one writes"
            )
        if layer is not None:
            chosen = _of_layer(chosen, quantity, integer("only", "layer", layer, low=0))
        return replace(self, sections=tuple(chosen))

    def markdown(self) -> str:
        """With formulas between double dollar signs, as GitHub and Jupyter render
        them.
        """
        return formatted(self.title, self.sections, MARKDOWN)

    def latex(self) -> str:
        """A fragment for a document with amsmath; its blocks may be long, so it likes
        `\\\\allowdisplaybreaks`.
        """
        return formatted(self.title, self.sections, LATEX)

    def html(self, path: str | PathLike[str] | None = None) -> str:
        """One static page that steps through it, written to `path` where one is given:
        the network drawn, each equation with its numbers, weights and data that can be
        edited, and as many steps more as wanted.

        It needs no server and no network, and opens by a double click. Its numbers are
        float64, whatever the network's dtype.

        Errors: ValueError where the step has what the page does not compute: weights of
            rows or of a loss, masks, a penalty, clipping, biases that do not decay;
            where it has more than 200,000 parameters and inputs, or comes to infinity.
            TypeError for an activation, loss or optimizer that is not refnet's own.
            OSError where `path` cannot be written.
        """
        text = page_of([self.scene()])
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def scene(self, about: str = "") -> Scene:
        """The step as data for a page that has several to choose from."""
        return scene_of(self.step, self.title, str(self), self.weight, self.digits, about)


def _of_layer(sections: list[Section], quantity: str, layer: int) -> list[Section]:
    """Those about one layer."""
    chosen = [section for section in sections if section.layer == layer]
    if not chosen:
        known = ", ".join(str(l) for l in sorted({section.layer for section in sections}))
        raise ValueError(f"only: layer has {layer}, expected one of {known} for {quantity}")
    return chosen


def explain(
    net: Network,
    x: ArrayLike,
    y: ArrayLike,
    loss: str | Loss,
    lr: float | None = None,
    weight: Sequence[int] | NDArray[np.integer] | None = None,
    digits: int = 4,
    sample_weight: ArrayLike | None = None,
    masks: Masks = (),
    penalty: str | Penalty | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    optimizer: str | Optimizer | None = None,
) -> Explanation:
    """One training step explained equation by equation with its numbers; `net` is not
    changed. With `lr` it is a step of gradient descent, theta := theta - lr dC/dtheta;
    with an `optimizer`, a name or an object as `fit` takes it, its next step; with
    neither the story ends with the gradients.

    The state of the optimizer is read and stays as it is. An optimizer given by name
    has the lr that is given, an object has its own. Each W and b is told with all that
    its formulas name: Adam's m, v, m_hat and v_hat.

    One quantity at a time: `print(explanation.sections[3])`; `[s for s in
    explanation.sections if s.label == "BP2" and s.layer == 1]`, where labels are those
    of `refnet.EQUATIONS`; or `explanation.only("BP2", layer=1)`, `only("dW")`.

    The formulas show the numbers of the first row; arrays show all rows. BP3 and BP4
    are sums over rows. An equation is written in numbers where it takes at most 64 of
    them in a layer of at most 8 units. An array is shown where it has at most 64
    entries in 8 columns; a larger one is summed up by its shape, Euclidean norm and
    range. Numbers are computed in full and shown with `digits` significant digits;
    just below 1 they get more, so that 1 - a has `digits` too. A number beyond the
    range of floats is shown as inf.

    `weight` is (layer, row, column) for an entry of W, or (layer, row) for one of b.
    Layers count from 1, rows and columns from 0, as in `dW[row, column]`. Its
    derivative is then written as the sum over all paths from C down to it: every path
    where there are at most 12, else the 5 largest and the sum of the others.

    With the masks of `net.draw_masks` it is a step in training with dropout, and the
    cost after it is that with the same masks. A penalty is added to the cost, and its
    gradient to dW; what is clipped before the step is said by its norm or its entries.
    The derivative of one `weight` by paths is that of the loss alone.

    Shapes: x (n, fan_in); y as the loss wants it; sample_weight (n,); a mask as the
        input of its layer.
    Torch: none; torch.optim.SGD(lr=lr), or the optimizer's counterpart, takes the same
        step.
    Errors: ValueError or TypeError for unusable input, lr < 0, an lr beside an
        optimizer object, which has its own, an optimizer of another network, digits
        < 1, or a weight that the network does not have; FloatingPointError where the
        step would make a parameter infinite or NaN.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2.
    """
    instance("explain", "net", net, Network)
    digits = integer("explain", "digits", digits, low=1)
    followed = None if weight is None else _weight(net, weight)
    regularisers = Penalty.of(penalty), Clipping.of(clip_norm, clip_value)
    step = computed(net, x, y, loss, lr, sample_weight, masks, *regularisers, optimizer)
    story = Story(step, digits)
    # a norm or a product that overflows is shown as inf
    with np.errstate(all="ignore"):
        sections = tuple(story.sections([weight_section(story, followed)] if followed else []))
    what = "way forward and back" if step.after is None else "training step"
    title = f"One {what} of a {'-'.join(map(str, net.sizes))} network"
    return Explanation(title, sections, step, followed, digits)


def computed(
    net: Network,
    x: ArrayLike,
    y: ArrayLike,
    loss: str | Loss,
    lr: float | None = None,
    sample_weight: ArrayLike | None = None,
    masks: Masks = (),
    penalty: Penalty | None = None,
    clipping: Clipping | None = None,
    optimizer: str | Optimizer | None = None,
) -> ComputedStep:
    """The step, taken on a copy by a copy of the optimizer."""
    rule = rule_of(net, optimizer, lr)
    loss = net.trainable_with(loss)
    # a parameter that overflows is refused by the rule, a cost is shown as inf
    with np.errstate(all="ignore"):
        trace = net.forward(x, masks)
        rows = np.ascontiguousarray(net.check_inputs(x), net.dtype)
        weights = net.check_weights(sample_weight, len(rows))
        weighted = checked(loss, weights)
        gradients = net.backward(trace, loss, y, weights)
        targets = net.check_targets(loss, y, len(rows))
        targets = targets if targets.ndim == 1 else targets.astype(net.dtype)
        whole, clipped = regularised(net.layers, gradients, penalty, clipping)
        step = ComputedStep(
            net=net,
            x=rows,
            y=targets,
            loss=loss,
            trace=trace,
            gradients=gradients,
            grad_output=weighted.gradient(trace.output, targets),
            cost=weighted.value(trace.output, targets),
            sample_weight=weights,
            penalty=penalty,
            clipping=clipping,
            whole=whole,
            stepped=clipped,
        )
        step = step if rule is None else stepped(step, rule)
    # the page is made later, when the caller's own may have changed
    return step._replace(net=net.copy(), x=rows.copy(), y=targets.copy())


def _weight(net: Network, given: Any) -> Weight:
    """The layer, row and column of a weight or bias that the network has."""
    given = given.tolist() if isinstance(given, np.ndarray) else given
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TypeError(
            f"explain: weight has type {type(given).__name__}, expected (layer, row, column), or "
            f"(layer, row) for a bias"
        )
    if len(given) not in (2, 3):
        raise ValueError(
            f"explain: weight has {counted(len(given), 'entry', 'entries')}, expected (layer, "
            f"row, column), or (layer, row) for a bias"
        )
    layer, row, *column = (
        integer("explain", f"weight[{i}]", entry, low=0) for i, entry in enumerate(given)
    )
    place = (layer, row, *column)
    _within(place, "layer", layer, 1, len(net.layers))
    _within(place, "row", row, 0, net.sizes[layer] - 1)
    if column:
        _within(place, "column", column[0], 0, net.sizes[layer - 1] - 1)
    elif net.layers[layer - 1].b is None:
        raise ValueError(
            f"explain: weight has {place}, expected (layer, row, column): layer {layer} has no "
            f"biases"
        )
    return Weight(layer, row, column[0] if column else None)


def _within(weight: tuple[int, ...], what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"explain: weight has {weight}, expected a {what} from {low} to {high}")
