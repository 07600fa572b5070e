"""What a record says, array by array in order of computation, and what its equation
claims of each.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.kinds import Update
from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.equations.sums import bias_gradient, hidden_delta, weight_gradient, weighted_input
from parity.proof.equations.updates import RULE_ENTRIES
from parity.rounding.claim import Claim
from parity.rounding.formats import FORMATS
from parity.steps.record import LayerRecord, StepRecord
from refnet.checks import Array

COST = -1  # in place of a layer
NOT_FINITE = "an input that is not finite"


@dataclass(frozen=True)
class Statement:
    """One array of a record, with what its equation claims of it, or why nothing is
    claimed.
    """

    equation: str
    layer: int | None  # from 1 on; None for the cost
    quantity: str  # "z", "a", "loss", "delta", "db", "dW", "W", "b", or "exp_avg of W"
    entry: str
    got: Array | None  # None: not shown
    claim: Claim | None
    missing: str = ""  # what the equation reads and the record does not show
    malformed: str = ""  # what shape or dtype it has instead


def statements(record: StepRecord) -> Iterator[Statement]:
    """Everything that a record says, in order of computation, each with the claim of
    its equation.

    What an equation reads and the record does not show, or shows in another shape or
    dtype, leaves it without a claim.

    Errors: ValueError where spec, x, y or the weights before the step are unusable.
    """
    return _Reading(record).statements()


class _Reading:
    """One record on its way through the equations: what it shows in the right shape and
    dtype, and what is wrong with the rest.
    """

    def __init__(self, record: StepRecord) -> None:
        self.record, spec = record, record.spec
        self.fmt, self.depth, n = FORMATS[spec.dtype], len(spec.sizes) - 1, len(record.x)
        self.loss, self.rule = LOSS_ENTRIES[spec.loss](), RULE_ENTRIES[spec.optimizer]()
        self.activations = [
            ACTIVATION_ENTRIES[name](**parameters) for name, parameters in spec.activations
        ]
        self.parameters = sum(into * out + out for into, out in pairwise(spec.sizes))
        self.faults: dict[tuple[str, int], str] = {}
        self.layers = []
        for i, (layer, (into, out)) in enumerate(
            zip(record.layers, pairwise(spec.sizes), strict=True)
        ):
            shapes = {
                "z": (n, out),
                "a": (n, out),
                "delta": (n, out),
                "dW": (out, into),
                "db": (out,),
            }
            self.layers.append(
                LayerRecord(
                    **{
                        name: self._fitting(name, i, getattr(layer, name), shape)
                        for name, shape in shapes.items()
                    }
                )
            )

    def statements(self) -> Iterator[Statement]:
        last = self.depth - 1
        for i in range(self.depth):
            yield self._weighted_input(i)
            yield self._about(
                "a", i, "a", self.activations[i].name, self.activations[i].value, z=self.layers[i].z
            )
        yield self._cost()
        for i in reversed(range(self.depth)):
            yield self._output_delta(i) if i == last else self._hidden_delta(i)
            yield self._about("BP3", i, "db", "", bias_gradient, delta=self.layers[i].delta)
            yield self._about(
                "BP4", i, "dW", "", weight_gradient, delta=self.layers[i].delta, **self._a_prev(i)
            )
        yield from self._step()

    def _weighted_input(self, i: int) -> Statement:
        W, b = self.record.before.W[i], self.record.before.b[i]
        return self._about(
            "z",
            i,
            "z",
            "",
            lambda fmt, a_prev: weighted_input(fmt, a_prev, W, b),
            **self._a_prev(i),
        )

    def _a_prev(self, i: int) -> dict[str, Array | None]:
        """Wiring: what goes into a layer is the a that the layer below showed."""
        return {"x": self.record.x} if i == 0 else {f"a of layer {i}": self.layers[i - 1].a}

    def _cost(self) -> Statement:
        y, value = self.record.y, self.record.loss
        got = None if value is None else np.asarray(value)
        if got is not None and (got.shape or got.dtype.kind not in "fiu"):
            self.faults["loss", COST] = f"{got.dtype} of shape {got.shape}, expected a real number"
        return self._judge(
            "C",
            None,
            "loss",
            self.loss.name,
            got,
            lambda fmt, a: self.loss.value(fmt, a, y),
            a=self.layers[-1].a,
        )

    def _output_delta(self, i: int) -> Statement:
        top, f, y = self.layers[i], self.activations[i], self.record.y
        name = f"{self.loss.name} + {f.name}"
        return self._about(
            "BP1",
            i,
            "delta",
            name,
            lambda fmt, z, a: self.loss.output_delta(fmt, f, z, a, y),
            z=top.z,
            a=top.a,
        )

    def _hidden_delta(self, i: int) -> Statement:
        layer, f, W_above = self.layers[i], self.activations[i], self.record.before.W[i + 1]
        reads = {f"delta of layer {i + 2}": self.layers[i + 1].delta, "z": layer.z, "a": layer.a}
        return self._about(
            "BP2",
            i,
            "delta",
            f.name,
            lambda fmt, above, z, a: hidden_delta(fmt, f, above, W_above, z, a),
            **reads,
        )

    def _step(self) -> Iterator[Statement]:
        """The state of every W and b first, then the parameters that are made of it."""
        start, updates = 0, []
        for i, (W, b) in enumerate(zip(self.record.before.W, self.record.before.b, strict=True)):
            for name, theta, g in (("W", W, self.layers[i].dW), ("b", b, self.layers[i].db)):
                part = slice(start, start := start + theta.size)
                updates.append(
                    (
                        i,
                        name,
                        theta,
                        g,
                        {key: self._part(key, name, i, part, theta) for key in self.keeps},
                    )
                )
        for update in updates:
            for key in self.keeps:
                yield self._new_state(key, *update)
        for update in updates:
            yield self._new_parameters(*update)

    @property
    def keeps(self) -> tuple[str, ...]:
        return self.rule.keeps(self.record.spec.hyperparameters)

    def _new_state(
        self, key: str, i: int, name: str, theta: Array, g: Array | None, parts: dict[str, "_Part"]
    ) -> Statement:
        inputs = self.rule.inputs(key, self.record.spec.hyperparameters)
        reads = {f"d{name}": g, **{f"{other} after the step": parts[other].new for other in inputs}}
        update, entry = self._update(theta, g, parts), f"{self.rule.name} {key}"
        return self._judge(
            "step",
            i,
            f"{key} of {name}",
            entry,
            parts[key].shown,
            lambda *_: self.rule.vector(update, key),
            **reads,
        )

    def _new_parameters(
        self, i: int, name: str, theta: Array, g: Array | None, parts: dict[str, "_Part"]
    ) -> Statement:
        reads = {
            f"d{name}": g,
            **{f"{key} after the step": part.new for key, part in parts.items()},
        }
        after = None if self.record.after is None else getattr(self.record.after, name)[i]
        self._fitting(name, i, after, theta.shape)
        update = self._update(theta, g, parts)
        return self._judge(
            "step", i, name, self.rule.name, after, lambda *_: self.rule.parameters(update), **reads
        )

    def _update(self, theta: Array, g: Array | None, parts: dict[str, "_Part"]) -> Update:
        """What the rule reads; where g is not shown nothing is claimed, so that nothing
        reads it.
        """
        old = {key: part.old for key, part in parts.items() if part.old is not None}
        new = {key: part.new for key, part in parts.items() if part.new is not None}
        spec = self.record.spec
        return Update(
            self.fmt, spec.hyperparameters, spec.step, theta, theta if g is None else g, old, new
        )

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
        """The array where it has the shape and dtype that it must have; otherwise its
        fault is kept.
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

    def _about(
        self,
        equation: str,
        i: int,
        quantity: str,
        entry: str,
        make: Callable[..., Claim],
        **reads: Array | None,
    ) -> Statement:
        """The statement about an array that layer i (from 0 on) shows."""
        return self._judge(
            equation, i, quantity, entry, getattr(self.record.layers[i], quantity), make, **reads
        )

    def _judge(
        self,
        equation: str,
        i: int | None,
        quantity: str,
        entry: str,
        got: Array | None,
        make: Callable[..., Claim],
        **reads: Array | None,
    ) -> Statement:
        """A claim is made where everything that the equation reads is shown, and there
        is something to judge.
        """
        fault = self.faults.get((quantity, COST if i is None else i), "")
        missing = ", ".join(name for name, array in reads.items() if array is None)
        with np.errstate(all="ignore"):  # what overflows is not judged
            made = None if missing or fault or got is None else make(self.fmt, *reads.values())
        if made is not None and not all(
            np.isfinite(array).all() for array in reads.values() if array is not None
        ):
            made = replace(made, reason=NOT_FINITE)
        return Statement(
            equation, None if i is None else i + 1, quantity, entry, got, made, missing, fault
        )


class _Part(NamedTuple):
    """A vector of the state, of one W or b: before the step, after it where it fits,
    and as the record shows it.
    """

    old: Array | None
    new: Array | None
    shown: Array | None
