"""A program that is wrong somewhere is wrong there alone: its mistake is named, with
the tasks in which it stands and what they have in common, and nothing else is accused.
"""

import re

import numpy as np
import pytest

from parity.checking.checker import check
from parity.checking.tests.network import (
    PLAIN,
    RIGHT,
    SGD,
    Accumulating,
    Network,
    penalised,
    strength,
)
from parity.checking.tests.reports import FEW, wrong

DECAYING = {**PLAIN, "settings": "weight_decay"}
EVERYTHING = ("z", "a", "delta", "output", "loss", "dW", "db", "W", "b")


# in some tasks only


def without_slope(when):
    """The network that forgets f'(z) in hidden layers where this holds of a step."""

    def hidden_delta(s, l):
        return s.delta[0] @ s.W[l] * (1 if when(s, l) else s.slope(l))

    return Network(hidden_delta=hidden_delta)


TWO = {**PLAIN, "outputs": ("sigmoid", "identity")}
SCOPES = {
    "only with more than 7 samples": (lambda s, l: s.n > 7, PLAIN),
    "only with fewer than 5 samples": (lambda s, l: s.n == 1, PLAIN),
    "only after step 5": (lambda s, l: s.number > 5, PLAIN),
    "only with more than (1|one) hidden layers?": (lambda s, l: s.L > 2, PLAIN),
    "only with weight_decay": (lambda s, l: s.setting("weight_decay"), DECAYING),
    "only with nesterov": (
        lambda s, l: s.setting("nesterov"),
        {**PLAIN, "settings": ("momentum", "nesterov")},
    ),
    "only with binary_cross_entropy": (
        lambda s, l: s.case.loss == "binary_cross_entropy",
        {**PLAIN, "losses": ("mse", "half_squared_error", "binary_cross_entropy")},
    ),
    "only with identity outputs": (lambda s, l: s.case.activations[-1] == "identity", TWO),
    "only with adam": (
        lambda s, l: s.case.optimizer == "adam",
        {**PLAIN, "optimizers": ("sgd", "adam")},
    ),
}


@pytest.mark.parametrize("scope", SCOPES)
def test_what_is_wrong_in_some_tasks_only_says_in_which(scope):
    """By what they have in common, and that no other task has."""
    when, declared = SCOPES[scope]
    finding, others = wrong(without_slope(when), declared, None)
    assert (finding.bug, others) == ("hidden-derivative-missing", [])
    assert re.search(f", {scope}$", finding.where)
    assert finding.equation == "BP2"
    assert 1 <= len(finding.tasks) < 8


def test_what_is_wrong_in_the_first_layer_says_so():
    """In deeper networks too, whatever stands above it."""
    finding, _ = wrong(without_slope(lambda s, l: l == 1), PLAIN, None)
    assert finding.where == "BP2 (hidden delta) of layer 1"
    assert len(finding.tasks) == 8


@pytest.mark.parametrize("rows", [2, 4])
@pytest.mark.parametrize("shows", [("dW", "db", "W", "b"), ("output", "loss", "W", "b"), ("W",)])
def test_micro_batches_without_their_sizes_are_named(rows, shows):
    """Each gradient is a mean, and their sum is divided by their number."""
    network = Accumulating(shows, rows=rows, weight=lambda m, n, k: 1 / k)
    finding, _ = wrong(network, PLAIN)
    assert finding.bug == "shards-averaged-without-sizes"


BOTH = {**SGD, "activations": ("sigmoid", "tanh"), "outputs": "identity", "losses": "mse"}


def test_a_derivative_of_one_activation_is_named_by_it():
    """1 - a in place of 1 - a^2, in whichever layers are of tanh."""

    def slope(s, l):
        return 1 - s.a[l] if s.case.activations[l - 1] == "tanh" else s.slope(l)

    network = Network(hidden_delta=lambda s, l: s.delta[0] @ s.W[l] * slope(s, l))
    finding, _ = wrong(network, BOTH, None)
    assert finding.bug.startswith("tanh-derivative-")


@pytest.mark.xfail(strict=True, reason="no layers are told apart by their activation")
def test_a_mistake_that_is_of_no_activation_may_stand_in_one():
    """f' missing where a layer is of tanh."""
    network = without_slope(lambda s, l: s.case.activations[l - 1] == "tanh")
    finding, _ = wrong(network, BOTH)
    assert finding.bug == "hidden-derivative-missing"


# in the update


def moved(step):
    """The network whose p moves by step(s, p, g)."""
    return Network(rule=lambda s, p, g, kept: p + step(s, p, g))


def uphill(s, p, g):
    return s.lr * g


def downhill(s, p, g):
    return -s.lr * g


def constant_momentum(s, p, g, kept):
    kept["v"] = 0.9 * kept.get("v", 0) + g
    return p - s.lr * kept["v"]


def is_W(p):
    return p.ndim == 2


TWICE = "bias-at-twice-the-rate"


