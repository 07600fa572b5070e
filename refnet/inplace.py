"""Activations and losses in place: the numbers of `value`, `pullback` and `gradient`, bit for bit, in arrays that are there already.

The formulas are those of activations.py and losses.py, in the same order of operations. Here stand their exact classes alone: one that
is derived from them, or written by somebody else, goes through its own methods. What needs room of its own takes it from the
workspace, or in blocks of BLOCK bytes whatever the size of the arrays.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refnet.activations import Activation, Elementwise, Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from refnet.checks import Array
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
)
from refnet.memory import BLOCK, blocks


class PerRow(NamedTuple):
    """Room for a few numbers for each row of a batch of n rows with k outputs."""

    top: Array  # (n, 1)
    total: Array  # (n, 1)
    picked: Array  # (n,)
    start: Array  # (n,), k times the row: where it starts in a flat array
    labels: Array  # (n,), where the entries at the labels stand in it


ValueInto = Callable[[Any, Array, Array, PerRow], None]


def value_into(activation: Activation) -> ValueInto:
    """The function (f, z, a, rows) that writes a = f(z) into a; for the identity a is z, and nothing is written."""
    return _VALUES.get(type(activation), _any_value)


def _any_value(f: Activation, z: Array, a: Array, rows: PerRow) -> None:
    np.copyto(a, f.value(z), casting="equiv")  # float32 stays float32, or is refused


def _identity_value(f: Identity, z: Array, a: Array, rows: PerRow) -> None:
    pass


def _sigmoid_value(f: Sigmoid, z: Array, a: Array, rows: PerRow) -> None:
    np.negative(z, out=a)
    np.exp(a, out=a)
    np.add(a, 1.0, out=a)
    np.divide(1.0, a, out=a)


def _tanh_value(f: Tanh, z: Array, a: Array, rows: PerRow) -> None:
    np.tanh(z, out=a)


def _relu_value(f: ReLU, z: Array, a: Array, rows: PerRow) -> None:
    np.maximum(z, 0.0, out=a)


def _leaky_relu_value(f: LeakyReLU, z: Array, a: Array, rows: PerRow) -> None:
    for z_block, a_block in blocks(z, a):
        a_block[...] = f.value(z_block)


def _softmax_value(f: Softmax, z: Array, a: Array, rows: PerRow) -> None:
    np.maximum.reduce(z, axis=1, keepdims=True, out=rows.top)
    np.subtract(z, rows.top, out=a)
    np.exp(a, out=a)
    np.add.reduce(a, axis=1, keepdims=True, out=rows.total)
    np.divide(a, rows.total, out=a)


_VALUES: dict[type[Activation], ValueInto] = {
    Identity: _identity_value,
    Sigmoid: _sigmoid_value,
    Tanh: _tanh_value,
    ReLU: _relu_value,
    LeakyReLU: _leaky_relu_value,
    Softmax: _softmax_value,
}

PullbackInto = Callable[[Any, Array, Array, Array, PerRow, Array], None]


def pullback_into(activation: Activation) -> PullbackInto:
    """The function (f, delta, z, a, rows, spare) that takes dC/da to dC/dz within delta; spare is room for a row at least."""
    return _PULLBACKS.get(type(activation), _any_pullback)


def _any_pullback(f: Activation, delta: Array, z: Array, a: Array, rows: PerRow, spare: Array) -> None:
    np.copyto(delta, f.pullback(delta, z, a), casting="equiv")


def _identity_pullback(f: Identity, delta: Array, z: Array, a: Array, rows: PerRow, spare: Array) -> None:
    pass


def _elementwise_pullback(f: Elementwise, delta: Array, z: Array, a: Array, rows: PerRow, spare: Array) -> None:
    for delta_block, z_block, a_block in blocks(delta, z, a):
        np.multiply(delta_block, f.derivative(z_block, a_block), out=delta_block)


def _softmax_pullback(f: Softmax, delta: Array, z: Array, a: Array, rows: PerRow, spare: Array) -> None:
    _sum_products(delta, a, rows.total, spare)
    np.subtract(delta, rows.total, out=delta)
    np.multiply(a, delta, out=delta)


def _sum_products(grad_a: Array, a: Array, total: Array, spare: Array) -> None:
    """total = sum over columns of grad_a a, by as many rows as a block holds, or row by row in what is spare."""
    width = a.shape[1]
    together = BLOCK // a[0].nbytes
    room = np.empty((together, width), a.dtype) if together else spare.reshape(-1)[:width].reshape(1, width)
    for start in range(0, len(a), len(room)):
        here = slice(start, start + len(room))
        product = np.multiply(grad_a[here], a[here], out=room[: len(a) - start])
        np.add.reduce(product, axis=1, keepdims=True, out=total[here])


_PULLBACKS: dict[type[Activation], PullbackInto] = {
    Identity: _identity_pullback,
    Sigmoid: _elementwise_pullback,
    Tanh: _elementwise_pullback,
    ReLU: _elementwise_pullback,
    LeakyReLU: _elementwise_pullback,
    Softmax: _softmax_pullback,
}

LossInto = Callable[[Any, Array, Array, Array, PerRow], float]


def loss_into(loss: Loss, output: Activation) -> LossInto:
    """The function (loss, a, y, delta, rows) that writes dC/da into delta and returns C, for targets that were checked at the door."""
    inside = loss.reads != "probabilities" or type(output) in _VALUES  # whose values lie in [0, 1] and need no check
    return _LOSSES.get(type(loss), _any_loss) if inside else _any_loss


def _any_loss(loss: Loss, a: Array, y: Array, delta: Array, rows: PerRow) -> float:
    value = loss.value(a, y)
    np.copyto(delta, loss.gradient(a, y), casting="equiv")
    return value


def _mse(loss: MSE, a: Array, y: Array, delta: Array, rows: PerRow) -> float:
    e = np.subtract(a, y, out=delta).reshape(-1)
    value = np.dot(e, e) / e.size
    np.multiply(delta, 2.0 / a.size, out=delta)
    return value.item()


def _half_squared_error(loss: HalfSquaredError, a: Array, y: Array, delta: Array, rows: PerRow) -> float:
    e = np.subtract(a, y, out=delta).reshape(-1)
    value = np.dot(e, e) / (2 * len(a))
    np.divide(delta, len(a), out=delta)
    return value.item()


def _mae(loss: MAE, a: Array, y: Array, delta: Array, rows: PerRow) -> float:
    np.subtract(a, y, out=delta)
    value = np.abs(delta, out=delta).sum() / a.size
    np.subtract(a, y, out=delta)
    np.sign(delta, out=delta)
    np.divide(delta, a.size, out=delta)
    return value.item()


def _softmax_cross_entropy(loss: SoftmaxCrossEntropy, z: Array, y: Array, delta: Array, rows: PerRow) -> float:
    value = (_cost_at_labels if y.ndim == 1 else _cost_of_distributions)(z, y, delta, rows)
    np.divide(delta, len(z), out=delta)
    return value.item()


def _cost_at_labels(z: Array, y: Array, delta: Array, rows: PerRow) -> Any:
    """C, with softmax(z) - y in delta."""
    np.maximum.reduce(z, axis=1, keepdims=True, out=rows.top)
    np.subtract(z, rows.top, out=delta)
    s, at_labels = delta.reshape(-1), np.add(rows.start, y, out=rows.labels)
    s.take(at_labels, out=rows.picked, mode="clip")  # unlike "raise" without a copy; labels were checked at the door
    np.exp(delta, out=delta)
    np.add.reduce(delta, axis=1, keepdims=True, out=rows.total)
    costs = np.log(rows.total, out=rows.top).reshape(-1)
    np.subtract(costs, rows.picked, out=costs)
    np.divide(delta, rows.total, out=delta)
    s.take(at_labels, out=rows.picked, mode="clip")
    s[at_labels] = np.subtract(rows.picked, 1.0, out=rows.picked)
    return np.add.reduce(costs) / len(z)


def _cost_of_distributions(z: Array, y: Array, delta: Array, rows: PerRow) -> Any:
    """C, with softmax(z) - y in delta."""
    _softmax_value(_SOFTMAX, z, delta, rows)
    np.subtract(z, rows.top, out=delta)
    np.subtract(np.log(rows.total, out=rows.total), delta, out=delta)
    np.multiply(delta, y, out=delta)
    value = np.add.reduce(delta, axis=None) / len(z)
    _softmax_value(_SOFTMAX, z, delta, rows)
    np.subtract(delta, y, out=delta)
    return value


def _cross_entropy(loss: CrossEntropy, a: Array, y: Array, delta: Array, rows: PerRow) -> float:
    value = (_log_at_labels if y.ndim == 1 else _log_of_distributions)(a, y, delta, rows) / len(a)
    _refuse_nonfinite(loss, a, y, delta)
    np.divide(delta, len(a), out=delta)
    return value.item()


def _log_at_labels(a: Array, y: Array, delta: Array, rows: PerRow) -> Any:
    """-sum log a at the labels, with -y / a in delta."""
    at_labels = np.add(rows.start, y, out=rows.labels)
    picked = a.reshape(-1).take(at_labels, out=rows.picked, mode="clip")
    costs = np.log(picked, out=rows.top.reshape(-1))
    delta[...] = -0.0
    delta.reshape(-1)[at_labels] = np.divide(-1.0, picked, out=picked)
    return -np.add.reduce(np.maximum(costs, LOG_FLOOR, out=costs))


def _log_of_distributions(a: Array, y: Array, delta: Array, rows: PerRow) -> Any:
    """-sum y log a, with -y / a in delta."""
    np.log(a, out=delta)
    np.multiply(y, np.maximum(delta, LOG_FLOOR, out=delta), out=delta)
    value = -np.add.reduce(delta, axis=None)
    for delta_block, a_block, y_block in blocks(delta, a, y):
        _ratio_into(y_block, a_block, delta_block)
    np.negative(delta, out=delta)
    return value


def _binary_cross_entropy(loss: BinaryCrossEntropy, a: Array, y: Array, delta: Array, rows: PerRow) -> float:
    for delta_block, a_block, y_block in blocks(delta, a, y):
        np.log(a_block, out=delta_block)
        np.multiply(y_block, np.maximum(delta_block, LOG_FLOOR, out=delta_block), out=delta_block)
        log_rest = np.log(1.0 - a_block)
        np.multiply(1.0 - y_block, np.maximum(log_rest, LOG_FLOOR, out=log_rest), out=log_rest)
        np.add(delta_block, log_rest, out=delta_block)
    value = -np.add.reduce(delta, axis=None) / a.size
    for delta_block, a_block, y_block in blocks(delta, a, y):
        _ratio_into(1.0 - y_block, 1.0 - a_block, delta_block)
        np.subtract(delta_block, _ratio_into(y_block, a_block, np.empty_like(a_block)), out=delta_block)
    _refuse_nonfinite(loss, a, y, delta)
    np.divide(delta, a.size, out=delta)
    return value.item()


def _sigmoid_cross_entropy(loss: SigmoidCrossEntropy, z: Array, y: Array, delta: Array, rows: PerRow) -> float:
    for delta_block, z_block, y_block in blocks(delta, z, y):
        np.subtract(np.maximum(z_block, 0.0), z_block * y_block, out=delta_block)
        tail = np.abs(z_block)
        np.log1p(np.exp(np.negative(tail, out=tail), out=tail), out=tail)
        np.add(delta_block, tail, out=delta_block)
    value = np.add.reduce(delta, axis=None) / z.size
    _sigmoid_value(_SIGMOID, z, delta, rows)
    np.subtract(delta, y, out=delta)
    np.divide(delta, z.size, out=delta)
    return value.item()


_LOSSES: dict[type[Loss], LossInto] = {
    MSE: _mse,
    HalfSquaredError: _half_squared_error,
    MAE: _mae,
    CrossEntropy: _cross_entropy,
    SoftmaxCrossEntropy: _softmax_cross_entropy,
    BinaryCrossEntropy: _binary_cross_entropy,
    SigmoidCrossEntropy: _sigmoid_cross_entropy,
}
_SIGMOID, _SOFTMAX = Sigmoid(), Softmax()


def _ratio_into(y: Array, a: Array, ratio: Array) -> Array:
    """y / a, and 0 where y = 0 whatever a is."""
    ratio[...] = 0.0
    return np.divide(y, a, out=ratio, where=y > 0.0)


def _refuse_nonfinite(loss: Loss, a: Array, y: Array, delta: Array) -> None:
    if not all(np.isfinite(block).all() for (block,) in blocks(delta)):
        loss.gradient(a, y)  # which names the row and the class
