"""The perceptron: a weighted sum, a step function, and a rule that learns from mistakes.

    z = sum over i of x_i w_i + b        the weighted sum
    yhat = 1 where z > 0, else 0         the step function
    w := w + lr (y - yhat) x             the learning rule, one example after the other
    b := b + lr (y - yhat)

At z = 0 the step function is 0, as refnet's Heaviside is. Elgendy's code has it so, too; in his prose and his figure it fires there.

If a line separates the labels, an epoch without a mistake comes (Novikoff). If none does, w and b stay bounded and on integers come back to
what they were: the mistakes in between, rows (x, 1) with the signs of their labels, sum to zero. That proves that no line separates: on
the right sides of one, each of them would add to a sum that is not zero (Gordan). Such a sum is looked for exactly, in fractions.

Source: Elgendy, Deep Learning for Vision Systems, section 2.1; Rosenblatt, The perceptron (1958).
"""

from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refnet.checks import Array, class_labels, integer, matrix, number, real_array


def weighted_sum(w: ArrayLike, b: float, x: ArrayLike) -> Any:
    """z = sum over i of x_i w_i + b.

    Shapes: w (features,), x (features,) or (n, features), to a number or (n,).
    Torch: torch.nn.Linear(features, 1).
    Source: Elgendy, Deep Learning for Vision Systems, section 2.1.1.
    Errors: ValueError where x and w differ in their number of features.
    """
    weights, inputs = real_array("weighted_sum: w", w), real_array("weighted_sum: x", x)
    if weights.ndim != 1 or inputs.shape[-1:] != weights.shape:
        raise ValueError(f"weighted_sum: x has shape {inputs.shape}, expected (n, features) with w {weights.shape} as (features,)")
    return np.multiply(inputs, weights, order="C").sum(axis=-1) + b  # one order of summation for a row alone and among others


def step_function(z: ArrayLike) -> Any:
    """yhat = 1 where z > 0, else 0.

    Shapes: any, kept.
    Torch: torch.heaviside(z, values=0).
    Source: Elgendy, Deep Learning for Vision Systems, section 2.1.1.
    """
    return (np.asarray(z) > 0).astype(np.intp)


class Learned(NamedTuple):
    """w, b, and what is known: `separable` is True, False (proven: no line separates) or None (not known), and `why` says why.

    `mistakes` is their number in each epoch. `counts` is how often each row was one: since the start, or, where separable is False, in
    the epochs that prove it: sum over i of counts_i s_i (x_i, 1) = 0, exactly, with s_i = 1 for label 1 and -1 for label 0.

    Shapes: w (features,), counts (n,).
    Torch: none.
    Source: Elgendy, Deep Learning for Vision Systems, sections 2.1.2 and 2.1.3.
    """

    w: Array
    b: float
    epochs: int
    mistakes: tuple[int, ...]
    separable: bool | None
    why: str
    counts: Array

    def predict(self, x: ArrayLike) -> Array:
        """yhat of each row. Shapes: x (n, features) to (n,). Errors: ValueError or TypeError where x does not fit."""
        return step_function(weighted_sum(self.w, self.b, matrix("Learned.predict: x", x, self.w.dtype, ("n", len(self.w)))))


def learn(x: ArrayLike, labels: ArrayLike, lr: float = 1.0, epochs: int = 1000) -> Learned:
    """w := w + lr (y - yhat) x, b := b + lr (y - yhat), row after row and from zero, until an epoch has no mistake.

    It stops before where it is proven that no such epoch comes, and after `epochs` in any case.

    Shapes: x (n, features), labels (n,) of 0 and 1.
    Torch: none; torch.optim.SGD(lr=lr), one row at a time, with yhat - y as the gradient of z.
    Source: Elgendy, Deep Learning for Vision Systems, section 2.1.2; Rosenblatt, The perceptron (1958).
    Errors: ValueError or TypeError where an argument does not fit; FloatingPointError where w or b would not be finite.
    """
    x, y = _checked(x, labels)
    lr, epochs = number("perceptron", "lr", lr, low=0.0), integer("perceptron", "epochs", epochs, low=1)
    w, b, counts, mistakes = np.zeros(x.shape[1]), 0.0, np.zeros(len(x), np.int64), []
    total = [Fraction(0)] * (x.shape[1] + 1)
    kept = {0: (total, counts)}
    for epoch in range(1, epochs + 1):
        with np.errstate(all="ignore"):  # what overflows is found and named
            w, b, missed = one_epoch(w, b, x, y, lr)
        if not np.isfinite([*w, b]).all():
            raise FloatingPointError(f"perceptron: epoch {epoch}: w and b have {[*w.tolist(), b]}, expected finite values")
        counts = counts + missed
        mistakes.append(int(missed.sum()))
        if not mistakes[-1]:
            break
        total = [p + q for p, q in zip(total, signed_sum(x, y, missed), strict=True)]
        for start, (earlier, counts_then) in kept.items():
            if total == earlier:
                return Learned(w, b, epoch, tuple(mistakes), False, _impossible(start, epoch), counts - counts_then)
        if epoch & (epoch - 1) == 0:  # at powers of two: when it goes round in a circle, it comes back to one of them (Brent)
            kept[epoch] = total, counts
    return Learned(w, b, epoch, tuple(mistakes), *_verdict(w, b, x, y, mistakes, total), counts)


