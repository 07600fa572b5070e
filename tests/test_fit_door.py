"""What people give to `fit`: labels of other kinds, sparse matrices, frames with named
columns, targets without a column of their own, a learning rate beside a name.

Stand-ins have what refnet looks for: pandas and SciPy are not needed here.
"""

import re

import numpy as np
import pytest

import refnet
from refnet.forms import accumulated, graph, loops
from refnet.optimizers import OPTIMIZERS

RNG = np.random.default_rng(5)
X = RNG.standard_normal((6, 3))
VALUES, LABELS = RNG.standard_normal((6, 2)), np.array([0, 1, 1, 0, 1, 0])
IRIS = np.array(["setosa", "virginica"])[LABELS]
NUMBERED = "return_inverse=True)"


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


def network(output="identity", width=2):
    return refnet.mlp([3, 5, width], hidden="tanh", output=output)


def doors_of_x(net, x):
    """Every way in that takes x, for a network that reads values."""
    return [
        lambda: refnet.fit(net, x, VALUES, loss="mse", optimizer="sgd", epochs=1),
        lambda: net.forward(x),
        lambda: net.predict(x),
        lambda: net.classify(x),
        lambda: net.accuracy(x, LABELS),
        lambda: net.loss_and_gradients(x, VALUES, "mse"),
        lambda: refnet.gradient_check(net, x, VALUES, "mse"),
        lambda: refnet.explain(net, x, VALUES, "mse", lr=0.1),
        *(
            lambda form=form: form(net, x, VALUES, "half_squared_error")
            for form in (loops.gradient, accumulated.gradient, graph.gradient)
        ),
    ]


class Sparse:
    """A sparse matrix as SciPy has it: NumPy makes an array of one object of it."""

    def __init__(self, array):
        self._array = array

    def toarray(self):
        """The array."""
        return self._array


class csr_matrix(Sparse):
    """One that is known by what it turns into."""

    def tocsr(self):
        """Itself."""
        return self


class coo_array(Sparse):
    """One that is known by what it counts."""

    nnz = 1


@pytest.mark.parametrize("kind", [csr_matrix, coo_array])
def test_sparse_x_is_refused_at_every_door(kind):
    """The sentence says how to make a dense array of it, which is taken; as validation
    it says where.
    """
    net, x = network(), kind(X)
    before = net.parameters.copy()
    sentence = (
        f"Dense 1 (W 5x3): input is sparse ({kind.__name__}), expected a dense array: x.toarray()"
    )
    for door in doors_of_x(net, x):
        with refuses(TypeError, sentence):
            door()
    settings = {"loss": "mse", "optimizer": "sgd", "epochs": 1}
    with refuses(TypeError, f"validation: {sentence}"):
        refnet.fit(net, X, VALUES, **settings, validation=(x, VALUES))
    assert net.parameters.tobytes() == before.tobytes()
    assert net.predict(x.toarray()).tobytes() == net.predict(X).tobytes()


def test_sparse_targets_are_refused_by_their_own_name():
    """Targets that came sparse, as one-hot rows do, are told to be made dense."""
    for loss, output in (("mse", "identity"), ("cross_entropy", "softmax")):
        where = type(refnet.losses.LOSSES[loss]()).__name__
        with refuses(
            TypeError,
            f"{where}: y is sparse (csr_matrix), expected a dense array: y.toarray()",
        ):
            network(output).loss_and_gradients(X, csr_matrix(np.eye(2)[LABELS]), loss)


TEXTS = {
    "text": (IRIS, "<U9"),
    "bytes": (IRIS.astype("S"), "|S9"),
    "list": (IRIS.tolist(), "<U9"),
    "objects": (IRIS.astype(object), "object"),
    "objects and none": (np.array([None, *IRIS[1:]], object), "object"),
}


