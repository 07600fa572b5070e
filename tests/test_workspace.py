"""The fast form against the teaching form, bit for bit, signs of zero and refusals too;
whose memory its arrays are.

Bits are compared as bytes, which is more than np.array_equal asks. Only NaN has one
form here: of two that meet in a sum IEEE 754 leaves open which one, with its sign,
comes out, and NumPy's loops choose by where the arrays lie.
"""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet.activations import ACTIVATIONS
from refnet.blockwise import BLOCK, CACHED
from refnet.fast.workspace import Workspace
from refnet.losses import LOSSES

HIDDEN = (
    *(kind() for name, kind in ACTIVATIONS.items() if kind.trainable),
    *(refnet.LeakyReLU(slope) for slope in (-0.5, 0.0, 1.5)),
)
PAIRS = [
    (loss, output)
    for loss, kind in LOSSES.items()
    for output, activation in ACTIVATIONS.items()
    if activation.trainable and (not kind.outputs or issubclass(activation, kind.outputs))
]  # every loss with every output it can stand behind
pairs = pytest.mark.parametrize(("loss", "output"), PAIRS)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
RULES = (
    lambda: refnet.SGD(lr=0.5, momentum=0.9, weight_decay=0.1),
    refnet.Adam,
    lambda: refnet.RMSprop(centered=True),
    refnet.Adagrad,
)


def on_classes(loss):
    return issubclass(LOSSES[loss], refnet.CrossEntropy | refnet.SoftmaxCrossEntropy)


def targets(loss, rng, rows, columns, labels=True):
    """Labels or distributions for a loss on classes, 0, 1 and what lies between for one
    on probabilities, else any numbers.
    """
    if on_classes(loss):
        return rng.integers(0, columns, rows) if labels else rng.dirichlet(np.ones(columns), rows)
    if issubclass(LOSSES[loss], refnet.BinaryCrossEntropy | refnet.SigmoidCrossEntropy):
        return np.where(
            rng.random((rows, columns)) < 0.5,
            rng.integers(0, 2, (rows, columns)),
            rng.random((rows, columns)),
        )
    return rng.normal(size=(rows, columns))


def ready(net, loss, x, y):
    """x and y as they come from the door: in the network's dtype, row by row in
    memory.
    """
    return np.ascontiguousarray(x, net.dtype), net.check_targets(loss, y, len(x))


def written(array):
    """Shape, dtype and bytes, with every NaN written alike."""
    return (
        array.shape,
        array.dtype,
        np.where(np.isnan(array), np.array(np.nan, array.dtype), array).tobytes(),
    )


def parts(value, trace, gradients):
    """Everything that a pass computes, in bits."""
    forward, backward = (
        (array for step in trace for array in step[1:]),
        (array for layer in gradients for array in layer),
    )
    return [written(array) for array in (np.array(value), *forward, *backward, gradients.vector)]


def refused(compute, *given):
    """What the call returns, and the class and sentence of its refusal, if it
    refuses.
    """
    with np.errstate(all="ignore"):
        try:
            return compute(*given), None
        except (ValueError, FloatingPointError) as error:
            return None, (type(error), str(error))


def taught(net, loss, x, y):
    """What backprop.py computes."""
    value, gradients = net.loss_and_gradients(x, y, loss)
    return parts(value, net.forward(x), gradients), gradients


def fast(workspace, x, y):
    """What the workspace computes."""
    value, gradients = workspace.loss_and_gradients(x, y)
    return parts(value, workspace.trace(x), gradients), gradients


def bits(net, optimizer):
    """Everything that a step changes."""
    return net.parameters.tobytes(), {
        name: np.asarray(value).tobytes() for name, value in optimizer.state.items()
    }


def march(net, loss, batches, make=refnet.SGD):
    """Steps of both forms side by side from equal weights, in one workspace; the
    refusal of each, None where it was taken.
    """
    other, one, two = net.copy(), make(), make()
    workspace = Workspace(other, loss, max(len(x) for x, _ in batches))
    for x, y in batches:
        expected, refusal = refused(taught, net, loss, x, y)
        actual, same = refused(fast, workspace, x, y)
        assert same == refusal
        if not refusal:
            assert actual[0] == expected[0]
            _, refusal = refused(one.step, net, expected[1])
            assert refused(two.step_into, other, actual[1].vector)[1] == refusal
        assert bits(other, two) == bits(net, one)
        yield refusal


