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

from dataclasses import dataclass
from typing import Any

from parity.activation_entries import ACTIVATION_ENTRIES, ActivationEntry, Cotangent
from parity.claim import Claim, claim, size
from parity.exact import Format
from parity.loss_entries import JEANNEROD_RUMP, LOSS_ENTRIES
from parity.update_entries import RULE_ENTRIES
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
