"""An update rule in the forms in which people have it: a function of one array, a class
or an object that steps a list of them, or an optimizer of PyTorch's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from importlib import import_module
from inspect import Parameter, isclass, signature
from typing import Any, NamedTuple, TypeAlias

from parity.checking.parts.called import Called
from parity.checking.program.given import Array
from parity.checking.program.outcome import Unreadable
from parity.checking.program.reading import kind_of, per_layer

Settings: TypeAlias = Mapping[str, Any]
# from arrays, their gradients, the settings of this step, and its number from 1 on, to
# the arrays after the step
Step: TypeAlias = Callable[[Sequence[Array], Sequence[Array], Settings, int], list[Array]]
# what a parameter is called in other places; betas may be two of them
OTHERWISE = {"learning_rate": "lr", "epsilon": "eps"}
BETAS = (("beta1", "beta2"), ("beta_1", "beta_2"))
METHODS = ("step", "update")
# what the arrays are called that an optimizer is made with, and keeps
HELD = ("params", "parameters", "thetas")
# what the gradients are called where a method takes them first
GRADIENTS = ("gradients", "grads", "gradient", "grad", "g", "gs")
OPTIMIZER = "an optimizer"


class Rule(NamedTuple):
    """An update rule: what begins it anew, with settings; the settings that it can be
    given, and whether lr may change from step to step.
    """

    begin: Callable[[Settings], Step]
    takes: Callable[[str], bool]
    changes_lr: bool = False


def rule_of(given: Any) -> Rule:
    """The rule that was given. Errors: TypeError for what is none."""
    kind = given.func if isinstance(given, partial) else given
    if _is_torch_s(kind if isclass(kind) else type(kind)):
        if not isclass(kind):
            kind = type(given).__name__
            raise TypeError(f"check_optimizer: step has an object of {kind}, expected the class")
        return _of_torch(given)
    if isclass(kind):
        return _of_class(given)
    if any(callable(getattr(given, name, None)) for name in METHODS):
        return Rule(lambda settings: _of_object(deepcopy(given)), lambda name: False)
    if not callable(given):
        kind = type(given).__name__
        raise TypeError(f"check_optimizer: step has type {kind}, expected a function or a class")
    return _of_function(given)


def _of_function(given: Callable[..., Any]) -> Rule:
    """step(theta, gradient, ...), called for each array by itself, with a dict that
    keeps its state.
    """
    called, names = Called("step", given), _Names(given)

    def begin(settings: Settings) -> Step:
        states: dict[int, Any] = {}

        def step(
            thetas: Sequence[Array], gradients: Sequence[Array], h: Settings, t: int
        ) -> list[Array]:
            after = []
            for i, (theta, g) in enumerate(zip(thetas, gradients, strict=True)):
                state = states.setdefault(i, {})
                named = names.of({**h, "state": state, "t": t})
                array = theta.copy()
                returned = called.called(array, g.copy(), want="theta", **named)
                if isinstance(returned, tuple) and len(returned) == 2:
                    returned, states[i] = returned
                after.append(_after(called, array, returned))
            return after

        return step

    return Rule(begin, names.takes, changes_lr=names.takes("lr"))


def _of_class(given: Callable[..., Any]) -> Rule:
    """A class that is made with settings, and steps all arrays at once."""
    names, called = _Names(given), Called("step", given)

    def begin(settings: Settings) -> Step:
        if names.first in HELD:
            return _of_holder(partial(called.called, want=OPTIMIZER, **names.of(settings)))
        return _of_object(called.called(want=OPTIMIZER, **names.of(settings)))

    return Rule(begin, names.takes)


def _method(optimizer: Any) -> tuple[Called, str]:
    """Its method, and what the first parameter of that is called."""
    name = next((name for name in METHODS if callable(getattr(optimizer, name, None))), "")
    if not name:
        kind = type(optimizer).__name__
        raise Unreadable("step", f"made something of type {kind}", "an object with step or update")
    method = getattr(optimizer, name)
    return Called(name, method), _Names(method).first


def _of_holder(begin: Callable[[list[Array]], Any]) -> Step:
    """The steps of an object that is made with the arrays, and changes them in place by
    its method, which is given the gradients.
    """
    held: list[Array] = []
    methods: list[Called] = []

    def step(
        thetas: Sequence[Array], gradients: Sequence[Array], h: Settings, t: int
    ) -> list[Array]:
        if not methods:
            held[:] = [theta.copy() for theta in thetas]
            methods.append(_method(begin(held))[0])
        methods[0].called([g.copy() for g in gradients], want="arrays changed in place")
        return [array.copy() for array in held]

    return step


def _of_object(optimizer: Any) -> Step:
    """The steps of an object by its method, which is given both lists."""
    called, first = _method(optimizer)
    turn = -1 if first in GRADIENTS else 1

    def step(
        thetas: Sequence[Array], gradients: Sequence[Array], h: Settings, t: int
    ) -> list[Array]:
        arrays = [theta.copy() for theta in thetas]
        given = arrays, [g.copy() for g in gradients]
        returned = called.called(*given[::turn], want="theta")
        every = arrays if returned is None else per_layer(returned)
        if every is None or len(every) != len(arrays):
            raise Unreadable(called.where, f"returned {kind_of(returned)}", "one array for each")
        return [_after(called, *both) for both in zip(arrays, every, strict=True)]

    return step


def _of_torch(given: Callable[..., Any]) -> Rule:
    room = import_module("parity.steps.pytorch.autograd")
    names = _Names(given)

    def begin(settings: Settings) -> Step:
        called = Called("step", room.steps_of(given, names.of(settings)))
        return partial(called.called, want="theta")

    return Rule(begin, names.takes, changes_lr=True)


def _is_torch_s(given: type) -> bool:
    return any(each.__module__.startswith("torch.optim") for each in given.__mro__)


def _after(called: Called, given: Array, returned: Any) -> Array:
    """theta after the step: what is returned, or what was changed in place."""
    value = given if returned is None else returned
    return called.read(value, given.shape, name="theta")


class _Names:
    """The parameters of a function by their names."""

    def __init__(self, function: Callable[..., Any]) -> None:
        try:
            every = [*signature(function).parameters.values()]
        except ValueError:  # of some functions that are written in C there is none
            every = []
        self.first = every[0].name if every else ""
        self._names = {each.name for each in every}
        self._any = any(each.kind is Parameter.VAR_KEYWORD for each in every)

    def takes(self, name: str) -> bool:
        """Whether it can be given a setting."""
        return bool(self.of({name: (0.0, 0.0)}))

    def of(self, settings: Settings) -> dict[str, Any]:
        """The settings that it can be given, by its own names."""
        return dict(pair for name in settings for pair in self._pairs(name, settings[name]))

    def _pairs(self, name: str, value: Any) -> Iterable[tuple[str, Any]]:
        if name in self._names:
            return [(name, value)]
        other = next((each for each, is_for in OTHERWISE.items() if is_for == name), "")
        if other in self._names:
            return [(other, value)]
        betas = next((each for each in BETAS if self._names.issuperset(each)), ())
        if name == "betas" and betas:
            return zip(betas, value, strict=True)
        return [(name, value)] if self._any and name not in ("state", "t") else []
