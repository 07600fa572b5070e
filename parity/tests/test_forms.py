"""The forms that tutorials write are the one backprop: certificates of every equation,
and of wrong copies what is wrong with them.

Certificates are taken where m is a power of two: loops and accumulated divide delta of
each layer by m once more, and where that is not exact it is one more rounding than a
certificate's bound has. parity.check, whose tasks have other m, too, finds nothing in
any form.
"""

from itertools import product

import numpy as np
import pytest

import parity
import refnet
from parity.steps.cases import PLAIN as PLAIN_CASES
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord
from refnet.forms import accumulated, graph, loops, perceptron

FORMS = {"loops": loops, "accumulated": accumulated, "graph": graph}
DOES = {
    "activations": ("identity", "sigmoid", "tanh", "relu", "leaky_relu"),
    "losses": ("half_squared_error", "mse"),
    "optimizers": ("sgd",),
    "settings": (),
}
PLAIN = [
    case
    for case in PLAIN_CASES
    if case.loss in DOES["losses"] and (case.optimizer, case.settings) == ("sgd", {})
]
TABLE = [case for case in PLAIN if {*case.hidden, case.output} <= {*DOES["activations"]}][::7]
# distinct primes, square, width 1, one layer; m is a power of two, so that the 1/m is
# exact wherever it stands
NETS = {
    "distinct primes": ((5, 3, 7, 2), ("tanh", "leaky_relu", "sigmoid"), 4),
    "square": ((3, 3, 3), ("sigmoid", "tanh"), 8),
    "width 1": ((3, 1, 1, 2), ("relu", "sigmoid", "identity"), 2),
    "one sample": ((3, 5, 2), ("tanh", "relu"), 1),
    "one layer": ((5, 3), ("sigmoid",), 4),
    "two identities": ((2, 3, 5), ("identity", "identity"), 16),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def program(form):
    """The form as a `run` for parity.check: it shows all that it works out, and plain
    gradient descent is taken with it.
    """

    def run(task):
        kinds = [
            name if slope is None else refnet.LeakyReLU(slope)
            for name, slope in zip(task.activations, task.slopes, strict=True)
        ]
        net = refnet.Network(map(refnet.Dense, task.W, task.b, kinds))
        for x, y, lr in task.steps:
            worked = form.gradient(net, x, y, task.loss)
            descend(form, net, x, y, task.loss, lr, worked)
            yield worked._asdict() | {
                name: [getattr(layer, name).copy() for layer in net.layers] for name in ("W", "b")
            }

    return run


def descend(form, net, x, y, loss, lr, worked):
    """One step in place: the form's own where it has one."""
    if form is accumulated:
        accumulated.step(net, x, y, loss, lr)
        return
    for layer, dW, db in zip(net.layers, worked.dW, worked.db, strict=True):
        layer.W[...] -= lr * dW
        layer.b[...] -= lr * db


def example(name, dtype):
    """The network of that name, x and y."""
    sizes, (*hidden, output), m = NETS[name]
    net = refnet.mlp(
        sizes, hidden, output, init=refnet.Normal(std=0.6), seed=sum(sizes), dtype=dtype
    )
    rng = np.random.default_rng(m)
    return (
        net,
        rng.normal(size=(m, sizes[0])).astype(dtype),
        rng.normal(size=(m, sizes[-1])).astype(dtype),
    )


def snapshot(net):
    """A copy of W and b."""
    return Snapshot(
        tuple(layer.W.copy() for layer in net.layers),
        tuple(layer.b.copy() for layer in net.layers),
        {},
    )


def record_of(form, net, x, y, loss, lr=0.5):
    """The step that a form takes, as a StepRecord; the network moves."""
    activations = tuple(
        (layer.activation.name, layer.activation.parameters) for layer in net.layers
    )
    spec = Spec(
        net.sizes, activations, loss, "sgd", refnet.SGD(lr=lr).hyperparameters, 1, str(net.dtype)
    )
    before = snapshot(net)
    worked = form.gradient(net, x, y, loss)
    descend(form, net, x, y, loss, lr, worked)
    layers = tuple(LayerRecord(*arrays) for arrays in zip(*worked[1:], strict=True))
    return StepRecord(spec, x, y, before, layers, worked.loss, snapshot(net))


@every_form
def test_check_finds_nothing(form):
    """The tasks that are made for small programs, and a seventh of the rows of the case
    table that the forms can take.
    """
    for cases in (None, TABLE):
        report = parity.check(program(form), cases=cases, **DOES)
        assert (report.passed, report.findings, report.unsupported, report.unjudged) == (
            True,
            (),
            (),
            0,
        ), str(report)
        assert set(report.shown) >= {"loss", "z", "a", "delta", "dW", "db", "W", "b"}


def test_the_table_has_every_pair():
    """Each loss with each output and each hidden activation, in both dtypes."""
    for place in (lambda case: case.output, lambda case: case.hidden[0], lambda case: case.dtype):
        assert {(case.loss, place(case)) for case in TABLE} == {
            *product(DOES["losses"], {place(case) for case in TABLE})
        }
    assert (
        {case.output for case in TABLE}
        == {case.hidden[0] for case in TABLE}
        == {*DOES["activations"]}
    )


@every_form
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NETS)
def test_every_equation_is_certified(form, name, dtype):
    """Everything is shown and passes, and the whole step agrees with refnet's own from
    equal weights.
    """
    for loss in DOES["losses"]:
        net, x, y = example(name, dtype)
        ours = parity.record_refnet(net.copy(), x, y, loss, refnet.SGD(lr=0.5))
        theirs = record_of(form, net, x, y, loss)
        certificate = parity.certify(theirs)
        assert certificate.passed, str(certificate)
        depth = len(net.layers)
        shown = {(result.equation, result.layer, result.quantity) for result in certificate.results}
        assert {
            (equation, layer)
            for equation, layer, _ in shown
            if equation in ("z", "a", "BP3", "BP4", "step")
        } == {*product(("z", "a", "BP3", "BP4", "step"), range(1, depth + 1))}
        assert {
            (equation, layer) for equation, layer, _ in shown if equation in ("C", "BP1", "BP2")
        } == {
            ("C", None),
            ("BP1", depth),
            *(("BP2", l) for l in range(1, depth)),
        }
        assert parity.compare(ours, theirs).passed
        assert parity.compare(theirs, ours).passed


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("m", [8, 11])
def test_where_m_is_no_power_of_two_the_last_division_shows(form, m):
    """One number in each layer, ten starts: only delta that is divided once more is
    ever beyond its bound, and only at m = 11.
    """
    sizes, (*hidden, output), _ = NETS["width 1"]
    broken = set()
    for seed in range(10):
        net, rng = (
            refnet.mlp(sizes, hidden, output, init=refnet.Normal(std=0.6), seed=seed),
            np.random.default_rng(seed),
        )
        record = record_of(
            FORMS[form], net, rng.normal(size=(m, sizes[0])), rng.normal(size=(m, sizes[-1])), "mse"
        )
        broken |= {result.equation for result in parity.certify(record).broken}
    assert broken == ({"BP2"} if m == 11 and form != "graph" else set())


