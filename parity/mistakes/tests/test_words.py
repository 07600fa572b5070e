"""What a finding says, where numbers and settings come into its words."""

import pytest

from parity.mistakes.catalogue.constants import FAMILIES
from parity.mistakes.catalogue.factors import FACTORS
from parity.mistakes.diagnosis.finding import Finding
from parity.mistakes.diagnosis.naming import WITH, expected
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.search.replay import run_of_case
from parity.mistakes.search.scopes import Scope
from parity.steps.cases import Case
from refnet.optimizers import OPTIMIZERS


def test_a_negative_constant_is_subtracted():
    """Nobody has to read "+ -7"."""
    entries = [family.at(c) for family in FAMILIES for c in (-7.0, 0.1)]
    words = [text for entry in entries for text in (entry.id, entry.formula, entry.happens)]
    assert not [text for text in words if "+ -" in text]
    assert "g = g - 7 weight_decay theta" in words
    assert "dW = delta^T a_prev + 0.1 W" in words


def test_a_loss_has_no_entries():
    """It is one number."""
    of_cost = [
        each for each in (*FACTORS, *(f.at(2.0) for f in FAMILIES)) if [*each.slots] == ["C"]
    ]
    assert of_cost
    assert not [each for each in of_cost if "entry" in each.happens]


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (Scope("samples over", 1), "only with more than one sample"),
        (Scope("samples over", 7), "only with more than 7 samples"),
        (Scope("samples under", 2), "only with a single sample"),
        (Scope("steps over", 1), "only after the first step"),
        (Scope("steps over", 5), "only after step 5"),
        (Scope("depth over", 1), "only with more than one hidden layer"),
        (Scope("depth under", 2), "only with at most one hidden layer"),
        (Scope("depth over", 2), "only with more than 2 hidden layers"),
    ],
)
def test_one_is_said_in_the_singular(scope, words):
    """Wherever a scope ends at one."""
    assert scope.words == words


@pytest.mark.parametrize(
    ("optimizer", "settings", "rule"),
    [
        ("sgd", {}, "theta := theta - lr g"),
        ("sgd", {"weight_decay": 0.1}, "theta := theta - lr d; d = g + weight_decay theta"),
        (
            "rmsprop",
            {},
            "v := alpha v + (1 - alpha) g^2; q = g / (sqrt(v) + eps); theta := theta - lr q",
        ),
        (
            "sgd",
            {"momentum": 0.9, "nesterov": True},
            (
                "v := g at the first step, then v := momentum v + (1 - dampening) g; "
                "theta := theta - lr v; with nesterov, g + momentum v for v in the step"
            ),
        ),
        (
            "adam",
            {"amsgrad": True, "weight_decay": 0.1},
            (
                "m := beta1 m + (1 - beta1) d; v := beta2 v + (1 - beta2) d^2; "
                "theta := theta - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps); "
                "with amsgrad, the maximum of all v so far for v in the step; "
                "d = g + weight_decay theta"
            ),
        ),
        ("adamw", {}, "theta := (1 - lr weight_decay) theta, then Adam's step with d = g"),
    ],
)
def test_the_right_rule_is_that_of_the_settings(optimizer, settings, rule):
    """Plain descent is not told with the momentum that it does not have."""
    settings = {"lr": 0.1, **settings}
    run = run_of_case(Case("rule", optimizer=optimizer, settings=settings), 1)
    assert expected("step", run.spec) == rule


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rule_that_a_setting_changes_is_told_with_it(name):
    """A newcomer's, too."""
    switches = {
        setting
        for setting, default in OPTIMIZERS[name]().hyperparameters.items()
        if default is False
    }
    lacking = {setting for setting in switches if (name, setting) not in WITH}
    assert not lacking, f"parity/mistakes/diagnosis/naming.py: WITH lacks {lacking} of {name}"


def of(verdict, tasks):
    """The lines of a finding in these tasks, of 5."""
    finding = Finding("x", verdict, where="C", expected="1", tasks=tasks)
    return [line.strip() for line in finding.lines(of_tasks=5)][1:]


def test_how_many_of_the_tasks_it_stands_in():
    """All of them need no names."""
    assert of(WRONG, ("a", "b")) == ["Expected:  1", "Tasks:     2 of 5: 'a' and 'b'"]
    assert of(WRONG, ("a", "b", "c", "d", "e")) == ["Expected:  1", "Tasks:     all 5"]
    assert of(WRONG, ()) == ["Expected:  1"]


def test_nothing_else_is_expected_of_a_convention():
    """It is only PyTorch that does otherwise."""
    assert of(CONVENTION, ()) == ["PyTorch:   1"]
