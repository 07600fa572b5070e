"""Loss functions: the cost C, its gradient dC/da, and the 1/n. Nothing downstream
divides.

`value(a, y)` is C and `gradient(a, y)` is dC/da, where `a` is the output of the
network. A loss reads one of three things there: *values* (any trainable output),
*probabilities* (a softmax or sigmoid output) or *logits* (an identity output). On
logits the loss applies softmax or sigmoid itself, which stays accurate where a
probability would round to 0 or 1.

Class targets are integer labels (n,) or distributions (n, k).

    loss       what every loss shares
    values     MSE, HalfSquaredError, MAE
    classes    CrossEntropy, SoftmaxCrossEntropy, one_hot
    binary     BinaryCrossEntropy, SigmoidCrossEntropy
"""

from refnet.losses.binary import BinaryCrossEntropy, SigmoidCrossEntropy
from refnet.losses.classes import CrossEntropy, SoftmaxCrossEntropy, one_hot
from refnet.losses.loss import LOG_FLOOR, Loss, checked
from refnet.losses.values import MAE, MSE, HalfSquaredError

__all__ = [
    "LOG_FLOOR",
    "LOSSES",
    "MAE",
    "MSE",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "HalfSquaredError",
    "Loss",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "checked",
    "one_hot",
]

LOSSES: dict[str, type[Loss]] = {
    kind.name: kind
    for kind in (
        MSE,
        HalfSquaredError,
        MAE,
        CrossEntropy,
        SoftmaxCrossEntropy,
        BinaryCrossEntropy,
        SigmoidCrossEntropy,
    )
}
