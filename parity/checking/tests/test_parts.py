"""Wrong parts are named as in a whole program, and what cannot be read is said."""

import sys
from functools import partial

import numpy as np
import pytest
import torch

import parity
from parity.checking.tests.right_parts import (
    QUICK,
    Failing,
    ForwardAlone,
    Layer,
    NeedsTwo,
    adam,
    backward,
    forward,
    of_mae,
)
from parity.checking.tests.wrong_parts import (
    WrongActivation,
    WrongLinear,
    WrongLoss,
    WrongRule,
)
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.mistake import CONVENTION

ADAM = {"lr": 0.1, "betas": (0.7, 0.9), "eps": 0.01, "amsgrad": False, "weight_decay": 0.3}
SGD = {"lr": 0.1, "momentum": 0.7, "dampening": 0.0, "nesterov": False, "weight_decay": 0.3}


def linear_report(bug):
    """The report on a layer with a mistake."""
    layer = WrongLinear(bug)
    return parity.check_linear(layer.forward, layer.backward)


CHECKS = {
    "activation": lambda bug, like: parity.check_activation(
        WrongActivation(bug, like, 0.2), like=like, slope=0.2, **QUICK
    ),
    "loss": lambda bug, like: parity.check_loss(WrongLoss(bug, like), like=like, **QUICK),
    "linear": lambda bug, like: linear_report(bug),
    "optimizer": lambda bug, like: parity.check_optimizer(
        WrongRule(bug, like, {"sgd": SGD, "adam": ADAM}[like]),
        like=like,
        **{"sgd": SGD, "adam": ADAM}[like],
    ),
}


@pytest.mark.parametrize(
    ("kind", "like", "name"),
    [
        ("activation", "sigmoid", "sigmoid-derivative-one-minus-only"),
        ("activation", "tanh", "tanh-derivative-not-squared"),
        ("activation", "relu", "relu-mask-on-gradient"),
        ("activation", "softmax", "softmax-one-minus"),
        ("loss", "mse", "half-the-gradient"),
        ("loss", "softmax_cross_entropy", "not-averaged"),
        ("loss", "sigmoid_cross_entropy", "output-delta-negated"),
        ("linear", "", "bias-forgotten"),
        ("linear", "", "dW-averaged"),
        ("linear", "", "hidden-weights-transposed"),
        ("optimizer", "sgd", "step-uphill"),
        ("optimizer", "adam", "eps-missing"),
        ("optimizer", "adam", "adam-without-correction"),
    ],
)
def test_a_mistake_of_the_catalogue_is_named(kind, like, name):
    """By the id that it has in a whole program."""
    bug = BY_ID[name]
    report = CHECKS[kind](bug, like)
    named = {each for finding in report.findings for each in (finding.bug, *finding.alike)}
    assert name in named, report
    assert report.passed == (bug.verdict == CONVENTION)


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (
            lambda: parity.check_activation(lambda z: z[:1], np.ones_like, like="identity"),
            "value: returned an array of shape (1, 6), expected an array of shape (5, 6)",
        ),
        (
            lambda: parity.check_activation(np.tanh, lambda z: 1 / 0, like="tanh"),
            "derivative: raised ZeroDivisionError in test_parts.py, line ",
        ),
        (
            lambda: parity.check_loss(lambda a, y: (a - y) ** 2, np.subtract, like="mse"),
            "value: returned an array of shape (5, 3), expected one number",
        ),
        (
            lambda: parity.check_loss(lambda a, y: "much", np.subtract, like="mse"),
            "value: returned dtype <U4, expected one number",
        ),
        (
            lambda: parity.check_loss(lambda a, y: None, np.subtract, like="mse"),
            "value: returned None, expected one number",
        ),
        (
            lambda: parity.check_activation(np.tanh, lambda z: sys.exit(3), like="tanh"),
            "derivative: raised SystemExit in test_parts.py, line ",
        ),
        (
            lambda: parity.check_activation(NeedsTwo(), like="tanh"),
            "derivative (backward): raised TypeError, expected an array of shape (5, 6)",
        ),
        (
            lambda: parity.check_activation(partial(np.power, x2=3.0), np.ones_like, like="tanh"),
            "value (power): raised TypeError",
        ),
        (
            lambda: parity.check_linear(forward, lambda x, W, g: g @ W),
            "backward: returned something of type ndarray, expected (dx, dW, db)",
        ),
        (
            lambda: parity.check_linear(forward, lambda x, W, g: (g @ W, x.T @ g, g.sum(0))),
            "backward: dW is an array of shape (6, 3), expected an array of shape (3, 6)",
        ),
        (
            lambda: parity.check_linear(forward, lambda x, W, g: (g @ W, g.T @ x, None)),
            "backward: db is None, expected an array of shape (3,)",
        ),
        (
            lambda: parity.check_optimizer(lambda theta, g: theta.sum(), like="sgd"),
            "step: theta is one number, expected an array of shape (6, 4)",
        ),
        (
            lambda: parity.check_optimizer(type("Empty", (), {}), like="sgd"),
            "step: made something of type Empty, expected an object with step or update",
        ),
        (
            lambda: parity.check_optimizer(Failing, like="sgd"),
            "step: raised ZeroDivisionError in right_parts.py, line ",
        ),
        (
            lambda: parity.check_optimizer(torch.optim.SparseAdam, like="adam"),
            "step: raised RuntimeError in ",
        ),
        (
            lambda: parity.check_optimizer(max, like="sgd", lr=1.0),
            "step (max): raised ValueError, expected theta",
        ),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_what_cannot_be_read_is_said_in_one_sentence(report, sentence):
    """Where, what it has, what is expected."""
    checked = report()
    assert not checked.passed
    assert any(finding.sentence.startswith(sentence) for finding in checked.findings), checked


