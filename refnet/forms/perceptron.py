"""The perceptron: a weighted sum, a step function, and a rule that learns from
mistakes.

    z = sum over i of x_i w_i + b        the weighted sum
    yhat = 1 where z > 0, else 0         the step function
    w := w + lr (y - yhat) x             the learning rule, one example after the other
    b := b + lr (y - yhat)

At z = 0 the step function is 0, as refnet's Heaviside is. Elgendy's code does the same;
in his prose and his figure it is 1 there.

If a line separates the labels, some epoch has no mistake (Novikoff), though it may take
very many epochs. If no line does, w and b stay bounded, and on integers they come back
to earlier values. The mistakes in between, rows (x, 1) with the signs of their labels,
then sum to zero. That proves that no line separates the labels: with all rows on their
right sides of a line, each would add to a sum that is not zero (Gordan). Where the rule
ends with neither, `separation` decides, exactly and in whole numbers.

Source: Elgendy, Deep Learning for Vision Systems, section 2.1; Rosenblatt, The
    perceptron (1958).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refnet.checks import (
    Array,
    as_dtype,
    class_labels,
    counted,
    finite,
    integer,
    matrix,
    number,
    numbers_of_classes,
    real_array,
)
from refnet.flags import quiet_where_finite
from refnet.forms.separation import separate, signed_rows, whole


@quiet_where_finite
def weighted_sum(w: ArrayLike, b: float, x: ArrayLike) -> Any:
    """z = sum over i of x_i w_i + b.

    Shapes: w (features,), x (features,) or (n, features), to a number or (n,).
    Torch: torch.nn.Linear(features, 1).
    Errors: ValueError or TypeError where w, b or x is not finite, or x and w differ in
        their number of features.
    Source: Elgendy, Deep Learning for Vision Systems, section 2.1.1.
    """
    weights, inputs = (
        real_array(f"weighted_sum: {name}", given) for name, given in (("w", w), ("x", x))
    )
    if weights.ndim != 1 or inputs.ndim not in (1, 2) or inputs.shape[-1:] != weights.shape:
        raise ValueError(
            f"weighted_sum: x has shape {inputs.shape}, expected (n, features) with w "
            f"{weights.shape} as (features,)"
        )
    return _z(
        _floats("weighted_sum: w", weights),
        number("weighted_sum", "b", b),
        _floats("weighted_sum: x", inputs),
    )


def step_function(z: ArrayLike) -> Any:
    """yhat = 1 where z > 0, else 0.

    Shapes: any, kept.
    Torch: torch.heaviside(z, values=0).
    Errors: TypeError where z is not of real numbers.
    Source: Elgendy, Deep Learning for Vision Systems, section 2.1.1.
    """
    return (real_array("step_function: z", z) > 0).astype(np.intp)


class Learned(NamedTuple):
    """w, b, and whether any line separates the labels (`separable`), which is proven
    either way; `why` says how.

    `mistakes` is their number in each epoch. Where `separable` is True, `why` also says
    whether the line of w and b separates, and `counts` is how often each row was a
    mistake. Where it is False, `counts` is the proof: sum over i of
    counts_i s_i (x_i, 1) = 0, exactly, with counts_i >= 0 and not all 0, and s_i = 1
    for label 1, -1 for label 0. They are the mistakes of some epochs, or weights that
    `separation` computed.

    Shapes: w (features,), counts (n,) of int64, or of Python ints where a weight is
        larger.
    Torch: none.
    Source: Elgendy, Deep Learning for Vision Systems, sections 2.1.2 and 2.1.3.
    """

    w: Array
    b: float
    epochs: int
    mistakes: tuple[int, ...]
    separable: bool
    why: str
    counts: Array

    def predict(self, x: ArrayLike) -> Array:
        """yhat of each row.

        Shapes: x (n, features) to (n,).
        Errors: ValueError or TypeError where x does not fit.
        """
        return step_function(
            weighted_sum(
                self.w, self.b, matrix("Learned.predict: x", x, self.w.dtype, ("n", len(self.w)))
            )
        )


def learn(x: ArrayLike, labels: ArrayLike, lr: float = 1.0, epochs: int = 1000) -> Learned:
    """w := w + lr (y - yhat) x, b := b + lr (y - yhat), row after row and from zero,
    until an epoch has no mistake.

    It stops earlier where the mistakes of some epochs sum to zero, and after `epochs`
    in any case; then it decides exactly whether a line separates the labels. With
    random labels, one core takes 0.6 s for 200 rows of 2 normal numbers and 7 s for
    2000 rows of 20, nearly all of it for the 1000 epochs. `separate` says when the
    decision takes longer.

    Shapes: x (n, features), labels (n,) of 0 and 1.
    Torch: none; torch.optim.SGD(lr=lr), one row at a time, with yhat - y as the
        gradient of z.
    Errors: ValueError or TypeError where an argument does not fit; FloatingPointError
        where w or b would not be finite.
    Source: Elgendy, Deep Learning for Vision Systems, section 2.1.2; Rosenblatt, The
        perceptron (1958).
    """
    x, y = _checked(x, labels)
    lr, epochs = (
        number("perceptron", "lr", lr, low=0.0),
        integer("perceptron", "epochs", epochs, low=1),
    )
    w, b, counts, mistakes = np.zeros(x.shape[1]), 0.0, np.zeros(len(x), np.int64), []
    rows, total = signed_rows(x, y), np.zeros(x.shape[1] + 1, object)
    kept = {0: (total, counts)}
    for epoch in range(1, epochs + 1):
        with np.errstate(all="ignore"):  # an overflow is refused by name
            w, b, missed = one_epoch(w, b, x, y, lr)
        if not np.isfinite([*w, b]).all():
            raise FloatingPointError(
                f"perceptron: epoch {epoch}: w and b have {[*w.tolist(), b]}, expected finite "
                f"values"
            )
        counts, total = counts + missed, total + rows[missed > 0].sum(axis=0)
        mistakes.append(int(missed.sum()))
        if not mistakes[-1]:
            break
        for start, (earlier, counts_then) in kept.items():
            if (total == earlier).all():
                return Learned(
                    w,
                    b,
                    epoch,
                    tuple(mistakes),
                    False,
                    _impossible(start, epoch),
                    counts - counts_then,
                )
        # compared only with the epochs that are powers of two (Brent): a cycle, however
        # long, comes back to one of them
        if epoch & (epoch - 1) == 0:
            kept[epoch] = total, counts
    return Learned(w, b, epoch, tuple(mistakes), *_verdict(w, b, rows, y, mistakes, counts, lr))


def one_epoch(w: Array, b: float, x: Array, y: Array, lr: float) -> tuple[Array, float, Array]:
    """w := w + lr (y - yhat) x, b := b + lr (y - yhat), once for each row: w, b, and 1
    for each row that was a mistake, else 0.

    Shapes: w (features,), x (n, features), y (n,).
    Torch: none; as `learn`.
    Source: Elgendy, Deep Learning for Vision Systems, section 2.1.2.
    """
    missed = np.zeros(len(x), np.int64)
    for i in range(len(x)):
        yhat = int(_z(w, b, x[i]) > 0)
        if yhat != y[i]:
            error = float(y[i] - yhat)
            w, b = w + lr * error * x[i], b + lr * error
            missed[i] = 1
    return w, b, missed


def _checked(x: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    given = real_array("perceptron: x", x)
    y = numbers_of_classes("perceptron: labels", labels, 2)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(
            f"perceptron: x has shape {given.shape}, expected (n, features) with both at least 1"
        )
    if y.shape != given.shape[:1]:
        raise ValueError(f"perceptron: labels has shape {y.shape}, expected ({len(given)},)")
    rows = np.ascontiguousarray(
        matrix("perceptron: x", x, np.dtype(np.float64), given.shape), np.float64
    )
    return rows, class_labels("perceptron: labels", y, 2)


def _impossible(start: int, end: int) -> str:
    epochs = f"epoch {end}" if end == start + 1 else f"epochs {start + 1} to {end}"
    return (
        f"no line separates the labels: the mistakes of {epochs}, rows (x, 1) with the signs of "
        f"their labels, sum to zero"
    )


def _verdict(
    w: Array, b: float, rows: Array, y: Array, mistakes: list[int], counts: Array, lr: float
) -> tuple[bool, str, Array]:
    """`separable`, `why` and `counts` after the last epoch."""
    wrong = _wrong(w, b, rows, y)
    if not mistakes[-1] and not wrong:
        return True, f"a line separates the labels: epoch {len(mistakes)} has no mistake", counts
    weights = separate(rows).weights
    if weights is None:
        return True, f"a line separates the labels, {_not_yet(mistakes, wrong, lr)}", counts
    used = np.flatnonzero(weights)
    named = f"rows {', '.join(map(str, used))}" if len(used) <= 8 else f"{len(used)} rows"
    small = max(weights) <= np.iinfo(np.int64).max
    sum_to_zero = (
        f"{named}, as (x, 1) with the signs of their labels and the weights in counts, sum to zero"
    )
    return (
        False,
        f"no line separates the labels: {sum_to_zero}",
        weights.astype(np.int64) if small else weights,
    )


def _not_yet(mistakes: list[int], wrong: dict[int, str], lr: float) -> str:
    """Why the line of the last epoch does not separate the labels."""
    if not mistakes[-1]:
        row, where = next(iter(wrong.items()))
        return (
            f"not yet that of epoch {len(mistakes)}, which has no mistake only because z is "
            f"rounded: row {row} lies {where}"
        )
    has = f"but epoch {len(mistakes)} still has {counted(mistakes[-1], 'mistake')}"
    return (
        f"{has}: more epochs may find one, sooner where x is centred and scaled"
        if lr
        else f"{has}: at lr = 0 nothing is learned"
    )


def _wrong(w: Array, b: float, rows: Array, y: Array) -> dict[int, str]:
    """The rows on the wrong side of the line in exact arithmetic, each with where it
    lies.
    """
    sides = rows @ whole(np.array([*w, b]))
    wrong = np.flatnonzero((sides < 0) | ((sides == 0) & (y == 1)))
    return {int(i): "on its other side" if sides[i] else "on it" for i in wrong}


def _z(w: Array, b: float, x: Array) -> Any:
    # not a dot product: this sums a row in the same order alone and among others
    return np.multiply(x, w, order="C").sum(axis=-1) + b


def _floats(where: str, array: Array) -> Array:
    return finite(where, as_dtype(where, array, np.dtype(np.float64)))
