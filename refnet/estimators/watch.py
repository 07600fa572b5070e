"""When the training of an estimator ends, and what is kept of it: scikit-learn's rules,
which `fit` asks after each epoch.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from refnet.history import Epoch
from refnet.network import Network

if TYPE_CHECKING:
    from refnet.checks import Array

SMALLEST_LR = 1e-6  # scikit-learn's: an adaptive learning rate at most this is not divided again
DIVISOR = 5.0  # of an adaptive learning rate, scikit-learn's too


@dataclass
class Course:
    """What a training went through, over all calls of partial_fit, or of fit with
    warm_start.
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_loss: float = inf
    best_score: float = -inf
    stale: int = 0  # epochs in a row without improvement
    rows: int = 0  # seen so far, those of each epoch
    lr: float = 0.0

    def loss_improved(self, tol: float) -> bool:
        """Whether the last loss is below the best one by at least tol."""
        last = self.loss[-1]
        improved = last <= self.best_loss - tol
        self.best_loss = min(self.best_loss, last)
        return improved

    def score_improved(self, tol: float) -> tuple[bool, bool]:
        """Whether the last score is above the best one by at least tol, and at all."""
        last, best = self.scores[-1], self.best_score
        self.best_score = max(best, last)
        return last >= best + tol, last > best


class Watch:
    """Stop when the loss, or with `score` the validation score, has not improved by
    `tol` for more than n_iter_no_change epochs; a learning rate that is adaptive is
    divided by 5 instead, down to 1e-6. With `score`, the best weights come back.
    """

    def __init__(
        self, course: Course, estimator: Any, net: Network, score: Callable[[], float] | None
    ) -> None:
        self._course, self._estimator, self._score = course, estimator, score
        self._best: Array | None = None if score is None else net.parameters.copy()
        self._rule = estimator.learning_rate if estimator.solver == "sgd" else "constant"
        self.rows = 0  # of an epoch
        self.epochs = 0
        self.stopped = False

    def start(self, validated: bool) -> None:
        """Nothing to do: the course goes on."""

    def lr(self, lr: float, epoch: int) -> float:
        """The learning rate of the epoch: a schedule for `fit`."""
        if self._rule == "invscaling":
            return lr / float(self._course.rows + 1) ** self._estimator.power_t
        return self._course.lr

    def reason(self, net: Network, epoch: Epoch) -> str | None:
        """Why to stop now, or None to go on."""
        course, tol = self._course, self._estimator.tol
        self.epochs += 1
        course.loss.append(epoch.loss)
        course.rows += self.rows
        self._say(f"Iteration {self.epochs}, loss = {epoch.loss:.8f}")
        if self._score is None:
            improved = course.loss_improved(tol)
        else:
            improved = self._judge(net, epoch, tol)
        course.stale = 0 if improved else course.stale + 1
        return self._verdict() if course.stale > self._estimator.n_iter_no_change else None

    def finish(self, net: Network) -> None:
        """Put the best weights back, in place."""
        if self._best is not None:
            net.parameters[:] = self._best

    def _judge(self, net: Network, epoch: Epoch, tol: float) -> bool:
        """Keep the validation loss and score, and the weights where it is the best."""
        course = self._course
        if epoch.validation_loss is not None:
            course.validation_loss.append(epoch.validation_loss)
        if self._score is not None:
            course.scores.append(self._score())
        self._say(f"Validation score: {course.scores[-1]:f}")
        improved, is_best = course.score_improved(tol)
        if is_best:
            self._best = net.parameters.copy()
        return improved

    def _verdict(self) -> str | None:
        """Why to stop; None where an adaptive learning rate is made smaller instead."""
        what = "training loss" if self._score is None else "validation score"
        patience = self._estimator.n_iter_no_change
        says = f"{what} did not improve by {self._estimator.tol:g} for {patience} epochs"
        if self._rule == "adaptive" and self._course.lr > SMALLEST_LR:
            self._course.lr /= DIVISOR
            self._course.stale = 0
            self._say(f"{says}: learning rate set to {self._course.lr:g}")
            return None
        self._say(f"{says}: stopping")
        self.stopped = True
        return says

    def _say(self, line: str) -> None:
        if self._estimator.verbose:
            print(line)
