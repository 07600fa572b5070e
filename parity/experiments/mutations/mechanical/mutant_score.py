"""The score of mechanical mutants: each is trained and searched on the probes, and what
is found is tried on runs that were not searched.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache

import numpy as np

from parity.experiments.mutations.explained import explained
from parity.experiments.mutations.families import TRAINING, UNSEEN, inputs
from parity.experiments.mutations.mechanical import right_program
from parity.experiments.mutations.mechanical.mutant_report import (
    CONVENTIONAL,
    EQUAL,
    NO_NUMBERS,
    ONE_FAMILY,
    RAISES,
    SHOWINGS,
    MutantReport,
    Row,
)
from parity.experiments.mutations.mechanical.mutants import Mutant, mutants
from parity.experiments.mutations.mechanical.training import trained
from parity.mistakes.search.judging import HALF, judged
from parity.mistakes.search.replay import Run, Shown, showing
from parity.processes.jobs import in_order
from refnet.checks import Array

# of each function, spread over its source: the longest has 466
PER_FUNCTION = 40


def mutant_score(
    numbers: tuple[int, ...] | None = None,
    *,
    on_progress: Callable[[], object] = lambda: None,
    jobs: int | None = None,
) -> MutantReport:
    """Measure the mutants of these numbers, by default those of `spread`; `on_progress`
    is called after each. The report does not depend on the number of `jobs`, by default
    one for each core.
    """
    rows: list[Row] = []
    numbers = spread() if numbers is None else numbers
    with closing(in_order(_measured, numbers, jobs)) as measured:
        for each in measured:
            rows += each
            on_progress()
    return MutantReport(tuple(rows))


@cache
def spread(most: int = PER_FUNCTION) -> tuple[int, ...]:
    """The numbers of so many mutants of each function."""
    of_function: dict[str, list[int]] = {}
    for number, mutant in enumerate(mutants()):
        of_function.setdefault(mutant.function, []).append(number)
    return tuple(
        numbers[i * len(numbers) // min(most, len(numbers))]
        for numbers in of_function.values()
        for i in range(min(most, len(numbers)))
    )


def _measured(number: int) -> list[Row]:
    return measure(mutants()[number])


def measure(mutant: Mutant) -> list[Row]:
    """A mutant with each showing."""
    runs = _runs(mutant)
    if runs is None:
        return [Row(mutant.name, each, RAISES) for each in SHOWINGS]
    if not all(run.is_finite for run in runs):
        return [Row(mutant.name, each, NO_NUMBERS) for each in SHOWINGS]
    return [
        _row(mutant.name, each, [showing(run, *names) for run in runs])
        for each, names in SHOWINGS.items()
    ]


def _row(name: str, shown: str, runs: list[Run]) -> Row:
    right = [showing(run, *SHOWINGS[shown]) for run in right_runs()]
    changed = [i for i, run in enumerate(runs) if changes(run, right[i])]
    training = [i for i in changed if i < len(TRAINING)]
    if not changed:
        return Row(name, shown, EQUAL)
    if not training or training == changed:
        return Row(name, shown, ONE_FAMILY)
    result = explained(runs[: len(TRAINING)], runs[len(TRAINING) :])
    conventional = result.conventional and result.rightly
    return Row(name, shown, CONVENTIONAL if conventional else "", result)


def _runs(mutant: Mutant) -> list[Run] | None:
    """Its runs on all inputs; None where one of them cannot be judged."""
    runs = []
    program = mutant.program()
    for probe in (*TRAINING, *UNSEEN):
        run = trained(program, inputs(probe))
        if run is None:
            return None
        runs.append(run)
    return runs


@cache
def right_runs() -> tuple[Run, ...]:
    """The runs of the right program on all inputs."""
    runs = [trained(right_program, inputs(probe)) for probe in (*TRAINING, *UNSEEN)]
    return tuple(run for run in runs if run is not None)


def changes(run: Run, right: Run) -> bool:
    """Whether a run has other numbers than the right one, beyond rounding: by more than
    half of the digits, or else by more than its bounds.
    """
    gaps = [*_gaps(run.steps, right.steps)]
    half = HALF[run.spec.dtype]
    return any(gap > half * size for gap, size in gaps) or (
        any(gap > 0 for gap, _ in gaps) and any(station.off for station in judged(run))
    )


def _gaps(steps: tuple[Shown, ...], right: tuple[Shown, ...]) -> Iterator[tuple[float, float]]:
    """The largest difference in each array, and the largest entry of the right one."""
    for step, other in zip(steps, right, strict=True):
        for where, array in other.arrays.items():
            yield _largest(step.arrays[where] - array), _largest(array)


def _largest(array: Array) -> float:
    return float(np.abs(array).max(initial=0.0))
