"""The explanation says what the step did: every number of it, substituted, by every
path, in three formats.
"""

import re

import numpy as np
import pytest

import refnet
from refnet.activations import ACTIVATIONS
from refnet.explanation import computed
from refnet.explanation.figures import product, shown, total
from refnet.explanation.formulas import substituted
from refnet.explanation.paths import ALL, FEW, Weight, followed
from refnet.explanation.typesetting import WIDTH
from refnet.losses import LOSSES

TRAINABLE = [name for name, kind in ACTIVATIONS.items() if kind.trainable]
OUTPUTS = {
    "cross_entropy": ["softmax", "sigmoid"],
    "softmax_cross_entropy": ["identity"],
    "binary_cross_entropy": ["sigmoid"],
    "sigmoid_cross_entropy": ["identity"],
}
PAIRS = [(loss, output) for loss in LOSSES for output in OUTPUTS.get(loss, TRAINABLE)]
every_pair = pytest.mark.parametrize(
    ("number", "loss", "output"),
    [(i, *pair) for i, pair in enumerate(PAIRS)],
    ids=map("-".join, PAIRS),
)


def targets(rng, loss, n, k, labels=False):
    if loss in ("cross_entropy", "softmax_cross_entropy"):
        p = rng.random((n, k)) + 0.1
        return rng.integers(0, k, n) if labels else p / p.sum(axis=1, keepdims=True)
    return (
        rng.random((n, k)).round(2)
        if "binary" in loss or "sigmoid" in loss
        else rng.normal(size=(n, k)).round(2)
    )


def case(number, loss, output, sizes=(2, 3, 2, 2), rows=2, dtype="float64"):
    """A net with two hidden activations that go through all with the number, and a
    batch.
    """
    rng = np.random.default_rng(number)
    hidden = [TRAINABLE[(number + i) % len(TRAINABLE)] for i in range(len(sizes) - 2)]
    net = refnet.mlp(sizes, hidden=hidden, output=output, seed=number, dtype=dtype)
    net.parameters[:] *= 1.5
    return (
        net,
        rng.normal(size=(rows, sizes[0])).round(2),
        targets(rng, loss, rows, sizes[-1], labels=number % 2 == 0),
        loss,
    )


def rounded(values, digits):
    """With that many digits, and one more for each 9 that a number below 1 starts with:
    so many does 1 - a lose.
    """

    def one(value):
        nines = re.match(r"-?0\.(9*)", f"{value:.17f}")
        return float(f"{value:.{digits + (len(nines[1]) if nines else 0)}g}")

    return np.vectorize(one, otypes=[float])(values).tolist()


THREE = [(0, "half_squared_error", "tanh"), (1, "cross_entropy", "softmax"), (4, "mae", "relu")]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("number", "loss", "output"), THREE)
def test_numbers_are_those_of_the_step(number, loss, output, rows, dtype, results):
    """Each z, a, delta, dW, db, cost, and each parameter after SGD's step, with the
    digits asked for; all rows where there are several.
    """
    net, x, y, loss = case(number, loss, output, rows=rows, dtype=dtype)
    said = results(str(refnet.explain(net, x, y, loss, 0.3, digits=6)))
    value, gradients = net.loss_and_gradients(x, y, loss)
    after = net.copy()
    refnet.SGD(lr=0.3).step(after, gradients)
    after_value, _ = after.loss_and_gradients(x, y, loss)
    assert [said[name] for name in ("C", "C before", "C after")] == rounded(
        [value, value, after_value], 6
    )
    for l, (trace, gradient, new) in enumerate(
        zip(net.forward(x), gradients, after.layers, strict=True), start=1
    ):
        for name, rows_of_it in (("z", trace.z), ("a", trace.a), ("delta", gradient.delta)):
            assert [said[f"{name}^{l}_{j + 1}"] for j in range(new.fan_out)] == rounded(
                rows_of_it[0], 6
            )
            assert rows == 1 or said[f"{name}^{l}"] == rounded(rows_of_it, 6)
        for name, array in (
            (f"db^{l}", gradient.db),
            (f"dW^{l}", gradient.dW),
            (f"step: b^{l}", new.b),
            (f"step: W^{l}", new.W),
        ):
            assert [
                said[f"{name}_{','.join(str(i + 1) for i in at)}"] for at in np.ndindex(array.shape)
            ] == rounded(array.ravel(), 6)


