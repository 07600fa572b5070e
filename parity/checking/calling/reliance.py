"""Which inputs of a task a program relies on: one that ignores the weights trains from
weights of its own, and nothing that it shows can be judged by those of the task.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from parity.checking.calling.answers import differ, fitted
from parity.checking.calling.calls import Program, call
from parity.checking.tasks.declaration import Declaration
from parity.checking.tasks.task import Task, task_of
from parity.mistakes.search.replay import Run, Shown, run_of, simulate
from parity.mistakes.slots import Quantity
from refnet.checks import Array

Arrays: TypeAlias = dict[tuple[int, Quantity], Array]  # by step and quantity
WEIGHTS = ("W", "b")


class Reliance:
    """Calls of one task, and of the same task with other inputs."""

    def __init__(self, run: Program, task: Task, declared: Declaration) -> None:
        self.run, self.task, self.declared = run, task, declared
        self.shown = self._shown(task.inputs)
        self.right = _arrays(run_of(simulate(task.inputs)))

    def ignores(self, name: str) -> bool:
        """Whether it shows the same numbers with another "W" or "b", or with other
        "data", where those of a right program are others.
        """
        changed = _with_other(name, self.task.inputs)
        right, shown = _arrays(run_of(simulate(changed))), self._shown(changed)
        keys = [key for key in self.shown if key in right and differ(self.right[key], right[key])]
        # parity itself may have stepped the weights, from those of the task
        telling = [key for key in keys if key[1][0] not in WEIGHTS] or [
            key for key in keys if key[1][0] == "W" or name != "b"
        ]
        return self._same(telling, shown)

    def has_biases_of_its_own(self) -> bool:
        """Whether it shows the same biases, which are not 0, whatever those of the task
        are.
        """
        own = [key for key in self.shown if key[1][0] == "b"]
        return self._same(own, self._shown(_with_other("b", self.task.inputs)))

    def is_right(self) -> bool:
        """Whether half of the digits are those of a right program: so are those that
        somebody has stored for this task, and gives whatever is asked for.
        """
        return not any(differ(array, self.right[key]) for key, array in self.shown.items())

    def steps_biases(self) -> bool:
        """Whether it shows a gradient of b that is not 0, or a b that is neither 0 nor
        as it was given.
        """
        given = self.task.inputs.b
        return any(
            np.any(array) and (name == "db" or differ(array, given[layer - 1]))
            for (_, (name, layer)), array in self.shown.items()
            if name in ("b", "db")
        )

    def shows(self, *names: str) -> bool:
        """Whether any of these quantities is shown."""
        return any(name in names for _, (name, _) in self.shown)

    def _same(self, keys: Iterable[tuple[int, Quantity]], shown: Arrays) -> bool:
        """Whether two calls show the same, and not only zeros or what is no number."""
        both = [(self.shown[key], shown[key]) for key in keys if key in shown]
        says_something = any(np.any(one[np.isfinite(one)]) for one, _ in both)
        return says_something and not any(differ(*each) for each in both)

    def _shown(self, inputs: Run) -> Arrays:
        task = task_of(self.task.name, inputs, self.declared)
        (run,), _ = fitted([task], [call(self.run, task).arrays], self.declared)
        return _arrays(run)


def _arrays(run: Run) -> Arrays:
    return {
        (number, quantity): array
        for number, step in enumerate(run.steps)
        for quantity, array in step.arrays.items()
    }


def _with_other(name: str, inputs: Run) -> Run:
    """The inputs with other weights, other biases, or other data."""
    rng = np.random.default_rng(0)
    if name == "W":
        return replace(inputs, W=tuple(_like(array, rng) for array in inputs.W))
    if name == "b":
        return replace(inputs, b=tuple(_like(array, rng) for array in inputs.b))

    def other(step: Shown) -> Shown:
        return replace(step, x=_like(step.x, rng), y=np.roll(step.y, 1, axis=0))

    return replace(inputs, steps=tuple(map(other, inputs.steps)))


def _like(array: Array, rng: np.random.Generator) -> Array:
    """Other numbers of the same size."""
    size = float(np.std(array)) or 1.0
    return rng.normal(scale=size, size=array.shape).astype(array.dtype)
