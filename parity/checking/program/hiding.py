"""refnet and parity, out of the sight of a program that is checked.

It is a courtesy to those who would compare a program with itself without noticing, and
no wall. A file may import both for what it does when it is run by itself; what it takes
of them cannot be used while it is checked.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

HIDDEN = ("refnet", "parity")


def hide() -> None:
    """Take both out of what is imported, and stand in their place."""
    for name in [each for each in sys.modules if _is_hidden(each)]:
        del sys.modules[name]
    sys.meta_path.insert(0, Finder())


def _is_hidden(name: str) -> bool:
    return name.partition(".")[0] in HIDDEN


class Finder(MetaPathFinder, Loader):
    """Finds an empty module where a hidden one is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The specification of the empty module."""
        return ModuleSpec(name, self, is_package=True) if _is_hidden(name) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The empty module."""
        return Empty(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing in it to run."""


class Empty(ModuleType):
    """A module in which every name stands for something that cannot be used."""

    __all__: Sequence[str] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unavailable(f"{self.__name__}.{name}")


class Unavailable:
    """What stands for something hidden: it can be named, and not called."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unavailable(f"{self._name}.{name}")

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Errors: ImportError."""
        package = self._name.partition(".")[0]
        raise ImportError(f"{self._name} is called, but {package} is hidden while it checks a file")
