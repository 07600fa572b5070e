"""The mutants of a program: one module for each edit of one of its functions."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.abc import InspectLoader
from importlib.util import module_from_spec, spec_from_loader
from inspect import getsource
from types import ModuleType

from parity.experiments.mutations.mechanical import right_program
from parity.experiments.mutations.mechanical.edits import edits

# what holds the arrays is no formula
LEFT_ALONE = ("_empty",)


@dataclass(frozen=True)
class Mutant:
    """A program with one edit: where it is, what it is, and the whole source."""

    function: str
    line: int
    words: str
    source: str = field(repr=False)

    @property
    def name(self) -> str:
        """The edit on one line."""
        return f"{self.function}, line {self.line}: {self.words}"

    def program(self) -> ModuleType:
        """The module that the source makes."""
        return program_of(self.name, self.source)


def program_of(name: str, source: str) -> ModuleType:
    """The module of a source."""
    spec = spec_from_loader(name, _Source(source))
    if spec is None or spec.loader is None:
        raise ImportError(f"mutants: {name} has no loader, expected one")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Source(InspectLoader):
    """Loads the module of a source that stands in no file."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, fullname: str) -> str:
        """The source, whatever the module is called."""
        return self.source


@cache
def mutants(program: ModuleType = right_program) -> tuple[Mutant, ...]:
    """Every mutant of a program, in the order of its source."""
    return tuple(_mutants(getsource(program)))


def _mutants(source: str) -> Iterator[Mutant]:
    lines = source.splitlines()
    for function in ast.parse(source).body:
        if isinstance(function, ast.FunctionDef) and function.name not in LEFT_ALONE:
            above, below = lines[: function.lineno - 1], lines[function.end_lineno :]
            for edited in edits(function):
                text = "\n".join([*above, edited.text, *below])
                yield Mutant(function.name, edited.line, edited.words, text)
