"""A cost of one's own with its gradient is one convention, whatever is shown of it; the
gradient alone is wrong.
"""

from dataclasses import replace
from functools import cache

import pytest

from parity.mistakes.catalogue.index import BY_ID, OWN_COSTS
from parity.mistakes.conditions import BY_SAMPLES
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import run_of, run_of_case, showing, simulate
from parity.steps.cases import Case

OUTPUT = {
    "mse": "tanh",
    "half_squared_error": "sigmoid",
    "mae": "identity",
    "cross_entropy": "softmax",
    "softmax_cross_entropy": "identity",
    "binary_cross_entropy": "sigmoid",
    "sigmoid_cross_entropy": "identity",
}
TARGETS = {
    "mse": "values",
    "half_squared_error": "values",
    "mae": "values",
    "cross_entropy": "distributions",
    "softmax_cross_entropy": "labels",
    "binary_cross_entropy": "probabilities",
    "sigmoid_cross_entropy": "probabilities",
}
# no two of the numbers are the same, nor a product or a quotient of the others
SHAPES = (((3, 4, 2), 5), ((2, 4, 3), 7), ((4, 3, 5), 1))
SHOWN = {
    "the loss and the gradients": ("loss", "dW", "db"),
    "the loss and the weights": ("loss", "W", "b"),
    "everything": ("z", "a", "loss", "delta", "dW", "db", "W", "b"),
}


@cache
def tasks(loss):
    """Runs that show nothing yet, of networks with several numbers of outputs."""
    case = Case("own", hidden=("tanh",), loss=loss, output=OUTPUT[loss], targets=TARGETS[loss])
    return tuple(run_of_case(replace(case, sizes=s, batch=n), 2) for s, n in SHAPES)


@cache
def programs(loss, *bugs):
    """The runs of a program with these entries of the catalogue, which show
    everything.
    """
    return tuple(
        run_of(simulate(run, [(bug, bug.layers(run.spec)) for bug in bugs])) for run in tasks(loss)
    )


def findings(runs, *quantities, conventions=()):
    """What is said of the program if it shows these quantities alone."""
    return diagnose_runs([showing(run, *quantities) for run in runs], conventions)


COMBINATIONS = [
    (bug, loss) for bug in OWN_COSTS for loss in OUTPUT if bug.layers(tasks(loss)[0].spec)
]
each_cost = pytest.mark.parametrize(
    ("bug", "loss"), COMBINATIONS, ids=[f"{bug.id}, {loss}" for bug, loss in COMBINATIONS]
)


@pytest.mark.parametrize("shown", SHOWN)
@each_cost
def test_a_cost_of_ones_own_is_one_convention(bug, loss, shown):
    """Loss and gradient together are one finding, which passes and says what to
    declare.
    """
    (finding,) = findings(programs(loss, bug), *SHOWN[shown])
    assert (finding.bug, finding.verdict, finding.alike) == (bug.id, CONVENTION, ())
    assert bug.if_meant


@pytest.mark.parametrize("shown", SHOWN)
@each_cost
def test_a_declared_cost_is_right(bug, loss, shown):
    """Nothing is said of it then."""
    assert findings(programs(loss, bug), *SHOWN[shown], conventions=(bug.id,)) == []


@each_cost
def test_the_gradient_of_another_cost_is_wrong_where_no_loss_is_shown(bug, loss):
    """The convention would explain it, so that it can be said what to declare."""
    runs = programs(loss, bug)
    (finding,) = findings(runs, "dW", "db")
    assert finding.verdict == WRONG
    assert finding.equation == "BP1"
    for run in runs:
        gradients = showing(run, "dW", "db")
        assert not any(each.off for each in judged(gradients, [(bug, bug.layers(run.spec))]))


@each_cost
def test_half_of_it_is_wrong(bug, loss):
    """With the declared loss beside the gradient, or the declared gradient beside the
    loss.
    """
    for slot in ("C", "BP1"):
        half = replace(bug, slots={slot: bug.slots[slot]})
        (finding,) = findings(programs(loss, half), "loss", "dW", "db")
        assert finding.verdict == WRONG
        assert finding.equation == slot


def test_the_costs_that_refnet_has_are_declared_by_their_names():
    """Half of the sum of a sample's squares, and the mean of all squares."""
    for bug, declared, meant in (
        ("loss-half-per-sample", "mse", "half_squared_error"),
        ("loss-averaged-without-half", "half_squared_error", "mse"),
    ):
        assert BY_ID[bug].if_meant == f"losses = {meant!r}"
        for run in programs(declared, BY_ID[bug]):
            steps = tuple(replace(step, spec=replace(step.spec, loss=meant)) for step in run.steps)
            assert not any(each.off for each in judged(replace(run, steps=steps), whole=True))


def test_a_cost_of_ones_own_and_the_average_in_the_gradients_compose():
    """Each is harmless, and so are both."""
    loss = "half_squared_error"
    assert loss in BY_SAMPLES
    bugs = BY_ID["loss-without-half"], BY_ID["averaged-in-the-gradients"]
    for run in programs(loss, *bugs):
        placed = [(bug, bug.layers(run.spec)) for bug in bugs]
        assert not any(each.off for each in judged(run, placed, whole=True))
