"""An explanation is read back from its text, as tests of it need it."""

import itertools
import re

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
    r"path \d+(?: \(row \d+\))?|[^\s:]+|C before|C after(?: - C before)?|-lr \S+|th(?:es)?e [\w ]+"
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
