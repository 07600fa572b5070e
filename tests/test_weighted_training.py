"""Training with weights of rows and settings of losses: the fast form has the bits of
the teaching form, and fit's weights go with their rows.
"""

import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet.blockwise import BLOCK
from refnet.fast.weighted import _WEIGHTED
from refnet.fast.workspace import Workspace
from refnet.losses import LOSSES

ON_CLASSES = ("cross_entropy", "softmax_cross_entropy")
OUTPUTS = {"values": "tanh", "logits": "identity", "probabilities": "sigmoid"}
# older NumPy buffers no less for a few rows than for many
OLDER = tuple(map(int, np.__version__.split(".")[:2])) < (2, 3)
ROOM = 2**16 + OLDER * 2**14

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def settings_of(name, width, rng):
    """Every setting of the loss by itself, and all together."""
    weights = rng.uniform(0.0, 2.0, width)
    known = {
        "weight": weights,
        "pos_weight": weights[::-1],
        "ignore_index": max(1, width - 1),
        "label_smoothing": 0.125,
        "reduction": "sum",
    }
    each = {key: value for key, value in known.items() if key in LOSSES[name].defaults}
    return [{}, *({key: value} for key, value in each.items()), each]


def losses(width, seed=0):
    """Each loss with each of its settings and with all, on labels and not."""
    rng = np.random.default_rng(seed)
    for name, kind in LOSSES.items():
        for settings in settings_of(name, width, rng):
            for labels in (True, False) if name in ON_CLASSES else (False,):
                here = (
                    settings if labels else {k: settings[k] for k in {*settings} - {"ignore_index"}}
                )
                yield kind(**here), labels


