"""Network: one flat vector with W and b as its views, prediction, and what is said of
input that does not fit.
"""

import copy
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet import Dense, Identity, Network, Sigmoid, Softmax, mlp
from refnet.layer import views

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def sentence(text):
    """The whole message, word for word."""
    return f"^{re.escape(text)}$"


def network(**settings):
    """A 4-3-2 network with the numbers 0, 1, 2, ... as its parameters."""
    net = mlp([4, 3, 2], hidden="tanh", output="identity", **settings)
    net.parameters[:] = np.arange(net.parameters.size)
    return net


def holds_views(net):
    """Whether every W and b lies in the network's own vector, in order, with nothing
    between.
    """
    flat = np.concatenate([part.ravel() for layer in net.layers for part in (layer.W, layer.b)])
    shared = all(
        np.shares_memory(part, net.parameters)
        for layer in net.layers
        for part in (layer.W, layer.b)
    )
    return shared and np.array_equal(flat, net.parameters) and net.parameters.flags.owndata


# the vector


def test_parameters_are_w_row_by_row_then_b():
    """The vector is W1 row by row, b1, W2, b2: the order of
    torch.nn.utils.parameters_to_vector.
    """
    first, last = network().layers
    assert first.W.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert first.b.tolist() == [12, 13, 14]
    assert last.W.tolist() == [[15, 16, 17], [18, 19, 20]]
    assert last.b.tolist() == [21, 22]


def test_a_column_major_w_enters_row_by_row():
    """The order of the vector is that of the matrix, however the given W lies in
    memory.
    """
    W = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert Network([Dense(np.asfortranarray(W), np.zeros(2))]).parameters.tolist() == [
        1,
        2,
        3,
        4,
        5,
        6,
        0,
        0,
    ]


def test_the_given_arrays_are_copied():
    """Neither the given arrays nor the layers made of them move with the network, nor
    the network with them.
    """
    W, b = np.ones((2, 2)), np.zeros(2)
    layer = Dense(W, b)
    net, other = Network([layer]), Network([layer])
    net.parameters[:] = 7.0
    assert (W.sum(), b.sum(), layer.W.sum(), other.parameters.sum()) == (4.0, 0.0, 4.0, 4.0)
    W[:] = -1.0
    assert net.parameters.tolist() == [7.0] * 6


def test_one_layer_may_stand_twice_in_a_network():
    """The same Dense given twice becomes two layers with parameters of their own."""
    layer = Dense(np.eye(2), np.zeros(2))
    net = Network([layer, layer])
    net.layers[0].W[:] = 0.0
    assert net.layers[1].W.tolist() == [[1, 0], [0, 1]]


def test_views_move_with_the_vector_and_back():
    """A write into the vector is seen in W and b, and the other way round."""
    net = network()
    net.parameters[:] = 0.5
    assert net.layers[1].W[1, 2] == net.layers[0].b[0] == 0.5
    net.layers[0].W[1, 2] = 9.0
    assert net.parameters[6] == 9.0


COPIES = {
    "copy()": lambda net: net.copy(),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),  # noqa: S301 - its own bytes
    "astype": lambda net: net.astype(net.dtype),
    "Network": lambda net: Network(net.layers),
}


@dtypes
@pytest.mark.parametrize("way", list(COPIES))
def test_a_copy_has_views_of_its_own_vector(way, dtype):
    """Every way of copying keeps numbers, dtype and activations, and moves the views to
    the new vector.
    """
    net = network(dtype=dtype)
    twin = COPIES[way](net)
    assert holds_views(net)
    assert holds_views(twin)
    assert twin.dtype == net.dtype
    assert np.array_equal(twin.parameters, net.parameters)
    assert [layer.activation for layer in twin.layers] == [layer.activation for layer in net.layers]
    twin.parameters[:] = -1.0
    assert net.parameters[5] == 5.0
    assert twin.layers[1].b.tolist() == [-1.0, -1.0]


def test_astype_rounds_once_and_back():
    """float32 holds the rounded numbers; going back to float64 is exact."""
    net = mlp([3, 2])
    narrow = net.astype("float32")
    assert holds_views(narrow)
    assert np.array_equal(narrow.parameters, net.parameters.astype("float32"))
    assert np.array_equal(narrow.astype("float64").parameters, narrow.parameters)
    with pytest.raises(
        TypeError, match=sentence("Network.astype: dtype has float16, expected float32 or float64")
    ):
        net.astype("float16")


