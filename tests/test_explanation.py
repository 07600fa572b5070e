"""The explanation says what the step did: every number of it, by every path, in three
formats.
"""

import ast
import itertools
import math
import re

import numpy as np
import pytest

import refnet
from refnet.activations import ACTIVATIONS
from refnet.explanation import computed
from refnet.explanation.figures import product, shown, total
from refnet.explanation.formulas import substituted
from refnet.explanation.paths import ALL, FEW, Weight, followed
from refnet.explanation.typesetting import WIDTH, typeset
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


def mazur():
    below = refnet.Dense([[0.15, 0.20], [0.25, 0.30]], [0.35, 0.35], "sigmoid")
    return (
        refnet.Network(
            [below, refnet.Dense([[0.40, 0.45], [0.50, 0.55]], [0.60, 0.60], "sigmoid")]
        ),
        [[0.05, 0.10]],
        [[0.01, 0.99]],
    )


# Reading the text back


def sections(text):
    """The title of each section with what stands under its formulas; a line that is
    broken is one again.
    """
    for block in text.split("\n\n")[1:]:
        title, _, *lines = block.splitlines()
        said = []
        for line in itertools.dropwhile(lambda line: line.startswith("    "), lines):
            if re.match(r"  \S", line):
                said.append(line.strip())
            else:
                said[-1] += " " + line.strip()
        yield title, said


SYMBOL = (
    r"path \d+(?: \(row \d+\))?|[^\s:]+|C before|C after(?: - C before)?|-lr \S+|th(?:es)?e [\w ]+"
)


def equalities(text):
    """(title, symbol, [side, ...]) of everything that is said to be equal."""
    for title, said in sections(text):
        for line in said:
            found = re.match(rf"({SYMBOL}) :?= (.*)", line)
            if found:
                yield title, found[1], found[2].split(" = ")


def results(text):
    """What each symbol comes to; an array as its rows.

    Given and step share the names W and b, so those go by section.
    """
    said = {}
    for title, symbol, sides in equalities(text):
        key = f"{title.split(':')[0]}: {symbol}" if symbol[0] in "Wb" else symbol
        rows = re.findall(r"\[([^\]]*)\]", sides[-1])
        said[key] = (
            [[float(entry) for entry in row.split()] for row in rows] if rows else float(sides[-1])
        )
    return said


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
def test_numbers_are_those_of_the_step(number, loss, output, rows, dtype):
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


def test_mazur():
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


class Sized:
    """A number whose computation is off by at most `steps` eps `size`: the size is the
    sum of |terms| that it is made of.

    With errors k1 eps s1 and k2 eps s2, a sum is off by (k1 + k2 + 1) eps (s1 + s2), a
    product by as much of s1 s2, a quotient of s1 s2 / v2^2; a function by |f'| k s + 4
    eps |f|, NumPy's functions being within 4 units in the last place.
    """

    def __init__(self, value, size=None, steps=0):
        self.value, self.size, self.steps = value, abs(value) if size is None else size, steps


def calculate(node):
    match node:
        case ast.Constant(value):
            return Sized(float(value))
        case ast.UnaryOp(ast.USub(), operand):
            x = calculate(operand)
            return Sized(-x.value, x.size, x.steps)
        case ast.Call(ast.Name(name), arguments):
            return applied(name, [calculate(argument) for argument in arguments])
        case ast.BinOp(left, ast.Pow(), ast.Constant(2)):
            return combined(ast.Mult(), calculate(left), calculate(left))
        case ast.BinOp(left, operator, right):
            return combined(operator, calculate(left), calculate(right))
    raise AssertionError(ast.dump(node))


def combined(operator, x, y):
    steps = x.steps + y.steps + 1
    match operator:
        case ast.Add():
            return Sized(x.value + y.value, x.size + y.size, steps)
        case ast.Sub():
            return Sized(x.value - y.value, x.size + y.size, steps)
        case ast.Mult():
            return Sized(x.value * y.value, x.size * y.size, steps)
        case ast.Div():
            return Sized(x.value / y.value, x.size * y.size / y.value**2, steps)
    raise AssertionError(operator)


def applied(name, arguments):
    x = arguments[0]
    match name:
        case "exp":
            return Sized(math.exp(x.value), math.exp(x.value) * (1 + x.size), x.steps + 4)
        case "log":
            return Sized(math.log(x.value), abs(math.log(x.value)) + x.size / x.value, x.steps + 4)
        case "tanh":
            return Sized(math.tanh(x.value), abs(math.tanh(x.value)) + x.size, x.steps + 4)
        case "max":
            return Sized(max(argument.value for argument in arguments), x.size, x.steps)
        case "abs":
            return Sized(abs(x.value), x.size, x.steps)
        case "sign":
            return Sized(float(np.sign(x.value)))
    raise AssertionError(name)


def evaluated(side):
    """The side of an equality as a number: the text is arithmetic, with ^ for a power
    and bars for the absolute value.
    """
    return calculate(
        ast.parse(re.sub(r"\|([^|]*)\|", r"abs(\1)", side).replace("^", "**"), mode="eval").body
    )


