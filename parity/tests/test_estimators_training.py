"""What the estimators train is what scikit-learn's train: bit for bit where no rounding
takes part, else as `parity check` judges a program.
"""

from functools import partial

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_digits

import parity
import refnet
from refnet.sklearn import MLPClassifier, MLPRegressor

THEIRS = {
    MLPClassifier: sklearn.neural_network.MLPClassifier,
    MLPRegressor: sklearn.neural_network.MLPRegressor,
}
until_max_iter = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])

X, LABELS = (array[:300] for array in load_digits(return_X_y=True))


def dyadic(shape, seed, denominator, dtype):
    """Multiples of 1 / denominator in [-1, 1]."""
    drawn = np.random.default_rng(seed).integers(-denominator, denominator + 1, shape)
    return (drawn / denominator).astype(dtype)


def started(kind, hidden, x, y, weights, **settings):
    """An estimator that will go on from these W and b, with its solver anew."""
    model = kind(
        hidden_layer_sizes=hidden,
        solver="sgd",
        shuffle=False,
        warm_start=True,
        max_iter=1,
        tol=0.0,
        activation="identity",
        random_state=0,
        **settings,
    )
    model.fit(x, y)
    for array, given in zip([*model.coefs_, *model.intercepts_], weights, strict=True):
        array[...] = given
    return model


SETTINGS = {
    "plain": {"momentum": 0.0, "alpha": 0.0},
    "penalty": {"momentum": 0.0, "alpha": 0.5},
    "momentum": {"momentum": 0.5, "alpha": 0.0, "nesterovs_momentum": False},
    "Nesterov": {"momentum": 0.5, "alpha": 0.5},
}
# hidden units, outputs and epochs; each epoch multiplies the digits of a number, and
# so few leave room for all of them
NETS = {
    ("float32", "one layer"): ((), 2, 2),
    ("float32", "two layers"): ((3,), 2, 1),
    ("float64", "one layer"): ((), 2, 4),
    ("float64", "two layers"): ((3,), 2, 2),
    ("float64", "one output"): ((3,), 1, 2),
}


@until_max_iter
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize(
    ("dtype", "hidden", "outputs", "epochs"),
    [pytest.param(dtype, *net, id=f"{name}, {dtype}") for (dtype, name), net in NETS.items()],
)
def test_the_weights_are_scikit_learn_s_bit_for_bit(dtype, hidden, outputs, epochs, settings):
    """All numbers are multiples of a power of 2 with so few digits that nothing is
    rounded: 4 rows, lr 1/4. So whatever the order of operations, the weights are equal,
    and the loss is as many times that of scikit-learn as there are outputs.
    """
    x, y = dyadic((4, 3), 1, 2, dtype), dyadic((4, outputs), 2, 2, dtype)
    y = y if outputs > 1 else y[:, 0]
    shapes = [*zip([3, *hidden], [*hidden, outputs], strict=True)]
    weights = [dyadic(shape, 3, 2, dtype) for shape in shapes]
    weights += [dyadic(fan_out, 4, 2, dtype) for _, fan_out in shapes]
    ours, theirs = (
        started(kind, hidden, x, y, weights, learning_rate_init=0.25, **settings)
        .set_params(max_iter=epochs)
        .fit(x, y)
        for kind in (MLPRegressor, THEIRS[MLPRegressor])
    )
    for got, want in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert got.dtype == want.dtype == dtype
        np.testing.assert_array_equal(got, want)
    assert not np.array_equal(ours.coefs_[0], weights[0])
    if settings["alpha"] == 0.0:
        assert ours.loss_ == outputs * theirs.loss_


