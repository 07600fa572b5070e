"""The main job: digits side by side, the sweep of the case table, the verdict; lines on
a screen, a dictionary for JSON, a picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from parity.experiments import digits, sweep
from parity.experiments.digits import EpochPair, Trained
from parity.experiments.sweep import Outcome
from parity.screen import Screen
from parity.steps.cases import CASES, DTYPES, Case
from refnet.equations import EQUATIONS

MARKS = (1, 2, 5, 10, 20, 50, 100)  # the steps at which the growth curve is printed


@dataclass
class Found:
    """What the main job found."""

    trained: Trained
    outcomes: list[Outcome]

    @property
    def problem(self) -> str | None:
        """What is wrong, in words, or None."""
        if self.trained.first is not None:
            step, problem = self.trained.first
            return f"DISAGREE. Digits, step {step}: {problem}"
        if not self.trained.same_labels:
            return "DISAGREE. Digits: the two trained networks label the test images differently"
        wrong = [outcome for outcome in self.outcomes if not outcome.passed]
        return (
            f"DISAGREE in {len(wrong)} of {len(self.outcomes)} cases. {wrong[0]}" if wrong else None
        )

    @property
    def verdict(self) -> str:
        """The last line."""
        if self.problem:
            return self.problem
        taken = [
            *self.trained.steps,
            *(step for outcome in self.outcomes for step in outcome.steps),
        ]
        worst = max(max(step.worst[:2]) for step in taken)
        return (
            f"Proven: every equation holds in all {len(taken):,} training steps of refnet and of "
            f"PyTorch, and from equal weights they agree"
            f"; test accuracy {self.trained.accuracy:.2%}, at most {worst:.3f} of a bound used"
        )

    def shares(self) -> list[tuple[str, list[float]]]:
        """For each equation the largest share of its bounds over the case table: refnet
        and PyTorch, float64 then float32.
        """
        return [
            (
                label,
                [
                    self._share(label, side, dtype)
                    for dtype in DTYPES
                    for side in ("ours", "theirs")
                ],
            )
            for label in EQUATIONS
        ]

    def _share(self, label: str, side: str, dtype: str) -> float:
        steps = (
            step
            for outcome in self.outcomes
            if outcome.case.dtype == dtype
            for step in outcome.steps
        )
        return max(
            (
                result.used
                for step in steps
                for result in getattr(step, side)
                if result.equation == label
            ),
            default=0.0,
        )

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        trained = self.trained
        return {
            "digits": {
                "epochs": [pair._asdict() for pair in trained.epochs],
                "steps": len(trained.steps),
                "worst": dict(
                    zip(("refnet", "pytorch", "apart"), _worst(trained.steps), strict=True)
                ),
                "growth": trained.growth,
                "weight_difference": trained.weight_difference,
                "same_labels": trained.same_labels,
                "accuracy": trained.accuracy,
            },
            "shares": dict(self.shares()),
            "sweep": [
                {
                    "case": o.case.id,
                    "passed": o.passed,
                    **dict(zip(("refnet", "pytorch", "apart"), o.worst, strict=True)),
                }
                for o in self.outcomes
            ],
        }


def run(screen: Screen, seed: int, epochs: int, cases: Sequence[Case] = CASES) -> Found:
    """Do the whole job, telling the screen."""
    trained = _digits(screen, seed, epochs)
    found = Found(trained, _sweep(screen, [replace(case, seed=seed) for case in cases]))
    screen.line()
    screen.line("Largest share of its bound that each equation used over the case table")
    screen.line(
        f"{'':>16}{'float64: refnet':>17}{'PyTorch':>9}{'float32: refnet':>17}{'PyTorch':>9}",
        "bold",
    )
    for label, (ours, theirs, ours32, theirs32) in found.shares():
        shares = f"{ours:>17.3f}{theirs:>9.3f}{ours32:>17.3f}{theirs32:>9.3f}"
        screen.line(f"{EQUATIONS[label].name:>16}{shares}   {EQUATIONS[label].formula}")
    return found


def _digits(screen: Screen, seed: int, epochs: int) -> Trained:
    sizes = "-".join(map(str, digits.SIZES))
    screen.line()
    screen.line(
        f"Handwritten digits, {sizes}, softmax cross-entropy, SGD, mini-batches of "
        f"{digits.BATCH}: same weights, same batches"
    )
    screen.line(
        f"{'epoch':>5}{'loss, refnet':>22}{'loss, PyTorch':>22}{'difference':>12}"
        f"{'test, refnet':>14}{'test, PyTorch':>15}",
        "bold",
    )
    with screen.progress("digits", epochs) as advance:

        def show(pair: EpochPair) -> None:
            gap = pair.loss - pair.twin_loss
            screen.line(
                f"{pair.number:>5}{pair.loss:>22.16f}{pair.twin_loss:>22.16f}{gap:>12.1e}"
                f"{pair.accuracy:>14.2%}{pair.twin_accuracy:>15.2%}"
            )
            advance()

        trained = digits.train(seed, epochs, show)
    ours, theirs, apart = _worst(trained.steps)
    images = len(trained.split.x_test)
    labels = (
        f"{'the same label' if trained.same_labels else 'NOT the same label'} for all {images:,} "
        f"test images"
    )
    screen.line(
        f"{len(trained.steps):,} steps certified, at most {ours:.3f} (refnet) and {theirs:.3f} "
        f"(PyTorch) of a bound used; {labels}"
    )
    screen.line(
        f"From equal weights, {len(trained.growth)} steps: the two differ by at most {apart:.3f} "
        f"of the running bound"
    )
    growth = "  ".join(
        f"{step}: {trained.growth[step - 1]:.1e}" for step in MARKS if step <= len(trained.growth)
    )
    screen.line(
        f"Running freely, largest weight difference after step  {growth}  {len(trained.steps)}: "
        f"{trained.weight_difference:.1e}"
    )
    return trained


def _sweep(screen: Screen, cases: Sequence[Case]) -> list[Outcome]:
    screen.line()
    screen.line(
        f"The case table: {len(cases)} cases; largest share of a bound used by each side, of the "
        f"running bound by their difference"
    )
    screen.line(
        f"{'cases':>5}{'float64: refnet':>17}{'PyTorch':>9}{'apart':>7}"
        f"{'float32: refnet':>17}{'PyTorch':>9}{'apart':>7}",
        "bold",
    )
    outcomes: list[Outcome] = []
    with screen.progress("cases", len(cases)) as advance:
        for row, group in groupby(sweep.sweep(cases), key=lambda outcome: outcome.case.row):
            members = []
            for outcome in group:
                members.append(outcome)
                advance()
            good = all(o.passed for o in members)
            worst = [
                _worst([step for o in members if o.case.dtype == dtype for step in o.steps])
                for dtype in DTYPES
            ]
            shares = "".join(
                f"{ours:>17.3f}{theirs:>9.3f}{apart:>7.3f}" for ours, theirs, apart in worst
            )
            screen.line(
                f"{len(members):>5}{shares}   {row}{'' if good else '   DISAGREE'}",
                "" if good else "red",
            )
            outcomes += members
    return outcomes


def _worst(steps: Sequence[sweep.StepOutcome]) -> tuple[float, float, float]:
    ours, theirs, apart = (
        max(shares) for shares in zip((0.0, 0.0, 0.0), *(step.worst for step in steps), strict=True)
    )
    return ours, theirs, apart
