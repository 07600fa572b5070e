"""A broken refnet or PyTorch does not get past the command line: it exits with 1, and
the verdict names the place.
"""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import refnet
from parity.experiments.job import digits
from parity.proof.agreement import Agreement, Difference
from parity.tests.main_job import FEW, ROWS, once, refuse, verdict_of

pytestmark = pytest.mark.usefixtures("_little_to_do")


REAL_BACKWARD, REAL_COSTS = refnet.fast.workspace.backward_into, refnet.fast.inplace.costs_at_labels


def mean_over_rows(layers, x, *others):
    """A backward pass whose bias gradients are divided by the rows once more."""
    REAL_BACKWARD(layers, x, *others)
    for layer in layers:
        np.divide(layer.db, len(x), out=layer.db)


def untransposed(*given):
    """A backward pass that gets the weight gradient of square layers transposed."""
    results = refnet.backprop.backward(*given)
    return [
        layer._replace(dW=layer.dW.T if layer.dW.shape == layer.dW.T.shape else layer.dW)
        for layer in results
    ]


def undampened(self, d):
    """Momentum that takes the gradient whole."""
    if self.momentum:
        v = self._state.setdefault("momentum_buffer", np.zeros_like(d))
        v[:] = d[:] = self.momentum * v + d
    d *= self.lr


def stepped(rate):
    """A step of plain gradient descent at this multiple of the learning rate."""
    return lambda self, d: np.multiply(d, rate * self.lr, out=d)


def summed(at_labels, delta, room):
    """Softmax cross-entropy whose gradient is a sum over rows."""
    REAL_COSTS(at_labels, delta, room)
    delta *= len(delta)


def costs(value):
    """Softmax cross-entropy of this value, with the right gradient."""

    def of_each_row(at_labels, delta, room):
        REAL_COSTS(at_labels, delta, room)
        room.costs[...] = value

    return of_each_row


FIRST = "DISAGREE. Digits, step 1: refnet: "
BROKEN = {  # what is broken in refnet, and what the verdict must say
    "derivative of tanh": (
        "activations.Tanh.derivative",
        lambda self, z, a: 1.0 - a,
        f"{FIRST}BP2 (hidden delta) of layer 1 is wrong: delta at ",
    ),
    "gradient of the loss": (
        "fast.inplace.costs_at_labels",
        summed,
        f"{FIRST}BP1 (output delta) of layer 2 is wrong: delta at ",
    ),
    "value of the loss": (
        "fast.inplace.costs_at_labels",
        costs(2.3),
        f"{FIRST}C (cost) is wrong: loss is 2.3, expected ",
    ),
    "tanh": (
        "fast.inplace._VALUES",
        {refnet.Tanh: lambda f, z, a, rows: np.sin(z, out=a)},
        f"{FIRST}a (activation) of layer 1 is wrong: a at ",
    ),
    "bias gradient": (
        "fast.workspace.backward_into",
        mean_over_rows,
        f"{FIRST}BP3 (bias gradient) of layer 2 is wrong: db at ",
    ),
    "step": (
        "optimizers.SGD._update_into",
        stepped(-1.0),
        f"{FIRST}step (update) of layer 1 is wrong: W at ",
    ),
    "derivative of sigmoid": (
        "activations.Sigmoid.derivative",
        lambda self, z, a: a,
        "float64: step 1, refnet: BP2 (hidden delta) of layer 1 is wrong: delta at ",
    ),
    "weight gradient": (
        "network.backward",
        untransposed,
        "float64: step 1, refnet: BP4 (weight gradient) of layer 2 is wrong: dW at ",
    ),
    "dampening": (
        "optimizers.SGD._update_into",
        undampened,
        (
            "dampening=0.5), n 11, float64: step 2, refnet: step (update) of layer 1 is wrong: "
            "momentum_buffer of W at "
        ),
    ),
    "momentum": (
        "optimizers.SGD._update_into",
        stepped(1.0),
        (
            "dampening=0.5), n 11, float64: step 1, refnet: step (update) of layer 1: "
            "momentum_buffer of W is not shown"
        ),
    ),
}


def check_named(done, text):
    """It is exit status 1, and the verdict names the place; of the cases it tells in
    how many, and the table marks their rows.
    """
    status, out, err = done
    assert (status, err) == (1, "")
    assert text in verdict_of(out)
    if not text.startswith("DISAGREE. Digits, "):
        counted = re.match(r"DISAGREE in (\d+) of (\d+) cases\. The first is ", verdict_of(out))
        assert 0 < int(counted[1]) <= int(counted[2]) == len(FEW)
        assert re.search("  DISAGREE$", out, re.MULTILINE)


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_refnet_exits_1_and_the_verdict_names_the_place(monkeypatch, mistake):
    """Whatever is broken, the verdict names side, equation and layer, of the digits or
    of the first case that shows it.
    """
    target, wrong, text = BROKEN[mistake]
    monkeypatch.setattr(f"refnet.{target}", wrong)
    check_named(once(cases=FEW[:1] if text.startswith(FIRST) else FEW), text)


