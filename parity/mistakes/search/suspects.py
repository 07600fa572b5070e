"""Which mistakes, and in which layers, may explain an array that is off."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

from parity.mistakes.catalogue.factors import FACTORS
from parity.mistakes.catalogue.index import CATALOGUE
from parity.mistakes.catalogue.own_constants import TYPICAL
from parity.mistakes.catalogue.shards import OTHER_SPLITS
from parity.mistakes.catalogue.variants import MOVED, ONE_WAY, SUBSTITUTES, SUMMED, UNFUSED
from parity.mistakes.mistake import CONVENTION, Mistake
from parity.mistakes.search.judging import Station
from parity.mistakes.search.replay import Placed, Run
from parity.mistakes.search.scopes import Scope

ORDER = {mistake.id: i for i, mistake in enumerate(CATALOGUE)}
# the quantity that the function in a slot makes, or has a part in; the update's slots
# are not here
MAKES = {
    "dropped": "a_prev",
    "z": "z",
    "a": "a",
    "C": "loss",
    "P": "loss",
    "cost": "loss",
    "cotangent": "delta",
    "pullback": "delta",
    "BP1": "delta",
    "BP2": "delta",
    "BP3": "db",
    "BP4": "dW",
    "db": "db",
    "dW": "dW",
}
# in order of computation; what is not here belongs to the update, which comes last
WALK = {name: i for i, name in enumerate(("a_prev", "z", "a", "loss", "delta", "db", "dW"))}


class Suspect(NamedTuple):
    """A mistake, and where it is thought to stand: in which of the layers in which it
    can, and in which steps of which networks.
    """

    mistake: Mistake
    extent: str = "everywhere"  # or "last", "below the last", "hidden", "first", "layer 2"
    scope: Scope | None = None  # None for all steps

    def placed(self, run: Run) -> Placed:
        """The mistake, and its layers in the network of a run: none, where it stands in
        none of the steps.
        """
        layers = run.layers(self.mistake)
        if self.extent != "everywhere":
            layers &= _among(self.extent, len(run.spec.sizes) - 1)
        here = Placed(self.mistake, layers, self.scope)
        if self.scope and not any(here.stands_in(step.circumstances) for step in run.steps):
            return here._replace(layers=frozenset())
        return here


@cache
def _among(extent: str, depth: int) -> frozenset[int]:
    """The layers of an extent in a network of so many."""
    named = {"last": {depth}, "hidden": range(1, depth), "first": {1}}
    named["below the last"] = {depth - 1}
    return frozenset(named.get(extent) or {int(extent.partition(" ")[2] or 0)})


Program: TypeAlias = tuple[Suspect, ...]


def placed(run: Run, program: Program) -> list[Placed]:
    """The mistakes of a program in the network of a run."""
    return [suspect.placed(run) for suspect in program]


def suspects(runs: Sequence[Run], number: int) -> Iterator[Suspect]:
    """Every mistake, wherever it can stand in a run."""
    # of those with a constant every member is tried elsewhere
    catalogue = (each for each in CATALOGUE if each.id not in TYPICAL.by_id)
    variants = (*UNFUSED, *SUBSTITUTES, *MOVED, *SUMMED, *ONE_WAY, *OTHER_SPLITS)
    for mistake in (*catalogue, *FACTORS, *variants):
        # in a small network several extents are the same layers
        seen: set[tuple[frozenset[int], ...]] = set()
        # half a convention is a mistake
        for extent in extents(runs[number]) if mistake.verdict != CONVENTION else ("everywhere",):
            suspect = Suspect(mistake, extent)
            layers = tuple(suspect.placed(each).layers for each in runs)
            if layers[number] and layers not in seen:
                seen.add(layers)
                yield suspect


def extents(run: Run) -> tuple[str, ...]:
    """The groups of layers in which a mistake may stand."""
    depth = len(run.spec.sizes) - 1
    return ("everywhere", "last", "hidden", "first", *(f"layer {l}" for l in range(2, depth)))


def may_explain(run: Run, mistake: Mistake, off: Station) -> bool:
    """Whether a mistake may have to do with an array that is off."""
    return not _cannot_be_meant(run, mistake) and any(
        reaches(run, slot, off) for slot in mistake.slots
    )


def unlikeliness(suspect: Suspect) -> tuple[bool, bool, bool, int, int, bool, int, int]:
    """Conventions before mistakes, one without a scope before one with, the catalogue
    before factors, formulas by their edits, short constants before long ones,
    everywhere before somewhere, by the catalogue's order, and what is said in few words
    before what takes many.
    """
    constant = suspect.mistake.constant
    return (
        suspect.mistake.verdict != CONVENTION,
        suspect.scope is not None,
        suspect.mistake not in CATALOGUE,
        suspect.mistake.edits,
        0 if constant is None else len(f"{constant:g}".lstrip("-0.")),
        suspect.extent != "everywhere",
        ORDER.get(suspect.mistake.id, len(ORDER)),
        len(suspect.mistake.formula),
    )


def _cannot_be_meant(run: Run, mistake: Mistake) -> bool:
    """Whether a convention cannot be meant, because a part of it is not shown: the
    loss, to which its gradient would belong, or the weights, where one half of it
    undoes the other in what the update is given.
    """
    if mistake.verdict != CONVENTION:
        return False
    judged = ({*step.arrays} - step.taken for step in run.steps)
    shown = {name for quantities in judged for name, _ in quantities}
    unseen_update = "gradient" in mistake.slots and not shown & {"W", "b"}
    has_cost = bool({"C", "P", "weighing"} & set(mistake.slots))
    return unseen_update or (has_cost and "loss" not in shown)


def reaches(run: Run, slot: str, off: Station) -> bool:
    """Whether what the slot makes is the array that is off, or came before it and is
    not shown: what is shown takes the place of what is made.
    """
    if slot == "weighing":
        return reaches(run, "C", off) or reaches(run, "BP1", off)
    if slot == "decay" and off.quantity in ("loss", "dW", "db"):  # by a penalty
        return True
    if slot == "slope" and off.quantity in ("dW", "db"):
        return True
    quantity = MAKES.get(slot)
    if quantity is None:  # the update, whose W and b the next step starts from
        return slot == "read" or off.step > 0 or off.quantity not in WALK
    comes_later = off.step == 0 and WALK[quantity] > WALK.get(off.quantity, len(WALK))
    return not comes_later and (off.quantity == quantity or not _always_shown(run, quantity))


def _always_shown(run: Run, name: str) -> bool:
    depth = len(run.spec.sizes) - 1
    layers = range(depth if name == "loss" else 1, depth + 1)
    return all((name, l) in step.arrays for step in run.steps for l in layers)
