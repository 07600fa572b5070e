"""MLPRegressor: scikit-learn's regressor with refnet inside."""

from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d

from refnet.activations import Activation, Identity
from refnet.checks import Array
from refnet.losses import MAE, HalfSquaredError, Loss
from refnet.sklearn.estimator import Perceptron, Rows


class MLPRegressor(RegressorMixin, Perceptron):
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

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> "MLPRegressor":
        """One epoch on X and y, which goes on with the training there is: its weights,
        its update rule, its permutations.

        Shapes: X (n, features); y (n,) or (n, outputs); sample_weight (n,).
        Torch: one epoch of the usual loop.
        Errors: as fit.
        Source: scikit-learn 1.9, MLPRegressor.partial_fit.
        """
        return self._fit(X, y, sample_weight, once=True)

    def predict(self, X: ArrayLike) -> Array:
        """The value of each row.

        Shapes: X (n, features) to (n,), or (n, outputs) where there are several.
        Torch: model(x).
        Errors: ValueError for other columns than in fit; NotFittedError before it.
        Source: scikit-learn 1.9, MLPRegressor.predict.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _output(self) -> Activation:
        return Identity()

    def _loss(self) -> Loss:
        return HalfSquaredError() if self.loss == "squared_error" else MAE()

    def _targets(self, y: Array, fresh: bool) -> tuple[Array, int]:
        y = y if y.ndim == 1 or y.shape[1] > 1 else column_or_1d(y, warn=True)
        return y, 1 if y.ndim == 1 else y.shape[1]

    def _stratified(self, y: Array) -> Array | None:
        return None

    def _judged(self, outputs: Array, rows: Rows) -> float:
        return float(r2_score(rows.y, outputs, sample_weight=rows.weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
