"""The whole catalogue of backprop mistakes, which the mutation score injects and the
diagnosis knows.
"""

from parity.mistakes.catalogue.conventions import CONVENTIONS
from parity.mistakes.catalogue.deltas.derivatives import DERIVATIVE
from parity.mistakes.catalogue.deltas.hidden import HIDDEN_DELTA
from parity.mistakes.catalogue.deltas.output import OUTPUT_DELTA
from parity.mistakes.catalogue.deltas.softmax import SOFTMAX
from parity.mistakes.catalogue.deltas.weights import WEIGHTED_DELTA
from parity.mistakes.catalogue.dropout import DROPOUT
from parity.mistakes.catalogue.forward.activations import ACTIVATIONS
from parity.mistakes.catalogue.forward.costs import COSTS
from parity.mistakes.catalogue.forward.logarithms import LOGARITHMS
from parity.mistakes.catalogue.forward.losses import LOSSES
from parity.mistakes.catalogue.forward.means import MEANS
from parity.mistakes.catalogue.forward.sums import SUMS
from parity.mistakes.catalogue.forward.weights import WEIGHTS
from parity.mistakes.catalogue.gradients import GRADIENT
from parity.mistakes.catalogue.own_constants import TYPICAL
from parity.mistakes.catalogue.penalised import PENALISED
from parity.mistakes.catalogue.precision import PRECISION
from parity.mistakes.catalogue.published import PUBLISHED
from parity.mistakes.catalogue.shards import SHARDS
from parity.mistakes.catalogue.updates.adagrad import ADAGRAD
from parity.mistakes.catalogue.updates.adam_averages import ADAM_AVERAGES
from parity.mistakes.catalogue.updates.adam_correction import ADAM_CORRECTION
from parity.mistakes.catalogue.updates.clipping import CLIPPING
from parity.mistakes.catalogue.updates.decay import DECAY
from parity.mistakes.catalogue.updates.momentum import MOMENTUM
from parity.mistakes.catalogue.updates.penalties import PENALTIES
from parity.mistakes.catalogue.updates.quotients import QUOTIENTS
from parity.mistakes.catalogue.updates.rmsprop import RMSPROP
from parity.mistakes.catalogue.updates.state import KEPT
from parity.mistakes.catalogue.updates.steps import STEPS
from parity.mistakes.mistake import Catalogue, Mistake

# Where a diagnosis cannot tell two entries apart, it names the first. So what a single
# rule can have comes before what every rule can.
BY_ID = Catalogue(
    SUMS,
    ACTIVATIONS,
    LOGARITHMS,
    LOSSES,
    WEIGHTS,
    MEANS,
    OUTPUT_DELTA,
    WEIGHTED_DELTA,
    SHARDS,
    DERIVATIVE,
    SOFTMAX,
    HIDDEN_DELTA,
    GRADIENT,
    DROPOUT,
    PRECISION,
    ADAM_CORRECTION,
    ADAM_AVERAGES,
    QUOTIENTS,
    ADAGRAD,
    RMSPROP,
    MOMENTUM,
    KEPT,
    STEPS,
    DECAY,
    PENALISED,
    CLIPPING,
    CONVENTIONS,
    COSTS,
    PENALTIES,
    TYPICAL,
).by_id
CATALOGUE: tuple[Mistake, ...] = tuple(BY_ID.values())
# the costs that differ from the declared loss by a factor, with the gradient to match
OWN_COSTS: tuple[Mistake, ...] = tuple(COSTS.by_id.values())


def sources(mistake: str) -> tuple[str, ...]:
    """The addresses at which the mistake was published."""
    return tuple(PUBLISHED.get(mistake, {}).values())
