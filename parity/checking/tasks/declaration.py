"""What somebody's program supports, and how it lays out its arrays."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from parity.checking.program.names import KINDS
from parity.checking.program.origin import Beside, Names, declared
from parity.checking.program.outcome import NOTE, Problem
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.catalogue.own_constants import TYPICAL
from parity.steps.cases import DTYPES, TRAINABLE, outputs_of, targets_of
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

SETTINGS = (
    "momentum",
    "dampening",
    "nesterov",
    "weight_decay",
    "amsgrad",
    "centered",
    "lr_decay",
    "initial_accumulator_value",
)
# settings that an optimizer cannot be without; named, they take other values than
# PyTorch's, too
CONSTANTS = ("betas", "eps", "alpha")
KNOWN = {
    "activations": TRAINABLE,
    "outputs": TRAINABLE,
    "losses": tuple(LOSSES),
    "optimizers": tuple(OPTIMIZERS),
    "settings": SETTINGS + CONSTANTS,
    "dtype": DTYPES,
    "layout": ("out_in", "in_out"),
    "samples": ("rows", "columns"),
    "targets": ("labels", "one_hot", "distributions"),
}


# numbers in the arrays of a task, 16 MB of float64: judging takes twenty times that;
# layers: a search goes down into itself, layer by layer
MOST, DEEPEST = 2 * 10**6, 50
ANY = "any"  # for all that there is
USUAL = (4, 6, 4)  # where no sizes are declared


class Undeclared(ValueError):
    """What is declared is not what can be declared, or too little."""


@dataclass(frozen=True)
class Declaration:
    """What a program supports, None for everything, and the layout of its arrays.

    `settings` are the hyper-parameters that its optimizers are told, all others have
    PyTorch's defaults. `batch` is the number of samples that every batch has, `bias`
    whether the layers have biases, `same_hidden` that all hidden layers have one
    activation, `slope` that of its leaky_relu, None where it is told. `conventions` are
    the ids of what it does otherwise than PyTorch on purpose.
    """

    activations: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None
    optimizers: tuple[str, ...] | None = None
    settings: tuple[str, ...] | None = None
    sizes: tuple[int, ...] | None = None
    batch: int | None = None
    bias: bool = True
    same_hidden: bool = False
    dtype: tuple[str, ...] = DTYPES[:1]
    layout: str = "out_in"
    samples: str = "rows"
    slope: float | None = None
    targets: str | None = None
    conventions: tuple[str, ...] = ()

    @property
    def followed(self) -> tuple[str, ...]:
        """The conventions by which it is judged: those without a constant, for which
        constant it has is to be read off its numbers.
        """
        fixed = tuple(name for name in self.conventions if name not in TYPICAL.by_id)
        return fixed if self.bias else (*fixed, "no-biases")

    def outputs_behind(self, loss: str) -> tuple[str, ...]:
        """The output activations that the loss allows: of the declared outputs; without
        those, of the declared activations, where it allows any; else of all.
        """
        allowed = outputs_of(loss)
        if self.outputs is not None:
            return tuple(name for name in self.outputs if name in allowed)
        return tuple(name for name in self.activations or () if name in allowed) or allowed

    def kinds_of(self, loss: str) -> tuple[str, ...]:
        """The kinds of targets that a case of the loss may have."""
        only = {"labels": "labels", "one_hot": "labels", "distributions": "distributions"}.get(
            self.targets or ""
        )
        return tuple(
            kind for kind in targets_of(loss) if kind == only or only not in targets_of(loss)
        )


def declaration(**given: Any) -> Declaration:
    """The declaration of what is given, with every name checked; None counts as not
    given, and so does "any", which takes the place of what a file says.

    Errors: ValueError for an unknown name.
    """
    for name in given:
        if name not in KINDS:
            raise Undeclared(
                f"declaration: has the name {name!r}, expected one of {', '.join(KINDS)}"
            )
    declared = Declaration(
        **{
            name: _checked(name, value)
            for name, value in given.items()
            if value is not None and not (isinstance(value, str) and value == ANY)
        }
    )
    sizes, batch = declared.sizes or USUAL, declared.batch or 1
    if sum(into * out for into, out in pairwise(sizes)) + batch * sum(sizes) > MOST:
        raise Undeclared(
            f"declaration: sizes = {sizes} and batch = {batch} ask for more than {MOST:,} numbers, "
            f"expected a small network"
        )
    return declared


def _checked(name: str, value: Any) -> Any:
    """The declared value as a known name, or as a tuple of known names."""
    kind = KINDS[name]
    if kind == "name":
        return _among(name, value, KNOWN[name])
    if kind == "flag":
        return _flag(name, value)
    if kind == "number":
        return _slope(value)
    if kind == "integer":
        return _batch(value)
    if not isinstance(value, list | tuple | set | frozenset):
        value = (value,)
    if kind == "integers":
        return _sizes(value)
    if kind == "dtype":
        value = tuple(getattr(each, "__name__", str(each)) for each in value)
    if name == "conventions":
        return tuple(map(_convention, value))
    return tuple(_among(name, each, KNOWN[name]) for each in value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        message = f"declaration: {name} has {value!r}, expected True or False"
        raise Undeclared(message)
    return bool(value)


def _slope(value: Any) -> float:
    is_number = isinstance(value, int | float | np.floating | np.integer)
    if isinstance(value, bool) or not is_number or not abs(value) < math.inf:
        message = f"declaration: slope has {value!r}, expected a number"
        raise Undeclared(message)
    return float(value)


def _batch(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise Undeclared(f"declaration: batch has {value!r}, expected an integer >= 1")
    return int(value)


def _sizes(value: Iterable[Any]) -> tuple[int, ...]:
    sizes = tuple(value)
    if len(sizes) < 2 or not all(
        isinstance(size, int | np.integer) and size >= 1 for size in sizes
    ):
        raise Undeclared(
            f"declaration: sizes has {str(sizes)[:80]}, expected at least two integers >= 1"
        )
    if len(sizes) > DEEPEST + 1:
        has = f"sizes has {len(sizes) - 1} layers"
        raise Undeclared(f"declaration: {has}, expected at most {DEEPEST}")
    return tuple(map(int, sizes))


def _convention(name: Any) -> str:
    """What is wrong cannot be declared away."""
    allowed = [each for each, mistake in BY_ID.items() if mistake.declarable]
    if name in BY_ID and name not in allowed:
        raise Undeclared(
            f"declaration: conventions has {name!r}, which is a mistake, expected a convention: "
            f"{', '.join(allowed)}"
        )
    return _among("conventions", name, allowed)


def _among(name: str, value: Any, known: Iterable[str]) -> str:
    if value not in known:
        raise Undeclared(f"declaration: {name} has {value!r}, expected one of {', '.join(known)}")
    return str(value)


def declaration_of(
    program: Callable[..., Any], names: Names | None = None, **given: Any
) -> Declaration:
    """The declaration of a program: by keyword, else by an attribute of the function,
    else by a name in its file, which are `names`, else by one in the module that the
    function comes from.

    Errors: ValueError for an unknown name.
    """
    return declaration_with(declared(program, names), given)


def declaration_with(said: Names, given: Names) -> Declaration:
    """The declaration of what a program says, and before that of what is `given`.
    Errors: ValueError for an unknown name.
    """
    return declaration(**{**said, **{k: value for k, value in given.items() if value is not None}})


def ignored(looks: Iterable[Beside]) -> Iterator[Problem]:
    """What looks like a declaration in the program's file, and is none: a name that is
    nearly right, or a value that is no name.
    """
    for name, meant, kind, values in looks:
        known = KNOWN.get(meant, ())
        if name != meant and values and all(value in known for value in values):
            yield _note(f"the file has {name!r}", f"{meant!r}")
        elif name == meant:
            expected = f"one of {', '.join(known)}" if known else "a number"
            yield _note(f"{name} has type {kind}", expected)


def _note(got: str, expected: str) -> Problem:
    return Problem(NOTE, got, expected, "it is ignored", where="declaration")