# any architecture, any numbers

SPECIAL = (
    "0.0",
    "-0.0",
    "least",
    "-least",
    "subnormal",
    "tiny",
    "eps",
    "1.0",
    "-1.0",
    "root",
    "-root",
    "huge",
    "-huge",
)


def special(name, dtype):
    """A number where formulas break: zeros, both ends of the range, and the root of the
    largest, whose square is the last to be finite.
    """
    info, sign = np.finfo(dtype), -1.0 if name.startswith("-") else 1.0
    known = {
        "least": info.smallest_subnormal,
        "subnormal": info.tiny / 8,
        "tiny": info.tiny,
        "eps": info.eps,
    }
    known |= {"root": np.sqrt(info.max), "huge": info.max}
    return sign * float(
        known.get(name.lstrip("-"), abs(float(name)) if name[-1].isdigit() else 0.0)
    )


def sprinkled(array, places, dtype):
    """The array with special numbers at some places."""
    for place, name in places:
        array.reshape(-1)[place % array.size] = special(name, dtype)
    return array


@st.composite
def marches(draw):
    """A network of one to four layers, a loss it can learn by, and batches that grow
    and shrink; everything with special numbers in it.
    """
    dtype, (loss, output) = (
        draw(st.sampled_from(["float32", "float64"])),
        draw(st.sampled_from(PAIRS)),
    )
    sizes = draw(st.lists(st.integers(1, 3) | st.integers(1, 40), min_size=2, max_size=5))
    hidden = draw(
        st.lists(st.sampled_from(HIDDEN), min_size=len(sizes) - 2, max_size=len(sizes) - 2)
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    places = st.lists(st.tuples(st.integers(0, 2**16), st.sampled_from(SPECIAL)), max_size=4)
    net = refnet.mlp(
        sizes,
        hidden=hidden,
        output=output,
        init=refnet.Normal(std=draw(st.sampled_from([0.5, 5.0]))),
        seed=1,
        dtype=dtype,
    )
    sprinkled(net.parameters, draw(places), dtype)
    batches = []
    for rows in draw(st.lists(st.integers(1, 2) | st.integers(1, 33), min_size=1, max_size=4)):
        x = sprinkled(rng.normal(size=(rows, sizes[0])).astype(dtype), draw(places), dtype)
        y = targets(loss, rng, rows, sizes[-1], labels=draw(st.booleans()))
        if y.ndim == 2 and not on_classes(loss):
            y = sprinkled(y.astype(dtype), draw(places), dtype)
            y = y if LOSSES[loss].reads == "values" else np.clip(y, 0, 1)
        elif y.ndim == 2 and draw(st.booleans()):
            y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], rows)]
            y[y == 0] = special(draw(st.sampled_from(["0.0", "-0.0", "least"])), "float64")
        batches.append(ready(net, LOSSES[loss](), x, y))
    return net, LOSSES[loss](), batches, draw(st.sampled_from(RULES))


@given(marches())
def test_both_forms_give_the_same_bits(case):
    """Value, z, a, delta, dW, db, vector, then parameters and state, over batches of
    changing size in one workspace; refusals too.
    """
    assert len(list(march(*case))) == len(case[2])


@dtypes
@pairs
def test_every_activation_under_every_output_and_loss(loss, output, dtype):
    """Each combination, on labels and on distributions, in batches of 11, 1 and 5
    rows.
    """
    for hidden, labels in product(HIDDEN, (True, False) if on_classes(loss) else (True,)):
        rng = np.random.default_rng(3)
        net = refnet.mlp(
            [7, 5, 3], hidden=hidden, output=output, init=refnet.Normal(std=0.6), dtype=dtype
        )
        rows = [(rng.normal(size=(n, 7)), targets(loss, rng, n, 3, labels)) for n in (11, 1, 5)]
        assert [
            *march(net, LOSSES[loss](), [ready(net, LOSSES[loss](), *batch) for batch in rows])
        ] == [None] * 3


BLOCKS_AT_ONCE = [
    *((hidden, "identity", "softmax_cross_entropy", True) for hidden in HIDDEN),
    *(
        ("tanh", output, loss, labels)
        for loss, output in PAIRS
        for labels in ((True, False) if on_classes(loss) else (True,))
    ),
]


