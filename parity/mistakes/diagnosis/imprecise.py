"""What is right as far as the worst case of rounding can tell, and has lost digits all
the same: the arrays of long sums, judged as a whole.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile

import numpy as np

from parity.mistakes.catalogue.precision import PRECISION
from parity.mistakes.catalogue.variants import ONE_WAY
from parity.mistakes.diagnosis.finding import IMPRECISE, Finding
from parity.mistakes.mistake import Mistake
from parity.mistakes.search.judging import judged, plain_numbers
from parity.mistakes.search.replay import Run, records_of
from parity.mistakes.search.suspects import Program, Suspect, placed
from parity.proof.certificate import judge
from parity.proof.result import Result
from parity.proof.statements import statements
from parity.rounding.claim import IMPRECISE as AS_A_WHOLE
from parity.rounding.independent import CHANCE, FEW, ORDERS, chance, distinct
from refnet.checks import Array
from refnet.equations import EQUATIONS

HAPPENS = "It is within the worst case of rounding, but more digits are lost than need be."
# where a certificate's bound is broken, and that of a check is not
BROKEN = "More digits are lost than rounding must lose."


def imprecise(runs: Sequence[Run], right: Program) -> list[Finding]:
    """The losses of digits that only whole arrays show: by the equations of what is
    shown, or else by what the catalogue's coarser factors make of it.
    """
    wide = [run for run in runs if _is_wide(run)]
    results = [result for run in wide for result in _results(run)]
    # of each equation and layer the first, or the first whose factors are named
    results.sort(key=lambda result: not result.factors)
    first = {(result.equation, result.layer): result for result in reversed(results)}
    if first:
        return [of_result(result) for result in first.values()]
    mistake = _coarser(wide, right)
    return [] if mistake is None else [_of_mistake(mistake)]


def of_result(result: Result) -> Finding:
    """The finding for an array that the certificate calls imprecise, or that coarser
    factors make.
    """
    return Finding(
        "",
        IMPRECISE,
        where=result.where,
        got=f"{result.quantity} is {result.note}",
        happens=BROKEN if result.broken else HAPPENS,
        measured=(str(result),),
        equation=result.equation,
        layers=() if result.layer is None else (result.layer,),
    )


def _of_mistake(mistake: Mistake) -> Finding:
    return Finding(
        mistake.id,
        IMPRECISE,
        where="every product of matrices",
        formula=mistake.formula,
        expected=EQUATIONS[mistake.equation].formula,
        happens=f"{mistake.happens} {HAPPENS}",
        why=mistake.why,
        equation=mistake.equation,
    )


def _is_wide(run: Run) -> bool:
    """Whether some sum has so many terms that its worst case is not a likely one."""
    return max(*run.spec.sizes, *(len(step.x) for step in run.steps)) > FEW


def _results(run: Run) -> Iterator[Result]:
    for record in records_of(run):
        for statement in takewhile(lambda each: each.equation != "step", statements(record)):
            result = judge(statement)
            if result.status == AS_A_WHOLE or result.factors:
                yield result


def _coarser(runs: Sequence[Run], right: Program) -> Mistake | None:
    """The entry with coarser factors that comes nearer to what is shown than the right
    program does, by more than chance.
    """
    mistakes = [*PRECISION.by_id.values(), *ONE_WAY]
    programs = [right, *((*right, Suspect(each)) for each in mistakes)]
    compared = [each for run in runs for each in _compared(run, programs)]
    if not compared:
        return None
    error, *others = (np.concatenate(parts) for parts in zip(*compared, strict=True))
    left = [float(np.linalg.norm(error - other)) for other in others]
    number = int(np.argmin(left))
    goes_along = chance(error, others[number]) < CHANCE
    explains = ORDERS * left[number] <= float(np.linalg.norm(error))
    return mistakes[number] if goes_along and explains else None


def _compared(run: Run, programs: Sequence[Program]) -> Iterator[list[Array]]:
    """Of each array, as shares of its largest entry, how far it is from what the first
    program makes of all the others, and how far what the other programs make is.
    """
    for station in judged(run, placed(run, programs[0]), whole=True):
        got = run.steps[station.step].arrays[station.where]
        by_program = (plain_numbers(run, placed(run, each), station) for each in programs)
        arrays = [array for array in by_program if array is not None]
        if np.isfinite(got).all() and len(arrays) == len(programs):
            expected, *others = arrays
            scale = np.abs(expected).max(initial=0.0) or 1.0
            kept = distinct(got)
            yield [((array - expected) / scale)[kept] for array in (got, *others)]
