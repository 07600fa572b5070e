"""The formulas and sources that activations, losses and optimizers state as fields."""

import inspect
import re
from typing import ClassVar

import pytest

import refnet
from refnet.activations import ACTIVATIONS
from refnet.explanation.formulas import FUNCTIONS, formula_of, pullback_of, stated
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS
from refnet.optimizers.optimizer import DECAYED

KINDS = [*ACTIVATIONS.values(), *LOSSES.values()]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
RULES = [*OPTIMIZERS.values()]
each_rule = pytest.mark.parametrize("kind", RULES, ids=[kind.__name__ for kind in RULES])
with_a_source = pytest.mark.parametrize(
    "kind", [*KINDS, *RULES], ids=[kind.__name__ for kind in [*KINDS, *RULES]]
)


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


def updates_in(docstring):
    """The formulas of an update in a docstring, up to its Shapes."""
    text = " ".join(docstring.partition("Shapes:")[0].replace("`", "").split())
    clauses = re.split(
        r"[;.:] |\.$|, (?=then )|,? (?:and|with|without|at the first step)\b,?", text
    )
    clauses = [re.sub(r"^.*?(?=\b\w+ :?= )", "", clause) for clause in clauses]
    return {clause.strip() for clause in clauses if re.match(r"\w+ :?= ", clause)}


@each_rule
def test_formulas_of_an_update_are_those_of_the_docstring(kind):
    """All that an optimizer states stands in its docstring; what stands there besides
    is its equation in one. AdamW has what Adam has, too.
    """
    expected = updates_in(inspect.cleandoc(kind.__doc__))
    inherited = {*refnet.Adam.formulas.values()} if kind is refnet.AdamW else set()
    assert "formulas" in vars(kind)
    assert {*kind.formulas.values()} - inherited <= expected
    in_one = updates_in(kind.equation)
    assert expected - {*kind.formulas.values()} <= in_one


def test_the_decay_of_every_rule_is_in_its_docstring():
    """What d is, in the docstring of the room."""
    room = " ".join(inspect.getmodule(refnet.Optimizer).__doc__.split())
    assert DECAYED in room


@each_rule
def test_letters_are_those_of_the_state(kind):
    """Each vector that a rule may keep has one, which a formula makes."""
    on = {name: True for name, value in kind().hyperparameters.items() if value is False}
    on.pop("nesterov", None)
    momentum = {"momentum": 0.5} if hasattr(kind(), "momentum") else {}
    assert {*kind.letters.values()} == {*kind(**on, **momentum)._kept}
    lefts = {formula.split(" ")[0] for formula in kind.formulas.values()}
    assert {*kind.letters} <= lefts


@with_a_source
def test_source_is_that_of_the_docstring(kind):
    """The field has the text of the docstring's Source, without the full stop."""
    text = re.search(r"^Source: (.*(?:\n +.*)*)", inspect.cleandoc(kind.__doc__), re.MULTILINE)[1]
    assert kind.source == re.sub(r"\s+", " ", text).rstrip(".")


@with_a_source
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
