"""One weight, explained by its paths to the cost."""

import math
import re

import numpy as np
import pytest

import refnet
from refnet.explanation import computed
from refnet.explanation.figures import shown, total
from refnet.explanation.paths import FEW, Weight, followed
from refnet.explanation.typesetting import WIDTH


@pytest.fixture
def weight_sentences(sections):
    """Tells what is said of one weight, in one line."""

    def sentences(net, x, y, loss, weight):
        *_, (_, said) = sections(str(refnet.explain(net, x, y, loss, 0.1, weight=weight)))
        return " ".join(said)

    return sentences


def test_one_weight_in_words(sections):
    """Its paths with names and numbers, their number, their sum, the entry of dW beside
    it, and that one path is not the gradient.
    """
    net = refnet.mlp([3, 4, 2], seed=1)
    x, y = [[0.5, -1.0, 2.0]], [1]
    (title, said), *_ = reversed(
        [*sections(str(refnet.explain(net, x, y, "cross_entropy", 0.1, weight=(1, 0, 2))))]
    )
    dW = net.loss_and_gradients(x, y, "cross_entropy")[1][0].dW[0, 2]
    assert title == "One weight: W^1_1,3 by the chain rule"
    assert (
        said[0]
        == "W^1_1,3 is the weight to unit 1 of layer 1 from its input 3, net.layers[0].W[0, 2]."
    )
    assert "There are 4 paths from C to this weight: 2 units a^2 times 2 units z^2. " in " ".join(
        said
    )
    chains = [line.split(" = ")[1] for line in said if line.startswith("path ")]
    tail = " * dz^2_{j}/da^1_1 * da^1_1/dz^1_1 * dz^1_1/dW^1_1,3"
    assert chains == [
        f"dC/da^2_{i} * da^2_{i}/dz^2_{j}{tail.format(j=j)}" for i in (1, 2) for j in (1, 2)
    ]
    assert [line for line in said if line.startswith("dW")] == [f"dW^1_1,3 = {dW:.4g}"]
    assert next(line for line in said if line.startswith("dC/dW")).endswith(f" = {dW:.4g}")
    # the class that is not the label's
    assert "so that paths part there too. Along 2 of them a factor is 0." in " ".join(said)
    moral = (
        "A single path is not the gradient: the weight acts on C along the 2 paths without a "
        "factor 0, and the gradient is their sum."
    )
    assert moral in " ".join(said)


def test_one_bias_in_words(sections):
    """A bias is described by its unit, its layer and its place in the network, and the
    sum is followed by its entry of db.
    """
    net, x, y = refnet.mlp([3, 4, 2], seed=1), [[0.5, -1.0, 2.0]], [1]
    *_, (title, said) = sections(
        str(refnet.explain(net, x, y, "cross_entropy", 0.1, weight=(2, 1)))
    )
    db = net.loss_and_gradients(x, y, "cross_entropy")[1][1].db[1]
    assert title == "One weight: b^2_2 by the chain rule"
    assert said[0] == "b^2_2 is the bias of unit 2 of layer 2, net.layers[1].b[1]."
    assert "BP3 finds this number without walking a path:" in said
    assert f"db^2_2 = {db:.4g}" in said


def test_paths_with_a_factor_0(weight_sentences):
    """They are counted, and the closing sentence speaks of the others: all, some, one,
    none.
    """
    net, x = refnet.mlp([2, 3, 2], "relu", "identity", seed=2), [[1.0, 2.0]]
    dead, alive = (
        weight_sentences(net, x, [[1.0, 0.0]], "mse", (1, 0, 0)),
        weight_sentences(net, x, [[1.0, 0.0]], "mse", (1, 2, 0)),
    )
    assert "2 units z^2. Along 2 of them a factor is 0. path 1" in dead
    assert dead.endswith(
        " No path is without a factor 0, so to first order a change of this weight alone does "
        "not change C."
    )
    assert "2 units z^2. path 1" in alive
    assert "the weight acts on C along all 2 paths, and the gradient is their sum." in alive
    one = weight_sentences(net, x, [[1.0, float(net.predict(x)[0, 1])]], "mse", (1, 2, 0))
    assert "2 units z^2. Along 1 of them a factor is 0. path 1" in one
    assert one.endswith(" One path alone is without a factor 0, so its product is the gradient.")
    input_0 = weight_sentences(
        refnet.mlp([2, 9, 2], "tanh", "tanh", seed=2),
        [[0.0, 2.0]] * 8,
        [[0.0, 0.0]] * 8,
        "mse",
        (1, 0, 0),
    )
    assert "Along 16 of them a factor is 0. 5 of them: path 1" in input_0


def test_more_paths_than_fit_64_bits():
    """Their number is exact, as is that of those without a factor 0."""
    net = refnet.mlp([4] * 40, "tanh", "tanh", seed=1)
    net.layers[20].W[0, 0] = 0.0
    paths = followed(computed(net, [[1.0] * 4], [[0.0] * 4], refnet.MSE(), 0.1), Weight(1, 0, 0))
    assert (paths.count, paths.live) == (4**38, 4**38 - 4**36)