def test_mazur(results, mazur):
    """The figures that Mazur's step-by-step example prints (he leaves the biases as
    they are, so his cost after the step is another).
    """
    net, x, y = mazur()
    said = results(str(refnet.explain(net, x, y, "half_squared_error", 0.5, digits=12)))
    printed = {
        "z^1_1": "0.3775",
        "a^1_1": "0.593269992",
        "a^1_2": "0.596884378",
        "a^2_1": "0.75136507",
        "a^2_2": "0.772928465",
        "C": "0.298371109",
        "delta^2_1": "0.138498562",
        "dW^2_1,1": "0.082167041",
        "dW^1_1,1": "0.000438568",
        "step: W^2_1,1": "0.35891648",
        "step: W^2_1,2": "0.408666186",
        "step: W^2_2,1": "0.511301270",
        "step: W^2_2,2": "0.561370121",
        "step: W^1_1,1": "0.149780716",
        "step: W^1_1,2": "0.19956143",
        "step: W^1_2,1": "0.24975114",
        "step: W^1_2,2": "0.29950229",
    }
    assert {
        name: f"{said[name]:.{len(figure) - 2}f}" for name, figure in printed.items()
    } == printed


def test_step_is_that_of_sgd():
    """The same bits as the optimizer's own, in both dtypes, and the cost after it."""
    for dtype in ("float64", "float32"):
        net, x, y, loss = case(3, "mse", "sigmoid", dtype=dtype)
        step = computed(net, x, y, loss, 0.1)
        _, gradients = net.loss_and_gradients(x, y, loss)
        after = net.copy()
        refnet.SGD(lr=0.1).step(after, gradients)
        assert np.array_equal(step.after.parameters, after.parameters)
        assert step.after.parameters.dtype == after.parameters.dtype == dtype
        assert step.cost_after == after.loss_and_gradients(x, y, loss)[0] != step.cost


def test_the_network_and_the_batch_stay_as_they_are():
    """Explaining a step does not take it."""
    net, x, y, loss = case(1, "mse", "sigmoid")
    before = [net.parameters.tobytes(), x.tobytes(), y.tobytes()]
    refnet.explain(net, x, y, loss, 0.5, weight=(1, 0, 0)).latex()
    assert [net.parameters.tobytes(), x.tobytes(), y.tobytes()] == before


# Substituted numbers give the result


@pytest.mark.parametrize("rows", [1, 2])
@every_pair
def test_substituted_numbers_give_the_result(number, loss, output, rows, recomputed):
    """With every digit shown, what stands left of a result is it up to rounding;
    refnet's own form does at most 4 times the operations.
    """
    dtype = ("float64", "float32")[rows - 1]
    # each layer as wide as no other beside it, so that no width stands for another
    net, x, y, loss = case(number, loss, output, (2, 3, 4, 2), rows, dtype)
    explanation = str(refnet.explain(net, x, y, loss, 0.3, weight=(1, 1, 1), digits=17))
    written, wrong = recomputed(explanation, dtype)
    assert wrong == []
    assert len(written) >= 60


ALL_SETTINGS = {"weight": [0.5, 2.0], "pos_weight": [3.0, 0.25], "label_smoothing": 0.125}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("rows", [1, 2])
@every_pair
def test_weights_in_numbers_give_the_result(number, loss, output, rows, reduction, recomputed):
    """T and D are written out where rows, classes or outputs have weights, and C and
    BP1 with them.
    """
    net, x, y, name = case(number, loss, output, (2, 3, 4, 2), rows)
    kept = {key: ALL_SETTINGS[key] for key in ALL_SETTINGS if key in LOSSES[name].defaults}
    loss = LOSSES[name](reduction=reduction, **kept)
    explanation = str(
        refnet.explain(net, x, y, loss, 0.3, digits=17, sample_weight=[2, 0.5][:rows])
    )
    written, wrong = recomputed(explanation, float)
    assert wrong == []
    letters = {"T_1", "T_2"} & {*written} or {"T_1,1", "T_1,2", "T_0,1", "T_0,2"} & {*written}
    assert len(letters) == {"values": 0}.get(loss.reads, 4 if "T_0,1" in letters else 2)
    assert {"C", "dC/da^3_1", "dC/da^3_2"} <= {*written}
    # of one row D may be its weight, which needs no sum
    assert rows == 1 or ("D" in written) == (reduction == "mean")


