"""The formulas that docstrings state, and numbers in the place of their letters.

Nobody writes them a second time: they are read from the first paragraph of the
docstring of an activation or a loss, such as "f(z) = tanh(z), f' = 1 - a^2." Where one
cannot be read, nothing is stated and nothing is substituted.
"""

import inspect
import re
from collections.abc import Mapping
from itertools import pairwise

from refnet.activations import ACTIVATIONS, Activation, Elementwise
from refnet.checks import Array
from refnet.explanation.parts import Formula
from refnet.losses import Loss

FUNCTIONS = ("exp", "log", "tanh", "max", "sign")
_TOKEN = re.compile(r"dC/da_\w+|[A-Za-z]+(?:_\w+)?|\d+(?:\.\d+)?|\S")
_CLAUSE = re.compile(r"[;:] |\.$|, (?=f'|dC/d|along|from|with|so )")


def clause(thing: object, start: str) -> str:
    """The formula that starts so in the first paragraph of the docstring, such as "f'"
    in "f(z) = tanh(z), f' = 1 - a^2."; else "".
    """
    opening = " ".join(_docstring(thing).partition("\n\n")[0].split())
    return next(
        (
            part
            for part in _CLAUSE.split(opening)
            if re.match(rf"{re.escape(start)}(_j|\(z\))?\S* = ", part)
        ),
        "",
    )


def source(thing: object) -> str:
    """What stands in the docstring after "Source:"."""
    found = re.search(r"^Source: (.*(?:\n +.*)*)", _docstring(thing), re.MULTILINE)
    return re.sub(r"\s+", " ", found[1]).rstrip(".") if found else ""


def _docstring(thing: object) -> str:
    """Its own: what a class inherits tells of another function."""
    return inspect.cleandoc(thing.__doc__ or "")


def right_side(formula: str, z: float = 0.0, terms: int = 0) -> str:
    """What stands right of "=": the branch that holds for z, and a "sum over i" written
    out.
    """
    right = formula.partition(" = ")[2]
    branches = re.fullmatch(r"(.+) for z > 0, else (.+)", right)
    if branches:
        right = branches[1] if z > 0.0 else branches[2]
    return re.sub(
        r"sum over i of ((?:\w|/|\([^()]*\)| )+)",
        lambda found: _written_out(found[1], terms),
        right,
    )


def _written_out(term: str, terms: int) -> str:
    return "(" + " + ".join(term.replace("_i", f"_{i}") for i in range(1, terms + 1)) + ")"


def substituted(formula: str, values: Mapping[str, str]) -> str:
    """The formula with its letters replaced by `values` and its products written with
    *; "" where a letter has no value.

    >>> substituted("a (1 - a)", {"a": "0.25"})
    '0.25*(1 - 0.25)'
    >>> substituted("-y log a / n", {"a": "0.25", "y": "1", "n": "2"})
    '-1*log(0.25)/2'
    """
    if not formula:
        return ""
    writer = _Writer()
    tokens = _TOKEN.findall(formula)
    for token, following in pairwise([*tokens, ""]):
        if token in FUNCTIONS:
            writer.function(token)
        elif token[0].isdigit():
            writer.operand(token)
        elif token[0].isalpha():
            if token not in values:
                return ""
            writer.operand(values[token], power=following == "^")
        else:
            writer.sign(token)
    return writer.text


class _Writer:
    """Formula text as it grows; it knows whether it ends in something that can be
    multiplied.
    """

    def __init__(self) -> None:
        self.text = ""
        self._ended = self._waiting = self._bar = False

    def _start(self) -> None:
        if self._ended:
            self.text += "*"

    def function(self, name: str) -> None:
        """A function's name; its argument comes next, with brackets or without."""
        self._start()
        self.text += name
        self._ended, self._waiting = False, True

    def operand(self, value: str, power: bool = False) -> None:
        """A number, in brackets where a sign before it or a power after it would read
        otherwise.
        """
        self._start()
        exposed = (
            value.startswith("-")
            and self.text[-1:] not in ("", "(", "|")
            and not self.text.endswith(", ")
        )
        brackets = self._waiting or exposed or (power and not value.replace(".", "").isdigit())
        self.text += f"({value})" if brackets else value
        self._ended, self._waiting = True, False

    def sign(self, mark: str) -> None:
        """Anything else: an operator, with spaces where it adds or subtracts, a
        bracket, a bar.
        """
        closes = mark == ")" or (mark == "|" and self._bar)
        if mark == "|":
            self._bar = not self._bar
        if mark in "(|" and not closes:
            self._start()
        spaced = {"+": " + ", "-": " - "} if self._ended else {}
        self.text += {",": ", ", **spaced}.get(mark, mark)
        self._ended, self._waiting = closes, False


# Activations and losses


def numbers_of(f: Activation) -> dict[str, float]:
    """The parameters of an activation; one that is no number is in no formula."""
    return {name: value for name, value in f.parameters.items() if isinstance(value, int | float)}


def named(f: Activation) -> str:
    """An activation's name, with its parameters where it has any."""
    parameters = ", ".join(f"{name} = {value:g}" for name, value in numbers_of(f).items())
    return type(f).__name__ + (f" ({parameters})" if parameters else "")


def arguments(f: Activation, z: Array) -> int:
    """How many numbers stand in f(z) of one row."""
    width = z.shape[1]
    return width if isinstance(f, Elementwise) else width * (width + 1)


def applied_by(loss: Loss) -> Activation | None:
    """The activation that a loss on logits applies itself."""
    found = re.search(r"(softmax|sigmoid)\(z\)", clause(type(loss), "C"))
    return ACTIVATIONS[found[1]]() if found else None


def readable(formula: str) -> str:
    """The formula with p and q for the probabilities that a loss on logits makes
    itself.
    """
    return re.sub(r"(softmax|sigmoid)\((-?)z\)", lambda found: "q" if found[2] else "p", formula)


def stated(thing: Activation | Loss, start: str) -> Formula:
    """The formula that the docstring of an activation or a loss states, with its
    source.
    """
    kind = type(thing)
    return Formula(
        clause(kind, start), f"{kind.__name__}; {source(kind)}" if source(kind) else kind.__name__
    )
