"""Which mistakes, and in which layers, may explain an array that is off."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from parity.mistakes.catalogue.index import CATALOGUE, FACTORS
from parity.mistakes.mistake import CONVENTION, Mistake
from parity.mistakes.search.judging import Station
from parity.mistakes.search.replay import Placed, Run

ORDER = {mistake.id: i for i, mistake in enumerate(CATALOGUE)}
# the quantity that the function in a slot makes, or has a part in; the update's slots
# are not here
MAKES = {
    "z": "z",
    "a": "a",
    "C": "loss",
    "cotangent": "delta",
    "pullback": "delta",
    "BP1": "delta",
    "BP2": "delta",
    "BP3": "db",
    "BP4": "dW",
}
# in order of computation; what is not here belongs to the update, which comes last
WALK = {name: i for i, name in enumerate(("z", "a", "loss", "delta", "db", "dW"))}


class Suspect(NamedTuple):
    """A mistake, and where it is thought to stand: in which of the layers in which it
    can, and in the networks of which optimizer or loss.
    """

    mistake: Mistake
    extent: str = "everywhere"  # or "last", "hidden", "first", "layer 2"
    # None for all networks, or those with this ("optimizer", name) or ("loss", name)
    scope: tuple[str, str] | None = None

    def placed(self, run: Run) -> Placed:
        """The mistake, and its layers in the network of a run."""
        depth = len(run.spec.sizes) - 1
        here = self.scope is None or getattr(run.spec, self.scope[0]) == self.scope[1]
        layers = run.layers(self.mistake) if here else frozenset()
        among = {
            "everywhere": layers,
            "last": {depth},
            "hidden": set(range(1, depth)),
            "first": {1},
        }
        return self.mistake, layers & frozenset(
            among.get(self.extent) or {int(self.extent.partition(" ")[2] or 0)}
        )


Program: TypeAlias = tuple[Suspect, ...]


def placed(run: Run, program: Program) -> list[Placed]:
    """The mistakes of a program in the network of a run."""
    return [suspect.placed(run) for suspect in program]


def suspects(runs: Sequence[Run], number: int, off: Station) -> Iterator[Suspect]:
    """Every mistake, wherever it can stand, that may have to do with the array of a run
    that is off.
    """
    run = runs[number]
    depth = len(run.spec.sizes) - 1
    extents = ("everywhere", "last", "hidden", "first", *(f"layer {l}" for l in range(2, depth)))
    for mistake in (*CATALOGUE, *FACTORS):
        if _cannot_be_meant(run, mistake) or not any(
            _reaches(run, slot, off) for slot in mistake.slots
        ):
            continue
        # in a small network several extents are the same layers
        seen: set[tuple[frozenset[int], ...]] = set()
        # half a convention is a mistake
        for extent in extents if mistake.verdict != CONVENTION else extents[:1]:
            suspect = Suspect(mistake, extent)
            layers = tuple(suspect.placed(each)[1] for each in runs)
            if layers[number] and layers not in seen:
                seen.add(layers)
                yield suspect


def unlikeliness(suspect: Suspect) -> tuple[bool, bool, bool, int]:
    """Conventions before mistakes, the catalogue before factors, everywhere before
    somewhere, and by the catalogue's order.
    """
    return (
        suspect.mistake.verdict != CONVENTION,
        suspect.mistake not in CATALOGUE,
        suspect.extent != "everywhere",
        ORDER.get(suspect.mistake.id, len(ORDER)),
    )


def _cannot_be_meant(run: Run, mistake: Mistake) -> bool:
    """Whether a convention cannot be meant: one half of it stands in the update, and no
    weights are shown that could show that half.
    """
    return (
        mistake.verdict == CONVENTION
        and any(slot not in MAKES for slot in mistake.slots)
        and not any(name in ("W", "b") for step in run.steps for name, _ in step.arrays)
    )


def _reaches(run: Run, slot: str, off: Station) -> bool:
    """Whether what the slot makes is the array that is off, or came before it and is
    not shown: what is shown takes the place of what is made.
    """
    quantity = MAKES.get(slot)
    if quantity is None:  # the update, whose W and b the next step starts from
        return slot == "read" or off.step > 0 or off.quantity not in WALK
    comes_later = off.step == 0 and WALK[quantity] > WALK.get(off.quantity, len(WALK))
    return not comes_later and (off.quantity == quantity or not _always_shown(run, quantity))


def _always_shown(run: Run, name: str) -> bool:
    depth = len(run.spec.sizes) - 1
    layers = range(depth if name == "loss" else 1, depth + 1)
    return all((name, l) in step.arrays for step in run.steps for l in layers)
