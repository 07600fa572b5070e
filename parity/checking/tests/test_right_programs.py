"""A program that is right in its own way passes: with another amsgrad, with constants
in its code, with several conventions at once, with single samples alone.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity.checking.checker import cases_for, check
from parity.checking.tests.network import (
    CLASSES,
    HALF,
    PLAIN,
    RIGHT,
    SGD,
    SIGMOID,
    Accumulating,
    Network,
    adam,
    log_of,
    of_squares,
    penalised,
    sgd,
    strength,
)
from parity.checking.tests.reports import advised, judged, passes

# adaptive rules


def moments(s, g, kept):
    """m and v of a step of Adam."""
    first, second = s.case.settings["betas"]
    kept["m"] = first * kept.get("m", 0) + (1 - first) * g
    kept["v"] = second * kept.get("v", 0) + (1 - second) * g * g
    return kept["m"], kept["v"], 1 - first**s.number, 1 - second**s.number


def amsgrad(move):
    """Adam, which under amsgrad moves by move(m, v, corrections of both, largest)."""

    def rule(s, p, g, kept):
        if not s.setting("amsgrad"):
            return adam(s, p, g, kept)

        def largest(v):
            kept["most"] = np.maximum(kept.get("most", 0), v)
            return np.sqrt(kept["most"]) + s.case.settings["eps"]

        return p - s.lr * move(*moments(s, g, kept), largest)

    return Network(rule=rule)


AMSGRAD = {
    "amsgrad-after-correction": lambda m, v, first, second, most: m / first / most(v / second),
    "amsgrad-correction-of-m-only": lambda m, v, first, second, most: m / first / most(v),
    "amsgrad-without-correction": lambda m, v, first, second, most: m / most(v),
}


@pytest.mark.parametrize("name", AMSGRAD)
def test_amsgrad_may_correct_before_or_after_or_not(name):
    """As papers and libraries differ."""
    declared = {**SIGMOID, "optimizers": "adam", "settings": "amsgrad"}
    (finding,) = passes(amsgrad(AMSGRAD[name]), declared, name)
    assert finding.equation == "step"


def fixed(**constants):
    """Adam with constants that no task changes."""

    def rule(s, p, g, kept):
        return adam(replaced(s, constants), p, g, kept)

    return Network(rule=rule)


def replaced(s, constants):
    """The step, with other settings."""
    settings = {**s.case.settings, **constants}
    return type(s)(replace(s.case, settings=settings), s.number, (s.x, s.y, s.lr), s.W, s.b)


def adamw(s, p, g, kept):
    m, v, first, second = moments(replaced(s, {"betas": (0.9, 0.999)}), g, kept)
    return p * (1 - 0.01 * s.lr) - s.lr * (m / first) / (np.sqrt(v / second) + 1e-8)


def mean_square(alpha, eps):
    def rule(s, p, g, kept):
        kept["v"] = alpha * kept.get("v", 0) + (1 - alpha) * g * g
        return p - s.lr * g / (np.sqrt(kept["v"]) + eps)

    return Network(rule=rule)


def adagrad(s, p, g, kept):
    kept["v"] = kept.get("v", 0) + g * g
    return p - s.lr * g / (np.sqrt(kept["v"]) + 1e-10)


IN_THE_CODE = ("constants-in-the-code",)
CONSTANTS = {
    "adam": (fixed(betas=(0.9, 0.999), eps=1e-8), "adam", (), ()),
    "adamw": (Network(rule=adamw), "adamw", (), ()),
    "rmsprop": (mean_square(0.99, 1e-8), "rmsprop", (), ()),
    "adagrad": (Network(rule=adagrad), "adagrad", (), ()),
    "adam, which is told its betas": (
        fixed(betas=(0.9, 0.999), eps=1e-8),
        "adam",
        ("betas",),
        IN_THE_CODE,
    ),
    "adam, with others": (fixed(betas=(0.5, 0.999), eps=1e-7), "adam", (), IN_THE_CODE),
    "rmsprop, with others": (mean_square(0.9, 1e-7), "rmsprop", (), IN_THE_CODE),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_in_the_code_are_right_unless_a_task_says_otherwise(name):
    """With settings = () the constants are PyTorch's; others are a convention."""
    network, optimizer, settings, conventions = CONSTANTS[name]
    declared = {**SIGMOID, "optimizers": optimizer, "settings": settings}
    tasks, report = judged(network, **declared)
    assert report.verdict.startswith("RIGHT. "), str(report)
    assert tuple(finding.bug for finding in report.findings) == conventions
    assert judged(network, **{**declared, **advised(report)})[1].strictly_passed
    assert {task.optimizer for task in tasks} == {optimizer}


# several at once


def rate_in_the_velocity(s, p, g, kept):
    kept["v"] = s.setting("momentum") * kept.get("v", 0) - s.lr * g
    return p + kept["v"]


