"""What a regressor's numbers are."""

from abc import abstractmethod
from math import nan

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Activation, Identity
from refnet.checks import Array, real_array
from refnet.estimators.perceptron import Perceptron, Rows
from refnet.losses import MAE, HalfSquaredError, Loss


class Regressor(Perceptron):
    """An estimator that predicts numbers."""

    loss: str

    @abstractmethod
    def _r2(self, y: Array, outputs: Array, weights: Array | None) -> float:
        """The coefficient of determination."""

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> "Regressor":
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
        y = real_array(f"{type(self).__name__}: y", y)
        y = y if y.ndim == 1 or y.shape[1] > 1 else self._column(y)
        return y, 1 if y.ndim == 1 else y.shape[1]

    def _stratified(self, y: Array) -> Array | None:
        return None

    def _judged(self, outputs: Array, rows: Rows) -> float:
        # a training that diverges goes on, and its best weights come back
        return self._r2(rows.y, outputs, rows.weights) if np.isfinite(outputs).all() else nan
