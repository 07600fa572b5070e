"""Agreement of two records of the same step, quantity by quantity in order of computation: the first difference names the place.

Each quantity is compared by its *scaled error*: the largest |got - expected| over the array, divided by the largest sum of |terms|
that the array's equation adds up (for z = a_prev W^T + b that is |a_prev| |W|^T + |b|; for deltas carried down from the output).
Rounding is of that size even where the terms cancel. Shape, dtype and finiteness come first; NaN equals nothing.

Until the bounds are derived, one table of tolerances decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from parity.record import Spec, StepRecord
from refnet.checks import Array, place
from refnet.equations import EQUATIONS
from refnet.losses import LOSSES

# Beside each entry the largest scaled error that correct code was seen to reach: the case table with 25 seeds, 55,500 free-running steps.
TOLERANCE = {
    "float64": {
        "z": 1e-12,  # 3.2e-15
        "a": 1e-12,  # 1.5e-14
        "C": 1e-12,  # 2.0e-15
        "BP1": 1e-12,  # 1.4e-15
        "BP2": 1e-12,  # 3.0e-15
        "BP3": 1e-12,  # 8.0e-16
        "BP4": 1e-12,  # 7.8e-15
        "step": 1e-12,  # 4.7e-15
    },
    "float32": {
        "z": 3e-5,  # 1.4e-6
        "a": 3e-5,  # 3.3e-6
        "C": 3e-5,  # 4.7e-7
        "BP1": 3e-5,  # 5.7e-7
        "BP2": 3e-5,  # 8.9e-7
        "BP3": 3e-5,  # 4.4e-7
        "BP4": 3e-5,  # 1.7e-6
        "step": 3e-5,  # 3.6e-6
    },
}


@dataclass(frozen=True)
class Difference:
    """How far one quantity of one layer is apart: `error` against `allowed`, and the worst entry."""

    equation: str  # a label of refnet.EQUATIONS
    layer: int | None  # from 1 on; None for the cost and the optimizer's state
    quantity: str
    error: float
    allowed: float
    index: tuple[int, ...] = ()
    got: object = None
    expected: object = None
    kind: str = "value"  # or "shape", "dtype", "finiteness", "not shown"

    @property
    def passed(self) -> bool:
        """Whether the error is within what is allowed; a NaN is not."""
        return self.error <= self.allowed

    def __str__(self) -> str:
        where = f"{self.equation} ({EQUATIONS[self.equation].name})" + ("" if self.layer is None else f" of layer {self.layer}")
        if self.kind != "value":
            kind = "" if self.kind == "not shown" else f"{self.kind} "
            return f"{where}: {self.quantity} has {kind}{self.got}, expected {self.expected}"
        at = f" at {place(self.index)}" if self.index else ""
        return (
            f"{where}: {self.quantity} has {self.got!r}{at}, expected {self.expected!r}; "
            f"off by {self.error:.2g} of the size of its terms, allowed {self.allowed:.0e}"
        )


@dataclass(frozen=True)
class Agreement:
    """The differences of every quantity, in order of computation."""

    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether every quantity agrees."""
        return all(d.passed for d in self.differences)

    @property
    def first(self) -> Difference | None:
        """The first quantity that does not agree: the place of the mistake."""
        return next((d for d in self.differences if not d.passed), None)

    @property
    def worst(self) -> float:
        """The largest scaled error; infinite where something else than a value differs."""
        errors = [d.error for d in self.differences]
        return float("inf") if any(np.isnan(errors)) else max(errors)

    def __str__(self) -> str:
        return f"agree, scaled error at most {self.worst:.2g}" if self.first is None else str(self.first)


@dataclass(frozen=True)
class _Quantity:
    equation: str
    layer: int | None
    name: str
    value: object


def compare(got: StepRecord, expected: StepRecord, sized_by: StepRecord | None = None) -> Agreement:
    """Compare every quantity of two records of the same step, from the weights and state it starts with to those it ends with.

    `got` may leave quantities out, which then do not pass; `expected` is whole. The sizes of the terms are those of `sized_by`, the
    record whose numbers the equations read: by default `expected`, and `got` where `expected` restates it equation by equation.

    Errors: ValueError where the two are not records of the same step: another network, loss, optimizer, step or data.
    """
    _check_comparable(got, expected)
    allowed, scales = TOLERANCE[expected.spec.dtype], _scales(sized_by or expected)
    old = sorted({name for record in (got, expected) for name in record.before.state})
    new = sorted({name for record in (got, expected) if record.after for name in record.after.state})
    pairs = zip(_quantities(got, old, new), _quantities(expected, old, new), strict=True)
    return Agreement(tuple(_difference(mine, other, scales, allowed[other.equation]) for mine, other in pairs))