@pytest.mark.parametrize("name", ["layers", "parameters", "dtype", "sizes"])
def test_what_a_network_is_made_of_cannot_be_replaced(name):
    """Layers and vector are written into, never swapped."""
    with pytest.raises(
        AttributeError, match=f"property '{name}' of 'Network' object has no setter"
    ):
        setattr(network(), name, None)


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_an_entry_of_the_vector_knows_its_place(sizes):
    """entry(i) is the layer, the array and the index where the vector's number i
    stands.
    """
    net = mlp(sizes)
    end = net.parameters.size
    net.parameters[:] = np.arange(end)
    for i in range(end):
        layer, name, index = net.entry(i)
        assert getattr(net.layers[layer - 1], name)[index] == i
    for outside in (-1, end):
        with pytest.raises(
            IndexError, match=sentence(f"Network: entry has {outside}, expected 0 to {end - 1}")
        ):
            net.entry(outside)


def test_summary_counts_the_parameters():
    """4-5-5-3 has 4*5+5 = 25, 5*5+5 = 30 and 5*3+3 = 18 parameters, 73 in all; n rows
    have n outputs of each layer.
    """
    net = mlp([4, 5, 5, 3], hidden=["relu", "tanh"])
    assert [re.split(" {2,}", row) for row in net.summary().splitlines()] == [
        ["layer", "units", "activation", "output shape", "parameters"],
        ["input", "4", "(n, 4)"],
        ["1", "5", "ReLU", "(n, 5)", "25"],
        ["2", "5", "Tanh", "(n, 5)", "30"],
        ["3", "3", "Softmax", "(n, 3)", "18"],
        ["total", "73"],
    ]


def test_sizes_dtype_and_repr():
    """A network says its widths, its dtype and its activations."""
    net = network(dtype="float32")
    assert net.sizes == (4, 3, 2)
    assert net.dtype == np.float32
    assert repr(net) == "<Network 4-3-2 (tanh, identity), float32>"


# prediction


def test_classify_takes_the_largest_output_the_first_of_equals():
    """With several outputs the label is the column of the largest one."""
    net = Network([Dense(np.eye(3), np.zeros(3), "softmax")])
    assert net.classify([[0, 2, 1], [5, 1, 1], [0, 0, 3], [1, 2, 2]]).tolist() == [1, 0, 2, 1]


@pytest.mark.parametrize("output", ["sigmoid", "identity", "heaviside"])
def test_classify_with_one_output_looks_at_its_sign(output):
    """With one output the label is 1 where z > 0, which is where a sigmoid is above
    1/2.
    """
    net = Network([Dense([[1.0]], [0.0], output)])
    assert net.classify([[-1.0], [0.0], [-0.0], [1e-300], [1.0]]).tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("width", [1, 2])
def test_accuracy_is_the_share_of_labels_found(width):
    """Three of four labels found are 0.75, with one output as with two."""
    W = [[1.0]] if width == 1 else [[0.0], [1.0]]
    assert (
        Network([Dense(W, np.zeros(width))]).accuracy([[1], [-1], [2], [-2]], [1, 0, 0, 0]) == 0.75
    )


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        ([0], ValueError, "accuracy: labels has shape (1,), expected (2,)"),
        ([[0], [1]], ValueError, "accuracy: labels has shape (2, 1), expected (2,)"),
        (
            [0.0, 1.0],
            TypeError,
            "accuracy: labels has labels of dtype float64, expected integers: labels.astype(int)",
        ),
        ([0, 3], ValueError, "accuracy: labels has label 3 at row 1, expected 0 to 2"),
    ],
)
def test_accuracy_refuses_what_is_no_label(labels, error, text):
    """Labels are as many integers as there are rows, each the number of an output."""
    with pytest.raises(error, match=sentence(text)):
        mlp([1, 3]).accuracy([[0.0], [1.0]], labels)


def test_accuracy_of_one_output_knows_two_classes():
    """One output tells 0 from 1; there is no label 2."""
    with pytest.raises(
        ValueError, match=sentence("accuracy: labels has label 2 at row 0, expected 0 to 1")
    ):
        mlp([1, 1], output="sigmoid").accuracy([[0.0]], [2])


def on_disk(x, path):
    """x as a memory-mapped array."""
    np.save(path, x)
    return np.load(path, mmap_mode="r")


def read_only(x, _):
    """A copy of x that cannot be written."""
    x = x.copy()
    x.flags.writeable = False
    return x


