"""The training accuracy of an epoch: the very number that the network's own classify
gives on each batch before its update.
"""

import tracemalloc

import numpy as np
import pytest

import refnet
from refnet import counting
from refnet.batches import Data
from refnet.blockwise import BLOCK
from refnet.fast.workspace import Workspace

ROWS = 50
RNG = np.random.default_rng(3)
X, LABELS = RNG.standard_normal((ROWS, 3)), RNG.integers(0, 3, ROWS)
YES = (LABELS > 0).astype(float)[:, np.newaxis]
SOFT = np.full((ROWS, 3), 1 / 3)
JUDGED = {
    "labels": ("softmax", "cross_entropy", LABELS, LABELS),
    "labels of logits": ("identity", "softmax_cross_entropy", LABELS, LABELS),
    "one-hot rows": ("softmax", "cross_entropy", np.eye(3)[LABELS], LABELS),
    "one-hot logits": ("identity", "softmax_cross_entropy", np.eye(3)[LABELS], LABELS),
    "one-hot values": ("tanh", "mse", np.eye(3)[LABELS], LABELS),
    "yes or no": ("sigmoid", "binary_cross_entropy", YES, YES[:, 0]),
    "yes or no of logits": ("identity", "sigmoid_cross_entropy", YES, YES[:, 0]),
    "yes or no as a value": ("sigmoid", "mse", YES, YES[:, 0]),
    "soft rows": ("softmax", "cross_entropy", SOFT, None),
    "several at once": ("sigmoid", "binary_cross_entropy", np.ones((ROWS, 3)), None),
    "soft answers": ("sigmoid", "binary_cross_entropy", YES * 0.5, None),
    "values": ("identity", "mse", X, None),
    "one value": ("identity", "mse", YES, None),
}
every_target = pytest.mark.parametrize(
    ("output", "loss", "y", "labels"), JUDGED.values(), ids=JUDGED
)


def network(output, y, dtype="float64", **settings):
    width = 3 if y.ndim == 1 else y.shape[1]
    return refnet.mlp([3, 4, width], hidden="tanh", output=output, dtype=dtype, **settings)


def by_hand(net, y, labels, loss, batch_size, rng, epochs=2):
    """The share of rows right, each batch before its own step of gradient descent."""
    optimizer, shares = refnet.SGD(lr=0.125), []
    for _ in range(epochs):
        right = 0
        for rows in refnet.minibatches(ROWS, batch_size, rng):
            right += int((net.classify(X[rows]) == labels[rows]).sum())
            optimizer.step(net, net.loss_and_gradients(X[rows], y[rows], loss)[1])
        shares.append(right / ROWS)
    return shares


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("batch_size", "shuffle"), [(None, True), (1, True), (1, False), (4, True), (7, False)]
)
@every_target
def test_accuracy_is_that_of_classify(output, loss, y, labels, batch_size, shuffle, dtype):
    """Each batch counts before its own update; where targets are no classes there is no
    accuracy. Whoever looks on changes nothing.
    """
    net, other = network(output, y, dtype), network(output, y, dtype)
    settings = {"loss": loss, "epochs": 2, "batch_size": batch_size, "shuffle": shuffle}
    history = refnet.fit(net, X, y, optimizer=refnet.SGD(lr=0.125), **settings)
    expected = [None] * 2
    if labels is not None:
        rng = np.random.default_rng(0) if shuffle else None
        expected = by_hand(other, y, labels, loss, batch_size, rng)
    assert history.accuracy == expected
    watched = network(output, y, dtype)
    seen = {"on_step": lambda step: None, "on_epoch": lambda epoch: None}
    assert refnet.fit(watched, X, y, optimizer=refnet.SGD(lr=0.125), **settings, **seen) == history


@every_target
def test_ties_are_for_the_first(output, loss, y, labels):
    """Where all outputs are equal, classify says class 0, or no; so does the count."""
    net = network(output, y, init="zeros")
    history = refnet.fit(net, X, y, loss=loss, optimizer="sgd", epochs=1)
    assert history.accuracy == [None if labels is None else np.mean(labels == 0)]


@pytest.mark.parametrize("shuffle", [True, False])
def test_rows_are_counted_a_block_at_a_time(monkeypatch, shuffle):
    """Blocks of any size count the same."""
    net, other = network("identity", LABELS), network("identity", LABELS)
    settings = {"loss": "softmax_cross_entropy", "epochs": 3, "batch_size": 8, "shuffle": shuffle}
    whole = refnet.fit(net, X, LABELS, optimizer="sgd", **settings)
    monkeypatch.setattr(counting, "ROWS", 5)
    assert refnet.fit(other, X, LABELS, optimizer="sgd", **settings) == whole


