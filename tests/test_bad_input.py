"""Bad input gets one clear sentence at every door and changes nothing; unusual but
right input trains to the same bits.
"""

import pickle
import re
from contextlib import contextmanager

import numpy as np
import pytest

import refnet
from refnet.activations import ACTIVATIONS
from refnet.forms import accumulated, graph, loops
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

RNG = np.random.default_rng(11)
X = RNG.standard_normal((6, 3))
VALUES, LABELS, CHANCES = (
    RNG.standard_normal((6, 2)),
    np.array([0, 1, 1, 0, 1, 0]),
    RNG.random((6, 2)),
)
GOOD = {
    "mse": ("identity", X, VALUES),
    "cross_entropy": ("softmax", X, LABELS),
    "softmax_cross_entropy": ("identity", X, LABELS),
    "binary_cross_entropy": ("sigmoid", X, CHANCES),
    "sigmoid_cross_entropy": ("identity", X, CHANCES),
}


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


def trained(loss="mse", dtype="float64", width=2):
    """A network and its optimizer after a good epoch, so that there is a state to
    spoil.
    """
    output, x, y = GOOD[loss]
    net, optimizer = (
        refnet.mlp([3, 5, width], hidden="tanh", output=output, dtype=dtype),
        refnet.Adam(lr=0.25),
    )
    refnet.fit(net, x, y if y.ndim == 1 else y[:, :width], loss=loss, optimizer=optimizer, epochs=1)
    return net, optimizer


@contextmanager
def unchanged(net, optimizer, *given):
    """Every bit of the parameters, of the optimizer's state, its learning rate and the
    arguments is the same afterwards.
    """

    def bits():
        state = {name: np.asarray(value).tobytes() for name, value in optimizer.state.items()}
        return net.parameters.tobytes(), state, optimizer.lr, pickle.dumps(given)

    before = bits()
    yield
    assert bits() == before


def put(array, value, *place):
    array = array.copy()
    array[place] = value
    return array


