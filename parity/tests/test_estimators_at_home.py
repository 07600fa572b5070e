"""The estimators among what people use them with: pipelines, searches, frames, files,
wrappers; and what they have that scikit-learn's have not.
"""

import copy
import io
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import refnet
from refnet.sklearn import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer"),
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(refnet.__file__).parent.parent)}
IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
FRAME = pd.DataFrame(IRIS, columns=["sepal", "width", "petal", "breadth"])


def quick(**settings):
    """A classifier that learns the irises in little time."""
    given = {"max_iter": 40, "learning_rate_init": 0.05, "batch_size": 50, "random_state": 0}
    given["hidden_layer_sizes"] = 5
    return MLPClassifier(**{**given, **settings})


def test_it_is_found_by_a_search_in_a_pipeline():
    """GridSearchCV over settings that scikit-learn's has not either."""
    pipeline = make_pipeline(StandardScaler(), quick())
    grid = {
        "mlpclassifier__activation": ["logistic", refnet.LeakyReLU(0.1)],
        "mlpclassifier__dropout": [0.0, 0.2],
    }
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(IRIS, NAMES)
    assert search.best_score_ > 0.9
    assert search.best_params_.keys() == grid.keys()
    assert (cross_val_score(search.best_estimator_, IRIS, NAMES, cv=3) > 0.9).all()
    scores = cross_validate(quick(class_weight="balanced"), IRIS, NAMES, cv=3, error_score="raise")
    assert (scores["test_score"] > 0.9).all()


