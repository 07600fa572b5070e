"""A mistake: a wrong form of one or more equations, written once, with the words that
explain it.

The wrong form is a function of numbers of any kind. On plain numbers it is somebody's
broken program; on bounded ones it says which results that program can have.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from parity.mistakes.conditions import Place, anywhere, both, has_biases, is_hidden, is_last
from parity.mistakes.slots import Numbers, Slot
from parity.steps.record import Spec

# (step, layer or part, ..., right) to what the slot returns; right() is the right one
Wrong: TypeAlias = Callable[..., Numbers]
WRONG, CONVENTION = "wrong", "convention"
# what the file of a program without biases declares
NO_BIASES = "bias = False"


@dataclass(frozen=True, eq=False)
class Mistake:
    """An entry of the catalogue.

    `equation` is the label of the equation that it breaks, `formula` the wrong form as
    text, `happens` and `why` one sentence each for a student. `slots` are the functions
    of a step that it replaces, and `stands` says in which layers of a network it can
    occur. `hidden` names the conditions under which it cannot be seen. `verdict` is
    "wrong", or "convention": right by another convention than PyTorch's.

    A program may say that it means it. `declarable` is whether its id may then stand
    among the conventions that a file declares: every convention may, and what is wrong
    unless it is meant. `declare` is what a file declares where that is not the id.
    `acts_last` marks what is made of the results of all other mistakes, `of_weights`
    what nobody sees without weights of rows or settings of the loss.
    `edits` is how far a formula that no catalogue has is from the right one.
    `constant` is the number in it that was read off a program, None where it has none.
    """

    id: str
    equation: str
    formula: str
    happens: str
    why: str
    slots: Mapping[str, Wrong] = field(repr=False)
    stands: Place = field(repr=False)
    hidden: tuple[str, ...] = ()
    verdict: str = WRONG
    declarable: bool = False
    declare: str = ""
    acts_last: bool = False
    of_weights: bool = False
    constant: float | None = None
    edits: int = 0

    def __post_init__(self) -> None:
        """Let every convention be declared."""
        object.__setattr__(self, "declarable", self.declarable or self.verdict == CONVENTION)

    @property
    def if_meant(self) -> str:
        """The line that a file declares if this is meant; "" where it cannot be."""
        own = f"conventions = ({self.id!r},)" if self.declarable else ""
        return self.declare or own

    @property
    def summary(self) -> str:
        """The entry on one line: its id, and the formula that it has."""
        kind = " (convention)" if self.verdict == CONVENTION else ""
        return f"{self.id}{kind}: {self.formula}"

    @property
    def unseen(self) -> str:
        """Where it cannot be seen, as a sentence; "" where it always can."""
        return f"It cannot be seen with {' or with '.join(self.hidden)}." if self.hidden else ""

    def lines(self) -> list[str]:
        """The entry as it is read."""
        kind = "  (a convention)" if self.verdict == CONVENTION else ""
        return [
            f"{self.id}{kind}",
            f"  {self.equation}: {self.formula}",
            *(f"  {text}" for text in (self.happens, self.why, self.unseen) if text),
        ]

    def layers(self, spec: Spec) -> frozenset[int]:
        """The layers of this network in which it can occur."""
        last = len(spec.sizes) - 1
        return frozenset(l for l in range(1, last + 1) if self.stands(spec, l))


class Catalogue:
    """Mistakes by id, in order: those of other catalogues, and those that are added."""

    def __init__(self, *others: "Catalogue") -> None:
        self.by_id: dict[str, Mistake] = {}
        for other in others:
            for mistake in other.by_id.values():
                self.enter(mistake)

    def enter(self, mistake: Mistake) -> None:
        """Enter one mistake.

        Errors: ValueError for an id that is already in use.
        """
        if mistake.id in self.by_id:
            raise ValueError(f"catalogue: id {mistake.id!r} is already in use, expected a new one")
        self.by_id[mistake.id] = mistake

    def add(
        self,
        *,
        id: str,  # noqa: A002 - the name of the field
        equation: str,
        formula: str,
        happens: str,
        why: str,
        slots: tuple[str, ...] = (),
        where: Place = anywhere,
        hidden: tuple[str, ...] = (),
        verdict: str = WRONG,
        also: Mapping[str, Wrong] | None = None,
        **declared: Any,
    ) -> Callable[[Wrong], Wrong]:
        """A decorator that enters a mistake with the fields of `Mistake`.

        The decorated function replaces the right one in each of `slots`, by default in
        the slot of the equation's label; `also` has functions for further slots. Of the
        layers that have these slots, the mistake can occur `where` that holds. Of the
        further fields, `declared` are `declarable`, `declare`, `acts_last` and
        `of_weights`.
        """

        def entered(wrong: Wrong) -> Wrong:
            replaced = dict.fromkeys(slots or (equation,), wrong) | dict(also or {})
            stands = both(layers_with(replaced), where)
            words = id, equation, formula, happens, why
            self.enter(Mistake(*words, replaced, stands, hidden, verdict, **declared))
            return wrong

        return entered


def layers_with(slots: Collection[str]) -> Place:
    """The layers in which a step runs one of these slots: the last alone, the hidden
    ones alone, those with biases, or any.
    """
    if set(slots) == {"BP3"}:
        return has_biases
    if set(slots) <= {"C", "cost", "BP1", "weighing"}:
        return is_last
    return is_hidden if set(slots) == {"BP2"} else anywhere


def exchanged(
    spec: Spec, mistakes: Iterable[tuple[Mistake, Iterable[int]]]
) -> dict[str, tuple[Slot, ...]]:
    """The slots of a program with these mistakes: pairs of a Mistake and the layers in
    which it stands.
    """
    slots: dict[str, tuple[Slot, ...]] = {}
    for mistake, layers in sorted(mistakes, key=lambda placed: placed[0].acts_last):
        for name, wrong in mistake.slots.items():
            slots[name] = (*slots.get(name, ()), Slot(wrong, frozenset(layers)))
    return slots
