"""A cost, its gradient, or both: which of them is wrong; and a mistake beside a cost of
one's own is still one.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity.checking.checker import check
from parity.checking.tests.network import (
    CLASSES,
    HALF,
    PLAIN,
    SIGMOID,
    Network,
    log_of,
    of_squares,
    penalised,
    sgd,
    strength,
)
from parity.checking.tests.reports import wrong
from parity.mistakes.diagnosis.finding import UNEXPLAINED

DECAYING = {**PLAIN, "settings": "weight_decay"}

# the cost, and its gradient

COSTS = {
    "loss-rooted": (lambda s: np.sqrt(np.mean(s.error**2)), PLAIN),
    "factor n k in C": (lambda s: np.sum(s.error**2), PLAIN),
    "loss-halved": (lambda s: np.mean(s.error**2) / 2, PLAIN),
    "factor 1/n in C": (lambda s: np.mean(s.error**2) / s.n, PLAIN),
    "factor -1 in C": (lambda s: -np.mean(s.error**2), PLAIN),
    "loss-negated": (lambda s: np.sum(s.y * np.log(s.output)) / s.n, CLASSES),
    "loss-not-averaged": (lambda s: -np.sum(s.y * np.log(s.output)), CLASSES),
    "": (lambda s: np.mean(s.error[-1] ** 2), PLAIN),
}


@pytest.mark.parametrize("bug", COSTS)
def test_a_mistake_in_the_loss_alone_accuses_no_gradient(bug):
    """Which are right, and shown."""
    cost, declared = COSTS[bug]
    finding, others = wrong(Network(cost=cost), declared)
    assert (finding.bug, finding.equation, others) == (bug, "C", [])
    assert finding.where.startswith("C (cost)")
    assert finding.expected.endswith("C = loss(a^L, y), a mean over the n rows")
    assert (finding.happens == UNEXPLAINED) == (bug == "")


GRADIENTS = {
    "half-the-gradient": (lambda s: s.error / s.y.size, PLAIN, "loss-half-mean"),
    "not-averaged-at-all": (lambda s: 2 * s.error, PLAIN, "loss-summed"),
    "twice-the-gradient": (lambda s: 2 * s.error / s.n, HALF, "loss-without-half"),
    "factor n k/2 in the output delta": (lambda s: s.error, PLAIN, "loss-half-sum"),
}


@pytest.mark.parametrize("bug", GRADIENTS)
@pytest.mark.parametrize("with_loss", [True, False])
def test_the_gradient_of_another_cost_is_wrong(bug, with_loss):
    """Beside the declared loss it cannot be meant; alone it may, and how is said."""
    gradient, declared, convention = GRADIENTS[bug]
    shows = ("loss", "dW", "db") if with_loss else ("dW", "db")
    network = Network(shows, output_delta=lambda s: gradient(s) * s.slope(s.L))
    finding, others = wrong(network, declared)
    assert (finding.bug, finding.equation, others) == (bug, "BP1", [])
    assert finding.declare == ("" if with_loss else f"conventions = ({convention!r},)")


# a mistake beside conventions


def no_slope(s, l):
    return s.delta[0] @ s.W[l]


def of_the_last_sample(s, l):
    return s.delta[l - 1][-1]


SUM = {"cost": of_squares("the sum").cost, "output_delta": of_squares("the sum").output_delta}
IN_W = penalised(lambda s: strength(s) / 2, strength)
PENALTY = ["penalty-in-the-cost", "decay-in-the-gradients", "decay-not-on-b"]
BESIDE = {
    "a sum, f' forgotten": (
        Network(hidden_delta=no_slope, **SUM),
        PLAIN,
        "hidden-derivative-missing",
        ["loss-summed"],
    ),
    "a sum, uphill": (
        Network(rule=lambda s, p, g, kept: p + s.lr * g, **SUM),
        PLAIN,
        "step-uphill",
        ["loss-summed"],
    ),
    "a penalty, one sample in db": (
        replace(IN_W, db=of_the_last_sample),
        DECAYING,
        "db-last-sample-only",
        PENALTY,
    ),
    "eps in the log, db averaged": (
        replace(log_of(lambda p: p + 1e-7), db=lambda s, l: s.delta[l - 1].mean(axis=0)),
        CLASSES,
        "db-averaged",
        ["eps-in-the-log"],
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_cost_of_ones_own_excuses_no_mistake(name):
    """Both are named, each as what it is."""
    network, declared, bug, conventions = BESIDE[name]
    finding, others = wrong(network, declared)
    assert (finding.bug, others) == (bug, conventions)


def uncorrected(s, p, g, kept):
    if s.case.optimizer == "sgd":
        return sgd(s, p, g, kept)
    kept["m"] = 0.9 * kept.get("m", 0) + 0.1 * g
    kept["v"] = 0.999 * kept.get("v", 0) + 0.001 * g * g
    return p - s.lr * kept["m"] / (np.sqrt(kept["v"]) + 1e-8)


def test_a_mistake_of_one_optimizer_is_named_beside_a_cost_of_all():
    """Adam is not corrected, and the sum is the cost of SGD, too."""
    network = replace(of_squares("half of the sum"), rule=uncorrected)
    declared = {**SIGMOID, "losses": "half_squared_error", "settings": ()}
    finding, others = wrong(network, {**declared, "optimizers": ("sgd", "adam")}, None)
    assert (finding.bug, others) == ("adam-without-correction", ["loss-summed"])
    assert finding.where.endswith(", only with adam")
    assert len(finding.tasks) == 4


def test_a_cost_of_ones_own_is_the_same_in_every_batch():
    """A sum in large batches and a mean in small ones is the gradient of no cost."""

    def network(case):
        large = max(len(x) for x, _, _ in case.steps) > 7
        yield from (of_squares("the sum") if large else Network())(case)

    report = check(network, **PLAIN)
    assert report.verdict.startswith("WRONG. "), str(report)
    assert "loss-summed" not in {finding.bug for finding in report.conventions}


def test_float32_inside_is_lost_digits_and_no_mistake():
    """Though of some of its arrays rounding may take half of the digits."""

    def network(case):
        for step in Network()(case):
            yield {name: in_float32(value) for name, value in step.items()}

    def in_float32(value):
        arrays = value if isinstance(value, list) else [value]
        rounded = [np.float32(array) for array in arrays]
        return rounded if isinstance(value, list) else rounded[0]

    report = check(network, **PLAIN)
    assert report.verdict.startswith("RIGHT. "), str(report)
    assert "imprecise" in {finding.verdict for finding in report.findings}