D = "Dense 1 (W 5x3): input"
BAD_X = {
    "nan": (
        put(X, np.nan, 4, 1),
        ValueError,
        f"{D} has nan at row 4, column 1, expected finite values",
    ),
    "inf": (
        put(X, -np.inf, 0, 2),
        ValueError,
        f"{D} has -inf at row 0, column 2, expected finite values",
    ),
    "one row": (X[0], ValueError, f"{D} has shape (3,), expected (n, 3)"),
    "rank 3": (X[None], ValueError, f"{D} has shape (1, 6, 3), expected (n, 3)"),
    "scalar": (1.0, ValueError, f"{D} has shape (), expected (n, 3)"),
    "width": (X[:, :2], ValueError, f"{D} has shape (6, 2), expected (n, 3)"),
    "transposed": (X.T, ValueError, f"{D} has shape (3, 6), expected (n, 3)"),
    "empty": (X[:0], ValueError, f"{D} has shape (0, 3), expected (n, 3) with at least one row"),
    "empty list": ([], ValueError, f"{D} has shape (0,), expected (n, 3)"),
    "ragged": (
        [[1.0, 2.0, 3.0], [1.0]],
        ValueError,
        f"{D} has rows of different lengths, expected a rectangular array",
    ),
    "object": (X.astype(object), TypeError, f"{D} has dtype object, expected real numbers"),
    "none": (None, TypeError, f"{D} has dtype object, expected real numbers"),
    "text": (X.astype("U9"), TypeError, f"{D} has dtype <U9, expected real numbers"),
    "complex": (X + 0j, TypeError, f"{D} has dtype complex128, expected real numbers"),
    "integer": (
        [[0, 0, 2**53 + 1]],
        ValueError,
        f"{D} has {2**53 + 1} at row 0, column 2, expected integers that float64 holds exactly",
    ),
}
NO_CLASSES = "expected labels (6,) or distributions (6, 2)"
BAD_Y = {
    "nan": (
        "mse",
        put(VALUES, np.nan, 3, 0),
        ValueError,
        "MSE: y has nan at row 3, column 0, expected finite values",
    ),
    "inf": (
        "mse",
        put(VALUES, np.inf, 5, 1),
        ValueError,
        "MSE: y has inf at row 5, column 1, expected finite values",
    ),
    "rank 1": ("mse", VALUES[:, 0], ValueError, "MSE: y has shape (6,), expected (6, 2)"),
    "rank 3": ("mse", VALUES[None], ValueError, "MSE: y has shape (1, 6, 2), expected (6, 2)"),
    "width": ("mse", VALUES[:, :1], ValueError, "MSE: y has shape (6, 1), expected (6, 2)"),
    "rows": ("mse", VALUES[:5], ValueError, "MSE: y has shape (5, 2), expected (6, 2)"),
    "empty": ("mse", VALUES[:0], ValueError, "MSE: y has shape (0, 2), expected (6, 2)"),
    "ragged": (
        "mse",
        [[1.0], []],
        ValueError,
        "MSE: y has rows of different lengths, expected a rectangular array",
    ),
    "object": (
        "mse",
        VALUES.astype(object),
        TypeError,
        "MSE: y has dtype object, expected real numbers",
    ),
    "text": ("mse", VALUES.astype("S9"), TypeError, "MSE: y has dtype |S9, expected real numbers"),
    "complex": (
        "mse",
        VALUES + 0j,
        TypeError,
        "MSE: y has dtype complex128, expected real numbers",
    ),
    "label below": (
        "cross_entropy",
        put(LABELS, -1, 2),
        ValueError,
        "CrossEntropy: y has label -1 at row 2, expected 0 to 1",
    ),
    "label above": (
        "cross_entropy",
        put(LABELS, 2, 5),
        ValueError,
        "CrossEntropy: y has label 2 at row 5, expected 0 to 1",
    ),
    "ignored label": (
        "cross_entropy",
        put(LABELS, -100, 0),
        ValueError,
        "CrossEntropy: y has label -100 at row 0, expected 0 to 1",
    ),
    "float labels": (
        "cross_entropy",
        LABELS * 1.0,
        TypeError,
        "CrossEntropy: y has labels of dtype float64, expected integers: y.astype(int)",
    ),
    "text labels": (
        "cross_entropy",
        LABELS.astype("U1"),
        TypeError,
        (
            "CrossEntropy: y has labels of dtype <U1, expected integers 0 to 1: "
            "classes, y = numpy.unique(y, return_inverse=True)"
        ),
    ),
    "label column": (
        "cross_entropy",
        LABELS[:, None],
        ValueError,
        f"CrossEntropy: y has shape (6, 1), {NO_CLASSES}",
    ),
    "label rows": (
        "cross_entropy",
        LABELS[:5],
        ValueError,
        f"CrossEntropy: y has shape (5,), {NO_CLASSES}",
    ),
    "classes": (
        "softmax_cross_entropy",
        np.eye(6)[:, :3],
        ValueError,
        f"SoftmaxCrossEntropy: y has shape (6, 3), {NO_CLASSES}",
    ),
    "sum": (
        "cross_entropy",
        put(np.full((6, 2), 0.5), 0.4, 1, 0),
        ValueError,
        "CrossEntropy: y has the sum 0.9 at row 1, expected 1 (each row a distribution)",
    ),
    "all classes": (
        "cross_entropy",
        np.ones((6, 2)),
        ValueError,
        "CrossEntropy: y has the sum 2 at row 0, expected 1 (each row a distribution)",
    ),
    "negative": (
        "cross_entropy",
        put(np.full((6, 2), 0.5), [1.25, -0.25], 1),
        ValueError,
        "CrossEntropy: y has 1.25 at row 1, column 0, expected values in [0, 1]",
    ),
    "distribution of nan": (
        "cross_entropy",
        np.full((6, 2), np.nan),
        ValueError,
        "CrossEntropy: y has nan at row 0, column 0, expected finite values",
    ),
    "chance above": (
        "binary_cross_entropy",
        put(CHANCES, 1.5, 0, 1),
        ValueError,
        "BinaryCrossEntropy: y has 1.5 at row 0, column 1, expected values in [0, 1]",
    ),
    "chance below": (
        "sigmoid_cross_entropy",
        put(CHANCES, -0.5, 5, 0),
        ValueError,
        "SigmoidCrossEntropy: y has -0.5 at row 5, column 0, expected values in [0, 1]",
    ),
}


