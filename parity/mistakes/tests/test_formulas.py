"""The grammar of formulas: the right ones are those of the proof, every edit gives
numbers or says why not, and numbers are recognised by what they are made of.
"""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.mistakes.probes import PROBES
from parity.mistakes.recovery.edits import Edit, edited, from_right
from parity.mistakes.recovery.expression import (
    ONE,
    ZERO,
    as_expression,
    count,
    name,
    node,
    replaced,
    subtrees,
    tidied,
)
from parity.mistakes.recovery.formula import LABELS, UPDATE, Formula, Reading
from parity.mistakes.recovery.parts import MAY_STAND, parts_of, scalar
from parity.mistakes.recovery.right import OF_EVERY, WEIGHED, key_of, trees
from parity.mistakes.recovery.scalars import NEAR, recognised
from parity.mistakes.recovery.statement import stated
from parity.mistakes.recovery.words import words
from parity.mistakes.search.judging import judged, lifted
from parity.mistakes.search.replay import Placed, run_of, simulate, steps
from parity.mistakes.slots import Part
from parity.proof import formulas
from parity.rounding.plain import Plain

x, y, z = (name(kind, "l", "") for kind in ("a", "b", "z"))


def plain(array):
    """An array as it is."""
    return Plain(np.asarray(array, float))


def places(run):
    """Every slot in its layers: W and b of each for an update. Weights of rows are in
    no formula of a loss without settings, of whose key nobody sees them.
    """
    depth = len(run.spec.sizes) - 1
    unseen = run.steps[0].sample_weight is not None and not run.spec.loss_settings
    for slot in LABELS:
        if unseen and slot in ("C", "BP1", "cotangent"):
            continue
        for l in range(1, depth + 1):
            is_last = l == depth
            if (slot in ("C", "BP1") and not is_last) or (slot == "BP2" and is_last):
                continue
            yield slot, key_of(slot, run.spec, l), (Part("W", l) if slot in UPDATE else l)


def reading(s, slot, where, run):
    """What a formula's leaves are there; a pull-back is given ones."""
    l = where.layer if isinstance(where, Part) else where
    ones = s.x.lift(np.ones((int(s.n), run.spec.sizes[l])))
    return Reading(s, slot, where, ones, lambda: s.run(slot, where, *given_to(slot, ones)))


def given_to(slot, ones):
    """What a slot is called with."""
    return [ones] if slot == "pullback" else []


# trees


def test_equal_trees_are_one():
    """So that they can be told apart by identity, and looked up."""
    assert x + y is x + y
    assert (x + y).parts[0] is x
    assert x + y is not y + x


def test_nothing_is_added_and_nothing_multiplied():
    """What stands in the proof's formulas for a setting that is off is left out."""
    same = [x + 0.0, 0.0 + x, x - 0.0, x * 1.0, 1.0 * x, x / 1.0, np.longdouble(1) * x]
    assert all(each is x for each in same)
    assert x * 0.0 is ZERO


def test_a_subtree_is_replaced_wherever_it_stands():
    """And only the trees around it are others."""
    tree = (x + y) * (x + y) - z
    assert count(tree, x + y) == 2
    assert replaced(tree, x + y, z) is z * z - z
    assert replaced(tree, scalar("n"), z) is tree


@pytest.mark.parametrize(
    ("tree", "tidy"),
    [
        (x * (ONE / scalar("n")), x / scalar("n")),
        (x * as_expression(-1.0), -x),
        (x + -y, x - y),
        (x - -y, x + y),
        (x + y * as_expression(-2.0), x - as_expression(2.0) * y),
        (node("negative", -x), x),
        ((-x) * y, -(x * y)),
    ],
    ids=["quotient", "minus one", "plus minus", "minus minus", "below 0", "twice", "sign"],
)
def test_a_formula_is_said_in_few_words(tree, tidy):
    """The same formula: its numbers are those of the other."""
    assert words(tidied(tree)) in (words(tidy), words(tidied(tidy)))


# the right formulas


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_the_right_formulas_are_those_of_the_program(probe, number):
    """Every form of every slot, put in the place of the right function, gives what a
    right program shows; but a pole that is left in gives no number for outputs of 0 or
    1.
    """
    run = run_of(simulate(probe.run()))
    formulas_of = [
        (Formula(slot, number, (), 0, key), where)
        for slot, key, where in places(run)
        if number < len(trees(slot, key)) and not (slot == "BP1" and number)
    ]
    slots = {each.slot for each, _ in formulas_of}
    assert number or slots >= {"z", "a", "BP3", "BP4", "decayed", "step"}
    assert number or "C" in slots or probe.name == "weighted rows"
    placed = [
        Placed(each.mistake, frozenset([where.layer if isinstance(where, Part) else where]))
        for each, where in formulas_of
    ]
    assert [each for each in judged(run, placed, whole=True) if each.off] == []


