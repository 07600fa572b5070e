"""What is said of a recovered formula, beside the right one."""

from collections.abc import Collection
from typing import NamedTuple

from parity.mistakes.recovery.expression import (
    ONE,
    Expression,
    cancelled,
    name,
    replaced,
    size,
    tidied,
)
from parity.mistakes.recovery.formula import LABELS, Formula, Recovered, form
from parity.mistakes.recovery.parts import UPDATE, leaves, scalar
from parity.mistakes.recovery.right import (
    CHANGE,
    DECAYED,
    GRADIENT,
    THETA,
    WHOLE,
    G,
    Key,
    key_of,
    trees,
)
from parity.mistakes.recovery.words import STATE as STATE_SYMBOLS
from parity.mistakes.recovery.words import legend, words
from parity.mistakes.rules import STATE
from parity.mistakes.slots import is_decoupled
from parity.steps.record import Spec
from refnet.equations import EQUATIONS

NOTES = {G: "g = dC/da^l", CHANGE: "u = the right step", DECAYED: "d = the gradient with the decay"}
NOTES |= {
    name("T", "L", ""): "T = the targets with their weights",
    name("T1", "L", ""): "T1 = y with its weights",
    name("T0", "L", ""): "T0 = 1 - y with its weights",
    name("s", "L", ""): "s = the weights of the samples",
    name("D", "L", ""): "D = what the loss divides by",
}
WHERE = ", where "
# what a slot makes, on the left of its formula
MAKES = {
    "z": "z^l",
    "a": "a^l",
    "C": "C",
    "cotangent": "dC/da^l",
    "pullback": "delta^l",
    "BP1": "delta^L",
    "BP2": "delta^l",
    "BP3": "db^l",
    "BP4": "dW^l",
    "gradient": "g",
    "decayed": "d",
    "step": "theta",
}


class Stated(NamedTuple):
    """A formula in the textbook's symbols, the right one, and what stands in the place
    of what.
    """

    formula: str
    right: str
    exchanged: str


def stated(mistake: Recovered, spec: Spec, layers: Collection[int]) -> Stated:
    """What is said of a formula in these layers."""
    if mistake.of is None:
        return Stated("", "", "")
    each = [_stated(formula, spec, layers) for formula in mistake.of.all]
    formulas, rights, instead = zip(*filter(any, each), strict=True)
    return Stated(_on_one_line(formulas), _on_one_line(rights), " ".join(filter(None, instead)))


def _on_one_line(equations: Collection[str]) -> str:
    """Several equations, and what their marks mean once."""
    parts = [each.partition(WHERE) for each in equations if each]
    notes = dict.fromkeys(note for _, _, some in parts for note in some.split(", ") if note)
    text = "; ".join(equation for equation, _, _ in parts)
    return text + (f"{WHERE}{', '.join(notes)}" if notes else "")


def of_what(mistake: Recovered) -> str:
    """Of which loss or rule a formula is, where it is of one."""
    formula = mistake.of
    by_name = ("C", "BP1", "cotangent", *UPDATE)
    if formula is None or not formula.key or formula.slot not in by_name:
        return ""
    return f"only with {formula.key[0]}" if formula.key[:1] != ("hidden",) else ""


def _stated(formula: Formula, spec: Spec, layers: Collection[int]) -> Stated:
    depth = len(spec.sizes) - 1
    key = key_of(formula.slot, spec, max(layers))
    wrong, right = formula.tree(key), form(formula.slot, formula.form, key)
    if wrong is None or right is None:
        return Stated("", "", "")
    if right is WHOLE:
        return Stated(_of_whole(formula, wrong, key), "", "")
    if formula.slot == "decay":
        return _of_decay(wrong, right, spec)
    given = G
    if formula.slot == "pullback" and depth not in layers:
        given = name("delta", "l+1", "") @ name("W", "l+1", "")
    instead = " ".join(
        f"{words(replaced(new, G, given))} stands where {words(replaced(old, G, given))} should."
        for old, new in formula.edits
        if 2 * size(old) <= size(right)  # else both formulas say it
    )
    wrong, right = replaced(wrong, G, given), replaced(right, G, given)
    return Stated(_equation(formula.slot, wrong), _equation(formula.slot, right), instead)


def _of_whole(formula: Formula, wrong: Expression, key: Key) -> str:
    """With what the equation says in the place of the whole, or what a loss has there
    where the factor cancels.
    """
    forms = trees(formula.slot, key) if formula.slot in ("C", "BP1") and formula.key else ()
    if forms and wrong.op in ("*", "/"):
        factor = replaced(wrong, WHOLE, ONE)
        short = cancelled(tidied(factor), forms[0])
        if short is not None:
            return _equation(formula.slot, short)
    if formula.slot == "gradient":
        return _equation(formula.slot, wrong).replace("right", "dC/dtheta")
    whole = f"({EQUATIONS[LABELS[formula.slot]].formula.partition(' = ')[2]})"
    return _equation(formula.slot, wrong).replace("right", whole)


def _of_decay(wrong: Expression, right: Expression, spec: Spec) -> Stated:
    """The decay in the formula that it is part of."""
    if is_decoupled(spec):
        taken = trees("step", key_of("step", spec, 1))[0].parts[1]
        said = [_equation("step", THETA - scalar("lr") * each - taken) for each in (wrong, right)]
    else:
        said = [_equation("decayed", GRADIENT + each) for each in (wrong, right)]
    return Stated(said[0], said[1], f"{words(wrong)} stands where {words(right)} should.")


def _equation(slot: str, tree: Expression) -> str:
    left = MAKES.get(slot) or STATE_SYMBOLS[slot]
    sign = ":=" if slot in (*STATE, "step") else "="
    notes = [legend(tree), *(note for leaf, note in NOTES.items() if leaf in leaves(tree))]
    note = ", ".join(filter(None, notes))
    return f"{left} {sign} {words(tidied(tree))}" + (f"{WHERE}{note}" if note else "")