@pytest.mark.parametrize(
    "wrapper",
    [
        CalibratedClassifierCV(quick(), cv=2),
        BaggingClassifier(quick(), n_estimators=3, random_state=0),
    ],
    ids=["CalibratedClassifierCV", "BaggingClassifier"],
)
def test_it_is_wrapped(wrapper):
    """Both hand on weights of rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        wrapper.fit(IRIS, NAMES, sample_weight=np.ones(len(IRIS)))
    assert wrapper.score(IRIS, NAMES) > 0.9


def through_joblib(model):
    """What joblib reads of what it has written."""
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),  # noqa: S301 - our own
    "joblib": through_joblib,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("solver", ["adam", "sgd", "adagrad"])
@pytest.mark.parametrize("name", COPIES)
def test_a_copy_goes_on_as_it_would_have(name, solver):
    """The same predictions, and the same training, bit for bit; its network is what it
    trains.
    """
    model = quick(solver=solver, max_iter=2).fit(IRIS, NAMES)
    other = COPIES[name](model)
    np.testing.assert_array_equal(other.predict_proba(IRIS), model.predict_proba(IRIS))
    if name == "copy":  # it shares the network
        other.partial_fit(IRIS, NAMES)
        return
    model.partial_fit(IRIS, NAMES)
    before = other.coefs_[0].copy()
    other.partial_fit(IRIS, NAMES)
    np.testing.assert_array_equal(other.network_.parameters, model.network_.parameters)
    assert not np.array_equal(other.coefs_[0], before)


def test_a_clone_is_unfitted_and_has_the_same_settings():
    """An activation among them is copied; a deep copy of it is equal."""
    model = quick(activation=[refnet.LeakyReLU(0.3)]).fit(IRIS, NAMES)
    other = clone(model)
    assert other.get_params() == model.get_params()
    assert not hasattr(other, "network_")
    assert not hasattr(other, "coefs_")
    assert repr(other) == repr(model)


def test_frames_go_in_and_out():
    """The names of columns are those of fit, or refused; features have names."""
    model = quick(hidden_layer_sizes=(5, 3)).fit(FRAME, NAMES)
    assert [*model.feature_names_in_] == [*FRAME.columns]
    assert (model.predict(FRAME) == model.predict(FRAME.to_numpy(copy=True))).mean() == 1.0
    with pytest.raises(ValueError, match="feature names"):
        model.predict(FRAME[FRAME.columns[::-1]])
    assert model.network_.columns == tuple(FRAME.columns)
    assert model.fit(IRIS, NAMES).network_.columns is None
    model.fit(FRAME, NAMES).set_output(transform="pandas")
    features = model.transform(FRAME)
    assert [*features.columns] == ["mlpclassifier0", "mlpclassifier1", "mlpclassifier2"]
    assert features.index.equals(FRAME.index)
    model.set_params(transform_layer=0)
    assert model.transform(FRAME).shape == (150, 5)
    trace = model.network_.forward(IRIS)
    np.testing.assert_array_equal(model.transform(FRAME).to_numpy(), trace[0].a)


def test_hidden_activations_are_features():
    """For another estimator (scikit-learn #9468); the layer is named by a parameter."""
    pipeline = make_pipeline(quick(), GaussianNB())
    assert pipeline.fit(IRIS, NAMES).score(IRIS, NAMES) > 0.9
    model = quick(hidden_layer_sizes=()).fit(IRIS, NAMES)
    with pytest.raises(ValueError, match="transform has a network without hidden layers, expect"):
        model.transform(IRIS)
    with pytest.raises(ValueError, match="transform_layer has 1, expected one of 1 hidden layer"):
        quick(transform_layer=1).fit(IRIS, NAMES).transform(IRIS)


def test_the_network_is_refnet_s():
    """Its outputs are the probabilities, its layers those of the parameters, and
    coefs_ are views of it.
    """
    model = quick(hidden_layer_sizes=(5, 4), activation=["tanh", "leaky_relu"], dropout=[0.0, 0.1])
    model.fit(IRIS, NAMES)
    np.testing.assert_array_equal(model.network_.predict(IRIS), model.predict_proba(IRIS))
    kinds = [type(layer.activation).__name__ for layer in model.network_.layers]
    assert kinds == ["Tanh", "LeakyReLU", "Softmax"]
    assert [layer.dropout for layer in model.network_.layers] == [0.0, 0.0, 0.1]
    assert (model.n_layers_, model.n_outputs_, model.out_activation_) == (4, 3, "softmax")
    assert [W.shape for W in model.coefs_] == [(4, 5), (5, 4), (4, 3)]
    model.intercepts_[2][:] = [0.0, 0.0, 1e6]
    assert {*model.predict(IRIS)} == {"virginica"}
    assert isinstance(model.history_, refnet.History)


def test_parameters_come_from_numpy_too():
    """As a search draws them: arrays with an entry for each layer, and flags."""
    listed = {"activation": ["logistic", "tanh"], "dropout": [0.25, 0.5], "verbose": False}
    drawn = {name: np.array(given) for name, given in listed.items()}
    drawn["verbose"] = drawn["verbose"][()]
    for each in (listed, drawn):
        each["hidden_layer_sizes"] = np.array([5, 4])
    one, other = (quick(max_iter=2, **each).fit(IRIS, NAMES) for each in (listed, drawn))
    np.testing.assert_array_equal(one.network_.parameters, other.network_.parameters)
    net = refnet.formats.from_sklearn(other)
    assert [layer.activation.name for layer in net.layers] == ["sigmoid", "tanh", "softmax"]
    assert quick(hidden_layer_sizes=(), activation=[]).fit(IRIS, NAMES).n_layers_ == 2


@pytest.mark.parametrize("theirs", [MLPClassifier, sklearn.neural_network.MLPClassifier])
def test_weights_go_into_it_and_out_of_it(theirs):
    """From scikit-learn's own, too, bit for bit: by the names that both have."""
    given = theirs((5, 4), "logistic", max_iter=2, random_state=1).fit(IRIS, SPECIES == 2)
    net = refnet.formats.from_sklearn(given)
    model = MLPClassifier((5, 4), "sigmoid", max_iter=2, random_state=0).fit(IRIS, SPECIES == 2)
    refnet.formats.to_sklearn(net, model)
    np.testing.assert_array_equal(model.network_.parameters, net.parameters)
    np.testing.assert_array_equal(model.predict_proba(IRIS)[:, 1:], net.predict(IRIS))
    before = model.coefs_[0].copy()
    model.partial_fit(IRIS, SPECIES == 2)  # what it trains are these weights
    assert not np.array_equal(before, model.coefs_[0])
    pairs = zip(refnet.formats.from_sklearn(model).layers, model.coefs_, strict=True)
    assert all(np.array_equal(layer.W.T, W) for layer, W in pairs)


WITHOUT = """
import sys
sys.modules["sklearn"] = None  # as if it were not installed
import refnet
for ask in (lambda: refnet.sklearn, lambda: __import__("refnet.sklearn")):
    try:
        ask()
    except ModuleNotFoundError as error:
        print(error.name, error)
"""


def test_without_scikit_learn_it_says_what_installs_it():
    """In one sentence, whichever way it is asked for; refnet itself is there."""
    code = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(code, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    sentence = 'refnet.sklearn needs scikit-learn: python -m pip install "refnet[sklearn]"'
    assert done.stdout.splitlines() == [f"sklearn {sentence}"] * 2


def test_two_classes_have_one_output():
    """And the probabilities of both; a threshold of 1/2; logarithms without -inf."""
    model = quick().fit(IRIS, SPECIES == 2)
    assert model.out_activation_ == "logistic"
    assert model.network_.sizes == (4, 5, 1)
    p = model.predict_proba(IRIS)
    np.testing.assert_array_equal(p[:, 0], 1.0 - p[:, 1])
    np.testing.assert_array_equal(model.predict(IRIS), p[:, 1] > 0.5)
    for saturated in (model, quick().fit(IRIS, NAMES)):
        saturated.coefs_[1][:] *= 1e6
        assert (saturated.predict_proba(IRIS) == 0.0).any()
        assert np.isfinite(saturated.predict_log_proba(IRIS)).all()


def test_one_class_is_one_column():
    """What else could it be?"""
    model = quick().fit(IRIS, ["only"] * 150)
    assert {*model.predict(IRIS)} == {"only"}
    assert model.predict_proba(IRIS).shape == model.predict_log_proba(IRIS).shape == (150, 1)


def test_several_labels_at_once():
    """y of 0 and 1 for each label: the loss is the sum over the labels, as
    scikit-learn's.
    """
    x, y = make_multilabel_classification(100, 6, n_classes=4, random_state=0)
    model = MLPClassifier(9, max_iter=200, learning_rate_init=0.02, random_state=0).fit(x, y)
    p = model.predict_proba(x)
    np.testing.assert_array_equal(model.predict(x), p > 0.5)
    assert ((p > 0.5) == y).mean() > 0.75
    assert model.predict_log_proba(x).shape == y.shape
    start = {"max_iter": 1, "solver": "sgd", "learning_rate_init": 1e-300, "alpha": 0.0}
    ours, theirs = (
        kind(9, random_state=0, **start).fit(x / 100.0, y).loss_
        for kind in (MLPClassifier, sklearn.neural_network.MLPClassifier)
    )
    # of each label: z is below 2, a sum of 9 products with sums of 6, its loss below 2
    # with 8 roundings more; then 400 of them are added
    allowed = 4 * (2 * (9 + 6) + 2 * 8) + 400 * ours
    assert abs(ours - theirs) <= allowed * np.finfo(float).eps
    early = MLPClassifier(9, early_stopping=True, max_iter=2, random_state=0).fit(x, y)
    assert 0.0 <= early.best_validation_score_ <= 1.0


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_float32_stays_float32(kind):
    """From X to the outputs; a float64 X later is rounded to it."""
    y = SPECIES if kind is MLPClassifier else IRIS[:, 0]
    model = kind(hidden_layer_sizes=5, max_iter=2, random_state=0)
    model.fit(IRIS.astype("float32"), y, sample_weight=np.full(150, 2.0))
    output = model.predict_proba if kind is MLPClassifier else model.predict
    assert {W.dtype for W in (*model.coefs_, *model.intercepts_)} == {np.dtype("float32")}
    assert output(IRIS.astype("float32")).dtype == output(IRIS).dtype == "float32"
    assert model.transform(IRIS).dtype == "float32"


def test_absolute_error_finds_the_median():
    """Of values among which one is far off (scikit-learn #14571)."""
    x, y = np.zeros((9, 1)), np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 1e4])
    model = MLPRegressor("absolute_error", (), solver="sgd", alpha=0.0, max_iter=2000)
    model.set_params(learning_rate_init=0.05, momentum=0.0, tol=0.0, n_iter_no_change=2000)
    model.fit(x, y)
    # with an odd number of rows the gradient is at least 1/9, and so is a step lr / 9
    assert abs(model.predict(x)[0] - 5.0) <= 0.05
    assert MLPRegressor(hidden_layer_sizes=3, max_iter=2).fit(x, y).predict(x).shape == (9,)


