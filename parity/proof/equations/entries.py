"""The eight equations of a training step restated for their proof: for each its exact
value in a wider format and a derived bound.

Every equation is judged from the record's *own* inputs: z from its a_prev, W and b;
delta from its delta above; the new weights from its dW and new state. One equation does
few roundings, so its bound is a short theorem that does not grow with depth or with
steps. If every equation of every layer of every step holds, and each step starts from
the weights that the last one wrote, the run is backpropagation up to rounding; the
first equation that does not hold is the place of the mistake.
"""

from dataclasses import dataclass
from typing import Any

from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.equations.shared import JEANNEROD_RUMP
from parity.proof.equations.sums import bias_gradient, hidden_delta, weight_gradient, weighted_input
from parity.proof.equations.updates import RULE_ENTRIES
from refnet.activations import ACTIVATIONS, Activation
from refnet.losses import LOSSES


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
    """Every entry of every equation, in order of computation, by the names that results
    have: what the proof rests on, to be read.
    """
    activations = [kind() for kind in ACTIVATION_ENTRIES.values()]
    losses = [kind() for kind in LOSS_ENTRIES.values()]
    found = [_entry("z", "", ("a_prev", "W", "b"), ("z",), JEANNEROD_RUMP, weighted_input)]
    found += [
        _entry("a", f.name, f.reads, (f.writes,), f.source, type(f), f.value) for f in activations
    ]
    found += [
        _entry("C", loss.name, loss.reads, (loss.writes,), loss.source, type(loss), loss.value)
        for loss in losses
    ]
    for loss in losses:
        for f in activations:
            if ACTIVATIONS[f.name].trainable and isinstance(
                ACTIVATIONS[f.name](), LOSSES[loss.name].outputs or Activation
            ):
                reads = ("a", "y", "z")
                found.append(
                    _entry(
                        "BP1",
                        f"{loss.name} + {f.name}",
                        reads,
                        ("delta",),
                        loss.source,
                        *loss.output_delta_told(f),
                    )
                )
    found += [
        _entry(
            "BP2",
            f.name,
            ("delta", "W", "z", "a"),
            ("delta",),
            f.source,
            hidden_delta,
            *f.pullback_told(),
        )
        for f in activations
    ]
    found.append(_entry("BP3", "", ("delta",), ("db",), JEANNEROD_RUMP, bias_gradient))
    found.append(_entry("BP4", "", ("delta", "a_prev"), ("dW",), JEANNEROD_RUMP, weight_gradient))
    for rule in (kind() for kind in RULE_ENTRIES.values()):
        for vector in rule.keeps({"momentum": 0.9, "centered": True, "amsgrad": True}):
            told = (type(rule), rule.vector, *rule.vector_told(vector))
            found.append(
                _entry("step", f"{rule.name} {vector}", rule.reads, rule.writes, rule.source, *told)
            )
        found.append(
            _entry(
                "step", rule.name, rule.reads, rule.writes, rule.source, type(rule), rule.parameters
            )
        )
    return found


def _entry(
    label: str, name: str, reads: tuple[str, ...], writes: tuple[str, ...], source: str, *told: Any
) -> Entry:
    """An entry whose derivation is what the docstrings of these say."""
    return Entry(
        label,
        name,
        reads,
        writes,
        " ".join(" ".join((each.__doc__ or "").split()) for each in told),
        source,
    )
