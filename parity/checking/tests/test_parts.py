"""Parts of programs alone: right ones in every form pass, wrong ones are named as in a
whole program.
"""

import sys
from functools import partial

import numpy as np
import pytest
import torch

import parity
from parity.checking.tests.wrong_parts import (
    WrongActivation,
    WrongLinear,
    WrongLoss,
    WrongRule,
)
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.mistake import CONVENTION
from refnet.losses import LOSSES


def sigmoid(z):
    """1 / (1 + e^-z)."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def softmax(z):
    """By the largest z of each row."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def jacobian(z):
    """da_ij/dz_ik of a softmax."""
    p = softmax(z)
    return p[:, :, None] * np.eye(p.shape[1], dtype=p.dtype) - p[:, :, None] * p[:, None, :]


class Tanh:
    """A layer that remembers its activation."""

    def forward(self, z):
        """a = tanh z."""
        self.a = np.tanh(z)
        return self.a

    def backward(self, g):
        """dC/dz."""
        return g * (1 - self.a**2)


class Sigmoid(torch.autograd.Function):
    """With a backward of its own."""

    @staticmethod
    def forward(ctx, z):
        """a."""
        a = torch.sigmoid(z)
        ctx.save_for_backward(a)
        return a

    @staticmethod
    def backward(ctx, g):
        """dC/dz."""
        (a,) = ctx.saved_tensors
        return g * a * (1 - a)


class NeedsTwo(Tanh):
    """One that goes backward with the cache that forward has given."""

    def backward(self, g, *, cache):
        """dC/dz."""


