"""Of a program that shows too little nothing is said but why; what is wrong in the
little that it shows is wrong.
"""

import numpy as np
import pytest

from parity.checking.checker import cases_for, check
from parity.checking.tasks.declaration import declaration
from parity.checking.tests.network import CLASSES, PLAIN, RIGHT, Network
from parity.checking.tests.reports import FEW


def gradients_in(count):
    """The network that shows its gradients in so many tasks, and its outputs in all."""
    names = [task.name for task in cases_for(RIGHT, **PLAIN)][:count]

    def shown(s, arrays):
        return arrays if s.case.name in names else {"output": arrays["output"]}

    return Network(shown=shown)


UNJUDGED = {
    "two tasks of eight": (gradients_in(2), PLAIN, "shows gradients or weights in 2 of 8 tasks"),
    "one class": (RIGHT, {**CLASSES, "sizes": (3, 4, 1)}, "of one class alone every output is 1"),
    "one layer of one unit": (RIGHT, {**PLAIN, "sizes": (1, 1)}, "every layer has one unit"),
}


@pytest.mark.parametrize("why", UNJUDGED)
def test_what_would_hide_a_mistake_is_not_judged(why):
    """With the reason, and without a finding."""
    network, declared, reason = UNJUDGED[why]
    report = check(network, **declared)
    assert report.verdict.startswith(f"NOT JUDGED. Network: {reason}")
    assert (report.findings, report.judged, report.passed) == ((), False, False)


ENOUGH = {
    "three tasks of eight": (gradients_in(3), PLAIN),
    "two outputs behind single units": (RIGHT, {**PLAIN, "sizes": (1, 1, 2)}),
    "biases": (Network(("b",)), PLAIN),
}


@pytest.mark.parametrize("what", ENOUGH)
def test_what_is_enough_is_judged(what):
    """A little more of the same."""
    network, declared = ENOUGH[what]
    report = check(network, **declared)
    assert (report.findings, report.judged, report.passed) == ((), True, True)


@pytest.mark.parametrize("name", ["dW", "db", "W", "b"])
def test_the_last_layer_tells_of_all_others(name):
    """What is wrong below it shows in the next step."""

    def last(s, arrays):
        return {name: [*[None] * (s.L - 1), arrays[name][-1]]}

    tasks = cases_for(RIGHT, **PLAIN)[:FEW]
    assert check(Network(shown=last), tasks, **PLAIN).passed
    without_slope = Network(shown=last, hidden_delta=lambda s, l: s.delta[0] @ s.W[l])
    (finding,) = check(without_slope, tasks, **PLAIN).findings
    assert finding.bug == "hidden-derivative-missing"


WRONG = {
    "outputs": (Network(("output",), activation=lambda s, l: np.tanh(s.z[-1])), "a"),
    "outputs of later steps": (Network(("output",), dW=lambda s, l: 2 * RIGHT.dW(s, l)), "BP4"),
    "biases": (Network(("db",), db=lambda s, l: s.delta[l - 1][0]), "BP3"),
    "the loss": (Network(("loss",), cost=lambda s: np.sum(s.error**2)), "C"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_in_it_is_wrong(what):
    """However little that is."""
    network, equation = WRONG[what]
    report = check(network, cases_for(network, **PLAIN)[:FEW], **PLAIN)
    assert report.verdict.startswith("WRONG. Network: 1 finding, ")
    assert [finding.equation for finding in report.findings] == [equation]


def test_a_mistake_is_not_declared_away_among_conventions():
    """One that is right does not excuse the other."""
    pattern = "conventions has 'db-averaged', which is a mistake, expected a convention: "
    with pytest.raises(ValueError, match=pattern):
        declaration(conventions=("loss-summed", "db-averaged"))
    with pytest.raises(ValueError, match=pattern):
        check(RIGHT, conventions=("db-averaged", "loss-summed"), **PLAIN)


@pytest.mark.parametrize("name", ["activation", "optimiser", "sample", "hidden", "same_activation"])
def test_a_misspelt_keyword_is_refused(name):
    """With the names that there are."""
    with pytest.raises(ValueError, match=rf"^declaration: has the name '{name}', expected one of "):
        check(RIGHT, **{**PLAIN, name: "sgd"})


def test_losses_that_no_output_stands_before_leave_no_task():
    """Which is said, and nothing is judged."""
    with pytest.raises(ValueError, match=r"^declaration: leaves no task, expected a loss that "):
        check(RIGHT, **{**PLAIN, "losses": "cross_entropy", "outputs": "tanh"})