@every_pair
def test_every_line_is_put_into_numbers(number, loss, output, equalities):
    """In a small network no formula of an activation or a loss is left unread: each
    line has something between symbol and result.
    """
    net, x, y, loss = case(number, loss, output)
    lines = {
        symbol: sides for _, symbol, sides in equalities(str(refnet.explain(net, x, y, loss, 0.3)))
    }
    computed_symbols = [
        symbol for symbol in lines if re.match(r"(z|a|delta|dC/da|dW)\^\d_", symbol)
    ] + ["C"]
    straight = [
        f"a^{l}_"
        for l, layer in enumerate(net.layers, start=1)
        if layer.activation.name in ("identity", "relu", "leaky_relu")
    ]
    assert [
        symbol
        for symbol in computed_symbols
        if len(lines[symbol]) < 2 and not symbol.startswith(tuple(straight))
    ] == []
    assert len(computed_symbols) == 4 * 7 + 16 + 1


def test_numbers_in_the_place_of_letters():
    """Products are written out, negative numbers and powers get brackets, a letter
    without a value leaves the formula alone.
    """
    values = {"a": "-0.5", "y": "2", "n": "3", "s": "1e-05"}
    assert substituted("a (1 - a) / (2 n)", values) == "-0.5*(1 - (-0.5))/(2*3)"
    assert substituted("1 - a^2", values) == "1 - (-0.5)^2"
    assert substituted("s^2 - y log a", values) == "(1e-05)^2 - 2*log(-0.5)"
    assert substituted("|a - y| / n", values) == "|-0.5 - 2|/3"
    assert substituted("max(a, 0) exp(-a)", values) == "max(-0.5, 0)*exp(-(-0.5))"
    assert substituted("a unknown", values) == ""
    assert total([product("-2", "-0.5", "3"), product("-1", "4"), "5"]) == "-2*(-0.5)*3 - 1*4 + 5"


def test_shown_digits():
    """As many as asked for, but 1 is said only of 1, so that 1 - a stays visible; there
    is no minus zero.
    """
    assert [shown(v, 4) for v in (0.123456, -1234567.0, 1.0, -0.0)] == [
        "0.1235",
        "-1.235e+06",
        "1",
        "0",
    ]
    assert [shown(v, 4) for v in (0.99999, -0.999996, 1.0000003)] == [
        "0.99999",
        "-0.999996",
        "1.0000003",
    ]
    assert [shown(v, 4) for v in (0.8765432, 0.98765432, -0.99998765432)] == [
        "0.8765",
        "0.98765",
        "-0.99998765",
    ]
    assert [shown(1 - 2.0**-53, digits) for digits in (4, 20)] == [
        "0.99999999999999989",
        "0.99999999999999988898",
    ]


def test_a_slope_near_0_can_be_recomputed():
    """1 - a has as many digits as were asked for; a difference of costs is shown
    without the costs, which may read alike.
    """
    net = refnet.Network([refnet.Dense([[9.6]], [0.0], "sigmoid")])
    text = str(refnet.explain(net, [[1.0]], [[0.5]], "mse", 1e-6))
    a, slope = re.search(r"f'\(z\^1_1\) = (\S+)\*\(1 - \1\) = (\S+)\n", text).groups()
    assert f"{float(a) * (1 - float(a)):.4g}" == slope
    assert re.search(r"  C after - C before = -\d\S+\n", text)
    assert "just below 1 with more, so that 1 - a has them too." in " ".join(text.split())


# One weight, by all paths


def jacobian(layer, z, a):
    """da_i/dz_j of one row and, for a bound, the sizes of the terms of which it is the
    sum: a_i [i = j] and a_i a_j for softmax.
    """
    if layer.activation.name == "softmax":
        return np.diag(a) - np.outer(a, a), np.diag(a) + np.outer(a, a)
    slopes = np.diag(layer.activation.derivative(z, a))
    return slopes, abs(slopes) + (
        np.diag(abs(a)) if layer.activation.name in ("sigmoid", "tanh") else 0.0
    )


def walked(step, weight):
    """Every path to the weight, one by one: ((row, units), product, size of the
    product).
    """
    net, L = step.net, len(step.net.layers)
    for r in range(len(step.x)):
        last = (
            1.0
            if weight.column is None
            else float(step.trace[weight.layer - 1].a_prev[r, weight.column])
        )
        ends = [((i,), float(g), abs(float(g))) for i, g in enumerate(step.grad_output[r])]
        for l in range(L, weight.layer - 1, -1):
            trace, layer = step.trace[l - 1], net.layers[l - 1]
            J, S = (array.astype(float) for array in jacobian(layer, trace.z[r], trace.a[r]))
            mixes = layer.activation.name == "softmax"
            ends = [
                ((*u, j), p * J[u[-1], j], s * S[u[-1], j])
                for u, p, s in ends
                for j in range(layer.fan_out)
                if mixes or j == u[-1]
            ]
            if l > weight.layer:
                W = layer.W.astype(float)
                ends = [
                    ((*u, k), p * W[u[-1], k], s * abs(W[u[-1], k]))
                    for u, p, s in ends
                    for k in range(layer.fan_in)
                ]
        yield from (((r, u), p * last, s * abs(last)) for u, p, s in ends if u[-1] == weight.row)


