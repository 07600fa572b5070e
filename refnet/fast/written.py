"""Which activations, losses and penalties are still as refnet wrote them, so that the
fast form may compute their formulas in place.

A lecturer may replace a method while a class is watched (`Sigmoid.value = my_value`),
or that of one object. The teaching form calls what is there now, and so must `fit`.
"""

from refnet.activations import ACTIVATIONS, Activation
from refnet.losses import LOSSES, Loss
from refnet.regularisers import PENALTIES, Penalty

METHODS = (
    *("value", "derivative", "pullback", "gradient", "shares", "total_weight"),
    *("cost", "added", "penalised"),
)
# taken down when refnet is imported, before anybody can replace one
_WRITTEN = {
    kind: {name: getattr(kind, name) for name in METHODS if hasattr(kind, name)}
    for kind in (*ACTIVATIONS.values(), *LOSSES.values(), *PENALTIES.values())
}


def as_written(part: Activation | Loss | Penalty) -> bool:
    """Whether it is of a class of refnet, not of one derived from it, and no method of
    the class or the object has been replaced.
    """
    methods = _WRITTEN.get(type(part))
    return methods is not None and all(
        getattr(getattr(part, name), "__func__", None) is method for name, method in methods.items()
    )
