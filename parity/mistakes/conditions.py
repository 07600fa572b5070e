"""Where in a network a mistake can occur: conditions on its spec and on a layer, and
how they combine.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from parity.mistakes.program import StepProgram
from parity.proof import formulas
from parity.steps.record import Spec
from refnet.activations import ACTIVATIONS, Elementwise
from refnet.losses import LOSSES

Place: TypeAlias = Callable[[Spec, int], bool]

LOGITS = "softmax_cross_entropy"
# The losses that average over the samples alone, and those that average over samples
# and outputs. A new loss is added to one of them.
BY_SAMPLES = ("half_squared_error", "cross_entropy", LOGITS)
BY_ENTRIES = ("mse", "mae", "binary_cross_entropy", "sigmoid_cross_entropy")
# The losses that take logarithms of probabilities.
LOGARITHMIC = tuple(name for name, loss in LOSSES.items() if loss.reads != "values")
# The activations that a gradient passes entry by entry.
ELEMENTWISE = tuple(
    name for name, f in ACTIVATIONS.items() if issubclass(f, Elementwise) and f.trainable
)
# The activations whose f' is 0 or 1, so that f' f' = f'. A new one of this kind is
# added.
ZERO_OR_ONE = ("identity", "relu")


def terms(s: StepProgram) -> Any:
    """How many terms the loss is the mean of, or the sum of their weights."""
    return s.weighing().D


def samples(s: StepProgram) -> Any:
    """How many samples the loss is the mean of, or the sum of their weights."""
    return terms(s) if s.spec.loss in BY_SAMPLES else terms(s) / s.k


def both(*places: Place) -> Place:
    """Layers for which all of these hold."""
    return lambda spec, l: all(place(spec, l) for place in places)


def anywhere(spec: Spec, l: int) -> bool:
    """Every layer."""
    return True


def trained_with(**settings: bool) -> Place:
    """Layers of which W or b has these settings of the optimizer on or off."""
    return lambda spec, l: any(
        all(bool(h.get(name)) == on for name, on in settings.items())
        for h in (spec.settings_of(name, each) for name, each in spec.parts if each == l)
    )


def has_biases(spec: Spec, l: int) -> bool:
    """A layer with biases."""
    return spec.has_bias(l)


def some_biases(spec: Spec, l: int) -> bool:
    """Networks in which a layer has biases."""
    return any(name == "b" for name, _ in spec.parts)


def is_last(spec: Spec, l: int) -> bool:
    """The output layer."""
    return l == len(spec.sizes) - 1


def is_hidden(spec: Spec, l: int) -> bool:
    """A layer below the output."""
    return not is_last(spec, l)


def is_stepped_alone(spec: Spec, l: int) -> bool:
    """A layer whose step needs no gradient of another layer, as clipping by the norm
    does.
    """
    return spec.clip is None or spec.clip[0] != "norm"


def is_inner(spec: Spec, l: int) -> bool:
    """A layer above the first."""
    return l > 1


def is_square(spec: Spec, l: int) -> bool:
    """A layer with as many units as inputs: the transpose of W has the shape of W."""
    return spec.sizes[l - 1] == spec.sizes[l]


def is_wide(spec: Spec, l: int) -> bool:
    """A layer with more than one unit."""
    return spec.sizes[l] > 1


def is_curved(spec: Spec, l: int) -> bool:
    """A layer with an activation other than the identity."""
    return spec.activations[l - 1][0] != "identity"


def is_pulled(spec: Spec, l: int) -> bool:
    """A layer whose delta has the factor f'. In an output layer it cancels for some
    pairs of activation and loss, whose delta is p - y.
    """
    return is_hidden(spec, l) or not formulas.is_fused(spec.loss, spec.activations[l - 1][0])


def is_fused(spec: Spec, l: int) -> bool:
    """An output layer whose delta is p - y, without f'."""
    return not is_pulled(spec, l)


def differs_when_squared(spec: Spec, l: int) -> bool:
    """A layer in which the factor f' twice is another one than f' once."""
    return spec.activations[l - 1][0] not in (*ZERO_OR_ONE, "heaviside")


def has(*activations: str) -> Place:
    """Layers with one of these activations."""
    return lambda spec, l: spec.activations[l - 1][0] in activations


def pulled(*activations: str) -> Place:
    """Layers with one of these activations, whose delta has the factor f'."""
    return both(has(*activations), is_pulled)


def averages(spec: Spec, l: int) -> bool:
    """Networks whose loss is a mean."""
    return spec.loss_settings.get("reduction") != "sum"


def sums(spec: Spec, l: int) -> bool:
    """Networks whose loss is a sum."""
    return not averages(spec, l)


def with_settings(*names: str) -> Place:
    """Networks whose loss has one of these settings, other than by default."""
    return lambda spec, l: any(name in spec.loss_settings for name in names)


def without_settings(*names: str) -> Place:
    """Networks whose loss has none of these settings."""
    return lambda spec, l: not any(name in spec.loss_settings for name in names)


def plain_targets(spec: Spec, l: int) -> bool:
    """Networks whose loss has no weights, no smoothing, and ignores nothing."""
    return not set(spec.loss_settings) - {"reduction"}


def trained_by(*losses: str) -> Place:
    """Networks with one of these losses."""
    return lambda spec, l: spec.loss in losses


def above(place: Place) -> Place:
    """Layers for which this holds of the layer above."""
    return lambda spec, l: is_hidden(spec, l) and place(spec, l + 1)


def below(place: Place) -> Place:
    """Layers for which this holds of the layer below."""
    return lambda spec, l: is_inner(spec, l) and place(spec, l - 1)


def same_width_above(spec: Spec, l: int) -> bool:
    """Layers as wide as the one above: delta^(l+1) has the shape of delta^l."""
    return is_hidden(spec, l) and is_square(spec, l + 1)
