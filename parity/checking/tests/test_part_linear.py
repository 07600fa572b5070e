"""Linear layers alone: as functions, objects and modules."""

import pytest
import torch

import parity
from parity.checking.tests.right_parts import (
    Adding,
    Layer,
    Turned,
    backward,
    forward,
)


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