@pytest.mark.parametrize(("x", "kind", "sentence"), BAD_X.values(), ids=BAD_X)
def test_bad_x_is_refused_at_every_door(x, kind, sentence):
    """Every door that takes x says the same sentence; as validation it says where;
    nothing changes.
    """
    net, optimizer = trained()
    doors = [
        lambda: refnet.fit(net, x, VALUES, loss="mse", optimizer=optimizer, epochs=1),
        lambda: net.loss_and_gradients(x, VALUES, "mse"),
        lambda: net.forward(x),
        lambda: net.predict(x),
        lambda: net.classify(x),
        lambda: net.accuracy(x, LABELS),
        lambda: refnet.gradient_check(net, x, VALUES, "mse"),
    ]
    with unchanged(net, optimizer, x, VALUES):
        for door in doors:
            with refuses(kind, sentence):
                door()
        with refuses(kind, f"validation: {sentence}"):
            refnet.fit(
                net, X, VALUES, loss="mse", optimizer=optimizer, epochs=1, validation=(x, VALUES)
            )


@pytest.mark.parametrize(("loss", "y", "kind", "sentence"), BAD_Y.values(), ids=BAD_Y)
def test_bad_y_is_refused_at_every_door(loss, y, kind, sentence):
    """Every door that takes y says the same sentence; as validation it says where;
    nothing changes.
    """
    net, optimizer = trained(loss)
    doors = [
        lambda: refnet.fit(net, X, y, loss=loss, optimizer=optimizer, epochs=1),
        lambda: net.loss_and_gradients(X, y, loss),
        lambda: net.backward(net.forward(X), loss, y),
        lambda: refnet.gradient_check(net, X, y, loss),
    ]
    with unchanged(net, optimizer, X, y):
        for door in doors:
            with refuses(kind, sentence):
                door()
        with refuses(kind, f"validation: {sentence}"):
            refnet.fit(
                net, X, GOOD[loss][2], loss=loss, optimizer=optimizer, epochs=1, validation=(X, y)
            )


def test_column_and_vector_are_not_broadcast():
    """Against one output a vector (n,) is refused by the network and straight in the
    loss; fit alone takes it as a column.
    """
    net, optimizer = trained(width=1)
    with unchanged(net, optimizer, VALUES):
        with refuses(ValueError, "MSE: y has shape (6,), expected (6, 1)"):
            net.loss_and_gradients(X, VALUES[:, 0], "mse")
        for method in (refnet.MSE().value, refnet.MSE().gradient):
            with refuses(
                ValueError,
                "MSE: prediction (6, 1) and y (6,) differ in shape; refusing to broadcast",
            ):
                method(net.predict(X), VALUES[:, 0])


def test_number_too_large_for_float32_is_refused():
    """What float32 cannot hold, float or integer, is refused by its place, not trained
    on as inf or rounded.
    """
    net, optimizer = trained(dtype="float32")
    for x, shown in (
        (put(X, 1e300, 2, 0), "inf at row 2, column 0, expected finite values"),
        (
            [[0, 2**24 + 1, 0]],
            f"{2**24 + 1} at row 0, column 1, expected integers that float32 holds exactly",
        ),
    ):
        with unchanged(net, optimizer, x), refuses(ValueError, f"{D} has {shown}"):
            refnet.fit(net, x, VALUES, loss="mse", optimizer=optimizer, epochs=1)


