"""Cross-entropies of classes with settings, or with weights of the rows, in place."""

from typing import Any

import numpy as np

from refnet.blockwise import blocks, broadcast_into
from refnet.checks import Array
from refnet.fast.inplace import (
    SOFTMAX,
    PerRow,
    costs_at_labels,
    ratio_into,
    refuse_nonfinite,
    shift_into,
    softmax_value,
)
from refnet.fast.shares import (
    Weighted,
    Weights,
    at_labels_into,
    shares_into,
    shares_of_classes_into,
    tiles,
)
from refnet.losses import LOG_FLOOR, CrossEntropy, SoftmaxCrossEntropy


def softmax_cross_entropy_into(
    loss: SoftmaxCrossEntropy, z: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> Weighted:
    given = loss, z, y, delta, per_row, s
    if y.ndim == 2:
        return _of_distributions(*given)
    if not loss.picks(y):
        return _of_smoothed_labels(*given)
    shift_into(z, delta, per_row)
    costs_at_labels(at_labels_into(loss, y, z.shape[1], per_row), delta, per_row)
    total = shares_of_classes_into(loss, y, s, per_row, per_row.picked)
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
    flat, at_labels = delta.reshape(-1), at_labels_into(loss, y, z.shape[1], per_row)
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
    total = shares_of_classes_into(loss, y, s, per_row, picked)
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
    for columns, part, y_part in tiles(per_row.columns, delta, y):
        np.multiply(part, _targets(y_part, columns), out=part)
    np.add.reduce(delta, axis=1, out=per_row.costs)
    # once more, as there is no second array of this size to keep it in
    softmax_value(SOFTMAX, z, delta, per_row)
    _sums_into(y, per_row)
    broadcast_into(np.multiply, delta, per_row.total_column, delta)
    for columns, part, y_part in tiles(per_row.columns, delta, y):
        np.subtract(part, _targets(y_part, columns), out=part)
    total = shares_into(loss, s, per_row)
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


def cross_entropy_into(
    loss: CrossEntropy, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> Weighted:
    given = loss, a, y, delta, per_row, s
    value, total = _at_picked_labels(*given) if loss.picks(y) else _at_all_classes(*given)
    refuse_nonfinite(loss, a, y, delta, s)
    return value.item(), total


def _at_picked_labels(
    loss: CrossEntropy, a: Array, y: Array, delta: Array, per_row: PerRow, s: Weights
) -> tuple[Any, float]:
    total = shares_of_classes_into(loss, y, s, per_row, per_row.picked)
    at_labels = at_labels_into(loss, y, a.shape[1], per_row)
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
        total = shares_into(loss, s, per_row)
    else:
        total = shares_of_classes_into(loss, y, s, per_row, per_row.picked)
    np.maximum(np.log(a, out=delta), LOG_FLOOR, out=delta)
    value = -np.dot(_expected_into(loss, y, delta, per_row), per_row.top)
    if y.ndim == 2:
        for columns, part, *given in tiles(per_row.columns, delta, a, y, per_row.top_column):
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
    for columns, part, a_part, share in tiles(per_row.columns, delta, a, per_row.top_column):
        ratio_into(columns[2] * share, a_part, part)
    at_labels = at_labels_into(loss, y, a.shape[1], per_row)
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
        for columns, part, y_part in tiles(per_row.columns, log_a, y):
            np.multiply(part, _targets(y_part, columns), out=part)
        return np.add.reduce(log_a, axis=1, out=costs)
    _, hit, off = per_row.columns
    at_labels = at_labels_into(loss, y, log_a.shape[1], per_row)
    log_a.reshape(-1).take(at_labels, out=picked, mode="clip")
    np.multiply(hit.take(y, out=costs, mode="clip"), picked, out=picked)
    return np.add(np.dot(log_a, off, out=costs), picked, out=costs)
