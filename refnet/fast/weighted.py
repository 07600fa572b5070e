"""Losses with settings, or with weights of the rows, in place: the numbers of `value`
and `gradient`, bit for bit, in arrays that exist already.

A row counts as share = s / D of its own cost and gradient, which stands in
`per_row.top` when both are ready. What the settings give each column comes from the
loss' own `columns`. The formulas and their order are those of refnet/losses.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from refnet.activations import Activation
from refnet.blockwise import blocks, broadcast_into
from refnet.checks import Array
from refnet.fast.classes import cross_entropy_into, softmax_cross_entropy_into
from refnet.fast.inplace import (
    SIGMOID,
    PerRow,
    in_place,
    ratio_into,
    refuse_nonfinite,
    sigmoid_value,
)
from refnet.fast.shares import TILE, Weighted, Weights, shares_into, tiles
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

WeightedInto: TypeAlias = Callable[[Any, Array, Array, Array, PerRow, Weights], Weighted]


def weighted_into(loss: Loss, output: Activation) -> WeightedInto:
    """The function (loss, a, y, delta, per_row, s) that writes dC/da into delta and
    returns C and what its mean divides by.
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


# losses on values


def _mse(loss: MSE, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights) -> Weighted:
    total = shares_into(loss, s, per_row, a.shape[1])
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
    total = shares_into(loss, s, per_row)
    squares = _row_squares(a, y, delta, per_row)
    broadcast_into(np.multiply, delta, per_row.top_column, delta)
    value = np.dot(squares, np.multiply(per_row.top, 0.5, out=per_row.top))
    return value.item(), total


def _mae(loss: MAE, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights) -> Weighted:
    total = shares_into(loss, s, per_row, a.shape[1])
    np.subtract(a, y, out=delta)
    np.add.reduce(np.abs(delta, out=delta), axis=1, out=per_row.costs)
    np.sign(np.subtract(a, y, out=delta), out=delta)
    broadcast_into(np.multiply, delta, per_row.top_column, delta)
    return np.dot(per_row.costs, per_row.top).item(), total


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
    total = shares_into(loss, s, per_row, a.shape[1])
    for columns, part, a_part, y_part in tiles(per_row.columns, delta, a, y):
        _log_costs_into(part, a_part, *_yes_no(y_part, columns))
    np.add.reduce(delta, axis=1, out=per_row.costs)
    for columns, part, a_part, y_part, share in tiles(
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
    total = shares_into(loss, s, per_row, z.shape[1])
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
    for columns, part, z_part, y_part in tiles(per_row.columns, delta, z, y):
        yes, no = _yes_no(y_part, columns)
        _logit_costs_into(part, z_part, yes, no)
    np.add.reduce(delta, axis=1, out=per_row.costs)
    sigmoid_value(SIGMOID, z, delta, per_row)
    whole = delta.nbytes <= TILE
    for columns, part, y_part in tiles(per_row.columns, delta, y):
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
    CrossEntropy: cross_entropy_into,
    SoftmaxCrossEntropy: softmax_cross_entropy_into,
    BinaryCrossEntropy: _binary_cross_entropy,
    SigmoidCrossEntropy: _sigmoid_cross_entropy,
}