RECTIFIED = {
    "relu": (lambda z: z * (z > 0), lambda z: (z > 0).astype(z.dtype)),
    "identity": (lambda z: z, np.ones_like),
}
ACTIVATIONS = {
    "two functions": ("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "a derivative of a": ("sigmoid", sigmoid, lambda a: a * (1 - a)),
    "a Jacobian": ("softmax", softmax, jacobian),
    "an object": ("tanh", Tanh(), None),
    "a module": ("leaky_relu", torch.nn.LeakyReLU(0.2), None),
    "a function of tensors": ("sigmoid", torch.sigmoid, None),
    "a Function of autograd": ("sigmoid", Sigmoid, None),
    "a derivative that is a number": ("identity", lambda z: z, lambda z: 1),
    "a module in place": ("relu", torch.nn.ReLU(inplace=True), None),
    **{name: (name, *pair) for name, pair in RECTIFIED.items()},
}


@pytest.mark.parametrize("form", ACTIVATIONS)
def test_a_right_activation_passes(form):
    """In both dtypes, around 0 and far beyond exp."""
    like, value, derivative = ACTIVATIONS[form]
    of = "a" if form == "a derivative of a" else "z"
    report = parity.check_activation(value, derivative, like=like, slope=0.2, derivative_of=of)
    assert report.strictly_passed, report
    assert report.tried.activations == (like,)
    assert report.tried.dtype == ("float64", "float32")
    assert "numbers beyond exp" in report.tried.edges
    assert report.shown == report.showable == ("a", "delta")


def test_a_rectifier_that_flushes_subnormals_to_zero_is_right():
    """As the functions of JAX do; its slope at 0 is one of those between 0 and 1."""

    def flushed(z):
        return np.where(np.abs(z) < np.finfo(np.float32).tiny, 0, z).astype(z.dtype)

    value, derivative = RECTIFIED["relu"]
    report = parity.check_activation(
        lambda z: value(flushed(z)), lambda z: derivative(flushed(z)), like="relu"
    )
    assert report.strictly_passed, report


def test_a_derivative_in_terms_of_a_is_recognised():
    """The mistake is named, and so is what is probably meant."""
    report = parity.check_activation(sigmoid, lambda a: a * (1 - a), like="sigmoid")
    wrong, note = report.findings
    assert (wrong.bug, note.verdict) == ("derivative-of-z-for-a", "note")
    assert note.advice == "if you call it so, say derivative_of='a'"


def test_a_wrong_value_does_not_accuse_the_derivative():
    """Each is tried by itself."""
    report = parity.check_activation(
        lambda z: 1.01 * np.tanh(z), lambda z: 1 - np.tanh(z) ** 2, like="tanh", **QUICK
    )
    assert [finding.equation for finding in report.findings] == ["a"]
    assert all(task.startswith("value, ") for task in report.findings[0].tasks)


def test_a_nan_is_not_explained_by_a_setting_that_there_is_not():
    """Beyond exp the naive sigmoid has no derivative by autograd; it has no slope."""
    report = parity.check_activation(lambda z: 1 / (1 + torch.exp(-z)), like="sigmoid")
    assert not report.passed
    assert "slope" not in str(report)


def test_the_slope_of_a_rectifier_at_0_is_a_convention():
    """Every slope between those on both sides passes, by its name."""
    relu = RECTIFIED["relu"][0]
    for at_zero, bug in ((1.0, "slope-one-at-zero"), (0.5, "slope-halfway-at-zero")):
        report = parity.check_activation(
            relu, lambda z, at=at_zero: np.where(z == 0, at, z > 0).astype(z.dtype), like="relu"
        )
        assert [finding.bug for finding in report.conventions] == [bug]
        assert report.passed, report


def test_an_edge_is_named_and_can_be_left_out():
    """e^z overflows without the largest z subtracted; within its range nothing is
    wrong.
    """

    @np.errstate(all="ignore")
    def naive(z):
        e = np.exp(z)
        return e / e.sum(axis=1, keepdims=True)

    assert parity.check_activation(naive, jacobian, like="softmax").findings[0].bug == (
        "softmax-overflow"
    )
    report = parity.check_activation(naive, jacobian, like="softmax", hard=False)
    assert report.strictly_passed, report
    assert report.tried.edges == ()


@pytest.mark.parametrize("like", LOSSES)
def test_a_right_loss_passes(like):
    """refnet's own as two functions, and PyTorch's by autograd, at the edges too."""
    ours, theirs = LOSSES[like](), parity.twin_loss(like)
    for report in (
        parity.check_loss(ours.value, ours.gradient, like=like),
        # PyTorch's BCELoss loses digits beside probabilities of 1, so within its range
        parity.check_loss(theirs, like=like, hard=False),
    ):
        assert report.strictly_passed, report
        assert report.tried.losses == (like,)
        assert report.tried.batches == (1, 5, 7, 11, 13)


def test_a_loss_that_takes_one_hot_rows_is_given_those():
    """As an object that remembers its output."""

    class CrossEntropy:
        def forward(self, z, y):
            self.p, self.y = softmax(z), y
            assert z.shape == y.shape
            return -np.mean(np.sum(y * np.log(self.p), axis=1))

        def backward(self):
            return (self.p - self.y) / len(self.y)

    options = {"like": "softmax_cross_entropy", "targets": "one_hot"}
    assert parity.check_loss(CrossEntropy(), **options, hard=False).strictly_passed
    hard = parity.check_loss(CrossEntropy(), **options)
    assert [finding.bug for finding in hard.findings] == ["log-of-zero"]


def test_a_loss_of_one_kind_of_targets_is_right_as_far_as_tried():
    """It need not be said which: the report says what was not tried."""
    value, gradient = LABELS_ALONE
    report = parity.check_loss(value, gradient, like="softmax_cross_entropy", hard=False)
    assert report.passed, report
    assert report.untried == ("distributions",)
    assert report.findings[-1].advice == "say targets='labels'"
    said = parity.check_loss(
        value, gradient, like="softmax_cross_entropy", hard=False, targets="labels"
    )
    assert said.passed
    assert said.untried == ()


def test_a_loss_of_labels_may_have_another_dtype():
    """What is said of that is no call that has not returned what it should."""
    value, gradient = LABELS_ALONE
    report = parity.check_loss(
        value, lambda z, y: gradient(z.astype(float), y), like="softmax_cross_entropy", hard=False
    )
    assert report.passed, report


LABELS_ALONE = (
    lambda z, y: -np.log(softmax(z)[np.arange(len(z)), y]).mean(),
    lambda z, y: (softmax(z) - np.eye(z.shape[1], dtype=z.dtype)[y]) / len(z),
)


def test_a_loss_that_takes_the_target_first_is_told_so():
    """Its gradient has the other sign, and a note says why."""
    report = parity.check_loss(
        lambda y, a: ((a - y) ** 2).mean(), lambda y, a: 2 * (a - y) / a.size, like="mse", **QUICK
    )
    wrong, note = report.findings
    assert wrong.bug == "output-delta-negated"
    assert note.got == "they are right where they are given y before a"


def test_a_loss_that_cannot_read_the_target_last_is_told_so():
    """Of labels, there is no sign that could be wrong."""
    value, gradient = LABELS_ALONE
    report = parity.check_loss(
        lambda y, z: value(z, y),
        lambda y, z: gradient(z, y),
        like="softmax_cross_entropy",
        targets="labels",
        **QUICK,
    )
    assert not report.passed
    assert report.findings[-1].got == "they are right where they are given y before a"


def test_a_sum_with_the_gradient_of_the_sum_is_a_convention():
    """It passes, and by declaring it also strictly."""
    pair = (lambda a, y: ((a - y) ** 2).sum(), lambda a, y: 2 * (a - y))
    report = parity.check_loss(*pair, like="mse")
    assert [finding.bug for finding in report.conventions] == ["loss-summed"]
    assert report.passed
    declared = parity.check_loss(*pair, like="mse", conventions=("loss-summed",))
    assert declared.strictly_passed, declared


def forward(x, W, b):
    """z."""
    return x @ W.T + b


def backward(x, W, delta):
    """dx, dW and db."""
    return delta @ W, delta.T @ x, delta.sum(axis=0)


class Layer:
    """A layer that keeps W as (fan_in, fan_out)."""

    def __init__(self):
        self.W, self.b = np.zeros((4, 3)), np.zeros(3)

    def forward(self, x):
        """z."""
        self.x = x
        return x @ self.W + self.b

    def backward(self, delta):
        """dx; dW and db are left in the layer."""
        self.dW, self.db = self.x.T @ delta, delta.sum(axis=0)
        return delta @ self.W.T


class Adding(Layer):
    """A layer that adds up its gradients."""

    def zero_grad(self):
        """Begin anew."""
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def backward(self, delta):
        """dx."""
        self.dW += self.x.T @ delta
        self.db += delta.sum(axis=0)
        return delta @ self.W.T


class Turned(torch.nn.Module):
    """A module of W and b."""

    def __init__(self):
        super().__init__()
        self.W = torch.nn.Parameter(torch.zeros(4, 3))
        self.b = torch.nn.Parameter(torch.zeros(3))

    def forward(self, x):
        """z."""
        return x @ self.W + self.b


class ForwardAlone(Layer):
    """A layer that does not go backward."""

    backward = None

    def __init__(self):
        self.W, self.b = [0.0], [0.0]


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        ((forward, backward), {}),
        (
            (lambda x, W, b: x @ W + b, lambda x, W, g: (g @ W.T, x.T @ g, g.sum(0))),
            {"layout": "in_out"},
        ),
        ((lambda x, W: x @ W.T, lambda x, W, g: (g @ W, g.T @ x)), {"bias": False}),
        ((forward, lambda x, W, g: (None, g.T @ x, g.sum(0, keepdims=True))), {}),
        ((Layer(),), {"layout": "in_out"}),
        ((torch.nn.Linear(4, 3),), {}),
        ((Turned(),), {"layout": "in_out"}),
        ((Adding(),), {"layout": "in_out"}),
        ((torch.nn.Linear(4, 3, bias=False),), {"bias": False}),
    ],
    ids=[
        *("functions", "in_out", "no biases", "no dx", "object", "module"),
        *("module with W and b", "object that adds up", "module without bias"),
    ],
)
def test_a_right_layer_passes(layer, options):
    """All that it computes is judged, in both dtypes, with one sample too."""
    report = parity.check_linear(*layer, **options)
    assert report.strictly_passed, report
    assert {"z", "dW"} <= set(report.shown)
    assert ("db" in report.shown) == options.get("bias", True)
    assert 1 in report.tried.batches


