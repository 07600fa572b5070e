"""What explains the first array of a run that is off, so that the walk comes further:
conventions, mistakes of the catalogue, mistakes in some steps only, constants.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, islice
from typing import TypeAlias

import numpy as np

from parity.mistakes.catalogue.constants import FAMILIES
from parity.mistakes.catalogue.index import CATALOGUE
from parity.mistakes.catalogue.own_constants import GUESSED, OWN
from parity.mistakes.mistake import CONVENTION
from parity.mistakes.search.constants import with_constants
from parity.mistakes.search.judging import Station, distance, explains, plain_numbers
from parity.mistakes.search.replay import Placed, Run
from parity.mistakes.search.scopes import Scope, separating
from parity.mistakes.search.suspects import Program, Suspect, may_explain, placed
from parity.mistakes.search.trials import Trials, remembered

# programs run on plain numbers first, and so many of the nearest are judged with
# bounds, which takes longer. Of 40 single mistakes 16 name all, and 8 lose one; of 50
# pairs (of which all mistakes are named, and no others) 8 name 43, 16 name 44, and 32
# name 45 in a tenth more time
JUDGED_OF_RANKED = 16
# conventions that only together explain one array: a penalty in the cost that is
# divided by n and leaves the biases out
TOGETHER = 3
# scopes that are tried for what is wrong in some steps only
SCOPES = 2

Source: TypeAlias = Callable[[Trials, int, Program], Sequence[Program]]


@remembered
def agreeing(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """Conventions: one, or else some that only together explain the array, or else one
    with a constant of its own.
    """
    ways = sets(trials, number, program)
    if ways or any(each.mistake.verdict != CONVENTION for each in program):
        yield from ways
    else:
        yield from (*_own(trials, number, program), *_guessed(trials, number, program))


@remembered
def _own(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """A convention with a constant of its own, or else one beside another
    convention.
    """
    off = trials.first_off(number, program)
    if off is None or not off.quantity or not trials.catalogue:
        return
    run = trials.runs[number]
    alone = [(each,) for each in with_constants(run, program, off, OWN)]
    ways = [*moving(trials, number, program, alone)]
    yield from ways
    if ways or not _follows_what_is_shown(trials, number, program):
        return
    for way in _single(trials, number, program):
        both = [(*way, each) for each in with_constants(run, program + way, off, OWN)]
        yield from moving(trials, number, program, both)


@remembered
def _guessed(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """Constants that people write, or else with an eps at a place of its own."""
    off = trials.first_off(number, program)
    if off is None or not off.quantity or not trials.catalogue:
        return
    run = trials.runs[number]
    guessed = [
        Suspect(each)
        for each in GUESSED
        if run.layers(each) and may_explain(run, each, off) and Suspect(each) not in program
    ]
    ways = [*explaining(trials, number, program, [(each,) for each in guessed])]
    yield from ways
    if not ways:
        pairs = [(*way, each) for way in _single(trials, number, program) for each in guessed]
        yield from explaining(trials, number, program, pairs)


@remembered
def sets(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """Conventions of the catalogue: one, or two or three that only together explain the
    array.
    """
    ways = _single(trials, number, program)
    single = [each for (each,) in _with_effect(trials, number, program, ways)]
    # where weights are not shown, an array of a later step takes all steps before it
    together = TOGETHER if _follows_what_is_shown(trials, number, program) else 1
    for size in range(1, together + 1):
        groups = [group for group in combinations(single, size) if _is_consistent(group)]
        ways = [*explaining(trials, number, program, groups)]
        if ways:
            yield from ways
            return


def _follows_what_is_shown(trials: Trials, number: int, program: Program) -> bool:
    """Whether the step that is off starts from weights that are given or shown."""
    run, off = trials.runs[number], trials.first_off(number, program)
    return off is not None and (
        not off.step or all(part in run.steps[off.step - 1].arrays for part in run.parts)
    )


def _single(trials: Trials, number: int, program: Program) -> list[Program]:
    off = trials.first_off(number, program)
    if off is None or not off.quantity:
        return []
    return [
        (each,)
        for each in trials.suspects(number, off)
        if each.mistake.verdict == CONVENTION and each not in program
    ]


def _with_effect(
    trials: Trials, number: int, program: Program, ways: Sequence[Program]
) -> Iterator[Program]:
    """The ways that change the array that is off at all, alone or with a penalty: what
    is said of the decay changes a cost with that alone.
    """
    run, off = trials.runs[number], trials.first_off(number, program)
    if off is not None and off.quantity:
        others = placed(run, program)
        without = plain_numbers(run, others, off)
        for way in ways:
            numbers = plain_numbers(run, [*others, *placed(run, way)], off)
            same = numbers is None or without is None or np.array_equal(numbers, without)
            if not same or any("decay" in each.mistake.slots for each in way):
                yield way


def _is_consistent(group: Program) -> bool:
    """Whether no two of them exchange the same equations, as two sums do; but what is
    said of the weight decay adds up.
    """
    slots = [frozenset(each.mistake.slots) for each in group if "decay" not in each.mistake.slots]
    return len(set(slots)) == len(slots)


@remembered
def known(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """One entry of the catalogue, or else conventions that only together explain it."""
    off = trials.first_off(number, program)
    if off is None or not off.quantity:
        return
    single = [(each,) for each in trials.suspects(number, off) if each not in program]
    ways = [*explaining(trials, number, program, single)]
    yield from ways or agreeing(trials, number, program)


@remembered
def scoped(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """A mistake that stands in some of the steps of a run only: not in those before, or
    not in the one that it would spoil.
    """
    off = trials.first_off(number, program)
    if off is None or not off.quantity:
        return
    steps = trials.runs[number].steps
    here, *before = (step.circumstances for step in steps[off.step :: -1])
    for way in known(trials, number, program):
        spoiled = trials.first_off(number, program + way)
        if spoiled is not None and spoiled.step != off.step:
            outside = [*before, steps[spoiled.step].circumstances]
            ways = [within(way, scope) for scope in islice(separating([here], outside), SCOPES)]
            yield from explaining(trials, number, program, ways)
    everywhere = [
        (each,) for each in trials.suspects(number, off) if each.mistake.verdict != CONVENTION
    ]
    for scope in islice(separating([here], before), SCOPES if before else 0):
        ways = [within(way, scope) for way in everywhere]
        yield from explaining(trials, number, program, ways)


@remembered
def unlisted(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """One entry of the catalogue, a mistake with a number in it that only the program
    knows, or one in some of the steps only.
    """
    yield from known(trials, number, program)
    yield from numbered(trials, number, program)
    yield from scoped(trials, number, program)


@remembered
def numbered(trials: Trials, number: int, program: Program) -> Iterator[Program]:
    """A mistake with a number in it that only the program knows."""
    off = trials.first_off(number, program)
    if off is not None and off.quantity and trials.catalogue:
        constant = with_constants(trials.runs[number], program, off, FAMILIES)
        yield from moving(trials, number, program, [(each,) for each in constant])


def within(way: Program, scope: Scope) -> Program:
    """The same mistakes, in the steps of a scope. A convention is followed in all of
    them, or with an optimizer or a loss: else it is none.
    """
    return tuple(
        each
        if each.mistake.verdict == CONVENTION and scope.kind not in ("optimizer", "loss")
        else each._replace(scope=each.scope or scope)
        for each in way
    )


def at_once(trials: Trials, number: int, program: Program) -> list[Program]:
    """Two mistakes that only together explain the first array that is off, as where
    nothing but weights is shown.
    """
    off = trials.first_off(number, program)
    # what shows later only has had a step in which one of them showed alone
    if off is None or not off.quantity or off.step > 0:
        return []
    everywhere = [
        (suspect,)
        for suspect in trials.suspects(number, off)
        if suspect.extent == "everywhere" and suspect.mistake in CATALOGUE
    ]
    single = (each for (each,) in _with_effect(trials, number, program, everywhere))
    pairs = list(combinations(single, 2))
    return [
        pair
        for pair in _near(trials.runs[number], program, off, pairs)
        if trials.first_off(number, program + pair) is None
    ]


def explaining(
    trials: Trials, number: int, program: Program, ways: Sequence[Program]
) -> Iterator[Program]:
    """The ways of which the first array that is off can really come, and with which the
    walk comes further.
    """
    off = trials.first_off(number, program)
    if off is not None:
        yield from moving(trials, number, program, _near(trials.runs[number], program, off, ways))


def moving(
    trials: Trials, number: int, program: Program, ways: Iterable[Program]
) -> Iterator[Program]:
    """The ways with which the walk through the run comes further."""
    here = trials.reached(number, program)  # as many arrays come before the one that is off
    for way in ways:
        extended = program + way
        if trials.first_off(number, extended) is None or trials.reached(number, extended) > here:
            yield way


def _near(run: Run, program: Program, off: Station, ways: Sequence[Program]) -> Iterator[Program]:
    """Of the ways that come nearest to an array those that it can really come of."""
    others = placed(run, program)
    # ways that are the same in this run may part in others
    same: dict[tuple[Placed, ...], list[Program]] = {}
    for way in ways:
        same.setdefault(tuple(placed(run, way)), []).append(way)
    near = {each: distance(run, [*others, *each], off) for each in same}
    for each in sorted(same, key=near.__getitem__)[:JUDGED_OF_RANKED]:
        if near[each] < np.inf and explains(run, [*others, *each], off):
            yield from same[each]