OPTIMIZER_NAMES = ", ".join(OPTIMIZERS)  # in the order of the table
LOSS_NAMES = ", ".join(LOSSES)
INIT_NAMES = (
    "zeros, constant, uniform, normal, torch_linear, glorot_uniform, glorot_normal, he_uniform, "
    "he_normal"
)
PAIR = "expected Softmax or Sigmoid; with Identity you probably mean SoftmaxCrossEntropy"
RULE = "expected an EarlyStopping(...), a Precision(...) or the like"
BAD_SETTINGS = [
    ({"epochs": 0}, ValueError, "fit: epochs has 0, expected an integer >= 1"),
    ({"epochs": 2.0}, TypeError, "fit: epochs has type float, expected an integer"),
    ({"batch_size": 0}, ValueError, "fit: batch_size has 0, expected an integer >= 1"),
    ({"batch_size": True}, TypeError, "fit: batch_size has type bool, expected an integer"),
    ({"shuffle": "False"}, TypeError, "fit: shuffle has 'False', expected True or False"),
    ({"shuffle": 1}, TypeError, "fit: shuffle has 1, expected True or False"),
    ({"seed": -1}, ValueError, "fit: seed has -1, expected an integer >= 0"),
    ({"seed": None}, TypeError, "fit: seed has type NoneType, expected an integer"),
    ({"loss": "l2"}, ValueError, f"loss: name has 'l2', expected one of {LOSS_NAMES}"),
    (
        {"loss": refnet.MSE},
        TypeError,
        f"loss: has MSE, expected an object or one of the names {LOSS_NAMES}",
    ),
    (
        {"loss": "cross_entropy"},
        ValueError,
        f"CrossEntropy: reads probabilities, but the output layer has Identity, {PAIR}",
    ),
    (
        {"optimizer": "lbfgs"},
        ValueError,
        f"optimizer: name has 'lbfgs', expected one of {OPTIMIZER_NAMES}",
    ),
    (
        {"optimizer": refnet.SGD},
        TypeError,
        f"optimizer: has SGD, expected an object or one of the names {OPTIMIZER_NAMES}",
    ),
    ({"validation": X}, TypeError, "fit: validation has type ndarray, expected a pair (x, y)"),
    (
        {"validation": (X, VALUES, VALUES)},
        TypeError,
        "fit: validation has 3 entries, expected a pair (x, y)",
    ),
    (
        {"schedule": 0.9},
        TypeError,
        "fit: schedule has type float, expected a callable (lr, epoch) -> lr",
    ),
    ({"stop": 3}, TypeError, f"fit: stop has 3, {RULE}"),
    ({"stop": [refnet.Precision(0.1), "soon"]}, TypeError, f"fit: stop has 'soon', {RULE}"),
    ({"stop": refnet.Precision}, TypeError, f"fit: stop has {refnet.Precision!r}, {RULE}"),
    (
        {"stop": refnet.EarlyStopping()},
        ValueError,
        "EarlyStopping: fit has no validation, expected validation=(x, y)",
    ),
    (
        {"schedule": refnet.StepLR},
        TypeError,
        "fit: schedule has class StepLR, expected a callable (lr, epoch) -> lr",
    ),
    ({"on_step": 3}, TypeError, "fit: on_step has type int, expected a callable"),
    ({"on_epoch": "print"}, TypeError, "fit: on_epoch has type str, expected a callable"),
    ({"net": "net"}, TypeError, "fit: net has type str, expected Network"),
]


@pytest.mark.parametrize(
    ("settings", "kind", "sentence"), BAD_SETTINGS, ids=[sentence for *_, sentence in BAD_SETTINGS]
)
def test_bad_setting_of_fit_is_refused(settings, kind, sentence):
    """What fit cannot use is refused before the first step."""
    net, optimizer = trained()
    with unchanged(net, optimizer, X, VALUES), refuses(kind, sentence):
        refnet.fit(
            **{
                "net": net,
                "x": X,
                "y": VALUES,
                "loss": "mse",
                "optimizer": optimizer,
                "epochs": 1,
                **settings,
            }
        )


