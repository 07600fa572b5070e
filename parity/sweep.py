"""The sweep: every case of the table, refnet and its twin side by side from the same weights, every quantity of every step compared."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from parity.agreement import Agreement, Difference, compare
from parity.cases import Case
from parity.record import StepRecord, record_refnet
from parity.torch_twin import record_torch, twin, twin_loss, twin_optimizer


@dataclass(frozen=True)
class Outcome:
    """What one case came to: the agreement of each of its steps."""

    case: Case
    steps: tuple[Agreement, ...]

    @property
    def passed(self) -> bool:
        """Whether every step agrees."""
        return all(step.passed for step in self.steps)

    @property
    def worst(self) -> float:
        """The largest scaled error over all steps and quantities."""
        return max(step.worst for step in self.steps)

    @property
    def first(self) -> tuple[int, Difference] | None:
        """The first step, from 1 on, and quantity that do not agree."""
        return next(((i, step.first) for i, step in enumerate(self.steps, start=1) if step.first), None)

    def __str__(self) -> str:
        return f"{self.case.id}: " + (f"step {self.first[0]}, {self.first[1]}" if self.first else f"agrees within {self.worst:.2g}")


def sweep(cases: Iterable[Case]) -> Iterator[Outcome]:
    """Run each case and compare, one after the other."""
    for case in cases:
        yield Outcome(case, tuple(compare(ours, theirs) for ours, theirs in side_by_side(case)))


def side_by_side(case: Case) -> Iterator[tuple[StepRecord, StepRecord]]:
    """The records of refnet and of its twin, step by step, each going on from its own weights and state."""
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    model, torch_loss = twin(net), twin_loss(loss)
    torch_optimizer = twin_optimizer(optimizer, model)
    for x, y, lr in case.steps():
        optimizer.lr = torch_optimizer.param_groups[0]["lr"] = lr
        yield record_refnet(net, x, y, loss, optimizer), record_torch(model, x, y, torch_loss, torch_optimizer)