def test_there_is_no_share_where_every_row_is_ignored():
    """A sum of no losses is 0, and the accuracy None, in training and in validation."""
    y = np.full(len(LABELS), -100)
    loss = refnet.SoftmaxCrossEntropy(ignore_index=-100, reduction="sum")
    history = refnet.fit(
        network("identity", LABELS),
        X,
        y,
        loss=loss,
        optimizer=refnet.SGD(),
        epochs=1,
        validation=(X, y),
    )
    assert (history.loss, history.accuracy) == ([0.0], [None])
    assert history.validation_accuracy == [None]


def test_ignored_rows_are_no_part_of_the_share():
    """A label that the loss ignores is neither right nor wrong, in training and in
    validation, also where it is the number of a class.
    """
    for ignored in (-100, 1):
        y = np.where(LABELS == 1, ignored, LABELS)
        loss = refnet.SoftmaxCrossEntropy(ignore_index=ignored)
        net, kept = network("identity", y), y != ignored
        expected = np.mean(net.classify(X[kept]) == y[kept])
        still = {"optimizer": refnet.SGD(lr=0.0), "epochs": 1, "validation": (X, y)}
        history = refnet.fit(net, X, y, loss=loss, batch_size=4, **still)
        assert history.accuracy == history.validation_accuracy == [expected]


OTHERWISE = {
    "dropout": (0.5, {}),
    "weights": (0.0, {"sample_weight": RNG.random(ROWS)}),
    "penalty": (0.0, {"penalty": "l2"}),
}


@pytest.mark.parametrize(("dropout", "settings"), OTHERWISE.values(), ids=OTHERWISE)
def test_the_outputs_that_the_step_had_are_counted(dropout, settings):
    """With dropout those of the network with its masks, as the loss is; each row counts
    once, whatever its weight, and a penalty counts nothing.
    """
    net, before = (refnet.mlp([3, 8, 3], output="identity", dropout=dropout) for _ in range(2))
    right = []

    def look(step):
        before.parameters[:] = step.before
        outputs = before.forward(step.x, step.trace.masks).output
        right.append(int((outputs.argmax(axis=1) == step.y).sum()))

    given = {"loss": "softmax_cross_entropy", "optimizer": "adam", "epochs": 1, **settings}
    history = refnet.fit(net, X, LABELS, batch_size=4, on_step=look, **given)
    assert history.accuracy == [sum(right) / ROWS]


def test_values_of_a_loss_of_ones_own_are_no_labels():
    """Floats (n,) that such a loss takes have no accuracy, in validation either."""

    class Flat(refnet.Loss):
        name, reads, outputs = "flat", "values", ()

        def targets(self, y, rows, width, dtype):
            return np.asarray(y, dtype)

        def value(self, a, y):
            return float(((a[:, 0] - y) ** 2).mean())

        def gradient(self, a, y):
            return (2.0 * (a[:, 0] - y) / len(a)).reshape(-1, 1)

    net, y = network("identity", YES), X[:, 0]
    settings = {"loss": Flat(), "optimizer": "sgd", "epochs": 2, "validation": (X, y)}
    history = refnet.fit(net, X, y, **settings)
    assert history.accuracy == history.validation_accuracy == [None, None]


def test_counting_takes_no_room_of_a_batch():
    """Of a batch of many rows a block is counted at a time."""
    rows = 40 * counting.ROWS
    x, y = np.ones((rows, 2)), np.arange(rows) % 2
    net, loss = refnet.mlp([2, 2], output="identity"), refnet.SoftmaxCrossEntropy()
    data = Data(net, loss, x, y)
    workspace = Workspace(net, loss, rows)
    for rng in (None, np.random.default_rng(0)):
        batches = iter(counting.Counted(data, rows, rng, workspace))
        workspace.loss_and_gradients(*next(batches)[:2])
        tracemalloc.start()
        try:
            assert next(batches, None) is None
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak <= 2**16


@pytest.mark.parametrize("rows", [1, 7, 300, 5000])
@pytest.mark.parametrize("shuffled", [False, True])
def test_batches_of_any_size_are_counted(rows, shuffled):
    """Of few rows, kept many at a time, and of more than there is room for."""
    x = np.random.default_rng(3).normal(size=(6001, 2))
    net, loss, y = refnet.mlp([2, 3], output="identity"), refnet.SoftmaxCrossEntropy(), x[:, 0] > 0
    assert 300 < BLOCK // (2 * 3 * x.itemsize) < 5000
    labels = y.astype(int)
    workspace = Workspace(net, loss, rows)
    rng = np.random.default_rng(5) if shuffled else None
    batches = counting.Counted(Data(net, loss, x, labels), rows, rng, workspace)
    for given in batches:
        workspace.loss_and_gradients(*given[:2])  # no update: every batch by the same weights
    assert batches.accuracy == net.accuracy(x, labels)
