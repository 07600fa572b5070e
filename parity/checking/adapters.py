"""From what somebody has, a file or a module, `gradient` or `step`, to `run`."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

from parity.checking.calls import Program, message_of, place_of
from parity.checking.declaration import NAMES
from parity.checking.tasks import Task


class Unusable(Exception):
    """There is no program to check: no such file, no such name, or an error when it was
    imported.
    """


def _in_words(error: BaseException) -> str:
    """Type, place and message of an exception."""
    return f"{place_of(error)} ({message_of(error)})"


def from_gradient(gradient: Callable[..., Any]) -> Program:
    """`run` made of gradient(W, b, x, y), which returns (dW, db) or (loss, dW, db):
    parity takes the steps of plain SGD.
    """

    def run(task: Task) -> Iterator[dict[str, Any]]:
        W, b = task.W, task.b
        for x, y, lr in task.steps:
            # copies: the function may work in its arrays
            *loss, dW, db = gradient(
                [array.copy() for array in W], [array.copy() for array in b], x, y
            )
            W = [np.asarray(array) - lr * np.asarray(g) for array, g in zip(W, dW, strict=True)]
            b = [
                np.asarray(array) - lr * np.reshape(g, np.shape(array))
                for array, g in zip(b, db, strict=True)
            ]
            yield {"loss": loss[0] if loss else None, "dW": dW, "db": db, "W": W, "b": b}

    return _plain_sgd(run, gradient)


def from_step(step: Callable[..., Any]) -> Program:
    """`run` made of step(W, b, x, y, lr), which returns (W, b) after a step of plain
    SGD.
    """

    def run(task: Task) -> Iterator[dict[str, Any]]:
        W, b = task.W, task.b
        for x, y, lr in task.steps:
            W, b = map(
                list,
                step([np.array(array) for array in W], [np.array(array) for array in b], x, y, lr),
            )
            yield {"W": W, "b": b}

    return _plain_sgd(run, step)


def _plain_sgd(run: Any, program: Any) -> Program:
    """`run` with the declarations of the program that it was made of; its optimizer is
    the plain SGD that is done here or there.
    """
    # declaration_of looks for a module's names where the wrapped function was defined
    run.__wrapped__, run.__name__ = program, getattr(program, "__name__", "run")
    for name in NAMES:
        if hasattr(program, name):
            setattr(run, name, getattr(program, name))
    run.optimizers, run.settings = ("sgd",), ()
    return run


# what a module may have instead of `run`, and what makes `run` of it
ADAPTED = {"gradient": from_gradient, "step": from_step}


# loading


def load(target: str) -> Program:
    """The function FILE_OR_MODULE[:NAME]: `run`, else `gradient` or `step`, adapted.
    Errors: Unusable.
    """
    place, name = split(target)
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
    return ADAPTED[known](program) if known in ADAPTED else program


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
        raise Unusable(f"{place}: importing it raised {_in_words(error)}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's module may raise anything
        raise Unusable(f"{place}: importing it raised {_in_words(error)}") from None


def _of_file(path: Path) -> Any:
    spec = spec_from_file_location(f"checked_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise Unusable(f"{path}: is no Python file, expected one that ends in .py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
