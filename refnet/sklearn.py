"""scikit-learn's estimators with `refnet.fit` inside: MLPClassifier and MLPRegressor.

They need scikit-learn: python -m pip install "refnet[sklearn]". What it does for them
stands here; their own part, refnet.estimators, needs NumPy alone.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from refnet.checks import Array
from refnet.estimators import hidden
from refnet.estimators.classifier import Classifier
from refnet.estimators.perceptron import Perceptron
from refnet.estimators.regressor import Regressor

try:
    from sklearn import config_context
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        RegressorMixin,
        TransformerMixin,
        is_regressor,
    )
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import r2_score
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "sklearn":
        raise
    raise ModuleNotFoundError(
        'refnet.sklearn needs scikit-learn: python -m pip install "refnet[sklearn]"',
        name="sklearn",
    ) from error

__all__ = ["MLPClassifier", "MLPRegressor"]

FLOATS = (np.float64, np.float32)  # X keeps its dtype where it is one of these


class Estimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, Perceptron):
    """What scikit-learn does for a perceptron, and asks of it."""

    _not_converged = ConvergenceWarning

    def transform(self, X: ArrayLike) -> Array:
        """The activations a^l of the hidden layer transform_layer, without dropout: -1
        is the last one, 0 the first.

        Shapes: X (n, features) to (n, units of the layer).
        Torch: the output of the layer's activation module, after model.eval().
        Errors: ValueError where there is no such layer; NotFittedError before fit.
        Source: Goodfellow, Bengio and Courville, Deep Learning, section 15.1.
        """
        x, where = self._inputs(X), type(self).__name__
        return hidden.features(self.network_, x, where, self.transform_layer)

    @property
    def _n_features_out(self) -> int:
        return hidden.width(self.network_, type(self).__name__, self.transform_layer)

    def _inputs(self, X: Any) -> Array:
        check_is_fitted(self)
        return self._validated(X, reset=False)

    def _pair(self, X: Any, y: Any, fresh: bool) -> tuple[Array, Array]:
        numeric = is_regressor(self)
        return self._validated(X, y, multi_output=True, y_numeric=numeric, reset=fresh)

    def _validated(self, *arrays: Any, **settings: Any) -> Any:
        # refnet computes with NumPy; with the array API on, lists would be refused
        with config_context(array_api_dispatch=False):
            return validate_data(self, *arrays, dtype=FLOATS, **settings)

    def _column(self, y: Array) -> Array:
        return column_or_1d(y, warn=True)

    def _generator(self) -> Any:
        return check_random_state(self.random_state)

    def _parts(self, arrays: list[Array], rng: Any, stratify: Array | None) -> list[Array]:
        size = self.validation_fraction
        return train_test_split(*arrays, random_state=rng, test_size=size, stratify=stratify)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_logits"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._relinked()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class MLPClassifier(ClassifierMixin, Estimator, Classifier):
    """A multilayer perceptron that tells classes apart: `refnet.fit` behind the
    parameters, methods and attributes of scikit-learn's MLPClassifier.

    Two classes have one output with a sigmoid, several a softmax, and y of 0 and 1 in
    (n, k) a sigmoid for each of k labels. It learns by cross-entropy on z, so that no
    gradient is lost where a probability rounds to 0. `network_` is the refnet.Network,
    whose outputs are the probabilities; `history_` is the refnet.History.

    What scikit-learn's has not:

    - activation: also "sigmoid", "leaky_relu" or any refnet.Activation, and a list with
      one for each hidden layer.
    - solver: also "adamw", whose weight decay alpha is then, divided by nothing, and
      not in the loss; "rmsprop" and "adagrad", with PyTorch's other settings.
    - dropout: the probability with which an output of a hidden layer is dropped in
      training, one for all hidden layers or a list with one for each.
    - clip_norm: the length to which a longer gradient is shortened.
    - class_weight: None, "balanced" or a dict; multiplies sample_weight.
    - transform(X): the activations of the hidden layer transform_layer, -1 for the
      last.
    - validation_loss_curve_: beside validation_scores_.

    Differences from scikit-learn's, in what both have:

    - There is no solver "lbfgs", and so no max_fun; X is dense, and so is what predict
      gives where y was sparse.
    - The last, smaller batch of an epoch has the penalty of the others: alpha is
      divided by the rows of a whole batch, times the mean of their weights.
    - Rows whose weight is 0 are left out at first, and the loss of an epoch is a mean
      by weights, not by rows. Negative weights are refused.
    - Adam adds epsilon behind the bias correction, as PyTorch does.
    - The velocity of SGD is one of gradients, not of steps: another step where the
      learning rate changes. With warm_start, "invscaling" goes on where it was.
    - The same random_state gives the same first weights and the same rows for
      validation, but other permutations; partial_fit draws the next one at each call. A
      batch of all rows is not shuffled.
    - Losses and log-probabilities come from z and are not cut off at the precision, and
      none is infinite; where y has one class, predict_proba has one column.
    - With warm_start and partial_fit, parameters that name other layers than before are
      refused; y may lack classes.
    - A step that would not be finite raises FloatingPointError at that step, with the
      weights as they were before it. An interrupt is not caught; the curves are those
      of the whole epochs then, and with early_stopping the weights not the best.
    - Outputs have the dtype of the X that was learnt from.
    - coefs_ and intercepts_ are views of the network's vector: write into them.
    - A parameter is refused by a TypeError where its kind is wrong; verbose tells the
      end in other words. Arguments have the order of scikit-learn 1.9.

    Shapes: X (n, features); y (n,) labels of any kind, or (n, k) of 0 and 1.
    Torch: a Sequential of Linear and activations under CrossEntropyLoss or
        BCEWithLogitsLoss; refnet.formats.to_state_dict(model.network_).
    Errors: ValueError or TypeError for unusable parameters or data.
    Source: scikit-learn 1.9, sklearn.neural_network.MLPClassifier.

    >>> from refnet.sklearn import MLPClassifier
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> model = MLPClassifier(8, "tanh", learning_rate_init=0.1, random_state=0)
    >>> model.fit(x, y).predict(x)
    array(['no', 'yes', 'yes', 'no'], dtype='<U3')
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        class_weight: Any = None,
        dropout: Any = 0.0,
        clip_norm: float | None = None,
        transform_layer: int = -1,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.dropout = dropout
        self.clip_norm = clip_norm
        self.transform_layer = transform_layer

    def _kind_of(self, y: Array) -> str:
        check_classification_targets(y)
        return type_of_target(y)

    def _weights_of_classes(self, y: Array) -> Array:
        if not isinstance(self.class_weight, dict) or y.ndim == 2:
            return compute_sample_weight(self.class_weight, y)
        # of each class there is, as this y may lack some
        weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        return weights[np.searchsorted(self.classes_, y)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, Estimator, Regressor):
    """A multilayer perceptron that predicts numbers: `refnet.fit` behind the
    parameters, methods and attributes of scikit-learn's MLPRegressor.

    What it has besides, and in what both differ, stands at MLPClassifier; class_weight
    is the classifier's alone. Besides:

    - loss "squared_error" is 1/2 sum (a - y)^2 over the outputs, averaged over the
      rows. scikit-learn descends along the gradient of this too, but its loss_ is the
      mean over the outputs (scikit-learn #8349). So with k outputs the weights are the
      same, and loss_ without the penalty, which tol looks at, is k times as large here:
      a loss belongs to its gradient.
    - loss "absolute_error" is the mean of |a - y| over outputs and rows, which
      scikit-learn's has not; there is no loss "poisson".

    Shapes: X (n, features); y (n,) or (n, outputs).
    Torch: a Sequential of Linear and activations under MSELoss, times outputs / 2, or
        L1Loss.
    Errors: ValueError or TypeError for unusable parameters or data.
    Source: scikit-learn 1.9, sklearn.neural_network.MLPRegressor.

    >>> from refnet.sklearn import MLPRegressor
    >>> model = MLPRegressor(hidden_layer_sizes=(), solver="sgd", alpha=0, tol=1e-9)
    >>> model = model.set_params(learning_rate_init=0.3, momentum=0.5, random_state=0)
    >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[3.0]]).round(1)
    array([7.])
    """

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        dropout: Any = 0.0,
        clip_norm: float | None = None,
        transform_layer: int = -1,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.dropout = dropout
        self.clip_norm = clip_norm
        self.transform_layer = transform_layer

    def _r2(self, y: Array, outputs: Array, weights: Array | None) -> float:
        return float(r2_score(y, outputs, sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
