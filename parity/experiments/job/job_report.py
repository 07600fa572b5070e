"""What came out of the main job: the digits, the case table, and the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parity.experiments.job.digits import Trained
from parity.experiments.job.gaps import Gaps, largest
from parity.experiments.job.sweep import CaseOutcome, StepOutcome
from parity.steps.cases import DTYPES
from refnet.equations import EQUATIONS, PLAIN


@dataclass
class MainJobReport:
    """The digits and the case table, both sides step by step."""

    trained: Trained
    outcomes: list[CaseOutcome]

    @property
    def wrong(self) -> list[CaseOutcome]:
        """The cases in which something is wrong."""
        return [outcome for outcome in self.outcomes if not outcome.passed]

    @property
    def problem(self) -> str | None:
        """What is wrong, in words, or None."""
        if self.trained.first is not None:
            step, problem = self.trained.first
            return f"DISAGREE. Digits, step {step}: {problem}"
        if not self.trained.same_labels:
            return "DISAGREE. Digits: the two trained networks label the test images differently"
        if self.wrong:
            return (
                f"DISAGREE in {len(self.wrong)} of {len(self.outcomes)} cases. The first is "
                f"{self.wrong[0]}"
            )
        return None

    @property
    def steps(self) -> list[StepOutcome]:
        """Every step of the digits and of the cases."""
        return [*self.trained.steps, *steps_of(self.outcomes)]

    @property
    def largest_share(self) -> float:
        """The largest share of a bound that either side used in any step."""
        return max(max(step.worst[:2]) for step in self.steps)

    @property
    def verdict(self) -> str:
        """The last line."""
        compared = sum(step.agreement is not None for step in self.steps)
        return self.problem or (
            f"Proven: every equation holds in all {len(self.steps):,} steps, both agree in all "
            f"{compared:,} compared; accuracy {self.trained.accuracy:.2%}"
        )

    def shares(self) -> list[tuple[str, list[float]]]:
        """For each equation the largest share of its bounds over the case table: refnet
        and PyTorch, float64 then float32.
        """
        by_dtype = [steps_of(self.outcomes, dtype) for dtype in DTYPES]
        return [
            (
                label,
                [_share(label, steps, side) for steps in by_dtype for side in ("ours", "theirs")],
            )
            for label in EQUATIONS
            if label in PLAIN or any(_share(label, steps, "ours") for steps in by_dtype)
        ]

    def digits_gaps(self) -> Gaps:
        """The largest gaps over the steps of the digits."""
        return largest(step.gaps for step in self.trained.steps)

    def case_gaps(self, dtype: str) -> Gaps:
        """The largest gaps over the case table in one dtype."""
        return largest(step.gaps for step in steps_of(self.outcomes, dtype))

    def weight_gap(self, dtype: str, *, sgd: bool) -> float:
        """The largest gap of new weights over the cases of one dtype that SGD trains,
        or that another optimizer does.
        """
        chosen = [o for o in self.outcomes if (o.case.optimizer == "sgd") == sgd]
        return largest(step.gaps for step in steps_of(chosen, dtype)).weights

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        trained = self.trained
        return {
            "differences": {
                "digits": self.digits_gaps()._asdict(),
                "cases": {dtype: self._case_gaps_as_json(dtype) for dtype in DTYPES},
            },
            "digits": {
                "epochs": [pair._asdict() for pair in trained.epochs],
                "steps": len(trained.steps),
                "worst": _by_side(worst(trained.steps)),
                "growth": trained.growth,
                "weight_difference": trained.weight_difference,
                "same_labels": trained.same_labels,
                "accuracy": trained.accuracy,
            },
            "shares": dict(self.shares()),
            "sweep": [
                {
                    "case": outcome.case.id,
                    "passed": outcome.passed,
                    **_by_side(outcome.worst),
                    "differences": largest(step.gaps for step in outcome.steps)._asdict(),
                }
                for outcome in self.outcomes
            ],
        }

    def _case_gaps_as_json(self, dtype: str) -> dict[str, float]:
        return {
            **self.case_gaps(dtype)._asdict(),
            "weights_after_sgd": self.weight_gap(dtype, sgd=True),
            "weights_after_others": self.weight_gap(dtype, sgd=False),
        }


def steps_of(outcomes: Sequence[CaseOutcome], dtype: str = "") -> list[StepOutcome]:
    """The steps of these cases; with a dtype those in it alone."""
    return [step for o in outcomes if dtype in ("", o.case.dtype) for step in o.steps]


def worst(steps: Sequence[StepOutcome]) -> tuple[float, float, float]:
    """The largest shares over these steps: refnet's, PyTorch's, their difference's."""
    ours, theirs, apart = (
        max(shares) for shares in zip((0.0, 0.0, 0.0), *(step.worst for step in steps), strict=True)
    )
    return ours, theirs, apart


def _by_side(shares: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(("refnet", "pytorch", "apart"), shares, strict=True))


def _share(label: str, steps: Sequence[StepOutcome], side: str) -> float:
    results = (result for step in steps for result in getattr(step, side))
    return max((result.used for result in results if result.equation == label), default=0.0)
