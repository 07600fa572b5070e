"""What a classifier's classes, labels and probabilities are."""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Activation, Sigmoid, Softmax
from refnet.checks import Array, row_weights
from refnet.estimators.perceptron import Perceptron, Rows
from refnet.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy


class Classifier(Perceptron):
    """An estimator that tells classes apart."""

    class_weight: Any
    classes_: Array

    @abstractmethod
    def _kind_of(self, y: Array) -> str:
        """What y is in scikit-learn's words, refused where it is no classes."""

    @abstractmethod
    def _weights_of_classes(self, y: Array) -> Array:
        """The weight of each row that class_weight says."""

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> "Classifier":
        """One epoch on X and y, which goes on with the training there is: its weights,
        its update rule, its permutations. The first call wants all `classes`.

        Shapes: X (n, features); y (n,) or (n, outputs); sample_weight (n,); classes
            (k,).
        Torch: one epoch of the usual loop.
        Errors: as fit; ValueError where classes are missing or others than before.
        Source: scikit-learn 1.9, MLPClassifier.partial_fit.
        """
        where = type(self).__name__
        if self.class_weight == "balanced":
            raise ValueError(
                f"{where}: partial_fit has class_weight 'balanced', expected None or a dict: it "
                f"does not see all rows"
            )
        known: Any = getattr(self, "classes_", None)
        if known is None and classes is None:
            raise ValueError(
                f"{where}: classes has None, expected all classes at the first call of partial_fit"
            )
        given = known if classes is None else np.unique(np.asarray(classes))
        if known is not None and not np.array_equal(given, known):
            raise ValueError(f"{where}: classes has {given}, expected {known} as before")
        self._given_classes = given
        try:
            return self._fit(X, y, sample_weight, once=True)
        finally:
            del self._given_classes

    def predict(self, X: ArrayLike) -> Array:
        """The class of each row; with several labels per row, 0 or 1 for each.

        Shapes: X (n, features) to (n,) or (n, outputs).
        Torch: model(x).argmax(dim=1).
        Errors: ValueError for other columns than in fit; NotFittedError before it.
        Source: scikit-learn 1.9, MLPClassifier.predict.
        """
        decided = self._decided(self._outputs(X))
        return decided if decided.ndim == 2 else self.classes_[decided]

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class; with several labels per row, of each label.

        Shapes: X (n, features) to (n, classes).
        Torch: model(x), after softmax or sigmoid.
        Errors: as predict.
        Source: scikit-learn 1.9, MLPClassifier.predict_proba.
        """
        return self._both(self._outputs(X), lambda p: 1.0 - p)

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """The logarithms of the probabilities, from z, so that none is -inf.

        Shapes: X (n, features) to (n, classes).
        Torch: torch.nn.functional.log_softmax(z, dim=1), logsigmoid(z).
        Errors: as predict.
        Source: scikit-learn 1.9, MLPClassifier.predict_log_proba.
        """
        x = self._inputs(X)
        z = self._logits.predict(x)
        if isinstance(self._output(), Softmax):
            z = z - z.max(axis=1, keepdims=True)
            return z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return self._both(-np.logaddexp(0.0, -z), lambda log_p: -np.logaddexp(0.0, z))

    def _both(self, yes: Array, no: Any) -> Array:
        """Of two classes, what the one output says of both."""
        if yes.shape[1] > 1 or self._is_multilabel:
            return yes
        both = np.concatenate([no(yes), yes], axis=1)
        return both if len(self.classes_) == 2 else both[:, :1]

    def _decided(self, outputs: Array) -> Array:
        """The number of the class of each row, or the labels of each row."""
        if isinstance(self._output(), Softmax):
            return outputs.argmax(axis=1)
        decided = (outputs > 0.5).astype(np.intp)
        return decided if self._is_multilabel else decided[:, 0]

    def _output(self) -> Activation:
        return Softmax() if len(self.classes_) > 2 and not self._is_multilabel else Sigmoid()

    def _loss(self) -> Loss:
        if isinstance(self._output(), Softmax):
            return SoftmaxCrossEntropy()
        # a mean over the outputs, of which each counts k times: scikit-learn's sum
        k = self.n_outputs_
        return SigmoidCrossEntropy(weight=[k] * k if k > 1 else None)

    def _targets(self, y: Array, fresh: bool) -> tuple[Array, int]:
        if hasattr(y, "toarray"):
            y = y.toarray()
        if y.ndim == 2 and y.shape[1] == 1:
            y = self._column(y)
        if self._kind_of(y) == "multiclass-multioutput":
            raise ValueError(
                f"{type(self).__name__}: y has shape {y.shape} with other numbers than 0 and 1, "
                f"expected one class per row, (n,), or 0 and 1 for each label"
            )
        classes = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
        self._know(classes, y.ndim == 2, fresh)
        if y.ndim == 2:
            return y.astype(np.float32), y.shape[1]
        labels = np.searchsorted(self.classes_, y)
        if len(self.classes_) > 2:
            return labels, len(self.classes_)
        return labels.astype(np.float32), 1

    def _know(self, classes: Array, is_multilabel: bool, fresh: bool) -> None:
        """Keep the classes, or refuse others than those that are known."""
        given: Any = getattr(self, "_given_classes", None)
        if fresh and (given is None or is_multilabel):
            self.classes_, self._is_multilabel = classes, is_multilabel
            return
        if fresh:
            self.classes_, self._is_multilabel = given, False
        if is_multilabel != self._is_multilabel:
            kinds = ("one class per row", "0 and 1 for each label")
            raise ValueError(
                f"{type(self).__name__}: y has {kinds[is_multilabel]}, expected "
                f"{kinds[self._is_multilabel]} as before"
            )
        others = np.setdiff1d(classes, self.classes_)
        if len(others):
            raise ValueError(
                f"{type(self).__name__}: y has {others}, expected classes of {self.classes_}"
            )

    def _weights(self, sample_weight: Any, X: Array, y: Array) -> Array | None:
        given = super()._weights(sample_weight, X, y)
        if self.class_weight is None:
            return given
        by_class = self._weights_of_classes(y)
        return row_weights(
            "class_weight", by_class if given is None else by_class * given, len(X), X.dtype
        )

    def _stratified(self, y: Array) -> Array | None:
        return y if y.ndim == 1 and len(self.classes_) <= 2 else None

    def _judged(self, outputs: Array, rows: Rows) -> float:
        right = self._decided(outputs) == rows.y
        return float(np.average(right if right.ndim == 1 else right.all(1), weights=rows.weights))
