"""What a task is made of: the values of each axis of the plan that a declaration
allows.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from parity.checking.tasks.declaration import CONSTANTS, SETTINGS, Declaration
from parity.mistakes.diagnosis.finding import in_words
from parity.mistakes.rules import ADAPTIVE_RULES
from parity.mistakes.search.replay import Run
from parity.steps.cases import TRAINABLE
from refnet.checks import Array
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS


class Shape(NamedTuple):
    """The widths of all layers, inputs first."""

    words: str
    sizes: tuple[int, ...]


# Neighbours differ, but for the layers that are square on purpose; and none is as wide
# as a batch has samples, so that an array that is turned does not fit.
SHAPES = (
    Shape("one hidden layer", (4, 6, 3)),
    Shape("two hidden layers", (2, 6, 4, 3)),
    Shape("square layers", (3, 3, 3, 3)),
    Shape("one output", (4, 6, 1)),
    Shape("three hidden layers", (4, 6, 2, 4, 3)),
)
SPARE = 5  # a width that no shape has


def shapes(declared: Declaration) -> list[Shape]:
    """The declared sizes, or all shapes; a width that is the declared size of a batch
    becomes another one.
    """
    if declared.sizes:
        return [Shape("", declared.sizes)]
    taken = declared.batch if declared.batch != 1 else None
    return [
        Shape(words, tuple(SPARE if size == taken else size for size in sizes))
        for words, sizes in SHAPES
    ]


class Course(NamedTuple):
    """How many samples the batches have, the last one too, and how many steps there
    are: three, where no number is given.
    """

    words: str
    batch: int
    last: int | None = None
    steps: int | None = None


LONG = 7  # steps
COURSES = (
    Course("5 samples", 5),
    Course("11 samples, 7 in the last batch", 11, last=7),
    Course("one sample", 1),
    Course(f"{LONG} steps of 5 samples", 5, steps=LONG),
    Course("13 samples", 13),
)


def courses(declared: Declaration) -> list[Course]:
    """All courses, or those that the declared size of a batch allows."""
    if declared.batch is None:
        return [*COURSES]
    words = "one sample" if declared.batch == 1 else f"{declared.batch} samples"
    return [
        Course(words, declared.batch),
        Course(f"{LONG} steps of {words}", declared.batch, steps=LONG),
    ]


def lengthened(course: Course) -> Course:
    """The same batches in a long task."""
    if (course.steps or 0) >= LONG:
        return course
    return course._replace(words=f"{LONG} steps of {course.words}", steps=LONG)


class Hidden(NamedTuple):
    """Activations that hidden layers have in turn, from the first layer on."""

    words: str
    names: tuple[str, ...]


def hidden(declared: Declaration) -> list[Hidden]:
    """Each declared activation in the first hidden layer, and the others after it; or
    alone, where all hidden layers have the same.
    """
    names = declared.activations or TRAINABLE
    if declared.same_hidden or len(names) == 1:
        return [Hidden(name, (name,)) for name in names]
    return [Hidden(f"{name} first", names[i:] + names[:i]) for i, name in enumerate(names)]


class Ending(NamedTuple):
    """The output activation, the loss, and the kind of targets."""

    words: str
    output: str
    loss: str
    targets: str


def chooses(output: str, loss: str) -> bool:
    """Whether an ending chooses among classes: of one alone, everything is certain, and
    there is nothing to learn.
    """
    return output == "softmax" or loss in ("cross_entropy", "softmax_cross_entropy")


def endings(declared: Declaration) -> list[Ending]:
    """Every loss behind every output activation that it allows, with every kind of
    targets.
    """
    return [
        Ending(
            f"{output} before {loss}{f' on {kind}' if len(kinds) > 1 else ''}", output, loss, kind
        )
        for loss in declared.losses or LOSSES
        for output in declared.outputs_behind(loss)
        for kinds in [declared.kinds_of(loss)]
        for kind in kinds
    ]


class Rule(NamedTuple):
    """An optimizer with its settings; and a change to the data that makes them show."""

    words: str
    optimizer: str
    settings: dict[str, Any]
    edit: Callable[[Run], Run] = lambda run: run

    @property
    def remembers(self) -> bool:
        """Whether it keeps a state from step to step."""
        return self.optimizer in ADAPTIVE_RULES or "momentum" in self.settings


def silent_input(run: Run) -> Run:
    """The run in which one input is 0 from the second step on: the gradient of its
    weights is 0 then, and v falls step after step whatever the betas are, as it must
    for amsgrad to show.
    """

    def silenced(x: Array) -> Array:
        x = x.copy()
        x[:, 0] = 0
        return x

    steps = (
        replace(step, x=silenced(step.x)) if number else step
        for number, step in enumerate(run.steps)
    )
    return replace(run, steps=tuple(steps))


# far from the defaults, and from 0 and 1
OTHER = {
    "momentum": 0.7,
    "dampening": 0.3,
    "nesterov": True,
    "weight_decay": 0.3,
    "amsgrad": True,
    "centered": True,
    "lr_decay": 0.2,
    "initial_accumulator_value": 0.1,
    "betas": (0.7, 0.9),
    "eps": 0.01,
    "alpha": 0.8,
}
# v falls within a few steps in every part, where the betas may be others
BETAS_OF_AMSGRAD = (0.7, 0.4)
NEEDS = {"dampening": ("momentum",), "nesterov": ("momentum",)}
EITHER = ("dampening", "nesterov")  # PyTorch refuses both together
# at 0.1 seven steps of networks of identity or leaky_relu leave the numbers that floats
# have; at 0.05 no weight of 1,920 tasks passed 30
RATE = {"sgd": 0.05}
ADAPTIVE_RATE = 0.1
# of many rules every fourth is plain SGD, or what comes first: a program that knows no
# other, and refuses the rest, is given enough to judge it by
EVERY = 3


def defaults(optimizer: str) -> dict[str, Any]:
    """Its hyper-parameters as PyTorch has them by default."""
    settings: dict[str, Any] = {}
    return OPTIMIZERS[optimizer](**settings).hyperparameters


def rules(declared: Declaration) -> list[Rule]:
    """Every optimizer plain, with every setting that it knows alone, and with all that
    go together.
    """
    every = [
        _rule(optimizer, names)
        for optimizer in declared.optimizers or OPTIMIZERS
        for names in _settings(declared, optimizer)
    ]
    if len(every) <= 2 * EVERY:
        return every
    first, others = every[0], every[1:]
    parts = [others[i : i + EVERY] for i in range(0, len(others), EVERY)]
    return [rule for part in parts for rule in (first, *part)]


def _settings(declared: Declaration, optimizer: str) -> Iterator[tuple[str, ...]]:
    """The settings that a task has other than by default, for all tasks of an
    optimizer. The constants that are known are others wherever anything is.
    """
    has = [
        name
        for name in defaults(optimizer)
        if declared.settings is None or name in declared.settings
    ]
    known = tuple(name for name in SETTINGS if name in has)
    constants = tuple(name for name in CONSTANTS if name in has)
    alone = [(*NEEDS.get(name, ()), name) for name in known]
    apart = [tuple(n for n in known if n != other) for other in EITHER if set(EITHER) <= set(known)]
    together = [(*_needed(names), *names) for names in apart or [known]]
    yield ()
    yield from (
        (*names, *constants) for names in dict.fromkeys([*alone, *together]) if names or constants
    )


def _needed(names: tuple[str, ...]) -> tuple[str, ...]:
    needed = (each for name in names for each in NEEDS.get(name, ()))
    return tuple(dict.fromkeys(each for each in needed if each not in names))


def _rule(optimizer: str, names: tuple[str, ...]) -> Rule:
    settings: dict[str, Any] = {"lr": RATE.get(optimizer, ADAPTIVE_RATE)}
    settings |= {name: OTHER[name] for name in names}
    if {"amsgrad", "betas"} <= set(names):
        settings["betas"] = BETAS_OF_AMSGRAD
    words = OPTIMIZERS[optimizer].__name__ + (f" with {in_words(names)}" if names else "")
    return Rule(words, optimizer, settings, *([silent_input] if "amsgrad" in names else []))
