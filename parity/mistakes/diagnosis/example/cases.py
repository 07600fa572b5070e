"""Which arrays of a run can show a mistake, and what their equations read."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

from parity.mistakes.diagnosis.example.matrices import COLUMNS, ROWS
from parity.mistakes.search.replay import Run
from parity.mistakes.slots import Quantity
from parity.proof.equations.updates import RULE_ENTRIES
from refnet.equations import EQUATIONS

STATE = " of "  # as in "exp_avg of W"


class Case(NamedTuple):
    """One array of one step of a run."""

    run: Run
    task: str
    step: int  # from 0 on, in the run
    quantity: Quantity

    @property
    def label(self) -> str:
        """The equation that writes it."""
        name, layer = self.quantity
        if name == "delta":
            return "BP1" if layer == len(self.run.spec.sizes) - 1 else "BP2"
        own = {"a_prev": "dropout", "z": "z", "a": "a", "loss": "C", "db": "BP3", "dW": "BP4"}
        return own.get(name, "step")

    @property
    def reads(self) -> list[Quantity]:
        """What the equation reads, without the state: ("W", l) is W before the step."""
        (name, layer), spec = self.quantity, self.run.spec
        part, is_identity = name.rpartition(STATE)[2], spec.activations[layer - 1][0] == "identity"
        drops = self.run.steps[self.step].drops(layer)
        reads = _reads(self.label, layer, part, is_identity, drops)
        return [each for each in reads if each[0] != "b" or spec.has_bias(each[1])]

    @property
    def size(self) -> tuple[bool, bool, int, int]:
        """How much there is to read: matrices that are shown whole before others, and
        several rows before one where the equation sums over rows.
        """
        arrays = [self.quantity, self.quantity, *self.reads]
        shapes = [shape(self.run, self.step, each) for each in arrays]
        sides = [(1, 1, *each)[-2:] for each in shapes]
        large = any(rows > ROWS or columns > COLUMNS for rows, columns in sides)
        one_term = self.label in ("C", "BP3", "BP4") and len(self.run.steps[self.step].x) == 1
        return large, one_term, sum(map(prod, shapes)), self.step


def _reads(label: str, layer: int, part: str, is_identity: bool, drops: bool) -> Iterator[Quantity]:
    above = layer + (label == "BP2")
    for name in EQUATIONS[label].reads:
        if name == "a_prev":
            yield ("a_prev", layer) if drops else ("a", layer - 1)
        elif label == "dropout":
            yield name, layer - (name == "a")
        elif name in ("delta", "W", "b", "dW", "db"):
            if label != "step" or name in (part, f"d{part}"):
                yield name, above
        # a is z then
        elif name != "state" and not (name == "z" and label == "BP1" and is_identity):
            yield name, layer


def shape(run: Run, step: int, quantity: Quantity) -> tuple[int, ...]:
    """The shape that an array of a step should have."""
    name, layer = quantity
    sizes, n = run.spec.sizes, len(run.steps[step].x)
    if name == "y":
        return run.steps[step].y.shape
    if name == "loss":
        return ()
    if name in ("z", "a", "delta"):
        return n, sizes[layer]
    if name in ("a_prev", "mask"):
        return n, sizes[layer - 1]
    is_weight = name.rpartition(STATE)[2] in ("W", "dW")
    return (sizes[layer], sizes[layer - 1]) if is_weight else (sizes[layer],)


def states(run: Run) -> list[str]:
    """The names of the vectors that the rule keeps."""
    rule = RULE_ENTRIES[run.spec.optimizer]()
    keys = dict.fromkeys(
        key for part in run.spec.parts for key in rule.keeps(run.spec.settings_of(*part))
    )
    return [f"{key}{STATE}{part}" for key in keys for part in ("W", "b")]


def cases_of(run: Run, task: str, names: Sequence[str], layers: Sequence[int]) -> Iterator[Case]:
    """These arrays of all steps of a run, as far as its layers have them."""
    depth = len(run.spec.sizes) - 1
    for step in range(len(run.steps)):
        for name in names:
            of_biases = name.rpartition(STATE)[2] in ("b", "db")
            for layer in {depth} if name == "loss" else layers:
                if name == "a_prev" and not run.steps[step].drops(layer):
                    continue
                if not of_biases or run.spec.has_bias(layer):
                    yield Case(run, task, step, (name, layer))
