"""The eight equations of a training step restated for their proof: for each its exact value in a wider format and a derived bound.

Every equation is judged from the record's *own* inputs: z from its a_prev, W and b; delta from its delta above; the new weights from its
dW and new state. One equation does few roundings, so its bound is a short theorem that does not grow with depth or with steps. If every
equation of every layer of every step holds, and each step starts from the weights that the last one wrote, the run is backpropagation up
to rounding; the first equation that does not hold is the place of the mistake.

    z, BP3, BP4     sums of products, here               a, BP1, BP2   per activation: activation_entries
    C, BP1          per loss and output: loss_entries    step          per update rule and vector of its state: update_entries

Sums of products: |fl(x . y) - x . y| <= k u |x| . |y| for k terms in any order, blocked or not, with FMA or without, and for any k; a sum
of n terms (n - 1) u sum |x|. Each product may underflow by lam more.

Source: Jeannerod and Rump, Improved error bounds for inner products in floating-point arithmetic, SIAM J. Matrix Anal. Appl. 34(2), 2013.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from parity.activation_entries import ACTIVATION_ENTRIES, ActivationEntry, Cotangent
from parity.claim import Claim, claim, size
from parity.exact import FORMATS, Format
from parity.loss_entries import JEANNEROD_RUMP, LOSS_ENTRIES
from parity.record import LayerRecord, StepRecord
from parity.update_entries import RULE_ENTRIES, Update
from refnet.checks import Array


@dataclass(frozen=True)
class Entry:
    """One entry of an equation: its label (the key of refnet.EQUATIONS), what it reads and writes, its derivation and its source."""

    label: str
    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    derivation: str
    source: str


@dataclass(frozen=True)
class Statement:
    """One array of a record, with what its equation claims of it, or why nothing is claimed."""

    equation: str
    layer: int | None  # from 1 on; None for the cost
    quantity: str  # "z", "a", "loss", "delta", "db", "dW", "W", "b", or "exp_avg of W"
    entry: str
    got: Array | None  # None: not shown
    claim: Claim | None
    missing: str = ""  # what the equation reads and the record does not show
    malformed: str = ""  # what shape or dtype it has instead


def weighted_input(fmt: Format, a_prev: Array, W: Array, b: Array) -> Claim:
    """z = a_prev W^T + b: k products and the bias, within (k + 1) (u (|a_prev| |W|^T + |b|) + lam)."""
    terms, k = size(a_prev) @ size(W).T + size(b), W.shape[1]
    return claim(fmt, fmt.dot(a_prev, W.T) + fmt.widen(b), (k + 1.0) * (fmt.unit * terms + fmt.tiny), terms < fmt.largest)


def hidden_delta(fmt: Format, f: ActivationEntry, delta_above: Array, W_above: Array, z: Array, a: Array) -> Claim:
    """BP2: g = delta_above W_above, of m terms whose sizes add up to T = |delta_above| |W_above|, pulled back through f."""
    terms, m = size(delta_above) @ size(W_above), float(len(W_above))
    return f.pullback(fmt, Cotangent(fmt.dot(delta_above, W_above), terms, m, m, 2.0 * terms < fmt.largest), z, a)


def bias_gradient(fmt: Format, delta: Array) -> Claim:
    """BP3: db = sum of delta over n rows, within (n - 1) u sum |delta|; sums do not underflow, and one row is exact."""
    terms = size(delta).sum(axis=0)
    return claim(fmt, fmt.widen(delta).sum(axis=0), (len(delta) - 1.0) * fmt.unit * terms, terms < fmt.largest)


def weight_gradient(fmt: Format, delta: Array, a_prev: Array) -> Claim:
    """BP4: dW = delta^T a_prev, within n (u |delta|^T |a_prev| + lam)."""
    terms, n = size(delta).T @ size(a_prev), float(len(delta))
    return claim(fmt, fmt.dot(delta.T, a_prev), n * (fmt.unit * terms + fmt.tiny), terms < fmt.largest)


def entries() -> list[Entry]:
    """Every entry of every equation, in order of computation: what the proof rests on, as a table to read."""
    found = [_described("z", "", ("a_prev", "W", "b"), ("z",), weighted_input, JEANNEROD_RUMP)]
    found += [_described("a", kind.name, kind.reads, (kind.writes,), kind, kind.source) for kind in ACTIVATION_ENTRIES.values()]
    found += [_described("C", kind.name, kind.reads, (kind.writes,), kind, kind.source) for kind in LOSS_ENTRIES.values()]
    found += [
        _described("BP1", kind.name, ("a", "y", "z"), ("delta",), kind.output_delta if kind.output_delta.__doc__ else kind, kind.source)
        for kind in LOSS_ENTRIES.values()
    ]
    found += [
        _described("BP2", kind.name, ("delta", "W", "z", "a"), ("delta",), getattr(kind, "derivative", kind.pullback), kind.source)
        for kind in ACTIVATION_ENTRIES.values()
    ]
    found.append(_described("BP3", "", ("delta",), ("db",), bias_gradient, JEANNEROD_RUMP))
    found.append(_described("BP4", "", ("delta", "a_prev"), ("dW",), weight_gradient, JEANNEROD_RUMP))
    return found + [_described("step", kind.name, kind.reads, kind.writes, kind, kind.source) for kind in RULE_ENTRIES.values()]


def _described(label: str, name: str, reads: tuple[str, ...], writes: tuple[str, ...], told: Any, source: str) -> Entry:
    return Entry(label, name, reads, writes, " ".join((told.__doc__ or "").split()), source)


def statements(record: StepRecord) -> Iterator[Statement]:
    """Everything that a record says, in order of computation, each with the claim of its equation.

    What an equation reads and the record does not show, or shows in another shape or dtype, leaves it without a claim.

    Errors: ValueError where spec, x, y or the weights before the step are unusable.
    """
    with np.errstate(all="ignore"):  # what overflows is not judged
        yield from _Reading(record).statements()


class _Reading:
    """One record on its way through the equations: what it shows in the right shape and dtype, and what is wrong with the rest."""

    def __init__(self, record: StepRecord) -> None:
        self.record, spec = record, record.spec
        self.fmt, self.depth, n = FORMATS[spec.dtype], len(spec.sizes) - 1, len(record.x)
        self.loss, self.rule = LOSS_ENTRIES[spec.loss](), RULE_ENTRIES[spec.optimizer]()
        self.activations = [ACTIVATION_ENTRIES[name](**parameters) for name, parameters in spec.activations]
        self.parameters = sum(into * out + out for into, out in pairwise(spec.sizes))
        self.faults: dict[tuple[str, int], str] = {}
        self.layers = []
        for i, (layer, (into, out)) in enumerate(zip(record.layers, pairwise(spec.sizes), strict=True)):
            shapes = {"z": (n, out), "a": (n, out), "delta": (n, out), "dW": (out, into), "db": (out,)}
            self.layers.append(LayerRecord(**{name: self._fitting(name, i, getattr(layer, name), shape) for name, shape in shapes.items()}))

    def statements(self) -> Iterator[Statement]:
        last = self.depth - 1
        for i in range(self.depth):
            yield self._weighted_input(i)
            yield self._about("a", i, "a", self.activations[i].name, self.activations[i].value, z=self.layers[i].z)
        yield self._cost()
        for i in reversed(range(self.depth)):
            yield self._output_delta(i) if i == last else self._hidden_delta(i)
            yield self._about("BP3", i, "db", "", bias_gradient, delta=self.layers[i].delta)
            yield self._about("BP4", i, "dW", "", weight_gradient, delta=self.layers[i].delta, **self._a_prev(i))
        yield from self._step()

    def _weighted_input(self, i: int) -> Statement:
        W, b = self.record.before.W[i], self.record.before.b[i]
        return self._about("z", i, "z", "", lambda fmt, a_prev: weighted_input(fmt, a_prev, W, b), **self._a_prev(i))

    def _a_prev(self, i: int) -> dict[str, Array | None]:
        """Wiring: what goes into a layer is the a that the layer below showed."""
        return {"x": self.record.x} if i == 0 else {f"a of layer {i}": self.layers[i - 1].a}

    def _cost(self) -> Statement:
        y, value = self.record.y, self.record.loss
        got = None if value is None else np.asarray(value, np.float64)
        return self._judge("C", None, "loss", self.loss.name, got, lambda fmt, a: self.loss.value(fmt, a, y), a=self.layers[-1].a)

    def _output_delta(self, i: int) -> Statement:
        top, f, y = self.layers[i], self.activations[i], self.record.y
        name = f"{self.loss.name} + {f.name}"
        return self._about("BP1", i, "delta", name, lambda fmt, z, a: self.loss.output_delta(fmt, f, z, a, y), z=top.z, a=top.a)

    def _hidden_delta(self, i: int) -> Statement:
        layer, f, W_above = self.layers[i], self.activations[i], self.record.before.W[i + 1]
        reads = {f"delta of layer {i + 2}": self.layers[i + 1].delta, "z": layer.z, "a": layer.a}
        return self._about("BP2", i, "delta", f.name, lambda fmt, above, z, a: hidden_delta(fmt, f, above, W_above, z, a), **reads)

    def _step(self) -> Iterator[Statement]:
        """The state of every W and b first, then the parameters that are made of it."""
        start, updates = 0, []
        for i, (W, b) in enumerate(zip(self.record.before.W, self.record.before.b, strict=True)):
            for name, theta, g in (("W", W, self.layers[i].dW), ("b", b, self.layers[i].db)):
                part = slice(start, start := start + theta.size)
                updates.append((i, name, theta, g, {key: self._part(key, name, i, part, theta) for key in self.keeps}))
        for update in updates:
            for key in self.keeps:
                yield self._new_state(key, *update)
        for update in updates:
            yield self._new_parameters(*update)

    @property
    def keeps(self) -> tuple[str, ...]:
        return self.rule.keeps(self.record.spec.hyperparameters)

    def _new_state(self, key: str, i: int, name: str, theta: Array, g: Array | None, parts: dict[str, "_Part"]) -> Statement:
        inputs = self.rule.inputs(key, self.record.spec.hyperparameters)
        reads = {f"d{name}": g, **{f"{other} after the step": parts[other].new for other in inputs}}
        update, entry = self._update(theta, g, parts), f"{self.rule.name} {key}"
        return self._judge("step", i, f"{key} of {name}", entry, parts[key].shown, lambda *_: self.rule.vector(update, key), **reads)

    def _new_parameters(self, i: int, name: str, theta: Array, g: Array | None, parts: dict[str, "_Part"]) -> Statement:
        reads = {f"d{name}": g, **{f"{key} after the step": part.new for key, part in parts.items()}}
        after = None if self.record.after is None else getattr(self.record.after, name)[i]
        self._fitting(name, i, after, theta.shape)
        update = self._update(theta, g, parts)
        return self._judge("step", i, name, self.rule.name, after, lambda *_: self.rule.parameters(update), **reads)

    def _update(self, theta: Array, g: Array | None, parts: dict[str, "_Part"]) -> Update:
        """What the rule reads; where g is not shown nothing is claimed, so that nothing reads it."""
        old = {key: part.old for key, part in parts.items() if part.old is not None}
        new = {key: part.new for key, part in parts.items() if part.new is not None}
        spec = self.record.spec
        return Update(self.fmt, spec.hyperparameters, spec.step, theta, theta if g is None else g, old, new)

    def _part(self, key: str, name: str, i: int, where: slice, theta: Array) -> "_Part":
        """The part of a vector of the state that belongs to one W or b."""
        old, after = self.record.before.state.get(key), self.record.after
        shown = None if after is None else after.state.get(key)
        fitting = self._fitting(f"{key} of {name}", i, shown, (self.parameters,))
        parts = (None if vector is None else vector[where].reshape(theta.shape) for vector in (old, fitting))
        old, new = parts
        return _Part(old, new, shown if new is None else new)

    def _fitting(self, name: str, i: int, array: Array | None, shape: tuple[int, ...]) -> Array | None:
        """The array where it has the shape and dtype that it must have; otherwise its fault is kept."""
        if array is None:
            return None
        if array.shape != shape:
            self.faults[name, i] = f"shape {array.shape}, expected {shape}"
        elif array.dtype != self.fmt.dtype:
            self.faults[name, i] = f"dtype {array.dtype}, expected {self.fmt.dtype}"
        return None if (name, i) in self.faults else array

    def _about(self, equation: str, i: int, quantity: str, entry: str, make: Callable[..., Claim], **reads: Array | None) -> Statement:
        """The statement about an array that layer i (from 0 on) shows."""
        return self._judge(equation, i, quantity, entry, getattr(self.record.layers[i], quantity), make, **reads)

    def _judge(
        self, equation: str, i: int | None, quantity: str, entry: str, got: Array | None, make: Callable[..., Claim], **reads: Array | None
    ) -> Statement:
        """A claim is made where everything that the equation reads is shown, and there is something to judge."""
        fault = "" if i is None else self.faults.get((quantity, i), "")
        missing = ", ".join(name for name, array in reads.items() if array is None)
        made = None if missing or fault or got is None else make(self.fmt, *reads.values())
        return Statement(equation, None if i is None else i + 1, quantity, entry, got, made, missing, fault)


class _Part(NamedTuple):
    """A vector of the state, of one W or b: before the step, after it where it fits, and as the record shows it."""

    old: Array | None
    new: Array | None
    shown: Array | None
