"""A gradient or a step that cannot be told activations and a loss is judged by those
that fit what it shows, and that is said; it is refused where none do.
"""

from functools import partial

import numpy as np
import pytest

from parity.checking.calling import combinations
from parity.checking.calling.combinations import completed
from parity.checking.calling.trial import Combination, Trial
from parity.checking.checker import cases_for, check
from parity.checking.program.adapters import from_gradient, from_step
from parity.checking.tasks.declaration import declaration
from parity.tests.command import run as parity


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


F = {  # f, and f' from a
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "sigmoid": (sigmoid, lambda a: a * (1 - a)),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0) * 1.0),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda a: np.where(a > 0, 1, 0.01)),
    "identity": (lambda z: z, np.ones_like),
    "softmax": (softmax, None),
}


def network(hidden, output, delta, W, b, x, y, loss=None):
    """A network in plain NumPy that says nothing of itself: `delta` is that of its
    output.
    """
    a = [x]
    for l, (w, c) in enumerate(zip(W, b, strict=True), start=1):
        f, _ = F[output if l == len(W) else hidden]
        a.append(f(a[-1] @ w.T + c))
    d = [delta(a[-1], y)]
    for w, h in zip(W[:0:-1], a[-2:0:-1], strict=True):
        d.insert(0, d[0] @ w * F[hidden][1](h))
    dW, db = [v.T @ h for v, h in zip(d, a, strict=False)], [v.sum(axis=0) for v in d]
    return (dW, db) if loss is None else (loss(a[-1], y), dW, db)


def gradient(*what, **loss):
    """Such a network as a program."""
    return from_gradient(partial(network, *what, **loss))


def of_mse(a, y):
    return 2 * (a - y) / y.size


def of_classes(a, y):
    return (a - y) / len(y)


def of_labels(a, y):
    return (a - np.eye(a.shape[1])[y]) / len(y)


def of_either(a, y):
    return (of_labels if y.ndim == 1 else of_classes)(a, y)


def of_class_numbers(a, y):
    return of_labels(a, y.argmax(axis=1))


def by_sigmoid(times, a, y):
    return times(y) * (a - y) * a * (1 - a)


OWN = {
    "half of the sum": (by_sigmoid, lambda y: 1.0, "loss-half-sum"),
    "the sum": (by_sigmoid, lambda y: 2.0, "loss-summed"),
    "per output": (by_sigmoid, lambda y: 2.0 / y.shape[1], "loss-per-output"),
}
FITS = {
    "tanh, identity and mse": (gradient("tanh", "identity", of_mse), None),
    "relu, softmax and cross_entropy": (gradient("relu", "softmax", of_classes), "distributions"),
    "leaky_relu, softmax and cross_entropy": (
        gradient("leaky_relu", "softmax", of_labels),
        "labels",
    ),
    "sigmoid, softmax and cross_entropy": (
        gradient("sigmoid", "softmax", of_class_numbers),
        "one_hot",
    ),
    "tanh, softmax and cross_entropy": (gradient("tanh", "softmax", of_either), None),
    "sigmoid and half_squared_error": (
        gradient("sigmoid", "sigmoid", partial(by_sigmoid, lambda y: 1 / len(y))),
        None,
    ),
    "relu, sigmoid and binary_cross_entropy": (
        gradient("relu", "sigmoid", lambda a, y: (a - y) / y.size),
        None,
    ),
    "identity and mae": (
        gradient("identity", "identity", lambda a, y: np.sign(a - y) / y.size),
        None,
    ),
}


@pytest.mark.parametrize("names", FITS)
def test_what_fits_is_said_and_the_program_is_judged_by_it(names):
    """Of combinations that are the same, that on probabilities; with the targets that
    it can read.
    """
    program, targets = FITS[names]
    report = check(program)
    (note,) = report.findings
    assert report.strictly_passed
    assert len(report.tasks) >= 6
    assert (note.verdict, note.got) == (
        "note",
        (
            f"declares neither activations nor losses: {names} fit what it shows, and it is judged "
            "by these"
        ),
    )
    assert (f"targets = '{targets}'" in note.advice) == (targets is not None)


