"""Activations and losses in place: the numbers of `value`, `pullback` and `gradient`,
bit for bit, in arrays that exist already.

The formulas are those of activations.py and losses, in the same order of operations,
as another order would round otherwise. They stand for refnet's own classes alone, as
written: a subclass, a class of your own, or one with a method replaced, goes through
its own methods. Temporaries come from the workspace, or in blocks of BLOCK bytes
whatever the size of the arrays.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refnet.activations import (
    Activation,
    Elementwise,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from refnet.blockwise import BLOCK, blocks, broadcast_into
from refnet.checks import Array, fitting
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


class PerRow(NamedTuple):
    """A few numbers for each row of a batch of n rows with k outputs, and what the
    settings of a loss give each output.

    Shapes: (n,); the two columns are (n, 1) views of top and total, which broadcast
        along rows; an array of `columns` is (k,).
    """

    top: Array  # the largest z
    top_column: Array
    total: Array  # the sum of exp(z - top), or of the products in softmax's pullback
    total_column: Array
    costs: Array  # the row's own part of C
    picked: Array  # the entry at the label
    start: Array  # k times the row: where it starts in the flat array
    at: Array  # where one entry of the row stands in the flat array
    columns: tuple[Array, ...] = ()

    def of(self, rows: int) -> "PerRow":
        """Those of the first rows."""
        each: dict[str, Any] = {name: array[:rows] for name, array in self._asdict().items()}
        return PerRow(**(each | {"columns": self.columns}))


ValueInto = Callable[[Any, Array, Array, PerRow], None]


def value_into(activation: Activation) -> ValueInto:
    """The function (f, z, a, per_row) that writes a = f(z) into a; for the identity a
    is z, and nothing is written.
    """
    return _VALUES.get(type(activation), _any_value) if as_written(activation) else _any_value


def _any_value(f: Activation, z: Array, a: Array, per_row: PerRow) -> None:
    a[...] = fitting(type(f).__name__, "value", f.value(z), a)


def _identity_value(f: Identity, z: Array, a: Array, per_row: PerRow) -> None:
    pass


def sigmoid_value(f: Sigmoid, z: Array, a: Array, per_row: PerRow) -> None:
    # a holds -z, exp(-z), 1 + exp(-z) and the quotient in turn
    np.negative(z, out=a)
    np.exp(a, out=a)
    np.add(a, 1.0, out=a)
    np.divide(1.0, a, out=a)


def _tanh_value(f: Tanh, z: Array, a: Array, per_row: PerRow) -> None:
    np.tanh(z, out=a)


def _relu_value(f: ReLU, z: Array, a: Array, per_row: PerRow) -> None:
    np.maximum(z, 0.0, out=a)


def _leaky_relu_value(f: LeakyReLU, z: Array, a: Array, per_row: PerRow) -> None:
    for z_block, a_block in blocks(z, a):
        a_block[...] = np.where(z_block > 0.0, z_block, f.slope * z_block)


def softmax_value(f: Softmax, z: Array, a: Array, per_row: PerRow) -> None:
    np.maximum.reduce(z, axis=1, out=per_row.top)
    broadcast_into(np.subtract, z, per_row.top_column, a)
    np.exp(a, out=a)
    np.add.reduce(a, axis=1, out=per_row.total)
    broadcast_into(np.divide, a, per_row.total_column, a)


_VALUES: dict[type[Activation], ValueInto] = {
    Identity: _identity_value,
    Sigmoid: sigmoid_value,
    Tanh: _tanh_value,
    ReLU: _relu_value,
    LeakyReLU: _leaky_relu_value,
    Softmax: softmax_value,
}

PullbackInto = Callable[[Any, Array, Array, Array, PerRow, Array], None]


def pullback_into(activation: Activation) -> PullbackInto:
    """The function (f, delta, z, a, per_row, spare) that overwrites dC/da with dC/dz in
    delta; `spare` is memory for a row at least, free to be overwritten.
    """
    ours = _PULLBACKS if as_written(activation) else {}
    return ours.get(type(activation), _any_pullback)


def _any_pullback(
    f: Activation, delta: Array, z: Array, a: Array, per_row: PerRow, spare: Array
) -> None:
    delta[...] = fitting(type(f).__name__, "pullback", f.pullback(delta, z, a), delta)


def _identity_pullback(
    f: Identity, delta: Array, z: Array, a: Array, per_row: PerRow, spare: Array
) -> None:
    pass


def _sigmoid_pullback(
    f: Sigmoid, delta: Array, z: Array, a: Array, per_row: PerRow, spare: Array
) -> None:
    for delta_block, a_block in blocks(delta, a):
        np.multiply(delta_block, a_block * (1.0 - a_block), out=delta_block)


def _tanh_pullback(
    f: Tanh, delta: Array, z: Array, a: Array, per_row: PerRow, spare: Array
) -> None:
    for delta_block, a_block in blocks(delta, a):
        np.multiply(delta_block, 1.0 - a_block * a_block, out=delta_block)


def _elementwise_pullback(
    f: Elementwise, delta: Array, z: Array, a: Array, per_row: PerRow, spare: Array
) -> None:
    for delta_block, z_block, a_block in blocks(delta, z, a):
        np.multiply(delta_block, f.derivative(z_block, a_block), out=delta_block)


def _softmax_pullback(
    f: Softmax, delta: Array, z: Array, a: Array, per_row: PerRow, spare: Array
) -> None:
    _sum_products(delta, a, per_row.total, spare)
    broadcast_into(np.subtract, delta, per_row.total_column, delta)
    np.multiply(a, delta, out=delta)


def _sum_products(grad_a: Array, a: Array, total: Array, spare: Array) -> None:
    """total = sum over columns of grad_a a, for as many rows at a time as a block
    holds, or row by row in `spare`.
    """
    width = a.shape[1]
    together = BLOCK // a[0].nbytes
    room = (
        np.empty((together, width), a.dtype)
        if together
        else spare.reshape(-1)[:width].reshape(1, width)
    )
    for start in range(0, len(a), len(room)):
        here = slice(start, start + len(room))
        product = np.multiply(grad_a[here], a[here], out=room[: len(a) - start])
        np.add.reduce(product, axis=1, out=total[here])


_PULLBACKS: dict[type[Activation], PullbackInto] = {
    Identity: _identity_pullback,
    Sigmoid: _sigmoid_pullback,
    Tanh: _tanh_pullback,
    ReLU: _elementwise_pullback,
    LeakyReLU: _elementwise_pullback,
    Softmax: _softmax_pullback,
}

LossInto = Callable[[Any, Array, Array, Array, PerRow], float]


def loss_into(loss: Loss, output: Activation) -> LossInto:
    """The function (loss, a, y, delta, per_row) that writes dC/da into delta and
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


