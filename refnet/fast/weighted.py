"""Losses with settings, or with weights of the rows, in place: the numbers of `value`
and `gradient`, bit for bit, in arrays that exist already.

A row counts as share = s / D of its own cost and gradient. What the settings give each
column comes from the loss' own `columns`. The formulas and their order are those of
refnet/losses.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from refnet.activations import Activation
from refnet.blockwise import broadcast_into
from refnet.checks import Array
from refnet.fast.classes import cross_entropy_into, softmax_cross_entropy_into
from refnet.fast.inplace import (
    SIGMOID,
    in_place,
    logit_costs_into,
    ratio_into,
    refuse_nonfinite,
    sigmoid_value,
)
from refnet.fast.room import Room
from refnet.fast.shares import Weighted, Weights, shares_into, tiles
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

WeightedInto: TypeAlias = Callable[[Any, Array, Array, Array, Room, Weights], Weighted]


def weighted_into(loss: Loss, output: Activation) -> WeightedInto:
    """The function (loss, a, y, delta, room, s) that writes dC/da into delta and
    returns C and what its mean divides by.
    """
    known = _WEIGHTED if in_place(loss, output) else {}
    return known.get(type(loss), _any_weighted)


def _any_weighted(loss: Loss, a: Array, y: Array, delta: Array, room: Room, s: Weights) -> Weighted:
    given = checked(loss, s)
    value = given.value(a, y)
    delta[...] = given.gradient(a, y)
    return value, 1.0 if loss.reduction == "sum" else loss.total_weight(y, s)


# losses on values


def _mse(loss: MSE, a: Array, y: Array, delta: Array, room: Room, s: Weights) -> Weighted:
    total = shares_into(loss, s, room, a.shape[1])
    value = np.dot(_row_squares(a, y, delta, room), room.share)
    np.multiply(room.share, 2.0, out=room.share)
    broadcast_into(np.multiply, delta, room.share_column, delta)
    return value.item(), total


def _row_squares(a: Array, y: Array, delta: Array, room: Room) -> Array:
    """The sum of (a - y)^2 of each row, with a - y in delta."""
    e = np.subtract(a, y, out=delta)
    return np.add.reduce(np.multiply(e, e, out=room.spare), axis=1, out=room.costs)


def _half_squared_error(
    loss: HalfSquaredError, a: Array, y: Array, delta: Array, room: Room, s: Weights
) -> Weighted:
    total = shares_into(loss, s, room)
    squares = _row_squares(a, y, delta, room)
    broadcast_into(np.multiply, delta, room.share_column, delta)
    value = np.dot(squares, np.multiply(room.share, 0.5, out=room.share))
    return value.item(), total


def _mae(loss: MAE, a: Array, y: Array, delta: Array, room: Room, s: Weights) -> Weighted:
    total = shares_into(loss, s, room, a.shape[1])
    np.subtract(a, y, out=delta)
    np.add.reduce(np.abs(delta, out=room.spare), axis=1, out=room.costs)
    np.sign(delta, out=delta)
    broadcast_into(np.multiply, delta, room.share_column, delta)
    return np.dot(room.costs, room.share).item(), total


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
    loss: BinaryCrossEntropy, a: Array, y: Array, delta: Array, room: Room, s: Weights
) -> Weighted:
    total = shares_into(loss, s, room, a.shape[1])
    arrays = room.spare, delta, a, y, room.share_column
    for columns, cost, part, a_part, y_part, share in tiles(room.columns, *arrays):
        _log_costs_into(cost, a_part, *_yes_no(y_part, columns))
        _odds_into(part, a_part, *_yes_no(y_part, columns), share)
    np.add.reduce(room.spare, axis=1, out=room.costs)
    refuse_nonfinite(loss, a, y, delta, s)
    return -np.dot(room.costs, room.share).item(), total


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
    loss: SigmoidCrossEntropy, z: Array, y: Array, delta: Array, room: Room, s: Weights
) -> Weighted:
    (_weighted_logits_into if room.columns else logit_costs_into)(z, y, delta, room)
    np.add.reduce(room.spare, axis=1, out=room.costs)
    total = shares_into(loss, s, room, z.shape[1])
    broadcast_into(np.multiply, delta, room.share_column, delta)
    return np.dot(room.costs, room.share).item(), total


def _weighted_logits_into(z: Array, y: Array, delta: Array, room: Room) -> None:
    """The costs in `spare`, and (T0 + T1) sigmoid(z) - T1 in delta."""
    sigmoid_value(SIGMOID, z, delta, room)
    for columns, cost, part, z_part, y_part in tiles(room.columns, room.spare, delta, z, y):
        yes, no = _yes_no(y_part, columns)
        _logit_costs_into(cost, z_part, yes, no)
        np.multiply(no, part, out=part)
        np.subtract(part, yes, out=part)


def _logit_costs_into(out: Array, z: Array, yes: Array, no: Array) -> None:
    """out = no max(z, 0) + yes max(-z, 0) + (no + yes) log(1 + exp(-|z|)); no becomes
    no + yes.
    """
    above = np.maximum(z, 0.0)
    np.multiply(yes, np.subtract(above, z, out=out), out=out)
    np.multiply(no, above, out=above)
    np.add(above, out, out=out)
    tail = np.abs(z)
    np.log1p(np.exp(np.negative(tail, out=tail), out=tail), out=tail)
    np.multiply(np.add(no, yes, out=no), tail, out=tail)
    np.add(out, tail, out=out)


_WEIGHTED: dict[type[Loss], WeightedInto] = {
    MSE: _mse,
    HalfSquaredError: _half_squared_error,
    MAE: _mae,
    CrossEntropy: cross_entropy_into,
    SoftmaxCrossEntropy: softmax_cross_entropy_into,
    BinaryCrossEntropy: _binary_cross_entropy,
    SigmoidCrossEntropy: _sigmoid_cross_entropy,
}