@pytest.mark.parametrize("cost", OWN)
@pytest.mark.parametrize("with_loss", [False, True])
def test_a_cost_of_its_own_is_a_convention(cost, with_loss):
    """The gradient of another average is that of another cost, where no loss is
    declared.
    """
    delta, times, convention = OWN[cost]

    def loss(a, y):
        return times(y) / 2 * np.sum((a - y) ** 2)

    program = gradient(
        "tanh", "sigmoid", partial(delta, times), **{"loss": loss} if with_loss else {}
    )
    report = check(program)
    assert report.passed
    declares = f"losses = ('mse',), conventions = ('{convention}',)"
    assert report.findings[0].advice.endswith(declares)
    # a declared loss is what is judged by
    declared = check(program, losses="mse")
    assert declared.passed == with_loss


def test_what_is_wrong_but_for_a_factor_is_diagnosed():
    """A sign, a loss that does not belong to the gradient: by what fits else."""
    uphill = check(gradient("tanh", "identity", lambda a, y: -of_mse(a, y)))
    assert "output-delta-negated" in [finding.bug for finding in uphill.findings]
    rooted = check(
        gradient("tanh", "identity", of_mse, loss=lambda a, y: np.sqrt(np.mean((a - y) ** 2)) + 1)
    )
    assert [finding.equation for finding in rooted.findings if finding.verdict == "wrong"] == ["C"]


def no_derivative(W, b, x, y):
    h = np.tanh(x @ W[0].T + b[0])
    d = of_mse(h @ W[1].T + b[1], y)
    return [(d @ W[1]).T @ x, d.T @ h], [(d @ W[1]).sum(axis=0), d.sum(axis=0)]


def test_what_nothing_fits_is_refused():
    """It is wrong or has something that parity does not know: what to declare is
    said.
    """
    program = from_gradient(no_derivative)
    with pytest.raises(ValueError, match="neither activations nor losses, and none of ") as error:
        check(program, sizes=(3, 4, 2))
    assert str(error.value).startswith("no_derivative: declares neither ")
    assert "expected activations = ('tanh',), outputs = " in str(error.value)
    with pytest.raises(ValueError, match="no_derivative: declares no losses, and none of "):
        check(program, sizes=(3, 4, 2), activations="tanh", outputs="identity")
    several = "declares several activations or losses, and cannot be told which is asked for, and "
    with pytest.raises(ValueError, match=several):
        check(program, sizes=(3, 4, 2), activations=("tanh", "relu"), losses="mse")
    # declared, it is named
    does = {"activations": "tanh", "outputs": "identity", "losses": "mse"}
    (finding,) = check(program, sizes=(3, 4, 2), **does).findings
    assert finding.bug == "hidden-derivative-missing"


def test_a_fixed_number_of_layers_is_to_be_declared():
    """What it does in another network is said, and with which it works."""

    def two_layers(W, b, x, y):
        (_, _) = W
        return network("tanh", "identity", of_mse, W, b, x, y)

    pattern = (
        r"^two_layers: declares neither activations nor losses, and with layers of 3, 5, 4, 3 "
        r"units raised ValueError in test_combinations\.py, line \d+ \(too many values to unpack "
        r".*\), but not with layers of 3, 4, 3 units, expected sizes = \(3, 4, 3\), or what "
    )
    with pytest.raises(ValueError, match=pattern):
        check(from_gradient(two_layers))
    assert check(from_gradient(two_layers), sizes=(3, 4, 2)).passed

    def fails(W, b, x, y):
        raise ZeroDivisionError("by 0")

    with pytest.raises(ValueError, match=r"units raised ZeroDivisionError in .*\(by 0\), expected"):
        check(from_gradient(fails))
    with pytest.raises(ValueError, match=r"units dW is a list of length 2 in a network of 3"):
        check(from_gradient(lambda W, b, x, y: ([0, 0], [0, 0])))


