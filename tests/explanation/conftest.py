"""An explanation is read back from its text, as tests of it need it."""

import ast
import functools
import itertools
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import refnet


def _sections(text):
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
    r"path \d+(?: \(row \d+\))?|[^\s:]+|C before|C after(?: - C before)?|-(?:lr|dC/dtheta) \S+"
    r"|th(?:es)?e [\w ]+"
)


def _equalities(text):
    """(title, symbol, [side, ...]) of everything that is said to be equal."""
    for title, said in _sections(text):
        for line in said:
            match = re.match(rf"({SYMBOL}) :?= (.*)", line)
            if match:
                yield title, match[1], match[2].split(" = ")


def _results(text):
    """What each symbol comes to; an array as its rows.

    Given and step share the names W and b, so those go by section.
    """
    said = {}
    for title, symbol, sides in _equalities(text):
        key = f"{title.split(':')[0]}: {symbol}" if symbol[0] in "Wb" else symbol
        rows = re.findall(r"\[([^\]]*)\]", sides[-1])
        said[key] = (
            [[float(entry) for entry in row.split()] for row in rows] if rows else float(sides[-1])
        )
    return said


def _mazur():
    below = refnet.Dense([[0.15, 0.20], [0.25, 0.30]], [0.35, 0.35], "sigmoid")
    return (
        refnet.Network(
            [below, refnet.Dense([[0.40, 0.45], [0.50, 0.55]], [0.60, 0.60], "sigmoid")]
        ),
        [[0.05, 0.10]],
        [[0.01, 0.99]],
    )


def _balanced(latex):
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
        case ast.BinOp(left, ast.Pow(), ast.Constant(power)):
            return functools.reduce(
                functools.partial(combined, ast.Mult()), [calculate(left)] * power
            )
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
            return Sized(
                max(argument.value for argument in arguments),
                max(argument.size for argument in arguments),
                max(argument.steps for argument in arguments),
            )
        case "sqrt":
            root = math.sqrt(x.value)
            # |f'| = 1 / (2 root)
            return Sized(root, root + x.size / (2 * root), x.steps + 4)
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
    return not set(re.findall(r"[A-Za-z]+", side)) - {
        "exp",
        "log",
        "tanh",
        "max",
        "sign",
        "sqrt",
        "e",
    }


def _recomputed(text, dtype):
    """The symbols whose numbers are written out, and those (symbol, side) which do not
    give the result that is shown, with every digit shown: the rounding of what stands
    there, 4 times as many operations allowed.
    """
    written, wrong = [], []
    for _, symbol, sides in _equalities(text):
        for side in filter(in_numbers, sides[:-1]):
            read, result = evaluated(side), float(sides[-1])
            bound = 4 * (read.steps + 1) * np.finfo(dtype).eps * read.size
            written.append(symbol)
            # not >: a NaN is wrong
            if not abs(read.value - result) <= bound:
                wrong.append((symbol, side))
    return written, wrong


@pytest.fixture
def sections():
    """Reads the sections of a text."""
    return _sections


@pytest.fixture
def equalities():
    """Reads what a text says to be equal."""
    return _equalities


@pytest.fixture
def results():
    """Reads what each symbol of a text comes to."""
    return _results


@pytest.fixture
def mazur():
    """Makes the network, x and y of Mazur's step-by-step example."""
    return _mazur


@pytest.fixture
def balanced():
    """Tells whether a text is well-formed LaTeX."""
    return _balanced


@pytest.fixture
def recomputed():
    """Computes what is written out again."""
    return _recomputed


class _Read(HTMLParser):
    """A page as a browser reads it: its elements, and the text of each up to the first
    end of one.
    """

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.ends = [], [], True
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")
        self.ends = False

    def handle_endtag(self, tag):
        self.ends = True

    def handle_comment(self, data):
        self.elements.append(("comment", {}))
        self.texts.append(data)

    def handle_data(self, data):
        if not self.ends:
            self.texts[-1] += data

    def named(self, tag, **attributes):
        """The texts of the elements with these attributes."""
        return [
            text
            for (name, has), text in zip(self.elements, self.texts, strict=True)
            if name == tag and attributes.items() <= has.items()
        ]

    @property
    def data(self):
        """What the page has of the network, as it reads it."""
        (text,) = self.named("script", id="data")
        return json.loads(text)


@pytest.fixture
def read_page():
    """Reads the text of a page."""
    return _Read