def test_rounding_parts_the_paths_from_the_equation(weight_sentences):
    """In float32, dW is 0 where terms cancel that the paths keep apart: the text says
    by how much the two differ.
    """
    mixed = refnet.Dense(np.array([[20.0], [0.0]], "f4"), np.zeros(2, "f4"), "softmax")
    net = refnet.Network([mixed, refnet.Dense(np.array([[1.0, 1.5]], "f4"), np.zeros(1, "f4"))])
    said = weight_sentences(net, [[0.8]], [[0.0]], "mse", (1, 0, 0))
    walked = re.search(r"dC/dW\^1_1,1 = .* = -(\S+) BP4", said)[1]
    why = "but for rounding, as it adds in another order and in float32"
    assert (
        f"BP4 finds this number without walking a path {why}; here the two differ by {walked}: "
        f"dW^1_1,1 = 0 " in said
    )


def test_only_paths_to_the_weight_are_sorted(monkeypatch):
    """Products that arrive at other units of its layer are not looked at."""
    net, sort, entries = refnet.mlp([3, 50, 4], hidden="tanh", seed=1), np.argsort, []
    step = computed(net, [[1.0, 2.0, 3.0]], [2], refnet.CrossEntropy(), 0.1)
    monkeypatch.setattr(
        np, "argsort", lambda a, **given: entries.append(a.size) or sort(a, **given)
    )
    assert followed(step, Weight(1, 7, 1)).kept[0].units[-1] == 7
    # da^2_i/dz^2_j, then dz^2_j/da^1_8 with the 4 products kept at each z^2_j
    assert entries == [4 * 4, 4 * 4]


def test_a_single_path_is_said_to_be_one():
    """With one layer and an elementwise output there is one path, and its product is
    the gradient; a bias' last factor is 1.
    """
    net, x, y = refnet.Network([refnet.Dense([[0.5, -1.0]], [0.25], "tanh")]), [[1.0, 2.0]], [[1.0]]
    text = str(refnet.explain(net, x, y, "mse", 0.1, weight=(1, 0)))
    assert "There is one path from C to this weight." in text
    assert "With one path, its product is the gradient." in text
    assert "path 1 = dC/da^1_1 * da^1_1/dz^1_1 * dz^1_1/db^1_1 = " in text
    assert (
        re.search(r"\*1 = (\S+)\n", text)[1]
        == f"{net.loss_and_gradients(x, y, 'mse')[1][0].db[0]:.4g}"
    )


def test_nobody_walks_all_paths(results):
    """Ten units in each of nine layers, softmax at the top: 2 10^9 paths and their
    exact sum, by recursion.
    """
    net = refnet.mlp([10] * 10, hidden="tanh", seed=2)
    x, y = np.random.default_rng(2).normal(size=(2, 10)), [3, 8]
    explanation = refnet.explain(net, x, y, "cross_entropy", 0.1, weight=(1, 4, 7))
    text = str(explanation)
    broken = r"\frac{\partial C}{\partial W^{1}_{5,8}} &= \sum_{\text{ rows and paths }} \frac"
    assert f"\\begin{{align*}}\n{broken}" in explanation.latex()
    dW = net.loss_and_gradients(x, y, "cross_entropy")[1][0].dW[4, 7]
    choices = "2 rows of the batch times 10 units a^9 times 10 units z^9 times 10 units z^8 times "
    assert f"There are {2 * 10**9} paths from C to this weight: {choices}" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= WIDTH
    said = results(text)
    assert said["dW^1_5,8"] == said["dC/dW^1_5,8"] == float(f"{dW:.4g}")
    assert f"the other {2 * 10**9 - FEW} = " in text


@pytest.mark.parametrize("outputs", [12, 13])
def test_the_sum_of_the_paths_is_told(outputs, equalities):
    """Twelve paths are all shown and add up to the gradient; of thirteen the five
    largest are, then their sum, the sum of the others, and the sum of the two.
    """
    net = refnet.mlp([2, 3, outputs], "tanh", "tanh", seed=1)  # a path for each output
    x, y, weight = [[1.0, 2.0]], np.zeros((1, outputs)), (1, 0, 1)
    paths = followed(computed(net, x, y, refnet.MSE(), 0.1), Weight(*weight))
    lines = equalities(str(refnet.explain(net, x, y, "mse", 0.1, weight=weight)))
    said = [
        (symbol, sides)
        for _, symbol, sides in lines
        if symbol[:2] in ("th", "dC") and "a" not in symbol
    ]
    first = total(shown(path.product, 4) for path in paths.kept)
    if outputs == 12:
        assert said == [("dC/dW^1_1,2", [first, shown(paths.sum, 4)])]
        return
    kept, rest = shown(math.fsum(path.product for path in paths.kept), 4), shown(paths.rest, 4)
    assert said == [
        ("these 5", [first, kept]),
        ("the other 8", [rest]),
        ("dC/dW^1_1,2", [total([kept, rest]), shown(paths.sum, 4)]),
    ]


def test_the_chain_of_a_deep_network_names_each_unit():
    """One letter for each layer's unit, also where there are more layers than letters;
    the text still fits.
    """
    net = refnet.mlp([2] * 16, hidden="tanh", output="tanh", seed=3)
    text = str(refnet.explain(net, [[1.0, 2.0]], [[0.0, 0.0]], "mse", 0.1, weight=(1, 0, 0)))
    rule = (
        " ".join(text.split()).partition("dC/dW^1_1,1 = sum over paths of ")[2].partition(" [")[0]
    )
    units = dict(re.findall(r"dz\^(\d+)_(\w+)/da", rule))
    assert len(units) == len(set(units.values())) == 14
    assert f"There are {2**14} paths" in text