def test_several_that_differ_are_refused(monkeypatch):
    """Those that make other gradients of a task that the program has not seen."""
    program = gradient("tanh", "identity", of_mse)
    monkeypatch.setattr(
        Trial,
        "fitting",
        lambda trial, asked: [
            Combination("tanh", "identity", "mse"),
            Combination("relu", "identity", "mse"),
        ],
    )
    monkeypatch.setattr(Trial, "forms", lambda trial, combination: ["values"])
    pattern = "tanh, identity and mse or relu, identity and mse fit what it shows, expected "
    with pytest.raises(ValueError, match=pattern):
        check(program)


def test_combinations_that_are_the_same_count_as_one():
    """What softmax does stands in the output or in the loss; a mean of two squares is
    half of their sum.
    """
    trial = Trial(gradient("tanh", "softmax", of_classes), declaration(slope=0.01), (3, 4, 2))
    one = Combination("tanh", "softmax", "cross_entropy")
    other = Combination("tanh", "identity", "softmax_cross_entropy")
    fitting = trial.fitting([one, other])
    assert len(fitting) == 2
    assert not trial.differ(*fitting)
    trial = Trial(gradient("tanh", "identity", of_mse), declaration(slope=0.01), (3, 4, 2))
    mean = Combination("tanh", "identity", "mse")
    fitting = trial.fitting([mean, mean._replace(loss="half_squared_error")])
    assert len(fitting) == 2
    assert not trial.differ(*fitting)


def test_what_is_declared_narrows_the_search():
    """Wholly declared, nothing is searched for; and what is asked of it stays."""
    program = gradient("tanh", "identity", of_mse)
    declared = declaration(activations="tanh", outputs="identity", losses="mse")
    complete, notes = completed(program, declared)
    assert (complete.activations, complete.losses, notes) == (("tanh",), ("mse",), [])
    complete, notes = completed(program, declaration(losses=("mae", "mse"), sizes=(3, 4, 2)))
    assert (complete.activations, complete.losses, len(notes)) == (("tanh",), ("mse",), 1)
    assert complete.sizes == (3, 4, 2)
    with pytest.raises(ValueError, match="none of"):
        completed(program, declaration(losses=("mae", "cross_entropy")))


def test_a_step_has_its_own_slope_and_layout():
    """leaky_relu's is PyTorch's where it is not declared, and a layout may be."""

    def step(W, b, x, y, lr):
        dW, db = network("leaky_relu", "identity", of_mse, [w.T for w in W], b, x, y)
        return [w - lr * g.T for w, g in zip(W, dW, strict=True)], [
            c - lr * g for c, g in zip(b, db, strict=True)
        ]

    report = check(from_step(step), layout="in_out")
    assert report.passed
    assert "slope = 0.01" in report.findings[0].advice
    wrong_way = check(from_step(step))
    assert wrong_way.findings[0].advice == "declare layout = 'in_out', samples = 'rows'"
    declared = check(
        from_step(step), layout="in_out", activations="leaky_relu", outputs="identity", losses="mse"
    )
    assert declared.findings == ()


def test_a_network_without_biases_is_found_out_too():
    """With both notes."""

    def step(W, b, x, y, lr):
        dW, _ = network("tanh", "identity", of_mse, W, [0 * c for c in b], x, y)
        return [w - lr * g for w, g in zip(W, dW, strict=True)], None

    report = check(from_step(step))
    assert report.strictly_passed
    fits, biases = (each.got for each in report.findings)
    assert "tanh, identity and mse fit what it shows" in fits
    assert biases.startswith("shows None for b: judged as a network without biases")


def test_the_tasks_of_a_test_suite_are_those_that_fit():
    """One test each, without a declaration."""
    tasks = cases_for(gradient("tanh", "identity", of_mse))
    assert {(*task.activations[:-1], task.activations[-1], task.loss) for task in tasks} <= {
        ("tanh",) * depth + ("identity", "mse") for depth in range(4)
    }


def test_a_refusal_is_unusable_input(tmp_path):
    """The command says what to declare, and ends with status 2."""
    file = tmp_path / "net.py"
    file.write_text("def step(W, b, x, y, lr):\n    return W, b\n", encoding="utf-8")
    status, out, err = parity("check", str(file))
    assert (status, "WRONG" in out) == (2, False)
    assert err.startswith("parity: step: declares neither activations nor losses, and none of ")
    assert combinations.EXAMPLE in err
