"""diagnose: which catalogued mistake explains what a program shows.

The programs of the catalogue run beside the one that is shown, in order of computation,
and go on with what is shown in place of what they predict. So no consequence is taken
for the root: a mistake is looked for where the first array cannot be what the program
computes, and with the mistake in place the walk goes on to the next. A mistake that
explains every array of every run is named; where several do, they are named together,
for nothing that was shown can tell them apart.
"""

from collections.abc import Sequence
from dataclasses import replace

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.example.choosing import example_of, example_of_unknown
from parity.mistakes.diagnosis.finding import IMPRECISE, Finding
from parity.mistakes.diagnosis.imprecise import imprecise, of_result
from parity.mistakes.diagnosis.naming import merged, named
from parity.mistakes.diagnosis.unexplained import misshown, unexplained
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import Run, run_of
from parity.mistakes.search.search import Search
from parity.mistakes.search.suspects import Suspect
from parity.proof.certificate import Certificate, certify
from parity.proof.result import Result
from parity.rounding.claim import CONVENTION as OTHER
from parity.rounding.claim import IMPRECISE as AS_A_WHOLE
from parity.rounding.claim import INACCURATE, PASSED
from parity.steps.record import StepRecord
from refnet.equations import EQUATIONS


def diagnose(record: StepRecord | Sequence[StepRecord]) -> list[Finding]:
    """What is wrong with a step, or with the consecutive steps of a run, in order of
    computation; [] where every equation holds.

    Errors: ValueError or TypeError where a record is unusable.
    """
    records = [record] if isinstance(record, StepRecord) else list(record)
    certificates = [
        certify(each, previous) for each, previous in zip(records, [None, *records], strict=False)
    ]
    broken = [result for certificate in certificates for result in certificate.broken]
    lossy = [result for certificate in certificates for result in certificate.imprecise]
    if not (broken or lossy) and _whole(certificates):
        return []
    certified = [
        _certified(result)
        for result in _first_of_each(broken)
        if result.status in (OTHER, INACCURATE) or result.deviation
    ]
    wired = [_miswired(result) for result in broken if result.equation not in EQUATIONS]
    left = [
        result
        for result in broken
        if result.equation in EQUATIONS and result.status == WRONG and not result.deviation
    ]
    searched = diagnose_runs([run_of(records)]) if left or not _whole(certificates) else []
    if left and not searched:
        searched = [_off_by_rounding(left[0])]
    as_a_whole = [of_result(result) for result in _first_of_each(lossy)]
    return list(dict.fromkeys([*wired, *searched, *certified, *as_a_whole]))


def diagnose_runs(
    runs: Sequence[Run],
    conventions: Sequence[str] = (),
    tasks: Sequence[str] = (),
    *,
    explain: bool = False,
    catalogue: bool = True,
) -> list[Finding]:
    """What is wrong with the program that did these runs, in order of computation; []
    where a right program may have done them.

    `conventions` are the ids of conventions that count as right, `tasks` the names of
    the runs, by which a finding says in which of them it stands. To `explain` is to
    work out an example of what is wrong. Without the `catalogue`, none of its entries
    explains anything.

    Errors: ValueError for an id that is not in the catalogue.
    """
    for name in conventions:
        if name not in BY_ID:
            raise ValueError(f"diagnose: convention has {name!r}, expected an id of the catalogue")
    right = tuple(Suspect(BY_ID[name]) for name in conventions)
    search = Search(runs, right, catalogue=catalogue)
    search.walk()
    if search.single:
        return [_SINGLE]
    entries = [
        replace(finding, example=example_of(search, suspect, finding.equation, tasks))
        if explain and finding.verdict == WRONG
        else finding
        for suspect in search.program[len(search.right) :]
        if (finding := named(search, suspect, tasks))
    ]
    unknown = [
        replace(finding, example=example_of_unknown(search, each, runs, tasks))
        if explain and finding.verdict == WRONG
        else finding
        for each in search.unknown
        for finding in [unexplained(search, each, tasks)]
    ]
    findings = [
        *merged(entries),
        *(misshown(each, numbers, tasks) for each, numbers in search.presented),
        *unknown,
    ]
    if not findings:
        findings = imprecise(runs, search.right)
    return sorted(findings, key=lambda finding: ["", *EQUATIONS].index(finding.equation))


def _whole(certificates: Sequence[Certificate]) -> bool:
    """Whether every array was shown and judged."""
    return all(
        certificate.broken or all(r.status in (PASSED, AS_A_WHOLE) for r in certificate.results)
        for certificate in certificates
    )


def _first_of_each(broken: Sequence[Result]) -> list[Result]:
    """The first result with each note on each equation."""
    first: dict[tuple[str, str], Result] = {}
    for result in broken:
        first.setdefault((result.equation, result.note), result)
    return list(first.values())


def _certified(result: Result) -> Finding:
    """Something for which the certificate itself has a name."""
    verdict = {OTHER: CONVENTION, INACCURATE: IMPRECISE}.get(result.status, WRONG)
    got, expected = _numbers(result)
    return Finding(
        "",
        verdict,
        where=result.where,
        got=f"{result.quantity} is {result.note}",
        evidence=(f"{got}, expected {expected}.",) if expected else (),
        measured=(str(result),),
        equation=result.equation,
        layers=_layer_of(result),
    )


def _off_by_rounding(result: Result) -> Finding:
    """An array that no formula of the catalogue explains better than the right one."""
    got, expected = _numbers(result)
    return Finding(
        "",
        IMPRECISE,
        where=result.where,
        got=got,
        expected=expected,
        happens="The formula is right, but it loses more digits than rounding must.",
        measured=(str(result),),
        equation=result.equation,
        layers=_layer_of(result),
    )


def _miswired(result: Result) -> Finding:
    """A step that does not start where the one before it ended, or changed its data."""
    got, expected = _numbers(result)
    return Finding(
        "",
        WRONG,
        where=result.where,
        got=got,
        expected=expected,
        measured=(str(result),),
        layers=_layer_of(result),
    )


def _numbers(result: Result) -> tuple[str, str]:
    """What a result has, and the number that was expected, "" where it is none."""
    if result.got is None:
        return f"{result.quantity} has {result.note}", ""
    return _entry(result.quantity, result.got, result.index), f"{result.expected!r}"


def _entry(quantity: str, number: float | None, index: tuple[int, ...]) -> str:
    at = f"[{', '.join(map(str, index))}]" if index else ""
    return f"{quantity}{at} = {number!r}"


def _layer_of(result: Result) -> tuple[int, ...]:
    return () if result.layer is None else (result.layer,)


_SINGLE = Finding(
    "",
    IMPRECISE,
    where="every equation",
    got="holds to float32's precision",
    expected="float64's",
    happens="Digits are lost, as where numbers go through float32, where a small constant is added "
    "inside a log, or where gradients are differences of the cost.",
)


def vague(runs: Sequence[Run], conventions: Sequence[str] = ()) -> int:
    """How many of the shown arrays cannot be judged: rounding alone may take half of
    their digits.
    """
    right = [Suspect(BY_ID[name]) for name in conventions]
    return sum(
        station.vague
        for run in runs
        for station in judged(run, [suspect.placed(run) for suspect in right])
    )
