"""What a record says, array by array in order of computation, and what its equation
claims of each.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.clipping import Clipping, clipped_claim
from parity.proof.equations.kinds import Update
from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.equations.penalties import Slope, penalised, with_penalty
from parity.proof.equations.sums import (
    bias_gradient,
    hidden_delta,
    masked_input,
    weight_gradient,
    weighted_input,
)
from parity.proof.equations.updates import RULE_ENTRIES
from parity.rounding.claim import Claim
from parity.rounding.formats import FORMATS
from parity.steps.record import LayerRecord, StepRecord
from refnet.checks import Array

COST = -1  # stands for the layer of the cost, which has none
NOT_FINITE = "an input that is not finite"


@dataclass(frozen=True)
class Statement:
    """One array of a record with the claim that its equation makes about it, or the
    reason why it makes none.
    """

    equation: str
    layer: int | None  # from 1 on; None for the cost
    quantity: str  # "a_prev", "z", "a", "loss", "delta", "db", "dW", "W", "b", or "exp_avg of W"
    entry: str
    got: Array | None  # None: not shown
    claim: Claim | None
    missing: str = ""  # inputs of the equation that the record does not show
    malformed: str = ""  # the wrong shape or dtype of the array itself


def statements(record: StepRecord) -> Iterator[Statement]:
    """Every array of a record, in order of computation, with the claim of its equation.

    An equation makes no claim where the record does not show an input of it, or shows
    it in another shape or dtype.

    Errors: none for a record that `check_usable` accepts.
    """
    return _Reading(record).statements()


class Input(NamedTuple):
    """An array that an equation reads, by the name that a result says it by; None where
    it is not shown as it must be.
    """

    name: str
    array: Array | None


class _Reading:
    """One record read equation by equation: the arrays with the right shape and dtype
    in `layers`, and what is wrong with the others in `faults`.
    """

    def __init__(self, record: StepRecord) -> None:
        self.record, spec = record, record.spec
        self.fmt, self.depth, n = FORMATS[spec.dtype], len(spec.sizes) - 1, len(record.x)
        self.loss = LOSS_ENTRIES[spec.loss](**spec.loss_settings)
        self.rule = RULE_ENTRIES[spec.optimizer]()
        self.activations = [
            ACTIVATION_ENTRIES[name](**parameters) for name, parameters in spec.activations
        ]
        self.parameters = sum(
            getattr(record.before, name)[layer - 1].size for name, layer in spec.parts
        )
        self.faults: dict[tuple[str, int], str] = {}
        self.layers = tuple(
            self._well_formed(i, n, into, out) for i, (into, out) in enumerate(pairwise(spec.sizes))
        )

    def _well_formed(self, i: int, n: int, into: int, out: int) -> LayerRecord:
        """The layer without the arrays that have another shape or dtype."""
        rows = (n, out)
        shapes = {"z": rows, "a": rows, "delta": rows, "dW": (out, into), "db": (out,)}
        shapes |= {} if self.record.mask(i + 1) is None else {"a_prev": (n, into)}
        shown = self.record.layers[i]
        return LayerRecord(
            **{
                name: self._fitting(name, i, getattr(shown, name), shape)
                for name, shape in shapes.items()
            }
        )

    def statements(self) -> Iterator[Statement]:
        for i in range(self.depth):
            mask = self.record.mask(i + 1)
            if mask is not None:
                yield self._masked_input(i, mask)
            yield self._weighted_input(i)
            yield self._activation(i)
        yield self._cost()
        for i in reversed(range(self.depth)):
            yield self._output_delta(i) if i == self.depth - 1 else self._hidden_delta(i)
            if self.record.spec.has_bias(i + 1):
                yield self._bias_gradient(i)
            yield self._weight_gradient(i)
        yield from self._step()

    def _weighted_input(self, i: int) -> Statement:
        before, has_bias = self.record.before, self.record.spec.has_bias(i + 1)
        W, b = before.W[i], before.b[i] if has_bias else None

        def claimed(a_prev: Array) -> Claim:
            return weighted_input(self.fmt, a_prev, W, b)

        return self._about_layer("z", i, "z", "", claimed, self._a_prev(i))

    def _masked_input(self, i: int, mask: Array) -> Statement:
        def claimed(a: Array) -> Claim:
            return masked_input(self.fmt, a, mask)

        return self._about_layer("dropout", i, "a_prev", "", claimed, self._below(i))

    def _a_prev(self, i: int) -> Input:
        """What a layer reads: with dropout what it shows itself."""
        if self.record.mask(i + 1) is not None:
            return Input("a_prev", self.layers[i].a_prev)
        return self._below(i)

    def _below(self, i: int) -> Input:
        """Wiring: what goes into a layer is the a that the layer below showed."""
        if i == 0:
            return Input("x", self.record.x)
        return Input(f"a of layer {i}", self.layers[i - 1].a)

    def _activation(self, i: int) -> Statement:
        f = self.activations[i]

        def claimed(z: Array) -> Claim:
            return f.value(self.fmt, z)

        return self._about_layer("a", i, "a", f.name, claimed, Input("z", self.layers[i].z))

    def _cost(self) -> Statement:
        y, s, value = self.record.y, self.record.sample_weight, self.record.loss
        got = None if value is None else np.asarray(value)
        if got is not None and (got.shape or got.dtype.kind not in "fiu"):
            self.faults["loss", COST] = f"{got.dtype} of shape {got.shape}, expected a real number"

        def claimed(a: Array) -> Claim:
            return self._penalised(self.loss.value(self.fmt, a, y, s))

        output = Input("a", self.layers[-1].a)
        return self._about("C", None, "loss", self.loss.name, got, claimed, output)

    def _penalised(self, loss: Claim) -> Claim:
        """C with the penalty, if there is one."""
        spec, before = self.record.spec, self.record.before
        if spec.penalty is None:
            return loss
        parts = (part for part in spec.parts if penalised(spec.penalty, part[0]))
        thetas = [getattr(before, name)[layer - 1] for name, layer in parts]
        return with_penalty(self.fmt, loss, spec.penalty, thetas)

    def _slope(self, name: str, i: int) -> Slope | None:
        """P' of the W or b of layer i, if that is penalised."""
        penalty = self.record.spec.penalty
        if penalty is None or not penalised(penalty, name):
            return None
        return Slope.of(self.fmt, penalty, getattr(self.record.before, name)[i])

    def _output_delta(self, i: int) -> Statement:
        top, f = self.layers[i], self.activations[i]
        y, s = self.record.y, self.record.sample_weight

        def claimed(z: Array, a: Array) -> Claim:
            return self.loss.output_delta(self.fmt, f, z, a, y, s)

        inputs, entry = (Input("z", top.z), Input("a", top.a)), f"{self.loss.name} + {f.name}"
        return self._about_layer("BP1", i, "delta", entry, claimed, *inputs)

    def _hidden_delta(self, i: int) -> Statement:
        layer, f, W_above = self.layers[i], self.activations[i], self.record.before.W[i + 1]
        mask = self.record.mask(i + 2)

        def claimed(above: Array, z: Array, a: Array) -> Claim:
            return hidden_delta(self.fmt, f, above, W_above, z, a, mask)

        above = Input(f"delta of layer {i + 2}", self.layers[i + 1].delta)
        inputs = (above, Input("z", layer.z), Input("a", layer.a))
        return self._about_layer("BP2", i, "delta", f.name, claimed, *inputs)

    def _bias_gradient(self, i: int) -> Statement:
        def claimed(delta: Array) -> Claim:
            return bias_gradient(self.fmt, delta, self._slope("b", i))

        return self._about_layer("BP3", i, "db", "", claimed, self._delta(i))

    def _weight_gradient(self, i: int) -> Statement:
        def claimed(delta: Array, a_prev: Array) -> Claim:
            return weight_gradient(self.fmt, delta, a_prev, self._slope("W", i))

        return self._about_layer("BP4", i, "dW", "", claimed, self._delta(i), self._a_prev(i))

    def _delta(self, i: int) -> Input:
        return Input("delta", self.layers[i].delta)

    def _step(self) -> Iterator[Statement]:
        """The state of every W and b first, then the parameters, which read it."""
        updates = list(self._parameters())
        for parameter in updates:
            for key in parameter.state:
                yield self._new_state(key, parameter)
        for parameter in updates:
            yield self._new_parameters(parameter)

    def _parameters(self) -> Iterator["_Parameter"]:
        """Every W and b in the order of the flat vectors: W1, b1, W2, ..."""
        start = 0
        for name, layer in self.record.spec.parts:
            i, settings = layer - 1, self.record.spec.settings_of(name, layer)
            theta, g = getattr(self.record.before, name)[i], self._gradient(name, i)
            part = slice(start, start + theta.size)
            start += theta.size
            keeps = self.rule.keeps(settings)
            others = self._all_gradients() if self._reads_all else []
            state = {key: self._part(key, name, i, part, theta) for key in keeps}
            yield _Parameter(i, name, settings, theta, g, state, others)

    @property
    def _reads_all(self) -> bool:
        """Whether the step of a W or b reads the gradients of all of them."""
        return self._clipping is not None and self._clipping.reads_all

    def _all_gradients(self) -> list[Input]:
        parts = self.record.spec.parts
        return [Input(f"d{name} of layer {l}", self._gradient(name, l - 1)) for name, l in parts]

    def _gradient(self, name: str, i: int) -> Array | None:
        gradient: Array | None = getattr(self.layers[i], f"d{name}")
        return gradient

    @cached_property
    def _clipping(self) -> Clipping | None:
        """What is done to the gradients before the step, from those that are shown."""
        spec = self.record.spec
        if spec.clip is None:
            return None
        all_of_them = (self._gradient(name, layer - 1) for name, layer in spec.parts)
        return Clipping(self.fmt, spec.clip, [g for g in all_of_them if g is not None])

    def _new_state(self, key: str, of: "_Parameter") -> Statement:
        read = self.rule.inputs(key, of.settings)
        update, entry = self._update(of), f"{self.rule.name} {key}"

        def claimed(*_: Array) -> Claim:
            return clipped_claim(self._clipping, update, lambda step: self.rule.vector(step, key))

        name, got = f"{key} of {of.name}", of.state[key].shown
        return self._about("step", of.layer, name, entry, got, claimed, *of.inputs(read))

    def _new_parameters(self, of: "_Parameter") -> Statement:
        after = self.record.after
        got = None if after is None else getattr(after, of.name)[of.layer]
        self._fitting(of.name, of.layer, got, of.theta.shape)
        update = self._update(of)

        def claimed(*_: Array) -> Claim:
            return clipped_claim(self._clipping, update, self.rule.parameters)

        inputs = of.inputs(tuple(of.state))
        return self._about("step", of.layer, of.name, self.rule.name, got, claimed, *inputs)

    def _update(self, of: "_Parameter") -> Update:
        """What the rule reads. Where g is not shown theta stands in for it, unread, as
        nothing is claimed then.
        """
        old = {key: part.old for key, part in of.state.items() if part.old is not None}
        new = {key: part.new for key, part in of.state.items() if part.new is not None}
        step, g = self.record.spec.step, of.theta if of.g is None else of.g
        return Update(self.fmt, of.settings, step, of.theta, g, old, new)

    def _part(self, key: str, name: str, i: int, where: slice, theta: Array) -> "_Part":
        """The part of a vector of the state that belongs to one W or b."""
        old, after = self.record.before.state.get(key), self.record.after
        shown = None if after is None else after.state.get(key)
        fitting = self._fitting(f"{key} of {name}", i, shown, (self.parameters,))
        if isinstance(shown, np.ndarray) and shown.shape == (self.parameters,):
            shown = shown[where].reshape(theta.shape)
        return _Part(
            None if old is None else old[where].reshape(theta.shape),
            None if fitting is None else shown,
            shown,
        )

    def _fitting(
        self, name: str, i: int, array: Array | None, shape: tuple[int, ...]
    ) -> Array | None:
        """The array if it has the shape and dtype that it must have; otherwise None,
        and its fault is kept.
        """
        if array is None:
            return None
        if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray | np.matrix):
            self.faults[name, i] = f"type {type(array).__name__}, expected an array"
        elif array.shape != shape:
            self.faults[name, i] = f"shape {array.shape}, expected {shape}"
        elif array.dtype != self.fmt.dtype:
            self.faults[name, i] = f"dtype {array.dtype}, expected {self.fmt.dtype}"
        return None if (name, i) in self.faults else array

    def _about_layer(
        self,
        equation: str,
        i: int,
        quantity: str,
        entry: str,
        claimed: Callable[..., Claim],
        *inputs: Input,
    ) -> Statement:
        """The statement about an array that layer i (from 0 on) shows."""
        got = getattr(self.record.layers[i], quantity)
        return self._about(equation, i, quantity, entry, got, claimed, *inputs)

    def _about(
        self,
        equation: str,
        i: int | None,
        quantity: str,
        entry: str,
        got: Array | None,
        claimed: Callable[..., Claim],
        *inputs: Input,
    ) -> Statement:
        """The statement about one array. `claimed` is called with the arrays of
        `inputs` in their order, if all are shown and there is something to judge.
        """
        fault = self.faults.get((quantity, COST if i is None else i), "")
        missing = ", ".join(name for name, array in inputs if array is None)
        claim = None
        if not missing and not fault and got is not None:
            arrays = [array for _, array in inputs if array is not None]
            with np.errstate(all="ignore"):  # what overflows is not judged
                claim = claimed(*arrays)
            if not all(np.isfinite(array).all() for array in arrays):
                claim = replace(claim, reason=NOT_FINITE)
        layer = None if i is None else i + 1
        return Statement(equation, layer, quantity, entry, got, claim, missing, fault)


class _Part(NamedTuple):
    """The part of a vector of the state that belongs to one W or b: before the step,
    after it if well formed, and after it as the record shows it.
    """

    old: Array | None
    new: Array | None
    shown: Array | None


class _Parameter(NamedTuple):
    """One W or b: its layer from 0 on, its name, its hyper-parameters, its value before
    the step, its gradient and its state; and the gradients of all, where its step reads
    them.
    """

    layer: int
    name: str
    settings: dict[str, Any]
    theta: Array
    g: Array | None
    state: dict[str, _Part]
    all_gradients: list[Input]

    def inputs(self, state: tuple[str, ...]) -> list[Input]:
        """The gradient, and these vectors of the new state."""
        vectors = [Input(f"{key} after the step", self.state[key].new) for key in state]
        return [*(self.all_gradients or [Input(f"d{self.name}", self.g)]), *vectors]
