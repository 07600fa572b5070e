"""The page tells of a step what refnet tells, without a browser: every pair of an
activation and a loss, every update rule, and weights along all their paths.
"""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

import refnet
from parity.page.tests.beside import page_answered
from parity.page.tests.reading import seen
from parity.page.tests.steps_told import STEPS, step
from parity.steps.cases import TRAINABLE
from refnet.activations import ACTIVATIONS, Elementwise
from refnet.explanation.page.words import vocabulary
from refnet.explanation.parts import Grid, Line, Words
from refnet.explanation.paths import Weight, followed
from refnet.losses import LOSSES

RULES = {
    "sgd": refnet.SGD(0.5, weight_decay=0.1),
    "momentum": refnet.SGD(0.5, momentum=0.9, dampening=0.25),
    "nesterov": refnet.SGD(0.5, momentum=0.9, nesterov=True),
    "adagrad": refnet.Adagrad(0.1, lr_decay=0.1),
    "rmsprop": refnet.RMSprop(0.1, momentum=0.5, centered=True),
    "adam": refnet.Adam(0.1, amsgrad=True),
    "adamw": refnet.AdamW(0.1),
}


def endings():
    """Every loss with every output that it takes."""
    for name, kind in LOSSES.items():
        for output in TRAINABLE:
            try:
                kind().check_output(ACTIVATIONS[output]())
            except ValueError:
                continue
            yield name, output


def kinks_are_far(explanation):
    """Whether no z and no a - y is so near to 0 that a difference would go over it."""
    trace, y = explanation.step.trace, np.asarray(explanation.step.y)
    gaps = [np.abs(layer.z).min() for layer in trace]
    if y.ndim == 2:
        gaps.append(np.abs(trace.output - y).min())
    return min(gaps) > 2.0**-4


def smooth(hidden, output, loss, rows):
    """The explanation of a step with such an ending, away from kinks."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        net = refnet.mlp([2, 3, 2], hidden=hidden, output=output, init="normal", seed=seed)
        x = rng.normal(size=(rows, 2))
        y = np.eye(2)[rng.integers(0, 2, rows)]
        explanation = refnet.explain(net, x, y, loss, 0.25)
        if kinks_are_far(explanation):
            return explanation
    raise AssertionError("no seed is away from kinks")


def pairs():
    """Explanations of every ending behind every activation in turn."""
    for i, (loss, output) in enumerate(endings()):
        hidden = TRAINABLE[i % len(TRAINABLE)]
        yield f"{hidden} {output} {loss}", smooth(hidden, output, loss, 1 + i % 3)


def ruled():
    """Explanations of a first step of every update rule, and of a third."""
    x, y = [[0.5, -1.0], [0.25, 2.0]], [[1.0], [0.0]]
    for name, given in RULES.items():
        for bias in (True, False):
            net = refnet.mlp([2, 3, 1], hidden="tanh", output="sigmoid", seed=1, bias=bias)
            rule = type(given)(**given.hyperparameters)
            yield f"{name}, first", refnet.explain(net, x, y, "mse", optimizer=rule)
            for _ in range(2):
                rule.step(net, net.loss_and_gradients(x, y, "mse")[1])
            yield f"{name}, third", refnet.explain(net, x, y, "mse", optimizer=rule)


def many_paths():
    """Three layers of softmax: to a weight of the first, 4 * 4 * 5 * 5 * 5 paths lead
    from each row.
    """
    net = refnet.mlp([1, 5, 5, 4], hidden="softmax", output="softmax", seed=1)
    x = np.random.default_rng(1).normal(size=(MOST // 2000 + 1, 1))
    return refnet.explain(net, x, [1] * len(x), "cross_entropy", 0.5)


def on_the_floor():
    """A probability of which the loss counts the logarithm as -100; 1 - a of the other
    is far from it.
    """
    net = refnet.Network([refnet.Dense([[-120.0], [0.5]], [0.0, 0.0], "sigmoid")])
    return refnet.explain(net, [[1.0]], [[0.0, 1.0]], "binary_cross_entropy", 0.5)


MOST = 50_000  # paths that the page walks
SMOOTH = dict(pairs())
TOLD = {
    **SMOOTH,
    **{f"{name} {i}": each for i, (name, each) in enumerate(ruled())},
    **{name: step(name) for name in STEPS},
    "many paths": many_paths(),
    "on the floor": on_the_floor(),
}


def weights_of(explanation):
    """Some of each layer: the first W, the last, and a bias."""
    for l, layer in enumerate(explanation.step.net.layers):
        rows, columns = layer.W.shape
        yield from ([l, 0, 0], [l, rows - 1, columns - 1])
        if layer.b is not None:
            yield [l, rows - 1, None]


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    """What the page tells of all of them, by one run of node."""
    scenes = [{"scene": each.scene(), "weights": [*weights_of(each)]} for each in TOLD.values()]
    question = {"words": vocabulary(), "scenes": scenes}
    answers = page_answered(tmp_path_factory.mktemp("page"), "stories.js", question)
    return dict(zip(TOLD, answers, strict=True))


def plain(line):
    """A line of refnet's text."""
    return f"{line.symbol} {line.relation} {' = '.join(line.sides)}"


