"""The estimators' own part, without scikit-learn: what parameters may be, where weights
start, when training ends.
"""

import warnings

import numpy as np
import pytest

import refnet
from refnet.estimators import parameters
from refnet.estimators.classifier import Classifier
from refnet.estimators.initial import bound_of, drawn, ending_in
from refnet.estimators.watch import Course

DEFAULTS = {
    "hidden_layer_sizes": (3,),
    "activation": "tanh",
    "solver": "sgd",
    "alpha": 0.0,
    "batch_size": "auto",
    "learning_rate": "constant",
    "learning_rate_init": 0.5,
    "power_t": 0.5,
    "max_iter": 200,
    "shuffle": True,
    "random_state": 0,
    "tol": 0.0,
    "verbose": False,
    "warm_start": False,
    "momentum": 0.9,
    "nesterovs_momentum": True,
    "early_stopping": False,
    "n_iter_no_change": 1000,
    "class_weight": None,
    "dropout": 0.0,
    "clip_norm": None,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-8,
}


class Plain(Classifier):
    """A classifier whose X, y and generator nobody checks."""

    _not_converged = RuntimeWarning

    def __init__(self, **settings):
        vars(self).update({**DEFAULTS, **settings})

    def _inputs(self, X):
        return np.asarray(X, dtype=float)

    def _pair(self, X, y, fresh):
        return self._inputs(X), np.asarray(y)

    def _column(self, y):
        return y.ravel()

    def _generator(self):
        return np.random.RandomState(self.random_state)

    def _parts(self, arrays, rng, stratify):
        raise NotImplementedError

    def _kind_of(self, y):
        return "multiclass"

    def _weights_of_classes(self, y):
        raise NotImplementedError


X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]


def test_it_learns_without_scikit_learn():
    """XOR, and says where max_iter has ended it, at the line that calls fit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = Plain().fit(X, Y)
    assert [*model.predict(X)] == Y
    assert [(each.category, each.filename) for each in caught] == [(RuntimeWarning, __file__)]
    assert model.n_iter_ == len(model.loss_curve_) == 200
    assert model.predict_proba(X).shape == (4, 2)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"solver": "lbfgs"}, "solver has 'lbfgs', expected one of adam, sgd"),
        ({"alpha": -1.0}, "alpha has -1.0, expected a finite number >= 0"),
        ({"learning_rate_init": 0.0}, "learning_rate_init has 0.0, expected a number > 0"),
        ({"activation": ["tanh", "relu"]}, "activation has 2 entries, expected 1, one per"),
        ({"dropout": [0.5, 0.5]}, "dropout has 2 entries, expected 1, one per hidden layer"),
    ],
)
def test_a_wrong_parameter_is_refused(settings, sentence):
    """Before anything is trained."""
    model = Plain(**settings)
    with pytest.raises(ValueError, match=f"^Plain: {sentence}"):
        model.fit(X, Y)
    assert not hasattr(model, "network_")


def test_a_rule_is_that_of_the_solver():
    """adamw alone decays, by alpha and no biases; a copy has the same state."""
    adamw = parameters.optimizer(Plain(solver="adamw", alpha=0.25))
    assert (adamw.name, adamw.weight_decay, adamw.decay_biases) == ("adamw", 0.25, False)
    sgd = parameters.optimizer(Plain(momentum=0.0))
    assert (sgd.name, sgd.lr, sgd.nesterov) == ("sgd", 0.5, False)
    net = refnet.mlp([2, 1], output="identity")
    rule = refnet.Adam(lr=0.25)
    rule.step(net, net.loss_and_gradients([[1, 2]], [[1]], "mse")[1])
    copy = parameters.copied(rule)
    assert copy.hyperparameters == rule.hyperparameters
    assert copy.state["steps"] == 1
    copy.step(net.copy(), net.loss_and_gradients([[1, 2]], [[1]], "mse")[1])


def test_weights_start_between_bounds():
    """+- sqrt(6 / (fan_in + fan_out)), after a sigmoid sqrt(2 / ...), in the dtype of
    X; two networks share the vector.
    """
    net = refnet.mlp([4, 2, 2], hidden="sigmoid", output="identity")
    kinds = [layer.kind for layer in net.layers]
    sigmoid = kinds[0].activation
    first = drawn(kinds, sigmoid, np.dtype("float32"), np.random.RandomState(0))
    assert first.dtype == "float32"
    assert bound_of(sigmoid, 4, 2) == (2 / 6) ** 0.5
    assert bound_of(refnet.Tanh(), 4, 2) == 1.0
    bound = bound_of(sigmoid, 4, 2)
    wanted = np.random.RandomState(0).uniform(-bound, bound, (4, 2)).T
    np.testing.assert_array_equal(first.layers[0].W, wanted.astype("float32"))
    ended = ending_in(first, refnet.Softmax())
    assert ended.parameters is first.parameters
    assert [layer.activation.name for layer in ended.layers] == ["sigmoid", "softmax"]


def test_the_first_of_equal_scores_is_the_best():
    """An equal score keeps neither its weights nor, with tol, the training alive."""
    course = Course(scores=[0.5])
    assert course.score_improved(0.125) == (True, True)
    course.scores.append(0.5)
    assert course.score_improved(0.125) == (False, False)
    course.scores.append(0.5625)
    assert course.score_improved(0.125) == (False, True)
    course.scores.append(0.75)
    assert course.score_improved(0.125) == (True, True)
