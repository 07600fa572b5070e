"""A function and its derivative, in the forms in which people have them: two functions,
an object that goes forward and backward, or a function of PyTorch's tensors.
"""

from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, getmro, isclass, signature
from typing import Any

Function = Callable[..., Any]
# what a layer and a loss of other libraries call them
FORWARD, BACKWARD = "forward", "backward"


def goes_both_ways(program: Any) -> bool:
    """Whether it is an object that goes forward and backward by methods of its own."""
    return all(callable(getattr(program, name, None)) for name in (FORWARD, BACKWARD))


def by_methods(program: Any) -> tuple[Function, Function]:
    """forward(x, ...), and pullback(g, x, ...), which goes forward before it goes
    backward with as many arguments as its method takes: g, the inputs, or none.
    """

    def pullback(g: Any, *given: Any) -> Any:
        program.forward(*given)
        return program.backward(*_as_many(program.backward, (g,), given))

    pullback.__name__ = BACKWARD
    return program.forward, pullback


def _as_many(method: Function, g: tuple[Any, ...], given: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a method is called with: nothing, g, or what it went forward with."""
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    every = [each for each in signature(method).parameters.values() if each.kind in kinds]
    needed = [each for each in every if each.default is Parameter.empty]
    count = max(len(needed), min(len(every), 1))
    return g if count == 1 else given if count else ()


def by_autograd(program: Function) -> tuple[Function, Function]:
    """The same of a function of PyTorch's tensors, differentiated by autograd.
    Errors: ModuleNotFoundError where PyTorch is not installed.
    """
    room = autograd()
    return room.forward(program), room.pullback(program)


def autograd() -> Any:
    """What differentiates by PyTorch's autograd. Errors: ModuleNotFoundError."""
    try:
        return import_module("parity.steps.pytorch.autograd")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            "check: what has no derivative of its own is differentiated by PyTorch: "
            'python -m pip install -e ".[parity]"',
            name="torch",
        ) from None


def functions_of(role: str, program: Any, derivative: Function | None) -> tuple[Function, Function]:
    """The function and its derivative where that is given; else forward, and pullback
    of what is given alone, or of what a class makes.

    Errors: TypeError for what cannot be called.
    """
    program = _made_of(role, program) if isclass(program) else program
    if derivative is None and goes_both_ways(program):
        return by_methods(program)
    for name, function in ((role, program), ("its derivative", derivative)):
        if function is not None and not callable(function):
            kind = type(function).__name__
            raise TypeError(f"check: {name} has type {kind}, expected a function")
    return by_autograd(program) if derivative is None else (program, derivative)


def _made_of(role: str, kind: Any) -> Any:
    """What a class makes, or of torch.autograd.Function the function that it is for."""
    if any(each.__module__ == "torch.autograd.function" for each in getmro(kind)):
        return kind.apply
    try:
        return kind()
    except TypeError as error:
        raise TypeError(
            f"check: {role} has the class {kind.__name__}, expected an object of it, or one that "
            f"is made without arguments ({error})"
        ) from error


def of_a_number(pullback: Function, derivative: Function | None) -> Function:
    """The gradient of a number: the derivative that is given, or the pullback of 1."""
    return derivative or (lambda *given: pullback(1.0, *given))
