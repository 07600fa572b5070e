"""The formulas and sources that activations and losses state as fields."""

import inspect
import re
from typing import ClassVar

import pytest

import refnet
from refnet.activations import ACTIVATIONS
from refnet.explanation.formulas import FUNCTIONS, formula_of, pullback_of, stated
from refnet.losses import LOSSES

KINDS = [*ACTIVATIONS.values(), *LOSSES.values()]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])


def formulas_in(docstring):
    """The formulas in the first paragraph of a docstring, by their left side."""
    opening = " ".join(docstring.partition("\n\n")[0].split())
    clauses = re.split(r"[;:] |\.$|, (?=f'|dC/d|along|from|with|so )", opening)
    sides = [re.match(r"(f'?|C|dC/d[az])(?:\(z\))?(?:_j)? = ", clause) for clause in clauses]
    return {side[1]: clause for side, clause in zip(sides, clauses, strict=True) if side}


@each_kind
def test_formulas_are_those_of_the_docstring(kind):
    """A class states as fields what its docstring says, no more and no less; softmax
    has its pullback's besides.
    """
    expected = formulas_in(inspect.cleandoc(kind.__doc__))
    if kind is refnet.Softmax:
        expected |= formulas_in(inspect.cleandoc(kind.pullback.__doc__))
    assert expected
    assert kind.formulas == expected


@each_kind
def test_source_is_that_of_the_docstring(kind):
    """The field has the text of the docstring's Source, without the full stop."""
    text = re.search(r"^Source: (.*(?:\n +.*)*)", inspect.cleandoc(kind.__doc__), re.MULTILINE)[1]
    assert kind.source == re.sub(r"\s+", " ", text).rstrip(".")


@each_kind
def test_every_function_in_a_formula_can_be_written(kind):
    """Numbers are put in the place of letters alone: a function's name is known."""
    words = {word for text in kind.formulas.values() for word in re.findall(r"([a-z]{2,})\(", text)}
    unknown = words - {*FUNCTIONS, *ACTIVATIONS}
    room = "refnet/explanation/formulas.py"
    assert not unknown, f"{room}: FUNCTIONS lacks {unknown}, which {kind.__name__} states"


def test_formulas_are_read_from_a_docstring():
    """The reading above tells sides and words apart."""
    assert formulas_in("f(z) = z for z > 0, else s z; f' = 1, so f'(0) = 1.\n\nC = 1.") == {
        "f": "f(z) = z for z > 0, else s z",
        "f'": "f' = 1",
    }
    assert formulas_in("C = -sum y\nlog a / n, dC/dz = p - y: on logits.") == {
        "C": "C = -sum y log a / n",
        "dC/dz": "dC/dz = p - y",
    }
    assert formulas_in("What C is.") == {}


class Steep(refnet.Sigmoid):
    """A sigmoid that states nothing of its own."""

    def value(self, z):
        return super().value(2 * z)


class Stated(refnet.Softmax):
    """A softmax that states what it computes."""

    formulas: ClassVar = {"f": "f(z)_j = exp(2 z_j) / sum over i of exp(2 z_i)"}
    source = "here"


def test_a_subclass_states_its_own_formulas_alone():
    """What it inherits may be about another function; a pullback that it inherits is
    the same.
    """
    assert [formula_of(Steep(), left) for left in ("f", "f'")] == ["", ""]
    assert stated(Steep(), "f").source == "Steep"
    assert formula_of(Stated(), "f") == Stated.formulas["f"]
    assert stated(Stated(), "f").source == "Stated; here"
    assert pullback_of(Stated()) == refnet.Softmax.formulas["dC/dz"]
    assert pullback_of(Steep()) == ""