def averaged(s, p, g, kept):
    mu = s.setting("momentum")
    kept["v"] = mu * kept.get("v", 0) + (1 - mu) * g
    return p - s.lr * kept["v"]


WITH_MOMENTUM = {**HALF, "settings": "momentum"}
SETS = {
    "a sum, and the rate in the velocity": (
        of_squares("half of the sum", rule=rate_in_the_velocity),
        WITH_MOMENTUM,
        ("loss-summed", "momentum-with-lr-inside"),
    ),
    "eps in the log, and the rate in the velocity": (
        replace(log_of(lambda p: p + 1e-7), rule=rate_in_the_velocity),
        {**CLASSES, "settings": "momentum"},
        ("eps-in-the-log", "momentum-with-lr-inside"),
    ),
    "a penalty, and an average of gradients": (
        penalised(lambda s: strength(s) / 2, strength, rule=averaged),
        {**HALF, "settings": ("momentum", "weight_decay")},
        (
            "penalty-in-the-cost",
            "decay-in-the-gradients",
            "decay-not-on-b",
            "momentum-as-average",
        ),
    ),
    "half of the sum, uphill on its negative": (
        Network(
            cost=lambda s: np.sum(s.error**2) / 2,
            output_delta=lambda s: -s.error * s.slope(s.L),
            rule=lambda s, p, g, kept: p + s.lr * g,
        ),
        PLAIN,
        ("loss-half-sum", "gradients-negated-and-added"),
    ),
    "a sum, and constants in the code": (
        replace(of_squares("the sum"), rule=fixed(betas=(0.9, 0.999), eps=1e-8).rule),
        {**SIGMOID, "optimizers": "adam", "settings": "betas"},
        ("loss-summed", *IN_THE_CODE),
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_conventions_together_are_as_harmless_as_each(name):
    """Each is named, and no mistake."""
    network, declared, conventions = SETS[name]
    findings = passes(network, declared, *conventions)
    assert len(findings) == len(conventions)


# programs as they are


def refusing(network, *, unless):
    """The network, which raises ValueError where this does not hold."""

    def run(case):
        if not unless(case):
            raise ValueError
        yield from network(case)

    return run


@pytest.mark.parametrize(
    ("optimizers", "settings"), [("sgd", ("momentum", "nesterov")), ("adam", ())]
)
def test_single_samples_are_as_many_tasks_as_batches(optimizers, settings):
    """A program that knows no others, and says so."""
    run = refusing(RIGHT, unless=lambda case: all(len(step.x) == 1 for step in case.steps))
    declared = {**SIGMOID, "optimizers": optimizers, "settings": settings}
    report = check(run, batch=1, **declared)
    assert (report.findings, report.strictly_passed) == ((), True)
    assert len(report.tasks) == len(cases_for(RIGHT, **declared))
    assert (report.tried.batches, max(report.tried.steps)) == ((1,), 7)
    assert check(run, **declared).verdict.startswith("WRONG. ")


def test_hidden_layers_may_all_have_one_activation():
    """A program that knows no mixture, and says so."""
    run = refusing(RIGHT, unless=lambda case: len({*case.activations[:-1]}) == 1)
    declared = {**SGD, "activations": ("sigmoid", "tanh"), "outputs": "identity", "losses": "mse"}
    report = check(run, same_hidden=True, **declared)
    assert (report.findings, report.strictly_passed) == ((), True)
    assert report.tried.activations == ("sigmoid", "tanh")
    assert check(run, **declared).verdict.startswith("WRONG. ")


def test_a_network_without_biases_may_have_conventions_too():
    """The cost of its own is one, and the missing biases are a note."""
    network = of_squares(
        "the sum",
        shows=("output", "loss", "dW", "W"),
        sum=lambda s, l: s.a[-1] @ s.W[l - 1].T,
        rule=lambda s, p, g, kept: sgd(s, p, g, kept) if p.ndim == 2 else p,
    )
    for bias, notes in ((None, 1), (False, 0)):
        report = judged(network, bias=bias, **PLAIN)[1]
        assert report.passed
        assert [each.bug for each in report.conventions] == ["loss-summed"]
        assert len(report.findings) == 1 + notes


MICRO_BATCHES = [
    Accumulating(rows=1, weight=lambda m, n, k: 1 / k),
    *(Accumulating(rows=rows) for rows in (2, 4, 7)),
]


@pytest.mark.parametrize("network", MICRO_BATCHES, ids=lambda network: f"{network.rows} rows")
@pytest.mark.parametrize("declared", [PLAIN, CLASSES], ids=["plain", "classes"])
def test_micro_batches_with_their_sizes_are_right(network, declared):
    """A mean of means by the rows of each is the mean of all; so is one of parts of a
    row each, without.
    """
    assert not passes(network, declared)