def test_the_layer_that_was_given_is_not_changed():
    """A copy of it is."""
    layer = Layer()
    parity.check_linear(layer, layout="in_out")
    assert not hasattr(layer, "dW")
    assert not layer.W.any()


def test_a_layer_in_the_other_layout_is_told_so():
    """As most people write it with NumPy."""
    pair = (lambda x, W, b: x @ W + b, lambda x, W, g: (g @ W.T, x.T @ g, g.sum(0)))
    for layer in (pair, (Layer(),)):
        report = parity.check_linear(*layer)
        assert not report.passed
        assert report.findings[-1].got == "it is right where W is (fan_in, fan_out)"
        assert report.findings[-1].advice.endswith("say layout='in_out'")


def momentum_sgd(theta, g, state, lr, momentum, weight_decay=0.0):
    """In place."""
    g = g + weight_decay * theta
    state["v"] = momentum * state["v"] + g if "v" in state else g
    theta -= lr * state["v"]


def adam(theta, g, state, t, lr, beta1, beta2, epsilon):
    """As functional code has it: the state is returned."""
    m, v = state or (0.0, 0.0)
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    u = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return theta - lr * u, (m, v)


class Adam:
    """Fixed betas and eps, all arrays at once."""

    def __init__(self, learning_rate=0.01):
        self.lr, self.t, self.m, self.v = learning_rate, 0, None, None

    def update(self, thetas, gradients):
        """The arrays after the step."""
        self.t += 1
        zeros = [np.zeros_like(theta) for theta in thetas]
        self.m = [0.9 * m + 0.1 * g for m, g in zip(self.m or zeros, gradients, strict=True)]
        self.v = [
            0.999 * v + 0.001 * g * g for v, g in zip(self.v or zeros, gradients, strict=True)
        ]
        bc1, bc2 = 1 - 0.9**self.t, 1 - 0.999**self.t
        return [
            theta - self.lr * (m / bc1) / (np.sqrt(v / bc2) + 1e-8)
            for theta, m, v in zip(thetas, self.m, self.v, strict=True)
        ]


