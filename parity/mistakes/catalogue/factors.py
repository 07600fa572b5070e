"""Factors that stand where none belongs: each quantity times a constant, a number of
samples or outputs, or the learning rate.
"""

from collections.abc import Callable

from parity.mistakes.mistake import Mistake, layers_with
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers

# What a quantity may be multiplied by, the simple ones first: of two that are equal in
# every run that is shown, the first is named.
NAMED: dict[str, Callable[[StepProgram], float]] = {
    "-1": lambda s: -1.0,
    "2": lambda s: 2.0,
    "1/2": lambda s: 0.5,
    "n": lambda s: s.n,
    "1/n": lambda s: 1.0 / s.n,
    "k": lambda s: s.k,
    "1/k": lambda s: 1.0 / s.k,
    "n k": lambda s: s.n * s.k,
    "1/(n k)": lambda s: 1.0 / (s.n * s.k),
    "-n": lambda s: -s.n,
    "-1/n": lambda s: -1.0 / s.n,
    "-2": lambda s: -2.0,
    "4": lambda s: 4.0,
    "1/4": lambda s: 0.25,
    "lr": lambda s: s.lr(),
    "1/lr": lambda s: 1.0 / s.lr(),
    "-lr": lambda s: -s.lr(),
}
# the factors in costs of one's own, beside these
OF_COSTS: dict[str, Callable[[StepProgram], float]] = {
    "n k/2": lambda s: 0.5 * s.n * s.k,
    "k/2": lambda s: 0.5 * s.k,
    "n/2": lambda s: 0.5 * s.n,
    "2 n": lambda s: 2.0 * s.n,
    "2/k": lambda s: 2.0 / s.k,
    "n/k": lambda s: s.n / s.k,
    "2 n/k": lambda s: 2.0 * s.n / s.k,
}
# the quantities by their slots
SCALED = {"C": "C", "BP1": "the output delta", "BP2": "the hidden deltas", "BP3": "db", "BP4": "dW"}


def _factor(slot: str, name: str, constant: Callable[[StepProgram], float]) -> Mistake:
    def scaled(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
        return right() * constant(s)

    quantity = SCALED[slot]
    every = quantity if slot == "C" else f"Every entry of {quantity}"
    return Mistake(
        id=f"factor {name} in {quantity}",
        equation=slot,
        formula=f"{quantity} = {name} times the right one",
        happens=f"{every} is {name} times what it should be, with n samples and k outputs.",
        why="All is right but for this: look for an average, a factor or a sign that is missing "
        "or there twice.",
        slots={slot: scaled},
        stands=layers_with({slot}),
    )


FACTORS = tuple(
    _factor(slot, name, constant)
    for slot in SCALED
    for name, constant in (NAMED | OF_COSTS if slot in ("C", "BP1") else NAMED).items()
)