# what is wrong is found, and named


def wrong_sign(original):
    """J grows: the output delta has the other sign."""
    return lambda layers, h, z, y, c: original(layers, h, z, y, -c)


def transposed(original):
    """w_ji for w_ij on the way back."""
    return lambda layers, *rest: original(
        [refnet.Dense(layer.W.T.copy(), layer.b, layer.activation) for layer in layers], *rest
    )


def no_slope(_original):
    """Without f'."""
    return lambda layer, z, h: np.ones_like(z)


def no_mean(original):
    """The sum over the samples for their mean."""
    return lambda samples: original(samples) * len(samples)


def one_left_out(original):
    """The last sample is forgotten."""
    return lambda samples: original(samples[:-1]) * (len(samples) - 1) / len(samples)


def only_the_last(original):
    """Capital deltas that are set, not added to."""
    return lambda layers, worked: original(layers, list(worked)[-1:])


def no_first_term(original):
    """The weighted sum starts at its second term."""

    def propagate(layers, x):
        layers = [
            refnet.Dense(layer.W * (np.arange(layer.fan_in) > 0), layer.b, layer.activation)
            for layer in layers
        ]
        return original(layers, x)

    return propagate


def not_passed_on(_original):
    """The upstream gradient alone, without the local one."""
    return lambda self, upstream, value, output: upstream


def linear_transposed(original):
    """W U for W^T U."""

    def downstream(self, upstream, value, output):
        original(self, upstream, value, output)
        return self.W @ upstream

    return downstream


def bias_by_mean(original):
    """db as a mean of delta, which has the 1/m already."""

    def downstream(self, upstream, value, output):
        gradient = original(self, upstream, value, output)
        self.db = upstream.mean(axis=1)
        return gradient

    return downstream


def m_times(original):
    """The 1/m is missing in the gradient of the cost."""
    return lambda self, upstream, value, output: (
        original(self, upstream, value, output) * value.shape[1]
    )


def uphill(original):
    """A step along the gradient."""
    return lambda net, x, y, c, lr: original(net, x, y, c, -lr)