@until_max_iter
@pytest.mark.parametrize("kind", THEIRS)
@pytest.mark.parametrize("activation", ["logistic", "relu"])
@dtypes
def test_the_first_weights_are_scikit_learn_s(kind, activation, dtype):
    """The same random_state gives the same numbers, bit for bit."""
    y = LABELS if kind is MLPClassifier else X[:, :2]
    ours, theirs = (
        each(
            hidden_layer_sizes=(7, 5),
            activation=activation,
            max_iter=1,
            random_state=3,
            solver="sgd",
            learning_rate_init=1e-300,
        ).fit(X.astype(dtype), y)
        for each in (kind, THEIRS[kind])
    )
    pairs = zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True)
    assert all(np.array_equal(got, want) and got.dtype == dtype for got, want in pairs)


def trained(kind, case, **data):
    """A program for `parity check`: an epoch for each step of the case."""
    settings = {"momentum": 0.0, "nesterovs_momentum": False, "epsilon": EPS[case.optimizer]}
    settings |= {NAMES[name]: value for name, value in case.settings.items() if name in NAMES}
    settings |= dict(zip(["beta_1", "beta_2"], case.settings.get("betas", ()), strict=False))
    model = None
    for x, y, lr in case.steps:
        if model is None:
            model = kind(
                hidden_layer_sizes=case.sizes[1:-1],
                activation=list(case.activations[:-1]),
                solver=case.optimizer,
                alpha=0.0,
                shuffle=False,
                **settings,
            )
            model.partial_fit(x, y, **data)  # creates the arrays that are written into
            arrays = [*model.coefs_, *model.intercepts_]
            for array, given in zip(arrays, [*case.W, *case.b], strict=True):
                array[...] = given
            model.history_ = refnet.History()  # its solver starts anew
        model._course.lr = lr  # which changes from step to step
        model.set_params(batch_size=len(x), learning_rate_init=lr).partial_fit(x, y, **data)
        W, b = ([array.copy() for array in arrays] for arrays in (model.coefs_, model.intercepts_))
        yield {"loss": model.loss_, "W": W, "b": b}


# PyTorch's, which a case does not say
EPS = {"sgd": 1e-8, "adam": 1e-8, "rmsprop": 1e-8, "adagrad": 1e-10}
NAMES = {"momentum": "momentum", "nesterov": "nesterovs_momentum", "eps": "epsilon"}
SOLVERS = {"sgd": "momentum nesterov", "adam": "betas eps", "rmsprop": "eps", "adagrad": "eps"}


@pytest.mark.parametrize(
    ("solver", "dtype"), [("sgd", "float32"), *((name, "float64") for name in SOLVERS)]
)
def test_a_classifier_is_right(solver, dtype):
    """Each of its steps is what backpropagation and the rule give, to rounding."""

    def run(case):
        return trained(MLPClassifier, case, classes=range(case.sizes[-1]))

    report = parity.check(
        run,
        activations=("identity", "sigmoid", "tanh", "relu"),
        outputs="softmax",
        losses="cross_entropy",
        optimizers=solver,
        settings=tuple(SOLVERS[solver].split()),
        targets="labels",
        layout="in_out",
        sizes=(3, 4, 3),
        dtype=dtype,
    )
    assert report.passed, report


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_a_regressor_is_right(loss):
    """Likewise; its loss and its gradient belong together, with several outputs too."""

    def run(case):
        return trained(partial(MLPRegressor, loss), case)

    report = parity.check(
        run,
        activations=("identity", "sigmoid", "tanh", "relu"),
        outputs="identity",
        losses={"squared_error": "half_squared_error", "absolute_error": "mae"}[loss],
        optimizers="sgd",
        settings=("momentum",),
        layout="in_out",
        sizes=(3, 4, 3),
    )
    assert report.passed, report


def test_the_two_sides_of_8349_are_told_apart():
    """With scikit-learn's value of the loss, the same gradient is not right."""

    def run(case):
        for step in trained(MLPRegressor, case):
            yield {**step, "loss": step["loss"] / case.sizes[-1]}

    report = parity.check(
        run,
        activations="tanh",
        outputs="identity",
        losses="half_squared_error",
        optimizers="sgd",
        settings=(),
        layout="in_out",
        sizes=(3, 4, 3),
    )
    assert not report.passed
