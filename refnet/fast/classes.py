"""Cross-entropies of classes with settings, or with weights of the rows, in place."""

from typing import Any

import numpy as np

from refnet.blockwise import blocks, broadcast_into
from refnet.checks import Array
from refnet.fast.inplace import (
    costs_at_labels,
    costs_into,
    exp_into,
    ratio_into,
    refuse_nonfinite,
)
from refnet.fast.room import Room
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
    loss: SoftmaxCrossEntropy, z: Array, y: Array, delta: Array, room: Room, s: Weights
) -> Weighted:
    given = loss, z, y, delta, room, s
    if y.ndim == 2:
        return _of_distributions(*given)
    if not loss.picks(y):
        return _of_smoothed_labels(*given)
    exp_into(z, delta, room)
    costs_at_labels(at_labels_into(loss, y, z.shape[1], room), delta, room)
    total = shares_of_classes_into(loss, y, s, room)
    broadcast_into(np.multiply, delta, room.share_column, delta)
    return np.dot(room.costs, room.share).item(), total


def _of_smoothed_labels(
    loss: SoftmaxCrossEntropy, z: Array, y: Array, delta: Array, room: Room, s: Weights
) -> Weighted:
    """(softmax(z) sum over i of T_i - T) / D: w_j eps/k is taken off each entry, and
    the target of the label off its own.
    """
    _, hit, off = room.columns
    exp_into(z, delta, room)
    at_labels = at_labels_into(loss, y, z.shape[1], room)
    hits = hit.take(y, out=room.top, mode="clip")
    # of each row first the sum over classes of the targets times s
    costs = np.dot(room.spare, off, out=room.costs)
    s_picked = room.spare.take(at_labels, out=room.picked, mode="clip")
    np.add(costs, np.multiply(hits, s_picked, out=s_picked), out=costs)
    broadcast_into(np.divide, delta, room.total_column, delta)
    log_totals = np.log(room.total, out=room.picked)
    if loss.weight is not None:
        sums = np.add(hits, np.add.reduce(off), out=room.total)
        broadcast_into(np.multiply, delta, room.total_column, delta)
        np.multiply(log_totals, sums, out=log_totals)
    np.subtract(log_totals, costs, out=costs)
    # the entries of the labels, before off is taken off all
    p_picked = delta.take(at_labels, out=room.picked, mode="clip")
    targets = np.add(hits, off.take(y, out=room.total, mode="clip"), out=room.total)
    np.subtract(p_picked, targets, out=room.picked)
    broadcast_into(np.subtract, delta, off, delta)
    delta.reshape(-1)[at_labels] = room.picked
    total = shares_of_classes_into(loss, y, s, room)
    broadcast_into(np.multiply, delta, room.share_column, delta)
    return np.dot(costs, room.share).item(), total


def _of_distributions(
    loss: SoftmaxCrossEntropy, z: Array, y: Array, delta: Array, room: Room, s: Weights
) -> Weighted:
    exp_into(z, delta, room)
    costs = costs_into(delta, room)
    _sums_into(y, room)
    broadcast_into(np.multiply, delta, room.total_column, delta)
    for columns, cost, part, y_part in tiles(room.columns, costs, delta, y):
        targets = _targets(y_part, columns)
        np.multiply(cost, targets, out=cost)
        np.subtract(part, targets, out=part)
    np.add.reduce(costs, axis=1, out=room.costs)
    total = shares_into(loss, s, room)
    broadcast_into(np.multiply, delta, room.share_column, delta)
    return np.dot(room.costs, room.share).item(), total


def _sums_into(y: Array, room: Room) -> None:
    """total = the sum over classes of the targets."""
    if room.columns:
        _, hit, off = room.columns
        np.add(np.dot(y, hit, out=room.total), np.add.reduce(off), out=room.total)
    else:
        np.add.reduce(y, axis=1, out=room.total)