# the form; what is replaced in it, by what; the first equation that fails, and the
# mistakes of the catalogue that are named
BROKEN = [
    (loops, (loops, "backpropagate"), wrong_sign, "BP1", {"output-delta-negated"}),
    (loops, (loops, "backpropagate"), transposed, "BP2", {"hidden-weights-transposed"}),
    (
        loops,
        (loops, "slope"),
        no_slope,
        "BP1",
        {"output-derivative-missing", "hidden-derivative-missing"},
    ),
    (loops, (loops, "mean"), no_mean, "BP3", {"factor n in db", "factor n in dW"}),
    (loops, (loops, "mean"), one_left_out, "BP3", set()),
    (loops, (loops, "propagate"), no_first_term, "z", set()),
    (accumulated, (accumulated, "backpropagate"), wrong_sign, "BP1", {"output-delta-negated"}),
    (accumulated, (accumulated, "backpropagate"), transposed, "BP2", {"hidden-weights-transposed"}),
    (
        accumulated,
        (accumulated, "slope"),
        no_slope,
        "BP1",
        {"output-derivative-missing", "hidden-derivative-missing"},
    ),
    (
        accumulated,
        (accumulated, "accumulate"),
        only_the_last,
        "C",
        {"db-last-sample-only", "dW-last-sample-only"},
    ),
    (accumulated, (accumulated, "propagate"), no_first_term, "z", set()),
    (accumulated, (accumulated, "step_into"), uphill, "step", {"step-uphill"}),
    (
        graph,
        (graph.Activate, "downstream"),
        not_passed_on,
        "BP1",
        {"output-derivative-missing", "hidden-derivative-missing"},
    ),
    (graph, (graph.Linear, "downstream"), linear_transposed, "BP2", {"hidden-weights-transposed"}),
    (graph, (graph.Linear, "downstream"), bias_by_mean, "BP3", {"db-averaged"}),
    (graph, (graph.Cost, "downstream"), m_times, "BP1", {"not-averaged"}),
]


@pytest.mark.parametrize(("form", "part", "wrong", "equation", "bugs"), BROKEN)
def test_a_broken_form_is_refused_and_named(monkeypatch, form, part, wrong, equation, bugs):
    """One part of a form is replaced by a wrong one: the diagnosis names what the
    catalogue has, and the place of what it has not.
    """
    net, x, y = example("square", "float64")
    monkeypatch.setattr(*part, wrong(getattr(*part)))
    broken = record_of(form, net, x, y, "half_squared_error")
    certificate = parity.certify(broken)
    assert certificate.broken[0].equation == equation
    findings = parity.diagnose(broken)
    assert findings[0].equation == equation
    assert {finding.bug for finding in findings} - {""} == bugs


# the perceptron


def update(w, b, row, label, lr):
    """What the rule does with one row, as the StepRecord of one heaviside unit with
    delta = yhat - y.
    """
    z = perceptron.weighted_sum(w, b, row)
    delta = np.array([[perceptron.step_function(z) - float(label)]])
    shown = LayerRecord(np.array([[z]]), delta + label, delta, delta * row, delta[0])
    after_w, after_b, _ = perceptron.one_epoch(w, b, row[np.newaxis], np.array([label]), lr)
    before, after = (
        Snapshot((u[np.newaxis],), (np.array([c]),), {}) for u, c in ((w, b), (after_w, after_b))
    )
    spec = Spec(
        (len(row), 1),
        (("heaviside", {}),),
        "half_squared_error",
        "sgd",
        refnet.SGD(lr=lr).hyperparameters,
        1,
        "float64",
    )
    return StepRecord(
        spec,
        row[np.newaxis],
        np.array([[float(label)]]),
        before,
        (shown,),
        delta.item() ** 2 / 2,
        after,
    )


def updates(x, labels, lr):
    """The record of each row of each epoch, from zero, until an epoch has no
    mistake.
    """
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, 1
    while mistakes:
        mistakes = 0
        for row, label in zip(x, labels, strict=True):
            record = update(w, b, row, label, lr)
            yield record
            w, b = record.after.W[0][0], record.after.b[0][0]
            mistakes += record.layers[0].delta.item() != 0.0


@pytest.mark.parametrize("lr", [1.0, 0.3])
def test_the_perceptron_takes_steps_of_sgd_with_delta_yhat_minus_y(lr):
    """z, a, BP3, BP4 and the step are certified.

    BP1 is not: the rule leaves out the step function's derivative, which is zero.
    """
    rng = np.random.default_rng(2)
    x = rng.normal(size=(11, 3))
    labels = (x @ [1.0, -2.0, 0.5] > 0.3).astype(int)
    records = [*updates(x, labels, lr)]
    mistakes = 0
    for each in records:
        status = {result.equation: result.status for result in parity.certify(each).results}
        missed = bool(each.layers[0].delta.any())
        assert status == dict.fromkeys(("z", "a", "C", "BP3", "BP4", "step"), "passed") | {
            "BP1": "wrong" if missed else "passed"
        }
        mistakes += missed
    learned = perceptron.learn(x, labels, lr=lr)
    assert learned.separable is True
    assert (sum(learned.mistakes), len(records)) == (mistakes, learned.epochs * len(x))
    assert (learned.w.tolist(), [learned.b]) == (
        records[-1].after.W[0][0].tolist(),
        records[-1].after.b[0].tolist(),
    )


def test_a_perceptron_with_the_other_sign_is_refused(monkeypatch):
    """w := w - lr (y - yhat) x."""
    original = perceptron.one_epoch
    monkeypatch.setattr(perceptron, "one_epoch", lambda w, b, x, y, lr: original(w, b, x, y, -lr))
    broken = parity.certify(update(np.zeros(2), 0.0, np.array([1.0, 2.0]), 1, 0.5)).broken
    assert {
        (result.equation, result.quantity) for result in broken if result.equation != "BP1"
    } == {("step", "W"), ("step", "b")}