def _check_comparable(got: StepRecord, expected: StepRecord) -> None:
    for name, value in vars(expected.spec).items():
        if getattr(got.spec, name) != value:
            raise ValueError(f"compare: {name} has {getattr(got.spec, name)}, expected {value}")
    for name, mine, other in (("x", got.x, expected.x), ("y", got.y, expected.y)):
        if not np.array_equal(mine, other):
            raise ValueError(f"compare: {name} differs between the two records, expected the same data")
    if expected.loss is None or expected.after is None or any(v is None for layer in expected.layers for v in vars(layer).values()):
        raise ValueError("compare: the second record has quantities that are not shown, expected a whole one")
    if expected.spec.loss not in LOSSES:
        raise ValueError(f"compare: loss has {expected.spec.loss!r}, expected one of {', '.join(LOSSES)}")
    depth = len(expected.spec.sizes) - 1
    for record in (got, expected):
        if len(record.layers) != depth:
            raise ValueError(f"compare: record has {len(record.layers)} layers, expected {depth} as its spec")
        for when, weights in (("before", record.before), ("after", record.after)):
            if weights is not None and not len(weights.W) == len(weights.b) == depth:
                counts = f"{len(weights.W)} W and {len(weights.b)} b"
                raise ValueError(f"compare: record has {counts} {when} the step, expected {depth} as its spec")


def _difference(got: _Quantity, expected: _Quantity, scales: dict[tuple[str, int | None], float], allowed: float) -> Difference:
    def refused(kind: str, mine: object, other: object) -> Difference:
        return Difference(expected.equation, expected.layer, expected.name, float("inf"), allowed, (), mine, other, kind)

    if got.value is None or expected.value is None:
        return refused("not shown", *("nothing to show" if value is None else "a value" for value in (got.value, expected.value)))
    a, b = np.asarray(got.value), np.asarray(expected.value)
    if a.shape != b.shape:
        return refused("shape", a.shape, b.shape)
    if a.dtype != b.dtype:
        return refused("dtype", a.dtype, b.dtype)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return refused("finiteness", _finiteness(a), _finiteness(b))
    with np.errstate(over="ignore"):  # a difference that overflows is infinitely wrong
        gap = np.abs(a - b)
    index = tuple(int(i) for i in np.unravel_index(int(gap.argmax()), gap.shape))
    largest, scale = float(gap.max()), scales[expected.name, expected.layer]
    if not np.isfinite(scale):  # the terms overflow where the result does not: it is measured by itself
        scale = max(float(np.abs(b).max()), float(np.finfo(b.dtype).tiny))
    return Difference(
        expected.equation,
        expected.layer,
        expected.name,
        largest / scale,
        allowed,
        index,
        a[index].item(),
        b[index].item(),
    )


def _finiteness(array: Array) -> str:
    finite = int(np.isfinite(array).sum())
    return "all entries finite" if finite == array.size else f"{finite} of {array.size} entries finite"


def _quantities(record: StepRecord, old: Sequence[str], new: Sequence[str]) -> Iterator[_Quantity]:
    """Where the step starts, and everything it computes, in order of computation; None where the record does not show it."""
    last = len(record.layers)
    for name in old:
        yield _Quantity("step", None, f"{name} before", record.before.state.get(name))
    for i in range(last):
        yield _Quantity("step", i + 1, "W before", record.before.W[i])
        yield _Quantity("step", i + 1, "b before", record.before.b[i])
    for i, layer in enumerate(record.layers, start=1):
        yield _Quantity("z", i, "z", layer.z)
        yield _Quantity("a", i, "a", layer.a)
    yield _Quantity("C", None, "loss", record.loss)
    for i, layer in reversed(list(enumerate(record.layers, start=1))):
        yield _Quantity("BP1" if i == last else "BP2", i, "delta", layer.delta)
        yield _Quantity("BP3", i, "db", layer.db)
        yield _Quantity("BP4", i, "dW", layer.dW)
    for name in new:
        yield _Quantity("step", None, name, record.after.state.get(name) if record.after else None)
    for i in range(last):
        yield _Quantity("step", i + 1, "W", record.after.W[i] if record.after else None)
        yield _Quantity("step", i + 1, "b", record.after.b[i] if record.after else None)