@pytest.mark.parametrize("solver", ["rmsprop", "adagrad", "adamw"])
def test_the_other_rules_learn(solver):
    """And only adamw decays by alpha itself, outside of the loss."""
    model = quick(solver=solver, alpha=0.5 if solver == "adamw" else 0.0001).fit(IRIS, NAMES)
    rule = model.history_.reached.optimizer
    assert rule.name == solver
    assert rule.weight_decay == (0.5 if solver == "adamw" else 0.0)
    assert rule.decay_biases == (solver != "adamw")
    assert solver == "adamw" or model.score(IRIS, NAMES) > 0.9


def test_adamw_has_no_penalty_in_its_loss():
    """Where no weight moves, alpha changes nothing."""
    still = {"solver": "adamw", "learning_rate_init": 1e-300, "max_iter": 1}
    losses = {quick(alpha=alpha, **still).fit(IRIS, NAMES).loss_ for alpha in (0.0, 0.5)}
    assert len(losses) == 1


def test_a_gradient_is_shortened():
    """To clip_norm, where it is longer: one plain step with lr 1 is as long at most."""
    plain = {"solver": "sgd", "momentum": 0.0, "batch_size": "auto", "max_iter": 1}
    start, free, shortened = (
        quick(**plain, **settings).fit(IRIS, NAMES).network_.parameters
        for settings in (
            {"learning_rate_init": 1e-300},
            {"learning_rate_init": 1.0},
            {"learning_rate_init": 1.0, "clip_norm": 0.25},
        )
    )
    assert np.linalg.norm(shortened - start) <= 0.25 < np.linalg.norm(free - start)