ELSEWHERE = {
    "list": lambda x, _: x.tolist(),
    "read-only": read_only,
    "every second row": lambda x, _: np.repeat(x, 2, axis=0)[::2],
    "every second column": lambda x, _: np.repeat(x, 2, axis=1)[:, ::2],
    "column-major": lambda x, _: np.asfortranarray(x),
    "turned round": lambda x, _: x[::-1].copy()[::-1],
    "big-endian": lambda x, _: x.astype(x.dtype.newbyteorder(">")),
    "memory-mapped": on_disk,
    "memory-mapped column-major": lambda x, path: on_disk(np.asfortranarray(x), path),
    "memory-mapped in float64": lambda x, path: on_disk(x.astype("float64"), path),
    "memory-mapped big-endian": lambda x, path: on_disk(x.astype(x.dtype.newbyteorder(">")), path),
}


@dtypes
@pytest.mark.parametrize("way", list(ELSEWHERE))
def test_nothing_depends_on_where_x_and_y_lie(way, dtype, tmp_path):
    """The same numbers in another form or place give the same bits, forward and back,
    and are left as they are.
    """
    net = mlp([50, 7, 32], hidden="tanh", output="tanh", dtype=dtype)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 50)).astype(dtype), rng.normal(size=(40, 32)).astype(dtype)
    given_x, given_y = ELSEWHERE[way](x, tmp_path / "x.npy"), ELSEWHERE[way](y, tmp_path / "y.npy")
    value, gradients = net.loss_and_gradients(x, y, "mse")
    assert np.array_equal(net.predict(given_x), net.predict(x))
    again, others = net.loss_and_gradients(given_x, given_y, "mse")
    assert again == value
    assert np.array_equal(others.vector, gradients.vector)
    assert np.array_equal(np.asarray(given_x, dtype), x)
    assert np.array_equal(np.asarray(given_y, dtype), y)


@dtypes
@pytest.mark.parametrize(
    "kind", [bool, "int8", "uint64", "float16", "float32", "float64", ">i4", list]
)
def test_numbers_of_any_kind_are_converted_exactly(kind, dtype):
    """Zeros and ones of any real dtype, and those typed by hand, are the same numbers
    in the network's dtype.
    """
    net = mlp([2, 4, 1], hidden="sigmoid", output="sigmoid", dtype=dtype)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    predicted = net.predict(x.tolist() if kind is list else x.astype(kind))
    assert predicted.dtype == net.dtype
    assert np.array_equal(predicted, net.predict(x.astype(dtype)))


def test_float64_enters_a_float32_network_rounded_once():
    """x is rounded at the door; nothing behind it is computed in float64."""
    net = mlp([5, 3], dtype="float32")
    x = np.random.default_rng(1).normal(size=(4, 5))
    trace = net.forward(x)
    assert np.array_equal(trace[0].a_prev, x.astype("float32"))
    assert {part.dtype for step in trace for part in step} == {np.dtype("float32")}
    assert np.array_equal(trace.output, net.predict(x.astype("float32")))


def test_the_trace_is_wired():
    """Each layer reads the activations of the one below, the first one x, and the
    output is the last one's.
    """
    x = np.random.default_rng(2).normal(size=(4, 4))
    trace = network().forward(x)
    assert np.array_equal(trace[0].a_prev, x)
    assert trace[1].a_prev is trace[0].a
    assert trace.output is trace[-1].a


@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        (np.ones((7, 4)), ValueError, "Dense 1 (W 5x3): input has shape (7, 4), expected (n, 3)"),
        ([1.0, 2.0, 3.0], ValueError, "Dense 1 (W 5x3): input has shape (3,), expected (n, 3)"),
        (
            np.ones((0, 3)),
            ValueError,
            "Dense 1 (W 5x3): input has shape (0, 3), expected (n, 3) with at least one row",
        ),
        (
            [[1, 2, np.inf]],
            ValueError,
            "Dense 1 (W 5x3): input has inf at row 0, column 2, expected finite values",
        ),
        (
            [["a", "b", "c"]],
            TypeError,
            "Dense 1 (W 5x3): input has dtype <U1, expected real numbers",
        ),
    ],
)
def test_input_that_does_not_fit_is_refused(x, error, text):
    """x is a finite matrix as wide as the first layer; the sentence says what it is
    instead.
    """
    with pytest.raises(error, match=sentence(text)):
        mlp([3, 5]).predict(x)


# dC/dx


