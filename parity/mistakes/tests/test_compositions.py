"""Conventions together are as harmless as each alone: programs that follow several, in
the student's hand, and the entries of the catalogue that explain them.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.probes import PROBES, Probe
from parity.mistakes.search.judging import judged
from parity.mistakes.tests.student import cost, moments, output_delta, step, trained
from parity.steps.cases import Case

ADAM = Case(
    "probe",
    sizes=(3, 4, 3),
    loss="mse",
    targets="values",
    batch=5,
    optimizer="adam",
    settings={"lr": 0.1, "weight_decay": 0.3, "eps": 0.01},
)
BY_NAME = {probe.name: probe for probe in (*PROBES, Probe("Adam with weight decay", ADAM))}
AMSGRAD = ("AMSGrad with weight decay",)
DECAYING = ("weight decay", "Adagrad", "RMSprop", "Adam with weight decay")
SHOWN = ("loss", "dW", "db", "W", "b")


def decay(net, strength=1.0):
    return strength * net.h["weight_decay"]


def penalised(of_b=False, strength=lambda net: 1.0, reported=True, of_data=lambda net: 1.0):
    """C = data + lambda/2 sum W^2 and dW = ... + lambda W, before the update; lambda is
    the weight decay times `strength`, and the data's part is times `of_data`.
    """
    names = ("W", "b") if of_b else ("W",)

    def whole(net):
        half = decay(net, strength(net)) / 2
        squares = sum(np.sum(theta**2) for name in names for theta in getattr(net, name))
        return of_data(net) * cost(net) + (half * squares if reported else 0.0)

    def gradient(name, bare):
        def with_decay(net, l):
            own = decay(net, strength(net)) * getattr(net, name)[l]
            return bare(net, l) + (own if name in names else 0.0)

        return with_decay

    return {
        "cost": whole,
        "output_delta": lambda net: of_data(net) * output_delta(net),
        "dW": gradient("W", lambda net, l: net.delta[l].T @ net.below(l)),
        "db": gradient("b", lambda net, l: net.delta[l].sum(axis=0)),
        "decayed": lambda net, name, theta, g: g,
    }


def beside(strength):
    """The decay of W alone in the update, this many times as strong."""
    return {
        "decayed": lambda net, name, theta, g: (
            g + decay(net, strength(net)) * theta if name == "W" else g
        )
    }


def penalty_alone(net):
    """The cost has the penalty, and the update decays what it is given."""
    squares = sum(np.sum(theta**2) for theta in (*net.W, *net.b))
    return cost(net) + decay(net) / 2 * squares


def averaged_late(net, l):
    return net.delta[l].T @ net.below(l) / net.n + decay(net) * net.W[l]


def lr_inside(net, theta, g, kept):
    kept["v"] = net.h["momentum"] * kept.get("v", 0) - net.lr * g
    return theta + kept["v"]


def amsgrad(extreme=np.maximum, of_m=lambda net: 1.0, of_v=lambda net: 1.0):
    """AMSGrad with m and the largest v divided by these."""

    def rule(net, theta, g, kept):
        m, v = moments(net, g, kept)
        kept["v^"] = extreme(kept.get("v^", v), v) if net.h["amsgrad"] else v
        return theta - net.lr * m / of_m(net) / (np.sqrt(kept["v^"] / of_v(net)) + net.h["eps"])

    return {"rule": rule}


def left(net, which):
    """1 - beta^t."""
    return 1 - net.h["betas"][which] ** net.t


class Composition(NamedTuple):
    """A program, the probes that it runs in, and the entries that explain it."""

    program: dict
    probes: tuple
    bugs: tuple


IN_BOTH = ("penalty-in-the-cost", "decay-in-the-gradients")
COMPOSITIONS = {
    "lambda/2 W^2 in the cost, lambda W in dW": Composition(
        penalised(), DECAYING, (*IN_BOTH, "decay-not-on-b")
    ),
    "of the biases too": Composition(penalised(of_b=True), DECAYING, IN_BOTH),
    "lambda W in dW, and the penalty not reported": Composition(
        penalised(reported=False), DECAYING, ("decay-in-the-gradients", "decay-not-on-b")
    ),
    "the penalty in the cost alone": Composition(
        {"cost": penalty_alone}, (*DECAYING, "AdamW"), ("penalty-in-the-cost",)
    ),
    "lambda/(2 n) W^2": Composition(
        penalised(strength=lambda net: 1 / net.n),
        DECAYING,
        (*IN_BOTH, "decay-not-on-b", "decay-divided-by-n"),
    ),
    "lambda W^2 and 2 lambda W": Composition(
        penalised(strength=lambda net: 2.0), DECAYING, (*IN_BOTH, "decay-not-on-b", "decay-doubled")
    ),
    "half of the sum of squares, and lambda/2 W^2": Composition(
        penalised(of_data=lambda net: net.y.size / 2),
        DECAYING,
        (*IN_BOTH, "decay-not-on-b", "loss-half-sum"),
    ),
    "2 lambda W / n in the update": Composition(
        beside(lambda net: 2 / net.n),
        DECAYING,
        ("decay-not-on-b", "decay-divided-by-n", "decay-doubled"),
    ),
    "the average and lambda W in dW": Composition(
        penalised(reported=False)
        | {
            "output_delta": lambda net: net.n * output_delta(net),
            "dW": averaged_late,
            "db": lambda net, l: net.delta[l].sum(axis=0) / net.n,
        },
        DECAYING,
        ("averaged-in-the-gradients", "decay-in-the-gradients", "decay-not-on-b"),
    ),
    "half of the mean, and lr in the velocity": Composition(
        {
            "cost": lambda net: cost(net) / 2,
            "output_delta": lambda net: output_delta(net) / 2,
            "rule": lr_inside,
        },
        ("momentum",),
        ("loss-half-mean", "momentum-with-lr-inside"),
    ),
    "AMSGrad as it was published, and lambda W in dW": Composition(
        penalised(reported=False) | amsgrad(),
        AMSGRAD,
        ("amsgrad-without-correction", "decay-in-the-gradients", "decay-not-on-b"),
    ),
    "AMSGrad's maximum as it is, and the penalty in the cost": Composition(
        {"cost": penalty_alone} | amsgrad(of_m=lambda net: left(net, 0)),
        AMSGRAD,
        ("amsgrad-correction-of-m-only", "penalty-in-the-cost"),
    ),
    "a mean over the outputs, in a network without biases": Composition(
        {
            "cost": lambda net: net.n * cost(net),
            "z": lambda net, l: net.below(l) @ net.W[l].T,
            "output_delta": lambda net: net.n * output_delta(net),
            "db": lambda net, l: np.zeros_like(net.b[l]),
            "step": lambda net, name, l: step(net, name, l) if name == "W" else net.b[l],
        },
        ("mixed activations", "Adam with weight decay"),
        ("no-biases", "loss-per-output"),
    ),
}
EACH = [(name, probe) for name, each in COMPOSITIONS.items() for probe in each.probes]
each_composition = pytest.mark.parametrize(("name", "probe"), EACH, ids=lambda part: part)


def off(run, *bugs):
    """Whether some array cannot come of a program with these entries."""
    placed = [(bug, bug.layers(run.spec)) for bug in bugs]
    return any(station.off for station in judged(run, placed))


@each_composition
def test_conventions_explain_a_program_together(name, probe):
    """In whatever order they are placed; and each of them is needed where all is
    shown.
    """
    program, _, ids = COMPOSITIONS[name]
    run = trained(BY_NAME[probe].run(), (*SHOWN, "delta"), **program)
    bugs = [BY_ID[bug] for bug in ids]
    assert {bug.verdict for bug in bugs} == {CONVENTION}
    assert not off(run, *bugs)
    assert not off(run, *reversed(bugs))
    for bug in bugs:
        assert off(run, *(other for other in bugs if other is not bug))


@each_composition
def test_half_of_a_composition_is_not_explained(name, probe):
    """A gradient that is a thousandth off is off with all of them."""
    program, _, ids = COMPOSITIONS[name]
    right = program.get("dW", lambda net, l: net.delta[l].T @ net.below(l))
    run = trained(
        BY_NAME[probe].run(), SHOWN, **program | {"dW": lambda net, l: 1.001 * right(net, l)}
    )
    assert off(run, *(BY_ID[bug] for bug in ids))


def test_without_weight_decay_nothing_is_a_penalty():
    """The entries stand in no such network."""
    spec = BY_NAME["momentum"].run().spec
    assert not any(BY_ID[bug].layers(spec) for bug in (*IN_BOTH, "decay-not-on-b"))


def test_the_smallest_v_in_place_of_the_largest_is_a_mistake():
    """It is named from weights alone, beside the right program without AMSGrad; with
    the maximum that program is right.
    """

    def runs(extreme):
        rule = amsgrad(extreme, lambda net: left(net, 0), lambda net: left(net, 1))
        probes = (BY_NAME[name] for name in ("Adam", *AMSGRAD))
        return [trained(probe.run(), ("W", "b"), **rule) for probe in probes]

    assert diagnose_runs(runs(np.maximum)) == []
    (finding,) = diagnose_runs(runs(np.minimum))
    assert (finding.bug, finding.verdict) == ("amsgrad-keeps-the-minimum", WRONG)


# the programs whose conventions are found one by one, or two at once
FOUND = (
    "of the biases too",
    "the penalty in the cost alone",
    "half of the mean, and lr in the velocity",
    "AMSGrad's maximum as it is, and the penalty in the cost",
    "a mean over the outputs, in a network without biases",
)


@pytest.mark.parametrize("shown", [SHOWN, ("loss", "W", "b")], ids=["gradients", "weights"])
@pytest.mark.parametrize("name", FOUND)
def test_a_composition_has_no_finding_but_its_conventions(name, shown):
    """In all of its probes together."""
    program, probes, ids = COMPOSITIONS[name]
    findings = diagnose_runs([trained(BY_NAME[probe].run(), shown, **program) for probe in probes])
    assert {finding.bug for finding in findings} <= set(ids)
    assert findings


@pytest.mark.parametrize(
    ("program", "probe", "bug"),
    [
        (penalised(of_b=True, reported=False), "weight decay", "decay-in-the-gradients"),
        ({"rule": lr_inside}, "momentum", "momentum-with-lr-inside"),
    ],
    ids=["decay in the gradients", "lr in the velocity"],
)
def test_a_convention_of_the_update_may_be_meant_where_no_weights_are_shown(program, probe, bug):
    """Its gradients are those of right steps, the first and all later ones."""
    run = trained(BY_NAME[probe].run(), ("loss", "dW", "db"), **program)
    (finding,) = diagnose_runs([run])
    assert (finding.bug, finding.verdict) == (bug, CONVENTION)


def test_what_the_update_would_undo_is_wrong_where_no_weights_are_shown():
    """A gradient of the opposite sign, or n times as large, may go into any update."""
    for times in (lambda net: -1.0, lambda net: net.n):
        program = {"output_delta": lambda net, times=times: times(net) * output_delta(net)}
        run = trained(BY_NAME["mixed activations"].run(), ("loss", "dW", "db"), **program)
        first, *_ = diagnose_runs([replace(run, steps=run.steps[:1])])
        assert first.verdict == WRONG
