"""Losses with settings, or with weights of the rows, in place: the numbers of `value`
and `gradient`, bit for bit, in arrays that exist already.

A row counts as share = s / D of its own cost and gradient, which stands in
`per_row.top` when both are ready. What the settings give each column comes from the
loss' own `columns`. The formulas and their order are those of refnet/losses.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from refnet.activations import Activation
from refnet.blockwise import BLOCK, blocks, broadcast_into
from refnet.checks import Array
from refnet.fast.inplace import (
    SIGMOID,
    SOFTMAX,
    PerRow,
    costs_at_labels,
    in_place,
    ratio_into,
    refuse_nonfinite,
    shift_into,
    sigmoid_value,
    softmax_value,
)
from refnet.losses import (
    LOG_FLOOR,
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    HalfSquaredError,
    Loss,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    checked,
)
from refnet.losses.loss import divisor, positive

Weighted = tuple[float, float]  # C, and what its mean divides by for each output
Weights: TypeAlias = Array | None  # of the rows
WeightedInto = Callable[[Any, Array, Array, Array, PerRow, Weights], Weighted]


def weighted_into(loss: Loss, output: Activation) -> WeightedInto:
    """The function (loss, a, y, delta, per_row, s) that writes
    dC/da into delta and returns C and what its mean divides by.
    """
    known = _WEIGHTED if in_place(loss, output) else {}
    return known.get(type(loss), _any_weighted)


def _any_weighted(
    loss: Loss, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> Weighted:
    given = checked(loss, s)
    value = given.value(a, y)
    delta[...] = given.gradient(a, y)
    return value, 1.0 if loss.reduction == "sum" else loss.total_weight(y, s)


# the weights of the rows


def _shares_into(loss: Loss, s: Weights, per_row: PerRow, outputs: int = 1) -> float:
    """top = s / D, and the sum of the s; top = s for a sum, whose D is 1."""
    top = per_row.top
    if s is None:
        top[...] = 1.0
        s = top
        total = float(len(top))
    else:
        total = 1.0 if loss.reduction == "sum" else positive(loss, np.add.reduce(s))
    if loss.reduction == "sum":
        top[...] = s
        return 1.0
    np.divide(s, divisor(loss, total, outputs, top.dtype), out=top)
    return total


def _shares_of_classes_into(
    loss: Any, y: Array, s: Weights, per_row: PerRow, spare: Array
) -> float:
    """top = s / D where y holds labels: s_i w_(y_i) / D where a row has one target
    alone; `spare` is for a number of each row.
    """
    top = per_row.top
    top[...] = 1.0 if s is None else s
    if loss.ignore_index is not None:
        np.multiply(top, np.not_equal(y, loss.ignore_index, out=spare), out=top)
    weighted = top
    if loss.weight is not None:
        # mode "clip" takes any class of a label that is ignored
        out = top if loss.picks(y) else spare
        weighted = np.multiply(per_row.columns[0].take(y, out=spare, mode="clip"), top, out=out)
    if loss.reduction == "sum":
        return 1.0
    total = positive(loss, np.add.reduce(weighted))
    np.divide(top, total, out=top)
    return total


def _at_labels(loss: Any, y: Array, width: int, per_row: PerRow) -> Array:
    """Where the labels stand in the flat array; of an ignored one, any class."""
    at = per_row.at
    if loss.ignore_index is None:
        return np.add(per_row.start, y, out=at)
    np.minimum(np.maximum(y, 0, out=at), width - 1, out=at)
    return np.add(per_row.start, at, out=at)


def _tiles(columns: tuple[Array, ...], *arrays: Array) -> Iterable[tuple[Any, ...]]:
    """Parts of at most BLOCK bytes of some matrices, and of the columns, which come
    first; an array of numbers for each row is cut by its rows alone.
    """
    first = arrays[0]
    return ((columns, *arrays),) if first.nbytes <= BLOCK else _cut(columns, arrays)


def _cut(columns: tuple[Array, ...], arrays: tuple[Array, ...]) -> Iterator[tuple[Any, ...]]:
    height, width = arrays[0].shape
    across = min(width, BLOCK // arrays[0].itemsize)
    down = BLOCK // arrays[0].itemsize // across
    for row in range(0, height, down):
        for column in range(0, width, across):
            rows, here = slice(row, row + down), slice(column, column + across)
            yield (
                tuple(each[here] for each in columns),
                *(a[rows, here] if a.shape[1:] == (width,) else a[rows] for a in arrays),
            )


# losses on values


def _mse(loss: MSE, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights) -> Weighted:
    total = _shares_into(loss, s, per_row, a.shape[1])
    value = np.dot(_row_squares(a, y, delta, per_row), per_row.top)
    np.multiply(per_row.top, 2.0, out=per_row.top)
    broadcast_into(np.multiply, delta, per_row.top_column, delta)
    return value.item(), total


def _row_squares(a: Array, y: Array, delta: Array, per_row: PerRow) -> Array:
    """The sum of (a - y)^2 of each row, with a - y in delta."""
    e = np.subtract(a, y, out=delta)
    np.add.reduce(np.multiply(e, e, out=delta), axis=1, out=per_row.costs)
    np.subtract(a, y, out=delta)  # once more, as the squares have overwritten it
    return per_row.costs


def _half_squared_error(
    loss: HalfSquaredError, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> Weighted:
    total = _shares_into(loss, s, per_row)
    squares = _row_squares(a, y, delta, per_row)
    broadcast_into(np.multiply, delta, per_row.top_column, delta)
    value = np.dot(squares, np.multiply(per_row.top, 0.5, out=per_row.top))
    return value.item(), total


def _mae(loss: MAE, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights) -> Weighted:
    total = _shares_into(loss, s, per_row, a.shape[1])
    np.subtract(a, y, out=delta)
    np.add.reduce(np.abs(delta, out=delta), axis=1, out=per_row.costs)
    np.sign(np.subtract(a, y, out=delta), out=delta)
    broadcast_into(np.multiply, delta, per_row.top_column, delta)
    return np.dot(per_row.costs, per_row.top).item(), total


# losses on classes


def _softmax_cross_entropy(
    loss: SoftmaxCrossEntropy, z: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> Weighted:
    given = loss, z, y, delta, per_row, s
    if y.ndim == 2:
        return _of_distributions(*given)
    if not loss.picks(y):
        return _of_smoothed_labels(*given)
    shift_into(z, delta, per_row)
    costs_at_labels(_at_labels(loss, y, z.shape[1], per_row), delta, per_row)
    total = _shares_of_classes_into(loss, y, s, per_row, per_row.picked)
    broadcast_into(np.multiply, delta, per_row.top_column, delta)
    return np.dot(per_row.costs, per_row.top).item(), total


def _of_smoothed_labels(
    loss: SoftmaxCrossEntropy, z: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> Weighted:
    """(softmax(z) sum over i of T_i - T) / D: w_j eps/k is taken off each entry, and
    the target of the label off its own.
    """
    _, hit, off = per_row.columns
    top, sums, costs, picked = per_row.top, per_row.total, per_row.costs, per_row.picked
    shift_into(z, delta, per_row)
    flat, at_labels = delta.reshape(-1), _at_labels(loss, y, z.shape[1], per_row)
    # top: the sum over classes of the targets times s
    hit.take(y, out=costs, mode="clip")
    flat.take(at_labels, out=picked, mode="clip")
    np.dot(delta, off, out=top)
    np.add(top, np.multiply(costs, picked, out=picked), out=top)
    np.exp(delta, out=delta)
    np.add.reduce(delta, axis=1, out=sums)
    broadcast_into(np.divide, delta, per_row.total_column, delta)
    log_totals = np.log(sums, out=picked)
    if loss.weight is not None:
        np.add(costs, np.add.reduce(off), out=sums)
        broadcast_into(np.multiply, delta, per_row.total_column, delta)
        np.multiply(log_totals, sums, out=picked)
    np.subtract(picked, top, out=costs)
    # the entries of the labels, before off is taken off all
    p_picked = flat.take(at_labels, out=picked, mode="clip")
    targets = np.add(
        hit.take(y, out=sums, mode="clip"), off.take(y, out=top, mode="clip"), out=sums
    )
    np.subtract(p_picked, targets, out=picked)
    broadcast_into(np.subtract, delta, off, delta)
    flat[at_labels] = picked
    total = _shares_of_classes_into(loss, y, s, per_row, picked)
    broadcast_into(np.multiply, delta, per_row.top_column, delta)
    return np.dot(costs, top).item(), total


def _of_distributions(
    loss: SoftmaxCrossEntropy, z: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> Weighted:
    softmax_value(SOFTMAX, z, delta, per_row)  # for top and total
    broadcast_into(np.subtract, z, per_row.top_column, delta)
    np.negative(delta, out=delta)
    np.log(per_row.total, out=per_row.total)
    broadcast_into(np.add, delta, per_row.total_column, delta)
    for columns, part, y_part in _tiles(per_row.columns, delta, y):
        np.multiply(part, _targets(y_part, columns), out=part)
    np.add.reduce(delta, axis=1, out=per_row.costs)
    # once more, as there is no second array of this size to keep it in
    softmax_value(SOFTMAX, z, delta, per_row)
    _sums_into(y, per_row)
    broadcast_into(np.multiply, delta, per_row.total_column, delta)
    for columns, part, y_part in _tiles(per_row.columns, delta, y):
        np.subtract(part, _targets(y_part, columns), out=part)
    total = _shares_into(loss, s, per_row)
    broadcast_into(np.multiply, delta, per_row.top_column, delta)
    return np.dot(per_row.costs, per_row.top).item(), total


def _sums_into(y: Array, per_row: PerRow) -> None:
    """total = the sum over classes of the targets."""
    if per_row.columns:
        _, hit, off = per_row.columns
        np.add(np.dot(y, hit, out=per_row.total), np.add.reduce(off), out=per_row.total)
    else:
        np.add.reduce(y, axis=1, out=per_row.total)


def _targets(y: Array, columns: tuple[Array, ...]) -> Array:
    """w_j ((1 - eps) y_ij + eps/k) of some rows and columns."""
    if not columns:
        return y
    _, hit, off = columns
    part = y * hit
    return np.add(part, off, out=part)


def _cross_entropy(
    loss: CrossEntropy, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> Weighted:
    given = loss, a, y, delta, per_row, s
    value, total = _at_picked_labels(*given) if loss.picks(y) else _at_all_classes(*given)
    refuse_nonfinite(loss, a, y, delta, s)
    return value.item(), total


def _at_picked_labels(
    loss: CrossEntropy, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> tuple[Any, float]:
    total = _shares_of_classes_into(loss, y, s, per_row, per_row.picked)
    at_labels = _at_labels(loss, y, a.shape[1], per_row)
    picked = a.reshape(-1).take(at_labels, out=per_row.picked, mode="clip")
    costs = np.log(picked, out=per_row.costs)
    value = -np.dot(np.maximum(costs, LOG_FLOOR, out=costs), per_row.top)
    for ratio, share, a_picked in blocks(costs, per_row.top, picked):
        ratio_into(share, a_picked, ratio)
    delta[...] = -0.0
    delta.reshape(-1)[at_labels] = np.negative(costs, out=costs)
    return value, total


def _at_all_classes(
    loss: CrossEntropy, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> tuple[Any, float]:
    if y.ndim == 2:
        total = _shares_into(loss, s, per_row)
    else:
        total = _shares_of_classes_into(loss, y, s, per_row, per_row.picked)
    np.maximum(np.log(a, out=delta), LOG_FLOOR, out=delta)
    value = -np.dot(_expected_into(loss, y, delta, per_row), per_row.top)
    if y.ndim == 2:
        for columns, part, *given in _tiles(per_row.columns, delta, a, y, per_row.top_column):
            _ratios_into(part, columns, *given)
    else:
        _ratios_at_labels_into(loss, a, y, delta, per_row)
    np.negative(delta, out=delta)
    return value, total


def _ratios_into(out: Array, columns: tuple[Array, ...], a: Array, y: Array, share: Array) -> None:
    """T / a."""
    ratio_into(_targets(y, columns) * share, a, out)


def _ratios_at_labels_into(
    loss: CrossEntropy, a: Array, y: Array, delta: Array, per_row: PerRow
) -> None:
    """T / a of smoothed labels: w_j eps/k s / a, and at the labels their own."""
    _, hit, off = per_row.columns
    top, picked, targets, more = per_row.top, per_row.picked, per_row.costs, per_row.total
    for columns, part, a_part, share in _tiles(per_row.columns, delta, a, per_row.top_column):
        ratio_into(columns[2] * share, a_part, part)
    at_labels = _at_labels(loss, y, a.shape[1], per_row)
    a.reshape(-1).take(at_labels, out=picked, mode="clip")
    hit.take(y, out=targets, mode="clip")
    np.add(targets, off.take(y, out=more, mode="clip"), out=targets)
    np.multiply(targets, top, out=targets)
    for each, target, a_picked in blocks(more, targets, picked):
        ratio_into(target, a_picked, each)
    delta.reshape(-1)[at_labels] = more


def _expected_into(loss: CrossEntropy, y: Array, log_a: Array, per_row: PerRow) -> Array:
    """The sum over classes of the targets times log a of each row; log_a is
    overwritten.
    """
    costs, picked = per_row.costs, per_row.picked
    if y.ndim == 2:
        for columns, part, y_part in _tiles(per_row.columns, log_a, y):
            np.multiply(part, _targets(y_part, columns), out=part)
        return np.add.reduce(log_a, axis=1, out=costs)
    _, hit, off = per_row.columns
    at_labels = _at_labels(loss, y, log_a.shape[1], per_row)
    log_a.reshape(-1).take(at_labels, out=picked, mode="clip")
    np.multiply(hit.take(y, out=costs, mode="clip"), picked, out=picked)
    return np.add(np.dot(log_a, off, out=costs), picked, out=costs)


# losses on yes or no


def _yes_no(y: Array, columns: tuple[Array, ...]) -> tuple[Array, Array]:
    """T1 and T0 without the weights of the rows, of some rows and columns."""
    no = 1.0 - y
    if not columns:
        return y, no
    yes_column, *no_column = columns
    if no_column:
        np.multiply(no, no_column[0], out=no)
    return y * yes_column, no


def _binary_cross_entropy(
    loss: BinaryCrossEntropy, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> Weighted:
    total = _shares_into(loss, s, per_row, a.shape[1])
    for columns, part, a_part, y_part in _tiles(per_row.columns, delta, a, y):
        _log_costs_into(part, a_part, *_yes_no(y_part, columns))
    np.add.reduce(delta, axis=1, out=per_row.costs)
    for columns, part, a_part, y_part, share in _tiles(
        per_row.columns, delta, a, y, per_row.top_column
    ):
        _odds_into(part, a_part, *_yes_no(y_part, columns), share)
    refuse_nonfinite(loss, a, y, delta, s)
    return -np.dot(per_row.costs, per_row.top).item(), total


def _odds_into(out: Array, a: Array, yes: Array, no: Array, share: Array) -> None:
    """out = T0 / (1 - a) - T1 / a."""
    ratio_into(np.multiply(no, share, out=no), 1.0 - a, out)
    np.subtract(out, ratio_into(yes * share, a, no), out=out)


def _log_costs_into(out: Array, a: Array, yes: Array, no: Array) -> None:
    """out = yes log a + no log(1 - a)."""
    np.log(a, out=out)
    np.multiply(yes, np.maximum(out, LOG_FLOOR, out=out), out=out)
    log_rest = 1.0 - a
    np.maximum(np.log(log_rest, out=log_rest), LOG_FLOOR, out=log_rest)
    np.add(out, np.multiply(no, log_rest, out=no), out=out)


def _sigmoid_cross_entropy(
    loss: SigmoidCrossEntropy, z: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> Weighted:
    (_weighted_logits_into if per_row.columns else _logits_into)(z, y, delta, per_row)
    total = _shares_into(loss, s, per_row, z.shape[1])
    broadcast_into(np.multiply, delta, per_row.top_column, delta)
    return np.dot(per_row.costs, per_row.top).item(), total


def _logits_into(z: Array, y: Array, delta: Array, per_row: PerRow) -> None:
    """The costs of the rows, and sigmoid(z) - y in delta."""
    for part, z_part, y_part in blocks(delta, z, y):
        np.subtract(np.maximum(z_part, 0.0, out=part), z_part * y_part, out=part)
        np.add(part, _softplus_of_minus_size(z_part), out=part)
    np.add.reduce(delta, axis=1, out=per_row.costs)
    sigmoid_value(SIGMOID, z, delta, per_row)
    np.subtract(delta, y, out=delta)


def _weighted_logits_into(z: Array, y: Array, delta: Array, per_row: PerRow) -> None:
    """The costs of the rows, and (T0 + T1) sigmoid(z) - T1 in delta."""
    for columns, part, z_part, y_part in _tiles(per_row.columns, delta, z, y):
        yes, no = _yes_no(y_part, columns)
        _logit_costs_into(part, z_part, yes, no)
    np.add.reduce(delta, axis=1, out=per_row.costs)
    sigmoid_value(SIGMOID, z, delta, per_row)
    whole = delta.nbytes <= BLOCK
    for columns, part, y_part in _tiles(per_row.columns, delta, y):
        if not whole:  # else they are there
            yes, no = _yes_no(y_part, columns)
            np.add(no, yes, out=no)
        np.multiply(no, part, out=part)
        np.subtract(part, yes, out=part)


def _softplus_of_minus_size(z: Array) -> Array:
    """log(1 + exp(-|z|))."""
    tail = np.abs(z)
    return np.log1p(np.exp(np.negative(tail, out=tail), out=tail), out=tail)


def _logit_costs_into(out: Array, z: Array, yes: Array, no: Array) -> None:
    """out = no max(z, 0) + yes max(-z, 0) + (no + yes) log(1 + exp(-|z|)); no becomes
    no + yes.
    """
    above = np.maximum(z, 0.0)
    np.multiply(yes, np.subtract(above, z, out=out), out=out)
    np.multiply(no, above, out=above)
    np.add(above, out, out=out)
    soft = _softplus_of_minus_size(z)
    np.multiply(np.add(no, yes, out=no), soft, out=soft)
    np.add(out, soft, out=out)


_WEIGHTED: dict[type[Loss], WeightedInto] = {
    MSE: _mse,
    HalfSquaredError: _half_squared_error,
    MAE: _mae,
    CrossEntropy: _cross_entropy,
    SoftmaxCrossEntropy: _softmax_cross_entropy,
    BinaryCrossEntropy: _binary_cross_entropy,
    SigmoidCrossEntropy: _sigmoid_cross_entropy,
}