@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "softmax"])
def test_the_gradient_for_the_input_is_a_central_difference(hidden):
    """delta^1 W^1 is dC/dx: the differences of two steps h and h/2, extrapolated, are
    off by less than the two are apart.
    """
    rng = np.random.default_rng(3)
    net, loss = mlp([3, 4, 2], hidden=hidden, seed=4), refnet.CrossEntropy()
    x, y, h = rng.normal(size=(3, 3)), np.array([0, 1, 0]), 2.0**-7
    _, gradients = net.loss_and_gradients(x, y, loss)
    got = gradients.wrt_input(net)
    assert got.shape == x.shape

    def difference(step):
        return (loss.value(net.predict(x + step), y) - loss.value(net.predict(x - step), y)) / (
            2 * step.max()
        )

    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        wide, narrow = difference(step), difference(step / 2)
        best = (4 * narrow - wide) / 3
        assert abs(got[index] - best) <= abs(narrow - wide)
        assert abs(narrow - wide) <= abs(got[index]) * h  # the error is small beside what it judges


# building


def zeros(fan_out, fan_in, dtype="float64"):
    """A linear layer of zeros."""
    return Dense(np.zeros((fan_out, fan_in), dtype), np.zeros(fan_out, dtype))


@pytest.mark.parametrize(
    ("layers", "error", "text"),
    [
        ([], ValueError, "Network: has 0 layers, expected at least one"),
        ([Identity()], TypeError, "Network: layer 1 has type Identity, expected Dense"),
        (
            [zeros(3, 2), zeros(1, 2)],
            ValueError,
            "Dense 2 (W 1x2): W has fan_in 2, expected 3, the units of layer 1",
        ),
        (
            [zeros(3, 2), zeros(1, 3, "float32")],
            TypeError,
            "Dense 2 (W 1x3): has dtype float32, expected float64 as layer 1",
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers, error, text):
    """Each layer has as many inputs as the one below has units, and the same dtype."""
    with pytest.raises(error, match=sentence(text)):
        Network(layers)


def test_mlp_gives_each_layer_its_activation():
    """`hidden` is one activation for all hidden layers, or one for each, by name or as
    an object.
    """
    assert [
        type(layer.activation).__name__ for layer in mlp([2, 3, 3, 1], hidden="relu").layers
    ] == ["ReLU", "ReLU", "Softmax"]
    assert [
        layer.activation for layer in mlp([2, 3, 1], hidden=[Sigmoid()], output=Softmax()).layers
    ] == [Sigmoid(), Softmax()]
    assert mlp([2, 1], hidden=[]).sizes == (2, 1)


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        (
            {"sizes": [3]},
            ValueError,
            "mlp: sizes has 1 entry, expected at least 2 (inputs and outputs)",
        ),
        ({"sizes": [3, 0, 2]}, ValueError, "mlp: sizes[1] has 0, expected an integer >= 1"),
        ({"sizes": [3, 2.0]}, TypeError, "mlp: sizes[1] has type float, expected an integer"),
        ({"sizes": [True, 2]}, TypeError, "mlp: sizes[0] has type bool, expected an integer"),
        (
            {"hidden": ["relu"] * 2},
            ValueError,
            "mlp: hidden has 2 activations, expected 1, one per hidden layer",
        ),
        (
            {"init": "xavier"},
            ValueError,
            (
                f"initializer: name has 'xavier', expected one of "
                f"{', '.join(refnet.initializers.INITIALIZERS)}"
            ),
        ),
        ({"seed": -1}, ValueError, "mlp: seed has -1, expected an integer >= 0"),
        ({"seed": None}, TypeError, "mlp: seed has type NoneType, expected an integer"),
        ({"dtype": "int64"}, TypeError, "mlp: dtype has int64, expected float32 or float64"),
        (
            {"dtype": "double precision"},
            TypeError,
            "mlp: dtype has 'double precision', expected 'float32' or 'float64'",
        ),
    ],
)
def test_mlp_refuses_what_it_cannot_build(settings, error, text):
    """mlp names the argument, what it has and what is wanted."""
    with pytest.raises(error, match=sentence(text)):
        mlp(**{"sizes": [3, 4, 2], **settings})


def test_a_trace_of_another_depth_is_refused():
    """A trace that has more or fewer layers than the network is not its own."""
    net, deeper = refnet.mlp([2, 3, 2]), refnet.mlp([2, 3, 3, 2])
    with pytest.raises(
        ValueError,
        match=sentence("Network: trace has 3 layers, expected 2, of this network's own forward"),
    ):
        net.backward(deeper.forward([[1.0, 2.0]]), "cross_entropy", [0])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: refnet.mlp(3), "mlp: sizes has type int, expected a sequence of integers"),
        (
            lambda: refnet.mlp([2, 3], hidden=None),
            "mlp: hidden has type NoneType, expected a name, an Activation, or a list of them",
        ),
        (
            lambda: refnet.Network(None),
            "Network: layers has type NoneType, expected a sequence of Dense",
        ),
        (
            lambda: refnet.Network(refnet.Dense([[1.0]], [0.0])),
            "Network: layers has type Dense, expected a sequence of Dense",
        ),
    ],
)
def test_what_is_no_sequence_is_refused(make, text):
    """A bare number, None or a single layer gets a sentence of its own."""
    with pytest.raises(TypeError, match=sentence(text)):
        make()


