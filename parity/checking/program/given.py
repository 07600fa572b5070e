"""What somebody's program is given: a small training, as plain data."""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


class TaskStep(NamedTuple):
    """What one training step is given."""

    x: Array
    y: Array
    lr: float


@dataclass(frozen=True, eq=False)
class GivenTask:
    """One small training that `run` is given: names, and plain arrays in the declared
    layout, which `run` may keep and change.

    activations    one name per layer
    slopes         the slope of leaky_relu where a layer has it, else None
    targets        what y is: values, probabilities, distributions, labels or one_hot
    optimizer      a name
    settings       its hyper-parameters without lr, named as in torch.optim
    W, b           where the training starts: one array per layer
    steps          (x, y, lr) of each step
    layout         of W: "out_in" or "in_out"
    samples        of x, y and what is computed from them: "rows" or "columns"
    bias           whether the layers have biases; where not, those of b are 0
    """

    name: str
    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    slopes: tuple[float | None, ...]
    loss: str
    targets: str
    optimizer: str
    settings: dict[str, Any]
    W: list[Array]
    b: list[Array]
    steps: list[TaskStep]
    dtype: str
    layout: str
    samples: str
    bias: bool

    def __str__(self) -> str:
        return self.name

    @property
    def batches(self) -> tuple[int, ...]:
        """The number of samples of each step."""
        axis = 1 if self.samples == "columns" else 0
        return tuple(step.x.shape[axis] for step in self.steps)

    def shape(self, step: int, name: str, layer: int) -> tuple[int, ...]:
        """The shape of what is shown under a name in a step, in the declared layout;
        the layer of an output and of a loss is 0.
        """
        out = self.sizes[layer or -1]
        if name == "loss":
            return ()
        if name in ("b", "db"):
            return (out,)
        turned = self.layout == "in_out" if name in ("W", "dW") else self.samples == "columns"
        first = self.sizes[layer - 1] if name in ("W", "dW") else self.batches[step]
        matrix = (out, first) if name in ("W", "dW") else (first, out)
        return matrix[::-1] if turned else matrix