@dtypes
@pytest.mark.parametrize(("hidden", "output", "loss", "labels"), BLOCKS_AT_ONCE)
@pytest.mark.parametrize(
    ("width", "columns"),
    [(61, 67), (3, 9001)],
    ids=["many rows to a block", "less than a row to a block"],
)
def test_arrays_of_many_blocks(hidden, output, loss, labels, width, columns, dtype):
    """Where z, a, delta and y have several blocks and a short last one, and after a
    smaller batch, the bits are the same.
    """
    rng, few, many = np.random.default_rng(5), 2, 211 if columns < 100 else 5
    net = refnet.mlp(
        [4, width if many > 5 else 1, columns],
        hidden=hidden,
        output=output,
        init=refnet.Normal(std=0.1),
        dtype=dtype,
    )
    assert many * columns * net.dtype.itemsize > 3 * BLOCK
    assert many * columns * net.dtype.itemsize % BLOCK
    rows = [(rng.normal(size=(n, 4)), targets(loss, rng, n, columns, labels)) for n in (few, many)]
    assert [
        *march(net, LOSSES[loss](), [ready(net, LOSSES[loss](), *batch) for batch in rows])
    ] == [None] * 2


@dtypes
@pytest.mark.parametrize("hidden", HIDDEN, ids=repr)
def test_hidden_layers_of_many_blocks(hidden, dtype):
    """A hidden layer wider than a block, and one of many rows, have the same bits in z,
    a and delta.
    """
    rng = np.random.default_rng(6)
    for width, rows in ((5003, 3), (23, 307)):
        net = refnet.mlp(
            [2, width, 2],
            hidden=hidden,
            output="identity",
            init=refnet.Normal(std=0.1),
            dtype=dtype,
        )
        batch = ready(net, refnet.MSE(), rng.normal(size=(rows, 2)), rng.normal(size=(rows, 2)))
        assert rows * width * net.dtype.itemsize > BLOCK
        assert [*march(net, refnet.MSE(), [batch])] == [None]


# an optimizer of one's own


class SignDescent(refnet.Optimizer):
    """theta := theta - lr sign(c), with c the running sum of gradients."""

    name, _settings, _kept = "sign", (), {"sum_of_gradients": 0.0}

    def _update(self, d, state):
        state["sum_of_gradients"] += d
        return self.lr * np.sign(state["sum_of_gradients"])


