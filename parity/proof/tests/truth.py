"""The exact value of one entry of a training step, from what the record itself shows,
in 50-digit arithmetic.

Textbook formulas over scalars, entry by entry: an oracle that shares no code with the
implementations it judges, nor with the bounds. Every equation starts from its recorded
inputs, so no error is inherited. It needs mpmath, which PyTorch brings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath  # type: ignore[import-untyped]  # it ships no types
from mpmath import exp, fdot, fsum, log, log1p, mpf, sign, sqrt, tanh

from parity.proof.tests.penalised_truth import clipped, penalty, slope
from parity.steps.record import StepRecord
from refnet.checks import Array
from refnet.losses import LOG_FLOOR

DIGITS = 50
Row = list[mpf]


def truth(
    record: StepRecord, equation: str, layer: int | None, quantity: str, index: tuple[int, ...]
) -> mpf:
    """The exact value of `quantity[index]`, by the record's own inputs of `equation`.

    The quantities are z, a, loss, delta, db and dW; of "step" W, b and each vector of
    the optimizer's state, as "exp_avg of W". The new state comes from the old one, W
    and b from the recorded new state.

    Shapes: `layer` counts from 1, None for loss; `index` is an entry of z, a, delta (n,
        fan_out), W, dW (fan_out, fan_in), b, db (fan_out,), and () of loss.
    Source: Nielsen, Neural Networks and Deep Learning, chapter 2; for the step the
        docstring of the optimizer.
    Errors: ValueError for a name that there is no formula of, and where the record does
        not show what the equation reads.
    """
    with mpmath.workdps(DIGITS):
        if equation == "step":
            return _step(record, layer or 0, quantity, index)
        return _known("quantity", EQUATIONS, (equation, quantity))(
            record, layer or len(record.layers), *index
        )


def exact(value: Any) -> mpf:
    """A finite float of any width as the very number that it is."""
    numerator, denominator = value.as_integer_ratio()
    with mpmath.workdps(DIGITS):
        return mpf(numerator) / denominator


def _masked_input(record: StepRecord, l: int, i: int, k: int) -> mpf:
    """a_prev_ik = a_ik m_ik, with the a of the layer below."""
    return _number(_below(record, l)[i, k]) * _mask(record, l, i)[k]


def _z(record: StepRecord, l: int, i: int, j: int) -> mpf:
    """z_ij = sum over k of a_prev_ik W_jk + b_j."""
    return fdot(_row(_a_prev(record, l), i), _row(record.before.W[l - 1], j)) + _number(
        record.before.b[l - 1][j]
    )


def _a(record: StepRecord, l: int, i: int, j: int) -> mpf:
    """a_ij = f(z_ij); softmax reads the whole row."""
    name, z = record.spec.activations[l - 1][0], _row(_shown(record, l, "z"), i)
    if name == "softmax":
        return softmax(z)[j]
    if name in KINKED:
        return z[j] if z[j] > 0 else _slope(record, l) * z[j]
    return _known("activation", VALUES, name)(z[j])


def sigmoid(z: mpf) -> mpf:
    """1 / (1 + e^-z)."""
    return 1 / (1 + exp(-z))


def softmax(z: Row) -> Row:
    """e^z_j / sum over i of e^z_i; no maximum is taken off, as an mpf has no largest
    one.
    """
    total = fsum(map(exp, z))
    return [exp(z_j) / total for z_j in z]


KINKED = ("relu", "leaky_relu")
VALUES: dict[str, Callable[[mpf], mpf]] = {
    "identity": mpf,
    "heaviside": lambda z: mpf(int(z > 0)),
    "sigmoid": sigmoid,
    "tanh": tanh,
}


def _cost(record: StepRecord, l: int) -> mpf:
    """C = sum of the costs of all rows / n, or / (n outputs) where the loss is a mean
    over outputs too; with weights sum s_i C_i / D.
    """
    a, cost = _shown(record, l, "a"), _known("loss", COSTS, record.spec.loss)

    def of_row(i: int) -> mpf:
        row = _row(a, i)
        if record.spec.loss in ON_CLASSES:
            return cost(row, _class_targets(record, i))
        each = (
            _of_output(record, i, j, lambda y, a_j=a_j: cost([a_j], [y]))
            for j, a_j in enumerate(row)
        )
        return fsum(each)

    return fsum(_row_weight(record, i) * of_row(i) for i in range(len(a))) / divisor(record)


def _log(p: mpf) -> mpf:
    """log p, never below -100; log 0 is -inf."""
    return max(log(p), mpf(LOG_FLOOR))


def _sum(term: Callable[[mpf, mpf], mpf]) -> Callable[[Row, Row], mpf]:
    """The cost of a row, as the sum over its outputs a (or logits z) and targets y."""
    return lambda a, y: fsum(term(a_j, y_j) for a_j, y_j in zip(a, y, strict=True))


COSTS: dict[str, Callable[[Row, Row], mpf]] = {
    "mse": _sum(lambda a, y: (a - y) ** 2),
    "half_squared_error": _sum(lambda a, y: (a - y) ** 2 / 2),
    "mae": _sum(lambda a, y: abs(a - y)),
    "cross_entropy": _sum(lambda a, y: -y * _log(a)),
    "binary_cross_entropy": _sum(lambda a, y: -y * _log(a) - (1 - y) * _log(1 - a)),
    "softmax_cross_entropy": lambda z, y: _sum(
        lambda z_j, y_j: y_j * (log(fsum(map(exp, z))) - z_j)
    )(z, y),
    # -log sigmoid(z) = log(1 + e^-z)
    "sigmoid_cross_entropy": _sum(lambda z, y: y * log1p(exp(-z)) + (1 - y) * log1p(exp(z))),
}
ON_CLASSES = ("cross_entropy", "softmax_cross_entropy")
OVER_OUTPUTS = ("mse", "mae", "binary_cross_entropy", "sigmoid_cross_entropy")


def _output_delta(record: StepRecord, l: int, i: int, j: int) -> mpf:
    """BP1, delta = dC/da f'(z): where the pole of dC/da cancels against f', it is
    cancelled on paper.
    """
    y, pair = _targets(record, i), (record.spec.loss, record.spec.activations[l - 1][0])
    share = _row_weight(record, i) / divisor(record)
    if pair in CANCELLED:
        row = _row(_shown(record, l, "z" if pair[1] == "identity" else "a"), i)
        if pair[0] in ON_CLASSES:
            return share * CANCELLED[pair](row, _class_targets(record, i), j)
        return share * _of_output(record, i, j, lambda y: CANCELLED[pair]([row[j]], [y], 0))
    gradient, a = (
        _known(f"loss behind {pair[1]}", GRADIENTS, pair[0]),
        _row(_shown(record, l, "a"), i),
    )
    return _pullback(
        record,
        l,
        i,
        j,
        [share * gradient(a_j - y_j) for a_j, y_j in zip(a, y, strict=True)],
    )


# delta_j n, or n outputs, of a row of outputs a (logits z), targets y
CANCELLED: dict[tuple[str, str], Callable[[Row, Row, int], mpf]] = {
    ("cross_entropy", "softmax"): lambda a, y, j: a[j] * fsum(y) - y[j],
    ("cross_entropy", "sigmoid"): lambda a, y, j: -y[j] * (1 - a[j]),
    ("binary_cross_entropy", "sigmoid"): lambda a, y, j: a[j] - y[j],
    ("softmax_cross_entropy", "identity"): lambda z, y, j: softmax(z)[j] * fsum(y) - y[j],
    ("sigmoid_cross_entropy", "identity"): lambda z, y, j: sigmoid(z[j]) - y[j],
}
# of e, which is a - y
GRADIENTS: dict[str, Callable[[mpf], mpf]] = {
    "mse": lambda e: 2 * e,
    "half_squared_error": lambda e: e,
    "mae": sign,
}


def _hidden_delta(record: StepRecord, l: int, i: int, j: int) -> mpf:
    """BP2, delta_ij = (sum over m of delta_above_im W_above_mj) f'(z_ij), with dropout
    times the mask of the layer above.
    """
    above, W = _row(_shown(record, l + 1, "delta"), i), record.before.W[l]
    mask = _mask(record, l + 1, i)
    return _pullback(
        record, l, i, j, [fdot(above, _row(W.T, k)) * mask[k] for k in range(W.shape[1])]
    )


def _pullback(record: StepRecord, l: int, i: int, j: int, gradient: Row) -> mpf:
    """dC/dz_ij of a row of dC/da: f' is written in the recorded a, and at a kink by the
    sign of the recorded z.
    """
    name, a = record.spec.activations[l - 1][0], _row(_shown(record, l, "a"), i)
    if name == "softmax":
        return a[j] * (gradient[j] - fdot(gradient, a))
    if name in KINKED:
        return gradient[j] * (1 if _shown(record, l, "z")[i, j] > 0 else _slope(record, l))
    return gradient[j] * _known("activation", DERIVATIVES, name)(a[j])


DERIVATIVES: dict[str, Callable[[mpf], mpf]] = {
    "identity": lambda _: mpf(1),
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a**2,
}


def _db(record: StepRecord, l: int, j: int) -> mpf:
    """BP3, db_j = sum over i of delta_ij."""
    return fsum(_row(_shown(record, l, "delta").T, j))


def _dW(record: StepRecord, l: int, j: int, k: int) -> mpf:
    """BP4, dW_jk = sum over i of delta_ij a_prev_ik."""
    return fdot(_row(_shown(record, l, "delta").T, j), _row(_a_prev(record, l).T, k))


EQUATIONS: dict[tuple[str, str], Callable[..., mpf]] = {
    ("dropout", "a_prev"): _masked_input,
    ("z", "z"): _z,
    ("a", "a"): _a,
    ("C", "loss"): lambda record, l: _cost(record, l) + penalty(record),
    ("BP1", "delta"): _output_delta,
    ("BP2", "delta"): _hidden_delta,
    ("BP3", "db"): lambda record, l, j: (
        _db(record, l, j) + slope(record, "b", record.before.b[l - 1][j])
    ),
    ("BP4", "dW"): lambda record, l, j, k: (
        _dW(record, l, j, k) + slope(record, "W", record.before.W[l - 1][j, k])
    ),
}


@dataclass(frozen=True)
class _Entry:
    """What a rule reads of one parameter: theta, d = g + weight_decay theta (AdamW: g),
    the state before and after, settings, t.
    """

    theta: mpf
    d: mpf
    old: dict[str, mpf]
    new: dict[str, mpf]
    h: dict[str, Any]
    t: int


def _sgd(e: _Entry) -> mpf:
    """theta - lr v, with nesterov theta - lr (d + momentum v); v is d without
    momentum.
    """
    if not e.h["momentum"]:
        return e.theta - e.h["lr"] * e.d
    v = e.new["momentum_buffer"]
    return e.theta - e.h["lr"] * (e.d + e.h["momentum"] * v if e.h["nesterov"] else v)


def _sgd_buffer(e: _Entry) -> mpf:
    """v: at first d, then momentum v + (1 - dampening) d."""
    v = e.old.get("momentum_buffer")
    return e.d if v is None else e.h["momentum"] * v + (1 - e.h["dampening"]) * e.d


def _adagrad(e: _Entry) -> mpf:
    """theta - lr / (1 + (t - 1) lr_decay) d / (sqrt(v) + eps)."""
    return e.theta - e.h["lr"] / (1 + (e.t - 1) * e.h["lr_decay"]) * e.d / (
        sqrt(e.new["sum"]) + e.h["eps"]
    )


def _rmsprop(e: _Entry) -> mpf:
    """theta - lr q, with momentum theta - lr buf."""
    return e.theta - e.h["lr"] * (e.new["momentum_buffer"] if e.h["momentum"] else _quotient(e))


def _quotient(e: _Entry) -> mpf:
    """q = d / (sqrt(v) + eps), centered d / (sqrt(v - mean^2) + eps)."""
    v = (
        max(e.new["square_avg"] - e.new["grad_avg"] ** 2, mpf(0))
        if e.h["centered"]
        else e.new["square_avg"]
    )
    return e.d / (sqrt(v) + e.h["eps"])


def _adam(e: _Entry) -> mpf:
    """theta - lr m^ / (sqrt(v^) + eps), with m^ = m / (1 - beta1^t) and
    v^ = v / (1 - beta2^t).
    """
    beta1, beta2 = e.h["betas"]
    v = e.new["max_exp_avg_sq"] if e.h["amsgrad"] else e.new["exp_avg_sq"]
    return e.theta - e.h["lr"] * (e.new["exp_avg"] / (1 - beta1**e.t)) / (
        sqrt(v / (1 - beta2**e.t)) + e.h["eps"]
    )


def _mean(e: _Entry, name: str, beta: mpf, value: mpf) -> mpf:
    """mean := beta mean + (1 - beta) value, from 0."""
    return beta * e.old.get(name, mpf(0)) + (1 - beta) * value


ADAM: dict[str, Callable[[_Entry], mpf]] = {
    "theta": _adam,
    "exp_avg": lambda e: _mean(e, "exp_avg", e.h["betas"][0], e.d),
    "exp_avg_sq": lambda e: _mean(e, "exp_avg_sq", e.h["betas"][1], e.d**2),
    "max_exp_avg_sq": lambda e: max(e.old.get("max_exp_avg_sq", mpf(0)), e.new["exp_avg_sq"]),
}
# optimizer: the new theta, and each vector of the new state
RULES: dict[str, dict[str, Callable[[_Entry], mpf]]] = {
    "sgd": {"theta": _sgd, "momentum_buffer": _sgd_buffer},
    "adagrad": {
        "theta": _adagrad,
        "sum": lambda e: e.old.get("sum", e.h["initial_accumulator_value"]) + e.d**2,
    },
    "rmsprop": {
        "theta": _rmsprop,
        "square_avg": lambda e: _mean(e, "square_avg", e.h["alpha"], e.d**2),
        "grad_avg": lambda e: _mean(e, "grad_avg", e.h["alpha"], e.d),
        "momentum_buffer": lambda e: (
            e.h["momentum"] * e.old.get("momentum_buffer", mpf(0)) + _quotient(e)
        ),
    },
    "adam": ADAM,
    "adamw": {**ADAM, "theta": lambda e: _adam(e) - e.h["lr"] * e.h["weight_decay"] * e.theta},
}


def _step(record: StepRecord, l: int, quantity: str, index: tuple[int, ...]) -> mpf:
    """An entry of W, b, or a vector of the state, after the step."""
    vector, _, array = quantity.rpartition(" of ")
    return _known("vector", RULES[record.spec.optimizer], vector or "theta")(
        _entry(record, l, array, index)
    )


def _entry(record: StepRecord, l: int, array: str, index: tuple[int, ...]) -> _Entry:
    """All that the record shows of one entry of W or b of layer l."""
    if record.after is None:
        raise ValueError(
            "truth: record shows nothing after the step, expected W, b and the optimizer's state"
        )
    spec, before = record.spec, record.before
    arrays = _known("array", {"W": before.W, "b": before.b}, array)
    # W1, b1, W2, ...
    place = sum(W.size + b.size for W, b in zip(before.W[: l - 1], before.b[: l - 1], strict=True))
    place += (
        before.W[l - 1].size + index[0] if array == "b" else index[0] * spec.sizes[l - 1] + index[1]
    )
    old, new = (
        {name: _number(vector[place]) for name, vector in state.items()}
        for state in (before.state, record.after.state)
    )
    settings = {name: _real(setting) for name, setting in spec.hyperparameters.items()}
    theta = _number(arrays[l - 1][index])
    g = clipped(record, _number(_shown(record, l, "d" + array)[index]))
    d = g if spec.optimizer == "adamw" else g + settings["weight_decay"] * theta
    return _Entry(theta, d, old, new, settings, spec.step)


def _known(what: str, table: Mapping[Any, Any], key: Any) -> Any:
    if key not in table:
        raise ValueError(
            f"truth: {what} has {key!r}, expected one of {', '.join(map(repr, table))}"
        )
    return table[key]


def _number(value: Any) -> mpf:
    return mpf(float(value))


def _real(setting: Any) -> Any:
    """A hyper-parameter is the real number that its float is; flags stay flags."""
    if isinstance(setting, tuple | list):
        return tuple(map(_real, setting))
    return setting if isinstance(setting, bool) else _number(setting)


def _shown(record: StepRecord, l: int, name: str) -> Array:
    array: Array | None = getattr(record.layers[l - 1], name)
    if array is None:
        raise ValueError(f"truth: layer {l} has no {name}, expected a record that shows it")
    return array


def _a_prev(record: StepRecord, l: int) -> Array:
    dropped = record.mask(l) is not None
    return _shown(record, l, "a_prev") if dropped else _below(record, l)


def _below(record: StepRecord, l: int) -> Array:
    return record.x if l == 1 else _shown(record, l - 1, "a")


def _mask(record: StepRecord, l: int, i: int) -> Row:
    """The mask of a row; 1 where nothing is dropped."""
    mask = record.mask(l)
    return [mpf(1)] * record.spec.sizes[l - 1] if mask is None else _row(mask, i)


def _row(array: Array, i: int) -> Row:
    return [_number(value) for value in array[i]]


def _targets(record: StepRecord, i: int) -> Row:
    """y of a row; a label is 1 in its own column."""
    return (
        _row(record.y, i)
        if record.y.ndim == 2
        else [mpf(int(record.y[i] == j)) for j in range(record.spec.sizes[-1])]
    )


def _slope(record: StepRecord, l: int) -> mpf:
    """f' below the kink."""
    return _number(record.spec.activations[l - 1][1].get("slope", 0.0))


