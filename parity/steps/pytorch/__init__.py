"""The identical PyTorch model, weights both ways, and records of what PyTorch does.

counterparts    what PyTorch has for each activation, loss, penalty and optimizer
tensors         arrays to tensors and back; PyTorch's threads and random numbers
forwards        what a model's forward calls, as a list of modules
chains          a model as nn.Dropout, nn.Linear and activation, one after another
objectives      a loss with its settings, weights of rows, a penalty; clipping
optimizers      the hyper-parameters of each W and b, and an optimizer's state
twins           the identical model, loss and optimizer; weights copied both ways
records         record_torch: one training step taken by PyTorch
autograd        somebody's functions of tensors, layers and optimizers, on arrays
restated        a record's equations computed once more by PyTorch
"""

from parity.steps.pytorch.counterparts import CrossEntropy
from parity.steps.pytorch.records import record_torch, restart
from parity.steps.pytorch.restated import restate
from parity.steps.pytorch.tensors import one_thread, seeded, threads
from parity.steps.pytorch.twins import (
    copy_from_torch,
    copy_to_torch,
    network_of,
    predict,
    twin,
    twin_loss,
    twin_optimizer,
)

__all__ = [
    "CrossEntropy",
    "copy_from_torch",
    "copy_to_torch",
    "network_of",
    "one_thread",
    "predict",
    "record_torch",
    "restart",
    "restate",
    "seeded",
    "threads",
    "twin",
    "twin_loss",
    "twin_optimizer",
]