@pytest.mark.parametrize(
    ("slot", "key", "said"),
    [
        ("z", (), "a^(l-1) (W^l)^T + b^l"),
        ("a", ("softmax",), "f(z^l)"),
        ("pullback", ("leaky_relu",), "g * f'(z^l)"),
        ("BP1", ("cross_entropy", "softmax"), "(a^l - y) / n"),
        ("BP1", ("softmax_cross_entropy", "identity"), "(softmax(z^l) - y) / n"),
        ("cotangent", ("hidden",), "delta^(l+1) W^(l+1)"),
        ("cotangent", ("mse",), "2 (a^l - y) / (n k)"),
        ("cotangent", ("mse", WEIGHED), "2 (a^l - y) * s / D"),
        ("BP1", ("cross_entropy", "softmax", WEIGHED), "(a^l * (sum over units of T) - T) / D"),
        (
            "BP1",
            ("sigmoid_cross_entropy", "identity", WEIGHED),
            "(sigmoid(z^l) * (T0 + T1) - T1) / D",
        ),
        ("BP3", (), "(sum over rows of delta^l)"),
        ("BP4", (), "(delta^l)^T a^(l-1)"),
        ("decayed", ("sgd", "coupled"), "g + weight_decay theta"),
        ("decayed", ("sgd", "plain"), "g"),
        ("decay", ("sgd",), "weight_decay theta"),
        ("step", ("sgd", ("lr", "momentum")), "theta - lr v"),
        (
            "step",
            ("adam", ("lr", "betas", "eps")),
            "theta - (lr / (1 - beta1^t)) (m / (sqrt(v / (1 - beta2^t)) + eps))",
        ),
    ],
)
def test_formulas_are_said_in_the_textbook_s_symbols(slot, key, said):
    """The first form, which is the shortest."""
    assert words(trees(slot, key)[0]) == said


def test_what_is_registered_is_in_the_grammar(monkeypatch):
    """An activation in the tables of the proof has formulas and edits, without a word
    of the grammar.
    """
    monkeypatch.setitem(formulas.VALUES, "cube", lambda p, z: z * z * z)
    monkeypatch.setitem(formulas.PULLBACKS, "cube", lambda p, g, z, a: g * (z * z * 3.0))
    assert words(trees("a", ("cube",))[1]) == "z^l * z^l * z^l"
    _, pulled = trees("pullback", ("cube",))
    said = {words(tree) for _, tree in from_right(pulled, parts_of("pullback"))}
    assert words(pulled) == "g * (3 (z^l * z^l))"
    assert {"g", "3 (z^l * z^l)", "g * (3 (z^l * a^l))"} <= said


# edits


def test_an_edit_is_of_the_smallest_subtree_that_stands_once():
    """So that it can be made in another formula that has the same subtree; what stands
    twice is exchanged in one place, and in both.
    """
    tree = x * (ONE - x)
    swaps = {(edit.old, edit.new) for edit, _ in edited(tree, (z,)) if edit.new.op != "+"}
    assert (x, z) in swaps  # both
    assert (tree, z * (ONE - x)) in swaps  # the first
    assert (ONE - x, ONE - z) in swaps  # the second


def test_edits_that_cost_less_are_among_all():
    """Those with a cost of 1 alone, and none of them twice."""
    for slot, key in (("BP4", ()), ("pullback", ("tanh",)), ("C", ("mse",))):
        tree, parts = trees(slot, key)[-1], parts_of(slot)
        every = [edit for edit, _ in edited(tree, parts)]
        cheap = [edit for edit, _ in edited(tree, parts, 1)]
        assert len(set(every)) == len(every)
        assert {edit.cost for edit in cheap} == {1}
        assert set(cheap) <= set(every)
        assert not any(edit.old is edit.new for edit in every)


def test_what_says_which_entries_count_is_not_edited():
    """A condition is no number."""
    tree = trees("C", ("cross_entropy",))[0]
    assert any(each.op == ">" for each in subtrees(tree))
    assert not any(edit.old.op == ">" for edit, _ in from_right(tree, parts_of("C")))


