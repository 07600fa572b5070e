"""A mistake: a wrong form of one or more equations, written once, with the words that
explain it.

The wrong form is a function over whatever numbers it is given: on plain ones it is
somebody's broken program, on bounded ones what may be said of that program's results.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from parity.mistakes.program import Numbers, Slot
from parity.steps.record import Spec

# (step, layer or part, ..., right) to what the slot returns; right() is the right one
Wrong: TypeAlias = Callable[..., Numbers]
WRONG, CONVENTION = "wrong", "convention"


@dataclass(frozen=True, eq=False)
class Mistake:
    """An entry of the catalogue.

    `equation` is the label of the equation that it breaks, `formula` the wrong form as
    text, `happens` and `why` one sentence each for a student. `verdict` is "wrong", or
    "convention": right by another convention than PyTorch's. `hidden` names the
    conditions under which it cannot be seen. `stands` says in which layers of a network
    it can stand at all.
    """

    id: str
    equation: str
    formula: str
    happens: str
    why: str
    slots: Mapping[str, Wrong] = field(repr=False)
    stands: Callable[[Spec, int], bool] = field(repr=False)
    hidden: tuple[str, ...] = ()
    verdict: str = WRONG

    def lines(self) -> list[str]:
        """The entry as it is read."""
        hidden = [f"It cannot be seen with {' or with '.join(self.hidden)}."] if self.hidden else []
        kind = "  (a convention)" if self.verdict == CONVENTION else ""
        return [
            f"{self.id}{kind}",
            f"  {self.equation}: {self.formula}",
            *(f"  {text}" for text in (self.happens, self.why, *hidden)),
        ]

    def layers(self, spec: Spec) -> frozenset[int]:
        """The layers of such a network in which it can stand."""
        last = len(spec.sizes) - 1
        return frozenset(l for l in range(1, last + 1) if self.stands(spec, l))


class Catalogue:
    """Collects the mistakes that a module defines, one decorated function each, in the
    order of the file.
    """

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def add(
        self,
        equation: str,
        formula: str,
        *slots: str,
        where: Callable[[Spec, int], bool] = lambda spec, l: True,
        hidden: tuple[str, ...] = (),
        verdict: str = WRONG,
        also: Mapping[str, Wrong] | None = None,
    ) -> Callable[[Wrong], Wrong]:
        """Enter the decorated function: its name is the id, its docstring the two
        sentences.

        It takes the place of the functions in these slots (by default the one of the
        equation's label); `also` exchanges further ones.
        """

        def enter(function: Wrong) -> Wrong:
            words = getattr(function, "__name__", "").strip("_").replace("_", "-")
            happens, _, why = " ".join((function.__doc__ or "").split()).partition(". ")
            exchanged = dict.fromkeys(slots or (equation,), function) | dict(also or {})
            only = (
                (lambda spec, l: l == len(spec.sizes) - 1)
                if exchanged.keys() <= {"C", "BP1"}
                else None
            )
            hidden_only = (
                (lambda spec, l: l < len(spec.sizes) - 1) if exchanged.keys() == {"BP2"} else None
            )
            reach = only or hidden_only or (lambda spec, l: True)
            stands = lambda spec, l: reach(spec, l) and where(spec, l)  # noqa: E731 - both
            self.mistakes.append(
                Mistake(
                    words, equation, formula, f"{happens}.", why, exchanged, stands, hidden, verdict
                )
            )
            return function

        return enter


def exchanged(spec: Spec, mistakes: Any) -> dict[str, tuple[Slot, ...]]:
    """The slots of a program with these mistakes: pairs of a Mistake and the layers in
    which it stands.
    """
    found: dict[str, tuple[Slot, ...]] = {}
    for mistake, layers in mistakes:
        for slot, function in mistake.slots.items():
            found[slot] = (*found.get(slot, ()), Slot(function, frozenset(layers)))
    return found