def any_loss(loss: Loss, a: Array, y: Array, delta: Array, per_row: PerRow) -> float:
    given = checked(loss)
    value = given.value(a, y)
    delta[...] = given.gradient(a, y)
    return value


def _mse(loss: MSE, a: Array, y: Array, delta: Array, per_row: PerRow) -> float:
    e = np.subtract(a, y, out=delta).reshape(-1)
    value = np.dot(e, e) / e.size
    np.multiply(delta, 2.0 / a.size, out=delta)
    return value.item()


def _half_squared_error(
    loss: HalfSquaredError, a: Array, y: Array, delta: Array, per_row: PerRow
) -> float:
    e = np.subtract(a, y, out=delta).reshape(-1)
    value = np.dot(e, e) / (2 * len(a))
    np.divide(delta, len(a), out=delta)
    return value.item()


def _mae(loss: MAE, a: Array, y: Array, delta: Array, per_row: PerRow) -> float:
    np.subtract(a, y, out=delta)
    value = np.abs(delta, out=delta).sum() / a.size
    np.subtract(a, y, out=delta)  # once more, as |a - y| has overwritten it
    np.sign(delta, out=delta)
    np.divide(delta, a.size, out=delta)
    return value.item()


def _softmax_cross_entropy(
    loss: SoftmaxCrossEntropy, z: Array, y: Array, delta: Array, per_row: PerRow
) -> float:
    value = (_cost_at_labels if y.ndim == 1 else _cost_of_distributions)(z, y, delta, per_row)
    np.divide(delta, len(z), out=delta)
    return value.item()


def _cost_at_labels(z: Array, y: Array, delta: Array, per_row: PerRow) -> Any:
    """C, with softmax(z) - y in delta."""
    shift_into(z, delta, per_row)
    costs_at_labels(np.add(per_row.start, y, out=per_row.at), delta, per_row)
    return np.add.reduce(per_row.costs) / len(z)


def shift_into(z: Array, delta: Array, per_row: PerRow) -> None:
    """delta = s = z - top, the largest z of the row."""
    # argmax and take cost half of maximum.reduce along short rows, which saves 3 % of a
    # step at 64-30-10 with 32 rows
    at_tops = np.add(per_row.start, z.argmax(axis=1, out=per_row.at), out=per_row.at)
    # mode "clip" writes into out, "raise" into a copy first; nothing is out of range
    z.reshape(-1).take(at_tops, out=per_row.top, mode="clip")
    broadcast_into(np.subtract, z, per_row.top_column, delta)


