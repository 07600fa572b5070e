"""The table of the equations of a training step, restated for their proof: each
with its exact value in a wider format and a derived bound.

Every equation is judged from the record's *own* inputs: z from its a_prev, W and b;
delta from its delta above; the new weights from its dW and new state. One equation does
few roundings, so its bound is a short theorem that does not grow with depth or with
steps. If every equation of every layer of every step holds, and each step starts from
the weights that the last one wrote, the run is backpropagation up to rounding; the
first equation that does not hold is the place of the mistake.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.clipping import CLIPPED
from parity.proof.equations.kinds import JEANNEROD_RUMP, ActivationEntry, LossEntry
from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.equations.penalties import BIAS_SLOPE, PENALTY, SLOPE
from parity.proof.equations.sums import (
    BIAS_GRADIENT,
    HIDDEN_DELTA,
    MASKED_INPUT,
    WEIGHT_GRADIENT,
    WEIGHTED_INPUT,
)
from parity.proof.equations.updates import RULE_ENTRIES
from refnet.activations import ACTIVATIONS, Activation
from refnet.equations import EQUATIONS
from refnet.losses import LOSSES

# with these a rule keeps every vector that it can keep
ALL_STATE = {"momentum": 0.9, "centered": True, "amsgrad": True}


@dataclass(frozen=True)
class Entry:
    """One entry of an equation: its label (the key of refnet.EQUATIONS), what it reads
    and writes, its derivation and its source.
    """

    label: str
    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    derivation: str
    source: str


def entries() -> list[Entry]:
    """Every entry of every equation in order of computation, named as in the results of
    a certificate: what the proof rests on, to be read.

    Source: each entry names its own.
    """
    return [
        _masked_input(),
        _weighted_input(),
        *_activation_values(),
        *_loss_values(),
        *_output_deltas(),
        *_hidden_deltas(),
        _bias_gradient(),
        _weight_gradient(),
        *_updates(),
    ]


def _masked_input() -> Entry:
    dropout = EQUATIONS["dropout"]
    return Entry(dropout.label, "", dropout.reads, dropout.writes, MASKED_INPUT, dropout.source)


def _weighted_input() -> Entry:
    return Entry("z", "", ("a_prev", "W", "b"), ("z",), WEIGHTED_INPUT, JEANNEROD_RUMP)


def _activation_values() -> Iterator[Entry]:
    for f in _activations():
        yield Entry("a", f.name, f.reads, (f.writes,), f.value_derivation, f.source)


def _loss_values() -> Iterator[Entry]:
    for loss in _losses():
        reads, writes = loss.reads, (loss.writes,)
        derivation = f"{loss.value_derivation} {loss.weights_derivation} {PENALTY}"
        yield Entry("C", loss.name, reads, writes, derivation, loss.source)


def _output_deltas() -> Iterator[Entry]:
    """BP1 has an entry for each loss with each output activation that it allows."""
    for loss in _losses():
        for f in _activations():
            if _fits(loss.name, f.name):
                name, reads = f"{loss.name} + {f.name}", ("a", "y", "z")
                derivation = f"{loss.output_delta_derivation(f)} {loss.weights_derivation}"
                yield Entry("BP1", name, reads, ("delta",), derivation, loss.source)


def _fits(loss: str, activation: str) -> bool:
    kind = ACTIVATIONS[activation]
    return kind.trainable and issubclass(kind, LOSSES[loss].outputs or Activation)


def _hidden_deltas() -> Iterator[Entry]:
    for f in _activations():
        derivation = f"{HIDDEN_DELTA} {f.pullback_derivation}"
        yield Entry("BP2", f.name, ("delta", "W", "z", "a"), ("delta",), derivation, f.source)


def _bias_gradient() -> Entry:
    derivation = f"{BIAS_GRADIENT} {BIAS_SLOPE}"
    return Entry("BP3", "", ("delta",), ("db",), derivation, JEANNEROD_RUMP)


def _weight_gradient() -> Entry:
    derivation = f"{WEIGHT_GRADIENT} {SLOPE}"
    return Entry("BP4", "", ("delta", "a_prev"), ("dW",), derivation, JEANNEROD_RUMP)


def _updates() -> Iterator[Entry]:
    """A rule has an entry for each vector of its state, then one for the parameters."""
    for rule in (kind() for kind in RULE_ENTRIES.values()):
        derivations = {
            f"{rule.name} {vector}": rule.vector_derivation(vector)
            for vector in rule.keeps(ALL_STATE)
        } | {rule.name: rule.parameters_derivation}
        for name, derivation in derivations.items():
            whole = f"{rule.formula} {derivation} {CLIPPED}"
            yield Entry("step", name, rule.reads, rule.writes, whole, rule.source)


def _activations() -> list[ActivationEntry]:
    return [kind() for kind in ACTIVATION_ENTRIES.values()]


def _losses() -> list[LossEntry]:
    return [kind() for kind in LOSS_ENTRIES.values()]