@pytest.mark.parametrize("probe", PROBES[::9], ids=lambda probe: probe.name)
@pytest.mark.parametrize("lift", [plain, lifted("float64")], ids=["plain", "bounded"])
def test_every_edit_gives_numbers_or_says_why_not(probe, lift):
    """One and two edits, in the last step of a run: nothing else is raised than that
    the shapes do not fit.
    """
    rng = random.Random(0)
    run = probe.run()
    *_, s = steps(run, [], lift)
    given, refused = 0, 0
    with np.errstate(all="ignore"):
        for slot, key, where in places(run):
            here = reading(s, slot, where, run)
            parts = parts_of(slot if slot in MAY_STAND else "update")
            for tree in (*trees(slot, key), *([OF_EVERY[slot]] if slot in OF_EVERY else [])):
                once = [each for _, each in rng.sample(from_right(tree, parts), 8)]
                twice = [rng.choice([*edited(each, parts)])[1] for each in once[:2] if each.parts]
                for each in (*once, *twice):
                    try:
                        assert here.of(each).value.ndim <= 2
                        given += 1
                    except (ValueError, IndexError):
                        refused += 1
    assert given > refused > 0


# numbers


def test_a_number_is_recognised_by_what_a_program_has_at_hand():
    """In every witness: what is the same by chance in one is not in another."""
    n, k, lr = map(scalar, ("n", "k", "lr"))
    of = [{n: 5.0, k: 3.0, lr: 0.1}, {n: 7.0, k: 3.0, lr: 0.2}, {n: 4.0, k: 2.0, lr: 0.1}]

    def said(function):
        numbers = [function(each[n], each[k], each[lr]) for each in of]
        return [words(tree) for tree, _ in recognised(numbers, of)]

    assert said(lambda n, k, lr: 2.0)[0] == "2"
    assert said(lambda n, k, lr: 1.0 / n)[0] == "1 / n"
    assert said(lambda n, k, lr: lr**0.5)[0] == "sqrt(lr)"
    assert said(lambda n, k, lr: -n)[0] == "-n"
    assert said(lambda n, k, lr: n * k) == ["n k"]
    assert said(lambda n, k, lr: 2.0 * lr / k) == ["2 lr / k"]
    assert said(lambda n, k, lr: 0.123456789) == ["0.123456789"]
    assert said(lambda n, k, lr: n + lr) == []
    assert said(lambda n, k, lr: np.nan) == []


def test_a_number_of_one_array_is_short():
    """One witness says nothing of a long number, which may be any."""
    assert [words(tree) for tree, _ in recognised([0.25], [{}])] == ["0.25"]
    assert [*recognised([0.123456789], [{}])] == []


@given(st.floats(0.01, 100.0), st.sampled_from([1, -1, 2, -2, 0.5]), st.integers(2, 6))
def test_what_is_recognised_is_the_number(value, power, steps):
    """Nothing is named that is not as near as the numbers are known."""
    leaf, t = scalar("lr"), scalar("t")
    of = [{leaf: value * (i + 1), t: float(i + 1)} for i in range(steps)]
    numbers = [each[leaf] ** power for each in of]
    got = [tree for tree, _ in recognised(numbers, of)]
    assert got
    for tree in got:
        for number, each in zip(numbers, of, strict=True):
            assert abs(_value(tree, each) - number) <= 2 * NEAR * abs(number)


def _value(tree, atoms):
    """What a scalar expression is."""
    if tree in atoms:
        return atoms[tree]
    if tree.op == "number":
        return tree.detail[0]
    parts = [_value(part, atoms) for part in tree.parts]
    operations = {
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "**": lambda a, b: a**b,
        "sqrt": np.sqrt,
    }
    return operations[tree.op](*parts)


def test_a_schedule_is_a_power_of_the_step():
    """lr times 0.95^(t - 1), where only that falls so."""
    t = scalar("t")
    of = [{t: float(i), node("-", t, ONE): i - 1.0} for i in (2, 3, 5)]
    numbers = [0.95 ** each[node("-", t, ONE)] for each in of]
    assert [words(tree) for tree, _ in recognised(numbers, of)] == ["0.95^(t - 1)"]


# what is said


def test_a_formula_says_what_its_marks_mean():
    """Those of the step before, of the start, and the gradient that is passed down."""
    run = PROBES[0].run()
    tree = trees("cotangent", ("hidden",))[0]
    last = Formula("cotangent", 0, ((tree.parts[1], name("W", "l+1", "last")),), 1, ("hidden",))
    said = stated(last.mistake, run.spec, [1])
    assert said.formula == (
        "dC/da^l = delta^(l+1) W_last^(l+1), where _last is that of the step before"
    )
    assert said.right == "dC/da^l = delta^(l+1) W^(l+1)"
    assert said.exchanged == "W_last^(l+1) stands where W^(l+1) should."


def test_an_edit_has_a_cost():
    """It decides which of two formulas is said."""
    tree = x * y
    costs = {edit.new: edit.cost for edit, _ in edited(tree, (z,)) if edit.old is tree}
    assert costs[x] == 1
    assert costs[node("exp", tree)] == 2
    assert Edit(tree, x, 1) in [edit for edit, _ in edited(tree, (z,))]