@dtypes
@pytest.mark.parametrize("width", [3, CACHED // 4 // 4 + 77])
def test_an_optimizer_of_ones_own_takes_both_kinds_of_steps(width, dtype):
    """A rule written by somebody else runs in place, in blocks, with the bits of its
    formula on whole vectors.
    """
    rng, net = np.random.default_rng(10), refnet.mlp([width, 4], output="identity", dtype=dtype)
    given = [
        ready(net, refnet.MSE(), rng.normal(size=(5, width)), rng.normal(size=(5, 4)))
        for _ in range(3)
    ]
    twin, total = net.copy(), 0.0
    for x, y in given:
        total = total + twin.loss_and_gradients(x, y, "mse")[1].vector
        twin.parameters[:] = twin.parameters - 0.1 * np.sign(total)
    assert [*march(net, refnet.MSE(), given, lambda: SignDescent(0.1, 0.0))] == [None] * 3
    assert net.parameters.tobytes() == twin.parameters.tobytes()


# whose memory


def prepared(dtype="float64", rows=6):
    """A workspace of 4-5-3 that has taken a step, its network, x, y and what the step
    returned.
    """
    rng, net = (
        np.random.default_rng(11),
        refnet.mlp([4, 5, 3], hidden="relu", output="identity", dtype=dtype),
    )
    x, y = ready(
        net, refnet.SoftmaxCrossEntropy(), rng.normal(size=(rows, 4)), rng.integers(0, 3, rows)
    )
    workspace = Workspace(net, refnet.SoftmaxCrossEntropy(), rows)
    return SimpleNamespace(
        net=net, x=x, y=y, workspace=workspace, gradients=workspace.loss_and_gradients(x, y)[1]
    )


@dtypes
@np.errstate(all="ignore")  # as fit calls it
def test_dW_and_db_are_views_in_the_order_of_the_parameters(dtype):
    """W, b of a layer and its dW, db are views that start at the same entry of
    net.parameters and of gradients.vector, and cover both.
    """
    prepared_step = prepared(dtype)
    vectors, start = (prepared_step.net.parameters, prepared_step.gradients.vector), 0
    for layer, gradient, buffers in zip(
        prepared_step.net.layers,
        prepared_step.gradients,
        prepared_step.workspace._layers,
        strict=True,
    ):
        assert buffers.W is layer.W
        assert buffers.b is layer.b
        for pair in ((layer.W, gradient.dW), (layer.b, gradient.db)):
            for array, vector in zip(pair, vectors, strict=True):
                assert (
                    array.__array_interface__["data"][0]
                    == vector[start:].__array_interface__["data"][0]
                )
                assert (array.dtype, array.flags.c_contiguous) == (vector.dtype, True)
            assert pair[0].shape == pair[1].shape
            start += pair[0].size
    assert [vector.shape for vector in vectors] == [(start,)] * 2


@np.errstate(all="ignore")  # as fit calls it
def test_a_step_makes_no_new_arrays():
    """Steps write into the same arrays; each batch, also a smaller one, fills the first
    rows of them.
    """
    prepared_step = prepared()
    step = (
        prepared_step.gradients.vector,
        *(array for layer in prepared_step.gradients for array in layer),
    )
    again = prepared_step.workspace.loss_and_gradients(prepared_step.x, prepared_step.y)[1]
    assert all(
        a is b
        for a, b in zip(
            step, (again.vector, *(array for layer in again for array in layer)), strict=True
        )
    )
    _, fewer = prepared_step.workspace.loss_and_gradients(prepared_step.x[:2], prepared_step.y[:2])
    assert fewer.vector is prepared_step.gradients.vector
    for small, large in zip(fewer, prepared_step.gradients, strict=True):
        assert small.delta.__array_interface__["data"] == large.delta.__array_interface__["data"]
        assert (small.dW is large.dW, small.db is large.db) == (True, True)


@np.errstate(all="ignore")  # as fit calls it
def test_what_is_given_is_not_written():
    """x, y and the parameters keep their bits; the workspace works on arrays that
    nobody may write.
    """
    for loss, output in PAIRS:
        rng, net = np.random.default_rng(12), refnet.mlp([4, 5, 3], hidden="softmax", output=output)
        x, y = ready(net, LOSSES[loss](), rng.normal(size=(6, 4)), targets(loss, rng, 6, 3))
        for array in (
            x,
            y,
            net.parameters,
            *(array for layer in net.layers for array in (layer.W, layer.b)),
        ):
            array.flags.writeable = False
        before = [array.tobytes() for array in (x, y, net.parameters)]
        Workspace(net, LOSSES[loss](), 6).loss_and_gradients(x, y)
        assert [array.tobytes() for array in (x, y, net.parameters)] == before


@np.errstate(all="ignore")  # as fit calls it
def test_the_trace_is_of_the_last_way_forward():
    """trace(x) holds x itself and the live z and a: those of the step before, also when
    the weights have moved since.
    """
    prepared_step = prepared()
    expected = [
        array.tobytes() for step in prepared_step.net.forward(prepared_step.x) for array in step
    ]
    prepared_step.net.parameters[:] = 0.0
    trace = prepared_step.workspace.trace(prepared_step.x)
    assert [array.tobytes() for step in trace for array in step] == expected
    assert trace[0].a_prev is prepared_step.x
    assert trace[1].a_prev is trace[0].a
    assert trace.output is trace[-1].a


@np.errstate(all="ignore")  # as fit calls it
def test_two_workspaces_share_nothing():
    """Two workspaces of one network keep to themselves."""
    one, vector = prepared(), prepared().gradients.vector
    before = vector.copy()
    other = Workspace(one.net, refnet.SoftmaxCrossEntropy(), 6)
    other.loss_and_gradients(2.0 * one.x, one.y)
    assert not np.shares_memory(other._gradient, one.gradients.vector)
    assert one.gradients.vector.tobytes() == before.tobytes()


def test_a_batch_too_large_is_refused():
    """A workspace has room for the rows that it was made for."""
    workspace = Workspace(refnet.mlp([3, 2], output="identity"), refnet.MSE(), 4)
    with pytest.raises(ValueError, match=r"^Workspace: x has 5 rows, expected at most 4$"):
        workspace.loss_and_gradients(np.ones((5, 3)), np.ones((5, 2)))