class Momentum:
    """An optimizer that is made with its parameters, and changes them in place."""

    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = params, lr, momentum
        self.v = [np.zeros_like(array) for array in params]

    def step(self, gradients):
        """In place."""
        for array, g, v in zip(self.params, gradients, self.v, strict=True):
            v[...] = self.momentum * v + g
            array[...] = array - self.lr * v


class Failing(torch.optim.SGD):
    """One whose step raises an exception."""

    def step(self, closure=None):
        """None."""
        return 1 / 0


class GradientsFirst:
    """One whose method takes the gradients before the arrays."""

    def __init__(self, lr):
        self.lr = lr

    def update(self, grads, params):
        """In place."""
        for array, g in zip(params, grads, strict=True):
            array[...] = array - self.lr * g


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


ADAM = {"lr": 0.1, "betas": (0.7, 0.9), "eps": 0.01, "amsgrad": False, "weight_decay": 0.3}
SGD = {"lr": 0.1, "momentum": 0.7, "dampening": 0.0, "nesterov": False, "weight_decay": 0.3}


def linear_report(bug):
    """The report on a layer with a mistake."""
    layer = WrongLinear(bug)
    return parity.check_linear(layer.forward, layer.backward)


QUICK = {"hard": False, "dtype": "float64"}
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
            "step: raised ZeroDivisionError in test_parts.py, line ",
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


def of_mae(a, y):
    """dC/da of the mean absolute error."""
    return np.sign(a - y) / a.size


@pytest.mark.parametrize("like", ["tanh", "relu"])
def test_functions_of_jax_are_checked(like):
    """With the numbers of its own dtype; there, subnormal numbers are 0."""
    jax = pytest.importorskip("jax")
    value = {"tanh": jax.numpy.tanh, "relu": jax.nn.relu}[like]
    derivative = jax.jit(jax.vmap(jax.vmap(jax.grad(value))))
    report = parity.check_activation(value, derivative, like=like, dtype="float32", hard=False)
    assert report.strictly_passed, report
