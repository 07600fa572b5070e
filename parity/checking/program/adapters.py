"""From what somebody has, `gradient` or `step`, to `run`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from parity.checking.program.given import Array, GivenTask
from parity.checking.program.guarded import Function
from parity.checking.program.origin import attribute, name_of
from parity.checking.program.outcome import Unreadable
from parity.checking.program.reading import PER_LAYER, kind_of, per_layer

Arrays: TypeAlias = Sequence[Any]  # one array per layer, None where there is none


def from_gradient(gradient: Callable[..., Any]) -> Function:
    """`run` made of gradient(W, b, x, y), which returns (dW, db) or (loss, dW, db):
    parity takes the steps of plain SGD.

    A network without biases may return None for db.
    """
    name, want = name_of(gradient), "(dW, db) or (loss, dW, db)"

    def run(task: GivenTask) -> Iterator[dict[str, Any]]:
        W: Arrays = task.W
        b: Arrays = task.b
        for x, y, lr in task.steps:
            if not _go_on(task, W, b):
                yield {}
                continue
            # copies: the function may work in its arrays
            returned = gradient(_copies(W), _copies(b), x, y)
            *loss, dW, db = _values(name, returned, want, 2, 3)
            dW, db = _layers(name, "dW", dW, task), _biases(name, "db", db, task)
            W = _stepped(W, dW, lr)
            b = _still(b) if db is None else _stepped(b, db, lr)
            shown = {"dW": dW, "db": db, "W": W, "b": None if db is None else b}
            yield {"loss": loss[0] if loss else None, **shown}

    return _plain_sgd(run, gradient, "db")


def from_step(step: Callable[..., Any]) -> Function:
    """`run` made of step(W, b, x, y, lr), which returns (W, b) after a step of plain
    SGD.

    A network without biases may return None for b.
    """
    name = name_of(step)

    def run(task: GivenTask) -> Iterator[dict[str, Any]]:
        W: Arrays = task.W
        b: Arrays = task.b
        for x, y, lr in task.steps:
            if not _go_on(task, W, b):
                yield {}
                continue
            returned = step(_copies(W), _copies(b), x, y, lr)
            W, shown = _values(name, returned, "(W, b)", 2)
            W, shown = _layers(name, "W", W, task), _biases(name, "b", shown, task)
            b = _still(b) if shown is None else shown
            yield {"W": W, "b": shown}

    return _plain_sgd(run, step, "b")


def _plain_sgd(run: Any, program: Any, biases: str) -> Function:
    """`run` with the declarations of the program that it was made of, and with the name
    of what says how the `biases` change; its optimizer is the plain SGD that is done
    here or there.
    """
    # declarations are looked for in what a function wraps
    run.__wrapped__, run.__name__ = program, name_of(program)
    run.optimizers, run.settings, run.adapted = ("sgd",), (), biases
    return run


def adapted(program: Any) -> str:
    """Of a program that was made of `gradient` or `step`, which cannot be told an
    activation or a loss, what says how the biases change: "db" or "b"; else "".
    """
    marked = attribute(program, "adapted")
    return marked if marked in ("db", "b") else ""


# what a module may have instead of `run`, and what makes `run` of it
ADAPTED = {"gradient": from_gradient, "step": from_step}


# what is returned, and what can be stepped with


def _values(name: str, returned: Any, want: str, *counts: int) -> list[Any]:
    """The values that a function returned.
    Errors: Unreadable for another number of them.
    """
    values = per_layer(returned)
    if values is None:
        raise Unreadable(name, f"returned {kind_of(returned)}", want)
    if len(values) not in counts:
        raise Unreadable(name, f"returned {len(values)} values", want)
    return values


def _layers(name: str, quantity: str, value: Any, task: GivenTask) -> list[Any]:
    """One array for each layer. Errors: Unreadable where there are others."""
    arrays, depth = per_layer(value), len(task.sizes) - 1
    if arrays is None:
        raise Unreadable(name, f"{quantity} has {kind_of(value)}", PER_LAYER)
    if len(arrays) != depth:
        raise Unreadable(
            name,
            f"{quantity} is a list of length {len(arrays)} in a network of {depth} layers",
            PER_LAYER,
            "where the code fixes the number of layers, declare sizes, as in sizes = (3, 4, 2)",
        )
    for layer, array in enumerate(arrays, start=1):
        if array is None:
            raise Unreadable(name, f"{quantity} of layer {layer} is None", "an array")
    return arrays


def _biases(name: str, quantity: str, value: Any, task: GivenTask) -> list[Any] | None:
    """The same, or None for a network without biases."""
    arrays = per_layer(value)
    none_at_all = value is None or (arrays is not None and all(array is None for array in arrays))
    return None if none_at_all else _layers(name, quantity, value, task)


def _copies(arrays: Arrays) -> list[Array]:
    return [np.array(array) for array in arrays]


def _stepped(arrays: Arrays, gradients: Arrays, lr: float) -> list[Array | None]:
    return [_descended(np.asarray(a), g, lr) for a, g in zip(arrays, gradients, strict=True)]


def _descended(array: Array, g: Any, lr: float) -> Array | None:
    """An array after a step, None where the gradient has another shape, which NumPy may
    stretch; but a row, a column and a vector are the same biases.
    """
    try:
        g = np.asarray(g)
        g = g.astype(np.float64) if g.dtype.kind == "O" else g
        biases = g.size == array.size == max(array.shape)
        g = g.reshape(array.shape) if biases else g
        return array - lr * g if g.shape == array.shape else None
    except (TypeError, ValueError):
        return None


def _still(b: Arrays) -> Arrays:
    """Biases of which no gradient is known: they stay where they are 0."""
    return [None if np.any(array) else array for array in b]


def _go_on(task: GivenTask, W: Arrays, b: Arrays) -> bool:
    """Whether the weights are such that the next step can start from them."""
    return all(
        np.shape(array) == given.shape
        for arrays, start in ((W, task.W), (b, task.b))
        for array, given in zip(arrays, start, strict=True)
    )
