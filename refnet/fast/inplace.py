"""Activations and losses in place: the numbers of `value`, `pullback` and `gradient`,
bit for bit, in arrays that exist already.

The formulas are those of activations.py and losses, in the same order of operations,
as another order would round otherwise. They stand for refnet's own classes alone, as
written: a subclass, a class of your own, or one with a method replaced, goes through
its own methods. What is computed on the way goes into the workspace's room, or is made
in blocks, whatever the size of the arrays.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from refnet.activations import (
    Activation,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from refnet.blockwise import blocks, broadcast_into
from refnet.checks import Array, fitting, squares_are_finite
from refnet.fast.room import Room
from refnet.fast.written import as_written
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

ValueInto = Callable[[Any, Array, Array, Room], None]


def value_into(activation: Activation) -> ValueInto:
    """The function (f, z, a, room) that writes a = f(z) into a; for the identity a
    is z, and nothing is written.
    """
    return _VALUES.get(type(activation), _any_value) if as_written(activation) else _any_value


def _any_value(f: Activation, z: Array, a: Array, room: Room) -> None:
    a[...] = fitting(type(f).__name__, "value", f.value(z), a)


def _identity_value(f: Identity, z: Array, a: Array, room: Room) -> None:
    pass


def sigmoid_value(f: Sigmoid, z: Array, a: Array, room: Room) -> None:
    # a holds -z, exp(-z), 1 + exp(-z) and the quotient in turn
    np.negative(z, out=a)
    np.exp(a, out=a)
    np.add(a, room.one, out=a)
    np.divide(room.one, a, out=a)


def _tanh_value(f: Tanh, z: Array, a: Array, room: Room) -> None:
    np.tanh(z, out=a)


def _relu_value(f: ReLU, z: Array, a: Array, room: Room) -> None:
    # NumPy takes 1.5 to 2.5 times as long for the maximum with a single number
    a.fill(0.0)
    np.maximum(z, a, out=a)


def _leaky_relu_value(f: LeakyReLU, z: Array, a: Array, room: Room) -> None:
    for z_block, a_block in blocks(z, a):
        a_block[...] = np.where(z_block > 0.0, z_block, f.slope * z_block)


def softmax_value(f: Softmax, z: Array, a: Array, room: Room) -> None:
    np.maximum.reduce(z, axis=1, out=room.top)
    broadcast_into(np.subtract, z, room.top_column, a)
    np.exp(a, out=a)
    np.add.reduce(a, axis=1, out=room.total)
    broadcast_into(np.divide, a, room.total_column, a)


_VALUES: dict[type[Activation], ValueInto] = {
    Identity: _identity_value,
    Sigmoid: sigmoid_value,
    Tanh: _tanh_value,
    ReLU: _relu_value,
    LeakyReLU: _leaky_relu_value,
    Softmax: softmax_value,
}

PullbackInto = Callable[[Any, Array, Array, Array, Room], None]


def pullback_into(activation: Activation) -> PullbackInto:
    """The function (f, delta, z, a, room) that overwrites dC/da with dC/dz in delta."""
    ours = _PULLBACKS if as_written(activation) else {}
    return ours.get(type(activation), _any_pullback)


def _any_pullback(f: Activation, delta: Array, z: Array, a: Array, room: Room) -> None:
    delta[...] = fitting(type(f).__name__, "pullback", f.pullback(delta, z, a), delta)


def _identity_pullback(f: Identity, delta: Array, z: Array, a: Array, room: Room) -> None:
    pass


def _sigmoid_pullback(f: Sigmoid, delta: Array, z: Array, a: Array, room: Room) -> None:
    np.subtract(room.one, a, out=room.spare)
    np.multiply(a, room.spare, out=room.spare)
    np.multiply(delta, room.spare, out=delta)


def _tanh_pullback(f: Tanh, delta: Array, z: Array, a: Array, room: Room) -> None:
    np.multiply(a, a, out=room.spare)
    np.subtract(room.one, room.spare, out=room.spare)
    np.multiply(delta, room.spare, out=delta)


def _relu_pullback(f: ReLU, delta: Array, z: Array, a: Array, room: Room) -> None:
    np.greater(z, room.zero, out=room.spare)
    np.multiply(delta, room.spare, out=delta)


def _leaky_relu_pullback(f: LeakyReLU, delta: Array, z: Array, a: Array, room: Room) -> None:
    for delta_block, z_block, a_block in blocks(delta, z, a):
        np.multiply(delta_block, f.derivative(z_block, a_block), out=delta_block)


def _softmax_pullback(f: Softmax, delta: Array, z: Array, a: Array, room: Room) -> None:
    np.add.reduce(np.multiply(delta, a, out=room.spare), axis=1, out=room.total)
    broadcast_into(np.subtract, delta, room.total_column, delta)
    np.multiply(a, delta, out=delta)


_PULLBACKS: dict[type[Activation], PullbackInto] = {
    Identity: _identity_pullback,
    Sigmoid: _sigmoid_pullback,
    Tanh: _tanh_pullback,
    ReLU: _relu_pullback,
    LeakyReLU: _leaky_relu_pullback,
    Softmax: _softmax_pullback,
}

LossInto = Callable[[Any, Array, Array, Array, Room], float]


def loss_into(loss: Loss, output: Activation) -> LossInto:
    """The function (loss, a, y, delta, room) that writes dC/da into delta and
    returns C, for targets that were checked at the door.
    """
    ours = in_place(loss, output) and not loss.settings
    return _LOSSES.get(type(loss), any_loss) if ours else any_loss


def in_place(loss: Loss, output: Activation) -> bool:
    """Whether the formulas of a loss behind this output are still those of refnet."""
    # refnet's own sigmoid and softmax give values in [0, 1], which need no check; on
    # logits the gradient is theirs
    within = {SoftmaxCrossEntropy: SOFTMAX, SigmoidCrossEntropy: SIGMOID}.get(type(loss))
    within = output if loss.reads == "probabilities" else within
    return as_written(loss) and (within is None or as_written(within))


def any_loss(loss: Loss, a: Array, y: Array, delta: Array, room: Room) -> float:
    given = checked(loss)
    value = given.value(a, y)
    delta[...] = given.gradient(a, y)
    return value


def _mse(loss: MSE, a: Array, y: Array, delta: Array, room: Room) -> float:
    e = np.subtract(a, y, out=delta).reshape(-1)
    value = np.dot(e, e) / e.size
    np.multiply(delta, 2.0 / a.size, out=delta)
    return value.item()


def _half_squared_error(
    loss: HalfSquaredError, a: Array, y: Array, delta: Array, room: Room
) -> float:
    e = np.subtract(a, y, out=delta).reshape(-1)
    value = np.dot(e, e) / (2 * len(a))
    np.divide(delta, room.rows, out=delta)
    return value.item()


def _mae(loss: MAE, a: Array, y: Array, delta: Array, room: Room) -> float:
    np.subtract(a, y, out=delta)
    value = np.add.reduce(np.abs(delta, out=room.spare), axis=None) / a.size
    np.sign(delta, out=delta)
    np.divide(delta, a.size, out=delta)
    return value.item()


def _softmax_cross_entropy(
    loss: SoftmaxCrossEntropy, z: Array, y: Array, delta: Array, room: Room
) -> float:
    exp_into(z, delta, room)
    if y.ndim == 1:
        costs_at_labels(np.add(room.start, y, out=room.at), delta, room)
        value = np.add.reduce(room.costs) / len(z)
    else:
        costs = np.multiply(costs_into(delta, room), y, out=room.spare)
        value = np.add.reduce(costs, axis=None) / len(z)
        np.subtract(delta, y, out=delta)
    np.divide(delta, room.rows, out=delta)
    return value.item()


def exp_into(z: Array, delta: Array, room: Room) -> None:
    """s = z - top, the largest z of the row, in `spare`; exp s in delta, and its sum in
    total.
    """
    # argmax and take cost half of maximum.reduce along short rows, which saves 3 % of a
    # step at 64-30-10 with 32 rows
    at_tops = np.add(room.start, z.argmax(axis=1, out=room.at), out=room.at)
    # mode "clip" writes into out, "raise" into a copy first; nothing is out of range
    z.take(at_tops, out=room.top, mode="clip")
    broadcast_into(np.subtract, z, room.top_column, room.spare)
    np.add.reduce(np.exp(room.spare, out=delta), axis=1, out=room.total)


def costs_at_labels(at_labels: Array, delta: Array, room: Room) -> None:
    """-log softmax(z) of the labels in `costs`, and softmax(z) - y in delta, after
    exp_into; `at_labels` are the places of the labels in the flat array.
    """
    log_total = np.log(room.total, out=room.costs)
    s_picked = room.spare.take(at_labels, out=room.picked, mode="clip")
    np.subtract(log_total, s_picked, out=room.costs)
    broadcast_into(np.divide, delta, room.total_column, delta)
    p_picked = delta.take(at_labels, out=room.picked, mode="clip")
    delta.reshape(-1)[at_labels] = np.subtract(p_picked, room.one, out=room.picked)


def costs_into(delta: Array, room: Room) -> Array:
    """-log softmax(z) in `spare`, and softmax(z) in delta, after exp_into."""
    broadcast_into(np.divide, delta, room.total_column, delta)
    np.log(room.total, out=room.total)
    minus_s = np.negative(room.spare, out=room.spare)
    broadcast_into(np.add, minus_s, room.total_column, room.spare)
    return room.spare


def _cross_entropy(loss: CrossEntropy, a: Array, y: Array, delta: Array, room: Room) -> float:
    value = (_log_at_labels if y.ndim == 1 else _log_of_distributions)(a, y, delta, room) / len(a)
    refuse_nonfinite(loss, a, y, delta)
    np.divide(delta, room.rows, out=delta)
    return value.item()


def _log_at_labels(a: Array, y: Array, delta: Array, room: Room) -> Any:
    """-sum log a at the labels, with -y / a in delta."""
    at_labels = np.add(room.start, y, out=room.at)
    picked = a.take(at_labels, out=room.picked, mode="clip")
    costs = np.log(picked, out=room.costs)
    delta[...] = -0.0
    delta.reshape(-1)[at_labels] = np.divide(-1.0, picked, out=picked)
    return -np.add.reduce(np.maximum(costs, LOG_FLOOR, out=costs))


def _log_of_distributions(a: Array, y: Array, delta: Array, room: Room) -> Any:
    """-sum y log a, with -y / a in delta."""
    np.log(a, out=delta)
    np.multiply(y, np.maximum(delta, LOG_FLOOR, out=delta), out=delta)
    value = -np.add.reduce(delta, axis=None)
    for delta_block, a_block, y_block in blocks(delta, a, y):
        ratio_into(y_block, a_block, delta_block)
    np.negative(delta, out=delta)
    return value


def _binary_cross_entropy(
    loss: BinaryCrossEntropy, a: Array, y: Array, delta: Array, room: Room
) -> float:
    log_rest = np.log(np.subtract(room.one, a, out=room.spare), out=room.spare)
    np.maximum(log_rest, LOG_FLOOR, out=log_rest)
    np.multiply(np.subtract(room.one, y, out=delta), log_rest, out=delta)
    log_a = np.maximum(np.log(a, out=room.spare), LOG_FLOOR, out=room.spare)
    np.add(np.multiply(y, log_a, out=log_a), delta, out=delta)
    value = -np.add.reduce(delta, axis=None) / a.size
    for delta_block, a_block, y_block in blocks(delta, a, y):
        ratio_into(1.0 - y_block, 1.0 - a_block, delta_block)
        np.subtract(
            delta_block, ratio_into(y_block, a_block, np.empty_like(a_block)), out=delta_block
        )
    refuse_nonfinite(loss, a, y, delta)
    np.divide(delta, a.size, out=delta)
    return value.item()


def _sigmoid_cross_entropy(
    loss: SigmoidCrossEntropy, z: Array, y: Array, delta: Array, room: Room
) -> float:
    costs = logit_costs_into(z, y, delta, room)
    value = np.add.reduce(costs, axis=None) / z.size
    np.divide(delta, z.size, out=delta)
    return value.item()


def logit_costs_into(z: Array, y: Array, delta: Array, room: Room) -> Array:
    """max(z, 0) - z y + log(1 + exp(-|z|)) in `spare`, and sigmoid(z) - y in delta."""
    above, products = np.maximum(z, room.zero, out=room.spare), np.multiply(z, y, out=delta)
    costs = np.subtract(above, products, out=room.spare)
    tail = np.negative(np.abs(z, out=delta), out=delta)
    np.add(costs, np.log1p(np.exp(tail, out=tail), out=tail), out=costs)
    sigmoid_value(SIGMOID, z, delta, room)
    np.subtract(delta, y, out=delta)
    return costs


_LOSSES: dict[type[Loss], LossInto] = {
    MSE: _mse,
    HalfSquaredError: _half_squared_error,
    MAE: _mae,
    CrossEntropy: _cross_entropy,
    SoftmaxCrossEntropy: _softmax_cross_entropy,
    BinaryCrossEntropy: _binary_cross_entropy,
    SigmoidCrossEntropy: _sigmoid_cross_entropy,
}
SIGMOID, SOFTMAX = Sigmoid(), Softmax()


def ratio_into(y: Array, a: Array, ratio: Array) -> Array:
    """y / a, and 0 where y = 0 whatever a is."""
    ratio[...] = 0.0
    return np.divide(y, a, out=ratio, where=y > 0.0)


def refuse_nonfinite(
    loss: Loss, a: Array, y: Array, delta: Array, sample_weight: Array | None = None
) -> None:
    """Refuse a dC/da in delta that is not finite, in the words of the teaching form."""
    if squares_are_finite(delta.reshape(-1)):
        return
    if not all(np.isfinite(block).all() for (block,) in blocks(delta)):
        loss.gradient(a, y, sample_weight)  # which names the row and the class