def costs_at_labels(at_labels: Array, delta: Array, per_row: PerRow) -> None:
    """From s in delta to softmax(z) - y, and -log softmax(z) of the labels in
    per_row.costs; `at_labels` are the places of the labels in the flat array.
    """
    # delta is s, then exp s, then softmax(z); picked is s, then softmax(z) at the
    # labels: each is read before the next overwrites it
    flat = delta.reshape(-1)
    s_picked = flat.take(at_labels, out=per_row.picked, mode="clip")
    np.exp(delta, out=delta)
    np.add.reduce(delta, axis=1, out=per_row.total)
    log_total = np.log(per_row.total, out=per_row.costs)
    np.subtract(log_total, s_picked, out=per_row.costs)
    broadcast_into(np.divide, delta, per_row.total_column, delta)
    p_picked = flat.take(at_labels, out=per_row.picked, mode="clip")
    flat[at_labels] = np.subtract(p_picked, 1.0, out=per_row.picked)


def _cost_of_distributions(z: Array, y: Array, delta: Array, per_row: PerRow) -> Any:
    """C, with softmax(z) - y in delta."""
    softmax_value(SOFTMAX, z, delta, per_row)  # for top and total
    broadcast_into(np.subtract, z, per_row.top_column, delta)
    np.negative(delta, out=delta)
    np.log(per_row.total, out=per_row.total)
    broadcast_into(np.add, delta, per_row.total_column, delta)
    np.multiply(delta, y, out=delta)
    value = np.add.reduce(delta, axis=None) / len(z)
    # once more, as there is no second array of this size to keep it in
    softmax_value(SOFTMAX, z, delta, per_row)
    np.subtract(delta, y, out=delta)
    return value


def _cross_entropy(loss: CrossEntropy, a: Array, y: Array, delta: Array, per_row: PerRow) -> float:
    value = (_log_at_labels if y.ndim == 1 else _log_of_distributions)(a, y, delta, per_row) / len(
        a
    )
    refuse_nonfinite(loss, a, y, delta)
    np.divide(delta, len(a), out=delta)
    return value.item()


def _log_at_labels(a: Array, y: Array, delta: Array, per_row: PerRow) -> Any:
    """-sum log a at the labels, with -y / a in delta."""
    at_labels = np.add(per_row.start, y, out=per_row.at)
    picked = a.reshape(-1).take(at_labels, out=per_row.picked, mode="clip")
    costs = np.log(picked, out=per_row.costs)
    delta[...] = -0.0
    delta.reshape(-1)[at_labels] = np.divide(-1.0, picked, out=picked)
    return -np.add.reduce(np.maximum(costs, LOG_FLOOR, out=costs))


def _log_of_distributions(a: Array, y: Array, delta: Array, per_row: PerRow) -> Any:
    """-sum y log a, with -y / a in delta."""
    np.log(a, out=delta)
    np.multiply(y, np.maximum(delta, LOG_FLOOR, out=delta), out=delta)
    value = -np.add.reduce(delta, axis=None)
    for delta_block, a_block, y_block in blocks(delta, a, y):
        ratio_into(y_block, a_block, delta_block)
    np.negative(delta, out=delta)
    return value


def _binary_cross_entropy(
    loss: BinaryCrossEntropy, a: Array, y: Array, delta: Array, per_row: PerRow
) -> float:
    for delta_block, a_block, y_block in blocks(delta, a, y):
        np.log(a_block, out=delta_block)
        np.multiply(y_block, np.maximum(delta_block, LOG_FLOOR, out=delta_block), out=delta_block)
        log_rest = np.log(1.0 - a_block)
        np.multiply(1.0 - y_block, np.maximum(log_rest, LOG_FLOOR, out=log_rest), out=log_rest)
        np.add(delta_block, log_rest, out=delta_block)
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
    loss: SigmoidCrossEntropy, z: Array, y: Array, delta: Array, per_row: PerRow
) -> float:
    for delta_block, z_block, y_block in blocks(delta, z, y):
        np.subtract(np.maximum(z_block, 0.0), z_block * y_block, out=delta_block)
        tail = np.abs(z_block)
        np.log1p(np.exp(np.negative(tail, out=tail), out=tail), out=tail)
        np.add(delta_block, tail, out=delta_block)
    value = np.add.reduce(delta, axis=None) / z.size
    sigmoid_value(SIGMOID, z, delta, per_row)
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
SIGMOID, SOFTMAX = Sigmoid(), Softmax()


def ratio_into(y: Array, a: Array, ratio: Array) -> Array:
    """y / a, and 0 where y = 0 whatever a is."""
    ratio[...] = 0.0
    return np.divide(y, a, out=ratio, where=y > 0.0)


def refuse_nonfinite(
    loss: Loss, a: Array, y: Array, delta: Array, sample_weight: Array | None = None
) -> None:
    """Refuse a dC/da in delta that is not finite, in the words of the teaching form."""
    if not all(np.isfinite(block).all() for (block,) in blocks(delta)):
        loss.gradient(a, y, sample_weight)  # which names the row and the class
