"""What the tasks that ran have tried, what they have not, and whether that is enough to
judge by.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from parity.checking.program.outcome import REFUSAL, Refusal
from parity.checking.tasks.axes import chooses, defaults
from parity.checking.tasks.declaration import Declaration
from parity.checking.tasks.task import Task
from parity.mistakes.diagnosis.finding import in_words
from parity.mistakes.search.replay import Run

CHANGING = ("delta", "dW", "db", "W", "b")  # the gradients and the weights
# tasks: in two, a mistake of some sizes or of some numbers may happen to hide
ENOUGH = 3
WITH = " with "  # between an optimizer and one of its settings


@dataclass(frozen=True)
class Tried:
    """What tasks exercised.

    depths       their numbers of hidden layers
    batches      their numbers of samples in a batch, the last ones too
    steps        their numbers of steps
    activations  those of hidden layers; without any, that of the only layer
    outputs      the output activations
    losses       the losses
    optimizers   each with the settings that were others than by default
    dtype        the dtypes
    edges        of what floats can hold, where hard tasks were asked for
    """

    depths: tuple[int, ...] = ()
    batches: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()
    activations: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    optimizers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    dtype: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()

    def __str__(self) -> str:
        """All of it in one sentence."""
        optimizers = [
            name + (f" ({', '.join(settings)})" if settings else "")
            for name, settings in self.optimizers.items()
        ]
        hidden = in_words(self.activations) if any(self.depths) or not self.depths else ""
        return "; ".join(
            (
                *(
                    _numbers(numbers, noun)
                    for name, noun in NOUNS.items()
                    if (numbers := getattr(self, name))
                ),
                *_labelled("hidden " if self.depths else "", hidden),
                *_labelled("output ", in_words(self.outputs)),
                *_labelled("", in_words(self.losses)),
                *_labelled("", in_words(optimizers)),
                *_labelled("", in_words(self.dtype)),
                *_labelled("at the edge: ", in_words(self.edges)),
            )
        )


def _labelled(label: str, words: str) -> list[str]:
    """The words behind their label, where there are any."""
    return [f"{label}{words}"] if words else []


NOUNS = {"depths": "hidden layer", "batches": "sample", "steps": "step"}


def _numbers(numbers: Sequence[int], noun: str) -> str:
    return f"{in_words([*map(str, numbers)])} {noun}{'' if numbers == (1,) else 's'}"


def tried(tasks: Sequence[Task]) -> Tried:
    """What these tasks exercise."""
    optimizers = _unique(task.optimizer for task in tasks)
    return Tried(
        depths=_in_order(len(task.sizes) - 2 for task in tasks),
        batches=_in_order(len(step.x) for task in tasks for step in task.inputs.steps),
        steps=_in_order(len(task.steps) for task in tasks),
        activations=_unique(f for task in tasks for f in task.activations[:-1] or task.activations),
        outputs=_unique(task.activations[-1] for task in tasks),
        losses=_unique(task.loss for task in tasks),
        optimizers={
            name: _unique(
                setting for task in tasks if task.optimizer == name for setting in changed(task)
            )
            for name in optimizers
        },
        dtype=_unique(task.dtype for task in tasks),
        edges=_unique(task.edge for task in tasks if task.edge),
    )


def _in_order(numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({*numbers}))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def changed(task: Task) -> Iterator[str]:
    """The settings of a task that are others than by default."""
    usual = defaults(task.optimizer)
    yield from (name for name, value in task.settings.items() if value != usual[name])


def untried(
    ran: Tried, refused: Sequence[Task] = (), declared: Declaration | None = None
) -> tuple[str, ...]:
    """What was declared, or asked for by a task that was refused, and not exercised:
    by name.
    """
    asked = tried(refused)
    left = []
    for each in fields(Tried):
        name = each.name
        wanted = [*(getattr(declared, name, None) or ()), *getattr(asked, name)]
        missing = [value for value in wanted if value not in getattr(ran, name)]
        left += [_in_words(name, value) for value in dict.fromkeys(missing)]
    return (*left, *_settings_left(ran, asked, declared))


def _in_words(name: str, value: Any) -> str:
    """One value of a field of Tried, as it is said alone."""
    if name in NOUNS:
        return _numbers((value,), NOUNS[name])
    return as_output(value) if name == "outputs" else str(value)


def as_output(activation: str) -> str:
    """An activation of the last layer, as it is said alone."""
    return f"{activation} as output"


def _settings_left(ran: Tried, asked: Tried, declared: Declaration | None) -> Iterator[str]:
    """The settings that are left of optimizers that were tried, and those that no
    optimizer has.
    """
    for optimizer, settings in asked.optimizers.items():
        if optimizer in ran.optimizers:
            known = ran.optimizers[optimizer]
            yield from (f"{optimizer}{WITH}{each}" for each in settings if each not in known)
    anywhere = {
        name for each in (ran, asked) for names in each.optimizers.values() for name in names
    }
    yield from (name for name in getattr(declared, "settings", None) or () if name not in anywhere)


# is it enough


def reason_not_to_judge(
    tasks: Sequence[Task],
    runs: Sequence[Run],
    refused: int,
    shown: Sequence[str],
    refusal: str = REFUSAL,
    refusals: Sequence[Refusal] = (),
) -> str:
    """Why nothing is said of a program that ran these tasks and refused so many others,
    in what way and with which messages; "" where it can be judged.
    """
    count = len(tasks) + refused
    changing = [run for run in runs if _shows_changes(run)]
    if not tasks:
        messages = [f": {each.message}" for each in refusals if each.message]
        return f"{refusal} in all of {count} tasks{''.join(messages[:1])}"
    if not changing:
        names = [name for name in shown if name != "a" or "output" not in shown]
        only = f"{in_words(names)} alone" if names else "nothing"
        return (
            f"shows {only}, no gradient and no weight; show dW and db, or W and b after each step"
        )
    if len(changing) < min(ENOUGH, count):
        return (
            f"shows gradients or weights in {len(changing)} of {count} tasks; declare what your "
            f"program supports, so that it is given no others"
        )
    if not any(map(tries, runs)):
        return "shows a part of the first step alone; show dW and db, or W and b, of every step"
    return _sizes_that_hide(tasks) or ("every gradient is 0" if not any(map(_moves, runs)) else "")


def _sizes_that_hide(tasks: Sequence[Task]) -> str:
    """Why errors cannot show with the sizes of these tasks, whatever their numbers
    are.
    """
    if all({*task.sizes} == {1} for task in tasks):
        return "every layer has one unit, so that sums and transposes cannot show"
    if all(task.sizes[-1] == 1 and chooses(task.activations[-1], task.loss) for task in tasks):
        return "of one class alone every output is 1, so that errors cannot show"
    return ""


def tries(run: Run) -> bool:
    """Whether what is shown of a task tells of its gradients and of its steps: weights,
    or what comes of them in a later step.
    """
    layers = {layer for step in run.steps for name, layer in step.arrays if name == "W"}
    later = len(run.steps) == 1 or any(step.arrays for step in run.steps[1:])
    return _shows_changes(run) and (later or len(layers) == len(run.W))


def is_finite(run: Run) -> bool:
    """Whether every number that is shown is finite, but for the loss, of which nothing
    else is made.
    """
    shown = (item for step in run.steps for item in step.arrays.items())
    return all(name == "loss" or np.isfinite(array).all() for (name, _), array in shown)


def _shows_changes(run: Run) -> bool:
    return any(name in CHANGING for step in run.steps for name, _ in step.arrays)


def _moves(run: Run) -> bool:
    """Whether any gradient that is shown is not 0, or any weight is another than at the
    start.
    """
    for step in run.steps:
        for (name, layer), array in step.arrays.items():
            if name in ("W", "b"):
                start = getattr(run, name)[layer - 1]
                if array.shape != start.shape or (array != start).any():
                    return True
            elif name in CHANGING and array.any():
                return True
    return False
