"""Where in a network a mistake can stand: conditions on its spec and a layer, and what
several of them say together.
"""

from collections.abc import Callable
from typing import TypeAlias

from parity.mistakes.program import StepProgram
from parity.proof import formulas
from parity.steps.record import Spec

Place: TypeAlias = Callable[[Spec, int], bool]

LOGITS = "softmax_cross_entropy"
# the losses that average over the samples alone
BY_SAMPLES = ("half_squared_error", "cross_entropy", LOGITS)
# and those over samples and outputs
BY_ENTRIES = ("mse", "mae", "binary_cross_entropy", "sigmoid_cross_entropy")


def terms(s: StepProgram) -> float:
    """How many terms the loss is the mean of."""
    return s.n if s.spec.loss in BY_SAMPLES else s.n * s.k


def both(*places: Place) -> Place:
    """Where all of these hold."""
    return lambda spec, l: all(place(spec, l) for place in places)


def anywhere(spec: Spec, l: int) -> bool:
    """Every layer."""
    return True


def is_last(spec: Spec, l: int) -> bool:
    """The output layer."""
    return l == len(spec.sizes) - 1


def is_hidden(spec: Spec, l: int) -> bool:
    """A layer with another one above."""
    return not is_last(spec, l)


def is_inner(spec: Spec, l: int) -> bool:
    """A layer with another one below."""
    return l > 1


def is_square(spec: Spec, l: int) -> bool:
    """A layer of as many units as inputs, whose W a transpose fits."""
    return spec.sizes[l - 1] == spec.sizes[l]


def is_wide(spec: Spec, l: int) -> bool:
    """A layer of more than one unit."""
    return spec.sizes[l] > 1


def is_curved(spec: Spec, l: int) -> bool:
    """A layer whose activation does something."""
    return spec.activations[l - 1][0] != "identity"


def is_pulled(spec: Spec, l: int) -> bool:
    """A layer whose delta is made with f': not one whose loss and activation have a
    delta of their own.
    """
    return is_hidden(spec, l) or not formulas.is_fused(spec.loss, spec.activations[l - 1][0])


def is_fused(spec: Spec, l: int) -> bool:
    """An output layer whose loss and activation have a delta of their own, without
    f'.
    """
    return not is_pulled(spec, l)


def has(*activations: str) -> Place:
    """Layers with one of these activations."""
    return lambda spec, l: spec.activations[l - 1][0] in activations


def pulled(*activations: str) -> Place:
    """Layers with one of these activations, whose derivative is asked for."""
    return both(has(*activations), is_pulled)


def trained_by(*losses: str) -> Place:
    """Networks with one of these losses."""
    return lambda spec, l: spec.loss in losses


def above(place: Place) -> Place:
    """Layers below one of which this holds."""
    return lambda spec, l: is_hidden(spec, l) and place(spec, l + 1)


def below(place: Place) -> Place:
    """Layers above one of which this holds."""
    return lambda spec, l: is_inner(spec, l) and place(spec, l - 1)


def same_width_above(spec: Spec, l: int) -> bool:
    """Layers as wide as the one above, so that delta^(l+1) fits in their place."""
    return is_hidden(spec, l) and is_square(spec, l + 1)
