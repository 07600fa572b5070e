"""The formulas of which an array that is off can come: one edit from the right one, one
number that only the program knows, or two edits.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from parity.mistakes.recovery.edits import Edit, edited, from_right
from parity.mistakes.recovery.expression import Expression, count, node, subtrees
from parity.mistakes.recovery.fitting import FREE, Target
from parity.mistakes.recovery.formula import Formula
from parity.mistakes.recovery.places import Grown, changed, places
from parity.mistakes.recovery.solving import solved_for, with_numbers
from refnet.checks import Array

# formulas that fit, of which so many are judged with bounds
JUDGED = 5
OF_A_KIND = 2  # at first
# and so many of the nearest to the right one tried on other arrays before
TRIED_ON_WITNESSES = 200
# what an edit of the whole costs at most, so that there is no need of others
SHORT = 2
# second edits that are tried in each place
PAIRS = 6000


def single(
    target: Target, witnesses: Sequence[Target], grown: Sequence[Grown]
) -> Iterator[list[Formula]]:
    """The formulas one edit from the right one, or with one number of the program's
    own, that give the array; the nearest to the right one first. Where some fit all
    witnesses, they come before others are tried, which may not be needed.
    """
    # what is tried quickly first
    quick = [each for each in grown if target.is_quick(each.place.slot)]
    slow = [each for each in grown if each not in quick]
    whole = [each for each in quick if each.form < 0]
    fitting: list[Formula] = []
    for stage, most in (
        ([(with_numbers, whole), (_edited, quick)], SHORT),
        ([(with_numbers, [each for each in quick if each.form >= 0])], np.inf),
        ([(_edited, slow)], np.inf),
        ([(with_numbers, slow)], np.inf),
    ):
        for way, some in stage:
            for each in some:
                fitting += way(target, witnesses, each)
        if _is_settled(fitting, witnesses, most):
            yield ranked(fitting, witnesses)
            fitting = []
    yield ranked(fitting, witnesses)


def _is_settled(fitting: Sequence[Formula], witnesses: Sequence[Target], most: float) -> bool:
    """Whether one of the nearest formulas, which costs at most so much, fits all
    witnesses, of which there are some.
    """
    nearest = sorted(fitting, key=lambda each: each.cost)[:JUDGED]
    nearest = [each for each in nearest if each.cost <= most]
    return bool(witnesses) and any(
        all(_fits(formula, witness) for witness in witnesses) for formula in nearest
    )


def double(
    target: Target, witnesses: Sequence[Target], grown: Sequence[Grown]
) -> Iterator[list[Formula]]:
    """The formulas two edits from the right one, or one and a factor; where some are
    tried quickly, no others.
    """
    fitting: list[Formula] = []
    quick = [each for each in grown if target.is_quick(each.place.slot)]
    for each in quick or grown:
        fitting += _edited_twice(target, witnesses, each)
    yield ranked(fitting, witnesses)


def simplest(target: Target, steps: Iterable[Grown]) -> Iterator[Formula]:
    """The formulas with the simplest edits alone, or with a number times the whole or a
    term beside it.
    """
    for grown in steps:
        for edit, tree in from_right(grown.tree, grown.parts, grown.others):
            if edit.cost <= 1 and target.gives(grown.place, tree):
                yield changed(grown, [edit])
        if grown.form < 0:
            yield from with_numbers(target, [], grown)


def _edited(target: Target, witnesses: Sequence[Target], grown: Grown) -> Iterator[Formula]:
    for edit, tree in from_right(grown.tree, grown.parts, grown.others):
        if target.gives(grown.place, tree):
            yield changed(grown, [edit])


def _edited_twice(target: Target, witnesses: Sequence[Target], grown: Grown) -> Iterator[Formula]:
    left = PAIRS // (1 if target.is_quick(grown.place.slot) else target.replayed)
    arrays = []
    for first, tree in from_right(grown.tree, grown.parts, grown.others):
        array = target.array(grown.place, tree)
        fits_shape = array is not None and array.shape == target.got.shape
        arrays.append((first, tree, array if fits_shape else None))
    for first, tree, array in arrays:
        if array is not None and _is_multiple(target, array):
            yield from _times_a_number(target, witnesses, grown, first, tree)
    firsts = [(first, tree, array is not None) for first, tree, array in arrays if first.cost == 1]
    for most, some in ((1, firsts), (2, [each for each in firsts if each[2]])):
        for first, tree, _ in some:
            for second, whole in edited(tree, grown.parts, most):
                left -= 1
                if left <= 0:
                    return
                if target.gives(grown.place, whole):
                    yield changed(grown, [first, second])


@np.errstate(all="ignore")
def _is_multiple(target: Target, array: Array) -> bool:
    """Whether the array that is shown is one number times this one."""
    change, got = array - target.before, target.got - target.before
    size = float((change * change).sum())
    if not size or not np.ptp(array):  # equal numbers say nothing
        return False
    c = float((change * got).sum()) / size
    return bool(np.abs(got - c * change).max() <= target.tolerance) and abs(c) > 1e-9


def _times_a_number(
    target: Target,
    witnesses: Sequence[Target],
    grown: Grown,
    first: Edit,
    tree: Expression,
) -> Iterator[Formula]:
    root = tree
    if grown.place.slot == "step" and tree.op == "-":
        root = tree.parts[1]
    if count(tree, root) == 1:
        edit = Edit(root, node("*", root, FREE), 2)
        yield from solved_for(target, witnesses, grown, [first], edit, (1.0, 1.01))


def ranked(fitting: Sequence[Formula], witnesses: Sequence[Target]) -> list[Formula]:
    """The formulas that fit most witnesses, of those the nearest to the right one."""
    nearest = sorted(dict.fromkeys(fitting), key=_simplicity)
    nearest = nearest[:TRIED_ON_WITNESSES]
    fits = {each: sum(_fits(each, witness) for witness in witnesses) for each in nearest}
    best = sorted(nearest, key=lambda each: (-fits[each], each.cost))
    return [*_of_all_kinds(best)][:JUDGED]


def _of_all_kinds(best: Sequence[Formula]) -> Iterator[Formula]:
    """The first few of each slot, and the others after them: where one does not stand,
    all that say the same do not.
    """
    seen: Counter[object] = Counter()
    later = []
    for formula in best:
        kind = formula.slot, formula.key
        seen[kind] += 1
        if seen[kind] <= OF_A_KIND:
            yield formula
        else:
            later.append(formula)
    yield from later


def _simplicity(formula: Formula) -> tuple[int, bool, int]:
    """What a program has at hand before a number of its own, what is short before what
    is long.
    """
    length = sum(1 for _, new in formula.edits for _ in subtrees(new))
    return formula.cost, formula.constant is not None, length


def _fits(formula: Formula, witness: Target) -> bool:
    if formula.beside:
        return witness.comes_of(formula)
    for grown in places(witness, [formula.slot]):
        tree = formula.tree(grown.place.key) if grown.form == formula.form else None
        if tree is not None and witness.gives(grown.place, tree):
            return True
    return False
