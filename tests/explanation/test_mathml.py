"""Formulas in MathML: well-formed, whole, and set as they are written by hand."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet.activations import ACTIVATIONS
from refnet.explanation.mathml import mathml, mathml_of
from refnet.explanation.page.words import vocabulary
from refnet.explanation.telling import THROUGH
from refnet.explanation.typesetting import typeset
from refnet.explanation.updates import DESCENT
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

STATED = {
    f"{kind.__name__} {field}: {left}": formula
    for kind in (*ACTIVATIONS.values(), *LOSSES.values())
    for field in ("formulas", "weighted")
    for left, formula in getattr(kind, field, {}).items()
}
STATED |= {
    f"{kind.__name__}: {formula}": formula
    for kind in OPTIMIZERS.values()
    for formula in kind.formulas.values()
}
LATEX = {
    **{label: equation.latex for label, equation in refnet.EQUATIONS.items()},
    **{name: typeset(formula) for name, formula in STATED.items()},
    **{each.plain: typeset(each.plain) for each in (THROUGH, DESCENT)},
}
# elements that hold others, and how many of them; None is any number
CHILDREN = {
    "math": None,
    "mrow": None,
    "msqrt": None,
    "msub": 2,
    "msup": 2,
    "munder": 2,
    "mover": 2,
    "mfrac": 2,
    "msubsup": 3,
    "munderover": 3,
}
TOKENS = {"mi", "mo", "mn", "mtext"}


def parsed(text):
    return ET.fromstring(text)  # noqa: S314 - refnet wrote it


def shape(element):
    """Refuses what is no MathML: another element, or another number of children."""
    if element.tag == "mspace":
        assert len(element) == 0
        assert set(element.attrib) == {"width"}
    elif element.tag in TOKENS:
        assert element.text
        assert len(element) == 0
    else:
        assert CHILDREN[element.tag] in (None, len(element)), element.tag
        assert not (element.text or "").strip()
    assert not (element.tail or "").strip()
    for child in element:
        shape(child)


HAT = "\N{MODIFIER LETTER CIRCUMFLEX ACCENT}"


def content(element):
    """All that is read, from left to right."""
    for over in element.iter("mover"):
        over[1].text = over[1].text.replace("^", HAT)  # a hat, no sign of LaTeX
    return "".join(element.itertext()).replace("\N{NO-BREAK SPACE}", "")


ABOVE = {"tilde": "~", "hat": HAT}
WRITTEN = {
    r"\alpha": "\N{GREEK SMALL LETTER ALPHA}",
    r"\beta": "β",
    r"\varepsilon": "ε",
    r"\delta": "δ",
    r"\theta": "θ",
    r"\partial": "∂",
    r"\cdot": "⋅",
    r"\odot": "⊙",
    r"\sum": "∑",
    "-": "\N{MINUS SIGN}",
    "'": "\N{PRIME}",
}


def bare(latex):
    """What is read of a formula in LaTeX; here an index comes before a power."""
    latex = re.sub(r"\\(tilde|hat)\{(\w)\}", lambda match: match[2] + ABOVE[match[1]], latex)
    for command, sign in WRITTEN.items():
        latex = latex.replace(command, sign)
    return re.sub(r"\\(?:text|mathrm|left|right|frac|sqrt|exp|log|tanh|max)", kept, latex)


def kept(match):
    """A command that names a function is read; one that sets others is not."""
    name = match[0][1:]
    return name if name in ("exp", "log", "tanh", "max") else ""


@pytest.mark.parametrize("name", LATEX)
def test_every_formula_is_well_formed_and_whole(name):
    """All its letters and signs are there in their order, and nothing of LaTeX."""
    element = parsed(mathml(LATEX[name]))
    assert element.tag == "math"
    assert element.attrib == {"display": "block"}
    shape(element)
    assert content(element) == re.sub(r"[{}^_\s]", "", bare(LATEX[name]))
    assert not set(content(element)) & set("\\{}^_")


def test_every_formula_of_the_page_is_one_of_these():
    """What a reader sees is what was tried above; that it is a block the page says."""

    def formulas(tree):
        if "mathml" in tree:
            yield tree["mathml"]
            return
        for branch in tree.values():
            if isinstance(branch, dict):
                yield from formulas(branch)

    seen = {*formulas(vocabulary())}
    assert seen <= {mathml(latex).replace(' display="block"', "") for latex in LATEX.values()}
    assert len(seen) >= 25


A_BELOW = "<msup><mi>a</mi><mrow><mi>l</mi><mo>-</mo><mn>1</mn></mrow></msup>"
# with the signs of a keyboard for minus and prime
BY_HAND = {
    "z": "<msup><mi>z</mi><mi>l</mi></msup><mo>=</mo>"
    + A_BELOW
    + "<msup><mrow><mo>(</mo><msup><mi>W</mi><mi>l</mi></msup><mo>)</mo></mrow><mi>T</mi></msup>"
    "<mo>+</mo><msup><mi>b</mi><mi>l</mi></msup>",
    "BP1": "<msup><mi>δ</mi><mi>L</mi></msup><mo>=</mo>"
    "<mfrac><mrow><mi>∂</mi><mi>C</mi></mrow>"
    "<mrow><mi>∂</mi><msup><mi>a</mi><mi>L</mi></msup></mrow></mfrac>"
    "<mo>⊙</mo><mi>f</mi><mo>'</mo><mo>(</mo>"
    "<msup><mi>z</mi><mi>L</mi></msup><mo>)</mo>",
    "BP3": "<msup><mi>db</mi><mi>l</mi></msup><mo>=</mo>"
    "<munder><mo>∑</mo><mtext>rows</mtext></munder><msup><mi>δ</mi><mi>l</mi></msup>",
    "BP4": "<msup><mi>dW</mi><mi>l</mi></msup><mo>=</mo>"
    "<msup><mrow><mo>(</mo><msup><mi>δ</mi><mi>l</mi></msup><mo>)</mo></mrow><mi>T</mi></msup>"
    + A_BELOW,
    "dropout": "<msup><mover><mi>a</mi><mo>~</mo></mover><mi>l</mi></msup><mo>=</mo>"
    + A_BELOW
    + "<mo>⊙</mo><msup><mi>m</mi><mi>l</mi></msup>",
    "MAE formulas: C": "<mi>C</mi><mo>=</mo><mo>∑</mo>"
    '<mo form="prefix">|</mo><mi>a</mi><mo>-</mo><mi>y</mi><mo form="postfix">|</mo>'
    "<mo>/</mo><mo>(</mo><mi>n</mi><mi>k</mi><mo>)</mo>",
    "Sigmoid formulas: f": "<mi>f</mi><mo>(</mo><mi>z</mi><mo>)</mo><mo>=</mo><mn>1</mn><mo>/</mo>"
    "<mo>(</mo><mn>1</mn><mo>+</mo><mi>exp</mi>"
    '<mo>(</mo><mo form="prefix">-</mo><mi>z</mi><mo>)</mo><mo>)</mo>',
    "CrossEntropy formulas: C": '<mi>C</mi><mo>=</mo><mo form="prefix">-</mo><mo>∑</mo>'
    '<mi>y</mi><mi>log</mi><mspace width="0.2em"/><mi>a</mi><mo>/</mo><mi>n</mi>',
    "Softmax formulas: f": "<mi>f</mi>"
    "<msub><mrow><mo>(</mo><mi>z</mi><mo>)</mo></mrow><mi>j</mi></msub>"
    "<mo>=</mo><mi>exp</mi><mo>(</mo><msub><mi>z</mi><mi>j</mi></msub><mo>)</mo><mo>/</mo>"
    "<munder><mo>∑</mo><mi>i</mi></munder>"
    "<mi>exp</mi><mo>(</mo><msub><mi>z</mi><mi>i</mi></msub><mo>)</mo>",
}


def signs(written):
    return written.replace("-</mo>", "\N{MINUS SIGN}</mo>").replace("'</mo>", "\N{PRIME}</mo>")


@pytest.mark.parametrize("name", BY_HAND)
def test_formulas_by_hand(name):
    """Scripts on what stands before them, fractions, sums with what they run over, and
    a minus that belongs to what follows.
    """
    assert mathml(LATEX[name]) == f'<math display="block">{signs(BY_HAND[name])}</math>'


def test_what_is_plain_is_typeset_first():
    """Unless it has LaTeX of its own."""
    assert mathml_of("a^2") == mathml("a^{2}")
    assert mathml_of("a^2", "b") == mathml("b") == '<math display="block"><mi>b</mi></math>'


def test_a_minus_between_two_numbers_is_none_of_the_second():
    """It stands behind what ends: a letter, a bracket, a bar, a prime, a script."""
    for latex in ("a - b", "(a) - b", r"\left|a\right| - b", "f' - b", "(a)^{2} - b"):
        assert signs('<mo form="prefix">-</mo>') not in mathml(latex)
    for latex in ("(-b)", "a = -b", r"\left|-b\right|", "a - -b", r"a \cdot -b", "f(x, -b)"):
        assert mathml(latex).count(signs('<mo form="prefix">-</mo>')) == 1


def test_scripts_on_both_sides():
    """In either order, and above and below a sum."""
    expected = "<msubsup><mi>z</mi><mn>1</mn><mn>2</mn></msubsup>"
    assert expected in mathml("z_{1}^{2}")
    assert expected in mathml("z^{2}_{1}")
    assert "<munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover>" in mathml(r"\sum_{i}^{n}")
    assert "<mover><mo>∑</mo><mi>n</mi></mover>" in mathml(r"\sum^{n}")


def test_signs_of_xml_are_escaped():
    """In words and among signs."""
    assert "<mo>&gt;</mo><mo>&lt;</mo>" in mathml("> <")
    assert "<mtext>a&amp;b&lt;</mtext>" in mathml(r"\text{a&b<}")


UNKNOWN = {
    r"a \foo b": r"has \foo, expected what `typeset` writes",
    r"\begin{pmatrix} a": r"has \begin, expected",
    "{a": "has a brace without its end, expected '}'",
    "a}": "has '}', expected a sign of a formula",
    "a & b": "has '&', expected a sign of a formula",
    r"a \\ b": r"has '\\', expected a sign of a formula",
    r"\text{a{b}}": r"has \text, expected",
    "a_{1}_{2}": "has two _ at one place, expected one",
    "a^{1}_{2}^{3}": "has two ^ at one place, expected one",
    "a^": "has nothing left, expected what belongs to its last sign",
    r"\frac{a}": "has nothing left, expected",
    r"\left": "has nothing left, expected",
    "^{2}": "has '^', expected a sign of a formula",
}


@pytest.mark.parametrize("latex", UNKNOWN)
def test_what_is_not_known_is_refused(latex):
    """It would be drawn as something else, or not at all."""
    with pytest.raises(ValueError, match=re.escape(UNKNOWN[latex])) as caught:
        mathml(latex)
    assert str(caught.value).startswith(f"mathml: {latex!r} has ")


LETTERS = ["a", "dW", "12", "0.5", "+", "-", "(", ")", "=", "{", "}", "^", "_", ",", "'"]
COMMANDS = [
    r"\delta",
    r"\sum",
    r"\cdot",
    r"\frac",
    r"\text{ if }",
    r"\log",
    r"\foo",
    "\\",
    r"\left|",
]


@given(st.lists(st.sampled_from([*LETTERS, *COMMANDS, "\\"]), max_size=12))
def test_nothing_vanishes(pieces):
    """Whatever is read: what is well-formed has all of it, and what is not is
    refused.
    """
    latex = " ".join(pieces)
    try:
        element = parsed(mathml(latex))
    except ValueError:
        return
    shape(element)
    # a script may come before the other one, so the order may be another
    assert sorted(content(element)) == sorted(re.sub(r"[{}^_\s]", "", bare(latex)))