def test_a_function_that_changes_its_arguments_is_not_right():
    """Neither for what it returns nor for what it leaves behind."""

    def in_place(z):
        np.tanh(z, out=z)
        return z

    report = parity.check_activation(in_place, lambda z: 1 - np.tanh(z) ** 2, like="tanh")
    assert report.findings[0].got == "changes an array that it is given"


def test_what_goes_backward_may_write_into_what_it_is_given():
    """The gradient from above is of no use any more."""

    class Relu:
        def forward(self, z):
            self.off = z <= 0
            return np.where(self.off, 0, z)

        def backward(self, g):
            g[self.off] = 0
            return g

    assert parity.check_activation(Relu(), like="relu", **QUICK).strictly_passed

    def halved(x, W, delta):
        delta *= 2
        return delta @ W / 2, delta.T @ x / 2, delta.sum(axis=0) / 2

    assert parity.check_linear(forward, halved, dtype="float64").strictly_passed


def test_a_function_that_remembers_is_not_right():
    """A second call with the same arrays must give the same."""
    calls = []

    def drifting(z):
        calls.append(1)
        return np.tanh(z) * (1 + len(calls) / 8)

    report = parity.check_activation(drifting, lambda z: 1 - np.tanh(z) ** 2, like="tanh", **QUICK)
    assert any("a second call with the same task" in each.got for each in report.findings)


