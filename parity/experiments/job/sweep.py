"""The sweep: every case of the table, step by step; each side is certified, and from
equal weights the two are compared.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from parity.experiments.job.gaps import Gaps, gaps_between
from parity.proof.agreement import Agreement, agree
from parity.proof.certificate import Certificate, certify
from parity.proof.result import Result
from parity.rounding.claim import PASSED
from parity.steps.cases import Case
from parity.steps.pytorch import restart
from parity.steps.record import StepRecord, record_refnet


@dataclass(frozen=True)
class StepOutcome:
    """One step: the results of either side's certificate, and, where both started from
    equal weights, their agreement and their gaps.
    """

    ours: tuple[Result, ...]
    theirs: tuple[Result, ...]
    agreement: Agreement | None
    gaps: Gaps | None = None

    @property
    def passed(self) -> bool:
        """Whether every equation of both was judged and holds, and the two agree."""
        return self.problem is None

    @property
    def problem(self) -> str | None:
        """The first thing that is wrong, in words, or None."""
        for side, results in (("refnet", self.ours), ("PyTorch", self.theirs)):
            for result in results:
                if result.status != PASSED:
                    return f"{side}: {result}"
        return (
            f"they part: {self.agreement}"
            if self.agreement is not None and not self.agreement.passed
            else None
        )

    @property
    def worst(self) -> tuple[float, float, float]:
        """The largest shares used: of a bound by refnet, of a bound by PyTorch, of a
        running bound by their difference.
        """
        return (
            max(r.used for r in self.ours),
            max(r.used for r in self.theirs),
            self.agreement.worst if self.agreement else 0.0,
        )


@dataclass(frozen=True)
class CaseOutcome:
    """One case, step by step."""

    case: Case
    steps: tuple[StepOutcome, ...]

    @property
    def passed(self) -> bool:
        """Whether every step passed."""
        return self.first is None

    @property
    def worst(self) -> tuple[float, float, float]:
        """The largest shares over all steps."""
        ours, theirs, apart = (
            max(shares) for shares in zip(*(step.worst for step in self.steps), strict=True)
        )
        return ours, theirs, apart

    @property
    def first(self) -> tuple[int, str] | None:
        """The first step, from 1 on, where something is wrong, and what."""
        return next(
            ((i, step.problem) for i, step in enumerate(self.steps, start=1) if step.problem), None
        )

    def __str__(self) -> str:
        return f"{self.case.id}: " + (
            f"step {self.first[0]}, {self.first[1]}" if self.first else "every equation holds"
        )


def sweep(cases: Iterable[Case]) -> Iterator[CaseOutcome]:
    """Run, certify and compare each case, one after the other; a case ends with its
    first wrong step.
    """
    for case in cases:
        previous, steps = None, []
        for ours, theirs in side_by_side(case):
            steps.append(outcome_of(certify(ours, previous), certify(theirs)))
            if not steps[-1].passed:
                break
            previous = ours
        yield CaseOutcome(case, tuple(steps))


def outcome_of(ours: Certificate, theirs: Certificate, equal_start: bool = True) -> StepOutcome:
    """The outcome of two certified records of the same step."""
    agreement = agree(ours, theirs) if equal_start else None
    gaps = gaps_between(ours.record, theirs.record) if equal_start else None
    return StepOutcome(ours.results, theirs.results, agreement, gaps)


def side_by_side(case: Case) -> Iterator[tuple[StepRecord, StepRecord]]:
    """For each step the record of refnet, which trains on, and of PyTorch, which takes
    that step from refnet's weights and state.
    """
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    for (x, y, optimizer.lr), given in zip(case.steps(), case.given(), strict=True):
        ours = record_refnet(net, x, y, loss, optimizer, **case.asked(given))
        yield ours, restart(ours)