# each with what its id and its formula must say
UPDATES = {
    "a constant rate": (moved(lambda s, p, g: -0.3 * g), PLAIN, r"^lr is 0\.3\b"),
    "twice the rate": (moved(lambda s, p, g: -2 * s.lr * g), PLAIN, "^step-taken-twice: "),
    "uphill": (moved(uphill), PLAIN, "^step-uphill: "),
    "W uphill": (
        moved(lambda s, p, g: (uphill if is_W(p) else downhill)(s, p, g)),
        PLAIN,
        "step of W times -1: ",
    ),
    "b uphill": (
        moved(lambda s, p, g: (downhill if is_W(p) else uphill)(s, p, g)),
        PLAIN,
        "step of b times -1: ",
    ),
    "biases twice": (
        moved(lambda s, p, g: downhill(s, p, g) * (1 if is_W(p) else 2)),
        PLAIN,
        "^bias-at-twice-the-rate: ",
    ),
    "decay times -7": (
        moved(lambda s, p, g: -s.lr * (g - 7 * strength(s) * p)),
        DECAYING,
        "^decay times -7: .*- ?7 weight_decay theta",
    ),
    "decay that nobody asked for": (
        moved(lambda s, p, g: -s.lr * (g + 0.05 * p)),
        PLAIN,
        r"0\.05 theta in the update: ",
    ),
    "decay of W that nobody asked for": (
        moved(lambda s, p, g: -s.lr * (g + 0.05 * p * is_W(p))),
        PLAIN,
        r"0\.05 W in the update: ",
    ),
    "constant momentum": (Network(rule=constant_momentum), PLAIN, r"^momentum is 0\.9\b"),
}


@pytest.mark.parametrize("what", UPDATES)
def test_a_number_in_the_update_is_read_off(what):
    """A rate, a sign, a factor of the decay; the gradients that are shown are right."""
    network, declared, pattern = UPDATES[what]
    finding, others = wrong(network, declared)
    assert re.search(pattern, f"{finding.bug}: {finding.formula}")
    assert (finding.equation, others) == ("step", [])
    assert finding.where.endswith(", only with weight_decay") == (declared is DECAYING)
    meant = TWICE if what == "biases twice" else ""
    assert finding.declare == (f"conventions = ({meant!r},)" if meant else "")


def test_biases_that_are_stepped_twice_may_be_declared():
    """They are right then, strictly."""
    network, declared, _ = UPDATES["biases twice"]
    report = check(network, conventions=TWICE, **declared)
    assert report.strictly_passed
    assert [(each.bug, each.where) for each in report.findings] == [(TWICE, "declared")]


def uphill_in(layer):
    """The network whose W of one layer goes uphill."""
    return moved(lambda s, p, g: (uphill if p is s.W[layer] else downhill)(s, p, g))


@pytest.mark.parametrize("layer", [-1, 0])
def test_one_layer_that_goes_uphill_is_the_only_one_accused(layer):
    """The last, or the first, of however many there are."""
    finding, _ = wrong(uphill_in(layer), PLAIN)
    assert "step of W times -1" in finding.bug


PENALTIES = {
    "0.1 W in dW": Network(dW=lambda s, l: RIGHT.dW(s, l) + 0.1 * s.W[l - 1]),
    "0.1 theta in the gradients": penalised(lambda s: 0, lambda s: 0.1, lambda s: 0.1),
}


@pytest.mark.parametrize("bug", PENALTIES)
def test_a_penalty_that_nobody_asked_for_is_wrong_in_the_gradient(bug):
    """Where the cost that is shown has none."""
    finding, others = wrong(PENALTIES[bug], PLAIN)
    assert (bug in finding.bug, finding.equation, others) == (True, "BP4", [])
    assert (len(finding.tasks), finding.declare) == (FEW, "")


# as it is shown


def showing(change, shows=EVERYTHING):
    """The right network, with change(s, arrays) of what it shows."""
    return Network(shows, shown=lambda s, arrays: arrays | change(s, arrays))


REVERSED = "{} is shown in reverse order, from the last layer to the first"
SHOWN = {
    "dW in reverse": (
        showing(lambda s, arrays: {"dW": arrays["dW"][::-1]}),
        REVERSED.format("dW"),
    ),
    "delta in reverse": (
        showing(lambda s, arrays: {"delta": arrays["delta"][::-1]}),
        REVERSED.format("delta"),
    ),
    "z for a": (
        showing(lambda s, arrays: {"a": s.z}, ("z", "a", "loss", "dW", "db", "W", "b")),
        "your a is what z should be",
    ),
    "a for z": (showing(lambda s, arrays: {"z": s.a[1:]}), "your z is what a should be"),
    "weights from before": (
        showing(lambda s, arrays: {"W": s.W, "b": s.b}),
        "W and b are shown as they were before the step",
    ),
}


@pytest.mark.parametrize("how", SHOWN)
def test_what_is_right_but_shown_as_something_else_is_told_so(how):
    """And nothing that is made of it is accused."""
    network, got = SHOWN[how]
    finding, others = wrong(network, PLAIN)
    assert (finding.bug, finding.got, others) == ("", got, [])
    assert finding.where.startswith("what is shown as ")
    assert (finding.equation, finding.formula, finding.declare) == ("", "", "")


@pytest.mark.parametrize("sizes", [None, (4, 6, 1)])
def test_biases_in_reverse_are_told_so(sizes):
    """Whatever else is a column; those of one output may be one number for six."""
    network = showing(lambda s, arrays: {"db": arrays["db"][::-1]})
    finding, _ = wrong(network, {**PLAIN, "sizes": sizes})
    assert finding.got == REVERSED.format("db")


def test_gradients_in_each_others_place_are_told_so():
    """Their shapes are accused of nothing else."""
    swapped = showing(lambda s, arrays: {"dW": arrays["db"], "db": arrays["dW"]})
    finding, _ = wrong(swapped, PLAIN)
    assert finding.got == "dW and db have changed places: your dW is what db should be"


@pytest.mark.parametrize("layers", ["all", "hidden"])
def test_another_activation_is_named(layers):
    """With the derivative of the declared one, taken of its a."""

    def activation(s, l):
        return np.tanh(s.z[-1]) if layers == "all" or l < s.L else RIGHT.activation(s, l)

    finding, others = wrong(Network(activation=activation), PLAIN)
    assert (finding.equation, finding.formula, others) == ("a", "a = tanh(z)", [])
    assert "derivative is not" in finding.bug