def test_what_a_part_does_not_support_is_not_tried():
    """A loss of one-hot rows that refuses labels is right as far as tried."""

    def value(p, y):
        if y.ndim == 1:
            raise NotImplementedError
        return -np.mean(np.sum(y * np.log(p), axis=1))

    def gradient(p, y):
        if y.ndim == 1:
            raise NotImplementedError
        return -y / p / len(p)

    report = parity.check_loss(value, gradient, like="cross_entropy", hard=False)
    assert report.passed, report
    assert report.unsupported
    assert len(report.tasks) + len(report.unsupported) == 8


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: parity.check_activation(np.tanh, np.tanh, like="heaviside"),
            ValueError,
            "check_activation: like has 'heaviside', expected one of identity, sigmoid",
        ),
        (
            lambda: parity.check_activation(3, np.tanh, like="tanh"),
            TypeError,
            "check: value has type int, expected a function",
        ),
        (
            lambda: parity.check_activation(np.tanh, np.tanh, like="tanh", derivative_of="y"),
            ValueError,
            "check_activation: derivative_of has 'y', expected one of z, a",
        ),
        (
            lambda: parity.check_loss(np.subtract, np.subtract, like="hinge"),
            ValueError,
            "check_loss: like has 'hinge', expected one of mse",
        ),
        (
            lambda: parity.check_linear(object()),
            TypeError,
            "check_linear: layer has type object, expected one with forward, and weight or W",
        ),
        (
            lambda: parity.check_linear(Layer),
            TypeError,
            "check_linear: layer has the class Layer, expected an object of it",
        ),
        (
            lambda: parity.check_linear(torch.nn.Linear(4, 3, bias=False)),
            ValueError,
            "check_linear: layer has no bias, expected one, or bias=False",
        ),
        (
            lambda: parity.check_linear(ForwardAlone()),
            TypeError,
            "check_linear: layer has type ForwardAlone and no backward, expected one with it, or",
        ),
        (
            lambda: parity.check_linear(torch.nn.LazyLinear(3)),
            TypeError,
            "check_linear: weight has no shape yet, expected a matrix",
        ),
        (
            lambda: parity.check_linear(type("Flat", (ForwardAlone,), {"backward": len})()),
            TypeError,
            "check_linear: W has shape (1,), expected a matrix",
        ),
        (
            lambda: parity.check_activation(partial, like="tanh"),
            TypeError,
            "check: value has the class partial, expected an object of it, or one that is",
        ),
        (
            lambda: parity.check_linear(forward, backward, layout="rows"),
            ValueError,
            "check_linear: layout has 'rows', expected one of out_in, in_out",
        ),
        (
            lambda: parity.check_optimizer(adam, like="lion"),
            ValueError,
            "check_optimizer: like has 'lion', expected one of sgd",
        ),
        (
            lambda: parity.check_optimizer(adam, like="adam", momentum=0.9),
            ValueError,
            "check_optimizer: a setting of adam has 'momentum', expected one of lr, betas",
        ),
        (
            lambda: parity.check_optimizer(adam, like="adam", lr="fast"),
            TypeError,
            "Adam: lr has type str, expected a number",
        ),
        (
            lambda: parity.check_optimizer(torch.optim.SGD([torch.zeros(1)]), like="sgd"),
            TypeError,
            "check_optimizer: step has an object of SGD, expected the class",
        ),
        (
            lambda: parity.check_optimizer(None, like="sgd"),
            TypeError,
            "check_optimizer: step has type NoneType, expected a function or a class",
        ),
        (
            lambda: parity.check_loss(np.subtract, np.subtract, like="mse", hard=1),
            TypeError,
            "check_loss: hard has 1, expected True or False",
        ),
    ],
)
def test_unusable_arguments_are_refused(call, error, sentence):
    """In one sentence, before anything is called."""
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).startswith(sentence)


def test_a_report_of_a_part_is_plain_data():
    """As that of a whole program."""
    data = parity.check_activation(np.tanh, lambda z: 1 + 0 * z, like="tanh").as_json()
    assert data["passed"] is False
    assert data["name"] == "tanh, like tanh"
    assert data["findings"][0]["bug"] == "hidden-derivative-missing"


def test_points_are_those_of_the_part():
    """Its equations and its settings, and nothing of the training around it."""
    right = parity.check_loss(lambda a, y: abs(a - y).mean(), like="mae", gradient=of_mae)
    assert set(right.points.holds) >= {"C", "BP1", "mae", "float32"}
    assert not {"z", "sgd", "tanh"} & set(right.points.holds)
    assert right.points.percent == 100
    wrong = parity.check_loss(
        lambda a, y: abs(a - y).mean(), lambda a, y: -of_mae(a, y), like="mae"
    )
    assert wrong.points.lost == {"BP1": "wrong"}
