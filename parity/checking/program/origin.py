"""What a program declares, wherever it comes from: a function, a partial of it, a
method, an object that can be called, or a function of another module.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from inspect import ismethod, ismodule
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from parity.checking.program.names import CHOSEN, EMPTY, KINDS

Names: TypeAlias = Mapping[str, Any]
# wrappers around wrappers that are looked into; more go in a circle
DEEPEST = 20


class Beside(NamedTuple):
    """A name beside a program that looks like a declaration and is none: what it may
    mean, the type of its value, and its values where those are texts.
    """

    name: str
    meant: str
    kind: str
    values: tuple[str, ...]


def beside(program: Any, names: Names | None = None) -> Iterator[Beside]:
    """What looks like a declaration in the program's file, and is none."""
    said = declared(program, names)
    for name, value in _beside(program, names).items():
        meant = NEARLY.get(name.lower(), name)
        if meant in KINDS and meant not in said and _is_data(value):
            entries = [*value] if _is_collection(value) else [value]
            texts = tuple(entries) if all(isinstance(each, str) for each in entries) else ()
            yield Beside(name, meant, type(value).__name__, texts)


def declared(program: Any, names: Names | None = None) -> dict[str, Any]:
    """Every name that is declared: by an attribute of the function, else by a name in
    its file, which are `names`, else by one in the module that it comes from.
    """
    attributes = [
        {name: attribute(each, name) for name in KINDS} for each in reversed([*_wrapped(program)])
    ]
    sources = [_beside(program, names), *attributes]
    return {
        name: value
        for source in sources
        for name, value in source.items()
        if name in KINDS and _declares(name, value)
    }


def attribute(program: Any, name: str) -> Any:
    """An attribute of somebody's object, None where it cannot be read."""
    try:
        return getattr(program, name, None)
    except Exception:  # noqa: BLE001 - a property is somebody's code too
        return None


def name_of(program: Any) -> str:
    """The name of a function, as it stands in its file."""
    name = attribute(program, "__name__")
    return name if isinstance(name, str) else "run"


def _beside(program: Any, names: Names | None) -> dict[str, Any]:
    """The names in the module that the program comes from, and in its file."""
    *_, innermost = _wrapped(program)
    return {**_names_of(innermost), **(names or {})}


def _wrapped(program: Any) -> Iterator[Any]:
    """The program, and what it wraps, down to the innermost."""
    for _ in range(DEEPEST):
        yield program
        inner = program.func if isinstance(program, partial) else None
        inner = getattr(program, "__wrapped__", inner)
        if inner is None:
            return
        program = inner


def _names_of(function: Any) -> dict[str, Any]:
    """The names in a function's module; of a method or an object, in those of its call
    and of its class.
    """
    if hasattr(function, "__globals__"):
        return dict(function.__globals__)
    owner = function.__self__ if ismethod(function) else function
    kind = owner if isinstance(owner, type) else type(owner)
    call = function.__func__ if ismethod(function) else kind.__call__
    module = sys.modules.get(kind.__module__)
    beside_the_class = vars(module) if module else {}
    return {**getattr(call, "__globals__", {}), **beside_the_class}


def _declares(name: str, value: Any) -> bool:
    """Whether a value can be meant as a declaration: names, or numbers; none are
    arrays, functions, modules, or the list in which a program keeps its losses.
    """
    entries = [*value] if _is_collection(value) else [value]
    if not entries:
        return name in EMPTY
    return all(isinstance(entry, _kind_of(name)) for entry in entries)


def _kind_of(name: str) -> Any:
    """The type of what is declared under a name, or of its entries."""
    kind = KINDS[name]
    if kind == "dtype":
        return str | type | np.dtype
    if kind == "number":
        return int | float | np.number
    return str if kind in ("name", "names") else int | np.integer | np.bool_


def _is_collection(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset)


def _is_data(value: Any) -> bool:
    """Whether a value is neither empty nor something that is called."""
    if callable(value) or ismodule(value) or value is None:
        return False
    return not _is_collection(value) or bool(value)


def _spellings(name: str) -> Iterator[str]:
    """Other spellings of a name: one of several, several of one, British ones."""
    yield name
    yield name.removesuffix("s") if name.endswith("s") else f"{name}s"
    if "optimizer" in name:
        yield from _spellings(name.replace("optimizer", "optimiser"))


NEARLY = {spelling: name for name in CHOSEN for spelling in _spellings(name)}
