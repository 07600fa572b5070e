"""The main job: digits side by side, then the case table, printed on a screen."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from parity.experiments.job import digits, job_lines, sweep
from parity.experiments.job.digits import EpochPair, Trained
from parity.experiments.job.job_lines import Line
from parity.experiments.job.job_report import MainJobReport
from parity.experiments.job.sweep import CaseOutcome
from parity.screen import Screen
from parity.steps.cases import CASES, Case

FIRST_EPOCHS = 3  # printed before "..."


def run(
    screen: Screen, seed: int, epochs: int, cases: Sequence[Case] = CASES, *, verbose: bool = False
) -> MainJobReport:
    """Do the whole job; `verbose` prints every epoch and every row of the table."""
    trained = _digits(screen, seed, epochs, verbose=verbose)
    outcomes = _sweep(screen, [replace(case, seed=seed) for case in cases])
    report = MainJobReport(trained, outcomes)
    for part in (job_lines.differences, job_lines.equations, job_lines.groups):
        screen.line()
        _print(screen, part(report))
    _print(screen, job_lines.rows(outcomes, verbose=verbose))
    return report


def _print(screen: Screen, lines: Iterable[Line]) -> None:
    for text, style in lines:
        screen.line(text, style)


def _digits(screen: Screen, seed: int, epochs: int, *, verbose: bool) -> Trained:
    """Train, with a line for the first epochs and the last, or for every one."""
    screen.line()
    screen.line(job_lines.title())
    screen.line(job_lines.EPOCH_HEAD, job_lines.HEAD)
    with screen.progress("digits", epochs) as advance:

        def show(pair: EpochPair) -> None:
            if verbose or pair.number <= FIRST_EPOCHS or pair.number == epochs:
                screen.line(job_lines.epoch(pair))
            elif pair.number == FIRST_EPOCHS + 1:
                screen.line("  ...")
            advance()

        trained = digits.train(seed, epochs, show)
    for line in job_lines.after_training(trained):
        screen.line(line)
    return trained


def _sweep(screen: Screen, cases: Sequence[Case]) -> list[CaseOutcome]:
    """Go through the case table, under a bar."""
    screen.line()
    screen.line(
        f"The case table: {len(cases)} cases (activations, losses, optimizers, layer sizes; both "
        f"dtypes)"
    )
    outcomes = []
    with screen.progress("cases", len(cases)) as advance:
        for outcome in sweep.sweep(cases):
            outcomes.append(outcome)
            advance()
    return outcomes
