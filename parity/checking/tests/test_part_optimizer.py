"""Update rules alone: as functions, classes, objects and those of PyTorch."""

from functools import partial

import numpy as np
import pytest
import torch

import parity
from parity.checking.tests.right_parts import (
    Adam,
    GradientsFirst,
    Momentum,
    adam,
    momentum_sgd,
)

ALL_OF_SGD = ("momentum", "dampening", "nesterov", "weight_decay")


@pytest.mark.parametrize(
    ("step", "like", "settings", "tried"),
    [
        (lambda theta, g, lr: theta - lr * g, "sgd", {}, ()),
        (momentum_sgd, "sgd", {}, ("momentum", "weight_decay")),
        (momentum_sgd, "sgd", {"momentum": 0.9}, ("momentum", "weight_decay")),
        (adam, "adam", {}, ("betas", "eps")),
        (Adam, "adam", {}, ()),
        (Adam(), "adam", {"lr": 0.01}, ()),
        (Momentum, "sgd", {}, ("momentum",)),
        (partial(Momentum, momentum=0.9), "sgd", {"momentum": 0.9}, ("momentum",)),
        (partial(torch.optim.SGD, maximize=False), "sgd", {}, ALL_OF_SGD),
        (np.subtract, "sgd", {"lr": 1.0}, ()),
        (GradientsFirst, "sgd", {}, ()),
        (torch.optim.SGD, "sgd", {}, ALL_OF_SGD),
        (torch.optim.AdamW, "adamw", {}, ("betas", "eps", "weight_decay", "amsgrad")),
    ],
    ids=[
        "plain",
        "in place",
        "fixed",
        "functional",
        "class",
        "object",
        "holder",
        "partial",
        "partial of torch",
        "without a signature",
        "gradients first",
        "torch SGD",
        "AdamW",
    ],
)
def test_a_right_rule_passes(step, like, settings, tried):
    """Plain, and with every setting that it has parameters for."""
    report = parity.check_optimizer(step, like=like, **settings)
    assert report.strictly_passed, report
    assert set(report.tried.optimizers[like]) == set(tried)
    assert report.shown == report.showable == ("W", "b")


def test_a_rate_that_is_not_said_is_asked_for():
    """Where another one is what is wrong, and nowhere else."""

    def slow(theta, g):
        return theta - 0.03 * g

    *_, note = parity.check_optimizer(slow, like="sgd").findings
    assert note.verdict == "note"
    assert note.advice == "it is judged by lr=0.1; if it has another, say that"
    assert parity.check_optimizer(slow, like="sgd", lr=0.03).strictly_passed
    said = parity.check_optimizer(slow, like="sgd", lr=0.05)
    assert all(finding.verdict == "wrong" for finding in said.findings)
