"""The options by which whoever checks a program says what it can do, before all that
its file declares: one for each name of a declaration.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from parity.checking.program.names import EMPTY, KINDS
from parity.checking.tasks.declaration import ANY

# what is said of each name, and how its value is written
HELP = {
    "activations": ("the activations that it knows", "NAME[,NAME]"),
    "outputs": ("those of the last layer, where they are others", "NAME[,NAME]"),
    "losses": ("the losses that it knows", "NAME[,NAME]"),
    "optimizers": ("the optimizers that it knows", "NAME[,NAME]"),
    "settings": ("the settings of optimizers that it is told; '' for none", "NAME[,NAME]"),
    "sizes": ("the widths of all layers, inputs first, as in 4,6,3", "N,N[,N]"),
    "batch": ("the number of samples that every batch has", "N"),
    "bias": ("whether its layers have biases", None),
    "same_hidden": ("whether all hidden layers have one activation", None),
    "dtype": ("float64, float32 or both", "NAME[,NAME]"),
    "layout": ("of W: out_in or in_out", "NAME"),
    "samples": ("in rows or in columns", "NAME"),
    "slope": ("of its leaky_relu, where the code fixes it", "NUMBER"),
    "targets": ("of classes: labels, one_hot or distributions", "NAME"),
    "conventions": (
        "what it does on purpose in another way than PyTorch, by names of the catalogue",
        "ID[,ID]",
    ),
}
# by the kind of a name: the numbers in it, where it has any
NUMBERS: dict[str, Callable[[str], Any]] = {"integers": int, "integer": int, "number": float}


def add_declarations(parser: argparse.ArgumentParser) -> None:
    """An option for each name that a file can declare."""
    group = parser.add_argument_group(
        "what is declared for the program",
        "each counts before what its file declares; 'any' is all that there is, whatever that says",
    )
    for name, kind in KINDS.items():
        text, metavar = HELP[name]
        option = f"--{name.replace('_', '-')}"
        if kind == "flag":
            group.add_argument(option, action=argparse.BooleanOptionalAction, help=text)
        else:
            group.add_argument(option, type=partial(_value, name), metavar=metavar, help=text)


def _value(name: str, text: str) -> Any:
    """The value as it would stand in a file; what is no number is left as it is, for
    what cannot be declared is refused by its name.
    """
    if text == ANY:
        return text
    kind, number = KINDS[name], NUMBERS.get(KINDS[name], str)
    try:
        if kind in ("name", "integer", "number"):
            return number(text)
        return tuple(map(number, [] if name in EMPTY and not text else text.split(",")))
    except ValueError:
        return text
