"""The run that a program like `right_program` shows of given inputs."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from parity.mistakes.search.replay import Run, Shown
from parity.mistakes.slots import Quantity
from refnet.checks import Array

LISTS = ("z", "a", "delta", "dW", "db", "W", "b")


@np.errstate(all="ignore")
def trained(program: ModuleType, inputs: Run) -> Run | None:
    """The run of a program on the inputs of another run, with everything shown; None
    where it raises, or what it shows are no arrays of the right shapes.
    """
    spec, nobody = inputs.spec, (None,)
    net = program.Network(
        [None, *(W.copy() for W in inputs.W)],
        [None, *(b.copy() for b in inputs.b)],
        [*nobody, *(name for name, _ in spec.activations)],
        [*nobody, *(parameters.get("slope") for _, parameters in spec.activations)],
        spec.loss,
        spec.optimizer,
    )
    shapes, settings = _shapes(inputs), dict(spec.hyperparameters)  # which it may write into
    steps = []
    try:
        for given in inputs.steps:
            arrays = _step(program, net, given, settings)
            if {where: np.shape(array) for where, array in arrays.items()} != shapes(given):
                return None
            steps.append(replace(given, arrays=arrays))
    except _RAISED:
        return None
    return replace(inputs, steps=tuple(steps))


# what NumPy and Python say of a program that does not fit its arrays
_RAISED = (ValueError, TypeError, IndexError, KeyError, AttributeError, NameError, ArithmeticError)


def _step(
    program: ModuleType, net: Any, given: Shown, settings: dict[str, Any]
) -> dict[Quantity, Array]:
    """One step of the program, and copies of all that it has then."""
    x, lr = given.x.copy(), given.spec.hyperparameters["lr"]
    y = given.y.copy() if given.y.ndim > 1 else np.eye(given.spec.sizes[-1])[given.y]
    program.train_step(net, x, y, lr, settings, given.spec.step)
    arrays = {
        (name, l): np.array(array, dtype=float)
        for name in LISTS
        for l, array in enumerate(getattr(net, name))
        if l
    }
    last = len(given.spec.sizes) - 1
    return {**arrays, ("loss", last): np.asarray(net.cost, dtype=float)}


def _shapes(inputs: Run) -> Callable[[Shown], dict[Quantity, tuple[int, ...]]]:
    """The shapes of all that a step shows, by what the step is given."""
    W = {l: array.shape for l, array in enumerate(inputs.W, start=1)}

    def shapes(given: Shown) -> dict[Quantity, tuple[int, ...]]:
        n = len(given.x)
        rows = {(name, l): (n, W[l][0]) for name in ("z", "a", "delta") for l in W}
        weights = {(name, l): W[l] for name in ("W", "dW") for l in W}
        biases = {(name, l): W[l][:1] for name in ("b", "db") for l in W}
        return {**rows, **weights, **biases, ("loss", len(W)): ()}

    return shapes