def in_numbers(side):
    return not set(re.findall(r"[A-Za-z]+", side)) - {"exp", "log", "tanh", "max", "sign", "e"}


@pytest.mark.parametrize("rows", [1, 2])
@every_pair
def test_substituted_numbers_give_the_result(number, loss, output, rows):
    """With every digit shown, what stands left of a result is it up to rounding;
    refnet's own form does at most 4 times the operations.
    """
    dtype = ("float64", "float32")[rows - 1]
    # each layer as wide as no other beside it, so that no width stands for another
    net, x, y, loss = case(number, loss, output, (2, 3, 4, 2), rows, dtype)
    explanation = str(refnet.explain(net, x, y, loss, 0.3, weight=(1, 1, 1), digits=17))
    checked = 0
    for _, symbol, sides in equalities(explanation):
        for side in filter(in_numbers, sides[:-1]):
            found, result = evaluated(side), float(sides[-1])
            assert (
                abs(found.value - result)
                <= 4 * (found.steps + 1) * np.finfo(dtype).eps * found.size
            ), (symbol, side)
            checked += 1
    assert checked >= 60


@every_pair
def test_every_line_is_put_into_numbers(number, loss, output):
    """In a small network no formula of an activation or a loss is left unread: each
    line has something between symbol and result.
    """
    net, x, y, loss = case(number, loss, output)
    lines = {
        symbol: sides for _, symbol, sides in equalities(str(refnet.explain(net, x, y, loss, 0.3)))
    }
    told = [symbol for symbol in lines if re.match(r"(z|a|delta|dC/da|dW)\^\d_", symbol)] + ["C"]
    straight = [
        f"a^{l}_"
        for l, layer in enumerate(net.layers, start=1)
        if layer.activation.name in ("identity", "relu", "leaky_relu")
    ]
    assert [
        symbol
        for symbol in told
        if len(lines[symbol]) < 2 and not symbol.startswith(tuple(straight))
    ] == []
    assert len(told) == 4 * 7 + 16 + 1


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
    """1 - a has as many digits as were asked for; a difference of costs is told without
    the costs, which may read alike.
    """
    net = refnet.Network([refnet.Dense([[9.6]], [0.0], "sigmoid")])
    text = str(refnet.explain(net, [[1.0]], [[0.5]], "mse", 1e-6))
    a, slope = re.search(r"f'\(z\^1_1\) = (\S+)\*\(1 - \1\) = (\S+)\n", text).groups()
    assert f"{float(a) * (1 - float(a)):.4g}" == slope
    assert re.search(r"  C after - C before = -\d\S+\n", text)
    assert "just below 1 with so many that 1 - a has them too." in " ".join(text.split())


# Formulas and sources


def test_each_equation_with_its_formula_and_source():
    """All eight, in the order of computation; the formulas of the activations and the
    loss are those of their docstrings.
    """
    net, x, y = mazur()
    explanation = refnet.explain(net, x, y, "half_squared_error", 0.5)
    assert list(
        dict.fromkeys(section.label for section in explanation.sections if section.label)
    ) == [*refnet.EQUATIONS]
    words = " ".join(str(explanation).split())
    for label, equation in refnet.EQUATIONS.items():
        assert f"{label}: {equation.name}" in words
        assert f"{equation.formula} [{equation.source}]" in words
        assert equation.latex in explanation.latex()
        assert equation.latex in explanation.markdown()
    assert (
        "f(z) = 1 / (1 + exp(-z)) [Sigmoid; Nielsen, Neural Networks and Deep Learning, chapter "
        "1, equation 3]" in words
    )
    assert "f' = a (1 - a) [Sigmoid; Nielsen," in words
    assert "C = sum (a - y)^2 / (2 n) [HalfSquaredError; Nielsen," in words


def test_equations_say_the_same_in_latex():
    """The plain formula, typeset, is the one written by hand but for spaces, brackets'
    sizes, and the sign of the elementwise product.
    """

    def bare(latex):
        return re.sub(r"\\(text|mathrm|left|right|cdot|odot)|[{}\s]", "", latex)

    for equation in refnet.EQUATIONS.values():
        plain = equation.formula.replace(", a mean over the n rows", "")
        assert bare(typeset(plain)) == bare(equation.latex.partition(r", \text{ a mean")[0])
        assert balanced(f"${equation.latex}$")


def test_order_of_the_story():
    """Forward layer by layer, then the cost, then BP1, BP2 from the top down, BP3 and
    BP4 from the top down, and the step.
    """
    net, x, y, loss = case(0, "mse", "sigmoid", sizes=(2, 3, 2, 2))
    told = [
        (section.label, section.layer)
        for section in refnet.explain(net, x, y, loss, 0.1).sections
        if section.label
    ]
    forward = [(label, l) for l in (1, 2, 3) for label in ("z", "a")]
    back = [("BP1", 3), ("BP2", 2), ("BP2", 1)] + [
        (label, l) for l in (3, 2, 1) for label in ("BP3", "BP4")
    ]
    assert told == [*forward, ("C", 0), *back, ("step", 1), ("step", 2), ("step", 3)]


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


def test_one_weight_in_words():
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


