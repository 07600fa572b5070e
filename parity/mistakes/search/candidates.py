"""The ways to explain a run as a whole: sets of conventions, one mistake, several one
after the other, or two at once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from parity.mistakes.catalogue.index import CATALOGUE
from parity.mistakes.catalogue.own_constants import IN_THE_CODE
from parity.mistakes.mistake import CONVENTION
from parity.mistakes.recovery.source import joined, recovered, twice_edited
from parity.mistakes.search.scopes import separating
from parity.mistakes.search.sources import (
    Source,
    agreeing,
    at_once,
    known,
    numbered,
    scoped,
    unlisted,
    within,
)
from parity.mistakes.search.suspects import Program, unlikeliness
from parity.mistakes.search.trials import Trials

# How these were measured: one to three mistakes drawn from the catalogue are put into a
# probe, and gradients and weights are shown, or weights alone. Counted are the programs
# of which all mistakes are named, and no others.

# mistakes in one run, looked for one after the other. Of 32 pairs and 12 triples a
# depth of 1 names 16, 2 names 28, 3 names 35, and 4 no more
DEPTH = 3
# ways that are followed further at each depth. Of the same 44, 1 names 31, 2 name 34, 4
# name 35, and 8 no more in a sixteenth more time
BEAM = 4


class Candidate(NamedTuple):
    """Mistakes that explain a run, and how many of the runs they explain."""

    added: Program
    explained: int


def candidates(
    trials: Trials, number: int, program: Program, *, conventions: bool = False
) -> list[Candidate]:
    """What explains a run, with what is in the program so far, and spoils none: the
    fewest mistakes, most runs, then the likeliest; or `conventions` alone.

    A program that is right by other conventions is never called wrong, so sets of
    conventions come first; what no catalogue has, constants and mistakes that stand in
    some steps only, comes last.
    """
    for explaining in WAYS[:1] if conventions else WAYS:
        kept = [*_harmless(trials, number, program, explaining(trials, number, program))]
        if kept:
            best = _in_order(trials, program, kept)
            if explaining in CATALOGUED:
                best = _more_of_them(trials, number, program, best)
            return [*best, *_as_likely(trials, number, program, best[0])]
    return []


def _more_of_them(
    trials: Trials, number: int, program: Program, best: list[Candidate]
) -> list[Candidate]:
    """One formula, where it explains more runs than mistakes that leave the same
    quantity unexplained in others, which no other entry explains; or as many as several
    factors, or as one that needs a scope.
    """
    added = best[0].added
    named = all(each.mistake in CATALOGUE for each in added)
    quantity = {each.quantity for each in [trials.first_off(number, program)] if each}
    off = trials.off(program + added)
    left = [i for i, station in off.items() if station.quantity in quantity]
    scoped = any(each.scope for each in added)
    simple = named or (len(added) == 1 and not scoped)
    if (simple and not left) or (
        named and not scoped and _has_names(trials, left, program + added)
    ):
        return best
    ways = [*_harmless(trials, number, program, recovered(trials, number, program))]
    others = _in_order(trials, program, ways) if ways else []
    if not others or others[0].explained < best[0].explained:
        return best
    tie = others[0].explained == best[0].explained
    return best if tie and (simple or any(each.scope for each in others[0].added)) else others


def _has_names(trials: Trials, numbers: Iterable[int], program: Program) -> bool:
    """Whether entries of the catalogue explain what is off in one of these runs."""
    ways = (way for i in numbers for way in known(trials, i, program))
    return any(all(each.mistake in CATALOGUE for each in way) for way in ways)


def _as_likely(
    trials: Trials, number: int, program: Program, best: Candidate
) -> Iterator[Candidate]:
    """Mistakes of the catalogue that explain as much as constants in the code do: a
    tiny eps cannot be told from none.
    """
    if [each.mistake.id for each in best.added] == [IN_THE_CODE]:
        for way in _harmless(trials, number, program, known(trials, number, program)):
            if len(way) == 1 and trials.explained(program + way) == best.explained:
                yield Candidate(way, best.explained)


def _in_order(trials: Trials, program: Program, ways: Sequence[Program]) -> list[Candidate]:
    def mistakes(way: Program) -> tuple[int, int]:
        return sum(each.mistake.verdict != CONVENTION for each in way), len(way)

    fewest = min(map(mistakes, ways))
    best = [way for way in ways if mistakes(way) == fewest]
    return sorted(
        (Candidate(way, trials.explained(program + way)) for way in best),
        key=lambda each: (-each.explained, *map(unlikeliness, each.added)),
    )


def _harmless(
    trials: Trials, number: int, program: Program, ways: Iterable[Program]
) -> Iterator[Program]:
    """The ways that spoil no run that is explained already; what would spoil some is
    kept to the steps that are unlike theirs.
    """
    explained = [i for i in range(len(trials.runs)) if trials.first_off(i, program) is None]
    here = trials.first_off(number, program)
    for way in ways:
        off = {i: trials.first_off(i, program + way) for i in explained}
        spoiled = {i: station for i, station in off.items() if station is not None}
        if not spoiled:
            yield way
        elif here is not None:
            inside = [trials.runs[number].steps[here.step].circumstances]
            outside = [trials.runs[i].steps[each.step].circumstances for i, each in spoiled.items()]
            narrower = (within(way, scope) for scope in separating(inside, outside))
            runs = [number, *explained]
            yield from (
                each
                for each in narrower
                if all(trials.first_off(i, program + each) is None for i in runs)
            )


# several, one after the other

Explaining: TypeAlias = Callable[[Trials, int, Program], list[Program]]


def _one_by_one(source: Source, depth: int = DEPTH, beam: int = BEAM) -> Explaining:
    """What each explains the first array that is off and so lets the walk go on, until
    it comes to the end: so many at most.
    """

    def explaining(trials: Trials, number: int, program: Program) -> list[Program]:
        for paths in _paths(trials, number, program, source, depth, beam):
            done = [path for path in paths if trials.first_off(number, program + path) is None]
            likely = [way for way in done if _is_no_chance(trials, number, program, way)]
            if likely:
                return likely
        return []

    return explaining


def _paths(
    trials: Trials,
    number: int,
    program: Program,
    source: Source,
    depth: int = DEPTH,
    beam: int = BEAM,
) -> Iterator[list[Program]]:
    """One step of the walk, two, three, each further than the one before; those that
    come furthest go on.
    """

    def shortfall(path: Program) -> tuple[int, int]:
        extended = program + path
        return -trials.reached(number, extended), -trials.reached_in_all(extended)

    paths: list[Program] = [()]
    for _ in range(depth):
        if len(paths) > beam:
            far = sorted(trials.reached(number, program + path) for path in paths)[-beam]
            paths = [path for path in paths if trials.reached(number, program + path) >= far]
            paths = sorted(paths, key=shortfall)[:beam] if len(paths) > beam else paths
        paths = [path + way for path in paths for way in source(trials, number, program + path)]
        yield paths


def _is_no_chance(trials: Trials, number: int, program: Program, way: Program) -> bool:
    """Whether numbers that were read off one run are those of others too, where there
    are others that are off.
    """
    if not any(each.mistake.constant is not None for each in way):
        return True
    others = [
        i
        for i in trials.off(program)
        if i != number and all(each.placed(trials.runs[i]).layers for each in way)
    ]
    return not others or any(trials.first_off(i, program + way) is None for i in others)


def furthest(trials: Trials, number: int, program: Program) -> Program:
    """The program with the mistakes of the catalogue with which a run comes furthest,
    though not to its end.
    """
    paths = [
        program + path
        for paths in _paths(trials, number, program, known)
        for path in paths
        if trials.first_off(number, program + path) is not None
    ]
    return max(paths, key=lambda path: trials.reached(number, path), default=program)


def _numbered_or_recovered(trials: Trials, number: int, program: Program) -> list[Program]:
    """A number of a catalogued mistake, and formulas: what explains more is said."""
    return [*numbered(trials, number, program), *recovered(trials, number, program)]


def _named_or_recovered(trials: Trials, number: int, program: Program) -> list[Program]:
    """An entry of the catalogue, or else a formula."""
    return known(trials, number, program) or recovered(trials, number, program)


CATALOGUED = (_one_by_one(known, 1), _one_by_one(scoped, 1), _one_by_one(known))
WAYS: tuple[Explaining, ...] = (
    _one_by_one(agreeing),
    *CATALOGUED,
    _one_by_one(_numbered_or_recovered, 1),
    _one_by_one(joined, 1),
    at_once,
    _one_by_one(_named_or_recovered, 3, 2),
    _one_by_one(twice_edited, 1),
    _one_by_one(unlisted, 2),
)
