"""A program with what it can do, and the tables of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from parity.checking.program.adapters import from_gradient, from_step

PLAIN = {"activations": "sigmoid", "losses": "mse", "optimizers": "sgd", "settings": ()}


class Spelling(NamedTuple):
    """A right program and its declaration. `follows` are the conventions that it has,
    by name; `besides` is what else may be said of it: the verdict of such a finding.
    """

    run: Callable[..., Any]
    declared: dict[str, Any]
    follows: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()


class Spellings(dict[str, Spelling]):
    """Programs by name; what is not declared is as in PLAIN, outputs are as the
    activations.
    """

    def add(self, follows=(), besides=(), name="", adapted=lambda run: run, **declared):
        """Enter a function run(case)."""

        def enter(function):
            known = {**PLAIN, **declared}
            known.setdefault("outputs", known["activations"])
            program = adapted(function)
            self[name or function.__name__.replace("_", " ")] = Spelling(
                program, known, follows, besides
            )
            return function

        return enter

    def gradient(self, **declared):
        """Enter a function gradient(W, b, x, y)."""
        return self.add(adapted=from_gradient, **declared)

    def step(self, **declared):
        """Enter a function step(W, b, x, y, lr)."""
        return self.add(adapted=from_step, **declared)
