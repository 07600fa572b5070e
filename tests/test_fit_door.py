"""What people give to `fit`: labels of other kinds, sparse matrices, frames with named
columns, targets without a column of their own, a learning rate beside a name.

Stand-ins have what refnet looks for: pandas and SciPy are not needed here.
"""

import re

import numpy as np
import pytest

import refnet
from refnet.forms import accumulated, graph, loops

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