@pytest.mark.parametrize(
    ("net", "shown"),
    [(5, "type int"), (None, "type NoneType"), (refnet.Network, "class Network")],
)
def test_what_is_no_network_is_refused_at_every_door(net, shown):
    """Every function that takes a network names the type it got instead; an optimizer
    stays free.
    """
    good, optimizer = refnet.mlp([3, 2], output="identity"), refnet.SGD()
    gradients = good.backward(good.forward(X), "mse", VALUES)
    doors = {
        "fit": lambda: refnet.fit(net, X, VALUES, loss="mse", optimizer=optimizer, epochs=1),
        "gradient_check": lambda: refnet.gradient_check(net, X, VALUES, "mse"),
        "explain": lambda: refnet.explain(net, X, VALUES, "mse", lr=0.1),
        "SGD": lambda: optimizer.step(net, gradients),
        "Gradients.wrt_input": lambda: gradients.wrt_input(net),
        "forms": lambda: loops.feed_forward(net, X),
        "graph.chain": lambda: graph.chain(net, VALUES.T, "mse"),
    }
    for where, door in doors.items():
        with refuses(TypeError, f"{where}: net has {shown}, expected Network"):
            door()
    for form in (loops.gradient, accumulated.gradient, graph.gradient):
        with refuses(TypeError, f"forms: net has {shown}, expected Network"):
            form(net, X, VALUES, "mse")
    optimizer.step(good, gradients)
    assert optimizer.state["steps"] == 1


def test_optimizer_of_another_network_is_refused():
    """fit refuses an optimizer that has stepped another network, and changes
    neither.
    """
    net, optimizer = trained()
    other, another = trained()
    sentence = (
        "Adam: got another network, expected the one of its first step; make an optimizer for "
        "each network"
    )
    with unchanged(net, optimizer), unchanged(other, another), refuses(ValueError, sentence):
        refnet.fit(other, X, VALUES, loss="mse", optimizer=optimizer, epochs=1)


@pytest.mark.parametrize(
    ("make", "kind", "sentence"),
    [
        (
            lambda: refnet.mlp([3, 0, 2]),
            ValueError,
            "mlp: sizes[1] has 0, expected an integer >= 1",
        ),
        (lambda: refnet.mlp([-3, 2]), ValueError, "mlp: sizes[0] has -3, expected an integer >= 1"),
        (
            lambda: refnet.mlp([3, 2], output="swish"),
            ValueError,
            f"activation: name has 'swish', expected one of {', '.join(ACTIVATIONS)}",
        ),
        (
            lambda: refnet.mlp([3, 2], init="ones"),
            ValueError,
            f"initializer: name has 'ones', expected one of {INIT_NAMES}",
        ),
        (
            lambda: refnet.SGD(momentum=0.9, nesterov="no"),
            TypeError,
            "SGD: nesterov has 'no', expected True or False",
        ),
        (
            lambda: refnet.SGD(momentum=0.9, nesterov=np.nan),
            TypeError,
            "SGD: nesterov has nan, expected True or False",
        ),
        (
            lambda: refnet.RMSprop(centered=2),
            TypeError,
            "RMSprop: centered has 2, expected True or False",
        ),
        (
            lambda: refnet.Adam(amsgrad=None),
            TypeError,
            "Adam: amsgrad has None, expected True or False",
        ),
        (
            lambda: refnet.AdamW(amsgrad=0),
            TypeError,
            "AdamW: amsgrad has 0, expected True or False",
        ),
        (
            lambda: refnet.EarlyStopping(0),
            ValueError,
            "EarlyStopping: patience has 0, expected an integer >= 1",
        ),
        (
            lambda: refnet.EarlyStopping(min_delta=-1.0),
            ValueError,
            "EarlyStopping: min_delta has -1.0, expected a finite number >= 0",
        ),
        (
            lambda: refnet.Precision(np.nan),
            ValueError,
            "Precision: threshold has nan, expected a finite number >= 0",
        ),
    ],
)
def test_bad_part_is_refused_when_it_is_made(make, kind, sentence):
    """Sizes below 1, unknown names and rules out of range are refused at once, names
    with the known ones.
    """
    with refuses(kind, sentence):
        make()


HEAVISIDE = [("heaviside", "identity", "Dense 1 (W 5x3)"), ("tanh", "heaviside", "Dense 2 (W 2x5)")]


