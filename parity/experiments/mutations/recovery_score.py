"""The catalogue without itself: each entry is put into a right program, wherever it can
stand, and searched by the grammar of formulas alone; what is found is tried on runs
that were not searched.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cache

from parity.experiments.mutations.explained import Explained, explained
from parity.experiments.mutations.families import (
    EDGES,
    TRAINING,
    UNSEEN,
    UNSEEN_EDGES,
    inputs,
)
from parity.experiments.mutations.recovery_report import Recovered, RecoveryReport
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.mistake import Mistake
from parity.mistakes.probes import Probe
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import Run, run_of, showing, simulate
from parity.processes.jobs import in_order

SHOWN = ("z", "a", "loss", "delta", "dW", "db", "W", "b")


def recovery_score(
    ids: Sequence[str] = tuple(BY_ID),
    *,
    catalogue: bool = False,
    on_progress: Callable[[], object] = lambda: None,
    jobs: int | None = None,
) -> RecoveryReport:
    """Measure the entries of these ids; `on_progress` is called after each. The report
    does not depend on the number of `jobs`, by default one for each core.

    With the `catalogue`, for comparison, everything is searched.
    """
    rows = []
    with closing(in_order(_with if catalogue else _without, ids, jobs)) as results:
        for name, result in zip(ids, results, strict=True):
            rows.append(Recovered(BY_ID[name], result))
            on_progress()
    return RecoveryReport(tuple(rows))


def _with(name: str) -> Explained | None:
    return recovered(BY_ID[name], catalogue=True)


def _without(name: str) -> Explained | None:
    return recovered(BY_ID[name])


def recovered(mistake: Mistake, *, catalogue: bool = False) -> Explained | None:
    """What is said of an entry; None where no run to learn from, or no unseen one,
    shows it.
    """
    # what does not fit the shapes of a network cannot stand there; at the edge of
    # floats only where nothing shows elsewhere
    training, unseen = (
        [run for run in _first_to_show(mistake, *groups) if run]
        for groups in ((TRAINING, EDGES), (UNSEEN, UNSEEN_EDGES))
    )
    if not any(map(_is_off, training)) or not any(map(_is_off, unseen)):
        return None
    return explained(training, unseen, catalogue=catalogue)


def _first_to_show(mistake: Mistake, *groups: Sequence[Probe]) -> list[Run | None]:
    """The runs of the first of these groups in which the mistake shows, or of the
    last.
    """
    runs: list[Run | None] = []
    for probes in groups:
        runs = [_run(probe, mistake) for probe in probes]
        if any(map(_is_off, runs)):
            break
    return runs


def _is_off(run: Run | None) -> bool:
    return run is not None and any(station.off for station in judged(run))


def _run(probe: Probe, mistake: Mistake) -> Run | None:
    """A probe by a program with the mistake wherever it can stand; None where it does
    not fit the shapes.
    """
    run = inputs(probe)
    layers = mistake.layers(run.spec)
    if not layers:
        return right_run(probe)
    try:
        return showing(run_of(simulate(run, [(mistake, layers)])), *SHOWN)
    except (ValueError, IndexError):
        return None


@cache
def right_run(probe: Probe) -> Run:
    """A probe by a right program."""
    return showing(run_of(simulate(inputs(probe))), *SHOWN)
