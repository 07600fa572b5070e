"""Optimizers: how a gradient becomes a step.

Each rule is the textbook's assignment, on flat vectors or blocks of them.

    optimizer    what every rule shares
    sgd          SGD, with momentum and Nesterov's form of it
    adaptive     Adagrad, RMSprop, Adam and AdamW
"""

from refnet.optimizers.adaptive import Adagrad, Adam, AdamW, RMSprop
from refnet.optimizers.optimizer import SECOND_MOMENTS, Optimizer
from refnet.optimizers.sgd import SGD

__all__ = [
    "OPTIMIZERS",
    "SECOND_MOMENTS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.name: kind for kind in (SGD, Adagrad, RMSprop, Adam, AdamW)
}
