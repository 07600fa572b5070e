"""The formulas that activations, losses and optimizers state, and numbers in the place
of their letters.

A class states them in its fields `formulas` and `source`. Where it states none, nothing
is substituted.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from refnet.activations import ACTIVATIONS, Activation, Elementwise
from refnet.checks import Array
from refnet.explanation.parts import Formula
from refnet.losses import Loss

FUNCTIONS = ("exp", "log", "tanh", "max", "sign", "sqrt")
_TOKEN = re.compile(r"dC/da_\w+|[A-Za-z]+\d?(?:_\w+)?|\d+(?:\.\d+)?|\S")


def formula_of(thing: Activation | Loss, left: str, field: str = "formulas") -> str:
    """The formula that its class states for this left side, such as "f' = 1 - a^2" for
    "f'"; else "". A loss states another in its field "weighted".
    """
    return _own_formulas(type(thing), field).get(left, "")


def pullback_of(f: Activation) -> str:
    """The formula of dC/dz that its class states, or the class that has the method;
    else "".
    """
    owner = next(kind for kind in type(f).__mro__ if "pullback" in vars(kind))
    return formula_of(f, "dC/dz") or _own_formulas(owner).get("dC/dz", "")


def _own_formulas(kind: type, field: str = "formulas") -> Mapping[str, str]:
    """Those of the class itself: what it inherits is about another function."""
    return vars(kind).get(field, {})


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
        lambda match: _written_out(match[1], terms),
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


def operands(formula: str) -> int:
    """How many numbers stand in a formula when its letters are replaced, but for the 2
    of a square.

    >>> operands("beta1 v + (1 - beta1) sqrt(d^2)")
    5
    """
    tokens = _TOKEN.findall(formula.replace("^2", ""))
    return sum(token[0].isalnum() and token not in FUNCTIONS for token in tokens)


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
        powered = power and not value.replace(".", "").isdigit() and not value.startswith("(")
        brackets = self._waiting or exposed or powered
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
    call = re.search(r"(softmax|sigmoid)\(z\)", formula_of(loss, "C"))
    return ACTIVATIONS[call[1]]() if call else None


def readable(formula: str) -> str:
    """The formula with p and q for the probabilities that a loss on logits makes
    itself.
    """
    return re.sub(r"(softmax|sigmoid)\((-?)z\)", lambda call: "q" if call[2] else "p", formula)


def stated(thing: Activation | Loss, left: str, field: str = "formulas") -> Formula:
    """The formula that an activation or a loss states for this left side, with its
    source.
    """
    name, source = type(thing).__name__, vars(type(thing)).get("source", "")
    return Formula(formula_of(thing, left, field), f"{name}; {source}" if source else name)