def batch(net, loss, labels, rows, rng):
    """x, y and weights of so many rows, of which one is 0."""
    width = net.sizes[-1]
    y = rng.integers(0, width, rows) if labels else rng.uniform(size=(rows, width))
    if labels:
        y[0] = 0  # which is not ignored
    elif loss.name in ON_CLASSES:
        y /= y.sum(axis=1, keepdims=True)
    s = rng.uniform(0.5, 3.0, rows)
    s[rows // 2 + 1 :][:1] = 0.0
    x = rng.normal(size=(rows, net.sizes[0]))
    return x.astype(net.dtype), y if labels else y.astype(net.dtype), s.astype(net.dtype)


def bits(value, gradients):
    """C, and each delta, dW and db, in bits."""
    arrays = [array.tobytes() for layer in gradients for array in layer]
    return np.float64(value).tobytes(), arrays


def outcome(compute, *given):
    """What it computes in bits, or what it refuses."""
    with np.errstate(all="ignore"):
        try:
            return bits(*compute(*given))
        except ValueError as error:
            return str(error)


def same(net, loss, batches):
    """Whether one workspace gives the bits, or the refusal, of the teaching form for
    each batch.
    """
    workspace = Workspace(net, loss, max(len(x) for x, _, _ in batches))
    for x, y, s in batches:
        expected = outcome(net.loss_and_gradients, x, y, loss, s)
        assert outcome(workspace.loss_and_gradients, x, y, s) == expected, (loss, s is None)
        if not isinstance(expected, str):
            total = 1.0 if loss.reduction == "sum" else loss.total_weight(y, s)
            # the dtype of what is summed is the network's where no weights are given
            assert abs(workspace.total_weight - total) <= len(x) * np.finfo(net.dtype).eps * total
    return True


# bits


@dtypes
@pytest.mark.parametrize("width", [1, 2, 3, 10])
def test_both_forms_have_the_same_bits_with_weights_and_settings(width, dtype):
    """All losses with each setting, on labels and distributions, with weights of rows
    and without, in batches of 11, 1 and 5 rows in one workspace.
    """
    rng = np.random.default_rng(1)
    for loss, labels in losses(width):
        net = refnet.mlp(
            [3, 4, width],
            output=OUTPUTS[loss.reads],
            init=refnet.Normal(std=0.6),
            dtype=dtype,
        )
        given_batches = [batch(net, loss, labels, rows, rng) for rows in (11, 1, 5)]
        bare = [(x, y, None) for x, y, _ in given_batches]
        assert same(net, loss, [*given_batches, *bare])


@dtypes
@pytest.mark.parametrize(("rows", "width"), [(211, 67), (3, 9001)])
def test_arrays_of_many_blocks_have_the_same_bits(rows, width, dtype):
    """Where the output has many rows to a block, and less than a row to a block."""
    rng = np.random.default_rng(2)
    for loss, labels in losses(width):
        net = refnet.mlp(
            [2, width],
            output=OUTPUTS[loss.reads],
            init=refnet.Normal(std=0.1),
            dtype=dtype,
        )
        assert rows * width * net.dtype.itemsize > 3 * BLOCK
        assert same(net, loss, [batch(net, loss, labels, rows, rng)])


SPECIAL = (0.0, 2.0**-1074, 2.0**-140, 1e-30, 1.0, 3.0, 1e30, 1e38, 1e300)


@given(
    case=st.sampled_from([*losses(3)]),
    dtype=st.sampled_from(["float32", "float64"]),
    weights=st.lists(st.sampled_from(SPECIAL), min_size=1, max_size=9),
    scale=st.sampled_from([0.0, 1.0, 30.0, 1e4]),
    seed=st.integers(0, 99),
)
def test_extreme_weights_and_outputs_have_the_same_bits(case, dtype, weights, scale, seed):
    """Weights that are subnormal or huge, of which some are 0, and outputs that
    saturate: the same bits or the same refusal.
    """
    (loss, labels), rng = case, np.random.default_rng(seed)
    net = refnet.mlp([3, 3], output=OUTPUTS[loss.reads], init=refnet.Normal(std=0.6), dtype=dtype)
    x, y, _ = batch(net, loss, labels, len(weights), rng)
    with np.errstate(all="ignore"):
        s = np.minimum(np.array(weights), np.finfo(dtype).max).astype(dtype)
    if s.any():
        assert same(net, loss, [(x * net.dtype.type(scale), y, s)])


@dtypes
def test_an_unbounded_gradient_is_refused_in_the_same_words(dtype):
    """A probability of 0 given to a target that counts, and none where its row has no
    weight.
    """
    net = refnet.Network(
        [refnet.Dense(np.array([[1e4], [-1e4]], dtype), np.zeros(2, dtype), "sigmoid")]
    )
    x, one = np.ones((2, 1), dtype), np.array([1.0, 0.0], dtype)
    for loss, y in (
        (refnet.CrossEntropy([1, 2]), np.array([0, 1])),
        (refnet.CrossEntropy(label_smoothing=0.5), np.array([0, 1])),
        (refnet.BinaryCrossEntropy(), np.array([[1, 0], [1, 1]], dtype)),
    ):
        assert same(net, loss, [(x, y, one), (x, y, one[::-1].copy())])
        assert "class 1, expected one with a finite reciprocal" in outcome(
            Workspace(net, loss, 2).loss_and_gradients, x, y, one[::-1].copy()
        )


@pytest.mark.parametrize("kind", LOSSES.values())
def test_every_loss_has_its_form_in_place_with_weights(kind):
    """Without one the bits would be right, and a step would take memory for whole
    arrays.
    """
    assert kind in _WEIGHTED, f"refnet/fast/weighted.py: _WEIGHTED has no entry for {kind.__name__}"


@pytest.mark.parametrize("method", ["value", "gradient", "shares", "total_weight"])
def test_a_method_of_ones_own_counts_in_both_forms(method):
    """A class derived from ours, and a method replaced in an object, go through their
    own methods.
    """
    changed = type(
        "Own", (refnet.MSE,), {method: lambda self, *a: 2.0 * getattr(refnet.MSE, method)(self, *a)}
    )
    net, rng = refnet.mlp([3, 2], output="tanh"), np.random.default_rng(0)
    x, y, s = batch(net, changed(), False, 4, rng)
    assert same(net, changed(), [(x, y, s)])
    ours = refnet.MSE()
    setattr(ours, method, getattr(changed(), method))
    expected = outcome(net.loss_and_gradients, x, y, ours, s)
    assert outcome(Workspace(net, ours, 4).loss_and_gradients, x, y, s) == expected
    assert expected != outcome(net.loss_and_gradients, x, y, refnet.MSE(), s)


# room


def peak(action):
    """The most bytes that the call holds at one time."""
    gc.disable()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        action()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        gc.enable()


@dtypes
@pytest.mark.parametrize(("rows", "width"), [(8, 3), (20_000, 2), (3000, 3), (8, 9001)])
def test_a_step_with_weights_takes_room_that_no_size_changes(rows, width, dtype):
    """All losses with each setting, with rows or outputs large: at most 64 KiB."""
    rng, taken = np.random.default_rng(3), {}
    for loss, labels in losses(width):
        net = refnet.mlp(
            [2, width], output=OUTPUTS[loss.reads], init=refnet.Normal(std=0.01), dtype=dtype
        )
        x, y, s = batch(net, loss, labels, rows, rng)
        workspace = Workspace(net, loss, rows)
        for weights in (None, s):
            workspace.loss_and_gradients(x, y, weights)
            room = peak(lambda: workspace.loss_and_gradients(x, y, weights))  # noqa: B023
            taken[repr(type(loss)), *loss.settings, labels, weights is None] = room
    assert {case: room for case, room in taken.items() if room > ROOM} == {}


# fit


def trained(net, x, y, **settings):
    """The parameters after fit, and the losses of the epochs."""
    given_settings = {"loss": "mse", "optimizer": refnet.SGD(lr=0.1), "epochs": 2} | settings
    history = refnet.fit(net, x, y, **given_settings)
    return net.parameters, history.loss


def data(rows=13):
    rng = np.random.default_rng(7)
    return rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2)), rng.uniform(0.0, 2.0, rows)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_weights_go_with_their_rows(shuffle, batch_size):
    """Each step is that of the teaching form on its own rows with their weights, which
    on_step shows, in the order of minibatches.
    """
    x, y, s = data()
    net, seen = refnet.mlp([3, 4, 2], hidden="tanh", output="identity"), []
    twin = net.copy()

    def look(step):
        rows = [int(np.flatnonzero((x == row).all(axis=1)).item()) for row in step.x]
        seen.append(step.sample_weight.tolist())
        assert seen[-1] == s[rows].tolist()
        value, gradients = twin.loss_and_gradients(x[rows], y[rows], "mse", s[rows])
        assert step.loss == value
        twin.parameters[:] -= 0.1 * gradients.vector

    settings = {"batch_size": batch_size, "shuffle": shuffle, "sample_weight": s}
    trained(net, x, y, on_step=look, **settings)
    assert twin.parameters.tobytes() == net.parameters.tobytes()
    rng = np.random.default_rng(0)
    orders = [refnet.minibatches(13, batch_size, rng if shuffle else None) for _ in range(2)]
    assert seen == [s[rows].tolist() for order in orders for rows in order]


