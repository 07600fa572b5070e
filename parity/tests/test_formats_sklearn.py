"""Weights of scikit-learn's MLPClassifier and MLPRegressor in a network and back, bit
for bit; and what scikit-learn computes with them, layer by layer within bounds.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import refnet
from parity.tests.forward_records import forward_record, forward_results, with_wrong
from refnet.formats import from_sklearn, to_sklearn

# BLAS libraries leave flags for lanes that they throw away; scikit-learn heeds them
pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in matmul:RuntimeWarning")

ROWS, WIDTH = 11, 5
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
LABELS = {
    "two classes": ("logistic", np.array(["no", "yes"])),
    "three classes": ("softmax", np.array(["a", "b", "c"])),
    "several labels": ("logistic", None),
}
in_both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
every_hidden = pytest.mark.parametrize("hidden", [(3, 7), (1,), ()], ids=str)


def data(dtype):
    """x, (n, 5)."""
    return np.random.default_rng(1).normal(0.0, 2.0, (ROWS, WIDTH)).astype(dtype)


def classifier(kind, activation, hidden, dtype):
    """A fitted MLPClassifier, and the activation of its output."""
    output, labels = LABELS[kind]
    estimator = MLPClassifier(hidden_layer_sizes=hidden, activation=activation, random_state=2)
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, (ROWS, 3)) if labels is None else rng.choice(labels, ROWS)
    classes = np.arange(3) if labels is None else labels
    return estimator.partial_fit(data(dtype), y, classes=classes), output


def regressor(outputs, activation, hidden, dtype):
    """A fitted MLPRegressor."""
    y = np.random.default_rng(3).normal(size=(ROWS, outputs)).astype(dtype)
    estimator = MLPRegressor(hidden_layer_sizes=hidden, activation=activation, random_state=2)
    return estimator.partial_fit(data(dtype), y if outputs > 1 else y[:, 0])


def same_arrays(estimator, net):
    """Whether the network has the bits of the estimator."""
    return all(
        layer.W.T.tobytes() == W.tobytes() and layer.b.tobytes() == b.tobytes()
        for layer, W, b in zip(net.layers, estimator.coefs_, estimator.intercepts_, strict=True)
    )


def z_and_a(net, activation, x):
    """Every z and hidden a as scikit-learn computes them: the outputs of regressors
    that have the layers below alone, and of these with an identity on top.
    """
    for l, layer in enumerate(net.layers, start=1):
        below = net.layers[: l - 1]
        z = refnet.Network([*below, refnet.Dense(layer.W, layer.b, "identity")])
        eye = np.eye(layer.fan_out, dtype=net.dtype)
        top = refnet.Dense(eye, np.zeros_like(eye[0]), "identity")
        a = refnet.Network([*net.layers[:l], top])
        last = l == len(net.layers)
        yield predicted(z, activation, x), None if last else predicted(a, activation, x)


def predicted(net, activation, x):
    """What an MLPRegressor with the weights of the network predicts, (n, k)."""
    estimator = regressor(net.sizes[-1], activation, net.sizes[1:-1], net.dtype)
    return to_sklearn(net, estimator).predict(x).reshape(len(x), -1)


def probabilities(estimator, x):
    """predict_proba; of two classes, that of the second."""
    a = estimator.predict_proba(x)
    two = estimator.out_activation_ == "logistic" and estimator.n_outputs_ == 1
    return a[:, 1:] if two else a


@in_both_dtypes
@every_hidden
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", LABELS)
def test_a_classifier_is_the_same_network(kind, activation, hidden, dtype):
    """The same bits; every z and a of scikit-learn within its bound, a wrong one
    refused; and the same labels.
    """
    (estimator, output), x = classifier(kind, activation, hidden, dtype), data(dtype)
    net = from_sklearn(estimator)
    assert same_arrays(estimator, net)
    assert net.dtype == dtype
    names = {"logistic": "sigmoid"}
    expected = [names.get(f, f) for f in (*[activation] * len(hidden), output)]
    assert [layer.activation.name for layer in net.layers] == expected
    *pairs, (z, _) = z_and_a(net, activation, x)
    record = forward_record(net, x, [*pairs, (z, probabilities(estimator, x))])
    results = forward_results(record)
    assert [str(result) for result in results if result.status != "passed"] == []
    assert forward_results(with_wrong(record, results[-1]))[-1].broken
    if LABELS[kind][1] is not None:
        assert (estimator.classes_[net.classify(x)] == estimator.predict(x)).all()


@in_both_dtypes
@every_hidden
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_regressor_is_the_same_network(activation, outputs, hidden, dtype):
    """Likewise; its output is the last z."""
    estimator, x = regressor(outputs, activation, hidden, dtype), data(dtype)
    net = from_sklearn(estimator)
    assert same_arrays(estimator, net)
    *pairs, (z, _) = z_and_a(net, activation, x)
    prediction = estimator.predict(x).reshape(len(x), -1)
    results = forward_results(forward_record(net, x, [*pairs, (z, prediction)]))
    assert [str(result) for result in results if result.status != "passed"] == []


@in_both_dtypes
def test_weights_go_both_ways(dtype):
    """Another network's, with zeros, subnormal and huge numbers, into an estimator and
    back; its arrays stay the same objects.
    """
    estimator, _ = classifier("three classes", "tanh", (3, 7), dtype)
    net = refnet.mlp([WIDTH, 3, 7, 3], "tanh", seed=8, dtype=dtype)
    info = np.finfo(dtype)
    net.parameters[:4] = [-0.0, info.smallest_subnormal, info.max, info.tiny]
    arrays = [*estimator.coefs_, *estimator.intercepts_]
    assert to_sklearn(net, estimator) is estimator
    assert same_arrays(estimator, net)
    now = [*estimator.coefs_, *estimator.intercepts_]
    assert all(one is other for one, other in zip(arrays, now, strict=True))
    assert from_sklearn(estimator).parameters.tobytes() == net.parameters.tobytes()


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_scikit_learn_goes_on_from_what_is_written(solver):
    """A training whose steps are too small to change anything ends where it started."""
    estimator = MLPRegressor(
        hidden_layer_sizes=(3,), solver=solver, learning_rate_init=1e-300, random_state=2
    )
    x, y = data("float64"), np.arange(float(ROWS))
    estimator.partial_fit(x, y)
    net = refnet.mlp([WIDTH, 3, 1], "relu", "identity", seed=8)
    assert same_arrays(to_sklearn(net, estimator).partial_fit(x, y), net)


def test_a_frame_s_columns_come_along():
    """What was fitted on a frame refuses other columns, in both libraries."""
    frame = pd.DataFrame(data("float64"), columns=list("abcde"))
    estimator = MLPRegressor(hidden_layer_sizes=(3,), random_state=2)
    estimator.partial_fit(frame, np.arange(float(ROWS)))
    net = from_sklearn(estimator)
    assert net.columns == tuple("abcde")
    assert net.predict(frame).shape == (ROWS, 1)
    with pytest.raises(ValueError, match=r"column"):
        net.predict(frame[list("edcba")])


def test_what_is_no_fitted_estimator_is_refused():
    """One that was not fitted, and a pipeline around one."""
    with pytest.raises(TypeError, match=r"^from_sklearn: MLPRegressor has no coefs_, expected a"):
        from_sklearn(MLPRegressor())
    pipeline = make_pipeline(StandardScaler(), regressor(1, "tanh", (3,), "float64"))
    with pytest.raises(TypeError, match=r"^from_sklearn: Pipeline has no coefs_, expected a"):
        from_sklearn(pipeline)