def _scales(record: StepRecord) -> dict[tuple[str, int | None], float]:
    """For every quantity the largest sum of |terms| of its equation; what is summed on is itself counted by its terms."""
    spec, last = record.spec, len(record.layers)
    floor = float(np.finfo(spec.dtype).tiny / np.finfo(spec.dtype).eps)  # below it, numbers lose digits to underflow
    scales: dict[tuple[str, int | None], float] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        start = max(_top(p) for p in (*record.before.W, *record.before.b))
        grad_a = _loss_gradient_size(record)
        for i in range(last, 0, -1):
            layer, W, b = record.layers[i - 1], record.before.W[i - 1], record.before.b[i - 1]
            a_prev = _size(record.x if i == 1 else record.layers[i - 2].a)
            name, parameters = spec.activations[i - 1]
            fused = i == last and LOSSES[spec.loss].reads != "values"  # its pole in dC/da cancels against f'
            delta = grad_a if fused else _pullback_size(name, parameters, grad_a, _size(layer.a), layer.z)
            scales["W before", i] = scales["b before", i] = start  # what an earlier step may have cancelled is not in the record
            scales["z", i] = _top(np.dot(a_prev, np.abs(W).T) + np.abs(b))
            scales["a", i] = _top(layer.a)
            scales["delta", i] = _top(delta)
            scales["db", i] = _top(delta.sum(axis=0))
            scales["dW", i] = _top(np.dot(delta.T, a_prev))
            grad_a = np.dot(delta, np.abs(W))
        scales["loss", None] = _loss_size(record)
        scales |= _step_scales(record)
    return {key: max(scale, floor) for key, scale in scales.items()}


def _pullback_size(name: str, parameters: dict[str, float], grad_a: Array, a: Array, z: Array | None) -> Array:
    """|dC/da| times the terms of f', which for sigmoid (a - a^2) and tanh (1 - a^2) cancel where they saturate."""
    if name == "softmax":
        return a * (grad_a + (grad_a * a).sum(axis=1, keepdims=True))
    if name in ("relu", "leaky_relu") and z is not None:
        return grad_a * np.where(z > 0, 1.0, abs(parameters.get("slope", 0.0)))
    return grad_a * a if name == "sigmoid" else grad_a


def _loss_size(record: StepRecord) -> float:
    """|C|; for a loss on logits also |z|, from which log sum exp is subtracted."""
    on_logits = LOSSES[record.spec.loss].reads == "logits"
    return abs(record.loss or 0.0) + (_top(record.layers[-1].a) if on_logits else 0.0)


def _loss_gradient_size(record: StepRecord) -> Array:
    """The sum of |terms| of dC/da: |a| + |y| over the count for a loss on values; for a probability at most 1 over it."""
    a, loss = _size(record.layers[-1].a), record.spec.loss
    count = len(a) if loss in ("half_squared_error", "cross_entropy", "softmax_cross_entropy") else a.size
    if loss in ("mse", "half_squared_error"):
        return (2.0 if loss == "mse" else 1.0) * (a + np.abs(record.y)) / count
    return np.ones_like(a) / count


def _step_scales(record: StepRecord) -> dict[tuple[str, int | None], float]:
    """|before| + |after| of a weight; of a vector of the state, also the gradient, squared for a second moment."""
    if record.after is None:
        return {}
    scales: dict[tuple[str, int | None], float] = {}
    for i in range(len(record.layers)):
        scales["W", i + 1] = _top(record.after.W[i]) + _top(record.before.W[i])
        scales["b", i + 1] = _top(record.after.b[i]) + _top(record.before.b[i])
    decay = record.spec.hyperparameters["weight_decay"]
    g = max(max(_top(layer.dW), _top(layer.db)) for layer in record.layers)
    d = np.float64(g + decay * max(_top(p) for p in (*record.before.W, *record.before.b)))
    for name in record.before.state | record.after.state:
        power = 2 if name in ("sum", "square_avg", "exp_avg_sq", "max_exp_avg_sq") else 1
        added = _weight(record.spec, name) * float(d**power)
        held = _top(record.before.state.get(name)) + _top(record.after.state.get(name))
        scales[name, None] = scales[f"{name} before", None] = held + added
    return scales


def _weight(spec: Spec, name: str) -> float:
    """With what weight the gradient, or its square, enters a vector of the state; RMSprop's buffer holds steps instead."""
    given = spec.hyperparameters
    if spec.optimizer == "rmsprop":
        return 0.0 if name == "momentum_buffer" else 1.0 - given["alpha"]
    if spec.optimizer in ("adam", "adamw"):
        return 1.0 - float(given["betas"][0 if name == "exp_avg" else 1])
    return 1.0


def _size(array: Array | None) -> Array:
    return np.zeros(1) if array is None else np.abs(array)


def _top(array: Array | None) -> float:
    return 0.0 if array is None or array.size == 0 else float(np.abs(array).max())
