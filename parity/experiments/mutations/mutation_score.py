"""The mutation score: every catalogued mistake is put into a right program, layer by
layer, and it is measured who notices.

A *site* is a probe, a layer and a dtype in which a mistake can stand and makes a
difference beyond rounding. At every site the step is certified; beside it stand what
others would have seen: np.allclose and torch.testing.assert_close, given the right
arrays, and a gradient check by central differences of the program's own cost, as it is
taught, which asks for 1e-7. Last, the broken program trains on handwritten digits: a
mistake that still learns is one that nobody looks for.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache, partial
from operator import call
from typing import Any

import numpy as np

from parity.experiments.mutations.broken_training import Accuracies, accuracies
from parity.experiments.mutations.mutation_report import MistakeScore, MutationReport, Site
from parity.experiments.mutations.other_checks import gradient_check_fails, noticing
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.mistake import Mistake
from parity.mistakes.probes import PROBES, Probe
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import Run, run_of, simulate
from parity.processes.jobs import in_order
from parity.proof.certificate import certify
from parity.proof.result import Result
from parity.steps.cases import DTYPES
from parity.steps.record import StepRecord

# a process takes 3 s to start and to load the digits, an entry 1 s: for two entries two
# processes take as long as one, for four 7 s instead of 8 s
ENTRIES_PER_PROCESS = 2


def score(
    ids: Sequence[str] = tuple(BY_ID),
    *,
    digits: bool = True,
    on_progress: Callable[[], object] = lambda: None,
    jobs: int | None = None,
) -> MutationReport:
    """Measure the entries of these ids; `on_progress` is called after each. The report
    does not depend on the number of `jobs`, by default one for each core, but this
    process alone for a few ids.

    Without `digits` nothing is trained.
    """
    rows = []
    right = [(probe.name, dtype) for probe in PROBES for dtype in DTYPES]
    # the right runs last: they are short, so that no process ends long before another
    pieces = [
        *(partial(_measured, name, digits=digits) for name in ids),
        *(partial(_is_accused, *each) for each in right),
    ]
    most = len(ids) // ENTRIES_PER_PROCESS
    with closing(in_order(call, pieces, jobs, most=most)) as results:
        for name, result in zip(ids, results, strict=False):
            rows.append(MistakeScore(BY_ID[name], *result))
            on_progress()
        accused = [
            f"{name}, {dtype}"
            for (name, dtype), is_accused in zip(right, results, strict=True)
            if is_accused
        ]
    return MutationReport(tuple(rows), tuple(accused))


def _measured(name: str, *, digits: bool) -> tuple[Any, ...]:
    """The score without the entry, whose functions no other process can be sent."""
    row = measure(BY_ID[name], digits=digits)
    return row.sites, row.gradient_check, row.diagnosis, row.digits


def measure(mistake: Mistake, *, digits: bool = True) -> MistakeScore:
    """Put one mistake everywhere it can stand."""
    sites = tuple(
        site for dtype in DTYPES for probe in PROBES for site in _sites(mistake, probe, dtype)
    )
    homes = [probe for probe in PROBES if any(site.probe == probe.name for site in sites)]
    checks = [
        check
        for probe in homes
        if (check := gradient_check_fails(mistake, probe.run())) is not None
    ]
    failed = float(np.mean(checks)) if checks else None
    diagnosis = _diagnosis(mistake, homes) if homes else ()
    digits_ = accuracies(mistake, homes[0]) if digits and homes else Accuracies()
    return MistakeScore(mistake, sites, failed, diagnosis, digits_)


def _sites(mistake: Mistake, probe: Probe, dtype: str) -> Iterator[Site]:
    run = probe.run(dtype)
    for layer in sorted(mistake.layers(run.spec)):
        records = _broken(run, mistake, layer)
        if not any(station.off for station in judged(run_of(records))):
            continue  # it makes no difference here
        first = _first_broken(records)
        label, used = ("", 0.0) if first is None else (first.equation, first.used)
        yield Site(
            probe.name,
            layer,
            dtype,
            label,
            used,
            tuple(noticing(records, _right(probe.name, dtype), dtype)),
        )


def _broken(run: Run, mistake: Mistake, layer: int) -> list[StepRecord]:
    return simulate(run, [(mistake, frozenset({layer}))])


@cache
def _right(name: str, dtype: str) -> list[StepRecord]:
    return simulate(next(probe for probe in PROBES if probe.name == name).run(dtype))


def _first_broken(records: Sequence[StepRecord]) -> Result | None:
    for record, previous in zip(records, [None, *records], strict=False):
        broken = certify(record, previous).broken
        if broken:
            return broken[0]
    return None


def _is_accused(name: str, dtype: str) -> bool:
    """Whether the right run of this probe is called wrong."""
    records = _right(name, dtype)
    return _first_broken(records) is not None or bool(diagnose_runs([run_of(records)]))


def _diagnosis(mistake: Mistake, homes: Sequence[Probe]) -> tuple[str, ...]:
    """What the mistake is called, everything shown, in its first home; in all of them
    where the first cannot tell it from another, as n k/2 from n with two outputs.
    """
    names = _called(mistake, homes[:1])
    return names if len(names) == 1 else _called(mistake, homes)


def _called(mistake: Mistake, homes: Sequence[Probe]) -> tuple[str, ...]:
    """Its names there; none where more than one thing is found."""
    runs = [home.run() for home in homes]
    shown = [run_of(simulate(run, [(mistake, mistake.layers(run.spec))])) for run in runs]
    findings = diagnose_runs(shown)
    return (findings[0].bug, *findings[0].alike) if len(findings) == 1 else ()