def one_epoch(w: Array, b: float, x: Array, y: Array, lr: float) -> tuple[Array, float, Array]:
    """w := w + lr (y - yhat) x, b := b + lr (y - yhat), once for each row: w, b, and 1 for each row that was a mistake, else 0.

    Shapes: w (features,), x (n, features), y (n,).
    Torch: none; as `learn`.
    Source: Elgendy, Deep Learning for Vision Systems, section 2.1.2.
    """
    missed = np.zeros(len(x), np.int64)
    for i in range(len(x)):
        yhat = step_function(weighted_sum(w, b, x[i]))
        if yhat != y[i]:
            error = float(y[i] - yhat)
            w, b = w + lr * error * x[i], b + lr * error
            missed[i] = 1
    return w, b, missed


def signed_sum(x: Array, labels: Array, counts: Array) -> list[Fraction]:
    """sum over i of counts_i s_i (x_i, 1), exactly, with s_i = 1 for label 1 and -1 for label 0.

    This is what the rule adds to w and b at lr = 1 where row i is a mistake counts_i times.

    Shapes: x (n, features), labels and counts (n,), to features + 1 fractions.
    Torch: none.
    Source: Novikoff, On convergence proofs on perceptrons (1962).
    """
    used = np.flatnonzero(counts)
    signed = np.where(labels == 1, counts, -counts)[used].tolist()
    columns = [*x[used].T.tolist(), [1.0] * len(used)]
    return [sum((k * Fraction(value) for k, value in zip(signed, column, strict=True)), Fraction(0)) for column in columns]


def margin(total: Sequence[Fraction], mistakes: int) -> Decimal:
    """||total|| / mistakes, rounded up to three digits, for total = sum over i of counts_i s_i (x_i, 1) and mistakes = sum of counts.

    No line has every (x_i, 1) farther than this on its side: the mean of their distances, each taken counts_i times, is no larger.

    Shapes: total (features + 1,) to a number.
    Torch: none.
    Source: Novikoff, On convergence proofs on perceptrons (1962).
    """
    squared = sum(entry * entry for entry in total) / Fraction(mistakes) ** 2
    three, twenty = Context(prec=3), Context(prec=20)
    found = three.plus(twenty.sqrt(twenty.divide(Decimal(squared.numerator), Decimal(squared.denominator))))
    while Fraction(found) ** 2 < squared:  # rounded down
        found = three.next_plus(found)
    return found


def _checked(x: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    given, y = real_array("perceptron: x", x), real_array("perceptron: labels", labels)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(f"perceptron: x has shape {given.shape}, expected (n, features) with both at least 1")
    if y.shape != given.shape[:1]:
        raise ValueError(f"perceptron: labels has shape {y.shape}, expected ({len(given)},)")
    rows = np.ascontiguousarray(matrix("perceptron: x", x, np.dtype(np.float64), given.shape), np.float64)
    return rows, class_labels("perceptron: labels", y, 2)


def _impossible(start: int, end: int) -> str:
    epochs = f"epoch {end}" if end == start + 1 else f"epochs {start + 1} to {end}"
    return f"no line separates the labels: the mistakes of {epochs}, rows (x, 1) with the signs of their labels, sum to zero"


def _verdict(w: Array, b: float, x: Array, y: Array, mistakes: list[int], total: list[Fraction]) -> tuple[bool | None, str]:
    """`separable` and `why` after the last epoch."""
    if not mistakes[-1] and _separates(w, b, x, y):
        return True, f"a line separates the labels: epoch {len(mistakes)} has no mistake"
    bound = f"a line that does has a margin of at most {margin(total, sum(mistakes)):g} in (x, 1)"
    return None, f"not known after epoch {len(mistakes)} whether a line separates the labels: {bound}"


def _separates(w: Array, b: float, x: Array, y: Array) -> bool:
    """Whether the rows lie on their sides also without rounding; exact where rounding could change the sign of z."""
    features, tiny = x.shape[1], np.finfo(np.float64).smallest_subnormal
    with np.errstate(all="ignore"):  # where z overflows, it is judged exactly
        error = (features + 2) * np.finfo(np.float64).eps * (np.abs(x) @ np.abs(w) + abs(b)) + features * tiny
        near = np.flatnonzero(~(np.abs(weighted_sum(w, b, x)) > error))  # NaN is near, too
    exact = [sum((Fraction(p) * Fraction(q) for p, q in zip(x[i].tolist(), w.tolist(), strict=True)), Fraction(b)) for i in near]
    return all((z > 0) == (y[i] == 1) for i, z in zip(near, exact, strict=True))
