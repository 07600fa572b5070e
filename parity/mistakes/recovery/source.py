"""What explains the first array of a run that is off where the catalogue does not: a
formula of the grammar.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, product

from parity.mistakes.mistake import Mistake
from parity.mistakes.recovery.expression import subtrees
from parity.mistakes.recovery.fitting import Target
from parity.mistakes.recovery.formula import LABELS, Formula, Recovered
from parity.mistakes.recovery.parts import UPDATE
from parity.mistakes.recovery.places import Grown, places
from parity.mistakes.recovery.proposals import double, single
from parity.mistakes.recovery.right import key_of
from parity.mistakes.recovery.together import together
from parity.mistakes.search.judging import Station, judged
from parity.mistakes.search.presentation import presented
from parity.mistakes.search.replay import Run
from parity.mistakes.search.suspects import Program, Suspect, extents, placed, reaches
from parity.mistakes.search.trials import Nearest, Trials, remembered

# other arrays that a formula is tried on, before it is judged in all runs
WITNESSES = 4
SAME_RUN = 2  # of them, of other layers and steps of the same run
# what stands for the outputs in losses of logits
OF_LOGITS = ("softmax", "sigmoid")
# formulas that take as long to try as one to judge in all runs
TO_JUDGE = 1000
Way = Callable[[Target, Sequence[Target], Sequence[Grown]], Iterator[list[Formula]]]


@remembered
def recovered(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """A formula one edit from the right one."""
    yield from _ways(trials, number, program, single)


@remembered
def twice_edited(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """A formula two edits from the right one."""
    yield from _ways(trials, number, program, double)


@remembered
def joined(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """Formulas in several slots of an update."""
    yield from _ways(trials, number, program, together)


def _ways(trials: Trials, number: int, program: Program, way: Way) -> Iterator[Program]:
    off = trials.first_off(number, program)
    run = trials.runs[number]
    if off is None or not off.quantity or not _is_comparable(run, off):
        return
    if any(presented(trials, number, program)):
        return  # right, but shown as something else
    target = Target(run, placed(run, program), off, trials.effort)
    unspoiled = Target(run, [], off, trials.effort)
    if unspoiled.leaves(unspoiled.right) <= unspoiled.tolerance:
        return  # a formula would only undo one that is in the program
    slots = [slot for slot in LABELS if _may_be_in(run, slot, off)]
    witnesses = [*_witnesses(trials, number, program, off)]
    grown = [*places(target, slots)]
    for formulas in chain([same_as_before(target, program)], way(target, witnesses, grown)):
        beside = Nearest(target.nearest / (target.size or 1.0), target.tried, off)
        stands = False
        for formula in formulas:
            added = _standing(trials, number, program, formula, beside)
            if added is not None:
                yield added
                if not trials.off(program + added):
                    return  # what is further from the right one has nothing left to explain
                stands |= all(_fitness(trials, program, added)[:2])
        if stands:
            return


def same_as_before(target: Target, program: Program) -> list[Formula]:
    """The formulas that are in the program for another activation, loss or rule, and
    give this array too: a mistake that is made twice is one.
    """
    before = dict.fromkeys(
        each.mistake.of for each in program if isinstance(each.mistake, Recovered)
    )
    here = (_of(target, formula) for formula in before if formula and _is_general(formula))
    return [each for each in here if each not in before and target.comes_of(each)]


def _is_general(formula: Formula) -> bool:
    """Whether nothing in it is of a loss of logits alone."""
    return not any(part.op in OF_LOGITS for _, new in formula.edits for part in subtrees(new))


def _of(target: Target, formula: Formula) -> Formula:
    """The same formula of the activation, the loss or the rule that an array is of."""
    key = key_of(formula.slot, target.spec, target.off.layer)
    beside = tuple(_of(target, each) for each in formula.beside)
    width = len(key) if formula.key is None else len(formula.key)
    return replace(formula, key=key[:width], part="", beside=beside)


def _may_be_in(run: Run, slot: str, off: Station) -> bool:
    """Whether the array may be off for another formula in this slot."""
    if slot == "C":
        return off.quantity == "loss"
    gradient = f"d{off.quantity}", off.layer
    if slot not in UPDATE and gradient in run.steps[off.step].arrays:
        return False
    return reaches(run, slot, off)


def _is_comparable(run: Run, off: Station) -> bool:
    return off.shape is None and off.where in run.steps[off.step].arrays


def _witnesses(trials: Trials, number: int, program: Program, off: Station) -> Iterator[Target]:
    """Arrays of other layers, steps and runs where the same quantity is the first to be
    off.
    """
    run = trials.runs[number]
    others = placed(run, program)
    later = [
        Target(run, others, station, trials.effort)
        for station in judged(run, others, whole=True)
        if (station.step, station.where) != (off.step, off.where) and _is_like(run, station, off)
    ]
    elsewhere = [
        Target(trials.runs[i], placed(trials.runs[i], program), station, trials.effort)
        for i, station in trials.off(program).items()
        if i != number and _is_like(trials.runs[i], station, off)
    ]
    # those of the same kind first, which have the same formulas
    elsewhere.sort(key=lambda each: _kind(each.run) != _kind(run))
    yield from [*later[-SAME_RUN:], *elsewhere][:WITNESSES]


def _is_like(run: Run, station: Station, off: Station) -> bool:
    same = station.off and station.quantity == off.quantity
    return same and _is_comparable(run, station)


def _kind(run: Run) -> tuple[object, ...]:
    return run.spec.loss, run.spec.optimizer, run.spec.activations[-1][0]


def _standing(
    trials: Trials, number: int, program: Program, formula: Formula, beside: Nearest
) -> Program | None:
    """Where the formula may stand, so that the walk comes further: in all layers, or in
    some; of all activations, losses or rules that have its parts, or of this one; for W
    and b, or for one of them.
    """
    quantity = beside.station.quantity
    parts = ("", quantity) if formula.slot in UPDATE and quantity in ("W", "b") else ("",)
    standing: dict[Program, tuple[int, ...]] = {}
    narrow, wider = formula.key, formula.key and formula.key[:1]
    # whatever the settings of a rule, or the activation that a loss stands with
    keys = dict.fromkeys((wider, narrow, None))
    for part, key in product(parts, keys):
        if not trials.effort.takes(TO_JUDGE):
            break
        mistake = replace(formula, key=key, part=part).mistake
        added = _where_it_stands(trials, number, program, mistake)
        if added is not None:
            standing[added] = _fitness(trials, program, added)
            trials.effort.beside[mistake] = beside
        if key is None and _is_of_both(trials, number, program, standing):
            break
    # of those that explain the same, that of the fewest networks
    return max(standing, key=standing.__getitem__, default=None)


def _is_of_both(trials: Trials, number: int, program: Program, standing: Iterable[Program]) -> bool:
    """Whether a formula is true of W and b: then it is not said of one of them."""
    for added in standing:
        off = trials.first_off(number, program + added)
        here = trials.first_off(number, program)
        if off is None or here is None or off.step > here.step:
            return True
    return False


def _fitness(trials: Trials, program: Program, added: Program) -> tuple[int, ...]:
    """How well a formula stands in all runs, what counts most first: whether it spoils
    none, explains each array that it changes, and stands in all layers that it can; and
    how far the walks come.
    """
    extended = program + added
    return (
        _spoils_none(trials, program, extended),
        not any(_is_refuted(trials, i, program, extended) for i in trials.off(program)),
        all(each.extent == "everywhere" for each in added),
        trials.reached_in_all(extended),
    )


def _is_refuted(trials: Trials, i: int, program: Program, extended: Program) -> bool:
    """Whether the first array of a run that is off is another one with the formula, but
    off all the same.
    """
    before, after = trials.first_off(i, program), trials.first_off(i, extended)
    if before is None or after is None or before[:3] != after[:3]:
        return False
    return before.gap != after.gap


def _spoils_none(trials: Trials, program: Program, extended: Program) -> bool:
    off = trials.off(program)
    explained = (i for i in range(len(trials.runs)) if i not in off)
    return all(trials.first_off(i, extended) is None for i in explained)


def _where_it_stands(
    trials: Trials, number: int, program: Program, mistake: Mistake
) -> Program | None:
    """The mistake in the layers with which the walk through the run comes further, and
    through no other comes less far; of several groups one that spoils no run, and then
    the one with which the walks come furthest.
    """
    standing: dict[Program, tuple[int, ...]] = {}
    seen: set[tuple[frozenset[int], ...]] = set()
    off = [i for i in trials.off(program) if i != number]
    for extent in (*extents(trials.runs[number]), "below the last"):
        suspect = Suspect(mistake, extent)
        layers = tuple(suspect.placed(run).layers for run in trials.runs)
        if not layers[number] or layers in seen:
            continue
        seen.add(layers)
        extended = (*program, suspect)
        comes_further = trials.first_off(number, extended) is None or (
            trials.reached(number, extended) > trials.reached(number, program)
        )
        if comes_further and not any(_comes_less_far(trials, i, program, extended) for i in off):
            standing[suspect,] = _fitness(trials, program, (suspect,))
            if all(standing[suspect,][:3]):
                break
    return max(standing, key=standing.__getitem__, default=None)


def _comes_less_far(trials: Trials, i: int, program: Program, extended: Program) -> bool:
    explained = trials.first_off(i, extended) is None
    return not explained and trials.reached(i, extended) < trials.reached(i, program)
