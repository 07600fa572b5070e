"""A program in a file or a module: the function, and the names that stand beside it."""

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from parity.checking.program.adapters import ADAPTED
from parity.checking.program.guarded import Function, message_of, place_of
from parity.checking.program.hiding import HIDDEN
from parity.checking.program.outcome import Unusable


class Loaded(NamedTuple):
    """A program, and the names in the file that was loaded, wherever the program itself
    comes from.
    """

    program: Function
    names: Mapping[str, Any]


def load(target: str) -> Loaded:
    """The function FILE_OR_MODULE[:NAME]: `run`, else `gradient` or `step`, adapted.
    Errors: Unusable.
    """
    place, name = split(target)
    package = place.partition(".")[0]
    if package in HIDDEN and not Path(place).is_file():
        raise Unusable(f"{place}: {package} is hidden from what it checks")
    module = _module(place)
    names = [name] if name else ["run", *ADAPTED]
    known = next((each for each in names if hasattr(module, each)), None)
    if known is None:
        raise Unusable(
            f"{place}: has no {name or 'run'}, expected a function "
            f"run(case){'' if name else ', gradient or step'}"
        )
    program = getattr(module, known)
    if not callable(program):
        raise Unusable(f"{place}: {known} has type {type(program).__name__}, expected a function")
    return Loaded(ADAPTED[known](program) if known in ADAPTED else program, vars(module))


def split(target: str) -> tuple[str, str]:
    """FILE_OR_MODULE and NAME, or "" where none is given."""
    place, colon, name = target.rpartition(":")
    return (place, name) if colon and name.isidentifier() else (target, "")


def _module(place: str) -> Any:
    path = Path(place)
    is_file = path.suffix == ".py" or path.is_file()
    if is_file and not path.is_file():
        raise Unusable(f"{place}: there is no such file")
    sys.path.insert(0, str(path.resolve().parent) if is_file else str(Path.cwd()))
    try:
        return _of_file(path) if is_file else import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            raise Unusable(f"{place}: there is no such file or module") from None
        raise _not_imported(place, error) from None
    except Unusable:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's module may raise anything
        raise _not_imported(place, error) from None


RELATIVE = "attempted relative import with no known parent package"


def _not_imported(place: str, error: BaseException) -> Unusable:
    """What importing it raised: type, place and message of the exception."""
    message = message_of(error)
    return Unusable(
        f"{place}: importing it raised {place_of(error)}"
        + (f" ({message})" if message else "")
        + (_as_a_module(place) if message == RELATIVE else "")
    )


def _as_a_module(place: str) -> str:
    """How a file of a package is checked: by its module, from outside of it."""
    file = Path(place).resolve()
    root, names = file.parent.parent, [file.parent.name, file.stem]
    while (root / "__init__.py").is_file():
        root, names = root.parent, [root.name, *names]
    return f", expected its module: parity check {'.'.join(names)} in {root}"


class Source(SourceFileLoader):
    """Loads a file itself, and not what was compiled of it, which may be older."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of its source."""
        return self.source_to_code(self.get_data(self.path), self.path)


def _of_file(path: Path) -> Any:
    if path.suffix != ".py":
        raise Unusable(
            f"{path}: is no Python file, expected one that ends in .py, or --exec and a command"
        )
    name = f"checked_{path.stem}"
    loader = Source(name, str(path))
    module = module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    module.__file__ = str(path)
    sys.modules[name] = module
    loader.exec_module(module)
    return module
