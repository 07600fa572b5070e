"""Weights of rows, classes and outputs in an explanation: what is said of T and D."""

import numpy as np
import pytest

import refnet


def explained(loss, y, output="identity", **given):
    """The lines about the first step of a network of one input and three outputs."""
    net = refnet.mlp([1, 3], output=output, seed=1)
    text = str(refnet.explain(net, np.ones((len(y), 1)), y, loss, 0.5, **given))
    return [line.strip() for line in text.splitlines()]


def test_targets_of_labels_are_written_out():
    """T of each class of row 1 with every factor, and D as a sum over the rows."""
    loss = refnet.SoftmaxCrossEntropy([1, 2, 3], label_smoothing=0.1)
    lines = explained(loss, [0, 2], sample_weight=[2, 1])
    assert "T = s w ((1 - eps) y + eps/k)" in lines
    assert "D = sum over rows of s w" in lines
    assert "s = [2  1]" in lines
    assert "T_2 = 2*2*((1 - 0.1)*0 + 0.1/3) = 0.1333" in lines
    assert "D = 2*1 + 1*3 = 5" in lines


def test_an_ignored_row_has_no_targets():
    """T is 0 where the label is ignored, whatever the formula would say, and D is the
    sum over the others.
    """
    loss = refnet.SoftmaxCrossEntropy([1, 2, 3], ignore_index=-100)
    lines = explained(loss, [-100, 2, 1])
    assert [line for line in lines if line.startswith("T_")] == ["T_1 = 0", "T_2 = 0", "T_3 = 0"]
    assert "D = 1*3 + 1*2 = 5" in lines
    assert "y holds 3 labels. Labels count from 0: label 2 means output 3." in lines


def test_yes_and_no_have_targets_of_their_own():
    """T_1 has the pos_weight of its output, T_0 has not, and D has neither."""
    loss = refnet.SigmoidCrossEntropy([1, 2, 1], pos_weight=[3, 4, 5])
    lines = explained(loss, [[1, 0.25, 0], [1, 1, 1]], sample_weight=[2, 1])
    assert "T_1,2 = 2*2*4*0.25 = 4" in lines
    assert "T_0,2 = 2*2*(1 - 0.25) = 3" in lines
    assert "D = 3*(2 + 1) = 9" in lines


@pytest.mark.parametrize("weights", [None, [3.0]])
def test_a_sum_is_divided_by_1(weights):
    """D is said to be 1, and stands so in C."""
    lines = explained(refnet.MSE("sum"), [[1, 2, 3]], sample_weight=weights)
    assert lines.count("D = 1") == 2  # the formula, and the number
    assert any(line.startswith("C = (") and "/1 = " in line for line in lines)


def test_a_plain_step_is_explained_as_before():
    """Neither s nor T nor D is said."""
    lines = explained(refnet.SoftmaxCrossEntropy(), [0, 2])
    assert not [line for line in lines if line.startswith(("T_", "T =", "D =", "s ="))]
    assert "C = -sum y log softmax(z) / n" in lines


def test_many_rows_are_not_written_into_D():
    """It is shown as a number alone."""
    assert "D = 9" in explained(refnet.HalfSquaredError(), np.zeros((9, 3)), sample_weight=[1] * 9)


def test_the_step_is_that_of_the_weighted_cost():
    """C before and after it are those of the rows with their weights."""
    net, x, s = refnet.mlp([1, 3], output="identity", seed=1), np.ones((2, 1)), [4.0, 1.0]
    y = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    text = str(refnet.explain(net, x, y, "mse", 0.5, digits=17, sample_weight=s))
    value, gradients = net.loss_and_gradients(x, y, "mse", s)
    net.parameters[:] -= gradients.vector * 0.5
    after, _ = net.loss_and_gradients(x, y, "mse", s)
    assert f"C before = {value:.17g}" in text
    assert f"C after = {after:.17g}" in text
