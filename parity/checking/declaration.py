"""What somebody's program supports, and how it lays out its arrays."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

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
FLAGS = ("bias", "same_hidden")


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
    given.

    Errors: ValueError for an unknown name.
    """
    for name in given:
        if name not in NAMES:
            raise ValueError(
                f"declaration: has the name {name!r}, expected one of {', '.join(NAMES)}"
            )
    return Declaration(
        **{name: _checked(name, value) for name, value in given.items() if value is not None}
    )


def _checked(name: str, value: Any) -> Any:
    """The declared value as a known name, or as a tuple of known names."""
    if name in ("layout", "samples", "targets"):
        return _among(name, value, KNOWN[name])
    if name in FLAGS:
        return _flag(name, value)
    if name == "slope":
        return _slope(value)
    if name == "batch":
        return _batch(value)
    if not isinstance(value, list | tuple | set | frozenset):
        value = (value,)
    if name == "sizes":
        return _sizes(value)
    if name == "dtype":
        value = tuple(getattr(each, "__name__", str(each)) for each in value)
    if name == "conventions":
        return tuple(map(_convention, value))
    return tuple(_among(name, each, KNOWN[name]) for each in value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        message = f"declaration: {name} has {value!r}, expected True or False"
        raise ValueError(message)  # noqa: TRY004 - as all declarations
    return bool(value)


def _slope(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        message = f"declaration: slope has {value!r}, expected a number"
        raise ValueError(message)  # noqa: TRY004 - as all declarations
    return float(value)


def _batch(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"declaration: batch has {value!r}, expected an integer >= 1")
    return int(value)


def _sizes(value: Iterable[Any]) -> tuple[int, ...]:
    sizes = tuple(value)
    if len(sizes) < 2 or not all(
        isinstance(size, int | np.integer) and size >= 1 for size in sizes
    ):
        raise ValueError(f"declaration: sizes has {sizes}, expected at least two integers >= 1")
    return tuple(map(int, sizes))


def _convention(name: Any) -> str:
    """What is wrong cannot be declared away."""
    allowed = [each for each, mistake in BY_ID.items() if mistake.declarable]
    if name in BY_ID and name not in allowed:
        raise ValueError(
            f"declaration: conventions has {name!r}, which is a mistake, expected a convention: "
            f"{', '.join(allowed)}"
        )
    return _among("conventions", name, allowed)


def _among(name: str, value: Any, known: Iterable[str]) -> str:
    if value not in known:
        raise ValueError(f"declaration: {name} has {value!r}, expected one of {', '.join(known)}")
    return str(value)


NAMES = tuple(each.name for each in fields(Declaration))
