"""A layer of weighted sums in the forms in which people have it: two functions, an
object that keeps its own W and b, or a module of PyTorch.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from inspect import isclass
from typing import Any, NamedTuple

import numpy as np

from parity.checking.parts.called import Called, Shape, in_words
from parity.checking.parts.pairs import BACKWARD, FORWARD, autograd
from parity.checking.program.given import Array
from parity.checking.program.outcome import Unreadable
from parity.checking.program.reading import kind_of, per_layer

# what W and b, and what their gradients are called
PARAMETERS = (("weight", "bias"), ("W", "b"))
GRADIENTS = (("dW", "db"), ("weight_grad", "bias_grad"), ("grad_weight", "grad_bias"))


class Back(NamedTuple):
    """What goes backward out of a layer, None for what it does not compute."""

    dx: Array | None
    dW: Array | None
    db: Array | None


class Layer(NamedTuple):
    """What a layer is, called with W as (fan_out, fan_in).

    forward    z of x, W and b
    backward   from x, W, b and delta
    sizes      its inputs and outputs; None where it takes any
    """

    forward: Callable[[Array, Array, Array], Array]
    backward: Callable[[Array, Array, Array, Array], Back]
    sizes: Shape | None


def layer_of(
    forward: Any, backward: Callable[..., Any] | None, *, is_turned: bool, bias: bool
) -> Layer:
    """The layer that was given. Errors: TypeError for what is none."""
    if backward is not None:
        for role, function in ((FORWARD, forward), (BACKWARD, backward)):
            if not callable(function):
                kind = type(function).__name__
                raise TypeError(f"check_linear: {role} has type {kind}, expected a function")
        both = Called(FORWARD, forward), Called(BACKWARD, backward, spends=2)
        return _of_functions(*both, is_turned, bias)
    if isclass(forward):
        has = f"layer has the class {forward.__name__}"
        raise TypeError(f"check_linear: {has}, expected an object of it")
    names = next((each for each in PARAMETERS if getattr(forward, each[0], None) is not None), None)
    if names is None or not callable(getattr(forward, FORWARD, None)):
        has = f"layer has type {type(forward).__name__}"
        raise TypeError(f"check_linear: {has}, expected one with forward, and weight or W")
    return _of_object(forward, names, is_turned=is_turned, bias=bias)


def _of_functions(forward: Called, backward: Called, is_turned: bool, bias: bool) -> Layer:
    def z(x: Array, W: Array, b: Array) -> Array:
        given = (x, _turned(W, is_turned), *([b] if bias else []))
        return forward.array(*given, shapes=[(len(x), len(W))])

    def back(x: Array, W: Array, b: Array, delta: Array) -> Back:
        want = "(dx, dW, db)" if bias else "(dx, dW)"
        returned = backward(x, _turned(W, is_turned), delta, want=want)
        values = per_layer(returned)
        if values is None or len(values) not in ((3,) if bias else (2, 3)):
            has = kind_of(returned) if values is None else f"{len(values)} values"
            raise Unreadable(backward.where, f"returned {has}", want)
        values = [*values, None][:3]
        return _read(backward, values, x, W, is_turned=is_turned, bias=bias)

    return Layer(z, back, None)


class _Keeper:
    """An object that keeps W and b under these names, and goes backward by itself."""

    def __init__(self, layer: Any, names: tuple[str, str]) -> None:
        self._layer, self._names = layer, names
        self.forward, self.backward = layer.forward, layer.backward

    def begin(self, W: Array, b: Array | None) -> None:
        """Write its parameters, and let it forget gradients that it adds up."""
        for name, array in zip(self._names, (W, b), strict=True):
            setattr(self._layer, name, None if array is None else array.copy())
        if callable(getattr(self._layer, "zero_grad", None)):
            self._layer.zero_grad()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)


def _of_object(given: Any, names: tuple[str, str], *, is_turned: bool, bias: bool) -> Layer:
    """The layer of an object, or of a module of PyTorch, which has no backward."""
    layer = deepcopy(given)
    keeper, shape = _keeper_of(layer, names), _shape_of(layer, names, bias=bias)
    forward = Called(FORWARD, keeper.forward)
    backward = Called(BACKWARD, keeper.backward, spends=0)

    def z(x: Array, W: Array, b: Array) -> Array:
        keeper.begin(_turned(W, is_turned), b if bias else None)
        return forward.array(x, shapes=[(len(x), len(W))])

    def back(x: Array, W: Array, b: Array, delta: Array) -> Back:
        z(x, W, b)
        dx = backward(delta, want=in_words([x.shape]))
        values = dx, *_gradients(keeper, backward)
        return _read(backward, values, x, W, is_turned=is_turned, bias=bias)

    return Layer(z, back, shape if is_turned else shape[::-1])


def _keeper_of(layer: Any, names: tuple[str, str]) -> Any:
    """What begins a layer, and leads through it both ways. Errors: TypeError."""
    if callable(getattr(layer, BACKWARD, None)):
        return _Keeper(layer, names)
    if not callable(layer):
        has = f"layer has type {type(layer).__name__} and no backward"
        raise TypeError(f"check_linear: {has}, expected one with it, or a module of PyTorch")
    return autograd().AutogradLayer(layer, names)


def _shape_of(layer: Any, names: tuple[str, str], *, bias: bool) -> Shape:
    """The shape of its W. Errors: TypeError where that is no matrix, ValueError where
    there is no b.
    """
    try:
        shape = np.shape(getattr(layer, names[0]))
    except RuntimeError as error:  # of one of PyTorch's that waits for its first input
        raise TypeError(f"check_linear: {names[0]} has no shape yet, expected a matrix") from error
    if len(shape) != 2:
        raise TypeError(f"check_linear: {names[0]} has shape {shape}, expected a matrix")
    if bias and getattr(layer, names[1], None) is None:
        raise ValueError(f"check_linear: layer has no {names[1]}, expected one, or bias=False")
    return shape


def _gradients(layer: Any, backward: Called) -> tuple[Any, Any]:
    for dW, db in GRADIENTS:
        if hasattr(layer, dW):
            return getattr(layer, dW), getattr(layer, db, None)
    names = " or ".join(dW for dW, _ in GRADIENTS)
    raise Unreadable(backward.where, "leaves no gradient of W in the layer", f"it as {names}")


def _read(
    backward: Called, returned: Sequence[Any], x: Array, W: Array, *, is_turned: bool, bias: bool
) -> Back:
    """dx, dW and db as arrays of the shapes of x, W and b."""
    shapes = {"dx": x.shape, "dW": W.shape[:: -1 if is_turned else 1], "db": W.shape[:1]}
    arrays = {}
    for (name, shape), value in zip(shapes.items(), returned, strict=True):
        if value is None and name != "dx" and (bias or name == "dW"):
            raise Unreadable(backward.where, f"{name} is None", f"an array of shape {shape}")
        arrays[name] = None if value is None else backward.read(value, shape, name=name)
    dx, dW, db = arrays.values()
    return Back(dx, None if dW is None else _turned(dW, is_turned), db if bias else None)


def _turned(array: Array, turn: bool) -> Array:
    return np.ascontiguousarray(array.T) if turn and array.ndim == 2 else array