@pytest.mark.parametrize(("hidden", "output", "where"), HEAVISIDE)
def test_heaviside_refuses_training_by_name(hidden, output, where):
    """A network with Heaviside predicts, but every door of training refuses it, naming
    the layer.
    """
    net, optimizer = refnet.mlp([3, 5, 2], hidden=hidden, output=output), refnet.SGD()
    doors = [
        lambda: refnet.fit(net, X, VALUES, loss="mse", optimizer=optimizer, epochs=1),
        lambda: net.loss_and_gradients(X, VALUES, "mse"),
        lambda: net.backward(net.forward(X), "mse", VALUES),
        lambda: refnet.gradient_check(net, X, VALUES, "mse"),
    ]
    with unchanged(net, optimizer, X, VALUES):
        assert net.predict(X).shape == (6, 2)
        for door in doors:
            with refuses(
                ValueError,
                f"{where}: activation has Heaviside, expected a trainable one: its derivative is "
                f"zero everywhere",
            ):
                door()


def outcome(x, y, loss="mse", dtype="float64", lr=0.1, **settings):
    """The bits of a training, and of the loss and output it ends with."""
    net = refnet.mlp(
        [np.shape(x)[1], 5, 2 if np.ndim(y) == 1 else np.shape(y)[1]],
        hidden="tanh",
        output=GOOD[loss][0],
        dtype=dtype,
    )
    before = pickle.dumps((x, y))
    history = refnet.fit(
        net, x, y, loss=loss, optimizer=refnet.SGD(lr=lr, momentum=0.9), epochs=3, **settings
    )
    assert net.parameters.dtype == net.predict(x).dtype == dtype
    assert pickle.dumps((x, y)) == before
    return net.parameters.tobytes(), history.loss, net.predict(x).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [int, bool, float])
@pytest.mark.parametrize("loss", ["mse", "sigmoid_cross_entropy"])
def test_xor_typed_by_hand(loss, kind, dtype):
    """Lists of integers, truth values or floats, tuples and their arrays train the same
    bits.
    """
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    expected = outcome(np.array(x, dtype), np.array(y, dtype), loss, dtype)
    typed = [[[kind(entry) for entry in row] for row in table] for table in (x, y)]
    assert outcome(*typed, loss, dtype) == expected
    assert outcome(*map(np.array, typed), loss, dtype) == expected
    assert outcome(*(tuple(map(tuple, table)) for table in typed), loss, dtype) == expected


@pytest.mark.parametrize("batch_size", [None, 4])
def test_float64_enters_a_float32_network_once(batch_size):
    """float64 data train a float32 network as the same data rounded beforehand, and
    learning rates of NumPy promote nothing.
    """
    expected = outcome(
        X.astype("float32"), VALUES.astype("float32"), dtype="float32", batch_size=batch_size
    )
    assert (
        outcome(X, VALUES, dtype="float32", batch_size=batch_size, lr=np.float64(0.1)) == expected
    )
    assert (
        outcome(
            X, VALUES, dtype="float32", batch_size=batch_size, schedule=lambda lr, _: np.float64(lr)
        )
        == expected
    )


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


FORMS = {
    "every third column": lambda array: np.repeat(array, 3, axis=-1)[..., ::3],
    "every other row": lambda array: np.repeat(array, 2, axis=0)[::2],
    "reversed": lambda array: array[::-1].copy()[::-1],
    "columns first": np.asfortranarray,
    "read-only": read_only,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "list": lambda array: array.tolist(),
}


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("loss", GOOD)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_an_array_trains_the_same_bits(form, loss, batch_size):
    """Non-contiguous, read-only and big-endian arrays and lists train as the plain
    array, and are not written into.
    """
    _, x, y = GOOD[loss]
    assert outcome(form(x), form(y), loss, batch_size=batch_size) == outcome(
        x, y, loss, batch_size=batch_size
    )


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("loss", GOOD)
def test_array_on_disk_trains_the_same_bits(tmp_path, loss, batch_size):
    """Arrays mapped from disk, read-only, train as the plain array."""
    _, x, y = GOOD[loss]
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    disk = [np.load(tmp_path / name, mmap_mode="r") for name in ("x.npy", "y.npy")]
    assert outcome(*disk, loss, batch_size=batch_size) == outcome(x, y, loss, batch_size=batch_size)