@pytest.mark.parametrize("name", TOLD)
def test_the_page_tells_what_refnet_tells(stories, name):
    """Section by section: the same formulas, the same lines in all their digits, the
    same small arrays and the same words. What is given is said in other words, and one
    weight in a panel of its own.
    """
    _, *stages = stories[name]["stages"]
    _, *sections = [each for each in TOLD[name].sections if each.title[:10] != "One weight"]
    assert [stage["title"] for stage in stages] == [section.title for section in sections]
    for stage, section in zip(stages, sections, strict=True):
        lines, grids, words = (
            [part for part in section.parts if isinstance(part, kind)]
            for kind in (Line, Grid, Words)
        )
        assert stage["formulas"] == [formula.plain for formula in section.formulas]
        assert stage["lines"] == [*map(plain, lines)]
        assert stage["grids"] == [[*map(list, grid.rows)] for grid in grids]
        assert stage["words"] == [part.text for part in words]


# the numbers that refnet computed itself


@pytest.mark.parametrize("name", TOLD)
def test_the_page_computes_what_refnet_computed(stories, name):
    """Each array is compared, and none differs in the digits shown."""
    rows, own = stories[name]["compared"], TOLD[name].scene()["refnet"]
    arrays = [key if key == "C" else f"{key}^{l}" for key, l in arrays_of(own)]
    assert [row["name"] for row in rows] == arrays
    assert [row["name"] for row in rows if not row["isWithin"]] == []


def arrays_of(own):
    """The names of all that refnet computed, and the layers."""
    yield "C", 0
    for name, arrays in own.items():
        if name != "C":
            yield from ((name, l) for l, array in enumerate(arrays, 1) if array is not None)


# a gradient check


@pytest.mark.parametrize("name", SMOOTH)
def test_a_gradient_check_sees_nothing_of_a_right_step(stories, name):
    """Of any activation and any loss, away from kinks."""
    rows = stories[name]["check"]
    assert [row["name"] for row in rows if row["isOff"]] == []
    assert [row["name"] for row in rows] == ["W^1", "b^1", "W^2", "b^2"]
    assert [[row["tried"], row["of"]] for row in rows] == [[6, 6], [3, 3], [6, 6], [2, 2]]


@pytest.mark.parametrize("name", SMOOTH)
def test_a_gradient_check_sees_a_wrong_entry(stories, name):
    """One that is off by a ten-thousandth is named, and no other."""
    gradients = TOLD[name].step.gradients
    for wrong in stories[name]["wrong"]:
        l = int(wrong["array"][-1]) - 1
        first = gradients[l].dW[0, 0] if wrong["array"].startswith("W") else gradients[l].db[0]
        assert wrong["off"] == ([wrong["array"]] if first else [])


# paths


def sizes_of_paths(explanation, weight):
    """The sum of the sizes of all that the derivative of a weight is a sum of, and the
    most roundings that any of it goes through, in both ways of summing.

    A way from C down multiplies by f' (at most 3 roundings; softmax: 4, and a sum over
    its units), by W (1, and a sum over its units), and by the input; the gradient of
    the loss has a few (at most 8). Then come a sum over rows, or over all paths.
    """
    step, (layer, row, column) = explanation.step, weight
    g, roundings = np.abs(step.grad_output), 8
    for l in range(len(step.net.layers) - 1, layer - 1, -1):
        dense, (a_prev, z, a) = step.net.layers[l], step.trace[l]
        if isinstance(dense.activation, Elementwise):
            g = g * np.abs(dense.activation.derivative(z, a))
            roundings += 4
        else:
            g = a * (g + (g * a).sum(axis=1, keepdims=True))
            roundings += 6 + a.shape[1]
        if l > layer:
            g = g @ np.abs(dense.W)
            roundings += 1 + len(dense.W)
    inputs = 1.0 if column is None else np.abs(a_prev[:, column])
    return (g[:, row] * inputs).sum(), roundings + 1 + len(step.x)


@pytest.mark.parametrize("name", TOLD)
def test_all_paths_sum_up_to_the_gradient(stories, name):
    """Within what rounding allows to both; there are as many as refnet counts, and the
    largest are the same.
    """
    explanation = TOLD[name]
    for weight, paths in zip(weights_of(explanation), stories[name]["paths"], strict=True):
        l, row, column = weight
        theirs = followed(explanation.step, Weight(l + 1, row, column))
        assert paths["count"] == theirs.count
        assert (paths["sum"] is None) == (theirs.count > MOST)
        if paths["sum"] is None:
            continue
        size, roundings = sizes_of_paths(explanation, weight)
        k = 2 * (roundings + paths["count"]) * 2.0**-53
        assert abs(paths["sum"] - paths["entry"]) <= k / (1 - k) * size
        digits = [f"{abs(product):.9g}" for product in paths["largest"]]
        kept = sorted((abs(path.product) for path in theirs.kept), reverse=True)
        assert digits == [f"{product:.9g}" for product in kept[:5]]


# how it is drawn


def test_every_line_is_drawn_whole(stories):
    """As well-formed MathML, piece by piece, with all its letters and digits."""
    lines = {
        (line, math)
        for story in stories.values()
        for stage in story["stages"]
        for line, math in zip(stage["lines"], stage["math"], strict=True)
    }
    assert len(lines) > 1000
    for line, math in lines:
        root = ET.fromstring(f"<p>{math}</p>")  # noqa: S314 - the page wrote it
        assert {element.tag for element in root.iter()} <= ELEMENTS
        assert drawn(line) == sorted("".join(root.itertext()).replace(" ", "")), line


ELEMENTS = {"p", "math", "mrow", "mi", "mn", "mo", "msup", "msub", "msubsup", "mfrac", "mspace"}


def drawn(line):
    """The characters of a line as they are seen, in any order."""
    return sorted(seen(line))
