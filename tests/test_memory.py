"""Room: what `blocks` hands out, and what a training step takes beside the arrays that
are there already, as tracemalloc counts it.

NumPy asks tracemalloc for every array; BLAS keeps its own room, of fixed size, outside
it.
"""

import gc
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet.activations import ACTIVATIONS
from refnet.blockwise import BLOCK, blocks, broadcast_into
from refnet.fast.inplace import loss_into
from refnet.fast.workspace import Workspace
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

# older NumPy buffers no less for a few rows than for many
WHOLE_BUFFER = tuple(map(int, np.__version__.split(".")[:2])) < (2, 3)
# bytes: what a step may take at any moment, whatever its arrays
ROOM = 2**16 + WHOLE_BUFFER * 2**14
DTYPES = ("float32", "float64")
ON_CLASSES = ("cross_entropy", "softmax_cross_entropy")


# blocks


@given(
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    count=st.integers(1, 4),
    dtype=st.sampled_from(DTYPES),
)
def test_blocks_cover_every_entry_once_in_order(shape, count, dtype):
    """The runs, put together, are each array row by row; no run is longer than BLOCK
    bytes, and all but the last are full.
    """
    arrays = [
        np.arange(i, i + shape[0] * shape[1], dtype=dtype).reshape(shape) for i in range(count)
    ]
    runs = list(blocks(*arrays))
    for array, *pieces in zip(arrays, *runs, strict=True):
        assert np.concatenate([piece.ravel() for piece in pieces]).tobytes() == array.tobytes()
        assert [piece.nbytes for piece in pieces[:-1]] == [BLOCK] * (len(pieces) - 1)
        assert 0 < pieces[-1].nbytes <= BLOCK


