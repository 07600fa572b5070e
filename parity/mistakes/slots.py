"""The words of a step's program: its numbers, its parts, and what stands in a slot."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from parity.steps.record import Spec

Numbers: TypeAlias = Any  # Bounded or Plain: whatever has their operations
Quantity: TypeAlias = tuple[str, int]  # ("dW", 2); the cost has the number of the last layer


def is_decoupled(spec: Spec) -> bool:
    """Whether the weight decay shrinks theta itself and stays out of the gradient."""
    return spec.optimizer == "adamw"


class Part(NamedTuple):
    """The W or the b of a layer, which an update rule steps."""

    name: str
    layer: int


class Slot(NamedTuple):
    """A wrong function, and the layers in which it replaces the right one."""

    function: Callable[..., Numbers]
    layers: frozenset[int]


def layer_of(where: int | Part) -> int:
    """The layer of a layer or of a part."""
    return where.layer if isinstance(where, Part) else where