@pytest.mark.parametrize(("y", "dtype"), TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(
    ("loss", "output", "width", "last"),
    [
        ("cross_entropy", "softmax", 4, 3),
        ("softmax_cross_entropy", "identity", 2, 1),
        ("binary_cross_entropy", "sigmoid", 1, 1),
        ("sigmoid_cross_entropy", "identity", 1, 1),
    ],
)
def test_text_labels_are_told_how_to_be_numbered(loss, output, width, last, y, dtype):
    """Names of classes are refused with the line that numbers them."""
    where = type(refnet.losses.LOSSES[loss]()).__name__
    with refuses(
        TypeError,
        f"{where}: y has labels of dtype {dtype}, expected integers 0 to {last}: "
        f"classes, y = numpy.unique(y, {NUMBERED}",
    ):
        refnet.fit(network(output, width), X, y, loss=loss, optimizer="sgd", epochs=1)


def test_the_line_that_numbers_labels_is_right():
    """What the sentence says to do trains."""
    classes, y = np.unique(IRIS, return_inverse=True)
    net = network("softmax")
    refnet.fit(net, X, y, loss="cross_entropy", optimizer="adam", epochs=1)
    assert {*classes[net.classify(X)]} <= {"setosa", "virginica"}


def test_text_is_refused_where_labels_are_taken():
    """Accuracy, one_hot and the perceptron say the same, with the name they know it
    by; where numbers are wanted, text is no label.
    """
    numbered = f"expected integers 0 to 1: classes, labels = numpy.unique(labels, {NUMBERED}"
    with refuses(TypeError, f"accuracy: labels has labels of dtype <U9, {numbered}"):
        network().accuracy(X, IRIS)
    with refuses(TypeError, f"one_hot: labels has labels of dtype <U9, {numbered}"):
        refnet.one_hot(IRIS, 2)
    with refuses(TypeError, "MSE: y has dtype <U9, expected real numbers"):
        network().loss_and_gradients(X, np.stack([IRIS, IRIS], axis=1), "mse")
    with refuses(TypeError, "BinaryCrossEntropy: y has dtype <U9, expected real numbers"):
        network("sigmoid").loss_and_gradients(X, IRIS, "binary_cross_entropy")
    with refuses(TypeError, "CrossEntropy: y has dtype object, expected real numbers"):
        network("softmax").loss_and_gradients(X, [None] * 6, "cross_entropy")


@pytest.mark.parametrize(
    ("y", "remedy"),
    [
        (LABELS * 1.0, ": y.astype(int)"),
        (LABELS.astype("float32"), ": y.astype(int)"),
        (LABELS + 0.5, ""),
        (np.where(LABELS == 1, np.nan, 0.0), ""),
        (np.where(LABELS == 1, np.inf, 0.0), ""),
    ],
    ids=["integers", "float32", "halves", "nan", "inf"],
)
def test_float_labels_that_are_integers_are_told_so(y, remedy):
    """Labels in floats are refused; where they are integers, with the cast, which
    trains.
    """
    settings = {"loss": "softmax_cross_entropy", "optimizer": "sgd", "epochs": 1}
    with refuses(
        TypeError,
        f"SoftmaxCrossEntropy: y has labels of dtype {y.dtype}, expected integers{remedy}",
    ):
        refnet.fit(network(), X, y, **settings)
    if remedy:
        net, other = network(), network()
        assert refnet.fit(net, X, y.astype(int), **settings) == refnet.fit(
            other, X, LABELS, **settings
        )


COLUMNS = {
    "mse": ("identity", VALUES[:, 0]),
    "half_squared_error": ("identity", VALUES[:, 0]),
    "mae": ("identity", VALUES[:, 0]),
    "binary_cross_entropy": ("sigmoid", LABELS),
    "sigmoid_cross_entropy": ("identity", LABELS),
}
FORMS = {
    "array": lambda y: y,
    "list": lambda y: y.tolist(),
    "float32": lambda y: y.astype("float32"),
    "every other entry": lambda y: np.repeat(y, 2)[::2],
    "big-endian": lambda y: y.astype(y.dtype.newbyteorder(">")),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("loss", "output", "y"), [(k, *v) for k, v in COLUMNS.items()])
def test_targets_of_one_output_need_no_column(loss, output, y, form):
    """In fit, y (n,) trains and is judged as y (n, 1), and callbacks see it so."""
    given, shapes = form(y), []
    column = np.asarray(given)[:, np.newaxis]
    nets = [network(output, width=1) for _ in range(2)]
    settings = {"loss": loss, "optimizer": "adam", "epochs": 2, "batch_size": 4}
    one, other = (
        refnet.fit(
            net,
            X,
            targets,
            validation=(X, targets),
            on_step=lambda step: shapes.append(step.y.shape),
            **settings,
        )
        for net, targets in zip(nets, (given, column), strict=True)
    )
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
    assert one == other
    assert {*shapes} == {(4, 1), (2, 1)}


@pytest.mark.parametrize("loss", COLUMNS)
def test_the_network_and_the_loss_still_want_a_column(loss):
    """fit alone reads y (n,) as (n, 1): a product of (n, 1) with (n,) would be (n,
    n).
    """
    output, y = COLUMNS[loss]
    net, one = network(output, width=1), refnet.losses.LOSSES[loss]()
    sentence = f"{one}: y has shape (6,), expected (6, 1)"
    for door in (
        lambda: net.loss_and_gradients(X, y, loss),
        lambda: net.backward(net.forward(X), loss, y),
        lambda: refnet.gradient_check(net, X, y, loss),
        lambda: refnet.explain(net, X, y, loss, lr=0.1),
    ):
        with refuses(ValueError, sentence):
            door()
    for method in (one.value, one.gradient):
        with refuses(
            ValueError,
            f"{one}: prediction (6, 1) and y (6,) differ in shape; refusing to broadcast",
        ):
            method(net.predict(X), y)


NO_COLUMN = {
    "two outputs": ("mse", "identity", 2, VALUES[:, 0], "MSE: y has shape (6,), expected (6, 2)"),
    "rows": ("mse", "identity", 1, VALUES[:5, 0], "MSE: y has shape (5,), expected (6, 1)"),
    "nan": (
        "mse",
        "identity",
        1,
        np.full(6, np.nan),
        "MSE: y has nan at row 0, column 0, expected finite values",
    ),
    "ragged": (
        "mse",
        "identity",
        1,
        [[1.0], []],
        "MSE: y has rows of different lengths, expected a rectangular array",
    ),
    "masked": (
        "mse",
        "identity",
        1,
        np.ma.masked_equal(np.arange(6.0), 2.0),
        "MSE: y has masked entries, expected every entry given",
    ),
    "labels": (
        "cross_entropy",
        "sigmoid",
        1,
        LABELS,
        "CrossEntropy: y has label 1 at row 1, expected 0 to 0",
    ),
}


@pytest.mark.parametrize(
    ("loss", "output", "width", "y", "sentence"), NO_COLUMN.values(), ids=NO_COLUMN
)
def test_what_is_no_column_is_refused_as_it_is(loss, output, width, y, sentence):
    """Of other lengths, for several outputs, or as labels, y (n,) stays what it was."""
    net = network(output, width)
    with refuses(ValueError, sentence):
        refnet.fit(net, X, y, loss=loss, optimizer="sgd", epochs=1)


def test_a_column_on_disk_is_read_from_there(tmp_path):
    """A memory-mapped y (n,) trains as the array."""
    disk = np.memmap(tmp_path / "y", dtype="float64", mode="w+", shape=6)
    disk[:] = VALUES[:, 0]
    nets = [network(width=1) for _ in range(2)]
    settings = {"loss": "mse", "optimizer": "sgd", "epochs": 2, "batch_size": 4}
    one, other = (
        refnet.fit(net, X, y, **settings) for net, y in zip(nets, (disk, VALUES[:, 0]), strict=True)
    )
    assert one == other


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_learning_rate_stands_beside_a_name(name):
    """The optimizer is made with it, and else with its defaults."""
    nets = [network() for _ in range(2)]
    settings = {"loss": "mse", "epochs": 3, "batch_size": 4, "schedule": refnet.StepLR(1, 0.5)}
    by_name = refnet.fit(nets[0], X, VALUES, optimizer=name, lr=0.03125, **settings)
    as_object = OPTIMIZERS[name](lr=0.03125)
    assert by_name == refnet.fit(nets[1], X, VALUES, optimizer=as_object, **settings)
    assert by_name.lr == [0.03125, 0.03125 / 2, 0.03125 / 4]
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


@pytest.mark.parametrize(
    ("optimizer", "lr", "kind", "sentence"),
    [
        (
            refnet.SGD(),
            0.5,
            ValueError,
            f"fit: lr has 0.5, expected None with {refnet.SGD()!r}, which has its own",
        ),
        ("adam", -0.5, ValueError, "Adam: lr has -0.5, expected a finite number >= 0"),
        ("sgd", "0.5", TypeError, "SGD: lr has type str, expected a number"),
        ("sgd", True, TypeError, "SGD: lr has type bool, expected a number"),
    ],
)
def test_a_learning_rate_that_does_not_fit_is_refused(optimizer, lr, kind, sentence):
    """An object has its own; a rate out of range is refused by the optimizer."""
    net = network()
    before = net.parameters.copy()
    with refuses(kind, sentence):
        refnet.fit(net, X, VALUES, loss="mse", optimizer=optimizer, lr=lr, epochs=1)
    assert net.parameters.tobytes() == before.tobytes()
