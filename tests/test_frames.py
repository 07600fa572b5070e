"""Frames as x: the network remembers the columns that it was fitted with, and refuses
others. A stand-in has what pandas and Polars have; neither is needed.
"""

import copy
import pickle
import re

import numpy as np
import pytest

import refnet
from refnet.forms import loops

RNG = np.random.default_rng(8)
X, Y, LABELS = RNG.standard_normal((6, 3)), RNG.standard_normal((6, 2)), np.arange(6) % 2
INPUT = "Dense 1 (W 5x3): input"


class Frame:
    """Named columns over an array, as pandas has them, without what NumPy asks for."""

    def __init__(self, array, columns):
        self._array, self.columns = np.asarray(array), list(columns)

    def to_numpy(self):
        """The array."""
        return self._array

    def __getitem__(self, columns):
        places = [self.columns.index(name) for name in columns]
        return Frame(self._array[:, places], columns)


class Series:
    """One column, as pandas has it."""

    def __init__(self, array):
        self._array, self.shape, self.ndim = array, array.shape, array.ndim

    def __len__(self):
        return len(self._array)

    def to_numpy(self):
        """The array."""
        return self._array

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._array, dtype)


def refuses(sentence):
    return pytest.raises(ValueError, match=f"^{re.escape(sentence)}$")


def network(**settings):
    return refnet.mlp([3, 5, 2], hidden="tanh", output="identity", **settings)


def fitted(x, net=None, **settings):
    net = network() if net is None else net
    given = {"loss": "mse", "optimizer": "adam", "epochs": 2, "batch_size": 4, **settings}
    return net, refnet.fit(net, x, Y, **given)


def doors(net, x):
    """Every way in that takes x."""
    return [
        lambda: fitted(x, net),
        lambda: fitted(x, net, validation=(x, Y)),
        lambda: net.forward(x),
        lambda: net.predict(x),
        lambda: net.classify(x),
        lambda: net.accuracy(x, LABELS),
        lambda: net.loss_and_gradients(x, Y, "mse"),
        lambda: refnet.gradient_check(net, x, Y, "mse"),
        lambda: refnet.explain(net, x, Y, "mse", lr=0.1),
        lambda: loops.gradient(net, x, Y, "half_squared_error"),
    ]


FRAME = Frame(X, "abc")


def test_a_frame_trains_as_its_array():
    """The same bits at every door, before and after its columns are remembered."""
    net, history = fitted(FRAME, validation=(FRAME, Y))
    plain, expected = fitted(X, validation=(X, Y))
    assert history == expected
    assert net.columns == ("a", "b", "c")
    assert plain.columns is None
    for one in (net, plain):
        assert one.predict(FRAME).tobytes() == one.predict(X).tobytes()
        assert one.loss_and_gradients(FRAME, Y, "mse")[0] == one.loss_and_gradients(X, Y, "mse")[0]
        assert one.accuracy(FRAME, LABELS) == one.accuracy(X, LABELS)
    for door in doors(net, FRAME):
        door()


DIFFERENT = {
    "another order": (
        FRAME["acb"],
        "has 'c' as column 1, expected 'b' as in fit: x[list(net.columns)]",
    ),
    "one more": (
        Frame(np.ones((6, 4)), "abcd"),
        "has 'd' as column 3, expected 3 columns as in fit: x[list(net.columns)]",
    ),
    "one more between": (
        Frame(np.ones((6, 4)), "axbc"),
        "has 'x' as column 1, expected 'b' as in fit: x[list(net.columns)]",
    ),
    "another one": (
        Frame(X, "axc"),
        "has 'x' as column 1, expected 'b' as in fit; it has no column 'b'",
    ),
    "one less": (
        FRAME["ab"],
        "has 2 columns, expected 'c' as column 2 as in fit; it has no column 'c'",
    ),
    "none": (
        Frame(np.ones((6, 0)), ""),
        "has 0 columns, expected 'a' as column 0 as in fit; it has no column 'a'",
    ),
    "numbers": (
        Frame(X, range(3)),
        "has 0 as column 0, expected 'a' as in fit; it has no column 'a'",
    ),
    "none for a name": (
        Frame(X, ["a", "b", None]),
        "has None as column 2, expected 'c' as in fit; it has no column 'c'",
    ),
}


@pytest.mark.parametrize(("x", "sentence"), DIFFERENT.values(), ids=DIFFERENT)
def test_other_columns_are_refused_at_every_door(x, sentence):
    """The first column that differs is named, with what to do; nothing changes, and
    plain arrays are taken as before.
    """
    net, _ = fitted(FRAME)
    before = net.parameters.tobytes(), net.columns
    for door in doors(net, x):
        with refuses(f"{INPUT} {sentence}"):
            door()
    with refuses(f"validation: {INPUT} {sentence}"):
        fitted(X, net, validation=(x, Y))
    assert (net.parameters.tobytes(), net.columns) == before
    assert fitted(X, net)[0].columns == net.columns == ("a", "b", "c")