def test_weights_that_float32_cannot_hold_are_refused():
    """No weight becomes infinite on the way to float32."""
    text = (
        "Network.astype: W of layer 1 has 1e+300 at row 0, column 0, expected a number that "
        "float32 can hold"
    )
    with pytest.raises(ValueError, match=sentence(text)):
        refnet.mlp([1, 1], init=refnet.Constant(1e300)).astype("float32")


def test_the_first_of_several_weights_lost_is_named():
    """Where float32 cannot hold several weights, the first of them in the order of
    `parameters` is named; one that was infinite before is not lost.
    """
    net = refnet.mlp([2, 3, 2])
    # W1 is 0 to 5, b1 6 to 8, W2 9 to 14
    net.parameters[[1, 8, 7, 10]] = np.inf, 1e300, -1e301, 1e302
    text = (
        "Network.astype: b of layer 1 has -1e+301 at row 1, expected a number that float32 can hold"
    )
    with pytest.raises(ValueError, match=sentence(text)):
        net.astype("float32")


def test_weights_that_have_diverged_are_copied_and_looked_at():
    """A network whose weights are no longer finite still copies and pickles; training
    it is refused, naming the place.
    """
    net = refnet.mlp([2, 2])
    net.parameters[3] = np.nan
    unpickled = pickle.loads(pickle.dumps(net))  # noqa: S301 - our own bytes
    for same in (net.copy(), copy.deepcopy(net), unpickled):
        assert same.parameters.tobytes() == net.parameters.tobytes()
        assert np.shares_memory(same.layers[0].W, same.parameters)
    with pytest.raises(
        ValueError,
        match=sentence(
            "fit: W of layer 1 has nan at row 1, column 1, expected finite weights to start from"
        ),
    ):
        refnet.fit(net, [[1.0, 2.0]], [0], loss="cross_entropy", optimizer="sgd", epochs=1)


def test_a_trace_of_another_width_is_refused():
    """A trace whose layers have other widths, or that is no trace, is not the network's
    own.
    """
    net, wider = refnet.mlp([2, 3, 2]), refnet.mlp([2, 5, 2])
    own = "expected z (n, 3), of this network's own forward"
    with pytest.raises(ValueError, match=sentence(f"Dense 1 (W 3x2): trace has z (1, 5), {own}")):
        net.backward(wider.forward([[1.0, 2.0]]), "cross_entropy", [0])
    with pytest.raises(
        ValueError, match=sentence(f"Dense 1 (W 3x2): trace has type ndarray, {own}")
    ):
        net.backward(np.ones((2, 2)), "cross_entropy", [0])


def test_a_gradient_changed_by_hand_is_the_gradient_stepped():
    """The flat vector is made of dW and db as they are, so that clipping them by hand
    is not lost.
    """
    net = refnet.mlp([2, 2])
    gradients = net.loss_and_gradients([[1.0, 2.0]], [0], "cross_entropy")[1]
    gradients[0].dW[:] = 0.0
    assert not gradients.vector[:4].any()
    assert gradients.vector[4:].any()


def test_views_of_a_flat_vector():
    """W and b of each layer stand in a flat vector as in `parameters`, and nothing is
    copied.
    """
    net = refnet.mlp([3, 5, 2], hidden="tanh")
    pairs = list(views(net.parameters, [layer.kind for layer in net.layers]))
    for (W, b), layer in zip(pairs, net.layers, strict=True):
        assert [W.shape, b.shape] == [layer.W.shape, layer.b.shape]
        assert np.shares_memory(W, layer.W)
        assert np.shares_memory(b, layer.b)
        assert W.tobytes() + b.tobytes() == layer.W.tobytes() + layer.b.tobytes()


class Tagged(Network):
    """A network that keeps something besides its layers."""

    tag = ""

    def __getstate__(self):
        return {**super().__getstate__(), "tag": self.tag}

    def __setstate__(self, state):
        super().__setstate__(state)
        self.tag = state["tag"]


@pytest.mark.parametrize("way", [Network.copy, copy.deepcopy, lambda net: net.astype("float32")])
def test_a_copy_keeps_what_a_subclass_keeps(way):
    """As a pickle does."""
    net = Tagged([Dense([[1.0, 2.0]], [3.0], "tanh")])
    net.tag = "mine"
    assert way(net).tag == "mine"
