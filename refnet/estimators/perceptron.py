"""What MLPClassifier and MLPRegressor share: how a training by `refnet.fit` is set up
from scikit-learn's parameters, and what is kept of it.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import Activation, Identity, Sigmoid
from refnet.checks import Array, counted, row_weights
from refnet.estimators import parameters
from refnet.estimators.initial import drawn, ending_in
from refnet.estimators.watch import Course, Watch
from refnet.history import History
from refnet.layer import Kind
from refnet.losses import Loss
from refnet.network import Network
from refnet.regularisers import L2
from refnet.training import fit

AUTO = 200  # rows of a batch with batch_size="auto", scikit-learn's number
SEEDS = 2**31 - 1


class Rows(NamedTuple):
    """Rows that a network learns from or is judged on."""

    x: Array
    y: Array  # as the loss wants it
    weights: Array | None

    @property
    def weight(self) -> float:
        """The mean weight of a row."""
        return 1.0 if self.weights is None else float(self.weights.mean())


class Perceptron(ABC):
    """An estimator whose network `refnet.fit` trains. What it asks scikit-learn for
    stands first: refnet.sklearn gives it.
    """

    hidden_layer_sizes: Any
    activation: Any
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate_init: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    warm_start: bool
    early_stopping: bool
    validation_fraction: float
    dropout: float | Sequence[float]
    clip_norm: float | None
    network_: Network
    _not_converged: type[Warning]  # where max_iter has ended a training

    @abstractmethod
    def _inputs(self, X: Any) -> Array:
        """X of an estimator that has been fitted, with the columns of fit; checked."""

    @abstractmethod
    def _pair(self, X: Any, y: Any, fresh: bool) -> tuple[Array, Array]:
        """X and y to learn from, checked; `fresh` where the columns of X become those
        of fit.
        """

    @abstractmethod
    def _column(self, y: Array) -> Array:
        """y (n,) of (n, 1), with a warning."""

    @abstractmethod
    def _generator(self) -> Any:
        """The numpy.random.RandomState that random_state stands for."""

    @abstractmethod
    def _parts(self, arrays: list[Array], rng: Any, stratify: Array | None) -> list[Array]:
        """Of each array the rows to learn from, then those to validate on."""

    @abstractmethod
    def _loss(self) -> Loss:
        """The loss, on what the network has before its output activation."""

    @abstractmethod
    def _output(self) -> Activation:
        """The activation of the output."""

    @abstractmethod
    def _targets(self, y: Array, fresh: bool) -> tuple[Array, int]:
        """y as the loss wants it, and the number of outputs."""

    @abstractmethod
    def _stratified(self, y: Array) -> Array | None:
        """The labels by which the rows for validation are drawn, where they are."""

    @abstractmethod
    def _judged(self, outputs: Array, rows: Rows) -> float:
        """The score of these outputs on these rows."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """Train on X and y, from new weights, or with warm_start from those there are.

        Shapes: X (n, features); y (n,) or (n, outputs); sample_weight (n,).
        Torch: the usual loop: zero_grad, forward, loss, backward, step.
        Errors: ValueError or TypeError for unusable input or parameters;
            FloatingPointError at a step that would not be finite.
        Source: scikit-learn 1.9, MLPClassifier.fit.
        """
        return self._fit(X, y, sample_weight, once=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, once: bool) -> Any:
        """Train for one epoch, `once`, which goes on with the training there is; or
        until a rule or max_iter ends it.
        """
        parameters.checked(self)
        if once and self.early_stopping:
            raise ValueError(
                f"{type(self).__name__}: partial_fit has early_stopping=True, expected False: "
                f"there are no rows to validate on"
            )
        fresh = not hasattr(self, "network_") or not (self.warm_start or once)
        X, y = self._pair(X, y, fresh)
        targets, outputs = self._targets(y, fresh)
        rows = _counted_rows(Rows(X, targets, self._weights(sample_weight, X, y)))
        kinds = self._kinds(X.shape[1], outputs)
        rng = self._generator()
        net = self._drawn(kinds, X.dtype, rng) if fresh else self._as_before(kinds)
        learn, held = self._split(rows, rng) if self.early_stopping else (rows, None)
        if fresh:
            self._begin(net)
        self.n_outputs_, self.n_layers_ = outputs, len(kinds) + 1
        score = None if held is None else partial(self._scored, held)
        watch = Watch(self._course, self, net, score)
        try:
            self._train(learn, held, watch, once, rng)
        finally:  # of a training that an interrupt or an overflow ends, too
            self._keep(watch)
        if not (once or watch.stopped):
            self._warn()
        return self

    def _begin(self, net: Network) -> None:
        """A training from the start."""
        self._course, self.history_ = Course(), History()
        self._logits, self.network_ = net, ending_in(net, self._output())
        self.network_.columns = getattr(self, "feature_names_in_", None)

    def _scored(self, held: Rows) -> float:
        """The validation score of the network as it is now."""
        return self._judged(self.network_.predict(held.x), held)

    def _warn(self) -> None:
        """Where max_iter has ended a training, in scikit-learn's words."""
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
            f"optimization hasn't converged yet.",
            self._not_converged,
            stacklevel=4,
        )

    def _weights(self, sample_weight: Any, X: Array, y: Array) -> Array | None:
        """The weight of each row, or None where all count alike."""
        if sample_weight is None:
            return None
        given = np.asarray(sample_weight)
        if given.shape == (len(X),) and given.dtype.kind in "biuf" and not given.any():
            raise ValueError(
                f"{type(self).__name__}: sample_weight has zero as the weight of every row, "
                f"expected one > 0"
            )
        return row_weights("sample_weight", given, len(X), X.dtype)

    def _kinds(self, inputs: int, outputs: int) -> list[Kind]:
        """The layers, with no activation of the output."""
        where = type(self).__name__
        hidden = parameters.widths(where, self.hidden_layer_sizes)
        f = parameters.hidden_activations(where, self.activation, len(hidden))
        drops = [0.0, *parameters.drops(where, self.dropout, len(hidden))]
        shapes = [(above, below) for below, above in pairwise([inputs, *hidden, outputs])]
        layers = zip(shapes, [*f, Identity()], drops, strict=True)
        return [Kind(shape, True, each, drop) for shape, each, drop in layers]

    def _drawn(self, kinds: Sequence[Kind], dtype: np.dtype[Any], rng: Any) -> Network:
        # without a hidden layer, scikit-learn's bound is that of the parameter; a list
        # of activations is empty then
        given = self.activation if isinstance(self.activation, str | Activation) else Identity()
        if len(kinds) > 1:
            given = kinds[-2].activation
        [last] = parameters.hidden_activations(type(self).__name__, given, 1)
        return drawn(kinds, last, dtype, rng)

    def _as_before(self, kinds: Sequence[Kind]) -> Network:
        """The network that goes on, refused where the parameters name another one."""
        before = [layer.kind for layer in self._logits.layers]
        if before == kinds:
            return self._logits
        raise ValueError(
            f"{type(self).__name__}: network to go on with has the layers {_named(before)}, "
            f"expected {_named(kinds)} as the parameters and y say"
        )

    def _split(self, rows: Rows, rng: Any) -> tuple[Rows, Rows]:
        """The rows to learn from, and those to validate on."""
        stratify = self._stratified(rows.y)
        given = [array for array in rows if array is not None]
        parts = self._parts(given, rng, stratify)
        weights = [parts[4], parts[5]] if rows.weights is not None else [None, None]
        learn, held = (Rows(parts[i], parts[2 + i], weights[i]) for i in range(2))
        if len(held.x) < 2:
            raise ValueError(
                f"{type(self).__name__}: validation set has {counted(len(held.x), 'row')}, "
                f"expected at least 2: a larger validation_fraction or more rows"
            )
        return learn, held

    def _train(self, rows: Rows, held: Rows | None, watch: Watch, once: bool, rng: Any) -> None:
        """Let `refnet.fit` train the network."""
        n, reached = len(rows.x), self.history_.reached
        batch = self._batch(n)
        goes_on = reached if once else None
        if goes_on is None:
            self._course.lr = self.learning_rate_init
        watch.rows = n
        alpha = 0.0 if self.solver == "adamw" else self.alpha
        history = fit(
            self._logits,
            rows.x,
            rows.y,
            loss=self._loss(),
            optimizer=goes_on.optimizer if goes_on else parameters.optimizer(self),
            epochs=1 if once else self.max_iter,
            # one batch of all rows need not be shuffled
            batch_size=None if batch >= n else batch,
            shuffle=goes_on.shuffle if goes_on else self.shuffle,
            seed=goes_on.seed if goes_on else int(rng.randint(SEEDS)),
            validation=None if held is None else (held.x, held.y),
            schedule=watch.lr,
            stop=watch,
            sample_weight=rows.weights,
            # scikit-learn's alpha is divided by the weight of the rows of a batch
            penalty=L2(alpha / (batch * rows.weight)) if alpha else None,
            clip_norm=self.clip_norm,
            # without its epochs, so that each call takes as long as the first
            resume=History(reached=goes_on) if goes_on else None,
        )
        done = self.history_.epochs if once else []
        more = [epoch._replace(number=epoch.number + len(done)) for epoch in history.epochs]
        done.extend(more)
        self.history_ = History(done, history.stopped, history.reached)

    def _batch(self, n: int) -> int:
        """The rows of a batch."""
        if self.batch_size == "auto":
            return min(AUTO, n)
        if int(self.batch_size) > n:
            warnings.warn(
                f"{type(self).__name__}: batch_size has {self.batch_size}, expected at most the "
                f"{n} rows there are; a batch is all of them",
                UserWarning,
                stacklevel=5,
            )
        return min(int(self.batch_size), n)

    def _keep(self, watch: Watch) -> None:
        """Show what scikit-learn shows of a training."""
        course = self._course
        self.n_iter_, self.t_ = watch.epochs, course.rows
        self.loss_curve_, self.loss_ = course.loss, course.loss[-1] if course.loss else None
        early = self.early_stopping
        self.best_loss_ = None if early else course.best_loss
        self.best_validation_score_ = course.best_score if early else None
        self.validation_scores_ = course.scores if early else None
        self.validation_loss_curve_ = course.validation_loss if early else None
        f = self._output()
        self.out_activation_ = "logistic" if isinstance(f, Sigmoid) else f.name

    def _outputs(self, X: ArrayLike) -> Array:
        """The outputs of the network."""
        x = self._inputs(X)  # which refuses one that has no network yet
        return self.network_.predict(x)

    @property
    def coefs_(self) -> list[Array]:
        """W^T of each layer, (fan_in, fan_out): views of the network's vector."""
        return [layer.W.T for layer in self.network_.layers]

    @property
    def intercepts_(self) -> list[Array]:
        """b of each layer, (fan_out,): views of the network's vector."""
        return [layer.b for layer in self.network_.layers if layer.b is not None]

    def _relinked(self) -> None:
        """Share what joblib, which writes an array of two objects twice, has not."""
        if not hasattr(self, "network_"):
            return
        self._logits = ending_in(self.network_, Identity())
        reached = self.history_.reached
        if reached is not None:
            reached = reached._replace(optimizer=parameters.copied(reached.optimizer))
            self.history_ = History([*self.history_.epochs], self.history_.stopped, reached)


def _named(kinds: Sequence[Kind]) -> str:
    """The layers in words, the input first."""
    parts = [f"{kinds[0].shape[1]}"]
    for kind in kinds:
        if kind.dropout:  # of what the layer reads
            parts[-1] += f" (dropout {kind.dropout:g})"
        f = kind.activation
        settings = repr(f).removeprefix(type(f).__name__).removesuffix("()")
        parts.append(f"{kind.shape[0]} {f.name}{settings}")
    return " - ".join(parts)


def _counted_rows(rows: Rows) -> Rows:
    """The rows whose weight is not 0: a row that does not count is no row."""
    if rows.weights is None or rows.weights.all():
        return rows
    counts = rows.weights > 0
    return Rows(rows.x[counts], rows.y[counts], rows.weights[counts])