def test_a_first_call_need_not_show_every_class():
    """What is never shown is never predicted, and has its probability all the same."""
    model = quick().partial_fit(IRIS[:60], NAMES[:60], classes=np.unique(NAMES))
    for _ in range(40):
        model.partial_fit(IRIS[:60], NAMES[:60])
    assert {*model.predict(IRIS[:60])} <= {"setosa", "versicolor"}
    assert model.predict_proba(IRIS).shape == (150, 3)
    assert [*model.classes_] == ["setosa", "versicolor", "virginica"]


def test_weights_are_routed_to_it():
    """By scikit-learn's metadata routing, through a pipeline."""
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(StandardScaler(), quick().set_fit_request(sample_weight=True))
        pipeline[0].set_fit_request(sample_weight=False)
        only = pipeline.fit(IRIS, NAMES, sample_weight=np.where(SPECIES == 2, 1.0, 0.0))
        assert {*only.predict(IRIS)} == {"virginica"}


REFUSED = {
    "hidden_layer_sizes has 0, expected an integer >= 1": {"hidden_layer_sizes": [5, 0]},
    "hidden_layer_sizes has type float, expected an integer": {"hidden_layer_sizes": 5.0},
    "activation: name has 'gelu', expected one of": {"activation": "gelu"},
    "activation has 2 entries, expected 1, one per hidden layer": {"activation": ["relu"] * 2},
    "activation has Heaviside, expected a trainable one": {"activation": "heaviside"},
    "solver has 'lbfgs', expected one of adam, sgd, adamw, rmsprop, adagrad: refnet has no rule of "
    "second order or with a line search": {"solver": "lbfgs"},
    "solver has 'Adam', expected one of adam": {"solver": "Adam"},
    "alpha has -1, expected a finite number >= 0": {"alpha": -1},
    "batch_size has 0, expected an integer >= 1": {"batch_size": 0},
    "learning_rate has 'cosine', expected one of constant": {"learning_rate": "cosine"},
    "learning_rate_init has 0.0, expected a number > 0": {"learning_rate_init": 0.0},
    "max_iter has 0, expected an integer >= 1": {"max_iter": 0},
    "shuffle has 1, expected True or False": {"shuffle": 1},
    "momentum has 1.5, expected a number from 0 to 1": {"momentum": 1.5},
    "beta_1 has 1.0, expected a finite number >= 0 and < 1": {"beta_1": 1.0},
    "epsilon has 0, expected a number > 0": {"epsilon": 0},
    "n_iter_no_change has 0, expected an integer >= 1": {"n_iter_no_change": 0},
    "validation_fraction has 1.0, expected": {"validation_fraction": 1.0},
    "dropout has 2 entries, expected 1, one per hidden layer": {"dropout": [0.1, 0.1]},
    "dropout has 1.0, expected a finite number >= 0 and < 1": {"dropout": 1.0},
    "clip_norm has 0, expected a number > 0": {"clip_norm": 0},
    "validation set has 1 row, expected at least 2": {
        "early_stopping": True,
        "validation_fraction": 1 / 150,
    },
}


