"""One mistake in many places is one formula: in several lines of an update, with
several losses; and what is another formula only where numbers overflow.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.conditions import anywhere
from parity.mistakes.mistake import Mistake
from parity.mistakes.probes import PROBES
from parity.mistakes.recovery.expression import ONE, as_expression, cancelled, everywhere, node
from parity.mistakes.recovery.formula import Recovered
from parity.mistakes.recovery.parts import scalar
from parity.mistakes.recovery.right import elsewhere, key_of, once_more, trees
from parity.mistakes.recovery.statement import stated
from parity.mistakes.search.replay import run_of, showing, simulate
from parity.mistakes.search.search import Search
from parity.mistakes.tests.tasks import EVERYTHING

BY_NAME = {probe.name: probe for probe in PROBES}
RULES = ("RMSprop", "RMSprop with momentum", "Adam", "AMSGrad with weight decay", "AdamW")


def walked(mistake, names):
    """The search without the catalogue over what a program with a mistake shows."""
    runs = []
    for name in names:
        run = BY_NAME[name].run()
        shown = run_of(simulate(run, [(mistake, mistake.layers(run.spec))]))
        runs.append(showing(shown, *EVERYTHING, "loss"))
    search = Search(runs, (), catalogue=False)
    search.walk()
    return search


def said(search):
    """The formulas that were found, each as it is said in a run where it stands."""
    for each in search.program:
        assert isinstance(each.mistake, Recovered)
        run = next(run for run in search.trials.runs if each.placed(run).layers)
        yield stated(each.mistake, run.spec, each.placed(run).layers).formula


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("adam-betas-swapped", ["m := beta2 m_last + (1 - beta2) d", "v := beta1 v_last"]),
        ("adam-undamped-averages", ["m := beta1 m_last + d", "v := beta2 v_last + d * d"]),
        ("adam-correction-without-power", ["lr / (1 - beta1)", "v / (1 - beta2)"]),
        ("rmsprop-decay-swapped", ["v := (1 - alpha) v_last + alpha (d * d)"]),
        ("decay-coupled", ["d = g + weight_decay theta", "theta := theta - "]),
        ("decay-decoupled", ["d = g", "lr weight_decay theta"]),
    ],
)
def test_what_is_wrong_in_several_lines_of_an_update_is_one_formula(name, lines):
    """Each line is said, and nothing is left over."""
    search = walked(BY_ID[name], RULES)
    assert not search.unknown
    assert not search.trials.off(search.program)
    (formula, *_) = said(search)
    for line in lines:
        assert line in formula


@pytest.mark.parametrize("name", ["loss-per-sample", "not-averaged-at-all"])
def test_the_same_factor_with_every_loss_is_the_same_formula(name):
    """It is looked for once, and not said of a loss that has none of it."""
    search = walked(BY_ID[name], ["binary", "binary as probabilities", "absolute error", "classes"])
    assert not search.trials.off(search.program)
    factors = {each.mistake.of.edits for each in search.program if each.mistake.of.form < 0}
    slots = {each.mistake.of.slot for each in search.program if each.mistake.of.form < 0}
    assert len(factors) == 1
    assert slots <= {"C", "BP1"}
    assert all(each.mistake.of.key for each in search.program)


def test_a_term_that_is_known_is_looked_for_first():
    """By chance its factor is 1 / (2 n k) too in one task, where n k is 10."""
    search = walked(BY_ID["penalty-of-its-own"], ["one layer", "absolute error", "weight decay"])
    assert not search.trials.off(search.program)
    costs = [each.mistake.of for each in search.program if each.mistake.of.slot == "C"]
    assert len({each.edits for each in costs}) == 1


def test_a_factor_that_leaves_another_loss_wrong_is_not_said_of_it():
    """The sum is n times one mean and n k times the other."""
    search = walked(BY_ID["loss-summed"], ["square layers", "classes", "binary"])
    assert not search.trials.off(search.program)
    assert all(each.mistake.of.key for each in search.program)


def test_what_is_wrong_with_one_activation_is_not_said_of_all():
    """tanh' and sigmoid' have the same mistake, and softmax has none."""
    search = walked(BY_ID["derivative-at-a"], ["mixed activations", "three hidden layers"])
    assert not search.trials.off(search.program)
    keys = {each.mistake.of.key for each in search.program}
    assert keys <= {("sigmoid",), ("tanh",)}


@pytest.mark.parametrize(
    ("name", "probe", "formula"),
    [
        (
            "softmax-overflow",
            "huge logits as probabilities",
            "a^l = exp(z^l) / (sum over units of exp(z^l))",
        ),
        (
            "activation-overflow",
            "huge binary logits",
            "a^l = (exp(z^l) - exp(-z^l)) / (exp(z^l) + exp(-z^l))",
        ),
    ],
)
def test_a_formula_that_overflows_is_found(name, probe, formula):
    """It is the right one as long as all numbers are small."""
    search = walked(BY_ID[name], [probe, "binary", "classes as probabilities"])
    assert formula in [*said(search)]


NAN = Mistake("", "", "", "", "", {"C": lambda s, l, right: right() * np.nan}, anywhere)


@pytest.mark.parametrize(
    ("mistake", "probe", "quantity"),
    [(NAN, "binary", "loss"), (BY_ID["adam-t-from-zero"], "Adam on square layers", "W")],
    ids=["in the cost", "in the update"],
)
def test_no_number_is_made_by_no_formula_that_is_another_for_small_numbers(
    mistake, probe, quantity
):
    """That it gives none either is no evidence."""
    search = walked(mistake, [probe])
    assert search.program == ()
    assert search.unknown[0].station.quantity == quantity


# what they are made of


@pytest.mark.parametrize("slot", ["a", "pullback", "C", "BP1", "cotangent", "step", "exp_avg"])
def test_what_is_right_elsewhere_is_not_what_is_right_here(slot):
    """Other activations and losses, and the rule without a setting; never itself."""
    spec = BY_NAME["AMSGrad with weight decay"].run().spec
    key = key_of(slot, spec, len(spec.sizes) - 1)
    if slot == "BP1":
        key = "binary_cross_entropy", "sigmoid"
    others = [tree for tree in elsewhere(slot, key) if tree not in trees(slot, key)]
    assert bool(others) == (slot != "exp_avg")
    assert bool(once_more(slot, key)) == (slot == "BP1")


def test_a_factor_that_is_divided_by_is_not_written_twice():
    """n (x / n) is x, and (n / k) (x / n) is x / k."""
    x, n, k = as_expression(7.0), scalar("n"), scalar("k")
    assert cancelled(n, node("/", x, n)) is x
    assert cancelled(node("/", n, k), node("/", x, n)) is node("/", x, k)
    assert cancelled(k, node("/", x, n)) is None
    assert cancelled(n, x) is None


def test_a_change_everywhere_is_made_in_each_place():
    """The inner ones too."""
    x = scalar("n")
    tree = node("log", node("+", node("log", x), ONE))
    assert everywhere(tree, "log", lambda log: log.parts[0]) is node("+", x, ONE)


def test_a_formula_of_one_line_is_limited_to_its_rule():
    """What stands beside it is not said of another rule."""
    search = walked(BY_ID["decay-coupled"], ["AdamW", "momentum", "Adam"])
    (suspect,) = search.program
    formula = suspect.mistake.of
    assert {each.slot for each in formula.all} == {"step", "decayed"}
    for run in search.trials.runs:
        assert bool(suspect.placed(run).layers) == (run.spec.optimizer == "adamw")
    everywhere_else = replace(formula, key=None)
    assert [each.key for each in everywhere_else.all] == [None, None]
    other_rule = BY_NAME["momentum"].run().spec
    assert everywhere_else.mistake.layers(other_rule) == frozenset()
