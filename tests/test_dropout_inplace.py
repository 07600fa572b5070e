"""Dropout in place: the masks that the workspace draws, and a step with them."""

import tracemalloc

import numpy as np
import pytest

from refnet import SoftmaxCrossEntropy, mlp
from refnet.fast.dropout import NUMBERS
from refnet.fast.workspace import Workspace

LOSS = SoftmaxCrossEntropy()
KINDS = pytest.mark.parametrize("dtype", ["float64", "float32"])


def network(sizes, dtype="float64", dropout=0.5, input_dropout=0.3):
    """A network that drops its inputs and its hidden units."""
    return mlp(sizes, "tanh", "identity", dtype=dtype, dropout=dropout, input_dropout=input_dropout)


def same(some, others):
    """Whether two tuples of arrays or None have the same bits."""
    return all(
        a is b is None or a.tobytes() == b.tobytes() for a, b in zip(some, others, strict=True)
    )


@KINDS
@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize(
    "sizes", [(3, 2), (64, 30, 10), (7, NUMBERS // 40, 5, 300, 2), (NUMBERS + 1, 2, 2)]
)
def test_the_workspace_draws_the_masks_of_the_network(sizes, rows, dtype):
    """The same numbers in runs, also where a run ends within a layer, and the generator
    is where it would be.
    """
    net = network(sizes, dtype)
    workspace = Workspace(net, LOSS, 40)
    mine, other = np.random.default_rng(2), np.random.default_rng(2)
    for _ in range(2):
        assert same(workspace.draw_masks(rows, mine), net.draw_masks(rows, other))
    assert mine.random() == other.random()


def test_a_layer_that_drops_nothing_has_no_mask():
    """None in its place; no masks at all where none drops."""
    rng = np.random.default_rng(0)
    first, second, third = Workspace(
        network((4, 3, 5, 2), dropout=(0.5, 0.0), input_dropout=0.0), LOSS, 4
    ).draw_masks(4, rng)
    assert first is third is None
    assert second.shape == (4, 3)
    assert Workspace(mlp([4, 2]), LOSS, 4).draw_masks(4, rng) == ()


@KINDS
@pytest.mark.parametrize("sizes", [(3, 2), (1, 1, 1), (64, 30, 10), (5, 4, 4, 3)])
@pytest.mark.parametrize("rows", [1, 9])
def test_a_step_in_place_is_the_teaching_form(sizes, rows, dtype):
    """Loss, trace, gradients and dC/dx, to the bit."""
    net = network(sizes, dtype)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, sizes[0])).astype(dtype)
    y = rng.integers(0, sizes[-1], rows)
    workspace = Workspace(net, LOSS, 9)
    masks = workspace.draw_masks(rows, rng)
    value, gradients = workspace.loss_and_gradients(x, y, None, masks)
    expected, others = net.loss_and_gradients(x, y, LOSS, masks=masks)
    assert value == expected
    assert all(map(same, gradients, others))
    assert all(map(same, workspace.trace(x), net.forward(x, masks)))
    assert gradients.wrt_input(net).tobytes() == others.wrt_input(net).tobytes()
    assert gradients.copied().wrt_input(net).tobytes() == others.wrt_input(net).tobytes()


def test_a_step_without_masks_drops_nothing():
    """After one with them, too."""
    net, rng = network((4, 5, 3)), np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    workspace = Workspace(net, LOSS, 6)
    workspace.loss_and_gradients(x, y, None, workspace.draw_masks(6, rng))
    value, gradients = workspace.loss_and_gradients(x, y)
    expected, others = net.loss_and_gradients(x, y, LOSS)
    assert value == expected
    assert gradients.vector.tobytes() == others.vector.tobytes()
    assert gradients.wrt_input(net).tobytes() == others.wrt_input(net).tobytes()
    assert workspace.trace(x).masks == ()


def test_copied_gradients_keep_their_mask():
    """The next draw overwrites the masks, not those of the copy."""
    net, rng = network((4, 5, 3)), np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    workspace = Workspace(net, LOSS, 6)
    _, gradients = workspace.loss_and_gradients(x, y, None, workspace.draw_masks(6, rng))
    copied, dx = gradients.copied(), gradients.wrt_input(net)
    workspace.draw_masks(6, rng)
    assert copied.wrt_input(net).tobytes() == dx.tobytes()


@KINDS
def test_a_step_takes_at_most_64_kib_at_a_time(dtype):
    """Beyond the arrays that are kept, with masks of several times as much."""
    net, rng = network((600, 400, 10), dtype), np.random.default_rng(0)
    x, y = rng.normal(size=(64, 600)).astype(dtype), rng.integers(0, 10, 64)
    workspace = Workspace(net, LOSS, 64)
    workspace.loss_and_gradients(x, y, None, workspace.draw_masks(64, rng))
    tracemalloc.start()
    try:
        workspace.loss_and_gradients(x, y, None, workspace.draw_masks(64, rng))
        assert tracemalloc.get_traced_memory()[1] <= 2**16
    finally:
        tracemalloc.stop()
