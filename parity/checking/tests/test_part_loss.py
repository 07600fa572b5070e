"""Losses alone, with each kind of targets, and in the other order."""

import numpy as np
import pytest

import parity
from parity.checking.tests.right_parts import (
    LABELS_ALONE,
    QUICK,
    softmax,
)
from refnet.losses import LOSSES


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
