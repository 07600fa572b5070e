"""scikit-learn's MLPClassifier and MLPRegressor: their weights in a network, and back.
It needs no scikit-learn: what an estimator has is read off its public attributes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from refnet.activations import Activation
from refnet.building import activations_of
from refnet.checks import Array, instance
from refnet.layer import Dense
from refnet.network import Network


def from_sklearn(estimator: Any) -> Network:
    """A network of copies of a fitted estimator's weights, with its activations: its
    `predict` is what predict_proba of a classifier and predict of a regressor give.
    Where they are of two classes, it is the probability of the second.

    The estimator is scikit-learn's MLPClassifier or MLPRegressor, or another that has
    coefs_, intercepts_, activation and out_activation_. If it was fitted on a frame,
    the network has its columns.

    Shapes: W (fan_out, fan_in) is coefs_[l].T, b (fan_out,) is intercepts_[l].
    Torch: parity.twin(from_sklearn(estimator)).
    Errors: TypeError for what is no fitted estimator; ValueError for an activation that
        a network does not have, such as the exp of MLPRegressor(loss="poisson").
    Source: scikit-learn 1.9, sklearn.neural_network.MLPClassifier, Attributes.
    """
    f = _activations("from_sklearn", estimator)
    weights = zip(estimator.coefs_, estimator.intercepts_, f, strict=True)
    net = Network([Dense(np.asarray(W).T, np.asarray(b), each) for W, b, each in weights])
    net.columns = getattr(estimator, "feature_names_in_", None)
    return net


def to_sklearn(net: Network, estimator: Any) -> Any:
    """Write the network's weights into a fitted estimator of the same sizes and
    activations, in place; the estimator is returned.

    It must be fitted, if only by one partial_fit(x, y, classes=labels): a classifier
    also has labels, which no network knows, and they can be given to it in no other
    public way. Its counts, curves and the state of its optimizer stay those of its own
    training.

    Shapes: coefs_[l] (fan_in, fan_out) is W.T, intercepts_[l] (fan_out,) is b.
    Torch: parity.copy_to_torch(net, model).
    Errors: TypeError if net is no Network, the estimator is not fitted, or their dtypes
        differ; ValueError where sizes or activations differ, a layer has no biases, or
        an array of the estimator is read-only. Then nothing is written.
    Source: scikit-learn 1.9, sklearn.neural_network.MLPClassifier, Attributes.
    """
    layers = instance("to_sklearn", "net", net, Network).layers
    f = _activations("to_sklearn", estimator)
    if (mine := [layer.activation for layer in layers]) != f:
        raise ValueError(f"to_sklearn: net has the activations {mine}, expected {f}")
    pairs = [*_pairs(layers, estimator)]
    for name, array, given in pairs:
        _check_fits(name, array, given)
    for _, array, given in pairs:
        array[...] = given
    return estimator


# scikit-learn's name of what is a sigmoid here
_NAMES = {"logistic": "sigmoid"}


def _activations(where: str, estimator: Any) -> list[Activation]:
    """Those of every layer of a fitted estimator."""
    for name in ("coefs_", "intercepts_", "activation", "out_activation_"):
        if not hasattr(estimator, name):
            kind = type(estimator).__name__
            raise TypeError(f"{where}: {kind} has no {name}, expected a fitted MLP of scikit-learn")
    f = estimator.activation
    f = f.tolist() if isinstance(f, np.ndarray) else f
    hidden = [*map(_named, f)] if isinstance(f, Sequence) and not isinstance(f, str) else _named(f)
    layers = len(estimator.coefs_) - 1
    return activations_of(where, hidden, _named(estimator.out_activation_), layers)


def _named(f: Any) -> Any:
    return _NAMES.get(f, f) if isinstance(f, str) else f


def _pairs(layers: Sequence[Dense], estimator: Any) -> Iterator[tuple[str, Array, Array]]:
    """Every array of the estimator by its name, and what the network has for it."""
    arrays = zip(layers, estimator.coefs_, estimator.intercepts_, strict=True)
    for l, (layer, W, b) in enumerate(arrays):
        if layer.b is None:
            raise ValueError(f"to_sklearn: layer {l + 1} has no biases, expected them")
        yield f"coefs_[{l}]", W, layer.W.T
        yield f"intercepts_[{l}]", b, layer.b


def _check_fits(name: str, array: Array, given: Array) -> None:
    if array.shape != given.shape:
        raise ValueError(f"to_sklearn: net has {given.shape} for {name}, expected {array.shape}")
    if array.dtype != given.dtype:
        raise TypeError(
            f"to_sklearn: net has {given.dtype} for {name}, expected {array.dtype}: "
            f"net.astype('{array.dtype}')"
        )
    if not array.flags.writeable:
        raise ValueError(f"to_sklearn: {name} is read-only, expected an array to write into")
