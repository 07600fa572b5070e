"""What the formats refuse, and estimators by their attributes alone: neither onnx nor
scikit-learn is needed for it.
"""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import refnet
from refnet.formats import from_sklearn, to_onnx, to_sklearn


class Swish(refnet.Tanh):
    """An activation of one's own, under another's name."""


class Nameless(refnet.Elementwise):
    """One without a name."""

    def value(self, z):
        """a = z."""
        return z

    def derivative(self, z, a):
        """f' = 1."""
        return np.ones_like(z)

    def __repr__(self):
        return "Nameless()"


def estimator(activation="tanh", output="logistic", dtype="float64", sizes=(2, 3, 1)):
    """What has the attributes of a fitted MLPClassifier."""
    net = refnet.mlp(sizes, seed=5, dtype=dtype)
    return SimpleNamespace(
        coefs_=[layer.W.T.copy() for layer in net.layers],
        intercepts_=[layer.b.copy() for layer in net.layers],
        activation=activation,
        out_activation_=output,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("activation", "names"),
    [
        ("logistic", ["sigmoid", "sigmoid", "softmax"]),
        (refnet.LeakyReLU(0.2), ["leaky_relu", "leaky_relu", "softmax"]),
        (["tanh", refnet.ReLU()], ["tanh", "relu", "softmax"]),
        (("logistic", "identity"), ["sigmoid", "identity", "softmax"]),
    ],
)
def test_an_estimator_is_read_by_its_attributes(activation, names, dtype):
    """Weights to the bit, and an activation for all hidden layers or one for each."""
    given = estimator(activation, "softmax", dtype, (2, 3, 5, 2))
    net = from_sklearn(given)
    assert (
        net.parameters.tobytes()
        == refnet.mlp((2, 3, 5, 2), seed=5, dtype=dtype).parameters.tobytes()
    )
    assert [layer.activation.name for layer in net.layers] == names
    other = net.copy()
    other.parameters[:] = np.arange(other.parameters.size)
    assert from_sklearn(to_sklearn(other, given)).parameters.tobytes() == other.parameters.tobytes()


@pytest.mark.parametrize("name", ["coefs_", "intercepts_", "activation", "out_activation_"])
def test_what_is_no_fitted_estimator_is_refused(name):
    """It must have all four attributes."""
    given = estimator()
    delattr(given, name)
    sentence = f"SimpleNamespace has no {name}, expected a fitted MLP of scikit-learn$"
    with pytest.raises(TypeError, match=f"^from_sklearn: {sentence}"):
        from_sklearn(given)
    with pytest.raises(TypeError, match=f"^to_sklearn: {sentence}"):
        to_sklearn(refnet.mlp([2, 3, 1]), given)


def test_an_activation_that_a_network_lacks_is_refused():
    """The output of MLPRegressor(loss="poisson") is exp(z)."""
    with pytest.raises(ValueError, match=r"^activation: name has 'exp', expected one of identity"):
        from_sklearn(estimator(output="exp"))


NET = refnet.mlp([2, 3, 1], "tanh", "sigmoid", seed=6)
UNBIASED = refnet.mlp([2, 3, 1], "tanh", "sigmoid", bias=False)


def read_only():
    given = estimator()
    given.intercepts_[1].flags.writeable = False
    return given


@pytest.mark.parametrize(
    ("net", "given", "error", "sentence"),
    [
        (NET, estimator("relu"), ValueError, r"net has the activations \[Tanh\(\), Si"),
        (NET, estimator(sizes=(2, 5, 1)), ValueError, r"net has \(2, 3\) for coefs_\[0\], exp"),
        (NET, estimator(sizes=(3, 2, 1)), ValueError, r"net has \(2, 3\) for coefs_\[0\], exp"),
        (NET, estimator(sizes=(2, 3, 3, 1)), ValueError, "net has the activations"),
        (NET, estimator(dtype="float32"), TypeError, r"net has float64 for coefs_\[0\], exp"),
        (NET, read_only(), ValueError, r"intercepts_\[1\] is read-only, expected an array to"),
        (UNBIASED, estimator(), ValueError, "layer 1 has no biases, expected them"),
        ([], estimator(), TypeError, "net has type list, expected Network"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(net, given, error, sentence):
    """Every array is looked at before the first is written."""
    arrays = [*given.coefs_, *given.intercepts_]
    before = [array.copy() for array in arrays]
    with pytest.raises(error, match=f"^to_sklearn: {sentence}"):
        to_sklearn(net, given)
    assert all((now == then).all() for now, then in zip(arrays, before, strict=True))


@pytest.mark.parametrize("f", [Swish(), Nameless()], ids=repr)
def test_an_activation_of_one_s_own_has_no_operator(f):
    """A subclass may compute anything, whatever its name is."""
    net = refnet.Network([refnet.Dense([[1.0]], [0.0], f)])
    sentence = f"to_onnx: activation has {f!r}, expected one of identity, heaviside, sigmoid"
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}"):
        to_onnx(net)


def test_what_is_no_network_has_no_graph():
    """Nor has a list of layers."""
    with pytest.raises(TypeError, match=r"^to_onnx: net has type list, expected Network$"):
        to_onnx([refnet.Dense([[1.0]], [0.0])])


def test_what_onnx_itself_lacks_is_told_as_it_is(monkeypatch):
    """A module of another name is missing: installing onnx again would not help."""

    def fail(name):
        raise ModuleNotFoundError("No module named 'google'", name="google")

    monkeypatch.setattr("refnet.formats.onnx.import_module", fail)
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'google'$"):
        to_onnx(NET)


@pytest.mark.parametrize("path", [1, True, b"net.onnx"])
def test_what_is_no_path_is_refused(path):
    """Python opens 1, the standard output, as a file."""
    sentence = f"^to_onnx: path has type {type(path).__name__}, expected a path$"
    with pytest.raises(TypeError, match=sentence):
        to_onnx(NET, path)
