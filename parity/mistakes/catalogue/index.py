"""The whole catalogue of backprop mistakes, which the mutation score injects and the
diagnosis knows.
"""

from collections.abc import Callable

from parity.mistakes.catalogue.conventions import CONVENTIONS
from parity.mistakes.catalogue.deltas.derivatives import DERIVATIVE
from parity.mistakes.catalogue.deltas.hidden import HIDDEN_DELTA
from parity.mistakes.catalogue.deltas.output import OUTPUT_DELTA
from parity.mistakes.catalogue.deltas.softmax import SOFTMAX
from parity.mistakes.catalogue.forward.activations import ACTIVATIONS
from parity.mistakes.catalogue.forward.losses import LOSSES
from parity.mistakes.catalogue.forward.sums import SUMS
from parity.mistakes.catalogue.gradients import GRADIENT
from parity.mistakes.catalogue.published import PUBLISHED
from parity.mistakes.catalogue.updates.adagrad import ADAGRAD
from parity.mistakes.catalogue.updates.adam_averages import ADAM_AVERAGES
from parity.mistakes.catalogue.updates.adam_correction import ADAM_CORRECTION
from parity.mistakes.catalogue.updates.decay import DECAY
from parity.mistakes.catalogue.updates.momentum import MOMENTUM
from parity.mistakes.catalogue.updates.quotients import QUOTIENTS
from parity.mistakes.catalogue.updates.rmsprop import RMSPROP
from parity.mistakes.catalogue.updates.state import KEPT
from parity.mistakes.catalogue.updates.steps import STEPS
from parity.mistakes.mistake import Catalogue, Mistake, layers_with
from parity.mistakes.program import Numbers, StepProgram

# Where a diagnosis cannot tell two entries apart, it names the first. So what a single
# rule can have comes before what every rule can.
BY_ID = Catalogue(
    SUMS,
    ACTIVATIONS,
    LOSSES,
    OUTPUT_DELTA,
    DERIVATIVE,
    SOFTMAX,
    HIDDEN_DELTA,
    GRADIENT,
    ADAM_CORRECTION,
    ADAM_AVERAGES,
    QUOTIENTS,
    ADAGRAD,
    RMSPROP,
    MOMENTUM,
    KEPT,
    STEPS,
    DECAY,
    CONVENTIONS,
).by_id
CATALOGUE: tuple[Mistake, ...] = tuple(BY_ID.values())


def sources(mistake: str) -> tuple[str, ...]:
    """The addresses at which the mistake was published."""
    return tuple(PUBLISHED.get(mistake, {}).values())


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
    "lr": lambda s: s.lr,
    "1/lr": lambda s: 1.0 / s.lr,
    "-lr": lambda s: -s.lr,
}
# the quantities by their slots
SCALED = {"C": "C", "BP1": "the output delta", "BP2": "the hidden deltas", "BP3": "db", "BP4": "dW"}


def _factor(slot: str, name: str, constant: Callable[[StepProgram], float]) -> Mistake:
    def scaled(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
        return right() * constant(s)

    quantity = SCALED[slot]
    return Mistake(
        id=f"factor {name} in {quantity}",
        equation=slot,
        formula=f"{quantity} = {name} times the right one",
        happens=f"Every entry of {quantity} is {name} times what it should be, with n samples and "
        "k outputs.",
        why="The entries keep their proportions: look for an average, a factor or a sign that is "
        "missing or there twice.",
        slots={slot: scaled},
        stands=layers_with({slot}),
    )


FACTORS = tuple(
    _factor(slot, name, constant) for slot in SCALED for name, constant in NAMED.items()
)
