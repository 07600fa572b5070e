"""When the estimators stop, with which learning rate they go on, which rows they learn
from, and what they keep of it: scikit-learn's rules, told again here in plain loops.
"""

import contextlib
import io
import warnings

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

import refnet
from refnet.estimators.perceptron import Rows
from refnet.sklearn import MLPClassifier, MLPRegressor

X, LABELS = (array[:400] for array in load_digits(return_X_y=True))
X = X / 16.0
until_max_iter = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def epochs_until(losses, tol, patience):
    """The number of epochs after which the loss was above its best less tol for more
    than `patience` epochs in a row; None where it never was.
    """
    best, stale = float("inf"), 0
    for number, loss in enumerate(losses, start=1):
        stale = stale + 1 if loss > best - tol else 0
        best = min(best, loss)
        if stale > patience:
            return number
    return None


def test_it_stops_where_the_loss_no_longer_falls():
    """By tol, for more than n_iter_no_change epochs; without a warning."""
    model = MLPClassifier(20, solver="sgd", learning_rate_init=0.5, tol=0.01, n_iter_no_change=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(random_state=0).fit(X, LABELS)
    assert model.n_iter_ == epochs_until(model.loss_curve_, 0.01, 3) < model.max_iter
    assert model.n_iter_ == len(model.loss_curve_) == len(model.history_.epochs)
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.loss_ == model.loss_curve_[-1]
    assert model.t_ == model.n_iter_ * len(X)
    assert model.history_.stopped == "training loss did not improve by 0.01 for 3 epochs"


def test_it_warns_where_max_iter_ends_it():
    """With scikit-learn's warning and words; partial_fit does not."""
    model = MLPClassifier(5, max_iter=2, random_state=0)
    words = "Maximum iterations \\(2\\) reached and the optimization hasn't converged yet"
    with pytest.warns(ConvergenceWarning, match=words) as caught:
        model.fit(X, LABELS)
    assert [warning.filename for warning in caught] == [__file__]
    MLPClassifier(5).partial_fit(X, LABELS, classes=range(10))
    model.set_params(n_iter_no_change=float("inf"))
    with pytest.warns(ConvergenceWarning):
        model.fit(X, LABELS)


@until_max_iter
def test_an_adaptive_rate_is_divided_where_scikit_learn_s_is():
    """By 5 each time that the loss has not fallen, and training ends at 1e-6."""
    settings = {
        "hidden_layer_sizes": (6,),
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.5,
        "tol": 0.05,
        "n_iter_no_change": 2,
        "random_state": 0,
        "shuffle": False,
        "momentum": 0.0,
        "batch_size": 400,
        "alpha": 0.0,
        "max_iter": 300,
    }
    ours = MLPClassifier(**settings).fit(X, LABELS)
    theirs = sklearn.neural_network.MLPClassifier(**settings).fit(X, LABELS)
    rate, rates, best, stale = 0.5, [], float("inf"), 0
    for loss in ours.loss_curve_:
        rates.append(rate)
        stale = stale + 1 if loss > best - 0.05 else 0
        best = min(best, loss)
        if stale > 2 and rate > 1e-6:
            rate, stale = rate / 5.0, 0
    assert ours.history_.lr == rates
    assert len({*rates}) > 5
    assert ours.n_iter_ == theirs.n_iter_


@until_max_iter
def test_an_inverse_rate_falls_with_the_rows_seen():
    """lr_init / (t + 1)^power_t, and only with the solver sgd."""
    settings = {"max_iter": 3, "learning_rate": "invscaling", "power_t": 0.25, "random_state": 0}
    model = MLPClassifier(5, solver="sgd", **settings).fit(X, LABELS)
    assert model.history_.lr == [0.001 / float(t + 1) ** 0.25 for t in (0, 400, 800)]
    assert {*MLPClassifier(5, **settings).fit(X, LABELS).history_.lr} == {0.001}


@until_max_iter
@pytest.mark.parametrize("labels", [LABELS, np.array([f"digit {label}" for label in LABELS])])
def test_early_stopping_brings_the_best_weights_back(labels):
    """Those of the best validation score, on the rows that scikit-learn holds back,
    with labels that are text too (scikit-learn #33760).
    """
    model = MLPClassifier(
        8, early_stopping=True, learning_rate_init=0.05, n_iter_no_change=4, random_state=0
    )
    model.fit(X, labels)
    rng = np.random.RandomState(0)
    for fan_in, fan_out in ((64, 8), (8, 10)):  # the weights are drawn first
        rng.uniform(size=(fan_in + 1, fan_out))
    _, x_held, _, y_held = train_test_split(X, labels, random_state=rng, test_size=0.1)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.score(x_held, y_held) == model.best_validation_score_
    assert model.validation_scores_[-1] < model.best_validation_score_
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_
    assert model.validation_loss_curve_ == model.history_.validation_loss
    assert model.best_loss_ is None
    assert model.t_ == model.n_iter_ * 360


@until_max_iter
def test_outputs_that_overflow_have_no_score():
    """As scikit-learn has it, no error: the best weights come back (its 29504)."""
    rows = Rows(X[:2], np.array([1.0, 2.0]), None)
    for bad in (np.inf, np.nan):
        assert np.isnan(MLPRegressor()._judged(np.array([[1.0], [bad]]), rows))
    assert MLPRegressor()._judged(np.array([[1.0], [2.0]]), rows) == 1.0


@until_max_iter
def test_early_stopping_of_a_regressor_scores_by_r2():
    """With the weights of the rows held back."""
    y, weights = X[:, [10, 20]], 1.0 + np.arange(400) % 3
    model = MLPRegressor(hidden_layer_sizes=8, early_stopping=True, max_iter=3, random_state=1)
    model.fit(X[:, 30:], y, sample_weight=weights)
    rng = np.random.RandomState(1)
    for fan_in, fan_out in ((34, 8), (8, 2)):
        rng.uniform(size=(fan_in + 1, fan_out))
    _, x_held, _, y_held, _, held = train_test_split(
        X[:, 30:], y, weights, random_state=rng, test_size=0.1
    )
    score = r2_score(y_held, model.predict(x_held), sample_weight=held)
    assert model.best_validation_score_ == max(model.validation_scores_) == score


@until_max_iter
def test_partial_fit_goes_on_with_the_training():
    """Three calls are a fit of three epochs: the weights, the rule's state and the
    permutations go on, bit for bit, also from a pickled estimator.
    """
    whole = MLPClassifier(5, max_iter=3, batch_size=50, dropout=0.25, random_state=0)
    whole.fit(X, LABELS)
    parts = MLPClassifier(5, batch_size=50, dropout=0.25, random_state=0)
    for _ in range(3):
        parts.partial_fit(X, LABELS, classes=np.arange(10))
    np.testing.assert_array_equal(whole.network_.parameters, parts.network_.parameters)
    assert parts.loss_curve_ == whole.loss_curve_
    assert [epoch.number for epoch in parts.history_.epochs] == [1, 2, 3]
    assert (parts.n_iter_, parts.t_) == (1, whole.t_)
    parts.set_params(shuffle=False, solver="sgd").partial_fit(X, LABELS)  # too late for both
    whole.set_params(max_iter=4).fit(X, LABELS)
    np.testing.assert_array_equal(whole.network_.parameters, parts.network_.parameters)


@until_max_iter
def test_warm_start_keeps_the_weights_and_the_counts():
    """And starts the rule anew."""
    model = MLPClassifier(5, max_iter=2, warm_start=True, random_state=0).fit(X, LABELS)
    before = model.network_
    model.fit(X, LABELS)
    assert model.network_.parameters is before.parameters
    assert (model.n_iter_, model.t_, len(model.loss_curve_)) == (2, 1600, 4)
    assert model.history_.reached.steps == 4
    model.set_params(hidden_layer_sizes=(6,))
    words = "network to go on with has the layers 64 - 5 relu - 10 identity, expected 64 - 6 relu"
    with pytest.raises(ValueError, match=words):
        model.fit(X, LABELS)
    words = r"10 identity, expected 64 - 5 leaky_relu\(slope=0.5\) \(dropout 0.25\) - 10 identity"
    model.set_params(hidden_layer_sizes=(5,), activation=refnet.LeakyReLU(0.5), dropout=0.25)
    with pytest.raises(ValueError, match=words):
        model.fit(X, LABELS)
    model.set_params(activation="relu", dropout=0.0)
    with pytest.raises(ValueError, match="y has \\['no'\\], expected classes of"):
        model.fit(X[:2], ["no", "no"])
    words = "y has 0 and 1 for each label, expected one class per row as before"
    with pytest.raises(ValueError, match=words):
        model.fit(X[:2], [[0, 1], [1, 0]])


@until_max_iter
def test_a_row_of_weight_0_is_no_row():
    """Whatever the batches: it takes part in none."""
    weights = np.where(np.arange(400) % 3, 2.0, 0.0)
    counts = weights > 0
    settings = {"hidden_layer_sizes": 5, "max_iter": 3, "batch_size": 50, "random_state": 0}
    left_out = MLPClassifier(**settings).fit(X, LABELS, sample_weight=weights)
    never = MLPClassifier(**settings).fit(X[counts], LABELS[counts], sample_weight=weights[counts])
    np.testing.assert_array_equal(left_out.network_.parameters, never.network_.parameters)


@until_max_iter
def test_class_weights_are_weights_of_rows():
    """A dict and "balanced", together with those of the rows."""
    counts = np.bincount(LABELS)
    by_class = {"balanced": 400 / (10 * counts), "dict": np.arange(1.0, 11.0)}
    given = {"balanced": "balanced", "dict": dict(enumerate(by_class["dict"]))}
    own = 1.0 + np.arange(400) % 2
    for name, class_weight in given.items():
        model = MLPClassifier(5, max_iter=2, class_weight=class_weight, random_state=0)
        model.fit(X, LABELS, sample_weight=own)
        plain = MLPClassifier(5, max_iter=2, random_state=0)
        plain.fit(X, LABELS, sample_weight=own * by_class[name][LABELS])
        np.testing.assert_array_equal(model.network_.parameters, plain.network_.parameters)


@until_max_iter
def test_a_class_weight_stands_for_rows_that_come_later():
    """Of classes that a call lacks, too; a class of no weight there is has 1."""
    model = MLPClassifier(5, class_weight={8: 2.0, 9: 3.0}, random_state=0)
    plain = MLPClassifier(5, random_state=0)
    for some in (LABELS < 9, LABELS > 4):
        model.partial_fit(X[some], LABELS[some], classes=np.arange(10))
        weights = np.array([*[1.0] * 8, 2.0, 3.0])[LABELS[some]]
        plain.partial_fit(X[some], LABELS[some], weights, classes=np.arange(10))
    np.testing.assert_array_equal(model.network_.parameters, plain.network_.parameters)
    with pytest.raises(ValueError, match="not in class_weight"):
        model.set_params(class_weight={10: 2.0}).partial_fit(X, LABELS)


class Interrupting(io.StringIO):
    """Where somebody sees the third epoch, and has seen enough."""

    def write(self, line):
        if line.startswith("Iteration 3"):
            raise KeyboardInterrupt
        return super().write(line)


@until_max_iter
def test_an_interrupt_leaves_what_there_is():
    """The curves of the epochs until then, not those of a training before; it can go
    on.
    """
    model = MLPClassifier(5, max_iter=1, random_state=0).fit(X[:200], LABELS[:200])
    model.set_params(verbose=True, max_iter=10)
    with contextlib.redirect_stdout(Interrupting()), pytest.raises(KeyboardInterrupt):
        model.fit(X, LABELS)
    assert (model.n_iter_, len(model.loss_curve_), model.t_) == (3, 3, 1200)
    until = MLPClassifier(5, max_iter=3, random_state=0).fit(X, LABELS)
    np.testing.assert_array_equal(model.network_.parameters, until.network_.parameters)
    assert model.loss_curve_ == until.loss_curve_
    assert len(model.set_params(verbose=False).partial_fit(X, LABELS).loss_curve_) == 4


@until_max_iter
def test_the_penalty_is_alpha_over_the_weight_of_a_batch():
    """alpha / (2 x weight of the rows) sum W^2 in the loss of each whole batch."""
    model = MLPClassifier(5, max_iter=1, alpha=8.0, batch_size=100, solver="sgd", random_state=0)
    model.set_params(learning_rate_init=1e-300)  # the weights stay what they were
    weights = np.full(400, 2.0)
    with_it = model.fit(X, LABELS, sample_weight=weights).loss_
    without = model.set_params(alpha=0.0).fit(X, LABELS, sample_weight=weights).loss_
    penalty = refnet.L2(8.0 / (100 * 2.0)).cost(model.network_.layers)
    # 4 losses of numbers below 16, their sum and their mean are rounded, on either side
    assert abs(with_it - without - penalty) <= 32 * np.finfo(float).eps * with_it
    assert penalty > 0.1


@until_max_iter
def test_it_tells_what_scikit_learn_tells(capsys):
    """With verbose, the loss of each epoch and why it ends."""
    MLPClassifier(5, max_iter=1, verbose=True, random_state=0).fit(X, LABELS)
    shown = capsys.readouterr().out
    theirs = sklearn.neural_network.MLPClassifier(5, max_iter=1, verbose=True, random_state=0)
    theirs.fit(X, LABELS)
    assert shown[:22] == capsys.readouterr().out[:22] == "Iteration 1, loss = 2."
    MLPClassifier(5, verbose=True, early_stopping=True, tol=1.0, random_state=0).fit(X, LABELS)
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith("Validation score: 0.")
    assert shown[-1] == "validation score did not improve by 1 for 10 epochs: stopping"