def weights(net):
    for l, layer in enumerate(net.layers, start=1):
        yield from (Weight(l, row, column) for row, column in np.ndindex(layer.W.shape))
        yield from (Weight(l, row, None) for row in range(layer.fan_out))


@every_pair
def test_sum_over_all_paths_is_the_gradient(number, loss, output):
    """For every weight and bias: a product of m factors is off by m eps of it, a sum of
    N by N eps of the sizes; BP4 adds up the same.
    """
    dtype = ("float64", "float32")[number % 2]
    net, x, y, loss = case(number, loss, output, rows=1 + number % 2, dtype=dtype)
    step = computed(net, x, y, loss, 0.1)
    for weight in weights(net):
        paths, all_of_them = followed(step, weight), [*walked(step, weight)]
        gradient = step.gradients[weight.layer - 1]
        entry = (
            gradient.db[weight.row]
            if weight.column is None
            else gradient.dW[weight.row, weight.column]
        )
        factors = 4 * (len(net.layers) - weight.layer + 1) + 2
        bound = (
            2
            * (len(all_of_them) + 2 * factors)
            * np.finfo(dtype).eps
            * sum(size for _, _, size in all_of_them)
        )
        assert paths.count == len(all_of_them)
        assert paths.live == sum(product != 0.0 for _, product, _ in all_of_them)
        assert abs(paths.sum - float(entry)) <= bound
        assert len(paths.kept) == (paths.count if paths.count <= ALL else FEW)
        known = {where: (product, size) for where, product, size in all_of_them}
        for path in paths.kept:
            product, size = known[path.row, path.units]
            assert abs(path.product - product) <= 2 * factors * np.finfo(dtype).eps * size
        others = sorted((abs(product) for _, product, _ in all_of_them), reverse=True)[
            len(paths.kept) :
        ]
        assert not others or others[0] <= min(abs(path.product) for path in paths.kept) + bound


# The text as a whole


def test_order_of_the_story():
    """Forward layer by layer, then the cost, then BP1, BP2 from the top down, BP3 and
    BP4 from the top down, and the step.
    """
    net, x, y, loss = case(0, "mse", "sigmoid", sizes=(2, 3, 2, 2))
    order = [
        (section.label, section.layer)
        for section in refnet.explain(net, x, y, loss, 0.1).sections
        if section.label
    ]
    forward = [(label, l) for l in (1, 2, 3) for label in ("z", "a")]
    back = [("BP1", 3), ("BP2", 2), ("BP2", 1)] + [
        (label, l) for l in (3, 2, 1) for label in ("BP3", "BP4")
    ]
    assert order == [*forward, ("C", 0), *back, ("step", 1), ("step", 2), ("step", 3)]


def numbers(text):
    """The numbers of a text in order, without those in sub- and superscripts."""
    text = re.sub(r" \\cdot 10\^\{(-?\d+)\}", lambda match: f"e{int(match[1]):+03d}", text)
    text = re.sub(r"[\^_](\{[^{}]*\}|\([^()]*\)|[A-Za-z0-9]+(,\d+)?)", " ", text)
    return re.findall(r"\d+(?:\.\d+)?(?:e[+-]\d+)?", text)


@every_pair
def test_three_formats_say_the_same(number, loss, output, balanced):
    """The same numbers in the same order, in ASCII; the text fits a terminal, and the
    LaTeX is well formed.
    """
    net, x, y, loss = case(number, loss, output, rows=1 + number % 3)
    explanation = refnet.explain(net, x, y, loss, 1e-5, weight=(1, 0, 1))
    text, markdown, latex = str(explanation), explanation.markdown(), explanation.latex()
    assert numbers(text) == numbers(markdown) == numbers(latex)
    assert "e-0" in text
    assert (text + markdown + latex).isascii()
    assert max(map(len, text.splitlines())) <= WIDTH == 100
    assert not set("$`") & set(text)
    assert balanced(latex)
    assert balanced(markdown)