def _class_targets(record: StepRecord, i: int) -> Row:
    """w_j ((1 - eps) y_j + eps / k) of a row."""
    y, k = _targets(record, i), record.spec.sizes[-1]
    eps = _number(record.spec.loss_settings.get("label_smoothing", 0.0))
    return [
        w_j * ((1 - eps) * y_j + eps / k)
        for w_j, y_j in zip(_setting(record, "weight"), y, strict=True)
    ]


def _of_output(record: StepRecord, i: int, j: int, of: Callable[[mpf], mpf]) -> mpf:
    """What a cost or a delta of one output is of its target: with w and p, that of
    "yes" counts w p y times, and that of "no" w (1 - y) times.
    """
    y, spec = _targets(record, i)[j], record.spec
    if not spec.loss_settings.keys() & {"weight", "pos_weight"}:
        return of(y)
    w, p = _setting(record, "weight")[j], _setting(record, "pos_weight")[j]
    return w * (p * y * of(mpf(1)) + (1 - y) * of(mpf(0)))


def _setting(record: StepRecord, name: str) -> Row:
    """The weight of each output or class, by default 1."""
    given = record.spec.loss_settings.get(name)
    return [mpf(1)] * record.spec.sizes[-1] if given is None else [*map(_number, given)]


def _row_weight(record: StepRecord, i: int) -> mpf:
    """s_i; 0 where the label is ignored."""
    if _is_ignored(record, i):
        return mpf(0)
    return mpf(1) if record.sample_weight is None else _number(record.sample_weight[i])


def _is_ignored(record: StepRecord, i: int) -> bool:
    ignored = record.spec.loss_settings.get("ignore_index")
    return record.y.ndim == 1 and ignored is not None and int(record.y[i]) == ignored


def divisor(record: StepRecord) -> mpf:
    """D: the sum of s_i, times the outputs where the loss is a mean over them too, and
    with labels of s_i w_(y_i); 1 for a sum.
    """
    spec = record.spec
    if spec.loss_settings.get("reduction") == "sum":
        return mpf(1)
    if record.y.ndim == 2:
        rows = fsum(_row_weight(record, i) for i in range(len(record.y)))
        return rows * (spec.sizes[-1] if spec.loss in OVER_OUTPUTS else 1)
    w = _setting(record, "weight")
    return fsum(
        _row_weight(record, i) * w[int(label)]
        for i, label in enumerate(record.y)
        if not _is_ignored(record, i)
    )
