"""The explanation has the formulas and sources of the step, a size that can be read,
and three formats.
"""

import re

import numpy as np
import pytest

import refnet
from refnet.equations import PLAIN
from refnet.explanation.typesetting import typeset


@pytest.fixture
def results_of_c(equalities):
    """Tells C in numbers."""

    def c_in_numbers(explanation):
        return next(
            sides[0] for title, symbol, sides in equalities(str(explanation)) if symbol == "C"
        )

    return c_in_numbers


# Formulas and sources


def test_each_equation_with_its_formula_and_source(mazur):
    """All but dropout, in the order of computation; the formulas of the activations and
    the loss are those of their docstrings.
    """
    net, x, y = mazur()
    explanation = refnet.explain(net, x, y, "half_squared_error", 0.5)
    assert list(
        dict.fromkeys(section.label for section in explanation.sections if section.label)
    ) == [*PLAIN]
    words = " ".join(str(explanation).split())
    for label in PLAIN:
        equation = refnet.EQUATIONS[label]
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


def test_equations_say_the_same_in_latex(balanced):
    """The plain formula, typeset, is the one written by hand but for spaces, brackets'
    sizes, and the sign of the elementwise product.
    """

    def bare(latex):
        return re.sub(r"\\(text|mathrm|left|right|cdot|odot)|[{}\s]", "", latex)

    for equation in refnet.EQUATIONS.values():
        plain = equation.formula.replace(", a mean over the n rows", "")
        assert bare(typeset(plain)) == bare(equation.latex.partition(r", \text{ a mean")[0])
        assert balanced(f"${equation.latex}$")


# Size and formats


@np.errstate(all="ignore")  # BLAS may leave flags behind finite products
def test_large_networks_are_told_by_shape_and_norm(mazur):
    """64-30-10 with 32 rows: each array with the shapes it comes from, its shape and
    norm, in few lines, however many rows there are.
    """
    net, rng = refnet.mlp([64, 30, 10], seed=1), np.random.default_rng(1)
    x, y = rng.normal(size=(320, 64)), rng.integers(0, 10, 320)
    text = str(refnet.explain(net, x[:32], y[:32], "cross_entropy", 0.1))
    dW = net.loss_and_gradients(x[:32], y[:32], "cross_entropy")[1][0].dW
    seen = f"norm {np.linalg.norm(dW):.4g}, entries from {dW.min():.4g} to {dW.max():.4g}"
    assert f"  dW^1: (32, 30)^T (32, 64) gives (30, 64); {seen}" in text.splitlines()
    assert "An equation is written in numbers where it takes at most 64 of them" in text
    assert len(text.splitlines()) <= 140
    assert len(str(refnet.explain(net, x, y, "cross_entropy", 0.1)).splitlines()) == len(
        text.splitlines()
    )
    assert "An equation is written in numbers" not in str(refnet.explain(*mazur(), "mse", 0.1))
    only_x = str(
        refnet.explain(
            refnet.mlp([9, 1], output="tanh", seed=1), np.ones((1, 9)), [[1.0]], "mse", 0.1
        )
    )
    assert re.findall(r"  (\S+): .*norm ", only_x) == ["x", "W^1"]
    assert "An equation is written in numbers" in only_x


# symbol, sizes, hidden, output, rows, how many numbers: the most that are written, and
# the fewest that are not
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
def test_at_most_64_numbers_are_told(symbol, sizes, hidden, output, rows, many, equalities):
    """An equation that takes at most 64 numbers is written in them, and one that takes
    more is not.
    """
    rng, net = np.random.default_rng(0), refnet.mlp(sizes, hidden, output, seed=1)
    x, y = rng.normal(size=(rows, sizes[0])), rng.normal(size=(rows, sizes[-1]))
    in_numbers = {
        name
        for _, name, sides in equalities(str(refnet.explain(net, x, y, "mse", 0.1)))
        if len(sides) > 1
    }
    assert (symbol in in_numbers) == (many <= 64)


@pytest.mark.parametrize(("units", "in_numbers"), [(8, True), (9, False)])
def test_at_most_8_units_are_told(units, in_numbers, results):
    """In a layer of at most 8 units the equations are written in numbers, in a wider
    one none is, and the layers around it do not count.
    """
    net = refnet.mlp([1, 1, units, 1], "tanh", "tanh", seed=1)
    said = results(str(refnet.explain(net, [[1.0]], [[0.5]], "mse", 0.1)))
    for symbol in ("z^{}_1", "a^{}_1", "delta^{}_1", "db^{}_1", "dW^{}_1,1", "step: W^{}_1,1"):
        assert [symbol.format(l) in said for l in (1, 2, 3)] == [True, in_numbers, True]


@pytest.mark.parametrize(
    ("shape", "seen"), [((8, 8), True), ((13, 5), False), ((1, 8), True), ((1, 9), False)]
)
def test_at_most_64_entries_in_8_columns_are_shown(shape, seen, results):
    """An array of at most 64 entries in at most 8 columns is shown, and a larger one is
    not.
    """
    net, x = refnet.mlp([shape[1], 1], output="tanh", seed=1), np.ones(shape)
    said = results(str(refnet.explain(net, x, np.zeros((len(x), 1)), "mse", 0.1)))
    assert said.get("x") == (x.tolist() if seen else None)


def test_markdown_and_latex(mazur):
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


def test_balance_is_seen(balanced):
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


def test_brackets_only_around_several_terms(mazur, results_of_c):
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


def test_long_lines_break_before_an_operator():
    """In every format."""
    net = refnet.mlp([9, 8, 2], hidden="tanh", seed=1)
    explanation = refnet.explain(net, [[0.5] * 9], [1], "cross_entropy", 0.1, weight=(1, 0, 2))
    assert len(re.findall(r"^ +[*+] ", str(explanation), re.MULTILINE)) >= 1
    assert len(re.findall(r"^&\\quad +(?:\\cdot|\+) ", explanation.latex(), re.MULTILINE)) >= 4
    for text in (str(explanation), explanation.latex(), explanation.markdown()):
        assert re.findall(r".* (?:\*|\+|-|\\cdot)(?: \\\\| \\cr)? *$", text, re.MULTILINE) == []


def test_latex_escapes():
    """A source may have any characters: it is text."""

    class Mine(refnet.Sigmoid):
        formulas = refnet.Sigmoid.formulas
        source = r"x^2 \back ~ 5 % <a_b> {c}"

    net = refnet.Network([refnet.Dense([[1.0]], [0.0], Mine())])
    source = (
        r"Mine; x\textasciicircum{}2 \textbackslash{}back \textasciitilde{} 5 \% "
        r"\textless{}a\_b\textgreater{} \{c\}"
    )
    assert (
        f"{{\\small\\noindent {source}\\par}}"
        in refnet.explain(net, [[0.0]], [[0.0]], "mse", 0.1).latex()
    )
