"""The running bound: how far two correct programs may be apart that took the same step
from equal weights, each on its own numbers.

The local bounds of both, at the numbers that each had, are carried once through |W|, f'
and the rest by `Bounded`. Over many steps the bound would grow without limit, so the
two start from equal weights at each step.
"""

from typing import Any

import numpy as np

from parity.proof import formulas
from parity.proof.equations.penalties import penalised
from parity.proof.penalising import clipped, penalty_slope, penalty_value, total
from parity.proof.statements import Statement
from parity.proof.weighing import Weighing, weighed
from parity.rounding.bounded import Bounded
from parity.rounding.claim import size
from parity.rounding.formats import FORMATS
from parity.steps.record import StepRecord
from refnet.checks import Array


class RunningBound:
    """How far each array of another record may be from this record's, statement by
    statement in order of computation.

    With `inherits` the differences of earlier arrays are carried on; without, both
    records read the same numbers.
    """

    def __init__(self, record: StepRecord, inherits: bool = True) -> None:
        self._record, self._format, self._inherits = record, FORMATS[record.spec.dtype], inherits
        self._apart: dict[tuple[str, int | None], Array] = {}

    def allow(self, got: Statement, expected: Statement) -> Array | None:
        """The running bound of one array, or None where it cannot be judged: what this
        equation makes of earlier differences, and the local bounds of both records.
        """
        if got.claim is None or expected.claim is None or got.got is None or expected.got is None:
            return None
        with np.errstate(all="ignore"):
            carried = self._carry(expected)
            inherited = size(carried.value - expected.claim.exact) + size(carried.error)
            allowed = inherited + _local(got) + _local(expected)
        allowed = np.where(np.isnan(allowed), np.inf, allowed)
        self._apart[expected.quantity, expected.layer] = allowed  # what comes next reads it
        return allowed

    def _carry(self, statement: Statement) -> Bounded:
        label, layer = statement.equation, statement.layer
        if layer is None:
            a = self._known("a", len(self._record.layers))
            loss = formulas.cost(self._record.spec.loss, a, self._weighed(a))
            return self._with_penalty(loss)
        if label == "step":
            return self._update(layer, statement.quantity)
        carriers = {
            "dropout": self._masked_input,
            "z": self._z,
            "a": self._a,
            "BP1": self._output_delta,
            "BP2": self._hidden_delta,
            "BP3": self._db,
            "BP4": self._dW,
        }
        return carriers[label](layer)

    def _known(self, quantity: str, layer: int) -> Bounded:
        """An array of this record, and how far the other's may be from it; without
        limit where that array could not be judged.
        """
        apart = (
            self._apart.get((quantity, layer), np.asarray(np.inf))
            if self._inherits
            else np.zeros(())
        )
        return Bounded(getattr(self._record.layers[layer - 1], quantity), apart, self._format)

    def _masked_input(self, layer: int) -> Bounded:
        return self._masked(layer, self._below(layer))

    def _masked(self, layer: int, array: Bounded) -> Bounded:
        """array * m, where that layer drops inputs."""
        mask = self._record.mask(layer)
        return array if mask is None else formulas.masked(array, mask)

    def _a_prev(self, layer: int) -> Bounded:
        if self._record.mask(layer) is None:
            return self._below(layer)
        return self._known("a_prev", layer)

    def _below(self, layer: int) -> Bounded:
        return (
            Bounded(self._record.x, np.zeros(()), self._format)
            if layer == 1
            else self._known("a", layer - 1)
        )

    def _z(self, layer: int) -> Bounded:
        before = self._record.before
        products = self._a_prev(layer) @ before.W[layer - 1].T
        return products + before.b[layer - 1] if self._record.spec.has_bias(layer) else products

    def _a(self, layer: int) -> Bounded:
        return formulas.activate(*self._record.spec.activations[layer - 1], self._known("z", layer))

    def _output_delta(self, layer: int) -> Bounded:
        spec, z, a = self._record.spec, self._known("z", layer), self._known("a", layer)
        return formulas.output_delta(spec.loss, spec.activations[-1], z, a, self._weighed(a))

    def _weighed(self, a: Bounded) -> Weighing:
        """The targets with their weights."""
        record = self._record
        settings = record.spec.loss_settings
        return weighed(record.spec.loss, a, record.y, settings, record.sample_weight)

    def _with_penalty(self, loss: Bounded) -> Bounded:
        """C, with the penalty if there is one."""
        spec = self._record.spec
        if spec.penalty is None:
            return loss
        parts = (part for part in spec.parts if penalised(spec.penalty, part[0]))
        return total([loss, *(penalty_value(spec.penalty, self._theta(*part)) for part in parts)])

    def _sloped(self, name: str, layer: int, gradient: Bounded) -> Bounded:
        """dW or db, with P' where that is penalised."""
        penalty = self._record.spec.penalty
        if penalty is None or not penalised(penalty, name):
            return gradient
        slope: Bounded = penalty_slope(penalty, self._theta(name, layer))
        return gradient + slope

    def _theta(self, name: str, layer: int) -> Bounded:
        """W or b before the step, which both records start from."""
        return Bounded(getattr(self._record.before, name)[layer - 1], np.zeros(()), self._format)

    def _hidden_delta(self, layer: int) -> Bounded:
        delta, W = self._known("delta", layer + 1), self._record.before.W[layer]
        g = self._masked(layer + 1, delta @ W)
        return formulas.pull_back(
            *self._record.spec.activations[layer - 1],
            g,
            self._known("z", layer),
            self._known("a", layer),
        )

    def _db(self, layer: int) -> Bounded:
        return self._sloped("b", layer, self._known("delta", layer).sum(axis=0))

    def _dW(self, layer: int) -> Bounded:
        return self._sloped("W", layer, self._known("delta", layer).T @ self._a_prev(layer))

    def _gradient(self, name: str, layer: int) -> Bounded:
        """What the update reads: dW or db, clipped if it is."""
        spec, part = self._record.spec, (name, layer)
        if spec.clip is None:
            return self._known(f"d{name}", layer)
        gradients = {(of, l): self._known(f"d{of}", l) for of, l in spec.parts}
        short: Bounded = clipped(spec.clip, gradients, part)
        return short

    def _update(self, layer: int, quantity: str) -> Bounded:
        name = quantity[-1]  # "W" of "W" and of "exp_avg of W"
        spec, before, g = self._record.spec, self._record.before, self._gradient(name, layer)
        settings = spec.settings_of(name, layer)
        theta, part = getattr(before, name)[layer - 1], self._part(layer, name)
        old = {key: vector[part].reshape(theta.shape) for key, vector in before.state.items()}
        new = self._new_state(layer, name, part, theta.shape)
        if quantity == name:
            return formulas.new_parameters(spec.optimizer, settings, spec.step, theta, g, new)
        return formulas.new_state(
            spec.optimizer,
            quantity.removesuffix(f" of {name}"),
            settings,
            theta,
            g,
            old,
            new,
        )

    def _new_state(
        self, layer: int, name: str, part: slice, shape: tuple[int, ...]
    ) -> dict[str, Bounded]:
        """The part of every new vector that belongs to one W or b, as far as judged."""
        after = self._record.after
        return {
            key: Bounded(vector[part].reshape(shape), self._apart[statement], self._format)
            for key, vector in (after.state if after else {}).items()
            if (statement := (f"{key} of {name}", layer)) in self._apart
        }

    def _part(self, layer: int, name: str) -> slice:
        """Where W or b of a layer stands in the flat vectors."""
        parts = list(self._record.spec.parts)
        sizes = [getattr(self._record.before, each)[l - 1].size for each, l in parts]
        here = parts.index((name, layer))
        start = sum(sizes[:here])
        return slice(start, start + sizes[here])


def _local(statement: Statement) -> Any:
    """How far a correct program may be from the exact value of its own inputs."""
    claim = statement.claim
    if claim is None:
        return np.inf
    return np.where(claim.judged, claim.bound * (1.0 + claim.slack), np.inf)