@given(
    size=st.integers(1, 4)
    | st.integers(1, 3 * BLOCK // 8)
    | st.sampled_from([BLOCK // 8, BLOCK // 8 + 1, BLOCK // 4])
)
def test_blocks_write_through(size):
    """What is written into the runs stands in the arrays, at the same places in
    each.
    """
    first, second = np.zeros(size), np.arange(size, dtype="float64")
    for one, two in blocks(first, second):
        np.add(one, two, out=one)
        two[...] = -1.0
    assert first.tolist() == list(range(size))
    assert (second == -1.0).all()


@pytest.mark.parametrize("shape", [(BLOCK // 8,), (1, 1), (2, BLOCK // 16), (BLOCK // 32, 4)])
def test_small_arrays_come_back_as_they_are(shape):
    """Up to BLOCK bytes there is one run: the arrays themselves, in their shapes; with
    one entry more there are two.
    """
    arrays = np.zeros(shape), np.ones(shape)
    ((one, two),) = blocks(*arrays)
    assert (one is arrays[0], two is arrays[1]) == (True, True)
    larger = np.zeros(BLOCK // 8 + 1)
    assert [piece.size for (piece,) in blocks(larger)] == [BLOCK // 8, 1]


@given(
    rows=st.integers(1, 90),
    columns=st.integers(1, 90) | st.integers(4000, 4200),
    column=st.booleans(),
    dtype=st.sampled_from(DTYPES),
)
def test_broadcasting_by_rows_is_broadcasting(rows, columns, column, dtype):
    """A row or a column is taken from every entry once, in place or not, however many
    rows go together.
    """
    array = np.arange(rows * columns, dtype=dtype).reshape(rows, columns)
    other = (
        np.arange(rows, dtype=dtype).reshape(rows, 1) if column else np.arange(columns, dtype=dtype)
    )
    expected, out = array - other, np.empty_like(array)
    broadcast_into(np.subtract, array, other, out)
    assert out.tobytes() == expected.tobytes()
    broadcast_into(np.subtract, array, other, array)
    assert array.tobytes() == expected.tobytes()


# a step's room


def peak(action):
    """The most bytes that the call holds at one time; the garbage of others is not
    collected meanwhile.
    """
    gc.disable()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        kept = action()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        gc.enable()
        del kept


def data(net, loss, rows, labels):
    """x and y as they come from the door; rng.random in [0, 1) serves every loss."""
    rng, columns = np.random.default_rng(0), net.sizes[-1]
    y = rng.random((rows, columns))
    if loss.name in ON_CLASSES:
        y = rng.integers(0, columns, rows) if labels else y / y.sum(axis=1, keepdims=True)
    return rng.standard_normal((rows, net.sizes[0])).astype(net.dtype), net.check_targets(
        loss, y, rows
    )


def training(
    sizes,
    rows,
    hidden="tanh",
    output="identity",
    loss="mse",
    labels=True,
    optimizer=None,
    dtype="float64",
):
    """A network, a function that makes its workspace and takes a first step, and one
    that takes a step in the last workspace made.
    """
    net = refnet.mlp(sizes, hidden=hidden, output=output, init=refnet.Normal(std=0.01), dtype=dtype)
    optimizer, loss, held = optimizer or refnet.SGD(lr=1e-6), LOSSES[loss](), []
    x, y = data(net, loss, rows, labels)

    def step():
        _, gradients = held[-1].loss_and_gradients(x, y)
        optimizer.step_into(net, gradients.vector)

    def first():
        held.append(Workspace(net, loss, rows))
        step()
        return held

    return net, first, step


def room(*given, **settings):
    """What a step takes after the first two: the second of momentum makes its room."""
    _, first, step = training(*given, **settings)
    first()
    step()
    return peak(step)


def too_much(taken):
    """What took more than ROOM."""
    return {case: room_taken for case, room_taken in taken.items() if room_taken > ROOM}


LARGE = {
    "small": ([16, 16, 3], 8),
    "batch": ([16, 16, 3], 3000),
    "width": ([300, 300, 3], 8),
    "depth": ([16] * 12 + [3], 8),
    "outputs": ([4, 4, 9001], 8),
    "very large batch": ([2, 3, 2], 20_000),
}
sizes = pytest.mark.parametrize(("sizes", "rows"), LARGE.values(), ids=LARGE)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


@dtypes
@sizes
def test_a_step_takes_room_that_no_size_changes_for_any_activation(sizes, rows, dtype):
    """Below the output and as the output, with batch, width, depth or outputs large: at
    most 64 KiB.
    """
    names = [name for name, kind in ACTIVATIONS.items() if kind.trainable]
    taken = {name: room(sizes, rows, hidden=name, output=name, dtype=dtype) for name in names}
    assert too_much(taken) == {}


@dtypes
@sizes
def test_a_step_takes_room_that_no_size_changes_for_any_loss(sizes, rows, dtype):
    """Each loss behind an output it reads, on labels and on distributions: at most 64
    KiB.
    """
    behind = [
        (name, output.name)
        for name, kind in LOSSES.items()
        for output in kind.outputs or (refnet.Identity,)
    ]
    cases = [
        (*pair, labels)
        for pair in behind
        for labels in ((True, False) if pair[0] in ON_CLASSES else (True,))
    ]
    taken = {
        case: room(sizes, rows, loss=case[0], output=case[1], labels=case[2], dtype=dtype)
        for case in cases
    }
    assert too_much(taken) == {}


@dtypes
@np.errstate(over="ignore")  # as fit calls it
@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
def test_a_gradient_whose_squares_overflow_takes_no_more(loss, labels, dtype):
    """A probability of 10^-30, or 10^-170, given to the target has a finite
    reciprocal, whose square is none.
    """
    labels, least = labels and loss in ON_CLASSES, {"float32": 1e-30, "float64": 1e-170}[dtype]
    a = np.full((3000, 10), 0.1, dtype)
    a[0] = least
    output = refnet.Softmax() if loss == "cross_entropy" else refnet.Sigmoid()
    net, loss = refnet.mlp([2, 10], output=output, dtype=dtype), LOSSES[loss]()
    y = np.zeros(3000, int) if labels else np.eye(10)[np.zeros(3000, int)]
    y, delta = net.check_targets(loss, y, 3000), np.empty_like(a)
    form, room = loss_into(loss, output), Workspace(net, loss, 3000)._batch(3000).layers[0].room
    taken = peak(lambda: form(loss, a, y, delta, room))
    assert np.isfinite(delta).all()
    assert not np.isfinite(np.dot(delta.ravel(), delta.ravel()))
    assert taken <= ROOM


RULES = [
    (refnet.SGD, {}),
    (refnet.SGD, {"weight_decay": 0.1}),
    (refnet.SGD, {"weight_decay": 0.1, "decay_biases": False}),
    (refnet.SGD, {"momentum": 0.9, "dampening": 0.5}),
    (refnet.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (refnet.Adagrad, {"lr_decay": 0.1, "weight_decay": 0.1}),
    (refnet.RMSprop, {}),
    (refnet.RMSprop, {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    (refnet.Adam, {}),
    (refnet.Adam, {"amsgrad": True, "weight_decay": 0.1}),
    (refnet.AdamW, {"amsgrad": True}),
]


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_the_room_of_every_optimizer_is_measured(kind):
    """The table has it."""
    tried = [tried for tried, _ in RULES]
    assert kind in tried, f"tests/test_memory.py: RULES has no entry for {kind.__name__}"


@dtypes
@pytest.mark.parametrize(("kind", "settings"), RULES)
def test_a_step_takes_room_that_no_size_changes_for_any_rule(kind, settings, dtype):
    """With 51 parameters as with 60 000: at most 64 KiB."""
    taken = {
        width: room([width, 3], 2, optimizer=kind(lr=1e-6, **settings), dtype=dtype)
        for width in (16, 20_000)
    }
    assert too_much(taken) == {}


def own_arrays(net, rows):
    """The bytes of a workspace's arrays: the gradient, z, a (for the identity it is z)
    and delta of each layer, one more of the widest, and what each row has.
    """
    item = net.dtype.itemsize
    units = [
        layer.fan_out * (2 if isinstance(layer.activation, refnet.Identity) else 3)
        for layer in net.layers
    ]
    return (
        item * net.parameters.size
        + item * rows * (sum(units) + max(net.sizes[1:]))
        + rows * (5 * item + 2 * np.dtype(np.intp).itemsize)
    )


@dtypes
@sizes
def test_the_first_step_makes_the_arrays_and_no_others(sizes, rows, dtype):
    """Making a workspace and taking the first step takes its own arrays, that room, and
    4 KiB of Python objects for each layer.
    """
    excess = {}
    for loss, output in (
        ("mse", "tanh"),
        ("softmax_cross_entropy", "identity"),
        ("cross_entropy", "softmax"),
    ):
        net, first, _ = training(sizes, rows, output=output, loss=loss, dtype=dtype)
        taken, arrays = peak(first), own_arrays(net, rows)
        assert taken >= arrays
        excess[loss] = taken - arrays - 2**12 * (1 + len(net.layers))
    assert too_much(excess) == {}


def test_the_measure_sees_an_array():
    """A temporary of a known size, made and dropped within the call, is counted: whole,
    and once for each that lives at the same time.
    """
    for size, (low, high) in zip(
        (0, 2**17, 2**20), pairwise((0, 2**17, 2**20, 2**21)), strict=True
    ):
        assert low <= peak(lambda size=size: np.empty(size, np.uint8).sum() * 0) < max(high, 4096)
    both = peak(lambda: len([np.empty(2**17), np.empty(2**17)]))
    assert 2 * 8 * 2**17 <= both < 2 * 8 * 2**17 + 4096
