"""MLPClassifier: scikit-learn's classifier with refnet inside."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted

from refnet.activations import Activation, Sigmoid, Softmax
from refnet.checks import Array, row_weights
from refnet.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from refnet.sklearn.estimator import Perceptron, Rows
from refnet.sklearn.inputs import checked_inputs


class MLPClassifier(ClassifierMixin, Perceptron):
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

    - There is no solver "lbfgs", and so no max_fun; X is dense.
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
    - With warm_start, other layers than before are refused, and y may lack classes.
    - A step that would not be finite raises FloatingPointError at that step, with the
      weights as they were before it. An interrupt is not caught.
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

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> "MLPClassifier":
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
        check_is_fitted(self)
        z = self._logits.predict(checked_inputs(self, X))
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
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
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
        others = np.setdiff1d(classes, self.classes_)
        if len(others) or is_multilabel != self._is_multilabel:
            raise ValueError(
                f"{type(self).__name__}: y has {others}, expected classes of {self.classes_}"
            )

    def _weights(self, sample_weight: Any, X: Array, y: Array) -> Array | None:
        given = super()._weights(sample_weight, X, y)
        if self.class_weight is None:
            return given
        by_class = compute_sample_weight(self.class_weight, y)
        return row_weights(
            "class_weight", by_class if given is None else by_class * given, len(X), X.dtype
        )

    def _stratified(self, y: Array) -> Array | None:
        return y if y.ndim == 1 and len(self.classes_) <= 2 else None

    def _judged(self, outputs: Array, rows: Rows) -> float:
        right = self._decided(outputs) == rows.y
        return float(np.average(right if right.ndim == 1 else right.all(1), weights=rows.weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
