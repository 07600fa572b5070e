"""What is timed: a network, a batch and a rule, the same for every side; and what a
side is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from refnet.building import mlp
from refnet.checks import Array
from refnet.losses import Loss, SoftmaxCrossEntropy
from refnet.network import Network
from refnet.optimizers import SGD, Adam, Optimizer

TIMED_LR = 1e-6  # nothing diverges, and no number underflows, however often the step is taken
RULES: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "SGD": (SGD, {}),
    "momentum": (SGD, {"momentum": 0.9}),
    "Adam": (Adam, {}),
}


class Side(NamedTuple):
    """Somebody's training: `step` takes one step (or `steps` of them) and returns its
    loss; `layers` are W and b as they are now.

    `form` says which of several ways to write it this is.
    """

    step: Callable[[], float]
    layers: Callable[[], list[tuple[Array, Array]]]
    form: str = ""


@dataclass(frozen=True)
class Setting:
    """Layer sizes, rows of a batch, hidden activation, rule and dtype; softmax
    cross-entropy on labels, on normal random inputs.
    """

    sizes: tuple[int, ...]
    rows: int
    dtype: str = "float32"
    hidden: str = "relu"
    rule: str = "SGD"
    batches: int = 16  # of the data set that `fit` and the loop go through
    lr: float = TIMED_LR
    seed: int = 0

    @property
    def net_name(self) -> str:
        """The sizes and the rows: 64-64x8-10 n32."""
        runs = [(size, len(list(group))) for size, group in groupby(self.sizes[1:-1])]
        hidden = [
            f"{size}x{count}" if count > 2 else "-".join([str(size)] * count)
            for size, count in runs
        ]
        return f"{'-'.join(map(str, (self.sizes[0], *hidden, self.sizes[-1])))} n{self.rows}"

    def network(self) -> Network:
        """The network that every side starts from; its output are logits."""
        return mlp(
            self.sizes, hidden=self.hidden, output="identity", seed=self.seed, dtype=self.dtype
        )

    def data(self, batches: int = 1) -> tuple[Array, Array]:
        """x and labels of that many batches."""
        rng = np.random.default_rng(self.seed)
        rows = self.rows * batches
        x = rng.standard_normal((rows, self.sizes[0])).astype(self.dtype)
        return x, rng.integers(0, self.sizes[-1], rows)

    def loss(self) -> Loss:
        """The loss."""
        return SoftmaxCrossEntropy()

    def optimizer(self) -> Optimizer:
        """The rule with its learning rate."""
        kind, settings = RULES[self.rule]
        return kind(self.lr, **settings)
