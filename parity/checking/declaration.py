"""What somebody's program supports, and how it lays out its arrays."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from inspect import unwrap
from typing import Any

import numpy as np

from parity.mistakes.catalogue.index import BY_ID
from parity.steps.cases import DTYPES, TRAINABLE, Case, outputs_of, targets_of
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
KNOWN = {
    "activations": TRAINABLE,
    "outputs": TRAINABLE,
    "losses": tuple(LOSSES),
    "optimizers": tuple(OPTIMIZERS),
    "settings": SETTINGS,
    "dtype": DTYPES,
    "layout": ("out_in", "in_out"),
    "samples": ("rows", "columns"),
    "targets": ("labels", "one_hot", "distributions"),
}


@dataclass(frozen=True)
class Declaration:
    """What a program supports, None for everything, and the layout of its arrays.

    `settings` are the optional hyper-parameters that its optimizers know, `conventions`
    the ids of what it does otherwise than PyTorch on purpose.
    """

    activations: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None
    optimizers: tuple[str, ...] | None = None
    settings: tuple[str, ...] | None = None
    sizes: tuple[int, ...] | None = None
    dtype: tuple[str, ...] = DTYPES[:1]
    layout: str = "out_in"
    samples: str = "rows"
    targets: str | None = None
    conventions: tuple[str, ...] = ()

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

    def knows(self, case: Case) -> bool:
        """Whether it knows the update rule of a case."""
        asked = [name for name in case.settings if name in SETTINGS]
        return case.optimizer in (self.optimizers or OPTIMIZERS) and (
            self.settings is None or set(asked) <= set(self.settings)
        )

    def fits(self, case: Case) -> bool:
        """Whether it supports a case."""
        known = set(case.hidden) <= set(self.activations or TRAINABLE) and case.loss in (
            self.losses or LOSSES
        )
        reads = case.output in self.outputs_behind(case.loss) and case.targets in self.kinds_of(
            case.loss
        )
        return known and reads and self.knows(case) and self.sizes in (None, case.sizes)


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


def declaration_of(program: Callable[..., Any], **given: Any) -> Declaration:
    """The declaration of a program: by keyword, else by an attribute of the function,
    else by a name in its module.

    Errors: ValueError for an unknown name.
    """
    module = getattr(unwrap(program), "__globals__", {})
    attributes = {name: getattr(program, name) for name in NAMES if hasattr(program, name)}
    keywords = {name: value for name, value in given.items() if value is not None}
    names = {name: module[name] for name in NAMES if name in module}
    return declaration(**names | attributes | keywords)


def _checked(name: str, value: Any) -> Any:
    """The declared value as a known name, or as a tuple of known names."""
    if name in ("layout", "samples", "targets"):
        return _among(name, value, KNOWN[name])
    if not isinstance(value, list | tuple | set | frozenset):
        value = (value,)
    if name == "sizes":
        return _sizes(value)
    if name == "dtype":
        value = tuple(getattr(each, "__name__", str(each)) for each in value)
    known = KNOWN.get(name, tuple(BY_ID))
    return tuple(_among(name, each, known) for each in value)


def _sizes(value: Iterable[Any]) -> tuple[int, ...]:
    sizes = tuple(value)
    if len(sizes) < 2 or not all(
        isinstance(size, int | np.integer) and size >= 1 for size in sizes
    ):
        raise ValueError(f"declaration: sizes has {sizes}, expected at least two integers >= 1")
    return tuple(map(int, sizes))


def _among(name: str, value: Any, known: Iterable[str]) -> str:
    if value not in known:
        raise ValueError(f"declaration: {name} has {value!r}, expected one of {', '.join(known)}")
    return str(value)


NAMES = tuple(each.name for each in fields(Declaration))
