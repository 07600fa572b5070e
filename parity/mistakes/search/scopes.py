"""Where a mistake shows: a condition on a step of a training, as "only with more than 7
samples".
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from parity.steps.record import Spec


class Circumstances(NamedTuple):
    """What a scope can depend on: the spec of a step, and its number of samples."""

    spec: Spec
    samples: int


class Scope(NamedTuple):
    """A condition on a step: one of KINDS, and the name or number that it is about."""

    kind: str
    value: str | int

    def holds(self, here: Circumstances) -> bool:
        """Whether it holds of a step."""
        return KINDS[self.kind].holds(here, self.value)

    @property
    def words(self) -> str:
        """The condition as it is read."""
        return SHORTER.get(self, KINDS[self.kind].words.format(self.value))


class Kind(NamedTuple):
    """A kind of scope: whether it holds of a step with a value, and how it is said."""

    words: str
    holds: Callable[[Circumstances, Any], bool]


def _hidden(spec: Spec) -> list[str]:
    return [name for name, _ in spec.activations[:-1]]


# the simple ones first: of two that separate the same steps, the first is named
KINDS = {
    "optimizer": Kind("only with {}", lambda here, name: here.spec.optimizer == name),
    "setting": Kind("only with {}", lambda here, name: bool(here.spec.hyperparameters.get(name))),
    "loss": Kind("only with {}", lambda here, name: here.spec.loss == name),
    "output": Kind("only with {} outputs", lambda here, name: here.spec.activations[-1][0] == name),
    "hidden": Kind("only with {} in a hidden layer", lambda here, name: name in _hidden(here.spec)),
    "samples over": Kind("only with more than {} samples", lambda here, n: here.samples > n),
    "samples under": Kind("only with fewer than {} samples", lambda here, n: here.samples < n),
    "steps over": Kind("only after step {}", lambda here, t: here.spec.step > t),
    "steps under": Kind("only before step {}", lambda here, t: here.spec.step < t),
    "depth over": Kind(
        "only with more than {} hidden layers", lambda here, d: len(here.spec.sizes) - 2 > d
    ),
    "depth under": Kind(
        "only with fewer than {} hidden layers", lambda here, d: len(here.spec.sizes) - 2 < d
    ),
    "without": Kind("only without {}", lambda here, name: not here.spec.hyperparameters.get(name)),
}
# scopes that have words of their own
SHORTER = {
    Scope("samples under", 2): "only with a single sample",
    Scope("samples over", 1): "only with more than one sample",
    Scope("steps under", 2): "only in the first step",
    Scope("steps over", 1): "only after the first step",
    Scope("depth over", 0): "only with hidden layers",
    Scope("depth over", 1): "only with more than one hidden layer",
    Scope("depth under", 1): "only without hidden layers",
    Scope("depth under", 2): "only with at most one hidden layer",
}
NUMBERS: dict[str, Callable[[Circumstances], int]] = {
    "samples": lambda here: here.samples,
    "steps": lambda here: here.spec.step,
    "depth": lambda here: len(here.spec.sizes) - 2,
}


def separating(
    inside: Sequence[Circumstances], outside: Sequence[Circumstances]
) -> Iterator[Scope]:
    """The scopes that hold of all steps inside and of none outside, simple ones
    first.
    """
    candidates = sorted(
        {*_names(inside[0]), *_limits(inside, outside)},
        key=lambda scope: ([*KINDS].index(scope.kind), str(scope.value)),
    )
    for scope in candidates:
        if all(map(scope.holds, inside)) and not any(map(scope.holds, outside)):
            yield scope


def _names(here: Circumstances) -> Iterator[Scope]:
    spec = here.spec
    yield Scope("optimizer", spec.optimizer)
    yield Scope("loss", spec.loss)
    yield Scope("output", spec.activations[-1][0])
    for name in _hidden(spec):
        yield Scope("hidden", name)
    for name, value in spec.hyperparameters.items():
        if name not in ("lr", "eps", "betas", "alpha"):
            yield Scope("setting" if value else "without", name)


def _limits(inside: Sequence[Circumstances], outside: Sequence[Circumstances]) -> Iterator[Scope]:
    for name, number in NUMBERS.items():
        numbers, others = [*map(number, inside)], [*map(number, outside)]
        yield Scope(f"{name} over", max(others, default=0))
        yield Scope(f"{name} under", min(others, default=max(numbers) + 1))