def test_what_the_sentence_says_to_do_is_right():
    """The columns in the order of fit give what the frame gave."""
    net, _ = fitted(FRAME)
    other = FRAME["cab"]
    assert net.predict(other[list(net.columns)]).tobytes() == net.predict(FRAME).tobytes()


def test_validation_has_the_columns_of_the_training():
    """Also at the first fit, where the network knows none yet; and when it is refused
    the network remembers nothing.
    """
    net = network()
    with refuses(
        f"validation: {INPUT} has 'c' as column 0, expected 'a' as in fit: x[list(net.columns)]"
    ):
        fitted(FRAME, net, validation=(FRAME["cab"], Y))
    assert net.columns is None
    fitted(FRAME, net, validation=(X, Y))
    assert net.columns == ("a", "b", "c")
    other, _ = fitted(X, validation=(FRAME, Y))
    assert other.columns is None


@pytest.mark.parametrize(
    "settings",
    [{"epochs": 0}, {"loss": "cross_entropy"}, {"schedule": 3}, {"stop": 3}, {"lr": -1.0}],
    ids=str,
)
def test_a_fit_that_is_refused_leaves_no_columns(settings):
    """Nothing is remembered of it, and an older memory stays."""
    net = network()
    with pytest.raises((ValueError, TypeError), match=r"has|reads"):
        fitted(FRAME, net, **settings)
    assert net.columns is None


def test_an_optimizer_of_another_network_leaves_no_columns():
    """It is refused last of all."""
    optimizer = refnet.Adam()
    fitted(FRAME, optimizer=optimizer)
    other = network()
    with pytest.raises(ValueError, match=r"^Adam: got another network"):
        fitted(FRAME, other, optimizer=optimizer)
    assert other.columns is None


COPIES = {
    "copy": lambda net: net.copy(),
    "copy.copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "astype": lambda net: net.astype("float32"),
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),  # noqa: S301 - our own bytes
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_columns_come_along(copied):
    """Every copy remembers them, and a network without any none."""
    net, _ = fitted(FRAME)
    assert copied(net).columns == ("a", "b", "c")
    assert copied(network()).columns is None
    with refuses(f"{INPUT} has 'b' as column 0, expected 'a' as in fit: x[list(net.columns)]"):
        copied(net).predict(FRAME["bac"])


def test_columns_can_be_set_and_forgotten():
    """None forgets them; other names are for as many inputs as there are."""
    net, _ = fitted(FRAME)
    net.columns = None
    assert fitted(FRAME["cab"], net)[0].columns == ("c", "a", "b")
    net.columns = ["x", "y", "z"]
    assert net.columns == ("x", "y", "z")
    for names, shown in ((["x"], "1 name"), ("xyz", "'xyz'"), (5, "5")):
        with refuses(
            f"Network: columns has {shown}, expected a name for each of 3 inputs, or None"
        ):
            net.columns = names
    assert net.columns == ("x", "y", "z")


def test_a_frame_that_does_not_fit_is_refused_as_its_array():
    """What a frame holds is checked like any array."""
    with refuses(f"{INPUT} has shape (6, 2), expected (n, 3)"):
        fitted(FRAME["ab"])
    with pytest.raises(TypeError, match=re.escape(f"{INPUT} has dtype object, expected real")):
        fitted(Frame(X.astype(object), "abc"))


def test_targets_may_be_a_series():
    """Labels, and values of one output, train as their arrays."""
    for y, width, loss in ((LABELS, 2, "softmax_cross_entropy"), (Y[:, 0], 1, "mse")):
        nets = [refnet.mlp([3, width], output="identity") for _ in range(2)]
        one, other = (
            refnet.fit(net, X, targets, loss=loss, optimizer="sgd", epochs=2, batch_size=4)
            for net, targets in zip(nets, (Series(y), y), strict=True)
        )
        assert one == other
        assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


class NumbersOfRows(Series):
    """A series whose square brackets go by the labels of its rows, as those of pandas
    do.
    """

    def __getitem__(self, rows):
        raise KeyError(rows)


def test_a_series_is_not_asked_by_its_row_labels():
    """Rows are taken from the array, in its own order."""
    assert (
        fitted(X, sample_weight=NumbersOfRows(np.ones(6)))[1]
        == (fitted(X, sample_weight=np.ones(6))[1])
    )
    net = refnet.mlp([3, 1], output="identity")
    settings = {"loss": "mse", "optimizer": "sgd", "epochs": 1, "batch_size": 2}
    assert len(refnet.fit(net, X, NumbersOfRows(Y[:, 0]), **settings).epochs) == 1