@pytest.mark.parametrize(("sentence", "settings"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_is_refused_by_a_sentence(sentence, settings):
    """And leaves a fitted estimator as it was."""
    model = quick().fit(IRIS, NAMES)
    before = model.network_.parameters.copy()
    with pytest.raises((ValueError, TypeError), match=f"MLPClassifier: {sentence}"):
        model.set_params(**settings).fit(IRIS, NAMES)
    np.testing.assert_array_equal(model.network_.parameters, before)


def test_what_does_not_fit_is_refused_by_a_sentence():
    """Classes, weights, an unknown loss, early stopping with partial_fit."""
    with pytest.raises(ValueError, match="classes has None, expected all classes at the first"):
        quick().partial_fit(IRIS, NAMES)
    with pytest.raises(ValueError, match="partial_fit has class_weight 'balanced', expected None"):
        quick(class_weight="balanced").partial_fit(IRIS, NAMES, classes=np.unique(NAMES))
    model = quick().partial_fit(IRIS, NAMES, classes=np.unique(NAMES))
    with pytest.raises(ValueError, match=r"classes has \['setosa'\], expected \['setosa' 'vers"):
        model.partial_fit(IRIS, NAMES, classes=["setosa"])
    with pytest.raises(ValueError, match="y has \\['other'\\], expected classes of \\['setosa'"):
        model.partial_fit(IRIS, ["other"] * 150)
    with pytest.raises(ValueError, match="partial_fit has early_stopping=True, expected False"):
        model.set_params(early_stopping=True).partial_fit(IRIS, NAMES)
    with pytest.raises(ValueError, match="sample_weight has -1 at row 0, expected weights >= 0"):
        quick().fit(IRIS, NAMES, sample_weight=[-1.0] + [1.0] * 149)
    with pytest.raises(TypeError, match=r"activation: has \{\}, expected an object or one of"):
        quick(activation={}).fit(IRIS, NAMES)
    with pytest.raises(TypeError, match=r"^MLPRegressor: y has dtype <U10, expected real numbers"):
        MLPRegressor().fit(IRIS, NAMES)
    with pytest.raises(ValueError, match="loss has 'poisson', expected one of squared_error"):
        MLPRegressor("poisson").fit(IRIS, SPECIES)
    with pytest.raises(ValueError, match="y has shape \\(150, 2\\) with other numbers than 0"):
        quick().fit(IRIS, np.stack([SPECIES, SPECIES], axis=1))
    with pytest.warns(UserWarning, match="batch_size has 200, expected at most the 150 rows"):
        quick(batch_size=200).fit(IRIS, NAMES)


def test_a_step_that_is_not_finite_is_named():
    """And the weights are those before it; what is told of them is of no other
    training.
    """
    model = MLPRegressor(hidden_layer_sizes=(), solver="sgd", max_iter=2).fit(IRIS, SPECIES)
    model.set_params(batch_size=75, learning_rate_init=1e300)
    with pytest.raises(FloatingPointError, match="epoch 1, batch 1: layer 1: new value of W has"):
        model.fit(IRIS * 1e10, SPECIES)
    assert (model.n_iter_, model.loss_curve_, model.loss_) == (0, [], None)
    assert all(np.isfinite(W).all() for W in model.coefs_)