@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_looking_on_changes_no_bit(batch_size):
    """With and without on_step the same parameters and losses."""
    x, y, s = data()
    ends = []
    for on_step in (None, lambda step: None):
        net = refnet.mlp([3, 4, 2], hidden="tanh", output="identity")
        end, loss = trained(net, x, y, batch_size=batch_size, sample_weight=s, on_step=on_step)
        ends.append((end.tobytes(), loss))
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "loss", [refnet.MSE(), refnet.MSE("sum"), refnet.SoftmaxCrossEntropy([0.5, 2.0], 7)]
)
def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(loss):
    """With lr 0 that of all rows at once, each counted as the loss counts it; or their
    sum. Each of the sums takes a rounding of every term.
    """
    x, y, s = data(12)
    # three rows that are ignored leave none of four rows alone
    y = y if loss.reads == "values" else np.array([0, 7, 1, 1, 7, 1, 0, 0, 1, 7, 0, 1])
    for weights in (s, None):
        net = refnet.mlp([3, 2], output="identity")
        settings = {"loss": loss, "optimizer": refnet.SGD(lr=0.0), "sample_weight": weights}
        _, (mean, _) = trained(net, x, y, batch_size=4, **settings)
        whole, _ = net.loss_and_gradients(x, y, loss, weights)
        assert abs(mean - whole) <= 4 * y.size * np.finfo(float).eps * whole


def test_weights_of_1_train_to_the_same_bits():
    """In batches of 8 rows, whose 1/n is exact."""
    x, y, _ = data(24)
    ends = []
    for weights in (None, np.ones(24)):
        net = refnet.mlp([3, 4, 2], hidden="tanh", output="identity")
        ends.append(trained(net, x, y, batch_size=8, sample_weight=weights)[0].tobytes())
    assert ends[0] == ends[1]


def test_repeated_rows_train_as_their_weights():
    """Batch gradient descent on rows given twice is that on weights of 2: 8 rows, so
    that 1/D is exact, and one row to each sum.
    """
    x, y = np.eye(4), np.array([[0.5, 1.0], [2.0, 0.25], [1.0, 1.0], [0.0, 3.0]])
    s = np.array([2.0, 1.0, 4.0, 1.0])
    ends = []
    for given_x, given_y, weights in (
        (x, y, s),
        (np.repeat(x, s.astype(int), axis=0), np.repeat(y, s.astype(int), axis=0), None),
    ):
        layer = refnet.Dense(np.zeros((2, 4)), None, "identity")
        net = refnet.Network([layer])
        ends.append(trained(net, given_x, given_y, sample_weight=weights)[0].tobytes())
    assert ends[0] == ends[1]


def test_a_batch_without_weight_is_refused_where_it_comes():
    """The sentence says which batch it was and what to do, and nothing moved in it."""
    x, y, _ = data(4)
    net = refnet.mlp([3, 2], output="identity")
    with pytest.raises(
        ValueError,
        match=r"^epoch 1, batch 2: MSE: weights of the rows have the sum 0, expected a finite "
        r"sum > 0; leave such rows out, take larger batches, or reduction='sum'$",
    ):
        trained(net, x, y, batch_size=2, shuffle=False, sample_weight=[1, 1, 0, 0])
    _, losses_of_sum = trained(
        net, x, y, loss=refnet.MSE("sum"), batch_size=2, shuffle=False, sample_weight=[1, 1, 0, 0]
    )
    assert all(map(np.isfinite, losses_of_sum))


def test_weights_may_be_integers_lists_or_of_another_dtype():
    """They are numbers of the network's dtype in each step."""
    x, y, _ = data(4)
    ends = set()
    for weights in ([1, 2, 0, 1], np.array([1, 2, 0, 1], "uint8"), np.array([1.0, 2, 0, 1], "f4")):
        net = refnet.mlp([3, 2], output="identity", dtype="float32")
        ends.add(trained(net, x, y, batch_size=2, sample_weight=weights)[0].tobytes())
    assert len(ends) == 1