def sloped(value):
    """The forward pass of a module that has the right value and 1 more than the right
    derivative.
    """
    return lambda self, z: value(z) + (z - z.detach())


BROKEN_TWIN = {
    "tanh": (
        torch.nn.Tanh,
        "DISAGREE. Digits, step 1: PyTorch: BP2 (hidden delta) of layer 1 is wrong: delta at ",
    ),
    "sigmoid": (
        torch.nn.Sigmoid,
        "float64: step 1, PyTorch: BP2 (hidden delta) of layer 1 is wrong: delta at ",
    ),
}


@pytest.mark.parametrize("name", BROKEN_TWIN)
def test_a_broken_pytorch_exits_1_and_the_verdict_names_the_place(monkeypatch, name):
    """The proof is one of both sides: a wrong PyTorch is named as such."""
    module, text = BROKEN_TWIN[name]
    monkeypatch.setattr(module, "forward", sloped(getattr(torch, name)))
    check_named(once(cases=FEW), text)


@pytest.mark.parametrize(
    ("room", "where"), [("digits", "Digits, step 1: "), ("sweep", ", n 11, float64: step 1, ")]
)
def test_two_that_part_exit_1(monkeypatch, room, where):
    """Were both right and yet further apart than rounding allows, the verdict would say
    where.
    """
    difference, real = Difference("BP4", 2, "dW", 1.5, (0, 1), 2.0, 1.0, 0.75), digits.outcome_of

    def outcome_of(ours, theirs, equal_start=True):
        outcome = real(ours, theirs, equal_start)
        return (
            outcome
            if outcome.agreement is None
            else replace(outcome, agreement=Agreement((difference,)))
        )

    monkeypatch.setattr(f"parity.experiments.job.{room}.outcome_of", outcome_of)
    text = f"{where}they part: {difference}"
    assert "BP4 (weight gradient) of layer 2: dW at row 0, column 1 is 2.0, expected 1.0" in text
    check_named(once(cases=FEW), f"DISAGREE. {text}" if room == "digits" else text)


def test_the_verdict_counts_the_cases_that_are_wrong(monkeypatch):
    """The first wrong case is named and all are counted; only their rows are marked."""
    monkeypatch.setattr(refnet.Sigmoid, "derivative", lambda self, z, a: a)
    _, out, _ = once(cases=FEW)
    wrong = [case for case in FEW if "sigmoid" in case.hidden]
    assert verdict_of(out).startswith(
        f"DISAGREE in {len(wrong)} of {len(FEW)} cases. The first is {wrong[0].id}: step 1, "
        f"refnet: "
    )
    marked = [
        row
        for row in ROWS
        if re.search(rf"^ +\d+  {re.escape(row)} .*  DISAGREE$", out, re.MULTILINE)
    ]
    assert marked == list(dict.fromkeys(case.row for case in wrong)) != ROWS


def test_other_labels_are_no_agreement(monkeypatch):
    """Were the two networks to label one test image differently, that would be said."""
    monkeypatch.setattr("parity.experiments.job.digits._labels", lambda model, x: np.zeros(len(x)))
    status, out, _ = once()
    assert (status, verdict_of(out)) == (
        1,
        "DISAGREE. Digits: the two trained networks label the test images differently",
    )
    assert "NOT the same label for all 719 test images" in out


def test_a_refnet_that_refuses_a_step_is_wrong(monkeypatch, tmp_path):
    """A step that refnet itself refuses to take gives a verdict and exit status 1, no
    traceback; the file says as much.
    """
    monkeypatch.setattr(refnet.Tanh, "derivative", lambda self, z, a: np.full_like(a, np.nan))
    status, out, err = once(
        "--json", str(tmp_path / "found.json"), "--plot", str(tmp_path / "found.png")
    )
    assert (status, err) == (1, "")
    assert verdict_of(out).startswith(
        "DISAGREE. refnet refuses a step: epoch 1, batch 1: layer 1: gradient of W has nan at "
    )
    results = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (results["passed"], results["verdict"]) == (False, verdict_of(out))
    assert not (tmp_path / "found.png").exists()


def test_json_is_json_whatever_was_found(tmp_path, monkeypatch):
    """A loss that is NaN on refnet's side does not make the file unreadable."""
    monkeypatch.setattr("refnet.fast.inplace.costs_at_labels", costs(float("nan")))
    status, _, _ = once("--json", str(tmp_path / "found.json"))
    results = json.loads(
        (tmp_path / "found.json").read_text(encoding="utf-8"), parse_constant=refuse
    )
    worst = results["digits"]["worst"]
    assert (status, results["passed"], results["digits"]["epochs"][0]["loss"]) == (1, False, None)
    assert (worst["refnet"], worst["apart"], worst["pytorch"] <= 1.0) == (None, None, True)