def _targets(y: Array, columns: tuple[Array, ...]) -> Array:
    """w_j ((1 - eps) y_ij + eps/k) of some rows and columns."""
    if not columns:
        return y
    _, hit, off = columns
    part = y * hit
    return np.add(part, off, out=part)


def cross_entropy_into(
    loss: CrossEntropy, a: Array, y: Array, delta: Array, room: Room, s: Weights
) -> Weighted:
    given = loss, a, y, delta, room, s
    value, total = _at_picked_labels(*given) if loss.picks(y) else _at_all_classes(*given)
    refuse_nonfinite(loss, a, y, delta, s)
    return value.item(), total


def _at_picked_labels(
    loss: CrossEntropy, a: Array, y: Array, delta: Array, room: Room, s: Weights
) -> tuple[Any, float]:
    total = shares_of_classes_into(loss, y, s, room)
    at_labels = at_labels_into(loss, y, a.shape[1], room)
    picked = a.take(at_labels, out=room.picked, mode="clip")
    costs = np.log(picked, out=room.costs)
    value = -np.dot(np.maximum(costs, LOG_FLOOR, out=costs), room.share)
    for ratio, share, a_picked in blocks(costs, room.share, picked):
        ratio_into(share, a_picked, ratio)
    delta[...] = -0.0
    delta.reshape(-1)[at_labels] = np.negative(costs, out=costs)
    return value, total


def _at_all_classes(
    loss: CrossEntropy, a: Array, y: Array, delta: Array, room: Room, s: Weights
) -> tuple[Any, float]:
    labels = y.ndim == 1
    total = shares_of_classes_into(loss, y, s, room) if labels else shares_into(loss, s, room)
    np.maximum(np.log(a, out=delta), LOG_FLOOR, out=delta)
    value = -np.dot(_expected_into(loss, y, delta, room), room.share)
    if y.ndim == 2:
        for columns, part, *given in tiles(room.columns, delta, a, y, room.share_column):
            _ratios_into(part, columns, *given)
    else:
        _ratios_at_labels_into(loss, a, y, delta, room)
    np.negative(delta, out=delta)
    return value, total


def _ratios_into(out: Array, columns: tuple[Array, ...], a: Array, y: Array, share: Array) -> None:
    """T / a."""
    ratio_into(_targets(y, columns) * share, a, out)


def _ratios_at_labels_into(
    loss: CrossEntropy, a: Array, y: Array, delta: Array, room: Room
) -> None:
    """T / a of smoothed labels: w_j eps/k s / a, and at the labels their own."""
    _, hit, off = room.columns
    picked, targets, more = room.picked, room.costs, room.total
    for columns, part, a_part, share in tiles(room.columns, delta, a, room.share_column):
        ratio_into(columns[2] * share, a_part, part)
    at_labels = at_labels_into(loss, y, a.shape[1], room)
    a.take(at_labels, out=picked, mode="clip")
    hit.take(y, out=targets, mode="clip")
    np.add(targets, off.take(y, out=more, mode="clip"), out=targets)
    np.multiply(targets, room.share, out=targets)
    for each, target, a_picked in blocks(more, targets, picked):
        ratio_into(target, a_picked, each)
    delta.reshape(-1)[at_labels] = more


def _expected_into(loss: CrossEntropy, y: Array, log_a: Array, room: Room) -> Array:
    """The sum over classes of the targets times log a of each row; log_a is
    overwritten.
    """
    costs, picked = room.costs, room.picked
    if y.ndim == 2:
        for columns, part, y_part in tiles(room.columns, log_a, y):
            np.multiply(part, _targets(y_part, columns), out=part)
        return np.add.reduce(log_a, axis=1, out=costs)
    _, hit, off = room.columns
    at_labels = at_labels_into(loss, y, log_a.shape[1], room)
    log_a.take(at_labels, out=picked, mode="clip")
    np.multiply(hit.take(y, out=costs, mode="clip"), picked, out=picked)
    return np.add(np.dot(log_a, off, out=costs), picked, out=costs)
