"""Activations alone: right ones pass in every form, an edge and a kink have names."""

import numpy as np
import pytest
import torch

import parity
from parity.checking.tests.right_parts import (
    QUICK,
    RECTIFIED,
    Sigmoid,
    Tanh,
    jacobian,
    sigmoid,
    softmax,
)

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


@pytest.mark.parametrize("like", ["tanh", "relu"])
def test_functions_of_jax_are_checked(like):
    """With the numbers of its own dtype; there, subnormal numbers are 0."""
    jax = pytest.importorskip("jax")
    value = {"tanh": jax.numpy.tanh, "relu": jax.nn.relu}[like]
    derivative = jax.jit(jax.vmap(jax.vmap(jax.grad(value))))
    report = parity.check_activation(value, derivative, like=like, dtype="float32", hard=False)
    assert report.strictly_passed, report