def test_one_bias_in_words():
    """A bias is told by its unit, its layer and where it stands in the network, with
    the entry of db beside the sum.
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


def weight_told(net, x, y, loss, weight):
    """What is said of one weight, in one line."""
    *_, (_, said) = sections(str(refnet.explain(net, x, y, loss, 0.1, weight=weight)))
    return " ".join(said)


def test_paths_with_a_factor_0():
    """They are counted, and the closing sentence speaks of the others: all, some, one,
    none.
    """
    net, x = refnet.mlp([2, 3, 2], "relu", "identity", seed=2), [[1.0, 2.0]]
    dead, alive = (
        weight_told(net, x, [[1.0, 0.0]], "mse", (1, 0, 0)),
        weight_told(net, x, [[1.0, 0.0]], "mse", (1, 2, 0)),
    )
    assert "2 units z^2. Along 2 of them a factor is 0. path 1" in dead
    assert dead.endswith(
        " No path is without a factor 0, so to first order a change of this weight alone does "
        "not change C."
    )
    assert "2 units z^2. path 1" in alive
    assert "the weight acts on C along all 2 paths, and the gradient is their sum." in alive
    one = weight_told(net, x, [[1.0, float(net.predict(x)[0, 1])]], "mse", (1, 2, 0))
    assert "2 units z^2. Along 1 of them a factor is 0. path 1" in one
    assert one.endswith(" One path alone is without a factor 0, so its product is the gradient.")
    input_0 = weight_told(
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


def test_rounding_parts_the_paths_from_the_equation():
    """In float32, dW is 0 where terms cancel that the paths keep apart: the difference
    is told.
    """
    mixed = refnet.Dense(np.array([[20.0], [0.0]], "f4"), np.zeros(2, "f4"), "softmax")
    net = refnet.Network([mixed, refnet.Dense(np.array([[1.0, 1.5]], "f4"), np.zeros(1, "f4"))])
    said = weight_told(net, [[0.8]], [[0.0]], "mse", (1, 0, 0))
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


def test_nobody_walks_all_paths():
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
def test_the_sum_of_the_paths_is_told(outputs):
    """Twelve paths are all told and add up to the gradient; of thirteen the five
    largest are, then their sum, the sum of the others, and the sum of the two.
    """
    net = refnet.mlp([2, 3, outputs], "tanh", "tanh", seed=1)  # a path for each output
    x, y, weight = [[1.0, 2.0]], np.zeros((1, outputs)), (1, 0, 1)
    paths = followed(computed(net, x, y, refnet.MSE(), 0.1), Weight(*weight))
    told = equalities(str(refnet.explain(net, x, y, "mse", 0.1, weight=weight)))
    said = [
        (symbol, sides)
        for _, symbol, sides in told
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


# Size and formats


def test_large_networks_are_told_by_shape_and_norm():
    """64-30-10 with 32 rows: each array with the shapes it comes from, its shape and
    norm, in few lines, however many rows there are.
    """
    net, rng = refnet.mlp([64, 30, 10], seed=1), np.random.default_rng(1)
    x, y = rng.normal(size=(320, 64)), rng.integers(0, 10, 320)
    text = str(refnet.explain(net, x[:32], y[:32], "cross_entropy", 0.1))
    dW = net.loss_and_gradients(x[:32], y[:32], "cross_entropy")[1][0].dW
    seen = f"norm {np.linalg.norm(dW):.4g}, entries from {dW.min():.4g} to {dW.max():.4g}"
    assert f"  dW^1: (32, 30)^T (32, 64) gives (30, 64); {seen}" in text.splitlines()
    assert "An equation is put into numbers where it takes at most 64 of them" in text
    assert len(text.splitlines()) <= 140
    assert len(str(refnet.explain(net, x, y, "cross_entropy", 0.1)).splitlines()) == len(
        text.splitlines()
    )
    assert "An equation is put into numbers" not in str(refnet.explain(*mazur(), "mse", 0.1))
    only_x = str(
        refnet.explain(
            refnet.mlp([9, 1], output="tanh", seed=1), np.ones((1, 9)), [[1.0]], "mse", 0.1
        )
    )
    assert re.findall(r"  (\S+): .*norm ", only_x) == ["x", "W^1"]
    assert "An equation is put into numbers" in only_x


# symbol, sizes, hidden, output, rows, how many numbers: the most that are told, and the
# fewest that are not
LIMITS = [
    ("z^1_1", [4, 7], "tanh", "tanh", 1, 2 * 4 * 7 + 7),
    ("z^1_1", [6, 5], "tanh", "tanh", 1, 2 * 6 * 5 + 5),
    ("a^1_1", [1, 7], "tanh", "softmax", 1, 7 * (7 + 1)),
    ("a^1_1", [1, 8], "tanh", "softmax", 1, 8 * (8 + 1)),
    # BP1: a and y of each unit, then dC/da and f' of each with each, beside its own a
    ("delta^1_1", [1, 4], "tanh", "softmax", 1, 2 * 4 + 2 * 4 * (1 + 4)),
    ("delta^1_1", [1, 5], "tanh", "softmax", 1, 2 * 5 + 2 * 5 * (1 + 5)),
    # BP2: delta and W, then as above; elementwise, z and a factor times f'
    ("delta^1_1", [1, 4, 3], "softmax", "tanh", 1, 2 * 4 * 3 + 2 * 4 * (1 + 4)),
    ("delta^1_1", [1, 3, 7], "softmax", "tanh", 1, 2 * 3 * 7 + 2 * 3 * (1 + 3)),
    ("delta^1_1", [1, 7, 3], "tanh", "tanh", 1, 2 * 7 * 3 + 3 * 7),
    ("delta^1_1", [1, 5, 5], "tanh", "tanh", 1, 2 * 5 * 5 + 3 * 5),
    ("db^1_1", [1, 8], "tanh", "tanh", 8, 8 * 8),
    ("db^1_1", [1, 5], "tanh", "tanh", 13, 5 * 13),
    ("dW^1_1,1", [4, 2], "tanh", "tanh", 4, 2 * 4 * 2 * 4),
    ("dW^1_1,1", [11, 1], "tanh", "tanh", 3, 2 * 11 * 1 * 3),
    ("W^1_1,1", [2, 7], "tanh", "tanh", 1, 3 * (2 * 7 + 7)),
    ("W^1_1,1", [10, 2], "tanh", "tanh", 1, 3 * (10 * 2 + 2)),
    ("C", [1, 8], "tanh", "tanh", 4, 2 * 8 * 4),
    ("C", [1, 3], "tanh", "tanh", 11, 2 * 3 * 11),
]


@pytest.mark.parametrize(("symbol", "sizes", "hidden", "output", "rows", "many"), LIMITS)
def test_at_most_64_numbers_are_told(symbol, sizes, hidden, output, rows, many):
    """An equation that takes at most 64 numbers is put into them, and one that takes
    more is not.
    """
    rng, net = np.random.default_rng(0), refnet.mlp(sizes, hidden, output, seed=1)
    x, y = rng.normal(size=(rows, sizes[0])), rng.normal(size=(rows, sizes[-1]))
    told = {
        name
        for _, name, sides in equalities(str(refnet.explain(net, x, y, "mse", 0.1)))
        if len(sides) > 1
    }
    assert (symbol in told) == (many <= 64)


@pytest.mark.parametrize(("units", "told"), [(8, True), (9, False)])
def test_at_most_8_units_are_told(units, told):
    """In a layer of at most 8 units the equations are put into numbers, in a wider one
    none is, and the layers around it do not count.
    """
    net = refnet.mlp([1, 1, units, 1], "tanh", "tanh", seed=1)
    said = results(str(refnet.explain(net, [[1.0]], [[0.5]], "mse", 0.1)))
    for symbol in ("z^{}_1", "a^{}_1", "delta^{}_1", "db^{}_1", "dW^{}_1,1", "step: W^{}_1,1"):
        assert [symbol.format(l) in said for l in (1, 2, 3)] == [True, told, True]


@pytest.mark.parametrize(
    ("shape", "seen"), [((8, 8), True), ((13, 5), False), ((1, 8), True), ((1, 9), False)]
)
def test_at_most_64_entries_in_8_columns_are_shown(shape, seen):
    """An array of at most 64 entries in at most 8 columns is shown, and a larger one is
    not.
    """
    net, x = refnet.mlp([shape[1], 1], output="tanh", seed=1), np.ones(shape)
    said = results(str(refnet.explain(net, x, np.zeros((len(x), 1)), "mse", 0.1)))
    assert said.get("x") == (x.tolist() if seen else None)


def numbers(text):
    """The numbers of a text in order, without those in sub- and superscripts."""
    text = re.sub(r" \\cdot 10\^\{(-?\d+)\}", lambda found: f"e{int(found[1]):+03d}", text)
    text = re.sub(r"[\^_](\{[^{}]*\}|\([^()]*\)|[A-Za-z0-9]+(,\d+)?)", " ", text)
    return re.findall(r"\d+(?:\.\d+)?(?:e[+-]\d+)?", text)


@every_pair
def test_three_formats_say_the_same(number, loss, output):
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


def test_markdown_and_latex():
    """Headings, a formula with its source, an array and equalities, as each format
    writes them.
    """
    net, x, y = mazur()
    explanation = refnet.explain(net, x, y, "half_squared_error", 0.5)
    markdown, latex = explanation.markdown(), explanation.latex()
    source = "Nielsen, Neural Networks and Deep Learning, chapter 2, equation 25"
    formula = "z^{l} = a^{l-1} (W^{l})^{T} + b^{l}"
    assert markdown.startswith("# One training step of a 2-2-2 network\n\n## Given\n\n")
    assert latex.startswith(
        "\\section*{One training step of a 2-2-2 network}\n\n\\subsection*{Given}\n\n"
    )
    assert f"\n\n## z: weighted input, layer 1\n\n$$\n{formula}\n$$\n\n*{source}*\n\n" in markdown
    assert (
        f"\n\n\\subsection*{{z: weighted input, layer "
        f"1}}\n\n\\[\n{formula}\n\\]\n\n{{\\small\\noindent {source}\\par}}\n\n" in latex
    )
    assert r"W^{1} = \begin{pmatrix} 0.15 & 0.2 \cr 0.25 & 0.3 \end{pmatrix}" in markdown
    assert r"W^{1} = \begin{pmatrix} 0.15 & 0.2 \\ 0.25 & 0.3 \end{pmatrix}" in latex
    first = r"z^{1}_{1} &= 0.05 \cdot 0.15 + 0.1 \cdot 0.2 + 0.35 = 0.3775"
    assert f"$$\n\\begin{{aligned}}\n{first} \\cr\nz^{{1}}_{{2}} &= " in markdown
    assert f"\\begin{{align*}}\n{first} \\\\\nz^{{1}}_{{2}} &= " in latex
    assert (
        r"is the weight to unit 2 of layer 1 from input 3, which is `net.layers[0].W[1, 2]`. "
        r"$a^{0}$ is x, $\delta$ is $" in markdown
    )
    assert "\\\\" not in markdown  # some renderers take it for one


def balanced(latex):
    """Whether braces, environments and formulas are closed in the order in which they
    are opened, and no formula has an empty line.
    """
    opened = []
    signs = r"\\\\|\\[\[\]]|\\[%#_&{}]|\\(?:begin|end)\{[a-z]+\*?\}|\$\$|[${}_^&#%]|\n\n"
    for piece in re.findall(signs, latex):
        name = re.sub(r"\\(begin|end)", "", piece)
        closes = {"}": "{", r"\]": r"\[", "$": "$", "$$": "$$"}.get(
            piece, name if piece.startswith(r"\end") else None
        )
        if closes and opened and opened[-1] == closes:
            opened.pop()
        elif piece in ("{", r"\[", "$", "$$") or piece.startswith(r"\begin"):
            opened.append(name if piece.startswith(r"\begin") else piece)
        elif closes or (piece == "\n\n" and opened) or (piece in "_^&" and not opened):
            return False
    return not opened


def test_balance_is_seen():
    """The check above refuses what LaTeX would refuse."""
    assert balanced("$a_{1}$ \\[ x^{2} \\] \\begin{align*} {a} &= b \\\\ \\end{align*}")
    wrong = [
        "{",
        "}",
        "$a",
        r"\[ a",
        r"\begin{align*} a",
        r"\begin{align*} \[ \end{align*} \]",
        r"{\end{align*}}",
        "$$ a $",
        "x_1 said",
    ]
    assert [text for text in wrong if balanced(text)] == []


def test_notation_typeset():
    """Indices, derivatives, sums, functions, words and scientific numbers."""
    assert (
        typeset("dC/dW^1_2,13 = 1.5e-07")
        == r"\frac{\partial C}{\partial W^{1}_{2,13}} = 1.5 \cdot 10^{-7}"
    )
    assert typeset("2*delta^1_2") == typeset("2 * delta^1_2") == r"2 \cdot \delta^{1}_{2}"
    assert (
        typeset("f(z)_j = exp(z_j) / sum over i of exp(z_i)")
        == r"f(z)_{j} = \exp(z_{j}) / \sum_{i} \exp(z_{i})"
    )
    assert typeset("1/2e-05 for z > 0") == r"1/(2 \cdot 10^{-5}) \text{ for } z > 0"
    assert (
        typeset("|-0.5 - 2|/3 and |dC/da|^2")
        == r"\left|-0.5 - 2\right|/3 \text{ and } \left|\frac{\partial C}{\partial a}\right|^{2}"
    )
    assert typeset("the other 3 = 2") == r"\text{ the other } 3 = 2"
    assert (
        typeset("softmax(z^2)_1 := lr a^(l-1)")
        == r"\mathrm{softmax}(z^{2})_{1} := \mathrm{lr} a^{l-1}"
    )


def test_brackets_only_around_several_terms():
    """C of one output is no sum."""
    net = refnet.Network([refnet.Dense([[0.0]], [0.5], "sigmoid")])
    cost = {
        loss: results_of_c(refnet.explain(net, [[1.0]], [[0.25]], loss, 1))
        for loss in ("mse", "mae", "binary_cross_entropy")
    }
    term = "0.25*log(0.6225) + (1 - 0.25)*log(1 - 0.6225)"
    assert cost == {
        "mse": "(0.6225 - 0.25)^2/(1*1)",
        "mae": "|0.6225 - 0.25|/(1*1)",
        "binary_cross_entropy": f"-({term})/(1*1)",
    }
    assert (
        results_of_c(refnet.explain(*mazur(), "mse", 1))
        == "((0.7514 - 0.01)^2 + (0.7729 - 0.99)^2)/(1*2)"
    )


def results_of_c(explanation):
    """C in numbers."""
    return next(sides[0] for title, symbol, sides in equalities(str(explanation)) if symbol == "C")


def test_long_lines_break_before_an_operator():
    """In every format."""
    net = refnet.mlp([9, 8, 2], hidden="tanh", seed=1)
    explanation = refnet.explain(net, [[0.5] * 9], [1], "cross_entropy", 0.1, weight=(1, 0, 2))
    assert len(re.findall(r"^ +[*+] ", str(explanation), re.MULTILINE)) >= 1
    assert len(re.findall(r"^&\\quad +(?:\\cdot|\+) ", explanation.latex(), re.MULTILINE)) >= 4
    for text in (str(explanation), explanation.latex(), explanation.markdown()):
        assert re.findall(r".* (?:\*|\+|-|\\cdot)(?: \\\\| \\cr)? *$", text, re.MULTILINE) == []


def test_latex_escapes():
    """What a docstring may say after "Source:" is text."""

    class Mine(refnet.Sigmoid):
        """f(z) = 1 / (1 + exp(-z)), f' = a (1 - a).

        Source: x^2 \\back ~ 5 % <a_b> {c}.
        """

    net = refnet.Network([refnet.Dense([[1.0]], [0.0], Mine())])
    source = (
        r"Mine; x\textasciicircum{}2 \textbackslash{}back \textasciitilde{} 5 \% "
        r"\textless{}a\_b\textgreater{} \{c\}"
    )
    assert (
        f"{{\\small\\noindent {source}\\par}}"
        in refnet.explain(net, [[0.0]], [[0.0]], "mse", 0.1).latex()
    )


# Corners


def test_width_one_and_one_layer():
    """The smallest network of all."""
    text = str(
        refnet.explain(
            refnet.Network([refnet.Dense([[2.0]], [1.0])]),
            [[3.0]],
            [[5.0]],
            "mse",
            0.25,
            weight=(1, 0, 0),
        )
    )
    assert "  z^1_1 = 3*2 + 1 = 7\n" in text
    assert "  delta^1_1 = dC/da^1_1 * f'(z^1_1) = 4*1 = 4\n" in text
    assert "  dW^1_1,1 = 4*3 = 12\n" in text
    assert "  W^1_1,1 := 2 - 0.25*12 = -1\n" in text


def test_wide_arrays_of_long_numbers_fit():
    """Eight columns of 17 digits go over several lines of a terminal, and are read back
    as they are.
    """
    net, x = refnet.mlp([8, 8], output="tanh", seed=5), np.random.default_rng(5).normal(size=(2, 8))
    text = str(refnet.explain(net, x, 0.0 * x, "mse", 0.1, digits=17))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert results(text)["x"] == x.tolist()


def test_an_activation_that_states_no_formula():
    """Its numbers are told without a substitution: a formula that it inherits would be
    another function's.
    """

    class Sigmoid_2(refnet.Sigmoid):
        def __init__(self):
            vars(self)["note"] = "a parameter that is no number"

        def value(self, z):
            return 2.0 * super().value(z)

        def derivative(self, z, a):
            return a * (1.0 - a / 2.0)

    net = refnet.Network([refnet.Dense([[1.0]], [0.0], Sigmoid_2())])
    explanation = refnet.explain(net, [[0.0]], [[0.0]], "mse", 0.1, weight=(1, 0))
    text = str(explanation)
    assert "  Layer 1: 1 input, 1 unit, Sigmoid_2\n" in text
    assert r"Layer 1: 1 input, 1 unit, Sigmoid\_2" in explanation.latex()
    assert "\n  a^1_1 = 1\n" in text
    assert "\n  f'(z^1_1) = 0.5\n" in text
    assert "exp" not in text


def test_parameters_of_an_activation_are_given():
    """The slope that stands in the formula, and the formula's branch for the z at
    hand.
    """
    net = refnet.Network([refnet.Dense([[1.0]], [0.0], refnet.LeakyReLU(0.25))])
    text = str(refnet.explain(net, [[-2.0]], [[0.0]], "mse", 0.1))
    assert "  Layer 1: 1 input, 1 unit, LeakyReLU (slope = 0.25)\n" in text
    assert "  a^1_1 = 0.25*(-2) = -0.5\n" in text


def test_a_batch_on_disk(tmp_path):
    """Targets of another dtype, memory-mapped, are rounded once, as for a step."""
    net, rng = refnet.mlp([3, 2], output="tanh", seed=1, dtype="float32"), np.random.default_rng(1)
    x, y = (
        np.memmap(tmp_path / name, dtype="float64", mode="w+", shape=(4, k))
        for name, k in (("x", 3), ("y", 2))
    )
    x[:], y[:] = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    step = computed(net, x, y, refnet.MSE(), 0.1)
    assert step.x.dtype == step.y.dtype == step.grad_output.dtype == "float32"
    assert step.cost == net.loss_and_gradients(x, y, "mse")[0]


def test_labels_are_said_to_count_from_0():
    """Subscripts count from 1, labels from 0, so a label is told with its output; more
    than 8 labels are told by their number alone.
    """
    net, rng = refnet.mlp([2, 3], seed=1), np.random.default_rng(1)
    text = str(refnet.explain(net, [[1, 2]], [2], "cross_entropy", 1))
    assert "  y = [2]\n  y is a label. Labels count from 0: label 2 means output 3.\n" in text
    text = str(refnet.explain(net, rng.normal(size=(9, 2)), [1] * 9, "cross_entropy", 1))
    assert "  y holds 9 labels. Labels count from 0: label 1 means output 2.\n" in text
    assert "  y = " not in text
    text = str(refnet.explain(net, rng.normal(size=(8, 2)), [1] * 8, "cross_entropy", 1))
    assert "  y = [1  1  1  1  1  1  1  1]\n  y holds 8 labels. Labels count from 0:" in text


@pytest.mark.parametrize("many", [1, 2])
def test_one_is_no_plural(many):
    """One row, input or unit is told without an s, and two with it."""
    s = "" if many == 1 else "s"
    net, x = refnet.mlp([many, many, 1], "tanh", "tanh"), np.ones((many, many))
    text = str(refnet.explain(net, x, np.zeros((many, 1)), "mse", 0.1))
    assert f", a batch of n = {many} row{s}, the loss MSE" in text
    assert f"\n  Layer 1: {many} input{s}, {many} unit{s}, Tanh\n" in text
    assert f"\n  Layer 2: {many} input{s}, 1 unit, Tanh\n" in text


def test_a_probability_on_the_floor_is_not_substituted():
    """log 0 counts as -100, which -log(0) would not say; and 0 log 0 = 0."""
    net = refnet.Network([refnet.Dense([[1.0], [-1.0]], [0.0, 0.0], "softmax")])
    text = str(refnet.explain(net, [[400.0]], [0], "cross_entropy", 0.1))
    assert "\n  C = 0\n" in text
    assert "log(" not in text


def test_a_saturated_output_is_not_substituted():
    """dC/da reads 0/0 there; what it counts as is said.

    An output of 1 is no such place where nothing is divided by 1 - a.
    """
    net = refnet.Network([refnet.Dense([[1.0], [1.0], [-50.0]], [0.0, 0.0, 0.0], "sigmoid")])
    text = str(refnet.explain(net, [[40.0]], [[1, 1, 0]], "binary_cross_entropy", 0.1))
    assert (
        "has been rounded to 0 or 1, the formula may read 0/0, which counts as 0.\n  dC/da^1_1 = "
        "-0.3333\n" in text
    )
    assert "/(1 - 1)" not in text
    net = refnet.Network([refnet.Dense([[0.0], [0.0]], [1000.0, 1.0], "softmax")])
    text = str(refnet.explain(net, [[1.0]], [0], "cross_entropy", 0.1))
    assert "\n  dC/da^1_1 = -1/(1*1) = -1\n  dC/da^1_2 = 0\n" in text
    assert "rounded to 0 or 1" not in str(refnet.explain(*mazur(), "mse", 0.1))


def test_softmax_of_large_logits():
    """exp(1000) is beyond a calculator, so it is said how the quotient is found; also
    where the loss applies softmax.
    """
    layer, note = (
        refnet.Dense([[0.0], [0.0]], [1000.0, 999.0]),
        "the largest z of the row is subtracted first",
    )
    text = str(refnet.explain(refnet.Network([layer]), [[1.0]], [0], "softmax_cross_entropy", 0.1))
    assert note in " ".join(text.split())
    assert "exp(1000)/(exp(1000) + exp(999)) = 0.7311\n" in text
    assert note not in " ".join(
        str(refnet.explain(refnet.mlp([2, 2], seed=1), [[1, 2]], [0], "cross_entropy", 1)).split()
    )


BEYOND = (
    "Some numbers leave the range of floats: inf stands for one that is too large, nan for one "
    "that cannot be told from such."
)


def test_numbers_beyond_the_range_of_floats():
    """A cost beyond every float before and after the step, and paths that go beyond
    where BP4 does not: told, and nothing made of them.
    """
    below = refnet.Dense([[0.0]], [0.0])
    net = refnet.Network([below, refnet.Dense([[1e150], [-1e150]], [1e155, 1e155])])
    text = " ".join(
        str(
            refnet.explain(
                net, [[1e5]], [[0.0, 0.0]], "half_squared_error", 1e-200, weight=(1, 0, 0)
            )
        ).split()
    )
    assert BEYOND in text
    assert text.partition(" The cost after the step ")[2].startswith(
        "----------------------- C before = inf C after = inf One weight"
    )
    assert (
        "dC/dW^1_1,1 = inf - inf = nan BP4 finds this number without walking a path and without "
        "leaving the range of floats:" in text
    )
    with pytest.raises(FloatingPointError, match="layer 1: new value of W has -inf"):
        refnet.explain(
            refnet.Network([refnet.Dense([[1.0]], [0.0])]), [[1e200]], [[1.0]], "mse", 1e-200
        )
    assert BEYOND not in " ".join(
        str(refnet.explain(*mazur(), "mse", 0.1, weight=(1, 0, 0))).split()
    )


TOO_LARGE = {
    "path": (
        [refnet.Dense([[0.0]], [0.0]), refnet.Dense([[1e305], [-1e305]], [1.0, 1.0])],
        [[1e5]],
        [[0.0, 0.0]],
        r" = inf - inf = nan",
    ),
    "entry": (
        [refnet.Dense([[1e300]], [0.0], "sigmoid")],
        [[0.0], [1e10]],
        [[0.0], [0.0]],
        r"z\^1 = \[ +0\]\s+\[inf\]",
    ),
    "norm": (
        [refnet.Dense([[1e200] * 9], [0.0])],
        [[0.0] * 9],
        [[0.0]],
        r"W\^1: .* norm inf, entries",
    ),
}


@pytest.mark.parametrize(("layers", "x", "y", "place"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_where_only_one_number_is_beyond(layers, x, y, place):
    """A product along a path, an entry of a later row, a norm."""
    text = str(
        refnet.explain(refnet.Network(layers), x, y, "half_squared_error", 1e-9, weight=(1, 0, 0))
    )
    assert re.search(place, text)
    assert BEYOND in " ".join(text.split())


def test_a_weight_given_as_an_array():
    """Any sequence of integers names it; a network's own indices often come as an
    array.
    """
    net, x, y = mazur()
    given = [
        (1, 0, 1),
        [1, 0, 1],
        np.array([1, 0, 1]),
        np.array([1, 0, 1], "uint8"),
        (np.int64(1), 0, 1),
    ]
    assert len({str(refnet.explain(net, x, y, "mse", 0.1, weight=weight)) for weight in given}) == 1


def test_the_step_says_what_u_is():
    """The general equation speaks of an optimizer's u, so that of gradient descent
    follows.
    """
    net, x, y = mazur()
    text = " ".join(str(refnet.explain(net, x, y, "mse", 0.1)).split())
    assert (
        "theta := theta - lr dC/dtheta [SGD without momentum, whose u is lr dC/dtheta without a "
        "state; Nielsen, " in text
    )


def test_a_step_too_far():
    """A cost beyond every float is told as inf; a parameter beyond is refused, as by
    the optimizer.
    """
    net, x, y = refnet.Network([refnet.Dense([[1.0]], [1.0])]), [[1.0]], [[100.0]]
    assert "  C after = inf\n" in str(refnet.explain(net, x, y, "mse", 1e300))
    with pytest.raises(
        FloatingPointError,
        match=re.escape("layer 1: new value of W has inf at [0, 0], expected finite values"),
    ):
        refnet.explain(net, x, y, "mse", 1e308)


WRONG = {
    "layer": (
        {"weight": (3, 0, 0)},
        ValueError,
        "explain: weight has (3, 0, 0), expected a layer from 1 to 2",
    ),
    "layer 0": (
        {"weight": (0, 0, 0)},
        ValueError,
        "explain: weight has (0, 0, 0), expected a layer from 1 to 2",
    ),
    "row": (
        {"weight": (1, 4, 0)},
        ValueError,
        "explain: weight has (1, 4, 0), expected a row from 0 to 3",
    ),
    "column": (
        {"weight": (2, 1, 4)},
        ValueError,
        "explain: weight has (2, 1, 4), expected a column from 0 to 3",
    ),
    "bias": (
        {"weight": (2, 2)},
        ValueError,
        "explain: weight has (2, 2), expected a row from 0 to 1",
    ),
    "entries": (
        {"weight": (1,)},
        ValueError,
        "explain: weight has 1 entries, expected (layer, row, column), or (layer, row) for a bias",
    ),
    "kind": (
        {"weight": 3},
        TypeError,
        "explain: weight has type int, expected (layer, row, column), or (layer, row) for a bias",
    ),
    "text": (
        {"weight": "W11"},
        TypeError,
        "explain: weight has type str, expected (layer, row, column), or (layer, row) for a bias",
    ),
    "float": (
        {"weight": (1, 0.0, 0)},
        TypeError,
        "explain: weight[1] has type float, expected an integer",
    ),
    "negative": (
        {"weight": (1, -1, 0)},
        ValueError,
        "explain: weight[1] has -1, expected an integer >= 0",
    ),
    "digits": ({"digits": 0}, ValueError, "explain: digits has 0, expected an integer >= 1"),
    "lr": ({"lr": -0.1}, ValueError, "explain: lr has -0.1, expected a finite number >= 0"),
    "lr kind": ({"lr": "0.1"}, TypeError, "explain: lr has type str, expected a number"),
    "loss": ({"loss": "l2"}, ValueError, "loss: name has 'l2', expected one of "),
    "pair": (
        {"loss": "softmax_cross_entropy"},
        ValueError,
        "SoftmaxCrossEntropy: reads logits, but the output layer has Softmax, ",
    ),
    "x": (
        {"x": [[1.0, 2.0]]},
        ValueError,
        "Dense 1 (W 4x3): input has shape (1, 2), expected (n, 3)",
    ),
    "y": ({"y": [2]}, ValueError, "CrossEntropy: y has label 2 at row 0, expected 0 to 1"),
}


@pytest.mark.parametrize(("given", "kind", "sentence"), WRONG.values(), ids=WRONG)
def test_bad_input_is_refused(given, kind, sentence):
    """What is not there, and what other doors refuse."""
    right = {"x": [[1.0, 2.0, 3.0]], "y": [1], "loss": "cross_entropy", "lr": 0.1}
    with pytest.raises(
        kind, match=f"^{re.escape(sentence)}{'' if sentence.endswith(' ') else '$'}"
    ):
        refnet.explain(refnet.mlp([3, 4, 2], seed=1), **(right | given))
